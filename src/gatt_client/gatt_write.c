/* Writing: with a response, in prepared parts, or by Write Command.  Vol 3, Part G, 4.9
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   p: a queued procedure (gatt_client.h)
 *   abort_status: status to end with when the prepared writes have been cancelled; 0: not cancelled
 *   ATT_ENCRYPTED_CMD: mark in c->queue: a Write Command that may leave only under encryption
 *   ATT_EXECUTE_REQ: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   att_max_value(): octets of the longest value that one PDU can carry
 *   att_queue(): queues a PDU { op, handle, value }, cut at the MTU; 0 or WOAD_EAGAIN
 *   bearer: of a connection: its fixed ATT channel; of a procedure: where it runs; NULL: nowhere
 *   cfg: the config that the application gave to woad_init()
 *   client: of a connection: its queue of procedures; of a bearer: our request in progress
 *   client_encrypt_to_send(): 0: send; CLIENT_WAIT: the bonded peer must encrypt first; < 0: never
 *   conn: a connection's number in the public interface
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   gattc_add(): queues a procedure with a copy of its data
 *   gattc_data(): the data queued with a procedure, fifo_len() octets
 *   GATTC_DONE: result of reading a response: the procedure has succeeded
 *   gattc_kind: how a kind of request is written (tx), its response read (rx, error): gatt_client.h
 *   NO_CONNECTION: for REFUSED(): no open connection has the number
 *   proc: a queued procedure of the client: gatt_client.h
 *   rd_done(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   REFUSED(): logs why a call is refused, and is its error
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/log.h"
#include "../core/security.h"
#include "gatt_client.h"

/* ATT_WRITE_REQ: handle u16, value.  Vol 3, Part F, 3.4.5.1 */
static void write_tx(struct conn *c, struct proc *p, struct wr *out)
{
    wr_le16(out, p->start);
    const uint8_t *data = gattc_data(c, p);
    wr_bytes(out, data, fifo_len(data));
}

/* ATT_WRITE_RSP, ATT_EXECUTE_WRITE_RSP: no parameters.  Vol 3, Part F, 3.4.5.2, 3.4.6.4 */
static int write_rx(struct conn *c, struct proc *p, struct rd *in)
{
    (void)c;
    if (!rd_done(in)) {
        return WOAD_EBADMSG;
    }
    if (p->abort_status) {
        return p->abort_status;
    }
    return GATTC_DONE;
}

static const struct gattc_kind kind_write = {
    .request = ATT_WRITE_REQ,
    .op = WOAD_GATTC_WRITE,
    .tx = write_tx,
    .rx = write_rx,
};

/* --- in parts --------------------------------------------------------------------------------- */

/* ATT_EXECUTE_WRITE_REQ: flags u8: 1 write, 0 cancel.  Vol 3, Part F, 3.4.6.3 */
static void execute_tx(struct conn *c, struct proc *p, struct wr *out)
{
    (void)c;
    wr_u8(out, p->abort_status == 0);
}

static const struct gattc_kind kind_prepare;

/* Execute was refused, so the server has dropped what was prepared: a repetition begins with the
 * first part.  A status below 0: not refused, but to be ended: Execute is sent as a cancel. */
static int execute_error(struct conn *c, struct proc *p, int status)
{
    (void)c;
    if (status < 0) {
        p->abort_status = (int16_t)status;
        return 0;
    }
    p->offset = 0;
    p->kind = &kind_prepare;
    return status;
}

static const struct gattc_kind kind_execute = {
    .request = ATT_EXECUTE_REQ,
    .op = WOAD_GATTC_WRITE_LONG,
    .tx = execute_tx,
    .rx = write_rx,
    .error = execute_error,
};

/* Octets of the next part, by the MTU when its request was sent.  The queued data begin with one
 * octet that is not part of the value, so that an empty value has a record too. */
static size_t part_len(struct conn *c, const struct proc *p)
{
    size_t left = fifo_len(gattc_data(c, p)) - 1u - p->offset;
    size_t max = p->bearer->client->mtu - 5u;
    if (left < max) {
        return left;
    }
    return max;
}

