/* Opens the lock of lock.c.  The write needs an authenticated link, so the host pairs: the user
 * types the number that the lock shows, and the host repeats the write by itself.  The next time
 * the bond is enough. */
#include <stdio.h>
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

static void show_end(int status)
{
    if (status) {
        printf("not opened: %s\n", woad_att_strerror(status));
    } else {
        printf("opened\n");
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
        fprintf(stderr, "not kept: %s\n", woad_strerror(woad_bond_file_error(app->bonds)));
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
    case WOAD_EV_PASSKEY: app->asked = true; break;
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

/* The user takes seconds to type: not in the callback. */
static uint32_t loop(void *ctx, struct woad *h, uint32_t now_ms)
{
    struct app *app = ctx;
    unsigned number;
    (void)now_ms;
    if (app->asked && scanf("%u", &number) == 1) {
        app->asked = false;
        woad_passkey(h, app->conn, WOAD_PASSKEY_INPUT, number);
    }
    return 1000;
}

int main(int argc, char **argv)
{
    struct app app = { .done = false };
    const struct woad_config config = { .features = features,
                                        .event = on_event,
                                        .ctx = &app,
                                        .crypto = &woad_psa,
                                        .random = woad_port_random };
    const char *path = argc > 1 ? argv[1] : "key.bonds";
    int error;
    app.bonds = woad_bond_file_open(path, &error);
    if (!app.bonds) {
        fprintf(stderr, "%s: %s\n", path, woad_strerror(error));
        return 1;
    }
    int status = woad_port_run(&config, "key", loop, &app.done);
    woad_bond_file_close(app.bonds);
    return status;
}
