/* An RP2040 (a Raspberry Pi Pico) with a controller on UART0 and a console on UART1; docs/boards.md
 * has the wires.  It sleeps until an interrupt or until something is due: there is no tick.  The
 * registers are from the RP2040's datasheet, whose sections are named.  No SDK is used. */
#include "board.h"
#include "ring.h"

#define REG(at) (*(volatile uint32_t *)(at))
/* Aliases of a register: a write sets, or clears, the bits that are written ("Atomic Register
 * Access"). */
#define SET(at) REG((at) + 0x2000)
#define CLEAR(at) REG((at) + 0x3000)

enum { CRYSTAL_MHZ = 12, CLOCK_HZ = 48000000 };
#ifndef HCI_BAUD
#define HCI_BAUD 115200
#endif
#if HCI_BAUD < 300 || HCI_BAUD > 3000000
#error "HCI_BAUD: 300 to 3,000,000, which is a sixteenth of the clock"
#endif
enum { CONSOLE_BAUD = 115200 };

/* "Subsystem Resets": blocks are held in reset until their bits are cleared. */
#define RESETS 0x4000c000u
#define RESETS_DONE 0x4000c008u
enum {
    IO_BANK0 = 1 << 5,
    PADS_BANK0 = 1 << 8,
    PLL_SYS = 1 << 12,
    TIMER = 1 << 21,
    UART0 = 1 << 22,
    UART1 = 1 << 23
};

/* "Crystal Oscillator", "PLL", "Clocks". */
#define XOSC_CTRL 0x40024000u
#define XOSC_STATUS 0x40024004u
#define XOSC_STARTUP 0x4002400cu
#define PLL_CS 0x40028000u
#define PLL_PWR 0x40028004u
#define PLL_FBDIV 0x40028008u
#define PLL_PRIM 0x4002800cu
#define CLK_REF_CTRL 0x40008030u
#define CLK_REF_SELECTED 0x40008038u
#define CLK_SYS_CTRL 0x4000803cu
#define CLK_SYS_SELECTED 0x40008044u
#define CLK_PERI_CTRL 0x40008048u

/* "Watchdog": it also divides the crystal for the timer.  "Power-On State Machine": what it resets.
 */
#define WATCHDOG_CTRL 0x40058000u
#define WATCHDOG_TICK 0x4005802cu
#define PSM_WDSEL 0x40010008u

/* "Timer": counts microseconds. */
#define TIMER_HIGH 0x40054024u
#define TIMER_LOW 0x40054028u
#define TIMER_ALARM0 0x40054010u
#define TIMER_ARMED 0x40054020u
#define TIMER_RAISED 0x40054034u
#define TIMER_ENABLE 0x40054038u

/* "GPIO": the pin's function, and its pad. */
#define PIN_CTRL(n) (0x40014004u + 8u * (n))
#define PIN_PAD(n) (0x4001c004u + 4u * (n))
enum { FUNCTION_UART = 2, PAD_PULL_DOWN = 4, PAD_PULL_UP = 8 };
enum { HCI_TX, HCI_RX, HCI_CTS, HCI_RTS, CONSOLE_TX, CONSOLE_RX };

/* "UART": Arm's PL011. */
struct uart {
    volatile uint32_t data, unused[5], flags, unused_too[2], baud, baud_64ths, line, control,
        levels, enabled, raised, masked, clear;
};
#define HCI ((struct uart *)0x40034000)
#define CONSOLE ((struct uart *)0x40038000)
enum { BUSY = 1 << 3, RX_EMPTY = 1 << 4, TX_FULL = 1 << 5 };        /* flags */
enum { OCTETS_OF_8 = 3 << 5, FIFOS = 1 << 4 };                      /* line */
enum { ON = 1, TX_ON = 1 << 8, RX_ON = 1 << 9, RTS_CTS = 3 << 14 }; /* control */
/* Interrupts: 16 octets or more are there; 4 or less are left to send; some are there, and for 32
 * bits none has come. */
enum { RX_LEVEL = 1 << 4, TX_LEVEL = 1 << 5, RX_PAUSE = 1 << 6 };
enum { OVERRUN = 1 << 11 };                 /* data */
enum { TX_AT_1_8 = 0, RX_AT_1_2 = 2 << 3 }; /* levels: of 32 octets */

#define NVIC_ENABLE REG(0xe000e100)
enum { TIMER_IRQ = 0, HCI_IRQ = 20, CONSOLE_IRQ = 21 };
enum { RESET_KEY = 0x12 }; /* Ctrl-R on the console */

static struct ring in, out;
static volatile uint32_t lost; /* octets that were overrun: the stream is no H4 any more */

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];
void reset(void);
static void on_alarm(void);
static void on_hci(void);
static void on_console(void);

