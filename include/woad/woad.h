/* Woad: a Bluetooth LE host in C.
 *
 * One instance lives in memory that the caller provides.  HCI packets enter by woad_rx(), time by
 * woad_poll(); HCI packets leave by woad_tx(), events by one callback.  The host does no I/O, reads
 * no clock, takes no lock and allocates nothing.
 *
 *     struct woad *h = woad_init(mem, sizeof mem, &config);
 *     woad_start(h);
 *     for (;;) {
 *         while ((n = woad_tx(h, packet, sizeof packet)) > 0) { ... write it ... }
 *         uint32_t ms = woad_poll(h, now_ms());           // 0: once more, woad_tx() first
 *         ... wait for a packet, at most ms milliseconds ...
 *         if (got one) woad_rx(h, packet, n);
 *     }
 *
 * After any other call, call woad_tx() until it returns 0.  From inside the event callback every
 * function may be called except woad_rx() and woad_poll(), which do nothing there; woad_tx()
 * returns 0 there if it raised the event itself.  One thread at a time may use an instance: an
 * interrupt or another thread queues octets or calls, and wakes it (docs/porting.md). */
#ifndef WOAD_WOAD_H
#define WOAD_WOAD_H

#include "gap.h"
#include "gatt.h"
#include "hci.h"
#include "l2cap.h"
#include "vendor.h"
#include "smp.h"
#include "version.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Errors that functions return: negative, and the call has had no effect.  They are also statuses
 * of events, where the host itself ended something. */
enum {
    WOAD_ENOENT = -2,     /* there is no such thing, or not any more */
    WOAD_EIO = -5,        /* the controller failed */
    WOAD_EAGAIN = -11,    /* a queue is full: try again after WOAD_EV_TX_READY */
    WOAD_ENOMEM = -12,    /* a capacity of the config is used up */
    WOAD_EACCES = -13,    /* the connection is not secure enough */
    WOAD_EBUSY = -16,     /* not while a procedure of this kind is pending */
    WOAD_ENODEV = -19,    /* the host is not up */
    WOAD_EINVAL = -22,    /* an argument is not valid */
    WOAD_EBADMSG = -74,   /* the peer or the controller violated the protocol */
    WOAD_ENOTSUP = -95,   /* the feature is not in config.features, or the controller lacks it */
    WOAD_EISCONN = -106,  /* there is a connection to this peer */
    WOAD_ENOTCONN = -107, /* there is no such connection, or not any more */
    WOAD_ETIMEDOUT = -110,
    WOAD_EALREADY = -114,
    WOAD_ECANCELED = -125
};

/* Texts of errors and of events' statuses, for people; never NULL.  Positive numbers mean what the
 * event's comment says: woad_strerror() has those of HCI, the others of their protocol; each knows
 * 0 and the negative WOAD_E….  woad_smp_strerror(): WOAD_EV_SECURITY; woad_l2cap_strerror():
 * WOAD_EV_COC_… and WOAD_EV_ATT_BEARERS; woad_att_strerror(): WOAD_EV_GATTC_DONE and
 * WOAD_EV_INDICATED.  Only what a program calls is linked: the largest, for HCI, is 2 kB. */
const char *woad_strerror(int error);
const char *woad_att_strerror(int error);
const char *woad_smp_strerror(int status);
const char *woad_l2cap_strerror(int status);

struct woad_event;
struct woad_feature;
struct woad_crypto;

/* Features: one that is not named in config.features is not linked, and its calls fail: most with
 * WOAD_ENOTSUP. */

/* Legacy advertising, scanning, connecting: gap.h.  GATT: gatt.h. */
extern const struct woad_feature woad_feature_advertiser, woad_feature_scanner,
    woad_feature_central, woad_feature_gatt_server, woad_feature_gatt_client;
/* gap.h: the accept list; PHYs, data length, RSSI and so on of connections. */
extern const struct woad_feature woad_feature_accept_list, woad_feature_link_control;

/* Additions to the GATT server.  Long values: prepared writes, and reads in parts that all come
 * from one answer of the application.  Read Multiple and Read Multiple Variable.  Signed writes:
 * named, pairing also distributes the signing keys, in both directions. */
