/* The host's events, as Python sees them. */
#include "ble.h"

/* --- calling the program ---------------------------------------------------------------------- */

/* An exception in the handler is shown, and the handler taken out. */
mp_obj_t ble_invoke(unsigned event, size_t n, const mp_obj_t *items)
{
    ble_obj_t *o = ble_object();
    mp_obj_t result = mp_const_none;
    nlr_buf_t nlr;
    if (!o || o->handler == mp_const_none || ble.ending) {
        return mp_const_none;
    }
    if (nlr_push(&nlr) == 0) {
        mp_obj_t data = mp_obj_new_tuple(n, items);
        result = mp_call_function_2(o->handler, MP_OBJ_NEW_SMALL_INT(event), data);
        nlr_pop();
    } else {
        mp_printf(MICROPY_ERROR_PRINTER, "Unhandled exception in IRQ callback handler\n");
        mp_obj_print_exception(MICROPY_ERROR_PRINTER, MP_OBJ_FROM_PTR(nlr.ret_val));
        o->handler = mp_const_none;
        result = mp_const_none;
    }
    return result;
}

static mp_obj_t event_int(int n) { return MP_OBJ_NEW_SMALL_INT(n); }

/* A copy in the heap: a program that keeps it does no harm. */
mp_obj_t ble_bytes(const uint8_t *data, size_t len)
{
    uint8_t *copy = m_new(uint8_t, len ? len : 1);
    if (len) {
        memcpy(copy, data, len);
    }
    return mp_obj_new_memoryview('B', len, copy);
}

static mp_obj_t event_addr(const struct woad_addr *a)
{
    uint8_t big[6];
    for (int i = 0; i < 6; i++) {
        big[i] = a->octet[5 - i];
    }
    return ble_bytes(big, 6);
}

/* Statuses keep the numbers programs know: 0x100 + ATT, 7 not connected, 10 bad data, 13 timeout,
 * 29 given up. */
static int event_status(int status)
{
    switch (status) {
        case 0:
            return 0;
        case WOAD_ENOTCONN:
            return 7;
        case WOAD_ETIMEDOUT:
            return 13;
        case WOAD_EBADMSG:
            return 10;
        case WOAD_ECANCELED:
            return 29;
        default:
            return status > 0 ? 0x100 + status : 6;
    }
}

/* --- each event ------------------------------------------------------------------------------- */

static void on_connect(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.connect.peer.type),
                         event_addr(&ev->u.connect.peer) };
    ble_invoke(ev->u.connect.central ? IRQ_PERIPHERAL_CONNECT : IRQ_CENTRAL_CONNECT, 3, items);
}

static void on_disconnect(const struct woad_event *ev)
{
    if (ble_wants(IRQ_DISCONNECT_REASON)) {
        mp_obj_t why[] = { event_int(ev->conn), event_int(ev->u.disconnect.reason) };
        ble_invoke(IRQ_DISCONNECT_REASON, 2, why);
    }
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.disconnect.peer.type),
                         event_addr(&ev->u.disconnect.peer) };
    ble_invoke(ev->u.disconnect.central ? IRQ_PERIPHERAL_DISCONNECT : IRQ_CENTRAL_DISCONNECT, 3,
               items);
}

