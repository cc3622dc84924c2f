/* woad_gattc_subscribe(): finds the CCCD of a characteristic and writes it.  Vol 3, Part
 * G, 3.3.3.3, 4.7.1, 4.12.3
 *
 * In a procedure of this kind, p->start is the value's handle, and p->uuid.size has the bits to be
 * written.  p->cccd is the handle where the search goes on, then that of the CCCD.
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   p: a queued procedure (gatt_client.h)
 *   ATT_FIND_INFO_REQ: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   conn: a connection's number in the public interface
 *   gattc_add(): queues a procedure with a copy of its data
 *   GATTC_DONE: result of reading a response: the procedure has succeeded
 *   gattc_is_list(): the rest of a PDU is one or more whole elements of this size
 *   gattc_kind: how a kind of request is written (tx), its response read (rx, error): gatt_client.h
 *   proc: a queued procedure of the client: gatt_client.h
 *   rd_le16(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   REFUSED(): logs why a call is refused, and is its error
 *   UUID_CCCD: UUID_…: types of declarations and of the CCCD
 *   uuid_read(): false: the size is neither 2 nor 16, or the PDU is too short
 *   uuid_short(): the 16-bit form; 0: the UUID has none
 *   wr_le16(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../base/uuid.h"
#include "../core/log.h"
#include "gatt_client.h"

/* ATT_WRITE_REQ: handle u16, bits u16.  Vol 3, Part F, 3.4.5.1 */
static void subscribe_tx(struct conn *c, struct proc *p, struct wr *out)
{
    (void)c;
    wr_le16(out, p->cccd);
    wr_le16(out, p->uuid.size);
}

/* ATT_WRITE_RSP: no parameters.  Vol 3, Part F, 3.4.5.2 */
static int subscribe_rx(struct conn *c, struct proc *p, struct rd *in)
{
    (void)c;
    (void)p;
    if (rd_left(in)) {
        return WOAD_EBADMSG;
    }
    return GATTC_DONE;
}

static const struct gattc_kind kind_subscribe = {
    .request = ATT_WRITE_REQ,
    .op = WOAD_GATTC_SUBSCRIBE,
    .tx = subscribe_tx,
    .rx = subscribe_rx,
};

/* ATT_FIND_INFORMATION_REQ: start u16, end u16.  Vol 3, Part F, 3.4.3.1 */
static void find_cccd_tx(struct conn *c, struct proc *p, struct wr *out)
{
    (void)c;
    wr_le16(out, p->cccd);
    wr_le16(out, p->end);
}

/* ATT_FIND_INFORMATION_RSP: format u8 (1: 16 bits, 2: 128 bits), { handle u16, type } each.  The
 * types of declarations are neighbours: one of them ends the characteristic.  Vol 3, Part
 * F, 3.4.3.2 */
static int find_cccd_rx(struct conn *c, struct proc *p, struct rd *in)
{
    uint8_t format = rd_u8(in);
    size_t size = 16;
    (void)c;
    if (format == 1) {
        size = 2;
    }
    if (format < 1 || format > 2 || !gattc_is_list(in, size + 2)) {
        return WOAD_EBADMSG;
    }
    while (rd_left(in)) {
        struct woad_uuid type;
        uint16_t handle = rd_le16(in);
        if (!uuid_read(in, size, &type) || handle < p->cccd || handle > p->end) {
            return WOAD_EBADMSG;
        }
        uint16_t kind = uuid_short(&type);
        p->cccd = handle;
        if (kind == UUID_CCCD) {
            p->kind = &kind_subscribe;
            return 0;
        }
        if (handle == p->end || (kind >= UUID_PRIMARY && kind <= UUID_CHARACTERISTIC)) {
            return WOAD_ATT_ATTRIBUTE_NOT_FOUND;
        }
        p->cccd++;
    }
    return 0;
}

static const struct gattc_kind kind_find_cccd = {
    .request = ATT_FIND_INFO_REQ,
    .op = WOAD_GATTC_SUBSCRIBE,
    .tx = find_cccd_tx,
    .rx = find_cccd_rx,
};

int woad_gattc_subscribe(struct woad *h, uint16_t conn, uint16_t value_handle, uint16_t end,
                         uint16_t bits)
{
    struct proc *p;
    if (!value_handle || value_handle > end || bits > (WOAD_CCCD_NOTIFY | WOAD_CCCD_INDICATE)) {
        return REFUSED(h, WOAD_EINVAL, "value %u, end %u, bits 0x%x: bits are 0 to 3", value_handle,
                       end, bits);
    }
    int err = gattc_add(h, conn, &kind_find_cccd, value_handle, NULL, 0, &p);
    if (err) {
        return err;
    }
    p->end = end;
    p->cccd = value_handle; /* the value is not the CCCD: with it the range is never empty */
    if (value_handle < end) {
        p->cccd++;
    }
    p->uuid.size = (uint8_t)bits;
    return 0;
}
