/* A feature: what an application names in config.features, and what is linked only then.  The host
 * calls each feature through this table, in the order in which they are named; any pointer may be
 * NULL.  The core itself (bring-up and connections) is one, woad_core, and always the first. */
#ifndef WOAD_CORE_FEATURE_H
#define WOAD_CORE_FEATURE_H

#include <woad/woad.h>

#include "../base/buf.h"

struct conn;

/* An HCI event about one connection: [status u8,] handle u16, parameters, `len` octets in all.  One
 * of another length is malformed; one for a handle without a connection is dropped. */
enum { NO_STATUS, STATUS };
struct conn_event {
    uint8_t code;        /* event code, or LE | subevent; 0 ends a table */
    uint8_t status, len; /* NO_STATUS or STATUS; octets with handle and status */
    void (*rx)(struct conn *c, uint8_t status, struct rd *in);
};

/* What only some features have. */
struct woad_needs {
    uint32_t le_events; /* bits of the LE event mask.  Vol 4, Part E, 7.8.1 */
    /* LE events of that mask that are not about one connection. */
    void (*rx_le_event)(struct woad *h, uint8_t sub, struct rd *in);
    uint16_t frame_max;   /* octets of the largest L2CAP payload it sends or takes */
    bool uses_signalling; /* signalling for config.channels and att_bearers */
};

struct woad_feature {
    void (*layout)(struct woad *h); /* take memory, set roles: see arena.h */
    void (*reset)(struct woad *h);  /* the controller is a new one: at start and at the end */
    /* HCI: writes the next command's parameters and returns its opcode, 0 when there is none; then
     * how that command ended. */
    uint16_t (*command)(struct woad *h, struct wr *params);
    void (*complete)(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret);
    void (*conn_open)(struct conn *c);
    void (*conn_close)(struct conn *c);
    const struct conn_event *conn_events;
    /* An attempt of ours to connect, or advertising, has ended without a connection. */
    void (*connect_failed)(struct woad *h, bool central, int status);
    /* Ends what is due now; milliseconds to the next deadline. */
    uint32_t (*run_timers)(struct woad *h);
    const struct woad_needs *needs; /* NULL: none of that */
};

extern const struct woad_feature woad_core; /* host/connection.c */

/* For a call of the application on a feature whose memory this is: WOAD_ENOTSUP when the feature is
 * not named, WOAD_ENODEV when the radio is off, else 0.  Features are polled for commands again. */
int feature_for_call(struct woad *h, const void *memory);

#endif
