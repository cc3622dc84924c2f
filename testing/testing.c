/* woad/testing.h: hosts in virtual time, driven exactly as woad.h says. */
#include <woad/testing.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_TYPES = 96, TRAIL = 24, NODES_MAX = 255, ROUNDS_MAX = 100000, QUEUE = 8192 };
enum { BUSY = -11 }; /* woad_air_rx(): no room for the answer yet */

/* A copy of an event, with what it points to: its octets, or its bond's subscriptions. */
struct kept_event {
    struct woad_event ev;
    bool taken; /* a wait has returned it */
    struct woad_bond bond;
    struct woad_oob oob;
    uint64_t octets[]; /* aligned for struct woad_cccd */
};

struct woad_test_node {
    struct woad_test *test;
    struct woad_test_node *next;
    struct woad_test_node_config config;
    struct woad_config host_config; /* with our callbacks */
    struct woad *host;              /* NULL: off */
    struct woad_air_controller *controller;
    void *memory[2]; /* of the host and of the controller */
    struct woad_addr address;
    uint64_t due_us; /* of woad_poll() and loop() */
    uint64_t random;
    uint8_t held[WOAD_TX_ROOM]; /* a packet for which the controller had no room */
    size_t held_len;
    struct kept_event *kept[WOAD_TEST_EVENTS]; /* a ring */
    size_t first, events;
    size_t count[EVENT_TYPES];
};

/* What has happened last at all nodes, for woad_test_fail(). */
struct trail {
    uint64_t at_us;
    const char *name;
    enum woad_event_type type;
    uint16_t conn;
    int status;
};

struct woad_test {
    struct woad_test_config config;
    struct woad_air *air;
    struct woad_test_node *nodes, **last;
    unsigned number; /* of nodes */
    uint64_t hash;
    FILE *pcap;
    struct trail trail[TRAIL];
    size_t trails; /* so far */
};

/* --- failing ---------------------------------------------------------------------------------- */

/* Appends to a text of `room` octets, as far as there is room. */
static void say(char *text, size_t room, const char *format, ...)
{
    size_t len = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + len, room - len, format, args);
    va_end(args);
}

static void say_trail(const struct woad_test *t, char *text, size_t room)
{
    size_t n = t->trails > TRAIL ? t->trails - TRAIL : 0;
    say(text, room, t->trails ? "\n  what happened last:" : "\n  no event has been raised");
    for (; n < t->trails; n++) {
        const struct trail *e = &t->trail[n % TRAIL];
        say(text, room, "\n  %10.3f ms  %-12s %s", (double)e->at_us / 1000, e->name,
            woad_event_name(e->type));
        if (e->conn != WOAD_NO_CONN) {
            say(text, room, ", connection %u", e->conn);
        }
        if (e->status) {
            say(text, room, ", status %d (0x%02x)", e->status, (unsigned)e->status);
        }
    }
}

static void fail_with(struct woad_test *t, const char *reason)
{
    char text[4096] = "";
    say(text, sizeof text, "%s\n  at %.3f ms, seed %llu", reason,
        (double)woad_air_now(t->air) / 1000, (unsigned long long)t->config.seed);
    say_trail(t, text, sizeof text);
    if (t->pcap) {
        fflush(t->pcap);
    }
    if (t->config.failed) {
        t->config.failed(text);
    }
    fprintf(stderr, "%s\n", text);
    abort();
}

