/* struct woad_value: values in the table, read and written by the host. */
#include "solo.h"

enum { ERROR_RSP = 1, READ_RSP = 0x0b, WRITE_RSP = 0x13, NOTIFY = 0x1b };
enum { ENHANCED_REQ = 0x17, OUR_CID = 0x40, PEER_CID = 0x50 };
enum { RW = WOAD_PERM_READ | WOAD_PERM_WRITE };

static const struct woad_feature *const features[] = {
    &woad_feature_gatt_server,       &woad_feature_gatt_client,
    &woad_feature_long_values,       &woad_feature_read_multiple,
    &woad_feature_signed_writes,     &woad_feature_l2cap_channels,
    &woad_feature_enhanced_channels, &woad_feature_eatt,
    &woad_feature_security_manager,  NULL
};
static const struct woad_uuid service = WOAD_UUID16(0x180f), u_level = WOAD_UUID16(0x2a19),
                              u_text = WOAD_UUID16(0x2a00), u_made = WOAD_UUID16(0x2a6e),
                              u_desc = WOAD_UUID16(0x2901);

static uint8_t percent, text[100], secret[4], made[4];
static struct woad_value level, label, fixed, sensor, events, locked, desc;
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_VALUE_CCCD(&u_level, WOAD_PROP_READ | WOAD_PROP_NOTIFY, RW, &level),
    WOAD_CHARACTERISTIC_VALUE(&u_text, WOAD_PROP_READ | WOAD_PROP_WRITE, RW, &label),
    WOAD_DESCRIPTOR_VALUE(&u_desc, WOAD_PERM_READ, &desc),
    WOAD_CHARACTERISTIC_VALUE(&u_text, WOAD_PROP_READ, RW, &fixed),
    WOAD_CHARACTERISTIC_VALUE(&u_made, WOAD_PROP_READ | WOAD_PROP_WRITE, RW, &sensor),
    WOAD_CHARACTERISTIC_VALUE(&u_made, WOAD_PROP_READ, RW, &events),
    WOAD_CHARACTERISTIC_VALUE(&u_level, WOAD_PROP_READ | WOAD_PROP_WRITE,
                              RW | WOAD_PERM_READ_ENCRYPTED | WOAD_PERM_WRITE_AUTHORIZED, &locked),
};
enum { ATTRIBUTES = sizeof db / sizeof *db };
static uint16_t first;
static bool allowed;

static unsigned reads, writes;
static uint8_t error; /* of the functions */
static bool removes;  /* they remove the service */

static uint8_t sensor_read(struct woad *h, uint16_t conn, struct woad_value *v)
{
    assert_ptr_equal(v, &sensor);
    assert_int_equal(conn, solo.conn[0]);
    made[0] = (uint8_t)++reads;
    v->len = 2;
    if (removes) {
        assert_int_equal(woad_gatt_remove(h, first), 0);
    }
    return error;
}

static uint8_t sensor_write(struct woad *h, uint16_t conn, struct woad_value *v, uint16_t offset,
                            const uint8_t *data, uint16_t len)
{
    writes++;
    assert_int_equal(conn, solo.conn[0]);
    assert_true(len == 0 || data[0] == 'w');
    assert_true((size_t)offset + len <= v->max);
    if (removes) {
        assert_int_equal(woad_gatt_remove(h, first), 0);
    }
    return error;
}

static void on_event(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_AUTHORIZE) {
        *ev->u.authorize.allowed = allowed;
    }
}

