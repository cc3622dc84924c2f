/* A channel's data: SDUs in K-frames, from the application's buffer and into its memory, and the
 * credits for them.  Vol 3, Part A, 3.4, 10.1
 *
 * A K-frame is { [SDU length u16, in the first of an SDU], part }.
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   bearers: of the host: one a connection, then Enhanced ATT's; of c->coc: how many are open
 *   ch: a credit-based channel (l2cap/coc.h)
 *   change: our reconfiguration of the channel: CHANGE_NONE, _DUE: to be sent, _SENT
 *   channels_turn: the next frame is a channel's, not of c->queue: they have turns
 *   coc_by_cid(): the channel with this identifier of ours; NULL: none
 *   coc_conn: what a connection keeps for its channels: coc.h
 *   COC_ENDED: a channel's state while it is made, or while its last event is raised
 *   coc_fail(): disconnects an open channel
 *   coc_find(): a channel that the application still sees
 *   coc_for_call(): coc_find() for a call that may change what is to be sent
 *   coc_mark_signalling(): the channel may have a signalling command to send, credits for example
 *   COC_OPEN: a channel's state; from this one on, both sides have identifiers
 *   COC_RING_MAX: the most octets that are used of a channel's memory or receive buffer
 *   coc_sig_pending: a channel may have a signalling command to send
 *   COC_WAIT_DECISION: a channel's state: the application is to accept or refuse the peer's request
 *   conn: a connection's number in the public interface
 *   eatt_role: eatt.c, as channels and ATT call it; NULL: not linked
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   filling: the ring is being emptied: guards against reentry from an event
 *   get_le16(): 16 bits at any address, little endian
 *   l2cap_in_packet(): `body` lies in the packet itself, not in h->tx_frame
 *   last_frame: the frame on its way is the last of the SDU
 *   load_pdu: of eatt_role: begins to send the bearer's next PDU; false: none; may raise events
 *   MAY_FAIL: its argument; a test build makes it false in turn, as by a full queue or table
 *   new_mps: MPS of our reconfiguration
 *   own: our [COC_CID], [COC_MTU], [COC_MPS]; [COC_CREDITS]: frames that the peer may still send
 *   peer: the peer's values, as `own`; [COC_CREDITS]: frames that we may still send
 *   rd_left(): octets not read yet (base/buf.h)
 *   read_begun: the length of the ring's first SDU has been taken off it, to read_left
 *   read_left: octets of the SDU being read that the caller has not got; valid while read_begun
 *   REFUSED(): logs why a call is refused, and is its error
 *   ring: received SDUs, { length u16, octets } each, in the application's memory
 *   ring_head: index of the first octet in the channel's ring
 *   ring_sdus: lengths in the ring: one for each SDU that is in it and not being read yet
 *   ring_size: of a channel: octets of its ring of received SDUs
 *   ring_used: octets in the channel's ring
 *   rx_buf: the buffer of woad_coc_receive(), rx_buf_len of rx_buf_size octets filled; NULL: none
 *   rx_left: octets of the SDU being received that have not arrived
 *   sdu: the application's SDU that is being sent; NULL: none, or an empty one
 *   sdu_len: of a channel: octets of `sdu`
 *   sdu_off: octets of the SDU being sent that are in frames
 *   senders: channels with an SDU to send
 *   sending: an SDU is being sent; c->coc->senders counts such channels
 *   turn: the channel of the connection that sends next; NULL: the first
 *   tx_channel: the channel of the frame being sent; NULL: none, or closed
 *   tx_tail: where the rest of the frame being sent is: in tx_frame, or in the application's SDU;
 *       NULL: zeros are sent in its place, because the channel has closed
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   wr_room(): octets that still fit (base/buf.h) */
#include "../base/bytes.h"
#include "../core/event.h"
#include "../core/log.h"
#include "coc.h"
#include "l2cap.h"

/* --- receiving -------------------------------------------------------------------------------- */

/* The peer's credits are worth more than half of the ring, so it has more than half of all:
 * coc_credits_to_give() is 0, without computing it. */
