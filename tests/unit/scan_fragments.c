/* The reports of a scan that `woad` shows: fragments of extended advertising, between which those
 * of others come. */
#include "cm.h"

#include "tools/tool_report.h"

static struct tool_report report;

/* A fragment of `octet`s; true: a report is complete. */
static bool fragment(uint8_t of, uint8_t octet, size_t len, bool more)
{
    uint8_t data[229];
    struct woad_event ev = { .type = WOAD_EV_EXT_REPORT };
    memset(data, octet, len);
    ev.u.ext_report = (struct woad_ext_report){
        .addr = { 1, { of } }, .sid = of, .data = data, .len = (uint8_t)len, .more = more
    };
    return report_take(&report, &ev);
}

static bool legacy(uint8_t of)
{
    static const uint8_t data[] = { 2, 1, 6 };
    struct woad_event ev = { .type = WOAD_EV_REPORT };
    ev.u.report.addr = (struct woad_addr){ 1, { of } };
    ev.u.report.data = data;
    ev.u.report.len = sizeof data;
    return report_take(&report, &ev);
}

static void reports_of_others_come_between(void **state)
{
    (void)state;
    assert_false(fragment(1, 0xa1, 6, true));
    assert_true(legacy(9));
    assert_int_equal(report.len, 3);
    assert_false(fragment(2, 0xb1, 229, true));
    assert_false(fragment(1, 0xa2, 229, true));
    assert_true(legacy(9));
    assert_true(fragment(2, 0xb2, 10, false));
    assert_int_equal(report.len, 239);
    assert_int_equal(report.data[0], 0xb1);
    assert_int_equal(report.data[229], 0xb2);
    assert_true(fragment(1, 0xa3, 1, false));
    assert_int_equal(report.sid, 1);
    assert_int_equal(report.len, 236);
    assert_int_equal(report.data[5], 0xa1);
    assert_int_equal(report.data[6], 0xa2);
    assert_int_equal(report.data[235], 0xa3);
}

/* More advertisers at once than there are places: the oldest begins anew; and octets beyond the
 * longest data are dropped. */
static void more_than_there_is_room_for(void **state)
{
    (void)state;
    for (uint8_t of = 1; of <= 5; of++) {
        assert_false(fragment(of, of, 100, true));
    }
    assert_true(fragment(5, 0, 1, false));
    assert_int_equal(report.len, 101);
    assert_true(fragment(2, 0, 1, false));
    assert_int_equal(report.len, 101);
    for (int n = 0; n < 10; n++) {
        assert_false(fragment(7, 7, 229, true));
    }
    assert_true(fragment(7, 8, 229, false));
    assert_int_equal(report.len, WOAD_EXT_DATA_MAX);
    assert_int_equal(report.data[WOAD_EXT_DATA_MAX - 1], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_of_others_come_between),
        cmocka_unit_test(more_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
