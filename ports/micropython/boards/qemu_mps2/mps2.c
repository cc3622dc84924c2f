/* The board under MicroPython: vectors, the clock, standard input and HCI by interrupt.
 * UART0 is the console, UART1 the controller's: CMSDK's APB UART, as in the application note. */
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"
#include "extmod/mpbthci.h"
#include "mpbthciport.h"

struct uart {
    volatile uint32_t data, state, ctrl, intstatus, bauddiv;
};
#define CONSOLE ((struct uart *)0x40004000)
#define HCI ((struct uart *)0x40005000)
enum { TX_FULL = 1, RX_FULL = 2 };               /* state */
enum { TX_ON = 1, RX_ON = 2, RX_INTERRUPT = 8 }; /* ctrl */
enum { CONSOLE_IRQ = 0, HCI_IRQ = 2, CLOCK_HZ = 25000000, BAUD = 115200 };

#define SYSTICK_CTRL (*(volatile uint32_t *)0xe000e010)
#define SYSTICK_LOAD (*(volatile uint32_t *)0xe000e014)
#define SYSTICK_NOW (*(volatile uint32_t *)0xe000e018)
#define NVIC_ENABLE (*(volatile uint32_t *)0xe000e100)
#define SCB_VTOR (*(volatile uint32_t *)0xe000ed08)

/* Written in the interrupt, read outside. */
struct ring {
    uint8_t mem[1024];
    volatile uint32_t in, out;
};
static struct ring console_in, hci_in;

static volatile uint32_t now_ms;
static uint32_t poll_at; /* when the scheduler is to run the host */
static volatile bool poll_timed;
static bool begun;
static mp_sched_node_t node;
/* Exceptions 0 to 15, then interrupts; on a boundary of its size.  Armv7-M B3.2.5 */
static uint32_t vectors[64] __attribute__((aligned(256)));

/* The oldest octet; -1: none. */
static int ring_get(struct ring *r)
{
    if (r->in == r->out) {
        return -1;
    }
    int c = r->mem[r->out % sizeof r->mem];
    r->out = r->out + 1;
    return c;
}

/* In the interrupt.  An octet without room is lost. */
static void ring_put(struct ring *r, uint8_t c)
{
    if (r->in - r->out < sizeof r->mem) {
        r->mem[r->in % sizeof r->mem] = c;
        r->in = r->in + 1;
    }
}

/* In the scheduler. */
static void run_host(mp_sched_node_t *n)
{
    (void)n;
    mp_bluetooth_hci_poll();
}

void mp_bluetooth_hci_poll_now(void)
{
    mp_sched_schedule_node(&node, run_host);
}

/* The timer's interrupt runs the host then. */
void mp_bluetooth_hci_poll_in_ms(uint32_t ms)
{
    poll_timed = false;
    poll_at = now_ms + ms;
    poll_timed = true;
}

/* The clock's interrupt, each millisecond. */
static void on_tick(void)
{
    now_ms = now_ms + 1;
    if (poll_timed && (int32_t)(now_ms - poll_at) >= 0) {
        poll_timed = false;
        mp_bluetooth_hci_poll_now();
    }
}

/* Ctrl-C becomes an exception; other octets wait for __wrap_mp_hal_stdin_rx_chr(). */
static void on_console(void)
{
    CONSOLE->intstatus = 2;
    while (CONSOLE->state & RX_FULL) {
        uint8_t c = (uint8_t)CONSOLE->data;
        if (c == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
        } else {
            ring_put(&console_in, c);
        }
    }
}

/* The controller's UART has received. */
static void on_hci(void)
{
    HCI->intstatus = 2;
    while (HCI->state & RX_FULL) {
        ring_put(&hci_in, (uint8_t)HCI->data);
    }
    mp_bluetooth_hci_poll_now();
}

/* The port's own table has no room for interrupts: this one has, and its faults stay the port's. */
void mps2_begin(void)
{
    if (begun) {
        return;
    }
    begun = true;
    const uint32_t *before = (const uint32_t *)SCB_VTOR;
    for (size_t k = 0; k < 16; k++) {
        vectors[k] = before[k];
    }
    vectors[15] = (uint32_t)on_tick;
    vectors[16 + CONSOLE_IRQ] = (uint32_t)on_console;
    vectors[16 + HCI_IRQ] = (uint32_t)on_hci;
    SCB_VTOR = (uint32_t)vectors;
    SYSTICK_LOAD = CLOCK_HZ / 1000 - 1;
    SYSTICK_NOW = 0;
    SYSTICK_CTRL = 7;
    CONSOLE->ctrl = TX_ON | RX_ON | RX_INTERRUPT;
    on_console(); /* what came before the interrupt was on */
    NVIC_ENABLE = 1u << CONSOLE_IRQ | 1u << HCI_IRQ;
}

