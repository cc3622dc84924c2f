/* The cryptographic toolbox of the Security Manager, on AES.  Octet strings have the most
 * significant octet first.  Returns 0, or the error of `aes`; then the output is not valid.  Vol 3,
 * Part H, 2.2
 *
 * Names of other files:
 *   reversed(): copies in the opposite order of octets
 *   toolbox_mac(): toolbox_…(): the cryptographic toolbox, Vol 3, Part H, 2.2: base/toolbox.h
 *   wipe(): zeros octets, and the compiler does not remove that */
#include <string.h>

#include "bytes.h"
#include "toolbox.h"

/* --- AES-CMAC: RFC 4493 ----------------------------------------------------------------------- */

/* Doubles a subkey in GF(2^128), in constant time. */
static void cmac_double(uint8_t k[16])
{
    uint8_t carry = (uint8_t)(0u - (k[0] >> 7)) & 0x87;
    for (size_t n = 0; n < 16; n++) {
        k[n] = (uint8_t)(k[n] << 1 | (n < 15 ? k[n + 1] >> 7 : 0));
    }
    k[15] ^= carry;
}

static void xor_with(uint8_t *x, const uint8_t *with, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        x[n] ^= with[n];
    }
}

void toolbox_mac_begin(struct toolbox_mac *m, const struct toolbox *t, const uint8_t key[16])
{
    *m = (struct toolbox_mac){ .box = t, .key = key };
}

/* Encrypts a block, unless one before has failed. */
static void cmac_aes(struct toolbox_mac *m, const uint8_t in[16], uint8_t out[16])
{
    if (!m->err) {
        m->err = m->box->aes(m->box->ctx, m->key, in, out);
    }
}

/* A full block is encrypted when the next octet arrives: the last block is treated differently. */
static void cmac_octet(struct toolbox_mac *m, uint8_t octet)
{
    if (m->n == 16) {
        cmac_aes(m, m->x, m->x);
        m->n = 0;
    }
    m->x[m->n++] ^= octet;
}

void toolbox_mac_more(struct toolbox_mac *m, const uint8_t *p, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        cmac_octet(m, p[n]);
    }
}

/* Adds octets in the reversed order. */
void toolbox_mac_back(struct toolbox_mac *m, const uint8_t *p, size_t len)
{
    while (len) {
        cmac_octet(m, p[--len]);
    }
}

/* The AES-CMAC of what was added.  0, or the error of the first block that failed. */
int toolbox_mac_end(struct toolbox_mac *m, uint8_t mac[16])
{
    uint8_t sub[16] = { 0 };
    cmac_aes(m, sub, sub);
    cmac_double(sub);
    if (m->n < 16) {
        m->x[m->n] ^= 0x80;
        cmac_double(sub);
    }
    xor_with(m->x, sub, 16);
    cmac_aes(m, m->x, mac);
    return m->err;
}

int toolbox_cmac(const struct toolbox *t, const uint8_t key[16], const uint8_t *m, size_t len,
                 uint8_t mac[16])
{
    struct toolbox_mac c;
    toolbox_mac_begin(&c, t, key);
    toolbox_mac_more(&c, m, len);
    return toolbox_mac_end(&c, mac);
}

/* --- legacy pairing --------------------------------------------------------------------------- */

/* 2.2.3: p1 = pres, preq, rat, iat, with the PDUs reversed; p2 = 0, ia, ra */
int toolbox_c1(const struct toolbox *t, const uint8_t k[16], const uint8_t r[16],
               const uint8_t preq[7], const uint8_t pres[7], const uint8_t ia[7],
               const uint8_t ra[7], uint8_t out[16])
{
    uint8_t x[16];
    reversed(x, pres, 7);
    reversed(x + 7, preq, 7);
    x[14] = ra[0];
    x[15] = ia[0];
    xor_with(x, r, 16);
    int err = t->aes(t->ctx, k, x, x);
    xor_with(x + 4, ia + 1, 6);
    xor_with(x + 10, ra + 1, 6);
    if (err) {
        return err;
    }
    return t->aes(t->ctx, k, x, out);
}

/* 2.2.4: AES of the less significant halves of both */
int toolbox_s1(const struct toolbox *t, const uint8_t k[16], const uint8_t r1[16],
               const uint8_t r2[16], uint8_t out[16])
{
    uint8_t r[16];
    memcpy(r, r1 + 8, 8);
    memcpy(r + 8, r2 + 8, 8);
    return t->aes(t->ctx, k, r, out);
}

