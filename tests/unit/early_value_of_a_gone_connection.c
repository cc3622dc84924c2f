/* A connection ends while an early value, which a bonded peer has sent before it encrypted, is in
 * the queue: the value is dropped, and the end has its event.  In CONN_GONE the Security Manager
 * reports the failed encryption to the client before the client's own hook empties the queue. */
#include "solo.h"

#include <unistd.h>

/* the order of the hooks: the Security Manager comes first */
static const struct woad_feature *const features[] = { &woad_feature_security_manager,
                                                       &woad_feature_central,
                                                       &woad_feature_gatt_client, NULL };

static void connection_ends(void **state)
{
    (void)state;
    for (unsigned values = 1; values <= 3; values++) {
        solo_boot(solo_config(features));
        solo_bond(9, WOAD_BOND_SECURE);
        solo_connected(SOLO_HANDLE, true, 9);
        for (unsigned n = 0; n < values; n++) {
            SOLO_ATT(0x1d, 12, 0, 'x');
        }
        assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
        solo_pump();
        alarm(20); /* an endless loop has no other end */
        solo_disconnected(SOLO_HANDLE, 0x08);
        alarm(0);
        assert_int_equal(solo_count(WOAD_EV_INDICATION), 0);
        assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
        assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
        solo_connected(SOLO_HANDLE, true, 9);
        assert_int_equal(solo_count(WOAD_EV_CONNECT), 2);
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(connection_ends) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
