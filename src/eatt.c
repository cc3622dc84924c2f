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

static uint16_t eatt_number(const struct woad *h, const struct coc *k)
{
    return (uint16_t)(k - h->cocs->channels - h->cfg.channels);
}

static uint16_t bearer_of(const struct woad *h, const struct coc *k)
{
    return (uint16_t)(h->cfg.conns + eatt_number(h, k));
}

static size_t ring_room(const struct woad *h) { return 2 * (h->cfg.mtu + 2u); }

static uint8_t *eatt_ring(const struct woad *h, const struct coc *k, size_t *size)
{
    *size = ring_room(h);
    return h->eatt->bearers[eatt_number(h, k)].ring;
}

static struct woad_coc_params eatt_params(const struct woad *h)
{
    uint16_t mtu = h->mtu > COC_LEAST_ENHANCED ? h->mtu : (uint16_t)COC_LEAST_ENHANCED;
    return (struct woad_coc_params){ .psm = PSM_EATT, .mtu = mtu, .security = WOAD_COC_ENCRYPTED };
}

/* --- PDUs ------------------------------------------------------------------------------------- */

static bool eatt_busy(const struct woad *h, uint16_t b)
{
    return h->att_server && h->att_server->busy(h, b);
}

/* Whole PDUs, as long as the bearer takes them; one at a time, though the application pulls packets
 * from inside an event that points into it. */
static void eatt_read(struct woad *h, struct coc *k)
{
    uint16_t b = bearer_of(h, k);
    struct eatt_bearer *e = &h->eatt->bearers[eatt_number(h, k)];
    if (k->filling) {
        return;
    }
    k->filling = true;
    while (h->bearers[b].mtu && !eatt_busy(h, b) && (k->sdus > 1 || (k->sdus && !k->rx_left))) {
        bool end;
        size_t len = coc_take_read(k, e->in, h->cfg.mtu, &end);
        struct rd in = rd_of(e->in, len);
        coc_wants(h, k);
        att_rx(h, b, &in);
    }
    k->filling = false;
}

/* Whether all frames of the first of the queue have a credit: so that it is not in the way of
 * those behind it. */
static bool eatt_queue_fits(const struct woad *h, const struct coc *k)
{
    const struct fifo *q = &h->conns[k->conn].queue;
    uint32_t octets = fifo_front(q) + 2u;
    return fifo_front(q) && (uint32_t)k->tx_credits * k->peer_mps >= octets;
}

/* The bearer may send: what came and waited is taken up, then an answer, a request, or the first
 * of the queue.  What is queued is sent whole before the next of it goes elsewhere, so that it
 * comes in order. */
static bool eatt_fill(struct woad *h, struct coc *k)
{
    uint16_t b = bearer_of(h, k);
    struct eatt_bearer *e = &h->eatt->bearers[eatt_number(h, k)];
    eatt_read(h, k);
    struct wr out = wr_of(e->out, h->bearers[b].mtu);
    if (!k->tx_credits || k->state != COC_OPEN || !h->bearers[b].mtu) {
        return false;
    }
    if (!att_tx(h, b, &out)) {
        if (!eatt_queue_fits(h, k) || !att_tx_queue(h, b, &out)) {
            return false;
        }
        h->conns[k->conn].queue_on = (uint16_t)(b + 1);
    }
    coc_begin(h, k, e->out, wr_len(&out));
    return true;
}

static void eatt_data(struct woad *h, struct coc *k, enum woad_event_type type)
{
    struct conn *c = &h->conns[k->conn];
    if (type == WOAD_EV_COC_DATA) {
        eatt_read(h, k);
    } else if (c->queue_on == bearer_of(h, k) + 1) {
        c->queue_on = 0;
    }
}

/* --- bearers come and go ---------------------------------------------------------------------- */

static uint8_t eatt_open_now(const struct woad *h, uint16_t i)
{
    uint8_t n = 0;
    for (uint16_t b = h->cfg.conns; b < att_bearers(h); b++) {
        n = (uint8_t)(n + (h->bearers[b].mtu && h->bearers[b].conn == i));
    }
    return n;
}

