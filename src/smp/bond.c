/* Bonds in memory: slots in a list by last use, found through a hash by peer.  When no slot is
 * free, the bond unused for the longest time is dropped.  The application is the store behind:
 * WOAD_EV_BOND, WOAD_EV_BOND_WANTED.
 *
 * A slot is { bits, links of the lists, database 24 bits, union of 44 octets, CCCDs }.  The union
 * has, in a bond's first slot, what struct woad_bond has from peer.octet to irk, and last_rpa; in
 * the slot for legacy pairing, which follows if there is one, what that has from own_ediv to
 * peer_ltk; in the slot for signed writes from signs to own_csrk.  `own` keys are those that we
 * have distributed.
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   addr_copy(): copies an address with its type
 *   addr_same(): compares identities: the types 2 and 3 equal 0 and 1
 *   all_mark_ready(): woad_tx() polls all connections, and the features for HCI commands
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   bond_fetching: a WOAD_EV_BOND_WANTED that is being raised
 *   bond_key_tried: our GATT client has asked for encryption with the bond's key: what arrives
 *       before the connection is encrypted is ignored
 *   bond_slot: a bond takes one, and more for data of legacy pairing and of signed writes
 *   cfg: the config that the application gave to woad_init()
 *   conn: a connection's number in the public interface
 *   CONN_FREE: state of a connection: its slot is not used
 *   conns_end: of the host: the end of its connections' slots
 *   emit_at(): raises an event of a connection by its number; WOAD_NO_CONN: of none
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   fetching: the WOAD_EV_BOND_WANTED being raised, with its peer; NULL: none
 *   free_head: the first free slot of bonds
 *   gatts_save_client(): the server's state of a client; its `cccd` points into the connection's
 *   hash_head: of a bond's slot: first of the hash chain of this slot's number
 *   hash_next: the next bond in the chain of its hash
 *   lru_head: the bond used last: bonds are in the order of their use
 *   lru_next: the bond used before this one, or the next slot of the same bond
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   OF_STORE: the bond is one that the application adds
 *   outer: of a bond_fetching: the one inside whose event it is raised
 *   REFUSED(): logs why a call is refused, and is its error
 *   resolve_changed(): bonds or our key have changed: the resolving list is written from its start
 *   resolve_dirty: RESOLVE_RESTART: the resolving list is to be written; _UNDER_WAY: is being
 *   signed_: of a bond: keys and counters of signed writes
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   stored_only: after bond_fetch(): of a bond that the store has and that does not fit; key_size
 *       0: none
 *   wipe(): zeros octets, and the compiler does not remove that */
#include "../core/address.h"
#include "../core/event.h"
#include "../core/log.h"
#include "../core/own_address.h"
#include "../core/ready.h"
#include "../gatt_server/gatt_server.h"
#include "smp.h"

static size_t bond_size(const struct woad *h)
{
    return sizeof(struct bond_slot) + h->cfg.subscriptions * sizeof(struct woad_cccd);
}

/* `number`: from 1; 0: NULL. */
static struct bond_slot *bond_slot_at(const struct woad *h, uint8_t number)
{
    if (!number) {
        return NULL;
    }
    return (struct bond_slot *)(h->smp->bonds + (number - 1u) * bond_size(h));
}

void bond_layout(struct woad *h)
{
    if (!h->cfg.bonds) {
        h->cfg.bonds = WOAD_DEFAULT_BONDS;
    }
    uint8_t *mem = arena_alloc(h, h->cfg.bonds, bond_size(h));
    if (mem) {
        h->smp->bonds = mem;
        h->smp->free_head = h->cfg.bonds;
        for (uint8_t n = h->cfg.bonds; n; n--) {
            bond_slot_at(h, n)->lru_next = n - 1;
        }
    }
}

/* The bond used last, then each one used before; NULL: no more. */
struct bond_slot *bond_lru_first(const struct woad *h)
{
    return bond_slot_at(h, h->smp->lru_head);
}

struct bond_slot *bond_lru_next(const struct woad *h, const struct bond_slot *slot)
{
    do {
        slot = bond_slot_at(h, slot->lru_next);
    } while (slot && !slot->bits.key_size); /* 0: a further slot of the same bond */
    return (struct bond_slot *)slot;
}

/* --- what a slot contains --------------------------------------------------------------------- */

