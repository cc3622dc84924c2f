/* The controller, or a peer that acknowledges nothing, withholds an event that the host waits for:
 * every accepted operation still ends, and woad_poll() names the next deadline.  A controller that
 * then does not end the connection either has failed: WOAD_EV_DOWN. */
#include "solo.h"

enum { ENCRYPT = 0x2019, VERSION = 0x041d, SET_PHY = 0x2032, DISCONNECT = 0x0406 };
enum { READ_P256 = 0x2025, SMP = 6, PAIRING_RSP = 2, OTHER = 0x41 };

static const struct woad_feature *const features[] = { &woad_feature_central,
                                                       &woad_feature_advertiser,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_security_manager,
                                                       &woad_feature_link_control,
                                                       NULL };

static void begin(uint8_t acl_count)
{
    solo.acl_len = 27;
    solo.acl_count = acl_count;
    solo_boot(solo_config(features));
}

/* Lets time pass as woad_poll() says, up to `seconds`.  Returns whether it ran out of deadlines. */
static bool wait_for(enum woad_event_type type, unsigned seconds)
{
    uint32_t end = solo.now_ms + seconds * 1000, next = 0;
    while (!solo_count(type) && solo.now_ms < end && next != WOAD_FOREVER) {
        next = solo_tick(next ? next : 1);
    }
    return next == WOAD_FOREVER;
}

/* After HCI_Disconnect the controller ends the connection, or does not. */
static void ends_or_goes_down(bool ends)
{
    assert_int_equal(solo_commands(DISCONNECT), 1);
    if (ends) {
        solo_disconnected(SOLO_HANDLE, 0x16);
    } else {
        assert_false(wait_for(WOAD_EV_DOWN, 60));
        assert_int_equal(solo_last(WOAD_EV_DOWN)->u.down.error, WOAD_ETIMEDOUT);
    }
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
}

/* Ticks until HCI_Disconnect has been sent. */
static void wait_for_disconnect(unsigned seconds)
{
    uint32_t end = solo.now_ms + seconds * 1000, next = 0;
    while (!solo_commands(DISCONNECT) && solo.now_ms < end) {
        next = solo_tick(next ? next : 1);
        assert_int_not_equal(next, WOAD_FOREVER);
    }
}

/* Number Of Completed Packets. */
static void buffers_that_do_not_come_back(void **state)
{
    (void)state;
    for (int ends = 0; ends < 2; ends++) {
        begin(2);
        solo_connected(SOLO_HANDLE, true, 1);
        uint16_t c = solo.conn[0];
        solo.no_completed = true;
        for (int n = 0; n < 2; n++) {
            assert_int_equal(woad_gattc_write_command(solo.h, c, 16, "four", 4), 0);
            solo_pump();
        }
        assert_int_equal(woad_gattc_read(solo.h, c, 20), 0); /* finds no buffer */
        solo_pump();
        wait_for_disconnect(70);
        ends_or_goes_down(ends);
        assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
        solo_end();
    }
}

/* All connections share the buffers: one whose peer acknowledges nothing gives them back. */
static void peer_that_acknowledges_nothing(void **state)
{
    (void)state;
    begin(1);
    solo_connected(SOLO_HANDLE, true, 1);
    solo_connected(OTHER, true, 2);
    solo.no_completed = true;
    assert_int_equal(woad_gattc_write_command(solo.h, solo.conn[0], 16, "four", 4), 0);
    solo_pump();
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[1], 20), 0);
    solo_pump();
    wait_for_disconnect(70);
    assert_int_equal(solo.command[solo.commands - 1].params[0], SOLO_HANDLE);
    size_t before = solo.frames;
    solo_disconnected(SOLO_HANDLE, 0x16);
    assert_int_equal(solo.frames, before + 1); /* the other's read leaves */
    solo_end();
}

/* Progress, however slow, is no loss: a packet each 50 s. */
static void slow_packets_are_not_lost(void **state)
{
    (void)state;
    begin(8);
    solo_connected(SOLO_HANDLE, true, 1);
    solo.no_completed = true;
    for (int n = 0; n < 8; n++) {
        assert_int_equal(woad_gattc_write_command(solo.h, solo.conn[0], 16, "four", 4), 0);
        solo_pump();
    }
    for (int n = 0; n < 8; n++) {
        solo_tick(0);
        solo_tick(50000);
        SOLO_RX(4, 0x13, 5, 1, SOLO_HANDLE, 0, 1, 0);
    }
    assert_int_equal(solo_tick(100), WOAD_FOREVER);
    assert_int_equal(solo_commands(DISCONNECT), 0);
    solo_end();
}

