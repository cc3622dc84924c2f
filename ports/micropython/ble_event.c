/* The host's events, as Python sees them. */
#include "ble.h"

static mp_obj_t event_int(int n)
{
    return MP_OBJ_NEW_SMALL_INT(n);
}

enum { BLE_NO_MEMORY = 6 };

/* Statuses keep the numbers programs know: 0x100 + ATT, 7 not connected, 10 bad data, 13 timeout,
 * 29 given up. */
static int event_status(int status)
{
    switch (status) {
    case 0: return 0;
    case WOAD_ENOTCONN: return 7;
    case WOAD_ETIMEDOUT: return 13;
    case WOAD_EBADMSG: return 10;
    case WOAD_ECANCELED: return 29;
    default: return status > 0 ? 0x100 + status : BLE_NO_MEMORY;
    }
}

/* --- each event ------------------------------------------------------------------------------- */

static void on_connect(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.connect.peer.type),
                         ble_addr(&ev->u.connect.peer) };
    ble_invoke(ev->u.connect.central ? IRQ_PERIPHERAL_CONNECT : IRQ_CENTRAL_CONNECT, 3, items);
}

/* The handler of the first of two events may end the radio: no other event follows then. */
bool ble_same(unsigned starts)
{
    return ble.host && ble.starts == starts && !ble.ending;
}

static void on_disconnect(const struct woad_event *ev)
{
    unsigned starts = ble.starts;
    if (ble_wants(IRQ_DISCONNECT_REASON)) {
        mp_obj_t why[] = { event_int(ev->conn), event_int(ev->u.disconnect.reason) };
        ble_invoke(IRQ_DISCONNECT_REASON, 2, why);
    }
    if (!ble_same(starts)) {
        return;
    }
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.disconnect.peer.type),
                         ble_addr(&ev->u.disconnect.peer) };
    ble_invoke(ev->u.disconnect.central ? IRQ_PERIPHERAL_DISCONNECT : IRQ_CENTRAL_DISCONNECT, 3,
               items);
}

static void on_connect_failed(const struct woad_event *ev)
{
    static const struct woad_addr nobody = { 0xff, { 0 } };
    unsigned starts = ble.starts;
    if (ble_wants(IRQ_CONNECT_FAILED)) {
        const struct woad_addr *peer = &ev->u.connect_failed.peer;
        int status = ev->u.connect_failed.status;
        mp_obj_t why[] = { event_int(peer->type), ble_addr(peer),
                           event_int(status > 0 ? 0x200 + status : event_status(status)) };
        ble_invoke(IRQ_CONNECT_FAILED, 3, why);
    }
    if (!ble_same(starts)) {
        return;
    }
    mp_obj_t items[] = { event_int(WOAD_NO_CONN), event_int(nobody.type), ble_addr(&nobody) };
    ble_invoke(IRQ_PERIPHERAL_DISCONNECT, 3, items);
}

static void on_conn_update(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.conn_update.interval_1250us),
                         event_int(ev->u.conn_update.latency),
                         event_int(ev->u.conn_update.supervision_10ms),
                         event_int(ev->u.conn_update.status != 0) };
    ble_invoke(IRQ_CONNECTION_UPDATE, 5, items);
}

/* (conn_handle, item, status, value): what the value is depends on the item. */
static void on_link(const struct woad_event *ev)
{
    const struct woad_link_value *v = &ev->u.link;
    mp_obj_t value = event_int(v->dbm), two[2];
    if (!ble_wants(IRQ_LINK)) {
        return;
    }
    switch (v->item) {
    case WOAD_LINK_CHANNEL_MAP: value = ble_brief(v->channels, sizeof v->channels); break;
    case WOAD_LINK_FEATURES: value = ble_brief(v->features, sizeof v->features); break;
    case WOAD_LINK_PHY:
        two[0] = event_int(v->tx_phy);
        two[1] = event_int(v->rx_phy);
        value = ble_few(2, two);
        break;
    case WOAD_LINK_DATA_LENGTH:
        two[0] = event_int(v->tx_octets);
        two[1] = event_int(v->rx_octets);
        value = ble_few(2, two);
        break;
    case WOAD_LINK_VERSION: {
        mp_obj_t three[] = { event_int(v->version), event_int(v->company),
                             event_int(v->subversion) };
        value = ble_few(3, three);
        break;
    }
    default: break;
    }
    int status = v->status > 0 ? 0x200 + v->status : event_status(v->status);
    mp_obj_t items[] = { event_int(ev->conn), event_int(v->item), event_int(status),
                         v->status ? mp_const_none : value };
    ble_invoke(IRQ_LINK, 4, items);
}

