/* The Generic Access Profile: addresses, advertising, scanning, connections. */
#ifndef WOAD_GAP_H
#define WOAD_GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct woad;

enum { /* struct woad_addr.type */
       WOAD_ADDR_PUBLIC = 0,
       WOAD_ADDR_RANDOM = 1,
       WOAD_ADDR_PUBLIC_IDENTITY = 2, /* resolved by the controller; only in events */
       WOAD_ADDR_RANDOM_IDENTITY = 3
};

/* A device address; `octet[0]` is the least significant, the last one people write. */
struct woad_addr {
    uint8_t type;
    uint8_t octet[6];
};

enum { WOAD_NO_CONN = 0xffff };  /* never the number of a connection */
enum { WOAD_ADV_DATA_MAX = 31 }; /* legacy advertising.  Vol 6, Part B, 2.3.1 */

/* --- own address ------------------------------------------------------------------------------ */

/* The address in use for advertising, scanning and connecting.  WOAD_ENODEV until WOAD_EV_UP. */
int woad_own_address(const struct woad *h, struct woad_addr *addr);

/* Chooses it.  type WOAD_ADDR_PUBLIC needs a controller that has one (else WOAD_EINVAL), `octet`
 * is not used; WOAD_ADDR_RANDOM takes a static random address (two top bits 11) or, with NULL, the
 * one drawn at start.  Running advertising and scanning are interrupted for it.
 * WOAD_ENODEV, WOAD_EINVAL; WOAD_EBUSY while a connection attempt runs. */
int woad_set_own_address(struct woad *h, uint8_t type, const uint8_t *octet);

/* --- advertising (feature woad_feature_advertiser)
 * ---------------------------------------------------- */

enum {                           /* struct woad_adv_params.kind.  Vol 4, Part E, 7.8.5 */
       WOAD_ADV_IND = 0,         /* connectable and scannable */
       WOAD_ADV_DIRECT_HIGH = 1, /* connectable by `peer` alone, as fast as can be */
       WOAD_ADV_SCAN_IND = 2,    /* scannable */
       WOAD_ADV_NONCONN_IND = 3,
       WOAD_ADV_DIRECT_LOW = 4 /* connectable by `peer` alone, at the interval */
};

enum { /* struct woad_adv_params.accept: the accept list is for */
       WOAD_ADV_ACCEPT_ALL = 0,
       WOAD_ADV_ACCEPT_SCAN = 1,    /* scan requests */
       WOAD_ADV_ACCEPT_CONNECT = 2, /* connections */
       WOAD_ADV_ACCEPT_BOTH = 3
};

struct woad_adv_params {
    uint8_t kind;
    uint16_t interval_625us; /* 0x0020 (20 ms) to 0x4000 (10.24 s) */
    uint8_t adv_channel_map; /* bits 0 to 2: 37, 38, 39; 0: all */
    uint8_t filter_policy;   /* not 0: needs the feature woad_feature_accept_list */
    struct woad_addr peer;   /* of directed advertising, which carries no data */
};

/* Sets what is advertised: 0 to 31 octets, copied.  A running advertiser goes on with the new
 * data. The data stay until woad_stop(); a kind that has none keeps them for the next that
 * does.  WOAD_EINVAL when too long. */
int woad_adv_set_data(struct woad *h, const uint8_t *data, size_t len);
int woad_adv_set_scan_response(struct woad *h, const uint8_t *data, size_t len);

/* Starts, or restarts with other parameters.  WOAD_EV_ADV_STARTED or WOAD_EV_ADV_FAILED follows,
 * or WOAD_EV_ADV_STOPPED if woad_adv_stop() comes before (or a connection, and the controller then
 * says that it has refused).
 * Connectable advertising ends by itself when a central connects (WOAD_EV_CONNECT),
 * WOAD_ADV_DIRECT_HIGH after 1.28 s too: WOAD_EV_ADV_STOPPED with WOAD_HCI_ADVERTISING_TIMEOUT; and
 * with WOAD_ENOMEM when a central comes and every connection is in use meanwhile.
 * WOAD_ENODEV, WOAD_EINVAL; WOAD_ENOMEM if connectable and every connection is in use. */
int woad_adv_start(struct woad *h, const struct woad_adv_params *params);

/* Stops; WOAD_EV_ADV_STOPPED follows, once, if it was running or about to.  Stopping what does not
 * run is no error. */
int woad_adv_stop(struct woad *h);
bool woad_adv_running(const struct woad *h);

/* --- extended advertising (feature woad_feature_extended_advertising)
 * --------------------------------------------- */

