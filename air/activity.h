/* What a controller does with its radio: one row for each activity of the link layer.
 *
 * The simulation calls the rows: controller_run() when a deadline comes, radio.c and medium.c when
 * the radio of the activity's owner has sent, received, or waited in vain, arbiter.c when another
 * activity takes the radio.  A function that an activity does not need is NULL. */
#ifndef WOAD_AIR_ACTIVITY_H
#define WOAD_AIR_ACTIVITY_H

#include <woad/air.h>

/* In the order in which those that are due at the same time run. */
enum activity_kind {
    ACTIVITY_NONE, /* the radio is off; an empty row */
    ACTIVITY_ISO,
    ACTIVITY_CONN,
    ACTIVITY_ADV,
    ACTIVITY_PERIODIC_ADV,
    ACTIVITY_SYNC,
    ACTIVITY_UPKEEP, /* new private addresses, P-256: deadlines without the radio */
    ACTIVITY_SCAN,
    ACTIVITIES
};

struct air_packet;

struct activity {
    /* The next deadline in world time; NEVER: none.  Asked for after each change. */
    uint64_t (*next)(const struct woad_air_controller *c);
    void (*on_timer)(struct woad_air_controller *c);   /* that deadline has been reached */
    void (*on_tx_done)(struct woad_air_controller *c); /* its packet is sent; the radio is off */
    void (*on_rx)(struct woad_air_controller *c, const struct air_packet *f, int8_t rssi);
    void (*on_rx_timeout)(struct woad_air_controller *c); /* no packet began in time; it is off */
    void (*on_preempt)(struct woad_air_controller *c);    /* another activity takes the radio */
    void (*catch_up)(struct woad_air_controller *c);      /* a hang is over: skip what was missed */
};

extern const struct activity air_activities[ACTIVITIES];

#endif
