/* The host's life: active(True) opens the port and starts it, active(False), a failed radio, a
 * soft reset or the interpreter's end stops it.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   BLE_ADV_SETS: advertising sets of the configuration
 *   ble_apply_pairing(): gives ble_pairing to the host
 *   BLE_BOND_SLOTS: bonds of the configuration; legacy pairing takes two slots
 *   ble_check_thread(): raises RuntimeError outside the main thread
 *   BLE_CONNS: connections of the configuration
 *   ble_deliver_after_failure(): delivers what a failed radio has left in the queue
 *   ble_deliver_bonds(): delivers queued bonds; false: they must wait
 *   ble_failure_text(): ble.failure as a Python string
 *   ble_forget_channels(): frees what the module has of channels
 *   ble_forget_ext(): frees the data of extended advertising
 *   ble_forget_long_reads(): frees the values that gattc_read() assembles
 *   ble_hold(): events are queued until ble_release()
 *   ble_load_bonds(): gives the host the IRK and the bonds that the program keeps
 *   BLE_MTU_MAX: the largest ATT_MTU that config(mtu=…) can set
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   ble_on_event(): the host's callback
 *   ble_pairing: what config() has set about pairing; `secure`: le_secure, -1: not set
 *   BLE_POLL_MS: ms of one wait for packets, at most
 *   ble_port_begin(): the interpreter begins, with an empty heap
 *   ble_port_close(): closes the controller
 *   ble_port_crypto: the port's cryptography; NULL: none
 *   ble_port_features: the features that the port links
 *   ble_port_is_open(): there is a controller
 *   ble_port_memory(): memory for the host; NULL: none
 *   ble_port_memory_free(): frees memory of ble_port_memory()
 *   ble_port_open(): 0, or a negative errno and why
 *   ble_port_prepare(): before woad_start(): the transport's own initialisation
 *   ble_port_soon(): the scheduler runs ble_run() in a millisecond, in any case
 *   ble_port_wait(): waits for packets, for so many ms at most
 *   ble_pump(): moves packets; if the controller fails, gives up the port
 *   ble_queue_forget(): removes all records but one that is being delivered
 *   ble_raise_with(): raises an OSError with a number and a detail
 *   ble_release(): ends ble_hold()
 *   BLE_STOP_POLITELY: ble_stop() disconnects first; BLE_STOP_AT_ONCE: it does not
 *   ble_stopwatch_start(): begins to measure how long a loop has waited
 *   ble_stopwatch_within(): less than the limit has passed; time in which the program was
 *       stopped counts little
 *   ble_this_thread(): what tells threads apart; NULL where there is only one
 *   ble_wait(): moves packets until a flag is set, events being queued; raises ETIMEDOUT
 *   connecting: an entry for each connection, by the low octet of its number
 *   conns: numbers of the connections; WOAD_NO_CONN: a free entry
 *   down: error of WOAD_EV_DOWN; 0: none since the start
 *   dropped: how often something was lost: for want of memory or room, or because the event for
 *       it is not enabled; config("dropped")
 *   ending: active(False) was called where the host could not be stopped: it is stopped soon
 *   failure: why there is no radio; "": it was not lost
 *   groups: services registered by one call each, with their values
 *   holding: > 0: events are queued, not delivered
 *   in_host: > 0: an event is being raised inside the host, which cannot be entered again
 *   long_reads: gattc_read() reads the whole value
 *   nlr_push(): begins a part in which Python's exceptions are caught; nlr_pop() ends it
 *   running: ble_run() runs
 *   rxbuf: what config("rxbuf") returns; it has no effect
 *   scans: scans without WOAD_EV_SCAN_DONE yet
 *   scans_stopped: those of `scans` with IRQ_SCAN_DONE raised already
 *   start_count: number of this start of the host: ble_still_on() compares it
 *   starting: active(True) is running
 *   thread: the main thread, in which all methods must run
 *   up: between WOAD_EV_UP and WOAD_EV_DOWN */
#include "ble.h"

/* Nothing of the old host is left: queued events, services, connections. */
static void life_forget(void)
{
    ble_obj_t *o = ble_object();
    if (o) {
        ble_queue_forget(o);
        o->groups = NULL;
    }
    memset(ble.conns, 0xff, sizeof ble.conns);
    memset(ble.connecting, 0, sizeof ble.connecting);
    ble.scans = ble.scans_stopped = 0;
}

/* Waits until the host is up and has its bonds; on an exception the host is stopped.  The handler
 * of IRQ_GET_SECRET may call active(False) meanwhile: that takes effect here, at the end. */
