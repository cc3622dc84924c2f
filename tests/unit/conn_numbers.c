/* Options for programs that expect other stacks' behaviour: small connection numbers, and reads
 * of one request. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_client, NULL };

/* Each connection in a slot has another number, until woad_conn_forget() for the last one. */
static void number_begins_anew(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(solo.conn[0], 0);
    woad_conn_forget(solo.h, 0); /* no effect on an open connection */
    assert_int_equal(woad_gattc_read(solo.h, 0, 3), 0);
    solo_disconnected(SOLO_HANDLE, 0x13);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(solo.conn[1], 0x100);
    assert_int_equal(woad_gattc_read(solo.h, 0, 3), WOAD_ENOTCONN);
    solo_disconnected(SOLO_HANDLE, 0x13);
    woad_conn_forget(solo.h, 0x100);
    woad_conn_forget(solo.h, 99); /* no such connection */
    assert_int_equal(woad_gattc_read(solo.h, 0, 3), WOAD_ENOTCONN);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(solo.conn[2], 0);
    assert_int_equal(woad_gattc_read(solo.h, 0, 3), 0);
    assert_int_equal(woad_gattc_read(solo.h, 0x100, 3), WOAD_ENOTCONN);
    solo_end();
}

/* A slot's numbers begin anew after its last connection only: an earlier one is forgotten late,
 * when the number of the last is still in use. */
static void earlier_number_is_not_the_last(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    for (int n = 0; n < 2; n++) {
        solo_connected(SOLO_HANDLE, false, 9);
        solo_disconnected(SOLO_HANDLE, 0x13);
    }
    assert_int_equal(solo.conn[1], 0x100);
    woad_conn_forget(solo.h, solo.conn[0]);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(solo.conn[2], 0x200);
    solo_disconnected(SOLO_HANDLE, 0x13);
    woad_conn_forget(solo.h, solo.conn[2]);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(solo.conn[3], 0);
    solo_end();
}

/* With this option a full response ends the read: no Read Blob Request follows. */
static void read_once_is_one_request(void **state)
{
    uint8_t full[23] = { 0x0b, 1, 2, 3 };
    (void)state;
    for (int once = 1; once >= 0; once--) {
        solo_boot(solo_config(features));
        solo_connected(SOLO_HANDLE, true, 9);
        uint16_t conn = solo.conn[0];
        assert_int_equal(
            once ? woad_gattc_read_once(solo.h, conn, 3) : woad_gattc_read(solo.h, conn, 3), 0);
        solo_pump();
        assert_int_equal(solo_frames(4, 0x0a), 1);
        solo_l2cap(SOLO_HANDLE, 4, full, sizeof full);
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_READ), 1);
        assert_int_equal(solo_last(WOAD_EV_READ)->u.value.len, 22);
        assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), once);
        assert_int_equal(solo_frames(4, 0x0c), !once);
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(number_begins_anew),
        cmocka_unit_test(earlier_number_is_not_the_last),
        cmocka_unit_test(read_once_is_one_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
