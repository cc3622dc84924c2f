/* The host's structs and what its files ask of each other.
 *
 * Way of a packet in:   woad_rx -> acl_rx -> l2cap_rx -> att_rx -> a handler -> the application.
 * Way of a packet out:  woad_tx -> acl_tx -> l2cap_tx -> a layer's tx, which looks at its state. */
#ifndef WOAD_HOST_H
#define WOAD_HOST_H

#include <woad/crypto.h>
#include <woad/hci.h>
#include <woad/setup.h>
#include <woad/woad.h>

#include "buf.h"
#include "fifo.h"
#include "hci.h"

/* --- time ------------------------------------------------------------------------------------- */

/* A deadline is a field; 0 means none.  Milliseconds, wrapping. */
uint32_t deadline_in(const struct woad *h, uint32_t ms);
/* Milliseconds left, 0 when due, WOAD_FOREVER when there is no deadline. */
uint32_t deadline_left(const struct woad *h, uint32_t at);

static inline uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* The public size of a struct is its size: WOAD_MEM() depends on it. */
#define HOLD_SIZE(name, size) typedef char size_of_##name[sizeof(struct name) == (size) ? 1 : -1]

/* --- memory ----------------------------------------------------------------------------------- */

/* One arena, carved once, at woad_init().  With `mem` NULL it only measures, and what is taken of
 * it is NULL. */
struct arena { uint8_t *mem; size_t len; };
void *arena_take(struct woad *h, size_t n, size_t size);
/* `size` octets for each of n structs: the pointer in each is set to its own.  Returns the first.
 * Which structs and which pointer: EACH(structs, field). */
void *arena_each(struct woad *h, size_t n, size_t size, void *to, unsigned where);
void *arena_conns(struct woad *h, size_t size, void *to, unsigned where);  /* one a connection */
void *arena_bearers(struct woad *h, size_t size, void *to, unsigned where);        /* of ATT */
#define EACH(to, field) \
    (to), (unsigned)(sizeof *(to) << 8 | OFFSET(__typeof__(*(to)), field))
/* Of a field within the first 256 octets; one that is not is no array, and no program. */
#define OFFSET(type, field) \
    (offsetof(type, field) + 0 * sizeof(char[offsetof(type, field) < 256 ? 1 : -1]))

struct gatts;
struct gatts_features;

/* --- ATT: bearers ----------------------------------------------------------------------------- */

enum {                                   /* Vol 3, Part F, 3.4.8 */
    ATT_WITHDRAWN = 0,
    ATT_ERROR_RSP = 0x01,
    ATT_MTU_REQ = 0x02, ATT_MTU_RSP = 0x03,
    ATT_FIND_INFO_REQ = 0x04, ATT_FIND_INFO_RSP = 0x05,
    ATT_FIND_BY_VALUE_REQ = 0x06, ATT_FIND_BY_VALUE_RSP = 0x07,
    ATT_READ_BY_TYPE_REQ = 0x08, ATT_READ_BY_TYPE_RSP = 0x09,
    ATT_READ_REQ = 0x0a, ATT_READ_RSP = 0x0b,
    ATT_READ_BLOB_REQ = 0x0c, ATT_READ_BLOB_RSP = 0x0d,
    ATT_READ_MULTIPLE_REQ = 0x0e, ATT_READ_MULTIPLE_RSP = 0x0f,
    ATT_READ_BY_GROUP_REQ = 0x10, ATT_READ_BY_GROUP_RSP = 0x11,
    ATT_WRITE_REQ = 0x12, ATT_WRITE_RSP = 0x13,
    ATT_PREPARE_REQ = 0x16, ATT_PREPARE_RSP = 0x17,
    ATT_EXECUTE_REQ = 0x18, ATT_EXECUTE_RSP = 0x19,
    ATT_NOTIFY = 0x1b, ATT_INDICATE = 0x1d, ATT_CONFIRM = 0x1e,
    ATT_READ_MULTIPLE_VARIABLE_REQ = 0x20, ATT_READ_MULTIPLE_VARIABLE_RSP = 0x21,
    ATT_MULTIPLE_NOTIFY = 0x23,
    ATT_WRITE_CMD = 0x52, ATT_SECRET_CMD = 0x53, ATT_SIGNED_WRITE_CMD = 0xd2
};
/* In the queue: ATT_SECRET_CMD, a write command for an encrypted connection; ATT_WITHDRAWN, a value
 * that may not be sent any more. */
