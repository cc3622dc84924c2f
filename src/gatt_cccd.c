/* Client Characteristic Configuration: what each client has asked for.  A small table for each
 * connection of those that differ from 0.  Vol 3, Part G, 3.3.3.3 */
#include "gatt_server.h"

static struct cccd *cccd_find(const struct woad *h, uint16_t i, uint16_t handle)
{
    struct gatts_conn *s = &h->gatts->conns[i];
    for (size_t n = 0; n < h->cfg.subscriptions; n++) {
        if (s->cccds[n].handle == handle) {
            return &s->cccds[n];
        }
    }
    return NULL;
}

uint16_t cccd_value(const struct woad *h, uint16_t i, uint16_t handle)
{
    const struct cccd *slot = cccd_find(h, i, handle);
    return slot ? slot->value : 0;
}

/* Bits that the characteristic can do, and no others. */
int cccd_write(struct woad *h, uint16_t i, uint16_t handle, struct rd *value)
{
    uint16_t decl = db_characteristic_of(h->gatts, handle);
    uint8_t props = decl ? db_at(h->gatts, decl)->props : 0;
    unsigned allowed = (props & WOAD_PROP_NOTIFY ? CCCD_NOTIFY : 0u) |
                       (props & WOAD_PROP_INDICATE ? CCCD_INDICATE : 0u);
    uint16_t v = rd_le16(value);
    if (!rd_done(value)) {
        return WOAD_ATT_INVALID_VALUE_LENGTH;
    }
    if (v & ~allowed) {
        return WOAD_ATT_REQUEST_NOT_SUPPORTED;
    }
    uint16_t before = cccd_value(h, i, handle);
    struct cccd *slot = cccd_find(h, i, handle);
    if (!slot && v) {
        slot = cccd_find(h, i, 0);
    }
    if (!RESERVE(slot || !v)) {
        return WOAD_ATT_INSUFFICIENT_RESOURCES;
    }
    if (slot) {
        *slot = (struct cccd){ v ? handle : 0, v };
    }
    if (v != before && handle != HANDLE_SERVICE_CHANGED + 1) {
        struct woad_event ev = { .type = WOAD_EV_SUBSCRIBE, .conn = conn_number(h, i),
                                 .u.subscribe = { (uint16_t)(decl + 1), v } };
        emit(h, &ev);
    }
    return 0;
}

/* The CCCD of a value is among the descriptors behind it. */
static uint16_t cccd_of(const struct gatts *g, uint16_t value_handle)
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
    uint16_t i, handle;
    if (!h->gatts || !conn_of(h, conn, &i)) {
        return 0;
    }
    handle = cccd_of(h->gatts, value_handle);
    return handle ? cccd_value(h, i, handle) : 0;
}
