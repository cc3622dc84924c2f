/* Hosts on controllers of one air, in virtual time, for the benches. */
#ifndef WOAD_BENCH_DEVICES_H
#define WOAD_BENCH_DEVICES_H

#include <woad/air.h>
#include <woad/hci.h>
#include <woad/woad.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct device {
    struct woad *host;
    struct woad_air_controller *ctl;
    struct woad_addr addr;
    uint16_t conn;
    bool streams;
    unsigned long got;
    uint64_t poll_at;
};

static struct {
    struct woad_air *air;
    struct device *d;
    size_t n;
    unsigned long pdus;
    bool as_fast_as_can_be;
} w;

static uint16_t w_loss;                    /* of packets, per mille */
static const struct woad_crypto *w_crypto; /* of the controllers */
static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_NOTIFY | WOAD_PROP_WRITE, WOAD_PERM_WRITE)
};
enum { VALUE = 12 };

static inline void sniff(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    (void)p;
    w.pdus++;
}

/* What each bench wants to know of its devices. */
static inline void keep(struct device *d, const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_UP) {
        woad_own_address(d->host, &d->addr);
    } else if (ev->type == WOAD_EV_CONNECT) {
        d->conn = ev->conn;
    } else if (ev->type == WOAD_EV_DISCONNECT) {
        d->conn = WOAD_NO_CONN;
    }
}

static inline void pump(struct device *d)
{
    uint8_t p[300];
    size_t n;
    bool any;
    do {
        any = false;
        while ((n = woad_tx(d->host, p, sizeof p)) > 0) {
            woad_air_rx(d->ctl, p, n);
            any = true;
        }
        while ((n = woad_air_tx(d->ctl, p, sizeof p)) > 0) {
            woad_rx(d->host, p, n);
            any = true;
        }
    } while (any);
}

/* So many devices in a square, `apart_mm` from each other, up, with the database. */
static inline void world(size_t devices, int32_t apart_mm, const struct woad_config *config)
{
    struct woad_air_config air = { .seed = 1, .sniff = sniff, .loss_per_mille = w_loss };
    size_t side = 1;
    while (side * side < devices) {
        side++;
    }
    memset(&w, 0, sizeof w);
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
    w.d = calloc(devices, sizeof *w.d);
    w.n = devices;
    for (size_t k = 0; k < devices; k++) {
        struct device *d = &w.d[k];
        struct woad_config host = *config;
        host.ctx = d;
        struct woad_air_controller_config c = { .address = { (uint8_t)k, (uint8_t)(k >> 8), 1, 2, 3,
                                                             4 },
                                                .x_mm = (int32_t)(k % side) * apart_mm,
                                                .y_mm = (int32_t)(k / side) * apart_mm,
                                                .conns = 1,
                                                .acl_count = 12,
                                                .acl_len = 251,
                                                .queue = 4096,
                                                .crypto = w_crypto,
                                                .user = d };
        d->host = woad_init(malloc(woad_size(&host)), woad_size(&host), &host);
        d->ctl = woad_air_attach(w.air, malloc(woad_air_controller_size(&c)),
                                 woad_air_controller_size(&c), &c);
        woad_poll(d->host, 0);
        woad_start(d->host);
        d->conn = WOAD_NO_CONN;
        pump(d);
        woad_gatt_add(d->host, db, 4, NULL);
    }
}

/* Lets time pass; hosts are served whenever their controller has something for them. */
static inline void run_us(uint64_t us)
{
    uint64_t end = woad_air_now(w.air) + us;
    struct woad_air_controller *c;
    for (uint64_t at = woad_air_now(w.air); at < end;) {
        at = woad_air_next(w.air);
        at = at < end ? at : end;
        woad_air_step(w.air, at);
        while ((c = woad_air_ready(w.air)) != NULL) {
            pump(woad_air_user(c));
        }
    }
    for (size_t k = 0; k < w.n; k++) {
        woad_poll(w.d[k].host, (uint32_t)(end / 1000));
        pump(&w.d[k]);
    }
}

static inline double cpu(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static inline void join(struct device *p, struct device *c, uint16_t interval)
{
    struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    struct woad_connect_params params = { 160, 160, interval, interval, 0, 600, 0 };
    woad_adv_start(p->host, &adv);
    woad_connect(c->host, &p->addr, &params);
    pump(p);
    pump(c);
}

#endif
