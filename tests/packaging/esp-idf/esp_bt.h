/* The part of ESP-IDF's interface that packaging/esp-idf and ports/micropython/hci_vhci.c use, so
 * that they compile without ESP-IDF; main.c has the functions of the former. */
#ifndef STUB_ESP_BT_H
#define STUB_ESP_BT_H
#include "esp_err.h"

#include <stdbool.h>
#include <stdint.h>
typedef enum { ESP_BT_MODE_BLE = 1 } esp_bt_mode_t;
typedef struct {
    uint32_t magic;
} esp_bt_controller_config_t;
#define BT_CONTROLLER_INIT_CONFIG_DEFAULT() \
    { \
        0x20221207 \
    }
typedef struct esp_vhci_host_callback {
    void (*notify_host_send_available)(void);
    int (*notify_host_recv)(uint8_t *data, uint16_t len);
} esp_vhci_host_callback_t;
esp_err_t esp_bt_controller_init(esp_bt_controller_config_t *cfg);
esp_err_t esp_bt_controller_deinit(void);
esp_err_t esp_bt_controller_enable(esp_bt_mode_t mode);
esp_err_t esp_bt_controller_disable(void);
bool esp_vhci_host_check_send_available(void);
void esp_vhci_host_send_packet(uint8_t *data, uint16_t len);
esp_err_t esp_vhci_host_register_callback(const esp_vhci_host_callback_t *callback);
#endif
