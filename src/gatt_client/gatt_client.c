/* The GATT client: a queue of procedures for each connection, one request at a time on each bearer.
 * The procedures themselves are in the other files of this folder.  Vol 3, Part F, 3.3.2; Part G, 4
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   b: an ATT bearer (att/att.h)
 *   p: a queued procedure (gatt_client.h)
 *   abort_status: status to end with when the prepared writes have been cancelled; 0: not cancelled
 *   arena_alloc_per_bearer(): an element for each ATT bearer; its address goes into ARENA_SLOT
 *   arena_alloc_per_conn(): an element for each connection; its address goes into ARENA_SLOT
 *   ARENA_SLOT: a field of an array of structs, where addresses go (core/arena.h)
 *   att_bearer: a bearer of ATT: a connection's fixed channel, or one of Enhanced ATT: att.h
 *   ATT_CONFIRM: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   att_is_fixed(): the bearer is the connection's fixed channel
 *   att_max_mtu(): the largest ATT_MTU of the connection's bearers
 *   ATT_MTU_DEFAULT: the ATT_MTU before an exchange
 *   att_role: the GATT client or server, as bearers call it: att.h
 *   att_timed_out(): no answer in time: closes the bearer, and for the fixed channel the connection
 *   ATT_TIMEOUT_MS: ms after which a request without a response has failed
 *   awaiting_security: all procedures wait until the bonded peer has encrypted
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   bearer: of a connection: its fixed ATT channel; of a procedure: where it runs; NULL: nowhere
 *   bearers_end: of the host: the end of its bearers' slots
 *   cancelled: by woad_gattc_cancel(): it ends with WOAD_ECANCELED, whatever its functions return
 *   cfg: the config that the application gave to woad_init()
 *   client: of a connection: its queue of procedures; of a bearer: our request in progress
 *   client_encrypt_to_believe(): 0: believe; CLIENT_WAIT: the peer must encrypt first; < 0: never
 *   client_encrypt_to_send(): 0: send; CLIENT_WAIT: the bonded peer must encrypt first; < 0: never
 *   client_peer_verified(): the connection is encrypted with the bond's key
 *   client_raise_security(): true: begins a pairing, after which security_changed() is called
 *   confirmation_due: of a bearer's client: an indication is to be confirmed
 *   conn: a connection's number in the public interface
 *   conn_close(): ends every procedure of a connection, and raises WOAD_EV_DISCONNECT
 *   conn_for_call(): conn_of() for a public call: all connections are polled again afterwards
 *   CONN_FREE: state of a connection: its slot is not used
 *   conn_mark_ready(): woad_tx() polls the connection again; without it, nothing more would be sent
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   emit_plain(): emit_of() for an event without fields of its own
 *   encrypted_only: the procedure was queued under encryption, and may leave only so
 *   fifo_begin(): fifo_…(): a queue of octet strings: base/fifo.h
 *   fifo_first(): the first record's octets, fifo_len() of them; NULL: empty
 *   fifo_put(): appends a record and returns where to write its octets; NULL: no room (base/fifo.h)
 *   gattc_bearer: what the GATT client keeps for a bearer: gatt_client.h
 *   gattc_conn: what the GATT client keeps for a connection: gatt_client.h
 *   GATTC_DONE: result of reading a response: the procedure has succeeded
 *   GATTC_EARLY: not a procedure: a notification that is kept until the peer has proved itself
 *   gattc_emit_pending(): raises WOAD_EV_CHARACTERISTIC for the last one found, which ends there
 *   gattc_has_data(): the procedure has data in the queue: lists of handles, values to write
 *   gattc_kind: how a kind of request is written (tx), its response read (rx, error): gatt_client.h
 *   get_le16(): 16 bits at any address, little endian
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   locked: no procedure may be removed from the queue: an event about one is being raised
 *   MAY_FAIL: its argument; a test build makes it false in turn, as by a full queue or table
 *   NO_CONNECTION: for REFUSED(): no open connection has the number
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   offered_mtu: the MTU that we have offered in an exchange; 0: none was begun
 *   procs: the connection's procedures in the order of their calls, up to `end`
 *   rd_bytes(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   REFUSED(): logs why a call is refused, and is its error
 *   run_timers: hook in woad_poll(): ends what has timed out; returns ms to the next deadline
 *   security_error: ATT error of the refusal, while the procedure waits for a pairing; 0: none
 *   security_failed: of the client: of a change of security that is not handled yet: it has failed
 *   security_raised: the procedure was refused for lack of security once, and repeated
 *   tx_ready_due: a call has returned WOAD_EAGAIN: WOAD_EV_TX_READY follows when there is room
 *   UUID_CHARACTERISTIC: UUID_…: types of declarations and of the CCCD
 *   uuid_write(): writes 2 or 16 octets; a 32-bit UUID in its 128-bit form
 *   wr_le16(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../base/bytes.h"
#include "../base/uuid.h"
#include "../core/clock.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../core/ready.h"
#include "../core/security.h"
#include "gatt_client.h"

/* --- the queue -------------------------------------------------------------------------------- */

