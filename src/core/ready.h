/* The ready list.  woad_tx() polls only the connections on this ring; one with nothing to send is
 * taken off it.  Every change that can make a layer produce a PDU must put the connection on it: a
 * missed call is a stall, a superfluous one costs one poll.  With WOAD_CHECK_LOST_WAKEUP all
 * connections are polled, and a missed call traps.
 *
 * h->stirred is the tail of the circular list: its `stirred_next` is served next. */
#ifndef WOAD_CORE_READY_H
#define WOAD_CORE_READY_H

#include "conn.h"

/* Of a connection on the ring: what is polled besides its queue (struct conn, `stirred`). */
enum { TX_PENDING_FIXED = 1, TX_PENDING_CHANNELS = 2 };
void ready_add(struct conn *c);                          /* one that is not on the ring */
ALWAYS_INLINE void conn_mark_queue_ready(struct conn *c) /* its queue only */
{
    c->became_ready = true;
    if (!c->ready_next) {
        ready_add(c);
    }
}
void conn_mark_ready(struct conn *c);          /* all that it has */
void conn_mark_channels_ready(struct conn *c); /* its queue and its credit-based channels */
void all_mark_ready(struct woad *h);           /* all connections, and all features for commands */

#ifdef WOAD_CHECK_LOST_WAKEUP
enum { CHECK_LOST_WAKEUP = true };
#else
enum { CHECK_LOST_WAKEUP = false };
#endif

#endif
