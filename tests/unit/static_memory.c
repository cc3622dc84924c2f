/* woad/static.h: its sizes are those of woad_size(), octet by octet, for features and capacities of
 * many kinds; what it defines works. */
#include "cm.h"

#define WOAD_STATIC_NAME nothing
#include <woad/static.h>

#define WOAD_STATIC_NAME all
#define WOAD_USE_ADVERTISER 1
#define WOAD_USE_SCANNER 1
#define WOAD_USE_CENTRAL 1
#define WOAD_USE_GATT_SERVER 1
#define WOAD_USE_GATT_CLIENT 1
#define WOAD_USE_ACCEPT_LIST 1
#define WOAD_USE_LINK_CONTROL 1
#define WOAD_USE_LONG_VALUES 1
#define WOAD_USE_READ_MULTIPLE 1
#define WOAD_USE_SIGNED_WRITES 1
#define WOAD_USE_PIPELINING 1
#define WOAD_USE_TYPE_INDEX 1
#define WOAD_USE_CLIENT_FEATURES 1
#define WOAD_USE_L2CAP_CHANNELS 1
#define WOAD_USE_ENHANCED_CHANNELS 1
#define WOAD_USE_EATT 1
#define WOAD_USE_SECURITY_MANAGER 1
#define WOAD_USE_KEYPRESSES 1
#define WOAD_USE_OUT_OF_BAND 1
#define WOAD_USE_RESOLVING_LIST 1
#define WOAD_USE_RECONNECTION 1
#define WOAD_USE_EXTENDED_ADVERTISING 1
#define WOAD_USE_WATCHDOG 1
#define WOAD_USE_VENDOR_INIT 1
#define WOAD_USE_QUIRKS 1
#define WOAD_USE_CONTROLLER_CRYPTO 1
#include <woad/static.h>

#define WOAD_STATIC_NAME all_of_all
#define WOAD_USE_ADVERTISER 1
#define WOAD_USE_SCANNER 1
#define WOAD_USE_CENTRAL 1
#define WOAD_USE_GATT_SERVER 1
#define WOAD_USE_GATT_CLIENT 1
#define WOAD_USE_ACCEPT_LIST 1
#define WOAD_USE_LINK_CONTROL 1
#define WOAD_USE_LONG_VALUES 1
#define WOAD_USE_READ_MULTIPLE 1
#define WOAD_USE_SIGNED_WRITES 1
#define WOAD_USE_PIPELINING 1
#define WOAD_USE_TYPE_INDEX 1
#define WOAD_USE_CLIENT_FEATURES 1
#define WOAD_USE_L2CAP_CHANNELS 1
#define WOAD_USE_ENHANCED_CHANNELS 1
#define WOAD_USE_EATT 1
#define WOAD_USE_SECURITY_MANAGER 1
#define WOAD_USE_KEYPRESSES 1
#define WOAD_USE_OUT_OF_BAND 1
#define WOAD_USE_RESOLVING_LIST 1
#define WOAD_USE_RECONNECTION 1
#define WOAD_USE_EXTENDED_ADVERTISING 1
#define WOAD_USE_WATCHDOG 1
#define WOAD_USE_VENDOR_INIT 1
#define WOAD_USE_QUIRKS 1
#define WOAD_USE_CONTROLLER_CRYPTO 1
#define WOAD_CONFIG_CONNS 60
#define WOAD_CONFIG_MTU 527
#define WOAD_CONFIG_TX_QUEUE 1000
#define WOAD_CONFIG_REQUEST_QUEUE 529
#define WOAD_CONFIG_PREPARE_QUEUE 512
#define WOAD_CONFIG_ATTR_TABLES 1
#define WOAD_CONFIG_SUBSCRIPTIONS 64
#define WOAD_CONFIG_PROCEDURES 16
#define WOAD_CONFIG_PIPELINE_QUEUE 1000
#define WOAD_CONFIG_ATTR_INDEX 1001
#define WOAD_CONFIG_ACCEPT_LIST 8
#define WOAD_CONFIG_BONDS 7
#define WOAD_CONFIG_L2CAP_CHANNELS 64
#define WOAD_CONFIG_PSMS 1
#define WOAD_CONFIG_MPS 500
#define WOAD_CONFIG_ATT_BEARERS 200
#define WOAD_CONFIG_ADV_SETS 1
#define WOAD_CONFIG_PAIRINGS 61
#define WOAD_CONFIG_WATCHDOG_MS 1
#define WOAD_CONFIG_CONNECT_RETRIES 1
#include <woad/static.h>

