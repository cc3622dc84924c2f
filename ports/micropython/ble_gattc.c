/* The GATT client's methods.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_active(): the host; raises ENODEV if there is none; called after a method's arguments
 *       are converted
 *   ble_arg_conn(): a connection's number from an argument
 *   ble_arg_handle(): a handle, or a channel, from an argument
 *   ble_flush(): moves what the host has to send to the controller; may raise events, and find
 *       that it has failed
 *   ble_items(): copies items of a sequence, and returns how many it has
 *   ble_raise(): raises a WOAD_E… as an OSError; returns if it is 0
 *   ble_uuid_of(): the UUID in a Python object; NULL: it has none
 *   ble_wants(): the program has enabled this event, which upstream (MicroPython's own module,
 *       with NimBLE) does not have
 *   dropped: how often something was lost: for want of memory or room, or because the event for
 *       it is not enabled; config("dropped")
 *   long_reads: gattc_read() reads the whole value */
#include "ble.h"

/* The optional argument i: a UUID, or None. */
static const struct woad_uuid *gattc_filter(size_t n_args, const mp_obj_t *args, size_t i)
{
    if (n_args <= i || args[i] == mp_const_none) {
        return NULL;
    }
    const struct woad_uuid *uuid = ble_uuid_of(args[i]);
    if (!uuid) {
        mp_raise_TypeError(MP_ERROR_TEXT("UUID"));
    }
    return uuid;
}

/* The end of each method: raises an error, or sends. */
static mp_obj_t gattc_done(int err)
{
    ble_raise(err);
    ble_flush();
    return mp_const_none;
}

/* gattc_discover_services(conn_handle, uuid=None) */
static mp_obj_t gattc_discover_services(size_t n_args, const mp_obj_t *args)
{
    uint16_t conn = ble_arg_conn(args[1]);
    const struct woad_uuid *uuid = gattc_filter(n_args, args, 2);
    return gattc_done(woad_gattc_services(ble_active(), conn, uuid));
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gattc_discover_services_obj, 2, 3, gattc_discover_services);

/* gattc_discover_characteristics(conn_handle, start, end, uuid=None) */
static mp_obj_t gattc_discover_characteristics(size_t n_args, const mp_obj_t *args)
{
    uint16_t conn = ble_arg_conn(args[1]), start = ble_arg_handle(args[2]),
             end = ble_arg_handle(args[3]);
    const struct woad_uuid *uuid = gattc_filter(n_args, args, 4);
    return gattc_done(woad_gattc_characteristics(ble_active(), conn, start, end, uuid));
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gattc_discover_characteristics_obj, 4, 5,
                                    gattc_discover_characteristics);

/* Programs pass the value handle of the characteristic as `start`: its descriptors follow it.  0
 * alone means from handle 1. */
static mp_obj_t gattc_discover_descriptors(size_t n_args, const mp_obj_t *args)
{
    uint16_t conn = ble_arg_conn(args[1]), end;
    mp_int_t start = mp_obj_get_int(args[2]);
    (void)n_args;
    end = ble_arg_handle(args[3]);
    struct woad *h = ble_active();
    if (start < 0 || start >= 0xffff) {
        start = -1; /* no handle follows: the host refuses handle 0 */
    }
    return gattc_done(woad_gattc_descriptors(h, conn, (uint16_t)(start + 1), end));
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gattc_discover_descriptors_obj, 4, 4,
                                    gattc_discover_descriptors);

/* gattc_read(conn_handle, handle) */
static mp_obj_t gattc_read(mp_obj_t self, mp_obj_t conn, mp_obj_t handle)
{
    (void)self;
    uint16_t number = ble_arg_conn(conn), at = ble_arg_handle(handle);
    struct woad *h = ble_active();
    return gattc_done(ble.long_reads ? woad_gattc_read(h, number, at)
                                     : woad_gattc_read_once(h, number, at));
}
MP_DEFINE_CONST_FUN_OBJ_3(ble_gattc_read_obj, gattc_read);

/* gattc_write(conn_handle, handle, data, mode=0). 0: without response, 1: with; the value is cut at
 * the MTU, and that is counted as dropped. Beyond upstream 2: long, 3: reliable, 4: signed. */
