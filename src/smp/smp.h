/* The Security Manager's structs and the functions its files share.  A pairing runs a list of steps
 * (enum step): each step is done, blocks (it is called again), or fails with the reason that
 * Pairing Failed will carry.  Vol 3, Part H */
#ifndef WOAD_SRC_SMP_H
#define WOAD_SRC_SMP_H

#include <woad/smp.h>

#include "../att/att.h"
#include "../base/bytes.h"
#include "../base/toolbox.h"
#include "../core/feature.h"
#include "../core/security.h"
#include "../hci/roles.h"

enum { /* 3.3 */
       SMP_REQUEST = 0x01,
       SMP_RESPONSE = 0x02,
       SMP_CONFIRM = 0x03,
       SMP_RANDOM = 0x04,
       SMP_FAILED = 0x05,
       SMP_LTK = 0x06,
       SMP_CENTRAL_ID = 0x07,
       SMP_IRK = 0x08,
       SMP_IDENTITY = 0x09,
       SMP_CSRK = 0x0a,
       SMP_SECURITY_REQUEST = 0x0b,
       SMP_PUBLIC_KEY = 0x0c,
       SMP_CHECK = 0x0d,
       SMP_KEYPRESS = 0x0e,
       SMP_CODES
};
enum { SMP_TIMEOUT_MS = 30000 }; /* 3.4 */
enum { SMP_FRAME = 65 };         /* the largest PDU: a public key */
enum { AUTH_BOND = 0x01, AUTH_MITM = 0x04, AUTH_SECURE = 0x08, AUTH_KEYPRESS = 0x10 };
enum { DIST_LTK = 1, DIST_IRK = 2, DIST_CSRK = 4 }; /* 3.6.1 */
/* offsets in a Pairing Request and Response.  3.5.1 */
enum {
    PDU_IO = 1,
    PDU_OOB = 2,
    PDU_AUTH = 3,
    PDU_KEY_SIZE = 4,
    PDU_CENTRAL = 5,
    PDU_PERIPHERAL = 6
};

/* Steps: SEND | code and AWAIT | code for a PDU, else one of these, done by smp_steps.c or
 * smp_keys.c. */
enum { SEND = 0x40, AWAIT = 0x80 };
enum step {
    STEP_END,
    STEP_SELECT = SMP_CODES, /* choose the method, and begin its list of steps */
    STEP_KEY_PAIR,
    STEP_DHKEY,
    STEP_VERIFY_OOB,
    STEP_NONCE,
    STEP_CONFIRM,
    STEP_VERIFY_CONFIRM,
    STEP_COMPARE,
    STEP_ASK,
    STEP_USER,
    STEP_LOOP_BEGIN,
    STEP_LOOP_END,
    STEP_F5,
    STEP_DHKEY_CHECK,
    STEP_VERIFY_DHKEY_CHECK,
    STEP_STK,
    STEP_PAUSE,
    STEP_ENCRYPT,
    STEP_SEND_KEYS,
    STEP_AWAIT_KEYS,
    STEP_FLUSH,
    STEP_DONE,
    STEPS
};
#define CHECKS_TO_BOND_CENTRAL \
    STEP_F5, STEP_DHKEY_CHECK, SEND | SMP_CHECK, AWAIT | SMP_CHECK, STEP_VERIFY_DHKEY_CHECK, \
        STEP_ENCRYPT, STEP_AWAIT_KEYS, STEP_SEND_KEYS, STEP_FLUSH, STEP_DONE, STEP_END
#define CHECKS_TO_BOND_PERIPHERAL \
    AWAIT | SMP_CHECK, STEP_USER, STEP_F5, STEP_VERIFY_DHKEY_CHECK, STEP_DHKEY_CHECK, \
        SEND | SMP_CHECK, STEP_ENCRYPT, STEP_SEND_KEYS, STEP_AWAIT_KEYS, STEP_FLUSH, STEP_DONE, \
        STEP_END
