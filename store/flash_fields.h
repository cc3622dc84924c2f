/* The kinds, the CRC and the fields of a record of flash_bonds.c, which alone includes this. */
#ifndef WOAD_FLASH_FIELDS_H
#define WOAD_FLASH_FIELDS_H

#include <woad/flash_bonds.h>
#include <woad/woad.h>

#include <string.h>

enum { HEAD = 8, KEY = 7, MARK = 0xb6, CHUNK = 64, ATTEMPTS_MAX = 8 };
enum kind {
    KIND_SECTOR = 1, /* a header */
    KIND_START,      /* the program has started */
    KIND_IRK,
    KIND_BOND,
    KIND_ATTEMPTS,
    KIND_GONE = 0x80,             /* added to the last two: there is none */
    KIND_NO_BONDS = KIND_GONE | 1 /* for compact() alone: all bonds are replaced */
};

/* A record in the flash: where it is, its size with the seal, and whose it is; of a bond, also how
 * strong it is; of a peer that waits, its failures in bits[0]. */
struct place {
    uint32_t at, size;
    uint8_t kind, key[KEY], bits[2];
};

/* IRK: there is one, so its key does not count. */
static bool same_key(const struct place *a, uint8_t kind, const uint8_t key[KEY])
{
    bool same_kind = ((a->kind ^ kind) & ~KIND_GONE) == 0;
    return same_kind && (a->kind == KIND_IRK || memcmp(a->key, key, KEY) == 0);
}

static void flash_wipe(void *p, size_t len)
{
    for (volatile uint8_t *octet = p; len; len--) {
        *octet++ = 0;
    }
}

static uint32_t crc_add(uint32_t crc, const uint8_t *p, size_t len)
{
    static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                        0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
    for (; len; len--) {
        crc ^= *p++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

static bool all_are(const uint8_t *p, size_t len, uint8_t octet)
{
    while (len && p[len - 1] == octet) {
        len--;
    }
    return !len;
}

/* Whether a bond's bits are those of a stronger one. */
static bool bits_stronger(const uint8_t bits[2], const uint8_t other[2])
{
    return (bits[1] & ~other[1] & 3) || bits[0] >> 3 > other[0] >> 3;
}

/* Copies fields to a record or from it. */
struct cursor {
    uint8_t *at;
    bool read;
};

static void field(struct cursor *c, void *value, size_t len)
{
    if (c->read) {
        memcpy(value, c->at, len);
    } else {
        memcpy(c->at, value, len);
    }
    c->at += len;
}

static void optional(struct cursor *c, bool there, void *value, size_t len)
{
    if (there) {
        field(c, value, len);
    }
}

static void key_field(struct cursor *c, struct woad_addr *peer)
{
    field(c, &peer->type, 1);
    field(c, peer->octet, 6);
}

/* The bits of a bond: client_features 3, key_size 5; flags 2, what it has 5. */
static void bits_field(struct cursor *c, struct woad_bond *b)
{
    uint8_t bits[2];
    bits[0] = (uint8_t)(b->client_features | b->key_size << 3);
    bits[1] = (uint8_t)(b->flags | b->has_own_ltk << 2 | b->has_peer_ltk << 3 | b->has_irk << 4 |
                        b->has_csrk << 5 | b->has_own_csrk << 6);
    field(c, bits, sizeof bits);
    b->client_features = (uint8_t)(bits[0] & 7u) & 7u;
    b->key_size = (uint8_t)(bits[0] >> 3) & 31u;
    b->flags = (uint8_t)(bits[1] & 3u) & 3u;
    b->has_own_ltk = bits[1] >> 2 & 1;
    b->has_peer_ltk = bits[1] >> 3 & 1;
    b->has_irk = bits[1] >> 4 & 1;
    b->has_csrk = bits[1] >> 5 & 1;
    b->has_own_csrk = bits[1] >> 6 & 1;
}

/* With WOAD_BOND_SECURE there is one key, without EDIV and Rand. */
static void bond_fields(struct cursor *c, struct woad_bond *b, struct woad_cccd *cccd)
{
    key_field(c, &b->peer);
    bits_field(c, b);
    bool secure = b->flags & WOAD_BOND_SECURE;
    optional(c, b->has_own_ltk, b->own_ltk, 16);
    optional(c, b->has_peer_ltk, b->peer_ltk, 16);
    optional(c, !secure, &b->own_ediv, 2);
    optional(c, !secure, b->own_rand, 8);
    optional(c, !secure, &b->peer_ediv, 2);
    optional(c, !secure, b->peer_rand, 8);
    optional(c, b->has_irk, b->irk, 16);
    optional(c, b->has_csrk, b->csrk, 16);
    optional(c, b->has_csrk, &b->signs, 4);
    optional(c, b->has_own_csrk, b->own_csrk, 16);
    optional(c, b->has_own_csrk, &b->own_signs, 4);
    field(c, &b->database, 4);
    field(c, &b->cccds, 2);
    if (b->cccds > WOAD_FLASH_CCCDS) {
        b->cccds = WOAD_FLASH_CCCDS;
    }
    for (uint16_t n = 0; n < b->cccds; n++) {
        field(c, &cccd[n].handle, 2);
        field(c, &cccd[n].value, 2);
    }
}

#endif
