/* The unix port.  A thread waits for the controller's descriptor and the host's next deadline, then
 * schedules ble_run() in the main thread.  In virtual time there is no thread: packets arrive and
 * deadlines pass only while the main thread waits (unix_calls.c).
 *
 * The main thread may be in read() or select(): SIGURG, with a handler that does nothing,
 * interrupts the call, and MicroPython runs its scheduler before it repeats the call. ble.h and
 * unix_calls.h say what each ble_port_ function is for.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_due(): ms until ble_run() is needed even without packets
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   ble_queue_empty(): no event is queued
 *   ble_run(): moves packets and delivers events; called by the scheduler
 *   CLOCK_NEVER: no limit: later than any time
 *   fd_above_stdio(): moves a new descriptor above 2; or a negative errno
 *   mp_sched_schedule_node(): MicroPython: the scheduler calls the node's function
 *   port_pump(): moves packets, and sets the ms until the host's next deadline
 *   process_clock_fd(): wall: to be polled, too, then process_clock_read(); -1: none
 *   process_clock_is_virtual(): the process has the air's virtual time: docs/clock.md
 *   process_clock_join(): joins the air's time before a radio is opened; false: there is none
 *   process_clock_on_wake(): a function to be called when virtual time has moved; NULL: none
 *   process_clock_say(): wall: tells the air until when the process waits; true: it reads
 *       packets
 *   process_clock_us(): the process's time: the air's while it has one
 *   process_clock_wait(): virtual: waits for a moment, a packet, a signal or descriptors
 *   running: ble_run() runs
 *   woad_port_blocked(): octets wait for room in the socket */
#define _GNU_SOURCE
#include "ble.h"
#include "unix_calls.h"
#include "../posix/clock.h"
#include "../posix/pump.h"

#include "../../transport/transport.h"

#include <woad/crypto.h>
#include <woad/port.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct {
    struct woad_port *port;
    pthread_t thread, main;
    int wake;              /* eventfd: the thread reads its orders, armed to stop, again */
    atomic_bool armed;     /* order: schedule ble_run() at `deadline`, or when packets arrive */
    atomic_bool timed;     /* `deadline` is valid */
    atomic_uint deadline;  /* woad_port_now_ms() */
    atomic_bool blocked;   /* wait for room to write, too */
    atomic_bool stop;      /* order: end */
    atomic_bool run_taken; /* the main thread has begun ble_run() */
    bool threaded;         /* `thread` is there */
    atomic_bool port_lost; /* the controller has failed: do not use its descriptor */
    struct sigaction old_action;
    mp_sched_node_t node;
    uint32_t poll_due_ms; /* milliseconds from the last pump to the host's next deadline */
} io;

const struct woad_crypto *const ble_port_crypto = &woad_mbedtls;
static const struct woad_feature *const unix_features[] = { &woad_feature_advertiser,
                                                            &woad_feature_scanner,
                                                            &woad_feature_central,
                                                            &woad_feature_gatt_server,
                                                            &woad_feature_long_values,
                                                            &woad_feature_read_multiple,
                                                            &woad_feature_signed_writes,
                                                            &woad_feature_pipelining,
                                                            &woad_feature_type_index,
                                                            &woad_feature_gatt_client,
                                                            &woad_feature_accept_list,
                                                            &woad_feature_link_control,
                                                            &woad_feature_security_manager,
                                                            &woad_feature_keypresses,
                                                            &woad_feature_out_of_band,
                                                            &woad_feature_resolving_list,
                                                            &woad_feature_l2cap_channels,
                                                            &woad_feature_enhanced_channels,
                                                            &woad_feature_vendor_init,
                                                            &woad_feature_quirks,
                                                            &woad_feature_watchdog,
                                                            &woad_feature_extended_advertising,
                                                            NULL };
const struct woad_feature *const *const ble_port_features = unix_features;

/* The interpreter begins: in virtual time the program is on the air's clock from its first line. */
void ble_port_begin(void)
{
    const char *clock = getenv("WOAD_CLOCK"), *hci = getenv("WOAD_HCI"),
               *name = getenv("WOAD_NAME");
    char path[PATH_MAX];
    if (!clock || strcmp(clock, "virtual") != 0 || !hci || strncmp(hci, "unix:", 5) != 0 ||
        process_clock_is_virtual()) {
        return;
    }
    snprintf(path, sizeof path, "%s", hci + 5);
    path[strcspn(path, ",")] = '\0';
    if (!process_clock_join(path, name ? name : "micropython")) {
        fprintf(stderr, "woad: WOAD_CLOCK: unix:%s keeps no virtual time\n", path);
    }
}