static bool coc_has_plenty(const struct coc *ch)
{
    return !ch->credits_per_sdu && !ch->change &&
           (uint32_t)ch->own[COC_CREDITS] * ch->own[COC_MPS] > ch->ring_size / 2;
}

/* A credit is worth a frame of up to MPS octets; the peer never has more than the ring has room
 * for.  They are granted when the peer has none, or in portions of half of all; credits_per_sdu:
 * for a whole SDU, when everything received has been read. */
uint16_t coc_credits_to_give(const struct coc *ch)
{
    uint32_t credit = ch->own[COC_MPS]; /* octets that one is worth */
    if (ch->change && ch->new_mps > credit) {
        credit = ch->new_mps;
    }
    uint32_t span = ch->ring_size, part = credit; /* all credits are span / part */
    if (ch->credits_per_sdu) {
        /* in the middle of an SDU, only if the peer has none left to go on */
        if (ch->rx_left ? ch->own[COC_CREDITS] != 0 : ch->ring_used != 0) {
            return 0;
        }
        part = ch->own[COC_MPS];
        span = ch->own[COC_MTU] + 2u + part - 1;
    }
    uint32_t all = min_u32(span / part, UINT16_MAX);
    uint32_t fit = min_u32((ch->ring_size - ch->ring_used) / credit, all);
    if (fit <= ch->own[COC_CREDITS]) {
        return 0;
    }
    uint32_t more = fit - ch->own[COC_CREDITS];
    if (ch->credits_per_sdu || !ch->own[COC_CREDITS] || more >= (all + 1) / 2) {
        return (uint16_t)more;
    }
    return 0;
}

/* Index of the n-th octet from the head; n is at most the ring's size. */
static size_t ring_at(const struct coc *ch, size_t n)
{
    size_t at = ch->ring_head + n;
    if (at < ch->ring_size) {
        return at;
    }
    return at - ch->ring_size;
}

/* Appends n octets, for which there is room. */
static void ring_put(struct coc *ch, const uint8_t *p, size_t n)
{
    size_t at = ring_at(ch, ch->ring_used), first = ch->ring_size - at;
    if (first > n) {
        first = n;
    }
    if (n) {
        memcpy(ch->ring + at, p, first);
        memcpy(ch->ring, p + first, n - first);
    }
    ch->ring_used += (uint32_t)n;
}

/* Takes the first n octets. */
static void ring_take(struct coc *ch, uint8_t *p, size_t n)
{
    size_t first = ch->ring_size - ch->ring_head;
    if (first > n) {
        first = n;
    }
    if (n) {
        memcpy(p, ch->ring + ch->ring_head, first);
        memcpy(p + first, ch->ring, n - first);
    }
    ch->ring_used -= (uint32_t)n;
    if (ch->ring_used) {
        ch->ring_head = (uint32_t)ring_at(ch, n);
    } else {
        ch->ring_head = 0;
    }
}

/* Copies octets of the first SDU in the ring; returns how many.  *end: the SDU ends with them. */
size_t coc_read_sdu(struct coc *ch, uint8_t *p, size_t room, bool *end)
{
    uint8_t len[2];
    *end = false;
    if (!ch->read_begun) {
        if (!ch->ring_sdus) {
            return 0;
        }
        ring_take(ch, len, sizeof len);
        ch->read_left = (uint16_t)(len[0] | len[1] << 8);
        ch->read_begun = true;
        ch->ring_sdus--;
    }
    size_t n = ch->read_left;
    if (!ch->ring_sdus) { /* else another SDU is behind it: it is complete */
        n = min_u32(ch->read_left, ch->ring_used);
    }
    if (n > room) {
        n = room;
    }
    ring_take(ch, p, n);
    ch->read_left = (uint16_t)(ch->read_left - n);
    *end = !ch->read_left;
    ch->read_begun = !*end;
    return n;
}

/* Octets of SDUs in the ring, without the lengths. */
static uint32_t coc_readable(const struct coc *ch)
{
    return ch->ring_used - 2 * ch->ring_sdus;
}

