/* IRQ_PERIPHERAL_CONNECT (7) is held until the peer's features are known, for at most BLE_HOLD_MS,
 * and never beyond another event of the connection.  Other stacks read the features first, too, and
 * programs rely on it: the program at the peripheral gets some connection events of time to prepare
 * before the central's first request.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_wants(): the program has enabled this event, which upstream (MicroPython's own module, with
 *       NimBLE) does not have
 *   ble_deliver(): calls the handler, or queues the event while events are held
 *   BLE_CONNS: connections of the configuration
 *   features_requested: a new connection's event is held until the peer's features are known
 *   event_held: IRQ_PERIPHERAL_CONNECT has not been raised yet
 *   features_shared: the program has asked for the features, too: IRQ_LINK is raised
 *   held_since: ms: since when the event is held
 *   ble_channels_ms_left(): ms until ble_channels_run() has something to do
 *   ble_port_store_run(): writes the file of bonds if it is time; returns ms until the next call */
#include "ble.h"

enum { BLE_HOLD_MS = 500 };

/* The entry of a connection whose features the module reads; NULL: none. */
static struct ble_connecting *connecting_on(uint16_t conn)
{
    for (size_t k = 0; k < BLE_CONNS; k++) {
        if (ble.connecting[k].features_requested && ble.connecting[k].conn == conn) {
            return &ble.connecting[k];
        }
    }
    return NULL;
}

/* Raises the event, if it is held. */
static void connecting_deliver(struct ble_connecting *c)
{
    if (!c->event_held) {
        return;
    }
    struct woad_event ev = { .type = WOAD_EV_CONNECT, .conn = c->conn };
    ev.u.connect.peer = c->peer;
    ev.u.connect.central = true;
    c->event_held = false;
    ble_deliver(&ev);
}

/* Starts to read the features and holds the event; false: it is to be raised now. */
static bool connecting_begin(const struct woad_event *ev)
{
    struct ble_connecting *c = &ble.connecting[(ev->conn & 0xff) % BLE_CONNS];
    c->features_requested = false; /* the entry is of an earlier connection */
    if (!ev->u.connect.central || c->event_held ||
        woad_link_read(ble.host, ev->conn, WOAD_LINK_FEATURES)) {
        return false;
    }
    /* event_held, features_requested, features_shared, conn, peer, held_since */
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
    bool features = ev->type == WOAD_EV_LINK && ev->u.link.item == WOAD_LINK_FEATURES;
    if (c && (features || ev->type != WOAD_EV_LINK || ble_wants(IRQ_LINK))) {
        connecting_deliver(c);
    }
    if (c && (features || ev->type == WOAD_EV_DISCONNECT)) {
        c->features_requested = false;
    }
    return c && features && !c->features_shared;
}

bool ble_connecting_share(uint16_t conn)
{
    struct ble_connecting *c = connecting_on(conn);
    bool first = c && !c->features_shared;
    if (first) {
        c->features_shared = true;
    }
    return first;
}

bool ble_connecting_deliver_all(void)
{
    bool any = false;
    for (size_t k = 0; k < BLE_CONNS; k++) {
        if (ble.connecting[k].event_held) {
            any = true;
            connecting_deliver(&ble.connecting[k]);
        }
    }
    return any;
}

uint32_t ble_connecting_ms_left(void)
{
    uint32_t earliest = WOAD_FOREVER;
    for (size_t k = 0; k < BLE_CONNS; k++) {
        mp_uint_t held = mp_hal_ticks_ms() - ble.connecting[k].held_since;
        uint32_t left = held < BLE_HOLD_MS ? BLE_HOLD_MS - (uint32_t)held : 0;
        if (ble.connecting[k].event_held && left < earliest) {
            earliest = left;
        }
    }
    return earliest;
}

void ble_connecting_run(void)
{
    for (size_t k = 0; k < BLE_CONNS; k++) {
        struct ble_connecting *c = &ble.connecting[k];
        if (c->event_held && mp_hal_ticks_ms() - c->held_since >= BLE_HOLD_MS) {
            connecting_deliver(c);
        }
    }
}

uint32_t ble_due(void)
{
    uint32_t channels = ble_channels_ms_left(), connecting = ble_connecting_ms_left();
    uint32_t due = MIN(channels, connecting), store = ble_port_store_run(false);
    return MIN(due, store);
}
