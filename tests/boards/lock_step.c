/* Loaded into QEMU (LD_PRELOAD), so that an emulated board takes part in the air's time as any
 * program does (docs/clock.md), whatever firmware it runs.  QEMU's clock is the process's clock
 * (ports/posix/clock.h), from which it makes the board's timers.  The board waits when QEMU's main
 * loop sleeps in ppoll() and each processor's thread sleeps in pthread_cond_wait(), which is where
 * QEMU puts a processor that waits for an interrupt.  The octets of its UART are those of the unix
 * socket that WOAD_HCI names ("unix:/path", as for other programs): QEMU takes one from the socket
 * only when the UART has room.
 *
 * SIGUSR2: the board gets nothing from its controller any more.  The second: until it has sent it
 * something. */
#define _GNU_SOURCE
#include "../../ports/posix/clock.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* RUNNING_US: while a processor runs, this often the air gets its processor time, up to which the
 * air may go on: a board that waits in a loop, without sleeping, sees what it waits for. */
enum held { NOT_HELD, HELD, HELD_UNTIL_SENT };
enum { PROCESSORS_MAX = 8, FDS_MAX = 64, RUNNING_US = 1000 };

/* QEMU's calls, and the C library's behind them. */
#define PUBLIC __attribute__((visibility("default")))
#define NEXT(name) \
    ({ \
        static __typeof__(&name) next; \
        if (!next) { \
            next = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
        } \
        next; \
    })

static struct {
    pthread_mutex_t lock; /* of all below but port, which is atomic, and held */
    struct clock_port port;
    int hci; /* -1: no connection */
    bool main_waits, main_reads;
    uint64_t main_until_us, running_said_us;
    struct pollfd fds[FDS_MAX + 1]; /* while the main loop waits */
    nfds_t fds_used;
    pthread_cond_t *sleeps_at[PROCESSORS_MAX]; /* NULL: this processor runs */
    unsigned processors;
    volatile sig_atomic_t held; /* an enum held */
} board = { .lock = PTHREAD_MUTEX_INITIALIZER, .port.until_us = CLOCK_NEVER, .hci = -1 };

static __thread unsigned processor; /* 1, 2, …; 0: the thread is none */

static bool is_main(void)
{
    return gettid() == getpid();
}

static void hold(int number)
{
    (void)number;
    board.held = board.held == HELD ? HELD_UNTIL_SENT : HELD;
}

__attribute__((constructor)) static void begin(void)
{
    struct sigaction sa = { .sa_handler = hold, .sa_flags = SA_RESTART };
    sigaction(SIGUSR2, &sa, NULL);
    unsetenv("LD_PRELOAD"); /* not for what QEMU starts */
}

/* --- time ------------------------------------------------------------------------------------- */

PUBLIC int clock_gettime(clockid_t id, struct timespec *ts)
{
    if (id != CLOCK_MONOTONIC) {
        return NEXT(clock_gettime)(id, ts);
    }
    uint64_t us = process_clock_us();
    *ts = (struct timespec){ (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };
    return 0;
}

static uint64_t cpu_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* --- busy or waiting -------------------------------------------------------------------------- */

static bool processors_sleep(void)
{
    for (unsigned k = 0; k < board.processors; k++) {
        if (!board.sleeps_at[k]) {
            return false;
        }
    }
    return true;
}

/* To be called, with the lock, when the main loop or a processor has begun to wait. */
static void say(void)
{
    if (board.main_waits && processors_sleep()) {
        process_clock_say(board.main_until_us, board.main_reads);
    }
}

/* A processor runs: the air may go on as far as its processor time. */
static void say_running(void)
{
    uint64_t used = cpu_us();
    if (used - board.running_said_us >= RUNNING_US) {
        board.running_said_us = used;
        process_clock_say_busy();
    }
}

/* What the signal of a condition, or of a descriptor, has woken does not wait any more, although it
 * may not have noticed yet. */
static void wake_processors(const pthread_cond_t *cond)
{
    pthread_mutex_lock(&board.lock);
    for (unsigned k = 0; k < board.processors; k++) {
        if (board.sleeps_at[k] == cond) {
            board.sleeps_at[k] = NULL;
        }
    }
    pthread_mutex_unlock(&board.lock);
}

PUBLIC int pthread_cond_broadcast(pthread_cond_t *cond)
{
    wake_processors(cond);
    return NEXT(pthread_cond_broadcast)(cond);
}

PUBLIC int pthread_cond_signal(pthread_cond_t *cond)
{
    wake_processors(cond);
    return NEXT(pthread_cond_signal)(cond);
}

PUBLIC int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    if (is_main() || board.processors == PROCESSORS_MAX) {
        return NEXT(pthread_cond_wait)(cond, mutex);
    }
    pthread_mutex_lock(&board.lock);
    if (!processor) {
        processor = ++board.processors;
    }
    board.sleeps_at[processor - 1] = cond;
    say();
    pthread_mutex_unlock(&board.lock);
    int result = NEXT(pthread_cond_wait)(cond, mutex);
    pthread_mutex_lock(&board.lock);
    board.sleeps_at[processor - 1] = NULL;
    pthread_mutex_unlock(&board.lock);
    return result;
}

