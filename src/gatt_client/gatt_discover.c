/* Discovery of services, included services, characteristics and descriptors.  Vol 3, Part G, 4.4 to
 * 4.7
 *
 * A response with declarations or services out of order or out of range ends the procedure with
 * WOAD_EBADMSG, so that no server can keep it running for ever.  The handle of a characteristic's
 * value is only behind its declaration.
 *
 * The functions that read a response (rx) or an Error Response (error) return 0: the next request
 * follows; GATTC_DONE: the procedure has succeeded; else the status with which it ends, a WOAD_E…
 * below 0 or an ATT error from 1 to 255.  A time-out or the end of the connection ends it without
 * calling them.  While they run the queue of procedures is locked (gatt_client.c): an event's
 * callback may queue and cancel procedures, but `c`, `p` and the octets of `in` stay valid.
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   ATT_FIND_BY_VALUE_REQ: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   cancelled: by woad_gattc_cancel(): it ends with WOAD_ECANCELED, whatever its functions return
 *   client: of a connection: its queue of procedures; of a bearer: our request in progress
 *   conn: a connection's number in the public interface
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   filtered: of a procedure: only results with p->uuid are wanted
 *   gattc_add_range(): queues a procedure about a range of handles; with a UUID, p->uuid is that
 *       and p->filtered is set
 *   gattc_advance(): continues after the last handle of a response; GATTC_DONE: all are found
 *   gattc_before(): the handle before those that are asked for: a response's elements are in
 *       ascending order
 *   GATTC_DONE: result of reading a response: the procedure has succeeded
 *   gattc_is_list(): the rest of a PDU is one or more whole elements of this size
 *   gattc_kind: how a kind of request is written (tx), its response read (rx, error): gatt_client.h
 *   gattc_tx_range(): writes the request: start, end, and the kind's `type`
 *   gattc_tx_uuid(): writes the request of gattc_tx_range() with p->uuid behind
 *   get_le16(): 16 bits at any address, little endian
 *   included_end: of a procedure: last handle of the included service of which the UUID is read
 *   pending: of c->client: the characteristic whose event is not raised yet, because its end is not
 *       known; its `declaration` 0: none
 *   pending_decl: a characteristic that is found and not reported: its last handle is not known
 *   proc: a queued procedure of the client: gatt_client.h
 *   rd_le16(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   UUID_CHARACTERISTIC: UUID_…: types of declarations and of the CCCD
 *   uuid_read(): false: the size is neither 2 nor 16, or the PDU is too short
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../base/uuid.h"
#include "../core/event.h"
#include "gatt_client.h"

/* Whether the response has another element.  False after woad_gattc_cancel(), which an event of an
 * earlier one may have called: what is left raises no event. */
static bool discover_more(const struct proc *p, const struct rd *in)
{
    return rd_left(in) && !p->cancelled;
}

/* Attribute Not Found is the normal end; another error ends the procedure with that status. */
static int discover_error(struct conn *c, struct proc *p, int status)
{
    (void)c;
    (void)p;
    if (status == WOAD_ATT_ATTRIBUTE_NOT_FOUND) {
        return GATTC_DONE;
    }
    return status;
}

/* ATT_READ_BY_GROUP_TYPE_RSP: length of each u8, { start u16, end u16, UUID } each.
 * ATT_FIND_BY_TYPE_VALUE_RSP: { start u16, end u16 } each, all with the UUID of the request.  Vol
 * 3, Part F, 3.4.4.10, 3.4.3.4 */