/* The second stage, which the boot ROM copies to the end of the RAM and calls: 252 octets at most;
 * uf2.py adds the checksum.  It has the flash read by the command that all parts know, 03h with 24
 * bits of address, at a quarter of the processor's clock, then starts the program by its vectors.
 * "Flash Second Stage", "SSI" */
__asm(".section .boot2, \"ax\"\n"
      ".syntax unified\n"
      ".thumb\n"
      "ldr r0, =0x18000000\n"
      "movs r1, #0\n"
      "str r1, [r0, #0x08]\n" /* SSIENR: it is set up while it is off */
      "movs r1, #4\n"
      "str r1, [r0, #0x14]\n" /* BAUDR */
      "ldr r1, =0x001f0300\n"
      "str r1, [r0, #0x00]\n" /* CTRLR0: frames of 32 bits, a command, then reading */
      "movs r1, #0\n"
      "str r1, [r0, #0x04]\n" /* CTRLR1: one frame for an access */
      "ldr r1, =0x03000218\n"
      "ldr r2, =0x180000f4\n"
      "str r1, [r2]\n" /* SPI_CTRLR0: the command, of 8 bits; 24 bits of address */
      "movs r1, #1\n"
      "str r1, [r0, #0x08]\n"
      "ldr r0, =0x10000100\n"
      "ldr r1, =0xe000ed08\n"
      "str r0, [r1]\n" /* VTOR */
      "ldmia r0!, {r1, r2}\n"
      "msr msp, r1\n"
      "bx r2\n"
      ".ltorg\n"
      ".text\n");

/* Resets all but the oscillators, when the console has sent all. */
static void restart(void)
{
    while (CONSOLE->flags & BUSY) {
    }
    SET(PSM_WDSEL) = 0x1fffc;
    SET(WATCHDOG_CTRL) = 1u << 31;
    for (;;) {
    }
}

/* A connection is lost then, but the lock works on. */
static void on_fault(void)
{
    board_print("fault\n");
    restart();
}

