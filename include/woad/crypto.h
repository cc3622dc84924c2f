/* The cryptography that pairing needs, as three functions of the application: config.crypto.  Woad
 * has no implementation; use one of the backends in crypto/, or write these functions for another
 * library.
 *
 * Octet strings have the most significant octet first, as in FIPS-197 and the Core Specification's
 * sample data.  Each function returns 0, or a negative number: then the pairing that needs it
 * fails, with an event.
 *
 * The P-256 functions take long, hundreds of milliseconds in software on a small machine, in which
 * the program answers no packet.  They may give the work to another
 * task and return WOAD_CRYPTO_LATER: then the host calls the function again, with the same
 * arguments, at each woad_poll(), until it returns something else.  The worker copies the
 * arguments; when it has finished, it wakes the host's task, which calls woad_poll().  Meanwhile
 * all else goes on.  If the pairing ends first, the function is not called again: a request with
 * other arguments takes the place of such a result.  See docs/porting.md. */
#ifndef WOAD_CRYPTO_H
#define WOAD_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { WOAD_CRYPTO_LATER = 1 };

struct woad_crypto {
    /* Encrypts one block with AES-128.  `out` may be `in`. */
    int (*aes128)(const uint8_t key[16], const uint8_t in[16], uint8_t out[16]);
    /* The public key, X then Y, of a private key.  It must fail if the private key is out of range:
     * the host then tries another.  Takes hundreds of milliseconds on a small machine; never called
     * from inside woad_rx(). */
    int (*p256_public)(const uint8_t private_key[32], uint8_t public_key[64]);
    /* The X coordinate of the public key times the private key.  It must fail if the public key is
     * not on the curve. */
    int (*p256_dh)(const uint8_t private_key[32], const uint8_t public_key[64], uint8_t secret[32]);
};

/* Backends: Mbed TLS by its own interface, crypto/mbedtls.c; the PSA Crypto API, crypto/psa.c.  On
 * PCs both are in the library woad-posix. */
extern const struct woad_crypto woad_mbedtls, woad_psa;

#ifdef __cplusplus
}
#endif

#endif
