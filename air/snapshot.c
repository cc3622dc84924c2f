/* The whole world, as octets: the air, then each controller with where it lives.  All pointers in
 * them are to each other and to what is constant, so to put them back where they were is enough. */
#include "ll.h"

struct kept { ctl *c; size_t len; };

size_t woad_air_snapshot_size(const struct woad_air *air)
{
    size_t size = sizeof *air;
    for (const ctl *c = air->all; c; c = c->all_next) {
        size += sizeof(struct kept) + woad_air_controller_size(&c->cfg);
    }
    return size;
}

int woad_air_snapshot(const struct woad_air *air, void *mem, size_t len)
{
    uint8_t *at = mem;
    if (!mem || len < woad_air_snapshot_size(air)) {
        return -22;
    }
    memcpy(at, air, sizeof *air);
    at += sizeof *air;
    for (ctl *c = air->all; c; c = c->all_next) {
        struct kept k = { c, woad_air_controller_size(&c->cfg) };
        memcpy(at, &k, sizeof k);
        memcpy(at + sizeof k, c, k.len);
        at += sizeof k + k.len;
    }
    return 0;
}

/* The list of the controllers is in the air's own picture: its end is where the last of them has
 * been put back. */
int woad_air_restore(struct woad_air *air, const void *mem, size_t len)
{
    const uint8_t *at = mem, *end = at + len;
    if (!mem || len < sizeof *air) {
        return -22;
    }
    for (ctl *c = air->all, *next; c; c = next) {
        next = c->all_next;
        c->air = NULL;                   /* it is on no air, if it is not put back */
    }
    memcpy(air, at, sizeof *air);
    at += sizeof *air;
    for (const ctl *c = air->all; c; c = c->all_next) {
        struct kept k;
        if ((size_t)(end - at) < sizeof k) {
            return -22;
        }
        memcpy(&k, at, sizeof k);
        memcpy(k.c, at + sizeof k, k.len);
        at += sizeof k + k.len;
    }
    return 0;
}
