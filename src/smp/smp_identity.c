/* Identities: of peers behind private addresses, whose keys we have, and ours.
 * Vol 3, Part C, 10.8; Vol 6, Part B, 1.3.2.3 */
#include "../core/own_address.h"
#include "../hci/hci.h"
#include "smp.h"

/* hash = ah(IRK, prand); `key` and the address have the least significant octet first.  An IRK of
 * zeros is none: its peer has no private addresses.  Vol 3, Part H, 3.6.4 */
static bool rpa_is_of(const struct woad *h, const struct woad_addr *a, const uint8_t key[16])
{
    uint8_t irk[16], rpa[6], hash[3]; /* rpa: prand 3, hash 3 */
    reversed(irk, key, 16);
    reversed(rpa, a->octet, 6);
    return !zeros(irk, 16) && toolbox_ah(&h->smp->toolbox, irk, rpa, hash) == 0 &&
           same(hash, rpa + 3, 3);
}

/* Whose it is; then it is the identity from here on, and this is where it can be reached: a peer
 * that is heard at its identity does not hide any more. */
void rpa_resolve(struct woad *h, struct woad_addr *a)
{
    bool on_air = a->type <= WOAD_ADDR_RANDOM;
    if (h->resolving_enabled) {
        a->type &= 1; /* the controller's word for who it is */
    }
    if (a->type != WOAD_ADDR_RANDOM || a->octet[5] >> KIND_SHIFT != RPA || !h->cfg.crypto) {
        struct bond_slot *slot = on_air && h->smp->lru_head ? bond_find(h, a) : NULL;
        if (slot) {
            slot->last_rpa[5] = 0;
        }
        return;
    }
    for (struct bond_slot *slot = bond_lru_first(h); slot; slot = bond_lru_next(h, slot)) {
        if (slot->bits.has_irk && rpa_is_of(h, a, slot->irk)) {
            memcpy(slot->last_rpa, a->octet, sizeof slot->last_rpa);
            bond_peer(slot, a);
            return;
        }
    }
}

/* Where a peer was heard last, if it hides; or its identity, where the controller resolves. */
void rpa_air_address(const struct woad *h, struct woad_addr *a)
{
    const struct bond_slot *slot = bond_find(h, a);
    if (slot && slot->bits.has_irk && h->resolving_enabled) {
        /* The controller resolves its address.  One without LE Set Privacy Mode wants to be told
         * that this is an identity; others may refuse that.  Vol 4, Part E, 7.8.12, 7.8.66 */
        a->type |= hci_has_command(h, 39, 2) ? 0 : 2;
    } else if (slot && slot->last_rpa[5]) { /* RPA are the two top bits */
        a->type = WOAD_ADDR_RANDOM;
        memcpy(a->octet, slot->last_rpa, sizeof slot->last_rpa);
    }
}

/* Who we are to those who have our key. */
void rpa_identity(const struct woad *h, struct woad_addr *a)
{
    *a = h->smp->identity;
    if (!h->smp->privacy) {
        woad_own_address(h, a);
    }
}

int woad_set_irk(struct woad *h, const uint8_t irk[16])
{
    if (!h->smp) {
        return WOAD_ENOTSUP;
    }
    memcpy(h->smp->irk, irk, 16);
    h->smp->has_irk = true;
    resolve_changed(h);
    return 0;
}

int woad_irk(const struct woad *h, uint8_t irk[16])
{
    if (!h->smp) {
        return WOAD_ENOTSUP;
    }
    memcpy(irk, h->smp->irk, 16);
    return h->smp->has_irk ? 0 : WOAD_ENOENT;
}