enum { EXTRA_LEGACY = 1, EXTRA_SIGNING = 2 };

/* Which further slots follow the first: bits EXTRA_… */
static unsigned extra_slots_of(const struct bond_bits *is)
{
    unsigned extra = 0;
    if (!(is->flags & WOAD_BOND_SECURE) && (is->has_own_ltk || is->has_peer_ltk)) {
        extra = EXTRA_LEGACY;
    }
    if (is->has_csrk || is->has_own_csrk) {
        extra |= EXTRA_SIGNING;
    }
    return extra;
}

static unsigned slots_of(const struct bond_bits *is)
{
    unsigned more = extra_slots_of(is);
    return 1 + more / 2 + more % 2;
}

const struct bond_legacy *bond_legacy(const struct woad *h, const struct bond_slot *slot)
{
    if (extra_slots_of(&slot->bits) & EXTRA_LEGACY) {
        return &bond_slot_at(h, slot->lru_next)->legacy;
    }
    return NULL;
}

struct bond_signs *bond_signs(const struct woad *h, const struct bond_slot *slot)
{
    unsigned extra = extra_slots_of(&slot->bits);
    if (!(extra & EXTRA_SIGNING)) {
        return NULL;
    }
    if (extra & EXTRA_LEGACY) {
        slot = bond_slot_at(h, slot->lru_next);
    }
    return &bond_slot_at(h, slot->lru_next)->signed_;
}

void bond_peer(const struct bond_slot *slot, struct woad_addr *peer)
{
    peer->type = slot->bits.random;
    memcpy(peer->octet, slot->peer, sizeof slot->peer);
}

/* The octets of a struct woad_bond that the union of each kind of slot has, in the same order: the
 * first slot, legacy pairing, signed writes. */
#define FIELD(name) offsetof(struct woad_bond, name)
static const struct {
    uint8_t at, len;
} parts[] = {
    { FIELD(peer.octet), 6 + 16 + 16 },
    { FIELD(own_ediv), sizeof(struct bond_legacy) },
    { FIELD(signs), sizeof(struct bond_signs) },
};
typedef char
    parts_are_contiguous[FIELD(irk) + 16 == FIELD(peer.octet) + 6 + 16 + 16 &&
                                 FIELD(peer_ltk) + 16 ==
                                     FIELD(own_ediv) + sizeof(struct bond_legacy) &&
                                 FIELD(own_csrk) + 16 == FIELD(signs) + sizeof(struct bond_signs)
                             ? 1
                             : -1];

enum { INTO_SLOTS = false, OUT_OF_SLOTS = true };

/* Copies the fields out of the slots, or into them. */
static void bond_copy(const struct woad *h, struct bond_slot *slot, struct woad_bond *bond,
                      bool out)
{
    unsigned has = extra_slots_of(&slot->bits) << 1 | 1;
    for (size_t n = 0; n < sizeof parts / sizeof *parts; n++) {
        if (has >> n & 1) {
            uint8_t *there = (uint8_t *)bond + parts[n].at;
            if (out) {
                memcpy(there, slot->octets, parts[n].len);
            } else {
                memcpy(slot->octets, there, parts[n].len);
            }
            slot = bond_slot_at(h, slot->lru_next);
        }
    }
}

/* See smp.h.  The bond's `cccd` points into the slot. */
void bond_get(const struct woad *h, const struct bond_slot *slot, struct woad_bond *bond)
{
    memset(bond, 0, sizeof *bond);
    memcpy(bond, &slot->bits, sizeof slot->bits); /* struct woad_bond begins with the same bits */
    bond->peer.type = slot->bits.random;
    /* LE Secure Connections: one key; a slot for legacy pairing overwrites peer_ltk below */
    memcpy(bond->peer_ltk, slot->ltk, sizeof slot->ltk);
    bond_copy(h, (struct bond_slot *)slot, bond, OUT_OF_SLOTS);
    bond->database = slot->database;
    bond->cccd = slot->cccd;
    uint16_t n = 0;
    while (n < h->cfg.subscriptions && slot->cccd[n].handle) {
        n++;
    }
    bond->cccds = n;
}

