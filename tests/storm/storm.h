/* A random application, and the model that checks a host's results and events.
 *
 * An episode is a list of steps drawn from a seed: calls of the API, at once or inside the next
 * event; PDUs of a peer; actions of a controller; time.  Each step has a seed of its own: main.c
 * shortens a failing episode by leaving out steps, and the other steps stay the same.
 *
 *     main.c     seeds, episodes, shrinking
 *     call.c, call_gatt.c, call_link.c     the calls, with their random arguments
 *     mood.c     the frequency of each call and event in an episode
 *     model.c, model_coc.c, model_bond.c     accepted calls against events, channels, bonds
 *     solo.c, controller.c, peer.c, answer.c     one host against a random controller and peer
 *     duo.c      Woad hosts against each other, over the air */
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

uint32_t any(uint32_t below); /* a random number, less than this */
bool one_in(uint32_t n);      /* true once in n times */
void chance_seed(uint64_t seed);
/* The state of chance, to go on with later. */
uint64_t chance_save(void);
void chance_restore(uint64_t saved);

/* --- the model -------------------------------------------------------------------------------- */

enum channel_state { CHANNEL_NONE, CHANNEL_REQUESTED, CHANNEL_WAITING, CHANNEL_OPEN };

/* An L2CAP channel, and the buffers that the host owns until an event returns them. */
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
    unsigned questions;            /* requests of the server to the application */
    unsigned reads[ITEMS];         /* of woad_link_read() */
    bool update, pairing, bearers; /* WOAD_EV_CONN_UPDATE, _SECURITY, _ATT_BEARERS is due */
    bool full;                     /* WOAD_EV_TX_READY is due */
    bool queued;                   /* WOAD_EV_TX_DONE is due */
    bool closing;
    bool proven;        /* by a user, by out-of-band data, or by a bond with that flag */
    uint8_t tk;         /* which key of legacy pairing was set; 0: none */
    uint8_t request[8]; /* the last requests: their numbers and handles */
    uint16_t note_request[8];
    uint8_t action; /* of WOAD_EV_PASSKEY; 0: no passkey is pending */
    uint32_t shown;
};

struct actor {
    struct woad *h;
    unsigned number;
    struct woad_config config;
    bool started, up;
    struct link link[LINKS];
    struct channel channel[CHANNELS];
    struct woad_bond bond[BONDS]; /* the bonds in the store */
    struct woad_cccd cccd[BONDS];
    size_t bonds;
    uint8_t gone_flags; /* flags of an evicted bond */
    unsigned scans;     /* one may be stopping while the next one waits */
    bool attempt, accept_list, adv, adv_ran, oob;
    bool set[SETS];
    bool down_due;
    struct woad_oob made; /* the data of woad_oob_make(), valid for one pairing */
    bool has_made;
    uint16_t service;  /* handle of the service of woad_gatt_add(); 0: none */
    unsigned removals; /* of services */
    unsigned armed;
    uint64_t armed_seed[ARMED];
    unsigned depth;
};

/* Frequent events of an episode, and excluded ones.  If everything were equally likely, a case of
 * three rare events would not happen.  Each number is the argument of one_in(). */
struct mood {
    uint8_t weight[3][32]; /* of each call of each table */
    unsigned completes;    /* the controller completes packets */
    unsigned encrypts;     /* encryption starts or ends */
    unsigned requests_key; /* the controller requests a key */
    unsigned falls;        /* a link is lost */
    unsigned says;         /* the controller's next event */
    unsigned sends;        /* the host sends inside an event */
};

struct step {
    uint8_t kind, actor;
    uint64_t seed;
};
enum step_kind { STEP_CALL, STEP_INSIDE, STEP_PEER, STEP_CONTROLLER, STEP_TIME, STEP_KINDS };

