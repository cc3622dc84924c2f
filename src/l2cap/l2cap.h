/* L2CAP: ACL fragments, frames, the fixed channels of LE.  Vol 3, Part A */
#ifndef WOAD_L2CAP_L2CAP_H
#define WOAD_L2CAP_L2CAP_H

#include "../core/conn.h"

enum { CID_ATT = 4, CID_SIGNALLING = 5, CID_SMP = 6, CID_FIRST = 0x40, CID_LAST = 0x7f };

/* acl.c */
int acl_rx(struct woad *h, const uint8_t *p, size_t n);
size_t acl_tx(struct woad *h, uint8_t *buf, size_t room);
void acl_abandon(struct conn *c);
/* l2cap.c */
void l2cap_rx(struct conn *c, uint16_t cid, struct rd *in);
uint16_t l2cap_tx(struct conn *c, struct wr *body, struct rd *tail);
/* Whether a frame is written where its one packet goes, and not into the buffer for fragments. */
static inline bool l2cap_in_packet(const struct woad *h, const struct wr *body)
{
    return body->base != h->tx_frame + 4;
}

/* Provided by the layer above, att/att.c: a PDU on a bearer; the next one to send, false: none. */
void att_rx(struct att_bearer *b, struct rd *in);
bool att_tx(struct att_bearer *b, struct wr *out);
bool att_tx_queue(struct att_bearer *b, struct wr *out);
/* A packet of the connection has left the controller. */
void att_check_tx_done(struct conn *c);

#endif
