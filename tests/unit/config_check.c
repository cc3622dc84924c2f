/* Configs: every field may be 0; woad_config_check() says what is wrong with the others, and agrees
 * with woad_size(). */
#include "every_feature.h"
#include "solo.h"

#include <woad/crypto.h>

#include <stdio.h>

static const struct woad_feature *const none[] = { NULL };

#define FEATURES(...) \
    .features = (const struct woad_feature *const[]) \
    { \
        __VA_ARGS__, NULL \
    }
#define VALID .event = solo_event
static const struct woad_crypto empty;

static const struct wrong {
    struct woad_config config;
    const char *field, *reason;
    bool refused;
} wrong[] = {
    { { .event = NULL }, "event", "event is NULL: the host needs a function that it calls", true },
    { { VALID, .mtu = 22 }, "mtu", "mtu is 22: 23 to 527", true },
    { { VALID, .mtu = 600 }, "mtu", "mtu is 600: 23 to 527", true },
    { { VALID, .mtu = 65535 }, "mtu", "mtu is 65535: 23 to 527", true },
    { { VALID, .mtu = 40, .features = all },
      "mtu",
      "mtu is 40: 64 is used, which woad_feature_eatt requires",
      false },
    { { VALID, .mtu = 100, .tx_queue = 101 },
      "tx_queue",
      "tx_queue is 101: 102 is used, which is mtu + 2",
      false },
    { { VALID, .tx_queue = 248 },
      "tx_queue",
      "tx_queue is 248: 249 is used, which is mtu + 2",
      false },
    { { VALID, .request_queue = 20 },
      "request_queue",
      "request_queue is 20: 249 is used, which is mtu + 2",
      false },
    { { VALID, .mps = 65534 }, "mps", "mps is 65534: 65533 is used, which is the most", false },
    { { VALID,
        FEATURES(&woad_feature_advertiser, &woad_feature_scanner, &woad_feature_advertiser) },
      "features",
      "features has woad_feature_advertiser twice",
      false },
    { { VALID, FEATURES(&woad_feature_long_values) },
      "features",
      "features has woad_feature_long_values without woad_feature_gatt_server, which it requires",
      false },
    { { VALID, FEATURES(&woad_feature_eatt, &woad_feature_l2cap_channels) },
      "features",
      "features has woad_feature_eatt without woad_feature_enhanced_channels, which it requires",
      false },
    { { VALID, FEATURES(&woad_feature_enhanced_channels) },
      "features",
      "features has woad_feature_enhanced_channels without woad_feature_l2cap_channels, which it "
      "requires",
      false },
    { { VALID, FEATURES(&woad_feature_reconnection) },
      "features",
      "features has woad_feature_reconnection without woad_feature_central, which it requires",
      false },
    { { VALID, FEATURES(&woad_feature_keypresses) },
      "features",
      "features has woad_feature_keypresses without woad_feature_security_manager, which it "
      "requires",
      false },
    { { VALID, FEATURES(&woad_feature_security_manager, &woad_feature_security_peripheral) },
      "features",
      "features has woad_feature_security_manager and _security_peripheral: name one",
      false },
    { { VALID, FEATURES(&woad_feature_central, &woad_feature_security_peripheral) },
      "features",
      "a central pairs by woad_feature_security_manager, not _security_peripheral",
      false },
    { { VALID, FEATURES(&woad_feature_controller_crypto) },
      "features",
      "features has woad_feature_controller_crypto, and nothing that uses it",
      false },
    { { VALID, .bonds = 4 },
      "bonds",
      "bonds is 4, and has no effect without woad_feature_security_manager",
      false },
    { { VALID, FEATURES(&woad_feature_gatt_server), .procedures = 2 },
      "procedures",
      "procedures is 2, and has no effect without woad_feature_gatt_client",
      false },
    { { VALID, .attr_tables = 1 },
      "attr_tables",
      "attr_tables is 1, and has no effect without woad_feature_gatt_server",
      false },
    { { VALID, .l2cap_channels = 300 },
      "l2cap_channels",
      "l2cap_channels is 300, and has no effect without woad_feature_l2cap_channels",
      false },
    { { VALID, .adv_sets = 2 },
      "adv_sets",
      "adv_sets is 2, and has no effect without woad_feature_extended_advertising",
      false },
    { { VALID, .att_bearers = 2 },
      "att_bearers",
      "att_bearers is 2, and has no effect without woad_feature_eatt",
      false },
    { { VALID, .watchdog_ms = 1000 },
      "watchdog_ms",
      "watchdog_ms is 1000, and has no effect without woad_feature_watchdog",
      false },
    { { VALID, FEATURES(&woad_feature_security_manager) },
      "crypto",
      "crypto is NULL, and features lacks woad_feature_controller_crypto: nothing can pair",
      false },
    { { VALID, FEATURES(&woad_feature_security_manager), .crypto = &woad_mbedtls },
      "random",
      "random is NULL, and features lacks woad_feature_controller_crypto: nothing can pair",
      false },
    { { VALID, FEATURES(&woad_feature_security_manager), .crypto = &empty, .random = solo_random },
      "crypto",
      "a function of *crypto is NULL: a pairing that calls it crashes",
      false },
    { { VALID, FEATURES(&woad_feature_security_manager, &woad_feature_out_of_band,
                        &woad_feature_controller_crypto) },
      "crypto",
      "crypto is NULL: woad_feature_out_of_band needs a library, not the controller",
      false },
    { { VALID, FEATURES(&woad_feature_security_peripheral) },
      "crypto",
      "crypto is NULL, and features lacks woad_feature_controller_crypto: nothing can pair",
      false },
    { { VALID, FEATURES(&woad_feature_advertiser), .crypto = &woad_mbedtls },
      "crypto",
      "crypto has no effect without woad_feature_security_manager",
      false },
    { { VALID, FEATURES(&woad_feature_advertiser), .random = solo_random },
      "random",
      "random has no effect without woad_feature_security_manager",
      false },
    { { VALID }, "features", "features names none: the host can do nothing", false },
    { { VALID, FEATURES(&woad_feature_scanner, &woad_feature_gatt_client) },
      "features",
      "features: woad_feature_gatt_client needs connections: woad_feature_advertiser or "
      "woad_feature_central",
      false },
    { { VALID, .features = all, .conns = 2, .pairings = 3 },
      "pairings",
      "pairings is 3: more than conns, 2",
      false },
};

