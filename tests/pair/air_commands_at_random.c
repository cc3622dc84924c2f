/* The hosts of three controllers issue any command in any state, with valid, invalid or random
 * parameters.  Each command is answered once; an accepted one that has an event gets that event
 * once; virtual time advances.  When everything is switched off, the air has nothing scheduled, and
 * each controller can still receive each other one. */
#include "at_random.h"

enum { N = 3, STEPS = 2500 };

/* Parameters: octets, and
 *   <n  an octet below n       A  an address of the three       I  two intervals, u24
 *   M   two intervals, u16     W  a scan interval and window    C  parameters of a connection
 *   P   advertising properties D  up to 250 octets of data with their length
 *   R   up to 40 random octets     -  first: what ends something is given more rarely */
static const struct {
    uint16_t opcode;
    const char *params;
} acts[] = {
    { 0x2036, "<4 P I <8 <4 A <4 7f 01 00 <4 <4 <2" },
    { 0x2036, "<4 P I 07 00 A 00 7f 03 00 03 <4 00" },
    { 0x2036, "<4 13 00 I 07 00 A 00 7f 01 00 01 00 00" },
    { 0x2037, "<4 03 00 D" },
    { 0x2037, "<4 <5 <2 D" },
    { 0x2038, "<4 03 00 D" },
    { 0x2039, "01 01 <4 00 00 00" },
    { 0x2039, "01 01 <4 <200 00 <20" },
    { 0x2039, "-00 01 <4 00 00 00" },
    { 0x2035, "<4 01 00 00 00 00 c1" },
    { 0x2005, "<3 02 00 00 00 c0" },
    { 0x2041, "<4 <3 01 <2 W" },
    { 0x2041, "<4 <3 05 <2 W <2 W" },
    { 0x2042, "01 <3 00 00 00 00" },
    { 0x2042, "<2 <3 <100 00 <3 00" },
    { 0x2043, "<2 <4 A 01 C" },
    { 0x2043, "<2 <4 A 05 C C" },
    { 0x2043, "00 00 A 07 C C C" },
    { 0x200e, "-" },
    { 0x0406, "-<67 00 13" },
    { 0x0406, "-4<3 00 13" },
    { 0x203e, "<4 M 00 00" },
    { 0x203f, "<4 03 D" },
    { 0x203f, "<4 <5 D" },
    { 0x2040, "01 <4" },
    { 0x2040, "-00 <4" },
    { 0x2044, "<2 <4 A <4 00 64 00 00" },
    { 0x2045, "-" },
    { 0x2046, "-<4 00" },
    { 0x2047, "A <4" },
    { 0x2048, "A <4" },
    { 0x2027, "A 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 <3 02 03 04 05 06 07 08 09 0a 0b "
              "0c 0d 0e 0f 10" },
    { 0x2028, "A" },
    { 0x202d, "<2" },
    { 0x202e, "<4 00" },
    { 0x204e, "A <2" },
    { 0x2011, "A" },
    { 0x2012, "A" },
    { 0x203c, "-<4" },
    { 0x2062, "07 10 27 00 10 27 00 00 00 00 0a 00 0a 00 02 01 <120 00 <120 00 02 02 <14 <14 02 "
              "<120 00 <120 00 02 02 01 01" },
    { 0x2064, "01 0<4 01 4<3 00" },
    { 0x2065, "-07" },
    { 0x2066, "0<8 01" },
    { 0x2067, "-0<8 01 0d" },
    { 0x0406, "-0<8 01 13" },
    { 0x2068, "<2 <4 01 10 27 00 28 00 0a 00 <5 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
              "00 00 00" },
    { 0x206a, "-<2 16" },
    { 0x206b, "0<4 <4 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 64 00 01 01" },
    { 0x206c, "-0<4" },
    { 0x206e, "0<8 01 <2 00 03 00 00 00 00 00 00 00 00" },
    { 0x206f, "0<8 01 <4" },
    { 0x205a, "4<3 00 00 00 <4 00" },
    { 0x205b, "4<3 00 00 00 <4" },
    { 0x205c, "4<3 00 <3 00 00 64 00 00" },
    { 0x2014, "ff <255 <255 ff 1f" },
};
enum { ACTS = sizeof acts / sizeof *acts };

/* Scripts of several commands: a train, a BIG, a sync, a BIG sync, a connection, a CIS. */
static const char *const scripts[] = {
    "2036 00 00 00 I 07 00 A 00 7f 01 00 01 01 00;203e 00 M 00 00;2040 01 00;"
    "2039 01 01 00 00 00 00",
    "2068 00 00 01 10 27 00 28 00 0a 00 <5 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    "00 00",
    "2042 00 00 00 00 00 00;2041 00 00 01 00 50 00 50 00;2042 01 00 00 00 00 00;"
    "2044 00 01 A 00 00 64 00 00",
    "206b 02 <2 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 64 00 01 01",
    "2036 01 13 00 I 07 00 A 00 7f 01 00 01 00 00;2039 01 01 01 00 00 00",
    "2042 00 00 00 00 00 00;2043 00 00 A 01 C",
    "2062 07 10 27 00 10 27 00 00 00 00 0a 00 0a 00 01 01 28 00 28 00 02 02 02 02;"
    "2064 01 00 01 4<2 00",
    "2066 0<8 01",
};
enum { SCRIPTS = sizeof scripts / sizeof *scripts };

