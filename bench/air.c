/* How fast the air is, host and link layer both in the loop, one core: `build/bench/air`. */
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

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = { WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_NOTIFY, 0) };
enum { VALUE = 12 };

static void stream(struct device *d)
{
    static const uint8_t value[20] = { 1 };
    while (woad_gatt_notify(d->host, d->conn, VALUE, value, sizeof value) == 0) {
    }
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct device *d = ctx;
    if (ev->type == WOAD_EV_UP) {
        woad_own_address(h, &d->addr);
    } else if (ev->type == WOAD_EV_CONNECT) {
        d->conn = ev->conn;
        d->streams = !ev->u.connect.central;
        if (d->streams && w.as_fast_as_can_be) {
            stream(d);
        }
    } else if (ev->type == WOAD_EV_DISCONNECT) {
        d->streams = false;
        d->conn = WOAD_NO_CONN;
    } else if (ev->type == WOAD_EV_TX_READY && d->streams && w.as_fast_as_can_be) {
        stream(d);
    } else if (ev->type == WOAD_EV_NOTIFIED || ev->type == WOAD_EV_REPORT) {
        d->got++;
    }
}

static void sniff(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    (void)p;
    w.pdus++;
}

static void pump(struct device *d)
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

static void world(size_t devices, int32_t apart_mm)
{
    static const struct woad_feature *const all[] = { &woad_advertiser, &woad_scanner,
        &woad_central, &woad_gatt_server, &woad_gatt_client, NULL };
    struct woad_air_config air = { .seed = 1, .sniff = sniff };
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
        struct woad_config host = { .features = all, .event = on_event, .ctx = d, .conns = 1,
            .attr_tables = 1, .subscriptions = 1, .procedures = 1, .mtu = 64, .tx_queue = 512,
            .request_queue = 66 };
        struct woad_air_controller_config c = { .address = { (uint8_t)k, (uint8_t)(k >> 8), 1, 2, 3,
            4 }, .x_mm = (int32_t)(k % side) * apart_mm, .y_mm = (int32_t)(k / side) * apart_mm,
            .conns = 1, .acl_count = 12, .acl_len = 251, .queue = 4096, .user = d };
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
static void run_us(uint64_t us)
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

static double cpu(void) { return (double)clock() / CLOCKS_PER_SEC; }

static void join(struct device *p, struct device *c, uint16_t interval)
{
    struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    struct woad_connect_params params = { 160, 160, interval, interval, 0, 600, 0 };
    woad_adv_start(p->host, &adv);
    woad_connect(c->host, &p->addr, &params);
    pump(p);
    pump(c);
}

/* Two devices, notifications as fast as the link takes them. */
static void two(double *x_realtime, double *ll_pdu_per_s)
{
    enum { SECONDS = 2000 };
    world(2, 1000);
    w.as_fast_as_can_be = true;
    join(&w.d[0], &w.d[1], 6);
    run_us(1000000);
    unsigned long before = w.d[1].got, pdus = w.pdus;
    double began = cpu();
    for (int n = 0; n < SECONDS; n++) {
        run_us(1000000);
    }
    double took = cpu() - began;
    printf("two devices streaming: %lu notifications/s of the air, %.0f x real time, "
           "%.0f LL PDU/s of CPU\n", (w.d[1].got - before) / SECONDS, SECONDS / took,
           (double)(w.pdus - pdus) / took);
    *x_realtime = SECONDS / took;
    *ll_pdu_per_s = (double)(w.pdus - pdus) / took;
}

/* Half of them advertise every 100 ms, 1,000 are in 500 connections with a notification in every
 * event, the others scan. */
/* Returns how much faster than real time. */
static double many(size_t devices, unsigned seconds)
{
    struct woad_adv_params adv = { .kind = WOAD_ADV_NONCONN_IND, .interval_625us = 160 };
    struct woad_scan_params scan = { 2048, 18, false, false, 0, false };
    size_t links = devices / 20;
    world(devices, 10000);
    size_t joined = 0;
    for (int tries = 0; tries < 100 && joined < links; tries++) {
        size_t asked = 0;
        for (size_t k = 0; k < links; k++) {
            bool up = w.d[2 * k].streams && w.d[2 * k + 1].conn != WOAD_NO_CONN;
            if (!up && asked++ < 40) {
                join(&w.d[2 * k], &w.d[2 * k + 1], 40);
            }
        }
        run_us(1000000);
        joined = 0;
        for (size_t k = 0; k < links; k++) {
            joined += w.d[2 * k].streams && w.d[2 * k + 1].conn != WOAD_NO_CONN;
        }
    }
    for (size_t k = 2 * links; k < devices; k++) {
        if (k < 2 * links + devices / 2) {
            woad_adv_start(w.d[k].host, &adv);
        } else {
            woad_scan_start(w.d[k].host, &scan);
        }
        pump(&w.d[k]);
    }
    run_us(1000000);
    unsigned long pdus = w.pdus, got = 0;
    double began = cpu();
    for (unsigned n = 0; n < seconds * 20; n++) {
        static const uint8_t value[20] = { 2 };
        for (size_t k = 0; k < links; k++) {
            struct device *p = &w.d[2 * k];
            if (p->streams) {
                woad_gatt_notify(p->host, p->conn, VALUE, value, sizeof value);
                pump(p);
            }
        }
        run_us(50000);
    }
    double took = cpu() - began;
    for (size_t k = 0; k < devices; k++) {
        got += w.d[k].got;
    }
    printf("%zu devices, %zu of %zu connections: %.2f x real time, %.0f LL PDU/s of the air, %.0f of "
           "CPU; %lu reports and notifications\n", devices, joined, links, seconds / took,
           (double)(w.pdus - pdus) / seconds, (double)(w.pdus - pdus) / took, got);
    return seconds / took;
}

/* air FILE: the figures as JSON, too. */
int main(int argc, char **argv)
{
    double two_x, pdus, many_x;
    two(&two_x, &pdus);
    many(100, 20);
    many(1000, 10);
    many_x = many(10000, 4);
    FILE *f = argc > 1 ? fopen(argv[1], "w") : NULL;
    if (f) {
        fprintf(f, "{\"air\": {\"ll_pdu_per_s\": %.0f, \"two_devices_x_realtime\": %.0f, "
                "\"devices_10000_x_realtime\": %.2f}}\n", pdus, two_x, many_x);
        fclose(f);
    }
    return 0;
}