#define PUBLIC_KEYS_CENTRAL STEP_KEY_PAIR, SEND | SMP_PUBLIC_KEY, AWAIT | SMP_PUBLIC_KEY, STEP_DHKEY
#define PUBLIC_KEYS_PERIPHERAL \
    SEND | SMP_RESPONSE, STEP_KEY_PAIR, AWAIT | SMP_PUBLIC_KEY, STEP_DHKEY, SEND | SMP_PUBLIC_KEY

/* Results of a step, beside 0: done; > 0: the reason why it fails; another negative error, of a
 * calculation: it fails, too. */
enum { STEP_BLOCKED = CRYPTO_PENDING };

enum { USER_NONE, USER_PENDING, USER_ANSWERED };
enum { OOB_NONE, OOB_WANTED, OOB_MADE };

/* One side of a pairing.  Octet strings have the most significant octet first, as the toolbox's
 * functions take them. */
enum { INITIATOR, RESPONDER };
struct smp_side {
    uint8_t address[7]; /* type, then the address */
    uint8_t pdu[7];     /* its Pairing Request or Response, as sent */
    uint8_t random[16];
    union {
        uint8_t confirm[16]; /* or, out of band, of the peer's public key: until STEP_F5 */
        uint8_t check[16];   /* from STEP_F5 on: DHKey Check */
    };
    uint8_t r[16]; /* r of f6: passkey or out-of-band random; legacy: own->r is TK */
};

struct pairing {
    struct conn *c;           /* NULL: this struct is free */
    const uint8_t *steps;     /* NULL: not begun, but out-of-band data are set */
    uint8_t step, loop_start; /* index of the current step; of the STEP_LOOP_BEGIN */
    uint8_t role;             /* index of our side: INITIATOR or RESPONDER */
    /* code of the PDU to be sent; of the one received, for AWAIT; 0: none */
    uint8_t pdu_to_send, received_pdu;
    bool secure, bonding, has_oob, has_tk;
    bool keypress_due; /* `keypress` is to be sent */
    uint8_t keypress;
    uint8_t keypresses; /* notifications of the peer that have restarted the timer */
    uint8_t method, user_state, passkey_action, round;
    uint8_t flags, key_size;                /* of the key: WOAD_BOND_…; octets */
    uint16_t keys_to_send, keys_to_receive; /* key PDUs that remain, bit 1 << code each */
    uint32_t passkey;
    uint32_t step_deadline; /* deadline of a step that has its own; 0: none */
    struct smp_side *own, *peer;
    struct smp_side side[2];
    union {
        uint8_t public_key[2][64]; /* of both sides, until STEP_F5 or STEP_STK */
        struct woad_bond bond;     /* from then on: the bond, filled as keys arrive */
    };
    uint8_t dhkey[32];
    union {
        uint8_t own_private[32]; /* until STEP_DHKEY */
        uint8_t mac_key[16];
        uint8_t stk[16]; /* legacy pairing: the key to encrypt with, as on the air */
    };
};

/* A connection's security beside its pairing: the state of encryption, and the Security Manager
 * timer, which runs for a pairing and for a Security Request that has been sent.  A Security
 * Request takes no struct pairing, so one that the central ignores blocks no other connection. */
struct smp_conn {
    struct pairing *pairing; /* NULL: neither a pairing nor out-of-band data */
    uint32_t timer;          /* deadline of the Security Manager timer; 0: it does not run.  3.4 */
    bool timed_out;          /* the timer has expired: no more SMP PDUs on this connection */
    bool security_request_due; /* a Security Request is to be sent */
    bool discard_encryption;   /* encryption with the key of a failed pairing is pending: ignore its
                                * success */
    bool key_command_due; /* Enable Encryption is to be sent; of a peripheral: Long Term Key Request
                           * Reply.  Then Encryption Change follows: encryption_pending() */
    uint8_t failed_reason;   /* reason of the Pairing Failed to be sent; 0: none */
    uint8_t link_key_size;   /* octets of the key that was given to the controller last */
    uint8_t link_flags;      /* its WOAD_BOND_… flags */
    bool from_bond : 1;      /* the key is a bond's, else the pairing's */
    bool bond_fetched : 1;   /* WOAD_EV_BOND_WANTED has been raised for the client */
    bool bond_key_tried : 1; /* the client has tried the bond's key: until it encrypts, nothing is
                              * believed */
};

