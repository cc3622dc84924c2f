/* Calls the program's handler.  An event allocates nothing here, so that events are delivered even
 * if the heap is full or locked.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   BLE_ANSWERED: the handler has returned; else BLE_NO_HANDLER, or BLE_FAILED: it has raised an
 *       exception
 *   BLE_FRAME_NESTED: octets of data in all frames but the first
 *   BLE_FRAME_SHORT: octets in the second memoryview of a frame
 *   BLE_FRAMES: frames made at first: so deep can events nest without an allocation
 *   BLE_MTU_MAX: the largest ATT_MTU that config(mtu=…) can set
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   dropped: how often something was lost: for want of memory or room, or because the event for
 *       it is not enabled; config("dropped")
 *   ending: active(False) was called where the host could not be stopped: it is stopped soon
 *   frame: of the BLE object: leads to the frame for the next event
 *   frames: objects for arguments, made once, so that an event allocates nothing
 *   handler_failed: the handler raised an exception and was removed
 *   handler_refused: the handler has refused a request at least once
 *   m_malloc_maybe(): MicroPython: memory of the heap; NULL: none, without an exception
 *   nlr_push(): begins a part in which Python's exceptions are caught; nlr_pop() ends it
 *   number: `returned` as a number, or its truth for yes-or-no events; else 0
 *   outcome: of a call of the handler: BLE_ANSWERED, BLE_NO_HANDLER, BLE_FAILED
 *   returned: of a call of the handler: the object; None unless BLE_ANSWERED */
#include "ble.h"

/* --- arguments -------------------------------------------------------------------------------- */

/* Makes the frame's objects, with `room` octets of data; NULL stays NULL. */
static struct ble_frame *frame_init(struct ble_frame *f, size_t room)
{
    if (f) {
        f->next = NULL;
        mp_obj_memoryview_init(&f->short_data, 'B', 0, 0, f->octets);
        mp_obj_memoryview_init(&f->data, 'B', 0, 0, f->octets + BLE_FRAME_SHORT);
        f->uuid.base.type = &ble_uuid_type;
        f->uuid.uuid.size = 2;
        f->tuple.base.type = f->inner.base.type = &mp_type_tuple;
        f->tuple.len = f->inner.len = 0;
        f->room = room;
    }
    return f;
}

/* In octets, with `room` octets of data. */
static size_t frame_size(size_t room)
{
    return sizeof(struct ble_frame) + BLE_FRAME_SHORT + room;
}

/* The first frame has room for data of any length.  Events that are raised while the handler runs
 * are results of its own calls, and shorter. */
bool ble_frames_new(ble_obj_t *o)
{
    size_t room = BLE_MTU_MAX;
    struct ble_frame **at = &o->frames;
    for (size_t n = 0; n < BLE_FRAMES; n++, room = BLE_FRAME_NESTED) {
        *at = frame_init(m_malloc_maybe(frame_size(room)), room);
        if (!*at) {
            return false;
        }
        at = &(*at)->next;
    }
    o->frame = &o->frames;
    return true;
}

/* The frame for the next event.  A deeper nesting than BLE_FRAMES allocates one more; NULL: no
 * memory. */
static struct ble_frame *frame_next(void)
{
    ble_obj_t *o = ble_object();
    if (o && !*o->frame) {
        *o->frame = frame_init(m_malloc_maybe(frame_size(BLE_FRAME_NESTED)), BLE_FRAME_NESTED);
    }
    if (o) {
        return *o->frame;
    }
    return NULL;
}

/* Copies data into a view's octets. What does not fit is cut off, and counted. */
static mp_obj_t view_of(mp_obj_array_t *view, const uint8_t *data, size_t len, size_t room)
{
    view->len = MIN(len, room);
    if (view->len) {
        memcpy(view->items, data, view->len);
    }
    ble.dropped += len > room;
    return MP_OBJ_FROM_PTR(view);
}

/* These five fill parts of the next frame, and return the object for the handler; None: no
 * memory. */
mp_obj_t ble_bytes(const uint8_t *data, size_t len)
{
    struct ble_frame *f = frame_next();
    if (f) {
        return view_of(&f->data, data, len, f->room);
    }
    return mp_const_none;
}

/* A memoryview of a copy of `data`, for the event at hand; None: there is no memory. */
mp_obj_t ble_short_bytes(const uint8_t *data, size_t len)
{
    struct ble_frame *f = frame_next();
    if (f) {
        return view_of(&f->short_data, data, len, BLE_FRAME_SHORT);
    }
    return mp_const_none;
}

/* Programs have the most significant octet first. */
mp_obj_t ble_addr(const struct woad_addr *a)
{
    uint8_t big[6];
    for (int i = 0; i < 6; i++) {
        big[i] = a->octet[5 - i];
    }
    return ble_short_bytes(big, sizeof big);
}

/* A UUID for the event at hand; None: there is no memory. */
mp_obj_t ble_event_uuid(const struct woad_uuid *uuid)
{
    struct ble_frame *f = frame_next();
    if (!f) {
        return mp_const_none;
    }
    f->uuid.uuid = *uuid;
    return MP_OBJ_FROM_PTR(&f->uuid);
}

