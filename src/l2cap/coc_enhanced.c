/* Enhanced credit-based channels: connection requests for up to five channels, and reconfiguration
 * of open ones.  Each request is answered once, when all of its channels are decided.
 * Vol 3, Part A, 4.25 to 4.28, 10.2
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   ch: a credit-based channel (l2cap/coc.h)
 *   change: our reconfiguration of the channel: CHANGE_NONE, _DUE: to be sent, _SENT
 *   CHANGE_DUE: of a channel: the request to reconfigure it is to be sent
 *   change_id: identifier of our reconfiguration request
 *   CHANGE_SENT: of a channel: the request to reconfigure it was sent
 *   coc_await_decision(): raises WOAD_EV_COC_REQUEST, and limits the time for the decision
 *   coc_by_peer_cid(): the channel with this identifier of the peer's; NULL: none
 *   coc_by_request(): a channel in this state, of our request with this identifier; NULL: none
 *   coc_check_peer_cid(): 0, or the result for an identifier that the peer may not use
 *   coc_check_request(): 0, and the PSM's parameters; else the result to refuse the request with
 *   coc_credits_to_give(): credits to grant to the peer now; 0: none, or too few for a packet
 *   coc_emit(): raises an event of the channel, or passes it to eatt.c
 *   coc_ended(): the channel has ended: raises WOAD_EV_COC_CLOSED and frees it
 *   coc_enhanced: coc_enhanced.c, as coc.c and coc_sig.c call it; NULL: not linked
 *   COC_ENHANCED: a channel requested by an enhanced request; COC_BASIC: by the other kind
 *   coc_find(): a channel that the application still sees
 *   coc_for_call(): coc_find() for a call that may change what is to be sent
 *   coc_free(): frees a channel, without an event
 *   coc_granted(): the peer's response grants the channel; its values are in ch->peer
 *   coc_mark_signalling(): the channel may have a signalling command to send, credits for example
 *   COC_MPS_MAX: the largest MPS of a channel
 *   COC_MTU_MIN_ENHANCED: the least MTU of an enhanced channel
 *   coc_new(): allocates a channel; NULL: no room, or no identifier
 *   coc_new_id(): an identifier that no unanswered request of ours has
 *   COC_OPEN: a channel's state; from this one on, both sides have identifiers
 *   coc_open_status(): `status`; for a channel that the caller has closed meanwhile, its own
 *   coc_opened(): both sides have agreed: raises WOAD_EV_COC_OPEN
 *   COC_REQUEST_DUE: a channel's state: our request for it is to be sent
 *   COC_RESPONSE_DUE: a channel's state: our response to the peer's request is to be sent
 *   COC_VALUES: how many values a channel's `own` and `peer` have
 *   COC_WAIT_DECISION: a channel's state: the application is to accept or refuse the peer's request
 *   COC_WAIT_RESPONSE: a channel's state: the response to our request is awaited
 *   cocs: all channels: config.l2cap_channels, then config.att_bearers; and the PSMs listened to
 *   conn: a connection's number in the public interface
 *   conn_for_call(): conn_of() for a public call: all connections are polled again afterwards
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   eatt_role: eatt.c, as channels and ATT call it; NULL: not linked
 *   frame_max: of a feature's needs: octets of the largest L2CAP payload that it sends or receives
 *   id: of a channel: identifier of the request that opens or closes it
 *   initiator: the channel was opened by our request
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   needs: what only some features require: struct woad_needs
 *   new_mps: MPS of our reconfiguration
 *   new_mtu: MTU of our reconfiguration
 *   NO_CONNECTION: for REFUSED(): no open connection has the number
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   own: our [COC_CID], [COC_MTU], [COC_MPS]; [COC_CREDITS]: frames that the peer may still send
 *   peer: the peer's values, as `own`; [COC_CREDITS]: frames that we may still send
 *   peer_requested: of eatt_role: the peer requests bearers, perhaps in vain
 *   PENDING_MAX: how many responses "pending" restart the timer of a request
 *   PSM_EATT: the PSM of Enhanced ATT
 *   rd_done(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   REFUSED(): logs why a call is refused, and is its error
 *   request_count: how many channels the enhanced request asks for
 *   request_index: which channel of an enhanced request it is, of request_count
 *   request_result: why other channels of the same enhanced request were refused; 0: none was
 *   ring_size: of a channel: octets of its ring of received SDUs
 *   ring_used: octets in the channel's ring
 *   rx_frame_max: octets of the largest L2CAP payload that the host can receive
 *   SIG_ENHANCED_CONN_REQ: SIG_…: codes of signalling commands: sig.h
 *   SIG_HDR: octets of a signalling command's header
 *   sig_head(): writes a signalling command's header; `len`: octets of its data
 *   SIG_LONG_TIMEOUT_MS: ms after which a signalling request that was answered with `pending` has
 *       failed
 *   sig_respond(): queues a signalling response; false: the queue is full
 *   SIG_TIMEOUT_MS: ms after which a signalling request has failed
 *   wr_le16(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   wr_len(): octets written so far (base/buf.h) */
