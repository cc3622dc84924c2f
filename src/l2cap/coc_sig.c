/* Signalling of credit-based channels: connection, credits, disconnection; requests of the peer and
 * ours.  Vol 3, Part A, 4
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   awaits_encryption: our request for the channel waits until the bonded peer has encrypted
 *   ch: a credit-based channel (l2cap/coc.h)
 *   change: our reconfiguration of the channel: CHANGE_NONE, _DUE: to be sent, _SENT
 *   CHANGE_DUE: of a channel: the request to reconfigure it is to be sent
 *   change_id: identifier of our reconfiguration request
 *   CID_FIRST: CID_…: channels of L2CAP: the fixed ones; the first and the last of the others
 *   client_encrypt_to_send(): 0: send; CLIENT_WAIT: the bonded peer must encrypt first; < 0: never
 *   CLIENT_WAIT: encryption has been started; att_client->security_changed() follows
 *   close_status: the status that WOAD_EV_COC_CLOSED will have
 *   coc_add_credits(): adds credits of the peer; closes the channel if they are 0 or too many
 *   coc_await_decision(): raises WOAD_EV_COC_REQUEST, and limits the time for the decision
 *   COC_BASIC: false: the request for a channel is an LE Credit Based, not an enhanced one
 *   coc_by_cid(): the channel with this identifier of ours; NULL: none
 *   coc_by_peer_cid(): the channel with this identifier of the peer's; NULL: none
 *   coc_credits_to_give(): credits to grant to the peer now; 0: none, or too few for a packet
 *   COC_DISCONNECT_DUE: a channel's state: our disconnection request is to be sent
 *   coc_emit(): raises an event of the channel, or passes it to eatt.c
 *   coc_ended(): the channel has ended: raises WOAD_EV_COC_CLOSED and frees it
 *   COC_ENDED: a channel's state while it is made, or while its last event is raised
 *   coc_enhanced: coc_enhanced.c, as coc.c and coc_sig.c call it; NULL: not linked
 *   coc_fail(): disconnects an open channel
 *   coc_free(): frees a channel, without an event
 *   coc_listener(): the parameters of a PSM that is listened to; false: it is not
 *   COC_MPS_MAX: the largest MPS of a channel
 *   coc_mtu_min(): the smallest MTU and MPS: 23; of an enhanced channel 64
 *   COC_MTU_MIN: the least MTU of a channel
 *   coc_new(): allocates a channel; NULL: no room, or no identifier
 *   COC_OPEN: a channel's state; from this one on, both sides have identifiers
 *   coc_open_status(): `status`; for a channel that the caller has closed meanwhile, its own
 *   coc_opened(): both sides have agreed: raises WOAD_EV_COC_OPEN
 *   coc_refuse(): refuses the peer's request; the application sees the channel no more
 *   COC_REQUEST_DUE: a channel's state: our request for it is to be sent
 *   COC_RESPONSE_DUE: a channel's state: our response to the peer's request is to be sent
 *   coc_response_timed_out(): coc_ended(), but the channel stays allocated for a late response
 *   coc_sig_pending: a channel may have a signalling command to send
 *   COC_VALUES: how many values a channel's `own` and `peer` have
 *   COC_WAIT_DECISION: a channel's state: the application is to accept or refuse the peer's request
 *   COC_WAIT_DISCONNECTED: a channel's state: the response to our disconnection request is awaited
 *   COC_WAIT_RESPONSE: a channel's state: the response to our request is awaited
 *   conn_mark_ready(): woad_tx() polls the connection again; without it, nothing more would be sent
 *   conn_security_error(): 0, or the ATT error of the first WOAD_COC_… bit that it does not meet
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   eatt_role: eatt.c, as channels and ATT call it; NULL: not linked
 *   get_le16(): 16 bits at any address, little endian
 *   id: of a channel: identifier of the request that opens or closes it
 *   initiator: the channel was opened by our request
 *   own: our [COC_CID], [COC_MTU], [COC_MPS]; [COC_CREDITS]: frames that the peer may still send
 *   peer: the peer's values, as `own`; [COC_CREDITS]: frames that we may still send
 *   PSM_EATT: the PSM of Enhanced ATT
 *   rd_le16(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   SIG_CREDITS: SIG_…: codes of signalling commands: sig.h
 *   sig_head(): writes a signalling command's header; `len`: octets of its data
 *   sig_id: identifier of our parameter update request; 0: none unanswered
 *   sig_new_id(): an identifier for a command of ours
 *   sig_reject_cid(): queues Command Reject: there is no such channel
 *   sig_respond(): queues a signalling response; false: the queue is full
 *   SIG_TIMEOUT_MS: ms after which a signalling request has failed
 *   wr_le16(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   write_reconfigure: of coc_enhanced: writes our reconfiguration of this channel and the others
 *   write_request: of coc_enhanced: writes the request of this channel and of those with its `id`
 *   write_response: of coc_enhanced: writes the response to it; false: a channel is undecided */
