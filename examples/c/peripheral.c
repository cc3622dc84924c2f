/* A battery: advertises, serves its level (0x180F, 0x2A19), and notifies it as it falls.  Ends when
 * the first central disconnects. */
#include <stdio.h>

#include <woad/port.h>
#include <woad/woad.h>

static const struct woad_uuid battery = WOAD_UUID16(0x180f), battery_level = WOAD_UUID16(0x2a19);
static uint8_t percent = 100;
static struct woad_value level = WOAD_VALUE_FIXED(&percent, 1);
static const struct woad_attr service[] = {
    WOAD_PRIMARY(&battery),
    WOAD_CHARACTERISTIC_VALUE_CCCD(&battery_level, WOAD_PROP_READ | WOAD_PROP_NOTIFY,
                                   WOAD_PERM_READ, &level),
};
static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_gatt_server, NULL };

static void advertise(struct woad *h)
{
    static const struct woad_adv_params params = WOAD_ADV_DEFAULT;
    uint8_t octets[WOAD_ADV_DATA_MAX];
    struct woad_ad_builder ad = WOAD_AD_BUILDER(octets);
    woad_ad_flags(&ad, WOAD_AD_GENERAL | WOAD_AD_LE_ONLY);
    woad_ad_uuids(&ad, &battery, 1);
    woad_ad_name(&ad, "Woad battery");
    woad_adv_set_data(h, ad.data, ad.len);
    woad_adv_start(h, &params);
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    bool *done = ctx;
    switch (ev->type) {
    case WOAD_EV_UP:
        woad_gatt_add(h, service, sizeof service / sizeof *service, NULL);
        advertise(h);
        break;
    case WOAD_EV_CONNECT: printf("a central has come\n"); break;
    case WOAD_EV_DISCONNECT:
        printf("it has gone: reason 0x%02x\n", ev->u.disconnect.reason);
        *done = true;
        break;
    default: break;
    }
    fflush(stdout);
}

/* Notifies a lower level every 200 ms, while somebody has subscribed. */
static uint32_t loop(void *ctx, struct woad *h, uint32_t now_ms)
{
    static uint32_t next;
    (void)ctx;
    if ((int32_t)(now_ms - next) >= 0 && woad_gatt_notify_value(h, &level) > 0) {
        percent--;
        next = now_ms + 200;
    }
    return 50;
}

int main(void)
{
    bool done = false;
    const struct woad_config config = { .features = features, .event = on_event, .ctx = &done };
    return woad_port_run(&config, "peripheral", loop, &done);
}
