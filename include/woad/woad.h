/* Woad: a Bluetooth LE host in C.
 *
 * One instance lives in memory the caller gives.  HCI packets go in by woad_rx(), time by
 * woad_poll(); HCI packets come out by woad_tx(), events by one callback.  Nothing here does I/O,
 * reads a clock, takes a lock or allocates.
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
 * Call woad_tx() until it gives 0 after any other call.  From inside the event callback every
 * function may be called but woad_rx(), woad_poll() and woad_fail(); woad_tx() gives 0 there if it
 * was itself what raised the event. */
#ifndef WOAD_WOAD_H
#define WOAD_WOAD_H

#include "gap.h"
#include "gatt.h"
#include "l2cap.h"
#include "vendor.h"
#include "smp.h"

/* The caller's mistakes and the host's own limits: negative, and nothing has changed. */
enum {
    WOAD_ENOENT = -2,
    WOAD_EIO = -5,     /* the controller failed */
    WOAD_EAGAIN = -11, /* full for the moment: wait for WOAD_EV_TX_READY */
    WOAD_ENOMEM = -12, /* full: a capacity of the config */
    WOAD_EACCES = -13, /* the connection is not as secure as that takes */
    WOAD_EBUSY = -16,
    WOAD_ENODEV = -19, /* not started */
    WOAD_EINVAL = -22,
    WOAD_EBADMSG = -74, /* the peer's or the controller's bytes make no sense */
    WOAD_ENOTSUP = -95, /* the feature is not in config.features */
    WOAD_EISCONN = -106,
    WOAD_ENOTCONN = -107,
    WOAD_ETIMEDOUT = -110,
    WOAD_EALREADY = -114,
    WOAD_ECANCELED = -125
};

struct woad_event;
struct woad_feature;
struct woad_crypto;

/* What is not named in config.features is not linked. */
extern const struct woad_feature woad_feature_advertiser, woad_feature_scanner,
    woad_feature_central, woad_feature_gatt_server, woad_feature_gatt_client;
extern const struct woad_feature woad_feature_accept_list, woad_feature_link_control;
/* What the server can do beside the usual: long values, which are prepared in parts, and of which
 * all parts that are read are of one value; Read Multiple and Read Multiple Variable; writes that
 * are signed: keys for these are exchanged by a pairing, in both directions, where it is named. */
extern const struct woad_feature woad_feature_long_values, woad_feature_read_multiple,
    woad_feature_signed_writes;
/* What makes it quicker: requests wait in config.pipeline_queue for the answer to the one before
 * them, where a client sends several at once; config.attr_index. */
extern const struct woad_feature woad_feature_pipelining, woad_feature_type_index;
/* Client Supported Features, handles 10 and 11 of the server. */
extern const struct woad_feature woad_feature_client_features;
/* L2CAP channels: l2cap.h.  The second needs the first. */
extern const struct woad_feature woad_feature_l2cap_channels, woad_feature_enhanced_channels;
/* Enhanced ATT: more bearers than one, behind those two; Client and Server Supported Features. */
extern const struct woad_feature woad_feature_eatt;
/* Pairing, encryption, bonds; policy.keypress. */
extern const struct woad_feature woad_feature_security_manager, woad_feature_keypresses;
/* In the place of woad_feature_security_manager, on a device that is never a central. */
extern const struct woad_feature woad_feature_security_peripheral;
/* Pairing with what comes by another way than the radio. */
extern const struct woad_feature woad_feature_out_of_band;
/* Bonded peers behind private addresses are known to the controller, if it is of 4.2 or later:
 * woad_connect() finds one that has not been heard, and the accept list holds for them. */
extern const struct woad_feature woad_feature_resolving_list;
/* Behind woad_feature_central: attempts whose peer does not answer are made again, and bonded peers
 * behind private addresses are found by a scan (woad_feature_scanner, too) where no controller
 * resolves them: woad_connect(). */