static void begin(void)
{
    struct woad_config config = solo_config(features);
    config.att_bearers = 1;
    percent = 100;
    for (size_t n = 0; n < sizeof text; n++) {
        text[n] = (uint8_t)n;
    }
    memcpy(secret, "SECR", 4);
    memset(made, 0, sizeof made);
    level = (struct woad_value)WOAD_VALUE_FIXED(&percent, 1);
    label = (struct woad_value)WOAD_VALUE_RAM(text, 60, sizeof text);
    desc = (struct woad_value)WOAD_VALUE_CONST("label", 5);
    fixed = (struct woad_value)WOAD_VALUE_CONST("flash", 5);
    sensor = (struct woad_value)WOAD_VALUE_FUNCTIONS(made, 2, 3, sensor_read, sensor_write);
    events = (struct woad_value)WOAD_VALUE_EVENTS;
    locked = (struct woad_value)WOAD_VALUE_RAM(secret, 4, 4);
    reads = writes = error = 0;
    removes = false;
    allowed = true;
    solo.on_event = on_event;
    solo_boot(config);
    assert_int_equal(woad_gatt_add(solo.h, db, ATTRIBUTES, &first), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_forget();
}

/* The last frame of the host is exactly this. */
#define ASSERT_RSP(...) \
    do { \
        const uint8_t want_[] = { __VA_ARGS__ }; \
        assert_true(solo.frames); \
        assert_int_equal(solo.frame[solo.frames - 1].len, sizeof want_); \
        assert_memory_equal(solo.frame[solo.frames - 1].octet, want_, sizeof want_); \
    } while (0)
/* The client sends a PDU, and the host answers it at once, without an event to be answered. */
#define ATT(...) \
    do { \
        solo_forget(); \
        SOLO_ATT(__VA_ARGS__); \
        solo_pump(); \
        assert_int_equal(solo_count(WOAD_EV_GATT_READ), 0); \
    } while (0)
#define LOW(v) (uint8_t)((v).handle)

/* Each value knows its handle. */
static void handles(void **state)
{
    (void)state;
    begin();
    assert_int_equal(level.handle, first + 2);
    assert_int_equal(label.handle, first + 5);
    assert_int_equal(desc.handle, first + 6);
    assert_int_equal(locked.handle, first + ATTRIBUTES - 1);
    assert_int_equal(woad_gatt_remove(solo.h, first), 0);
    assert_int_equal(woad_gatt_add_at(solo.h, db, ATTRIBUTES, 0x200), 0);
    assert_int_equal(level.handle, 0x202);
    /* A call that fails for want of handles or of room leaves them. */
    assert_int_equal(woad_gatt_add_at(solo.h, db, ATTRIBUTES, 0x1f8), WOAD_EINVAL);
    static const struct woad_attr small[] = { WOAD_PRIMARY(&service) };
    for (uint16_t at = 0x300; woad_gatt_add_at(solo.h, small, 1, at) == 0;) {
        at++;
    }
    assert_int_equal(woad_gatt_add(solo.h, db, ATTRIBUTES, NULL), WOAD_ENOMEM);
    assert_int_equal(level.handle, 0x202);
    solo_end();
}

/* An array that is refused, with a value of one that is there, gives it another handle.  It is
 * served by the handle that it has in the database. */
static void served_after_a_refused_array(void **state)
{
    static const struct woad_attr wrong[] = {
        WOAD_PRIMARY(&service),
        WOAD_CHARACTERISTIC_VALUE(&u_made, WOAD_PROP_READ, RW, &sensor),
        WOAD_CHARACTERISTIC_VALUE(&u_text, WOAD_PROP_READ, RW, &label),
        WOAD_PRIMARY(NULL),
    };
    (void)state;
    begin();
    uint8_t at = LOW(sensor), text_at = LOW(label);
    assert_int_equal(woad_gatt_add(solo.h, wrong, 6, NULL), WOAD_EINVAL);
    ATT(0x0a, at, 0);
    ASSERT_RSP(READ_RSP, 1, 0);
    ATT(0x12, at, 0, 'w');
    ASSERT_RSP(WRITE_RSP);
    ATT(0x12, text_at, 0, 'w');
    ASSERT_RSP(WRITE_RSP);
    assert_int_equal(solo_last(WOAD_EV_GATT_WRITE)->u.gatt_write.handle, text_at);
    solo_end();
}

/* A row whose value is not initialised, missing, or of another kind of attribute is refused. */
static void rows_that_are_wrong(void **state)
{
    (void)state;
    static struct woad_value zero;
    static const struct woad_attr not_initialised[] = {
        WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC_VALUE(&u_level, WOAD_PROP_READ, RW, &zero)
    };
    static const struct woad_attr missing[] = {
        WOAD_PRIMARY(&service),
        { &u_level, NULL, 0, WOAD_ATTR_CHARACTERISTIC, WOAD_PROP_READ, WOAD_PERM_READ },
        { &u_level, NULL, sizeof(struct woad_value), WOAD_ATTR_VALUE, 0, RW | WOAD_PERM_VALUE }
    };
    static const struct woad_attr empty[] = {
        WOAD_PRIMARY(&service),
        { &u_level, NULL, 0, WOAD_ATTR_CHARACTERISTIC, WOAD_PROP_READ, WOAD_PERM_READ },
        { &u_level, NULL, 0, WOAD_ATTR_VALUE, 0, RW | WOAD_PERM_VALUE }
    };
    static const struct woad_attr no_value[] = { { &service, &level, 0, WOAD_ATTR_PRIMARY, 0,
                                                   WOAD_PERM_READ | WOAD_PERM_VALUE } };
    begin();
    assert_int_equal(woad_gatt_add(solo.h, not_initialised, 3, NULL), WOAD_EINVAL);
    assert_int_equal(woad_gatt_add(solo.h, missing, 3, NULL), WOAD_EINVAL);
    assert_int_equal(woad_gatt_add(solo.h, empty, 3, NULL), WOAD_EINVAL);
    assert_int_equal(woad_gatt_add(solo.h, no_value, 1, NULL), WOAD_EINVAL);
    solo_end();
}

/* GATT/SR/GAR/BV-01-C, BV-03-C, BV-04-C, BV-05-C, BV-06-C: each kind of read gets the octets of the
 * moment, GATT/SR/GAR/BI-01-C an offset behind them an error. */
static void reads_of_each_kind(void **state)
{
    (void)state;
    begin();
    percent = 42;
    ATT(0x0a, LOW(level), 0);
    ASSERT_RSP(READ_RSP, 42);
    ATT(0x0a, LOW(desc), 0);
    ASSERT_RSP(READ_RSP, 'l', 'a', 'b', 'e', 'l');
    ATT(0x0a, LOW(label), 0);
    assert_int_equal(solo.frame[0].len, 23);
    assert_memory_equal(solo.frame[0].octet + 1, text, 22);
    ATT(0x0c, LOW(label), 0, 44, 0);
    assert_int_equal(solo.frame[0].len, 1 + 16);
    assert_memory_equal(solo.frame[0].octet + 1, text + 44, 16);
    ATT(0x0c, LOW(label), 0, 60, 0);
    ASSERT_RSP(0x0d);
    ATT(0x0c, LOW(label), 0, 61, 0);
    ASSERT_RSP(ERROR_RSP, 0x0c, LOW(label), 0, WOAD_ATT_INVALID_OFFSET);
    label.len = 3;
    woad_gatt_changed(solo.h, label.handle);
    ATT(0x0c, LOW(label), 0, 22, 0);
    ASSERT_RSP(ERROR_RSP, 0x0c, LOW(label), 0, WOAD_ATT_INVALID_OFFSET);
    ATT(0x08, LOW(level), 0, LOW(level), 0, 0x19, 0x2a);
    ASSERT_RSP(0x09, 3, LOW(level), 0, 42);
    ATT(0x06, LOW(level), 0, 0xff, 0xff, 0x19, 0x2a, 42);
    ASSERT_RSP(0x07, LOW(level), 0, LOW(level), 0);
    ATT(0x0e, LOW(level), 0, LOW(label), 0, LOW(sensor), 0);
    ASSERT_RSP(0x0f, 42, 0, 1, 2, 1, 0);
    ATT(0x20, LOW(level), 0, LOW(sensor), 0, LOW(fixed), 0);
    ASSERT_RSP(0x21, 1, 0, 42, 2, 0, 2, 0, 5, 0, 'f', 'l', 'a', 's', 'h');
    solo_end();
}

/* GATT/SR/GAW/BV-01-C, BV-03-C: a write sets octets and length, and informs the application;
 * GATT/SR/GAW/BI-32-C: one of a length that the value can't have is refused. */
static void writes_of_each_kind(void **state)
{
    (void)state;
    begin();
    ATT(0x12, LOW(label), 0, 'a', 'b', 'c');
    ASSERT_RSP(WRITE_RSP);
    assert_int_equal(label.len, 3);
    assert_memory_equal(text, "abc", 3);
    const struct woad_event *ev = solo_last(WOAD_EV_GATT_WRITE);
    assert_int_equal(ev->u.gatt_write.handle, label.handle);
    assert_int_equal(ev->u.gatt_write.len, 3);
    assert_false(ev->u.gatt_write.need_answer);
    ATT(0x52, LOW(label), 0, 'd');
    assert_int_equal(solo.frames, 0);
    assert_int_equal(solo_count(WOAD_EV_GATT_WRITE), 1);
    assert_int_equal(label.len, 1);
    ATT(0x12, LOW(label), 0);
    ASSERT_RSP(WRITE_RSP);
    assert_int_equal(label.len, 0);
    ATT(0x12, LOW(level), 0, 1, 2);
    ASSERT_RSP(ERROR_RSP, 0x12, LOW(level), 0, WOAD_ATT_INVALID_VALUE_LENGTH);
    ATT(0x12, LOW(level), 0);
    ASSERT_RSP(ERROR_RSP, 0x12, LOW(level), 0, WOAD_ATT_INVALID_VALUE_LENGTH);
    ATT(0x52, LOW(level), 0, 1, 2);
    assert_int_equal(solo_count(WOAD_EV_GATT_WRITE), 0);
    assert_int_equal(percent, 100);
    ATT(0x12, LOW(level), 0, 7);
    ASSERT_RSP(WRITE_RSP);
    assert_int_equal(percent, 7);
    ATT(0x12, LOW(fixed), 0, 'x');
    ASSERT_RSP(ERROR_RSP, 0x12, LOW(fixed), 0, WOAD_ATT_WRITE_NOT_PERMITTED);
    ATT(0x12, LOW(fixed), 0);
    ASSERT_RSP(ERROR_RSP, 0x12, LOW(fixed), 0, WOAD_ATT_WRITE_NOT_PERMITTED);
    ATT(0x12, LOW(desc), 0, 'x');
    ASSERT_RSP(ERROR_RSP, 0x12, LOW(desc), 0, WOAD_ATT_WRITE_NOT_PERMITTED);
    solo_end();
}

/* GATT/SR/GAW/BV-05-C, BV-10-C: prepared writes; BI-09-C, BI-23-C: all are checked before the first
 * is written. */
static void prepared_writes(void **state)
{
    (void)state;
    begin();
    ATT(0x16, LOW(label), 0, 0, 0, 'a', 'b');
    ATT(0x16, LOW(label), 0, 2, 0, 'c');
    ATT(0x18, 1);
    ASSERT_RSP(0x19);
    assert_int_equal(label.len, 3);
    assert_memory_equal(text, "abc", 3);
    assert_int_equal(solo_count(WOAD_EV_GATT_WRITE), 1);
    ATT(0x16, LOW(label), 0, 2, 0, 'x', 'y'); /* from the middle on */
    ATT(0x18, 1);
    ASSERT_RSP(0x19);
    assert_memory_equal(text, "abxy", 4);
    assert_int_equal(label.len, 4);
    ATT(0x16, LOW(label), 0, 5, 0, 'z'); /* behind the end */
    ATT(0x18, 1);
    ASSERT_RSP(ERROR_RSP, 0x18, LOW(label), 0, WOAD_ATT_INVALID_OFFSET);
    assert_int_equal(label.len, 4);
    ATT(0x16, LOW(label), 0, 0, 0, 'n');
    ATT(0x16, LOW(level), 0, 0, 0, 1, 2); /* too long: the one before is not written either */
    ATT(0x18, 1);
    ASSERT_RSP(ERROR_RSP, 0x18, LOW(level), 0, WOAD_ATT_INVALID_VALUE_LENGTH);
    assert_memory_equal(text, "abxy", 4);
    assert_int_equal(percent, 100);
    ATT(0x16, LOW(level), 0, 2, 0);
    ATT(0x18, 1);
    ASSERT_RSP(ERROR_RSP, 0x18, LOW(level), 0, WOAD_ATT_INVALID_OFFSET);
    ATT(0x16, LOW(sensor), 0, 0, 0, 'w');
    ATT(0x16, LOW(level), 0, 0, 0, 9);
    ATT(0x18, 1);
    ASSERT_RSP(0x19);
    assert_int_equal(writes, 1);
    assert_int_equal(percent, 9);
    ATT(0x16, LOW(events), 0, 0, 0, 5); /* the application answers */
    ATT(0x18, 1);
    assert_int_equal(solo.frames, 0);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, NULL, 0), 0);
    solo_pump();
    ASSERT_RSP(0x19);
    solo_end();
}

