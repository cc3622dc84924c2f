/* Finds a connection by public number, HCI handle, or peer; and woad_disconnect().
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   addr_same(): compares identities: the types 2 and 3 equal 0 and 1
 *   all_mark_ready(): woad_tx() polls all connections, and the features for HCI commands
 *   cfg: the config that the application gave to woad_init()
 *   conn: a connection's number in the public interface
 *   CONN_CLOSING: state of a connection: it is to be disconnected, and the controller still has it
 *   conn_count: of the host: connections that exist
 *   CONN_FREE: state of a connection: its slot is not used
 *   CONN_GONE: the connection has ended; its last events are being raised
 *   conn_next_number(): the public number of the slot's next connection
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   conns_end: of the host: the end of its connections' slots
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   hci: of the host: HCI's flow control and what the controller has said: core/host.h
 *   NO_CONNECTION: for REFUSED(): no open connection has the number
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   pending_arg: set with an HCI command, for its answer: a connection's number, or the like
 *   pending_opcode: of the HCI command that awaits its answer; 0: none
 *   REFUSED(): logs why a call is refused, and is its error
 *   want_disconnect: of a connection: HCI_Disconnect is to be sent */
#include "address.h"
#include "clock.h"
#include "log.h"
#include "ready.h"

enum { DISCONNECT_MS = 40000 }; /* more than the longest supervision timeout, 32 s */

/* Public numbers are index | generation << 8.  The generation changes when a connection ends, so
 * that a number kept from an ended one finds nothing. */
struct conn *conn_of(const struct woad *h, uint16_t number)
{
    uint8_t i = (uint8_t)number;
    if (i >= h->cfg.conns) {
        return NULL;
    }
    struct conn *c = &h->conns[i];
    if (c->state != CONN_FREE && c->number == number) {
        return c;
    }
    return NULL;
}

void woad_conn_forget(struct woad *h, uint16_t conn)
{
    uint8_t i = (uint8_t)conn;
    struct conn *c = NULL;
    if (i < h->cfg.conns) {
        c = &h->conns[i];
    }
    /* Not while a command awaits its answer: it may be about the ended connection, and its answer
     * must not be applied to the next one with this number. */
    if (c && c->state == CONN_FREE && c->number == conn_next_number(conn) &&
        !(h->hci.pending_opcode && (uint8_t)h->hci.pending_arg == i)) {
        c->number = i;
    }
}

struct conn *conn_for_call(struct woad *h, uint16_t number)
{
    all_mark_ready(h);
    return conn_of(h, number);
}

struct conn *conn_by_handle(const struct woad *h, uint16_t handle)
{
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        if (c->handle == handle && c->state > CONN_GONE) {
            return c;
        }
    }
    return NULL;
}

struct conn *conn_by_peer(const struct woad *h, const struct woad_addr *peer)
{
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        if (c->state != CONN_FREE && addr_same(&c->peer, peer)) {
            return c;
        }
    }
    return NULL;
}

bool conn_any_free(const struct woad *h)
{
    return h->conn_count < h->cfg.conns;
}

/* The reasons that HCI_Disconnect takes: Authentication Failure, Remote User, Low Resources, Power
 * Off, Unsupported Remote Feature, Pairing With Unit Key, Unacceptable Parameters.  7.1.6 */
static bool disconnect_reason_valid(uint8_t reason)
{
    static const uint8_t reasons[] = { 0x05, 0x13, 0x14, 0x15, 0x1a, 0x29, 0x3b };
    size_t n = 0;
    while (n < sizeof reasons && reasons[n] != reason) {
        n++;
    }
    return n < sizeof reasons;
}

int woad_disconnect(struct woad *h, uint16_t conn, uint8_t reason)
{
    struct conn *c = conn_for_call(h, conn);
    if (!c) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    if (c->state != CONN_OPEN) {
        return REFUSED(h, WOAD_EALREADY, "connection 0x%x is being closed", conn);
    }
    if (!disconnect_reason_valid(reason)) {
        return REFUSED(h, WOAD_EINVAL,
                       "reason is 0x%x: HCI allows 0x05, 0x13 to 0x15, 0x1a, 0x29, 0x3b", reason);
    }
    c->state = CONN_CLOSING;
    c->deadline = deadline_in(h, DISCONNECT_MS);
    c->want_disconnect = true;
    c->reason = reason;
    return 0;
}
