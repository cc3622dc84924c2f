/* The unix port's blocking calls, while a radio is on; and Ctrl-C.
 *
 * Each packet interrupts the main thread with a signal, so that MicroPython's scheduler runs.  A
 * repeated call would restart its whole time-out (sockets), ignore the time that handlers took
 * (time.sleep), or would have ended too early (time.sleep_us).  Here each call keeps its deadline
 * and runs the scheduler itself; the linker's --wrap replaces MicroPython's calls (micropython.mk).
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_port_descriptor(): the controller's descriptor; -1: none
 *   ble_port_due_us(): the process's time of the host's next deadline; CLOCK_NEVER: none
 *   ble_port_interrupts(): packets interrupt this thread's system calls
 *   CLOCK_NEVER: no limit: later than any time
 *   holding: > 0: events are queued, not delivered
 *   mp_handle_pending(): MicroPython: runs scheduled functions, raises pending exceptions if
 *       true
 *   process_clock_fd(): wall: to be polled, too, then process_clock_read(); -1: none
 *   process_clock_is_virtual(): the process has the air's virtual time: docs/clock.md
 *   process_clock_random(): random octets of a seed; false: there is none
 *   process_clock_say(): wall: tells the air until when the process waits; true: it reads
 *       packets
 *   process_clock_sync(): virtual: brings the air to the process's time
 *   process_clock_unix_us(): Unix time, in virtual time
 *   process_clock_us(): the process's time: the air's while it has one
 *   process_clock_wait(): virtual: waits for a moment, a packet, a signal or descriptors
 *   running: ble_run() runs
 *   sched_state: MicroPython's scheduler: idle, MP_SCHED_PENDING: something to run, or
 *       MP_SCHED_LOCKED */
#define _GNU_SOURCE
#include "ble.h"
#include "unix_calls.h"

#include "../posix/clock.h"

#undef poll
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* --- Ctrl-C ----------------------------------------------------------------------------------- */

static struct {
    pthread_t main;
    int ignored; /* how many SIGINT have come since the exception became pending */
} ctrl_c;

/* MicroPython's own handler of SIGINT leaves any C function with longjmp(): the host, malloc() or a
 * write of the bonds' file would end in the middle.  This one makes KeyboardInterrupt pending, and
 * the interpreter raises it as on a board.  A method of this module returns before that; other C
 * code that never looks at pending exceptions is ended, with the process, by the third SIGINT. */
static void on_sigint(int n)
{
    enum { SIGINT_MAX = 2 };
    mp_obj_t interrupt = MP_OBJ_FROM_PTR(&MP_STATE_VM(mp_kbd_exception));
    if (!pthread_equal(pthread_self(), ctrl_c.main)) {
        pthread_kill(ctrl_c.main, n);
        return;
    }
    if (MP_STATE_MAIN_THREAD(mp_pending_exception) != interrupt) {
        ctrl_c.ignored = 0;
        mp_sched_keyboard_interrupt();
    } else if (!ble.holding && ++ctrl_c.ignored == SIGINT_MAX) {
        signal(n, SIG_DFL);
        raise(n);
    }
}

/* Called by the main thread, when a program begins and when it ends. */
void __real_mp_hal_set_interrupt_char(char c);
void __wrap_mp_hal_set_interrupt_char(char c);
void __wrap_mp_hal_set_interrupt_char(char c)
{
    enum { CTRL_C = 3 };
    struct sigaction sa = { .sa_handler = on_sigint };
    __real_mp_hal_set_interrupt_char(c);
    if (c == CTRL_C) {
        ctrl_c.main = pthread_self();
        sigaction(SIGINT, &sa, NULL);
    }
}

/* --- time ------------------------------------------------------------------------------------- */

/* MicroPython's clocks are the process's (ports/posix/clock.h). */
int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
    uint64_t us;
    if (id == CLOCK_MONOTONIC) {
        us = process_clock_us();
    } else if (id == CLOCK_REALTIME && process_clock_is_virtual()) {
        us = process_clock_unix_us();
    } else {
        return __real_clock_gettime(id, ts);
    }
    *ts = (struct timespec){ (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };
    return 0;
}

int __real_gettimeofday(struct timeval *tv, void *zone);
int __wrap_gettimeofday(struct timeval *tv, void *zone);
int __wrap_gettimeofday(struct timeval *tv, void *zone)
{
    if (!process_clock_is_virtual()) {
        return __real_gettimeofday(tv, zone);
    }
    uint64_t us = process_clock_unix_us();
    *tv = (struct timeval){ (time_t)(us / 1000000), (suseconds_t)(us % 1000000) };
    return 0;
}