/* Before the host starts: a patch file of the controller's name. */
void ble_port_prepare(struct woad *h)
{
    woad_set_vendor_init(h, woad_port_vendor_init(io.port));
}

/* The host's memory is outside MicroPython's heap. */
void *ble_port_memory(size_t len)
{
    return malloc(len);
}
void ble_port_memory_free(void *mem)
{
    free(mem);
}

/* Memory for values, zeros. */
void *ble_port_alloc(size_t len)
{
    return calloc(1, len);
}
void ble_port_free(void *mem)
{
    free(mem);
}

int (*const ble_port_random)(void *ctx, uint8_t *out, size_t len) = woad_port_random;

static struct woad_bond_file *store; /* NULL: config(bond_store=…) has named none */

/* On failure the file before stays. */
int ble_port_store(const char *path)
{
    int error = 0;
    if (store && path && woad_bond_file_is(store, path)) {
        return 0;
    }
    struct woad_bond_file *f = path ? woad_bond_file_open(path, &error) : NULL;
    if (!error) {
        woad_bond_file_close(store);
        store = f;
    }
    return error;
}

/* Whether a file keeps the bonds. */
bool ble_port_stores(void)
{
    return store != NULL;
}

/* Why the file was not written; 0: it was. */
int ble_port_store_error(void)
{
    if (store) {
        return woad_bond_file_error(store);
    }
    return 0;
}

/* Prints the first of several failures: the program may not query config("bond_error"). */
static void store_warn(int before)
{
    int error = ble_port_store_error();
    if (error && !before) {
        fprintf(stderr, "woad: bond_store: %s: bonds are not kept\n", strerror(-error));
    }
}

/* The file follows the host's events. */
void ble_port_store_event(struct woad *h, const struct woad_event *ev)
{
    int before = ble_port_store_error();
    if (store) {
        woad_bond_file_event(store, h, ev);
    }
    store_warn(before);
}

/* Writes the file if it is due, or `now`; ms until it is. */
uint32_t ble_port_store_run(bool now)
{
    int before = ble_port_store_error();
    uint32_t due = store ? woad_bond_file_poll(store, now) : WOAD_FOREVER;
    store_warn(before);
    return due;
}

/* The file keeps the bond, unless it has a stronger one. */
void ble_port_store_bond(const struct woad_bond *b)
{
    int before = ble_port_store_error();
    if (store) {
        woad_bond_file_take(store, b);
    }
    store_warn(before);
}

/* The IRK for a file without bonds. */
void ble_port_store_irk(const uint8_t irk[16])
{
    if (store) {
        woad_bond_file_adopt_irk(store, irk);
    }
}

/* Removes a bond from the file; WOAD_ENOENT: there is none. */
int ble_port_store_remove(const struct woad_addr *peer)
{
    if (store) {
        return woad_bond_file_remove(store, peer);
    }
    return WOAD_ENOENT;
}

bool ble_port_is_open(void)
{
    return io.port && !atomic_load(&io.port_lost);
}

/* Whether packets interrupt this thread's system calls. */
bool ble_port_interrupts(void)
{
    return io.port && pthread_equal(pthread_self(), io.main);
}

/* To be polled beside a program's own descriptors. */
int ble_port_descriptor(void)
{
    if (ble_port_is_open()) {
        return woad_port_fd(io.port);
    }
    return -1;
}

/* MICROPY_SCHED_HOOK_SCHEDULED: another thread has scheduled something, and the main thread may be
 * in a system call. */
void woad_mp_scheduled(void)
{
    if (io.port && !pthread_equal(pthread_self(), io.main)) {
        pthread_kill(io.main, SIGURG);
    }
}

/* SIGURG: only to interrupt a system call. */
static void on_signal(int n)
{
    (void)n;
}

/* In MicroPython's scheduler. */
static void run_node(mp_sched_node_t *node)
{
    (void)node;
    atomic_store(&io.run_taken, true);
    ble_run();
}

/* Waits for orders, or for `fd`; -1: none. ms -1: without a limit. */
static void thread_sleep(int fd, short events, int ms)
{
    struct pollfd fds[2] = { { io.wake, POLLIN, 0 }, { fd, events, 0 } };
    poll(fds, fd < 0 ? 1 : 2, ms);
    if (fds[0].revents) {
        uint64_t n;
        (void)!read(io.wake, &n, sizeof n);
    }
}

