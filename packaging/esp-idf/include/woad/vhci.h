/* The controller of an ESP32 (C3, S3, C6, H2 …), by ESP-IDF's virtual HCI: the functions of
 * woad/port.h for one controller.  One task, the host's, calls all of them and the host's
 * functions; from other tasks only woad_vhci_wake() may be called.
 *
 *     nvs_flash_init();                        // where the PHY keeps its calibration
 *     struct woad *h = woad_init(mem, sizeof mem, &config);
 *     if (woad_vhci_open() == 0 && woad_start(h) == 0)
 *         for (;;)
 *             woad_vhci_step(h, WOAD_FOREVER);
 *
 * sdkconfig: CONFIG_BT_ENABLED=y, CONFIG_BT_CONTROLLER_ONLY=y. */
#ifndef WOAD_VHCI_H
#define WOAD_VHCI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct woad;

/* Starts the controller for Bluetooth LE.  0; WOAD_EALREADY: it is open; WOAD_ENOMEM, WOAD_EIO:
 * ESP-IDF's functions failed, and its log says why. */
int woad_vhci_open(void);
/* Stops the controller.  Call woad_fail() or woad_stop() before, if a host uses it. */
void woad_vhci_close(void);

/* Moves packets in both directions and advances the host's clock; does not wait.  *wait_ms gets the
 * milliseconds until the next call if no packet arrives before (0: at once; WOAD_FOREVER: none).
 * 0; WOAD_EIO, after woad_fail(): it is not open, or a packet was lost for want of room, because
 * this was not called for long.  Then woad_vhci_close() and woad_vhci_open(), before the host is
 * started again. */
int woad_vhci_pump(struct woad *h, uint32_t *wait_ms);

/* The body of a task's loop: woad_vhci_pump(), then waits for packets, a deadline or
 * woad_vhci_wake(), at most `max_ms`, and pumps again.  Returns as woad_vhci_pump(). */
int woad_vhci_step(struct woad *h, uint32_t max_ms);

/* Ends the wait of woad_vhci_step(), or the next one: after another task has left work for the
 * host's task.  Not from an interrupt. */
void woad_vhci_wake(void);

/* For woad_config.random: ESP-IDF's random numbers, which are true ones while the controller is
 * on. */
int woad_vhci_random(void *ctx, uint8_t *out, size_t len);

#ifdef __cplusplus
}
#endif

#endif
