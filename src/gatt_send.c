/* Values to clients: notifications, indications.  Vol 3, Part F, 3.4.7 */
#include "gatt_server.h"

static int send_check(const struct conn *c, uint16_t handle)
{
    if (!c || c->state != CONN_OPEN) {
        return WOAD_ENOTCONN;
    }
    return !handle ? WOAD_EINVAL : perm_may_send(c, handle) ? 0 : WOAD_EACCES;
}

static int send(struct conn *c, uint8_t op, uint16_t handle, const void *data, size_t len)
{
    int err = send_check(c, handle);
    return err ? err : att_queue(c, op, handle, data, len);
}

int woad_gatt_notify(struct woad *h, uint16_t conn, uint16_t handle, const void *data, size_t len)
{
    return send(conn_of(h, conn), ATT_NOTIFY, handle, data, len);
}

int woad_gatt_indicate(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                       size_t len)
{
    return send(conn_of(h, conn), ATT_INDICATE, handle, data, len);
}

/* Takes the notification of `handle` that waits, if one does, out of the queue, unless what comes
 * in its place would not fit then. */
static int send_overtake(struct fifo *q, uint16_t handle, size_t len)
{
    uint32_t n;
    for (uint32_t at = 0; at < q->used; at += n) {
        n = 2u + fifo_octet(q, at) + fifo_octet(q, at + 1) * 256u;
        uint16_t its = (uint16_t)(fifo_octet(q, at + 3) | fifo_octet(q, at + 4) << 8);
        if (fifo_octet(q, at + 2) == ATT_NOTIFY && its == handle) {
            if (len + 5 > q->size - q->used + n) {
                return WOAD_EAGAIN;
            }
            fifo_remove(q, at, n);
            break;
        }
    }
    return 0;
}

int woad_gatt_notify_latest(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                            size_t len)
{
    struct conn *c = conn_of(h, conn);
    int err = send_check(c, handle);
    if (err) {
        return err;
    }
    size_t most = att_most(c) - 3u;
    len = len < most ? len : most;
    if (send_overtake(&c->queue, handle, len)) {
        c->queue_full = true;
        return WOAD_EAGAIN;
    }
    return att_queue(c, ATT_NOTIFY, handle, data, len);
}

/* ATT_MULTIPLE_HANDLE_VALUE_NTF: { handle u16, length u16, value }, two or more.  3.4.7.4 */
int woad_gatt_notify_multiple(struct woad *h, uint16_t conn, const struct woad_gatt_value *values,
                              size_t n)
{
    static const uint8_t op = ATT_MULTIPLE_NOTIFY;
    size_t len = sizeof op;
    struct conn *c = conn_of(h, conn);
    int err = send_check(c, values && n > 1 ? 1 : 0);
    if (err) {
        return err;
    }
    if (!h->gatts || !(c->server->client_features & FEATURE_MULTIPLE_NOTIFY)) {
        return WOAD_ENOTSUP;
    }
    for (size_t k = 0; k < n; k++) {
        len += 4u + values[k].len;
        if (!values[k].handle || len > att_most(c)) {
            return WOAD_EINVAL;
        }
        if (!perm_may_send(c, values[k].handle)) {
            return WOAD_EACCES;
        }
    }
    if (!att_queue_open(c, len)) {
        return WOAD_EAGAIN;
    }
    struct fifo *q = &c->queue;
    fifo_append(q, &op, sizeof op);
    for (size_t k = 0; k < n; k++) {
        uint8_t head[4];
        struct wr out = wr_of(head, sizeof head);
        wr_le16(&out, values[k].handle);
        wr_le16(&out, values[k].len);
        fifo_append(q, head, sizeof head);
        fifo_append(q, values[k].data, values[k].len);
    }
    return 0;
}