extern const struct woad_feature woad_feature_reconnection;
/* Extended advertising: sets of it, reports of it, and connecting to it; where the controller
 * has it. All legacy advertising, scanning and connecting then goes by the same commands. */
extern const struct woad_feature woad_feature_extended_advertising;
/* A controller that has said nothing for config.watchdog_ms is asked whether it is there: for lines
 * that have no hang-up, a UART above all.  WOAD_EV_DOWN with WOAD_ETIMEDOUT if it is not;
 * WOAD_EV_DISCONNECT with WOAD_HCI_UNKNOWN_CONNECTION if it has been reset meanwhile. */
extern const struct woad_feature woad_feature_watchdog;
/* What a controller needs before it is one: vendor.h. */
extern const struct woad_feature woad_feature_vendor_init;
/* What some say of themselves that is not so: vendor.h. */
extern const struct woad_feature woad_feature_quirks;
/* Cryptography and random numbers by the controller, where config.crypto or config.random is NULL:
 * a firmware needs no library.  What has no time to wait for an answer is not there then:
 * woad_oob_make(), signed writes; and private addresses of peers are resolved by
 * woad_feature_resolving_list alone. */
extern const struct woad_feature woad_feature_controller_crypto;

/* Copied by woad_init(); `features` must live as long as the instance. */
struct woad_config {
    const struct woad_feature *const *features; /* ends with NULL */
    void (*event)(void *ctx, struct woad *h, const struct woad_event *ev);
    void *ctx;
    uint8_t conns;           /* connections at a time: 1 to 255 */
    uint8_t attr_tables;     /* calls of woad_gatt_add() */
    uint8_t subscriptions;   /* CCCDs that differ from 0, per connection */
    uint8_t procedures;      /* client procedures waiting, per connection: 1 or more */
    uint8_t accept_list;     /* peers on it */
    uint16_t mtu;            /* largest ATT_MTU: 23 to 527 */
    uint16_t tx_queue;       /* octets of notifications and commands waiting, per connection:
                              * each takes two more, and lies in one piece */
    uint16_t request_queue;  /* octets of writes waiting for their turn, per connection; the
                              * same.  Both at least mtu + 2 */
    uint16_t prepare_queue;  /* octets a client may prepare, per connection; long values that
                              * are being read are kept there too */
    uint16_t pipeline_queue; /* octets of requests that came before the answer to the one
                              * before them, per connection; what has no room there is
                              * dropped */
    const struct woad_crypto *crypto; /* for pairing: crypto.h */
    /* Octets that nobody can guess, for keys.  0, or negative when there are none: then pairing
     * fails.  What is random elsewhere is the controller's. */
    int (*random)(void *ctx, uint8_t *out, size_t len);
    uint8_t bonds;           /* places for those that are known: one each, two of legacy
                              * pairing, one more for keys of signed writes */
    uint8_t pairings;        /* under way at a time; one more is refused.  0: as many as
                              * connections */
    uint16_t attr_index;     /* attributes found by type without a search, 2 octets each; with
                              * more of them in the database all are searched */
    uint16_t l2cap_channels; /* L2CAP channels at a time, on all connections */
    uint8_t psms;            /* that are listened to */
    uint8_t att_bearers;     /* of Enhanced ATT at a time, on all connections: woad_feature_eatt */
    uint16_t mps;            /* largest frame we take on a channel, up to 65533: so many octets
                              * per connection.  0: as `mtu` */
    uint16_t watchdog_ms;    /* of woad_feature_watchdog; 0: 5 s */
    uint8_t adv_sets;        /* of woad_feature_extended_advertising, beside legacy advertising */
    uint8_t connect_retries; /* of woad_feature_reconnection; 0: 3 */
};

/* Octets that woad_init() needs for this config; 0 if the config is not valid. */
size_t woad_size(const struct woad_config *config);

