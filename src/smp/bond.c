/* The bonds that are known: the one used last first; the last one goes when there is no room. */
#include "../core/address.h"
#include "../core/event.h"
#include "../core/own_address.h"
#include "../core/ready.h"
#include "../gatt_server/gatt_server.h"
#include "smp.h"

static size_t bond_size(const struct woad *h)
{
    return sizeof(struct bond_slot) + h->cfg.subscriptions * sizeof(struct woad_cccd);
}

static struct bond_slot *bond_place(const struct woad *h, uint8_t place)
{
    return place ? (struct bond_slot *)(h->smp->bonds + (place - 1u) * bond_size(h)) : NULL;
}

void bond_layout(struct woad *h)
{
    uint8_t *mem = arena_alloc(h, h->cfg.bonds, bond_size(h));
    if (mem) {
        h->smp->bonds = mem;
        h->smp->free_head = h->cfg.bonds;
        for (uint8_t n = h->cfg.bonds; n; n--) {
            bond_place(h, n)->older = n - 1;
        }
    }
}

struct bond_slot *bond_lru_first(const struct woad *h)
{
    return bond_place(h, h->smp->lru_head);
}

struct bond_slot *bond_lru_next(const struct woad *h, const struct bond_slot *k)
{
    do {
        k = bond_place(h, k->older);
    } while (k && !k->is.key_size);
    return (struct bond_slot *)k;
}

/* --- what a place has ------------------------------------------------------------------------- */

enum { IS_LEGACY = 1, IS_SIGNED = 2 };

static unsigned more_of(const struct bond_bits *is)
{
    bool legacy = !(is->flags & WOAD_BOND_SECURE) && (is->has_own_ltk || is->has_peer_ltk);
    return (legacy ? IS_LEGACY : 0u) | (is->has_csrk || is->has_own_csrk ? IS_SIGNED : 0u);
}

static unsigned places_of(const struct bond_bits *is)
{
    unsigned more = more_of(is);
    return 1 + more / 2 + more % 2;
}

const struct bond_legacy *bond_legacy(const struct woad *h, const struct bond_slot *k)
{
    return more_of(&k->is) & IS_LEGACY ? &bond_place(h, k->older)->legacy : NULL;
}

struct bond_signs *bond_signs(const struct woad *h, const struct bond_slot *k)
{
    const struct bond_slot *last = bond_legacy(h, k) ? bond_place(h, k->older) : k;
    return more_of(&k->is) & IS_SIGNED ? &bond_place(h, last->older)->signed_ : NULL;
}

void bond_peer(const struct bond_slot *k, struct woad_addr *peer)
{
    peer->type = k->is.random;
    memcpy(peer->octet, k->peer, sizeof k->peer);
}

/* The fields of a bond that its places have, as they lie there. */
#define FIELD(name) offsetof(struct woad_bond, name)
static const struct {
    uint8_t at, len;
} parts[] = {
    { FIELD(peer.octet), 6 + 16 + 16 },
    { FIELD(own_ediv), sizeof(struct bond_legacy) },
    { FIELD(signs), sizeof(struct bond_signs) },
};
typedef char
    parts_lie_so[FIELD(irk) + 16 == FIELD(peer.octet) + 6 + 16 + 16 &&
                         FIELD(peer_ltk) + 16 == FIELD(own_ediv) + sizeof(struct bond_legacy) &&
                         FIELD(own_csrk) + 16 == FIELD(signs) + sizeof(struct bond_signs)
                     ? 1
                     : -1];

/* Out of its places, or into them. */
static void bond_copy(const struct woad *h, struct bond_slot *k, struct woad_bond *bond, bool out)
{
    unsigned has = more_of(&k->is) << 1 | 1;
    for (size_t n = 0; n < sizeof parts / sizeof *parts; n++) {
        if (has >> n & 1) {
            uint8_t *there = (uint8_t *)bond + parts[n].at;
            memcpy(out ? there : k->peer, out ? k->peer : there, parts[n].len);
            k = bond_place(h, k->older);
        }
    }
}

void bond_get(const struct woad *h, const struct bond_slot *k, struct woad_bond *bond)
{
    memset(bond, 0, sizeof *bond);
    memcpy(bond, &k->is, sizeof k->is);
    bond->peer.type = k->is.random;
    memcpy(bond->peer_ltk, k->ltk, sizeof k->ltk); /* unless there is another */
    bond_copy(h, (struct bond_slot *)k, bond, true);
    bond->database = k->database;
    bond->cccd = k->cccd;
    uint16_t n = 0;
    while (n < h->cfg.subscriptions && k->cccd[n].handle) {
        n++;
    }
    bond->cccds = n;
}