enum { WOAD_EXT_DATA_MAX = 1650 }; /* octets.  Vol 4, Part E, 7.8.54; controllers have less */
enum { WOAD_TX_POWER_ANY = 127 };

struct woad_ext_adv_params {
    bool connectable, scannable; /* or neither; scannable has a response and no data */
    bool directed;               /* at `peer` */
    bool anonymous;              /* without an address */
    bool include_tx_power;
    uint32_t interval_625us; /* 0x000020 (20 ms) to 0xffffff */
    uint8_t adv_channel_map; /* bits 0 to 2: 37, 38, 39; 0: all */
    uint8_t filter_policy;   /* not 0: needs the feature woad_feature_accept_list */
    struct woad_addr peer;
    uint8_t primary_phy;    /* WOAD_PHY_1M or _CODED; 0: 1M */
    uint8_t secondary_phy;  /* WOAD_PHY_…; 0: 1M */
    uint8_t sid;            /* 0 to 15 */
    int8_t tx_power_dbm;    /* the most, or WOAD_TX_POWER_ANY */
    uint16_t duration_10ms; /* 0: until it is stopped */
    uint8_t events_max;     /* 0: as many as there are */
};

struct woad_ext_report {                /* of WOAD_EV_EXT_REPORT */
    struct woad_addr addr;              /* type 0xff: anonymous */
    uint16_t props;                     /* bit 0 connectable, 1 scannable, 2 directed, 3 scan
                                         * response.  Vol 4, Part E, 7.7.65.13 */
    uint8_t primary_phy, secondary_phy; /* WOAD_PHY_…; 0: none */
    uint8_t sid;                        /* 0xff: none */
    int8_t tx_power_dbm, rssi;          /* 127: not known */
    uint16_t periodic_1250us;           /* 0: no periodic advertising */
    bool more;                          /* the rest comes with the next report of it */
    bool truncated;                     /* and does not come */
    const uint8_t *data;
    uint8_t len;
};

/* Sets are 0 to config.adv_sets - 1.  What is advertised is not copied: it stays where it is until
 * it is replaced, or WOAD_EV_DOWN.  A running set goes on with the new data.  A scannable set sends
 * its scan response alone, any other its data alone.  WOAD_ENODEV, WOAD_EINVAL; WOAD_ENOTSUP where
 * the controller has no extended advertising. */
int woad_ext_adv_set_data(struct woad *h, uint8_t set, const uint8_t *data, size_t len);
int woad_ext_adv_set_scan_response(struct woad *h, uint8_t set, const uint8_t *data, size_t len);

/* Starts, or restarts with other parameters: WOAD_EV_EXT_ADV_STARTED, or WOAD_EV_EXT_ADV_ENDED with
 * a status (HCI) if the controller refuses.  It ends when a central connects, after duration_10ms
 * or events_max, and when it is stopped.  The same errors; WOAD_ENOMEM if connectable and every
 * connection is in use. */
int woad_ext_adv_start(struct woad *h, uint8_t set, const struct woad_ext_adv_params *params);
int woad_ext_adv_stop(struct woad *h, uint8_t set);

/* WOAD_PHYS_…: on which scans listen (1M, coded) and attempts to connect (all three), from the next
 * on; at first on 1M.  WOAD_ENODEV, WOAD_EINVAL; WOAD_ENOTSUP where the controller can't. */
int woad_set_scan_phys(struct woad *h, uint8_t phys);
int woad_set_connect_phys(struct woad *h, uint8_t phys);

/* --- scanning (feature woad_feature_scanner)
 * ---------------------------------------------------------- */

struct woad_scan_params {
    uint16_t interval_625us, window_625us; /* 0x0004 to 0x4000, window <= interval */
    bool active;                           /* ask for scan responses */
    bool filter_duplicates;                /* by the controller */
    uint32_t duration_ms;                  /* 0: until woad_scan_stop() */
    bool accept_list;                      /* only who is on it; needs woad_feature_accept_list */
};

/* WOAD_EV_REPORT for each advertisement, one WOAD_EV_SCAN_DONE at the end.
 * WOAD_ENODEV, WOAD_EINVAL; WOAD_EALREADY while scanning; WOAD_EBUSY while connecting. */
int woad_scan_start(struct woad *h, const struct woad_scan_params *params);

/* No WOAD_EV_REPORT follows; WOAD_EV_SCAN_DONE follows if a scan was running. */
int woad_scan_stop(struct woad *h);
bool woad_scan_running(const struct woad *h);

/* --- connecting (feature woad_feature_central)
 * -------------------------------------------------------- */

