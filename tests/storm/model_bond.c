/* The model of a bond store, and of the proof for each security level. */
#include "storm.h"

struct woad_bond *store_bond(struct actor *a, const struct woad_addr *peer)
{
    for (size_t n = 0; n < a->bonds; n++) {
        if (memcmp(a->bond[n].peer.octet, peer->octet, 6) == 0 &&
            (a->bond[n].peer.type & 1) == (peer->type & 1)) {
            return &a->bond[n];
        }
    }
    return NULL;
}

void store_keep(struct actor *a, const struct woad_bond *b)
{
    struct woad_bond *stored = store_bond(a, &b->peer);
    if (!stored) {
        stored = &a->bond[a->bonds < BONDS ? a->bonds++ : any(BONDS)];
    }
    *stored = *b;
    stored->cccd = NULL;
    stored->cccds = 0;
    for (struct link *l = a->link; l < a->link + LINKS; l++) {
        bool its = l->open && memcmp(l->peer.octet, b->peer.octet, 6) == 0;
        l->proven = l->proven || (its && (b->flags & WOAD_BOND_AUTHENTICATED));
    }
}

void store_drop(struct actor *a, const struct woad_addr *peer)
{
    struct woad_bond *b = peer ? store_bond(a, peer) : NULL;
    if (!peer) {
        a->bonds = 0;
    } else if (b) {
        *b = a->bond[--a->bonds];
    }
}

/* The store answers each WOAD_EV_BOND_WANTED with the bond, if it has one. */
void store_event(struct actor *a, const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND_WANTED) {
        const struct woad_bond *b = store_bond(a, &ev->u.bond_wanted.peer);
        struct woad_bond copy;
        if (b) {
            copy = *b;
            int err = woad_bond_add(a->h, &copy);
            say("    woad_bond_add(%02x, %u) = %d\n", copy.peer.octet[0], copy.flags, err);
        }
        return;
    }
    const struct woad_bond *b = ev->u.bond.bond;
    const struct woad_bond *stored = store_bond(a, &b->peer);
    say("    bond of %02x, why %d, flags %u\n", b->peer.octet[0], ev->u.bond.change, b->flags);
    if (ev->u.bond.change == WOAD_BOND_GONE) {
        /* checked until the next packet; not for a new bond that found no slot */
        a->gone_flags |= stored ? stored->flags : 0;
        return; /* a store may keep it all the same */
    }
    if (ev->u.bond.change == WOAD_BOND_NEW) {
        MUST(!stored || !(stored->flags & ~b->flags), "host %u: a bond is replaced by a weaker one",
             a->number);
        MUST(!(a->gone_flags & ~b->flags), "host %u: a bond gives way to a weaker one", a->number);
    }
    store_keep(a, b);
}

/* The level is authenticated only if a user compared or entered a number, if out-of-band data were
 * used, or if a bond has that flag. */
void security_event(struct actor *a, struct link *l, const struct woad_event *ev)
{
    const struct woad_security *now = &ev->u.security.now;
    say("    status %d, encrypted %d, authenticated %d, secure %d, bonded %d\n",
        ev->u.security.status, now->encrypted, now->authenticated, now->secure, now->bonded);
    l->pairing = false;
    l->action = 0;
    MUST(!now->authenticated || now->encrypted, "authenticated without encryption");
    if (storm.encrypted && ev->u.security.status == 0) {
        MUST(now->encrypted == storm.encrypted(a, l->conn),
             "host %u: encrypted is not what the controller says", a->number);
    }
    l->proven = l->proven || (now->authenticated && storm.proven(l));
    MUST(!now->authenticated || l->proven,
         "host %u: authenticated, and nobody has seen or brought anything", a->number);
}
