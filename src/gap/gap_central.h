/* An attempt to connect: gap_central.c, and the feature that makes it again, gap_reconnect.c. */
#ifndef WOAD_GAP_CENTRAL_H
#define WOAD_GAP_CENTRAL_H

#include <woad/gap.h>

#include "../core/reconnect_role.h"
#include "gap_ext.h"

enum central_state {
    CENTRAL_IDLE,
    CENTRAL_PROVING,      /* connected; the peer has not been heard yet */
    CENTRAL_WAIT_COMMAND, /* the command has not been sent; behind it, it has */
    CENTRAL_WAIT_STATUS,  /* sent; the controller has not said it began */
    CENTRAL_CONNECTING,
    CENTRAL_CANCEL /* the cancel command is to be sent, or has been */
};

struct central {
    uint8_t state;
    bool cancel_sent;
    bool use_accept_list; /* of the accept list */
    bool target_known;    /* a scan has heard the peer, at `target` */
    uint8_t retries;      /* that are left */
    int cancel_status;    /* WOAD_ECANCELED or WOAD_ETIMEDOUT; 0 */
    uint32_t due;
    struct woad_addr peer, target;
    struct woad_connect_params params;
};

/* gap_central.c */
void central_fail(struct woad *h, int status);
void central_end(struct woad *h);
void central_cancel(struct woad *h, int status);
/* gap_scan.c: a scan of the host's own; no event tells of it. */
void scan_for_peer(struct woad *h, const struct woad_connect_params *p);
void scan_for_peer_end(struct woad *h);
/* gap_accept.c: peers of the list, NULL behind the last. */
const struct woad_addr *accept_peer(const struct woad *h, uint8_t n);

#endif
