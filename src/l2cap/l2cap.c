/* L2CAP's fixed channels on LE.  Vol 3, Part A, 2.1 */
#include "../core/ready.h"
#include "../core/security.h"
#include "coc_role.h"
#include "l2cap.h"
#include "sig.h"

/* Where there is no security manager, a peer that asks to pair is told so at once, instead of
 * waiting 30 s.  Pairing Failed, Pairing Not Supported.  Vol 3, Part H, 3.5.5 */
enum { SMP_PAIRING_REQUEST = 0x01, SMP_PAIRING_FAILED = 0x05, SMP_SECURITY_REQUEST = 0x0b };
enum { SMP_NOT_SUPPORTED = 0x05 };

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
    }
}

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
    struct woad *h = c->h;
    if (cid >= CID_FIRST && h->coc_role) {
        h->coc_role->rx(c, cid, in);
        return;
    }
    if (cid == CID_ATT) {
        att_rx(c->bearer, in);
        return;
    }
    h->commands_idle = false;
    if (cid == CID_SIGNALLING) {
        sig_rx(c, in);
    } else if (cid == CID_SMP) {
        security_rx(c, in);
    }
}

/* The next frame's body; returns its channel, 0 when there is none.  What waits for somebody goes
 * first; then each channel with credits has its turn, and notifications have theirs. */
uint16_t l2cap_tx(struct conn *c, struct wr *body, struct rd *tail)
{
    struct woad *h = c->h;
    uint8_t stirred = c->tx_pending;
    if (!stirred) {
        return att_tx_queue(c->bearer, body) ? CID_ATT : 0;
    }
    c->tx_pending = 0; /* a callback may stir them again */
    if (stirred & TX_PENDING_FIXED) {
        uint16_t cid = sig_tx_pending(c) && sig_tx(c, body) ? CID_SIGNALLING
                       : security_tx(c, body)               ? CID_SMP
                       : att_tx(c->bearer, body)            ? CID_ATT
                                                            : 0;
        if (cid) {
            c->tx_pending |= stirred;
            return cid;
        }
    }
    /* The rest of a round of the channels, the queue, a whole round. */
    for (int n = 0; n < 3; n++) {
        uint16_t cid = 0;
        if (!c->channels_turn) {
            c->channels_turn = true;
            cid = att_tx_queue(c->bearer, body) ? CID_ATT : 0;
        } else {
            bool any = stirred & TX_PENDING_CHANNELS && h->coc_role;
            cid = any ? h->coc_role->tx(c, body, tail) : 0;
            c->channels_turn = c->channels_turn && cid;
        }
        if (cid) {
            c->tx_pending |= stirred & TX_PENDING_CHANNELS;
            return cid;
        }
    }
    return 0;
}
