/* Enhanced channels: up to five by one request, and other limits for those that are open.
 * Vol 3, Part A, 4.25 to 4.28, 10.2 */
#include "../core/clock.h"
#include "../core/feature.h"
#include "coc.h"
#include "sig.h"

enum { ALL_PENDING = 0x0d, ALL_PENDING_AUTHORIZATION = 0x0f };

/* --- requests of the peer --------------------------------------------------------------------- */

/* MTU u16, MPS u16, credits u16, result u16, { CID u16 } for each place of the request. */
static void enhanced_put_rsp(struct wr *out, uint8_t id, const struct coc *k, uint8_t result,
                             const uint16_t cids[], size_t places)
{
    sig_head(out, SIG_ENHANCED_CONN_RSP, id, (uint16_t)(8 + 2 * places));
    wr_le16(out, k ? k->own[COC_MTU] : 0);
    wr_le16(out, k ? k->own[COC_MPS] : 0);
    wr_le16(out, k ? k->own[COC_CREDITS] : 0);
    wr_le16(out, result);
    for (size_t n = 0; n < places; n++) {
        wr_le16(out, cids[n]);
    }
}

static void enhanced_refuse(struct conn *c, uint8_t id, uint8_t result, size_t places)
{
    static const uint16_t none[WOAD_COC_AT_ONCE] = { 0 };
    uint8_t rsp[SIG_HDR + 8 + 2 * WOAD_COC_AT_ONCE];
    struct wr out = wr_of(rsp, sizeof rsp);
    enhanced_put_rsp(&out, id, NULL, result, none, places);
    size_t len = wr_len(&out) - SIG_HDR;
    sig_respond(c, SIG_ENHANCED_CONN_RSP, id, rsp + SIG_HDR, (uint16_t)len);
}

struct asked {
    uint16_t mtu, mps, credits, cids[WOAD_COC_AT_ONCE];
    uint8_t id, places;
};

/* A channel for each place that can have one; what the others are told in the end. */
static uint8_t enhanced_take(struct conn *c, const struct woad_coc_params *p, const struct asked *a,
                             struct coc *made[])
{
    uint8_t result = 0;
    for (uint8_t n = 0; n < a->places; n++) {
        uint8_t wrong = coc_check_peer_cid(c, a->cids[n]);
        struct coc *k = wrong ? NULL : coc_new(c, p, true);
        made[n] = k;
        if (!k) {
            result = wrong ? wrong : WOAD_COC_NO_RESOURCES;
            continue;
        }
        k->id = a->id;
        k->request_index = n;
        k->request_count = a->places;
        k->peer[COC_CID] = a->cids[n];
        k->peer[COC_MTU] = a->mtu;
        k->peer[COC_MPS] = a->mps;
        k->peer[COC_CREDITS] = a->credits;
        k->state = COC_WAIT_DECISION; /* so that none of them is answered without the rest */
    }
    for (uint8_t n = 0; n < a->places; n++) {
        if (made[n]) {
            made[n]->request_result = result;
        }
    }
    return result;
}

/* L2CAP_CREDIT_BASED_CONNECTION_REQ: SPSM u16, MTU u16, MPS u16, credits u16, { source CID u16 },
 * one to five.  4.25 */
static bool enhanced_rx_conn_req(struct conn *c, uint8_t id, struct rd *in)
{
    struct woad *h = c->h;
    struct asked a = { .id = id };
    struct woad_coc_params p;
    uint16_t psm = rd_le16(in);
    struct coc *made[WOAD_COC_AT_ONCE];
    a.mtu = rd_le16(in);
    a.mps = rd_le16(in);
    a.credits = rd_le16(in);
    size_t places = rd_left(in) / 2;
    if (in->bad || rd_left(in) % 2 || !places || places > WOAD_COC_AT_ONCE) {
        return false;
    }
    a.places = (uint8_t)places;
    for (size_t n = 0; n < places; n++) {
        a.cids[n] = rd_le16(in);
    }
    uint8_t result = coc_check_request(c, psm, &p);
    if (!result && (a.mtu < COC_MTU_MIN_ENHANCED || a.mps < COC_MTU_MIN_ENHANCED ||
                    a.mps > COC_MPS_MAX || !a.credits || p.mtu < COC_MTU_MIN_ENHANCED)) {
        result = WOAD_COC_UNACCEPTABLE_PARAMETERS;
    }
    if (result) {
        enhanced_refuse(c, id, result, places);
        return true;
    }
    if (psm == PSM_EATT && h->eatt_role) {
        h->eatt_role->peer_requested(c);
    }
    result = enhanced_take(c, &p, &a, made);
    bool any = false;
    for (size_t n = 0; n < places; n++) {
        any = any || made[n];
    }
    /* Those that no event before has decided on. */
    for (size_t n = 0; n < places; n++) {
        if (made[n] && made[n]->state == COC_WAIT_DECISION) {
            coc_await_decision(made[n]);
        }
    }
    if (!any) {
        enhanced_refuse(c, id, result, places);
    }
    return true;
}

