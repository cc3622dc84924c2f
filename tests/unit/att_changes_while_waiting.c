/* State that changes while something waits in the ATT server: the MTU, the security, the
 * database, and calls from events.  Permissions are checked when an octet leaves. */
#include "solo.h"

enum {
    SERVICE = 20,
    VALUE = 22,
    WRITTEN = 24,
    SECRET = 26,
    SECRET_TOO = 28,
    CONSTANT = 31,
    SECRET_CONSTANT = 33
};
static const struct woad_uuid service = WOAD_UUID16(0x180d), type = WOAD_UUID16(0x2a37),
                              constant_type = WOAD_UUID16(0x2a99), other = WOAD_UUID16(0x2a38);
static uint8_t octets[512];
enum { ENCRYPTED = WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED };
static const struct woad_attr database[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC(&type, WOAD_PROP_READ, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC(&other, WOAD_PROP_WRITE, WOAD_PERM_WRITE | WOAD_PERM_WRITE_ENCRYPTED),
    WOAD_CHARACTERISTIC(&type, WOAD_PROP_READ | WOAD_PROP_NOTIFY, ENCRYPTED),
    WOAD_CHARACTERISTIC_CCCD(&type, WOAD_PROP_READ | WOAD_PROP_NOTIFY, ENCRYPTED),
    WOAD_CHARACTERISTIC_CONST(&constant_type, octets, 200),
    { &constant_type, NULL, 0, WOAD_ATTR_CHARACTERISTIC, WOAD_PROP_READ, WOAD_PERM_READ },
    { &constant_type, "secret", 6, WOAD_ATTR_VALUE, 0, ENCRYPTED },
};
enum { ATTRS = sizeof database / sizeof *database };

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_long_values,
                                                       &woad_feature_read_multiple,
                                                       &woad_feature_pipelining,
                                                       &woad_feature_client_features,
                                                       &woad_feature_l2cap_channels,
                                                       &woad_feature_enhanced_channels,
                                                       &woad_feature_eatt,
                                                       &woad_feature_security_manager,
                                                       NULL };

/* Boots a server with a bonded central. */
static void serve(bool encrypted)
{
    struct woad_config config = solo_config(features);
    config.att_bearers = 1;
    solo_boot(config);
    assert_int_equal(woad_gatt_add_at(solo.h, database, ATTRS, SERVICE), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    if (encrypted) {
        solo_encrypt(SOLO_HANDLE);
    }
    solo_forget();
}

static void encryption_ends(void)
{
    SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 0);
}

/* Sets ATT_MTU to 247: the peer's exchange, and the host's own, which the peer answers later. */
static void mtu_247(void)
{
    assert_int_equal(woad_gattc_exchange_mtu(solo.h, solo.conn[0]), 0);
    solo_pump();
    SOLO_ATT(0x02, 247, 0);
    solo_pump();
    solo_forget();
}

/* Asserts that the host's one answer is this error for this request. */
static void refused(uint8_t request, uint8_t error)
{
    solo_pump();
    assert_int_equal(solo.frames, 1);
    const struct solo_frame *f = &solo.frame[0];
    assert_int_equal(f->len, 5);
    assert_int_equal(f->octet[0], 0x01);
    assert_int_equal(f->octet[1], request);
    assert_int_equal(f->octet[4], error);
    solo_forget();
}

