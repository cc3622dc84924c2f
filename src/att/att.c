/* ATT bearers: dispatch of received PDUs to client or server, the transmit queue, and the time
 * limit of indications.  L2CAP (fixed channel) and eatt.c (channels of Enhanced ATT) call att_rx(),
 * att_tx() and att_tx_queue().  Vol 3, Part F, 3.3
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   b: an ATT bearer (att/att.h)
 *   ALWAYS_INLINE: inlined at each call: it is on the way of each packet
 *   att_bearer: a bearer of ATT: a connection's fixed channel, or one of Enhanced ATT: att.h
 *   att_client: the GATT client, as bearers call it; NULL: not linked
 *   ATT_CONFIRM: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   ATT_ENCRYPTED_CMD: mark in c->queue: a Write Command that may leave only under encryption
 *   att_is_fixed(): the bearer is the connection's fixed channel
 *   att_is_for_client(): the PDU is for the client: a response, a notification, an indication
 *   att_max_mtu(): the largest ATT_MTU of the connection's bearers
 *   att_max_value(): octets of the longest value that one PDU can carry
 *   ATT_MTU_DEFAULT: the ATT_MTU before an exchange
 *   ATT_OP_COMMAND: bit of an opcode: the PDU has no response
 *   att_refused_op: opcode of a request to be refused, where there is no server; 0: none
 *   att_role: the GATT client or server, as bearers call it: att.h
 *   att_server: the GATT server, as bearers call it; NULL: not linked
 *   ATT_TIMEOUT_MS: ms after which a request without a response has failed
 *   ATT_WITHDRAWN: mark in c->queue: a value that may not be sent any more
 *   bearer: of a connection: its fixed ATT channel; of a procedure: where it runs; NULL: nowhere
 *   bearers: of the host: one a connection, then Enhanced ATT's; of c->coc: how many are open
 *   bearers_end: of the host: the end of its bearers' slots
 *   conn_mark_channels_ready(): woad_tx() polls the channels of the connection again
 *   conn_mark_queue_ready(): puts the connection on the ready list; tx_pending stays as it is,
 *       which is enough for c->queue: notifications, indications, write commands
 *   conn_mark_ready(): woad_tx() polls the connection again; without it, nothing more would be sent
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   eatt_role: eatt.c, as channels and ATT call it; NULL: not linked
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   emit_plain(): emit_of() for an event without fields of its own
 *   fifo_drop(): fifo_…(): a queue of octet strings: base/fifo.h
 *   fifo_first(): the first record's octets, fifo_len() of them; NULL: empty
 *   fifo_put(): appends a record and returns where to write its octets; NULL: no room (base/fifo.h)
 *   gatt_bonds: the server's functions for bonded clients: gatt_bonded.c; NULL: no Security Manager
 *   gatts: the server's database and state: gatt_server.h
 *   get_le16(): 16 bits at any address, little endian
 *   HANDLE_SERVICE_CHANGED: handle of Service Changed's value, in the built-in table
 *   indication_deadline: until when the client must confirm it; 0: none
 *   indication_handle: the indication that the client has not confirmed; 0: none
 *   LOG(): a line in the log, with printf()'s format
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   offered_mtu: the MTU that we have offered in an exchange; 0: none was begun
 *   packets_in_controller: ACL packets sent that the controller has not completed
 *   put_le16(): writes 16 bits at any address, little endian
 *   queue_bearer: index of the bearer that is sending the first PDU of c->queue; 0: none
 *   rd_left(): octets not read yet (base/buf.h)
 *   service_changed_confirmed: of gatt_bonds: the client has confirmed Service Changed
 *   SIGNATURE: octets of the counter and the MAC at the end of a signed write
 *   tx_done_due: WOAD_EV_TX_DONE follows when c->queue is empty
 *   tx_left: octets of the frame being sent that are in no packet yet
 *   tx_ready_due: a call has returned WOAD_EAGAIN: WOAD_EV_TX_READY follows when there is room
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include <woad/hci.h>

#include "../base/bytes.h"
#include "../core/clock.h"
#include "../core/event.h"
#include "../core/log.h"
#include "../core/ready.h"
#include "../l2cap/l2cap.h"
#include "att.h"

uint16_t att_max_mtu(const struct conn *c)
{
    const struct eatt_role *role = c->h->eatt_role;
    return role ? role->max_mtu(c) : c->bearer->mtu;
}

/* A bearer has opened, for the connection, with this ATT_MTU. */
void att_open(struct att_bearer *b, struct conn *c, uint16_t mtu)
{
    struct woad *h = c->h;
    b->c = c;
    b->mtu = mtu;
    b->indication_handle = 0;
    b->indication_deadline = 0;
    if (h->att_server) {
        h->att_server->open(b);
    }
    if (h->att_client) {
        h->att_client->open(b);
    }
}

