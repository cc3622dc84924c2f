/* Channels with credits: the table, who listens, how they begin and end.  Vol 3, Part A, 4.22,
 * 10.1 */
#include "../base/bytes.h"
#include "../core/clock.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/ready.h"
#include "../core/security.h"
#include "coc.h"
#include "l2cap.h"
#include "sig.h"

/* --- finding them ----------------------------------------------------------------------------- */

struct coc *coc_by_cid(const struct conn *c, uint16_t cid)
{
    struct coc *k = c->coc->first;
    while (k && k->own[COC_CID] != cid) {
        k = k->next;
    }
    return k;
}

/* By the peer's identifier, which it has once it is open; of a request from there at once. */
struct coc *coc_by_peer_cid(const struct conn *c, uint16_t cid)
{
    struct coc *k = c->coc->first;
    while (k && k->peer[COC_CID] != cid) {
        k = k->next;
    }
    return k;
}

struct coc *coc_find(const struct woad *h, uint16_t conn, uint16_t cid)
{
    const struct conn *c = h->cocs ? conn_of(h, conn) : NULL;
    struct coc *k = c ? coc_by_cid(c, cid) : NULL;
    return k && !coc_of_att(k) && !k->closed_emitted ? k : NULL;
}

/* For what the application asks of a channel. */
struct coc *coc_for_call(struct woad *h, uint16_t conn, uint16_t cid)
{
    struct coc *k = coc_find(h, conn, cid);
    if (k) {
        conn_mark_channels_ready(k->c);
    }
    return k;
}

/* The place of a PSM that is listened to, of 0 a free one; NULL: there is none. */
static struct woad_coc_params *coc_psm(const struct woad *h, uint16_t psm)
{
    struct woad_coc_params *p = h->cocs->psms;
    for (uint8_t n = h->cfg.psms; n; n--, p++) {
        if (p->psm == psm) {
            return p;
        }
    }
    return NULL;
}

bool coc_listener(const struct woad *h, uint16_t psm, struct woad_coc_params *p)
{
    if (psm == PSM_EATT && h->eatt_role) {
        *p = h->eatt_role->params(h);
        return true;
    }
    const struct woad_coc_params *mine = psm ? coc_psm(h, psm) : NULL;
    if (mine) {
        *p = *mine;
    }
    return mine != NULL;
}

/* --- the table -------------------------------------------------------------------------------- */

/* The application's come first, then those of ATT.  One that is kept only in case the peer's answer
 * comes after the time limit gives way. */
static struct coc *coc_find_free(const struct woad *h, bool of_att)
{
    struct coc *k = h->cocs->channels + (of_att ? h->cfg.l2cap_channels : 0), *late = NULL;
    for (size_t n = of_att ? h->cfg.att_bearers : h->cfg.l2cap_channels; n; n--, k++) {
        if (k->state == COC_FREE) {
            return k;
        }
        if (k->closed_emitted && k->state == COC_WAIT_RESPONSE) {
            late = k;
        }
    }
    if (late) {
        coc_free(late);
    }
    return late;
}

/* The identifier that was not used for longest; 0 when all are in use. */
static uint16_t coc_new_cid(const struct conn *c)
{
    struct coc_conn *cc = c->coc;
    for (int n = 0; n <= CID_LAST - CID_FIRST; n++) {
        uint16_t cid = (uint16_t)(CID_FIRST + cc->last_cid);
        cc->last_cid = (uint8_t)((cc->last_cid + 1) % (CID_LAST - CID_FIRST + 1));
        if (!coc_by_cid(c, cid)) {
            return cid;
        }
    }
    return 0;
}

/* Puts one that is free at the end of the connection's; NULL when there is none. */
struct coc *coc_new(struct conn *c, const struct woad_coc_params *p, bool enhanced)
{
    struct woad *h = c->h;
    bool of_att = p->psm == PSM_EATT && h->eatt_role;
    struct coc *k = coc_find_free(h, of_att);
    uint16_t cid = k ? coc_new_cid(c) : 0;
    if (!MAY_FAIL(cid != 0)) {
        return NULL;
    }
    *k = (struct coc){ .state = COC_ENDED,
                       .c = c,
                       .att_bearer = of_att,
                       .psm = p->psm,
                       .own = { cid, p->mtu, p->mps, 0 },
                       .credits_per_sdu = p->credits_per_sdu,
                       .security = p->security,
                       .enhanced = enhanced }; /* in use, and nothing yet */
    struct coc **at = &c->coc->first;
    while (*at) {
        at = &(*at)->next;
    }
    *at = k;
    return k;
}

