/* The medium: a packet reaches those who listened on its channel from its first bit to its last,
 * are near enough, and are not deafened by another one at the same time. */
#include "ll.h"

enum { SENSITIVITY_DBM = -95, CAPTURE_DB = 8, LOSS_AT_1_M_DB = 40 };

/* 20 log10(d / 1 m) of a distance squared, in dB: the octaves of the number, and a table of
 * eighths of an octave in hundredths of a dB. */
static int32_t decibels(uint64_t mm2)
{
    static const uint16_t eighth[8] = { 0, 51, 97, 138, 176, 211, 243, 273 };
    int octaves = 0;
    while (mm2 >> (octaves + 1) && octaves < 62) {
        octaves++;
    }
    unsigned part = octaves >= 3 ? (unsigned)(mm2 >> (octaves - 3)) & 7 : 0;
    return (octaves * 301 + eighth[part] - 6000) / 100;
}

/* Free space: 40 dB at 1 m, 6 dB more for each doubling. */
static int8_t received(const struct place *from, const ctl *to)
{
    int64_t dx = (int64_t)from->x_mm - to->cfg.x_mm, dy = (int64_t)from->y_mm - to->cfg.y_mm;
    uint64_t mm2 = (uint64_t)(dx * dx) + (uint64_t)(dy * dy);
    if (mm2 < 100 * 100) {
        mm2 = 100 * 100;                 /* antennas are never nearer than 10 cm */
    }
    int32_t dbm = from->power - LOSS_AT_1_M_DB - decibels(mm2);
    return (int8_t)(dbm < -127 ? -127 : dbm > 20 ? 20 : dbm);
}

static struct place place_of(const ctl *c)
{
    return (struct place){ c->cfg.x_mm, c->cfg.y_mm, c->cfg.tx_power_dbm };
}

static uint64_t apart_mm2(const struct place *a, const struct place *b)
{
    int64_t dx = (int64_t)a->x_mm - b->x_mm, dy = (int64_t)a->y_mm - b->y_mm;
    return (uint64_t)(dx * dx) + (uint64_t)(dy * dy);
}

/* Of more than can be remembered, those nearest to the sender. */
static void flight_hit(struct flight *f, const ctl *by)
{
    struct place mine = place_of(f->from), its = place_of(by);
    uint8_t far = 0;
    if (f->hits < HITS) {
        f->hit[f->hits++] = its;
        return;
    }
    for (uint8_t n = 1; n < HITS; n++) {
        far = apart_mm2(&f->hit[n], &mine) > apart_mm2(&f->hit[far], &mine) ? n : far;
    }
    if (apart_mm2(&its, &mine) < apart_mm2(&f->hit[far], &mine)) {
        f->hit[far] = its;
    }
}

void medium_begin(ctl *c)
{
    struct flight *mine = &c->radio.flight;
    struct woad_air *air = c->air;
    mine->hits = 0;
    for (struct flight *f = air->flights[mine->channel]; f; f = f->next) {
        flight_hit(f, c);
        flight_hit(mine, f->from);
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

static bool medium_clear(const struct flight *f, const ctl *to, int8_t rssi)
{
    if (rssi < SENSITIVITY_DBM) {
        return false;
    }
    for (uint8_t n = 0; n < f->hits; n++) {
        if (received(&f->hit[n], to) > rssi - CAPTURE_DB) {
            return false;
        }
    }
    return !to->air->cfg.loss_per_mille ||
           air_random_below(to->air, 1000) >= to->air->cfg.loss_per_mille;
}

static struct woad_air_packet packet_of(const struct flight *f)
{
    return (struct woad_air_packet){
        f->start, f->channel, f->aa, f->phy, f->pdu, f->len, f->from->cfg.tx_power_dbm, f->kind,
        f->crc_init, f->plain_len ? f->plain : NULL, f->plain_len };
}

static void medium_deliver(ctl *to, const struct flight *f, int8_t rssi)
{
    struct woad_air *air = to->air;
    struct flight copy;
    if (air->cfg.meddle) {
        struct woad_air_packet p = packet_of(f);
        copy = *f;
        if (!air->cfg.meddle(air->cfg.ctx, &p, to, copy.pdu)) {
            return;
        }
        f = &copy;
    }
    struct rd pdu = rd_of(f->pdu, f->len);
    switch (to->radio.owner) {
    case FOR_ADV:
        adv_heard(to, pdu, f->end);
        break;
    case FOR_SCAN:
        scan_heard(to, pdu, rssi, f->start, f->end);
        break;
    case FOR_CONN:
        link_heard(to, f, rssi);
        break;
    default:
        break;
    }
    if (to->radio.state == RADIO_OFF) {
        scan_resume(to);
    }
    air_plan(to);
}

/* The packet is over: those who hear it act on it now.  The list of listeners may change as they
 * do, so it is walked by what follows each before it acts. */
void medium_end(ctl *c)
{
    struct woad_air *air = c->air;
    struct flight *f = &c->radio.flight;
    struct place from = place_of(c);
    flight_remove(air, f);
    if (air->cfg.sniff) {
        struct woad_air_packet p = packet_of(f);
        air->cfg.sniff(air->cfg.ctx, &p);
    }
    for (ctl *to = air->listeners[f->channel], *next; to; to = next) {
        next = to->radio.next;
        if (to->radio.aa == f->aa && to->radio.since <= f->start &&
            phy_number(to->radio.phy) == phy_number(f->phy)) {
            int8_t rssi = received(&from, to);
            if (medium_clear(f, to, rssi)) {
                medium_deliver(to, f, rssi);
            }
        }
    }
}

/* Whether a packet that this radio may be hearing is on the air. */
bool medium_busy(const ctl *c, uint64_t *end)
{
    for (struct flight *f = c->air->flights[c->radio.channel]; f; f = f->next) {
        if (f->start >= c->radio.since && f->aa == c->radio.aa &&
            phy_number(f->phy) == phy_number(c->radio.phy)) {
            *end = f->end;
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
