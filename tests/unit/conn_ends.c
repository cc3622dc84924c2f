/* How connections and connection attempts end: each exactly once, whatever happens at the same
 * time, with all their resources. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_scanner,
                                                       &woad_feature_central,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_security_peripheral,
                                                       &woad_feature_extended_advertising,
                                                       &woad_feature_accept_list,
                                                       NULL };

enum {
    DISCONNECT = 0x0406,
    CREATE = 0x200d,
    CANCEL = 0x200e,
    SET_ADV_PARAMS = 0x2006,
    UPDATE = 0x2013
};
enum { UNKNOWN_CONNECTION = 2, DISALLOWED = 0x0c, USER = 0x13, LOW_RESOURCES = 0x14 };

static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
static const struct woad_connect_params at_once = { 16, 16, 6, 6, 0, 100, 0 };
static const struct woad_connect_params within_5s = { 16, 16, 6, 6, 0, 100, 5000 };
static const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
static const struct woad_addr other = { 0, { 8, 8, 8, 8, 8, 8 } };

static void boot(uint8_t conns)
{
    struct woad_config config = solo_config(features);
    config.conns = conns;
    config.adv_sets = 2;
    config.accept_list = 2;
    solo_boot(config);
}

static void answered(unsigned opcode, uint8_t status)
{
    SOLO_RX(4, 0x0e, 4, 1, (uint8_t)opcode, (uint8_t)(opcode >> 8), status);
    solo.withheld = 0;
    solo_pump();
}

static void seconds_pass(int n)
{
    while (n-- > 0) {
        solo_tick(1000);
    }
}

/* --- the controller's buffers ----------------------------------------------------------------- */

static unsigned sent_late;

static void send_in_event(const struct woad_event *ev)
{
    uint8_t packet[SOLO_FRAME];
    if (ev->type == WOAD_EV_INDICATED) {
        while (woad_tx(solo.h, packet, sizeof packet) > 0) {
            sent_late++;
        }
    }
}

/* woad_tx() inside an event of a connection that ends with half a frame sent: no fragment uses
 * the old handle, and the next connection gets the only buffer. */
static void buffers_come_back_from_half_a_frame(void **state)
{
    static const uint8_t value[100] = { 1 };
    (void)state;
    solo.acl_len = 27;
    solo.acl_count = 1;
    boot(2);
    woad_set_mtu(solo.h, 247);
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_ATT(2, 247, 0);
    solo_pump();
    solo.no_completed = true;
    assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], 3, value, sizeof value), 0);
    assert_int_equal(woad_gatt_indicate(solo.h, solo.conn[0], 5, value, 3), 0);
    solo_pump();
    solo.on_event = send_in_event;
    sent_late = 0;
    SOLO_RX(4, 5, 4, 0, SOLO_HANDLE, 0, 8);
    assert_int_equal(sent_late, 0);
    solo.on_event = NULL;
    solo.no_completed = false;
    solo_connected(SOLO_HANDLE + 1, false, 8);
    solo_forget();
    SOLO_L2CAP(SOLO_HANDLE + 1, 4, 0x0a, 3, 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x0b), 1);
    solo_end();
}

/* --- handles ---------------------------------------------------------------------------------- */

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&u_service),
    { &u_value, NULL, 0, WOAD_ATTR_CHARACTERISTIC, WOAD_PROP_READ, WOAD_PERM_READ },
    { &u_value, "secret", 6, WOAD_ATTR_VALUE, 0, WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED },
};

/* A new connection has a handle that is in use: the old connection has ended, and its security
 * with it. */
static void new_peer_does_not_have_the_old_ones_security(void **state)
{
    struct woad_conn_info info;
    (void)state;
    boot(1);
    woad_gatt_add(solo.h, db, 3, NULL);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    SOLO_ATT(0x0a, 12, 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x0b), 1);
    solo_forget();
    solo_connected(SOLO_HANDLE, false, 6);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    assert_int_equal(solo_last(WOAD_EV_DISCONNECT)->conn, solo.conn[0]);
    assert_int_equal(woad_conn_info(solo.h, solo.conn[0], &info), WOAD_ENOTCONN);
    assert_int_equal(woad_conn_info(solo.h, solo.conn[1], &info), 0);
    assert_int_equal(info.peer.octet[0], 6);
    SOLO_ATT(0x0a, 12, 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x0b), 0);
    assert_int_equal(solo_frames(4, 0x01), 1);
    solo_end();
}

