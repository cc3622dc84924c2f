/* Events: see event.h.
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h); conn: its number in the public interface
 *   reconnect: gap_reconnect.c, as other files call it; NULL: not linked
 *   connect_held: WOAD_EV_CONNECT is held back until the peer has sent something
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   cfg: the config that the application gave to woad_init() */
#include "address.h"
#include "conn.h"
#include "event.h"
#include "reconnect_role.h"

void emit(struct woad *h, const struct woad_event *ev)
{
    h->event_raised = true;
    h->cfg.event(h->cfg.ctx, h, ev);
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
