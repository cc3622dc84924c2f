/* The handler called.  Nothing here is allocated when an event comes, so that a program whose heap
 * is full or locked hears of it, too. */
#include "ble.h"

/* --- what it is given ------------------------------------------------------------------------- */

static struct ble_frame *frame_init(struct ble_frame *f, size_t room)
{
    if (f) {
        f->next = NULL;
        mp_obj_memoryview_init(&f->brief, 'B', 0, 0, f->octets);
        mp_obj_memoryview_init(&f->data, 'B', 0, 0, f->octets + BLE_FRAME_SHORT);
        f->uuid.base.type = &ble_uuid_type;
        f->uuid.uuid.size = 2;
        f->tuple.base.type = f->few.base.type = &mp_type_tuple;
        f->tuple.len = f->few.len = 0;
        f->room = room;
    }
    return f;
}

static size_t frame_size(size_t room)
{
    return sizeof(struct ble_frame) + BLE_FRAME_SHORT + room;
}

/* The outermost is for events with data of any length; what comes while the handler runs has been
 * caused by its calls, and is shorter. */
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

/* Deeper than that, a new one, which stays.  NULL: there is no memory for it. */
static struct ble_frame *frame_next(void)
{
    ble_obj_t *o = ble_object();
    if (o && !*o->frame) {
        *o->frame = frame_init(m_malloc_maybe(frame_size(BLE_FRAME_NESTED)), BLE_FRAME_NESTED);
    }
    return o ? *o->frame : NULL;
}

static mp_obj_t view_of(mp_obj_array_t *view, const uint8_t *data, size_t len, size_t room)
{
    view->len = len < room ? len : room;
    if (view->len) {
        memcpy(view->items, data, view->len);
    }
    ble.dropped += len > room;
    return MP_OBJ_FROM_PTR(view);
}

mp_obj_t ble_bytes(const uint8_t *data, size_t len)
{
    struct ble_frame *f = frame_next();
    return f ? view_of(&f->data, data, len, f->room) : mp_const_none;
}

mp_obj_t ble_brief(const uint8_t *data, size_t len)
{
    struct ble_frame *f = frame_next();
    return f ? view_of(&f->brief, data, len, BLE_FRAME_SHORT) : mp_const_none;
}

mp_obj_t ble_addr(const struct woad_addr *a)
{
    uint8_t big[6];
    for (int i = 0; i < 6; i++) {
        big[i] = a->octet[5 - i];
    }
    return ble_brief(big, sizeof big);
}

mp_obj_t ble_event_uuid(const struct woad_uuid *uuid)
{
    struct ble_frame *f = frame_next();
    if (!f) {
        return mp_const_none;
    }
    f->uuid.uuid = *uuid;
    return MP_OBJ_FROM_PTR(&f->uuid);
}

mp_obj_t ble_few(size_t n, const mp_obj_t *items)
{
    struct ble_frame *f = frame_next();
    if (!f) {
        return mp_const_none;
    }
    f->few.len = n;
    memcpy(f->few.items, items, n * sizeof *items);
    return MP_OBJ_FROM_PTR(&f->few);
}

/* --- the call --------------------------------------------------------------------------------- */

/* An exception's own printing may raise. */
void ble_show(mp_obj_t exception)
{
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_obj_print_exception(MICROPY_ERROR_PRINTER, exception);
        nlr_pop();
    }
}

static bool is_yes_or_no(unsigned event)
{
    return event == IRQ_SET_SECRET || event == IRQ_GATTS_AUTHORIZE;
}

/* What is no number is none. */
static void answer_convert(unsigned event, struct ble_answer *a)
{
    if (is_yes_or_no(event)) {
        a->number = mp_obj_is_true(a->given);
    } else if (a->given != mp_const_none && !mp_obj_get_int_maybe(a->given, &a->number)) {
        a->number = 0;
    }
}

/* Its answer is converted here, too: that may run the program.  An exception is shown, and the
 * handler taken out.  The scheduler waits: what is in it is not for the middle of a handler. */
static struct ble_answer handler_call(ble_obj_t *o, unsigned event, mp_obj_t data)
{
    struct ble_answer a = { BLE_FAILED, mp_const_none, 0 };
    nlr_buf_t nlr;
    mp_sched_lock();
    if (nlr_push(&nlr) == 0) {
        a.given = mp_call_function_2(o->handler, MP_OBJ_NEW_SMALL_INT(event), data);
        answer_convert(event, &a);
        a.how = BLE_ASKED;
        nlr_pop();
    } else {
        mp_printf(MICROPY_ERROR_PRINTER, "Unhandled exception in IRQ callback handler\n");
        ble_show(MP_OBJ_FROM_PTR(nlr.ret_val));
        o->handler = mp_const_none;
        o->lost_handler = true;
        a.given = mp_const_none;
        a.number = 0;
    }
    mp_sched_unlock();
    return a;
}

/* A handler that has refused something and then was taken out by an exception is no permission. */
static struct ble_answer ask_nobody(const ble_obj_t *o)
{
    bool failed = ble.ending || (o && o->lost_handler && o->refuses);
    return (struct ble_answer){ failed ? BLE_FAILED : BLE_NOBODY, mp_const_none, 0 };
}

struct ble_answer ble_ask(unsigned event, size_t n, const mp_obj_t *items)
{
    ble_obj_t *o = ble_object();
    if (!o || o->handler == mp_const_none || ble.ending) {
        return ask_nobody(o);
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

void ble_invoke(unsigned event, size_t n, const mp_obj_t *items)
{
    (void)ble_ask(event, n, items);
}

mp_int_t ble_refused(const struct ble_answer *a, mp_int_t otherwise)
{
    ble_obj_t *o = ble_object();
    mp_int_t no = a->how == BLE_FAILED ? otherwise : a->number;
    if (o && a->how == BLE_ASKED && no) {
        o->refuses = true;
    }
    return no;
}
