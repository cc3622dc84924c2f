#ifndef STUB_ZEPHYR_NET_BUF_H
#define STUB_ZEPHYR_NET_BUF_H
#include <zephyr/kernel.h>
struct net_buf {
    void *node;
    uint8_t *data;
    uint16_t len;
    uint8_t space[600];
};
void net_buf_unref(struct net_buf *buf);
#endif
