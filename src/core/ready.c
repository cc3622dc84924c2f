/* The ready list: see ready.h. */
#include "ready.h"

/* The ring is held by its last: whose turn is next comes behind it. */
void stir_anew(struct conn *c)
{
    struct woad *h = c->h;
    struct conn *last = h->stirred ? h->stirred : c;
    c->stirred_next = last->stirred_next;
    last->stirred_next = c;
    h->stirred = c;
}

void stir_conn(struct conn *c)
{
    c->stirred = STIRRED_FIXED | STIRRED_CHANNELS;
    stir_queue(c);
}

void stir_channels(struct conn *c)
{
    c->stirred |= STIRRED_CHANNELS;
    stir_queue(c);
}

void stir_all(struct woad *h)
{
    h->quiet = false;
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        stir_conn(c);
    }
}
