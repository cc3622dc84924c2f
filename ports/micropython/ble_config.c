/* BLE.config(): queries one parameter, or sets any number of them.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_active(): the host; raises ENODEV if there is none; called after a method's arguments
 *       are converted
 *   ble_apply_pairing(): gives ble_pairing to the host
 *   ble_check_thread(): raises RuntimeError outside the main thread
 *   ble_flush(): moves what the host has to send to the controller; may raise events, and find
 *       that it has failed
 *   BLE_MTU_MAX: the largest ATT_MTU that config(mtu=…) can set
 *   ble_pairing: what config() has set about pairing; `secure`: le_secure, -1: not set
 *   ble_port_store(): names the file of bonds; NULL: none; 0 or a negative errno
 *   ble_port_store_error(): of the last write
 *   ble_port_store_event(): an event for the file of bonds
 *   ble_port_store_irk(): our IRK, for a file without bonds
 *   ble_raise(): raises a WOAD_E… as an OSError; returns if it is 0
 *   ble_raise_with(): raises an OSError with a number and a detail
 *   ble_store_bonds(): writes the host's bonds to a new file
 *   dropped: how often something was lost: for want of memory or room, or because the event for
 *       it is not enabled; config("dropped")
 *   events: events beyond upstream's that the program has enabled: bit n: event 64 + n
 *   IRQ_FIRST_MORE: the first event beyond upstream's; IRQ_END_MORE: behind the last
 *   long_reads: gattc_read() reads the whole value
 *   rxbuf: what config("rxbuf") returns; it has no effect
 *   up: between WOAD_EV_UP and WOAD_EV_DOWN */
#include "ble.h"

/* (addr_type, addr), most significant octet first. */
static mp_obj_t config_mac(void)
{
    struct woad_addr a;
    uint8_t big[6];
    ble_raise(woad_own_address(ble_active(), &a));
    for (int i = 0; i < 6; i++) {
        big[i] = a.octet[5 - i];
    }
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(a.type), mp_obj_new_bytes(big, 6) };
    return mp_obj_new_tuple(2, items);
}

/* The events are numbers from IRQ_FIRST_MORE on: see struct ble_state, events. */
bool ble_wants(unsigned event)
{
    return (ble.events >> (event - IRQ_FIRST_MORE) & 1) != 0;
}

/* The events beyond upstream's that the program has enabled. */
static mp_obj_t config_events(void)
{
    mp_obj_t items[IRQ_END_MORE - IRQ_FIRST_MORE];
    size_t n = 0;
    for (unsigned event = IRQ_FIRST_MORE; event < IRQ_END_MORE; event++) {
        if (ble_wants(event)) {
            items[n++] = MP_OBJ_NEW_SMALL_INT(event);
        }
    }
    return mp_obj_new_tuple(n, items);
}

/* The bits of a sequence of events; raises EINVAL for one that is not beyond upstream's. */
static mp_int_t config_events_of(mp_obj_t value)
{
    mp_obj_iter_buf_t buf;
    mp_obj_t it = mp_getiter(value, &buf), o;
    mp_int_t bits = 0;
    while ((o = mp_iternext(it)) != MP_OBJ_STOP_ITERATION) {
        mp_int_t n = mp_obj_get_int(o);
        if (n < IRQ_FIRST_MORE || n >= IRQ_END_MORE) {
            BLE_REFUSE(MP_EINVAL, "no such event");
        }
        bits |= 1 << (n - IRQ_FIRST_MORE);
    }
    return bits;
}

/* config(name) */
static mp_obj_t config_get(mp_obj_t key)
{
    switch (mp_obj_str_get_qstr(key)) {
    case MP_QSTR_gap_name: return mp_obj_new_bytes(ble.name, ble.name_len);
    case MP_QSTR_mac: return config_mac();
    case MP_QSTR_mtu: return MP_OBJ_NEW_SMALL_INT(woad_mtu(ble_active()));
    case MP_QSTR_rxbuf: return MP_OBJ_NEW_SMALL_INT(ble.rxbuf);
    case MP_QSTR_dropped: return mp_obj_new_int_from_uint(ble.dropped);
    case MP_QSTR_events: return config_events();
    case MP_QSTR_bond_error: return MP_OBJ_NEW_SMALL_INT(-ble_port_store_error());
    default: mp_raise_ValueError(MP_ERROR_TEXT("unknown config param"));
    }
}

