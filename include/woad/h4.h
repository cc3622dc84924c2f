/* H4: finds HCI packets in the octets of a serial line.  Does no I/O: the caller appends what its
 * UART received, and passes the packets to woad_rx(); what woad_tx() returns is H4 as it is.
 *
 *     size_t room, n;
 *     const uint8_t *packet;
 *     uint8_t *at = woad_h4_space(&h4, &room);
 *     woad_h4_added(&h4, uart_read(at, room));
 *     while ((len = woad_h4_next(&h4, &packet)) > 0) {
 *         woad_rx(host, packet, (size_t)len);
 *     }
 *     if (len < 0) {
 *         woad_fail(host, WOAD_EBADMSG);
 *     }
 *
 * After a failure: woad_start(), which resets the controller, and woad_h4_resync().
 * Vol 4, Part A */
#ifndef WOAD_H4_H
#define WOAD_H4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { WOAD_H4_PACKET_MAX = 1 + 4 + 2048 };

struct woad_h4 {
    uint8_t *buf; /* `size` octets; `len` are received, the first `taken` of them returned */
    size_t size, len, taken;
    const uint8_t *sync_pattern; /* not NULL: searching, see woad_h4_resync() */
};

/* `mem` must hold the largest packet; a larger one counts as garbage.  260 octets hold all events
 * and ACL data of 251 octets; more memory saves copies. */
void woad_h4_init(struct woad_h4 *h, uint8_t *mem, size_t size);

/* Drops all octets up to the answer to HCI_Reset or, with `controller`, up to HCI_Reset itself. For
 * a serial line, which may start in the middle of a packet, and after woad_h4_next() has returned
 * -1. */
void woad_h4_resync(struct woad_h4 *h, bool controller);

/* Where received octets go, and how many fit; then call woad_h4_added(). */
uint8_t *woad_h4_space(struct woad_h4 *h, size_t *room);
void woad_h4_added(struct woad_h4 *h, size_t n);

/* Returns the length of the next packet, which is valid until woad_h4_space(); 0: it is incomplete;
 * -1: the octets are not H4.  It stays -1 until woad_h4_resync() or woad_h4_init(). */
int woad_h4_next(struct woad_h4 *h, const uint8_t **packet);

/* Length of the packet that begins at `p`; 0: its header is incomplete; -1: no packet type. */
int woad_h4_length(const uint8_t *p, size_t n);

#ifdef __cplusplus
}
#endif

#endif
