/* One controller, as an application of the simulation sees it: its memory, the packets of its host,
 * and its end.  include/woad/air.h says what each function does.
 *
 * Names of other files:
 *   c: the controller
 *   acl_buffer: a buffer for data of the host
 *   activities: of a controller: the functions of each activity
 *   adv_enable(): enables or disables a set; enabling sets `next` and `until`
 *   air_activities: the table of activities.c
 *   air_attach(): puts the controller on the air: its deadlines run
 *   AIR_EAGAIN: AIR_E…: errors of the functions of woad/air.h
 *   big: a broadcast isochronous group: ll.h
 *   buffers: buffers for data of the host
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   cmd_reset(): sets all state but the configuration, as at power-on
 *   cmd_rx(): runs a command; AIR_EBADMSG: its length is wrong
 *   connecting: the scanner initiates a connection
 *   control_terminate(): sends LL_TERMINATE_IND; the connection ends when it is acknowledged
 *   controller_schedule(): to be called when a deadline of the controller may have changed
 *   data_from_host(): takes an ACL packet; AIR_EBADMSG: it is malformed
 *   enabled: of periodic advertising: by the host
 *   evt_room(): the queue to the host has room for so many octets
 *   fifo_begin(): empties the queue, of so many octets
 *   host_queue: packets for the host, with their H4 type
 *   hung: the simulation has stopped the controller, woad_air_hang(): nothing runs
 *   iso_from_host(): takes an ISO packet; AIR_EBADMSG: it is malformed
 *   leaving: the controller makes no new connections: woad_air_leave()
 *   ll_adv: an advertising set: ll.h
 *   periodic: periodic advertising of a set
 *   queue: of the configuration: octets for packets to the host
 *   radio_offer(): if the radio is free, a scanner with an open window listens again
 *   room: octets in each of data, rsp and periodic.data of a set
 *   ROOM_FOR_ANSWER: octets of the queue to the host without which a command waits
 *   rsp: the scan response data
 *   scan_enable(): begins or ends scanning; the caller sets the times
 *   sets: the advertising sets, n_sets of them; legacy advertising is the first
 *   sync: a sync with periodic advertising of another device: ll.h */
#include "hci.h"

/* The next multiple of 16: each part of the memory begins at one. */
static size_t aligned(size_t n)
{
    return (n + 15) / 16 * 16;
}

/* In the ranges that air.h names. */
static bool config_valid(const struct woad_air_controller_config *c)
{
    return c && c->conns && c->conns <= 64 && c->acl_count && c->acl_count <= 64 &&
           c->acl_len >= 27 && c->acl_len <= 251 && c->queue >= 2048 && c->adv_sets <= 64 &&
           c->iso <= 16 && c->drift_ppm >= -500 && c->drift_ppm <= 500;
}

/* Legacy advertising is one set, of 31 octets. */
enum { ADV_DATA = 31, EXT_DATA = 1650 };
/* The advertising sets of a configuration. */
static size_t n_sets_of(const struct woad_air_controller_config *c)
{
    if (!c->adv_sets) {
        return 1;
    }
    return c->adv_sets;
}

/* Octets in each array of a set. */
static uint16_t adv_room(const struct woad_air_controller_config *c)
{
    if (c->adv_sets) {
        return EXT_DATA;
    }
    return ADV_DATA;
}

/* An advertising set, with its data, scan response and periodic data. */
static size_t set_size(const struct woad_air_controller_config *c)
{
    return sizeof(struct ll_adv) + (c->adv_sets ? 3u : 2u) * adv_room(c);
}

/* Lays out the advertising sets, then the data of each. */
static void layout_sets(controller *c, uint8_t *at)
{
    c->n_sets = (uint8_t)n_sets_of(&c->cfg);
    c->sets = (struct ll_adv *)(void *)at;
    at += c->n_sets * sizeof *c->sets;
    for (uint8_t n = 0; n < c->n_sets; n++) {
        c->sets[n].room = adv_room(&c->cfg);
        c->sets[n].data = at + n * (set_size(&c->cfg) - sizeof *c->sets);
        c->sets[n].rsp = c->sets[n].data + adv_room(&c->cfg);
        if (c->cfg.adv_sets) {
            c->sets[n].periodic.data = c->sets[n].rsp + adv_room(&c->cfg);
        } else {
            c->sets[n].periodic.data = NULL;
        }
    }
}