/* Returns whether any frame of the host contains these octets. */
static bool left(const char *what)
{
    size_t n = strlen(what);
    for (size_t at = 0; at < solo.frames; at++) {
        for (size_t k = 0; k + n <= solo.frame[at].len; k++) {
            if (memcmp(solo.frame[at].octet + k, what, n) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* --- the MTU ---------------------------------------------------------------------------------- */

/* Vol 3, Part F, 3.4.4.11: the MTU shrinks while a response is being built: the response keeps
 * to the smaller MTU. */
static void answer_that_grows_does_not_pass_a_smaller_mtu(void **state)
{
    (void)state;
    for (uint8_t op = 0x0e; op <= 0x20; op = (uint8_t)(op + 0x12)) {
        serve(true);
        mtu_247();
        SOLO_ATT(op, CONSTANT, 0, VALUE, 0);
        solo_pump();
        SOLO_ATT(0x03, 23, 0);
        assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, octets, sizeof octets), 0);
        refused(op, WOAD_ATT_UNLIKELY);
        solo_end();
    }
}

/* The MTU shrinks while a response is queued: an error replaces the response; the next one fits. */
static void answer_that_waits_does_not_pass_a_smaller_mtu(void **state)
{
    (void)state;
    serve(true);
    mtu_247();
    SOLO_ATT(0x0a, VALUE, 0);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, octets, 100), 0);
    SOLO_ATT(0x03, 23, 0);
    refused(0x0a, WOAD_ATT_UNLIKELY);
    SOLO_ATT(0x0a, VALUE, 0);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, octets, 100), 0);
    solo_pump();
    assert_int_equal(solo.frame[0].len, 23);
    solo_end();
}

static void sends_at_once(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_MTU) {
        assert_int_equal(woad_gatt_notify(solo.h, ev->conn, VALUE, octets, 100), 0);
        solo_pump();
    }
}

/* Vol 3, Part F, 3.4.2.2: the new MTU applies to PDUs behind the response. */
static void nothing_of_the_new_mtu_before_the_response(void **state)
{
    (void)state;
    serve(true);
    solo.on_event = sends_at_once;
    SOLO_ATT(0x02, 247, 0);
    solo_pump();
    assert_int_equal(solo.frames, 2);
    assert_int_equal(solo.frame[0].octet[0], 0x03);
    assert_int_equal(solo.frame[1].octet[0], 0x1b);
    assert_int_equal(solo.frame[1].len, 103);
    solo_end();
}

/* Only notifications and indications of one value may be cut; other PDUs that are too long are
 * dropped. */
static void what_may_not_be_cut_is_dropped_when_the_mtu_is_smaller(void **state)
{
    const struct woad_gatt_value two[] = { { VALUE, 20, octets }, { SECRET, 20, octets } };
    (void)state;
    serve(true);
    mtu_247();
    SOLO_ATT(0x12, 11, 0, 4); /* the client supports Multiple Handle Value Notifications */
    solo_pump();
    solo_forget();
    assert_int_equal(woad_gatt_notify_multiple(solo.h, solo.conn[0], two, 2), 0);
    assert_int_equal(woad_gattc_write_command(solo.h, solo.conn[0], 3, octets, 40), 0);
    SOLO_ATT(0x03, 23, 0);
    solo_pump();
    assert_int_equal(solo.frames, 0);
    assert_int_equal(solo_count(WOAD_EV_TX_DONE), 1);
    assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], VALUE, octets, 20), 0);
    solo_pump();
    assert_int_equal(solo.frames, 1);
    solo_end();
}

/* --- the security ----------------------------------------------------------------------------- */

/* GATT/SR/GAR/BI-05-C: encryption ends before the application answers: the value is not sent. */
static void value_answered_too_late_does_not_leave(void **state)
{
    (void)state;
    static const uint8_t requests[][7] = { { 0x0a, SECRET, 0 },
                                           { 0x0c, SECRET, 0, 0, 0 },
                                           { 0x08, SECRET, 0, SECRET, 0, 0x37, 0x2a },
                                           { 0x0e, SECRET, 0, VALUE, 0 },
                                           { 0x20, VALUE, 0, SECRET, 0 } };
    static const size_t len[] = { 3, 5, 7, 5, 5 };
    for (size_t k = 0; k < sizeof len / sizeof *len; k++) {
        for (int answered_before = 0; answered_before < 2; answered_before++) {
            serve(true);
            solo_l2cap(SOLO_HANDLE, 4, requests[k], len[k]);
            if (answered_before) {
                while (!woad_gatt_answer(solo.h, solo.conn[0], 0, "secret", 6)) {
                }
            }
            encryption_ends();
            if (!answered_before) {
                while (!woad_gatt_answer(solo.h, solo.conn[0], 0, "secret", 6)) {
                }
            }
            refused(requests[k][0], WOAD_ATT_INSUFFICIENT_ENCRYPTION);
            solo_end();
        }
    }
}