/* A signal just before the main thread enters a system call has no effect.  It is repeated until
 * ble_run() has begun. */
static void thread_kick(void)
{
    int ms = 1;
    atomic_store(&io.run_taken, false);
    while (!atomic_load(&io.stop) && !atomic_load(&io.run_taken)) {
        mp_sched_schedule_node(&io.node, run_node);
        pthread_kill(io.main, SIGURG); /* even if it was already scheduled */
        thread_sleep(-1, 0, ms);
        ms = ms < 50 ? ms * 2 : 50;
    }
}

/* ms until `deadline`; -1: there is none. */
static int thread_wait_ms(void)
{
    if (!atomic_load(&io.timed)) {
        return -1;
    }
    int32_t left = (int32_t)(atomic_load(&io.deadline) - woad_port_now_ms());
    if (left > 0) {
        return left;
    }
    return 0;
}

/* The thread: waits as ordered, schedules ble_run() once, and waits for the next order. */
static void *thread_main(void *arg)
{
    (void)arg;
    while (!atomic_load(&io.stop)) {
        if (!atomic_load(&io.armed)) {
            thread_sleep(-1, 0, -1);
            continue;
        }
        int ms = thread_wait_ms();
        struct pollfd fds[2] = {
            { io.wake, POLLIN, 0 },
            { woad_port_fd(io.port), (short)(POLLIN | (atomic_load(&io.blocked) ? POLLOUT : 0)),
              0 },
        };
        nfds_t watched = atomic_load(&io.port_lost) ? 1 : 2;
        int n = ms ? poll(fds, watched, ms) : 0;
        if (n > 0 && fds[0].revents) {
            uint64_t count;
            (void)!read(io.wake, &count, sizeof count);
            continue; /* the orders have changed */
        }
        atomic_store(&io.armed, false);
        thread_kick();
    }
    return NULL;
}

/* The thread's orders have changed. */
static void wake_thread(void)
{
    uint64_t one = 1;
    (void)!write(io.wake, &one, sizeof one);
}

/* Of the order that the thread has, or in virtual time would have. */
uint64_t ble_port_due_us(void)
{
    if (!io.port || !atomic_load(&io.armed) || !atomic_load(&io.timed)) {
        return CLOCK_NEVER;
    }
    int32_t left = (int32_t)(atomic_load(&io.deadline) - woad_port_now_ms());
    return process_clock_us() + (left > 0 ? (uint64_t)left * 1000 : 0);
}

/* Virtual time has moved, or packets have come: does what the thread does on the wall's clock. */
static void clock_woke(void)
{
    struct pollfd fd = { ble_port_descriptor(), POLLIN, 0 };
    bool due = atomic_load(&io.timed) && thread_wait_ms() == 0;
    if (io.port && atomic_load(&io.armed) && (due || poll(&fd, 1, 0) > 0)) {
        atomic_store(&io.armed, false);
        mp_sched_schedule_node(&io.node, run_node);
    }
}

/* The thread blocks all signals: they are for MicroPython's threads. */
static int thread_start(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&io.thread, NULL, thread_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -err;
}

/* The script's absolute path, or its name after "-" if it is no file: it decides the program's
 * address on a simulated radio.  Resolved at the first use, because the program may change its
 * folder later. */
static const char *program_name(void)
{
    static char name[PATH_MAX];
    size_t n = 0;
    mp_obj_t *items;
    if (!name[0]) {
        mp_obj_get_array(mp_sys_argv, &n, &items);
    }
    const char *script = n && mp_obj_is_str(items[0]) ? mp_obj_str_get_str(items[0]) : "";
    if (!name[0] && !realpath(script, name)) {
        snprintf(name, sizeof name, "-%s", script);
    }
    return name;
}

