/* The HCI driver of a board, which port_mcu.c calls: hci_mpbthci.c, hci_cyw43.c or hci_vhci.c. */
#ifndef WOAD_MP_HCI_H
#define WOAD_MP_HCI_H

#include "ble.h"

enum { BLE_HCI_IN = 520 }; /* a received packet of H4, at most */

/* A driver calls the port's mp_bluetooth_hci_init() only once: it initialises a static soft timer,
 * which stays in the list of timers over active(False) and soft resets.
 *
 * All functions but the last two may raise an exception: a driver that waits may handle
 * MicroPython's pending events, Ctrl-C among them.  port_mcu.c catches it and repeats the call. */

/* Powers the controller and loads its firmware.  0 or a negative errno. */
int ble_hci_open(void);
void ble_hci_close(void);
/* Received octets of H4, at most `room`; returns how many, or a negative errno. */
int ble_hci_read(uint8_t *to, size_t room);
/* Writes a packet from octet *sent on, and counts *sent up as it writes, so that a call after an
 * exception continues.  0 or a negative errno. */
int ble_hci_write(const uint8_t *packet, size_t len, size_t *sent);
/* Schedules ble_run(): now, or after `ms`.  A driver also does that when octets arrive; otherwise
 * they wait up to BLE_HCI_POLL_MS. */
void ble_hci_run_now(void);
void ble_hci_run_in_ms(uint32_t ms);

#endif