/* --- woad_disconnect() ------------------------------------------------------------------------ */

/* woad_disconnect() accepts the reasons of 7.1.6 and no others. */
static void reasons_that_hci_does_not_take(void **state)
{
    static const uint8_t valid[] = { 0x05, 0x13, 0x14, 0x15, 0x1a, 0x29, 0x3b };
    (void)state;
    for (unsigned reason = 0; reason < 256; reason++) {
        boot(1);
        solo_connected(SOLO_HANDLE, false, 9);
        bool ok = memchr(valid, (int)reason, sizeof valid) != NULL;
        assert_int_equal(woad_disconnect(solo.h, solo.conn[0], (uint8_t)reason),
                         ok ? 0 : WOAD_EINVAL);
        solo_pump();
        assert_int_equal(solo_commands(DISCONNECT), ok);
        solo_end();
    }
}

/* A Disconnect command that fails leaves the connection open, unless the status is Unknown
 * Connection. */
static void refused_disconnect_is_no_end(void **state)
{
    (void)state;
    for (int unknown = 0; unknown < 2; unknown++) {
        boot(1);
        solo_connected(SOLO_HANDLE, false, 9);
        solo.withheld = DISCONNECT;
        assert_int_equal(woad_disconnect(solo.h, solo.conn[0], USER), 0);
        assert_int_equal(woad_disconnect(solo.h, solo.conn[0], USER), WOAD_EALREADY);
        solo_pump();
        SOLO_RX(4, 0x0f, 4, unknown ? UNKNOWN_CONNECTION : DISALLOWED, 1, 6, 4);
        solo.withheld = 0;
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_DISCONNECT), unknown);
        solo_disconnected(SOLO_HANDLE, 0x16);
        assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
        solo_end();
    }
}

/* A controller that never reports the disconnection is lost; 32 s of supervision timeout are
 * not. */
static void disconnect_has_a_time_limit(void **state)
{
    (void)state;
    boot(1);
    solo_connected(SOLO_HANDLE, false, 9);
    woad_disconnect(solo.h, solo.conn[0], USER);
    seconds_pass(39);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 0);
    seconds_pass(2);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    assert_int_equal(solo_last(WOAD_EV_DOWN)->u.down.error, WOAD_ETIMEDOUT);
    solo_end();
}

/* --- no room for a connection ----------------------------------------------------------------- */

static void attempt_refused_for_want_of_room_is_reported(void **state)
{
    (void)state;
    boot(1);
    woad_adv_start(solo.h, &adv);
    woad_connect(solo.h, &other, &at_once);
    solo_pump();
    solo_connected(SOLO_HANDLE, false, 9);
    solo_connected(SOLO_HANDLE + 1, true, 8);
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 1);
    assert_int_equal(solo_last(WOAD_EV_CONNECT_FAILED)->u.connect_failed.status, WOAD_ENOMEM);
    assert_int_equal(solo_commands(DISCONNECT), 1);
    solo_disconnected(SOLO_HANDLE, USER);
    solo_disconnected(SOLO_HANDLE + 1, 0x16);
    assert_int_equal(woad_connect(solo.h, &other, &at_once), 0);
    solo_end();
}

static void advertising_refused_for_want_of_room_is_reported(void **state)
{
    (void)state;
    for (int extended = 0; extended < 2; extended++) {
        solo.supported_commands[36] = extended ? 4 : 0;
        boot(1);
        woad_adv_start(solo.h, &adv);
        woad_connect(solo.h, &other, &at_once);
        solo_pump();
        solo_connected(SOLO_HANDLE + 1, true, 8);
        solo_connected(SOLO_HANDLE, false, 9);
        if (extended) { /* LE Advertising Set Terminated */
            SOLO_RX(4, 0x3e, 6, 0x12, 0, 0, SOLO_HANDLE, 0, 0);
        }
        assert_false(woad_adv_running(solo.h));
        assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 1);
        assert_int_equal(solo_last(WOAD_EV_ADV_STOPPED)->u.adv.status, WOAD_ENOMEM);
        assert_int_equal(solo_commands(DISCONNECT), 1);
        solo_end();
    }
}

/* With a connectable set beside it, only LE Advertising Set Terminated tells which advertising a
 * connection belongs to. */
