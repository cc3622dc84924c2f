/* What the simulated medium does to a packet between two places: path loss in free space and by
 * walls, links by the program's rules, noise, interferers. Of all state only the random number
 * stream changes here.
 *
 * Names of other files:
 *   f: a packet on the air (world.h)
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_packet: a packet on the air: world.h
 *   air_random_below(): a random number, less than this one
 *   around(): walls, links, noise and interferers, from the program; NULL: free space
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   collider: the packets that overlap this one in time
 *   collisions: entries of collider[]; of more, the COLLISIONS_MAX nearest to the sender
 *   emitter: place and power of a packet's sender when it began
 *   every_us: an interferer is on for on_us of every_us; 0: always
 *   from_us: us: when the link or interferer begins
 *   loss_per_mille: packets of a thousand that are lost by chance
 *   noise_dbm: strength of the noise
 *   PHY_CODED_S2: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a
 *       bit
 *   until_us: us: when it ends; 0: never */
#include "world.h"

/* NOISE_DBM: where the program sets no noise.  CAPTURE_DB: how much stronger than another signal a
 * packet must be. */
enum { NOISE_DBM = -105, CAPTURE_DB = 8, LOSS_AT_1_M_DB = 40 };

/* The surroundings of the program, or free space. */
static const struct woad_air_surroundings *around(const struct woad_air *air)
{
    static const struct woad_air_surroundings free_space = { .noise_dbm = NOISE_DBM };
    if (air->cfg.around) {
        return air->cfg.around;
    }
    return &free_space;
}

/* 20 log10(d / 1 m) in dB, which is 10 log10 of the square of the distance: 3.01 dB for each octave
 * of that number, and from a table 10 log10(1 + n/8), in hundredths of a dB.  1 m, 10^6 mm2, is 60
 * dB of that. */
static int32_t decibels(uint64_t mm2)
{
    static const uint16_t eighth[8] = { 0, 51, 97, 138, 176, 211, 243, 273 };
    int octaves = 0;
    for (int half = 32; half; half /= 2) {
        if (mm2 >> octaves >> half) {
            octaves += half;
        }
    }
    unsigned part = 0;
    if (octaves >= 3) {
        part = (unsigned)(mm2 >> (octaves - 3)) & 7;
    }
    return (octaves * 301 + eighth[part] - 6000) / 100;
}

static uint64_t square(int64_t mm)
{
    uint64_t size = (uint64_t)(mm < 0 ? -mm : mm); /* of two int32_t: 32 bits */
    return size * size;
}

/* The square of a distance, of 2^64 mm2 at most. */
static uint64_t apart_mm2(int32_t x1, int32_t y1, int32_t x2, int32_t y2)
{
    uint64_t along = square((int64_t)x1 - x2), across = square((int64_t)y1 - y2);
    if (along > UINT64_MAX - across) {
        return UINT64_MAX;
    }
    return along + across;
}

/* On which side of the line from a to b a point lies: -1, 0, 1. In double, because products of
 * such coordinates would overflow. */
static int side(int64_t ax, int64_t ay, int64_t bx, int64_t by, int64_t x, int64_t y)
{
    double cross = (double)(bx - ax) * (double)(y - ay) - (double)(by - ay) * (double)(x - ax);
    return (cross > 0) - (cross < 0);
}

/* Whether the straight line between two places crosses the wall, its ends included.  A device that
 * stands in the wall's line is on no side of it. */
static bool wall_between(const struct woad_air_wall *w, int32_t x, int32_t y, const controller *to)
{
    int64_t tx = to->cfg.x_mm, ty = to->cfg.y_mm;
    return side(w->x1_mm, w->y1_mm, w->x2_mm, w->y2_mm, x, y) *
                   side(w->x1_mm, w->y1_mm, w->x2_mm, w->y2_mm, tx, ty) <
               0 &&
           side(x, y, tx, ty, w->x1_mm, w->y1_mm) * side(x, y, tx, ty, w->x2_mm, w->y2_mm) <= 0;
}

/* dB that the walls between a place and a controller take. */
static int32_t path_walls(const controller *to, int32_t x, int32_t y)
{
    const struct woad_air_surroundings *s = around(to->air);
    int32_t loss = 0;
    for (size_t n = 0; n < s->walls; n++) {
        if (wall_between(&s->wall[n], x, y, to)) {
            loss += s->wall[n].loss_db;
        }
    }
    return loss;
}