/* The SDU that is being sent is not sent any further: its buffer is the application's again.  A
 * frame that has begun must go on, and ends with zeros. */
static void coc_abandon(struct coc *k)
{
    struct conn *c = k->c;
    if (c->tx_channel == k) {
        c->tx_channel = NULL;
        c->tx_tail = NULL;
    }
    if (k->sending) {
        k->sending = false;
        c->coc->senders--;
    }
}

/* Frees it, without a word. */
void coc_free(struct coc *k)
{
    struct coc_conn *cc = k->c->coc;
    struct conn *c = k->c;
    coc_abandon(k);
    struct coc **at = &cc->first;
    while (*at != k) {
        at = &(*at)->next;
    }
    *at = k->next;
    if (cc->turn == k) {
        cc->turn = k->next;
        if (!k->next) {
            c->channels_turn = false;
        }
    }
    k->state = COC_FREE;
}

void coc_mark_signalling(const struct coc *k)
{
    conn_mark_ready(k->c);
    k->c->coc_sig_pending = true;
}

/* --- their lives ------------------------------------------------------------------------------ */

void coc_emit(struct coc *k, enum woad_event_type type, int status)
{
    struct woad *h = k->c->h;
    if (coc_of_att(k)) {
        h->eatt_role->event(k, type, status);
        return;
    }
    struct woad_event ev;
    ev.u.coc.cid = k->own[COC_CID];
    ev.u.coc.psm = k->psm;
    ev.u.coc.mtu = k->own[COC_MTU];
    ev.u.coc.peer_mtu = k->peer[COC_MTU];
    ev.u.coc.status = status;
    emit_of(k->c, type, &ev);
}

/* The memory for what comes, and with it the largest frame and the peer's first credits. */
static void coc_set_memory(struct coc *k, void *rx, size_t rx_size)
{
    struct woad *h = k->c->h;
    size_t min_u32 = k->enhanced ? COC_MTU_MIN_ENHANCED : COC_MTU_MIN;
    size_t mps = k->own[COC_MPS] ? k->own[COC_MPS] : k->own[COC_MTU] + 2u;
    mps = mps < h->rx_frame_max ? mps : h->rx_frame_max;
    mps = mps < rx_size ? mps : rx_size;
    mps = mps > min_u32 ? mps : min_u32;
    k->own[COC_MPS] = (uint16_t)(mps < COC_MPS_MAX ? mps : COC_MPS_MAX);
    k->ring = rx;
    k->ring_size = (uint32_t)(rx_size < COC_RING_MAX ? rx_size : COC_RING_MAX);
    k->own[COC_CREDITS] = coc_credits_due(k);
}

void coc_accept(struct coc *k, void *rx, size_t rx_size)
{
    coc_set_memory(k, rx, rx_size);
    k->state = COC_RESPONSE_DUE;
    k->result = 0;
    coc_mark_signalling(k);
}

/* A request of the peer's is for the application to decide on. */
void coc_await_decision(struct coc *k)
{
    struct woad *h = k->c->h;
    k->state = COC_WAIT_DECISION;
    k->due = deadline_in(h, COC_DECISION_MS);
    coc_emit(k, WOAD_EV_COC_REQUEST, 0);
}

void coc_opened(struct coc *k)
{
    k->state = COC_OPEN;
    k->due = 0;
    if (k->close_when_open) { /* too late for the peer not to have it */
        k->state = COC_DISCONNECT_DUE;
        coc_mark_signalling(k);
    } else {
        coc_emit(k, WOAD_EV_COC_OPEN, 0);
    }
}

