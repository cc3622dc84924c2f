/* Enhanced ATT: bearers over enhanced credit-based channels.  Vol 3, Part G, 5.3, 5.4
 *
 * Bearer config.conns + e uses channel config.l2cap_channels + e; the application never sees these
 * channels.  The channels (src/l2cap/coc*.c) and ATT (att.c) call this file through struct
 * eatt_role. A received request stays in its channel's ring until the bearer has answered the
 * request before it.  c->queue_bearer is the bearer that sends the first PDU of the connection's
 * queue; 0: none.
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   b: an ATT bearer (att/att.h)
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   arena_alloc_slots(): an array; the address of each element goes into ARENA_SLOT
 *   ARENA_SLOT: a field of an array of structs, where addresses go (core/arena.h)
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   att_bearer: a bearer of ATT: a connection's fixed channel, or one of Enhanced ATT: att.h
 *   att_check_tx_done(): raises WOAD_EV_TX_DONE, if it is wanted and everything has left
 *   att_close(): ends the bearer's indication, procedure and request, with their events
 *   ATT_CONFIRM: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   att_is_for_client(): the PDU is for the client: a response, a notification, an indication
 *   ATT_OP_COMMAND: bit of an opcode: the PDU has no response
 *   att_open(): a bearer begins on a connection, with this ATT_MTU
 *   att_rx(): handles a PDU on a bearer
 *   att_server: the GATT server, as bearers call it; NULL: not linked
 *   ATT_TIMEOUT_MS: ms after which a request without a response has failed
 *   att_tx(): the next request, response or confirmation of a bearer; false: none
 *   att_tx_queue(): the next PDU of c->queue; false: none may leave on this bearer now
 *   att_wr_error(): writes an Error Response
 *   bearer: of a connection: its fixed ATT channel; of a procedure: where it runs; NULL: nowhere
 *   bearers_end: of the host: the end of its bearers' slots
 *   builtin_with_features: the built-in table with characteristics of features; NULL: the plain one
 *   cfg: the config that the application gave to woad_init()
 *   coc_accept(): accepts the peer's request, with this memory
 *   coc_close(): begins to close a channel, in the way of its state
 *   coc_complete_config(): chooses numbers of channels and PSMs, and sizes that depend on them
 *   coc_connect(): requests n channels, all or none; rx NULL: ATT bearers, with memory of their own
 *   COC_ENDED: a channel's state while it is made, or while its last event is raised
 *   COC_ENHANCED: a channel requested by an enhanced request; COC_BASIC: by the other kind
 *   coc_fail(): disconnects an open channel
 *   COC_FREE: state of a channel: its slot is not used
 *   coc_mark_signalling(): the channel may have a signalling command to send, credits for example
 *   COC_MTU_MIN_ENHANCED: the least MTU of an enhanced channel
 *   COC_OPEN: a channel's state; from this one on, both sides have identifiers
 *   COC_REQUEST_DUE: a channel's state: our request for it is to be sent
 *   coc_send_sdu(): begins to send an SDU, from where it lies
 *   COC_WAIT_RESPONSE: a channel's state: the response to our request is awaited
 *   cocs: all channels: config.l2cap_channels, then config.att_bearers; and the PSMs listened to
 *   complete_config: a feature's part of this (core/feature.h)
 *   CONFIG_MTU_MIN_ENHANCED: the least config.mtu with Enhanced ATT
 *   conn: a connection's number in the public interface
 *   conn_close(): ends every procedure of a connection, and raises WOAD_EV_DISCONNECT
 *   conn_for_call(): conn_of() for a public call: all connections are polled again afterwards
 *   conn_index(): index of a connection in the arrays that have an element for each
 *   conn_mark_ready(): woad_tx() polls the connection again; without it, nothing more would be sent
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   conn_security_error(): 0, or the ATT error of the first WOAD_COC_… bit that it does not meet
 *   conns_end: of the host: the end of its connections' slots
 *   current: connection parameters in force: CURRENT_INTERVAL (1.25 ms), _LATENCY (events),
 *       _SUPERVISION (10 ms)
 *   CURRENT_LATENCY: index in conn.current, events
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   eatt_role: eatt.c, as channels and ATT call it; NULL: not linked
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   feature_named(): config.features names the feature, at any place
 *   fifo_first(): the first record's octets, fifo_len() of them; NULL: empty
 *   filling: the ring is being emptied: guards against reentry from an event
 *   gatts_features: the server's built-in table: gatt_features.c
 *   gatts_features_eatt: the server's built-in table with Enhanced ATT
 *   get_le16(): 16 bits at any address, little endian
 *   hidden: the application does not see the channel any more
 *   initiator: the channel was opened by our request
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   load_pdu: of eatt_role: begins to send the bearer's next PDU; false: none; may raise events
 *   needs: what only some features require: struct woad_needs
 *   NO_CONNECTION: for REFUSED(): no open connection has the number
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   own: our [COC_CID], [COC_MTU], [COC_MPS]; [COC_CREDITS]: frames that the peer may still send
 *   packets_in_controller: ACL packets sent that the controller has not completed
 *   peer: the peer's values, as `own`; [COC_CREDITS]: frames that we may still send
 *   PSM_EATT: the PSM of Enhanced ATT
 *   queue_bearer: index of the bearer that is sending the first PDU of c->queue; 0: none
 *   rd_left(): octets not read yet (base/buf.h)
 *   rd_of(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   REFUSED(): logs why a call is refused, and is its error
 *   ring_head: index of the first octet in the channel's ring
 *   ring_sdus: lengths in the ring: one for each SDU that is in it and not being read yet
 *   ring_size: of a channel: octets of its ring of received SDUs
 *   ring_used: octets in the channel's ring
 *   run_timers: hook in woad_poll(): ends what has timed out; returns ms to the next deadline
 *   rx_left: octets of the SDU being received that have not arrived
 *   tx_left: octets of the frame being sent that are in no packet yet
 *   wr_len(): octets written so far (base/buf.h)
 *   wr_of(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../base/bytes.h"
#include "../core/clock.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../core/ready.h"
#include "../core/security.h"
#include "../l2cap/coc.h"
#include "../l2cap/l2cap.h"
#include "att.h"

struct eatt_bearer {
    uint8_t *ring;     /* receives two PDUs, each with its length */
    uint8_t *in, *out; /* the request being served; the PDU being sent: config.mtu octets each */
    uint32_t credit_deadline; /* deadline for a credit: eatt_watch(); 0: none */
};