static void on_connect_failed(const struct woad_event *ev)
{
    static const struct woad_addr nobody = { 0xff, { 0 } };
    if (ble_wants(IRQ_CONNECT_FAILED)) {
        const struct woad_addr *peer = &ev->u.connect_failed.peer;
        int status = ev->u.connect_failed.status;
        mp_obj_t why[] = { event_int(peer->type), event_addr(peer),
                           event_int(status > 0 ? 0x200 + status : event_status(status)) };
        ble_invoke(IRQ_CONNECT_FAILED, 3, why);
    }
    mp_obj_t items[] = { event_int(WOAD_NO_CONN), event_int(nobody.type), event_addr(&nobody) };
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
        case WOAD_LINK_CHANNELS:
            value = ble_bytes(v->channels, sizeof v->channels);
            break;
        case WOAD_LINK_FEATURES:
            value = ble_bytes(v->features, sizeof v->features);
            break;
        case WOAD_LINK_PHY:
            two[0] = event_int(v->tx_phy);
            two[1] = event_int(v->rx_phy);
            value = mp_obj_new_tuple(2, two);
            break;
        case WOAD_LINK_DATA_LENGTH:
            two[0] = event_int(v->tx_octets);
            two[1] = event_int(v->rx_octets);
            value = mp_obj_new_tuple(2, two);
            break;
        case WOAD_LINK_VERSION: {
            mp_obj_t three[] = { event_int(v->version), event_int(v->company),
                                 event_int(v->subversion) };
            value = mp_obj_new_tuple(3, three);
            break;
        }
        default:
            break;
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
    if (ble_wants(IRQ_GATTS_SUBSCRIBE)) {
        ble_invoke(IRQ_GATTS_SUBSCRIBE, 3, items);
    }
}

static void on_included(const struct woad_event *ev)
{
    const struct woad_uuid *uuid = &ev->u.included.uuid;
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.included.declaration),
                         event_int(ev->u.included.start), event_int(ev->u.included.end),
                         uuid->size ? ble_uuid_new(uuid) : mp_const_none };
    ble_invoke(IRQ_GATTC_INCLUDED_RESULT, 5, items);
}

static void on_report(const struct woad_event *ev)
{
    if (!ble.scanning) {
        return;
    }
    mp_obj_t items[] = { event_int(ev->u.report.addr.type), event_addr(&ev->u.report.addr),
                         event_int(ev->u.report.kind), event_int(ev->u.report.rssi),
                         ble_bytes(ev->u.report.data, ev->u.report.len) };
    ble_invoke(IRQ_SCAN_RESULT, 5, items);
}

static void on_scan_done(const struct woad_event *ev)
{
    (void)ev;
    if (ble.scanning) {
        ble.scanning = false;
        ble_invoke(IRQ_SCAN_DONE, 0, NULL);
    }
}

static void on_mtu(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.mtu.mtu) };
    ble_invoke(IRQ_MTU_EXCHANGED, 2, items);
}

/* What the handler gives: nothing, or anything that is no number, allows it. */
bool ble_read_allowed(uint16_t conn, uint16_t handle, int *err)
{
    mp_obj_t items[] = { event_int(conn), event_int(handle) };
    mp_obj_t answer = ble_invoke(IRQ_GATTS_READ_REQUEST, 2, items);
    mp_int_t code = 0;
    if (answer != mp_const_none && !mp_obj_get_int_maybe(answer, &code)) {
        code = 0;
    }
    *err = (int)(code & 0xff);
    return code == 0;
}

/* One question for each read: the parts of a long value that follow the first need none. */
static void on_gatt_read(const struct woad_event *ev)
{
    uint16_t handle = ev->u.gatt_read.handle;
    int err = 0;
    if (ble_value_at(handle) && !ev->u.gatt_read.offset) {
        ble_read_allowed(ev->conn, handle, &err);
    }
    struct ble_value *v = ble_value_at(handle);
    if (!ble.host) {
        return;
    }
    if (err || !v) {
        woad_gatt_answer(ble.host, ev->conn, (uint8_t)(err ? err : WOAD_ATT_UNLIKELY), NULL, 0);
    } else {
        woad_gatt_answer(ble.host, ev->conn, 0, v->data, v->len);
    }
}

static void on_gatt_write(const struct woad_event *ev)
{
    uint16_t handle = ev->u.gatt_write.handle;
    struct ble_value *v = ble_value_at(handle);
    int err = v ? ble_value_write(v, ev->u.gatt_write.offset, ev->u.gatt_write.data,
                                  ev->u.gatt_write.len) : WOAD_ATT_UNLIKELY;
    if (!err) {
        mp_obj_t items[] = { event_int(ev->conn), event_int(handle) };
        ble_invoke(IRQ_GATTS_WRITE, 2, items);
    }
    if (ev->u.gatt_write.need_answer && ble.host) {
        woad_gatt_answer(ble.host, ev->conn, (uint8_t)err, NULL, 0);
    }
}

