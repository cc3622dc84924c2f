/* L2CAP: ACL fragments, frames, the fixed channels of LE.  Vol 3, Part A */
#ifndef WOAD_L2CAP_L2CAP_H
#define WOAD_L2CAP_L2CAP_H

#include "../core/conn.h"

enum { CID_ATT = 4, CID_SIGNALLING = 5, CID_SMP = 6, CID_FIRST = 0x40, CID_LAST = 0x7f };

/* acl.c */

/* One HCI ACL data packet, without the H4 type: 0, or WOAD_EBADMSG. */
int acl_rx(struct woad *h, const uint8_t *p, size_t n);
/* Writes the next one, with the H4 type; returns its length, 0: none. */
size_t acl_tx(struct woad *h, uint8_t *buf, size_t room);
/* Drops the frame of this connection that is partly sent. */
void acl_abandon(struct conn *c);

/* l2cap.c */

/* The payload of one frame on a channel.  Frames on channels that do not exist are dropped. */
void l2cap_rx(struct conn *c, uint16_t cid, struct rd *in);
/* The next frame: returns its channel, 0: none.  Its payload is `body`, then `tail`, which is in
 * the application's memory: an SDU of a credit-based channel. */
uint16_t l2cap_tx(struct conn *c, struct wr *body, struct rd *tail);
/* `body` lies in the packet itself, and not in h->tx_frame. */
static inline bool l2cap_in_packet(const struct woad *h, const struct wr *body)
{
    return body->base != h->tx_frame + 4;
}

/* Provided by the layer above, att/att.c. */

/* A PDU on a bearer. */
void att_rx(struct att_bearer *b, struct rd *in);
/* The next request, response or confirmation to send; one of conn.queue; false: none. */
bool att_tx(struct att_bearer *b, struct wr *out);
bool att_tx_queue(struct att_bearer *b, struct wr *out);
/* ACL packets of the connection have left the controller. */
void att_check_tx_done(struct conn *c);

#endif
