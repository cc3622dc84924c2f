/* Events: the application's callback is called by emit() alone.  It may call the host from inside,
 * so any state may have changed when these functions return.
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   addr_copy(): copies an address with its type
 *   all_mark_ready(): woad_tx() polls all connections, and the features for HCI commands
 *   callback: CALLBACK_RUNS: the application's callback runs; CALLBACK_TX: it has called woad_tx()
 *   cfg: the config that the application gave to woad_init()
 *   CHECK_LOST_WAKEUP: a test build: polls all connections; a forgotten conn_mark_ready() traps
 *   conn: a connection's number in the public interface
 *   connect_held: WOAD_EV_CONNECT is held back until the peer has sent something
 *   event_depth: events being raised, one inside the other; only with CHECK_LOST_WAKEUP
 *   event_raised: an event has been raised since woad_poll() began
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   peer_present: of gap_reconnect.c: raises the WOAD_EV_CONNECT that is held back
 *   reconnect: gap_reconnect.c, as other files call it; NULL: not linked */
#include "address.h"
#include "conn.h"
#include "event.h"
#include "ready.h"
#include "reconnect_role.h"

/* The caller has set type and connection. */
void emit(struct woad *h, const struct woad_event *ev)
{
    uint8_t outer = h->callback;
    h->event_raised = true;
    h->callback = CALLBACK_RUNS;
    if (CHECK_LOST_WAKEUP) {
        h->event_depth++;
    }
    h->cfg.event(h->cfg.ctx, h, ev);
    if (CHECK_LOST_WAKEUP) {
        h->event_depth--;
    }
    /* The callback's woad_tx() may have emptied the ready list, and the code that raised the event
     * may set something to be sent after it. */
    uint8_t sent = h->callback & CALLBACK_TX;
    h->callback = outer | sent; /* `sent` for an event around this one, too */
    if (sent) {
        all_mark_ready(h);
    }
}

/* The caller has set ev->u, the fields of this type. */
void emit_at(struct woad *h, uint16_t conn, enum woad_event_type type, struct woad_event *ev)
{
    ev->type = type;
    ev->conn = conn;
    emit(h, ev);
}

__attribute__((noinline)) void emit_none(struct woad *h, enum woad_event_type type,
                                         struct woad_event *ev)
{
    emit_at(h, WOAD_NO_CONN, type, ev);
}

void emit_status(struct woad *h, enum woad_event_type type, int status)
{
    struct woad_event ev;
    ev.u.adv.status = status; /* a member of the same type as ev.u.scan and ev.u.accept_list */
    emit_none(h, type, &ev);
}

/* The callback may have ended the host in an event before, and with it the connection. */
void emit_of(const struct conn *c, enum woad_event_type type, struct woad_event *ev)
{
    if (c->state == CONN_FREE) {
        return;
    }
    if (c->connect_held) { /* WOAD_EV_CONNECT is always the first event of a connection */
        c->h->reconnect->peer_present(c);
    }
    emit_at(c->h, c->number, type, ev);
}

void emit_plain(const struct conn *c, enum woad_event_type type)
{
    struct woad_event ev;
    emit_of(c, type, &ev);
}

void emit_connect(const struct conn *c)
{
    struct woad_event ev;
    addr_copy(&ev.u.connect.peer, &c->peer);
    ev.u.connect.central = c->central;
    emit_of(c, WOAD_EV_CONNECT, &ev);
}
