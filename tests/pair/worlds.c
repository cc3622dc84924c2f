/* Without loss, distance or a command no connection is lost: random worlds of one to six
 * controllers, a minute of virtual time each, with all commands that the specification allows.
 * Packets do not collide, because a collision would be a loss.
 *
 *   SEEDS=n     worlds (40)
 *   FIRST=n     the first seed (1)
 *   VERBOSE=1   commands and events; 2: packets too
 *
 * A seed that fails is printed: FIRST=seed SEEDS=1 VERBOSE=1 runs it alone. */
#include "cm.h"

#include <woad/air.h>
#include <woad/crypto.h>
#include <woad/hci.h>

#include <stdio.h>

enum { DEVICES = 6, LINKS = 4, STREAMS = 6, MINUTE_US = 60000000 };
enum { LIMITED_RESOURCES = 0x0d };

struct device {
    struct woad_air_controller *c;
    void *mem;
    int number;
    bool link[LINKS], central[LINKS], encrypted[LINKS];
    int peer[LINKS];
    bool advertises, wanted, connects, scans, periodic_adv, big, syncs, synced, big_synced, group;
    bool stream[STREAMS], ends[STREAMS];
    unsigned credits, sdus;
};

static struct {
    struct woad_air *air;
    struct device d[DEVICES];
    int n;
    uint64_t chance, seed;
    int status; /* of the last command */
    unsigned lost, links, streams, syncs, bigs, refused;
    unsigned verbose;
} w;

static unsigned below(unsigned n)
{
    w.chance = w.chance * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(w.chance >> 33) % n;
}

static unsigned between(unsigned min_u32, unsigned most)
{
    return min_u32 + below(most - min_u32 + 1);
}

static void lost(const struct device *d, const char *what, unsigned handle, unsigned reason)
{
    w.lost++;
    print_message("seed %u, %.3f s: controller %d: %s, handle %03x, reason %02x\n",
                  (unsigned)w.seed, (double)woad_air_now(w.air) / 1e6, d->number, what, handle,
                  reason);
}

/* --- commands --------------------------------------------------------------------------------- */

struct pdu {
    uint8_t b[260];
    size_t n;
};

static void put(struct pdu *p, unsigned octets, uint64_t value)
{
    for (unsigned k = 0; k < octets; k++) {
        p->b[p->n++] = (uint8_t)value;
        value >>= 8;
    }
}

static void put_address(struct pdu *p, int number)
{
    put(p, 6, 0x060504030200ull | (unsigned)(number + 1));
}

static void drain(struct device *d);

static int send_command(struct device *d, unsigned opcode, const struct pdu *params)
{
    uint8_t b[264] = { 1, (uint8_t)opcode, (uint8_t)(opcode >> 8), (uint8_t)params->n };
    memcpy(b + 4, params->b, params->n);
    w.status = -1;
    woad_air_rx(d->c, b, 4 + params->n);
    drain(d);
    if (w.verbose) {
        print_message("%.6f  %d: command %04x:", (double)woad_air_now(w.air) / 1e6, d->number,
                      opcode);
        for (size_t k = 0; k < params->n && k < 40; k++) {
            print_message(" %02x", params->b[k]);
        }
        print_message(" -> %02x\n", (unsigned)w.status);
    }
    w.refused += w.status == LIMITED_RESOURCES;
    return w.status;
}

/* --- events ----------------------------------------------------------------------------------- */

static unsigned le16(const uint8_t *p)
{
    return p[0] | (unsigned)p[1] << 8;
}

static void on_connected(struct device *d, const uint8_t *e)
{
    unsigned i = le16(e + 1) - 0x40;
    d->connects = d->connects && e[3] != 0;
    if (e[0] || i >= LINKS) {
        return;
    }
    d->link[i] = true;
    d->central[i] = e[3] == 0;
    d->encrypted[i] = false;
    d->peer[i] = e[5] - 1;
    d->advertises = d->advertises && e[3] == 0;
    d->wanted = d->wanted && e[3] == 0;
    w.links += d->central[i];
}

