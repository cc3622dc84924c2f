/* A beacon: advertises a link (Eddystone-URL) and this device's temperature, and takes no
 * connections.  Runs until it is stopped:
 *
 *     beacon [URL without https://] */
#include <string.h>

#include <woad/port.h>
#include <woad/woad.h>

static const struct woad_uuid eddystone = WOAD_UUID16(0xfeaa);
static const struct woad_feature *const features[] = { &woad_feature_advertiser, NULL };
enum { FRAME_URL = 0x10, HTTPS = 0x03, COMPANY_TESTS = 0xffff, PERIOD_MS = 10000 };

struct app {
    const char *url;
    int16_t celsius_100;
    uint32_t last_ms;
};

/* Advertising that runs takes new data at once. */
static void show(struct app *app, struct woad *h)
{
    uint8_t data[WOAD_ADV_DATA_MAX], frame[20] = { FRAME_URL, 0xeb, HTTPS }; /* -21 dBm at 0 m */
    uint8_t value[2] = { (uint8_t)app->celsius_100, (uint8_t)(app->celsius_100 >> 8) };
    struct woad_ad_builder ad = WOAD_AD_BUILDER(data);
    size_t len = strlen(app->url);
    if (len > sizeof frame - 3)
        len = sizeof frame - 3;
    memcpy(frame + 3, app->url, len);
    woad_ad_uuids(&ad, &eddystone, 1);
    woad_ad_service_data(&ad, &eddystone, frame, 3 + len);
    woad_adv_set_data(h, ad.data, ad.len);
    ad.len = 0; /* the scan response */
    woad_ad_manufacturer_data(&ad, COMPANY_TESTS, value, sizeof value);
    woad_ad_name(&ad, "Woad beacon");
    woad_adv_set_scan_response(h, ad.data, ad.len);
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_adv_params params = { .kind = WOAD_ADV_SCAN_IND,
                                                   .interval_625us = 1600 }; /* 1 s */
    if (ev->type == WOAD_EV_UP) {
        show(ctx, h);
        woad_adv_start(h, &params);
    }
}

/* Every ten seconds there is another temperature. */
static uint32_t loop(void *ctx, struct woad *h, uint32_t now_ms)
{
    struct app *app = ctx;
    if (now_ms - app->last_ms >= PERIOD_MS) {
        app->celsius_100 = (int16_t)(2000 + now_ms / PERIOD_MS % 100);
        app->last_ms = now_ms;
        show(app, h);
    }
    return PERIOD_MS - (now_ms - app->last_ms);
}

int main(int argc, char **argv)
{
    struct app app = { .url = argc > 1 ? argv[1] : "woad.example", .celsius_100 = 2000 };
    const struct woad_config config = { .features = features, .event = on_event, .ctx = &app };
    return woad_port_run(&config, "beacon", loop, NULL);
}
