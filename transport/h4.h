/* H4: packets in a stream of octets.  Vol 4, Part A */
#ifndef WOAD_H4_H
#define WOAD_H4_H

#include <stddef.h>
#include <stdint.h>

enum { H4_PACKET_MAX = 1 + 4 + 2048 };

/* Without I/O.  `buf` holds what has come and not been taken. */
struct h4 {
    uint8_t buf[2 * H4_PACKET_MAX];
    size_t len, taken;
};

/* Where and how much may be appended; then h4_added(). */
uint8_t *h4_space(struct h4 *h, size_t *room);
void h4_added(struct h4 *h, size_t n);

/* The next whole packet, its length; 0 when it is not all there, -1 when the octets are not H4:
 * nothing that follows can be trusted then. */
int h4_next(struct h4 *h, const uint8_t **packet);

#endif