#include "../core/clock.h"
#include "../core/ready.h"
#include "../core/security.h"
#include "coc.h"
#include "l2cap.h"
#include "sig.h"

/* A channel in this state, opened or closed by our request with this identifier; NULL: none. */
struct coc *coc_by_request(const struct conn *c, enum coc_state state, uint8_t id)
{
    struct coc *ch = c->coc->first;
    while (ch &&
           !(ch->state == state && ch->id == id && (ch->initiator || state != COC_WAIT_RESPONSE))) {
        ch = ch->next;
    }
    return ch;
}

/* Whether an unanswered request of ours has this identifier. */
static bool coc_id_used(const struct conn *c, uint8_t id)
{
    for (const struct coc *ch = c->coc->first; ch; ch = ch->next) {
        if ((ch->id == id && (ch->initiator || ch->state == COC_WAIT_DISCONNECTED)) ||
            (ch->change_id == id && ch->change)) {
            return true;
        }
    }
    return c->deadline && c->sig_id == id;
}

/* Every credit indication uses an identifier too, so that all 255 are used up soon: one of an
 * unanswered request must be skipped. */
uint8_t coc_new_id(struct conn *c)
{
    uint8_t id;
    do {
        id = sig_new_id(c);
    } while (coc_id_used(c, id));
    return id;
}

/* --- requests of the peer --------------------------------------------------------------------- */

/* The result for a request of the peer for this PSM, if it has to be refused; 0, and the PSM's
 * parameters. */
uint8_t coc_check_request(const struct conn *c, uint16_t psm, struct woad_coc_params *p)
{
    const struct woad *h = c->h;
    if (!coc_listener(h, psm, p)) {
        return WOAD_COC_UNKNOWN_PSM;
    }
    int err = conn_security_error(c, p->security);
    if (err == WOAD_ATT_INSUFFICIENT_ENCRYPTION) {
        return WOAD_COC_INSUFFICIENT_ENCRYPTION;
    }
    if (err == WOAD_ATT_INSUFFICIENT_KEY_SIZE) {
        return WOAD_COC_INSUFFICIENT_KEY_SIZE;
    }
    if (err) {
        return WOAD_COC_INSUFFICIENT_AUTHENTICATION;
    }
    return 0;
}

/* The peer's identifier must be one of LE's dynamic ones, and no other channel's.  2.1 */
uint8_t coc_check_peer_cid(const struct conn *c, uint16_t cid)
{
    if (cid < CID_FIRST || cid > CID_LAST) {
        return WOAD_COC_INVALID_CID;
    }
    if (coc_by_peer_cid(c, cid)) {
        return WOAD_COC_CID_IN_USE;
    }
    return 0;
}

/* L2CAP_LE_CREDIT_BASED_CONNECTION_REQ: SPSM u16, source CID u16, MTU u16, MPS u16, credits u16.
 * 4.22 */
