#ifndef STUB_ESP_ERR_H
#define STUB_ESP_ERR_H
typedef int esp_err_t;
enum { ESP_OK = 0, ESP_FAIL = -1 };
#endif
