/* L2CAP's fixed channels on LE.  Vol 3, Part A, 2.1 */
#include "host.h"

/* Where there is no security manager, a peer that asks to pair is told so at once, instead of
 * waiting 30 s.  Pairing Failed, Pairing Not Supported.  Vol 3, Part H, 3.5.5 */
enum { SMP_PAIRING_REQUEST = 0x01, SMP_PAIRING_FAILED = 0x05, SMP_SECURITY_REQUEST = 0x0b };
enum { SMP_NOT_SUPPORTED = 0x05 };

static void security_rx(struct woad *h, uint16_t i, struct rd *in)
{
    struct conn *c = &h->conns[i];
    if (h->smp_role) {
        h->smp_role->rx(h, i, in);
        return;
    }
    uint8_t code = rd_u8(in);
    if (!in->bad && code == (c->central ? SMP_SECURITY_REQUEST : SMP_PAIRING_REQUEST)) {
        c->smp_refuse = 1;
    }
}

static bool security_tx(struct woad *h, uint16_t i, struct wr *out)
{
    if (h->smp_role) {
        return h->smp_role->tx(h, i, out);
    }
    if (!h->conns[i].smp_refuse) {
        return false;
    }
    h->conns[i].smp_refuse = 0;
    wr_u8(out, SMP_PAIRING_FAILED);
    wr_u8(out, SMP_NOT_SUPPORTED);
    return true;
}

static const struct {
    uint16_t cid;
    void (*rx)(struct woad *h, uint16_t i, struct rd *in);
    bool (*tx)(struct woad *h, uint16_t i, struct wr *out);
} channels[] = {                         /* in the order in which they may send */
    { CID_SIGNALLING, sig_rx, sig_tx },
    { CID_SMP, security_rx, security_tx },
    { CID_ATT, att_rx, att_tx },
};
enum { CHANNELS = sizeof channels / sizeof *channels };

/* A frame on a channel that does not exist is dropped: L2CAP/LE/CID/BI-01-C.  2.1 */
void l2cap_rx(struct woad *h, uint16_t i, uint16_t cid, struct rd *in)
{
    if (cid >= CID_FIRST && h->coc_role) {
        h->coc_role->rx(h, i, cid, in);
        return;
    }
    h->hci.quiet = h->hci.quiet && cid == CID_ATT;
    for (size_t n = 0; n < CHANNELS; n++) {
        if (channels[n].cid == cid) {
            channels[n].rx(h, i, in);
            return;
        }
    }
}

/* The next frame's body; returns its channel, 0 when there is none.  What waits for somebody goes
 * first; then each channel with credits has its turn, and notifications have theirs. */
uint16_t l2cap_tx(struct woad *h, uint16_t i, struct wr *body, struct rd *tail)
{
    struct conn *c = &h->conns[i];
    uint8_t stirred = c->stirred;
    if (!stirred) {
        return att_tx_queue(h, i, body) ? CID_ATT : 0;
    }
    c->stirred = 0;                      /* a callback may stir them again */
    for (size_t n = 0; stirred & STIRRED_FIXED && n < CHANNELS; n++) {
        if (channels[n].tx(h, i, body)) {
            c->stirred |= stirred;
            return channels[n].cid;
        }
    }
    /* The rest of a round of the channels, the queue, a whole round. */
    for (int n = 0; n < 3; n++) {
        uint16_t cid = 0;
        if (!c->channels_turn) {
            cid = att_tx_queue(h, i, body) ? CID_ATT : 0;
        } else if (stirred & STIRRED_CHANNELS && h->coc_role) {
            cid = h->coc_role->tx(h, i, body, tail);
        }
        if (!cid || cid == CID_ATT) {
            c->channels_turn = !c->channels_turn;
        }
        if (cid) {
            c->stirred |= stirred & STIRRED_CHANNELS;
            return cid;
        }
    }
    return 0;
}
