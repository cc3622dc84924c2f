/* The server of the air: accepts hosts, moves HCI packets between them and their controllers, and
 * paces the air to the wall clock.  One thread, one poll() loop: hub_run(). */
#define _GNU_SOURCE
#include "hub.h"

#include <woad/air.h>
#include <woad/crypto.h>

#include "../transport/btsnoop.h"
#include "../transport/framing.h"
#include "../transport/open.h"
#include "capture.h"
#include "world_file.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LATE_MAX_US = 20000, LEAVE_MAX_US = 5000000, READS_MAX = 8, ACCEPTS_MAX = 16 };
enum { HOUR_S = 3600, SECOND_US = 1000000, ALONE_US = 5000000, NO_MEMORY_US = 10000 };

/* A host and its controller. */
struct client {
    struct client *next;
    int fd; /* -1: the host has left, and the controller's connections are ending */
    bool serial, is_socket;
    bool rx_stalled;     /* rx_packet waits for room in the controller */
    uint64_t left_at_us; /* air time */
    struct woad_air_controller *controller;
    void *memory; /* the controller's */
    struct framing framing;
    const uint8_t *rx_packet; /* from the host, not given to the controller yet */
    size_t rx_packet_len;     /* 0: none */
    unsigned number;
    uint8_t address[6];
    struct btsnoop log;
};

struct hub {
    const struct hub_options *options;
    struct woad_air *air;
    struct client *clients;
    unsigned last_number;
    uint64_t air_epoch_us; /* wall clock at the air's time 0 */
    uint64_t accept_at_us; /* wall clock: accept no host before */
    struct pollfd *fds;
    size_t fds_allocated;
    struct capture pcap;
    bool slow_reader_warned; /* of the capture */
    int first_error;         /* of the first capture or log that could not be written */
};

static uint64_t wall_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static void hub_sniff(void *ctx, const struct woad_air_packet *p)
{
    struct hub *hub = ctx;
    uint8_t record[WOAD_AIR_PCAP_RECORD];
    if (hub->pcap.fd >= 0) {
        size_t len = woad_air_pcap(p, hub->options->keys, record, sizeof record);
        capture_put(&hub->pcap, record, len);
    }
}

/* The air time that corresponds to the wall clock. */
static uint64_t hub_now(const struct hub *hub)
{
    uint64_t us = wall_us() - hub->air_epoch_us;
    if (hub->options->speed > 0) {
        return (uint64_t)((double)us * hub->options->speed);
    }
    return us;
}

/* The machine was too slow: delays all later air time by `us`. */
static void hub_skip_time(struct hub *hub, uint64_t us)
{
    hub->air_epoch_us +=
        hub->options->speed > 0 ? (uint64_t)((double)us / hub->options->speed) : us;
}

/* A capture or log cannot be written: warns, and keeps the error for hub_run()'s result.  Hosts are
 * still served. */
static void hub_note_error(struct hub *hub, const char *what, int err)
{
    char line[256];
    if (!hub->first_error) {
        hub->first_error = err;
    }
    if (hub->options->warn) {
        snprintf(line, sizeof line, "%.200s: %s", what,
                 err == -EAGAIN ? "its reader is too slow: packets are missing" : strerror(-err));
        hub->options->warn(line);
    }
}

static void hub_log(struct hub *hub, const char *what, const struct client *c)
{
    char line[80];
    if (hub->options->log) {
        snprintf(line, sizeof line, "controller %u %s", c->number, what);
        hub->options->log(line);
    }
}

/* For the world file: the controller with that number, NULL: none. */
static struct woad_air_controller *hub_find(void *ctx, unsigned number)
{
    struct hub *hub = ctx;
    for (struct client *c = hub->clients; c; c = c->next) {
        if (c->number == number) {
            return c->controller;
        }
    }
    return NULL;
}

static void hub_update_links(struct hub *hub)
{
    if (hub->options->world) {
        world_file_update_links(hub->options->world);
    }
}