extern const struct woad_feature woad_feature_long_values, woad_feature_read_multiple,
    woad_feature_signed_writes;
/* Speed.  Pipelining: requests that a client sends before the answer to its last one wait in
 * config.pipeline_queue.  Type index: config.attr_index. */
extern const struct woad_feature woad_feature_pipelining, woad_feature_type_index;
/* The characteristic Client Supported Features: handles 10 and 11 of the server. */
extern const struct woad_feature woad_feature_client_features;

/* L2CAP channels: l2cap.h.  The second requires the first. */
extern const struct woad_feature woad_feature_l2cap_channels, woad_feature_enhanced_channels;
/* Enhanced ATT: several bearers.  It requires those two, and brings Client and Server Supported
 * Features. */
extern const struct woad_feature woad_feature_eatt;

/* Pairing, encryption, bonds: smp.h.  Keypress notifications: policy.keypress. */
extern const struct woad_feature woad_feature_security_manager, woad_feature_keypresses;
/* Instead of woad_feature_security_manager, for a device that is never a central. */
extern const struct woad_feature woad_feature_security_peripheral;
/* Pairing with out-of-band data. */
extern const struct woad_feature woad_feature_out_of_band;

/* Gives the controller, from 4.2 on, the keys of bonded peers, so that it resolves their private
 * addresses: woad_connect() and the accept list then work for peers that hide their address. */
extern const struct woad_feature woad_feature_resolving_list;
/* Requires woad_feature_central.  Repeats connection attempts that fail to be established.  With
 * woad_feature_scanner, too, and a controller that does not resolve addresses, woad_connect() finds
 * a bonded peer by a scan. */
extern const struct woad_feature woad_feature_reconnection;
/* Extended advertising, scanning and connecting, where the controller supports them.  Legacy
 * advertising, scanning and connecting then use the extended HCI commands, too. */
extern const struct woad_feature woad_feature_extended_advertising;

/* Sends a command to a controller that has been silent for config.watchdog_ms: for transports
 * without a hang-up, a UART above all.  No answer: WOAD_EV_DOWN with WOAD_ETIMEDOUT.  The
 * controller has been reset: WOAD_EV_DISCONNECT with WOAD_HCI_UNKNOWN_CONNECTION. */
extern const struct woad_feature woad_feature_watchdog;
/* A manufacturer's commands before the bring-up; corrections to what a controller says of itself:
 * vendor.h. */
extern const struct woad_feature woad_feature_vendor_init;
extern const struct woad_feature woad_feature_quirks;
/* Cryptography and random numbers by the controller, where config.crypto or config.random is NULL.
 * woad_oob_make() and signed writes need a library: they return WOAD_ENOTSUP without one; and only
 * woad_feature_resolving_list resolves private addresses of peers then. */
extern const struct woad_feature woad_feature_controller_crypto;

enum woad_log_level {
    WOAD_LOG_WARNING, /* a call is refused; the controller, or the peer, does what it may not */
    WOAD_LOG_INFO,    /* a connection or a pairing ends */
    WOAD_LOG_DEBUG    /* what is dropped in the course of things */
};

/* Copied by woad_init(), except what `features` and `crypto` point to: these must live as long as
 * the instance.  Only `event` is required: where another field is 0, the host chooses, as the
 * field's comment says.  The capacities of a feature that is not named have no effect.  A config
 * with `event` NULL or an `mtu` out of range is refused; woad_config_check() also finds what would
 * have no effect. */
