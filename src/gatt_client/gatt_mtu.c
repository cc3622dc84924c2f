/* The exchange of the ATT_MTU, as client.  Vol 3, Part F, 3.4.2
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   p: a queued procedure (gatt_client.h)
 *   ATT_MTU_REQ: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   att_offer(): our MTU for an exchange, noted in c->offered_mtu: there is one exchange
 *   att_set_mtu(): an exchange is complete: sets the MTU, and raises WOAD_EV_MTU
 *   conn: a connection's number in the public interface
 *   conn_for_call(): conn_of() for a public call: all connections are polled again afterwards
 *   gattc_add(): queues a procedure with a copy of its data
 *   GATTC_DONE: result of reading a response: the procedure has succeeded
 *   gattc_kind: how a kind of request is written (tx), its response read (rx, error): gatt_client.h
 *   get_le16(): 16 bits at any address, little endian
 *   offered_mtu: the MTU that we have offered in an exchange; 0: none was begun
 *   proc: a queued procedure of the client: gatt_client.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   REFUSED(): logs why a call is refused, and is its error
 *   wr_le16(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../base/bytes.h"
#include "../core/log.h"
#include "gatt_client.h"

/* ATT_EXCHANGE_MTU_REQ: client's MTU u16.  Vol 3, Part F, 3.4.2.1 */
static void mtu_tx(struct conn *c, struct proc *p, struct wr *out)
{
    (void)p;
    wr_le16(out, att_offer(c));
}

/* ATT_EXCHANGE_MTU_RSP: server's MTU u16.  3.4.2.2 */
static int mtu_rx(struct conn *c, struct proc *p, struct rd *in)
{
    (void)p;
    if (rd_left(in) != 2) {
        return WOAD_EBADMSG;
    }
    att_set_mtu(c, get_le16(in->p));
    return GATTC_DONE;
}

static const struct gattc_kind kind_mtu = {
    .request = ATT_MTU_REQ, .op = WOAD_GATTC_MTU, .tx = mtu_tx, .rx = mtu_rx
};

int woad_gattc_exchange_mtu(struct woad *h, uint16_t conn)
{
    struct conn *c = conn_for_call(h, conn);
    if (c && c->offered_mtu) {
        return REFUSED(h, WOAD_EALREADY, "the ATT_MTU was exchanged before");
    }
    struct proc *p;
    int err = gattc_add(h, conn, &kind_mtu, 0, NULL, 0, &p);
    if (!err) {
        att_offer(c); /* sets c->offered_mtu: a second exchange is refused from now on */
    }
    return err;
}