/* An int within bounds; raises EINVAL. */
static mp_int_t config_in(mp_obj_t value, mp_int_t min, mp_int_t max)
{
    mp_int_t n = mp_obj_get_int(value);
    if (n < min || n > max) {
        BLE_REFUSE(MP_EINVAL, "the value is out of range");
    }
    return n;
}

/* Raises TypeError for what is no buffer, EINVAL for one that is too long. */
static void config_check_name(mp_obj_t value)
{
    mp_buffer_info_t buf;
    mp_get_buffer_raise(value, &buf, MP_BUFFER_READ);
    if (buf.len > sizeof ble.name) {
        BLE_REFUSE(MP_EINVAL, "gap_name has 31 octets at most");
    }
}

/* Upstream raises ValueError here, without a text. */
static mp_int_t config_rxbuf(mp_obj_t value)
{
    mp_int_t n = mp_obj_get_int(value);
    if (n < 16 || n > 0xffff) {
        mp_raise_ValueError(NULL);
    }
    return n;
}

/* Bits of PHYs: 1 1M, 2 2M, 4 coded. */
static mp_int_t config_phys(mp_obj_t value, bool scan)
{
    mp_int_t n = config_in(value, 1, 7);
    if (scan && (n & 2)) {
        BLE_REFUSE(MP_EINVAL, "scanning is on 1M and coded, not on 2M");
    }
    return n;
}

/* A file's path, or None: NULL.  Raises EINVAL for one with a NUL, which would be cut there. */
static const char *config_path(mp_obj_t value)
{
    if (value == mp_const_none) {
        return NULL;
    }
    size_t len;
    const char *path = mp_obj_str_get_data(value, &len);
    if (strlen(path) != len) {
        BLE_REFUSE(MP_EINVAL, "the path has a NUL");
    }
    return path;
}

/* Checks the value, and returns it as a number if it is one.  Each value is converted only once:
 * its __int__ or __bool__ may run the program. */
static mp_int_t config_convert(qstr key, mp_obj_t value)
{
    switch (key) {
    case MP_QSTR_gap_name: config_check_name(value); return 0;
    case MP_QSTR_rxbuf: return config_rxbuf(value);
    case MP_QSTR_mtu: return config_in(value, 23, BLE_MTU_MAX);
    case MP_QSTR_addr_mode: return config_in(value, 0, 3);
    case MP_QSTR_events: return config_events_of(value);
    case MP_QSTR_scan_phys:
    case MP_QSTR_connect_phys: return config_phys(value, key == MP_QSTR_scan_phys);
    case MP_QSTR_bond_store: (void)config_path(value); return 0;
    case MP_QSTR_io: return config_in(value, 0, WOAD_IO_KEYBOARD_DISPLAY);
    case MP_QSTR_bond:
    case MP_QSTR_mitm:
    case MP_QSTR_le_secure:
    case MP_QSTR_long_reads: return mp_obj_is_true(value);
    default: mp_raise_ValueError(MP_ERROR_TEXT("unknown config param"));
    }
}

/* Checked before; but the program, run by a conversion since, may have enlarged the buffer. */
static void config_set_name(mp_obj_t value)
{
    mp_buffer_info_t buf;
    mp_get_buffer_raise(value, &buf, MP_BUFFER_READ);
    ble.name_len = (uint8_t)(buf.len < sizeof ble.name ? buf.len : sizeof ble.name);
    memcpy(ble.name, buf.buf, ble.name_len);
    if (ble.host) {
        woad_gatt_set_name(ble.host, ble.name, ble.name_len);
    }
}

/* addr_mode: 0 public, 1 random, 2 resolvable private, 3 non-resolvable private. */
static void config_set_addr_mode(mp_int_t n)
{
    enum { BLE_RPA_MODE = 2, BLE_RENEWED_S = 300 /* a private address lasts so long */ };
    struct woad *h = ble_active();
    if (n >= BLE_RPA_MODE) {
        enum woad_privacy mode = WOAD_PRIVACY_NON_RESOLVABLE;
        if (n == BLE_RPA_MODE) {
            mode = WOAD_PRIVACY_RESOLVABLE;
        }
        ble_raise(woad_set_privacy(h, mode, BLE_RENEWED_S));
    } else {
        ble_raise(woad_set_privacy(h, WOAD_PRIVACY_OFF, 0));
        ble_raise(woad_set_own_address(h, (uint8_t)n, NULL)); /* random: the host has drawn one */
    }
    ble_flush();
}

