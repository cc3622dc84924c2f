/* Replaces MAY_FAIL(): every allocation that would succeed calls reserve_granted() first.  The
 * sources are compiled with this file in front of them. */
#ifndef WOAD_TESTS_RESERVE_H
#define WOAD_TESTS_RESERVE_H

#include <stdbool.h>

bool reserve_granted(void); /* false: this allocation is to fail */
#define MAY_FAIL(has_room) ((has_room) && reserve_granted())

#endif