struct woad_connect_params {
    uint16_t scan_interval_625us, scan_window_625us;
    uint16_t interval_min_1250us, interval_max_1250us; /* 6 (7.5 ms) to 3200 (4 s) */
    uint16_t latency;                                  /* connection events, 0 to 499 */
    uint16_t supervision_10ms;                         /* 10 (100 ms) to 3200 (32 s) */
    uint32_t timeout_ms;                               /* 0: until woad_connect_cancel() */
};

/* WOAD_EV_CONNECT or WOAD_EV_CONNECT_FAILED follows, once; the latter with WOAD_ENOMEM if a central
 * that has come meanwhile has the last connection.  A controller says that it is connected when it
 * has answered an advertisement, and does not know yet whether the peer has heard it.  If
 * not, WOAD_EV_DISCONNECT with WOAD_HCI_FAILED_TO_ESTABLISH follows within six intervals: try
 * again.  A peripheral is told the same, and starts to advertise again as after any connection.
 *
 * With the feature woad_feature_reconnection the host tries again by itself: config.connect_retries
 * times, within timeout_ms.  WOAD_EV_CONNECT then waits until the peer has been heard or eight
 * intervals have passed, and WOAD_EV_CONNECT_FAILED has the status of the last attempt.
 *
 * A bonded peer that hides behind private addresses is meant by its identity.  Where the controller
 * resolves addresses (4.2 and later, woad_feature_resolving_list) it finds the peer, and the accept
 * list holds for it.  Where it does not, an attempt goes to the address that was heard last, by a
 * scan or a connection, and fails by its time limit if the peer has another by now; the accept list
 * does not meet it.  With woad_feature_reconnection, woad_feature_scanner and config.crypto the
 * host scans in that case, resolves and connects (General Connection Establishment, Vol 3, Part
 * C, 9.3.6), for a peer and for the accept list, with the scan interval and window of `params`; the
 * bond is one that the host knows (woad_bond_add()).  No WOAD_EV_REPORT comes of that scan, and a
 * scan of the application's own ends as ever when an attempt begins.
 *
 * WOAD_ENODEV, WOAD_EINVAL; WOAD_EALREADY while an attempt runs; with peer NULL it is whoever of
 * the accept list comes first (the feature woad_feature_accept_list); WOAD_EISCONN if connected to
 * that address; WOAD_ENOMEM when every connection is in use. */
int woad_connect(struct woad *h, const struct woad_addr *peer,
                 const struct woad_connect_params *params);

/* Gives the attempt up: WOAD_EV_CONNECT_FAILED follows, or WOAD_EV_CONNECT if it was too late, and
 * then perhaps WOAD_EV_DISCONNECT.
 * WOAD_ENODEV; WOAD_EALREADY when no attempt runs. */
int woad_connect_cancel(struct woad *h);

/* --- connections ------------------------------------------------------------------------------ */

/* Connections are named by small numbers.  A number is not used again until 126 more connections
 * have come and gone in its place, so a stale one is WOAD_ENOTCONN, never another connection. */

struct woad_conn_info {
    struct woad_addr peer;
    bool central; /* our role */
    uint16_t interval_1250us, latency, supervision_10ms;
    uint16_t mtu; /* the ATT_MTU in use */
};

int woad_conn_info(const struct woad *h, uint16_t conn, struct woad_conn_info *info);

/* The application has heard that this connection is over, and means no other by its number: the
 * next one in its place may have the number of the first, index and no generation. */
void woad_conn_forget(struct woad *h, uint16_t conn);

/* WOAD_EV_DISCONNECT follows.  `reason` is an HCI error code the peer will see, usually
 * WOAD_HCI_REMOTE_USER_TERMINATED.  WOAD_ENOTCONN; WOAD_EALREADY when it is already closing;
 * WOAD_EINVAL for a reason that HCI does not take (Vol 4, Part E, 7.1.6: 0x05, 0x13 to 0x15, 0x1a,
 * 0x29, 0x3b).  A controller that does not end it within 40 s is lost: WOAD_EV_DOWN. */
int woad_disconnect(struct woad *h, uint16_t conn, uint8_t reason);

/* Asks for other parameters: as central by the link layer, as peripheral by L2CAP signalling.
 * WOAD_EV_CONN_UPDATE follows, with WOAD_ETIMEDOUT if the peer accepts and does nothing for 30 s,
 * with WOAD_ENOTCONN if the connection ends before.  A peer's request that waits for its reply is
 * refused then.  WOAD_ENOTCONN, WOAD_EINVAL; WOAD_EBUSY while one is under way. */
