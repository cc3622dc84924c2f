/* struct woad_crypto by the PSA Crypto API: Mbed TLS, or the hardware behind it. */
#include <woad/crypto.h>

#include <psa/crypto.h>

#include <string.h>

/* Imports a key for one operation; 0: failed. */
static psa_key_id_t key_of(psa_key_type_t type, size_t bits, psa_key_usage_t usage,
                           psa_algorithm_t algorithm, const uint8_t *octets, size_t len)
{
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_key_id_t key = 0;
    psa_set_key_type(&attributes, type);
    psa_set_key_bits(&attributes, bits);
    psa_set_key_usage_flags(&attributes, usage);
    psa_set_key_algorithm(&attributes, algorithm);
    if (psa_crypto_init() != PSA_SUCCESS || /* may be called more than once */
        psa_import_key(&attributes, octets, len, &key) != PSA_SUCCESS) {
        return 0;
    }
    return key;
}

static int psa_aes128(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    uint8_t block[16];
    size_t len = 0;
    psa_key_id_t id =
        key_of(PSA_KEY_TYPE_AES, 128, PSA_KEY_USAGE_ENCRYPT, PSA_ALG_ECB_NO_PADDING, key, 16);
    if (!id) {
        return -1;
    }
    psa_status_t status =
        psa_cipher_encrypt(id, PSA_ALG_ECB_NO_PADDING, in, 16, block, sizeof block, &len);
    psa_destroy_key(id);
    if (status != PSA_SUCCESS || len != 16) {
        return -1;
    }
    memcpy(out, block, 16);
    return 0;
}

static psa_key_id_t private_of(const uint8_t private_key[32])
{
    return key_of(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), 256, PSA_KEY_USAGE_DERIVE,
                  PSA_ALG_ECDH, private_key, 32);
}

/* Points as octets: 4, X, Y. */
enum { PSA_POINT = 65 };

static int psa_p256_public(const uint8_t private_key[32], uint8_t public_key[64])
{
    uint8_t octets[PSA_POINT];
    size_t len = 0;
    psa_key_id_t id = private_of(private_key);
    if (!id) {
        return -1;
    }
    psa_status_t status = psa_export_public_key(id, octets, sizeof octets, &len);
    psa_destroy_key(id);
    if (status != PSA_SUCCESS || len != PSA_POINT) {
        return -1;
    }
    memcpy(public_key, octets + 1, 64);
    return 0;
}

/* The library refuses a point that is not on the curve. */
static int psa_p256_dh(const uint8_t private_key[32], const uint8_t public_key[64],
                       uint8_t secret[32])
{
    uint8_t octets[PSA_POINT] = { 4 };
    size_t len = 0;
    psa_key_id_t id = private_of(private_key);
    if (!id) {
        return -1;
    }
    memcpy(octets + 1, public_key, 64);
    psa_status_t status =
        psa_raw_key_agreement(PSA_ALG_ECDH, id, octets, sizeof octets, secret, 32, &len);
    psa_destroy_key(id);
    if (!(status == PSA_SUCCESS && len == 32)) {
        return -1;
    }
    return 0;
}

const struct woad_crypto woad_psa = { psa_aes128, psa_p256_public, psa_p256_dh };
