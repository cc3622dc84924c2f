/* woad/vhci.h on stubs of ESP-IDF, over the simulated radio: a phone gets every notification; a
 * controller that takes few packets, one that hangs, wakes, lost packets. */
#include "../radio.h"

#include <esp_bt.h>
#include <esp_random.h>
#include <esp_timer.h>
#include <freertos/FreeRTOS.h>
#include <freertos/semphr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <woad/vhci.h>
#include <woad/woad.h>

#define REQUIRE(x) \
    do { \
        if (!(x)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
            exit(1); \
        } \
    } while (0)

static esp_vhci_host_callback_t callbacks;
static bool enabled, initialised;
static uint32_t locked;
static StaticSemaphore_t *semaphore;
static unsigned sent_since_notice; /* the controller takes two packets, then says when it is free */
static unsigned takes;

esp_err_t esp_bt_controller_init(esp_bt_controller_config_t *cfg)
{
    REQUIRE(cfg->magic && !initialised);
    initialised = true;
    return ESP_OK;
}

esp_err_t esp_bt_controller_deinit(void)
{
    REQUIRE(initialised && !enabled);
    initialised = false;
    return ESP_OK;
}

esp_err_t esp_bt_controller_enable(esp_bt_mode_t mode)
{
    REQUIRE(mode == ESP_BT_MODE_BLE && initialised);
    enabled = true;
    return ESP_OK;
}

esp_err_t esp_bt_controller_disable(void)
{
    enabled = false;
    return ESP_OK;
}

bool esp_vhci_host_check_send_available(void)
{
    return sent_since_notice < 2;
}

void esp_vhci_host_send_packet(uint8_t *data, uint16_t len)
{
    REQUIRE(enabled && !locked && sent_since_notice++ < 2);
    REQUIRE(radio_send(data, len));
}

esp_err_t esp_vhci_host_register_callback(const esp_vhci_host_callback_t *callback)
{
    callbacks = *callback;
    return ESP_OK;
}

void esp_fill_random(void *buf, size_t len)
{
    memset(buf, 0x5a, len);
}

int64_t esp_timer_get_time(void)
{
    return (int64_t)radio_now_ms() * 1000;
}

void stub_lock(portMUX_TYPE *mux, int by)
{
    (void)mux;
    REQUIRE(locked == (by > 0 ? 0 : 1));
    locked += (uint32_t)by;
}

SemaphoreHandle_t xSemaphoreCreateBinaryStatic(StaticSemaphore_t *memory)
{
    memory->count = 0;
    return semaphore = memory;
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t s)
{
    s->count = 1;
    return 1;
}

static bool given(void)
{
    if (sent_since_notice && semaphore->count == 0) {
        sent_since_notice = 0;
        callbacks.notify_host_send_available();
    }
    return semaphore->count != 0;
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t s, TickType_t ticks)
{
    REQUIRE(!locked && ticks);
    takes++;
    radio_run(ticks > 1000 ? 10000 : ticks * 10, given);
    BaseType_t had = (BaseType_t)s->count;
    s->count = 0;
    return had;
}

static void deliver(uint8_t *packet, size_t len)
{
    callbacks.notify_host_recv(packet, (uint16_t)len);
}

static uint32_t step_lasts(struct woad *h, uint32_t max_ms)
{
    uint32_t before = radio_now_ms();
    REQUIRE(woad_vhci_step(h, max_ms) == 0);
    return radio_now_ms() - before;
}

/* An idle host waits; a wake before the wait ends it, and so does a controller that is free. */
static void idle_host(struct woad *h)
{
    for (int k = 0; k < 100 && step_lasts(h, 500) < 500; k++) {
    }
    REQUIRE(step_lasts(h, 5000) >= 5000);
    for (int k = 0; k < 2; k++) {
        woad_vhci_wake();
        REQUIRE(step_lasts(h, 5000) < 10);
    }
    sent_since_notice = 2;
    board_work(h);
    REQUIRE(step_lasts(h, 5000) < 10 && sent_since_notice == 2);
}

int main(void)
{
    uint32_t wait_ms;
    struct woad *h =
        woad_init(malloc(woad_size(&board_config)), woad_size(&board_config), &board_config);
    REQUIRE(h);
    radio_begin(deliver);
    REQUIRE(woad_vhci_pump(h, &wait_ms) == WOAD_EIO); /* not open */
    REQUIRE(woad_vhci_open() == 0 && woad_vhci_open() == WOAD_EALREADY);
    REQUIRE(woad_start(h) == 0);
    while (radio_notified() < 2000 && radio_now_ms() < 60000) {
        REQUIRE(woad_vhci_step(h, WOAD_FOREVER) == 0);
        board_work(h);
    }
    REQUIRE(radio_notified() >= 2000);
    uint32_t lasted = radio_now_ms();
    idle_host(h);
    /* One that answers nothing: the host notices, and the driver can be opened again. */
    radio_hang();
    woad_stop(h);
    for (int k = 0; k < 100 && board_is_up(); k++) {
        woad_vhci_step(h, 1000);
    }
    REQUIRE(!board_is_up());
    woad_vhci_close();
    REQUIRE(!enabled && !initialised);
    /* More than the ring holds, and a packet that no controller sends: an error, not an overrun. */
    static uint8_t big[260] = { 4 };
    REQUIRE(woad_vhci_open() == 0);
    for (int k = 0; k < 20; k++) {
        deliver(big, sizeof big);
    }
    REQUIRE(woad_vhci_pump(h, &wait_ms) == WOAD_EIO);
    woad_vhci_close();
    printf("vhci: %u notifications in %u ms, %u waits\n", radio_notified(), lasted, takes);
    free(h);
    return 0;
}