/* Finds a procedure's data: they are in the same order as the procedures. */
const uint8_t *gattc_data(const struct conn *c, const struct proc *p)
{
    const struct gattc_conn *g = c->client;
    const uint8_t *data = fifo_first(&g->data);
    for (const struct proc *q = g->procs; q < p; q++) {
        if (gattc_has_data(q)) {
            data = fifo_next(&g->data, data);
        }
    }
    return data;
}

static bool gattc_has_procs(const struct gattc_conn *g)
{
    return g->end != g->procs;
}

/* The procedure that runs on a bearer. */
static struct proc *gattc_proc_on(const struct att_bearer *b)
{
    struct gattc_conn *g = b->c->client;
    for (struct proc *p = g->procs; p < g->end; p++) {
        if (p->bearer == b) {
            return p;
        }
    }
    return NULL;
}

/* Its request has been sent, and its response has not arrived. */
static bool gattc_is_out(const struct proc *p)
{
    return p->bearer && p->bearer->client->request;
}

/* --- end of a procedure ----------------------------------------------------------------------- */

/* The response has been processed: the next request may be sent on this bearer. */
static void gattc_clear_request(struct att_bearer *b)
{
    b->client->request = 0;
    b->client->deadline = 0;
}

/* Removes a procedure and raises WOAD_EV_GATTC_DONE.  The queue is consistent before the event, in
 * which the application may queue others. */
static void gattc_end(struct conn *c, struct proc *over, int status)
{
    struct gattc_conn *g = c->client;
    struct proc p = *over;
    bool sent = gattc_is_out(&p);
    if (gattc_has_data(&p)) {
        const uint8_t *data = gattc_data(c, over);
        if (data == fifo_first(&g->data)) {
            fifo_drop(&g->data); /* the usual case, without moving data */
        } else {
            fifo_remove(&g->data, data);
        }
    }
    if (p.cancelled) {
        /* An MTU request that was sent keeps its real result: the server has taken over the MTU. */
        if (p.op != WOAD_GATTC_MTU || !sent) {
            status = WOAD_ECANCELED;
        }
        if (p.op == WOAD_GATTC_MTU && !sent && c->bearer->mtu == ATT_MTU_DEFAULT) {
            c->offered_mtu = 0; /* the exchange may be begun again */
        }
    }
    if (p.bearer) {
        gattc_clear_request(p.bearer);
    }
    g->end--;
    memmove(over, over + 1, (size_t)(g->end - over) * sizeof *over);
    conn_mark_ready(c); /* a procedure behind it may start */
    if (p.kind->type == UUID_CHARACTERISTIC) {
        gattc_emit_pending(c, &p, p.end);
    }
    if (p.op != GATTC_EARLY) {
        struct woad_event ev;
        ev.u.done.op = (enum woad_gattc_op)p.op;
        ev.u.done.handle = p.start; /* the attribute; of a range, where it stopped */
        ev.u.done.status = status;
        emit_of(c, WOAD_EV_GATTC_DONE, &ev);
    }
    if (g->tx_ready_due) {
        g->tx_ready_due = false;
        emit_plain(c, WOAD_EV_TX_READY);
    }
}

