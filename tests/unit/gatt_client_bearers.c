/* Client procedures on several bearers: a request that is sent ends with its own response.  A
 * procedure that has ended, or that waits for security, is not sent.  Vol 3, Part F, 3.3.2 */
#include "solo.h"

enum { OUR_CID = 0x40, PEER_CID = 0x50 };
enum {
    FIND_INFO_REQ = 0x04,
    READ_REQ = 0x0a,
    WRITE_REQ = 0x12,
    PAIRING_FAILED = 0x05,
    DISCONNECT_REQ = 0x06
};

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_l2cap_channels,
                                                       &woad_feature_enhanced_channels,
                                                       &woad_feature_eatt,
                                                       &woad_feature_security_manager,
                                                       NULL };

/* Boots a host with an encrypted connection to a bonded central that has opened an enhanced
 * bearer. */
static void with_bearer(bool retry)
{
    const struct woad_security_policy policy = {
        .io = WOAD_IO_DISPLAY_YES_NO, .bond = true, .mitm = true, .retry = retry
    };
    struct woad_config config = solo_config(features);
    config.att_bearers = 1;
    solo_boot(config);
    assert_int_equal(woad_set_security_policy(solo.h, &policy), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    SOLO_SIG(0x17, 1, 10, 0, 0x27, 0, 64, 0, 64, 0, 99, 0, PEER_CID, 0);
    solo_pump();
    assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.open, 1);
    solo_forget();
}

/* The peer sends a PDU on the enhanced bearer, in one K-frame. */
#define EATT(...) \
    do { \
        const uint8_t pdu_[] = { __VA_ARGS__ }; \
        uint8_t frame_[64] = { sizeof pdu_, 0 }; \
        memcpy(frame_ + 2, pdu_, sizeof pdu_); \
        solo_l2cap(SOLO_HANDLE, OUR_CID, frame_, sizeof pdu_ + 2); \
        solo_pump(); \
    } while (0)

/* Counts the host's requests with this opcode and handle, on both bearers. */
static size_t sent(uint8_t op, uint8_t handle)
{
    size_t n = 0;
    for (size_t at = 0; at < solo.frames; at++) {
        const struct solo_frame *f = &solo.frame[at];
        const uint8_t *pdu = f->octet + (f->cid == PEER_CID ? 2 : 0);
        n += (f->cid == PEER_CID || f->cid == 4) && pdu[0] == op && pdu[1] == handle;
    }
    return n;
}

/* Asserts that the procedure about this attribute has ended once; returns its status. */
static int ended_with(uint16_t handle)
{
    size_t n = 0;
    int status = 0;
    for (size_t at = 0; at < solo.events; at++) {
        const struct woad_event *ev = &solo.event[at];
        if (ev->type == WOAD_EV_GATTC_DONE && ev->u.done.handle == handle) {
            status = ev->u.done.status;
            n++;
        }
    }
    assert_int_equal(n, 1);
    return status;
}

static void reads(uint16_t first, uint16_t last)
{
    for (uint16_t handle = first; handle <= last; handle++) {
        assert_int_equal(woad_gattc_read_once(solo.h, solo.conn[0], handle), 0);
    }
}

static uint16_t read_of; /* handle of the last value; its first octet */
static uint8_t octet_of;

static void take_value(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_READ) {
        read_of = ev->u.value.handle;
        octet_of = ev->u.value.data[0];
    }
}

/* A read is refused for lack of security, and its bearer closes while the host pairs: the other
 * bearer does not send it before the pairing ends.  If the pairing fails, the read ends with the
 * refusal. */