static void coc_rx_conn_req(struct conn *c, uint8_t id, struct rd *in)
{
    uint16_t psm = rd_le16(in), request[COC_VALUES];
    rd_le16s(in, request, COC_VALUES);
    struct woad_coc_params p;
    uint8_t result = coc_check_request(c, psm, &p);
    if (psm == PSM_EATT && c->h->eatt_role) {
        result = WOAD_COC_UNKNOWN_PSM; /* ATT bearers are enhanced channels.  Part G, 5.3 */
    }
    if (!result && (request[COC_MTU] < COC_MTU_MIN || request[COC_MPS] < COC_MTU_MIN ||
                    request[COC_MPS] > COC_MPS_MAX)) {
        result = WOAD_COC_UNACCEPTABLE_PARAMETERS;
    }
    if (!result) {
        result = coc_check_peer_cid(c, request[COC_CID]);
    }
    struct coc *ch = NULL;
    if (!result) {
        ch = coc_new(c, &p, COC_BASIC);
        result = WOAD_COC_NO_RESOURCES; /* if there is none */
    }
    if (!ch) {
        uint8_t rsp[10] = { 0 };
        rsp[8] = result;
        sig_respond(c, SIG_CREDIT_CONN_RSP, id, rsp, sizeof rsp);
        return;
    }
    ch->id = id;
    memcpy(ch->peer, request, sizeof request);
    coc_await_decision(ch);
}

/* L2CAP_DISCONNECTION_REQ: destination CID u16, ours; source CID u16.  The response repeats them.
 * 4.6, 4.7 */
static void coc_rx_disc_req(struct conn *c, uint8_t id, uint16_t ours, uint16_t theirs,
                            const uint8_t both[4])
{
    struct coc *ch = coc_by_cid(c, ours);
    if (!ch || ch->state < COC_OPEN || ch->state == COC_ENDED) {
        sig_reject_cid(c, id, ours, theirs);
    } else if (ch->peer[COC_CID] == theirs) { /* else silently discarded: 4.6 */
        sig_respond(c, SIG_DISCONNECT_RSP, id, both, 4);
        coc_ended(ch, ch->close_status);
    }
}

/* L2CAP_FLOW_CONTROL_CREDIT_IND: see coc_add_credits().  Ignored for a channel that does not exist,
 * or a fixed one. */
static void coc_rx_credits(struct conn *c, uint16_t cid, uint16_t credits)
{
    struct coc *ch = coc_by_peer_cid(c, cid);
    if (ch && ch->state == COC_OPEN) {
        coc_add_credits(ch, credits);
    }
}

/* --- responses to our requests ---------------------------------------------------------------- */

/* If the peer's limits are not valid, the channel is disconnected; if its identifier is not, there
 * is nothing to disconnect. */
void coc_granted(struct coc *ch, uint16_t cid)
{
    uint16_t mtu_min = coc_mtu_min(ch->enhanced);
    if (coc_check_peer_cid(ch->c, cid)) {
        coc_ended(ch, WOAD_EBADMSG);
        return;
    }
    ch->peer[COC_CID] = cid;
    if (ch->peer[COC_MTU] < mtu_min || ch->peer[COC_MPS] < mtu_min ||
        ch->peer[COC_MPS] > COC_MPS_MAX) {
        coc_fail(ch, WOAD_EBADMSG);
        return;
    }
    coc_opened(ch);
}

/* L2CAP_LE_CREDIT_BASED_CONNECTION_RSP: destination CID u16, MTU u16, MPS u16, credits u16,
 * result u16.  4.23 */
static void coc_rx_conn_rsp(struct conn *c, uint8_t id, struct rd *in)
{
    struct coc *ch = coc_by_request(c, COC_WAIT_RESPONSE, id);
    uint16_t result = get_le16(in->p + 8);
    if (!ch || ch->enhanced) {
        return; /* no request has this identifier */
    }
    if (result) {
        coc_ended(ch, coc_open_status(ch, result));
        return;
    }
    uint16_t cid = rd_le16(in);
    rd_le16s(in, ch->peer + COC_MTU, COC_VALUES - COC_MTU);
    coc_granted(ch, cid);
}

/* L2CAP_DISCONNECTION_RSP: destination CID u16, source CID u16, ours.  4.7 */
static void coc_rx_disc_rsp(struct conn *c, uint8_t id, uint16_t theirs, uint16_t ours)
{
    struct coc *ch = coc_by_request(c, COC_WAIT_DISCONNECTED, id);
    if (ch && ch->own[COC_CID] == ours && ch->peer[COC_CID] == theirs) {
        coc_ended(ch, ch->close_status);
    }
}

