/* The LE signalling channel: connection parameters here, credit-based channels in coc_sig.c;
 * everything else is rejected.  A frame holds one command: code u8, identifier u8, len u16, data.
 * Vol 3, Part A, 4
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   coc_role: credit-based channels, as L2CAP calls them; NULL: not linked
 *   conn_mark_ready(): woad_tx() polls the connection again; without it, nothing more would be sent
 *   conn_rx_params(): reads the peer's parameter request; true: accepted, in c->requested_params
 *   conn_updated(): raises WOAD_EV_CONN_UPDATE; ends an update that has been sent
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   fifo_drop_len(): fifo_…(): a queue of octet strings: base/fifo.h
 *   fifo_first(): the first record's octets, fifo_len() of them; NULL: empty
 *   fifo_put(): appends a record and returns where to write its octets; NULL: no room (base/fifo.h)
 *   get_le16(): 16 bits at any address, little endian
 *   LOG(): a line in the log, with printf()'s format
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   PARAMS: parameters of a connection in a request: PARAM_MIN, PARAM_MAX, PARAM_LATENCY,
 *       PARAM_SUPERVISION
 *   put_le16(): writes 16 bits at any address, little endian
 *   rd_bytes(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   requested_params: parameters of the one request that is being sent or answered: PARAM_…
 *   SIG_CREDITS: SIG_…: codes of signalling commands: sig.h
 *   SIG_HDR: octets of a signalling command's header
 *   sig_id: identifier of our parameter update request; 0: none unanswered
 *   sig_last_id: of a connection: the last identifier of ours
 *   sig_queue: signalling responses to be sent
 *   SIG_TIMEOUT_MS: ms after which a signalling request has failed
 *   update_pending: WOAD_EV_CONN_UPDATE must follow
 *   want_sig_update: L2CAP's parameter update request is to be sent
 *   want_update: HCI's parameter update is to be sent
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/clock.h"
#include "../core/log.h"
#include "../core/ready.h"
#include "coc_role.h"
#include "sig.h"

enum { SIG_MTU = 23 };

/* A full queue drops the response, and the peer's request times out (RTX, 6.2.1).  That happens
 * only to a peer that sends many requests and acknowledges nothing. */
bool sig_respond(struct conn *c, uint8_t code, uint8_t id, const void *data, uint16_t len)
{
    uint8_t *p = fifo_put(&c->sig_queue, SIG_HDR + (size_t)len);
    if (!p) {
        return false;
    }
    p[0] = code;
    p[1] = id;
    put_le16(p + 2, len);
    if (len) {
        memcpy(p + SIG_HDR, data, len);
    }
    conn_mark_ready(c); /* an event may follow in which woad_tx() is called */
    return true;
}

/* Command Reject; not to identifier 0, which is never valid. */
void sig_too_long(struct conn *c, uint8_t id)
{
    static const uint8_t reason[4] = { SIG_MTU_EXCEEDED, 0, SIG_MTU, 0 };
    if (id) {
        sig_respond(c, SIG_REJECT, id, reason, sizeof reason);
    }
}

/* L2CAP_COMMAND_REJECT_RSP: reason u16, data.  4.1 */
void sig_reject_cid(struct conn *c, uint8_t id, uint16_t ours, uint16_t theirs)
{
    uint8_t reason[6];
    put_le16(reason, SIG_INVALID_CID);
    put_le16(reason + 2, ours);
    put_le16(reason + 4, theirs);
    sig_respond(c, SIG_REJECT, id, reason, sizeof reason);
}

uint8_t sig_new_id(struct conn *c)
{
    c->sig_last_id++;
    if (!c->sig_last_id) { /* 0 is none */
        c->sig_last_id++;
    }
    return c->sig_last_id;
}

/* L2CAP_CONNECTION_PARAMETER_UPDATE_REQ: interval min u16, max u16, latency u16, timeout u16, to a
 * central.  If it is accepted, HCI_LE_Connection_Update follows.  4.20 */
