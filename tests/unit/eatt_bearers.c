/* Enhanced ATT bearers: requests and responses of both directions don't block each other, queued
 * PDUs use the credits that arrive, and each woad_eatt_open() ends with an event. */
#include "solo.h"

enum { SIG = 5, OUR_CID = 0x40, PEER_CID = 0x50, SECOND = 0x51 };
enum { ENHANCED_REQ = 0x17, ENHANCED_RSP = 0x18, CREDITS = 0x16 };

static const struct woad_feature *const features[] = {
    &woad_feature_gatt_server,       &woad_feature_gatt_client,
    &woad_feature_read_multiple,     &woad_feature_l2cap_channels,
    &woad_feature_enhanced_channels, &woad_feature_eatt,
    &woad_feature_security_manager,  NULL
};
static const struct woad_uuid service = WOAD_UUID16(0x180d), value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC(&value, WOAD_PROP_READ | WOAD_PROP_INDICATE, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC(&value, WOAD_PROP_READ, WOAD_PERM_READ),
};
static uint16_t first;

static void boot(uint8_t bearers, bool we_are_central)
{
    struct woad_config config = solo_config(features);
    config.att_bearers = bearers;
    solo_boot(config);
    assert_int_equal(woad_set_mtu(solo.h, 247), 0);
    assert_int_equal(woad_gatt_add(solo.h, db, 5, &first), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, we_are_central, 9);
    if (!we_are_central) {
        solo_encrypt(SOLO_HANDLE);
    }
}

/* The peer requests a bearer with this MTU, MPS and credits. */
static void peer_opens(uint8_t cid, uint8_t mtu, uint8_t mps, uint8_t credits)
{
    SOLO_SIG(ENHANCED_REQ, 1, 10, 0, 0x27, 0, mtu, 0, mps, 0, credits, 0, cid, 0);
    solo_pump();
}

/* Returns the sum of octets in the host's frames on a channel. */
static size_t octets_on(uint16_t cid)
{
    size_t n = 0;
    for (size_t at = 0; at < solo.frames; at++) {
        n += solo.frame[at].cid == cid ? solo.frame[at].len : 0;
    }
    return n;
}

/* Returns the host's last frame on a channel. */
static const struct solo_frame *frame_on(uint16_t cid)
{
    const struct solo_frame *last = NULL;
    for (size_t at = 0; at < solo.frames; at++) {
        last = solo.frame[at].cid == cid ? &solo.frame[at] : last;
    }
    assert_non_null(last);
    return last;
}

/* Vol 3, Part F, 3.3.2: the peer's request waits for the application, which waits for the
 * response to its own request on the same bearer: both end. */
static void answer_comes_while_a_request_waits(void **state)
{
    (void)state;
    boot(1, false);
    peer_opens(PEER_CID, 64, 64, 9);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 0x30), 0);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 0x31), 0);
    solo_pump();
    SOLO_K_FRAME(OUR_CID, 0x0a, (uint8_t)(first + 2), 0);
    assert_int_equal(solo_count(WOAD_EV_GATT_READ), 1);
    SOLO_K_FRAME(OUR_CID, 0x0b, 7);
    assert_int_equal(solo_count(WOAD_EV_READ), 1);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    SOLO_K_FRAME(OUR_CID, 0x1b, 0x30, 0, 1); /* a notification does not wait either */
    assert_int_equal(solo_count(WOAD_EV_NOTIFIED), 1);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "x", 1), 0);
    solo_forget();
    solo_pump();
    assert_int_equal(octets_on(PEER_CID), 2 + 2);
    solo_end();
}

/* The handles of a Read Multiple Request stay in the receive ring until the response: PDUs that
 * arrive meanwhile do not overwrite them. */
static void handles_stay_while_others_come(void **state)
{
    (void)state;
    boot(1, false);
    peer_opens(PEER_CID, 64, 64, 9);
    uint8_t a = (uint8_t)(first + 2), b = (uint8_t)(first + 4);
    SOLO_K_FRAME(OUR_CID, 0x0e, a, 0, b, 0);
    assert_int_equal(solo_last(WOAD_EV_GATT_READ)->u.gatt_read.handle, a);
    for (int n = 0; n < 60; n++) { /* the ring wraps */
        SOLO_K_FRAME(OUR_CID, 0x1b, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1);
    }
    assert_int_equal(solo_count(WOAD_EV_NOTIFIED), 60);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "x", 1), 0);
    solo_pump();
    assert_int_equal(solo_last(WOAD_EV_GATT_READ)->u.gatt_read.handle, b);
    solo_end();
}