static void refused_request_is_not_sent_before_the_pairing_ends(void **state)
{
    (void)state;
    with_bearer(true);
    solo.on_event = take_value;
    reads(0x2f, 0x31);
    solo_pump();
    EATT(0x01, READ_REQ, 0x30, 0, WOAD_ATT_INSUFFICIENT_AUTHENTICATION);
    SOLO_SIG(DISCONNECT_REQ, 2, 4, 0, OUR_CID, 0, PEER_CID, 0);
    solo_pump();
    SOLO_ATT(0x0b, 0x2f);
    solo_pump();
    assert_int_equal(sent(READ_REQ, 0x30), 1);
    SOLO_SMP(PAIRING_FAILED, 5);
    solo_pump();
    assert_int_equal(ended_with(0x30), WOAD_ATT_INSUFFICIENT_AUTHENTICATION);
    SOLO_ATT(0x0b, 0x31);
    solo_pump();
    assert_int_equal(sent(READ_REQ, 0x30), 1);
    assert_int_equal(read_of, 0x31);
    assert_int_equal(octet_of, 0x31);
    assert_int_equal(ended_with(0x31), 0);
    solo_end();
}

/* Encryption ends while a read has no response, and the bond's key is lost.  Procedures that are
 * not sent end; the read keeps its bearer until its response. */
static void request_that_is_out_outlives_a_security_that_fails(void **state)
{
    (void)state;
    with_bearer(false);
    reads(0x30, 0x31);
    solo_pump();
    assert_int_equal(sent(READ_REQ, 0x31), 1);
    SOLO_ATT(0x0b, 0x30);
    SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 0); /* Encryption Change: off */
    reads(0x32, 0x32);
    solo_pump();
    SOLO_SMP(PAIRING_FAILED, 5);
    solo_pump();
    assert_int_equal(ended_with(0x32), WOAD_EACCES);
    for (size_t at = 0; at < solo.events; at++) {
        assert_false(solo.event[at].type == WOAD_EV_GATTC_DONE &&
                     solo.event[at].u.done.handle == 0x31);
    }
    solo_end();
}

/* Encryption ends while a read has no response, and the peer can't be asked to encrypt: its
 * pairing has timed out.  Nothing else is queued: woad_poll() lets the host sleep. */
static void request_that_is_out_lets_the_host_sleep(void **state)
{
    (void)state;
    with_bearer(false);
    SOLO_SMP(1, 1, 0, 0x0d, 16, 0, 0); /* Pairing Request, and nothing after it */
    solo_tick(30000);
    reads(0x30, 0x31);
    solo_pump();
    SOLO_ATT(0x0b, 0x30);
    SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 0); /* Encryption Change: off */
    solo_pump();
    solo_tick(0); /* of the events */
    assert_int_not_equal(solo_tick(0), 0);
    SOLO_RX(4, 5, 4, 0, SOLO_HANDLE, 0, 0x13);
    solo_pump();
    assert_int_equal(ended_with(0x31), WOAD_ENOTCONN);
    solo_end();
}

/* woad_gattc_cancel() with two reads sent and a write queued: the write ends at once. */
static void queued_write_is_cancelled_and_not_sent(void **state)
{
    (void)state;
    with_bearer(false);
    reads(0x30, 0x31);
    assert_int_equal(woad_gattc_write(solo.h, solo.conn[0], 0x32, "go", 2), 0);
    solo_pump();
    assert_int_equal(sent(READ_REQ, 0x30) + sent(READ_REQ, 0x31), 2);
    assert_int_equal(woad_gattc_cancel(solo.h, solo.conn[0]), 0);
    assert_int_equal(ended_with(0x32), WOAD_ECANCELED);
    solo_pump();
    EATT(0x0b, 1);
    SOLO_ATT(0x0b, 1);
    solo_pump();
    assert_int_equal(sent(WRITE_REQ, 0x32), 0);
    assert_int_equal(ended_with(0x30), WOAD_ECANCELED);
    assert_int_equal(ended_with(0x31), WOAD_ECANCELED);
    solo_end();
}

/* A subscription writes a CCCD whose handle it has to find first: it and a write, which may be to
 * that CCCD, stay in order.  A read need not wait. */
