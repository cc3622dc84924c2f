/* The bonds that are known: the one used last first; the last one goes when there is no room. */
#include "gatt_server.h"
#include "smp.h"

struct woad_bond *bond_find(const struct woad *h, const struct woad_addr *peer)
{
    for (uint16_t n = 0; n < h->smp->n_bonds; n++) {
        if (addr_same(&h->smp->bonds[n].peer, peer)) {
            return &h->smp->bonds[n];
        }
    }
    return NULL;
}

struct woad_bond *bond_fetch(struct conn *c)
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

static struct woad_cccd *bond_row(const struct woad *h, size_t n)
{
    return h->smp->cccds + n * h->cfg.subscriptions;
}

/* With all that belongs to them. */
static void bond_swap(struct woad *h, uint16_t a, uint16_t b)
{
    struct smp *s = h->smp;
    struct woad_bond bond = s->bonds[a];
    struct woad_addr rpa = s->rpas[a];
    s->bonds[a] = s->bonds[b];
    s->bonds[b] = bond;
    s->rpas[a] = s->rpas[b];
    s->rpas[b] = rpa;
    for (size_t n = 0; n < h->cfg.subscriptions; n++) {
        struct woad_cccd cccd = bond_row(h, a)[n];
        bond_row(h, a)[n] = bond_row(h, b)[n];
        bond_row(h, b)[n] = cccd;
    }
    s->bonds[a].cccd = bond_row(h, a);
    s->bonds[b].cccd = bond_row(h, b);
    wipe(&bond, sizeof bond);
}

static void bond_drop(struct woad *h, uint16_t n)
{
    struct smp *s = h->smp;
    for (; n + 1 < s->n_bonds; n++) {
        bond_swap(h, n, (uint16_t)(n + 1));
    }
    s->n_bonds--;
    if (s->bonds[s->n_bonds].has_irk) {
        resolve_changed(h);
    }
    wipe(&s->bonds[s->n_bonds], sizeof *s->bonds);
}

static void bond_first(struct woad *h, uint16_t n)
{
    for (; n > 0; n--) {
        bond_swap(h, n, (uint16_t)(n - 1));
    }
}

/* `bond` may be the one that is there. */
static void bond_put(struct woad *h, uint16_t n, const struct woad_bond *bond)
{
    struct woad_bond *to = &h->smp->bonds[n];
    struct woad_cccd *row = bond_row(h, n);
    size_t used = 0;
    for (size_t k = 0; k < bond->cccds && used < h->cfg.subscriptions; k++) {
        if (bond->cccd[k].handle) {
            row[used++] = bond->cccd[k];
        }
    }
    if (to != bond) {
        *to = *bond;
    }
    to->cccd = row;
    to->cccds = (uint16_t)used;
}

void bond_used(struct woad *h, const struct woad_bond *bond)
{
    bond_first(h, (uint16_t)(bond - h->smp->bonds));
    if (h->resolve_dirty) {
        resolve_changed(h);              /* they are in another order now */
    }
}

/* tell: WOAD_EV_BOND, gone, for the one that has to go. */
void bond_keep(struct woad *h, const struct woad_bond *bond, bool tell)
{
    struct smp *s = h->smp;
    const struct woad_bond *old = bond_find(h, &bond->peer);
    if (!h->cfg.bonds) {
        return;
    }
    if (!old && s->n_bonds == h->cfg.bonds) {
        struct woad_bond last = s->bonds[s->n_bonds - 1];
        bond_drop(h, (uint16_t)(s->n_bonds - 1));
        if (tell) {
            bond_emit(h, WOAD_NO_CONN, &last, WOAD_BOND_GONE);
        }
        wipe(&last, sizeof last);
        if (s->n_bonds == h->cfg.bonds) {
            return;                      /* from inside the event its place was taken */
        }
    }
    uint16_t n = old ? (uint16_t)(old - s->bonds) : s->n_bonds++;
    bool had_irk = old && old->has_irk;
    bond_put(h, n, bond);
    s->rpas[n] = (struct woad_addr){ 0, { 0 } };
    if (bond->has_irk || had_irk) {
        resolve_changed(h);
    }
    bond_first(h, n);
}

/* What the server keeps of the peer, if it is bonded and has proved that it is the one. */
void bond_refresh(struct conn *c)
{
    struct woad *h = c->h;
    struct woad_bond *bond = c->security.bonded ? bond_find(h, &c->peer) : NULL;
    if (bond) {
        struct woad_bond now = *bond;
        gatts_keep(c, &now);
        bond_put(h, (uint16_t)(bond - h->smp->bonds), &now);
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
    const struct woad_bond *bond = bond_find(h, &c->peer);
    if (bond) {
        h->smp->rpas[bond - h->smp->bonds] = c->peer_air;
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
    return h->smp && n < h->smp->n_bonds ? &h->smp->bonds[n] : NULL;
}

int woad_bond_remove(struct woad *h, const struct woad_addr *peer)
{
    if (!h->smp) {
        return WOAD_ENOTSUP;
    }
    const struct woad_bond *bond = peer ? bond_find(h, peer) : NULL;
    if (peer && !bond) {
        return WOAD_ENOENT;
    }
    while (peer ? bond != NULL : h->smp->n_bonds > 0) {
        bond_drop(h, peer ? (uint16_t)(bond - h->smp->bonds) : 0);
        bond = NULL;
    }
    return 0;
}
