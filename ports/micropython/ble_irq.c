/* Each event of the host as the program gets it: calls the handler with the event's arguments.
 * ble_event.c decides when.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_addr(): an address as a memoryview, most significant octet first, for the next call
 *   ble_ask(): calls the program's handler for an event with a return value
 *   ble_bytes(): a copy of octets as a memoryview, for the next call of the handler; allocates
 *       nothing
 *   ble_channels_finish(): raises the held IRQ_L2CAP_DISCONNECT of a connection's channels
 *   BLE_CONNS: connections of the configuration
 *   ble_event_uuid(): a UUID for the next call
 *   ble_inner_tuple(): a tuple among the items of the next call
 *   ble_invoke(): calls the program's handler
 *   ble_port_alloc(): memory outside the heap, zeros; NULL: none
 *   ble_port_free(): frees memory of ble_port_alloc()
 *   ble_refusal(): the error with which the handler refuses, 0: it allows; second argument: if
 *       it could not run
 *   ble_short_bytes(): a second memoryview for that call, of at most BLE_FRAME_SHORT octets
 *   BLE_STATUS_ATT: added to an ATT error for the program
 *   BLE_STATUS_HCI: added to an HCI status for the program
 *   ble_still_on(): false: the handler has called active(False) meanwhile
 *   ble_value_at(): the value of a local attribute; NULL: none
 *   ble_value_write(): a client's write to a local value; 0 or the ATT error
 *   ble_wants(): the program has enabled this event, which upstream (MicroPython's own module,
 *       with NimBLE) does not have
 *   dropped: how often something was lost: for want of memory or room, or because the event for
 *       it is not enabled; config("dropped")
 *   long_read: of each connection: the value that gattc_read() assembles from its parts, and
 *       whether a result of the procedure that runs was lost
 *   request: which of the client's requests waits, for woad_gatt_answer_to()
 *   scans: scans without WOAD_EV_SCAN_DONE yet
 *   scans_stopped: those of `scans` with IRQ_SCAN_DONE raised already
 *   start_count: number of this start of the host: ble_still_on() compares it */
#include "ble.h"

/* Numbers of at most 30 bits. */
static mp_obj_t event_int(int n)
{
    return MP_OBJ_NEW_SMALL_INT(n);
}

enum { BLE_NO_MEMORY = 6 }; /* a status: NimBLE's BLE_HS_ENOMEM */

/* Status numbers for the program, as upstream has them (NimBLE's BLE_HS_E…): 0x100 + ATT error, 7
 * not connected, 10 bad data, 13 time-out, 29 cancelled (NimBLE: preempted).  Any other error of
 * the host is 6, no memory. */
static int event_status(int status)
{
    switch (status) {
    case 0: return 0;
    case WOAD_ENOTCONN: return 7;
    case WOAD_ETIMEDOUT: return 13;
    case WOAD_EBADMSG: return 10;
    case WOAD_ECANCELED: return 29;
    default: return status > 0 ? BLE_STATUS_ATT + status : BLE_NO_MEMORY;
    }
}

/* --- each event ------------------------------------------------------------------------------- */

/* (conn_handle, addr_type, addr) */
static void on_connect(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.connect.peer.type),
                         ble_addr(&ev->u.connect.peer) };
    ble_invoke(ev->u.connect.central ? IRQ_PERIPHERAL_CONNECT : IRQ_CENTRAL_CONNECT, 3, items);
}

/* IRQ_L2CAP_DISCONNECT of channels that were held, and IRQ_DISCONNECT_REASON, if the program has
 * enabled it, then the event that upstream has. */