/* Encryption Change. */
static void encryption_that_does_not_end(void **state)
{
    (void)state;
    for (int ends = 0; ends < 2; ends++) {
        begin(8);
        solo_bond(1, 1);
        solo_connected(SOLO_HANDLE, true, 1);
        uint16_t c = solo.conn[0];
        assert_int_equal(woad_pair(solo.h, c), 0);
        assert_int_equal(woad_gattc_read(solo.h, c, 20), 0);
        solo_pump();
        assert_int_equal(solo_commands(ENCRYPT), 1);
        for (int n = 0; n < 13 && !solo_commands(DISCONNECT); n++) {
            solo_tick(5000);
        }
        ends_or_goes_down(ends);
        assert_int_equal(solo_count(WOAD_EV_SECURITY), 1);
        assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
        solo_end();
    }
}

/* Read Remote Version Information Complete, LE PHY Update Complete.  Items that are read meanwhile,
 * and data, do not prolong the wait. */
static void properties_that_are_not_read(void **state)
{
    (void)state;
    for (int ends = 0; ends < 2; ends++) {
        begin(8);
        solo_connected(SOLO_HANDLE, true, 1);
        uint16_t c = solo.conn[0];
        assert_int_equal(woad_link_read(solo.h, c, WOAD_LINK_VERSION), 0);
        assert_int_equal(woad_link_set_phy(solo.h, c, 2, 2, WOAD_CODING_ANY), 0);
        solo_pump();
        assert_int_equal(solo_commands(VERSION) + solo_commands(SET_PHY), 2);
        for (int n = 0; n < 13 && !solo_commands(DISCONNECT); n++) {
            assert_int_equal(woad_link_read(solo.h, c, WOAD_LINK_FEATURES), 0);
            assert_int_equal(woad_gattc_write_command(solo.h, c, 16, "x", 1), 0);
            solo_pump();
            SOLO_RX(4, 0x3e, 12, 4, 0, SOLO_HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 0);
            solo_tick(5000);
        }
        size_t features_read = solo_count(WOAD_EV_LINK);
        ends_or_goes_down(ends);
        assert_int_equal(solo_count(WOAD_EV_LINK), features_read + 2);
        solo_end();
    }
}

/* An item that is read again and again is never overdue. */
static void properties_that_are_read(void **state)
{
    (void)state;
    begin(8);
    solo_connected(SOLO_HANDLE, true, 1);
    for (int n = 0; n < 20; n++) {
        assert_int_equal(woad_link_read(solo.h, solo.conn[0], WOAD_LINK_VERSION), 0);
        solo_pump();
        solo_tick(20000);
        SOLO_RX(4, 0x0c, 8, 0, SOLO_HANDLE, 0, 12, 1, 0, 1, 0);
    }
    assert_int_equal(solo_tick(100), WOAD_FOREVER);
    assert_int_equal(solo_commands(DISCONNECT), 0);
    solo_end();
}

/* LE Read Local P-256 Public Key Complete: without it no peer could pair any more. */
static void key_pair_that_does_not_come(void **state)
{
    static const struct woad_feature *const by_controller[] = {
        &woad_feature_advertiser, &woad_feature_gatt_server, &woad_feature_security_peripheral,
        &woad_feature_controller_crypto, NULL
    };
    struct woad_config c = solo_config(by_controller);
    (void)state;
    c.crypto = NULL;
    c.random = NULL;
    solo.supported_commands[34] = 6;
    solo_boot(c);
    for (uint8_t n = 0; n < 8; n++) {
        SOLO_RX(4, 0x0e, 12, 1, 0x18, 0x20, 0, 1, 2, 3, 4, 5, 6, 7, n);
        solo_pump();
    }
    solo_connected(SOLO_HANDLE, false, 1);
    SOLO_SMP(1, 3, 0, 9, 16, 0, 0);
    solo_pump();
    uint8_t key[65] = { 0x0c, 1, 2, 3 };
    solo_l2cap(SOLO_HANDLE, SMP, key, sizeof key);
    solo_pump();
    for (int n = 0; n < 40 && !solo_commands(READ_P256); n++) {
        solo_tick(10);
    }
    assert_int_equal(solo_commands(READ_P256), 1);
    solo_disconnected(SOLO_HANDLE, 0x13); /* the pairing ends; its request is still out */
    assert_int_equal(solo_count(WOAD_EV_DOWN), 0);
    assert_false(wait_for(WOAD_EV_DOWN, 15));
    assert_int_equal(solo_last(WOAD_EV_DOWN)->u.down.error, WOAD_ETIMEDOUT);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_that_do_not_come_back),
        cmocka_unit_test(peer_that_acknowledges_nothing),
        cmocka_unit_test(slow_packets_are_not_lost),
        cmocka_unit_test(encryption_that_does_not_end),
        cmocka_unit_test(properties_that_are_not_read),
        cmocka_unit_test(properties_that_are_read),
        cmocka_unit_test(key_pair_that_does_not_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