enum { SIGNATURE = 12 };                 /* counter u32, MAC 8, at a signed write's end */
enum { ATT_OP_COMMAND = 0x40 };          /* no answer, ever */
enum { ATT_LATER = -1 };                 /* a handler's result: the application will answer */
enum { ATT_MTU_DEFAULT = 23 };
enum { HANDLE_SERVICE_CHANGED = 8 };     /* of the server's own attributes */
enum { ATT_TIMEOUT_MS = 30000 };         /* Vol 3, Part F, 3.3.3 */

/* The first bearers are the connections' fixed channels; those behind them all are channels with
 * credits (Enhanced ATT, Vol 3, Part G, 5.3), of whatever connection has one. */
struct att_bearer {
    struct conn *c;                      /* of one that is open */
    struct gatts_bearer *server;
    struct gattc_bearer *client;
    uint16_t mtu;                        /* 0: not open */
    uint16_t indicated;                  /* handle whose confirmation is awaited, 0: none */
    uint32_t indicate_due;
};

/* What a role of ATT does; set by the feature that is named. */
struct att_role {
    void (*rx)(struct att_bearer *b, uint8_t op, struct rd *in);
    bool (*tx)(struct att_bearer *b, struct wr *out);
    void (*open)(struct att_bearer *b);  /* a bearer; and it has gone */
    void (*close)(struct att_bearer *b);
    bool (*busy)(const struct att_bearer *b);              /* of a server: with a request */
    /* Of a client: a pairing, or an encryption, has begun or ended. */
    void (*secured)(struct conn *c, int status);
};

/* --- signalling ------------------------------------------------------------------------------- */

enum {                                   /* Vol 3, Part A, 4 */
    SIG_REJECT = 0x01,
    SIG_DISCONNECT_REQ = 0x06, SIG_DISCONNECT_RSP = 0x07,
    SIG_PARAM_REQ = 0x12, SIG_PARAM_RSP = 0x13,
    SIG_CREDIT_CONN_REQ = 0x14, SIG_CREDIT_CONN_RSP = 0x15,
    SIG_CREDITS = 0x16,
    SIG_ENHANCED_CONN_REQ = 0x17, SIG_ENHANCED_CONN_RSP = 0x18,
    SIG_RECONFIGURE_REQ = 0x19, SIG_RECONFIGURE_RSP = 0x1a
};
enum { SIG_HDR = 4 };
enum { SIG_NOT_UNDERSTOOD = 0, SIG_MTU_EXCEEDED = 1, SIG_INVALID_CID = 2 };
enum { SIG_TIMEOUT_MS = 30000, SIG_LONG_TIMEOUT_MS = 60000 };              /* RTX, ERTX.  6.2 */

/* --- connections ------------------------------------------------------------------------------ */

/* CONN_GONE: it has ended, and its last events are being raised.  CONN_CLOSING: HCI_Disconnect has
 * been asked for; the controller still has it. */
enum conn_state { CONN_FREE, CONN_GONE, CONN_OPEN, CONN_CLOSING };