/* bond, mitm, io or le_secure. */
static void config_set_pairing(qstr key, mp_int_t n)
{
    switch (key) {
    case MP_QSTR_bond: ble_pairing.bond = n != 0; break;
    case MP_QSTR_mitm: ble_pairing.mitm = n != 0; break;
    case MP_QSTR_io: ble_pairing.io = (uint8_t)n; break;
    default: ble_pairing.secure = n != 0; break;
    }
    ble_apply_pairing();
}

/* A file's path, or None.  If the host is up, it gets the bonds of the file, and the file the bonds
 * of the host, at once. */
static void config_set_store(mp_obj_t value)
{
    const char *path = config_path(value);
    struct woad_event up = { .type = WOAD_EV_UP, .conn = WOAD_NO_CONN };
    uint8_t irk[16];
    int err = ble_port_store(path);
    if (err) {
        ble_raise_with(-err, value);
    }
    if (ble.host && ble.up) {
        if (woad_irk(ble.host, irk) == 0) {
            ble_port_store_irk(irk);
        }
        memset(irk, 0, sizeof irk);
        ble_store_bonds();
        ble_port_store_event(ble.host, &up);
        ble_flush(); /* the bonds' peers join the controller's lists */
        err = ble_port_store_error();
    }
    if (err) {
        ble_raise_with(-err, value);
    }
}

/* Parameters that only a running host has. */
static bool config_needs_active(qstr key)
{
    return key == MP_QSTR_mtu || key == MP_QSTR_addr_mode || key == MP_QSTR_scan_phys ||
           key == MP_QSTR_connect_phys;
}

/* Sets one parameter; n is `value` as a number, where it is one. */
static void config_apply(qstr key, mp_obj_t value, mp_int_t n)
{
    switch (key) {
    case MP_QSTR_gap_name: config_set_name(value); break;
    case MP_QSTR_rxbuf: ble.rxbuf = (uint16_t)n; break;
    case MP_QSTR_mtu: ble_raise(woad_set_mtu(ble_active(), (uint16_t)n)); break;
    case MP_QSTR_addr_mode: config_set_addr_mode(n); break;
    case MP_QSTR_events:
        ble.events = (uint32_t)n;
        ble_apply_pairing();
        break;
    case MP_QSTR_scan_phys: ble_raise(woad_set_scan_phys(ble_active(), (uint8_t)n)); break;
    case MP_QSTR_connect_phys: ble_raise(woad_set_connect_phys(ble_active(), (uint8_t)n)); break;
    case MP_QSTR_bond_store: config_set_store(value); break;
    case MP_QSTR_long_reads: ble.long_reads = n != 0; break;
    default: config_set_pairing(key, n); break;
    }
}

/* All values are converted before any is applied: an error in one changes nothing. */
static void config_set(const mp_map_t *kw)
{
    enum { BLE_PARAMS_MAX = 16 }; /* more than there are names */
    mp_int_t number[BLE_PARAMS_MAX];
    bool needs_active = false;
    size_t n = 0;
    for (size_t i = 0; i < kw->alloc; i++) {
        if (mp_map_slot_is_filled(kw, i)) {
            qstr key = mp_obj_str_get_qstr(kw->table[i].key);
            mp_int_t converted = config_convert(key, kw->table[i].value);
            if (n == BLE_PARAMS_MAX) { /* a name is repeated */
                mp_raise_TypeError(NULL);
            }
            number[n] = converted;
            needs_active = needs_active || config_needs_active(key);
            n++;
        }
    }
    if (needs_active) {
        ble_active();
    }
    n = 0;
    for (size_t i = 0; i < kw->alloc; i++) {
        if (mp_map_slot_is_filled(kw, i)) {
            config_apply(mp_obj_str_get_qstr(kw->table[i].key), kw->table[i].value, number[n++]);
        }
    }
}

/* config(name) -> value; config(name=value, …) */
static mp_obj_t ble_method_config(size_t n_args, const mp_obj_t *args, mp_map_t *kw)
{
    if (kw->used == 0) {
        if (n_args != 2) {
            mp_raise_TypeError(MP_ERROR_TEXT("must query one param"));
        }
        return config_get(args[1]);
    }
    if (n_args != 1) {
        mp_raise_TypeError(MP_ERROR_TEXT("can't specify pos and kw args"));
    }
    ble_check_thread();
    config_set(kw);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(ble_config_obj, 1, ble_method_config);
