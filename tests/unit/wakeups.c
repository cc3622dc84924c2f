/* After woad_tx() has returned 0 the host has nothing to do that an event or woad_poll()'s
 * deadline does not announce.  The host is driven as woad.h requires. */
#include "solo.h"

static const struct woad_feature *const features[] = {
    &woad_feature_gatt_server,      &woad_feature_gatt_client,
    &woad_feature_security_manager, &woad_feature_central,
    &woad_feature_pipelining,       &woad_feature_link_control,
    &woad_feature_l2cap_channels,   NULL
};

enum {
    ENABLE_ENCRYPTION = 0x2019,
    LTK_NEGATIVE_REPLY = 0x201b,
    CREATE_CANCEL = 0x200e,
    READ_RSSI = 0x1405
};

/* A request to a bonded peer starts the encryption inside woad_tx(): the command is sent. */
static void encryption_begun_inside_tx_is_sent(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, true, 9);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    solo_pump();
    assert_int_equal(solo_commands(ENABLE_ENCRYPTION), 1);
    solo_end();
}

/* woad_tx() ends, without a busy loop, while a command has no answer, or its buffer is too small
 * for the command. */
static void command_that_has_to_wait_ends_tx(void **state)
{
    uint8_t small[100];
    (void)state;
    solo_boot(solo_config(features));
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, true, 9);
    solo.withheld = READ_RSSI;
    woad_link_read(solo.h, solo.conn[0], WOAD_LINK_RSSI);
    solo_pump();
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    solo_pump();
    assert_int_equal(solo_commands(ENABLE_ENCRYPTION), 0);
    SOLO_RX(4, 0x0e, 7, 1, 5, 0x14, 0, 0x40, 0, 0);
    assert_int_equal(woad_tx(solo.h, small, sizeof small), 0);
    solo_pump();
    assert_int_equal(solo_commands(ENABLE_ENCRYPTION), 1);
    solo_end();
}

/* The bond is removed between the controller's key request and the reply.  Vol 4, Part E, 7.8.26 */
static void negative_reply_is_sent(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_RX(4, 0x3e, 13, 5, SOLO_HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(woad_bond_remove(solo.h, NULL), 0);
    solo_pump();
    assert_int_equal(solo_commands(LTK_NEGATIVE_REPLY), 1);
    solo_end();
}

/* A bonded peer indicates without encrypting: its value waits for the bond's key, and so does
 * the confirmation. */
static void confirmation_waits(void)
{
    solo_boot(solo_config(features));
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_ATT(0x1d, 0x20, 0, 7);
    solo_pump();
    SOLO_SMP(0x05, 0x05);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x1e), 0);
}

/* The program removes what the confirmation waits for: the confirmation is sent without another
 * event. */
static void confirmation_goes_with_the_bond(void **state)
{
    (void)state;
    confirmation_waits();
    assert_int_equal(woad_bond_remove(solo.h, NULL), 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x1e), 1);
    solo_end();
}

/* The policy now trusts unencrypted values: the confirmation is sent without another event. */
static void confirmation_goes_by_the_policy(void **state)
{
    static const struct woad_security_policy trusts = { .io = WOAD_IO_NONE,
                                                        .trust_unencrypted = true };
    (void)state;
    confirmation_waits();
    assert_int_equal(woad_set_security_policy(solo.h, &trusts), 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x1e), 1);
    solo_end();
}

/* A program as woad.h describes it: sends until woad_tx() returns 0, then sleeps as long as
 * woad_poll() says. */
static void sleeper_until(uint32_t ms)
{
    uint32_t wait = 0;
    for (uint32_t end = solo.now_ms + ms; solo.now_ms < end;) {
        solo_pump();
        wait = woad_poll(solo.h, solo.now_ms);
        uint32_t left = end - solo.now_ms;
        solo.now_ms += wait < left ? wait : left;
    }
}

/* A deadline causes a command: the command is sent, and has a deadline itself. */
static void time_limits_follow_each_other(void **state)
{
    static const struct woad_connect_params p = { 16, 16, 6, 6, 0, 100, 5000 };
    const struct woad_addr peer = { 0, { 8, 8, 8, 8, 8, 8 } };
    (void)state;
    solo_boot(solo_config(features));
    assert_int_equal(woad_connect(solo.h, &peer, &p), 0);
    solo.withheld = CREATE_CANCEL;
    sleeper_until(5001);
    assert_int_equal(solo_commands(CREATE_CANCEL), 1);
    sleeper_until(2001);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
    assert_int_equal(solo_last(WOAD_EV_CONNECT_FAILED)->u.connect_failed.status, WOAD_ECANCELED);
    solo_end();
}

/* A pairing with P-256 calculations in woad_poll(), until only its timeout is left. */
static void result_of_a_multiplication_is_sent(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_SMP(1, 3, 0, 8, 16, 1, 1); /* Pairing Request: Secure Connections */
    sleeper_until(10);
    assert_int_equal(solo_frames(6, 2), 1);
    uint8_t key[65] = { 12, 9 };
    solo_l2cap(SOLO_HANDLE, 6, key, sizeof key);
    sleeper_until(10);
    assert_int_equal(solo_frames(6, 12), 1); /* the host's public key */
    assert_int_equal(solo_frames(6, 3), 1);  /* and the confirm value */
    solo_end();
}

/* One connection has its share of the controller's buffers, and the next one has dropped PDUs
 * that must not be sent: the PDUs behind them are sent all the same. */