/* The functions see each access, change the value, or refuse it with an error of theirs. */
static void functions(void **state)
{
    (void)state;
    begin();
    ATT(0x0a, LOW(sensor), 0);
    ASSERT_RSP(READ_RSP, 1, 0);
    ATT(0x12, LOW(sensor), 0, 'w', 8, 9);
    ASSERT_RSP(WRITE_RSP);
    assert_int_equal(solo_count(WOAD_EV_GATT_WRITE), 0);
    assert_memory_equal(made, "w\x08\x09", 3);
    assert_int_equal(sensor.len, 3);
    ATT(0x12, LOW(sensor), 0, 'w', 8, 9, 10);
    ASSERT_RSP(ERROR_RSP, 0x12, LOW(sensor), 0, WOAD_ATT_INVALID_VALUE_LENGTH);
    assert_int_equal(writes, 1);
    error = 0x80;
    ATT(0x0a, LOW(sensor), 0);
    ASSERT_RSP(ERROR_RSP, 0x0a, LOW(sensor), 0, 0x80);
    ATT(0x0e, LOW(level), 0, LOW(sensor), 0);
    ASSERT_RSP(ERROR_RSP, 0x0e, LOW(sensor), 0, 0x80);
    ATT(0x08, 1, 0, 0xff, 0xff, 0x6e, 0x2a);
    ASSERT_RSP(ERROR_RSP, 0x08, LOW(sensor), 0, 0x80);
    made[0] = 'o';
    ATT(0x12, LOW(sensor), 0, 'w');
    ASSERT_RSP(ERROR_RSP, 0x12, LOW(sensor), 0, 0x80);
    assert_int_equal(made[0], 'o');
    ATT(0x52, LOW(sensor), 0, 'w');
    assert_int_equal(made[0], 'o');
    error = 0;
    sensor.data = NULL; /* only the function has the value */
    ATT(0x12, LOW(sensor), 0, 'w');
    ASSERT_RSP(WRITE_RSP);
    assert_int_equal(made[0], 'o');
    solo_end();
}

