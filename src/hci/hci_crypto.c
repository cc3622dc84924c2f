/* Cryptography by the controller, for an application without a library: LE Encrypt, LE Rand, and
 * the P-256 commands.  The answers arrive later.  A caller that gets CRYPTO_PENDING repeats its
 * whole calculation when it is woken; the blocks of AES that are known by then are in `memo`, in
 * the order of the calculation.  Each calculation has an owner (roles.h): a connection's index, or
 * CRYPTO_PRIVACY; CRYPTO_NO_OWNER: it could not be woken, and gets WOAD_ENOTSUP.  An answer of
 * zeros counts as a failure: with it, a pairing would have no secret.  Vol 4, Part
 * E, 7.8.22, 7.8.23, 7.8.36, 7.8.37
 *
 * Names of other files:
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   controller_crypto: of the host: cryptography by the controller: hci_crypto.c; NULL: not linked
 *   CRYPTO_PENDING: the controller calculates; when it has, the whole calculation is repeated
 *   crypto_role: cryptography by the controller: hci_crypto.c; NULL: not linked
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   hci_has_command(): the controller supports a command: octet and bit of Supported_Commands
 *   host_down(): ends everything at once, and raises WOAD_EV_DOWN
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   LE_DHKEY_COMPLETE: LE_…: codes of LE subevents: hci.h
 *   le_events: of a feature's needs: bits of the LE event mask
 *   needs: what only some features require: struct woad_needs
 *   OP_LE_DHKEY: OP_…: opcodes of HCI commands: hci.h
 *   rd_copy(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   release: of crypto_role: forgets what this owner calculates, and its P-256 key pair
 *   run_timers: hook in woad_poll(): ends what has timed out; returns ms to the next deadline
 *   rx_le_event: of a feature's needs: gets each LE Meta event before the tables of events
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked
 *   wake: of smp_role: repeats the calculations that wait for the controller
 *   wipe(): zeros octets, and the compiler does not remove that
 *   wr_u8(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   zeros(): all octets are 0 */
#include "../base/bytes.h"
#include "../core/clock.h"
#include "../core/feature.h"
#include "../core/security.h"
#include "hci.h"
#include "roles.h"

enum { MEMO = 13 };       /* AES blocks of the longest calculation: f5 */
enum { P256_MS = 10000 }; /* a slow controller takes some seconds for a shared secret */
enum { POOL = 32 };       /* random octets kept: enough for a private key of P-256 */

/* A command to the controller: DUE: to be sent; SENT: its answer is awaited. */
enum request { REQUEST_NONE, REQUEST_DUE, REQUEST_SENT, REQUEST_DONE, REQUEST_FAILED };

struct controller_crypto {
    uint16_t aes_owner;      /* the owner of `memo`; CRYPTO_NO_OWNER: none */
    uint8_t memo_used;       /* blocks that this repetition of the calculation has used */
    uint8_t memo_len;        /* blocks in `memo` */
    uint8_t aes;             /* enum request */
    bool aes_stale;          /* its owner has ended: drop the answer */
    uint8_t key[16], in[16]; /* of the block that is requested */
    uint32_t hash;           /* of both */
    struct {
        uint32_t hash; /* of key and input */
        uint8_t out[16];
    } memo[MEMO];
    /* The controller has one key pair, so one owner at a time: */
    uint16_t p256_owner;
    uint8_t pair, dh;       /* enum request: our key pair; the shared secret */
    bool p256_stale;        /* as aes_stale */
    bool wake_due;          /* AES or P-256 is free again: wake the owners that wait for it */
    bool no_random;         /* LE Rand has failed, and no caller has got the error yet */
    uint32_t p256_deadline; /* deadline of the event that ends a P-256 command; 0: none follows */
    union {                 /* our public key; the peer's, to be sent; then the shared secret */
        uint8_t public_key[64], secret[32];
    };
    uint8_t pool[POOL], pooled; /* random octets, and how many */
};

ASSERT_SIZE(controller_crypto, WOAD_SIZE_CONTROLLER_CRYPTO);

/* A calculation begins, or is repeated: it uses the blocks in `memo` from the first one again. */
static void crypto_begin(struct woad *h, uint16_t owner)
{
    if (h->controller_crypto->aes_owner == owner) {
        h->controller_crypto->memo_used = 0;
    }
}

