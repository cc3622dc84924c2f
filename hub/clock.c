/* Keeps the seats of clock.h: reads their messages, decides which are busy, and wakes them.
 *
 * Names of other files:
 *   clock: the programs that keep the air's time: clock.h
 *   seat: the host's process, if the air's time waits for it (clock.h); NULL: it does not
 *   fd: of a client: -1: the host has left; of a seat: -1: the program has left
 *   asked: of a seat: JOIN has come
 *   joined: of a seat: JOIN is answered: the program takes part
 *   stalled: of a seat: how many of its clients are rx_stalled; what these wrote need not have
 *       arrived for the process to count as waiting
 *   serial: of a seat: of the last WAKE; the program's answer repeats it
 *   wait: of a seat: its last WAITING; valid if has_wait
 *   has_wait: the program has sent a WAITING
 *   busy_since_us: air time since which the program is busy, while it does not wait
 *   until_us: air time: of a seat: at which it wants to be woken; of a user: until which it waits;
 *       the largest number: no limit
 *   history: the last sent octets, as totals with their times
 *   let_go: the program was busy for too long: the air goes on without it
 *   suspect: the air stands still because of this program, since suspect_since_us
 *   woken_sent: `sent` at the last WAKE: a program is woken once for the same octets
 *   rest_until_us: the program is not woken before
 *   turns: how often the program was woken without a pause
 *   answered: the expected programs have been answered: virtual time runs
 *   slip_us: of a clock: by how much the air's time is late in all; of a message: as far as the
 *       program knows
 *   slip_sent_us: of a seat: slip_us that it has been sent
 *   slip_before_us: of a seat: slip_us when it joined
 *   patience_us: us of the machine's time for which the air stands still for a busy program
 *   clock_put_pending(): writes the message that JOIN is answered later; returns its length
 *   clock_take(): reads a message; CLOCK_MORE: it is not complete
 *   CLOCK_NEVER: no limit: later than any time
 *   CLOCK_GRACE_US: us that the air may go on after a program became busy
 *   CLOCK_UNTIL: the program waits until a moment of the air, or for a packet
 *   CLOCK_PACED: the program waits for something outside the air: time goes no faster than the
 *       wall's
 *   CLOCK_BUSY: the program does not wait; the message says how much processor time it has used
 *   blocked: the program has octets to write, for which its sockets have no room
 *   horizon_us: of a WAKE: until then nothing else happens: the program may move its time so far
 *       alone */
#define _GNU_SOURCE
#include "clock.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* 2026-01-01 00:00 UTC, the Unix time of the air's time 0.  SLIP_STEP_US: programs are told a
 * smaller delay only with the next.  JITTER_US: programs begin at different moments, because two
 * that do the same at the same microsecond would collide on the air for ever. */
#define HOUR_US 3600000000u
enum { EPOCH_S = 1767225600, SLIP_STEP_US = 1000, JITTER_US = 5000 };

struct seat *clock_add(struct clock *clock, int fd, pid_t pid, uint64_t now_us)
{
    struct seat *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    s->fd = fd;
    s->pid = pid;
    s->busy_since_us = now_us;
    s->next = clock->seats;
    clock->seats = s;
    return s;
}

struct seat *clock_seat(const struct clock *clock, pid_t pid)
{
    for (struct seat *s = clock->seats; s; s = s->next) {
        if (pid > 0 && s->pid == pid && s->fd >= 0 && s->asked) {
            return s;
        }
    }
    return NULL;
}

/* Closes the connection. The seat stays in the list until clock_free_left(). */
static void seat_leave(struct seat *s)
{
    close(s->fd);
    s->fd = -1;
}

void clock_free_left(struct clock *clock)
{
    for (struct seat **at = &clock->seats; *at;) {
        struct seat *s = *at;
        if (s->fd < 0) {
            *at = s->next;
            free(s);
        } else {
            at = &s->next;
        }
    }
}

void clock_close(struct clock *clock)
{
    for (struct seat *s = clock->seats; s; s = s->next) {
        if (s->fd >= 0) {
            seat_leave(s);
        }
    }
    clock_free_left(clock);
}

/* --- busy or waiting -------------------------------------------------------------------------- */

/* It has read what was sent to it, what it has written has arrived, and it answers the last WAKE.
 * The air may not have taken its limit for passed: that is the caller's to compare. */
static bool seat_waits(const struct seat *s)
{
    bool moved = s->wait.read == s->sent && (s->wait.written == s->received || s->stalled);
    bool waits = s->wait.kind == CLOCK_PACED || (s->wait.kind != CLOCK_BUSY && moved);
    return s->has_wait && waits && s->wait.serial == s->serial;
}