static void on_disconnect(const struct woad_event *ev)
{
    unsigned start = ble.start_count;
    ble_channels_finish(ev->conn);
    if (ble_still_on(start) && ble_wants(IRQ_DISCONNECT_REASON)) {
        mp_obj_t reason[] = { event_int(ev->conn), event_int(ev->u.disconnect.reason) };
        ble_invoke(IRQ_DISCONNECT_REASON, 2, reason);
    }
    if (!ble_still_on(start)) {
        return;
    }
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.disconnect.peer.type),
                         ble_addr(&ev->u.disconnect.peer) };
    ble_invoke(ev->u.disconnect.central ? IRQ_PERIPHERAL_DISCONNECT : IRQ_CENTRAL_DISCONNECT, 3,
               items);
}

/* IRQ_CONNECT_FAILED with the status, if the program has enabled it, then
 * IRQ_PERIPHERAL_DISCONNECT of no connection, as upstream raises it. */
static void on_connect_failed(const struct woad_event *ev)
{
    static const struct woad_addr nobody = { 0xff, { 0 } };
    unsigned start = ble.start_count;
    if (ble_wants(IRQ_CONNECT_FAILED)) {
        const struct woad_addr *peer = &ev->u.connect_failed.peer;
        int status = ev->u.connect_failed.status;
        mp_obj_t reason[] = { event_int(peer->type), ble_addr(peer),
                              event_int(status > 0 ? BLE_STATUS_HCI + status
                                                   : event_status(status)) };
        ble_invoke(IRQ_CONNECT_FAILED, 3, reason);
    }
    if (!ble_still_on(start)) {
        return;
    }
    mp_obj_t items[] = { event_int(WOAD_NO_CONN), event_int(nobody.type), ble_addr(&nobody) };
    ble_invoke(IRQ_PERIPHERAL_DISCONNECT, 3, items);
}

/* The status is 0 or 1, as upstream has it. */
static void on_conn_update(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.conn_update.interval_1250us),
                         event_int(ev->u.conn_update.latency),
                         event_int(ev->u.conn_update.supervision_10ms),
                         event_int(ev->u.conn_update.status != 0) };
    ble_invoke(IRQ_CONNECTION_UPDATE, 5, items);
}

/* (conn_handle, item, status, value): the answer to gap_link(), or a change of PHYs or data
 * lengths.  The item decides the kind of value; None if the status is not 0. */
static void on_link(const struct woad_event *ev)
{
    const struct woad_link_value *v = &ev->u.link;
    mp_obj_t value = event_int(v->dbm), two[2];
    if (!ble_wants(IRQ_LINK)) {
        return;
    }
    switch (v->item) {
    case WOAD_LINK_CHANNEL_MAP:
        value = ble_short_bytes(v->channel_map, sizeof v->channel_map);
        break;
    case WOAD_LINK_FEATURES: value = ble_short_bytes(v->features, sizeof v->features); break;
    case WOAD_LINK_PHY:
        two[0] = event_int(v->tx_phy);
        two[1] = event_int(v->rx_phy);
        value = ble_inner_tuple(2, two);
        break;
    case WOAD_LINK_DATA_LENGTH:
        two[0] = event_int(v->tx_octets);
        two[1] = event_int(v->rx_octets);
        value = ble_inner_tuple(2, two);
        break;
    case WOAD_LINK_VERSION: {
        mp_obj_t three[] = { event_int(v->version), event_int(v->company),
                             event_int(v->subversion) };
        value = ble_inner_tuple(3, three);
        break;
    }
    default: break; /* RSSI, transmit power: dBm */
    }
    int status = v->status > 0 ? BLE_STATUS_HCI + v->status : event_status(v->status);
    mp_obj_t items[] = { event_int(ev->conn), event_int(v->item), event_int(status),
                         v->status ? mp_const_none : value };
    ble_invoke(IRQ_LINK, 4, items);
}

/* IRQ_TX_READY: there is room again after a call that raised OSError(11).  IRQ_TX_DONE: all that
 * was queued has been sent.  Both: (conn_handle,). */
static void on_tx(const struct woad_event *ev)
{
    unsigned irq = ev->type == WOAD_EV_TX_READY ? IRQ_TX_READY : IRQ_TX_DONE;
    mp_obj_t items[] = { event_int(ev->conn) };
    if (ble_wants(irq)) {
        ble_invoke(irq, 1, items);
    }
}

