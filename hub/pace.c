/* How fast the air's time passes, and whether it does: what users of control.h change.
 *
 * Names of other files:
 *   hub: the process that simulates the air: hosts connect to it over HCI, and each gets a
 *       controller there; struct hub, hub_state.h
 *   speed: air time in the machine's time
 *   pace: virtual time: a user's limit, in the machine's time; 0: none
 *   pause_at_us: air time at which the air stands still; UINT64_MAX: it goes on
 *   pause_at_packet: the next packet sets pause_at_us
 *   air_epoch_us: the machine's time at the air's time 0; grows by each delay of the air
 *   paced_real_us: the machine's time since which virtual time is paced; 0: it is not
 *   woad_air_now(): air time: us since the hub began */
#include "hub_state.h"

void hub_begin_time(struct hub *hub)
{
    hub->pause_at_us = UINT64_MAX;
    hub->loss_per_mille = hub->options->loss_per_mille;
    hub->speed = 1;
    if (hub->options->speed > 0) {
        hub->speed = hub->options->speed;
    }
}

uint64_t hub_wall_us(const struct hub *hub)
{
    return (uint64_t)((double)(hub_real_us() - hub->air_epoch_us) * hub->speed);
}

bool hub_is_paused(const struct hub *hub)
{
    return hub->pause_at_us != UINT64_MAX || hub->pause_at_packet;
}

void hub_pause(struct hub *hub)
{
    hub->pause_at_us = woad_air_now(hub->air);
    hub->pause_at_packet = false;
}

void hub_continue(struct hub *hub)
{
    hub->pause_at_us = UINT64_MAX;
    hub->pause_at_packet = false;
    hub->paced_real_us = 0;
}

void hub_step_on(struct hub *hub, uint64_t us)
{
    hub->pause_at_us = us ? woad_air_now(hub->air) + us : UINT64_MAX;
    hub->pause_at_packet = us == 0;
    hub->paced_real_us = 0;
}

void hub_packet_began(struct hub *hub)
{
    if (hub->pause_at_packet) {
        hub_pause(hub);
    }
}

/* On the wall's clock the air's time is the same before and after. */
void hub_set_speed(struct hub *hub, double speed)
{
    hub->paced_real_us = 0;
    if (hub->options->virtual_clock) {
        hub->pace = speed;
        return;
    }
    uint64_t passed = (uint64_t)((double)woad_air_now(hub->air) / speed), real = hub_real_us();
    hub->speed = speed;
    hub->air_epoch_us = real - passed;
}
