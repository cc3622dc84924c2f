#include "../../ports/posix/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>

enum { LINE_OCTETS = 16384 };
enum { ROUNDS_MAX = 100000, BUSY = -11, SLICE_US = 100000, SLEEP_MAX_MS = 60000 };

/* A notification for which the host's queue had no room. */
struct pump_value {
    struct pump_value *next;
    uint16_t handle, len;
    uint8_t octets[];
};

/* A connection's notifications behind the host's queue, which they fill again when it has room:
 * Python runs once for many of them. */
struct pump_line {
    struct pump_line *next;
    uint16_t conn;
    size_t octets;
    struct pump_value *first, **tail;
    bool full;   /* Python waits for room in the line */
    bool wanted; /* Python waits for room in the host's queue: its turn is before the line's */
};

struct pump_node {
    struct pump *pump;
    struct pump_node *next;
    uint32_t number;
    struct woad *host; /* NULL: gone */
    struct woad_air_controller *controller;
    void *memory[2];              /* of the host and of the controller */
    struct woad_port *port;       /* NULL: on the air */
    struct woad_bond_file *bonds; /* NULL: none */
    struct pump_line *lines;
    uint64_t due_us;            /* of woad_poll(); 0: a call has been made */
    uint64_t random;            /* state of the generator */
    uint8_t held[WOAD_TX_ROOM]; /* a packet for which the controller had no room */
    size_t held_len;
    int error; /* pump_error() */
};

struct pump {
    struct woad_air *air; /* NULL: hosts on ports */
    struct pump_node *nodes, **last;
    uint32_t number; /* of nodes so far */
    uint64_t seed;
    FILE *pcap;
    struct woad_air_surroundings around;
    struct woad_air_link links[PUMP_LINKS];
    struct pump_event *first, **tail; /* the queue */
    struct pump_event *taken;         /* what pump_take() has returned */
};

static const struct woad_feature *const all_features[] = { &woad_feature_advertiser,
                                                           &woad_feature_scanner,
                                                           &woad_feature_central,
                                                           &woad_feature_gatt_server,
                                                           &woad_feature_gatt_client,
                                                           &woad_feature_long_values,
                                                           &woad_feature_link_control,
                                                           &woad_feature_security_manager,
                                                           &woad_feature_reconnection,
                                                           &woad_feature_vendor_init,
                                                           NULL };

/* --- events ----------------------------------------------------------------------------------- */

/* The octets that an event points to, if it is of a kind whose octets are copied. */
static const uint8_t **event_octets(struct woad_event *ev, uint16_t *len)
{
    switch (ev->type) {
    case WOAD_EV_REPORT: *len = ev->u.report.len; return &ev->u.report.data;
    case WOAD_EV_EXT_REPORT: *len = ev->u.ext_report.len; return &ev->u.ext_report.data;
    case WOAD_EV_GATT_WRITE: *len = ev->u.gatt_write.len; return &ev->u.gatt_write.data;
    case WOAD_EV_READ:
    case WOAD_EV_NOTIFIED:
    case WOAD_EV_INDICATION: *len = ev->u.value.len; return &ev->u.value.data;
    default: *len = 0; return NULL;
    }
}

static struct pump_line *line_of(struct pump_node *n, uint16_t conn)
{
    struct pump_line *l = n->lines;
    while (l && l->conn != conn) {
        l = l->next;
    }
    return l;
}

/* Drops what no longer can be sent; the connection has ended. */
static void line_end(struct pump_node *n, uint16_t conn)
{
    struct pump_line **at = &n->lines, *l;
    while (*at && (*at)->conn != conn) {
        at = &(*at)->next;
    }
    l = *at;
    if (l) {
        *at = l->next;
        while (l->first) {
            struct pump_value *v = l->first;
            l->first = v->next;
            free(v);
        }
        free(l);
    }
}

/* Fills the host's queue from the line.  A value that the host refuses is dropped, as it would be
 * in the queue: its client has unsubscribed, or is gone. */
static void line_send(struct pump_node *n, struct pump_line *l)
{
    while (l->first) {
        struct pump_value *v = l->first;
        if (woad_gatt_notify(n->host, l->conn, v->handle, v->octets, v->len) == WOAD_EAGAIN) {
            return;
        }
        l->octets -= v->len;
        l->first = v->next;
        if (!l->first) {
            l->tail = &l->first;
        }
        free(v);
    }
}

