/* Addresses.  Vol 6, Part B, 1.3 */
#include <string.h>

#include "address.h"

void addr_copy(struct woad_addr *to, const struct woad_addr *from)
{
    memcpy(to, from, sizeof *to);
}

bool addr_same(const struct woad_addr *a, const struct woad_addr *b)
{
    return !((a->type ^ b->type) & 1) && memcmp(a->octet, b->octet, 6) == 0;
}
