/* woad/vhci.h.  The controller's task writes packets into a ring; the host's task reads them.
 * Between two packets the host's answers are sent, so that order is kept. */
#include <woad/vhci.h>
#include <woad/woad.h>

#include <esp_bt.h>
#include <esp_random.h>
#include <esp_timer.h>
#include <freertos/FreeRTOS.h>
#include <freertos/semphr.h>
#include <string.h>

/* Limits of one pump, as in ports/posix/port.c: while packets are unread the host's clock stands
 * still, so that it does not time out on an answer that has arrived, but for VHCI_BEHIND_MS at
 * most. */
enum { VHCI_RING = 4096, VHCI_PACKET_MAX = 1 + 4 + 255, VHCI_READS = 32, VHCI_BEHIND_MS = 1000 };

static struct {
    uint8_t ring[VHCI_RING]; /* packets, each behind its length in two octets */
    size_t in, out;          /* octets that were ever written and read */
    bool open, overflowed;
    uint32_t behind_since; /* the last time that no packet was left */
    SemaphoreHandle_t wake;
    StaticSemaphore_t wake_memory;
} vhci;
static portMUX_TYPE vhci_lock = portMUX_INITIALIZER_UNLOCKED;

static uint32_t vhci_now_ms(void)
{
    return (uint32_t)(esp_timer_get_time() / 1000);
}

static void vhci_put(const uint8_t *data, size_t len)
{
    for (size_t k = 0; k < len; k++) {
        vhci.ring[vhci.in++ % VHCI_RING] = data[k];
    }
}

static void vhci_get(uint8_t *to, size_t len)
{
    for (size_t k = 0; k < len; k++) {
        to[k] = vhci.ring[vhci.out++ % VHCI_RING];
    }
}

/* In the controller's task: one packet with its H4 type. */
static int vhci_received(uint8_t *packet, uint16_t len)
{
    const uint8_t head[2] = { (uint8_t)len, (uint8_t)(len >> 8) };
    portENTER_CRITICAL(&vhci_lock);
    if (len > VHCI_PACKET_MAX || VHCI_RING - (vhci.in - vhci.out) < sizeof head + len) {
        vhci.overflowed = true;
    } else {
        vhci_put(head, sizeof head);
        vhci_put(packet, len);
    }
    portEXIT_CRITICAL(&vhci_lock);
    xSemaphoreGive(vhci.wake);
    return 0;
}

/* In the controller's task: it takes packets again. */
static void vhci_can_send(void)
{
    xSemaphoreGive(vhci.wake);
}

static int vhci_start(void)
{
    static const esp_vhci_host_callback_t callbacks = { vhci_can_send, vhci_received };
    esp_bt_controller_config_t config = BT_CONTROLLER_INIT_CONFIG_DEFAULT();
    if (esp_bt_controller_init(&config) != ESP_OK) {
        return WOAD_EIO;
    }
    if (esp_bt_controller_enable(ESP_BT_MODE_BLE) != ESP_OK) {
        esp_bt_controller_deinit();
        return WOAD_EIO;
    }
    if (esp_vhci_host_register_callback(&callbacks) != ESP_OK) {
        esp_bt_controller_disable();
        esp_bt_controller_deinit();
        return WOAD_EIO;
    }
    return 0;
}

int woad_vhci_open(void)
{
    if (vhci.open) {
        return WOAD_EALREADY;
    }
    memset(&vhci, 0, sizeof vhci);
    vhci.wake = xSemaphoreCreateBinaryStatic(&vhci.wake_memory);
    if (!vhci.wake) {
        return WOAD_ENOMEM;
    }
    int err = vhci_start();
    vhci.open = !err;
    vhci.behind_since = vhci_now_ms();
    return err;
}

void woad_vhci_close(void)
{
    if (vhci.open) {
        vhci.open = false;
        esp_bt_controller_disable();
        esp_bt_controller_deinit();
    }
}

void woad_vhci_wake(void)
{
    if (vhci.open) {
        xSemaphoreGive(vhci.wake);
    }
}

int woad_vhci_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    esp_fill_random(out, len);
    return 0;
}

/* Sends what the controller takes; vhci_can_send() ends the wait for more. */
static void vhci_flush(struct woad *h)
{
    uint8_t packet[WOAD_TX_ROOM];
    size_t n = 1;
    while (n && esp_vhci_host_check_send_available()) {
        n = woad_tx(h, packet, sizeof packet);
        if (n) {
            esp_vhci_host_send_packet(packet, (uint16_t)n);
        }
    }
}

/* The length of the next packet, 0: none, or WOAD_EIO. */
static int vhci_take(uint8_t packet[VHCI_PACKET_MAX])
{
    int len = 0;
    portENTER_CRITICAL(&vhci_lock);
    if (vhci.overflowed) {
        len = WOAD_EIO;
    } else if (vhci.in != vhci.out) {
        uint8_t head[2];
        vhci_get(head, sizeof head);
        len = head[0] | head[1] << 8;
        vhci_get(packet, (size_t)len);
    }
    portEXIT_CRITICAL(&vhci_lock);
    return len;
}

/* Passes at most VHCI_READS packets to the host.  Returns as vhci_take(). */
static int vhci_read(struct woad *h)
{
    uint8_t packet[VHCI_PACKET_MAX];
    int n = 1;
    for (int left = VHCI_READS; left && n > 0; left--) {
        n = vhci_take(packet);
        if (n > 0) {
            woad_rx(h, packet, (size_t)n);
            vhci_flush(h);
        }
    }
    return n;
}

int woad_vhci_pump(struct woad *h, uint32_t *wait_ms)
{
    *wait_ms = WOAD_FOREVER;
    if (!vhci.open) {
        woad_fail(h, WOAD_EIO);
        return WOAD_EIO;
    }
    woad_clock(h, vhci_now_ms());
    vhci_flush(h);
    int n = vhci_read(h);
    if (n < 0) {
        woad_fail(h, n);
        return n;
    }
    uint32_t now = vhci_now_ms();
    if (!n) {
        vhci.behind_since = now;
    }
    if (!n || now - vhci.behind_since >= VHCI_BEHIND_MS) {
        *wait_ms = woad_poll(h, now);
        vhci_flush(h);
    }
    if (n) {
        *wait_ms = 0;
    }
    return 0;
}

/* Rounded up: a wait that ends before the deadline would be followed by waits of no tick. */
static TickType_t vhci_ticks(uint32_t ms)
{
    uint64_t ticks = ((uint64_t)ms * configTICK_RATE_HZ + 999) / 1000;
    if (ms == WOAD_FOREVER || ticks > portMAX_DELAY) {
        return portMAX_DELAY;
    }
    return (TickType_t)ticks;
}

int woad_vhci_step(struct woad *h, uint32_t max_ms)
{
    uint32_t wait_ms;
    int err = woad_vhci_pump(h, &wait_ms);
    if (err) {
        return err;
    }
    if (wait_ms > max_ms) {
        wait_ms = max_ms;
    }
    if (wait_ms) {
        xSemaphoreTake(vhci.wake, vhci_ticks(wait_ms));
    }
    return woad_vhci_pump(h, &wait_ms);
}
