/* Credit-based channels: the table, the PSMs that are listened to, a channel's life from request to
 * end, and the public calls for it.  Vol 3, Part A, 4.22, 10.1
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   arena_alloc_per_conn(): an element for each connection; its address goes into ARENA_SLOT
 *   ARENA_SLOT: a field of an array of structs, where addresses go (core/arena.h)
 *   awaits_encryption: our request for the channel waits until the bonded peer has encrypted
 *   CALL_ERROR: logs why a public call is refused; its value is the error, the second argument
 *   cfg: the config that the application gave to woad_init()
 *   ch: a credit-based channel (l2cap/coc.h)
 *   channels_turn: the next frame is a channel's, not of c->queue: they have turns
 *   close_status: the status that WOAD_EV_COC_CLOSED will have
 *   close_when_open: the caller has closed it before the response: it is closed as soon as it opens
 *   coc_conn: what a connection keeps for its channels: coc.h
 *   coc_credits_to_give(): credits to grant to the peer now; 0: none, or too few for a packet
 *   COC_DECISION_MS: ms in which the application is to accept or refuse a channel
 *   COC_DISCONNECT_DUE: a channel's state: our disconnection request is to be sent
 *   COC_ENDED: a channel's state while it is made, or while its last event is raised
 *   coc_enhanced: coc_enhanced.c, as coc.c and coc_sig.c call it; NULL: not linked
 *   COC_ENHANCED: a channel requested by an enhanced request; COC_BASIC: by the other kind
 *   coc_frame_copied(): the rest of the frame has been copied
 *   COC_FREE: state of a channel: its slot is not used
 *   coc_mtu_min(): the smallest MTU and MPS: 23; of an enhanced channel 64
 *   coc_new_id(): an identifier that no unanswered request of ours has
 *   COC_OPEN: a channel's state; from this one on, both sides have identifiers
 *   COC_REQUEST_DUE: a channel's state: our request for it is to be sent
 *   COC_RESPONSE_DUE: a channel's state: our response to the peer's request is to be sent
 *   COC_RING_MAX: the most octets that are used of a channel's memory or receive buffer
 *   coc_role: credit-based channels, as L2CAP calls them; NULL: not linked
 *   coc_rx_too_long(): handles a frame that is too long for the host
 *   coc_sig_pending: a channel may have a signalling command to send
 *   coc_sig_rx(): handles a signalling command; false: not understood
 *   coc_sig_tx(): writes the next signalling command; false: none
 *   coc_timed_out(): what the channel's deadline limits is late
 *   coc_tx(): writes the next frame of a channel
 *   COC_WAIT_DECISION: a channel's state: the application is to accept or refuse the peer's request
 *   COC_WAIT_DISCONNECTED: a channel's state: the response to our disconnection request is awaited
 *   COC_WAIT_RESPONSE: a channel's state: the response to our request is awaited
 *   cocs: all channels: config.l2cap_channels, then config.att_bearers; and the PSMs listened to
 *   complete_config: a feature's part of this (core/feature.h)
 *   conn: a connection's number in the public interface
 *   conn_for_call(): conn_of() for a public call: all connections are polled again afterwards
 *   conn_mark_channels_ready(): woad_tx() polls the channels of the connection again
 *   conn_mark_ready(): woad_tx() polls the connection again; without it, nothing more would be sent
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   conn_security_error(): 0, or the ATT error of the first WOAD_COC_… bit that it does not meet
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   eatt_role: eatt.c, as channels and ATT call it; NULL: not linked
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   feature_for_call(): for a public call: WOAD_ENOTSUP, WOAD_ENODEV or 0; HCI is polled again
 *   frame_copied: of coc_role: all of tx_channel's frame is in packets: sets tx_channel to NULL,
 *       and may raise WOAD_EV_COC_SENT
 *   frame_max: of a feature's needs: octets of the largest L2CAP payload that it sends or receives
 *   hidden: the application does not see the channel any more
 *   id: of a channel: identifier of the request that opens or closes it
 *   initiator: the channel was opened by our request
 *   last_frame: the frame on its way is the last of the SDU
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   MAY_FAIL: its argument; a test build makes it false in turn, as by a full queue or table
 *   needs: what only some features require: struct woad_needs
 *   next_cid: of a connection: the identifier of a channel to try next, less CID_FIRST
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   own: our [COC_CID], [COC_MTU], [COC_MPS]; [COC_CREDITS]: frames that the peer may still send
 *   peer: the peer's values, as `own`; [COC_CREDITS]: frames that we may still send
 *   ring: received SDUs, { length u16, octets } each, in the application's memory
 *   ring_size: of a channel: octets of its ring of received SDUs
 *   run_timers: hook in woad_poll(): ends what has timed out; returns ms to the next deadline
 *   rx_buf: the buffer of woad_coc_receive(), rx_buf_len of rx_buf_size octets filled; NULL: none
 *   rx_frame_max: octets of the largest L2CAP payload that the host can receive
 *   security_changed: hook: a pairing or an encryption has ended, with 0 or the reason
 *   security_lowered: hook: the connection has less security than before
 *   senders: channels with an SDU to send
 *   sending: an SDU is being sent; c->coc->senders counts such channels
 *   sig_queue_size: octets of each connection's queue of signalling responses
 *   sig_rx: of the channels: handles a signalling command; false: not understood
 *   SIG_TIMEOUT_MS: ms after which a signalling request has failed
 *   sig_tx: of the channels: writes the next signalling command; false: none
 *   SIGNALLING_QUEUE: octets of the queue of signalling responses, for so many channels
 *   turn: the channel of the connection that sends next; NULL: the first
 *   tx_channel: the channel of the frame being sent; NULL: none, or closed
 *   tx_tail: where the rest of the frame being sent is: in tx_frame, or in the application's SDU;
 *       NULL: zeros are sent in its place, because the channel has closed */
