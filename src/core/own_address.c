/* Our own address, and what must be written to the controller before it advertises, scans or
 * connects.
 *
 * Names of other files:
 *   accept_dirty: the accept list is to be written to the controller
 *   ACTIVE_CONNECT: bit of h->activity: the controller tries to connect
 *   activity: of the controller: ACTIVE_ADV, _SCAN, _CONNECT, _EXT_ADV
 *   address_pending: ADDRESS_…: our next private address is calculated, failed, or due; 0: none is
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   NOT_UP: for REFUSED(): the host is not up
 *   own_type: type of our own address, as HCI numbers it
 *   public_addr: the public address of the controller; all 0: it has none
 *   random_addr: our random address: static, or private while privacy is on
 *   random_dirty: our random address is to be written to the controller
 *   REFUSED(): logs why a call is refused, and is its error
 *   resolve: of the host: the controller's resolving list: gap_resolve.c; NULL: not linked
 *   resolve_dirty: RESOLVE_RESTART: the resolving list is to be written; _UNDER_WAY: is being
 *   resolve_waits(): the resolving list is out of date, and the controller has one */
#include "log.h"
#include "own_address.h"

/* Not all 0 and not all 1, which controllers without an address have. */
bool own_has_public(const struct woad *h)
{
    const uint8_t *octet = h->controller.public_addr.octet;
    bool all_equal = memcmp(octet, octet + 1, 5) == 0;
    return !all_equal || (octet[0] != 0 && octet[0] != 0xff);
}

/* The resolving list can't be written during a connection attempt, which may never end: then the
 * others go on. */
bool own_address_pending(const struct woad *h)
{
    return h->random_dirty || h->address_pending || h->accept_dirty ||
           (resolve_waits(h) && !(h->activity & ACTIVE_CONNECT));
}

/* Bonds, or our key, have changed: the list is written again from its start, if there is one. */
void resolve_changed(struct woad *h)
{
    if (h->resolve) {
        h->resolve_dirty = RESOLVE_RESTART;
    } else {
        h->resolve_dirty = 0;
    }
    h->commands_idle = false;
}

int woad_own_address(const struct woad *h, struct woad_addr *addr)
{
    if (h->state != HOST_UP) {
        return REFUSED(h, WOAD_ENODEV, NOT_UP);
    }
    const struct controller *ctl = &h->controller;
    const struct woad_addr *own;
    if (h->own_type) {
        own = &ctl->random_addr;
    } else {
        own = &ctl->public_addr;
    }
    memcpy(addr, own, sizeof *own);
    return 0;
}

int woad_set_own_address(struct woad *h, uint8_t type, const uint8_t *octet)
{
    h->commands_idle = false;
    if (h->state != HOST_UP) {
        return REFUSED(h, WOAD_ENODEV, NOT_UP);
    }
    if (type > WOAD_ADDR_RANDOM || (type == WOAD_ADDR_PUBLIC && !own_has_public(h)) ||
        (type == WOAD_ADDR_RANDOM && octet && (octet[5] & 0xc0) != 0xc0)) {
        return REFUSED(
            h, WOAD_EINVAL,
            "type %u: a random address needs both top bits; a public one, a controller that has it",
            type);
    }
    if (h->activity & ACTIVE_CONNECT) {
        return REFUSED(h, WOAD_EBUSY, "an attempt to connect is in progress");
    }
    if (type == WOAD_ADDR_RANDOM && octet) {
        memcpy(h->controller.random_addr.octet, octet, 6);
    }
    h->random_dirty = h->random_dirty || type == WOAD_ADDR_RANDOM || h->own_type != type;
    h->own_type = type;
    return 0;
}
