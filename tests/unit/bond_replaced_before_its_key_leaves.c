/* The bond is replaced by a weaker one (woad_bond_add(), or removed and paired again on another
 * connection) between the request for encryption and the HCI command that has the key.  The
 * connection must have the strength of the key that was sent, not of the one before. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_link_control,
                                                       &woad_feature_security_manager, NULL };
enum { READ_RSSI = 0x1405, LTK_REPLY = 0x201a, ENABLE_ENCRYPTION = 0x2019 };

static void weaker(void)
{
    struct woad_bond b = { .key_size = 7, .flags = 0, .has_own_ltk = 1, .has_peer_ltk = 1 };
    memset(b.peer.octet, 9, 6);
    b.own_ltk[0] = b.peer_ltk[0] = 5;
    assert_int_equal(woad_bond_add(solo.h, &b), 0);
}

static void encrypts(bool central)
{
    struct woad_security s;
    solo_boot(solo_config(features));
    solo_bond(9, WOAD_BOND_SECURE | WOAD_BOND_AUTHENTICATED);
    solo_connected(SOLO_HANDLE, central, 9);
    solo.withheld = READ_RSSI; /* a command is under way */
    assert_int_equal(woad_link_read(solo.h, solo.conn[0], WOAD_LINK_RSSI), 0);
    solo_pump();
    if (central) {
        assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    } else {
        SOLO_RX(4, 0x3e, 13, 5, SOLO_HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    }
    solo_pump();
    weaker();
    SOLO_RX(4, 0x0e, 7, 1, 5, 0x14, 0, SOLO_HANDLE, 0, 0xc0);
    solo_pump();
    unsigned opcode = central ? ENABLE_ENCRYPTION : LTK_REPLY;
    assert_int_equal(solo_commands(opcode), 1);
    const struct solo_command *k = &solo.command[solo.commands - 1];
    assert_int_equal(k->params[central ? 12 : 2], 5); /* the weaker bond's key */
    SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 1);
    solo_pump();
    assert_int_equal(woad_conn_security(solo.h, solo.conn[0], &s), 0);
    assert_true(s.encrypted);
    assert_int_equal(s.key_size, 7);
    assert_false(s.authenticated);
    assert_false(s.secure);
    solo_end();
}

static void as_central(void **state)
{
    (void)state;
    encrypts(true);
}

static void as_peripheral(void **state)
{
    (void)state;
    encrypts(false);
}

static int fresh(void **state)
{
    (void)state;
    solo_end();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup(as_central, fresh),
                                        cmocka_unit_test_setup(as_peripheral, fresh) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