#include "../base/bytes.h"
#include "../core/clock.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../core/ready.h"
#include "../core/security.h"
#include "coc.h"
#include "l2cap.h"
#include "sig.h"

/* --- look-up ---------------------------------------------------------------------------------- */

struct coc *coc_by_cid(const struct conn *c, uint16_t cid)
{
    struct coc *ch = c->coc->first;
    while (ch && ch->own[COC_CID] != cid) {
        ch = ch->next;
    }
    return ch;
}

struct coc *coc_by_peer_cid(const struct conn *c, uint16_t cid)
{
    struct coc *ch = c->coc->first;
    while (ch && ch->peer[COC_CID] != cid) {
        ch = ch->next;
    }
    return ch;
}

/* A channel that the application sees: no ATT bearer's, and neither refused nor closed. */
struct coc *coc_find(const struct woad *h, uint16_t conn, uint16_t cid)
{
    const struct conn *c = NULL;
    if (h->cocs) {
        c = conn_of(h, conn);
    }
    struct coc *ch = NULL;
    if (c) {
        ch = coc_by_cid(c, cid);
    }
    if (ch && !ch->att_bearer && !ch->hidden) {
        return ch;
    }
    return NULL;
}

struct coc *coc_for_call(struct woad *h, uint16_t conn, uint16_t cid)
{
    struct coc *ch = coc_find(h, conn, cid);
    if (ch) {
        conn_mark_channels_ready(ch->c);
    }
    return ch;
}

/* The slot of a PSM that is listened to; PSM 0: a free slot; NULL: none. */
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

/* The parameters of a PSM that is listened to; false: it is not. */
bool coc_listener(const struct woad *h, uint16_t psm, struct woad_coc_params *p)
{
    if (psm == PSM_EATT && h->eatt_role) {
        *p = h->eatt_role->params(h);
        return true;
    }
    const struct woad_coc_params *slot = NULL;
    if (psm) {
        slot = coc_psm(h, psm);
    }
    if (slot) {
        *p = *slot;
    }
    return slot != NULL;
}

/* --- the table -------------------------------------------------------------------------------- */

/* A free slot; NULL: none.  The table has the application's slots first, then those of ATT bearers,
 * where the request of a closed bearer may still await its answer: that slot is not free.
 * If none is free, a channel that only waits for a late response gives its slot up. */
static struct coc *coc_find_free(const struct woad *h, bool att_bearer)
{
    struct coc *ch = h->cocs->channels, *late = NULL;
    size_t n = h->cfg.l2cap_channels;
    if (att_bearer) {
        ch += n;
        n = h->cfg.att_bearers;
    }
    for (; n; n--, ch++) {
        if (ch->state == COC_FREE && !(att_bearer && h->eatt_role->busy(h, ch))) {
            return ch;
        }
        if (ch->hidden && ch->state == COC_WAIT_RESPONSE) {
            late = ch;
        }
    }
    if (late) {
        coc_free(late);
    }
    return late;
}