static int services_rx(struct conn *c, struct proc *p, struct rd *in)
{
    bool by_group = p->kind->request == ATT_READ_BY_GROUP_REQ; /* else by UUID */
    uint8_t each = 4;
    if (by_group) {
        each = rd_u8(in);
    }
    if ((by_group && each != 6 && each != 20) || !gattc_is_list(in, each)) {
        return WOAD_EBADMSG;
    }
    uint16_t last = gattc_before(p);
    while (discover_more(p, in)) {
        struct woad_event ev;
        uint16_t start = rd_le16(in), end = rd_le16(in);
        ev.u.service.uuid = p->uuid;
        if ((by_group && !uuid_read(in, each - 4u, &ev.u.service.uuid)) || start <= last ||
            end < start || start > p->end) {
            return WOAD_EBADMSG;
        }
        last = end;
        ev.u.service.start = start;
        ev.u.service.end = end;
        emit_of(c, WOAD_EV_SERVICE, &ev);
    }
    return gattc_advance(p, last);
}

static const struct gattc_kind kind_services = {
    .request = ATT_READ_BY_GROUP_REQ,
    .op = WOAD_GATTC_SERVICES,
    .type = UUID_PRIMARY,
    .tx = gattc_tx_range,
    .rx = services_rx,
    .error = discover_error,
};
static const struct gattc_kind kind_services_uuid = {
    .request = ATT_FIND_BY_VALUE_REQ,
    .op = WOAD_GATTC_SERVICES,
    .type = UUID_PRIMARY,
    .tx = gattc_tx_uuid,
    .rx = services_rx,
    .error = discover_error,
};

int woad_gattc_services(struct woad *h, uint16_t conn, const struct woad_uuid *uuid)
{
    return gattc_add_range(h, conn, uuid ? &kind_services_uuid : &kind_services, 1, 0xffff, uuid);
}

static const struct gattc_kind kind_secondary_services = {
    .request = ATT_READ_BY_GROUP_REQ,
    .op = WOAD_GATTC_SECONDARY_SERVICES,
    .type = UUID_SECONDARY,
    .tx = gattc_tx_range,
    .rx = services_rx,
    .error = discover_error,
};

int woad_gattc_secondary_services(struct woad *h, uint16_t conn)
{
    return gattc_add_range(h, conn, &kind_secondary_services, 1, 0xffff, NULL);
}

static const struct gattc_kind kind_included, kind_included_uuid; /* each leads to the other */

static void emit_included(struct conn *c, uint16_t declaration, uint16_t start, uint16_t end,
                          const struct woad_uuid *uuid)
{
    struct woad_event ev;
    ev.u.included.declaration = declaration;
    ev.u.included.start = start;
    ev.u.included.end = end;
    ev.u.included.uuid = *uuid;
    emit_of(c, WOAD_EV_INCLUDED, &ev);
}

/* Octets of an entry without a UUID: declaration u16, start u16, end u16. */
enum { INCLUDED_SIZE = 6 };

/* Takes the first entry of a list: the next request reads its UUID.  p->included queues as many of
 * those behind it as fit; further ones are requested again.  0 or WOAD_EBADMSG. */
static int included_read_uuid(struct proc *p, struct rd *in)
{
    const uint8_t *first = in->p;
    uint16_t declaration = rd_le16(in), start = rd_le16(in), end = rd_le16(in);
    const uint8_t *others = in->p;
    size_t queued = sizeof p->included.queue;
    if (rd_left(in) < queued) {
        queued = rd_left(in);
    }
    if (declaration < p->start || declaration > p->end || !start || end < start) {
        return WOAD_EBADMSG;
    }
    p->included_end = end;
    p->kind = &kind_included_uuid;
    p->included.queued = (uint8_t)queued;
    /* `in` may be the queue itself */
    memmove(p->included.declaration, first, INCLUDED_SIZE - sizeof end);
    memmove(p->included.queue, others, queued);
    return 0;
}

/* ATT_READ_BY_TYPE_RSP: length of each u8, { declaration u16, start u16, end u16, [UUID u16] }
 * each.  An entry without a UUID is of a service with a 128-bit one, which is read from that
 * service's declaration, for one service after the other.  Vol 3, Part F, 3.4.4.2; Part G, 4.5.1 */
