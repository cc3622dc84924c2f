/* A connection attempt ends with one event: WOAD_EV_CONNECT of an established connection, or
 * WOAD_EV_CONNECT_FAILED. This holds if the peer misses several CONNECT_INDs, and if it uses
 * private addresses. */
#include "solo.h"

enum {
    CREATE = 0x200d,
    CANCEL = 0x200e,
    SCAN_PARAMS = 0x200b,
    SCAN_ENABLE = 0x200c,
    DISCONNECT = 0x0406,
    NOT_ESTABLISHED = 0x3e
};

static const struct woad_feature *const features[] = { &woad_feature_scanner,
                                                       &woad_feature_accept_list,
                                                       &woad_feature_central,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_security_manager,
                                                       &woad_feature_reconnection,
                                                       NULL };
static const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
static struct woad_connect_params params = { 16, 16, 24, 24, 0, 100, 0 };

static void boot(uint32_t timeout_ms)
{
    struct woad_config config = solo_config(features);
    config.accept_list = 4;
    solo_boot(config);
    params.timeout_ms = timeout_ms;
}

static void attempt(uint32_t timeout_ms)
{
    boot(timeout_ms);
    assert_int_equal(woad_connect(solo.h, &peer, &params), 0);
    solo_pump();
    assert_int_equal(solo_commands(CREATE), 1);
}

static void ends_once(enum woad_event_type how)
{
    assert_int_equal(solo_count(WOAD_EV_CONNECT), how == WOAD_EV_CONNECT);
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), how == WOAD_EV_CONNECT_FAILED);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 0);
}

/* Vol 6, Part B, 4.5.2: the peer misses three connections and answers the fourth. */
static void made_again(void **state)
{
    (void)state;
    attempt(0);
    for (size_t n = 0; n < 3; n++) {
        solo_connected(SOLO_HANDLE, true, 9);
        assert_int_equal(woad_connect(solo.h, &peer, &params), WOAD_EALREADY);
        solo_tick(180);
        solo_disconnected(SOLO_HANDLE, NOT_ESTABLISHED);
        assert_int_equal(solo_commands(CREATE), 2 + n);
        assert_int_equal(solo.events, 0);
    }
    solo_connected(SOLO_HANDLE, true, 9);
    SOLO_ATT(0x1b, 3, 0, 7); /* the peer's packet establishes it */
    ends_once(WOAD_EV_CONNECT);
    assert_int_equal(solo.event[0].type, WOAD_EV_CONNECT);
    assert_int_equal(solo_count(WOAD_EV_NOTIFIED), 1);
    assert_int_equal(woad_connect(solo.h, &peer, &params), WOAD_EISCONN);
    solo_disconnected(SOLO_HANDLE, 0x08);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    solo_end();
}

/* A silent peer is connected after six connection events. */
static void proved_by_time(void **state)
{
    (void)state;
    attempt(0);
    solo_connected(SOLO_HANDLE, true, 9);
    solo_tick(6 * 30);
    ends_once(WOAD_EV_DOWN);
    solo_tick(4 * 30);
    ends_once(WOAD_EV_CONNECT);
    solo_end();
}

/* The attempt fails after four connections that the peer misses. */
static void never_answers(void **state)
{
    (void)state;
    attempt(0);
    for (int n = 0; n < 4; n++) {
        solo_connected(SOLO_HANDLE, true, 9);
        solo_disconnected(SOLO_HANDLE, NOT_ESTABLISHED);
    }
    ends_once(WOAD_EV_CONNECT_FAILED);
    assert_int_equal(solo_last(WOAD_EV_CONNECT_FAILED)->u.connect_failed.status, NOT_ESTABLISHED);
    assert_memory_equal(&solo_last(WOAD_EV_CONNECT_FAILED)->u.connect_failed.peer, &peer, 7);
    assert_int_equal(solo_commands(CREATE), 4);
    assert_int_equal(woad_connect(solo.h, &peer, &params), 0);
    solo_end();
}

