/* Sends a file over an L2CAP channel to file_receive.c: `file_send PATH`.  The receiver's sum says
 * whether all has arrived. */
#include <stdio.h>
#include <string.h>

#include <woad/hci.h>
#include <woad/port.h>
#include <woad/woad.h>

#include "crc32.h"

static const struct woad_feature *const features[] = { &woad_feature_scanner, &woad_feature_central,
                                                       &woad_feature_reconnection,
                                                       &woad_feature_l2cap_channels, NULL };
static struct {
    FILE *file;
    uint8_t rx[256], part[SDU], sum[4];
    uint32_t len, sent, crc, room; /* room: in the receiver's SDUs */
    bool found, same, done;
} app;

/* The buffer must not change until WOAD_EV_COC_SENT. */
static void send_next(struct woad *h, uint16_t conn, uint16_t cid)
{
    size_t n = fread(app.part, 1, app.room, app.file);
    app.crc = crc32(app.crc, app.part, n);
    app.sent += (uint32_t)n;
    if (n)
        woad_coc_send(h, conn, cid, app.part, n);
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_scan_params scan = WOAD_SCAN_DEFAULT;
    static const struct woad_connect_params params = WOAD_CONNECT_DEFAULT;
    static const struct woad_coc_params channel = { .psm = PSM, .mtu = 64 };
    uint16_t cid;
    size_t len;
    (void)ctx;
    if (ev->type == WOAD_EV_UP) {
        woad_scan_start(h, &scan);
    } else if (ev->type == WOAD_EV_REPORT && !app.found) {
        const uint8_t *name = woad_ad_find(ev->u.report.data, ev->u.report.len, WOAD_AD_NAME, &len);
        app.found = name && len == 9 && memcmp(name, "Woad file", 9) == 0 &&
                    woad_connect(h, &ev->u.report.addr, &params) == 0; /* ends the scan */
    } else if (ev->type == WOAD_EV_CONNECT) {
        app.done = woad_coc_connect(h, ev->conn, &channel, app.rx, sizeof app.rx, &cid) != 0;
    } else if (ev->type == WOAD_EV_COC_OPEN) {
        app.room = ev->u.coc.peer_mtu < SDU ? ev->u.coc.peer_mtu : SDU;
        put_le32(app.part, app.len);
        woad_coc_send(h, ev->conn, ev->u.coc.cid, app.part, 4);
    } else if (ev->type == WOAD_EV_COC_SENT) {
        send_next(h, ev->conn, ev->u.coc_data.cid);
    } else if (ev->type == WOAD_EV_COC_DATA) {
        app.same = woad_coc_read(h, ev->conn, ev->u.coc_data.cid, app.sum, 4, NULL) == 4 &&
                   app.sent == app.len && get_le32(app.sum) == app.crc;
        woad_disconnect(h, ev->conn, WOAD_HCI_REMOTE_USER_TERMINATED);
    } else if (ev->type == WOAD_EV_COC_CLOSED || ev->type == WOAD_EV_DISCONNECT ||
               ev->type == WOAD_EV_CONNECT_FAILED ||
               (ev->type == WOAD_EV_SCAN_DONE && !app.found)) {
        app.done = true;
    }
}

int main(int argc, char **argv)
{
    const struct woad_config config = {
        .features = features, .event = on_event, .mps = 247, .l2cap_channels = 1
    };
    app.file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    if (!app.file || fseek(app.file, 0, SEEK_END) != 0)
        return fprintf(stderr, "usage: file_send PATH\n"), 1;
    app.len = (uint32_t)ftell(app.file);
    rewind(app.file);
    int status = woad_port_run(&config, "file_send", NULL, &app.done);
    printf("%u octets, %s\n", (unsigned)app.sent, app.same ? "it is the same" : "NOT the same");
    return status || !app.same;
}
