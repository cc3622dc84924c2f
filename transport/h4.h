/* H4: finds packets in a stream of octets.  Does no I/O: the caller appends octets and takes
 * packets. Vol 4, Part A */
#ifndef WOAD_H4_H
#define WOAD_H4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "private_names.h"

enum { H4_PACKET_MAX = 1 + 4 + 2048 };

struct h4 {
    uint8_t *buf; /* `size` octets; `len` are received, the first `taken` of them returned */
    size_t size, len, taken;
    const uint8_t *sync_pattern; /* not NULL: searching, see h4_resync() */
};

/* `mem` must hold the largest packet; a larger one counts as garbage.  260 octets hold all events
 * and ACL data of 251 octets; more memory saves copies. */
void h4_init(struct h4 *h, uint8_t *mem, size_t size);

/* Drops all octets up to the answer to HCI_Reset or, with `controller`, up to HCI_Reset itself. For
 * a serial line, which may start in the middle of a packet, and after h4_next() has returned -1. */
void h4_resync(struct h4 *h, bool controller);

/* Where received octets go, and how many fit; then call h4_added(). */
uint8_t *h4_space(struct h4 *h, size_t *room);
void h4_added(struct h4 *h, size_t n);

/* Returns the length of the next packet, which is valid until h4_space(); 0: it is incomplete; -1:
 * the octets are not H4.  It stays -1 until h4_resync() or h4_init(). */
int h4_next(struct h4 *h, const uint8_t **packet);

/* Length of the packet that begins at `p`; 0: its header is incomplete; -1: no packet type. */
int h4_length(const uint8_t *p, size_t n);

#endif
