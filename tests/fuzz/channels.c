/* Signalling, K-frames, PDUs on bearers and API calls, as a peer and an application could make
 * them, on a connection with or without encryption: a fresh host for each input.  The buffer of a
 * channel has exactly the size that the host knows, and is freed when the channel ends. */
#include <woad/crypto.h>
#include <woad/hci.h>
#include <woad/woad.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct woad_feature *const all[] = { &woad_feature_gatt_server,
                                                  &woad_feature_long_values,
                                                  &woad_feature_read_multiple,
                                                  &woad_feature_signed_writes,
                                                  &woad_feature_pipelining,
                                                  &woad_feature_type_index,
                                                  &woad_feature_gatt_client,
                                                  &woad_feature_security_manager,
                                                  &woad_feature_keypresses,
                                                  &woad_feature_l2cap_channels,
                                                  &woad_feature_enhanced_channels,
                                                  &woad_feature_eatt,
                                                  NULL };
static const struct woad_uuid u = WOAD_UUID16(0x180d);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&u),
    WOAD_CHARACTERISTIC(&u,
                        WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE,
                        WOAD_PERM_READ | WOAD_PERM_WRITE),
    WOAD_CCCD,
};

enum { CIDS = 64, MPS = 80 };

struct state {
    uint16_t conn;
    uint8_t how;
    uint32_t now;
    uint8_t *rx[CIDS], *tx[CIDS], *in[CIDS]; /* by the low octet of the CID */
};

static int nothing(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 7, len);
    return 0;
}

static uint8_t *fresh(uint8_t **at, size_t n)
{
    free(*at);
    *at = malloc(n ? n : 1);
    memset(*at, 0x55, n ? n : 1);
    return *at;
}

static void take(struct state *s, struct woad *h, uint16_t cid)
{
    uint8_t octets[50];
    bool end;
    int n = woad_coc_read(h, s->conn, cid, octets, s->how & 16 ? 3 : sizeof octets, &end);
    if (n > (int)sizeof octets || woad_coc_pending(h, s->conn, cid) < -2) {
        abort();
    }
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct state *s = ctx;
    size_t k = ev->u.coc.cid % CIDS;
    s->conn = ev->type == WOAD_EV_CONNECT ? ev->conn : s->conn;
    if (ev->type == WOAD_EV_COC_REQUEST && s->how & 1) {
        size_t room = 23 + (s->how >> 1 & 3) * 41u;
        if (woad_coc_accept(h, ev->conn, ev->u.coc.cid, fresh(&s->rx[k], room), room) &&
            woad_coc_refuse(h, ev->conn, ev->u.coc.cid, WOAD_COC_NO_RESOURCES)) {
            abort();
        }
    } else if (ev->type == WOAD_EV_COC_DATA && s->how & 8) {
        take(s, h, ev->u.coc_data.cid);
    } else if (ev->type == WOAD_EV_COC_CLOSED) {
        take(s, h, ev->u.coc.cid);
        free(s->rx[k]);
        free(s->tx[k]);
        free(s->in[k]);
        s->rx[k] = s->tx[k] = s->in[k] = NULL;
    } else if (ev->type == WOAD_EV_COC_SENT) {
        k = ev->u.coc_data.cid % CIDS;
        if (ev->u.coc_data.data != s->tx[k]) {
            abort();
        }
        free(s->tx[k]);
        s->tx[k] = NULL;
    } else if (ev->type == WOAD_EV_COC_RECEIVED) {
        k = ev->u.coc_data.cid % CIDS;
        free(s->in[k]);
        s->in[k] = NULL;
    } else if (ev->type == WOAD_EV_GATT_READ && !(s->how & 16)) {
        woad_gatt_answer_later(h, ev->conn);
    } else if (ev->type == WOAD_EV_GATT_READ && s->how & 32) {
        woad_gatt_answer(h, ev->conn, 0, "0123456789", s->how >> 5);
    } else if (ev->type == WOAD_EV_GATT_WRITE && s->how & 64) {
        woad_gatt_answer(h, ev->conn, 0, NULL, 0);
    }
}

