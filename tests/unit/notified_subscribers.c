/* woad_conn_next() and woad_gatt_notify_subscribers(): all connections, all subscribers. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_security_manager, NULL };
static const struct woad_uuid service = WOAD_UUID16(0x180f), level = WOAD_UUID16(0x2a19),
                              secret = WOAD_UUID16(0x2a1a);
static const struct woad_attr attrs[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(&level, WOAD_PROP_READ | WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE,
                             WOAD_PERM_READ),
    WOAD_CHARACTERISTIC_CCCD(&secret, WOAD_PROP_READ | WOAD_PROP_NOTIFY,
                             WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED),
};
enum { LEVEL = 12, LEVEL_CCCD = 13, SECRET = 15, SECRET_CCCD = 16, NOTIFY = 0x1b, CONNS = 3 };

/* A host with `n` connections, their handles from SOLO_HANDLE on. */
static void begin(size_t n)
{
    struct woad_config cfg = solo_config(features);
    cfg.conns = CONNS;
    solo_boot(cfg);
    assert_int_equal(woad_gatt_add(solo.h, attrs, sizeof attrs / sizeof *attrs, NULL), 0);
    for (uint8_t k = 0; k < n; k++) {
        solo_bond((uint8_t)(k + 1), 0);
        solo_connected((uint16_t)(SOLO_HANDLE + k), false, (uint8_t)(k + 1));
    }
    solo_forget();
}

/* Connection k writes a CCCD. */
static void subscribe(uint16_t k, uint8_t cccd, uint8_t bits)
{
    SOLO_L2CAP((uint16_t)(SOLO_HANDLE + k), 4, 0x12, cccd, 0, bits, 0);
    solo_pump();
    assert_int_equal(woad_gatt_subscription(solo.h, solo.conn[k], (uint16_t)(cccd - 1)), bits);
}

static size_t connections(void)
{
    size_t n = 0;
    for (uint16_t c = WOAD_NO_CONN; (c = woad_conn_next(solo.h, c)) != WOAD_NO_CONN; n++) {
        struct woad_conn_info info;
        assert_int_equal(woad_conn_info(solo.h, c, &info), 0);
    }
    return n;
}

/* Each open connection comes once; one that is being disconnected, or has ended, does not. */
static void each_connection_once(void **state)
{
    (void)state;
    begin(0);
    assert_int_equal(woad_conn_next(solo.h, WOAD_NO_CONN), WOAD_NO_CONN);
    solo_end();
    begin(3);
    assert_int_equal(connections(), 3);
    assert_int_equal(woad_conn_next(solo.h, WOAD_NO_CONN), solo.conn[0]);
    assert_int_equal(woad_conn_next(solo.h, solo.conn[0]), solo.conn[1]);
    assert_int_equal(woad_conn_next(solo.h, solo.conn[2]), WOAD_NO_CONN);
    assert_int_equal(woad_disconnect(solo.h, solo.conn[1], 0x13), 0);
    assert_int_equal(woad_conn_next(solo.h, solo.conn[0]), solo.conn[2]);
    solo_pump();
    solo_disconnected(SOLO_HANDLE + 1, 0x16);
    assert_int_equal(connections(), 2);
    /* The place in the order is known after the connection has ended. */
    assert_int_equal(woad_conn_next(solo.h, solo.conn[1]), solo.conn[2]);
    solo_connected(SOLO_HANDLE + 7, false, 9);
    assert_int_equal(connections(), 3);
    assert_int_equal(woad_conn_next(solo.h, solo.conn[0]), solo.conn[3]);
    assert_int_not_equal(solo.conn[3], solo.conn[1]);
    solo_end();
}

