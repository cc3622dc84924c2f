/* The server's part of a client's bond: subscriptions, supported features, and a hash of the
 * database that the client knows.  Vol 3, Part G, 3.3.3.3, 7.1, 7.2
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   CCCD_BITS: notifications and indications: the bits of a CCCD
 *   cccd_emit(): raises WOAD_EV_SUBSCRIBE for a stored CCCD
 *   cccd_set(): stores a client's CCCD, with its tag; 0 frees the entry; false: the table is full
 *   cccd_tag(): bits above CCCD_BITS that identify the characteristic by its type
 *   cfg: the config that the application gave to woad_init()
 *   changed_first: the range of handles of the Service Changed to be sent; 0: none
 *   db_at(): the attribute of a handle; NULL: none
 *   db_hash: hash of the database that the client knows
 *   db_hash_verify: of gatt_bonds: queues Service Changed if the client knows another database
 *   db_next(): the first handle from this one on; 0: none
 *   db_type(): the attribute's type, as a UUID
 *   gatt_bonds: the server's functions for bonded clients: gatt_bonded.c; NULL: no Security Manager
 *   gatts: the server's database and state: gatt_server.h
 *   gatts_conn: the server's state of a client: subscriptions, features, Service Changed
 *   gatts_queue_changed(): queues Service Changed for a range of handles, if the client wants it
 *   gatts_value(): a value to be read; ATT_PENDING: the application has it
 *   perm_withdraw_queued(): withdraws queued values that the client may not get; may raise events
 *   save_client_state: of smp_role: saves the server's state in the client's bond; may raise events
 *   security_lowered: hook: the connection has less security than before
 *   server: of a connection: the client's state; of a bearer: the request in progress
 *   service_changed_confirmed: of gatt_bonds: the client has confirmed Service Changed
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked
 *   uuid_write(): writes 2 or 16 octets; a 32-bit UUID in its 128-bit form
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   wr_len(): octets written so far (base/buf.h) */
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

/* Hash (FNV-1a) of all handles, types and declarations: it changes when the database does. */
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
    if (hash >> 8) {
        return hash >> 8;
    }
    return 1; /* 24 bits, as in a bond; 0 means not known */
}

/* The client knows the current database: a new client will discover it, a bonded one has confirmed
 * Service Changed. */
static void gatts_note_db_hash(struct conn *c)
{
    c->server->db_hash = hash_database(c) & 0xffffff;
}

/* Queues Service Changed if the client knows another database. */
static void gatts_verify_db_hash(struct conn *c)
{
    const struct gatts_conn *s = c->server;
    if (s->db_hash && s->db_hash != hash_database(c)) {
        gatts_queue_changed(c, 1, 0xffff);
    }
}

/* A bonded client has encrypted the connection: restores its features, subscriptions and database
 * hash from the bond.  `cccds` has config.subscriptions entries.  A subscription is dropped if its
 * handle belongs to another characteristic now.  WOAD_EV_SUBSCRIBE follows for each one restored.
 */
void gatts_restore_client(struct conn *c, uint8_t features, uint32_t database,
                          const struct woad_cccd *cccds)
{
    struct woad *h = c->h;
    struct gatts_conn *s = c->server;
    s->client_features |= features;
    for (const struct woad_cccd *cccd = cccds; cccd < cccds + h->cfg.subscriptions; cccd++) {
        uint16_t handle = cccd->handle, value = cccd->value;
        const struct woad_attr *a = db_at(h->gatts, handle);
        if (a && a->kind == WOAD_ATTR_CCCD &&
            (value <= CCCD_BITS || (value & ~CCCD_BITS) == cccd_tag(c, handle))) {
            cccd_set(c, handle, value);
        }
    }
    if (database) {
        s->db_hash = database & 0xffffff;
    }
    gatts_verify_db_hash(c);
    for (size_t n = 0; n < h->cfg.subscriptions; n++) {
        cccd_emit(c, &s->cccds[n]);
    }
}

/* Fills the server's fields of `bond`; its `cccd` points into the connection. */
void gatts_save_client(const struct conn *c, struct woad_bond *bond)
{
    const struct woad *h = c->h;
    const struct gatts_conn *s = c->server;
    bond->client_features = s->client_features & 7u;
    bond->database = s->db_hash;
    bond->cccd = s->cccds;
    bond->cccds = h->cfg.subscriptions;
}

/* The client has confirmed Service Changed.  It knows the current database, unless another Service
 * Changed is pending. */
static void gatts_changed_confirmed(struct conn *c)
{
    struct woad *h = c->h;
    if (!c->server->changed_first) {
        gatts_note_db_hash(c);
        h->smp_role->save_client_state(c);
    }
}

const struct gatt_bonds gatt_bonds = { .db_hash_note = gatts_note_db_hash,
                                       .db_hash_verify = gatts_verify_db_hash,
                                       .service_changed_confirmed = gatts_changed_confirmed,
                                       .security_lowered = perm_withdraw_queued };
