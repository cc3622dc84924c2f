/* A GATT client that waits for each procedure: discovery, reads, writes, subscriptions.
 *
 * Names of other files:
 *   NODE_CHARACTERISTIC: kind of a node: below a service
 *   NODE_DESCRIPTOR: kind of a node: below a characteristic
 *   NODE_SERVICE: kind of a node
 *   peer_event(): to be called with every event, for peer_connect()
 *   tool: a sub-command: its options, host, port and state: tool_host.h
 *   TOOL_DONE: end of a wait: what was waited for is there; of tool_why(): nothing has happened
 *   tool_ended(): prints why a wait has ended, unless by TOOL_DONE; returns the exit status
 *   tool_fail(): prints a message; returns TOOL_EXIT_FAILED
 *   tool_gatt: a tool that is a GATT client: tool_gatt.h
 *   tool_wait(): lets the host go on until *done, or for some ms; TOOL_DONE, or what has ended it
 *       before
 *   uuid_parse(): a UUID from digits or from its name; false: it is neither */
#include "tool_gatt.h"
#include "tool_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEARCH_MAX = 0xffff }; /* a peer's attributes, at most: more nodes are nonsense */

/* Adds a node; without memory it sets no_memory. */
static void gatt_add(struct tool_gatt *g, enum tool_node_kind kind, uint16_t handle, uint16_t end,
                     uint8_t props, const struct woad_uuid *uuid)
{
    if (g->nodes == g->room) {
        size_t room = g->room ? 2 * g->room : 64;
        struct tool_node *node =
            room > SEARCH_MAX * 4u ? NULL : realloc(g->node, room * sizeof *node);
        if (!node) {
            g->no_memory = true;
            return;
        }
        g->node = node;
        g->room = room;
    }
    g->node[g->nodes++] = (struct tool_node){ kind, handle, end, props, *uuid };
}

/* A part of a value that is read: it may arrive in several. */
static void gatt_part(struct tool_gatt *g, const struct woad_event *ev)
{
    size_t at = ev->u.value.offset, n = ev->u.value.len;
    if (at <= g->len && at + n <= sizeof g->value) {
        memcpy(g->value + at, ev->u.value.data, n);
        g->len = at + n;
    }
}

/* Collects what a procedure brings, and notes its end. */
void gatt_event(struct tool *t, const struct woad_event *ev)
{
    struct tool_gatt *g = t->ctx;
    peer_event(&g->peer, t, ev);
    switch (ev->type) {
    case WOAD_EV_SERVICE:
        gatt_add(g, NODE_SERVICE, ev->u.service.start, ev->u.service.end, 0, &ev->u.service.uuid);
        break;
    case WOAD_EV_CHARACTERISTIC:
        gatt_add(g, NODE_CHARACTERISTIC, ev->u.characteristic.value, ev->u.characteristic.end,
                 ev->u.characteristic.props, &ev->u.characteristic.uuid);
        break;
    case WOAD_EV_DESCRIPTOR:
        gatt_add(g, NODE_DESCRIPTOR, ev->u.descriptor.handle, ev->u.descriptor.handle, 0,
                 &ev->u.descriptor.uuid);
        break;
    case WOAD_EV_READ: gatt_part(g, ev); break;
    case WOAD_EV_GATTC_DONE:
        g->done = true;
        g->status = ev->u.done.status;
        break;
    case WOAD_EV_NOTIFIED:
    case WOAD_EV_INDICATION:
        if (g->notified) {
            g->notified(g, ev);
        }
        break;
    default: break;
    }
    if (g->other) {
        g->other(g, ev);
    }
}

/* Advice about an error of ATT, for the end of a message. */
static const char *gatt_advice(int status)
{
    if (status == WOAD_ATT_INSUFFICIENT_AUTHENTICATION ||
        status == WOAD_ATT_INSUFFICIENT_ENCRYPTION || status == WOAD_ATT_INSUFFICIENT_KEY_SIZE ||
        status == WOAD_EACCES) {
        return "; woad pair PEER makes a bond, by which it may work";
    }
    return "";
}

