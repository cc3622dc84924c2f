/* The bonds that are known: the one used last first; the last one goes when there is no room. */
#include "gatt_server.h"
#include "smp.h"

void bond_carve(struct woad *h, struct smp *s)
{
    struct kept_bond *k = arena_take(h, h->cfg.bonds, sizeof *k);
    arena_each(h, h->cfg.bonds, h->cfg.subscriptions * sizeof *k->bond.cccd, EACH(k, bond.cccd));
    if (k) {
        s->bonds = k;
        for (uint8_t n = 0; n < h->cfg.bonds; n++) {
            k[n].older = n;
        }
        s->spare = h->cfg.bonds;
    }
}

static struct kept_bond *bond_place(const struct woad *h, uint8_t place)
{
    return place ? &h->smp->bonds[place - 1] : NULL;
}

static uint8_t bond_place_of(const struct woad *h, const struct kept_bond *k)
{
    return (uint8_t)(k - h->smp->bonds + 1);
}

struct kept_bond *bond_newest(const struct woad *h) { return bond_place(h, h->smp->newest); }

struct kept_bond *bond_older(const struct woad *h, const struct kept_bond *k)
{
    return bond_place(h, k->older);
}

/* The first of those with the same hash as this peer. */
static uint8_t *bond_alike(const struct woad *h, const struct woad_addr *peer)
{
    uint8_t hash = 0;
    for (size_t n = 0; n < sizeof peer->octet; n++) {
        hash ^= peer->octet[n];
    }
    return &h->smp->bonds[hash % h->cfg.bonds].first;
}

struct woad_bond *bond_find(const struct woad *h, const struct woad_addr *peer)
{
    struct kept_bond *k = h->cfg.bonds ? bond_place(h, *bond_alike(h, peer)) : NULL;
    while (k && !addr_same(&k->bond.peer, peer)) {
        k = bond_place(h, k->alike);
    }
    return k ? &k->bond : NULL;
}

struct woad_bond *bond_fetch(const struct conn *c)
{
    struct woad *h = c->h;
    struct woad_bond *bond = bond_find(h, &c->peer);
    if (!bond && h->cfg.bonds) {
        struct woad_event ev;
        ev.u.bond_wanted.peer = c->peer;
        ev.u.bond_wanted.peer.type &= 1;
        emit_of(c, WOAD_EV_BOND_WANTED, &ev);
        bond = bond_find(h, &c->peer);
    }
    return bond;
}

/* Takes it out of the order of use; puts it in as the one used last. */
static void bond_unlink(struct woad *h, struct kept_bond *k)
{
    struct smp *s = h->smp;
    struct kept_bond *newer = bond_place(h, k->newer), *older = bond_place(h, k->older);
    *(newer ? &newer->older : &s->newest) = k->older;
    *(older ? &older->newer : &s->oldest) = k->newer;
}

static void bond_link(struct woad *h, struct kept_bond *k)
{
    struct smp *s = h->smp;
    struct kept_bond *before = bond_newest(h);
    k->newer = 0;
    k->older = s->newest;
    s->newest = bond_place_of(h, k);
    *(before ? &before->newer : &s->oldest) = s->newest;
}

/* Forgets it, and its place is free. */
static void bond_drop(struct woad *h, struct kept_bond *k)
{
    uint8_t *at = bond_alike(h, &k->bond.peer), place = bond_place_of(h, k);
    while (*at != place) {
        at = &bond_place(h, *at)->alike;
    }
    *at = k->alike;
    bond_unlink(h, k);
    k->older = h->smp->spare;
    h->smp->spare = place;
    if (k->bond.has_irk) {
        resolve_changed(h);
    }
    const struct woad_cccd *cccds = k->bond.cccd;
    wipe(&k->bond, sizeof k->bond);
    k->bond.cccd = cccds;
}

/* A free one, for this peer: the one used last. */
static struct kept_bond *bond_take(struct woad *h, const struct woad_addr *peer)
{
    struct kept_bond *k = bond_place(h, h->smp->spare);
    if (k) {
        uint8_t *at = bond_alike(h, peer);
        h->smp->spare = k->older;
        k->alike = *at;
        *at = bond_place_of(h, k);
        bond_link(h, k);
    }
    return k;
}

