/* IRQ_PERIPHERAL_CONNECT (7) of a connection that this device has initiated as central is held
 * until the peer's features are known, for at most BLE_HOLD_MS, and never beyond another event of
 * the connection.  Other stacks read the features first, too, and programs rely on it: the program
 * at the peripheral gets some connection events of time to prepare before the central's first
 * request.
 *
 * A connection's entry of ble.connecting goes through three states:
 *   features_requested, event_held     reading; the program does not know the connection yet
 *   features_requested                 still reading; the event was raised for another reason
 *   neither                            the features are known, or the connection has ended
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_channels_ms_left(): ms until ble_channels_run() has something to do
 *   BLE_CONNS: connections of the configuration
 *   ble_deliver(): calls the handler; while a method waits, queues the event
 *   ble_port_store_run(): writes the file of bonds if changes are pending and their delay is
 *       over (true: at once); returns ms until the next call
 *   ble_wants(): the program has enabled this event, which upstream (MicroPython's own module,
 *       with NimBLE) does not have
 *   connecting: an entry for each connection, by the low octet of its number
 *   event_held: IRQ_PERIPHERAL_CONNECT has not been raised yet
 *   features_requested: a new connection's event is held until the peer's features are known
 *   features_shared: the program has asked for the features, too: IRQ_LINK is raised
 *   held_since: ms: since when the event is held
 *   mp_hal_ticks_ms(): MicroPython: ms, wrapping */
#include "ble.h"

enum { BLE_HOLD_MS = 500 }; /* from WOAD_EV_CONNECT on */

/* The entry of a connection whose features the module is reading; NULL: none. */
static struct ble_connecting *connecting_on(uint16_t conn)
{
    for (size_t k = 0; k < BLE_CONNS; k++) {
        if (ble.connecting[k].features_requested && ble.connecting[k].conn == conn) {
            return &ble.connecting[k];
        }
    }
    return NULL;
}

/* Raises IRQ_PERIPHERAL_CONNECT, if it is held. */
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

/* WOAD_EV_CONNECT: starts to read the features, and holds the event.  False: it is to be raised
 * now, as peripheral, or because the host has no room for the request.
 *
 * The low octet of a connection's number is its index, below BLE_CONNS.  No other connection that
 * lasts has it: the entry is of one that has ended, whose WOAD_EV_DISCONNECT has raised its event.
 */
static bool connecting_begin(const struct woad_event *ev)
{
    struct ble_connecting *c = &ble.connecting[(ev->conn & 0xff) % BLE_CONNS];
    c->features_requested = false;
    if (!ev->u.connect.central || woad_link_read(ble.host, ev->conn, WOAD_LINK_FEATURES)) {
        return false;
    }
    *c = (struct ble_connecting){ .event_held = true,
                                  .features_requested = true,
                                  .conn = ev->conn,
                                  .peer = ev->u.connect.peer,
                                  .held_since = mp_hal_ticks_ms() };
    return true;
}

/* Called with each event of the host before it is delivered.  True: the caller does not deliver it:
 * it is the WOAD_EV_CONNECT that is held, or the features that only the module has requested.
 *
 * Any other event of the connection raises the held event first, so that the program knows the
 * connection; except WOAD_EV_LINK, if the program does not get IRQ_LINK. */
bool ble_connecting_withholds(const struct woad_event *ev)
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

/* gap_link(conn, features) of the program.  True: the module is reading them, and WOAD_EV_LINK
 * will also be delivered as the program's: no request of its own is needed. False: not being
 * read, or the program has asked before: the caller sends a request. */
bool ble_connecting_share(uint16_t conn)
{
    struct ble_connecting *c = connecting_on(conn);
    bool first = c && !c->features_shared;
    if (first) {
        c->features_shared = true;
    }
    return first;
}

/* gap_connect(None), the program's cancel, came too late for these: they are connected. Returns
 * whether an event was held. */
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

/* Milliseconds until the first held event is raised; WOAD_FOREVER: none is held. */
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

/* Raises the events that were held for BLE_HOLD_MS. */
void ble_connecting_run(void)
{
    for (size_t k = 0; k < BLE_CONNS; k++) {
        struct ble_connecting *c = &ble.connecting[k];
        if (c->event_held && mp_hal_ticks_ms() - c->held_since >= BLE_HOLD_MS) {
            connecting_deliver(c);
        }
    }
}

/* Milliseconds until ble_run() is needed, even if no packet arrives.  Also writes the file of
 * bonds, if that is due: each caller asks just before it waits. */
uint32_t ble_due(void)
{
    uint32_t channels = ble_channels_ms_left(), connecting = ble_connecting_ms_left();
    uint32_t due = MIN(channels, connecting), store = ble_port_store_run(false);
    return MIN(due, store);
}