/* Our request to a peer for bearers: woad_eatt_open(). */
struct eatt_conn {
    uint8_t bearers_wanted;  /* not opened yet; 0: no request in progress */
    uint8_t attempts;        /* how often it was repeated after collisions */
    bool peer_requested;     /* the peer has requested bearers while ours was pending */
    int last_status;         /* of the last channel refused */
    uint32_t retry_deadline; /* when to repeat the request; 0: not */
};

struct eatt {
    struct eatt_bearer *bearers;
    struct eatt_conn *conns;
};

ASSERT_SIZE(eatt, WOAD_SIZE_EATT);
ASSERT_SIZE(eatt_bearer, WOAD_SIZE_EATT_BEARER);
ASSERT_SIZE(eatt_conn, WOAD_SIZE_EATT_CONN);

enum { EATT_ATTEMPTS_MAX = 4, EATT_RETRY_MS = 100 };

static struct eatt_conn *eatt_of(const struct conn *c)
{
    return &c->h->eatt->conns[conn_index(c)];
}

/* Which of the channels of ATT bearers it is, from 0; of a free one, too. */
static uint16_t eatt_slot(const struct woad *h, const struct coc *channel)
{
    return (uint16_t)(channel - h->cocs->channels - h->cfg.l2cap_channels);
}

static uint16_t eatt_index(const struct coc *channel)
{
    return eatt_slot(channel->c->h, channel);
}

/* The server of a free channel's bearer still awaits an answer: see att_server_close(). */
static bool eatt_slot_busy(const struct woad *h, const struct coc *channel)
{
    return h->att_server && h->att_server->busy(&h->bearers[h->cfg.conns + eatt_slot(h, channel)]);
}

static struct att_bearer *eatt_bearer_of(const struct coc *channel)
{
    const struct woad *h = channel->c->h;
    return &h->bearers[h->cfg.conns + eatt_index(channel)];
}

static size_t eatt_ring_size(const struct woad *h)
{
    return 2 * (h->cfg.mtu + 2u);
}