/* The time limit covers all tries of an attempt. */
static void no_longer_than_the_attempt(void **state)
{
    (void)state;
    attempt(1000);
    solo_connected(SOLO_HANDLE, true, 9);
    solo_tick(150);
    solo_disconnected(SOLO_HANDLE, NOT_ESTABLISHED);
    assert_int_equal(solo_commands(CREATE), 2);
    solo_tick(850);
    assert_int_equal(solo_commands(CANCEL), 1);
    SOLO_RX(4, 0x3e, 19, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    ends_once(WOAD_EV_CONNECT_FAILED);
    assert_int_equal(solo_last(WOAD_EV_CONNECT_FAILED)->u.connect_failed.status, WOAD_ETIMEDOUT);
    solo_end();
}

/* The attempt is cancelled after the connection is created and before a packet of the peer: the
 * connection is ended. */
static void given_up_before_it_is_proved(void **state)
{
    (void)state;
    attempt(0);
    solo_connected(SOLO_HANDLE, true, 9);
    assert_int_equal(woad_connect_cancel(solo.h), 0);
    assert_int_equal(woad_connect_cancel(solo.h), WOAD_EALREADY);
    solo_pump();
    assert_int_equal(solo_commands(DISCONNECT), 1);
    solo_disconnected(SOLO_HANDLE, 0x16);
    ends_once(WOAD_EV_CONNECT_FAILED);
    assert_int_equal(solo_last(WOAD_EV_CONNECT_FAILED)->u.connect_failed.status, WOAD_ECANCELED);
    solo_end();
}

/* The host stops or fails after the connection is created and before a packet of the peer: the
 * attempt fails once. */
static void down_before_it_is_proved(void **state)
{
    (void)state;
    for (int stop = 0; stop < 2; stop++) {
        attempt(0);
        solo_connected(SOLO_HANDLE, true, 9);
        if (stop) {
            assert_int_equal(woad_stop(solo.h), 0);
            solo_pump();
            solo_disconnected(SOLO_HANDLE, 0x16);
        } else {
            woad_fail(solo.h, WOAD_EIO);
        }
        ends_once(WOAD_EV_CONNECT_FAILED);
        assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
        solo_end();
    }
}

/* A peripheral raises WOAD_EV_CONNECT at once. */
static void a_peripheral_is_informed_at_once(void **state)
{
    (void)state;
    boot(0);
    solo_connected(SOLO_HANDLE, false, 9);
    ends_once(WOAD_EV_CONNECT);
    solo_end();
}

/* Adds a bond with known ah(): AES is the identity, so the hash is the first three octets of the
 * padded prand, which is also the upper half of the address. */
static void hidden(void)
{
    struct woad_bond b = {
        .key_size = 16, .flags = WOAD_BOND_SECURE, .has_own_ltk = 1, .has_peer_ltk = 1, .has_irk = 1
    };
    b.peer = peer;
    memset(b.irk, 5, 16);
    assert_int_equal(woad_bond_add(solo.h, &b), 0);
    solo_pump();
}

/* LE Advertising Report: ADV_IND from a resolvable private address with this prand. */
static void advertises(uint8_t kind, uint8_t prand)
{
    SOLO_RX(4, 0x3e, 12, 2, 1, kind, 1, prand, 1, 0x40, prand, 1, 0x40, 0, 0xc0);
    solo_pump();
}

static void scanning(bool on)
{
    for (size_t n = solo.commands; n-- > 0;) {
        if (solo.command[n].opcode == SCAN_ENABLE) {
            assert_int_equal(solo.command[n].params[0], on);
            return;
        }
    }
    assert_false(on);
}

/* Vol 3, Part C, 9.3.6: the host scans for the peer, resolves its address, and connects to it. */
static void found_by_a_scan(void **state)
{
    static const struct woad_scan_params scan = { 48, 48, false, false, 0, false };
    (void)state;
    for (int any = 0; any < 2; any++) {
        boot(0);
        hidden();
        if (any) {
            assert_int_equal(woad_accept_list_set(solo.h, &peer, 1), 0);
            solo_pump();
        }
        assert_int_equal(woad_scan_start(solo.h, &scan), 0);
        solo_pump();
        solo_forget();
        assert_int_equal(woad_connect(solo.h, any ? NULL : &peer, &params), 0);
        solo_pump();
        scanning(true);
        assert_int_equal(solo_count(WOAD_EV_SCAN_DONE), 1);
        assert_int_equal(solo_commands(CREATE), 0);
        assert_false(woad_scan_running(solo.h));
        assert_int_equal(woad_scan_start(solo.h, &scan), WOAD_EBUSY);
        assert_int_equal(woad_scan_stop(solo.h), 0);
        advertises(3, 7); /* not connectable */
        assert_int_equal(solo_commands(CREATE), 0);
        advertises(0, 7);
        scanning(false);
        assert_int_equal(solo_commands(CREATE), 1);
        const struct solo_command *c = &solo.command[solo.commands - 1];
        static const uint8_t to[] = { 0, 1, 7, 1, 0x40, 7, 1, 0x40 };
        assert_memory_equal(c->params + 4, to, sizeof to);
        assert_int_equal(solo_count(WOAD_EV_REPORT), 0);
        solo_tick(4000); /* the peer changes its address before the connection */
        assert_int_equal(solo_commands(CANCEL), 1);
        SOLO_RX(4, 0x3e, 19, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        solo_pump();
        scanning(true);
        advertises(1, 8);
        assert_int_equal(solo_commands(CREATE), 2);
        SOLO_RX(4, 0x3e, 19, 1, 0, SOLO_HANDLE, 0, 0, 1, 8, 1, 0x40, 8, 1, 0x40, 24, 0, 0, 0, 100,
                0, 0);
        solo_tick(400);
        ends_once(WOAD_EV_CONNECT);
        assert_memory_equal(&solo_last(WOAD_EV_CONNECT)->u.connect.peer, &peer, 7);
        solo_end();
    }
}

/* The same for the identity address type of an event: WOAD_ADDR_PUBLIC_IDENTITY. */
static void found_by_its_identity(void **state)
{
    struct woad_addr identity = peer;
    (void)state;
    identity.type = WOAD_ADDR_PUBLIC_IDENTITY;
    boot(0);
    hidden();
    assert_int_equal(woad_connect(solo.h, &identity, &params), 0);
    solo_pump();
    scanning(true);
    assert_int_equal(solo_commands(CREATE), 0);
    advertises(0, 7);
    assert_int_equal(solo_commands(CREATE), 1);
    static const uint8_t to[] = { 0, 1, 7, 1, 0x40, 7, 1, 0x40 };
    assert_memory_equal(solo.command[solo.commands - 1].params + 4, to, sizeof to);
    solo_end();
}

/* The scan ends with the attempt, whatever ends it. */
static void given_up_while_it_scans(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        boot(how == 1 ? 1000 : 0);
        hidden();
        solo.withheld = how == 2 ? SCAN_ENABLE : 0;
        assert_int_equal(woad_connect(solo.h, &peer, &params), 0);
        solo_pump();
        if (how == 0) {
            assert_int_equal(woad_connect_cancel(solo.h), 0);
        } else if (how == 1) {
            solo_tick(1000);
        } else if (how == 2) { /* the controller refuses to scan */
            SOLO_RX(4, 0x0e, 4, 1, 0x0c, 0x20, 0x0c);
        } else {
            woad_fail(solo.h, WOAD_EIO);
        }
        solo_pump();
        ends_once(WOAD_EV_CONNECT_FAILED);
        if (how != 2 && how != 3) {
            scanning(false);
        }
        assert_int_equal(solo_count(WOAD_EV_SCAN_DONE), 0);
        solo_end();
    }
}

/* The try with the resolved address times out, then the application cancels the attempt, and no
 * Connection Complete arrives. */
static void given_up_twice(void **state)
{
    (void)state;
    boot(0);
    hidden();
    assert_int_equal(woad_connect(solo.h, &peer, &params), 0);
    solo_pump();
    advertises(0, 7);
    assert_int_equal(solo_commands(CREATE), 1);
    solo_tick(4000);
    assert_int_equal(solo_commands(CANCEL), 1);
    assert_int_equal(woad_connect_cancel(solo.h), 0);
    solo_tick(1000);
    ends_once(WOAD_EV_CONNECT_FAILED);
    assert_int_equal(solo_last(WOAD_EV_CONNECT_FAILED)->u.connect_failed.status, WOAD_ECANCELED);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_again),
        cmocka_unit_test(proved_by_time),
        cmocka_unit_test(never_answers),
        cmocka_unit_test(no_longer_than_the_attempt),
        cmocka_unit_test(given_up_before_it_is_proved),
        cmocka_unit_test(down_before_it_is_proved),
        cmocka_unit_test(a_peripheral_is_informed_at_once),
        cmocka_unit_test(found_by_a_scan),
        cmocka_unit_test(found_by_its_identity),
        cmocka_unit_test(given_up_while_it_scans),
        cmocka_unit_test(given_up_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