/* The small and much used come first: they are the cheapest to reach. */
enum { NOW_INTERVAL, NOW_LATENCY, NOW_SUPERVISION, NOW };                  /* as HCI has them */
enum { PARAM_MIN, PARAM_MAX, PARAM_LATENCY, PARAM_SUPERVISION, PARAMS };
struct conn {
    uint8_t state;
    uint8_t stirred;                     /* STIRRED_…: what may have something beside its queue */
    bool stirred_again;                  /* since it was asked */
    bool central;
    bool want_disconnect : 1, want_param_reply : 1;
    bool refuse_params : 1;              /* which way want_param_reply goes */
    bool asked_here : 1;                 /* `asked` is of woad_conn_update() */
    bool smp_refuse : 1;                 /* Pairing Failed is owed */
    bool unproved : 1;                   /* WOAD_EV_CONNECT is held back: gap_reconnect.c */
    bool want_ltk_reply : 1;
    /* Octets, since they are set in many places: a bit takes two instructions more. */
    bool want_update;
    bool sig_params;                     /* a request for parameters is to be sent by L2CAP */
    bool update_asked;                   /* WOAD_EV_CONN_UPDATE is owed whatever the outcome */
    uint8_t att_refuse;                  /* without a server: the request, with a bit if refused */
    bool channels_turn;                  /* and not that of the queue: see l2cap_tx() */
    bool queue_full;                     /* a caller got WOAD_EAGAIN: tell it when there is room */
    bool queue_owed;                     /* WOAD_EV_TX_DONE, when all of the queue is out */
    bool sig_wants;                      /* a channel may owe some signalling */
    uint8_t sig_id;                      /* of the parameter request that waits for its answer,
                                          * 0: none */
    struct woad_security security;
    uint16_t handle;                     /* HCI's */
    uint16_t in_controller;              /* packets not yet completed */
    uint16_t queue_on;                   /* number of the bearer that still sends one of `queue` */
    uint16_t offered;                    /* our ATT_MTU on the fixed channel; 0: none so far */
    uint16_t now[NOW];                   /* what it has: */
    uint16_t asked[PARAMS];              /* one request's at a time: see conn_rx_params() */
    /* From here on it belongs to the place, and is there before the connection and after it… */
    uint16_t number;                     /* the public one: see conn_of() */
    struct woad *h;
    struct conn *stirred_next;           /* in a ring of those; NULL: it is not among them */
    struct fifo queue;                   /* ATT: notifications, indications, write commands */
    /* What each layer has of it: their arrays' elements. */
    struct att_bearer *bearer;           /* the fixed channel */
    struct gatts_conn *server;
    struct gattc_conn *client;
    struct smp_conn *smp;
    struct coc_conn *cocs;
    struct fifo answers;                 /* of signalling */
    uint8_t *rx;                         /* the L2CAP frame that comes in */
    /* …and to here. */
    uint32_t rx_len, tx_left;            /* octets of that one; of the one going out */
    const uint8_t *tx_tail;              /* what is left, NULL when the channel has gone: zeros */
    struct coc *tx_channel;              /* NULL: none, or it has gone */
    uint32_t sig_due;                    /* of an update; of HCI_Disconnect, when CONN_CLOSING */
    struct woad_addr peer;
    struct woad_addr own, peer_air;      /* as they were on the air when it began */
    uint8_t sig_last;                    /* the last identifier */
    uint8_t reason;                      /* of HCI_Disconnect */
};

/* --- features --------------------------------------------------------------------------------- */

/* An event about one connection: [status u8,] handle u16, parameters, `len` octets in all.  It
 * comes to nobody when it has another length, or the connection has gone. */
enum { NO_STATUS, STATUS };
struct conn_event {
    uint8_t code;                        /* or LE | a subevent; 0 ends a table */
    uint8_t status, len;
    void (*rx)(struct conn *c, uint8_t status, struct rd *in);
};

/* What only some features have. */
struct woad_needs {
    uint32_t le_events;                  /* bits of the mask */
    /* LE events of that mask that are not about one connection. */
    void (*meta)(struct woad *h, uint8_t sub, struct rd *in);
    uint16_t frame;                      /* the largest L2CAP payload it needs */
    bool signals;                        /* for config.channels and att_bearers */
};

struct woad_feature {
    void (*carve)(struct woad *h);
    void (*reset)(struct woad *h);                         /* the controller is new */
    /* HCI: the next command this feature wants, 0 for none; how it ended. */
    uint16_t (*command)(struct woad *h, struct wr *params);
    void (*complete)(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret);
    void (*conn_open)(struct conn *c);
    void (*conn_close)(struct conn *c);
    const struct conn_event *conn_events;
    /* An attempt of ours, or advertising, has ended without a connection. */
    void (*connect_failed)(struct woad *h, bool central, int status);
    uint32_t (*due)(struct woad *h);
    const struct woad_needs *needs;      /* NULL: none of that */
};

