/* ACL data: reassembly of L2CAP frames, fragmentation, and the controller's buffers, which all
 * connections share.  acl_tx() decides which connection sends next: the ready list.
 * Vol 4, Part E, 5.4.2
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   acl_free: the controller's ACL buffers that are not in use
 *   acl_total: of hci: buffers of the controller
 *   att_check_tx_done(): raises WOAD_EV_TX_DONE, if it is wanted and everything has left
 *   AWAITS_PACKETS: bit of conn.awaits: a connection that ends when no packet is completed:
 *       conn_watch()
 *   became_ready: marked ready since its last turn: it stays on the ready list
 *   CHECK_LOST_WAKEUP: a test build: polls all connections; a forgotten conn_mark_ready() traps
 *   CID_FIRST: CID_…: channels of L2CAP: the fixed ones; the first and the last of the others
 *   coc_role: credit-based channels, as L2CAP calls them; NULL: not linked
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   conn_arrived(): an awaited HCI event has arrived, or is not awaited any more
 *   conn_by_handle(): the connection with HCI's handle; NULL: none
 *   conn_count: of the host: connections that exist
 *   conn_mark_queue_ready(): puts the connection on the ready list; tx_pending stays as it is,
 *       which is enough for c->queue: notifications, indications, write commands
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   conns_end: of the host: the end of its connections' slots
 *   event_depth: events being raised, one inside the other; only with CHECK_LOST_WAKEUP
 *   frame_copied: of coc_role: all of tx_channel's frame is in packets: sets tx_channel to NULL,
 *       and may raise WOAD_EV_COC_SENT
 *   get_le16(): 16 bits at any address, little endian
 *   H4_ACL: H4_…: types of packets
 *   HANDLE_MASK: bits of a connection's handle, in fields that have flags above it
 *   hci: of the host: HCI's flow control and what the controller has said: core/host.h
 *   l2cap_rx(): handles a frame on a channel
 *   l2cap_tx(): writes the next frame's payload to `body` and returns its CID; 0: none. If a
 *       channel's data do not fit there, tx_channel is set, `tail` is the data in the application's
 *       SDU, and `body` has at most the SDU's length
 *   LL_OCTETS_MIN: octets of payload of a data packet without the length extension
 *   LOG(): a line in the log, with printf()'s format
 *   MALFORMED(): logs a malformed packet of the controller: WOAD_EBADMSG
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   packets_in_controller: ACL packets sent that the controller has not completed
 *   put_le16(): writes 16 bits at any address, little endian
 *   rd_left(): octets not read yet (base/buf.h)
 *   rd_of(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   ready_next: the ready list, a ring; NULL: not on it
 *   ready_tail: tail of the ready list, a ring of connections; NULL: empty
 *   rx_frame_max: octets of the largest L2CAP payload that the host can receive
 *   rx_len: octets of the incomplete frame in c->rx
 *   sig_too_long(): queues Command Reject: the command is longer than the signalling MTU
 *   tx_channel: the channel of the frame being sent; NULL: none, or closed
 *   tx_frame: a frame that is sent in fragments, of tx_frame_of.conn
 *   tx_frame_max: octets of the largest L2CAP payload that the host sends
 *   tx_frame_of: the connection of the frame in tx_frame; while memory is laid out: the arena
 *   tx_left: octets of the frame being sent that are in no packet yet
 *   tx_pending: what woad_tx() polls: TX_PENDING_FIXED (signalling, SMP, ATT), TX_PENDING_CHANNELS
 *   TX_PENDING_CHANNELS: bit of tx_pending: the credit-based channels are to be polled
 *   TX_PENDING_FIXED: bit of tx_pending: signalling, SMP and ATT are to be polled
 *   tx_tail: where the rest of the frame being sent is: in tx_frame, or in the application's SDU;
 *       NULL: zeros are sent in its place, because the channel has closed
 *   tx_unfinished: woad_tx() returned 0 before all ready connections were polled
 *   waits_for_buffers: a connection that used up its share of buffers has left the ready list
 *   wipe(): zeros octets, and the compiler does not remove that
 *   wr_of(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../base/bytes.h"
#include "../core/log.h"
#include "../core/ready.h"
#include "../hci/hci.h"
#include "coc_role.h"
#include "l2cap.h"
#include "sig.h"

enum { ACL_HDR = 5, L2CAP_HDR = 4 }; /* with the H4 type octet; len u16, cid u16 */
enum { PB_START_TO_CONTROLLER = 0, PB_CONTINUE = 1, PB_START = 2 };

