/* Discovery: services, characteristics, descriptors.  Vol 3, Part G, 4.4 to 4.7
 *
 * A server that answers with handles out of order or out of range ends the procedure with
 * WOAD_EBADMSG, so that no server can make a client ask for ever. */
#include "gatt_client.h"

/* Goes on behind `last`, or ends there. */
static int discover_next(struct proc *p, uint16_t last)
{
    if (last >= p->end) {
        return GATTC_DONE;
    }
    p->start = (uint16_t)(last + 1);
    return 0;
}

static void discover_range(struct woad *h, uint16_t i, struct proc *p, struct wr *out)
{
    (void)h;
    (void)i;
    wr_le16(out, p->start);
    wr_le16(out, p->end);
}

static void emit_service(struct woad *h, uint16_t i, uint16_t start, uint16_t end,
                         const struct woad_uuid *uuid)
{
    struct woad_event ev = { .type = WOAD_EV_SERVICE, .conn = conn_number(h, i),
                             .u.service = { start, end, *uuid } };
    emit(h, &ev);
}

static void services_all_tx(struct woad *h, uint16_t i, struct proc *p, struct wr *out)
{
    discover_range(h, i, p, out);
    wr_le16(out, p->op == WOAD_GATTC_SERVICES ? 0x2800 : 0x2801);
}

/* ATT_READ_BY_GROUP_TYPE_RSP: length of each u8, { start u16, end u16, UUID } each.
 * Vol 3, Part F, 3.4.4.10 */
static int services_all_rx(struct woad *h, uint16_t i, struct proc *p, struct rd *in)
{
    uint8_t each = rd_u8(in);
    uint16_t last = 0;
    if ((each != 6 && each != 20) || !rd_left(in) || rd_left(in) % each) {
        return WOAD_EBADMSG;
    }
    while (rd_left(in)) {
        struct woad_uuid uuid;
        uint16_t start = rd_le16(in), end = rd_le16(in);
        if (!uuid_read(in, each - 4u, &uuid) || start < p->start || start <= last ||
            end < start || start > p->end) {
            return WOAD_EBADMSG;
        }
        last = end;
        emit_service(h, i, start, end, &uuid);
    }
    return discover_next(p, last);
}

static void services_uuid_tx(struct woad *h, uint16_t i, struct proc *p, struct wr *out)
{
    services_all_tx(h, i, p, out);
    uuid_write(out, &p->uuid);
}

/* ATT_FIND_BY_TYPE_VALUE_RSP: { start u16, end u16 } each.  Vol 3, Part F, 3.4.3.4 */
static int services_uuid_rx(struct woad *h, uint16_t i, struct proc *p, struct rd *in)
{
    uint16_t last = 0;
    if (!rd_left(in) || rd_left(in) % 4) {
        return WOAD_EBADMSG;
    }
    while (rd_left(in)) {
        uint16_t start = rd_le16(in), end = rd_le16(in);
        if (start < p->start || start <= last || end < start || start > p->end) {
            return WOAD_EBADMSG;
        }
        last = end;
        emit_service(h, i, start, end, &p->uuid);
    }
    return discover_next(p, last);
}

static void included_tx(struct woad *h, uint16_t i, struct proc *p, struct wr *out)
{
    discover_range(h, i, p, out);
    wr_le16(out, 0x2802);
}

static void emit_included(struct woad *h, uint16_t i, uint16_t declaration, uint16_t start,
                          uint16_t end, const struct woad_uuid *uuid)
{
    struct woad_event ev = { .type = WOAD_EV_INCLUDED, .conn = conn_number(h, i),
                             .u.included = { declaration, start, end, *uuid } };
    emit(h, &ev);
}

/* ATT_READ_BY_TYPE_RSP: length of each u8, { declaration u16, start u16, end u16, [UUID u16] }
 * each.  A UUID of 128 bits is not in it: it is read from the service's own declaration, one
 * service after the other.  Vol 3, Part F, 3.4.4.2; Part G, 4.5.1 */
static int included_rx(struct woad *h, uint16_t i, struct proc *p, struct rd *in)
{
    uint8_t each = rd_u8(in);
    uint16_t last = 0;
    if ((each != 6 && each != 8) || !rd_left(in) || rd_left(in) % each) {
        return WOAD_EBADMSG;
    }
    while (rd_left(in)) {
        struct woad_uuid uuid = { 0 };
        uint16_t declaration = rd_le16(in), start = rd_le16(in), end = rd_le16(in);
        if ((each == 8 && !uuid_read(in, 2, &uuid)) || declaration < p->start ||
            declaration <= last || declaration > p->end || !start || end < start) {
            return WOAD_EBADMSG;
        }
        if (each == 6) {
            h->gattc->conns[i].found = (struct found){ declaration, start, 0, uuid };
            p->offset = end;
            return 0;
        }
        last = declaration;
        emit_included(h, i, declaration, start, end, &uuid);
    }
    return discover_next(p, last);
}

static void included_uuid_tx(struct woad *h, uint16_t i, struct proc *p, struct wr *out)
{
    (void)p;
    wr_le16(out, h->gattc->conns[i].found.value);
}