static int included_rx(struct conn *c, struct proc *p, struct rd *in)
{
    uint8_t each = rd_u8(in);
    if ((each != INCLUDED_SIZE && each != 8) || !gattc_is_list(in, each)) {
        return WOAD_EBADMSG;
    }
    if (each == INCLUDED_SIZE) {
        return included_read_uuid(p, in);
    }
    uint16_t last = gattc_before(p);
    while (discover_more(p, in)) {
        struct woad_uuid uuid = { 0 };
        uint16_t declaration = rd_le16(in), start = rd_le16(in), end = rd_le16(in);
        if (!uuid_read(in, 2, &uuid) || declaration <= last || declaration > p->end || !start ||
            end < start) {
            return WOAD_EBADMSG;
        }
        last = declaration;
        emit_included(c, declaration, start, end, &uuid);
    }
    return gattc_advance(p, last);
}

/* ATT_READ_REQ: handle u16, of the declaration of the included service.  Vol 3, Part F, 3.4.4.3 */
static void included_uuid_tx(struct conn *c, struct proc *p, struct wr *out)
{
    (void)c;
    wr_bytes(out, p->included.start, sizeof p->included.start);
}

/* Raises WOAD_EV_INCLUDED for the service whose UUID was read, and takes the next one that is
 * queued; else the discovery goes on behind the service's declaration.  Result as of rx. */
static int included_emit_read(struct conn *c, struct proc *p, const struct woad_uuid *uuid)
{
    uint16_t declaration = get_le16(p->included.declaration);
    p->kind = &kind_included;
    emit_included(c, declaration, get_le16(p->included.start), p->included_end, uuid);
    int result = gattc_advance(p, declaration);
    struct rd queued = rd_of(p->included.queue, p->included.queued);
    if (!rd_left(&queued)) {
        return result;
    }
    if (result == GATTC_DONE) {
        return WOAD_EBADMSG; /* queued entries are behind the last handle of the range */
    }
    return included_read_uuid(p, &queued);
}

/* ATT_READ_RSP: the UUID of the included service. */
static int included_uuid_rx(struct conn *c, struct proc *p, struct rd *in)
{
    struct woad_uuid uuid = { 0 };
    size_t len = rd_left(in);
    if (!uuid_read(in, len, &uuid)) {
        return WOAD_EBADMSG;
    }
    return included_emit_read(c, p, &uuid);
}

/* The service's declaration can't be read: raises the event without a UUID, and goes on.  Called
 * for a cancelled procedure, too, which ends with this response: it raises no event.  (rx is not
 * called for those.) */
static int included_uuid_error(struct conn *c, struct proc *p, int status)
{
    static const struct woad_uuid none = { 0 };
    if (!p->cancelled) {
        return included_emit_read(c, p, &none);
    }
    return status;
}

static const struct gattc_kind kind_included_uuid = {
    .request = ATT_READ_REQ,
    .op = WOAD_GATTC_INCLUDED,
    .tx = included_uuid_tx,
    .rx = included_uuid_rx,
    .error = included_uuid_error,
};

static const struct gattc_kind kind_included = {
    .request = ATT_READ_BY_TYPE_REQ,
    .op = WOAD_GATTC_INCLUDED,
    .type = UUID_INCLUDE,
    .tx = gattc_tx_range,
    .rx = included_rx,
    .error = discover_error,
};

int woad_gattc_included(struct woad *h, uint16_t conn, uint16_t start, uint16_t end)
{
    return gattc_add_range(h, conn, &kind_included, start, end, NULL);
}

/* Raises WOAD_EV_CHARACTERISTIC for the pending characteristic, if there is one: it ends at `end`,
 * or at its value, which a range may cut off.  A cancelled procedure forgets it.
 * Called for the next declaration, and by gattc_end() at the end of a discovery of characteristics,
 * whatever its status, with the end of its range. */
