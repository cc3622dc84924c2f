/* The arbiter of the simulated radio: which activity radio_claim() gives the radio to, on a
 * hand-made controller.  Vol 6, Part B, 4.5.2 */
#include "cm.h"

#include "../../air/hci/hci.h"

enum { NOW_US = 100000000, MS = 1000 };

static struct woad_air air;
static struct link links[2];
static struct ll_adv sets[1];
static struct iso isos[1];
static struct ll ll;
static controller c;

/* Makes a connection: interval in 1.25 ms, supervision timeout in 10 ms, time since the last
 * packet. */
static struct link connection(uint16_t interval, uint16_t supervision, uint64_t idle_ms)
{
    uint64_t at = NOW_US - idle_ms * MS;
    return (struct link){ .used = true,
                          .established = true,
                          .central = true,
                          .interval = interval,
                          .supervision = supervision,
                          .subrate_factor = 1,
                          .event = 1000,
                          .last_exchange_at = at,
                          .confirmed_at = at,
                          .ref_anchor = at,
                          .aa = 0x12345678,
                          .anchor = NEVER };
}

/* `holder` with index 0 has the radio; returns whether `owner` with `index` takes it. */
static bool takes(uint8_t holder, uint8_t owner, uint8_t index)
{
    c.radio.state = RADIO_WAIT;
    c.radio.owner = holder;
    c.radio.index = 0;
    return radio_claim(&c, owner, index);
}

static int setup(void **state)
{
    (void)state;
    memset(&air, 0, sizeof air);
    memset(&ll, 0, sizeof ll);
    memset(&c, 0, sizeof c);
    c.ll = &ll;
    c.scan = &ll.scan;
    c.sync = ll.sync;
    c.big = ll.big;
    air.now = NOW_US;
    c.air = &air;
    c.activities = air_activities;
    c.links = links;
    c.sets = sets;
    c.iso = isos;
    c.adv_now = sets;
    c.n_sets = 1;
    c.cfg.conns = 2;
    c.cfg.adv_sets = 1;
    c.cfg.iso = 1;
    memset(sets, 0, sizeof sets);
    memset(isos, 0, sizeof isos);
    links[0] = links[1] = connection(80, 1000, 0);
    return 0;
}

/* One connection has used 0.9 of its timeout and has ten events left, the other has one event
 * left: the other takes the radio. */
static void last_event_before_the_timeout(void **state)
{
    (void)state;
    links[0] = connection(80, 1000, 9000);
    links[1] = connection(320, 100, 800);
    assert_true(takes(ACTIVITY_CONN, ACTIVITY_CONN, 1));
    links[0] = connection(80, 1000, 9000);
    links[1] = connection(320, 160, 800);
    assert_false(takes(ACTIVITY_CONN, ACTIVITY_CONN, 1));
}

/* In its first six events a connection may be established on one side only: the other side drops
 * it after six events without a packet, or after a shorter supervision timeout. */
static void first_six_events(void **state)
{
    (void)state;
    links[0] = connection(80, 1000, 4000); /* without the rule its turns would win: 512 */
    links[0].supervision = 3200;
    links[1] = connection(80, 3200, 400);
    assert_false(takes(ACTIVITY_CONN, ACTIVITY_CONN, 1));
    links[1].event = 5; /* 4 of 6 events used */
    assert_true(takes(ACTIVITY_CONN, ACTIVITY_CONN, 1));
    links[0] = connection(80, 1000, 3000); /* at least 0.5 by turns */
    links[1] = connection(640, 192, 1100); /* 1.4 of 6 events, 0.57 of 1.92 s */
    links[1].event = 2;
    assert_true(takes(ACTIVITY_CONN, ACTIVITY_CONN, 1));
}

/* A peripheral's last packet is not acknowledged: the connection is closer to its timeout than
 * the peripheral's own receptions show, because the central has not received since. */
static void packet_that_was_not_acknowledged(void **state)
{
    (void)state;
    links[0] = connection(80, 1000, 3000);
    links[1] = connection(80, 40, 100);
    links[1].central = false;
    links[1].confirmed_at = NOW_US - 350 * MS;
    assert_false(takes(ACTIVITY_CONN, ACTIVITY_CONN, 1));
    links[1].unconfirmed = true;
    assert_true(takes(ACTIVITY_CONN, ACTIVITY_CONN, 1));
}

