/* The attribute server: takes requests and commands from a bearer, makes one response to each
 * request.  Vol 3, Part F, 3.4
 *
 * A handler writes the response's body into `out` and returns 0, an ATT error code, or ATT_PENDING
 * if the application will answer.  Only att_server_finish() makes an Error Response.  An event may
 * change the database: handlers look attributes up again afterwards.
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   b: an ATT bearer (att/att.h)
 *   s: the request in progress on a bearer (gatt_server.h)
 *   ALWAYS_INLINE: inlined at each call: it is on the way of each packet
 *   ANSWER_NOW: of `awaiting`: the application must answer before its event ends
 *   ANSWERED: of `awaiting`: no answer is awaited, or not any more
 *   app_answered: of a feature: continues its request with the application's answer to one element
 *   ATT_EXECUTE_REQ: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   att_is_fixed(): the bearer is the connection's fixed channel
 *   att_long: att_prepare.c, as the server calls it; NULL: not linked
 *   att_multiple: att_multiple.c, as the server calls it; NULL: not linked
 *   att_offer(): our MTU for an exchange, noted in c->offered_mtu: there is one exchange
 *   ATT_OP_COMMAND: bit of an opcode: the PDU has no response
 *   ATT_PENDING: a handler's result: the application will answer
 *   att_pipeline: att_pipeline.c, as the server calls it; NULL: not linked
 *   att_request_number(): by which the application answers a request of this bearer; 0: fixed
 *       channel
 *   att_role: the GATT client or server, as bearers call it: att.h
 *   att_set_mtu(): an exchange is complete: sets the MTU, and raises WOAD_EV_MTU
 *   att_signed: sign_server.c's handler of signed writes; NULL: not linked
 *   att_wr_error(): writes an Error Response
 *   awaiting: whether the application has to answer the request: ANSWER_…
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   bearers: of the host: one a connection, then Enhanced ATT's; of c->coc: how many are open
 *   bearers_end: of the host: the end of its bearers' slots
 *   busy: of a bearer's server: a request has arrived, and its response has not left
 *   cache_value: of att_long: keeps a value for Read Blob, if it is longer than one response
 *   conn: a connection's number in the public interface
 *   CONN_GONE: the connection has ended; its last events are being raised
 *   conn_mark_ready(): woad_tx() polls the connection again; without it, nothing more would be sent
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   conn_security_error(): 0, or the ATT error of the first WOAD_COC_… bit that it does not meet
 *   current_request: the bearer whose request is being raised as an event; NULL: none
 *   db_at(): the attribute of a handle; NULL: none
 *   db_find(): the first attribute of a type in a range
 *   db_group_end(): the last handle of the service that is declared at this one
 *   db_is_service(): a declaration of a primary or secondary service
 *   db_next(): the first handle from this one on; 0: none
 *   db_tables_changed: of a request: the database has changed since it arrived;
 *       db_tables_changed(): forgets what was looked up, and builds the index of types again
 *   db_type(): the attribute's type, as a UUID
 *   element_err: ATT error that the application gave for one element of a request
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   enqueue: of att_pipeline: keeps a request that came before the response to the one before
 *   gatts: the server's database and state: gatt_server.h
 *   gatts_bearer: the request in progress on a bearer, and its response
 *   gatts_tx_changed(): writes Service Changed, if it is due; false: not now
 *   gatts_value(): a value to be read; ATT_PENDING: the application has it
 *   gatts_write(): a write to a value that the host has; ATT_PENDING: it is the application's
 *   get_le16(): 16 bits at any address, little endian
 *   in_multi_step: an event about one element is being raised, from a loop that goes on itself
 *   NO_CONNECTION: for REFUSED(): no open connection has the number
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   perm_check_read(): 0, or the ATT error of what is missing; may raise WOAD_EV_AUTHORIZE
 *   perm_check_write(): 0, or the ATT error of what is missing; may raise WOAD_EV_AUTHORIZE
 *   pipelined: more requests wait behind the one in progress
 *   rd_le16(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   read_cached: of att_long: the next part of the cached value; ATT_PENDING: it is not cached
 *   REFUSED(): logs why a call is refused, and is its error
 *   request_serial: order in which requests were put to the application
 *   requests_raised: serial number for the next request put to the application
 *   rsp: the response being made, config.mtu octets
 *   rsp_len: octets of the response that is ready to be sent; 0: none
 *   rsp_security: WOAD_COC_… bits: what reading the values in the response takes
 *   serve: of att_pipeline: the response has left: serves the requests that wait
 *   server: of a connection: the client's state; of a bearer: the request in progress
 *   UUID_PRIMARY: UUID_…: types of declarations and of the CCCD
 *   uuid_read(): false: the size is neither 2 nor 16, or the PDU is too short
 *   uuid_short(): the 16-bit form; 0: the UUID has none
 *   uuid_write(): writes 2 or 16 octets; a 32-bit UUID in its 128-bit form
 *   value_written: of att_long: the attribute was written: a cached value of it is dropped
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   wr_len(): octets written so far (base/buf.h)
 *   wr_room(): octets that still fit (base/buf.h)
 *   WRITE_COMMAND: false: a write without a response
 *   WRITE_REQUEST: true: a write with a response */
