/* Long values: prepared writes, stored until Execute and then delivered in order, and values read
 * in parts from a cached copy.  Vol 3, Part F, 3.4.4.5, 3.4.6
 *
 * A prepared write is { handle u16, offset u16, len u16, data }. One that continues the write
 * before it is merged with it, so that a long value written in order is one WOAD_EV_GATT_WRITE.
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   b: an ATT bearer (att/att.h)
 *   s: the request in progress on a bearer (gatt_server.h)
 *   app_answered: of a feature: continues its request with the application's answer to one element
 *   att_ask_application(): raises the event that puts a request to the application
 *   att_bearer: a bearer of ATT: a connection's fixed channel, or one of Enhanced ATT: att.h
 *   att_copy_part(): writes a value from an offset on, cut at the room; 0 or Invalid Offset
 *   ATT_EXECUTE_REQ: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   att_extension: optional part of the server: its functions: att.h
 *   att_long: att_prepare.c, as the server calls it; NULL: not linked
 *   att_multiple: att_multiple.c, as the server calls it; NULL: not linked
 *   ATT_PENDING: a handler's result: the application will answer
 *   att_request_number(): by which the application answers a request of this bearer; 0: fixed
 *       channel
 *   ATT_TIMEOUT_MS: ms after which a request without a response has failed
 *   awaiting: whether the application has to answer the request: ANSWER_…
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   cache_value: of att_long: keeps a value for Read Blob, if it is longer than one response
 *   cfg: the config that the application gave to woad_init()
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   db_at(): the attribute of a handle; NULL: none
 *   db_tables_changed: of a request: the database has changed since it arrived;
 *       db_tables_changed(): forgets what was looked up, and builds the index of types again
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   element_err: ATT error that the application gave for one element of a request
 *   executing: prepared writes are being executed, and the application is asked about one
 *   gatts: the server's database and state: gatt_server.h
 *   gatts_bearer: the request in progress on a bearer, and its response
 *   gatts_table_value(): the value, in RAM, of an attribute with WOAD_PERM_VALUE
 *   gatts_write(): a write to a value that the host has; ATT_PENDING: it is the application's
 *   get_le16(): 16 bits at any address, little endian
 *   in_multi_step: an event about one element is being raised, from a loop that goes on itself
 *   last_part: offset of the last prepared write
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   long_value_deadline: of a connection: when the cached long value expires
 *   long_value_handle: attribute of the cached long value; 0: none
 *   long_value_len: of a connection: octets of the cached long value
 *   MAY_FAIL: its argument; a test build makes it false in turn, as by a full queue or table
 *   multiple_handles_stored(): an unfinished Read Multiple uses the memory behind prepared writes
 *   next_element: index or offset of the next element of a request
 *   parts_layout(): allocates a struct gatts_parts for each connection, for both features
 *   parts_of(): memory of the connection for prepared writes and a cached long value: gatts_parts
 *   parts_open(): a new connection has no prepared writes, and no cached value
 *   perm_check_write(): 0, or the ATT error of what is missing; may raise WOAD_EV_AUTHORIZE
 *   prepared_len: octets of prepared writes
 *   put_le16(): writes 16 bits at any address, little endian
 *   rd_bytes(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   read_cached: of att_long: the next part of the cached value; ATT_PENDING: it is not cached
 *   run_timers: hook in woad_poll(): ends what has timed out; returns ms to the next deadline
 *   server: of a connection: the client's state; of a bearer: the request in progress
 *   value_written: of att_long: the attribute was written: a cached value of it is dropped
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   wr_len(): octets written so far (base/buf.h)
 *   wr_room(): octets that still fit (base/buf.h) */
#include "../base/bytes.h"
#include "../core/clock.h"
#include "../core/feature.h"
#include "gatt_server.h"

enum { PART_HDR = 6 }; /* octets before the data of a prepared write */

/* Stores a prepared write.  False: no room. */
static bool part_store(struct att_bearer *b, uint16_t handle, uint16_t offset, const uint8_t *data,
                       size_t len)
{
    struct woad *h = b->c->h;
    struct gatts_parts *g = parts_of(b);
    uint8_t *last = g->mem + g->last_part;
    bool merges = g->prepared_len && get_le16(last) == handle &&
                  get_le16(last + 2) + (uint32_t)get_le16(last + 4) == offset;
    struct wr out =
        wr_of(g->mem + g->prepared_len, (size_t)(h->cfg.prepare_queue - g->prepared_len));
    if (!MAY_FAIL(wr_room(&out) >= len + (merges ? 0 : PART_HDR))) {
        return false;
    }
    if (merges) {
        put_le16(last + 4, (uint16_t)(get_le16(last + 4) + len));
    } else {
        g->last_part = g->prepared_len;
        wr_le16(&out, handle);
        wr_le16(&out, offset);
        wr_le16(&out, (uint16_t)len);
    }
    wr_bytes(&out, data, len);
    g->prepared_len = (uint16_t)(g->prepared_len + wr_len(&out));
    g->long_value_handle = 0; /* the cached value lay where this is */
    return true;
}

