/* What waits in the server, against what changes meanwhile: the MTU, the security, the database,
 * and what the application does in an event.  Permissions are looked at when an octet leaves. */
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

/* A bonded central. */
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

/* The peer's exchange, and ours, which it answers later. */
static void mtu_247(void)
{
    assert_int_equal(woad_gattc_exchange_mtu(solo.h, solo.conn[0]), 0);
    solo_pump();
    SOLO_ATT(0x02, 247, 0);
    solo_pump();
    solo_forget();
}

/* The one answer of the host: an error for this request. */
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

/* Whether the octets left in any frame. */
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

/* Vol 3, Part F, 3.4.4.11: the answer grows while our own exchange makes the MTU smaller. */
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

/* Vol 3, Part F, 3.4.2.2: the new MTU holds for what is sent after the response. */
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

/* Only the value of a notification or an indication may be cut. */
static void what_may_not_be_cut_is_dropped_when_the_mtu_is_smaller(void **state)
{
    const struct woad_gatt_value two[] = { { VALUE, 20, octets }, { SECRET, 20, octets } };
    (void)state;
    serve(true);
    mtu_247();
    SOLO_ATT(0x12, 11, 0, 4); /* it takes several values in one notification */
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

/* GATT/SR/GAR/BI-05-C: the application answers when the encryption has ended. */
static void value_answered_too_late_does_not_leave(void **state)
{
    (void)state;
    static const uint8_t asks[][7] = { { 0x0a, SECRET, 0 },
                                       { 0x0c, SECRET, 0, 0, 0 },
                                       { 0x08, SECRET, 0, SECRET, 0, 0x37, 0x2a },
                                       { 0x0e, SECRET, 0, VALUE, 0 },
                                       { 0x20, VALUE, 0, SECRET, 0 } };
    static const size_t len[] = { 3, 5, 7, 5, 5 };
    for (size_t k = 0; k < sizeof len / sizeof *len; k++) {
        for (int answered_before = 0; answered_before < 2; answered_before++) {
            serve(true);
            solo_l2cap(SOLO_HANDLE, 4, asks[k], len[k]);
            if (answered_before) {
                while (!woad_gatt_answer(solo.h, solo.conn[0], 0, "secret", 6)) {
                }
            }
            encryption_ends();
            if (!answered_before) {
                while (!woad_gatt_answer(solo.h, solo.conn[0], 0, "secret", 6)) {
                }
            }
            refused(asks[k][0], WOAD_ATT_INSUFFICIENT_ENCRYPTION);
            solo_end();
        }
    }
}

/* The same of values that the host knows: read, found, and compared. */
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
    SOLO_ATT(0x0a, CONSTANT, 0); /* what takes none is answered all the same */
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

/* The attribute is removed, another stands at its handle, and then encryption ends: what is queued
 * was of the one that was there. */
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

/* The same without a security manager; and what is queued of other handles stays, and nobody is
 * told of room that there is not. */
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

/* The application is asked for a value, or about one that is written, and has not answered when it
 * replaces the service: the answer would be another attribute's. */
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

/* A request that came in the clear is served as if the connection were so; a service added in its
 * event takes nothing out of the queue. */
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

/* A value changes while a client reads it in parts: the application says so, is asked for the next
 * part, and refuses it.  Another's parts stay. */
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
    woad_gatt_changed(solo.h, VALUE); /* there is no server */
    solo_end();
}

/* All that was in the queue is removed: who waits for room, and for its end, is told. */
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

/* The first value makes room as it is written into its packet; in that event what is queued behind
 * it is withdrawn.  WOAD_EV_TX_DONE is still to come when the packet has left. */
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

/* A value goes out in fragments when the encryption ends: nothing more of it leaves, and what comes
 * next begins anew, so that the peer drops what it has.  Vol 3, Part A, 7.2.2 */
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
        if (completed) { /* nothing is left in the controller */
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
        assert_int_equal(packet[2] >> 4 & 3, 0); /* the first of a frame */
        memset(octets, 0, sizeof octets);
        solo_end();
    }
}