static void life_bring_up(void)
{
    nlr_buf_t nlr;
    ble.starting = true;
    if (nlr_push(&nlr) == 0) {
        ble_wait(&ble.up);
        ble_load_bonds();
        nlr_pop();
        ble.starting = false;
        if (ble.ending) {
            ble_stop(BLE_STOP_POLITELY);
        }
    } else {
        ble.starting = false;
        ble_stop(BLE_STOP_AT_ONCE);
        ble.failure[0] = '\0';
        nlr_jump(nlr.ret_val);
    }
}

/* active(True).  Raises OSError with the reason if there is no controller. */
static void life_start(void)
{
    struct woad_config cfg = {
        /* BLE_…: capacities, ble.h */
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
        .bonds = BLE_BOND_SLOTS,
        .l2cap_channels = BLE_CHANNELS,
        .psms = BLE_PSMS,
        .adv_sets = BLE_ADV_SETS,
        .crypto = ble_port_crypto,
        .random = ble_port_random,
        .log = BLE_LOG,
    };
    ble.failure[0] = '\0';
    int err = ble_port_open(ble.failure);
    if (err < 0) {
        mp_obj_t message = ble_failure_text();
        ble.failure[0] = '\0';
        ble_raise_with(-err, message);
    }
    size_t size = woad_size(&cfg);
    void *memory = ble_port_memory(size);
    life_forget();
    ble.up = ble.ending = false;
    ble.down = 0;
    ble.dropped = 0;
    ble.start_count++;
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
    life_bring_up();
}

/* Delivers what is queued of bonds.  False: the host is not to be stopped now. */
static bool life_bonds_done(void)
{
    ble.ending = false; /* or the handler would not run */
    bool done = ble_deliver_bonds();
    if (!ble.host) {
        return false; /* a scheduled function has stopped it */
    }
    ble.ending = true;
    if (!done) {
        ble_port_soon();
    }
    return done;
}

/* politely: disconnects first, so that peers need not wait for their supervision time-outs.  No
 * event reaches the program after this.  Inside the host (ble.in_host) or during active(True) it
 * only sets ble.ending: the host is stopped when those return. */
void ble_stop(bool politely)
{
    enum { BLE_STOP_MS = 1200 }; /* for the peers' acknowledgements, at most */
    struct woad *host = ble.host;
    if (!host) {
        return;
    }
    ble.ending = true;
    if (ble.in_host || ble.starting || (politely && !life_bonds_done())) {
        return;
    }
    if (politely && ble_port_is_open() && !ble.down) {
        struct ble_stopwatch w = ble_stopwatch_start();
        ble_hold();
        woad_stop(host);
        for (ble_pump(); ble.up && ble_port_is_open() && ble_stopwatch_within(&w, BLE_STOP_MS);) {
            ble_port_wait(BLE_POLL_MS);
            ble_pump();
        }
        ble_release();
    }
    ble_port_close();
    ble.host = NULL;
    ble.up = ble.ending = false;
    ble_forget_channels();
    ble_forget_ext();
    ble_forget_long_reads();
    ble_port_memory_free(host);
    if (politely) {
        life_forget();
    }
}

/* MicroPython calls this and woad_mp_end() when the interpreter begins and ends, and at a soft
 * reset (hooks.h).  The heap may not be touched: what was in it is lost.  Each program begins
 * with the same settings. */
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
    ble.thread = ble_this_thread();
}

/* Stops the host of the program that has ended, wherever that was interrupted. */
void woad_mp_end(void)
{
    MP_STATE_VM(woad_ble) = NULL;
    ble.in_host = ble.holding = 0; /* calls in progress were cut off */
    ble.starting = ble.running = false;
    ble_stop(BLE_STOP_POLITELY);
    ble.failure[0] = '\0';
}

/* active() -> bool; active(True) starts the host, active(False) stops it. */
static mp_obj_t ble_method_active(size_t n_args, const mp_obj_t *args)
{
    bool on = n_args == 2 && mp_obj_is_true(args[1]);
    ble_check_thread();
    if (on) {
        if (ble.ending && !ble.in_host) {
            ble_stop(BLE_STOP_POLITELY); /* active(False) was called in a handler */
        }
        if (ble.ending) {
            mp_raise_OSError(MP_EBUSY); /* it takes effect when the handler returns */
        }
        ble_deliver_after_failure(); /* ble_run() may not have run yet */
        if (ble.host && ble.down) {
            ble_stop(BLE_STOP_AT_ONCE);
        }
        if (!ble.host) {
            life_start();
        }
    } else if (n_args == 2) {
        ble_stop(BLE_STOP_POLITELY);
        ble.failure[0] = '\0';
    }
    return mp_obj_new_bool(ble.host && !ble.ending && !ble.down);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_active_obj, 1, 2, ble_method_active);
