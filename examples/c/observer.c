/* Prints the devices that advertise, for three seconds. */
#include <stdio.h>

#include <woad/port.h>
#include <woad/woad.h>

static const struct woad_feature *const features[] = { &woad_feature_scanner, NULL };

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct woad_scan_params scan = WOAD_SCAN_DEFAULT;
    scan.duration_ms = 3000;
    if (ev->type == WOAD_EV_UP) {
        woad_scan_start(h, &scan);
    } else if (ev->type == WOAD_EV_REPORT) {
        const uint8_t *a = ev->u.report.addr.octet;
        printf("%02x:%02x:%02x:%02x:%02x:%02x %d dBm\n", a[5], a[4], a[3], a[2], a[1], a[0],
               ev->u.report.rssi);
        fflush(stdout);
    } else if (ev->type == WOAD_EV_SCAN_DONE) {
        *(bool *)ctx = true;
    }
}

int main(void)
{
    bool done = false;
    const struct woad_config config = { .features = features, .event = on_event, .ctx = &done };
    return woad_port_run(&config, "observer", NULL, &done);
}
