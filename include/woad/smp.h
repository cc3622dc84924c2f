/* The Security Manager: pairing, keys, bonds.  Feature woad_feature_security_manager, or
 * woad_feature_security_peripheral on a device that is never a central; it needs config.crypto and
 * config.random, or woad_feature_controller_crypto: without, every pairing is refused.
 *
 * What happens to a connection is told by WOAD_EV_SECURITY: once when a pairing has ended, well or
 * badly, and once whenever an encryption with a key that was there has begun or failed.  What it
 * says was achieved, not asked for. */
#ifndef WOAD_SMP_H
#define WOAD_SMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gap.h"

enum { /* why a pairing failed.  Vol 3, Part H, 3.5.5 */
       WOAD_SMP_PASSKEY_ENTRY = 0x01,
       WOAD_SMP_NO_OOB = 0x02,
       WOAD_SMP_AUTHENTICATION = 0x03, /* what is required can't be had; or there is
                                        * a stronger bond: woad_bond_remove() */
       WOAD_SMP_CONFIRM = 0x04,        /* a wrong passkey, or an attacker */
       WOAD_SMP_NOT_SUPPORTED = 0x05,
       WOAD_SMP_KEY_SIZE = 0x06,
       WOAD_SMP_UNKNOWN_COMMAND = 0x07,
       WOAD_SMP_UNSPECIFIED = 0x08,
       WOAD_SMP_REPEATED_ATTEMPTS = 0x09,
       WOAD_SMP_INVALID_PARAMETERS = 0x0a,
       WOAD_SMP_DHKEY_CHECK = 0x0b,
       WOAD_SMP_NUMERIC_COMPARISON = 0x0c,
       WOAD_SMP_KEY_REJECTED = 0x0f,
       WOAD_SMP_BUSY = 0x10 /* config.pairings are under way */
};

