/* The functions of the C library that the host calls. */
#include <stdint.h>
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    while (n--) {
        *t++ = *f++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((uintptr_t)t < (uintptr_t)f) {
        return memcpy(to, from, n);
    }
    while (n--) {
        t[n] = f[n];
    }
    return to;
}

void *memset(void *to, int value, size_t n)
{
    uint8_t *t = to;
    while (n--) {
        *t++ = (uint8_t)value;
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *p = a, *q = b;
    for (; n; n--, p++, q++) {
        if (*p != *q) {
            return *p - *q;
        }
    }
    return 0;
}