time_t __real_time(time_t *t);
time_t __wrap_time(time_t *t);
time_t __wrap_time(time_t *t)
{
    if (!process_clock_is_virtual()) {
        return __real_time(t);
    }
    time_t now = (time_t)(process_clock_unix_us() / 1000000);
    if (t) {
        *t = now;
    }
    return now;
}

ssize_t __real_getrandom(void *out, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *out, size_t len, unsigned flags)
{
    if (process_clock_random(out, len)) {
        return (ssize_t)len;
    }
    return __real_getrandom(out, len, flags);
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* UNSERVED_US: a sleep up to which no handler runs; IDLE_US: one machine.idle(); SLICE_US: until
 * objects without a descriptor are looked at again; WATCHED_MAX: descriptors of one poll(). */
enum { UNSERVED_US = 2000, IDLE_US = 1000, SLICE_US = 10000, WATCHED_MAX = 62 };

/* The process's time. */
static uint64_t now_us(void)
{
    return process_clock_us();
}

/* Whether this file does the main thread's waiting. */
static bool waits_here(void)
{
    return process_clock_is_virtual() || ble_port_interrupts();
}

static uint64_t min_us(uint64_t a, uint64_t b)
{
    if (a < b) {
        return a;
    }
    return b;
}

/* Whether the interpreter has something to run: a scheduled function, or an exception. */
static bool is_pending(void)
{
    return MP_STATE_VM(sched_state) == MP_SCHED_PENDING ||
           MP_STATE_MAIN_THREAD(mp_pending_exception) != MP_OBJ_NULL;
}

/* Whether packets that come now are read soon: not in a handler, nor with the scheduler locked. */
static bool reads_packets(void)
{
    return !ble.running && !ble.holding && MP_STATE_VM(sched_state) != MP_SCHED_LOCKED;
}

/* The wall's clock: ppoll() of `fds` and of the clock's descriptor, for `slice_us` at most. */
static int wait_on_the_wall(struct pollfd *fds, nfds_t n, uint64_t deadline, uint64_t slice_us)
{
    struct pollfd all[WATCHED_MAX + 1];
    struct timespec ts = { 0, 0 }, *limit = NULL;
    nfds_t watched = n > WATCHED_MAX ? WATCHED_MAX : n;
    bool reads = reads_packets();
    process_clock_say(reads ? min_us(deadline, ble_port_due_us()) : deadline, reads);
    if (n > WATCHED_MAX) {
        slice_us = min_us(slice_us, SLICE_US); /* the others are looked at by the next call */
    }
    if (deadline != CLOCK_NEVER || slice_us != CLOCK_NEVER) {
        uint64_t now = now_us(), left = deadline > now ? deadline - now : 0;
        left = min_us(left, slice_us);
        ts = (struct timespec){ (time_t)(left / 1000000), (long)(left % 1000000) * 1000 };
        limit = &ts;
    }
    for (nfds_t k = 0; k < watched; k++) {
        all[k] = fds[k];
    }
    all[watched] = (struct pollfd){ process_clock_fd(), POLLIN, 0 };
    int ready = ppoll(all, watched + 1, limit, NULL);
    if (ready > 0 && all[watched].revents) {
        process_clock_read();
        ready--;
        errno = EINTR; /* the clock was moved: the caller looks at it again */
        ready = ready ? ready : -1;
    }
    for (nfds_t k = 0; k < watched && ready >= 0; k++) {
        fds[k].revents = all[k].revents;
    }
    if (ready == 0) {
        process_clock_await_air();
    }
    if (ready == 0 && (deadline == CLOCK_NEVER || now_us() < deadline)) {
        errno = EINTR; /* the slice is over, or the clock stands still */
        return -1;
    }
    return ready;
}

/* Waits until `deadline`, a signal, or one of `fds`; returns what poll() does.  EINTR also means
 * that the clock was moved, or that `slice_us` is over: the caller looks again. */
static int wait_in_slices(struct pollfd *fds, nfds_t n, uint64_t deadline, uint64_t slice_us)
{
    bool reads = reads_packets();
    if (reads && is_pending()) {
        errno = EINTR;
        return -1;
    }
    if (!process_clock_is_virtual()) {
        return wait_on_the_wall(fds, n, deadline, slice_us);
    }
    int ready = n ? poll(fds, n, 0) : 0;
    if (ready != 0) {
        return ready;
    }
    ready = process_clock_wait(reads ? min_us(deadline, ble_port_due_us()) : deadline, fds, n);
    if (ready == 0 && (deadline == CLOCK_NEVER || now_us() < deadline)) {
        errno = EINTR; /* packets have come, or the host's deadline */
        return -1;
    }
    return ready;
}

/* The same, in one slice. */
static int wait_until(struct pollfd *fds, nfds_t n, uint64_t deadline)
{
    return wait_in_slices(fds, n, deadline, CLOCK_NEVER);
}

/* Runs scheduled functions and raises exceptions meanwhile. */
static void sleep_until(uint64_t deadline)
{
    mp_handle_pending(true);
    while (now_us() < deadline) {
        wait_until(NULL, 0, deadline);
        mp_handle_pending(true);
    }
}

/* MicroPython's select polls in slices of a millisecond if one of its objects, such as asyncio's
 * ThreadSafeFlag, has no descriptor.  Here the slice only looks, and if the select goes on,
 * woad_mp_poll_goes_on() waits for what can end it: a packet, a signal, a descriptor, or its own
 * time limit.  So an idle program sleeps, and its steps are exact.  Another thread, or a TLS
 * socket, sends no signal: on the wall's clock the object is looked at again every SLICE_US.
 * Nothing may run between the look and the wait: what is pending ends the wait. */
static bool only_looked;

/* A select's deadline: `limit` ms, -1: none, of which `gone` have passed. */
static uint64_t select_deadline(unsigned long limit, unsigned long gone)
{
    if (limit == (unsigned long)-1) {
        return CLOCK_NEVER;
    }
    return now_us() + (limit > gone ? (limit - gone) * 1000ull : 0);
}

/* In the place of poll() in MicroPython's select: unix_select.h. */
int woad_mp_poll(struct pollfd *fds, nfds_t n, int ms, unsigned long limit, unsigned long gone)
{
    only_looked = false;
    if (!waits_here() || ms == 0) {
        return poll(fds, n, ms);
    }
    if (ms == 1) {
        only_looked = true;
        return poll(fds, n, 0);
    }
    return wait_until(fds, n, select_deadline(limit, gone));
}

/* select.poll() has looked, and goes on to wait. */
void woad_mp_poll_goes_on(struct pollfd *fds, nfds_t n, unsigned long limit, unsigned long gone)
{
    if (only_looked && limit > gone) {
        only_looked = false;
        wait_in_slices(fds, n, select_deadline(limit, gone), SLICE_US);
    }
    mp_event_handle_nowait();
}

/* time.sleep_ms(): upstream runs the scheduler 2,000 times a second, this only after a signal. */
void __real_mp_hal_delay_ms(mp_uint_t ms);
void __wrap_mp_hal_delay_ms(mp_uint_t ms);
void __wrap_mp_hal_delay_ms(mp_uint_t ms)
{
    if (!waits_here()) {
        __real_mp_hal_delay_ms(ms);
        return;
    }
    sleep_until(now_us() + (uint64_t)ms * 1000);
}

/* time.sleep_us(): handlers do not run in a short one. */
int __real_usleep(useconds_t us);
int __wrap_usleep(useconds_t us);
int __wrap_usleep(useconds_t us)
{
    uint64_t deadline = now_us() + us;
    if (!waits_here()) {
        return __real_usleep(us);
    }
    if (us > UNSERVED_US) {
        sleep_until(deadline);
    }
    while (now_us() < deadline && !process_clock_is_virtual()) {
        wait_on_the_wall(NULL, 0, deadline, CLOCK_NEVER);
    }
    while (now_us() < deadline) {
        process_clock_wait(deadline, NULL, 0);
    }
    return 0;
}

/* time.sleep(): no descriptors. */
int __real_select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *tv);
int __wrap_select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *tv);
int __wrap_select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *tv)
{
    if (n || !tv || tv->tv_sec < 0 || tv->tv_usec < 0 || !waits_here()) {
        return __real_select(n, r, w, e, tv);
    }
    sleep_until(now_us() + (uint64_t)tv->tv_sec * 1000000 + (uint64_t)tv->tv_usec);
    *tv = (struct timeval){ 0, 0 };
    return 0;
}

