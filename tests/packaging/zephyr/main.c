/* woad/hci_raw.h on stubs of Zephyr, over the simulated radio: a phone gets every notification; a
 * driver without buffers, wakes, no buffer lost. */
#include "../radio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <woad/hci_raw.h>
#include <woad/woad.h>
#include <zephyr/bluetooth/buf.h>
#include <zephyr/bluetooth/hci_raw.h>
#include <zephyr/kernel.h>
#include <zephyr/random/random.h>
#include <zephyr/sys/atomic.h>

#define REQUIRE(x) \
    do { \
        if (!(x)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
            exit(1); \
        } \
    } while (0)

static struct k_fifo *received;
static int buffers; /* in use */
static bool refuses;

bool atomic_cas(atomic_t *target, atomic_val_t old_value, atomic_val_t new_value)
{
    if (*target != old_value) {
        return false;
    }
    *target = new_value;
    return true;
}

atomic_val_t atomic_clear(atomic_t *target)
{
    atomic_val_t was = *target;
    *target = 0;
    return was;
}

/* The kernel's list: the first word of an item is the next one. */
void k_fifo_put(struct k_fifo *fifo, void *item)
{
    *(void **)item = NULL;
    if (fifo->first) {
        *(void **)fifo->last = item;
    } else {
        fifo->first = item;
    }
    fifo->last = item;
}

static bool has_item(void)
{
    return received->first != NULL;
}

void *k_fifo_get(struct k_fifo *fifo, k_timeout_t timeout)
{
    REQUIRE(fifo == received);
    if (!fifo->first && timeout.ticks) {
        radio_run(timeout.ticks < 0 ? 10000 : (uint32_t)timeout.ticks, has_item);
    }
    void *item = fifo->first;
    if (item) {
        fifo->first = *(void **)item;
    }
    return item;
}

uint32_t k_uptime_get_32(void)
{
    return radio_now_ms();
}

int sys_csrand_get(void *dst, size_t len)
{
    memset(dst, 0x5a, len);
    return 0;
}

static struct net_buf *new_buffer(const void *data, size_t len)
{
    struct net_buf *buf = calloc(1, sizeof *buf);
    REQUIRE(buf && len <= sizeof buf->space);
    buffers++;
    buf->data = buf->space;
    buf->len = (uint16_t)len;
    memcpy(buf->data, data, len);
    return buf;
}

void net_buf_unref(struct net_buf *buf)
{
    buffers--;
    free(buf);
}

enum bt_buf_type bt_buf_type_from_h4(uint8_t h4_type, enum bt_buf_dir dir)
{
    REQUIRE(dir == BT_BUF_OUT);
    if (h4_type == 1) {
        return BT_BUF_CMD;
    }
    return h4_type == 2 ? BT_BUF_ACL_OUT : BT_BUF_TYPE_NONE;
}

struct net_buf *bt_buf_get_tx(enum bt_buf_type type, k_timeout_t timeout, const void *data,
                              size_t size)
{
    uint8_t packet[600];
    REQUIRE(type == BT_BUF_CMD || type == BT_BUF_ACL_OUT);
    REQUIRE(timeout.ticks > 0 && timeout.ticks <= 1000);
    if (refuses) {
        return NULL;
    }
    packet[0] = type == BT_BUF_CMD ? 1 : 2;
    memcpy(packet + 1, data, size);
    return new_buffer(packet, size + 1);
}

int bt_send(struct net_buf *buf)
{
    if (!radio_send(buf->data, buf->len)) {
        return -11;
    }
    net_buf_unref(buf);
    return 0;
}

int bt_enable_raw(struct k_fifo *rx_queue)
{
    received = rx_queue;
    return 0;
}

static void deliver(uint8_t *packet, size_t len)
{
    k_fifo_put(received, new_buffer(packet, len));
}

static uint32_t step_lasts(struct woad *h, uint32_t max_ms)
{
    uint32_t before = radio_now_ms();
    REQUIRE(woad_hci_raw_step(h, max_ms) == 0);
    return radio_now_ms() - before;
}

/* An idle host waits; wakes before the wait end it, and only the next one. */
static void idle_host(struct woad *h)
{
    for (int k = 0; k < 100 && step_lasts(h, 500) < 500; k++) {
    }
    REQUIRE(step_lasts(h, 5000) >= 5000);
    for (int k = 0; k < 2; k++) {
        woad_hci_raw_wake();
        woad_hci_raw_wake();
        REQUIRE(step_lasts(h, 5000) < 10);
        REQUIRE(step_lasts(h, 5000) >= 5000);
    }
}

int main(void)
{
    uint32_t wait_ms;
    struct woad *h =
        woad_init(malloc(woad_size(&board_config)), woad_size(&board_config), &board_config);
    REQUIRE(h);
    radio_begin(deliver);
    REQUIRE(woad_hci_raw_pump(h, &wait_ms) == WOAD_EIO); /* not open */
    REQUIRE(woad_hci_raw_open() == 0 && woad_hci_raw_open() == WOAD_EALREADY);
    REQUIRE(woad_start(h) == 0);
    while (radio_notified() < 2000 && radio_now_ms() < 60000) {
        REQUIRE(woad_hci_raw_step(h, WOAD_FOREVER) == 0);
        board_work(h);
        REQUIRE(buffers < 64);
    }
    REQUIRE(radio_notified() >= 2000);
    uint32_t lasted = radio_now_ms();
    idle_host(h);
    /* A driver that gives no buffer, a packet that waits, and none lost for it. */
    refuses = true;
    int err = 0;
    for (int k = 0; k < 100 && !err; k++) {
        board_work(h);
        err = woad_hci_raw_step(h, 1000);
    }
    REQUIRE(err == WOAD_EIO && !board_is_up());
    while (k_fifo_get(received, K_NO_WAIT)) {
        buffers--;
    }
    REQUIRE(buffers == 0);
    printf("hci_raw: %u notifications in %u ms\n", radio_notified(), lasted);
    free(h);
    return 0;
}
