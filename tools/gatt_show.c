/* The output of `woad gatt`: the tree of services, values.
 *
 * Names of other files:
 *   NODE_CHARACTERISTIC: kind of a node: below a service
 *   NODE_DESCRIPTOR: kind of a node: below a characteristic
 *   NODE_SERVICE: kind of a node
 *   nodes: of a GATT client: nodes in `node`, which is in the order of handles
 *   text_hex(): prints octets in hexadecimal, with something between them
 *   text_json(): prints text as a string of JSON
 *   text_readable(): the octets are text
 *   text_show(): prints text of a peer, made safe for a terminal
 *   tool_gatt: a tool that is a GATT client: tool_gatt.h
 *   tool_node: an attribute of the peer with a place in the tree: kind, handle, last handle,
 *       properties, UUID
 *   uuid_name(): a UUID's name; NULL: it has none here
 *   uuid_show(): prints a UUID, and its name */
#include "gatt_show.h"
#include "tool_text.h"

#include <stdio.h>

static const char *const prop_names[] = {
    "broadcast", "read",     "write without response", "write",
    "notify",    "indicate", "signed write",           "extended properties"
};

/* Prints a characteristic's properties, each between two of `quote`. */
static void show_props(uint8_t props, const char *quote)
{
    const char *between = "";
    for (unsigned bit = 0; bit < 8; bit++) {
        if (props & 1u << bit) {
            printf("%s%s%s%s", between, quote, prop_names[bit], quote);
            between = ", ";
        }
    }
}

/* A line for each attribute, indented by its kind. */
void gatt_show_tree(const struct tool_gatt *g)
{
    for (size_t i = 0; i < g->nodes; i++) {
        const struct tool_node *n = &g->node[i];
        if (n->kind == NODE_SERVICE) {
            printf("service ");
            uuid_show(&n->uuid);
            printf("  #%u to #%u", n->handle, n->end);
        } else {
            printf("%s#%u ", n->kind == NODE_CHARACTERISTIC ? "  " : "    ", n->handle);
            uuid_show(&n->uuid);
        }
        if (n->kind == NODE_CHARACTERISTIC) {
            printf("  (");
            show_props(n->props, "");
            putchar(')');
        }
        putchar('\n');
    }
}

/* "uuid":…,"name":… */
static void json_uuid(const struct woad_uuid *uuid)
{
    char text[37];
    const char *name = uuid_name(uuid);
    woad_uuid_format(uuid, text);
    printf("\"uuid\":\"%s\"", text);
    if (name) {
        printf(",\"name\":\"%s\"", name);
    }
}

/* Closes the objects that are open, down to the level of `kind`. */
static void json_close(int *open, enum tool_node_kind kind)
{
    while (*open > (int)kind) {
        printf("]}");
        (*open)--;
    }
}

/* Services hold lists of characteristics, which hold lists of descriptors. */
void gatt_show_tree_json(const struct tool_gatt *g)
{
    int open = 0; /* lists: of services 0, of characteristics 1, of descriptors 2 */
    enum tool_node_kind last = NODE_SERVICE;
    const char *between = "";
    printf("{\"services\":[");
    for (size_t i = 0; i < g->nodes; i++) {
        const struct tool_node *n = &g->node[i];
        if ((int)n->kind > open) {
            continue; /* a peer whose declarations are out of order */
        }
        json_close(&open, n->kind);
        between = i && n->kind <= last ? "," : "";
        printf("%s{\"handle\":%u,", between, n->handle);
        json_uuid(&n->uuid);
        last = n->kind;
        if (n->kind == NODE_DESCRIPTOR) {
            putchar('}');
            continue;
        }
        printf(",\"end\":%u,", n->end);
        if (n->kind == NODE_CHARACTERISTIC) {
            printf("\"properties\":[");
            show_props(n->props, "\"");
            printf("],\"descriptors\":[");
        } else {
            printf("\"characteristics\":[");
        }
        open++;
    }
    json_close(&open, NODE_SERVICE);
    printf("]}\n");
}

/* --- values ----------------------------------------------------------------------------------- */

/* A number, least significant octet first. */
static unsigned value_le(const uint8_t *data, size_t len)
{
    unsigned value = 0;
    for (size_t i = 0; i < len; i++) {
        value |= (unsigned)data[i] << 8 * i;
    }
    return value;
}

/* Heart Rate Service 1.0, 3.1: flags u8, then the rate, u8 or u16. */
static void show_heart_rate(const uint8_t *data, size_t len)
{
    size_t size = len && (data[0] & 1) ? 2 : 1;
    if (len > size) {
        printf("  %u beats a minute", value_le(data + 1, size));
    }
}

/* Prints the meaning of a value, of the few that are read most. */
static void show_meaning(const struct woad_uuid *uuid, const uint8_t *data, size_t len)
{
    unsigned id = uuid->size == 2 ? value_le(uuid->le, 2) : 0;
    if (id == 0x2a19 && len == 1) {
        printf("  %u %%", data[0]);
    } else if (id == 0x2a37) {
        show_heart_rate(data, len);
    } else if (id == 0x2a6e && len == 2) {
        int hundredths = (int16_t)value_le(data, 2);
        printf("  %.2f degrees Celsius", hundredths / 100.0);
    } else if (id == 0x2a6f && len == 2) {
        printf("  %.2f %% humidity", value_le(data, 2) / 100.0);
    } else if (id == 0x2a07 && len == 1) {
        printf("  %d dBm", (int8_t)data[0]);
    }
}

/* The text is printed without a NUL at its end. */
void gatt_show_value(const struct woad_uuid *uuid, const uint8_t *data, size_t len)
{
    text_hex(data, len, " ");
    if (!len) {
        printf("(empty)");
    }
    show_meaning(uuid, data, len);
    if (text_readable(data, len)) {
        printf("  \"");
        text_show(data, len - (len > 1 && data[len - 1] == 0));
        putchar('"');
    }
    putchar('\n');
}

/* The keys event, handle, uuid, name, hex and text. */
void gatt_show_value_json(const struct tool_node *node, const char *event, const uint8_t *data,
                          size_t len)
{
    printf("{\"event\":\"%s\",\"handle\":%u,", event, node->handle);
    json_uuid(&node->uuid);
    printf(",\"hex\":\"");
    text_hex(data, len, "");
    putchar('"');
    if (text_readable(data, len)) {
        printf(",\"text\":");
        text_json(data, len - (len > 1 && data[len - 1] == 0));
    }
    printf("}\n");
}
