/* Logs of HCI packets, which Wireshark opens: a header, then a record for each packet.  Does no
 * I/O: the caller writes both to a file, a serial line or a debugger's channel, in order.
 *
 *     uint8_t octets[WOAD_BTSNOOP_RECORD + 260];
 *     static struct woad_btsnoop_keys keys;
 *     woad_btsnoop_header(octets);
 *     put(octets, WOAD_BTSNOOP_HEADER);
 *     put(octets, woad_btsnoop_record(octets, sizeof octets, &keys, us, true, packet, len)); */
#ifndef WOAD_BTSNOOP_H
#define WOAD_BTSNOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* To write zeros in the place of keys, PDUs of the Security Manager must be recognised even when
 * they are cut into several ACL packets, as the peer likes.  For each PDU of which more packets
 * follow: how many octets have arrived, and the first five, which tell where a key is.  Initially
 * all zero. */
enum { WOAD_BTSNOOP_PDUS = 16, WOAD_BTSNOOP_PDU_HEAD = 5 };
struct woad_btsnoop_keys {
    struct woad_btsnoop_pdu {
        bool used, from_controller;
        uint16_t handle, received_len;
        uint8_t head[WOAD_BTSNOOP_PDU_HEAD];
    } pdu[WOAD_BTSNOOP_PDUS];
    unsigned next; /* the entry to replace when all are used */
};

/* Octets of the log's header, and of a record before its packet. */
enum { WOAD_BTSNOOP_HEADER = 16, WOAD_BTSNOOP_RECORD = 24 };
void woad_btsnoop_header(uint8_t header[WOAD_BTSNOOP_HEADER]);

/* Writes the record of one packet, H4 type octet first, as woad_rx() takes it and woad_tx() gives
 * it.  us: the time, microseconds since 1970.  received: from the controller.  keys: keys become
 * zeros, and all packets must be passed in order; NULL: keys stay in the log.  A packet that does
 * not fit `room` is cut: the log says so.  Returns the octets written; 0: `room` is less than
 * WOAD_BTSNOOP_RECORD, or the packet is empty. */
size_t woad_btsnoop_record(uint8_t *record, size_t room, struct woad_btsnoop_keys *keys,
                           uint64_t us, bool received, const uint8_t *packet, size_t len);

#ifdef __cplusplus
}
#endif

#endif
