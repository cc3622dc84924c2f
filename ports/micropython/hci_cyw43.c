/* The CYW43 of a Pico W or Pico 2 W: HCI packets over the bus that its Wi-Fi uses, by the
 * functions of cyw43-driver, which has also loaded its firmware.  Each packet is preceded by its
 * length, u24.  hci.h says what each ble_hci_ function is for.
 *
 * Names of other files:
 *   BLE_HCI_IN: octets of the longest packet that is received
 *   ble_run(): moves packets and delivers events; called by the scheduler
 *   mp_bluetooth_hci_init(): of the port's driver: prepares its timer
 *   WOAD_TX_ROOM: octets of the longest packet that the host sends */
#include "hci.h"

#include "mpbthciport.h"

/* cyw43-driver, as cyw43_ll.h and cyw43.h have them. */
int cyw43_bluetooth_hci_init(void);
int cyw43_bluetooth_hci_read(uint8_t *buf, uint32_t max_size, uint32_t *len);
int cyw43_bluetooth_hci_write(uint8_t *buf, size_t len);
void cyw43_bluetooth_hci_process(void);

/* Length u24, then H4's packet; the driver moves multiples of four octets. */
enum { BLE_CYW43_HEADER = 3 };
#define BLE_CYW43_ROOM(packet) ((BLE_CYW43_HEADER + (packet) + 3) / 4 * 4)
static uint8_t cyw43_in[BLE_CYW43_ROOM(BLE_HCI_IN)] __attribute__((aligned(4)));
static uint8_t cyw43_out[BLE_CYW43_ROOM(WOAD_TX_ROOM)] __attribute__((aligned(4)));
static size_t in_len, in_taken; /* of cyw43_in: received; given to port_mcu.c so far */

/* Only once: hci.h says why. */
static void hci_timer_init(void)
{
    static bool done;
    if (!done) {
        done = true;
        mp_bluetooth_hci_init();
    }
}

/* Starts the chip's controller. */
int ble_hci_open(void)
{
    hci_timer_init();
    in_len = in_taken = 0;
    if (cyw43_bluetooth_hci_init()) {
        return -MP_EIO;
    }
    return 0;
}

/* The chip stays on: Wi-Fi may be in use, and the next start sends HCI_Reset. */
void ble_hci_close(void) {}

/* Octets of the packet that the driver has given, up to `room`; 0: none; or a negative errno. */
int ble_hci_read(uint8_t *to, size_t room)
{
    if (in_taken == in_len) {
        uint32_t len = 0;
        if (cyw43_bluetooth_hci_read(cyw43_in, sizeof cyw43_in, &len)) {
            return -MP_EIO;
        }
        in_len = len > BLE_CYW43_HEADER ? len : 0;
        in_taken = in_len ? BLE_CYW43_HEADER : 0;
    }
    size_t n = in_len - in_taken;
    if (n > room) {
        n = room;
    }
    memcpy(to, cyw43_in + in_taken, n);
    in_taken += n;
    return (int)n;
}

/* The length does not count the type octet.  The driver waits for the chip before it writes. */
int ble_hci_write(const uint8_t *packet, size_t len, size_t *sent)
{
    if (len + BLE_CYW43_HEADER > sizeof cyw43_out) {
        return -MP_EINVAL;
    }
    cyw43_out[0] = (uint8_t)(len - 1);
    cyw43_out[1] = (uint8_t)((len - 1) >> 8);
    cyw43_out[2] = 0;
    memcpy(cyw43_out + BLE_CYW43_HEADER, packet, len);
    int err = cyw43_bluetooth_hci_write(cyw43_out, len + BLE_CYW43_HEADER) ? -MP_EIO : 0;
    *sent = len;
    return err;
}

/* The driver's own scheduling runs the host. */
void ble_hci_run_now(void)
{
    mp_bluetooth_hci_poll_now();
}

/* The same, later. */
void ble_hci_run_in_ms(uint32_t ms)
{
    mp_bluetooth_hci_poll_in_ms(ms);
}

/* Called by the port's scheduler, and by the driver when the chip has data. */
void mp_bluetooth_hci_poll(void)
{
    ble_run();
}

/* The driver: a packet has arrived. */
void cyw43_bluetooth_hci_process(void)
{
    mp_bluetooth_hci_poll_now();
}
