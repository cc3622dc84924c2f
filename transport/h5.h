/* H5, the three-wire UART: packets over a line that may lose or corrupt octets; each packet is
 * resent until it is acknowledged.  Host and controller use the same code.  Vol 4, Part D
 *
 * Does no I/O: received octets go to h5_rx(), octets to send are h5_tx()'s, time to h5_due().
 */
#ifndef WOAD_H5_H
#define WOAD_H5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "private_names.h"

enum h5_link { H5_UNINITIALIZED, H5_INITIALIZED, H5_ACTIVE, H5_FAILED };
enum { H5_WINDOW = 4 }; /* packets sent and not acknowledged, 1 to 7 */

struct h5 {
    uint8_t link;          /* enum h5_link */
    bool crc;              /* both sides check: agreed by CONFIG */
    bool asleep;           /* the peer: WAKEUP must be sent first */
    uint8_t window;        /* packets sent ahead: agreed by CONFIG */
    uint8_t replies_due;   /* bits of link messages and acknowledgements to be sent */
    uint8_t expected;      /* the peer's next sequence number */
    uint8_t first;         /* sequence number of the oldest packet not acknowledged */
    uint8_t queued;        /* packets in window_packet, from `first` on */
    uint8_t sent;          /* of those, sent since the last resend */
    uint8_t tries;         /* resends without an acknowledgement */
    uint32_t now_ms;       /* of the last h5_due() */
    uint32_t resend_at_ms; /* 0: no timer */
    /* The frame that is being received. */
    bool escaped;                      /* the last octet was an escape */
    bool discard_frame;                /* it is too long, or began before the first delimiter */
    size_t in_len, room;               /* room: of a packet with its type octet */
    uint8_t *in;                       /* header, payload, check */
    uint8_t *window_packet[H5_WINDOW]; /* packets with their type octet */
    size_t window_len[H5_WINDOW];
};

/* Octets of memory for packets of up to `room`, type octet included. */
size_t h5_size(size_t room);
/* `mem`: h5_size(room) octets, which stay the caller's. */
void h5_init(struct h5 *h, void *mem, size_t room);

/* Consumes octets up to the end of one packet, and returns how many.  *packet is that packet, type
 * octet first, valid until the next call; *packet_len 0: no packet is complete. */
size_t h5_rx(struct h5 *h, const uint8_t *octets, size_t n, const uint8_t **packet,
             size_t *packet_len);

/* Whether h5_put() can take a packet, which it copies. */
bool h5_ready(const struct h5 *h);
void h5_put(struct h5 *h, const uint8_t *packet, size_t len);

/* Writes the next frame to send to `buf`; returns its length, 0: none now. */
size_t h5_tx(struct h5 *h, uint8_t *buf, size_t room);
enum { H5_OVERHEAD = 14 }; /* buf must have 2 * packet + H5_OVERHEAD octets */

/* Runs the timers; `now` is in milliseconds and may wrap.  Returns the milliseconds until the next
 * call, UINT32_MAX: none is needed.  If the peer has restarted or does not acknowledge, the link is
 * H5_FAILED, until h5_init(). */
uint32_t h5_due(struct h5 *h, uint32_t now);

#endif
