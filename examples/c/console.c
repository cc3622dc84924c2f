/* A console over Bluetooth, by Nordic's UART Service: what is typed here is printed by the central
 * (console_connect.c, or an app of a phone), and the other way round.  Ends when it leaves. */
#include <stdio.h>

#include <woad/port.h>

#include "nus.h"

static const struct woad_attr service[] = {
    WOAD_PRIMARY(&nus),
    WOAD_CHARACTERISTIC(&nus_to_server, WOAD_PROP_WRITE | WOAD_PROP_WRITE_COMMAND, WOAD_PERM_WRITE),
    WOAD_CHARACTERISTIC_CCCD(&nus_to_client, WOAD_PROP_NOTIFY, 0),
};
enum { TO_CLIENT = 4 }; /* its value's handle, from the first one on */
static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_gatt_server, NULL };
static struct {
    uint16_t first;
    uint8_t text[20]; /* fits every connection's ATT_MTU */
    int len;          /* typed, and not sent yet */
    bool done;
} app;

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_adv_params params = WOAD_ADV_DEFAULT;
    uint8_t data[WOAD_ADV_DATA_MAX];
    struct woad_ad_builder ad = WOAD_AD_BUILDER(data);
    (void)ctx;
    switch (ev->type) {
    case WOAD_EV_UP:
        woad_gatt_add(h, service, sizeof service / sizeof *service, &app.first);
        woad_ad_flags(&ad, WOAD_AD_GENERAL | WOAD_AD_LE_ONLY);
        woad_ad_uuids(&ad, &nus, 1);
        woad_ad_name(&ad, "Woad");
        woad_adv_set_data(h, ad.data, ad.len);
        woad_adv_start(h, &params);
        break;
    case WOAD_EV_GATT_WRITE:
        fwrite(ev->u.gatt_write.data, 1, ev->u.gatt_write.len, stdout);
        fflush(stdout);
        if (ev->u.gatt_write.need_answer)
            woad_gatt_answer(h, ev->conn, 0, NULL, 0);
        break;
    case WOAD_EV_DISCONNECT: app.done = true; break;
    default: break;
    }
}

/* Reads more only when the last part is queued, so that nothing is lost. */
static uint32_t loop(void *ctx, struct woad *h, uint32_t now_ms)
{
    (void)ctx, (void)now_ms;
    if (app.len == 0)
        app.len = input(app.text, sizeof app.text);
    uint16_t handle = (uint16_t)(app.first + TO_CLIENT);
    if (app.len > 0 && woad_gatt_notify_subscribers(h, handle, app.text, (size_t)app.len) > 0)
        app.len = 0;
    return 20;
}

int main(void)
{
    const struct woad_config config = { .features = features, .event = on_event };
    return woad_port_run(&config, "console", loop, &app.done);
}
