/* The table of activities: which functions serve each.  world.h says what each column is for, and
 * ll.h in which file each function is.
 *
 * Names of other files:
 *   c: the controller
 *   ACTIVITY_ADV: ACTIVITY_…: what the radio is used for
 *   ACTIVITY_UPKEEP: private addresses and P-256: deadlines without the radio
 *   adv_next(): when the first set has something to do; NEVER: none has
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   catch_up: of an activity: a hang (woad_air_hang) is over, events that have passed are skipped
 *   link_next(): when the first connection has something to do; NEVER: none has
 *   on_preempt: of an activity: another one takes the radio; called after radio_off()
 *   on_radio_free: of the scanner: the radio is off
 *   p256_at: us: when the calculation that the host has requested ends
 *   p256_on_timer(): sends the result of the calculation
 *   privacy_on_timer(): makes new private addresses
 *   rpa_at: us: when new private addresses are made
 *   scan_abort: ends what the scanner has begun; scan_resume() goes on when the radio is free
 *   sync_next(): when the first sync has something to do; NEVER: none has */
#include "hci.h"

/* The first of the two deadlines. */
static uint64_t upkeep_next(const controller *c)
{
    return earlier(c->ll->rpa_at, c->ll->p256_at);
}

/* The one that is due. */
static void upkeep_on_timer(controller *c)
{
    if (c->ll->rpa_at <= c->air->now) {
        privacy_on_timer(c);
    } else {
        p256_on_timer(c);
    }
}

/* By enum activity_kind.  A radio that is taken away is to most activities what a time-out is. */
const struct activity air_activities[ACTIVITIES] = {
    [ACTIVITY_ISO] = { .next = iso_next,
                       .on_timer = iso_on_timer,
                       .on_tx_done = iso_on_tx_done,
                       .on_rx = iso_on_rx,
                       .on_rx_timeout = iso_on_rx_timeout,
                       .on_preempt = iso_on_preempt,
                       .catch_up = iso_catch_up },
    [ACTIVITY_CONN] = { .next = link_next,
                        .on_timer = link_on_timer,
                        .on_tx_done = link_on_tx_done,
                        .on_rx = link_on_rx,
                        .on_rx_timeout = link_on_rx_timeout,
                        .on_preempt = link_on_rx_timeout,
                        .catch_up = link_catch_up },
    [ACTIVITY_ADV] = { .next = adv_next,
                       .on_timer = adv_on_timer,
                       .on_tx_done = adv_on_tx_done,
                       .on_rx = adv_on_rx,
                       .on_rx_timeout = adv_on_rx_timeout,
                       .on_preempt = scan_abort, /* of an answer that a hang has interrupted */
                       .catch_up = adv_catch_up },
    /* Its deadlines are among those of its advertising set: adv_next(), adv_on_timer(). */
    [ACTIVITY_PERIODIC_ADV] = { .on_tx_done = periodic_adv_on_tx_done,
                                .on_preempt = periodic_adv_on_preempt },
    [ACTIVITY_SYNC] = { .next = sync_next,
                        .on_timer = sync_on_timer,
                        .on_rx = sync_on_rx,
                        .on_rx_timeout = sync_on_rx_timeout,
                        .on_preempt = sync_on_rx_timeout,
                        .catch_up = sync_catch_up },
    [ACTIVITY_UPKEEP] = { .next = upkeep_next, .on_timer = upkeep_on_timer },
    [ACTIVITY_SCAN] = { .next = scan_next,
                        .on_timer = scan_on_timer,
                        .on_tx_done = scan_on_tx_done,
                        .on_rx = scan_on_rx,
                        .on_rx_timeout = scan_on_rx_timeout,
                        .on_preempt = scan_abort,
                        .on_radio_free = scan_resume,
                        .catch_up = scan_catch_up },
};