/* `bond` may be the one that is there. */
static void bond_put(struct woad *h, struct kept_bond *k, const struct woad_bond *bond)
{
    size_t used = 0;
    struct woad_cccd *cccds = (struct woad_cccd *)k->bond.cccd;    /* they are ours */
    for (size_t n = 0; n < bond->cccds && used < h->cfg.subscriptions; n++) {
        if (bond->cccd[n].handle) {
            cccds[used++] = bond->cccd[n];
        }
    }
    if (&k->bond != bond) {
        k->bond = *bond;
    }
    k->bond.cccd = cccds;
    k->bond.cccds = (uint16_t)used;
}

void bond_used(struct woad *h, struct woad_bond *bond)
{
    struct kept_bond *k = kept_bond(bond);
    bond_unlink(h, k);
    bond_link(h, k);
    if (h->resolve_dirty) {
        resolve_changed(h);              /* they are in another order now */
    }
}

/* The one that was used last longest ago makes room.  tell: WOAD_EV_BOND, gone. */
static void bond_make_room(struct woad *h, bool tell)
{
    struct kept_bond *k = bond_place(h, h->smp->oldest);
    struct woad_bond last = k->bond;
    bond_drop(h, k);
    if (tell) {
        bond_emit(h, WOAD_NO_CONN, &last, WOAD_BOND_GONE);
    }
    wipe(&last, sizeof last);
}

void bond_keep(struct woad *h, const struct woad_bond *bond, bool tell)
{
    if (!bond_find(h, &bond->peer) && !h->smp->spare && h->cfg.bonds) {
        bond_make_room(h, tell);
    }
    struct kept_bond *k = kept_bond(bond_find(h, &bond->peer));
    if (k) {
        bond_unlink(h, k);
        bond_link(h, k);
    } else {
        k = bond_take(h, &bond->peer);
    }
    if (!k) {
        return;                          /* there is none, or it was taken from inside the event */
    }
    if (bond->has_irk || k->bond.has_irk) {
        resolve_changed(h);
    }
    bond_put(h, k, bond);
    k->heard.type = 0;
}

/* What the server keeps of the peer, if it is bonded and has proved that it is the one. */
void bond_refresh(struct conn *c)
{
    struct woad *h = c->h;
    struct woad_bond *bond = c->security.bonded ? bond_find(h, &c->peer) : NULL;
    if (bond) {
        struct woad_bond now = *bond;
        gatts_keep(c, &now);
        bond_put(h, kept_bond(bond), &now);
        wipe(&now, sizeof now);
        bond_emit(h, c->number, bond, WOAD_BOND_CHANGED);
    }
}

void bond_emit(struct woad *h, uint16_t conn, const struct woad_bond *bond, enum woad_bond_why why)
{
    struct woad_event ev;
    ev.u.bond.bond = bond;
    ev.u.bond.why = why;
    emit_at(h, conn, WOAD_EV_BOND, &ev);
}

/* The peer of this connection: where it can be reached, if it hides. */
void bond_heard(struct conn *c)
{
    struct woad *h = c->h;
    struct woad_bond *bond = bond_find(h, &c->peer);
    if (bond) {
        kept_bond(bond)->heard = c->peer_air;
    }
}

int woad_bond_add(struct woad *h, const struct woad_bond *bond)
{
    if (!h->smp || !h->cfg.bonds) {
        return h->smp ? WOAD_ENOMEM : WOAD_ENOTSUP;
    }
    if (bond->key_size < 7 || bond->key_size > 16 || bond->peer.type > 1 ||
        (bond->cccds && !bond->cccd)) {
        return WOAD_EINVAL;
    }
    bond_keep(h, bond, false);
    return 0;
}

const struct woad_bond *woad_bond_at(const struct woad *h, uint16_t n)
{
    const struct kept_bond *k = h->smp ? bond_newest(h) : NULL;
    for (; k && n; n--) {
        k = bond_older(h, k);
    }
    return k ? &k->bond : NULL;
}

int woad_bond_remove(struct woad *h, const struct woad_addr *peer)
{
    if (!h->smp) {
        return WOAD_ENOTSUP;
    }
    struct kept_bond *k = peer ? kept_bond(bond_find(h, peer)) : bond_newest(h);
    if (peer && !k) {
        return WOAD_ENOENT;
    }
    while (k) {
        bond_drop(h, k);
        k = peer ? NULL : bond_newest(h);
    }
    return 0;
}
