/* Two controllers start and stop trains and BIGs at random.  A third synchronises to them by
 * scanning and by PAST from the first, to which it is connected.  The air loses no packets.  Each
 * command is answered once; each sync and BIG sync that is created gets one event; none is lost
 * while its train or BIG is on the air. */
#include "at_random.h"

enum { LISTENER = 2, N = 3, SYNCED = 4, GROUPS = 2, LATE_US = 3000000, STEPS = 600 };
enum { NOT_THERE, AWAITED, THERE };

static struct {
    bool periodic_adv, big;
    uint64_t periodic_adv_off, big_off;
} sends[2];
static struct {
    bool creates, scans, connected;
    struct {
        bool on;
        unsigned of;
    } sync[SYNCED];
    struct {
        int state;
        unsigned of;
    } group[GROUPS];
} receives;

static unsigned le16(const uint8_t *p)
{
    return p[0] | (unsigned)p[1] << 8;
}

static void on_synced(unsigned handle, const uint8_t *address)
{
    if (handle >= SYNCED || receives.sync[handle].on) {
        complain(LISTENER, "the handle of a new sync", handle, 0);
        return;
    }
    receives.sync[handle].on = true;
    receives.sync[handle].of = address[0] - 1u;
    r.ended++;
}

/* A sync may be lost only after its train has ended, or while the test starts and stops that
 * train. */
static void on_sync_lost(unsigned handle)
{
    if (handle >= SYNCED || !receives.sync[handle].on) {
        complain(LISTENER, "the loss of no sync", handle, 0);
        return;
    }
    unsigned of = receives.sync[handle].of;
    if (sends[of].periodic_adv && woad_air_now(w.air) - sends[of].periodic_adv_off > LATE_US) {
        complain(LISTENER, "a sync is lost whose train is there", handle, of);
    }
    receives.sync[handle].on = false;
}

static void on_group(unsigned code, unsigned handle, unsigned status)
{
    bool lost = code == 0x3e1e;
    if (handle >= GROUPS || receives.group[handle].state != (lost ? THERE : AWAITED)) {
        complain(LISTENER, "an event of a BIG that was not asked for", code, handle);
        return;
    }
    unsigned of = receives.group[handle].of;
    bool there = sends[of].big && woad_air_now(w.air) - sends[of].big_off > LATE_US;
    if (lost && there) {
        complain(LISTENER, "a BIG is lost that is there", handle, status);
    }
    receives.group[handle].state = lost || status ? NOT_THERE : THERE;
    r.ended += !lost && !status;
}

static void on_event(int which, unsigned code, const uint8_t *e)
{
    if (which != LISTENER) {
        return;
    }
    switch (code) {
    case 0x05:
        receives.connected = false;
        complain(which, "the connection is lost", e[3], 0);
        break;
    case 0x3e0a: receives.connected = !e[0]; break;
    case 0x3e0e:
        if (!receives.creates) {
            complain(which, "a sync that was not asked for", e[0], 0);
        }
        receives.creates = false;
        if (!e[0]) {
            on_synced(le16(e + 1), e + 5);
        }
        break;
    case 0x3e10: on_sync_lost(le16(e)); break;
    case 0x3e18:
        if (!e[0]) {
            on_synced(le16(e + 5), e + 9);
        }
        break;
    case 0x3e1d: on_group(code, e[1], e[0]); break;
    case 0x3e1e: on_group(code, e[0], e[1]); break;
    default: break;
    }
}

/* --- random commands of hosts ----------------------------------------------------------------- */

static int ask_text(int which, unsigned opcode, const char *text)
{
    uint8_t p[260];
    size_t n = 0;
    char *end;
    for (const char *s = text; *s; s = end) {
        p[n++] = (uint8_t)strtoul(s, &end, 16);
        end += *end == ' ';
    }
    return ask(which, opcode, p, n);
}

static void act_periodic_adv(unsigned of)
{
    uint8_t p[255] = { 5, 3, (uint8_t)below(150) };
    unsigned kind = below(3);
    if (kind == 0) {
        ask((int)of, 0x203f, p, 3u + p[2]);
    } else if (!sends[of].periodic_adv) {
        sends[of].periodic_adv = ask_text((int)of, 0x2040, "01 05") == 0;
        sends[of].periodic_adv_off = woad_air_now(w.air);
    } else if (!below(8) && ask_text((int)of, 0x2040, "00 05") == 0) {
        sends[of].periodic_adv = false;
        sends[of].periodic_adv_off = woad_air_now(w.air);
    }
}

