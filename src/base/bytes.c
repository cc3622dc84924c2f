/* Octets: see bytes.h. */
#include "bytes.h"

void wipe(void *mem, size_t len)
{
    for (volatile uint8_t *p = mem; len; len--) {
        *p++ = 0;
    }
}

/* A key, a random number, or an address of zeros is none. */
bool zeros(const uint8_t *p, size_t len)
{
    uint8_t some = 0;
    while (len) {
        some |= p[--len];
    }
    return !some;
}

/* In the same time wherever they differ. */
bool same(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint8_t differ = 0;
    for (size_t n = 0; n < len; n++) {
        differ |= (uint8_t)(a[n] ^ b[n]);
    }
    return !differ;
}

/* What is the most significant octet first here is the last one on the air. */
void reversed(uint8_t *out, const uint8_t *in, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        out[n] = in[len - 1 - n];
    }
}