static void on_indicated(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.done.handle),
                         event_int(event_status(ev->u.done.status)) };
    ble_invoke(IRQ_GATTS_INDICATE_DONE, 3, items);
}

static void on_service(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.service.start),
                         event_int(ev->u.service.end), ble_uuid_new(&ev->u.service.uuid) };
    ble_invoke(IRQ_GATTC_SERVICE_RESULT, 4, items);
}

static void on_characteristic(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.characteristic.end),
                         event_int(ev->u.characteristic.value),
                         event_int(ev->u.characteristic.props),
                         ble_uuid_new(&ev->u.characteristic.uuid) };
    ble_invoke(IRQ_GATTC_CHARACTERISTIC_RESULT, 5, items);
}

static void on_descriptor(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.descriptor.handle),
                         ble_uuid_new(&ev->u.descriptor.uuid) };
    ble_invoke(IRQ_GATTC_DESCRIPTOR_RESULT, 3, items);
}

/* Of several values each is told by itself, as it comes. */
static void on_read_one(const struct woad_event *ev)
{
    mp_obj_t items[] = { event_int(ev->conn), event_int(ev->u.value.handle),
                         ble_bytes(ev->u.value.data, ev->u.value.len) };
    ble_invoke(IRQ_GATTC_READ_RESULT, 3, items);
}

/* Parts are gathered: the program gets the whole value. */
static void on_read(const struct woad_event *ev)
{
    if (ev->u.value.op != WOAD_GATTC_READ) {
        on_read_one(ev);
        return;
    }
    ble_obj_t *o = ble_object();
    size_t place = (ev->conn & 0xff) % BLE_CONNS, end = ev->u.value.offset + ev->u.value.len;
    if (!ev->u.value.offset) {
        o->read[place] = NULL;
        o->read_len[place] = 0;
    }
    o->read[place] = m_renew(uint8_t, o->read[place], o->read_len[place], end ? end : 1);
    if (ev->u.value.len) {
        memcpy(o->read[place] + ev->u.value.offset, ev->u.value.data, ev->u.value.len);
    }
    o->read_len[place] = (uint16_t)end;
}

static void on_read_done(const struct woad_event *ev)
{
    ble_obj_t *o = ble_object();
    size_t place = (ev->conn & 0xff) % BLE_CONNS;
    mp_obj_t done[] = { event_int(ev->conn), event_int(ev->u.done.handle),
                        event_int(event_status(ev->u.done.status)) };
    if (!ev->u.done.status) {
        mp_obj_t items[] = { done[0], done[1], ble_bytes(o->read[place], o->read_len[place]) };
        o->read[place] = NULL;
        o->read_len[place] = 0;
        ble_invoke(IRQ_GATTC_READ_RESULT, 3, items);
    }
    ble_invoke(IRQ_GATTC_READ_DONE, 3, done);
}

