/* Measures the operations on a Cortex-M4 in QEMU with `-icount shift=0`: every instruction takes a
 * nanosecond of the machine's time, and SysTick counts at 25 MHz, so a tick is 40 instructions.
 * Also the stack that each operation uses, with the application's callback and the bench's own
 * part. */
#include "number.h"
#include "ops.h"

enum { PER_TICK = 40, MEM = 8192, STACK = 4096, NEAR = 128 };
enum { PAINT = 0xa5a5a5a5 };
#define SYSTICK_CTRL (*(volatile uint32_t *)0xe000e010)
#define SYSTICK_LOAD (*(volatile uint32_t *)0xe000e014)
#define SYSTICK_NOW (*(volatile uint32_t *)0xe000e018)

static uint64_t mem[MEM / sizeof(uint64_t)];

/* Paints the stack below its caller, or returns how many octets of it were used since. */
static __attribute__((noinline)) uint32_t stack(_Bool paint)
{
    uint32_t here, used = 0;
    __asm volatile("mov %0, sp" : "=r"(here));
    for (uint32_t below = NEAR; below < STACK; below += 4) {
        volatile uint32_t *at = (volatile uint32_t *)(here - below);
        used = !paint && *at != (uint32_t)PAINT ? below : used;
        *at = paint ? (uint32_t)PAINT : *at;
    }
    return used;
}

void run(void)
{
    SYSTICK_CTRL = 0;
    SYSTICK_LOAD = 0xffffff;
    SYSTICK_NOW = 0;
    SYSTICK_CTRL = 5; /* the processor's clock, no interrupt */
    _Bool well = ops_prepare(mem, sizeof mem, 1, 20);
    for (size_t n = 0; well && n < n_ops; n++) {
        ops_between();
        stack(1);
        uint32_t before = SYSTICK_NOW;
        measured(&ops[n]);
        uint32_t ticks = (before - SYSTICK_NOW) & 0xffffff;
        uint32_t used = stack(0);
        well = ops_right(&ops[n]);
        board_print(ops[n].name);
        board_print(" ");
        print_number(ticks * PER_TICK / ops[n].n);
        board_print(" ");
        print_number(used);
        board_print("\n");
    }
    board_print(well ? "done\n" : "wrong\n");
    for (;;) {
        board_sleep(0);
    }
}
