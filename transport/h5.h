/* H5, the three-wire UART: packets over a line that may lose or spoil octets, each acknowledged and
 * sent again until it is; both sides alike.  Vol 4, Part D
 *
 * Without I/O: octets in by h5_rx(), octets out by h5_tx(), time by h5_due(). */
#ifndef WOAD_H5_H
#define WOAD_H5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum h5_link { H5_UNINITIALIZED, H5_INITIALIZED, H5_ACTIVE, H5_FAILED };
enum { H5_WINDOW = 4 }; /* packets under way, 1 to 7 */

struct h5 {
    uint8_t link;         /* enum h5_link */
    bool crc;             /* both sides check */
    bool asleep;          /* the peer: it is woken before anything is sent */
    uint8_t window;       /* agreed */
    uint8_t replies_due;  /* link messages to be sent, and acknowledgements */
    uint8_t expected;     /* the sequence number that comes next */
    uint8_t first;        /* that of the oldest packet not acknowledged */
    uint8_t queued, sent; /* packets kept; of those, on their way */
    uint8_t tries;
    uint32_t now_ms, resend_at_ms;
    /* The frame that is coming: an escape was the last octet; it is of no use. */
    bool escaped, discard_frame;
    size_t in_len, room;               /* room: of a packet with its type octet */
    uint8_t *in;                       /* header, payload, check */
    uint8_t *window_packet[H5_WINDOW]; /* packets with their type octet */
    size_t window_len[H5_WINDOW];
};

/* Octets of memory for packets of up to `room`, type octet included. */
size_t h5_size(size_t room);
void h5_init(struct h5 *h, void *mem, size_t room);

/* Takes octets up to the end of one packet, and returns how many.  *packet is then that packet,
 * type octet first, valid until the next call, of *packet_len octets; 0: there is none yet. */
size_t h5_rx(struct h5 *h, const uint8_t *octets, size_t n, const uint8_t **packet,
             size_t *packet_len);

/* Whether another packet can be given; it is copied. */
bool h5_ready(const struct h5 *h);
void h5_put(struct h5 *h, const uint8_t *packet, size_t len);

/* The next octets for the line, a whole frame; 0: none now. */
size_t h5_tx(struct h5 *h, uint8_t *buf, size_t room);
enum { H5_OVERHEAD = 14 }; /* buf: twice the packet and so many more */

/* Time in milliseconds, wrapping; until it must be called again, UINT32_MAX: not.  The link is
 * H5_FAILED when the peer has begun anew, or does not acknowledge: h5_init() then. */
uint32_t h5_due(struct h5 *h, uint32_t now);

#endif
