/* Requests that come before the one before them has been answered wait in a queue.
 * Vol 3, Part F, 3.3.2 */
#include "gatt_server.h"

/* What there is no room for is dropped. */
static void pipeline_put(struct att_bearer *b, uint8_t op, const struct rd *in)
{
    struct woad *h = b->c->h;
    struct gatts_bearer *s = b->server;
    size_t len = rd_left(in);
    struct wr out = wr_of(s->pipeline + s->pipeline_len,
                          (size_t)(h->cfg.pipeline_queue - s->pipeline_len));
    if (RESERVE(wr_room(&out) >= 3 + len)) {
        wr_le16(&out, (uint16_t)(1 + len));
        wr_u8(&out, op);
        wr_bytes(&out, in->p, len);
        s->pipeline_len = (uint16_t)(s->pipeline_len + wr_len(&out));
    }
}

/* The answer has left: what came meanwhile has its turn, where it lies. */
static void pipeline_next(struct att_bearer *b)
{
    struct gatts_bearer *s = b->server;
    while (s->pipeline_len && !s->op) {
        struct rd in = rd_of(s->pipeline, s->pipeline_len);
        uint16_t len = rd_le16(&in);
        in.end = in.p + len;
        uint8_t op = rd_u8(&in);
        uint16_t whole = s->pipeline_len;
        s->pipeline_len = 0;             /* it is not behind itself */
        att_server_rx(b, op, &in);
        s->pipeline_len = (uint16_t)(whole - 2 - len);
        memmove(s->pipeline, s->pipeline + 2 + len, s->pipeline_len);
    }
}

static const struct att_pipeline pipeline = { pipeline_put, pipeline_next };

static void pipeline_carve(struct woad *h)
{
    h->att_pipeline = &pipeline;
}

const struct woad_feature woad_pipelining = { .carve = pipeline_carve };