/* Events that say no more than which connection. */
static void on_tx(const struct woad_event *ev)
{
    unsigned irq = ev->type == WOAD_EV_TX_READY ? IRQ_TX_READY : IRQ_TX_DONE;
    mp_obj_t items[] = { event_int(ev->conn) };
    if (ble_wants(irq)) {
        ble_invoke(irq, 1, items);
    }
}

static void on_subscribe(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.subscribe.value_handle),
                         event_int(ev->u.subscribe.cccd) };
    if (ble_wants(IRQ_GATTS_SUBSCRIBE) && ev->u.subscribe.value_handle) {
        ble_invoke(IRQ_GATTS_SUBSCRIBE, 3, items);
    }
}

static void on_included(const struct woad_event *ev)
{
    const struct woad_uuid *uuid = &ev->u.included.uuid;
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.included.declaration),
                         event_int(ev->u.included.start), event_int(ev->u.included.end),
                         uuid->size ? ble_event_uuid(uuid) : mp_const_none };
    ble_invoke(IRQ_GATTC_INCLUDED_RESULT, 5, items);
}

/* Events keep their order: what comes before the end of a scan that was stopped belongs to it. */
bool ble_scan_heard(void)
{
    return ble.scans && !ble.scans_stopped;
}

static void on_report(const struct woad_event *ev)
{
    if (!ble_scan_heard()) {
        return;
    }
    mp_obj_t items[] = { event_int(ev->u.report.addr.type), ble_addr(&ev->u.report.addr),
                         event_int(ev->u.report.kind), event_int(ev->u.report.rssi),
                         ble_bytes(ev->u.report.data, ev->u.report.len) };
    ble_invoke(IRQ_SCAN_RESULT, 5, items);
}

static void on_scan_done(const struct woad_event *ev)
{
    (void)ev;
    bool heard = ble_scan_heard();
    ble.scans -= ble.scans > 0;
    ble.scans_stopped -= ble.scans_stopped > 0;
    if (heard) {
        ble_invoke(IRQ_SCAN_DONE, 0, NULL);
    }
}

static void on_mtu(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.mtu.mtu) };
    ble_invoke(IRQ_MTU_EXCHANGED, 2, items);
}

/* What the handler gives: nothing, or anything that is no number, allows it. */
int ble_read_refused(uint16_t conn, uint16_t handle)
{
    mp_obj_t items[] = { event_int(conn), event_int(handle) };
    const struct ble_answer a = ble_ask(IRQ_GATTS_READ_REQUEST, 2, items);
    mp_int_t no = ble_refused(&a, WOAD_ATT_INSUFFICIENT_RESOURCES);
    return no && !(no & 0xff) ? WOAD_ATT_INSUFFICIENT_RESOURCES : (int)(no & 0xff);
}

/* The program is asked whichever part the peer reads: the parts that follow a first one come from
 * what the host has kept, and raise no event. */
static void on_gatt_read(const struct woad_event *ev)
{
    uint16_t handle = ev->u.gatt_read.handle;
    uint8_t request = ev->u.gatt_read.request;
    struct ble_value *v = ble_value_at(handle);
    int err = v ? ble_read_refused(ev->conn, handle) : WOAD_ATT_INVALID_HANDLE;
    if (!err && ble_value_at(handle) != v) {
        err = WOAD_ATT_INVALID_HANDLE; /* another attribute has the handle now */
    }
    if (!ble.host) {
        return;
    }
    if (err) {
        woad_gatt_answer_to(ble.host, ev->conn, request, (uint8_t)err, NULL, 0);
    } else {
        woad_gatt_answer_to(ble.host, ev->conn, request, 0, v->data, v->len);
    }
}

