/* Addresses: octet order as on the air, the least significant first. */
#ifndef WOAD_CORE_ADDRESS_H
#define WOAD_CORE_ADDRESS_H

#include <woad/woad.h>

void addr_copy(struct woad_addr *to, const struct woad_addr *from);
/* As identities: an identity address type is the same as the type it resolves to. */
bool addr_same(const struct woad_addr *a, const struct woad_addr *b);

#endif
