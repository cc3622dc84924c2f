/* What goes through a channel: K-frames out of the application's buffer and into its memory, and
 * the credits for them.  Vol 3, Part A, 3.4, 10.1
 *
 * A K-frame is { [SDU length u16, in the first of an SDU], part }. */
#include "../base/bytes.h"
#include "../core/event.h"
#include "coc.h"
#include "l2cap.h"

/* --- what comes ------------------------------------------------------------------------------- */

/* It has more than half of all there are: no more soon. */
static bool coc_has_plenty(const struct coc *k)
{
    return !k->credits_per_sdu && !k->change &&
           (uint32_t)k->own[COC_CREDITS] * k->own[COC_MPS] > k->ring_size / 2;
}

/* Credits that the peer may have more of: each is worth a frame of mps octets, and there is never
 * more out than there is room for. */
uint16_t coc_credits_due(const struct coc *k)
{
    uint16_t each = k->change && k->new_mps > k->own[COC_MPS] ? k->new_mps : k->own[COC_MPS];
    uint32_t fit = (k->ring_size - k->ring_used) / each, all = k->ring_size / each;
    if (k->credits_per_sdu) {
        bool idle = !k->ring_used && !k->rx_left; /* all that has come is read */
        if (!idle && (k->own[COC_CREDITS] || !k->rx_left)) {
            return 0;
        }
        all = (k->own[COC_MTU] + 2u + k->own[COC_MPS] - 1) / k->own[COC_MPS];
        fit = min_u32(fit, all);
    }
    fit = min_u32(fit, UINT16_MAX);
    if (fit <= k->own[COC_CREDITS]) {
        return 0;
    }
    uint32_t more = fit - k->own[COC_CREDITS];
    bool soon =
        k->credits_per_sdu || !k->own[COC_CREDITS] || more >= (min_u32(all, UINT16_MAX) + 1) / 2;
    return (uint16_t)(soon ? more : 0);
}

/* Where the n-th octet of the ring lies; n is at most its size. */
static size_t ring_at(const struct coc *k, size_t n)
{
    size_t at = k->ring_head + n;
    return at < k->ring_size ? at : at - k->ring_size;
}

static void ring_put(struct coc *k, const uint8_t *p, size_t n)
{
    size_t at = ring_at(k, k->ring_used), first = k->ring_size - at;
    first = n < first ? n : first;
    if (n) {
        memcpy(k->ring + at, p, first);
        memcpy(k->ring, p + first, n - first);
    }
    k->ring_used += (uint32_t)n;
}

static void ring_take(struct coc *k, uint8_t *p, size_t n)
{
    size_t first = k->ring_size - k->ring_head;
    first = n < first ? n : first;
    if (n) {
        memcpy(p, k->ring + k->ring_head, first);
        memcpy(p + first, k->ring, n - first);
    }
    k->ring_used -= (uint32_t)n;
    k->ring_head = k->ring_used ? (uint32_t)ring_at(k, n) : 0;
}

/* What is there of the first SDU, as far as there is room. */
size_t coc_read_sdu(struct coc *k, uint8_t *p, size_t room, bool *end)
{
    uint8_t len[2];
    *end = false;
    if (!k->read_begun) {
        if (!k->ring_sdus) {
            return 0;
        }
        ring_take(k, len, sizeof len);
        k->read_left = (uint16_t)(len[0] | len[1] << 8);
        k->read_begun = true;
        k->ring_sdus--;
    }
    size_t n = k->ring_sdus ? k->read_left : min_u32(k->read_left, k->ring_used);
    n = n < room ? n : room;
    ring_take(k, p, n);
    k->read_left = (uint16_t)(k->read_left - n);
    *end = !k->read_left;
    k->read_begun = !*end;
    return n;
}

static uint32_t coc_readable(const struct coc *k)
{
    return k->ring_used - 2 * k->ring_sdus;
}

static void coc_emit_data(struct coc *k, enum woad_event_type type, const void *data, uint32_t len,
                          bool end)
{
    struct woad *h = k->c->h;
    if (coc_of_att(k)) {
        h->eatt_role->data(k, type);
        return;
    }
    struct woad_event ev;
    ev.u.coc_data.cid = k->own[COC_CID];
    ev.u.coc_data.data = data;
    ev.u.coc_data.len = len;
    ev.u.coc_data.end = end;
    emit_of(k->c, type, &ev);
}