/* --- LE Secure Connections -------------------------------------------------------------------- */

/* Adds the same value of both devices. */
static void mac_both(struct toolbox_mac *m, const uint8_t *a, const uint8_t *b, size_t len)
{
    toolbox_mac_more(m, a, len);
    toolbox_mac_more(m, b, len);
}

/* Confirm value of LE Secure Connections.  2.2.6 */
int toolbox_f4(const struct toolbox *t, const uint8_t u[32], const uint8_t v[32],
               const uint8_t x[16], uint8_t z, uint8_t out[16])
{
    struct toolbox_mac m;
    toolbox_mac_begin(&m, t, x);
    mac_both(&m, u, v, 32);
    toolbox_mac_more(&m, &z, 1);
    return toolbox_mac_end(&m, out);
}

/* 2.2.7: a counter, "btle", n1, n2, a1, a2, 256 */
int toolbox_f5(const struct toolbox *t, const uint8_t w[32], const uint8_t n1[16],
               const uint8_t n2[16], const uint8_t a1[7], const uint8_t a2[7], uint8_t mac_key[16],
               uint8_t ltk[16])
{
    static const uint8_t salt[16] = { 0x6c, 0x88, 0x83, 0x91, 0xaa, 0xf5, 0xa5, 0x38,
                                      0x60, 0x37, 0x0b, 0xdb, 0x5a, 0x60, 0x83, 0xbe };
    static const uint8_t head[2][5] = { { 0, 'b', 't', 'l', 'e' }, { 1, 'b', 't', 'l', 'e' } };
    static const uint8_t bits[2] = { 1, 0 };
    struct toolbox_mac m;
    uint8_t key[16];
    int err = toolbox_cmac(t, salt, w, 32, key);
    for (size_t k = 0; !err && k < 2; k++) {
        toolbox_mac_begin(&m, t, key);
        toolbox_mac_more(&m, head[k], 5);
        mac_both(&m, n1, n2, 16);
        mac_both(&m, a1, a2, 7);
        toolbox_mac_more(&m, bits, 2);
        err = toolbox_mac_end(&m, k ? ltk : mac_key);
    }
    wipe(key, sizeof key);
    return err;
}

/* DHKey Check.  2.2.8 */
int toolbox_f6(const struct toolbox *t, const uint8_t w[16], const uint8_t n1[16],
               const uint8_t n2[16], const uint8_t r[16], const uint8_t io[3], const uint8_t a1[7],
               const uint8_t a2[7], uint8_t out[16])
{
    struct toolbox_mac m;
    toolbox_mac_begin(&m, t, w);
    mac_both(&m, n1, n2, 16);
    toolbox_mac_more(&m, r, 16);
    toolbox_mac_more(&m, io, 3);
    mac_both(&m, a1, a2, 7);
    return toolbox_mac_end(&m, out);
}

int toolbox_g2(const struct toolbox *t, const uint8_t u[32], const uint8_t v[32],
               const uint8_t x[16], const uint8_t y[16], uint32_t *number)
{
    struct toolbox_mac m;
    uint8_t mac[16] = { 0 };
    toolbox_mac_begin(&m, t, x);
    mac_both(&m, u, v, 32);
    toolbox_mac_more(&m, y, 16);
    int err = toolbox_mac_end(&m, mac);
    *number =
        ((uint32_t)mac[12] << 24 | (uint32_t)mac[13] << 16 | (uint32_t)mac[14] << 8 | mac[15]) %
        1000000;
    return err;
}

/* --- other keys ------------------------------------------------------------------------------- */

int toolbox_h6(const struct toolbox *t, const uint8_t w[16], const uint8_t id[4], uint8_t out[16])
{
    return toolbox_cmac(t, w, id, 4, out);
}

int toolbox_h7(const struct toolbox *t, const uint8_t salt[16], const uint8_t w[16],
               uint8_t out[16])
{
    return toolbox_cmac(t, salt, w, 16, out);
}

/* 2.2.2: the less significant 24 bits */
int toolbox_ah(const struct toolbox *t, const uint8_t k[16], const uint8_t r[3], uint8_t out[3])
{
    uint8_t x[16] = { 0 };
    memcpy(x + 13, r, 3);
    int err = t->aes(t->ctx, k, x, x);
    memcpy(out, x + 13, 3);
    return err;
}