/* Ends the unconfirmed indication, if there is one, with WOAD_EV_INDICATED.  Service Changed is the
 * host's own and raises no event. */
static void att_end_indication(struct att_bearer *b, int status)
{
    struct woad *h = b->c->h;
    struct woad_event ev;
    ev.u.done.handle = b->indication_handle;
    ev.u.done.status = status;
    bool ours = b->indication_handle == HANDLE_SERVICE_CHANGED && h->gatts;
    b->indication_handle = 0;
    b->indication_deadline = 0;
    if (ours && !status && h->gatt_bonds) {
        h->gatt_bonds->service_changed_confirmed(b->c);
    }
    if (ev.u.done.handle && !ours) {
        emit_of(b->c, WOAD_EV_INDICATED, &ev);
    }
}

void att_indication_sent(struct att_bearer *b, uint16_t handle)
{
    struct woad *h = b->c->h;
    b->indication_handle = handle;
    b->indication_deadline = deadline_in(h, ATT_TIMEOUT_MS);
}

/* A request on the fixed channel where there is no server.  It is refused, because a peer without a
 * response disconnects after 30 s.  Exchange MTU is served: client and server share the
 * ATT_MTU.  3.4.1.1, 3.4.2 */
static void LOG_RARE att_log_no_server(const struct conn *c, unsigned op)
{
    (void)c, (void)op;
    LOG(c->h, WOAD_LOG_INFO, "connection 0x%x: ATT request 0x%x: " NO_FEATURE, c->number, op,
        "woad_feature_gatt_server");
}

static void att_rx_no_server(struct att_bearer *b, uint8_t op, const struct rd *in)
{
    struct conn *c = b->c;
    if ((op & ATT_OP_COMMAND) || !att_is_fixed(b)) {
        return;
    }
    att_log_no_server(c, op);
    c->att_refused_op = op | ATT_OP_COMMAND; /* no request has this bit: refuse */
    if (op == ATT_MTU_REQ && rd_left(in) == 2) {
        c->att_refused_op = op; /* without the bit: grant */
        att_set_mtu(c, get_le16(in->p));
    }
}

/* ATT_ERROR_RSP: request u8, handle u16, error u8.  3.4.1.1 */
void att_wr_error(struct wr *out, uint8_t request, uint16_t handle, int err)
{
    const uint8_t pdu[] = { ATT_ERROR_RSP, request, (uint8_t)handle, (uint8_t)(handle >> 8),
                            (uint8_t)err };
    wr_bytes(out, pdu, sizeof pdu);
}

/* ATT_EXCHANGE_MTU_RSP: server's MTU u16; or an error.  3.4.2.2 */
static bool att_tx_no_server(struct att_bearer *b, struct wr *out)
{
    struct conn *c = b->c;
    uint8_t refuse = c->att_refused_op;
    if (!refuse || !att_is_fixed(b)) {
        return false;
    }
    c->att_refused_op = 0;
    if (refuse == ATT_MTU_REQ) {
        wr_u8(out, ATT_MTU_RSP);
        wr_le16(out, att_offer(c));
    } else {
        att_wr_error(out, refuse & (uint8_t)~ATT_OP_COMMAND, 0, WOAD_ATT_REQUEST_NOT_SUPPORTED);
    }
    return true;
}

/* A received PDU.  It may be as long as the MTU that this side has offered, even if the bearer's is
 * shorter: of two exchanges that gave different values the peer may use the larger one. */
static void LOG_RARE att_drop_malformed(const struct att_bearer *b, size_t len)
{
    LOG(b->c->h, WOAD_LOG_DEBUG,
        "connection 0x%x: an ATT PDU of %u octets is dropped: the ATT_MTU is %u", b->c->number,
        (unsigned)len, b->mtu);
}