/* The identifier that has been unused for longest; 0: all are in use. */
static uint16_t coc_new_cid(const struct conn *c)
{
    struct coc_conn *cc = c->coc;
    for (int n = 0; n <= CID_LAST - CID_FIRST; n++) {
        uint16_t cid = (uint16_t)(CID_FIRST + cc->next_cid);
        cc->next_cid = (uint8_t)((cc->next_cid + 1) % (CID_LAST - CID_FIRST + 1));
        if (!coc_by_cid(c, cid)) {
            return cid;
        }
    }
    return 0;
}

/* Allocates a channel, the last of the connection's; the caller sets its state.  NULL: no slot is
 * free, or no identifier. */
struct coc *coc_new(struct conn *c, const struct woad_coc_params *p, bool enhanced)
{
    struct woad *h = c->h;
    bool att_bearer = p->psm == PSM_EATT && h->eatt_role;
    struct coc *ch = coc_find_free(h, att_bearer);
    uint16_t cid = 0;
    if (ch) {
        cid = coc_new_cid(c);
    }
    if (!MAY_FAIL(cid != 0)) { /* MAY_FAIL(x): x; a test build can make it false.  base/fifo.h */
        return NULL;
    }
    memset(ch, 0, sizeof *ch);
    ch->state = COC_ENDED; /* inert until the caller sets it */
    ch->c = c;
    ch->att_bearer = att_bearer;
    ch->psm = p->psm;
    ch->own[COC_CID] = cid;
    ch->own[COC_MTU] = p->mtu;
    ch->own[COC_MPS] = p->mps;
    ch->credits_per_sdu = p->credits_per_sdu;
    ch->security = p->security;
    ch->enhanced = enhanced;
    struct coc **at = &c->coc->first;
    while (*at) {
        at = &(*at)->next;
    }
    *at = ch;
    return ch;
}

/* Stops sending the SDU: its buffer is the application's again.  If a frame is partly sent, acl.c
 * completes it with zeros: that is what tx_tail NULL means. */
static void coc_abandon(struct coc *ch)
{
    struct conn *c = ch->c;
    if (c->tx_channel == ch) {
        c->tx_channel = NULL;
        c->tx_tail = NULL;
    }
    if (ch->sending) {
        ch->sending = false;
        c->coc->senders--;
    }
}

/* Frees a channel, without an event. */
void coc_free(struct coc *ch)
{
    struct coc_conn *cc = ch->c->coc;
    struct conn *c = ch->c;
    if (ch->state == COC_FREE) {
        return; /* the application has called woad_fail() in the event of its end */
    }
    coc_abandon(ch);
    struct coc **at = &cc->first;
    while (*at != ch) {
        at = &(*at)->next;
    }
    *at = ch->next;
    if (cc->turn == ch) {
        cc->turn = ch->next;
        if (!ch->next) { /* the round of the channels is over: the queue's turn */
            c->channels_turn = false;
        }
    }
    ch->state = COC_FREE;
}

void coc_mark_signalling(const struct coc *ch)
{
    conn_mark_ready(ch->c);
    ch->c->coc_sig_pending = true;
}

/* --- a channel's life ------------------------------------------------------------------------- */

/* Raises an event of the channel; of an ATT bearer's channel it goes to eatt.c. */
void coc_emit(struct coc *ch, enum woad_event_type type, int status)
{
    struct woad *h = ch->c->h;
    if (ch->att_bearer) {
        h->eatt_role->event(ch, type, status);
        return;
    }
    struct woad_event ev;
    ev.u.coc.cid = ch->own[COC_CID];
    ev.u.coc.psm = ch->psm;
    ev.u.coc.mtu = ch->own[COC_MTU];
    ev.u.coc.peer_mtu = ch->peer[COC_MTU];
    ev.u.coc.status = status;
    emit_of(ch->c, type, &ev);
}