static uint8_t *eatt_memory(const struct coc *channel, size_t *size)
{
    const struct woad *h = channel->c->h;
    *size = eatt_ring_size(h);
    return h->eatt->bearers[eatt_index(channel)].ring;
}

/* The channel's MTU is ours of woad_set_mtu(), at least the 64 that enhanced channels must have;
 * with bearers woad_init() demands as much of config.mtu. */
static struct woad_coc_params eatt_params(const struct woad *h)
{
    uint16_t mtu = h->mtu;
    if (h->mtu <= COC_MTU_MIN_ENHANCED) {
        mtu = COC_MTU_MIN_ENHANCED;
    }
    return (struct woad_coc_params){ .psm = PSM_EATT, .mtu = mtu, .security = WOAD_COC_ENCRYPTED };
}

/* --- PDUs ------------------------------------------------------------------------------------- */

/* Whether a request must wait: the server serves another, or there is none (eatt_tx_no_server()).
 */
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

/* The first PDU in the ring, which is complete.  Rotates the ring until the PDU is contiguous. */
static struct rd eatt_first_pdu(struct coc *channel)
{
    if (channel->ring_head + channel->ring_used > channel->ring_size) {
        reverse(channel->ring, channel->ring_head);
        reverse(channel->ring + channel->ring_head, channel->ring_size - channel->ring_head);
        reverse(channel->ring, channel->ring_size);
        channel->ring_head = 0;
    }
    const uint8_t *len = channel->ring + channel->ring_head;
    return rd_of(len + 2, get_le16(len));
}

/* The PDU is contiguous: eatt_first_pdu() has been called. */
static void eatt_drop_first_pdu(struct coc *channel)
{
    uint32_t n = 2u + get_le16(channel->ring + channel->ring_head);
    channel->ring_head += n; /* the PDU is contiguous, so at most the end */
    channel->ring_used -= n;
    if (!channel->ring_used || channel->ring_head >= channel->ring_size) {
        channel->ring_head = 0;
    }
    channel->ring_sdus--;
}

/* Whether a PDU must be answered: no command, confirmation, response, and not empty. */
static bool eatt_is_request(const struct rd *pdu)
{
    uint8_t op = ATT_CONFIRM;
    if (pdu->p < pdu->end) {
        op = *pdu->p;
    }
    return !att_is_for_client(op) && !(op & ATT_OP_COMMAND) && op != ATT_CONFIRM;
}

/* Whether the first PDU in the ring is complete: the next has begun, or nothing of it is missing.
 */
static bool eatt_has_pdu(const struct coc *channel)
{
    return channel->ring_sdus > 1 || (channel->ring_sdus && !channel->rx_left);
}

/* A request where there is no server waits in the channel until its refusal can leave.  3.4.1.1 */
static bool eatt_tx_no_server(struct coc *channel, struct wr *out)
{
    if (channel->c->h->att_server || channel->filling || !eatt_has_pdu(channel)) {
        return false;
    }
    struct rd in = eatt_first_pdu(channel);
    if (!eatt_is_request(&in)) {
        return false;
    }
    att_wr_error(out, *in.p, 0, WOAD_ATT_REQUEST_NOT_SUPPORTED);
    eatt_drop_first_pdu(channel);
    coc_mark_signalling(channel); /* the room may be worth a credit packet */
    return true;
}

/* Delivers the complete PDUs in the ring, one at a time.  `filling` guards against reentry: the
 * application may pull packets inside an event that points into the ring.  A request waits while
 * the bearer serves another one, and is copied, because its handles may be read later (Read
 * Multiple).  Other PDUs do not wait.  Vol 3, Part F, 3.3.2 */
static void eatt_rx_pdus(struct coc *channel)
{
    struct woad *h = channel->c->h;
    struct att_bearer *b = eatt_bearer_of(channel);
    struct eatt_bearer *e = &h->eatt->bearers[eatt_index(channel)];
    if (channel->filling) {
        return;
    }
    channel->filling = true;
    while (b->mtu && eatt_has_pdu(channel)) {
        struct rd in = eatt_first_pdu(channel);
        bool request = eatt_is_request(&in);
        if (request && eatt_busy(b)) {
            break;
        }
        if (request) {
            size_t len = rd_left(&in);
            memcpy(e->in, in.p, len);
            in = rd_of(e->in, len);
            eatt_drop_first_pdu(channel);
        }
        att_rx(b, &in);
        if (!request) {
            eatt_drop_first_pdu(channel);
        }
        coc_mark_signalling(channel);
    }
    channel->filling = false;
}

