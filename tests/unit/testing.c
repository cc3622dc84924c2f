#define _GNU_SOURCE
/* woad/testing.h itself: what waits return, what a failure says, time, power, equal runs. */
#include "folder.h"

#include <woad/crypto.h>
#include <woad/hci.h>
#include <woad/testing.h>

static const struct woad_uuid service = WOAD_UUID16(0x181a), celsius = WOAD_UUID16(0x2a6e);
static const struct woad_attr attrs[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(&celsius, WOAD_PROP_NOTIFY | WOAD_PROP_WRITE, WOAD_PERM_WRITE),
};
static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_scanner,
                                                       &woad_feature_central,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_security_manager,
                                                       NULL };
static const struct woad_connect_params params = { 160, 160, 24, 24, 0, 200, 0 };
enum { VALUE_FROM_FIRST = 2, CCCD_FROM_FIRST = 3 };

struct sensor {
    uint16_t conn, first;
    uint32_t loops, next_ms, late_ms;
    unsigned ups;
};

static void sensor_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    static const struct woad_security_policy policy = { .io = WOAD_IO_NONE, .bond = true };
    struct sensor *s = ctx;
    if (ev->type == WOAD_EV_UP) {
        s->ups++;
        woad_gatt_add(h, attrs, sizeof attrs / sizeof *attrs, &s->first);
        woad_set_security_policy(h, &policy);
        woad_adv_start(h, &adv);
    } else if (ev->type == WOAD_EV_CONNECT) {
        s->conn = ev->conn;
    } else if (ev->type == WOAD_EV_GATT_WRITE && ev->u.gatt_write.need_answer) {
        woad_gatt_answer(h, ev->conn, 0, NULL, 0);
    }
}

static uint32_t sensor_loop(void *ctx, struct woad *h, uint32_t now_ms)
{
    struct sensor *s = ctx;
    s->loops++;
    if ((int32_t)(now_ms - s->next_ms) >= 0) {
        uint8_t count = (uint8_t)(now_ms / 1000);
        s->late_ms += now_ms - s->next_ms;
        s->next_ms += 1000;
        woad_gatt_notify(h, s->conn, (uint16_t)(s->first + VALUE_FROM_FIRST), &count, 1);
    }
    return s->next_ms - now_ms;
}

static struct woad_test_node_config config_of(const char *name)
{
    return (struct woad_test_node_config){ .name = name,
                                           .host = { .features = features,
                                                     .conns = 2,
                                                     .attr_tables = 1,
                                                     .subscriptions = 2,
                                                     .procedures = 4,
                                                     .mtu = 65,
                                                     .tx_queue = 256,
                                                     .request_queue = 256,
                                                     .bonds = 2,
                                                     .crypto = &woad_psa } };
}

/* A sensor and a reader, and the reader's connection. */
static struct sensor app;
static struct woad_test *t;
static struct woad_test_node *sensor, *reader;
static uint16_t conn;

static void begin(const struct woad_test_config *config)
{
    struct woad_test_node_config sensor_config = config_of("sensor");
    struct woad_test_node_config reader_config = config_of("reader");
    sensor_config.host.event = sensor_event;
    sensor_config.host.ctx = &app;
    sensor_config.loop = sensor_loop;
    app = (struct sensor){ .conn = WOAD_NO_CONN };
    t = woad_test_begin(config);
    sensor = woad_test_add(t, &sensor_config);
    reader = woad_test_add(t, &reader_config);
}

static void join(void)
{
    WOAD_TEST_CALL(reader,
                   woad_connect(woad_test_host(reader), woad_test_address(sensor), &params));
    conn = woad_test_wait(reader, WOAD_EV_CONNECT, 5000)->conn;
    woad_test_wait(sensor, WOAD_EV_CONNECT, 5000);
}

static void subscribe(void)
{
    uint16_t handle = (uint16_t)(app.first + CCCD_FROM_FIRST);
    WOAD_TEST_CALL(reader, woad_gattc_write(woad_test_host(reader), conn, handle, "\1\0", 2));
    assert_int_equal(woad_test_wait(reader, WOAD_EV_GATTC_DONE, 1000)->u.done.status, 0);
}