/* The places of a request whose decisions are all there; false while one is not. */
static bool enhanced_decided(const struct coc *first, struct coc *made[])
{
    for (struct coc *k = first->c->coc->first; k; k = k->next) {
        bool same = !k->initiator && k->enhanced && k->id == first->id &&
                    (k->state == COC_RESPONSE_DUE || k->state == COC_WAIT_DECISION);
        if (same && k->state == COC_WAIT_DECISION) {
            return false;
        }
        if (same) {
            made[k->request_index] = k;
        }
    }
    return true;
}

/* The limits of the answer hold for each of them: the least that one of them has. */
static const struct coc *enhanced_level(struct coc *made[])
{
    struct coc *min_u32 = NULL;
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
            uint16_t its = coc_credits_due(made[n]);
            credits = its < credits ? its : credits;
        }
    }
    for (uint8_t n = 0; n < WOAD_COC_AT_ONCE; n++) {
        if (made[n] && !made[n]->result) {
            made[n]->own[COC_CREDITS] = credits;
            min_u32 = made[n];
        }
    }
    return min_u32;
}

/* L2CAP_CREDIT_BASED_CONNECTION_RSP, when all is decided.  4.26 */
static bool enhanced_answer(struct coc *first, struct wr *out)
{
    struct coc *made[WOAD_COC_AT_ONCE] = { NULL };
    uint16_t cids[WOAD_COC_AT_ONCE] = { 0 };
    uint8_t result = first->request_result;
    if (!enhanced_decided(first, made)) {
        return false;
    }
    const struct coc *any = enhanced_level(made);
    for (uint8_t n = 0; n < first->request_count; n++) {
        if (made[n] && made[n]->result) {
            result = made[n]->result;
        } else if (made[n]) {
            cids[n] = made[n]->own[COC_CID];
        }
    }
    /* "Some refused" has three reasons: what was said about all of them is one of these then. */
    if (any && result && result != WOAD_COC_INVALID_CID && result != WOAD_COC_CID_IN_USE) {
        result = WOAD_COC_NO_RESOURCES;
    }
    enhanced_put_rsp(out, first->id, any, result, cids, first->request_count);
    for (uint8_t n = 0; n < WOAD_COC_AT_ONCE; n++) {
        if (made[n] && made[n]->result) {
            coc_free(made[n]);
        } else if (made[n]) {
            made[n]->state = COC_OPEN; /* all of them, before anything is told */
        }
    }
    for (uint8_t n = 0; n < WOAD_COC_AT_ONCE; n++) {
        if (cids[n] && made[n]->state == COC_OPEN) { /* not closed in one of these events */
            coc_opened(made[n]);
        }
    }
    return true;
}

/* --- requests of ours ------------------------------------------------------------------------- */

