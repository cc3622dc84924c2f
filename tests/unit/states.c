/* Every SMP opcode in every state of either role, with the right length and others: what the
 * host answers.  Two hosts on a wire; the test delivers each PDU. Vol 3, Part H, 3 */
#include "pairing.h"

enum {
    REQUEST = 1,
    RESPONSE,
    CONFIRM,
    RANDOM,
    FAILED,
    LTK,
    CENTRAL_ID,
    IRK,
    IDENTITY,
    CSRK,
    ASKS,
    PUBLIC_KEY,
    CHECK,
    KEYPRESS,
    ENCRYPTION = 0x80
};
static const uint8_t length_of[] = { 1, 7, 7, 17, 17, 2, 17, 11, 17, 8, 17, 2, 65, 17, 2 };
enum { CODES = sizeof length_of };

/* --- the wire --------------------------------------------------------------------------------- */

struct packet {
    uint8_t to, len, octet[66];
}; /* a PDU, or `ENCRYPTION` */
struct end {
    struct woad *h;
    uint64_t memory[1200], seed;
    uint16_t conn;
    bool ended;
    int status;
    unsigned bonds;
};
static struct end end[2];
static struct packet wire[8];
static size_t waiting;
static uint8_t key_requested[16];
static bool unasked; /* the test requests the key: no encryption follows */
static uint32_t now_ms;
static unsigned given, refused; /* LTK replies and negative replies of the peripheral */

static int draw(void *ctx, uint8_t *out, size_t len)
{
    struct end *e = ctx;
    for (size_t n = 0; n < len; n++) {
        e->seed = e->seed * 6364136223846793005ull + 1442695040888963407ull;
        out[n] = (uint8_t)(e->seed >> 56);
    }
    return 0;
}

static void note_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct end *e = ctx;
    if (ev->type == WOAD_EV_CONNECT) {
        e->conn = ev->conn;
    } else if (ev->type == WOAD_EV_SECURITY) {
        e->ended = true;
        e->status = ev->u.security.status;
    } else if (ev->type == WOAD_EV_BOND) {
        e->bonds++;
    } else if (ev->type == WOAD_EV_PASSKEY && ev->u.passkey.action != WOAD_PASSKEY_DISPLAY) {
        uint32_t value = ev->u.passkey.action == WOAD_PASSKEY_COMPARE ? 1 : 77;
        assert_int_equal(woad_passkey(h, ev->conn, ev->u.passkey.action, value), 0);
    }
}

static void say(int which, const uint8_t *event, size_t len)
{
    uint8_t b[80] = { 4 };
    memcpy(b + 1, event, len);
    assert_int_equal(woad_rx(end[which].h, b, len + 1), 0);
}

static void put_on_wire(int to, const uint8_t *octet, size_t len)
{
    assert_true(waiting < 8 && len <= 65);
    wire[waiting].to = (uint8_t)to;
    wire[waiting].len = (uint8_t)len;
    memcpy(wire[waiting++].octet, octet, len);
}

/* The few controller functions that two hosts need. */
static void command(int which, const uint8_t *c)
{
    uint16_t opcode = (uint16_t)(c[0] | c[1] << 8);
    uint8_t done[80] = { 0x0e, 68, 1, c[0], c[1], 0 };
    static const uint8_t encryption = ENCRYPTION;
    if (opcode == 0x2002) { /* LE Read Buffer Size */
        done[6] = 251;
        done[8] = 8;
    } else if (opcode == 0x1009) {
        memset(done + 6, 0x11 * (which + 1), 6);
    } else if (opcode == 0x2019) { /* LE Enable Encryption */
        uint8_t status[] = { 0x0f, 4, 0, 1, c[0], c[1] }, ask[15] = { 0x3e, 13, 5, 1, 0 };
        memcpy(ask + 5, c + 5, 10);
        memcpy(key_requested, c + 15, 16);
        say(which, status, sizeof status);
        say(1 - which, ask, sizeof ask);
        return;
    } else if (opcode == 0x201a) {
        given++;
        if (unasked) {
            return;
        }
        assert_memory_equal(key_requested, c + 5, 16);
        put_on_wire(CENTRAL, &encryption, 1);
    } else if (opcode == 0x201b) { /* no key */
        static const uint8_t missing[] = { 0x08, 4, 0x06, 1, 0, 0 };
        refused++;
        if (!unasked) {
            say(CENTRAL, missing, sizeof missing);
        }
    }
    say(which, done, 70);
}

