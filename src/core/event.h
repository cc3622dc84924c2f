/* Events: how each layer calls the application's callback.  The functions fill in what all events
 * have (type, conn); the caller has set the event's own fields in ev->u. */
#ifndef WOAD_CORE_EVENT_H
#define WOAD_CORE_EVENT_H

#include <woad/woad.h>

struct conn;

void emit(struct woad *h, const struct woad_event *ev); /* complete already */
/* Of a connection: WOAD_EV_CONNECT goes first where it has been held back. */
void emit_of(const struct conn *c, enum woad_event_type type, struct woad_event *ev);
void emit_plain(const struct conn *c, enum woad_event_type type); /* with no fields of its own */
void emit_connect(const struct conn *c);                          /* WOAD_EV_CONNECT */
/* Of a connection's public number; of no connection. */
void emit_at(struct woad *h, uint16_t conn, enum woad_event_type type, struct woad_event *ev);
void emit_none(struct woad *h, enum woad_event_type type, struct woad_event *ev);

#endif
