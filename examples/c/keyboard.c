/* A keyboard (HID over GATT): `keyboard TEXT` types TEXT, of a to z and spaces, at the computer
 * that has paired with it and subscribed.  Everything needs encryption, so the computer pairs. */
#include <woad/crypto.h>
#include <woad/port.h>
#include <woad/woad.h>

#include "hid_keyboard.h"

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_security_peripheral, NULL };
static struct {
    const char *text;
    uint16_t first;
    uint32_t last_ms, pause_ms;
    uint8_t mode, report[8]; /* mode 1: reports; 0: boot */
    bool down, done;
} app;

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_security_policy policy = { .io = WOAD_IO_NONE, .bond = true };
    static const struct woad_adv_params params = WOAD_ADV_DEFAULT;
    uint8_t data[WOAD_ADV_DATA_MAX];
    struct woad_ad_builder ad = WOAD_AD_BUILDER(data);
    (void)ctx;
    if (ev->type == WOAD_EV_UP) {
        woad_gatt_add(h, service, sizeof service / sizeof *service, &app.first);
        woad_set_security_policy(h, &policy);
        woad_ad_flags(&ad, WOAD_AD_GENERAL | WOAD_AD_LE_ONLY);
        woad_ad_appearance(&ad, 0x03c1);
        woad_ad_uuids(&ad, &hid, 1);
        woad_ad_name(&ad, "Woad keyboard");
        woad_adv_set_data(h, ad.data, ad.len);
    }
    if (ev->type == WOAD_EV_UP || ev->type == WOAD_EV_DISCONNECT) {
        app.mode = 1; /* at each connection */
        woad_adv_start(h, &params);
    } else if (ev->type == WOAD_EV_GATT_READ && ev->u.gatt_read.handle == app.first + MODE) {
        woad_gatt_answer(h, ev->conn, 0, &app.mode, 1);
    } else if (ev->type == WOAD_EV_GATT_READ) {
        woad_gatt_answer(h, ev->conn, 0, app.report, sizeof app.report);
    } else if (ev->type == WOAD_EV_GATT_WRITE && ev->u.gatt_write.handle == app.first + MODE &&
               ev->u.gatt_write.len == 1) {
        app.mode = ev->u.gatt_write.data[0] != 0;
    }
}

/* A key goes down, and up 10 ms later; without a subscription it waits. */
static uint32_t loop(void *ctx, struct woad *h, uint32_t now_ms)
{
    uint16_t handle = (uint16_t)(app.first + (app.mode ? REPORT : BOOT));
    (void)ctx;
    if (now_ms - app.last_ms < app.pause_ms)
        return app.pause_ms - (now_ms - app.last_ms);
    app.last_ms = now_ms;
    app.done = !*app.text;
    app.report[2] = app.down || app.done ? 0 : (uint8_t)(*app.text == ' ' ? 44 : *app.text - 93);
    if (!app.done && woad_gatt_notify_subscribers(h, handle, app.report, sizeof app.report) > 0) {
        app.text += app.down;
        app.down = !app.down;
    }
    app.pause_ms = *app.text ? 10 : 500; /* the last one has left by then */
    return app.pause_ms;
}

int main(int argc, char **argv)
{
    const struct woad_config config = {
        .features = features, .event = on_event, .crypto = &woad_psa, .random = woad_port_random
    };
    app.text = argc > 1 ? argv[1] : "hello world";
    return woad_port_run(&config, "keyboard", loop, &app.done);
}