/* Copies the server's state of the peer into the slot. */
static void bond_put_client(struct woad *h, struct bond_slot *slot, const struct woad_bond *bond)
{
    struct woad_cccd *to = slot->cccd, *end = to + h->cfg.subscriptions;
    for (size_t n = 0; n < bond->cccds && to < end; n++) {
        if (bond->cccd[n].handle) {
            *to++ = bond->cccd[n];
        }
    }
    while (to < end) {
        to++->handle = 0;
    }
    slot->bits.client_features = bond->client_features;
    slot->database = bond->database & 0xffffff;
}

/* --- finding a bond --------------------------------------------------------------------------- */

/* The head of the hash chain for this peer.  Heads are spread over the slots: slot n has that of
 * hash n - 1, whatever bond it holds. */
static uint8_t *bond_hash_head(const struct woad *h, const uint8_t peer[6])
{
    uint8_t hash = 0;
    for (size_t n = 0; n < 6; n++) {
        hash ^= peer[n];
    }
    return &bond_slot_at(h, (uint8_t)(hash % h->cfg.bonds + 1))->hash_head;
}

/* The peer's bond in memory; NULL: none. */
struct bond_slot *bond_find(const struct woad *h, const struct woad_addr *peer)
{
    struct bond_slot *slot = bond_slot_at(h, *bond_hash_head(h, peer->octet));
    /* types 2 and 3 are identities that the controller has resolved: of type 0 and 1 here */
    while (slot && (slot->bits.random != (peer->type & 1) ||
                    memcmp(slot->peer, peer->octet, sizeof slot->peer))) {
        slot = bond_slot_at(h, slot->hash_next);
    }
    return slot;
}

/* Also raises WOAD_EV_BOND_WANTED, in which the application may add the bond.  NULL: none, also if
 * the connection has ended in that event;
 * smp->stored_only tells whether the application has one that does not fit. */
struct bond_slot *bond_fetch_of(const struct conn *c, const struct woad_addr *peer)
{
    struct woad *h = c->h;
    struct smp *s = h->smp;
    struct bond_slot *slot = bond_find(h, peer);
    struct bond_fetching fetch = { .peer = peer, .outer = s->fetching };
    if (!slot) {
        struct woad_event ev;
        s->fetching = &fetch;
        addr_copy(&ev.u.bond_wanted.peer, peer);
        ev.u.bond_wanted.peer.type &= 1;
        emit_of(c, WOAD_EV_BOND_WANTED, &ev);
        s->fetching = fetch.outer;
        slot = bond_find(h, peer);
    }
    s->stored_only = fetch.stored_only;
    if (c->state == CONN_FREE) { /* it has ended in the event */
        s->stored_only.key_size = 0;
        return NULL;
    }
    return slot;
}

struct bond_slot *bond_fetch(const struct conn *c)
{
    return bond_fetch_of(c, &c->peer);
}

/* Whether a key of this strength may not replace the bond `is`; key_size 0: there is no bond. */
bool bond_stronger(const struct bond_bits *is, unsigned flags, unsigned key_size)
{
    return is->key_size && ((is->flags & ~flags) || is->key_size > key_size);
}

/* The link that leads to `slot`, which is in that list: `link` is the offset of lru_next or
 * hash_next. */
static uint8_t *bond_link(const struct woad *h, uint8_t *at, const struct bond_slot *slot,
                          size_t link)
{
    struct bond_slot *next;
    while ((next = bond_slot_at(h, *at)) != slot) {
        at = (uint8_t *)next + link;
    }
    return at;
}

/* Moves that many slots from one list to the front of another, or of the same.  False: there are
 * fewer. */
static bool bond_move_slots(struct woad *h, uint8_t *from, unsigned n, uint8_t *to)
{
    uint8_t first = *from;
    struct bond_slot *last = bond_slot_at(h, first);
    while (last && --n) {
        last = bond_slot_at(h, last->lru_next);
    }
    if (last) {
        *from = last->lru_next;
        last->lru_next = *to;
        *to = first;
    }
    return last;
}

/* Moves all slots of a bond to the front of the list `to`. */
static void bond_move_to(struct woad *h, struct bond_slot *slot, uint8_t *to)
{
    uint8_t *from = bond_link(h, &h->smp->lru_head, slot, offsetof(struct bond_slot, lru_next));
    bond_move_slots(h, from, slots_of(&slot->bits), to);
}

/* The bond is in use: it becomes the first of the list. */
void bond_touch(struct woad *h, struct bond_slot *slot)
{
    bond_move_to(h, slot, &h->smp->lru_head);
    if (h->resolve_dirty) {
        resolve_changed(h); /* it is being written in this order: from the beginning again */
    }
}