/* The table of vectors: the stack, then exceptions 1 to 15, then interrupts.  Armv6-M B1.5.3 */
__attribute__((section(".vectors"), used)) static void (*const vectors[16 + 22])(void) = {
    [0] = (void (*)(void))stack_top,
    [1] = reset,
    [2 ... 15] = on_fault,
    [16 + TIMER_IRQ] = on_alarm,
    [16 + TIMER_IRQ + 1 ... 16 + HCI_IRQ - 1] = on_fault,
    [16 + HCI_IRQ] = on_hci,
    [16 + CONSOLE_IRQ] = on_console,
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

/* Ends board_sleep(). */
static void on_alarm(void)
{
    REG(TIMER_RAISED) = 1;
}

/* Gives the UART the octets that wait to be sent.  Interrupts are asked for while there are more,
 * and while there is room for what comes: without room RTS holds the controller. */
static void hci_fill(void)
{
    uint32_t enabled = ring_full(&in) ? 0 : RX_LEVEL | RX_PAUSE;
    uint8_t octet;
    while (!(HCI->flags & TX_FULL) && ring_get(&out, &octet, 1)) {
        HCI->data = octet;
    }
    if (!ring_empty(&out)) {
        enabled |= TX_LEVEL;
    }
    HCI->enabled = enabled;
}

static void on_hci(void)
{
    HCI->clear = RX_PAUSE | TX_LEVEL;
    while (!(HCI->flags & RX_EMPTY) && !ring_full(&in)) {
        uint32_t octet = HCI->data;
        if (octet & OVERRUN) {
            lost = lost + 1;
        }
        ring_put(&in, (uint8_t)octet);
    }
    hci_fill();
}

static void on_console(void)
{
    CONSOLE->clear = RX_PAUSE;
    while (!(CONSOLE->flags & RX_EMPTY)) {
        if ((CONSOLE->data & 0xff) == RESET_KEY) {
            board_print("restart\n");
            restart();
        }
    }
}

/* The crystal, and from it 48 MHz by the PLL: 12 MHz * 100 / 5 / 5. */
static void clocks_init(void)
{
    REG(XOSC_STARTUP) = CRYSTAL_MHZ * 1000 / 256 + 1; /* 1 ms */
    REG(XOSC_CTRL) = 0xfabaa0;                        /* on, 1 to 15 MHz */
    while (!(REG(XOSC_STATUS) & 1u << 31)) {
    }
    REG(CLK_REF_CTRL) = 2; /* the crystal */
    while (REG(CLK_REF_SELECTED) != 1u << 2) {
    }
    CLEAR(CLK_SYS_CTRL) = 1; /* after a reset by the watchdog it may be the PLL */
    while (REG(CLK_SYS_SELECTED) != 1) {
    }
    SET(RESETS) = PLL_SYS;
    CLEAR(RESETS) = PLL_SYS;
    while (!(REG(RESETS_DONE) & PLL_SYS)) {
    }
    REG(PLL_CS) = 1; /* the crystal, undivided */
    REG(PLL_FBDIV) = 100;
    CLEAR(PLL_PWR) = 1 | 1 << 5; /* on, with its VCO */
    while (!(REG(PLL_CS) & 1u << 31)) {
    }
    REG(PLL_PRIM) = 5 << 16 | 5 << 12;
    CLEAR(PLL_PWR) = 1 << 3;
    REG(CLK_SYS_CTRL) = 0; /* what it chooses from is the PLL */
    REG(CLK_SYS_CTRL) = 1;
    while (REG(CLK_SYS_SELECTED) != 1u << 1) {
    }
    REG(CLK_PERI_CTRL) = 1 << 11; /* on, from the system's */
    REG(WATCHDOG_TICK) = 1 << 9 | CRYSTAL_MHZ;
}

static void uart_init(struct uart *u, uint32_t baud, uint32_t control)
{
    uint32_t in_64ths = (CLOCK_HZ * 4u + baud / 2) / baud;
    u->baud = in_64ths / 64;
    u->baud_64ths = in_64ths % 64;
    u->line = OCTETS_OF_8 | FIFOS; /* takes the speed, too */
    u->levels = TX_AT_1_8 | RX_AT_1_2;
    u->control = ON | TX_ON | RX_ON | control;
    u->enabled = RX_LEVEL | RX_PAUSE;
}

/* Inputs are pulled up: without a controller the line is idle, and nothing is sent. */
static void pins_init(void)
{
    for (unsigned n = HCI_TX; n <= CONSOLE_RX; n++) {
        CLEAR(PIN_PAD(n)) = PAD_PULL_DOWN;
        SET(PIN_PAD(n)) = PAD_PULL_UP;
        REG(PIN_CTRL(n)) = FUNCTION_UART;
    }
}

void board_init(void)
{
    enum { USED = IO_BANK0 | PADS_BANK0 | TIMER | UART0 | UART1 };
    clocks_init();
    CLEAR(RESETS) = USED;
    while ((REG(RESETS_DONE) & USED) != USED) {
    }
    pins_init();
    uart_init(HCI, HCI_BAUD, RTS_CTS);
    uart_init(CONSOLE, CONSOLE_BAUD, 0);
    REG(TIMER_ENABLE) = 1;
    NVIC_ENABLE = 1u << TIMER_IRQ | 1u << HCI_IRQ | 1u << CONSOLE_IRQ;
}

static uint64_t now_us(void)
{
    uint32_t high, low;
    do {
        high = REG(TIMER_HIGH);
        low = REG(TIMER_LOW);
    } while (high != REG(TIMER_HIGH));
    return (uint64_t)high << 32 | low;
}

uint32_t board_now_ms(void)
{
    return (uint32_t)(now_us() / 1000);
}

static void hci_fill_masked(void)
{
    __asm volatile("cpsid i" ::: "memory");
    hci_fill();
    __asm volatile("cpsie i" ::: "memory");
}

size_t board_hci_read(uint8_t *to, size_t room)
{
    bool was_full = ring_full(&in);
    size_t n = ring_get(&in, to, room);
    if (was_full) {
        hci_fill_masked();
    }
    return n;
}

/* Into the ring; what the UART has no room for goes there by interrupts, while the board sleeps. */
size_t board_hci_write(const uint8_t *from, size_t len)
{
    size_t n = 0;
    while (n < len && !ring_full(&out)) {
        ring_put(&out, from[n++]);
    }
    hci_fill_masked();
    return n;
}

/* The alarm is raised when the timer's low word equals it: one that has passed is over an hour
 * away.  Interrupts are masked, so that one between the tests and the sleep still ends the sleep.
 */
void board_sleep(uint32_t ms)
{
    enum { MAX_MS = 1000000 }; /* the low word has 71 minutes */
    uint32_t us = (ms < MAX_MS ? ms : MAX_MS) * 1000u;
    __asm volatile("cpsid i" ::: "memory");
    uint32_t begun = REG(TIMER_LOW);
    REG(TIMER_ALARM0) = begun + us;
    if (ring_empty(&in) && REG(TIMER_LOW) - begun < us) {
        __asm volatile("wfi");
    }
    __asm volatile("cpsie i" ::: "memory");
    REG(TIMER_ARMED) = 1; /* ends the alarm */
}

void board_print(const char *text)
{
    for (; *text; text++) {
        while (CONSOLE->flags & TX_FULL) {
        }
        CONSOLE->data = (uint8_t)*text;
    }
}
