/* A lock on a microcontroller: no operating system, no heap, no C library, no cryptographic
 * library. The controller is at the end of a UART and also does the cryptography.  To pair, the
 * user types the number that is printed; bonds last until the next reset.  (To keep them longer,
 * write a struct woad_bond_store for the board's flash: smp.h.)  examples/c/key.c opens the lock.
 */
#define WOAD_USE_ADVERTISER 1
#define WOAD_USE_GATT_SERVER 1
#define WOAD_USE_SECURITY_PERIPHERAL 1
#define WOAD_USE_CONTROLLER_CRYPTO 1
#define WOAD_USE_WATCHDOG 1
#define WOAD_CONFIG_ATTR_TABLES 1
#define WOAD_CONFIG_SUBSCRIPTIONS 2
#define WOAD_CONFIG_MTU 65
#define WOAD_CONFIG_TX_QUEUE 128
#ifndef WOAD_USE_CONTROLLER_CRYPTO
#error \
    "pairing: define WOAD_USE_CONTROLLER_CRYPTO 1, or set config.crypto in run() (docs/porting.md)"
#endif
#include <woad/static.h>

#include "board.h"
#include <woad/h4.h>

static const struct woad_uuid lock = WOAD_UUID16(0xfff0), bolt = WOAD_UUID16(0xfff1);
static const struct woad_attr service[] = {
    WOAD_PRIMARY(&lock),
    WOAD_CHARACTERISTIC(&bolt, WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY,
                        WOAD_PERM_READ | WOAD_PERM_WRITE | WOAD_PERM_WRITE_AUTHENTICATED),
    WOAD_CCCD,
};
enum { BOLT_VALUE = 2 }; /* its handle, from the service's on */

static union woad_static_memory mem;
static struct {
    struct woad_h4 h4;
    uint8_t in[260], out[WOAD_TX_ROOM];
    size_t out_len, out_off;
} hci;
static uint16_t service_handle;
static uint8_t open;

static void print_number(uint32_t number, uint32_t unit)
{
    char digit[2] = { 0 };
    for (; unit; unit /= 10) {
        digit[0] = (char)('0' + number / unit % 10);
        board_print(digit);
    }
}

static void advertise(struct woad *h)
{
    static const char name[] = "Woad lock";
    static const struct woad_adv_params params = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    uint8_t data[WOAD_ADV_DATA_MAX];
    size_t len = 0;
    woad_ad_add(data, &len, sizeof data, WOAD_AD_FLAGS, "\x06", 1);
    woad_ad_add(data, &len, sizeof data, WOAD_AD_UUIDS16, lock.le, 2);
    woad_ad_add(data, &len, sizeof data, WOAD_AD_NAME, name, sizeof name - 1);
    woad_adv_set_data(h, data, len);
    woad_adv_start(h, &params);
}

static void on_write(struct woad *h, const struct woad_event *ev)
{
    if (ev->u.gatt_write.len != 1) {
        woad_gatt_answer(h, ev->conn, WOAD_ATT_INVALID_VALUE_LENGTH, NULL, 0);
        return;
    }
    open = ev->u.gatt_write.data[0] != 0;
    board_print(open ? "open\n" : "shut\n");
    woad_gatt_answer(h, ev->conn, 0, NULL, 0);
    woad_gatt_notify_subscribers(h, service_handle + BOLT_VALUE, &open, 1);
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_security_policy policy = {
        .io = WOAD_IO_DISPLAY, .bond = true, .mitm = true, .require_mitm = true
    };
    (void)ctx;
    switch (ev->type) {
    case WOAD_EV_UP:
        woad_gatt_add(h, service, sizeof service / sizeof *service, &service_handle);
        woad_set_security_policy(h, &policy);
        advertise(h);
        board_print("shut\n");
        break;
    case WOAD_EV_PASSKEY:
        board_print("to open it, type ");
        print_number(ev->u.passkey.passkey, 100000);
        board_print("\n");
        break;
    case WOAD_EV_SECURITY:
        board_print(ev->u.security.status ? "not paired\n" : "it is one who may\n");
        break;
    case WOAD_EV_GATT_READ: woad_gatt_answer(h, ev->conn, 0, &open, 1); break;
    case WOAD_EV_GATT_WRITE: on_write(h, ev); break;
    case WOAD_EV_DISCONNECT:
        board_print("gone\n");
        advertise(h);
        break;
    case WOAD_EV_DOWN: board_print("no controller\n"); break;
    default: break;
    }
}

/* Sends what the UART has room for; true: call it again before sleeping. */
static bool send(struct woad *h)
{
    if (hci.out_off == hci.out_len) {
        hci.out_off = 0;
        hci.out_len = woad_tx(h, hci.out, sizeof hci.out);
    }
    hci.out_off += board_hci_write(hci.out + hci.out_off, hci.out_len - hci.out_off);
    return hci.out_len != 0;
}

static bool receive(struct woad *h)
{
    const uint8_t *packet;
    size_t room, n;
    int len;
    uint8_t *at = woad_h4_space(&hci.h4, &room);
    woad_h4_added(&hci.h4, n = board_hci_read(at, room));
    while ((len = woad_h4_next(&hci.h4, &packet)) > 0) {
        woad_rx(h, packet, (size_t)len);
    }
    if (len < 0) {
        woad_fail(h, WOAD_EBADMSG); /* octets were lost: restart from HCI_Reset */
    }
    return n != 0;
}

/* Starts the host if it is down.  Octets before the answer to its HCI_Reset are dropped. */
static void begin(struct woad *h)
{
    if (woad_start(h) == 0) {
        woad_h4_resync(&hci.h4, false);
        hci.out_len = hci.out_off = 0;
    }
}

void run(void)
{
    struct woad_config config = woad_static_config(on_event, NULL);
    struct woad *h = woad_init(&mem, sizeof mem, &config);
    woad_h4_init(&hci.h4, hci.in, sizeof hci.in);
    for (;;) {
        uint32_t ms = woad_poll(h, board_now_ms());
        begin(h); /* if it is not running */
        bool sent = send(h), received = receive(h);
        if (!sent && !received && ms) {
            board_sleep(ms);
        }
    }
}
