/* The Generic Access Profile: addresses, advertising, scanning, connections. */
#ifndef WOAD_GAP_H
#define WOAD_GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct woad;

enum {                                   /* struct woad_addr.type */
    WOAD_ADDR_PUBLIC          = 0,
    WOAD_ADDR_RANDOM          = 1,
    WOAD_ADDR_PUBLIC_IDENTITY = 2,       /* resolved by the controller; only in events */
    WOAD_ADDR_RANDOM_IDENTITY = 3
};

/* A device address; `octet[0]` is the least significant, the last one people write. */
struct woad_addr {
    uint8_t type;
    uint8_t octet[6];
};

enum { WOAD_NO_CONN = 0xffff };          /* never the number of a connection */
enum { WOAD_ADV_DATA_MAX = 31 };         /* legacy advertising.  Vol 6, Part B, 2.3.1 */

/* --- own address ------------------------------------------------------------------------------ */

/* The address in use for advertising, scanning and connecting.  WOAD_ENODEV until WOAD_EV_UP. */
int woad_own_address(const struct woad *h, struct woad_addr *addr);

/* Chooses it.  type WOAD_ADDR_PUBLIC needs a controller that has one (else WOAD_EINVAL), `octet`
 * is not used; WOAD_ADDR_RANDOM takes a static random address (two top bits 11) or, with NULL, the
 * one drawn at start.  Running advertising and scanning are interrupted for it.
 * WOAD_ENODEV, WOAD_EINVAL; WOAD_EBUSY while a connection attempt runs. */
int woad_set_own_address(struct woad *h, uint8_t type, const uint8_t *octet);

/* --- advertising (feature woad_advertiser) ---------------------------------------------------- */

enum {                                   /* struct woad_adv_params.kind.  Vol 4, Part E, 7.8.5 */
    WOAD_ADV_IND      = 0,               /* connectable and scannable */
    WOAD_ADV_SCAN_IND = 2,               /* scannable */
    WOAD_ADV_NONCONN_IND = 3
};

struct woad_adv_params {
    uint8_t kind;
    uint16_t interval_625us;             /* 0x0020 (20 ms) to 0x4000 (10.24 s) */
};

/* Sets what is advertised: 0 to 31 octets, copied.  A running advertiser goes on with the new data.
 * The data stay until woad_stop().  WOAD_EINVAL when too long. */
int woad_adv_set_data(struct woad *h, const uint8_t *data, size_t len);
int woad_adv_set_scan_response(struct woad *h, const uint8_t *data, size_t len);

/* Starts, or restarts with other parameters.  WOAD_EV_ADV_STARTED or WOAD_EV_ADV_FAILED follows.
 * Connectable advertising ends by itself when a central connects (WOAD_EV_CONNECT).
 * WOAD_ENODEV, WOAD_EINVAL; WOAD_ENOMEM if connectable and every connection is in use. */
int woad_adv_start(struct woad *h, const struct woad_adv_params *params);

/* Stops; WOAD_EV_ADV_STOPPED follows if it was running.  Stopping what does not run is no error. */
int woad_adv_stop(struct woad *h);
bool woad_adv_running(const struct woad *h);

/* --- scanning (feature woad_scanner) ---------------------------------------------------------- */

struct woad_scan_params {
    uint16_t interval_625us, window_625us;   /* 0x0004 to 0x4000, window <= interval */
    bool active;                             /* ask for scan responses */
    bool filter_duplicates;                  /* by the controller */
    uint32_t duration_ms;                    /* 0: until woad_scan_stop() */
};

/* WOAD_EV_REPORT for each advertisement, one WOAD_EV_SCAN_DONE at the end.
 * WOAD_ENODEV, WOAD_EINVAL; WOAD_EALREADY while scanning; WOAD_EBUSY while connecting. */
int woad_scan_start(struct woad *h, const struct woad_scan_params *params);

/* No WOAD_EV_REPORT follows; WOAD_EV_SCAN_DONE follows if a scan was running. */
int woad_scan_stop(struct woad *h);
bool woad_scan_running(const struct woad *h);

/* --- connecting (feature woad_central) -------------------------------------------------------- */

struct woad_connect_params {
    uint16_t scan_interval_625us, scan_window_625us;
    uint16_t interval_min_1250us, interval_max_1250us;  /* 6 (7.5 ms) to 3200 (4 s) */
    uint16_t latency;                                   /* connection events, 0 to 499 */
    uint16_t supervision_10ms;                          /* 10 (100 ms) to 3200 (32 s) */
    uint32_t timeout_ms;                                /* 0: until woad_connect_cancel() */
};

/* WOAD_EV_CONNECT or WOAD_EV_CONNECT_FAILED follows, once.  WOAD_ENODEV, WOAD_EINVAL;
 * WOAD_EALREADY while an attempt runs; WOAD_EISCONN if connected to that address; WOAD_ENOMEM when
 * every connection is in use. */
int woad_connect(struct woad *h, const struct woad_addr *peer,
                 const struct woad_connect_params *params);

/* Gives the attempt up: WOAD_EV_CONNECT_FAILED follows, or WOAD_EV_CONNECT if it was too late.
 * WOAD_ENODEV; WOAD_EALREADY when no attempt runs. */
int woad_connect_cancel(struct woad *h);

/* --- connections ------------------------------------------------------------------------------ */

/* Connections are named by small numbers.  A number is not used again until 126 more connections
 * have come and gone in its place, so a stale one is WOAD_ENOTCONN, never another connection. */

struct woad_conn_info {
    struct woad_addr peer;
    bool central;                        /* our role */
    uint16_t interval_1250us, latency, supervision_10ms;
    uint16_t mtu;                        /* the ATT_MTU in use */
};

int woad_conn_info(const struct woad *h, uint16_t conn, struct woad_conn_info *info);

/* WOAD_EV_DISCONNECT follows.  `reason` is an HCI error code the peer will see, usually
 * WOAD_HCI_REMOTE_USER_TERMINATED.  WOAD_ENOTCONN; WOAD_EALREADY when it is already closing. */
int woad_disconnect(struct woad *h, uint16_t conn, uint8_t reason);

/* Asks for other parameters: as central by the link layer, as peripheral by L2CAP signalling.
 * WOAD_EV_CONN_UPDATE follows.  WOAD_ENOTCONN, WOAD_EINVAL; WOAD_EBUSY while one is under way. */
int woad_conn_update(struct woad *h, uint16_t conn, const struct woad_connect_params *params);

/* --- advertising data ------------------------------------------------------------------------- */

/* Finds the first structure of `type` in `data`.  Returns its value and its length, or NULL.
 * Malformed data end the search.  Vol 3, Part C, 11 */
const uint8_t *woad_ad_find(const uint8_t *data, size_t len, uint8_t type, size_t *found_len);

/* Appends a structure at `data[*len]`, no more than `room` octets in all.  WOAD_EINVAL if it does
 * not fit; nothing is changed then. */
int woad_ad_add(uint8_t *data, size_t *len, size_t room, uint8_t type, const void *value,
                size_t value_len);

#endif
