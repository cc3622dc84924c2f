/* Queries and changes of connections; the accept list.  All of it is beyond upstream:
 * docs/module.md.
 *
 * Names of other files:
 *   accept_awaited: a method waits until the host has answered a change of the accept list
 *   accept_settled: the host has answered the last change of the accept list
 *   accept_status: HCI status of the last change of the accept list
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_active(): the host; raises ENODEV if there is none; called after a method's arguments
 *       are converted
 *   ble_connecting_share(): the program wants a new connection's features, too; true: they are
 *       being read
 *   BLE_CONNS: connections of the configuration
 *   ble_flush(): moves what the host has to send to the controller; may raise events, and find
 *       that it has failed
 *   ble_raise(): raises a WOAD_E… as an OSError; returns if it is 0
 *   ble_raise_with(): raises an OSError with a number and a detail
 *   BLE_STATUS_HCI: added to an HCI status for the program
 *   ble_wait(): moves packets until a flag is set, events being queued; raises ETIMEDOUT
 *   ble_wants(): the program has enabled this event, which upstream (MicroPython's own module,
 *       with NimBLE) does not have
 *   conns: numbers of the connections; WOAD_NO_CONN: a free entry
 *   in_host: > 0: an event is being raised inside the host, which cannot be entered again */
#include "ble.h"

/* An address of a Python object, whose most significant octet comes first; raises ValueError. */
static void link_addr(mp_obj_t o, uint8_t type, struct woad_addr *addr)
{
    mp_buffer_info_t buf;
    mp_get_buffer_raise(o, &buf, MP_BUFFER_READ);
    if (buf.len != 6 || type > WOAD_ADDR_RANDOM_IDENTITY) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid addr"));
    }
    addr->type = type;
    for (int i = 0; i < 6; i++) {
        addr->octet[i] = ((const uint8_t *)buf.buf)[5 - i];
    }
}

/* A number of 16 bits; `otherwise`: it is none. */
static uint16_t arg_u16(mp_obj_t o, uint16_t otherwise)
{
    mp_int_t value = mp_obj_get_int(o);
    if (value < 0 || value > 0xffff) {
        return otherwise;
    }
    return (uint16_t)value;
}

/* WOAD_NO_CONN, which no connection has, for a number of more than 16 bits. */
uint16_t ble_arg_conn(mp_obj_t o)
{
    return arg_u16(o, WOAD_NO_CONN);
}

/* 0, which no attribute and no channel has, for a number of more than 16 bits. */
uint16_t ble_arg_handle(mp_obj_t o)
{
    return arg_u16(o, 0);
}

/* A copy, because converting an item may run the program, which may change the list. */
size_t ble_items(mp_obj_t o, mp_obj_t *copy, size_t room)
{
    size_t n;
    mp_obj_t *items;
    mp_obj_get_array(o, &n, &items);
    memcpy(copy, items, MIN(n, room) * sizeof *copy);
    return n;
}

/* (addr_type, addr) */
void ble_addr_of(mp_obj_t o, struct woad_addr *addr)
{
    mp_obj_t *items, copy[2];
    mp_obj_get_array_fixed_n(o, 2, &items);
    memcpy(copy, items, sizeof copy);
    mp_int_t type = mp_obj_get_int(copy[0]);
    link_addr(copy[1], (uint8_t)(type < 0 || type > 255 ? 255 : type), addr);
}