/* Collects the packets of both hosts until they have none.  The clock stands still. */
static void pump_wire(void)
{
    uint8_t b[WOAD_TX_ROOM + 300];
    size_t n;
    for (bool moved = true; moved;) {
        moved = false;
        for (int which = 0; which < 2; which++) {
            woad_poll(end[which].h, now_ms);
            woad_poll(end[which].h, now_ms);
            while ((n = woad_tx(end[which].h, b, sizeof b)) > 0) {
                moved = true;
                if (b[0] == 1) {
                    command(which, b + 1);
                    continue;
                }
                static const uint8_t sent[] = { 0x13, 5, 1, 1, 0, 1, 0 };
                assert_int_equal(b[7] | b[8] << 8, 6);
                put_on_wire(1 - which, b + 9, n - 9);
                say(which, sent, sizeof sent);
            }
        }
    }
}

static void hand_over(int to, const uint8_t *pdu, size_t len)
{
    uint8_t acl[80] = { 2, 1, 0x20, (uint8_t)(len + 4), 0, (uint8_t)len, 0, 6, 0 };
    memcpy(acl + 9, pdu, len);
    assert_int_equal(woad_rx(end[to].h, acl, 9 + len), 0);
    pump_wire();
}

/* Delivers the first packet on the wire. */
static void deliver(void)
{
    static const uint8_t on[] = { 0x08, 4, 0, 1, 0, 1 };
    struct packet p = wire[0];
    waiting--;
    memmove(wire, wire + 1, waiting * sizeof *wire);
    if (p.octet[0] == ENCRYPTION) {
        say(PERIPHERAL, on, sizeof on);
        say(CENTRAL, on, sizeof on);
        pump_wire();
    } else {
        hand_over(p.to, p.octet, p.len);
    }
}

/* --- the flows -------------------------------------------------------------------------------- */

struct flow {
    const char *name;
    bool secure;
    int method;
    bool peripheral_requests;
};
static const struct flow flows[] = {
    { "secure, just works", true, WOAD_METHOD_JUST_WORKS, false },
    { "secure, comparison", true, WOAD_METHOD_COMPARISON, true },
    { "secure, passkey", true, WOAD_METHOD_PASSKEY, false },
    { "legacy, just works", false, WOAD_METHOD_JUST_WORKS, false },
    { "legacy, passkey", false, WOAD_METHOD_PASSKEY, true },
};

static void host_up(int which, const struct flow *f)
{
    static const struct woad_feature *const few[] = { &woad_feature_central,
                                                      &woad_feature_advertiser,
                                                      &woad_feature_security_manager,
                                                      &woad_feature_keypresses, NULL };
    struct end *e = &end[which];
    struct woad_config c = { .features = few,
                             .event = note_event,
                             .ctx = e,
                             .conns = 1,
                             .mtu = 65,
                             .procedures = 1,
                             .tx_queue = 128,
                             .request_queue = 128,
                             .bonds = 3,
                             .crypto = &crypto,
                             .random = draw };
    uint8_t irk[16] = { (uint8_t)(which + 1) };
    struct woad_security_policy p =
        policy(f->method == WOAD_METHOD_PASSKEY ? WOAD_IO_KEYBOARD : WOAD_IO_DISPLAY_YES_NO,
               f->method != WOAD_METHOD_JUST_WORKS, f->secure);
    uint8_t connected[] = { 0x3e, 19, 1, 0,   1, 0, (uint8_t)which, 0, 0, 0, 0, 0, 0, 0, 24,
                            0,    0,  0, 100, 0, 0 };
    *e = (struct end){ .seed = (uint64_t)which + 5 };
    memset(connected + 8, 0x11 * (2 - which), 6);
    assert_true(woad_size(&c) <= sizeof e->memory);
    e->h = woad_init(e->memory, sizeof e->memory, &c);
    assert_int_equal(woad_start(e->h), 0);
    assert_int_equal(woad_set_irk(e->h, irk), 0);
    assert_int_equal(woad_set_security_policy(e->h, &p), 0);
    uint8_t b[WOAD_TX_ROOM];
    while (woad_tx(e->h, b, sizeof b)) {
        command(which, b + 1);
    }
    say(which, connected, sizeof connected);
}