/* The HCI command for encryption has been sent; Encryption Change is to follow. */
static inline bool encryption_pending(const struct conn *c)
{
    return c->awaits & AWAITS_ENCRYPTION;
}

/* Bonds, in the order of their use and in a hash by peer.  A bond takes one slot, and further slots
 * that follow it in lru_next for what only some have: data of legacy pairing, of signed writes.
 * Slots are numbered from 1; 0: none. */
struct bond_bits { /* laid out as the first two octets of a struct woad_bond */
    uint8_t client_features : 3;
    uint8_t key_size : 5; /* 0: no bond begins in this slot */
    uint8_t flags : 2;
    bool has_own_ltk : 1, has_peer_ltk : 1, has_irk : 1, has_csrk : 1, has_own_csrk : 1;
    bool random : 1; /* the type of the peer's address is random */
} __attribute__((aligned(2)));
struct bond_legacy { /* this and the next are laid out as in a struct woad_bond */
    uint16_t own_ediv;
    uint8_t own_rand[8];
    uint16_t peer_ediv;
    uint8_t peer_rand[8], peer_ltk[16];
} __attribute__((packed));
struct bond_signs {
    uint32_t signs, own_signs;
    uint8_t csrk[16], own_csrk[16];
} __attribute__((packed));
struct bond_slot {
    struct bond_bits bits;
    uint8_t lru_next;       /* next slot in the order of use, or of the free list */
    uint8_t hash_next;      /* next slot in the hash chain */
    uint32_t database : 24; /* hash of the database that the client knows; 0: not known */
    uint8_t hash_head;      /* first of the hash chain for the hash equal to this slot's number */
    union {
        struct {
            uint8_t peer[6], ltk[16], irk[16]; /* as in a struct woad_bond */
            uint8_t last_rpa[6]; /* last private address it was seen with; octet 5 is 0: none */
        };
        struct bond_legacy legacy;
        struct bond_signs signed_;
        uint8_t octets[44];
    };
    struct woad_cccd cccd[]; /* config.subscriptions entries; a handle of 0 ends them */
};

/* A peer that has failed to pair: how often in a row (0: unused entry), and until when it must wait
 * (0: no longer).  2.3.6 */
struct attempts {
    struct woad_addr peer;
    uint8_t failures;
    uint32_t wait_until;
};
enum { ATTEMPTS = 4 };

/* Optional parts, linked only where the application names or calls them: pairing as a central,
 * private addresses, out-of-band pairing. */
struct smp_step_lists {
    const uint8_t *by_method[4];
}; /* by enum woad_method; [0]: legacy pairing */
struct smp_central {
    struct smp_step_lists step_lists;
    int (*pair)(struct conn *c); /* woad_pair() */
    void (*security_request)(struct conn *c,
                             uint8_t auth); /* a Security Request has been received */
};
struct privacy_ops {
    uint32_t (*run_timers)(struct woad *h);
    void (*calculated)(struct woad *h); /* the controller has calculated an address */
};
struct smp_oob {                        /* woad_feature_out_of_band */
    void (*make)(struct woad *h);       /* in woad_poll(): makes data for woad_oob_make() */
    int (*key_pair)(struct pairing *p); /* step: takes the key pair of woad_oob_make() */
    int (*check)(struct pairing *p);    /* step: compares the peer's confirm value */
    const uint8_t *step_lists[2];       /* of the initiator, the responder */
};
struct oob {
    const struct smp_oob *role;
    uint8_t state; /* OOB_…: progress of woad_oob_make() */
    uint8_t private_[32], public_[64], random[16];
};

/* A WOAD_EV_BOND_WANTED that is being raised.  The application may cause another one inside it. */
struct bond_fetching {
    const struct woad_addr *peer;
    struct bond_fetching *outer;
    struct bond_bits stored_only; /* of a bond that the store has but that takes more slots than
                                   * there are; `key_size` 0: none */
};

