/* A battery: advertises, serves its level (0x180F, 0x2A19), and notifies it as it falls.  Ends when
 * the first central disconnects. */
#include <stdio.h>
#include <stdlib.h>

#include <woad/port.h>
#include <woad/woad.h>

static const struct woad_uuid battery = WOAD_UUID16(0x180f), level = WOAD_UUID16(0x2a19);
static const struct woad_attr service[] = {
    WOAD_PRIMARY(&battery),
    WOAD_CHARACTERISTIC(&level, WOAD_PROP_READ | WOAD_PROP_NOTIFY, WOAD_PERM_READ),
    WOAD_CCCD,
};
static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_gatt_server, NULL };

struct app {
    uint16_t first, conn;
    uint8_t percent;
    bool done;
};

static void advertise(struct woad *h)
{
    static const char name[] = "Woad battery";
    struct woad_adv_params params = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    uint8_t data[WOAD_ADV_DATA_MAX];
    size_t len = 0;
    woad_ad_add(data, &len, sizeof data, 0x01, "\x06", 1);
    woad_ad_add(data, &len, sizeof data, 0x09, name, sizeof name - 1);
    woad_adv_set_data(h, data, len);
    woad_adv_start(h, &params);
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct app *app = ctx;
    switch (ev->type) {
    case WOAD_EV_UP:
        woad_gatt_add(h, service, sizeof service / sizeof *service, &app->first);
        advertise(h);
        break;
    case WOAD_EV_CONNECT:
        app->conn = ev->conn;
        printf("a central has come\n");
        break;
    case WOAD_EV_GATT_READ: woad_gatt_answer(h, ev->conn, 0, &app->percent, 1); break;
    case WOAD_EV_DISCONNECT:
        printf("it has gone: reason 0x%02x\n", ev->u.disconnect.reason);
        app->done = true;
        break;
    case WOAD_EV_DOWN: app->done = true; break;
    default: break;
    }
    fflush(stdout);
}

int main(void)
{
    struct app app = { .conn = WOAD_NO_CONN, .percent = 100 };
    struct woad_config config = { .features = features,
                                  .event = on_event,
                                  .ctx = &app,
                                  .conns = 1,
                                  .attr_tables = 1,
                                  .subscriptions = 2,
                                  .procedures = 1,
                                  .mtu = 64,
                                  .tx_queue = 128,
                                  .request_queue = 128 };
    struct woad *h = woad_init(malloc(woad_size(&config)), woad_size(&config), &config);
    if (!h) {
        fprintf(stderr, "no memory, or a config that is not valid: queues are at least mtu + 2\n");
        return 1;
    }
    char why[WOAD_PORT_MESSAGE_MAX];
    int error;
    struct woad_port *port = woad_port_open(NULL, &error, why);
    if (!port) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    woad_start(h);
    uint32_t next = woad_port_now_ms();
    while (!app.done) {
        woad_port_step(port, h, 50);
        uint16_t value = (uint16_t)(app.first + 2);
        bool due = (int32_t)(woad_port_now_ms() - next) > 0;
        if (due && woad_gatt_subscription(h, app.conn, value)) {
            app.percent--;
            woad_gatt_notify(h, app.conn, value, &app.percent, 1);
            next = woad_port_now_ms() + 200;
        }
    }
    woad_port_close(port);
    free(h);
    return 0;
}
