/* Enhanced ATT: bearers over enhanced channels.  Vol 3, Part G, 5.3, 5.4
 *
 * Bearer config.conns + e is channel config.channels + e; nobody but this file sees these channels.
 * A PDU that has come stays in its channel until the bearer is done with the request before it. */
#include "coc.h"

struct eatt_bearer {
    uint8_t *ring;                       /* two PDUs with their lengths */
    uint8_t *in, *out;                   /* a PDU each */
};

/* What we have asked a peer for. */
struct eatt_conn {
    uint8_t wanted;                      /* bearers that are asked for, or will be again */
    uint8_t tries;
    bool crossed;                        /* the peer has asked meanwhile */
    int status;
    uint32_t again_due;
};

struct eatt { struct eatt_bearer *bearers; struct eatt_conn *conns; };

HOLD_SIZE(eatt, WOAD_SIZE_EATT);
HOLD_SIZE(eatt_bearer, WOAD_SIZE_EATT_BEARER);
HOLD_SIZE(eatt_conn, WOAD_SIZE_EATT_CONN);

enum { EATT_TRIES = 4, EATT_DELAY_MS = 100 };

static struct eatt_conn *eatt_of(const struct conn *c)
{
    return &c->h->eatt->conns[conn_index(c)];
}

static uint16_t eatt_number(const struct coc *k)
{
    const struct woad *h = k->c->h;
    return (uint16_t)(k - h->cocs->channels - h->cfg.channels);
}

static struct att_bearer *bearer_of(const struct coc *k)
{
    const struct woad *h = k->c->h;
    return &h->bearers[h->cfg.conns + eatt_number(k)];
}

static size_t ring_room(const struct woad *h) { return 2 * (h->cfg.mtu + 2u); }

static uint8_t *eatt_ring(const struct coc *k, size_t *size)
{
    const struct woad *h = k->c->h;
    *size = ring_room(h);
    return h->eatt->bearers[eatt_number(k)].ring;
}

static struct woad_coc_params eatt_params(const struct woad *h)
{
    uint16_t mtu = h->mtu > COC_LEAST_ENHANCED ? h->mtu : (uint16_t)COC_LEAST_ENHANCED;
    return (struct woad_coc_params){ .psm = PSM_EATT, .mtu = mtu, .security = WOAD_COC_ENCRYPTED };
}

/* --- PDUs ------------------------------------------------------------------------------------- */

static bool eatt_busy(const struct att_bearer *b)
{
    const struct woad *h = b->c->h;
    return h->att_server && h->att_server->busy(b);
}

/* Whole PDUs, as long as the bearer takes them; one at a time, though the application pulls packets
 * from inside an event that points into it. */
static void eatt_read(struct coc *k)
{
    struct woad *h = k->c->h;
    struct att_bearer *b = bearer_of(k);
    struct eatt_bearer *e = &h->eatt->bearers[eatt_number(k)];
    if (k->filling) {
        return;
    }
    k->filling = true;
    while (b->mtu && !eatt_busy(b) && (k->sdus > 1 || (k->sdus && !k->rx_left))) {
        bool end;
        size_t len = coc_take_read(k, e->in, h->cfg.mtu, &end);
        struct rd in = rd_of(e->in, len);
        coc_wants(k);
        att_rx(b, &in);
    }
    k->filling = false;
}

/* Whether all frames of the first of the queue have a credit: so that it is not in the way of
 * those behind it. */
static bool eatt_queue_fits(const struct coc *k)
{
    const struct fifo *q = &k->c->queue;
    const uint8_t *pdu = fifo_first(q);
    return pdu && (uint32_t)k->peer[COC_CREDITS] * k->peer[COC_MPS] >= fifo_len(pdu) + 2u;
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
    if (!att_tx(b, &out)) {
        if (!eatt_queue_fits(k) || !att_tx_queue(b, &out)) {
            return false;
        }
        k->c->queue_on = (uint16_t)(b - h->bearers);
    }
    coc_begin(k, e->out, wr_len(&out));
    return true;
}

static void eatt_data(struct coc *k, enum woad_event_type type)
{
    struct conn *c = k->c;
    if (type == WOAD_EV_COC_DATA) {
        eatt_read(k);
    } else if (c->queue_on == bearer_of(k) - c->h->bearers) {
        c->queue_on = 0;
    }
}

/* --- bearers come and go ---------------------------------------------------------------------- */

static uint8_t eatt_open_now(const struct conn *c)
{
    const struct woad *h = c->h;
    uint8_t n = 0;
    for (const struct att_bearer *b = h->bearers + h->cfg.conns; b < att_bearers_end(h); b++) {
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
        const struct coc *k = &h->cocs->channels[h->cfg.channels + e];
        if (k->c == c && k->ours && (k->state == COC_WANTS || k->state == COC_WAIT_ANSWER)) {
            return true;
        }
    }
    return false;
}

static void eatt_opened(struct coc *k)
{
    struct eatt_conn *e = eatt_of(k->c);
    att_open(bearer_of(k), k->c, (uint16_t)least(k->own[COC_MTU], k->peer[COC_MTU]));
    k->c->cocs->bearers++;
    e->wanted = (uint8_t)(e->wanted - (k->ours && e->wanted ? 1 : 0));
    eatt_tell(k->c, 0);
}

