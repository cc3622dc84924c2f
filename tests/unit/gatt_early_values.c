/* Values that a bonded peer sends before encryption: the host neither trusts nor loses them.
 * weliem/bluez_inc#117: a peripheral indicates directly after the connection and waits for the
 * confirmation. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_central,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_security_manager, NULL };
enum { LE_ENABLE_ENCRYPTION = 0x2019, KEY_MISSING = 0x06 };

static void begin(uint8_t procedures)
{
    struct woad_config config = solo_config(features);
    config.procedures = procedures;
    solo_boot(config);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, true, 9);
    solo_forget();
}

static void encrypted(uint8_t status)
{
    SOLO_RX(4, 8, 4, status, SOLO_HANDLE, 0, !status);
    solo_pump();
}

static char delivered[8][8];
static enum woad_event_type reported_as[8];
static unsigned tells, acts;

/* Checks the value, after the application has cancelled all procedures and started a new one. */
static void tell(const struct woad_event *ev)
{
    if (ev->type != WOAD_EV_NOTIFIED && ev->type != WOAD_EV_INDICATION) {
        return;
    }
    if (acts) {
        woad_gattc_cancel(solo.h, ev->conn);
        woad_gattc_write(solo.h, ev->conn, 5, "other", 5);
    }
    assert_true(ev->u.value.len < sizeof delivered[0]);
    memset(delivered[tells], 0, sizeof delivered[0]);
    memcpy(delivered[tells], ev->u.value.data, ev->u.value.len);
    reported_as[tells++] = ev->type;
}

/* The application and the host have nothing to send: the peer's indication alone starts the
 * encryption. */
static void indication_is_reported_and_confirmed_once_encrypted(void **state)
{
    (void)state;
    begin(6);
    solo.on_event = tell;
    tells = acts = 0;
    SOLO_ATT(0x1d, 12, 0, 'e', 'a', 'r', 'l', 'y');
    solo_pump();
    assert_int_equal(solo_commands(LE_ENABLE_ENCRYPTION), 1);
    assert_int_equal(tells, 0);
    assert_int_equal(solo_frames(4, 0x1e), 0);
    encrypted(0);
    assert_int_equal(tells, 1);
    assert_int_equal(reported_as[0], WOAD_EV_INDICATION);
    assert_string_equal(delivered[0], "early");
    assert_int_equal(solo_frames(4, 0x1e), 1);
    SOLO_ATT(0x1d, 12, 0, 'l', 'a', 't', 'e', 'r');
    solo_pump();
    assert_int_equal(tells, 2);
    assert_int_equal(solo_frames(4, 0x1e), 2);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 0);
    assert_int_equal(woad_gattc_cancel(solo.h, solo.conn[0]), WOAD_ENOENT);
    solo_end();
}

static void values_are_reported_in_their_order(void **state)
{
    (void)state;
    for (acts = 0; acts < 2; acts++) {
        begin(6);
        solo.on_event = tell;
        tells = 0;
        SOLO_ATT(0x1b, 12, 0, '1');
        assert_int_equal(woad_gattc_write(solo.h, solo.conn[0], 3, "between", 7), 0);
        SOLO_ATT(0x1d, 12, 0, '2');
        SOLO_ATT(0x1b, 13, 0);
        SOLO_ATT(0x1b, 14); /* an invalid PDU */
        solo_pump();
        encrypted(0);
        assert_int_equal(tells, 3);
        assert_string_equal(delivered[0], "1");
        assert_string_equal(delivered[1], "2");
        assert_string_equal(delivered[2], "");
        assert_int_equal(reported_as[1], WOAD_EV_INDICATION);
        assert_int_equal(solo_frames(4, 0x1e), 1);
        assert_int_equal(solo_frames(4, 0x12), 1); /* the write, or its replacement */
        solo_end();
    }
}

/* The confirmation is sent even if there is no room for the value; otherwise the connection
 * would end after 30 s. */
static void confirmation_goes_without_room_for_the_value(void **state)
{
    (void)state;
    begin(1);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    SOLO_ATT(0x1d, 12, 0, 'x');
    solo_pump();
    assert_int_equal(solo_frames(4, 0x1e), 0);
    encrypted(0);
    assert_int_equal(solo_count(WOAD_EV_INDICATION), 0);
    assert_int_equal(solo_frames(4, 0x1e), 1);
    assert_int_equal(solo_frames(4, 0x0a), 1);
    solo_end();
}

/* A stored value takes a procedure's slot only until the encryption has succeeded or failed. */
static void place_of_a_value_is_free_again(void **state)
{
    (void)state;
    for (uint8_t status = 0; status <= KEY_MISSING; status = (uint8_t)(status + KEY_MISSING)) {
        begin(1);
        SOLO_ATT(0x1d, 12, 0, 'x');
        solo_pump();
        assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), WOAD_EAGAIN);
        encrypted(status);
        assert_int_equal(solo_count(WOAD_EV_INDICATION), !status);
        assert_int_equal(solo_frames(4, 0x1e), !status);
        assert_int_equal(solo_count(WOAD_EV_TX_READY), 1);
        assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
        SOLO_ATT(0x1d, 12, 0, 'y'); /* after a failure no value is stored */
        solo_disconnected(SOLO_HANDLE, 0x13);
        assert_int_equal(solo_count(WOAD_EV_INDICATION), status ? 0 : 2);
        assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
        solo_end();
    }
}

