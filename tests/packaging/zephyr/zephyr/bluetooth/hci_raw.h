#ifndef STUB_ZEPHYR_HCI_RAW_H
#define STUB_ZEPHYR_HCI_RAW_H
#include <zephyr/net_buf.h>
int bt_send(struct net_buf *buf);
int bt_enable_raw(struct k_fifo *rx_queue);
#endif
