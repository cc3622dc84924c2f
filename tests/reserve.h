/* Every reservation of the host that would succeed asks here first.  The sources are compiled with
 * this in front of them. */
#ifndef WOAD_TESTS_RESERVE_H
#define WOAD_TESTS_RESERVE_H

#include <stdbool.h>

bool reserve_granted(void);
#define MAY_FAIL(has_room) ((has_room) && reserve_granted())

#endif