/* Its last event, unless there has been one.  What has come can still be read from inside it. */
static void coc_emit_ended(struct coc *k, int status)
{
    k->state = COC_ENDED;
    k->rx_buf = NULL;
    coc_abandon(k);
    if (!k->closed_emitted) {
        coc_emit(k, WOAD_EV_COC_CLOSED, status);
        k->closed_emitted = true;
    }
}

void coc_ended(struct coc *k, int status)
{
    coc_emit_ended(k, status);
    coc_free(k);
}

/* The peer has not answered in time.  If it grants the channel after all, that is closed again. */
void coc_response_timed_out(struct coc *k, int status)
{
    bool told = k->closed_emitted;
    coc_emit_ended(k, status);
    if (told || k->c->state != CONN_OPEN) {
        coc_free(k);
        return;
    }
    k->state = COC_WAIT_RESPONSE;
    k->close_when_open = true;
    k->due = deadline_in(k->c->h, SIG_TIMEOUT_MS);
}

/* The peer gets no channel; the application has had, or needs, no event more. */
void coc_refuse(struct coc *k, uint8_t result)
{
    k->state = COC_RESPONSE_DUE;
    k->result = result;
    k->closed_emitted = true;
    coc_mark_signalling(k);
}

/* The peer does what it must not: the channel is closed, and its owner told so in the end. */
void coc_fail(struct coc *k, int status)
{
    k->close_status = status;
    k->state = COC_DISCONNECT_DUE;
    coc_mark_signalling(k);
}

static void coc_conn_open(struct conn *c)
{
    *c->coc = (struct coc_conn){ 0 };
}

static void coc_conn_close(struct conn *c)
{
    while (c->coc->first) {
        struct coc *k = c->coc->first;
        coc_ended(k, k->close_status ? k->close_status : WOAD_ENOTCONN);
    }
}

/* The application, or the host, is done with it. */
void coc_close(struct coc *k, int status)
{
    k->close_status = status;
    if (k->state == COC_REQUEST_DUE) {
        coc_ended(k, status ? status : WOAD_ECANCELED);
    } else if (k->state == COC_WAIT_RESPONSE || (k->state == COC_RESPONSE_DUE && !k->result)) {
        k->close_when_open = true;
    } else if (k->state == COC_WAIT_DECISION) {
        coc_refuse(k, WOAD_COC_NO_RESOURCES);
    } else if (k->state == COC_OPEN) {
        coc_fail(k, status);
    }
}

/* The connection has less security than it had: what rests on it ends.  A request that waits for a
 * decision is refused, and its end is told. */
static void coc_security_lowered(struct conn *c)
{
    struct coc *k = c->coc->first;
    while (k) {
        bool ends = k->state != COC_ENDED && k->close_status != WOAD_EACCES && !k->closed_emitted &&
                    conn_security_error(c, k->security);
        if (ends) {
            bool asked = k->state == COC_WAIT_DECISION;
            if (c->tx_channel == k) {
                c->tx_tail = NULL; /* not in clear */
            }
            k->last_frame = false; /* and so it was not sent */
            coc_close(k, WOAD_EACCES);
            if (asked) {
                k->result = WOAD_COC_INSUFFICIENT_ENCRYPTION;
                coc_emit(k, WOAD_EV_COC_CLOSED, WOAD_EACCES);
            }
        }
        k = ends ? c->coc->first : k->next;
    }
}

static struct coc *coc_awaiting_encryption(const struct conn *c)
{
    struct coc *k = c->coc->first;
    while (k && !(k->state == COC_REQUEST_DUE && k->awaits_encryption)) {
        k = k->next;
    }
    return k;
}

/* What we ask for may have waited for a proof of who the peer is. */
static void coc_security_changed(struct conn *c, int status)
{
    struct coc *k;
    while ((k = coc_awaiting_encryption(c)) != NULL) {
        k->awaits_encryption = false;
        if (status) {
            coc_ended(k, WOAD_EACCES);
        }
    }
    c->coc_sig_pending = true;
}

