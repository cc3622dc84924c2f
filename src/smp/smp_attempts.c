/* Repeated attempts: a peer that has failed to pair must wait, twice as long after each failure,
 * across connections.  WOAD_EV_ATTEMPTS lets a store keep the count across restarts.  Vol 3, Part
 * H, 2.3.6
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   addr_copy(): copies an address with its type
 *   addr_same(): compares identities: the types 2 and 3 equal 0 and 1
 *   all_mark_ready(): woad_tx() polls all connections, and the features for HCI commands
 *   ATTEMPTS: peers of which failed pairings are kept
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   emit_none(): raises an event that is of no connection
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   REFUSED(): logs why a call is refused, and is its error
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   wait_until: of a peer with failed pairings: when the next is allowed */
#include "../core/address.h"
#include "../core/clock.h"
#include "../core/event.h"
#include "../core/log.h"
#include "../core/ready.h"
#include "smp.h"

enum { FIRST_MS = 250, DOUBLINGS = 11 }; /* at most 250 ms x 2^10: four minutes */

/* The peer's entry; NULL: it has not failed, or has passed since. */
static struct attempts *attempts_of(const struct woad *h, const struct woad_addr *peer)
{
    for (struct attempts *a = h->smp->attempts; a < h->smp->attempts + ATTEMPTS; a++) {
        if (a->failures && addr_same(&a->peer, peer)) {
            return a;
        }
    }
    return NULL;
}

/* Clears waits that are over, because an old deadline would seem pending again when the clock
 * wraps; Security Requests may be sent then.  Returns ms to the next one. */
uint32_t attempts_ms_left(struct woad *h)
{
    uint32_t soonest = WOAD_FOREVER;
    for (struct attempts *a = h->smp->attempts; a < h->smp->attempts + ATTEMPTS; a++) {
        uint32_t left = deadline_left(h, a->wait_until);
        if (left) {
            soonest = min_u32(soonest, left);
        } else {
            a->wait_until = 0;
            all_mark_ready(h);
            soonest = 0; /* poll again at once: requests are to be sent */
        }
    }
    return soonest;
}

/* Sets a peer's count and begins its wait.  Without a free entry, replaces the peer with the fewest
 * failures. */
static void attempts_set(struct woad *h, const struct woad_addr *peer, uint8_t failures)
{
    struct attempts *a = attempts_of(h, peer);
    if (!a) {
        a = &h->smp->attempts[0];
        for (struct attempts *b = a + 1; b < h->smp->attempts + ATTEMPTS; b++) {
            if (b->failures < a->failures) {
                a = b;
            }
        }
        addr_copy(&a->peer, peer);
        all_mark_ready(h); /* the peer that was replaced waits no more */
    }
    if (failures < DOUBLINGS) {
        a->failures = failures;
    } else {
        a->failures = DOUBLINGS;
    }
    a->wait_until = deadline_in(h, (uint32_t)FIRST_MS << (a->failures - 1));
}

void attempts_emit(struct woad *h, const struct woad_addr *peer)
{
    const struct attempts *a = attempts_of(h, peer);
    struct woad_event ev;
    addr_copy(&ev.u.attempts.peer, peer);
    if (a) {
        ev.u.attempts.failures = a->failures;
    } else {
        ev.u.attempts.failures = 0;
    }
    ev.u.attempts.peer.type &= 1;
    emit_none(h, WOAD_EV_ATTEMPTS, &ev);
}

/* The caller raises WOAD_EV_ATTEMPTS, by attempts_emit(), behind its own event. */
void attempts_failed(struct woad *h, const struct woad_addr *peer)
{
    const struct attempts *a = attempts_of(h, peer);
    uint8_t failures = 1;
    if (a) {
        failures = (uint8_t)(a->failures + 1);
    }
    attempts_set(h, peer, failures);
}

void attempts_passed(struct woad *h, const struct woad_addr *peer)
{
    struct attempts *a = attempts_of(h, peer);
    if (a) {
        a->failures = 0;
        attempts_emit(h, peer);
    }
}

bool attempts_wait(const struct conn *c)
{
    const struct attempts *a = attempts_of(c->h, &c->peer);
    return a && a->wait_until;
}

int woad_attempts_add(struct woad *h, const struct woad_addr *peer, uint8_t failures)
{
    if (!h->smp) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_security_manager");
    }
    if (failures) {
        attempts_set(h, peer, failures);
    }
    return 0;
}
