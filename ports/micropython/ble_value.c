/* The values of local characteristics and descriptors: 20 octets each, until gatts_write() or
 * gatts_set_buffer() enlarges them.
 *
 * Names of other files:
 *   append: of a value: writes are added to what is there, until gatts_read() empties it
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   BLE_CONNS: connections of the configuration
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   ble_port_arm(): the scheduler runs ble_run() for the next packet or deadline
 *   ble_queue_put(): queues a copy of an event; false: no memory
 *   conns: numbers of the connections; WOAD_NO_CONN: a free entry
 *   dropped: how often something was lost: for want of memory or room, or because the event for
 *       it is not enabled; config("dropped")
 *   groups: services registered by one call each, with their values
 *   room: of a value: octets that it can have without being enlarged
 *   update: of a value: bit i: it waits for room on the connection conns[i]
 *   update_from: the handle at which ble_update_retry() begins
 *   values: of a group of services: n values, from handle `first` on */
#include "ble.h"

/* The value of a local attribute; NULL: it has none here, as a declaration or a CCCD, or does
 * not exist. */
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

/* Sends a value to those of `conns` that are connections, bit i for ble.conns[i]; notes for which
 * of them there was no room. */
static void value_send_to(struct ble_value *v, uint16_t handle, unsigned conns)
{
    for (size_t i = 0; i < BLE_CONNS; i++) {
        unsigned bit = 1u << i;
        if (!(conns & bit)) {
            continue;
        }
        v->update &= (uint16_t)~bit;
        if (ble.conns[i] != WOAD_NO_CONN && !value_send(ble.conns[i], handle)) {
            v->update |= (uint16_t)bit;
        }
    }
}

/* Notifies or indicates all subscribers; ble_update_retry() repeats it where the queue was full. */
void ble_value_update(uint16_t handle)
{
    enum { BLE_ALL_CONNS = 0xffff };
    MP_STATIC_ASSERT(BLE_CONNS <= 16);
    struct ble_value *v = ble_value_at(handle);
    if (v) {
        value_send_to(v, handle, BLE_ALL_CONNS);
    }
}

/* The connection ends: nothing waits for it any more. */
void ble_update_forget(uint16_t conn)
{
    ble_obj_t *o = ble_object();
    unsigned bits = 0;
    for (size_t i = 0; i < BLE_CONNS; i++) {
        if (ble.conns[i] == conn) {
            bits = 1u << i;
        }
    }
    for (struct ble_group *g = o ? o->groups : NULL; g; g = g->next) {
        for (size_t n = 0; n < g->n; n++) {
            g->values[n].update &= (uint16_t)~bits;
        }
    }
}

/* Retries the waiting values from handle `first` to `last`.  Returns the first that still waits, 0:
 * none. */
static uint16_t update_retry(uint32_t first, uint32_t last)
{
    ble_obj_t *o = ble_object();
    uint16_t waits = 0;
    for (struct ble_group *g = o ? o->groups : NULL; g; g = g->next) {
        for (uint16_t n = 0; n < g->n; n++) {
            struct ble_value *v = &g->values[n];
            uint16_t handle = (uint16_t)(g->first + n);
            if (v->update && handle >= first && handle <= last) {
                value_send_to(v, handle, v->update);
                waits = v->update && !waits ? handle : waits;
            }
        }
    }
    return waits;
}

/* Sends what waits for room, as far as there is some.  Begins with the value that had none the last
 * time, so that each has its turn. */
void ble_update_retry(void)
{
    uint16_t from = ble.update_from;
    uint16_t waits = update_retry(from, 0xffff);
    uint16_t waits_before = from ? update_retry(0, from - 1u) : 0;
    ble.update_from = waits ? waits : waits_before;
}
