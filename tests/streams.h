/* L2CAP channels that carry known octets both ways.  They check that each SDU arrives once, in
 * order, with its length and its octets. */
#ifndef WOAD_TESTS_STREAMS_H
#define WOAD_TESTS_STREAMS_H

#include "cm.h"

#include "world.h"

#include <stdlib.h>
#include <string.h>

enum { ENDS = 250, SDU_MAX = 65535 };
/* Manners of receiving: woad_coc_read() at once; woad_coc_receive() of whole SDUs, or of parts;
 * woad_coc_read() at times. */
enum { READS, RECEIVES, RECEIVES_PARTS, READS_LATE, MANNERS };

struct end {
    struct device *d;
    struct end *other;
    uint16_t conn, cid, psm, mps, mtu; /* as for woad_coc_connect() */
    uint8_t id;                        /* seeds the pattern of what this end sends */
    int manner;                        /* how this end receives: READS, … */
    /* requested: the channel has a CID; sending: an SDU has no WOAD_EV_COC_SENT yet. */
    bool credits_per_sdu, requested, open, closed, sending;
    int status;                                     /* of the end */
    unsigned sdus;                                  /* to send in all */
    size_t (*len)(const struct end *e, unsigned n); /* length of the n-th SDU */
    uint8_t *rx, *out, *in; /* the host's memory for the channel; an SDU each way */
    size_t rx_size;
    unsigned sent, got;                     /* in SDUs */
    uint64_t sent_octets, got_octets, here; /* here: of the incoming SDU */
};

static struct end ends[ENDS];
static size_t n_ends;

/* Octet `at` of the concatenation of all SDUs that an end sends. */
static inline uint8_t pattern(const struct end *e, uint64_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7 + (at >> 16) * 3 + e->id);
}

/* Returns the end that has this channel. */
static inline struct end *end_of(const struct device *d, uint16_t conn, uint16_t cid)
{
    for (size_t n = 0; n < n_ends; n++) {
        struct end *e = &ends[n];
        if (e->d == d && e->conn == conn && e->cid == cid && e->requested && !e->closed) {
            return e;
        }
    }
    return NULL;
}

/* Returns an end that waits for a request with this PSM. */
static inline struct end *end_waiting(const struct device *d, uint16_t conn, uint16_t psm)
{
    for (size_t n = 0; n < n_ends; n++) {
        struct end *e = &ends[n];
        if (e->d == d && e->conn == conn && e->psm == psm && !e->requested && !e->closed) {
            return e;
        }
    }
    return NULL;
}

/* Sends SDUs until the host is busy with one, or all are sent. */
static inline void end_send(struct end *e)
{
    while (e->open && !e->sending && e->sent < e->sdus) {
        size_t len = e->len(e, e->sent);
        for (size_t n = 0; n < len; n++) {
            e->out[n] = pattern(e, e->sent_octets + n);
        }
        assert_int_equal(woad_coc_send(e->d->host, e->conn, e->cid, e->out, len), 0);
        assert_int_equal(woad_coc_send(e->d->host, e->conn, e->cid, e->out, len), WOAD_EAGAIN);
        e->sending = true;
    }
}

/* Checks n octets that have arrived; `end`: they end an SDU. */
static inline void end_got(struct end *e, const uint8_t *p, size_t n, bool end)
{
    size_t wrong = 0;
    for (size_t m = 0; m < n; m++) {
        wrong += p[m] != pattern(e->other, e->got_octets + m);
    }
    assert_int_equal(wrong, 0);
    e->got_octets += n;
    e->here += n;
    if (end) {
        assert_int_equal(e->here, e->other->len(e->other, e->got));
        e->here = 0;
        e->got++;
    }
}

/* Reads all that has arrived, in parts. */
static inline void end_read(struct end *e)
{
    uint8_t part[700];
    for (;;) {
        bool end;
        int n =
            woad_coc_read(e->d->host, e->conn, e->cid, part, 1 + e->got_octets % sizeof part, &end);
        assert_true(n >= 0);
        end_got(e, part, (size_t)n, end);
        if (!n && !end) {
            break;
        }
    }
}

/* Gives the host a buffer for the next SDU, if this end receives so. */
static inline void end_receive(struct end *e)
{
    size_t room = e->manner == RECEIVES ? SDU_MAX : 1 + e->got_octets % 999;
    if (e->open && (e->manner == RECEIVES || e->manner == RECEIVES_PARTS)) {
        assert_int_equal(woad_coc_receive(e->d->host, e->conn, e->cid, e->in, room), 0);
    }
}

/* Marks an end as closed and frees its buffers. */
static inline void end_gone(struct end *e, int status)
{
    e->open = false;
    e->closed = true;
    e->status = status;
    free(e->rx); /* a sanitizer reports a later write */
    free(e->out);
    free(e->in);
    e->rx = e->out = e->in = NULL;
}