/* Ends the first procedure that has no request pending, if there is one: the response to a pending
 * request would be taken for the next one's. */
static void gattc_end_first(struct conn *c, int status)
{
    struct gattc_conn *g = c->client;
    for (struct proc *p = g->procs; p < g->end; p++) {
        if (!gattc_is_out(p)) {
            gattc_end(c, p, status);
            return;
        }
    }
}

/* A procedure can't go on: ends it.  A long write first cancels what it may have prepared, on any
 * bearer; else the next one would execute it.  Vol 3, Part F, 3.4.6.3 */
static bool gattc_give_up(struct conn *c, struct proc *p, int status)
{
    if (p->op < WOAD_GATTC_WRITE_LONG || c->state != CONN_OPEN ||
        !(p->offset || p->kind->request == ATT_EXECUTE_REQ || gattc_is_out(p))) {
        gattc_end(c, p, status);
        return true;
    }
    p->kind->error(c, p, status);
    p->encrypted_only = false; /* that request has no data */
    if (p->bearer) {
        gattc_clear_request(p->bearer);
        p->bearer = NULL;
    }
    conn_mark_ready(c);
    return false;
}

static void gattc_security_changed(struct conn *c, int status);

/* Does what was postponed while the queue was locked: removes cancelled procedures, then handles a
 * change of security.  The queue stays locked during the removal, whose events may come back here,
 * and is unlocked afterwards.  A procedure that waits for a response is not removed yet; nor is a
 * long write with prepared parts: `error` turns it into Execute Write (cancel), with whose response
 * it ends. */
static void gattc_do_postponed(struct conn *c)
{
    struct gattc_conn *g = c->client;
    g->locked = true;
    for (struct proc *p = g->procs; p < g->end;) {
        bool ended = p->cancelled && !gattc_is_out(p) && gattc_give_up(c, p, WOAD_ECANCELED);
        p++;
        if (ended) {
            p = g->procs; /* its event may have changed the queue */
        }
    }
    g->locked = false;
    conn_mark_ready(c);
    if (g->security_changed) {
        g->security_changed = false;
        gattc_security_changed(c, g->security_failed);
    }
}

/* --- security --------------------------------------------------------------------------------- */

/* A request was refused with `status`. If more security may help, begins a pairing, and the
 * procedure is repeated afterwards, once.  False: the refusal stands. */
static bool gattc_raise_security(struct att_bearer *b, struct proc *p, int status)
{
    if (p->security_raised || p->cancelled || p->abort_status ||
        (status != WOAD_ATT_INSUFFICIENT_AUTHENTICATION &&
         status != WOAD_ATT_INSUFFICIENT_KEY_SIZE && status != WOAD_ATT_INSUFFICIENT_ENCRYPTION)) {
        return false;
    }
    uint8_t request = b->client->request;
    p->security_raised = true;
    gattc_clear_request(b);
    /* Set before client_raise_security(), which may raise events that look at it. */
    p->security_error = (uint8_t)status;
    if (!client_raise_security(b->c)) {
        p->security_error = 0;
        b->client->request = request;
        return false;
    }
    return true;
}

enum { WAS_REFUSED = false, IS_EARLY = true };

/* The first early value (GATTC_EARLY: gatt_client.h), or the first procedure that was refused for
 * lack of security; NULL: none. */
static struct proc *gattc_first_waiting(const struct gattc_conn *g, bool early)
{
    for (struct proc *p = g->procs; p < g->end; p++) {
        if (early ? p->op == GATTC_EARLY : p->security_error != 0) {
            return p;
        }
    }
    return NULL;
}