/* Commands that complete by an event: each accepted one gets that event once. */
static const struct {
    uint16_t opcode, event;
} reported[] = {
    { 0x2043, 0x3e0a }, { 0x2044, 0x3e0e }, { 0x2064, 0x3e19 }, { 0x2066, 0x3e19 },
    { 0x2068, 0x3e1b }, { 0x206a, 0x3e1c }, { 0x206b, 0x3e1d },
};
enum { REPORTED = sizeof reported / sizeof *reported };

static struct {
    int pending[REPORTED];
    unsigned reports;
} host[N];

static void on_event(int which, unsigned code, const uint8_t *e)
{
    if (code == 0x3e0a && e[3]) {
        return; /* as a peripheral */
    }
    host[which].reports += code == 0x3e0d;
    for (int k = 0; k < REPORTED; k++) {
        if (reported[k].event == code && host[which].pending[k]) {
            host[which].pending[k]--;
            r.ended += e[0] == 0;
            return;
        }
    }
    for (int k = 0; k < REPORTED; k++) {
        if (reported[k].event == code) {
            complain(which, "an event that was not asked for", code, e[0]);
            return;
        }
    }
}

/* --- parameters ------------------------------------------------------------------------------- */

struct params {
    uint8_t b[255];
    size_t n;
};

static void put(struct params *p, unsigned octets, uint32_t value)
{
    for (unsigned k = 0; k < octets && p->n < sizeof p->b; k++) {
        p->b[p->n++] = (uint8_t)value;
        value >>= 8;
    }
}

static void put_twice(struct params *p, unsigned octets, uint32_t value)
{
    put(p, octets, value);
    put(p, octets, value);
}

static void put_data(struct params *p)
{
    size_t most = sizeof p->b - 1 - p->n;
    unsigned n = below(251), seed = below(3);
    n = n < most ? n : (unsigned)most;
    put(p, 1, n);
    for (unsigned k = 0; k < n; k++) {
        put(p, 1, octet_at(k, n, seed));
    }
}

static void put_kind(struct params *p, char kind)
{
    static const uint8_t properties[] = { 0,    1,    2,    4,    5,    6,    0x10, 0x12,
                                          0x13, 0x15, 0x1d, 0x20, 0x40, 0x41, 0x42 };
    unsigned n;
    switch (kind) {
    case 'A':
        put(p, 1, 0);
        put(p, 1, 1 + below(N));
        put(p, 4, 0x05040302);
        put(p, 1, 6);
        break;
    case 'I': put_twice(p, 3, 0x20 + below(200)); break;
    case 'M': put_twice(p, 2, 6 + below(80)); break;
    case 'W':
        n = 8 + below(90);
        put(p, 2, n);
        put(p, 2, 4 + below(n - 3));
        break;
    case 'C':
        put_twice(p, 2, 0x10);
        put_twice(p, 2, 6 + below(40));
        put(p, 2, below(3));
        put(p, 2, 100);
        put(p, 4, 0);
        break;
    case 'P': put(p, 2, properties[below(sizeof properties)]); break;
    case 'D': put_data(p); break;
    default:
        for (n = below(41); n; n--) {
            put(p, 1, below(256));
        }
    }
}

/* In "<n" and "4<n" the digit before `<` is the high nibble: it counts sixteens. */
static void put_params(struct params *p, const char *s)
{
    p->n = 0;
    while (*s) {
        char *end;
        unsigned sixteens = s[0] != '<' && s[1] == '<' ? (unsigned)(*s++ - '0') * 16 : 0;
        if (*s == '<') {
            put(p, 1, sixteens + below((unsigned)strtoul(s + 1, &end, 10)));
            s = end;
        } else if (*s >= 'A' && *s <= 'Z') {
            put_kind(p, *s++);
        } else {
            put(p, 1, (uint32_t)strtoul(s, &end, 16));
            s = end;
        }
        s += *s == ' ';
    }
}

/* --- random commands of hosts ----------------------------------------------------------------- */

static void act(int which, unsigned opcode, const struct params *p)
{
    int k = 0;
    while (k < REPORTED && reported[k].opcode != opcode) {
        k++;
    }
    if (k == REPORTED) {
        ask(which, opcode, p->b, p->n);
        return;
    }
    read_events(which);
    host[which].pending[k]++;
    if (ask(which, opcode, p->b, p->n)) {
        host[which].pending[k]--;
    }
}

