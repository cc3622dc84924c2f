/* Events from the host: notes what the module needs, then delivers the event to the program's
 * handler, now or, while events are held, later.  ble_irq.c makes the handler's arguments.
 *
 * Names of other files:
 *   accept_awaited: a method waits until the host has answered a change of the accept list
 *   accept_settled: the host has answered the last change of the accept list
 *   accept_status: HCI status of the last change of the accept list
 *   adv_awaited: a method waits until the host has answered a change of advertising
 *   adv_settled: the host has answered the last change of advertising
 *   adv_status: HCI status of the last change of advertising
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_channels_note_event(): changes the module's state of channels at once
 *   ble_coc_event_lost(): an event of a channel, or a connection's end, was dropped
 *   ble_connecting_withholds(): notes what ble_connect.c waits for; true: not to be delivered
 *   BLE_CONNS: connections of the configuration
 *   ble_event_has_handler(): the program may get this event at all
 *   ble_event_invoke(): calls the handler with the event's arguments: ble_irq.c
 *   ble_note_incomplete(): a result was dropped: its procedure will fail
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   ble_port_schedule(): the scheduler runs ble_run() soon
 *   ble_port_soon(): the scheduler runs ble_run() in a millisecond, in any case
 *   ble_port_store_event(): an event for the file of bonds
 *   ble_print_exception(): prints a title and an exception; raises nothing
 *   ble_queue_drop(): removes the first record
 *   ble_queue_empty(): no event is queued
 *   ble_queue_first(): the first queued record; NULL: none
 *   ble_queue_next(): the record behind this one; NULL: none
 *   ble_queue_put(): queues a copy of an event; false: no memory
 *   ble_secrets_have_room(): the program can schedule a function for each secret of a bond
 *   ble_secrets_make_room(): runs scheduled functions, until it can; may run the program
 *   ble_update_forget(): drops notifications of the connection that wait for room
 *   ble_update_retry(): sends notifications that have waited for room
 *   ble_wants(): the program has enabled this event, which upstream (MicroPython's own module,
 *       with NimBLE) does not have
 *   bond_delivered: of a queued bond: the program has it already, by ble_deliver_bonds()
 *   bond_turns: how often ble_run() has left a queued bond, because the program had no room
 *   conns: numbers of the connections; WOAD_NO_CONN: a free entry
 *   delivering: the handler runs with the first record's data
 *   down: error of WOAD_EV_DOWN; 0: none since the start
 *   dropped: how often something was lost: for want of memory or room, or because the event for
 *       it is not enabled; config("dropped")
 *   ending: active(False) was called where the host could not be stopped: it is stopped soon
 *   holding: > 0: events are queued, not delivered
 *   in_host: > 0: an event is being raised inside the host, which cannot be entered again
 *   mp_hal_ticks_ms(): MicroPython: ms, wrapping
 *   nlr_push(): begins a part in which Python's exceptions are caught; nlr_pop() ends it
 *   oob_made: the out-of-band data of this start are there
 *   oob_status: how the making of out-of-band data has ended
 *   request: which of the client's requests waits, for woad_gatt_answer_to()
 *   start_count: number of this start of the host: ble_still_on() compares it
 *   up: between WOAD_EV_UP and WOAD_EV_DOWN */
#include "ble.h"

/* If the first of two events made the handler call active(False), the second is not raised. */
bool ble_still_on(unsigned start)
{
    return ble.host && ble.start_count == start && !ble.ending;
}

/* After IRQ_…_DISCONNECT: the next connection may get the same handle, so everything pending for
 * the old one is dropped. */
static void conn_forget(uint16_t conn)
{
    if (ble.host) {
        woad_conn_forget(ble.host, conn);
    }
}

/* No exception may leave through the host: if one is raised it is printed. */
static void event_deliver(const struct woad_event *ev)
{
    nlr_buf_t nlr;
    uint16_t ended = ev->type == WOAD_EV_DISCONNECT ? ev->conn : WOAD_NO_CONN;
    if (nlr_push(&nlr) == 0) {
        ble_event_invoke(ev);
        nlr_pop();
    } else {
        ble.dropped++;
        ble_print_exception("", MP_OBJ_FROM_PTR(nlr.ret_val));
    }
    if (ended != WOAD_NO_CONN) {
        conn_forget(ended);
    }
}

/* A queued WOAD_EV_BOND waits until the program can schedule functions for its secrets; but not for
 * ever, because a program can keep the scheduler's queue full itself. */
static bool bond_waits(const struct woad_event *ev)
{
    enum { BLE_BOND_TURNS = 8 * MICROPY_SCHEDULER_DEPTH };
    if (ev->type != WOAD_EV_BOND) {
        return false;
    }
    bool waits = !ble_secrets_have_room() && ble.bond_turns < BLE_BOND_TURNS;
    ble.bond_turns = waits ? ble.bond_turns + 1 : 0;
    return waits;
}