/* Frees AES for another owner.  The answer to a request that was sent still comes: aes_stale. */
static void crypto_forget(struct controller_crypto *c)
{
    c->aes_stale = c->aes == REQUEST_SENT;
    if (!c->aes_stale) {
        c->aes = REQUEST_NONE;
    }
    c->aes_owner = CRYPTO_NO_OWNER;
    c->wake_due = true;
    c->memo_len = c->memo_used = 0;
    wipe(c->memo, sizeof c->memo);
    wipe(c->key, sizeof c->key);
    wipe(c->in, sizeof c->in);
}

/* A calculation has ended: frees AES.  Does nothing while a block is under way: then the owner has
 * begun its next calculation inside an event of this one, and `memo` has that one's blocks. */
static void crypto_end(struct woad *h, uint16_t owner)
{
    struct controller_crypto *c = h->controller_crypto;
    if (c->aes_owner == owner && c->aes != REQUEST_DUE && c->aes != REQUEST_SENT) {
        crypto_forget(c);
    }
}

/* The owner's pairing has ended: frees AES, and the controller's key pair. */
static void crypto_release(struct woad *h, uint16_t owner)
{
    struct controller_crypto *c = h->controller_crypto;
    if (c->aes_owner == owner) {
        crypto_forget(c);
    }
    if (c->p256_owner == owner) {
        c->p256_stale = c->pair == REQUEST_SENT || c->dh == REQUEST_SENT;
        c->p256_owner = CRYPTO_NO_OWNER;
        c->pair = c->dh = REQUEST_NONE;
        c->wake_due = true;
        wipe(c->public_key, sizeof c->public_key);
    }
}

/* FNV-1a, to tell the blocks of a calculation from those of another. */
static uint32_t crypto_hash(const uint8_t key[16], const uint8_t in[16])
{
    uint32_t hash = 2166136261u;
    for (size_t n = 0; n < 32; n++) {
        hash = (hash ^ (n < 16 ? key[n] : in[n - 16])) * 16777619u;
    }
    return hash;
}

/* One block: from `memo`, or by LE Encrypt. */
static int crypto_aes(struct woad *h, uint16_t owner, const uint8_t key[16], const uint8_t in[16],
                      uint8_t out[16])
{
    struct controller_crypto *c = h->controller_crypto;
    h->commands_idle = false;
    if (owner == CRYPTO_NO_OWNER || h->state != HOST_UP) {
        return WOAD_ENOTSUP;
    }
    if (c->aes_owner == CRYPTO_NO_OWNER && !c->aes_stale) {
        c->aes_owner = owner;
        c->memo_len = c->memo_used = 0;
    }
    if (c->aes_owner != owner) {
        return CRYPTO_PENDING;
    }
    uint32_t hash = crypto_hash(key, in);
    if (c->memo_used < c->memo_len && c->memo[c->memo_used].hash == hash) {
        memcpy(out, c->memo[c->memo_used++].out, 16);
        return 0;
    }
    if (c->aes == REQUEST_SENT) {
        return CRYPTO_PENDING;
    }
    c->memo_len = c->memo_used; /* blocks of another calculation: forget them */
    if (c->aes == REQUEST_FAILED || c->memo_len == MEMO) {
        return WOAD_EIO;
    }
    memcpy(c->key, key, 16);
    memcpy(c->in, in, 16);
    c->hash = hash;
    c->aes = REQUEST_DUE;
    return CRYPTO_PENDING;
}

/* From the octets that LE Rand has brought.  0; CRYPTO_PENDING: too few; WOAD_EIO: it failed,
 * once. */
static int crypto_random(struct woad *h, uint8_t *out, size_t len)
{
    struct controller_crypto *c = h->controller_crypto;
    h->commands_idle = false;
    if (c->pooled < len || h->state != HOST_UP) {
        bool failed = c->no_random || h->state != HOST_UP;
        c->no_random = false; /* the next call tries again */
        if (failed) {
            return WOAD_EIO;
        }
        return CRYPTO_PENDING;
    }
    c->pooled = (uint8_t)(c->pooled - len);
    memcpy(out, c->pool + c->pooled, len);
    wipe(c->pool + c->pooled, len);
    return 0;
}

/* The result of a request: 0, WOAD_EIO, or CRYPTO_PENDING, after making it due. */
static int crypto_result(uint8_t *request)
{
    if (*request == REQUEST_DONE) {
        return 0;
    }
    if (*request == REQUEST_FAILED) {
        return WOAD_EIO;
    }
    if (*request == REQUEST_NONE) {
        *request = REQUEST_DUE;
    }
    return CRYPTO_PENDING;
}