/* L2CAP_COMMAND_REJECT_RSP: the peer has no credit-based channels, or not the one that we
 * disconnect.  4.1 */
static void coc_rx_reject(struct conn *c, uint8_t id, struct rd *in)
{
    struct woad *h = c->h;
    struct coc *ch;
    (void)in;
    while ((ch = coc_by_request(c, COC_WAIT_RESPONSE, id)) != NULL) {
        coc_ended(ch, coc_open_status(ch, WOAD_COC_NOT_UNDERSTOOD));
    }
    ch = coc_by_request(c, COC_WAIT_DISCONNECTED, id);
    if (ch) {
        coc_ended(ch, ch->close_status);
    }
    if (h->coc_enhanced) {
        h->coc_enhanced->rx(c, SIG_REJECT, id, in);
    }
}

/* The response to a request, or the application's decision, is late.  6.2.1 */
void coc_timed_out(struct coc *ch)
{
    struct woad *h = ch->c->h;
    ch->deadline = 0;
    if (ch->state == COC_WAIT_DECISION) {
        coc_refuse(ch, WOAD_COC_NO_RESOURCES);
        coc_emit(ch, WOAD_EV_COC_CLOSED, WOAD_ETIMEDOUT);
    } else if (ch->state == COC_WAIT_RESPONSE) {
        coc_response_timed_out(ch, coc_open_status(ch, WOAD_ETIMEDOUT));
    } else if (ch->state == COC_WAIT_DISCONNECTED) {
        coc_ended(ch, ch->close_status);
    } else if (h->coc_enhanced) {
        h->coc_enhanced->timed_out(ch);
    }
}

/* Commands of two u16.  False: another one. */
static bool coc_rx_pair(struct conn *c, uint8_t code, uint8_t id, const uint8_t *p)
{
    uint16_t first = get_le16(p), second = get_le16(p + 2);
    switch (code) {
    case SIG_DISCONNECT_REQ: coc_rx_disc_req(c, id, first, second, p); return true;
    case SIG_DISCONNECT_RSP: coc_rx_disc_rsp(c, id, first, second); return true;
    case SIG_CREDITS: coc_rx_credits(c, first, second); return true;
    default: return false;
    }
}

/* A request of the wrong length is not understood; a response of the wrong length is ignored. */
bool coc_sig_rx(struct conn *c, uint8_t code, uint8_t id, struct rd *in)
{
    struct woad *h = c->h;
    size_t len = rd_left(in);
    if (code == SIG_REJECT) {
        coc_rx_reject(c, id, in);
    } else if (code == SIG_CREDIT_CONN_REQ && len == 10) {
        coc_rx_conn_req(c, id, in);
    } else if (code == SIG_CREDIT_CONN_RSP && len == 10) {
        coc_rx_conn_rsp(c, id, in);
    } else if (len != 4 || !coc_rx_pair(c, code, id, in->p)) {
        return h->coc_enhanced && h->coc_enhanced->rx(c, code, id, in);
    }
    return true;
}

/* --- commands to send ------------------------------------------------------------------------- */

/* Whether the connection request may be sent now: the result of client_encrypt_to_send().  Events
 * may be raised: *channel is NULL if the application closed the channel in one. */
static int coc_require_encryption(struct coc **channel)
{
    struct coc *ch = *channel;
    struct conn *c = ch->c;
    uint16_t cid = ch->own[COC_CID];
    if (ch->awaits_encryption) {
        return CLIENT_WAIT;
    }
    ch->awaits_encryption = true; /* before the events: coc_security_changed() resets it */
    int err = client_encrypt_to_send(c);
    ch = coc_by_cid(c, cid);
    if (ch && ch->state != COC_REQUEST_DUE) {
        ch = NULL;
    }
    if (ch && err != CLIENT_WAIT) {
        ch->awaits_encryption = false;
    }
    *channel = ch;
    return err;
}

