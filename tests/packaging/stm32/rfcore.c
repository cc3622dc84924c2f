/* What MicroPython's rfcore.c demands of its build: Bluetooth by NimBLE, and this of NimBLE. */
#include "nimble/nimble_npl.h"

#if !MICROPY_PY_BLUETOOTH || !MICROPY_BLUETOOTH_NIMBLE || !MICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS
#error "rfcore.c does not compile so"
#endif

void rfcore_waits(void);
void rfcore_waits(void)
{
    mp_bluetooth_nimble_hci_uart_wfi();
}
