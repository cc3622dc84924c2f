/* HCI commands for advertising: extended commands, and changes while the controller has not
 * answered the command before. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_extended_advertising,
                                                       &woad_feature_link_control, NULL };

enum {
    SET_ADV_ENABLE = 0x200a,
    SET_EXT_PARAMS = 0x2036,
    SET_EXT_DATA = 0x2037,
    SET_EXT_RSP = 0x2038,
    SET_EXT_ENABLE = 0x2039,
    REMOVE_SET = 0x203c
};
enum { HAS_EXTENDED = 4 }; /* octet 36: LE Set Extended Advertising Parameters */
enum { CONNECTABLE = 1, SCANNABLE = 2, DIRECTED = 4, LEGACY = 0x10 };
enum { INVALID_PARAMETERS = 0x12, UNKNOWN_SET = 0x42, DISALLOWED = 0x0c, TIMED_OUT = 0x3c };

/* Checks all commands against 7.8.53 to 7.8.55: the data of a set must fit its properties at
 * each command. */
static void set_rules_stored(void)
{
    struct {
        bool there, data, rsp;
        unsigned props;
    } sets[4] = { 0 };
    for (size_t at = 0; at < solo.commands; at++) {
        const uint8_t *p = solo.command[at].params;
        unsigned op = solo.command[at].opcode;
        if (op < SET_EXT_PARAMS || op > REMOVE_SET || op == SET_EXT_ENABLE) {
            continue;
        }
        assert_true(p[0] < 4);
        bool removed = op == REMOVE_SET;
        assert_true(sets[p[0]].there || op == SET_EXT_PARAMS);
        sets[p[0]].data = !removed && (op == SET_EXT_DATA ? p[3] > 0 : sets[p[0]].data);
        sets[p[0]].rsp = !removed && (op == SET_EXT_RSP ? p[3] > 0 : sets[p[0]].rsp);
        sets[p[0]].props = op == SET_EXT_PARAMS ? p[1] : sets[p[0]].props;
        sets[p[0]].there = !removed;
        unsigned props = sets[p[0]].props;
        bool for_data = props & LEGACY ? !(props & DIRECTED) : !(props & SCANNABLE);
        assert_true(for_data || (!sets[p[0]].data && op != SET_EXT_DATA));
        assert_true(props & SCANNABLE || (!sets[p[0]].rsp && op != SET_EXT_RSP));
    }
}

static void boot(bool extended)
{
    struct woad_config config = solo_config(features);
    config.adv_sets = 2;
    solo.supported_commands[36] = extended ? HAS_EXTENDED : 0;
    solo_boot(config);
}

static const struct solo_command *last_command(unsigned opcode)
{
    for (size_t at = solo.commands; at-- > 0;) {
        if (solo.command[at].opcode == opcode) {
            return &solo.command[at];
        }
    }
    return NULL;
}

static const uint8_t flags[] = { 2, 1, 6 }, power[] = { 2, 10, 0 };

/* GAP/BROB, GAP/DISC: advertising changes from each kind to each other kind.  A strict
 * controller accepts every command, and the data of a kind are set when it starts. */
static void each_kind_after_each(void **state)
{
    (void)state;
    for (uint8_t first = WOAD_ADV_IND; first <= WOAD_ADV_DIRECT_LOW; first++) {
        for (uint8_t then = WOAD_ADV_IND; then <= WOAD_ADV_DIRECT_LOW; then++) {
            struct woad_adv_params p = { .kind = first,
                                         .interval_625us = 160,
                                         .peer = { 0, { 9, 9, 9, 9, 9, 9 } } };
            boot(true);
            woad_adv_set_data(solo.h, flags, sizeof flags);
            woad_adv_set_scan_response(solo.h, power, sizeof power);
            woad_adv_start(solo.h, &p);
            solo_pump();
            assert_int_equal(solo_count(WOAD_EV_ADV_STARTED), 1);
            p.kind = then;
            woad_adv_start(solo.h, &p);
            solo_pump();
            assert_int_equal(solo_count(WOAD_EV_ADV_STARTED), 2);
            set_rules_stored();
            bool directed = then == WOAD_ADV_DIRECT_HIGH || then == WOAD_ADV_DIRECT_LOW;
            bool scannable = then == WOAD_ADV_IND || then == WOAD_ADV_SCAN_IND;
            const struct solo_command *data = last_command(SET_EXT_DATA);
            const struct solo_command *rsp = last_command(SET_EXT_RSP);
            assert_true(directed || (data && data->params[3] == sizeof flags));
            assert_true(!scannable || (rsp && rsp->params[3] == sizeof power));
            assert_int_equal(solo_commands(REMOVE_SET), first != then);
            solo_end();
        }
    }
}

/* Directed advertising has no data: data that are set meanwhile are sent with the next kind that
 * has them. */