enum { SDU_ENDS = true }; /* `end` of WOAD_EV_COC_SENT, which is about a whole SDU */

/* Raises an event with data, or passes it to Enhanced ATT. end: the SDU ends with them. */
static void coc_emit_data(struct coc *ch, enum woad_event_type type, const void *data, uint32_t len,
                          bool end)
{
    struct woad *h = ch->c->h;
    if (ch->att_bearer) {
        h->eatt_role->data(ch, type);
        return;
    }
    struct woad_event ev;
    ev.u.coc_data.cid = ch->own[COC_CID];
    ev.u.coc_data.data = data;
    ev.u.coc_data.len = len;
    ev.u.coc_data.end = end;
    emit_of(ch->c, type, &ev);
}

/* Fills the buffer of woad_coc_receive() from the ring, and the next one, which the application may
 * give from inside WOAD_EV_COC_RECEIVED. */
static void coc_fill(struct coc *ch)
{
    if (ch->filling) {
        return;
    }
    ch->filling = true;
    while (ch->rx_buf) {
        bool end;
        ch->rx_buf_len += (uint32_t)coc_read_sdu(ch, ch->rx_buf + ch->rx_buf_len,
                                                 ch->rx_buf_size - ch->rx_buf_len, &end);
        if (!end && ch->rx_buf_len < ch->rx_buf_size) {
            break;
        }
        const uint8_t *full = ch->rx_buf;
        uint32_t len = ch->rx_buf_len;
        ch->rx_buf = NULL;
        coc_emit_data(ch, WOAD_EV_COC_RECEIVED, full, len, end);
    }
    ch->filling = false;
}

/* The SDU length, at the beginning of an SDU's first frame.  If the ring is empty and a buffer
 * waits, the SDU bypasses the ring. */
static void coc_rx_length(struct coc *ch, const uint8_t len[2], uint16_t sdu)
{
    if (ch->rx_buf && !ch->ring_used) {
        ch->read_begun = true; /* as if its length had been taken off the ring */
        ch->read_left = sdu;
    } else {
        ring_put(ch, len, 2);
        ch->ring_sdus++;
    }
}

/* Octets of an SDU: into the buffer of woad_coc_receive() while the ring is empty, then into the
 * ring. */
static void coc_rx_part(struct coc *ch, const uint8_t *p, size_t n)
{
    size_t direct = 0;
    if (ch->rx_buf && !ch->ring_used) {
        direct = min_u32((uint32_t)n, ch->rx_buf_size - ch->rx_buf_len);
    }
    if (direct) {
        memcpy(ch->rx_buf + ch->rx_buf_len, p, direct);
        ch->rx_buf_len += (uint32_t)direct;
        ch->read_left = (uint16_t)(ch->read_left - direct);
    }
    if (n != direct) {
        ring_put(ch, p + direct, n - direct);
    }
}

/* A frame of n octets.  False: the peer had no credit, the frame is longer than the MPS, or too
 * short for the SDU length, or the SDU is longer than the MTU or than its length.  3.4.3, 10.1 */
static bool coc_rx_frame(struct coc *ch, const uint8_t *p, size_t n)
{
    if (!ch->own[COC_CREDITS] || n > ch->own[COC_MPS]) {
        return false;
    }
    uint32_t left = ch->rx_left;
    if (!left) {
        if (n < 2) {
            return false;
        }
        left = get_le16(p);
        if (left > ch->own[COC_MTU]) {
            return false;
        }
        coc_rx_length(ch, p, (uint16_t)left);
        p += 2;
        n -= 2;
    }
    if (n > left) {
        return false;
    }
    ch->rx_left = left - (uint32_t)n;
    ch->own[COC_CREDITS]--;
    coc_rx_part(ch, p, n);
    return true;
}

/* The channel is closed if the frame is not valid.  An event may close it, too, but its struct
 * stays. */
