/* What the feature woad_feature_reconnection does for connections and scans: gap/gap_reconnect.c,
 * as h->reconnect; NULL without it. */
#ifndef WOAD_CORE_RECONNECT_ROLE_H
#define WOAD_CORE_RECONNECT_ROLE_H

#include <woad/woad.h>

struct conn;

struct reconnect_role {
    void (*begin)(struct woad *h);     /* woad_connect() */
    bool (*must_scan)(struct woad *h); /* before the command: it scans for the peer first */
    /* An advertisement: the event of a scan, and the address in it, as on the air. */
    void (*on_report)(struct woad *h, enum woad_event_type type, const struct woad_event *ev,
                      const struct woad_addr *air);
    bool (*hold_connect_event)(struct conn *c); /* WOAD_EV_CONNECT until the peer is heard */
    void (*peer_verified)(const struct conn *c);
    void (*failed)(struct woad *h, uint8_t status); /* before that; or it can't scan */
    void (*stop)(struct woad *h, bool cancels);     /* the attempt ends, or is given up */
    bool (*retry)(struct woad *h);                  /* instead of failing */
};

#endif