static int included_found(struct woad *h, uint16_t i, struct proc *p, const struct woad_uuid *uuid)
{
    struct found f = h->gattc->conns[i].found;
    uint16_t end = p->offset;
    h->gattc->conns[i].found.declaration = 0;
    p->offset = 0;
    emit_included(h, i, f.declaration, f.value, end, uuid);
    return discover_next(p, f.declaration);
}

/* ATT_READ_RSP: the UUID of the included service. */
static int included_uuid_rx(struct woad *h, uint16_t i, struct proc *p, struct rd *in)
{
    struct woad_uuid uuid = { 0 };
    size_t len = rd_left(in);
    return uuid_read(in, len, &uuid) ? included_found(h, i, p, &uuid) : WOAD_EBADMSG;
}

/* The declaration can't be read: told without a UUID. */
int included_unknown(struct woad *h, uint16_t i, struct proc *p)
{
    static const struct woad_uuid none = { 0 };
    return included_found(h, i, p, &none);
}

static void characteristics_tx(struct woad *h, uint16_t i, struct proc *p, struct wr *out)
{
    discover_range(h, i, p, out);
    wr_le16(out, 0x2803);
}

/* The characteristic held back is complete: the next one tells where it ends. */
void gattc_emit_found(struct woad *h, uint16_t i, const struct proc *p, uint16_t end)
{
    struct found f = h->gattc->conns[i].found;
    h->gattc->conns[i].found.declaration = 0;
    if (!f.declaration || (p->filtered && !woad_uuid_equal(&f.uuid, &p->uuid))) {
        return;
    }
    struct woad_event ev = {
        .type = WOAD_EV_CHARACTERISTIC, .conn = conn_number(h, i),
        .u.characteristic = { f.declaration, f.value, end, f.props, f.uuid } };
    emit(h, &ev);
}

/* ATT_READ_BY_TYPE_RSP: length of each u8, { declaration u16, properties u8, value handle u16,
 * UUID } each.  Vol 3, Part F, 3.4.4.2; Part G, 4.6.1 */
static int characteristics_rx(struct woad *h, uint16_t i, struct proc *p, struct rd *in)
{
    uint8_t each = rd_u8(in);
    uint16_t last = 0;
    if ((each != 7 && each != 21) || !rd_left(in) || rd_left(in) % each) {
        return WOAD_EBADMSG;
    }
    while (rd_left(in)) {
        struct found f;
        f.declaration = rd_le16(in);
        f.props = rd_u8(in);
        f.value = rd_le16(in);
        if (!uuid_read(in, each - 5u, &f.uuid) || f.declaration < p->start ||
            f.declaration <= last || f.declaration > p->end || f.value <= f.declaration) {
            return WOAD_EBADMSG;
        }
        last = f.declaration;
        gattc_emit_found(h, i, p, (uint16_t)(f.declaration - 1));
        h->gattc->conns[i].found = f;
    }
    return discover_next(p, last);
}

/* ATT_FIND_INFORMATION_RSP: format u8, { handle u16, type } each.  Vol 3, Part F, 3.4.3.2 */
static int descriptors_rx(struct woad *h, uint16_t i, struct proc *p, struct rd *in)
{
    uint8_t format = rd_u8(in);
    size_t size = format == 1 ? 2 : 16;
    uint16_t last = 0;
    if (format < 1 || format > 2 || !rd_left(in) || rd_left(in) % (size + 2)) {
        return WOAD_EBADMSG;
    }
    while (rd_left(in)) {
        struct woad_event ev = { .type = WOAD_EV_DESCRIPTOR, .conn = conn_number(h, i) };
        uint16_t handle = rd_le16(in);
        if (!uuid_read(in, size, &ev.u.descriptor.uuid) || handle < p->start || handle <= last ||
            handle > p->end) {
            return WOAD_EBADMSG;
        }
        last = handle;
        ev.u.descriptor.handle = handle;
        emit(h, &ev);
    }
    return discover_next(p, last);
}

const struct gattc_kind gattc_services_all = { ATT_READ_BY_GROUP_REQ, ATT_READ_BY_GROUP_RSP,
                                               services_all_tx, services_all_rx };
const struct gattc_kind gattc_services_uuid = { ATT_FIND_BY_VALUE_REQ, ATT_FIND_BY_VALUE_RSP,
                                                services_uuid_tx, services_uuid_rx };
const struct gattc_kind gattc_included = { ATT_READ_BY_TYPE_REQ, ATT_READ_BY_TYPE_RSP,
                                           included_tx, included_rx };
const struct gattc_kind gattc_included_uuid = { ATT_READ_REQ, ATT_READ_RSP, included_uuid_tx,
                                                included_uuid_rx };
const struct gattc_kind gattc_characteristics = { ATT_READ_BY_TYPE_REQ, ATT_READ_BY_TYPE_RSP,
                                                  characteristics_tx, characteristics_rx };
const struct gattc_kind gattc_descriptors = { ATT_FIND_INFO_REQ, ATT_FIND_INFO_RSP,
                                              discover_range, descriptors_rx };