static void subscription_and_write_stay_in_order(void **state)
{
    (void)state;
    with_bearer(false);
    assert_int_equal(woad_gattc_subscribe(solo.h, solo.conn[0], 0x30, 0x32, WOAD_CCCD_NOTIFY), 0);
    assert_int_equal(woad_gattc_write(solo.h, solo.conn[0], 0x32, "\0\0", 2), 0);
    reads(0x40, 0x40);
    solo_pump();
    assert_int_equal(sent(FIND_INFO_REQ, 0x31), 1);
    assert_int_equal(sent(READ_REQ, 0x40), 1);
    EATT(0x0b, 1);
    assert_int_equal(sent(WRITE_REQ, 0x32), 0);
    SOLO_ATT(0x05, 1, 0x31, 0, 0x01, 0x29, 0x32, 0, 0x02, 0x29);
    solo_pump();
    assert_int_equal(sent(WRITE_REQ, 0x32), 1);
    SOLO_ATT(0x13);
    solo_pump();
    assert_int_equal(ended_with(0x30), 0);
    assert_int_equal(sent(WRITE_REQ, 0x32), 2);
    /* A write that was queued before it precedes it. */
    solo_forget();
    assert_int_equal(woad_gattc_subscribe(solo.h, solo.conn[0], 0x30, 0x32, WOAD_CCCD_NOTIFY), 0);
    solo_pump();
    assert_int_equal(sent(FIND_INFO_REQ, 0x31), 0);
    solo_end();
}

static void pump_at_each_end(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_READ) {
        assert_int_equal(woad_gattc_cancel(solo.h, ev->conn), 0);
    } else if (ev->type == WOAD_EV_GATTC_DONE) {
        solo_pump();
    }
}

/* The application cancels inside a result, and calls woad_tx() inside each end: the requests of
 * procedures that are still to end are not sent. */
static void cancelled_inside_an_event_is_not_sent_in_the_next(void **state)
{
    (void)state;
    with_bearer(false);
    solo.on_event = pump_at_each_end;
    reads(0x30, 0x33);
    assert_int_equal(woad_gattc_write(solo.h, solo.conn[0], 0x34, "go", 2), 0);
    assert_int_equal(woad_gattc_write_long(solo.h, solo.conn[0], 0x35, "go on", 5, false), 0);
    solo_pump();
    SOLO_ATT(0x0b, 1);
    solo_pump();
    EATT(0x0b, 1);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 6);
    assert_int_equal(sent(READ_REQ, 0x32) + sent(READ_REQ, 0x33) + sent(WRITE_REQ, 0x34), 0);
    assert_int_equal(sent(0x16, 0x35), 0);
    for (uint16_t handle = 0x31; handle <= 0x35; handle++) {
        assert_int_equal(ended_with(handle), WOAD_ECANCELED);
    }
    solo_end();
}

/* A long write is half done, and a read is sent on the other bearer: the prepared part is
 * cancelled at once, before the read's response. */
static void half_of_a_write_is_taken_back_behind_a_read(void **state)
{
    (void)state;
    with_bearer(false);
    reads(0x30, 0x30);
    static const uint8_t value[100];
    assert_int_equal(woad_gattc_write_long(solo.h, solo.conn[0], 0x35, value, 100, false), 0);
    solo_pump();
    assert_int_equal(sent(0x16, 0x35), 1);
    assert_int_equal(woad_gattc_cancel(solo.h, solo.conn[0]), 0);
    solo_pump();
    uint8_t part[2 + 5 + 59] = { 5 + 59, 0, 0x17, 0x35 };
    solo_l2cap(SOLO_HANDLE, OUR_CID, part, sizeof part);
    solo_pump();
    assert_int_equal(sent(0x18, 0), 1);
    EATT(0x19);
    assert_int_equal(ended_with(0x35), WOAD_ECANCELED);
    SOLO_ATT(0x0b, 1);
    assert_int_equal(ended_with(0x30), WOAD_ECANCELED);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_request_is_not_sent_before_the_pairing_ends),
        cmocka_unit_test(request_that_is_out_outlives_a_security_that_fails),
        cmocka_unit_test(request_that_is_out_lets_the_host_sleep),
        cmocka_unit_test(queued_write_is_cancelled_and_not_sent),
        cmocka_unit_test(subscription_and_write_stay_in_order),
        cmocka_unit_test(cancelled_inside_an_event_is_not_sent_in_the_next),
        cmocka_unit_test(half_of_a_write_is_taken_back_behind_a_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
