/* Extended advertising: sets and reports.  All of it is beyond upstream: docs/module.md
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_active(): the host; raises ENODEV if there is none; called after a method's arguments
 *       are converted
 *   ble_addr(): an address as a memoryview, most significant octet first, for the next call
 *   BLE_ADV_SETS: advertising sets of the configuration
 *   ble_bytes(): a copy of octets as a memoryview, for the next call of the handler; allocates
 *       nothing
 *   ble_flush(): moves what the host has to send to the controller; may raise events, and find
 *       that it has failed
 *   ble_invoke(): calls the program's handler
 *   ble_port_alloc(): memory outside the heap, zeros; NULL: none
 *   ble_port_free(): frees memory of ble_port_alloc()
 *   ble_raise(): raises a WOAD_E… as an OSError; returns if it is 0
 *   ble_scan_is_reported(): the program gets scan results now
 *   BLE_STATUS_HCI: added to an HCI status for the program
 *   ble_wants(): the program has enabled this event, which upstream (MicroPython's own module,
 *       with NimBLE) does not have
 *   ext_data: data of extended advertising, which the host uses where they are
 *   u_obj: mp_arg_val_t's fields: an argument of a method as an object (u_obj), a number, a
 *       truth */
#include "ble.h"

/* Copies advertising data and scan response (NULL: empty); raises ENOMEM if one does not fit. */
static void ext_copy(const mp_buffer_info_t buf[2], uint8_t *copy[2])
{
    bool failed = false;
    for (int k = 0; k < 2; k++) {
        copy[k] = buf[k].len ? ble_port_alloc(buf[k].len) : NULL;
        if (copy[k]) {
            memcpy(copy[k], buf[k].buf, buf[k].len);
        }
        failed = failed || (buf[k].len && !copy[k]);
    }
    if (failed) {
        ble_port_free(copy[0]);
        ble_port_free(copy[1]);
        mp_raise_OSError(MP_ENOMEM);
    }
}

/* Gives the copy to the host, and frees the one before. */
static void ext_keep(uint8_t set, bool response, uint8_t *copy, size_t len)
{
    uint8_t **current = &ble.ext_data[set][response];
    if (response) {
        woad_ext_adv_set_scan_response(ble.host, set, copy, len);
    } else {
        woad_ext_adv_set_data(ble.host, set, copy, len);
    }
    ble_port_free(*current);
    *current = copy;
}

/* After the host was stopped: it used the data where they are. */
void ble_forget_ext(void)
{
    for (size_t set = 0; set < BLE_ADV_SETS; set++) {
        for (int k = 0; k < 2; k++) {
            ble_port_free(ble.ext_data[set][k]);
            ble.ext_data[set][k] = NULL;
        }
    }
}

/* An int within bounds; raises EINVAL. */
static mp_int_t ext_int(mp_obj_t o, mp_int_t min, mp_int_t max)
{
    mp_int_t n = mp_obj_get_int(o);
    if (n < min || n > max) {
        BLE_REFUSE(MP_EINVAL, "an argument is out of range");
    }
    return n;
}

enum { /* the arguments of gap_advertise_set(), in order */
       BLE_EXT_SET,
       BLE_EXT_INTERVAL,
       BLE_EXT_DATA,
       BLE_EXT_RESPONSE,
       BLE_EXT_CONNECTABLE,
       BLE_EXT_SCANNABLE,
       BLE_EXT_ANONYMOUS,
       BLE_EXT_PRIMARY,
       BLE_EXT_SECONDARY,
       BLE_EXT_SID,
       BLE_EXT_POWER,
       BLE_EXT_DURATION,
       BLE_EXT_EVENTS
};

/* Raises EINVAL for what is out of range.  0x3fffffff is the largest int of a board without big
 * ints. */
static struct woad_ext_adv_params ext_params(const mp_arg_val_t *args)
{
    return (struct woad_ext_adv_params){
        .interval_625us =
            (uint32_t)(ext_int(args[BLE_EXT_INTERVAL].u_obj, 20000, 0x3fffffff) / 625),
        .connectable = args[BLE_EXT_CONNECTABLE].u_bool,
        .scannable = args[BLE_EXT_SCANNABLE].u_bool,
        .anonymous = args[BLE_EXT_ANONYMOUS].u_bool,
        .primary_phy = (uint8_t)ext_int(args[BLE_EXT_PRIMARY].u_obj, 1, 3),
        .secondary_phy = (uint8_t)ext_int(args[BLE_EXT_SECONDARY].u_obj, 1, 3),
        .sid = (uint8_t)ext_int(args[BLE_EXT_SID].u_obj, 0, 15),
        .tx_power_dbm = (int8_t)ext_int(args[BLE_EXT_POWER].u_obj, -127, 127),
        .duration_10ms = (uint16_t)((ext_int(args[BLE_EXT_DURATION].u_obj, 0, 655350) + 9) / 10),
        .events_max = (uint8_t)ext_int(args[BLE_EXT_EVENTS].u_obj, 0, 255),
    };
}

