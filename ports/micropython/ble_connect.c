/* The central's new connections: event 7 comes when the peer's features are known, at the latest
 * after BLE_HOLD_MS, or before anything else of the connection.  Other stacks read the features
 * first, too, and programs rely on it: the peripheral's has the time of some connection events to
 * get ready, before the central's asks for anything. */
#include "ble.h"

enum { BLE_HOLD_MS = 500 };

static struct ble_connecting *connecting_on(uint16_t conn)
{
    for (size_t k = 0; k < BLE_CONNS; k++) {
        if (ble.connecting[k].asked && ble.connecting[k].conn == conn) {
            return &ble.connecting[k];
        }
    }
    return NULL;
}

static void connecting_tell(struct ble_connecting *c)
{
    if (!c->waits) {
        return;
    }
    struct woad_event ev = { .type = WOAD_EV_CONNECT, .conn = c->conn };
    ev.u.connect.peer = c->peer;
    ev.u.connect.central = true;
    c->waits = false;
    ble_deliver(&ev);
}

/* False: there is nothing to wait for. */
static bool connecting_begin(const struct woad_event *ev)
{
    struct ble_connecting *c = &ble.connecting[(ev->conn & 0xff) % BLE_CONNS];
    c->asked = false; /* of a connection that is over */
    if (!ev->u.connect.central || c->waits ||
        woad_link_read(ble.host, ev->conn, WOAD_LINK_FEATURES)) {
        return false;
    }
    *c = (struct ble_connecting){
        true, true, false, ev->conn, ev->u.connect.peer, mp_hal_ticks_ms()
    };
    return true;
}

bool ble_connecting(const struct woad_event *ev)
{
    struct ble_connecting *c = connecting_on(ev->conn);
    if (ev->type == WOAD_EV_CONNECT) {
        return connecting_begin(ev);
    }
    bool answer = ev->type == WOAD_EV_LINK && ev->u.link.item == WOAD_LINK_FEATURES;
    if (c && (answer || ev->type != WOAD_EV_LINK || ble_wants(IRQ_LINK))) {
        connecting_tell(c);
    }
    if (c && (answer || ev->type == WOAD_EV_DISCONNECT)) {
        c->asked = false;
    }
    return c && answer && !c->shared;
}

bool ble_connecting_share(uint16_t conn)
{
    struct ble_connecting *c = connecting_on(conn);
    bool first = c && !c->shared;
    if (first) {
        c->shared = true;
    }
    return first;
}

bool ble_connecting_end(void)
{
    bool any = false;
    for (size_t k = 0; k < BLE_CONNS; k++) {
        if (ble.connecting[k].waits) {
            any = true;
            connecting_tell(&ble.connecting[k]);
        }
    }
    return any;
}

uint32_t ble_connecting_due(void)
{
    uint32_t min_u32 = WOAD_FOREVER;
    for (size_t k = 0; k < BLE_CONNS; k++) {
        mp_uint_t gone = mp_hal_ticks_ms() - ble.connecting[k].since;
        uint32_t left = gone < BLE_HOLD_MS ? BLE_HOLD_MS - (uint32_t)gone : 0;
        if (ble.connecting[k].waits && left < min_u32) {
            min_u32 = left;
        }
    }
    return min_u32;
}

void ble_connecting_run(void)
{
    for (size_t k = 0; k < BLE_CONNS; k++) {
        struct ble_connecting *c = &ble.connecting[k];
        if (c->waits && mp_hal_ticks_ms() - c->since >= BLE_HOLD_MS) {
            connecting_tell(c);
        }
    }
}

uint32_t ble_due(void)
{
    uint32_t channels = ble_channels_due(), connecting = ble_connecting_due();
    uint32_t due = channels < connecting ? channels : connecting, store = ble_port_store_run(false);
    return due < store ? due : store;
}
