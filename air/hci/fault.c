/* Faults that a test causes: controllers that hang, crash, move, or send what no controller would.
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   activities: of a controller: the functions of each activity
 *   AIR_EAGAIN: AIR_E…: errors of the functions of woad/air.h
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   catch_up: of an activity: a hang (woad_air_hang) is over, events that have passed are skipped
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   cmd_reset(): sets all state but the configuration, as at power-on
 *   control_inject(): queues a control PDU whatever the state is; false: there is no room
 *   CONTROL_MAX: octets of the longest control PDU
 *   controller_ready(): to be called when the queue to the host has got a packet
 *   controller_schedule(): to be called when a deadline of the controller may have changed
 *   fifo_put(): room for a packet at the queue's end; NULL: there is none
 *   host_queue: packets for the host, with their H4 type
 *   hung: the simulation has stopped the controller, woad_air_hang(): nothing runs
 *   link_by_handle(): the connection with HCI's handle, and its index; NULL: none
 *   link_wake(): the connection has something to send: a peripheral does not skip its next events
 *   power_changed(): connections use the new power, peers with the feature get LL_POWER_CHANGE_IND
 *   radio_off(): stops the radio; nothing is received of a packet that is cut off */
#include "hci.h"

/* air.h says what each function here is for. */
void woad_air_hang(controller *c, bool hangs)
{
    if (hangs == c->hung) {
        return;
    }
    c->hung = hangs;
    radio_off(c);
    if (!hangs) {
        for (const struct activity *a = c->activities; a < c->activities + ACTIVITIES; a++) {
            if (a->catch_up) {
                a->catch_up(c);
            }
        }
    }
    controller_schedule(c);
}

/* As if its power had failed: hosts and peers only notice its silence. */
void woad_air_crash(controller *c)
{
    c->hung = false;
    cmd_reset(c);
    controller_schedule(c);
}

/* A packet for the host, with its H4 type, that this controller would not send. */
int woad_air_send_event(controller *c, const uint8_t *packet, size_t len)
{
    if (!len || len > WOAD_AIR_PACKET) {
        return AIR_EINVAL;
    }
    uint8_t *p = fifo_put(&c->host_queue, len);
    if (!p) {
        return AIR_EAGAIN;
    }
    memcpy(p, packet, len);
    controller_ready(c);
    return 0;
}

/* A control PDU for the peer, whatever the state of the connection is. */
int woad_air_inject(controller *c, uint16_t handle, const uint8_t *pdu, size_t len)
{
    uint8_t i, b[CONTROL_MAX];
    struct link *l = link_by_handle(c, handle, &i);
    struct wr w = wr_of(b, sizeof b);
    if (!l) {
        return AIR_ENOTCONN;
    }
    wr_bytes(&w, pdu, len);
    if (!len || w.bad) {
        return AIR_EINVAL;
    }
    if (!control_inject(l, &w)) {
        return AIR_EAGAIN;
    }
    link_wake(c, i);
    controller_schedule(c);
    return 0;
}

/* dBm: of packets that no command has limited. */
int8_t woad_air_power(const controller *c)
{
    return c->cfg.tx_power_dbm;
}

/* Also at a power of its own: peers with power control get to know. */
void woad_air_move(controller *c, int32_t x_mm, int32_t y_mm, int8_t tx_power_dbm)
{
    c->cfg.x_mm = x_mm;
    c->cfg.y_mm = y_mm;
    c->cfg.tx_power_dbm = tx_power_dbm;
    power_changed(c, tx_power_dbm);
    controller_schedule(c);
}

/* Where the controller stands. */
void woad_air_position(const controller *c, int32_t *x_mm, int32_t *y_mm)
{
    *x_mm = c->cfg.x_mm;
    *y_mm = c->cfg.y_mm;
}

/* Both have a connection with one access address: it is the same. */
bool woad_air_connected(const controller *a, const controller *b)
{
    for (uint8_t i = 0; i < a->cfg.conns; i++) {
        for (uint8_t k = 0; k < b->cfg.conns && a->links[i].used; k++) {
            if (b->links[k].used && b->links[k].aa == a->links[i].aa) {
                return true;
            }
        }
    }
    return false;
}