/* What the server knows of the peer. */
static void bond_put_client(struct woad *h, struct bond_slot *k, const struct woad_bond *bond)
{
    struct woad_cccd *to = k->cccd, *end = to + h->cfg.subscriptions;
    for (size_t n = 0; n < bond->cccds && to < end; n++) {
        if (bond->cccd[n].handle) {
            *to++ = bond->cccd[n];
        }
    }
    while (to < end) {
        to++->handle = 0;
    }
    k->is.client_features = bond->client_features;
    k->database = bond->database & 0xffffff;
}

/* --- where it is ------------------------------------------------------------------------------ */

/* The first of those with the same hash as this peer. */
static uint8_t *bond_alike(const struct woad *h, const uint8_t peer[6])
{
    uint8_t hash = 0;
    for (size_t n = 0; n < 6; n++) {
        hash ^= peer[n];
    }
    return &bond_place(h, (uint8_t)(hash % h->cfg.bonds + 1))->first;
}

struct bond_slot *bond_find(const struct woad *h, const struct woad_addr *peer)
{
    struct bond_slot *k = h->cfg.bonds ? bond_place(h, *bond_alike(h, peer->octet)) : NULL;
    while (k && (k->is.random != peer->type || memcmp(k->peer, peer->octet, sizeof k->peer))) {
        k = bond_place(h, k->alike);
    }
    return k;
}

struct bond_slot *bond_fetch(const struct conn *c, const struct woad_addr *peer)
{
    struct woad *h = c->h;
    struct smp *s = h->smp;
    struct bond_slot *k = bond_find(h, peer);
    s->stored_only.key_size = 0;
    if (!k && h->cfg.bonds) {
        const struct woad_addr *before = s->wanted;
        struct woad_event ev;
        s->wanted = peer;
        addr_copy(&ev.u.bond_wanted.peer, peer);
        ev.u.bond_wanted.peer.type &= 1;
        emit_of(c, WOAD_EV_BOND_WANTED, &ev);
        s->wanted = before;
        k = bond_find(h, peer);
    }
    return k;
}

/* A bond gives way only to one that is at least as strong. */
bool bond_stronger(const struct bond_bits *is, unsigned flags, unsigned key_size)
{
    return is->key_size && ((is->flags & ~flags) || is->key_size > key_size);
}

/* The link that leads to it: LINK is `older` or `alike`. */
static uint8_t *bond_link(const struct woad *h, uint8_t *at, const struct bond_slot *k, size_t link)
{
    struct bond_slot *its;
    while ((its = bond_place(h, *at)) != k) {
        at = (uint8_t *)its + link;
    }
    return at;
}

/* So many, from this one on, to the front of another list, or of the same.  False: there are not so
 * many. */
static bool bond_move(struct woad *h, uint8_t *from, unsigned places, uint8_t *to)
{
    uint8_t first = *from;
    struct bond_slot *last = bond_place(h, first);
    while (last && --places) {
        last = bond_place(h, last->older);
    }
    if (last) {
        *from = last->older;
        last->older = *to;
        *to = first;
    }
    return last;
}

/* Those of this bond, in the order of use. */
static void bond_to(struct woad *h, struct bond_slot *k, uint8_t *to)
{
    uint8_t *from = bond_link(h, &h->smp->lru_head, k, offsetof(struct bond_slot, older));
    bond_move(h, from, places_of(&k->is), to);
}

void bond_used(struct woad *h, struct bond_slot *k)
{
    bond_to(h, k, &h->smp->lru_head);
    if (h->resolve_dirty) {
        resolve_changed(h); /* they are in another order now */
    }
}

/* --- coming and going ------------------------------------------------------------------------- */

/* Forgets it, and its places are free. */
static void bond_drop(struct woad *h, struct bond_slot *k)
{
    *bond_link(h, bond_alike(h, k->peer), k, offsetof(struct bond_slot, alike)) = k->alike;
    if (k->is.has_irk) {
        resolve_changed(h);
    }
    unsigned places = places_of(&k->is);
    bond_to(h, k, &h->smp->free_head);
    for (; places; places--) {
        k->is = (struct bond_bits){ 0 };
        wipe(k->all, sizeof k->all);
        k = bond_place(h, k->older);
    }
}

/* The bond of this peer, of all with NULL, is forgotten: connections to it have none.  With `held`
 * a client that has tried its key goes on to believe nothing in the clear. */
static void bond_unbind(struct woad *h, const struct woad_addr *peer, bool held)
{
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        if (!peer || addr_same(&c->peer, peer)) {
            c->security.bonded = false;
            c->smp->tried = held && c->smp->tried;
        }
    }
}

/* The one that was used last longest ago makes room for another.  When the store is told (tell:
 * WOAD_EV_BOND, gone) that is only one that is not stronger; if there is none, the store forgets
 * what it has of the other's peer, which has a new key now.  False then. */