/* A write that came in the clear, and has waited behind another request until the connection was
 * encrypted, is one in the clear. */
static void request_in_the_clear_stays_in_the_clear(void **state)
{
    (void)state;
    serve(false);
    SOLO_ATT(0x0a, VALUE, 0);
    SOLO_ATT(0x12, WRITTEN, 0, 1);
    solo_pump();
    solo_encrypt(SOLO_HANDLE);
    SOLO_ATT(0x12, WRITTEN, 0, 2); /* and this one is not */
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

/* GATT/SR/GAR/BI-29-C: the second handle is another attribute's when its turn comes. */
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
static unsigned asked;

/* The first question is put off; in the second's event both are answered, the first with octets
 * that would be the handle of what may not be read. */
static void answers_both(const struct woad_event *ev)
{
    if (ev->type != WOAD_EV_GATT_READ) {
        return;
    }
    if (++asked == 1) {
        late = ev->u.gatt_read.request;
        return;
    }
    assert_int_equal(ev->u.gatt_read.handle, SERVICE);
    assert_int_equal(woad_gatt_answer(solo.h, ev->conn, 0, "a", 1), 0);
    if (asked == 2) {
        uint8_t handles[200];
        for (size_t k = 0; k < sizeof handles; k += 2) {
            handles[k] = SERVICE + 2;
            handles[k + 1] = 0;
        }
        assert_int_equal(woad_gatt_answer_to(solo.h, ev->conn, late, 0, handles, sizeof handles),
                         0);
    }
}

/* A value that another bearer's read keeps does not lie where the handles of a Read Multiple do. */
static void handles_of_several_stay_what_they_were(void **state)
{
    (void)state;
    serve(true);
    assert_int_equal(woad_gatt_remove(solo.h, SERVICE), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, database, ATTRS, SERVICE + 20), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, one_of_secrets, 5, SERVICE - 2), 0);
    solo.on_event = answers_both;
    asked = 0;
    SOLO_SIG(0x17, 1, 10, 0, 0x27, 0, 64, 0, 64, 0, 9, 0, 0x50, 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_ATT_BEARERS), 1);
    SOLO_L2CAP(SOLO_HANDLE, 0x40, 3, 0, 0x0a, VALUE + 20, 0);
    solo_pump();
    solo_forget();
    SOLO_ATT(0x0e, SERVICE, 0, SERVICE, 0, SERVICE, 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x0f), 1);
    assert_int_equal(asked, 4);
    assert_true(left("\x0f"
                     "aaa"));
    solo_end();
}

static int answer_status;

/* Inside the event of a read, its attribute is removed, and the read is answered. */
static void removes_and_answers(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_GATT_READ && ev->u.gatt_read.handle == SERVICE) {
        assert_int_equal(woad_gatt_remove(solo.h, SERVICE - 2), 0);
        answer_status = woad_gatt_answer(solo.h, ev->conn, 0, "Y", 1);
    }
}

/* woad_gatt_answer() inside an event is to that event's request: where the host has answered it
 * already, the value is not given to a request that waits on another bearer. */
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

/* Vol 3, Part G, 3.3.3.3: what a bonded client has not asked for is not there when it is back. */
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

/* Vol 3, Part F, 3.3.2: opcode 0 is a request; the next one does not get its place. */
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
    assert_int_equal(solo_count(WOAD_EV_GATT_READ), 0); /* it was too early */
    SOLO_ATT(0x0a, VALUE, 0);
    SOLO_ATT(0x00);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "x", 1), 0);
    solo_pump();
    assert_int_equal(solo.frames, 1);
    assert_int_equal(solo.frame[0].octet[0], 0x0b);
    solo_end();
}

/* GATT/SR/UNS/BI-01-C: every opcode in every state: one answer each to what is a request, and the
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

/* The host's own Service Changed is at handle 8 where there is a server; elsewhere 8 is like
 * others. */
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
