/* Cryptography by the controller, where there is no library: LE Encrypt, LE Rand, and the P-256
 * commands.  An answer of zeros is none: a pairing would fit that has no secret.
 * Each answer comes later, so whoever asks asks again until it is there: a calculation is done anew
 * from its beginning, with what has come of it so far remembered.
 * Vol 4, Part E, 7.8.22, 7.8.23, 7.8.36, 7.8.37 */
#include "../base/bytes.h"
#include "../core/feature.h"
#include "../core/security.h"
#include "hci.h"
#include "roles.h"

enum { MEMO = 13 }; /* blocks of the longest calculation: f5 */
enum { POOL = 32 }; /* random octets: the private key of P-256 */
enum ask { ASK_NOTHING, ASK_WANTED, ASK_SENT, ASK_DONE, ASK_FAILED };

struct controller_crypto {
    uint16_t owner; /* whose calculation is remembered */
    uint8_t at, n;  /* its blocks: asked for this time; known */
    uint8_t aes;    /* enum ask */
    bool stale;     /* nobody waits for the block that is out */
    uint8_t key[16], in[16];
    uint32_t check; /* of both */
    struct {
        uint32_t check;
        uint8_t out[16];
    } memo[MEMO];
    /* The controller has one key pair: one pairing at a time. */
    uint16_t p256_owner;
    uint8_t pair, dh; /* enum ask */
    bool p256_stale;
    bool freed;     /* it may be another's turn */
    bool no_random; /* LE Rand has failed, and nobody has been told */
    union {         /* ours; the peer's, on its way; what comes of both */
        uint8_t public_key[64], secret[32];
    };
    uint8_t pool[POOL], pooled;
};

ASSERT_SIZE(controller_crypto, WOAD_SIZE_CONTROLLER_CRYPTO);

/* The calculation begins, from the first block. */
static void ctl_begin(struct woad *h, uint16_t who)
{
    if (h->controller_crypto->owner == who) {
        h->controller_crypto->at = 0;
    }
}

static void ctl_forget(struct controller_crypto *c)
{
    c->stale = c->aes == ASK_SENT;
    c->aes = c->stale ? ASK_SENT : ASK_NOTHING;
    c->owner = CRYPTO_NO_USER;
    c->freed = true;
    c->n = c->at = 0;
    wipe(c->memo, sizeof c->memo);
    wipe(c->key, sizeof c->key);
    wipe(c->in, sizeof c->in);
}

/* It has ended. */
static void ctl_end(struct woad *h, uint16_t who)
{
    if (h->controller_crypto->owner == who) {
        ctl_forget(h->controller_crypto);
    }
}

/* So has all else of his. */
static void ctl_release(struct woad *h, uint16_t who)
{
    struct controller_crypto *c = h->controller_crypto;
    ctl_end(h, who);
    if (c->p256_owner == who) {
        c->p256_stale = c->pair == ASK_SENT || c->dh == ASK_SENT;
        c->p256_owner = CRYPTO_NO_USER;
        c->pair = c->dh = ASK_NOTHING;
        c->freed = true;
        wipe(c->public_key, sizeof c->public_key);
    }
}

static uint32_t ctl_check(const uint8_t key[16], const uint8_t in[16])
{
    uint32_t hash = 2166136261u;
    for (size_t n = 0; n < 32; n++) {
        hash = (hash ^ (n < 16 ? key[n] : in[n - 16])) * 16777619u;
    }
    return hash;
}

static int ctl_aes(struct woad *h, uint16_t who, const uint8_t key[16], const uint8_t in[16],
                   uint8_t out[16])
{
    struct controller_crypto *c = h->controller_crypto;
    h->commands_idle = false;
    if (who == CRYPTO_NO_USER || h->state != HOST_UP) {
        return WOAD_ENOTSUP;
    }
    if (c->owner == CRYPTO_NO_USER && !c->stale) {
        c->owner = who;
        c->n = c->at = 0;
    }
    if (c->owner != who) {
        return CRYPTO_PENDING;
    }
    uint32_t check = ctl_check(key, in);
    if (c->at < c->n && c->memo[c->at].check == check) {
        memcpy(out, c->memo[c->at++].out, 16);
        return 0;
    }
    if (c->aes == ASK_SENT) {
        return CRYPTO_PENDING;
    }
    c->n = c->at; /* what was known was of another calculation */
    if (c->aes == ASK_FAILED || c->n == MEMO) {
        return WOAD_EIO;
    }
    memcpy(c->key, key, 16);
    memcpy(c->in, in, 16);
    c->check = check;
    c->aes = ASK_WANTED;
    return CRYPTO_PENDING;
}