/* value_handle 0: the attribute has been removed since: ble_attributes_removed(). */
static void on_subscribe(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.subscribe.value_handle),
                         event_int(ev->u.subscribe.cccd) };
    if (ble_wants(IRQ_GATTS_SUBSCRIBE) && ev->u.subscribe.value_handle) {
        ble_invoke(IRQ_GATTS_SUBSCRIBE, 3, items);
    }
}

/* The UUID is None where the server did not give it.  Only gattc_discover_included() causes this
 * event, and fails unless the program has enabled it. */
static void on_included(const struct woad_event *ev)
{
    const struct woad_uuid *uuid = &ev->u.included.uuid;
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.included.declaration),
                         event_int(ev->u.included.start), event_int(ev->u.included.end),
                         uuid->size ? ble_event_uuid(uuid) : mp_const_none };
    ble_invoke(IRQ_GATTC_INCLUDED_RESULT, 5, items);
}

/* Reports that arrive before the WOAD_EV_SCAN_DONE of a stopped scan belong to that scan. */
bool ble_scan_is_reported(void)
{
    return ble.scans && !ble.scans_stopped;
}

/* (addr_type, addr, adv_type, rssi, adv_data) */
static void on_report(const struct woad_event *ev)
{
    if (!ble_scan_is_reported()) {
        return;
    }
    mp_obj_t items[] = { event_int(ev->u.report.addr.type), ble_addr(&ev->u.report.addr),
                         event_int(ev->u.report.kind), event_int(ev->u.report.rssi),
                         ble_bytes(ev->u.report.data, ev->u.report.len) };
    ble_invoke(IRQ_SCAN_RESULT, 5, items);
}

/* IRQ_SCAN_DONE, unless gap_scan(None) has raised it already for this scan. */
static void on_scan_done(const struct woad_event *ev)
{
    (void)ev;
    bool reported = ble_scan_is_reported();
    ble.scans -= ble.scans > 0;
    ble.scans_stopped -= ble.scans_stopped > 0;
    if (reported) {
        ble_invoke(IRQ_SCAN_DONE, 0, NULL);
    }
}

/* (conn_handle, mtu) */
static void on_mtu(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.mtu.mtu) };
    ble_invoke(IRQ_MTU_EXCHANGED, 2, items);
}

/* IRQ_GATTS_READ_REQUEST.  Returns the ATT error with which the handler refuses the read; 0: it
 * allows it, by returning None, 0 or anything that is no number.  Another number with a low octet
 * of 0 refuses, too. */
int ble_read_refused(uint16_t conn, uint16_t handle)
{
    mp_obj_t items[] = { event_int(conn), event_int(handle) };
    const struct ble_answer a = ble_ask(IRQ_GATTS_READ_REQUEST, 2, items);
    mp_int_t no = ble_refusal(&a, WOAD_ATT_INSUFFICIENT_RESOURCES);
    if (no && !(no & 0xff)) {
        return WOAD_ATT_INSUFFICIENT_RESOURCES;
    }
    return (int)(no & 0xff);
}

/* The handler runs for each such event: for a Read, and for a Read Blob at any offset if the host
 * has not cached the value at an earlier one.  The answer is the whole value: the host takes the
 * part that was requested.  A queued event of an attribute that was removed has handle 0. */
static void on_gatt_read(const struct woad_event *ev)
{
    uint16_t handle = ev->u.gatt_read.handle;
    uint8_t request = ev->u.gatt_read.request;
    unsigned start = ble.start_count;
    struct ble_value *v = ble_value_at(handle);
    int err = v ? ble_read_refused(ev->conn, handle) : WOAD_ATT_INVALID_HANDLE;
    if (!err && ble_value_at(handle) != v) {
        err = WOAD_ATT_INVALID_HANDLE; /* the handler replaced the attribute */
    }
    if (!ble_still_on(start)) {
        return;
    }
    if (err) {
        woad_gatt_answer_to(ble.host, ev->conn, request, (uint8_t)err, NULL, 0);
    } else {
        woad_gatt_answer_to(ble.host, ev->conn, request, 0, v->data, v->len);
    }
}

