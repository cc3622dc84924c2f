/* The signalling channel.  A frame holds one command: code u8, identifier u8, length u16, data.
 * Vol 3, Part A, 4 */
#ifndef WOAD_L2CAP_SIG_H
#define WOAD_L2CAP_SIG_H

#include "../core/conn.h"

enum { /* Vol 3, Part A, 4 */
       SIG_REJECT = 0x01,
       SIG_DISCONNECT_REQ = 0x06,
       SIG_DISCONNECT_RSP = 0x07,
       SIG_PARAM_REQ = 0x12,
       SIG_PARAM_RSP = 0x13,
       SIG_CREDIT_CONN_REQ = 0x14,
       SIG_CREDIT_CONN_RSP = 0x15,
       SIG_CREDITS = 0x16,
       SIG_ENHANCED_CONN_REQ = 0x17,
       SIG_ENHANCED_CONN_RSP = 0x18,
       SIG_RECONFIGURE_REQ = 0x19,
       SIG_RECONFIGURE_RSP = 0x1a
};
enum { SIG_HDR = 4 };
enum { SIG_NOT_UNDERSTOOD = 0, SIG_MTU_EXCEEDED = 1, SIG_INVALID_CID = 2 };
enum { SIG_TIMEOUT_MS = 30000, SIG_LONG_TIMEOUT_MS = 60000 }; /* RTX, ERTX timers.  6.2 */

/* l2cap_sig.c */

/* A command from the peer; the next one to send, false: none. */
void sig_rx(struct conn *c, struct rd *in);
bool sig_tx(struct conn *c, struct wr *out);
ALWAYS_INLINE bool sig_tx_pending(const struct conn *c)
{
    return c->coc_sig_pending || c->want_sig_update || !fifo_empty(&c->sig_queue);
}
/* Command Reject: the frame is longer than the signalling MTU; a channel does not exist. */
void sig_too_long(struct conn *c, uint8_t id);
void sig_reject_cid(struct conn *c, uint8_t id, uint16_t ours, uint16_t theirs);
/* Writes a command's header; `len`: octets of its data. */
void sig_head(struct wr *out, uint8_t code, uint8_t id, uint16_t len);
/* An identifier for a command of ours: 1 to 255, in turn. */
uint8_t sig_new_id(struct conn *c);
/* Queues a response; false: the queue is full. */
bool sig_respond(struct conn *c, uint8_t code, uint8_t id, const void *data, uint16_t len);

/* conn_params.c: parameters of a request, in HCI's and L2CAP's units. */

bool conn_params_valid(const uint16_t p[PARAMS]);
/* What they have to be, for the log: four %u. */
#define CONN_PARAMS_LIMITS \
    "interval %u to %u (1.25 ms): 6 to 3200; latency %u: 0 to 499; supervision %u (10 ms): 10 to " \
    "3200, and four times it is above (1 + latency) * the longest interval"
void conn_params_of(const struct woad_connect_params *p, uint16_t params[PARAMS]);
/* Writes them as HCI's commands end. */
void conn_wr_params(struct wr *out, const uint16_t p[PARAMS]);
/* Reads a request of the peer.  True: accepted, and in c->requested_params. */
bool conn_rx_params(struct conn *c, struct rd *in);
/* Raises WOAD_EV_CONN_UPDATE; it ends an update of the application that has been sent. */
void conn_updated(struct conn *c, int status);

#endif
