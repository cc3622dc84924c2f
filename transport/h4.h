/* H4: packets in a stream of octets.  Vol 4, Part A */
#ifndef WOAD_H4_H
#define WOAD_H4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { H4_PACKET_MAX = 1 + 4 + 2048 };

/* Without I/O.  `buf` holds what has come and not been taken. */
struct h4 {
    uint8_t *buf;
    size_t size, len, taken;
    const uint8_t *sync_pattern; /* where packets begin is not known: see h4_resync() */
};

/* `mem` has room for the largest packet there may be; more saves moving.  What is larger is taken
 * for garbage: with 260 octets all events, and data in buffers of 251, fit. */
void h4_init(struct h4 *h, uint8_t *mem, size_t size);

/* From now on all is thrown away up to the answer to HCI_Reset, or, at the controller's end, up to
 * HCI_Reset itself.  For a line that may have been in the middle of something, and after h4_next()
 * has given -1. */
void h4_resync(struct h4 *h, bool controller);

/* Where and how much may be appended; then h4_added(). */
uint8_t *h4_space(struct h4 *h, size_t *room);
void h4_added(struct h4 *h, size_t n);

/* The next whole packet, its length; 0 when it is not all there, -1 when the octets are not H4:
 * nothing that follows can be trusted then, and it stays so until h4_resync() or h4_init(). */
int h4_next(struct h4 *h, const uint8_t **packet);

/* Length of the packet that begins at `p`; 0: its header is not all there; -1: it is none. */
int h4_length(const uint8_t *p, size_t n);

#endif
