/* What the feature woad_feature_reconnection does for connections and scans: gap/gap_reconnect.c,
 * as h->reconnect; NULL without it. */
#ifndef WOAD_CORE_RECONNECT_ROLE_H
#define WOAD_CORE_RECONNECT_ROLE_H

#include <woad/woad.h>

struct conn;

struct reconnect_role {
    void (*begin)(struct woad *h); /* woad_connect() */
    bool (*seeks)(struct woad *h); /* before the command: it scans for the peer first */
    /* An advertisement: the event of a scan, and the address in it, as on the air. */
    void (*heard)(struct woad *h, enum woad_event_type type, const struct woad_event *ev,
                  const struct woad_addr *air);
    bool (*holds)(struct conn *c); /* WOAD_EV_CONNECT until the peer is heard */
    void (*proved)(const struct conn *c);
    void (*lost)(struct woad *h, uint8_t status); /* before that; or it can't scan */
    void (*stop)(struct woad *h, bool cancels);   /* the attempt ends, or is given up */
    bool (*again)(struct woad *h);                /* instead of failing */
};

#endif