/* Sets the memory for received SDUs; its size limits the frames and the first credits. */
static void coc_set_memory(struct coc *ch, void *rx, size_t rx_size)
{
    struct woad *h = ch->c->h;
    size_t mtu_min = coc_mtu_min(ch->enhanced);
    size_t mps;
    if (ch->own[COC_MPS]) {
        mps = ch->own[COC_MPS];
    } else {
        mps = ch->own[COC_MTU] + 2u;
    }
    if (mps > h->rx_frame_max) {
        mps = h->rx_frame_max;
    }
    if (mps > rx_size) {
        mps = rx_size;
    }
    if (mps < mtu_min) {
        mps = mtu_min;
    }
    if (mps > COC_MPS_MAX) {
        mps = COC_MPS_MAX;
    }
    ch->own[COC_MPS] = (uint16_t)mps;
    ch->ring = rx;
    if (rx_size > COC_RING_MAX) {
        rx_size = COC_RING_MAX;
    }
    ch->ring_size = (uint32_t)rx_size;
    ch->own[COC_CREDITS] = coc_credits_to_give(ch);
}

/* The application, or eatt.c, accepts the peer's request: coc_sig.c sends the response. */
void coc_accept(struct coc *ch, void *rx, size_t rx_size)
{
    coc_set_memory(ch, rx, rx_size);
    ch->state = COC_RESPONSE_DUE;
    ch->result = 0;
    coc_mark_signalling(ch);
}

/* The application may decide in the event. */
void coc_await_decision(struct coc *ch)
{
    struct woad *h = ch->c->h;
    ch->state = COC_WAIT_DECISION;
    ch->hidden = false;
    ch->deadline = deadline_in(h, COC_DECISION_MS);
    coc_emit(ch, WOAD_EV_COC_REQUEST, 0);
}

/* Both sides have agreed. */
void coc_opened(struct coc *ch)
{
    ch->state = COC_OPEN;
    ch->deadline = 0;
    if (ch->close_when_open) { /* the peer granted it before it knew of the end */
        ch->state = COC_DISCONNECT_DUE;
        coc_mark_signalling(ch);
    } else {
        coc_emit(ch, WOAD_EV_COC_OPEN, 0);
    }
}

/* Raises WOAD_EV_COC_CLOSED, once.  What was received can still be read from inside it. */
static void coc_emit_ended(struct coc *ch, int status)
{
    bool in_its_event = ch->state == COC_ENDED; /* and woad_fail() was called inside */
    ch->state = COC_ENDED;
    ch->rx_buf = NULL;
    coc_abandon(ch);
    if (!ch->hidden && !in_its_event) {
        coc_emit(ch, WOAD_EV_COC_CLOSED, status);
        ch->hidden = true;
    }
}

/* The channel has ended: the event, then the slot is free. */
void coc_ended(struct coc *ch, int status)
{
    coc_emit_ended(ch, status);
    coc_free(ch);
}

/* No response in time: reports the end, but the channel keeps its identifier for one more time
 * limit, so that a late grant is answered with a disconnection (close_when_open).  At the second
 * time-out (the channel is `hidden` already) it is freed. */
void coc_response_timed_out(struct coc *ch, int status)
{
    bool second_time = ch->hidden;
    coc_emit_ended(ch, status);
    if (second_time || ch->c->state != CONN_OPEN) {
        coc_free(ch);
        return;
    }
    ch->state = COC_WAIT_RESPONSE;
    ch->close_when_open = true;
    ch->deadline = deadline_in(ch->c->h, SIG_TIMEOUT_MS);
}

/* Refuses the peer's request: the slot is free when coc_sig.c has sent the response. */
void coc_refuse(struct coc *ch, uint8_t result)
{
    ch->state = COC_RESPONSE_DUE;
    ch->result = result;
    ch->hidden = true;
    coc_mark_signalling(ch);
}

/* Disconnects a channel; WOAD_EV_COC_CLOSED, with this status, follows when the peer has answered,
 * or is late. */
void coc_fail(struct coc *ch, int status)
{
    LOG(ch->c->h, WOAD_LOG_WARNING, "connection 0x%x: the host closes channel 0x%x: error %d",
        ch->c->number, ch->own[COC_CID], status);
    ch->close_status = status;
    ch->state = COC_DISCONNECT_DUE;
    coc_mark_signalling(ch);
}

static void coc_conn_open(struct conn *c)
{
    *c->coc = (struct coc_conn){ 0 };
}

/* The connection has ended: so have its channels.  coc_ended() takes each off the list. */
static void coc_conn_close(struct conn *c)
{
    while (c->coc->first) {
        struct coc *ch = c->coc->first;
        int status = ch->close_status;
        if (!status) {
            status = WOAD_ENOTCONN;
        }
        coc_ended(ch, status);
    }
}

