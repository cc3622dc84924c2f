/* Enhanced ATT: bearers over enhanced channels.  Vol 3, Part G, 5.3, 5.4
 *
 * Bearer config.conns + e is channel config.channels + e; nobody but this file sees these channels.
 * A request stays in its channel until the bearer is done with the request before it. */
#include "../base/bytes.h"
#include "../core/clock.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/ready.h"
#include "../core/security.h"
#include "../l2cap/coc.h"
#include "../l2cap/l2cap.h"
#include "att.h"

struct eatt_bearer {
    uint8_t *ring;     /* two PDUs with their lengths */
    uint8_t *in, *out; /* a PDU each */
};

/* What we have asked a peer for. */
struct eatt_conn {
    uint8_t wanted; /* bearers that are asked for, or will be again */
    uint8_t tries;
    bool crossed; /* the peer has asked meanwhile */
    int status;
    uint32_t again_due;
};

struct eatt {
    struct eatt_bearer *bearers;
    struct eatt_conn *conns;
};

ASSERT_SIZE(eatt, WOAD_SIZE_EATT);
ASSERT_SIZE(eatt_bearer, WOAD_SIZE_EATT_BEARER);
ASSERT_SIZE(eatt_conn, WOAD_SIZE_EATT_CONN);

enum { EATT_TRIES = 4, EATT_DELAY_MS = 100 };

static struct eatt_conn *eatt_of(const struct conn *c)
{
    return &c->h->eatt->conns[conn_index(c)];
}

static uint16_t eatt_number(const struct coc *k)
{
    const struct woad *h = k->c->h;
    return (uint16_t)(k - h->cocs->channels - h->cfg.l2cap_channels);
}

static struct att_bearer *bearer_of(const struct coc *k)
{
    const struct woad *h = k->c->h;
    return &h->bearers[h->cfg.conns + eatt_number(k)];
}

static size_t ring_room(const struct woad *h)
{
    return 2 * (h->cfg.mtu + 2u);
}

static uint8_t *eatt_ring(const struct coc *k, size_t *size)
{
    const struct woad *h = k->c->h;
    *size = ring_room(h);
    return h->eatt->bearers[eatt_number(k)].ring;
}

static struct woad_coc_params eatt_params(const struct woad *h)
{
    uint16_t mtu = h->mtu > COC_MTU_MIN_ENHANCED ? h->mtu : (uint16_t)COC_MTU_MIN_ENHANCED;
    return (struct woad_coc_params){ .psm = PSM_EATT, .mtu = mtu, .security = WOAD_COC_ENCRYPTED };
}

/* --- PDUs ------------------------------------------------------------------------------------- */

static bool eatt_busy(const struct att_bearer *b)
{
    const struct woad *h = b->c->h;
    return !h->att_server || h->att_server->busy(b);
}

static void reverse(uint8_t *p, size_t n)
{
    for (uint8_t *q = p + n; n > 1; n -= 2) {
        uint8_t first = *p;
        *p++ = *--q;
        *q = first;
    }
}

/* The first PDU, which is whole, where it lies in the ring: turned until it is in one piece. */
static struct rd eatt_first(struct coc *k)
{
    if (k->ring_head + k->ring_used > k->ring_size) {
        reverse(k->ring, k->ring_head);
        reverse(k->ring + k->ring_head, k->ring_size - k->ring_head);
        reverse(k->ring, k->ring_size);
        k->ring_head = 0;
    }
    const uint8_t *len = k->ring + k->ring_head;
    return rd_of(len + 2, get_le16(len));
}

static void eatt_drop_first(struct coc *k)
{
    uint32_t n = 2u + get_le16(k->ring + k->ring_head);
    k->ring_head += n; /* it is in one piece, so this is the end at most */
    k->ring_used -= n;
    k->ring_head = k->ring_used && k->ring_head < k->ring_size ? k->ring_head : 0;
    k->ring_sdus--;
}

static bool eatt_is_request(const struct rd *pdu)
{
    uint8_t op = pdu->p < pdu->end ? *pdu->p : ATT_CONFIRM;
    return !att_is_for_client(op) && !(op & ATT_OP_COMMAND) && op != ATT_CONFIRM;
}

static bool eatt_has_whole(const struct coc *k)
{
    return k->ring_sdus > 1 || (k->ring_sdus && !k->rx_left);
}

/* A request where there is no server stays in the channel until its refusal may go.  3.4.1.1 */
static bool eatt_tx_refused(struct coc *k, struct wr *out)
{
    if (k->c->h->att_server || k->filling || !eatt_has_whole(k)) {
        return false;
    }
    struct rd in = eatt_first(k);
    if (!eatt_is_request(&in)) {
        return false;
    }
    att_wr_error(out, *in.p, 0, WOAD_ATT_REQUEST_NOT_SUPPORTED);
    eatt_drop_first(k);
    coc_mark_signalling(k);
    return true;
}