static void legacy_advertising_beside_a_set(void **state)
{
    static const struct woad_ext_adv_params set = { .connectable = true,
                                                    .interval_625us = 32,
                                                    .tx_power_dbm = WOAD_TX_POWER_ANY };
    (void)state;
    solo.supported_commands[36] = 4;
    boot(1);
    woad_adv_start(solo.h, &adv);
    woad_ext_adv_start(solo.h, 0, &set);
    woad_connect(solo.h, &other, &at_once);
    solo_pump();
    solo_connected(SOLO_HANDLE + 1, true, 8);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 0);
    SOLO_RX(4, 0x3e, 6, 0x12, 0, 0, SOLO_HANDLE, 0, 0);
    assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 1);
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_ENDED), 0);
    solo_end();
}

/* Counts HCI_Disconnect commands for a handle, for lack of resources. */
static size_t refused(uint16_t handle)
{
    size_t n = 0;
    for (size_t at = 0; at < solo.commands; at++) {
        const struct solo_command *command = &solo.command[at];
        n += command->opcode == DISCONNECT && command->params[0] == handle &&
             command->params[2] == LOW_RESOURCES;
    }
    return n;
}

/* Connections that arrive while a command has no answer, and for which there is no room, are all
 * disconnected: of legacy advertising, of an attempt, of each advertising set. */
static void each_refused_connection_is_disconnected(void **state)
{
    (void)state;
    for (uint8_t sets = 0; sets < 64; sets += 9) {
        struct woad_config config = solo_config(features);
        config.conns = 1;
        config.adv_sets = sets;
        solo_boot(config);
        solo.withheld = SET_ADV_PARAMS;
        woad_adv_start(solo.h, &adv);
        solo_pump();
        for (uint16_t n = 0; n < sets + 3; n++) {
            solo_connected((uint16_t)(SOLO_HANDLE + n), n == 1, 9);
        }
        answered(SET_ADV_PARAMS, 0);
        assert_int_equal(solo_commands(DISCONNECT), sets + 2);
        for (uint16_t n = 1; n < sets + 3; n++) {
            assert_int_equal(refused((uint16_t)(SOLO_HANDLE + n)), 1);
        }
        solo_end();
    }
}

/* Connections to be refused are forgotten when the controller fails: the next start does not
 * disconnect them. */
static void refused_connections_end_with_the_controller(void **state)
{
    (void)state;
    boot(1);
    solo.withheld = SET_ADV_PARAMS;
    woad_adv_start(solo.h, &adv);
    solo_pump();
    solo_connected(SOLO_HANDLE, false, 9);
    solo_connected(SOLO_HANDLE + 1, true, 8);
    woad_fail(solo.h, 0);
    solo.withheld = 0;
    assert_int_equal(woad_start(solo.h), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_UP), 1);
    assert_int_equal(solo_commands(DISCONNECT), 0);
    solo_end();
}

/* A connection to be refused has ended by itself, and an accepted connection has its handle: the
 * accepted one stays. */
static void accepted_connection_is_not_disconnected_for_a_refused_one(void **state)
{
    (void)state;
    for (int said = 0; said < 2; said++) {
        boot(1);
        solo.withheld = SET_ADV_PARAMS;
        woad_adv_start(solo.h, &adv);
        solo_pump();
        solo_connected(SOLO_HANDLE, false, 9);
        solo_connected(SOLO_HANDLE + 1, false, 8);
        if (said) {
            solo_disconnected(SOLO_HANDLE + 1, USER);
        }
        solo_disconnected(SOLO_HANDLE, USER);
        solo_connected(SOLO_HANDLE + 1, false, 7);
        answered(SET_ADV_PARAMS, 0);
        assert_int_equal(solo_commands(DISCONNECT), 0);
        solo_end();
    }
}

/* --- attempts --------------------------------------------------------------------------------- */

static void connect_to_other(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_CONNECT && solo.conns == 1) {
        assert_int_equal(woad_connect(solo.h, &other, &within_5s), 0);
    }
}