/* ATT_PREPARE_WRITE_REQ: handle u16, offset u16, part.  The response repeats it.  3.4.6.1 */
static int att_rx_prepare(struct att_bearer *b, struct rd *in, struct wr *out)
{
    struct woad *h = b->c->h;
    struct gatts_bearer *s = b->server;
    struct gatts_parts *g = parts_of(b);
    uint16_t handle = rd_le16(in), offset = rd_le16(in);
    if (in->bad) {
        return WOAD_ATT_INVALID_PDU;
    }
    s->handle = handle;
    size_t len = rd_left(in);
    const uint8_t *part = rd_bytes(in, len);
    const struct woad_attr *a = db_at(h->gatts, handle);
    int err = WOAD_ATT_INVALID_HANDLE;
    if (a) {
        err = perm_check_write(b->c, handle, a);
    }
    if (err) {
        return err;
    }
    /* Not while another bearer uses the memory behind the prepared writes. */
    if (g->executing || multiple_handles_stored(b) || !part_store(b, handle, offset, part, len)) {
        return WOAD_ATT_PREPARE_QUEUE_FULL;
    }
    wr_le16(out, handle);
    wr_le16(out, offset);
    wr_bytes(out, part, len);
    return 0;
}

/* The most octets that the attribute's value can have. */
static uint16_t part_value_max(struct gatts *g, uint16_t handle)
{
    const struct woad_attr *a = db_at(g, handle);
    if (a && (a->perm & WOAD_PERM_VALUE)) {
        return gatts_table_value(a)->max;
    }
    return WOAD_ATT_VALUE_MAX;
}

/* Checks all prepared writes before the first is delivered: none may reach beyond the most octets
 * of its value. */
static int parts_check_lengths(struct att_bearer *b, const struct gatts_parts *g)
{
    for (size_t at = 0; at < g->prepared_len;) {
        const uint8_t *part = g->mem + at;
        uint16_t offset = get_le16(part + 2), len = get_le16(part + 4);
        uint16_t max = part_value_max(b->c->h->gatts, get_le16(part));
        if ((uint32_t)offset + len > max) {
            b->server->handle = get_le16(part);
            if (offset > max) {
                return WOAD_ATT_INVALID_OFFSET;
            }
            return WOAD_ATT_INVALID_VALUE_LENGTH;
        }
        at += (size_t)PART_HDR + len;
    }
    return 0;
}

/* Delivers prepared writes until the application must answer (ATT_PENDING), one fails (its ATT
 * error) or all are written (0). */
static int execute_parts(struct att_bearer *b)
{
    struct woad *h = b->c->h;
    struct gatts_bearer *s = b->server;
    struct gatts_parts *g = parts_of(b);
    struct conn *c = b->c;
    while (s->next_element < g->prepared_len && c->state == CONN_OPEN) {
        const uint8_t *part = g->mem + s->next_element;
        uint16_t handle = get_le16(part), offset = get_le16(part + 2), len = get_le16(part + 4);
        s->next_element = (uint16_t)(s->next_element + PART_HDR + len);
        s->handle = handle;
        struct rd value = rd_of(part + PART_HDR, len);
        const struct woad_attr *a = db_at(h->gatts, handle);
        int err = a ? perm_check_write(c, handle, a)
                    : WOAD_ATT_INVALID_HANDLE; /* the attribute may have changed since Prepare */
        if (!err) {
            err = gatts_write(c, handle, a, offset, &value);
        }
        if (!err) {
            continue;
        }
        if (err != ATT_PENDING) {
            return err;
        }
        s->in_multi_step = true;
        struct woad_event ev;
        ev.u.gatt_write.handle = handle;
        ev.u.gatt_write.offset = offset;
        ev.u.gatt_write.data = value.p;
        ev.u.gatt_write.len = len;
        ev.u.gatt_write.need_answer = true;
        ev.u.gatt_write.request = (uint8_t)att_request_number(b);
        att_ask_application(b, WOAD_EV_GATT_WRITE, &ev);
        s->in_multi_step = false;
        if (s->awaiting) {
            return ATT_PENDING;
        }
        if (s->element_err) {
            return s->element_err;
        }
    }
    return 0;
}

/* Drops the prepared writes, and the cached value behind them: its place depends on their length.
 */
static void parts_clear(struct gatts_parts *g)
{
    g->executing = false;
    g->prepared_len = 0;
    g->long_value_handle = 0;
}

/* Goes on with Execute Write.  ATT_PENDING: the application is asked; else the result for the
 * response. */
static int att_execute_next(struct att_bearer *b)
{
    int err = execute_parts(b);
    if (err != ATT_PENDING) {
        parts_clear(parts_of(b));
    }
    return err;
}