PUBLIC ssize_t write(int fd, const void *from, size_t len)
{
    if (!is_main()) {
        pthread_mutex_lock(&board.lock);
        for (nfds_t k = 0; board.main_waits && k < board.fds_used; k++) {
            board.main_waits = board.fds[k].fd != fd;
        }
        pthread_mutex_unlock(&board.lock);
    }
    return NEXT(write)(fd, from, len);
}

/* The descriptors, and the clock's.  What is held back from the board is not looked at. */
static nfds_t copy_fds(const struct pollfd *fds, nfds_t n)
{
    board.main_reads = false;
    for (nfds_t k = 0; k < n; k++) {
        board.fds[k] = fds[k];
        if (fds[k].fd == board.hci && board.held) {
            board.fds[k].events &= (short)~POLLIN;
        }
        board.main_reads =
            board.main_reads || (fds[k].fd == board.hci && (board.fds[k].events & POLLIN));
    }
    board.fds[n] = (struct pollfd){ process_clock_fd(), POLLIN, 0 };
    board.fds_used = n;
    return n + 1;
}

/* The main loop begins to wait, for `ts`, which becomes shorter while a processor runs. */
static void main_begins(struct timespec *ts)
{
    uint64_t now = process_clock_us();
    pthread_mutex_lock(&board.lock);
    board.main_until_us = now + (uint64_t)ts->tv_sec * 1000000u + (uint64_t)ts->tv_nsec / 1000u;
    board.main_waits = true;
    if (processors_sleep()) {
        say();
    } else {
        say_running();
        if (ts->tv_sec || ts->tv_nsec > RUNNING_US * 1000) {
            *ts = (struct timespec){ 0, RUNNING_US * 1000 };
        }
    }
    pthread_mutex_unlock(&board.lock);
}

static void main_ends(void)
{
    pthread_mutex_lock(&board.lock);
    board.main_waits = false;
    pthread_mutex_unlock(&board.lock);
}

/* A main loop that finds something to do at once does not wait: a board whose console is typed at
 * is busy until it has read all.  Waits less than `limit` says when the clock was moved: QEMU looks
 * at it again. */
PUBLIC int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *limit, const sigset_t *mask)
{
    struct timespec ts = { 1, 0 }, none = { 0, 0 };
    if (!is_main() || board.hci < 0 || n > FDS_MAX) {
        return NEXT(ppoll)(fds, n, limit, mask);
    }
    if (limit && limit->tv_sec < ts.tv_sec) {
        ts = *limit;
    }
    nfds_t all = copy_fds(fds, n);
    int ready = NEXT(ppoll)(board.fds, all, &none, mask);
    if (ready == 0 && (ts.tv_sec || ts.tv_nsec)) {
        main_begins(&ts);
        ready = NEXT(ppoll)(board.fds, all, &ts, mask);
        main_ends();
    } else {
        say_running();
    }
    for (nfds_t k = 0; k < n; k++) {
        fds[k].revents = ready > 0 ? board.fds[k].revents : (short)0;
    }
    if (ready > 0 && board.fds[n].revents) {
        process_clock_read();
        ready--;
    }
    return ready;
}

/* --- the socket of the UART ------------------------------------------------------------------- */

static bool is_air(const struct sockaddr *to)
{
    const char *spec = getenv("WOAD_HCI");
    return to->sa_family == AF_UNIX && spec && strncmp(spec, "unix:", 5) == 0 &&
           strcmp(spec + 5, ((const struct sockaddr_un *)to)->sun_path) == 0;
}

PUBLIC int connect(int fd, const struct sockaddr *to, socklen_t len)
{
    int result = NEXT(connect)(fd, to, len);
    if (result < 0 || board.hci >= 0 || !is_air(to)) {
        return result;
    }
    board.hci = fd; /* what the clock opens is no UART's */
    process_clock_add(&board.port, fd, "board");
    if (process_clock_is_virtual()) {
        fprintf(stderr, "an emulated board can't be in virtual time\n");
        _exit(EXIT_FAILURE);
    }
    return result;
}

PUBLIC int close(int fd)
{
    if (fd >= 0 && fd == board.hci) {
        board.hci = -1;
        process_clock_remove(&board.port);
        board.port.read = board.port.written = 0;
    }
    return NEXT(close)(fd);
}

PUBLIC ssize_t recvmsg(int fd, struct msghdr *m, int flags)
{
    ssize_t n = NEXT(recvmsg)(fd, m, flags);
    if (fd == board.hci && n > 0) {
        board.port.read += (unsigned long long)n;
    }
    return n;
}

PUBLIC ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    ssize_t n = NEXT(sendmsg)(fd, m, flags);
    if (fd == board.hci && n > 0) {
        board.port.written += (unsigned long long)n;
        if (board.held == HELD_UNTIL_SENT) {
            board.held = NOT_HELD;
        }
    }
    return n;
}