static void gattc_emit_value(struct conn *c, enum woad_event_type type, uint16_t handle,
                             const uint8_t *value, size_t len)
{
    struct woad_event ev;
    ev.u.value.handle = handle;
    ev.u.value.offset = 0;
    ev.u.value.data = value;
    ev.u.value.len = (uint16_t)len;
    emit_of(c, type, &ev);
}

/* Delivers an early value if the peer has proved to be the bonded one, else drops it. */
static void gattc_deliver_early(struct conn *c, struct proc *p, bool proved)
{
    const uint8_t *data = gattc_data(c, p);
    c->client->locked = true;
    if (proved) { /* the first octet of the data is gattc_add()'s pad */
        gattc_emit_value(c, (enum woad_event_type)p->end, p->start, data + 1, fifo_len(data) - 1u);
    }
    if (c->state != CONN_FREE) { /* else it has ended in the event, and all procedures with it */
        gattc_end(c, p, 0);
        gattc_do_postponed(c);
    }
}

/* A pairing or an encryption has ended with `status`: delivers or drops early values, repeats
 * refused procedures or ends them, and lets the queue go on. */
static void gattc_security_changed(struct conn *c, int status)
{
    struct gattc_conn *g = c->client;
    struct proc *p;
    if (g->locked) {
        g->security_changed = true;
        g->security_failed = status != 0;
        return;
    }
    /* The whole queue waited; where a procedure was refused, that one alone did. */
    bool queue_waited = g->awaiting_security && !gattc_first_waiting(g, WAS_REFUSED);
    bool proved = client_peer_verified(c);
    g->awaiting_security = false;
    conn_mark_ready(c); /* for procedures that waited, and a confirmation */
    while ((p = gattc_first_waiting(g, IS_EARLY)) != NULL) {
        gattc_deliver_early(c, p, proved);
    }
    while ((p = gattc_first_waiting(g, WAS_REFUSED)) != NULL) {
        int error = p->security_error;
        p->security_error = 0;
        if (status) {
            gattc_end(c, p, error);
        }
    }
    if (queue_waited && status) {
        gattc_end_first(c, WOAD_EACCES);
    }
}

/* Whether the queue must wait until a bonded peer has encrypted.  If that is impossible, the first
 * procedure ends, unless the application has removed all in an event. */
static bool gattc_must_wait(struct conn *c)
{
    struct gattc_conn *g = c->client;
    if (!g->awaiting_security) {
        /* Set before client_encrypt_to_send(), which may raise events that look at it. */
        g->awaiting_security = true;
        int err = client_encrypt_to_send(c);
        g->awaiting_security = g->awaiting_security && err == CLIENT_WAIT;
        if (err < 0) {
            gattc_end_first(c, err);
        }
        return err < 0 || g->awaiting_security;
    }
    return true;
}

/* --- received PDUs ---------------------------------------------------------------------------- */

/* The response has been read with result `status`: continues the procedure or ends it.  The
 * application may have ended it in an event. */
static void gattc_finish_request(struct att_bearer *b, uint8_t sent, int status)
{
    struct proc *p = gattc_proc_on(b);
    if (!p || b->client->request != sent) {
        return;
    }
    if (status) {
        if (status == GATTC_DONE) {
            status = 0;
        }
        gattc_end(b->c, p, status);
    } else {
        gattc_clear_request(b);
    }
}

static const struct gattc_kind kind_early = { .op = GATTC_EARLY };

/* ATT_HANDLE_VALUE_NTF, ATT_HANDLE_VALUE_IND: handle u16, value.  Vol 3, Part F, 3.4.7
 * While the peer has yet to prove itself by encryption, the value is queued if there is room; an
 * indication is confirmed afterwards in any case. */
