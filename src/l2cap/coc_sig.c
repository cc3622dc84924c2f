/* Signalling of channels with credits: how one begins, gets credits, ends.  Vol 3, Part A, 4 */
#include "../core/clock.h"
#include "../core/ready.h"
#include "../core/security.h"
#include "coc.h"
#include "l2cap.h"
#include "sig.h"

void sig_head(struct wr *out, uint8_t code, uint8_t id, uint16_t len)
{
    wr_u8(out, code);
    wr_u8(out, id);
    wr_le16(out, len);
}

/* One that waits in this state for the answer to this request of ours. */
struct coc *coc_by_request(const struct conn *c, enum coc_state state, uint8_t id)
{
    struct coc *k = c->coc->first;
    while (k &&
           !(k->state == state && k->id == id && (k->initiator || state != COC_WAIT_RESPONSE))) {
        k = k->next;
    }
    return k;
}

static bool coc_id_used(const struct conn *c, uint8_t id)
{
    for (const struct coc *k = c->coc->first; k; k = k->next) {
        if ((k->id == id && (k->initiator || k->state == COC_WAIT_DISCONNECTED)) ||
            (k->change_id == id && k->change)) {
            return true;
        }
    }
    return c->due && c->sig_id == id;
}

/* An identifier that no request of ours has which waits for its answer.  Each credit packet uses
 * one, so that they come round fast. */
uint8_t coc_new_id(struct conn *c)
{
    uint8_t id;
    do {
        id = sig_new_id(c);
    } while (coc_id_used(c, id));
    return id;
}

/* --- requests of the peer --------------------------------------------------------------------- */

/* Why the connection may not have a channel of this PSM; 0 when it may, and with what limits. */
uint8_t coc_check_request(const struct conn *c, uint16_t psm, struct woad_coc_params *p)
{
    const struct woad *h = c->h;
    switch (coc_listener(h, psm, p) ? conn_security_error(c, p->security)
                                    : WOAD_ATT_INVALID_HANDLE) {
    case 0: return 0;
    case WOAD_ATT_INVALID_HANDLE: return WOAD_COC_UNKNOWN_PSM;
    case WOAD_ATT_INSUFFICIENT_ENCRYPTION: return WOAD_COC_INSUFFICIENT_ENCRYPTION;
    case WOAD_ATT_INSUFFICIENT_KEY_SIZE: return WOAD_COC_INSUFFICIENT_KEY_SIZE;
    default: return WOAD_COC_INSUFFICIENT_AUTHENTICATION;
    }
}

/* The peer's identifier must be one of LE's dynamic ones, and no other channel's.  2.1 */
uint8_t coc_check_peer_cid(const struct conn *c, uint16_t cid)
{
    if (cid < CID_FIRST || cid > CID_LAST) {
        return WOAD_COC_INVALID_CID;
    }
    return coc_by_peer_cid(c, cid) ? WOAD_COC_CID_IN_USE : 0;
}

/* L2CAP_LE_CREDIT_BASED_CONNECTION_REQ: SPSM u16, source CID u16, MTU u16, MPS u16, credits u16.
 * 4.22 */
static bool coc_rx_conn_req(struct conn *c, uint8_t id, struct rd *in)
{
    uint16_t psm = rd_le16(in), asked[COC_VALUES];
    rd_le16s(in, asked, COC_VALUES);
    struct woad_coc_params p;
    uint8_t result = coc_check_request(c, psm, &p);
    if (psm == PSM_EATT && c->h->eatt_role) {
        result = WOAD_COC_UNKNOWN_PSM; /* bearers are enhanced channels.  Part G, 5.3 */
    }
    if (!result && (asked[COC_MTU] < COC_MTU_MIN || asked[COC_MPS] < COC_MTU_MIN ||
                    asked[COC_MPS] > COC_MPS_MAX)) {
        result = WOAD_COC_UNACCEPTABLE_PARAMETERS;
    }
    result = result ? result : coc_check_peer_cid(c, asked[COC_CID]);
    struct coc *k = result ? NULL : coc_new(c, &p, false);
    if (!k) {
        uint8_t rsp[10] = { 0 };
        rsp[8] = result ? result : WOAD_COC_NO_RESOURCES;
        sig_respond(c, SIG_CREDIT_CONN_RSP, id, rsp, sizeof rsp);
        return true;
    }
    k->id = id;
    memcpy(k->peer, asked, sizeof asked);
    coc_await_decision(k);
    return true;
}

/* L2CAP_DISCONNECTION_REQ: destination CID u16, which is ours, source CID u16.  Answered with the
 * same.  4.6, 4.7 */
static bool coc_rx_disc_req(struct conn *c, uint8_t id, struct rd *in)
{
    uint16_t ours = get_le16(in->p), theirs = get_le16(in->p + 2);
    struct coc *k = coc_by_cid(c, ours);
    if (!k || k->state < COC_OPEN || k->state == COC_ENDED) {
        sig_reject_cid(c, id, ours, theirs);
        return true;
    }
    if (k->peer[COC_CID] != theirs) {
        return true; /* dropped without a word: 4.6 */
    }
    sig_respond(c, SIG_DISCONNECT_RSP, id, in->p, 4);
    coc_ended(k, k->close_status);
    return true;
}