static void on_gatt_write(const struct woad_event *ev)
{
    uint16_t handle = ev->u.gatt_write.handle;
    struct ble_value *v = ble_value_at(handle);
    int err =
        v ? ble_value_write(v, ev->u.gatt_write.offset, ev->u.gatt_write.data, ev->u.gatt_write.len)
          : WOAD_ATT_INVALID_HANDLE;
    if (!err) {
        mp_obj_t items[] = { event_int(ev->conn), event_int(handle) };
        ble_invoke(IRQ_GATTS_WRITE, 2, items);
    }
    if (ev->u.gatt_write.need_answer && ble.host) {
        woad_gatt_answer_to(ble.host, ev->conn, ev->u.gatt_write.request, (uint8_t)err, NULL, 0);
    }
}

static void on_indicated(const struct woad_event *ev)
{
    int status = ev->u.done.status;
    status =
        status == WOAD_EACCES ? 0x100 + WOAD_ATT_INSUFFICIENT_AUTHENTICATION : event_status(status);
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.done.handle), event_int(status) };
    ble_invoke(IRQ_GATTS_INDICATE_DONE, 3, items);
}

static void on_service(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.service.start),
                         event_int(ev->u.service.end), ble_event_uuid(&ev->u.service.uuid) };
    ble_invoke(IRQ_GATTC_SERVICE_RESULT, 4, items);
}

static void on_characteristic(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.characteristic.end),
                         event_int(ev->u.characteristic.value),
                         event_int(ev->u.characteristic.props),
                         ble_event_uuid(&ev->u.characteristic.uuid) };
    ble_invoke(IRQ_GATTC_CHARACTERISTIC_RESULT, 5, items);
}

static void on_descriptor(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.descriptor.handle),
                         ble_event_uuid(&ev->u.descriptor.uuid) };
    ble_invoke(IRQ_GATTC_DESCRIPTOR_RESULT, 3, items);
}

static struct ble_gathered *gathered_on(uint16_t conn)
{
    return &ble.gathered[(conn & 0xff) % BLE_CONNS];
}

void ble_forget_gathered(void)
{
    for (size_t i = 0; i < BLE_CONNS; i++) {
        ble_port_free(ble.gathered[i].octets);
        ble.gathered[i] = (struct ble_gathered){ NULL, 0, false };
    }
}

/* Some of what was found or read had no room: the procedure does not end with status 0. */
static int gathered_status(uint16_t conn, int status)
{
    struct ble_gathered *g = gathered_on(conn);
    int told = status || !g->lost ? event_status(status) : BLE_NO_MEMORY;
    g->lost = false;
    return told;
}

/* Of several values each is told by itself, as it comes. */
static void on_read_one(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.value.handle),
                         ble_bytes(ev->u.value.data, ev->u.value.len) };
    ble_invoke(IRQ_GATTC_READ_RESULT, 3, items);
}

/* Parts are gathered: the program gets the value in one piece.  What they are gathered in stays,
 * for the next one that the connection reads. */
static void on_read(const struct woad_event *ev)
{
    if (ev->u.value.op != WOAD_GATTC_READ) {
        on_read_one(ev);
        return;
    }
    struct ble_gathered *g = gathered_on(ev->conn);
    size_t at = ev->u.value.offset, len = ev->u.value.len;
    if (!g->octets) {
        g->octets = ble_port_alloc(WOAD_ATT_VALUE_MAX);
        g->lost = g->lost || !g->octets;
    }
    if (g->octets && len && at + len <= WOAD_ATT_VALUE_MAX) {
        memcpy(g->octets + at, ev->u.value.data, len);
        g->len = (uint16_t)(at + len);
    }
}