static void turn_of_one_that_has_dropped(void **state)
{
    static const struct woad_uuid service = WOAD_UUID16(0x180d), value = WOAD_UUID16(0x2a37);
    static const struct woad_attr db[] = {
        WOAD_PRIMARY(&service),
        WOAD_CHARACTERISTIC(&value, WOAD_PROP_NOTIFY, WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED),
        WOAD_CHARACTERISTIC(&value, WOAD_PROP_NOTIFY, WOAD_PERM_READ)
    };
    uint16_t first = 0;
    (void)state;
    solo.acl_len = 251;
    solo.acl_count = 4;
    solo_boot(solo_config(features));
    assert_int_equal(woad_gatt_add(solo.h, db, sizeof db / sizeof *db, &first), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 8);
    solo_connected(SOLO_HANDLE + 1, false, 9);
    solo_encrypt(SOLO_HANDLE + 1);
    solo.no_completed = true;
    uint16_t secret = (uint16_t)(first + 2), plain = (uint16_t)(first + 4);
    for (int n = 0; n < 4; n++) {
        assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], plain, "x", 1), 0);
    }
    solo_pump();
    assert_int_equal(solo_frames(4, 0x1b), 3);
    assert_int_equal(woad_gatt_notify(solo.h, solo.conn[1], secret, "y", 1), 0);
    SOLO_RX(4, 8, 4, 0, SOLO_HANDLE + 1, 0, 0);
    assert_int_equal(woad_gatt_notify(solo.h, solo.conn[1], plain, "z", 1), 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x1b), 4);
    solo_end();
}

static unsigned long ends;
static const struct woad_coc_params channel = { .psm = 0x80, .mtu = 64 };
static uint8_t into[64];

static void requests_once_more(const struct woad_event *ev)
{
    uint16_t cid;
    if (ev->type == WOAD_EV_GATTC_DONE) {
        ends++;
        woad_gattc_read(solo.h, ev->conn, 3);
    } else if (ev->type == WOAD_EV_COC_CLOSED) {
        ends++;
        woad_coc_connect(solo.h, ev->conn, &channel, into, sizeof into, &cid);
    }
}

/* A bonded central ignores the Security Request for 30 s.  An application that repeats its
 * request in each end gets one end for each; woad_tx() still returns 0, and woad_poll() returns
 * 0 as long as there is more. */
static void requested_again_in_each_end(void **state)
{
    uint16_t cid;
    (void)state;
    for (int coc = 0; coc < 2; coc++) {
        solo_boot(solo_config(features));
        solo_bond(9, WOAD_BOND_SECURE);
        solo_connected(SOLO_HANDLE, false, 9);
        solo.on_event = requests_once_more;
        ends = 0;
        int err = coc ? woad_coc_connect(solo.h, solo.conn[0], &channel, into, sizeof into, &cid)
                      : woad_gattc_read(solo.h, solo.conn[0], 3);
        assert_int_equal(err, 0);
        solo_pump();
        solo_tick(31000);
        assert_true(ends > 10 && ends < 100000);
        assert_int_equal(solo_tick(1000), 0);
        solo.on_event = NULL;
        solo_tick(10);
        assert_true(solo_tick(10) > 0);
        solo_end();
    }
}

/* A peer that failed waits; the host sends its PDU when the waiting time is over. */
static void request_after_the_wait(void **state)
{
    static const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
    (void)state;
    for (int central = 0; central < 2; central++) {
        solo_boot(solo_config(features));
        assert_int_equal(woad_attempts_add(solo.h, &peer, 4), 0);
        solo_connected(SOLO_HANDLE, central, 9);
        assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
        solo_pump();
        assert_int_equal(solo_frames(6, central ? 0x01 : 0x0b), 0);
        solo.now_ms += 2000;
        assert_int_equal(woad_poll(solo.h, solo.now_ms), 0);
        solo_pump();
        assert_int_equal(solo_frames(6, central ? 0x01 : 0x0b), 1);
        solo_end();
    }
}

static void closes_first_channel(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND_WANTED) {
        assert_int_equal(woad_coc_disconnect(solo.h, ev->conn, 0x40), 0);
    }
}

/* The event before a channel's request closes that channel: the next channel's request is sent. */
static void channel_behind_a_closed_one_is_requested(void **state)
{
    static uint8_t memory[2][100];
    const struct woad_coc_params p = { .psm = 0x80, .mtu = 64 };
    uint16_t cid;
    (void)state;
    solo_boot(solo_config(features));
    solo.on_event = closes_first_channel;
    solo_connected(SOLO_HANDLE, true, 9);
    for (int n = 0; n < 2; n++) {
        assert_int_equal(woad_coc_connect(solo.h, solo.conn[0], &p, memory[n], 100, &cid), 0);
    }
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_COC_CLOSED), 1);
    assert_int_equal(solo_frames(5, 0x14), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channel_behind_a_closed_one_is_requested),
        cmocka_unit_test(encryption_begun_inside_tx_is_sent),
        cmocka_unit_test(command_that_has_to_wait_ends_tx),
        cmocka_unit_test(negative_reply_is_sent),
        cmocka_unit_test(confirmation_goes_with_the_bond),
        cmocka_unit_test(confirmation_goes_by_the_policy),
        cmocka_unit_test(time_limits_follow_each_other),
        cmocka_unit_test(result_of_a_multiplication_is_sent),
        cmocka_unit_test(turn_of_one_that_has_dropped),
        cmocka_unit_test(requested_again_in_each_end),
        cmocka_unit_test(request_after_the_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
