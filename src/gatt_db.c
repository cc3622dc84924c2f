/* The attribute database: arrays of constant attributes, one behind the other.
 * Handles run without a gap from 1, so each is found by an index. */
#include "gatt_server.h"

enum { HANDLE_NAME = 3 };
enum { UUID_PRIMARY = 0x2800, UUID_SECONDARY = 0x2801, UUID_INCLUDE = 0x2802,
       UUID_CHARACTERISTIC = 0x2803,
       UUID_CCCD = 0x2902 };

static const struct woad_uuid uuid_gap = WOAD_UUID16(0x1800), uuid_gatt = WOAD_UUID16(0x1801),
                              uuid_name = WOAD_UUID16(0x2a00),
                              uuid_appearance = WOAD_UUID16(0x2a01),
                              uuid_changed = WOAD_UUID16(0x2a05);
static const uint8_t appearance[2] = { 0, 0 };

/* Generic Access and Generic Attribute: Vol 3, Part C, 12; Part G, 7. */
static const struct woad_attr builtin[] = {
    WOAD_PRIMARY(&uuid_gap),
    WOAD_CHARACTERISTIC(&uuid_name, WOAD_PROP_READ, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC_CONST(&uuid_appearance, appearance, sizeof appearance),
    WOAD_PRIMARY(&uuid_gatt),
    WOAD_CHARACTERISTIC(&uuid_changed, WOAD_PROP_INDICATE, 0),
    WOAD_CCCD,
};
enum { BUILTIN = sizeof builtin / sizeof *builtin };

static void gatts_carve(struct woad *h, struct arena *a)
{
    struct gatts *g = arena_take(a, 1, sizeof *g);
    struct attr_table *tables = arena_take(a, 1u + h->cfg.attr_tables, sizeof *tables);
    struct gatts_conn *conns = arena_take(a, h->cfg.conns, sizeof *conns);
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        uint8_t *rsp = arena_take(a, 1, h->cfg.mtu);
        struct cccd *cccds = arena_take(a, h->cfg.subscriptions, sizeof *cccds);
        uint8_t *prepared = arena_take(a, 1, h->cfg.prepare_queue);
        if (conns) {
            conns[i] = (struct gatts_conn){ .rsp = rsp, .cccds = cccds, .prepared = prepared };
        }
    }
    if (g) {
        g->tables = tables;
        g->conns = conns;
        h->gatts = g;
    }
    h->att_server = &att_server_role;
}

static void gatts_reset(struct woad *h)
{
    h->gatts->tables[0] = (struct attr_table){ builtin, BUILTIN, 1 };
    h->gatts->n_tables = 1;
}

static void gatts_open(struct woad *h, uint16_t i)
{
    struct gatts_conn *s = &h->gatts->conns[i];
    for (size_t n = 0; n < h->cfg.subscriptions; n++) {
        s->cccds[n].handle = 0;
    }
    *s = (struct gatts_conn){ .rsp = s->rsp, .cccds = s->cccds, .prepared = s->prepared };
}

const struct woad_feature woad_gatt_server = {
    .carve = gatts_carve,
    .reset = gatts_reset,
    .conn_open = gatts_open,
};

const struct woad_attr *db_at(const struct gatts *g, uint16_t handle)
{
    for (const struct attr_table *t = g->tables; t < g->tables + g->n_tables; t++) {
        if ((uint16_t)(handle - t->first) < t->n) {
            return &t->attrs[handle - t->first];
        }
    }
    return NULL;
}

uint16_t db_last(const struct gatts *g)
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
    static const struct woad_uuid of_kind[] = {
        [WOAD_ATTR_PRIMARY] = WOAD_UUID16(UUID_PRIMARY),
        [WOAD_ATTR_SECONDARY] = WOAD_UUID16(UUID_SECONDARY),
        [WOAD_ATTR_INCLUDE] = WOAD_UUID16(UUID_INCLUDE),
        [WOAD_ATTR_CHARACTERISTIC] = WOAD_UUID16(UUID_CHARACTERISTIC),
        [WOAD_ATTR_CCCD] = WOAD_UUID16(UUID_CCCD),
    };
    *type = a->kind == WOAD_ATTR_VALUE || a->kind == WOAD_ATTR_DESCRIPTOR ? *a->uuid
                                                                          : of_kind[a->kind];
}