/* A function that removes the attribute: Invalid Handle, and the value is not touched. */
static void a_function_removes_it(void **state)
{
    static const uint8_t pdus[][8] = { { 3, 0x0a, 0 },
                                       { 4, 0x12, 0, 0, 'w' },
                                       { 7, 0x06, 1, 0, 0xff, 0xff, 0x6e, 0x2a } };
    (void)state;
    for (size_t n = 0; n < sizeof pdus / sizeof *pdus; n++) {
        uint8_t pdu[8];
        begin();
        removes = true;
        memcpy(pdu, pdus[n], sizeof pdu);
        if (pdu[0] < 7) {
            pdu[2] = LOW(sensor);
        }
        solo_l2cap(SOLO_HANDLE, 4, pdu + 1, pdu[0]);
        solo_pump();
        assert_int_equal(solo_frames(4, ERROR_RSP), 1);
        assert_int_not_equal(made[0], 'w');
        solo_end();
    }
}

static void remove_at_connect(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_CONNECT) {
        assert_int_equal(woad_gatt_remove(solo.h, first), 0);
    }
}

/* A function is called as an event is raised: behind the WOAD_EV_CONNECT that was held back.  Not
 * at all if the attribute is removed in that. */
static void removed_when_connected(void **state)
{
    static const struct woad_feature *const central[] = {
        &woad_feature_gatt_server, &woad_feature_scanner,      &woad_feature_accept_list,
        &woad_feature_central,     &woad_feature_reconnection, NULL
    };
    static const struct woad_connect_params params = { 16, 16, 24, 24, 0, 100, 0 };
    static const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        begin();
        solo_boot(solo_config(central));
        assert_int_equal(woad_gatt_add(solo.h, db, ATTRIBUTES, &first), 0);
        assert_int_equal(woad_connect(solo.h, &peer, &params), 0);
        solo_pump();
        solo_connected(SOLO_HANDLE, true, 9);
        assert_int_equal(solo_count(WOAD_EV_CONNECT), 0);
        solo.on_event = remove_at_connect;
        if (n) {
            SOLO_ATT(0x12, LOW(sensor), 0, 'w');
        } else {
            SOLO_ATT(0x0a, LOW(sensor), 0);
        }
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_CONNECT), 1);
        assert_int_equal(reads + writes, 0);
        assert_int_equal(solo_frames(4, ERROR_RSP), 1);
        solo_end();
    }
}

