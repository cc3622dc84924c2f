/* Raising events: how each layer calls the application's callback.  The caller fills in the
 * event's own fields, ev->u; these functions add `type` and `conn`.  The application may call the
 * host from inside, so the caller must expect any state to have changed when they return. */
#ifndef WOAD_CORE_EVENT_H
#define WOAD_CORE_EVENT_H

#include <woad/woad.h>

#include "../base/private_names.h"

struct conn;

/* An event of a connection.  Where its WOAD_EV_CONNECT is held back, that goes first. */
void emit_of(const struct conn *c, enum woad_event_type type, struct woad_event *ev);
/* The same for an event that has no fields of its own. */
void emit_plain(const struct conn *c, enum woad_event_type type);
/* WOAD_EV_CONNECT. */
void emit_connect(const struct conn *c);
/* An event of a connection by its public number, or of none: conn is WOAD_NO_CONN. */
void emit_at(struct woad *h, uint16_t conn, enum woad_event_type type, struct woad_event *ev);
void emit_none(struct woad *h, enum woad_event_type type, struct woad_event *ev);
/* WOAD_EV_ADV_…, WOAD_EV_SCAN_DONE, WOAD_EV_ACCEPT_LIST: they have only a status. */
void emit_status(struct woad *h, enum woad_event_type type, int status);
/* An event with `type` and `conn` already set. */
void emit(struct woad *h, const struct woad_event *ev);

#endif
