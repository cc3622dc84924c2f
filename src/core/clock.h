/* Time in milliseconds by the application's clock, wrapping at 2^32: h->now, which only
 * woad_clock() and woad_poll() advance.  A deadline is a uint32_t field of the struct it belongs
 * to, 0: none. woad_poll() looks at all deadlines. */
#ifndef WOAD_CORE_CLOCK_H
#define WOAD_CORE_CLOCK_H

#include <stdint.h>

#include "../base/private_names.h"

struct woad;

/* The deadline `ms` after h->now: never 0, and at most INT32_MAX ms ahead. */
uint32_t deadline_in(const struct woad *h, uint32_t ms);
/* Milliseconds until `at`: 0: it has passed; WOAD_FOREVER: `at` is 0. */
uint32_t deadline_left(const struct woad *h, uint32_t at);

#endif
