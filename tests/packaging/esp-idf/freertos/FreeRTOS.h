#ifndef STUB_FREERTOS_H
#define STUB_FREERTOS_H
#include <stdint.h>
typedef struct {
    uint32_t owner;
} portMUX_TYPE;
typedef uint32_t TickType_t;
typedef int BaseType_t;
#define portMUX_INITIALIZER_UNLOCKED \
    { \
        0 \
    }
void stub_lock(portMUX_TYPE *mux, int by);
#define portENTER_CRITICAL(mux) stub_lock(mux, 1)
#define portEXIT_CRITICAL(mux) stub_lock(mux, -1)
#define portMAX_DELAY ((TickType_t)0xffffffffUL)
#define configTICK_RATE_HZ 100
#define pdMS_TO_TICKS(ms) ((TickType_t)(ms)*configTICK_RATE_HZ / 1000)
void vTaskDelay(TickType_t ticks);
#endif