/* Waits for a procedure that a call has begun with `error`. */
static int gatt_finish(struct tool_gatt *g, int error, const char *doing)
{
    enum tool_end end = TOOL_DONE;
    if (!error) {
        end = tool_wait(&g->t, &g->done, g->timeout_ms);
        error = g->status;
    }
    if (end != TOOL_DONE) {
        return tool_ended(&g->t, end, doing);
    }
    if (error) {
        return tool_fail(&g->t, "%s: %s%s", doing, woad_att_strerror(error), gatt_advice(error));
    }
    return 0;
}

/* Before a procedure, for gatt_finish(). */
static void gatt_begin(struct tool_gatt *g)
{
    g->done = false;
    g->status = 0;
}

/* For qsort(): by handle, and a service before its first characteristic. */
static int node_order(const void *a, const void *b)
{
    const struct tool_node *x = a, *y = b;
    if (x->handle != y->handle) {
        return x->handle < y->handle ? -1 : 1;
    }
    return (int)x->kind - (int)y->kind;
}

/* The parts of `kind` in each of the nodes that are there. */
static int gatt_discover_in(struct tool_gatt *g, enum tool_node_kind kind)
{
    size_t n = g->nodes;
    for (size_t i = 0; i < n; i++) {
        struct tool_node node = g->node[i];
        int error;
        if (node.kind != kind || node.handle >= node.end) {
            continue;
        }
        gatt_begin(g);
        if (kind == NODE_SERVICE) {
            error = woad_gattc_characteristics(g->t.h, g->t.conn, node.handle, node.end, NULL);
        } else {
            error =
                woad_gattc_descriptors(g->t.h, g->t.conn, (uint16_t)(node.handle + 1), node.end);
        }
        int status = gatt_finish(g, error, "discovering the services");
        if (status) {
            return status;
        }
    }
    return 0;
}

/* A larger ATT_MTU.  A peer that does not agree to one keeps 23. */
static int gatt_mtu(struct tool_gatt *g)
{
    gatt_begin(g);
    if (woad_gattc_exchange_mtu(g->t.h, g->t.conn)) {
        return 0; /* it was agreed on before */
    }
    enum tool_end end = tool_wait(&g->t, &g->done, g->timeout_ms);
    return tool_ended(&g->t, end, "agreeing on the ATT_MTU");
}

/* Services, then the characteristics in each, then the descriptors in each. */
int gatt_discover(struct tool_gatt *g)
{
    int status = gatt_mtu(g);
    if (status) {
        return status;
    }
    g->nodes = 0;
    gatt_begin(g);
    int error = woad_gattc_services(g->t.h, g->t.conn, NULL);
    status = gatt_finish(g, error, "discovering the services");
    if (!status) {
        status = gatt_discover_in(g, NODE_SERVICE);
    }
    if (!status) {
        status = gatt_discover_in(g, NODE_CHARACTERISTIC);
    }
    if (!status && g->no_memory) {
        status = tool_fail(&g->t, "the peer has more services than there is memory for");
    }
    if (!status && g->nodes) {
        qsort(g->node, g->nodes, sizeof *g->node, node_order);
    }
    return status;
}

/* Reads a long value, too. */
int gatt_read(struct tool_gatt *g, uint16_t handle)
{
    char doing[32];
    gatt_begin(g);
    g->len = 0;
    snprintf(doing, sizeof doing, "reading handle %u", handle);
    return gatt_finish(g, woad_gattc_read(g->t.h, g->t.conn, handle), doing);
}

/* A value that does not fit into one request is written in parts. */
int gatt_write(struct tool_gatt *g, uint16_t handle, const uint8_t *data, size_t len)
{
    char doing[32];
    struct woad_conn_info info = { .mtu = 23 };
    int error;
    gatt_begin(g);
    snprintf(doing, sizeof doing, "writing handle %u", handle);
    woad_conn_info(g->t.h, g->t.conn, &info);
    if (len + 3 > info.mtu) {
        error = woad_gattc_write_long(g->t.h, g->t.conn, handle, data, len, false);
    } else {
        error = woad_gattc_write(g->t.h, g->t.conn, handle, data, len);
    }
    return gatt_finish(g, error, doing);
}