struct smp {
    const struct smp_central *central;
    const struct privacy_ops *privacy_ops;
    struct woad_security_policy policy;
    bool may_multiply;           /* woad_poll() runs and has done no P-256 multiplication yet */
    uint8_t lru_head, free_head; /* number of the bond used last; of the first free slot */
    uint8_t privacy;             /* enum woad_privacy */
    bool has_irk;
    bool rpa_in_progress;           /* next_rpa has its random part, and waits for its hash */
    uint8_t rpa_failures;           /* failed attempts in a row to make an address */
    struct bond_bits stored_only;   /* a result of the last bond_fetch() */
    struct bond_fetching *fetching; /* the WOAD_EV_BOND_WANTED being raised; NULL: none */
    struct toolbox toolbox;
    struct pairing *pairings; /* config.pairings of them */
    uint8_t *bonds;           /* config.bonds slots */
    struct attempts attempts[ATTEMPTS];
    uint8_t irk[16];
    struct woad_addr next_rpa;
    uint16_t crypto_owner; /* owner of the calculation that the controller makes now */
    /* our identity; our static random address while private ones are used */
    struct woad_addr identity, static_addr;
    uint32_t rpa_interval_ms,
        rpa_deadline; /* lifetime of a private address; when the next is due */
};

ASSERT_SIZE(smp_conn, WOAD_SIZE_SECURITY_CONN);
ASSERT_SIZE(pairing, WOAD_SIZE_PAIRING);
ASSERT_SIZE(smp, WOAD_SIZE_SECURITY);
ASSERT_SIZE(oob, WOAD_SIZE_OUT_OF_BAND);
ASSERT_SIZE(bond_slot, WOAD_SIZE_BOND);

static inline uint8_t pairings(const struct woad *h)
{
    return h->cfg.pairings ? h->cfg.pairings : h->cfg.conns;
}

static inline uint8_t smp_key_size_min(const struct woad_security_policy *policy)
{
    return policy->key_size_min ? policy->key_size_min : 16;
}

/* smp.c */
void smp_layout(struct woad *h); /* and the rest of what the feature does */
void smp_reset(struct woad *h);
void smp_open(struct conn *c);
void smp_close(struct conn *c);
uint32_t smp_run_timers(struct woad *h);
struct pairing *smp_begin_pairing(struct conn *c, const uint8_t *steps);
/* the connection's, else a free one for it; NULL: none free */
struct pairing *smp_get_pairing(struct conn *c);
struct pairing *smp_active_pairing(const struct conn *c); /* NULL: no pairing runs */
void smp_run(struct conn *c);
bool smp_has_crypto(const struct woad *h);
bool smp_has_p256(const struct woad *h);
int smp_random(struct woad *h, void *out, size_t len);
int smp_calculate(struct woad *h, uint16_t owner,
                  int (*step_function)(struct woad *h, uint16_t owner, uint8_t arg), uint8_t arg);
void smp_fail(struct conn *c, uint8_t reason);
void smp_ended(struct conn *c, int status);
void smp_free_pairing(struct conn *c);
void smp_begin(struct pairing *p, const uint8_t *steps);
void smp_restart_timer(const struct conn *c);    /* restarts it: 30 s from now */
bool smp_security_pending(const struct conn *c); /* WOAD_EV_SECURITY will follow by itself */
uint8_t smp_auth(const struct woad *h);
void smp_emit_security(struct conn *c, int status);
/* The running pairing for an application's call; NULL, with *err, if there is none. */
struct pairing *pairing_for_call(struct woad *h, uint16_t conn, int *err);
#define SMP_FEATURE \
    .reset = smp_reset, .command = smp_command, .complete = smp_complete, .conn_open = smp_open, \
    .conn_close = smp_close, .conn_events = smp_events, .run_timers = smp_run_timers, \
    .needs = &smp_needs
