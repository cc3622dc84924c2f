/* woad_fail() inside the event of an early value (a bonded peer notified before it encrypted): the
 * connection's end has emptied the queue of procedures, which is not touched any more. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_client,
                                                       &woad_feature_security_manager, NULL };
static void fail_it(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_NOTIFIED) {
        woad_fail(solo.h, WOAD_EIO);
    }
}
static void host_ends(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_ATT(0x1b, 3, 0, 7); /* early */
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_NOTIFIED), 0);
    solo.on_event = fail_it;
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(solo_count(WOAD_EV_NOTIFIED), 1);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
    solo.on_event = NULL;
    assert_int_equal(woad_start(solo.h), 0);
    solo_pump();
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[1], 3), 0);
    solo_end();
}
int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(host_ends) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