/* GATT/SR/GAN/BV-01-C: those who have subscribed to notifications get it, and no other. */
static void only_subscribers(void **state)
{
    (void)state;
    begin(3);
    assert_int_equal(woad_gatt_notify_subscribers(solo.h, LEVEL, "a", 1), 0);
    subscribe(0, LEVEL_CCCD, 1);
    subscribe(1, LEVEL_CCCD, 2); /* indications */
    subscribe(2, LEVEL_CCCD, 3);
    solo_forget();
    assert_int_equal(woad_gatt_notify_subscribers(solo.h, LEVEL, "a", 1), 2);
    solo_pump();
    assert_int_equal(solo_frames(4, NOTIFY), 2);
    assert_int_equal(solo.frame[0].handle, SOLO_HANDLE);
    assert_int_equal(solo.frame[1].handle, SOLO_HANDLE + 2);
    assert_memory_equal(solo.frame[1].octet,
                        "\x1b\x0c\x00"
                        "a",
                        4);
    solo_end();
}

/* A client with a full queue is left out, and WOAD_EV_TX_READY follows on its connection; the
 * others get the value. */
static void a_full_queue(void **state)
{
    (void)state;
    begin(3);
    for (uint16_t k = 0; k < 3; k++) {
        subscribe(k, LEVEL_CCCD, 1);
    }
    while (!woad_gatt_notify(solo.h, solo.conn[1], LEVEL, "0123456789", 10)) {
    }
    solo_pump(); /* its WOAD_EV_TX_READY */
    solo_forget();
    uint8_t one[11];
    solo.no_completed = true; /* the controller's buffers fill, then the queue */
    while (!woad_gatt_notify(solo.h, solo.conn[1], LEVEL, "0123456789", 10)) {
    }
    assert_int_equal(woad_gatt_notify_subscribers(solo.h, LEVEL, "abcdefghij", 10), 2);
    size_t ready = 0;
    solo_pump();
    for (size_t at = 0; at < solo.events; at++) {
        ready += solo.event[at].type == WOAD_EV_TX_READY && solo.event[at].conn == solo.conn[1];
        assert_false(solo.event[at].type == WOAD_EV_TX_READY &&
                     solo.event[at].conn != solo.conn[1]);
    }
    assert_int_equal(ready, 1);
    memcpy(one,
           "\x1b\x0c\x00"
           "abcdefgh",
           11);
    size_t got = 0;
    for (size_t at = 0; at < solo.frames; at++) {
        bool new_value = solo.frame[at].len == 13 && memcmp(solo.frame[at].octet, one, 11) == 0;
        got += new_value;
        assert_false(new_value && solo.frame[at].handle == SOLO_HANDLE + 1);
    }
    assert_int_equal(got, 2);
    solo_end();
}

/* A subscriber whose connection has lost the security that the value takes is left out. */
static void security_counts(void **state)
{
    (void)state;
    begin(2);
    for (uint16_t k = 0; k < 2; k++) {
        solo_encrypt((uint16_t)(SOLO_HANDLE + k));
        subscribe(k, SECRET_CCCD, 1);
    }
    assert_int_equal(woad_gatt_notify_subscribers(solo.h, SECRET, "a", 1), 2);
    solo_pump();
    SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 0); /* Encryption Change: off */
    solo_pump();
    solo_forget();
    assert_int_equal(woad_gatt_notify_subscribers(solo.h, SECRET, "b", 1), 1);
    solo_pump();
    assert_int_equal(solo_frames(4, NOTIFY), 1);
    assert_int_equal(solo.frame[0].handle, SOLO_HANDLE + 1);
    solo_end();
}

/* Without the server there is nothing to subscribe to. */
static void without_a_server(void **state)
{
    static const struct woad_feature *const none[] = { &woad_feature_advertiser, NULL };
    static struct woad_value octet = WOAD_VALUE_FIXED("a", 1);
    (void)state;
    solo_boot(solo_config(none));
    assert_int_equal(woad_gatt_notify_subscribers(solo.h, LEVEL, "a", 1), WOAD_ENOTSUP);
    assert_int_equal(woad_gatt_notify_value(solo.h, &octet), WOAD_ENOTSUP);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_connection_once), cmocka_unit_test(only_subscribers),
        cmocka_unit_test(a_full_queue),         cmocka_unit_test(security_counts),
        cmocka_unit_test(without_a_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
