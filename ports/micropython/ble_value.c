/* The values of local characteristics and descriptors: 20 octets each, until gatts_write() or
 * gatts_set_buffer() enlarges them.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_queue_put(): queues a copy of an event; false: no memory
 *   dropped: how often something was lost: for want of memory or room, or because the event for it
 *       is not enabled; config("dropped")
 *   ble_port_arm(): the scheduler runs ble_run() for the next packet or deadline
 *   groups: services registered by one call each, with their values
 *   updates: notifications that did not fit, to be repeated
 *   BLE_CONNS: connections of the configuration
 *   conns: numbers of the connections; WOAD_NO_CONN: a free entry
 *   values: of a group of services: n values, from handle `first` on
 *   room: of a value: octets that it can have without being enlarged
 *   append: of a value: writes are added to what is there, until gatts_read() empties it */
#include "ble.h"

struct ble_value *ble_value_at(uint16_t handle)
{
    ble_obj_t *o = ble_object();
    for (struct ble_group *g = o ? o->groups : NULL; g; g = g->next) {
        if (handle >= g->first && handle - g->first < g->n) {
            struct ble_value *v = &g->values[handle - g->first];
            if (v->data) {
                return v;
            }
            return NULL;
        }
    }
    return NULL;
}

/* gatts_write(): replaces the value, enlarging it if necessary. */
void ble_value_set(struct ble_value *v, const void *data, size_t len)
{
    if (len > v->room) {
        v->data = m_renew(uint8_t, v->data, v->room, len);
        v->room = (uint16_t)len;
    }
    memcpy(v->data, data, len);
    v->len = (uint16_t)len;
}

/* A client's write.  What does not fit is cut off, as upstream does, and counted in
 * config("dropped").  Returns an ATT error or 0. */
int ble_value_write(struct ble_value *v, size_t offset, const uint8_t *data, size_t len)
{
    size_t at = v->append ? v->len : offset;
    if (offset > v->len && !v->append) {
        return WOAD_ATT_INVALID_OFFSET;
    }
    size_t n = len < (size_t)(v->room - at) ? len : v->room - at;
    if (n) {
        memcpy(v->data + at, data, n);
    }
    ble.dropped += n < len;
    v->len = (uint16_t)(at + n);
    return 0;
}

/* The event is queued: the handler must not run inside the method that called this. */
void ble_not_indicated(uint16_t conn, uint16_t handle)
{
    struct woad_event ev = { .type = WOAD_EV_INDICATED, .conn = conn };
    ev.u.done.handle = handle;
    ev.u.done.status = WOAD_EACCES;
    if (!ble_queue_put(ble_object(), &ev)) {
        ble.dropped++;
    }
    ble_port_arm(0);
}

/* False: the host has no room now. */
static bool value_send(uint16_t conn, uint16_t handle)
{
    const struct ble_value *v = ble_value_at(handle);
    uint16_t cccd = v ? woad_gatt_subscription(ble.host, conn, handle) : 0;
    int err = 0;
    if (cccd & 1) {
        err = woad_gatt_notify(ble.host, conn, handle, v->data, v->len);
    } else if (cccd & 2) {
        err = woad_gatt_indicate(ble.host, conn, handle, v->data, v->len);
    }
    if (err == WOAD_EACCES) {
        ble.dropped++;
        if (!(cccd & 1)) {
            ble_not_indicated(conn, handle);
        }
    }
    return err != WOAD_EAGAIN;
}

/* Notifies or indicates all subscribers; ble_update_retry() repeats it where the queue was full. */
void ble_value_update(uint16_t handle)
{
    ble_obj_t *o = ble_object();
    for (size_t i = 0; i < BLE_CONNS; i++) {
        if (ble.conns[i] == WOAD_NO_CONN || value_send(ble.conns[i], handle)) {
            continue;
        }
        struct ble_update **end = &o->updates;
        while (*end && ((*end)->conn != ble.conns[i] || (*end)->handle != handle)) {
            end = &(*end)->next;
        }
        if (!*end) {
            *end = m_new0(struct ble_update, 1);
            **end = (struct ble_update){ NULL, ble.conns[i], handle };
        }
    }
}

/* Forgets the notifications that wait for room on this connection. */
void ble_update_forget(uint16_t conn)
{
    ble_obj_t *o = ble_object();
    struct ble_update **at = o ? &o->updates : NULL;
    while (at && *at) {
        if ((*at)->conn == conn) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
}

void ble_update_forget_handles(ble_obj_t *o, uint16_t first, uint16_t last)
{
    struct ble_update **at = &o->updates;
    while (*at) {
        if ((*at)->handle >= first && (*at)->handle <= last) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
}

/* Sends the notifications that wait for room, as far as there is some. */
void ble_update_retry(void)
{
    ble_obj_t *o = ble_object();
    struct ble_update **at = o ? &o->updates : NULL;
    while (at && *at) {
        if (value_send((*at)->conn, (*at)->handle)) {
            *at = (*at)->next;
        } else {
            at = &(*at)->next;
        }
    }
}