static uint8_t cuts(struct woad *h, uint16_t conn, struct woad_value *v, uint16_t offset,
                    const uint8_t *data, uint16_t len)
{
    (void)data;
    (void)offset;
    (void)len;
    v->len = 1;
    return sensor_write(h, conn, v, 0, NULL, 0);
}

/* A write function may make the value shorter: what lay behind its end does not come back. */
static void a_function_makes_it_shorter(void **state)
{
    (void)state;
    begin();
    memcpy(made, "ab", 2);
    sensor = (struct woad_value)WOAD_VALUE_FUNCTIONS(made, 2, 4, NULL, cuts);
    assert_int_equal(woad_gatt_remove(solo.h, first), 0);
    assert_int_equal(woad_gatt_add(solo.h, db, ATTRIBUTES, &first), 0);
    ATT(0x16, LOW(sensor), 0, 2, 0, 'c');
    ATT(0x18, 1);
    assert_int_equal(writes, 1);
    assert_int_equal(sensor.len, 1);
    ATT(0x0a, LOW(sensor), 0);
    ASSERT_RSP(READ_RSP, 'a');
    solo_end();
}

/* The application answers reads of a long value, and a function takes the writes: after a write the
 * client gets no part of the value before. */
static void a_function_is_written_between_parts(void **state)
{
    (void)state;
    begin();
    events = (struct woad_value)WOAD_VALUE_FUNCTIONS(NULL, 0, 100, NULL, sensor_write);
    assert_int_equal(woad_gatt_remove(solo.h, first), 0);
    assert_int_equal(woad_gatt_add(solo.h, db, ATTRIBUTES, &first), 0);
    SOLO_ATT(0x0a, LOW(events), 0);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, text, 60), 0);
    solo_pump();
    ATT(0x0c, LOW(events), 0, 22, 0);
    assert_int_equal(solo.frame[0].len, 23);
    ATT(0x12, LOW(events), 0, 'w');
    ASSERT_RSP(WRITE_RSP);
    assert_int_equal(writes, 1);
    SOLO_ATT(0x0c, LOW(events), 0, 44, 0);
    assert_int_equal(solo_count(WOAD_EV_GATT_READ), 1);
    assert_int_equal(solo_last(WOAD_EV_GATT_READ)->u.gatt_read.offset, 44);
    solo_end();
}