void coc_rx(struct conn *c, uint16_t cid, struct rd *in)
{
    struct coc *ch = coc_by_cid(c, cid);
    if (!ch || ch->state != COC_OPEN) {
        return;
    }
    if (!coc_rx_frame(ch, in->p, rd_left(in))) {
        coc_fail(ch, WOAD_EBADMSG);
        return;
    }
    if (ch->ring_used || !ch->rx_left || ch->rx_buf_len == ch->rx_buf_size) {
        coc_fill(ch); /* else the octets went into the buffer, which is not full */
    }
    /* no buffer waits, and there is an SDU: a whole one, or the peer can send no more of it */
    if (!ch->rx_buf && (ch->ring_sdus || ch->read_begun) &&
        (!ch->rx_left || (!ch->own[COC_CREDITS] && !coc_credits_to_give(ch)))) {
        coc_emit_data(ch, WOAD_EV_COC_DATA, NULL, coc_readable(ch), !ch->rx_left);
    }
    if (!c->coc_sig_pending && !coc_has_plenty(ch) && coc_credits_to_give(ch)) {
        c->coc_sig_pending = true; /* acl_rx() marks the connection ready */
    }
}

/* A frame is longer than the host can reassemble. */
void coc_rx_too_long(struct conn *c, uint16_t cid)
{
    struct coc *ch = coc_by_cid(c, cid);
    if (ch && ch->state == COC_OPEN) {
        coc_fail(ch, WOAD_EBADMSG);
    }
}

int woad_coc_read(struct woad *h, uint16_t conn, uint16_t cid, void *buf, size_t room, bool *end)
{
    struct coc *ch = coc_for_call(h, conn, cid);
    bool ended;
    if (!ch) {
        return REFUSED(h, WOAD_ENOENT, "connection 0x%x has no channel 0x%x", conn, cid);
    }
    if (ch->rx_buf) {
        return REFUSED(h, WOAD_EBUSY, "woad_coc_receive() is pending");
    }
    size_t n = coc_read_sdu(ch, buf, room, &ended);
    if (end) {
        *end = ended;
    }
    coc_mark_signalling(ch);
    return (int)n;
}

int32_t woad_coc_pending(const struct woad *h, uint16_t conn, uint16_t cid)
{
    const struct coc *ch = coc_find(h, conn, cid);
    if (!ch) {
        return WOAD_ENOENT;
    }
    return (int32_t)coc_readable(ch);
}

static int LOG_RARE receive_refused(const struct woad *h, int err, const char *why)
{
    (void)h, (void)why;
    return REFUSED(h, err, "woad_coc_receive: %s", why);
}

