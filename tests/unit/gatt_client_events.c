/* API calls from inside client events, and changes while requests wait.  Each procedure ends
 * with one event, and no request is sent for an ended one. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_l2cap_channels,
                                                       &woad_feature_enhanced_channels,
                                                       &woad_feature_eatt,
                                                       &woad_feature_security_manager,
                                                       NULL };
static const struct woad_feature *const peripheral[] = { &woad_feature_gatt_server,
                                                         &woad_feature_gatt_client,
                                                         &woad_feature_security_peripheral, NULL };
static enum woad_event_type act_on;
static void (*act)(const struct woad_event *ev);
static uint8_t octets[512];

static void once(const struct woad_event *ev)
{
    if (act && ev->type == act_on) {
        void (*now)(const struct woad_event *) = act;
        act = NULL;
        now(ev);
    }
}

static void cancel(const struct woad_event *ev)
{
    assert_int_equal(woad_gattc_cancel(solo.h, ev->conn), 0);
}

static void add_bond_and_cancel(const struct woad_event *ev)
{
    solo_bond(8, WOAD_BOND_SECURE);
    cancel(ev);
}

static void refuse_passkey(const struct woad_event *ev)
{
    woad_passkey(solo.h, ev->conn, WOAD_PASSKEY_COMPARE, 0);
}

static void on(enum woad_event_type type, void (*what)(const struct woad_event *ev))
{
    act_on = type;
    act = what;
    solo.on_event = once;
}

/* The peer sends an SDU of one K-frame on the bearer. */
static void eatt(const uint8_t *pdu, uint8_t n)
{
    uint8_t frame[300] = { n, 0 };
    memcpy(frame + 2, pdu, n);
    solo_l2cap(SOLO_HANDLE, 0x40, frame, n + 2u);
}
#define EATT(...) \
    do { \
        const uint8_t pdu_[] = { __VA_ARGS__ }; \
        eatt(pdu_, sizeof pdu_); \
    } while (0)

/* Boots a host with an encrypted connection to a bonded central that has opened an enhanced
 * bearer. */
static void with_bearer(void)
{
    struct woad_config config = solo_config(features);
    config.att_bearers = 1;
    solo_boot(config);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    SOLO_SIG(0x17, 1, 10, 0, 0x27, 0, 64, 0, 64, 0, 99, 0, 0x50, 0);
    solo_pump();
    assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.open, 1);
    solo_forget();
}

/* The procedure of a response stays in its slot until the response is parsed, even if one in
 * front of it is removed. */
static void cancel_inside_the_event_of_an_answer(void **state)
{
    static const uint16_t two[] = { 0x20, 0x21 };
    (void)state;
    with_bearer();
    assert_int_equal(woad_gattc_services(solo.h, solo.conn[0], NULL), 0);
    assert_int_equal(woad_gattc_services(solo.h, solo.conn[0], NULL), 0);
    assert_int_equal(woad_gattc_read_multiple(solo.h, solo.conn[0], two, 2), 0);
    solo_pump();
    SOLO_ATT(0x11, 6, 1, 0, 5, 0, 0, 0x18); /* a partial list: the client would request the rest */
    on(WOAD_EV_READ, cancel);
    EATT(0x21, 1, 0, 0xaa, 1, 0, 0xbb);
    assert_null(act);
    assert_int_equal(solo_count(WOAD_EV_READ), 1);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 3);
    solo_end();
}