/* Fills the buffers of woad_coc_receive(), of which the next may come from inside the event. */
static void coc_fill(struct coc *k)
{
    if (k->filling) {
        return;
    }
    k->filling = true;
    while (k->rx_buf) {
        bool end;
        k->rx_buf_len += (uint32_t)coc_read_sdu(k, k->rx_buf + k->rx_buf_len,
                                                k->rx_buf_size - k->rx_buf_len, &end);
        if (!end && k->rx_buf_len < k->rx_buf_size) {
            break;
        }
        const uint8_t *full = k->rx_buf;
        uint32_t len = k->rx_buf_len;
        k->rx_buf = NULL;
        coc_emit_data(k, WOAD_EV_COC_RECEIVED, full, len, end);
    }
    k->filling = false;
}

/* What is before the first part of an SDU, its length: past the ring, too, if nothing is in front
 * of it.  False: it is none. */
static bool coc_rx_length(struct coc *k, struct rd *in)
{
    const uint8_t *len = in->p;
    uint16_t sdu = rd_le16(in);
    if (in->bad || sdu > k->own[COC_MTU]) {
        return false;
    }
    if (k->rx_buf && !k->ring_used) {
        k->read_begun = true;
        k->read_left = sdu;
    } else {
        ring_put(k, len, 2);
        k->ring_sdus++;
    }
    k->rx_left = sdu;
    return true;
}

/* A part of an SDU: past the ring if nothing is in front of it, as far as there is room. */
static void coc_rx_part(struct coc *k, const uint8_t *p, size_t n)
{
    size_t straight =
        k->rx_buf && !k->ring_used ? min_u32((uint32_t)n, k->rx_buf_size - k->rx_buf_len) : 0;
    k->rx_left = (uint16_t)(k->rx_left - n);
    if (straight) {
        memcpy(k->rx_buf + k->rx_buf_len, p, straight);
        k->rx_buf_len += (uint32_t)straight;
        k->read_left = (uint16_t)(k->read_left - straight);
    }
    if (n != straight) {
        ring_put(k, p + straight, n - straight);
    }
}

/* A frame without a credit, longer than the MPS, of an SDU longer than the MTU or than it said,
 * or too short for the length: the channel is closed.  3.4.3, 10.1 */
void coc_rx(struct conn *c, uint16_t cid, struct rd *in)
{
    struct coc *k = coc_by_cid(c, cid);
    if (!k || k->state != COC_OPEN) {
        return;
    }
    if (!k->own[COC_CREDITS] || rd_left(in) > k->own[COC_MPS] ||
        (!k->rx_left && !coc_rx_length(k, in)) || rd_left(in) > k->rx_left) {
        coc_fail(k, WOAD_EBADMSG);
        return;
    }
    coc_rx_part(k, in->p, rd_left(in));
    k->own[COC_CREDITS]--;
    if (k->ring_used || !k->rx_left || k->rx_buf_len == k->rx_buf_size) {
        coc_fill(k); /* not in the middle of what goes straight there */
    }
    if (!k->rx_buf && (k->ring_sdus || k->read_begun) &&
        (!k->rx_left || (!k->own[COC_CREDITS] && !coc_credits_due(k)))) {
        coc_emit_data(k, WOAD_EV_COC_DATA, NULL, coc_readable(k), !k->rx_left);
    }
    if (!c->coc_sig_pending && !coc_has_plenty(k) && coc_credits_due(k)) {
        c->coc_sig_pending = true; /* a packet has come: the connection will be asked */
    }
}

void coc_too_long(struct conn *c, uint16_t cid)
{
    struct coc *k = coc_by_cid(c, cid);
    if (k && k->state == COC_OPEN) {
        coc_fail(k, WOAD_EBADMSG);
    }
}

int woad_coc_read(struct woad *h, uint16_t conn, uint16_t cid, void *buf, size_t room, bool *end)
{
    struct coc *k = coc_for_call(h, conn, cid);
    bool ended;
    if (!k) {
        return WOAD_ENOENT;
    }
    if (k->rx_buf) {
        return WOAD_EBUSY;
    }
    size_t n = coc_read_sdu(k, buf, room, &ended);
    if (end) {
        *end = ended;
    }
    coc_mark_signalling(k);
    return (int)n;
}

int32_t woad_coc_pending(const struct woad *h, uint16_t conn, uint16_t cid)
{
    const struct coc *k = coc_find(h, conn, cid);
    return k ? (int32_t)coc_readable(k) : WOAD_ENOENT;
}