#include "../base/bytes.h"
#include "../base/uuid.h"
#include "../core/event.h"
#include "../core/log.h"
#include "../core/ready.h"
#include "../core/security.h"
#include "gatt_server.h"

/* The range that several requests begin with: start u16, end u16, then nothing more, or a type of
 * `size` octets or of all octets left.  `start` advances behind each attribute found. */
enum { NO_TYPE = 0, TYPE_IS_REST = 1 };
struct att_range {
    uint32_t start;
    uint16_t end;
    struct woad_uuid type;
    const struct woad_attr *attr; /* the one that att_range_next() has found */
};

/* Reads and checks the range.  0 or an ATT error. */
static int att_rx_range(struct att_bearer *b, struct rd *in, size_t size, struct att_range *r)
{
    uint16_t start = rd_le16(in);
    r->start = start;
    r->end = rd_le16(in);
    r->type.size = 0;
    size_t len = size;
    if (size == TYPE_IS_REST) {
        len = rd_left(in);
    }
    if (in->bad || (size == NO_TYPE ? rd_left(in) != 0 : !uuid_read(in, len, &r->type))) {
        return WOAD_ATT_INVALID_PDU;
    }
    b->server->handle = start; /* the handle in an Error Response */
    if (!start || start > r->end) {
        return WOAD_ATT_INVALID_HANDLE;
    }
    return 0;
}

/* Handle of the next attribute in the range, with its type if the range has one; 0: no more. */
static uint16_t att_range_next(const struct att_bearer *b, struct att_range *r)
{
    struct gatts *g = b->c->h->gatts;
    uint16_t handle;
    if (r->type.size) {
        handle = db_find(g, r->start, r->end, &r->type);
    } else {
        handle = db_next(g, r->start);
    }
    r->start = handle + 1u;
    r->attr = db_at(g, handle);
    if (handle <= r->end) {
        return handle;
    }
    return 0;
}

/* A response that is a list of equal elements begins with `head`, their length or format.  Writes
 * `head` before the first element.  Returns whether an element of `size` octets may follow. */
static bool att_list_has_room(struct wr *out, size_t head, size_t size)
{
    if (wr_len(out) == 1) {
        wr_u8(out, (uint8_t)head);
    }
    return out->base[1] == head && wr_room(out) >= size;
}

/* 0, or Attribute Not Found if the list is empty. */
static __attribute__((noinline)) int att_list_end(const struct wr *out)
{
    if (wr_len(out) <= 1) {
        return WOAD_ATT_ATTRIBUTE_NOT_FOUND;
    }
    return 0;
}

/* Appends { handle u16, value }; the first element is cut at the room there is.  3.4.4.2 */
static bool att_list_value(struct wr *out, uint16_t handle, const uint8_t *value, size_t len)
{
    if (wr_len(out) == 1) {
        len = min_size(len, min_size(wr_room(out) - 3, 253));
    }
    bool has_room = att_list_has_room(out, len + 2, len + 2);
    if (has_room) {
        wr_le16(out, handle);
        wr_bytes(out, value, len);
    }
    return has_room;
}

/* The response in `out` is complete, or `err` becomes an Error Response: it may leave. */
static void att_server_finish(struct gatts_bearer *s, int err, struct wr *out)
{
    if (err) {
        out->p = out->base;
        out->bad = false;
        att_wr_error(out, s->op, s->handle, err);
    }
    s->rsp_len = (uint16_t)wr_len(out);
}