int woad_conn_update(struct woad *h, uint16_t conn, const struct woad_connect_params *params);

/* What is granted to peers that ask for other parameters; all zero, as at first: whatever is
 * valid. */
struct woad_conn_limits {
    uint16_t interval_min_1250us, interval_max_1250us; /* 0: no limit */
    bool latency_max_set;
    uint16_t latency_max;
};
int woad_set_conn_limits(struct woad *h, const struct woad_conn_limits *limits);

/* --- the accept list (feature woad_feature_accept_list)
 * ----------------------------------------------- */

/* Peers that advertising, scanning and connecting can be limited to, as their parameters say.
 * Takes the place of the list before; running advertising and scanning pause for it.
 * WOAD_EV_ACCEPT_LIST follows, with a status when the controller has less room, or WOAD_ECANCELED
 * before WOAD_EV_DOWN; for lists that replace each other before that, once.  WOAD_ENODEV,
 * WOAD_EINVAL; WOAD_ENOMEM for more than config.accept_list; WOAD_EBUSY while a connection
 * attempt runs. */
int woad_accept_list_set(struct woad *h, const struct woad_addr *peers, size_t n);

/* --- the link (feature woad_feature_link_control)
 * ------------------------------------------------------------- */

enum woad_link_item {
    WOAD_LINK_RSSI,        /* dbm; 127: not known */
    WOAD_LINK_TX_POWER,    /* dbm */
    WOAD_LINK_CHANNEL_MAP, /* channels */
    WOAD_LINK_PHY,         /* tx_phy, rx_phy */
    WOAD_LINK_DATA_LENGTH, /* tx_octets, rx_octets; can't be read */
    WOAD_LINK_FEATURES,    /* features: the peer's.  Vol 6, Part B, 4.6 */
    WOAD_LINK_VERSION      /* version, company, subversion: the peer's */
};

enum { WOAD_PHY_1M = 1, WOAD_PHY_2M = 2, WOAD_PHY_CODED = 3 };
enum { WOAD_PHYS_1M = 1, WOAD_PHYS_2M = 2, WOAD_PHYS_CODED = 4 }; /* as a set */
enum woad_coding { WOAD_CODING_ANY, WOAD_CODING_S2, WOAD_CODING_S8 };

struct woad_link_value { /* of WOAD_EV_LINK: what `item` says, if status is 0 */
    enum woad_link_item item;
    int status; /* HCI, or the host's */
    int8_t dbm;
    uint8_t tx_phy, rx_phy; /* WOAD_PHY_… */
    uint16_t tx_octets, rx_octets;
    uint8_t channel_map[5]; /* bits 0 to 36: data channels in use */
    uint8_t features[8];
    uint8_t version;
    uint16_t company, subversion;
};

/* Asks for it: WOAD_EV_LINK follows, once.  WOAD_ENOTCONN, WOAD_EINVAL; WOAD_EBUSY while the
 * same is under way. */
int woad_link_read(struct woad *h, uint16_t conn, enum woad_link_item item);

/* The most octets we send in one packet of the link layer, 27 to 251.  The host asks for 251 by
 * itself.  WOAD_EV_LINK follows whenever the lengths change, whoever asked; with a status if the
 * controller refuses. */
int woad_link_set_data_length(struct woad *h, uint16_t conn, uint16_t tx_octets);

/* The PHYs we would like, WOAD_PHYS_… or 0 for no wish.  WOAD_EV_LINK follows with those in use;
 * also when the peer has asked. */
int woad_link_set_phy(struct woad *h, uint16_t conn, uint8_t tx_phys, uint8_t rx_phys,
                      enum woad_coding coding);

/* Data channels that are not bad, as a central: bits 0 to 36, two at least.  For all connections,
 * until WOAD_EV_DOWN.  WOAD_ENODEV, WOAD_EINVAL. */
int woad_set_channel_map(struct woad *h, const uint8_t channels[5]);

/* --- advertising data ------------------------------------------------------------------------- */

/* Finds the first structure of `type` in `data`.  Returns its value and its length, or NULL.
 * Malformed data end the search.  Vol 3, Part C, 11 */
const uint8_t *woad_ad_find(const uint8_t *data, size_t len, uint8_t type, size_t *found_len);

/* Appends a structure at `data[*len]`, no more than `room` octets in all.  WOAD_EINVAL if it does
 * not fit; nothing is changed then. */
int woad_ad_add(uint8_t *data, size_t *len, size_t room, uint8_t type, const void *value,
                size_t value_len);

#endif