void woad_test_fail(struct woad_test *t, const char *format, ...)
{
    char reason[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    fail_with(t, reason);
}

void woad_test_fail_call(struct woad_test_node *n, const char *call, int result)
{
    woad_test_fail(n->test, "%s: %s: %d, %s", n->config.name, call, result, woad_strerror(result));
}

static void *need(struct woad_test *t, void *memory)
{
    if (!memory) {
        woad_test_fail(t, "no memory");
    }
    return memory;
}

/* --- events ----------------------------------------------------------------------------------- */

/* The octets that an event points to, if it is of a kind whose octets are copied. */
static const uint8_t **event_octets(struct woad_event *ev, size_t *len)
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

static int event_status(const struct woad_event *ev)
{
    switch (ev->type) {
    case WOAD_EV_DOWN: return ev->u.down.error;
    case WOAD_EV_ADV_FAILED:
    case WOAD_EV_ADV_STOPPED: return ev->u.adv.status;
    case WOAD_EV_SCAN_DONE: return ev->u.scan.status;
    case WOAD_EV_CONNECT_FAILED: return ev->u.connect_failed.status;
    case WOAD_EV_DISCONNECT: return ev->u.disconnect.reason;
    case WOAD_EV_CONN_UPDATE: return ev->u.conn_update.status;
    case WOAD_EV_SECURITY: return ev->u.security.status;
    case WOAD_EV_COC_OPEN:
    case WOAD_EV_COC_CLOSED: return ev->u.coc.status;
    case WOAD_EV_INDICATED:
    case WOAD_EV_GATTC_DONE: return ev->u.done.status;
    default: return 0;
    }
}

static struct kept_event *copy_event(struct woad_test *t, const struct woad_event *ev)
{
    struct woad_event copy = *ev;
    size_t len, cccds = 0;
    const uint8_t **octets = event_octets(&copy, &len);
    if (ev->type == WOAD_EV_BOND) {
        cccds = ev->u.bond.bond->cccds * sizeof(struct woad_cccd);
    }
    struct kept_event *e = need(t, calloc(1, sizeof *e + len + cccds + 8));
    if (octets && len) {
        memcpy(e->octets, *octets, len);
        *octets = (const uint8_t *)e->octets;
    }
    if (ev->type == WOAD_EV_BOND) {
        e->bond = *ev->u.bond.bond;
        if (cccds) {
            memcpy(e->octets, e->bond.cccd, cccds);
        }
        e->bond.cccd = (const struct woad_cccd *)(const void *)e->octets;
        copy.u.bond.bond = &e->bond;
    } else if (ev->type == WOAD_EV_OOB && ev->u.oob.oob) {
        e->oob = *ev->u.oob.oob;
        copy.u.oob.oob = &e->oob;
    } else if (ev->type == WOAD_EV_AUTHORIZE) {
        copy.u.authorize.allowed = NULL;
    }
    e->ev = copy;
    return e;
}

static void keep_event(struct woad_test_node *n, const struct woad_event *ev)
{
    if (n->events == WOAD_TEST_EVENTS) {
        free(n->kept[n->first]);
        n->first = (n->first + 1) % WOAD_TEST_EVENTS;
        n->events--;
    }
    n->kept[(n->first + n->events++) % WOAD_TEST_EVENTS] = copy_event(n->test, ev);
    if ((unsigned)ev->type < EVENT_TYPES) {
        n->count[ev->type]++;
    }
}

/* The event callback of all hosts. */
static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct woad_test_node *n = ctx;
    struct woad_test *t = n->test;
    t->trail[t->trails++ % TRAIL] = (struct trail){ .at_us = woad_air_now(t->air),
                                                    .name = n->config.name,
                                                    .type = ev->type,
                                                    .conn = ev->conn,
                                                    .status = event_status(ev) };
    keep_event(n, ev);
    if (ev->type == WOAD_EV_UP) {
        woad_own_address(h, &n->address);
    }
    if (n->config.host.event) {
        n->config.host.event(n->config.host.ctx, h, ev);
    }
}

/* Random octets from the seed: fit for a test that is the same each time, not for keys.
 * SplitMix64. */
static int seeded_random(void *ctx, uint8_t *out, size_t len)
{
    struct woad_test_node *n = ctx;
    for (size_t k = 0; k < len; k++) {
        uint64_t z = n->random += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        out[k] = (uint8_t)(z ^ z >> 31);
    }
    return 0;
}

static int programs_random(void *ctx, uint8_t *out, size_t len)
{
    struct woad_test_node *n = ctx;
    return n->config.host.random(n->config.host.ctx, out, len);
}

/* --- driving ---------------------------------------------------------------------------------- */

uint32_t woad_test_now_ms(const struct woad_test *t)
{
    return (uint32_t)(woad_air_now(t->air) / 1000);
}