#include "../core/clock.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "coc.h"
#include "sig.h"

enum { ALL_PENDING = 0x0d, ALL_PENDING_AUTHORIZATION = 0x0f };

/* --- requests of the peer --------------------------------------------------------------------- */

/* L2CAP_CREDIT_BASED_CONNECTION_RSP: MTU u16, MPS u16, credits u16, result u16, { CID u16 } for
 * each channel of the request.  `ch` has the limits; NULL: all are refused.  4.26 */
static void enhanced_put_rsp(struct wr *out, uint8_t id, const struct coc *ch, uint8_t result,
                             const uint16_t cids[], size_t count)
{
    static const uint16_t none[COC_VALUES] = { 0 };
    sig_head(out, SIG_ENHANCED_CONN_RSP, id, (uint16_t)(8 + 2 * count));
    wr_le16s(out, (ch ? ch->own : none) + COC_MTU, COC_VALUES - COC_MTU);
    wr_le16(out, result);
    wr_le16s(out, cids, count);
}

/* Refuses all channels of a request. */
static void enhanced_refuse(struct conn *c, uint8_t id, uint8_t result, size_t count)
{
    static const uint16_t none[WOAD_COC_AT_ONCE] = { 0 };
    uint8_t rsp[SIG_HDR + 8 + 2 * WOAD_COC_AT_ONCE];
    struct wr out = wr_of(rsp, sizeof rsp);
    enhanced_put_rsp(&out, id, NULL, result, none, count);
    size_t len = wr_len(&out) - SIG_HDR;
    sig_respond(c, SIG_ENHANCED_CONN_RSP, id, rsp + SIG_HDR, (uint16_t)len);
}

/* A connection request of the peer's. */
struct conn_request {
    uint16_t mtu, mps, credits, cids[WOAD_COC_AT_ONCE];
    uint8_t id, count;
};

/* Allocates a channel for each identifier of the request, where that is possible: made[].  Returns
 * the result for the others, which each channel keeps for the response. */
static uint8_t enhanced_take(struct conn *c, const struct woad_coc_params *p,
                             const struct conn_request *r, struct coc *made[])
{
    uint8_t result = 0;
    for (uint8_t n = 0; n < r->count; n++) {
        uint8_t refusal = coc_check_peer_cid(c, r->cids[n]);
        struct coc *ch = NULL;
        if (!refusal) {
            ch = coc_new(c, p, COC_ENHANCED);
            refusal = WOAD_COC_NO_RESOURCES; /* if there is none */
        }
        made[n] = ch;
        if (!ch) {
            result = refusal;
            continue;
        }
        ch->id = r->id;
        ch->request_index = n;
        ch->request_count = r->count;
        ch->peer[COC_CID] = r->cids[n];
        ch->peer[COC_MTU] = r->mtu;
        ch->peer[COC_MPS] = r->mps;
        ch->peer[COC_CREDITS] = r->credits;
        ch->state = COC_WAIT_DECISION; /* no response while one of them is undecided */
        ch->hidden = true;             /* until coc_await_decision() */
    }
    for (uint8_t n = 0; n < r->count; n++) {
        if (made[n]) {
            made[n]->request_result = result;
        }
    }
    return result;
}

/* Whether the channel belongs to the peer's request with this identifier, which has no response
 * yet. */
static bool enhanced_in_request(const struct coc *ch, uint8_t id)
{
    return !ch->initiator && ch->enhanced && ch->id == id &&
           (ch->state == COC_RESPONSE_DUE || ch->state == COC_WAIT_DECISION);
}

static bool enhanced_is_unanswered(const struct conn *c, uint8_t id)
{
    const struct coc *ch = c->coc->first;
    while (ch && !enhanced_in_request(ch, id)) {
        ch = ch->next;
    }
    return ch != NULL;
}