static void gattc_rx_value(struct att_bearer *b, uint8_t op, struct rd *in, int hold)
{
    struct conn *c = b->c;
    enum woad_event_type type = WOAD_EV_NOTIFIED;
    if (rd_left(in) < 2) {
        return;
    }
    uint16_t handle = get_le16(in->p);
    const uint8_t *value = in->p + 2;
    size_t len = rd_left(in) - 2;
    if (op == ATT_INDICATE) {
        b->client->confirmation_due = true;
        type = WOAD_EV_INDICATION;
    }
    if (!hold) {
        gattc_emit_value(c, type, handle, value, len);
    } else if (hold == CLIENT_WAIT) {
        struct proc *early;
        if (!gattc_add(c->h, c->number, &kind_early, handle, value, len, &early)) {
            early->end = (uint16_t)type;
        }
    }
}

/* ATT_MULTIPLE_HANDLE_VALUE_NTF: { handle u16, length u16, value }, two or more.  3.4.7.4 */
static void gattc_rx_values(struct conn *c, struct rd *in)
{
    while (rd_left(in)) {
        uint16_t handle = rd_le16(in), len = rd_le16(in);
        const uint8_t *value = rd_bytes(in, len);
        if (in->bad) {
            return;
        }
        gattc_emit_value(c, WOAD_EV_NOTIFIED, handle, value, len);
    }
}

/* The response to our request, or ATT_ERROR_RSP: request u8, handle u16, error u8, which is the
 * normal end of some procedures; error 0 is malformed.  Any other is dropped. */
static void gattc_rx_answer(struct att_bearer *b, uint8_t op, struct rd *in)
{
    uint8_t sent = b->client->request;
    struct proc *p = gattc_proc_on(b);
    int status = GATTC_DONE;
    if (!sent || !p) {
        return; /* no request is in progress */
    }
    if (op == sent + 1) {
        /* A cancelled procedure drops its results, unless the response changes our state. */
        if (!p->cancelled || p->op == WOAD_GATTC_MTU || p->op >= WOAD_GATTC_WRITE_LONG) {
            status = p->kind->rx(b->c, p, in);
        }
    } else if (op == ATT_ERROR_RSP && rd_left(in) == 4 && in->p[0] == sent) {
        status = in->p[3];
        if (status == WOAD_ATT_OK) {
            status = WOAD_EBADMSG;
        } else if (p->kind->error) {
            status = p->kind->error(b->c, p, status);
        }
        if (gattc_raise_security(b, p, status)) {
            return;
        }
    } else {
        return; /* of another request */
    }
    gattc_finish_request(b, sent, status);
}

/* A PDU for the client.  `locked` keeps the procedure that a response is for in its place, whatever
 * the application does in an event. */
static void gattc_rx(struct att_bearer *b, uint8_t op, struct rd *in)
{
    struct conn *c = b->c;
    int hold = client_encrypt_to_believe(c);
    if (op == ATT_NOTIFY || op == ATT_INDICATE) {
        gattc_rx_value(b, op, in, hold);
        return;
    }
    c->client->locked = true;
    if (hold &&
        op != ATT_MTU_RSP) { /* the MTU must be taken over even from a peer that is not believed */
        if (op != ATT_MULTIPLE_NOTIFY) {
            gattc_clear_request(b); /* not believed: it is sent again when the peer has encrypted */
        }
    } else if (op == ATT_MULTIPLE_NOTIFY) {
        gattc_rx_values(c, in);
    } else {
        gattc_rx_answer(b, op, in);
    }
    gattc_do_postponed(c);
}

/* --- sent PDUs -------------------------------------------------------------------------------- */

/* Traits of procedures.  EXCLUSIVE: no two of them run at once, because their results don't tell
 * them apart, or because the server has one prepare queue.  SEVERAL: about several attributes, a
 * list of handles.  WRITES: not repeated when a bearer closes.  OTHERS: about attributes other than
 * p->start, so it stays in order with all writes. */
