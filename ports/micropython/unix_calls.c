/* The unix port's blocking calls, while a radio is on; and Ctrl-C.
 *
 * Each packet interrupts the main thread with a signal, so that MicroPython's scheduler runs.  A
 * repeated call would restart its whole time-out (sockets), ignore the time that handlers took
 * (time.sleep), or would have ended too early (time.sleep_us).  Here each call keeps its deadline
 * and runs the scheduler itself; the linker's --wrap replaces MicroPython's calls (micropython.mk).
 */
#define _GNU_SOURCE
#include "ble.h"
#include "unix_calls.h"

#undef poll
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
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

/* --- waiting ---------------------------------------------------------------------------------- */

enum { IDLE_MS = 10, UNSERVED_US = 2000 };

static int64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* Waits until `deadline`, a signal, or the descriptor; returns what ppoll() does. */
static int wait_until(struct pollfd *fd, int64_t deadline)
{
    int64_t left = deadline - now_us();
    if (left < 0) {
        left = 0;
    }
    struct timespec ts = { left / 1000000, left % 1000000 * 1000 };
    return ppoll(fd, fd ? 1 : 0, &ts, NULL);
}

static void sleep_until(int64_t deadline)
{
    mp_handle_pending(true);
    while (now_us() < deadline) {
        wait_until(NULL, deadline);
        mp_handle_pending(true);
    }
}

/* asyncio polls objects without descriptors, such as ThreadSafeFlag, every millisecond.  While
 * packets interrupt the thread IDLE_MS is often enough, and lets idle programs sleep; but not
 * beyond the program's own time limit. */
int woad_mp_poll(struct pollfd *fds, nfds_t n, int ms, unsigned long limit, unsigned long gone)
{
    unsigned long left = limit > gone ? limit - gone : 0;
    if (ms == 1 && ble_port_interrupts()) {
        ms = left < IDLE_MS ? (int)left : IDLE_MS;
    }
    return poll(fds, n, ms);
}

/* time.sleep_ms(): upstream runs the scheduler 2,000 times a second, this only after a signal. */
void __real_mp_hal_delay_ms(mp_uint_t ms);
void __wrap_mp_hal_delay_ms(mp_uint_t ms);
void __wrap_mp_hal_delay_ms(mp_uint_t ms)
{
    if (!ble_port_interrupts()) {
        __real_mp_hal_delay_ms(ms);
        return;
    }
    sleep_until(now_us() + (int64_t)ms * 1000);
}

/* time.sleep_us(): handlers do not run in a short one. */
int __real_usleep(useconds_t us);
int __wrap_usleep(useconds_t us);
int __wrap_usleep(useconds_t us)
{
    int64_t deadline = now_us() + us;
    if (!ble_port_interrupts()) {
        return __real_usleep(us);
    }
    if (us > UNSERVED_US) {
        sleep_until(deadline);
    }
    while (now_us() < deadline) {
        wait_until(NULL, deadline);
    }
    return 0;
}

/* time.sleep(): no descriptors. */
int __real_select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *tv);
int __wrap_select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *tv);
int __wrap_select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *tv)
{
    if (n || !tv || tv->tv_sec < 0 || tv->tv_usec < 0 || !ble_port_interrupts()) {
        return __real_select(n, r, w, e, tv);
    }
    sleep_until(now_us() + (int64_t)tv->tv_sec * 1000000 + tv->tv_usec);
    *tv = (struct timeval){ 0, 0 };
    return 0;
}

/* --- sockets with a time limit ---------------------------------------------------------------- */

/* The limit of a socket that waits; 0: it does not, or for ever. */
static int64_t limit_us(int fd, int option, int flags)
{
    struct timeval tv;
    socklen_t len = sizeof tv;
    if (!ble_port_interrupts() || (flags & MSG_DONTWAIT) || fd == ble_port_descriptor() ||
        getsockopt(fd, SOL_SOCKET, option, &tv, &len) || (fcntl(fd, F_GETFL) & O_NONBLOCK)) {
        return 0;
    }
    return (int64_t)tv.tv_sec * 1000000 + tv.tv_usec;
}

/* Until there is something to do.  False: the time is over, and errno says so. */
static bool ready(int fd, short events, int64_t deadline)
{
    struct pollfd p = { fd, events, 0 };
    int n;
    while ((n = wait_until(&p, deadline)) <= 0) {
        if (n < 0 && errno != EINTR) {
            return true; /* the call itself will say */
        }
        if (n == 0) {
            errno = EAGAIN;
            return false;
        }
        mp_handle_pending(true);
    }
    return true;
}

static bool may_read(int fd, int flags)
{
    int64_t limit = limit_us(fd, SO_RCVTIMEO, flags);
    return !limit || ready(fd, POLLIN, now_us() + limit);
}

static bool may_write(int fd, int flags)
{
    int64_t limit = limit_us(fd, SO_SNDTIMEO, flags);
    return !limit || ready(fd, POLLOUT, now_us() + limit);
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
    int64_t limit = limit_us(fd, SO_SNDTIMEO, 0), deadline = now_us() + limit;
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