/* A wait returns each event once, in order, whether it was raised before or comes later, and does
 * not take events of other types away. */
static void waits_return_each_event_once(void **state)
{
    (void)state;
    begin(NULL);
    join();
    subscribe();
    woad_test_run(t, 3500);
    const struct woad_event *first = woad_test_wait(reader, WOAD_EV_NOTIFIED, 0);
    const struct woad_event *second = woad_test_wait(reader, WOAD_EV_NOTIFIED, 0);
    assert_int_equal(second->u.value.data[0], first->u.value.data[0] + 1);
    for (uint8_t n = 2; n < 8; n++) {
        const struct woad_event *ev = woad_test_wait(reader, WOAD_EV_NOTIFIED, 1100);
        assert_int_equal(ev->u.value.data[0], first->u.value.data[0] + n);
    }
    assert_int_equal(woad_test_wait(sensor, WOAD_EV_SUBSCRIBE, 0)->u.subscribe.cccd, 1);
    woad_test_forget(reader);
    assert_int_equal(woad_test_count(reader, WOAD_EV_NOTIFIED), 0);
    woad_test_end(t);
}

static bool is_even(void *ctx, const struct woad_event *ev)
{
    ++*(int *)ctx;
    return ev->u.value.data[0] % 2 == 0;
}

static bool has_three(void *ctx)
{
    (void)ctx;
    return woad_test_count(reader, WOAD_EV_NOTIFIED) >= 3;
}

static void a_filter_passes_over_the_others(void **state)
{
    int calls = 0;
    (void)state;
    begin(NULL);
    join();
    subscribe();
    woad_test_wait_until(t, has_three, NULL, 4000, "three values");
    assert_int_equal(woad_test_count(reader, WOAD_EV_NOTIFIED), 3);
    const struct woad_event *ev =
        woad_test_wait_for(reader, WOAD_EV_NOTIFIED, is_even, &calls, 2000);
    uint8_t even = ev->u.value.data[0];
    assert_int_equal(even % 2, 0);
    ev = woad_test_wait_for(reader, WOAD_EV_NOTIFIED, is_even, &calls, 2000);
    assert_int_equal(ev->u.value.data[0], even + 2);
    assert_true(calls >= 3);
    woad_test_end(t);
}

/* A wait ends at the instant of the event, a loop is called at the millisecond it has asked for,
 * and an idle node's loop is not called. */
static void time_is_exact(void **state)
{
    (void)state;
    begin(NULL);
    join();
    app.loops = 0;
    woad_test_run(t, 3600000 - woad_test_now_ms(t));
    assert_int_equal(woad_test_now_ms(t), 3600000);
    assert_int_equal(app.late_ms, 0);
    assert_int_equal(app.next_ms, 3601000);
    assert_true(app.loops < 10 * 3600);
    WOAD_TEST_CALL(reader,
                   woad_disconnect(woad_test_host(reader), conn, WOAD_HCI_REMOTE_USER_TERMINATED));
    woad_test_wait(sensor, WOAD_EV_DISCONNECT, 60000);
    assert_true(woad_test_now_ms(t) < 3600100);
    woad_test_never(sensor, WOAD_EV_CONNECT, 1000);
    woad_test_end(t);
}

/* A node without power is gone without a word, starts as new, and is found again. */
static void power_is_lost_and_comes_back(void **state)
{
    (void)state;
    begin(NULL);
    join();
    woad_test_run(t, 1000);
    woad_test_power(sensor, false);
    woad_test_power(sensor, false);
    const struct woad_event *ev = woad_test_wait(reader, WOAD_EV_DISCONNECT, 2100);
    assert_int_equal(ev->u.disconnect.reason, WOAD_HCI_CONNECTION_TIMEOUT);
    WOAD_TEST_CALL(reader,
                   woad_connect(woad_test_host(reader), woad_test_address(sensor), &params));
    woad_test_never(reader, WOAD_EV_CONNECT, 5000);
    woad_test_power(sensor, true);
    assert_int_equal(app.ups, 2);
    woad_test_wait(reader, WOAD_EV_CONNECT, 5000);
    woad_test_end(t);
}