enum { EXCLUSIVE = 1, SEVERAL = 2, WRITES = 4, OTHERS = 8 };
static const uint8_t traits[] = {
    [WOAD_GATTC_MTU] = EXCLUSIVE,
    [WOAD_GATTC_SERVICES] = EXCLUSIVE,
    [WOAD_GATTC_SECONDARY_SERVICES] = EXCLUSIVE,
    [WOAD_GATTC_CHARACTERISTICS] = EXCLUSIVE,
    [WOAD_GATTC_DESCRIPTORS] = EXCLUSIVE,
    [WOAD_GATTC_INCLUDED] = EXCLUSIVE,
    [WOAD_GATTC_READ] = 0,
    [WOAD_GATTC_READ_BY_UUID] = EXCLUSIVE,
    [WOAD_GATTC_SUBSCRIBE] = OTHERS,
    [WOAD_GATTC_READ_MULTIPLE] = SEVERAL | OTHERS,
    [WOAD_GATTC_READ_MULTIPLE_FIXED] = SEVERAL | OTHERS,
    [WOAD_GATTC_FIND] = EXCLUSIVE,
    [WOAD_GATTC_WRITE] = WRITES,
    [WOAD_GATTC_WRITE_LONG] = EXCLUSIVE | WRITES,
    [WOAD_GATTC_WRITE_RELIABLE] = EXCLUSIVE | WRITES,
    [GATTC_EARLY] = EXCLUSIVE | WRITES,
};

/* Whether `p` may start before `q`, queued before it: those about one attribute stay in order. */
static bool gattc_may_overtake(const struct proc *p, const struct proc *q)
{
    unsigned p_traits = traits[p->op], q_traits = traits[q->op], either = p_traits | q_traits;
    return !(p_traits & q_traits & EXCLUSIVE) && p->start != q->start &&
           (either & (OTHERS | WRITES)) != (OTHERS | WRITES);
}

/* Whether the next request fits into this MTU. */
static bool gattc_fits(const struct conn *c, const struct proc *p, uint16_t mtu)
{
    int head = 3;
    if (traits[p->op] & SEVERAL) {
        head = 1;
    } else if (p->op != WOAD_GATTC_WRITE) {
        return true;
    }
    return fifo_len(gattc_data(c, p)) + head <= mtu;
}

/* Whether a procedure may start on this bearer now. */
static bool gattc_may_start(const struct att_bearer *b, const struct proc *p)
{
    struct conn *c = b->c;
    if (p->bearer || p->security_error || p->op == GATTC_EARLY ||
        (p->op == WOAD_GATTC_MTU && !att_is_fixed(b))) {
        return false;
    }
    for (const struct proc *q = c->client->procs; q < p; q++) {
        if (!gattc_may_overtake(p, q)) {
            return false;
        }
    }
    return gattc_fits(c, p, b->mtu);
}

/* The procedure that sends the next request on this bearer: the one that runs there, else the first
 * that may start.  NULL: none. */
static struct proc *gattc_next(struct att_bearer *b)
{
    struct conn *c = b->c;
    struct gattc_conn *g = c->client;
    struct proc *p = gattc_proc_on(b);
    if (p && (p->security_error || gattc_fits(c, p, b->mtu))) {
        if (p->security_error) {
            p = NULL;
        }
        return p;
    }
    if (p) {
        p->bearer = NULL; /* to be repeated, and the MTU is smaller: another bearer may take it */
    }
    for (p = g->procs; p < g->end; p++) {
        if (gattc_may_start(b, p)) {
            p->bearer = b;
            return p;
        }
        if (!p->bearer && !gattc_fits(c, p, att_max_mtu(c))) {
            gattc_end(c, p, WOAD_EINVAL); /* no bearer with that MTU is left */
            return NULL;
        }
    }
    return NULL;
}

