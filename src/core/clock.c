/* Time: see clock.h. */
#include "../base/bytes.h"
#include "clock.h"
#include "host.h"

uint32_t deadline_in(const struct woad *h, uint32_t ms)
{
    uint32_t at = h->now + min_u32(ms, INT32_MAX); /* beyond that, a deadline looks past */
    if (at) {
        return at;
    }
    return 1;
}

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
