/* The hosts of three controllers issue random commands on connections and streams, on a lossy air.
 * Each command is answered once; each accepted procedure ends with exactly one event, or with its
 * connection; every buffer is returned; data arrive in order, once. */
#include "at_random.h"

enum { N = 3, LINKS = 3, STREAMS = 8, CREDITS = 6, PATIENCE_US = 45000000 };

/* `mine`: only this host's own command causes this event, no procedure of the peer.  Vol 4, Part E,
 * 7.7 */
static const struct {
    uint16_t opcode, event;
    bool mine;
} procedures[] = {
    { 0x2016, 0x3e04, true },  { 0x041d, 0x0c, true },    { 0x2032, 0x3e0c, false },
    { 0x2013, 0x3e03, false }, { 0x2019, 0x08, false },   { 0x206d, 0x3e1f, true },
    { 0x2077, 0x3e21, true },  { 0x207e, 0x3e23, false },
};
enum { KINDS = sizeof procedures / sizeof *procedures, ENCRYPT = 4 };
enum stream_state { NO_STREAM, CREATING, STREAMING };

static struct {
    struct {
        bool on, central;
        uint64_t since[KINDS];
        unsigned sent;
        uint8_t next, expected;
    } link[LINKS];
    struct {
        uint8_t state;
        uint64_t since;
    } stream[STREAMS];
    bool creates;
} host[N];

static unsigned le16(const uint8_t *p)
{
    return p[0] | (unsigned)p[1] << 8;
}

/* Sends a command from inside an event; the test does not look at its answer. */
static void reply(int which, unsigned opcode, const uint8_t *p, size_t n)
{
    uint8_t b[40] = { 1, (uint8_t)opcode, (uint8_t)(opcode >> 8), (uint8_t)n };
    memcpy(b + 4, p, n);
    assert_int_equal(woad_air_rx(w.n[which].c, b, 4 + n), 0);
}

static void on_connected(int which, const uint8_t *e)
{
    unsigned i = le16(e + 1) - HANDLE;
    bool central = !e[3];
    if (central && !host[which].creates) {
        complain(which, "a connection that was not asked for", e[0], i);
    }
    host[which].creates = host[which].creates && !central;
    if (e[0]) {
        return;
    }
    if (i >= LINKS || host[which].link[i].on) {
        complain(which, "the handle of a new connection", i, 0);
        return;
    }
    memset(&host[which].link[i], 0, sizeof host[which].link[i]);
    host[which].link[i].on = true;
    host[which].link[i].central = central;
}

static void on_disconnected(int which, const uint8_t *e)
{
    unsigned i = le16(e + 1) - HANDLE, s = le16(e + 1) - 0x100;
    if (s < STREAMS) {
        if (host[which].stream[s].state != STREAMING) {
            complain(which, "the end of no stream", s, e[3]);
        }
        host[which].stream[s].state = NO_STREAM;
    } else if (i >= LINKS || !host[which].link[i].on) {
        complain(which, "the end of no connection", i, e[3]);
    } else {
        host[which].link[i].on = false;
    }
}

static void on_completed(int which, const uint8_t *e)
{
    unsigned i = le16(e + 1) - HANDLE, n = le16(e + 3);
    if (i < LINKS && host[which].link[i].on) {
        if (n > host[which].link[i].sent) {
            complain(which, "more buffers back than were given", n, host[which].link[i].sent);
            n = host[which].link[i].sent;
        }
        host[which].link[i].sent -= n;
    }
}

/* LE CIS Established; LE CIS Request: accept it, reject it, or leave it unanswered. */
static void on_stream(int which, unsigned code, const uint8_t *e)
{
    if (code == 0x3e19) {
        unsigned s = le16(e + 1) - 0x100;
        if (s >= STREAMS || host[which].stream[s].state != CREATING) {
            complain(which, "a stream that was not asked for", s, e[0]);
            return;
        }
        host[which].stream[s].state = e[0] ? NO_STREAM : STREAMING;
        return;
    }
    uint8_t p[3] = { e[2], e[3], 0x0d };
    unsigned s = le16(e + 2) - 0x100, kind = below(8);
    if (kind == 0) {
        reply(which, 0x2067, p, 3);
    } else if (s < STREAMS) {
        host[which].stream[s].state = CREATING;
        host[which].stream[s].since = woad_air_now(w.air);
        reply(which, 0x2066, p, 2);
    }
}

/* LE Long Term Key Request: reply with the key, another key or none.  LE Remote Connection
 * Parameter Request. */
