/* The air in virtual time: as soon as all programs wait, the clock moves to the first thing that
 * is to happen.  Same programs, same seed: the same packets at the same microseconds.  Therefore
 * nothing here depends on which program is faster: hosts are attached, and their packets given to
 * the controllers, in the order of the seats, and only while all wait.
 *
 * Names of other files:
 *   hub: the process that simulates the air: hosts connect to it over HCI, and each gets a
 *       controller there; struct hub, hub_state.h
 *   client: a host and its controller: hub_state.h
 *   seat: the host's process, if the air's time waits for it (clock.h); NULL: it does not
 *   stop: hub_run() ends when *stop is not zero
 *   arrivals: hosts that are not attached yet, in the order of their connections
 *   came_us: the machine's time at which the host connected
 *   rx_stalled: rx_packet waits for room in the controller
 *   pace: virtual time: a user's limit, in the machine's time; 0: none
 *   pause_at_us: air time at which the air stands still; UINT64_MAX: it goes on
 *   woken_us: air time at which a program was woken last
 *   looked_us: the machine's time of the last look at newcomers
 *   flushed_us: the machine's time of the last flush
 *   paced_real_us: the machine's time since which virtual time is paced; 0: it is not
 *   paced_air_us: air time at that moment
 *   joined: of a seat: JOIN is answered: the program takes part
 *   client_read(): moves packets from the host to its controller; false: it is to leave
 *   client_leave(): ends the host's connections; the client stays in the list until they have ended
 *   client_take_seat(): gives a client the seat of its process, if that has one
 *   transport_peer_name(): the name that the host's program has bound; returns its length
 *   clock_seat(): the seat of a process; NULL: it does not keep the air's time
 *   clock_expect(): virtual time begins when so many programs have joined
 *   clock_all_wait(): every program waits: time may move
 *   clock_next_us(): air time at which the first program is to be woken
 *   clock_waits_how(): the strictest of the programs' ways to wait
 *   clock_wake(): wakes the programs that have something to do now; returns how many
 *   clock_has_let_go(): the air goes on without a program that was busy for too long
 *   clock_lose_patience(): gives up waiting for programs that were busy for too long; returns us of
 *       the machine's time until the next call; CLOCK_NEVER: none is busy
 *   CLOCK_NEVER: no limit: later than any time
 *   CLOCK_HOLD: the program waits for something outside the air, and time stands still
 *   CLOCK_PACED: the program waits for something outside the air: time goes no faster than the
 *       wall's
 *   woad_air_now(): air time: us since the hub began
 *   hub_next(): air time of the next event: of the air, the world file or an extra
 *   hub_step(): moves the air to the next moment, and does all that is due then
 *   hub_poll(): polls for so long, accepts, reads messages, and with true the hosts' packets
 *   hub_serve_extras(): calls each extra's serve()
 *   hub_accept_all(): accepts the hosts that wait at the listeners
 *   hub_flush(): writes the capture
 *   hub_real_us(): the machine's time
 *   hub_move_packets(): gives the hosts what their controllers have for them
 *   hub_free_left(): frees clients that have left, after their connections have ended */
#include "hub_state.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* us of the machine's time. REFUSE_US: a host is refused if its program has not joined by then. */
enum { REFUSE_US = 1000000, FLUSH_US = 100000, LOOK_US = 10000 };
/* FAR_US: after so much virtual time in which no program was woken, and none has a limit, the clock
 * goes no faster than the wall's: nobody waits for the time. */
#define LONG_US 3600000000u
#define FAR_US 60000000u

/* hub_poll(): hosts are read in hub_drain(), in an order that does not depend on the machine. */
enum { NO_HOSTS = false };

/* --- hosts ------------------------------------------------------------------------------------ */