/* The same for values that the host has itself: read, found by value, and compared. */
static void constant_value_does_not_leave_in_the_clear(void **state)
{
    (void)state;
    serve(true);
    SOLO_ATT(0x0a, SECRET_CONSTANT, 0);
    encryption_ends();
    refused(0x0a, WOAD_ATT_INSUFFICIENT_ENCRYPTION);
    solo_encrypt(SOLO_HANDLE);
    solo_forget();
    SOLO_ATT(0x08, SECRET_CONSTANT, 0, 0xff, 0xff, 0x99, 0x2a);
    encryption_ends();
    refused(0x08, WOAD_ATT_INSUFFICIENT_ENCRYPTION);
    solo_encrypt(SOLO_HANDLE);
    solo_forget();
    SOLO_ATT(0x06, 1, 0, 0xff, 0xff, 0x99, 0x2a, 's', 'e', 'c', 'r', 'e', 't');
    encryption_ends();
    refused(0x06, WOAD_ATT_INSUFFICIENT_ENCRYPTION);
    SOLO_ATT(0x0a, CONSTANT, 0); /* a value without permissions is still sent */
    encryption_ends();
    solo_pump();
    assert_int_equal(solo.frame[0].octet[0], 0x0b);
    solo_end();
}

static void queued_values_do_not_leave_in_the_clear(void **state)
{
    const struct woad_gatt_value two[] = { { VALUE, 4, "open" }, { SECRET_TOO, 6, "secret" } };
    (void)state;
    serve(true);
    SOLO_ATT(0x02, 247, 0);
    SOLO_ATT(0x12, 11, 0, 4);
    solo_pump();
    SOLO_ATT(0x12, 11, 0, 4);
    solo_pump();
    solo_forget();
    assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], SECRET, "secret", 6), 0);
    assert_int_equal(woad_gatt_notify_multiple(solo.h, solo.conn[0], two, 2), 0);
    assert_int_equal(woad_gatt_indicate(solo.h, solo.conn[0], SECRET, "secret", 6), 0);
    assert_int_equal(woad_gattc_write_command(solo.h, solo.conn[0], 3, "secret", 6), 0);
    assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], VALUE, "open", 4), 0);
    encryption_ends();
    solo_pump();
    assert_false(left("secret"));
    assert_true(left("open"));
    assert_int_equal(solo_count(WOAD_EV_INDICATED), 1);
    assert_int_equal(solo_last(WOAD_EV_INDICATED)->u.done.status, WOAD_EACCES);
    assert_int_equal(solo_count(WOAD_EV_TX_DONE), 1);
    solo_end();
}

/* The attribute is removed, another takes its handle, and encryption ends: queued values of the
 * removed attribute are dropped. */
static void queued_values_of_a_removed_attribute(void **state)
{
    static const struct woad_attr open[] = {
        WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC(&type, WOAD_PROP_NOTIFY, WOAD_PERM_READ),
        WOAD_CHARACTERISTIC(&type, WOAD_PROP_NOTIFY, WOAD_PERM_READ),
        WOAD_CHARACTERISTIC(&type, WOAD_PROP_NOTIFY, WOAD_PERM_READ)
    };
    (void)state;
    for (int replaced = 0; replaced < 2; replaced++) {
        serve(true);
        assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], SECRET, "secret", 6), 0);
        assert_int_equal(woad_gatt_indicate(solo.h, solo.conn[0], SECRET, "secret", 6), 0);
        assert_int_equal(woad_gatt_remove(solo.h, SERVICE), 0);
        if (replaced) {
            assert_int_equal(woad_gatt_add_at(solo.h, open, sizeof open / sizeof *open, SERVICE),
                             0);
        }
        encryption_ends();
        solo_pump();
        assert_false(left("secret"));
        assert_int_equal(solo_count(WOAD_EV_INDICATED), 1);
        assert_int_equal(solo_last(WOAD_EV_INDICATED)->u.done.status, WOAD_EACCES);
        assert_int_equal(solo_count(WOAD_EV_TX_DONE), 1);
        solo_end();
    }
}

/* The same without a security manager.  Queued values of other handles stay, and
 * WOAD_EV_TX_READY is not raised without room. */
