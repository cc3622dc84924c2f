/* What port_mcu.c asks of a board's way to its controller.  One of hci_mpbthci.c, hci_cyw43.c,
 * hci_vhci.c is it. */
#ifndef WOAD_MP_HCI_H
#define WOAD_MP_HCI_H

#include "ble.h"

/* 0 or a negative errno: the controller is powered, and its firmware is in it. */
int ble_hci_open(void);
void ble_hci_close(void);
/* What has come, H4, at most `room` octets; 0: nothing; or a negative errno. */
int ble_hci_read(uint8_t *to, size_t room);
/* A whole packet; 0 or a negative errno. */
int ble_hci_write(const uint8_t *packet, size_t len);
/* Has the scheduler call ble_run(): at once, and after so long.  What comes from the controller
 * does the same, or BLE_HCI_POLL_MS is how often somebody looks. */
void ble_hci_run_now(void);
void ble_hci_run_in_ms(uint32_t ms);

#endif