/* Whether Python waits for room in the line, and there is some now. */
static bool line_has_room(struct pump_line *l)
{
    if (!l->full || l->octets > LINE_OCTETS / 2) {
        return false;
    }
    l->full = false;
    return true;
}

/* WOAD_EV_TX_READY: whether Python is to know. */
static bool line_on_ready(struct pump_node *n, uint16_t conn)
{
    struct pump_line *l = line_of(n, conn);
    if (!l || l->wanted) {
        return true;
    }
    line_send(n, l);
    return line_has_room(l);
}

static struct pump_line *line_new(struct pump_node *n, uint16_t conn)
{
    struct pump_line *l = calloc(1, sizeof *l);
    if (l) {
        l->conn = conn;
        l->tail = &l->first;
        l->next = n->lines;
        n->lines = l;
    }
    return l;
}

static int pump_notify(struct pump_node *n, uint16_t conn, uint16_t handle, const void *data,
                       uint16_t len)
{
    struct pump_line *l = line_of(n, conn);
    if (!l || !l->first) {
        int result = woad_gatt_notify(n->host, conn, handle, data, len);
        if (result != WOAD_EAGAIN) {
            return result;
        }
    }
    if (!l && !(l = line_new(n, conn))) {
        return WOAD_ENOMEM;
    }
    if (l->octets && l->octets + len > LINE_OCTETS) {
        l->full = true;
        return WOAD_EAGAIN;
    }
    struct pump_value *v = malloc(sizeof *v + len);
    if (!v) {
        return WOAD_ENOMEM;
    }
    v->next = NULL;
    v->handle = handle;
    v->len = len;
    if (len) {
        memcpy(v->octets, data, len);
    }
    *l->tail = v;
    l->tail = &v->next;
    l->octets += len;
    return 0;
}

static bool pump_want(struct pump_node *n, uint16_t conn, bool wanted)
{
    struct pump_line *l = line_of(n, conn);
    if (!l) {
        return false;
    }
    l->wanted = wanted;
    if (!wanted) {
        line_send(n, l);
    }
    return line_has_room(l);
}

/* The event callback of all hosts.  Reads and writes are answered by Python, later. */
static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct pump_node *n = ctx;
    struct pump *p = n->pump;
    struct woad_event copy = *ev;
    uint16_t len = 0;
    if (ev->type == WOAD_EV_TX_READY && !line_on_ready(n, ev->conn)) {
        return;
    }
    if (ev->type == WOAD_EV_DISCONNECT) {
        line_end(n, ev->conn);
    }
    const uint8_t **octets = event_octets(&copy, &len);
    struct pump_event *e = malloc(sizeof *e + len);
    if (!e) {
        n->error = WOAD_ENOMEM;
        return;
    }
    if (octets) {
        if (len) {
            memcpy(e->octets, *octets, len);
        }
        *octets = e->octets;
    }
    if (n->bonds) {
        woad_bond_file_event(n->bonds, h, ev);
    }
    if (ev->type == WOAD_EV_BOND) {
        copy.u.bond.bond = NULL;
    } else if (ev->type == WOAD_EV_OOB) {
        copy.u.oob.oob = NULL;
    } else if (ev->type == WOAD_EV_AUTHORIZE) {
        copy.u.authorize.allowed = NULL;
    } else if (ev->type == WOAD_EV_GATT_READ ||
               (ev->type == WOAD_EV_GATT_WRITE && ev->u.gatt_write.need_answer)) {
        woad_gatt_answer_later(h, ev->conn);
    }
    e->next = NULL;
    e->node = n->number;
    e->ev = copy;
    e->len = len;
    *p->tail = e;
    p->tail = &e->next;
}

static uint64_t pump_now_us(struct pump *p)
{
    return p->air ? woad_air_now(p->air) : process_clock_us();
}

static const struct pump_event *pump_take(struct pump *p)
{
    free(p->taken);
    p->taken = p->first;
    if (p->first) {
        p->first = p->first->next;
        if (!p->first) {
            p->tail = &p->first;
        }
    }
    return p->taken;
}

/* Drops the queued events of a node that is gone, or with NULL of all. */
static void drop_events(struct pump *p, const struct pump_node *n)
{
    struct pump_event **at = &p->first, *e;
    while ((e = *at) != NULL) {
        if (!n || e->node == n->number) {
            *at = e->next;
            free(e);
        } else {
            at = &e->next;
        }
    }
    p->tail = at;
}