/* Whole PDUs, one at a time, though the application pulls packets from inside an event that points
 * into it.  A request waits while the bearer has one, and is copied, since its handles may be read
 * later (Read Multiple).  The rest does not wait: both sides of a bearer ask and answer at once.
 * Vol 3, Part F, 3.3.2 */
static void eatt_read(struct coc *k)
{
    struct woad *h = k->c->h;
    struct att_bearer *b = bearer_of(k);
    struct eatt_bearer *e = &h->eatt->bearers[eatt_number(k)];
    if (k->filling) {
        return;
    }
    k->filling = true;
    while (b->mtu && eatt_has_whole(k)) {
        struct rd in = eatt_first(k);
        bool request = eatt_is_request(&in);
        if (request && eatt_busy(b)) {
            break;
        }
        if (request) {
            size_t len = rd_left(&in);
            memcpy(e->in, in.p, len);
            in = rd_of(e->in, len);
            eatt_drop_first(k);
        }
        att_rx(b, &in);
        if (!request) {
            eatt_drop_first(k);
        }
        coc_mark_signalling(k);
    }
    k->filling = false;
}

static struct coc *eatt_channel(const struct woad *h, uint16_t e)
{
    return &h->cocs->channels[h->cfg.l2cap_channels + e];
}

/* Octets of a PDU that the credits of now are enough for; 0: it is not open. */
static uint32_t eatt_at_once(const struct coc *k)
{
    uint32_t n = (uint32_t)k->peer[COC_CREDITS] * k->peer[COC_MPS];
    return k->state == COC_OPEN && n > 2 ? min_u32(n - 2, bearer_of(k)->mtu) : 0;
}

/* Whether the first of the queue goes here: all its frames have a credit, so that it is not in the
 * way of those behind it; or no other bearer has more to give, and it begins with what there is.
 * A peer may give one credit at a time.  Vol 3, Part A, 10.1 */
static bool eatt_queue_fits(const struct coc *k)
{
    const struct conn *c = k->c;
    const struct woad *h = c->h;
    const uint8_t *pdu = fifo_first(&c->queue);
    uint32_t len = pdu ? min_u32(fifo_len(pdu), bearer_of(k)->mtu) : 0;
    if (eatt_at_once(k) >= len) {
        return pdu != NULL;
    }
    uint32_t most = c->bearer->mtu;
    for (uint16_t e = 0; e < h->cfg.att_bearers; e++) {
        const struct coc *other = eatt_channel(h, e);
        uint32_t its = other->c == c ? eatt_at_once(other) : 0;
        most = its > most ? its : most;
    }
    return len > most;
}

/* The bearer may send: what came and waited is taken up, then an answer, a request, or the first
 * of the queue.  What is queued is sent whole before the next of it goes elsewhere, so that it
 * comes in order. */
static bool eatt_fill(struct coc *k)
{
    struct woad *h = k->c->h;
    struct att_bearer *b = bearer_of(k);
    struct eatt_bearer *e = &h->eatt->bearers[eatt_number(k)];
    eatt_read(k);
    struct wr out = wr_of(e->out, b->mtu);
    if (!k->peer[COC_CREDITS] || k->state != COC_OPEN || !b->mtu) {
        return false;
    }
    if (!eatt_tx_refused(k, &out) && !att_tx(b, &out)) {
        if (!eatt_queue_fits(k) || !att_tx_queue(b, &out)) {
            return false;
        }
        k->c->queue_bearer = (uint16_t)(b - h->bearers);
    }
    coc_send_sdu(k, e->out, wr_len(&out));
    return true;
}

static void eatt_data(struct coc *k, enum woad_event_type type)
{
    struct conn *c = k->c;
    if (type == WOAD_EV_COC_DATA) {
        eatt_read(k);
    } else if (c->queue_bearer == bearer_of(k) - c->h->bearers) {
        c->queue_bearer = 0;
    }
}

/* --- bearers come and go ---------------------------------------------------------------------- */

static uint8_t eatt_open_now(const struct conn *c)
{
    const struct woad *h = c->h;
    uint8_t n = 0;
    for (const struct att_bearer *b = h->bearers + h->cfg.conns; b < h->bearers_end; b++) {
        n = (uint8_t)(n + (b->mtu && b->c == c));
    }
    return n;
}

static void eatt_tell(struct conn *c, int status)
{
    struct woad_event ev;
    ev.u.att_bearers.open = eatt_open_now(c);
    ev.u.att_bearers.status = status;
    emit_of(c, WOAD_EV_ATT_BEARERS, &ev);
}

