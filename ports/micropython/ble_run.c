/* Moves packets between the host and the controller: ble_run() in MicroPython's scheduler, and
 * ble_wait() inside a method that needs an answer before it returns.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_channels_run(): ends closed channels that the program does not read
 *   ble_connecting_run(): raises held IRQ_PERIPHERAL_CONNECT whose time is over
 *   ble_deliver_queued(): delivers queued events, as far as the handler's time allows
 *   BLE_FORGET_REFUSAL(): why a call was refused is not the next exception's reason
 *   ble_invoke(): calls the program's handler
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   BLE_POLL_MS: ms of one wait for packets, at most
 *   ble_port_arm(): the scheduler runs ble_run() for the next packet or deadline
 *   ble_port_flush(): sends what the host has; 0 or a negative errno
 *   ble_port_is_open(): there is a controller
 *   ble_port_lose(): the controller has failed: no packets any more
 *   ble_port_more(): the last pump left packets unread
 *   ble_port_pump(): moves a limited number of packets, raises events; an error: the controller
 *       has failed
 *   ble_port_schedule(): the scheduler runs ble_run() soon
 *   ble_port_soon(): the scheduler runs ble_run() in a millisecond, in any case
 *   ble_port_wait(): waits for packets, for so many ms at most
 *   ble_queue_empty(): no event is queued
 *   ble_queue_overflowed(): the queue's ring is full
 *   ble_raise(): raises a WOAD_E… as an OSError; returns if it is 0
 *   ble_stop(): stops the host; inside it, or during active(True), sets `ending`
 *   BLE_WAIT_MS: ms for which a method waits for the controller
 *   ble_wants(): the program has enabled this event, which upstream (MicroPython's own module,
 *       with NimBLE) does not have
 *   down: error of WOAD_EV_DOWN; 0: none since the start
 *   ending: active(False) was called where the host could not be stopped: it is stopped soon
 *   failure: why there is no radio; "": it was not lost
 *   holding: > 0: events are queued, not delivered
 *   in_host: > 0: an event is being raised inside the host, which cannot be entered again
 *   last_run_ended: ms: when that was
 *   last_run_was_long: ble_run() has taken longer than BLE_LONG_MS, so the next one lets the
 *       program run first
 *   mp_hal_ticks_ms(): MicroPython: ms, wrapping
 *   running: ble_run() runs
 *   slow_since: since when the handler is slower than the packets
 *   starting: active(True) is running */
#include "ble.h"

/* While packets move for a method, nothing else may enter the host: events are queued, and the
 * scheduler is locked, because UART drivers (rp2, mimxrt, renesas-ra) and delays (esp32) run it. */
void ble_hold(void)
{
    ble.holding++;
    mp_sched_lock();
}

/* Ends one ble_hold(). */
void ble_release(void)
{
    mp_sched_unlock();
    ble.holding--;
}

/* If the controller fails, the host raises WOAD_EV_DOWN; here only the port is given up. */
void ble_pump(void)
{
    if (ble.host && ble_port_pump(ble.host) < 0) {
        ble_port_lose();
    }
    BLE_FORGET_REFUSAL();
}

/* A failure to send is ignored: the next ble_pump() meets it again. */
void ble_flush(void)
{
    if (ble.host) {
        ble_hold();
        (void)ble_port_flush(ble.host);
        ble_release();
        ble_port_arm(0);
    }
}

/* For a loop of waits; ble_stopwatch_within() is its condition. */
struct ble_stopwatch ble_stopwatch_start(void)
{
    return (struct ble_stopwatch){ .last_ms = mp_hal_ticks_ms(), .waited_ms = 0 };
}

/* One step counts at most BLE_STEP_MAX_MS: if a debugger or a signal stopped the program, packets
 * that arrived meanwhile have not been read yet. */
bool ble_stopwatch_within(struct ble_stopwatch *w, mp_uint_t limit_ms)
{
    enum { BLE_STEP_MAX_MS = 100 };
    mp_uint_t now = mp_hal_ticks_ms(), step = now - w->last_ms;
    w->last_ms = now;
    w->waited_ms += MIN(step, BLE_STEP_MAX_MS);
    return w->waited_ms < limit_ms;
}

/* Raises the reason why ble_wait() ended before *done: ETIMEDOUT, if the controller was silent,
 * be it that the host has noticed that first.  Else EIO: it is gone, or sends what is not HCI. */
static void wait_failed(void)
{
    bool silent = ble.down ? ble.down == WOAD_ETIMEDOUT : ble_port_is_open();
    ble_raise(silent ? WOAD_ETIMEDOUT : WOAD_EIO);
}

/* Moves packets until *done; events are queued meanwhile.  Raises ETIMEDOUT, EIO (the controller
 * has failed) or ENODEV (active(False) was called).  Inside the host it only sends: the caller
 * then has no result. */
