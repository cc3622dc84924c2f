/* A bond is removed, replaced or too large while a connection depends on it: `bonded` is true
 * only while there is a bond. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_pipelining,
                                                       &woad_feature_security_manager, NULL };
enum { SERVICE = 20, VALUE = 22 };
static const struct woad_uuid service = WOAD_UUID16(0x180d), type = WOAD_UUID16(0x2a37);
static const struct woad_attr database[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(&type, WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY,
                             WOAD_PERM_READ | WOAD_PERM_WRITE),
};
enum { ATTRS = sizeof database / sizeof *database };

static struct woad_security security(void)
{
    struct woad_security now;
    assert_int_equal(woad_conn_security(solo.h, solo.conn[0], &now), 0);
    return now;
}

/* Boots a peripheral with a bonded central. */
static void serve(void)
{
    solo_boot(solo_config(features));
    assert_int_equal(woad_gatt_add_at(solo.h, database, ATTRS, SERVICE), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
}

/* The bond is removed after the controller has its key: the connection becomes encrypted, but
 * not bonded. */
static void removed_between_the_key_and_the_encryption(void **state)
{
    (void)state;
    for (int removed = 0; removed < 2; removed++) {
        serve();
        SOLO_RX(4, 0x3e, 13, 5, SOLO_HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        solo_pump();
        if (removed) {
            assert_int_equal(woad_bond_remove(solo.h, NULL), 0);
        }
        solo_forget();
        SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 1);
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_SECURITY), 1);
        assert_true(solo_last(WOAD_EV_SECURITY)->u.security.now.encrypted);
        assert_int_equal(solo_last(WOAD_EV_SECURITY)->u.security.now.bonded, !removed);
        assert_int_equal(security().bonded, !removed);
        solo_end();
    }
}

/* A bond that is removed and added again may have another key than the one in use.  The
 * connection is bonded again from the next encryption on. */
static void added_again_from_the_next_encryption_on(void **state)
{
    (void)state;
    serve();
    solo_encrypt(SOLO_HANDLE);
    assert_true(security().bonded);
    assert_int_equal(woad_bond_remove(solo.h, NULL), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    assert_false(security().bonded);
    solo_forget();
    SOLO_ATT(0x12, VALUE + 1, 0, 1, 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_SUBSCRIBE), 1);
    assert_int_equal(solo_count(WOAD_EV_BOND), 0);
    SOLO_RX(4, 0x3e, 13, 5, SOLO_HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    solo_pump();
    SOLO_RX(4, 0x30, 3, 0, SOLO_HANDLE, 0); /* Encryption Key Refresh Complete */
    solo_pump();
    assert_true(security().bonded);
    SOLO_ATT(0x12, VALUE + 1, 0, 0, 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_BOND), 1);
    assert_int_equal(solo_last(WOAD_EV_BOND)->u.bond.change, WOAD_BOND_CHANGED);
    solo_end();
}

static struct woad_security inside;

static void removes(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_GATT_WRITE) {
        inside = security();
        assert_int_equal(woad_bond_remove(solo.h, NULL), 0);
        assert_int_equal(woad_gatt_answer(solo.h, ev->conn, 0, NULL, 0), 0);
    }
}

/* A request that arrived unencrypted is served without security, but its event finds the connection
 * encrypted.  The bond removed in that event is not restored afterwards. */
static void removed_while_a_request_in_the_clear_is_served(void **state)
{
    (void)state;
    serve();
    SOLO_ATT(0x0a, VALUE, 0); /* the application answers later */
    SOLO_ATT(0x12, VALUE, 0, 7);
    solo_encrypt(SOLO_HANDLE);
    assert_true(security().bonded);
    solo.on_event = removes;
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "value", 5), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_GATT_WRITE), 1);
    assert_true(inside.encrypted);
    assert_true(security().encrypted);
    assert_false(security().bonded);
    solo_end();
}

/* A subscription that arrived unencrypted is not stored in the bond: an attacker may have sent
 * it. */
static void subscription_in_the_clear_is_not_stored(void **state)
{
    (void)state;
    serve();
    SOLO_ATT(0x0a, VALUE, 0);
    SOLO_ATT(0x12, VALUE + 1, 0, 1, 0);
    solo_encrypt(SOLO_HANDLE);
    solo_forget();
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "value", 5), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_SUBSCRIBE), 1);
    assert_int_equal(solo_count(WOAD_EV_BOND), 0);
    solo_end();
}

/* Adds a bond of legacy pairing with signing keys, which needs three slots, or two. */
static void gives_a_bond_too_large(const struct woad_event *ev)
{
    struct woad_bond b = { .key_size = 16,
                           .flags = WOAD_BOND_AUTHENTICATED,
                           .has_own_ltk = 1,
                           .has_peer_ltk = 1,
                           .own_ltk = { 7 },
                           .peer_ltk = { 7 } };
    if (ev->type == WOAD_EV_BOND_WANTED) {
        b.peer = ev->u.bond_wanted.peer;
        assert_int_equal(woad_bond_add(solo.h, &b), WOAD_ENOMEM);
    }
}

