/* A request that the application neither answers in its event nor announces an answer for ends with
 * Unlikely Error when the callback returns, once, whatever has happened inside. */
#include "solo.h"

enum { ERROR_RSP = 0x01, READ_RSP = 0x0b, ENHANCED_REQ = 0x17, OUR_CID = 0x40, PEER_CID = 0x50 };

static const struct woad_feature *const features[] = {
    &woad_feature_gatt_server,       &woad_feature_gatt_client,
    &woad_feature_long_values,       &woad_feature_read_multiple,
    &woad_feature_pipelining,        &woad_feature_l2cap_channels,
    &woad_feature_enhanced_channels, &woad_feature_eatt,
    &woad_feature_security_manager,  NULL
};
static const struct woad_uuid service = WOAD_UUID16(0x180d), value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC(&value, WOAD_PROP_READ | WOAD_PROP_WRITE, WOAD_PERM_READ | WOAD_PERM_WRITE),
    WOAD_CHARACTERISTIC(&value, WOAD_PROP_READ | WOAD_PROP_WRITE, WOAD_PERM_READ | WOAD_PERM_WRITE),
};
static uint16_t first;
static uint8_t a, b; /* the handles of the values */

static void begin(void (*on_event)(const struct woad_event *ev))
{
    struct woad_config config = solo_config(features);
    config.att_bearers = 2;
    solo.forgets = true;
    solo.on_event = on_event;
    solo_boot(config);
    assert_int_equal(woad_gatt_add(solo.h, db, 5, &first), 0);
    a = (uint8_t)(first + 2);
    b = (uint8_t)(first + 4);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    solo_forget();
}

static bool is_request(const struct woad_event *ev)
{
    return ev->type == WOAD_EV_GATT_READ ||
           (ev->type == WOAD_EV_GATT_WRITE && ev->u.gatt_write.need_answer);
}

/* The number of errors 0x0e that the client has got on a channel, behind a K-frame's length or not.
 */
static size_t unlikely(uint16_t cid)
{
    size_t n = 0, at = cid == 4 ? 0 : 2;
    for (size_t k = 0; k < solo.frames; k++) {
        const struct solo_frame *f = &solo.frame[k];
        n += f->cid == cid && f->len == at + 5 && f->octet[at] == ERROR_RSP &&
             f->octet[at + 4] == WOAD_ATT_UNLIKELY;
    }
    return n;
}

static void removes(const struct woad_event *ev)
{
    if (is_request(ev)) {
        assert_int_equal(woad_gatt_remove(solo.h, first), 0);
        assert_int_equal(woad_gatt_answer_later(solo.h, ev->conn), WOAD_EALREADY);
    }
}

/* The callback removes the attribute: the request has its answer, Invalid Handle, and no other. */
static void its_attribute_is_removed(void **state)
{
    (void)state;
    begin(removes);
    SOLO_ATT(0x0a, a, 0);
    solo_pump();
    assert_int_equal(solo_frames(4, ERROR_RSP), 1);
    assert_int_equal(unlikely(4), 0);
    SOLO_ATT(0x0a, 3, 0);
    solo_pump();
    assert_int_equal(solo_frames(4, READ_RSP), 1);
    solo_end();
}

static void disconnects(const struct woad_event *ev)
{
    if (is_request(ev)) {
        assert_int_equal(woad_disconnect(solo.h, ev->conn, 0x13), 0);
    }
}

static void stops(const struct woad_event *ev)
{
    if (is_request(ev)) {
        assert_int_equal(woad_stop(solo.h), 0);
    }
}

/* The callback ends the connection, or the host: nothing is sent, and nothing waits. */
static void its_connection_ends(void **state)
{
    (void)state;
    begin(disconnects);
    SOLO_ATT(0x12, a, 0, 1);
    solo_pump();
    assert_int_equal(solo_frames(4, ERROR_RSP), 0);
    solo_disconnected(SOLO_HANDLE, 0x16);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    solo_end();
    begin(stops);
    SOLO_ATT(0x12, a, 0, 1);
    solo_pump();
    solo_disconnected(SOLO_HANDLE, 0x16);
    solo_tick(2000);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
    solo_end();
}

static void calls_later_twice(const struct woad_event *ev)
{
    if (is_request(ev)) {
        assert_int_equal(woad_gatt_answer_later(solo.h, ev->conn), 0);
        assert_int_equal(woad_gatt_answer_later(solo.h, ev->conn), 0);
    }
}

