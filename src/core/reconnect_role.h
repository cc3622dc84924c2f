/* Hooks of the feature woad_feature_reconnection for connection attempts and scans: h->reconnect,
 * NULL where it is not linked.  Implemented in gap/gap_reconnect.c. */
#ifndef WOAD_CORE_RECONNECT_ROLE_H
#define WOAD_CORE_RECONNECT_ROLE_H

#include <woad/woad.h>

struct conn;

/* `cancels` of stop(): by itself, or by woad_connect_cancel(). */
enum { ATTEMPT_OVER = false, ATTEMPT_CANCELLED = true };

struct reconnect_role {
    void (*begin)(struct woad *h); /* woad_connect() was called */
    /* Before the connection command is sent: true: a scan for the peer's private address has to
     * come first, and has been started. */
    bool (*must_scan)(struct woad *h);
    /* A report of that scan: WOAD_EV_REPORT or WOAD_EV_EXT_REPORT, and the advertiser's address on
     * the air. */
    void (*on_report)(struct woad *h, enum woad_event_type type, const struct woad_event *ev,
                      const struct woad_addr *air);
    /* A connection of ours has opened.  True: hold WOAD_EV_CONNECT back until the peer has sent
     * something, because controllers report a connection before the peer has answered. */
    bool (*hold_connect_event)(struct conn *c);
    void (*peer_present)(const struct conn *c); /* raise it now: the peer has sent something */
    /* The attempt has failed with this HCI status: the scan, or the connection that was held. */
    void (*failed)(struct woad *h, uint8_t status);
    void (*stop)(struct woad *h, bool cancels); /* the attempt ends: ATTEMPT_… */
};

#endif
