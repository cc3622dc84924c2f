/* The application closes an enhanced ATT bearer inside an event that is raised while the bearer
 * looks for its next PDU: nothing is lost in the closed channel.  Vol 3, Part G, 5.4 */
#include "solo.h"

enum { NEAR_CID = 0x40, FAR_CID = 0x50, READ_REQ = 0x0a, WRITE_REQ = 0x12, NOTIFY = 0x1b };
enum { VALUE = 22, SMALL_MTU = 64, LARGE_MTU = 100 };

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_l2cap_channels,
                                                       &woad_feature_enhanced_channels,
                                                       &woad_feature_eatt,
                                                       &woad_feature_security_manager,
                                                       NULL };
static const struct woad_uuid service = WOAD_UUID16(0x180d), type = WOAD_UUID16(0x2a37);
static const struct woad_attr database[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(&type, WOAD_PROP_READ | WOAD_PROP_NOTIFY, WOAD_PERM_READ),
};

static void closes_and_notifies(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_GATTC_DONE && ev->u.done.status == WOAD_EINVAL) {
        assert_int_equal(woad_eatt_close(solo.h, ev->conn), 0);
        assert_int_equal(woad_gatt_notify(solo.h, ev->conn, VALUE, "v", 1), 0);
    }
}

static void notification_goes_by_another_bearer(void **state)
{
    static const uint8_t octets[LARGE_MTU - 10];
    struct woad_config config = solo_config(features);
    (void)state;
    config.att_bearers = 2;
    solo_boot(config);
    assert_int_equal(woad_gatt_add_at(solo.h, database, 4, VALUE - 2), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    SOLO_SIG(0x17, 1, 10, 0, 0x27, 0, LARGE_MTU, 0, 64, 0, 99, 0, FAR_CID, 0);
    solo_pump();
    SOLO_SIG(0x17, 2, 10, 0, 0x27, 0, SMALL_MTU, 0, 64, 0, 99, 0, FAR_CID + 1, 0);
    solo_pump();
    assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.open, 2);
    /* Requests without responses on the fixed bearer and on the one with the large MTU. */
    assert_int_equal(woad_gattc_read_once(solo.h, solo.conn[0], 1), 0);
    solo_pump();
    assert_int_equal(woad_gattc_write(solo.h, solo.conn[0], 2, octets, sizeof octets), 0);
    solo_pump();
    assert_int_equal(woad_gattc_write(solo.h, solo.conn[0], 3, octets, sizeof octets), 0);
    solo_pump();
    solo_forget();
    solo.on_event = closes_and_notifies;
    SOLO_SIG(0x06, 3, 4, 0, NEAR_CID, 0, FAR_CID, 0); /* the peer closes the latter */
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 2);
    assert_int_equal(solo_frames(4, NOTIFY), 1);
    assert_int_equal(solo_frames(FAR_CID + 1, NOTIFY), 0);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(notification_goes_by_another_bearer) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