bool db_type_is(const struct woad_attr *a, const struct woad_uuid *type)
{
    struct woad_uuid mine;
    db_type(a, &mine);
    return woad_uuid_equal(&mine, type);
}

/* The last handle of the service declared at `handle`. */
uint16_t db_group_end(const struct gatts *g, uint16_t handle)
{
    uint16_t last = db_last(g);
    while (handle < last && !db_is_service(db_at(g, (uint16_t)(handle + 1)))) {
        handle++;
    }
    return handle;
}

/* The declaration that `handle`, a value or a descriptor, belongs to; 0: none. */
uint16_t db_characteristic_of(const struct gatts *g, uint16_t handle)
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

uint16_t db_cccd(const struct woad *h, uint16_t i, uint16_t handle)
{
    const struct gatts_conn *s = &h->gatts->conns[i];
    for (size_t n = 0; n < h->cfg.subscriptions; n++) {
        if (s->cccds[n].handle == handle) {
            return s->cccds[n].value;
        }
    }
    return 0;
}

static struct cccd *db_find_cccd(const struct woad *h, uint16_t i, uint16_t handle)
{
    struct gatts_conn *s = &h->gatts->conns[i];
    for (size_t n = 0; n < h->cfg.subscriptions; n++) {
        if (s->cccds[n].handle == handle) {
            return &s->cccds[n];
        }
    }
    return NULL;
}

/* Bit 0 notifications, bit 1 indications; only what the characteristic can do.
 * Vol 3, Part G, 3.3.3.3 */
int db_set_cccd(struct woad *h, uint16_t i, uint16_t handle, struct rd *value)
{
    uint16_t decl = db_characteristic_of(h->gatts, handle);
    uint8_t props = decl ? db_at(h->gatts, decl)->props : 0;
    unsigned allowed = (props & WOAD_PROP_NOTIFY ? 1u : 0) | (props & WOAD_PROP_INDICATE ? 2u : 0);
    uint16_t v = rd_le16(value);
    if (!rd_done(value)) {
        return WOAD_ATT_INVALID_VALUE_LENGTH;
    }
    if (v & ~allowed) {
        return WOAD_ATT_REQUEST_NOT_SUPPORTED;
    }
    uint16_t before = db_cccd(h, i, handle);
    struct cccd *slot = db_find_cccd(h, i, handle);
    if (!slot && v) {
        slot = db_find_cccd(h, i, 0);
    }
    if (!slot && v) {
        return WOAD_ATT_INSUFFICIENT_RESOURCES;
    }
    if (slot) {
        *slot = (struct cccd){ v ? handle : 0, v };
    }
    if (v != before) {
        struct woad_event ev = { .type = WOAD_EV_SUBSCRIBE, .conn = conn_number(h, i),
                                 .u.subscribe = { (uint16_t)(decl + 1), v } };
        emit(h, &ev);
    }
    return 0;
}

/* Include declaration: start u16, end u16, and the UUID if it has 16 bits.  Vol 3, Part G, 3.2 */
static void db_include(const struct woad_include *include, struct wr *out)
{
    wr_le16(out, include->start);
    wr_le16(out, include->end);
    if (include->uuid && include->uuid->size == 2) {
        uuid_write(out, include->uuid);
    }
}

int db_value(const struct woad *h, uint16_t i, uint16_t handle, const struct woad_attr *a,
             struct wr *out)
{
    if (db_is_service(a)) {
        uuid_write(out, a->uuid);
    } else if (a->kind == WOAD_ATTR_INCLUDE) {
        db_include(a->value, out);
    } else if (a->kind == WOAD_ATTR_CHARACTERISTIC) {
        wr_u8(out, a->props);
        wr_le16(out, (uint16_t)(handle + 1));
        uuid_write(out, a->uuid);
    } else if (a->kind == WOAD_ATTR_CCCD) {
        wr_le16(out, db_cccd(h, i, handle));
    } else if (a->value) {
        wr_bytes(out, a->value, a->len);
    } else if (handle == HANDLE_NAME) {
        wr_bytes(out, h->gatts->name, h->gatts->name_len);
    } else {
        return ATT_LATER;
    }
    return 0;
}