/* gap_advertise_set(set, interval_us, adv_data=None, *, …); interval_us None stops the set. */
static mp_obj_t gap_advertise_set(size_t n_args, const mp_obj_t *pos, mp_map_t *kw)
{
    static const mp_arg_t allowed[] = {
        { MP_QSTR_set, MP_ARG_OBJ | MP_ARG_REQUIRED, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_interval_us, MP_ARG_OBJ | MP_ARG_REQUIRED, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_adv_data, MP_ARG_OBJ, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_resp_data, MP_ARG_OBJ | MP_ARG_KW_ONLY, { .u_rom_obj = MP_ROM_NONE } },
        { MP_QSTR_connectable, MP_ARG_BOOL | MP_ARG_KW_ONLY, { .u_bool = false } },
        { MP_QSTR_scannable, MP_ARG_BOOL | MP_ARG_KW_ONLY, { .u_bool = false } },
        { MP_QSTR_anonymous, MP_ARG_BOOL | MP_ARG_KW_ONLY, { .u_bool = false } },
        { MP_QSTR_primary_phy, MP_ARG_OBJ | MP_ARG_KW_ONLY, { .u_obj = MP_OBJ_NEW_SMALL_INT(1) } },
        { MP_QSTR_secondary_phy,
          MP_ARG_OBJ | MP_ARG_KW_ONLY,
          { .u_obj = MP_OBJ_NEW_SMALL_INT(1) } },
        { MP_QSTR_sid, MP_ARG_OBJ | MP_ARG_KW_ONLY, { .u_obj = MP_OBJ_NEW_SMALL_INT(0) } },
        { MP_QSTR_tx_power, MP_ARG_OBJ | MP_ARG_KW_ONLY, { .u_obj = MP_OBJ_NEW_SMALL_INT(127) } },
        { MP_QSTR_duration_ms, MP_ARG_OBJ | MP_ARG_KW_ONLY, { .u_obj = MP_OBJ_NEW_SMALL_INT(0) } },
        { MP_QSTR_max_events, MP_ARG_OBJ | MP_ARG_KW_ONLY, { .u_obj = MP_OBJ_NEW_SMALL_INT(0) } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args - 1, pos + 1, kw, MP_ARRAY_SIZE(allowed), allowed, args);
    uint8_t set = (uint8_t)ext_int(args[BLE_EXT_SET].u_obj, 0, BLE_ADV_SETS - 1);
    if (args[BLE_EXT_INTERVAL].u_obj == mp_const_none) {
        ble_raise(woad_ext_adv_stop(ble_active(), set));
        ble_flush();
        return mp_const_none;
    }
    struct woad_ext_adv_params p = ext_params(args);
    mp_buffer_info_t buf[2] = { 0 };
    const mp_obj_t given[2] = { args[BLE_EXT_DATA].u_obj, args[BLE_EXT_RESPONSE].u_obj };
    for (int k = 0; k < 2; k++) {
        if (given[k] != mp_const_none) {
            mp_get_buffer_raise(given[k], &buf[k], MP_BUFFER_READ);
        }
        if (buf[k].len > WOAD_EXT_DATA_MAX) {
            BLE_REFUSE(MP_EINVAL, "the data are longer than an advertising set takes");
        }
    }
    struct woad *h = ble_active();
    uint8_t *copy[2];
    ext_copy(buf, copy);
    int err = woad_ext_adv_start(h, set, &p); /* first: if it is refused, the set keeps its data */
    for (int k = 0; k < 2; k++) {
        if (err) {
            ble_port_free(copy[k]);
        } else if (given[k] != mp_const_none) {
            ext_keep(set, k, copy[k], buf[k].len);
        }
    }
    ble_raise(err);
    ble_flush();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(ble_gap_advertise_set_obj, 1, gap_advertise_set);

/* --- events ----------------------------------------------------------------------------------- */

/* IRQ_ADV_SET: (set, started, status, conn_handle) */
void ble_on_ext_adv(const struct woad_event *ev)
{
    if (!ble_wants(IRQ_ADV_SET)) {
        return;
    }
    bool started = ev->type == WOAD_EV_EXT_ADV_STARTED;
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->u.ext_adv.set), mp_obj_new_bool(started),
                         MP_OBJ_NEW_SMALL_INT(
                             ev->u.ext_adv.status ? BLE_STATUS_HCI + ev->u.ext_adv.status : 0),
                         MP_OBJ_NEW_SMALL_INT(ev->conn) };
    ble_invoke(IRQ_ADV_SET, 4, items);
}

/* IRQ_EXT_SCAN_RESULT: (addr_type, addr, props, rssi, primary_phy, secondary_phy, sid, data_status,
 * data) */
void ble_on_ext_report(const struct woad_event *ev)
{
    const struct woad_ext_report *r = &ev->u.ext_report;
    if (!ble_scan_is_reported() || !ble_wants(IRQ_EXT_SCAN_RESULT)) {
        return;
    }
    int data_status = 0; /* complete */
    if (r->more) {
        data_status = 1;
    } else if (r->truncated) {
        data_status = 2;
    }
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(r->addr.type), ble_addr(&r->addr),
                         /* connectable, scannable, directed, scan response */
                         MP_OBJ_NEW_SMALL_INT(r->props & 0x0f), MP_OBJ_NEW_SMALL_INT(r->rssi),
                         MP_OBJ_NEW_SMALL_INT(r->primary_phy),
                         MP_OBJ_NEW_SMALL_INT(r->secondary_phy), MP_OBJ_NEW_SMALL_INT(r->sid),
                         MP_OBJ_NEW_SMALL_INT(data_status), ble_bytes(r->data, r->len) };
    ble_invoke(IRQ_EXT_SCAN_RESULT, 9, items);
}
