/* The n-th bond of a host; NULL behind the last.  Good for a few calls more. */
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
