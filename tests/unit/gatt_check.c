/* woad_gatt_check() says which row of an array is wrong, and why. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_server, NULL };
static const struct woad_uuid service = WOAD_UUID16(0x180d), type = WOAD_UUID16(0x2a37);
static const struct woad_uuid own =
    WOAD_UUID128(0x6e400001, 0xb5a3, 0xf393, 0xe0a9, 0xe50e24dcca9e);
static const struct woad_uuid odd = { 3, { 1, 2, 3 } };
static uint8_t octets[4];
static struct woad_value value = WOAD_VALUE_RAM(octets, 1, 4);
static struct woad_value constant = WOAD_VALUE_CONST(octets, 1);
static struct woad_value empty, upside_down = { &woad_values, octets, 1, 3, 2, 0, NULL, NULL };

enum { R = WOAD_PERM_READ, W = WOAD_PERM_WRITE };
enum { PR = WOAD_PROP_READ, PW = WOAD_PROP_WRITE, PN = WOAD_PROP_NOTIFY };
enum { MOST = 6 };
#define ROW(kind, uuid) \
    { \
        uuid, NULL, 0, kind, 0, R \
    }

static const struct wrong {
    struct woad_attr rows[MOST]; /* the first n */
    uint16_t n, row;
    bool refused;
    const char *reason;
} wrong[] = {
    { { WOAD_CHARACTERISTIC(&type, PR, R) },
      2,
      0,
      true,
      "row 0, characteristic 2a37: an array begins with a service" },
    { { WOAD_PRIMARY(&service), WOAD_CCCD },
      2,
      1,
      true,
      "row 1, CCCD of : it has to be behind a characteristic" },
    { { WOAD_PRIMARY(&service), ROW(WOAD_ATTR_VALUE, &type) },
      2,
      1,
      true,
      "row 1, value 2a37: the row before it has to declare the characteristic" },
    { { WOAD_PRIMARY(&service), ROW(WOAD_ATTR_CHARACTERISTIC, &type) },
      2,
      1,
      true,
      "row 1, characteristic 2a37: the row behind it has to be its value" },
    { { WOAD_PRIMARY(&service), ROW(WOAD_ATTR_CHARACTERISTIC, &type), WOAD_CCCD },
      3,
      1,
      true,
      "row 1, characteristic 2a37: the row behind it has to be its value" },
    { { WOAD_PRIMARY(&service), ROW(9, &type) },
      2,
      1,
      true,
      "row 1, attribute 2a37: its kind is none of WOAD_ATTR_…" },
    { { WOAD_PRIMARY(NULL) }, 1, 0, true, "row 0, service : its uuid is NULL" },
    { { WOAD_PRIMARY(&service), WOAD_INCLUDE(NULL) },
      2,
      1,
      true,
      "row 1, include : its value is NULL: it has to be a struct woad_include" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC_CONST(&type, NULL, 4) },
      3,
      2,
      true,
      "row 2, value 2a37: its value is NULL" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC_CONST(&own, octets, 600) },
      3,
      2,
      true,
      "row 2, value 6e400001-b5a3-f393-e0a9-e50e24dcca9e: its len is above 512" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC_VALUE(&type, PR, R, &empty) },
      3,
      2,
      true,
      "row 2, value 2a37: its struct woad_value has to be initialised by a macro" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC(&type, PR, WOAD_PERM_READ_ENCRYPTED) },
      3,
      2,
      false,
      "row 2, value 2a37: WOAD_PERM_READ_… without WOAD_PERM_READ: nobody can read" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC(&type, PW, WOAD_PERM_WRITE_AUTHENTICATED) },
      3,
      2,
      false,
      "row 2, value 2a37: WOAD_PERM_WRITE_… without WOAD_PERM_WRITE: nobody can w" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC(&type, PR | PW, W) },
      3,
      2,
      false,
      "row 2, value 2a37: WOAD_PROP_READ without WOAD_PERM_READ: nobody can read it" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC(&type, PR | PW, R) },
      3,
      2,
      false,
      "row 2, value 2a37: WOAD_PROP_WRITE… without WOAD_PERM_WRITE: nobody can wri" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC(&type, WOAD_PROP_SIGNED_WRITE, W) },
      3,
      2,
      false,
      "row 2, value 2a37: WOAD_PROP_SIGNED_WRITE without WOAD_PERM_WRITE_SIGNED" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC(&type, PR | PN, R) },
      3,
      1,
      false,
      "row 1, characteristic 2a37: WOAD_PROP_NOTIFY or _INDICATE without WOAD_CCCD" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC_CCCD(&type, PR, R) },
      4,
      3,
      false,
      "row 3, CCCD of 2a37: the characteristic has neither WOAD_PROP_NOTIFY" },
    { { WOAD_PRIMARY(&odd) }, 1, 0, false, "the size of its UUID is not 2, 4 or 16" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC_VALUE(&type, PR | PW, R | W, &constant) },
      3,
      2,
      false,
      "row 2, value 2a37: WOAD_PROP_WRITE…, and max of its struct woad_value is 0" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC_VALUE(&type, PR | PW, R | W, &upside_down) },
      3,
      2,
      false,
      "row 2, value 2a37: min of its struct woad_value is above max" },
    { { WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC(&type, PR, R),
        WOAD_DESCRIPTOR(&type, WOAD_PERM_READ_AUTHORIZED) },
      4,
      3,
      false,
      "row 3, descriptor 2a37: WOAD_PERM_READ_… without WOAD_PERM_READ" },
};