/* WOAD_VALUE_EVENTS: the application answers, and has the handle. */
static void events_only(void **state)
{
    (void)state;
    begin();
    SOLO_ATT(0x0a, LOW(events), 0);
    solo_pump();
    assert_int_equal(solo_last(WOAD_EV_GATT_READ)->u.gatt_read.handle, events.handle);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, "x", 1), 0);
    solo_pump();
    ASSERT_RSP(READ_RSP, 'x');
    SOLO_ATT(0x12, LOW(events), 0, 1);
    solo_pump();
    assert_true(solo_last(WOAD_EV_GATT_WRITE)->u.gatt_write.need_answer);
    assert_int_equal(woad_gatt_answer(solo.h, solo.conn[0], 0, NULL, 0), 0);
    solo_pump();
    ASSERT_RSP(WRITE_RSP);
    solo_end();
}

/* GAP/SEC/SEM: permissions precede the value, WOAD_EV_AUTHORIZE too; a response that has waited
 * while the encryption ended carries no octet of it. */
static void permissions_come_first(void **state)
{
    (void)state;
    begin();
    ATT(0x0a, LOW(locked), 0);
    assert_int_equal(solo_frames(4, ERROR_RSP), 1);
    allowed = false;
    ATT(0x12, LOW(locked), 0, 'x');
    ASSERT_RSP(ERROR_RSP, 0x12, LOW(locked), 0, WOAD_ATT_INSUFFICIENT_AUTHORIZATION);
    assert_int_equal(secret[0], 'S');
    allowed = true;
    solo_encrypt(SOLO_HANDLE);
    ATT(0x12, LOW(locked), 0, 'T');
    ASSERT_RSP(WRITE_RSP);
    assert_int_equal(secret[0], 'T');
    ATT(0x0a, LOW(locked), 0);
    ASSERT_RSP(READ_RSP, 'T');
    solo_forget();
    SOLO_ATT(0x0a, LOW(locked), 0);
    SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 0); /* Encryption Change: off */
    solo_pump();
    assert_int_equal(solo_frames(4, READ_RSP), 0);
    assert_int_equal(solo_frames(4, ERROR_RSP), 1);
    solo_end();
}