/* Writes a confirmation or the next request.  False: nothing to send. */
static bool gattc_tx(struct att_bearer *b, struct wr *out)
{
    struct woad *h = b->c->h;
    struct gattc_bearer *cb = b->client;
    struct conn *c = b->c;
    struct gattc_conn *g = c->client;
    if (cb->confirmation_due && !client_encrypt_to_believe(c)) {
        cb->confirmation_due = false;
        wr_u8(out, ATT_CONFIRM);
        return true;
    }
    /* While the queue is locked, procedures in it may be cancelled and not have ended yet. */
    if (cb->request || g->locked || !gattc_has_procs(g) || gattc_must_wait(c)) {
        return false;
    }
    struct proc *p = gattc_next(b);
    if (!p) {
        return false;
    }
    if (p->encrypted_only && !c->security.encrypted) {
        gattc_give_up(c, p, WOAD_EACCES); /* it may leave only under encryption */
        return false;
    }
    cb->request = p->kind->request;
    cb->mtu = b->mtu; /* to read the response with: b->mtu may change before it comes */
    wr_u8(out, cb->request);
    p->kind->tx(c, p, out);
    cb->deadline = deadline_in(h, ATT_TIMEOUT_MS);
    return true;
}

static void gattc_open_bearer(struct att_bearer *b)
{
    *b->client = (struct gattc_bearer){ 0 };
}

/* A bearer has closed: a read continues on another one; a write ends, because the server may have
 * executed it or not. */
static void gattc_close_bearer(struct att_bearer *b)
{
    struct proc *p = gattc_proc_on(b);
    bool repeat = p && !(traits[p->op] & WRITES) && !p->cancelled;
    if (repeat) {
        p->bearer = NULL;
        gattc_clear_request(b);
    } else if (p) {
        gattc_give_up(b->c, p, WOAD_ENOTCONN);
    }
}

static const struct att_role gattc_role = {
    .rx = gattc_rx,
    .tx = gattc_tx,
    .open = gattc_open_bearer,
    .close = gattc_close_bearer,
    .security_changed = gattc_security_changed,
};

static void gattc_layout(struct woad *h)
{
    if (!h->cfg.procedures) {
        h->cfg.procedures = WOAD_DEFAULT_PROCEDURES;
    }
    uint32_t queue = h->cfg.request_queue, least = h->cfg.mtu + 2u;
    if (!queue) {
        queue = WOAD_DEFAULT_REQUEST_QUEUE;
    }
    if (queue < least) {
        queue = least;
    }
    h->cfg.request_queue = (uint16_t)queue;
    struct gattc_conn *conns = arena_alloc_per_conn(h, sizeof *conns, ARENA_SLOT(h->conns, client));
    arena_alloc_per_bearer(h, sizeof(struct gattc_bearer), ARENA_SLOT(h->bearers, client));
    arena_alloc_per_conn(h, h->cfg.procedures * sizeof *conns->procs, ARENA_SLOT(conns, procs));
    arena_alloc_per_conn(h, h->cfg.request_queue, ARENA_SLOT(conns, data.mem));
    h->att_client = &gattc_role;
}

static void gattc_open(struct conn *c)
{
    struct gattc_conn *g = c->client;
    /* The fields before it hold the arena's memory, for ever. */
    memset(&g->awaiting_security, 0, sizeof *g - offsetof(struct gattc_conn, awaiting_security));
    g->end = g->procs;
    fifo_begin(&g->data, c->h->cfg.request_queue);
}

static void gattc_close(struct conn *c)
{
    while (gattc_has_procs(c->client)) {
        gattc_end(c, c->client->procs, WOAD_ENOTCONN);
    }
}

/* Ends procedures without a response in time.  Returns ms to the next deadline. */
static uint32_t gattc_run_timers(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (struct att_bearer *b = h->bearers; b < h->bearers_end; b++) {
        uint32_t b_left = deadline_left(h, b->client->deadline);
        if (!b_left) { /* a request is pending, so its procedure is in the queue */
            struct proc *p = gattc_proc_on(b);
            conn_mark_ready(b->c);
            att_timed_out(b);
            gattc_give_up(b->c, p, WOAD_ETIMEDOUT);
        }
        left = min_u32(left, b_left);
    }
    return left;
}

