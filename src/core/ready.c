/* The ready list: a ring of the connections that woad_tx() polls; ready_tail->ready_next is the
 * next. One with nothing to send is taken off it, so each change that makes something to send must
 * put it on: a missing call is a stall, a needless one costs a poll.
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   conn_mark_queue_ready(): puts the connection on the ready list; tx_pending stays as it is,
 *       which is enough for c->queue: notifications, indications, write commands
 *   conns_end: of the host: the end of its connections' slots
 *   ready_next: the ready list, a ring; NULL: not on it
 *   ready_tail: tail of the ready list, a ring of connections; NULL: empty
 *   tx_pending: what woad_tx() polls: TX_PENDING_FIXED (signalling, SMP, ATT), TX_PENDING_CHANNELS
 *   TX_PENDING_CHANNELS: bit of tx_pending: the credit-based channels are to be polled
 *   TX_PENDING_FIXED: bit of tx_pending: signalling, SMP and ATT are to be polled */
#include "ready.h"

/* Puts a connection that is not on the ring at its end. */
void ready_add(struct conn *c)
{
    struct woad *h = c->h;
    struct conn *tail = h->ready_tail;
    if (!tail) {
        tail = c; /* an empty ring: its own neighbour */
    }
    c->ready_next = tail->ready_next;
    tail->ready_next = c;
    h->ready_tail = c;
}

void conn_mark_ready(struct conn *c)
{
    c->tx_pending = TX_PENDING_FIXED | TX_PENDING_CHANNELS;
    conn_mark_queue_ready(c);
}

void conn_mark_channels_ready(struct conn *c)
{
    c->tx_pending |= TX_PENDING_CHANNELS;
    conn_mark_queue_ready(c);
}

void all_mark_ready(struct woad *h)
{
    h->commands_idle = false;
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        conn_mark_ready(c);
    }
}
