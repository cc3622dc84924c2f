/* Octets: what every layer does with some of them. */
#ifndef WOAD_BASE_BYTES_H
#define WOAD_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void wipe(void *mem, size_t len);         /* zeros that the compiler may not leave out */
bool zeros(const uint8_t *p, size_t len); /* nothing but zeros */

/* Compares in the same time wherever they differ. */
bool same(const uint8_t *a, const uint8_t *b, size_t len);
/* Copies the last octet first: what has the most significant octet first in the toolbox has it last
 * on the air. */
void reversed(uint8_t *out, const uint8_t *in, size_t len);

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

#endif