static mp_obj_t gattc_write(size_t n_args, const mp_obj_t *args)
{
    uint16_t conn = ble_arg_conn(args[1]), handle = ble_arg_handle(args[2]);
    mp_int_t mode = n_args == 5 ? mp_obj_get_int(args[4]) : 0;
    mp_buffer_info_t buf;
    mp_get_buffer_raise(args[3], &buf, MP_BUFFER_READ);
    struct woad *h = ble_active();
    struct woad_conn_info info;
    if (mode < 0 || mode > 4) {
        BLE_REFUSE(MP_EINVAL, "mode is 0 to 4");
    }
    ble_raise(woad_conn_info(h, conn, &info));
    if (mode < 2 && buf.len > info.mtu - 3u) { /* 3: opcode and handle */
        buf.len = info.mtu - 3u;
        ble.dropped++;
    }
    if (mode == 4) {
        return gattc_done(woad_gattc_write_signed(h, conn, handle, buf.buf, buf.len));
    }
    if (mode >= 2) {
        return gattc_done(woad_gattc_write_long(h, conn, handle, buf.buf, buf.len, mode == 3));
    }
    return gattc_done(mode ? woad_gattc_write(h, conn, handle, buf.buf, buf.len)
                           : woad_gattc_write_command(h, conn, handle, buf.buf, buf.len));
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gattc_write_obj, 4, 5, gattc_write);

/* gattc_exchange_mtu(conn_handle); the result is IRQ_MTU_EXCHANGED. */
static mp_obj_t gattc_exchange_mtu(mp_obj_t self, mp_obj_t conn)
{
    (void)self;
    uint16_t number = ble_arg_conn(conn);
    return gattc_done(woad_gattc_exchange_mtu(ble_active(), number));
}
MP_DEFINE_CONST_FUN_OBJ_2(ble_gattc_exchange_mtu_obj, gattc_exchange_mtu);

/* --- beyond upstream -------------------------------------------------------------------------- */

/* gattc_discover_secondary(conn_handle): all secondary services, as IRQ_GATTC_SERVICE_RESULT. */
static mp_obj_t gattc_discover_secondary(mp_obj_t self, mp_obj_t conn)
{
    (void)self;
    uint16_t number = ble_arg_conn(conn);
    return gattc_done(woad_gattc_secondary_services(ble_active(), number));
}
MP_DEFINE_CONST_FUN_OBJ_2(ble_gattc_discover_secondary_obj, gattc_discover_secondary);

/* EINVAL unless the program has enabled the events of its results. */
static mp_obj_t gattc_discover_included(size_t n_args, const mp_obj_t *args)
{
    uint16_t conn = ble_arg_conn(args[1]), start = ble_arg_handle(args[2]),
             end = ble_arg_handle(args[3]);
    (void)n_args;
    struct woad *h = ble_active();
    if (!ble_wants(IRQ_GATTC_INCLUDED_RESULT) || !ble_wants(IRQ_GATTC_INCLUDED_DONE)) {
        BLE_REFUSE(MP_EINVAL, "enable its two events first, by config(events=)");
    }
    return gattc_done(woad_gattc_included(h, conn, start, end));
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gattc_discover_included_obj, 4, 4, gattc_discover_included);

/* gattc_read_uuid(conn_handle, start, end, uuid) */
static mp_obj_t gattc_read_uuid(size_t n_args, const mp_obj_t *args)
{
    uint16_t conn = ble_arg_conn(args[1]), start = ble_arg_handle(args[2]),
             end = ble_arg_handle(args[3]);
    const struct woad_uuid *uuid = gattc_filter(n_args, args, 4);
    return gattc_done(woad_gattc_read_by_uuid(ble_active(), conn, start, end, uuid));
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gattc_read_uuid_obj, 5, 5, gattc_read_uuid);

/* gattc_read_multiple(conn_handle, handles): the host checks how many there are. */
static mp_obj_t gattc_read_multiple(mp_obj_t self, mp_obj_t conn, mp_obj_t handles)
{
    enum { BLE_READ_MAX = 33 }; /* one more than the host takes, so that it refuses more */
    uint16_t number = ble_arg_conn(conn), list[BLE_READ_MAX];
    mp_obj_t items[BLE_READ_MAX];
    (void)self;
    size_t len = ble_items(handles, items, BLE_READ_MAX);
    for (size_t n = 0; n < len && n < BLE_READ_MAX; n++) {
        list[n] = ble_arg_handle(items[n]);
    }
    return gattc_done(woad_gattc_read_multiple(ble_active(), number, list, len));
}
MP_DEFINE_CONST_FUN_OBJ_3(ble_gattc_read_multiple_obj, gattc_read_multiple);

/* gattc_cancel(conn_handle): the procedure that runs; none is no error. */
static mp_obj_t gattc_cancel(mp_obj_t self, mp_obj_t conn)
{
    (void)self;
    uint16_t number = ble_arg_conn(conn);
    int err = woad_gattc_cancel(ble_active(), number);
    return gattc_done(err == WOAD_ENOENT ? 0 : err);
}
MP_DEFINE_CONST_FUN_OBJ_2(ble_gattc_cancel_obj, gattc_cancel);
