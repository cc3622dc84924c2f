/* The attempt to connect: made by gap_central.c, repeated by gap_reconnect.c. */
#ifndef WOAD_GAP_CENTRAL_H
#define WOAD_GAP_CENTRAL_H

#include <woad/gap.h>

#include "../core/conn.h"
#include "../core/reconnect_role.h"
#include "gap_ext.h"

enum central_state {
    CENTRAL_IDLE,
    CENTRAL_VERIFYING,    /* connected, but the peer has not been received yet */
    CENTRAL_WAIT_COMMAND, /* the command waits; in the states below it has been sent */
    CENTRAL_WAIT_STATUS,  /* sent, without Command Status yet */
    CENTRAL_CONNECTING,
    CENTRAL_CANCEL /* to be cancelled, or cancelled */
};

/* Indices of an attempt's parameters, in the order of HCI's commands: the scan's, in units of
 * 625 us; then those of a request, PARAM_MIN and so on. */
enum {
    CONNECT_INTERVAL,
    CONNECT_WINDOW,
    CONNECT_REQUEST,
    CONNECT_PARAMS = CONNECT_REQUEST + PARAMS
};

struct central {
    uint8_t state; /* enum central_state */
    bool cancel_sent;
    bool use_accept_list; /* to any peer of the accept list */
    bool target_known;    /* a scan has received the peer, at `target` */
    uint8_t retries;      /* attempts that remain */
    int cancel_status;    /* status of a cancelled attempt: WOAD_ECANCELED or WOAD_ETIMEDOUT; 0: not
                           * cancelled, or it begins again */
    uint32_t deadline;    /* end of the attempt, or of its cancellation; 0: none */
    uint32_t attempt_until; /* end of the whole attempt; 0: none */
    uint16_t params[CONNECT_PARAMS];
    struct woad_addr peer, target;
};

/* gap_central.c */
void central_fail(struct woad *h, int status);
void central_end(struct woad *h);
void central_begin(struct woad *h);
void central_cancel(struct woad *h, int status);
/* gap_scan.c: whether HCI allows such a scan, in units of 625 us.  Vol 4, Part E, 7.8.10 */
bool scan_window_valid(uint16_t interval, uint16_t window);
/* A scan for a peer to connect to, without events. */
void scan_for_peer(struct woad *h, const uint16_t params[CONNECT_PARAMS]);
void scan_for_peer_end(struct woad *h);
/* gap_accept.c: entry n of the accept list; NULL: no more. */
const struct woad_addr *accept_peer(const struct woad *h, uint8_t n);

#endif