/* The same at compile time, for a static array: with all features, an upper bound with fewer.
 *
 *     static union {
 *         uint8_t octets[WOAD_MEM(2, 247, 512, 256, 0, 1, 4, 4, 0, 0, 0, 4, 0, 0, 0, 0, 0, 1)];
 *         uint64_t align;
 *     } mem;
 *
 * The arguments are fields of the config, in the order of the macro's.  The structs' sizes are
 * those on machines with pointers of 64 and of 32 bits; the sources hold them to it. */
#define WOAD_MEM(conns, mtu, tx_queue, request_queue, prepare_queue, attr_tables, subscriptions, \
                 procedures, pipeline_queue, attr_index, accept_list, bonds, channels, psms, mps, \
                 att_bearers, adv_sets, pairings) \
    (WOAD_UP(WOAD_SIZE_HOST) + WOAD_UP(WOAD_SIZE_ADV) + WOAD_UP(WOAD_SIZE_SCAN) + \
     WOAD_UP(WOAD_SIZE_ACCEPT) + WOAD_UP((accept_list)*7) + WOAD_UP(WOAD_SIZE_LINK) + \
     WOAD_UP((conns)*WOAD_SIZE_LINK_CONN) + WOAD_UP(WOAD_SIZE_CENTRAL) + \
     WOAD_UP(WOAD_SIZE_RECONNECT) + WOAD_UP(WOAD_SIZE_SERVER) + WOAD_UP(WOAD_MOST(mtu, 65) + 4) + \
     WOAD_UP((1 + (attr_tables)) * WOAD_SIZE_TABLE) + WOAD_UP((attr_index)*2) + \
     WOAD_UP((conns)*WOAD_SIZE_CONN) + WOAD_UP((conns)*WOAD_SIZE_SERVER_CONN) + \
     WOAD_UP((conns)*WOAD_SIZE_CLIENT_CONN) + WOAD_UP(WOAD_SIZE_SECURITY) + \
     WOAD_UP(WOAD_SIZE_OUT_OF_BAND) + WOAD_UP(WOAD_SIZE_CONTROLLER_CRYPTO) + \
     WOAD_UP(WOAD_SIZE_RESOLVE) + WOAD_UP(WOAD_SIZE_WATCHDOG) + WOAD_UP(WOAD_SIZE_VENDOR_INIT) + \
     WOAD_UP(WOAD_SIZE_QUIRKS) + WOAD_UP(WOAD_SIZE_EXT) + WOAD_UP((adv_sets)*WOAD_SIZE_EXT_SET) + \
     WOAD_UP(((adv_sets) + 2) * 2) + WOAD_UP((conns)*WOAD_SIZE_SECURITY_CONN) + \
     WOAD_UP(((pairings) ? (pairings) : (conns)) * WOAD_SIZE_PAIRING) + \
     WOAD_UP((bonds) * (WOAD_SIZE_BOND + (subscriptions)*4)) + WOAD_UP(WOAD_SIZE_CHANNELS) + \
     WOAD_UP(((channels) + (att_bearers)) * WOAD_SIZE_CHANNEL) + WOAD_UP((psms)*8) + \
     WOAD_UP((conns)*WOAD_SIZE_CHANNEL_CONN) + \
     WOAD_UP(((conns) + (att_bearers)) * WOAD_SIZE_BEARER) + \
     WOAD_UP(((conns) + (att_bearers)) * WOAD_SIZE_SERVER_BEARER) + \
     WOAD_UP(((conns) + (att_bearers)) * WOAD_SIZE_CLIENT_BEARER) + WOAD_UP(WOAD_SIZE_EATT) + \
     WOAD_UP((att_bearers)*WOAD_SIZE_EATT_BEARER) + WOAD_UP((conns)*WOAD_SIZE_EATT_CONN) + \
     WOAD_UP((att_bearers)*2 * ((mtu) + 2)) + 2 * WOAD_UP((att_bearers) * (mtu)) + \
     WOAD_UP(((conns) + (att_bearers)) * (mtu)) + \
     WOAD_UP((conns) * (WOAD_MOST(WOAD_MOST(mtu, mps), 65) + 4)) + \
     WOAD_UP((conns)*WOAD_SIZE_ANSWERS((channels) + (att_bearers))) + \
     WOAD_UP((conns) * (tx_queue)) + WOAD_UP((conns) * (subscriptions)*4) + \
     WOAD_UP((conns) * (prepare_queue)) + WOAD_UP((conns)*WOAD_SIZE_PARTS) + \
     WOAD_UP((conns)*WOAD_SIZE_PIPELINE) + \
     WOAD_UP(((conns) + (att_bearers)) * WOAD_SIZE_MULTIPLE) + \
     WOAD_UP((conns) * (pipeline_queue)) + WOAD_UP((conns) * (request_queue)) + \
     WOAD_UP((conns) * (procedures)*WOAD_SIZE_PROCEDURE))
