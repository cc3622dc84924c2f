/* The bonds that are known: the one used last first; the last one goes when there is no room. */
#include "gatt_server.h"
#include "smp.h"

struct woad_bond *bond_find(const struct woad *h, const struct woad_addr *peer)
{
    struct kept_bond *k = h->smp->bonds;
    while (k && !addr_same(&k->bond.peer, peer)) {
        k = k->next;
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

/* Takes it out of its list. */
static void bond_unlink(struct kept_bond **at, struct kept_bond *k)
{
    while (*at != k) {
        at = &(*at)->next;
    }
    *at = k->next;
}

static void bond_link(struct kept_bond **first, struct kept_bond *k)
{
    k->next = *first;
    *first = k;
}

static void bond_drop(struct woad *h, struct kept_bond *k)
{
    bond_unlink(&h->smp->bonds, k);
    bond_link(&h->smp->spare, k);
    if (k->bond.has_irk) {
        resolve_changed(h);
    }
    wipe(&k->bond, sizeof k->bond);
}

/* `bond` may be the one that is there. */
static void bond_put(struct woad *h, struct kept_bond *k, const struct woad_bond *bond)
{
    size_t used = 0;
    for (size_t n = 0; n < bond->cccds && used < h->cfg.subscriptions; n++) {
        if (bond->cccd[n].handle) {
            k->cccds[used++] = bond->cccd[n];
        }
    }
    if (&k->bond != bond) {
        k->bond = *bond;
    }
    k->bond.cccd = k->cccds;
    k->bond.cccds = (uint16_t)used;
}

void bond_used(struct woad *h, struct woad_bond *bond)
{
    struct kept_bond *k = kept_bond(bond);
    bond_unlink(&h->smp->bonds, k);
    bond_link(&h->smp->bonds, k);
    if (h->resolve_dirty) {
        resolve_changed(h);              /* they are in another order now */
    }
}

/* The one that was used last longest ago makes room.  tell: WOAD_EV_BOND, gone. */
static void bond_make_room(struct woad *h, bool tell)
{
    struct kept_bond *k = h->smp->bonds;
    while (k->next) {
        k = k->next;
    }
    struct woad_bond last = k->bond;
    bond_drop(h, k);
    if (tell) {
        bond_emit(h, WOAD_NO_CONN, &last, WOAD_BOND_GONE);
    }
    wipe(&last, sizeof last);
}

void bond_keep(struct woad *h, const struct woad_bond *bond, bool tell)
{
    struct smp *s = h->smp;
    struct kept_bond *k = kept_bond(bond_find(h, &bond->peer));
    if (!k && !s->spare && s->bonds) {
        bond_make_room(h, tell);
    }
    struct kept_bond **list = k ? &s->bonds : &s->spare;
    k = k ? k : s->spare;
    if (!k) {
        return;                          /* there is none, or it was taken from inside the event */
    }
    if (bond->has_irk || k->bond.has_irk) {
        resolve_changed(h);
    }
    bond_unlink(list, k);
    bond_link(&s->bonds, k);
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
    const struct kept_bond *k = h->smp ? h->smp->bonds : NULL;
    for (; k && n; n--) {
        k = k->next;
    }
    return k ? &k->bond : NULL;
}

int woad_bond_remove(struct woad *h, const struct woad_addr *peer)
{
    if (!h->smp) {
        return WOAD_ENOTSUP;
    }
    struct kept_bond *k = peer ? kept_bond(bond_find(h, peer)) : h->smp->bonds;
    if (peer && !k) {
        return WOAD_ENOENT;
    }
    while (k) {
        bond_drop(h, k);
        k = peer ? NULL : h->smp->bonds;
    }
    return 0;
}