/* Opens DIR/N.btsnoop.  Its timestamps are air time, like the capture's. */
static void client_open_log(struct hub *hub, struct client *c)
{
    char path[4096];
    c->log.fd = -1;
    if (!hub->options->btsnoop) {
        return;
    }
    int n = snprintf(path, sizeof path, "%s/%u.btsnoop", hub->options->btsnoop, c->number);
    int err = -ENAMETOOLONG;
    if (n < (int)sizeof path) {
        err = btsnoop_open(&c->log, path, hub->options->keys);
    }
    if (err) {
        hub_note_error(hub, path, err);
    }
}

static void client_log_packet(struct hub *hub, struct client *c, bool received,
                              const uint8_t *packet, size_t len)
{
    if (c->log.fd < 0) {
        return;
    }
    int err = btsnoop_put(&c->log, woad_air_now(hub->air), received, packet, len);
    if (err) {
        hub_note_error(hub, hub->options->btsnoop, err);
        btsnoop_close(&c->log);
    }
}

static void client_free(struct client *c)
{
    woad_air_detach(c->controller);
    btsnoop_close(&c->log);
    framing_free(&c->framing);
    free(c->memory);
    free(c);
}

/* Whether a connected host has this address. */
static bool hub_has_address(const struct hub *hub, const uint8_t address[6])
{
    for (const struct client *c = hub->clients; c; c = c->next) {
        if (c->fd >= 0 && memcmp(c->address, address, 6) == 0) {
            return true;
        }
    }
    return false;
}

/* Chooses a locally administered address: "WOAD" with the W's group bit cleared, and a number.  A
 * program that has bound a name (transport_open_as()) gets "WOA" and 23 bits of the name's hash:
 * the same address each time. */
static void client_address(const struct hub *hub, struct client *c, const char *name, size_t len)
{
    enum { NAMED = 1 << 23 };
    uint32_t low = 'D' << 16 | (c->number & 0xffff), hash = 2166136261u;
    for (size_t k = 0; k < len; k++) {
        hash = (hash ^ (uint8_t)name[k]) * 16777619u;
    }
    if (len) {
        low = NAMED | (hash ^ hash >> 23);
    }
    do {
        const uint8_t address[6] = {
            (uint8_t)low, (uint8_t)(low >> 8), (uint8_t)(low >> 16), 'A', 'O', 0x56
        };
        memcpy(c->address, address, sizeof address);
        low = NAMED | (low + 1);
    } while (len && hub_has_address(hub, c->address));
}

/* Attaches a controller for a host.  `name`: what the host's program has bound, `len` 0: nothing.
 * False: no memory; the caller closes fd. */
static bool client_add(struct hub *hub, const struct hci_transport *transport, int fd, bool socket,
                       const char *name, size_t len)
{
    struct woad_air_controller_config cfg = { .conns = 16,
                                              .acl_count = 12,
                                              .acl_len = 251,
                                              .queue = 16384,
                                              .crypto = &woad_mbedtls,
                                              .adv_sets = 4,
                                              .iso = 4 };
    unsigned n = ++hub->last_number;
    struct client *c = calloc(1, sizeof *c);
    if (!c) {
        return false;
    }
    c->number = n;
    if (hub->options->profile) {
        woad_air_profile(hub->options->profile, &cfg);
    }
    client_address(hub, c, name, len);
    memcpy(cfg.address, c->address, sizeof c->address);
    /* A grid of 64 by 64 places, 1.2 m apart. */
    cfg.x_mm = (int32_t)(n % 64) * 1200;
    cfg.y_mm = (int32_t)(n / 64 % 64) * 1200;
    if (hub->options->world) {
        world_file_configure(hub->options->world, n, &cfg);
    }
    size_t size = woad_air_controller_size(&cfg);
    void *memory = malloc(size);
    if (!memory || framing_init(&c->framing, transport->three_wire) < 0) {
        free(c);
        free(memory);
        return false;
    }
    c->fd = fd;
    c->serial = transport->serial;
    c->is_socket = socket;
    c->memory = memory;
    client_open_log(hub, c);
    c->controller = woad_air_attach(hub->air, memory, size, &cfg);
    c->next = hub->clients;
    hub->clients = c;
    hub_update_links(hub);
    hub_log(hub, "attached", c);
    return true;
}