extern const struct woad_feature woad_core;                /* bring-up and connections */

/* smp_client.c: whether a client has to wait until a bonded peer has proved who it is; that has
 * begun then, or WOAD_EACCES: it can't.  again: though it has failed. */
enum { CLIENT_WAITS = 1 };
int client_hold(struct conn *c, bool again);
bool client_raise(struct conn *c);       /* att_client->secured() follows, if true */

/* What the security manager does for the channel and the core, if there is one. */
struct smp_role {
    void (*rx)(struct conn *c, struct rd *in);
    bool (*tx)(struct conn *c, struct wr *out);
    bool (*key_request)(struct conn *c, const uint8_t rand[8], uint16_t ediv);
    bool (*has_key)(const struct conn *c, bool fetch);     /* fetch: the application is asked */
    void (*resolve)(struct woad *h, struct woad_addr *a);  /* an address to an identity */
    void (*reach)(const struct woad *h, struct woad_addr *a);              /* and back */
    /* What the server keeps of a bonded peer has changed. */
    void (*keep)(struct conn *c);
    int (*pair)(struct woad *h, uint16_t conn);            /* woad_pair() */
    void (*wake)(struct woad *h);        /* what the controller calculates has come */
};

/* Channels with credits, for L2CAP's two sides of them. */
struct coc;
struct coc_role {
    void (*rx)(struct conn *c, uint16_t cid, struct rd *in);
    void (*too_long)(struct conn *c, uint16_t cid);        /* a frame for it */
    /* The next frame of the channels that have not had their turn: its CID, 0 when there is none.
     * Of its body the first octets are written, the rest is `tail`. */
    uint16_t (*tx)(struct conn *c, struct wr *body, struct rd *tail);
    void (*sent)(struct conn *c);        /* all of that frame has been copied */
    bool (*sig_rx)(struct conn *c, uint8_t code, uint8_t id, struct rd *in);
    bool (*sig_tx)(struct conn *c, struct wr *out);
    void (*secured)(struct conn *c, int status);
    void (*fell)(struct conn *c);        /* the security */
};

/* Enhanced ones: their requests, and what they send. */
struct coc_enhanced {
    bool (*rx)(struct conn *c, uint8_t code, uint8_t id, struct rd *in);
    void (*ask)(struct coc *k, struct wr *out);
    bool (*answer)(struct coc *k, struct wr *out);         /* false: not yet */
    void (*reconfigure)(struct coc *k, struct wr *out);
    void (*timed_out)(struct coc *k);
};

/* Bearers over channels, for ATT and for the channels. */
struct eatt_role {
    struct woad_coc_params (*params)(const struct woad *h);
    void (*asked)(struct conn *c);       /* the peer has, whatever it gets */
    uint8_t *(*ring)(const struct coc *k, size_t *size);
    bool (*fill)(struct coc *k);         /* with what is to be sent next */
    void (*data)(struct coc *k, enum woad_event_type type);
    void (*event)(struct coc *k, enum woad_event_type type, int status);
    void (*timed_out)(struct att_bearer *b);
    uint16_t (*most)(const struct conn *c);                /* the largest MTU of its bearers */
    int (*request)(const struct att_bearer *b);            /* see att_request() */
};

/* Cryptography by the controller: each of these gives CRYPTO_LATER until it is there, and then
 * smp_role->wake() is called.  `who` is a connection's index, or CRYPTO_PRIVACY. */
enum { CRYPTO_LATER = 1 };
enum { CRYPTO_PRIVACY = 0xfffe, CRYPTO_NOBODY = 0xffff };
struct crypto_role {
    void (*begin)(struct woad *h, uint16_t who);           /* a calculation, anew */
    void (*end)(struct woad *h, uint16_t who);
    void (*release)(struct woad *h, uint16_t who);         /* all that he has asked for */
    int (*aes)(struct woad *h, uint16_t who, const uint8_t key[16], const uint8_t in[16],
               uint8_t out[16]);
    int (*random)(struct woad *h, uint8_t *out, size_t len);
    int (*p256_public)(struct woad *h, uint16_t who, uint8_t public_key[64]);
    int (*p256_dh)(struct woad *h, uint16_t who, const uint8_t public_key[64],
                   uint8_t secret[32]);
    bool (*has_p256)(const struct woad *h);
};

