/* Keeps this process's time, with the messages of transport/clock_messages.h.  clock.h says what
 * each process_clock_ function is for.
 *
 * Names of other files:
 *   blocked: of a port: octets wait for room in the socket
 *   CLOCK_BUSY: it does not wait
 *   CLOCK_FOREIGN: these octets are no message
 *   CLOCK_HOLD: it waits for something outside the air without a limit: virtual time stands
 *       still
 *   CLOCK_NEVER: no limit: later than any time
 *   CLOCK_PACED: it waits for something outside the air, too: time goes no faster than the
 *       wall's
 *   CLOCK_PENDING: message: the answer follows later
 *   clock_port: the port's share in the process's time: clock.h
 *   clock_put_join(): clock_put_…(): writes a message; returns its length
 *   CLOCK_SLIP: message, wall: by how much the air is late in all
 *   clock_take(): reads a message; CLOCK_MORE: it is not complete
 *   CLOCK_UNTIL: the process waits until a moment or for a packet
 *   CLOCK_WAKE: message, virtual: the process may go on, at a time
 *   counted: of a port: its octets count for the air's time
 *   horizon_us: air time up to which nothing else happens: the process may go on without asking
 *   serial: of a transport: a serial line, which may start in the middle of a packet; of a WAKE:
 *       its number, which the next message repeats
 *   transport_open_clock(): a connection for these messages, to a path or to the server of a
 *       descriptor
 *   until_us: of a port: when its host wants to run next; CLOCK_NEVER: by packets only */
#define _GNU_SOURCE
#include "clock.h"

#include "../../transport/open.h"

#include <errno.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Of the machine's clock.  ANSWER_MS: for the answer to JOIN, which `woad air` gives at once;
 * SURE_MS: the same, if the user says that there is one.  GIVE_UP_MS: for a WAKE after a signal.
 * AIR_AWAY_MS: for an air that gets no processor time. */
enum { ANSWER_MS = 200, SURE_MS = 10000, GIVE_UP_MS = 100, AIR_AWAY_MS = 10000 };
/* READS_FREE: a program may read its clock so often between two waits; each further reading costs
 * READ_US, so that a loop that waits for a time ends.  SAME_US: moments so near to each other need
 * no new message.  OUTSIDE_MAX: descriptors of the program in one wait. */
enum { READS_FREE = 256, READ_US = 10, SAME_US = 500, OUTSIDE_MAX = 62 };

/* OFF: no air's time; ASKED: JOIN is sent, and not answered; WALL, VIRTUAL: as the air says. */
enum state { OFF, ASKED, WALL, VIRTUAL };

static struct {
    pthread_mutex_t lock; /* several threads may have a port each */
    atomic_int state;
    int fd;                    /* to `woad air`, for the messages; -1: none */
    struct sockaddr_un server; /* the other end of `fd` */
    struct clock_port *ports;  /* of the process, whether they lead there or not */
    uint8_t in[CLOCK_MESSAGE_MAX];
    size_t in_len;             /* octets of a message in `in` */
    atomic_llong shift_us;     /* from the machine's clock to the process's; not in virtual time */
    atomic_ullong last_us;     /* the latest time that was given */
    struct clock_waiting said; /* wall: the last that was sent, with the process's time */
    bool has_said;
    uint64_t slip_us; /* of the last SLIP: already taken off shift_us */
    /* Virtual time: */
    int64_t virtual_shift_us; /* from the air's clock to the process's */
    uint64_t air_us;          /* at the last WAKE */
    uint64_t now_us;          /* the air's clock for this process: may be ahead of air_us */
    uint64_t horizon_us;
    uint64_t epoch_us; /* Unix time at the air's 0 */
    uint64_t random;   /* state of process_clock_random() */
    bool seed_known;   /* WOAD_SEED was looked at, */
    bool seeded;       /* and is there: `random` is of it */
    uint32_t serial;   /* of the last WAKE */
    unsigned reads;    /* of the clock, since the last wait */
    bool asking;       /* clock_ask() waits for the answer to JOIN */
    bool woken;        /* WAKE has come: the wait is over */
    bool moved;        /* octets were written since the last WAKE: the horizon is not valid */
    bool ahead;        /* of the air's time: it has moved on by itself since the last WAKE */
    void (*on_wake)(void);
} clk = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