extern const struct woad_needs smp_needs;
/* smp_steps.c */
int smp_step(struct woad *h, uint16_t owner, uint8_t step);
void smp_write(struct pairing *p, uint8_t code, struct wr *out);
int smp_read(struct pairing *p, uint8_t code, struct rd *in);
/* smp_keys.c */
void key_cut(uint8_t key[16], uint8_t size);
int keys_send(struct pairing *p);
int keys_await(struct pairing *p);
int keys_flush(struct pairing *p);
int keys_rx(struct pairing *p, uint8_t code, struct rd *in);
bool keys_expects(const struct pairing *p, uint8_t code);
int keys_check_bond(const struct pairing *p, const struct woad_addr *peer, int reason);
void keys_write(struct pairing *p, uint8_t code, struct wr *out);
int keys_done(struct pairing *p);
/* Starts encryption with the pairing's key, or the bond's. */
enum { KEY_OF_PAIRING = false, KEY_OF_BOND = true }; /* from_bond */
void link_request_encryption(const struct conn *c, bool from_bond);
uint16_t smp_command(struct woad *h, struct wr *params);
void smp_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret);
extern const struct conn_event smp_events[];
bool smp_has_key(const struct conn *c, bool fetch);
bool smp_key_request(struct conn *c, const uint8_t rand[8], uint16_t ediv);
/* bond.c */
void bond_layout(struct woad *h);
/* The bond used last; the one used before `slot`; NULL: no more. */
struct bond_slot *bond_lru_first(const struct woad *h);
struct bond_slot *bond_lru_next(const struct woad *h, const struct bond_slot *slot);
struct bond_slot *bond_find(const struct woad *h, const struct woad_addr *peer);
/* Like bond_find(), but raises WOAD_EV_BOND_WANTED for a bond that is not in memory.  NULL:
 * smp->stored_only tells whether the store has one that does not fit. */
struct bond_slot *bond_fetch_of(const struct conn *c, const struct woad_addr *peer);
struct bond_slot *bond_fetch(const struct conn *c); /* of the connection's peer */
/* Whether a key of this strength may not replace the bond. */
bool bond_stronger(const struct bond_bits *is, unsigned flags, unsigned key_size);
/* Data of legacy pairing, of signed writes; NULL: the bond has none. */
const struct bond_legacy *bond_legacy(const struct woad *h, const struct bond_slot *slot);
struct bond_signs *bond_signs(const struct woad *h, const struct bond_slot *slot);
/* Copies the bond.  It has keys: the caller wipes it after use. */
void bond_get(const struct woad *h, const struct bond_slot *slot, struct woad_bond *bond);
void bond_peer(const struct bond_slot *slot, struct woad_addr *peer);
void bond_touch(struct woad *h, struct bond_slot *slot);
/* Replaces the peer's bond, or takes the place of others.  NULL: not kept.  Other bonds give way to
 * a pairing's bond only if it is at least as strong, with WOAD_EV_BOND. */
enum { OF_STORE = false, OF_PAIRING = true }; /* of_pairing */
struct bond_slot *bond_put(struct woad *h, const struct woad_bond *bond, bool of_pairing);
void bond_save_client(struct conn *c);
void bond_emit(struct woad *h, uint16_t conn, const struct woad_bond *bond,
               enum woad_bond_change change);
void bond_emit_slot(struct woad *h, uint16_t conn, const struct bond_slot *slot,
                    enum woad_bond_change change);
/* smp_sign.c */
bool sign_verify(struct conn *c, const uint8_t *pdu, size_t len, bool *authenticated);
int sign_make(struct conn *c, uint16_t handle, const void *data, size_t len,
              uint8_t signature[SIGNATURE]);
void sign_emit_bond(struct conn *c);
/* smp_identity.c */
enum { NRPA, RPA, STATIC = 3, KIND_SHIFT = 6 }; /* kinds of random address: their two top bits */
void rpa_resolve(struct woad *h, struct woad_addr *a);
void rpa_air_address(const struct woad *h, struct woad_addr *a);
void rpa_identity(const struct woad *h, struct woad_addr *a);
/* smp_attempts.c */
void attempts_failed(struct woad *h, const struct woad_addr *peer);
/* forgets its failures, with WOAD_EV_ATTEMPTS */
void attempts_passed(struct woad *h, const struct woad_addr *peer);
uint32_t attempts_ms_left(struct woad *h); /* ms until the next wait is over */
void attempts_emit(struct woad *h, const struct woad_addr *peer);
bool attempts_wait(const struct conn *c); /* the connection's peer must wait before it pairs */
#endif
