/* The queue of events that are raised while a method or a handler runs.  A ring allocated at BLE(),
 * and when it is full a list of separate allocations.
 *
 * Names of other files:
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   ble_port_alloc(): memory outside the heap, zeros; NULL: none
 *   ble_port_free(): frees memory of ble_port_alloc()
 *   block: of the queue: its ring of BLE_EVENT_QUEUE octets, of which `used` are in use, from
 *       `out` to `in`
 *   bond_delivered: of a queued bond: the program has it already, by ble_deliver_bonds()
 *   delivering: the handler runs with the first record's data
 *   list: of the queue: records that the ring had no room for
 *   list_end: where the next of them is linked
 *   m_malloc_maybe(): MicroPython: memory of the heap; NULL: none, without an exception
 *   size: of a record: octets with its data; 0: the ring continues at its start */
#include "ble.h"

/* BLE_RECORD: octets of a record without data.  Sizes are multiples of BLE_ALIGN. */
enum { BLE_ALIGN = 8, BLE_RECORD = sizeof(struct ble_record) };

/* False: no memory. */
bool ble_queue_new(ble_obj_t *o)
{
    o->queue.block = m_malloc_maybe(BLE_EVENT_QUEUE);
    o->queue.list_end = &o->queue.list;
    return o->queue.block != NULL;
}

/* No event is queued, not even one that is being delivered. */
bool ble_queue_empty(const ble_obj_t *o)
{
    return !o->queue.used && !o->queue.list;
}

/* The ring is full: ble_run() reads no more packets, until the list is empty. */
bool ble_queue_overflowed(void)
{
    const ble_obj_t *o = ble_object();
    return o && o->queue.list;
}

/* The record at an offset of the ring. */
static struct ble_record *record_at(const struct ble_queue *q, size_t at)
{
    return (struct ble_record *)(void *)(q->block + at);
}

/* Takes `size` contiguous octets of the ring; NULL: no room.  What is free from `in` on ends at
 * `out` (the used part wraps, or fills the ring) or at the ring's end.  If that is too short but
 * the ring's start has room, the octets up to its end are skipped: they count as used until
 * block_wrap(). */
static struct ble_record *block_room(struct ble_queue *q, size_t size)
{
    if (!q->used) {
        q->in = q->out = 0;
    }
    size_t end = q->in < q->out || (q->used && q->in == q->out) ? q->out : BLE_EVENT_QUEUE;
    if (end - q->in < size && end == BLE_EVENT_QUEUE && q->used && q->out >= size) {
        if (end - q->in >= BLE_RECORD) {
            record_at(q, q->in)->size = 0; /* the ring continues at its start */
        }
        q->used += end - q->in;
        q->in = 0;
        end = q->out;
    }
    if (end - q->in < size) {
        return NULL;
    }
    struct ble_record *r = record_at(q, q->in);
    q->in += size;
    q->used += size;
    return r;
}

/* Reports may fill only half of the ring: the rest is for events that must not be lost. */
static bool is_report(const struct woad_event *ev)
{
    return ev->type == WOAD_EV_REPORT || ev->type == WOAD_EV_EXT_REPORT;
}

/* Room for a record, in the ring or the list; NULL: none, or it is a report and may be lost. */
static struct ble_record *queue_room(struct ble_queue *q, const struct woad_event *ev, size_t size)
{
    bool report = is_report(ev);
    if (report && (q->list || q->used > BLE_EVENT_QUEUE / 2)) {
        return NULL;
    }
    struct ble_record *r = q->list ? NULL : block_room(q, size);
    if (!r && !report && (r = ble_port_alloc(size))) {
        r->next = NULL;
        *q->list_end = r;
        q->list_end = &r->next;
    }
    return r;
}

