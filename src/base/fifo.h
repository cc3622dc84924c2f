/* A queue of octet strings, first in, first out, in a fixed block of memory.  A record is { length
 * u16, octets } in one piece.  If it does not fit behind the last one, it goes to the front of the
 * memory: the octets between are unused until the queue has emptied past them.
 *
 *     0 ..... tail      head ..... end        wrapped: the first records are at head, up to `end`
 *     0       head ..... tail                 not wrapped: `end` is 0; empty: `tail` is 0 */
#ifndef WOAD_FIFO_H
#define WOAD_FIFO_H

#include "buf.h"

/* A condition that a full queue or table makes false.  The tests make each of these false in turn.
 */
#ifndef MAY_FAIL
#define MAY_FAIL(has_room) (has_room)
#endif

struct fifo {
    uint8_t *mem;
    uint16_t size;            /* octets of `mem` */
    uint16_t head, tail, end; /* offsets: see above */
};

/* Empties it, and sets its size; `mem` stays. */
inline void fifo_begin(struct fifo *f, uint16_t size)
{
    f->size = size;
    f->head = f->tail = f->end = 0;
}

ALWAYS_INLINE bool fifo_empty(const struct fifo *f)
{
    return !f->tail;
}

/* Free octets behind the last record. */
inline size_t fifo_behind(const struct fifo *f)
{
    return (size_t)((f->end ? f->head : f->size) - f->tail);
}

inline bool fifo_has_room(const struct fifo *f, size_t n)
{
    return MAY_FAIL(n + 2 <= fifo_behind(f) || (!f->end && n + 2 <= f->head));
}

/* Appends a record of `n` octets, which the caller fills in; NULL: no room. */
inline uint8_t *fifo_put(struct fifo *f, size_t n)
{
    size_t at = f->tail, all = n + 2, head = f->head;
    if (!MAY_FAIL(true)) { /* the conditions of fifo_has_room() follow */
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

/* The first record's octets; NULL: the queue is empty. */
ALWAYS_INLINE uint8_t *fifo_first(const struct fifo *f)
{
    return f->tail ? f->mem + f->head + 2 : NULL;
}

/* The length of a record, by its octets. */
inline uint16_t fifo_len(const uint8_t *p)
{
    return get_le16(p - 2);
}

/* The record behind this one; NULL: it is the last. */
inline uint8_t *fifo_next(const struct fifo *f, const uint8_t *p)
{
    size_t at = (size_t)(p - f->mem) + fifo_len(p);
    if (at == f->end) {
        at = 0;
    }
    return at == f->tail ? NULL : f->mem + at + 2;
}

/* Sets the head, after a removal: at the end of the wrapped part it is the front; at the tail the
 * queue is empty. */
inline void fifo_set_head(struct fifo *f, size_t head)
{
    if (head == (f->end ? f->end : f->tail)) {
        if (!f->end) {
            f->tail = 0;
        }
        f->end = 0;
        head = 0;
    }
    f->head = (uint16_t)head;
}

/* Removes the first record, which has `len` octets. */
ALWAYS_INLINE void fifo_drop_len(struct fifo *f, size_t len)
{
    fifo_set_head(f, f->head + 2u + len);
}

/* Removes the first record. */
ALWAYS_INLINE void fifo_drop(struct fifo *f)
{
    fifo_drop_len(f, get_le16(f->mem + f->head));
}

/* Removes any record, and closes the gap: its octets are free together with those behind the last.
 */
inline void fifo_remove(struct fifo *f, const uint8_t *p)
{
    size_t at = (size_t)(p - 2 - f->mem), n = 2u + fifo_len(p), head = f->head;
    if (f->end && at >= head) {
        memmove(f->mem + head + n, f->mem + head, at - head);
        fifo_set_head(f, head + n);
        return;
    }
    memmove(f->mem + at, f->mem + at + n, f->tail - at - n);
    f->tail = (uint16_t)(f->tail - n);
    if (!f->tail && f->end) { /* nothing is wrapped any more */
        f->tail = f->end;
        f->end = 0;
    }
    fifo_set_head(f, head);
}

#endif