/* Boots two hosts; if `started`, begins the pairing and delivers this many packets. */
static void at_state(const struct flow *f, bool started, size_t delivered)
{
    waiting = 0;
    host_up(CENTRAL, f);
    host_up(PERIPHERAL, f);
    pump_wire();
    assert_int_equal(waiting, 0);
    if (started) {
        int which = f->peripheral_requests ? PERIPHERAL : CENTRAL;
        assert_int_equal(woad_pair(end[which].h, end[which].conn), 0);
        pump_wire();
    }
    for (size_t n = 0; n < delivered; n++) {
        deliver();
    }
}

/* Runs a flow to its end; returns all packets that were delivered. */
static size_t sequence(const struct flow *f, struct packet all[200])
{
    size_t n = 0;
    at_state(f, true, 0);
    while (waiting) {
        all[n++] = wire[0];
        deliver();
    }
    for (int k = 0; k < 2; k++) {
        assert_true(end[k].ended && end[k].status == 0 && end[k].bonds == 1);
    }
    return n;
}

/* --- expected answers ------------------------------------------------------------------------- */

enum { NOTHING, NEXT = 0x100, ENDS = 0x200 }; /* or a reason of Pairing Failed */

/* Returns the answer to an expected PDU with wrong values. */
static int in_place(const struct flow *f, int to, uint8_t code)
{
    switch (code) {
    case PUBLIC_KEY: return WOAD_SMP_DHKEY_CHECK; /* 2.3.5.6.1: not a point of the curve */
    case RANDOM: /* 2.3.5.6.2: only the initiator checks something */
        return f->secure && f->method != WOAD_METHOD_PASSKEY && to == PERIPHERAL ? NEXT
                                                                                 : WOAD_SMP_CONFIRM;
    case CHECK: return WOAD_SMP_DHKEY_CHECK; /* 2.3.5.6.5 */
    case CONFIRM: return NEXT;
    default: return NEXT; /* features and keys: nothing to compare */
    }
}

/* pairs: `to` knows that the pairing has begun. method: `to` knows the method. awaited: the
 * expected PDU, 0 for none. */
static int answer_to(const struct flow *f, int to, bool pairs, bool method, uint8_t awaited,
                     uint8_t code, int delta)
{
    if (code == 0 || code >= CODES) {
        return NOTHING; /* 3.3: reserved */
    }
    if (delta) {
        return pairs || (code == REQUEST && to == PERIPHERAL) ? WOAD_SMP_INVALID_PARAMETERS
                                                              : NOTHING;
    }
    if (code == FAILED) {
        return pairs ? ENDS : NOTHING;
    }
    if (code == ASKS && to == CENTRAL) {
        return pairs ? NOTHING : NEXT; /* 2.4.6, Figure 2.7: the central may also encrypt again */
    }
    if (!pairs) {
        if (code != REQUEST) {
            return NOTHING;
        }
        return to == PERIPHERAL ? NEXT : WOAD_SMP_UNKNOWN_COMMAND;
    }
    if (code == KEYPRESS && method && f->method == WOAD_METHOD_PASSKEY) {
        return NOTHING; /* 3.5.8: no effect */
    }
    return code == awaited ? in_place(f, to, code) : WOAD_SMP_UNSPECIFIED;
}

static void make(uint8_t pdu[70], uint8_t code)
{
    static const uint8_t features[] = { 0, 1, 0, 0x0d, 16, 7, 7 };
    for (size_t n = 0; n < 70; n++) {
        pdu[n] = (uint8_t)(n * 3);
    }
    memcpy(pdu, features, code == REQUEST || code == RESPONSE ? sizeof features : 0);
    pdu[0] = code;
    if (code == KEYPRESS || code == FAILED) {
        pdu[1] = 3;
    } else if (code == IDENTITY) {
        pdu[1] = 0;
    }
}

struct at {
    const struct flow *f;
    bool started;
    size_t delivered;
    uint8_t awaited;
    bool method;
};