struct woad_config {
    const struct woad_feature *const *features; /* ends with NULL; NULL: none */
    /* Required.  Called from inside woad_rx(), woad_tx(), woad_poll() and other calls. */
    void (*event)(void *ctx, struct woad *h, const struct woad_event *ev);
    void *ctx;             /* passed to `event` and `random` */
    uint8_t conns;         /* connections at a time.  0: 1 */
    uint8_t attr_tables;   /* tables of attributes: calls of woad_gatt_add().  0: 4 */
    uint8_t subscriptions; /* CCCDs that are not 0, per connection.  0: 4 */
    uint8_t procedures;    /* GATT client procedures queued, per connection.  0: 4 */
    uint8_t accept_list;   /* peers on the accept list.  0: 8 */
    uint16_t mtu;      /* largest ATT_MTU: 23 to 527; 64 or more with woad_feature_eatt, or 64 is
                        * used.  Up to 256 is offered before woad_set_mtu().  0: 247, which fits
                        * one packet of the link layer */
    uint16_t tx_queue; /* octets of notifications, indications and write commands queued, per
                        * connection: each is one piece of 2 octets more.  0, and less than mtu + 2:
                        * mtu + 2 */
    uint16_t request_queue;  /* octets of writes of the GATT client queued, per connection: each is
                              * one piece of 2 octets more, a long write of 3.  Less than mtu + 2:
                              * mtu + 2, which is enough without long writes.  0: 515, for a long
                              * write of 512 octets */
    uint16_t prepare_queue;  /* octets of prepared writes and of long values being read, per
                              * connection.  0: 528, for a value of 512 octets */
    uint16_t pipeline_queue; /* octets of pipelined requests, per connection; a request without room
                              * is dropped.  0: mtu + 2 */
    const struct woad_crypto *crypto; /* for pairing: crypto.h; NULL: none */
    /* Fills `out` with random octets fit for keys.  0, or negative: then pairing fails.  NULL:
     * none.  Random numbers that are no secrets come from the controller. */
    int (*random)(void *ctx, uint8_t *out, size_t len);
    uint8_t bonds;       /* slots for bonds: a bond takes one; two after legacy pairing; one more
                          * with signing keys.  0: 4 */
    uint8_t pairings;    /* at a time; more are refused.  0: as many as `conns` */
    uint16_t attr_index; /* attributes in the type index, 2 octets each; a database with more is
                          * searched without it.  0: 64 */
    uint16_t l2cap_channels; /* channels at a time, on all connections.  0: as many as `conns` */
    uint8_t psms;            /* PSMs listened to at a time.  0: 1 */
    uint8_t att_bearers;     /* Enhanced ATT bearers at a time, on all connections.  0: as many as
                              * `conns` */
    uint16_t mps;         /* octets of the largest frame received on a channel, up to 65533, and of
                           * a buffer per connection.  Less than `mtu`: as `mtu` */
    uint16_t watchdog_ms; /* of woad_feature_watchdog; 0: 5 s */
    uint8_t adv_sets;     /* extended advertising sets, beside legacy advertising.  0: 1 */
    uint8_t connect_retries; /* of woad_feature_reconnection; 0: 3 */
    /* Why a call is refused, a packet dropped, a connection closed: a line of text, valid until
     * `log` returns.  It may call no function of the host.  NULL: none.  Only in a library that was
     * compiled with WOAD_LOG (as on PCs); else it is not called, and costs no code. */
    void (*log)(void *ctx, enum woad_log_level level, const char *message);
};

/* What the host chooses for a 0. */
enum {
    WOAD_DEFAULT_CONNS = 1,
    WOAD_DEFAULT_ATTR_TABLES = 4,
    WOAD_DEFAULT_SUBSCRIPTIONS = 4,
    WOAD_DEFAULT_PROCEDURES = 4,
    WOAD_DEFAULT_ACCEPT_LIST = 8,
    WOAD_DEFAULT_MTU = 247,
    WOAD_DEFAULT_REQUEST_QUEUE = 515,
    WOAD_DEFAULT_PREPARE_QUEUE = 528,
    WOAD_DEFAULT_BONDS = 4,
    WOAD_DEFAULT_ATTR_INDEX = 64,
    WOAD_DEFAULT_PSMS = 1,
    WOAD_DEFAULT_ADV_SETS = 1,
    WOAD_DEFAULT_WATCHDOG_MS = 5000,
    WOAD_DEFAULT_CONNECT_RETRIES = 3
};

/* Says what is wrong with a config, for people: while a program is written, or in an assert.  Only
 * programs that call it pay for it, with about 3 kB of flash.  Of several faults it finds one. */
