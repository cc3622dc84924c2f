/* `woad scan`: prints the devices that advertise, by the controller that WOAD_HCI names. */
#include "woad_tool.h"

#include "../transport/text.h"

#include <woad/port.h>
#include <woad/woad.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400 };

struct scan_tool {
    bool up, done;
    int down;
    unsigned long seen;
    /* The fragments of extended advertising data, from one address. */
    struct woad_addr from;
    uint8_t data[WOAD_EXT_DATA_MAX];
    size_t len;
};

static void show_name(const uint8_t *data, size_t data_len)
{
    size_t len;
    const uint8_t *name = woad_ad_find(data, data_len, 0x09, &len);
    if (!name) {
        name = woad_ad_find(data, data_len, 0x08, &len);
    }
    if (name) {
        char shown[WOAD_EXT_DATA_MAX];
        fwrite(shown, 1, text_clean(shown, name, len), stdout);
    }
}

static void show_address(const struct woad_addr *addr, int rssi)
{
    const uint8_t *a = addr->octet;
    if (addr->type == 0xff) {
        printf("%-17s %-6s", "anonymous", "");
    } else {
        const char *type = "random";
        if (!(addr->type & 1)) {
            type = "public";
        }
        printf("%02X:%02X:%02X:%02X:%02X:%02X %s", a[5], a[4], a[3], a[2], a[1], a[0], type);
    }
    printf("  %4d dBm  ", rssi);
}

static void show_end(struct scan_tool *t)
{
    t->seen++;
    putchar('\n');
    fflush(stdout);
}

static void show_extended(struct scan_tool *t, const struct woad_ext_report *r)
{
    bool goes_on = t->len && memcmp(&t->from, &r->addr, sizeof r->addr) == 0;
    size_t at = 0;
    if (goes_on) {
        at = t->len;
    }
    size_t room = sizeof t->data - at;
    size_t n = r->len;
    if (room < r->len) {
        n = room;
    }
    memcpy(t->data + at, r->data, n);
    t->from = r->addr;
    t->len = at + n;
    if (r->more && !r->truncated) {
        return;
    }
    show_address(&r->addr, r->rssi);
    show_name(t->data, t->len);
    printf("  extended, set %u, %u octets", r->sid, (unsigned)t->len);
    t->len = 0;
    show_end(t);
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
        show_address(&ev->u.report.addr, ev->u.report.rssi);
        show_name(ev->u.report.data, ev->u.report.len);
        show_end(t);
        break;
    case WOAD_EV_EXT_REPORT: show_extended(t, &ev->u.ext_report); break;
    case WOAD_EV_DOWN:
        t->down = ev->u.down.error;
        t->done = true;
        break;
    default: break;
    }
}

/* Parses 1 to a day; 0: invalid. */
static unsigned long seconds_of(const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (isdigit((unsigned char)*text) && !*end && n <= DAY_S) {
        return n;
    }
    return 0;
}

static int scan(struct scan_tool *t, struct woad_port *port, struct woad *h, unsigned long seconds)
{
    const char *name = getenv("WOAD_HCI");
    uint32_t start = woad_port_now_ms();
    const char *shown = name;
    if (!shown) {
        shown = "this user's simulated radio";
    }
    fprintf(stderr, "woad scan: %s, %lu s\n", shown, seconds);
    woad_start(h);
    while (!t->done && woad_port_now_ms() - start < (uint32_t)seconds * 1000u) {
        woad_port_step(port, h, 100);
    }
    if (t->done) {
        fprintf(stderr, "woad scan: the controller failed (%d: %s); check WOAD_HCI\n", t->down,
                strerror(-t->down));
        return 1;
    }
    woad_stop(h);
    while (!t->done && woad_port_step(port, h, 100) == 0) {
    }
    if (!t->seen) {
        fprintf(stderr, "woad scan: no device advertises there\n");
    }
    if (t->down) {
        return 1;
    }
    return 0;
}

int tool_scan(int argc, char **argv)
{
    static const struct woad_feature *const features[] = { &woad_feature_scanner,
                                                           &woad_feature_extended_advertising,
                                                           NULL };
    static struct scan_tool tool;
    struct woad_config cfg = {
        .features = features, .event = on_event, .ctx = &tool, .mtu = 23, .log = woad_port_log
    };
    char message[WOAD_PORT_MESSAGE_MAX];
    int error;
    unsigned long seconds = 5;
    if (argc > 1) {
        seconds = seconds_of(argv[1]);
    }
    if (argc > 2 || !seconds) {
        bool help = argc > 1 && strcmp(argv[1], "--help") == 0;
        FILE *out = stderr;
        if (help) {
            out = stdout;
        }
        fprintf(
            out,
            "usage: woad scan [SECONDS]\n\n"
            "Prints each advertising device once for each kind of its packets.  Scans for 5 s, or\n"
            "SECONDS, up to a day.  The controller is the one WOAD_HCI names (unix:/path, usb,\n"
            "hci0, …), or without WOAD_HCI this user's simulated radio.\n");
        if (help) {
            return 0;
        }
        return 2;
    }
    size_t size = woad_size(&cfg);
    void *memory = malloc(size);
    struct woad *h = woad_init(memory, size, &cfg);
    struct woad_port *port = NULL;
    if (h) {
        port = woad_port_open(NULL, &error, message);
    }
    int status = 1;
    if (port) {
        status = scan(&tool, port, h, seconds);
    } else {
        const char *reason = "no memory";
        if (h) {
            reason = message;
        }
        fprintf(stderr, "woad scan: %s\n", reason);
    }
    woad_port_close(port);
    free(memory);
    return status;
}