static void hash_packet(struct woad_test *t, const uint8_t *p, size_t len)
{
    for (size_t k = 0; k < len; k++) {
        t->hash = (t->hash ^ p[k]) * 1099511628211u;
    }
    t->hash = t->hash * 31 + len;
}

/* Gives the controller the host's next packet.  Returns false: there is none, or no room. */
static bool node_send(struct woad_test_node *n)
{
    if (!n->held_len) {
        n->held_len = woad_tx(n->host, n->held, sizeof n->held);
        hash_packet(n->test, n->held, n->held_len);
    }
    if (!n->held_len) {
        return false;
    }
    int result = woad_air_rx(n->controller, n->held, n->held_len);
    if (result == BUSY) {
        return false;
    }
    if (result) {
        woad_test_fail(n->test, "%s: its host has sent a malformed packet, type %u", n->config.name,
                       n->held[0]);
    }
    n->held_len = 0;
    return true;
}

static bool node_receive(struct woad_test_node *n)
{
    uint8_t packet[WOAD_AIR_PACKET];
    size_t len = woad_air_tx(n->controller, packet, sizeof packet);
    if (!len) {
        return false;
    }
    hash_packet(n->test, packet, len);
    if (woad_rx(n->host, packet, len)) {
        woad_test_fail(n->test, "%s: its host takes a packet for malformed, type %u",
                       n->config.name, packet[0]);
    }
    return true;
}