static void queued_values_when_the_database_changes(void **state)
{
    static const struct woad_feature *const plain[] = { &woad_feature_gatt_server, NULL };
    uint16_t first;
    (void)state;
    for (int removed = 0; removed < 2; removed++) {
        solo_boot(solo_config(plain));
        assert_int_equal(woad_gatt_add_at(solo.h, database, 3, SERVICE), 0);
        solo_connected(SOLO_HANDLE, false, 9);
        assert_int_equal(woad_gatt_indicate(solo.h, solo.conn[0], VALUE, "open", 4), 0);
        while (!woad_gatt_notify(solo.h, solo.conn[0], VALUE, octets, 20)) {
        }
        if (removed) {
            assert_int_equal(woad_gatt_remove(solo.h, SERVICE), 0);
        } else {
            assert_int_equal(woad_gatt_add(solo.h, database, 1, &first), 0);
        }
        assert_int_equal(solo_count(WOAD_EV_INDICATED), removed);
        assert_int_equal(solo_count(WOAD_EV_TX_READY), 0);
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_TX_READY), 1);
        assert_int_equal(solo_frames(4, 0x1d), !removed);
        solo_end();
    }
}

/* The application has a read or write event to answer and replaces the service: its answer must
 * not go to the new attribute. */
static void question_about_a_removed_attribute(void **state)
{
    static const struct woad_attr writable[] = {
        WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC(&type, WOAD_PROP_READ, WOAD_PERM_READ),
        WOAD_CHARACTERISTIC(&other, WOAD_PROP_WRITE, WOAD_PERM_WRITE)
    };
    (void)state;
    for (int write = 0; write < 2; write++) {
        serve(false);
        assert_int_equal(woad_gatt_remove(solo.h, SERVICE), 0);
        assert_int_equal(woad_gatt_add_at(solo.h, writable, 5, SERVICE), 0);
        solo_pump();
        solo_forget();
        if (write) {
            SOLO_ATT(0x12, WRITTEN, 0, 1);
        } else {
            SOLO_ATT(0x0a, VALUE, 0);
        }
        assert_int_equal(solo_count(write ? WOAD_EV_GATT_WRITE : WOAD_EV_GATT_READ), 1);
        assert_int_equal(woad_gatt_remove(solo.h, SERVICE), 0);
        assert_int_equal(woad_gatt_add_at(solo.h, database, ATTRS, SERVICE), 0);
        assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "secret", 6), WOAD_EALREADY);
        refused(write ? 0x12 : 0x0a, WOAD_ATT_INVALID_HANDLE);
        solo_end();
    }
}

static void adds_a_service(const struct woad_event *ev)
{
    uint16_t first;
    if (ev->type == WOAD_EV_GATT_WRITE) {
        assert_int_equal(woad_gatt_add(solo.h, database, 1, &first), 0);
        assert_int_equal(woad_gatt_answer(solo.h, ev->conn, 0, NULL, 0), 0);
    }
}

/* A request that arrived unencrypted is served as if the connection were unencrypted.  A service
 * added in its event must not drop queued values. */
static void service_added_while_a_clear_request_is_served(void **state)
{
    static const struct woad_attr written[] = {
        WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC(&other, WOAD_PROP_WRITE, WOAD_PERM_WRITE)
    };
    uint16_t at;
    (void)state;
    serve(false);
    assert_int_equal(woad_gatt_add(solo.h, written, 3, &at), 0);
    SOLO_ATT(0x0a, VALUE, 0);
    SOLO_ATT(0x12, (uint8_t)(at + 2), 0, 7);
    solo_pump();
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(woad_gatt_indicate(solo.h, solo.conn[0], SECRET, "secret", 6), 0);
    solo.on_event = adds_a_service;
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "x", 1), 0);
    solo_pump();
    assert_true(left("secret"));
    solo_end();
}

/* A value changes while a client reads it in parts: after woad_gatt_changed() the application
 * gets the next read event and refuses it.  A change of another attribute has no effect. */
