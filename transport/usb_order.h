/* Over USB events and data come by two pipes, and nothing says which was sent first.  For most that
 * makes no difference.  Where it does, data wait a few milliseconds for the event: those of a
 * connection that is not known yet, and those of one that is about to be encrypted.  Not longer:
 * what came in the clear must not be taken for encrypted, and between that and Encryption Change
 * the link layer has an exchange of at least 7.5 ms.  Vol 4, Part B; Vol 6, Part B, 5.1.3.1 */
#ifndef WOAD_USB_ORDER_H
#define WOAD_USB_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ORDER_HOLD_MS = 5, ORDER_PACKET = 1 + 4 + 1024, ORDER_QUEUE = 16, ORDER_CONNS = 64 };

/* Packets have their H4 type octet. */
struct usb_order {
    struct {
        uint16_t handle;
        bool encrypting;
    } conn[ORDER_CONNS];
    size_t conns;
    struct {
        uint8_t octet[ORDER_PACKET];
        size_t len;
        uint32_t since;
    } queue[ORDER_QUEUE];
    size_t first, count;
};

/* The host has sent this; the controller has sent this event. */
void order_sent(struct usb_order *o, const uint8_t *packet, size_t len);
void order_event(struct usb_order *o, const uint8_t *packet, size_t len);
/* Data have come: they are kept, and go when it is their turn.  False: no room, or too long. */
bool order_data(struct usb_order *o, const uint8_t *packet, size_t len, uint32_t now_ms);
/* The next data whose turn it is, copied; their length, 0: none, or there is no room. */
size_t order_next(struct usb_order *o, uint32_t now_ms, uint8_t *to, size_t room);
/* Milliseconds until the first waits no longer; UINT32_MAX: there is none. */
uint32_t order_due(const struct usb_order *o, uint32_t now_ms);

#endif