/* The parts of a controller's memory, in order: sizes as multiples of 16. */
size_t woad_air_controller_size(const struct woad_air_controller_config *c)
{
    if (!config_valid(c)) {
        return 0;
    }
    return aligned(sizeof(controller)) + aligned(sizeof(struct ll)) +
           aligned(c->conns * sizeof(struct link)) + aligned(n_sets_of(c) * set_size(c)) +
           aligned(c->iso * sizeof(struct iso)) +
           aligned(c->acl_count * (sizeof(struct acl_buffer) + c->acl_len)) + aligned(c->queue);
}

/* Lays out the buffers for data of the host, then their octets. */
static void layout_buffers(controller *c, uint8_t *at)
{
    uint8_t *data = at + c->cfg.acl_count * sizeof(struct acl_buffer);
    c->buffers = (struct acl_buffer *)(void *)at;
    for (size_t i = 0; i < c->cfg.acl_count; i++) {
        c->buffers[i].data = data + i * c->cfg.acl_len;
    }
}

/* The parts of the memory lie in the order of woad_air_controller_size(). */
struct woad_air_controller *woad_air_attach(struct woad_air *air, void *mem, size_t len,
                                            const struct woad_air_controller_config *config)
{
    size_t need = woad_air_controller_size(config);
    if (!mem || !need || len < need) {
        return NULL;
    }
    memset(mem, 0, need);
    controller *c = mem;
    uint8_t *at = (uint8_t *)mem + aligned(sizeof *c);
    c->size = need;
    c->cfg = *config;
    c->activities = air_activities;
    c->ll = (struct ll *)(void *)at;
    c->scan = &c->ll->scan;
    c->sync = c->ll->sync;
    c->big = c->ll->big;
    at += aligned(sizeof *c->ll);
    c->links = (struct link *)(void *)at;
    at += aligned(config->conns * sizeof(struct link));
    layout_sets(c, at);
    at += aligned(n_sets_of(config) * set_size(config));
    c->iso = (struct iso *)(void *)at;
    at += aligned(config->iso * sizeof(struct iso));
    layout_buffers(c, at);
    at += aligned(config->acl_count * (sizeof(struct acl_buffer) + config->acl_len));
    c->host_queue.mem = at;
    fifo_begin(&c->host_queue, config->queue);
    air_attach(air, c);
    cmd_reset(c);
    return c;
}

/* Ends all that it has begun, with the peers' knowledge: it is idle when connections have ended. */
void woad_air_leave(struct woad_air_controller *c)
{
    c->leaving = true;
    for (uint8_t n = 0; n < c->n_sets; n++) {
        c->sets[n].periodic.enabled = false;
        adv_enable(c, &c->sets[n], false);
    }
    scan_enable(c, false);
    c->scan->connecting = false;
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        if (c->links[i].used) {
            control_terminate(c, i, WOAD_HCI_REMOTE_POWER_OFF);
        }
    }
    controller_schedule(c);
}

/* No connection is left. */
bool woad_air_idle(const struct woad_air_controller *c)
{
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        if (c->links[i].used) {
            return false;
        }
    }
    return true;
}

/* A packet of the host, with its H4 type.  AIR_EAGAIN: the queue to the host is full, so a
 * command waits; AIR_EBADMSG: it is malformed. */
int woad_air_rx(struct woad_air_controller *c, const uint8_t *packet, size_t len)
{
    struct rd in = rd_of(packet, len);
    uint8_t type = rd_u8(&in);
    int result = AIR_EBADMSG;
    if (c->hung) {
        return 0;
    }
    if (type == H4_COMMAND) {
        result = AIR_EAGAIN;
        if (evt_room(c, ROOM_FOR_ANSWER)) {
            result = cmd_rx(c, &in);
        }
    } else if (type == H4_ACL) {
        result = data_from_host(c, &in);
    } else if (type == H4_ISO) {
        result = iso_from_host(c, &in);
    } else if (type == H4_SCO) {
        result = 0; /* SCO has no meaning here: ignored */
    }
    radio_offer(c);
    controller_schedule(c);
    return result;
}

/* The next packet for the host; 0: none, or `room` is too small for it. */
size_t woad_air_tx(struct woad_air_controller *c, uint8_t *buf, size_t room)
{
    const uint8_t *packet = fifo_first(&c->host_queue);
    size_t len = 0;
    if (packet) {
        len = fifo_len(packet);
    }
    if (!len || len > room || c->hung) {
        return 0;
    }
    memcpy(buf, packet, len);
    fifo_drop(&c->host_queue);
    return len;
}
