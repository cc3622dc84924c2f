/* The other end of console.c: connects to the first console that it finds.  Ends with the input. */
#include <stdio.h>

#include <woad/hci.h>
#include <woad/port.h>

#include "nus.h"

static const struct woad_feature *const features[] = { &woad_feature_scanner, &woad_feature_central,
                                                       &woad_feature_reconnection,
                                                       &woad_feature_gatt_client, NULL };
static struct {
    bool found, sending, done;
    uint16_t conn, to_server; /* 0: not subscribed yet */
    uint8_t text[20];
    int len; /* typed, and not sent yet; -1: the input has ended */
} app;

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_scan_params scan = WOAD_SCAN_DEFAULT;
    static const struct woad_connect_params params = WOAD_CONNECT_DEFAULT;
    static uint16_t to_server;
    (void)ctx;
    switch (ev->type) {
    case WOAD_EV_UP: woad_scan_start(h, &scan); break;
    case WOAD_EV_REPORT:
        if (!app.found && woad_ad_has_uuid(ev->u.report.data, ev->u.report.len, &nus))
            app.found = woad_connect(h, &ev->u.report.addr, &params) == 0; /* ends the scan */
        break;
    case WOAD_EV_CONNECT:
        woad_gattc_find(h, app.conn = ev->conn, &nus, &nus_to_server);
        woad_gattc_find(h, ev->conn, &nus, &nus_to_client);
        break;
    case WOAD_EV_CHARACTERISTIC:
        if (ev->u.characteristic.props & WOAD_PROP_NOTIFY)
            woad_gattc_subscribe(h, ev->conn, ev->u.characteristic.value, ev->u.characteristic.end,
                                 WOAD_CCCD_NOTIFY);
        else
            to_server = ev->u.characteristic.value;
        break;
    case WOAD_EV_GATTC_DONE:
        if (ev->u.done.op == WOAD_GATTC_SUBSCRIBE && ev->u.done.status == 0)
            app.to_server = to_server;
        break;
    case WOAD_EV_NOTIFIED:
        fwrite(ev->u.value.data, 1, ev->u.value.len, stdout);
        fflush(stdout);
        break;
    case WOAD_EV_TX_DONE: app.sending = false; break;
    case WOAD_EV_SCAN_DONE: app.done = !app.found; break;
    case WOAD_EV_DISCONNECT:
    case WOAD_EV_CONNECT_FAILED: app.done = true; break;
    default: break;
    }
}

static uint32_t loop(void *ctx, struct woad *h, uint32_t now_ms)
{
    (void)ctx, (void)now_ms;
    if (app.to_server && app.len == 0)
        app.len = input(app.text, sizeof app.text);
    if (app.len > 0 &&
        !woad_gattc_write_command(h, app.conn, app.to_server, app.text, (size_t)app.len)) {
        app.len = 0;
        app.sending = true;
    } else if (app.len < 0 && !app.sending) {
        woad_disconnect(h, app.conn, WOAD_HCI_REMOTE_USER_TERMINATED);
    }
    return 20;
}

int main(void)
{
    const struct woad_config config = { .features = features, .event = on_event };
    return woad_port_run(&config, "console_connect", loop, &app.done);
}
