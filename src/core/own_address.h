/* What the controller must know of us before it advertises, scans or connects: our random address,
 * the accept list, the resolving list.  While one of them is out of date, those three pause. */
#ifndef WOAD_CORE_OWN_ADDRESS_H
#define WOAD_CORE_OWN_ADDRESS_H

#include "host.h"

bool own_has_public(const struct woad *h); /* its maker gave it an address */
bool own_address_pending(const struct woad *h);

/* h->resolve_dirty: the list is made anew, because bonds or our key have changed; or it is being
 * made. */
enum { RESOLVE_UNDER_WAY = 1, RESOLVE_RESTART = 2 };
void resolve_changed(struct woad *h);

/* The list is out of date, and the controller has one. */
static inline bool resolve_waits(const struct woad *h)
{
    return h->resolve_dirty && (h->controller.commands[34] >> 3 & 1);
}

#endif
