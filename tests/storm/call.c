/* Draws one random call of the API and checks its result against woad.h. */
#include "storm.h"

#include <stdarg.h>

static const struct {
    char letter;
    int err;
} letters[] = { { 'N', WOAD_ENOTCONN }, { 'I', WOAD_EINVAL },  { 'A', WOAD_EAGAIN },
                { 'D', WOAD_ENODEV },   { 'M', WOAD_ENOMEM },  { 'B', WOAD_EBUSY },
                { 'L', WOAD_EALREADY }, { 'C', WOAD_EACCES },  { 'S', WOAD_ENOTSUP },
                { 'E', WOAD_ENOENT },   { 'X', WOAD_EISCONN }, { 'T', WOAD_ETIMEDOUT },
                { 'O', WOAD_EIO } };

static bool may_be(int err, const char *may)
{
    if (err == 0 || (err > 0 && strchr(may, '+'))) {
        return true;
    }
    for (size_t n = 0; n < sizeof letters / sizeof *letters; n++) {
        if (letters[n].err == err) {
            return strchr(may, letters[n].letter) != NULL;
        }
    }
    return false;
}

static int result_of(int err, const char *may, const char *format, va_list args)
{
    char text[160];
    storm.calls++;
    vsnprintf(text, sizeof text, format, args);
    say("%*s%u: %s = %d\n", (int)storm.me->depth * 2, "", storm.me->number, text, err);
    MUST(may_be(err, may), "woad.h does not name this result: %s = %d", text, err);
    return err;
}

int result(int err, const char *may, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    result_of(err, may, format, args);
    va_end(args);
    return err;
}

int result_on(uint16_t conn, int err, const char *may, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    result_of(err, may, format, args);
    va_end(args);
    MUST(err < 0 || link_of(storm.me, conn), "a call on a connection that is not there is taken");
    return err;
}

uint16_t some_conn(void)
{
    if (one_in(24)) {
        return (uint16_t)any(65536);
    }
    struct link *l = &storm.me->link[any(LINKS)];
    for (unsigned n = 0; n < LINKS && !l->open && !one_in(12); n++) {
        l = &storm.me->link[n];
    }
    return l->conn;
}

uint16_t some_cid(void)
{
    struct channel *k = &storm.me->channel[any(CHANNELS)];
    for (unsigned n = 0; n < CHANNELS && !k->state && !one_in(20); n++) {
        k = &storm.me->channel[n];
    }
    return k->state ? k->cid : (uint16_t)(0x40 + any(8));
}

uint16_t some_handle(void)
{
    return (uint16_t)(one_in(10) ? any(65536) : 1 + any(26));
}

size_t some_len(void)
{
    return one_in(4) ? any(600) : any(30);
}

struct woad_addr some_peer(void)
{
    struct woad_addr peer = storm.peer();
    if (one_in(12)) {
        peer.type = (uint8_t)any(4);
    }
    return peer;
}

/* Returns 600 octets. */
const uint8_t *some_octets(void)
{
    static uint8_t octets[600];
    memset(octets, (int)any(256), sizeof octets);
    octets[1] = (uint8_t)(one_in(3) ? any(256) : 0);
    octets[0] = (uint8_t)(one_in(3) ? octets[0] : any(4));
    return octets;
}

static const struct call *const tables[] = { gatt_calls, link_calls, coc_calls };

void call_any(void)
{
    const struct mood *mood = &storm.mood;
    unsigned sum = 0;
    for (unsigned t = 0; t < 3; t++) {
        for (unsigned n = 0; tables[t][n].name; n++) {
            sum += mood->weight[t][n];
        }
    }
    unsigned at = any(sum);
    for (unsigned t = 0; t < 3; t++) {
        for (unsigned n = 0; tables[t][n].name; n++) {
            if (at < mood->weight[t][n]) {
                tables[t][n].run();
                return;
            }
            at -= mood->weight[t][n];
        }
    }
}

/* --- L2CAP channels --------------------------------------------------------------------------- */

static struct woad_coc_params some_params(void)
{
    static const struct woad_coc_params kinds[] = { { .psm = 0x80, .mtu = 100 },
                                                    { .psm = 0x81,
                                                      .mtu = 200,
                                                      .mps = 64,
                                                      .security = WOAD_COC_ENCRYPTED,
                                                      .credits_per_sdu = true },
                                                    { .psm = 0x82, .mtu = 300, .mps = 30 } };
    struct woad_coc_params p = kinds[any(3)];
    if (one_in(16)) {
        p.psm = (uint16_t)any(300);
        p.mtu = (uint16_t)any(80);
        p.security = (uint8_t)any(16);
    }
    return p;
}

static void call_listen(void)
{
    struct woad_coc_params p = some_params();
    result(woad_coc_listen(storm.me->h, &p), "DSILM", "woad_coc_listen(%02x)", p.psm);
}

static void call_stop_listening(void)
{
    uint16_t psm = (uint16_t)(0x80 + any(3));
    result(woad_coc_stop_listening(storm.me->h, psm), "E", "woad_coc_stop_listening(%02x)", psm);
}

static void call_accept(void)
{
    uint16_t conn = some_conn(), cid = some_cid();
    size_t size = one_in(10) ? any(64) : 64 + any(236);
    struct channel *k = channel_of(storm.me, conn, cid);
    uint8_t *rx = malloc(size ? size : 1);
    int err = result_on(conn, woad_coc_accept(storm.me->h, conn, cid, rx, size), "EI",
                        "woad_coc_accept(%04x, %02x, %zu)", conn, cid, size);
    if (err) {
        free(rx);
        return;
    }
    if (!k) { /* the next of several requested channels: its event arrives later */
        k = channel_new(storm.me, conn, cid);
    }
    MUST(!k->state || k->state == CHANNEL_REQUESTED, "a channel is accepted twice");
    k->state = CHANNEL_WAITING;
    k->rx = rx;
}

