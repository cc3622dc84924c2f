/* The Security Manager's structs. A pairing is a script: a list of steps, each of which is done,
 * waits for something, or fails with the reason that Pairing Failed will give. Vol 3, Part H */
#ifndef WOAD_SRC_SMP_H
#define WOAD_SRC_SMP_H

#include <woad/smp.h>

#include "../att/att.h"
#include "../base/bytes.h"
#include "../base/toolbox.h"
#include "../core/feature.h"
#include "../core/security.h"

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
enum {
    PDU_IO = 1,
    PDU_OOB = 2,
    PDU_AUTH = 3,
    PDU_KEY_SIZE = 4,
    PDU_CENTRAL = 5,
    PDU_PERIPHERAL = 6
}; /* octets of a Pairing Request and Response. 3.5.1 */

/* Steps. Those of a PDU that is sent and of one that is awaited are the PDU's code and a flag. */
enum { SEND = 0x40, AWAIT = 0x80 };
enum step {
    STEP_END,
    STEP_SELECT = SMP_CODES,
    STEP_KEY_PAIR,
    STEP_DH,
    STEP_OOB,
    STEP_NONCE,
    STEP_CONFIRM,
    STEP_CHECK_CONFIRM,
    STEP_COMPARE,
    STEP_ASK,
    STEP_USER,
    STEP_LOOP_BEGIN,
    STEP_LOOP_END,
    STEP_F5,
    STEP_CHECK,
    STEP_VERIFY,
    STEP_STK,
    STEP_PAUSE,
    STEP_ENCRYPT,
    STEP_SEND_KEYS,
    STEP_AWAIT_KEYS,
    STEP_FLUSH,
    STEP_DONE,
    STEPS
};
#define SECURE_END_CENTRAL \
    STEP_F5, STEP_CHECK, SEND | SMP_CHECK, AWAIT | SMP_CHECK, STEP_VERIFY, STEP_ENCRYPT, \
        STEP_AWAIT_KEYS, STEP_SEND_KEYS, STEP_FLUSH, STEP_DONE, STEP_END
#define SECURE_END_PERIPHERAL \
    AWAIT | SMP_CHECK, STEP_USER, STEP_F5, STEP_VERIFY, STEP_CHECK, SEND | SMP_CHECK, \
        STEP_ENCRYPT, STEP_SEND_KEYS, STEP_AWAIT_KEYS, STEP_FLUSH, STEP_DONE, STEP_END
#define KEYS_CENTRAL STEP_KEY_PAIR, SEND | SMP_PUBLIC_KEY, AWAIT | SMP_PUBLIC_KEY, STEP_DH
#define KEYS_PERIPHERAL \
    SEND | SMP_RESPONSE, STEP_KEY_PAIR, AWAIT | SMP_PUBLIC_KEY, STEP_DH, SEND | SMP_PUBLIC_KEY

enum { STEP_BLOCKED = -1 }; /* what a step returns; 0: done; more: why it fails */

enum { USER_NONE, USER_PENDING, USER_ANSWERED };
enum { OOB_NONE, OOB_WANTED, OOB_MADE };

/* What either side says and has, the most significant octet first. The toolbox's functions have
 * the initiator's and the responder's, or those of who sends and of who takes. */
enum { INITIATOR, RESPONDER };
struct smp_side {
    uint8_t address[7]; /* with its type in front */
    uint8_t pdu[7];     /* Pairing Request, Response: as it is sent */
    uint8_t random[16];
    union {
        uint8_t confirm[16]; /* or the peer's that has come out of band; done with */
        uint8_t check[16];   /* before this is made, or may be heard */
    };
    uint8_t r[16]; /* of f6, of OOB; of legacy pairing, our own is TK */
};

struct pairing {
    struct conn *c;                    /* NULL: it is free */
    const uint8_t *steps;              /* NULL: it has not begun, something is known for it */
    uint8_t step, loop_start;          /* of the script: this step; where AGAIN goes back to */
    uint8_t role;                      /* of side: INITIATOR or RESPONDER */
    uint8_t pdu_to_send, received_pdu; /* the PDU to be sent; the one that has come */
    bool secure, bonding, has_oob, has_tk;
    bool keypress_due; /* Keypress Notification is owed: this */
    uint8_t keypress;
    uint8_t method, user_state, passkey_action, round;
    uint8_t flags, key_size;                /* of the bond */
    uint16_t keys_to_send, keys_to_receive; /* PDUs with keys, a bit each */
    uint32_t passkey;
    uint32_t step_due; /* of a step that has one of its own */
    struct smp_side *own, *peer;
    struct smp_side side[2];
    union {
        uint8_t public_key[2][64]; /* of the sides, until there is a key, */
        struct woad_bond bond;     /* and then this, as it grows */
    };
    uint8_t dhkey[32];
    union {
        uint8_t own_private[32]; /* until there is dhkey */
        uint8_t mac_key[16];
        uint8_t stk[16]; /* of legacy pairing: as on the air */
    };
};