int woad_coc_receive(struct woad *h, uint16_t conn, uint16_t cid, void *buf, size_t room)
{
    struct coc *ch = coc_for_call(h, conn, cid);
    if (!ch || ch->state == COC_ENDED || ch->state == COC_WAIT_DECISION) {
        return receive_refused(h, WOAD_ENOENT, "there is no such channel");
    }
    if (!buf || !room) {
        return receive_refused(h, WOAD_EINVAL, "buf is NULL, or room is 0");
    }
    if (ch->rx_buf) {
        return receive_refused(h, WOAD_EBUSY, "it is pending");
    }
    ch->rx_buf = buf;
    if (room > COC_RING_MAX) {
        room = COC_RING_MAX;
    }
    ch->rx_buf_size = (uint32_t)room;
    ch->rx_buf_len = 0;
    coc_fill(ch);
    coc_mark_signalling(ch);
    return 0;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Begins to send an SDU, which stays where it is until WOAD_EV_COC_SENT. */
void coc_send_sdu(struct coc *ch, const void *data, size_t len)
{
    ch->sdu = data;
    ch->sdu_len = (uint16_t)len;
    ch->sdu_off = 0;
    ch->sending = true;
    ch->last_frame = false;
    ch->c->coc->senders++;
}

int woad_coc_send(struct woad *h, uint16_t conn, uint16_t cid, const void *data, size_t len)
{
    struct coc *ch = coc_for_call(h, conn, cid);
    if (!ch) {
        return REFUSED(h, WOAD_ENOENT, "connection 0x%x has no channel 0x%x", conn, cid);
    }
    if (ch->state != COC_OPEN) {
        return REFUSED(h, WOAD_ENOTCONN, "channel 0x%x is not open", cid);
    }
    if (len > ch->peer[COC_MTU] || (len && !data)) {
        return REFUSED(h, WOAD_EINVAL, "%u octets: the peer's MTU is %u", (unsigned)len,
                       ch->peer[COC_MTU]);
    }
    if (!MAY_FAIL(!ch->sending)) {
        return REFUSED(h, WOAD_EAGAIN, "an SDU is being sent: wait for WOAD_EV_COC_SENT");
    }
    coc_send_sdu(ch, data, len);
    return 0;
}

/* All of a frame has been copied into packets.  After the last one the SDU's buffer is the
 * application's again, which may send the next SDU in the event. */
static void coc_copied(struct coc *ch)
{
    if (ch->last_frame) {
        ch->sending = ch->last_frame = false;
        ch->c->coc->senders--;
        coc_emit_data(ch, WOAD_EV_COC_SENT, ch->sdu, ch->sdu_len, SDU_ENDS);
    }
}

/* c->tx_channel is not NULL: acl.c calls it only for a channel's frame. */
void coc_frame_copied(struct conn *c)
{
    struct coc *ch = c->tx_channel;
    c->tx_channel = NULL;
    c->tx_tail = NULL;
    coc_copied(ch);
}

/* The next frame of the SDU.  If it fits a single packet, it is copied into that; else `tail`
 * points into the SDU, and acl.c copies each fragment from there. */
static void coc_tx_part(struct coc *ch, struct wr *body, struct rd *tail)
{
    size_t room = ch->peer[COC_MPS], left = (size_t)(ch->sdu_len - ch->sdu_off);
    const uint8_t *part = ch->sdu; /* an empty SDU may be NULL */
    if (left) {
        part = ch->sdu + ch->sdu_off;
    }
    if (!ch->sdu_off) {
        wr_le16(body, ch->sdu_len);
        room -= 2;
    }
    size_t n = min_size(left, room);
    ch->sdu_off += (uint32_t)n;
    ch->last_frame = ch->sdu_off == ch->sdu_len;
    ch->peer[COC_CREDITS]--;
    if (l2cap_in_packet(ch->c->h, body) && n <= wr_room(body)) {
        wr_bytes(body, part, n);
        coc_copied(ch);
    } else {
        if (n) {
            tail->p = part;
            tail->end = part + n;
        }
        ch->c->tx_channel = ch;
    }
}

/* The channels in turn, a frame each, from cc->turn to the last one; 0: no frame is left in this
 * round: it is the turn of c->queue.  l2cap_tx() then ends the round: c->channels_turn. */
uint16_t coc_tx(struct conn *c, struct wr *body, struct rd *tail)
{
    struct woad *h = c->h;
    struct coc_conn *cc = c->coc;
    struct coc *ch = cc->turn;
    if (!ch) {
        ch = cc->first;
    }
    cc->turn = NULL;
    for (; ch && (cc->senders || cc->bearers); ch = ch->next) {
        if (!ch->sending && ch->att_bearer && ch->state == COC_OPEN) {
            h->eatt_role->load_pdu(ch);
        }
        if (ch->sending && !ch->last_frame && ch->peer[COC_CREDITS] && ch->state == COC_OPEN) {
            uint16_t cid = ch->peer[COC_CID];
            cc->turn = ch->next; /* before an event, in which the list may change */
            c->channels_turn = ch->next != NULL;
            coc_tx_part(ch, body, tail);
            return cid;
        }
    }
    return 0;
}

/* L2CAP_FLOW_CONTROL_CREDIT_IND: CID u16, the sender's; credits u16: 0, or more than 65,535 in all,
 * closes the channel.  4.24, 10.1 */
void coc_add_credits(struct coc *ch, uint16_t credits)
{
    if (!credits || credits > UINT16_MAX - ch->peer[COC_CREDITS]) {
        coc_fail(ch, WOAD_EBADMSG);
    } else {
        ch->peer[COC_CREDITS] = (uint16_t)(ch->peer[COC_CREDITS] + credits);
    }
}