/* machine.idle(): programs wait in loops of it. */
int __real_sched_yield(void);
int __wrap_sched_yield(void);
int __wrap_sched_yield(void)
{
    if (!waits_here()) {
        return __real_sched_yield();
    }
    wait_until(NULL, 0, now_us() + IDLE_US);
    return 0;
}

/* os.system(): on the wall's clock the air goes on meanwhile. */
int __real_system(const char *command);
int __wrap_system(const char *command);
int __wrap_system(const char *command)
{
    if (ble_port_interrupts()) {
        process_clock_say(CLOCK_NEVER, false);
    }
    return __real_system(command);
}

/* --- sockets with a time limit ---------------------------------------------------------------- */

/* The limit of a call that may wait, CLOCK_NEVER: none; 0: it does not wait. */
static uint64_t limit_us(int fd, int option, int flags)
{
    struct timeval tv;
    socklen_t len = sizeof tv;
    if (!waits_here() || (flags & MSG_DONTWAIT) || fd == ble_port_descriptor() ||
        (fcntl(fd, F_GETFL) & O_NONBLOCK)) {
        return 0;
    }
    if (getsockopt(fd, SOL_SOCKET, option, &tv, &len) || (!tv.tv_sec && !tv.tv_usec)) {
        return CLOCK_NEVER;
    }
    return (uint64_t)tv.tv_sec * 1000000 + (uint64_t)tv.tv_usec;
}

