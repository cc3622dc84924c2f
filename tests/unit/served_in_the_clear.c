/* A request that arrived unencrypted waits until the connection is encrypted.  It is served as on
 * an unencrypted connection, but inside its event, or a value's function, the connection is what it
 * is: encrypted. */
#include "solo.h"

enum { FIRST = 20, VALUE = 22, SECRET = 24, OTHER = 40, SUBSCRIBED = 42, CCCD = 43 };
enum { FUNCTIONS = 60, WITH_FUNCTIONS = 62 };

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_pipelining,
                                                       &woad_feature_security_manager, NULL };
static const struct woad_uuid service = WOAD_UUID16(0x180d), value = WOAD_UUID16(0x2a37);
enum { ENCRYPTED = WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED };
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC(&value, WOAD_PROP_READ, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC_CCCD(&value, WOAD_PROP_READ | WOAD_PROP_NOTIFY, ENCRYPTED),
};
static const struct woad_attr subscribed[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(&value, WOAD_PROP_READ | WOAD_PROP_NOTIFY, WOAD_PERM_READ),
};
static unsigned reads;

static unsigned bonded_subscriptions(void)
{
    struct woad_bond bond;
    assert_int_equal(woad_bond_at(solo.h, 0, &bond), 0);
    return bond.cccds;
}

/* Boots a server with a bonded client, which subscribes, and is back unencrypted. */
static void serve(void)
{
    solo_boot(solo_config(features));
    assert_int_equal(woad_gatt_add_at(solo.h, db, sizeof db / sizeof *db, FIRST), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, subscribed, 4, OTHER), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    SOLO_ATT(0x12, CCCD, 0, 1, 0);
    solo_pump();
    assert_int_equal(bonded_subscriptions(), 1);
    solo_disconnected(SOLO_HANDLE, 0x13);
    solo.conns = 0;
    solo_connected(SOLO_HANDLE, false, 9);
    reads = 0;
}

static void use_the_connection(uint16_t conn)
{
    struct woad_security now;
    assert_int_equal(woad_conn_security(solo.h, conn, &now), 0);
    assert_true(now.encrypted);
    assert_int_equal(woad_gatt_notify(solo.h, conn, SECRET, "x", 1), 0);
    assert_int_equal(woad_gattc_write_command(solo.h, conn, 3, "s", 1), 0);
    assert_int_equal(woad_gatt_remove(solo.h, OTHER), 0);
    assert_int_equal(bonded_subscriptions(), 0);
}

static void uses_the_connection(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_GATT_READ && reads++) {
        use_the_connection(ev->conn);
    }
}

static unsigned calls;

static uint8_t read_function(struct woad *h, uint16_t conn, struct woad_value *v)
{
    assert_ptr_equal(h, solo.h);
    assert_non_null(v);
    calls++;
    use_the_connection(conn);
    return 0;
}

static uint8_t write_function(struct woad *h, uint16_t conn, struct woad_value *v, uint16_t offset,
                              const uint8_t *data, uint16_t len)
{
    assert_int_equal(offset, 0);
    assert_int_equal(data[0] + len, 7 + 1);
    return read_function(h, conn, v);
}

static uint8_t octet[1];
static struct woad_value functions =
    WOAD_VALUE_FUNCTIONS(octet, 1, sizeof octet, read_function, write_function);
static const struct woad_attr with_functions[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_VALUE(&value, WOAD_PROP_READ | WOAD_PROP_WRITE,
                              WOAD_PERM_READ | WOAD_PERM_WRITE, &functions),
};

/* GAP/SEC/SEM: the event of the second request, which arrived in the clear: calls are permitted,
 * and a removed subscription leaves the bond. */
static void event_finds_the_connection_encrypted(void **state)
{
    (void)state;
    serve();
    solo.on_event = uses_the_connection;
    SOLO_ATT(0x0a, VALUE, 0);
    SOLO_ATT(0x0a, VALUE, 0);
    solo_pump();
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "1", 1), 0);
    solo_pump();
    assert_int_equal(reads, 2);
    solo_end();
}

/* The same inside the functions of a value.  The request behind it is served as before. */
static void function_finds_the_connection_encrypted(void **state)
{
    static const uint8_t pdus[][4] = { { 0x0a, WITH_FUNCTIONS, 0 },
                                       { 0x12, WITH_FUNCTIONS, 0, 7 } };
    (void)state;
    for (size_t n = 0; n < 2; n++) {
        serve();
        assert_int_equal(woad_gatt_add_at(solo.h, with_functions, 3, FUNCTIONS), 0);
        calls = 0;
        SOLO_ATT(0x0a, VALUE, 0);
        solo_l2cap(SOLO_HANDLE, 4, pdus[n], 3 + n);
        SOLO_ATT(0x0a, SECRET, 0);
        solo_pump();
        solo_encrypt(SOLO_HANDLE);
        solo_forget();
        assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "1", 1), 0);
        solo_pump();
        assert_int_equal(calls, 1);
        assert_int_equal(solo_frames(4, pdus[n][0] + 1u), 2 - n);
        assert_int_equal(solo_frames(4, 0x01), 1);
        solo_end();
    }
}

/* What arrived in the clear reads nothing protected, and changes nothing in the bond. */
static void request_may_do_no_more_than_before(void **state)
{
    (void)state;
    serve();
    SOLO_ATT(0x0a, VALUE, 0);
    SOLO_ATT(0x0a, SECRET, 0);
    SOLO_ATT(0x12, SECRET + 1, 0, 1, 0);
    SOLO_ATT(0x12, CCCD, 0, 0, 0);
    solo_pump();
    solo_encrypt(SOLO_HANDLE);
    solo_forget();
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "1", 1), 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x0b), 1);
    assert_int_equal(solo_frames(4, 0x01), 2);
    assert_int_equal(solo_frames(4, 0x13), 1);
    assert_int_equal(solo_count(WOAD_EV_GATT_READ), 0);
    assert_int_equal(bonded_subscriptions(), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_finds_the_connection_encrypted),
        cmocka_unit_test(function_finds_the_connection_encrypted),
        cmocka_unit_test(request_may_do_no_more_than_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