static void call_refuse(void)
{
    uint16_t conn = some_conn(), cid = some_cid();
    struct channel *k = channel_of(storm.me, conn, cid);
    if (result_on(conn, woad_coc_refuse(storm.me->h, conn, cid, (uint8_t)(4 + any(6))), "EI",
                  "woad_coc_refuse(%04x, %02x)", conn, cid) == 0) {
        MUST(!k || k->state == CHANNEL_REQUESTED, "a channel is refused that was not asked about");
        MUST(!k || !k->into, "a channel that is refused keeps a buffer of woad_coc_receive()");
        if (k) {
            channel_free(k);
        }
    }
}

static void call_connect(void)
{
    uint16_t conn = some_conn(), cid[WOAD_COC_AT_ONCE] = { 0 };
    struct woad_coc_params p = some_params();
    bool enhanced = one_in(2);
    size_t size = 64 + any(236), n = 1;
    if (enhanced) {
        n += any(one_in(8) ? 6 : 3);
    }
    size_t made = n;
    void *rx[6];
    for (size_t i = 0; i < n; i++) {
        rx[i] = malloc(size);
    }
    int err = enhanced ? woad_coc_connect_enhanced(storm.me->h, conn, &p, rx, size, n, cid)
                       : woad_coc_connect(storm.me->h, conn, &p, rx[0], size, cid);
    if (result_on(conn, err, "NSICMAB", "woad_coc_connect%s(%04x, %02x, %zu)",
                  enhanced ? "_enhanced" : "", conn, p.psm, n)) {
        made = 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (i >= made) {
            free(rx[i]);
            continue;
        }
        struct channel *k = channel_new(storm.me, conn, cid[i]);
        k->state = CHANNEL_WAITING;
        k->rx = rx[i];
    }
}

static void call_close(void)
{
    uint16_t conn = some_conn(), cid = some_cid();
    struct channel *k = channel_of(storm.me, conn, cid);
    bool undecided = k && k->state == CHANNEL_REQUESTED;
    if (result_on(conn, woad_coc_disconnect(storm.me->h, conn, cid), "EL",
                  "woad_coc_disconnect(%04x, %02x)", conn, cid) == 0) {
        if (undecided) {
            MUST(!k->into, "a channel that is refused keeps a buffer of woad_coc_receive()");
            channel_free(k);
        }
    }
}

static void call_send(void)
{
    uint16_t conn = some_conn(), cid = some_cid();
    struct channel *k = channel_of(storm.me, conn, cid);
    size_t len = any(200);
    uint8_t *tx = calloc(1, len ? len : 1);
    uint8_t *was = k ? k->tx : NULL;
    if (k) {
        k->tx = tx;
    }
    if (result_on(conn, woad_coc_send(storm.me->h, conn, cid, tx, len), "EINA",
                  "woad_coc_send(%04x, %02x, %zu)", conn, cid, len)) {
        if (k) {
            k->tx = was;
        }
        free(tx);
        return;
    }
    MUST(k && k->state == CHANNEL_OPEN, "a channel that is not open takes an SDU");
    MUST(!was, "a second SDU is taken before the first is sent");
}

static void call_receive(void)
{
    uint16_t conn = some_conn(), cid = some_cid();
    struct channel *k = channel_of(storm.me, conn, cid);
    size_t room = 1 + any(299);
    uint8_t *into = malloc(room), *was = k ? k->into : NULL;
    if (k && !was) {
        k->into = into; /* the host may fill it inside the call */
    }
    if (result_on(conn, woad_coc_receive(storm.me->h, conn, cid, into, room), "EIB",
                  "woad_coc_receive(%04x, %02x, %zu)", conn, cid, room)) {
        if (k && k->into == into) {
            k->into = was;
        }
        free(into);
        return;
    }
    MUST(k, "a buffer is taken for a channel that is not there");
    MUST(!was, "a second buffer is taken while one waits");
}

static void call_read(void)
{
    uint16_t conn = some_conn(), cid = some_cid();
    uint8_t buf[300];
    bool end;
    size_t room = any(300);
    result_on(conn, woad_coc_read(storm.me->h, conn, cid, buf, room, &end), "EB+",
              "woad_coc_read(%04x, %02x, %zu)", conn, cid, room);
    woad_coc_pending(storm.me->h, conn, cid);
}

static void call_reconfigure(void)
{
    uint16_t conn = some_conn(), cids[2] = { some_cid(), some_cid() };
    uint16_t mtu = (uint16_t)(64 + any(300)), mps = (uint16_t)(64 + any(60));
    size_t n = 1 + any(2);
    result_on(conn, woad_coc_reconfigure(storm.me->h, conn, cids, n, mtu, mps), "EIBMS",
              "woad_coc_reconfigure(%04x, %02x, %zu)", conn, cids[0], n);
}

const struct call coc_calls[] = { { "listen", 3, call_listen },
                                  { "stop_listening", 1, call_stop_listening },
                                  { "accept", 6, call_accept },
                                  { "refuse", 2, call_refuse },
                                  { "connect", 4, call_connect },
                                  { "close", 2, call_close },
                                  { "send", 4, call_send },
                                  { "receive", 3, call_receive },
                                  { "read", 3, call_read },
                                  { "reconfigure", 2, call_reconfigure },
                                  { NULL, 0, NULL } };
