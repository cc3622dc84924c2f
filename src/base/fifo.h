/* A queue of octet strings, first in, first out: records of { length u16, octets }, each in one
 * piece.  One that does not fit behind the last begins anew at the front of the memory: what is
 * left there stays unused until the queue has come round.
 *
 *     0 ..... tail      head ..... end        wrapped: the first are those up to `end`
 *     0       head ..... tail                 else: `end` is 0; empty: `tail` is 0 */
#ifndef WOAD_FIFO_H
#define WOAD_FIFO_H

#include "buf.h"

/* Room that may not be there.  The tests make each of these fail in turn. */
#ifndef MAY_FAIL
#define MAY_FAIL(has_room) (has_room)
#endif

struct fifo {
    uint8_t *mem;
    uint16_t size, head, tail, end;
};

/* An empty one; its memory stays. */
inline void fifo_begin(struct fifo *f, uint16_t size)
{
    f->size = size;
    f->head = f->tail = f->end = 0;
}

ALWAYS_INLINE bool fifo_empty(const struct fifo *f)
{
    return !f->tail;
}

/* Octets that are free behind the last. */
inline size_t fifo_behind(const struct fifo *f)
{
    return (size_t)((f->end ? f->head : f->size) - f->tail);
}

inline bool fifo_has_room(const struct fifo *f, size_t n)
{
    return MAY_FAIL(n + 2 <= fifo_behind(f) || (!f->end && n + 2 <= f->head));
}

/* A record of `n` octets, which the caller fills; NULL when there is no room. */
inline uint8_t *fifo_put(struct fifo *f, size_t n)
{
    size_t at = f->tail, all = n + 2, head = f->head;
    if (!MAY_FAIL(true)) { /* what fifo_has_room() asks is asked on the way */
        return NULL;
    }
    if (all > (f->end ? head : f->size) - at) {
        if (f->end || all > head) {
            return NULL;
        }
        f->end = (uint16_t)at;
        at = 0;
    }
    f->tail = (uint16_t)(at + all);
    put_le16(f->mem + at, (uint16_t)n);
    return f->mem + at + 2;
}

/* The octets of the first, NULL when it is empty; of the one behind, NULL when it is the last. */
ALWAYS_INLINE uint8_t *fifo_first(const struct fifo *f)
{
    return f->tail ? f->mem + f->head + 2 : NULL;
}

inline uint16_t fifo_len(const uint8_t *p)
{
    return get_le16(p - 2);
}

inline uint8_t *fifo_next(const struct fifo *f, const uint8_t *p)
{
    size_t at = (size_t)(p - f->mem) + fifo_len(p);
    at = at == f->end ? 0 : at;
    return at == f->tail ? NULL : f->mem + at + 2;
}

/* `head` is where the first begins now: it may have been the last, or the last before the end. */
inline void fifo_begins(struct fifo *f, size_t head)
{
    if (head == (f->end ? f->end : f->tail)) {
        f->tail = f->end ? f->tail : 0;
        f->end = 0;
        head = 0;
    }
    f->head = (uint16_t)head;
}

/* Takes the first out, which has `len` octets. */
ALWAYS_INLINE void fifo_drop_len(struct fifo *f, size_t len)
{
    fifo_begins(f, f->head + 2u + len);
}

ALWAYS_INLINE void fifo_drop(struct fifo *f)
{
    fifo_drop_len(f, get_le16(f->mem + f->head));
}

/* Takes out any of them.  Then there is room for one as long as it, and as what was free behind the
 * last together. */
inline void fifo_remove(struct fifo *f, const uint8_t *p)
{
    size_t at = (size_t)(p - 2 - f->mem), n = 2u + fifo_len(p), head = f->head;
    if (f->end && at >= head) {
        memmove(f->mem + head + n, f->mem + head, at - head);
        fifo_begins(f, head + n);
        return;
    }
    memmove(f->mem + at, f->mem + at + n, f->tail - at - n);
    f->tail = (uint16_t)(f->tail - n);
    if (!f->tail && f->end) { /* nothing is wrapped any more */
        f->tail = f->end;
        f->end = 0;
    }
    fifo_begins(f, head);
}

#endif