/* The channel of bearer e; it may be free, or of another connection. */
static struct coc *eatt_channel(const struct woad *h, uint16_t e)
{
    return &h->cocs->channels[h->cfg.l2cap_channels + e];
}

/* How many octets of a PDU the present credits allow; 0: none, or the channel is not open. */
static uint32_t eatt_sendable_now(const struct coc *channel)
{
    uint32_t n = (uint32_t)channel->peer[COC_CREDITS] * channel->peer[COC_MPS];
    if (channel->state != COC_OPEN || n <= 2) {
        return 0;
    }
    return min_u32(n - 2, eatt_bearer_of(channel)->mtu);
}

/* Whether the first PDU of the queue may start on this channel.  Yes if its credits cover the whole
 * PDU, so that it blocks nothing behind it.  Otherwise only if no other bearer could send the whole
 * of it now: some peers give one credit at a time.  Vol 3, Part A, 10.1 */
static bool eatt_queue_fits(const struct coc *channel)
{
    const struct conn *c = channel->c;
    const struct woad *h = c->h;
    const uint8_t *pdu = fifo_first(&c->queue);
    uint32_t len = 0;
    if (pdu) {
        len = min_u32(fifo_len(pdu), eatt_bearer_of(channel)->mtu);
    }
    if (eatt_sendable_now(channel) >= len) {
        return pdu != NULL;
    }
    uint32_t most = c->bearer->mtu;
    for (uint16_t e = 0; e < h->cfg.att_bearers; e++) {
        const struct coc *other = eatt_channel(h, e);
        uint32_t sendable = 0;
        if (other->c == c) {
            sendable = eatt_sendable_now(other);
        }
        most = max_u32(most, sendable);
    }
    return len > most;
}

/* The channel can send: gives it the next PDU.  Received PDUs go first, then a response, our
 * request, the first of the queue.  A queued PDU is sent completely before the next one starts on
 * any bearer, so that values arrive in order. */
static bool eatt_load_pdu(struct coc *channel)
{
    struct woad *h = channel->c->h;
    struct att_bearer *b = eatt_bearer_of(channel);
    struct eatt_bearer *e = &h->eatt->bearers[eatt_index(channel)];
    eatt_rx_pdus(channel);
    struct wr out = wr_of(e->out, b->mtu);
    if (!channel->peer[COC_CREDITS] || channel->state != COC_OPEN || !b->mtu) {
        return false;
    }
    if (!eatt_tx_no_server(channel, &out) && !att_tx(b, &out)) {
        if (!eatt_queue_fits(channel) || !att_tx_queue(b, &out)) {
            return false;
        }
        channel->c->queue_bearer = (uint16_t)(b - h->bearers);
    }
    e->credit_deadline = 0;
    coc_send_sdu(channel, e->out, wr_len(&out));
    return true;
}

/* WOAD_EV_COC_DATA: octets have arrived.  WOAD_EV_COC_SENT: the PDU has left; if it was of the
 * queue, the next of the queue may start on any bearer. */
static void eatt_data(struct coc *channel, enum woad_event_type type)
{
    struct conn *c = channel->c;
    if (type == WOAD_EV_COC_DATA) {
        eatt_rx_pdus(channel);
    } else if (c->queue_bearer == eatt_bearer_of(channel) - c->h->bearers) {
        c->queue_bearer = 0;
    }
}

/* --- opening and closing ---------------------------------------------------------------------- */

static uint8_t eatt_count_open(const struct conn *c)
{
    const struct woad *h = c->h;
    uint8_t n = 0;
    for (const struct att_bearer *b = h->bearers + h->cfg.conns; b < h->bearers_end; b++) {
        n = (uint8_t)(n + (b->mtu && b->c == c));
    }
    return n;
}