/* L2CAP_FLOW_CONTROL_CREDIT_IND: see coc_add_credits().  For a channel that is not there, or is a
 * fixed one, it is nothing. */
static bool coc_rx_credits(struct conn *c, uint8_t id, struct rd *in)
{
    struct coc *k = coc_by_peer_cid(c, get_le16(in->p));
    (void)id;
    if (k && k->state == COC_OPEN) {
        coc_add_credits(k, get_le16(in->p + 2));
    }
    return true;
}

/* --- answers to ours -------------------------------------------------------------------------- */

/* The peer has given a channel, with the limits that are in it: if they can't be, it is closed
 * again; if not even the identifier can, there is nothing to close. */
void coc_granted(struct coc *k, uint16_t cid)
{
    uint16_t min_u32 = k->enhanced ? COC_MTU_MIN_ENHANCED : COC_MTU_MIN;
    if (coc_check_peer_cid(k->c, cid)) {
        coc_ended(k, WOAD_EBADMSG);
        return;
    }
    k->peer[COC_CID] = cid;
    if (k->peer[COC_MTU] < min_u32 || k->peer[COC_MPS] < min_u32 ||
        k->peer[COC_MPS] > COC_MPS_MAX) {
        coc_fail(k, WOAD_EBADMSG);
        return;
    }
    coc_opened(k);
}

/* L2CAP_LE_CREDIT_BASED_CONNECTION_RSP: destination CID u16, MTU u16, MPS u16, credits u16,
 * result u16.  4.23 */
static bool coc_rx_conn_rsp(struct conn *c, uint8_t id, struct rd *in)
{
    struct coc *k = coc_by_request(c, COC_WAIT_RESPONSE, id);
    uint16_t given[COC_VALUES];
    rd_le16s(in, given, COC_VALUES);
    uint16_t result = rd_le16(in);
    if (!k || k->enhanced) {
        return true; /* an answer to nothing, or none */
    }
    if (result) {
        coc_ended(k, k->close_when_open ? k->close_status : result);
        return true;
    }
    memcpy(k->peer + COC_MTU, given + COC_MTU, sizeof given - sizeof *given);
    coc_granted(k, given[COC_CID]);
    return true;
}

/* L2CAP_DISCONNECTION_RSP: destination CID u16, source CID u16, which is ours.  4.7 */
static bool coc_rx_disc_rsp(struct conn *c, uint8_t id, struct rd *in)
{
    struct coc *k = coc_by_request(c, COC_WAIT_DISCONNECTED, id);
    if (k && k->own[COC_CID] == get_le16(in->p + 2) && k->peer[COC_CID] == get_le16(in->p)) {
        coc_ended(k, k->close_status);
    }
    return true;
}

/* L2CAP_COMMAND_REJECT_RSP to a request of ours: the peer does not know such channels, or not the
 * one that was to be closed.  4.1 */
static bool coc_rx_reject(struct conn *c, uint8_t id, struct rd *in)
{
    struct woad *h = c->h;
    struct coc *k;
    (void)in;
    while ((k = coc_by_request(c, COC_WAIT_RESPONSE, id)) != NULL) {
        coc_ended(k, k->close_when_open ? k->close_status : WOAD_COC_NOT_UNDERSTOOD);
    }
    k = coc_by_request(c, COC_WAIT_DISCONNECTED, id);
    if (k) {
        coc_ended(k, k->close_status);
    }
    if (h->coc_enhanced) {
        h->coc_enhanced->rx(c, SIG_REJECT, id, in);
    }
    return true;
}

/* 6.2.1: a request, of ours or the peer's, has waited as long as it may. */
void coc_timed_out(struct coc *k)
{
    struct woad *h = k->c->h;
    k->due = 0;
    if (k->state == COC_WAIT_DECISION) {
        coc_refuse(k, WOAD_COC_NO_RESOURCES);
        coc_emit(k, WOAD_EV_COC_CLOSED, WOAD_ETIMEDOUT);
    } else if (k->state == COC_WAIT_RESPONSE) {
        coc_response_timed_out(k, k->close_when_open ? k->close_status : WOAD_ETIMEDOUT);
    } else if (k->state == COC_WAIT_DISCONNECTED) {
        coc_ended(k, k->close_status);
    } else if (h->coc_enhanced) {
        h->coc_enhanced->timed_out(k);
    }
}

/* Most have one length alone.  An answer with another is none, a request with another is not
 * understood. */
