/* Events: see event.h.
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   conn: a connection's number in the public interface
 *   reconnect: gap_reconnect.c, as other files call it; NULL: not linked
 *   connect_held: WOAD_EV_CONNECT is held back until the peer has sent something
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   cfg: the config that the application gave to woad_init()
 *   CHECK_LOST_WAKEUP: a test build: all connections are polled, and a forgotten conn_mark_ready()
 *       traps */
#include "address.h"
#include "conn.h"
#include "event.h"
#include "ready.h"
#include "reconnect_role.h"

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

void emit_at(struct woad *h, uint16_t conn, enum woad_event_type type, struct woad_event *ev)
{
    ev->type = type;
    ev->conn = conn;
    emit(h, ev);
}

void emit_none(struct woad *h, enum woad_event_type type, struct woad_event *ev)
{
    emit_at(h, WOAD_NO_CONN, type, ev);
}

void emit_of(const struct conn *c, enum woad_event_type type, struct woad_event *ev)
{
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