/* The record stays in the queue until the handler has returned.  After BLE_TURN_MS the rest is left
 * for the next ble_run(), so that slow handlers do not starve the program. */
void ble_deliver_queued(void)
{
    enum { BLE_TURN_MS = 10 };
    ble_obj_t *o = ble_object();
    struct ble_record *r;
    mp_uint_t began = mp_hal_ticks_ms();
    while (o && !ble.holding && !ble.ending && !o->queue.delivering &&
           mp_hal_ticks_ms() - began < BLE_TURN_MS && (r = ble_queue_first(o)) &&
           !bond_waits(&r->ev)) {
        o->queue.delivering = true;
        event_deliver(&r->ev);
        o->queue.delivering = false;
        ble_queue_drop(o);
    }
}

/* For active(True) after a failure: delivers what the failed radio had queued, unless this is
 * called inside a handler. */
void ble_deliver_after_failure(void)
{
    ble_obj_t *o = ble_object();
    while (ble.host && ble.down && !ble.ending && !ble.in_host && !ble.holding &&
           !o->queue.delivering && !ble_queue_empty(o)) {
        ble_deliver_queued();
    }
}

/* The first queued WOAD_EV_BOND that has not been delivered; NULL: there is none. */
static struct ble_record *bond_first(ble_obj_t *o)
{
    struct ble_record *r = o ? ble_queue_first(o) : NULL;
    while (r && (r->ev.type != WOAD_EV_BOND || r->bond_delivered)) {
        r = ble_queue_next(o, r);
    }
    return r;
}

/* Before active(False) drops what is queued: the program gets the secrets of new bonds, and those
 * of removed ones go; else a peer would be lost, or be back after active(True).  False: they wait
 * until the program can schedule functions for them.  Scheduled functions may stop the host
 * meanwhile. */
bool ble_deliver_bonds(void)
{
    ble_obj_t *o = ble_object();
    struct ble_record *r;
    while (bond_first(o)) {
        ble_secrets_make_room();
        r = ble.host ? bond_first(o) : NULL;
        if (r && bond_waits(&r->ev)) {
            return false;
        }
        if (r) {
            bool delivering = o->queue.delivering;
            o->queue.delivering = true; /* the queue drops no record */
            r->bond_delivered = true;
            ble.in_host++;
            event_deliver(&r->ev);
            ble.in_host--;
            o->queue.delivering = delivering;
        }
    }
    return true;
}

/* The attribute handle of a client's request or subscription; NULL: another event. */
static uint16_t *attribute_of(struct woad_event *ev)
{
    switch (ev->type) {
    case WOAD_EV_GATT_READ: return &ev->u.gatt_read.handle;
    case WOAD_EV_GATT_WRITE: return &ev->u.gatt_write.handle;
    case WOAD_EV_SUBSCRIBE: return &ev->u.subscribe.value_handle;
    default: return NULL;
    }
}

/* New attributes may get these handles soon.  Queued events of the old ones get handle 0: requests
 * are answered with Invalid Handle then. */
void ble_attributes_removed(ble_obj_t *o, uint16_t first, uint16_t last)
{
    for (struct ble_record *r = ble_queue_first(o); r; r = ble_queue_next(o, r)) {
        uint16_t *handle = attribute_of(&r->ev);
        if (handle && *handle >= first && *handle <= last) {
            *handle = 0;
        }
    }
}

/* There was no memory to queue the event.  A request is refused at once, a procedure will end with
 * status 6 (no memory), and the module's state of an ended connection or channel is freed. */
static void event_lost(struct woad *h, const struct woad_event *ev)
{
    ble.dropped++;
    switch (ev->type) {
    case WOAD_EV_GATT_READ:
        woad_gatt_answer_to(h, ev->conn, ev->u.gatt_read.request, WOAD_ATT_INSUFFICIENT_RESOURCES,
                            NULL, 0);
        break;
    case WOAD_EV_GATT_WRITE:
        if (ev->u.gatt_write.need_answer) {
            woad_gatt_answer_to(h, ev->conn, ev->u.gatt_write.request,
                                WOAD_ATT_INSUFFICIENT_RESOURCES, NULL, 0);
        }
        break;
    case WOAD_EV_COC_REQUEST:
        woad_coc_refuse(h, ev->conn, ev->u.coc.cid, WOAD_COC_NO_RESOURCES);
        break;
    case WOAD_EV_COC_CLOSED: ble_coc_event_lost(ev); break;
    case WOAD_EV_DISCONNECT:
        ble_coc_event_lost(ev);
        conn_forget(ev->conn);
        break;
    case WOAD_EV_READ:
    case WOAD_EV_SERVICE:
    case WOAD_EV_INCLUDED:
    case WOAD_EV_CHARACTERISTIC:
    case WOAD_EV_DESCRIPTOR: ble_note_incomplete(ev->conn); break;
    default: break;
    }
}

