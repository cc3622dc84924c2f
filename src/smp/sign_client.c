/* The client's signed writes.  Vol 3, Part F, 3.4.5.4
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   att_queue_reserve(): a PDU at the end of c->queue, which the caller fills; NULL: no room
 *   ATT_SIGNED_WRITE_CMD: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   bearer: of a connection: its fixed ATT channel; of a procedure: where it runs; NULL: nowhere
 *   conn: a connection's number in the public interface
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   fifo_has_room(): fifo_…(): a queue of octet strings: base/fifo.h
 *   NO_CONNECTION: for REFUSED(): no open connection has the number
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   REFUSED(): logs why a call is refused, and is its error
 *   sign_emit_bond(): raises WOAD_EV_BOND: the store keeps the counter before the write can leave
 *   sign_make(): makes a signature, which uses up a counter value; 0, WOAD_EACCES or WOAD_EIO
 *   SIGNATURE: octets of the counter and the MAC at the end of a signed write
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked
 *   tx_ready_due: a call has returned WOAD_EAGAIN: WOAD_EV_TX_READY follows when there is room
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/log.h"
#include "smp.h"

int woad_gattc_write_signed(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                            size_t len)
{
    struct conn *c = conn_of(h, conn);
    uint8_t signature[SIGNATURE];
    if (!c || c->state != CONN_OPEN) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    if (!h->smp_role) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_security_manager");
    }
    if (c->security.encrypted) {
        return woad_gattc_write_command(h, conn, handle, data, len);
    }
    if (!handle || len + 3u + SIGNATURE > c->bearer->mtu) {
        return REFUSED(h, WOAD_EINVAL,
                       "handle %u, %u octets: not handle 0, at most ATT_MTU - 15, which is %u",
                       handle, (unsigned)len, c->bearer->mtu - 15u);
    }
    if (!fifo_has_room(&c->queue, len + 3 + SIGNATURE)) {
        c->tx_ready_due = true;
        return WOAD_EAGAIN; /* before a counter value is used up */
    }
    int err = sign_make(c, handle, data, len, signature);
    uint8_t *pdu = NULL;
    if (!err) {
        pdu = att_queue_reserve(c, 3 + len + SIGNATURE);
    }
    if (pdu) {
        struct wr out = wr_of(pdu, 3 + len + SIGNATURE);
        wr_u8(&out, ATT_SIGNED_WRITE_CMD);
        wr_le16(&out, handle);
        wr_bytes(&out, data, len);
        wr_bytes(&out, signature, sizeof signature);
        sign_emit_bond(c);
    }
    if (!pdu && !err) { /* the application has filled the queue, in an event of sign_make() */
        return WOAD_EAGAIN;
    }
    return err;
}
