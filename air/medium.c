/* The medium: a packet reaches those who listened on its channel from its first bit to its last,
 * are near enough, and are not deafened by another one at the same time (path.c). */
#include "ll.h"

static uint64_t apart(const struct place *a, const struct place *b)
{
    int64_t dx = (int64_t)a->x_mm - b->x_mm, dy = (int64_t)a->y_mm - b->y_mm;
    return (uint64_t)(dx * dx) + (uint64_t)(dy * dy);
}

static void flight_reach(struct flight *f)
{
    f->reach = 0;
    for (uint8_t n = 0; n < HITS; n++) {
        uint64_t d = apart(&f->hit[n], &f->place);
        if (d >= f->reach) {
            f->reach = d;
            f->farthest = n;
        }
    }
}

/* Of more than can be remembered, those nearest to the sender. */
static void flight_hit(struct flight *f, const struct flight *by)
{
    if (f->hits < HITS) {
        f->hit[f->hits++] = by->place;
    } else if (apart(&by->place, &f->place) < f->reach) {
        f->hit[f->farthest] = by->place;
    } else {
        return;
    }
    if (f->hits == HITS) {
        flight_reach(f);
    }
}

void medium_begin(ctl *c)
{
    struct flight *mine = &c->radio.flight;
    struct woad_air *air = c->air;
    mine->place = (struct place){ c->cfg.x_mm, c->cfg.y_mm, mine->power, c };
    mine->hits = 0;
    for (struct flight *f = air->flights[mine->channel]; f; f = f->next) {
        flight_hit(f, mine);
        flight_hit(mine, f);
    }
    mine->next = air->flights[mine->channel];
    air->flights[mine->channel] = mine;
}

static void flight_remove(struct woad_air *air, struct flight *gone)
{
    struct flight **at = &air->flights[gone->channel];
    while (*at && *at != gone) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = gone->next;
    }
}

static struct woad_air_packet packet_of(const struct flight *f)
{
    return (struct woad_air_packet){
        f->start,     f->channel, f->aa,   f->phy,      f->pdu,
        f->len,       f->power,   f->kind, f->crc_init, f->plain_len ? f->plain : NULL,
        f->plain_len, f->from
    };
}

static void medium_hand(ctl *to, const struct flight *f, int8_t rssi)
{
    struct rd pdu = rd_of(f->pdu, f->len);
    switch (to->radio.owner) {
    case FOR_ADV: adv_heard(to, pdu, f->end); break;
    case FOR_SCAN: scan_heard(to, pdu, rssi, f->start, f->end); break;
    case FOR_CONN: link_heard(to, f, rssi); break;
    case FOR_SYNC: sync_heard(to, f, rssi); break;
    case FOR_ISO: iso_heard(to, f); break;
    default: break;
    }
    if (to->radio.state == RADIO_OFF) {
        scan_resume(to);
    }
    air_plan(to);
}

static bool medium_hears(const ctl *to, const struct flight *f)
{
    return to->radio.state == RADIO_RX && to->radio.channel == f->channel &&
           to->radio.aa == f->aa && to->radio.since <= f->start &&
           phy_number(to->radio.phy) == phy_number(f->phy);
}

/* It arrives later.  Of more than can be remembered, the others are lost. */
static void medium_later(ctl *to, const struct flight *f, int8_t rssi, uint32_t us)
{
    struct woad_air *air = to->air;
    for (uint8_t n = 0; n < ECHOES; n++) {
        struct echo *e = &air->echo[n];
        if (!e->to) {
            *e = (struct echo){ to, f->end + us, rssi, *f };
            e->flight.start += us;
            e->flight.end += us;
            air->echoes++;
            return;
        }
    }
}

uint64_t medium_next(const struct woad_air *air)
{
    uint64_t next = NEVER;
    for (uint8_t n = 0; air->echoes && n < ECHOES; n++) {
        next = air->echo[n].to && air->echo[n].at < next ? air->echo[n].at : next;
    }
    return next;
}

void medium_due(struct woad_air *air)
{
    for (uint8_t n = 0; n < ECHOES; n++) {
        struct echo e = air->echo[n];
        if (e.to && e.at <= air->now) {
            air->echo[n].to = NULL;
            air->echoes--;
            if (medium_hears(e.to, &e.flight)) {
                medium_hand(e.to, &e.flight, e.rssi);
            }
        }
    }
}

/* It is gone: nothing arrives there any more. */
void medium_forget(struct woad_air *air, const ctl *gone)
{
    for (uint8_t n = 0; n < ECHOES; n++) {
        if (air->echo[n].to == gone) {
            air->echo[n].to = NULL;
            air->echoes--;
        }
    }
}

static void medium_deliver(ctl *to, const struct flight *f, int8_t rssi)
{
    struct woad_air *air = to->air;
    struct woad_air_delivery fate = { path_delay(f->from, to), 0 };
    struct flight copy;
    if (air->cfg.intercept) {
        struct woad_air_packet p = packet_of(f);
        copy = *f;
        if (!air->cfg.intercept(air->cfg.ctx, &p, to, copy.pdu, &fate)) {
            return;
        }
        f = &copy;
    }
    if (fate.again_us) {
        medium_later(to, f, rssi, fate.delay_us + fate.again_us);
    }
    if (fate.delay_us) {
        medium_later(to, f, rssi, fate.delay_us);
    } else {
        medium_hand(to, f, rssi);
    }
}

/* The packet is over: those who hear it act on it now.  The list of listeners may change as they
 * do, so it is walked by what follows each before it acts. */
void medium_end(ctl *c)
{
    struct woad_air *air = c->air;
    struct flight *f = &c->radio.flight;
    struct place from = f->place; /* what it was when it began: f may be used again */
    flight_remove(air, f);
    if (air->cfg.sniff) {
        struct woad_air_packet p = packet_of(f);
        air->cfg.sniff(air->cfg.ctx, &p);
    }
    for (ctl *to = air->listeners[f->channel], *next; to; to = next) {
        next = to->radio.next;
        if (medium_hears(to, f)) {
            int8_t rssi = path_rssi(&from, to);
            if (path_clear(f, to, rssi)) {
                medium_deliver(to, f, rssi);
            }
        }
    }
}

/* Whether a packet that this radio may be hearing is on the air. */
bool medium_busy(const ctl *c, uint64_t *end)
{
    for (struct flight *f = c->air->flights[c->radio.channel]; f; f = f->next) {
        if (medium_hears(c, f)) {
            *end = f->end + path_delay(f->from, c);
            return true;
        }
    }
    for (uint8_t n = 0; c->air->echoes && n < ECHOES; n++) {
        const struct echo *e = &c->air->echo[n];
        if (e->to == c && medium_hears(c, &e->flight)) {
            *end = e->at;
            return true;
        }
    }
    return false;
}

void medium_listen(ctl *c)
{
    ctl **head = &c->air->listeners[c->radio.channel];
    c->radio.prev = NULL;
    c->radio.next = *head;
    if (*head) {
        (*head)->radio.prev = c;
    }
    *head = c;
}

void medium_deafen(ctl *c)
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