/* gap_accept_list(peers): replaces the list, and waits until the controller has it. */
static mp_obj_t gap_accept_list(mp_obj_t self, mp_obj_t peers)
{
    enum { BLE_ACCEPT_MAX = 16 };
    struct woad_addr list[BLE_ACCEPT_MAX];
    mp_obj_t items[BLE_ACCEPT_MAX];
    (void)self;
    size_t n = ble_items(peers, items, BLE_ACCEPT_MAX);
    for (size_t i = 0; i < n && i < BLE_ACCEPT_MAX; i++) {
        ble_addr_of(items[i], &list[i]);
    }
    struct woad *h = ble_active();
    ble_raise(n > BLE_ACCEPT_MAX ? WOAD_ENOMEM : woad_accept_list_set(h, list, n));
    ble.accept_settled = false;
    ble.accept_status = 0;
    ble.accept_awaited = !ble.in_host;
    ble_wait(&ble.accept_settled);
    if (!ble.in_host && ble.accept_status) {
        ble_raise_with(MP_ENOMEM, MP_OBJ_NEW_SMALL_INT(BLE_STATUS_HCI + ble.accept_status));
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(ble_gap_accept_list_obj, gap_accept_list);

/* gap_connections() -> (conn_handle, …) */
static mp_obj_t gap_connections(mp_obj_t self)
{
    mp_obj_t items[BLE_CONNS];
    size_t n = 0;
    (void)self;
    ble_active();
    for (size_t i = 0; i < BLE_CONNS; i++) {
        if (ble.conns[i] != WOAD_NO_CONN) {
            items[n++] = MP_OBJ_NEW_SMALL_INT(ble.conns[i]);
        }
    }
    return mp_obj_new_tuple(n, items);
}
MP_DEFINE_CONST_FUN_OBJ_1(ble_gap_connections_obj, gap_connections);

/* gap_connection(conn_handle) -> (addr_type, addr, central, interval_us, latency, timeout_ms, mtu)
 */
static mp_obj_t gap_connection(mp_obj_t self, mp_obj_t conn)
{
    struct woad_conn_info info;
    uint8_t big[6];
    (void)self;
    uint16_t number = ble_arg_conn(conn);
    ble_raise(woad_conn_info(ble_active(), number, &info));
    for (int i = 0; i < 6; i++) {
        big[i] = info.peer.octet[5 - i];
    }
    mp_obj_t items[] = {
        MP_OBJ_NEW_SMALL_INT(info.peer.type), mp_obj_new_bytes(big, 6),
        mp_obj_new_bool(info.central),        MP_OBJ_NEW_SMALL_INT(info.interval_1250us * 1250),
        MP_OBJ_NEW_SMALL_INT(info.latency),   MP_OBJ_NEW_SMALL_INT(info.supervision_10ms * 10),
        MP_OBJ_NEW_SMALL_INT(info.mtu),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
MP_DEFINE_CONST_FUN_OBJ_2(ble_gap_connection_obj, gap_connection);

/* gap_update(conn_handle, min_us, max_us, latency=0, timeout_ms=2560); the result is
 * IRQ_CONNECTION_UPDATE. */
static mp_obj_t gap_update(size_t n_args, const mp_obj_t *args)
{
    mp_int_t v[] = { 0, 0, 0, 0, 2560 };
    uint16_t conn = ble_arg_conn(args[1]);
    for (size_t i = 2; i < n_args; i++) {
        v[i - 1] = mp_obj_get_int(args[i]);
    }
    struct woad *h = ble_active();
    for (size_t i = 1; i < MP_ARRAY_SIZE(v); i++) {
        if (v[i] < 0 || v[i] > 4000000) {
            BLE_REFUSE(MP_EINVAL, "a time is out of range");
        }
    }
    const struct woad_connect_params params = {
        .interval_min_1250us = (uint16_t)(v[1] / 1250),
        .interval_max_1250us = (uint16_t)(v[2] / 1250),
        .latency = (uint16_t)MIN(v[3], 0xffff),
        .supervision_10ms = (uint16_t)MIN(v[4] / 10, 0xffff),
    };
    ble_raise(woad_conn_update(h, conn, &params));
    ble_flush();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_update_obj, 4, 6, gap_update);

/* EINVAL unless the program has enabled IRQ_LINK, the event of the results. */
static struct woad *link_active(void)
{
    struct woad *h = ble_active();
    if (!ble_wants(IRQ_LINK)) {
        BLE_REFUSE(MP_EINVAL, "enable _IRQ_LINK first, by config(events=)");
    }
    return h;
}

/* The end of each method here: raises an error, or sends. */
static mp_obj_t link_done(int err)
{
    ble_raise(err);
    ble_flush();
    return mp_const_none;
}

/* gap_link(conn_handle, item); the result is IRQ_LINK. */
static mp_obj_t gap_link(mp_obj_t self, mp_obj_t conn, mp_obj_t item)
{
    (void)self;
    uint16_t number = ble_arg_conn(conn);
    mp_int_t what = mp_obj_get_int(item);
    struct woad *h = link_active();
    if (what == WOAD_LINK_FEATURES && ble_connecting_share(number)) {
        return mp_const_none;
    }
    return link_done(what < 0 || what > 255 ? WOAD_EINVAL
                                            : woad_link_read(h, number, (enum woad_link_item)what));
}
MP_DEFINE_CONST_FUN_OBJ_3(ble_gap_link_obj, gap_link);

/* gap_data_length(conn_handle, octets): of our packets. */
static mp_obj_t gap_data_length(mp_obj_t self, mp_obj_t conn, mp_obj_t octets)
{
    (void)self;
    uint16_t number = ble_arg_conn(conn);
    mp_int_t n = mp_obj_get_int(octets);
    struct woad *h = ble_active();
    return link_done(n < 0 || n > 0xffff ? WOAD_EINVAL
                                         : woad_link_set_data_length(h, number, (uint16_t)n));
}
MP_DEFINE_CONST_FUN_OBJ_3(ble_gap_data_length_obj, gap_data_length);

/* gap_phy(conn_handle, tx, rx, coding=0); tx, rx: bits 1 (1M), 2 (2M), 4 (coded). */
static mp_obj_t gap_phy(size_t n_args, const mp_obj_t *args)
{
    mp_int_t v[] = { 0, 0, 0, 0 };
    uint16_t conn = ble_arg_conn(args[1]);
    for (size_t i = 2; i < n_args; i++) {
        v[i - 1] = mp_obj_get_int(args[i]);
    }
    struct woad *h = ble_active();
    bool ok = v[1] >= 0 && v[1] <= 7 && v[2] >= 0 && v[2] <= 7 && v[3] >= 0 && v[3] <= 2;
    return link_done(
        ok ? woad_link_set_phy(h, conn, (uint8_t)v[1], (uint8_t)v[2], (enum woad_coding)v[3])
           : WOAD_EINVAL);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_phy_obj, 4, 5, gap_phy);
