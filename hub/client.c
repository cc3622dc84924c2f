/* The hosts of a hub: each has a controller, a log, and the framing of its transport.
 *
 * Names of other files:
 *   hub: the process that simulates the air: hosts connect to it over HCI, and each gets a
 *       controller there; struct hub, hub_state.h
 *   client: a host and its controller: hub_state.h
 *   woad_air_now(): air time: us since the hub began
 *   world: of the options: the world file: places of controllers, walls, links; NULL: none
 *   world_file_update_links(): the file's links take effect while the controllers at both ends are
 *       there
 *   keys: of the options: logs have the keys, else zeros in their place
 *   hub_note_error(): warns; the hub goes on, and hub_run() returns the first such error
 *   client_title(): "controller 2 (name)", at most CLIENT_TITLE_MAX octets
 *   seat_add_client(): the client's octets sent and received to date count for its process
 *   seat_remove_client(): these octets count no longer
 *   woad_air_leave(): its host is gone: it ends its connections, but stays until they have ended
 *   woad_air_detach(): the controller is removed at once
 *   HOST_NAME_MAX: octets of a host's name with its 0 (transport/open.h), not POSIX's macro
 *   profile: of the options: the kind of controllers, "4.0" to "5.4"; NULL: they can do everything
 *   client_identify(): sets name and address by what the host's program has bound; false: the
 *       address is another host's
 *   framing: packets in a stream of octets, H4 or H5, in both directions: transport/framing.h
 *   framing_next(): length of the next packet; 0: none is complete; -1: no H4, or the H5 link has
 *       failed
 *   framing_failed(): the host has restarted the H5 link, or does not acknowledge
 *   framing_ready(): framing_put() can take a packet
 *   rx_packet: a packet from the host that the controller has not taken, of rx_packet_len octets;
 *       0: none
 *   rx_stalled: rx_packet waits for room in the controller
 *   seat: the host's process, if the air's time waits for it (clock.h); NULL: it does not
 *   stand_in: of the options: functions in the place of controllers; NULL: none
 *   stalled: of a seat: how many of its clients are rx_stalled; what these wrote need not have
 *       arrived for the process to count as waiting
 *   seat_moved(): octets were sent to the process, or received from it
 *   accept_at_us: no host is accepted before, for want of descriptors or memory; 0: at once
 *   packets_moved: packets went to hosts since the extras (hub.h) were served last */
#define _GNU_SOURCE
#include "hub_state.h"

#include <woad/crypto.h>

#include "world_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LEAVE_MAX_US = 5000000, READS_MAX = 8 };
enum { TO_CONTROLLER = true }; /* framing_resync(): H4 continues at HCI_Reset */

static void hub_log(struct hub *hub, const char *what, const struct client *c)
{
    char line[CLIENT_TITLE_MAX + 16], title[CLIENT_TITLE_MAX];
    if (hub->options->log) {
        snprintf(line, sizeof line, "%s %s", client_title(c, title), what);
        hub->options->log(line);
    }
}

/* After a controller was attached or detached. */
static void hub_update_links(struct hub *hub)
{
    if (hub->options->world) {
        world_file_update_links(hub->options->world);
    }
}

/* Octets of a log's file name without its end: a number, or a host's name with "_" in front. */
enum { FILE_NAME_MAX = HOST_NAME_MAX + 12 };

/* The host's name as part of a path: "_" in place of each "/", and of a "." at the beginning; and
 * in front of a number, because the logs of hosts without a name have numbers. */
static void client_file_name(const struct client *c, char file[FILE_NAME_MAX])
{
    bool number = !c->name[strspn(c->name, "0123456789")];
    snprintf(file, FILE_NAME_MAX, "%s%s", number ? "_" : "", c->name);
    for (char *at = file; *at; at++) {
        if (*at == '/' || (*at == '.' && at == file)) {
            *at = '_';
        }
    }
}

/* Opens DIR/N.btsnoop, or DIR/NAME.btsnoop.  Its time stamps are air time, like those of a capture
 * of the air (--pcap).  Without a log the host is served all the same. */
static void client_open_log(struct hub *hub, struct client *c)
{
    char path[4096];
    c->log.fd = -1;
    if (!hub->options->btsnoop) {
        return;
    }
    char file[FILE_NAME_MAX];
    snprintf(file, sizeof file, "%u", c->number);
    if (hub->options->name_logs && c->name[0]) {
        client_file_name(c, file);
    }
    int n = snprintf(path, sizeof path, "%s/%s.btsnoop", hub->options->btsnoop, file);
    int err = -ENAMETOOLONG;
    if (n < (int)sizeof path) {
        err = btsnoop_open(&c->log, path, hub->options->keys);
    }
    if (err) {
        hub_note_error(hub, path, err);
    }
}

