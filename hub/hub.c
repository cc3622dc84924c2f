/* The server of the air: accepts hosts, moves HCI packets between them and their controllers, and
 * paces the air to the wall clock.  One thread, one poll() loop: hub_run().
 *
 * Names of other files:
 *   hub: the process that simulates the air: hosts connect to it over HCI, and each gets a
 *       controller there; struct hub, hub_state.h
 *   client: a host and its controller: hub_state.h
 *   options: what hub_run() was called with: struct hub_options, hub.h
 *   extra: of the options: other parts with descriptors in the hub's loop: struct hub_extra, hub.h
 *   stop: hub_run() ends when *stop is not zero
 *   seat: the host's process, if the air's time waits for it (clock.h); NULL: it does not
 *   world: of the options: the world file: places of controllers, walls, links; NULL: none
 *   keys: of the options: logs have the keys, else zeros in their place
 *   listener: of the options: sockets to which hosts connect
 *   attachment: of the options: transports that are one host each
 *   off: a user of control.h has taken the controller off the air: no packet reaches or leaves it
 *   left_at_us: air time at which the host left
 *   rx_stalled: rx_packet waits for room in the controller
 *   packets_moved: packets went to hosts since the extras (hub.h) were served last
 *   accept_at_us: no host is accepted before, for want of descriptors or memory; 0: at once
 *   air_epoch_us: the machine's time at the air's time 0; grows by each delay of the air
 *   speed: air time in the machine's time
 *   pause_at_us: air time at which the air stands still; UINT64_MAX: it goes on
 *   hub_begin_time(): takes the speed and the loss of the options
 *   hub_wall_us(): the air time that the machine's time stands for
 *   hub_packet_began(): ends a step that was to end with a packet
 *   patience_us: us of the machine's time for which the air stands still for a busy program
 *   wake: of the options: a descriptor that becomes readable when *stop is set; 0: none
 *   may_end: of the options: the air may end; false: a program is about to connect
 *   exit_when_empty: of the options: the hub ends after its last host
 *   controlled: of the options: users of control.h may begin captures
 *   pcap: the capture of the air; fd -1: none
 *   record_lost: a packet was left out of the capture, for want of room
 *   first_error: of the first capture or log that could not be written: hub_run()'s result
 *   woad_air_now(): air time: us since the hub began
 *   woad_air_next(): air time of the next event on the air
 *   woad_air_step(): moves the air's time to a moment; what happens until then happens
 *   world_file_next_us(): air time of the world file's next line; UINT64_MAX: none is left
 *   world_file_run(): does the world file's lines that are due
 *   world_file_intercept(): applies the world file's rules to a packet; false: it is lost
 *   framing: packets in a stream of octets, H4 or H5, in both directions: transport/framing.h
 *   framing_due(): ms until the next H5 timer; 0: now
 *   client_read(): moves packets from the host to its controller; false: it is to leave
 *   client_write(): moves packets to the host; false: it is to leave
 *   client_leave(): ends the host's connections; the client stays in the list until they have ended
 *   client_take_seat(): gives a client the seat of its process, if that has one
 *   hub_free_left(): frees clients that have left, after their connections have ended
 *   clock: the programs that keep the air's time: clock.h
 *   clock_add(): a seat for a program that connects for the time
 *   clock_slip(): the air is delayed: the programs get to know
 *   clock_limit_us(): air time that must not be passed, because a program is busy
 *   clock_serve(): reads the programs' messages
 *   clock_fds(): descriptors of the seats, for poll(); with room 0 counts them
 *   clock_free_left(): frees the seats that have left; no client may point to one
 *   clock_lose_patience(): gives up waiting for programs that were busy for too long; returns us of
 *       the machine's time until the next call; CLOCK_NEVER: none is busy
 *   CLOCK_NEVER: no limit: later than any time
 *   capture_put(): adds a record, or drops it if the reader is too slow
 *   capture_flush(): writes without blocking; an error closes the capture
 *   capture_waits(): there is something to write
 *   transport_peer_is_clock(): the program connects for the messages of clock_messages.h
 *   transport_peer_name(): the name that the host's program has bound; returns its length
 *   hub_arrive(): virtual time: the host is attached when all programs wait
 *   around: walls, links, interferers and noise for woad_air_init(); its arrays are the file's */
