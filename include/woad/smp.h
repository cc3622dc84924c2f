/* The Security Manager: pairing, keys, bonds.  Feature woad_feature_security_manager, or
 * woad_feature_security_peripheral on a device that is never a central.  It needs config.crypto and
 * config.random, or woad_feature_controller_crypto; without them every pairing is refused.
 *
 * WOAD_EV_SECURITY reports a connection's security: once when a pairing has ended, successful or
 * not, and once whenever encryption with an existing key has begun or failed.  It says what was
 * achieved, not what was requested. */
#ifndef WOAD_SMP_H
#define WOAD_SMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gap.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { /* why a pairing failed.  Vol 3, Part H, 3.5.5 */
       WOAD_SMP_PASSKEY_ENTRY = 0x01,
       WOAD_SMP_NO_OOB = 0x02,
       /* the requirements can't be met, or a stronger bond exists: woad_bond_remove() */
       WOAD_SMP_AUTHENTICATION = 0x03,
       WOAD_SMP_CONFIRM = 0x04, /* a wrong passkey, or an attacker */
       WOAD_SMP_NOT_SUPPORTED = 0x05,
       WOAD_SMP_KEY_SIZE = 0x06,
       WOAD_SMP_UNKNOWN_COMMAND = 0x07,
       WOAD_SMP_UNSPECIFIED = 0x08,
       WOAD_SMP_REPEATED_ATTEMPTS = 0x09,
       WOAD_SMP_INVALID_PARAMETERS = 0x0a,
       WOAD_SMP_DHKEY_CHECK = 0x0b,
       WOAD_SMP_NUMERIC_COMPARISON = 0x0c,
       WOAD_SMP_KEY_REJECTED = 0x0f,
       WOAD_SMP_BUSY = 0x10 /* config.pairings are in progress */
};

enum woad_io { /* the device's input and output.  Vol 3, Part H, 2.3.2 */
               WOAD_IO_DISPLAY,
               WOAD_IO_DISPLAY_YES_NO,
               WOAD_IO_KEYBOARD,
               WOAD_IO_NONE,
               WOAD_IO_KEYBOARD_DISPLAY
};

enum woad_method {
    WOAD_METHOD_NONE,
    WOAD_METHOD_JUST_WORKS,
    WOAD_METHOD_PASSKEY,
    WOAD_METHOD_COMPARISON,
    WOAD_METHOD_OOB
};

/* The requirements for pairing, on all connections.  `io` is what the device has; { 0 } is a
 * display (WOAD_IO_DISPLAY).  All else zero is the strictest policy that works everywhere; each
 * weaker setting is explicit. */
struct woad_security_policy {
    uint8_t io;           /* enum woad_io */
    bool bond;            /* exchange keys and keep a bond */
    bool mitm;            /* request a method that resists an attacker in the middle (MITM) */
    bool require_mitm;    /* and refuse a pairing by another method */
    bool allow_legacy;    /* accept peers without LE Secure Connections */
    bool prefer_legacy;   /* for tests: don't even offer LE Secure Connections */
    bool allow_debug_key; /* accept a peer with the debug key, which is no secret */
    uint8_t key_size_min; /* octets, 7 to 16; 0: 16 */
    bool app_passkey;     /* the application chooses the passkey that is displayed */
    bool keypress;        /* send and receive notifications of the keys that users press: needs
                           * woad_feature_keypresses.  The peer's restart the limit of 30 s,
                           * 24 times at most */
    uint8_t methods;      /* the methods allowed, bits 1 << enum woad_method; 0: all */
    bool retry; /* when a client's request is refused for lack of security: pair, and repeat it once
                 */
    bool trust_unencrypted; /* send a client's requests to a bonded peer, and believe what it sends,
                             * before the connection is encrypted: an attacker could be there */
    bool no_pairing; /* refuse all pairings, Pairing Not Supported.  A bond's key still encrypts */
    bool app_pairs; /* the application answers a peripheral's Security Request that needs a pairing:
                     * WOAD_EV_SECURITY_REQUEST */
};

enum woad_passkey_action {
    WOAD_PASSKEY_INPUT = 2,   /* the user types the passkey that the peer displays */
    WOAD_PASSKEY_DISPLAY = 3, /* show the passkey to the user */
    WOAD_PASSKEY_COMPARE = 4  /* show the number; the user says whether the peer shows the same */
};