/* A frame of the Security Manager holds keys: a complete one is erased from the reassembly buffer
 * when it has been passed on, and from the send buffer when it has been copied into packets.  Parts
 * of an incomplete one stay in c->rx until other octets or conn_close() overwrite them. */
static void acl_wipe(uint8_t *frame, size_t len)
{
    if (get_le16(frame + 2) == CID_SMP) {
        wipe(frame, len);
    }
}

/* A frame in fragments that is longer than rx_frame_max is dropped; `len` octets of it are here.
 * If these name the channel: on the signalling channel the host answers with Command Reject, a
 * credit-based channel is closed.  Vol 3, Part A, 4.1, 3.4.3 */
static void acl_too_long(struct conn *c, const uint8_t *frame, size_t len)
{
    uint16_t cid = 0;
    if (len >= L2CAP_HDR) {
        cid = get_le16(frame + 2);
    }
    if (cid == CID_SIGNALLING && len > L2CAP_HDR + 1) {
        sig_too_long(c, frame[L2CAP_HDR + 1]);
    } else if (cid >= CID_FIRST && c->h->coc_role) {
        c->h->coc_role->rx_too_long(c, cid);
    }
}

/* Octets of the buffer conn.rx. */
static size_t acl_frame_max(const struct conn *c)
{
    return c->h->rx_frame_max + (size_t)L2CAP_HDR;
}

static void acl_deliver(struct conn *c, const uint8_t *frame, size_t len)
{
    struct rd in = rd_of(frame + L2CAP_HDR, len - L2CAP_HDR);
    l2cap_rx(c, get_le16(frame + 2), &in);
}

/* The first `len` octets of a frame.  True: more fragments must follow.  False: the frame has been
 * passed on, or dropped: it is too long (acl_too_long()), or has more octets than its length says.
 * Vol 3, Part A, 7.2.1 */
static bool acl_incomplete(struct conn *c, const uint8_t *frame, size_t len)
{
    size_t max = acl_frame_max(c);
    size_t need = max;
    if (len >= 2) {
        need = get_le16(frame) + (size_t)L2CAP_HDR;
    }
    if (len < need && need <= max) {
        return true;
    }
    if (len == need) {
        acl_deliver(c, frame, len);
    } else if (len < need) {
        acl_too_long(c, frame, len);
    }
    return false;
}

/* The first fragment; an earlier frame that is still incomplete is dropped.  A frame in a single
 * packet is not copied, so rx_frame_max does not limit it: ATT, signalling, SMP and the channels
 * check their own limits. */
static void acl_start(struct conn *c, const uint8_t *p, size_t n)
{
    c->rx_len = 0;
    if (n >= L2CAP_HDR && n - L2CAP_HDR == get_le16(p)) {
        acl_deliver(c, p, n); /* most packets */
    } else if (acl_incomplete(c, p, n)) {
        memcpy(c->rx, p, n);
        c->rx_len = (uint32_t)n;
    }
}

/* A further fragment.  Dropped, with what is in the buffer, if that has no first fragment, or no
 * room for this one. */
static void acl_continue(struct conn *c, const uint8_t *p, size_t n)
{
    size_t before = c->rx_len, len = before + n;
    c->rx_len = 0;
    if (!before || len > acl_frame_max(c)) {
        LOG(c->h, WOAD_LOG_DEBUG, "connection 0x%x: a fragment of %u octets is dropped: %s",
            c->number, (unsigned)n, before ? "its frame is too long" : "it has no beginning");
        return;
    }
    memcpy(c->rx + before, p, n);
    if (acl_incomplete(c, c->rx, len)) {
        c->rx_len = (uint32_t)len;
    } else {
        acl_wipe(c->rx, len);
    }
}

/* handle u12, pb u2, bc u2, len u16, fragment.  5.4.2 */
int acl_rx(struct woad *h, const uint8_t *p, size_t n)
{
    if (n < 4 || get_le16(p + 2) != n - 4) {
        return MALFORMED(h, H4_ACL, p, n);
    }
    uint16_t head = get_le16(p);
    unsigned pb = head >> 12 & 3;
    struct conn *c = conn_by_handle(h, head & HANDLE_MASK);
    if (!c || c->state != CONN_OPEN) { /* sent before it ended; or the application has ended it */
        return 0;
    }
    if (pb > PB_START) {
        return MALFORMED(c->h, H4_ACL, p, n);
    }
    p += 4;
    n -= 4;
    if (n) {
        if (pb == PB_CONTINUE) {
            acl_continue(c, p, n);
        } else { /* some controllers use PB_START_TO_CONTROLLER here */
            acl_start(c, p, n);
        }
    }
    /* conn_mark_ready(), in line: what was received may need an answer */
    c->tx_pending = TX_PENDING_FIXED | TX_PENDING_CHANNELS;
    conn_mark_queue_ready(c);
    return 0;
}

