/* A board's controller and a phone on a simulated radio, in virtual time: what stands behind the
 * stubs of a maker's interface, so that a driver runs on them. */
#ifndef WOAD_PACKAGING_RADIO_H
#define WOAD_PACKAGING_RADIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `deliver` gets the packets of the board's controller, while time passes. */
void radio_begin(void (*deliver)(uint8_t *packet, size_t len));
/* False: the controller's queue is full. */
bool radio_send(const uint8_t *packet, size_t len);
/* Time passes, at most `ms`, until awake() returns true. */
void radio_run(uint32_t ms, bool (*awake)(void));
uint32_t radio_now_ms(void); /* virtual time */

/* The board's program, which the same file has: a battery that notifies its level. */
extern const struct woad_config board_config;
/* The phone connects, subscribes, and counts the notifications; a hole in their count is fatal. */
unsigned radio_notified(void);
/* Sends the next notifications that have room. */
struct woad;
void board_work(struct woad *h);
/* Leaves the board behind a controller that answers nothing. */
void radio_hang(void);
bool board_is_up(void); /* the board's host has started */

#endif
