/* The part of Zephyr's interface that packaging/zephyr uses; main.c has the functions. */
#ifndef STUB_ZEPHYR_KERNEL_H
#define STUB_ZEPHYR_KERNEL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
typedef struct {
    int64_t ticks;
} k_timeout_t;
#define K_NO_WAIT ((k_timeout_t){ 0 })
#define K_FOREVER ((k_timeout_t){ -1 })
#define K_MSEC(ms) ((k_timeout_t){ (int64_t)(ms) })
struct k_fifo {
    void *first, *last;
};
#define K_FIFO_DEFINE(name) struct k_fifo name = { NULL, NULL }
void k_fifo_put(struct k_fifo *fifo, void *item);
void *k_fifo_get(struct k_fifo *fifo, k_timeout_t timeout);
uint32_t k_uptime_get_32(void);
#endif
