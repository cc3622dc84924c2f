/* An attempt to connect: gap_central.c, and the feature that makes it again, gap_reconnect.c. */
#ifndef WOAD_GAP_CENTRAL_H
#define WOAD_GAP_CENTRAL_H

#include "gap_ext.h"

enum central_state {
    CENTRAL_IDLE,
    CENTRAL_PROVING,                     /* connected; the peer has not been heard yet */
    CENTRAL_WANT,                        /* the command has not been sent; behind it, it has */
    CENTRAL_WAIT_STATUS,                 /* sent; the controller has not said it began */
    CENTRAL_CONNECTING,
    CENTRAL_CANCEL                       /* the cancel command is to be sent, or has been */
};

struct central {
    uint8_t state;
    bool cancel_sent;
    bool any;                            /* of the accept list */
    bool found;                          /* a scan has heard the peer, at `target` */
    uint8_t retries;                     /* that are left */
    int why;                             /* WOAD_ECANCELED or WOAD_ETIMEDOUT; 0 */
    uint32_t due;
    struct woad_addr peer, target;
    struct woad_connect_params params;
};

/* What the feature woad_reconnection does; h->reconnect. */
struct reconnect_role {
    void (*begin)(struct woad *h);       /* woad_connect() */
    bool (*seeks)(struct woad *h);       /* before the command: it scans for the peer first */
    /* An advertisement: the event of a scan, and the address in it, as on the air. */
    void (*heard)(struct woad *h, enum woad_event_type type, const struct woad_event *ev,
                  const struct woad_addr *air);
    bool (*holds)(struct conn *c);       /* WOAD_EV_CONNECT until the peer is heard */
    void (*proved)(const struct conn *c);
    void (*lost)(struct woad *h, uint8_t status);          /* before that; or it can't scan */
    void (*stop)(struct woad *h, bool cancels);            /* the attempt ends, or is given up */
    bool (*again)(struct woad *h);       /* instead of failing */
};

/* gap_central.c */
void central_fail(struct woad *h, int status);
void central_end(struct woad *h);
void central_cancel(struct woad *h, int why);
/* gap_scan.c: a scan of the host's own; no event tells of it. */
void scan_seek(struct woad *h, const struct woad_connect_params *p);
void scan_seek_end(struct woad *h);
/* gap_accept.c: peers of the list, NULL behind the last. */
const struct woad_addr *accept_peer(const struct woad *h, uint8_t n);

#endif