/* Ends a request that has not been sent; lets a channel open that is about to, and closes it then;
 * refuses the peer's request; disconnects an open channel.  In other states it ends already. */
void coc_close(struct coc *ch, int status)
{
    ch->close_status = status;
    if (ch->state == COC_REQUEST_DUE) {
        if (!status) {
            status = WOAD_ECANCELED;
        }
        coc_ended(ch, status);
    } else if (ch->state == COC_WAIT_RESPONSE || (ch->state == COC_RESPONSE_DUE && !ch->result)) {
        ch->close_when_open = true;
    } else if (ch->state == COC_WAIT_DECISION) {
        coc_refuse(ch, WOAD_COC_NO_RESOURCES);
    } else if (ch->state == COC_OPEN) {
        coc_fail(ch, status);
    }
}

/* Closes the channels that require more security than the connection now has.  A request that waits
 * for a decision is refused, with WOAD_EV_COC_CLOSED.  The events may change the list: it is walked
 * from its beginning after each. */
static void coc_security_lowered(struct conn *c)
{
    struct coc *ch = c->coc->first;
    while (ch) {
        /* close_status WOAD_EACCES: closed here before */
        bool ends = ch->state != COC_ENDED && ch->close_status != WOAD_EACCES && !ch->hidden &&
                    conn_security_error(c, ch->security);
        if (ends) {
            bool undecided = ch->state == COC_WAIT_DECISION;
            if (c->tx_channel == ch) {
                c->tx_tail = NULL; /* the rest of the frame is zeros, not the SDU in the clear */
            }
            ch->last_frame = false; /* the end of this frame raises no WOAD_EV_COC_SENT */
            coc_close(ch, WOAD_EACCES);
            if (undecided) {
                ch->result = WOAD_COC_INSUFFICIENT_ENCRYPTION;
                coc_emit(ch, WOAD_EV_COC_CLOSED, WOAD_EACCES);
            }
        }
        if (ends) {
            ch = c->coc->first;
        } else {
            ch = ch->next;
        }
    }
}

/* The first channel whose request waits for encryption, as coc_require_encryption() (coc_sig.c) has
 * noted; NULL: none. */
static struct coc *coc_awaiting_encryption(const struct conn *c)
{
    struct coc *ch = c->coc->first;
    while (ch && !(ch->state == COC_REQUEST_DUE && ch->awaits_encryption)) {
        ch = ch->next;
    }
    return ch;
}

/* Pairing or encryption, which channel requests wait for, has ended with `status`.  The caller has
 * marked the connection ready. */
static void coc_security_changed(struct conn *c, int status)
{
    struct coc *ch;
    while ((ch = coc_awaiting_encryption(c)) != NULL) {
        ch->awaits_encryption = false;
        if (status) {
            coc_ended(ch, WOAD_EACCES);
        }
    }
    c->coc_sig_pending = true;
}

/* Ends what has timed out, in all states.  Returns ms to the next deadline. */
static uint32_t coc_run_timers(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    struct coc *ch = h->cocs->channels;
    for (size_t n = (size_t)h->cfg.l2cap_channels + h->cfg.att_bearers; n; n--, ch++) {
        uint32_t ms = WOAD_FOREVER;
        if (ch->state != COC_FREE) {
            ms = deadline_left(h, ch->deadline);
        }
        if (ms == 0) {
            conn_mark_ready(ch->c);
            coc_timed_out(ch);
        }
        left = min_u32(left, ms);
    }
    return left;
}

static const struct coc_role coc_role = {
    .rx = coc_rx,
    .rx_too_long = coc_rx_too_long,
    .tx = coc_tx,
    .frame_copied = coc_frame_copied,
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
    if (t) { /* NULL: the memory is only measured, arena.h */
        *t = (struct cocs){ .channels = channels, .psms = psms };
        h->cocs = t;
    }
    h->coc_role = &coc_role;
}

/* The channels have ended with their connections. */
static void coc_reset(struct woad *h)
{
    for (uint8_t n = 0; n < h->cfg.psms; n++) {
        h->cocs->psms[n].psm = 0;
    }
}

