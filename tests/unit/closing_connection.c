/* After woad_disconnect() the peer is heard no more, however long it takes to leave: a hostile one
 * does not acknowledge LL_TERMINATE_IND, and its controller keeps the connection for up to 32 s. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_security_manager, NULL };
static const struct woad_uuid service = WOAD_UUID16(0x180d), type = WOAD_UUID16(0x2a37);
static uint8_t octets[4];
static struct woad_value kept = WOAD_VALUE_RAM(octets, 1, 4);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_VALUE(&type, WOAD_PROP_WRITE_COMMAND, WOAD_PERM_WRITE, &kept),
    WOAD_CHARACTERISTIC(&type, WOAD_PROP_WRITE_COMMAND, WOAD_PERM_WRITE),
};
enum { FIRST = 20, PAIRING_REQUEST = 1 };

static void writes_and_pairing(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    assert_int_equal(woad_gatt_add_at(solo.h, db, 5, FIRST), 0);
    solo_connected(SOLO_HANDLE, false, 1);
    SOLO_ATT(0x52, FIRST + 2, 0, 7);
    assert_int_equal(octets[0], 7);
    assert_int_equal(woad_disconnect(solo.h, solo.conn[0], 0x13), 0);
    solo_forget();
    for (uint8_t n = 0; n < 30; n++) {
        solo_tick(1000);
        SOLO_ATT(0x52, FIRST + 2, 0, n);
        SOLO_ATT(0x52, FIRST + 4, 0, n);
        SOLO_SMP(PAIRING_REQUEST, 3, 0, 9, 16, 0, 0);
        solo_pump();
    }
    assert_int_equal(solo.events, 0);
    assert_int_equal(solo.frames, 0);
    assert_int_equal(octets[0], 7);
    solo_disconnected(SOLO_HANDLE, 0x16);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(writes_and_pairing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