#define WOAD_UP(n) (((n) + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *))
#define WOAD_MOST(a, b) ((a) > (b) ? (a) : (b))
#define WOAD_WIDTH(on_64, on_32) (sizeof(void *) == 8 ? (on_64) : (on_32))
#define WOAD_SIZE_HOST WOAD_WIDTH(656, 428)
#define WOAD_SIZE_CONN WOAD_WIDTH(192, 140)
#define WOAD_SIZE_ADV 84
#define WOAD_SIZE_SCAN 32
#define WOAD_SIZE_ACCEPT WOAD_WIDTH(16, 8)
#define WOAD_SIZE_LINK WOAD_WIDTH(16, 12)
#define WOAD_SIZE_LINK_CONN 8
#define WOAD_SIZE_CENTRAL 48
#define WOAD_SIZE_RECONNECT 12
#define WOAD_SIZE_SERVER WOAD_WIDTH(96, 64)
#define WOAD_SIZE_PARTS WOAD_WIDTH(24, 20)
#define WOAD_SIZE_PIPELINE WOAD_WIDTH(16, 8)
#define WOAD_SIZE_MULTIPLE WOAD_WIDTH(16, 8)
#define WOAD_SIZE_TABLE WOAD_WIDTH(16, 8)
#define WOAD_SIZE_SERVER_CONN WOAD_WIDTH(16, 12)
#define WOAD_SIZE_CLIENT_CONN WOAD_WIDTH(40, 28)
#define WOAD_SIZE_PROCEDURE WOAD_WIDTH(48, 36)
#define WOAD_SIZE_SECURITY WOAD_WIDTH(184, 156)
#define WOAD_SIZE_OUT_OF_BAND WOAD_WIDTH(128, 120)
#define WOAD_SIZE_RESOLVE 4
#define WOAD_SIZE_WATCHDOG 1
#define WOAD_SIZE_VENDOR_INIT WOAD_WIDTH(16, 12)
#define WOAD_SIZE_QUIRKS WOAD_WIDTH(16, 8)
#define WOAD_SIZE_EXT WOAD_WIDTH(24, 16)
#define WOAD_SIZE_EXT_SET WOAD_WIDTH(72, 60)
#define WOAD_SIZE_CHANNELS WOAD_WIDTH(16, 8)
#define WOAD_SIZE_CHANNEL WOAD_WIDTH(136, 108)
#define WOAD_SIZE_CHANNEL_CONN WOAD_WIDTH(24, 12)
#define WOAD_SIZE_ANSWERS(channels) ((channels) < 7 ? 24 + 16 * (channels) : 128)
#define WOAD_SIZE_BEARER WOAD_WIDTH(32, 20)
#define WOAD_SIZE_SERVER_BEARER WOAD_WIDTH(24, 20)
#define WOAD_SIZE_CLIENT_BEARER 8
#define WOAD_SIZE_EATT WOAD_WIDTH(16, 8)
#define WOAD_SIZE_EATT_BEARER WOAD_WIDTH(24, 12)
#define WOAD_SIZE_EATT_CONN 12
#define WOAD_SIZE_CONTROLLER_CRYPTO 408
#define WOAD_SIZE_PAIRING WOAD_WIDTH(392, 368)
#define WOAD_SIZE_SECURITY_CONN WOAD_WIDTH(24, 16)
#define WOAD_SIZE_BOND 52