static bool eatt_asks(const struct conn *c)
{
    const struct woad *h = c->h;
    for (uint16_t e = 0; e < h->cfg.att_bearers; e++) {
        const struct coc *k = eatt_channel(h, e);
        if (k->c == c && k->initiator && !k->closed_emitted &&
            (k->state == COC_REQUEST_DUE || k->state == COC_WAIT_RESPONSE)) {
            return true;
        }
    }
    return false;
}

/* Both have asked at once, and there was no room for both: the central may ask again at once, the
 * peripheral waits for the longer of 100 ms and twice the time in which it must be heard.  5.4 */
static void eatt_again(struct conn *c)
{
    struct eatt_conn *e = eatt_of(c);
    uint32_t ms = 2u * (c->current[CURRENT_LATENCY] + 1u) * c->current[CURRENT_INTERVAL] * 5 / 4;
    ms = ms > EATT_DELAY_MS ? ms : EATT_DELAY_MS;
    e->again_due = deadline_in(c->h, c->central ? 1 : ms + 1);
    e->tries++;
}

/* What we have asked for ends: some, or all, of it was refused. */
static void eatt_give_up(struct conn *c, int status)
{
    struct eatt_conn *e = eatt_of(c);
    e->wanted = 0;
    e->again_due = 0;
    eatt_tell(c, status);
}

/* The peer has answered for one of those we have asked for; perhaps it was the last. */
static void eatt_answered(struct conn *c)
{
    struct eatt_conn *e = eatt_of(c);
    if (!e->wanted || eatt_asks(c)) {
        return;
    }
    if (e->crossed && e->status == WOAD_COC_NO_RESOURCES && e->tries < EATT_TRIES) {
        eatt_again(c);
    } else {
        eatt_give_up(c, e->status);
    }
}

static uint16_t eatt_mtu(const struct coc *k)
{
    return (uint16_t)min_u32(k->own[COC_MTU], k->peer[COC_MTU]);
}

static void eatt_opened(struct coc *k)
{
    struct conn *c = k->c;
    struct eatt_conn *e = eatt_of(c);
    bool ours = k->initiator && e->wanted;
    att_open(bearer_of(k), c, eatt_mtu(k));
    c->coc->bearers++;
    e->wanted = (uint8_t)(e->wanted - (ours ? 1 : 0));
    eatt_tell(c, 0);
    if (ours) {
        eatt_answered(c);
    }
}

static void eatt_ended(struct coc *k, int status)
{
    struct att_bearer *b = bearer_of(k);
    struct conn *c = k->c;
    struct eatt_conn *e = eatt_of(c);
    if (b->mtu) {
        c->queue_bearer = c->queue_bearer == b - c->h->bearers ? 0 : c->queue_bearer;
        c->coc->bearers--;
        att_close(b, WOAD_ENOTCONN);
        if (c->state == CONN_OPEN && !c->packets_in_controller && !c->tx_left) {
            att_completed(c); /* no packet follows that would tell of it */
        }
        eatt_tell(c, status);
        return;
    }
    e->status = k->initiator && status ? status : e->status;
    if (k->initiator) {
        eatt_answered(c);
    }
}

static void eatt_event(struct coc *k, enum woad_event_type type, int status)
{
    if (type == WOAD_EV_COC_REQUEST) {
        size_t size;
        uint8_t *ring = eatt_ring(k, &size);
        coc_accept(k, ring, size);
    } else if (type == WOAD_EV_COC_OPEN) {
        eatt_opened(k);
    } else if (type == WOAD_EV_COC_CHANGED && bearer_of(k)->mtu) {
        bearer_of(k)->mtu = eatt_mtu(k); /* the peer takes more now.  Part G, 5.3.1 */
    } else if (type == WOAD_EV_COC_CLOSED) {
        eatt_ended(k, status);
    }
}

static void eatt_asked(struct conn *c)
{
    eatt_of(c)->crossed = eatt_of(c)->crossed || eatt_asks(c);
}

static void eatt_timed_out(struct att_bearer *b)
{
    struct woad *h = b->c->h;
    struct coc *k = eatt_channel(h, (uint16_t)(b - h->bearers - h->cfg.conns));
    if (k->state == COC_OPEN) {
        coc_fail(k, WOAD_ETIMEDOUT);
    }
}

/* A value may go by any bearer on which there is room for it. */
static uint16_t eatt_max_mtu(const struct conn *c)
{
    const struct woad *h = c->h;
    uint16_t most = 0;
    for (const struct att_bearer *b = h->bearers; b < h->bearers_end; b++) {
        if (b->c == c && b->mtu > most) {
            most = b->mtu;
        }
    }
    return most;
}

static int eatt_request(const struct att_bearer *b)
{
    const struct woad *h = b->c->h;
    return (int)(b - h->bearers) - h->cfg.conns + 1;
}