static void boot_with_one_place(void (*store)(const struct woad_event *ev))
{
    struct woad_config config = solo_config(features);
    config.bonds = 1;
    solo_boot(config);
    solo.on_event = store;
}

/* A bond that needs more slots than there are can't be loaded; a weaker pairing does not replace
 * it in the store. */
static void bond_that_is_too_large_is_not_replaced_by_a_weaker_one(void **state)
{
    (void)state;
    for (int in_store = 0; in_store < 2; in_store++) {
        boot_with_one_place(in_store ? gives_a_bond_too_large : NULL);
        solo_connected(SOLO_HANDLE, false, 9);
        solo_forget();
        SOLO_SMP(0x01, 3, 0, 0x09, 16, 0, 0);
        solo_pump();
        assert_int_equal(solo_frames(6, 0x05), in_store);
        assert_int_equal(solo_frames(6, 0x02), !in_store);
        solo_connected(SOLO_HANDLE + 1, false, 8); /* no bond with this peer */
        solo.on_event = NULL;
        solo_forget();
        SOLO_L2CAP(SOLO_HANDLE + 1, 6, 0x01, 3, 0, 0x09, 16, 0, 0);
        solo_pump();
        assert_int_equal(solo_frames(6, 0x02), 1);
        solo_end();
    }
}

/* The host neither accepts values from such a peer nor sends it requests while the connection is
 * unencrypted. */
static void peer_of_a_bond_that_is_too_large_is_not_believed(void **state)
{
    (void)state;
    boot_with_one_place(gives_a_bond_too_large);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_forget();
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    SOLO_ATT(0x1b, 3, 0, 7);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x0a), 0);
    assert_int_equal(solo_count(WOAD_EV_NOTIFIED), 0);
    assert_int_equal(solo_frames(6, 0x0b), 1); /* Security Request */
    SOLO_SMP(0x05, 5);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, WOAD_EACCES);
    solo_end();
}

static unsigned wanted;

static void gives_the_bond_of_either(const struct woad_event *ev)
{
    struct woad_bond b = { .key_size = 16,
                           .flags = WOAD_BOND_SECURE,
                           .has_own_ltk = 1,
                           .has_peer_ltk = 1,
                           .has_irk = 1,
                           .own_ltk = { 7 },
                           .peer_ltk = { 7 } };
    if (ev->type == WOAD_EV_BOND_WANTED) {
        assert_true(++wanted < 40);
        b.peer = ev->u.bond_wanted.peer;
        memset(b.irk, b.peer.octet[0], sizeof b.irk);
        assert_int_equal(woad_bond_add(solo.h, &b), 0);
    }
}

/* Two bonded peers share one slot, with a resolving list: each bond evicts the other, and this
 * ends. */
static void bonds_of_two_in_one_place_with_a_resolving_list(void **state)
{
    static const struct woad_feature *const resolving[] = {
        &woad_feature_gatt_server,      &woad_feature_gatt_client,    &woad_feature_central,
        &woad_feature_security_manager, &woad_feature_resolving_list, NULL
    };
    (void)state;
    for (unsigned what = 0; what < 32; what++) {
        struct woad_config config = solo_config(resolving);
        config.bonds = 1;
        memset(solo.supported_commands, 0xff, sizeof solo.supported_commands);
        solo_boot(config);
        solo.on_event = gives_the_bond_of_either;
        wanted = 0;
        solo_connected(SOLO_HANDLE, what & 1, 8);
        solo_connected(SOLO_HANDLE + 1, what & 1, 9);
        for (size_t n = 0; n < 6; n++) {
            uint8_t handle = (uint8_t)(SOLO_HANDLE + n % 2);
            if (what & 2) {
                woad_gattc_read(solo.h, solo.conn[n % 2], 3);
            }
            if (what & 4) {
                SOLO_L2CAP(handle, 4, 0x1d, 0x20, 0, 7);
            }
            if (what & 8) {
                SOLO_RX(4, 8, 4, 6, handle, 0, 0); /* Key Missing */
            }
            if (what & 16) {
                SOLO_L2CAP(handle, 6, 0x0b, 1);
            }
            solo_pump();
            solo_tick(10);
        }
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removed_between_the_key_and_the_encryption),
        cmocka_unit_test(added_again_from_the_next_encryption_on),
        cmocka_unit_test(removed_while_a_request_in_the_clear_is_served),
        cmocka_unit_test(subscription_in_the_clear_is_not_stored),
        cmocka_unit_test(bond_that_is_too_large_is_not_replaced_by_a_weaker_one),
        cmocka_unit_test(peer_of_a_bond_that_is_too_large_is_not_believed),
        cmocka_unit_test(bonds_of_two_in_one_place_with_a_resolving_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