static void answer(struct woad *h, const uint8_t *packet)
{
    static const uint8_t sent[] = { 4, 0x13, 5, 1, 0x40, 0, 1, 0 };
    uint8_t done[80] = { 4, 0x0e, 4, 1, packet[1], packet[2], 0 };
    if (packet[0] == 2) {
        woad_rx(h, sent, sizeof sent);
        return;
    }
    if (packet[1] == 0x02 && packet[2] == 0x10) { /* the supported commands */
        done[2] = 68;
        woad_rx(h, done, 71);
        return;
    }
    if (packet[1] == 2 && packet[2] == 0x20) {
        done[2] = 7;
        done[7] = 60;
        done[9] = 4;
    } else if (packet[2] == 0x10 || packet[1] == 3 || packet[1] == 0x18) {
        done[2] = 12;
    }
    woad_rx(h, done, done[2] + 3u);
}

static void drain(struct woad *h)
{
    uint8_t packet[1100];
    for (int n = 0; n < 300; n++) {
        size_t len = woad_tx(h, packet, sizeof packet);
        if (!len) {
            return;
        }
        answer(h, packet);
    }
}

static void connect_one(struct woad *h, struct state *s, const struct woad_coc_params *p)
{
    uint16_t got;
    uint8_t *mem = malloc(100);
    if (woad_coc_connect(h, s->conn, p, mem, 100, &got)) {
        free(mem);
    } else {
        free(s->rx[got % CIDS]);
        s->rx[got % CIDS] = mem;
    }
}

static void connect_some(struct woad *h, struct state *s, const struct woad_coc_params *p,
                         size_t many)
{
    uint16_t cids[5];
    void *rx[5];
    for (int m = 0; m < 5; m++) {
        rx[m] = malloc(100);
    }
    bool none = woad_coc_connect_enhanced(h, s->conn, p, rx, 100, many, cids) != 0;
    for (size_t m = 0; m < 5; m++) {
        if (none || m >= many) {
            free(rx[m]);
        } else {
            free(s->rx[cids[m] % CIDS]);
            s->rx[cids[m] % CIDS] = rx[m];
        }
    }
}

static void send(struct woad *h, struct state *s, uint16_t cid, uint8_t n)
{
    uint8_t *copy = malloc(n + 1u);
    memset(copy, n, n + 1u);
    if (woad_coc_send(h, s->conn, cid, copy, n)) {
        free(copy);
    } else {
        free(s->tx[cid % CIDS]);
        s->tx[cid % CIDS] = copy;
    }
}

static void receive(struct woad *h, struct state *s, uint16_t cid, uint8_t n)
{
    uint8_t *copy = malloc(n + 1u), **at = &s->in[cid % CIDS], *before = *at;
    *at = copy; /* the event may arrive inside the call */
    if (woad_coc_receive(h, s->conn, cid, copy, n + 1u)) {
        *at = before;
        free(copy);
    }
}