#define _GNU_SOURCE
#include "hub_state.h"

#include "world_file.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* LATE_MAX_US: a delay that the air catches up on. ALONE_US: how long it waits for a first host.
 * NO_MEMORY_US: until memory for poll() is tried again. */
enum { LATE_MAX_US = 20000, ACCEPTS_MAX = 16, PATIENCE_US = 1000000 };
enum { HOUR_S = 3600, SECOND_US = 1000000, ALONE_US = 5000000, NO_MEMORY_US = 10000 };
enum { PAUSED_US = 100000 };

uint64_t hub_real_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

uint64_t hub_now_us(const struct hub *hub)
{
    return woad_air_now(hub->air);
}

bool hub_keeps_time(const struct hub *hub, pid_t pid)
{
    return clock_seat(&hub->clock, pid) != NULL;
}

/* woad_air_config.sniff: each packet, into the capture. */
static void hub_sniff(void *ctx, const struct woad_air_packet *p)
{
    struct hub *hub = ctx;
    uint8_t record[WOAD_AIR_PCAP_RECORD];
    if (hub->pcap.fd >= 0) {
        size_t len = woad_air_pcap(p, hub->options->keys, record, sizeof record);
        capture_put(&hub->pcap, record, len);
    }
    if (hub->watcher) {
        hub->watcher->air(hub->watcher->ctx, hub, p);
    }
    hub_packet_began(hub);
}

/* Warns of a file with a negative errno; -EAGAIN: the reader of a capture is too slow. */
static void hub_warn(const struct hub *hub, const char *what, int err)
{
    char line[256];
    if (hub->options->warn) {
        snprintf(line, sizeof line, "%.200s: %s", what,
                 err == -EAGAIN ? "its reader is too slow: packets are missing" : strerror(-err));
        hub->options->warn(line);
    }
}

void hub_note_error(struct hub *hub, const char *what, int err)
{
    if (!hub->first_error) {
        hub->first_error = err;
    }
    hub_warn(hub, what, err);
}

/* clock.log: warns of a program that is busy for too long. */
static void hub_log_seat(void *ctx, const struct seat *s, const char *what)
{
    const struct hub *hub = ctx;
    char line[CLOCK_NAME_MAX + 80];
    if (hub->options->warn) {
        snprintf(line, sizeof line, "the program %s (%d) %s", s->name, (int)s->pid, what);
        hub->options->warn(line);
    }
}

/* Runs the H5 timers; returns the milliseconds until the next. */
static uint32_t hub_run_h5_timers(struct hub *hub)
{
    uint32_t left = UINT32_MAX, now = (uint32_t)(hub_real_us() / 1000);
    for (struct client *c = hub->clients; c; c = c->next) {
        uint32_t due = UINT32_MAX;
        if (c->fd >= 0) {
            due = framing_due(&c->framing, now);
        }
        if (due == 0 && !client_read(hub, c)) {
            client_leave(hub, c); /* the H5 link has failed */
        }
        if (due < left) {
            left = due;
        }
    }
    return left;
}

void hub_move_packets(struct hub *hub)
{
    for (struct client *c = hub->clients; c; c = c->next) {
        if (c->fd >= 0 && (!client_write(hub, c) || (c->rx_stalled && !client_read(hub, c)))) {
            client_leave(hub, c);
        }
    }
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    if (a < b) {
        return a;
    }
    return b;
}

uint64_t hub_next(const struct hub *hub)
{
    const struct hub_options *o = hub->options;
    uint64_t next = woad_air_next(hub->air);
    if (o->world) {
        next = min_u64(next, world_file_next_us(o->world));
    }
    for (size_t i = 0; i < o->extras; i++) {
        if (o->extra[i].next_us) {
            next = min_u64(next, o->extra[i].next_us(o->extra[i].ctx));
        }
    }
    return next;
}

/* Calls each extra's serve(); hub.h says when that is due. */
void hub_serve_extras(struct hub *hub)
{
    const struct hub_options *o = hub->options;
    hub->packets_moved = false;
    for (size_t i = 0; i < o->extras; i++) {
        o->extra[i].serve(o->extra[i].ctx, hub, woad_air_now(hub->air));
    }
}