/* --- from the host ---------------------------------------------------------------------------- */

/* Replaces one entry of ble.conns. */
static void note_conn(uint16_t old, uint16_t new)
{
    for (size_t i = 0; i < BLE_CONNS; i++) {
        if (ble.conns[i] == old) {
            ble.conns[i] = new;
            return;
        }
    }
}

/* The module's own state: updated at once, even while events are held. */
static void event_note(const struct woad_event *ev)
{
    switch (ev->type) {
    case WOAD_EV_UP: ble.up = true; break;
    case WOAD_EV_DOWN:
        ble.up = false;
        ble.down = ev->u.down.error;
        ble.adv_settled = ble.accept_settled = true;
        break;
    case WOAD_EV_ADV_STARTED:
    case WOAD_EV_ADV_FAILED:
    case WOAD_EV_ADV_STOPPED:
        ble.adv_settled = true;
        ble.adv_awaited = false;
        ble.adv_status = ev->u.adv.status;
        break;
    case WOAD_EV_ACCEPT_LIST:
        ble.accept_settled = true;
        ble.accept_awaited = false;
        ble.accept_status = ev->u.accept_list.status;
        break;
    case WOAD_EV_CONNECT:
        /* A connection ends advertising without WOAD_EV_ADV_STOPPED. */
        ble.adv_settled = ble.adv_settled || !woad_adv_running(ble.host);
        note_conn(WOAD_NO_CONN, ev->conn);
        break;
    case WOAD_EV_DISCONNECT:
        ble_update_forget(ev->conn);
        note_conn(ev->conn, WOAD_NO_CONN);
        ble_channels_note_event(ev);
        break;
    case WOAD_EV_TX_READY: ble_update_retry(); break;
    case WOAD_EV_OOB:
        ble.oob_made = true;
        ble.oob_status = ev->u.oob.status;
        if (ev->u.oob.oob) {
            ble.oob = *ev->u.oob.oob;
        }
        break;
    case WOAD_EV_AUTHORIZE: /* without the event enabled nothing is refused */
        *ev->u.authorize.allowed = !ble_wants(IRQ_GATTS_AUTHORIZE);
        break;
    default: ble_channels_note_event(ev); break;
    }
}

/* The host needs the answer when its callback returns: this event cannot be queued. */
static bool is_synchronous(const struct woad_event *ev)
{
    return ev->type == WOAD_EV_AUTHORIZE || ev->type == WOAD_EV_BOND_WANTED;
}

/* The method that waits for this event raises its status. */
static bool is_awaited(const struct woad_event *ev)
{
    switch (ev->type) {
    case WOAD_EV_ADV_FAILED: return ble.adv_awaited;
    case WOAD_EV_ACCEPT_LIST: return ble.accept_awaited;
    default: return false;
    }
}

/* The host's callback.  is_awaited() comes first: event_note() clears its flags. */
void ble_on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)ctx;
    bool awaited = is_awaited(ev);
    event_note(ev);
    ble_port_store_event(h, ev);
    if (!awaited) {
        ble_pass_on(ev);
    }
}

/* Delivers an event, unless ble_connect.c withholds it. */
void ble_pass_on(const struct woad_event *ev)
{
    if (!ble_connecting_withholds(ev)) {
        ble_deliver(ev);
    }
}

/* True: queued until there is room for its secrets. */
static bool bond_queue(ble_obj_t *o, const struct woad_event *ev)
{
    bool queued = ev->type == WOAD_EV_BOND && !ble_secrets_have_room() && ble_queue_put(o, ev);
    if (queued) {
        ble_port_soon();
    }
    return queued;
}

/* For a method that removes a bond: the handler runs inside that method. */
void ble_deliver_bond(const struct woad_event *ev)
{
    if (!bond_queue(ble_object(), ev)) {
        event_deliver(ev);
    }
}

/* Calls the handler now, if no older event waits and no method does; else queues a copy. */
void ble_deliver(const struct woad_event *ev)
{
    ble_obj_t *o = ble_object();
    if (!o || !ble_event_has_handler(ev)) {
        return;
    }
    if (!is_synchronous(ev) && (ble.holding || !ble_queue_empty(o))) {
        if (!ble_queue_put(o, ev)) {
            event_lost(ble.host, ev);
        }
        woad_gatt_answer_later(ble.host, ev->conn); /* if it is a request: when it is delivered */
        return;
    }
    if (bond_queue(o, ev)) {
        return;
    }
    ble.in_host++;
    event_deliver(ev);
    ble.in_host--;
    if (ble.ending && !ble.in_host) {
        ble_port_schedule(); /* ble_stop() must wait until the host has returned */
    }
}