static bool sig_rx_param_req(struct conn *c, uint8_t id, struct rd *in)
{
    if (!c->central || rd_left(in) != 8) {
        return false;
    }
    bool ok = !c->update_pending && conn_rx_params(c, in); /* not while ours is pending */
    const uint8_t result[2] = { !ok, 0 };
    if (sig_respond(c, SIG_PARAM_RSP, id, result, 2) && ok) {
        c->want_update = true;
    }
    return true;
}

/* L2CAP_CONNECTION_PARAMETER_UPDATE_RSP: result u16.  0: accepted: the controller's event must
 * follow within the request's time limit; 1: rejected.  4.21 */
static void sig_rx_param_rsp(struct conn *c, uint8_t id, struct rd *in)
{
    if (rd_left(in) == 2 && id == c->sig_id) {
        c->sig_id = 0;
        if (get_le16(in->p)) {
            conn_updated(c, 1);
        }
    }
}

/* Commands that are not answered by Command Reject. */
static bool sig_is_response(uint8_t code)
{
    return code == SIG_REJECT || code == SIG_DISCONNECT_RSP || code == SIG_CREDIT_CONN_RSP ||
           code == SIG_CREDITS || code == SIG_ENHANCED_CONN_RSP || code == SIG_RECONFIGURE_RSP;
}

/* Requests; commands of credit-based channels, which include Command Reject.  False: not
 * understood. */
static bool sig_rx_other(struct conn *c, uint8_t code, uint8_t id, struct rd *in)
{
    struct woad *h = c->h;
    if (code == SIG_PARAM_REQ) {
        return sig_rx_param_req(c, id, in);
    }
    return h->coc_role && h->coc_role->sig_rx(c, code, id, in);
}

/* A frame of the channel. */
void sig_rx(struct conn *c, struct rd *in)
{
    const uint8_t *head = rd_bytes(in, SIG_HDR);
    if (!head || !head[1]) {
        return; /* identifier 0 is never valid: 4 */
    }
    uint8_t code = head[0], id = head[1];
    if (rd_left(in) > SIG_MTU - SIG_HDR) {
        sig_too_long(c, id);
        return;
    }
    /* LE: exactly one command a frame.  4 */
    bool whole = code == SIG_REJECT || get_le16(head + 2) == rd_left(in);
    if (code == SIG_PARAM_RSP) {
        sig_rx_param_rsp(c, id, in);
    } else if (code == SIG_REJECT && id == c->sig_id) {
        conn_updated(c, 1); /* our parameter update request */
    } else if (!(whole && sig_rx_other(c, code, id, in)) && !sig_is_response(code)) {
        static const uint8_t reason[2] = { SIG_NOT_UNDERSTOOD, 0 };
        LOG(c->h, WOAD_LOG_DEBUG, "connection 0x%x: signalling command 0x%x is rejected", c->number,
            code);
        sig_respond(c, SIG_REJECT, id, reason, sizeof reason);
    }
}

/* The header of a command: code u8, identifier u8, length of the data u16. */
void sig_head(struct wr *out, uint8_t code, uint8_t id, uint16_t len)
{
    const uint8_t head[] = { code, id, (uint8_t)len, (uint8_t)(len >> 8) };
    wr_bytes(out, head, sizeof head);
}

/* L2CAP_CONNECTION_PARAMETER_UPDATE_REQ.  4.20 */
static void sig_tx_params(struct conn *c, struct wr *out)
{
    struct woad *h = c->h;
    c->sig_id = sig_new_id(c);
    sig_head(out, SIG_PARAM_REQ, c->sig_id, 8);
    wr_le16s(out, c->requested_params, PARAMS);
    c->want_sig_update = false;
    c->deadline = deadline_in(h, SIG_TIMEOUT_MS);
}

/* Responses go first, then the parameter update request, then what channels have. */
bool sig_tx(struct conn *c, struct wr *out)
{
    struct woad *h = c->h;
    const uint8_t *answer = fifo_first(&c->sig_queue);
    if (answer) {
        uint16_t len = fifo_len(answer);
        wr_bytes(out, answer, len);
        fifo_drop_len(&c->sig_queue, len);
        return true;
    }
    if (c->want_sig_update) {
        sig_tx_params(c, out);
        return true;
    }
    return h->coc_role && h->coc_role->sig_tx(c, out);
}
