/* The Generic Access Profile: addresses, advertising, scanning, connections. */
#ifndef WOAD_GAP_H
#define WOAD_GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uuid.h"

#ifdef __cplusplus
extern "C" {
#endif

struct woad;

enum { /* struct woad_addr.type */
       WOAD_ADDR_PUBLIC = 0,
       WOAD_ADDR_RANDOM = 1,
       WOAD_ADDR_PUBLIC_IDENTITY = 2, /* resolved by the controller; only in events */
       WOAD_ADDR_RANDOM_IDENTITY = 3
};

/* A device address. octet[0] is the least significant one: people write it last. */
struct woad_addr {
    uint8_t type;
    uint8_t octet[6];
};

enum { WOAD_NO_CONN = 0xffff };  /* never the number of a connection */
enum { WOAD_ADV_DATA_MAX = 31 }; /* legacy advertising.  Vol 6, Part B, 2.3.1 */

/* --- own address ------------------------------------------------------------------------------ */

/* The address that advertising, scanning and connecting use.  WOAD_ENODEV until WOAD_EV_UP. */
int woad_own_address(const struct woad *h, struct woad_addr *addr);

/* Sets the address.  WOAD_ADDR_PUBLIC: the controller's own (WOAD_EINVAL if it has none); `octet`
 * is not used.  WOAD_ADDR_RANDOM: a static random address (two top bits 11), or with NULL the one
 * drawn at woad_start(): another one each time (docs/porting.md: one that lasts).  Running
 * advertising and scanning pause for it.  WOAD_ENODEV, WOAD_EINVAL; WOAD_EBUSY during a connection
 * attempt.  If the controller refuses the address, WOAD_EV_DOWN follows, with WOAD_EIO. */
int woad_set_own_address(struct woad *h, uint8_t type, const uint8_t *octet);

/* --- advertising (feature woad_feature_advertiser) */

enum {                           /* struct woad_adv_params.kind.  Vol 4, Part E, 7.8.5 */
       WOAD_ADV_IND = 0,         /* connectable and scannable */
       WOAD_ADV_DIRECT_HIGH = 1, /* only `peer` can connect; as fast as possible, for 1.28 s */
       WOAD_ADV_SCAN_IND = 2,    /* scannable */
       WOAD_ADV_NONCONN_IND = 3,
       WOAD_ADV_DIRECT_LOW = 4 /* only `peer` can connect; at the interval */
};

enum { /* struct woad_adv_params.filter_policy: what is limited to the accept list */
       WOAD_ADV_ACCEPT_ALL = 0,
       WOAD_ADV_ACCEPT_SCAN = 1,    /* scan requests */
       WOAD_ADV_ACCEPT_CONNECT = 2, /* connections */
       WOAD_ADV_ACCEPT_BOTH = 3
};

struct woad_adv_params {
    uint8_t kind;            /* WOAD_ADV_… */
    uint16_t interval_625us; /* 0x0020 (20 ms) to 0x4000 (10.24 s) */
    uint8_t adv_channel_map; /* bits 0 to 2: channels 37, 38, 39; 0: all */
    uint8_t filter_policy;   /* WOAD_ADV_ACCEPT_…; not 0: needs woad_feature_accept_list */
    struct woad_addr peer;   /* directed advertising: the peer.  It has no data */
};

/* Initialisers for the parameters, in C and C++, where nothing else is wanted: connectable and
 * scannable advertising, every 100 ms; an active scan of 10 s, 30 ms of each 60 ms, that reports
 * each advertiser once; an attempt to connect of at most 10 s, to a connection with an interval of
 * 30 to 50 ms and a supervision timeout of 4 s.
 *
 *     struct woad_adv_params params = WOAD_ADV_DEFAULT; */
#define WOAD_ADV_DEFAULT \
    { \
        WOAD_ADV_IND, 160, 0, WOAD_ADV_ACCEPT_ALL, \
        { \
            WOAD_ADDR_PUBLIC, \
            { \
                0, 0, 0, 0, 0, 0 \
            } \
        } \
    }
#define WOAD_SCAN_DEFAULT \
    { \
        96, 48, true, true, 10000, false \
    }
#define WOAD_CONNECT_DEFAULT \
    { \
        96, 48, 24, 40, 0, 400, 10000 \
    }

/* Set the advertising data and the scan response: 0 to 31 octets, copied.  Running advertising
 * takes them at once.  They stay until woad_stop(), also while a kind without data runs.
 * WOAD_EINVAL if too long; WOAD_ENODEV.  WOAD_ENOTSUP without the feature. */
int woad_adv_set_data(struct woad *h, const uint8_t *data, size_t len);
int woad_adv_set_scan_response(struct woad *h, const uint8_t *data, size_t len);

/* Starts advertising, or restarts it with other parameters.  WOAD_EV_ADV_STARTED or
 * WOAD_EV_ADV_FAILED follows; WOAD_EV_ADV_STOPPED instead if woad_adv_stop() comes first, or a
 * connection after which the controller refuses.  Connectable advertising ends when a central
 * connects: WOAD_EV_CONNECT, or WOAD_EV_ADV_STOPPED with WOAD_ENOMEM if every connection has come
 * into use.  WOAD_ADV_DIRECT_HIGH also ends after 1.28 s: WOAD_EV_ADV_STOPPED with
 * WOAD_HCI_ADVERTISING_TIMEOUT; that time begins again if our address or a list of the controller
 * changes meanwhile, because advertising pauses for it.  WOAD_ENODEV, WOAD_EINVAL; WOAD_ENOMEM if
 * connectable and every connection is in use.  WOAD_ENOTSUP without the feature. */
int woad_adv_start(struct woad *h, const struct woad_adv_params *params);

/* Stops advertising.  WOAD_EV_ADV_STOPPED follows once, if it was running or about to start; inside
 * the next woad_adv_start() at the latest.  If not, the call has no effect and returns 0.
 * WOAD_ENOTSUP without the feature. */
int woad_adv_stop(struct woad *h);
bool woad_adv_running(const struct woad *h);

/* --- extended advertising (feature woad_feature_extended_advertising)
 * --------------------------------------------- */

enum { WOAD_EXT_DATA_MAX = 1650 }; /* octets; a controller may take fewer.  Vol 4, Part E, 7.8.54 */
enum { WOAD_TX_POWER_ANY = 127 };

struct woad_ext_adv_params {
    bool connectable, scannable; /* not both.  A scannable set sends a scan response and no data */
    bool directed;               /* at `peer` */
    bool anonymous;              /* without our address */
    bool include_tx_power;
    uint32_t interval_625us; /* 0x000020 (20 ms) to 0xffffff */
    uint8_t adv_channel_map; /* bits 0 to 2: channels 37, 38, 39; 0: all */
    uint8_t filter_policy;   /* WOAD_ADV_ACCEPT_…; not 0: needs woad_feature_accept_list */
    struct woad_addr peer;   /* if `directed` */
    uint8_t primary_phy;     /* WOAD_PHY_1M or _CODED; 0: 1M */
    uint8_t secondary_phy;   /* WOAD_PHY_…; 0: 1M */
    uint8_t sid;             /* 0 to 15 */
    int8_t tx_power_dbm;     /* maximum; or WOAD_TX_POWER_ANY */
    uint16_t duration_10ms;  /* 0: no limit */
    uint8_t events_max;      /* maximum number of advertising events; 0: no limit */
};

/* A connectable set on 1M, every 100 ms, without limits. */
#define WOAD_EXT_ADV_DEFAULT \
    { \
        true, false, false, false, false, 160, 0, WOAD_ADV_ACCEPT_ALL, \
            { WOAD_ADDR_PUBLIC, { 0, 0, 0, 0, 0, 0 } }, WOAD_PHY_1M, WOAD_PHY_1M, 0, \
            WOAD_TX_POWER_ANY, 0, 0 \
    }

struct woad_ext_report {                /* of WOAD_EV_EXT_REPORT */
    struct woad_addr addr;              /* type 0xff: anonymous */
    uint16_t props;                     /* bit 0 connectable, 1 scannable, 2 directed, 3 scan
                                         * response.  Vol 4, Part E, 7.7.65.13 */
    uint8_t primary_phy, secondary_phy; /* WOAD_PHY_…; 0: none */
    uint8_t sid;                        /* 0xff: none */
    int8_t tx_power_dbm, rssi;          /* 127: not known */
    uint16_t periodic_1250us;           /* 0: no periodic advertising */
    bool more;                          /* more data follow in the next report of this advertiser */
    bool truncated;                     /* the controller has lost the rest of the data */
    const uint8_t *data;
    uint8_t len;
};

/* Set the data and the scan response of an advertising set, 0 to config.adv_sets - 1.  The octets
 * are not copied: they must stay valid until they are replaced, or WOAD_EV_DOWN.  A running set
 * takes them at once.  A scannable set sends only its scan response, any other only its data.
 * WOAD_ENODEV; WOAD_EINVAL; WOAD_ENOTSUP if the controller has no extended advertising. */
int woad_ext_adv_set_data(struct woad *h, uint8_t set, const uint8_t *data, size_t len);
int woad_ext_adv_set_scan_response(struct woad *h, uint8_t set, const uint8_t *data, size_t len);

/* Starts a set, or restarts it with other parameters.  WOAD_EV_EXT_ADV_STARTED follows, or
 * WOAD_EV_EXT_ADV_ENDED with a status (HCI) if the controller refuses.  WOAD_EV_EXT_ADV_ENDED
 * follows when a central connects, after duration_10ms or events_max, and when the set is stopped,
 * inside the next start at the latest.
 * Where the host pauses the set (a private address is renewed, the accept list or long data
 * change), WOAD_EV_EXT_ADV_STARTED is raised again, and the rest of both limits is an estimate.
 * The errors of woad_ext_adv_set_data(); WOAD_ENOMEM if connectable and every connection is in use.
 */
int woad_ext_adv_start(struct woad *h, uint8_t set, const struct woad_ext_adv_params *params);
int woad_ext_adv_stop(struct woad *h, uint8_t set);

/* The PHYs for scans (1M, coded) and for attempts to connect (all three), a set of WOAD_PHYS_…,
 * from the next one on.  1M at start.  WOAD_ENODEV, WOAD_EINVAL; WOAD_ENOTSUP if the controller
 * can't. */
int woad_set_scan_phys(struct woad *h, uint8_t phys);
int woad_set_connect_phys(struct woad *h, uint8_t phys);

/* --- scanning (feature woad_feature_scanner) */

struct woad_scan_params {
    uint16_t interval_625us, window_625us; /* 0x0004 to 0x4000, window <= interval */
    bool active;                           /* ask for scan responses */
    bool filter_duplicates;                /* by the controller */
    uint32_t duration_ms;                  /* 0: until woad_scan_stop() */
    bool accept_list;                      /* only peers on it; needs woad_feature_accept_list */
};

/* Starts a scan: WOAD_EV_REPORT (WOAD_EV_EXT_REPORT) for each advertisement, then one
 * WOAD_EV_SCAN_DONE.  woad_connect() may be called during it, from WOAD_EV_REPORT too: it ends the
 * scan first.  WOAD_ENODEV, WOAD_EINVAL; WOAD_EALREADY while a scan runs; WOAD_EBUSY during an
 * attempt to connect.  WOAD_ENOTSUP without the feature. */
int woad_scan_start(struct woad *h, const struct woad_scan_params *params);

/* Stops the scan.  No more reports follow; WOAD_EV_SCAN_DONE follows if a scan was running.
 * WOAD_ENOTSUP without the feature. */
int woad_scan_stop(struct woad *h);
bool woad_scan_running(const struct woad *h);

/* --- connecting (feature woad_feature_central) */

/* 4 * supervision_10ms must be above (1 + latency) * interval_max_1250us: two of its longest
 * intervals. */
struct woad_connect_params {
    uint16_t scan_interval_625us, scan_window_625us;
    uint16_t interval_min_1250us, interval_max_1250us; /* 6 (7.5 ms) to 3200 (4 s) */
    uint16_t latency;                                  /* connection events, 0 to 499 */
    uint16_t supervision_10ms;                         /* 10 (100 ms) to 3200 (32 s) */
    uint32_t timeout_ms;                               /* 0: until woad_connect_cancel() */
};

/* Connects to `peer`, or with NULL to any peer of the accept list (woad_feature_accept_list).  A
 * scan that runs ends before, with WOAD_EV_SCAN_DONE.  One
 * WOAD_EV_CONNECT or WOAD_EV_CONNECT_FAILED follows; the latter with WOAD_ENOMEM if a central has
 * taken the last connection meanwhile.  A controller reports a connection when it has answered an
 * advertisement, before it knows that the peer has received the answer.  If the peer has not,
 * WOAD_EV_DISCONNECT with WOAD_HCI_FAILED_TO_ESTABLISH follows within six intervals: try again.  A
 * peripheral gets the same events, and starts advertising again as after any connection.
 *
 * With woad_feature_reconnection the host tries again by itself: config.connect_retries times,
 * within timeout_ms.  WOAD_EV_CONNECT then waits until something has been received from the peer,
 * or eight intervals have passed.  WOAD_EV_CONNECT_FAILED has the status of the last attempt.
 *
 * A bonded peer with private addresses is given by its identity.  If the controller resolves
 * addresses (4.2 and later, woad_feature_resolving_list), it finds the peer, and the accept list
 * applies to it.  If not, the attempt goes to the address at which the peer was last seen, by a
 * scan or a connection.  It fails by its time limit if the peer has another address by then, and
 * the accept list does not apply to the peer.  With woad_feature_reconnection, woad_feature_scanner
 * and config.crypto the host then scans, resolves and connects (General Connection Establishment,
 * Vol 3, Part C, 9.3.6), for a peer and for the accept list, with the scan interval and window of
 * `params`. The bond must be in memory (woad_bond_add()).  That scan raises no WOAD_EV_REPORT; a
 * scan of the application ends when an attempt begins.
 *
 * WOAD_ENODEV, WOAD_EINVAL; WOAD_EALREADY during another attempt; WOAD_EISCONN if connected to that
 * address; WOAD_ENOMEM if every connection is in use.  WOAD_ENOTSUP without the feature. */
int woad_connect(struct woad *h, const struct woad_addr *peer,
                 const struct woad_connect_params *params);

/* Cancels the attempt: WOAD_EV_CONNECT_FAILED follows; or WOAD_EV_CONNECT if it was too late, and
 * then perhaps WOAD_EV_DISCONNECT.  WOAD_ENODEV; WOAD_EALREADY if no attempt runs.  WOAD_ENOTSUP
 * without the feature. */
int woad_connect_cancel(struct woad *h);

/* --- connections ------------------------------------------------------------------------------ */

/* A connection has a number, which the application uses in calls and gets in events.  The number is
 * not used again until 126 further connections have used the same slot: a call with an old number
 * returns WOAD_ENOTCONN, and never means another connection. */

struct woad_conn_info {
    struct woad_addr peer;
    bool central; /* our role */
    uint16_t interval_1250us, latency, supervision_10ms;
    uint16_t mtu; /* the ATT_MTU in use */
};

/* What a connection is.  WOAD_ENOTCONN. */
int woad_conn_info(const struct woad *h, uint16_t conn, struct woad_conn_info *info);

/* The open connections, one after the other: the first one for WOAD_NO_CONN, else the next one
 * behind `conn`, which may have ended meanwhile.  WOAD_NO_CONN: no more.  One that is being
 * disconnected does not count.
 *
 *     for (uint16_t c = WOAD_NO_CONN; (c = woad_conn_next(h, c)) != WOAD_NO_CONN;) */
uint16_t woad_conn_next(const struct woad *h, uint16_t conn);

/* The application has processed WOAD_EV_DISCONNECT of this connection and does not use its number
 * any more: the next connection in its slot may have the slot's first number again.  Only the last
 * connection of the slot is forgotten so; for an earlier one the call has no effect. */
void woad_conn_forget(struct woad *h, uint16_t conn);

/* Disconnects: WOAD_EV_DISCONNECT follows.  `reason` is the HCI error code that the peer gets,
 * usually WOAD_HCI_REMOTE_USER_TERMINATED.  WOAD_ENOTCONN; WOAD_EALREADY if it is already closing;
 * WOAD_EINVAL for a reason that HCI does not allow (Vol 4, Part E, 7.1.6: 0x05, 0x13 to 0x15, 0x1a,
 * 0x29, 0x3b).  What the peer still sends is dropped.  A controller that does not end it within
 * 40 s counts as lost: WOAD_EV_DOWN.
 *
 * The host itself disconnects when for 60 s the peer has acknowledged no packet, or an event of the
 * controller that ends an accepted call has not arrived: the call ends with the connection. */
int woad_disconnect(struct woad *h, uint16_t conn, uint8_t reason);

/* Requests other connection parameters: as central by the link layer, as peripheral by L2CAP
 * signalling.  WOAD_EV_CONN_UPDATE follows; with WOAD_ETIMEDOUT if the peer accepts and does
 * nothing for 30 s, with WOAD_ENOTCONN if the connection ends first.  A request of the peer that
 * waits for its reply is refused.  WOAD_ENOTCONN, WOAD_EINVAL; WOAD_EBUSY during another update. */
int woad_conn_update(struct woad *h, uint16_t conn, const struct woad_connect_params *params);

/* Limits for connection parameters that peers request.  All zero, as at start: any valid parameters
 * are accepted. */
struct woad_conn_limits {
    uint16_t interval_min_1250us, interval_max_1250us; /* 0: no limit */
    bool latency_max_set;
    uint16_t latency_max;
};
/* WOAD_EINVAL: the minimum is larger than the maximum. */
int woad_set_conn_limits(struct woad *h, const struct woad_conn_limits *limits);

/* --- the accept list (feature woad_feature_accept_list) */

/* Replaces the accept list: the peers that advertising, scanning and connecting can be limited to,
 * by their parameters.  The list is copied; running advertising and scanning pause for it.
 * WOAD_EV_ACCEPT_LIST follows; with a status if the controller has less room, with WOAD_ECANCELED
 * before WOAD_EV_DOWN; once for lists that replace each other before it.  WOAD_ENODEV, WOAD_EINVAL;
 * WOAD_ENOMEM for more than config.accept_list; WOAD_EBUSY during an attempt to connect.
 * WOAD_ENOTSUP without the feature. */
int woad_accept_list_set(struct woad *h, const struct woad_addr *peers, size_t n);

/* --- the link layer (feature woad_feature_link_control) */

enum woad_link_item {
    WOAD_LINK_RSSI,        /* dbm; 127: unknown */
    WOAD_LINK_TX_POWER,    /* dbm */
    WOAD_LINK_CHANNEL_MAP, /* channels */
    WOAD_LINK_PHY,         /* tx_phy, rx_phy */
    WOAD_LINK_DATA_LENGTH, /* tx_octets, rx_octets; only by its event, not by woad_link_read() */
    WOAD_LINK_FEATURES,    /* features: the peer's.  Vol 6, Part B, 4.6 */
    WOAD_LINK_VERSION      /* version, company, subversion: the peer's */
};

enum { WOAD_PHY_1M = 1, WOAD_PHY_2M = 2, WOAD_PHY_CODED = 3 };
enum { WOAD_PHYS_1M = 1, WOAD_PHYS_2M = 2, WOAD_PHYS_CODED = 4 }; /* as a set */
enum woad_coding { WOAD_CODING_ANY, WOAD_CODING_S2, WOAD_CODING_S8 };

struct woad_link_value { /* of WOAD_EV_LINK: the fields that `item` names, valid if status is 0 */
    enum woad_link_item item;
    int status; /* 0, an HCI error code, or a WOAD_E… code */
    int8_t dbm;
    uint8_t tx_phy, rx_phy; /* WOAD_PHY_… */
    uint16_t tx_octets, rx_octets;
    uint8_t channel_map[5]; /* bits 0 to 36: data channels in use */
    uint8_t features[8];
    uint8_t version;
    uint16_t company, subversion;
};

/* Reads a property of the link: one WOAD_EV_LINK follows.  WOAD_ENOTCONN, WOAD_EINVAL; WOAD_EBUSY
 * while the same one is being read.  WOAD_ENOTSUP without the feature. */
int woad_link_read(struct woad *h, uint16_t conn, enum woad_link_item item);

/* Sets the maximum number of octets in a link layer packet that we send, 27 to 251.  The host
 * requests 251 by itself.  WOAD_EV_LINK follows whenever the lengths change, by either side; with a
 * status if the controller refuses.  WOAD_ENOTCONN, WOAD_EINVAL, WOAD_EBUSY.  WOAD_ENOTSUP without
 * the feature. */
int woad_link_set_data_length(struct woad *h, uint16_t conn, uint16_t tx_octets);

/* Sets the preferred PHYs, sets of WOAD_PHYS_…, or 0 for no preference.  WOAD_EV_LINK follows with
 * those in use; also when the peer changes them.  WOAD_ENOTCONN, WOAD_EINVAL, WOAD_EBUSY.
 * WOAD_ENOTSUP without the feature. */
int woad_link_set_phy(struct woad *h, uint16_t conn, uint8_t tx_phys, uint8_t rx_phys,
                      enum woad_coding coding);

/* Classifies data channels, as a central: bits 0 to 36, 1: usable; at least two.  For all
 * connections, until WOAD_EV_DOWN.  A controller that refuses goes on as before, without an event:
 * the item WOAD_LINK_CHANNEL_MAP is the map in use.  WOAD_ENODEV, WOAD_EINVAL.  WOAD_ENOTSUP
 * without the feature. */
int woad_set_channel_map(struct woad *h, const uint8_t channels[5]);

/* --- advertising data ------------------------------------------------------------------------- */

enum { /* types of the structures in advertising data.  Assigned Numbers, 2.3 */
       WOAD_AD_FLAGS = 0x01,
       WOAD_AD_UUIDS16_SOME = 0x02, /* an incomplete list of services */
       WOAD_AD_UUIDS16 = 0x03,
       WOAD_AD_UUIDS32_SOME = 0x04,
       WOAD_AD_UUIDS32 = 0x05,
       WOAD_AD_UUIDS128_SOME = 0x06,
       WOAD_AD_UUIDS128 = 0x07,
       WOAD_AD_NAME_SHORT = 0x08, /* the beginning of the name */
       WOAD_AD_NAME = 0x09,
       WOAD_AD_TX_POWER = 0x0a,
       WOAD_AD_CONN_INTERVALS = 0x12,
       WOAD_AD_SERVICE_DATA16 = 0x16,
       WOAD_AD_APPEARANCE = 0x19,
       WOAD_AD_SERVICE_DATA32 = 0x20,
       WOAD_AD_SERVICE_DATA128 = 0x21,
       WOAD_AD_URI = 0x24,
       WOAD_AD_MANUFACTURER = 0xff
};

enum {                         /* WOAD_AD_FLAGS.  Core Specification Supplement, Part A, 1.3 */
       WOAD_AD_LIMITED = 0x01, /* discoverable for a short time */
       WOAD_AD_GENERAL = 0x02, /* discoverable */
       WOAD_AD_LE_ONLY = 0x04  /* BR/EDR is not supported: every device with Woad */
};

/* Finds the first structure of `type` in `data`.  Returns its value and its length, or NULL.
 * Malformed data end the search.  Vol 3, Part C, 11 */
const uint8_t *woad_ad_find(const uint8_t *data, size_t len, uint8_t type, size_t *found_len);

/* Whether a list of services in `data`, complete or not, has this UUID. */
bool woad_ad_has_uuid(const uint8_t *data, size_t len, const struct woad_uuid *uuid);

/* Appends a structure at data[*len], and advances *len; at most `room` octets in all.  WOAD_EINVAL
 * if it does not fit: then nothing is changed. */
int woad_ad_add(uint8_t *data, size_t *len, size_t room, uint8_t type, const void *value,
                size_t value_len);

/* Builds advertising data or a scan response, structure by structure, in octets of the caller:
 *
 *     uint8_t octets[WOAD_ADV_DATA_MAX];
 *     struct woad_ad_builder ad = WOAD_AD_BUILDER(octets);
 *     woad_ad_flags(&ad, WOAD_AD_GENERAL | WOAD_AD_LE_ONLY);
 *     woad_ad_uuids(&ad, &battery, 1);
 *     woad_ad_name(&ad, "Woad battery");
 *     woad_adv_set_data(h, ad.data, ad.len);
 *
 * The functions below return 0; or WOAD_EINVAL if the structure does not fit: nothing is appended,
 * and ad.error keeps the error, so that one look behind the last call is enough.  Values are
 * copied. */
struct woad_ad_builder {
    uint8_t *data;
    size_t room, len; /* octets of `data`; octets in use */
    int error;        /* 0, or WOAD_EINVAL: some structure did not fit */
};
#define WOAD_AD_BUILDER(array_) \
    { \
        array_, sizeof(array_), 0, 0 \
    }

/* WOAD_AD_LIMITED, WOAD_AD_GENERAL, WOAD_AD_LE_ONLY.  WOAD_EINVAL as above. */
int woad_ad_flags(struct woad_ad_builder *ad, uint8_t flags);
/* Assigned Numbers, 2.6.  WOAD_EINVAL as above. */
int woad_ad_appearance(struct woad_ad_builder *ad, uint16_t category);
/* The power that the advertisements leave with.  WOAD_EINVAL as above. */
int woad_ad_tx_power(struct woad_ad_builder *ad, int8_t dbm);

/* The device name, UTF-8 with a NUL.  Shortened between two characters to the room that is left, as
 * WOAD_AD_NAME_SHORT, so append it last; WOAD_EINVAL if not one character fits. */
int woad_ad_name(struct woad_ad_builder *ad, const char *name);

/* The complete lists of n services' UUIDs, a structure for those of each size.  WOAD_EINVAL as
 * above. */
int woad_ad_uuids(struct woad_ad_builder *ad, const struct woad_uuid *uuids, size_t n);

/* Data of a service.  WOAD_EINVAL as above. */
int woad_ad_service_data(struct woad_ad_builder *ad, const struct woad_uuid *uuid, const void *data,
                         size_t len);
/* Data of a company's own: Assigned Numbers, 7.1; 0xffff in tests.  WOAD_EINVAL as above. */
int woad_ad_manufacturer_data(struct woad_ad_builder *ad, uint16_t company, const void *data,
                              size_t len);
/* Any other structure, by its WOAD_AD_… type.  WOAD_EINVAL as above. */
int woad_ad_put(struct woad_ad_builder *ad, uint8_t type, const void *value, size_t len);

#ifdef __cplusplus
}
#endif

#endif