static void value_that_changes_while_it_is_read(void **state)
{
    (void)state;
    for (int changed = 0; changed < 3; changed++) {
        serve(true);
        SOLO_ATT(0x0a, VALUE, 0);
        assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, octets, 100), 0);
        solo_pump();
        if (changed) {
            woad_gatt_changed(solo.h, changed == 1 ? VALUE : VALUE + 1);
        }
        solo_forget();
        SOLO_ATT(0x0c, VALUE, 0, 22, 0);
        assert_int_equal(solo_count(WOAD_EV_GATT_READ), changed == 1);
        if (changed == 1) {
            assert_int_equal(solo_last(WOAD_EV_GATT_READ)->u.gatt_read.offset, 22);
            assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0x80, NULL, 0), 0);
            refused(0x0c, 0x80);
        }
        solo_end();
    }
    solo_boot(solo_config((const struct woad_feature *const[]){ &woad_feature_gatt_client, NULL }));
    woad_gatt_changed(solo.h, VALUE); /* without a server */
    solo_end();
}

/* The whole queue is dropped: WOAD_EV_TX_READY and WOAD_EV_TX_DONE are raised. */
static void removed_from_the_queue_is_room(void **state)
{
    (void)state;
    for (int command = 0; command < 2; command++) {
        serve(true);
        SOLO_ATT(0x02, 247, 0);
        solo_pump();
        solo_forget();
        int err;
        do {
            err = command ? woad_gattc_write_command(solo.h, solo.conn[0], 3, octets, 40)
                          : woad_gatt_notify(solo.h, solo.conn[0], SECRET, octets, 40);
        } while (!err);
        assert_int_equal(err, WOAD_EAGAIN);
        encryption_ends();
        solo_pump();
        assert_int_equal(solo_frames(4, 0x1b) + solo_frames(4, 0x52), 0);
        assert_int_equal(solo_count(WOAD_EV_TX_READY), 1);
        assert_int_equal(solo_count(WOAD_EV_TX_DONE), 1);
        solo_end();
    }
}

static void removes_a_service(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_TX_READY) {
        assert_int_equal(woad_gatt_remove(solo.h, SERVICE), 0);
    }
}

/* WOAD_EV_TX_READY is raised while the first value's packet is written; that event removes the
 * other values.  WOAD_EV_TX_DONE follows when the packet is completed. */
static void queue_is_done_when_its_last_packet_has_left(void **state)
{
    (void)state;
    serve(true);
    SOLO_ATT(0x02, 247, 0);
    solo_pump();
    assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], VALUE, "first", 5), 0);
    while (!woad_gatt_notify(solo.h, solo.conn[0], VALUE, "later", 5)) {
    }
    solo_forget();
    solo.on_event = removes_a_service;
    solo.no_completed = true;
    uint8_t packet[SOLO_FRAME];
    assert_int_equal(woad_tx(solo.h, packet, sizeof packet), 5 + 4 + 3 + 5);
    assert_int_equal(solo_count(WOAD_EV_TX_READY), 1);
    assert_int_equal(solo_count(WOAD_EV_TX_DONE), 0);
    solo_pump();
    assert_int_equal(solo.frames, 0);
    assert_int_equal(solo_count(WOAD_EV_TX_DONE), 0);
    SOLO_RX(4, 0x13, 5, 1, SOLO_HANDLE, 0, 1, 0);
    assert_int_equal(solo_count(WOAD_EV_TX_DONE), 1);
    solo_end();
}

/* Encryption ends while a value leaves in fragments: the rest is not sent, and the next frame
 * starts with a first fragment, so that the peer drops the part.  Vol 3, Part A, 7.2.2 */
