/* The instance's memory: one block, laid out once, in woad_init(), by the core and then by each
 * feature's `carve`.  woad_size() does the same with no block: it only measures, and every pointer
 * it hands out is NULL. */
#ifndef WOAD_CORE_ARENA_H
#define WOAD_CORE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct woad;

struct arena {
    uint8_t *mem;
    size_t len;
};

/* Memory for n structs of `size` octets, aligned for any of them. */
void *arena_alloc(struct woad *h, size_t n, size_t size);
/* `size` octets for each of n structs: the pointer in each is set to its own.  Returns the first.
 * Which structs and which pointer: ARENA_SLOT(structs, field). */
void *arena_alloc_slots(struct woad *h, size_t n, size_t size, void *to, unsigned where);
void *arena_alloc_per_conn(struct woad *h, size_t size, void *to,
                           unsigned where); /* per connection */
void *arena_alloc_per_bearer(struct woad *h, size_t size, void *to,
                             unsigned where); /* per ATT bearer */

/* The structs, their size and the pointer's offset, packed in 16 bits. */
#define ARENA_SLOT(to, field) (to), (unsigned)(sizeof *(to) << 8 | OFFSET(__typeof__(*(to)), field))
/* Does not compile for a field past the first 256 octets, whose offset would not fit. */
#define OFFSET(type, field) \
    (offsetof(type, field) + 0 * sizeof(char[offsetof(type, field) < 256 ? 1 : -1]))

/* Does not compile unless the struct has its public size, which WOAD_MEM() depends on. */
#define ASSERT_SIZE(name, size) typedef char size_of_##name[sizeof(struct name) == (size) ? 1 : -1]

#endif
