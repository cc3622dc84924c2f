/* woad_feature_type_index: a sorted index of the attributes by type, so that db_find() needs no
 * linear search in a large database.
 *
 * Names of other files:
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   by_type: handles sorted by type, `indexed` of them: the index
 *   cfg: the config that the application gave to woad_init()
 *   db_at(): the attribute of a handle; NULL: none
 *   db_next(): the first handle from this one on; 0: none
 *   db_type(): the attribute's type, as a UUID
 *   db_type_is(): the attribute has this type
 *   gatts: the server's database and state: gatt_server.h
 *   indexed: entries of the index; 0: there is no index
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   n_tables: arrays of attributes in the database
 *   tables: arrays of attributes in the order of handles; the first is the built-in one
 *   type_handles: memory of the index: config.attr_index handles
 *   type_index: the index's functions: gatt_index.c; NULL: not linked
 *   uuid_short(): the 16-bit form; 0: the UUID has none
 *   uuid_widen(): the 128-bit form of a UUID */
#include "../base/uuid.h"
#include "../core/feature.h"
#include "gatt_server.h"

/* The sorting key: the 16-bit form of a UUID, else a hash.  Equal UUIDs have equal keys. */
static uint16_t type_key(const struct woad_uuid *uuid)
{
    uint8_t le[16];
    uint16_t key = uuid_short(uuid);
    if (key) {
        return key;
    }
    uuid_widen(uuid, le);
    for (size_t n = 0; n < sizeof le; n++) {
        key = (uint16_t)(key * 31u + le[n]);
    }
    return key;
}

static uint16_t key_at(struct gatts *g, uint16_t handle)
{
    struct woad_uuid type;
    db_type(db_at(g, handle), &type);
    return type_key(&type);
}

/* Position of the first entry not before (key, handle). */
static uint16_t index_place(struct gatts *g, uint16_t key, uint32_t handle)
{
    uint16_t low = 0, high = g->indexed;
    while (low < high) {
        uint16_t mid = (uint16_t)((low + high) / 2), mid_key = key_at(g, g->by_type[mid]);
        if (mid_key < key || (mid_key == key && g->by_type[mid] < handle)) {
            low = (uint16_t)(mid + 1);
        } else {
            high = mid;
        }
    }
    return low;
}

/* Rebuilds the index.  If config.attr_index is too small for all attributes, there is none. */
static void index_make(struct woad *h)
{
    struct gatts *g = h->gatts;
    uint32_t all = 0;
    for (size_t t = 0; t < g->n_tables; t++) {
        all += g->tables[t].n;
    }
    if (all > h->cfg.attr_index) {
        return;
    }
    g->index = h->type_index;
    g->by_type = h->type_handles;
    for (uint16_t handle = db_next(g, 1); handle; handle = db_next(g, handle + 1u)) {
        uint16_t at = index_place(g, key_at(g, handle), handle);
        memmove(g->by_type + at + 1, g->by_type + at, (g->indexed - at) * sizeof *g->by_type);
        g->by_type[at] = handle;
        g->indexed++;
    }
}

/* db_find() by the index: the first attribute of `type` in start..end; 0: none. */
static uint16_t index_find(struct gatts *g, uint32_t start, uint16_t end,
                           const struct woad_uuid *type)
{
    uint16_t key = type_key(type);
    for (uint16_t at = index_place(g, key, start); at < g->indexed; at++) {
        uint16_t handle = g->by_type[at];
        if (handle > end || key_at(g, handle) != key) {
            return 0;
        }
        if (db_type_is(db_at(g, handle), type)) {
            return handle;
        }
    }
    return 0;
}

static const struct type_index type_index = { .build = index_make, .find = index_find };

static void index_layout(struct woad *h)
{
    if (!h->cfg.attr_index) {
        h->cfg.attr_index = WOAD_DEFAULT_ATTR_INDEX;
    }
    h->type_handles = arena_alloc(h, h->cfg.attr_index, sizeof *h->type_handles);
    h->type_index = &type_index;
}

const struct woad_feature woad_feature_type_index = { .layout = index_layout };