static void act_big(unsigned of)
{
    char t[160];
    if (sends[of].periodic_adv && !sends[of].big) {
        snprintf(t, sizeof t,
                 "00 05 %02x 10 27 00 3c 00 0a 00 %02x 02 00 00 00 00 00 00 00 00 00 "
                 "00 00 00 00 00 00 00 00 00 00",
                 1 + below(2), below(3));
        sends[of].big = ask_text((int)of, 0x2068, t) == 0;
        sends[of].big_off = woad_air_now(w.air);
    } else if (sends[of].big && !below(8) && ask_text((int)of, 0x206a, "00 16") == 0) {
        sends[of].big = false;
        sends[of].big_off = woad_air_now(w.air);
        run_for(400000);
    }
}

static void act_sync(unsigned of)
{
    char t[80];
    unsigned handle = below(SYNCED);
    if (receives.creates && !below(6)) {
        ask_text(LISTENER, 0x2045, "");
    } else if (!receives.creates) {
        snprintf(t, sizeof t, "00 09 00 %02x 02 03 04 05 06 %02x 00 c8 00 00", of + 1, below(3));
        receives.creates = true;
        bool accepted = ask_text(LISTENER, 0x2044, t) == 0;
        receives.creates = accepted && receives.creates;
    } else if (receives.sync[handle].on && !below(3)) {
        snprintf(t, sizeof t, "%02x 00", handle);
        receives.sync[handle].on = false;
        assert_int_equal(ask_text(LISTENER, 0x2046, t), 0);
    }
}

static void act_group(void)
{
    char t[120];
    unsigned handle = below(GROUPS), sync = below(SYNCED);
    if (receives.group[handle].state != NOT_THERE && !below(3)) {
        snprintf(t, sizeof t, "%02x", handle);
        /* otherwise the BIG sync's own event reports its end */
        bool there = receives.group[handle].state == THERE;
        int status = ask_text(LISTENER, 0x206c, t);
        receives.group[handle].state = !status && there ? NOT_THERE : receives.group[handle].state;
    } else if (receives.group[handle].state == NOT_THERE && receives.sync[sync].on) {
        snprintf(t, sizeof t,
                 "%02x %02x 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                 "c8 00 01 01",
                 handle, sync);
        receives.group[handle].state = AWAITED;
        receives.group[handle].of = receives.sync[sync].of;
        if (ask_text(LISTENER, 0x206b, t)) {
            receives.group[handle].state = NOT_THERE;
        }
    }
}

static void act(void)
{
    unsigned of = below(2), kind = below(12);
    if (kind < 3) {
        act_periodic_adv(of);
    } else if (kind < 5) {
        act_big(of);
    } else if (kind < 6) {
        receives.scans = !receives.scans;
        ask_text(LISTENER, 0x2042, receives.scans ? "01 00 00 00 00 00" : "00 00 00 00 00 00");
    } else if (kind < 9) {
        act_sync(of);
    } else if (kind < 11) {
        act_group();
    } else if (receives.connected && sends[0].periodic_adv) {
        ask_text(0, 0x205b, "40 00 01 00 05");
    }
}

static void trains_begin(uint64_t seed)
{
    char t[60];
    random_world(seed, N, 0);
    r.on_event = on_event;
    ask_text(LISTENER, 0x2036,
             "01 13 00 20 00 00 20 00 00 07 00 00 00 00 00 00 00 00 00 7f 01 00 "
             "01 00 00");
    ask_text(LISTENER, 0x2039, "01 01 01 00 00 00");
    ask_text(0, 0x2043,
             "00 00 00 03 02 03 04 05 06 01 10 00 10 00 28 00 28 00 00 00 2c 01 00 00 "
             "00 00");
    run_for(400000);
    assert_true(receives.connected);
    ask_text(LISTENER, 0x205c, "40 00 02 00 00 64 00 00");
    for (int k = 0; k < 2; k++) {
        ask_text(k, 0x2036,
                 "05 00 00 a0 00 00 a0 00 00 07 00 00 00 00 00 00 00 00 00 7f 01 00 01 "
                 "09 00");
        snprintf(t, sizeof t, "05 %02x 00 64 00 00 00", 40 + below(60));
        ask_text(k, 0x203e, t);
        ask_text(k, 0x2039, "01 01 05 00 00 00");
    }
    ask_text(LISTENER, 0x2041, "00 00 01 00 50 00 50 00");
}

static void trains(uint64_t seed)
{
    memset(sends, 0, sizeof sends);
    memset(&receives, 0, sizeof receives);
    r.on_event = NULL;
    trains_begin(seed);
    for (unsigned step = 0; step < STEPS; step++) {
        act();
        run_for(1000 * below(200) + below(1000));
    }
    apart();
}

static void trains_and_groups_that_come_and_go(void **state)
{
    (void)state;
    random_worlds(4, trains);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(trains_and_groups_that_come_and_go) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
