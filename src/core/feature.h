/* Features: the parts of the host that an application names in config.features; what it does not
 * name is not linked.  The host calls each feature through a table of hooks, in the order of
 * config.features; a hook may be NULL.  The core itself (bring-up and connections) is a feature
 * too, core_feature, always the first. */
#ifndef WOAD_CORE_FEATURE_H
#define WOAD_CORE_FEATURE_H

#include <woad/woad.h>

#include "../base/buf.h"

struct conn;

/* A row of a feature's table of HCI events about one connection: [status u8,] handle u16,
 * parameters.  An event of another length than `len` is malformed; one with an unknown handle is
 * dropped. */
enum { NO_STATUS, STATUS };
struct conn_event {
    uint8_t code;   /* event code, or LE | subevent code; 0 ends the table */
    uint8_t status; /* STATUS: the event begins with one; NO_STATUS: `rx` gets 0 */
    uint8_t len;    /* octets of all parameters, with status and handle */
    /* `in` holds what follows the handle. */
    void (*rx)(struct conn *c, uint8_t status, struct rd *in);
};

/* Requirements that only some features have. */
struct woad_needs {
    uint32_t le_events; /* bits of the LE event mask.  Vol 4, Part E, 7.8.1 */
    /* Each LE meta event, before conn_events: for those that are not about one connection. */
    void (*rx_le_event)(struct woad *h, uint8_t sub, struct rd *in);
    uint16_t frame_max; /* octets of the largest L2CAP payload it sends or receives */
    /* Before any layout: chooses for capacities that are 0 and that others read, too, and raises
     * sizes of `h` that depend on them. */
    void (*complete_config)(struct woad *h, struct woad_config *cfg);
};

struct woad_feature {
    /* In woad_size() and woad_init(): allocates memory, sets roles.  See arena.h. */
    void (*layout)(struct woad *h);
    /* In woad_start() and when the host goes down: nothing is known of the controller any more. */
    void (*reset)(struct woad *h);
    /* The next HCI command: writes its parameters and returns its opcode; 0: none. */
    uint16_t (*command)(struct woad *h, struct wr *params);
    /* That command has ended: by Command Complete, `ret` behind the status, or by Command Status.
     */
    void (*complete)(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret);
    /* Before WOAD_EV_CONNECT; before WOAD_EV_DISCONNECT. */
    void (*conn_open)(struct conn *c);
    void (*conn_close)(struct conn *c);
    const struct conn_event *conn_events;
    /* A connection attempt (central), or advertising, has ended without a connection.  `status`:
     * HCI, or a WOAD_E… of the host. */
    void (*connect_failed)(struct woad *h, bool central, int status);
    /* In woad_poll(): ends what has timed out.  Returns the milliseconds to the next deadline. */
    uint32_t (*run_timers)(struct woad *h);
    const struct woad_needs *needs; /* NULL: none */
};

extern const struct woad_feature core_feature; /* host/connection.c */

/* Whether config.features names it, at any place: for a layout, which may run before the layout of
 * a feature that it requires. */
bool feature_named(const struct woad *h, const struct woad_feature *feature);

/* At the beginning of a public function of a feature, with the feature's memory.  Returns
 * WOAD_ENOTSUP: the feature is not named; WOAD_ENODEV: the host is not up; else 0.  Wakes the
 * polling for HCI commands. */
int feature_for_call(struct woad *h, const void *memory);

#endif
