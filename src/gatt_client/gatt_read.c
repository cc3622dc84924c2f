/* Reading: one whole value, the values of a UUID, several values at once.  Vol 3, Part G, 4.8
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   b: an ATT bearer (att/att.h)
 *   p: a queued procedure (gatt_client.h)
 *   att_bearer: a bearer of ATT: a connection's fixed channel, or one of Enhanced ATT: att.h
 *   att_max_mtu(): the largest ATT_MTU of the connection's bearers
 *   ATT_READ_BLOB_REQ: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   bearer: of a connection: its fixed ATT channel; of a procedure: where it runs; NULL: nowhere
 *   client: of a connection: its queue of procedures; of a bearer: our request in progress
 *   conn: a connection's number in the public interface
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   found: of a procedure: not 0: a result has been raised
 *   gattc_add(): queues a procedure with a copy of its data
 *   gattc_add_range(): queues a procedure about a range of handles; with a UUID, p->uuid is that
 *       and p->filtered is set
 *   gattc_advance(): continues after the last handle of a response; GATTC_DONE: all are found
 *   gattc_before(): the handle before those that are asked for: a response's elements are in
 *       ascending order
 *   gattc_data(): the data queued with a procedure, fifo_len() octets
 *   GATTC_DONE: result of reading a response: the procedure has succeeded
 *   gattc_is_list(): the rest of a PDU is one or more whole elements of this size
 *   gattc_kind: how a kind of request is written (tx), its response read (rx, error): gatt_client.h
 *   gattc_tx_uuid(): writes the request of gattc_tx_range() with p->uuid behind
 *   get_le16(): 16 bits at any address, little endian
 *   NO_CONNECTION: for REFUSED(): no open connection has the number
 *   proc: a queued procedure of the client: gatt_client.h
 *   rd_bytes(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   REFUSED(): logs why a call is refused, and is its error
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   wr_len(): octets written so far (base/buf.h) */
#include "../base/bytes.h"
#include "../core/event.h"
#include "../core/log.h"
#include "gatt_client.h"

static void emit_part(struct conn *c, const struct proc *p, uint16_t handle, uint16_t offset,
                      const uint8_t *data, size_t len)
{
    struct woad_event ev;
    ev.u.value.handle = handle;
    ev.u.value.offset = offset;
    ev.u.value.data = data;
    ev.u.value.len = (uint16_t)len;
    ev.u.value.op = (enum woad_gattc_op)p->op;
    emit_of(c, WOAD_EV_READ, &ev);
}

static const struct gattc_kind kind_read_blob;

/* ATT_READ_REQ: handle u16.  ATT_READ_BLOB_REQ, behind a first part: handle u16, offset u16.  Vol
 * 3, Part F, 3.4.4.3, 3.4.4.5 */
static void read_tx(struct conn *c, struct proc *p, struct wr *out)
{
    (void)c;
    wr_le16(out, p->start);
    if (p->offset) {
        wr_le16(out, p->offset);
    }
}

/* ATT_READ_RSP, ATT_READ_BLOB_RSP: a part of the value.  If it fills the MTU, more may follow.  The
 * peer's MTU exchange may lie between the request and the response, so the smaller of both MTUs
 * counts.  Vol 3, Part G, 4.8.1, 4.8.3; Part F, 3.4.2.2 */
static int read_rx(struct conn *c, struct proc *p, struct rd *in)
{
    const struct att_bearer *b = p->bearer;
    size_t len = rd_left(in), full = min_u32(b->client->mtu, b->mtu) - 1u;
    if (len > (size_t)WOAD_ATT_VALUE_MAX - p->offset) {
        len = (size_t)WOAD_ATT_VALUE_MAX - p->offset; /* the maximum length of a value */
    }
    uint16_t offset = p->offset;
    p->offset = (uint16_t)(p->offset + len);
    bool more = len >= full && p->offset < WOAD_ATT_VALUE_MAX;
    p->kind = &kind_read_blob;
    emit_part(c, p, p->start, offset, in->p, len);
    if (more) {
        return 0;
    }
    return GATTC_DONE;
}

/* Read Blob behind a value that ends exactly with a full response: that was all. */
static int read_blob_error(struct conn *c, struct proc *p, int status)
{
    (void)c;
    (void)p;
    if (status == WOAD_ATT_ATTRIBUTE_NOT_LONG || status == WOAD_ATT_INVALID_OFFSET) {
        return GATTC_DONE;
    }
    return status;
}

static const struct gattc_kind kind_read_blob = {
    .request = ATT_READ_BLOB_REQ,
    .op = WOAD_GATTC_READ,
    .tx = read_tx,
    .rx = read_rx,
    .error = read_blob_error,
};

/* woad_gattc_read_once(): the first response is all. */
static int read_part_rx(struct conn *c, struct proc *p, struct rd *in)
{
    size_t len = min_u32((uint32_t)rd_left(in), WOAD_ATT_VALUE_MAX);
    emit_part(c, p, p->start, 0, rd_bytes(in, len), len);
    return GATTC_DONE;
}

static const struct gattc_kind kind_read_part = {
    .request = ATT_READ_REQ,
    .op = WOAD_GATTC_READ,
    .tx = read_tx,
    .rx = read_part_rx,
};
static const struct gattc_kind kind_read = {
    .request = ATT_READ_REQ,
    .op = WOAD_GATTC_READ,
    .tx = read_tx,
    .rx = read_rx,
};

/* ATT_READ_BY_TYPE_RSP: length of each u8, { handle u16, value } each.  Sets p->found: then
 * Attribute Not Found is the normal end.  Vol 3, Part F, 3.4.4.2; Part G, 4.8.2 */