/* GATT/SR/GAN/BV-01-C: woad_gatt_notify_value() sends the present octets to the subscribers. */
static void notified(void **state)
{
    (void)state;
    begin();
    assert_int_equal(woad_gatt_notify_value(solo.h, &level), 0);
    ATT(0x12, (uint8_t)(level.handle + 1), 0, 1, 0);
    ASSERT_RSP(WRITE_RSP);
    percent = 55;
    assert_int_equal(woad_gatt_notify_value(solo.h, &level), 1);
    solo_pump();
    ASSERT_RSP(NOTIFY, LOW(level), 0, 55);
    assert_int_equal(woad_gatt_notify_value(solo.h, &label), WOAD_EINVAL);
    solo_end();
}

/* A value that is not in the database, or not any more, is not notified, although another one has
 * its handle now. */
static void notified_while_not_in_the_table(void **state)
{
    static struct woad_value other;
    static const struct woad_attr others[] = {
        WOAD_PRIMARY(&service),
        WOAD_CHARACTERISTIC_VALUE_CCCD(&u_level, WOAD_PROP_READ | WOAD_PROP_NOTIFY, RW, &other),
    };
    static const struct woad_attr wrong[] = {
        WOAD_PRIMARY(&service),
        WOAD_CHARACTERISTIC_VALUE_CCCD(&u_level, WOAD_PROP_READ | WOAD_PROP_NOTIFY, RW, &level),
        WOAD_PRIMARY(NULL),
    };
    (void)state;
    begin();
    other = (struct woad_value)WOAD_VALUE_FIXED("o", 1);
    assert_int_equal(woad_gatt_notify_value(solo.h, &other), WOAD_EINVAL);
    assert_int_equal(woad_gatt_remove(solo.h, first), 0);
    assert_int_equal(woad_gatt_notify_value(solo.h, &level), WOAD_EINVAL);
    assert_int_equal(woad_gatt_add(solo.h, others, 4, NULL), 0);
    assert_int_equal(other.handle, level.handle);
    ATT(0x12, (uint8_t)(level.handle + 1), 0, 1, 0);
    assert_int_equal(woad_gatt_notify_value(solo.h, &level), WOAD_EINVAL);
    assert_int_equal(woad_gatt_notify_value(solo.h, &other), 1);
    solo_pump();
    ASSERT_RSP(NOTIFY, LOW(other), 0, 'o');
    assert_int_equal(woad_gatt_add(solo.h, wrong, 5, NULL), WOAD_EINVAL);
    assert_int_equal(woad_gatt_notify_value(solo.h, &level), WOAD_EINVAL);
    assert_int_equal(woad_gatt_clear(solo.h), 0);
    assert_int_equal(woad_gatt_notify_value(solo.h, &other), WOAD_EINVAL);
    woad_fail(solo.h, WOAD_EIO);
    assert_int_equal(woad_gatt_notify_value(solo.h, &other), WOAD_EINVAL);
    solo_end();
}