int woad_coc_receive(struct woad *h, uint16_t conn, uint16_t cid, void *buf, size_t room)
{
    struct coc *k = coc_for_call(h, conn, cid);
    if (!k || k->state == COC_ENDED || k->state == COC_WAIT_DECISION) {
        return WOAD_ENOENT;
    }
    if (!buf || !room) {
        return WOAD_EINVAL;
    }
    if (k->rx_buf) {
        return WOAD_EBUSY;
    }
    k->rx_buf = buf;
    k->rx_buf_size = (uint32_t)(room < COC_RING_MAX ? room : COC_RING_MAX);
    k->rx_buf_len = 0;
    coc_fill(k);
    coc_mark_signalling(k);
    return 0;
}

/* --- what goes -------------------------------------------------------------------------------- */

void coc_send_sdu(struct coc *k, const void *data, size_t len)
{
    k->sdu = data;
    k->sdu_len = (uint16_t)len;
    k->sdu_off = 0;
    k->sending = true;
    k->sdu_begun = k->last_frame = false;
    k->c->coc->senders++;
}

int woad_coc_send(struct woad *h, uint16_t conn, uint16_t cid, const void *data, size_t len)
{
    struct coc *k = coc_for_call(h, conn, cid);
    if (!k) {
        return WOAD_ENOENT;
    }
    if (k->state != COC_OPEN) {
        return WOAD_ENOTCONN;
    }
    if (len > k->peer[COC_MTU] || (len && !data)) {
        return WOAD_EINVAL;
    }
    if (!MAY_FAIL(!k->sending)) {
        return WOAD_EAGAIN;
    }
    coc_send_sdu(k, data, len);
    return 0;
}

/* All of the frame has been copied.  If it was the SDU's last, the buffer is the application's
 * again. */
static void coc_copied(struct coc *k)
{
    if (k->last_frame) {
        k->sending = k->last_frame = false;
        k->c->coc->senders--;
        coc_emit_data(k, WOAD_EV_COC_SENT, k->sdu, k->sdu_len, true);
    }
}

void coc_sent(struct conn *c)
{
    struct coc *k = c->tx_channel;
    c->tx_channel = NULL;
    c->tx_tail = NULL;
    coc_copied(k);
}

/* A frame that goes in one packet is copied to where that is; of one that goes in several, each
 * part is taken from where it lies. */
static void coc_tx_part(struct coc *k, struct wr *body, struct rd *tail)
{
    size_t room = k->peer[COC_MPS], left = (size_t)(k->sdu_len - k->sdu_off);
    const uint8_t *part = left ? k->sdu + k->sdu_off : k->sdu; /* NULL, of an empty one */
    if (!k->sdu_begun) {
        wr_le16(body, k->sdu_len);
        room -= 2;
        k->sdu_begun = true;
    }
    size_t n = left < room ? left : room;
    k->sdu_off += (uint32_t)n;
    k->last_frame = k->sdu_off == k->sdu_len;
    k->peer[COC_CREDITS]--;
    if (l2cap_in_packet(k->c->h, body) && n <= wr_room(body)) {
        wr_bytes(body, part, n);
        coc_copied(k);
    } else {
        *tail = n ? rd_of(part, n) : *tail;
        k->c->tx_channel = k;
    }
}

/* The channels of a connection in turn, a frame each; then it is the queue's turn.  0: none has
 * any. */
uint16_t coc_tx(struct conn *c, struct wr *body, struct rd *tail)
{
    struct woad *h = c->h;
    struct coc_conn *cc = c->coc;
    struct coc *k = cc->turn ? cc->turn : cc->first;
    cc->turn = NULL;
    for (; k && (cc->senders || cc->bearers); k = k->next) {
        if (!k->sending && coc_of_att(k) && k->state == COC_OPEN) {
            h->eatt_role->load_pdu(k);
        }
        if (k->sending && !k->last_frame && k->peer[COC_CREDITS] && k->state == COC_OPEN) {
            uint16_t cid = k->peer[COC_CID];
            cc->turn = k->next; /* before what the application is told changes it */
            c->channels_turn = k->next != NULL;
            coc_tx_part(k, body, tail);
            return cid;
        }
    }
    return 0;
}

/* L2CAP_FLOW_CONTROL_CREDIT_IND: CID u16, which is the sender's, credits u16: none, or more than
 * 65,535 in all, close the channel.  4.24, 10.1 */
void coc_add_credits(struct coc *k, uint16_t credits)
{
    if (!credits || credits > UINT16_MAX - k->peer[COC_CREDITS]) {
        coc_fail(k, WOAD_EBADMSG);
    } else {
        k->peer[COC_CREDITS] = (uint16_t)(k->peer[COC_CREDITS] + credits);
    }
}
