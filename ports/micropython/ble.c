/* BLE(): the one object, its life, active, config and irq. */
#include "ble.h"

#include "py/mpthread.h"
#include "py/unicode.h"

MP_REGISTER_ROOT_POINTER(void *woad_ble);

struct ble_state ble;

ble_obj_t *ble_object(void)
{
    return MP_STATE_VM(woad_ble);
}

/* --- errors ----------------------------------------------------------------------------------- */

void ble_raise_with(int number, mp_obj_t detail)
{
    mp_obj_t args[] = { MP_OBJ_NEW_SMALL_INT(number), detail };
    nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, 2, args));
}

/* The host's errors are errno's.  Two are told as programs know them: full is ENOMEM (EAGAIN to a
 * program that wants to hear when there is room), connected already is EIO. */
void ble_raise(int err)
{
    if (err) {
        bool waits = err == WOAD_EAGAIN && ble_wants(IRQ_TX_READY);
        mp_raise_OSError(err == WOAD_EAGAIN && !waits ? MP_ENOMEM
                         : err == WOAD_EISCONN        ? MP_EIO
                                                      : -err);
    }
}

/* It may name a path of any octets. */
static mp_obj_t why_text(void)
{
    bool text = utf8_check((const byte *)ble.why, strlen(ble.why));
    for (char *c = ble.why; *c && !text; c++) {
        *c = *c & 0x80 ? '?' : *c;
    }
    return mp_obj_new_str(ble.why, strlen(ble.why));
}

/* The host has one thread: the one whose scheduler delivers events. */
#if MICROPY_PY_THREAD
static void *this_thread(void)
{
    return mp_thread_get_state();
}
#else
static void *this_thread(void)
{
    return NULL;
}
#endif

void ble_check_thread(void)
{
    if (this_thread() != ble.thread) {
        mp_raise_msg(&mp_type_RuntimeError,
                     MP_ERROR_TEXT("bluetooth is for the main thread: micropython.schedule()"));
    }
}

struct woad *ble_active(void)
{
    ble_check_thread();
    if (!ble.host && ble.why[0]) {
        ble_raise_with(MP_ENODEV, why_text());
    }
    if (!ble.host || ble.ending) {
        mp_raise_OSError(MP_ENODEV);
    }
    ble_port_clock(ble.host); /* what begins now is timed from now */
    return ble.host;
}

/* --- moving packets --------------------------------------------------------------------------- */

/* While packets move for a method, nothing else may enter the host: events are queued, and the
 * scheduler waits.  Drivers of UARTs (rp2, mimxrt, renesas-ra) and delays (esp32) poll it. */
void ble_hold(void)
{
    ble.holding++;
    mp_sched_lock();
}

void ble_release(void)
{
    mp_sched_unlock();
    ble.holding--;
}

/* A failing controller is noticed here, and told by the host's events. */
static void ble_pump(void)
{
    if (ble.host && ble_port_pump(ble.host) < 0) {
        ble_port_lose();
    }
}

/* A failure to send is found again by the next pump. */
void ble_flush(void)
{
    if (ble.host) {
        ble_hold();
        (void)ble_port_flush(ble.host);
        ble_release();
        ble_port_arm(0);
    }
}

/* Time that is waited.  A program that was stopped meanwhile, by a debugger or a signal, has not
 * waited: what came then has not been read yet. */
struct patience {
    mp_uint_t last, gone;
};

static bool ble_patient(struct patience *p, mp_uint_t limit)
{
    enum { BLE_LONGEST_STEP = 100 };
    mp_uint_t now = mp_hal_ticks_ms(), step = now - p->last;
    p->last = now;
    p->gone += step < BLE_LONGEST_STEP ? step : BLE_LONGEST_STEP;
    return p->gone < limit;
}

