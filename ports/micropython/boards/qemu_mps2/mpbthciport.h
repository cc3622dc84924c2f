/* As every port with an HCI driver has it; mps2.c is the driver. */
#ifndef MPS2_MPBTHCIPORT_H
#define MPS2_MPBTHCIPORT_H

#include <stdint.h>

void mp_bluetooth_hci_init(void);
void mp_bluetooth_hci_poll_now(void);
void mp_bluetooth_hci_poll_in_ms(uint32_t ms);
void mp_bluetooth_hci_poll(void);

#endif