/* A peer that does not answer: 6.2.1.  To a disconnection too: then it has none any more. */
static uint32_t coc_run_timers(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    struct coc *k = h->cocs->channels;
    for (size_t n = (size_t)h->cfg.l2cap_channels + h->cfg.att_bearers; n; n--, k++) {
        uint32_t mine = k->state != COC_FREE ? deadline_left(h, k->due) : WOAD_FOREVER;
        if (mine == 0) {
            conn_mark_ready(k->c);
            coc_timed_out(k);
        }
        left = min_u32(left, mine);
    }
    return left;
}

static const struct coc_role coc_role = {
    .rx = coc_rx,
    .rx_too_long = coc_too_long,
    .tx = coc_tx,
    .frame_copied = coc_sent,
    .sig_rx = coc_sig_rx,
    .sig_tx = coc_sig_tx,
    .security_changed = coc_security_changed,
    .security_lowered = coc_security_lowered,
};

static void coc_layout(struct woad *h)
{
    struct cocs *t = arena_alloc(h, 1, sizeof *t);
    struct coc *channels =
        arena_alloc(h, (size_t)h->cfg.l2cap_channels + h->cfg.att_bearers, sizeof *channels);
    struct woad_coc_params *psms = arena_alloc(h, h->cfg.psms, sizeof *psms);
    arena_alloc_per_conn(h, sizeof(struct coc_conn), ARENA_SLOT(h->conns, coc));
    if (t) {
        *t = (struct cocs){ channels, psms };
        h->cocs = t;
    }
    h->coc_role = &coc_role;
}

static void coc_reset(struct woad *h)
{
    for (uint8_t n = 0; n < h->cfg.psms; n++) {
        h->cocs->psms[n].psm = 0;
    }
}

static const struct woad_needs coc_needs = { .frame_max = COC_MTU_MIN, .uses_signalling = true };

const struct woad_feature woad_feature_l2cap_channels = {
    .layout = coc_layout,
    .reset = coc_reset,
    .conn_open = coc_conn_open,
    .conn_close = coc_conn_close,
    .run_timers = coc_run_timers,
    .needs = &coc_needs,
};

/* --- what the application calls --------------------------------------------------------------- */

static bool params_valid(const struct woad_coc_params *p, bool enhanced)
{
    uint16_t min_u32 = enhanced ? COC_MTU_MIN_ENHANCED : COC_MTU_MIN;
    return p->psm && p->psm <= 0xff && p->mtu >= min_u32 && p->security < 16 &&
           (!p->mps || (p->mps >= min_u32 && p->mps <= COC_MPS_MAX));
}

int woad_coc_listen(struct woad *h, const struct woad_coc_params *params)
{
    int err = feature_for_call(h, h->cocs);
    if (err) {
        return err;
    }
    if (!params_valid(params, false)) {
        return WOAD_EINVAL;
    }
    struct woad_coc_params now;
    if (coc_listener(h, params->psm, &now)) {
        return WOAD_EALREADY;
    }
    struct woad_coc_params *place = coc_psm(h, 0);
    if (!MAY_FAIL(place != NULL)) {
        return WOAD_ENOMEM;
    }
    *place = *params;
    return 0;
}

int woad_coc_stop_listening(struct woad *h, uint16_t psm)
{
    if (!h->cocs) {
        return WOAD_ENOTSUP;
    }
    struct woad_coc_params *place = psm ? coc_psm(h, psm) : NULL;
    if (!place) {
        return WOAD_ENOENT;
    }
    place->psm = 0;
    return 0;
}

int woad_coc_accept(struct woad *h, uint16_t conn, uint16_t cid, void *rx, size_t rx_size)
{
    struct coc *k = coc_for_call(h, conn, cid);
    if (!k || k->state != COC_WAIT_DECISION) {
        return WOAD_ENOENT;
    }
    if (!rx || rx_size < (k->enhanced ? COC_MTU_MIN_ENHANCED : COC_MTU_MIN)) {
        return WOAD_EINVAL;
    }
    coc_accept(k, rx, rx_size);
    return 0;
}

int woad_coc_refuse(struct woad *h, uint16_t conn, uint16_t cid, uint8_t result)
{
    struct coc *k = coc_for_call(h, conn, cid);
    if (!k || k->state != COC_WAIT_DECISION) {
        return WOAD_ENOENT;
    }
    if (!result || result > WOAD_COC_INVALID_PARAMETERS) {
        return WOAD_EINVAL;
    }
    coc_refuse(k, result);
    return 0;
}

