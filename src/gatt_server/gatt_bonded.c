/* What the server keeps of bonded clients: what they have subscribed to, their features, and which
 * database they know.  Vol 3, Part G, 3.3.3.3, 7.1, 7.2 */
#include "../base/uuid.h"
#include "../core/security.h"
#include "gatt_server.h"

static uint32_t hash_update(uint32_t hash, const uint8_t *p, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        hash = (hash ^ p[n]) * 16777619u;
    }
    return hash;
}

/* A number that is another one when handles, types or declarations are others (FNV-1a). */
static uint32_t hash_database(const struct conn *c)
{
    const struct woad *h = c->h;
    struct gatts *g = h->gatts;
    uint32_t hash = 2166136261u;
    for (uint16_t handle = db_next(g, 1); handle; handle = db_next(g, handle + 1u)) {
        const struct woad_attr *a = db_at(g, handle);
        uint8_t octets[2 + 16 + 20];
        struct wr out = wr_of(octets, sizeof octets);
        struct woad_uuid type;
        db_type(a, &type);
        wr_le16(&out, handle);
        uuid_write(&out, &type);
        if (a->kind <= WOAD_ATTR_CHARACTERISTIC) {
            struct gatts_value v;
            gatts_value(c, handle, a, &v);
            wr_bytes(&out, v.octets, v.len);
        }
        hash = hash_update(hash, octets, wr_len(&out));
    }
    return hash >> 8 ? hash >> 8 : 1; /* 24 bits, as a bond has; 0: not known */
}

/* A new client will look at the database as it is now. */
static void gatts_note_db_hash(struct conn *c)
{
    c->server->db_hash = hash_database(c) & 0xffffff;
}

/* If it knows another one, and wants to be told. */
static void gatts_verify_db_hash(struct conn *c)
{
    const struct gatts_conn *s = c->server;
    if (s->db_hash && s->db_hash != hash_database(c)) {
        gatts_queue_changed(c, 1, 0xffff);
    }
}

/* A bonded client is back, and has proved it.  CCCDS: config.subscriptions. */
void gatts_restore_client(struct conn *c, uint8_t features, uint32_t database,
                          const struct woad_cccd *cccds)
{
    struct woad *h = c->h;
    struct gatts_conn *s = c->server;
    s->client_features |= features;
    for (const struct woad_cccd *its = cccds; its < cccds + h->cfg.subscriptions; its++) {
        uint16_t handle = its->handle, value = its->value;
        const struct woad_attr *a = db_at(h->gatts, handle);
        if (a && a->kind == WOAD_ATTR_CCCD &&
            (value <= CCCD_BITS || (value & ~CCCD_BITS) == cccd_tag(c, handle))) {
            cccd_set(c, handle, value);
        }
    }
    s->db_hash = (database ? database : s->db_hash) & 0xffffff;
    gatts_verify_db_hash(c);
    for (size_t n = 0; n < h->cfg.subscriptions; n++) {
        cccd_emit(c, &s->cccds[n]);
    }
}

/* `bond` gets what is here; its CCCDs stay where they are. */
void gatts_save_client(const struct conn *c, struct woad_bond *bond)
{
    const struct woad *h = c->h;
    const struct gatts_conn *s = c->server;
    bond->client_features = s->client_features & 7u;
    bond->database = s->db_hash;
    bond->cccd = s->cccds;
    bond->cccds = h->cfg.subscriptions;
}

/* Service Changed has been confirmed: unless there is more of it to tell, the client knows the
 * database as it is now. */
static void gatts_changed_confirmed(struct conn *c)
{
    struct woad *h = c->h;
    if (!c->server->changed_first) {
        gatts_note_db_hash(c);
        h->smp_role->save_client_state(c);
    }
}

const struct gatt_bonds gatt_bonds = { gatts_note_db_hash, gatts_verify_db_hash,
                                       gatts_changed_confirmed, perm_withdraw_queued };