/* The same for each procedure with several results. */
static void cancel_inside_each_result(void **state)
{
    static const struct {
        enum woad_event_type type;
        uint8_t n, rsp[20];
    } kinds[] = {
        { WOAD_EV_SERVICE, 14, { 0x11, 6, 1, 0, 5, 0, 0, 0x18, 6, 0, 9, 0, 1, 0x18 } },
        { WOAD_EV_SERVICE, 9, { 0x07, 1, 0, 5, 0, 6, 0, 9, 0 } },
        { WOAD_EV_CHARACTERISTIC, 16, { 0x09, 7, 2, 0, 2, 3, 0, 0, 0x2a, 4, 0, 2, 5, 0, 1, 0x2a } },
        { WOAD_EV_DESCRIPTOR, 10, { 0x05, 1, 2, 0, 3, 0x28, 3, 0, 0, 0x2a } },
        { WOAD_EV_INCLUDED,
          18,
          { 0x09, 8, 2, 0, 9, 0, 9, 0, 0, 0x18, 3, 0, 10, 0, 10, 0, 0, 0x18 } },
        { WOAD_EV_READ, 10, { 0x09, 4, 2, 0, 1, 1, 3, 0, 2, 2 } },
        { WOAD_EV_READ, 7, { 0x21, 1, 0, 0xaa, 1, 0, 0xbb } },
    };
    static const struct woad_uuid uuid = WOAD_UUID16(0x1800);
    static const uint16_t two[] = { 0x20, 0x21 };
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        solo_boot(solo_config(features));
        solo_connected(SOLO_HANDLE, true, 9);
        struct woad *h = solo.h;
        uint16_t conn = solo.conn[0];
        int err;
        switch (k) {
        case 0: err = woad_gattc_services(h, conn, NULL); break;
        case 1: err = woad_gattc_services(h, conn, &uuid); break;
        case 2: err = woad_gattc_characteristics(h, conn, 1, 0xffff, NULL); break;
        case 3: err = woad_gattc_descriptors(h, conn, 1, 0xffff); break;
        case 4: err = woad_gattc_included(h, conn, 1, 0xffff); break;
        case 5: err = woad_gattc_read_by_uuid(h, conn, 1, 0xffff, &uuid); break;
        default: err = woad_gattc_read_multiple(h, conn, two, 2); break;
        }
        assert_int_equal(err, 0);
        assert_int_equal(woad_gattc_read(h, conn, 3), 0);
        solo_pump();
        solo_forget();
        on(kinds[k].type, cancel);
        solo_l2cap(SOLO_HANDLE, 4, kinds[k].rsp, kinds[k].n);
        assert_null(act);
        solo_pump();
        if (solo.frames) { /* the client does not request the next part */
            fail();
        }
        assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 2);
        assert_int_equal(woad_gattc_read(h, conn, 4), 0);
        solo_pump();
        assert_int_equal(solo_frames(4, 0x0a), 1);
        solo_end();
    }
}

/* The first request needs a bond.  Its event cancels all procedures, and encryption can't begin
 * (a security manager for peripherals only, on a central): no procedure ends twice. */
static void cancel_when_the_bond_is_wanted(void **state)
{
    (void)state;
    solo_boot(solo_config(peripheral));
    solo_connected(SOLO_HANDLE, true, 8);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    on(WOAD_EV_BOND_WANTED, add_bond_and_cancel);
    solo_pump();
    assert_null(act);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, WOAD_ECANCELED);
    assert_int_equal(woad_gattc_cancel(solo.h, solo.conn[0]), WOAD_ENOENT);
    solo_disconnected(SOLO_HANDLE, 0x13);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    solo_end();
}

/* A request is refused for lack of security.  The event that wants the bond cancels all
 * procedures, and there is no slot for a pairing: the next request is sent. */
static void cancel_when_security_is_to_be_raised(void **state)
{
    static const struct woad_security_policy policy = { .io = WOAD_IO_NONE,
                                                        .bond = true,
                                                        .retry = true };
    (void)state;
    struct woad_config config = solo_config(features);
    config.pairings = 1;
    solo_boot(config);
    assert_int_equal(woad_set_security_policy(solo.h, &policy), 0);
    solo_connected(SOLO_HANDLE, true, 9);
    solo_connected(SOLO_HANDLE + 1, true, 8);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_pump();
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[1], 3), 0);
    solo_pump();
    on(WOAD_EV_BOND_WANTED, cancel);
    SOLO_L2CAP(SOLO_HANDLE + 1, 4, 1, 0x0a, 3, 0, WOAD_ATT_INSUFFICIENT_AUTHENTICATION);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    solo_forget();
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[1], 4), 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x0a), 1);
    solo_end();
}