static void call(struct woad *h, struct state *s, const uint8_t *p, size_t n)
{
    uint16_t cid = (uint16_t)(0x40 + p[0] / 16), cids[5] = { cid, 0x41, 0x42, 0x43, 0x44 };
    uint8_t a = n > 1 ? p[1] : 0;
    const struct woad_coc_params params = {
        .psm = 0x80, .mtu = (uint16_t)(64 + a), .credits_per_sdu = a & 1, .mps = a & 2 ? 64 : 0
    };
    switch (p[0] % 16) {
    case 0: connect_one(h, s, &params); break;
    case 1: connect_some(h, s, &params, a % 6); break;
    case 2: woad_coc_disconnect(h, s->conn, cid); break;
    case 3:
    case 4: send(h, s, cid, a); break;
    case 5: take(s, h, cid); break;
    case 6: receive(h, s, cid, a); break;
    case 7: woad_coc_reconfigure(h, s->conn, cids, a % 6, (uint16_t)(64 + a), 64 + (a & 15)); break;
    case 8: woad_eatt_open(h, s->conn, a % 6); break;
    case 9: woad_eatt_close(h, s->conn); break;
    case 10: woad_gatt_notify(h, s->conn, 16, p, n); break;
    case 11: woad_gatt_indicate(h, s->conn, 16, p, n); break;
    case 12: woad_gattc_read(h, s->conn, a); break;
    case 13:
        a & 1 ? woad_gattc_write(h, s->conn, a, p, n)
              : woad_gattc_write_long(h, s->conn, a, p, n, false);
        break;
    case 14: woad_gatt_answer_to(h, s->conn, a % 4, 0, p, n); break;
    default: a & 1 ? woad_coc_stop_listening(h, 0x80) : woad_coc_listen(h, &params); break;
    }
}

/* Delivers a frame, whole or cut in two. */
static void frame(struct woad *h, uint16_t cid, const uint8_t *p, size_t n, bool cut)
{
    uint8_t b[300] = { 2, 0x40, 0x20, (uint8_t)(n + 4), 0, (uint8_t)n, 0, (uint8_t)cid, 0 };
    memcpy(b + 9, p, n);
    size_t first = cut ? n / 2 : n;
    b[3] = (uint8_t)(first + 4);
    woad_rx(h, b, first + 9);
    if (cut) {
        uint8_t c[300] = { 2, 0x40, 0x10, (uint8_t)(n - first), 0 };
        memcpy(c + 5, p + first, n - first);
        woad_rx(h, c, n - first + 5);
    }
}

static void begin(struct woad *h, struct state *s, bool encrypted)
{
    static const uint8_t connected[] = { 4, 0x3e, 19, 1, 0,  0x40, 0, 1, 0, 1, 2,
                                         3, 4,    5,  6, 24, 0,    0, 0, 0, 1, 0 };
    static const uint8_t wanted[] = { 4, 0x3e, 13, 5, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    static const uint8_t on[] = { 4, 8, 4, 0, 0x40, 0, 1 };
    static const struct woad_bond bond = { .peer = { 0, { 1, 2, 3, 4, 5, 6 } },
                                           .key_size = 16,
                                           .flags = WOAD_BOND_SECURE,
                                           .has_own_ltk = true,
                                           .has_peer_ltk = true };
    const struct woad_coc_params listened = { .psm = 0x80,
                                              .mtu = 200,
                                              .credits_per_sdu = s->how & 128 };
    woad_gatt_add(h, db, sizeof db / sizeof *db, NULL);
    woad_coc_listen(h, &listened);
    if (encrypted) {
        woad_bond_add(h, &bond);
    }
    woad_rx(h, connected, sizeof connected);
    drain(h);
    if (encrypted) {
        woad_rx(h, wanted, sizeof wanted);
        drain(h);
        woad_rx(h, on, sizeof on);
        drain(h);
    }
}

/* Delivers a command with right lengths, for a plausible PSM and plausible channels. */
static void likely_signal(struct woad *h, const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t code, psm, numbers, cids;
    } kinds[] = {
        { 0x14, 1, 0, 1 }, { 0x15, 0, 0, 1 }, { 0x16, 0, 0, 1 }, { 0x17, 1, 3, 1 },
        { 0x17, 1, 3, 5 }, { 0x18, 0, 4, 1 }, { 0x18, 0, 4, 5 }, { 0x19, 0, 2, 2 },
        { 0x1a, 0, 1, 0 }, { 0x06, 0, 0, 2 }, { 0x07, 0, 0, 2 }, { 0x01, 0, 1, 2 },
    };
    uint8_t b[40] = { 0 };
    size_t k = p[0] % 12, at = 4, used = 1;
    b[0] = kinds[k].code;
    b[1] = (uint8_t)(1 + (n > 1 ? p[1] % 12 : 0));
    for (unsigned m = 0; m < kinds[k].psm; m++, at += 2) {
        b[at] = p[0] & 0x80 ? 0x27 : 0x80;
    }
    for (unsigned m = 0; m < kinds[k].numbers; m++, at += 2) {
        uint8_t v = ++used < n ? p[used] : 0;
        b[at] = v < 128 ? v : (uint8_t)(64 + v % 32);
        b[at + 1] = v == 255 ? 255 : 0;
    }
    for (unsigned m = 0; m < kinds[k].cids; m++, at += 2) {
        b[at] = (uint8_t)(0x40 + (++used < n ? p[used] % 12 : m));
    }
    unsigned more = b[0] < 0x17 && b[0] > 0x13;
    if (b[0] == 0x14) {
        more = 3;
    } else if (b[0] == 0x15) {
        more = 4;
    }
    for (unsigned m = 0; m < more; m++, at += 2) {
        uint8_t v = ++used < n ? p[used] : 1;
        if (m == 3) {
            b[at] = (uint8_t)(v % 3);
        } else {
            b[at] = v < 128 ? (uint8_t)v : 64;
        }
    }
    b[2] = (uint8_t)(at - 4);
    frame(h, 5, b, at, false);
}