/* HCI_Number_Of_Completed_Packets: n u8, n times { handle u16, count u16 }.  7.7.19
 * A count beyond the packets that were sent is the controller's error: the excess is ignored. */
int acl_rx_completed(struct woad *h, const uint8_t *p, size_t len)
{
    if (!len || len != 1 + *p * 4u) {
        return MALFORMED(h, H4_EVENT, p, len);
    }
    for (unsigned n = *p++; n; n--, p += 4) {
        struct conn *c = conn_by_handle(h, get_le16(p) & HANDLE_MASK);
        if (c) {
            uint16_t count = (uint16_t)min_u32(get_le16(p + 2), c->packets_in_controller);
            c->packets_in_controller = (uint16_t)(c->packets_in_controller - count);
            if (count) {
                conn_arrived(c, AWAITS_PACKETS);
            }
            h->hci.acl_free = (uint16_t)(h->hci.acl_free + count);
            att_check_tx_done(c);
        }
    }
    /* Connections without buffers have left the ready list with tx_pending as it was.  acl_tx()
     * takes free slots, and those with nothing to send, off the list again. */
    for (struct conn *c = h->conns; h->waits_for_buffers && c < h->conns_end; c++) {
        conn_mark_queue_ready(c);
    }
    h->waits_for_buffers = false;
    return 0;
}

static void acl_head(uint8_t *buf, uint16_t handle, unsigned pb, size_t len)
{
    buf[0] = H4_ACL;
    put_le16(buf + 1, (uint16_t)(handle | pb << 12));
    put_le16(buf + 3, (uint16_t)len);
}

/* Writes a fragment of at most `max` octets: `head` of them are in `buf` already, then octets of
 * c->tx_tail.  Returns the packet's length.  After the last fragment of a frame h->tx_frame is free
 * again, or frame_copied() has been called. */
static size_t acl_tx_fragment(struct conn *c, unsigned pb, size_t head, uint8_t *buf, size_t max)
{
    struct woad *h = c->h;
    size_t n = min_size(head + c->tx_left, max);
    size_t of_tail = n - head;
    acl_head(buf, c->handle, pb, n);
    if (c->tx_tail) {
        memcpy(buf + ACL_HDR + head, c->tx_tail, of_tail);
        c->tx_tail += of_tail;
    } else {
        memset(buf + ACL_HDR + head, 0, of_tail); /* the channel was closed; the frame must end */
    }
    c->tx_left -= (uint32_t)of_tail;
    /* a frame in tx_frame is of no channel, so its tx_tail is not NULL */
    if (!c->tx_left && h->tx_frame_of.conn == c) {
        acl_wipe(h->tx_frame, (size_t)(c->tx_tail - h->tx_frame));
        h->tx_frame_of.conn = NULL;
    }
    if (!c->tx_left && c->tx_channel) {
        h->coc_role->frame_copied(c);
    }
    return ACL_HDR + n;
}

/* Called when the connection ends, and when its encryption ends: does not send the remaining
 * fragments of a frame in h->tx_frame.  The peer drops the ones it has when the next frame begins.
 * Does nothing to a channel's frame: if its channel closes, zeros complete it (coc_abandon()).  Vol
 * 3, Part A, 7.2.2 */
void acl_abandon(struct conn *c)
{
    struct woad *h = c->h;
    if (h->tx_frame_of.conn == c) {
        wipe(h->tx_frame, h->tx_frame_max + 4u);
        h->tx_frame_of.conn = NULL;
        c->tx_left = 0;
    }
}

/* A packet of this connection, of at most `max` octets of data: the next fragment, or the first of
 * a new frame; 0: none.  `direct`: even the largest frame fits a packet, so frames are written into
 * the packet.  Else they are written to h->tx_frame, and fragments are copied from there.  In both
 * cases a channel's data that are in `tail` are copied from the application's SDU. */
