/* Requests that arrive on the fixed channel before the one before has been answered: they wait in a
 * queue.  Without woad_feature_pipelining they are dropped.  Vol 3, Part F, 3.3.2
 *
 * Names of other files:
 *   b: an ATT bearer (att/att.h)
 *   s: the request in progress on a bearer (gatt_server.h)
 *   app_begins: of att_pipeline: the application is called: the connection gets its security back
 *   app_ends: of att_pipeline: the call has returned; takes the result of app_begins()
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   arena_alloc_slots(): an array; the address of each element goes into ARENA_SLOT
 *   ARENA_SLOT: a field of an array of structs, where addresses go (core/arena.h)
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   att_bearer: a bearer of ATT: a connection's fixed channel, or one of Enhanced ATT: att.h
 *   att_is_fixed(): the bearer is the connection's fixed channel
 *   att_pipeline: att_pipeline.c, as the server calls it; NULL: not linked
 *   busy: of a bearer's server: a request has arrived, and its response has not left
 *   cfg: the config that the application gave to woad_init()
 *   conn_index(): index of a connection in the arrays that have an element for each
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   enqueue: of att_pipeline: keeps a request that came before the response to the one before
 *   gatts_bearer: the request in progress on a bearer, and its response
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   LOG(): a line in the log, with printf()'s format
 *   MAY_FAIL: its argument; a test build makes it false in turn, as by a full queue or table
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   pipeline: of a connection: requests of the client that wait: att_pipeline.c
 *   pipelined: more requests wait behind the one in progress
 *   rd_le16(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   server: of a connection: the client's state; of a bearer: the request in progress
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   wr_len(): octets written so far (base/buf.h)
 *   wr_room(): octets that still fit (base/buf.h) */
#include "../core/feature.h"
#include "../core/log.h"
#include "gatt_server.h"

/* While a PDU that arrived unencrypted is served. */
struct clear_serving {
    struct woad_security security; /* of the connection */
    void (*event)(void *ctx, struct woad *h, const struct woad_event *ev);
};

struct pipeline {
    struct clear_serving *clear; /* NULL: no such PDU is served */
    uint8_t *mem;                /* config.pipeline_queue octets: { len u16, PDU } each;
                                  * QUEUED_ENCRYPTED is a bit of that `len` */
    uint16_t len;                /* octets in use */
};
ASSERT_SIZE(pipeline, WOAD_SIZE_PIPELINE);
enum { QUEUED_ENCRYPTED = 0x8000 };

static struct pipeline *pipeline_of(const struct att_bearer *b)
{
    return &b->c->h->pipelines[conn_index(b->c)];
}

/* Appends a PDU; drops it without room. */
static void pipeline_enqueue(struct att_bearer *b, uint8_t op, const struct rd *in)
{
    const struct woad *h = b->c->h;
    struct pipeline *q = pipeline_of(b);
    size_t len = rd_left(in);
    struct wr out = wr_of(q->mem + q->len, (size_t)(h->cfg.pipeline_queue - q->len));
    if (MAY_FAIL(wr_room(&out) >= 3 + len)) {
        wr_le16(&out, (uint16_t)((1 + len) | (b->c->security.encrypted ? QUEUED_ENCRYPTED : 0u)));
        wr_u8(&out, op);
        wr_bytes(&out, in->p, len);
        q->len = (uint16_t)(q->len + wr_len(&out));
        b->server->pipelined = true;
    } else {
        LOG(h, WOAD_LOG_WARNING,
            "connection 0x%x: request 0x%x is dropped: config.pipeline_queue is %u", b->c->number,
            op, h->cfg.pipeline_queue);
    }
}

/* A PDU that arrived unencrypted may be an attacker's, so it is served as on an unencrypted
 * connection although the connection is encrypted now.  Not so the application's calls inside an
 * event of it, or inside a function of a value: for that time the connection gets back its
 * security.  So the host's callback is clear_event() while such a PDU is served, and gatt_value.c
 * calls clear_app_begins() and clear_app_ends(). */