/* woad_gatt_answer_later() says it for its own event, and only inside. */
static void later_is_for_one_event(void **state)
{
    (void)state;
    begin(calls_later_twice);
    assert_int_equal(woad_gatt_answer_later(solo.h, solo.conn[0]), WOAD_EALREADY);
    assert_int_equal(woad_gatt_answer_later(solo.h, 0x1234), WOAD_ENOTCONN);
    SOLO_ATT(0x0a, a, 0);
    solo_pump();
    assert_int_equal(solo.frames, 0);
    solo.on_event = NULL;
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "x", 1), 0);
    SOLO_ATT(0x0a, b, 0);
    solo_pump();
    SOLO_ATT(0x0a, b, 0);
    solo_pump();
    assert_int_equal(solo_frames(4, READ_RSP), 1);
    assert_int_equal(unlikely(4), 2);
    solo_end();
}

/* Read Multiple: the first value is answered in its event, the second is forgotten, or comes later
 * and is followed by a forgotten one. */
static size_t elements, later_at;
static void answers_some(const struct woad_event *ev)
{
    if (is_request(ev)) {
        size_t n = elements++;
        if (n == later_at) {
            assert_int_equal(woad_gatt_answer_later(solo.h, ev->conn), 0);
        } else if (n == 0) {
            assert_int_equal(woad_gatt_answer(solo.h, ev->conn, 0, "x", 1), 0);
        }
    }
}

static void one_of_several_values(void **state)
{
    (void)state;
    later_at = 99;
    elements = 0;
    begin(answers_some);
    SOLO_ATT(0x20, a, 0, b, 0, a, 0);
    solo_pump();
    assert_int_equal(elements, 2);
    assert_int_equal(unlikely(4), 1);
    assert_int_equal(solo.frame[0].octet[2], b);
    solo_forget();
    elements = 0;
    later_at = 1;
    SOLO_ATT(0x20, a, 0, b, 0, a, 0);
    solo_pump();
    assert_int_equal(elements, 2);
    assert_int_equal(solo.frames, 0);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "y", 1), 0);
    solo_pump();
    assert_int_equal(elements, 3);
    assert_int_equal(unlikely(4), 1);
    assert_int_equal(solo.frame[0].octet[2], a);
    solo_end();
}

static uint16_t slow_handle;
static void one_is_slow(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_GATT_READ && ev->u.gatt_read.handle == slow_handle) {
        assert_int_equal(woad_gatt_answer_later(solo.h, ev->conn), 0);
    }
}

/* Enhanced ATT: a forgotten request on one bearer leaves the one that waits on another alone. */
static void each_bearer_has_its_own(void **state)
{
    (void)state;
    begin(one_is_slow);
    slow_handle = a;
    SOLO_SIG(ENHANCED_REQ, 1, 10, 0, 0x27, 0, 64, 0, 64, 0, 9, 0, PEER_CID, 0);
    solo_pump();
    solo_forget();
    SOLO_ATT(0x0a, a, 0);
    solo_pump();
    SOLO_K_FRAME(OUR_CID, 0x0a, b, 0);
    assert_int_equal(unlikely(PEER_CID), 1);
    assert_int_equal(unlikely(4), 0);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "x", 1), 0);
    solo_pump();
    assert_int_equal(solo_frames(4, READ_RSP), 1);
    SOLO_K_FRAME(OUR_CID, 0x0a, b, 0);
    assert_int_equal(unlikely(PEER_CID), 2);
    solo_end();
}

static void closes_bearers(const struct woad_event *ev)
{
    if (is_request(ev)) {
        assert_int_equal(woad_eatt_close(solo.h, ev->conn), 0);
    }
}

/* The callback closes the bearer: its request is forgotten, and the bearer can open again. */
static void its_bearer_closes(void **state)
{
    (void)state;
    begin(closes_bearers);
    for (uint8_t n = 1; n < 6; n++) {
        solo_forget();
        SOLO_SIG(ENHANCED_REQ, n, 10, 0, 0x27, 0, 64, 0, 64, 0, 9, 0, PEER_CID, 0);
        solo_pump();
        assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.open, 1);
        uint8_t cid = solo.frame[0].octet[12]; /* of the Credit Based Connection Response */
        solo_forget();
        SOLO_K_FRAME(cid, 0x0a, a, 0);
        assert_int_equal(solo_count(WOAD_EV_GATT_READ), 1);
        assert_int_equal(unlikely(PEER_CID), 0);
        assert_int_equal(solo_frames(5, 6), 1); /* Disconnection Request */
        SOLO_SIG(7, solo.frame[0].octet[1], 4, 0, PEER_CID, 0, cid, 0);
        solo_pump();
        assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.open, 0);
    }
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_attribute_is_removed), cmocka_unit_test(its_connection_ends),
        cmocka_unit_test(later_is_for_one_event),   cmocka_unit_test(one_of_several_values),
        cmocka_unit_test(each_bearer_has_its_own),  cmocka_unit_test(its_bearer_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
