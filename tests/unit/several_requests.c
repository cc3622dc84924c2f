/* One client with several bearers (Enhanced ATT): its requests do not mix.  An answer goes to its
 * own request, a value read in parts is one value, whatever another bearer does meanwhile. */
#include "solo.h"

enum { OUR_CID = 0x40, PEER_CID = 0x50, LONG = 60 };
enum { SERVICE = 20, X = 22, Y = 24, WRITTEN = 26, AUTHORIZED = 28 };

static const struct woad_feature *const features[] = {
    &woad_feature_gatt_server,      &woad_feature_gatt_client,       &woad_feature_read_multiple,
    &woad_feature_l2cap_channels,   &woad_feature_enhanced_channels, &woad_feature_eatt,
    &woad_feature_security_manager, &woad_feature_long_values,       NULL
};
static const struct woad_uuid service = WOAD_UUID16(0x180d), value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC(&value, WOAD_PROP_READ, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC(&value, WOAD_PROP_READ, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC(&value, WOAD_PROP_WRITE, WOAD_PERM_WRITE),
    WOAD_CHARACTERISTIC(&value, WOAD_PROP_WRITE, WOAD_PERM_WRITE | WOAD_PERM_WRITE_AUTHORIZED),
};
static uint8_t octets[300];

static void peer_opens(uint8_t id, uint8_t peer_cid)
{
    SOLO_SIG(0x17, id, 10, 0, 0x27, 0, 64, 0, 64, 0, 50, 0, peer_cid, 0);
    solo_pump();
}

static void peer_closes(uint8_t our_cid, uint8_t peer_cid)
{
    SOLO_SIG(6, 9, 4, 0, our_cid, 0, peer_cid, 0);
    solo_pump();
    solo_forget();
}

/* Boots a server; a bonded client has encrypted, and has opened one bearer beside the fixed one. */
static void serve(void)
{
    struct woad_config config = solo_config(features);
    config.att_bearers = 1;
    config.conns = 1;
    config.prepare_queue = sizeof octets + 20;
    solo_boot(config);
    assert_int_equal(woad_gatt_add_at(solo.h, db, sizeof db / sizeof *db, SERVICE), 0);
    for (size_t n = 0; n < sizeof octets; n++) {
        octets[n] = (uint8_t)n;
    }
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    peer_opens(1, PEER_CID);
    assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.open, 1);
    solo_forget();
}

/* Asserts that the host's one frame since solo_forget() is this one. */
#define THE_FRAME(on, ...) \
    do { \
        const uint8_t expected_[] = { __VA_ARGS__ }; \
        assert_int_equal(solo.frames, 1); \
        assert_int_equal(solo.frame[0].cid, on); \
        assert_int_equal(solo.frame[0].len, sizeof expected_); \
        assert_memory_equal(solo.frame[0].octet, expected_, sizeof expected_); \
        solo_forget(); \
    } while (0)

static int answer(const char *text)
{
    int err = woad_gatt_answer(solo.h, solo.conn[0], 0, text, strlen(text));
    solo_pump();
    return err;
}

/* Reads the rest of a value of the fixed bearer in parts: each octet is `octets`'. */
static void rest_is_right(uint16_t offset)
{
    size_t len = 22;
    for (; len == 22; offset = (uint16_t)(offset + len)) {
        solo_forget();
        SOLO_ATT(0x0c, X, 0, (uint8_t)offset, (uint8_t)(offset >> 8));
        solo_pump();
        assert_int_equal(solo.frames, 1);
        len = solo.frame[0].len - 1;
        assert_int_equal(solo.frame[0].octet[0], 0x0d);
        assert_memory_equal(solo.frame[0].octet + 1, octets + offset, len);
    }
    assert_int_equal(offset, sizeof octets);
}

static void allows_and_answers(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_AUTHORIZE) {
        *ev->u.authorize.allowed = true;
        assert_int_equal(woad_gatt_answer(solo.h, ev->conn, 0, octets, sizeof octets), 0);
    } else if (ev->type == WOAD_EV_GATT_READ && ev->u.gatt_read.offset) {
        assert_int_equal(woad_gatt_answer(solo.h, ev->conn, 0, octets, sizeof octets), 0);
    }
}

/* A long value is cached inside WOAD_EV_AUTHORIZE of a Prepare Write, which then takes the memory:
 * the client gets octets of the value, and none from behind the queue. */
static void value_answered_while_a_write_is_authorized(void **state)
{
    (void)state;
    serve();
    solo.on_event = allows_and_answers;
    SOLO_ATT(0x0a, X, 0);
    solo_pump();
    SOLO_K_FRAME(OUR_CID, 0x16, AUTHORIZED, 0, 0, 0, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
                 0xee);
    assert_int_equal(solo_frames(4, 0x0b), 1);
    rest_is_right(22);
    solo_end();
}

static uint8_t version;

static void answers_versions(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_GATT_READ) {
        uint8_t v[LONG];
        memset(v, ++version, sizeof v);
        size_t len = ev->u.gatt_read.handle == X ? sizeof v : 5;
        assert_int_equal(woad_gatt_answer(solo.h, ev->conn, 0, v, len), 0);
    }
}

/* Vol 3, Part F, 3.4.4.5: a short value is read on another bearer, and a Prepare Write is refused
 * there, between the parts of a long value: the parts are of one version. */