struct woad_config_fault {
    const char *field; /* of the config: "mtu"; or "config", or "mem", "len" of woad_init() */
    char reason[128];  /* as in "mtu is 600: 23 to 527" */
    bool refused;      /* woad_size() returns 0, and woad_init() NULL.  false: they accept it, but
                        * something of it has no effect, or can't work */
};

/* 0: nothing is wrong, then `fault` is not written.  WOAD_EINVAL: `fault`, which may be NULL, says
 * what is wrong. */
int woad_config_check(const struct woad_config *config, struct woad_config_fault *fault);
/* The same for all arguments of woad_init().  WOAD_ENOMEM: `len` is less than woad_size().
 * WOAD_EINVAL for all else. */
int woad_init_check(const void *mem, size_t len, const struct woad_config *config,
                    struct woad_config_fault *fault);

/* Octets that woad_init() needs for this config; 0 if the config is not valid: woad_config_check()
 * says why.  For static memory: static.h. */
size_t woad_size(const struct woad_config *config);

/* Makes an instance in `mem`, which must be aligned as by malloc() and be left alone from then on.
 * NULL: `len` is less than woad_size(config), `mem` is NULL or not aligned, or the config is not
 * valid: woad_init_check() says which.  There is no call to destroy an instance: the caller reuses
 * the memory, best after woad_stop() and WOAD_EV_DOWN. */
struct woad *woad_init(void *mem, size_t len, const struct woad_config *config);

/* Resets the controller and brings it up: WOAD_EV_UP or WOAD_EV_DOWN follows.  WOAD_EALREADY:
 * started, or WOAD_EV_DOWN of the last time has not been raised yet; inside that event it may be
 * called. */
int woad_start(struct woad *h);

/* Ends all connections, then resets the controller, which ends advertising and scanning:
 * WOAD_EV_DISCONNECT for each connection, then WOAD_EV_DOWN with error 0, within a second.
 * WOAD_ENODEV: not started. */
int woad_stop(struct woad *h);

/* The transport has failed: ends everything at once, with its events, then WOAD_EV_DOWN with this
 * error (0: WOAD_EIO).  Allowed inside the event callback, too. */
void woad_fail(struct woad *h, int error);

/* One HCI packet from the controller, with its H4 type octet first.  The host does not keep
 * `packet`. Returns 0; WOAD_EBADMSG for a malformed packet, which has had no effect; or WOAD_EBUSY
 * inside the event callback: pass it again when the callback has returned. */
int woad_rx(struct woad *h, const uint8_t *packet, size_t len);

/* Writes the next HCI packet for the controller, with its H4 type octet first, into `buf`.  Returns
 * its length; 0: none for now.  `room`: octets of `buf`; WOAD_TX_ROOM are enough for any packet,
 * with less no command is written. */
size_t woad_tx(struct woad *h, uint8_t *buf, size_t room);
enum { WOAD_TX_ROOM = 1 + 3 + 255 };

/* Sets the time, in milliseconds, without acting on any time limit.  Time limits that a call starts
 * count from the last time set, so set it after a long wait, before such a call.  A program that
 * may have been suspended sets the time, passes the packets that have arrived to woad_rx(), then
 * calls woad_poll(): answers that are there are not taken for late. */
void woad_clock(struct woad *h, uint32_t now_ms);

/* Sets the time, and ends what has timed out, with its events.  now_ms may wrap.  Returns the
 * milliseconds until it must be called again; WOAD_FOREVER: nothing has a time limit; 0: something
 * happened: call woad_tx(), then woad_poll() again, before waiting.  Time limits of 2^31 ms (24
 * days) or more are 2^31 - 1.  Inside the event callback it does nothing, and returns 0. */
uint32_t woad_poll(struct woad *h, uint32_t now_ms);
#define WOAD_FOREVER UINT32_MAX

/* --- events ----------------------------------------------------------------------------------- */