static void on_disconnected(struct device *d, const uint8_t *e)
{
    unsigned handle = le16(e + 1), s = handle - 0x100;
    if (s < STREAMS) {
        d->stream[s] = d->ends[s] = false;
        if (e[3] != WOAD_HCI_REMOTE_USER_TERMINATED && e[3] != WOAD_HCI_LOCAL_HOST_TERMINATED) {
            lost(d, "stream lost", handle, e[3]);
        }
        return;
    }
    if (handle - 0x40 < LINKS) {
        d->link[handle - 0x40] = false;
    }
    lost(d, "connection lost", handle, e[3]);
}

static bool lost_reason(uint8_t status)
{
    return status == WOAD_HCI_CONNECTION_TIMEOUT || status == WOAD_HCI_FAILED_TO_ESTABLISH ||
           status == WOAD_HCI_INSTANT_PASSED;
}

static void path(struct device *d, unsigned handle)
{
    struct pdu p = { .n = 0 };
    put(&p, 2, handle);
    put(&p, 2, 0);
    put(&p, 1, 3);
    put(&p, 4, 0);
    put(&p, 4, 0);
    send_command(d, 0x206e, &p);
}

static void on_cis_established(struct device *d, const uint8_t *e)
{
    unsigned handle = le16(e + 1);
    if (lost_reason(e[0])) {
        lost(d, "stream not established", handle, e[0]);
    }
    if (!e[0] && handle - 0x100 < STREAMS) {
        d->stream[handle - 0x100] = true;
        d->ends[handle - 0x100] = false;
        w.streams++;
        path(d, handle);
    }
}

static void on_le_event(struct device *d, uint8_t sub, const uint8_t *e)
{
    struct pdu p = { .n = 0 };
    if (sub == 0x0a) {
        on_connected(d, e);
    } else if (sub == 0x05) {
        put(&p, 2, le16(e));
        put(&p, 8, 0x1122334455667788ull);
        put(&p, 8, 0x99aabbccddeeff00ull);
        send_command(d, 0x201a, &p);
    } else if (sub == 0x06) {
        put(&p, 2, le16(e));
        memcpy(p.b + 2, e + 2, 8);
        p.n = 10;
        put(&p, 4, 0);
        send_command(d, 0x2020, &p);
    } else if (sub == 0x1a) {
        put(&p, 2, le16(e + 2));
        send_command(d, 0x2066, &p);
    } else if (sub == 0x19) {
        on_cis_established(d, e);
    } else if (sub == 0x0e) {
        d->syncs = false;
        d->synced = !e[0];
        w.syncs += !e[0];
        if (e[0]) {
            lost(d, "not synchronised", le16(e + 1), e[0]);
        }
    } else if (sub == 0x10) {
        lost(d, "sync lost", le16(e), 0);
    } else if (sub == 0x1d && lost_reason(e[0])) {
        lost(d, "BIG not established", e[1], e[0]);
    } else if (sub == 0x1d && !e[0]) {
        w.bigs++;
    } else if (sub == 0x1e) {
        lost(d, "BIG lost", e[0], e[1]);
    }
}

static void on_packet(struct device *d, const uint8_t *b, size_t len)
{
    if (b[0] != 4) {
        return;
    }
    if (w.verbose && b[1] != 0x0e && b[1] != 0x0f && b[1] != 0x13 &&
        (b[1] != 0x3e || (b[3] != 0x0d && b[3] != 0x0f))) {
        print_message("%.6f  %d: event", (double)woad_air_now(w.air) / 1e6, d->number);
        for (size_t k = 1; k < len && k < 34; k++) {
            print_message(" %02x", b[k]);
        }
        print_message("\n");
    }
    if (b[1] == 0x0e) {
        w.status = b[6];
    } else if (b[1] == 0x0f) {
        w.status = b[3];
    } else if (b[1] == 0x05) {
        on_disconnected(d, b + 3);
    } else if (b[1] == 0x13) {
        unsigned *back = le16(b + 4) >= 0x100 ? &d->sdus : &d->credits;
        *back += le16(b + 6);
    } else if (b[1] == 0x3e) {
        on_le_event(d, b[3], b + 4);
    }
}

static void drain(struct device *d)
{
    uint8_t b[WOAD_AIR_PACKET];
    size_t len;
    while ((len = woad_air_tx(d->c, b, sizeof b)) > 0) {
        on_packet(d, b, len);
    }
}

static void run_until(uint64_t end)
{
    struct woad_air_controller *c;
    while ((c = woad_air_until(w.air, end)) != NULL) {
        drain(woad_air_user(c));
    }
}