/* Where the event points to its data, of *len octets; NULL: it has none. */
static const uint8_t **event_data(struct woad_event *ev, size_t *len)
{
    switch (ev->type) {
    case WOAD_EV_REPORT: *len = ev->u.report.len; return &ev->u.report.data;
    case WOAD_EV_EXT_REPORT: *len = ev->u.ext_report.len; return &ev->u.ext_report.data;
    case WOAD_EV_GATT_WRITE: *len = ev->u.gatt_write.len; return &ev->u.gatt_write.data;
    case WOAD_EV_READ:
    case WOAD_EV_NOTIFIED:
    case WOAD_EV_INDICATION: *len = ev->u.value.len; return &ev->u.value.data;
    case WOAD_EV_BOND: *len = sizeof *ev->u.bond.bond; return (const uint8_t **)&ev->u.bond.bond;
    default: *len = 0; return NULL;
    }
}

/* Queues a copy of the event and of its data; false: no room. */
bool ble_queue_put(ble_obj_t *o, const struct woad_event *ev)
{
    struct woad_event copy = *ev;
    size_t len;
    const uint8_t **data = event_data(&copy, &len);
    size_t size = (BLE_RECORD + len + BLE_ALIGN - 1) / BLE_ALIGN * BLE_ALIGN;
    struct ble_record *r = queue_room(&o->queue, ev, size);
    if (!r) {
        return false;
    }
    if (len) {
        memcpy(r->data, *data, len);
        *data = r->data;
    }
    r->size = size;
    r->bond_delivered = false;
    r->ev = copy;
    return true;
}

/* The oldest record; NULL: none. */
struct ble_record *ble_queue_first(ble_obj_t *o)
{
    struct ble_queue *q = &o->queue;
    if (q->used) {
        return record_at(q, q->out);
    }
    return q->list;
}

/* The record behind r: in the ring, behind the ring's last the list's first; NULL: none. */
struct ble_record *ble_queue_next(ble_obj_t *o, struct ble_record *r)
{
    struct ble_queue *q = &o->queue;
    uint8_t *at = (uint8_t *)r;
    if (!q->used || at < q->block || at >= q->block + BLE_EVENT_QUEUE) {
        return r->next;
    }
    size_t next = (size_t)(at - q->block) + r->size;
    if (next == q->in) {
        return q->list;
    }
    bool wraps = BLE_EVENT_QUEUE - next < BLE_RECORD || !record_at(q, next)->size;
    return record_at(q, wraps ? 0 : next);
}

/* Moves `out` to the start if no record follows before the end of the ring. */
static void block_wrap(struct ble_queue *q)
{
    if (q->used && (BLE_EVENT_QUEUE - q->out < BLE_RECORD || !record_at(q, q->out)->size)) {
        q->used -= BLE_EVENT_QUEUE - q->out;
        q->out = 0;
    }
}

/* The bond in it has keys. */
static void record_wipe(struct ble_record *r)
{
    if (r->ev.type == WOAD_EV_BOND) {
        memset(r->data, 0, r->size - BLE_RECORD);
    }
}

/* Removes the first record. */
void ble_queue_drop(ble_obj_t *o)
{
    struct ble_queue *q = &o->queue;
    struct ble_record *r = ble_queue_first(o);
    if (!r) {
        return;
    }
    record_wipe(r);
    if (q->used) {
        q->used -= r->size;
        q->out += r->size;
        block_wrap(q);
        return;
    }
    q->list = r->next;
    q->list_end = q->list ? q->list_end : &q->list;
    ble_port_free(r);
}

/* The record that is being delivered stays: the handler is running with its data. */
void ble_queue_forget(ble_obj_t *o)
{
    struct ble_queue *q = &o->queue;
    struct ble_record *r = q->delivering ? ble_queue_first(o) : NULL;
    struct ble_record *list = q->list;
    if (r && q->used) {
        q->used = r->size;
        q->in = q->out + r->size;
    } else {
        q->used = 0;
    }
    q->list = r && r == list ? r : NULL;
    if (r && r == list) {
        list = r->next;
    }
    q->list_end = q->list ? &q->list->next : &q->list;
    if (q->list) {
        q->list->next = NULL;
    }
    while (list) {
        struct ble_record *next = list->next;
        record_wipe(list);
        ble_port_free(list);
        list = next;
    }
}