/* Waits until the peer has answered a request behind it. */
int gatt_write_command(struct tool_gatt *g, uint16_t handle, const uint8_t *data, size_t len)
{
    struct woad_conn_info info = { .mtu = 23 };
    woad_conn_info(g->t.h, g->t.conn, &info);
    if (len + 3 > info.mtu) {
        return tool_fail(&g->t, "a write without response takes %u octets here, not %u",
                         info.mtu - 3u, (unsigned)len);
    }
    int error = woad_gattc_write_command(g->t.h, g->t.conn, handle, data, len);
    if (error) {
        return tool_fail(&g->t, "writing handle %u: %s%s", handle, woad_strerror(error),
                         gatt_advice(error));
    }
    /* The next answer comes after it: nothing says that it has arrived. */
    gatt_begin(g);
    woad_gattc_read_once(g->t.h, g->t.conn, 3);
    enum tool_end end = tool_wait(&g->t, &g->done, g->timeout_ms);
    if (end != TOOL_DONE) {
        return tool_ended(&g->t, end, "writing without response");
    }
    return 0;
}

/* To notifications, or to indications if there are only those. */
int gatt_subscribe(struct tool_gatt *g, const struct tool_node *node, bool on)
{
    uint16_t bits = WOAD_CCCD_NOTIFY;
    if (!(node->props & (WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE))) {
        return tool_fail(&g->t, "handle %u is neither notified nor indicated", node->handle);
    }
    if (!(node->props & WOAD_PROP_NOTIFY)) {
        bits = WOAD_CCCD_INDICATE;
    }
    if (!on) {
        bits = 0;
    }
    gatt_begin(g);
    int error = woad_gattc_subscribe(g->t.h, g->t.conn, node->handle, node->end, bits);
    return gatt_finish(g, error, "subscribing");
}

/* The next node before it of that kind. */
const struct tool_node *gatt_above(const struct tool_gatt *g, const struct tool_node *node,
                                   enum tool_node_kind kind)
{
    for (const struct tool_node *n = node; n >= g->node; n--) {
        if (n->kind == kind) {
            return n;
        }
    }
    return NULL;
}

/* "#12": a handle; 0: the text is something else. */
static unsigned long node_handle(const char *text)
{
    char *end;
    if (*text != '#') {
        return 0;
    }
    unsigned long n = strtoul(text + 1, &end, 0);
    if (*end || n > 0xffff) {
        return 0;
    }
    return n;
}

/* A name that several characteristics have is refused. */
const struct tool_node *gatt_node(struct tool_gatt *g, const char *text)
{
    struct woad_uuid uuid;
    const struct tool_node *found = NULL;
    unsigned long handle = node_handle(text);
    if (!handle && !uuid_parse(&uuid, text)) {
        tool_fail(&g->t, "\"%s\" is no UUID, no name of one, and no handle like #12", text);
        return NULL;
    }
    for (size_t i = 0; i < g->nodes; i++) {
        const struct tool_node *n = &g->node[i];
        bool same = handle ? n->handle == handle : woad_uuid_equal(&n->uuid, &uuid);
        if (n->kind == NODE_SERVICE || !same) {
            continue;
        }
        if (found) {
            tool_fail(&g->t, "the peer has \"%s\" more than once: #%u, #%u; name a handle", text,
                      found->handle, n->handle);
            return NULL;
        }
        found = n;
    }
    if (!found) {
        tool_fail(&g->t, "the peer has no characteristic \"%s\"; woad gatt PEER shows what it has",
                  text);
    }
    return found;
}

/* Afterwards there are none. */
void gatt_free(struct tool_gatt *g)
{
    free(g->node);
    g->node = NULL;
}