static void fragments_do_not_go_on_in_the_clear(void **state)
{
    (void)state;
    for (int completed = 0; completed < 2; completed++) {
        uint8_t packet[SOLO_FRAME];
        solo.acl_len = 27;
        solo.acl_count = 4;
        serve(true);
        mtu_247();
        SOLO_ATT(0x03, 100, 0);
        solo_pump();
        solo_forget();
        memset(octets, 0x5e, sizeof octets);
        assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], SECRET, octets, 60), 0);
        size_t n = woad_tx(solo.h, packet, sizeof packet);
        assert_int_equal(n, 5 + 27);
        if (completed) { /* no packet is left in the controller */
            SOLO_RX(4, 0x13, 5, 1, SOLO_HANDLE, 0, 1, 0);
        }
        encryption_ends();
        if (!completed) {
            SOLO_RX(4, 0x13, 5, 1, SOLO_HANDLE, 0, 1, 0);
        }
        assert_int_equal(woad_tx(solo.h, packet, sizeof packet), 0);
        assert_int_equal(solo_count(WOAD_EV_TX_DONE), 1);
        assert_int_equal(woad_gatt_notify(solo.h, solo.conn[0], VALUE, "open", 4), 0);
        n = woad_tx(solo.h, packet, sizeof packet);
        assert_int_equal(n, 5 + 4 + 3 + 4);
        assert_int_equal(packet[2] >> 4 & 3, 0); /* the first fragment of a frame */
        memset(octets, 0, sizeof octets);
        solo_end();
    }
}

/* A write that arrived unencrypted waits behind another request until the connection is
 * encrypted: it is still served as unencrypted. */
static void request_in_the_clear_stays_in_the_clear(void **state)
{
    (void)state;
    serve(false);
    SOLO_ATT(0x0a, VALUE, 0);
    SOLO_ATT(0x12, WRITTEN, 0, 1);
    solo_pump();
    solo_encrypt(SOLO_HANDLE);
    SOLO_ATT(0x12, WRITTEN, 0, 2); /* this one arrives encrypted */
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "x", 1), 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x0b), 1);
    assert_int_equal(solo_frames(4, 0x01), 1);
    assert_int_equal(solo_count(WOAD_EV_GATT_WRITE), 1);
    struct woad_security now;
    assert_int_equal(woad_conn_security(solo.h, solo.conn[0], &now), 0);
    assert_true(now.encrypted);
    solo_end();
}

/* --- the database ----------------------------------------------------------------------------- */

static const struct woad_attr one_of_secrets[] = {
    WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC(&type, WOAD_PROP_READ, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC(&other, WOAD_PROP_READ, WOAD_PERM_READ | WOAD_PERM_READ_AUTHENTICATED)
};

/* GATT/SR/GAR/BI-29-C: another attribute takes the second handle before it is read: permissions
 * are checked at that moment. */
static void several_are_checked_when_their_turn_comes(void **state)
{
    (void)state;
    serve(true);
    SOLO_ATT(0x0e, VALUE, 0, SECRET, 0);
    solo_pump();
    encryption_ends();
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "x", 1), 0);
    refused(0x0e, WOAD_ATT_INSUFFICIENT_ENCRYPTION);
    solo_end();
    serve(true);
    assert_int_equal(woad_gatt_remove(solo.h, SERVICE), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, database, 3, SERVICE), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, database, 3, 40), 0);
    SOLO_ATT(0x0e, VALUE, 0, 42, 0);
    solo_pump();
    assert_int_equal(woad_gatt_remove(solo.h, 40), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, one_of_secrets, 5, 38), 0);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "x", 1), 0);
    refused(0x0e, WOAD_ATT_INSUFFICIENT_AUTHENTICATION);
    assert_int_equal(solo_count(WOAD_EV_GATT_READ), 0);
    solo_end();
}

static uint8_t late;
static unsigned n_requests;

/* The first read is deferred; the second's event answers both.  The first value's octets look
 * like the handle of an unreadable attribute. */
static void answers_both(const struct woad_event *ev)
{
    if (ev->type != WOAD_EV_GATT_READ) {
        return;
    }
    if (++n_requests == 1) {
        late = ev->u.gatt_read.request;
        return;
    }
    assert_int_equal(ev->u.gatt_read.handle, SERVICE);
    assert_int_equal(woad_gatt_answer(solo.h, ev->conn, 0, "a", 1), 0);
    if (n_requests == 2) {
        uint8_t handles[200];
        for (size_t k = 0; k < sizeof handles; k += 2) {
            handles[k] = SERVICE + 2;
            handles[k + 1] = 0;
        }
        assert_int_equal(woad_gatt_answer_to(solo.h, ev->conn, late, 0, handles, sizeof handles),
                         0);
    }
}