/* A Confirmation that arrives behind a pending request ends the indication. */
static void confirmation_comes_while_a_request_waits(void **state)
{
    static const uint8_t octets[60] = { 1 };
    (void)state;
    boot(1, false);
    peer_opens(PEER_CID, 64, 64, 9);
    assert_int_equal(woad_gatt_indicate(solo.h, solo.conn[0], (uint16_t)(first + 2), octets, 60),
                     0); /* longer than the unenhanced bearer's MTU */
    solo_pump();
    SOLO_K_FRAME(OUR_CID, 0x0a, (uint8_t)(first + 4), 0);
    SOLO_K_FRAME(OUR_CID, 0x1e);
    assert_int_equal(solo_count(WOAD_EV_INDICATED), 1);
    assert_int_equal(solo_last(WOAD_EV_INDICATED)->u.done.status, 0);
    solo_end();
}

/* Vol 3, Part A, 10.1: a long notification leaves with one credit at a time. */
static void long_notification_with_few_credits(void **state)
{
    static const uint8_t octets[200] = { 1 };
    (void)state;
    boot(1, false);
    peer_opens(PEER_CID, 247, 64, 1);
    assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], 3, octets, 200), 0);
    assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], 5, octets, 3), 0);
    solo_forget();
    solo_pump();
    for (size_t n = 0; n < 3; n++) { /* one credit for each frame */
        assert_int_equal(octets_on(PEER_CID), 64 * (n + 1));
        SOLO_SIG(CREDITS, 9, 4, 0, PEER_CID, 0, 1, 0);
        solo_pump();
    }
    assert_int_equal(octets_on(PEER_CID), 2 + 203);
    assert_int_equal(octets_on(4), 6); /* and the next notification */
    assert_int_equal(solo_count(WOAD_EV_TX_DONE), 1);
    solo_end();
}

/* A notification uses the bearer that has credits for all of it. */
static void the_bearer_with_credits_sends_it(void **state)
{
    static const uint8_t octets[200] = { 1 };
    (void)state;
    boot(2, false);
    peer_opens(PEER_CID, 247, 64, 1);
    SOLO_SIG(ENHANCED_REQ, 2, 10, 0, 0x27, 0, 247, 0, 64, 0, 9, 0, SECOND, 0);
    solo_pump();
    assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], 3, octets, 200), 0);
    solo_forget();
    solo_pump();
    assert_int_equal(octets_on(PEER_CID), 0);
    assert_int_equal(octets_on(SECOND), 2 + 203);
    solo_end();
}

/* Part G, 5.3.1: ATT_MTU follows the peer's reconfiguration of the channel. */
static void peer_takes_more(void **state)
{
    uint8_t pdu[2 + 101] = { 101, 0, 0x1b, 1, 0 };
    (void)state;
    boot(1, false);
    peer_opens(PEER_CID, 64, 64, 9);
    SOLO_SIG(0x19, 2, 6, 0, 247, 0, 64, 0, PEER_CID, 0);
    solo_pump();
    solo_l2cap(SOLO_HANDLE, OUR_CID, pdu, sizeof pdu);
    assert_int_equal(solo_count(WOAD_EV_NOTIFIED), 1);
    assert_int_equal(solo_last(WOAD_EV_NOTIFIED)->u.value.len, 98);
    solo_end();
}

/* Part A, 4.26: the peer may refuse any of the requested bearers.  The last event marks the end
 * of woad_eatt_open(). */
static void the_middle_one_is_refused(void **state)
{
    (void)state;
    boot(4, false);
    assert_int_equal(woad_eatt_open(solo.h, solo.conn[0], 3), 0);
    solo_pump();
    SOLO_SIG(ENHANCED_RSP, 1, 14, 0, 64, 0, 64, 0, 9, 0, 4, 0, PEER_CID, 0, 0, 0, SECOND, 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_ATT_BEARERS), 3);
    assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.status, 4);
    assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.open, 2);
    assert_int_equal(woad_eatt_open(solo.h, solo.conn[0], 1), 0);
    solo_end();
}

/* Both sides request bearers at once; the host's request is to be repeated. */
static void crossed(void)
{
    boot(1, false);
    assert_int_equal(woad_eatt_open(solo.h, solo.conn[0], 1), 0);
    solo_pump();
    peer_opens(PEER_CID, 64, 64, 9); /* refused: the host's own request holds the only slot */
    SOLO_SIG(ENHANCED_RSP, 1, 10, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_ATT_BEARERS), 0);
    solo_forget();
}

/* A repeated request needs encryption, too; and it ends with one event, whatever happens in
 * between. */
static void requested_once_more(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        crossed();
        if (how == 0) {
            SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 0); /* Encryption Change: off */
            solo_tick(1000);
        } else if (how == 1) {
            assert_int_equal(woad_eatt_close(solo.h, solo.conn[0]), 0);
        } else if (how == 2) {
            solo_disconnected(SOLO_HANDLE, 0x13);
        } else {
            solo_tick(1000);
        }
        assert_int_equal(solo_frames(SIG, ENHANCED_REQ), how == 3);
        assert_int_equal(solo_count(WOAD_EV_ATT_BEARERS), how < 3);
        static const int status[] = { WOAD_EACCES, WOAD_ECANCELED, WOAD_ENOTCONN };
        if (how < 3) {
            assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.status, status[how]);
        }
        solo_tick(5000);
        assert_int_equal(solo_frames(SIG, ENHANCED_REQ), how == 3);
        solo_end();
    }
}

