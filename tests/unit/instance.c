/* The instance: its memory, configurations, and the errors of calls at a wrong time. */
#include "cm.h"
#include "every_feature.h"

#include <woad/hci.h>
#include <woad/woad.h>

static const struct woad_feature *const none[] = { NULL };

static void ignore(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)ctx;
    (void)h;
    (void)ev;
}

static struct woad_config config(void)
{
    return (struct woad_config){ .features = all,
                                 .event = ignore,
                                 .conns = 2,
                                 .attr_tables = 1,
                                 .subscriptions = 2,
                                 .procedures = 2,
                                 .mtu = 64,
                                 .tx_queue = 128,
                                 .request_queue = 128,
                                 .prepare_queue = 64 };
}

/* The host uses exactly woad_size() octets; the sanitizer reports any other access. */
static void exactly_its_memory(void **state)
{
    (void)state;
    for (uint8_t conns = 1; conns < 60; conns = (uint8_t)(conns + 13)) {
        for (int features = 0; features < 2; features++) {
            struct woad_config c = config();
            c.conns = conns;
            c.features = features ? all : none;
            size_t size = woad_size(&c);
            void *mem = malloc(size);
            assert_null(woad_init(mem, size - 1, &c));
            struct woad *h = woad_init(mem, size, &c);
            assert_non_null(h);
            assert_int_equal(woad_start(h), 0);
            assert_int_equal(woad_start(h), WOAD_EALREADY);
            woad_fail(h, WOAD_EIO);
            free(mem);
        }
    }
}

/* Every call with an unknown connection, and before WOAD_EV_UP. */
static void api_bad_handle_all(void **state)
{
    const uint16_t bad[] = { 0, 1, 2, 0x0100, 0x7f00, 0xffff };
    struct woad_config c = config();
    void *mem = malloc(woad_size(&c));
    struct woad *h = woad_init(mem, woad_size(&c), &c);
    struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    struct woad_scan_params scan = { 16, 16, false, false, 0, false };
    struct woad_connect_params conn = { 16, 16, 24, 40, 0, 256, 0 };
    struct woad_addr addr = { 0, { 1 } };
    struct woad_conn_info info;
    (void)state;
    static const struct woad_gatt_value two[] = { { 3, 1, "a" }, { 5, 1, "b" } };
    static const struct woad_uuid u = WOAD_UUID16(0x180d);
    static const uint16_t list[] = { 1, 2 };
    static const uint8_t channels[5] = { 0xff };
    assert_int_equal(woad_accept_list_set(h, &addr, 1), WOAD_ENODEV);
    assert_int_equal(woad_set_channel_map(h, channels), WOAD_ENODEV);
    assert_int_equal(woad_gatt_add(h, NULL, 0, NULL), WOAD_ENODEV);
    assert_int_equal(woad_adv_start(h, &adv), WOAD_ENODEV);
    assert_int_equal(woad_adv_set_data(h, NULL, 0), WOAD_ENODEV);
    assert_int_equal(woad_scan_start(h, &scan), WOAD_ENODEV);
    assert_int_equal(woad_connect(h, &addr, &conn), WOAD_ENODEV);
    assert_int_equal(woad_connect_cancel(h), WOAD_ENODEV);
    assert_int_equal(woad_own_address(h, &addr), WOAD_ENODEV);
    assert_int_equal(woad_set_own_address(h, 0, NULL), WOAD_ENODEV);
    assert_int_equal(woad_stop(h), WOAD_ENODEV);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint16_t n = bad[i];
        assert_int_equal(woad_conn_info(h, n, &info), WOAD_ENOTCONN);
        assert_int_equal(woad_disconnect(h, n, 0x13), WOAD_ENOTCONN);
        assert_int_equal(woad_conn_update(h, n, &conn), WOAD_ENOTCONN);
        assert_int_equal(woad_gatt_notify(h, n, 3, "", 0), WOAD_ENOTCONN);
        assert_int_equal(woad_gatt_indicate(h, n, 3, "", 0), WOAD_ENOTCONN);
        assert_int_equal(woad_gatt_answer(h, n, 0, "", 0), WOAD_ENOTCONN);
        assert_int_equal(woad_gatt_subscription(h, n, 3), 0);
        assert_int_equal(woad_gattc_services(h, n, NULL), WOAD_ENOTCONN);
        assert_int_equal(woad_gattc_characteristics(h, n, 1, 2, NULL), WOAD_ENOTCONN);
        assert_int_equal(woad_gattc_descriptors(h, n, 1, 2), WOAD_ENOTCONN);
        assert_int_equal(woad_gattc_read(h, n, 1), WOAD_ENOTCONN);
        assert_int_equal(woad_gattc_write(h, n, 1, "", 0), WOAD_ENOTCONN);
        assert_int_equal(woad_gattc_write_command(h, n, 1, "", 0), WOAD_ENOTCONN);
        assert_int_equal(woad_gattc_exchange_mtu(h, n), WOAD_ENOTCONN);
        assert_int_equal(woad_gatt_notify_latest(h, n, 3, "", 0), WOAD_ENOTCONN);
        assert_int_equal(woad_gatt_notify_multiple(h, n, two, 2), WOAD_ENOTCONN);
        assert_int_equal(woad_gattc_secondary_services(h, n), WOAD_ENOTCONN);
        assert_int_equal(woad_gattc_included(h, n, 1, 2), WOAD_ENOTCONN);
        assert_int_equal(woad_gattc_read_by_uuid(h, n, 1, 2, &u), WOAD_ENOTCONN);
        assert_int_equal(woad_gattc_read_multiple(h, n, list, 2), WOAD_ENOTCONN);
        assert_int_equal(woad_gattc_read_multiple_fixed(h, n, list, 2), WOAD_ENOTCONN);
        assert_int_equal(woad_gattc_cancel(h, n), WOAD_ENOTCONN);
        assert_int_equal(woad_link_read(h, n, WOAD_LINK_RSSI), WOAD_ENOTCONN);
        assert_int_equal(woad_link_set_phy(h, n, 1, 1, WOAD_CODING_ANY), WOAD_ENOTCONN);
        assert_int_equal(woad_link_set_data_length(h, n, 100), WOAD_ENOTCONN);
    }
    assert_int_equal(woad_set_mtu(h, 22), WOAD_EINVAL);
    assert_int_equal(woad_set_mtu(h, 65), WOAD_EINVAL);
    assert_int_equal(woad_rx(h, NULL, 0), WOAD_EBADMSG);
    free(mem);
}