/* Whether an extra wants to be served at this air time. */
static bool hub_extra_is_due(const struct hub *hub, uint64_t now)
{
    const struct hub_options *o = hub->options;
    bool due = false;
    for (size_t i = 0; i < o->extras; i++) {
        due = due || (o->extra[i].next_us && o->extra[i].next_us(o->extra[i].ctx) <= now);
    }
    return due;
}

void hub_step(struct hub *hub, uint64_t next)
{
    woad_air_step(hub->air, next);
    if (hub->options->world) {
        world_file_run(hub->options->world, next);
    }
    hub_move_packets(hub);
    if (hub->packets_moved || hub_extra_is_due(hub, next)) {
        hub_serve_extras(hub);
    }
}

/* The machine was too slow, or a program: delays all later air time by `us`. */
static void hub_skip_time(struct hub *hub, uint64_t us)
{
    us = (uint64_t)((double)us / hub->speed);
    hub->air_epoch_us += us;
    clock_slip(&hub->clock, us);
}

/* Advances the air to the wall clock, but not past what programs are busy with (clock.h).  If it
 * is late by more than LATE_MAX_US, its time is delayed for all hosts; no event is skipped. */
static void hub_run_air(struct hub *hub)
{
    uint64_t now = hub_wall_us(hub), next = hub_next(hub), limit;
    if (next < now && now - next > LATE_MAX_US) {
        hub_skip_time(hub, now - next);
        now = next;
    }
    while (!*hub->stop) {
        limit = min_u64(clock_limit_us(&hub->clock), hub->pause_at_us);
        if (limit < now) {
            uint64_t until = limit < woad_air_now(hub->air) ? woad_air_now(hub->air) : limit;
            hub_skip_time(hub, now - until);
            now = until;
        }
        next = hub_next(hub);
        if (next > now) {
            woad_air_step(hub->air, now);
            return;
        }
        hub_step(hub, next);
    }
}

/* Counts the extras' descriptors, and puts as many of them as there is room for at `at`. */
static size_t hub_extra_fds(const struct hub *hub, struct pollfd *at, size_t room)
{
    const struct hub_options *o = hub->options;
    size_t n = 0;
    for (size_t i = 0; i < o->extras; i++) {
        if (o->extra[i].fds) {
            size_t used = room < n ? room : n;
            n += o->extra[i].fds(o->extra[i].ctx, at + used, room - used);
        }
    }
    return n;
}

/* Makes room for the descriptors of all hosts, listeners and extras. */
static bool hub_fds_reserve(struct hub *hub)
{
    struct pollfd none;
    size_t n = hub->options->listeners + 2 + hub_extra_fds(hub, &none, 0) +
               clock_fds(&hub->clock, &none, 0);
    for (struct client *c = hub->clients; c; c = c->next) {
        n++;
    }
    if (n > hub->fds_allocated) {
        struct pollfd *more = realloc(hub->fds, n * 2 * sizeof *more);
        if (!more) {
            return false;
        }
        hub->fds = more;
        hub->fds_allocated = n * 2;
    }
    return true;
}

/* Fills hub->fds: listeners, hosts (if `hosts`), wake, capture, seats, extras, in this order, which
 * hub_poll() relies on. Returns how many; 0: no memory. */
static size_t hub_fds(struct hub *hub, bool hosts)
{
    size_t n = 0;
    if (!hub_fds_reserve(hub)) {
        return 0;
    }
    for (size_t i = 0; i < hub->options->listeners; i++) {
        int fd = -1;
        if (hub->accept_at_us <= hub_real_us()) {
            fd = hub->options->listener[i].fd;
        }
        hub->fds[n++] = (struct pollfd){ fd, POLLIN, 0 };
    }
    for (struct client *c = hosts ? hub->clients : NULL; c; c = c->next) {
        bool writes = c->framing.out_off < c->framing.out_len;
        short what = c->rx_stalled ? 0 : POLLIN;
        what = (short)(what | (writes ? POLLOUT : 0));
        hub->fds[n++] = (struct pollfd){ c->fd, what, 0 };
    }
    if (hub->options->wake > 0) {
        hub->fds[n++] = (struct pollfd){ hub->options->wake, POLLIN, 0 };
    }
    if (capture_waits(&hub->pcap)) {
        hub->fds[n++] = (struct pollfd){ hub->pcap.fd, POLLOUT, 0 };
    }
    n += clock_fds(&hub->clock, hub->fds + n, hub->fds_allocated - n);
    return n + hub_extra_fds(hub, hub->fds + n, hub->fds_allocated - n);
}