/* The connection ends before encryption: the value and its confirmation are dropped. */
static void value_ends_with_the_connection(void **state)
{
    (void)state;
    begin(6);
    SOLO_ATT(0x1d, 12, 0, 'x');
    solo_pump();
    solo_disconnected(SOLO_HANDLE, 0x13);
    assert_int_equal(solo_count(WOAD_EV_INDICATION), 0);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 0);
    solo_connected(SOLO_HANDLE, true, 9);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[1], 3), 0);
    solo_pump();
    encrypted(0);
    assert_int_equal(solo_count(WOAD_EV_INDICATION), 0);
    assert_int_equal(solo_frames(4, 0x1e), 0);
    solo_end();
}

static void gives_the_bond(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND_WANTED) {
        solo_bond(ev->u.bond_wanted.peer.octet[0], WOAD_BOND_SECURE);
    }
}

/* The bond was evicted after the peer failed to prove its key: the peer is untrusted as before. */
static void nothing_is_believed_without_the_bond_in_memory(void **state)
{
    struct woad_config config = solo_config(features);
    (void)state;
    config.bonds = 1;
    solo_boot(config);
    solo.on_event = gives_the_bond;
    solo_connected(SOLO_HANDLE, true, 9);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    solo_pump();
    assert_int_equal(solo_commands(LE_ENABLE_ENCRYPTION), 1);
    encrypted(KEY_MISSING);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, WOAD_EACCES);
    solo_connected(SOLO_HANDLE + 1, true, 8);
    assert_int_equal(woad_pair(solo.h, solo.conn[1]), 0);
    solo_pump();
    SOLO_ATT(0x1b, 12, 0, 'x');
    assert_int_equal(solo_count(WOAD_EV_NOTIFIED), 0);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x0a), 0);
    solo_end();
}

static unsigned requests;

static void gives_each_bond(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND_WANTED) {
        assert_true(++requests < 20);
    }
    gives_the_bond(ev);
}

/* Two peers share the slot of one bond: each bond evicts the other when it is needed, and this
 * ends. */
static void two_bonds_in_one_place(void **state)
{
    struct woad_config config = solo_config(features);
    (void)state;
    config.bonds = 1;
    solo_boot(config);
    solo.on_event = gives_each_bond;
    requests = 0;
    for (uint16_t n = 0; n < 2; n++) {
        solo_connected((uint16_t)(SOLO_HANDLE + n), true, (uint8_t)(8 + n));
        SOLO_L2CAP((uint16_t)(SOLO_HANDLE + n), 4, 0x1d, 12, 0, 'x');
        solo_pump();
        SOLO_RX(4, 8, 4, KEY_MISSING, (uint8_t)(SOLO_HANDLE + n), 0, 0);
        solo_pump();
    }
    for (uint16_t n = 0; n < 2; n++) {
        SOLO_L2CAP((uint16_t)(SOLO_HANDLE + n), 4, 0x1d, 12, 0, 'y');
        solo_pump();
    }
    assert_int_equal(solo_count(WOAD_EV_INDICATION), 0);
    assert_int_equal(solo_frames(4, 0x1e), 0);
    assert_int_equal(woad_bond_remove(solo.h, NULL), 0); /* without a bond nothing waits */
    solo_pump();
    assert_int_equal(solo_frames(4, 0x1e), 2);
    solo_end();
}

/* A bond is added while a request without encryption has no response: the response is not
 * trusted, and the request is sent again once the peer has proved its key. */
static void answer_that_has_become_doubtful(void **state)
{
    (void)state;
    for (int error = 0; error < 2; error++) {
        solo_boot(solo_config(features));
        solo_connected(SOLO_HANDLE, true, 9);
        assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
        solo_pump();
        solo_bond(9, WOAD_BOND_SECURE);
        if (error) {
            SOLO_ATT(0x01, 0x0a, 3, 0, 0x0a);
        } else {
            SOLO_ATT(0x0b, 1, 2);
        }
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_READ), 0);
        assert_int_equal(solo_frames(4, 0x0a), 1);
        SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 1);
        solo_pump();
        assert_int_equal(solo_frames(4, 0x0a), 2);
        SOLO_ATT(0x0b, 1, 2);
        assert_int_equal(solo_count(WOAD_EV_READ), 1);
        assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
        assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, 0);
        solo_end();
    }
}

/* The bond has given way to another peer's, and is only in the application's store; the application
 * removes it there.  The confirmation that has waited for its key is sent. */
static void bond_that_is_not_in_memory_is_removed(void **state)
{
    (void)state;
    struct woad_config config = solo_config(features);
    const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
    struct woad_security_policy policy = { .bond = true, .trust_unencrypted = true };
    config.bonds = 1;
    solo_boot(config);
    assert_int_equal(woad_set_security_policy(solo.h, &policy), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, true, 9);
    solo_forget();
    SOLO_ATT(0x1d, 12, 0, 'e', 'a', 'r', 'l', 'y');
    policy.trust_unencrypted = false; /* before the confirmation leaves */
    assert_int_equal(woad_set_security_policy(solo.h, &policy), 0);
    solo_pump();
    assert_int_equal(solo_commands(LE_ENABLE_ENCRYPTION), 1);
    solo_bond(8, WOAD_BOND_SECURE);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x1e), 0);
    assert_int_equal(woad_bond_remove(solo.h, &peer), WOAD_ENOENT);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x1e), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bond_that_is_not_in_memory_is_removed),
        cmocka_unit_test(indication_is_reported_and_confirmed_once_encrypted),
        cmocka_unit_test(values_are_reported_in_their_order),
        cmocka_unit_test(confirmation_goes_without_room_for_the_value),
        cmocka_unit_test(place_of_a_value_is_free_again),
        cmocka_unit_test(value_ends_with_the_connection),
        cmocka_unit_test(nothing_is_believed_without_the_bond_in_memory),
        cmocka_unit_test(two_bonds_in_one_place),
        cmocka_unit_test(answer_that_has_become_doubtful),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