static void on_read_done(const struct woad_event *ev)
{
    struct ble_gathered *g = gathered_on(ev->conn);
    int status = gathered_status(ev->conn, ev->u.done.status);
    unsigned starts = ble.starts;
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.done.handle), mp_const_none };
    size_t len = g->len;
    g->len = 0;
    if (!status) {
        items[2] = ble_bytes(g->octets, len);
        ble_invoke(IRQ_GATTC_READ_RESULT, 3, items);
    }
    if (!ble_same(starts)) {
        return;
    }
    items[2] = event_int(status);
    ble_invoke(IRQ_GATTC_READ_DONE, 3, items);
}

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
                         event_int(gathered_status(ev->conn, ev->u.done.status)) };
    switch (ev->u.done.op) {
    case WOAD_GATTC_MTU: break; /* MTU_EXCHANGED has told it */
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
    default: ble_invoke(irq[ev->u.done.op], 2, items); /* the module begins no others */
    }
}

static void on_value(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.value.handle),
                         ble_bytes(ev->u.value.data, ev->u.value.len) };
    ble_invoke(ev->type == WOAD_EV_INDICATION ? IRQ_GATTC_INDICATE : IRQ_GATTC_NOTIFY, 3, items);
}

static void (*const handlers[])(const struct woad_event *) = {
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
    [WOAD_EV_COC_REQUEST] = ble_on_coc,
    [WOAD_EV_COC_OPEN] = ble_on_coc,
    [WOAD_EV_COC_CLOSED] = ble_on_coc,
    [WOAD_EV_COC_DATA] = ble_on_coc,
    [WOAD_EV_COC_SENT] = ble_on_coc,
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

/* The program has heard that it is over: the next connection may have the same handle, and nothing
 * that waits for the old one is for it. */
static void conn_over(uint16_t conn)
{
    ble_update_forget(conn);
    if (ble.host) {
        woad_conn_forget(ble.host, conn);
    }
}

/* Nothing in there raises; if it does, not through the host. */
static void event_deliver(const struct woad_event *ev)
{
    nlr_buf_t nlr;
    uint16_t over = ev->type == WOAD_EV_DISCONNECT ? ev->conn : WOAD_NO_CONN;
    if (nlr_push(&nlr) == 0) {
        handlers[ev->type](ev);
        nlr_pop();
    } else {
        ble.dropped++;
        ble_show(MP_OBJ_FROM_PTR(nlr.ret_val));
    }
    if (over != WOAD_NO_CONN) {
        conn_over(over);
    }
}

/* The record stays where it is until the handler has returned.  Handlers that are slower than what
 * comes leave time to the program: the rest is for the next turn. */
void ble_deliver_queued(void)
{
    enum { BLE_TURN_MS = 10 };
    ble_obj_t *o = ble_object();
    struct ble_record *r;
    mp_uint_t began = mp_hal_ticks_ms();
    while (o && !ble.holding && !o->queue.delivering && mp_hal_ticks_ms() - began < BLE_TURN_MS &&
           (r = ble_queue_first(o))) {
        o->queue.delivering = true;
        event_deliver(&r->ev);
        o->queue.delivering = false;
        ble_queue_drop(o);
    }
}

/* Before all begins again.  A handler that is running hears of no more. */
void ble_deliver_lost(void)
{
    ble_obj_t *o = ble_object();
    while (ble.host && ble.down && !ble.ending && !ble.in_host && !ble.holding &&
           !o->queue.delivering && !ble_queue_empty(o)) {
        ble_deliver_queued();
    }
}

/* Of an attribute that a client has read, written or subscribed to; NULL: of none. */
static uint16_t *attribute_of(struct woad_event *ev)
{
    switch (ev->type) {
    case WOAD_EV_GATT_READ: return &ev->u.gatt_read.handle;
    case WOAD_EV_GATT_WRITE: return &ev->u.gatt_write.handle;
    case WOAD_EV_SUBSCRIBE: return &ev->u.subscribe.value_handle;
    default: return NULL;
    }
}

/* The attributes are gone, and their handles may be others' soon: what waits for them is nobody's,
 * a request is answered with Invalid Handle. */
void ble_attributes_gone(ble_obj_t *o, uint16_t first, uint16_t last)
{
    for (struct ble_record *r = ble_queue_first(o); r; r = ble_queue_next(o, r)) {
        uint16_t *handle = attribute_of(&r->ev);
        if (handle && *handle >= first && *handle <= last) {
            *handle = 0;
        }
    }
    ble_update_gone(o, first, last);
}

/* There is no memory to keep the event until the program can hear of it.  A request is refused at
 * once, a procedure ends with BLE_NO_MEMORY, and what belongs to a connection or a channel that is
 * over is free. */
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
    case WOAD_EV_COC_CLOSED: ble_lost_coc(ev); break;
    case WOAD_EV_DISCONNECT: conn_over(ev->conn); break;
    case WOAD_EV_READ:
    case WOAD_EV_SERVICE:
    case WOAD_EV_INCLUDED:
    case WOAD_EV_CHARACTERISTIC:
    case WOAD_EV_DESCRIPTOR: gathered_on(ev->conn)->lost = true; break;
    default: break;
    }
}