/* WOAD_EV_ATT_BEARERS: how many are open now, and what has happened. */
static void eatt_emit(struct conn *c, int status)
{
    struct woad_event ev;
    ev.u.att_bearers.open = eatt_count_open(c);
    ev.u.att_bearers.status = status;
    emit_of(c, WOAD_EV_ATT_BEARERS, &ev);
}

/* Whether a channel of our request waits to be requested, or for the peer's answer. */
static bool eatt_request_pending(const struct conn *c)
{
    const struct woad *h = c->h;
    for (uint16_t e = 0; e < h->cfg.att_bearers; e++) {
        const struct coc *channel = eatt_channel(h, e);
        if (channel->c == c && channel->initiator && !channel->hidden &&
            (channel->state == COC_REQUEST_DUE || channel->state == COC_WAIT_RESPONSE)) {
            return true;
        }
    }
    return false;
}

/* A collision: both sides requested channels, and there was no room for both.  The central repeats
 * its request at once.  The peripheral waits for the longer of 100 ms and twice the time within
 * which it must listen: 2 x (latency + 1) x interval.  5.4 */
static void eatt_schedule_retry(struct conn *c)
{
    struct eatt_conn *e = eatt_of(c);
    uint32_t ms = 2u * (c->current[CURRENT_LATENCY] + 1u) * c->current[CURRENT_INTERVAL] * 5 / 4;
    ms = max_u32(ms, EATT_RETRY_MS) + 1; /* + 1: the present millisecond is not complete */
    if (c->central) {
        ms = 1;
    }
    e->retry_deadline = deadline_in(c->h, ms);
    e->attempts++;
}

/* Ends woad_eatt_open(): WOAD_EV_ATT_BEARERS with `status`, as some or all bearers were refused. */
static void eatt_end_request(struct conn *c, int status)
{
    struct eatt_conn *e = eatt_of(c);
    e->bearers_wanted = 0;
    e->retry_deadline = 0;
    eatt_emit(c, status);
}

/* The peer has answered for one channel of our request.  When it was the last and some are missing,
 * repeats the request after a collision, or ends it. */
static void eatt_request_answered(struct conn *c)
{
    struct eatt_conn *e = eatt_of(c);
    if (!e->bearers_wanted || eatt_request_pending(c)) {
        return;
    }
    if (e->peer_requested && e->last_status == WOAD_COC_NO_RESOURCES &&
        e->attempts < EATT_ATTEMPTS_MAX) {
        eatt_schedule_retry(c);
    } else {
        eatt_end_request(c, e->last_status);
    }
}

static uint16_t eatt_mtu(const struct coc *channel)
{
    return (uint16_t)min_u32(channel->own[COC_MTU], channel->peer[COC_MTU]);
}

/* A channel has opened, by either side's request. */
static void eatt_opened(struct coc *channel)
{
    struct conn *c = channel->c;
    struct eatt_conn *e = eatt_of(c);
    bool ours = channel->initiator && e->bearers_wanted;
    att_open(eatt_bearer_of(channel), c, eatt_mtu(channel));
    c->coc->bearers++;
    if (ours) {
        e->bearers_wanted--;
    }
    eatt_emit(c, 0);
    if (ours) {
        eatt_request_answered(c);
    }
}

/* A channel has closed with `status`, or was refused before it opened. */
static void eatt_ended(struct coc *channel, int status)
{
    struct att_bearer *b = eatt_bearer_of(channel);
    struct conn *c = channel->c;
    struct eatt_conn *e = eatt_of(c);
    if (b->mtu) {
        if (c->queue_bearer == b - c->h->bearers) {
            c->queue_bearer = 0;
        }
        c->coc->bearers--;
        att_close(b, WOAD_ENOTCONN);
        if (c->state == CONN_OPEN && !c->packets_in_controller && !c->tx_left) {
            att_check_tx_done(c); /* nothing is on its way whose completion would call it */
        }
        eatt_emit(c, status);
        return;
    }
    if (channel->initiator) {
        if (status) {
            e->last_status = status;
        }
        eatt_request_answered(c);
    }
}