void att_rx(struct att_bearer *b, struct rd *in)
{
    struct woad *h = b->c->h;
    size_t len = rd_left(in);
    if (!len || (len > b->mtu && len > b->c->offered_mtu)) {
        att_drop_malformed(b, len);
        return;
    }
    uint8_t op = *in->p++;
    if (op == ATT_CONFIRM) {
        if (len == 1) {
            att_end_indication(b, 0);
        }
        return;
    }
    bool for_client = att_is_for_client(op);
    const struct att_role *role = h->att_server;
    if (for_client) {
        role = h->att_client;
    }
    if (role) {
        role->rx(b, op, in);
    } else if (!for_client) {
        att_rx_no_server(b, op, in);
    }
}

/* The queue has room again: raises WOAD_EV_TX_READY if a call has returned WOAD_EAGAIN since. */
void att_emit_tx_ready(struct conn *c)
{
    if (c->tx_ready_due) {
        c->tx_ready_due = false;
        emit_plain(c, WOAD_EV_TX_READY);
    }
}

/* Raises WOAD_EV_TX_DONE when everything that was queued has been sent and acknowledged by the
 * controller.  Call it after each change to one of these conditions. */
void att_check_tx_done(struct conn *c)
{
    if (!c->packets_in_controller && !c->tx_left && c->tx_done_due && fifo_empty(&c->queue) &&
        !c->queue_bearer) {
        c->tx_done_due = false;
        emit_plain(c, WOAD_EV_TX_DONE);
    }
}

/* Drops the first PDU of the queue, of `len` octets, unsent.  Raises WOAD_EV_TX_READY, and
 * WOAD_EV_TX_DONE if no packet in the controller will raise it later. */
static void att_drop_first(struct conn *c, size_t len)
{
    fifo_drop_len(&c->queue, len);
    conn_mark_ready(c);
    att_emit_tx_ready(c);
    att_check_tx_done(c);
}

/* For the first PDU of the queue, unless it is a notification: how many of its octets may be sent
 * now; 0: none.  Drops a withdrawn value, a command queued under encryption that has ended, and a
 * PDU longer than the MTU: only the value of a notification or an indication may be cut.  On an
 * encrypted connection a signed write becomes a Write Command.  Vol 3, Part G, 4.9.2 */
static __attribute__((noinline)) size_t att_prepare_queued(struct att_bearer *b, uint8_t *pdu,
                                                           size_t len)
{
    struct conn *c = b->c;
    uint8_t op = pdu[0];
    bool encrypted = c->security.encrypted;
    if (op == ATT_INDICATE) {
        if (b->indication_handle) {
            return 0;
        }
        att_indication_sent(b, get_le16(pdu + 1));
        return len;
    }
    if (op == ATT_WITHDRAWN || len > b->mtu || (op == ATT_ENCRYPTED_CMD && !encrypted)) {
        att_drop_first(c, len);
        return 0;
    }
    bool is_signed = op == ATT_SIGNED_WRITE_CMD && encrypted;
    if (is_signed || op == ATT_ENCRYPTED_CMD) {
        pdu[0] = ATT_WRITE_CMD;
    }
    if (is_signed) {
        len -= SIGNATURE;
    }
    return len;
}

/* Writes the first PDU of the queue into `out`. False: nothing may leave here now, because an
 * indication is unconfirmed on this bearer, or another bearer has the MTU that the PDU
 * needs.  3.4.7
 */
bool att_tx_queue(struct att_bearer *b, struct wr *out)
{
    struct conn *c = b->c;
    struct fifo *q = &c->queue;
    uint8_t *pdu = fifo_first(q);
    size_t queued_len = 0;
    if (pdu) {
        queued_len = fifo_len(pdu);
    }
    size_t len = queued_len;
    if (!pdu || c->queue_bearer || (len > b->mtu && b->mtu < att_max_mtu(c))) {
        return false;
    }
    if (pdu[0] != ATT_NOTIFY) {
        len = att_prepare_queued(b, pdu, len);
        if (!len) {
            return false;
        }
    }
    if (len > b->mtu) {
        len = b->mtu;
    }
    wr_copy(out, pdu, len);
    fifo_drop_len(q, queued_len);
    if (c->tx_ready_due) {
        att_emit_tx_ready(c);
    }
    return true;
}

/* Writes the next PDU of the server, then of the client: responses go before requests. */
bool att_tx(struct att_bearer *b, struct wr *out)
{
    const struct att_role *server = b->c->h->att_server, *client = b->c->h->att_client;
    bool written;
    if (server) {
        written = server->tx(b, out);
    } else {
        written = att_tx_no_server(b, out);
    }
    if (!written && client) {
        written = client->tx(b, out);
    }
    return written;
}