/* L2CAP_CREDIT_BASED_CONNECTION_REQ: SPSM u16, MTU u16, MPS u16, credits u16, { source CID u16 },
 * one to five.  A second one with the identifier of an unanswered one is dropped: a
 * response could not name which of the two it answers.  4.25 */
static bool enhanced_rx_conn_req(struct conn *c, uint8_t id, struct rd *in)
{
    struct woad *h = c->h;
    struct conn_request r = { .id = id };
    struct woad_coc_params p;
    uint16_t psm = rd_le16(in);
    struct coc *made[WOAD_COC_AT_ONCE];
    r.mtu = rd_le16(in);
    r.mps = rd_le16(in);
    r.credits = rd_le16(in);
    size_t count = rd_left(in) / 2;
    if (in->bad || rd_left(in) % 2 || !count || count > WOAD_COC_AT_ONCE) {
        return false;
    }
    if (enhanced_is_unanswered(c, id)) {
        return true;
    }
    r.count = (uint8_t)count;
    for (size_t n = 0; n < count; n++) {
        r.cids[n] = rd_le16(in);
    }
    uint8_t result = coc_check_request(c, psm, &p);
    if (!result && (r.mtu < COC_MTU_MIN_ENHANCED || r.mps < COC_MTU_MIN_ENHANCED ||
                    r.mps > COC_MPS_MAX || !r.credits || p.mtu < COC_MTU_MIN_ENHANCED)) {
        result = WOAD_COC_UNACCEPTABLE_PARAMETERS;
    }
    if (result) {
        enhanced_refuse(c, id, result, count);
        return true;
    }
    if (psm == PSM_EATT && h->eatt_role) {
        h->eatt_role->peer_requested(c);
    }
    result = enhanced_take(c, &p, &r, made);
    bool any = false;
    for (size_t n = 0; n < count; n++) {
        any = any || made[n];
    }
    /* An event may decide on another channel of the request, too. */
    for (size_t n = 0; n < count; n++) {
        if (made[n] && made[n]->state == COC_WAIT_DECISION) {
            coc_await_decision(made[n]);
        }
    }
    if (!any) {
        enhanced_refuse(c, id, result, count);
    }
    return true;
}

/* Collects the channels of a request in made[]; false: one is undecided. */
static bool enhanced_decided(const struct coc *first, struct coc *made[])
{
    for (struct coc *ch = first->c->coc->first; ch; ch = ch->next) {
        bool same_request = enhanced_in_request(ch, first->id);
        if (same_request && ch->state == COC_WAIT_DECISION) {
            return false;
        }
        if (same_request) {
            made[ch->request_index] = ch;
        }
    }
    return true;
}

/* A response has one MPS and one number of credits for all channels: the smallest of any.  Returns
 * one of the accepted channels; NULL: none. */
static const struct coc *enhanced_equalize(struct coc *made[])
{
    struct coc *accepted = NULL;
    uint16_t mps = UINT16_MAX, credits = UINT16_MAX;
    for (uint8_t n = 0; n < WOAD_COC_AT_ONCE; n++) {
        if (made[n] && !made[n]->result && made[n]->own[COC_MPS] < mps) {
            mps = made[n]->own[COC_MPS];
        }
    }
    for (uint8_t n = 0; n < WOAD_COC_AT_ONCE; n++) {
        if (made[n] && !made[n]->result) {
            made[n]->own[COC_MPS] = mps;
            made[n]->own[COC_CREDITS] = 0;
            uint16_t to_give = coc_credits_to_give(made[n]);
            if (credits > to_give) {
                credits = to_give;
            }
        }
    }
    for (uint8_t n = 0; n < WOAD_COC_AT_ONCE; n++) {
        if (made[n] && !made[n]->result) {
            made[n]->own[COC_CREDITS] = credits;
            accepted = made[n];
        }
    }
    return accepted;
}