/* The process at the other end of a unix socket; 0: unknown. */
static pid_t peer_process(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
        return 0;
    }
    return peer.pid;
}

/* A connection of a host, or of a program for the time.  False: no memory. */
static bool hub_take(struct hub *hub, const struct hci_transport *listener, int fd)
{
    char name[PEER_NAME_MAX];
    pid_t pid = peer_process(fd);
    if (transport_peer_is_clock(fd)) {
        return clock_add(&hub->clock, fd, pid, woad_air_now(hub->air)) != NULL;
    }
    if (hub->clock.kind == CLOCK_VIRTUAL) {
        return hub_arrive(hub, fd, pid);
    }
    if (!client_add(hub, listener, fd, true, name, transport_peer_name(fd, name))) {
        return false;
    }
    hub->clients->pid = pid;
    client_take_seat(hub, hub->clients);
    return true;
}

/* Without a free descriptor or memory the host stays in the socket's backlog, and the socket stays
 * readable: it is not polled for a second, or until another host leaves. */
static void hub_accept(struct hub *hub, const struct hci_transport *listener)
{
    for (int n = 0; n < ACCEPTS_MAX; n++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            bool transient = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
            hub->accept_at_us = transient ? hub->accept_at_us : hub_real_us() + SECOND_US;
            return;
        }
        if (!hub_take(hub, listener, fd)) {
            close(fd);
        }
    }
}

void hub_accept_all(struct hub *hub)
{
    for (size_t i = 0; i < hub->options->listeners; i++) {
        if (hub->accept_at_us <= hub_real_us()) {
            hub_accept(hub, &hub->options->listener[i]);
        }
    }
}

/* Microseconds until there is work without a packet from a host. */
static uint64_t hub_idle_us(struct hub *hub)
{
    uint64_t next = hub_next(hub), now = hub_wall_us(hub), wall = hub_real_us();
    uint64_t us = HOUR_S * (uint64_t)SECOND_US;
    if (hub->pause_at_us != UINT64_MAX) {
        us = PAUSED_US; /* the programs have to know by how much they are delayed */
    }
    if (next != UINT64_MAX && next <= hub->pause_at_us) {
        us = 0;
        if (next > now) {
            us = next - now;
        }
    }
    us = (uint64_t)((double)us / hub->speed);
    us = min_u64(us, hub_run_h5_timers(hub) * 1000ull);
    if (hub->accept_at_us > wall) {
        us = min_u64(us, hub->accept_at_us - wall);
    }
    /* The program that holds the user's lock may connect, or may exit without a connection. */
    if (hub->options->exit_when_empty && !hub->clients) {
        return min_u64(us, SECOND_US);
    }
    return us;
}

/* A host's descriptor is ready. While rx_stalled only hang-ups and errors are polled for.  False:
 * the client is to leave. */
static bool client_event(struct hub *hub, struct client *c, short what)
{
    if (c->rx_stalled && (what & (POLLHUP | POLLERR | POLLNVAL))) {
        return false;
    }
    return client_read(hub, c);
}

/* Reads the programs' messages.  Those that have joined get their hosts, and hosts of those that
 * have left keep no time any more. */
static void hub_serve_clock(struct hub *hub)
{
    clock_serve(&hub->clock, woad_air_now(hub->air), hub->speed);
    for (struct client *c = hub->clients; c; c = c->next) {
        if (c->seat && c->seat->fd < 0) {
            c->seat = NULL;
        } else if (!c->seat && c->pid && c->fd >= 0) {
            client_take_seat(hub, c);
        }
    }
    clock_free_left(&hub->clock);
}

/* Hosts are served in the order of the list. Meanwhile hub_run_air() may have marked a client as
 * left, but none is freed or added before: fds[] and the list still match. */
