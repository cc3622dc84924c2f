/* Finds the battery of peripheral.c, reads its level, subscribes, prints five values and leaves. */
#include <stdio.h>
#include <string.h>

#include <woad/hci.h>
#include <woad/port.h>
#include <woad/woad.h>

static const struct woad_uuid battery = WOAD_UUID16(0x180f), level = WOAD_UUID16(0x2a19);
static const struct woad_feature *const features[] = { &woad_feature_scanner, &woad_feature_central,
                                                       &woad_feature_reconnection,
                                                       &woad_feature_gatt_client, NULL };

struct app {
    int left;
    bool found, done;
};

static void on_report(struct app *app, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_connect_params params = WOAD_CONNECT_DEFAULT;
    size_t len;
    const uint8_t *name = woad_ad_find(ev->u.report.data, ev->u.report.len, WOAD_AD_NAME, &len);
    if (!app->found && name && len == 12 && memcmp(name, "Woad battery", 12) == 0) {
        app->found = true;
        printf("found it, %d dBm\n", ev->u.report.rssi);
        woad_connect(h, &ev->u.report.addr, &params); /* ends the scan */
    }
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_scan_params scan = WOAD_SCAN_DEFAULT;
    struct app *app = ctx;
    switch (ev->type) {
    case WOAD_EV_UP: woad_scan_start(h, &scan); break;
    case WOAD_EV_REPORT: on_report(app, h, ev); break;
    case WOAD_EV_SCAN_DONE: app->done = !app->found; break;
    case WOAD_EV_CONNECT: woad_gattc_find(h, ev->conn, &battery, &level); break;
    case WOAD_EV_CHARACTERISTIC:
        woad_gattc_read(h, ev->conn, ev->u.characteristic.value);
        woad_gattc_subscribe(h, ev->conn, ev->u.characteristic.value, ev->u.characteristic.end,
                             WOAD_CCCD_NOTIFY);
        break;
    case WOAD_EV_READ:
    case WOAD_EV_NOTIFIED:
        if (!app->left) {
            break; /* one more, before the connection has ended */
        }
        printf("%u %%\n", ev->u.value.len ? ev->u.value.data[0] : 0u);
        fflush(stdout);
        if (--app->left == 0) {
            woad_disconnect(h, ev->conn, WOAD_HCI_REMOTE_USER_TERMINATED);
        }
        break;
    case WOAD_EV_CONNECT_FAILED:
    case WOAD_EV_DISCONNECT: app->done = true; break;
    default: break;
    }
}

int main(void)
{
    struct app app = { .left = 5 };
    const struct woad_config config = { .features = features, .event = on_event, .ctx = &app };
    int status = woad_port_run(&config, "central", NULL, &app.done);
    return status || app.left;
}