/* To be called after a change that may end a seat's waiting; `waited`: seat_waits() before it. */
static void seat_becomes_busy(struct seat *s, bool waited, uint64_t now_us)
{
    if (waited && !seat_waits(s)) {
        s->busy_since_us = now_us < s->until_us ? now_us : s->until_us;
    }
}

/* Until now the program has been busy, and has used processor time, which passes on the air, too.
 * It had read `read` octets then: it is busy now since the first was sent that it had not read.
 * Without this, one that asks the controller again and again would be busy since its first
 * question, because an answer is always on its way. */
static void seat_has_read(struct seat *s, uint64_t read, uint64_t cost_us, uint64_t now_us)
{
    s->busy_since_us += cost_us;
    if (s->busy_since_us > now_us && s->wait.kind != CLOCK_BUSY) {
        s->busy_since_us = now_us;
    }
    for (unsigned k = 0; k < SENT_MAX; k++) {
        const struct sent *one = &s->history[(s->history_next + k) % SENT_MAX];
        if (one->total > read) {
            if (one->at_us > s->busy_since_us && k > 0) {
                s->busy_since_us = one->at_us;
            }
            return;
        }
    }
}

void seat_add_client(struct seat *s, uint64_t sent, uint64_t received, uint64_t now_us)
{
    bool waited = seat_waits(s);
    if (s->clients == 0) {
        s->busy_since_us = now_us; /* on the wall's clock it did not count before */
    }
    s->clients++;
    s->sent += sent;
    s->received += received;
    seat_becomes_busy(s, waited, now_us);
}

void seat_remove_client(struct seat *s, uint64_t sent, uint64_t received)
{
    s->clients--;
    s->sent -= sent;
    s->received -= received;
}

void seat_moved(struct seat *s, uint64_t sent, uint64_t received, uint64_t now_us)
{
    bool waited = seat_waits(s);
    s->sent += sent;
    s->received += received;
    if (sent) {
        s->history[s->history_next++ % SENT_MAX] = (struct sent){ s->sent, now_us };
    }
    seat_becomes_busy(s, waited, now_us);
}

/* --- messages --------------------------------------------------------------------------------- */

