/* Read Multiple and Read Multiple Variable: several values in one response.  Vol 3, Part
 * F, 3.4.4.7, 3.4.4.11
 *
 * All handles are checked before the application is asked for any value, and each again when its
 * value is read.  On the fixed channel the handles are stored behind the prepared writes; on
 * Enhanced ATT they stay in the request's PDU, which the bearer keeps until it is answered.  The
 * response grows in s->rsp.
 *
 * Names of other files:
 *   b: an ATT bearer (att/att.h)
 *   s: the request in progress on a bearer (gatt_server.h)
 *   app_answered: of a feature: continues its request with the application's answer to one element
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   att_ask_value(): raises WOAD_EV_GATT_READ; the application answers in it, or later
 *   att_bearer: a bearer of ATT: a connection's fixed channel, or one of Enhanced ATT: att.h
 *   att_extension: optional part of the server: its functions: att.h
 *   att_is_fixed(): the bearer is the connection's fixed channel
 *   att_is_multiple(): the request reads several values
 *   att_long: att_prepare.c, as the server calls it; NULL: not linked
 *   att_multiple: att_multiple.c, as the server calls it; NULL: not linked
 *   ATT_PENDING: a handler's result: the application will answer
 *   ATT_READ_MULTIPLE_VARIABLE_REQ: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   awaiting: whether the application has to answer the request: ANSWER_…
 *   bearers: of the host: one a connection, then Enhanced ATT's; of c->coc: how many are open
 *   cfg: the config that the application gave to woad_init()
 *   db_at(): the attribute of a handle; NULL: none
 *   db_tables_changed: of a request: the database has changed since it arrived;
 *       db_tables_changed(): forgets what was looked up, and builds the index of types again
 *   element_err: ATT error that the application gave for one element of a request
 *   gatts: the server's database and state: gatt_server.h
 *   gatts_bearer: the request in progress on a bearer, and its response
 *   gatts_value(): a value to be read; ATT_PENDING: the application has it
 *   get_le16(): 16 bits at any address, little endian
 *   in_multi_step: an event about one element is being raised, from a loop that goes on itself
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   long_value_handle: attribute of the cached long value; 0: none
 *   MAY_FAIL: its argument; a test build makes it false in turn, as by a full queue or table
 *   multiple: of a bearer: a response of several values that is under way
 *   multiples: an element for each bearer
 *   next_element: index or offset of the next element of a request
 *   parts_layout(): allocates a struct gatts_parts for each connection, for both features
 *   parts_of(): memory of the connection for prepared writes and a cached long value: gatts_parts
 *   parts_open(): a new connection has no prepared writes, and no cached value
 *   perm_check_read(): 0, or the ATT error of what is missing; may raise WOAD_EV_AUTHORIZE
 *   perm_check_security(): perm_check_read() without WOAD_EV_AUTHORIZE
 *   prepared_len: octets of prepared writes
 *   rd_copy(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   server: of a connection: the client's state; of a bearer: the request in progress
 *   wr_cut(): writes as many of the octets as fit
 *   wr_le16(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   wr_len(): octets written so far (base/buf.h)
 *   wr_room(): octets that still fit (base/buf.h) */
#include "../core/feature.h"
#include "gatt_server.h"

struct multiple {
    const uint8_t *handles; /* two octets each */
    uint16_t n, rsp_len;    /* number of handles; octets of the response so far */
};
ASSERT_SIZE(multiple, WOAD_SIZE_MULTIPLE);

static struct multiple *multiple_of(const struct att_bearer *b)
{
    return &b->c->h->multiples[b - b->c->h->bearers];
}

/* Appends a value, cut at the room there is.  The variable form has { length u16, value } with the
 * length of the whole value; when not even the length fits, the response is full. */
static void multiple_append(struct gatts_bearer *s, struct wr *out, const uint8_t *value,
                            size_t len)
{
    if (s->op == ATT_READ_MULTIPLE_VARIABLE_REQ) {
        if (wr_room(out) < 2) {
            out->end = out->p; /* full */
            return;
        }
        wr_le16(out, (uint16_t)len);
    }
    wr_cut(out, value, len);
}

/* Checks an element again when it is read.  WOAD_EV_AUTHORIZE is raised once more only if the
 * database has changed, so that the handle may be another attribute. */
static int multiple_check(struct att_bearer *b, uint16_t handle, const struct woad_attr *a)
{
    return b->server->db_tables_changed ? perm_check_read(b, handle, a) : perm_check_security(b, a);
}