#define WOAD_STATIC_NAME odd
#define WOAD_USE_ADVERTISER 1
#define WOAD_USE_SCANNER 1
#define WOAD_USE_CENTRAL 1
#define WOAD_USE_GATT_SERVER 1
#define WOAD_USE_GATT_CLIENT 1
#define WOAD_USE_ACCEPT_LIST 1
#define WOAD_USE_LINK_CONTROL 1
#define WOAD_USE_LONG_VALUES 1
#define WOAD_USE_READ_MULTIPLE 1
#define WOAD_USE_SIGNED_WRITES 1
#define WOAD_USE_PIPELINING 1
#define WOAD_USE_TYPE_INDEX 1
#define WOAD_USE_CLIENT_FEATURES 1
#define WOAD_USE_L2CAP_CHANNELS 1
#define WOAD_USE_ENHANCED_CHANNELS 1
#define WOAD_USE_EATT 1
#define WOAD_USE_SECURITY_MANAGER 1
#define WOAD_USE_KEYPRESSES 1
#define WOAD_USE_OUT_OF_BAND 1
#define WOAD_USE_RESOLVING_LIST 1
#define WOAD_USE_RECONNECTION 1
#define WOAD_USE_EXTENDED_ADVERTISING 1
#define WOAD_USE_WATCHDOG 1
#define WOAD_USE_VENDOR_INIT 1
#define WOAD_USE_QUIRKS 1
#define WOAD_USE_CONTROLLER_CRYPTO 1
#define WOAD_CONFIG_CONNS 3
#define WOAD_CONFIG_MTU 101
#define WOAD_CONFIG_TX_QUEUE 333
#define WOAD_CONFIG_REQUEST_QUEUE 111
#define WOAD_CONFIG_PREPARE_QUEUE 77
#define WOAD_CONFIG_ATTR_TABLES 5
#define WOAD_CONFIG_SUBSCRIPTIONS 3
#define WOAD_CONFIG_PROCEDURES 7
#define WOAD_CONFIG_PIPELINE_QUEUE 33
#define WOAD_CONFIG_ATTR_INDEX 7
#define WOAD_CONFIG_ACCEPT_LIST 255
#define WOAD_CONFIG_BONDS 255
#define WOAD_CONFIG_L2CAP_CHANNELS 1000
#define WOAD_CONFIG_PSMS 255
#define WOAD_CONFIG_MPS 65535
#define WOAD_CONFIG_ATT_BEARERS 1
#define WOAD_CONFIG_ADV_SETS 255
#define WOAD_CONFIG_PAIRINGS 2
#include <woad/static.h>

#define WOAD_STATIC_NAME raised
#define WOAD_USE_ADVERTISER 1
#define WOAD_USE_SCANNER 1
#define WOAD_USE_CENTRAL 1
#define WOAD_USE_GATT_SERVER 1
#define WOAD_USE_GATT_CLIENT 1
#define WOAD_USE_ACCEPT_LIST 1
#define WOAD_USE_LINK_CONTROL 1
#define WOAD_USE_LONG_VALUES 1
#define WOAD_USE_READ_MULTIPLE 1
#define WOAD_USE_SIGNED_WRITES 1
#define WOAD_USE_PIPELINING 1
#define WOAD_USE_TYPE_INDEX 1
#define WOAD_USE_CLIENT_FEATURES 1
#define WOAD_USE_L2CAP_CHANNELS 1
#define WOAD_USE_ENHANCED_CHANNELS 1
#define WOAD_USE_EATT 1
#define WOAD_USE_SECURITY_MANAGER 1
#define WOAD_USE_KEYPRESSES 1
#define WOAD_USE_OUT_OF_BAND 1
#define WOAD_USE_RESOLVING_LIST 1
#define WOAD_USE_RECONNECTION 1
#define WOAD_USE_EXTENDED_ADVERTISING 1
#define WOAD_USE_WATCHDOG 1
#define WOAD_USE_VENDOR_INIT 1
#define WOAD_USE_QUIRKS 1
#define WOAD_USE_CONTROLLER_CRYPTO 1
#define WOAD_CONFIG_MTU 23
#define WOAD_CONFIG_TX_QUEUE 1
#define WOAD_CONFIG_REQUEST_QUEUE 1
#define WOAD_CONFIG_CONNS 5
#include <woad/static.h>

#define WOAD_STATIC_NAME beacon
#define WOAD_USE_ADVERTISER 1
#define WOAD_CONFIG_MTU 23
#include <woad/static.h>

#define WOAD_STATIC_NAME observer
#define WOAD_USE_SCANNER 1
#define WOAD_USE_ACCEPT_LIST 1
#define WOAD_USE_QUIRKS 1
#include <woad/static.h>

#define WOAD_STATIC_NAME peripheral
#define WOAD_USE_ADVERTISER 1
#define WOAD_USE_GATT_SERVER 1
#define WOAD_USE_LINK_CONTROL 1
#define WOAD_USE_LONG_VALUES 1
#define WOAD_CONFIG_CONNS 2
#define WOAD_CONFIG_MTU 64
#include <woad/static.h>

#define WOAD_STATIC_NAME lock
#define WOAD_USE_ADVERTISER 1
#define WOAD_USE_GATT_SERVER 1
#define WOAD_USE_SECURITY_PERIPHERAL 1
#define WOAD_USE_CONTROLLER_CRYPTO 1
#define WOAD_USE_WATCHDOG 1
#define WOAD_CONFIG_MTU 23
#define WOAD_CONFIG_BONDS 9
#define WOAD_CONFIG_SUBSCRIPTIONS 5
#include <woad/static.h>

