/* Methods of advertising, scanning and connecting: convert arguments and call the host.  Each
 * converts numbers first, which may run the program, then buffers, and calls ble_active() last.
 *
 * Names of other files:
 *   adv_awaited: a method waits until the host has answered a change of advertising
 *   adv_settled: the host has answered the last change of advertising
 *   adv_status: HCI status of the last change of advertising
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_active(): the host; raises ENODEV if there is none; called after a method's arguments
 *       are converted
 *   ble_addr_of(): reads (addr_type, addr); raises ValueError
 *   ble_arg_conn(): a connection's number from an argument
 *   ble_check_thread(): raises RuntimeError outside the main thread
 *   ble_connecting_deliver_all(): raises all held IRQ_PERIPHERAL_CONNECT; false: none was held
 *   ble_flush(): moves what the host has to send to the controller; may raise events, and find
 *       that it has failed
 *   ble_invoke(): calls the program's handler
 *   ble_raise(): raises a WOAD_E… as an OSError; returns if it is 0
 *   ble_raise_with(): raises an OSError with a number and a detail
 *   BLE_STATUS_HCI: added to an HCI status for the program
 *   ble_still_on(): false: the handler has called active(False) meanwhile
 *   ble_wait(): moves packets until a flag is set, events being queued; raises ETIMEDOUT
 *   in_host: > 0: an event is being raised inside the host, which cannot be entered again
 *   scans: scans without WOAD_EV_SCAN_DONE yet
 *   scans_stopped: those of `scans` with IRQ_SCAN_DONE raised already
 *   start_count: number of this start of the host: ble_still_on() compares it
 *   u_obj: mp_arg_val_t's fields: an argument of a method as an object (u_obj), a number, a
 *       truth */
#include "ble.h"

enum { /* the arguments of gap_advertise(), in order */
       BLE_ADV_INTERVAL,
       BLE_ADV_DATA,
       BLE_ADV_RESPONSE,
       BLE_ADV_CONNECTABLE,
       BLE_ADV_SCANNABLE,
       BLE_ADV_PEER,
       BLE_ADV_CHANNELS,
       BLE_ADV_ACCEPT
};

/* Below one unit of 625 us the stack chooses the interval: programs that mistake the unit for
 * milliseconds pass 100. */
static mp_int_t gap_adv_interval(mp_int_t us, bool connectable)
{
    enum { BLE_ADV_UNIT = 625, BLE_ADV_FAST = 30000, BLE_ADV_SLOW = 100000 };
    if (us / BLE_ADV_UNIT) {
        return us;
    }
    if (connectable) {
        return BLE_ADV_FAST;
    }
    return BLE_ADV_SLOW;
}

/* *ok: false if an argument is out of range: the caller raises that after ENODEV of ble_active().
 */
static struct woad_adv_params gap_adv_params(const mp_arg_val_t *args, mp_int_t interval, bool *ok)
{
    bool connectable = mp_obj_is_true(args[BLE_ADV_CONNECTABLE].u_obj);
    struct woad_adv_params params = {
        .kind = args[BLE_ADV_SCANNABLE].u_bool ? WOAD_ADV_SCAN_IND : WOAD_ADV_NONCONN_IND,
        .adv_channel_map = (uint8_t)args[BLE_ADV_CHANNELS].u_int,
        .filter_policy = (uint8_t)args[BLE_ADV_ACCEPT].u_int,
    };
    if (connectable) {
        params.kind = WOAD_ADV_IND;
    }
    if (args[BLE_ADV_PEER].u_obj != mp_const_none) {
        ble_addr_of(args[BLE_ADV_PEER].u_obj, &params.peer);
        params.kind = interval ? WOAD_ADV_DIRECT_LOW : WOAD_ADV_DIRECT_HIGH;
    }
    interval = gap_adv_interval(interval, connectable);
    mp_int_t channels = args[BLE_ADV_CHANNELS].u_int, accept = args[BLE_ADV_ACCEPT].u_int;
    *ok = channels >= 1 && channels <= 7 && accept >= 0 && accept <= 3 && interval >= 0x20 * 625 &&
          interval < (0x4000 + 1) * 625;
    params.interval_625us = (uint16_t)(interval / 625);
    return params;
}

/* gap_advertise(interval_us, adv_data, ...): None stops.  Waits until the controller has
 * answered. */