bool coc_sig_rx(struct conn *c, uint8_t code, uint8_t id, struct rd *in)
{
    struct woad *h = c->h;
    size_t len = rd_left(in);
    switch (code) {
    case SIG_CREDIT_CONN_REQ: return len == 10 && coc_rx_conn_req(c, id, in);
    case SIG_CREDIT_CONN_RSP: return len == 10 && coc_rx_conn_rsp(c, id, in);
    case SIG_DISCONNECT_REQ: return len == 4 && coc_rx_disc_req(c, id, in);
    case SIG_DISCONNECT_RSP: return len == 4 && coc_rx_disc_rsp(c, id, in);
    case SIG_CREDITS: return len == 4 && coc_rx_credits(c, id, in);
    case SIG_REJECT: return coc_rx_reject(c, id, in);
    default: return h->coc_enhanced && h->coc_enhanced->rx(c, code, id, in);
    }
}

/* --- what is owed ----------------------------------------------------------------------------- */

/* Whether it may be asked for now: a bonded peer has proved who it is, or can't.  The application
 * is called meanwhile, and may have given the channel up: then it is NULL. */
static int coc_require_encryption(struct coc **k)
{
    struct conn *c = (*k)->c;
    uint16_t cid = (*k)->own[COC_CID];
    if ((*k)->awaits_encryption) {
        return CLIENT_WAIT;
    }
    (*k)->awaits_encryption = true; /* before anything is told of it */
    int err = client_require_encryption(c, true);
    *k = coc_by_cid(c, cid);
    *k = *k && (*k)->state == COC_REQUEST_DUE ? *k : NULL;
    if (*k && err != CLIENT_WAIT) {
        (*k)->awaits_encryption = false;
    }
    return err;
}

static void coc_tx_conn_req(struct coc *k, struct wr *out)
{
    struct woad *h = k->c->h;
    if (k->enhanced) {
        h->coc_enhanced->write_request(k, out);
        return;
    }
    sig_head(out, SIG_CREDIT_CONN_REQ, k->id, 10);
    wr_le16(out, k->psm);
    wr_le16s(out, k->own, COC_VALUES);
    k->state = COC_WAIT_RESPONSE;
    k->due = deadline_in(h, SIG_TIMEOUT_MS);
}

static bool coc_tx_conn_rsp(struct coc *k, struct wr *out)
{
    struct woad *h = k->c->h;
    if (k->enhanced) {
        return h->coc_enhanced->write_response(k, out);
    }
    sig_head(out, SIG_CREDIT_CONN_RSP, k->id, 10);
    if (k->result) {
        wr_zero(out, 8);
    } else {
        wr_le16s(out, k->own, COC_VALUES);
    }
    wr_le16(out, k->result);
    if (k->result) {
        coc_free(k);
    } else {
        coc_opened(k);
    }
    return true;
}

static void coc_tx_disc_req(struct coc *k, struct wr *out)
{
    struct woad *h = k->c->h;
    k->id = coc_new_id(k->c);
    sig_head(out, SIG_DISCONNECT_REQ, k->id, 4);
    wr_le16(out, k->peer[COC_CID]);
    wr_le16(out, k->own[COC_CID]);
    k->state = COC_WAIT_DISCONNECTED;
    k->due = deadline_in(h, SIG_TIMEOUT_MS);
}

static bool coc_tx_credits(struct coc *k, struct wr *out)
{
    uint16_t credits = coc_credits_due(k);
    if (!credits) {
        return false;
    }
    sig_head(out, SIG_CREDITS, sig_new_id(k->c), 4);
    wr_le16(out, k->own[COC_CID]);
    wr_le16(out, credits);
    k->own[COC_CREDITS] = (uint16_t)(k->own[COC_CREDITS] + credits);
    return true;
}

/* What this one owes; the callback may have been called in between, and the list be another. */
static bool coc_tx_signal(struct coc *k, struct wr *out)
{
    struct woad *h = k->c->h;
    switch (k->state) {
    case COC_REQUEST_DUE: coc_tx_conn_req(k, out); return true;
    case COC_RESPONSE_DUE: return coc_tx_conn_rsp(k, out);
    case COC_DISCONNECT_DUE: coc_tx_disc_req(k, out); return true;
    case COC_OPEN:
        if (k->change == CHANGE_DUE) {
            h->coc_enhanced->write_reconfigure(k, out);
            return true;
        }
        return coc_tx_credits(k, out);
    default: return false;
    }
}

bool coc_sig_tx(struct conn *c, struct wr *out)
{
    if (!c->coc_sig_pending) {
        return false;
    }
    c->coc_sig_pending = false;
    struct coc *k = c->coc->first;
    while (k) {
        int wait = k->state == COC_REQUEST_DUE ? coc_require_encryption(&k) : 0;
        if (k && wait < 0) {
            coc_ended(k, wait);
        }
        if (!k || wait < 0) { /* the list may be another: in the next turn */
            c->coc_sig_pending = true;
            conn_mark_channels_ready(c);
            return false;
        }
        if (!wait && coc_tx_signal(k, out)) {
            c->coc_sig_pending = true; /* there may be more */
            return true;
        }
        k = k->next;
    }
    return false;
}