/* A tuple in the tuple of the event at hand; None: there is no memory. */
mp_obj_t ble_inner_tuple(size_t n, const mp_obj_t *items)
{
    struct ble_frame *f = frame_next();
    if (!f) {
        return mp_const_none;
    }
    f->inner.len = n;
    memcpy(f->inner.items, items, n * sizeof *items);
    return MP_OBJ_FROM_PTR(&f->inner);
}

/* --- the call --------------------------------------------------------------------------------- */

/* Printing runs the program (an exception's __str__()) and waits for the console, where Ctrl-C
 * comes: that one becomes pending again, for the program.  Nothing else that it raises leaves here.
 */
void ble_print_exception(const char *title, mp_obj_t exception)
{
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_printf(MICROPY_ERROR_PRINTER, "%s", title);
        mp_obj_print_exception(MICROPY_ERROR_PRINTER, exception);
        nlr_pop();
    } else if (mp_obj_is_exact_type(MP_OBJ_FROM_PTR(nlr.ret_val), &mp_type_KeyboardInterrupt)) {
        mp_sched_exception(MP_OBJ_FROM_PTR(nlr.ret_val));
    }
}

/* Events of which any true object is a yes. */
static bool is_yes_or_no(unsigned event)
{
    return event == IRQ_SET_SECRET || event == IRQ_GATTS_AUTHORIZE;
}

/* A number above a machine word; never 0. */
static mp_int_t answer_large(mp_obj_t n)
{
    mp_int_t low = mp_obj_int_get_truncated(n);
    if (!low && mp_obj_is_true(n)) {
        low = 0x100; /* its low octet is 0 as well */
    }
    return low;
}

/* Any object that is no number counts as 0. */
static void answer_convert(unsigned event, struct ble_answer *a)
{
    if (is_yes_or_no(event)) {
        a->number = mp_obj_is_true(a->returned);
    } else if (mp_obj_is_exact_type(a->returned, &mp_type_int)) {
        a->number = answer_large(a->returned);
    } else if (a->returned != mp_const_none && !mp_obj_get_int_maybe(a->returned, &a->number)) {
        a->number = 0;
    }
}

/* Also converts the returned object, which may run the program.  After an exception the handler is
 * removed.  The scheduler is locked: its callbacks must not run in the middle of a handler. */
static struct ble_answer handler_call(ble_obj_t *o, unsigned event, mp_obj_t data)
{
    struct ble_answer a = { BLE_FAILED, mp_const_none, 0 };
    nlr_buf_t nlr;
    mp_sched_lock();
    if (nlr_push(&nlr) == 0) {
        a.returned = mp_call_function_2(o->handler, MP_OBJ_NEW_SMALL_INT(event), data);
        answer_convert(event, &a);
        a.outcome = BLE_ANSWERED;
        nlr_pop();
    } else {
        o->handler = mp_const_none;
        o->handler_failed = true;
        a.returned = mp_const_none;
        a.number = 0;
        ble_print_exception("Unhandled exception in IRQ callback handler\n",
                            MP_OBJ_FROM_PTR(nlr.ret_val));
    }
    mp_sched_unlock();
    return a;
}

/* Without a handler requests are allowed, except after a handler that used to refuse some was
 * removed by an exception. */
static struct ble_answer answer_without_handler(const ble_obj_t *o)
{
    bool failed = ble.ending || (o && o->handler_failed && o->handler_refused);
    return (struct ble_answer){ failed ? BLE_FAILED : BLE_NO_HANDLER, mp_const_none, 0 };
}

/* Calls the handler with n items.  Without memory for its arguments the event is lost: BLE_FAILED.
 * While active(False) waits for the handler to return, only secrets are delivered: a bond that was
 * made counts. */
struct ble_answer ble_ask(unsigned event, size_t n, const mp_obj_t *items)
{
    ble_obj_t *o = ble_object();
    if (!o || o->handler == mp_const_none || (ble.ending && event != IRQ_SET_SECRET)) {
        return answer_without_handler(o);
    }
    struct ble_frame *f = frame_next(), **before = o->frame;
    if (!f) {
        ble.dropped++;
        return (struct ble_answer){ BLE_FAILED, mp_const_none, 0 };
    }
    f->tuple.len = n;
    memcpy(f->tuple.items, items, n * sizeof *items);
    o->frame = &f->next;
    struct ble_answer a = handler_call(o, event, MP_OBJ_FROM_PTR(&f->tuple));
    o->frame = before;
    return a;
}

/* For events whose return value does not matter. */
void ble_invoke(unsigned event, size_t n, const mp_obj_t *items)
{
    (void)ble_ask(event, n, items);
}

/* For an event that the handler may refuse: its number, 0: it allows. */
mp_int_t ble_refusal(const struct ble_answer *a, mp_int_t if_failed)
{
    ble_obj_t *o = ble_object();
    mp_int_t error = a->outcome == BLE_FAILED ? if_failed : a->number;
    if (o && a->outcome == BLE_ANSWERED && error) {
        o->handler_refused = true;
    }
    return error;
}