static void clear_event(void *ctx, struct woad *h, const struct woad_event *ev);

/* Takes the connection's security away, to serve a PDU that arrived without encryption; the host
 * calls clear_event() meanwhile. `bonded` is kept: it may be cleared meanwhile, and must not be
 * set again then. */
static void clear_begin(struct conn *c, struct clear_serving *s)
{
    s->security = c->security;
    c->security = (struct woad_security){ .bonded = c->security.bonded };
    s->event = c->h->cfg.event;
    c->h->cfg.event = clear_event;
    c->h->pipelines[conn_index(c)].clear = s;
}

/* Gives the security and the application's callback back. */
static void clear_end(struct conn *c, const struct clear_serving *s)
{
    bool bonded = c->security.bonded;
    c->security = s->security;
    c->security.bonded = bonded;
    c->h->cfg.event = s->event;
    c->h->pipelines[conn_index(c)].clear = NULL;
}

/* The application is called.  Returns what clear_app_ends() takes; NULL: the connection has its
 * security, as in a call inside of another. */
static struct clear_serving *clear_app_begins(const struct conn *c)
{
    struct woad *h = c->h;
    struct clear_serving *s = h->pipelines[conn_index(c)].clear;
    if (s) {
        clear_end(&h->conns[conn_index(c)], s); /* `c` is const */
    }
    return s;
}

/* The application has returned: the PDU is served without security again. */
static void clear_app_ends(const struct conn *c, struct clear_serving *s)
{
    if (s) {
        clear_begin(&c->h->conns[conn_index(c)], s);
    }
}

/* The host's callback meanwhile: calls the application's. */
static void clear_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct conn *c = h->conns; /* one is served at a time: pipeline_serve() runs in woad_tx() */
    while (!h->pipelines[conn_index(c)].clear) {
        c++;
    }
    struct clear_serving *s = clear_app_begins(c);
    h->cfg.event(ctx, h, ev);
    clear_app_ends(c, s);
}

/* The response has left: serves queued PDUs until one of them is a request whose response is to be
 * sent first, or the connection ends in an event. */
static void pipeline_serve(struct att_bearer *b)
{
    struct gatts_bearer *s = b->server;
    struct pipeline *q = pipeline_of(b);
    struct clear_serving clear;
    while (q->len && !s->busy && b->c->state == CONN_OPEN) {
        struct rd in = rd_of(q->mem, q->len);
        uint16_t head = rd_le16(&in), len = head & (QUEUED_ENCRYPTED - 1);
        in.end = in.p + len;
        uint8_t op = rd_u8(&in);
        s->pipelined = false; /* else att_server_rx() would queue it again */
        if (head & QUEUED_ENCRYPTED) {
            att_server_rx(b, op, &in);
        } else {
            clear_begin(b->c, &clear);
            att_server_rx(b, op, &in);
            clear_end(b->c, &clear);
        }
        q->len = (uint16_t)(q->len - 2 - len);
        memmove(q->mem, q->mem + 2 + len, q->len);
        s->pipelined = q->len != 0;
    }
}

static void pipeline_reset(struct att_bearer *b)
{
    if (att_is_fixed(b)) {
        pipeline_of(b)->len = 0;
    }
}

static const struct att_pipeline role = { .enqueue = pipeline_enqueue,
                                          .serve = pipeline_serve,
                                          .reset = pipeline_reset,
                                          .app_begins = clear_app_begins,
                                          .app_ends = clear_app_ends };

static void pipeline_layout(struct woad *h)
{
    if (!h->cfg.pipeline_queue) {
        h->cfg.pipeline_queue = (uint16_t)(h->cfg.mtu + 2);
    }
    struct pipeline *all = arena_alloc(h, h->cfg.conns, sizeof *all);
    arena_alloc_slots(h, h->cfg.conns, h->cfg.pipeline_queue, ARENA_SLOT(all, mem));
    h->pipelines = all;
    h->att_pipeline = &role;
}

const struct woad_feature woad_feature_pipelining = { .layout = pipeline_layout };
