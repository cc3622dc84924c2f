/* Opens the lock of lock.c.  The write needs an authenticated link, so the host pairs: the user
 * types the number that the lock shows, and the host repeats the write by itself.  The next time
 * the bond is enough. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <woad/crypto.h>
#include <woad/hci.h>
#include <woad/port.h>
#include <woad/woad.h>

static const struct woad_uuid lock = WOAD_UUID16(0xfff0), bolt = WOAD_UUID16(0xfff1);
static const struct woad_feature *const features[] = {
    &woad_feature_scanner,     &woad_feature_central,          &woad_feature_reconnection,
    &woad_feature_gatt_client, &woad_feature_security_manager, NULL
};

struct app {
    struct woad_bond_file *bonds;
    uint16_t conn;
    bool found, asked, done;
};

static void on_report(struct app *app, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_connect_params params = WOAD_CONNECT_DEFAULT;
    size_t len;
    const uint8_t *name = woad_ad_find(ev->u.report.data, ev->u.report.len, WOAD_AD_NAME, &len);
    if (!app->found && name && len == 9 && memcmp(name, "Woad lock", 9) == 0) {
        app->found = true;
        woad_connect(h, &ev->u.report.addr, &params); /* ends the scan */
    }
}

/* Negative: an error of the host, like errno; else an ATT error (woad/gatt.h). */
static void show_end(int status)
{
    if (status < 0) {
        printf("not opened: %s (%d)\n", strerror(-status), status);
    } else {
        printf(status ? "not opened: 0x%02x\n" : "opened\n", (unsigned)status);
    }
    fflush(stdout);
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_security_policy policy = {
        .io = WOAD_IO_KEYBOARD, .bond = true, .mitm = true, .retry = true
    };
    static const struct woad_scan_params scan = WOAD_SCAN_DEFAULT;
    struct app *app = ctx;
    woad_bond_file_event(app->bonds, h, ev);
    if (ev->type == WOAD_EV_BOND && woad_bond_file_error(app->bonds)) {
        fprintf(stderr, "not kept: %s\n", strerror(-woad_bond_file_error(app->bonds)));
    }
    switch (ev->type) {
    case WOAD_EV_UP:
        woad_set_security_policy(h, &policy);
        woad_scan_start(h, &scan);
        break;
    case WOAD_EV_REPORT: on_report(app, h, ev); break;
    case WOAD_EV_CONNECT:
        app->conn = ev->conn;
        woad_gattc_find(h, ev->conn, &lock, &bolt);
        break;
    case WOAD_EV_CHARACTERISTIC:
        woad_gattc_write(h, ev->conn, ev->u.characteristic.value, "\1", 1);
        break;
    case WOAD_EV_PASSKEY:
        app->asked = true; /* not here: the user takes seconds to type */
        break;
    case WOAD_EV_GATTC_DONE:
        if (ev->u.done.op == WOAD_GATTC_WRITE) {
            show_end(ev->u.done.status);
            woad_disconnect(h, ev->conn, WOAD_HCI_REMOTE_USER_TERMINATED);
        }
        break;
    case WOAD_EV_SCAN_DONE: app->done = !app->found; break;
    case WOAD_EV_CONNECT_FAILED:
    case WOAD_EV_DISCONNECT:
    case WOAD_EV_DOWN: app->done = true; break;
    default: break;
    }
}

int main(int argc, char **argv)
{
    struct app app = { .done = false };
    struct woad_config config = { .features = features,
                                  .event = on_event,
                                  .ctx = &app,
                                  .conns = 1,
                                  .procedures = 4,
                                  .mtu = 65,
                                  .tx_queue = 128,
                                  .request_queue = 128,
                                  .bonds = 8,
                                  .crypto = &woad_psa,
                                  .random = woad_port_random };
    const char *path = argc > 1 ? argv[1] : "key.bonds";
    char why[WOAD_PORT_MESSAGE_MAX];
    int error;
    unsigned number;
    app.bonds = woad_bond_file_open(path, &error);
    if (!app.bonds) {
        fprintf(stderr, "%s: %s\n", path, strerror(-error));
        return 1;
    }
    struct woad *h = woad_init(malloc(woad_size(&config)), woad_size(&config), &config);
    if (!h) {
        fprintf(stderr, "no memory, or a config that is not valid: queues are at least mtu + 2\n");
        return 1;
    }
    struct woad_port *port = woad_port_open(NULL, &error, why);
    if (!port) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    woad_start(h);
    while (!app.done) {
        woad_port_step(port, h, 1000);
        if (app.asked && scanf("%u", &number) == 1) {
            app.asked = false;
            woad_passkey(h, app.conn, WOAD_PASSKEY_INPUT, number);
        }
    }
    woad_port_close(port);
    woad_bond_file_close(app.bonds);
    free(h);
    return 0;
}