/* ATT_EXECUTE_WRITE_REQ: flags u8: 0 cancel, 1 write.  3.4.6.3 */
static int att_rx_execute(struct att_bearer *b, struct rd *in, struct wr *out)
{
    struct gatts_bearer *s = b->server;
    struct gatts_parts *g = parts_of(b);
    uint8_t flags = rd_u8(in);
    (void)out;
    if (!rd_done(in) || flags > 1) {
        return WOAD_ATT_INVALID_PDU;
    }
    if (g->executing) {
        return WOAD_ATT_PREPARE_QUEUE_FULL; /* another bearer executes them */
    }
    int err = 0;
    if (flags) {
        err = parts_check_lengths(b, g);
    }
    if (!flags || err) {
        parts_clear(g);
        return err;
    }
    s->next_element = 0;
    g->executing = true;
    return att_execute_next(b);
}

/* --- values read in parts --------------------------------------------------------------------- */

static void long_forget(struct gatts_parts *g, uint16_t handle)
{
    if (g->long_value_handle == handle) {
        g->long_value_handle = 0;
    }
}

/* Caches a value from the application that is longer than one response, so that the following Read
 * Blob requests get parts of the same value.  It lies behind the prepared writes, until something
 * else needs the memory: another such value, or a prepared write.  Shorter values leave it. */
static void long_cache(struct att_bearer *b, const uint8_t *value, size_t len)
{
    struct woad *h = b->c->h;
    const struct gatts_bearer *s = b->server;
    struct gatts_parts *g = parts_of(b);
    long_forget(g, s->handle);
    if (!s->db_tables_changed && len - s->offset >= b->mtu - 1u && !multiple_handles_stored(b) &&
        MAY_FAIL(len <= (size_t)(h->cfg.prepare_queue - g->prepared_len))) {
        memcpy(g->mem + g->prepared_len, value, len);
        g->long_value_handle = s->handle;
        g->long_value_len = (uint16_t)len;
        g->long_value_deadline = deadline_in(h, ATT_TIMEOUT_MS);
    }
}

/* Reads the next part of the cached value; ATT_PENDING: it is not cached.  See att_rx_read(). */
static int long_read_cached(struct att_bearer *b, struct wr *out)
{
    const struct gatts_bearer *s = b->server;
    struct gatts_parts *g = parts_of(b);
    if (g->long_value_handle != s->handle) {
        return ATT_PENDING;
    }
    if (g->long_value_len < s->offset + b->mtu - 1u) {
        g->long_value_handle = 0; /* the last part */
    }
    return att_copy_part(g->mem + g->prepared_len, g->long_value_len, s->offset, out);
}

static void long_value_written(struct att_bearer *b, uint16_t handle)
{
    long_forget(parts_of(b), handle);
}

void woad_gatt_changed(struct woad *h, uint16_t handle)
{
    for (size_t n = 0; h->parts && n < h->cfg.conns; n++) {
        long_forget(&h->parts[n], handle);
    }
}

/* Drops cached values after ATT_TIMEOUT_MS: a client that pauses gets a new value. */
static uint32_t long_run_timers(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (struct gatts_parts *g = h->parts; g < h->parts + h->cfg.conns; g++) {
        uint32_t g_left = WOAD_FOREVER;
        if (g->long_value_handle) {
            g_left = deadline_left(h, g->long_value_deadline);
        }
        g->long_value_handle = g_left ? g->long_value_handle : 0;
        if (g_left) {
            left = min_u32(left, g_left);
        }
    }
    return left;
}

/* --- the feature ------------------------------------------------------------------------------ */

static int att_rx_prepared(struct att_bearer *b, uint8_t op, struct rd *in, struct wr *out)
{
    if (op == ATT_PREPARE_REQ) {
        return att_rx_prepare(b, in, out);
    }
    return op == ATT_EXECUTE_REQ ? att_rx_execute(b, in, out) : WOAD_ATT_REQUEST_NOT_SUPPORTED;
}

/* The application has answered for one prepared write: continues with the next, or ends. */
static int execute_app_answered(struct att_bearer *b, int err, struct rd *value, struct wr *out)
{
    (void)value;
    (void)out;
    if (b->server->in_multi_step) {
        return ATT_PENDING; /* execute_parts() is in its loop, and continues */
    }
    if (!err) {
        return att_execute_next(b);
    }
    parts_clear(parts_of(b));
    return err;
}

/* The bearer closes while the application is asked about a prepared write of its: drops them all.
 */
static void execute_close(struct att_bearer *b)
{
    if (b->server->awaiting && b->server->op == ATT_EXECUTE_REQ) {
        parts_clear(parts_of(b));
    }
}

static const struct att_extension long_values = { .rx = att_rx_prepared,
                                                  .app_answered = execute_app_answered,
                                                  .close = execute_close,
                                                  .cache_value = long_cache,
                                                  .read_cached = long_read_cached,
                                                  .value_written = long_value_written };

static void long_values_layout(struct woad *h)
{
    if (!h->att_multiple) {
        parts_layout(h);
    }
    h->att_long = &long_values;
}

const struct woad_feature woad_feature_long_values = { .layout = long_values_layout,
                                                       .run_timers = long_run_timers,
                                                       .conn_open = parts_open };
