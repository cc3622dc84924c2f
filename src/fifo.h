/* A ring of octet strings, first in, first out: records of { length u16, octets }. */
#ifndef WOAD_FIFO_H
#define WOAD_FIFO_H

#include "buf.h"

/* Room that may not be there.  The tests make each of these fail in turn. */
#ifndef RESERVE
#define RESERVE(has_room) (has_room)
#endif

struct fifo { uint8_t *mem; uint16_t size, head, used; };

/* An empty one; its memory stays. */
inline void fifo_begin(struct fifo *f, uint16_t size)
{
    f->size = size;
    f->head = f->used = 0;
}

/* The place in the ring of what is `at` octets behind the head, at most `size`. */
inline size_t fifo_place(const struct fifo *f, size_t at)
{
    at += f->head;
    return at < f->size ? at : at - f->size;
}

inline uint8_t fifo_octet(const struct fifo *f, size_t at)
{
    return f->mem[fifo_place(f, at)];
}

inline void fifo_append(struct fifo *f, const void *src, size_t n)
{
    size_t at = fifo_place(f, f->used), first = f->size - at;
    f->used = (uint16_t)(f->used + n);
    if (n > first) {
        memcpy(f->mem + at, src, first);
        src = (const uint8_t *)src + first;
        n -= first;
        at = 0;
    }
    if (n) {
        memcpy(f->mem + at, src, n);
    }
}

inline bool fifo_has_room(const struct fifo *f, size_t n)
{
    return RESERVE(n + 2 <= (size_t)(f->size - f->used));
}

/* A record of `n` octets, which the caller appends.  It has asked for room. */
inline void fifo_open(struct fifo *f, size_t n)
{
    uint8_t len[2] = { (uint8_t)n, (uint8_t)(n >> 8) };
    fifo_append(f, len, 2);
}

/* The caller has asked for room. */
inline void fifo_put(struct fifo *f, const void *head, size_t head_len, const void *body,
                            size_t body_len)
{
    fifo_open(f, head_len + body_len);
    fifo_append(f, head, head_len);
    fifo_append(f, body, body_len);
}

inline uint16_t fifo_front(const struct fifo *f)
{
    return (uint16_t)(f->used ? f->mem[f->head] | fifo_octet(f, 1) << 8 : 0);
}

inline uint8_t fifo_front_octet(const struct fifo *f, uint16_t at)
{
    return fifo_octet(f, 2u + at);
}

/* Of the record that begins `at` octets behind the head: its length; octets from..from+n. */
inline uint16_t fifo_len_at(const struct fifo *f, uint32_t at)
{
    return (uint16_t)(fifo_octet(f, at) | fifo_octet(f, at + 1) << 8);
}

inline void fifo_read_at(const struct fifo *f, uint32_t at, uint16_t from, size_t n,
                         struct wr *out)
{
    size_t begin = fifo_place(f, at + 2u + from), first = f->size - begin;
    if (n > first) {
        wr_bytes(out, f->mem + begin, first);
        n -= first;
        begin = 0;
    }
    wr_bytes(out, f->mem + begin, n);
}

/* Of the first one. */
inline void fifo_read(const struct fifo *f, uint16_t from, size_t n, struct wr *out)
{
    fifo_read_at(f, 0, from, n, out);
}

/* Takes the n octets at `at` behind the head, a record with its length, out of the ring. */
inline void fifo_remove(struct fifo *f, uint32_t at, uint32_t n)
{
    for (uint32_t m = at; m + n < f->used; m++) {
        f->mem[fifo_place(f, m)] = fifo_octet(f, m + n);
    }
    f->used = (uint16_t)(f->used - n);
}

/* The first one, which is `len` octets long. */
inline void fifo_drop(struct fifo *f, uint16_t len)
{
    uint32_t n = len + 2u;
    f->head = (uint16_t)fifo_place(f, n);
    f->used = (uint16_t)(f->used - n);
}

#endif