/* ATT_PREPARE_WRITE_REQ: handle u16, offset u16, part.  Vol 3, Part F, 3.4.6.1 */
static void prepare_tx(struct conn *c, struct proc *p, struct wr *out)
{
    wr_le16(out, p->start);
    wr_le16(out, p->offset);
    wr_bytes(out, gattc_data(c, p) + 1 + p->offset, part_len(c, p));
}

/* ATT_PREPARE_WRITE_RSP: repeats the request.  A reliable write compares it.  Vol 3, Part G, 4.9.5
 */
static int prepare_rx(struct conn *c, struct proc *p, struct rd *in)
{
    const uint8_t *part = gattc_data(c, p) + 1 + p->offset;
    size_t len = part_len(c, p);
    bool same = rd_le16(in) == p->start;
    same = rd_le16(in) == p->offset && same && rd_left(in) == len && !memcmp(in->p, part, len);
    if (!same && p->op == WOAD_GATTC_WRITE_RELIABLE) {
        p->abort_status = WOAD_EBADMSG;
    }
    p->offset = (uint16_t)(p->offset + len);
    if (p->abort_status || p->offset >= fifo_len(gattc_data(c, p)) - 1u) {
        p->kind = &kind_execute;
    }
    return 0;
}

/* A part was refused: the prepared ones are cancelled first.  A status below 0: as above; it may be
 * that the first part has been prepared. */
static int prepare_error(struct conn *c, struct proc *p, int status)
{
    (void)c;
    if (!p->offset && status > 0) {
        return status;
    }
    p->abort_status = (int16_t)status;
    p->kind = &kind_execute;
    return 0;
}

static const struct gattc_kind kind_prepare = {
    .request = ATT_PREPARE_REQ,
    .op = WOAD_GATTC_WRITE_LONG,
    .tx = prepare_tx,
    .rx = prepare_rx,
    .error = prepare_error,
};

/* --- what the application calls --------------------------------------------------------------- */

#define WRITE_LIMITS \
    "handle %u, %u octets: a handle is not 0; 512 and config.request_queue - 3 (%u) at most"
#define MTU_CURE "woad_gattc_exchange_mtu(), or woad_gattc_write_long()"

static bool write_fits(const struct woad *h, uint16_t handle, size_t len, size_t max)
{
    return handle && len <= max && len + 3 <= h->cfg.request_queue;
}

int woad_gattc_write(struct woad *h, uint16_t conn, uint16_t handle, const void *data, size_t len)
{
    const struct conn *c = conn_of(h, conn);
    struct proc *p;
    if (c && !write_fits(h, handle, len, att_max_value(c))) {
        return REFUSED(h, WOAD_EINVAL, WRITE_LIMITS "; ATT_MTU takes %u now: " MTU_CURE, handle,
                       (unsigned)len, h->cfg.request_queue - 3u, (unsigned)att_max_value(c));
    }
    return gattc_add(h, conn, &kind_write, handle, data, len, &p);
}

int woad_gattc_write_long(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                          size_t len, bool reliable)
{
    struct proc *p;
    if (conn_of(h, conn) && !write_fits(h, handle, len, WOAD_ATT_VALUE_MAX)) {
        return REFUSED(h, WOAD_EINVAL, WRITE_LIMITS, handle, (unsigned)len,
                       h->cfg.request_queue - 3u);
    }
    int err = gattc_add(h, conn, &kind_prepare, handle, data, len, &p);
    if (!err && reliable) {
        p->op = WOAD_GATTC_WRITE_RELIABLE;
    }
    return err;
}

int woad_gattc_write_command(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                             size_t len)
{
    struct conn *c = conn_of(h, conn);
    if (!c || c->state != CONN_OPEN) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    if (!handle || len > WOAD_ATT_VALUE_MAX || len > c->bearer->mtu - 3u) {
        return REFUSED(h, WOAD_EINVAL, "handle %u, %u octets: not handle 0, at most %d octets",
                       handle, (unsigned)len, c->bearer->mtu - 3);
    }
    if (client_encrypt_to_send(c)) {
        return REFUSED(h, WOAD_EACCES, "the peer is bonded: wait for the encryption");
    }
    uint8_t op = ATT_WRITE_CMD;
    if (c->security.encrypted) {
        op = ATT_ENCRYPTED_CMD;
    }
    return att_queue(c, op, handle, data, len);
}
