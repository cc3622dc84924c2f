/* The application's calls that send values to clients: notifications and indications.  They only
 * queue; att_tx_queue() sends.  Vol 3, Part F, 3.4.7
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   ALWAYS_INLINE: inlined at each call: it is on the way of each packet
 *   ATT_INDICATE: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   att_max_mtu(): the largest ATT_MTU of the connection's bearers
 *   att_max_value(): octets of the longest value that one PDU can carry
 *   att_queue(): queues a PDU { op, handle, value }, cut at the MTU; 0 or WOAD_EAGAIN
 *   att_queue_reserve(): a PDU at the end of c->queue, which the caller fills; NULL: no room
 *   conn: a connection's number in the public interface
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   FEATURE_MULTIPLE_NOTIFY: bit of Client Supported Features: the client takes several
 *       notifications in a PDU
 *   fifo_behind(): free octets after the last record
 *   fifo_first(): the first record's octets, fifo_len() of them; NULL: empty
 *   fifo_has_room(): fifo_…(): a queue of octet strings: base/fifo.h
 *   gatts: the server's database and state: gatt_server.h
 *   get_le16(): 16 bits at any address, little endian
 *   HANDLE_SERVICE_CHANGED: handle of Service Changed's value, in the built-in table
 *   perm_check_send(): 0: the value may go to this client; WOAD_EINVAL: no handle; WOAD_EACCES: it
 *       may not
 *   REFUSED(): logs why a call is refused, and is its error
 *   server: of a connection: the client's state; of a bearer: the request in progress
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../base/bytes.h"
#include "../core/log.h"
#include "gatt_server.h"

static int LOG_RARE send_refused(const struct woad *h, int err, const char *why)
{
    (void)h, (void)why;
    return REFUSED(h, err, "%s", why);
}

/* 0, or why the application may not send this value now; c NULL: no such connection. */
ALWAYS_INLINE int send_check(const struct woad *h, const struct conn *c, uint16_t handle)
{
    if (!c || c->state != CONN_OPEN) {
        return send_refused(h, WOAD_ENOTCONN, "the connection is not open");
    }
    if (!handle) {
        return send_refused(h, WOAD_EINVAL, "handle is 0, or fewer than two values");
    }
    return perm_check_send(c, handle);
}

/* Queues a notification or an indication.  0, or why it was refused. */
ALWAYS_INLINE int send(const struct woad *h, struct conn *c, uint8_t op, uint16_t handle,
                       const void *data, size_t len)
{
    int err = send_check(h, c, handle);
    if (!err) {
        err = att_queue(c, op, handle, data, len);
    }
    return err;
}

int woad_gatt_notify(struct woad *h, uint16_t conn, uint16_t handle, const void *data, size_t len)
{
    return send(h, conn_of(h, conn), ATT_NOTIFY, handle, data, len);
}

int woad_gatt_indicate(struct woad *h, uint16_t conn, uint16_t handle, const void *data, size_t len)
{
    if (handle == HANDLE_SERVICE_CHANGED && h->gatts) {
        /* reserved: the host takes its confirmation */
        return REFUSED(h, WOAD_EINVAL, "handle 8, Service Changed: the host indicates it");
    }
    return send(h, conn_of(h, conn), ATT_INDICATE, handle, data, len);
}

/* The queued notification of `handle`; NULL: none. */
static uint8_t *send_find_queued(const struct fifo *q, uint16_t handle)
{
    uint8_t *pdu = fifo_first(q);
    while (pdu && (pdu[0] != ATT_NOTIFY || get_le16(pdu + 1) != handle)) {
        pdu = fifo_next(q, pdu);
    }
    return pdu;
}

/* The new value goes to the end of the queue, then the one that it replaces, which stays where it
 * is meanwhile, is removed.  If there is room for only one of them, the old one is removed first.
 */
int woad_gatt_notify_latest(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                            size_t len)
{
    struct conn *c = conn_of(h, conn);
    int err = send_check(h, c, handle);
    if (err) {
        return err;
    }
    len = min_size(len, att_max_value(c));
    struct fifo *q = &c->queue;
    const uint8_t *old = send_find_queued(q, handle);
    if (old && !fifo_has_room(q, 3 + len) && 3 + len <= fifo_behind(q) + fifo_len(old)) {
        fifo_remove(q, old);
        old = NULL;
    }
    err = att_queue(c, ATT_NOTIFY, handle, data, len);
    if (!err && old) {
        fifo_remove(q, old);
    }
    return err;
}

/* ATT_MULTIPLE_HANDLE_VALUE_NTF: { handle u16, length u16, value }, two or more.  3.4.7.4 */
int woad_gatt_notify_multiple(struct woad *h, uint16_t conn, const struct woad_gatt_value *values,
                              size_t n)
{
    size_t len = 1;
    struct conn *c = conn_of(h, conn);
    /* its own check of each value follows: handle 1 is a service, which anybody may read */
    int err = send_check(h, c, values && n > 1 ? 1 : 0);
    if (err) {
        return err;
    }
    if (!h->gatts || !(c->server->client_features & FEATURE_MULTIPLE_NOTIFY)) {
        return REFUSED(h, WOAD_ENOTSUP,
                       "the client has not enabled it in Client Supported Features");
    }
    for (size_t i = 0; i < n; i++) {
        len += 4u + values[i].len;
        if (values[i].len > WOAD_ATT_VALUE_MAX || len > att_max_mtu(c)) {
            return REFUSED(
                h, WOAD_EINVAL,
                "the values are longer than the ATT_MTU, %u, or one has more than 512 octets",
                att_max_mtu(c));
        }
        err = perm_check_send(c, values[i].handle);
        if (err) {
            return err;
        }
    }
    uint8_t *pdu = att_queue_reserve(c, len);
    if (!pdu) {
        return WOAD_EAGAIN;
    }
    struct wr out = wr_of(pdu, len);
    wr_u8(&out, ATT_MULTIPLE_NOTIFY);
    for (size_t i = 0; i < n; i++) {
        wr_le16(&out, values[i].handle);
        wr_le16(&out, values[i].len);
        wr_bytes(&out, values[i].data, values[i].len);
    }
    return 0;
}