static void each_fault_is_named(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof wrong / sizeof *wrong; n++) {
        const struct wrong *w = &wrong[n];
        struct woad_gatt_fault fault = { 0 };
        assert_int_equal(woad_gatt_check(w->rows, w->n, &fault), WOAD_EINVAL);
        assert_int_equal(woad_gatt_check(w->rows, w->n, NULL), WOAD_EINVAL);
        if (!strstr(fault.reason, w->reason) || fault.row != w->row ||
            fault.refused != w->refused) {
            fail_msg("%u: row %u: %s", (unsigned)n, fault.row, fault.reason);
        }
    }
    struct woad_gatt_fault fault;
    assert_int_equal(woad_gatt_check(NULL, 3, &fault), WOAD_EINVAL);
    assert_true(fault.refused);
    assert_int_equal(woad_gatt_check(wrong[0].rows, 0, &fault), WOAD_EINVAL);
    assert_true(fault.refused);
}

/* Notified under encryption and read by nobody; included, long, with descriptors. */
static void nothing_is_wrong(void **state)
{
    static const struct woad_include include = { 1, 5, &service };
    static const struct woad_attr good[] = {
        WOAD_PRIMARY(&service),
        WOAD_CHARACTERISTIC_CCCD(&own, PN, WOAD_PERM_READ_ENCRYPTED),
        WOAD_CHARACTERISTIC_VALUE_CCCD(&type, PR | PW | PN, R | W, &value),
        WOAD_DESCRIPTOR_CONST(&type, octets, 4),
        WOAD_SECONDARY(&own),
        WOAD_INCLUDE(&include),
        WOAD_CHARACTERISTIC(&type, PR, R | WOAD_PERM_READ_ENCRYPTED),
        WOAD_DESCRIPTOR(&own, R | W | WOAD_PERM_WRITE_ENCRYPTED),
    };
    struct woad_gatt_fault fault = { .reason = "unchanged" };
    (void)state;
    assert_int_equal(woad_gatt_check(WOAD_ATTRS(good), &fault), 0);
    assert_string_equal(fault.reason, "unchanged");
}

static unsigned below(unsigned n)
{
    static uint32_t seed = 1;
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

/* Rows that are often, but not always, a valid array. */
static void draw_rows(struct woad_attr *rows, uint16_t n)
{
    const void *const values[] = { NULL, &value, &empty };
    for (struct woad_attr *a = rows; a < rows + n; a++) {
        *a = (struct woad_attr)ROW((uint8_t)below(below(20) ? 7 : 9), &type);
        if (!below(12)) {
            a->uuid = NULL;
        }
        if (a > rows && a[-1].kind == WOAD_ATTR_CHARACTERISTIC && below(8)) {
            a->kind = WOAD_ATTR_VALUE;
        }
        if (a == rows && below(8)) {
            a->kind = WOAD_ATTR_PRIMARY;
        }
        if (!below(3)) {
            a->value = values[below(3)];
            a->len = below(16) ? 4 : 600;
        }
        if (a->kind == WOAD_ATTR_INCLUDE && below(8)) {
            a->value = octets;
        } else if (a->value && below(2)) {
            a->perm |= WOAD_PERM_VALUE;
        }
    }
}

/* woad_gatt_add() refuses what woad_gatt_check() says that it refuses, and nothing else. */
static void as_woad_gatt_add_does(void **state)
{
    struct woad_attr rows[MOST];
    unsigned seen[2] = { 0 };
    (void)state;
    solo_boot(solo_config(features));
    for (unsigned n = 0; n < 20000; n++) {
        struct woad_gatt_fault fault = { 0 };
        uint16_t count = (uint16_t)(1 + below(MOST));
        draw_rows(rows, count);
        int refused = woad_gatt_add(solo.h, rows, count, NULL);
        int found = woad_gatt_check(rows, count, &fault);
        if ((refused == WOAD_EINVAL) != (found && fault.refused)) {
            fail_msg("%u: added %d; %s", n, refused, fault.reason);
        }
        seen[refused != 0]++;
        woad_gatt_clear(solo.h);
    }
    solo_end();
    assert_true(seen[0] > 500 && seen[1] > 500);
}

/* The forms that people write. */
static void uuids_in_static_tables(void **state)
{
    struct woad_uuid parsed;
    (void)state;
    assert_int_equal(woad_uuid_parse(&parsed, "6e400001-b5a3-f393-e0a9-e50e24dcca9e"), 0);
    assert_memory_equal(&parsed, &own, sizeof own);
    assert_int_equal(woad_uuid_parse(&parsed, "180d"), 0);
    assert_memory_equal(&parsed, &service, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_is_named),
        cmocka_unit_test(nothing_is_wrong),
        cmocka_unit_test(as_woad_gatt_add_does),
        cmocka_unit_test(uuids_in_static_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
