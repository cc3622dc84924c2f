/* Addresses.  Vol 6, Part B, 1.3 */
#include <string.h>

#include "address.h"

void addr_copy(struct woad_addr *to, const void *from)
{
    memcpy(to, from, sizeof *to);
}

/* The types 2 and 3, identities that the controller has resolved, equal 0 and 1. */
bool addr_same(const struct woad_addr *a, const struct woad_addr *b)
{
    return !((a->type ^ b->type) & 1) && memcmp(a->octet, b->octet, 6) == 0;
}