/* A maker's steps before the bring-up: they are to come; the time that answers have, 0: the
 * usual. */
struct setup_role {
    bool (*wants)(const struct woad *h);
    uint16_t (*answer_ms)(const struct woad *h);
};

/* What the server does for clients that may be bonded. */
struct gatt_bonds {
    void (*know)(struct conn *c);        /* a new one: the database as it is now */
    void (*recheck)(struct conn *c);     /* whether it knows another, and is to be told */
    void (*told)(struct conn *c);        /* it knows of the change: Service Changed has told it */
    /* Its security is another: perm_fell(). */
    void (*fell)(struct conn *c, uint16_t first, uint16_t last);
};

/* Requests that a feature of its own serves: a handler's result, REQUEST_NOT_SUPPORTED if it is not
 * one of them; the application's answer to it, the same. */
struct att_more {
    int (*rx)(struct att_bearer *b, uint8_t op, struct rd *in, struct wr *out);
    int (*answered)(struct att_bearer *b, int err, struct rd *value, struct wr *out);
    void (*close)(struct att_bearer *b); /* nobody waits for it any more */
    /* Of long values: what the application has given may be read in parts; and is, or ATT_LATER. */
    void (*keep)(struct att_bearer *b, const uint8_t *value, size_t len);
    int (*read)(struct att_bearer *b, struct wr *out);
    void (*wrote)(struct att_bearer *b, uint16_t handle);  /* the value is another one now */
    void (*changed)(struct conn *c);     /* the database */
};
struct att_pipeline {
    void (*put)(struct att_bearer *b, uint8_t op, const struct rd *in);
    void (*next)(struct att_bearer *b);  /* the answer has left */
    void (*open)(struct att_bearer *b);
};
struct pipeline;
struct multiple;
struct gatts_parts;
struct type_index {
    void (*make)(struct woad *h);
    uint16_t (*find)(struct gatts *g, uint32_t start, uint16_t end, const struct woad_uuid *type);
};

struct ctl_crypto;
struct resolve;
struct oob;
struct watch;
struct setup;
struct quirks_own;
struct ext;
struct ext_role;
struct smp;
struct pairing;
struct accept;
struct adv;
struct link;
struct scan;
struct central;
struct reconnect;
struct reconnect_role;
struct cocs;
struct eatt;

enum { ADDRESS_CALCULATED = 1, ADDRESS_FAILED = 2 };       /* by the controller; and again then */
enum { BUSY_ADV = 1, BUSY_SCAN = 2, BUSY_CONNECT = 4, WANTS_CONNECT = 8, BUSY_EXT_ADV = 16 };

/* HOST_FALLING: everything is off; the events of that are being raised. */
enum { REFUSED_MAX = 4 };                /* while a command waits for its answer: an attempt, legacy
                                          * advertising and each set bring one at most */
enum host_state { HOST_OFF, HOST_FALLING, HOST_STARTING, HOST_UP, HOST_STOPPING };

/* The command that is out, and the controller's buffers. */
struct hci {
    uint8_t credits;                     /* commands the controller takes now */
    uint8_t step;                        /* of the bring-up table */
    uint16_t pending;                    /* the command awaiting its answer, 0: none */
    uint16_t pending_arg;                /* whatever its sender wants to know then */
    uint16_t acl_len, acl_total, acl_free;
    uint32_t due;
    const struct woad_feature *owner;
};

struct controller {
    uint8_t version;
    uint16_t company, subversion;        /* who made it */
    uint8_t commands[64], features[8], le_features[8];
    struct woad_addr public_addr, random_addr;
    uint16_t refused[REFUSED_MAX];       /* handles, with one added, of connections there was no
                                          * room for, to be disconnected; 0: none */
    uint32_t heard;                      /* when something came last */
};

