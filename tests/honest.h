/* woad_poll() for a driver that wakes a host only when woad.h says so. */
#ifndef WOAD_TESTS_HONEST_H
#define WOAD_TESTS_HONEST_H

#include "src/core/conn.h"

#include <string.h>

/* Calls woad_poll() and returns its result.  `seen` is the driver's copy of the host's memory,
 * `len` octets; the copy is up to date afterwards. *worked: the host did something, so its
 * memory has changed.  Where nothing was due, everything but the time is restored: woad_poll()
 * makes woad_tx() poll all features again, which would hide a lost wakeup. */
static inline uint32_t honest_note_event(struct woad *h, void *seen, size_t len, uint32_t now_ms,
                                         bool *worked)
{
    struct woad *before = seen;
    memcpy(before, h, len);
    uint32_t left = woad_poll(h, now_ms);
    bool idle_before = before->commands_idle;
    before->commands_idle = h->commands_idle;
    before->event_raised = h->event_raised;
    before->now = h->now;
    before->clock_known = h->clock_known;
    *worked = memcmp(before, h, len) != 0;
    if (*worked) {
        memcpy(before, h, len);
    } else {
        h->commands_idle = before->commands_idle = idle_before;
    }
    return left;
}

#endif