/* The radio, and a thread that waits for it; in virtual time clock_woke() in its place. */
int ble_port_open(char message[WOAD_PORT_MESSAGE_MAX])
{
    struct sigaction sa = { .sa_handler = on_signal };
    int err = 0;
    io.port = woad_port_open_as(NULL, program_name(), &err, message);
    if (!io.port) {
        return err;
    }
    io.wake = fd_above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    io.main = pthread_self();
    atomic_store(&io.stop, false);
    atomic_store(&io.armed, false);
    atomic_store(&io.port_lost, false);
    sigaction(SIGURG, &sa, &io.old_action);
    io.threaded = !process_clock_is_virtual();
    err = io.wake < 0 ? io.wake : 0;
    if (!err && io.threaded) {
        err = thread_start();
    } else {
        process_clock_on_wake(clock_woke);
    }
    if (err) {
        sigaction(SIGURG, &io.old_action, NULL);
        if (io.wake >= 0) {
            close(io.wake);
        }
        woad_port_close(io.port);
        io.port = NULL;
    }
    return err;
}

/* The thread still schedules ble_run(), which delivers the queued events. */
void ble_port_lose(void)
{
    atomic_store(&io.port_lost, true);
    io.poll_due_ms = WOAD_FOREVER;
    ble_port_arm(0);
}

/* Ends the thread that watches the port, and restores the signal. */
void ble_port_close(void)
{
    if (!io.port) {
        return;
    }
    atomic_store(&io.stop, true);
    wake_thread();
    if (io.threaded) {
        pthread_join(io.thread, NULL);
    }
    process_clock_on_wake(NULL);
    sigaction(SIGURG, &io.old_action, NULL);
    close(io.wake);
    ble_port_store_run(true);
    woad_port_close(io.port);
    io.port = NULL;
}

/* Reads, runs the host and writes. */
int ble_port_pump(struct woad *h)
{
    if (!ble_port_is_open()) {
        return 0;
    }
    return port_pump(io.port, h, &io.poll_due_ms);
}

/* Writes the host's packets. */
int ble_port_flush(struct woad *h)
{
    if (ble_port_is_open()) {
        return woad_port_flush(io.port, h);
    }
    return 0;
}

/* The last pump has left packets unread. */
bool ble_port_more(void)
{
    return ble_port_is_open() && !io.poll_due_ms;
}

/* Gives the host the time. */
void ble_port_clock(struct woad *h)
{
    woad_clock(h, woad_port_now_ms());
}

/* Waits for packets, or the host's next deadline, for `ms` at most. */
void ble_port_wait(uint32_t ms)
{
    uint64_t until = process_clock_us() + MIN(ms, io.poll_due_ms) * 1000ull;
    struct pollfd fds[2] = { { ble_port_descriptor(), POLLIN, 0 }, { -1, POLLIN, 0 } };
    if (process_clock_is_virtual()) {
        process_clock_wait(until, NULL, 0);
        return;
    }
    process_clock_say(until, true);
    fds[1].fd = process_clock_fd();
    poll(fds, 2, (int)MIN(ms, io.poll_due_ms));
    if (fds[1].revents) {
        process_clock_read();
    }
}

/* MicroPython is to run the host. */
void ble_port_schedule(void)
{
    mp_sched_schedule_node(&io.node, run_node);
}

/* As ble_port_arm(1), but also inside ble_run(), and whatever is pending. */
void ble_port_soon(void)
{
    if (io.port) {
        atomic_store(&io.deadline, woad_port_now_ms() + 1);
        atomic_store(&io.timed, true);
        atomic_store(&io.armed, true);
        wake_thread();
    }
}

/* Orders the next ble_run(): at the earliest of the host's deadline, the module's and the events
 * that are queued; or when packets arrive.  An order that is early enough stays. */
void ble_port_arm(uint32_t delay_ms)
{
    if (!io.port || ble.running) {
        return;
    }
    ble_obj_t *o = ble_object();
    bool has_events = o && !ble_queue_empty(o);
    uint32_t due = ble_due(), wait = has_events ? 0 : io.poll_due_ms;
    if (wait > due) {
        wait = due;
    }
    if (wait < delay_ms) {
        wait = delay_ms;
    }
    uint32_t deadline = woad_port_now_ms() + wait;
    bool timed = wait != WOAD_FOREVER, blocked = ble_port_is_open() && woad_port_blocked(io.port);
    bool same = atomic_load(&io.armed) && timed == atomic_load(&io.timed) &&
                blocked == atomic_load(&io.blocked) &&
                (!timed || (int32_t)(deadline - atomic_load(&io.deadline)) >= 0);
    if (same) {
        return;
    }
    atomic_store(&io.deadline, deadline);
    atomic_store(&io.timed, timed);
    atomic_store(&io.blocked, blocked);
    atomic_store(&io.armed, true);
    wake_thread();
}