/* The answer to a cancel that was too late does not remove the next attempt's time limit. */
static void answer_to_an_old_cancel(void **state)
{
    (void)state;
    boot(2);
    solo.on_event = connect_to_other;
    woad_connect(solo.h, &peer, &within_5s);
    solo_pump();
    solo.withheld = CANCEL;
    woad_connect_cancel(solo.h);
    solo_pump();
    solo_connected(SOLO_HANDLE, true, 9);
    answered(CANCEL, DISALLOWED);
    seconds_pass(20);
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 1);
    assert_int_equal(solo_last(WOAD_EV_CONNECT_FAILED)->u.connect_failed.status, WOAD_ETIMEDOUT);
    solo_end();
}

/* A cancel is accepted, but the Connection Complete never arrives. */
static void cancel_has_a_time_limit(void **state)
{
    (void)state;
    boot(2);
    woad_connect(solo.h, &peer, &at_once);
    solo_pump();
    woad_connect_cancel(solo.h);
    solo_pump();
    seconds_pass(3);
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 1);
    /* A late Connection Complete does not belong to the attempt that has begun since. */
    solo.withheld = CREATE;
    assert_int_equal(woad_connect(solo.h, &other, &at_once), 0);
    SOLO_RX(4, 0x3e, 19, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    solo_pump();
    SOLO_RX(4, 0x3e, 19, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 1);
    SOLO_RX(4, 0x0f, 4, 0, 1, 0x0d, 0x20);
    solo_connected(SOLO_HANDLE, true, 8);
    assert_int_equal(solo_count(WOAD_EV_CONNECT), 1);
    solo_end();
}

/* A time limit of 2^31 ms or more does not expire at once. */
static void very_long_time_limits(void **state)
{
    struct woad_connect_params p = at_once;
    const struct woad_scan_params scan = { 16, 16, .duration_ms = 0x80000000u };
    (void)state;
    boot(2);
    p.timeout_ms = 0xffffffff;
    woad_connect(solo.h, &peer, &p);
    seconds_pass(2);
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 0);
    woad_connect_cancel(solo.h);
    seconds_pass(3);
    woad_scan_start(solo.h, &scan);
    seconds_pass(2);
    assert_int_equal(solo_count(WOAD_EV_SCAN_DONE), 0);
    solo_end();
}

/* --- scans, and the accept list --------------------------------------------------------------- */

/* A scan was stopped before its enable command is refused: the refusal does not end the next
 * scan. */
static void refusal_of_an_old_scan(void **state)
{
    enum { SCAN_PARAMS = 0x200b, SCAN_ENABLE = 0x200c };
    static const unsigned of[] = { SCAN_PARAMS, SCAN_ENABLE };
    const struct woad_scan_params scan = { 16, 16, false, false, 0, false };
    (void)state;
    for (int n = 0; n < 2; n++) {
        boot(2);
        solo.withheld = of[n];
        woad_scan_start(solo.h, &scan);
        solo_pump();
        woad_scan_stop(solo.h);
        assert_int_equal(woad_scan_start(solo.h, &scan), 0);
        assert_int_equal(solo_count(WOAD_EV_SCAN_DONE), 1);
        answered(of[n], DISALLOWED);
        assert_int_equal(solo_count(WOAD_EV_SCAN_DONE), 1);
        assert_true(woad_scan_running(solo.h));
        assert_int_equal(solo_commands(SCAN_ENABLE), n + 1);
        solo_end();
    }
}

/* woad_fail() while an accept list is being set: its event is raised once. */
static void accept_list_ends_with_the_host(void **state)
{
    (void)state;
    boot(2);
    solo.withheld = 0x2010; /* LE Clear Filter Accept List */
    assert_int_equal(woad_accept_list_set(solo.h, &peer, 1), 0);
    solo_pump();
    woad_fail(solo.h, 0);
    assert_int_equal(solo_count(WOAD_EV_ACCEPT_LIST), 1);
    assert_int_equal(solo_last(WOAD_EV_ACCEPT_LIST)->u.accept_list.status, WOAD_ECANCELED);
    solo_end();
}

/* --- going down ------------------------------------------------------------------------------- */

static int started_meanwhile, stopped_meanwhile;

static void start_in_event(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_GATTC_DONE || ev->type == WOAD_EV_DISCONNECT) {
        started_meanwhile = woad_start(solo.h);
        stopped_meanwhile = woad_stop(solo.h);
    }
}