/* Any LE command except those that mask events, and some of the other groups. */
static void act_any(int which)
{
    static const uint16_t others[] = { 0x0c2d, 0x0c33, 0x0c35, 0x0c7b, 0x0c7c, 0x1001, 0x1002,
                                       0x1003, 0x1005, 0x1009, 0x1405, 0x041d, 0x0c14, 0xfc01 };
    unsigned opcode = below(8) ? 0x2002 + below(0x8d) : others[below(14)];
    struct params p;
    put_params(&p, "R");
    if (below(2) && p.n > 1) { /* handle of a connection */
        p.b[0] = (uint8_t)(HANDLE + below(3));
        p.b[1] = 0;
    }
    if (opcode != 0x0c35) {
        act(which, opcode, &p);
    }
}

static void ask_text(int which, unsigned opcode, const char *text)
{
    struct params p;
    put_params(&p, text);
    act(which, opcode, &p);
}

static void all_off(int which)
{
    char t[16];
    for (unsigned k = 0; k < 8; k++) {
        snprintf(t, sizeof t, "%02x 00 13", HANDLE + k % 3);
        ask_text(which, 0x0406, t);
        snprintf(t, sizeof t, "%02x 16", k % 4);
        ask_text(which, 0x206a, t);
        snprintf(t, sizeof t, "%02x", k % 4);
        ask_text(which, 0x206c, t);
        snprintf(t, sizeof t, "00 %02x", k % 4);
        ask_text(which, 0x2040, t);
        snprintf(t, sizeof t, "%02x 00", k % 4);
        ask_text(which, 0x2046, t);
    }
    ask_text(which, 0x200e, "");
    ask_text(which, 0x2039, "00 00");
    ask_text(which, 0x2042, "00 00 00 00 00 00");
    ask_text(which, 0x2045, "");
    ask_text(which, 0x202d, "00");
    ask_text(which, 0x202e, "10 0e");
}

static void act_row(int which, unsigned k)
{
    struct params p;
    const char *text = acts[k].params;
    if (*text != '-' || !below(4)) {
        put_params(&p, text + (*text == '-'));
        act(which, acts[k].opcode, &p);
    }
}

static void act_script(int which, const char *text)
{
    char line[200], *end;
    while (*text) {
        size_t n = strcspn(text, ";");
        assert_true(n < sizeof line);
        memcpy(line, text, n);
        line[n] = 0;
        unsigned opcode = (unsigned)strtoul(line, &end, 16);
        ask_text(which, opcode, end + (*end == ' '));
        text += n + (text[n] == ';');
    }
}

static void check_ended(void)
{
    for (int which = 0; which < N; which++) {
        for (int k = 0; k < REPORTED; k++) {
            if (host[which].pending[k]) {
                complain(which, "not told of", reported[k].opcode,
                         (unsigned)host[which].pending[k]);
            }
        }
    }
}

/* Each controller receives each other one, from whatever state it is in. */
static void check_hears(void)
{
    for (int k = 0; k < N; k++) {
        ask_text(k, 0x203d, "");
        ask_text(k, 0x2036,
                 "09 00 00 20 00 00 20 00 00 07 00 00 00 00 00 00 00 00 00 7f 01 00 01 "
                 "01 00");
        ask_text(k, 0x2037, "09 03 01 03 02 01 06");
        ask_text(k, 0x2041, "00 00 01 00 10 00 10 00");
    }
    for (int k = 0; k < N; k++) {
        for (int to = 0; to < N; to++) {
            if (k == to) {
                continue;
            }
            ask_text(k, 0x2039, "01 01 09 00 00 00");
            ask_text(to, 0x2042, "01 00 00 00 00 00");
            host[to].reports = 0;
            run_for(1500000);
            if (!host[to].reports) {
                complain(to, "does not hear", (unsigned)k, 0);
            }
            ask_text(k, 0x2039, "00 01 09 00 00 00");
            ask_text(to, 0x2042, "00 00 00 00 00 00");
        }
    }
}

static void commands(uint64_t seed)
{
    /* nothing wakes the air but new private addresses */
    enum { ASLEEP_US = 3600u * 1000000u - 60000000u };
    memset(host, 0, sizeof host);
    r.on_event = NULL;
    random_world(seed, N, 50);
    r.on_event = on_event;
    for (unsigned step = 0; step < STEPS; step++) {
        int which = (int)below(N);
        unsigned kind = below(8);
        if (kind < 4) {
            act_script(which, scripts[below(SCRIPTS)]);
        } else if (kind < 7) {
            act_row(which, below(ACTS));
        } else {
            act_any(which);
        }
        run_for(below(60000));
    }
    for (int k = 0; k < 2 * N; k++) { /* a train ends only after its BIG */
        all_off(k % N);
        run_for(500000);
    }
    run_for(45000000);
    check_ended();
    if (woad_air_next(w.air) < woad_air_now(w.air) + ASLEEP_US) {
        complain(0, "the air does not sleep", 0, 0);
    }
    check_hears();
    apart();
}

static void any_command_in_any_state(void **state)
{
    (void)state;
    random_worlds(4, commands);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(any_command_in_any_state) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
