/* The instance's memory: one block, laid out once, in woad_init(), by the core and then by each
 * feature's `layout`.  woad_size() runs the same layout with no block: the functions then only
 * count, and return NULL. */
#ifndef WOAD_CORE_ARENA_H
#define WOAD_CORE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include <woad/sizes.h>

#include "../base/private_names.h"

struct woad;

struct arena {
    uint8_t *mem; /* the application's block; NULL: only count */
    size_t len;   /* octets allocated so far */
};

/* The strictest alignment that a struct of the host needs. */
union align {
    void *p;
    uint32_t u;
    size_t s;
};

/* Allocates an array of n elements of `size` octets, aligned for a pointer or a size_t. */
void *arena_alloc(struct woad *h, size_t n, size_t size);

/* Allocates an array as above and stores the address of element i in a pointer field of structs[i].
 * `structs` and `slot` are ARENA_SLOT(structs, field).  Returns the array. */
void *arena_alloc_slots(struct woad *h, size_t n, size_t size, void *structs, unsigned slot);
/* The same with an element for each connection, or for each ATT bearer. */
void *arena_alloc_per_conn(struct woad *h, size_t size, void *structs, unsigned slot);
void *arena_alloc_per_bearer(struct woad *h, size_t size, void *structs, unsigned slot);

/* Two arguments: the structs, and their size << 8 | the field's offset. */
#define ARENA_SLOT(structs, field) \
    (structs), (unsigned)(sizeof *(structs) << 8 | OFFSET(__typeof__(*(structs)), field))
/* Does not compile when the offset does not fit 8 bits. */
#define OFFSET(type, field) \
    (offsetof(type, field) + 0 * sizeof(char[offsetof(type, field) < 256 ? 1 : -1]))

/* Does not compile unless the struct has the size that static memory is computed from:
 * woad/sizes.h, which scripts/static_sizes.py writes. */
#ifdef WOAD_MEASURE_SIZES
/* Text in the object: "WOAD_SIZE_HOST=00656". */
#define ASSERT_SIZE(name, size) \
    const struct { \
        char text[sizeof #size], digits[6]; \
    } size_of_##name = { #size "=", \
                         { SIZE_DIGIT(name, 10000), SIZE_DIGIT(name, 1000), SIZE_DIGIT(name, 100), \
                           SIZE_DIGIT(name, 10), SIZE_DIGIT(name, 1) } }
#define SIZE_DIGIT(name, unit) (char)('0' + sizeof(struct name) / (unit) % 10)
#else
#define ASSERT_SIZE(name, size) typedef char size_of_##name[sizeof(struct name) == (size) ? 1 : -1]
#endif

#define ALIGN_UP(n) (((n) + sizeof(union align) - 1) / sizeof(union align) * sizeof(union align))

#endif