/* woad_start() fails in an event before WOAD_EV_DOWN, and succeeds in WOAD_EV_DOWN. */
static void start_waits_for_down(void **state)
{
    (void)state;
    boot(2);
    solo_connected(SOLO_HANDLE, false, 9);
    woad_gattc_read(solo.h, solo.conn[0], 3);
    solo.on_event = start_in_event;
    woad_fail(solo.h, 0);
    assert_int_equal(started_meanwhile, WOAD_EALREADY);
    assert_int_equal(stopped_meanwhile, WOAD_ENODEV);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
    assert_int_equal(woad_start(solo.h), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_UP), 1);
    solo_end();
}

/* A controller that gives no command credit for longer than the command timeout is lost, even if
 * it repeats that it has none. */
static void no_credit_for_ever(void **state)
{
    (void)state;
    for (int again = 0; again < 2; again++) {
        boot(1);
        solo.withheld = SET_ADV_PARAMS;
        woad_adv_start(solo.h, &adv);
        solo_pump();
        SOLO_RX(4, 0x0e, 4, 0, 6, 0x20, 0);
        for (int n = 0; n < 30; n++) {
            solo_tick(100);
            if (again) {
                SOLO_RX(4, 0x0e, 3, 0, 0, 0);
            }
        }
        assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
        assert_int_equal(solo_last(WOAD_EV_DOWN)->u.down.error, WOAD_ETIMEDOUT);
        solo_end();
    }
}

/* woad_poll() raises WOAD_EV_DOWN and returns 0, so that the loop starts the host again before it
 * sleeps; then nothing has a time limit. */
static void fall_inside_poll_is_no_sleep(void **state)
{
    (void)state;
    boot(1);
    solo.withheld = SET_ADV_PARAMS;
    woad_adv_start(solo.h, &adv);
    solo_pump();
    uint32_t left = 1;
    while (!solo_count(WOAD_EV_DOWN)) {
        left = solo_tick(100);
    }
    assert_int_equal(left, 0);
    assert_int_equal(solo_tick(0), WOAD_FOREVER);
    assert_int_equal(woad_start(solo.h), 0);
    solo_end();
}

/* A credit that arrives in time is used. */
static void credit_that_comes_late(void **state)
{
    (void)state;
    boot(1);
    solo.withheld = SET_ADV_PARAMS;
    woad_adv_start(solo.h, &adv);
    solo_pump();
    SOLO_RX(4, 0x0e, 4, 0, 6, 0x20, 0);
    solo_tick(1900);
    assert_int_equal(solo_count(WOAD_EV_ADV_STARTED), 0);
    SOLO_RX(4, 0x0e, 3, 1, 0, 0);
    seconds_pass(10);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 0);
    assert_int_equal(solo_count(WOAD_EV_ADV_STARTED), 1);
    solo_end();
}

/* A central first proposes its own parameters, then refuses the host's with 0x1a
 * (zephyrproject-rtos/zephyr#11140).  The L2CAP fallback sends the host's parameters, never the
 * central's. */
static void fallback_has_our_parameters_or_none(void **state)
{
    static const struct woad_connect_params ours = { 16, 16, 24, 40, 0, 256, 0 };
    (void)state;
    for (int requested = 0; requested < 2; requested++) {
        solo.le_features[0] = 2; /* Connection Parameters Request */
        boot(1);
        solo_connected(SOLO_HANDLE, false, 9);
        assert_int_equal(woad_conn_update(solo.h, solo.conn[0], &ours), 0);
        solo_pump();
        assert_int_equal(solo_commands(UPDATE), 1);
        if (requested) {
            SOLO_RX(4, 0x3e, 11, 6, SOLO_HANDLE, 0, 0x20, 0, 0x30, 0, 0, 0, 0, 1);
            solo_pump();
            assert_int_equal(solo_commands(0x2020), 1);
        }
        SOLO_RX(4, 0x3e, 10, 3, 0x1a, SOLO_HANDLE, 0, 6, 0, 0, 0, 100, 0);
        solo_pump();
        assert_int_equal(solo_frames(5, 0x12), !requested);
        assert_int_equal(solo_count(WOAD_EV_CONN_UPDATE), requested);
        if (!requested) {
            assert_int_equal(solo.frame[solo.frames - 1].octet[4], 24);
        }
        solo_end();
    }
}

/* --- starts inside an end --------------------------------------------------------------------- */

static const struct woad_scan_params scan = { .interval_625us = 16, .window_625us = 16 };
static int started_inside;