void hub_poll(struct hub *hub, uint64_t us, bool hosts)
{
    size_t n = hub_fds(hub, hosts);
    if (!n) {
        us = min_u64(us, NO_MEMORY_US);
    }
    struct timespec ts = { (time_t)(us / SECOND_US), (long)(us % SECOND_US) * 1000 };
    int ready = ppoll(hub->fds, (nfds_t)n, &ts, NULL);
    if (ready > 0 && hosts) {
        hub_run_air(hub); /* packets that are ready now take effect now */
    }
    size_t i = hub->options->listeners;
    for (struct client *c = hosts ? hub->clients : NULL; c && i < n && ready > 0;
         c = c->next, i++) {
        short what = hub->fds[i].revents;
        if (c->fd >= 0 && c->fd == hub->fds[i].fd && what && !client_event(hub, c, what)) {
            client_leave(hub, c);
        }
    }
    for (i = 0; i < hub->options->listeners && ready > 0; i++) {
        if (hub->fds[i].fd >= 0 && hub->fds[i].revents) {
            hub_accept(hub, &hub->options->listener[i]);
        }
    }
    if (hub->clock.seats && ready > 0) {
        hub_serve_clock(hub);
    }
}

/* The air stands still while a program is busy: until it speaks, or there is no more patience. */
static uint64_t hub_patience_us(struct hub *hub, uint64_t us)
{
    if (!hub->clock.seats) {
        return us;
    }
    uint64_t left = clock_lose_patience(&hub->clock, hub_wall_us(hub), hub_real_us());
    if (left == CLOCK_NEVER) {
        return us;
    }
    return min_u64(left, hub_run_h5_timers(hub) * 1000ull);
}

/* On the wall's clock: waits until the next event, or for a descriptor. */
static void hub_wait(struct hub *hub)
{
    hub_poll(hub, hub_patience_us(hub, hub_idle_us(hub)), true);
}

/* A capture that a user of the control interface has begun does not decide how the air ends. */
static void hub_note_capture_error(struct hub *hub, int err)
{
    if (hub->options->pcap && strcmp(hub->options->pcap, hub->pcap_path) == 0) {
        hub_note_error(hub, hub->pcap_path, err);
    } else {
        hub_warn(hub, hub->pcap_path, err);
    }
}

/* Writes what the capture's reader takes now; warns once when packets had to be left out. */
static int hub_flush_capture(struct hub *hub)
{
    bool left_out = hub->pcap.record_lost;
    int err = capture_flush(&hub->pcap);
    if (err) {
        hub_note_capture_error(hub, err);
    } else if (left_out && !capture_waits(&hub->pcap)) {
        hub->pcap.record_lost = false; /* the reader has caught up */
    } else if (left_out && !hub->slow_reader_warned) {
        hub_note_capture_error(hub, -EAGAIN);
    }
    hub->slow_reader_warned = hub->pcap.record_lost;
    return err;
}

void hub_flush(struct hub *hub)
{
    (void)hub_flush_capture(hub);
}

/* Closes the capture, if there is one; its last error, or 0. */
static int hub_end_capture(struct hub *hub)
{
    int err = capture_close(&hub->pcap);
    if (err && !hub->first_error) {
        hub_note_capture_error(hub, err);
    }
    return err;
}

/* Whether the path is the file of the running capture. */
static bool hub_captures_to(const struct hub *hub, const char *path)
{
    struct stat now, wanted;
    return hub->pcap.fd >= 0 && fstat(hub->pcap.fd, &now) == 0 && stat(path, &wanted) == 0 &&
           now.st_dev == wanted.st_dev && now.st_ino == wanted.st_ino;
}

int hub_capture(struct hub *hub, const char *path)
{
    uint8_t header[WOAD_AIR_PCAP_HEADER];
    struct capture next;
    if (!path) {
        return hub_end_capture(hub);
    }
    if (hub_captures_to(hub, path)) {
        hub_end_capture(hub); /* its lock would refuse the new one */
    }
    woad_air_pcap_header(header);
    int err = capture_open(&next, path, header, sizeof header, hub->options->keys);
    if (err) {
        return err;
    }
    err = capture_flush(&next);
    if (err) {
        hub_warn(hub, path, err);
        capture_close(&next);
        return err;
    }
    hub_end_capture(hub);
    snprintf(hub->pcap_path, sizeof hub->pcap_path, "%.199s", path);
    hub->pcap = next;
    hub->slow_reader_warned = false;
    return 0;
}

