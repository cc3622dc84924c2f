/* A GATT client that waits for each procedure: discovery, reads, writes, subscriptions. */
#ifndef WOAD_TOOL_GATT_H
#define WOAD_TOOL_GATT_H

#include "tool_peer.h"

enum tool_node_kind { NODE_SERVICE, NODE_CHARACTERISTIC, NODE_DESCRIPTOR };

/* An attribute of the peer that has a name in the tree. */
struct tool_node {
    enum tool_node_kind kind;
    uint16_t handle; /* a service's first one, else the value's */
    uint16_t end;    /* last handle of a service or a characteristic */
    uint8_t props;   /* WOAD_PROP_…, of a characteristic */
    struct woad_uuid uuid;
};

struct tool_gatt {
    struct tool t;
    struct tool_peer peer;
    uint32_t timeout_ms;               /* of each procedure */
    struct tool_node *node;            /* in the order of handles */
    size_t nodes, room;                /* in `node`: that are there, that there is memory for */
    bool no_memory;                    /* a node was not added */
    uint8_t value[WOAD_ATT_VALUE_MAX]; /* `len` octets: what gatt_read() has read */
    size_t len;
    bool done;  /* the procedure has ended */
    int status; /* of the last procedure (ATT) */
    /* Called for notifications and indications; may be NULL. */
    void (*notified)(struct tool_gatt *g, const struct woad_event *ev);
    void (*other)(struct tool_gatt *g, const struct woad_event *ev); /* every event; may be NULL */
};

/* To be the tool's `event`, with g as its `ctx`. */
void gatt_event(struct tool *t, const struct woad_event *ev);
/* All return 0, or the exit status, and the reason is on standard error. */
int gatt_discover(struct tool_gatt *g);
int gatt_read(struct tool_gatt *g, uint16_t handle);
int gatt_write(struct tool_gatt *g, uint16_t handle, const uint8_t *data, size_t len);
int gatt_write_command(struct tool_gatt *g, uint16_t handle, const uint8_t *data, size_t len);
int gatt_subscribe(struct tool_gatt *g, const struct tool_node *node, bool on);
/* The characteristic or descriptor that `text` names: a UUID, its name, or "#12", a handle.  NULL:
 * the reason is on standard error. */
const struct tool_node *gatt_node(struct tool_gatt *g, const char *text);
/* The characteristic that a descriptor belongs to, and the service; NULL: none. */
const struct tool_node *gatt_above(const struct tool_gatt *g, const struct tool_node *node,
                                   enum tool_node_kind kind);
void gatt_free(struct tool_gatt *g);

#endif
