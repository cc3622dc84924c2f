/* The qemu port's configuration, and what a board with a clock and Bluetooth has besides. */
#include "mpconfigport.h"

#undef MICROPY_PY_TIME
#undef MICROPY_PY_SELECT
#undef MICROPY_PY_ASYNCIO
#define MICROPY_PY_TIME (1)
#define MICROPY_PY_SELECT (1)
#define MICROPY_PY_ASYNCIO (1)
#undef MICROPY_PY_MACHINE_INCLUDEFILE
#define MICROPY_PY_MACHINE_INCLUDEFILE "modmachine_mps2.c"

/* The module drives the second UART: mps2.c. */
#ifndef MICROPY_HW_BLE_UART_ID
#define MICROPY_HW_BLE_UART_ID (1)
#endif
#define BLE_HCI_POLL_MS (1000) /* its interrupt runs the scheduler */

#define MICROPY_BEGIN_ATOMIC_SECTION() mps2_irq_off()
#define MICROPY_END_ATOMIC_SECTION(state) mps2_irq_restore(state)

static inline unsigned mps2_irq_off(void)
{
    unsigned primask;
    __asm volatile("mrs %0, primask\n cpsid i" : "=r"(primask)::"memory");
    return primask;
}

static inline void mps2_irq_restore(unsigned primask)
{
    __asm volatile("msr primask, %0" ::"r"(primask) : "memory");
}