/* Makes an instance in `mem`, aligned as malloc() aligns.  NULL when `len` is too small or the
 * config is not valid.  The instance ends when the memory does. */
struct woad *woad_init(void *mem, size_t len, const struct woad_config *config);

/* Resets the controller and brings it up: WOAD_EV_UP or WOAD_EV_DOWN follows.  WOAD_EALREADY when
 * started, and until WOAD_EV_DOWN: inside that event it may be called. */
int woad_start(struct woad *h);

/* Ends advertising, scanning and all connections, and resets the controller: WOAD_EV_DISCONNECT
 * for each connection, then WOAD_EV_DOWN with error 0.  WOAD_ENODEV when not started. */
int woad_stop(struct woad *h);

/* The transport is gone: everything ends at once, with its events, then WOAD_EV_DOWN. */
void woad_fail(struct woad *h, int error);

/* One HCI packet from the controller with its H4 type octet.  Returns 0, or WOAD_EBADMSG for one
 * that makes no sense; it had no effect then. */
int woad_rx(struct woad *h, const uint8_t *packet, size_t len);

/* Writes the next HCI packet for the controller, with its H4 type octet.  Returns its length, 0
 * for none.  WOAD_TX_ROOM octets are enough for any packet; with less, commands may have to
 * wait. */
size_t woad_tx(struct woad *h, uint8_t *buf, size_t room);
enum { WOAD_TX_ROOM = 1 + 3 + 255 };

/* Tells the time, and no more: nothing ends by it.  Time limits that a call starts count from the
 * last time told, so tell it after a long wait and before such a call.  A program that may have
 * been stopped for a while tells it so, hands in what has come meanwhile, and then calls
 * woad_poll(): an answer that was there in time is in time. */
void woad_clock(struct woad *h, uint32_t now_ms);

/* Tells the time and acts on what is due.  now_ms may wrap.  Returns the
 * milliseconds until it must be called again, WOAD_FOREVER if nothing waits; 0 after something was
 * due, so that what came of it is sent, and its time limits are known, before anybody sleeps.  Time
 * limits of 2^31 ms or more are 2^31 - 1: 24 days. */
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
    WOAD_EV_EXT_ADV_ENDED,    /* ext_adv: stopped; with a status: failed, or its time is over; a
                               * connection has come of it: conn */
    WOAD_EV_SCAN_DONE,        /* scan.status */
    WOAD_EV_CONNECT,          /* connect */
    WOAD_EV_CONNECT_FAILED,   /* connect_failed */
    WOAD_EV_DISCONNECT,       /* disconnect; conn is not valid any more */
    WOAD_EV_CONN_UPDATE,      /* conn_update */
    WOAD_EV_LINK,             /* link */
    WOAD_EV_ACCEPT_LIST,      /* accept_list.status: the list is in the controller */
    WOAD_EV_TX_READY,         /* a queue that was full has room */
    WOAD_EV_TX_DONE,          /* all notifications and commands queued on it have been sent */
    WOAD_EV_SECURITY,         /* security: a pairing, or an encryption, has ended or begun */
    WOAD_EV_PASSKEY,          /* passkey: the user is asked: woad_passkey() */
    WOAD_EV_SECURITY_REQUEST, /* security_request: of policy.app_pairs: woad_pair(), or not */
    WOAD_EV_BOND,             /* bond: keep it, or forget it: bond.why */
    WOAD_EV_BOND_WANTED,      /* bond_wanted: woad_bond_add() it from inside, if it is kept */
    WOAD_EV_ATTEMPTS,         /* attempts: to be kept, and given again after a restart */
    WOAD_EV_KEYPRESS,         /* keypress: what the peer's user does at the keyboard */
    WOAD_EV_OOB,              /* oob: what woad_oob_make() has made */
    WOAD_EV_COC_REQUEST,      /* coc: a peer wants a channel: woad_coc_accept() or _refuse() */
    WOAD_EV_COC_OPEN,         /* coc: with the limits agreed */
    WOAD_EV_COC_CHANGED,      /* coc: by a reconfiguration of ours, if status is 0; or theirs */
    WOAD_EV_COC_CLOSED,       /* coc: or it was not opened; its buffers are the caller's again */
    WOAD_EV_COC_DATA,         /* coc_data: an SDU is there; or all of it that `rx` holds */
    WOAD_EV_COC_RECEIVED,     /* coc_data: the buffer of woad_coc_receive() is filled */
    WOAD_EV_COC_SENT,         /* coc_data: the SDU of woad_coc_send() is on its way */
    WOAD_EV_MTU,              /* mtu */
    WOAD_EV_ATT_BEARERS,      /* att_bearers: of Enhanced ATT, more or fewer, or none had */
    WOAD_EV_GATT_READ,        /* gatt_read: answer with woad_gatt_answer() */
    WOAD_EV_GATT_WRITE,       /* gatt_write: the same if need_answer */
    WOAD_EV_AUTHORIZE,        /* authorize: set *allowed, or it is refused */
    WOAD_EV_SUBSCRIBE,        /* subscribe; also when a bonded client is back */
    WOAD_EV_INDICATED,        /* done: an indication was confirmed, or was not */
    WOAD_EV_SERVICE,          /* service */
    WOAD_EV_INCLUDED,         /* included */
    WOAD_EV_CHARACTERISTIC,   /* characteristic */
    WOAD_EV_DESCRIPTOR,       /* descriptor */
    WOAD_EV_READ,             /* value: a part of what was read */
    WOAD_EV_NOTIFIED,         /* value: a notification */
    WOAD_EV_INDICATION,       /* value: an indication; confirmed by the host */
    WOAD_EV_GATTC_DONE        /* done: the procedure has ended */
};