static bool bond_make_room(struct woad *h, const struct woad_bond *other, bool tell)
{
    struct woad_bond bond;
    struct bond_slot *k = NULL;
    for (struct bond_slot *one = bond_lru_first(h); one; one = bond_lru_next(h, one)) {
        if (!tell || !bond_stronger(&one->is, other->flags, other->key_size)) {
            k = one;
        }
    }
    if (k) {
        bond_get(h, k, &bond);
        bond_drop(h, k);
    }
    if (tell) {
        other = k ? &bond : other;
        bond_unbind(h, &other->peer, true);
        bond_emit(h, WOAD_NO_CONN, other, WOAD_BOND_GONE);
    }
    wipe(&bond, sizeof bond);
    return k;
}

/* From inside an event others may take the room, or a stronger bond of this peer may have been
 * given: then it is not kept. */
struct bond_slot *bond_keep(struct woad *h, const struct woad_bond *bond, bool tell)
{
    struct smp *s = h->smp;
    struct bond_bits is;
    memcpy(&is, bond, sizeof is);
    is.random = bond->peer.type;
    for (unsigned places = places_of(&is), tries = 0; tries <= places; tries++) {
        struct bond_slot *k = bond_find(h, &bond->peer);
        if (k && tries && bond_stronger(&k->is, bond->flags, bond->key_size)) {
            break;
        }
        if (k) {
            bond_drop(h, k);
        }
        if (bond_move(h, &s->free_head, places, &s->lru_head)) {
            uint8_t *at = bond_alike(h, bond->peer.octet);
            k = bond_lru_first(h);
            k->is = is;
            bond_copy(h, k, (struct woad_bond *)bond, false);
            bond_put_client(h, k, bond);
            k->alike = *at;
            *at = s->lru_head;
            if (is.has_irk) {
                resolve_changed(h);
            }
            return k;
        }
        if (places > h->cfg.bonds || !bond_make_room(h, bond, tell)) {
            break;
        }
    }
    return NULL;
}

/* What the server keeps of the peer, if it is bonded and has proved that it is the one. */
void bond_refresh(struct conn *c)
{
    struct woad *h = c->h;
    bool proved = c->security.bonded && c->security.encrypted;
    struct bond_slot *k = proved ? bond_fetch(c, &c->peer) : NULL;
    if (k) {
        struct woad_bond now;
        gatts_keep(c, &now);
        bond_put_client(h, k, &now);
        bond_tell(h, c->number, k, WOAD_BOND_CHANGED);
    }
}

void bond_emit(struct woad *h, uint16_t conn, const struct woad_bond *bond,
               enum woad_bond_change why)
{
    struct woad_event ev;
    ev.u.bond.bond = bond;
    ev.u.bond.change = why;
    emit_at(h, conn, WOAD_EV_BOND, &ev);
}

void bond_tell(struct woad *h, uint16_t conn, const struct bond_slot *k, enum woad_bond_change why)
{
    struct woad_bond bond;
    bond_get(h, k, &bond);
    bond_emit(h, conn, &bond, why);
    wipe(&bond, sizeof bond);
}

int woad_bond_add(struct woad *h, const struct woad_bond *bond)
{
    if (!h->smp) {
        return WOAD_ENOTSUP;
    }
    if (bond->key_size < 7 || bond->key_size > 16 || bond->peer.type > 1 ||
        (bond->cccds && !bond->cccd)) {
        return WOAD_EINVAL;
    }
    struct woad_bond mine = *bond;
    if ((mine.flags & WOAD_BOND_SECURE) && !mine.has_own_ltk) {
        memcpy(mine.own_ltk, mine.peer_ltk, sizeof mine.own_ltk); /* one and the same */
    }
    const struct bond_slot *k = bond_keep(h, &mine, false);
    wipe(&mine, sizeof mine);
    if (!k && h->smp->wanted && addr_same(h->smp->wanted, &bond->peer)) {
        memcpy(&h->smp->stored_only, bond, sizeof h->smp->stored_only);
    }
    all_mark_ready(h); /* what is asked of its peer has to wait now */
    return k ? 0 : WOAD_ENOMEM;
}

int woad_bond_at(const struct woad *h, uint16_t n, struct woad_bond *bond)
{
    const struct bond_slot *k = h->smp ? bond_lru_first(h) : NULL;
    for (; k && n; n--) {
        k = bond_lru_next(h, k);
    }
    if (!k) {
        return WOAD_ENOENT;
    }
    bond_get(h, k, bond);
    return 0;
}

int woad_bond_remove(struct woad *h, const struct woad_addr *peer)
{
    if (!h->smp) {
        return WOAD_ENOTSUP;
    }
    bond_unbind(h, peer, false);
    struct bond_slot *k = peer ? bond_find(h, peer) : bond_lru_first(h);
    if (peer && !k) {
        return WOAD_ENOENT;
    }
    while (k) {
        bond_drop(h, k);
        k = peer ? NULL : bond_lru_first(h);
    }
    all_mark_ready(h); /* what waited for it need not any more */
    return 0;
}
