/* Prints the devices that advertise, for three seconds. */
#include <stdio.h>
#include <stdlib.h>

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
    } else if (ev->type == WOAD_EV_SCAN_DONE || ev->type == WOAD_EV_DOWN) {
        *(bool *)ctx = true;
    }
}

int main(void)
{
    bool done = false;
    struct woad_config config = { .features = features,
                                  .event = on_event,
                                  .ctx = &done,
                                  .conns = 1,
                                  .procedures = 1,
                                  .mtu = 23,
                                  .tx_queue = 32,
                                  .request_queue = 32 };
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
    while (!done) {
        woad_port_step(port, h, 100);
    }
    woad_port_close(port);
    free(h);
    return 0;
}