/* All of them or none.  `rx` NULL: bearers of ATT, which have memory. */
int coc_connect(struct conn *c, const struct woad_coc_params *p, void *const rx[], size_t rx_size,
                size_t n, uint16_t cids[], bool enhanced)
{
    struct woad *h = c->h;
    struct coc *made[WOAD_COC_AT_ONCE];
    for (size_t m = 0; m < n; m++) {
        made[m] = coc_new(c, p, enhanced);
        if (!made[m]) {
            while (m--) {
                coc_free(made[m]);
            }
            return WOAD_ENOMEM;
        }
    }
    uint8_t id = coc_new_id(c);
    for (size_t m = 0; m < n; m++) {
        made[m]->state = COC_REQUEST_DUE;
        made[m]->initiator = true;
        made[m]->id = id;
        void *memory = rx ? rx[m] : h->eatt_role->memory(made[m], &rx_size);
        coc_set_memory(made[m], memory, rx_size);
        coc_mark_signalling(made[m]);
        cids[m] = made[m]->own[COC_CID];
    }
    return 0;
}

static int coc_may_connect(struct woad *h, uint16_t conn, const struct woad_coc_params *p,
                           size_t rx_size, bool enhanced)
{
    const struct conn *c = conn_for_call(h, conn);
    if (!h->cocs || (enhanced && !h->coc_enhanced)) {
        return WOAD_ENOTSUP;
    }
    if (!c || c->state != CONN_OPEN) {
        return WOAD_ENOTCONN;
    }
    if (!params_valid(p, enhanced) || (p->psm == PSM_EATT && h->eatt_role) ||
        rx_size < (enhanced ? COC_MTU_MIN_ENHANCED : COC_MTU_MIN)) {
        return WOAD_EINVAL;
    }
    return conn_security_error(c, p->security) ? WOAD_EACCES : 0;
}

int woad_coc_connect(struct woad *h, uint16_t conn, const struct woad_coc_params *params, void *rx,
                     size_t rx_size, uint16_t *cid)
{
    int err = coc_may_connect(h, conn, params, rx ? rx_size : 0, false);
    return err ? err : coc_connect(conn_of(h, conn), params, &rx, rx_size, 1, cid, false);
}

int woad_coc_connect_enhanced(struct woad *h, uint16_t conn, const struct woad_coc_params *params,
                              void *const rx[], size_t rx_size, size_t n, uint16_t cids[])
{
    int err = coc_may_connect(h, conn, params, rx_size, true);
    for (size_t m = 0; !err && m < n && m < WOAD_COC_AT_ONCE; m++) {
        err = rx[m] ? 0 : WOAD_EINVAL;
    }
    if (!err && (!n || n > WOAD_COC_AT_ONCE)) {
        err = WOAD_EINVAL;
    }
    return err ? err : coc_connect(conn_of(h, conn), params, rx, rx_size, n, cids, true);
}

int woad_coc_disconnect(struct woad *h, uint16_t conn, uint16_t cid)
{
    struct coc *k = coc_for_call(h, conn, cid);
    if (!k) {
        return WOAD_ENOENT;
    }
    if (k->state == COC_ENDED || k->state == COC_DISCONNECT_DUE ||
        k->state == COC_WAIT_DISCONNECTED || k->close_when_open ||
        (k->state == COC_RESPONSE_DUE && k->result)) {
        return WOAD_EALREADY;
    }
    coc_close(k, 0);
    return 0;
}

int woad_coc_info(const struct woad *h, uint16_t conn, uint16_t cid, struct woad_coc_info *info)
{
    const struct coc *k = coc_find(h, conn, cid);
    if (!k) {
        return WOAD_ENOENT;
    }
    *info = (struct woad_coc_info){
        k->psm,           k->own[COC_MTU],      k->peer[COC_MTU],    k->own[COC_MPS],
        k->peer[COC_MPS], k->peer[COC_CREDITS], k->own[COC_CREDITS], k->state == COC_OPEN,
        k->enhanced
    };
    return 0;
}