/* L2CAP_LE_CREDIT_BASED_CONNECTION_REQ: PSM u16, our CID, MTU, MPS, credits u16.  4.22 */
static void coc_tx_conn_req(struct coc *ch, struct wr *out)
{
    struct woad *h = ch->c->h;
    if (ch->enhanced) {
        h->coc_enhanced->write_request(ch, out);
        return;
    }
    sig_head(out, SIG_CREDIT_CONN_REQ, ch->id, 10);
    wr_le16(out, ch->psm);
    wr_le16s(out, ch->own, COC_VALUES);
    ch->state = COC_WAIT_RESPONSE;
    ch->deadline = deadline_in(h, SIG_TIMEOUT_MS);
}

/* L2CAP_LE_CREDIT_BASED_CONNECTION_RSP: our CID, MTU, MPS, credits u16, result u16.  4.23.
 * False: not yet. */
static bool coc_tx_conn_rsp(struct coc *ch, struct wr *out)
{
    struct woad *h = ch->c->h;
    if (ch->enhanced) {
        return h->coc_enhanced->write_response(ch, out);
    }
    sig_head(out, SIG_CREDIT_CONN_RSP, ch->id, 10);
    if (ch->result) {
        wr_zero(out, 8);
    } else {
        wr_le16s(out, ch->own, COC_VALUES);
    }
    wr_le16(out, ch->result);
    if (ch->result) {
        coc_free(ch);
    } else {
        coc_opened(ch);
    }
    return true;
}

/* L2CAP_DISCONNECTION_REQ: destination CID u16, the peer's; source CID u16, ours.  4.6 */
static void coc_tx_disc_req(struct coc *ch, struct wr *out)
{
    struct woad *h = ch->c->h;
    ch->id = coc_new_id(ch->c);
    sig_head(out, SIG_DISCONNECT_REQ, ch->id, 4);
    wr_le16(out, ch->peer[COC_CID]);
    wr_le16(out, ch->own[COC_CID]);
    ch->state = COC_WAIT_DISCONNECTED;
    ch->deadline = deadline_in(h, SIG_TIMEOUT_MS);
}

/* L2CAP_FLOW_CONTROL_CREDIT_IND: our CID u16, credits u16.  4.24.  False: none to give. */
static bool coc_tx_credits(struct coc *ch, struct wr *out)
{
    uint16_t credits = coc_credits_to_give(ch);
    if (!credits) {
        return false;
    }
    sig_head(out, SIG_CREDITS, sig_new_id(ch->c), 4);
    wr_le16(out, ch->own[COC_CID]);
    wr_le16(out, credits);
    ch->own[COC_CREDITS] = (uint16_t)(ch->own[COC_CREDITS] + credits);
    return true;
}

/* Writes the command that the channel's state calls for; false: none.  It may raise an event, in
 * which the list of channels may change. */
static bool coc_tx_signal(struct coc *ch, struct wr *out)
{
    struct woad *h = ch->c->h;
    switch (ch->state) {
    case COC_REQUEST_DUE: coc_tx_conn_req(ch, out); return true;
    case COC_RESPONSE_DUE: return coc_tx_conn_rsp(ch, out);
    case COC_DISCONNECT_DUE: coc_tx_disc_req(ch, out); return true;
    case COC_OPEN:
        if (ch->change == CHANGE_DUE) {
            h->coc_enhanced->write_reconfigure(ch, out);
            return true;
        }
        return coc_tx_credits(ch, out);
    default: return false;
    }
}

/* The next signalling command of any channel of the connection; false: none now. */
bool coc_sig_tx(struct conn *c, struct wr *out)
{
    if (!c->coc_sig_pending) {
        return false;
    }
    c->coc_sig_pending = false;
    struct coc *ch = c->coc->first;
    while (ch) {
        int wait = 0;
        if (ch->state == COC_REQUEST_DUE) {
            wait = coc_require_encryption(&ch);
        }
        if (ch && wait < 0) {
            coc_ended(ch, wait);
        }
        if (!ch || wait < 0) { /* the list may have changed: continue in the next poll */
            c->coc_sig_pending = true;
            conn_mark_ready(c);
            return false;
        }
        if (!wait && coc_tx_signal(ch, out)) {
            c->coc_sig_pending = true; /* there may be more */
            return true;
        }
        ch = ch->next;
    }
    return false;
}