enum woad_keypress { /* Vol 3, Part H, 3.5.8 */
                     WOAD_KEYPRESS_STARTED,
                     WOAD_KEYPRESS_DIGIT,
                     WOAD_KEYPRESS_ERASED,
                     WOAD_KEYPRESS_CLEARED,
                     WOAD_KEYPRESS_COMPLETED
};

/* The status of WOAD_EV_SECURITY: 0; a WOAD_SMP_… reason that this side has found;
 * WOAD_SECURITY_PEER plus one that the peer has sent; WOAD_SECURITY_HCI plus an HCI error code;
 * WOAD_ETIMEDOUT or WOAD_ENOTCONN. */
enum { WOAD_SECURITY_PEER = 0x100, WOAD_SECURITY_HCI = 0x200 };

/* The security that a connection has. */
struct woad_security {
    bool encrypted : 1;
    bool authenticated : 1; /* by a method that resists MITM */
    bool bonded : 1;        /* its key is a bond's, or has become one, that has not been forgotten
                             * since: removed, or WOAD_BOND_GONE */
    bool secure : 1;        /* the key is of LE Secure Connections */
    uint8_t key_size;       /* octets; 0: not encrypted */
};

enum { WOAD_BOND_SECURE = 1, WOAD_BOND_AUTHENTICATED = 2 };

/* The change that WOAD_EV_BOND reports to a store of bonds. */
enum woad_bond_change {
    WOAD_BOND_NEW,     /* keep it; replace one of the same peer */
    WOAD_BOND_CHANGED, /* keep it; its keys have not changed, other fields have */
    WOAD_BOND_GONE     /* forget it, if it is stored: there is no room for it, or for the bond of
                        * that peer's new pairing, so that its keys are outdated */
};

/* All that is kept of a bonded peer.  Keys have the least significant octet first, as on the air.
 */
struct woad_bond {
    /* Client Supported Features that the peer has written in our server */
    uint8_t client_features : 3;
    uint8_t key_size : 5; /* 7 to 16 */
    uint8_t flags : 2;    /* WOAD_BOND_SECURE, WOAD_BOND_AUTHENTICATED */
    bool has_own_ltk : 1, has_peer_ltk : 1, has_irk : 1, has_csrk : 1, has_own_csrk : 1;
    struct woad_addr peer; /* its address; its identity if it uses private addresses */
    uint8_t own_ltk[16];   /* the key for when the peer is central */
    uint8_t irk[16];       /* the peer's; has_irk becomes 0 if another bond in memory has the same:
                            * of these the first authenticated one has it, else the first */
    /* Legacy pairing: EDIV and Rand of our key, and the peer's key with its EDIV and Rand.  With
     * WOAD_BOND_SECURE both keys are the same, and have neither. */
    uint16_t own_ediv;
    uint8_t own_rand[8];
    uint16_t peer_ediv;
    uint8_t peer_rand[8], peer_ltk[16]; /* the key for when the peer is peripheral */
    /* Signed writes: the next counter value of the peer's signatures and of ours, and the keys. */
    uint32_t signs, own_signs;
    uint8_t csrk[16], own_csrk[16];
    uint32_t database; /* hash of the database that the client knows, 24 bits; 0: unknown */
    uint16_t cccds;    /* number of its subscriptions: */
    /* in the host's memory: valid during the event, or while the bond is in memory, and only until
     * the next woad_bond_add() or woad_bond_remove(), also one inside the event */
    const struct woad_cccd *cccd;
};

/* Sets the policy, copied, at any time after woad_init(); woad_stop() does not change it.  Without
 * this call it is all zero but for `io`, WOAD_IO_NONE: pairing without a user, and no bond.
 * Pairings in progress go on under the old one.  WOAD_EINVAL for an unknown io, or a key size that
 * is neither 0 nor 7 to 16; WOAD_ENOTSUP without the feature. */
int woad_set_security_policy(struct woad *h, const struct woad_security_policy *policy);

/* Makes the connection as secure as the policy asks for.  A central encrypts with the bond's key if
 * there is one, else pairs.  A peripheral sends a Security Request, unless the connection has all
 * that the policy asks for.  WOAD_EV_SECURITY follows, with WOAD_ETIMEDOUT if the central does
 * nothing for 30 s.  After failed attempts the start is delayed, by 250 ms and twice as long after
 * each further one; a peer that does not wait so long is refused.  WOAD_ENOTCONN; WOAD_EALREADY
 * while a pairing or an encryption is in progress; WOAD_ENOMEM, of a central, while config.pairings
 * are in progress on other connections; WOAD_ETIMEDOUT after a pairing that took 30 s: only a new
 * connection may pair then, but a bond's key still encrypts; WOAD_ENOTSUP without the feature or
 * cryptography, as a central with woad_feature_security_peripheral, or with policy.no_pairing and
 * no bond's key. */
