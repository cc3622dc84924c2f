/* woad_poll() for a driver that wakes a host only when woad.h says so. */
#ifndef WOAD_TESTS_HONEST_H
#define WOAD_TESTS_HONEST_H

#include "src/core/conn.h"

#include <string.h>

/* Tells the host the time and returns what woad_poll() returns.  `seen` is the driver's copy of the
 * host's memory, `len` octets, up to date afterwards.  *worked: something was due, so that the
 * memory has changed.  A poll that had nothing to do leaves no trace but the time: woad_poll()
 * makes woad_tx() ask all features again, which would hide a command that woad_tx() has not been
 * asked for. */
static inline uint32_t honest_told(struct woad *h, void *seen, size_t len, uint32_t now_ms,
                                   bool *worked)
{
    struct woad *before = seen;
    memcpy(before, h, len);
    uint32_t left = woad_poll(h, now_ms);
    bool quiet = before->commands_idle;
    before->commands_idle = h->commands_idle;
    before->event_raised = h->event_raised;
    before->now = h->now;
    before->clock_known = h->clock_known;
    *worked = memcmp(before, h, len) != 0;
    if (*worked) {
        memcpy(before, h, len);
    } else {
        h->commands_idle = before->commands_idle = quiet;
    }
    return left;
}

#endif