/* Runs a node until it waits for its controller or for its next deadline. */
static void node_run(struct woad_test_node *n)
{
    uint64_t now_ms = woad_air_now(n->test->air) / 1000;
    bool more = n->host != NULL;
    for (unsigned round = 0; more; round++) {
        uint32_t wait = WOAD_FOREVER;
        if (round == ROUNDS_MAX) {
            woad_test_fail(n->test, "%s does not come to rest", n->config.name);
        }
        if (n->config.loop) {
            wait = n->config.loop(n->config.host.ctx, n->host, (uint32_t)now_ms);
        }
        uint32_t due = woad_poll(n->host, (uint32_t)now_ms);
        wait = due < wait ? due : wait;
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

/* Runs the nodes whose deadline has come; `all`: every node. */
static void run_due(struct woad_test *t, bool all)
{
    for (struct woad_test_node *n = t->nodes; n; n = n->next) {
        if (all || n->due_us <= woad_air_now(t->air)) {
            node_run(n);
        }
    }
}

static uint64_t next_due(const struct woad_test *t, uint64_t end_us)
{
    for (const struct woad_test_node *n = t->nodes; n; n = n->next) {
        if (n->host && n->due_us < end_us) {
            end_us = n->due_us;
        }
    }
    return end_us;
}

/* Runs until so() is true, at most until `end_us`.  Returns whether it is. */
static bool run_until(struct woad_test *t, uint64_t end_us, bool (*so)(void *ctx), void *ctx)
{
    struct woad_air_controller *c;
    run_due(t, true); /* the test may have called any of them */
    for (;;) {
        while (!(so && so(ctx)) && (c = woad_air_ready(t->air)) != NULL) {
            node_run(woad_air_user(c));
        }
        if (so && so(ctx)) {
            return true;
        }
        if (woad_air_now(t->air) >= end_us) {
            return false;
        }
        c = woad_air_until(t->air, next_due(t, end_us));
        if (c) {
            node_run(woad_air_user(c));
        }
        run_due(t, false);
    }
}

static uint64_t end_of(const struct woad_test *t, uint32_t ms)
{
    return woad_air_now(t->air) + ms * 1000ull;
}

void woad_test_run(struct woad_test *t, uint32_t ms)
{
    run_until(t, end_of(t, ms), NULL, NULL);
}

/* --- waiting ---------------------------------------------------------------------------------- */

struct search {
    struct woad_test_node *n;
    enum woad_event_type type;
    bool (*match)(void *ctx, const struct woad_event *ev);
    void *ctx;
    struct kept_event *found;
    size_t raised; /* by the node when the search was last in vain: nothing new, nothing to do */
};

static bool search_event(void *ctx)
{
    struct search *s = ctx;
    struct woad_test_node *n = s->n;
    if (s->found || (unsigned)s->type >= EVENT_TYPES || n->count[s->type] == s->raised) {
        return s->found != NULL;
    }
    s->raised = n->count[s->type];
    for (size_t k = 0; k < n->events && !s->found; k++) {
        struct kept_event *e = n->kept[(n->first + k) % WOAD_TEST_EVENTS];
        if (e->ev.type == s->type && !e->taken && (!s->match || s->match(s->ctx, &e->ev))) {
            s->found = e;
        }
    }
    return s->found != NULL;
}

const struct woad_event *woad_test_wait_for(struct woad_test_node *n, enum woad_event_type type,
                                            bool (*match)(void *ctx, const struct woad_event *ev),
                                            void *ctx, uint32_t limit_ms)
{
    struct search s = { .n = n, .type = type, .match = match, .ctx = ctx };
    if (!run_until(n->test, end_of(n->test, limit_ms), search_event, &s)) {
        woad_test_fail(n->test, "%s: no %s%s within %u ms", n->config.name, woad_event_name(type),
                       match ? " that matches" : "", (unsigned)limit_ms);
    }
    s.found->taken = true;
    return &s.found->ev;
}

const struct woad_event *woad_test_wait(struct woad_test_node *n, enum woad_event_type type,
                                        uint32_t limit_ms)
{
    return woad_test_wait_for(n, type, NULL, NULL, limit_ms);
}

void woad_test_wait_until(struct woad_test *t, bool (*so)(void *ctx), void *ctx, uint32_t limit_ms,
                          const char *what)
{
    if (!run_until(t, end_of(t, limit_ms), so, ctx)) {
        woad_test_fail(t, "not within %u ms: %s", (unsigned)limit_ms, what);
    }
}

void woad_test_never(struct woad_test_node *n, enum woad_event_type type, uint32_t ms)
{
    struct search s = { .n = n, .type = type, .raised = woad_test_count(n, type) };
    size_t before = s.raised;
    run_until(n->test, end_of(n->test, ms), NULL, NULL);
    if (woad_test_count(n, type) != before) {
        woad_test_fail(n->test, "%s: %s within %u ms, which must not be", n->config.name,
                       woad_event_name(type), (unsigned)ms);
    }
}

size_t woad_test_count(const struct woad_test_node *n, enum woad_event_type type)
{
    return (unsigned)type < EVENT_TYPES ? n->count[type] : 0;
}

void woad_test_forget(struct woad_test_node *n)
{
    for (; n->events; n->events--) {
        free(n->kept[n->first]);
        n->first = (n->first + 1) % WOAD_TEST_EVENTS;
    }
    memset(n->count, 0, sizeof n->count);
}

/* --- nodes ------------------------------------------------------------------------------------ */

static void defaults(struct woad_test *t, struct woad_test_node *n)
{
    struct woad_air_controller_config *c = &n->config.controller;
    static const uint8_t none[6];
    if (!n->config.name) {
        n->config.name = "node";
    }
    if (!c->conns) {
        woad_air_profile("5.4", c);
    }
    if (!c->queue) {
        c->queue = QUEUE;
    }
    if (!c->crypto) {
        c->crypto = t->config.crypto;
    }
    if (memcmp(c->address, none, sizeof none) == 0) {
        c->address[0] = (uint8_t)t->number;
        c->address[5] = 2;
    }
    c->user = n;
    n->host_config = n->config.host;
    n->host_config.event = on_event;
    n->host_config.ctx = n;
    n->host_config.random = n->config.host.random ? programs_random : seeded_random;
    n->random = t->config.seed * 1000003u + t->number;
}

/* Starts a node, with memory that has been allocated. */
static void node_start(struct woad_test_node *n)
{
    struct woad_test *t = n->test;
    size_t size = woad_size(&n->host_config);
    size_t controller_size = woad_air_controller_size(&n->config.controller);
    n->held_len = 0;
    for (size_t k = 0; k < n->events; k++) { /* of an earlier start */
        n->kept[(n->first + k) % WOAD_TEST_EVENTS]->taken = true;
    }
    n->host = woad_init(n->memory[0], size, &n->host_config);
    n->controller = woad_air_attach(t->air, n->memory[1], controller_size, &n->config.controller);
    if (!n->host || !n->controller) {
        woad_test_fail(t, "%s: its host or its controller cannot be made", n->config.name);
    }
    WOAD_TEST_CALL(n, woad_start(n->host));
    woad_test_wait(n, WOAD_EV_UP, 10000);
}

struct woad_test_node *woad_test_add(struct woad_test *t,
                                     const struct woad_test_node_config *config)
{
    struct woad_test_node *n = need(t, calloc(1, sizeof *n));
    if (++t->number > NODES_MAX) {
        woad_test_fail(t, "more than %d nodes", NODES_MAX);
    }
    n->test = t;
    n->config = *config;
    *t->last = n;
    t->last = &n->next;
    defaults(t, n);
    size_t size = woad_size(&n->host_config);
    size_t controller_size = woad_air_controller_size(&n->config.controller);
    if (!size) {
        struct woad_config_fault fault = { .reason = "" };
        woad_config_check(&n->host_config, &fault);
        woad_test_fail(t, "%s: the config of its host is not valid: %s", n->config.name,
                       fault.reason);
    }
    if (!controller_size) {
        woad_test_fail(t, "%s: the config of its controller is not valid", n->config.name);
    }
    n->memory[0] = need(t, malloc(size));
    n->memory[1] = need(t, malloc(controller_size));
    node_start(n);
    return n;
}

void woad_test_power(struct woad_test_node *n, bool on)
{
    if (on && !n->host) {
        node_start(n);
    } else if (!on && n->host) {
        woad_air_detach(n->controller);
        memset(n->memory[0], 0, woad_size(&n->host_config));
        n->host = NULL;
        n->controller = NULL;
        n->due_us = UINT64_MAX;
    }
}

struct woad *woad_test_host(struct woad_test_node *n)
{
    if (!n->host) {
        woad_test_fail(n->test, "%s is off", n->config.name);
    }
    return n->host;
}

struct woad_air_controller *woad_test_controller(struct woad_test_node *n)
{
    return n->controller;
}

struct woad_air *woad_test_air(struct woad_test *t)
{
    return t->air;
}

const struct woad_addr *woad_test_address(const struct woad_test_node *n)
{
    return &n->address;
}

uint64_t woad_test_hash(const struct woad_test *t)
{
    return t->hash;
}

/* --- the test --------------------------------------------------------------------------------- */

static void on_air(void *ctx, const struct woad_air_packet *packet)
{
    struct woad_test *t = ctx;
    uint8_t record[WOAD_AIR_PCAP_RECORD];
    if (t->pcap) {
        fwrite(record, 1, woad_air_pcap(packet, true, record, sizeof record), t->pcap);
    }
}

struct woad_test *woad_test_begin(const struct woad_test_config *config)
{
    struct woad_test *t = calloc(1, sizeof *t);
    if (!t) {
        abort();
    }
    if (config) {
        t->config = *config;
    }
    if (!t->config.seed) {
        t->config.seed = 1;
    }
    t->last = &t->nodes;
    struct woad_air_config air = { .seed = t->config.seed,
                                   .loss_per_mille = t->config.loss_per_mille,
                                   .ctx = t };
    if (t->config.pcap) {
        air.sniff = on_air;
    }
    t->air = woad_air_init(need(t, malloc(woad_air_size())), woad_air_size(), &air);
    if (t->config.pcap) {
        uint8_t header[WOAD_AIR_PCAP_HEADER];
        t->pcap = fopen(t->config.pcap, "wb");
        if (!t->pcap) {
            woad_test_fail(t, "%s cannot be written", t->config.pcap);
        }
        woad_air_pcap_header(header);
        fwrite(header, 1, sizeof header, t->pcap);
    }
    return t;
}

void woad_test_end(struct woad_test *t)
{
    for (struct woad_test_node *next, *n = t->nodes; n; n = next) {
        next = n->next;
        woad_test_power(n, false);
        woad_test_forget(n);
        free(n->memory[0]);
        free(n->memory[1]);
        free(n);
    }
    if (t->pcap) {
        fclose(t->pcap);
    }
    free(t->air);
    free(t);
}
