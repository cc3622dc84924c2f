/* woad_gatt_answer_later(): the answer to a request follows after its event.
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   b: an ATT bearer (att/att.h)
 *   ANSWER_LATER: of `awaiting`: the application may answer at any time
 *   att_bearer: a bearer of ATT: a connection's fixed channel, or one of Enhanced ATT: att.h
 *   awaiting: whether the application has to answer the request: ANSWER_…
 *   conn: a connection's number in the public interface
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   current_request: the bearer whose request is being raised as an event; NULL: none
 *   gatts: the server's database and state: gatt_server.h
 *   NO_CONNECTION: for REFUSED(): no open connection has the number
 *   REFUSED(): logs why a call is refused, and is its error
 *   server: of a connection: the client's state; of a bearer: the request in progress */
#include "../core/log.h"
#include "gatt_server.h"

int woad_gatt_answer_later(struct woad *h, uint16_t conn)
{
    const struct conn *c = conn_of(h, conn);
    if (!c || !h->gatts) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    const struct att_bearer *b = h->gatts->current_request;
    if (!b || b->c != c || !b->server->awaiting) {
        return REFUSED(h, WOAD_EALREADY,
                       "not inside an event of connection 0x%x that takes an answer", conn);
    }
    b->server->awaiting = ANSWER_LATER;
    return 0;
}