static void on_gattc_done(const struct woad_event *ev)
{
    static const uint8_t irq[] = { [WOAD_GATTC_SERVICES] = IRQ_GATTC_SERVICE_DONE,
                                   [WOAD_GATTC_SECONDARY_SERVICES] = IRQ_GATTC_SERVICE_DONE,
                                   [WOAD_GATTC_INCLUDED] = IRQ_GATTC_INCLUDED_DONE,
                                   [WOAD_GATTC_CHARACTERISTICS] = IRQ_GATTC_CHARACTERISTIC_DONE,
                                   [WOAD_GATTC_DESCRIPTORS] = IRQ_GATTC_DESCRIPTOR_DONE };
    mp_obj_t items[] = { event_int(ev->conn), event_int(event_status(ev->u.done.status)) };
    switch (ev->u.done.op) {
        case WOAD_GATTC_MTU:
            break;                       /* MTU_EXCHANGED has told it */
        case WOAD_GATTC_READ:
            on_read_done(ev);
            break;
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
        default:
            ble_invoke(irq[ev->u.done.op], 2, items);      /* the module begins no others */
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

/* Making the event's objects may fail for want of memory: the program is told on the console, and
 * the loss is counted. */
static void event_deliver(const struct woad_event *ev)
{
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        handlers[ev->type](ev);
        nlr_pop();
    } else {
        ble.dropped++;
        mp_obj_print_exception(MICROPY_ERROR_PRINTER, MP_OBJ_FROM_PTR(nlr.ret_val));
    }
}

/* --- events that must wait -------------------------------------------------------------------- */

static const uint8_t **event_data(struct woad_event *ev, size_t *len)
{
    switch (ev->type) {
        case WOAD_EV_REPORT:
            *len = ev->u.report.len;
            return &ev->u.report.data;
        case WOAD_EV_EXT_REPORT:
            *len = ev->u.ext_report.len;
            return &ev->u.ext_report.data;
        case WOAD_EV_GATT_WRITE:
            *len = ev->u.gatt_write.len;
            return &ev->u.gatt_write.data;
        case WOAD_EV_READ:
        case WOAD_EV_NOTIFIED:
        case WOAD_EV_INDICATION:
            *len = ev->u.value.len;
            return &ev->u.value.data;
        case WOAD_EV_BOND:
            *len = sizeof *ev->u.bond.bond;
            return (const uint8_t **)&ev->u.bond.bond;
        default:
            *len = 0;
            return NULL;
    }
}

static void event_queue(ble_obj_t *o, const struct woad_event *ev)
{
    struct woad_event copy = *ev;
    size_t len;
    const uint8_t **data = event_data(&copy, &len);
    struct ble_queued *q = m_malloc_maybe(sizeof *q + len);
    if (!q) {
        ble.dropped++;
        return;
    }
    if (len) {
        memcpy(q->data, *data, len);
        *data = q->data;
    }
    q->ev = copy;
    q->next = NULL;
    *o->queue_end = q;
    o->queue_end = &q->next;
}

void ble_deliver_queued(void)
{
    ble_obj_t *o = ble_object();
    while (o && o->queue && !ble.holding) {
        struct ble_queued *q = o->queue;
        o->queue = q->next;
        if (!o->queue) {
            o->queue_end = &o->queue;
        }
        event_deliver(&q->ev);
    }
}

void ble_forget_events(ble_obj_t *o)
{
    o->queue = NULL;
    o->queue_end = &o->queue;
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
static void note(const struct woad_event *ev)
{
    switch (ev->type) {
        case WOAD_EV_UP:
            ble.up = true;
            break;
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
            break;
        case WOAD_EV_TX_READY:
            ble_update_retry();
            break;
        case WOAD_EV_OOB:
            ble.oob_made = true;
            ble.oob_status = ev->u.oob.status;
            ble.oob = *ev->u.oob.oob;
            break;
        case WOAD_EV_AUTHORIZE:          /* nobody asks the program, and so it does not refuse */
            *ev->u.authorize.allowed = !ble_wants(IRQ_GATTS_AUTHORIZE);
            break;
        default:
            ble_note_coc(ev);
            break;
    }
}

void ble_on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    ble_obj_t *o = ble_object();
    (void)ctx;
    note(ev);
    ble_port_store_event(h, ev);
    if (!o || ev->type >= MP_ARRAY_SIZE(handlers) || !handlers[ev->type]) {
        return;
    }
    bool now = ev->type == WOAD_EV_AUTHORIZE;              /* or not at all */
    if (ble.holding || (o->queue && !now)) {
        if (!now) {
            event_queue(o, ev);
        }
    } else {
        event_deliver(ev);
    }
}
