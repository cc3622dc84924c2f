/* woad_fail() inside the event of a queued (pipelined) write, and WOAD_EV_DOWN's handler starts the
 * host again and adds the services again, as an application does.  What the dead connection had
 * queued must not be written into the values of the new database. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_long_values,
                                                       &woad_feature_pipelining, NULL };
enum { SERVICE = 20, VALUE = 22 };
static const struct woad_uuid service = WOAD_UUID16(0x180d), rate = WOAD_UUID16(0x2a37);
static unsigned writes, late;
static uint16_t last_conn;
static bool fail_now, down;
static uint8_t octets[8];

static uint8_t written(struct woad *h, uint16_t conn, struct woad_value *v, uint16_t offset,
                       const uint8_t *data, uint16_t len)
{
    (void)v, (void)offset, (void)data, (void)len;
    writes++;
    late += down;
    last_conn = conn;
    if (fail_now) {
        fail_now = false;
        woad_fail(h, WOAD_EIO);
    }
    return 0;
}

static struct woad_value value = {
    .kind = &woad_values, .data = octets, .max = 8, .write = written
};
static const struct woad_attr table[] = {
    WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC_VALUE(&rate, WOAD_PROP_READ | WOAD_PROP_WRITE,
                                                      WOAD_PERM_READ | WOAD_PERM_WRITE, &value)
};

static void again(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_DOWN) {
        down = true;
        assert_int_equal(woad_start(solo.h), 0);
        assert_int_equal(woad_gatt_add_at(solo.h, table, 3, SERVICE), 0);
    }
}

static void pipelined(void **state)
{
    (void)state;
    writes = late = 0;
    down = false;
    solo_boot(solo_config(features));
    assert_int_equal(woad_gatt_add_at(solo.h, table, 3, SERVICE), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    solo.on_event = again;
    SOLO_ATT(0x0a, 3, 0); /* the name: its answer is not pulled yet */
    SOLO_ATT(0x12, VALUE, 0, 1);
    SOLO_ATT(0x52, VALUE, 0, 2);
    SOLO_ATT(0x52, VALUE, 0, 3);
    fail_now = true;
    solo_pump();
    assert_true(down);
    assert_int_equal(late, 0);
    solo_end();
}

static void prepared(void **state)
{
    (void)state;
    writes = late = 0;
    down = false;
    solo_boot(solo_config(features));
    assert_int_equal(woad_gatt_add_at(solo.h, table, 3, SERVICE), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    solo.on_event = again;
    SOLO_ATT(0x16, VALUE, 0, 0, 0, 1);
    solo_pump();
    SOLO_ATT(0x16, VALUE, 0, 0, 0, 2);
    solo_pump();
    SOLO_ATT(0x16, VALUE, 0, 0, 0, 3);
    solo_pump();
    fail_now = true;
    SOLO_ATT(0x18, 1);
    solo_pump();
    assert_true(down);
    assert_int_equal(late, 0);
    solo_end();
}

static int fresh(void **state)
{
    (void)state;
    solo_end();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup(pipelined, fresh),
                                        cmocka_unit_test_setup(prepared, fresh) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
