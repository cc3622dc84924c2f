/* Hooks of optional features that other layers call: cryptography by the controller, a
 * manufacturer's steps before the bring-up, extended advertising commands.  Each pointer to them in
 * struct woad is NULL where the feature is not named. */
#ifndef WOAD_HCI_ROLES_H
#define WOAD_HCI_ROLES_H

#include <woad/gap.h>

#include "../core/host.h"

/* Cryptography by the controller (h->crypto_role).  A function returns 0, CRYPTO_PENDING, or a
 * WOAD_E….  After CRYPTO_PENDING smp_role->wake() is called when the controller has answered; the
 * caller then repeats the whole calculation from `begin`, and blocks that are known return at once.
 * `owner` is a connection's index, or CRYPTO_PRIVACY: our own private address. */
enum { CRYPTO_PENDING = -1 };
enum { CRYPTO_PRIVACY = 0xfffe, CRYPTO_NO_OWNER = 0xffff };
struct crypto_role {
    void (*begin)(struct woad *h, uint16_t owner);   /* a calculation starts, or is repeated */
    void (*end)(struct woad *h, uint16_t owner);     /* it has ended: forget its blocks */
    void (*release)(struct woad *h, uint16_t owner); /* the same, and its P-256 key pair */
    int (*aes)(struct woad *h, uint16_t owner, const uint8_t key[16], const uint8_t in[16],
               uint8_t out[16]);
    int (*random)(struct woad *h, uint8_t *out, size_t len);
    int (*p256_public)(struct woad *h, uint16_t owner, uint8_t public_key[64]);
    int (*p256_dh)(struct woad *h, uint16_t owner, const uint8_t public_key[64],
                   uint8_t secret[32]);
    bool (*has_p256)(const struct woad *h); /* the controller supports the P-256 commands */
};

/* A manufacturer's steps before the bring-up. */
struct vendor_init_role {
    bool (*pending)(const struct woad *h);       /* steps are left */
    uint16_t (*answer_ms)(const struct woad *h); /* time limit of their answers; 0: the usual */
};

/* h->ext_commands, valid while the host is up: what goes by extended commands, because the
 * controller supports them and woad_feature_extended_advertising is named. */
enum { EXT_ADVERTISES = 1, EXT_SCANS = 2, EXT_CONNECTS = 4 };

/* Extended commands in the place of legacy ones.  Each writes the parameters and returns the
 * opcode. */
struct ext_role {
    void (*up)(struct woad *h);                /* the bring-up has ended: sets h->ext_commands */
    bool (*connectable)(const struct woad *h); /* an advertising set of ours is connectable, now */
    /* If the set has other properties, the command is its removal: then everything in `dirty` is
     * to be sent again. */
    uint16_t (*adv_params)(struct woad *h, const struct woad_adv_params *p, uint8_t *dirty,
                           struct wr *params);
    uint16_t (*adv_address)(struct woad *h, struct wr *params); /* 0: the set has our address */
    uint16_t (*adv_data)(bool response, const uint8_t *data, size_t len, struct wr *params);
    uint16_t (*adv_enable)(const struct woad_adv_params *p, bool on, struct wr *params);
    uint16_t (*scan_params)(struct woad *h, const struct woad_scan_params *p, struct wr *params);
    uint16_t (*scan_enable)(const struct woad_scan_params *p, bool on, struct wr *params);
    /* `p`: CONNECT_PARAMS parameters, of gap_central.h */
    uint16_t (*create)(struct woad *h, const struct woad_addr *peer, bool any, const uint16_t *p,
                       struct wr *params);
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