static size_t acl_tx_conn(struct woad *h, struct conn *c, uint8_t *buf, size_t max)
{
    if (c->tx_left) {
        return acl_tx_fragment(c, PB_CONTINUE, 0, buf, max);
    }
    bool direct = h->tx_frame_max + (size_t)L2CAP_HDR <= max;
    uint8_t *frame = h->tx_frame;
    if (direct) {
        frame = buf + ACL_HDR;
    }
    struct wr body = wr_of(frame + L2CAP_HDR, h->tx_frame_max);
    struct rd tail = { .p = NULL, .end = NULL, .bad = false };
    uint16_t cid = l2cap_tx(c, &body, &tail);
    if (!cid) {
        return 0;
    }
    size_t head_len = (size_t)(body.p - frame), len = head_len + rd_left(&tail);
    put_le16(frame, (uint16_t)(len - L2CAP_HDR));
    put_le16(frame + 2, cid);
    if (direct && !c->tx_channel) {
        acl_head(buf, c->handle, PB_START_TO_CONTROLLER, len);
        return ACL_HDR + len;
    }
    if (!c->tx_channel) {
        h->tx_frame_of.conn = c;
        c->tx_tail = frame;
        c->tx_left = (uint32_t)len;
        return acl_tx_fragment(c, PB_START_TO_CONTROLLER, 0, buf, max);
    }
    if (!direct) {
        memcpy(buf + ACL_HDR, frame, head_len);
    }
    c->tx_tail = tail.p;
    c->tx_left = (uint32_t)(len - head_len);
    return acl_tx_fragment(c, PB_START_TO_CONTROLLER, head_len, buf, max);
}

/* Fair use of the controller's buffers: with several connections, one that has used its share gets
 * another only while more than a quarter are free.  Otherwise connections with a long interval
 * would fill all of them. */
static bool acl_may_take(const struct woad *h, const struct conn *c)
{
    uint32_t open = h->conn_count;
    if (open < 2) {
        return true;
    }
    uint32_t total = h->hci.acl_total, has = c->packets_in_controller;
    return !has || h->hci.acl_free > (total + 3) / 4 || (has + 1) * open <= total;
}

/* With CHECK_LOST_WAKEUP: a connection that is not on the ready list must have nothing to send.
 * Not inside an event: all connections are marked after it. */
static void acl_check(struct woad *h, uint8_t *buf, size_t max)
{
    for (struct conn *c = h->conns; CHECK_LOST_WAKEUP && c < h->conns_end; c++) {
        if (h->event_depth || c->state != CONN_OPEN || c->ready_next || !acl_may_take(h, c)) {
            continue;
        }
        c->tx_pending |= TX_PENDING_FIXED | TX_PENDING_CHANNELS;
        if (acl_tx_conn(h, c, buf, max)) {
            __builtin_trap();
        }
    }
}

/* The first connection of the ring has been polled: it becomes the last, or leaves the ring. */
static void ready_take_turn(struct woad *h, struct conn *c, bool stays)
{
    struct conn *tail = h->ready_tail;
    if (stays) {
        h->ready_tail = c;
    } else {
        tail->ready_next = c->ready_next;
        if (c == tail) {
            h->ready_tail = NULL;
        } else {
            h->ready_tail = tail;
        }
        c->ready_next = NULL;
    }
}

/* Polls in one woad_tx(), at most.  A poll may raise an event and send nothing: a peripheral with
 * enough security raises WOAD_EV_SECURITY instead of a Security Request.  Without this limit, a
 * callback that calls woad_pair() in each such event would never let woad_tx() return.  With it,
 * woad_poll() returns 0, and the rest is polled next time. */
enum { TURNS = 255 };

/* Writes one packet and returns its length; 0: none, or the controller has no buffer.  Connections
 * have turns, a packet each.  A frame in h->tx_frame is finished first, because there is only one
 * such buffer.  A connection that has used its share of the controller's buffers leaves the ring
 * until packets have been completed. */
size_t acl_tx(struct woad *h, uint8_t *buf, size_t room)
{
    if (!h->hci.acl_free || room < ACL_HDR + LL_OCTETS_MIN) {
        return 0;
    }
    struct conn *c = h->tx_frame_of.conn;
    size_t len = 0, max = min_size(room - ACL_HDR, h->hci.acl_len);
    if (c) {
        len = acl_tx_fragment(c, PB_CONTINUE, 0, buf, max);
    }
    for (unsigned turns = TURNS; !len && h->ready_tail; turns--) {
        if (!turns) {
            /* commands_idle ends the loop of woad_tx(), too; woad_poll() clears both */
            h->tx_unfinished = h->commands_idle = true;
            return 0;
        }
        c = h->ready_tail->ready_next;
        c->became_ready = false;
        if (c->state == CONN_OPEN) {
            if (acl_may_take(h, c)) {
                len = acl_tx_conn(h, c, buf, max);
            } else {
                h->waits_for_buffers = true;
            }
        }
        ready_take_turn(h, c, len || c->became_ready);
    }
    if (len) {
        c->packets_in_controller++;
        h->hci.acl_free--;
    } else {
        acl_check(h, buf, max);
    }
    return len;
}
