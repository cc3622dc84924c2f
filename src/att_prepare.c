/* Long values.  Prepared writes: parts are kept until Execute, then written in order.
 * Vol 3, Part F, 3.4.6
 *
 * Kept as { handle u16, offset u16, len u16, data }; a part that continues the one before it is
 * joined to it, so that a long value written in order becomes one write. */
#include "gatt_server.h"

enum { PART_HDR = 6 };

static uint16_t part_u16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }

static bool part_keep(struct att_bearer *b, uint16_t handle, uint16_t offset,
                      const uint8_t *data, size_t len)
{
    struct woad *h = b->c->h;
    struct gatts_conn *s = gatts_of(b);
    uint8_t *last = s->prepared + s->prepared_last;
    bool joins = s->prepared_len && part_u16(last) == handle &&
                 part_u16(last + 2) + (uint32_t)part_u16(last + 4) == offset;
    struct wr out = wr_of(s->prepared + s->prepared_len,
                          (size_t)(h->cfg.prepare_queue - s->prepared_len));
    if (!RESERVE(wr_room(&out) >= len + (joins ? 0 : PART_HDR))) {
        return false;
    }
    if (joins) {
        struct wr total = wr_of(last + 4, 2);
        wr_le16(&total, (uint16_t)(part_u16(last + 4) + len));
    } else {
        s->prepared_last = s->prepared_len;
        wr_le16(&out, handle);
        wr_le16(&out, offset);
        wr_le16(&out, (uint16_t)len);
    }
    wr_bytes(&out, data, len);
    s->prepared_len = (uint16_t)(s->prepared_len + wr_len(&out));
    return true;
}

/* ATT_PREPARE_WRITE_REQ: handle u16, offset u16, part.  The answer is the same again.  3.4.6.1 */
static int att_rx_prepare(struct att_bearer *b, struct rd *in, struct wr *out)
{
    struct woad *h = b->c->h;
    struct gatts_bearer *s = b->server;
    struct gatts_conn *g = gatts_of(b);
    uint16_t handle = rd_le16(in), offset = rd_le16(in);
    if (in->bad) {
        return WOAD_ATT_INVALID_PDU;
    }
    if (!h->cfg.prepare_queue) {
        return WOAD_ATT_REQUEST_NOT_SUPPORTED;
    }
    s->handle = handle;
    g->kept = 0;                         /* it lay where this goes */
    size_t len = rd_left(in);
    const uint8_t *part = rd_bytes(in, len);
    const struct woad_attr *a = db_at(h->gatts, handle);
    int err = a ? perm_write(b->c, handle, a) : WOAD_ATT_INVALID_HANDLE;
    if (err) {
        return err;
    }
    /* Not while another bearer is at what lies there. */
    if (g->executes || att_listing(b) || !part_keep(b, handle, offset, part, len)) {
        return WOAD_ATT_PREPARE_QUEUE_FULL;
    }
    wr_le16(out, handle);
    wr_le16(out, offset);
    wr_bytes(out, part, len);
    return 0;
}

/* A value ends at 512 octets, wherever it begins.  Known before anything is written. */
static int parts_check(struct gatts_bearer *s, const struct gatts_conn *g)
{
    for (size_t at = 0; at < g->prepared_len;) {
        const uint8_t *part = g->prepared + at;
        uint16_t offset = part_u16(part + 2), len = part_u16(part + 4);
        if ((uint32_t)offset + len > WOAD_ATT_VALUE_MAX) {
            s->handle = part_u16(part);
            return offset > WOAD_ATT_VALUE_MAX ? WOAD_ATT_INVALID_OFFSET
                                               : WOAD_ATT_INVALID_VALUE_LENGTH;
        }
        at += (size_t)PART_HDR + len;
    }
    return 0;
}

