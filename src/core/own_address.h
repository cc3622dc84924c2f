/* Our own address, and the other lists that the controller must have before it advertises, scans or
 * connects: the accept list, the resolving list.  While one of them is out of date, those pause. */
#ifndef WOAD_CORE_OWN_ADDRESS_H
#define WOAD_CORE_OWN_ADDRESS_H

#include "host.h"

/* The controller has a public address: its manufacturer gave it one. */
bool own_has_public(const struct woad *h);
/* Advertising, scanning and connecting must wait: an address or a list is out of date. */
bool own_address_pending(const struct woad *h);

/* h->resolve_dirty: 0, or the resolving list is being written to the controller, or it has to be
 * written from the start because bonds or our identity key have changed. */
enum { RESOLVE_UNDER_WAY = 1, RESOLVE_RESTART = 2 };
/* Marks the list as out of date. */
void resolve_changed(struct woad *h);

/* The list is out of date, and the controller has one: LE Clear Resolving List is supported. */
static inline bool resolve_waits(const struct woad *h)
{
    return h->resolve_dirty && (h->controller.commands[39] >> 2 & 1); /* LE Set Privacy Mode */
}

#endif
