/* What features do for HCI and by it: the controller's cryptography, a maker's steps before the
 * bring-up, extended commands.  Each is NULL in struct woad where the feature is not named. */
#ifndef WOAD_HCI_ROLES_H
#define WOAD_HCI_ROLES_H

#include <woad/gap.h>

#include "../core/host.h"

/* Cryptography by the controller: each of these gives CRYPTO_PENDING until it is there, and then
 * smp_role->wake() is called.  `who` is a connection's index, or CRYPTO_PRIVACY. */
enum { CRYPTO_PENDING = 1 };
enum { CRYPTO_PRIVACY = 0xfffe, CRYPTO_NO_USER = 0xffff };
struct crypto_role {
    void (*begin)(struct woad *h, uint16_t who); /* a calculation, anew */
    void (*end)(struct woad *h, uint16_t who);
    void (*release)(struct woad *h, uint16_t who); /* all that he has asked for */
    int (*aes)(struct woad *h, uint16_t who, const uint8_t key[16], const uint8_t in[16],
               uint8_t out[16]);
    int (*random)(struct woad *h, uint8_t *out, size_t len);
    int (*p256_public)(struct woad *h, uint16_t who, uint8_t public_key[64]);
    int (*p256_dh)(struct woad *h, uint16_t who, const uint8_t public_key[64], uint8_t secret[32]);
    bool (*has_p256)(const struct woad *h);
};

/* A maker's steps before the bring-up: they are to come; the time that answers have, 0: the
 * usual. */
struct vendor_init_role {
    bool (*pending)(const struct woad *h);
    uint16_t (*answer_ms)(const struct woad *h);
};

/* h->extends, when it is up: the controller has the commands, and woad_feature_extended_advertising
 * is named. */
enum { EXT_ADVERTISES = 1, EXT_SCANS = 2, EXT_CONNECTS = 4 };

/* Extended commands in the place of legacy ones; each returns its opcode. */
struct ext_role {
    void (*up)(struct woad *h);                /* what the controller can is known */
    bool (*connectable)(const struct woad *h); /* a set of ours is, now */
    /* Or the removal of a set with other properties: everything in `dirty` is to follow then. */
    uint16_t (*adv_params)(struct woad *h, const struct woad_adv_params *p, uint8_t *dirty,
                           struct wr *params);
    uint16_t (*adv_address)(struct woad *h, struct wr *params); /* 0: it has ours */
    uint16_t (*adv_data)(bool response, const uint8_t *data, size_t len, struct wr *params);
    uint16_t (*adv_enable)(const struct woad_adv_params *p, bool on, struct wr *params);
    uint16_t (*scan_params)(struct woad *h, const struct woad_scan_params *p, struct wr *params);
    uint16_t (*scan_enable)(const struct woad_scan_params *p, bool on, struct wr *params);
    uint16_t (*create)(struct woad *h, const struct woad_addr *peer, bool any,
                       const struct woad_connect_params *p, struct wr *params);
};

static inline bool ext_advertises(const struct woad *h)
{
    return h->ext_commands & EXT_ADVERTISES;
}

static inline bool ext_scans(const struct woad *h)
{
    return h->ext_commands & EXT_SCANS;
}

static inline bool ext_connects(const struct woad *h)
{
    return h->ext_commands & EXT_CONNECTS;
}

#endif
