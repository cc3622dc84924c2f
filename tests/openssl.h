/* OpenSSL as a crypto backend: an independent implementation of AES, CMAC and P-256. */
#ifndef WOAD_TESTS_OPENSSL_H
#define WOAD_TESTS_OPENSSL_H

#define OPENSSL_SUPPRESS_DEPRECATED /* EC_POINT and CMAC_CTX are deprecated but short */
#include <woad/crypto.h>

#include <openssl/cmac.h>
#include <openssl/ec.h>
#include <openssl/ecdh.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include <string.h>

/* woad_crypto.aes128 */
static inline int openssl_aes128(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    uint8_t block[32];
    int len = 0;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int ok = EVP_EncryptInit_ex(c, EVP_aes_128_ecb(), NULL, key, NULL) &&
             EVP_CIPHER_CTX_set_padding(c, 0) && EVP_EncryptUpdate(c, block, &len, in, 16);
    EVP_CIPHER_CTX_free(c);
    memcpy(out, block, 16);
    return ok && len == 16 ? 0 : -1;
}

/* AES-CMAC of n octets. */
static inline void openssl_cmac(const uint8_t key[16], const uint8_t *m, size_t n, uint8_t mac[16])
{
    size_t len = 16;
    CMAC_CTX *c = CMAC_CTX_new();
    CMAC_Init(c, key, 16, EVP_aes_128_cbc(), NULL);
    CMAC_Update(c, m, n);
    CMAC_Final(c, mac, &len);
    CMAC_CTX_free(c);
}

/* Calculates private * point, or private * generator where `point` is NULL. Fails for an invalid
 * key. */
static inline int openssl_multiply(const uint8_t private_key[32], const uint8_t *point,
                                   uint8_t out[64])
{
    EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *d = BN_bin2bn(private_key, 32, NULL), *x = BN_new(), *y = BN_new();
    EC_POINT *p = EC_POINT_new(g), *q = EC_POINT_new(g);
    int ok = !BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(g)) < 0;
    if (point) {
        ok = ok && BN_bin2bn(point, 32, x) && BN_bin2bn(point + 32, 32, y) &&
             EC_POINT_set_affine_coordinates(g, p, x, y, NULL) && /* fails off the curve */
             EC_POINT_mul(g, q, NULL, p, d, NULL);
    } else {
        ok = ok && EC_POINT_mul(g, q, d, NULL, NULL, NULL);
    }
    ok = ok && EC_POINT_get_affine_coordinates(g, q, x, y, NULL) &&
         BN_bn2binpad(x, out, 32) == 32 && BN_bn2binpad(y, out + 32, 32) == 32;
    EC_POINT_free(p);
    EC_POINT_free(q);
    BN_free(d);
    BN_free(x);
    BN_free(y);
    EC_GROUP_free(g);
    return ok ? 0 : -1;
}

/* woad_crypto.p256_public */
static inline int openssl_public(const uint8_t private_key[32], uint8_t public_key[64])
{
    return openssl_multiply(private_key, NULL, public_key);
}

/* woad_crypto.p256_dh */
static inline int openssl_dh(const uint8_t private_key[32], const uint8_t public_key[64],
                             uint8_t secret[32])
{
    uint8_t out[64];
    int err = openssl_multiply(private_key, public_key, out);
    memcpy(secret, out, 32);
    return err;
}

static const struct woad_crypto openssl = { openssl_aes128, openssl_public, openssl_dh };

#endif