void ble_wait(const bool *done)
{
    struct ble_stopwatch w = ble_stopwatch_start();
    if (ble.in_host) {
        ble_flush();
        return;
    }
    ble_hold();
    ble_pump();
    while (!*done && !ble.down && !ble.ending && ble.host && ble_port_is_open() &&
           ble_stopwatch_within(&w, BLE_WAIT_MS)) {
        ble_port_wait(BLE_POLL_MS);
        ble_pump();
    }
    ble_release();
    ble_port_arm(0);
    if (ble.down) {
        ble_port_schedule(); /* the lost port schedules nothing any more */
    }
    if (ble.ending && !ble.starting) {
        mp_raise_OSError(MP_ENODEV);
    }
    if (!*done || ble.down) {
        wait_failed();
    }
}

/* Octets for a key: 0, or WOAD_E….  The controller may have to make them first; inside the host
 * that is not waited for. */
int ble_random(uint8_t *out, size_t len)
{
    struct ble_stopwatch w = ble_stopwatch_start();
    int err;
    while ((err = woad_random(ble.host, out, len)) == WOAD_EAGAIN && ble_port_is_open() &&
           !ble.in_host && ble_stopwatch_within(&w, BLE_WAIT_MS)) {
        ble_hold();
        ble_port_wait(BLE_POLL_MS);
        ble_pump();
        ble_release();
    }
    return err;
}

/* If the program's handler is slower than packets arrive, the controller's answers would queue
 * behind ever more scan results.  After BLE_TOLERATED_MS of that, all that has arrived is read with
 * events held back: reports that find no room are dropped and counted.  If the queue fills with
 * events that must not be dropped, reading stops. */
static void run_catch_up(mp_uint_t pumped_at)
{
    enum { BLE_SLOW_MS = 10, BLE_TOLERATED_MS = 500, BLE_PUMPS = 256 };
    mp_uint_t now = mp_hal_ticks_ms();
    if (!ble_port_more() || now - pumped_at < BLE_SLOW_MS) {
        ble.slow_since = now;
    } else if (now - ble.slow_since >= BLE_TOLERATED_MS) {
        ble_hold();
        for (int n = 0; n < BLE_PUMPS && ble.host && ble_port_more() && !ble_queue_overflowed();
             n++) {
            ble_pump();
        }
        ble_release();
        ble.slow_since = mp_hal_ticks_ms();
    }
}

/* MicroPython's scheduler keeps running as long as one callback schedules the next, and the
 * program's main code would never run.  After a long turn ble_run() leaves it BLE_PAUSE_MS. */
static bool run_pauses(void)
{
    enum { BLE_PAUSE_MS = 2 };
    return ble.last_run_was_long && mp_hal_ticks_ms() - ble.last_run_ended < BLE_PAUSE_MS;
}

/* The next ble_run() comes with a packet or a deadline, in a millisecond at the earliest. */
static void run_end(mp_uint_t began)
{
    enum { BLE_LONG_MS = 10 };
    ble.last_run_ended = mp_hal_ticks_ms();
    ble.last_run_was_long = ble.last_run_ended - began >= BLE_LONG_MS;
    ble.running = false;
    ble_port_arm(1);
}

/* After the radio has failed the host stays until the program has all earlier events, and those
 * for what the failure ended. */
static bool run_host_is_finished(void)
{
    const ble_obj_t *o = ble_object();
    return ble.host && (ble.ending || (ble.down && (!o || ble_queue_empty(o))));
}

/* Why there is no radio, for people; "": active(False) was called. */
static const char *run_failure(void)
{
    if (ble.ending) {
        return "";
    }
    switch (ble.down) {
    case WOAD_ETIMEDOUT: return "the controller does not answer";
    case WOAD_EBADMSG: return "the controller sent what is not HCI";
    default: return "the controller is gone";
    }
}

/* IRQ_RADIO_LOST, then the end: politely if the program wants it, at once if the radio failed. */
static void run_stop_host(void)
{
    if (!ble.ending && ble_wants(IRQ_RADIO_LOST)) {
        mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(-ble.down) };
        ble_invoke(IRQ_RADIO_LOST, 1, items);
    }
    if (ble.host && (ble.down || ble.ending)) { /* the handler may have called active(True) */
        strcpy(ble.failure, run_failure());
        ble_stop(ble.ending);
    }
}

/* The queue first: what is queued is older than what the controller has now. While its ring is full
 * nothing is read, so that the controller waits. */
void ble_run(void)
{
    mp_uint_t began = mp_hal_ticks_ms();
    if (run_pauses()) {
        ble_port_soon();
        return;
    }
    ble.running = true;
    ble_deliver_queued();
    mp_uint_t pumped_at = mp_hal_ticks_ms();
    if (ble_queue_overflowed()) {
        ble_flush();
    } else {
        ble_pump();
    }
    run_catch_up(pumped_at);
    ble_channels_run();
    ble_connecting_run();
    ble_deliver_queued();
    if (run_host_is_finished()) {
        run_stop_host();
    }
    run_end(began);
}