static void on_request(int which, unsigned code, const uint8_t *e)
{
    uint8_t p[18] = { e[0], e[1], 1, 2, 3 };
    unsigned kind = below(10);
    if (code == 0x3e05 && kind == 0) {
        reply(which, 0x201b, p, 2);
    } else if (code == 0x3e05) {
        p[4] = kind == 1 ? 9 : 3;
        reply(which, 0x201a, p, 18);
    } else if (kind == 0) {
        p[2] = 0x3b;
        reply(which, 0x2021, p, 3);
    } else {
        memcpy(p + 2, e + 2, 8);
        memset(p + 10, 0, 4);
        reply(which, 0x2020, p, 14);
    }
}

static void on_procedure(int which, unsigned code, const uint8_t *e)
{
    unsigned i = le16(e + 1) - HANDLE;
    for (int k = 0; k < KINDS; k++) {
        bool same = procedures[k].event == code || (k == ENCRYPT && code == 0x30);
        bool peers = code == 0x3e21 && e[3] != 2; /* the reason is not this host's own request */
        if (!same || peers || i >= LINKS || !host[which].link[i].on) {
            continue;
        }
        if (!host[which].link[i].since[k] && procedures[k].mine) {
            complain(which, "a procedure that was not asked for", procedures[k].opcode, i);
        }
        r.ended += host[which].link[i].since[k] && !e[0];
        host[which].link[i].since[k] = 0;
    }
}

static void on_event(int which, unsigned code, const uint8_t *e)
{
    switch (code) {
    case 0x3e0a: on_connected(which, e); break;
    case 0x05: on_disconnected(which, e); break;
    case 0x13: on_completed(which, e); break;
    case 0x3e05:
    case 0x3e06: on_request(which, code, e); break;
    case 0x3e19:
    case 0x3e1a: on_stream(which, code, e); break;
    default: on_procedure(which, code, e);
    }
}

/* The first fragment of a frame carries the frame's number. */
static void on_data(int which, const uint8_t *p, size_t len)
{
    unsigned i = (le16(p + 1) & 0xfff) - HANDLE;
    if (i >= LINKS || !host[which].link[i].on || (p[2] >> 4 & 3) != 2) {
        return;
    }
    if (len < 10 || p[9] != host[which].link[i].expected) {
        complain(which, "data out of order", p[9], host[which].link[i].expected);
    }
    host[which].link[i].expected = (uint8_t)(p[9] + 1);
}

/* --- random commands of hosts ----------------------------------------------------------------- */

static void act_create(int which)
{
    unsigned peer = ((unsigned)which + 1 + below(N - 1)) % N, interval = 8 + below(30);
    uint8_t p[25] = { 0x10,
                      0,
                      0x10,
                      0,
                      0,
                      0,
                      (uint8_t)(peer + 1),
                      2,
                      3,
                      4,
                      5,
                      6,
                      0,
                      (uint8_t)interval,
                      0,
                      (uint8_t)interval,
                      0,
                      (uint8_t)below(4),
                      0,
                      0x2c,
                      1 };
    if (host[which].creates) {
        if (!below(6)) {
            ask(which, 0x200e, p, 0);
        }
        return;
    }
    host[which].creates = true;
    int status = ask(which, 0x200d, p, sizeof p);
    host[which].creates = status == 0;
}

static void act_data(int which, unsigned i)
{
    unsigned total = 0;
    for (unsigned k = 0; k < LINKS; k++) {
        total += host[which].link[k].on ? host[which].link[k].sent : 0;
    }
    for (unsigned n = 1 + below(3); n && total < CREDITS; n--, total++) {
        unsigned len = 5 + below(200);
        uint8_t b[260] = { 2, (uint8_t)(HANDLE + i), 0, (uint8_t)len, 0, (uint8_t)(len - 4), 0, 4 };
        b[9] = host[which].link[i].next++;
        host[which].link[i].sent++;
        assert_int_equal(woad_air_rx(w.n[which].c, b, 5 + len), 0);
    }
}

static size_t procedure_params(int k, uint8_t *p)
{
    unsigned interval = 8 + below(30), factor = 1 + below(6);
    switch (procedures[k].opcode) {
    case 0x2032:
        p[3] = (uint8_t)(1 + below(7));
        p[4] = (uint8_t)(1 + below(7));
        return 7;
    case 0x2013:
        p[2] = p[4] = (uint8_t)interval;
        p[6] = (uint8_t)below(4);
        p[8] = 0x2c;
        p[9] = 1;
        return 14;
    case 0x2019:
        p[12] = 1;
        p[13] = 2;
        p[14] = 3;
        return 28;
    case 0x2077: p[2] = 1; return 3;
    case 0x207e:
        p[2] = 1;
        p[4] = (uint8_t)factor;
        p[6] = (uint8_t)below(3);
        p[8] = (uint8_t)below(factor);
        p[10] = 0x80;
        p[11] = 2;
        return 12;
    default: return 2;
    }
}