/* ATT_EXCHANGE_MTU_REQ: client's MTU u16; on the fixed channel only.  The new MTU holds for PDUs
 * after the response.  3.4.2.1, 3.4.2.2; Part G, 5.3.1 */
static int att_rx_mtu(struct att_bearer *b, struct rd *in, struct wr *out)
{
    if (rd_left(in) != 2) {
        return WOAD_ATT_INVALID_PDU;
    }
    if (!att_is_fixed(b)) {
        return WOAD_ATT_REQUEST_NOT_SUPPORTED;
    }
    wr_le16(out, att_offer(b->c));
    att_server_finish(
        b->server, 0,
        out); /* before the event of att_set_mtu(), in which the application may send */
    att_set_mtu(b->c, get_le16(in->p));
    return ATT_PENDING;
}

/* ATT_FIND_INFORMATION_REQ: start u16, end u16.  Answer: format u8 (1: 16 bits, 2: 128 bits),
 * { handle u16, type } each.  3.4.3.1 */
static int att_rx_find_info(struct att_bearer *b, struct rd *in, struct wr *out)
{
    struct att_range r;
    uint16_t handle;
    int err = att_rx_range(b, in, NO_TYPE, &r);
    if (err) {
        return err;
    }
    while ((handle = att_range_next(b, &r)) != 0) {
        struct woad_uuid type;
        db_type(r.attr, &type);
        size_t format = 1, octets = 2 + 2;
        if (type.size != 2) { /* a 32-bit type is sent in its 128-bit form */
            format = 2;
            octets = 2 + 16;
        }
        if (!att_list_has_room(out, format, octets)) {
            break;
        }
        wr_le16(out, handle);
        uuid_write(out, &type);
    }
    return att_list_end(out);
}

/* Whether the attribute may be read and the host has this value for it. */
static bool att_value_equals(struct att_bearer *b, uint16_t handle, const struct woad_attr *a,
                             const uint8_t *value, size_t len)
{
    struct gatts_value v;
    struct conn *c = b->c;
    return perm_check_read(b, handle, a) == 0 && !gatts_value(c, handle, a, &v) && v.len == len &&
           (len == 0 || memcmp(v.octets, value, len) == 0);
}

/* ATT_FIND_BY_TYPE_VALUE_REQ: start u16, end u16, type u16, value.  Answer: { handle u16, end of
 * its group u16 } each.  3.4.3.3 */
static int att_rx_find_by_value(struct att_bearer *b, struct rd *in, struct wr *out)
{
    struct gatts *g = b->c->h->gatts;
    struct att_range r;
    uint16_t handle;
    int err = att_rx_range(b, in, 2, &r);
    if (err) {
        return err;
    }
    while (wr_room(out) >= 4 && (handle = att_range_next(b, &r)) != 0) {
        const struct woad_attr *a = r.attr;
        if (att_value_equals(b, handle, a, in->p, rd_left(in))) {
            wr_le16(out, handle);
            if (db_is_service(a)) {
                handle = db_group_end(g, handle);
            }
            wr_le16(out, handle);
        }
    }
    return att_list_end(out);
}

/* Raises WOAD_EV_GATT_READ for the attribute that the request is at: see att_ask_application(). */
int att_ask_value(struct att_bearer *b)
{
    const struct gatts_bearer *s = b->server;
    struct woad_event ev;
    ev.u.gatt_read.handle = s->handle;
    ev.u.gatt_read.offset = s->offset;
    ev.u.gatt_read.request = (uint8_t)att_request_number(b);
    att_ask_application(b, WOAD_EV_GATT_READ, &ev);
    return ATT_PENDING;
}

/* ATT_READ_BY_TYPE_REQ: start u16, end u16, type.  Answer: length of each u8, { handle u16,
 * value } each, as many of the first's length as fit.  3.4.4.1 */