/* Event callback of hosts with channels: accepts, sends, receives and checks. */
static inline void on_stream(struct device *d, const struct woad_event *ev)
{
    bool of_data = ev->type == WOAD_EV_COC_DATA || ev->type == WOAD_EV_COC_RECEIVED ||
                   ev->type == WOAD_EV_COC_SENT;
    uint16_t cid = of_data ? ev->u.coc_data.cid : ev->u.coc.cid;
    struct end *e;
    device_forget(d);
    if (ev->type < WOAD_EV_COC_REQUEST || ev->type > WOAD_EV_COC_SENT) {
        return;
    }
    if (ev->type == WOAD_EV_COC_REQUEST) {
        e = end_waiting(d, ev->conn, ev->u.coc.psm);
        assert_non_null(e);
        e->cid = ev->u.coc.cid;
        e->requested = true;
        assert_int_equal(woad_coc_accept(d->host, e->conn, e->cid, e->rx, e->rx_size), 0);
        return;
    }
    e = end_of(d, ev->conn, cid);
    assert_non_null(e);
    if (ev->type == WOAD_EV_COC_OPEN) {
        e->open = true;
        end_receive(e);
        end_send(e);
    } else if (ev->type == WOAD_EV_COC_DATA) {
        if (e->manner == READS) {
            end_read(e);
        }
    } else if (ev->type == WOAD_EV_COC_RECEIVED) {
        assert_ptr_equal(ev->u.coc_data.data, e->in);
        end_got(e, ev->u.coc_data.data, ev->u.coc_data.len, ev->u.coc_data.end);
        end_receive(e);
    } else if (ev->type == WOAD_EV_COC_SENT) {
        uint8_t packet[300];
        assert_int_equal(woad_tx(d->host, packet, sizeof packet), 0); /* it is running */
        assert_ptr_equal(ev->u.coc_data.data, e->out);
        e->sending = false;
        e->sent_octets += ev->u.coc_data.len;
        e->sent++;
        end_send(e);
    } else if (ev->type == WOAD_EV_COC_CLOSED) {
        if (!e->other->requested && !e->other->closed) {
            end_gone(e->other, ev->u.coc.status); /* no request for it will arrive */
        }
        end_gone(e, ev->u.coc.status);
    }
}

/* Creates an end, which the caller connects or which waits for a request with its PSM. */
static inline struct end *end_new(struct device *d, uint16_t conn, uint16_t psm, size_t rx_size)
{
    assert_true(n_ends < ENDS);
    struct end *e = &ends[n_ends++];
    *e = (struct end){ .d = d,
                       .conn = conn,
                       .psm = psm,
                       .mtu = SDU_MAX,
                       .rx_size = rx_size,
                       .id = (uint8_t)(n_ends * 5),
                       .rx = malloc(rx_size),
                       .out = malloc(SDU_MAX),
                       .in = malloc(SDU_MAX) };
    d->on_event = on_stream;
    return e;
}

/* Frees all ends. */
static inline void ends_forget(void)
{
    for (size_t n = 0; n < n_ends; n++) {
        if (!ends[n].closed) {
            end_gone(&ends[n], 0);
        }
    }
    n_ends = 0;
}

/* Parameters for woad_coc_listen() and woad_coc_connect(). */
static inline struct woad_coc_params end_params(const struct end *e)
{
    return (struct woad_coc_params){
        .psm = e->psm, .mtu = e->mtu, .mps = e->mps, .credits_per_sdu = e->credits_per_sdu
    };
}

/* Runs until all SDUs have arrived; false after `most_us`.  READS_LATE ends are read every 20
 * ms. */
static inline bool streams_run(struct world *w, uint64_t most_us)
{
    uint64_t until = woad_air_now(w->air) + most_us;
    for (bool done = false; !done && woad_air_now(w->air) < until;) {
        done = true;
        world_run(w, 20000);
        for (size_t n = 0; n < n_ends; n++) {
            struct end *e = &ends[n];
            if (e->open && e->manner == READS_LATE) {
                end_read(e);
            }
            done = done && (e->closed || (e->open && e->sent == e->sdus && !e->sending &&
                                          e->got == e->other->sdus));
        }
        if (done) {
            return true;
        }
    }
    return false;
}

/* Creates a host with L2CAP channels. */
static inline struct device *channels_host(struct world *w, uint8_t conns, uint16_t channels,
                                           uint16_t mps)
{
    static const struct woad_feature *const with[] = {
        &woad_feature_advertiser,        &woad_feature_scanner,
        &woad_feature_central,           &woad_feature_gatt_server,
        &woad_feature_long_values,       &woad_feature_read_multiple,
        &woad_feature_signed_writes,     &woad_feature_pipelining,
        &woad_feature_type_index,        &woad_feature_gatt_client,
        &woad_feature_link_control,      &woad_feature_l2cap_channels,
        &woad_feature_enhanced_channels, NULL
    };
    struct woad_config host = world_host_config(conns);
    host.features = with;
    host.mtu = 247;
    host.l2cap_channels = channels;
    host.psms = 8;
    host.mps = mps;
    return world_add_config(w, host, world_controller_config(w, conns));
}

/* Connects `d` to `to` with this interval (1.25 ms) and returns both sides' numbers. */
static inline void channels_join(struct world *w, struct device *d, struct device *to,
                                 uint16_t interval, uint16_t *conn, uint16_t *its)
{
    static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    struct woad_connect_params p = { 16, 16, interval, interval, 0, 600, 20000 };
    for (int tries = 0; tries < 20; tries++) {
        d->on_event = to->on_event = NULL;
        device_forget(d);
        device_forget(to);
        int err = woad_adv_start(to->host, &fast);
        assert_true(err == 0);
        assert_int_equal(woad_connect(d->host, &to->addr, &p), 0);
        const struct seen *mine = world_wait(w, d, WOAD_EV_CONNECT, 20000000);
        assert_non_null(mine);
        world_run(w, 500000);
        const struct seen *theirs = device_find(to, WOAD_EV_CONNECT);
        if (theirs && !device_find(d, WOAD_EV_DISCONNECT)) {
            *conn = mine->ev.conn;
            *its = theirs->ev.conn;
            return;
        }
        world_run(w, 7000000); /* CONNECT_IND was lost */
    }
    fail();
}

/* Switches to the 2M PHY. */
static inline void channels_fast(struct world *w, struct device *d, uint16_t conn)
{
    assert_int_equal(woad_link_set_phy(d->host, conn, WOAD_PHYS_2M, WOAD_PHYS_2M, WOAD_CODING_ANY),
                     0);
    world_run(w, 1000000);
}

#endif