int woad_pair(struct woad *h, uint16_t conn);

/* With policy.app_pairs, WOAD_EV_SECURITY_REQUEST is raised when a peripheral requests more
 * security than the connection has and no bond's key provides it: `mitm`, and to `bond`. The
 * application calls woad_pair(), inside the event or later, or this function, which refuses:
 * Pairing Failed, Pairing Not Supported.  With neither call the peripheral waits for 30 s and then
 * can't pair on this connection.  WOAD_ENOTCONN; WOAD_EALREADY during a pairing; WOAD_ENOTSUP. */
int woad_pair_refuse(struct woad *h, uint16_t conn);

/* The user's answer to WOAD_EV_PASSKEY, inside the event or later, within 30 s: a passkey 0 to
 * 999999, or for WOAD_PASSKEY_COMPARE 1 (yes) or 0 (no).  With policy.app_passkey a displayed
 * passkey may be replaced until the peer has begun to use it.  WOAD_ENOENT if none is expected;
 * WOAD_EINVAL for another action than the event's, or a number too large; WOAD_EALREADY if it has
 * been answered.  WOAD_ENOTCONN; WOAD_ENOTSUP without the feature. */
int woad_passkey(struct woad *h, uint16_t conn, enum woad_passkey_action action, uint32_t passkey);

/* Tells the peer how far the user's typing has come (WOAD_PASSKEY_INPUT), and restarts its limit of
 * 30 s.  Only if both sides have policy.keypress.  WOAD_ENOENT if nothing is typed, or the peer has
 * not agreed; WOAD_EAGAIN until the one before has been sent; WOAD_EINVAL; WOAD_ENOTCONN;
 * WOAD_ENOTSUP. */
int woad_keypress(struct woad *h, uint16_t conn, enum woad_keypress type);

/* The security that a connection has now.  WOAD_ENOTCONN. */
int woad_conn_security(const struct woad *h, uint16_t conn, struct woad_security *security);

/* --- bonds ------------------------------------------------------------------------------------ */

/* Adds a bond from a store.  Memory has config.bonds slots: a bond of LE Secure Connections takes
 * one, one of legacy pairing two, and keys of signed writes one more.  A bond of the same peer is
 * replaced.  Without room, the bond unused for the longest time is dropped.  For the bond of a new
 * pairing only bonds that are not stronger are dropped; if all are stronger, or
 * there are too few slots for it, the new one is not kept.  WOAD_ENOMEM: it takes more slots than
 * there are, and what memory has of that peer is dropped, because its keys are outdated;
 * WOAD_EINVAL.  Such a bond is not used; but if WOAD_EV_BOND_WANTED has asked for it, no weaker
 * pairing replaces it, and its peer is not believed unencrypted.  WOAD_ENOTSUP without the feature.
 */
int woad_bond_add(struct woad *h, const struct woad_bond *bond);
/* Copies the n-th bond in memory, the one used last first.  WOAD_ENOENT behind the last one. */
int woad_bond_at(const struct woad *h, uint16_t n, struct woad_bond *bond);
/* Forgets one; all, with NULL.  Connections stay as they are, with no bond: also where one of the
 * same peer is added then, until its key encrypts.  Inside WOAD_EV_SECURITY of a pairing it means
 * the new one too: no WOAD_EV_BOND follows.  WOAD_ENOENT.  WOAD_ENOTSUP without the feature. */
int woad_bond_remove(struct woad *h, const struct woad_addr *peer);

/* A store of bonds: four functions, for a flash, a file or a database.  The application's
 * callback passes every event to woad_bond_store_event(). woad/port.h has a store in files.
 *
 * load: the controller is up.  Call woad_set_irk() with a key that is always the same,
 *    woad_bond_add() for each bond, the one used last at the end, and woad_attempts_add() for
 *    each peer that waits.
 * find: a bond that is not in memory is wanted: woad_bond_add() it, if it is stored.  A store
 *    that adds all bonds in load() may do nothing.
 * keep: a bond is new, has changed, or is to be forgotten.  It must be safe in the store on
 *    return, because the counter of a signed write must never go back.
 * attempts: the peer has failed so often in a row; 0: forget it. */