/* The controller's public key.  CRYPTO_PENDING while another owner has its key pair, too. */
static int crypto_public(struct woad *h, uint16_t owner, uint8_t public_key[64])
{
    struct controller_crypto *c = h->controller_crypto;
    if (c->p256_owner != owner && (c->p256_owner != CRYPTO_NO_OWNER || c->p256_stale)) {
        return CRYPTO_PENDING;
    }
    c->p256_owner = owner;
    h->commands_idle = false;
    int err = crypto_result(&c->pair);
    if (!err) {
        memcpy(public_key, c->public_key, 64);
    }
    return err;
}

/* The shared secret with the peer's public key.  WOAD_EIO: another owner has the key pair
 * meanwhile. */
static int crypto_dh(struct woad *h, uint16_t owner, const uint8_t public_key[64],
                     uint8_t secret[32])
{
    struct controller_crypto *c = h->controller_crypto;
    if (c->p256_owner != owner) {
        return WOAD_EIO;
    }
    if (c->dh == REQUEST_NONE) {
        memcpy(c->public_key, public_key, 64);
    }
    h->commands_idle = false;
    int err = crypto_result(&c->dh);
    if (err != CRYPTO_PENDING) {
        if (!err) {
            memcpy(secret, c->secret, 32);
        }
        crypto_release(h, owner);
    }
    return err;
}

/* Supported Commands, octet 34: Read Local P-256 Public Key, Generate DHKey.  Vol 4, Part E, 6.27
 */
static bool crypto_has_p256(const struct woad *h)
{
    return hci_has_command(h, 34, 1) && hci_has_command(h, 34, 2);
}

static void crypto_wake(struct woad *h)
{
    if (h->smp_role) {
        h->smp_role->wake(h);
    }
}

/* Wakes the owners that wait for AES or P-256, from woad_poll() and not inside the call that has
 * freed them.  Returns 0 (poll again at once) after that, because a step that was woken may wait
 * for the next woad_poll().  A controller that does not end a P-256 command has failed. */
static uint32_t crypto_run_timers(struct woad *h)
{
    bool wake = h->controller_crypto->wake_due;
    h->controller_crypto->wake_due = false;
    if (wake) {
        crypto_wake(h);
    }
    if (wake || h->controller_crypto->wake_due) {
        return 0;
    }
    uint32_t left = deadline_left(h, h->controller_crypto->p256_deadline);
    if (left == 0) {
        host_down(h, WOAD_ETIMEDOUT);
    }
    return left;
}

static const struct crypto_role crypto_role = {
    .begin = crypto_begin,
    .end = crypto_end,
    .release = crypto_release,
    .aes = crypto_aes,
    .random = crypto_random,
    .p256_public = crypto_public,
    .p256_dh = crypto_dh,
    .has_p256 = crypto_has_p256,
};

/* --- commands --------------------------------------------------------------------------------- */

/* The commands have the least significant octet first. */
static void put_reversed(struct wr *out, const uint8_t *p, size_t len)
{
    for (; len; len--) {
        wr_u8(out, p[len - 1]);
    }
}

static void take_reversed(struct rd *in, uint8_t *p, size_t len)
{
    for (; len; len--) {
        p[len - 1] = rd_u8(in);
    }
}

/* HCI_LE_Encrypt: key 16, plain text 16.  HCI_LE_Read_Local_P-256_Public_Key.
 * HCI_LE_Generate_DHKey: X 32, Y 32.  HCI_LE_Rand. */
static uint16_t crypto_command(struct woad *h, struct wr *params)
{
    struct controller_crypto *c = h->controller_crypto;
    if (h->state != HOST_UP || !h->smp_role) { /* only the Security Manager calculates */
        return 0;
    }
    if (c->aes == REQUEST_DUE) {
        c->aes = REQUEST_SENT;
        put_reversed(params, c->key, 16);
        put_reversed(params, c->in, 16);
        wipe(c->key, sizeof c->key);
        wipe(c->in, sizeof c->in);
        return OP_LE_ENCRYPT;
    }
    if (c->pair == REQUEST_DUE || c->dh == REQUEST_DUE) {
        c->p256_deadline = deadline_in(h, P256_MS);
    }
    if (c->pair == REQUEST_DUE) {
        c->pair = REQUEST_SENT;
        return OP_LE_READ_P256;
    }
    if (c->dh == REQUEST_DUE) {
        c->dh = REQUEST_SENT;
        put_reversed(params, c->public_key, 32);
        put_reversed(params, c->public_key + 32, 32);
        return OP_LE_DHKEY;
    }
    if (c->pooled < POOL && !c->no_random) {
        return OP_LE_RAND;
    }
    return 0;
}

