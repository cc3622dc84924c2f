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

enum { LATE_US = 20000, LEAVE_US = 5000000, READS = 8, ACCEPTS = 16 };
enum { HOUR_S = 3600, SECOND_US = 1000000, ALONE_US = 5000000, NO_ROOM_US = 10000 };

/* One attachment: its descriptor and its controller. */
struct client {
    struct client *next;
    int fd; /* -1: gone, its connections are ending */
    bool serial, is_socket;
    bool rx_stalled; /* a packet waits for room in the controller */
    uint64_t left_at_us;
    struct woad_air_controller *controller;
    void *memory;
    struct framing framing;
    const uint8_t *rx_packet;
    size_t rx_packet_len;
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
    uint64_t accept_at_us; /* wall clock: no host is accepted before */
    struct pollfd *fds;
    size_t fds_allocated;
    struct capture pcap;
    bool slow_reader_warned; /* of the capture; told already */
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

/* The air's time that it should be by now. */
static uint64_t hub_now(const struct hub *hub)
{
    uint64_t us = wall_us() - hub->air_epoch_us;
    return hub->options->speed > 0 ? (uint64_t)((double)us * hub->options->speed) : us;
}

/* The machine was too slow: so much of the air's time did not happen. */
static void hub_skip_time(struct hub *hub, uint64_t us)
{
    hub->air_epoch_us +=
        hub->options->speed > 0 ? (uint64_t)((double)us / hub->options->speed) : us;
}

/* A write to a capture or a log failed: a warning at once, and hub_run()'s result.  Hosts are still
 * served. */
static void hub_fails(struct hub *hub, const char *what, int err)
{
    char line[256];
    hub->first_error = hub->first_error ? hub->first_error : err;
    if (hub->options->warn) {
        snprintf(line, sizeof line, "%.200s: %s", what,
                 err == -EAGAIN ? "its reader is too slow: packets are missing" : strerror(-err));
        hub->options->warn(line);
    }
}

static void hub_say(struct hub *hub, const char *what, const struct client *s)
{
    char line[80];
    if (hub->options->log) {
        snprintf(line, sizeof line, "controller %u %s", s->number, what);
        hub->options->log(line);
    }
}

/* For the world file: the controller with that number, NULL: none. */
static struct woad_air_controller *hub_find(void *ctx, unsigned number)
{
    struct hub *hub = ctx;
    for (struct client *s = hub->clients; s; s = s->next) {
        if (s->number == number) {
            return s->controller;
        }
    }
    return NULL;
}

static void hub_ends(struct hub *hub)
{
    if (hub->options->world) {
        world_update_links(hub->options->world);
    }
}

/* DIR/N.btsnoop.  Its times are the air's, as the capture's are. */
static void client_log(struct hub *hub, struct client *s)
{
    char path[4096];
    s->log.fd = -1;
    if (!hub->options->btsnoop) {
        return;
    }
    int n = snprintf(path, sizeof path, "%s/%u.btsnoop", hub->options->btsnoop, s->number);
    int err = -ENAMETOOLONG;
    if (n < (int)sizeof path) {
        err = btsnoop_open(&s->log, path, hub->options->keys);
    }
    if (err) {
        hub_fails(hub, path, err);
    }
}

static void client_snoop(struct hub *hub, struct client *s, bool received, const uint8_t *packet,
                         size_t len)
{
    if (s->log.fd < 0) {
        return;
    }
    int err = btsnoop_put(&s->log, woad_air_now(hub->air), received, packet, len);
    if (err) {
        hub_fails(hub, hub->options->btsnoop, err);
        btsnoop_close(&s->log);
    }
}

static void client_free(struct client *s)
{
    woad_air_detach(s->controller);
    btsnoop_close(&s->log);
    framing_free(&s->framing);
    free(s->memory);
    free(s);
}

/* Whether a host that is there has it. */
static bool hub_has_address(const struct hub *hub, const uint8_t address[6])
{
    for (const struct client *s = hub->clients; s; s = s->next) {
        if (s->fd >= 0 && memcmp(s->address, address, 6) == 0) {
            return true;
        }
    }
    return false;
}

/* Locally administered addresses: "WOAD", the W with its group bit cleared, and a number; or for a
 * program that has bound a name (open.h) "WOA" and 23 bits of the name: it has the same address
 * again each time. */
static void client_address(const struct hub *hub, struct client *s, const char *name, size_t len)
{
    enum { NAMED = 1 << 23 };
    uint32_t low = 'D' << 16 | (s->number & 0xffff), hash = 2166136261u;
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
        memcpy(s->address, address, sizeof address);
        low = NAMED | (low + 1);
    } while (len && hub_has_address(hub, s->address));
}

