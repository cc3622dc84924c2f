/* What is asked of a cryptographic library.  Woad has none of its own: give it one of the backends
 * in crypto/, or write these functions.
 *
 * Octet strings have the most significant octet first, as FIPS-197 and the Core specification's
 * sample data have them.  Each returns 0, or a negative number when it could not be done: then
 * whoever needed it fails, and says so. */
#ifndef WOAD_CRYPTO_H
#define WOAD_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

struct woad_crypto {
    /* One block of AES-128.  `out` may be `in`. */
    int (*aes128)(const uint8_t key[16], const uint8_t in[16], uint8_t out[16]);
    /* The public key, X then Y, of a private one.  A private key that is none fails: another is
     * tried then.  Takes milliseconds, on small machines hundreds; never called from woad_rx(). */
    int (*p256_public)(const uint8_t private_key[32], uint8_t public_key[64]);
    /* The X coordinate of private times public.  A point that is not on the curve fails. */
    int (*p256_dh)(const uint8_t private_key[32], const uint8_t public_key[64], uint8_t secret[32]);
};

/* Mbed TLS by its classic interface, crypto/mbedtls.c; the PSA Crypto API, crypto/psa.c.  On PCs
 * both are in the library woad-posix. */
extern const struct woad_crypto woad_mbedtls, woad_psa;

#endif
