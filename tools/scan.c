/* woad scan: who advertises, by whatever controller WOAD_HCI names. */
#include "woad_tool.h"

#include <woad/port.h>
#include <woad/woad.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan_tool { bool up, done; int down; };

static void show(const struct woad_event *ev)
{
    const uint8_t *a = ev->u.report.addr.octet, *name;
    size_t len;
    name = woad_ad_find(ev->u.report.data, ev->u.report.len, 0x09, &len);
    printf("%02X:%02X:%02X:%02X:%02X:%02X %s  %4d dBm  ", a[5], a[4], a[3], a[2], a[1], a[0],
           ev->u.report.addr.type & 1 ? "random" : "public", ev->u.report.rssi);
    for (size_t i = 0; name && i < len; i++) {
        putchar(name[i] >= 0x20 && name[i] != 0x7f ? name[i] : '?');
    }
    putchar('\n');
    fflush(stdout);
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct scan_tool *t = ctx;
    struct woad_scan_params params = { 96, 96, true, true, 0, false };
    switch (ev->type) {
    case WOAD_EV_UP:
        woad_scan_start(h, &params);
        t->up = true;
        break;
    case WOAD_EV_REPORT:
        show(ev);
        break;
    case WOAD_EV_DOWN:
        t->down = ev->u.down.error;
        t->done = true;
        break;
    default:
        break;
    }
}

int tool_scan(int argc, char **argv)
{
    static const struct woad_feature *const features[] = { &woad_scanner, NULL };
    struct scan_tool tool = { false, false, 0 };
    struct woad_config cfg = { .features = features, .event = on_event, .ctx = &tool, .conns = 1,
                               .procedures = 1, .mtu = 23, .tx_queue = 32, .request_queue = 32 };
    char why[WOAD_PORT_WHY];
    int error, seconds = argc > 1 ? atoi(argv[1]) : 5;
    if (argc > 2 || seconds < 1) {
        printf("usage: woad scan [SECONDS]\n\n"
               "Shows each device and each kind of its packets once.\n"
               "The controller is WOAD_HCI's, or this user's simulated radio.\n");
        return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
    }
    struct woad_port *port = woad_port_open(NULL, &error, why);
    size_t size = woad_size(&cfg);
    void *memory = malloc(size);
    struct woad *h = woad_init(memory, size, &cfg);
    if (!port || !h) {
        fprintf(stderr, "woad scan: %s\n", port ? "no memory" : why);
        return 1;
    }
    uint32_t start = woad_port_now_ms();
    woad_start(h);
    while (!tool.done && woad_port_now_ms() - start < (uint32_t)seconds * 1000u) {
        woad_port_step(port, h, 100);
    }
    if (tool.done) {
        fprintf(stderr, "woad scan: the controller failed (%d)\n", tool.down);
    } else {
        woad_stop(h);
        while (!tool.done && woad_port_step(port, h, 100) == 0) {
        }
    }
    woad_port_close(port);
    free(memory);
    return tool.down ? 1 : 0;
}
