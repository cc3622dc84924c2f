/* Octet strings: erase, compare, reverse. */
#ifndef WOAD_BASE_BYTES_H
#define WOAD_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "private_names.h"

/* Writes zeros that the compiler may not optimize away: for keys. */
void wipe(void *mem, size_t len);
/* All octets are zero. */
bool zeros(const uint8_t *p, size_t len);
/* Compares in constant time. */
bool same(const uint8_t *a, const uint8_t *b, size_t len);
/* Copies with the order of the octets reversed: the toolbox has the most significant octet first,
 * PDUs have it last. */
void reversed(uint8_t *out, const uint8_t *in, size_t len);

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static inline size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

#endif
