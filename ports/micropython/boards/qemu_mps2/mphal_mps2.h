/* Sleeping: until an interrupt; the clock's comes each millisecond. */
#include <stddef.h>
#include "shared/runtime/interrupt_char.h"

#define MICROPY_INTERNAL_WFE(TIMEOUT_MS) __asm volatile("wfi")
#define MICROPY_INTERNAL_EVENT_HOOK mps2_begin()

void mps2_begin(void);
