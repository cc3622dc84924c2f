/* woad_tx() called inside an event, until it returns 0: what the host sets to be sent after that
 * event is sent all the same.  The host is driven as woad.h requires. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_long_values,
                                                       &woad_feature_read_multiple,
                                                       &woad_feature_central,
                                                       &woad_feature_security_manager,
                                                       NULL };

static const struct woad_uuid service = WOAD_UUID16(0x180d), value = WOAD_UUID16(0x2a37);
static const struct woad_attr database[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC(&value, WOAD_PROP_READ | WOAD_PROP_WRITE, WOAD_PERM_READ | WOAD_PERM_WRITE),
    WOAD_CHARACTERISTIC(&value, WOAD_PROP_READ | WOAD_PROP_WRITE, WOAD_PERM_READ | WOAD_PERM_WRITE)
};
enum { ATTRIBUTES = 5, FIRST_VALUE = 2, SECOND_VALUE = 4 };
enum { CREATE_CANCEL = 0x200e, ENABLE_ENCRYPTION = 0x2019 };

static unsigned questions;
static bool store_has_bond;
static uint16_t first;

/* Sends all that is to be sent, as an application does after each call. */
static void flush(void)
{
    uint8_t packet[300];
    while (woad_tx(solo.h, packet, sizeof packet)) {
        fail_msg("a packet of %02x", packet[0]); /* no case here has one */
    }
}

static void answers_and_flushes(const struct woad_event *ev)
{
    bool asks = ev->type == WOAD_EV_GATT_READ || ev->type == WOAD_EV_GATT_WRITE;
    if (ev->type == WOAD_EV_BOND_WANTED && store_has_bond) {
        solo_bond(9, WOAD_BOND_SECURE);
        flush();
    } else if (asks && questions++) {
        assert_int_equal(woad_gatt_answer(solo.h, ev->conn, 0, "b", 1), 0);
        flush();
    } else if (ev->type == WOAD_EV_CONN_UPDATE || ev->type == WOAD_EV_PASSKEY) {
        flush();
    }
}

static void begin(bool we_are_central)
{
    questions = 0;
    store_has_bond = true;
    solo_boot(solo_config(features));
    solo.on_event = answers_and_flushes;
    assert_int_equal(woad_gatt_add(solo.h, database, ATTRIBUTES, &first), 0);
    solo_connected(SOLO_HANDLE, we_are_central, 9);
    solo_forget();
}

/* woad_poll() until it says that nothing is left to do now; returns ms to its next deadline. */
static uint32_t run(void)
{
    uint32_t ms;
    do {
        solo_pump();
        ms = woad_poll(solo.h, solo.now_ms);
    } while (ms == 0);
    return ms;
}

/* An update that the peer does not answer ends in the same woad_poll() as the attempt. */
static void attempt_ends_with_its_time(void **state)
{
    const struct woad_connect_params p = { 96, 48, 24, 40, 0, 100, 30000 };
    const struct woad_addr peer = { 0, { 7, 7, 7, 7, 7, 7 } };
    (void)state;
    begin(false);
    assert_int_equal(woad_conn_update(solo.h, solo.conn[0], &p), 0);
    assert_int_equal(woad_connect(solo.h, &peer, &p), 0);
    for (uint32_t ms = run(); ms != WOAD_FOREVER && !solo_commands(CREATE_CANCEL); ms = run()) {
        solo.now_ms += ms;
    }
    assert_int_equal(solo_count(WOAD_EV_CONN_UPDATE), 1);
    assert_int_equal(solo_commands(CREATE_CANCEL), 1);
    solo_end();
}

/* The bond that woad_pair() needs comes in WOAD_EV_BOND_WANTED. */
static void pair_encrypts_with_a_fetched_bond(void **state)
{
    (void)state;
    begin(true);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    run();
    assert_int_equal(solo_commands(ENABLE_ENCRYPTION), 1);
    solo_end();
}

static void security_request_encrypts_with_a_fetched_bond(void **state)
{
    (void)state;
    begin(true);
    SOLO_SMP(0x0b, 0x09);
    run();
    assert_int_equal(solo_commands(ENABLE_ENCRYPTION), 1);
    solo_end();
}

/* The answer to the first value asks for the second, which is answered in that event. */
static void read_multiple_is_answered(void **state)
{
    (void)state;
    begin(false);
    SOLO_ATT(0x20, (uint8_t)(first + FIRST_VALUE), 0, (uint8_t)(first + SECOND_VALUE), 0);
    solo_pump();
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "a", 1), 0);
    run();
    assert_int_equal(solo_frames(4, 0x21), 1);
    solo_end();
}

static void execute_write_is_answered(void **state)
{
    (void)state;
    begin(false);
    SOLO_ATT(0x16, (uint8_t)(first + FIRST_VALUE), 0, 0, 0, 1);
    solo_pump();
    SOLO_ATT(0x16, (uint8_t)(first + SECOND_VALUE), 0, 0, 0, 2);
    solo_pump();
    SOLO_ATT(0x18, 1);
    solo_pump();
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, NULL, 0), 0);
    run();
    assert_int_equal(solo_frames(4, 0x19), 1);
    solo_end();
}

/* The passkey is displayed before Pairing Confirm: Vol 3, Part H, 2.3.5.6.3. */
static void confirm_follows_the_displayed_passkey(void **state)
{
    const struct woad_security_policy policy = { .io = WOAD_IO_DISPLAY,
                                                 .bond = true,
                                                 .mitm = true };
    uint8_t key[65] = { 0x0c, 1 };
    (void)state;
    begin(true);
    store_has_bond = false;
    assert_int_equal(woad_set_security_policy(solo.h, &policy), 0);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    run();
    SOLO_SMP(0x02, 2, 0, 0x0d, 16, 0, 0);
    run();
    solo_l2cap(SOLO_HANDLE, 6, key, sizeof key);
    run();
    assert_int_equal(solo_count(WOAD_EV_PASSKEY), 1);
    assert_int_equal(solo_frames(6, 0x03), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempt_ends_with_its_time),
        cmocka_unit_test(pair_encrypts_with_a_fetched_bond),
        cmocka_unit_test(security_request_encrypts_with_a_fetched_bond),
        cmocka_unit_test(confirm_follows_the_displayed_passkey),
        cmocka_unit_test(read_multiple_is_answered),
        cmocka_unit_test(execute_write_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