/* --- random commands of hosts ----------------------------------------------------------------- */

/* Parameters that Vol 4, Part E, 7.8.12 allows: mostly common ones, sometimes at the edge. */
static void put_connection_params(struct pdu *p)
{
    unsigned kind = below(8);
    unsigned interval;
    if (kind < 3) {
        interval = between(6, 24);
    } else if (kind < 6) {
        interval = between(24, 100);
    } else {
        interval = kind < 7 ? between(100, 400) : between(400, 1600);
    }
    unsigned latency = below(3) ? 0 : below(5);
    /* in 10 ms: twice the interval times 1 + latency */
    unsigned min_u32 = (1 + latency) * interval / 4 + 1;
    min_u32 = min_u32 < 10 ? 10 : min_u32;
    unsigned timeout = below(4) ? min_u32 * 3 + below(600) : min_u32 + below(min_u32);
    put(p, 2, interval);
    put(p, 2, interval);
    put(p, 2, latency);
    put(p, 2, timeout < 3200 ? timeout : 3200);
    put(p, 4, 0);
}

static void act_advertise(struct device *d)
{
    bool legacy = below(2);
    struct pdu p = { .n = 0 };
    if (d->advertises) {
        return;
    }
    put(&p, 1, 1);
    put(&p, 2, legacy ? 0x13 : 0x01);
    put(&p, 3, 32 + below(200));
    put(&p, 3, 232 + below(200));
    put(&p, 1, 7);
    put(&p, 8, 0);
    put(&p, 1, 0);
    put(&p, 1, 127);
    put(&p, 1, 1);
    put(&p, 1, 0);
    put(&p, 1, legacy ? 1 : 1 + below(3));
    put(&p, 2, 0);
    if (send_command(d, 0x2036, &p)) {
        return;
    }
    p.n = 0;
    put(&p, 2, 0x0101);
    put(&p, 4, 0x00000001);
    d->advertises = send_command(d, 0x2039, &p) == 0;
}

static bool connect_with_features(const struct device *d, int peer)
{
    for (int i = 0; i < LINKS; i++) {
        if (d->link[i] && d->peer[i] == peer) {
            return true;
        }
    }
    return false;
}

static void act_connect(struct device *d)
{
    int peer = (int)below((unsigned)w.n);
    struct pdu p = { .n = 0 };
    if (peer == d->number || connect_with_features(d, peer) || d->connects || d->scans ||
        d->syncs || w.d[peer].wanted) {
        return;
    }
    put(&p, 3, 0);
    put_address(&p, peer);
    put(&p, 1, 1);
    put(&p, 2, 0x40);
    put(&p, 2, below(2) ? 0x40 : 0x30);
    put_connection_params(&p);
    d->connects = send_command(d, 0x2043, &p) == 0;
    if (d->connects) {
        w.d[peer].wanted = true; /* a second CONNECT_IND would be lost */
        act_advertise(&w.d[peer]);
    }
}

/* A connection of this controller, -1: it has none. */
static int any_link(const struct device *d)
{
    int first = (int)below(LINKS);
    for (int k = 0; k < LINKS; k++) {
        int i = (first + k) % LINKS;
        if (d->link[i]) {
            return i;
        }
    }
    return -1;
}

static void act_update(struct device *d, int i)
{
    struct pdu p = { .n = 0 };
    put(&p, 2, 0x40u + (unsigned)i);
    put_connection_params(&p);
    send_command(d, 0x2013, &p);
}

static void act_subrate(struct device *d, int i)
{
    struct pdu p = { .n = 0 };
    unsigned factor = 1 + below(6);
    put(&p, 2, 0x40u + (unsigned)i);
    put(&p, 2, factor);
    put(&p, 2, factor);
    put(&p, 2, below(2));
    put(&p, 2, below(factor));
    put(&p, 2, 200 + below(1000));
    send_command(d, 0x207e, &p);
}

static void act_phy(struct device *d, int i)
{
    struct pdu p = { .n = 0 };
    put(&p, 2, 0x40u + (unsigned)i);
    put(&p, 1, 0);
    put(&p, 1, 1 + below(7));
    put(&p, 1, 1 + below(7));
    put(&p, 2, below(3));
    send_command(d, 0x2032, &p);
}