/* The response to the request of this channel; false: one of its channels is undecided. */
static bool enhanced_write_response(struct coc *first, struct wr *out)
{
    struct coc *made[WOAD_COC_AT_ONCE] = { NULL };
    uint16_t cids[WOAD_COC_AT_ONCE] = { 0 };
    uint8_t result = first->request_result;
    if (!enhanced_decided(first, made)) {
        return false;
    }
    const struct coc *accepted = enhanced_equalize(made);
    for (uint8_t n = 0; n < first->request_count; n++) {
        if (made[n] && made[n]->result) {
            result = made[n]->result;
        } else if (made[n]) {
            cids[n] = made[n]->own[COC_CID];
        }
    }
    /* If some are accepted, the result can only be one of the three for "some refused". */
    if (accepted && result && result != WOAD_COC_INVALID_CID && result != WOAD_COC_CID_IN_USE) {
        result = WOAD_COC_NO_RESOURCES;
    }
    enhanced_put_rsp(out, first->id, accepted, result, cids, first->request_count);
    for (uint8_t n = 0; n < WOAD_COC_AT_ONCE; n++) {
        if (made[n] && made[n]->result) {
            coc_free(made[n]);
        } else if (made[n]) {
            made[n]->state = COC_OPEN; /* all of them before the first event */
        }
    }
    for (uint8_t n = 0; n < WOAD_COC_AT_ONCE; n++) {
        if (cids[n] && made[n]->state == COC_OPEN) { /* and not closed in an earlier event */
            coc_opened(made[n]);
        }
    }
    return true;
}

/* --- our requests ----------------------------------------------------------------------------- */

/* L2CAP_CREDIT_BASED_CONNECTION_REQ, for all channels with the identifier of this one. */
static void enhanced_write_request(struct coc *first, struct wr *out)
{
    struct woad *h = first->c->h;
    uint16_t cids[WOAD_COC_AT_ONCE];
    size_t n = 0;
    uint8_t id = first->id;
    for (struct coc *ch = first->c->coc->first; ch; ch = ch->next) {
        if (ch->state == COC_REQUEST_DUE && ch->enhanced && ch->id == id) {
            ch->request_index = (uint8_t)n;
            ch->state = COC_WAIT_RESPONSE;
            ch->deadline = deadline_in(h, SIG_TIMEOUT_MS);
            cids[n++] = ch->own[COC_CID];
        }
    }
    sig_head(out, SIG_ENHANCED_CONN_REQ, id, (uint16_t)(8 + 2 * n));
    wr_le16(out, first->psm);
    wr_le16(out, first->own[COC_MTU]);
    wr_le16(out, first->own[COC_MPS]);
    wr_le16(out, first->own[COC_CREDITS]);
    for (size_t m = 0; m < n; m++) {
        wr_le16(out, cids[m]);
    }
}

/* Results that refuse all channels, whatever the identifiers in the response. */
static bool enhanced_all_refused(uint16_t result)
{
    return result && result != WOAD_COC_NO_RESOURCES && result != WOAD_COC_INVALID_CID &&
           result != WOAD_COC_CID_IN_USE;
}

/* L2CAP_CREDIT_BASED_CONNECTION_RSP: MTU u16, MPS u16, credits u16, result u16,
 * { destination CID u16 }, 0: refused.  Two results say that the peer has not decided yet.  4.26 */
static bool enhanced_rx_conn_rsp(struct conn *c, uint8_t id, struct rd *in)
{
    struct woad *h = c->h;
    uint16_t mtu = rd_le16(in), mps = rd_le16(in), credits = rd_le16(in), result = rd_le16(in);
    struct coc *ch = coc_by_request(c, COC_WAIT_RESPONSE, id);
    uint16_t cids[WOAD_COC_AT_ONCE] = { 0 };
    if (in->bad || !ch || !ch->enhanced) {
        return true; /* no request has this identifier */
    }
    for (size_t n = 0; n < WOAD_COC_AT_ONCE && rd_left(in) >= 2; n++) {
        cids[n] = rd_le16(in);
    }
    for (; ch && result >= ALL_PENDING && result <= ALL_PENDING_AUTHORIZATION; ch = ch->next) {
        if (ch->state == COC_WAIT_RESPONSE && ch->id == id && ch->result < PENDING_MAX) {
            ch->result++;
            ch->deadline = deadline_in(h, SIG_LONG_TIMEOUT_MS);
        }
    }
    while (ch && (ch = coc_by_request(c, COC_WAIT_RESPONSE, id)) != NULL) {
        uint16_t cid = 0;
        if (!enhanced_all_refused(result)) {
            cid = cids[ch->request_index];
        }
        if (!cid) {
            int status = result;
            if (!status) {
                status = WOAD_EBADMSG;
            }
            coc_ended(ch, coc_open_status(ch, status));
            continue;
        }
        ch->peer[COC_MTU] = mtu;
        ch->peer[COC_MPS] = mps;
        ch->peer[COC_CREDITS] = credits;
        coc_granted(ch, cid);
    }
    return true;
}

