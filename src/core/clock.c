/* Deadlines: uint32_t fields, 0: none, in ms of the application's clock, h->now, which wraps. */
#include "../base/bytes.h"
#include "clock.h"
#include "host.h"

/* The deadline `ms` from now: never 0. */
uint32_t deadline_in(const struct woad *h, uint32_t ms)
{
    uint32_t at = h->now + min_u32(ms, INT32_MAX); /* beyond that, a deadline looks past */
    if (at) {
        return at;
    }
    return 1;
}

/* Milliseconds until the deadline `at`; 0: it has passed. */
uint32_t deadline_left(const struct woad *h, uint32_t at)
{
    if (!at) {
        return WOAD_FOREVER;
    }
    int32_t left = (int32_t)(at - h->now);
    if (left > 0) {
        return (uint32_t)left;
    }
    return 0;
}