static void data_wait_for_a_kind_that_has_them(void **state)
{
    struct woad_adv_params p = { .kind = WOAD_ADV_DIRECT_LOW, .interval_625us = 160 };
    (void)state;
    boot(true);
    woad_adv_start(solo.h, &p);
    solo_pump();
    woad_adv_set_data(solo.h, flags, sizeof flags);
    woad_adv_set_scan_response(solo.h, power, sizeof power);
    solo_pump();
    assert_int_equal(solo_commands(SET_EXT_DATA) + solo_commands(SET_EXT_RSP), 0);
    p.kind = WOAD_ADV_NONCONN_IND;
    woad_adv_start(solo.h, &p);
    solo_pump();
    assert_int_equal(last_command(SET_EXT_DATA)->params[3], sizeof flags);
    assert_int_equal(solo_commands(SET_EXT_RSP), 0);
    set_rules_stored();
    solo_end();
}

/* An extended set with data becomes a scannable set with a response, and back, with parts of 251
 * octets. */
static void extended_set_changes_what_it_has(void **state)
{
    static uint8_t octets[600];
    struct woad_ext_adv_params p = { .interval_625us = 160, .tx_power_dbm = WOAD_TX_POWER_ANY };
    (void)state;
    boot(true);
    woad_ext_adv_set_data(solo.h, 1, octets, sizeof octets);
    woad_ext_adv_set_scan_response(solo.h, 1, octets, 300);
    for (int n = 0; n < 4; n++) {
        p.scannable = n & 1;
        assert_int_equal(woad_ext_adv_start(solo.h, 1, &p), 0);
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_EXT_ADV_STARTED), (size_t)n + 1);
        set_rules_stored();
        assert_int_equal(last_command(p.scannable ? SET_EXT_RSP : SET_EXT_DATA)->params[1], 2);
    }
    assert_int_equal(solo_commands(REMOVE_SET), 3);
    /* the advertising data, which a scannable set can't have, do not stop the set */
    p.scannable = true;
    woad_ext_adv_set_data(solo.h, 1, octets, sizeof octets);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_STARTED), 4);
    solo_end();
}

/* The controller refuses the data: the next start sends them again. */
static void data_refused_are_sent_again(void **state)
{
    struct woad_adv_params p = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    (void)state;
    boot(true);
    woad_adv_set_data(solo.h, flags, sizeof flags);
    woad_adv_start(solo.h, &p);
    solo.withheld = SET_EXT_DATA;
    solo_pump();
    solo.withheld = 0;
    SOLO_RX(4, 0x0e, 4, 1, 0x37, 0x20, INVALID_PARAMETERS);
    solo_pump();
    assert_int_equal(solo_last(WOAD_EV_ADV_FAILED)->u.adv.status, INVALID_PARAMETERS);
    assert_false(woad_adv_running(solo.h));
    woad_adv_start(solo.h, &p);
    solo_pump();
    assert_int_equal(solo_commands(SET_EXT_DATA), 2);
    assert_int_equal(solo_count(WOAD_EV_ADV_STARTED), 1);
    solo_end();
}

/* --- restarts while a command has no answer --------------------------------------------------- */

static const struct woad_adv_params one = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
static const struct woad_adv_params other = { .kind = WOAD_ADV_IND, .interval_625us = 320 };
static const struct woad_adv_params high = { .kind = WOAD_ADV_DIRECT_HIGH,
                                             .interval_625us = 32,
                                             .peer = { 0, { 9 } } };

/* Starts advertising with `first`, then restarts it with `then` (NULL: stops it).  The disable
 * command has no answer yet. */
static void begin_again(const struct woad_adv_params *first, const struct woad_adv_params *then)
{
    boot(false);
    woad_adv_start(solo.h, first);
    solo_pump();
    solo_forget();
    solo.withheld = SET_ADV_ENABLE;
    assert_int_equal(then ? woad_adv_start(solo.h, then) : woad_adv_stop(solo.h), 0);
    solo_pump();
    assert_int_equal(last_command(SET_ADV_ENABLE)->params[0], 0);
}

static void enable_answered(uint8_t status)
{
    solo.withheld = 0;
    SOLO_RX(4, 0x0e, 4, 1, 0x0a, 0x20, status);
    solo_pump();
}

static void high_duty_over(void)
{
    SOLO_RX(4, 0x3e, 19, 1, TIMED_OUT, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

static void start_survives_a_connection(void **state)
{
    (void)state;
    begin_again(&one, &other);
    solo_connected(SOLO_HANDLE, false, 9);
    enable_answered(DISALLOWED);
    assert_int_equal(solo_count(WOAD_EV_CONNECT), 1);
    assert_int_equal(solo_count(WOAD_EV_ADV_STARTED), 1);
    assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 0);
    assert_true(woad_adv_running(solo.h));
    solo_end();
}

static void start_survives_the_end_of_high_duty(void **state)
{
    (void)state;
    begin_again(&high, &other);
    high_duty_over();
    enable_answered(DISALLOWED);
    assert_int_equal(solo_count(WOAD_EV_ADV_STARTED), 1);
    assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 0);
    assert_true(woad_adv_running(solo.h));
    solo_end();
}

/* woad_adv_stop() raises one WOAD_EV_ADV_STOPPED, even if advertising ends before the controller
 * answers. */