/* A request that is repeated after the security was raised is as long as the current MTU allows. */
static void request_that_has_become_too_long_is_not_cut(void **state)
{
    static const struct woad_security_policy policy = { .io = WOAD_IO_NONE,
                                                        .bond = true,
                                                        .retry = true };
    (void)state;
    solo_boot(solo_config(features));
    assert_int_equal(woad_set_security_policy(solo.h, &policy), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_ATT(0x02, 100, 0);
    solo_pump();
    assert_int_equal(woad_gattc_write(solo.h, solo.conn[0], 3, octets, 90), 0);
    solo_pump();
    SOLO_ATT(1, 0x12, 3, 0, WOAD_ATT_INSUFFICIENT_ENCRYPTION);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 0);
    SOLO_ATT(0x02, 23, 0);
    solo_pump();
    solo_forget();
    solo_bond(9, WOAD_BOND_SECURE);
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(solo_frames(4, 0x12), 0);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, WOAD_EINVAL);
    solo_end();
}

/* Requests and commands that were queued on an encrypted connection are not sent unencrypted,
 * with a bond or without. */
static void nothing_queued_for_encryption_goes_in_the_clear(void **state)
{
    (void)state;
    for (int bonded = 0; bonded < 2; bonded++) {
        solo_boot(solo_config(features));
        solo_bond(9, WOAD_BOND_SECURE);
        solo_connected(SOLO_HANDLE, false, 9);
        solo_encrypt(SOLO_HANDLE);
        if (!bonded) {
            assert_int_equal(woad_bond_remove(solo.h, NULL), 0);
            solo_pump();
        }
        solo_forget();
        assert_int_equal(woad_gattc_write_command(solo.h, solo.conn[0], 3, "secret", 6), 0);
        assert_int_equal(woad_gattc_write(solo.h, solo.conn[0], 3, "secret", 6), 0);
        assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
        SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 0);
        solo_pump();
        assert_int_equal(solo_frames(4, 0x52) + solo_frames(4, 0x12) + solo_frames(4, 0x0a), 0);
        assert_int_equal(solo_count(WOAD_EV_TX_DONE), 1);
        assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), bonded ? 0 : 2);
        if (bonded) {
            solo_encrypt(SOLO_HANDLE);
            assert_int_equal(solo_frames(4, 0x12), 1); /* it was kept until now */
        } else {
            assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, WOAD_EACCES);
            assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
            solo_pump();
            assert_int_equal(solo_frames(4, 0x0a), 1); /* queued while unencrypted */
        }
        solo_end();
    }
}

/* A refused request has started a pairing, which the user ends from inside a result of another
 * procedure: that procedure and the queued ones go on. */
static void security_fails_inside_an_event(void **state)
{
    static const struct woad_security_policy policy = {
        .io = WOAD_IO_DISPLAY_YES_NO, .bond = true, .mitm = true, .retry = true
    };
    (void)state;
    with_bearer();
    assert_int_equal(woad_set_security_policy(solo.h, &policy), 0);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    assert_int_equal(woad_gattc_services(solo.h, solo.conn[0], NULL), 0);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 5), 0);
    solo_pump();
    SOLO_ATT(1, 0x0a, 3, 0, WOAD_ATT_INSUFFICIENT_AUTHENTICATION);
    solo_pump();
    assert_int_equal(solo_frames(6, 0x0b), 1);
    SOLO_SMP(0x01, 1, 0, 0x0d, 16, 0, 0);
    solo_pump();
    uint8_t key[65] = { 0x0c, 1, 2, 3 }, nonce[17] = { 0x04, 5, 6, 7 };
    solo_l2cap(SOLO_HANDLE, 6, key, sizeof key);
    for (int n = 0; n < 4; n++) {
        solo_tick(1);
    }
    solo_l2cap(SOLO_HANDLE, 6, nonce, sizeof nonce);
    for (int n = 0; n < 4; n++) {
        solo_tick(1);
    }
    assert_int_equal(solo_last(WOAD_EV_PASSKEY)->u.passkey.action, WOAD_PASSKEY_COMPARE);
    solo_forget();
    on(WOAD_EV_SERVICE, refuse_passkey);
    EATT(0x11, 6, 1, 0, 6, 0, 0, 0x18);
    assert_null(act);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.handle, 3);
    assert_int_equal(solo_frames(4, 0x0a), 1);
    for (size_t at = 0; at < solo.frames; at++) {
        const struct solo_frame *f = &solo.frame[at];
        if (f->cid == 4 && f->octet[0] == 0x0a) {
            assert_int_equal(f->octet[1], 5);
        } else if (f->cid == 0x50) {
            assert_memory_equal(f->octet + 2, "\x10\x07\x00", 3);
        }
    }
    solo_end();
}

