/* Requests that come before the one before them has been answered wait in a queue, on fixed
 * channels.  Vol 3, Part F, 3.3.2 */
#include "../core/feature.h"
#include "gatt_server.h"

struct pipeline {
    uint8_t *mem; /* config.pipeline_queue octets: { len u16, PDU } each;
                   * QUEUED_ENCRYPTED is a bit of `len` */
    uint16_t len;
};
ASSERT_SIZE(pipeline, WOAD_SIZE_PIPELINE);
enum { QUEUED_ENCRYPTED = 0x8000 };

static struct pipeline *pipeline_of(const struct att_bearer *b)
{
    return &b->c->h->pipelines[conn_index(b->c)];
}

/* What there is no room for is dropped. */
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
    }
}

/* The answer has left: what came meanwhile has its turn, where it lies.  What came in the clear may
 * be anybody's: it is served as on a connection without security, though there is one now.  Whether
 * there is a bond stays, and may change in an event. */
static void pipeline_serve(struct att_bearer *b)
{
    struct gatts_bearer *s = b->server;
    struct pipeline *q = pipeline_of(b);
    struct woad_security *security = &b->c->security, now = *security;
    while (q->len && !s->busy) {
        struct rd in = rd_of(q->mem, q->len);
        uint16_t head = rd_le16(&in), len = head & (QUEUED_ENCRYPTED - 1);
        in.end = in.p + len;
        uint8_t op = rd_u8(&in);
        s->pipelined = false; /* it is not behind itself */
        if (!(head & QUEUED_ENCRYPTED)) {
            *security = (struct woad_security){ .bonded = now.bonded };
        }
        att_server_rx(b, op, &in);
        now.bonded = security->bonded;
        *security = now;
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

static const struct att_pipeline role = { pipeline_enqueue, pipeline_serve, pipeline_reset };

static void pipeline_layout(struct woad *h)
{
    struct pipeline *all = arena_alloc(h, h->cfg.conns, sizeof *all);
    arena_alloc_slots(h, h->cfg.conns, h->cfg.pipeline_queue, ARENA_SLOT(all, mem));
    h->pipelines = all;
    h->att_pipeline = &role;
}

const struct woad_feature woad_feature_pipelining = { .layout = pipeline_layout };