/* Whether the sender or the receiver is off the air. */
static bool hub_has_off(const struct hub *hub, const struct woad_air_controller *from,
                        const struct woad_air_controller *to)
{
    const struct client *c = hub->clients;
    while (c && !(c->off && (c->controller == from || c->controller == to))) {
        c = c->next;
    }
    return c != NULL;
}

/* woad_air_config.intercept: false: the packet is lost for this receiver. */
static bool hub_intercept(void *ctx, const struct woad_air_packet *packet,
                          const struct woad_air_controller *to, uint8_t *pdu,
                          struct woad_air_delivery *delivery)
{
    const struct hub *hub = ctx;
    if (hub_has_off(hub, packet->from, to)) {
        return false;
    }
    return world_file_intercept(hub->options->world, packet, to, pdu, delivery);
}

/* Ends everything that hub_run() has begun, also after its first steps have failed. */
static void hub_close(struct hub *hub)
{
    for (struct client *c = hub->clients; c; c = c->next) {
        if (c->fd >= 0) {
            close(c->fd);
            c->fd = -1;
        }
        c->left_at_us = 0;
    }
    while (hub->clients) {
        struct client *c = hub->clients;
        hub->clients = c->next;
        client_free(c);
    }
    hub_flush(hub);
    hub_end_capture(hub);
    hub_refuse_arrivals(hub);
    clock_close(&hub->clock);
    free(hub->fds);
}

/* The last host has disconnected, or none has connected for ALONE_US. */
static bool hub_is_finished(const struct hub *hub, bool used, uint64_t begun)
{
    return hub->options->exit_when_empty && !hub->clients &&
           (used || hub_real_us() > begun + ALONE_US) && hub->options->may_end(hub->options->ctx);
}

int hub_run(const struct hub_options *o, const volatile int *stop)
{
    struct woad_air_config cfg = { .seed = o->seed, .loss_per_mille = o->loss_per_mille };
    void *memory = malloc(woad_air_size());
    struct hub hub = { .options = o, .stop = stop, .pcap.fd = -1 };
    hub_begin_time(&hub);
    bool used = false;
    int err = hub_capture(&hub, o->pcap);
    if (!err) {
        err = hub.first_error;
    }
    if (o->pcap || o->controlled) {
        cfg.sniff = hub_sniff;
        cfg.ctx = &hub;
    }
    if (o->world) {
        o->world->find_controller = hub_find_controller;
        o->world->ctx = &hub;
        cfg.around = &o->world->around;
        cfg.intercept = hub_intercept;
        cfg.ctx = &hub;
    }
    hub.air = err ? NULL : woad_air_init(memory, woad_air_size(), &cfg);
    if (!hub.air) {
        hub_close(&hub);
        free(memory);
        if (err) {
            return err;
        }
        return -EINVAL;
    }
    hub.clock = (struct clock){ .kind = o->virtual_clock ? CLOCK_VIRTUAL : CLOCK_WALL,
                                .patience_us = o->patience_us ? o->patience_us : PATIENCE_US,
                                .seed = o->seed,
                                .log = hub_log_seat,
                                .ctx = &hub };
    hub.air_epoch_us = hub_real_us();
    uint64_t begun = hub.air_epoch_us;
    for (size_t i = 0; i < o->attachments; i++) {
        client_add(&hub, &o->attachment[i], o->attachment[i].fd, false, NULL, 0);
    }
    hub_serve_extras(&hub);
    while (!*stop && o->virtual_clock) {
        hub_run_virtual(&hub);
    }
    while (!*stop) {
        hub_run_air(&hub);
        hub_move_packets(&hub);
        hub_free_left(&hub);
        hub_serve_extras(&hub);
        used = used || hub.clients;
        if (*stop || hub_is_finished(&hub, used, begun)) {
            break;
        }
        hub_flush(&hub);
        hub_wait(&hub);
    }
    hub_close(&hub);
    free(memory);
    return hub.first_error;
}
