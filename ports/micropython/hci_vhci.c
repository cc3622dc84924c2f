/* An ESP32's own controller, by ESP-IDF's virtual HCI: packets from and to another task.
 * sdkconfig: CONFIG_BT_ENABLED, CONFIG_BT_CONTROLLER_ONLY; no host of ESP-IDF's.  hci.h says what
 * each ble_hci_ function is for.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_run(): moves packets and delivers events; called by the scheduler
 *   dropped: how often something was lost: for want of memory or room, or because the event for
 *       it is not enabled; config("dropped")
 *   mp_sched_schedule_node(): MicroPython: the scheduler calls the node's function */
#include "hci.h"

#include "esp_bt.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"

/* Received packets: written by the controller's task, read by MicroPython's.  Advertising reports
 * may fill half of it and are lost then; the rest is for what must not be lost. */
enum { BLE_VHCI_RING = 4096, BLE_VHCI_REPORTS = BLE_VHCI_RING / 2 };
static struct {
    uint8_t mem[BLE_VHCI_RING];
    size_t in, out;
    unsigned reports_lost;
    bool overflowed;
} hci_ring;
static portMUX_TYPE ring_lock = portMUX_INITIALIZER_UNLOCKED;
static mp_sched_node_t run_node;     /* ble_run() in the scheduler */
static esp_timer_handle_t run_timer; /* schedules that */

/* In MicroPython's scheduler. */
static void run_host(mp_sched_node_t *n)
{
    (void)n;
    ble_run();
}

/* From any task: MicroPython runs the host. */
void ble_hci_run_now(void)
{
    mp_sched_schedule_node(&run_node, run_host);
}

/* A timer runs the host. */
void ble_hci_run_in_ms(uint32_t ms)
{
    esp_timer_stop(run_timer);
    esp_timer_start_once(run_timer, (uint64_t)ms * 1000);
}

/* In the task of ESP-IDF's timers. */
static void on_timer(void *arg)
{
    (void)arg;
    ble_hci_run_now();
}

/* In the controller's task: it can take a packet again. */
static void on_can_send(void)
{
    ble_hci_run_now();
}

/* LE (Extended) Advertising Report: the event's code 0x3e, length, subevent. */
static bool is_report(const uint8_t *packet, uint16_t len)
{
    return len > 3 && packet[0] == 4 && packet[1] == 0x3e &&
           (packet[3] == 0x02 || packet[3] == 0x0d);
}

/* In the controller's task: a packet with its H4 type.  One that does not fit is noted as an
 * overflow. */
static int on_packet(uint8_t *packet, uint16_t len)
{
    portENTER_CRITICAL(&ring_lock);
    size_t used = hci_ring.in - hci_ring.out;
    if (is_report(packet, len) && used + len > BLE_VHCI_REPORTS) {
        hci_ring.reports_lost++;
    } else if (used + len > BLE_VHCI_RING) {
        hci_ring.overflowed = true;
    } else {
        for (uint16_t k = 0; k < len; k++) {
            hci_ring.mem[hci_ring.in++ % BLE_VHCI_RING] = packet[k];
        }
    }
    portEXIT_CRITICAL(&ring_lock);
    ble_hci_run_now();
    return 0;
}

/* Starts Espressif's controller. */
int ble_hci_open(void)
{
    static const esp_vhci_host_callback_t callbacks = { on_can_send, on_packet };
    const esp_timer_create_args_t args = { .callback = on_timer, .name = "ble" };
    esp_bt_controller_config_t cfg = BT_CONTROLLER_INIT_CONFIG_DEFAULT();
    hci_ring.in = hci_ring.out = 0;
    hci_ring.reports_lost = 0;
    hci_ring.overflowed = false;
    if (!run_timer && esp_timer_create(&args, &run_timer) != ESP_OK) {
        return -MP_ENOMEM;
    }
    if (esp_bt_controller_init(&cfg) != ESP_OK) {
        return -MP_EIO;
    }
    if (esp_bt_controller_enable(ESP_BT_MODE_BLE) != ESP_OK ||
        esp_vhci_host_register_callback(&callbacks) != ESP_OK) {
        esp_bt_controller_deinit();
        return -MP_EIO;
    }
    return 0;
}

/* Stops it. */
void ble_hci_close(void)
{
    esp_timer_stop(run_timer);
    esp_bt_controller_disable();
    esp_bt_controller_deinit();
}

/* -MP_EIO: a packet was lost for want of room in the ring. */
int ble_hci_read(uint8_t *to, size_t room)
{
    int n = 0;
    portENTER_CRITICAL(&ring_lock);
    while ((size_t)n < room && hci_ring.out != hci_ring.in) {
        to[n++] = hci_ring.mem[hci_ring.out++ % BLE_VHCI_RING];
    }
    bool overflowed = hci_ring.overflowed;
    ble.dropped += hci_ring.reports_lost;
    hci_ring.reports_lost = 0;
    portEXIT_CRITICAL(&ring_lock);
    if (overflowed) {
        return -MP_EIO;
    }
    return n;
}

/* Waits until the controller can take a packet, at most a second. */
int ble_hci_write(const uint8_t *packet, size_t len, size_t *sent)
{
    for (int ms = 0; !esp_vhci_host_check_send_available(); ms++) {
        if (ms == 1000) {
            return -MP_EIO;
        }
        vTaskDelay(pdMS_TO_TICKS(1) ? pdMS_TO_TICKS(1) : 1);
    }
    esp_vhci_host_send_packet((uint8_t *)packet, (uint16_t)len);
    *sent = len;
    return 0;
}