static void client_watch_packet(struct hub *hub, struct client *c, bool received,
                                const uint8_t *packet, size_t len)
{
    uint8_t record[WOAD_BTSNOOP_RECORD + WOAD_AIR_PACKET];
    struct woad_btsnoop_keys *zeroed = NULL;
    if (!hub->options->keys) {
        zeroed = &c->watch_zeroed;
    }
    size_t n = woad_btsnoop_record(record, sizeof record, zeroed, 0, received, packet, len);
    if (n <= WOAD_BTSNOOP_RECORD) {
        return;
    }
    hub->watcher->hci(hub->watcher->ctx, hub, c, received, record + WOAD_BTSNOOP_RECORD,
                      n - WOAD_BTSNOOP_RECORD);
}

/* `received`: by the host, from the controller.  If the packet can't be written, to a full disk for
 * example, the log ends, and the error names the folder of all logs. */
static void client_log_packet(struct hub *hub, struct client *c, bool received,
                              const uint8_t *packet, size_t len)
{
    if (hub->watcher) {
        client_watch_packet(hub, c, received, packet, len);
    }
    if (c->log.fd < 0) {
        return;
    }
    int err = btsnoop_put(&c->log, woad_air_now(hub->air), received, packet, len);
    if (err) {
        hub_note_error(hub, hub->options->btsnoop, err);
        btsnoop_close(&c->log);
    }
}

/* The descriptor has been closed already. */
void client_free(struct client *c)
{
    if (c->controller) {
        woad_air_detach(c->controller);
    }
    btsnoop_close(&c->log);
    framing_free(&c->framing);
    free(c->memory);
    free(c);
}

/* Cannot fail: the values of profiles and world files are in range. */
static void client_attach(struct hub *hub, struct client *c, size_t size,
                          const struct woad_air_controller_config *cfg)
{
    const struct hub_stand_in *in = hub->options->stand_in;
    if (in) {
        in->attached(in->ctx, woad_air_now(hub->air));
    } else {
        c->controller = woad_air_attach(hub->air, c->memory, size, cfg);
    }
}

/* The controller gets a packet of the host.  0 or a negative errno. */
static int client_give(const struct hub *hub, struct client *c, const uint8_t *packet, size_t len)
{
    const struct hub_stand_in *in = hub->options->stand_in;
    if (!in) {
        return woad_air_rx(c->controller, packet, len);
    }
    in->rx(in->ctx, woad_air_now(hub->air), packet, len);
    return 0;
}

/* The controller's next packet for the host: its length; 0: there is none. */
static size_t client_take(const struct hub *hub, struct client *c, uint8_t *packet, size_t room)
{
    const struct hub_stand_in *in = hub->options->stand_in;
    if (!in) {
        return woad_air_tx(c->controller, packet, room);
    }
    return in->tx(in->ctx, woad_air_now(hub->air), packet, room);
}

/* hub_state.h has the contract; the caller sets c->pid afterwards.  bound_name: what the host's
 * program has bound its socket to, from which client_identify() reads a name.  Configuration: the
 * values here, then the profile's, then address and place, then what the world file says.  If it
 * returns false, nothing of the client is left but a number that is not used, and `fd` stays the
 * caller's. */