static void scans_again(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_SCAN_DONE && started_inside == 1) {
        started_inside = woad_scan_start(solo.h, &scan);
    }
}

/* woad_scan_start() raises the pending end of the last scan; the application starts a scan
 * inside that event.  One of the two starts is refused, and each scan ends once. */
static void one_scan_of_two_starts(void **state)
{
    (void)state;
    boot(2);
    solo.on_event = scans_again;
    assert_int_equal(woad_scan_start(solo.h, &scan), 0);
    solo_pump();
    started_inside = 1;
    woad_scan_stop(solo.h);
    int after = woad_scan_start(solo.h, &scan);
    assert_int_equal(started_inside, 0);
    assert_int_equal(after, WOAD_EALREADY);
    assert_int_equal(solo_count(WOAD_EV_SCAN_DONE), 1);
    solo_pump();
    assert_true(woad_scan_running(solo.h));
    woad_scan_stop(solo.h);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_SCAN_DONE), 2);
    solo_end();
}

static void forgets(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_DISCONNECT) {
        woad_conn_forget(solo.h, ev->conn);
    }
}

/* A command's answer arrives after the application has forgotten its connection: it does not
 * affect the next connection. */
static void late_answer_is_not_for_the_next_connection(void **state)
{
    (void)state;
    boot(1);
    solo.on_event = forgets;
    solo_connected(SOLO_HANDLE, false, 9);
    solo.withheld = DISCONNECT;
    assert_int_equal(woad_disconnect(solo.h, solo.conn[0], USER), 0);
    solo_pump();
    solo_disconnected(SOLO_HANDLE, USER);
    solo_connected(SOLO_HANDLE + 1, false, 8);
    SOLO_RX(4, 0x0f, 4, UNKNOWN_CONNECTION, 1, 0x06, 0x04);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    solo_end();
}

/* Advertising ends, by woad_adv_stop() or a connection, while its enable command has no answer;
 * then the controller refuses the command. */
static void advertising_refused_after_its_end(void **state)
{
    enum { ENABLE = 0x200a };
    (void)state;
    for (int stopped = 0; stopped < 2; stopped++) {
        boot(2);
        solo.withheld = ENABLE;
        assert_int_equal(woad_adv_start(solo.h, &adv), 0);
        solo_pump();
        if (stopped) {
            woad_adv_stop(solo.h);
        } else {
            solo_connected(SOLO_HANDLE, false, 9);
        }
        answered(ENABLE, LOW_RESOURCES);
        seconds_pass(2);
        assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 1);
        assert_int_equal(solo_count(WOAD_EV_ADV_STARTED) + solo_count(WOAD_EV_ADV_FAILED), 0);
        assert_false(woad_adv_running(solo.h));
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_come_back_from_half_a_frame),
        cmocka_unit_test(new_peer_does_not_have_the_old_ones_security),
        cmocka_unit_test(reasons_that_hci_does_not_take),
        cmocka_unit_test(refused_disconnect_is_no_end),
        cmocka_unit_test(disconnect_has_a_time_limit),
        cmocka_unit_test(attempt_refused_for_want_of_room_is_reported),
        cmocka_unit_test(advertising_refused_for_want_of_room_is_reported),
        cmocka_unit_test(legacy_advertising_beside_a_set),
        cmocka_unit_test(each_refused_connection_is_disconnected),
        cmocka_unit_test(refused_connections_end_with_the_controller),
        cmocka_unit_test(accepted_connection_is_not_disconnected_for_a_refused_one),
        cmocka_unit_test(answer_to_an_old_cancel),
        cmocka_unit_test(cancel_has_a_time_limit),
        cmocka_unit_test(very_long_time_limits),
        cmocka_unit_test(refusal_of_an_old_scan),
        cmocka_unit_test(accept_list_ends_with_the_host),
        cmocka_unit_test(start_waits_for_down),
        cmocka_unit_test(no_credit_for_ever),
        cmocka_unit_test(fall_inside_poll_is_no_sleep),
        cmocka_unit_test(credit_that_comes_late),
        cmocka_unit_test(fallback_has_our_parameters_or_none),
        cmocka_unit_test(one_scan_of_two_starts),
        cmocka_unit_test(advertising_refused_after_its_end),
        cmocka_unit_test(late_answer_is_not_for_the_next_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