void ble_wait(const bool *done)
{
    struct patience p = { mp_hal_ticks_ms(), 0 };
    if (ble.in_host) {
        ble_flush();
        return;
    }
    ble_hold();
    ble_pump();
    while (!*done && !ble.down && !ble.ending && ble.host && ble_port_is_open() &&
           ble_patient(&p, BLE_WAIT_MS)) {
        ble_port_wait(20);
        ble_pump();
    }
    ble_release();
    ble_port_arm(0);
    if (ble.down) {
        ble_port_schedule(); /* nobody else will: the port is gone */
    }
    if (ble.ending && !ble.starting) {
        mp_raise_OSError(MP_ENODEV);
    }
    if (!*done || ble.down) {
        bool silent = ble.down ? ble.down == WOAD_ETIMEDOUT : ble_port_is_open();
        ble_raise(silent ? WOAD_ETIMEDOUT : WOAD_EIO);
    }
}

int ble_random(uint8_t *out, size_t len)
{
    struct patience p = { mp_hal_ticks_ms(), 0 };
    int err;
    while ((err = woad_random(ble.host, out, len)) == WOAD_EAGAIN && ble_port_is_open() &&
           !ble.in_host && ble_patient(&p, BLE_WAIT_MS)) {
        ble_hold();
        ble_port_wait(20);
        ble_pump();
        ble_release();
    }
    return err;
}

/* A handler that takes longer than packets need to come: what the controller answers would lie
 * behind ever more scan results.  So from time to time all that has come is read while events are
 * held back: reports without room are counted.  When others have none the rest has to wait. */
static void ble_keep_up(mp_uint_t before)
{
    enum { BLE_SLOW_MS = 10, BLE_TOLERATED_MS = 500, BLE_PUMPS = 256 };
    mp_uint_t now = mp_hal_ticks_ms();
    if (!ble_port_more() || now - before < BLE_SLOW_MS) {
        ble.slow_since = now;
    } else if (now - ble.slow_since >= BLE_TOLERATED_MS) {
        ble_hold();
        for (int n = 0; n < BLE_PUMPS && ble.host && ble_port_more() && !ble_queue_over(); n++) {
            ble_pump();
        }
        ble_release();
        ble.slow_since = mp_hal_ticks_ms();
    }
}

/* MicroPython's scheduler goes on as long as a function is scheduled while another runs, and a
 * controller or a method of a handler may have this one scheduled at any time.  So after a long
 * turn the program has BLE_PAUSE_MS. */
static bool run_pauses(void)
{
    enum { BLE_PAUSE_MS = 2 };
    return ble.ran_long && mp_hal_ticks_ms() - ble.ran < BLE_PAUSE_MS;
}

static void run_ends(mp_uint_t began)
{
    enum { BLE_LONG_MS = 10 };
    ble.ran = mp_hal_ticks_ms();
    ble.ran_long = ble.ran - began >= BLE_LONG_MS;
    ble.running = false;
    ble_port_arm(1);
}

/* A radio that has failed is there until the program has heard of all that came before, and of what
 * the failure has ended. */
static bool run_is_over(void)
{
    const ble_obj_t *o = ble_object();
    return ble.host && (ble.ending || (ble.down && (!o || ble_queue_empty(o))));
}

static void run_stops(void)
{
    if (!ble.ending && ble_wants(IRQ_RADIO_LOST)) {
        mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(-ble.down) };
        ble_invoke(IRQ_RADIO_LOST, 1, items);
    }
    if (ble.host && (ble.down || ble.ending)) { /* the handler may have begun again */
        const char *why = ble.ending                   ? ""
                          : ble.down == WOAD_ETIMEDOUT ? "the controller does not answer"
                          : ble.down == WOAD_EBADMSG   ? "the controller sent what is not HCI"
                                                       : "the controller is gone";
        strcpy(ble.why, why);
        ble_stop(ble.ending);
    }
}