static int att_rx_read_by_type(struct att_bearer *b, struct rd *in, struct wr *out)
{
    struct att_range r;
    uint16_t handle;
    int err = att_rx_range(b, in, TYPE_IS_REST, &r);
    if (err) {
        return err;
    }
    while ((handle = att_range_next(b, &r)) != 0) {
        const struct woad_attr *a = r.attr;
        struct gatts_value v;
        err = perm_check_read(b, handle, a);
        if (!err) {
            err = gatts_value(b->c, handle, a, &v);
        }
        if (err && wr_len(out) == 1) {
            b->server->handle = handle;
            if (err == ATT_PENDING) {
                return att_ask_value(b);
            }
            return err;
        }
        if (err || !att_list_value(out, handle, v.octets, v.len)) {
            break;
        }
    }
    return att_list_end(out);
}

/* Writes the value from `offset` on, cut at the room there is.  0 or an ATT error. */
int att_copy_part(const uint8_t *value, size_t len, uint16_t offset, struct wr *out)
{
    if (offset > len) {
        return WOAD_ATT_INVALID_OFFSET;
    }
    wr_copy_cut(out, len ? value + offset : NULL, len - offset);
    return 0;
}

/* ATT_READ_REQ: handle u16.  ATT_READ_BLOB_REQ: handle u16, offset u16.  The value comes from the
 * host, a cached long value, or the application.  3.4.4.3, 3.4.4.5 */
static int att_rx_read(struct att_bearer *b, struct rd *in, struct wr *out)
{
    struct woad *h = b->c->h;
    struct gatts_bearer *s = b->server;
    struct gatts_value v;
    if (rd_left(in) != (s->op == ATT_READ_REQ ? 2u : 4u)) {
        return WOAD_ATT_INVALID_PDU;
    }
    uint16_t handle = get_le16(in->p);
    s->handle = handle;
    if (s->op != ATT_READ_REQ) {
        s->offset = get_le16(in->p + 2);
    }
    const struct woad_attr *a = db_at(h->gatts, handle);
    if (!a) {
        return WOAD_ATT_INVALID_HANDLE;
    }
    int err = perm_check_read(b, handle, a);
    if (err) {
        return err;
    }
    err = gatts_value(b->c, handle, a, &v);
    if (!err) {
        return att_copy_part(v.octets, v.len, s->offset, out);
    }
    if (err != ATT_PENDING) {
        return err;
    }
    if (s->offset && h->att_long) {
        err = h->att_long->read_cached(b, out);
    }
    if (err == ATT_PENDING) {
        err = att_ask_value(b);
    }
    return err;
}

/* ATT_READ_BY_GROUP_TYPE_REQ: start u16, end u16, type.  Answer: length of each u8, { start u16,
 * end u16, UUID } each.  Groups are services.  3.4.4.9; Vol 3, Part G, 2.5.3 */
static int att_rx_read_by_group(struct att_bearer *b, struct rd *in, struct wr *out)
{
    struct gatts *g = b->c->h->gatts;
    struct att_range r;
    uint16_t handle;
    int err = att_rx_range(b, in, TYPE_IS_REST, &r);
    if (err) {
        return err;
    }
    uint16_t kind = uuid_short(&r.type);
    if (kind != UUID_PRIMARY && kind != UUID_SECONDARY) {
        return WOAD_ATT_UNSUPPORTED_GROUP_TYPE;
    }
    while ((handle = att_range_next(b, &r)) != 0) {
        const struct woad_attr *a = r.attr;
        size_t size = 6;
        if (a->uuid->size != 2) {
            size = 20;
        }
        if (!att_list_has_room(out, size, size)) {
            break;
        }
        wr_le16(out, handle);
        wr_le16(out, db_group_end(g, handle));
        uuid_write(out, a->uuid);
    }
    return att_list_end(out);
}

/* A permitted write: the host takes a CCCD or Client Supported Features, else WOAD_EV_GATT_WRITE is
 * raised.  ATT_PENDING then, also for a command, which has no response. */
int att_deliver_write(struct att_bearer *b, uint16_t handle, const struct woad_attr *a,
                      struct rd *in, bool need_answer)
{
    int err = gatts_write(b->c, handle, a, 0, in);
    if (err != ATT_PENDING) {
        return err;
    }
    size_t len = rd_left(in);
    if (len > WOAD_ATT_VALUE_MAX) {
        return WOAD_ATT_INVALID_VALUE_LENGTH;
    }
    if (b->c->h->att_long) {
        b->c->h->att_long->value_written(b, handle);
    }
    struct woad_event ev;
    ev.u.gatt_write.handle = handle;
    ev.u.gatt_write.offset = 0;
    ev.u.gatt_write.data = in->p;
    ev.u.gatt_write.len = (uint16_t)len;
    ev.u.gatt_write.need_answer = need_answer;
    ev.u.gatt_write.request = (uint8_t)att_request_number(b);
    if (need_answer) {
        att_ask_application(b, WOAD_EV_GATT_WRITE, &ev);
    } else {
        emit_of(b->c, WOAD_EV_GATT_WRITE, &ev);
    }
    return ATT_PENDING;
}