static void short_reads_leave_a_long_value(void **state)
{
    (void)state;
    serve();
    version = 0;
    solo.on_event = answers_versions;
    SOLO_ATT(0x0a, X, 0);
    solo_pump();
    for (uint8_t offset = 22; offset < LONG; offset = (uint8_t)(offset + 22)) {
        SOLO_K_FRAME(OUR_CID, 0x0a, Y, 0);
        SOLO_K_FRAME(OUR_CID, 0x16, X, 0, 0, 0, 7); /* not permitted */
        SOLO_ATT(0x0c, X, 0, offset, 0);
        solo_pump();
    }
    assert_int_equal(solo_frames(4, 0x0d), 2);
    for (size_t n = 0; n < solo.frames; n++) {
        const struct solo_frame *f = &solo.frame[n];
        assert_true(f->cid != 4 || f->octet[f->len - 1] == 1);
    }
    solo_end();
}

/* The client closes the bearer of its first request.  The application, which answers in order,
 * answers that first: the answer is not the second request's. */
static void answer_is_not_to_the_next_request(void **state)
{
    (void)state;
    serve();
    SOLO_K_FRAME(OUR_CID, 0x0a, X, 0);
    SOLO_ATT(0x0a, Y, 0);
    solo_pump();
    peer_closes(OUR_CID, PEER_CID);
    assert_int_equal(answer("X"), WOAD_EALREADY);
    assert_int_equal(solo.frames, 0);
    assert_int_equal(answer("Y"), 0);
    THE_FRAME(4, 0x0b, 'Y');
    assert_int_equal(answer("Z"), WOAD_EALREADY);
    solo_end();
}

/* The same with the closed bearer's request in the second place. */
static void answer_to_the_first_is_not_dropped(void **state)
{
    (void)state;
    serve();
    SOLO_ATT(0x0a, Y, 0);
    solo_pump();
    SOLO_K_FRAME(OUR_CID, 0x0a, X, 0);
    peer_closes(OUR_CID, PEER_CID);
    assert_int_equal(answer("Y"), 0);
    THE_FRAME(4, 0x0b, 'Y');
    assert_int_equal(answer("X"), WOAD_EALREADY);
    solo_end();
}

/* A late answer by number meets no request of a new bearer: none opens until it has arrived. */
static void number_is_not_used_again_before_the_answer(void **state)
{
    (void)state;
    serve();
    SOLO_K_FRAME(OUR_CID, 0x0a, X, 0);
    uint8_t request = solo_last(WOAD_EV_GATT_READ)->u.gatt_read.request;
    peer_closes(OUR_CID, PEER_CID);
    peer_opens(3, 0x51);
    THE_FRAME(5, 0x18, 3, 10, 0, 0, 0, 0, 0, 0, 0, WOAD_COC_NO_RESOURCES, 0, 0, 0);
    assert_int_equal(woad_eatt_open(solo.h, solo.conn[0], 1), WOAD_ENOMEM);
    assert_int_equal(woad_gatt_answer_to(solo.h, solo.conn[0], request, 0, "X", 1), WOAD_EALREADY);
    peer_opens(4, 0x52);
    assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.open, 1);
    solo_forget();
    SOLO_K_FRAME(OUR_CID + 1, 0x12, WRITTEN, 0, 7);
    assert_int_equal(solo_last(WOAD_EV_GATT_WRITE)->u.gatt_write.request, request);
    assert_int_equal(answer(""), 0);
    assert_int_equal(solo.frame[solo.frames - 1].cid, 0x52);
    assert_int_equal(solo.frame[solo.frames - 1].octet[2], 0x13);
    solo_end();
}

/* An answer that can't follow any more holds nothing: the attribute is removed, or the connection
 * ends. */
static void closed_bearer_is_free_without_its_answer(void **state)
{
    (void)state;
    for (int ends = 0; ends < 2; ends++) {
        serve();
        SOLO_K_FRAME(OUR_CID, 0x0a, X, 0);
        peer_closes(OUR_CID, PEER_CID);
        if (ends) {
            solo_disconnected(SOLO_HANDLE, 0x13);
            solo_connected(SOLO_HANDLE, false, 9);
            solo_encrypt(SOLO_HANDLE);
        } else {
            assert_int_equal(woad_gatt_remove(solo.h, SERVICE), 0);
        }
        assert_int_equal(woad_gatt_answer(solo.h, solo.conn[ends], 0, "X", 1), WOAD_EALREADY);
        peer_opens(3, 0x51);
        assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.open, 1);
        solo_end();
    }
}

/* A Read Multiple and an Execute Write of a closed bearer do not continue with their next element
 * when the answer to the first has arrived; the bearer may be opened again. */
static void closed_bearer_asks_for_nothing_more(void **state)
{
    (void)state;
    for (int write = 0; write < 2; write++) {
        serve();
        if (write) {
            SOLO_K_FRAME(OUR_CID, 0x16, WRITTEN, 0, 0, 0, 1);
            SOLO_K_FRAME(OUR_CID, 0x16, WRITTEN, 0, 9, 0, 2);
            SOLO_K_FRAME(OUR_CID, 0x18, 1);
        } else {
            SOLO_K_FRAME(OUR_CID, 0x0e, X, 0, Y, 0);
        }
        assert_int_equal(solo.events, 1);
        peer_closes(OUR_CID, PEER_CID);
        assert_int_equal(answer("x"), WOAD_EALREADY);
        assert_int_equal(solo.events, 0);
        assert_int_equal(answer("y"), WOAD_EALREADY);
        peer_opens(3, 0x51);
        assert_int_equal(solo_last(WOAD_EV_ATT_BEARERS)->u.att_bearers.open, 1);
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_answered_while_a_write_is_authorized),
        cmocka_unit_test(short_reads_leave_a_long_value),
        cmocka_unit_test(answer_is_not_to_the_next_request),
        cmocka_unit_test(answer_to_the_first_is_not_dropped),
        cmocka_unit_test(number_is_not_used_again_before_the_answer),
        cmocka_unit_test(closed_bearer_is_free_without_its_answer),
        cmocka_unit_test(closed_bearer_asks_for_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
