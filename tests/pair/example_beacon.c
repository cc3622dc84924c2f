/* examples/c/beacon.c in virtual time: what a scanner gets, and that the temperature changes. */
#include <woad/testing.h>

#include "cm.h"

static int run_here(const struct woad_config *config, const char *program,
                    uint32_t (*run)(void *ctx, struct woad *h, uint32_t now_ms), const bool *done);
#define woad_port_run run_here
int beacon_main(int argc, char **argv);
#define main beacon_main
#include "examples/c/beacon.c"
#undef main

enum { SCAN_IND = 2, SCAN_RSP = 4 };

static bool is_response(void *ctx, const struct woad_event *ev)
{
    (void)ctx;
    return ev->u.report.kind == SCAN_RSP;
}

/* The temperature in the first scan response from now on. */
static int celsius_100(struct woad_test_node *scanner)
{
    size_t len;
    woad_test_forget(scanner);
    const struct woad_event *ev =
        woad_test_wait_for(scanner, WOAD_EV_REPORT, is_response, NULL, 5000);
    const uint8_t *value =
        woad_ad_find(ev->u.report.data, ev->u.report.len, WOAD_AD_MANUFACTURER, &len);
    assert_true(value && len == 4 && value[0] == 0xff && value[1] == 0xff);
    int celsius = value[2] | value[3] << 8;
    value = woad_ad_find(ev->u.report.data, ev->u.report.len, WOAD_AD_NAME, &len);
    assert_true(value && len == 11 && memcmp(value, "Woad beacon", 11) == 0);
    return celsius;
}

/* In the place of woad_port_run(). */
static int run_here(const struct woad_config *config, const char *program,
                    uint32_t (*run)(void *ctx, struct woad *h, uint32_t now_ms), const bool *done)
{
    static const struct woad_feature *const scanners[] = { &woad_feature_scanner, NULL };
    static const struct woad_scan_params scan = { .interval_625us = 48,
                                                  .window_625us = 48,
                                                  .active = true };
    static const uint8_t url[] = "\xaa\xfe\x10\xeb\x03"
                                 "example.org";
    size_t len;
    struct woad_test *t = woad_test_begin(NULL);
    woad_test_add(t,
                  &(struct woad_test_node_config){ .name = program, .host = *config, .loop = run });
    struct woad_test_node *scanner = woad_test_add(
        t, &(struct woad_test_node_config){ .name = "scanner", .host = { .features = scanners } });
    WOAD_TEST_CALL(scanner, woad_scan_start(woad_test_host(scanner), &scan));
    const struct woad_event *ev = woad_test_wait(scanner, WOAD_EV_REPORT, 3000);
    assert_int_equal(ev->u.report.kind, SCAN_IND);
    const uint8_t *value =
        woad_ad_find(ev->u.report.data, ev->u.report.len, WOAD_AD_SERVICE_DATA16, &len);
    assert_true(value && len == sizeof url - 1 && memcmp(value, url, len) == 0);
    int first = celsius_100(scanner);
    woad_test_run(t, 12000);
    assert_int_equal(celsius_100(scanner), first + 1);
    assert_null(done);
    woad_test_end(t);
    return 0;
}

static void says_what_it_is_given(void **state)
{
    char *argv[] = { (char[]){ "beacon" }, (char[]){ "example.org" }, NULL };
    (void)state;
    assert_int_equal(beacon_main(2, argv), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(says_what_it_is_given) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
