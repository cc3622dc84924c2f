/* woad_gattc_find(): characteristics of one UUID in the services of one UUID.  It alternates
 * between Find By Type Value, which gives the next service, and Read By Type in that service.  Vol
 * 3, Part G, 4.4.2, 4.6.2
 *
 * In a procedure of this kind, p->uuid is the characteristic's, the service's is in the queued
 * data, and start..end is what is still to be searched: all handles, or those of one service.
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   p: a queued procedure (gatt_client.h)
 *   ATT_FIND_BY_VALUE_REQ: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   conn: a connection's number in the public interface
 *   filtered: of a procedure: only results with p->uuid are wanted
 *   found: of a procedure: not 0: a result has been raised
 *   gattc_add(): queues a procedure with a copy of its data
 *   gattc_characteristics_rx(): reads a response with characteristics; sets p->found if one is
 *       wanted
 *   gattc_data(): the data queued with a procedure, fifo_len() octets
 *   GATTC_DONE: result of reading a response: the procedure has succeeded
 *   gattc_emit_pending(): raises WOAD_EV_CHARACTERISTIC for the last one found, which ends there
 *   gattc_is_list(): the rest of a PDU is one or more whole elements of this size
 *   gattc_kind: how a kind of request is written (tx), its response read (rx, error): gatt_client.h
 *   gattc_tx_range(): writes the request: start, end, and the kind's `type`
 *   proc: a queued procedure of the client: gatt_client.h
 *   rd_le16(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   REFUSED(): logs why a call is refused, and is its error
 *   UUID_CHARACTERISTIC: UUID_…: types of declarations and of the CCCD
 *   uuid_write(): writes 2 or 16 octets; a 32-bit UUID in its 128-bit form */
#include "../base/uuid.h"
#include "../core/log.h"
#include "gatt_client.h"

static const struct gattc_kind kind_find_service, kind_find_characteristic;

/* The end of the search: p->found is set if gattc_characteristics_rx() has found some. */
static int find_end(const struct proc *p)
{
    if (p->found) {
        return GATTC_DONE;
    }
    return WOAD_ATT_ATTRIBUTE_NOT_FOUND;
}

/* ATT_FIND_BY_TYPE_VALUE_REQ: start u16, end u16, type u16, UUID.  Vol 3, Part F, 3.4.3.3 */
static void find_service_tx(struct conn *c, struct proc *p, struct wr *out)
{
    struct woad_uuid service;
    memcpy(&service, gattc_data(c, p), sizeof service);
    gattc_tx_range(c, p, out);
    uuid_write(out, &service);
}

/* ATT_FIND_BY_TYPE_VALUE_RSP: { start u16, end u16 } each.  The first one is searched now, those
 * behind it are requested again.  Vol 3, Part F, 3.4.3.4 */
static int find_service_rx(struct conn *c, struct proc *p, struct rd *in)
{
    (void)c;
    bool is_list = gattc_is_list(in, 4);
    uint16_t start = rd_le16(in), end = rd_le16(in);
    if (!is_list || start < p->start || end < start) {
        return WOAD_EBADMSG;
    }
    p->start = start;
    p->end = end;
    p->kind = &kind_find_characteristic;
    return 0;
}

/* No service is left. */
static int find_service_error(struct conn *c, struct proc *p, int status)
{
    (void)c;
    if (status == WOAD_ATT_ATTRIBUTE_NOT_FOUND) {
        return find_end(p);
    }
    return status;
}

static const struct gattc_kind kind_find_service = {
    .request = ATT_FIND_BY_VALUE_REQ,
    .op = WOAD_GATTC_FIND,
    .type = UUID_PRIMARY,
    .tx = find_service_tx,
    .rx = find_service_rx,
    .error = find_service_error,
};

/* The service has been searched: goes on behind it. */
static int find_behind(struct conn *c, struct proc *p)
{
    gattc_emit_pending(c, p, p->end);
    if (p->end == 0xffff) {
        return find_end(p);
    }
    p->start = (uint16_t)(p->end + 1);
    p->end = 0xffff;
    p->kind = &kind_find_service;
    return 0;
}

static int find_characteristic_rx(struct conn *c, struct proc *p, struct rd *in)
{
    int result = gattc_characteristics_rx(c, p, in);
    if (result == GATTC_DONE) {
        return find_behind(c, p);
    }
    return result;
}

/* The service has no characteristic, or no more. */
static int find_characteristic_error(struct conn *c, struct proc *p, int status)
{
    if (status == WOAD_ATT_ATTRIBUTE_NOT_FOUND) {
        return find_behind(c, p);
    }
    return status;
}

static const struct gattc_kind kind_find_characteristic = {
    .request = ATT_READ_BY_TYPE_REQ,
    .op = WOAD_GATTC_FIND,
    .type = UUID_CHARACTERISTIC,
    .tx = gattc_tx_range,
    .rx = find_characteristic_rx,
    .error = find_characteristic_error,
};

int woad_gattc_find(struct woad *h, uint16_t conn, const struct woad_uuid *service,
                    const struct woad_uuid *characteristic)
{
    struct proc *p;
    if (!service || !characteristic) {
        return REFUSED(h, WOAD_EINVAL, "it takes both UUIDs, of the service and of what is in it");
    }
    int err = gattc_add(h, conn, &kind_find_service, 1, service, sizeof *service, &p);
    if (err) {
        return err;
    }
    p->end = 0xffff;
    p->filtered = true;
    p->uuid = *characteristic;
    return 0;
}
