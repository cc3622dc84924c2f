/* A queue of octet strings, first in, first out: records of { length u16, octets }, each in one
 * piece.  One that does not fit behind the last begins anew at the front of the memory: what is
 * left there stays unused until the queue has come round.
 *
 *     0 ..... tail      head ..... end        wrapped: the first are those up to `end`
 *     0       head ..... tail                 else: `end` is 0 */
#ifndef WOAD_FIFO_H
#define WOAD_FIFO_H

#include "buf.h"

/* Room that may not be there.  The tests make each of these fail in turn. */
#ifndef RESERVE
#define RESERVE(has_room) (has_room)
#endif

struct fifo { uint8_t *mem; uint16_t size, head, tail, end; };

/* An empty one; its memory stays. */
inline void fifo_begin(struct fifo *f, uint16_t size)
{
    f->size = size;
    f->head = f->tail = f->end = 0;
}

inline bool fifo_empty(const struct fifo *f) { return f->head == f->tail && !f->end; }

/* Octets that are free behind the last. */
inline size_t fifo_behind(const struct fifo *f)
{
    return (size_t)((f->end ? f->head : f->size) - f->tail);
}

inline bool fifo_has_room(const struct fifo *f, size_t n)
{
    return RESERVE(n + 2 <= fifo_behind(f) || (!f->end && n + 2 <= f->head));
}

/* A record of `n` octets, which the caller fills; NULL when there is no room. */
inline uint8_t *fifo_put(struct fifo *f, size_t n)
{
    if (!fifo_has_room(f, n)) {
        return NULL;
    }
    if (n + 2 > fifo_behind(f)) {
        f->end = f->tail;
        f->tail = 0;
    }
    uint8_t *p = f->mem + f->tail;
    f->tail = (uint16_t)(f->tail + n + 2);
    put_le16(p, (uint16_t)n);
    return p + 2;
}

/* The octets of the first, NULL when it is empty; of the one behind, NULL when it is the last. */
inline uint8_t *fifo_first(const struct fifo *f)
{
    return fifo_empty(f) ? NULL : f->mem + f->head + 2;
}

inline uint16_t fifo_len(const uint8_t *p) { return get_le16(p - 2); }

inline uint8_t *fifo_next(const struct fifo *f, const uint8_t *p)
{
    size_t at = (size_t)(p - f->mem) + fifo_len(p);
    at = at == f->end ? 0 : at;
    return at == f->tail ? NULL : f->mem + at + 2;
}

/* The first of what is wrapped have gone; or all have. */
inline void fifo_tidy(struct fifo *f)
{
    if (f->head == f->end) {
        f->head = f->end = 0;
    }
    if (f->head == f->tail && !f->end) {
        f->head = f->tail = 0;
    }
}

/* Takes the first out. */
inline void fifo_drop(struct fifo *f)
{
    f->head = (uint16_t)(f->head + 2 + get_le16(f->mem + f->head));
    fifo_tidy(f);
}

/* Takes out any of them.  There is room for as many octets more behind the last then. */
inline void fifo_remove(struct fifo *f, const uint8_t *p)
{
    size_t at = (size_t)(p - 2 - f->mem), n = 2u + fifo_len(p);
    if (f->end && at >= f->head) {
        memmove(f->mem + f->head + n, f->mem + f->head, at - f->head);
        f->head = (uint16_t)(f->head + n);
    } else {
        memmove(f->mem + at, f->mem + at + n, f->tail - at - n);
        f->tail = (uint16_t)(f->tail - n);
    }
    fifo_tidy(f);
}

#endif
