/* A private address is renewed in its time, whatever the host does meanwhile: an attempt to
 * connect, which may never end, pauses for it.  Vol 3, Part C, 10.7.1.1 */
#include "solo.h"

static const struct woad_feature *const features[] = {
    &woad_feature_advertiser,  &woad_feature_scanner,          &woad_feature_central,
    &woad_feature_gatt_server, &woad_feature_security_manager, NULL
};
static const struct woad_feature *const with_reconnection[] = { &woad_feature_advertiser,
                                                                &woad_feature_scanner,
                                                                &woad_feature_central,
                                                                &woad_feature_gatt_server,
                                                                &woad_feature_security_manager,
                                                                &woad_feature_reconnection,
                                                                NULL };
enum { SET_RANDOM_ADDRESS = 0x2005, CREATE = 0x200d, CANCEL = 0x200e, SCAN_ENABLE = 0x200c };

static struct woad_connect_params params = { 96, 48, 24, 40, 0, 100, 0 };
static const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
static bool answers_cancel;

/* Advertises with private addresses of 10 s, and connects. */
static void begin(const struct woad_feature *const *named, bool bonded, uint32_t timeout_ms)
{
    const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    const uint8_t irk[16] = { 1, 2, 3 };
    struct woad_bond bond = {
        .key_size = 16, .flags = 1, .has_own_ltk = 1, .has_peer_ltk = 1, .has_irk = 1
    };
    memcpy(bond.peer.octet, peer.octet, 6);
    memset(bond.irk, 7, 16);
    answers_cancel = true;
    solo_boot(solo_config(named));
    woad_set_irk(solo.h, irk);
    if (bonded) {
        assert_int_equal(woad_bond_add(solo.h, &bond), 0);
    }
    assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_RESOLVABLE, 10), 0);
    solo_pump();
    assert_int_equal(woad_adv_start(solo.h, &adv), 0);
    solo_pump();
    params.timeout_ms = timeout_ms;
    assert_int_equal(woad_connect(solo.h, &peer, &params), 0);
    solo_pump();
    solo_forget();
}

/* LE Connection Complete, Unknown Connection Identifier: the attempt is cancelled. */
static void cancelled(void)
{
    const uint8_t event[3 + 19] = { 4, 0x3e, 19, 1, 2 };
    assert_int_equal(solo_rx(event, sizeof event), 0);
    solo_pump();
}

static void pass(unsigned seconds)
{
    size_t seen = solo_commands(CANCEL);
    for (unsigned n = 0; n < seconds; n++) {
        solo_tick(1000);
        if (solo_commands(CANCEL) > seen && answers_cancel) {
            cancelled();
        }
        seen = solo_commands(CANCEL);
    }
}

static void attempt_without_a_limit_pauses(void **state)
{
    (void)state;
    for (int answered = 0; answered < 2; answered++) {
        begin(features, false, 0);
        answers_cancel = answered;
        pass(45);
        assert_int_equal(solo_commands(SET_RANDOM_ADDRESS), 4);
        assert_int_equal(solo_commands(CREATE), 4);
        assert_true(woad_adv_running(solo.h));
        assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 0);
        solo_end();
    }
}

/* The limit of the attempt holds over its pauses. */
static void limit_holds_over_pauses(void **state)
{
    (void)state;
    begin(features, false, 34500);
    pass(60);
    assert_int_equal(solo_commands(CREATE), 3);
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 1);
    assert_int_equal(solo_last(WOAD_EV_CONNECT_FAILED)->u.connect_failed.status, WOAD_ETIMEDOUT);
    solo_end();
}

static void cancelled_while_it_pauses(void **state)
{
    (void)state;
    begin(features, false, 0);
    answers_cancel = false;
    pass(10);
    solo_tick(10);
    assert_int_equal(solo_commands(CANCEL), 1);
    assert_int_equal(woad_connect_cancel(solo.h), 0);
    assert_int_equal(woad_connect_cancel(solo.h), WOAD_EALREADY);
    cancelled();
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 1);
    assert_int_equal(solo_last(WOAD_EV_CONNECT_FAILED)->u.connect_failed.status, WOAD_ECANCELED);
    assert_int_equal(solo_commands(CREATE), 0);
    pass(20);
    assert_int_equal(solo_commands(SET_RANDOM_ADDRESS), 2);
    solo_end();
}

/* The connection opens before the controller has the cancel. */
static void connected_while_it_pauses(void **state)
{
    (void)state;
    begin(features, false, 0);
    answers_cancel = false;
    pass(10);
    solo_tick(10);
    solo_connected(SOLO_HANDLE, true, 9);
    assert_int_equal(solo_count(WOAD_EV_CONNECT), 1);
    pass(20);
    assert_int_equal(solo_commands(SET_RANDOM_ADDRESS), 2);
    assert_int_equal(solo_commands(CREATE), 0);
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 0);
    solo_end();
}

/* The host scans for a bonded peer with private addresses (woad_feature_reconnection). */
static void scan_for_a_peer_pauses(void **state)
{
    (void)state;
    begin(with_reconnection, true, 0);
    pass(45);
    assert_int_equal(solo_commands(SET_RANDOM_ADDRESS), 4);
    assert_int_equal(solo_commands(SCAN_ENABLE), 8);
    assert_true(woad_adv_running(solo.h));
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempt_without_a_limit_pauses),
        cmocka_unit_test(limit_holds_over_pauses),
        cmocka_unit_test(cancelled_while_it_pauses),
        cmocka_unit_test(connected_while_it_pauses),
        cmocka_unit_test(scan_for_a_peer_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