/* Pointers are valid until the callback returns.  `conn` is WOAD_NO_CONN where none is meant.
 * A status is 0, a positive code from the peer or the controller (HCI, L2CAP or ATT, as said), or
 * one of the negative WOAD_E… when the host itself ended it. */
struct woad_event {
    enum woad_event_type type;
    uint16_t conn;
    union {
        struct {
            int error;
        } down;
        struct {
            int status;
        } adv, scan, accept_list; /* HCI, or the host's */
        struct woad_link_value link;
        struct {
            struct woad_addr addr;
            uint8_t kind; /* 0 ADV_IND 1 DIRECT 2 SCAN_IND 3 NONCONN 4 SCAN_RSP */
            int8_t rssi;  /* dBm, 127: not known */
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
        } connect_failed; /* HCI, or the host's */
        struct {
            struct woad_addr peer;
            bool central;
            uint8_t reason;
        } disconnect; /* HCI */
        struct {
            int status; /* HCI, or L2CAP's 1: rejected */
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
        } attempts; /* 0: none any more */
        struct {
            enum woad_keypress what;
        } keypress;
        struct {
            int status;
            const struct woad_oob *oob;
        } oob;
        struct {
            uint16_t cid, psm, mtu, peer_mtu;
            int status; /* L2CAP, or the host's; 0: somebody has closed it */
        } coc;
        struct {
            uint16_t cid;
            const void *data; /* the caller's; NULL of WOAD_EV_COC_DATA */
            uint32_t len;     /* of it; or to be read */
            bool end;         /* of the SDU */
        } coc_data;
        struct {
            uint16_t mtu;
        } mtu;
        struct {
            uint8_t open;
            int status;
        } att_bearers; /* L2CAP, or the host's */
        struct {
            uint16_t handle, offset;
            uint8_t request;
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
            enum woad_gattc_op op; /* of WOAD_EV_READ */
        } value;
        struct {
            enum woad_gattc_op op;
            uint16_t handle;
            int status;
        } done; /* ATT */
    } u;
};

#endif