static void act_procedure(int which, unsigned i)
{
    uint8_t p[40] = { (uint8_t)(HANDLE + i), 0 };
    int k = (int)below(KINDS);
    if (!host[which].link[i].since[k]) {
        size_t len = procedure_params(k, p);
        host[which].link[i].since[k] = woad_air_now(w.air);
        if (ask(which, procedures[k].opcode, p, len)) {
            host[which].link[i].since[k] = 0;
        }
    }
}

/* LE Set CIG Parameters, LE Create CIS, Disconnect. */
static void act_stream(int which, unsigned i)
{
    static const uint8_t group[] = { 7, 0x10, 0x27, 0,  0x10, 0x27, 0, 0,  0, 0, 10,
                                     0, 10,   0,    2,  1,    40,   0, 40, 0, 2, 2,
                                     2, 2,    2,    60, 0,    0,    0, 2,  2, 1, 1 };
    unsigned s = below(2);
    uint8_t p[5] = { 1, (uint8_t)s, 1, (uint8_t)(HANDLE + i), 0 };
    ask(which, 0x2062, group, sizeof group);
    if (host[which].stream[s].state == NO_STREAM && host[which].link[i].central) {
        host[which].stream[s].state = CREATING;
        host[which].stream[s].since = woad_air_now(w.air);
        if (ask(which, 0x2064, p, 5)) {
            host[which].stream[s].state = NO_STREAM;
        }
    } else if (!below(3)) {
        uint8_t end[3] = { (uint8_t)below(STREAMS), 1, 0x13 };
        ask(which, 0x0406, end, 3);
    }
}

static void act(int which)
{
    unsigned i = below(LINKS), kind = below(16);
    uint8_t on[1] = { 1 }, end[3] = { (uint8_t)(HANDLE + i), 0, 0x13 };
    if (kind == 0) {
        ask(which, 0x200a, on, 1);
    } else if (kind == 1) {
        act_create(which);
    } else if (!host[which].link[i].on) {
        return;
    } else if (kind == 2 && !below(12)) {
        ask(which, 0x0406, end, 3);
    } else if (kind < 6) {
        act_data(which, i);
    } else if (kind < 8) {
        act_stream(which, i);
    } else {
        act_procedure(which, i);
    }
}

/* --- worlds ----------------------------------------------------------------------------------- */

/* `all`: no procedure has been started for a long time, so none may be pending. */
static void check(int which, bool all)
{
    uint64_t limit = all ? 0 : PATIENCE_US, now = woad_air_now(w.air);
    for (unsigned i = 0; i < LINKS; i++) {
        for (int k = 0; host[which].link[i].on && k < KINDS; k++) {
            uint64_t since = host[which].link[i].since[k];
            if (since && now - since > limit) {
                complain(which, "a procedure that does not end", procedures[k].opcode, i);
                host[which].link[i].since[k] = 0;
            }
        }
        if (all && host[which].link[i].on && host[which].link[i].sent) {
            complain(which, "buffers that do not come back", i, host[which].link[i].sent);
        }
    }
    for (unsigned s = 0; s < STREAMS; s++) {
        if (host[which].stream[s].state == CREATING && now - host[which].stream[s].since > limit) {
            complain(which, "a stream that is never told of", s, 0);
            host[which].stream[s].state = NO_STREAM;
        }
    }
}

static void connections(uint64_t seed)
{
    memset(host, 0, sizeof host);
    r.on_event = NULL;
    r.on_data = NULL;
    random_world(seed, N, (unsigned)(seed % 3) * 100);
    for (int k = 0; k < N; k++) {
        assert_int_equal(command(k, 0x207d, "01 00 0a 00 04 00 05 00 80 0c"), 0);
        assert_int_equal(command(k, 0x2006, "20 00 20 00 00 00 00 00 00 00 00 00 00 07 00"), 0);
    }
    r.on_event = on_event;
    r.on_data = on_data;
    for (unsigned step = 0; step < 2000; step++) {
        act((int)below(N));
        run_for(below(60000));
        for (int k = 0; k < N; k++) {
            check(k, false);
        }
    }
    run_for(60000000);
    for (int k = 0; k < N; k++) {
        check(k, true);
    }
    apart();
}

static void connections_of_any_kind(void **state)
{
    (void)state;
    random_worlds(4, connections);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(connections_of_any_kind) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
