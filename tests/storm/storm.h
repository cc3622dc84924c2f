/* A random application, and what must hold whatever it does.
 *
 * An episode is a list of steps drawn from a seed: calls of the API, at once or from inside the
 * next event; PDUs of a peer; doings of a controller; time.  Each step has a seed of its own, so
 * that a step can be left out of the list without changing the others: that is how a failing
 * episode is made short.
 *
 *     main.c     seeds, episodes, shrinking
 *     call.c, call_gatt.c, call_link.c     the calls, with their random arguments
 *     mood.c     what an episode does often, and what never
 *     model.c, model_coc.c     what was accepted and has not ended yet, against the events
 *     solo.c, controller.c, peer.c, answer.c     one host against a random controller and peer
 *     duo.c      hosts of this kind against each other, over the air */
#ifndef WOAD_TESTS_STORM_H
#define WOAD_TESTS_STORM_H

#include "honest.h"

#include <woad/crypto.h>

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ACTORS = 3, LINKS = 8, CHANNELS = 64, BONDS = 16, STEPS = 2000, ARMED = 64 };
enum { OPS = WOAD_GATTC_WRITE_RELIABLE + 1, ITEMS = WOAD_LINK_VERSION + 1, SETS = 2 };
enum { ENCRYPTED_HANDLE = 17, AUTHENTICATED_HANDLE = 20, VALUE_MAX = 512 };

/* --- chance (chance.c) ------------------------------------------------------------------------ */

uint32_t any(uint32_t below);
bool one_in(uint32_t n);
void chance_seed(uint64_t seed);
uint64_t chance_save(void);
void chance_restore(uint64_t saved);

/* --- the model -------------------------------------------------------------------------------- */

enum channel_state { CHANNEL_NONE, CHANNEL_ASKED, CHANNEL_WAITING, CHANNEL_OPEN };

/* An L2CAP channel, and the buffers that are the host's until an event gives them back. */
struct channel {
    uint16_t conn, cid;
    uint8_t state;
    uint8_t *rx, *tx, *into;
};

/* A connection as its events show it. */
struct link {
    uint16_t conn;
    bool open, central;
    struct woad_addr peer;
    unsigned procedures[OPS]; /* accepted, not ended */
    unsigned indications;
    unsigned questions;            /* of the server to the application */
    unsigned reads[ITEMS];         /* of woad_link_read() */
    bool update, pairing, bearers; /* WOAD_EV_CONN_UPDATE, _SECURITY, _ATT_BEARERS is due */
    bool full;                     /* WOAD_EV_TX_READY is due */
    bool queued;                   /* WOAD_EV_TX_DONE is due */
    bool closing;
    bool proven;        /* a user, or data by another way, took part; or a bond
                         * says that they did */
    uint8_t tk;         /* which key of legacy pairing was set; 0: none */
    uint8_t request[8]; /* the last questions: their numbers and handles */
    uint16_t asked[8];
    uint8_t action; /* of WOAD_EV_PASSKEY; 0: none asked */
    uint32_t shown;
};

struct actor {
    struct woad *h;
    unsigned number;
    struct woad_config config;
    bool started, up;
    struct link link[LINKS];
    struct channel channel[CHANNELS];
    struct woad_bond bond[BONDS]; /* what a store keeps */
    struct woad_cccd cccd[BONDS];
    size_t bonds;
    uint8_t gone_flags; /* of a bond that has given way */
    unsigned scans;     /* one may be stopping while the next one waits */
    bool attempt, accept_list, adv, adv_ran, oob;
    bool set[SETS];
    bool down_due;
    struct woad_oob made; /* what woad_oob_make() has made, good for one pairing */
    bool has_made;
    uint16_t service;  /* handle of what woad_gatt_add() added; 0: none */
    unsigned removals; /* of services */
    unsigned armed;
    uint64_t armed_seed[ARMED];
    unsigned depth;
};

/* What happens often in an episode, and what never: where everything is equally likely, what takes
 * three rare things does not happen.  Each number is of one_in(). */
struct mood {
    uint8_t weight[3][32]; /* of each call of each table */
    unsigned completes;    /* the controller completes packets */
    unsigned encrypts;     /* encryption comes or goes */
    unsigned asks_key;     /* the controller asks for a key */
    unsigned falls;        /* a link falls */
    unsigned says;         /* the controller's next event */
    unsigned sends;        /* what there is leaves from inside an event */
};

struct step {
    uint8_t kind, actor;
    uint64_t seed;
};
enum step_kind { STEP_CALL, STEP_INSIDE, STEP_PEER, STEP_CONTROLLER, STEP_TIME, STEP_KINDS };

struct storm {
    struct actor actor[ACTORS];
    struct actor *me; /* whose call it is */
    bool calm;        /* the application does nothing any more */
    struct mood mood;
    bool verbose;
    unsigned long calls, events;
    uint64_t hash; /* of all packets of the hosts */
    jmp_buf over;  /* failed: the episode ends here */
    char why[300];
    void (*send)(void); /* woad_tx(), from inside an event; NULL: not so */
    bool (*encrypted)(const struct actor *a, uint16_t conn);
    struct woad_addr (*peer)(void);                      /* an address that is somebody's, or was */
    uint32_t (*passkey)(const struct link *l);           /* what the peer's user sees */
    bool (*proven)(const struct link *l);                /* by what the peer has done */
    const struct woad_oob *(*oob)(const struct link *l); /* what the peer has made, or NULL */
};
extern struct storm storm;