/* The time of one of the system's clocks, us. */
static uint64_t time_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* CLOCK_MONOTONIC may be replaced by this very clock (ports/micropython/unix_calls.c). */
static uint64_t machine_us(void)
{
    return time_us(CLOCK_MONOTONIC_RAW);
}

/* The state, which other threads read, too. */
static enum state clock_state(void)
{
    return (enum state)atomic_load(&clk.state);
}

/* Whether the air has answered that its time is virtual. */
bool process_clock_is_virtual(void)
{
    return clock_state() == VIRTUAL;
}

/* --- messages --------------------------------------------------------------------------------- */

/* The air is gone: the clock goes on with the machine's from where it is. */
static void clock_leave(void)
{
    if (clock_state() == VIRTUAL) {
        uint64_t now = clk.now_us + (uint64_t)clk.virtual_shift_us;
        atomic_store(&clk.shift_us, (long long)(now - machine_us()));
    }
    atomic_store(&clk.state, OFF);
    if (clk.fd >= 0) {
        close(clk.fd);
    }
    clk.fd = -1;
    clk.in_len = 0;
    clk.has_said = false;
    for (struct clock_port *p = clk.ports; p; p = p->next) {
        p->counted = false;
    }
}

/* Whether WOAD_SEED decides all random numbers, those of keys, too: for a test of recorded logs. */
static bool clock_is_seeded(void)
{
    if (!clk.seed_known) {
        const char *text = secure_getenv("WOAD_SEED");
        clk.seeded = text && *text;
        clk.random = clk.seeded ? strtoull(text, NULL, 0) : clk.random;
        clk.seed_known = true;
    }
    return clk.seeded;
}

/* JOIN is answered: the process has the air's time from now on. */
static void take_joined(const struct clock_joined *m)
{
    if (m->kind == CLOCK_WALL) {
        clk.slip_us = 0;
        clk.has_said = false;
        atomic_store(&clk.state, WALL);
        return;
    }
    clk.air_us = clk.now_us = m->now_us;
    clk.horizon_us = m->now_us;
    clk.now_us = m->start_us;
    clk.epoch_us = m->epoch_s * 1000000u;
    if (!clock_is_seeded()) {
        clk.random = m->seed;
    }
    clk.serial = 0;
    clk.moved = true; /* the first wait is said, whatever the horizon */
    clk.ahead = false;
    clk.virtual_shift_us = 0;
    if (clk.ports) { /* the program has looked at its clock already */
        /* Whole ms: where a ms ends is the air's, too, or waits of whole ms end at other times. */
        uint64_t ms = atomic_load(&clk.last_us) / 1000 + 1;
        clk.virtual_shift_us = (int64_t)((ms - m->start_us / 1000) * 1000);
    }
    atomic_store(&clk.state, VIRTUAL);
}

/* A message. One that does not fit the state is ignored. */
static void take(enum clock_message what, const union clock_body *body)
{
    if (what == CLOCK_JOINED && clock_state() == ASKED && !clk.asking &&
        body->joined.kind == CLOCK_VIRTUAL) {
        clock_leave(); /* too late: the program is on the machine's clock */
    } else if (what == CLOCK_JOINED && clock_state() == ASKED) {
        take_joined(&body->joined);
    } else if (what == CLOCK_SLIP && clock_state() == WALL) {
        atomic_fetch_sub(&clk.shift_us, (long long)(body->slip_us - clk.slip_us));
        clk.slip_us = body->slip_us;
    } else if (what == CLOCK_WAKE && clock_state() == VIRTUAL) {
        clk.serial = body->wake.serial;
        clk.air_us = body->wake.now_us;
        clk.ahead = false;
        clk.now_us = body->wake.now_us;
        clk.horizon_us = body->wake.horizon_us;
        clk.woken = true;
    } else if (what == CLOCK_FOREIGN) {
        clock_leave(); /* a controller that answers Unknown HCI Command */
    }
}

