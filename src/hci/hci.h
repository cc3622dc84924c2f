/* HCI: one command out at a time, events in; and the bring-up of a controller. */
#ifndef WOAD_HCI_HCI_H
#define WOAD_HCI_HCI_H

#include "../core/host.h"
#include "numbers.h"

/* hci.c: a whole HCI event; 0, or WOAD_EBADMSG. */
int hci_rx_event(struct woad *h, const uint8_t *p, size_t n);
size_t hci_tx(struct woad *h, uint8_t *buf, size_t room);
uint32_t hci_run_timers(struct woad *h);
void hci_clock_set(struct woad *h);
bool hci_has_command(const struct woad *h, unsigned octet, unsigned bit);
/* hci_bringup.c */
uint16_t bringup_command(struct woad *h, struct wr *params);
void bringup_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret);
uint16_t hci_packet_us(const struct woad *h, uint16_t octets);

/* Provided by the layers above.  l2cap/acl.c: Number Of Completed Packets; host/connection.c. */
int acl_rx_completed(struct woad *h, const uint8_t *p, size_t len);
int conn_rx_complete(struct woad *h, struct rd *in, bool enhanced);

#endif