/* Both have asked at once, and there was no room for both: the central may ask again at once, the
 * peripheral waits for the longer of 100 ms and twice the time in which it must be heard.  5.4 */
static void eatt_again(struct conn *c)
{
    struct eatt_conn *e = eatt_of(c);
    uint32_t ms = 2u * (c->now[NOW_LATENCY] + 1u) * c->now[NOW_INTERVAL] * 5 / 4;
    ms = ms > EATT_DELAY_MS ? ms : EATT_DELAY_MS;
    e->again_due = deadline_in(c->h->now, c->central ? 1 : ms + 1);
    e->tries++;
}

static void eatt_ended(struct coc *k, int status)
{
    struct att_bearer *b = bearer_of(k);
    struct conn *c = k->c;
    struct eatt_conn *e = eatt_of(c);
    if (b->mtu) {
        c->queue_on = c->queue_on == b - c->h->bearers ? 0 : c->queue_on;
        c->cocs->bearers--;
        att_close(b, WOAD_ENOTCONN);
        eatt_tell(c, status);
        return;
    }
    e->status = k->ours && status ? status : e->status;
    if (!k->ours || !e->wanted || eatt_asks(c)) {
        return;
    }
    if (e->crossed && e->status == WOAD_COC_NO_RESOURCES && e->tries < EATT_TRIES) {
        eatt_again(c);
    } else {
        e->wanted = 0;
        eatt_tell(c, e->status);
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
    struct coc *k = &h->cocs->channels[h->cfg.channels + (b - h->bearers) - h->cfg.conns];
    if (k->state == COC_OPEN) {
        coc_fail(k, WOAD_ETIMEDOUT);
    }
}

static const struct eatt_role eatt_role = {
    .params = eatt_params, .asked = eatt_asked, .ring = eatt_ring, .fill = eatt_fill,
    .data = eatt_data,
    .event = eatt_event, .timed_out = eatt_timed_out,
};

/* --- the feature ------------------------------------------------------------------------------ */

static void eatt_carve(struct woad *h)
{
    struct eatt *t = arena_take(h, 1, sizeof *t);
    uint8_t n = h->cfg.att_bearers;
    struct eatt_bearer *bearers = arena_take(h, n, sizeof *bearers);
    struct eatt_conn *conns = arena_take(h, h->cfg.conns, sizeof *conns);
    arena_each(h, n, ring_room(h), EACH(bearers, ring));
    arena_each(h, n, h->cfg.mtu, EACH(bearers, in));
    arena_each(h, n, h->cfg.mtu, EACH(bearers, out));
    if (t) {
        *t = (struct eatt){ bearers, conns };
        h->eatt = t;
    }
    h->eatt_role = h->coc_enhanced ? &eatt_role : NULL;
    h->client_features = true;
}

static void eatt_conn_anew(struct conn *c)
{
    *eatt_of(c) = (struct eatt_conn){ 0 };
}

/* The wish, as far as there are free places for it: the peer's own bearers serve as well. */
static void eatt_ask(struct conn *c)
{
    struct eatt_conn *e = eatt_of(c);
    const struct woad_coc_params p = eatt_params(c->h);
    uint16_t cids[WOAD_COC_AT_ONCE];
    int err = WOAD_ENOMEM;
    stir_conn(c);
    e->again_due = 0;
    e->crossed = false;
    for (; e->wanted && err == WOAD_ENOMEM; e->wanted--) {
        err = coc_connect(c, &p, NULL, 0, e->wanted, cids, true);
        if (!err) {
            return;
        }
    }
    e->wanted = 0;
    eatt_tell(c, e->status);
}

static uint32_t eatt_due(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (struct conn *c = h->conns; c < conns_end(h); c++) {
        uint32_t mine = deadline_left(eatt_of(c)->again_due, h->now);
        if (mine == 0) {
            eatt_ask(c);
        } else {
            left = least(left, mine);
        }
    }
    return left;
}

const struct woad_feature woad_eatt = {
    .carve = eatt_carve,
    .conn_open = eatt_conn_anew,
    .conn_close = eatt_conn_anew,
    .due = eatt_due,
};

int woad_eatt_open(struct woad *h, uint16_t conn, uint8_t n)
{
    uint16_t cids[WOAD_COC_AT_ONCE];
    struct conn *c = conn_asked(h, conn);
    if (!h->eatt_role) {
        return WOAD_ENOTSUP;
    }
    if (!c || c->state != CONN_OPEN) {
        return WOAD_ENOTCONN;
    }
    if (!n || n > WOAD_COC_AT_ONCE) {
        return WOAD_EINVAL;
    }
    if (conn_lacks(c, WOAD_COC_ENCRYPTED)) {
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
    const struct conn *c = conn_asked(h, conn);
    if (!h->eatt_role) {
        return WOAD_ENOTSUP;
    }
    if (!c) {
        return WOAD_ENOTCONN;
    }
    eatt_of(c)->wanted = 0;
    eatt_of(c)->again_due = 0;
    for (uint16_t e = 0; e < h->cfg.att_bearers; e++) {
        struct coc *k = &h->cocs->channels[h->cfg.channels + e];
        if (k->state != COC_FREE && k->state != COC_ENDING && k->c == c) {
            coc_end(k, 0);
        }
    }
    return 0;
}