/* As in struct conn: what is used most comes first. */
struct woad {
    uint8_t state;                       /* enum host_state */
    uint8_t own_type;                    /* WOAD_ADDR_PUBLIC or WOAD_ADDR_RANDOM */
    uint8_t busy;                        /* BUSY_…: what the controller is doing */
    bool quiet;                          /* no feature wants a command */
    bool random_dirty;                   /* the controller does not know random_addr */
    uint8_t address_waits;               /* for our next private one: ADDRESS_… */
    bool accept_dirty;                   /* nor the accept list */
    uint8_t resolve_dirty;               /* nor the resolving list: see gap_resolve.c */
    uint8_t extends;                     /* EXT_…: what goes by extended commands */
    bool resolves;                       /* it knows bonded peers by their keys */
    bool writing;                        /* woad_tx() is at work */
    bool unasked;                        /* woad_tx() gave 0 before all had had their turn */
    bool raised;                         /* an event, since woad_poll() began */
    bool clocked;                        /* woad_poll() has told the time */
    bool shared;                         /* a connection that has its share of buffers waits */
    struct hci hci;
    uint16_t mtu;                        /* offered */
    uint16_t frame, frame_in;            /* octets of the largest L2CAP payload out, in */
    uint16_t conns_open;                 /* how many there are */
    uint16_t answers;                    /* octets of signalling that may wait, per connection */
    uint32_t now;
    struct conn *conns, *conns_end;      /* config.conns, and where they end */
    struct conn *stirred;                /* the last of those that may have something to send */
    struct smp *smp;
    const struct smp_role *smp_role;
    struct gatts *gatts;
    const struct att_role *att_server, *att_client;
    const struct att_more *att_long;
    struct cocs *cocs;
    const struct coc_role *coc_role;
    const struct eatt_role *eatt_role;
    const struct crypto_role *crypto_role;
    struct adv *adv;
    struct scan *scan;
    struct central *central;
    const struct reconnect_role *reconnect;
    struct ext *ext;
    const struct ext_role *ext_role;
    struct woad_config cfg;              /* its `features` are the last that is near */
    struct att_bearer *bearers, *bearers_end;    /* config.conns, and config.att_bearers more */
    const struct coc_enhanced *coc_enhanced;
    uint32_t stop_due;
    struct controller controller;
    const struct att_more *att_multiple;
    const struct att_pipeline *att_pipeline;
    struct pipeline *pipelines;          /* its, one a connection */
    struct gatts_parts *parts;           /* one a connection, where a feature needs it */
    struct multiple *multiples;          /* att_multiple.c: one a bearer */
    const struct type_index *type_index;
    uint16_t *by_type;                   /* its memory */
    void (*att_signed)(struct att_bearer *b, struct rd *in);
    const struct gatt_bonds *gatt_bonds;
    const struct gatts_features *client_features;          /* NULL: it has none */
    void (*smp_keypress)(struct pairing *p, struct rd *in);
    struct ctl_crypto *crypto;
    struct reconnect *reconnect_mem;
    struct link *link;
    struct setup *setup;
    const struct setup_role *setup_role;
    struct arena *arena;                 /* in woad_init() */
    struct conn *tx_of;                  /* whose frame goes out in fragments; NULL: nobody's */
    uint8_t *tx;                         /* that frame */
    struct woad_conn_limits limits;
    struct resolve *resolve;
    struct oob *oob;
    struct watch *watch;
    struct quirks_own *quirks;
    void (*quirks_apply)(struct woad *h);                  /* to what the controller has said */
    void (*scan_report)(struct woad *h, struct rd *in);    /* LE Advertising Report */
    struct accept *accept;
    struct eatt *eatt;
    struct woad_addr used;               /* own address, as the controller has it */
};

HOLD_SIZE(woad, WOAD_SIZE_HOST);
HOLD_SIZE(conn, WOAD_SIZE_CONN);
HOLD_SIZE(att_bearer, WOAD_SIZE_BEARER);

static inline uint16_t conn_index(const struct conn *c) { return (uint8_t)c->number; }