enum woad_event_type {
    WOAD_EV_UP,   /* the controller is ready */
    WOAD_EV_DOWN, /* stopped, or failed: down.error */
    WOAD_EV_ADV_STARTED,
    WOAD_EV_ADV_FAILED, /* adv.status */
    WOAD_EV_ADV_STOPPED,
    WOAD_EV_REPORT,           /* report */
    WOAD_EV_EXT_REPORT,       /* ext_report: of extended advertising */
    WOAD_EV_EXT_ADV_STARTED,  /* ext_adv.set */
    WOAD_EV_EXT_ADV_ENDED,    /* ext_adv: stopped; with a status: failed, or its duration is over;
                               * with `conn`: it has led to this connection */
    WOAD_EV_SCAN_DONE,        /* scan.status */
    WOAD_EV_CONNECT,          /* connect */
    WOAD_EV_CONNECT_FAILED,   /* connect_failed */
    WOAD_EV_DISCONNECT,       /* disconnect; conn is not valid any more */
    WOAD_EV_CONN_UPDATE,      /* conn_update */
    WOAD_EV_LINK,             /* link */
    WOAD_EV_ACCEPT_LIST,      /* accept_list.status: the list is in the controller */
    WOAD_EV_TX_READY,         /* a call returned WOAD_EAGAIN, and its queue has room now */
    WOAD_EV_TX_DONE,          /* config.tx_queue of this connection is empty again */
    WOAD_EV_SECURITY,         /* security: a pairing has ended, or the encryption changed */
    WOAD_EV_PASSKEY,          /* passkey: show it to the user, or get it: woad_passkey() */
    WOAD_EV_SECURITY_REQUEST, /* security_request: with policy.app_pairs: call woad_pair(), or not
                               */
    WOAD_EV_BOND,             /* bond: save it, or delete it: bond.change */
    WOAD_EV_BOND_WANTED,  /* bond_wanted: if there is a saved one, woad_bond_add() from inside */
    WOAD_EV_ATTEMPTS,     /* attempts: to be saved, and restored after a restart */
    WOAD_EV_KEYPRESS,     /* keypress: on the peer's keyboard */
    WOAD_EV_OOB,          /* oob: the result of woad_oob_make() */
    WOAD_EV_COC_REQUEST,  /* coc: a peer requests a channel: woad_coc_accept() or _refuse() */
    WOAD_EV_COC_OPEN,     /* coc: with the limits agreed */
    WOAD_EV_COC_CHANGED,  /* coc: reconfigured by us, or by the peer (then status is 0) */
    WOAD_EV_COC_CLOSED,   /* coc: it has ended, or failed to open; its buffers are free */
    WOAD_EV_COC_DATA,     /* coc_data: an SDU has arrived, or as much as `rx` holds */
    WOAD_EV_COC_RECEIVED, /* coc_data: woad_coc_receive() is done: buffer full, or SDU ended */
    WOAD_EV_COC_SENT,     /* coc_data: all of woad_coc_send() is copied; its buffer is free */
    WOAD_EV_MTU,          /* mtu */
    WOAD_EV_ATT_BEARERS,  /* att_bearers: of Enhanced ATT: the number has changed, or none opened */
    WOAD_EV_GATT_READ,    /* gatt_read: answer it: woad_gatt_answer(), inside the event;
                           * woad_gatt_answer_later() says that the answer follows */
    WOAD_EV_GATT_WRITE,   /* gatt_write: answer it, too, if need_answer */
    WOAD_EV_AUTHORIZE,    /* authorize: set *allowed from inside, or the access is refused */
    WOAD_EV_SUBSCRIBE,    /* subscribe; also when a bonded client reconnects */
    WOAD_EV_INDICATED,    /* done: an indication was confirmed; or with a status, was not */
    WOAD_EV_SERVICE,      /* service */
    WOAD_EV_INCLUDED,     /* included */
    WOAD_EV_CHARACTERISTIC, /* characteristic */
    WOAD_EV_DESCRIPTOR,     /* descriptor */
    WOAD_EV_READ,           /* value: a part of a read procedure's result */
    WOAD_EV_NOTIFIED,       /* value: a notification */
    WOAD_EV_INDICATION,     /* value: an indication; confirmed by the host */
    WOAD_EV_GATTC_DONE      /* done: the procedure has ended */
};

/* As in "WOAD_EV_UP", for a log; never NULL. */
const char *woad_event_name(enum woad_event_type type);

