/* woad/hci_raw.h.  The driver puts received packets into a queue; the host's thread takes them.
 * Between two packets the host's answers are sent, so that order is kept. */
#include <woad/hci_raw.h>
#include <woad/woad.h>

#include <zephyr/bluetooth/buf.h>
#include <zephyr/bluetooth/hci_raw.h>
#include <zephyr/kernel.h>
#include <zephyr/net_buf.h>
#include <zephyr/random/random.h>
#include <zephyr/sys/atomic.h>

/* Limits of one pump, as in ports/posix/port.c: while packets are unread the host's clock stands
 * still, so that it does not time out on an answer that has arrived, but for HCI_RAW_BEHIND_MS at
 * most. */
enum { HCI_RAW_READS = 32, HCI_RAW_BEHIND_MS = 1000, HCI_RAW_SEND_MS = 1000 };

static K_FIFO_DEFINE(hci_raw_queue);
/* An item that woad_hci_raw_wake() puts into the queue, once until it is taken; the kernel uses its
 * first word. */
static struct {
    void *reserved;
} hci_raw_wake;
static atomic_t hci_raw_waking;
static bool hci_raw_is_open;
static bool hci_raw_woken;            /* the last move has taken the wake: no wait follows */
static uint32_t hci_raw_behind_since; /* the last time that no packet was left */

int woad_hci_raw_open(void)
{
    if (hci_raw_is_open) {
        return WOAD_EALREADY;
    }
    if (bt_enable_raw(&hci_raw_queue) != 0) {
        return WOAD_EIO;
    }
    hci_raw_is_open = true;
    hci_raw_behind_since = k_uptime_get_32();
    return 0;
}

void woad_hci_raw_wake(void)
{
    if (atomic_cas(&hci_raw_waking, 0, 1)) {
        k_fifo_put(&hci_raw_queue, &hci_raw_wake);
    }
}

#ifdef CONFIG_CSPRNG_ENABLED
int woad_hci_raw_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    return sys_csrand_get(out, len);
}
#endif

/* Sends all that the host has.  0 or WOAD_EIO. */
static int hci_raw_flush(struct woad *h)
{
    uint8_t packet[WOAD_TX_ROOM];
    size_t n;
    while ((n = woad_tx(h, packet, sizeof packet)) > 0) {
        struct net_buf *buf = bt_buf_get_tx(bt_buf_type_from_h4(packet[0], BT_BUF_OUT),
                                            K_MSEC(HCI_RAW_SEND_MS), packet + 1, n - 1);
        if (!buf) {
            return WOAD_EIO;
        }
        if (bt_send(buf) != 0) {
            net_buf_unref(buf);
            return WOAD_EIO;
        }
    }
    return 0;
}

/* One item of the queue: a packet or the wake.  0 or WOAD_EIO. */
static int hci_raw_take(struct woad *h, void *item)
{
    if (item == &hci_raw_wake) {
        atomic_clear(&hci_raw_waking);
        hci_raw_woken = true;
        return 0;
    }
    struct net_buf *buf = item;
    woad_rx(h, buf->data, buf->len);
    net_buf_unref(buf);
    return hci_raw_flush(h);
}

/* At most HCI_RAW_READS packets.  True: there may be more. */
static bool hci_raw_read(struct woad *h, int *err)
{
    void *item;
    for (int left = HCI_RAW_READS; left && !*err; left--) {
        item = k_fifo_get(&hci_raw_queue, K_NO_WAIT);
        if (!item) {
            return false;
        }
        *err = hci_raw_take(h, item);
    }
    return true;
}

/* `first`: an item that was waited for, or NULL. */
static int hci_raw_move(struct woad *h, void *first, uint32_t *wait_ms)
{
    woad_clock(h, k_uptime_get_32());
    int err = 0;
    hci_raw_woken = false;
    if (first) {
        err = hci_raw_take(h, first);
    }
    if (!err) {
        err = hci_raw_flush(h);
    }
    bool more = hci_raw_read(h, &err);
    uint32_t now = k_uptime_get_32();
    if (!more) {
        hci_raw_behind_since = now;
    }
    *wait_ms = 0;
    if (!err && (!more || now - hci_raw_behind_since >= HCI_RAW_BEHIND_MS)) {
        *wait_ms = woad_poll(h, now);
        err = hci_raw_flush(h);
    }
    if (more || hci_raw_woken) {
        *wait_ms = 0;
    }
    if (err) {
        woad_fail(h, err);
    }
    return err;
}

int woad_hci_raw_pump(struct woad *h, uint32_t *wait_ms)
{
    if (!hci_raw_is_open) {
        *wait_ms = WOAD_FOREVER;
        woad_fail(h, WOAD_EIO);
        return WOAD_EIO;
    }
    return hci_raw_move(h, NULL, wait_ms);
}

static k_timeout_t hci_raw_timeout(uint32_t ms)
{
    if (ms > INT32_MAX) {
        return K_FOREVER;
    }
    return K_MSEC(ms);
}

int woad_hci_raw_step(struct woad *h, uint32_t max_ms)
{
    uint32_t wait_ms;
    int err = woad_hci_raw_pump(h, &wait_ms);
    if (err) {
        return err;
    }
    if (wait_ms > max_ms) {
        wait_ms = max_ms;
    }
    return hci_raw_move(h, k_fifo_get(&hci_raw_queue, hci_raw_timeout(wait_ms)), &wait_ms);
}
