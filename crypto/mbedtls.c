/* Mbed TLS, by its classic interface. */
#include <woad/crypto.h>

#include <mbedtls/aes.h>
#include <mbedtls/ecp.h>

static int aes128(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    mbedtls_aes_context aes;
    mbedtls_aes_init(&aes);
    int err = mbedtls_aes_setkey_enc(&aes, key, 128);
    if (!err) {
        err = mbedtls_aes_crypt_ecb(&aes, MBEDTLS_AES_ENCRYPT, in, out);
    }
    mbedtls_aes_free(&aes); /* wipes the key schedule */
    if (err) {
        return -1;
    }
    return 0;
}

/* Not from the system: only against side channels of what follows, which takes no other secret.
 * The library asks for some such source. */
static int blinding(void *ctx, unsigned char *out, size_t len)
{
    uint32_t *x = ctx;
    for (size_t n = 0; n < len; n++) {
        *x = *x * 1664525u + 1013904223u;
        out[n] = (unsigned char)(*x >> 24);
    }
    return 0;
}

struct p256 {
    mbedtls_ecp_group group;
    mbedtls_mpi d, z;
    mbedtls_ecp_point point;
    uint32_t blind;
};

static int p256_begin(struct p256 *p, const uint8_t private_key[32])
{
    mbedtls_ecp_group_init(&p->group);
    mbedtls_mpi_init(&p->d);
    mbedtls_mpi_init(&p->z);
    mbedtls_ecp_point_init(&p->point);
    p->blind = (uint32_t)private_key[31] << 24 | (uint32_t)private_key[17] << 16 |
               (uint32_t)private_key[5] << 8 | private_key[0];
    int err = mbedtls_ecp_group_load(&p->group, MBEDTLS_ECP_DP_SECP256R1);
    if (!err) {
        err = mbedtls_mpi_read_binary(&p->d, private_key, 32);
    }
    if (!err) {
        return mbedtls_ecp_check_privkey(&p->group, &p->d);
    }
    return err;
}

static void p256_end(struct p256 *p)
{
    mbedtls_ecp_point_free(&p->point);
    mbedtls_mpi_free(&p->z);
    mbedtls_mpi_free(&p->d); /* wipes it */
    mbedtls_ecp_group_free(&p->group);
}

/* Points as octets: 4, X, Y. */
enum { POINT = 65 };

static int p256_public(const uint8_t private_key[32], uint8_t public_key[64])
{
    struct p256 p;
    uint8_t octets[POINT];
    size_t len;
    int err = p256_begin(&p, private_key);
    if (!err) {
        err = mbedtls_ecp_mul(&p.group, &p.point, &p.d, &p.group.G, blinding, &p.blind);
    }
    if (!err) {
        err = mbedtls_ecp_point_write_binary(&p.group, &p.point, MBEDTLS_ECP_PF_UNCOMPRESSED, &len,
                                             octets, sizeof octets);
    }
    for (size_t n = 0; !err && n < 64; n++) {
        public_key[n] = octets[1 + n];
    }
    p256_end(&p);
    if (err) {
        return -1;
    }
    return 0;
}

static int p256_dh(const uint8_t private_key[32], const uint8_t public_key[64], uint8_t secret[32])
{
    struct p256 p;
    uint8_t octets[POINT] = { 4 };
    for (size_t n = 0; n < 64; n++) {
        octets[1 + n] = public_key[n];
    }
    int err = p256_begin(&p, private_key);
    if (!err) {
        err = mbedtls_ecp_point_read_binary(&p.group, &p.point, octets, sizeof octets);
    }
    if (!err) {
        err = mbedtls_ecp_check_pubkey(&p.group, &p.point);
    }
    if (!err) {
        err = mbedtls_ecp_mul(&p.group, &p.point, &p.d, &p.point, blinding, &p.blind);
    }
    size_t len;
    if (!err) {
        err = mbedtls_ecp_point_write_binary(&p.group, &p.point, MBEDTLS_ECP_PF_UNCOMPRESSED, &len,
                                             octets, sizeof octets);
    }
    for (size_t n = 0; !err && n < 32; n++) {
        secret[n] = octets[1 + n];
    }
    for (volatile uint8_t *o = octets; o < octets + POINT; o++) {
        *o = 0;
    }
    p256_end(&p);
    if (err) {
        return -1;
    }
    return 0;
}

const struct woad_crypto woad_mbedtls = { aes128, p256_public, p256_dh };
