/* Values that lie in the table of attributes: struct woad_value.  The macros of gatt.h refer to
 * woad_values, so a program without such a value does not link this file.
 *
 * A function of the application may call the host, as the callback may.  It may also remove the
 * attribute: then its struct woad_value is not touched any more.
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   all_mark_ready(): woad_tx() polls all connections, and the features for HCI commands
 *   app_begins: of att_pipeline: the application is called: the connection gets its security back
 *   app_ends: of att_pipeline: the call has returned; takes the result of app_begins()
 *   att_long: att_prepare.c, as the server calls it; NULL: not linked
 *   ATT_PENDING: a handler's result: the application will answer
 *   att_pipeline: att_pipeline.c, as the server calls it; NULL: not linked
 *   bearer: of a connection: its fixed ATT channel; of a procedure: where it runs; NULL: nowhere
 *   callback: CALLBACK_RUNS: the application's callback runs; CALLBACK_TX: it has called woad_tx()
 *   CHECK_LOST_WAKEUP: a test build: polls all connections; a forgotten conn_mark_ready() traps
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   connect_held: WOAD_EV_CONNECT is held back until the peer has sent something
 *   db_at(): the attribute of a handle; NULL: none
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   event_depth: events being raised, one inside the other; only with CHECK_LOST_WAKEUP
 *   event_raised: an event has been raised since woad_poll() began
 *   gatts: the server's database and state: gatt_server.h
 *   gatts_table_value(): the value, in RAM, of an attribute with WOAD_PERM_VALUE
 *   gatts_value(): a value to be read; ATT_PENDING: the application has it
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   peer_present: of gap_reconnect.c: raises the WOAD_EV_CONNECT that is held back
 *   rd_left(): octets not read yet (base/buf.h)
 *   reconnect: gap_reconnect.c, as other files call it; NULL: not linked
 *   value_written: of att_long: the attribute was written: a cached value of it is dropped */
#include "../core/event.h"
#include "../core/ready.h"
#include "../core/reconnect_role.h"
#include "gatt_server.h"

/* Calls a function of the application as emit_of() raises an event: WOAD_EV_CONNECT precedes it,
 * the connection has its security, and woad_tx() may be called inside.  `in` NULL: to read, else a
 * write at `offset`.  Returns the function's result; Invalid Handle if the attribute was removed
 * before or inside. */
static int value_call(const struct conn *c, uint16_t handle, const struct woad_attr *a,
                      uint16_t offset, const struct rd *in)
{
    struct woad *h = c->h;
    struct woad_value *v = gatts_table_value(a);
    struct clear_serving *clear = NULL;
    int err;
    if (c->state != CONN_OPEN) { /* it has ended in an event of the same request */
        return WOAD_ATT_UNLIKELY;
    }
    if (c->connect_held) {
        h->reconnect->peer_present(c);
        if (db_at(h->gatts, handle) != a) {
            return WOAD_ATT_INVALID_HANDLE;
        }
    }
    uint8_t outer = h->callback;
    h->event_raised = true;
    h->callback |= CALLBACK_RUNS;
    if (CHECK_LOST_WAKEUP) {
        h->event_depth++;
    }
    if (h->att_pipeline) {
        clear = h->att_pipeline->app_begins(c);
    }
    if (in) {
        err = v->write(h, c->number, v, offset, in->p, (uint16_t)rd_left(in));
    } else {
        err = v->read(h, c->number, v);
    }
    if (clear) {
        h->att_pipeline->app_ends(c, clear);
    }
    if (CHECK_LOST_WAKEUP) {
        h->event_depth--;
    }
    h->callback = outer | (h->callback & CALLBACK_TX);
    all_mark_ready(h);
    if (db_at(h->gatts, handle) != a) {
        return WOAD_ATT_INVALID_HANDLE;
    }
    return err;
}

/* An attribute is added to the database: its value gets its handle. */
static bool value_add(const struct woad_attr *a, uint16_t handle)
{
    gatts_table_value(a)->handle = handle;
    return a->kind == WOAD_ATTR_VALUE || a->kind == WOAD_ATTR_DESCRIPTOR;
}

/* 0, an ATT error, or ATT_PENDING: no octets are here, the application has them. */
static int value_read(const struct conn *c, uint16_t handle, const struct woad_attr *a,
                      struct gatts_value *out)
{
    struct woad_value *v = gatts_table_value(a);
    int err = 0;
    if (v->read) {
        err = value_call(c, handle, a, 0, NULL);
    }
    if (err) {
        return err;
    }
    if (!v->data) {
        return ATT_PENDING;
    }
    out->octets = v->data;
    out->len = min_size(v->len, WOAD_ATT_VALUE_MAX);
    return 0;
}

/* Raises WOAD_EV_GATT_WRITE for a value that the host has written. */
static void value_emit_write(const struct conn *c, uint16_t handle, uint16_t offset,
                             const struct rd *in)
{
    struct woad_event ev;
    ev.u.gatt_write.handle = handle;
    ev.u.gatt_write.offset = offset;
    ev.u.gatt_write.data = in->p;
    ev.u.gatt_write.len = (uint16_t)rd_left(in);
    ev.u.gatt_write.need_answer = false;
    ev.u.gatt_write.request = 0;
    emit_of(c, WOAD_EV_GATT_WRITE, &ev);
}

/* A write at `offset`.  The value ends where it ends.  Vol 3, Part F, 3.4.5.1, 3.4.6.3 */
static int value_write(struct conn *c, uint16_t handle, const struct woad_attr *a, uint16_t offset,
                       struct rd *in)
{
    struct woad_value *v = gatts_table_value(a);
    size_t len = rd_left(in), end = offset + len;
    if (!v->data && !v->write) {
        return ATT_PENDING;
    }
    if (!v->max) {
        return WOAD_ATT_WRITE_NOT_PERMITTED;
    }
    if (v->data && offset > v->len) {
        return WOAD_ATT_INVALID_OFFSET;
    }
    if (end < v->min || end > v->max || end > WOAD_ATT_VALUE_MAX) {
        return WOAD_ATT_INVALID_VALUE_LENGTH;
    }
    int err = 0;
    bool has_function = v->write != NULL;
    if (has_function) {
        err = value_call(c, handle, a, offset, in);
    }
    if (err) {
        return err;
    }
    if (v->data && offset <= v->len && end <= v->max) { /* the function may have changed them */
        memmove((uint8_t *)(uintptr_t)v->data + offset, in->p, len);
        v->len = (uint16_t)end;
    }
    if (c->h->att_long) { /* the application may have answered reads */
        c->h->att_long->value_written(c->bearer, handle);
    }
    if (!has_function) {
        value_emit_write(c, handle, offset, in);
    }
    return 0;
}

const struct woad_value_kind woad_values = { .add = value_add,
                                             .read = value_read,
                                             .write = value_write };
