/* Time: milliseconds of the application's clock, wrapping at 2^32.  A deadline is a field of the
 * struct it belongs to; 0 means that there is none.  woad_poll() looks at all of them. */
#ifndef WOAD_CORE_CLOCK_H
#define WOAD_CORE_CLOCK_H

#include <stdint.h>

struct woad;

/* The deadline `ms` from now: never 0, and at most INT32_MAX ms ahead. */
uint32_t deadline_in(const struct woad *h, uint32_t ms);
/* Milliseconds left until `at`: 0 when it has passed, WOAD_FOREVER when there is no deadline. */
uint32_t deadline_left(const struct woad *h, uint32_t at);

#endif