/* LE Encrypt has ended: encrypted data 16. */
static void crypto_rx_block(struct woad *h, uint8_t status, struct rd *ret)
{
    struct controller_crypto *c = h->controller_crypto;
    if (c->aes_stale) {
        c->aes_stale = false;
        c->aes = REQUEST_NONE;
        return;
    }
    take_reversed(ret, c->memo[c->memo_len].out, 16);
    c->memo[c->memo_len].hash = c->hash;
    bool bad = status || ret->bad || zeros(c->memo[c->memo_len].out, 16);
    if (bad) {
        c->aes = REQUEST_FAILED;
    } else {
        c->aes = REQUEST_NONE;
        c->memo_len++;
    }
}

/* A P-256 command has failed at once. */
static void crypto_failed(struct controller_crypto *c, uint8_t *request)
{
    c->p256_deadline = 0;
    if (c->p256_stale) {
        c->p256_stale = false;
    } else {
        *request = REQUEST_FAILED;
    }
}

/* A command has ended: what waits for it goes on. */
static void crypto_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct controller_crypto *c = h->controller_crypto;
    if (opcode == OP_LE_ENCRYPT) {
        crypto_rx_block(h, status, ret);
    } else if (opcode == OP_LE_RAND) {
        uint8_t octets[8];
        rd_copy(ret, octets, sizeof octets);
        bool good = !status && !ret->bad && !zeros(octets, sizeof octets);
        c->no_random = !good;
        uint32_t n = 0;
        if (good) {
            n = min_u32(sizeof octets, POOL - c->pooled);
        }
        memcpy(c->pool + c->pooled, octets, n);
        c->pooled = (uint8_t)(c->pooled + n);
        wipe(octets, sizeof octets);
    } else if (status) {
        crypto_failed(c, opcode == OP_LE_READ_P256 ? &c->pair : &c->dh);
    } else {
        return; /* Command Status: the result is in an LE event */
    }
    crypto_wake(h);
}

/* HCI_LE_Read_Local_P-256_Public_Key_Complete: status u8, X 32, Y 32.  7.7.65.8
 * HCI_LE_Generate_DHKey_Complete: status u8, DHKey 32; all ones for a point that is not on the
 * curve.  7.7.65.9 */
static void crypto_rx_le_event(struct woad *h, uint8_t sub, struct rd *in)
{
    struct controller_crypto *c = h->controller_crypto;
    uint8_t octets[64], all_ones = 0xff;
    if (sub != LE_P256_COMPLETE && sub != LE_DHKEY_COMPLETE) {
        return;
    }
    c->p256_deadline = 0;
    bool pair = sub == LE_P256_COMPLETE;
    uint8_t *request = pair ? &c->pair : &c->dh, status = rd_u8(in);
    if (c->p256_stale) {
        c->p256_stale = false;
    } else if (*request == REQUEST_SENT) {
        take_reversed(in, octets, 32);
        if (pair) {
            take_reversed(in, octets + 32, 32);
        }
        for (size_t n = 0; n < 32; n++) {
            all_ones &= octets[n];
        }
        memcpy(c->public_key, octets, pair ? 64 : 32); /* or c->secret, in the same place */
        bool bad = status || in->bad || all_ones == 0xff || zeros(octets, 32);
        if (bad) {
            *request = REQUEST_FAILED;
        } else {
            *request = REQUEST_DONE;
        }
        wipe(octets, sizeof octets);
    }
    crypto_wake(h);
}

/* --- the feature ------------------------------------------------------------------------------ */

static void crypto_layout(struct woad *h)
{
    h->controller_crypto = arena_alloc(h, 1, sizeof *h->controller_crypto);
    if (h->controller_crypto) {
        h->crypto_role = &crypto_role;
    }
}

static void crypto_reset(struct woad *h)
{
    wipe(h->controller_crypto, sizeof *h->controller_crypto);
    h->controller_crypto->aes_owner = h->controller_crypto->p256_owner = CRYPTO_NO_OWNER;
}

static const struct woad_needs crypto_needs = {
    .rx_le_event = crypto_rx_le_event,
    .le_events = 1u << (LE_P256_COMPLETE - 1) | 1u << (LE_DHKEY_COMPLETE - 1),
};

const struct woad_feature woad_feature_controller_crypto = {
    .layout = crypto_layout,
    .reset = crypto_reset,
    .command = crypto_command,
    .complete = crypto_complete,
    .run_timers = crypto_run_timers,
    .needs = &crypto_needs,
};