static int ctl_random(struct woad *h, uint8_t *out, size_t len)
{
    struct controller_crypto *c = h->controller_crypto;
    h->commands_idle = false;
    if (c->pooled < len || h->state != HOST_UP) {
        bool failed = c->no_random || h->state != HOST_UP;
        c->no_random = false; /* it is asked again for whoever asks next */
        return failed ? WOAD_EIO : CRYPTO_PENDING;
    }
    c->pooled = (uint8_t)(c->pooled - len);
    memcpy(out, c->pool + c->pooled, len);
    wipe(c->pool + c->pooled, len);
    return 0;
}

/* What the last answer was; an asker who finds none makes it wanted. */
static int ctl_asked(uint8_t *ask)
{
    if (*ask == ASK_DONE) {
        return 0;
    }
    if (*ask == ASK_FAILED) {
        return WOAD_EIO;
    }
    *ask = *ask == ASK_NOTHING ? ASK_WANTED : *ask;
    return CRYPTO_PENDING;
}

static int ctl_public(struct woad *h, uint16_t who, uint8_t public_key[64])
{
    struct controller_crypto *c = h->controller_crypto;
    if (c->p256_owner != who && (c->p256_owner != CRYPTO_NO_USER || c->p256_stale)) {
        return CRYPTO_PENDING;
    }
    c->p256_owner = who;
    h->commands_idle = false;
    int err = ctl_asked(&c->pair);
    memcpy(public_key, c->public_key, err ? 0 : 64);
    return err;
}

static int ctl_dh(struct woad *h, uint16_t who, const uint8_t public_key[64], uint8_t secret[32])
{
    struct controller_crypto *c = h->controller_crypto;
    if (c->p256_owner != who) {
        return WOAD_EIO;
    }
    if (c->dh == ASK_NOTHING) {
        memcpy(c->public_key, public_key, 64);
    }
    h->commands_idle = false;
    int err = ctl_asked(&c->dh);
    if (err != CRYPTO_PENDING) {
        memcpy(secret, c->secret, err ? 0 : 32);
        ctl_release(h, who);
    }
    return err;
}

static bool ctl_has_p256(const struct woad *h)
{
    return hci_has_command(h, 34, 1) && hci_has_command(h, 34, 2);
}

static void ctl_wake(struct woad *h)
{
    if (h->smp_role) {
        h->smp_role->wake(h);
    }
}

static uint32_t ctl_run_timers(struct woad *h)
{
    bool freed = h->controller_crypto->freed;
    h->controller_crypto->freed = false;
    if (freed) {
        ctl_wake(h);
    }
    return freed || h->controller_crypto->freed ? 0 : WOAD_FOREVER;
}

static const struct crypto_role ctl_role = { ctl_begin,  ctl_end,    ctl_release, ctl_aes,
                                             ctl_random, ctl_public, ctl_dh,      ctl_has_p256 };

/* --- commands --------------------------------------------------------------------------------- */

static void put_back(struct wr *out, const uint8_t *p, size_t len)
{
    for (; len; len--) {
        wr_u8(out, p[len - 1]);
    }
}

static void take_back(struct rd *in, uint8_t *p, size_t len)
{
    for (; len; len--) {
        p[len - 1] = rd_u8(in);
    }
}

/* HCI_LE_Encrypt: key 16, plain text 16.  HCI_LE_Read_Local_P-256_Public_Key.
 * HCI_LE_Generate_DHKey: X 32, Y 32.  HCI_LE_Rand.  Numbers with the least octet first. */
static uint16_t ctl_command(struct woad *h, struct wr *params)
{
    struct controller_crypto *c = h->controller_crypto;
    if (h->state != HOST_UP || !h->smp_role) {
        return 0;
    }
    if (c->aes == ASK_WANTED) {
        c->aes = ASK_SENT;
        put_back(params, c->key, 16);
        put_back(params, c->in, 16);
        wipe(c->key, sizeof c->key);
        wipe(c->in, sizeof c->in);
        return OP_LE_ENCRYPT;
    }
    if (c->pair == ASK_WANTED) {
        c->pair = ASK_SENT;
        return OP_LE_READ_P256;
    }
    if (c->dh == ASK_WANTED) {
        c->dh = ASK_SENT;
        put_back(params, c->public_key, 32);
        put_back(params, c->public_key + 32, 32);
        return OP_LE_DHKEY;
    }
    return c->pooled < POOL && !c->no_random ? OP_LE_RAND : 0;
}