/* att_queue_reserve(), inlined where notifications are queued: the hot path. */
ALWAYS_INLINE uint8_t *att_queue_reserve_inline(struct conn *c, size_t len)
{
    uint8_t *pdu = fifo_put(&c->queue, len);
    if (!pdu) {
        c->tx_ready_due = true;
        return NULL;
    }
    c->tx_done_due = true;
    if (c->h->eatt_role) {
        conn_mark_channels_ready(c); /* its bearers of Enhanced ATT */
    } else {
        conn_mark_queue_ready(c);
    }
    return pdu;
}

/* Reserves a PDU of `len` octets at the end of the queue, which the caller fills at once.  NULL:
 * the queue is full, and WOAD_EV_TX_READY will follow. */
uint8_t *att_queue_reserve(struct conn *c, size_t len)
{
    return att_queue_reserve_inline(c, len);
}

/* Queues { op u8, handle u16, value }, the value cut at the MTU and at 512 octets.  0 or
 * WOAD_EAGAIN. */
int att_queue(struct conn *c, uint8_t op, uint16_t handle, const void *data, size_t len)
{
    len = min_size(len, att_max_value(c));
    uint8_t *pdu = att_queue_reserve_inline(c, 3 + len);
    if (!pdu) {
        return WOAD_EAGAIN;
    }
    pdu[0] = op;
    put_le16(pdu + 1, handle);
    if (len) {
        memcpy(pdu + 3, data, len);
    }
    return 0;
}

/* The ATT_MTU that this side offers on the connection.  It is fixed by the first exchange, request
 * or response: woad_set_mtu() does not change it afterwards, so that two crossing exchanges
 * agree.  3.4.2.2 */
uint16_t att_offer(struct conn *c)
{
    if (!c->offered_mtu) {
        c->offered_mtu = c->h->mtu;
    }
    return c->offered_mtu;
}

/* An exchange is complete: sets the MTU of the fixed channel and raises WOAD_EV_MTU. */
void att_set_mtu(struct conn *c, uint16_t peer_mtu)
{
    uint32_t mtu = min_u32(att_offer(c), peer_mtu);
    if (mtu < ATT_MTU_DEFAULT) {
        mtu = ATT_MTU_DEFAULT;
    }
    c->bearer->mtu = (uint16_t)mtu;
    conn_mark_ready(c); /* a response must leave before what the application sends in the event */
    struct woad_event ev;
    ev.u.mtu.mtu = c->bearer->mtu;
    emit_of(c, WOAD_EV_MTU, &ev);
}

/* Transaction timeout: no more PDUs may be sent on the bearer.  Closes it, and for the fixed
 * channel the connection.  3.3.3 */
void att_timed_out(struct att_bearer *b)
{
    LOG(b->c->h, WOAD_LOG_WARNING, "connection 0x%x: the peer has not answered for 30 s",
        b->c->number);
    struct woad *h = b->c->h;
    if (att_is_fixed(b)) {
        woad_disconnect(h, b->c->number, WOAD_HCI_REMOTE_USER_TERMINATED);
    } else {
        h->eatt_role->timed_out(b);
    }
}

/* Ends indications that have not been confirmed in time.  Returns ms to the next deadline. */
uint32_t att_run_timers(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (struct att_bearer *b = h->bearers; b < h->bearers_end; b++) {
        uint32_t b_left = deadline_left(h, b->indication_deadline);
        if (b_left == 0) {
            att_timed_out(b);
            att_end_indication(b, WOAD_ETIMEDOUT);
        }
        left = min_u32(left, b_left);
    }
    return left;
}

/* The bearer has closed: ends its indication, its request and its procedure with `status`. */
void att_close(struct att_bearer *b, int status)
{
    struct woad *h = b->c->h;
    att_end_indication(b, status);
    if (h->att_client) {
        h->att_client->close(b);
    }
    if (h->att_server) {
        h->att_server->close(b);
    }
    b->mtu = 0;
}

/* The connection has ended: drops the queue, with WOAD_EV_INDICATED for each indication in it. */
void att_drop_queue(struct conn *c, int status)
{
    struct fifo *q = &c->queue;
    for (const uint8_t *pdu; (pdu = fifo_first(q)) != NULL;) {
        uint16_t handle = 0;
        if (pdu[0] == ATT_INDICATE) {
            handle = get_le16(pdu + 1);
        }
        c->bearer->indication_handle = handle;
        fifo_drop(q);
        att_end_indication(c->bearer, status);
    }
}
