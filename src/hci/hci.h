/* HCI: one command out at a time, events in; and the bring-up of the controller. */
#ifndef WOAD_HCI_HCI_H
#define WOAD_HCI_HCI_H

#include "../core/host.h"
#include "numbers.h"

enum {
    LL_OCTETS_MIN = 27,
    LL_OCTETS_MAX = 251
};                             /* payload of a data packet.  Vol 6, Part B, 2.4 */
enum { HANDLE_MASK = 0x0fff }; /* a connection's handle, in fields that have flags above it */

/* hci.c */

/* One whole HCI event, without the H4 type: 0, or WOAD_EBADMSG. */
int hci_rx_event(struct woad *h, const uint8_t *p, size_t n);
/* Writes the next command with its H4 type; returns its length, 0: none.  h->commands_idle is set
 * when no feature has one. */
size_t hci_tx(struct woad *h, uint8_t *buf, size_t room);
/* In woad_poll(): ends the host when an answer is late; milliseconds to the deadline. */
uint32_t hci_run_timers(struct woad *h);
void hci_clock_set(struct woad *h);
/* The controller supports a command: octet and bit of Supported_Commands.  6.27 */
bool hci_has_command(const struct woad *h, unsigned octet, unsigned bit);

/* hci_bringup.c: the next command while HOST_STARTING, and its answer. */
uint16_t bringup_command(struct woad *h, struct wr *params);
void bringup_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret);
/* Time on the air of a packet with so many octets of payload, in microseconds. */
uint16_t hci_packet_us(const struct woad *h, uint16_t octets);

/* Provided by the layers above: l2cap/acl.c, for HCI_Number_Of_Completed_Packets;
 * host/connection.c, for LE [Enhanced] Connection Complete.  0, or WOAD_EBADMSG. */
int acl_rx_completed(struct woad *h, const uint8_t *p, size_t len);
int conn_rx_complete(struct woad *h, struct rd *in, bool enhanced);

#endif
