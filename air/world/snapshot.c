/* The whole world as octets: the air, then each controller with its address. Pointers in them lead
 * to each other and to constants, so that copying all back to the same addresses restores them.
 *
 * Names of other files:
 *   c: the controller
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   AIR_EINVAL: AIR_E…: errors of the functions of woad/air.h
 *   all_next: the list of all controllers that are attached */
#include "world.h"

/* A snapshot: struct head, the air, and for each controller a struct kept and its memory. */
struct head {
    size_t len; /* of the whole snapshot */
};
struct kept {
    controller *c;
    size_t len;
};

/* Of woad_air_snapshot() now; it changes when controllers are attached or detached. */
size_t woad_air_snapshot_size(const struct woad_air *air)
{
    size_t size = sizeof(struct head) + sizeof *air;
    for (const controller *c = air->all; c; c = c->all_next) {
        size += sizeof(struct kept) + c->size;
    }
    return size;
}

/* Copies octets, and returns where the next go. */
static uint8_t *put(uint8_t *at, const void *what, size_t len)
{
    memcpy(at, what, len);
    return at + len;
}

/* AIR_EINVAL: the memory is too small. */
int woad_air_snapshot(const struct woad_air *air, void *mem, size_t len)
{
    struct head head = { woad_air_snapshot_size(air) };
    if (!mem || len < head.len) {
        return AIR_EINVAL;
    }
    uint8_t *at = put(mem, &head, sizeof head);
    at = put(at, air, sizeof *air);
    for (controller *c = air->all; c; c = c->all_next) {
        struct kept k = { c, c->size };
        at = put(at, &k, sizeof k);
        at = put(at, c, k.len);
    }
    return 0;
}

/* The opposite of put(). */
static const uint8_t *take(const uint8_t *at, void *what, size_t len)
{
    memcpy(what, at, len);
    return at + len;
}

/* The list of controllers is part of the air's copy; each has its end where that controller has
 * been restored. */
int woad_air_restore(struct woad_air *air, const void *mem, size_t len)
{
    struct head head;
    if (!mem || len < sizeof head) {
        return AIR_EINVAL;
    }
    const uint8_t *at = take(mem, &head, sizeof head);
    if (head.len < sizeof head + sizeof *air || len < head.len) {
        return AIR_EINVAL; /* nothing has been changed */
    }
    for (controller *c = air->all, *next; c; c = next) {
        next = c->all_next;
        c->air = NULL; /* detached, unless it is in the snapshot */
    }
    at = take(at, air, sizeof *air);
    for (const controller *c = air->all; c; c = c->all_next) {
        struct kept k;
        at = take(at, &k, sizeof k);
        at = take(at, k.c, k.len);
    }
    return 0;
}