struct storm {
    struct actor actor[ACTORS];
    struct actor *me; /* the actor of the current call */
    bool calm;        /* the application makes no more calls */
    struct mood mood;
    bool verbose;
    unsigned long calls, events;
    unsigned events_open; /* that have not returned */
    uint64_t hash;        /* of all packets of the hosts */
    jmp_buf over;         /* a check failed: the episode ends here */
    char message[300];
    void (*send)(void); /* calls woad_tx() inside an event; NULL: not allowed */
    bool (*encrypted)(const struct actor *a, uint16_t conn);
    struct woad_addr (*peer)(void);                      /* returns a present or earlier address */
    uint32_t (*passkey)(const struct link *l);           /* the number that the peer's user sees */
    bool (*proven)(const struct link *l);                /* proven by the peer's actions */
    const struct woad_oob *(*oob)(const struct link *l); /* the peer's data, or NULL */
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
/* Prints a line, if the storm is verbose. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes a new actor; takes an event of its host, and checks that it may happen. */
void model_reset(struct actor *a, unsigned number);
void model_event(struct actor *a, const struct woad_event *ev);
/* Checks that every accepted call on an open connection has ended. */
void model_ended(struct actor *a);
/* The same, and checks that no connection or buffer is left. */
void model_empty(struct actor *a);
struct link *link_of(struct actor *a, uint16_t conn); /* NULL: it is not open */
const char *event_name(enum woad_event_type type);
/* Checks a host's ACL packet: no protected value on an unencrypted connection. */
void model_acl(const struct actor *a, bool encrypted, const uint8_t *packet, size_t len);
/* Checks that octets of an application's value are of that value alone. */
void model_value(const uint8_t *p, size_t n);
/* Adds octets to storm.hash. */
void hash_octets(const uint8_t *p, size_t n);

/* model_coc.c: channels by connection and number, NULL: none; and their events. */
struct channel *channel_of(struct actor *a, uint16_t conn, uint16_t cid);
struct channel *channel_new(struct actor *a, uint16_t conn, uint16_t cid);
void channel_free(struct channel *k);
void channels_free_closed(void);
void coc_event(struct actor *a, const struct woad_event *ev);

/* model_bond.c: the bonds that an application would keep; and the events of pairings. */
struct woad_bond *store_bond(struct actor *a, const struct woad_addr *peer);
void store_keep(struct actor *a, const struct woad_bond *b);
void store_drop(struct actor *a, const struct woad_addr *peer);
void store_event(struct actor *a, const struct woad_event *ev);
void security_event(struct actor *a, struct link *l, const struct woad_event *ev);

/* mood.c: draws storm.mood. */
void mood_draw(uint64_t seed);

/* call.c: one random call.  The check fails if woad.h does not name its error; see `may`. */
void call_any(void);
int result(int err, const char *may, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Checks the result of a call on a connection: without a connection the call must be refused. */
int result_on(uint16_t conn, int err, const char *may, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Random arguments: mostly such as there are. */
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
/* Lets the actor advertise, if it does not. */
void call_be_found(void);

/* Runs the calls that STEP_INSIDE has deferred. */
void armed_run(struct actor *a);
/* woad_config.event and .random of all hosts. */
void storm_event(void *ctx, struct woad *h, const struct woad_event *ev);
int storm_random(void *ctx, uint8_t *out, size_t len);
extern const struct woad_crypto storm_crypto;

/* --- episodes --------------------------------------------------------------------------------- */

struct kind {
    const char *name;
    void (*begin)(uint64_t seed);
    void (*step)(const struct step *s);
    void (*end)(void);   /* the final checks */
    void (*clean)(void); /* frees the memory, also after a failure */
    uint8_t weight[STEP_KINDS];
};
extern const struct kind solo_kind, duo_kind;

/* solo.c */
struct solo {
    struct actor *a;
    uint32_t now_ms, due_ms;
    bool sleeps; /* until a packet arrives: due_ms is not valid */
    void *memory, *seen;
    size_t len;
};
extern struct solo solo;
void solo_settle(void); /* polls and sends until the host has nothing to do */
void solo_give(const uint8_t *packet, size_t len); /* gives it to the host from a copy of its own */
#define SOLO_GIVE(...) \
    do { \
        const uint8_t packet_[] = { __VA_ARGS__ }; \
        solo_give(packet_, sizeof packet_); \
    } while (0)

/* controller.c */
void controller_reset(void);
void controller_take(const uint8_t *packet, size_t len); /* from the host */
void controller_step(void);
void controller_calm(void);       /* sends all its pending events */
void controller_drop_all(void);   /* ends all links */
bool controller_quiet(void);      /* all commands are answered, and nothing is under way */
bool controller_link(unsigned k); /* link k is there */
unsigned controller_links(void);
bool controller_connects(void);        /* an attempt to connect is under way */
bool controller_encrypted(unsigned k); /* of link k */
unsigned controller_credits(void);     /* packets of the host that are not completed */
void controller_capacity(void);        /* checks that all slots of the host are free again */
enum { SOLO_LINKS = 3, SOLO_HANDLE = 0x40 };

/* peer.c, answer.c */
void peer_reset(unsigned k); /* the peer of link k is new */
void peer_step(void);        /* one of the peers does something */
void peer_calm(unsigned k);  /* gives credits, so that the host's SDUs can end */
void peer_hear(unsigned k, uint16_t cid, const uint8_t *p, size_t n); /* a frame of the host */
void peer_say(unsigned k, uint16_t cid, const uint8_t *p, size_t n);
/* Write a random response to a request `op`, or a random request, to p; return its length. */
size_t peer_att_answer(uint8_t *p, uint8_t op);
size_t peer_att_request(uint8_t *p);

#endif
