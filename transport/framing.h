/* Packets in and out of a stream of octets: by H4 or by H5, and what waits to be written. */
#ifndef WOAD_FRAMING_H
#define WOAD_FRAMING_H

#include "h4.h"
#include "h5.h"

struct framing {
    bool three_wire;
    struct h4 h4;
    struct h5 h5;
    uint8_t in[2 * H4_PACKET_MAX]; /* H4's; of H5 what has come and not been looked at */
    size_t in_len, in_taken;
    uint8_t *out;
    size_t out_room, out_len, out_off;
    void *h5_mem; /* H5's */
};

/* 0 or -ENOMEM. */
int framing_init(struct framing *f, bool three_wire);
/* Begins anew after framing_next() has given -1: with H4 where HCI_Reset, or its answer, is
 * found. */
void framing_resync(struct framing *f, bool controller);
void framing_free(struct framing *f);

/* Where and how many octets may be appended; then framing_added(). */
uint8_t *framing_space(struct framing *f, size_t *room);
void framing_added(struct framing *f, size_t n);
/* The next packet, valid until the next call, its length; 0: none yet; -1: the line is of no use
 * any more: what came is no H4; H5's peer has begun anew or is silent. */
int framing_next(struct framing *f, const uint8_t **packet);

/* Whether the H5 link has failed (the peer restarted it, or never acknowledged), although octets
 * received before may still hold packets. */
bool framing_failed(const struct framing *f);

/* Whether a packet can be given; it is copied. */
bool framing_ready(const struct framing *f);
void framing_put(struct framing *f, const uint8_t *packet, size_t len);
/* The octets to be written now, and how many were. */
const uint8_t *framing_out(struct framing *f, size_t *n);
void framing_written(struct framing *f, size_t n);
/* Time in milliseconds; until it must be called again. */
uint32_t framing_due(struct framing *f, uint32_t now);

#endif