/* A cached value of a read on another bearer does not overwrite the handles of a Read Multiple. */
static void handles_of_several_stay_what_they_were(void **state)
{
    (void)state;
    serve(true);
    assert_int_equal(woad_gatt_remove(solo.h, SERVICE), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, database, ATTRS, SERVICE + 20), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, one_of_secrets, 5, SERVICE - 2), 0);
    solo.on_event = answers_both;
    n_requests = 0;
    SOLO_SIG(0x17, 1, 10, 0, 0x27, 0, 64, 0, 64, 0, 9, 0, 0x50, 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_ATT_BEARERS), 1);
    SOLO_L2CAP(SOLO_HANDLE, 0x40, 3, 0, 0x0a, VALUE + 20, 0);
    solo_pump();
    solo_forget();
    SOLO_ATT(0x0e, SERVICE, 0, SERVICE, 0, SERVICE, 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x0f), 1);
    assert_int_equal(n_requests, 4);
    assert_true(left("\x0f"
                     "aaa"));
    solo_end();
}

static int answer_status;

/* In a read event, removes the attribute and then answers. */
static void removes_and_answers(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_GATT_READ && ev->u.gatt_read.handle == SERVICE) {
        assert_int_equal(woad_gatt_remove(solo.h, SERVICE - 2), 0);
        answer_status = woad_gatt_answer(solo.h, ev->conn, 0, "Y", 1);
    }
}

/* woad_gatt_answer() inside an event answers that event's request.  If the host has answered it
 * already, the value must not go to a request that waits on another bearer. */
static void answer_inside_an_event_is_to_no_other_request(void **state)
{
    (void)state;
    serve(true);
    assert_int_equal(woad_gatt_remove(solo.h, SERVICE), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, database, ATTRS, SERVICE + 20), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, one_of_secrets, 5, SERVICE - 2), 0);
    solo.on_event = removes_and_answers;
    answer_status = 0;
    SOLO_ATT(0x0a, VALUE + 20, 0);
    SOLO_SIG(0x17, 1, 10, 0, 0x27, 0, 64, 0, 64, 0, 9, 0, 0x50, 0);
    solo_pump();
    SOLO_L2CAP(SOLO_HANDLE, 0x40, 3, 0, 0x0a, SERVICE, 0);
    solo_pump();
    assert_int_equal(answer_status, WOAD_EALREADY);
    assert_false(left("\x0bY"));
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "X", 1), 0);
    solo_pump();
    assert_true(left("\x0bX"));
    solo_end();
}

/* Vol 3, Part G, 3.3.3.3: a service is removed and added again: a bonded client's subscription
 * to the removed attribute is not restored. */
static void subscription_goes_with_its_attribute(void **state)
{
    (void)state;
    serve(true);
    SOLO_ATT(0x12, SECRET_TOO + 1, 0, 1, 0);
    solo_pump();
    assert_int_equal(woad_gatt_subscription(solo.h, solo.conn[0], SECRET_TOO), 1);
    assert_int_equal(woad_gatt_remove(solo.h, SERVICE), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, database, ATTRS, SERVICE), 0);
    solo_disconnected(SOLO_HANDLE, 0x13);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_forget();
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(woad_gatt_subscription(solo.h, solo.conn[1], SECRET_TOO), 0);
    assert_int_equal(solo_count(WOAD_EV_SUBSCRIBE), 0);
    solo_end();
}

/* --- requests and confirmations --------------------------------------------------------------- */

/* Vol 3, Part F, 3.3.2: opcode 0 is a request; a second request before the response is dropped. */
static void opcode_0_is_a_request(void **state)
{
    static const struct woad_feature *const plain[] = { &woad_feature_gatt_server, NULL };
    (void)state;
    solo_boot(solo_config(plain));
    assert_int_equal(woad_gatt_add_at(solo.h, database, ATTRS, SERVICE), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_forget();
    SOLO_ATT(0x00);
    SOLO_ATT(0x0a, VALUE, 0);
    refused(0x00, WOAD_ATT_REQUEST_NOT_SUPPORTED);
    assert_int_equal(solo_count(WOAD_EV_GATT_READ), 0); /* sent before the response */
    SOLO_ATT(0x0a, VALUE, 0);
    SOLO_ATT(0x00);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "x", 1), 0);
    solo_pump();
    assert_int_equal(solo.frames, 1);
    assert_int_equal(solo.frame[0].octet[0], 0x0b);
    solo_end();
}

