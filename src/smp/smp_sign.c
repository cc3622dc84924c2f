/* Signed writes: who is bonded, and not encrypted, signs what it writes.  Each signature has a
 * number, which is kept, so that none counts twice.  Vol 3, Part H, 2.4.5; Part C, 10.4 */
#include "smp.h"

enum { SIGN_HEAD = 3, SIGN_MAC = 8, SIGN_COUNT = 4 };

/* HEAD: op u8, handle u16.  All that is signed, and then the number. */
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

/* A number that has been used, or one before it, is somebody's who has listened.  It is used up
 * before the write is done. */
bool sign_verify(struct conn *c, const uint8_t *pdu, size_t len, bool *authenticated)
{
    struct woad *h = c->h;
    struct bond_slot *slot = bond_fetch(c, &c->peer);
    struct bond_signs *s = slot && slot->bits.has_csrk ? bond_signs(h, slot) : NULL;
    const uint8_t *count = pdu + len - SIGNATURE;
    uint8_t mac[SIGN_MAC];
    struct rd in = rd_of(count, SIGN_COUNT);
    uint32_t number = rd_le32(&in);
    if (!s || zeros(s->csrk, sizeof s->csrk) || number < s->signs || number == UINT32_MAX ||
        sign_mac(h, s->csrk, pdu, pdu + SIGN_HEAD, len - SIGN_HEAD - SIGNATURE, count, mac) ||
        !same(mac, count + SIGN_COUNT, SIGN_MAC)) {
        return false;
    }
    s->signs = number + 1;
    *authenticated = slot->bits.flags & WOAD_BOND_AUTHENTICATED;
    bond_emit_slot(h, c->number, slot, WOAD_BOND_CHANGED);
    return true;
}

int sign_make(struct conn *c, uint16_t handle, const void *data, size_t len,
              uint8_t signature[SIGNATURE])
{
    struct woad *h = c->h;
    const struct bond_slot *slot = bond_fetch(c, &c->peer);
    struct bond_signs *s = slot && slot->bits.has_own_csrk ? bond_signs(h, slot) : NULL;
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

/* The number is kept before anybody hears it: nothing is sent from inside an event. */
void sign_emit_bond(struct conn *c)
{
    struct woad *h = c->h;
    bond_emit_slot(h, c->number, bond_find(h, &c->peer), WOAD_BOND_CHANGED);
}
