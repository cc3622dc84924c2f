/* A value has at most 512 octets, however large the MTU is.  Vol 3, Part F, 3.2.9
 * espressif/esp-idf#14953: Android drops longer values silently. */
#include "solo.h"

enum { VALUE = 22, OTHER = 24 };
static const struct woad_uuid service = WOAD_UUID16(0x180d), type = WOAD_UUID16(0x2a37);
static const struct woad_attr database[] = {
    WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC(&type, WOAD_PROP_READ, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC(&type, WOAD_PROP_READ, WOAD_PERM_READ)
};
static const struct woad_feature *const features[] = {
    &woad_feature_gatt_server,     &woad_feature_gatt_client,         &woad_feature_read_multiple,
    &woad_feature_client_features, &woad_feature_security_peripheral, NULL
};
static uint8_t octets[600];

static void begin(void)
{
    struct woad_config config = solo_config(features);
    config.mtu = 527;
    config.tx_queue = config.request_queue = 1200;
    solo_boot(config);
    assert_int_equal(woad_set_mtu(solo.h, 527), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, database, 5, 20), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_ATT(0x02, 0x0f, 2);
    solo_pump();
    SOLO_ATT(0x12, 11, 0, 4);
    solo_pump();
    solo_forget();
}

static size_t longest(void)
{
    size_t most = 0;
    for (size_t at = 0; at < solo.frames; at++) {
        most = solo.frame[at].len > most ? solo.frame[at].len : most;
    }
    solo_forget();
    return most;
}

/* Notifications and indications of more than 512 octets are cut; woad_gatt_notify_multiple()
 * refuses them. */
static void values_to_clients_are_cut(void **state)
{
    (void)state;
    begin();
    uint16_t conn = solo.conn[0];
    for (size_t len = 512; len <= 524; len += 12) {
        assert_int_equal(woad_gatt_notify(solo.h, conn, VALUE, octets, len), 0);
        solo_pump();
        assert_int_equal(longest(), 515);
        assert_int_equal(woad_gatt_notify_latest(solo.h, conn, VALUE, octets, len), 0);
        solo_pump();
        assert_int_equal(longest(), 515);
        assert_int_equal(woad_gatt_indicate(solo.h, conn, VALUE, octets, len), 0);
        solo_pump();
        assert_int_equal(longest(), 515);
        SOLO_ATT(0x1e);
    }
    const struct woad_gatt_value two[] = { { VALUE, 513, octets }, { OTHER, 0, octets } };
    assert_int_equal(woad_gatt_notify_multiple(solo.h, conn, two, 2), WOAD_EINVAL);
    const struct woad_gatt_value fit[] = { { VALUE, 512, octets }, { OTHER, 2, octets } };
    assert_int_equal(woad_gatt_notify_multiple(solo.h, conn, fit, 2), 0);
    solo_end();
}

/* woad_gatt_answer() with more than 512 octets: the response has the first 512, for each kind of
 * read. */
static void answers_are_cut(void **state)
{
    (void)state;
    begin();
    SOLO_ATT(0x0a, VALUE, 0);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, octets, 526), 0);
    solo_pump();
    assert_int_equal(longest(), 513);
    SOLO_ATT(0x0c, VALUE, 0, 0, 2);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, octets, 526), 0);
    solo_pump();
    assert_int_equal(longest(), 1); /* no octets behind 512 */
    SOLO_ATT(0x20, VALUE, 0, OTHER, 0);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, octets, 526), 0);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, octets, 526), 0);
    solo_pump();
    assert_memory_equal(solo.frame[0].octet, "\x21\x00\x02", 3);
    assert_int_equal(longest(), 527);
    solo_end();
}

/* The client refuses a write of more than 512 octets. */
static void longer_writes_are_refused(void **state)
{
    (void)state;
    begin();
    uint16_t conn = solo.conn[0];
    assert_int_equal(woad_gattc_write(solo.h, conn, 3, octets, 513), WOAD_EINVAL);
    assert_int_equal(woad_gattc_write_long(solo.h, conn, 3, octets, 513, false), WOAD_EINVAL);
    assert_int_equal(woad_gattc_write_command(solo.h, conn, 3, octets, 513), WOAD_EINVAL);
    assert_int_equal(woad_gattc_write_signed(solo.h, conn, 3, octets, 513), WOAD_EINVAL);
    assert_int_equal(woad_gattc_write_command(solo.h, conn, 3, octets, 512), 0);
    assert_int_equal(woad_gattc_write(solo.h, conn, 3, octets, 512), 0);
    solo_pump();
    assert_int_equal(longest(), 515);
    solo_end();
}

/* Without a config.request_queue the longest long write has room, and with one of mtu + 2 it has
 * not: the call says so at once. */
static void the_longest_write_has_room_by_default(void **state)
{
    struct woad_config config = solo_config(features);
    (void)state;
    for (int small = 0; small < 2; small++) {
        config.request_queue = small ? 1 : 0;
        solo_boot(config);
        solo_connected(SOLO_HANDLE, false, 9);
        uint16_t conn = solo.conn[0];
        int err = woad_gattc_write_long(solo.h, conn, 3, octets, 512, false);
        assert_int_equal(err, small ? WOAD_EINVAL : 0);
        assert_int_equal(woad_gattc_write_long(solo.h, conn, 3, octets, 246, false),
                         small ? 0 : WOAD_EAGAIN);
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_to_clients_are_cut),
        cmocka_unit_test(answers_are_cut),
        cmocka_unit_test(longer_writes_are_refused),
        cmocka_unit_test(the_longest_write_has_room_by_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