/* Reads what has come, without waiting. */
static void clock_receive(void)
{
    while (clk.fd >= 0) {
        union clock_body body;
        size_t taken;
        enum clock_message what = clock_take(clk.in, clk.in_len, &body, &taken);
        if (what != CLOCK_MORE) {
            if (what != CLOCK_FOREIGN) {
                clk.in_len -= taken;
                memmove(clk.in, clk.in + taken, clk.in_len);
            }
            take(what, &body);
            continue;
        }
        ssize_t n = recv(clk.fd, clk.in + clk.in_len, sizeof clk.in - clk.in_len, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) {
            clock_leave();
            return;
        }
        clk.in_len += (size_t)n;
    }
}

/* False: the connection is closed, or the air does not read. */
static bool clock_send(const uint8_t *message, size_t len)
{
    return clk.fd >= 0 && send(clk.fd, message, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* --- joining ---------------------------------------------------------------------------------- */

/* Asks for the air's time, and waits a little for the answer: a server that is busy, or none of
 * ours, may answer later or never.  Once it has said that it will, waits for it. */
static void clock_ask(const char *name, uint32_t limit_ms)
{
    struct clock_join m = { .seat = 0 };
    uint8_t message[CLOCK_MESSAGE_MAX];
    const char *seat = getenv("WOAD_SEAT"), *slash = strrchr(name, '/');
    m.seat = seat ? (uint16_t)strtoul(seat, NULL, 10) : 0;
    snprintf(m.name, sizeof m.name, "%s", slash ? slash + 1 : name);
    atomic_store(&clk.state, ASKED);
    if (!clock_send(message, clock_put_join(message, &m))) {
        clock_leave();
    }
    uint64_t until = machine_us() + limit_ms * 1000ull;
    bool pending = false;
    clk.asking = true;
    while (clock_state() == ASKED && (pending || machine_us() < until)) {
        struct pollfd fd = { clk.fd, POLLIN, 0 };
        if (poll(&fd, 1, pending ? -1 : (int)limit_ms) > 0) {
            union clock_body body;
            size_t taken;
            ssize_t n = recv(clk.fd, clk.in + clk.in_len, sizeof clk.in - clk.in_len, MSG_DONTWAIT);
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                continue;
            }
            if (n <= 0) {
                clock_leave();
                break;
            }
            clk.in_len += (size_t)n;
            if (clock_take(clk.in, clk.in_len, &body, &taken) == CLOCK_PENDING) {
                pending = true;
                clk.in_len -= taken;
                memmove(clk.in, clk.in + taken, clk.in_len);
            }
            clock_receive();
        }
    }
    clk.asking = false;
}

/* In virtual time a program's end is at its own time, which may be later than the air's. */
static void clock_at_exit(void)
{
    process_clock_sync();
}

/* At the end of the process the air is brought to its time. */
static void clock_sync_at_exit(void)
{
    static bool registered;
    if (!registered) {
        registered = atexit(clock_at_exit) == 0;
    }
}

/* For programs that begin with the air's clock. */
bool process_clock_join(const char *path, const char *name)
{
    clock_leave(); /* the time of an earlier air, which has ended */
    clk.fd = transport_open_clock(-1, path);
    if (clk.fd < 0) {
        return false;
    }
    /* As the server has bound it, whatever the spelling of `path`. */
    socklen_t len = sizeof clk.server;
    getpeername(clk.fd, (struct sockaddr *)&clk.server, &len);
    atomic_store(&clk.last_us, 0); /* the program has not begun */
    clock_ask(name, SURE_MS);
    if (clock_state() == VIRTUAL) {
        clock_sync_at_exit();
    } else {
        clock_leave(); /* the wall's: with the radio */
    }
    return clock_state() == VIRTUAL;
}

/* Whether the socket leads to the server of the clock. */
static bool is_clocks_server(int fd)
{
    struct sockaddr_un a = { .sun_family = 0 };
    socklen_t len = sizeof a;
    return getpeername(fd, (struct sockaddr *)&a, &len) == 0 && a.sun_family == AF_UNIX &&
           strncmp(a.sun_path, clk.server.sun_path, sizeof a.sun_path) == 0;
}

/* The first port that leads to `woad air` asks it for its time; later ones share it. */
void process_clock_add(struct clock_port *p, int fd, const char *name)
{
    struct sockaddr_un a = { .sun_family = 0 };
    socklen_t len = sizeof a;
    pthread_mutex_lock(&clk.lock);
    p->next = clk.ports;
    clk.ports = p;
    if (clk.fd < 0 && getpeername(fd, (struct sockaddr *)&a, &len) == 0 &&
        a.sun_family == AF_UNIX) {
        clk.server = a;
        clk.fd = transport_open_clock(fd, NULL);
        if (clk.fd >= 0) {
            p->counted = true;
            clock_ask(name ? name : "", ANSWER_MS);
            if (clock_state() == VIRTUAL) {
                clock_sync_at_exit();
            }
        }
    } else if (clk.fd >= 0) {
        p->counted = is_clocks_server(fd);
    }
    pthread_mutex_unlock(&clk.lock);
}

/* The wall's clock is left with its last port; a virtual one stays to the end of the process. */
void process_clock_remove(struct clock_port *p)
{
    bool used = false;
    pthread_mutex_lock(&clk.lock);
    for (struct clock_port **at = &clk.ports; *at;) {
        if (*at == p) {
            *at = p->next;
        } else {
            used = used || (*at)->counted;
            at = &(*at)->next;
        }
    }
    if (!used && clock_state() != VIRTUAL) {
        clock_leave();
    }
    pthread_mutex_unlock(&clk.lock);
}

/* --- the time --------------------------------------------------------------------------------- */

/* The process's time without virtual time, as if it could go back. */
static uint64_t clock_unclipped_us(void)
{
    return machine_us() + (uint64_t)atomic_load(&clk.shift_us);
}

/* Virtual: beyond the horizon, and with reading that costs, the air is asked: other devices'
 * time goes on, too. */
uint64_t process_clock_us(void)
{
    uint64_t now;
    if (clock_state() == VIRTUAL) {
        if (++clk.reads > READS_FREE) {
            clk.now_us += READ_US;
        }
        now = clk.now_us + (uint64_t)clk.virtual_shift_us;
        if (clk.now_us > clk.horizon_us && clk.reads > READS_FREE) {
            unsigned reads = clk.reads;
            process_clock_wait(now, NULL, 0);
            clk.reads = reads; /* a program that only reads goes on to pay */
            now = clk.now_us + (uint64_t)clk.virtual_shift_us;
        }
    } else {
        now = clock_unclipped_us();
    }
    unsigned long long last = atomic_load(&clk.last_us);
    while (now > last && !atomic_compare_exchange_weak(&clk.last_us, &last, now)) {
    }
    if (now < last) {
        return last;
    }
    return now;
}

/* Virtual: counts from the air's Unix time 0. */
uint64_t process_clock_unix_us(void)
{
    return clk.epoch_us + process_clock_us() - (uint64_t)clk.virtual_shift_us;
}

/* SplitMix64, by Sebastiano Vigna's description of it. */
bool process_clock_random(void *out, size_t len)
{
    uint8_t *at = out;
    if (!clock_is_seeded() && clock_state() != VIRTUAL) {
        return false;
    }
    for (size_t k = 0; k < len; k++) {
        uint64_t z = clk.random += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        at[k] = (uint8_t)(z >> 31);
    }
    return true;
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* Octets of all ports that lead to the air. */
static void count(struct clock_waiting *m)
{
    m->read = m->written = 0;
    m->blocked = false;
    for (const struct clock_port *p = clk.ports; p; p = p->next) {
        if (p->counted) {
            m->read += atomic_load(&p->read);
            m->written += atomic_load(&p->written);
            m->blocked = m->blocked || p->blocked;
        }
    }
}

/* Whether two moments are so near that the air need not know the difference. */
static bool is_about(uint64_t a, uint64_t b)
{
    return a == b || (a - b < SAME_US) || (b - a < SAME_US);
}

/* Wall, with the lock: sends a WAIT; its limit is of this process's clock. */
static void say_wall(struct clock_waiting m)
{
    uint8_t message[CLOCK_MESSAGE_MAX];
    uint64_t now = clock_unclipped_us(); /* the clock may stand still now: it will take longer */
    clk.said = m;
    m.slip_us = clk.slip_us;
    m.cpu_us = time_us(CLOCK_PROCESS_CPUTIME_ID);
    if (m.until_us != CLOCK_NEVER) {
        m.until_us = m.until_us > now ? m.until_us - now : 0;
    }
    clk.has_said = clock_send(message, clock_put_waiting(message, &m));
}

/* Wall: sends a message, unless it would repeat the last. */
void process_clock_say(uint64_t until_us, bool reads)
{
    struct clock_waiting m = { .kind = CLOCK_UNTIL, .until_us = until_us };
    if (clk.fd < 0) {
        return;
    }
    pthread_mutex_lock(&clk.lock);
    clock_receive();
    count(&m);
    if (!reads || (clk.ports && clk.ports->next)) {
        m.kind = CLOCK_PACED; /* also: at one of several ports, without a look at the others */
    }
    for (const struct clock_port *p = clk.ports; p; p = p->next) {
        uint64_t due = atomic_load(&p->until_us);
        if (p->counted && due < m.until_us) {
            m.until_us = due;
        }
    }
    bool known = clk.has_said && clk.said.read == m.read && clk.said.written == m.written &&
                 clk.said.kind == m.kind && is_about(clk.said.until_us, m.until_us);
    if (clock_state() == WALL && !known) {
        say_wall(m);
    }
    pthread_mutex_unlock(&clk.lock);
}

/* What the air has not read is in the socket still.  It sends SLIP before it reads; without one, it
 * is looked at again after 10 ms. */
void process_clock_await_air(void)
{
    uint64_t until = machine_us() + AIR_AWAY_MS * 1000ull;
    int unread = 0;
    while (clock_state() == WALL && ioctl(clk.fd, SIOCOUTQ, &unread) == 0 && unread > 0 &&
           machine_us() < until) {
        struct pollfd answer = { clk.fd, POLLIN, 0 };
        if (poll(&answer, 1, 10) < 0) {
            return; /* a signal: the caller looks at what it means */
        }
        process_clock_read();
    }
}

/* Wall: sends how much processor time is used. */
void process_clock_say_busy(void)
{
    struct clock_waiting m = { .kind = CLOCK_BUSY };
    pthread_mutex_lock(&clk.lock);
    clock_receive();
    count(&m);
    if (clock_state() == WALL) {
        say_wall(m);
    }
    pthread_mutex_unlock(&clk.lock);
}

/* Wall, or while the air's answer is awaited. */
int process_clock_fd(void)
{
    if (clock_state() == WALL || clock_state() == ASKED) {
        return clk.fd;
    }
    return -1;
}

/* Takes what the air has sent. */
void process_clock_read(void)
{
    pthread_mutex_lock(&clk.lock);
    clock_receive();
    pthread_mutex_unlock(&clk.lock);
}

/* Virtual: `woken` is called after each wait; NULL: nothing is. */
void process_clock_on_wake(void (*woken)(void))
{
    clk.on_wake = woken;
}

/* Waits for the time that it is already: the air goes on to there. */
void process_clock_sync(void)
{
    if (clock_state() == VIRTUAL && clk.now_us > clk.air_us) {
        bool moved = clk.moved;
        clk.moved = true; /* the horizon does not do */
        process_clock_wait(clk.now_us + (uint64_t)clk.virtual_shift_us, NULL, 0);
        clk.moved = moved;
    }
}

/* Virtual: a packet must reach the air at the process's time, not before. */
void process_clock_before_write(struct clock_port *p)
{
    if (p->counted && clock_state() == VIRTUAL) {
        process_clock_sync();
        clk.moved = true;
    }
}

/* Virtual: sends a WAIT; its limit is of the air's clock. */
static void say_virtual(enum clock_wait kind, uint64_t until_us)
{
    uint8_t message[CLOCK_MESSAGE_MAX];
    struct clock_waiting m = { .serial = clk.serial, .kind = kind, .until_us = until_us };
    count(&m);
    if (!clock_send(message, clock_put_waiting(message, &m))) {
        clock_leave();
    }
}

/* Waits for WAKE, or unless `kind` is CLOCK_UNTIL for one of `fds`; a signal ends it, too.
 * These two end the wait at a time that only the air knows: it gets a WAIT until 0, and its WAKE
 * says the time. Returns how many of `fds` are ready; -1 with EINTR: a signal, or its WAKE took
 * longer than GIVE_UP_MS. */
static int wait_for_wake(enum clock_wait kind, struct pollfd *fds, nfds_t n)
{
    struct pollfd all[OUTSIDE_MAX + 1];
    bool given_up = false, signalled = false;
    int ready = 0;
    n = n > OUTSIDE_MAX ? OUTSIDE_MAX : n;
    clk.woken = false;
    while (!clk.woken && clock_state() == VIRTUAL) {
        nfds_t watched = kind == CLOCK_UNTIL || given_up ? 0 : n;
        all[0] = (struct pollfd){ clk.fd, POLLIN, 0 };
        for (nfds_t k = 0; k < watched; k++) {
            all[1 + k] = fds[k];
        }
        int got = poll(all, watched + 1, signalled && given_up ? GIVE_UP_MS : -1);
        if (got == 0) {
            break; /* the late WAKE ends the next wait early */
        }
        signalled = signalled || (got < 0 && errno == EINTR);
        if (got > 0 && all[0].revents) {
            clock_receive();
            got--;
        }
        if (!clk.woken && !given_up && got != 0) {
            given_up = true;
            say_virtual(CLOCK_UNTIL, 0);
        }
        for (nfds_t k = 0; k < watched && got > 0; k++) {
            fds[k].revents = all[1 + k].revents;
            ready += fds[k].revents != 0;
        }
    }
    if (!ready && signalled) {
        errno = EINTR;
        return -1;
    }
    return ready;
}

/* Virtual: up to horizon_us time moves on without a message; else the air says when it does.
 * Returns as poll() for `fds`; -1 with EINTR for a signal. */
int process_clock_wait(uint64_t until_us, struct pollfd *fds, nfds_t n)
{
    enum clock_wait kind = CLOCK_UNTIL;
    uint64_t until = CLOCK_NEVER;
    if (until_us != CLOCK_NEVER) {
        until = until_us - (uint64_t)clk.virtual_shift_us;
    }
    if (n) {
        kind = until == CLOCK_NEVER ? CLOCK_HOLD : CLOCK_PACED;
    }
    if (kind == CLOCK_UNTIL && until != CLOCK_NEVER && !clk.moved && until <= clk.horizon_us) {
        clk.ahead = clk.ahead || until > clk.now_us;
        clk.now_us = until > clk.now_us ? until : clk.now_us;
        clk.reads = 0;
        if (clk.on_wake) {
            clk.on_wake();
        }
        return 0;
    }
    if (n && clk.ahead) { /* the air comes to this time first: what is outside is paced from here */
        say_virtual(CLOCK_UNTIL, clk.now_us);
        if (wait_for_wake(CLOCK_UNTIL, NULL, 0) < 0) {
            return -1;
        }
    }
    say_virtual(kind, until);
    int ready = wait_for_wake(kind, fds, n);
    clk.moved = false;
    clk.reads = 0;
    if (clk.on_wake) {
        clk.on_wake();
    }
    return ready;
}
