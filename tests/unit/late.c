/* A program was stopped (SIGSTOP): it calls woad_clock(), passes on the packets that arrived
 * meanwhile, then calls woad_poll().  Packets that arrived in time count as in time. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_scanner,
                                                       &woad_feature_gatt_client, NULL };
enum { STOPPED_MS = 3600000 };

/* A command's answer waited an hour in the socket: no timeout.  Without an answer the controller
 * is lost. */
static void answer_in_time_is_in_time(void **state)
{
    const struct woad_scan_params scan = { 48, 48, false, true, 0, false };
    (void)state;
    for (int there = 1; there >= 0; there--) {
        solo_boot(solo_config(features));
        solo.withheld = 0x200b; /* LE Set Scan Parameters */
        assert_int_equal(woad_scan_start(solo.h, &scan), 0);
        solo_pump();
        assert_int_equal(solo_commands(0x200b), 1);
        solo.now_ms += STOPPED_MS;
        woad_clock(solo.h, solo.now_ms);
        if (there) {
            solo.withheld = 0;
            solo_answer(0x200b);
        }
        woad_poll(solo.h, solo.now_ms);
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_DOWN), !there);
        assert_int_equal(solo_commands(0x200c), there); /* goes on with LE Set Scan Enable */
        solo_end();
    }
}

/* A procedure that begins after the stop has its whole time limit. */
static void what_begins_late_has_its_time(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    solo_connected(SOLO_HANDLE, true, 9);
    solo.now_ms += STOPPED_MS;
    woad_clock(solo.h, solo.now_ms);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    solo_pump();
    solo_tick(29000);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 0);
    solo_tick(2000);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answer_in_time_is_in_time),
        cmocka_unit_test(what_begins_late_has_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