/* --- from the host ---------------------------------------------------------------------------- */

static void note_conn(const struct woad_event *ev)
{
    for (size_t i = 0; i < BLE_CONNS; i++) {
        uint16_t looked_for = ev->type == WOAD_EV_CONNECT ? WOAD_NO_CONN : ev->conn;
        if (ble.conns[i] == looked_for) {
            ble.conns[i] = ev->type == WOAD_EV_CONNECT ? ev->conn : WOAD_NO_CONN;
            return;
        }
    }
}

/* What the module itself has to know, at once and whatever the program does. */
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
        ble.adv_status = ev->u.adv.status;
        break;
    case WOAD_EV_ACCEPT_LIST:
        ble.accept_settled = true;
        ble.accept_status = ev->u.accept_list.status;
        break;
    case WOAD_EV_CONNECT:
        ble.adv_settled = ble.adv_settled || !woad_adv_running(ble.host);
        note_conn(ev);
        break;
    case WOAD_EV_DISCONNECT:
        note_conn(ev);
        ble_note_coc(ev);
        break;
    case WOAD_EV_TX_READY: ble_update_retry(); break;
    case WOAD_EV_OOB:
        ble.oob_made = true;
        ble.oob_status = ev->u.oob.status;
        ble.oob = *ev->u.oob.oob;
        break;
    case WOAD_EV_AUTHORIZE: /* a program that is not asked does not refuse */
        *ev->u.authorize.allowed = !ble_wants(IRQ_GATTS_AUTHORIZE);
        break;
    default: ble_note_coc(ev); break;
    }
}

/* The host goes on with the answer that there is when its call returns: asked now, or too late. */
static bool is_urgent(const struct woad_event *ev)
{
    return ev->type == WOAD_EV_AUTHORIZE || ev->type == WOAD_EV_BOND_WANTED;
}

void ble_on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)ctx;
    event_note(ev);
    ble_port_store_event(h, ev);
    ble_pass_on(ev);
}

void ble_pass_on(const struct woad_event *ev)
{
    if (!ble_connecting(ev)) {
        ble_deliver(ev);
    }
}

void ble_deliver(const struct woad_event *ev)
{
    ble_obj_t *o = ble_object();
    if (!o || ev->type >= MP_ARRAY_SIZE(handlers) || !handlers[ev->type]) {
        return;
    }
    if (!is_urgent(ev) && (ble.holding || !ble_queue_empty(o))) {
        if (!ble_queue_put(o, ev)) {
            event_lost(ble.host, ev);
        }
        return;
    }
    ble.in_host++;
    event_deliver(ev);
    ble.in_host--;
    if (ble.ending && !ble.in_host) {
        ble_port_schedule(); /* whoever called the host goes on first */
    }
}
