/* Octet strings: erase, compare, reverse. */
#include "bytes.h"

/* Writes zeros that the compiler may not leave out: `volatile`. */
void wipe(void *mem, size_t len)
{
    for (volatile uint8_t *p = mem; len; len--) {
        *p++ = 0;
    }
}

bool zeros(const uint8_t *p, size_t len)
{
    uint8_t any = 0;
    while (len) {
        any |= p[--len];
    }
    return !any;
}

/* Compares in constant time. */
bool same(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint8_t differ = 0;
    for (size_t n = 0; n < len; n++) {
        differ |= (uint8_t)(a[n] ^ b[n]);
    }
    return !differ;
}

void reversed(uint8_t *out, const uint8_t *in, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        out[n] = in[len - 1 - n];
    }
}
