/* The controller of a Zephyr board (zephyr,bt-hci in its devicetree), by Zephyr's HCI raw channel:
 * the functions of woad/port.h for one controller.  One thread, the host's, calls all of them and
 * the host's functions; from other threads and interrupts only woad_hci_raw_wake() may be called.
 *
 *     struct woad *h = woad_init(mem, sizeof mem, &config);
 *     if (woad_hci_raw_open() == 0 && woad_start(h) == 0)
 *         for (;;)
 *             woad_hci_raw_step(h, WOAD_FOREVER);
 *
 * prj.conf: CONFIG_WOAD=y, CONFIG_BT=y, CONFIG_BT_HCI_RAW=y, CONFIG_BT_BUF_ACL_TX_SIZE=251,
 * CONFIG_BT_BUF_ACL_RX_SIZE=255, and for random numbers CONFIG_ENTROPY_GENERATOR=y.  Zephyr 4.2 or
 * later: buffers begin with the packet's H4 type. */
#ifndef WOAD_HCI_RAW_H
#define WOAD_HCI_RAW_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct woad;

/* Opens the controller's driver; Zephyr cannot close it.  0; WOAD_EALREADY: it is open; WOAD_EIO:
 * the driver failed, and Zephyr's log says why. */
int woad_hci_raw_open(void);

/* Moves packets in both directions and advances the host's clock.  It waits only while the driver
 * has no buffer for a packet, at most a second.  *wait_ms gets the milliseconds until the next call
 * if no packet arrives before (0: at once; WOAD_FOREVER: none).  0; WOAD_EIO, after woad_fail(): it
 * is not open, or the driver refused a packet: CONFIG_BT_BUF_ACL_TX_SIZE is less than the
 * controller's buffers, or the controller is stuck. */
int woad_hci_raw_pump(struct woad *h, uint32_t *wait_ms);

/* The body of a thread's loop: woad_hci_raw_pump(), then waits for packets, a deadline or
 * woad_hci_raw_wake(), at most `max_ms`, and pumps again.  Returns as woad_hci_raw_pump(). */
int woad_hci_raw_step(struct woad *h, uint32_t max_ms);

/* Ends the wait of woad_hci_raw_step(), or the next one: after another thread or an interrupt has
 * left work for the host's thread. */
void woad_hci_raw_wake(void);

/* For woad_config.random, with CONFIG_CSPRNG_ENABLED: random numbers that are fit for keys. */
int woad_hci_raw_random(void *ctx, uint8_t *out, size_t len);

#ifdef __cplusplus
}
#endif

#endif