/* Power received, dBm. Free space: 40 dB at 1 m, 6 dB more for each doubling; then the walls. */
static int32_t path_power(const controller *to, int32_t x, int32_t y, int32_t power)
{
    uint64_t mm2 = apart_mm2(x, y, to->cfg.x_mm, to->cfg.y_mm);
    if (mm2 < 100 * 100) {
        mm2 = 100 * 100; /* antennas are never nearer than 10 cm */
    }
    return power - LOSS_AT_1_M_DB - decibels(mm2) - path_walls(to, x, y);
}

/* Whether a rule of the surroundings is about these two, now; NULL in a rule: any controller. */
static bool link_is(const struct woad_air_link *l, const controller *from, const controller *to)
{
    uint64_t now = to->air->now;
    return (!l->from || l->from == from) && (!l->to || l->to == to) && l->from_us <= now &&
           (!l->until_us || now < l->until_us);
}

/* dBm with which a packet arrives. */
int8_t path_rssi(const struct emitter *from, const controller *to)
{
    const struct woad_air_surroundings *s = around(to->air);
    int32_t dbm = path_power(to, from->x_mm, from->y_mm, from->power);
    for (size_t n = 0; n < s->links; n++) {
        if (link_is(&s->link[n], from->sender, to)) {
            dbm -= s->link[n].loss_db;
        }
    }
    return (int8_t)clamp(dbm, -127, 20);
}

/* us by which a link's rule delays packets, as an extender of range would; medium.c adds it to the
 * time at which a packet is heard. */
uint32_t path_delay(const controller *from, const controller *to)
{
    const struct woad_air_surroundings *s = around(to->air);
    uint32_t us = 0;
    for (size_t n = 0; n < s->links; n++) {
        if (link_is(&s->link[n], from, to)) {
            us += s->link[n].delay_us;
        }
    }
    return us;
}

/* Draws whether a packet is lost at random. */
static bool path_loses(const controller *from, const controller *to)
{
    const struct woad_air_surroundings *s = around(to->air);
    uint32_t kept = 1000u - to->air->cfg.loss_per_mille;
    for (size_t n = 0; n < s->links; n++) {
        if (link_is(&s->link[n], from, to)) {
            uint32_t loss = s->link[n].loss_per_mille;
            uint32_t passed = 0;
            if (loss < 1000) {
                passed = 1000u - loss;
            }
            kept = kept * passed / 1000;
        }
    }
    return kept < 1000 && air_random_below(to->air, 1000) >= kept;
}

/* Whether an interferer is on at any moment of the packet. */
static bool interferer_on(const struct woad_air_interferer *n, const struct air_packet *f)
{
    if (!(n->channels >> f->channel & 1) || f->end <= n->from_us ||
        (n->until_us && f->start >= n->until_us)) {
        return false;
    }
    if (!n->every_us || n->on_us >= n->every_us) {
        return true;
    }
    uint64_t into = 0;
    if (f->start > n->from_us) {
        into = (f->start - n->from_us) % n->every_us;
    }
    return into < n->on_us || into + (f->end - f->start) > n->every_us;
}

/* dBm: the weakest signal of a PHY. needs[]: its least distance from the noise in dB, by PHY: none,
 * 1M, 2M, S=8, S=2. */
static int32_t path_floor(const controller *to, uint8_t phy)
{
    static const int8_t needs[] = { 0, 10, 13, 2, 7 };
    return around(to->air)->noise_dbm + needs[phy <= PHY_CODED_S2 ? phy : 0];
}

/* Strong enough for its PHY, CAPTURE_DB above each colliding packet and each interferer, and not
 * lost by chance.  One random number at most is drawn, as the last. */
bool path_clear(const struct air_packet *f, const controller *to, int8_t rssi)
{
    const struct woad_air_surroundings *s = around(to->air);
    if (rssi < path_floor(to, f->phy)) {
        return false;
    }
    for (uint8_t n = 0; !s->no_collisions && n < f->collisions; n++) {
        if (path_rssi(&f->collider[n], to) > rssi - CAPTURE_DB) {
            return false;
        }
    }
    for (size_t n = 0; n < s->interferers; n++) {
        const struct woad_air_interferer *i = &s->interferer[n];
        if (interferer_on(i, f) &&
            path_power(to, i->x_mm, i->y_mm, i->power_dbm) > rssi - CAPTURE_DB) {
            return false;
        }
    }
    return !path_loses(f->from, to);
}