static void act_length(struct device *d, int i)
{
    struct pdu p = { .n = 0 };
    put(&p, 2, 0x40u + (unsigned)i);
    put(&p, 2, between(27, 251));
    put(&p, 2, between(328, 17040));
    send_command(d, 0x2022, &p);
}

static void act_channels(struct device *d)
{
    struct pdu p = { .n = 0 };
    put(&p, 5, 0x0400000041ull | (uint64_t)below(0x7fffffff) << 4);
    send_command(d, 0x2014, &p);
}

static void act_encrypt(struct device *d, int i)
{
    struct pdu p = { .n = 0 };
    put(&p, 2, 0x40u + (unsigned)i);
    put(&p, 10, 0);
    p.n = 12;
    put(&p, 8, 0x1122334455667788ull);
    put(&p, 8, 0x99aabbccddeeff00ull);
    if (d->central[i]) {
        d->encrypted[i] = send_command(d, 0x2019, &p) == 0;
    }
}

static void act_data(struct device *d, int i)
{
    unsigned len = between(5, 251), n = 1 + below(4);
    uint8_t b[260] = { 2, (uint8_t)(0x40 + i), 0, (uint8_t)len, 0, (uint8_t)(len - 4), 0, 0x40 };
    for (; n && d->credits; n--, d->credits--) {
        woad_air_rx(d->c, b, 5 + len);
    }
}

/* Read Remote Features, Version, Read Transmit Power, SCA */
static void act_ask(struct device *d, int i)
{
    static const uint16_t opcodes[] = { 0x2016, 0x041d, 0x206d };
    struct pdu p = { .n = 0 };
    put(&p, 2, 0x40u + (unsigned)i);
    send_command(d, opcodes[below(3)], &p);
}

static void act_group(struct device *d)
{
    static const uint16_t intervals[] = { 7500, 10000, 20000, 30000 };
    unsigned interval = intervals[below(4)], n = 1 + below(2);
    struct pdu p = { .n = 0 };
    if (d->group) {
        return;
    }
    put(&p, 1, 1);
    put(&p, 3, interval);
    put(&p, 3, interval);
    put(&p, 3, 0);
    put(&p, 2, 20);
    put(&p, 2, 20);
    put(&p, 1, n);
    for (unsigned k = 0; k < n; k++) {
        put(&p, 1, k + 1);
        put(&p, 2, below(5) ? between(20, 120) : 0);
        put(&p, 2, between(20, 120));
        put(&p, 1, 1 + below(2));
        put(&p, 1, 1 + below(2));
        put(&p, 1, below(14));
        put(&p, 1, below(14));
    }
    d->group = send_command(d, 0x2062, &p) == 0;
}

static void act_stream(struct device *d, int i)
{
    unsigned s = below(2);
    struct pdu p = { .n = 0 };
    act_group(d);
    if (d->central[i] && d->group && !d->stream[s]) {
        put(&p, 1, 1);
        put(&p, 2, 0x100 + s);
        put(&p, 2, 0x40u + (unsigned)i);
        send_command(d, 0x2064, &p);
    }
}

static void act_end_stream(struct device *d)
{
    unsigned s = below(STREAMS);
    struct pdu p = { .n = 0 };
    if (d->stream[s] && !d->ends[s]) {
        d->ends[s] = true;
        put(&p, 2, 0x100 + s);
        put(&p, 1, WOAD_HCI_REMOTE_USER_TERMINATED);
        send_command(d, 0x0406, &p);
    }
}

static void act_sdu(struct device *d)
{
    for (unsigned s = 0; s < STREAMS; s++) {
        uint8_t b[40] = { 5, (uint8_t)s, 0x21, 4 + 20, 0, 0, 0, 20, 0 };
        if ((d->stream[s] || d->big) && d->sdus) {
            d->sdus -= woad_air_rx(d->c, b, 9 + 20) == 0;
        }
    }
}

