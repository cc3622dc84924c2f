/* Mbed TLS, by its classic interface. */
#include <woad/crypto.h>

#include <mbedtls/aes.h>

static void aes128(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    mbedtls_aes_context aes;
    mbedtls_aes_init(&aes);
    mbedtls_aes_setkey_enc(&aes, key, 128);
    mbedtls_aes_crypt_ecb(&aes, MBEDTLS_AES_ENCRYPT, in, out);
    mbedtls_aes_free(&aes);              /* wipes the key schedule */
}

const struct woad_crypto woad_mbedtls = { aes128 };
