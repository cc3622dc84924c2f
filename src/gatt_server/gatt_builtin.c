/* The server's own services, Generic Access and Generic Attribute, and the values that the host
 * keeps: Vol 3, Part C, 12; Part G, 7. */
#include "../base/uuid.h"
#include "../core/feature.h"
#include "../core/ready.h"
#include "../core/security.h"
#include "gatt_server.h"

enum { HANDLE_NAME = 3 };

const struct woad_uuid uuid_gap = WOAD_UUID16(0x1800), uuid_gatt = WOAD_UUID16(0x1801),
                       uuid_name = WOAD_UUID16(0x2a00), uuid_appearance = WOAD_UUID16(0x2a01),
                       uuid_changed = WOAD_UUID16(0x2a05);
const uint8_t appearance[2] = { 0, 0 };

static const struct woad_attr builtin[] = { BUILTIN_ATTRS };
static const struct attr_table builtin_table = { builtin, BUILTIN, 1 };

static void gatts_layout(struct woad *h)
{
    struct gatts *g = arena_alloc(h, 1, sizeof *g);
    struct attr_table *tables = arena_alloc(h, 1u + h->cfg.attr_tables, sizeof *tables);
    struct gatts_conn *conns = arena_alloc_per_conn(h, sizeof *conns, ARENA_SLOT(h->conns, server));
    struct gatts_bearer *bearers =
        arena_alloc_per_bearer(h, sizeof *bearers, ARENA_SLOT(h->bearers, server));
    arena_alloc_per_bearer(h, h->cfg.mtu, ARENA_SLOT(bearers, rsp));
    arena_alloc_per_conn(h, h->cfg.subscriptions * sizeof *conns->cccds, ARENA_SLOT(conns, cccds));
    if (g) {
        g->tables = tables;
        h->gatts = g;
    }
    h->att_server = &att_server_role;
}

void parts_layout(struct woad *h)
{
    h->parts = arena_alloc(h, h->cfg.conns, sizeof *h->parts);
    arena_alloc_slots(h, h->cfg.conns, h->cfg.prepare_queue, ARENA_SLOT(h->parts, mem));
}

void parts_open(struct conn *c)
{
    struct gatts_parts *parts = &c->h->parts[conn_index(c)];
    *parts = (struct gatts_parts){ .mem = parts->mem };
}

static void gatts_reset(struct woad *h)
{
    struct gatts *g = h->gatts;
    g->tables[0] = h->client_features ? h->client_features->table : builtin_table;
    g->n_tables = 1;
    db_changed(h);
}

static void gatts_open(struct conn *c)
{
    struct woad *h = c->h;
    struct gatts_conn *s = c->server;
    memset(s->cccds, 0, h->cfg.subscriptions * sizeof *s->cccds);
    *s = (struct gatts_conn){ .cccds = s->cccds };
    if (h->gatt_bonds) {
        h->gatt_bonds->db_hash_note(c);
    }
}

const struct woad_feature woad_feature_gatt_server = {
    .layout = gatts_layout,
    .reset = gatts_reset,
    .conn_open = gatts_open,
};

/* Include declaration: start u16, end u16, and the UUID if it has 16 bits.  Vol 3, Part G, 3.2 */
static void value_include(const struct woad_include *include, struct wr *out)
{
    wr_le16(out, include->start);
    wr_le16(out, include->end);
    if (include->uuid && include->uuid->size == 2) {
        uuid_write(out, include->uuid);
    }
}

/* Of a value, or a descriptor that is not a CCCD. */
static bool value_given(const struct conn *c, uint16_t handle, const struct woad_attr *a,
                        struct gatts_value *v)
{
    const struct woad *h = c->h;
    if (a->value) {
        v->octets = a->value;
        v->len = a->len;
        return true;
    }
    if (handle > HANDLE_CLIENT_FEATURES) {
        return false;
    }
    if (handle == HANDLE_NAME) {
        v->octets = h->gatts->name;
        v->len = h->gatts->name_len;
        return true;
    }
    v->octets = &c->server->client_features;
    v->len = 1;
    return handle == HANDLE_CLIENT_FEATURES && h->client_features;
}