static void one(const struct at *at, int to, uint8_t code, int delta)
{
    uint8_t pdu[70];
    at_state(at->f, at->started, at->delivered);
    bool pairs = at->started && !end[to].ended && (to == CENTRAL || at->method);
    bool is_requested =
        at->f->peripheral_requests && to == PERIPHERAL && at->started && !end[to].ended;
    pairs = pairs && !(to == CENTRAL && at->f->peripheral_requests && at->delivered == 0);
    bool was = end[to].ended;
    int want = answer_to(at->f, to, pairs, at->method, at->awaited, code, delta);
    want = is_requested && code == FAILED && !delta ? ENDS : want; /* the pairing is over */
    waiting = 0;
    make(pdu, code);
    hand_over(to, pdu, (size_t)((code < CODES ? length_of[code] : 9) + delta));
    bool failed = waiting && wire[0].to != to && wire[0].octet[0] == FAILED;
    int got = !was && end[to].ended ? ENDS : NOTHING;
    if (failed) {
        got = wire[0].octet[1];
    }
    bool next = want == NEXT && !failed && (was || !end[to].ended || !end[to].status);
    if (!(next || got == want) || (failed && waiting != 1) || (want == NOTHING && waiting)) {
        fail_msg("%s, %s, after %zu: opcode %x %+d is answered %x, not %x", at->f->name,
                 to == CENTRAL ? "central" : "peripheral", at->delivered, code, delta, got, want);
    }
    if (failed && (pairs || is_requested)) { /* an event, and no bond */
        assert_true(end[to].ended && end[to].status == got && end[to].bonds == 0);
    } else if (want == ENDS) {
        assert_int_equal(end[to].status, WOAD_SECURITY_PEER | pdu[1]);
    } else if (want == NOTHING) {
        assert_int_equal(end[to].ended, was);
    }
}

/* Every PDU in every state of every flow. */
static void every_state(void **state)
{
    static const uint8_t reserved[] = { 0, 15, 16, 0x40, 0xff };
    static struct packet all[200];
    size_t cases = 0;
    (void)state;
    for (size_t k = 0; k < sizeof flows / sizeof *flows; k++) {
        size_t total = sequence(&flows[k], all);
        for (size_t at = 0; at <= total + 1; at++) {
            for (int to = 0; to < 2; to++) {
                struct at s = { &flows[k], at > 0, at ? at - 1 : 0, 0, false };
                size_t n = s.delivered;
                bool sealed = false;
                for (size_t m = 0; m < n; m++) {
                    uint8_t its = to == CENTRAL ? RESPONSE : REQUEST;
                    s.method = s.method || (all[m].to == to && all[m].octet[0] == its);
                }
                while (s.started && n < total &&
                       (all[n].to != to || all[n].octet[0] == ENCRYPTION)) {
                    sealed = sealed || all[n].octet[0] == ENCRYPTION;
                    n++;
                }
                s.awaited = n < total && !sealed ? all[n].octet[0] : 0;
                for (uint8_t code = 1; code < CODES; code++) {
                    for (int delta = -1; delta < 2; delta++) {
                        one(&s, to, code, delta);
                        cases++;
                    }
                }
                for (size_t r = 0; r < sizeof reserved; r++) {
                    one(&s, to, reserved[r], 0);
                    cases++;
                }
            }
        }
    }
    printf("%zu answers\n", cases);
}

/* S16, ltk_request_matrix: the key of a pairing is given only from the moment it is ready until
 * the pairing ends, a bond's key only without a pairing; each only for its own Rand and EDIV. */
static void key_requests(void **state)
{
    static struct packet all[200];
    (void)state;
    for (size_t k = 0; k < sizeof flows / sizeof *flows; k++) {
        const struct flow *f = &flows[k];
        size_t total = sequence(f, all), encrypted = 0, ripe = 0;
        for (; all[encrypted].octet[0] != ENCRYPTION; encrypted++) {
            ripe = all[encrypted].to == PERIPHERAL ? encrypted + 1 : ripe;
        }
        for (size_t at = 0; at <= total; at++) {
            for (int numbers = 0; numbers < 3; numbers++) {
                uint8_t ask[15] = { 0x3e, 13, 5, 1, 0 };
                at_state(f, true, at);
                const struct woad_bond *b = bond_at(end[PERIPHERAL].h, 0);
                if (numbers == 1) {
                    ask[13] = 9;
                } else if (numbers == 2 && b) {
                    memcpy(ask + 5, b->own_rand, 8);
                    ask[13] = (uint8_t)b->own_ediv;
                    ask[14] = (uint8_t)(b->own_ediv >> 8);
                } else if (numbers == 2) {
                    ask[5] = 1;
                }
                bool done = end[PERIPHERAL].ended;
                bool zero = numbers == 0 || (numbers == 2 && b && f->secure);
                bool its = at >= ripe && numbers == 0;
                if (done) {
                    its = f->secure ? zero : numbers == 2;
                }
                given = refused = 0;
                unasked = true;
                say(PERIPHERAL, ask, sizeof ask);
                pump_wire();
                unasked = false;
                if (given != its || refused != !its) {
                    fail_msg("%s, after %zu, numbers %d: %u given, %u refused", f->name, at,
                             numbers, given, refused);
                }
            }
        }
    }
}

