/* The cryptographic toolbox of the Security Manager: the functions of Vol 3, Part H, 2.2, by their
 * names there, on top of AES.  Octet strings have the most significant octet first.  Each function
 * returns 0, or the error of `aes`, then its output is not valid. */
#ifndef WOAD_TOOLBOX_H
#define WOAD_TOOLBOX_H

#include <stddef.h>
#include <stdint.h>

#include "private_names.h"

struct toolbox {
    /* One block of AES-128: 0, or an error that the toolbox passes on, CRYPTO_PENDING too. */
    int (*aes)(void *ctx, const uint8_t key[16], const uint8_t in[16], uint8_t out[16]);
    void *ctx;
};

/* AES-CMAC of a message that is given in parts. */
struct toolbox_mac {
    const struct toolbox *box;
    const uint8_t *key; /* 16 octets of the caller's, until toolbox_mac_end() */
    uint8_t x[16], n;   /* the block so far, and how many octets of it */
    int err;            /* the first error of `aes` */
};
void toolbox_mac_begin(struct toolbox_mac *m, const struct toolbox *t, const uint8_t key[16]);
void toolbox_mac_more(struct toolbox_mac *m, const uint8_t *p, size_t len);
/* Adds octets in the reversed order, the last first. */
void toolbox_mac_back(struct toolbox_mac *m, const uint8_t *p, size_t len);
int toolbox_mac_end(struct toolbox_mac *m, uint8_t mac[16]);

int toolbox_cmac(const struct toolbox *t, const uint8_t key[16], const uint8_t *m, size_t len,
                 uint8_t mac[16]);
/* An address is its type, then its six octets; preq and pres are the Pairing Request and Response,
 * in the order of the air. */
int toolbox_c1(const struct toolbox *t, const uint8_t k[16], const uint8_t r[16],
               const uint8_t preq[7], const uint8_t pres[7], const uint8_t ia[7],
               const uint8_t ra[7], uint8_t out[16]);
int toolbox_s1(const struct toolbox *t, const uint8_t k[16], const uint8_t r1[16],
               const uint8_t r2[16], uint8_t out[16]);
int toolbox_f4(const struct toolbox *t, const uint8_t u[32], const uint8_t v[32],
               const uint8_t x[16], uint8_t z, uint8_t out[16]);
int toolbox_f5(const struct toolbox *t, const uint8_t w[32], const uint8_t n1[16],
               const uint8_t n2[16], const uint8_t a1[7], const uint8_t a2[7], uint8_t mac_key[16],
               uint8_t ltk[16]);
int toolbox_f6(const struct toolbox *t, const uint8_t w[16], const uint8_t n1[16],
               const uint8_t n2[16], const uint8_t r[16], const uint8_t io[3], const uint8_t a1[7],
               const uint8_t a2[7], uint8_t out[16]);
/* The number to compare: 0 to 999,999. */
int toolbox_g2(const struct toolbox *t, const uint8_t u[32], const uint8_t v[32],
               const uint8_t x[16], const uint8_t y[16], uint32_t *number);
int toolbox_h6(const struct toolbox *t, const uint8_t w[16], const uint8_t id[4], uint8_t out[16]);
int toolbox_h7(const struct toolbox *t, const uint8_t salt[16], const uint8_t w[16],
               uint8_t out[16]);
int toolbox_ah(const struct toolbox *t, const uint8_t k[16], const uint8_t r[3], uint8_t out[3]);

#endif