/* An answer that nobody waits for any more is dropped. */
static void ctl_rx_block(struct woad *h, uint8_t status, struct rd *ret)
{
    struct controller_crypto *c = h->controller_crypto;
    if (c->stale) {
        c->stale = false;
        c->aes = ASK_NOTHING;
        return;
    }
    take_back(ret, c->memo[c->n].out, 16);
    c->memo[c->n].check = c->check;
    bool bad = status || ret->bad || zeros(c->memo[c->n].out, 16);
    c->aes = bad ? ASK_FAILED : ASK_NOTHING;
    c->n = (uint8_t)(c->n + (c->aes == ASK_NOTHING));
}

static void ctl_failed(struct controller_crypto *c, uint8_t *ask)
{
    if (c->p256_stale) {
        c->p256_stale = false;
    } else {
        *ask = ASK_FAILED;
    }
}

static void ctl_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct controller_crypto *c = h->controller_crypto;
    if (opcode == OP_LE_ENCRYPT) {
        ctl_rx_block(h, status, ret);
    } else if (opcode == OP_LE_RAND) {
        uint8_t octets[8];
        rd_copy(ret, octets, sizeof octets);
        bool good = !status && !ret->bad && !zeros(octets, sizeof octets);
        c->no_random = !good;
        uint32_t n = good ? min_u32(sizeof octets, POOL - c->pooled) : 0;
        memcpy(c->pool + c->pooled, octets, n);
        c->pooled = (uint8_t)(c->pooled + n);
        wipe(octets, sizeof octets);
    } else if (status) {
        ctl_failed(c, opcode == OP_LE_READ_P256 ? &c->pair : &c->dh);
    } else {
        return; /* it has only begun */
    }
    ctl_wake(h);
}

/* HCI_LE_Read_Local_P-256_Public_Key_Complete: status u8, X 32, Y 32.  7.7.65.8
 * HCI_LE_Generate_DHKey_Complete: status u8, DHKey 32; all ones for a point that is not on the
 * curve.  7.7.65.9 */
static void ctl_meta(struct woad *h, uint8_t sub, struct rd *in)
{
    struct controller_crypto *c = h->controller_crypto;
    uint8_t octets[64], all = 0xff;
    if (sub != LE_P256_COMPLETE && sub != LE_DHKEY_COMPLETE) {
        return;
    }
    bool pair = sub == LE_P256_COMPLETE;
    uint8_t *ask = pair ? &c->pair : &c->dh, status = rd_u8(in);
    if (c->p256_stale) {
        c->p256_stale = false;
    } else if (*ask == ASK_SENT) {
        take_back(in, octets, 32);
        if (pair) {
            take_back(in, octets + 32, 32);
        }
        for (size_t n = 0; n < 32; n++) {
            all &= octets[n];
        }
        memcpy(pair ? c->public_key : c->secret, octets, pair ? 64 : 32);
        bool bad = status || in->bad || all == 0xff || zeros(octets, 32);
        *ask = bad ? ASK_FAILED : ASK_DONE;
        wipe(octets, sizeof octets);
    }
    ctl_wake(h);
}

/* --- the feature ------------------------------------------------------------------------------ */

static void ctl_layout(struct woad *h)
{
    h->controller_crypto = arena_alloc(h, 1, sizeof *h->controller_crypto);
    if (h->controller_crypto) {
        h->crypto_role = &ctl_role;
    }
}

static void ctl_reset(struct woad *h)
{
    wipe(h->controller_crypto, sizeof *h->controller_crypto);
    h->controller_crypto->owner = h->controller_crypto->p256_owner = CRYPTO_NO_USER;
}

static const struct woad_needs ctl_needs = {
    .rx_le_event = ctl_meta,
    .le_events = 1u << (LE_P256_COMPLETE - 1) | 1u << (LE_DHKEY_COMPLETE - 1),
};

const struct woad_feature woad_feature_controller_crypto = {
    .layout = ctl_layout,
    .reset = ctl_reset,
    .command = ctl_command,
    .complete = ctl_complete,
    .run_timers = ctl_run_timers,
    .needs = &ctl_needs,
};