/* In the scheduler: what waits for the program, then what has come. */
void ble_run(void)
{
    mp_uint_t began = mp_hal_ticks_ms();
    if (run_pauses()) {
        ble_port_soon();
        return;
    }
    ble.running = true;
    ble_deliver_queued();
    mp_uint_t before = mp_hal_ticks_ms();
    if (ble_queue_over()) {
        ble_flush();
    } else {
        ble_pump();
    }
    ble_keep_up(before);
    ble_channels_run();
    ble_connecting_run();
    ble_deliver_queued();
    if (run_is_over()) {
        run_stops();
    }
    run_ends(began);
}

/* --- life ------------------------------------------------------------------------------------- */

static mp_obj_t ble_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
                             const mp_obj_t *args)
{
    (void)type;
    (void)n_args;
    (void)n_kw;
    (void)args;
    if (!ble_object()) {
        ble_obj_t *o = m_new0(ble_obj_t, 1);
        o->base.type = &ble_type;
        o->handler = mp_const_none;
        if (!ble_frames_new(o) || !ble_queue_new(o)) {
            mp_raise_OSError(MP_ENOMEM);
        }
        MP_STATE_VM(woad_ble) = o;
    }
    return MP_OBJ_FROM_PTR(ble_object());
}

static void ble_forget(void)
{
    ble_obj_t *o = ble_object();
    if (o) {
        ble_queue_forget(o);
        o->groups = NULL;
        o->updates = NULL;
    }
    memset(ble.conns, 0xff, sizeof ble.conns);
    memset(ble.connecting, 0, sizeof ble.connecting);
    ble.scans = ble.scans_stopped = 0;
}

/* The handler of GET_SECRET may end what begins here. */
static void ble_begin(void)
{
    nlr_buf_t nlr;
    ble.starting = true;
    if (nlr_push(&nlr) == 0) {
        ble_wait(&ble.up);
        ble_load_bonds();
        nlr_pop();
        ble.starting = false;
        if (ble.ending) {
            ble_stop(true);
        }
    } else {
        ble.starting = false;
        ble_stop(false);
        ble.why[0] = '\0';
        nlr_jump(nlr.ret_val);
    }
}

static void ble_start(void)
{
    struct woad_config cfg = {
        .features = ble_port_features,
        .event = ble_on_event,
        .conns = BLE_CONNS,
        .attr_tables = BLE_TABLES,
        .attr_index = BLE_INDEX,
        .pipeline_queue = BLE_PIPELINE,
        .accept_list = BLE_ACCEPT,
        .subscriptions = BLE_SUBSCRIPTIONS,
        .procedures = BLE_PROCEDURES,
        .mtu = BLE_MTU_MAX,
        .tx_queue = BLE_QUEUE,
        .request_queue = BLE_REQUESTS,
        .prepare_queue = BLE_PREPARED,
        .bonds = BLE_BOND_PLACES,
        .l2cap_channels = BLE_CHANNELS,
        .psms = BLE_PSMS,
        .adv_sets = BLE_ADV_SETS,
        .crypto = ble_port_crypto,
        .random = ble_port_random,
    };
    ble.why[0] = '\0';
    int err = ble_port_open(ble.why, sizeof ble.why);
    if (err < 0) {
        mp_obj_t why = why_text();
        ble.why[0] = '\0';
        ble_raise_with(-err, why);
    }
    size_t size = woad_size(&cfg);
    void *memory = ble_port_memory(size);
    ble_forget();
    ble.up = ble.ending = false;
    ble.down = 0;
    ble.dropped = 0;
    ble.starts++;
    ble.host = woad_init(memory, size, &cfg);
    if (!ble.host) {
        ble_port_memory_free(memory);
        ble_port_close();
        mp_raise_OSError(MP_ENOMEM);
    }
    ble_port_prepare(ble.host);
    woad_start(ble.host);
    ble_apply_pairing();
    woad_gatt_set_name(ble.host, ble.name, ble.name_len);
    ble_begin();
}