/* Calls of features that the configuration lacks return WOAD_ENOTSUP. */
static void features_that_are_not_there(void **state)
{
    struct woad_config c = config();
    c.features = none;
    void *mem = malloc(woad_size(&c));
    struct woad *h = woad_init(mem, woad_size(&c), &c);
    struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    struct woad_scan_params scan = { 16, 16, false, false, 0, false };
    struct woad_connect_params conn = { 16, 16, 24, 40, 0, 256, 0 };
    struct woad_addr addr = { 0, { 1 } };
    const uint8_t *name;
    (void)state;
    assert_int_equal(woad_adv_start(h, &adv), WOAD_ENOTSUP);
    assert_int_equal(woad_adv_stop(h), WOAD_ENOTSUP);
    assert_int_equal(woad_scan_start(h, &scan), WOAD_ENOTSUP);
    assert_int_equal(woad_connect(h, &addr, &conn), WOAD_ENOTSUP);
    assert_int_equal(woad_gatt_add(h, NULL, 0, NULL), WOAD_ENOTSUP);
    assert_int_equal(woad_gatt_set_name(h, NULL, 0), WOAD_ENOTSUP);
    assert_int_equal(woad_gatt_name(h, &name), 0);
    assert_int_equal(woad_gatt_remove(h, 10), WOAD_ENOTSUP);
    assert_int_equal(woad_gatt_clear(h), WOAD_ENOTSUP);
    assert_int_equal(woad_accept_list_set(h, &addr, 1), WOAD_ENOTSUP);
    assert_int_equal(woad_link_read(h, 0, WOAD_LINK_RSSI), WOAD_ENOTSUP);
    assert_int_equal(woad_gattc_cancel(h, 0), WOAD_ENOTSUP);
    free(mem);
}

static void databases_that_are_refused(void **state)
{
    static const struct woad_uuid u = WOAD_UUID16(0x180d);
    static const struct woad_attr good[] = { WOAD_PRIMARY(&u), WOAD_CHARACTERISTIC(&u, 2, 1),
                                             WOAD_CCCD };
    static const struct woad_attr no_service[] = { WOAD_CHARACTERISTIC(&u, 2, 1) };
    static const struct woad_attr no_value[] = { WOAD_PRIMARY(&u),
                                                 { &u, NULL, 0, WOAD_ATTR_CHARACTERISTIC, 2, 1 } };
    static const struct woad_attr lone_cccd[] = { WOAD_PRIMARY(&u), WOAD_CCCD };
    static const struct woad_attr lone_value[] = { WOAD_PRIMARY(&u),
                                                   { &u, NULL, 0, WOAD_ATTR_VALUE, 0, 1 } };
    static const struct woad_attr no_type[] = { WOAD_PRIMARY(NULL) };
    struct woad_config c = config();
    void *mem = malloc(woad_size(&c));
    struct woad *h = woad_init(mem, woad_size(&c), &c);
    uint16_t first = 7;
    (void)state;
    woad_start(h);
    assert_int_equal(woad_gatt_add(h, no_service, 2, &first), WOAD_EINVAL);
    assert_int_equal(woad_gatt_add(h, no_value, 2, &first), WOAD_EINVAL);
    assert_int_equal(woad_gatt_add(h, lone_cccd, 2, &first), WOAD_EINVAL);
    assert_int_equal(woad_gatt_add(h, lone_value, 2, &first), WOAD_EINVAL);
    assert_int_equal(woad_gatt_add(h, no_type, 1, &first), WOAD_EINVAL);
    assert_int_equal(woad_gatt_add(h, good, 0, &first), WOAD_EINVAL);
    assert_int_equal(woad_gatt_add(h, NULL, 1, &first), WOAD_EINVAL);
    assert_int_equal(first, 7);
    assert_int_equal(woad_gatt_add(h, good, 4, &first), 0);
    assert_int_equal(first, 14);
    assert_int_equal(woad_gatt_add(h, good, 4, &first), WOAD_ENOMEM);
    assert_int_equal(woad_gatt_clear(h), 0);
    assert_int_equal(woad_gatt_add(h, good, 4, &first), 0);
    assert_int_equal(first, 14);
    assert_int_equal(woad_gatt_set_name(h, (const uint8_t *)"01234567890123456789012345678901", 32),
                     WOAD_EINVAL);
    free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_its_memory),
        cmocka_unit_test(api_bad_handle_all),
        cmocka_unit_test(features_that_are_not_there),
        cmocka_unit_test(databases_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
