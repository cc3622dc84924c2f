/* For MicroPython's rfcore.c (STM32WB), in the place of NimBLE's header: what rfcore.c calls of it.
 * hci_mpbthci.c defines the function. */
#ifndef WOAD_STM32WB_NIMBLE_NPL_H
#define WOAD_STM32WB_NIMBLE_NPL_H

void mp_bluetooth_nimble_hci_uart_wfi(void);

#endif