/* The host has left: its controller ends all connections, then hub_free_left() frees it. */
static void client_leave(struct hub *hub, struct client *c)
{
    close(c->fd);
    hub->accept_at_us = 0;
    c->fd = -1;
    c->left_at_us = woad_air_now(hub->air);
    woad_air_leave(c->controller);
    hub_log(hub, "left", c);
}

static void hub_free_left(struct hub *hub)
{
    for (struct client **at = &hub->clients; *at;) {
        struct client *c = *at;
        bool over =
            woad_air_idle(c->controller) || woad_air_now(hub->air) > c->left_at_us + LEAVE_MAX_US;
        if (c->fd < 0 && over) {
            *at = c->next;
            client_free(c);
            hub_update_links(hub);
        } else {
            at = &c->next;
        }
    }
}

/* The octets are no packets.  A serial line continues at the next HCI_Reset, or with a new H5 link;
 * for other transports it returns false, and the client is to leave. */
static bool client_resync(struct client *c)
{
    c->rx_packet_len = 0;
    c->rx_stalled = false;
    if (c->serial) {
        framing_resync(&c->framing, true);
    }
    return c->serial;
}

/* Moves packets from the host to its controller.  False: the client is to leave, because the host
 * closed, sent what is not H4, or does not acknowledge H5.  At most READS_MAX reads, so that a host
 * that writes without pause does not block the others. */
static bool client_read(struct hub *hub, struct client *c)
{
    if (c->rx_packet_len && framing_failed(&c->framing)) {
        return client_resync(c);
    }
    for (unsigned reads = 0;;) {
        int n = 0;
        if (!c->rx_packet_len) {
            n = framing_next(&c->framing, &c->rx_packet);
        }
        if (n < 0) {
            return client_resync(c);
        }
        c->rx_packet_len += (size_t)n;
        if (c->rx_packet_len) {
            int err = woad_air_rx(c->controller, c->rx_packet, c->rx_packet_len);
            c->rx_stalled = err == -EAGAIN;
            if (c->rx_stalled) {
                return true;
            }
            client_log_packet(hub, c, false, c->rx_packet, c->rx_packet_len);
            c->rx_packet_len = 0;
            continue;
        }
        if (reads++ == READS_MAX) {
            return true;
        }
        size_t room;
        uint8_t *at = framing_space(&c->framing, &room);
        ssize_t got = read(c->fd, at, room);
        if (got <= 0) {
            return got < 0 && (errno == EAGAIN || errno == EINTR);
        }
        framing_added(&c->framing, (size_t)got);
    }
}

/* Moves packets from the controller to the host.  If the host does not read, they stay in the
 * controller's queue.  False: the client is to leave. */
static bool client_write(struct hub *hub, struct client *c)
{
    for (;;) {
        uint8_t packet[WOAD_AIR_PACKET];
        size_t len = 0;
        while (framing_ready(&c->framing) &&
               (len = woad_air_tx(c->controller, packet, sizeof packet)) > 0) {
            client_log_packet(hub, c, true, packet, len);
            framing_put(&c->framing, packet, len);
        }
        const uint8_t *out = framing_out(&c->framing, &len);
        if (!len) {
            return true;
        }
        ssize_t n;
        if (c->is_socket) {
            n = send(c->fd, out, len, MSG_NOSIGNAL);
        } else {
            n = write(c->fd, out, len);
        }
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        framing_written(&c->framing, (size_t)n);
    }
}