/* --- adding and removing ---------------------------------------------------------------------- */

/* Drops a bond and wipes its slots. */
static void bond_free(struct woad *h, struct bond_slot *slot)
{
    *bond_link(h, bond_hash_head(h, slot->peer), slot, offsetof(struct bond_slot, hash_next)) =
        slot->hash_next;
    if (slot->bits.has_irk) {
        resolve_changed(h);
    }
    unsigned slots = slots_of(&slot->bits);
    bond_move_to(h, slot, &h->smp->free_head);
    for (; slots; slots--) {
        slot->bits = (struct bond_bits){ 0 };
        wipe(slot->octets, sizeof slot->octets);
        slot = bond_slot_at(h, slot->lru_next);
    }
}

enum { END_DISTRUST = false, KEEP_DISTRUST = true };

/* Connections to this peer, or to all peers with NULL, have no bond any more.  KEEP_DISTRUST: our
 * GATT client, if it has tried the bond's key, ignores what arrives until the connection is
 * encrypted. */
static void bond_unbind(struct woad *h, const struct woad_addr *peer, bool keep_distrust)
{
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        if (!peer || addr_same(&c->peer, peer)) {
            c->security.bonded = false;
            c->smp->bond_key_tried = keep_distrust && c->smp->bond_key_tried;
        }
    }
}

/* Drops the bond unused for the longest time, for a new bond that takes so many slots.  A pairing's
 * bond drops only a bond that is not stronger, with WOAD_EV_BOND: else whoever pairs could push out
 * the bond of another peer.  Returns false if all are stronger, or the new bond takes more slots
 * than there are; then WOAD_EV_BOND tells the store to forget its bond of the new bond's peer,
 * which is outdated.  Only where memory has no bond at all, keys_done() reports the new one. */
static bool bond_make_room(struct woad *h, const struct woad_bond *new_bond, unsigned slots,
                           bool of_pairing)
{
    struct woad_bond bond;
    const struct woad_bond *gone = new_bond;
    struct bond_slot *slot = NULL;
    for (struct bond_slot *s = bond_lru_first(h); s; s = bond_lru_next(h, s)) {
        if (slots <= h->cfg.bonds &&
            !(of_pairing && bond_stronger(&s->bits, new_bond->flags, new_bond->key_size))) {
            slot = s;
        }
    }
    if (slot) {
        bond_get(h, slot, &bond);
        bond_free(h, slot); /* but not its CCCDs, to which bond.cccd points */
        gone = &bond;
    }
    if (of_pairing && (slot || h->smp->lru_head)) {
        bond_unbind(h, &gone->peer, KEEP_DISTRUST);
        bond_emit(h, WOAD_NO_CONN, gone, WOAD_BOND_GONE);
    }
    wipe(&bond, sizeof bond);
    return slot;
}

/* A bond with an IRK has been added.  Of two bonds with the same one, only one has it: the first
 * that is authenticated, else the first.  Peers know each other's IRKs, so one could give another
 * peer's as its own; private addresses of that peer would then lead to the wrong bond. */
static void bond_claim_irk(const struct woad *h, struct bond_slot *slot)
{
    struct bond_slot *s = slot;
    do {
        s = bond_lru_next(h, s);
    } while (s && !(s->bits.has_irk && same(s->irk, slot->irk, 16)));
    if (s) {
        if (!(slot->bits.flags & ~s->bits.flags & WOAD_BOND_AUTHENTICATED)) {
            s = slot;
        }
        s->bits.has_irk = false;
    }
}

/* In the events of bond_make_room() the application may add bonds, which take the room, or a
 * stronger bond of this peer: then the new one is not kept. */