/* politely: peers are told, so that they see it at once.  No events reach the program. */
void ble_stop(bool politely)
{
    struct woad *host = ble.host;
    if (!host) {
        return;
    }
    ble.ending = true; /* from now on the program hears of nothing */
    if (ble.in_host || ble.starting) {
        return;
    }
    if (politely && ble_port_is_open() && !ble.down) {
        struct patience p = { mp_hal_ticks_ms(), 0 };
        ble_hold();
        woad_stop(host);
        for (ble_pump(); ble.up && ble_port_is_open() && ble_patient(&p, 1200);) {
            ble_port_wait(20);
            ble_pump();
        }
        ble_release();
    }
    ble_port_close();
    ble.host = NULL;
    ble.up = ble.ending = false;
    ble_forget_channels();
    ble_forget_ext();
    ble_forget_gathered();
    ble_port_memory_free(host);
    if (politely) {
        ble_forget();
    }
}

/* Called when the interpreter begins and ends, and in between by a soft reset: the heap is not to
 * be touched, and what was in it is gone.  Each program begins with the same settings. */
void woad_mp_begin(void)
{
    MP_STATE_VM(woad_ble) = NULL;
    ble_port_begin();
    ble.events = 0;
    ble.long_reads = false;
    ble.rxbuf = 128;
    ble.name_len = 8;
    memcpy(ble.name, "MPY WOAD", ble.name_len);
    ble_pairing = (struct ble_pairing){ .io = WOAD_IO_NONE, .secure = -1 };
    ble.thread = this_thread();
}

void woad_mp_end(void)
{
    MP_STATE_VM(woad_ble) = NULL;
    ble.in_host = ble.holding = 0; /* whatever was under way is cut off */
    ble.starting = ble.running = false;
    ble_stop(true);
    ble.why[0] = '\0';
}

static mp_obj_t ble_method_active(size_t n_args, const mp_obj_t *args)
{
    bool on = n_args == 2 && mp_obj_is_true(args[1]);
    ble_check_thread();
    if (on) {
        if (ble.ending) {
            mp_raise_OSError(MP_EBUSY); /* what active(False) began ends when the handler does */
        }
        ble_deliver_lost(); /* the scheduler may not have been here yet */
        if (ble.host && ble.down) {
            ble_stop(false);
        }
        if (!ble.host) {
            ble_start();
        }
    } else if (n_args == 2) {
        ble_stop(true);
        ble.why[0] = '\0';
    }
    return mp_obj_new_bool(ble.host && !ble.ending && !ble.down);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_active_obj, 1, 2, ble_method_active);

/* --- config ----------------------------------------------------------------------------------- */

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

bool ble_wants(unsigned event)
{
    return (ble.events >> (event - IRQ_FIRST_MORE) & 1) != 0;
}

/* The numbers of the events beyond upstream's that the program has asked for. */
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

static mp_int_t config_events_of(mp_obj_t value)
{
    mp_obj_iter_buf_t buf;
    mp_obj_t it = mp_getiter(value, &buf), o;
    mp_int_t bits = 0;
    while ((o = mp_iternext(it)) != MP_OBJ_STOP_ITERATION) {
        mp_int_t n = mp_obj_get_int(o);
        if (n < IRQ_FIRST_MORE || n >= IRQ_END_MORE) {
            mp_raise_OSError(MP_EINVAL);
        }
        bits |= 1 << (n - IRQ_FIRST_MORE);
    }
    return bits;
}

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

static mp_int_t config_in(mp_obj_t value, mp_int_t min_u32, mp_int_t most)
{
    mp_int_t n = mp_obj_get_int(value);
    if (n < min_u32 || n > most) {
        mp_raise_OSError(MP_EINVAL);
    }
    return n;
}

static void config_check_name(mp_obj_t value)
{
    mp_buffer_info_t buf;
    mp_get_buffer_raise(value, &buf, MP_BUFFER_READ);
    if (buf.len > sizeof ble.name) {
        mp_raise_OSError(MP_EINVAL);
    }
}

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
        mp_raise_OSError(MP_EINVAL);
    }
    return n;
}