bool hub_arrive(struct hub *hub, int fd, pid_t pid)
{
    struct arrival *a = calloc(1, sizeof *a), **at = &hub->arrivals;
    if (!a) {
        return false;
    }
    a->fd = fd;
    a->pid = pid;
    a->came_us = hub_real_us();
    a->name_len = transport_peer_name(fd, a->name);
    while (*at) {
        at = &(*at)->next;
    }
    *at = a;
    return true;
}

/* Closes a host that is not attached; its program finds that the air has ended. */
static void arrival_refuse(struct arrival *a)
{
    close(a->fd);
    free(a);
}

void hub_refuse_arrivals(struct hub *hub)
{
    while (hub->arrivals) {
        struct arrival *a = hub->arrivals;
        hub->arrivals = a->next;
        arrival_refuse(a);
    }
}

/* Attaches the host of a program that keeps the air's time. */
static void arrival_attach(struct hub *hub, struct arrival *a)
{
    const struct hci_transport h4 = { .fd = -1 };
    if (!client_add(hub, &h4, a->fd, true, a->name, a->name_len)) {
        arrival_refuse(a);
        return;
    }
    hub->clients->pid = a->pid;
    client_take_seat(hub, hub->clients);
    free(a);
}

/* Attaches the hosts of each seat in turn. Those of programs that have not joined stay. */
static void hub_attach_arrivals(struct hub *hub)
{
    for (const struct seat *s = hub->clock.seats; s; s = s->next) {
        for (struct arrival **at = &hub->arrivals; *at;) {
            struct arrival *a = *at;
            if (a->pid == s->pid && s->joined && s->fd >= 0) {
                *at = a->next;
                arrival_attach(hub, a);
            } else {
                at = &a->next;
            }
        }
    }
}

/* Refuses hosts of programs that do not join soon. */
static void hub_refuse_strangers(struct hub *hub)
{
    for (struct arrival **at = &hub->arrivals; *at;) {
        struct arrival *a = *at;
        if (!clock_seat(&hub->clock, a->pid) && hub_real_us() - a->came_us > REFUSE_US) {
            *at = a->next;
            arrival_refuse(a);
            if (hub->options->warn) {
                hub->options->warn("a host is refused: it does not keep the air's virtual time");
            }
        } else {
            at = &a->next;
        }
    }
}

/* Reads all that a host has written. */
static void client_drain(struct hub *hub, struct client *c)
{
    uint64_t before;
    do {
        before = c->received;
        if (!client_read(hub, c)) {
            client_leave(hub, c);
        }
    } while (c->fd >= 0 && !c->rx_stalled && c->received != before);
}

/* The hosts of one seat, those that were attached first at first; NULL: of programs that have
 * left. */
static void hub_drain_seat(struct hub *hub, const struct seat *s)
{
    unsigned last = 0;
    for (;;) {
        struct client *first = NULL;
        for (struct client *c = hub->clients; c; c = c->next) {
            if (c->seat == s && c->fd >= 0 && c->number > last &&
                (!first || c->number < first->number)) {
                first = c;
            }
        }
        if (!first) {
            return;
        }
        last = first->number;
        client_drain(hub, first);
    }
}

/* All hosts, in the order of the seats. */
static void hub_drain(struct hub *hub)
{
    for (const struct seat *s = hub->clock.seats; s; s = s->next) {
        if (s->fd >= 0) {
            hub_drain_seat(hub, s);
        }
    }
    hub_drain_seat(hub, NULL);
}

/* --- time ------------------------------------------------------------------------------------- */

/* Air time in the machine's time.  `outside`: no faster than the wall's. */
static double hub_pace(const struct hub *hub, bool outside)
{
    if (hub->pace > 0 && (!outside || hub->pace < 1)) {
        return hub->pace;
    }
    return 1;
}

/* How far the clock may go: while a program waits for something outside the air, or was let go, or
 * a user has limited its speed. */