/* --- reconfiguration -------------------------------------------------------------------------- */

/* The result for a request to reconfigure this channel; 0: it is valid. */
static uint16_t reconfigure_check_peer(const struct coc *ch, uint16_t mtu, uint16_t mps, size_t n)
{
    if (!ch || ch->state != COC_OPEN || !ch->enhanced) {
        return WOAD_COC_RECONFIGURE_CID;
    }
    if (mtu < ch->peer[COC_MTU]) {
        return WOAD_COC_MTU_REDUCED;
    }
    if (mps < ch->peer[COC_MPS] && n > 1) {
        return WOAD_COC_MPS_REDUCED;
    }
    return 0;
}

/* L2CAP_CREDIT_BASED_RECONFIGURE_REQ: MTU u16, MPS u16, { CID u16, the sender's }, one to
 * five.  Response: result u16.  4.27, 4.28 */
static bool enhanced_rx_reconfigure(struct conn *c, uint8_t id, struct rd *in)
{
    uint16_t mtu = rd_le16(in), mps = rd_le16(in), result = 0;
    size_t n = rd_left(in) / 2;
    struct rd cids = *in;
    if (in->bad || rd_left(in) % 2 || !n || n > WOAD_COC_AT_ONCE) {
        return false;
    }
    while (!result && rd_left(&cids)) {
        uint16_t cid = rd_le16(&cids);
        result = reconfigure_check_peer(cid ? coc_by_peer_cid(c, cid) : NULL, mtu, mps, n);
    }
    if (!result &&
        (mtu < COC_MTU_MIN_ENHANCED || mps < COC_MTU_MIN_ENHANCED || mps > COC_MPS_MAX)) {
        result = WOAD_COC_RECONFIGURE_OTHER;
    }
    const uint8_t rsp[2] = { (uint8_t)result, 0 };
    if (!sig_respond(c, SIG_RECONFIGURE_RSP, id, rsp, sizeof rsp)) {
        return true;
    }
    while (!result && rd_left(in)) {
        struct coc *ch = coc_by_peer_cid(c, rd_le16(in));
        if (ch) { /* not closed in an earlier event */
            ch->peer[COC_MTU] = mtu;
            ch->peer[COC_MPS] = mps;
            coc_emit(ch, WOAD_EV_COC_CHANGED, 0);
        }
    }
    return true;
}

/* An open channel with this state of a reconfiguration, whose request has this identifier; NULL:
 * none.  One that is closing takes no part: the peer would refuse the request as a whole.  4.28 */
static struct coc *reconfigure_find(const struct conn *c, enum coc_change change, uint8_t id)
{
    struct coc *ch = c->coc->first;
    while (ch && !(ch->change == change && ch->change_id == id && ch->state == COC_OPEN)) {
        ch = ch->next;
    }
    return ch;
}

/* A reconfiguration of ours has ended.  After a time-out either limits may be in force at the peer:
 * frames up to the greater ones are received. */
static void reconfigure_done(struct coc *ch, int status)
{
    ch->change = CHANGE_NONE;
    ch->deadline = 0;
    if (!status || status == WOAD_ETIMEDOUT) {
        ch->own[COC_MTU] = ch->new_mtu;
        if (!status || ch->new_mps > ch->own[COC_MPS]) {
            ch->own[COC_MPS] = ch->new_mps;
        }
    }
    coc_mark_signalling(ch);
    coc_emit(ch, WOAD_EV_COC_CHANGED, status);
}

/* L2CAP_CREDIT_BASED_RECONFIGURE_RSP: result u16.  4.28 */
static void reconfigure_ended(struct conn *c, uint8_t id, int status)
{
    struct coc *ch;
    while ((ch = reconfigure_find(c, CHANGE_SENT, id)) != NULL) {
        reconfigure_done(ch, status);
    }
}

static void enhanced_timed_out(struct coc *ch)
{
    if (ch->change == CHANGE_SENT && ch->state == COC_OPEN) {
        reconfigure_done(ch, WOAD_ETIMEDOUT);
    }
}

