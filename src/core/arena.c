/* The instance's memory: see arena.h. */
#include "host.h"

/* The strictest alignment a struct here needs. */
union align { void *p; uint32_t u; size_t s; };

void *arena_take(struct woad *h, size_t n, size_t size)
{
    struct arena *a = h->arena;
    size_t at = (a->len + sizeof(union align) - 1) / sizeof(union align) * sizeof(union align);
    a->len = at + n * size;
    return a->mem ? a->mem + at : NULL;
}

void *arena_each(struct woad *h, size_t n, size_t size, void *to, unsigned where)
{
    uint8_t *all = arena_take(h, n, size), *at = to;
    for (uint8_t *mine = all; mine && n; n--) {
        memcpy(at + (where & 0xff), &mine, sizeof mine);
        mine += size;
        at += where >> 8;
    }
    return all;
}

void *arena_conns(struct woad *h, size_t size, void *to, unsigned where)
{
    return arena_each(h, h->cfg.conns, size, to, where);
}

void *arena_bearers(struct woad *h, size_t size, void *to, unsigned where)
{
    return arena_each(h, (size_t)h->cfg.conns + h->cfg.att_bearers, size, to, where);
}