struct bond_slot *bond_put(struct woad *h, const struct woad_bond *bond, bool of_pairing)
{
    struct smp *s = h->smp;
    struct bond_bits is;
    memcpy(&is, bond, sizeof is);
    is.random = bond->peer.type & 1u;
    /* Each try frees a slot or more.  At the first the caller has compared the strengths; later a
     * stronger bond may have come in an event. */
    for (unsigned slots = slots_of(&is), tries = 0; tries <= slots; tries++) {
        struct bond_slot *slot = bond_find(h, &bond->peer);
        if (slot && tries && bond_stronger(&slot->bits, bond->flags, bond->key_size)) {
            break;
        }
        if (slot) {
            bond_free(h, slot);
        }
        if (bond_move_slots(h, &s->free_head, slots, &s->lru_head)) {
            uint8_t *at = bond_hash_head(h, bond->peer.octet);
            slot = bond_lru_first(h);
            slot->bits = is;
            bond_copy(h, slot, (struct woad_bond *)bond, INTO_SLOTS);
            bond_put_client(h, slot, bond);
            slot->hash_next = *at;
            *at = s->lru_head;
            if (is.has_irk) {
                bond_claim_irk(h, slot);
                resolve_changed(h);
            }
            return slot;
        }
        if (!bond_make_room(h, bond, slots, of_pairing)) {
            break;
        }
    }
    return NULL;
}

/* Saves the server's state of a bonded client in its bond; only while the connection is encrypted
 * with the bond's key. */
void bond_save_client(struct conn *c)
{
    struct woad *h = c->h;
    bool proved = c->security.bonded && c->security.encrypted;
    struct bond_slot *slot = NULL;
    if (proved) {
        slot = bond_fetch(c);
    }
    if (slot) {
        struct woad_bond state;
        gatts_save_client(c, &state);
        bond_put_client(h, slot, &state);
        bond_emit_slot(h, c->number, slot, WOAD_BOND_CHANGED);
    }
}

void bond_emit(struct woad *h, uint16_t conn, const struct woad_bond *bond,
               enum woad_bond_change change)
{
    struct woad_event ev;
    ev.u.bond.bond = bond;
    ev.u.bond.change = change;
    emit_at(h, conn, WOAD_EV_BOND, &ev);
}

void bond_emit_slot(struct woad *h, uint16_t conn, const struct bond_slot *slot,
                    enum woad_bond_change change)
{
    struct woad_bond bond;
    bond_get(h, slot, &bond);
    bond_emit(h, conn, &bond, change);
    wipe(&bond, sizeof bond);
}

int woad_bond_add(struct woad *h, const struct woad_bond *bond)
{
    if (!h->smp) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_security_manager");
    }
    if (bond->key_size < 7 || bond->key_size > 16 || bond->peer.type > 1 ||
        (bond->cccds && !bond->cccd)) {
        return REFUSED(h, WOAD_EINVAL, "key_size %u, peer.type %u: 7 to 16, 0 or 1", bond->key_size,
                       bond->peer.type);
    }
    struct woad_bond copy = *bond;
    if ((copy.flags & WOAD_BOND_SECURE) && !copy.has_own_ltk) {
        memcpy(copy.own_ltk, copy.peer_ltk, sizeof copy.own_ltk); /* there is only one key */
    }
    const struct bond_slot *slot = bond_put(h, &copy, OF_STORE);
    wipe(&copy, sizeof copy);
    for (struct bond_fetching *f = h->smp->fetching; f && !slot; f = f->outer) {
        if (addr_same(f->peer, &bond->peer)) {
            memcpy(&f->stored_only, bond, sizeof f->stored_only);
        }
    }
    all_mark_ready(h); /* requests to its peer must wait for encryption now */
    if (!slot) {
        return REFUSED(h, WOAD_ENOMEM, "it takes more slots than config.bonds, %u", h->cfg.bonds);
    }
    return 0;
}

int woad_bond_at(const struct woad *h, uint16_t n, struct woad_bond *bond)
{
    const struct bond_slot *slot = NULL;
    if (h->smp) {
        slot = bond_lru_first(h);
    }
    for (; slot && n; n--) {
        slot = bond_lru_next(h, slot);
    }
    if (!slot) {
        return WOAD_ENOENT;
    }
    bond_get(h, slot, bond);
    return 0;
}

int woad_bond_remove(struct woad *h, const struct woad_addr *peer)
{
    if (!h->smp) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_security_manager");
    }
    bond_unbind(h, peer, END_DISTRUST);
    all_mark_ready(h); /* what waited for its key need not any more */
    struct bond_slot *slot;
    if (peer) {
        slot = bond_find(h, peer);
    } else {
        slot = bond_lru_first(h);
    }
    if (peer && !slot) {
        return WOAD_ENOENT;
    }
    while (slot) {
        bond_free(h, slot);
        slot = NULL;
        if (!peer) {
            slot = bond_lru_first(h);
        }
    }
    return 0;
}
