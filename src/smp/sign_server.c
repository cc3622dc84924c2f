/* Signed writes to the server (woad_feature_signed_writes).  Vol 3, Part F, 3.4.5.4
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   b: an ATT bearer (att/att.h)
 *   att_bearer: a bearer of ATT: a connection's fixed channel, or one of Enhanced ATT: att.h
 *   att_deliver_write(): a permitted write: to the host's own values, or WOAD_EV_GATT_WRITE
 *   att_signed: sign_server.c's handler of signed writes; NULL: not linked
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   db_at(): the attribute of a handle; NULL: none
 *   gatts: the server's database and state: gatt_server.h
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   perm_allows_signed_write(): the attribute takes signed writes; may raise WOAD_EV_AUTHORIZE
 *   rd_le16(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   sign_verify(): the signature is right and its counter is new: uses that up; may raise events
 *   SIGNATURE: octets of the counter and the MAC at the end of a signed write
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   WRITE_COMMAND: false: a write without a response */
#include "../gatt_server/gatt_server.h"
#include "smp.h"

/* ATT_SIGNED_WRITE_CMD: handle u16, value, counter u32, MAC 8.  Only for connections that are not
 * encrypted; one with a wrong signature or an old counter is dropped silently.  3.4.5.4; Vol 3,
 * Part C, 10.4; Part H, 2.4.5 */
static void att_rx_signed_write(struct att_bearer *b, struct rd *in)
{
    const uint8_t *pdu = in->p - 1; /* the opcode is signed too */
    size_t len = rd_left(in) + 1;
    uint16_t handle = rd_le16(in);
    bool authenticated = false;
    struct conn *c = b->c;
    if (in->bad || rd_left(in) < SIGNATURE || c->security.encrypted || !c->smp ||
        !sign_verify(c, pdu, len, &authenticated)) {
        return;
    }
    const struct woad_attr *a = db_at(c->h->gatts, handle);
    in->end -= SIGNATURE;
    if (a && perm_allows_signed_write(b->c, handle, a, authenticated)) {
        att_deliver_write(b, handle, a, in, WRITE_COMMAND);
    }
}

static void signed_writes_layout(struct woad *h)
{
    h->att_signed = att_rx_signed_write;
}

const struct woad_feature woad_feature_signed_writes = { .layout = signed_writes_layout };