/* A write, as request or command: handle u16, value.  0, ATT_PENDING, or an ATT error. */
static int att_write(struct att_bearer *b, struct rd *in, bool need_answer)
{
    if (rd_left(in) < 2) {
        return WOAD_ATT_INVALID_PDU;
    }
    uint16_t handle = get_le16(in->p);
    in->p += 2;
    if (need_answer) {
        b->server->handle = handle;
    }
    const struct woad_attr *a = db_at(b->c->h->gatts, handle);
    if (!a) {
        return WOAD_ATT_INVALID_HANDLE;
    }
    int err = perm_check_write(b->c, handle, a);
    if (err) {
        return err;
    }
    return att_deliver_write(b, handle, a, in, need_answer);
}

/* ATT_WRITE_REQ: handle u16, value.  3.4.5.1 */
static int att_rx_write(struct att_bearer *b, struct rd *in, struct wr *out)
{
    (void)out;
    return att_write(b, in, WRITE_REQUEST);
}

static int (*const requests[])(struct att_bearer *, struct rd *, struct wr *) = {
    [ATT_MTU_REQ >> 1] = att_rx_mtu,
    [ATT_FIND_INFO_REQ >> 1] = att_rx_find_info,
    [ATT_FIND_BY_VALUE_REQ >> 1] = att_rx_find_by_value,
    [ATT_READ_BY_TYPE_REQ >> 1] = att_rx_read_by_type,
    [ATT_READ_REQ >> 1] = att_rx_read,
    [ATT_READ_BLOB_REQ >> 1] = att_rx_read,
    [ATT_READ_BY_GROUP_REQ >> 1] = att_rx_read_by_group,
    [ATT_WRITE_REQ >> 1] = att_rx_write,
};
enum { REQUESTS = sizeof requests / sizeof *requests };

/* Begins a response in the bearer's buffer: its opcode is the request's plus one. */
ALWAYS_INLINE struct wr att_server_response(struct att_bearer *b)
{
    struct gatts_bearer *s = b->server;
    uint8_t *rsp = s->rsp;
    *rsp = (uint8_t)(s->op + 1);
    return (struct wr){ .base = rsp, .p = rsp + 1, .end = rsp + b->mtu, .bad = false };
}

/* The feature that serves this opcode, if any does; NULL: it is not named. */
static const struct att_extension *att_extension(const struct woad *h, uint8_t op)
{
    if (op == ATT_PREPARE_REQ || op == ATT_EXECUTE_REQ) {
        return h->att_long;
    }
    return h->att_multiple;
}

/* A request or command.  A client must wait for the response before its next request (3.3.2).  On
 * the fixed channel one that comes earlier is queued by woad_feature_pipelining, else dropped; on
 * Enhanced ATT it waits in its channel. */
static void LOG_RARE att_log_error(const struct att_bearer *b, int err)
{
    LOG(b->c->h, WOAD_LOG_DEBUG, "connection 0x%x: request 0x%x, handle %u: ATT error 0x%x",
        b->c->number, b->server->op, b->server->handle, (unsigned)err);
}

