/* MicroPython's own HCI drivers, as extmod/mpbthci.h and the port's mpbthciport.h have them: a UART
 * (stm32, rp2 with an external controller, mimxrt, renesas-ra, alif, qemu), or packets between two
 * processors (STM32WB).  Firmware and sleep are the driver's, where there is one: cywbt.c.  hci.h
 * says what each ble_hci_ function is for.
 *
 * Names of other files:
 *   ble_run(): moves packets and delivers events; called by the scheduler
 *   mp_bluetooth_hci_controller_woken(): of the port's driver: the controller has just been
 *       woken
 *   mp_bluetooth_hci_init(): of the port's driver: prepares its timer */
#include "boards/stm32wb/nimble/nimble_npl.h"
#include "hci.h"

#include "extmod/mpbthci.h"
#include "mpbthciport.h"
#ifdef STM32_HAL_H
#include "uart.h" /* PYB_UART_6 and the like, by which an stm32 board names its UART */
#endif

#ifndef MICROPY_HW_BLE_UART_BAUDRATE
#define MICROPY_HW_BLE_UART_BAUDRATE 115200
#endif
#ifndef MICROPY_PY_BLUETOOTH_HCI_READ_MODE
#define MICROPY_PY_BLUETOOTH_HCI_READ_MODE MICROPY_PY_BLUETOOTH_HCI_READ_MODE_BYTE
#endif
#ifndef MICROPY_HW_BLE_UART_ID
#error "define MICROPY_HW_BLE_UART_ID in mpconfigboard.h: the number of the UART to the controller"
#endif

/* Only once: hci.h says why. */
static void hci_timer_init(void)
{
    static bool done;
    if (!done) {
        done = true;
        mp_bluetooth_hci_init();
    }
}

/* Starts the UART and the controller. */
int ble_hci_open(void)
{
    hci_timer_init();
    if (mp_bluetooth_hci_uart_init(MICROPY_HW_BLE_UART_ID, MICROPY_HW_BLE_UART_BAUDRATE)) {
        return -MP_EIO;
    }
    if (mp_bluetooth_hci_controller_init()) {
        mp_bluetooth_hci_uart_deinit();
        return -MP_EIO;
    }
    return 0;
}

/* Stops both. */
void ble_hci_close(void)
{
    mp_bluetooth_hci_controller_deinit();
    mp_bluetooth_hci_uart_deinit();
}

/* The board's own scheduling runs the host. */
void ble_hci_run_now(void)
{
    mp_bluetooth_hci_poll_now();
}

/* The same, later. */
void ble_hci_run_in_ms(uint32_t ms)
{
    mp_bluetooth_hci_poll_in_ms(ms);
}

/* The port's driver has this called by the scheduler. */
void mp_bluetooth_hci_poll(void)
{
    ble_run();
}

#if MICROPY_PY_BLUETOOTH_HCI_READ_MODE == MICROPY_PY_BLUETOOTH_HCI_READ_MODE_BYTE

/* Octet by octet: the UART driver waits for room for each, so *sent is exact after an exception. */
int ble_hci_write(const uint8_t *packet, size_t len, size_t *sent)
{
    int n = 1;
    if (!*sent) {
        mp_bluetooth_hci_controller_wakeup();
    }
    while (*sent < len && (n = mp_bluetooth_hci_uart_write(packet + *sent, 1)) >= 0) {
        ++*sent;
    }
    if (n < 0) {
        return -MP_EIO;
    }
    return 0;
}

int ble_hci_read(uint8_t *to, size_t room)
{
    int n = 0, c;
    bool woken = mp_bluetooth_hci_controller_woken();
    while ((size_t)n < room && (c = mp_bluetooth_hci_uart_readchar()) >= 0) {
        to[n++] = (uint8_t)c;
    }
    if (woken && !n) {
        mp_bluetooth_hci_controller_sleep_maybe();
    }
    return n;
}

#else

/* Packets between two processors: each in one call. */
int ble_hci_write(const uint8_t *packet, size_t len, size_t *sent)
{
    mp_bluetooth_hci_controller_wakeup();
    int n = mp_bluetooth_hci_uart_write(packet, len);
    *sent = len;
    if (n < 0) {
        return -MP_EIO;
    }
    return 0;
}

/* A driver that calls back with each octet of all packets there are: an STM32WB's mailbox. */
static struct {
    uint8_t octet[2048];
    size_t n, read;
} mailbox_taken;

/* Counts what does not fit, too: ble_hci_read() sees that the stream is broken. */
static void mailbox_take(uint8_t octet)
{
    if (mailbox_taken.n < sizeof mailbox_taken.octet) {
        mailbox_taken.octet[mailbox_taken.n] = octet;
    }
    mailbox_taken.n++;
}

/* An STM32WB's driver calls this while its mailbox for data is full, until it has taken the event
 * that frees it.  MicroPython's rfcore.c knows the function by this name only. */
void mp_bluetooth_nimble_hci_uart_wfi(void)
{
    mp_bluetooth_hci_uart_readpacket(mailbox_take);
}

int ble_hci_read(uint8_t *to, size_t room)
{
    if (mailbox_taken.read == mailbox_taken.n) {
        mailbox_taken.read = mailbox_taken.n = 0;
        mp_bluetooth_hci_uart_readpacket(mailbox_take);
    }
    if (mailbox_taken.n > sizeof mailbox_taken.octet) {
        mailbox_taken.read = mailbox_taken.n =
            0; /* octets were dropped: the stream is no H4 any more */
        return -MP_EIO;
    }
    size_t n = mailbox_taken.n - mailbox_taken.read;
    if (n > room) {
        n = room;
    }
    memcpy(to, mailbox_taken.octet + mailbox_taken.read, n);
    mailbox_taken.read += n;
    return (int)n;
}

#endif