static mp_obj_t gap_advertise(size_t n_args, const mp_obj_t *pos, mp_map_t *kw)
{
    static const mp_arg_t allowed[] = {
        { MP_QSTR_interval_us, MP_ARG_OBJ, { .u_obj = MP_OBJ_NEW_SMALL_INT(500000) } },
        { MP_QSTR_adv_data, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_resp_data, MP_ARG_OBJ | MP_ARG_KW_ONLY, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_connectable, MP_ARG_OBJ | MP_ARG_KW_ONLY, { .u_rom_obj = MP_ROM_TRUE } },
        /* Beyond upstream. */
        { MP_QSTR_scannable, MP_ARG_BOOL | MP_ARG_KW_ONLY, { .u_bool = true } },
        { MP_QSTR_peer, MP_ARG_OBJ | MP_ARG_KW_ONLY, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_channels, MP_ARG_INT | MP_ARG_KW_ONLY, { .u_int = 7 } },
        { MP_QSTR_accept, MP_ARG_INT | MP_ARG_KW_ONLY, { .u_int = 0 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos + 1, kw, MP_ARRAY_SIZE(allowed), allowed, args);

    if (args[BLE_ADV_INTERVAL].u_obj == mp_const_none) {
        ble_check_thread();
        if (ble.host && woad_adv_running(ble.host)) {
            ble.adv_settled = false;
            woad_adv_stop(ble.host);
            ble_wait(&ble.adv_settled);
        }
        return mp_const_none;
    }
    bool ok;
    struct woad_adv_params params =
        gap_adv_params(args, mp_obj_get_int(args[BLE_ADV_INTERVAL].u_obj), &ok);
    mp_buffer_info_t buf[2] = { 0 };
    const mp_obj_t given[2] = { args[BLE_ADV_DATA].u_obj, args[BLE_ADV_RESPONSE].u_obj };
    for (int i = 0; i < 2; i++) {
        if (given[i] != mp_const_none) {
            mp_get_buffer_raise(given[i], &buf[i], MP_BUFFER_READ);
        }
    }
    struct woad *h = ble_active();
    if (!ok || buf[0].len > WOAD_ADV_DATA_MAX || buf[1].len > WOAD_ADV_DATA_MAX) {
        BLE_REFUSE(MP_EINVAL, "the interval is out of range, or the data have more than 31 octets");
    }
    ble_raise(woad_adv_start(h, &params));
    if (given[0] != mp_const_none) {
        woad_adv_set_data(h, buf[0].buf, buf[0].len);
    }
    if (given[1] != mp_const_none) {
        woad_adv_set_scan_response(h, buf[1].buf, buf[1].len);
    }
    ble.adv_settled = false;
    ble.adv_status = 0;
    ble.adv_awaited = !ble.in_host; /* in a handler ble_wait() cannot wait: IRQ_REFUSED instead */
    ble_wait(&ble.adv_settled);
    if (!ble.in_host && ble.adv_status) {
        ble_raise_with(MP_EIO, MP_OBJ_NEW_SMALL_INT(BLE_STATUS_HCI + ble.adv_status));
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(ble_gap_advertise_obj, 1, gap_advertise);

/* Raises IRQ_SCAN_DONE before it returns, once for each scan that has not ended. */
static void gap_end_scan(void)
{
    unsigned ends = (unsigned)(ble.scans - ble.scans_stopped);
    unsigned start = ble.start_count;
    if (!ble.host || !ends) {
        return;
    }
    ble.scans_stopped = ble.scans;
    woad_scan_stop(ble.host);
    ble_flush();
    for (; ends && ble_still_on(start); ends--) {
        ble_invoke(IRQ_SCAN_DONE, 0, NULL);
    }
}

/* Units of 625 us, within the bounds of HCI: upstream clips, too. */
static uint16_t gap_scan_units(mp_int_t us)
{
    enum { BLE_SCAN_MIN = 4, BLE_SCAN_MAX = 0x4000 };
    mp_int_t units = us / 625;
    if (units > BLE_SCAN_MAX) {
        units = BLE_SCAN_MAX;
    }
    return (uint16_t)(units < BLE_SCAN_MIN ? BLE_SCAN_MIN : units);
}

/* gap_scan(duration_ms, interval_us, window_us, active): None stops. */
static mp_obj_t gap_scan(size_t n_args, const mp_obj_t *args, mp_map_t *kw)
{
    enum { BLE_SCAN_DUPLICATES, BLE_SCAN_LISTED };
    static const mp_arg_t allowed[] = {
        /* beyond upstream */
        { MP_QSTR_filter_duplicates, MP_ARG_BOOL | MP_ARG_KW_ONLY, { .u_bool = false } },
        { MP_QSTR_accept_list, MP_ARG_BOOL | MP_ARG_KW_ONLY, { .u_bool = false } },
    };
    mp_arg_val_t more[MP_ARRAY_SIZE(allowed)];
    mp_arg_check_num(n_args, 0, 1, 5, false);
    mp_arg_parse_all(0, NULL, kw, MP_ARRAY_SIZE(allowed), allowed, more);
    if (n_args > 1 && args[1] == mp_const_none) {
        ble_active();
        gap_end_scan();
        return mp_const_none;
    }
    mp_int_t duration = n_args > 1 ? mp_obj_get_int(args[1]) : 0;
    mp_int_t interval = n_args > 2 ? mp_obj_get_int(args[2]) : 1280000;
    mp_int_t window = n_args > 3 ? mp_obj_get_int(args[3]) : 11250;
    struct woad_scan_params params = {
        .interval_625us = gap_scan_units(interval),
        .window_625us = gap_scan_units(window),
        .active = n_args > 4 && mp_obj_is_true(args[4]),
        .duration_ms = (uint32_t)(duration > 0 ? duration : 0),
        .filter_duplicates = more[BLE_SCAN_DUPLICATES].u_bool,
        .accept_list = more[BLE_SCAN_LISTED].u_bool,
    };
    struct woad *h = ble_active();
    if (duration > INT32_MAX) {
        BLE_REFUSE(MP_EINVAL, "duration_ms is out of range");
    }
    ble_raise(woad_scan_start(h, &params));
    ble.scans++;
    ble_flush();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(ble_gap_scan_obj, 1, gap_scan);

/* The optional argument i; None stands for the default, too. */
static mp_int_t gap_arg(size_t n_args, const mp_obj_t *args, size_t i, mp_int_t default_value)
{
    if (n_args > i && args[i] != mp_const_none) {
        return mp_obj_get_int(args[i]);
    }
    return default_value;
}

/* args: scan_duration_ms, min_conn_interval_us, max_conn_interval_us; None for the default. */
static mp_obj_t gap_begin_connect(const struct woad_addr *peer, size_t n_args, const mp_obj_t *args)
{
    mp_int_t timeout = gap_arg(n_args, args, 0, 2000);
    /* 50 ms: upstream allows 30 to 50, most controllers choose 50, and programs rely on it. */
    enum { BLE_INTERVAL = 40 };
    mp_int_t min = gap_arg(n_args, args, 1, 0) / 1250, max = gap_arg(n_args, args, 2, 0) / 1250;
    struct woad *h = ble_active();
    if (min < 0 || min > 0xffff || max < 0 || max > 0xffff || timeout < 0 || timeout > INT32_MAX) {
        BLE_REFUSE(MP_EINVAL, "a time is out of range");
    }
    if (!min) { /* a limit given alone moves the other one, too */
        min = max ? MIN(max, BLE_INTERVAL) : BLE_INTERVAL;
    }
    if (!max) {
        max = min > BLE_INTERVAL ? min : BLE_INTERVAL;
    }
    struct woad_connect_params params = {
        /* Without pause; 60 ms on a channel, because a packet during a change is lost. */
        .scan_interval_625us = 96,
        .scan_window_625us = 96,
        .interval_min_1250us = (uint16_t)min,
        .interval_max_1250us = (uint16_t)max,
        .supervision_10ms = 256,
        .timeout_ms = timeout ? (uint32_t)timeout : 30000,
    };
    if (min > max || (peer && peer->type > WOAD_ADDR_RANDOM_IDENTITY)) {
        BLE_REFUSE(MP_EINVAL,
                   "the intervals are in the wrong order, or there is no such addr_type");
    }
    gap_end_scan();
    h = ble_active(); /* the handler of IRQ_SCAN_DONE may have stopped it, or begun to connect */
    ble_raise(woad_connect(h, peer, &params));
    ble_flush();
    return mp_const_none;
}

/* gap_connect(addr_type, addr, ...); gap_connect(None) cancels. */
static mp_obj_t gap_connect(size_t n_args, const mp_obj_t *args)
{
    if (n_args == 2) {
        if (args[1] != mp_const_none) {
            mp_raise_TypeError(MP_ERROR_TEXT("invalid addr"));
        }
        int err = woad_connect_cancel(ble_active());
        ble_raise(ble_connecting_deliver_all() ? 0 : err); /* too late: it is connected */
        ble_flush();
        return mp_const_none;
    }
    mp_int_t type = mp_obj_get_int(args[1]);
    struct woad_addr peer = { .type = (uint8_t)(type < 0 || type > 255 ? 255 : type) };
    mp_buffer_info_t buf;
    mp_get_buffer_raise(args[2], &buf, MP_BUFFER_READ);
    if (buf.len != 6) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid addr"));
    }
    for (int i = 0; i < 6; i++) {
        peer.octet[i] = ((const uint8_t *)buf.buf)[5 - i];
    }
    return gap_begin_connect(&peer, n_args - 3, args + 3);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_connect_obj, 2, 6, gap_connect);

/* Connects to the first peer of the accept list that advertises.  Beyond upstream. */
static mp_obj_t gap_connect_any(size_t n_args, const mp_obj_t *args)
{
    return gap_begin_connect(NULL, n_args - 1, args + 1);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_connect_any_obj, 1, 4, gap_connect_any);

/* gap_disconnect(conn_handle) -> False: there is no such connection. */
static mp_obj_t gap_disconnect(mp_obj_t self, mp_obj_t conn)
{
    (void)self;
    uint16_t number = ble_arg_conn(conn);
    int err = woad_disconnect(ble_active(), number, WOAD_HCI_REMOTE_USER_TERMINATED);
    if (err == WOAD_ENOTCONN) {
        return mp_const_false;
    }
    ble_raise(err == WOAD_EALREADY ? 0 : err); /* it is already being disconnected */
    ble_flush();
    return mp_const_true;
}
MP_DEFINE_CONST_FUN_OBJ_2(ble_gap_disconnect_obj, gap_disconnect);
