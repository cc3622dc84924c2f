/* What is asked of a cryptographic library.  Woad has none of its own: give it one of the backends
 * in crypto/, or write these functions.
 *
 * Octet strings have the most significant octet first, as FIPS-197 and the Core specification's
 * sample data have them. */
#ifndef WOAD_CRYPTO_H
#define WOAD_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

struct woad_crypto {
    /* One block of AES-128.  `out` may be `in`. */
    void (*aes128)(const uint8_t key[16], const uint8_t in[16], uint8_t out[16]);
};

/* Mbed TLS, its classic interface: crypto/mbedtls.c, library woad-mbedtls. */
extern const struct woad_crypto woad_mbedtls;

#endif