/* The value as a number, where it is one.  Each is converted once: that may run the program. */
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
    case MP_QSTR_bond_store:
        (void)(value == mp_const_none ? NULL : mp_obj_str_get_str(value));
        return 0;
    case MP_QSTR_io: return config_in(value, 0, WOAD_IO_KEYBOARD_DISPLAY);
    case MP_QSTR_bond:
    case MP_QSTR_mitm:
    case MP_QSTR_le_secure:
    case MP_QSTR_long_reads: return mp_obj_is_true(value);
    default: mp_raise_ValueError(MP_ERROR_TEXT("unknown config param"));
    }
}

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

static void config_set_addr_mode(mp_int_t n)
{
    enum { BLE_RPA_MODE = 2, BLE_RENEWED_S = 300 };
    struct woad *h = ble_active();
    if (n >= BLE_RPA_MODE) {
        ble_raise(woad_set_privacy(
            h, n == BLE_RPA_MODE ? WOAD_PRIVACY_RESOLVABLE : WOAD_PRIVACY_NON_RESOLVABLE,
            BLE_RENEWED_S));
    } else {
        ble_raise(woad_set_privacy(h, WOAD_PRIVACY_OFF, 0));
        ble_raise(woad_set_own_address(h, (uint8_t)n, NULL));
    }
    ble_flush();
}

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

/* A file's name, or None.  What is in it is known at once, and what is known is in it. */
static void config_set_store(mp_obj_t value)
{
    const char *path = value == mp_const_none ? NULL : mp_obj_str_get_str(value);
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
        err = ble_port_store_error();
    }
    if (err) {
        ble_raise_with(-err, value);
    }
}

static bool config_needs_active(qstr key)
{
    return key == MP_QSTR_mtu || key == MP_QSTR_addr_mode || key == MP_QSTR_scan_phys ||
           key == MP_QSTR_connect_phys;
}

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

/* All are converted before any is applied: an error in one leaves all as they were. */
static void config_set(const mp_map_t *kw)
{
    enum { BLE_MOST = 16 }; /* more than there are names */
    mp_int_t number[BLE_MOST];
    bool needs = false;
    size_t n = 0;
    for (size_t i = 0; i < kw->alloc; i++) {
        if (mp_map_slot_is_filled(kw, i)) {
            qstr key = mp_obj_str_get_qstr(kw->table[i].key);
            mp_int_t converted = config_convert(key, kw->table[i].value);
            if (n == BLE_MOST) { /* the same more than once */
                mp_raise_TypeError(NULL);
            }
            number[n] = converted;
            needs = needs || config_needs_active(key);
            n++;
        }
    }
    if (needs) {
        ble_active();
    }
    n = 0;
    for (size_t i = 0; i < kw->alloc; i++) {
        if (mp_map_slot_is_filled(kw, i)) {
            config_apply(mp_obj_str_get_qstr(kw->table[i].key), kw->table[i].value, number[n++]);
        }
    }
}

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
static MP_DEFINE_CONST_FUN_OBJ_KW(ble_config_obj, 1, ble_method_config);

static mp_obj_t ble_method_irq(mp_obj_t self, mp_obj_t handler)
{
    (void)self;
    if (handler != mp_const_none && !mp_obj_is_callable(handler)) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid handler"));
    }
    ble_obj_t *o = ble_object();
    o->handler = handler;
    o->refuses = o->lost_handler = false;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(ble_irq_obj, ble_method_irq);

