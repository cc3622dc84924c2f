/* A peer grants an Enhanced ATT bearer no credit: after 30 s the bearer is closed, and what it held
 * goes on without it.  Vol 3, Part F, 3.3.3; Part A, 10.1 */
#include "solo.h"

enum { ENHANCED_REQ = 0x17, NOTIFY = 0x1b, INDICATE = 0x1d, DISCONNECTION_REQ = 6 };
enum { PEER_CID = 0x50, VALUE = 22 };

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
    WOAD_CHARACTERISTIC_CCCD(&type, WOAD_PROP_READ | WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE,
                             WOAD_PERM_READ),
};
static const uint8_t value[200];

/* A bonded peer has opened a bearer with MTU 247, MPS 64, and one credit, the least that may be
 * granted; with `used`, a notification has used it. */
enum { UNUSED = false, USED = true };
static void begin(bool used)
{
    struct woad_config config = solo_config(features);
    config.att_bearers = 1;
    config.tx_queue = 600;
    solo_boot(config);
    assert_int_equal(woad_set_mtu(solo.h, 247), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, database, 4, VALUE - 2), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    SOLO_SIG(ENHANCED_REQ, 1, 10, 0, 0x27, 0, 247, 0, 64, 0, 1, 0, PEER_CID, 0);
    solo_pump();
    assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.open, 1);
    if (used) {
        assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], VALUE, value, 40), 0);
        solo_pump();
        assert_int_equal(solo_frames(PEER_CID, 43), 1);
    }
    solo_forget();
}

/* The peer does not answer anything for 31 s; the bearer is closed then, and not before. */
static void wait_for_the_end(void)
{
    assert_int_not_equal(solo_tick(0), WOAD_FOREVER);
    solo_tick(29000);
    assert_int_equal(solo_frames(5, DISCONNECTION_REQ), 0);
    solo_tick(2000);
    assert_int_equal(solo_frames(5, DISCONNECTION_REQ), 1);
    for (size_t n = 0; n < solo.frames; n++) { /* Disconnection Response */
        const struct solo_frame *f = &solo.frame[n];
        if (f->cid == 5 && f->octet[0] == DISCONNECTION_REQ) {
            SOLO_SIG(7, f->octet[1], 4, 0, f->octet[4], f->octet[5], f->octet[6], f->octet[7]);
        }
    }
    solo_pump();
    assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.open, 0);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 0);
}

/* In the middle of a notification.  The indication behind it leaves by the fixed channel. */
static void within_a_notification(void **state)
{
    (void)state;
    begin(UNUSED);
    assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], VALUE, value, sizeof value), 0);
    solo_pump();
    assert_int_equal(solo_frames(PEER_CID, 203), 1); /* the first K-frame, which says its length */
    assert_int_equal(woad_gatt_indicate(solo.h, solo.conn[0], VALUE, "i", 1), 0);
    solo_pump();
    assert_int_equal(solo_frames(4, INDICATE), 0);
    wait_for_the_end();
    assert_int_equal(solo_frames(4, INDICATE), 1);
    SOLO_ATT(0x1e);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_INDICATED), 1);
    assert_int_equal(solo_count(WOAD_EV_TX_DONE), 1);
    solo_end();
}

/* Before a notification that is too long for the fixed channel: it is cut and leaves there. */
static void before_a_notification(void **state)
{
    (void)state;
    begin(USED);
    assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], VALUE, value, sizeof value), 0);
    solo_pump();
    assert_int_equal(solo_frames(4, NOTIFY), 0);
    wait_for_the_end();
    assert_int_equal(solo_frames(4, NOTIFY), 1);
    solo_end();
}

/* A client's write that is too long for the fixed channel. */
static void before_a_request(void **state)
{
    (void)state;
    begin(USED);
    assert_int_equal(woad_gattc_write(solo.h, solo.conn[0], 9, value, sizeof value), 0);
    solo_pump();
    wait_for_the_end();
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, WOAD_EINVAL);
    solo_end();
}

/* Credits that arrive in time. */
static void slow_credits(void **state)
{
    (void)state;
    begin(UNUSED);
    assert_int_equal(solo_tick(100000), WOAD_FOREVER);
    for (int n = 0; n < 4; n++) {
        assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], VALUE, value, 40), 0);
        solo_pump();
        assert_int_equal(solo_frames(PEER_CID, 43), n + 1);
        assert_int_not_equal(solo_tick(20000), WOAD_FOREVER);
        SOLO_SIG(0x16, (uint8_t)(1 + n), 4, 0, PEER_CID, 0, 1, 0); /* LE Flow Control Credit */
        solo_pump();
    }
    assert_int_equal(solo_tick(100000), WOAD_FOREVER);
    assert_int_equal(solo_frames(5, DISCONNECTION_REQ), 0);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_a_notification),
        cmocka_unit_test(before_a_notification),
        cmocka_unit_test(before_a_request),
        cmocka_unit_test(slow_credits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