static void act_periodic_adv(struct device *d)
{
    unsigned interval = below(2) ? 80 : between(80, 400);
    struct pdu p = { .n = 0 };
    if (d->periodic_adv) {
        return;
    }
    put(&p, 1, 5);
    put(&p, 2, 0);
    put(&p, 3, 160);
    put(&p, 3, 160);
    put(&p, 1, 7);
    put(&p, 8, 0);
    put(&p, 1, 0);
    put(&p, 1, 127);
    put(&p, 1, 1);
    put(&p, 1, 0);
    put(&p, 1, 1 + below(2));
    put(&p, 1, 9);
    put(&p, 1, 0);
    send_command(d, 0x2036, &p);
    p.n = 0;
    put(&p, 1, 5);
    put(&p, 2, interval);
    put(&p, 2, interval);
    put(&p, 2, 0);
    send_command(d, 0x203e, &p);
    p.n = 0;
    unsigned len = below(200);
    put(&p, 2, 0x0305);
    put(&p, 1, len);
    p.n += len;
    send_command(d, 0x203f, &p);
    p.n = 0;
    put(&p, 2, 0x0501);
    d->periodic_adv = send_command(d, 0x2040, &p) == 0;
    p.n = 0;
    put(&p, 3, 0x050101);
    put(&p, 3, 0);
    send_command(d, 0x2039, &p);
}

static void act_big(struct device *d)
{
    struct pdu p = { .n = 0 };
    act_periodic_adv(d);
    if (d->big || !d->periodic_adv) {
        return;
    }
    unsigned n = 1 + below(2);
    put(&p, 2, 0x0503);
    put(&p, 1, n);
    put(&p, 3, below(2) ? 10000 : 20000);
    put(&p, 2, between(20, 100));
    put(&p, 2, 20);
    put(&p, 1, below(5));
    put(&p, 1, 1 + below(2));
    put(&p, 3, 0);
    p.n += 16;
    d->big = send_command(d, 0x2068, &p) == 0;
    for (unsigned k = 0; d->big && k < STREAMS; k++) {
        path(d, 0x100 + k);
    }
}

static void act_scan(struct device *d, bool on)
{
    struct pdu p = { .n = 0 };
    if (on == d->scans || d->connects) {
        return;
    }
    put(&p, 2, 0);
    put(&p, 1, 1);
    put(&p, 1, 0); /* a SCAN_REQ may meet the CONNECT_IND of another */
    put(&p, 2, 0x50);
    put(&p, 2, below(2) ? 0x50 : 0x20);
    if (on) {
        send_command(d, 0x2041, &p);
    }
    p.n = 0;
    put(&p, 2, on);
    put(&p, 4, 0);
    if (send_command(d, 0x2042, &p) == 0) {
        d->scans = on;
    }
}

static void act_sync(struct device *d)
{
    int peer = (int)below((unsigned)w.n);
    struct pdu p = { .n = 0 };
    if (peer == d->number || !w.d[peer].periodic_adv || d->syncs || d->synced || d->connects) {
        return;
    }
    put(&p, 2, 0x0900);
    put(&p, 1, 0);
    put_address(&p, peer);
    put(&p, 2, below(3) ? 0 : 1);
    put(&p, 2, between(300, 1000));
    put(&p, 1, 0);
    d->syncs = send_command(d, 0x2044, &p) == 0;
    act_scan(d, true);
}

static void act_sync_big(struct device *d)
{
    struct pdu p = { .n = 0 };
    if (!d->synced || d->big_synced) {
        return;
    }
    put(&p, 1, 4);
    put(&p, 2, 0);
    put(&p, 1, 0);
    p.n += 16;
    put(&p, 1, 0);
    put(&p, 2, 100 + below(200));
    put(&p, 1, 1);
    put(&p, 1, 1);
    d->big_synced = send_command(d, 0x206b, &p) == 0;
}

static void act_on_link(struct device *d)
{
    int i = any_link(d);
    if (i < 0) {
        return;
    }
    switch (below(11)) {
    case 0: act_update(d, i); break;
    case 1: act_subrate(d, i); break;
    case 2: act_phy(d, i); break;
    case 3: act_length(d, i); break;
    case 4: act_encrypt(d, i); break;
    case 5:
    case 6: act_data(d, i); break;
    case 7: act_ask(d, i); break;
    case 8:
    case 9: act_stream(d, i); break;
    default: act_end_stream(d); break;
    }
}