static void each_wrong_config_says_what_is_wrong(void **state)
{
    struct woad_config_fault fault;
    (void)state;
    for (size_t n = 0; n < sizeof wrong / sizeof *wrong; n++) {
        const struct wrong *w = &wrong[n];
        assert_int_equal(woad_config_check(&w->config, &fault), WOAD_EINVAL);
        assert_int_equal(woad_config_check(&w->config, NULL), WOAD_EINVAL);
        assert_string_equal(fault.field, w->field);
        assert_string_equal(fault.reason, w->reason);
        assert_int_equal(fault.refused, w->refused);
        assert_int_equal(woad_size(&w->config) == 0, w->refused);
    }
    assert_int_equal(woad_config_check(NULL, &fault), WOAD_EINVAL);
    assert_string_equal(fault.reason, "config is NULL");
    assert_int_equal(woad_size(NULL), 0);
}

static void each_wrong_memory_says_what_is_wrong(void **state)
{
    const struct woad_config c = { .features = all, .event = solo_event, .crypto = &woad_mbedtls };
    struct woad_config_fault fault;
    size_t size = woad_size(&c);
    uint8_t *mem = malloc(size + 1);
    char reason[128];
    (void)state;
    assert_int_equal(woad_init_check(mem, size, &c, &fault), 0);
    assert_int_equal(woad_init_check(mem, size - 1, &c, &fault), WOAD_ENOMEM);
    assert_string_equal(fault.field, "len");
    snprintf(reason, sizeof reason, "len is %u: %u octets are needed, woad_size() says",
             (unsigned)size - 1, (unsigned)size);
    assert_string_equal(fault.reason, reason);
    assert_true(fault.refused);
    assert_null(woad_init(mem, size - 1, &c));
    assert_int_equal(woad_init_check(mem + 1, size, &c, &fault), WOAD_EINVAL);
    assert_string_equal(fault.field, "mem");
    assert_non_null(strstr(fault.reason, "mem is not aligned"));
    assert_null(woad_init(mem + 1, size, &c));
    assert_int_equal(woad_init_check(NULL, size, &c, &fault), WOAD_EINVAL);
    assert_non_null(strstr(fault.reason, "mem is NULL"));
    assert_null(woad_init(NULL, size, &c));
    assert_int_equal(woad_init_check(mem, size, &wrong[1].config, &fault), WOAD_EINVAL);
    assert_string_equal(fault.field, "mtu");
    assert_non_null(woad_init(mem, size, &c));
    free(mem);
}

/* With all fields 0 but `event`, everything works; it is as if the defaults had been written. */
static void each_zero_has_a_default(void **state)
{
    struct woad_config zeros = { .features = all, .event = solo_event, .crypto = &woad_mbedtls };
    struct woad_config written = { .features = all,
                                   .event = solo_event,
                                   .crypto = &woad_mbedtls,
                                   .conns = WOAD_DEFAULT_CONNS,
                                   .attr_tables = WOAD_DEFAULT_ATTR_TABLES,
                                   .subscriptions = WOAD_DEFAULT_SUBSCRIPTIONS,
                                   .procedures = WOAD_DEFAULT_PROCEDURES,
                                   .accept_list = WOAD_DEFAULT_ACCEPT_LIST,
                                   .mtu = WOAD_DEFAULT_MTU,
                                   .tx_queue = WOAD_DEFAULT_MTU + 2,
                                   .request_queue = WOAD_DEFAULT_REQUEST_QUEUE,
                                   .prepare_queue = WOAD_DEFAULT_PREPARE_QUEUE,
                                   .pipeline_queue = WOAD_DEFAULT_MTU + 2,
                                   .bonds = WOAD_DEFAULT_BONDS,
                                   .pairings = WOAD_DEFAULT_CONNS,
                                   .attr_index = WOAD_DEFAULT_ATTR_INDEX,
                                   .l2cap_channels = WOAD_DEFAULT_CONNS,
                                   .psms = WOAD_DEFAULT_PSMS,
                                   .att_bearers = WOAD_DEFAULT_CONNS,
                                   .mps = WOAD_DEFAULT_MTU,
                                   .watchdog_ms = WOAD_DEFAULT_WATCHDOG_MS,
                                   .adv_sets = WOAD_DEFAULT_ADV_SETS,
                                   .connect_retries = WOAD_DEFAULT_CONNECT_RETRIES };
    struct woad_config_fault fault;
    (void)state;
    assert_int_equal(woad_config_check(&zeros, &fault), 0);
    assert_int_equal(woad_config_check(&written, &fault), 0);
    assert_int_equal(woad_size(&zeros), woad_size(&written));
    zeros.features = none;
    assert_true(woad_size(&zeros) > 0);
    zeros.features = NULL;
    assert_true(woad_size(&zeros) > 0);
}

