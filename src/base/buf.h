/* Bounded cursors for PDUs, little-endian: struct rd reads one, struct wr writes one.
 *
 * A read past the end yields zeros, a write past the end writes nothing; both set `bad`, which the
 * caller tests once, after the last field.  The memory is the caller's. */
#ifndef WOAD_BUF_H
#define WOAD_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "private_names.h"

/* Two octets at any address, unchecked.  At -Os, compilers do not combine two stores into one; a
 * member of a packed struct is one store where the processor allows it. */
#if defined __GNUC__ && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
struct le16 {
    uint16_t v;
} __attribute__((packed, may_alias));
inline uint16_t get_le16(const uint8_t *p)
{
    return ((const struct le16 *)p)->v;
}
inline void put_le16(uint8_t *p, uint16_t v)
{
    ((struct le16 *)p)->v = v;
}
#else
inline uint16_t get_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
inline void put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
#endif

/* For functions on the way of each packet: a call would cost as much as the body. */
#ifdef __GNUC__
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE static inline
#endif

struct rd {
    const uint8_t *p, *end; /* the next octet; behind the last */
    bool bad;               /* something was read past the end */
};
struct wr {
    uint8_t *base, *p, *end; /* the first octet; the next; behind the last */
    bool bad;                /* something did not fit */
};

inline struct rd rd_of(const uint8_t *p, size_t n)
{
    return (struct rd){ p, p + n, false };
}

inline size_t rd_left(const struct rd *r)
{
    return (size_t)(r->end - r->p);
}

/* The whole PDU was read, and no more. */
inline bool rd_done(const struct rd *r)
{
    return !r->bad && r->p == r->end;
}

/* The next n octets, where they are; NULL when there are fewer. */
inline const uint8_t *rd_bytes(struct rd *r, size_t n)
{
    const uint8_t *at = r->p;
    if (n > rd_left(r)) {
        r->bad = true;
        r->p = r->end;
        return NULL;
    }
    r->p += n;
    return at;
}

inline void rd_copy(struct rd *r, void *dst, size_t n)
{
    const uint8_t *b = rd_bytes(r, n);
    if (b) {
        memcpy(dst, b, n);
    } else {
        memset(dst, 0, n);
    }
}

inline uint8_t rd_u8(struct rd *r)
{
    if (r->p == r->end) {
        r->bad = true;
        return 0;
    }
    return *r->p++;
}

inline uint16_t rd_le16(struct rd *r)
{
    if (rd_left(r) < 2) {
        r->bad = true;
        r->p = r->end;
        return 0;
    }
    r->p += 2;
    return get_le16(r->p - 2);
}

inline void rd_le16s(struct rd *r, uint16_t *v, size_t n)
{
    for (; n; n--) {
        *v++ = rd_le16(r);
    }
}

inline uint32_t rd_le24(struct rd *r)
{
    const uint8_t *b = rd_bytes(r, 3);
    return b ? (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 : 0;
}

inline uint32_t rd_le32(struct rd *r)
{
    uint32_t low = rd_le16(r);
    return low | (uint32_t)rd_le16(r) << 16;
}

inline struct wr wr_of(uint8_t *p, size_t n)
{
    return (struct wr){ p, p, p + n, false };
}

inline size_t wr_len(const struct wr *w)
{
    return (size_t)(w->p - w->base);
}
inline size_t wr_room(const struct wr *w)
{
    return (size_t)(w->end - w->p);
}

/* wr_bytes(), always inlined. */
ALWAYS_INLINE void wr_copy(struct wr *w, const void *src, size_t n)
{
    uint8_t *p = w->p;
    if (n > (size_t)(w->end - p)) {
        w->bad = true;
        return;
    }
    w->p = p + n;
    if (n) {
        memcpy(p, src, n);
    }
}

/* wr_cut(), always inlined. */
ALWAYS_INLINE void wr_copy_cut(struct wr *w, const void *src, size_t n)
{
    uint8_t *p = w->p;
    size_t room = (size_t)(w->end - p);
    if (n > room) {
        n = room;
    }
    w->p = p + n;
    if (n) {
        memcpy(p, src, n);
    }
}

inline void wr_bytes(struct wr *w, const void *src, size_t n)
{
    if (n > wr_room(w)) {
        w->bad = true;
        return;
    }
    if (n) {
        memcpy(w->p, src, n);
    }
    w->p += n;
}

/* Writes as many octets as fit: ATT values are truncated at the MTU. */
inline void wr_cut(struct wr *w, const void *src, size_t n)
{
    wr_bytes(w, src, n < wr_room(w) ? n : wr_room(w));
}

inline void wr_zero(struct wr *w, size_t n)
{
    if (n > wr_room(w)) {
        w->bad = true;
        return;
    }
    memset(w->p, 0, n);
    w->p += n;
}

inline void wr_u8(struct wr *w, uint8_t v)
{
    if (w->p == w->end) {
        w->bad = true;
    } else {
        *w->p++ = v;
    }
}

inline void wr_le16(struct wr *w, uint16_t v)
{
    if (wr_room(w) < 2) {
        w->bad = true;
    } else {
        put_le16(w->p, v);
        w->p += 2;
    }
}

inline void wr_le16s(struct wr *w, const uint16_t *v, size_t n)
{
    for (; n; n--) {
        wr_le16(w, *v++);
    }
}

inline void wr_le24(struct wr *w, uint32_t v)
{
    uint8_t b[3] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16) };
    wr_bytes(w, b, 3);
}

inline void wr_le32(struct wr *w, uint32_t v)
{
    wr_le16(w, (uint16_t)v);
    wr_le16(w, (uint16_t)(v >> 16));
}

#endif