/* `name`: what the host has bound; `len` 0: nothing. */
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
    struct client *s = calloc(1, sizeof *s);
    if (!s) {
        return false;
    }
    s->number = n;
    if (hub->options->profile) {
        woad_air_profile(hub->options->profile, &cfg);
    }
    client_address(hub, s, name, len);
    memcpy(cfg.address, s->address, sizeof s->address);
    /* They stand side by side, 1.2 m apart. */
    cfg.x_mm = (int32_t)(n % 64) * 1200;
    cfg.y_mm = (int32_t)(n / 64 % 64) * 1200;
    if (hub->options->world) {
        world_configure(hub->options->world, n, &cfg);
    }
    size_t size = woad_air_controller_size(&cfg);
    void *memory = malloc(size);
    if (!memory || framing_init(&s->framing, transport->three_wire) < 0) {
        free(s);
        free(memory);
        return false;
    }
    s->fd = fd;
    s->serial = transport->serial;
    s->is_socket = socket;
    s->memory = memory;
    client_log(hub, s);
    s->controller = woad_air_attach(hub->air, memory, size, &cfg);
    s->next = hub->clients;
    hub->clients = s;
    hub_ends(hub);
    hub_say(hub, "attached", s);
    return true;
}

/* The host is gone: peers are told, then the controller goes. */
static void client_leave(struct hub *hub, struct client *s)
{
    close(s->fd);
    hub->accept_at_us = 0;
    s->fd = -1;
    s->left_at_us = woad_air_now(hub->air);
    woad_air_leave(s->controller);
    hub_say(hub, "left", s);
}

static void hub_sweep(struct hub *hub)
{
    for (struct client **at = &hub->clients; *at;) {
        struct client *s = *at;
        bool over =
            woad_air_idle(s->controller) || woad_air_now(hub->air) > s->left_at_us + LEAVE_US;
        if (s->fd < 0 && over) {
            *at = s->next;
            client_free(s);
            hub_ends(hub);
        } else {
            at = &s->next;
        }
    }
}

/* What came makes no sense.  A serial line stays: its controller waits for a reset, and where H5
 * begins anew so does the link. */
static bool client_lost(struct client *s)
{
    s->rx_packet_len = 0;
    s->rx_stalled = false;
    if (s->serial) {
        framing_resync(&s->framing, true);
    }
    return s->serial;
}

/* Host to controller.  False when the attachment is to end: closed, not H4, or an H5 host that does
 * not acknowledge, whatever waits for it.  A host that writes without a pause has only its turn:
 * there are others. */
static bool client_read(struct hub *hub, struct client *s)
{
    if (s->rx_packet_len && framing_failed(&s->framing)) {
        return client_lost(s);
    }
    for (unsigned reads = 0;;) {
        int n = s->rx_packet_len ? 0 : framing_next(&s->framing, &s->rx_packet);
        if (n < 0) {
            return client_lost(s);
        }
        s->rx_packet_len += (size_t)n;
        if (s->rx_packet_len) {
            int err = woad_air_rx(s->controller, s->rx_packet, s->rx_packet_len);
            s->rx_stalled = err == -EAGAIN;
            if (s->rx_stalled) {
                return true;
            }
            client_snoop(hub, s, false, s->rx_packet, s->rx_packet_len);
            s->rx_packet_len = 0;
            continue;
        }
        if (reads++ == READS) {
            return true;
        }
        size_t room;
        uint8_t *at = framing_space(&s->framing, &room);
        ssize_t got = read(s->fd, at, room);
        if (got <= 0) {
            return got < 0 && (errno == EAGAIN || errno == EINTR);
        }
        framing_added(&s->framing, (size_t)got);
    }
}

