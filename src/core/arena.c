/* The instance's memory: one block, laid out by the core and by each feature.  woad_size() lays out
 * without a block: then only octets are counted, and all functions return NULL.
 *
 * Names of other files:
 *   ALIGN_UP(): rounds up to what any object in the host's memory needs
 *   cfg: the config that the application gave to woad_init()
 *   tx_frame_of: the connection of the frame in tx_frame; while memory is laid out: the arena */
#include "host.h"

/* An array of n elements of `size` octets, aligned for a pointer; woad_init() has zeroed it. */
void *arena_alloc(struct woad *h, size_t n, size_t size)
{
    struct arena *a = h->tx_frame_of.arena;
    size_t at = ALIGN_UP(a->len);
    a->len = at + n * size;
    if (a->mem) {
        return a->mem + at;
    }
    return NULL;
}

/* Also stores the address of element i in a field of structs[i].  `slot` has two values: the size
 * of those structs << 8, and the field's offset. */
void *arena_alloc_slots(struct woad *h, size_t n, size_t size, void *structs, unsigned slot)
{
    uint8_t *array = arena_alloc(h, n, size), *at = structs;
    unsigned stride = slot >> 8, offset = slot & 0xff;
    for (uint8_t *element = array; element && n; n--) {
        void **field = (void *)(at + offset); /* compilers let a void * alias any other pointer */
        *field = element;
        element += size;
        at += stride;
    }
    return array;
}

void *arena_alloc_per_conn(struct woad *h, size_t size, void *structs, unsigned slot)
{
    return arena_alloc_slots(h, h->cfg.conns, size, structs, slot);
}

void *arena_alloc_per_bearer(struct woad *h, size_t size, void *structs, unsigned slot)
{
    return arena_alloc_slots(h, (size_t)h->cfg.conns + h->cfg.att_bearers, size, structs, slot);
}