/* Appends values until the application must answer (ATT_PENDING), all are there (0) or one fails
 * (its ATT error). */
static int multiple_next(struct att_bearer *b, struct wr *out)
{
    struct woad *h = b->c->h;
    struct gatts_bearer *s = b->server;
    struct multiple *m = multiple_of(b);
    while (s->next_element < m->n) {
        uint16_t handle = get_le16(m->handles + s->next_element++ * 2u);
        const struct woad_attr *a = db_at(h->gatts, handle);
        struct gatts_value v;
        int err = WOAD_ATT_INVALID_HANDLE;
        if (a) {
            err = multiple_check(b, handle, a);
        }
        s->handle = handle;
        if (!err) {
            err = gatts_value(b->c, handle, a, &v);
        }
        if (err && err != ATT_PENDING) {
            return err;
        }
        if (err) {
            m->rsp_len = (uint16_t)wr_len(out);
            s->in_multi_step = true;
            att_ask_value(b);
            s->in_multi_step = false;
            if (s->awaiting || s->element_err) {
                return s->awaiting ? ATT_PENDING : s->element_err;
            }
            out->p = out->base + m->rsp_len;
            continue;
        }
        multiple_append(s, out, v.octets, v.len);
    }
    return 0;
}

/* ATT_READ_MULTIPLE_REQ, ATT_READ_MULTIPLE_VARIABLE_REQ: handle u16, two or more of them. */
static int att_rx_multiple(struct att_bearer *b, struct rd *in, struct wr *out)
{
    struct woad *h = b->c->h;
    struct gatts_bearer *s = b->server;
    struct multiple *m = multiple_of(b);
    size_t len = rd_left(in);
    struct rd list = *in;
    if (len < 4 || len % 2) {
        return WOAD_ATT_INVALID_PDU;
    }
    while (rd_left(&list)) {
        s->handle = rd_le16(&list);
        const struct woad_attr *a = db_at(h->gatts, s->handle);
        int err = WOAD_ATT_INVALID_HANDLE;
        if (a) {
            err = perm_check_read(b, s->handle, a);
        }
        if (err) {
            return err;
        }
    }
    m->handles = in->p;
    if (att_is_fixed(b)) {
        struct gatts_parts *g = parts_of(b);
        g->long_value_handle = 0; /* the cached value lies where the handles go */
        if (!MAY_FAIL(len <= (size_t)(h->cfg.prepare_queue - g->prepared_len))) {
            return WOAD_ATT_INSUFFICIENT_RESOURCES;
        }
        m->handles = g->mem + g->prepared_len;
        rd_copy(in, g->mem + g->prepared_len, len);
    }
    s->next_element = 0;
    m->n = (uint16_t)(len / 2);
    return multiple_next(b, out);
}

static int att_rx_several(struct att_bearer *b, uint8_t op, struct rd *in, struct wr *out)
{
    return att_is_multiple(op) ? att_rx_multiple(b, in, out) : WOAD_ATT_REQUEST_NOT_SUPPORTED;
}

/* The application has answered for one value, inside the event (the loop continues) or later.  The
 * response so far may be longer than the present MTU, which our own exchange can have made smaller.
 */
static int multiple_app_answered(struct att_bearer *b, int err, struct rd *value, struct wr *out)
{
    struct gatts_bearer *s = b->server;
    struct multiple *m = multiple_of(b);
    if (!err && m->rsp_len > (size_t)(out->end - out->base)) {
        err = WOAD_ATT_UNLIKELY;
    }
    if (!err) {
        out->p = out->base + m->rsp_len;
        multiple_append(s, out, value->p, rd_left(value));
        m->rsp_len = (uint16_t)wr_len(out);
    }
    if (s->in_multi_step) {
        return ATT_PENDING;
    }
    if (err) {
        return err;
    }
    return multiple_next(b, out);
}

static const struct att_extension read_multiple = { .rx = att_rx_several,
                                                    .app_answered = multiple_app_answered };

static void read_multiple_layout(struct woad *h)
{
    h->multiples = arena_alloc(h, (size_t)h->cfg.conns + h->cfg.att_bearers, sizeof *h->multiples);
    if (!h->att_long) {
        parts_layout(h);
    }
    h->att_multiple = &read_multiple;
}

const struct woad_feature woad_feature_read_multiple = { .layout = read_multiple_layout,
                                                         .conn_open = parts_open };