void gattc_emit_pending(struct conn *c, const struct proc *p, uint16_t end)
{
    struct pending_decl found = c->client->pending;
    c->client->pending.declaration = 0;
    if (!found.declaration || p->cancelled) {
        return;
    }
    if (end < found.value) {
        end = found.value;
    }
    struct woad_event ev;
    ev.u.characteristic.declaration = found.declaration;
    ev.u.characteristic.value = found.value;
    ev.u.characteristic.end = end;
    ev.u.characteristic.props = found.props;
    ev.u.characteristic.uuid = p->uuid;
    emit_of(c, WOAD_EV_CHARACTERISTIC, &ev);
}

/* ATT_READ_BY_TYPE_RSP: length of each u8, { declaration u16, properties u8, value handle u16,
 * UUID } each.  p->uuid is the filter if p->filtered; else the UUID of the pending characteristic.
 * Vol 3, Part F, 3.4.4.2; Part G, 4.6.1 */
int gattc_characteristics_rx(struct conn *c, struct proc *p, struct rd *in)
{
    uint8_t each = rd_u8(in);
    if ((each != 7 && each != 21) || !gattc_is_list(in, each)) {
        return WOAD_EBADMSG;
    }
    uint16_t last = gattc_before(p);
    while (discover_more(p, in)) {
        struct pending_decl found;
        struct woad_uuid uuid;
        found.declaration = rd_le16(in);
        found.props = rd_u8(in);
        found.value = rd_le16(in);
        if (!uuid_read(in, each - 5u, &uuid) || found.declaration <= last ||
            found.declaration > p->end || found.value <= found.declaration) {
            return WOAD_EBADMSG;
        }
        last = found.declaration;
        gattc_emit_pending(c, p, (uint16_t)(found.declaration - 1));
        if (!p->filtered || woad_uuid_equal(&uuid, &p->uuid)) {
            p->uuid = uuid;
            p->found = true; /* for gatt_find.c */
            c->client->pending = found;
        }
    }
    return gattc_advance(p, last);
}

static const struct gattc_kind kind_characteristics = {
    .request = ATT_READ_BY_TYPE_REQ,
    .op = WOAD_GATTC_CHARACTERISTICS,
    .type = UUID_CHARACTERISTIC,
    .tx = gattc_tx_range,
    .rx = gattc_characteristics_rx,
    .error = discover_error,
};

int woad_gattc_characteristics(struct woad *h, uint16_t conn, uint16_t start, uint16_t end,
                               const struct woad_uuid *uuid)
{
    return gattc_add_range(h, conn, &kind_characteristics, start, end, uuid);
}

/* ATT_FIND_INFORMATION_RSP: format u8, { handle u16, type } each.  Vol 3, Part F, 3.4.3.2 */
static int descriptors_rx(struct conn *c, struct proc *p, struct rd *in)
{
    uint8_t format = rd_u8(in);
    size_t size = 16;
    if (format == 1) {
        size = 2;
    }
    if (format < 1 || format > 2 || !gattc_is_list(in, size + 2)) {
        return WOAD_EBADMSG;
    }
    uint16_t last = gattc_before(p);
    while (discover_more(p, in)) {
        struct woad_event ev;
        uint16_t handle = rd_le16(in);
        if (!uuid_read(in, size, &ev.u.descriptor.uuid) || handle <= last || handle > p->end) {
            return WOAD_EBADMSG;
        }
        last = handle;
        ev.u.descriptor.handle = handle;
        emit_of(c, WOAD_EV_DESCRIPTOR, &ev);
    }
    return gattc_advance(p, last);
}

static const struct gattc_kind kind_descriptors = {
    .request = ATT_FIND_INFO_REQ,
    .op = WOAD_GATTC_DESCRIPTORS,
    .tx = gattc_tx_range,
    .rx = descriptors_rx,
    .error = discover_error,
};

int woad_gattc_descriptors(struct woad *h, uint16_t conn, uint16_t start, uint16_t end)
{
    return gattc_add_range(h, conn, &kind_descriptors, start, end, NULL);
}
