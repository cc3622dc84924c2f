/* woad_conn_next(): iteration over the connections.  A file of its own: most programs have one.
 *
 * Names of other files:
 *   cfg: the config that the application gave to woad_init()
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   number: of a connection: the one in the public interface, index | generation << 8 */
#include "conn.h"

/* The index follows that of `conn`; the one behind WOAD_NO_CONN's is 0. */
uint16_t woad_conn_next(const struct woad *h, uint16_t conn)
{
    for (size_t i = (uint8_t)(conn + 1); i < h->cfg.conns; i++) {
        if (h->conns[i].state == CONN_OPEN) {
            return h->conns[i].number;
        }
    }
    return WOAD_NO_CONN;
}