/* Bonds, or our key, are others now: the list is made anew; or it is being made. */
enum { RESOLVE_GOES_ON = 1, RESOLVE_ANEW = 2 };
void resolve_changed(struct woad *h);

/* There is something to be done about it, and the controller can. */
static inline bool resolve_waits(const struct woad *h)
{
    return h->resolve_dirty && (h->controller.commands[34] >> 3 & 1);
}

/* Something changes in the controller for which advertising and scanning must pause. */
bool host_pauses(const struct woad *h);

/* woad_tx() asks only those who may have something to say, and who had nothing is not asked again
 * until he is stirred: by a packet, a call, a deadline.  So whatever changes what somebody sends
 * stirs him, rather too often than not.  (WOAD_CHECK_QUIET: all are asked, and it aborts when one
 * has something who has not been stirred.) */
enum { STIRRED_FIXED = 1, STIRRED_CHANNELS = 2 };
void stir_anew(struct conn *c);          /* who is not among them */
IN_PLACE void stir_queue(struct conn *c)
{
    c->stirred_again = true;
    if (!c->stirred_next) {
        stir_anew(c);
    }
}
void stir_conn(struct conn *c);
void stir_channels(struct conn *c);      /* with credits */
void stir_all(struct woad *h);           /* features, too, for commands */
#ifdef WOAD_CHECK_QUIET
enum { CHECK_QUIET = true };
#else
enum { CHECK_QUIET = false };
#endif

/* host.c */
void wipe(void *mem, size_t len);        /* that the compiler may not leave out */
bool zeros(const uint8_t *p, size_t len);
void addr_copy(struct woad_addr *to, const struct woad_addr *from);        /* seven odd octets */
void emit(struct woad *h, const struct woad_event *ev);
/* Of a connection; by its number; of none.  They fill in what every event has. */
void emit_of(const struct conn *c, enum woad_event_type type, struct woad_event *ev);
void emit_plain(const struct conn *c, enum woad_event_type type);          /* with nothing more */
void emit_at(struct woad *h, uint16_t conn, enum woad_event_type type, struct woad_event *ev);
void emit_none(struct woad *h, enum woad_event_type type, struct woad_event *ev);
void host_down(struct woad *h, int error);
/* For what the application asks of the feature that this is the memory of, if it is named: 0, or
 * the error.  All features are asked for commands. */
