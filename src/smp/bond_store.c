/* Hands an event to the function of a struct woad_bond_store that it is for. */
#include "../core/host.h"

void woad_bond_store_event(const struct woad_bond_store *s, void *ctx, struct woad *h,
                           const struct woad_event *ev)
{
    switch (ev->type) {
    case WOAD_EV_UP: s->load(ctx, h); return;
    case WOAD_EV_BOND_WANTED: s->find(ctx, h, &ev->u.bond_wanted.peer); return;
    case WOAD_EV_BOND: s->keep(ctx, ev->u.bond.bond, ev->u.bond.change); return;
    case WOAD_EV_ATTEMPTS: s->attempts(ctx, &ev->u.attempts.peer, ev->u.attempts.failures); return;
    default: return;
    }
}