/* L2CAP_CREDIT_BASED_CONNECTION_REQ.  All of them have the same limits. */
static void enhanced_ask(struct coc *first, struct wr *out)
{
    struct woad *h = first->c->h;
    uint16_t cids[WOAD_COC_AT_ONCE];
    size_t n = 0;
    uint8_t id = first->id;
    for (struct coc *k = first->c->coc->first; k; k = k->next) {
        if (k->state == COC_REQUEST_DUE && k->enhanced && k->id == id) {
            k->request_index = (uint8_t)n;
            k->state = COC_WAIT_RESPONSE;
            k->due = deadline_in(h, SIG_TIMEOUT_MS);
            cids[n++] = k->own[COC_CID];
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

/* Results that hold for all of them, whatever the identifiers say. */
static bool enhanced_all_refused(uint16_t result)
{
    return result && result != WOAD_COC_NO_RESOURCES && result != WOAD_COC_INVALID_CID &&
           result != WOAD_COC_CID_IN_USE;
}

/* L2CAP_CREDIT_BASED_CONNECTION_RSP: MTU u16, MPS u16, credits u16, result u16,
 * { destination CID u16 }: 0 where there is none.  4.26 */
static bool enhanced_rx_conn_rsp(struct conn *c, uint8_t id, struct rd *in)
{
    struct woad *h = c->h;
    uint16_t mtu = rd_le16(in), mps = rd_le16(in), credits = rd_le16(in), result = rd_le16(in);
    struct coc *k = coc_by_request(c, COC_WAIT_RESPONSE, id);
    uint16_t cids[WOAD_COC_AT_ONCE] = { 0 };
    if (in->bad || !k || !k->enhanced) {
        return true; /* an answer to nothing, or none */
    }
    for (size_t n = 0; n < WOAD_COC_AT_ONCE && rd_left(in) >= 2; n++) {
        cids[n] = rd_le16(in);
    }
    for (; k && result >= ALL_PENDING && result <= ALL_PENDING_AUTHORIZATION; k = k->next) {
        if (k->state == COC_WAIT_RESPONSE && k->id == id && k->result < PENDING_MAX) {
            k->result++;
            k->due = deadline_in(h, SIG_LONG_TIMEOUT_MS);
        }
    }
    while (k && (k = coc_by_request(c, COC_WAIT_RESPONSE, id)) != NULL) {
        uint16_t cid = enhanced_all_refused(result) ? 0 : cids[k->request_index];
        if (!cid) {
            int status = result ? result : WOAD_EBADMSG;
            coc_ended(k, k->close_when_open ? k->close_status : status);
            continue;
        }
        k->peer[COC_MTU] = mtu;
        k->peer[COC_MPS] = mps;
        k->peer[COC_CREDITS] = credits;
        coc_granted(k, cid);
    }
    return true;
}

/* --- reconfiguration -------------------------------------------------------------------------- */

/* What the peer wants is wrong for one of its channels; 0 when it is not. */
static uint16_t reconfigure_wrong(const struct coc *k, uint16_t mtu, uint16_t mps, size_t n)
{
    if (!k || k->state != COC_OPEN || !k->enhanced) {
        return WOAD_COC_RECONFIGURE_CID;
    }
    return mtu < k->peer[COC_MTU]            ? WOAD_COC_MTU_REDUCED
           : mps < k->peer[COC_MPS] && n > 1 ? WOAD_COC_MPS_REDUCED
                                             : 0;
}

/* L2CAP_CREDIT_BASED_RECONFIGURE_REQ: MTU u16, MPS u16, { CID u16, which is the sender's }, one to
 * five.  Answer: result u16.  4.27, 4.28 */
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
        result = reconfigure_wrong(cid ? coc_by_peer_cid(c, cid) : NULL, mtu, mps, n);
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
        struct coc *k = coc_by_peer_cid(c, rd_le16(in));
        if (k) { /* still, whatever was done in the events before */
            k->peer[COC_MTU] = mtu;
            k->peer[COC_MPS] = mps;
            coc_emit(k, WOAD_EV_COC_CHANGED, 0);
        }
    }
    return true;
}

static struct coc *reconfigure_next(const struct conn *c, enum coc_change change, uint8_t id)
{
    struct coc *k = c->coc->first;
    while (k && !(k->change == change && k->change_id == id)) {
        k = k->next;
    }
    return k;
}

/* A peer that has not answered may have either limits in force: what comes is taken by the
 * greater. */
static void reconfigure_done(struct coc *k, int status)
{
    k->change = CHANGE_NONE;
    k->due = k->state == COC_OPEN ? 0 : k->due;
    if (!status || status == WOAD_ETIMEDOUT) {
        bool less = status && k->new_mps < k->own[COC_MPS];
        k->own[COC_MTU] = k->new_mtu;
        k->own[COC_MPS] = less ? k->own[COC_MPS] : k->new_mps;
    }
    if (k->state == COC_OPEN) {
        coc_mark_signalling(k);
        coc_emit(k, WOAD_EV_COC_CHANGED, status);
    }
}

/* L2CAP_CREDIT_BASED_RECONFIGURE_RSP: result u16.  4.28 */
static void reconfigure_answered(struct conn *c, uint8_t id, int status)
{
    struct coc *k;
    while ((k = reconfigure_next(c, CHANGE_SENT, id)) != NULL) {
        reconfigure_done(k, status);
    }
}

static void enhanced_timed_out(struct coc *k)
{
    if (k->change == CHANGE_SENT) {
        reconfigure_done(k, WOAD_ETIMEDOUT);
    }
}

/* L2CAP_CREDIT_BASED_RECONFIGURE_REQ, for all that were asked about at once. */
static void enhanced_reconfigure(struct coc *first, struct wr *out)
{
    struct woad *h = first->c->h;
    uint16_t cids[WOAD_COC_AT_ONCE];
    size_t n = 0;
    uint8_t id = first->change_id;
    struct coc *k;
    while (n < WOAD_COC_AT_ONCE && (k = reconfigure_next(first->c, CHANGE_DUE, id)) != NULL) {
        k->change = CHANGE_SENT;
        k->due = k->state == COC_OPEN ? deadline_in(h, SIG_TIMEOUT_MS) : k->due;
        cids[n++] = k->own[COC_CID];
    }
    sig_head(out, SIG_RECONFIGURE_REQ, id, (uint16_t)(4 + 2 * n));
    wr_le16(out, first->new_mtu);
    wr_le16(out, first->new_mps);
    for (size_t m = 0; m < n; m++) {
        wr_le16(out, cids[m]);
    }
}

static bool enhanced_rx(struct conn *c, uint8_t code, uint8_t id, struct rd *in)
{
    switch (code) {
    case SIG_ENHANCED_CONN_REQ: return enhanced_rx_conn_req(c, id, in);
    case SIG_ENHANCED_CONN_RSP: return enhanced_rx_conn_rsp(c, id, in);
    case SIG_RECONFIGURE_REQ: return enhanced_rx_reconfigure(c, id, in);
    case SIG_RECONFIGURE_RSP: {
        uint16_t result = rd_le16(in);
        if (rd_done(in)) {
            reconfigure_answered(c, id, result);
        }
        return true;
    }
    case SIG_REJECT: reconfigure_answered(c, id, WOAD_COC_NOT_UNDERSTOOD); return true;
    default: return false;
    }
}

static const struct coc_enhanced coc_enhanced = {
    .rx = enhanced_rx,
    .write_request = enhanced_ask,
    .write_response = enhanced_answer,
    .write_reconfigure = enhanced_reconfigure,
    .timed_out = enhanced_timed_out,
};

static void enhanced_layout(struct woad *h)
{
    h->coc_enhanced = h->coc_role ? &coc_enhanced : NULL;
}

static const struct woad_needs enhanced_needs = { .frame_max = COC_MTU_MIN_ENHANCED };

const struct woad_feature woad_feature_enhanced_channels = {
    .layout = enhanced_layout,
    .needs = &enhanced_needs,
};

/* Why our own limits for this one can't be these; 0 when they can. */
static int reconfigure_refused(const struct coc *k, uint16_t mtu, uint16_t mps, size_t n)
{
    if (!k || k->state != COC_OPEN) {
        return WOAD_ENOENT;
    }
    if (!k->enhanced || mtu < k->own[COC_MTU] || (mps < k->own[COC_MPS] && n > 1) ||
        mps > k->c->h->rx_frame_max) {
        return WOAD_EINVAL;
    }
    if (k->change) {
        return WOAD_EBUSY;
    }
    bool fits =
        (uint32_t)k->own[COC_CREDITS] * mps <= k->ring_size - k->ring_used && mps <= k->ring_size;
    return fits ? 0 : WOAD_ENOMEM;
}

int woad_coc_reconfigure(struct woad *h, uint16_t conn, const uint16_t cids[], size_t n,
                         uint16_t mtu, uint16_t mps)
{
    if (!h->coc_enhanced) {
        return WOAD_ENOTSUP;
    }
    struct conn *c = conn_for_call(h, conn);
    if (!c) {
        return WOAD_ENOENT;
    }
    if (!n || n > WOAD_COC_AT_ONCE || mps < COC_MTU_MIN_ENHANCED || mps > COC_MPS_MAX) {
        return WOAD_EINVAL;
    }
    for (size_t m = 0; m < n; m++) {
        int err = reconfigure_refused(coc_find(h, conn, cids[m]), mtu, mps, n);
        if (err) {
            return err;
        }
    }
    uint8_t id = coc_new_id(c);
    for (size_t m = 0; m < n; m++) {
        struct coc *k = coc_for_call(h, conn, cids[m]);
        k->change = CHANGE_DUE;
        k->change_id = id;
        k->new_mtu = mtu;
        k->new_mps = mps;
        coc_mark_signalling(k);
    }
    return 0;
}