/* Writes the value, tells the program, then answers, if it was a request: the handler runs before
 * the answer is sent. */
static void on_gatt_write(const struct woad_event *ev)
{
    uint16_t handle = ev->u.gatt_write.handle;
    unsigned start = ble.start_count;
    struct ble_value *v = ble_value_at(handle);
    int err =
        v ? ble_value_write(v, ev->u.gatt_write.offset, ev->u.gatt_write.data, ev->u.gatt_write.len)
          : WOAD_ATT_INVALID_HANDLE;
    if (!err) {
        mp_obj_t items[] = { event_int(ev->conn), event_int(handle) };
        ble_invoke(IRQ_GATTS_WRITE, 2, items);
    }
    if (ev->u.gatt_write.need_answer && ble_still_on(start)) {
        woad_gatt_answer_to(ble.host, ev->conn, ev->u.gatt_write.request, (uint8_t)err, NULL, 0);
    }
}

/* WOAD_EACCES: nothing was sent, because the client may not get the value, or not any more.  The
 * client has sent no ATT error, but programs know this number. */
static void on_indicated(const struct woad_event *ev)
{
    int status = ev->u.done.status;
    status = status == WOAD_EACCES ? BLE_STATUS_ATT + WOAD_ATT_INSUFFICIENT_AUTHENTICATION
                                   : event_status(status);
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.done.handle), event_int(status) };
    ble_invoke(IRQ_GATTS_INDICATE_DONE, 3, items);
}

/* (conn_handle, start_handle, end_handle, uuid) */
static void on_service(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.service.start),
                         event_int(ev->u.service.end), ble_event_uuid(&ev->u.service.uuid) };
    ble_invoke(IRQ_GATTC_SERVICE_RESULT, 4, items);
}

/* (conn_handle, end_handle, value_handle, properties, uuid) */
static void on_characteristic(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.characteristic.end),
                         event_int(ev->u.characteristic.value),
                         event_int(ev->u.characteristic.props),
                         ble_event_uuid(&ev->u.characteristic.uuid) };
    ble_invoke(IRQ_GATTC_CHARACTERISTIC_RESULT, 5, items);
}

/* (conn_handle, handle, uuid) */
static void on_descriptor(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.descriptor.handle),
                         ble_event_uuid(&ev->u.descriptor.uuid) };
    ble_invoke(IRQ_GATTC_DESCRIPTOR_RESULT, 3, items);
}

/* By the low octet of the connection's number: its index, below BLE_CONNS. */
static struct ble_long_read *long_read_on(uint16_t conn)
{
    return &ble.long_read[(conn & 0xff) % BLE_CONNS];
}

/* After the host was stopped. */
void ble_forget_long_reads(void)
{
    for (size_t i = 0; i < BLE_CONNS; i++) {
        ble_port_free(ble.long_read[i].octets);
        ble.long_read[i] = (struct ble_long_read){ NULL, 0, false };
    }
}

/* The status with which a procedure ends; it is not 0 if a result was dropped. */
static int procedure_status(uint16_t conn, int status)
{
    struct ble_long_read *g = long_read_on(conn);
    bool incomplete = g->incomplete && !status;
    g->incomplete = false;
    if (incomplete) {
        return BLE_NO_MEMORY;
    }
    return event_status(status);
}

/* Read by UUID and Read Multiple: one event for each value. */
static void on_read_one(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.value.handle),
                         ble_bytes(ev->u.value.data, ev->u.value.len) };
    ble_invoke(IRQ_GATTC_READ_RESULT, 3, items);
}

/* Assembles the parts of one value; on_read_done() delivers it.  The buffer stays allocated for the
 * next read on this connection. */