/* What a connection has beside its pairing: its link's encryption, and the Security Manager timer,
 * which runs for a pairing, and for a Security Request that has been sent. A Security Request
 * takes no pairing: one that the central ignores keeps nobody else from pairing. */
struct smp_conn {
    struct pairing *pairing;   /* NULL: none */
    uint32_t timer;            /* that timer; 0: nothing is under way. 3.4 */
    bool timed_out;            /* the timer has ended: no more PDUs on this connection */
    bool security_request_due; /* a Security Request is to be sent */
    bool discard_encryption;   /* the pairing whose key encrypts now has failed */
    bool key_command_due;      /* to be sent: Enable Encryption, or of a peripheral Long
                                * Term Key Request Reply */
    bool encryption_pending;   /* until Encryption Change */
    uint8_t failed_reason;     /* reason of a Pairing Failed to be sent; 0: none */
    uint8_t link_key_size;     /* of the key that encrypts, or will */
    uint8_t link_flags : 2;
    bool from_bond : 1;      /* it is the bond's, else the pairing's */
    bool bond_fetched : 1;   /* the application has been asked for a bond */
    bool bond_key_tried : 1; /* its key, for what the client is to believe */
};

/* Bonds in the order of their use, and by a hash of their peers. A bond has a place, and others
 * behind it in that order for what not all have: legacy pairing's, signed writes'. Places are
 * counted from 1; 0: none. */
struct bond_bits { /* the first two octets of a struct woad_bond */
    uint8_t client_features : 3;
    uint8_t key_size : 5; /* 0: no bond begins here */
    uint8_t flags : 2;
    bool has_own_ltk : 1, has_peer_ltk : 1, has_irk : 1, has_csrk : 1, has_own_csrk : 1;
    bool random : 1; /* the type of the peer's address */
};
struct bond_legacy { /* these two as they lie in a struct woad_bond */
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
    uint32_t database : 24;
    struct bond_bits bits;
    uint8_t lru_next;             /* the next in the order; of free ones, the next */
    uint8_t hash_next, hash_head; /* the next of the same hash; the first whose hash is the
                                   * number of this place */
    union {
        struct {
            uint8_t peer[6], ltk[16], irk[16]; /* so they lie there, too */
            uint8_t last_rpa[6];               /* its private address, the last time; 0: none */
        };
        struct bond_legacy legacy;
        struct bond_signs signed_;
        uint8_t octets[44];
    };
    struct woad_cccd cccd[]; /* config.subscriptions; behind the last of them 0 */
};

/* Who has failed, how often in a row (0: nobody), and until when it waits; 0: not any more.
 * 2.3.6 */
struct attempts {
    struct woad_addr peer;
    uint8_t failures;
    uint32_t wait_until;
};
enum { ATTEMPTS = 4 };

/* What is linked only where it is named or called for: pairing as a central; private addresses of
 * our own; pairing with what comes out of band. */
struct smp_step_lists {
    const uint8_t *by_method[4];
}; /* by the method; the first: legacy */
struct smp_central {
    struct smp_step_lists step_lists;
    int (*pair)(struct conn *c);                            /* woad_pair() */
    void (*security_request)(struct conn *c, uint8_t auth); /* a Security Request */
};
struct privacy_ops {
    uint32_t (*due)(struct woad *h);
    void (*calculated)(struct woad *h); /* what the controller was to calculate has come */
};
struct smp_oob {                        /* woad_feature_out_of_band */
    void (*make)(struct woad *h);       /* in woad_poll() */
    int (*key_pair)(struct pairing *p); /* a step: takes the one of woad_oob_make() */
    int (*check)(struct pairing *p);    /* a step */
    const uint8_t *step_lists[2];       /* of the initiator, the responder */
};
struct oob {
    const struct smp_oob *role;
    uint8_t state; /* of woad_oob_make() */
    uint8_t private_[32], public_[64], random[16];
};

