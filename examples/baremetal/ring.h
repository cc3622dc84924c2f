/* A ring of octets between an interrupt and the main program.  One side writes, the other reads, so
 * it needs no lock. */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RING = 512 }; /* a power of two */
struct ring {
    uint8_t mem[RING];
    volatile uint32_t in, out;
};

static inline bool ring_full(const struct ring *r)
{
    return r->in - r->out == RING;
}
static inline bool ring_empty(const struct ring *r)
{
    return r->in == r->out;
}

static inline void ring_put(struct ring *r, uint8_t octet)
{
    r->mem[r->in % RING] = octet;
    r->in = r->in + 1;
}

static inline size_t ring_get(struct ring *r, uint8_t *to, size_t room)
{
    size_t n = 0;
    for (; n < room && !ring_empty(r); n++) {
        to[n] = r->mem[r->out % RING];
        r->out = r->out + 1;
    }
    return n;
}

#endif