/* Controller to host.  What the host does not take stays in the controller's queue. */
static bool client_write(struct hub *hub, struct client *s)
{
    for (;;) {
        uint8_t packet[WOAD_AIR_PACKET];
        size_t len = 0;
        while (framing_ready(&s->framing) &&
               (len = woad_air_tx(s->controller, packet, sizeof packet)) > 0) {
            client_snoop(hub, s, true, packet, len);
            framing_put(&s->framing, packet, len);
        }
        const uint8_t *out = framing_out(&s->framing, &len);
        if (!len) {
            return true;
        }
        ssize_t n = s->is_socket ? send(s->fd, out, len, MSG_NOSIGNAL) : write(s->fd, out, len);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        framing_written(&s->framing, (size_t)n);
    }
}

/* Milliseconds until a three-wire line wants to say something of itself. */
static uint32_t hub_lines_due(struct hub *hub)
{
    uint32_t left = UINT32_MAX, now = (uint32_t)(wall_us() / 1000);
    for (struct client *s = hub->clients; s; s = s->next) {
        uint32_t due = s->fd < 0 ? UINT32_MAX : framing_due(&s->framing, now);
        if (due == 0 && !client_read(hub, s)) {
            client_leave(hub, s); /* its link has failed */
        }
        left = due < left ? due : left;
    }
    return left;
}

static void hub_move(struct hub *hub)
{
    for (struct client *s = hub->clients; s; s = s->next) {
        if (s->fd >= 0 && (!client_write(hub, s) || (s->rx_stalled && !client_read(hub, s)))) {
            client_leave(hub, s);
        }
    }
}

static uint64_t hub_next(const struct hub *hub)
{
    uint64_t next = woad_air_next(hub->air);
    uint64_t act = hub->options->world ? world_next_us(hub->options->world) : UINT64_MAX;
    return act < next ? act : next;
}

/* The air follows the wall clock.  Where this machine was too slow, air time slips for everybody
 * and nothing is skipped. */
static void hub_time(struct hub *hub)
{
    uint64_t now = hub_now(hub), next = hub_next(hub);
    if (next < now && now - next > LATE_US) {
        hub_skip_time(hub, now - next);
        now = next;
    }
    while ((next = hub_next(hub)) <= now) {
        woad_air_step(hub->air, next);
        if (hub->options->world) {
            world_run(hub->options->world, next);
        }
        hub_move(hub);
    }
    woad_air_step(hub->air, now);
}

static size_t hub_fds(struct hub *hub)
{
    size_t n = hub->options->listeners + 2;
    for (struct client *s = hub->clients; s; s = s->next) {
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
        int fd = hub->accept_at_us > wall_us() ? -1 : hub->options->listener[i].fd;
        hub->fds[n++] = (struct pollfd){ fd, POLLIN, 0 };
    }
    for (struct client *s = hub->clients; s; s = s->next) {
        short what = (short)((s->rx_stalled ? 0 : POLLIN) |
                             (s->framing.out_off < s->framing.out_len ? POLLOUT : 0));
        hub->fds[n++] = (struct pollfd){ s->fd, what, 0 };
    }
    if (hub->options->wake > 0) {
        hub->fds[n++] = (struct pollfd){ hub->options->wake, POLLIN, 0 };
    }
    if (capture_waits(&hub->pcap)) {
        hub->fds[n++] = (struct pollfd){ hub->pcap.fd, POLLOUT, 0 };
    }
    return n;
}

/* Where there is no descriptor or no memory the host waits at the socket, which stays readable: it
 * is left alone until another host goes, or for a second. */
