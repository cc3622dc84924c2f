/* L2CAP's channels: a received frame to the layer of its channel, and which channel sends next.
 * Vol 3, Part A, 2.1
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   att_rx(): handles a PDU on a bearer
 *   att_tx(): the next request, response or confirmation of a bearer; false: none
 *   att_tx_queue(): the next PDU of c->queue; false: none may leave on this bearer now
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   bearer: of a connection: its fixed ATT channel; of a procedure: where it runs; NULL: nowhere
 *   channels_turn: the next frame is a channel's, not of c->queue: they have turns
 *   CID_ATT: CID_…: channels of L2CAP: the fixed ones; the first and the last of the others
 *   coc_role: credit-based channels, as L2CAP calls them; NULL: not linked
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   LOG(): a line in the log, with printf()'s format
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   pairing_refusal_due: Pairing Failed is to be sent: there is no Security Manager
 *   rd_u8(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   sig_tx_pending(): the signalling channel has something to send
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked
 *   tx_pending: what woad_tx() polls: TX_PENDING_FIXED (signalling, SMP, ATT), TX_PENDING_CHANNELS
 *   TX_PENDING_CHANNELS: bit of tx_pending: the credit-based channels are to be polled
 *   TX_PENDING_FIXED: bit of tx_pending: signalling, SMP and ATT are to be polled
 *   wr_u8(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/log.h"
#include "../core/ready.h"
#include "../core/security.h"
#include "coc_role.h"
#include "l2cap.h"
#include "sig.h"

/* Without a Security Manager, a pairing or security request is answered by Pairing Failed, Pairing
 * Not Supported: the peer would wait 30 s otherwise.  Vol 3, Part H, 3.5.5 */
enum { SMP_PAIRING_REQUEST = 0x01, SMP_PAIRING_FAILED = 0x05, SMP_SECURITY_REQUEST = 0x0b };
enum { SMP_NOT_SUPPORTED = 0x05 };

/* The Security Manager's channel.  Without one, a request is refused with Pairing Failed. */
static void security_rx(struct conn *c, struct rd *in)
{
    struct woad *h = c->h;
    if (h->smp_role) {
        h->smp_role->rx(c, in);
        return;
    }
    uint8_t code = rd_u8(in);
    if (!in->bad && code == (c->central ? SMP_SECURITY_REQUEST : SMP_PAIRING_REQUEST)) {
        c->pairing_refusal_due = 1;
        LOG(h, WOAD_LOG_WARNING, "connection 0x%x: pairing is refused: " NO_FEATURE, c->number,
            "woad_feature_security_manager");
    }
}

/* The next PDU of that channel; false: none. */
static bool security_tx(struct conn *c, struct wr *out)
{
    struct woad *h = c->h;
    if (h->smp_role) {
        return h->smp_role->tx(c, out);
    }
    if (!c->pairing_refusal_due) {
        return false;
    }
    c->pairing_refusal_due = 0;
    wr_u8(out, SMP_PAIRING_FAILED);
    wr_u8(out, SMP_NOT_SUPPORTED);
    return true;
}

/* A frame on a channel that does not exist is dropped: L2CAP/LE/CID/BI-01-C.  2.1 */
void l2cap_rx(struct conn *c, uint16_t cid, struct rd *in)
{
    if (cid == CID_ATT) {
        att_rx(c->bearer, in);
        return;
    }
    struct woad *h = c->h;
    if (cid >= CID_FIRST && h->coc_role) {
        h->coc_role->rx(c, cid, in);
        return;
    }
    h->commands_idle = false;
    if (cid == CID_SIGNALLING) {
        sig_rx(c, in);
    } else if (cid == CID_SMP) {
        security_rx(c, in);
    } else {
        LOG(h, WOAD_LOG_DEBUG,
            "connection 0x%x: a frame of channel 0x%x, which there is not, is dropped", c->number,
            cid);
    }
}

/* A fixed channel that has something to send, other than conn.queue; 0: none. */
static uint16_t l2cap_tx_fixed(struct conn *c, struct wr *body)
{
    if (sig_tx_pending(c) && sig_tx(c, body)) {
        return CID_SIGNALLING;
    }
    if (security_tx(c, body)) {
        return CID_SMP;
    }
    if (att_tx(c->bearer, body)) {
        return CID_ATT;
    }
    return 0;
}

/* Fixed channels have priority: there, a peer or a procedure is waiting.  Then one frame from each
 * credit-based channel, and one from the queue of notifications, in turn. */
uint16_t l2cap_tx(struct conn *c, struct wr *body, struct rd *tail)
{
    uint8_t pending = c->tx_pending;
    if (!pending) {
        if (att_tx_queue(c->bearer, body)) {
            return CID_ATT;
        }
        return 0;
    }
    c->tx_pending = 0; /* a callback may set it again */
    if (pending & TX_PENDING_FIXED) {
        uint16_t cid = l2cap_tx_fixed(c, body);
        if (cid) {
            c->tx_pending |= pending;
            return cid;
        }
    }
    /* The channels left of the current round, the queue, then a whole round of the channels. */
    for (int n = 0; n < 3; n++) {
        uint16_t cid = 0;
        if (!c->channels_turn) {
            c->channels_turn = true;
            if (att_tx_queue(c->bearer, body)) {
                cid = CID_ATT;
            }
        } else {
            if (pending & TX_PENDING_CHANNELS && c->h->coc_role) {
                cid = c->h->coc_role->tx(c, body, tail);
            }
            c->channels_turn = c->channels_turn && cid;
        }
        if (cid) {
            c->tx_pending |= pending & TX_PENDING_CHANNELS;
            return cid;
        }
    }
    return 0;
}