/* A value whose octets the host does not have: the application notifies them by its handle. */
static void notified_without_octets(void **state)
{
    (void)state;
    begin();
    assert_int_equal(woad_gatt_remove(solo.h, first), 0);
    for (uint16_t len = 0; len < 2; len++) {
        level = (struct woad_value)WOAD_VALUE_FUNCTIONS(NULL, len, 4, NULL, NULL);
        assert_int_equal(woad_gatt_add(solo.h, db, ATTRIBUTES, &first), 0);
        ATT(0x12, (uint8_t)(level.handle + 1), 0, 1, 0);
        assert_int_equal(woad_gatt_notify_value(solo.h, &level), WOAD_EINVAL);
        assert_int_equal(woad_gatt_notify_subscribers(solo.h, level.handle, "x", 1), 1);
        assert_int_equal(woad_gatt_remove(solo.h, first), 0);
    }
    solo_end();
}

/* Enhanced ATT reads and writes the same values. */
static void on_another_bearer(void **state)
{
    (void)state;
    begin();
    solo_encrypt(SOLO_HANDLE);
    SOLO_SIG(ENHANCED_REQ, 1, 10, 0, 0x27, 0, 64, 0, 64, 0, 9, 0, PEER_CID, 0);
    solo_pump();
    solo_forget();
    SOLO_K_FRAME(OUR_CID, 0x12, LOW(label), 0, 'h', 'i');
    ASSERT_RSP(1, 0, WRITE_RSP);
    SOLO_K_FRAME(OUR_CID, 0x0a, LOW(label), 0);
    ASSERT_RSP(3, 0, READ_RSP, 'h', 'i');
    SOLO_K_FRAME(OUR_CID, 0x0e, LOW(label), 0, LOW(sensor), 0);
    ASSERT_RSP(5, 0, 0x0f, 'h', 'i', 1, 0);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles),
        cmocka_unit_test(served_after_a_refused_array),
        cmocka_unit_test(rows_that_are_wrong),
        cmocka_unit_test(reads_of_each_kind),
        cmocka_unit_test(writes_of_each_kind),
        cmocka_unit_test(prepared_writes),
        cmocka_unit_test(functions),
        cmocka_unit_test(a_function_removes_it),
        cmocka_unit_test(removed_when_connected),
        cmocka_unit_test(a_function_makes_it_shorter),
        cmocka_unit_test(a_function_is_written_between_parts),
        cmocka_unit_test(events_only),
        cmocka_unit_test(permissions_come_first),
        cmocka_unit_test(notified),
        cmocka_unit_test(notified_while_not_in_the_table),
        cmocka_unit_test(notified_without_octets),
        cmocka_unit_test(on_another_bearer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