/* The moment at which a limit of limit_us() that begins now is over. */
static uint64_t deadline_us(uint64_t limit)
{
    if (limit == CLOCK_NEVER) {
        return CLOCK_NEVER;
    }
    return now_us() + limit;
}

/* Until there is something to do.  False: the time is over, or without a limit a signal has come,
 * and errno says so: MicroPython runs its scheduler then, and calls again. */
static bool ready(int fd, short events, uint64_t deadline)
{
    struct pollfd p = { fd, events, 0 };
    int n = poll(&p, 1, 0);
    if (n != 0) {
        return true;
    }
    while ((n = wait_until(&p, 1, deadline)) <= 0) {
        if (n < 0 && errno != EINTR) {
            return true; /* the call itself will say */
        }
        if (n == 0) {
            errno = EAGAIN;
        }
        if (n == 0 || deadline == CLOCK_NEVER) {
            return false;
        }
        mp_handle_pending(true);
    }
    return true;
}

/* Waits as the socket's own time limit allows.  False: the call fails, with errno of ready(). */
static bool may_read(int fd, int flags)
{
    uint64_t limit = limit_us(fd, SO_RCVTIMEO, flags);
    return !limit || ready(fd, POLLIN, deadline_us(limit));
}

/* The same, until there is room to write. */
static bool may_write(int fd, int flags)
{
    uint64_t limit = limit_us(fd, SO_SNDTIMEO, flags);
    return !limit || ready(fd, POLLOUT, deadline_us(limit));
}

ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len)
{
    if (may_read(fd, 0)) {
        return __real_read(fd, buf, len);
    }
    return -1;
}

ssize_t __real_recv(int fd, void *buf, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *buf, size_t len, int flags)
{
    if (may_read(fd, flags)) {
        return __real_recv(fd, buf, len, flags);
    }
    return -1;
}

ssize_t __real_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                        socklen_t *size);
ssize_t __wrap_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                        socklen_t *size);
ssize_t __wrap_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *from,
                        socklen_t *size)
{
    if (may_read(fd, flags)) {
        return __real_recvfrom(fd, buf, len, flags, from, size);
    }
    return -1;
}

int __real_accept(int fd, struct sockaddr *from, socklen_t *size);
int __wrap_accept(int fd, struct sockaddr *from, socklen_t *size);
int __wrap_accept(int fd, struct sockaddr *from, socklen_t *size)
{
    if (may_read(fd, 0)) {
        return __real_accept(fd, from, size);
    }
    return -1;
}

ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
    if (fd == STDOUT_FILENO || fd == STDERR_FILENO) {
        process_clock_sync();
    }
    if (may_write(fd, 0)) {
        return __real_write(fd, buf, len);
    }
    return -1;
}

ssize_t __real_send(int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *buf, size_t len, int flags)
{
    if (may_write(fd, flags)) {
        return __real_send(fd, buf, len, flags);
    }
    return -1;
}

ssize_t __real_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                      socklen_t size);
ssize_t __wrap_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                      socklen_t size);
ssize_t __wrap_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *to,
                      socklen_t size)
{
    if (may_write(fd, flags)) {
        return __real_sendto(fd, buf, len, flags, to, size);
    }
    return -1;
}

/* One that a signal has interrupted goes on by itself: it is waited for, not begun again.  Without
 * a limit MicroPython calls it again. */
int __real_connect(int fd, const struct sockaddr *to, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t size)
{
    uint64_t limit = limit_us(fd, SO_SNDTIMEO, 0), deadline = deadline_us(limit);
    int r = __real_connect(fd, to, size), error = 0;
    socklen_t len = sizeof error;
    if (!limit || r == 0 || errno != EINTR) {
        return r;
    }
    mp_handle_pending(true);
    if (!ready(fd, POLLOUT, deadline)) {
        errno = EINPROGRESS; /* as connect() at its time limit */
        return -1;
    }
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    errno = error;
    if (error) {
        return -1;
    }
    return 0;
}
