/* A bond that is removed, replaced or can't be held while something rests on it: `bonded` says whether
 * there is one. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_gatt_server, &woad_gatt_client,
    &woad_pipelining, &woad_security_manager, NULL };
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
    assert_int_equal(woad_security(solo.h, solo.conn[0], &now), 0);
    return now;
}

/* A peripheral, and a central that is bonded. */
static void serve(void)
{
    solo_boot(solo_config(features));
    assert_int_equal(woad_gatt_add_at(solo.h, database, ATTRS, SERVICE), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
}

/* The key is with the controller when the bond is removed: the connection is encrypted, and has
 * none. */
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

static struct woad_security inside;

static void removes(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_GATT_WRITE) {
        inside = security();
        assert_int_equal(woad_bond_remove(solo.h, NULL), 0);
        assert_int_equal(woad_gatt_answer(solo.h, ev->conn, 0, NULL, 0), 0);
    }
}

/* A request that came in the clear is served without security; the bond removed in its event does
 * not come back with the security. */
static void removed_while_a_request_in_the_clear_is_served(void **state)
{
    (void)state;
    serve();
    SOLO_ATT(0x0a, VALUE, 0);            /* to be answered later */
    SOLO_ATT(0x12, VALUE, 0, 7);
    solo_encrypt(SOLO_HANDLE);
    assert_true(security().bonded);
    solo.on_event = removes;
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "value", 5), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_GATT_WRITE), 1);
    assert_false(inside.encrypted);
    assert_true(security().encrypted);
    assert_false(security().bonded);
    solo_end();
}

/* Nor does what it subscribes to become part of the bond: it may be anybody's. */
static void subscription_in_the_clear_is_not_kept(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removed_between_the_key_and_the_encryption),
        cmocka_unit_test(removed_while_a_request_in_the_clear_is_served),
        cmocka_unit_test(subscription_in_the_clear_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