/* GATT/SR/UNS/BI-01-C: every opcode in every state: each request gets one response, and a
 * request that waits gets its own. */
static void every_opcode_in_every_state(void **state)
{
    (void)state;
    for (unsigned op = 0; op < 256; op++) {
        for (int when = 0; when < 4; when++) {
            bool request = solo_is_request(op);
            serve(when & 1);
            if (when > 1) {
                SOLO_ATT(0x0a, VALUE, 0);
                solo_pump();
            }
            SOLO_ATT((uint8_t)op, VALUE, 0, 1, 2, 3, 4);
            while (!woad_gatt_answer(solo.h, solo.conn[0], 0, "x", 1)) {
                solo_pump();
            }
            solo_pump();
            assert_int_equal(solo_frames(4, 0x0b), when > 1);
            size_t answers = 0;
            for (size_t at = 0; at < solo.frames; at++) {
                answers += solo.frame[at].cid == 4 && solo.frame[at].octet[0] != 0x1e;
            }
            assert_int_equal(answers, (size_t)request + (when > 1));
            solo_forget();
            SOLO_ATT(0x0a, VALUE, 0);
            assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "y", 1), 0);
            solo_pump();
            assert_int_equal(solo_frames(4, 0x0b), 1);
            solo_end();
        }
    }
}

/* Handle 8 is the host's own Service Changed only if there is a server; otherwise an indication
 * of handle 8 is like others. */
static void indication_of_handle_8_is_the_hosts_own(void **state)
{
    static const struct woad_feature *const alone[] = { &woad_feature_gatt_client,
                                                        &woad_feature_security_peripheral, NULL };
    (void)state;
    serve(true);
    assert_int_equal(woad_gatt_indicate(solo.h, solo.conn[0], 8, "x", 1), WOAD_EINVAL);
    solo_end();
    solo_boot(solo_config(alone));
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_gatt_indicate(solo.h, solo.conn[0], 8, "x", 1), 0);
    assert_int_equal(woad_gatt_indicate(solo.h, solo.conn[0], 8, "y", 1), 0);
    solo_pump();
    SOLO_ATT(0x1e);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_INDICATED), 1);
    solo_disconnected(SOLO_HANDLE, 0x13);
    assert_int_equal(solo_count(WOAD_EV_INDICATED), 2);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_that_grows_does_not_pass_a_smaller_mtu),
        cmocka_unit_test(answer_that_waits_does_not_pass_a_smaller_mtu),
        cmocka_unit_test(nothing_of_the_new_mtu_before_the_response),
        cmocka_unit_test(what_may_not_be_cut_is_dropped_when_the_mtu_is_smaller),
        cmocka_unit_test(value_answered_too_late_does_not_leave),
        cmocka_unit_test(constant_value_does_not_leave_in_the_clear),
        cmocka_unit_test(queued_values_do_not_leave_in_the_clear),
        cmocka_unit_test(queued_values_of_a_removed_attribute),
        cmocka_unit_test(value_that_changes_while_it_is_read),
        cmocka_unit_test(queued_values_when_the_database_changes),
        cmocka_unit_test(question_about_a_removed_attribute),
        cmocka_unit_test(service_added_while_a_clear_request_is_served),
        cmocka_unit_test(removed_from_the_queue_is_room),
        cmocka_unit_test(queue_is_done_when_its_last_packet_has_left),
        cmocka_unit_test(fragments_do_not_go_on_in_the_clear),
        cmocka_unit_test(request_in_the_clear_stays_in_the_clear),
        cmocka_unit_test(several_are_checked_when_their_turn_comes),
        cmocka_unit_test(handles_of_several_stay_what_they_were),
        cmocka_unit_test(answer_inside_an_event_is_to_no_other_request),
        cmocka_unit_test(subscription_goes_with_its_attribute),
        cmocka_unit_test(opcode_0_is_a_request),
        cmocka_unit_test(every_opcode_in_every_state),
        cmocka_unit_test(indication_of_handle_8_is_the_hosts_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