static const mp_rom_map_elem_t ble_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_active), MP_ROM_PTR(&ble_active_obj) },
    { MP_ROM_QSTR(MP_QSTR_config), MP_ROM_PTR(&ble_config_obj) },
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&ble_irq_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_advertise), MP_ROM_PTR(&ble_gap_advertise_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_scan), MP_ROM_PTR(&ble_gap_scan_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_connect), MP_ROM_PTR(&ble_gap_connect_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_disconnect), MP_ROM_PTR(&ble_gap_disconnect_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_pair), MP_ROM_PTR(&ble_gap_pair_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_passkey), MP_ROM_PTR(&ble_gap_passkey_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_register_services), MP_ROM_PTR(&ble_gatts_register_services_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_read), MP_ROM_PTR(&ble_gatts_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_write), MP_ROM_PTR(&ble_gatts_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_notify), MP_ROM_PTR(&ble_gatts_notify_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_indicate), MP_ROM_PTR(&ble_gatts_indicate_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_set_buffer), MP_ROM_PTR(&ble_gatts_set_buffer_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_discover_services), MP_ROM_PTR(&ble_gattc_discover_services_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_discover_characteristics),
      MP_ROM_PTR(&ble_gattc_discover_characteristics_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_discover_descriptors),
      MP_ROM_PTR(&ble_gattc_discover_descriptors_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_read), MP_ROM_PTR(&ble_gattc_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_write), MP_ROM_PTR(&ble_gattc_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_exchange_mtu), MP_ROM_PTR(&ble_gattc_exchange_mtu_obj) },
    { MP_ROM_QSTR(MP_QSTR_l2cap_listen), MP_ROM_PTR(&ble_l2cap_listen_obj) },
    { MP_ROM_QSTR(MP_QSTR_l2cap_connect), MP_ROM_PTR(&ble_l2cap_connect_obj) },
    { MP_ROM_QSTR(MP_QSTR_l2cap_disconnect), MP_ROM_PTR(&ble_l2cap_disconnect_obj) },
    { MP_ROM_QSTR(MP_QSTR_l2cap_send), MP_ROM_PTR(&ble_l2cap_send_obj) },
    { MP_ROM_QSTR(MP_QSTR_l2cap_recvinto), MP_ROM_PTR(&ble_l2cap_recvinto_obj) },
    /* Beyond upstream: docs/module.md. */
    { MP_ROM_QSTR(MP_QSTR_gap_unpair), MP_ROM_PTR(&ble_gap_unpair_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_bonds), MP_ROM_PTR(&ble_gap_bonds_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_oob), MP_ROM_PTR(&ble_gap_oob_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_keypress), MP_ROM_PTR(&ble_gap_keypress_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_advertise_set), MP_ROM_PTR(&ble_gap_advertise_set_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_connect_any), MP_ROM_PTR(&ble_gap_connect_any_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_accept_list), MP_ROM_PTR(&ble_gap_accept_list_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_connections), MP_ROM_PTR(&ble_gap_connections_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_connection), MP_ROM_PTR(&ble_gap_connection_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_update), MP_ROM_PTR(&ble_gap_update_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_link), MP_ROM_PTR(&ble_gap_link_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_data_length), MP_ROM_PTR(&ble_gap_data_length_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_phy), MP_ROM_PTR(&ble_gap_phy_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_add_services), MP_ROM_PTR(&ble_gatts_add_services_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_remove_services), MP_ROM_PTR(&ble_gatts_remove_services_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_notify_latest), MP_ROM_PTR(&ble_gatts_notify_latest_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_discover_secondary),
      MP_ROM_PTR(&ble_gattc_discover_secondary_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_discover_included), MP_ROM_PTR(&ble_gattc_discover_included_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_read_uuid), MP_ROM_PTR(&ble_gattc_read_uuid_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_read_multiple), MP_ROM_PTR(&ble_gattc_read_multiple_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_cancel), MP_ROM_PTR(&ble_gattc_cancel_obj) },
};
static MP_DEFINE_CONST_DICT(ble_locals, ble_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(ble_type, MP_QSTR_BLE, MP_TYPE_FLAG_NONE, make_new, ble_make_new,
                         locals_dict, &ble_locals);