/* Random configs: the check says `refused` exactly where woad_size() returns 0. */
static void check_and_size_agree(void **state)
{
    static const uint16_t values[] = { 0,   1,   22,  23,  63,    64,    65,   247,
                                       249, 527, 528, 529, 65533, 65534, 65535 };
    enum { VALUES = sizeof values / sizeof *values };
    uint32_t seed = 1;
    unsigned refused = 0;
    (void)state;
    for (int n = 0; n < 20000; n++) {
        uint16_t v[6];
        for (int k = 0; k < 6; k++) {
            seed = seed * 1664525 + 1013904223;
            v[k] = values[(seed >> 16) % VALUES];
        }
        struct woad_config c = { .features = n & 1 ? all : NULL,
                                 .event = n % 7 ? solo_event : NULL,
                                 .mtu = v[0],
                                 .tx_queue = v[1],
                                 .request_queue = v[2],
                                 .mps = v[3],
                                 .att_bearers = (uint8_t)v[4],
                                 .conns = (uint8_t)v[5] };
        struct woad_config_fault fault = { NULL, "", false };
        int err = woad_config_check(&c, &fault);
        assert_int_equal(err && fault.refused, woad_size(&c) == 0);
        refused += fault.refused;
    }
    assert_in_range(refused, 2000, 15000);
}

/* Each feature by itself, without what it requires and with no capacities: the host comes up,
 * connects, and goes down. */
static void each_feature_alone_does_no_harm(void **state)
{
    (void)state;
    for (size_t n = 0; all[n]; n++) {
        const struct woad_feature *const one[] = { all[n], NULL };
        solo_boot((struct woad_config){ .features = one, .random = solo_random });
        solo_connected(SOLO_HANDLE, false, 7);
        solo_tick(1000);
        solo_disconnected(SOLO_HANDLE, WOAD_HCI_REMOTE_USER_TERMINATED);
        solo_tick(1000);
        woad_fail(solo.h, WOAD_EIO);
        assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
        solo_end();
    }
}

/* config.attr_tables arrays are added, and no more; the built-in one does not count.  The database
 * is whole before, with all of them, and without. */
static void attr_tables_at_their_most(void **state)
{
    static const struct woad_uuid service = WOAD_UUID16(0x180d);
    static const struct woad_attr array[] = { WOAD_PRIMARY(&service) };
    static const struct woad_feature *const server[] = { &woad_feature_gatt_server, NULL };
    (void)state;
    for (uint8_t most = 254; most; most++) {
        struct woad_config c = solo_config(server);
        uint16_t first = 0;
        c.attr_tables = most;
        solo_boot(c);
        solo_connected(SOLO_HANDLE, false, 7);
        for (unsigned n = 0; n < most; n++) {
            assert_int_equal(woad_gatt_add(solo.h, array, 1, &first), 0);
            assert_int_equal(first, 10 + n);
        }
        assert_int_equal(woad_gatt_add(solo.h, array, 1, NULL), WOAD_ENOMEM);
        SOLO_ATT(0x0a, 3, 0);
        solo_pump();
        SOLO_ATT(0x0a, (uint8_t)first, (uint8_t)(first >> 8));
        solo_pump();
        assert_int_equal(woad_gatt_remove(solo.h, first), 0);
        assert_int_equal(woad_gatt_add(solo.h, array, 1, NULL), 0);
        assert_int_equal(woad_gatt_clear(solo.h), 0);
        assert_int_equal(woad_gatt_add(solo.h, array, 1, &first), 0);
        assert_int_equal(first, 10);
        SOLO_ATT(0x0a, 3, 0);
        solo_pump();
        assert_int_equal(solo_frames(4, 0x0b), 3);
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_wrong_config_says_what_is_wrong),
        cmocka_unit_test(each_wrong_memory_says_what_is_wrong),
        cmocka_unit_test(each_zero_has_a_default),
        cmocka_unit_test(check_and_size_agree),
        cmocka_unit_test(each_feature_alone_does_no_harm),
        cmocka_unit_test(attr_tables_at_their_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
