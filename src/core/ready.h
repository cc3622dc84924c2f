/* The ready list.  woad_tx() polls only the connections on this ring; one with nothing to send is
 * taken off it.  Every change that can make a layer produce a PDU must put the connection on it: a
 * missed call is a stall, a superfluous one costs one poll.  With WOAD_CHECK_QUIET all connections
 * are polled, and a missed call traps.
 *
 * h->stirred is the tail of the circular list: its `stirred_next` is served next. */
#ifndef WOAD_CORE_READY_H
#define WOAD_CORE_READY_H

#include "conn.h"

/* Of a connection on the ring: what is polled besides its queue (struct conn, `stirred`). */
enum { STIRRED_FIXED = 1, STIRRED_CHANNELS = 2 };
void stir_anew(struct conn *c);          /* one that is not on the ring */
IN_PLACE void stir_queue(struct conn *c) /* its queue only */
{
    c->stirred_again = true;
    if (!c->stirred_next) {
        stir_anew(c);
    }
}
void stir_conn(struct conn *c);          /* all that it has */
void stir_channels(struct conn *c);      /* its queue and its credit-based channels */
void stir_all(struct woad *h);           /* all connections, and all features for commands */

#ifdef WOAD_CHECK_QUIET
enum { CHECK_QUIET = true };
#else
enum { CHECK_QUIET = false };
#endif

#endif