int feature_asked(struct woad *h, const void *memory);
/* hci.c */
int hci_rx_event(struct woad *h, const uint8_t *p, size_t n);
size_t hci_tx(struct woad *h, uint8_t *buf, size_t room);
uint32_t hci_due(struct woad *h);
void hci_clock_begins(struct woad *h);
bool hci_has_command(const struct woad *h, unsigned octet, unsigned bit);
/* hci_up.c */
uint16_t up_command(struct woad *h, struct wr *params);
uint16_t hci_packet_us(const struct woad *h, uint16_t octets);
void up_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret);
/* acl.c */
int acl_rx(struct woad *h, const uint8_t *p, size_t n);
size_t acl_tx(struct woad *h, uint8_t *buf, size_t room);
void acl_abandon(struct conn *c);
/* conn.c */
struct conn *conn_of(const struct woad *h, uint16_t number);
struct conn *conn_asked(struct woad *h, uint16_t number);                  /* and all stirred */
struct conn *conn_by_handle(const struct woad *h, uint16_t handle);
struct conn *conn_by_peer(const struct woad *h, const struct woad_addr *peer);
bool conn_any_free(const struct woad *h);
bool conn_any(const struct woad *h);
int conn_rx_complete(struct woad *h, struct rd *in, bool enhanced);
void conn_tell_open(const struct conn *c);    /* WOAD_EV_CONNECT */
void conn_close(struct conn *c, uint8_t reason);
void conn_close_all(struct woad *h, uint8_t reason);
bool conn_params_valid(const uint16_t p[PARAMS]);
void conn_params_of(const struct woad_connect_params *p, uint16_t params[PARAMS]);
void conn_wr_params(struct wr *out, const uint16_t p[PARAMS]);     /* as HCI's commands end */
bool addr_same(const struct woad_addr *a, const struct woad_addr *b);      /* as identities */
bool conn_rx_params(struct conn *c, struct rd *in);        /* whether they are welcome */
void conn_updated(struct conn *c, int status);
uint32_t conn_due(struct woad *h);
/* What a connection lacks of a level, WOAD_COC_… added up: 0, or the ATT error that says it. */
int conn_lacks(const struct conn *c, unsigned level);
/* l2cap.c */
enum { CID_ATT = 4, CID_SIGNALLING = 5, CID_SMP = 6, CID_FIRST = 0x40, CID_LAST = 0x7f };
void l2cap_rx(struct conn *c, uint16_t cid, struct rd *in);
uint16_t l2cap_tx(struct conn *c, struct wr *body, struct rd *tail);
/* Whether a frame is written where its one packet goes, and not into the buffer for fragments. */
static inline bool l2cap_in_packet(const struct woad *h, const struct wr *body)
{
    return body->base != h->tx + 4;
}
/* l2cap_sig.c */
void sig_rx(struct conn *c, struct rd *in);
bool sig_tx(struct conn *c, struct wr *out);
IN_PLACE bool sig_owes(const struct conn *c)
{
    return c->sig_wants || c->sig_params || !fifo_empty(&c->answers);
}
void sig_too_long(struct conn *c, uint8_t id);
uint8_t sig_new_id(struct conn *c);
/* Queues an answer; false: there is no room. */
bool sig_answer(struct conn *c, uint8_t code, uint8_t id, const void *data, uint16_t len);
void sig_reject_cid(struct conn *c, uint8_t id, uint16_t ours, uint16_t theirs);
/* att.c */
/* Responses, notifications and indications go to a client: they are odd.  All else goes to a
 * server, an unknown PDU too: one without the Command Flag is a request.  Vol 3, Part F, 3.3,
 * 3.4.8 */
static inline bool att_is_for_client(uint8_t op)
{
    /* A bit for 0x01, 0x03, ... */
    const uint32_t known = 1u << 17 | 1u << 16 | 0x7bffu;
    return (op & 1) && op < 2 * 18 && (known >> (op >> 1) & 1);
}
static inline bool att_is_fixed(const struct att_bearer *b) { return b == b->c->bearer; }
void att_rx(struct att_bearer *b, struct rd *in);
bool att_tx(struct att_bearer *b, struct wr *out);
bool att_tx_queue(struct att_bearer *b, struct wr *out);
void att_open(struct att_bearer *b, struct conn *c, uint16_t mtu);
/* The largest MTU of its bearers. */
static inline uint16_t att_most(const struct conn *c)
{
    const struct eatt_role *role = c->h->eatt_role;
    return role ? role->most(c) : c->bearer->mtu;
}
/* The longest value that one PDU can have; none is longer than 512.  Vol 3, Part F, 3.2.9 */
static inline size_t att_value_most(const struct conn *c)
{
    size_t most = att_most(c) - 3u;
    return most < WOAD_ATT_VALUE_MAX ? most : (size_t)WOAD_ATT_VALUE_MAX;
}
uint16_t att_offer(struct conn *c);      /* our ATT_MTU in an exchange */
void att_set_mtu(struct conn *c, uint16_t peer);
uint8_t *att_queue_open(struct conn *c, size_t len);
int att_queue(struct conn *c, uint8_t op, uint16_t handle, const void *data,
              size_t len);
void att_room(struct conn *c);
void att_wr_error(struct wr *out, uint8_t request, uint16_t handle, int err);
void att_indication_sent(struct att_bearer *b, uint16_t handle);
void att_completed(struct conn *c);
uint32_t att_due(struct woad *h);
void att_close(struct att_bearer *b, int status);
void att_drop_queue(struct conn *c, int status);
void att_timed_out(struct att_bearer *b);
/* uuid.c */
bool uuid_read(struct rd *in, size_t size, struct woad_uuid *uuid);
void uuid_write(struct wr *out, const struct woad_uuid *uuid);
uint16_t uuid_short(const struct woad_uuid *uuid);         /* 0 when it has no 16-bit form */

#endif
