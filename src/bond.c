/* The bonds that are known: the one used last first; the last one goes when there is no room. */
#include "smp.h"

static bool bond_is(const struct woad_bond *b, const struct woad_addr *peer)
{
    return (b->peer.type & 1) == (peer->type & 1) && memcmp(b->peer.octet, peer->octet, 6) == 0;
}

struct woad_bond *bond_find(const struct woad *h, const struct woad_addr *peer)
{
    for (uint16_t n = 0; n < h->smp->n_bonds; n++) {
        if (bond_is(&h->smp->bonds[n], peer)) {
            return &h->smp->bonds[n];
        }
    }
    return NULL;
}

struct woad_bond *bond_fetch(struct woad *h, uint16_t i)
{
    const struct conn *c = &h->conns[i];
    struct woad_bond *bond = bond_find(h, &c->peer);
    if (!bond && h->cfg.bonds) {
        struct woad_event ev = { .type = WOAD_EV_BOND_WANTED, .conn = conn_number(h, i),
                                 .u.bond_wanted = { c->peer } };
        ev.u.bond_wanted.peer.type &= 1;
        emit(h, &ev);
        bond = bond_find(h, &c->peer);
    }
    return bond;
}

static void bond_drop(struct smp *s, uint16_t n)
{
    s->n_bonds--;
    memmove(&s->bonds[n], &s->bonds[n + 1], (size_t)(s->n_bonds - n) * sizeof *s->bonds);
    memmove(&s->rpas[n], &s->rpas[n + 1], (size_t)(s->n_bonds - n) * sizeof *s->rpas);
    wipe(&s->bonds[s->n_bonds], sizeof *s->bonds);
}

static void bond_first(struct smp *s, const struct woad_bond *bond, struct woad_addr rpa)
{
    memmove(&s->rpas[1], &s->rpas[0], s->n_bonds * sizeof *s->rpas);
    s->rpas[0] = rpa;
    memmove(&s->bonds[1], &s->bonds[0], s->n_bonds * sizeof *s->bonds);
    s->bonds[0] = *bond;
    s->n_bonds++;
}

void bond_used(struct woad *h, const struct woad_bond *bond)
{
    struct smp *s = h->smp;
    struct woad_bond b = *bond;
    struct woad_addr rpa = s->rpas[bond - s->bonds];
    bond_drop(s, (uint16_t)(bond - s->bonds));
    bond_first(s, &b, rpa);
    wipe(&b, sizeof b);
}

/* tell: WOAD_EV_BOND, gone, for the one that has to go. */
void bond_keep(struct woad *h, const struct woad_bond *bond, bool tell)
{
    struct smp *s = h->smp;
    const struct woad_bond *old = bond_find(h, &bond->peer);
    if (!h->cfg.bonds) {
        return;
    }
    if (old) {
        bond_drop(s, (uint16_t)(old - s->bonds));
    } else if (s->n_bonds == h->cfg.bonds) {
        struct woad_bond last = s->bonds[s->n_bonds - 1];
        bond_drop(s, (uint16_t)(s->n_bonds - 1));
        struct woad_event ev = { .type = WOAD_EV_BOND, .conn = WOAD_NO_CONN,
                                 .u.bond = { &last, true } };
        if (tell) {
            emit(h, &ev);
        }
        wipe(&last, sizeof last);
    }
    bond_first(s, bond, (struct woad_addr){ 0, { 0 } });
}

/* The peer of this connection: where it can be reached, if it hides. */
void bond_heard(struct woad *h, uint16_t i)
{
    const struct woad_bond *bond = bond_find(h, &h->conns[i].peer);
    if (bond) {
        h->smp->rpas[bond - h->smp->bonds] = h->conns[i].peer_air;
    }
}

int woad_bond_add(struct woad *h, const struct woad_bond *bond)
{
    if (!h->smp || !h->cfg.bonds) {
        return h->smp ? WOAD_ENOMEM : WOAD_ENOTSUP;
    }
    if (bond->key_size < 7 || bond->key_size > 16 || bond->peer.type > 1) {
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
        bond_drop(h->smp, peer ? (uint16_t)(bond - h->smp->bonds) : 0);
        bond = NULL;
    }
    return 0;
}
