/* QEMU's RISC-V machine `virt`: HCI on its one UART (16550), text by semihosting. */
#include "board.h"
#include "ring.h"

struct uart {
    volatile uint8_t data, ier, fcr, lcr, mcr, lsr;
};
#define HCI ((struct uart *)0x10000000)
enum { RX_READY = 1, TX_EMPTY = 0x20 }; /* lsr */
enum { HCI_IRQ = 10, TICKS_PER_MS = 10000 };

#define MTIME ((volatile uint32_t *)0x0200bff8)
#define MTIMECMP ((volatile uint32_t *)0x02004000)
#define PLIC(at) (*(volatile uint32_t *)(0x0c000000u + (at)))
enum {
    PLIC_PRIORITY = 4 * HCI_IRQ,
    PLIC_ENABLE = 0x2000,
    PLIC_THRESHOLD = 0x200000,
    PLIC_CLAIM = 0x200004
};

static struct ring in;
static volatile uint32_t lost; /* octets that were overrun: the stream is no H4 any more */

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[];
void reset(void);
void on_trap(void);

/* The entry, which sets the stack. */
__asm(".section .vectors, \"ax\"\n"
      ".globl begin\n"
      "begin: la sp, stack_top\n"
      "la t0, on_trap\n"
      "csrw mtvec, t0\n"
      "j reset\n"
      ".text\n");

void reset(void)
{
    uint32_t *to = data_start;
    for (const uint32_t *from = data_load; to < data_end;) {
        *to++ = *from++;
    }
    for (to = bss_start; to < bss_end;) {
        *to++ = 0;
    }
    board_init();
    run();
}

static uint64_t ticks(void)
{
    uint32_t high, low;
    do {
        high = MTIME[1];
        low = MTIME[0];
    } while (high != MTIME[1]);
    return (uint64_t)high << 32 | low;
}

static void tick_in_1ms(void)
{
    uint64_t at = ticks() + TICKS_PER_MS;
    MTIMECMP[1] = 0xffffffff; /* no interrupt while half is written */
    MTIMECMP[0] = (uint32_t)at;
    MTIMECMP[1] = (uint32_t)(at >> 32);
}

static void take_octets(void)
{
    while (HCI->lsr & RX_READY) {
        uint8_t octet = HCI->data;
        if (ring_full(&in)) {
            lost = lost + 1;
        } else {
            ring_put(&in, octet);
        }
    }
}

__attribute__((interrupt, aligned(4))) void on_trap(void)
{
    uint32_t cause;
    __asm volatile("csrr %0, mcause" : "=r"(cause));
    if (cause == 0x80000007) { /* the timer */
        tick_in_1ms();
    } else if (cause == 0x8000000b) { /* a device */
        uint32_t irq = PLIC(PLIC_CLAIM);
        take_octets();
        PLIC(PLIC_CLAIM) = irq;
    } else {
        board_print("trap\n");
        for (;;) {
        }
    }
}

void board_init(void)
{
    HCI->fcr = 1;
    HCI->ier = 1;
    PLIC(PLIC_PRIORITY) = 1;
    PLIC(PLIC_ENABLE) = 1u << HCI_IRQ;
    PLIC(PLIC_THRESHOLD) = 0;
    tick_in_1ms();
    __asm volatile("csrs mie, %0" ::"r"(0x880)); /* timer and devices */
    __asm volatile("csrsi mstatus, 8");
}

uint32_t board_now_ms(void)
{
    return (uint32_t)(ticks() / TICKS_PER_MS);
}

size_t board_hci_read(uint8_t *to, size_t room)
{
    return ring_get(&in, to, room);
}

size_t board_hci_write(const uint8_t *from, size_t len)
{
    size_t n = 0;
    while (n < len && (HCI->lsr & TX_EMPTY)) {
        HCI->data = from[n++];
    }
    return n;
}

/* Interrupts are masked, so that one between the test and the sleep still ends the sleep. */
void board_sleep(uint32_t ms)
{
    (void)ms;
    __asm volatile("csrci mstatus, 8" ::: "memory");
    if (ring_empty(&in)) {
        __asm volatile("wfi");
    }
    __asm volatile("csrsi mstatus, 8" ::: "memory");
}

/* SYS_WRITE0, by the sequence that the RISC-V semihosting specification gives. */
void board_print(const char *text)
{
    register uintptr_t a0 __asm("a0") = 4;
    register const char *a1 __asm("a1") = text;
    __asm volatile(".option push\n.option norvc\n.balign 16\n"
                   "slli zero, zero, 0x1f\nebreak\nsrai zero, zero, 7\n.option pop"
                   : "+r"(a0)
                   : "r"(a1)
                   : "memory");
}
