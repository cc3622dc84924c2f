/* Device addresses.  The octets are in the order of the air, the least significant first. */
#ifndef WOAD_CORE_ADDRESS_H
#define WOAD_CORE_ADDRESS_H

#include <woad/woad.h>

#include "../base/private_names.h"

/* `from`: a struct woad_addr, or octets of a PDU: type u8, address 6. */
void addr_copy(struct woad_addr *to, const void *from);
/* Compares identities: an identity address type (2, 3) equals the type it stands for (0, 1). */
bool addr_same(const struct woad_addr *a, const struct woad_addr *b);

#endif
