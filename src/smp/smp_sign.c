/* Signatures of signed writes: a bonded client signs what it writes on an unencrypted connection.
 * Each signature has a counter value, kept in the bond, so that none is accepted twice.  Vol 3,
 * Part H, 2.4.5; Part C, 10.4
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   ATT_SIGNED_WRITE_CMD: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   bond_emit_slot(): raises WOAD_EV_BOND about a bond in memory
 *   bond_fetch(): the peer's bond; may raise WOAD_EV_BOND_WANTED to get it from the application
 *   bond_find(): the peer's bond in memory; NULL: none
 *   bond_signs(): the bond's data of signed writes; NULL: none
 *   bond_slot: a bond takes one, and more for data of legacy pairing and of signed writes
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   rd_le32(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   reversed(): copies in the opposite order of octets
 *   same(): compares in constant time
 *   SIGNATURE: octets of the counter and the MAC at the end of a signed write
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   toolbox: the cryptographic functions of Vol 3, Part H, 2.2: base/toolbox.h
 *   toolbox_mac(): toolbox_…(): the cryptographic toolbox, Vol 3, Part H, 2.2: base/toolbox.h
 *   toolbox_mac_back(): adds octets to the MAC, the last one first
 *   wipe(): zeros octets, and the compiler does not remove that
 *   wr_le32(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   zeros(): all octets are 0 */
#include "smp.h"

enum { SIGN_HEAD = 3, SIGN_MAC = 8, SIGN_COUNT = 4 };

/* The MAC of { head, data, count }. `head`: op u8, handle u16. */
static int sign_mac(struct woad *h, const uint8_t key[16], const uint8_t head[SIGN_HEAD],
                    const uint8_t *data, size_t len, const uint8_t count[SIGN_COUNT],
                    uint8_t mac[SIGN_MAC])
{
    uint8_t csrk[16], whole[16];
    struct toolbox_mac m;
    reversed(csrk, key, 16);
    toolbox_mac_begin(&m, &h->smp->toolbox, csrk);
    toolbox_mac_back(&m, count, SIGN_COUNT);
    toolbox_mac_back(&m, data, len);
    toolbox_mac_back(&m, head, SIGN_HEAD);
    int err = toolbox_mac_end(&m, whole);
    reversed(mac, whole, SIGN_MAC);
    wipe(csrk, sizeof csrk);
    wipe(&m, sizeof m);
    return err;
}

/* Checks a received signature.  A counter value at or below one already used is a replay.  The
 * value is used up before the write is delivered. */
bool sign_verify(struct conn *c, const uint8_t *pdu, size_t len, bool *authenticated)
{
    struct woad *h = c->h;
    struct bond_slot *slot = bond_fetch(c);
    struct bond_signs *s = NULL;
    if (slot && slot->bits.has_csrk) {
        s = bond_signs(h, slot);
    }
    const uint8_t *count = pdu + len - SIGNATURE;
    uint8_t mac[SIGN_MAC];
    struct rd in = rd_of(count, SIGN_COUNT);
    uint32_t counter = rd_le32(&in);
    if (!s || zeros(s->csrk, sizeof s->csrk) || counter < s->signs || counter == UINT32_MAX ||
        sign_mac(h, s->csrk, pdu, pdu + SIGN_HEAD, len - SIGN_HEAD - SIGNATURE, count, mac) ||
        !same(mac, count + SIGN_COUNT, SIGN_MAC)) {
        return false;
    }
    s->signs = counter + 1;
    *authenticated = slot->bits.flags & WOAD_BOND_AUTHENTICATED;
    bond_emit_slot(h, c->number, slot, WOAD_BOND_CHANGED);
    return true;
}

/* Makes a signature.  0; WOAD_EACCES without a key; WOAD_EIO.  sign_emit_bond() must follow. */
int sign_make(struct conn *c, uint16_t handle, const void *data, size_t len,
              uint8_t signature[SIGNATURE])
{
    struct woad *h = c->h;
    const struct bond_slot *slot = bond_fetch(c);
    struct bond_signs *s = NULL;
    if (slot && slot->bits.has_own_csrk) {
        s = bond_signs(h, slot);
    }
    uint8_t head[SIGN_HEAD] = { ATT_SIGNED_WRITE_CMD, (uint8_t)handle, (uint8_t)(handle >> 8) };
    if (!s || s->own_signs == UINT32_MAX) {
        return WOAD_EACCES;
    }
    struct wr out = wr_of(signature, SIGN_COUNT);
    wr_le32(&out, s->own_signs);
    if (sign_mac(h, s->own_csrk, head, data, len, signature, signature + SIGN_COUNT)) {
        return WOAD_EIO;
    }
    s->own_signs++;
    return 0;
}

/* Raises WOAD_EV_BOND for the store to keep the counter, when the write has been queued: woad_tx()
 * is not called inside an event, so the counter is kept before the write leaves. */
void sign_emit_bond(struct conn *c)
{
    struct woad *h = c->h;
    bond_emit_slot(h, c->number, bond_find(h, &c->peer), WOAD_BOND_CHANGED);
}
