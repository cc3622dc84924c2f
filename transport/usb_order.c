/* The order of events and data from USB: see usb_order.h.
 *
 * Names of other files:
 *   conn: connections that are known, `conns` of them, and whether each is about to be encrypted
 *   count: of the queue: packets in it
 *   enabling: the connection of the last LE Enable Encryption, for its Command Status
 *   encrypting: of a connection: it is about to be encrypted
 *   ORDER_CONNS: connections that are noted; data of others waits for ORDER_HOLD_MS each time
 *   ORDER_HOLD_MS: ms for which data waits for an event that may belong before it
 *   ORDER_PACKET: octets of the longest packet, type included
 *   ORDER_QUEUE: data packets that can wait
 *   since: ms: when the data arrived */
#include "usb_order.h"

#include <string.h>

/* Vol 4, Part E, 7.7, 7.8 */
enum {
    EVENT_DISCONNECTED = 0x05,
    EVENT_ENCRYPTION = 0x08,
    EVENT_COMPLETE = 0x0e,
    EVENT_STATUS = 0x0f,
    EVENT_KEY_REFRESH = 0x30,
    EVENT_LE = 0x3e,
    LE_CONNECTED = 0x01,
    LE_CONNECTED_ENHANCED = 0x0a
};
enum { COMMAND = 1, RESET = 0x0c03, ENABLE_ENCRYPTION = 0x2019, LTK_REPLY = 0x201a };

/* The 16 bit number at p, little endian. */
static uint16_t order_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

/* The index of a connection; `conns`: it is not known. Flags above the handle do not count. */
static size_t order_find(const struct usb_order *o, unsigned handle)
{
    size_t k = 0;
    while (k < o->conns && o->conn[k].handle != (handle & 0xfff)) {
        k++;
    }
    return k;
}

/* A packet from the host: a reset, or a command that encrypts a connection. */
void order_sent(struct usb_order *o, const uint8_t *packet, size_t len)
{
    unsigned opcode = 0;
    if (len >= 4 && packet[0] == COMMAND) {
        opcode = order_le16(packet + 1);
    }
    if (opcode == RESET) {
        o->conns = o->count = 0;
    } else if ((opcode == ENABLE_ENCRYPTION || opcode == LTK_REPLY) && len >= 6) {
        size_t k = order_find(o, order_le16(packet + 4));
        if (k < o->conns) {
            o->conn[k].encrypting = true;
        }
        if (opcode == ENABLE_ENCRYPTION) {
            o->enabling = order_le16(packet + 4);
        }
    }
}

/* LE Connection Complete: its data need not wait any more. */
static void order_connected(struct usb_order *o, uint16_t handle)
{
    size_t k = order_find(o, handle);
    if (k == o->conns && k < ORDER_CONNS) {
        o->conns++;
    }
    if (k < ORDER_CONNS) {
        o->conn[k].handle = handle & 0xfff;
        o->conn[k].encrypting = false;
    }
}

/* A command to encrypt that was refused.  Command Status: status u8, number u8, opcode u16.
 * Command Complete: number u8, opcode u16, status u8, handle u16.  7.7.14, 7.7.15 */
static void order_refused(struct usb_order *o, const uint8_t *packet, size_t len)
{
    size_t k = o->conns;
    if (packet[1] == EVENT_STATUS && len >= 7 && packet[3] &&
        order_le16(packet + 5) == ENABLE_ENCRYPTION) {
        k = order_find(o, o->enabling);
    } else if (packet[1] == EVENT_COMPLETE && len >= 9 && packet[6] &&
               order_le16(packet + 4) == LTK_REPLY) {
        k = order_find(o, order_le16(packet + 7));
    }
    if (k < o->conns) {
        o->conn[k].encrypting = false;
    }
}

/* Layout: code, length, [subevent,] status u8, handle u16. Refusals first: their layout is another
 * one. */
void order_event(struct usb_order *o, const uint8_t *packet, size_t len)
{
    unsigned code = 0;
    if (len >= 6) {
        code = packet[1];
    }
    unsigned le = 0;
    if (code == EVENT_LE && len >= 7) {
        le = packet[3];
    }
    if ((le == LE_CONNECTED || le == LE_CONNECTED_ENHANCED) && packet[4] == 0) {
        order_connected(o, order_le16(packet + 5));
        return;
    }
    if (code == EVENT_STATUS || code == EVENT_COMPLETE) {
        order_refused(o, packet, len);
    }
    if (code != EVENT_DISCONNECTED && code != EVENT_ENCRYPTION && code != EVENT_KEY_REFRESH) {
        return;
    }
    size_t k = order_find(o, order_le16(packet + 4));
    if (k < o->conns) {
        o->conn[k].encrypting = false;
        if (code == EVENT_DISCONNECTED && packet[3] == 0) {
            o->conn[k] = o->conn[--o->conns];
        }
    }
}

/* Appends data to the queue. */
bool order_data(struct usb_order *o, const uint8_t *packet, size_t len, uint32_t now_ms)
{
    if (o->count == ORDER_QUEUE || len < 5 || len > ORDER_PACKET) {
        return false;
    }
    size_t at = (o->first + o->count++) % ORDER_QUEUE;
    memcpy(o->queue[at].octet, packet, len);
    o->queue[at].len = len;
    o->queue[at].since = now_ms;
    return true;
}

/* The first data is of a connection that is known, and not about to be encrypted. */
bool order_is_settled(const struct usb_order *o)
{
    if (!o->count) {
        return false;
    }
    size_t k = order_find(o, order_le16(o->queue[o->first].octet + 1));
    return k < o->conns && !o->conn[k].encrypting;
}

/* Data that is not settled waits for ORDER_HOLD_MS. */
uint32_t order_due(const struct usb_order *o, uint32_t now_ms)
{
    if (!o->count) {
        return UINT32_MAX;
    }
    uint32_t waited = now_ms - o->queue[o->first].since;
    if (order_is_settled(o) || waited >= ORDER_HOLD_MS) {
        return 0;
    }
    return ORDER_HOLD_MS - waited;
}

/* Takes the first data, if it is due. */
size_t order_next(struct usb_order *o, uint32_t now_ms, uint8_t *to, size_t room)
{
    size_t len = o->queue[o->first].len;
    if (order_due(o, now_ms) != 0 || len > room) {
        return 0;
    }
    memcpy(to, o->queue[o->first].octet, len);
    o->first = (o->first + 1) % ORDER_QUEUE;
    o->count--;
    return len;
}