bool gatts_value(const struct conn *c, uint16_t handle, const struct woad_attr *a,
                 struct gatts_value *v)
{
    if (a->kind == WOAD_ATTR_VALUE || a->kind == WOAD_ATTR_DESCRIPTOR) {
        return value_given(c, handle, a, v);
    }
    struct wr out = wr_of(v->own, sizeof v->own);
    if (a->kind == WOAD_ATTR_INCLUDE) {
        value_include(a->value, &out);
    } else if (a->kind == WOAD_ATTR_CCCD) {
        wr_le16(&out, cccd_value(c, handle));
    } else {
        if (a->kind == WOAD_ATTR_CHARACTERISTIC) {
            wr_u8(&out, a->props);
            wr_le16(&out, (uint16_t)(handle + 1));
        }
        uuid_write(&out, a->uuid);
    }
    v->octets = v->own;
    v->len = wr_len(&out);
    return true;
}

/* A write to what the host keeps; ATT_PENDING when it is the application's. */
int gatts_write(struct conn *c, uint16_t handle, const struct woad_attr *a, uint16_t offset,
                struct rd *in)
{
    struct woad *h = c->h;
    bool features = handle == HANDLE_CLIENT_FEATURES && h->client_features;
    if (a->kind != WOAD_ATTR_CCCD && !features) {
        return ATT_PENDING;
    }
    if (offset) {
        return WOAD_ATT_INVALID_OFFSET;
    }
    return features ? h->client_features->write(c, in) : cccd_write(c, handle, in);
}

/* --- Service Changed -------------------------------------------------------------------------- */

/* Those who asked for it are told, of all changes since the last time at once. */
void gatts_owe_changed(struct conn *c, uint16_t first, uint16_t last)
{
    conn_mark_ready(c);
    struct gatts_conn *s = c->server;
    if (cccd_value(c, HANDLE_SERVICE_CHANGED + 1) & CCCD_INDICATE) {
        if (!s->changed_first || first < s->changed_first) {
            s->changed_first = first;
        }
        if (last > s->changed_last) {
            s->changed_last = last;
        }
    }
}

/* Handles first..last are others now.  What clients had subscribed to there is gone.
 * Vol 3, Part G, 7.1 */
void gatts_changed(struct woad *h, uint16_t first, uint16_t last)
{
    att_server_changed(h, first, last);
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        struct gatts_conn *s = c->server;
        if (c->state == CONN_FREE) {
            continue;
        }
        bool any = false;
        for (struct woad_cccd *its = s->cccds; its < s->cccds + h->cfg.subscriptions; its++) {
            if (its->handle >= first && its->handle <= last) {
                its->handle = 0;
                any = true;
            }
        }
        if (h->parts) {
            h->parts[conn_index(c)].long_value_handle = 0; /* its handle may be another's */
        }
        perm_security_lowered(c, first, last); /* what is queued was of those that were there */
        gatts_owe_changed(c, first, last);
        if (any && h->smp_role) {
            h->smp_role->save_client_state(c); /* or they would be there again when it is back */
        }
    }
}

/* ATT_HANDLE_VALUE_IND of Service Changed: start u16, end u16.  Its confirmation is the host's. */
bool gatts_tx_changed(struct conn *c, struct wr *out)
{
    struct gatts_conn *s = c->server;
    if (!s->changed_first || c->bearer->indicated) {
        return false;
    }
    wr_u8(out, ATT_INDICATE);
    wr_le16(out, HANDLE_SERVICE_CHANGED);
    wr_le16(out, s->changed_first);
    wr_le16(out, s->changed_last);
    s->changed_first = s->changed_last = 0;
    att_indication_sent(c->bearer, HANDLE_SERVICE_CHANGED);
    return true;
}

/* --- the name --------------------------------------------------------------------------------- */

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
