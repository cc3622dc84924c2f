/* The transport fails inside WOAD_EV_BOND_WANTED while a pairing compares its key with the stored
 * bond: of a Pairing Request (peripheral), and of a Pairing Response (central). */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_security_manager, NULL };

static unsigned wanted, fail_at;

static void loses_the_controller(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND_WANTED && ++wanted == fail_at) {
        woad_fail(solo.h, WOAD_EIO);
    }
}

static void peripheral(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    solo_connected(SOLO_HANDLE, false, 9);
    solo.on_event = loses_the_controller;
    wanted = 0;
    fail_at = 1;
    SOLO_SMP(1, 3, 0, 9, 16, 3, 3);
    solo_pump();
    assert_int_equal(wanted, 1);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    solo_end();
}

static void central(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    solo_connected(SOLO_HANDLE, true, 9);
    solo.on_event = loses_the_controller;
    wanted = 0;
    fail_at = 2;
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_pump();
    SOLO_SMP(2, 3, 0, 9, 16, 3, 3);
    solo_pump();
    assert_int_equal(wanted, 2);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(peripheral), cmocka_unit_test(central) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
