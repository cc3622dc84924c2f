/* Returns the n-th bond of a host, or NULL behind the last.  The pointer is valid for three more
 * calls. */
#ifndef BOND_AT_H
#define BOND_AT_H

#include <woad/woad.h>

static inline const struct woad_bond *bond_at(const struct woad *h, uint16_t n)
{
    static struct woad_bond some[4];
    static unsigned next;
    struct woad_bond *b = &some[next++ % 4];
    return woad_bond_at(h, n, b) == 0 ? b : NULL;
}

#endif
