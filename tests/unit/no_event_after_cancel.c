/* woad_gattc_cancel() inside WOAD_EV_READ: the other values of the same response raise no event. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_client, NULL };

static void cancel_at_first(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_READ) {
        assert_int_equal(woad_gattc_cancel(solo.h, ev->conn), 0);
    }
}

static void begin(void)
{
    solo_boot(solo_config(features));
    solo_connected(SOLO_HANDLE, true, 9);
    solo.on_event = cancel_at_first;
}

/* One value, then the end of the procedure; the next one runs. */
static void finish(void)
{
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_READ), 1);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, WOAD_ECANCELED);
    solo_forget();
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 7), 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x0a), 1);
    solo_end();
}

static void read_by_uuid(void **state)
{
    static const struct woad_uuid name = WOAD_UUID16(0x2a00);
    (void)state;
    begin();
    assert_int_equal(woad_gattc_read_by_uuid(solo.h, solo.conn[0], 1, 0xffff, &name), 0);
    solo_pump();
    SOLO_ATT(0x09, 3, 1, 0, 7, 2, 0, 8, 3, 0, 9);
    finish();
}

static void read_multiple(void **state)
{
    static const uint16_t handles[3] = { 1, 2, 3 };
    (void)state;
    begin();
    assert_int_equal(woad_gattc_read_multiple(solo.h, solo.conn[0], handles, 3), 0);
    solo_pump();
    SOLO_ATT(0x21, 1, 0, 7, 1, 0, 8, 1, 0, 9);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(read_by_uuid),
                                        cmocka_unit_test(read_multiple) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