/* model.c: ends the episode. */
void fail_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4), noreturn));
#define FAIL(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define MUST(x, ...) \
    do { \
        if (!(x)) \
            FAIL(__VA_ARGS__); \
    } while (0)
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

void model_reset(struct actor *a, unsigned number);
void model_event(struct actor *a, const struct woad_event *ev);
/* Nothing that was accepted is left without its end, on open connections. */
void model_ended(struct actor *a);
/* The same, and all connections and buffers are gone. */
void model_empty(struct actor *a);
struct link *link_of(struct actor *a, uint16_t conn); /* open, or NULL */
const char *event_name(enum woad_event_type type);
/* A host's ACL packet: no protected value on a connection that is not encrypted. */
void model_acl(const struct actor *a, bool encrypted, const uint8_t *packet, size_t len);
/* What is of a value of the application's is of one value, and nothing but that. */
void model_value(const uint8_t *p, size_t n);
void hash_octets(const uint8_t *p, size_t n);

/* model_coc.c */
struct channel *channel_of(struct actor *a, uint16_t conn, uint16_t cid);
struct channel *channel_new(struct actor *a, uint16_t conn, uint16_t cid);
void channel_free(struct channel *k);
void coc_event(struct actor *a, const struct woad_event *ev);

/* model_bond.c */
struct woad_bond *store_bond(struct actor *a, const struct woad_addr *peer);
void store_keep(struct actor *a, const struct woad_bond *b);
void store_drop(struct actor *a, const struct woad_addr *peer);
void store_event(struct actor *a, const struct woad_event *ev);
void security_event(struct actor *a, struct link *l, const struct woad_event *ev);

/* mood.c */
void mood_draw(uint64_t seed);

/* call.c: one random call.  An error that the header does not name for it fails; see `may`. */
void call_any(void);
int result(int err, const char *may, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Of a call on a connection, that must not be taken where there is none. */
int result_on(uint16_t conn, int err, const char *may, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
uint16_t some_conn(void);
uint16_t some_cid(void);
uint16_t some_handle(void);
size_t some_len(void);
struct woad_addr some_peer(void);
const uint8_t *some_octets(void);
struct call {
    const char *name;
    unsigned weight;
    void (*run)(void);
};
extern const struct call gatt_calls[], link_calls[], coc_calls[];
extern const struct woad_attr storm_db[];
enum { STORM_DB = 12 };
extern const char *const value_patterns[3];
void fill_value(uint8_t *value, uint16_t handle); /* VALUE_MAX octets */
void random_policy(void);
void call_be_found(void);

/* Runs what STEP_INSIDE has put by. */
void armed_run(struct actor *a);
void storm_event(void *ctx, struct woad *h, const struct woad_event *ev);
int storm_random(void *ctx, uint8_t *out, size_t len);
extern const struct woad_crypto storm_crypto;

/* Nobody has to be stirred before an event returns, which is what WOAD_CHECK_LOST_WAKEUP looks at.
 */
#ifdef WOAD_CHECK_LOST_WAKEUP
enum { SENDS_INSIDE = false };
#else
enum { SENDS_INSIDE = true };
#endif

/* --- episodes --------------------------------------------------------------------------------- */

struct kind {
    const char *name;
    void (*begin)(uint64_t seed);
    void (*step)(const struct step *s);
    void (*end)(void);   /* what must hold in the end */
    void (*clean)(void); /* frees, also after a failure */
    uint8_t weight[STEP_KINDS];
};
extern const struct kind solo_kind, duo_kind;

/* solo.c */
struct solo {
    struct actor *a;
    uint32_t now_ms, due_ms;
    bool sleeps; /* until a packet comes: due_ms is none */
    void *memory, *seen;
    size_t len;
};
extern struct solo solo;
void solo_settle(void);
void solo_give(const uint8_t *packet, size_t len); /* to the host, from its own memory */
#define SOLO_GIVE(...) \
    do { \
        const uint8_t packet_[] = { __VA_ARGS__ }; \
        solo_give(packet_, sizeof packet_); \
    } while (0)

/* controller.c */
void controller_reset(void);
void controller_take(const uint8_t *packet, size_t len); /* from the host */
void controller_step(void);
void controller_calm(void);     /* says all that it has to say */
void controller_drop_all(void); /* all links fall */
bool controller_link(unsigned k);
unsigned controller_links(void);
bool controller_connects(void);
bool controller_encrypted(unsigned k);
unsigned controller_credits(void); /* packets of the host's that are not completed */
void controller_capacity(void);    /* all of the host's places are there again */
enum { SOLO_LINKS = 3, SOLO_HANDLE = 0x40 };

/* peer.c, answer.c */
void peer_reset(unsigned k);
void peer_step(void);
void peer_calm(unsigned k);
void peer_hear(unsigned k, uint16_t cid, const uint8_t *p, size_t n); /* a frame of the host */
void peer_say(unsigned k, uint16_t cid, const uint8_t *p, size_t n);
size_t peer_att_answer(uint8_t *p, uint8_t op);
size_t peer_att_request(uint8_t *p);

#endif