/* Runs the H5 timers; returns the milliseconds until the next. */
static uint32_t hub_run_h5_timers(struct hub *hub)
{
    uint32_t left = UINT32_MAX, now = (uint32_t)(wall_us() / 1000);
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

static void hub_move_packets(struct hub *hub)
{
    for (struct client *c = hub->clients; c; c = c->next) {
        if (c->fd >= 0 && (!client_write(hub, c) || (c->rx_stalled && !client_read(hub, c)))) {
            client_leave(hub, c);
        }
    }
}

static uint64_t hub_next(const struct hub *hub)
{
    uint64_t next = woad_air_next(hub->air);
    uint64_t act = UINT64_MAX;
    if (hub->options->world) {
        act = world_file_next_us(hub->options->world);
    }
    if (act < next) {
        return act;
    }
    return next;
}

/* Advances the air to the wall clock.  If that is more than LATE_MAX_US behind, air time is delayed
 * for all hosts; no event is skipped. */
static void hub_run_air(struct hub *hub)
{
    uint64_t now = hub_now(hub), next = hub_next(hub);
    if (next < now && now - next > LATE_MAX_US) {
        hub_skip_time(hub, now - next);
        now = next;
    }
    while ((next = hub_next(hub)) <= now) {
        woad_air_step(hub->air, next);
        if (hub->options->world) {
            world_file_run(hub->options->world, next);
        }
        hub_move_packets(hub);
    }
    woad_air_step(hub->air, now);
}

static size_t hub_fds(struct hub *hub)
{
    size_t n = hub->options->listeners + 2;
    for (struct client *c = hub->clients; c; c = c->next) {
        n++;
    }
    if (n > hub->fds_allocated) {
        struct pollfd *more = realloc(hub->fds, n * 2 * sizeof *more);
        if (!more) {
            return 0;
        }
        hub->fds = more;
        hub->fds_allocated = n * 2;
    }
    n = 0;
    for (size_t i = 0; i < hub->options->listeners; i++) {
        int fd = -1;
        if (hub->accept_at_us <= wall_us()) {
            fd = hub->options->listener[i].fd;
        }
        hub->fds[n++] = (struct pollfd){ fd, POLLIN, 0 };
    }
    for (struct client *c = hub->clients; c; c = c->next) {
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
    return n;
}

/* Without a free descriptor or memory the host stays in the socket's backlog, and the socket stays
 * readable: it is not polled for a second, or until another host leaves. */
static void hub_accept(struct hub *hub, const struct hci_transport *listener)
{
    for (int n = 0; n < ACCEPTS_MAX; n++) {
        char name[PEER_NAME_MAX];
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            bool transient = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
            hub->accept_at_us = transient ? hub->accept_at_us : wall_us() + SECOND_US;
            return;
        }
        if (!client_add(hub, listener, fd, true, name, transport_peer_name(fd, name))) {
            close(fd);
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

/* Microseconds until there is work without a packet from a host. */
static uint64_t hub_idle_us(struct hub *hub)
{
    uint64_t next = hub_next(hub), now = hub_now(hub), wall = wall_us();
    uint64_t us = HOUR_S * (uint64_t)SECOND_US;
    if (next != UINT64_MAX) {
        us = 0;
        if (next > now) {
            us = next - now;
        }
    }
    if (hub->options->speed > 0) {
        us = (uint64_t)((double)us / hub->options->speed);
    }
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

/* While rx_stalled only hang-ups and errors are polled for.  False: the client is to leave. */
static bool client_event(struct hub *hub, struct client *c, short what)
{
    if (c->rx_stalled && (what & (POLLHUP | POLLERR | POLLNVAL))) {
        return false;
    }
    return client_read(hub, c);
}

static void hub_wait(struct hub *hub)
{
    uint64_t us = hub_idle_us(hub);
    size_t n = hub_fds(hub);
    if (!n) {
        us = min_u64(us, NO_MEMORY_US);
    }
    struct timespec ts = { (time_t)(us / SECOND_US), (long)(us % SECOND_US) * 1000 };
    if (ppoll(hub->fds, (nfds_t)n, &ts, NULL) <= 0) {
        return;
    }
    hub_run_air(hub); /* packets that are ready now take effect now */
    size_t i = hub->options->listeners;
    for (struct client *c = hub->clients; c && i < n; c = c->next, i++) {
        short what = hub->fds[i].revents;
        if (c->fd >= 0 && c->fd == hub->fds[i].fd && what && !client_event(hub, c, what)) {
            client_leave(hub, c);
        }
    }
    for (i = 0; i < hub->options->listeners; i++) {
        if (hub->fds[i].fd >= 0 && hub->fds[i].revents) {
            hub_accept(hub, &hub->options->listener[i]);
        }
    }
}

/* Writes the buffered capture, so that a reader sees all packets up to now. */
static void hub_flush(struct hub *hub)
{
    bool left_out = hub->pcap.record_lost;
    int err = capture_flush(&hub->pcap);
    if (err) {
        hub_note_error(hub, hub->options->pcap, err);
    } else if (left_out && !capture_waits(&hub->pcap)) {
        hub->pcap.record_lost = false; /* the reader has caught up */
    } else if (left_out && !hub->slow_reader_warned) {
        hub_note_error(hub, hub->options->pcap, -EAGAIN);
    }
    hub->slow_reader_warned = hub->pcap.record_lost;
}

static int hub_capture(struct hub *hub, struct woad_air_config *cfg)
{
    uint8_t header[WOAD_AIR_PCAP_HEADER];
    if (!hub->options->pcap) {
        return 0;
    }
    woad_air_pcap_header(header);
    int err =
        capture_open(&hub->pcap, hub->options->pcap, header, sizeof header, hub->options->keys);
    if (err) {
        return err;
    }
    hub_flush(hub);
    cfg->sniff = hub_sniff;
    cfg->ctx = hub;
    return hub->first_error;
}

static bool hub_intercept(void *ctx, const struct woad_air_packet *packet,
                          const struct woad_air_controller *to, uint8_t *pdu,
                          struct woad_air_delivery *fate)
{
    const struct hub *hub = ctx;
    return world_file_intercept(hub->options->world, packet, to, pdu, fate);
}

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
    int err = capture_close(&hub->pcap);
    if (err && !hub->first_error) {
        hub_note_error(hub, hub->options->pcap, err);
    }
    free(hub->fds);
}

/* The last host has disconnected, or none has connected for ALONE_US. */
static bool hub_is_finished(const struct hub *hub, bool used, uint64_t begun)
{
    return hub->options->exit_when_empty && !hub->clients &&
           (used || wall_us() > begun + ALONE_US) && hub->options->may_end(hub->options->ctx);
}

int hub_run(const struct hub_options *o, const volatile int *stop)
{
    struct woad_air_config cfg = { .seed = o->seed, .loss_per_mille = o->loss_per_mille };
    void *memory = malloc(woad_air_size());
    struct hub hub = { .options = o, .pcap.fd = -1 };
    bool used = false;
    int err = hub_capture(&hub, &cfg);
    if (o->world) {
        o->world->find_controller = hub_find;
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
    hub.air_epoch_us = wall_us();
    uint64_t begun = hub.air_epoch_us;
    for (size_t i = 0; i < o->attachments; i++) {
        client_add(&hub, &o->attachment[i], o->attachment[i].fd, false, NULL, 0);
    }
    while (!*stop) {
        hub_run_air(&hub);
        hub_move_packets(&hub);
        hub_free_left(&hub);
        used = used || hub.clients;
        if (hub_is_finished(&hub, used, begun)) {
            break;
        }
        hub_flush(&hub);
        hub_wait(&hub);
    }
    hub_close(&hub);
    free(memory);
    return hub.first_error;
}
