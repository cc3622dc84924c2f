/* The server's own services, Generic Access and Generic Attribute, and the values that the host
 * keeps: Vol 3, Part C, 12; Part G, 7.
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   ATT_PENDING: a handler's result: the application will answer
 *   cccd_value(): the client's CCCD, without its tag
 *   cccd_write(): a write to a CCCD: 0 or an ATT error
 *   gatts: the server's database and state: gatt_server.h
 *   gatts_table_value(): the value, in RAM, of an attribute with WOAD_PERM_VALUE
 *   name_len: of the server: octets of the device's name
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   REFUSED(): logs why a call is refused, and is its error
 *   uuid_appearance: UUID of Appearance
 *   uuid_changed: UUID of Service Changed
 *   uuid_gatt: UUID of the GATT service
 *   uuid_name: UUID of Device Name
 *   uuid_write(): writes 2 or 16 octets; a 32-bit UUID in its 128-bit form
 *   wr_le16(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   wr_len(): octets written so far (base/buf.h) */
#include "../base/uuid.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../core/ready.h"
#include "../core/security.h"
#include "gatt_server.h"

enum { HANDLE_NAME = 3 };

const struct woad_uuid uuid_gap = WOAD_UUID16(0x1800), uuid_gatt = WOAD_UUID16(0x1801),
                       uuid_name = WOAD_UUID16(0x2a00), uuid_appearance = WOAD_UUID16(0x2a01),
                       uuid_changed = WOAD_UUID16(0x2a05);
const uint8_t appearance[2] = { 0, 0 };

/* Include declaration: start u16, end u16, and the UUID if it is a 16-bit one.  Vol 3, Part G, 3.2
 */
static void value_include(const struct woad_include *include, struct wr *out)
{
    wr_le16(out, include->start);
    wr_le16(out, include->end);
    if (include->uuid && include->uuid->size == 2) {
        uuid_write(out, include->uuid);
    }
}

/* A value that the host makes, or that lies in a struct woad_value. */
static __attribute__((noinline)) int value_made(const struct conn *c, uint16_t handle,
                                                const struct woad_attr *a, struct gatts_value *v)
{
    if (a->perm & WOAD_PERM_VALUE) {
        return gatts_table_value(a)->kind->read(c, handle, a, v);
    }
    struct wr out = wr_of(v->buf, sizeof v->buf);
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
    v->octets = v->buf;
    v->len = wr_len(&out);
    return 0;
}

/* The value of an attribute, as the client reads it: constant, made here, or the device name.  0;
 * an ATT error; ATT_PENDING: the application has it. */
int gatts_value(const struct conn *c, uint16_t handle, const struct woad_attr *a,
                struct gatts_value *v)
{
    bool is_value = a->kind == WOAD_ATTR_VALUE || a->kind == WOAD_ATTR_DESCRIPTOR;
    if (!is_value || a->perm & WOAD_PERM_VALUE) {
        return value_made(c, handle, a, v);
    }
    if (a->value) {
        v->octets = a->value;
        v->len = a->len;
        return 0;
    }
    if (handle == HANDLE_NAME) {
        const struct gatts *g = c->h->gatts;
        v->octets = g->name;
        v->len = g->name_len;
        return 0;
    }
    return ATT_PENDING;
}

/* A write to a value in the table or to a CCCD.  0 or an ATT error; ATT_PENDING: it is for the
 * application. */
int gatts_write(struct conn *c, uint16_t handle, const struct woad_attr *a, uint16_t offset,
                struct rd *in)
{
    if (a->perm & WOAD_PERM_VALUE) {
        return gatts_table_value(a)->kind->write(c, handle, a, offset, in);
    }
    if (a->kind != WOAD_ATTR_CCCD) {
        return ATT_PENDING;
    }
    if (offset) {
        return WOAD_ATT_INVALID_OFFSET;
    }
    return cccd_write(c, handle, in);
}

/* --- the name --------------------------------------------------------------------------------- */

int woad_gatt_set_name(struct woad *h, const uint8_t *name, size_t len)
{
    if (!h->gatts) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_gatt_server");
    }
    if (len > sizeof h->gatts->name) {
        return REFUSED(h, WOAD_EINVAL, "the name has %u octets: 0 to 31", (unsigned)len);
    }
    if (len) {
        memcpy(h->gatts->name, name, len);
    }
    h->gatts->name_len = (uint8_t)len;
    return 0;
}

size_t woad_gatt_name(const struct woad *h, const uint8_t **name)
{
    if (h->gatts) {
        *name = h->gatts->name;
    } else {
        *name = NULL;
    }
    if (!h->gatts) {
        return 0;
    }
    return h->gatts->name_len;
}