struct woad_bond_store {
    void (*load)(void *ctx, struct woad *h);
    void (*find)(void *ctx, struct woad *h, const struct woad_addr *peer);
    void (*keep)(void *ctx, const struct woad_bond *bond, enum woad_bond_change why);
    void (*attempts)(void *ctx, const struct woad_addr *peer, uint8_t failures);
};
struct woad_event;
void woad_bond_store_event(const struct woad_bond_store *store, void *ctx, struct woad *h,
                           const struct woad_event *ev);

/* Adds a peer's failures from a store, from before a restart, as WOAD_EV_ATTEMPTS gave them.  The
 * peer waits from now on as if it had just failed.  WOAD_ENOTSUP without the feature. */
int woad_attempts_add(struct woad *h, const struct woad_addr *peer, uint8_t failures);

/* Random octets fit for a key of the application, above all the IRK: from config.random, or from
 * the controller, at most 16 then.  WOAD_EAGAIN: the controller has not delivered them yet, call
 * again after its answer; WOAD_EIO: there is no source; WOAD_EINVAL. */
int woad_random(struct woad *h, uint8_t *out, size_t len);

/* --- privacy ---------------------------------------------------------------------------------- */

enum woad_privacy { WOAD_PRIVACY_OFF, WOAD_PRIVACY_RESOLVABLE, WOAD_PRIVACY_NON_RESOLVABLE };

/* Sets our identity resolving key: 16 random octets, always the same, copied.  Bonded peers get it
 * with our identity and recognise our private addresses by it.  While resolvable private addresses
 * are used, the next woad_poll() makes one with the new key.  WOAD_EINVAL: zeros, which no peer
 * accepts.  WOAD_ENOTSUP without the feature. */
int woad_set_irk(struct woad *h, const uint8_t irk[16]);
/* Copies it, for a store that is opened later.  WOAD_ENOENT: none has been set; WOAD_ENOTSUP. */
int woad_irk(const struct woad *h, uint8_t irk[16]);

/* Uses private addresses from now on, a new one every `seconds`, 1 to 3600 (900 is usual);
 * WOAD_PRIVACY_OFF: our own address again.  All events name a bonded peer with a known IRK by its
 * identity, whatever address it uses; for woad_connect() to such an identity see gap.h.  An attempt
 * to connect is cancelled at the controller for the new address, and begins again within its time,
 * without an event.  While the
 * controller calculates an address, advertising and connecting wait; a controller that fails five
 * times, a second apart, counts as lost: WOAD_EV_DOWN with WOAD_EIO.  WOAD_EINVAL, also for
 * resolvable addresses without woad_set_irk(); WOAD_ENODEV until WOAD_EV_UP; WOAD_EBUSY during an
 * attempt to connect; WOAD_EIO without random numbers; WOAD_ENOTSUP. */
int woad_set_privacy(struct woad *h, enum woad_privacy mode, uint16_t seconds);

/* --- out of band ------------------------------------------------------------------------------ */

/* These calls need woad_feature_out_of_band; WOAD_ENOTSUP without.
 *
 * Out-of-band data of LE Secure Connections: a random number and its confirm value, least
 * significant octet first. woad_oob_make() makes this device's data, WOAD_EV_OOB delivers them; the
 * application passes them to the peer by another way than the radio.  They serve one pairing.
 * WOAD_ENODEV. */
struct woad_oob {
    uint8_t random[16], confirm[16];
};
int woad_oob_make(struct woad *h);
/* Sets a peer's data, before the pairing begins; for the next pairing of that connection.  A peer
 * that says it has our data while none are made, or after they have served, gets Pairing Failed,
 * WOAD_SMP_NO_OOB.  WOAD_ENOMEM while config.pairings are in progress, or have such data, on other
 * connections; WOAD_EALREADY during a pairing on this one; WOAD_ENOTCONN.  WOAD_ENOTSUP. */
int woad_oob_set(struct woad *h, uint16_t conn, const struct woad_oob *peer);
/* Legacy pairing: sets the temporary key (TK) that both sides know.  The pairing is a legacy one,
 * unless woad_oob_set() has been called too; without policy.allow_legacy it fails with
 * WOAD_SMP_AUTHENTICATION.  WOAD_EINVAL for 16 zeros, which are no secret; otherwise as above.  The
 * errors of woad_oob_set(). */
int woad_oob_set_legacy(struct woad *h, uint16_t conn, const uint8_t tk[16]);

#ifdef __cplusplus
}
#endif

#endif
