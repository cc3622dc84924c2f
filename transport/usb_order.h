/* Puts events and data from USB in order.  They arrive by two endpoints, so the order in which the
 * controller sent them is lost.  Where it matters, data waits up to ORDER_HOLD_MS for the event: on
 * a handle that is not connected yet, and on one that is about to be encrypted.  No longer: data
 * that arrived unencrypted must not be taken for encrypted, and before Encryption Change the link
 * layer needs an exchange of at least 7.5 ms.  Vol 4, Part B; Vol 6, Part B, 5.1.3.1 */
#ifndef WOAD_USB_ORDER_H
#define WOAD_USB_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "private_names.h"

enum {
    ORDER_HOLD_MS = 5,           /* for which data waits for an event */
    ORDER_PACKET = 1 + 4 + 1024, /* octets of the longest data: type, header, and the body */
    ORDER_QUEUE = 16,            /* data packets that can wait */
    ORDER_CONNS = 64             /* connections that are noted */
};

/* Packets have their H4 type octet. */
struct usb_order {
    struct {
        uint16_t handle;
        bool encrypting; /* a command that starts encryption was sent, its event is due */
    } conn[ORDER_CONNS]; /* `conns` of them, in no order */
    size_t conns;
    uint16_t enabling; /* the handle of the last LE Enable Encryption */
    struct {
        uint8_t octet[ORDER_PACKET];
        size_t len;
        uint32_t since;   /* ms: when it arrived */
    } queue[ORDER_QUEUE]; /* a ring, of `count` from `first` on */
    size_t first, count;
};

/* Notes a packet from the host, and an event that the host gets now. */
void order_sent(struct usb_order *o, const uint8_t *packet, size_t len);
void order_event(struct usb_order *o, const uint8_t *packet, size_t len);
/* Queues received data.  False: no room, or too long. */
bool order_data(struct usb_order *o, const uint8_t *packet, size_t len, uint32_t now_ms);
/* Copies the next data that may be delivered now; returns its length, 0: none, or `room` is too
 * small. */
size_t order_next(struct usb_order *o, uint32_t now_ms, uint8_t *to, size_t room);
/* Whether the first data's place among the events does not matter. */
bool order_is_settled(const struct usb_order *o);
/* Milliseconds until the first data may be delivered; UINT32_MAX: the queue is empty. */
uint32_t order_due(const struct usb_order *o, uint32_t now_ms);

#endif