/* An event of a bearer's channel, which the application does not see. */
static void eatt_event(struct coc *channel, enum woad_event_type type, int status)
{
    if (type == WOAD_EV_COC_REQUEST) {
        size_t size;
        uint8_t *ring = eatt_memory(channel, &size);
        coc_accept(channel, ring, size);
    } else if (type == WOAD_EV_COC_OPEN) {
        eatt_opened(channel);
    } else if (type == WOAD_EV_COC_CHANGED && eatt_bearer_of(channel)->mtu) {
        /* the peer accepts longer PDUs now.  Part G, 5.3.1 */
        eatt_bearer_of(channel)->mtu = eatt_mtu(channel);
    } else if (type == WOAD_EV_COC_CLOSED) {
        eatt_ended(channel, status);
    }
}

/* The peer requests bearers: if ours are requested, too, that is a collision. */
static void eatt_peer_requested(struct conn *c)
{
    eatt_of(c)->peer_requested = eatt_of(c)->peer_requested || eatt_request_pending(c);
}

/* An ATT transaction has timed out: closes the bearer's channel.  Vol 3, Part F, 3.3.3 */
static void eatt_timed_out(struct att_bearer *b)
{
    struct woad *h = b->c->h;
    struct coc *channel = eatt_channel(h, (uint16_t)(b - h->bearers - h->cfg.conns));
    if (channel->state == COC_OPEN) {
        coc_fail(channel, WOAD_ETIMEDOUT);
    }
}

/* The largest MTU of the connection's bearers: a queued value may use any of them. */
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

/* The number by which the application names a request on this bearer: 1 for the first. */
static int eatt_request_number(const struct att_bearer *b)
{
    const struct woad *h = b->c->h;
    return (int)(b - h->bearers) - h->cfg.conns + 1;
}

static const struct eatt_role eatt_role = {
    .params = eatt_params,
    .peer_requested = eatt_peer_requested,
    .busy = eatt_slot_busy,
    .memory = eatt_memory,
    .load_pdu = eatt_load_pdu,
    .data = eatt_data,
    .event = eatt_event,
    .timed_out = eatt_timed_out,
    .max_mtu = eatt_max_mtu,
    .request = eatt_request_number,
};

/* --- the feature ------------------------------------------------------------------------------ */

/* Without enhanced channels the feature does nothing. */
static void eatt_layout(struct woad *h)
{
    struct eatt *t = arena_alloc(h, 1, sizeof *t);
    uint8_t n = h->cfg.att_bearers;
    struct eatt_bearer *bearers = arena_alloc(h, n, sizeof *bearers);
    struct eatt_conn *conns = arena_alloc(h, h->cfg.conns, sizeof *conns);
    arena_alloc_slots(h, n, eatt_ring_size(h), ARENA_SLOT(bearers, ring));
    arena_alloc_slots(h, n, h->cfg.mtu, ARENA_SLOT(bearers, in));
    arena_alloc_slots(h, n, h->cfg.mtu, ARENA_SLOT(bearers, out));
    if (t) {
        *t = (struct eatt){ .bearers = bearers, .conns = conns };
        h->eatt = t;
    }
    if (feature_named(h, &woad_feature_l2cap_channels) &&
        feature_named(h, &woad_feature_enhanced_channels)) { /* else no bearer can be opened */
        h->eatt_role = &eatt_role;
        h->builtin_with_features = &gatts_features_eatt;
    } else {
        h->eatt_role = NULL;
        h->builtin_with_features = &gatts_features;
    }
}

static void eatt_conn_open(struct conn *c)
{
    *eatt_of(c) = (struct eatt_conn){ 0 };
}

/* Requests of closed bearers await no answer any more: att_server_close() of a connection that has
 * ended. */
static void eatt_conn_close(struct conn *c)
{
    const struct woad *h = c->h;
    if (eatt_of(c)->bearers_wanted) {
        eatt_end_request(c, WOAD_ENOTCONN);
    }
    for (struct att_bearer *b = h->bearers + h->cfg.conns; b < h->bearers_end; b++) {
        if (b->c == c && h->att_server) {
            h->att_server->close(b);
        }
    }
}

/* Sends the request again, for as many bearers as channels are free: bearers that the peer has
 * opened count too.  The connection may have lost its security since the application's call.  If
 * none can be requested, the event has the status of the last refusal. */
