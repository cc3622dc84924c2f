/* The attribute database: arrays of constant attributes, sorted by handle, gaps between them.
 * A handle is found by its array and its place in it; a type by the index, where there is one. */
#include "gatt_server.h"

/* The array that `handle` is in, or the first behind it. */
static size_t db_table(struct gatts *g, uint32_t handle)
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

/* Mostly it is the one that was asked for before. */
static __attribute__((noinline)) const struct woad_attr *db_seek(struct gatts *g, uint16_t handle)
{
    size_t at = db_table(g, handle);
    const struct attr_table *t = &g->tables[at];
    bool any = at < g->n_tables && handle >= t->first;
    g->found = any ? &t->attrs[handle - t->first] : NULL;
    g->found_at = handle;
    return g->found;
}

/* Most often it is asked for the same as the last time. */
const struct woad_attr *db_at(struct gatts *g, uint16_t handle)
{
    return handle == g->found_at ? g->found : db_seek(g, handle);
}

/* The first handle in use from `handle` on, 0 when there is none. */
uint16_t db_next(struct gatts *g, uint32_t handle)
{
    size_t at = db_table(g, handle);
    uint32_t first = at < g->n_tables ? g->tables[at].first : 0;
    return (uint16_t)(first && handle > first ? handle : first);
}

static uint16_t db_last(struct gatts *g)
{
    const struct attr_table *t = &g->tables[g->n_tables - 1];
    return (uint16_t)(t->first + t->n - 1);
}

bool db_is_service(const struct woad_attr *a)
{
    return a->kind == WOAD_ATTR_PRIMARY || a->kind == WOAD_ATTR_SECONDARY;
}

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
    struct woad_uuid mine;
    db_type(a, &mine);
    return woad_uuid_equal(&mine, type);
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
    return handle <= end ? handle : 0;
}

void db_changed(struct woad *h)
{
    struct gatts *g = h->gatts;
    g->indexed = 0;
    g->found_at = 0; /* what was found may be another now */
    g->found = NULL;
    if (h->type_index) {
        h->type_index->make(h);
    }
}

/* --- groups ----------------------------------------------------------------------------------- */

/* The last handle of the service declared at `handle`: arrays begin with a service, so none is in
 * two of them. */
uint16_t db_group_end(struct gatts *g, uint16_t handle)
{
    const struct attr_table *t = &g->tables[db_table(g, handle)];
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

/* --- what it is made of ----------------------------------------------------------------------- */

/* What an attribute needs, itself and in front of it: a service; of a value its declaration right
 * there; of a descriptor a characteristic. */
enum { OF_UUID = 1, OF_VALUE = 2, IN_SERVICE = 4, IN_CHARACTERISTIC = 8, DECLARED = 16 };
static const uint8_t needs[] = {
    [WOAD_ATTR_PRIMARY] = OF_UUID,
    [WOAD_ATTR_SECONDARY] = OF_UUID,
    [WOAD_ATTR_INCLUDE] = OF_VALUE | IN_SERVICE,
    [WOAD_ATTR_CHARACTERISTIC] = OF_UUID | IN_SERVICE,
    [WOAD_ATTR_VALUE] = OF_UUID | DECLARED,
    [WOAD_ATTR_DESCRIPTOR] = OF_UUID | IN_CHARACTERISTIC,
    [WOAD_ATTR_CCCD] = IN_CHARACTERISTIC,
};

static bool db_valid(const struct woad_attr *attrs, uint16_t n)
{
    unsigned where = 0;
    for (const struct woad_attr *a = attrs; a && n; n--, a++) {
        unsigned has = where | (a->uuid ? OF_UUID : 0u) | (a->value ? OF_VALUE : 0u);
        if (a->kind >= sizeof needs || (needs[a->kind] & ~has) || (a->len && !a->value) ||
            a->len > WOAD_ATT_VALUE_MAX || (where & DECLARED && a->kind != WOAD_ATTR_VALUE)) {
            return false;
        }
        where = db_is_service(a)                      ? IN_SERVICE
                : a->kind == WOAD_ATTR_CHARACTERISTIC ? IN_SERVICE | IN_CHARACTERISTIC | DECLARED
                                                      : where & ~(unsigned)DECLARED;
    }
    return where && !(where & DECLARED);
}

/* Where n handles are free: behind the last, else the first gap.  0: nowhere. */
static uint16_t db_place(struct gatts *g, uint16_t n)
{
    if (n <= 0xffff - db_last(g)) {
        return (uint16_t)(db_last(g) + 1);
    }
    for (size_t t = 0; t + 1 < g->n_tables; t++) {
        uint32_t free = (uint32_t)g->tables[t].first + g->tables[t].n;
        if (g->tables[t + 1].first - free >= n) {
            return (uint16_t)free;
        }
    }
    return 0;
}

static bool db_is_free(struct gatts *g, uint16_t first, uint16_t n)
{
    uint16_t next = db_next(g, first);
    return first && n <= 0x10000u - first && (!next || next >= (uint32_t)first + n);
}

int woad_gatt_add_at(struct woad *h, const struct woad_attr *attrs, uint16_t n, uint16_t first)
{
    struct gatts *g = h->gatts;
    if (!g) {
        return WOAD_ENOTSUP;
    }
    if (h->state <= HOST_FALLING) {
        return WOAD_ENODEV;
    }
    if (!db_valid(attrs, n) || !db_is_free(g, first, n)) {
        return WOAD_EINVAL;
    }
    if (!MAY_FAIL(g->n_tables <= h->cfg.attr_tables)) {
        return WOAD_ENOMEM;
    }
    size_t at = db_table(g, first);
    memmove(&g->tables[at + 1], &g->tables[at], (g->n_tables - at) * sizeof *g->tables);
    g->tables[at] = (struct attr_table){ attrs, n, first };
    g->n_tables++;
    db_changed(h);
    gatts_changed(h, first, (uint16_t)(first + n - 1));
    return 0;
}

int woad_gatt_add(struct woad *h, const struct woad_attr *attrs, uint16_t n, uint16_t *first)
{
    uint16_t at = h->gatts && h->state > HOST_FALLING ? db_place(h->gatts, n) : 0;
    int err = woad_gatt_add_at(h, attrs, n, at);
    if (!err && first) {
        *first = at;
    }
    return err;
}

static void db_drop(struct woad *h, size_t at, size_t n)
{
    struct gatts *g = h->gatts;
    const struct attr_table *end = &g->tables[at + n];
    uint16_t first = g->tables[at].first, last = (uint16_t)(end[-1].first + end[-1].n - 1);
    g->n_tables = (uint8_t)(g->n_tables - n);
    memmove(&g->tables[at], end, (g->n_tables - at) * sizeof *g->tables);
    db_changed(h);
    gatts_changed(h, first, last);
}

int woad_gatt_remove(struct woad *h, uint16_t first)
{
    struct gatts *g = h->gatts;
    if (!g) {
        return WOAD_ENOTSUP;
    }
    size_t at = db_table(g, first);
    if (!at || at >= g->n_tables || g->tables[at].first != first) {
        return WOAD_ENOENT;
    }
    db_drop(h, at, 1);
    return 0;
}

int woad_gatt_clear(struct woad *h)
{
    if (!h->gatts) {
        return WOAD_ENOTSUP;
    }
    size_t n = h->gatts->n_tables;
    if (n > 1) {
        db_drop(h, 1, n - 1); /* all at once: in an event there may be new ones */
    }
    return 0;
}
