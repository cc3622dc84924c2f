/* woad_connect() ends a scan that has not begun; the application cancels the attempt inside
 * WOAD_EV_SCAN_DONE.  The host must not go on with its own scan for the peer: it would never end,
 * and take the reports of every later scan of the application. */
#include "solo.h"

#include <stdio.h>

static const struct woad_feature *const features[] = { &woad_feature_central,
                                                       &woad_feature_reconnection,
                                                       &woad_feature_scanner,
                                                       &woad_feature_security_manager, NULL };
static const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
static const struct woad_connect_params params = { 16, 16, 24, 24, 0, 100, 0 };

static void cancels(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_SCAN_DONE) {
        assert_int_equal(woad_connect_cancel(solo.h), 0);
    }
}

static void no_scan_without_an_attempt(void **state)
{
    (void)state;
    struct woad_bond bond = {
        .key_size = 16, .flags = 1, .has_own_ltk = 1, .has_peer_ltk = 1, .has_irk = 1
    };
    const struct woad_scan_params scan = { .interval_625us = 16, .window_625us = 16 };
    memset(bond.peer.octet, 9, 6);
    memset(bond.irk, 7, 16);
    solo_boot(solo_config(features));
    assert_int_equal(woad_bond_add(solo.h, &bond), 0);
    solo.on_event = cancels;
    assert_int_equal(woad_scan_start(solo.h, &scan), 0);
    assert_int_equal(woad_connect(solo.h, &peer, &params), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_SCAN_DONE), 1);
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 1);
    solo.on_event = NULL;
    size_t on = 0;
    for (size_t n = 0; n < solo.commands; n++) {
        on += solo.command[n].opcode == 0x200c && solo.command[n].params[0];
    }
    printf("scans begun by the host without an attempt: %zu\n", on);
    /* a scan of the application gets its reports */
    solo_forget();
    assert_int_equal(woad_scan_start(solo.h, &scan), 0);
    solo_pump();
    SOLO_RX(4, 0x3e, 12, 2, 1, 3, 0, 1, 2, 3, 4, 5, 6, 0, 0xc0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_REPORT), 1);
    assert_int_equal(woad_scan_stop(solo.h), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_SCAN_DONE), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(no_scan_without_an_attempt) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
