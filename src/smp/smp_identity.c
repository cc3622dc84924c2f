/* Identities: of peers with resolvable private addresses, if we have their IRK, and our own.  Vol
 * 3, Part C, 10.8; Vol 6, Part B, 1.3.2.3
 *
 * Names of other files:
 *   bond_find(): the peer's bond in memory; NULL: none
 *   bond_lru_first(): the bond used last; NULL: none
 *   bond_lru_next(): the bond used before this one; NULL: none
 *   bond_peer(): the address of the bond's peer
 *   bond_slot: a bond takes one, and more for data of legacy pairing and of signed writes
 *   cfg: the config that the application gave to woad_init()
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   hci_has_command(): the controller supports a command: octet and bit of Supported_Commands
 *   identity: our identity address, while private ones are used
 *   KIND_SHIFT: of a random address: its kind is in the two top bits (NRPA, RPA, STATIC)
 *   last_rpa: the private address that the peer was seen with last
 *   lru_head: the bond used last: bonds are in the order of their use
 *   privacy: enum woad_privacy; 0: we use our identity address
 *   resolve_changed(): bonds or our key have changed: the resolving list is written from its start
 *   resolving_enabled: the controller resolves private addresses of bonded peers
 *   reversed(): copies in the opposite order of octets
 *   rpa_deadline: when the next private address is made
 *   same(): compares in constant time
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   toolbox: the cryptographic functions of Vol 3, Part H, 2.2: base/toolbox.h
 *   toolbox_ah(): toolbox_…(): the cryptographic toolbox, Vol 3, Part H, 2.2: base/toolbox.h
 *   zeros(): all octets are 0 */
#include "../core/clock.h"
#include "../core/own_address.h"
#include "../hci/hci.h"
#include "smp.h"

/* Whether `a` is a resolvable private address of this IRK: hash = ah(IRK, prand).  `key` and the
 * address have the least significant octet first.  An IRK of zeros means that the peer has no
 * private addresses.  Vol 3, Part H, 3.6.4 */
static bool rpa_is_of(const struct woad *h, const struct woad_addr *a, const uint8_t key[16])
{
    uint8_t irk[16], rpa[6], hash[3]; /* rpa: prand 3, hash 3 */
    reversed(irk, key, 16);
    reversed(rpa, a->octet, 6);
    return !zeros(irk, 16) && toolbox_ah(&h->smp->toolbox, irk, rpa, hash) == 0 &&
           same(hash, rpa + 3, 3);
}

/* Replaces a private address by the bonded peer's identity, and notes in the bond where it was
 * seen.  A peer that uses its identity address does not use private ones any more. */
void rpa_resolve(struct woad *h, struct woad_addr *a)
{
    bool on_air = a->type <= WOAD_ADDR_RANDOM;
    if (h->resolving_enabled && a->type <= WOAD_ADDR_RANDOM_IDENTITY) { /* not anonymous */
        a->type &= 1; /* an identity that the controller has resolved */
    }
    if (a->type != WOAD_ADDR_RANDOM || a->octet[5] >> KIND_SHIFT != RPA || !h->cfg.crypto) {
        struct bond_slot *slot = NULL;
        if (on_air && h->smp->lru_head) {
            slot = bond_find(h, a);
        }
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

/* Replaces an identity by the address at which the peer can be reached: the private one it was seen
 * with last, or the identity itself if the controller resolves. */
void rpa_air_address(const struct woad *h, struct woad_addr *a)
{
    const struct bond_slot *slot = bond_find(h, a);
    if (slot && slot->bits.has_irk && h->resolving_enabled) {
        /* The controller resolves its address.  Without LE Set Privacy Mode it wants an identity
         * address type; other controllers may refuse that.  Vol 4, Part E, 7.8.12, 7.8.66 */
        if (!hci_has_command(h, 39, 2)) {
            a->type |= WOAD_ADDR_PUBLIC_IDENTITY;
        }
    } else if (slot && slot->last_rpa[5]) { /* never 0: the two top bits are RPA */
        a->type = WOAD_ADDR_RANDOM;
        memcpy(a->octet, slot->last_rpa, sizeof slot->last_rpa);
    }
}

/* Our identity address, as sent to bonded peers. */
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
    if (zeros(irk, 16)) {
        return WOAD_EINVAL;
    }
    memcpy(h->smp->irk, irk, 16);
    h->smp->has_irk = true;
    if (h->smp->privacy == WOAD_PRIVACY_RESOLVABLE) {
        h->smp->rpa_deadline = deadline_in(h, 0); /* the address in use is of the key before */
    }
    resolve_changed(h);
    return 0;
}

int woad_irk(const struct woad *h, uint8_t irk[16])
{
    if (!h->smp) {
        return WOAD_ENOTSUP;
    }
    memcpy(irk, h->smp->irk, 16);
    if (!h->smp->has_irk) {
        return WOAD_ENOENT;
    }
    return 0;
}
