/* The output of `woad gatt`: the tree of services, values. */
#ifndef WOAD_GATT_SHOW_H
#define WOAD_GATT_SHOW_H

#include "tool_gatt.h"

/* Services, characteristics and descriptors: a line for each, or one object of JSON. */
void gatt_show_tree(const struct tool_gatt *g);
void gatt_show_tree_json(const struct tool_gatt *g);
/* A value on a line: octets, what they mean where that is known, and text. */
void gatt_show_value(const struct woad_uuid *uuid, const uint8_t *data, size_t len);
/* The same as an object of JSON; `event`: "read", "notification", "indication". */
void gatt_show_value_json(const struct tool_node *node, const char *event, const uint8_t *data,
                          size_t len);

#endif
