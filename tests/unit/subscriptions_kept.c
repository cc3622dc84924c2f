/* A bonded client's subscriptions, when the database has changed before it reconnects.  Vol 3,
 * Part G, 3.3.3.3 */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_security_peripheral, NULL };
enum { SERVICE = 20, VALUE = 22, CCCD = 23 };
static const struct woad_uuid service = WOAD_UUID16(0x180d), rate = WOAD_UUID16(0x2a37),
                              battery = WOAD_UUID16(0x2a19);
#define VENDOR(octet) \
    { \
        16, \
        { \
            0x9e, 0xca, 0xdc, 0x24, 0x0e, 0xe5, 0xa9, 0xe0, 0x93, 0xf3, 0xa3, 0xb5, octet, 0, \
                0x40, 0x6e \
        } \
    }
static const struct woad_uuid vendor_2 = VENDOR(2), vendor_3 = VENDOR(3);
#define TABLE(type) \
    { \
        WOAD_PRIMARY(&service), \
            WOAD_CHARACTERISTIC_CCCD(&type, WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE, WOAD_PERM_READ) \
    }
static const struct woad_attr of_rate[] = TABLE(rate), of_battery[] = TABLE(battery),
                              of_vendor_2[] = TABLE(vendor_2), of_vendor_3[] = TABLE(vendor_3);
enum { ATTRS = sizeof of_rate / sizeof *of_rate };
static struct woad_bond stored;
static struct woad_cccd stored_cccd[4];

static void store(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND) {
        stored = *ev->u.bond.bond;
        assert_true(stored.cccds <= 4);
        memcpy(stored_cccd, stored.cccd, stored.cccds * sizeof *stored_cccd);
        stored.cccd = stored_cccd;
    }
}

/* The bonded client connects and encrypts. */
static void back(void)
{
    solo.conns = 0;
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
}

/* Boots a server with this table; the bonded client subscribes and disconnects. */
static void subscribe(const struct woad_attr *attrs)
{
    solo_boot(solo_config(features));
    solo.on_event = store;
    assert_int_equal(woad_gatt_add_at(solo.h, attrs, ATTRS, SERVICE), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    back();
    SOLO_ATT(0x12, CCCD, 0, 2, 0);
    solo_pump();
    assert_int_equal(woad_gatt_subscription(solo.h, solo.conn[0], VALUE), 2);
    SOLO_ATT(0x0a, CCCD, 0);
    solo_pump();
    assert_memory_equal(solo.frame[solo.frames - 1].octet, "\x0b\x02\x00", 3);
    solo_disconnected(SOLO_HANDLE, 0x13);
    solo_forget();
}

/* Returns the subscription; asserts that there is an event exactly if it is set. */
static unsigned subscribed(void)
{
    unsigned now = woad_gatt_subscription(solo.h, solo.conn[0], VALUE);
    assert_int_equal(solo_count(WOAD_EV_SUBSCRIBE), now != 0);
    return now;
}

/* The service is replaced while the client is disconnected. */
static void another_characteristic_at_its_handles(void **state)
{
    static const struct {
        const struct woad_attr *was, *is;
    } cases[] = {
        { of_rate, of_rate },         { of_rate, of_battery },      { of_rate, of_vendor_2 },
        { of_vendor_2, of_vendor_3 }, { of_vendor_3, of_vendor_3 },
    };
    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
        bool same = cases[n].was == cases[n].is;
        subscribe(cases[n].was);
        assert_int_equal(woad_gatt_remove(solo.h, SERVICE), 0);
        assert_int_equal(woad_gatt_add_at(solo.h, cases[n].is, ATTRS, SERVICE), 0);
        back();
        assert_int_equal(subscribed(), same ? 2 : 0);
        SOLO_ATT(0x0a, CCCD, 0);
        solo_pump();
        assert_int_equal(solo.frame[solo.frames - 1].octet[1], same ? 2 : 0);
        solo_end();
    }
}

/* The program starts with another table and loads the bond from its store. */
static void another_table_at_the_next_start(void **state)
{
    (void)state;
    for (int same = 0; same < 2; same++) {
        subscribe(of_rate);
        solo_end();
        solo_boot(solo_config(features));
        assert_int_equal(woad_gatt_add_at(solo.h, same ? of_rate : of_battery, ATTRS, SERVICE), 0);
        assert_int_equal(woad_bond_add(solo.h, &stored), 0);
        back();
        assert_int_equal(subscribed(), same ? 2 : 0);
        solo_end();
    }
}

/* A stored bond has CCCDs with the two standard bits alone: its subscription is restored. */
static void bond_that_does_not_say_of_what(void **state)
{
    (void)state;
    subscribe(of_rate);
    solo_end();
    for (size_t n = 0; n < stored.cccds; n++) {
        stored_cccd[n].value &= 3;
    }
    solo_boot(solo_config(features));
    solo.on_event = store;
    assert_int_equal(woad_gatt_add_at(solo.h, of_rate, ATTRS, SERVICE), 0);
    assert_int_equal(woad_bond_add(solo.h, &stored), 0);
    back();
    assert_int_equal(subscribed(), 2);
    solo_end();
}

/* A client has unsubscribed: it stays unsubscribed. */
static void subscription_that_was_ended(void **state)
{
    (void)state;
    subscribe(of_rate);
    back();
    SOLO_ATT(0x12, CCCD, 0, 0, 0);
    solo_pump();
    solo_disconnected(SOLO_HANDLE, 0x13);
    solo_forget();
    back();
    assert_int_equal(subscribed(), 0);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_characteristic_at_its_handles),
        cmocka_unit_test(another_table_at_the_next_start),
        cmocka_unit_test(bond_that_does_not_say_of_what),
        cmocka_unit_test(subscription_that_was_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