void att_server_rx(struct att_bearer *b, uint8_t op, struct rd *in)
{
    struct woad *h = b->c->h;
    struct gatts_bearer *s = b->server;
    if (s->busy && att_is_fixed(b) && (!(op & ATT_OP_COMMAND) || s->pipelined)) {
        if (h->att_pipeline) {
            h->att_pipeline->enqueue(b, op, in);
        }
        return;
    }
    if (op & ATT_OP_COMMAND) {
        if (op == ATT_WRITE_CMD) { /* handle u16, value; no answer whatever happens.  3.4.5.3 */
            att_write(b, in, WRITE_COMMAND);
        } else if (op == ATT_SIGNED_WRITE_CMD && h->att_signed) {
            h->att_signed(b, in);
        }
        return;
    }
    s->op = op;
    s->busy = true;
    s->rsp_security = 0;
    s->db_tables_changed = s->in_multi_step = false;
    s->handle = s->offset = 0;
    int err;
    struct wr out = att_server_response(b);
    if (op >> 1 < REQUESTS && requests[op >> 1]) {
        err = requests[op >> 1](b, in, &out);
    } else {
        const struct att_extension *ext = att_extension(h, op);
        if (ext) {
            err = ext->rx(b, op, in, &out);
        } else {
            err = WOAD_ATT_REQUEST_NOT_SUPPORTED;
        }
    }
    if (!err) {
        s->rsp_len = (uint16_t)wr_len(&out);
    } else if (err != ATT_PENDING) {
        att_log_error(b, err);
        att_server_finish(s, err, &out);
    }
}

/* Checks a response when it leaves, as the connection may have lost the security that its values
 * take, or an exchange may have made the MTU smaller.  0 or the ATT error to send instead. */
static int att_rsp_error(const struct att_bearer *b)
{
    const struct gatts_bearer *s = b->server;
    int err = conn_security_error(b->c, s->rsp_security);
    if (!err && s->rsp_len > b->mtu) {
        return WOAD_ATT_UNLIKELY;
    }
    return err;
}

/* Writes the response if there is one, else Service Changed.  False: nothing to send. */
static bool att_server_tx(struct att_bearer *b, struct wr *out)
{
    struct gatts_bearer *s = b->server;
    uint16_t len = s->rsp_len;
    if (!len) {
        return att_is_fixed(b) && gatts_tx_changed(b->c, out);
    }
    int err = 0;
    if (s->rsp_security || len > b->mtu) {
        err = att_rsp_error(b);
    }
    if (err) {
        att_wr_error(out, s->op, s->handle, err);
    } else {
        wr_copy(out, s->rsp, len);
    }
    s->rsp_len = 0;
    s->busy = false;
    if (s->pipelined) {
        b->c->h->att_pipeline->serve(b);
    }
    return true;
}

static void att_server_open(struct att_bearer *b)
{
    struct gatts_bearer *s = b->server;
    *s = (struct gatts_bearer){ .rsp = s->rsp };
    if (b->c->h->att_pipeline) {
        b->c->h->att_pipeline->reset(b);
    }
}

/* The bearer has closed: drops the request in progress.  If the request awaits the application's
 * answer, the bearer stays busy and is not opened again until the answer has arrived, which must
 * not answer another request.  When the connection ends, no answer follows. */
static void att_server_close(struct att_bearer *b)
{
    struct gatts_bearer *s = b->server;
    if (b->c->h->att_long) {
        b->c->h->att_long->close(b);
    }
    if (b->c->state == CONN_GONE) {
        s->awaiting = ANSWERED;
    }
    s->busy = s->awaiting != ANSWERED;
}

static bool att_server_busy(const struct att_bearer *b)
{
    return b->server->busy;
}

const struct att_role att_server_role = {
    .rx = att_server_rx,
    .tx = att_server_tx,
    .open = att_server_open,
    .close = att_server_close,
    .busy = att_server_busy,
};

/* Makes the response to the request from the application's answer.  In a multi-step request the
 * feature continues, and there may be no response yet. */
static void att_apply_answer(struct att_bearer *b, int err, const uint8_t *value, size_t len)
{
    struct gatts_bearer *s = b->server;
    struct wr out = att_server_response(b);
    conn_mark_ready(b->c);
    if (len > WOAD_ATT_VALUE_MAX) {
        len = WOAD_ATT_VALUE_MAX;
    }
    s->awaiting = ANSWERED;
    s->element_err = (uint8_t)err;
    if (s->op == ATT_READ_REQ || s->op == ATT_READ_BLOB_REQ) {
        if (!err) {
            err = att_copy_part(value, len, s->offset, &out);
        }
        if (!err && b->c->h->att_long) {
            b->c->h->att_long->cache_value(b, value, len);
        }
    } else if (s->op == ATT_READ_BY_TYPE_REQ) {
        if (!err) {
            att_list_value(&out, s->handle, value, len);
        }
    } else if (s->op != ATT_WRITE_REQ) {
        const struct att_extension *ext = att_extension(b->c->h, s->op);
        if (!len) {
            value = out.p;
        }
        struct rd in = rd_of(value, len);
        if (ext) {
            err = ext->app_answered(b, err, &in, &out);
        }
    }
    if (err != ATT_PENDING) {
        att_server_finish(s, err, &out);
    }
}

