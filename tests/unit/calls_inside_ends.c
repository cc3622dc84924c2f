/* What the application calls from inside the event of an end, and what falls due while the host is
 * ending: nothing ends twice, nothing is asked for without end, and nothing is sent that has
 * gone. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_gatt_server, &woad_gatt_client,
    &woad_scanner, &woad_security_manager, NULL };
static const struct woad_scan_params scan = { 16, 16, true, true, 0, false };
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

/* A scan is stopped and another started, while the controller has not answered. */
static void start_scan(const struct woad_event *ev)
{
    (void)ev;
    assert_int_equal(woad_scan_start(solo.h, &scan), 0);
}

static void scan_started_inside_the_end_of_the_last(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    start_scan(NULL);
    solo_pump();
    assert_int_equal(woad_scan_stop(solo.h), 0);
    on(WOAD_EV_SCAN_DONE, start_scan);
    assert_int_equal(woad_scan_start(solo.h, &scan), WOAD_EALREADY);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_SCAN_DONE), 1);
    assert_true(woad_scan_running(solo.h));
    assert_int_equal(woad_scan_stop(solo.h), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_SCAN_DONE), 2);
    solo_end();
}

static void cancel(const struct woad_event *ev)
{
    assert_int_equal(woad_gattc_cancel(solo.h, ev->conn), 0);
}

/* The last characteristic is told when its procedure ends, here with the connection, and before the
 * next request has left. */
static void cancel_inside_the_last_characteristic(void **state)
{
    (void)state;
    solo.acl_len = 27;
    solo.acl_count = 1;
    solo.no_completed = true;
    solo_boot(solo_config(features));
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_gattc_characteristics(solo.h, solo.conn[0], 1, 0xffff, NULL), 0);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    solo_pump();
    SOLO_ATT(0x09, 7, 2, 0, 2, 3, 0, 0x37, 0x2a);
    solo_pump();
    on(WOAD_EV_CHARACTERISTIC, cancel);
    solo_disconnected(SOLO_HANDLE, 8);
    assert_int_equal(solo_count(WOAD_EV_CHARACTERISTIC), 1);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 2);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    solo_end();
}

/* --- attributes that go ----------------------------------------------------------------------- */

static const struct woad_uuid service = WOAD_UUID16(0x180d), value = WOAD_UUID16(0x2a37);
static const struct woad_attr secret[] = { WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(&value, WOAD_PROP_READ | WOAD_PROP_INDICATE,
                             WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED) };
static const struct woad_attr plain[] = { WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(&value, WOAD_PROP_READ | WOAD_PROP_INDICATE, WOAD_PERM_READ) };
static uint16_t first;

/* One indication of a value that takes encryption is out, one waits; the controller completes
 * nothing. */
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

/* What it took to have the value is known as long as the attribute is there. */
static void value_of_a_removed_attribute(void **state)
{
    (void)state;
    indications_wait();
    assert_int_equal(woad_gatt_remove(solo.h, first), 0);
    assert_int_equal(solo_count(WOAD_EV_INDICATED), 1);
    assert_int_equal(solo_last(WOAD_EV_INDICATED)->u.done.status, WOAD_EACCES);
    assert_int_equal(woad_gatt_add_at(solo.h, plain, 4, first), 0);
    SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 0);
    SOLO_ATT(0x1e);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_INDICATED), 2);
    assert_int_equal(solo_frames(4, 0x1d), 1);
    solo_end();
}

static void add_plain(const struct woad_event *ev)
{
    (void)ev;
    assert_int_equal(woad_gatt_add(solo.h, plain, 4, &first), 0);
}

/* All go at once: what is added from inside an event of woad_gatt_clear() stays. */
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

/* --- bonds and addresses ---------------------------------------------------------------------- */

static void give_bond(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND_WANTED) {
        assert_true(solo.events < SOLO_LOG / 2);
        solo_bond(ev->u.bond_wanted.peer.octet[0], WOAD_BOND_SECURE);
    }
}

/* Two peers have indicated and have to prove who they are, there is room for the bond of one, and a
 * store gives whichever is wanted: woad_tx() ends all the same. */
static void bonds_of_two_with_room_for_one(void **state)
{
    struct woad_config config = solo_config(features);
    (void)state;
    config.bonds = 1;
    solo_boot(config);
    solo.on_event = give_bond;
    solo_connected(SOLO_HANDLE, false, 8);
    solo_connected(SOLO_HANDLE + 1, false, 9);
    for (size_t n = 0; n < 2; n++) {
        assert_int_equal(woad_gattc_read(solo.h, solo.conn[n], 3), 0);
        SOLO_L2CAP((uint16_t)(SOLO_HANDLE + n), 4, 0x1d, 0x20, 0, 7);
    }
    solo_pump();
    solo_tick(10);
    assert_true(solo_count(WOAD_EV_BOND_WANTED) >= 2);
    solo_end();
}

/* The address would be renewed while the connections are being ended: woad_poll() knows when the
 * host ends, and does not ask to be called again at once until then. */
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

/* Both ask at once, and the program offers another ATT_MTU in between: the answer says what the
 * request has said, so that both exchanges come to the same.  Vol 3, Part F, 3.4.2.2 */
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
        cmocka_unit_test(scan_started_inside_the_end_of_the_last),
        cmocka_unit_test(cancel_inside_the_last_characteristic),
        cmocka_unit_test(value_of_a_removed_attribute),
        cmocka_unit_test(service_added_while_all_are_removed),
        cmocka_unit_test(bonds_of_two_with_room_for_one),
        cmocka_unit_test(address_due_while_the_host_stops),
        cmocka_unit_test(mtu_of_exchanges_that_cross),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