static void act(struct device *d)
{
    switch (below(16)) {
    case 0: act_advertise(d); break;
    case 1:
    case 2: act_connect(d); break;
    case 3: act_channels(d); break;
    case 4: act_big(d); break;
    case 5: act_scan(d, !d->scans || d->syncs); break;
    case 6: act_sync(d); break;
    case 7: act_sync_big(d); break;
    case 8:
    case 9: act_sdu(d); break;
    default: act_on_link(d); break;
    }
}

/* --- worlds ----------------------------------------------------------------------------------- */

static void device_add(int k)
{
    struct device *d = &w.d[k];
    struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                              .x_mm = k * 1000,
                                              .conns = LINKS,
                                              .acl_count = 4,
                                              .acl_len = 251,
                                              .queue = 65000,
                                              .adv_sets = 3,
                                              .iso = STREAMS,
                                              .crypto = &woad_mbedtls,
                                              .user = d,
                                              .drift_ppm = (int16_t)((int)below(101) - 50) };
    struct pdu p = { .n = 0 };
    d->number = k;
    d->credits = d->sdus = 4;
    d->mem = malloc(woad_air_controller_size(&cfg));
    d->c = woad_air_attach(w.air, d->mem, woad_air_controller_size(&cfg), &cfg);
    assert_non_null(d->c);
    send_command(d, 0x0c03, &p);
    put(&p, 8, 0x3fffffffffffffffull);
    send_command(d, 0x0c01, &p);
    p.n = 0;
    put(&p, 8, 0x0000001fffffffffull);
    send_command(d, 0x2001, &p);
    for (unsigned bit = 0x20; bit <= 0x26; bit += 6) {
        p.n = 0;
        put(&p, 2, bit | 0x100);
        send_command(d, 0x2074, &p);
    }
}

static void sniff(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    if (p->kind == 0 && (p->pdu[0] & 15) != 5) {
        return; /* advertising, but not CONNECT_IND */
    }
    print_message("%.6f  packet %08x kind %u channel %u phy %u:", (double)p->start_us / 1e6,
                  p->access_address, p->kind, p->channel, p->phy);
    for (size_t k = 0; k < p->len && k < 16; k++) {
        print_message(" %02x", p->pdu[k]);
    }
    print_message("\n");
}

static bool world(uint64_t seed)
{
    unsigned before = w.lost;
    static const struct woad_air_surroundings around = { .noise_dbm = -105, .no_collisions = true };
    struct woad_air_config config = { .seed = seed,
                                      .around = &around,
                                      .sniff = w.verbose > 1 ? sniff : NULL };
    memset(w.d, 0, sizeof w.d);
    w.seed = seed;
    w.chance = seed * 991 + 7;
    w.n = 1 + (int)below(DEVICES);
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &config);
    for (int k = 0; k < w.n; k++) {
        device_add(k);
    }
    for (uint64_t at = 0; at < MINUTE_US && w.lost == before; at += below(150000)) {
        run_until(at);
        act(&w.d[below((unsigned)w.n)]);
    }
    for (int k = 0; k < w.n; k++) {
        woad_air_detach(w.d[k].c);
        free(w.d[k].mem);
    }
    free(w.air);
    return w.lost == before;
}

static unsigned setting(const char *name, unsigned usual)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 0) : usual;
}

/* Seeds that have found a fault once.
 * 8162: two controllers send a group each and receive the other's at the same time; a control PDU
 * of a group counted as a packet of its first stream, so that both listened, for six events. */
static void nothing_is_lost_where_it_was_lost_once(void **state)
{
    static const unsigned seeds[] = { 8162 };
    (void)state;
    w.verbose = setting("VERBOSE", 0);
    for (unsigned k = 0; k < sizeof seeds / sizeof *seeds; k++) {
        assert_true(world(seeds[k]));
    }
}

static void nothing_is_lost_without_a_cause(void **state)
{
    unsigned first = setting("FIRST", 1), n = setting("SEEDS", 40), failed = 0;
    (void)state;
    w.verbose = setting("VERBOSE", 0);
    for (unsigned k = 0; k < n; k++) {
        failed += !world(first + k);
    }
    print_message("%u worlds: %u connections, %u streams, %u syncs, %u BIGs; %u refused; %u worlds "
                  "lost something\n",
                  n, w.links, w.streams, w.syncs, w.bigs, w.refused, failed);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_without_a_cause),
        cmocka_unit_test(nothing_is_lost_where_it_was_lost_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