static void on_read(const struct woad_event *ev)
{
    if (ev->u.value.op != WOAD_GATTC_READ) {
        on_read_one(ev);
        return;
    }
    struct ble_long_read *g = long_read_on(ev->conn);
    size_t at = ev->u.value.offset, len = ev->u.value.len;
    if (!g->octets) {
        g->octets = ble_port_alloc(WOAD_ATT_VALUE_MAX);
        g->incomplete = g->incomplete || !g->octets;
    }
    if (g->octets && len && at + len <= WOAD_ATT_VALUE_MAX) { /* the host raises no more */
        memcpy(g->octets + at, ev->u.value.data, len);
        g->len = (uint16_t)(at + len);
    }
}

/* The value that was assembled from its parts, if nothing failed; then the status. */
static void on_read_done(const struct woad_event *ev)
{
    struct ble_long_read *g = long_read_on(ev->conn);
    int status = procedure_status(ev->conn, ev->u.done.status);
    unsigned start = ble.start_count;
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.done.handle), mp_const_none };
    size_t len = g->len;
    g->len = 0; /* the handler may begin the next read */
    if (!status) {
        items[2] = ble_bytes(g->octets, len);
        ble_invoke(IRQ_GATTC_READ_RESULT, 3, items);
    }
    if (!ble_still_on(start)) {
        return;
    }
    items[2] = event_int(status);
    ble_invoke(IRQ_GATTC_READ_DONE, 3, items);
}

/* The end of a client's procedure, by the event of its kind. */
static void on_gattc_done(const struct woad_event *ev)
{
    static const uint8_t irq[] = { [WOAD_GATTC_SERVICES] = IRQ_GATTC_SERVICE_DONE,
                                   [WOAD_GATTC_SECONDARY_SERVICES] = IRQ_GATTC_SERVICE_DONE,
                                   [WOAD_GATTC_INCLUDED] = IRQ_GATTC_INCLUDED_DONE,
                                   [WOAD_GATTC_CHARACTERISTICS] = IRQ_GATTC_CHARACTERISTIC_DONE,
                                   [WOAD_GATTC_DESCRIPTORS] = IRQ_GATTC_DESCRIPTOR_DONE };
    if (ev->u.done.op == WOAD_GATTC_READ) {
        on_read_done(ev);
        return;
    }
    mp_obj_t items[] = { event_int(ev->conn),
                         event_int(procedure_status(ev->conn, ev->u.done.status)) };
    switch (ev->u.done.op) {
    case WOAD_GATTC_MTU: break; /* IRQ_MTU_EXCHANGED was raised; a failure has no event */
    case WOAD_GATTC_READ_BY_UUID:
    case WOAD_GATTC_READ_MULTIPLE: {
        mp_obj_t done[] = { items[0], event_int(ev->u.done.handle), items[1] };
        ble_invoke(IRQ_GATTC_READ_DONE, 3, done);
        break;
    }
    case WOAD_GATTC_WRITE:
    case WOAD_GATTC_WRITE_LONG:
    case WOAD_GATTC_WRITE_RELIABLE: {
        mp_obj_t done[] = { items[0], event_int(ev->u.done.handle), items[1] };
        ble_invoke(IRQ_GATTC_WRITE_DONE, 3, done);
        break;
    }
    default: ble_invoke(irq[ev->u.done.op], 2, items); /* the module starts no other procedures */
    }
}

/* (conn_handle, value_handle, data) */
static void on_value(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.value.handle),
                         ble_bytes(ev->u.value.data, ev->u.value.len) };
    ble_invoke(ev->type == WOAD_EV_INDICATION ? IRQ_GATTC_INDICATE : IRQ_GATTC_NOTIFY, 3, items);
}

/* (method, status): gap_advertise() (0) or gap_accept_list() (1) in a handler could not wait for
 * the controller, which has refused it since. */