static void hub_accept(struct hub *hub, const struct hci_transport *listener)
{
    for (int n = 0; n < ACCEPTS; n++) {
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

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Until something is to be done although no host says anything. */
static uint64_t hub_idle_us(struct hub *hub)
{
    uint64_t next = hub_next(hub), now = hub_now(hub), wall = wall_us();
    uint64_t us = HOUR_S * (uint64_t)SECOND_US;
    if (next != UINT64_MAX) {
        us = next > now ? next - now : 0;
    }
    if (hub->options->speed > 0) {
        us = (uint64_t)((double)us / hub->options->speed);
    }
    us = sooner(us, hub_lines_due(hub) * 1000ull);
    if (hub->accept_at_us > wall) {
        us = sooner(us, hub->accept_at_us - wall);
    }
    /* The program that holds the user's lock may connect, or may exit without a connection. */
    return hub->options->exit_when_empty && !hub->clients ? sooner(us, SECOND_US) : us;
}

/* poll() reports only hang-ups and errors of a host whose packet is pending. */
static bool client_event(struct hub *hub, struct client *s, short what)
{
    return s->rx_stalled && (what & (POLLHUP | POLLERR | POLLNVAL)) ? false : client_read(hub, s);
}

static void hub_wait(struct hub *hub)
{
    uint64_t us = hub_idle_us(hub);
    size_t n = hub_fds(hub);
    us = n ? us : sooner(us, NO_ROOM_US);
    struct timespec ts = { (time_t)(us / SECOND_US), (long)(us % SECOND_US) * 1000 };
    if (ppoll(hub->fds, (nfds_t)n, &ts, NULL) <= 0) {
        return;
    }
    hub_time(hub); /* what they say now happens now */
    size_t i = hub->options->listeners;
    for (struct client *s = hub->clients; s && i < n; s = s->next, i++) {
        short what = hub->fds[i].revents;
        if (s->fd >= 0 && s->fd == hub->fds[i].fd && what && !client_event(hub, s, what)) {
            client_leave(hub, s);
        }
    }
    for (i = 0; i < hub->options->listeners; i++) {
        if (hub->fds[i].fd >= 0 && hub->fds[i].revents) {
            hub_accept(hub, &hub->options->listener[i]);
        }
    }
}

/* Writes the capture out, so that a reader sees all packets up to now. */
static void hub_flush(struct hub *hub)
{
    bool left_out = hub->pcap.record_lost;
    int err = capture_flush(&hub->pcap);
    if (err) {
        hub_fails(hub, hub->options->pcap, err);
    } else if (left_out && !capture_waits(&hub->pcap)) {
        hub->pcap.record_lost = false; /* the reader goes on */
    } else if (left_out && !hub->slow_reader_warned) {
        hub_fails(hub, hub->options->pcap, -EAGAIN);
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

static bool hub_meddle(void *ctx, const struct woad_air_packet *packet,
                       const struct woad_air_controller *to, uint8_t *pdu,
                       struct woad_air_delivery *fate)
{
    const struct hub *hub = ctx;
    return world_intercept(hub->options->world, packet, to, pdu, fate);
}

static void hub_end(struct hub *hub)
{
    for (struct client *s = hub->clients; s; s = s->next) {
        if (s->fd >= 0) {
            close(s->fd);
            s->fd = -1;
        }
        s->left_at_us = 0;
    }
    while (hub->clients) {
        struct client *s = hub->clients;
        hub->clients = s->next;
        client_free(s);
    }
    hub_flush(hub);
    int err = capture_close(&hub->pcap);
    if (err && !hub->first_error) {
        hub_fails(hub, hub->options->pcap, err);
    }
    free(hub->fds);
}

/* The last host has disconnected, or none has connected for ALONE_US. */
static bool hub_over(const struct hub *hub, bool used, uint64_t begun)
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
        cfg.intercept = hub_meddle;
        cfg.ctx = &hub;
    }
    hub.air = err ? NULL : woad_air_init(memory, woad_air_size(), &cfg);
    if (!hub.air) {
        hub_end(&hub);
        free(memory);
        return err ? err : -EINVAL;
    }
    hub.air_epoch_us = wall_us();
    uint64_t begun = hub.air_epoch_us;
    for (size_t i = 0; i < o->attachments; i++) {
        client_add(&hub, &o->attachment[i], o->attachment[i].fd, false, NULL, 0);
    }
    while (!*stop) {
        hub_time(&hub);
        hub_move(&hub);
        hub_sweep(&hub);
        used = used || hub.clients;
        if (hub_over(&hub, used, begun)) {
            break;
        }
        hub_flush(&hub);
        hub_wait(&hub);
    }
    hub_end(&hub);
    free(memory);
    return hub.first_error;
}
