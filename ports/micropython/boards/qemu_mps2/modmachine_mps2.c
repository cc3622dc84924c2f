/* Included by extmod/modmachine.c.  machine.idle() sleeps until an interrupt, as on other boards;
 * the qemu port's does nothing. */
#include <stdlib.h>

/* Until an interrupt. */
static void mp_machine_idle(void)
{
    __asm volatile("wfi");
}

/* Ends QEMU, by semihosting. */
static void mp_machine_reset(void)
{
    exit(0);
}

static mp_int_t mp_machine_reset_cause(void)
{
    return 0;
}