static void eatt_tell(struct woad *h, uint16_t i, int status)
{
    struct woad_event ev = { .type = WOAD_EV_ATT_BEARERS, .conn = conn_number(h, i),
                             .u.att_bearers = { eatt_open_now(h, i), status } };
    emit(h, &ev);
}

static bool eatt_asks(const struct woad *h, uint16_t i)
{
    for (uint16_t e = 0; e < h->cfg.att_bearers; e++) {
        const struct coc *k = &h->cocs->channels[h->cfg.channels + e];
        if (k->conn == i && k->ours && (k->state == COC_WANTS || k->state == COC_WAIT_ANSWER)) {
            return true;
        }
    }
    return false;
}

static void eatt_opened(struct woad *h, struct coc *k)
{
    struct eatt_conn *c = &h->eatt->conns[k->conn];
    uint16_t b = bearer_of(h, k), mtu = k->mtu < k->peer_mtu ? k->mtu : k->peer_mtu;
    att_open(h, b, k->conn, mtu);
    h->cocs->conns[k->conn].bearers++;
    c->wanted = (uint8_t)(c->wanted - (k->ours && c->wanted ? 1 : 0));
    eatt_tell(h, k->conn, 0);
}

/* Both have asked at once, and there was no room for both: the central may ask again at once, the
 * peripheral waits for the longer of 100 ms and twice the time in which it must be heard.  5.4 */
static void eatt_again(struct woad *h, uint16_t i)
{
    struct eatt_conn *c = &h->eatt->conns[i];
    const struct conn *link = &h->conns[i];
    uint32_t ms = 2u * (link->latency + 1u) * link->interval * 5 / 4;
    ms = ms > EATT_DELAY_MS ? ms : EATT_DELAY_MS;
    c->again_due = deadline_in(h->now, link->central ? 1 : ms + 1);
    c->tries++;
}

static void eatt_ended(struct woad *h, struct coc *k, int status)
{
    uint16_t b = bearer_of(h, k), i = k->conn;
    struct eatt_conn *c = &h->eatt->conns[i];
    if (h->bearers[b].mtu) {
        h->conns[i].queue_on = h->conns[i].queue_on == b + 1 ? 0 : h->conns[i].queue_on;
        h->cocs->conns[i].bearers--;
        att_close(h, b, WOAD_ENOTCONN);
        eatt_tell(h, i, status);
        return;
    }
    c->status = k->ours && status ? status : c->status;
    if (!k->ours || !c->wanted || eatt_asks(h, i)) {
        return;
    }
    if (c->crossed && c->status == WOAD_COC_NO_RESOURCES && c->tries < EATT_TRIES) {
        eatt_again(h, i);
    } else {
        c->wanted = 0;
        eatt_tell(h, i, c->status);
    }
}

static void eatt_event(struct woad *h, struct coc *k, enum woad_event_type type, int status)
{
    if (type == WOAD_EV_COC_REQUEST) {
        size_t size;
        uint8_t *ring = eatt_ring(h, k, &size);
        coc_accept(h, k, ring, size);
    } else if (type == WOAD_EV_COC_OPEN) {
        eatt_opened(h, k);
    } else if (type == WOAD_EV_COC_CLOSED) {
        eatt_ended(h, k, status);
    }
}

static void eatt_asked(struct woad *h, uint16_t i)
{
    h->eatt->conns[i].crossed = h->eatt->conns[i].crossed || eatt_asks(h, i);
}

static void eatt_timed_out(struct woad *h, uint16_t b)
{
    struct coc *k = &h->cocs->channels[h->cfg.channels + b - h->cfg.conns];
    if (k->state == COC_OPEN) {
        coc_fail(h, k, WOAD_ETIMEDOUT);
    }
}

static const struct eatt_role eatt_role = {
    .params = eatt_params, .asked = eatt_asked, .ring = eatt_ring, .fill = eatt_fill,
    .data = eatt_data,
    .event = eatt_event, .timed_out = eatt_timed_out,
};

/* --- the feature ------------------------------------------------------------------------------ */

