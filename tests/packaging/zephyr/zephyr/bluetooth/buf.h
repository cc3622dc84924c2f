#ifndef STUB_ZEPHYR_BUF_H
#define STUB_ZEPHYR_BUF_H
#include <zephyr/net_buf.h>
enum bt_buf_type { BT_BUF_TYPE_NONE = 0, BT_BUF_CMD = 1, BT_BUF_EVT = 2, BT_BUF_ACL_OUT = 4 };
enum bt_buf_dir { BT_BUF_IN, BT_BUF_OUT };
enum bt_buf_type bt_buf_type_from_h4(uint8_t h4_type, enum bt_buf_dir dir);
struct net_buf *bt_buf_get_tx(enum bt_buf_type type, k_timeout_t timeout, const void *data,
                              size_t size);
#endif