/* A program that does not read its few messages has its connection closed. */
static void seat_send(struct seat *s, const uint8_t *message, size_t len)
{
    if (send(s->fd, message, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len) {
        seat_leave(s);
    }
}

/* Whether no program has this number. */
static bool clock_number_is_free(const struct clock *clock, uint16_t number)
{
    for (const struct seat *s = clock->seats; s; s = s->next) {
        if (s->asked && s->number == number) {
            return false;
        }
    }
    return true;
}

/* Puts the seat where its number belongs. */
static void clock_sort(struct clock *clock, struct seat *s)
{
    struct seat **at = &clock->seats;
    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
    at = &clock->seats;
    while (*at && (*at)->number <= s->number) {
        at = &(*at)->next;
    }
    s->next = *at;
    *at = s;
}

/* JOIN: gives the seat its number, the wanted or the next free one, and its place in the list. */
static void seat_join(struct clock *clock, struct seat *s, const struct clock_join *m)
{
    uint16_t number = m->seat;
    unsigned tried = 0;
    while ((number == 0 || !clock_number_is_free(clock, number)) && tried <= UINT16_MAX) {
        number++;
        tried++;
    }
    uint8_t answer[CLOCK_MESSAGE_MAX];
    s->number = number;
    s->asked = true;
    for (size_t k = 0; m->name[k]; k++) {
        s->name[k] = m->name[k];
        if (m->name[k] < ' ' || m->name[k] == 0x7f) {
            s->name[k] = '?'; /* it may be printed on a terminal */
        }
    }
    clock_sort(clock, s);
    seat_send(s, answer, clock_put_pending(answer));
}

/* WAITING: the program waits, or (CLOCK_BUSY) has used processor time. */
static void seat_wait(struct clock *clock, struct seat *s, const struct clock_waiting *m,
                      uint64_t now_us, double speed)
{
    uint64_t cost = s->has_wait ? m->cpu_us - s->wait.cpu_us : 0;
    bool progress = !s->has_wait || m->read != s->wait.read, waited = seat_waits(s);
    s->wait = *m;
    s->has_wait = true;
    seat_becomes_busy(s, waited, now_us);
    seat_has_read(s, m->read, cost < HOUR_US ? (uint64_t)((double)cost * speed) : 0, now_us);
    s->until_us = m->until_us;
    if (clock->kind == CLOCK_WALL && m->until_us < CLOCK_NEVER / 1024) {
        /* A SLIP that it has not read will delay its clock. */
        uint64_t slip = s->slip_sent_us - s->slip_before_us - m->slip_us;
        s->until_us = now_us + (uint64_t)((double)(m->until_us + slip % HOUR_US) * speed);
    } else if (clock->kind == CLOCK_WALL) {
        s->until_us = CLOCK_NEVER;
    }
    progress = progress || (m->kind == CLOCK_BUSY && cost > 0); /* the air follows it */
    if (!progress && clock->kind == CLOCK_WALL && !seat_waits(s)) {
        return; /* a program that says the same wrong thing again and again is busy */
    }
    if (clock->kind == CLOCK_VIRTUAL && m->serial != s->serial) {
        return; /* it does not answer the last WAKE */
    }
    s->suspect = false;
    if (s->let_go) {
        clock->log(clock->ctx, s, "waits again");
    }
    s->let_go = false;
}

/* Handles the messages that are complete. False: one is wrong: the program is to leave. */
static bool seat_take(struct clock *clock, struct seat *s, uint64_t now_us, double speed)
{
    union clock_body body;
    size_t taken = 0;
    enum clock_message what;
    while ((what = clock_take(s->in, s->in_len, &body, &taken)) != CLOCK_MORE) {
        if (what == CLOCK_JOIN && !s->asked) {
            seat_join(clock, s, &body.join);
        } else if (what == CLOCK_WAITING && s->joined &&
                   (clock->kind == CLOCK_WALL || body.waiting.kind != CLOCK_BUSY)) {
            seat_wait(clock, s, &body.waiting, now_us, speed);
        } else {
            return false;
        }
        if (s->fd < 0) {
            return true; /* it has left already */
        }
        s->in_len -= taken;
        memmove(s->in, s->in + taken, s->in_len);
    }
    return s->in_len < sizeof s->in;
}

/* Answers all that have asked.  In virtual time they begin within JITTER_US of each other. */
static void clock_answer(struct clock *clock, uint64_t now_us)
{
    unsigned asked = 0;
    for (struct seat *s = clock->seats; s; s = s->next) {
        asked += s->asked;
    }
    if (!clock->answered && asked < clock->expect) {
        return;
    }
    clock->answered = clock->answered || asked;
    for (struct seat *s = clock->seats; s; s = s->next) {
        uint64_t mixed = (clock->seed + s->number) * 0x9e3779b97f4a7c15u;
        struct clock_joined m = { .kind = clock->kind,
                                  .now_us = now_us,
                                  .start_us = now_us + (mixed >> 40) % JITTER_US,
                                  .epoch_s = EPOCH_S,
                                  .seed = mixed };
        uint8_t answer[CLOCK_MESSAGE_MAX];
        if (s->fd >= 0 && s->asked && !s->joined) {
            s->joined = true;
            s->busy_since_us = now_us;
            s->slip_sent_us = s->slip_before_us = clock->slip_us;
            seat_send(s, answer, clock_put_joined(answer, &m));
        }
    }
}

void clock_expect(struct clock *clock, unsigned expect, uint64_t now_us)
{
    if (clock->expect != expect) {
        clock->expect = expect;
        clock_answer(clock, now_us);
    }
}

size_t clock_fds(const struct clock *clock, struct pollfd *fds, size_t room)
{
    size_t n = 0;
    for (const struct seat *s = clock->seats; s; s = s->next) {
        if (n < room) {
            fds[n] = (struct pollfd){ s->fd, POLLIN, 0 };
        }
        n++;
    }
    return n;
}

/* At most READS_MAX messages' worth, so that a program that writes without pause does not block
 * the others. */
static void seat_serve(struct clock *clock, struct seat *s, uint64_t now_us, double speed)
{
    enum { READS_MAX = 4 };
    for (int n = 0; n < READS_MAX && s->fd >= 0; n++) {
        ssize_t got = read(s->fd, s->in + s->in_len, sizeof s->in - s->in_len);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        s->in_len += got > 0 ? (size_t)got : 0;
        if (got <= 0 || !seat_take(clock, s, now_us, speed)) {
            if (s->fd >= 0) {
                seat_leave(s);
            }
            return;
        }
    }
}

void clock_serve(struct clock *clock, uint64_t now_us, double speed)
{
    for (struct seat *s = clock->seats, *next; s; s = next) {
        next = s->next; /* a JOIN moves the seat */
        if (s->fd >= 0) {
            seat_serve(clock, s, now_us, speed);
        }
    }
    clock_answer(clock, now_us);
}

/* --- the wall's clock ------------------------------------------------------------------------- */

/* Whether the air's time depends on the seat. */
static bool seat_counts(const struct clock *clock, const struct seat *s)
{
    return s->fd >= 0 && s->joined && !s->let_go &&
           (clock->kind == CLOCK_VIRTUAL || (s->clients && s->has_wait));
}

/* The air time up to which the seat has nothing to do. */
static uint64_t seat_floor_us(const struct seat *s)
{
    if (seat_waits(s)) {
        return s->until_us;
    }
    return s->busy_since_us;
}

uint64_t clock_limit_us(const struct clock *clock)
{
    uint64_t floor = CLOCK_NEVER;
    for (const struct seat *s = clock->seats; s; s = s->next) {
        if (seat_counts(clock, s) && seat_floor_us(s) < floor) {
            floor = seat_floor_us(s);
        }
    }
    if (floor > CLOCK_NEVER - CLOCK_GRACE_US) {
        return CLOCK_NEVER;
    }
    return floor + CLOCK_GRACE_US;
}

void clock_slip(struct clock *clock, uint64_t us)
{
    uint8_t message[CLOCK_MESSAGE_MAX];
    clock->slip_us += us;
    for (struct seat *s = clock->seats; s; s = s->next) {
        if (s->fd >= 0 && s->joined && clock->slip_us - s->slip_sent_us >= SLIP_STEP_US) {
            size_t len = clock_put_slip(message, clock->slip_us - s->slip_before_us);
            if (send(s->fd, message, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len) {
                s->slip_sent_us = clock->slip_us;
            }
        }
    }
}

/* --- virtual time ----------------------------------------------------------------------------- */

bool clock_all_wait(const struct clock *clock)
{
    for (const struct seat *s = clock->seats; s; s = s->next) {
        if (s->fd >= 0 && !s->let_go &&
            !(s->joined && s->has_wait && s->wait.serial == s->serial)) {
            return false;
        }
    }
    return clock->answered;
}

/* When the seat is to be woken: at once if it has packets or wants to write, else at its limit. */
static uint64_t seat_wake_us(const struct seat *s)
{
    bool packets = s->wait.read != s->sent && s->sent != s->woken_sent;
    uint64_t at = s->until_us;
    if (packets || (s->wait.blocked && !s->stalled)) {
        at = 0;
    }
    if (at < s->rest_until_us) {
        return s->rest_until_us;
    }
    return at;
}

uint64_t clock_next_us(const struct clock *clock)
{
    uint64_t next = CLOCK_NEVER;
    for (const struct seat *s = clock->seats; s; s = s->next) {
        if (seat_counts(clock, s) && seat_wake_us(s) < next) {
            next = seat_wake_us(s);
        }
    }
    return next;
}

enum clock_wait clock_waits_how(const struct clock *clock)
{
    enum clock_wait how = CLOCK_UNTIL;
    for (const struct seat *s = clock->seats; s; s = s->next) {
        if (seat_counts(clock, s) && s->wait.kind > how) {
            how = s->wait.kind;
        }
    }
    return how;
}

/* A program that has turn after turn at one moment, as by asking its controller again and again,
 * pays for them at last: else time would stand still for all. */
static void seat_count_turn(struct seat *s, uint64_t now_us)
{
    enum { TURNS_FREE = 256, TURN_US = 100 };
    if (now_us > s->woken_at_us + TURN_US) {
        s->turns = 0;
    }
    s->woken_at_us = now_us;
    if (++s->turns > TURNS_FREE) {
        s->rest_until_us = now_us + TURN_US;
    }
}

/* The first moment at which anything happens that is not this seat's. */
static uint64_t clock_horizon_us(const struct clock *clock, const struct seat *except,
                                 uint64_t air_next_us)
{
    uint64_t horizon = air_next_us;
    for (const struct seat *s = clock->seats; s; s = s->next) {
        if (s != except && seat_counts(clock, s) && seat_wake_us(s) < horizon) {
            horizon = seat_wake_us(s);
        }
    }
    return horizon;
}

size_t clock_wake(struct clock *clock, uint64_t now_us, uint64_t air_next_us)
{
    size_t woken = 0;
    bool free_running = clock_waits_how(clock) != CLOCK_UNTIL || clock_has_let_go(clock);
    for (const struct seat *s = clock->seats; s; s = s->next) {
        woken += seat_counts(clock, s) && seat_wake_us(s) <= now_us;
    }
    for (struct seat *s = clock->seats; s; s = s->next) {
        if (!seat_counts(clock, s) || seat_wake_us(s) > now_us) {
            continue;
        }
        struct clock_wake m = { .serial = ++s->serial, .now_us = now_us, .horizon_us = now_us };
        if (woken == 1 && !free_running) {
            m.horizon_us = clock_horizon_us(clock, s, air_next_us);
        }
        uint8_t message[CLOCK_MESSAGE_MAX];
        s->woken_sent = s->sent;
        seat_count_turn(s, now_us);
        seat_send(s, message, clock_put_wake(message, &m));
    }
    return woken;
}

/* --- patience --------------------------------------------------------------------------------- */

/* A file `stat` of /proc: the state ('R': runs or wants to; '?': unknown), and, for a process, the
 * processor time of all its threads. */
static char read_stat(const char *path, uint64_t *cpu_us)
{
    char text[512];
    unsigned long user = 0, system = 0;
    char state = '?';
    *cpu_us = 0;
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) {
        fclose(f);
    }
    text[n] = '\0';
    const char *at = strrchr(text, ')'); /* the command's name may hold anything */
    if (!at || sscanf(at + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state, &user,
                      &system) != 3) {
        return '?';
    }
    *cpu_us = (user + system) * 1000000ull / (unsigned long)sysconf(_SC_CLK_TCK);
    return state;
}

/* Whether a thread of the process runs or wants to, and the processor time of all. */
static bool process_runs(pid_t pid, uint64_t *cpu_us)
{
    char path[80];
    bool runs = false;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    const struct dirent *thread;
    while (threads && !runs && (thread = readdir(threads)) != NULL) {
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/stat", (int)pid, thread->d_name);
        runs = read_stat(path, cpu_us) == 'R';
    }
    if (threads) {
        closedir(threads);
    }
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    return read_stat(path, cpu_us) == 'R' || runs;
}

/* Microseconds of patience left; 0: none.  In the second half of it a program that runs spends
 * processor time, so that a busy machine is not held against it; any other the machine's. */
static uint64_t seat_patience_us(struct clock *clock, struct seat *s, uint64_t real_us)
{
    uint64_t half = (clock->patience_us + 1) / 2, cpu, spent;
    if (!s->suspect) {
        s->suspect = true;
        s->suspect_since_us = real_us;
        s->has_cpu = false;
    }
    spent = real_us - s->suspect_since_us;
    if (spent < half) {
        return half - spent;
    }
    bool runs = process_runs(s->pid, &cpu);
    if (!s->has_cpu) {
        s->has_cpu = true;
        s->suspect_cpu_us = cpu;
    }
    if (runs) {
        spent = half + cpu - s->suspect_cpu_us;
    }
    if (spent >= clock->patience_us) {
        return 0;
    }
    return clock->patience_us - spent;
}

/* Whether the air stands still because of this seat. */
static bool seat_holds(const struct clock *clock, const struct seat *s, uint64_t at_us)
{
    if (clock->kind == CLOCK_WALL) {
        return seat_counts(clock, s) && at_us >= CLOCK_GRACE_US &&
               seat_floor_us(s) <= at_us - CLOCK_GRACE_US;
    }
    return clock->answered && s->fd >= 0 && !s->let_go &&
           !(s->joined && s->has_wait && s->wait.serial == s->serial);
}

uint64_t clock_lose_patience(struct clock *clock, uint64_t at_us, uint64_t real_us)
{
    uint64_t left = CLOCK_NEVER;
    for (struct seat *s = clock->seats; s; s = s->next) {
        if (!seat_holds(clock, s, at_us)) {
            s->suspect = false;
        } else if (clock->patience_us) {
            uint64_t patience = seat_patience_us(clock, s, real_us);
            if (patience == 0 && !s->asked) {
                seat_leave(s); /* it has sent no JOIN */
            } else if (patience == 0) {
                s->let_go = true;
                s->suspect = false;
                clock->log(clock->ctx, s, "is busy: the air goes on without it");
            } else if (patience < left) {
                left = patience;
            }
        }
    }
    return left;
}

bool clock_has_let_go(const struct clock *clock)
{
    for (const struct seat *s = clock->seats; s; s = s->next) {
        if (s->fd >= 0 && s->let_go) {
            return true;
        }
    }
    return false;
}
