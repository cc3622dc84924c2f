/* woad_gatt_notify_subscribers(): one value for all clients that have subscribed to it.
 *
 * Names of other files:
 *   conn: a connection's number in the public interface
 *   db_at(): the attribute of a handle; NULL: none
 *   db_characteristic_of(): the declaration that a value or descriptor belongs to; 0: none
 *   gatts: the server's database and state: gatt_server.h
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   REFUSED(): logs why a call is refused, and is its error */
#include "../core/log.h"
#include "gatt_server.h"

int woad_gatt_notify_subscribers(struct woad *h, uint16_t handle, const void *data, size_t len)
{
    struct gatts *g = h->gatts;
    if (!g) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_gatt_server");
    }
    uint16_t decl = db_characteristic_of(g, handle);
    if (!decl || handle != decl + 1 || !(db_at(g, decl)->props & WOAD_PROP_NOTIFY)) {
        return REFUSED(h, WOAD_EINVAL, "handle %u is not a value with WOAD_PROP_NOTIFY", handle);
    }
    int queued = 0;
    for (uint16_t conn = WOAD_NO_CONN; (conn = woad_conn_next(h, conn)) != WOAD_NO_CONN;) {
        if ((woad_gatt_subscription(h, conn, handle) & WOAD_CCCD_NOTIFY) &&
            !woad_gatt_notify(h, conn, handle, data, len)) {
            queued++;
        }
    }
    return queued;
}

int woad_gatt_notify_value(struct woad *h, const struct woad_value *v)
{
    if (h->gatts) {
        const struct woad_attr *a = db_at(h->gatts, v->handle);
        if (!a || a->value != v || !v->data) { /* the handle may be another attribute's by now */
            return REFUSED(h, WOAD_EINVAL, "the value is not in the database, or has no octets");
        }
    }
    return woad_gatt_notify_subscribers(h, v->handle, v->data, v->len);
}