static void on_refused(const struct woad_event *ev)
{
    bool accept = ev->type == WOAD_EV_ACCEPT_LIST;
    int status = accept ? ev->u.accept_list.status : ev->u.adv.status;
    mp_obj_t items[] = { event_int(accept),
                         event_int(status > 0 ? BLE_STATUS_HCI + status : event_status(status)) };
    if (!status) {
        return;
    }
    ble.dropped += !ble_wants(IRQ_REFUSED); /* so that it shows at all */
    if (ble_wants(IRQ_REFUSED)) {
        ble_invoke(IRQ_REFUSED, 2, items);
    }
}

/* For each event of the host that programs may get: what raises its IRQ_….  ble_on_…() are in
 * ble_ext.c, ble_pair.c and ble_secret.c, ble_channels_deliver_event() in ble_l2cap.c. */
static void (*const handlers[])(const struct woad_event *) = {
    [WOAD_EV_ADV_FAILED] = on_refused,
    [WOAD_EV_ACCEPT_LIST] = on_refused,
    [WOAD_EV_REPORT] = on_report,
    [WOAD_EV_EXT_REPORT] = ble_on_ext_report,
    [WOAD_EV_EXT_ADV_STARTED] = ble_on_ext_adv,
    [WOAD_EV_EXT_ADV_ENDED] = ble_on_ext_adv,
    [WOAD_EV_SCAN_DONE] = on_scan_done,
    [WOAD_EV_CONNECT] = on_connect,
    [WOAD_EV_CONNECT_FAILED] = on_connect_failed,
    [WOAD_EV_DISCONNECT] = on_disconnect,
    [WOAD_EV_CONN_UPDATE] = on_conn_update,
    [WOAD_EV_LINK] = on_link,
    [WOAD_EV_TX_READY] = on_tx,
    [WOAD_EV_TX_DONE] = on_tx,
    [WOAD_EV_SUBSCRIBE] = on_subscribe,
    [WOAD_EV_INCLUDED] = on_included,
    [WOAD_EV_SECURITY] = ble_on_security,
    [WOAD_EV_PASSKEY] = ble_on_passkey,
    [WOAD_EV_BOND] = ble_on_bond,
    [WOAD_EV_BOND_WANTED] = ble_on_bond_wanted,
    [WOAD_EV_AUTHORIZE] = ble_on_authorize,
    [WOAD_EV_KEYPRESS] = ble_on_keypress,
    [WOAD_EV_COC_REQUEST] = ble_channels_deliver_event,
    [WOAD_EV_COC_OPEN] = ble_channels_deliver_event,
    [WOAD_EV_COC_CLOSED] = ble_channels_deliver_event,
    [WOAD_EV_COC_DATA] = ble_channels_deliver_event,
    [WOAD_EV_COC_SENT] = ble_channels_deliver_event,
    [WOAD_EV_MTU] = on_mtu,
    [WOAD_EV_GATT_READ] = on_gatt_read,
    [WOAD_EV_GATT_WRITE] = on_gatt_write,
    [WOAD_EV_INDICATED] = on_indicated,
    [WOAD_EV_SERVICE] = on_service,
    [WOAD_EV_CHARACTERISTIC] = on_characteristic,
    [WOAD_EV_DESCRIPTOR] = on_descriptor,
    [WOAD_EV_READ] = on_read,
    [WOAD_EV_NOTIFIED] = on_value,
    [WOAD_EV_INDICATION] = on_value,
    [WOAD_EV_GATTC_DONE] = on_gattc_done,
};

/* False: no handler of a program can get this event. */
bool ble_event_has_handler(const struct woad_event *ev)
{
    return ev->type < MP_ARRAY_SIZE(handlers) && handlers[ev->type];
}

/* Only for events of which ble_event_has_handler() is true. */
void ble_event_invoke(const struct woad_event *ev)
{
    handlers[ev->type](ev);
}

/* There was no memory for a result of the procedure that runs: it does not end with status 0. */
void ble_note_incomplete(uint16_t conn)
{
    long_read_on(conn)->incomplete = true;
}
