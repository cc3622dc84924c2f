/* Arm's MPS2 with a Cortex-M (QEMU: mps2-an385, mps2-an386): HCI on UART1, text on UART0.
 * The application note's memory map; the UART is CMSDK's APB UART. */
#include "board.h"
#include "ring.h"

struct uart {
    volatile uint32_t data, state, ctrl, intstatus, bauddiv;
};
#define CONSOLE ((struct uart *)0x40004000)
#define HCI ((struct uart *)0x40005000)
enum { TX_FULL = 1, RX_FULL = 2, TX_OVERRUN = 4, RX_OVERRUN = 8 }; /* state */
enum { TX_ON = 1, RX_ON = 2, RX_INTERRUPT = 8 };                   /* ctrl */
enum { HCI_RX_IRQ = 2, CLOCK_HZ = 25000000, BAUD = 115200 };

#define SYSTICK_CTRL (*(volatile uint32_t *)0xe000e010)
#define SYSTICK_LOAD (*(volatile uint32_t *)0xe000e014)
#define SYSTICK_NOW (*(volatile uint32_t *)0xe000e018)
#define NVIC_ENABLE (*(volatile uint32_t *)0xe000e100)

static struct ring in;
static volatile uint32_t now_ms;
static volatile uint32_t lost; /* octets that were overrun: the stream is no H4 any more */

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];
void reset(void);
static void on_tick(void);
static void on_hci(void);
static void on_fault(void);

/* The table of vectors: the stack, then exceptions 1 to 15, then interrupts.  Armv6-M B1.5.3 */
__attribute__((section(".vectors"), used)) static void (*const vectors[16 + 3])(void) = {
    (void (*)(void))stack_top,
    reset,
    on_fault,
    on_fault,
    on_fault,
    on_fault,
    on_fault,
    NULL,
    NULL,
    NULL,
    NULL,
    on_fault,
    on_fault,
    NULL,
    on_fault,
    on_tick,
    on_fault,
    on_fault,
    on_hci,
};

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

static void on_fault(void)
{
    board_print("fault\n");
    for (;;) {
    }
}

static void on_tick(void)
{
    now_ms = now_ms + 1;
}

static void on_hci(void)
{
    HCI->intstatus = 2;
    while (HCI->state & RX_FULL) {
        uint8_t octet = (uint8_t)HCI->data;
        if (ring_full(&in)) {
            lost = lost + 1;
        } else {
            ring_put(&in, octet);
        }
    }
}

void board_init(void)
{
    CONSOLE->bauddiv = HCI->bauddiv = CLOCK_HZ / BAUD;
    CONSOLE->ctrl = TX_ON;
    HCI->ctrl = TX_ON | RX_ON | RX_INTERRUPT;
    SYSTICK_LOAD = CLOCK_HZ / 1000 - 1;
    SYSTICK_NOW = 0;
    SYSTICK_CTRL = 7; /* the processor's clock, interrupt, on */
    NVIC_ENABLE = 1u << HCI_RX_IRQ;
}

uint32_t board_now_ms(void)
{
    return now_ms;
}

size_t board_hci_read(uint8_t *to, size_t room)
{
    return ring_get(&in, to, room);
}

size_t board_hci_write(const uint8_t *from, size_t len)
{
    size_t n = 0;
    while (n < len && !(HCI->state & TX_FULL)) {
        HCI->data = from[n++];
    }
    return n;
}

/* Interrupts are masked, so that one between the test and the sleep still ends the sleep. */
void board_sleep(uint32_t ms)
{
    (void)ms;
    __asm volatile("cpsid i" ::: "memory");
    if (ring_empty(&in)) {
        __asm volatile("wfi");
    }
    __asm volatile("cpsie i" ::: "memory");
}

void board_print(const char *text)
{
    for (; *text; text++) {
        while (CONSOLE->state & TX_FULL) {
        }
        CONSOLE->data = (uint8_t)*text;
    }
}