/* A server checks permissions at Execute only and discards what was prepared: once the security
 * is raised, the client prepares all parts again.  Vol 3, Part F, 3.4.6.3 */
static void execute_refused_for_want_of_security(void **state)
{
    static const struct woad_security_policy policy = { .io = WOAD_IO_NONE,
                                                        .bond = true,
                                                        .retry = true };
    (void)state;
    solo_boot(solo_config(peripheral));
    assert_int_equal(woad_set_security_policy(solo.h, &policy), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_gattc_write_long(solo.h, solo.conn[0], 7, "18 in one part, +1", 18, true),
                     0);
    for (size_t again = 1; again <= 2; again++) {
        solo_pump();
        assert_int_equal(solo_frames(4, 0x16), again);
        SOLO_ATT(0x17, 7, 0, 0, 0, '1', '8', ' ', 'i', 'n', ' ', 'o', 'n', 'e', ' ', 'p', 'a', 'r',
                 't', ',', ' ', '+', '1');
        solo_pump();
        assert_int_equal(solo_frames(4, 0x18), again);
        if (again == 1) {
            SOLO_ATT(1, 0x18, 7, 0, WOAD_ATT_INSUFFICIENT_ENCRYPTION);
            solo_pump();
            assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 0);
            solo_bond(9, WOAD_BOND_SECURE);
            solo_encrypt(SOLO_HANDLE);
        }
    }
    SOLO_ATT(0x19);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, 0);
    solo_end();
}

/* GATT/CL/GAI/BI-01-C: a server sends a second indication before the confirmation of the first:
 * both raise an event, one confirmation is sent.  Vol 3, Part F, 3.4.7.2 */
static void two_indications_at_once(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_ATT(0x1d, 7, 0, 'a');
    SOLO_ATT(0x1d, 8, 0, 'b');
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_INDICATION), 2);
    assert_int_equal(solo_frames(4, 0x1e), 1);
    SOLO_ATT(0x1d, 9, 0, 'c');
    solo_pump();
    assert_int_equal(solo_frames(4, 0x1e), 2);
    solo_end();
}

/* The last characteristic of a discovery is raised when the procedure ends, for any reason; the
 * application cancels inside that event. */
static void cancel_inside_the_last_characteristic(void **state)
{
    (void)state;
    for (int by_time = 0; by_time < 2; by_time++) {
        solo_boot(solo_config(features));
        solo_connected(SOLO_HANDLE, false, 9);
        assert_int_equal(woad_gattc_characteristics(solo.h, solo.conn[0], 1, 0xffff, NULL), 0);
        assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
        solo_pump();
        SOLO_ATT(9, 7, 2, 0, 2, 3, 0, 0x37, 0x2a);
        solo_pump();
        on(WOAD_EV_CHARACTERISTIC, cancel);
        if (by_time) {
            solo_tick(31000);
        } else {
            solo_disconnected(SOLO_HANDLE, 8);
        }
        assert_int_equal(solo_count(WOAD_EV_CHARACTERISTIC), 1);
        assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 2);
        solo_end();
    }
}

/* GATT/CL/GAW/BV-05-C: an empty value is prepared, too: if it is cancelled before Execute, the
 * server discards it.  Vol 3, Part F, 3.4.6.3 */
