/* The attribute database: arrays of constant attributes, sorted by handle, gaps between them.
 * A handle is found by its array and its place in it; a type by the index, where there is one.
 *
 * Names of other files:
 *   attr_table: an array of attributes, n of them, `first` the handle of the first
 *   db_is_service(): a declaration of a primary or secondary service
 *   gatts: the server's database and state: gatt_server.h
 *   indexed: entries of the index; 0: there is no index
 *   last_found: result of the last db_at(), for last_found_handle
 *   n_tables: arrays of attributes in the database
 *   put_le16(): writes 16 bits at any address, little endian
 *   tables: arrays of attributes in the order of handles; the first is the built-in one
 *   type_index: the index's functions: gatt_index.c; NULL: not linked
 *   UUID_CCCD: UUID_…: types of declarations and of the CCCD */
#include "../base/bytes.h"
#include "gatt_server.h"

/* Index of the table with `handle`, or of the first one behind it. */
size_t db_table_index(struct gatts *g, uint32_t handle)
{
    size_t low = 0, high = g->n_tables;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const struct attr_table *t = &g->tables[mid];
        if (handle < (uint32_t)t->first + t->n) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return low;
}

/* Finds an attribute and remembers it: callers ask for the same handle several times in a row. */
static __attribute__((noinline)) const struct woad_attr *db_seek(struct gatts *g, uint16_t handle)
{
    size_t at = db_table_index(g, handle);
    const struct attr_table *t = &g->tables[at];
    bool any = at < g->n_tables && handle >= t->first;
    g->last_found = any ? &t->attrs[handle - t->first] : NULL;
    g->last_found_handle = handle;
    return g->last_found;
}

/* The attribute with this handle; NULL: none. */
const struct woad_attr *db_at(struct gatts *g, uint16_t handle)
{
    if (handle == g->last_found_handle) {
        return g->last_found;
    }
    return db_seek(g, handle);
}

/* The first handle in use from `handle` on, 0 when there is none. */
uint16_t db_next(struct gatts *g, uint32_t handle)
{
    size_t at = db_table_index(g, handle);
    if (at >= g->n_tables) {
        return 0;
    }
    return (uint16_t)max_u32(handle, g->tables[at].first);
}

/* The attribute's type: given for a value or a descriptor, else by its kind. */
void db_type(const struct woad_attr *a, struct woad_uuid *type)
{
    static const uint16_t of_kind[] = {
        [WOAD_ATTR_PRIMARY] = UUID_PRIMARY, [WOAD_ATTR_SECONDARY] = UUID_SECONDARY,
        [WOAD_ATTR_INCLUDE] = UUID_INCLUDE, [WOAD_ATTR_CHARACTERISTIC] = UUID_CHARACTERISTIC,
        [WOAD_ATTR_CCCD] = UUID_CCCD,
    };
    if (a->kind == WOAD_ATTR_VALUE || a->kind == WOAD_ATTR_DESCRIPTOR) {
        *type = *a->uuid;
    } else {
        type->size = 2;
        put_le16(type->le, of_kind[a->kind]);
    }
}

bool db_type_is(const struct woad_attr *a, const struct woad_uuid *type)
{
    struct woad_uuid a_type;
    db_type(a, &a_type);
    return woad_uuid_equal(&a_type, type);
}

/* The first attribute of `type` in start..end, 0 when there is none. */
uint16_t db_find(struct gatts *g, uint32_t start, uint16_t end, const struct woad_uuid *type)
{
    if (g->indexed) {
        return g->index->find(g, start, end, type);
    }
    uint16_t handle = db_next(g, start);
    while (handle && handle <= end && !db_type_is(db_at(g, handle), type)) {
        handle = db_next(g, handle + 1u);
    }
    if (handle > end) {
        return 0;
    }
    return handle;
}

void db_tables_changed(struct woad *h)
{
    struct gatts *g = h->gatts;
    g->indexed = 0;
    g->last_found_handle = 0; /* what was found may be another now */
    g->last_found = NULL;
    if (h->type_index) {
        h->type_index->build(h);
    }
}

/* --- groups ----------------------------------------------------------------------------------- */

/* The last handle of the service declared at `handle`: arrays begin with a service, so none is in
 * two of them. */
uint16_t db_group_end(struct gatts *g, uint16_t handle)
{
    const struct attr_table *t = &g->tables[db_table_index(g, handle)];
    uint16_t n = (uint16_t)(handle - t->first + 1);
    while (n < t->n && !db_is_service(&t->attrs[n])) {
        n++;
    }
    return (uint16_t)(t->first + n - 1);
}

/* The declaration that `handle`, a value or a descriptor, belongs to; 0: none. */
uint16_t db_characteristic_of(struct gatts *g, uint16_t handle)
{
    for (; handle; handle--) {
        const struct woad_attr *a = db_at(g, handle);
        if (!a || db_is_service(a)) {
            return 0;
        }
        if (a->kind == WOAD_ATTR_CHARACTERISTIC) {
            return handle;
        }
    }
    return 0;
}