enum woad_io { /* what the device has.  Vol 3, Part H, 2.3.2 */
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

/* What is asked of a pairing, on every connection.  All zero but `io` is the strictest that works
 * everywhere: each weaker setting is asked for by name. */
struct woad_security_policy {
    uint8_t io;             /* enum woad_io */
    bool bond;              /* keep the keys */
    bool mitm;              /* ask for a method that no one in the middle survives */
    bool require_mitm;      /* and refuse a pairing without */
    bool allow_legacy;      /* peers without LE Secure Connections, too */
    bool prefer_legacy;     /* for tests of such: they are not even offered */
    bool allow_debug_key;   /* a peer whose private key everybody knows */
    uint8_t key_size_min;   /* 7 to 16; 0: 16 */
    bool app_passkey;       /* the application gives the passkey that is displayed */
    bool keypress;          /* tell, and be told, of the keys that users press: by the
                             * feature woad_feature_keypresses */
    uint8_t methods;        /* bits, 1 << enum woad_method: no others; 0: all */
    bool retry;             /* a client's request that is refused for want of
                             * security: pair, and ask once more */
    bool trust_unencrypted; /* a client's requests go to a bonded peer, and what it
                             * sends is believed, before the connection is encrypted:
                             * it may be anybody there */
    bool no_pairing;        /* no pairing, whichever side begins: Pairing Not
                             * Supported.  A bond's key still serves */
    bool app_pairs;         /* a peripheral's Security Request that takes a pairing is
                             * answered by the application: WOAD_EV_SECURITY_REQUEST */
};

enum woad_passkey_action {
    WOAD_PASSKEY_INPUT = 2,   /* the user types what the peer displays */
    WOAD_PASSKEY_DISPLAY = 3, /* show it */
    WOAD_PASSKEY_COMPARE = 4  /* do both show the same? */
};

enum woad_keypress { /* Vol 3, Part H, 3.5.8 */
                     WOAD_KEYPRESS_STARTED,
                     WOAD_KEYPRESS_DIGIT,
                     WOAD_KEYPRESS_ERASED,
                     WOAD_KEYPRESS_CLEARED,
                     WOAD_KEYPRESS_COMPLETED
};

/* The status of WOAD_EV_SECURITY: 0; a reason of the above, that we have found, or with one of
 * these added that the peer has given, or one of HCI's codes; or WOAD_ETIMEDOUT, WOAD_ENOTCONN. */
enum { WOAD_SECURITY_PEER = 0x100, WOAD_SECURITY_HCI = 0x200 };

/* What a connection has. */
struct woad_security {
    bool encrypted : 1;
    bool authenticated : 1; /* by a method that no one in the middle survives */
    bool bonded : 1;        /* its key is a bond's, or has become one, that has not been forgotten
                             * since: removed, or WOAD_BOND_GONE */
    bool secure : 1;        /* the key is of LE Secure Connections */
    uint8_t key_size;       /* octets; 0: not encrypted */
};

enum { WOAD_BOND_SECURE = 1, WOAD_BOND_AUTHENTICATED = 2 };

/* What WOAD_EV_BOND asks of whoever keeps bonds. */
enum woad_bond_change {
    WOAD_BOND_NEW,     /* keep it; one of the same peer is replaced */
    WOAD_BOND_CHANGED, /* its keys are as they were, something else is not */
    WOAD_BOND_GONE     /* forget it, if it is there: there is no room for it */
};

/* All that is kept of a peer.  Keys have the least significant octet first, as on the air. */
struct woad_bond {
    uint8_t client_features : 3; /* that the peer, as a client, has set in our server */
    uint8_t key_size : 5;        /* 7 to 16 */
    uint8_t flags : 2;
    bool has_own_ltk : 1, has_peer_ltk : 1, has_irk : 1, has_csrk : 1, has_own_csrk : 1;
    struct woad_addr peer; /* the address it had; of a private one, its identity */
    uint8_t own_ltk[16];   /* that we have given: for when the peer is central */
    uint8_t irk[16];       /* the peer's */
    /* Of legacy pairing: the numbers of our key, and the peer's key with its numbers; with
     * WOAD_BOND_SECURE the two keys are the same, and have no numbers. */
    uint16_t own_ediv;
    uint8_t own_rand[8];
    uint16_t peer_ediv;
    uint8_t peer_rand[8], peer_ltk[16]; /* that we have got */
    /* Of signed writes: the next number that one may have, and the keys. */
    uint32_t signs, own_signs;
    uint8_t csrk[16], own_csrk[16];
    uint32_t database;            /* which the client knows, 24 bits; 0: not known */
    uint16_t cccds;               /* what it has subscribed to: */
    const struct woad_cccd *cccd; /* so many; in the host's memory, as long as the bond */
};

/* From now on; connections that are pairing go on as they began.  WOAD_EINVAL: no such io, or a
 * key size of neither 0 nor 7 to 16; WOAD_ENOTSUP without the feature. */
int woad_set_security_policy(struct woad *h, const struct woad_security_policy *policy);

/* Makes the connection as secure as can be.  The central encrypts with the bond's key if there is
 * one, else pairs; a peripheral asks its central to, unless the connection has all that the policy
 * asks for.  WOAD_EV_SECURITY follows, with WOAD_ETIMEDOUT if the central does nothing for 30 s.
 * After attempts that have failed it waits before it begins: a quarter of a second, twice as long
 * each time; and a peer that does not is refused.  WOAD_ENOTCONN;
 * WOAD_EALREADY when that is under way; WOAD_ENOMEM, of a central, while config.pairings of others
 * are; WOAD_ETIMEDOUT after one that took 30 s: only a new connection may pair then, but a bond's
 * key still serves; WOAD_ENOTSUP without the feature, crypto or random, as a central with
 * woad_feature_security_peripheral, or as one with policy.no_pairing where no bond's key serves. */
int woad_pair(struct woad *h, uint16_t conn);

/* WOAD_EV_SECURITY_REQUEST comes, with policy.app_pairs, where a peripheral asks for more than the
 * connection has and no bond's key serves.  What it asks for: `mitm`, and to `bond`.  The
 * application calls woad_pair(), from inside or later, or this, which refuses: Pairing Failed,
 * Pairing Not Supported.  With neither the peripheral waits for 30 s, and can't pair any more on
 * this connection.  WOAD_ENOTCONN; WOAD_EALREADY while a pairing is under way; WOAD_ENOTSUP. */
int woad_pair_refuse(struct woad *h, uint16_t conn);

/* The user's answer to WOAD_EV_PASSKEY, from inside the event or later, within 30 s: a passkey 0 to
 * 999999, or for WOAD_PASSKEY_COMPARE 1 for yes, 0 for no.  A displayed passkey may be replaced
 * until the peer has begun to use it, if policy.app_passkey; without, it is as it was told.
 * WOAD_ENOENT when nothing is asked; WOAD_EINVAL for another action than that, or a number too
 * large; WOAD_EALREADY when it has been answered. */
int woad_passkey(struct woad *h, uint16_t conn, enum woad_passkey_action action, uint32_t passkey);

/* While the user types (WOAD_PASSKEY_INPUT): the peer can show how far that has come, and has its
 * 30 s anew.  Only where both sides have policy.keypress.  WOAD_ENOENT when nothing is typed, or
 * the peer does not care; WOAD_EAGAIN while the one before has not been sent; WOAD_EINVAL;
 * WOAD_ENOTCONN; WOAD_ENOTSUP. */
int woad_keypress(struct woad *h, uint16_t conn, enum woad_keypress what);

/* WOAD_ENOTCONN. */
int woad_conn_security(const struct woad *h, uint16_t conn, struct woad_security *security);

/* --- bonds ------------------------------------------------------------------------------------ */

/* One that was kept.  Those that are known have config.bonds places: one of LE Secure Connections
 * takes one, one of legacy pairing takes two, and keys of signed writes take one more.  When there
 * is no room, the one that has not been used for the longest time goes; for the bond of a pairing,
 * of those that are not stronger, and it is not kept if there are none.  One of the same peer is
 * replaced.  WOAD_ENOMEM: it takes more places than there are, and what was known of that peer is
 * forgotten, for its keys are others now; WOAD_EINVAL.  One of that kind is not used, but where
 * WOAD_EV_BOND_WANTED has asked for it no weaker pairing takes its place, and its peer is not
 * believed in the clear. */
int woad_bond_add(struct woad *h, const struct woad_bond *bond);
/* A copy of the n-th of them, the one that was used last first; WOAD_ENOENT behind the last. */
int woad_bond_at(const struct woad *h, uint16_t n, struct woad_bond *bond);
/* Forgets one; all, with NULL.  Connections stay as they are, with no bond: also where one of the
 * same peer is added then, until its key encrypts.  Inside WOAD_EV_SECURITY of a pairing it means
 * the new one too: no WOAD_EV_BOND follows.  WOAD_ENOENT. */
int woad_bond_remove(struct woad *h, const struct woad_addr *peer);

/* Where bonds are kept: four functions, for a flash, a file, a database.  Hand every event to
 * woad_bond_store_event(), from the callback, and the rest follows.  woad/port.h has one for files.
 *
 * load: the controller is up: woad_set_irk() with a key that is always the same, woad_bond_add()
 *    for each bond, the one used last at last, woad_attempts_add() for each who waits.
 * find: a bond that is not known is wanted: woad_bond_add() it, if it is kept.  A store that adds
 *    all of them in load() need not do anything.
 * keep: of a bond that is new, or has changed, or is to be forgotten.  Before it returns it should
 *    be safe: the number of a signed write counts on that.
 * attempts: so often has a peer failed in a row; 0: it is to be forgotten. */
struct woad_bond_store {
    void (*load)(void *ctx, struct woad *h);
    void (*find)(void *ctx, struct woad *h, const struct woad_addr *peer);
    void (*keep)(void *ctx, const struct woad_bond *bond, enum woad_bond_change why);
    void (*attempts)(void *ctx, const struct woad_addr *peer, uint8_t failures);
};
struct woad_event;
void woad_bond_store_event(const struct woad_bond_store *store, void *ctx, struct woad *h,
                           const struct woad_event *ev);

/* A peer has failed so often in a row, before this program was started: WOAD_EV_ATTEMPTS had told
 * it.  It waits from now on as if it had failed just now.  WOAD_ENOTSUP without the feature. */
int woad_attempts_add(struct woad *h, const struct woad_addr *peer, uint8_t failures);

/* Octets that nobody can guess, for a key of the application's, the IRK above all: config.random's,
 * or the controller's, at most 16 then.  WOAD_EAGAIN: the controller has not given as many yet, try
 * again when it has answered; WOAD_EIO: there are none to be had; WOAD_EINVAL. */
int woad_random(struct woad *h, uint8_t *out, size_t len);

/* --- privacy ---------------------------------------------------------------------------------- */

enum woad_privacy { WOAD_PRIVACY_OFF, WOAD_PRIVACY_RESOLVABLE, WOAD_PRIVACY_NON_RESOLVABLE };

/* The key by which bonded peers know us again: 16 octets that nobody can guess, the same for ever.
 * They get it, and our identity, when they bond.  WOAD_ENOTSUP without the feature. */
int woad_set_irk(struct woad *h, const uint8_t irk[16]);
/* A copy of it, for a store that is opened later.  WOAD_ENOENT: none has been set; WOAD_ENOTSUP. */
int woad_irk(const struct woad *h, uint8_t irk[16]);

/* From now on private addresses in the place of ours, a new one each so many seconds, 1 to 3600
 * (900 is usual); or, off, our own again.  Peers that are bonded and have given their key are told
 * of by their identity in all events, whatever address they use; woad_connect() to such an identity
 * finds it as gap.h says there.  While the controller calculates one, nothing is advertised and
 * nobody sought; a controller that can't in five tries, a second apart, is lost: WOAD_EV_DOWN with
 * WOAD_EIO.
 * WOAD_EINVAL, also for resolvable ones without woad_set_irk(); WOAD_ENODEV until WOAD_EV_UP;
 * WOAD_EBUSY while a connection attempt runs; WOAD_EIO without random numbers; WOAD_ENOTSUP. */
int woad_set_privacy(struct woad *h, enum woad_privacy mode, uint16_t seconds);

/* --- out of band ------------------------------------------------------------------------------ */

/* Of woad_feature_out_of_band; WOAD_ENOTSUP without.
 *
 * LE Secure Connections: a random number and a confirm value of it, least significant octet first.
 * What this device gives to a peer by another way than the radio: made by woad_oob_make(),
 * WOAD_EV_OOB brings it; it is good for one pairing. */
struct woad_oob {
    uint8_t random[16], confirm[16];
};
int woad_oob_make(struct woad *h);
/* What a peer has given; before the pairing begins, for the next one of that connection.  A peer
 * that says it has our data while none are made, or after they have served, gets Pairing Failed,
 * WOAD_SMP_NO_OOB.
 * WOAD_ENOMEM while config.pairings are under way, or known of in this way, on others;
 * WOAD_EALREADY while a pairing is under way on this one; WOAD_ENOTCONN. */
int woad_oob_set(struct woad *h, uint16_t conn, const struct woad_oob *peer);
/* Legacy pairing: the temporary key that both know.  The pairing is a legacy one then, unless
 * woad_oob_set() has been called too: policy.allow_legacy, or it fails with
 * WOAD_SMP_AUTHENTICATION.  WOAD_EINVAL for 16 zeros, which are no secret; and as above. */
int woad_oob_set_legacy(struct woad *h, uint16_t conn, const uint8_t tk[16]);

#endif
