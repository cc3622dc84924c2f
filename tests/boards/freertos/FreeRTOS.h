/* See esp_bt.h. */
#include <stdint.h>
typedef struct {
    uint32_t owner;
} portMUX_TYPE;
#define portMUX_INITIALIZER_UNLOCKED \
    { \
        0 \
    }
#define portENTER_CRITICAL(mux) ((void)(mux))
#define portEXIT_CRITICAL(mux) ((void)(mux))
#define pdMS_TO_TICKS(ms) ((uint32_t)(ms) / 10)
void vTaskDelay(uint32_t ticks);