static uint64_t hub_paced_us(struct hub *hub, bool outside)
{
    uint64_t now = hub_real_us();
    if (!hub->paced_real_us) {
        hub->paced_real_us = now;
        hub->paced_air_us = woad_air_now(hub->air);
    }
    return hub->paced_air_us +
           (uint64_t)((double)(now - hub->paced_real_us) * hub_pace(hub, outside));
}

/* A fast virtual clock would flush at each step. */
static void hub_flush_now_and_then(struct hub *hub)
{
    uint64_t now = hub_real_us();
    if (now - hub->flushed_us >= FLUSH_US) {
        hub->flushed_us = now;
        hub_flush(hub);
    }
}

/* Waits for programs, or for the time until the clock may go on. */
static void hub_wait_outside(struct hub *hub, uint64_t us)
{
    if (us > FLUSH_US) {
        hub_flush(hub);
    }
    if (hub->arrivals && us > REFUSE_US) {
        us = REFUSE_US;
    }
    hub_poll(hub, us < LONG_US ? us : LONG_US, NO_HOSTS);
}

/* Looks at newcomers, and at programs that have left, now and then.  True: something has come, or
 * the last program has ended, and with it the hub. */
static bool hub_look(struct hub *hub)
{
    uint64_t now = hub_real_us();
    if (now - hub->looked_us < LOOK_US) {
        return false;
    }
    hub->looked_us = now;
    hub_poll(hub, 0, NO_HOSTS);
    hub_serve_extras(hub);
    return *hub->stop || hub->arrivals || !clock_all_wait(&hub->clock);
}

/* Moves the clock to the next moment, and wakes the programs for which it is one.  All wait. */
static void hub_advance(struct hub *hub)
{
    while (!*hub->stop && !hub_look(hub)) {
        uint64_t now = woad_air_now(hub->air), next = hub_next(hub);
        uint64_t until = clock_next_us(&hub->clock);
        if (clock_wake(&hub->clock, now, next)) {
            hub->woken_us = now;
            return;
        }
        bool far = until == CLOCK_NEVER && now - hub->woken_us > FAR_US;
        enum clock_wait how = clock_waits_how(&hub->clock);
        next = until < next ? until : next;
        bool pauses = next > hub->pause_at_us;
        if (pauses && how != CLOCK_HOLD && now < hub->pause_at_us) {
            hub_step(hub, hub->pause_at_us); /* the rest of a step of time */
        }
        if (how == CLOCK_HOLD || next == CLOCK_NEVER || pauses) {
            hub->paced_real_us = 0;
            hub_wait_outside(hub, LONG_US);
            return;
        }
        bool outside = how == CLOCK_PACED || clock_has_let_go(&hub->clock) || far;
        if (outside || hub->pace > 0) {
            uint64_t paced = hub_paced_us(hub, outside);
            if (next > paced) {
                hub_wait_outside(hub, (uint64_t)((double)(next - paced) / hub_pace(hub, outside)));
                return;
            }
        } else {
            hub->paced_real_us = 0;
        }
        hub_step(hub, next);
    }
}

void hub_run_virtual(struct hub *hub)
{
    clock_expect(&hub->clock, hub->options->expect, woad_air_now(hub->air));
    if (clock_all_wait(&hub->clock)) {
        hub_accept_all(hub); /* a WAIT that was read is behind its program's connect() */
        hub_attach_arrivals(hub);
        hub_drain(hub);
        hub_move_packets(hub);
        hub_free_left(hub);
        hub_serve_extras(hub);
        hub_advance(hub);
    }
    hub_flush_now_and_then(hub);
    hub_refuse_strangers(hub);
    uint64_t left = clock_lose_patience(&hub->clock, 0, hub_real_us());
    if (!*hub->stop && !clock_all_wait(&hub->clock)) {
        if (hub->arrivals && left > REFUSE_US) {
            left = REFUSE_US;
        }
        hub_poll(hub, left < LONG_US ? left : LONG_US, NO_HOSTS);
        hub_serve_extras(hub);
    }
}
