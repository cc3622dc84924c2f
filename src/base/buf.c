/* The external definition of each inline function of buf.h and fifo.h, for calls that the compiler
 * does not inline.  C11 6.7.4
 *
 * Names of other files:
 *   fifo_begin(): fifo_…(): a queue of octet strings: base/fifo.h
 *   fifo_behind(): free octets after the last record
 *   fifo_put(): appends a record and returns where to write its octets; NULL: no room (base/fifo.h)
 *   put_le16(): writes 16 bits at any address, little endian
 *   rd_copy(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   wr_cut(): writes as many of the octets as fit
 *   wr_len(): octets written so far (base/buf.h)
 *   wr_room(): octets that still fit (base/buf.h) */
#include "fifo.h"

extern inline struct rd rd_of(const uint8_t *p, size_t n);
extern inline size_t rd_left(const struct rd *r);
extern inline bool rd_done(const struct rd *r);
extern inline const uint8_t *rd_bytes(struct rd *r, size_t n);
extern inline void rd_copy(struct rd *r, void *dst, size_t n);
extern inline uint8_t rd_u8(struct rd *r);
extern inline uint16_t rd_le16(struct rd *r);
extern inline void rd_le16s(struct rd *r, uint16_t *v, size_t n);
extern inline uint32_t rd_le24(struct rd *r);
extern inline uint32_t rd_le32(struct rd *r);
extern inline struct wr wr_of(uint8_t *p, size_t n);
extern inline size_t wr_len(const struct wr *w);
extern inline size_t wr_room(const struct wr *w);
extern inline void wr_bytes(struct wr *w, const void *src, size_t n);
extern inline void wr_cut(struct wr *w, const void *src, size_t n);
extern inline void wr_zero(struct wr *w, size_t n);
extern inline void wr_u8(struct wr *w, uint8_t v);
extern inline void wr_le16(struct wr *w, uint16_t v);
extern inline void wr_le16s(struct wr *w, const uint16_t *v, size_t n);
extern inline void wr_le24(struct wr *w, uint32_t v);
extern inline void wr_le32(struct wr *w, uint32_t v);
extern inline uint16_t get_le16(const uint8_t *p);
extern inline void put_le16(uint8_t *p, uint16_t v);

extern inline void fifo_begin(struct fifo *f, uint16_t size);
extern inline size_t fifo_behind(const struct fifo *f);
extern inline bool fifo_has_room(const struct fifo *f, size_t n);
extern inline uint8_t *fifo_put(struct fifo *f, size_t n);
extern inline uint16_t fifo_len(const uint8_t *p);
extern inline uint8_t *fifo_next(const struct fifo *f, const uint8_t *p);
extern inline void fifo_set_head(struct fifo *f, size_t head);
extern inline void fifo_remove(struct fifo *f, const uint8_t *p);