/* L2CAP_CREDIT_BASED_RECONFIGURE_REQ, for all channels of one woad_coc_reconfigure(). */
static void enhanced_reconfigure(struct coc *first, struct wr *out)
{
    struct woad *h = first->c->h;
    uint16_t cids[WOAD_COC_AT_ONCE];
    size_t n = 0;
    uint8_t id = first->change_id;
    struct coc *ch;
    while (n < WOAD_COC_AT_ONCE && (ch = reconfigure_find(first->c, CHANGE_DUE, id)) != NULL) {
        ch->change = CHANGE_SENT;
        ch->deadline = deadline_in(h, SIG_TIMEOUT_MS);
        cids[n++] = ch->own[COC_CID];
    }
    sig_head(out, SIG_RECONFIGURE_REQ, id, (uint16_t)(4 + 2 * n));
    wr_le16(out, first->new_mtu);
    wr_le16(out, first->new_mps);
    for (size_t m = 0; m < n; m++) {
        wr_le16(out, cids[m]);
    }
}

/* A signalling command of enhanced channels; false: not understood. */
static bool enhanced_rx(struct conn *c, uint8_t code, uint8_t id, struct rd *in)
{
    switch (code) {
    case SIG_ENHANCED_CONN_REQ: return enhanced_rx_conn_req(c, id, in);
    case SIG_ENHANCED_CONN_RSP: return enhanced_rx_conn_rsp(c, id, in);
    case SIG_RECONFIGURE_REQ: return enhanced_rx_reconfigure(c, id, in);
    case SIG_RECONFIGURE_RSP: {
        uint16_t result = rd_le16(in);
        if (rd_done(in)) {
            reconfigure_ended(c, id, result);
        }
        return true;
    }
    case SIG_REJECT: reconfigure_ended(c, id, WOAD_COC_NOT_UNDERSTOOD); return true;
    default: return false;
    }
}

static const struct coc_enhanced coc_enhanced = {
    .rx = enhanced_rx,
    .write_request = enhanced_write_request,
    .write_response = enhanced_write_response,
    .write_reconfigure = enhanced_reconfigure,
    .timed_out = enhanced_timed_out,
};

static void enhanced_layout(struct woad *h)
{
    h->coc_enhanced = &coc_enhanced;
}

static const struct woad_needs enhanced_needs = { .frame_max = COC_MTU_MIN_ENHANCED };

const struct woad_feature woad_feature_enhanced_channels = {
    .layout = enhanced_layout,
    .needs = &enhanced_needs,
};

/* 0, or why the channel can't have these limits. */
static int reconfigure_check_own(const struct coc *ch, uint16_t mtu, uint16_t mps, size_t n)
{
    if (!ch || ch->state != COC_OPEN) {
        return WOAD_ENOENT;
    }
    if (!ch->enhanced || mtu < ch->own[COC_MTU] || (mps < ch->own[COC_MPS] && n > 1) ||
        mps > ch->c->h->rx_frame_max) {
        return WOAD_EINVAL;
    }
    if (ch->change) {
        return WOAD_EBUSY;
    }
    bool fits = (uint32_t)ch->own[COC_CREDITS] * mps <= ch->ring_size - ch->ring_used &&
                mps <= ch->ring_size;
    if (fits) {
        return 0;
    }
    return WOAD_ENOMEM;
}

int woad_coc_reconfigure(struct woad *h, uint16_t conn, const uint16_t cids[], size_t n,
                         uint16_t mtu, uint16_t mps)
{
    if (!h->cocs || !h->coc_enhanced) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_enhanced_channels");
    }
    struct conn *c = conn_for_call(h, conn);
    if (!c) {
        return REFUSED(h, WOAD_ENOENT, NO_CONNECTION, conn);
    }
    if (!n || n > WOAD_COC_AT_ONCE || mps < COC_MTU_MIN_ENHANCED || mps > COC_MPS_MAX) {
        return REFUSED(h, WOAD_EINVAL, "%u channels, mps %u: 1 to 5, 64 to 65533", (unsigned)n,
                       mps);
    }
    for (size_t m = 0; m < n; m++) {
        int err = reconfigure_check_own(coc_find(h, conn, cids[m]), mtu, mps, n);
        if (err) {
            return err;
        }
    }
    uint8_t id = coc_new_id(c);
    for (size_t m = 0; m < n; m++) {
        struct coc *ch = coc_for_call(h, conn, cids[m]);
        ch->change = CHANGE_DUE;
        ch->change_id = id;
        ch->new_mtu = mtu;
        ch->new_mps = mps;
        coc_mark_signalling(ch);
    }
    return 0;
}
