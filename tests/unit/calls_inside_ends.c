/* API calls from inside the event of an end, and deadlines while the host stops.  Nothing ends
 * twice, nothing loops, and nothing of the ended object is sent. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_security_manager, NULL };
static enum woad_event_type act_on;
static void (*act)(const struct woad_event *ev);

static void once(const struct woad_event *ev)
{
    if (act && ev->type == act_on) {
        void (*now)(const struct woad_event *) = act;
        act = NULL;
        now(ev);
    }
}

static void on(enum woad_event_type type, void (*what)(const struct woad_event *ev))
{
    act_on = type;
    act = what;
    solo.on_event = once;
}

/* --- attributes that are removed -------------------------------------------------------------- */

static const struct woad_uuid service = WOAD_UUID16(0x180d), value = WOAD_UUID16(0x2a37);
static const struct woad_attr secret[] = {
    WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC_CCCD(&value, WOAD_PROP_READ | WOAD_PROP_INDICATE,
                                                     WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED)
};
static const struct woad_attr plain[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(&value, WOAD_PROP_READ | WOAD_PROP_INDICATE, WOAD_PERM_READ)
};
static uint16_t first;

/* Boots a server with one indication sent and one queued, for a value that needs encryption.
 * The controller completes no packet. */
static void indications_wait(void)
{
    solo_boot(solo_config(features));
    assert_int_equal(woad_gatt_add(solo.h, secret, 4, &first), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    for (unsigned n = 0; n < 2; n++) {
        assert_int_equal(woad_gatt_indicate(solo.h, solo.conn[0], (uint16_t)(first + 2), "x", 1),
                         0);
    }
    solo_pump();
    assert_int_equal(solo_frames(4, 0x1d), 1);
}

static void add_plain(const struct woad_event *ev)
{
    (void)ev;
    assert_int_equal(woad_gatt_add(solo.h, plain, 4, &first), 0);
}

/* woad_gatt_clear() removes all services; a service added from inside its event stays. */
static void service_added_while_all_are_removed(void **state)
{
    (void)state;
    indications_wait();
    first = 0;
    on(WOAD_EV_INDICATED, add_plain);
    assert_int_equal(woad_gatt_clear(solo.h), 0);
    assert_true(first != 0);
    assert_int_equal(woad_gatt_remove(solo.h, first), 0);
    solo_end();
}

/* --- addresses -------------------------------------------------------------------------------- */

/* A private address is due for renewal while the connections are being closed: woad_poll()
 * returns the time at which the host stops, not 0. */
static void address_due_while_the_host_stops(void **state)
{
    uint8_t irk[16] = { 1 };
    (void)state;
    solo_boot(solo_config(features));
    assert_int_equal(woad_set_irk(solo.h, irk), 0);
    assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_RESOLVABLE, 1), 0);
    solo_pump();
    solo_connected(SOLO_HANDLE, false, 9);
    solo_tick(900);
    assert_int_equal(woad_stop(solo.h), 0);
    solo_pump();
    assert_true(solo_tick(500) > 0);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 0);
    solo_tick(600);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
    solo_end();
}

/* --- ATT_MTU ---------------------------------------------------------------------------------- */

/* Both sides exchange at once, and the program sets another ATT_MTU in between.  The response
 * offers the same as the request, so that both exchanges have one result.  Vol 3, Part F,
 * 3.4.2.2 */
static void mtu_of_exchanges_that_cross(void **state)
{
    struct woad_conn_info info;
    (void)state;
    solo_boot(solo_config(features));
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_set_mtu(solo.h, 100), 0);
    assert_int_equal(woad_gattc_exchange_mtu(solo.h, solo.conn[0]), 0);
    solo_pump();
    assert_int_equal(woad_set_mtu(solo.h, 60), 0);
    SOLO_ATT(0x02, 200, 0);
    solo_pump();
    assert_int_equal(solo.frame[solo.frames - 1].octet[0], 0x03);
    assert_int_equal(solo.frame[solo.frames - 1].octet[1], 100);
    SOLO_ATT(0x03, 200, 0);
    solo_pump();
    assert_int_equal(woad_conn_info(solo.h, solo.conn[0], &info), 0);
    assert_int_equal(info.mtu, 100);
    solo_end();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(service_added_while_all_are_removed),
        cmocka_unit_test(address_due_while_the_host_stops),
        cmocka_unit_test(mtu_of_exchanges_that_cross),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