struct smp {
    const struct smp_central *central;
    const struct privacy_ops *privacy_ops;
    struct woad_security_policy policy;
    bool may_multiply;           /* woad_poll() is running, and has not done one yet */
    uint8_t lru_head, free_head; /* of the places of bonds */
    uint8_t privacy;
    bool has_irk;
    bool rpa_in_progress;             /* our next private address is `next` */
    uint8_t rpa_failures;             /* tries to make one, in a row */
    struct bond_bits stored_only;     /* `key_size` 0: none; of a bond that the store has, of */
    const struct woad_addr *fetching; /* this peer, and that takes more places than there are */
    struct toolbox toolbox;
    struct pairing *pairings; /* config.pairings of them */
    uint8_t *bonds;           /* config.bonds places */
    struct attempts attempts[ATTEMPTS];
    uint8_t irk[16];
    struct woad_addr next_rpa;
    uint16_t crypto_user; /* calculates now, for the controller */
    uint32_t calculation_serial;
    struct woad_addr identity, static_addr; /* ours, and our static random one, while we hide */
    uint32_t rpa_interval_ms, rpa_due;
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
struct pairing *smp_get_pairing(struct conn *c);          /* its own, or a free one; NULL */
struct pairing *smp_active_pairing(const struct conn *c); /* NULL: nothing */
void smp_run(struct conn *c);
bool smp_has_crypto(const struct woad *h);
bool smp_has_p256(const struct woad *h);
int smp_random(struct woad *h, void *out, size_t len);
int smp_calculate(struct woad *h, uint16_t user,
                  int (*step_function)(struct woad *h, uint16_t user, uint8_t arg), uint8_t arg);
void smp_fail(struct conn *c, uint8_t reason);
void smp_ended(struct conn *c, int status);
void smp_free_pairing(struct conn *c);
void smp_begin(struct pairing *p, const uint8_t *steps);
void smp_restart_timer(const struct conn *c);    /* 30 s from now */
bool smp_security_pending(const struct conn *c); /* WOAD_EV_SECURITY will follow */
uint8_t smp_auth(const struct woad *h);
void smp_emit_security(struct conn *c, int status);
/* What an application's call is about; NULL, and the error it is if there is none. */
struct pairing *pairing_for_call(struct woad *h, uint16_t conn, int *err);
#define SMP_FEATURE \
    .reset = smp_reset, .command = smp_command, .complete = smp_complete, .conn_open = smp_open, \
    .conn_close = smp_close, .conn_events = smp_events, .run_timers = smp_run_timers, \
    .needs = &smp_needs
extern const struct woad_needs smp_needs;
/* smp_steps.c */
int smp_step_result(int err); /* what a step returns then */
int smp_step(struct woad *h, uint16_t user, uint8_t step);
void smp_write(struct pairing *p, uint8_t code, struct wr *out);
int smp_read(struct pairing *p, uint8_t code, struct rd *in);
/* smp_keys.c */
void key_cut(uint8_t key[16], uint8_t size);
int keys_send(struct pairing *p);
int keys_await(struct pairing *p);
int keys_flush(struct pairing *p);
int keys_rx(struct pairing *p, uint8_t code, struct rd *in);
bool keys_expects(const struct pairing *p, uint8_t code);
bool keys_bond_is_stronger(const struct pairing *p, const struct woad_addr *peer);
void keys_write(struct pairing *p, uint8_t code, struct wr *out);
int keys_done(struct pairing *p);
/* Encryption is to begin: with the pairing's key, or the bond's. */
void link_request_encryption(const struct conn *c, uint8_t size, uint8_t flags, bool from_bond);
uint16_t smp_command(struct woad *h, struct wr *params);
void smp_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret);
extern const struct conn_event smp_events[];
bool smp_has_key(const struct conn *c, bool fetch);
bool smp_key_request(struct conn *c, const uint8_t rand[8], uint16_t ediv);
/* bond.c */
void bond_layout(struct woad *h);
/* The one used last; the one before it; NULL. */
struct bond_slot *bond_lru_first(const struct woad *h);
struct bond_slot *bond_lru_next(const struct woad *h, const struct bond_slot *slot);
struct bond_slot *bond_find(const struct woad *h, const struct woad_addr *peer);
/* The same; WOAD_EV_BOND_WANTED is raised for a bond that is not in memory. NULL: smp->unheld says
 * whether the store has one that can't be. */
struct bond_slot *bond_fetch(const struct conn *c, const struct woad_addr *peer);
/* Whether a pairing that has come to `flags` and `key_size` must not take its place. */
bool bond_stronger(const struct bond_bits *is, unsigned flags, unsigned key_size);
/* What is behind it; NULL: nothing. */
const struct bond_legacy *bond_legacy(const struct woad *h, const struct bond_slot *slot);
struct bond_signs *bond_signs(const struct woad *h, const struct bond_slot *slot);
/* The whole of it: keys, which are wiped when they have served. */
void bond_get(const struct woad *h, const struct bond_slot *slot, struct woad_bond *bond);
void bond_peer(const struct bond_slot *slot, struct woad_addr *peer);
void bond_touch(struct woad *h, struct bond_slot *slot);
/* NULL: there is no room for it. */
struct bond_slot *bond_put(struct woad *h, const struct woad_bond *bond, bool tell);
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
enum { NRPA, RPA, STATIC = 3, KIND_SHIFT = 6 }; /* the two top bits of a random one */
void rpa_resolve(struct woad *h, struct woad_addr *a);
void rpa_air_address(const struct woad *h, struct woad_addr *a);
void rpa_identity(const struct woad *h, struct woad_addr *a);
/* smp_attempts.c */
void attempts_failed(struct woad *h, const struct woad_addr *peer);
void attempts_passed(struct woad *h, const struct woad_addr *peer); /* and it is told */
uint32_t attempts_due(struct woad *h); /* milliseconds until somebody's wait is over */
void attempts_emit(struct woad *h, const struct woad_addr *peer);
bool attempts_wait(const struct conn *c); /* its peer has to wait */
#endif
