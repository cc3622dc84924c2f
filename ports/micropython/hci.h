/* What port_mcu.c asks of a board's way to its controller.  One of hci_mpbthci.c, hci_cyw43.c,
 * hci_vhci.c is it. */
#ifndef WOAD_MP_HCI_H
#define WOAD_MP_HCI_H

#include "ble.h"

/* The port's mp_bluetooth_hci_init() initialises a static soft timer.  After ble_hci_run_in_ms()
 * that is in the list of timers, over active(False) and soft resets too: it is called once. */

/* All but run_now() and run_in_ms() may raise: a driver that waits may handle MicroPython's pending
 * events, and Ctrl-C is one.  port_mcu.c keeps the exception from the host, and calls again. */

/* 0 or a negative errno: the controller is powered, and its firmware is in it. */
int ble_hci_open(void);
void ble_hci_close(void);
/* What has come, H4, at most `room` octets; 0: nothing; or a negative errno. */
int ble_hci_read(uint8_t *to, size_t room);
/* The rest of a packet: *sent octets of it have left, and more as it writes; 0 or a negative
 * errno. */
int ble_hci_write(const uint8_t *packet, size_t len, size_t *sent);
/* Has the scheduler call ble_run(): at once, and after so long.  What comes from the controller
 * does the same, or BLE_HCI_POLL_MS is how often somebody looks. */
void ble_hci_run_now(void);
void ble_hci_run_in_ms(uint32_t ms);

#endif