bool client_add(struct hub *hub, const struct hci_transport *transport, int fd, bool socket,
                const char *bound_name, size_t len)
{
    struct woad_air_controller_config cfg = { .conns = 16,
                                              .acl_count = 12,
                                              .acl_len = 251,
                                              .queue = 16384, /* octets of packets for the host */
                                              .crypto = &woad_mbedtls,
                                              .adv_sets = 4,
                                              .iso = 4 }; /* streams */
    unsigned n = ++hub->last_number;
    struct client *c = calloc(1, sizeof *c);
    if (!c) {
        return false;
    }
    c->number = n;
    if (hub->options->profile) { /* a name that the command line has checked */
        woad_air_profile(hub->options->profile, &cfg);
    }
    if (!client_identify(hub, c, bound_name, len)) {
        free(c);
        return false;
    }
    memcpy(cfg.address, c->address, sizeof c->address);
    /* A grid of 64 by 64 places, 1.2 m apart. */
    cfg.x_mm = (int32_t)(n % 64) * 1200;
    cfg.y_mm = (int32_t)(n / 64 % 64) * 1200;
    if (hub->options->world) {
        world_file_configure(hub->options->world, n, c->name, &cfg);
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
    client_attach(hub, c, size, &cfg);
    c->next = hub->clients;
    hub->clients = c;
    hub_update_links(hub);
    hub_log(hub, "attached", c);
    return true;
}

/* Sets c->rx_stalled; the seat's count grows by 1, 0 or -1. */
static void client_stall(struct client *c, bool stalled)
{
    if (c->seat) {
        c->seat->stalled += (unsigned)stalled - (unsigned)c->rx_stalled;
    }
    c->rx_stalled = stalled;
}

void client_take_seat(struct hub *hub, struct client *c)
{
    c->seat = clock_seat(&hub->clock, c->pid);
    if (c->seat) {
        seat_add_client(c->seat, c->sent, c->received, woad_air_now(hub->air));
        c->seat->stalled += c->rx_stalled;
    }
}

/* Octets were sent to the host, or received from it.  The seat's totals decide whether its process
 * waits: it has read all, and all that it wrote has arrived. */
static void client_count(struct hub *hub, struct client *c, size_t sent, size_t received)
{
    c->sent += sent;
    c->received += received;
    if (c->seat) {
        seat_moved(c->seat, sent, received, woad_air_now(hub->air));
    }
}

void client_leave(struct hub *hub, struct client *c)
{
    if (c->seat) {
        client_stall(c, false);
        seat_remove_client(c->seat, c->sent, c->received);
        c->seat = NULL;
    }
    close(c->fd);
    hub->accept_at_us = 0; /* a descriptor is free again */
    c->fd = -1;
    c->left_at_us = woad_air_now(hub->air);
    if (c->controller) {
        woad_air_leave(c->controller);
    } else {
        hub->options->stand_in->left(hub->options->stand_in->ctx);
    }
    hub_log(hub, "left", c);
}

/* Frees the clients that have left, once their controllers have no connection, or after
 * LEAVE_MAX_US of air time. */
void hub_free_left(struct hub *hub)
{
    for (struct client **at = &hub->clients; *at;) {
        struct client *c = *at;
        uint64_t limit_us = c->left_at_us + LEAVE_MAX_US; /* of one that has left */
        bool idle = !c->controller || woad_air_idle(c->controller);
        if (c->fd < 0 && (idle || woad_air_now(hub->air) > limit_us)) {
            *at = c->next;
            client_free(c);
            hub_update_links(hub);
        } else {
            at = &c->next;
        }
    }
}

/* What the host has sent is no packet, or its H5 link has failed.  A serial line continues at the
 * next HCI_Reset, or with a new H5 link.  For other transports it returns false: the client is to
 * leave. */
static bool client_resync(struct client *c)
{
    c->rx_packet_len = 0;
    client_stall(c, false);
    if (c->serial) {
        framing_resync(&c->framing, TO_CONTROLLER);
    }
    return c->serial;
}

/* At most READS_MAX reads, so that a host that writes without pause does not block the others.
 * True: the client stays; false: it is to leave: the host has closed its end, or client_resync()
 * has failed. */
bool client_read(struct hub *hub, struct client *c)
{
    /* framing_next(), which returns -1 for a failed link, is not called while a packet waits */
    if (c->rx_packet_len && framing_failed(&c->framing)) {
        return client_resync(c);
    }
    for (unsigned reads = 0;;) {
        if (!c->rx_packet_len) {
            int len = framing_next(&c->framing, &c->rx_packet);
            if (len < 0) {
                return client_resync(c);
            }
            c->rx_packet_len = (size_t)len;
        }
        if (c->rx_packet_len) {
            int err = client_give(hub, c, c->rx_packet, c->rx_packet_len);
            client_stall(c, err == -EAGAIN);
            if (c->rx_stalled) {
                return true;
            }
            /* taken, or dropped because it is malformed: both are in the log */
            client_log_packet(hub, c, false, c->rx_packet, c->rx_packet_len);
            c->rx_packet_len = 0;
            continue;
        }
        if (reads++ == READS_MAX) {
            return true;
        }
        size_t room;
        /* there is room, because no packet is complete */
        uint8_t *at = framing_space(&c->framing, &room);
        ssize_t got = read(c->fd, at, room);
        if (got <= 0) {
            return got < 0 && (errno == EAGAIN || errno == EINTR);
        }
        framing_added(&c->framing, (size_t)got);
        client_count(hub, c, 0, (size_t)got);
    }
}

/* Writes until the host's buffers are full, or the controller has no packet.  True: the client
 * stays; false: it is to leave: the host has closed its end. */
bool client_write(struct hub *hub, struct client *c)
{
    for (;;) {
        uint8_t packet[WOAD_AIR_PACKET];
        size_t len = 0;
        while (framing_ready(&c->framing) &&
               (len = client_take(hub, c, packet, sizeof packet)) > 0) {
            hub->packets_moved = true;
            client_log_packet(hub, c, true, packet, len);
            framing_put(&c->framing, packet, len);
        }
        size_t out_len;
        const uint8_t *out = framing_out(&c->framing, &out_len);
        if (!out_len) {
            return true;
        }
        ssize_t n;
        if (c->is_socket) {
            n = send(c->fd, out, out_len, MSG_NOSIGNAL);
        } else {
            n = write(c->fd, out, out_len);
        }
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        framing_written(&c->framing, (size_t)n);
        client_count(hub, c, (size_t)n, 0);
    }
}
