/* Drives hosts exactly as include/woad/woad.h requires and no more often.  After each packet and
 * each call woad_tx() is called until it returns 0, then woad_poll() once.  The host then sleeps
 * until the time that woad_poll() returned, or until its controller has a packet.  A stack that
 * relies on extra calls fails here. */
#include "world.h"

#include "honest.h"

#include <stdlib.h>
#include <string.h>

/* A host that has slept longer than this gets a woad_poll() before the packet that woke it. */
enum { LONG_WAIT_MS = 1, ROUNDS = 10000 };

static uint32_t honest_now(const struct device *d)
{
    return (uint32_t)(woad_air_now(d->world->air) / 1000);
}

/* Calls woad_poll() with the time of the air.  Returns whether something was due. */
static bool honest_poll(struct device *d)
{
    uint64_t now_ms = woad_air_now(d->world->air) / 1000;
    bool worked;
    uint32_t left =
        honest_note_event(d->host, d->seen, d->memory_len[0], (uint32_t)now_ms, &worked);
    d->due_us = left == WOAD_FOREVER ? UINT64_MAX : (now_ms + left) * 1000;
    return worked;
}

/* Tells a sleeping host the time.  The host must have no work before `due_us`, so its memory is
 * not compared with the copy. */
static bool honest_tell(struct device *d)
{
    uint64_t now_us = woad_air_now(d->world->air), now_ms = now_us / 1000;
    struct woad *h = d->host, *seen = d->seen;
    if (d->due_us <= now_us) {
        return honest_poll(d);
    }
    bool idle_before = h->commands_idle;
    uint32_t left = woad_poll(h, (uint32_t)now_ms);
    h->commands_idle = idle_before;
    seen->now = h->now;
    seen->clock_known = h->clock_known;
    d->due_us = left == WOAD_FOREVER ? UINT64_MAX : (now_ms + left) * 1000;
    return left == 0;
}

/* Drives a host after a packet, a call, or the end of a sleep, until it has nothing to do. */
static void honest_settle(struct device *d)
{
    unsigned rounds = 0;
    bool more = true;
    device_tx(d);
    while (more && honest_poll(d)) {
        bool sent = device_tx(d);
        more = sent || d->due_us <= woad_air_now(d->world->air);
        CHECK(++rounds < ROUNDS);
    }
    if (!more) { /* else honest_poll() has updated the copy */
        memcpy(d->seen, d->host, d->memory_len[0]);
    }
}

/* Delivers every packet that the controllers have. */
static void honest_deliver(struct world *w)
{
    for (bool any = true; any;) {
        any = false;
        for (size_t n = 0; n < w->devices; n++) {
            struct device *d = &w->device[n];
            if (honest_now(d) - d->host->now >= LONG_WAIT_MS && honest_tell(d)) {
                honest_settle(d);
            }
            if (device_rx(d)) {
                honest_settle(d);
                any = true;
            }
        }
    }
}

static void honest_begin(struct world *w)
{
    for (size_t n = 0; n < w->devices; n++) {
        struct device *d = &w->device[n];
        if (memcmp(d->seen, d->host, d->memory_len[0]) != 0) {
            honest_settle(d); /* the test has called this host meanwhile */
        }
    }
    honest_deliver(w);
}

static uint64_t honest_next(const struct world *w, uint64_t end)
{
    uint64_t next = world_next_us(w), now = woad_air_now(w->air);
    for (size_t n = 0; n < w->devices; n++) {
        next = w->device[n].due_us < next ? w->device[n].due_us : next;
    }
    next = next < end ? next : end;
    return next > now ? next : now + 1;
}

/* Advances the clock to `end` and wakes each host when it is due. */
static void honest_pass(struct world *w, uint64_t end)
{
    while (woad_air_now(w->air) < end) {
        woad_air_step(w->air, honest_next(w, end));
        for (size_t n = 0; n < w->devices; n++) {
            if (w->device[n].due_us <= woad_air_now(w->air)) {
                honest_settle(&w->device[n]);
            }
        }
        honest_deliver(w);
    }
}

/* Tells all hosts the time: the test may call any of them next. */
static void honest_end(struct world *w)
{
    for (size_t n = 0; n < w->devices; n++) {
        if (honest_tell(&w->device[n])) {
            honest_settle(&w->device[n]);
        }
    }
    honest_deliver(w);
}

void honest_run(struct world *w, uint64_t us)
{
    uint64_t end = woad_air_now(w->air) + us;
    honest_begin(w);
    honest_pass(w, end);
    honest_end(w);
}

const struct seen *honest_wait(struct world *w, const struct device *d, enum woad_event_type type,
                               uint64_t us)
{
    uint64_t end = woad_air_now(w->air) + us;
    const struct seen *s;
    honest_begin(w);
    while (!(s = device_find(d, type)) && woad_air_now(w->air) < end) {
        honest_pass(w, woad_air_now(w->air) + 100);
    }
    honest_end(w);
    return s;
}
