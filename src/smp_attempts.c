/* Repeated attempts: whoever has failed waits, twice as long each time, from one connection to the
 * next.  Vol 3, Part H, 2.3.6 */
#include "smp.h"

enum { FIRST_MS = 250, DOUBLINGS = 10 };                   /* four minutes at last */

static struct attempts *attempts_of(const struct woad *h, uint16_t i)
{
    const struct woad_addr *peer = &h->conns[i].peer;
    for (size_t n = 0; n < ATTEMPTS; n++) {
        struct attempts *a = &h->smp->attempts[n];
        if (a->failures && (a->peer.type & 1) == (peer->type & 1) &&
            memcmp(a->peer.octet, peer->octet, 6) == 0) {
            return a;
        }
    }
    return NULL;
}

/* With no room for another, the one with the least to wait for is forgotten. */
void attempts_failed(struct woad *h, uint16_t i)
{
    struct attempts *a = attempts_of(h, i);
    if (!a) {
        a = &h->smp->attempts[0];
        for (size_t n = 0; n < ATTEMPTS && a->failures; n++) {
            struct attempts *b = &h->smp->attempts[n];
            bool sooner = (int32_t)(b->until - a->until) < 0;
            a = !b->failures || sooner ? b : a;
        }
        *a = (struct attempts){ .peer = h->conns[i].peer };
    }
    a->until = deadline_in(h->now, (uint32_t)FIRST_MS << a->failures);
    a->failures = (uint8_t)(a->failures < DOUBLINGS ? a->failures + 1 : DOUBLINGS);
}

void attempts_passed(struct woad *h, uint16_t i)
{
    struct attempts *a = attempts_of(h, i);
    if (a) {
        a->failures = 0;
    }
}

uint32_t attempts_left(const struct woad *h, uint16_t i)
{
    const struct attempts *a = attempts_of(h, i);
    return a ? deadline_left(a->until, h->now) : 0;
}