static int by_uuid_rx(struct conn *c, struct proc *p, struct rd *in)
{
    uint8_t each = rd_u8(in);
    uint16_t last = gattc_before(p);
    if (each < 2 || !gattc_is_list(in, each)) {
        return WOAD_EBADMSG;
    }
    while (rd_left(in) && !p->cancelled) { /* an event may have called woad_gattc_cancel() */
        uint16_t handle = rd_le16(in);
        const uint8_t *value = rd_bytes(in, each - 2u);
        if (handle <= last || handle > p->end) {
            return WOAD_EBADMSG;
        }
        last = handle;
        p->found = true;
        emit_part(c, p, handle, 0, value, each - 2u);
    }
    return gattc_advance(p, last);
}

/* Attribute Not Found is the normal end if some were found. */
static int by_uuid_error(struct conn *c, struct proc *p, int status)
{
    (void)c;
    if (p->found && status == WOAD_ATT_ATTRIBUTE_NOT_FOUND) {
        return GATTC_DONE;
    }
    return status;
}

static const struct gattc_kind kind_read_by_uuid = {
    .request = ATT_READ_BY_TYPE_REQ,
    .op = WOAD_GATTC_READ_BY_UUID,
    .tx = gattc_tx_uuid,
    .rx = by_uuid_rx,
    .error = by_uuid_error,
};

/* ATT_READ_MULTIPLE_REQ, ATT_READ_MULTIPLE_VARIABLE_REQ: { handle u16 }, two or more. */
static void multiple_tx(struct conn *c, struct proc *p, struct wr *out)
{
    const uint8_t *data = gattc_data(c, p);
    wr_bytes(out, data, fifo_len(data));
}

/* ATT_READ_MULTIPLE_VARIABLE_RSP: { length u16, value } each; the last one may be cut, and values
 * behind it missing.  Vol 3, Part F, 3.4.4.12 */
static int multiple_rx(struct conn *c, struct proc *p, struct rd *in)
{
    const uint8_t *handles = gattc_data(c, p);
    for (size_t at = 0; at < fifo_len(handles) && rd_left(in) && !p->cancelled; at += 2) {
        uint16_t handle = get_le16(handles + at);
        uint16_t len = rd_le16(in);
        if (in->bad) {
            return WOAD_EBADMSG;
        }
        size_t n = len;
        if (n > rd_left(in)) {
            n = rd_left(in);
        }
        emit_part(c, p, handle, 0, rd_bytes(in, n), n);
    }
    if (rd_left(in)) {
        return WOAD_EBADMSG;
    }
    return GATTC_DONE;
}

/* ATT_READ_MULTIPLE_RSP: the values one after the other, without lengths: the application splits
 * them.  Vol 3, Part F, 3.4.4.8 */
static int multiple_fixed_rx(struct conn *c, struct proc *p, struct rd *in)
{
    size_t len = rd_left(in);
    emit_part(c, p, p->start, 0, rd_bytes(in, len), len);
    return GATTC_DONE;
}

static const struct gattc_kind kind_read_multiple = {
    .request = ATT_READ_MULTIPLE_VARIABLE_REQ,
    .op = WOAD_GATTC_READ_MULTIPLE,
    .tx = multiple_tx,
    .rx = multiple_rx,
};

static const struct gattc_kind kind_read_multiple_fixed = {
    .request = ATT_READ_MULTIPLE_REQ,
    .op = WOAD_GATTC_READ_MULTIPLE_FIXED,
    .tx = multiple_tx,
    .rx = multiple_fixed_rx,
};

int woad_gattc_read_once(struct woad *h, uint16_t conn, uint16_t handle)
{
    return gattc_add_range(h, conn, &kind_read_part, handle, 0xffff, NULL);
}

int woad_gattc_read(struct woad *h, uint16_t conn, uint16_t handle)
{
    return gattc_add_range(h, conn, &kind_read, handle, 0xffff, NULL);
}

int woad_gattc_read_by_uuid(struct woad *h, uint16_t conn, uint16_t start, uint16_t end,
                            const struct woad_uuid *uuid)
{
    if (uuid) {
        return gattc_add_range(h, conn, &kind_read_by_uuid, start, end, uuid);
    }
    return REFUSED(h, WOAD_EINVAL, "uuid is NULL");
}

/* Queues a Read Multiple of either kind; the request must fit the largest MTU. */
static int read_multiple(struct woad *h, uint16_t conn, const struct gattc_kind *kind,
                         const uint16_t *handles, size_t n)
{
    enum { HANDLES_MAX = 32 };
    uint8_t list[2 * HANDLES_MAX];
    const struct conn *c = conn_of(h, conn);
    struct proc *p;
    struct wr out = wr_of(list, sizeof list);
    if (!c) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    if (!handles || n < 2 || n > HANDLES_MAX || 1 + 2 * n > att_max_mtu(c)) {
        return REFUSED(h, WOAD_EINVAL, "%u handles: 2 to 32, as an ATT_MTU of %u has room for",
                       (unsigned)n, att_max_mtu(c));
    }
    for (size_t i = 0; i < n; i++) {
        wr_le16(&out, handles[i]);
    }
    return gattc_add(h, conn, kind, handles[0], list, wr_len(&out), &p);
}

int woad_gattc_read_multiple(struct woad *h, uint16_t conn, const uint16_t *handles, size_t n)
{
    return read_multiple(h, conn, &kind_read_multiple, handles, n);
}

int woad_gattc_read_multiple_fixed(struct woad *h, uint16_t conn, const uint16_t *handles, size_t n)
{
    return read_multiple(h, conn, &kind_read_multiple_fixed, handles, n);
}