/* Writes the next part; 0 when all are written. */
static int execute_parts(struct att_bearer *b)
{
    struct woad *h = b->c->h;
    struct gatts_bearer *s = b->server;
    struct gatts_conn *g = gatts_of(b);
    struct conn *c = b->c;
    while (s->executing < g->prepared_len) {
        const uint8_t *part = g->prepared + s->executing;
        uint16_t handle = part_u16(part), offset = part_u16(part + 2), len = part_u16(part + 4);
        s->executing = (uint16_t)(s->executing + PART_HDR + len);
        s->handle = handle;
        struct rd value = rd_of(part + PART_HDR, len);
        const struct woad_attr *a = db_at(h->gatts, handle);
        int err = a ? perm_write(c, handle, a) : WOAD_ATT_INVALID_HANDLE;  /* as it is now */
        err = err ? err : gatts_write(c, handle, a, offset, &value);
        if (!err) {
            continue;
        }
        if (err != ATT_LATER) {
            return err;
        }
        s->stepping = true;
        struct woad_event ev;
        ev.u.gatt_write.handle = handle;
        ev.u.gatt_write.offset = offset;
        ev.u.gatt_write.data = value.p;
        ev.u.gatt_write.len = len;
        ev.u.gatt_write.need_answer = true;
        ev.u.gatt_write.request = (uint8_t)att_request(b);
        att_put_question(b, WOAD_EV_GATT_WRITE, &ev);
        s->stepping = false;
        if (s->waiting) {
            return ATT_LATER;
        }
        if (s->step_err) {
            return s->step_err;
        }
    }
    return 0;
}

static int att_execute_next(struct att_bearer *b)
{
    struct gatts_conn *g = gatts_of(b);
    int err = execute_parts(b);
    g->executes = err == ATT_LATER;
    g->prepared_len = g->executes ? g->prepared_len : 0;
    return err;
}

/* ATT_EXECUTE_WRITE_REQ: flags u8: 0 cancel, 1 write.  3.4.6.3 */
static int att_rx_execute(struct att_bearer *b, struct rd *in, struct wr *out)
{
    struct gatts_bearer *s = b->server;
    struct gatts_conn *g = gatts_of(b);
    uint8_t flags = rd_u8(in);
    (void)out;
    if (!rd_done(in) || flags > 1) {
        return WOAD_ATT_INVALID_PDU;
    }
    if (g->executes) {
        return WOAD_ATT_PREPARE_QUEUE_FULL;                /* another bearer is at it */
    }
    int err = flags ? parts_check(s, g) : 0;
    if (!flags || err) {
        g->prepared_len = 0;
        return err;
    }
    s->executing = 0;
    g->executes = true;
    return att_execute_next(b);
}

/* --- values read in parts --------------------------------------------------------------------- */

/* A value that the application gave, when it is longer than one answer, is kept, so that all parts
 * are of one value: behind the prepared writes, as long as nothing else needs the place. */
static void long_keep(struct att_bearer *b, const uint8_t *value, size_t len)
{
    struct woad *h = b->c->h;
    const struct gatts_bearer *s = b->server;
    struct gatts_conn *g = gatts_of(b);
    g->kept = 0;
    if (len - s->offset >= b->mtu - 1u && !att_listing(b) &&
        RESERVE(len <= (size_t)(h->cfg.prepare_queue - g->prepared_len))) {
        memcpy(g->prepared + g->prepared_len, value, len);
        g->kept = s->handle;
        g->kept_len = (uint16_t)len;
        g->kept_due = deadline_in(h->now, ATT_TIMEOUT_MS);
    }
}

/* The next part of it: see att_read(). */
static int long_read(struct att_bearer *b, struct wr *out)
{
    const struct gatts_bearer *s = b->server;
    struct gatts_conn *g = gatts_of(b);
    if (g->kept != s->handle || !deadline_left(g->kept_due, b->c->h->now)) {
        return ATT_LATER;
    }
    bool last = g->kept_len < s->offset + b->mtu - 1u;
    g->kept = last ? 0 : s->handle;
    return att_part(g->prepared + g->prepared_len, g->kept_len, s->offset, out);
}

/* --- the feature ------------------------------------------------------------------------------ */

static int att_rx_prepared(struct att_bearer *b, uint8_t op, struct rd *in, struct wr *out)
{
    return op == ATT_PREPARE_REQ ? att_rx_prepare(b, in, out)
         : op == ATT_EXECUTE_REQ ? att_rx_execute(b, in, out) : WOAD_ATT_REQUEST_NOT_SUPPORTED;
}

/* The application has said what has become of one part: the next, or that was all. */
static int execute_answered(struct att_bearer *b, int err, struct rd *value, struct wr *out)
{
    (void)value;
    (void)out;
    if (b->server->stepping) {
        return ATT_LATER;                /* the loop that asks takes it from here */
    }
    if (!err) {
        return att_execute_next(b);
    }
    gatts_of(b)->prepared_len = 0;
    gatts_of(b)->executes = false;
    return err;
}

static const struct att_more more = { att_rx_prepared, execute_answered, long_keep, long_read };

static void long_values_carve(struct woad *h)
{
    h->att_long = &more;
}

const struct woad_feature woad_long_values = { .carve = long_values_carve };
