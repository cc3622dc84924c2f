/* Opens the lock of lock.c.  The host pairs for the write and repeats it: the user types the number
 * that the lock shows.  The next time the bond is enough. */
#include <stdio.h>
#include <woad/crypto.h>
#include <woad/hci.h>
#include <woad/port.h>
#include <woad/woad.h>

static const struct woad_uuid lock = WOAD_UUID16(0xfff0), bolt = WOAD_UUID16(0xfff1);
static const struct woad_feature *const features[] = {
    &woad_feature_scanner,     &woad_feature_central,          &woad_feature_reconnection,
    &woad_feature_gatt_client, &woad_feature_security_manager, NULL
};
static struct woad_bond_file *bonds;
static bool found, asked, done;

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_security_policy policy = {
        .io = WOAD_IO_KEYBOARD, .bond = true, .mitm = true, .retry = true
    };
    static const struct woad_scan_params scan = WOAD_SCAN_DEFAULT;
    static const struct woad_connect_params params = WOAD_CONNECT_DEFAULT;
    (void)ctx;
    woad_bond_file_event(bonds, h, ev);
    switch (ev->type) {
    case WOAD_EV_UP:
        woad_set_security_policy(h, &policy);
        woad_scan_start(h, &scan);
        break;
    case WOAD_EV_REPORT:
        if (!found && woad_ad_has_uuid(ev->u.report.data, ev->u.report.len, &lock)) {
            found = woad_connect(h, &ev->u.report.addr, &params) == 0; /* ends the scan */
        }
        break;
    case WOAD_EV_CONNECT: woad_gattc_find(h, ev->conn, &lock, &bolt); break;
    case WOAD_EV_CHARACTERISTIC:
        woad_gattc_write(h, ev->conn, ev->u.characteristic.value, "\1", 1);
        break;
    case WOAD_EV_PASSKEY: asked = true; break;
    case WOAD_EV_GATTC_DONE:
        if (ev->u.done.op == WOAD_GATTC_WRITE) {
            printf("opening: %s\n", woad_att_strerror(ev->u.done.status));
            woad_disconnect(h, ev->conn, WOAD_HCI_REMOTE_USER_TERMINATED);
        }
        break;
    case WOAD_EV_SCAN_DONE: done = !found; break;
    case WOAD_EV_CONNECT_FAILED:
    case WOAD_EV_DISCONNECT: done = true; break;
    default: break;
    }
}

/* The user takes seconds to type: not in the callback. */
static uint32_t loop(void *ctx, struct woad *h, uint32_t now_ms)
{
    unsigned number;
    (void)ctx, (void)now_ms;
    if (asked && scanf("%u", &number) == 1) {
        asked = false;
        woad_passkey(h, woad_conn_next(h, WOAD_NO_CONN), WOAD_PASSKEY_INPUT, number);
    }
    return 1000;
}

int main(int argc, char **argv)
{
    const struct woad_config config = {
        .features = features, .event = on_event, .crypto = &woad_psa, .random = woad_port_random
    };
    int error;
    bonds = woad_bond_file_open(argc > 1 ? argv[1] : "key.bonds", &error);
    if (!bonds)
        return fprintf(stderr, "the file of bonds: error %d\n", error), 1;
    int status = woad_port_run(&config, "key", loop, &done);
    woad_bond_file_close(bonds);
    return status;
}
