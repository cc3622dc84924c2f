/* Packets in a stream of octets, by H4 or by H5, with buffers for both directions.  Does no I/O. */
#ifndef WOAD_FRAMING_H
#define WOAD_FRAMING_H

#include <woad/h4.h>
#include "h5.h"

struct framing {
    bool three_wire; /* H5, else H4 */
    struct woad_h4 h4;
    struct h5 h5;
    uint8_t in[2 * WOAD_H4_PACKET_MAX]; /* H4's buffer; with H5, received octets not yet parsed */
    size_t in_len, in_taken;            /* of H5 */
    uint8_t *out;                       /* out_off to out_len are to be written */
    size_t out_room, out_len, out_off;
    void *h5_mem;
};

/* 0 or -ENOMEM. */
int framing_init(struct framing *f, bool three_wire);
/* After framing_next() has returned -1: H4 continues at HCI_Reset (`controller`) or its answer; a
 * failed H5 link is set up again. */
void framing_resync(struct framing *f, bool controller);
void framing_free(struct framing *f);

/* Where received octets go, and how many fit; then call framing_added(). */
uint8_t *framing_space(struct framing *f, size_t *room);
void framing_added(struct framing *f, size_t n);
/* Returns the length of the next packet, which is valid until the next call; 0: none is complete;
 * -1: the octets are not H4, or the H5 link has failed. */
int framing_next(struct framing *f, const uint8_t **packet);

/* Whether the H5 link has failed: the peer restarted it, or does not acknowledge.  Octets received
 * before may still hold packets. */
bool framing_failed(const struct framing *f);

/* Whether framing_put() can take a packet, which it copies. */
bool framing_ready(const struct framing *f);
void framing_put(struct framing *f, const uint8_t *packet, size_t len);
/* The octets to write now; then tell framing_written() how many were written. */
const uint8_t *framing_out(struct framing *f, size_t *n);
void framing_written(struct framing *f, size_t n);
/* Runs H5's timers; returns the milliseconds until the next call. */
uint32_t framing_due(struct framing *f, uint32_t now);

#endif
