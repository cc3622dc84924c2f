/* A test of a program in virtual time: a sensor that notifies each second, and a reader that loses
 * it and finds it again.  An hour takes a blink, and a second run is the same to the octet:
 *
 *     world [SEED [LOSS_PER_MILLE]] */
#include <stdio.h>
#include <stdlib.h>
#include <woad/testing.h>

static const struct woad_uuid service = WOAD_UUID16(0x181a), celsius = WOAD_UUID16(0x2a6e);
static const struct woad_attr attrs[] = { WOAD_PRIMARY(&service),
                                          WOAD_CHARACTERISTIC_CCCD(&celsius, WOAD_PROP_NOTIFY, 0) };
static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_central,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client, NULL };
static const struct woad_config config = { .features = features,
                                           .conns = 1,
                                           .attr_tables = 1,
                                           .subscriptions = 2,
                                           .procedures = 2,
                                           .mtu = 64,
                                           .tx_queue = 128,
                                           .request_queue = 128 };

/* The program under test: the sensor as it runs on the board. */
struct sensor {
    uint16_t conn, first;
    uint32_t last_ms;
};

static void sensor_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    struct sensor *s = ctx;
    if (ev->type == WOAD_EV_CONNECT)
        s->conn = ev->conn;
    if (ev->type == WOAD_EV_UP)
        woad_gatt_add(h, attrs, sizeof attrs / sizeof *attrs, &s->first);
    if (ev->type == WOAD_EV_UP || ev->type == WOAD_EV_DISCONNECT)
        woad_adv_start(h, &adv);
}

static uint32_t sensor_loop(void *ctx, struct woad *h, uint32_t now_ms)
{
    struct sensor *s = ctx;
    bool due = now_ms - s->last_ms >= 1000;
    if (due && woad_gatt_subscription(h, s->conn, s->first + 2))
        woad_gatt_notify(h, s->conn, s->first + 2, "\x66\x08", 2);
    s->last_ms = due ? now_ms : s->last_ms;
    return 1000 - (now_ms - s->last_ms);
}

int main(int argc, char **argv)
{
    static const struct woad_connect_params params = { 160, 160, 80, 80, 4, 600, 0 };
    struct sensor app = { .conn = WOAD_NO_CONN };
    struct woad_test_config test = { .loss_per_mille = (uint16_t)(argc > 2 ? atoi(argv[2]) : 0) };
    test.seed = strtoull(argc > 1 ? argv[1] : "1", NULL, 0);
    struct woad_test_node_config node = { .name = "sensor", .host = config, .loop = sensor_loop };
    node.host.event = sensor_event, node.host.ctx = &app;
    struct woad_test *t = woad_test_begin(&test);
    struct woad_test_node *sensor = woad_test_add(t, &node), *reader;
    node = (struct woad_test_node_config){ .name = "reader", .host = config };
    reader = woad_test_add(t, &node);
    struct woad *h = woad_test_host(reader);
    for (int minute = 0; minute < 60; minute += 10) {
        WOAD_TEST_CALL(reader, woad_connect(h, woad_test_address(sensor), &params));
        uint16_t conn = woad_test_wait(reader, WOAD_EV_CONNECT, 10000)->conn;
        WOAD_TEST_CALL(reader, woad_gattc_write(h, conn, app.first + 3, "\1\0", 2));
        woad_test_run(t, 570000);
        woad_test_power(sensor, false); /* the battery is changed */
        woad_test_wait(reader, WOAD_EV_DISCONNECT, 30000);
        woad_test_power(sensor, true);
    }
    size_t n = woad_test_count(reader, WOAD_EV_NOTIFIED);
    WOAD_TEST_CHECK(t, n > 6 * 560 && n < 6 * 575);
    printf("%zu values, hash %016llx\n", n, (unsigned long long)woad_test_hash(t));
    woad_test_end(t);
}
