/* Calls inside the event callback: all that woad.h allows there, and what it does not. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_l2cap_channels, NULL };
static const struct woad_uuid service = WOAD_UUID16(0x180d), type = WOAD_UUID16(0x2a37);
static uint8_t octets[4] = { 1, 2, 3, 4 };
static unsigned refused;

/* An event of the controller that would end the connection. */
static const uint8_t gone[] = { 4, 5, 4, 0, SOLO_HANDLE, 0, 0x13 };

static void rx_and_poll_do_nothing(void)
{
    struct woad_conn_info info;
    refused++;
    assert_int_equal(woad_rx(solo.h, gone, sizeof gone), WOAD_EBUSY);
    assert_int_equal(woad_poll(solo.h, solo.now_ms + 100000), 0);
    assert_int_equal(woad_conn_info(solo.h, solo.conn[0], &info), 0);
}

static void tries(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_CONNECT || ev->type == WOAD_EV_GATT_WRITE) {
        rx_and_poll_do_nothing();
    }
}

static uint8_t value_read(struct woad *h, uint16_t conn, struct woad_value *v)
{
    (void)h;
    (void)conn;
    (void)v;
    rx_and_poll_do_nothing();
    return 0;
}

static struct woad_value value = WOAD_VALUE_FUNCTIONS(octets, 4, 4, value_read, NULL);
static const struct woad_attr table[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_VALUE(&type, WOAD_PROP_READ | WOAD_PROP_WRITE,
                              WOAD_PERM_READ | WOAD_PERM_WRITE, &value),
};

static void begin(void (*on_event)(const struct woad_event *ev))
{
    refused = 0;
    solo_boot(solo_config(features));
    assert_int_equal(woad_gatt_add(solo.h, WOAD_ATTRS(table), NULL), 0);
    solo.on_event = on_event;
    solo_connected(SOLO_HANDLE, false, 9);
}

/* A packet or the time that a callback passes is refused: it would change what the host is at.  So
 * it is in a value's function; and afterwards both are taken again. */
static void packets_and_time_are_refused(void **state)
{
    (void)state;
    begin(tries);
    assert_int_equal(refused, 1);
    SOLO_ATT(0x0a, (uint8_t)value.handle, 0);
    solo_pump();
    assert_int_equal(refused, 2);
    assert_int_equal(solo_frames(4, 0x0b), 1);
    SOLO_ATT(0x12, (uint8_t)value.handle, 0, 9, 9);
    solo_pump();
    assert_int_equal(refused, 3);
    assert_int_equal(solo_frames(4, 0x13), 1);
    assert_int_equal(solo_rx(gone, sizeof gone), 0);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    solo_end();
}

static void fails_inside(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_GATT_WRITE) {
        woad_fail(solo.h, WOAD_EIO);
        assert_int_equal(woad_start(solo.h), 0);
    }
}

/* The transport fails inside an event: everything ends at once, and the host may start again. */
static void the_transport_may_fail(void **state)
{
    (void)state;
    begin(fails_inside);
    SOLO_ATT(0x12, (uint8_t)value.handle, 0, 9, 9);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_UP), 1);
    assert_int_equal(solo_frames(4, 0x13), 0);
    solo_end();
}

static void fails_at_the_end(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_COC_CLOSED) {
        woad_fail(solo.h, WOAD_EIO);
    }
}

/* In the event of a channel's end, too: the channel ends once. */
static void the_transport_may_fail_as_a_channel_ends(void **state)
{
    static const struct woad_coc_params params = { .psm = 0x80, .mtu = 64 };
    static uint8_t rx[256];
    uint16_t cid;
    (void)state;
    for (int refused_by = 0; refused_by < 2; refused_by++) {
        begin(fails_at_the_end);
        assert_int_equal(woad_coc_connect(solo.h, solo.conn[0], &params, rx, sizeof rx, &cid), 0);
        solo_pump();
        uint8_t id = solo.frame[solo.frames - 1].octet[1];
        if (refused_by) {
            SOLO_SIG(0x01, id, 2, 0, 0, 0);
        } else {
            SOLO_SIG(0x15, id, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0);
        }
        assert_int_equal(solo_count(WOAD_EV_COC_CLOSED), 1);
        assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
        solo_end();
    }
}

static void sends_inside(const struct woad_event *ev)
{
    uint8_t packet[300];
    if (ev->type == WOAD_EV_DISCONNECT) {
        while (woad_tx(solo.h, packet, sizeof packet)) {
        }
        assert_int_equal(woad_rx(solo.h, gone, sizeof gone), WOAD_EBUSY);
        refused++;
    }
}

/* After woad_tx() and after an event around it, too: an event inside woad_fail() inside one. */
static void refused_after_tx_and_after_inner_events(void **state)
{
    (void)state;
    begin(sends_inside);
    assert_int_equal(solo_rx(gone, sizeof gone), 0);
    assert_int_equal(refused, 1);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(solo_rx(gone, sizeof gone), 0);
    assert_int_equal(refused, 2);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_and_time_are_refused),
        cmocka_unit_test(the_transport_may_fail),
        cmocka_unit_test(the_transport_may_fail_as_a_channel_ends),
        cmocka_unit_test(refused_after_tx_and_after_inner_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