static void step(struct woad *h, struct state *s, const uint8_t *p, size_t n, uint8_t what)
{
    switch (what % 8) {
    case 0: frame(h, 5, p, n, what & 8); break;
    case 1: likely_signal(h, p, n); break;
    case 2: frame(h, (uint16_t)(0x40 + what / 16), p, n, what & 8); break;
    case 3: {
        uint8_t sdu[66] = { (uint8_t)n, 0 }; /* a whole SDU */
        memcpy(sdu + 2, p, n);
        if (n > 2 && what & 8) { /* for an existing attribute */
            sdu[3] = (uint8_t)(14 + p[1] % 4);
            sdu[4] = 0;
        }
        frame(h, (uint16_t)(0x40 + what / 16), sdu, n + 2, what & 8);
        break;
    }
    case 4: frame(h, 4, p, n, what & 8); break;
    case 5:
        s->now += p[0] * 200u;
        woad_poll(h, s->now);
        break;
    default: call(h, s, p, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct woad_crypto none = { 0 };
    struct state s = { .now = 1 };
    struct woad_config cfg = { .features = all,
                               .event = on_event,
                               .ctx = &s,
                               .conns = 1,
                               .crypto = &none,
                               .random = nothing,
                               .bonds = 1,
                               .attr_tables = 1,
                               .subscriptions = 1,
                               .procedures = 3,
                               .mtu = 64,
                               .tx_queue = 80,
                               .request_queue = 128,
                               .prepare_queue = 64,
                               .pipeline_queue = 70,
                               .l2cap_channels = 5,
                               .psms = 1,
                               .mps = MPS,
                               .att_bearers = 2 };
    if (len < 3) {
        return 0;
    }
    size_t size = woad_size(&cfg);
    void *memory = malloc(size);
    struct woad *h = woad_init(memory, size, &cfg);
    woad_poll(h, s.now);
    woad_start(h);
    drain(h);
    s.how = data[1];
    begin(h, &s, data[0] & 1);
    for (size_t at = 2; at + 2 < len;) {
        uint8_t what = data[at];
        size_t n = 1 + data[at + 1] % 64u;
        at += 2;
        n = n < len - at ? n : len - at;
        uint8_t *copy = malloc(n); /* an exact copy: the sanitizer detects reads beyond it */
        memcpy(copy, data + at, n);
        step(h, &s, copy, n, what);
        free(copy);
        at += n;
        drain(h);
    }
    woad_fail(h, WOAD_EIO);
    for (size_t k = 0; k < CIDS; k++) {
        free(s.rx[k]);
        free(s.tx[k]);
        free(s.in[k]);
    }
    free(memory);
    return 0;
}