/* --- MicroPython's HAL ------------------------------------------------------------------------ */

mp_uint_t mp_hal_ticks_ms(void)
{
    mps2_begin();
    return now_ms;
}

/* The counter counts down within a millisecond; read again if one ended meanwhile. */
mp_uint_t mp_hal_ticks_us(void)
{
    uint32_t ms, left;
    mps2_begin();
    do {
        ms = now_ms;
        left = SYSTICK_NOW;
    } while (ms != now_ms);
    return ms * 1000 + (CLOCK_HZ / 1000 - 1 - left) / (CLOCK_HZ / 1000000);
}

mp_uint_t mp_hal_ticks_cpu(void)
{
    return mp_hal_ticks_us();
}
uint64_t mp_hal_time_ns(void)
{
    return (uint64_t)mp_hal_ticks_ms() * 1000000;
}

/* A long one handles pending events, as an esp32's does.  All but the shortest sleep until an
 * interrupt, at the latest the clock's: a driver that waits for the controller sees the answer. */
void mp_hal_delay_us(mp_uint_t us)
{
    enum { LONG_US = 155, SLEEP_US = 50 };
    if (us > LONG_US) {
        mp_event_handle_nowait();
    }
    for (mp_uint_t start = mp_hal_ticks_us(); mp_hal_ticks_us() - start < us;) {
        if (us >= SLEEP_US) {
            __asm volatile("wfi");
        }
    }
}

void mp_hal_delay_ms(mp_uint_t ms)
{
    mp_uint_t start = mp_hal_ticks_ms(), gone;
    mp_event_handle_nowait();
    while ((gone = mp_hal_ticks_ms() - start) < ms) {
        mp_event_wait_ms(ms - gone);
    }
}

int __wrap_mp_hal_stdin_rx_chr(void);
/* A character of the console, waited for. */
int __wrap_mp_hal_stdin_rx_chr(void)
{
    int c;
    mps2_begin();
    while ((c = ring_get(&console_in)) < 0) {
        mp_event_wait_indefinite();
    }
    return c;
}

uintptr_t __wrap_mp_hal_stdio_poll(uintptr_t flags);
/* Writing never waits. */
uintptr_t __wrap_mp_hal_stdio_poll(uintptr_t flags)
{
    uintptr_t now = flags & MP_STREAM_POLL_WR;
    if (console_in.in != console_in.out) {
        now |= flags & MP_STREAM_POLL_RD;
    }
    return now;
}

/* --- extmod/mpbthci.h ------------------------------------------------------------------------- */

/* Other ports have a soft timer here, which must not be in the list of timers. */
void mp_bluetooth_hci_init(void)
{
    mps2_begin();
    if (poll_timed) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("the HCI timer is in use"));
    }
}

/* The HCI is on a UART of its own. */
int mp_bluetooth_hci_uart_init(uint32_t port, uint32_t baudrate)
{
    (void)port;
    HCI->bauddiv = CLOCK_HZ / baudrate;
    hci_in.out = hci_in.in;
    HCI->ctrl = TX_ON | RX_ON | RX_INTERRUPT;
    return 0;
}

int mp_bluetooth_hci_uart_deinit(void)
{
    HCI->ctrl = 0;
    return 0;
}

int mp_bluetooth_hci_uart_set_baudrate(uint32_t baudrate)
{
    HCI->bauddiv = CLOCK_HZ / baudrate;
    return 0;
}

int mp_bluetooth_hci_uart_any(void)
{
    return hci_in.in != hci_in.out;
}
int mp_bluetooth_hci_uart_readchar(void)
{
    return ring_get(&hci_in);
}

/* Pending events are handled before each octet, as drivers of other ports do when their buffer is
 * full: scheduled functions run, and Ctrl-C raises. */
int mp_bluetooth_hci_uart_write(const uint8_t *buf, size_t len)
{
    while (len--) {
        mp_event_handle_nowait();
        while (HCI->state & TX_FULL) {
        }
        HCI->data = *buf++;
    }
    return 0;
}

int mp_bluetooth_hci_controller_init(void)
{
    return 0;
}
int mp_bluetooth_hci_controller_deinit(void)
{
    return 0;
}
int mp_bluetooth_hci_controller_sleep_maybe(void)
{
    return 0;
}
bool mp_bluetooth_hci_controller_woken(void)
{
    return true;
}
int mp_bluetooth_hci_controller_wakeup(void)
{
    return 0;
}