#define WOAD_STATIC_NAME reader
#define WOAD_USE_SCANNER 1
#define WOAD_USE_CENTRAL 1
#define WOAD_USE_RECONNECTION 1
#define WOAD_USE_GATT_CLIENT 1
#define WOAD_CONFIG_CONNS 7
#define WOAD_CONFIG_PROCEDURES 9
#define WOAD_CONFIG_REQUEST_QUEUE 300
#include <woad/static.h>

#define WOAD_STATIC_NAME streams
#define WOAD_USE_ADVERTISER 1
#define WOAD_USE_L2CAP_CHANNELS 1
#define WOAD_CONFIG_CONNS 2
#define WOAD_CONFIG_MPS 247
#include <woad/static.h>

#define WOAD_STATIC_NAME streams_enhanced
#define WOAD_USE_CENTRAL 1
#define WOAD_USE_L2CAP_CHANNELS 1
#define WOAD_USE_ENHANCED_CHANNELS 1
#define WOAD_CONFIG_MTU 30
#define WOAD_CONFIG_L2CAP_CHANNELS 9
#define WOAD_CONFIG_MPS 20
#include <woad/static.h>

#define WOAD_STATIC_NAME bearers_without_eatt
#define WOAD_USE_GATT_SERVER 1
#define WOAD_USE_GATT_CLIENT 1
#define WOAD_USE_READ_MULTIPLE 1
#define WOAD_CONFIG_ATT_BEARERS 3
#define WOAD_CONFIG_CONNS 2
#define WOAD_CONFIG_ADV_SETS 7
#include <woad/static.h>

#define WOAD_STATIC_NAME sets
#define WOAD_USE_EXTENDED_ADVERTISING 1
#define WOAD_CONFIG_ADV_SETS 3
#include <woad/static.h>

#define WOAD_STATIC_NAME multiple
#define WOAD_USE_GATT_SERVER 1
#define WOAD_USE_READ_MULTIPLE 1
#define WOAD_USE_PIPELINING 1
#define WOAD_USE_TYPE_INDEX 1
#define WOAD_USE_CLIENT_FEATURES 1
#define WOAD_CONFIG_CONNS 3
#include <woad/static.h>

#define WOAD_USE_ADVERTISER 1
#define WOAD_CONFIG_MTU 40
#include <woad/static.h>

static bool up;

static void note(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)h;
    assert_ptr_equal(ctx, &up);
    up = up || ev->type == WOAD_EV_DOWN;
}

#define HOLDS(name) \
    do { \
        struct woad_config c = name##_config(note, &up); \
        assert_int_equal(woad_size(&c), name##_size); \
        assert_int_equal(sizeof(union name##_memory), (name##_size + 7) / 8 * 8); \
    } while (0)

static void size_is_that_of_the_host(void **state)
{
    (void)state;
    HOLDS(nothing);
    HOLDS(all);
    HOLDS(all_of_all);
    HOLDS(odd);
    HOLDS(raised);
    HOLDS(beacon);
    HOLDS(observer);
    HOLDS(peripheral);
    HOLDS(lock);
    HOLDS(reader);
    HOLDS(streams);
    HOLDS(streams_enhanced);
    HOLDS(bearers_without_eatt);
    HOLDS(sets);
    HOLDS(multiple);
    HOLDS(woad_static);
}

/* The config has the named features and capacities, no others, and nothing is wrong with it. */
static void config_is_what_was_named(void **state)
{
    struct woad_config_fault fault;
    struct woad_config c = lock_config(note, &up);
    (void)state;
    assert_int_equal(woad_config_check(&c, &fault), 0);
    assert_int_equal(c.bonds, 9);
    c = reader_config(note, &up);
    assert_int_equal(woad_config_check(&c, &fault), 0);
    assert_int_equal(c.conns, 7);
    assert_int_equal(c.procedures, 9);
    assert_int_equal(c.request_queue, 300);
    assert_int_equal(c.mtu, 0);
    assert_ptr_equal(c.features[0], &woad_feature_scanner);
    assert_ptr_equal(c.features[2], &woad_feature_gatt_client);
    assert_ptr_equal(c.features[3], &woad_feature_reconnection);
    assert_null(c.features[4]);
    c = nothing_config(note, &up);
    assert_null(c.features[0]);
}

static void host_runs_in_static_memory(void **state)
{
    static union woad_static_memory memory;
    const struct woad_config c = woad_static_config(note, &up);
    struct woad *h = woad_init(&memory, sizeof memory, &c);
    (void)state;
    assert_non_null(h);
    assert_int_equal(woad_init_check(&memory, sizeof memory, &c, NULL), 0);
    assert_int_equal(woad_start(h), 0);
    woad_fail(h, WOAD_EIO);
    assert_true(up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size_is_that_of_the_host),
        cmocka_unit_test(config_is_what_was_named),
        cmocka_unit_test(host_runs_in_static_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
