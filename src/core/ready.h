/* The ready list.  woad_tx() polls only the connections on this ring; one with nothing to send is
 * taken off it.  Every change that can make a layer produce a PDU must put the connection on it: a
 * missed call is a stall, a superfluous one costs one poll.  With WOAD_CHECK_LOST_WAKEUP all
 * connections are polled, and a missed call traps.  Code that raises an event may mark the
 * connection before or after it: where the callback has called woad_tx(), emit() marks all again.
 *
 * h->ready_tail is the tail of the circular list: ready_tail->ready_next is served next. */
#ifndef WOAD_CORE_READY_H
#define WOAD_CORE_READY_H

#include "conn.h"

/* conn.tx_pending: what is polled beside conn.queue, which always is: the fixed channels
 * (signalling, SMP, ATT), the credit-based channels. */
enum { TX_PENDING_FIXED = 1, TX_PENDING_CHANNELS = 2 };

/* Puts a connection that is not on the ring at its end. */
void ready_add(struct conn *c);

/* Something was put into conn.queue. */
ALWAYS_INLINE void conn_mark_queue_ready(struct conn *c)
{
    c->became_ready = true;
    if (!c->ready_next) {
        ready_add(c);
    }
}
/* A credit-based channel may have something to send. */
void conn_mark_channels_ready(struct conn *c);
/* Any layer of the connection may have something to send. */
void conn_mark_ready(struct conn *c);
/* Any connection may have something to send, and any feature an HCI command. */
void all_mark_ready(struct woad *h);

#ifdef WOAD_CHECK_LOST_WAKEUP
enum { CHECK_LOST_WAKEUP = true };
#else
enum { CHECK_LOST_WAKEUP = false };
#endif

#endif