void coc_complete_config(struct woad *h, struct woad_config *cfg)
{
    if (!cfg->l2cap_channels) {
        cfg->l2cap_channels = cfg->conns;
    }
    if (!cfg->psms) {
        cfg->psms = WOAD_DEFAULT_PSMS;
    }
    uint32_t channels = (uint32_t)cfg->l2cap_channels + cfg->att_bearers;
    h->sig_queue_size = (uint16_t)SIGNALLING_QUEUE(channels);
    h->rx_frame_max = (uint16_t)min_u32(cfg->mps, COC_MPS_MAX);
}

static const struct woad_needs coc_needs = { .frame_max = COC_MTU_MIN,
                                             .complete_config = coc_complete_config };

const struct woad_feature woad_feature_l2cap_channels = {
    .layout = coc_layout,
    .reset = coc_reset,
    .conn_open = coc_conn_open,
    .conn_close = coc_conn_close,
    .run_timers = coc_run_timers,
    .needs = &coc_needs,
};

/* --- public calls ----------------------------------------------------------------------------- */

static bool params_valid(const struct woad_coc_params *p, bool enhanced)
{
    uint16_t mtu_min = coc_mtu_min(enhanced);
    return p->psm && p->psm <= 0xff && p->mtu >= mtu_min && p->security < 16 &&
           /* security < 16: the four WOAD_COC_… bits */
           (!p->mps || (p->mps >= mtu_min && p->mps <= COC_MPS_MAX));
}

int woad_coc_listen(struct woad *h, const struct woad_coc_params *params)
{
    int err = CALL_ERROR(h, feature_for_call(h, h->cocs), "woad_feature_l2cap_channels");
    if (err) {
        return err;
    }
    if (!params_valid(params, COC_BASIC)) {
        return REFUSED(h, WOAD_EINVAL, "psm 0x%x, mtu %u, mps %u, security %u: one is out of range",
                       params->psm, params->mtu, params->mps, params->security);
    }
    struct woad_coc_params current;
    if (coc_listener(h, params->psm, &current)) {
        return REFUSED(h, WOAD_EALREADY, "PSM 0x%x is listened to", params->psm);
    }
    struct woad_coc_params *slot = coc_psm(h, 0);
    if (!MAY_FAIL(slot != NULL)) {
        return REFUSED(h, WOAD_ENOMEM, "config.psms, %u, are listened to", h->cfg.psms);
    }
    *slot = *params;
    return 0;
}

int woad_coc_stop_listening(struct woad *h, uint16_t psm)
{
    if (!h->cocs) { /* not feature_for_call(): the host may be down */
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_l2cap_channels");
    }
    struct woad_coc_params *slot = NULL;
    if (psm) {
        slot = coc_psm(h, psm);
    }
    if (!slot) {
        return REFUSED(h, WOAD_ENOENT, "PSM 0x%x is not listened to", psm);
    }
    slot->psm = 0;
    return 0;
}

int woad_coc_accept(struct woad *h, uint16_t conn, uint16_t cid, void *rx, size_t rx_size)
{
    struct coc *ch = coc_for_call(h, conn, cid);
    if (!ch || ch->state != COC_WAIT_DECISION) {
        return REFUSED(h, WOAD_ENOENT, "no request of channel 0x%x of connection 0x%x waits", cid,
                       conn);
    }
    if (!rx || rx_size < coc_mtu_min(ch->enhanced)) {
        return REFUSED(h, WOAD_EINVAL, "rx has %u octets: %u or more", (unsigned)rx_size,
                       coc_mtu_min(ch->enhanced));
    }
    coc_accept(ch, rx, rx_size);
    return 0;
}

int woad_coc_refuse(struct woad *h, uint16_t conn, uint16_t cid, uint8_t result)
{
    struct coc *ch = coc_for_call(h, conn, cid);
    if (!ch || ch->state != COC_WAIT_DECISION) {
        return REFUSED(h, WOAD_ENOENT, "no request of channel 0x%x of connection 0x%x waits", cid,
                       conn);
    }
    if (!result || result > WOAD_COC_INVALID_PARAMETERS) {
        return REFUSED(h, WOAD_EINVAL, "result is %u: 1 to 12", result);
    }
    coc_refuse(ch, result);
    return 0;
}