const struct woad_feature woad_feature_gatt_client = {
    .layout = gattc_layout,
    .conn_open = gattc_open,
    .conn_close = gattc_close,
    .run_timers = gattc_run_timers,
};

/* --- what the application calls --------------------------------------------------------------- */

/* Queues a procedure, with a copy of its data; the caller completes *added.  0 or an error. */
int gattc_add(struct woad *h, uint16_t conn, const struct gattc_kind *kind, uint16_t start,
              const void *data, size_t data_len, struct proc **added)
{
    struct conn *c = conn_of(h, conn);
    if (!h->att_client) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_gatt_client");
    }
    if (!c || c->state != CONN_OPEN) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    struct gattc_conn *g = c->client;
    struct proc *p = g->end;
    bool has_room = MAY_FAIL(p < g->procs + h->cfg.procedures);
    if (has_room && kind->op >= WOAD_GATTC_READ_MULTIPLE) { /* as gattc_has_data() */
        /* Long writes and early values: one octet of state before the value, see gatt_write.c. */
        size_t pad = kind->op > WOAD_GATTC_WRITE;
        uint8_t *copy = fifo_put(&g->data, pad + data_len);
        has_room = copy != NULL;
        if (copy && data_len) {
            memcpy(copy + pad, data, data_len);
        }
    }
    if (!has_room) {
        g->tx_ready_due = true;
        return REFUSED(h, WOAD_EAGAIN, "the queue is full: procedures, or request_queue");
    }
    g->end++;
    *p = (struct proc){ .kind = kind, .op = kind->op, .start = start };
    p->encrypted_only = c->security.encrypted;
    *added = p;
    conn_mark_ready(c);
    return 0;
}

int gattc_add_range(struct woad *h, uint16_t conn, const struct gattc_kind *kind, uint16_t start,
                    uint16_t end, const struct woad_uuid *uuid)
{
    struct proc *p;
    int err;
    if (start && start <= end) {
        err = gattc_add(h, conn, kind, start, NULL, 0, &p);
    } else {
        err = REFUSED(h, WOAD_EINVAL, "handles %u to %u: from 1, and the last not below the first",
                      start, end);
    }
    if (err) {
        return err;
    }
    p->end = end;
    if (uuid) {
        p->filtered = true;
        p->uuid = *uuid;
    }
    return 0;
}

void gattc_tx_range(struct conn *c, struct proc *p, struct wr *out)
{
    (void)c;
    wr_le16(out, p->start);
    wr_le16(out, p->end);
    if (p->kind->type) {
        wr_le16(out, p->kind->type);
    }
}

void gattc_tx_uuid(struct conn *c, struct proc *p, struct wr *out)
{
    gattc_tx_range(c, p, out);
    uuid_write(out, &p->uuid);
}

bool gattc_is_list(const struct rd *in, size_t each)
{
    size_t len = rd_left(in);
    return len && len % each == 0;
}

int gattc_advance(struct proc *p, uint16_t last)
{
    if (last >= p->end) {
        return GATTC_DONE;
    }
    p->start = (uint16_t)(last + 1);
    return 0;
}

int woad_gattc_cancel(struct woad *h, uint16_t conn)
{
    if (!h->att_client) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_gatt_client");
    }
    struct conn *c = conn_for_call(h, conn);
    if (!c) {
        return WOAD_ENOTCONN;
    }
    struct gattc_conn *g = c->client;
    int err = WOAD_ENOENT;
    for (struct proc *p = g->procs; p < g->end; p++) {
        if (p->op != GATTC_EARLY) {
            p->cancelled = true;
            err = 0;
        }
    }
    if (!g->locked) {
        gattc_do_postponed(c);
    }
    return err;
}
