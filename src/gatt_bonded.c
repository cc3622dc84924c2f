/* What the server keeps of bonded clients: what they have subscribed to, their features, and which
 * database they know.  Vol 3, Part G, 3.3.3.3, 7.1, 7.2 */
#include "gatt_server.h"

static uint32_t hash_more(uint32_t hash, const uint8_t *p, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        hash = (hash ^ p[n]) * 16777619u;
    }
    return hash;
}

/* A number that is another one when handles, types or declarations are others (FNV-1a). */
static uint32_t hash_database(const struct woad *h, uint16_t i)
{
    const struct gatts *g = h->gatts;
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
            gatts_value(h, i, handle, a, &out);
        }
        hash = hash_more(hash, octets, wr_len(&out));
    }
    return hash ? hash : 1;              /* 0: not known */
}

/* A new client will look at the database as it is now. */
void gatts_know(struct woad *h, uint16_t i)
{
    h->gatts->conns[i].knows = h->smp_role ? hash_database(h, i) : 0;
}

/* If it knows another one, and wants to be told. */
void gatts_recheck(struct woad *h, uint16_t i)
{
    const struct gatts_conn *s = &h->gatts->conns[i];
    if (s->knows && s->knows != hash_database(h, i)) {
        gatts_owe_changed(h, i, 1, 0xffff);
    }
}

/* A bonded client is back, and has proved it. */
void gatts_resume(struct woad *h, uint16_t i, const struct woad_bond *bond)
{
    struct gatts_conn *s = &h->gatts->conns[i];
    s->client_features |= bond->client_features;
    for (uint16_t n = 0; n < bond->cccds; n++) {
        const struct woad_attr *a = db_at(h->gatts, bond->cccd[n].handle);
        if (a && a->kind == WOAD_ATTR_CCCD) {
            cccd_put(h, i, bond->cccd[n].handle, bond->cccd[n].value);
        }
    }
    s->knows = bond->database ? bond->database : s->knows;
    gatts_recheck(h, i);
    for (size_t n = 0; n < h->cfg.subscriptions; n++) {
        cccd_emit(h, i, &s->cccds[n]);
    }
}

/* `bond` gets what is here; its CCCDs stay where they are. */
void gatts_keep(const struct woad *h, uint16_t i, struct woad_bond *bond)
{
    const struct gatts_conn *s = &h->gatts->conns[i];
    bond->client_features = s->client_features;
    bond->database = s->knows;
    bond->cccd = s->cccds;
    bond->cccds = h->cfg.subscriptions;
}

/* Service Changed has been confirmed: unless there is more of it to tell, the client knows the
 * database as it is now. */
void gatts_told(struct woad *h, uint16_t i)
{
    if (h->smp_role && !h->gatts->conns[i].changed_first) {
        gatts_know(h, i);
        h->smp_role->keep(h, i);
    }
}