/* Pointers are valid until the callback returns.  `conn` is WOAD_NO_CONN in events that are not
 * about a connection.  A status is 0; or a positive code of the controller or the peer: HCI
 * (hci.h), L2CAP or ATT, as noted; or a negative WOAD_E…, when the host itself ended the procedure.
 */
struct woad_event {
    enum woad_event_type type;
    uint16_t conn;
    union {
        struct {
            int error;
        } down;
        struct {
            int status;
        } adv, scan, accept_list; /* HCI */
        struct woad_link_value link;
        struct {
            struct woad_addr addr;
            uint8_t kind; /* 0 ADV_IND 1 DIRECT 2 SCAN_IND 3 NONCONN 4 SCAN_RSP */
            int8_t rssi;  /* dBm; 127: not known */
            const uint8_t *data;
            uint8_t len;
        } report;
        struct woad_ext_report ext_report;
        struct {
            uint8_t set;
            int status;
        } ext_adv; /* HCI */
        struct {
            struct woad_addr peer;
            bool central;
        } connect;
        struct {
            struct woad_addr peer;
            int status;
        } connect_failed; /* HCI */
        struct {
            struct woad_addr peer;
            bool central;
            uint8_t reason;
        } disconnect; /* HCI */
        struct {
            int status; /* HCI; 1: the peer rejected the request, by L2CAP */
            uint16_t interval_1250us, latency, supervision_10ms;
        } conn_update;
        struct {
            int status;
            struct woad_security now;
        } security; /* smp.h */
        struct {
            enum woad_passkey_action action;
            uint32_t passkey;
        } passkey;
        struct {
            bool mitm, bond;
        } security_request;
        struct {
            const struct woad_bond *bond;
            enum woad_bond_change change;
        } bond;
        struct {
            struct woad_addr peer;
        } bond_wanted;
        struct {
            struct woad_addr peer;
            uint8_t failures;
        } attempts; /* failures 0: delete the saved number */
        struct {
            enum woad_keypress what;
        } keypress;
        struct {
            int status;
            const struct woad_oob *oob; /* NULL unless status is 0 */
        } oob;
        struct {
            uint16_t cid, psm, mtu, peer_mtu;
            int status; /* L2CAP; of CLOSED, 0: by woad_coc_disconnect(), ours or the peer's */
        } coc;
        struct {
            uint16_t cid;
            const void *data; /* the buffer of the call; NULL in WOAD_EV_COC_DATA */
            uint32_t len;     /* octets in it; WOAD_EV_COC_DATA: octets to read */
            bool end;         /* the SDU ends with them */
        } coc_data;
        struct {
            uint16_t mtu;
        } mtu;
        struct {
            uint8_t open; /* bearers now, beside the fixed one */
            int status;
        } att_bearers; /* L2CAP */
        struct {
            uint16_t handle, offset;
            uint8_t request; /* for woad_gatt_answer_to() */
        } gatt_read;
        struct {
            uint16_t handle, offset;
            const uint8_t *data;
            uint16_t len;
            bool need_answer;
            uint8_t request; /* for woad_gatt_answer_to() */
        } gatt_write;
        struct {
            uint16_t handle;
            bool write, *allowed;
        } authorize;
        struct {
            uint16_t value_handle, cccd;
        } subscribe;
        struct {
            uint16_t start, end;
            struct woad_uuid uuid;
        } service;
        struct {
            uint16_t declaration, start, end;
            struct woad_uuid uuid;
        } included;
        struct {
            uint16_t declaration, value, end;
            uint8_t props;
            struct woad_uuid uuid;
        } characteristic;
        struct {
            uint16_t handle;
            struct woad_uuid uuid;
        } descriptor;
        struct {
            uint16_t handle, offset;
            const uint8_t *data;
            uint16_t len;
            enum woad_gattc_op op; /* only in WOAD_EV_READ */
        } value;
        struct {
            enum woad_gattc_op op;
            uint16_t handle;
            int status;
        } done; /* ATT */
    } u;
};

#ifdef __cplusplus
}
#endif

#endif