/* Only a connection with three events left or fewer interrupts a connectable advertising event. */
static void advertising_event_and_a_connection(void **state)
{
    (void)state;
    sets->kind = ADV_KIND_IND;
    links[1] = connection(80, 60, 100);
    assert_false(takes(ACTIVITY_ADV, ACTIVITY_CONN, 1));
    links[1] = connection(80, 60, 350);
    assert_true(takes(ACTIVITY_ADV, ACTIVITY_CONN, 1));
    links[0].used = false;
    links[1].anchor = NOW_US + 500;
    assert_false(radio_clear(&c, NOW_US + 1000, 4));
    links[1] = connection(80, 60, 100);
    links[1].anchor = NOW_US + 500;
    assert_true(radio_clear(&c, NOW_US + 1000, 4));
    assert_false(radio_clear(&c, NOW_US + 1000, 3));
}

/* Counts how often of 1,000 a BIG subevent wins against a periodic advertising packet that has
 * waited this long. */
static unsigned lots_won(uint64_t periodic_adv_ms)
{
    unsigned won = 0;
    sets->periodic = (struct periodic_adv){ .aa = 0x11111111, .interval = 80, .chain_at = NEVER };
    isos->kind = ISO_BIS_OUT;
    isos->interval = 80;
    isos->last_exchange_at = NOW_US - 100 * MS;
    c.big->info.seed = 0x22222222;
    for (unsigned k = 0; k < 1000; k++) {
        isos->event = k;
        sets->periodic.counter = (uint16_t)(2 * k);
        sets->periodic.last_sent_at = NOW_US - periodic_adv_ms * MS;
        c.ll->lot = (struct lot){ 0x11111111, 80, (uint16_t)(2 * k - 1) };
        won += takes(ACTIVITY_PERIODIC_ADV, ACTIVITY_ISO, 0);
    }
    return won;
}

/* Two activities draw lots, unless one has waited more than three times as long as the other. */
static void lots(void **state)
{
    (void)state;
    assert_in_range(lots_won(100), 400, 600);
    assert_in_range(lots_won(200), 20, 100);
    assert_int_equal(lots_won(400), 0);
    assert_int_equal(lots_won(25), 1000);
}

/* A sync that is not established yet takes the radio before a connection, more often the fewer
 * tries are left.  The controller's own periodic advertising is sent as before. */
static void sync_that_has_received_nothing(void **state)
{
    (void)state;
    c.sync[0] = (struct sync){
        .used = true, .interval = 80, .aa = 0x11111111, .tries = 3, .last_rx_at = NOW_US - 300 * MS
    };
    links[1] = connection(80, 1000, 300);
    for (uint16_t k = 0; k < 1000; k++) {
        c.sync[0].counter = k;
        c.ll->lot = (struct lot){ 0x11111111, 80, k };
        assert_false(takes(ACTIVITY_SYNC, ACTIVITY_CONN, 1));
    }
    c.sync[0].established = true;
    unsigned won = 0;
    for (uint16_t k = 0; k < 1000; k++) {
        links[1] = connection(80, 1000, 300);
        links[1].event = 1000u + k;
        c.ll->lot = (struct lot){ 0x11111111, 80, k };
        won += takes(ACTIVITY_SYNC, ACTIVITY_CONN, 1);
    }
    assert_in_range(won, 400, 600);
    c.sync[0].established = false;
    won = 0;
    for (uint16_t k = 0; k < 1000; k++) {
        sets->periodic = (struct periodic_adv){ .aa = 0x22222222,
                                                .interval = 80,
                                                .counter = k,
                                                .chain_at = NEVER,
                                                .last_sent_at = NOW_US - 300 * MS };
        c.ll->lot = (struct lot){ 0x11111111, 80, k };
        won += takes(ACTIVITY_SYNC, ACTIVITY_PERIODIC_ADV, 0);
    }
    assert_in_range(won, 400, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(last_event_before_the_timeout, setup),
        cmocka_unit_test_setup(first_six_events, setup),
        cmocka_unit_test_setup(packet_that_was_not_acknowledged, setup),
        cmocka_unit_test_setup(advertising_event_and_a_connection, setup),
        cmocka_unit_test_setup(lots, setup),
        cmocka_unit_test_setup(sync_that_has_received_nothing, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
