/* The ready list: see ready.h. */
#include "ready.h"

/* The ring is held by its last: whose turn is next comes behind it. */
void ready_add(struct conn *c)
{
    struct woad *h = c->h;
    struct conn *last = h->ready_tail ? h->ready_tail : c;
    c->ready_next = last->ready_next;
    last->ready_next = c;
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