static const struct eatt_role eatt_role = {
    .params = eatt_params,
    .peer_requested = eatt_asked,
    .memory = eatt_ring,
    .load_pdu = eatt_fill,
    .data = eatt_data,
    .event = eatt_event,
    .timed_out = eatt_timed_out,
    .max_mtu = eatt_max_mtu,
    .request = eatt_request,
};

/* --- the feature ------------------------------------------------------------------------------ */

static void eatt_layout(struct woad *h)
{
    struct eatt *t = arena_alloc(h, 1, sizeof *t);
    uint8_t n = h->cfg.att_bearers;
    struct eatt_bearer *bearers = arena_alloc(h, n, sizeof *bearers);
    struct eatt_conn *conns = arena_alloc(h, h->cfg.conns, sizeof *conns);
    arena_alloc_slots(h, n, ring_room(h), ARENA_SLOT(bearers, ring));
    arena_alloc_slots(h, n, h->cfg.mtu, ARENA_SLOT(bearers, in));
    arena_alloc_slots(h, n, h->cfg.mtu, ARENA_SLOT(bearers, out));
    if (t) {
        *t = (struct eatt){ bearers, conns };
        h->eatt = t;
    }
    h->eatt_role = h->coc_enhanced ? &eatt_role : NULL;
    h->client_features = h->eatt_role ? &gatts_features_eatt : &gatts_features;
}

static void eatt_conn_open(struct conn *c)
{
    *eatt_of(c) = (struct eatt_conn){ 0 };
}

static void eatt_conn_close(struct conn *c)
{
    if (eatt_of(c)->wanted) {
        eatt_give_up(c, WOAD_ENOTCONN);
    }
}

/* The wish, as far as there are free places for it: the peer's own bearers serve as well.  The
 * connection may be less secure by now than it was when the application asked. */
static void eatt_ask(struct conn *c)
{
    struct eatt_conn *e = eatt_of(c);
    const struct woad_coc_params p = eatt_params(c->h);
    uint16_t cids[WOAD_COC_AT_ONCE];
    int err = conn_security_error(c, p.security) ? WOAD_EACCES : WOAD_ENOMEM;
    conn_mark_ready(c);
    e->again_due = 0;
    e->crossed = false;
    e->status = err == WOAD_EACCES ? err : e->status;
    for (; e->wanted && err == WOAD_ENOMEM; e->wanted--) {
        err = coc_connect(c, &p, NULL, 0, e->wanted, cids, true);
        if (!err) {
            return;
        }
    }
    eatt_give_up(c, e->status);
}

static uint32_t eatt_run_timers(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        uint32_t mine = deadline_left(h, eatt_of(c)->again_due);
        if (mine == 0) {
            eatt_ask(c);
        }
        left = min_u32(left, mine);
    }
    return left;
}

const struct woad_feature woad_feature_eatt = {
    .layout = eatt_layout,
    .conn_open = eatt_conn_open,
    .conn_close = eatt_conn_close,
    .run_timers = eatt_run_timers,
};

int woad_eatt_open(struct woad *h, uint16_t conn, uint8_t n)
{
    uint16_t cids[WOAD_COC_AT_ONCE];
    struct conn *c = conn_for_call(h, conn);
    if (!h->eatt_role) {
        return WOAD_ENOTSUP;
    }
    if (!c || c->state != CONN_OPEN) {
        return WOAD_ENOTCONN;
    }
    if (!n || n > WOAD_COC_AT_ONCE) {
        return WOAD_EINVAL;
    }
    if (conn_security_error(c, WOAD_COC_ENCRYPTED)) {
        return WOAD_EACCES;
    }
    if (eatt_of(c)->wanted) {
        return WOAD_EALREADY;
    }
    const struct woad_coc_params p = eatt_params(h);
    int err = coc_connect(c, &p, NULL, 0, n, cids, true);
    if (!err) {
        *eatt_of(c) = (struct eatt_conn){ .wanted = n };
    }
    return err;
}

int woad_eatt_close(struct woad *h, uint16_t conn)
{
    struct conn *c = conn_for_call(h, conn);
    if (!h->eatt_role) {
        return WOAD_ENOTSUP;
    }
    if (!c) {
        return WOAD_ENOTCONN;
    }
    eatt_of(c)->tries = EATT_TRIES; /* what is refused is not asked for again */
    if (eatt_of(c)->again_due) {
        eatt_give_up(c, WOAD_ECANCELED);
    }
    for (uint16_t e = 0; e < h->cfg.att_bearers; e++) {
        struct coc *k = eatt_channel(h, e);
        if (k->state != COC_FREE && k->state != COC_ENDED && !k->closed_emitted && k->c == c) {
            coc_close(k, bearer_of(k)->mtu ? 0 : WOAD_ECANCELED);
        }
    }
    return 0;
}