/* The application's answer; b NULL: there is no request that awaits one.  The answer to a request
 * of a closed bearer is dropped. */
static int att_answer(struct att_bearer *b, int err, const void *value, size_t len)
{
    if (b && !b->mtu) {
        b->server->awaiting = ANSWERED;
        b->server->busy = false;
        b = NULL;
    }
    if (!b) {
        return WOAD_EALREADY;
    }
    att_apply_answer(b, err, value, len);
    return 0;
}

/* Raises a request as an event.  While the event runs, woad_gatt_answer() answers this request:
 * g->current_request.  Events nest.  One that is neither answered in its event nor to be answered
 * later gets Unlikely Error: an application that forgets an attribute would otherwise keep its
 * client waiting for 30 s, and lose the link.  ANSWER_NOW is left only by this request: woad_tx(),
 * called in the event, can send its response and serve the next, but that one ends here, too. */
static void LOG_RARE att_log_no_answer(const struct att_bearer *b)
{
    (void)b;
    LOG(b->c->h, WOAD_LOG_WARNING,
        "connection 0x%x: attribute %u: neither woad_gatt_answer() nor woad_gatt_answer_later() "
        "was called in its event",
        b->c->number, b->server->handle);
}

void att_ask_application(struct att_bearer *b, enum woad_event_type type, struct woad_event *ev)
{
    struct gatts *g = b->c->h->gatts;
    struct gatts_bearer *s = b->server;
    struct att_bearer *outer = g->current_request;
    s->awaiting = ANSWER_NOW;
    s->request_serial = g->requests_raised++;
    g->current_request = b;
    emit_of(b->c, type, ev);
    g->current_request = outer;
    if (s->awaiting == ANSWER_NOW) {
        att_log_no_answer(b);
        att_answer(b, WOAD_ATT_UNLIKELY, NULL, 0);
    }
}

/* The database has changed.  Each request in progress notes it.  A request that waits for the
 * application about a removed handle is answered with Invalid Handle: a later answer would be about
 * another attribute. */
void att_server_db_changed(const struct woad *h, uint16_t first, uint16_t last)
{
    for (struct att_bearer *b = h->bearers; b < h->bearers_end; b++) {
        struct gatts_bearer *s = b->server;
        s->db_tables_changed = true;
        if (s->awaiting && s->handle >= first && s->handle <= last) {
            att_answer(b, WOAD_ATT_INVALID_HANDLE, NULL, 0);
        }
    }
}

/* The bearer with a request that waits for the application: the one with this number, or for -1 the
 * one that has waited longest; its bearer may have closed.  NULL: none. */
static struct att_bearer *att_awaiting_bearer(const struct conn *c, int request)
{
    const struct woad *h = c->h;
    struct att_bearer *found = NULL;
    for (struct att_bearer *b = h->bearers; b < h->bearers_end; b++) {
        bool matches =
            b->c == c && b->server->awaiting && (request < 0 || att_request_number(b) == request);
        if (matches &&
            (!found || (int16_t)(b->server->request_serial - found->server->request_serial) < 0)) {
            found = b;
        }
    }
    return found;
}

int woad_gatt_answer_to(struct woad *h, uint16_t conn, uint8_t request, uint8_t err,
                        const void *data, size_t len)
{
    const struct conn *c = conn_of(h, conn);
    if (!c || !h->gatts) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    return att_answer(att_awaiting_bearer(c, request), err, data, len);
}

int woad_gatt_answer(struct woad *h, uint16_t conn, uint8_t err, const void *data, size_t len)
{
    const struct conn *c = conn_of(h, conn);
    if (!c || !h->gatts) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    struct att_bearer *b = h->gatts->current_request;
    if (!b || b->c != c) {
        b = att_awaiting_bearer(c, -1);
    } else if (!b->server->awaiting) {
        b = NULL; /* it has been answered: a second answer is not to another request */
    }
    if (!b) {
        LOG(h, WOAD_LOG_WARNING, "woad_gatt_answer: no request of connection 0x%x waits for one",
            conn);
    }
    return att_answer(b, err, data, len);
}