static void eatt_request_bearers(struct conn *c)
{
    struct eatt_conn *e = eatt_of(c);
    const struct woad_coc_params p = eatt_params(c->h);
    uint16_t cids[WOAD_COC_AT_ONCE];
    int err = WOAD_EACCES;
    if (!conn_security_error(c, p.security)) {
        err = WOAD_ENOMEM;
    }
    conn_mark_ready(c);
    e->retry_deadline = 0;
    e->peer_requested = false;
    if (err == WOAD_EACCES) {
        e->last_status = err;
    }
    for (; e->bearers_wanted && err == WOAD_ENOMEM; e->bearers_wanted--) {
        err = coc_connect(c, &p, NULL, 0, e->bearers_wanted, cids, COC_ENHANCED);
        if (!err) {
            return;
        }
    }
    eatt_end_request(c, e->last_status);
}

/* A bearer without credits may hold the rest of a PDU of the queue, and with it all notifications
 * and indications; or a client's request.  If it gets none within ATT's time limit, it is closed.
 * Returns ms to the deadline. */
static uint32_t eatt_watch(struct woad *h, uint16_t n)
{
    struct eatt_bearer *e = &h->eatt->bearers[n];
    struct coc *channel = eatt_channel(h, n);
    if (channel->state != COC_OPEN || channel->peer[COC_CREDITS]) {
        e->credit_deadline = 0;
    } else if (!e->credit_deadline) {
        e->credit_deadline = deadline_in(h, ATT_TIMEOUT_MS);
    }
    uint32_t left = deadline_left(h, e->credit_deadline);
    if (left == 0) {
        coc_fail(channel, WOAD_ETIMEDOUT);
    }
    return left;
}

/* Repeats requests that are due.  Returns ms to the next deadline. */
static uint32_t eatt_run_timers(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        uint32_t c_left = deadline_left(h, eatt_of(c)->retry_deadline);
        if (c_left == 0) {
            eatt_request_bearers(c);
        }
        left = min_u32(left, c_left);
    }
    for (uint16_t n = 0; h->eatt_role && n < h->cfg.att_bearers; n++) {
        left = min_u32(left, eatt_watch(h, n));
    }
    return left;
}

static void eatt_complete_config(struct woad *h, struct woad_config *cfg)
{
    if (!cfg->att_bearers) {
        cfg->att_bearers = cfg->conns;
    }
    if (cfg->mtu < CONFIG_MTU_MIN_ENHANCED) {
        cfg->mtu = CONFIG_MTU_MIN_ENHANCED;
    }
    coc_complete_config(h, cfg);
}

static const struct woad_needs eatt_needs = { .complete_config = eatt_complete_config };

const struct woad_feature woad_feature_eatt = {
    .needs = &eatt_needs,
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
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_eatt, or what it requires");
    }
    if (!c || c->state != CONN_OPEN) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    if (!n || n > WOAD_COC_AT_ONCE) {
        return REFUSED(h, WOAD_EINVAL, "%u bearers: 1 to 5", n);
    }
    if (conn_security_error(c, WOAD_COC_ENCRYPTED)) {
        return REFUSED(h, WOAD_EACCES, "connection 0x%x is not encrypted", conn);
    }
    if (eatt_of(c)->bearers_wanted) {
        return REFUSED(h, WOAD_EALREADY, "another request for bearers is in progress");
    }
    const struct woad_coc_params p = eatt_params(h);
    int err = coc_connect(c, &p, NULL, 0, n, cids, COC_ENHANCED);
    if (!err) {
        *eatt_of(c) = (struct eatt_conn){ .bearers_wanted = n };
    }
    return err;
}

int woad_eatt_close(struct woad *h, uint16_t conn)
{
    struct conn *c = conn_for_call(h, conn);
    if (!h->eatt_role) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_eatt, or what it requires");
    }
    if (!c) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    eatt_of(c)->attempts = EATT_ATTEMPTS_MAX; /* no further attempts */
    if (eatt_of(c)->retry_deadline) {
        eatt_end_request(c, WOAD_ECANCELED);
    }
    for (uint16_t e = 0; e < h->cfg.att_bearers; e++) {
        struct coc *channel = eatt_channel(h, e);
        if (channel->state != COC_FREE && channel->state != COC_ENDED && !channel->hidden &&
            channel->c == c) {
            int status = 0;
            if (!eatt_bearer_of(channel)->mtu) {
                status = WOAD_ECANCELED;
            }
            coc_close(channel, status);
        }
    }
    return 0;
}