/* The same while a bonded peer pairs again: the old key is not given during the pairing. */
static void key_of_before(void **state)
{
    static struct packet all[200];
    (void)state;
    size_t total = sequence(&flows[0], all);
    for (size_t at = 1; at < 8; at++) {
        at_state(&flows[0], true, total);
        assert_int_equal(woad_pair(end[CENTRAL].h, end[CENTRAL].conn), 0);
        pump_wire();
        for (size_t n = 0; n < at; n++) {
            deliver();
        }
        static const uint8_t ask[15] = { 0x3e, 13, 5, 1, 0 };
        given = refused = 0;
        unasked = true;
        say(PERIPHERAL, ask, sizeof ask);
        pump_wire();
        unasked = false;
        assert_int_equal(given, 0);
        assert_int_equal(refused, 1);
    }
}

/* An identity address is public or static random. 3.6.5 */
static void identities(void **state)
{
    static const struct {
        uint8_t type, top;
        int answer;
    } some[] = { { 0, 0x00, 0 },
                 { 0, 0x40, 0 },
                 { 1, 0xc0, 0 },
                 { 1, 0x40, WOAD_SMP_INVALID_PARAMETERS },
                 { 1, 0x00, WOAD_SMP_INVALID_PARAMETERS },
                 { 1, 0x80, WOAD_SMP_INVALID_PARAMETERS },
                 { 2, 0xc0, WOAD_SMP_INVALID_PARAMETERS },
                 { 255, 0, WOAD_SMP_INVALID_PARAMETERS } };
    static struct packet all[200];
    (void)state;
    size_t total = sequence(&flows[0], all);
    for (size_t at = 0; at < total; at++) {
        for (size_t k = 0; all[at].octet[0] == IDENTITY && k < sizeof some / sizeof *some; k++) {
            uint8_t pdu[8] = { IDENTITY, some[k].type, 1, 2, 3, 4, 5, some[k].top };
            at_state(&flows[0], true, at);
            waiting = 0;
            hand_over(all[at].to, pdu, sizeof pdu);
            bool failed = waiting && wire[0].octet[0] == FAILED;
            assert_int_equal(failed ? wire[0].octet[1] : 0, some[k].answer);
        }
    }
}

/* S17, no_ctkd: BR/EDR keys are neither sent nor accepted, whatever the peer requests. */
static void no_ctkd(void **state)
{
    static const uint8_t all_of_it[] = { REQUEST, 3, 0, 0xed, 16, 0xff, 0xff };
    (void)state;
    at_state(&flows[0], false, 0);
    hand_over(PERIPHERAL, all_of_it, sizeof all_of_it);
    assert_int_equal(waiting, 1);
    assert_int_equal(wire[0].octet[0], RESPONSE);
    assert_int_equal(wire[0].octet[3] & ~0x0d, 0);
    assert_int_equal(wire[0].octet[5] & ~7, 0);
    assert_int_equal(wire[0].octet[6] & ~7, 0);
}

/* SM/PER/SCOB/BI-…: the peer claims to have out-of-band data that the host has never made: the
 * pairing fails. */
static void nothing_out_of_band(void **state)
{
    static const uint8_t request[7] = { REQUEST, WOAD_IO_DISPLAY_YES_NO, 1, 0x0d, 16, 0, 0 };
    (void)state;
    at_state(&flows[0], false, 0);
    hand_over(PERIPHERAL, request, sizeof request);
    assert_int_equal(waiting, 1);
    assert_int_equal(wire[0].octet[0], FAILED);
    assert_int_equal(wire[0].octet[1], WOAD_SMP_NO_OOB);
    assert_true(end[PERIPHERAL].ended);
    assert_int_equal(end[PERIPHERAL].status, WOAD_SMP_NO_OOB);
    waiting = 0;
    end[PERIPHERAL].ended = false; /* the next pairing succeeds */
    assert_int_equal(woad_pair(end[CENTRAL].h, end[CENTRAL].conn), 0);
    pump_wire();
    while (waiting) {
        deliver();
    }
    assert_true(end[PERIPHERAL].ended && !end[PERIPHERAL].status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state),  cmocka_unit_test(nothing_out_of_band),
        cmocka_unit_test(key_requests), cmocka_unit_test(key_of_before),
        cmocka_unit_test(identities),   cmocka_unit_test(no_ctkd)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
