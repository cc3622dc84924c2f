/* The medium. A packet is received by every radio that listens on its channel from its first bit
 * to its last, unless path.c says that the signal is too weak or collides. Called by the radios,
 * and by the clock for delayed packets.
 *
 * Names of other files:
 *   c: the controller
 *   f: a packet on the air (world.h)
 *   activities: of a controller: the functions of each activity
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_packet: a packet on the air: world.h
 *   cfg: what the program gave when it made the controller, or the air:
 *       woad_air_controller_config
 *   collider: the packets that overlap this one in time
 *   collisions: entries of collider[]; of more, the COLLISIONS_MAX nearest to the sender
 *   controller_schedule(): to be called when a deadline of the controller may have changed
 *   delayed: copies of packets that arrive later; `to` NULL: a free entry
 *   DELAYED_MAX: copies of packets that the air has room for
 *   delayed_packet: a copy of a packet that arrives later: world.h
 *   farthest: index of the farthest of collider[] from the sender, if that is full
 *   farthest_mm2: the square of its distance, mm2
 *   intercept: the program may drop, change, delay or repeat a packet for a receiver; NULL: none
 *   listeners: radios that listen, by channel
 *   NEVER: a deadline that does not exist: later than any time
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   packets: of an SDU: its HCI packets, given back with it; of the air: those that are on it,
 *       by channel
 *   path_clear(): the packet can be decoded there: not too weak, no collision, not lost by
 *       chance
 *   path_delay(): us that a packet takes to the receiver
 *   path_rssi(): strength of a packet at the receiver, dBm
 *   phy_number(): HCI's number of a PHY: both codings are one
 *   plain: of a packet, for a sniffer: the PDU before encryption, of plain_len octets; 0: not
 *       encrypted
 *   radio_offer(): if the radio is free, a scanner with an open window listens again
 *   repeat_us: us after the packet at which it is delivered a second time; 0: it is not
 *   since: us: when the radio began to listen
 *   sniff: the program sees each packet when it ends; NULL: none
 *   state: of the radio: RADIO_OFF; RADIO_WAIT: a packet is to be sent; RADIO_TX; RADIO_RX: it
 *       listens */
#include "world.h"

/* The square of their distance, mm2. */
static uint64_t distance_squared(const struct emitter *a, const struct emitter *b)
{
    int64_t dx = (int64_t)a->x_mm - b->x_mm, dy = (int64_t)a->y_mm - b->y_mm;
    return (uint64_t)(dx * dx) + (uint64_t)(dy * dy);
}

/* Which of the colliding packets gives way to a nearer one. Distances are those to the sender, in
 * the place of those to the receivers, which are not known yet. */
static void packet_find_farthest(struct air_packet *f)
{
    f->farthest_mm2 = 0;
    for (uint8_t n = 0; n < COLLISIONS_MAX; n++) {
        uint64_t d = distance_squared(&f->collider[n], &f->emitter);
        if (d >= f->farthest_mm2) {
            f->farthest_mm2 = d;
            f->farthest = n;
        }
    }
}

/* Adds a packet to those that overlap `f`. If the array is full, the nearest to the sender stay. */
static void packet_add_collision(struct air_packet *f, const struct air_packet *by)
{
    if (f->collisions < COLLISIONS_MAX) {
        f->collider[f->collisions++] = by->emitter;
    } else if (distance_squared(&by->emitter, &f->emitter) < f->farthest_mm2) {
        f->collider[f->farthest] = by->emitter;
    } else {
        return;
    }
    if (f->collisions == COLLISIONS_MAX) {
        packet_find_farthest(f);
    }
}

/* Puts the packet of this radio on the air: it and all on its channel collide. */
void medium_begin(controller *c)
{
    struct air_packet *mine = &c->radio.packet;
    struct woad_air *air = c->air;
    mine->emitter = (struct emitter){
        .x_mm = c->cfg.x_mm, .y_mm = c->cfg.y_mm, .power = mine->power, .sender = c
    };
    mine->collisions = 0;
    for (struct air_packet *f = air->packets[mine->channel]; f; f = f->next) {
        packet_add_collision(f, mine);
        packet_add_collision(mine, f);
    }
    mine->next = air->packets[mine->channel];
    air->packets[mine->channel] = mine;
}

/* Takes a packet off the list of its channel, if it is in it. */
static void packet_remove(struct woad_air *air, struct air_packet *gone)
{
    struct air_packet **at = &air->packets[gone->channel];
    while (*at && *at != gone) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = gone->next;
    }
}

/* A packet as the program sees it; `pdu` and `plain` stay in `f`. */
static struct woad_air_packet sniffed_packet(const struct air_packet *f)
{
    return (struct woad_air_packet){ .start_us = f->start,
                                     .channel = f->channel,
                                     .access_address = f->aa,
                                     .phy = f->phy,
                                     .pdu = f->pdu,
                                     .len = f->len,
                                     .power_dbm = f->power,
                                     .kind = f->kind,
                                     .crc_init = f->crc_init,
                                     .plain = f->plain_len ? f->plain : NULL,
                                     .plain_len = f->plain_len,
                                     .from = f->from };
}

/* Gives the packet to the activity that listens. Where that leaves the radio free, scanning goes
 * on. */
static void medium_deliver_now(controller *to, const struct air_packet *f, int8_t rssi)
{
    const struct activity *a = &to->activities[to->radio.owner];
    if (a->on_rx) {
        a->on_rx(to, f, rssi);
    }
    radio_offer(to);
    controller_schedule(to);
}