/* woad_eatt_close() ends a request at any stage: queued, sent, or granted later. */
static void closed_while_it_is_requested(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        boot(2, false);
        assert_int_equal(woad_eatt_open(solo.h, solo.conn[0], 2), 0);
        if (how) {
            solo_pump();
        }
        assert_int_equal(woad_eatt_close(solo.h, solo.conn[0]), 0);
        if (how == 1) {
            SOLO_SIG(ENHANCED_RSP, 1, 12, 0, 64, 0, 64, 0, 9, 0, 0, 0, PEER_CID, 0, SECOND, 0);
            solo_pump();
            SOLO_SIG(0x07, 2, 4, 0, PEER_CID, 0, OUR_CID, 0);
            SOLO_SIG(0x07, 3, 4, 0, SECOND, 0, OUR_CID + 1, 0);
        } else if (how == 2) {
            SOLO_SIG(ENHANCED_RSP, 1, 12, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0);
        } else if (how == 3) {
            solo_tick(30000);
        }
        assert_int_equal(solo_count(WOAD_EV_ATT_BEARERS), 1);
        assert_int_equal(woad_eatt_open(solo.h, solo.conn[0], 2), 0);
        solo_end();
    }
}

/* GATT/SR/GAC/BI-01-C: the MTU of an enhanced bearer is that of its channel; it can't be
 * exchanged.  Vol 3, Part F, 3.4.2.1 */
static void no_exchange_of_the_mtu(void **state)
{
    const uint8_t refused[] = { 5, 0, 0x01, 0x02, 0, 0, WOAD_ATT_REQUEST_NOT_SUPPORTED };
    (void)state;
    boot(1, false);
    peer_opens(PEER_CID, 64, 64, 9);
    solo_forget();
    SOLO_K_FRAME(OUR_CID, 0x02, 64, 0);
    assert_memory_equal(frame_on(PEER_CID)->octet, refused, sizeof refused);
    assert_int_equal(solo_count(WOAD_EV_MTU), 0);
    solo_end();
}

/* A host without a server refuses each request on the bearer, in order, and still gets the
 * client's values.  Vol 3, Part F, 3.4.1.1 */
static void requests_where_there_is_no_server(void **state)
{
    static const struct woad_feature *const client[] = {
        &woad_feature_gatt_client,         &woad_feature_l2cap_channels,
        &woad_feature_enhanced_channels,   &woad_feature_eatt,
        &woad_feature_security_peripheral, NULL
    };
    struct woad_config config = solo_config(client);
    (void)state;
    config.att_bearers = 1;
    solo_boot(config);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    peer_opens(PEER_CID, 64, 64, 1);
    solo_forget();
    SOLO_K_FRAME(OUR_CID, 0x0a, 3, 0);
    SOLO_K_FRAME(OUR_CID, 0xbf);
    SOLO_K_FRAME(OUR_CID, 0x1b, 7, 0, 1);
    const uint8_t first_error[] = { 5, 0, 0x01, 0x0a, 0, 0, WOAD_ATT_REQUEST_NOT_SUPPORTED };
    assert_int_equal(solo_frames(PEER_CID, 5), 1); /* there is one credit */
    assert_memory_equal(frame_on(PEER_CID)->octet, first_error, sizeof first_error);
    SOLO_SIG(CREDITS, 9, 4, 0, PEER_CID, 0, 5, 0);
    solo_pump();
    const uint8_t second_error[] = { 5, 0, 0x01, 0xbf, 0, 0, WOAD_ATT_REQUEST_NOT_SUPPORTED };
    assert_int_equal(solo_frames(PEER_CID, 5), 2);
    assert_memory_equal(frame_on(PEER_CID)->octet, second_error, sizeof second_error);
    assert_int_equal(solo_count(WOAD_EV_NOTIFIED), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_where_there_is_no_server),
        cmocka_unit_test(no_exchange_of_the_mtu),
        cmocka_unit_test(answer_comes_while_a_request_waits),
        cmocka_unit_test(handles_stay_while_others_come),
        cmocka_unit_test(confirmation_comes_while_a_request_waits),
        cmocka_unit_test(long_notification_with_few_credits),
        cmocka_unit_test(the_bearer_with_credits_sends_it),
        cmocka_unit_test(peer_takes_more),
        cmocka_unit_test(the_middle_one_is_refused),
        cmocka_unit_test(requested_once_more),
        cmocka_unit_test(closed_while_it_is_requested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
