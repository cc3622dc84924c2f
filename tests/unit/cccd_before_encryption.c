/* A bonded client writes a CCCD that needs no encryption just before it encrypts: an attacker could
 * have sent that.  Where the bond has a value, that one is restored; where it has none, the
 * subscription holds for this connection, and is not stored.  include/woad/gatt.h */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_security_peripheral, NULL };
enum { SERVICE = 20, VALUE = 22, CCCD = 23 };
static const struct woad_uuid service = WOAD_UUID16(0x180d), rate = WOAD_UUID16(0x2a37);
static const struct woad_attr table[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(&rate, WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE, WOAD_PERM_READ)
};

static void begin(void)
{
    solo_boot(solo_config(features));
    assert_int_equal(woad_gatt_add_at(solo.h, table, 4, SERVICE), 0);
    solo_bond(9, WOAD_BOND_SECURE);
}

static void back(void)
{
    solo.conns = 0;
    solo_connected(SOLO_HANDLE, false, 9);
}

static void subscribed_before(void **state)
{
    (void)state;
    begin();
    back();
    SOLO_ATT(0x12, CCCD, 0, 1, 0);
    solo_pump();
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(woad_gatt_subscription(solo.h, solo.conn[0], VALUE), 1);
    solo_disconnected(SOLO_HANDLE, 0x13);
    back();
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(woad_gatt_subscription(solo.h, solo.conn[0], VALUE), 0);
    solo_end();
}

static void changed_before(void **state)
{
    (void)state;
    begin();
    back();
    solo_encrypt(SOLO_HANDLE);
    SOLO_ATT(0x12, CCCD, 0, 1, 0);
    solo_pump();
    solo_disconnected(SOLO_HANDLE, 0x13);
    back();
    SOLO_ATT(0x12, CCCD, 0, 2, 0); /* indications from now on */
    solo_pump();
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(woad_gatt_subscription(solo.h, solo.conn[0], VALUE), 1);
    solo_end();
}

static void ended_before(void **state)
{
    (void)state;
    begin();
    back();
    solo_encrypt(SOLO_HANDLE);
    SOLO_ATT(0x12, CCCD, 0, 1, 0);
    solo_pump();
    solo_disconnected(SOLO_HANDLE, 0x13);
    back();
    SOLO_ATT(0x12, CCCD, 0, 0, 0); /* no more notifications */
    solo_pump();
    assert_int_equal(woad_gatt_subscription(solo.h, solo.conn[0], VALUE), 0);
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(woad_gatt_subscription(solo.h, solo.conn[0], VALUE), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(subscribed_before),
                                        cmocka_unit_test(changed_before),
                                        cmocka_unit_test(ended_before) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
