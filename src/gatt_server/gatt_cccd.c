/* Client Characteristic Configuration: what each client has subscribed to.  Each connection has a
 * table of config.subscriptions entries, for CCCDs that are not 0.  Vol 3, Part G, 3.3.3.3
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   CCCD_BITS: notifications and indications: the bits of a CCCD
 *   cfg: the config that the application gave to woad_init()
 *   conn: a connection's number in the public interface
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   db_at(): the attribute of a handle; NULL: none
 *   db_characteristic_of(): the declaration that a value or descriptor belongs to; 0: none
 *   db_hash_verify: of gatt_bonds: queues Service Changed if the client knows another database
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   gatt_bonds: the server's functions for bonded clients: gatt_bonded.c; NULL: no Security Manager
 *   gatts: the server's database and state: gatt_server.h
 *   gatts_conn: the server's state of a client: subscriptions, features, Service Changed
 *   get_le16(): 16 bits at any address, little endian
 *   HANDLE_SERVICE_CHANGED: handle of Service Changed's value, in the built-in table
 *   MAY_FAIL: its argument; a test build makes it false in turn, as by a full queue or table
 *   rd_copy(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   save_client_state: of smp_role: saves the server's state in the client's bond; may raise events
 *   server: of a connection: the client's state; of a bearer: the request in progress
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked */
#include "../core/event.h"
#include "../core/security.h"
#include "gatt_server.h"

/* The client's entry for a CCCD; with handle 0 a free one; NULL: none. */
static struct woad_cccd *cccd_find(const struct conn *c, uint16_t handle)
{
    const struct woad *h = c->h;
    struct gatts_conn *s = c->server;
    for (struct woad_cccd *slot = s->cccds; slot < s->cccds + h->cfg.subscriptions; slot++) {
        if (slot->handle == handle) {
            return slot;
        }
    }
    return NULL;
}

uint16_t cccd_value(const struct conn *c, uint16_t handle)
{
    const struct woad_cccd *slot = cccd_find(c, handle);
    if (!slot) {
        return 0;
    }
    return slot->value & CCCD_BITS;
}

/* The bits above CCCD_BITS of a stored value: a tag that identifies the characteristic by its type,
 * because the handles of a bonded client may belong to other characteristics when it returns.
 * 16-bit types differ in the first two octets, 32-bit types in all four; a vendor's types differ
 * in the first two or in octets 12 and 13. */
enum { CCCD_TAGGED = 4 };
uint16_t cccd_tag(const struct conn *c, uint16_t handle)
{
    struct gatts *g = c->h->gatts;
    const struct woad_uuid *type = db_at(g, db_characteristic_of(g, handle))->uuid;
    unsigned octets = get_le16(type->le);
    if (type->size == 4) {
        octets ^= get_le16(type->le + 2);
    } else if (type->size == 16) {
        octets ^= get_le16(type->le + 12);
    }
    return (uint16_t)(octets << 3 | CCCD_TAGGED);
}

/* Stores a client's CCCD; 0 frees its entry.  False: the table is full. */
bool cccd_set(struct conn *c, uint16_t handle, uint16_t value)
{
    struct woad_cccd *slot = cccd_find(c, handle);
    if (!slot && value) {
        slot = cccd_find(c, 0);
    }
    if (!MAY_FAIL(slot || !value)) {
        return false;
    }
    if (slot && value) {
        slot->handle = handle;
        slot->value = value | cccd_tag(c, handle);
    } else if (slot) {
        slot->handle = 0;
    }
    return true;
}

/* Raises WOAD_EV_SUBSCRIBE for a stored CCCD; not for Service Changed, which is the host's own. */
void cccd_emit(struct conn *c, const struct woad_cccd *set)
{
    uint16_t decl = 0;
    if (set->handle) {
        decl = db_characteristic_of(c->h->gatts, set->handle);
    }
    if (decl && set->handle != HANDLE_SERVICE_CHANGED + 1) {
        struct woad_event ev;
        ev.u.subscribe.value_handle = (uint16_t)(decl + 1);
        ev.u.subscribe.cccd = set->value & CCCD_BITS;
        emit_of(c, WOAD_EV_SUBSCRIBE, &ev);
    }
}

enum { PROPS_SHIFT = 4 }; /* from here on, the properties have the order of the CCCD's bits */

/* A write to a CCCD: only bits that the characteristic's properties allow.  A CCCD has a fixed
 * length, so octets that are not written keep their value.  0 or an ATT error.  Vol 3, Part
 * F, 3.4.5.1 */
int cccd_write(struct conn *c, uint16_t handle, struct rd *value)
{
    struct woad *h = c->h;
    uint16_t decl = db_characteristic_of(h->gatts, handle); /* not 0: db_valid() */
    unsigned allowed = db_at(h->gatts, decl)->props >> PROPS_SHIFT & CCCD_BITS;
    uint16_t before = cccd_value(c, handle);
    uint8_t octets[2] = { (uint8_t)before, (uint8_t)(before >> 8) };
    size_t len = rd_left(value);
    if (len > sizeof octets) {
        return WOAD_ATT_INVALID_VALUE_LENGTH;
    }
    rd_copy(value, octets, len);
    uint16_t v = get_le16(octets);
    if (v & ~allowed) {
        return WOAD_ATT_REQUEST_NOT_SUPPORTED;
    }
    if (!cccd_set(c, handle, v)) {
        return WOAD_ATT_INSUFFICIENT_RESOURCES;
    }
    if (handle == HANDLE_SERVICE_CHANGED + 1 && v && h->gatt_bonds) {
        h->gatt_bonds->db_hash_verify(c);
    }
    if (v != before && h->smp_role) {
        h->smp_role->save_client_state(c);
    }
    if (v != before) {
        cccd_emit(c, &(struct woad_cccd){ handle, v });
    }
    return 0;
}

/* Handle of the CCCD among the descriptors behind a value; 0: none. */
static uint16_t cccd_after_value(struct gatts *g, uint16_t value_handle)
{
    for (uint32_t handle = value_handle + 1u; handle <= 0xffff; handle++) {
        const struct woad_attr *a = db_at(g, (uint16_t)handle);
        if (!a || a->kind <= WOAD_ATTR_VALUE) {
            break;
        }
        if (a->kind == WOAD_ATTR_CCCD) {
            return (uint16_t)handle;
        }
    }
    return 0;
}

uint16_t woad_gatt_subscription(const struct woad *h, uint16_t conn, uint16_t value_handle)
{
    const struct conn *c = NULL;
    if (h->gatts) {
        c = conn_of(h, conn);
    }
    uint16_t handle = 0;
    if (c) {
        handle = cccd_after_value(h->gatts, value_handle);
    }
    if (!handle) {
        return 0;
    }
    return cccd_value(c, handle);
}