/* Random octets from the seed: equal in each run, so no secret.  SplitMix64. */
static int seeded_random(void *ctx, uint8_t *out, size_t len)
{
    struct pump_node *n = ctx;
    for (size_t k = 0; k < len; k++) {
        uint64_t z = n->random += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        out[k] = (uint8_t)(z ^ z >> 31);
    }
    return 0;
}

/* --- driving ---------------------------------------------------------------------------------- */

/* Gives the controller the host's next packet.  Returns false: there is none, or no room. */
static bool node_send(struct pump_node *n)
{
    if (!n->held_len) {
        n->held_len = woad_tx(n->host, n->held, sizeof n->held);
    }
    if (!n->held_len) {
        return false;
    }
    int result = woad_air_rx(n->controller, n->held, n->held_len);
    if (result == BUSY) {
        return false;
    }
    if (result) {
        n->error = WOAD_EBADMSG;
    }
    n->held_len = 0;
    return true;
}

static bool node_receive(struct pump_node *n)
{
    uint8_t packet[WOAD_AIR_PACKET];
    size_t len = woad_air_tx(n->controller, packet, sizeof packet);
    if (!len) {
        return false;
    }
    if (woad_rx(n->host, packet, len)) {
        n->error = WOAD_EBADMSG;
    }
    return true;
}

/* Runs a node until it waits for its controller or for its next deadline. */
static void node_run(struct pump_node *n)
{
    uint64_t now_ms = woad_air_now(n->pump->air) / 1000;
    bool more = n->host != NULL;
    for (unsigned round = 0; more && round < ROUNDS_MAX; round++) {
        uint32_t wait = woad_poll(n->host, (uint32_t)now_ms);
        more = wait == 0;
        while (node_send(n)) {
            more = true;
        }
        if (node_receive(n)) {
            more = true;
        }
        n->due_us = wait == WOAD_FOREVER ? UINT64_MAX : (now_ms + wait) * 1000;
    }
}

static void run_due(struct pump *p)
{
    for (struct pump_node *n = p->nodes; n; n = n->next) {
        if (n->host && n->due_us <= woad_air_now(p->air)) {
            node_run(n);
        }
    }
}

static uint64_t next_due(const struct pump *p, uint64_t end_us)
{
    for (const struct pump_node *n = p->nodes; n; n = n->next) {
        if (n->host && n->due_us < end_us) {
            end_us = n->due_us;
        }
    }
    return end_us;
}

/* The end of one step, at most `end_us`: in a crowded air SLICE_US behind its next packet, so that
 * Python can look at signals. */
static uint64_t step_end(const struct pump *p, uint64_t end_us)
{
    uint64_t next = woad_air_next(p->air);
    end_us = next_due(p, end_us);
    return next < end_us && end_us - next > SLICE_US ? next + SLICE_US : end_us;
}

static bool pump_run(struct pump *p, uint64_t until_us, uint32_t steps)
{
    struct woad_air_controller *c;
    run_due(p);
    while (!p->first && steps--) {
        c = woad_air_ready(p->air);
        if (!c && woad_air_now(p->air) >= until_us) {
            break;
        }
        if (!c) {
            c = woad_air_until(p->air, step_end(p, until_us));
        }
        if (c) {
            node_run(woad_air_user(c));
        }
        run_due(p);
    }
    return p->first != NULL;
}