/* Random octets, keys among them, come from the seed; a bond's event is copied with its keys. */
static uint64_t run_of(uint64_t seed)
{
    begin(&(struct woad_test_config){ .seed = seed, .loss_per_mille = 100, .crypto = &woad_psa });
    join();
    subscribe();
    static const struct woad_security_policy policy = { .io = WOAD_IO_NONE, .bond = true };
    WOAD_TEST_CALL(reader, woad_set_security_policy(woad_test_host(reader), &policy));
    WOAD_TEST_CALL(reader, woad_pair(woad_test_host(reader), conn));
    const struct woad_event *ev = woad_test_wait(sensor, WOAD_EV_BOND, 10000);
    const struct woad_event *other = woad_test_wait(reader, WOAD_EV_BOND, 10000);
    assert_true(woad_test_wait(reader, WOAD_EV_SECURITY, 1000)->u.security.now.encrypted);
    assert_memory_equal(ev->u.bond.bond->own_ltk, other->u.bond.bond->own_ltk, 16);
    assert_int_equal(ev->u.bond.bond->cccds, 1);
    assert_int_equal(ev->u.bond.bond->cccd[0].handle, app.first + CCCD_FROM_FIRST);
    woad_test_run(t, 10000);
    uint64_t hash = woad_test_hash(t);
    woad_test_end(t);
    return hash;
}

static void equal_seeds_are_equal_runs(void **state)
{
    (void)state;
    uint64_t one = run_of(1);
    assert_true(one == run_of(1));
    assert_true(one != run_of(2));
}

static jmp_buf failed;
static char reason[4096];

static void on_failure(const char *text)
{
    strcpy(reason, text);
    longjmp(failed, 1);
}

static void expect(const char *text)
{
    if (!strstr(reason, text)) {
        fail_msg("\"%s\" is not in: %s", text, reason);
    }
}

/* Each way to fail names the node, the reason, the time, the seed, and the last events. */
static void failures_say_why(void **state)
{
    static const struct woad_test_config config = { .seed = 7, .failed = on_failure };
    volatile int step = 0;
    (void)state;
    begin(&config);
    join();
    switch (setjmp(failed) ? step : step) {
    case 0:
        step = 1;
        woad_test_wait(reader, WOAD_EV_PASSKEY, 1000);
        break;
    case 1:
        expect("reader: no WOAD_EV_PASSKEY within 1000 ms");
        expect("seed 7");
        expect("what happened last:");
        expect("sensor       WOAD_EV_CONNECT, connection 0");
        step = 2;
        WOAD_TEST_CALL(reader, woad_pair(woad_test_host(reader), 77));
        break;
    case 2:
        expect("reader: woad_pair(woad_test_host(reader), 77): -107, no such connection");
        step = 3;
        woad_disconnect(woad_test_host(reader), conn, WOAD_HCI_REMOTE_USER_TERMINATED);
        woad_test_never(sensor, WOAD_EV_DISCONNECT, 1000);
        break;
    case 3:
        expect("sensor: WOAD_EV_DISCONNECT within 1000 ms, which must not be");
        expect("sensor       WOAD_EV_DISCONNECT, connection 0, status 19 (0x13)");
        step = 4;
        WOAD_TEST_CHECK(t, conn == 55);
        break;
    case 4:
        expect("not so: conn == 55");
        step = 5;
        woad_test_add(t, &(struct woad_test_node_config){ .name = "bad", .host = { .mtu = 5 } });
        break;
    default: expect("bad: the config of its host is not valid: mtu is 5"); step = 6;
    }
    assert_int_equal(step, 6);
    woad_test_end(t);
}

static void the_air_is_captured(void **state)
{
    (void)state;
    begin(&(struct woad_test_config){ .pcap = "air.pcap" });
    join();
    woad_test_run(t, 1000);
    woad_test_end(t);
    FILE *f = fopen("air.pcap", "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    assert_true(ftell(f) > 1000);
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_return_each_event_once),
        cmocka_unit_test(a_filter_passes_over_the_others),
        cmocka_unit_test(time_is_exact),
        cmocka_unit_test(power_is_lost_and_comes_back),
        cmocka_unit_test(equal_seeds_are_equal_runs),
        cmocka_unit_test(failures_say_why),
        cmocka_unit_test_setup_teardown(the_air_is_captured, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