/* Begins with a service; a declaration has its value behind it; a CCCD has a characteristic. */
static bool db_valid(const struct woad_attr *attrs, uint16_t n)
{
    bool characteristic = false;
    for (uint16_t k = 0; k < n; k++) {
        const struct woad_attr *a = &attrs[k];
        bool value_next = k + 1 < n && attrs[k + 1].kind == WOAD_ATTR_VALUE;
        bool value_due = k && attrs[k - 1].kind == WOAD_ATTR_CHARACTERISTIC;
        bool typed = a->uuid || a->kind == WOAD_ATTR_CCCD || a->kind == WOAD_ATTR_INCLUDE;
        if (a->kind > WOAD_ATTR_CCCD || !typed || (a->kind == WOAD_ATTR_INCLUDE && !a->value) ||
            (a->len && !a->value) || a->len > WOAD_ATT_VALUE_MAX) {
            return false;
        }
        if ((a->kind == WOAD_ATTR_CHARACTERISTIC && !value_next) ||
            (a->kind == WOAD_ATTR_VALUE && !value_due) ||
            (a->kind >= WOAD_ATTR_DESCRIPTOR && !characteristic)) {
            return false;
        }
        characteristic = db_is_service(a) ? false
                                          : characteristic || a->kind == WOAD_ATTR_CHARACTERISTIC;
    }
    return n && db_is_service(&attrs[0]);
}

int woad_gatt_add(struct woad *h, const struct woad_attr *attrs, uint16_t n, uint16_t *first)
{
    struct gatts *g = h->gatts;
    if (!g) {
        return WOAD_ENOTSUP;
    }
    if (!attrs || !db_valid(attrs, n) || n > 0xffff - db_last(g)) {
        return WOAD_EINVAL;
    }
    if (conn_any(h)) {
        return WOAD_EBUSY;
    }
    if (g->n_tables > h->cfg.attr_tables) {
        return WOAD_ENOMEM;
    }
    uint16_t at = (uint16_t)(db_last(g) + 1);
    g->tables[g->n_tables++] = (struct attr_table){ attrs, n, at };
    if (first) {
        *first = at;
    }
    return 0;
}

int woad_gatt_clear(struct woad *h)
{
    if (!h->gatts) {
        return WOAD_ENOTSUP;
    }
    if (conn_any(h)) {
        return WOAD_EBUSY;
    }
    h->gatts->n_tables = 1;
    return 0;
}

int woad_gatt_set_name(struct woad *h, const uint8_t *name, size_t len)
{
    if (!h->gatts) {
        return WOAD_ENOTSUP;
    }
    if (len > sizeof h->gatts->name) {
        return WOAD_EINVAL;
    }
    if (len) {
        memcpy(h->gatts->name, name, len);
    }
    h->gatts->name_len = (uint8_t)len;
    return 0;
}

size_t woad_gatt_name(const struct woad *h, const uint8_t **name)
{
    *name = h->gatts ? h->gatts->name : NULL;
    return h->gatts ? h->gatts->name_len : 0;
}

uint16_t woad_gatt_subscription(const struct woad *h, uint16_t conn, uint16_t value_handle)
{
    uint16_t i;
    if (!h->gatts || !conn_of(h, conn, &i)) {
        return 0;
    }
    for (uint16_t handle = value_handle; handle <= db_last(h->gatts); handle++) {
        const struct woad_attr *a = db_at(h->gatts, handle);
        if (!a || (handle > value_handle && a->kind <= WOAD_ATTR_VALUE)) {
            break;
        }
        if (a->kind == WOAD_ATTR_CCCD) {
            return db_cccd(h, i, handle);
        }
        if (handle == 0xffff) {
            break;
        }
    }
    return 0;
}