static bool pump_at_rest(struct pump *p)
{
    return !p->first && woad_air_next(p->air) == UINT64_MAX &&
           next_due(p, UINT64_MAX) == UINT64_MAX;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void pump_touch(struct pump_node *n)
{
    n->due_us = 0;
    if (n->host) {
        woad_clock(n->host, (uint32_t)(pump_now_us(n->pump) / 1000));
    }
}

static void pump_remove(struct pump_node *n)
{
    struct pump *p = n->pump;
    struct pump_node **at = &p->nodes;
    while (*at != n) {
        at = &(*at)->next;
    }
    *at = n->next;
    if (p->last == &n->next) {
        p->last = at;
    }
    for (size_t k = 0; k < p->around.links; k++) { /* they may name it: no effect any more */
        struct woad_air_link *l = &p->links[k];
        if (l->from == n->controller || l->to == n->controller) {
            *l = (struct woad_air_link){ .until_us = 1 };
        }
    }
    drop_events(p, n);
    if (n->controller) {
        woad_air_detach(n->controller);
    }
    woad_port_close(n->port);
    if (n->bonds) {
        woad_bond_file_close(n->bonds);
    }
    while (n->lines) {
        line_end(n, n->lines->conn);
    }
    free(n->memory[0]);
    free(n->memory[1]);
    free(n);
}

/* Allocates and starts; false: no memory, or a config that is not valid. */
static bool node_start(struct pump_node *n, struct woad_config *config,
                       struct woad_air_controller_config *controller)
{
    size_t size = woad_size(config), controller_size = woad_air_controller_size(controller);
    if (!size || !controller_size) {
        return false;
    }
    n->memory[0] = malloc(size);
    n->memory[1] = malloc(controller_size);
    if (!n->memory[0] || !n->memory[1]) {
        return false;
    }
    n->controller = woad_air_attach(n->pump->air, n->memory[1], controller_size, controller);
    n->host = woad_init(n->memory[0], size, config);
    return n->controller && n->host && woad_start(n->host) == 0;
}

/* A node at the end of the list, and its host's config. */
static struct pump_node *node_new(struct pump *p, struct woad_config *config)
{
    struct pump_node *n = calloc(1, sizeof *n);
    if (!n) {
        return NULL;
    }
    n->pump = p;
    n->number = ++p->number;
    n->random = p->seed * 1000003u + n->number;
    *p->last = n;
    p->last = &n->next;
    config->features = all_features;
    config->event = on_event;
    config->ctx = n;
    config->crypto = &woad_mbedtls;
    config->random = seeded_random;
    return n;
}

static struct pump_node *pump_add(struct pump *p, const struct woad_config *sizes,
                                  const char *profile, const uint8_t *address, int32_t x_mm,
                                  int32_t y_mm)
{
    struct woad_config config = *sizes;
    struct woad_air_controller_config controller = { .x_mm = x_mm, .y_mm = y_mm, .queue = 8192 };
    struct pump_node *n = node_new(p, &config);
    if (!n) {
        return NULL;
    }
    controller.crypto = &woad_mbedtls;
    controller.user = n;
    for (unsigned k = 0; k < 4; k++) {
        controller.address[k] = (uint8_t)(n->number >> 8 * k);
    }
    controller.address[5] = 2;
    if (address) {
        memcpy(controller.address, address, sizeof controller.address);
    }
    if (!woad_air_profile(profile, &controller) || !node_start(n, &config, &controller)) {
        pump_remove(n);
        return NULL;
    }
    return n;
}

/* --- ports ------------------------------------------------------------------------------------ */

static struct pump_node *pump_open(struct pump *p, const struct woad_config *sizes,
                                   const char *spec, const char *program, int *error, char *message)
{
    struct woad_config config = *sizes;
    struct pump_node *n = node_new(p, &config);
    *error = WOAD_ENOMEM;
    snprintf(message, WOAD_PORT_MESSAGE_MAX, "no memory");
    if (!n) {
        return NULL;
    }
    config.random = woad_port_random;
    size_t size = woad_size(&config);
    n->memory[0] = malloc(size ? size : 1);
    n->host = n->memory[0] && size ? woad_init(n->memory[0], size, &config) : NULL;
    if (n->host) {
        n->port = woad_port_open_as(spec, program, error, message);
    }
    if (!n->port) {
        pump_remove(n);
        return NULL;
    }
    woad_set_vendor_init(n->host, woad_port_vendor_init(n->port));
    *error = woad_start(n->host);
    if (*error) {
        snprintf(message, WOAD_PORT_MESSAGE_MAX, "%s", woad_strerror(*error));
        pump_remove(n);
        return NULL;
    }
    return n;
}

static int pump_fd(struct pump_node *n)
{
    return woad_port_fd(n->port);
}

static bool pump_serve(struct pump *p, uint32_t *wait_ms, bool *blocked)
{
    *wait_ms = WOAD_FOREVER;
    *blocked = false;
    process_clock_read();
    for (struct pump_node *n = p->nodes; n; n = n->next) {
        uint32_t wait;
        if (woad_port_pump(n->port, n->host, &wait) == 0) {
            uint32_t bonds = n->bonds ? woad_bond_file_poll(n->bonds, false) : WOAD_FOREVER;
            wait = wait < bonds ? wait : bonds;
            *wait_ms = wait < *wait_ms ? wait : *wait_ms;
            *blocked = *blocked || woad_port_blocked(n->port);
        }
    }
    return p->first != NULL;
}

static void pump_sleep(uint64_t until_us, int fd, bool outside)
{
    uint64_t now = process_clock_us();
    struct pollfd fds[2] = { { fd, POLLIN, 0 }, { process_clock_fd(), POLLIN, 0 } };
    if (process_clock_is_virtual()) {
        process_clock_wait(until_us, fds, outside);
        return;
    }
    process_clock_say(until_us, true);
    if (now >= until_us) {
        return;
    }
    uint64_t ms = (until_us - now + 999) / 1000;
    int n = poll(fds, 2, ms > SLEEP_MAX_MS ? SLEEP_MAX_MS : (int)ms);
    if (n > 0 && fds[1].revents) {
        process_clock_read();
    }
    if (n == 0 && ms <= SLEEP_MAX_MS) {
        process_clock_await_air();
    }
}

static bool pump_join(const char *path, const char *name)
{
    return process_clock_join(path, name);
}

static bool pump_is_virtual(void)
{
    return process_clock_is_virtual();
}

static uint64_t pump_clock_us(void)
{
    return process_clock_us();
}

static void pump_fix_addresses(bool fixed)
{
    unsigned long now = (unsigned long)personality(0xffffffff);
    personality(fixed ? now | ADDR_NO_RANDOMIZE : now & ~(unsigned long)ADDR_NO_RANDOMIZE);
}

static int pump_bonds(struct pump_node *n, const char *path)
{
    int error = 0;
    n->bonds = woad_bond_file_open(path, &error);
    return n->bonds ? 0 : error;
}

/* --- the air ---------------------------------------------------------------------------------- */

static void on_air(void *ctx, const struct woad_air_packet *packet)
{
    struct pump *p = ctx;
    uint8_t record[WOAD_AIR_PCAP_RECORD];
    fwrite(record, 1, woad_air_pcap(packet, true, record, sizeof record), p->pcap);
}

static bool open_capture(struct pump *p, const char *path)
{
    uint8_t header[WOAD_AIR_PCAP_HEADER];
    p->pcap = fopen(path, "wb");
    if (!p->pcap) {
        return false;
    }
    woad_air_pcap_header(header);
    fwrite(header, 1, sizeof header, p->pcap);
    return true;
}

static void pump_free(struct pump *p)
{
    while (p->nodes) {
        pump_remove(p->nodes);
    }
    drop_events(p, NULL);
    free(p->taken);
    if (p->pcap) {
        fclose(p->pcap);
    }
    free(p->air);
    free(p);
}

static struct pump *pump_new_ports(void)
{
    struct pump *p = calloc(1, sizeof *p);
    if (p) {
        p->last = &p->nodes;
        p->tail = &p->first;
    }
    return p;
}

static struct pump *pump_new(uint64_t seed, uint16_t loss_per_mille, const char *pcap)
{
    struct pump *p = calloc(1, sizeof *p);
    if (!p) {
        return NULL;
    }
    p->seed = seed;
    p->last = &p->nodes;
    p->tail = &p->first;
    p->around.noise_dbm = -105;
    p->around.link = p->links;
    struct woad_air_config config = { .seed = seed,
                                      .loss_per_mille = loss_per_mille,
                                      .sniff = pcap ? on_air : NULL,
                                      .ctx = p,
                                      .around = &p->around };
    p->air = malloc(woad_air_size());
    if (!p->air || (pcap && !open_capture(p, pcap))) {
        int why = errno;
        pump_free(p);
        errno = why;
        return NULL;
    }
    p->air = woad_air_init(p->air, woad_air_size(), &config);
    return p;
}

static struct woad_air *pump_air(struct pump *p)
{
    return p->air;
}

static struct woad_air_link *pump_links(struct pump *p)
{
    return p->links;
}

static void pump_set_links(struct pump *p, size_t links)
{
    p->around.links = links;
}

static uint32_t pump_number(struct pump_node *n)
{
    return n->number;
}

static struct woad *pump_host(struct pump_node *n)
{
    return n->host;
}

static struct woad_air_controller *pump_controller(struct pump_node *n)
{
    return n->controller;
}

static int pump_error(struct pump_node *n)
{
    return n->error;
}

static void pump_flush(struct pump *p)
{
    if (p->pcap) {
        fflush(p->pcap);
    }
}