/* Requests n channels, with one identifier: all or none.  rx NULL: ATT bearers', which have memory
 * of their own. */
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
            return REFUSED(h, WOAD_ENOMEM,
                           "config.l2cap_channels, %u, or att_bearers, %u, are in use",
                           h->cfg.l2cap_channels, h->cfg.att_bearers);
        }
    }
    uint8_t id = coc_new_id(c);
    for (size_t m = 0; m < n; m++) {
        made[m]->state = COC_REQUEST_DUE;
        made[m]->initiator = true;
        made[m]->id = id;
        void *memory;
        if (rx) {
            memory = rx[m];
        } else {
            memory = h->eatt_role->memory(made[m], &rx_size);
        }
        coc_set_memory(made[m], memory, rx_size);
        coc_mark_signalling(made[m]);
        cids[m] = made[m]->own[COC_CID];
    }
    return 0;
}

/* 0, or why the application can't request a channel. */
static int coc_may_connect(struct woad *h, uint16_t conn, const struct woad_coc_params *p,
                           size_t rx_size, bool enhanced)
{
    const struct conn *c = conn_for_call(h, conn);
    if (!h->cocs || (enhanced && !h->coc_enhanced)) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE,
                       "woad_feature_l2cap_channels, or _enhanced_channels");
    }
    if (!c || c->state != CONN_OPEN) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    if (!params_valid(p, enhanced) || (p->psm == PSM_EATT && h->eatt_role) ||
        rx_size < coc_mtu_min(enhanced)) {
        return REFUSED(
            h, WOAD_EINVAL,
            "psm 0x%x, mtu %u, mps %u, security %u, %u octets of rx: one is out of range", p->psm,
            p->mtu, p->mps, p->security, (unsigned)rx_size);
    }
    if (conn_security_error(c, p->security)) {
        return REFUSED(h, WOAD_EACCES, "connection 0x%x lacks the security that is required", conn);
    }
    return 0;
}

int woad_coc_connect(struct woad *h, uint16_t conn, const struct woad_coc_params *params, void *rx,
                     size_t rx_size, uint16_t *cid)
{
    int err = coc_may_connect(h, conn, params, rx ? rx_size : 0, COC_BASIC);
    if (err) {
        return err;
    }
    return coc_connect(conn_of(h, conn), params, &rx, rx_size, 1, cid, COC_BASIC);
}

int woad_coc_connect_enhanced(struct woad *h, uint16_t conn, const struct woad_coc_params *params,
                              void *const rx[], size_t rx_size, size_t n, uint16_t cids[])
{
    int err = coc_may_connect(h, conn, params, rx_size, COC_ENHANCED);
    for (size_t m = 0; !err && m < n && m < WOAD_COC_AT_ONCE; m++) {
        if (!rx[m]) {
            err = WOAD_EINVAL;
        }
    }
    if (!err && (!n || n > WOAD_COC_AT_ONCE)) {
        err = WOAD_EINVAL;
    }
    if (err) {
        return err;
    }
    return coc_connect(conn_of(h, conn), params, rx, rx_size, n, cids, COC_ENHANCED);
}

int woad_coc_disconnect(struct woad *h, uint16_t conn, uint16_t cid)
{
    struct coc *ch = coc_for_call(h, conn, cid);
    if (!ch) {
        return REFUSED(h, WOAD_ENOENT, "connection 0x%x has no channel 0x%x", conn, cid);
    }
    if (ch->state == COC_ENDED || ch->state == COC_DISCONNECT_DUE ||
        ch->state == COC_WAIT_DISCONNECTED || ch->close_when_open ||
        (ch->state == COC_RESPONSE_DUE && ch->result)) {
        return REFUSED(h, WOAD_EALREADY, "channel 0x%x is being closed", cid);
    }
    coc_close(ch, 0);
    return 0;
}

int woad_coc_info(const struct woad *h, uint16_t conn, uint16_t cid, struct woad_coc_info *info)
{
    const struct coc *ch = coc_find(h, conn, cid);
    if (!ch) {
        return WOAD_ENOENT;
    }
    *info = (struct woad_coc_info){ .psm = ch->psm,
                                    .mtu = ch->own[COC_MTU],
                                    .peer_mtu = ch->peer[COC_MTU],
                                    .mps = ch->own[COC_MPS],
                                    .peer_mps = ch->peer[COC_MPS],
                                    .credits = ch->peer[COC_CREDITS],
                                    .peer_credits = ch->own[COC_CREDITS],
                                    .open = ch->state == COC_OPEN,
                                    .enhanced = ch->enhanced };
    return 0;
}