/* Whether the radio listens for this packet: since before its first bit, on its channel and PHY,
 * for its access address. */
static bool medium_is_received(const controller *to, const struct air_packet *f)
{
    return to->radio.state == RADIO_RX && to->radio.channel == f->channel &&
           to->radio.aa == f->aa && to->radio.since <= f->start &&
           phy_number(to->radio.phy) == phy_number(f->phy);
}

/* Keeps a copy that arrives `us` later. If the array is full, the packet is lost. */
static void medium_deliver_later(controller *to, const struct air_packet *f, int8_t rssi,
                                 uint32_t us)
{
    struct woad_air *air = to->air;
    for (uint8_t n = 0; n < DELAYED_MAX; n++) {
        struct delayed_packet *e = &air->delayed[n];
        if (!e->to) {
            *e = (struct delayed_packet){ .to = to, .at = f->end + us, .rssi = rssi, .packet = *f };
            e->packet.start += us;
            e->packet.end += us;
            air->n_delayed++;
            return;
        }
    }
}

/* When the next delayed copy arrives; NEVER: none is on its way. */
uint64_t medium_next(const struct woad_air *air)
{
    uint64_t next = NEVER;
    for (uint8_t n = 0; air->n_delayed && n < DELAYED_MAX; n++) {
        if (air->delayed[n].to) {
            next = earlier(air->delayed[n].at, next);
        }
    }
    return next;
}

/* Delivers the copies that have arrived. path_clear() has decided when the packet was sent; the
 * receiver must listen when it arrives. */
void medium_on_timer(struct woad_air *air)
{
    for (uint8_t n = 0; n < DELAYED_MAX; n++) {
        struct delayed_packet e = air->delayed[n];
        if (e.to && e.at <= air->now) {
            air->delayed[n].to = NULL;
            air->n_delayed--;
            if (medium_is_received(e.to, &e.packet)) {
                medium_deliver_now(e.to, &e.packet, e.rssi);
            }
        }
    }
}

/* A controller is detached: drops packets on their way to it. radio_off() has taken it off the
 * other lists. */
void medium_forget(struct woad_air *air, const controller *gone)
{
    for (uint8_t n = 0; n < DELAYED_MAX; n++) {
        if (air->delayed[n].to == gone) {
            air->delayed[n].to = NULL;
            air->n_delayed--;
        }
    }
}

/* Delivers a packet to one receiver, now or later. The program's interceptor may change copy.pdu
 * and `delivery`; if it returns false, the packet is lost for this receiver. */
static void medium_deliver(controller *to, const struct air_packet *f, int8_t rssi)
{
    struct woad_air *air = to->air;
    struct woad_air_delivery delivery = { .delay_us = path_delay(f->from, to), .repeat_us = 0 };
    struct air_packet copy;
    if (air->cfg.intercept) {
        struct woad_air_packet p = sniffed_packet(f);
        copy = *f;
        if (!air->cfg.intercept(air->cfg.ctx, &p, to, copy.pdu, &delivery)) {
            return;
        }
        f = &copy;
    }
    if (delivery.repeat_us) {
        medium_deliver_later(to, f, rssi, delivery.delay_us + delivery.repeat_us);
    }
    if (delivery.delay_us) {
        medium_deliver_later(to, f, rssi, delivery.delay_us);
    } else {
        medium_deliver_now(to, f, rssi);
    }
}

/* The packet's last bit: delivers it to the radios that receive it. A receiver may leave the list
 * of listeners while it handles the packet, so the next is read first. `f` stays as it is until
 * then: a response is written into the packet of the radio that sends it. */
void medium_end(controller *c)
{
    struct woad_air *air = c->air;
    struct air_packet *f = &c->radio.packet;
    packet_remove(air, f);
    if (air->cfg.sniff) {
        struct woad_air_packet p = sniffed_packet(f);
        air->cfg.sniff(air->cfg.ctx, &p);
    }
    for (controller *to = air->listeners[f->channel], *next; to; to = next) {
        next = to->radio.next;
        if (medium_is_received(to, f)) {
            int8_t rssi = path_rssi(&f->emitter, to);
            if (path_clear(f, to, rssi)) {
                medium_deliver(to, f, rssi);
            }
        }
    }
}

/* Whether this radio is receiving a packet, also one that is too weak or collides, or will get a
 * delayed one: its listening must not time out before. */
bool medium_busy(const controller *c, uint64_t *end)
{
    for (struct air_packet *f = c->air->packets[c->radio.channel]; f; f = f->next) {
        if (medium_is_received(c, f)) {
            *end = f->end + path_delay(f->from, c);
            return true;
        }
    }
    for (uint8_t n = 0; c->air->n_delayed && n < DELAYED_MAX; n++) {
        const struct delayed_packet *e = &c->air->delayed[n];
        if (e->to == c && medium_is_received(c, &e->packet)) {
            *end = e->at;
            return true;
        }
    }
    return false;
}

/* Puts a radio on the list of its channel. */
void medium_listen(controller *c)
{
    controller **head = &c->air->listeners[c->radio.channel];
    c->radio.prev = NULL;
    c->radio.next = *head;
    if (*head) {
        (*head)->radio.prev = c;
    }
    *head = c;
}

/* Takes a radio off the list of its channel. */
void medium_stop_listening(controller *c)
{
    if (c->radio.prev) {
        c->radio.prev->radio.next = c->radio.next;
    } else {
        c->air->listeners[c->radio.channel] = c->radio.next;
    }
    if (c->radio.next) {
        c->radio.next->radio.prev = c->radio.prev;
    }
    c->radio.prev = c->radio.next = NULL;
}