static void eatt_carve(struct woad *h, struct arena *a)
{
    struct eatt *t = arena_take(a, 1, sizeof *t);
    struct eatt_bearer *bearers = arena_take(a, h->cfg.att_bearers, sizeof *bearers);
    struct eatt_conn *conns = arena_take(a, h->cfg.conns, sizeof *conns);
    for (uint16_t e = 0; e < h->cfg.att_bearers; e++) {
        uint8_t *ring = arena_take(a, 1, ring_room(h));
        uint8_t *in = arena_take(a, 1, h->cfg.mtu), *out = arena_take(a, 1, h->cfg.mtu);
        if (bearers) {
            bearers[e] = (struct eatt_bearer){ ring, in, out };
        }
    }
    if (t) {
        *t = (struct eatt){ bearers, conns };
        h->eatt = t;
    }
    h->eatt_role = h->coc_enhanced ? &eatt_role : NULL;
    h->client_features = true;
}

static void eatt_conn_open(struct woad *h, uint16_t i)
{
    h->eatt->conns[i] = (struct eatt_conn){ 0 };
}

static void eatt_conn_close(struct woad *h, uint16_t i)
{
    h->eatt->conns[i] = (struct eatt_conn){ 0 };
}

/* The wish, as far as there are free places for it: the peer's own bearers serve as well. */
static void eatt_ask(struct woad *h, uint16_t i)
{
    stir_conn(h, i);
    struct eatt_conn *c = &h->eatt->conns[i];
    const struct woad_coc_params p = eatt_params(h);
    uint16_t cids[WOAD_COC_AT_ONCE];
    int err = WOAD_ENOMEM;
    c->again_due = 0;
    c->crossed = false;
    for (; c->wanted && err == WOAD_ENOMEM; c->wanted--) {
        err = coc_connect(h, i, &p, NULL, 0, c->wanted, cids, true);
        if (!err) {
            return;
        }
    }
    c->wanted = 0;
    eatt_tell(h, i, c->status);
}

static uint32_t eatt_due(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        uint32_t mine = deadline_left(h->eatt->conns[i].again_due, h->now);
        if (mine == 0) {
            eatt_ask(h, i);
        } else {
            left = least(left, mine);
        }
    }
    return left;
}

const struct woad_feature woad_eatt = {
    .carve = eatt_carve,
    .conn_open = eatt_conn_open,
    .conn_close = eatt_conn_close,
    .due = eatt_due,
};

int woad_eatt_open(struct woad *h, uint16_t conn, uint8_t n)
{
    uint16_t i, cids[WOAD_COC_AT_ONCE];
    const struct conn *c = conn_asked(h, conn, &i);
    if (!h->eatt_role) {
        return WOAD_ENOTSUP;
    }
    if (!c || c->state != CONN_OPEN) {
        return WOAD_ENOTCONN;
    }
    if (!n || n > WOAD_COC_AT_ONCE) {
        return WOAD_EINVAL;
    }
    if (conn_lacks(h, i, WOAD_COC_ENCRYPTED)) {
        return WOAD_EACCES;
    }
    if (h->eatt->conns[i].wanted) {
        return WOAD_EALREADY;
    }
    const struct woad_coc_params p = eatt_params(h);
    int err = coc_connect(h, i, &p, NULL, 0, n, cids, true);
    if (!err) {
        h->eatt->conns[i] = (struct eatt_conn){ .wanted = n };
    }
    return err;
}

int woad_eatt_close(struct woad *h, uint16_t conn)
{
    uint16_t i;
    if (!h->eatt_role) {
        return WOAD_ENOTSUP;
    }
    if (!conn_asked(h, conn, &i)) {
        return WOAD_ENOTCONN;
    }
    h->eatt->conns[i].wanted = 0;
    h->eatt->conns[i].again_due = 0;
    for (uint16_t e = 0; e < h->cfg.att_bearers; e++) {
        struct coc *k = &h->cocs->channels[h->cfg.channels + e];
        if (k->state != COC_FREE && k->state != COC_ENDING && k->conn == i) {
            coc_end(h, k, 0);
        }
    }
    return 0;
}