static void stop_is_reported_once(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) {
        begin_again(how == 1 ? &one : &high, NULL);
        if (how == 1) {
            solo_connected(SOLO_HANDLE, false, 9);
        } else if (how == 2) {
            high_duty_over();
        }
        enable_answered(how ? DISALLOWED : 0);
        assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 1);
        assert_false(woad_adv_running(solo.h));
        solo_end();
    }
}

/* Advertising that is stopped before a command has enabled it raises one WOAD_EV_ADV_STOPPED:
 * with legacy commands, extended commands, and a set. */
static void stop_before_it_runs_is_reported(void **state)
{
    struct woad_ext_adv_params p = { .interval_625us = 160, .tx_power_dbm = WOAD_TX_POWER_ANY };
    (void)state;
    for (int extended = 0; extended < 2; extended++) {
        boot(extended);
        woad_adv_start(solo.h, &one);
        woad_adv_stop(solo.h);
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 1);
        solo.withheld = extended ? SET_EXT_PARAMS : 0x2006;
        woad_adv_start(solo.h, &one);
        solo_pump();
        woad_adv_stop(solo.h);
        SOLO_RX(4, 0x0e, 4, 1, extended ? 0x36 : 6, 0x20, DISALLOWED);
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 2);
        assert_int_equal(solo_count(WOAD_EV_ADV_FAILED) + solo_count(WOAD_EV_ADV_STARTED), 0);
        solo_end();
    }
    boot(true);
    woad_ext_adv_start(solo.h, 0, &p);
    woad_ext_adv_stop(solo.h, 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_ENDED), 1);
    solo.withheld = SET_EXT_ENABLE;
    woad_ext_adv_start(solo.h, 0, &p);
    solo_pump();
    woad_ext_adv_stop(solo.h, 0);
    solo.withheld = 0;
    SOLO_RX(4, 0x0e, 4, 1, 0x39, 0x20, 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_STARTED), 1);
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_ENDED), 2);
    solo_end();
}

/* A set that is started again at the moment its duration ends keeps running. */
static void set_start_survives_its_duration(void **state)
{
    static const struct woad_ext_adv_params p = { .connectable = true,
                                                  .interval_625us = 32,
                                                  .tx_power_dbm = WOAD_TX_POWER_ANY,
                                                  .duration_10ms = 100 };
    (void)state;
    boot(true);
    woad_ext_adv_start(solo.h, 0, &p);
    solo_pump();
    solo_forget();
    solo.withheld = SET_EXT_ENABLE;
    woad_ext_adv_start(solo.h, 0, &p);
    solo_pump();
    SOLO_RX(4, 0x3e, 6, 0x12, TIMED_OUT, 1, 0, 0, 0);
    solo.withheld = 0;
    SOLO_RX(4, 0x0e, 4, 1, 0x39, 0x20, UNKNOWN_SET);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_STARTED), 1);
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_ENDED), 0);
    solo_end();
}

/* A running set ends when its new data are refused: one event with the status. */
static void set_refused_data_end_it_once(void **state)
{
    static const struct woad_ext_adv_params p = { .interval_625us = 32,
                                                  .tx_power_dbm = WOAD_TX_POWER_ANY };
    (void)state;
    boot(true);
    woad_ext_adv_start(solo.h, 0, &p);
    solo_pump();
    solo.withheld = SET_EXT_DATA;
    woad_ext_adv_set_data(solo.h, 0, flags, sizeof flags);
    solo_pump();
    solo.withheld = 0;
    SOLO_RX(4, 0x0e, 4, 1, 0x37, 0x20, INVALID_PARAMETERS);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_ENDED), 1);
    assert_int_equal(solo_last(WOAD_EV_EXT_ADV_ENDED)->u.ext_adv.status, INVALID_PARAMETERS);
    solo_end();
}

/* A set is stopped while its enable command has no answer, and the command is then refused. */
static void set_stopped_and_refused(void **state)
{
    static const struct woad_ext_adv_params p = { .interval_625us = 160, .tx_power_dbm = 127 };
    (void)state;
    boot(true);
    solo.withheld = SET_EXT_ENABLE;
    assert_int_equal(woad_ext_adv_start(solo.h, 1, &p), 0);
    solo_pump();
    assert_int_equal(woad_ext_adv_stop(solo.h, 1), 0);
    SOLO_RX(4, 0x0e, 4, 1, 0x39, 0x20, 0x0d);
    solo.withheld = 0;
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_STARTED), 0);
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_ENDED), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_stopped_and_refused),
        cmocka_unit_test(each_kind_after_each),
        cmocka_unit_test(data_wait_for_a_kind_that_has_them),
        cmocka_unit_test(extended_set_changes_what_it_has),
        cmocka_unit_test(data_refused_are_sent_again),
        cmocka_unit_test(start_survives_a_connection),
        cmocka_unit_test(start_survives_the_end_of_high_duty),
        cmocka_unit_test(stop_is_reported_once),
        cmocka_unit_test(stop_before_it_runs_is_reported),
        cmocka_unit_test(set_start_survives_its_duration),
        cmocka_unit_test(set_refused_data_end_it_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