static void cancelled_long_write_of_nothing_is_taken_back(void **state)
{
    (void)state;
    for (int reliable = 0; reliable < 2; reliable++) {
        for (int early = 0; early < 2; early++) {
            with_bearer();
            assert_int_equal(woad_gattc_write_long(solo.h, solo.conn[0], 3, "", 0, reliable), 0);
            solo_pump();
            if (early) { /* before the response */
                assert_int_equal(woad_gattc_cancel(solo.h, solo.conn[0]), 0);
            }
            SOLO_ATT(0x17, 3, 0, 0, 0);
            if (!early) {
                assert_int_equal(woad_gattc_cancel(solo.h, solo.conn[0]), 0);
            }
            assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 0);
            solo_pump();
            assert_int_equal(solo.frame[solo.frames - 1].octet[0], 0x18);
            assert_int_equal(solo.frame[solo.frames - 1].octet[1], 0);
            SOLO_ATT(0x19);
            solo_pump();
            assert_int_equal(solo_frames(4, 0x18), 1);
            assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
            assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, WOAD_ECANCELED);
            solo_end();
        }
    }
}

/* GATT/CL/GAW/BV-02-C: a server drops signed writes on an encrypted connection, so one that was
 * queued before encryption is sent as a Write Command.  Vol 3, Part G, 4.9.2 */
static void signed_write_that_leaves_encrypted_is_a_command(void **state)
{
    struct woad_bond b = { .key_size = 16,
                           .flags = WOAD_BOND_SECURE,
                           .has_own_ltk = 1,
                           .has_peer_ltk = 1,
                           .has_own_csrk = 1,
                           .peer.octet = { 9, 9, 9, 9, 9, 9 },
                           .own_ltk = { 7 },
                           .peer_ltk = { 7 },
                           .own_csrk = { 5 } };
    (void)state;
    for (int encrypted = 0; encrypted < 2; encrypted++) {
        solo_boot(solo_config(features));
        assert_int_equal(woad_bond_add(solo.h, &b), 0);
        solo_connected(SOLO_HANDLE, false, 9);
        assert_int_equal(woad_gattc_write_signed(solo.h, solo.conn[0], 3, "value", 5), 0);
        if (encrypted) { /* the queue is blocked meanwhile */
            SOLO_RX(4, 0x3e, 13, 5, SOLO_HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
            uint8_t command[SOLO_FRAME];
            assert_true(woad_tx(solo.h, command, sizeof command) > 0);
            assert_int_equal(command[0], 1);
            SOLO_RX(4, 0x0e, 6, 1, 0x1a, 0x20, 0, SOLO_HANDLE, 0);
            SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 1);
        }
        solo_forget();
        solo_pump();
        assert_int_equal(solo_frames(4, 0xd2), !encrypted);
        assert_int_equal(solo_frames(4, 0x52), encrypted);
        assert_int_equal(solo.frame[0].len, encrypted ? 3 + 5 : 3 + 5 + 12);
        assert_memory_equal(solo.frame[0].octet + 1, "\x03\0value", 7);
        assert_int_equal(solo_count(WOAD_EV_TX_DONE), 1);
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancel_inside_the_event_of_an_answer),
        cmocka_unit_test(cancel_inside_each_result),
        cmocka_unit_test(cancel_inside_the_last_characteristic),
        cmocka_unit_test(two_indications_at_once),
        cmocka_unit_test(cancel_when_the_bond_is_wanted),
        cmocka_unit_test(cancel_when_security_is_to_be_raised),
        cmocka_unit_test(request_that_has_become_too_long_is_not_cut),
        cmocka_unit_test(nothing_queued_for_encryption_goes_in_the_clear),
        cmocka_unit_test(security_fails_inside_an_event),
        cmocka_unit_test(execute_refused_for_want_of_security),
        cmocka_unit_test(cancelled_long_write_of_nothing_is_taken_back),
        cmocka_unit_test(signed_write_that_leaves_encrypted_is_a_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
