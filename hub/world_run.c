/* Does the lines of a world file when they are due: to the surroundings, controllers, packets.
 *
 * Names of other files:
 *   v: numbers of a line, `values` of them, in the units of the usage
 *   around: walls, links, interferers and noise for woad_air_init(); its arrays are the file's
 *   lines_done: lines of the file that have been done: those before
 *   link_ends: ids of the controllers of each link; 0: any
 *   find_controller: the attached controller of an id, or NULL; set by the hub; NULL: no air yet
 *   WORLD_NAMED: ids of controllers: below it their numbers, from it on their names
 *   every: a rule applies to each of so many packets; 0: to none
 *   times: a rule applies so often; 0: always */
#include "world_file.h"

#include <string.h>

#define ADV_AA 0x8e89bed6u /* access address of advertising */

/* Metres of a line as mm. */
static int32_t mm(double metres)
{
    return (int32_t)(metres * 1000);
}

/* Whether a line names the controller, by its number or its name. */
static bool is_about(const struct world_file *file, const struct world_line *a, unsigned number,
                     const char *name)
{
    if (a->controller >= WORLD_NAMED) {
        return strcmp(file->name[a->controller - WORLD_NAMED], name) == 0;
    }
    return a->controller == number;
}

void world_file_configure(const struct world_file *file, unsigned number, const char *name,
                          struct woad_air_controller_config *config)
{
    for (size_t k = 0; k < file->lines_done; k++) {
        const struct world_line *a = &file->line[k];
        if (!is_about(file, a, number, name)) {
            continue;
        }
        if (a->verb == PLACE) {
            config->x_mm = mm(a->v[0]);
            config->y_mm = mm(a->v[1]);
            config->tx_power_dbm = (int8_t)(a->values > 2 ? a->v[2] : config->tx_power_dbm);
        } else if (a->verb == DRIFT) {
            config->drift_ppm = (int16_t)a->v[0];
        }
    }
}

uint64_t world_file_next_us(const struct world_file *file)
{
    if (file->lines_done < file->lines) {
        return file->line[file->lines_done].at_us;
    }
    return UINT64_MAX;
}

/* A link with an end that is not attached gets a period that is empty. */
void world_file_update_links(struct world_file *file)
{
    for (size_t n = 0; n < file->around.links; n++) {
        struct woad_air_link *l = &file->link[n];
        if (file->link_ends[n][0]) {
            l->from = file->find_controller(file->ctx, file->link_ends[n][0]);
        } else {
            l->from = NULL;
        }
        l->to =
            file->link_ends[n][1] ? file->find_controller(file->ctx, file->link_ends[n][1]) : NULL;
        bool attached = (!file->link_ends[n][0] || l->from) && (!file->link_ends[n][1] || l->to);
        l->until_us = attached ? 0 : 1;
        l->from_us = attached ? 0 : 1;
    }
}

/* A new link, or the new state of one between the same controllers. */
static void run_link(struct world_file *file, const struct world_line *a)
{
    size_t n = 0;
    while (n < file->around.links &&
           (file->link_ends[n][0] != a->controller || file->link_ends[n][1] != a->receiver)) {
        n++;
    }
    file->around.links += n == file->around.links;
    file->link_ends[n][0] = a->controller;
    file->link_ends[n][1] = a->receiver;
    file->link[n] = (struct woad_air_link){ .loss_db = (int16_t)a->v[0],
                                            .loss_per_mille = (uint16_t)a->v[1],
                                            .delay_us = (uint32_t)a->v[2] };
    if (file->find_controller) {
        world_file_update_links(file);
    }
}

/* A new rule, or the new state of one for the same packets.  Every 0: never. */
static void run_rule(struct world_file *file, const struct world_line *a)
{
    struct world_rule r = {
        .verb = a->verb, .kind = a->kind, .sender = a->controller, .receiver = a->receiver
    };
    const double *v = a->v;
    size_t n = 0, given = a->values;
    if (a->verb == DELAY || a->verb == REPEAT) {
        r.time_us = (uint32_t)*v++;
        given--;
    }
    r.every = given > 0 ? (uint32_t)v[0] : 1;
    r.times = given > 1 ? (uint32_t)v[1] : 0;
    while (n < file->rules &&
           (file->rule[n].verb != r.verb || file->rule[n].kind != r.kind ||
            file->rule[n].sender != r.sender || file->rule[n].receiver != r.receiver)) {
        n++;
    }
    file->rules += n == file->rules;
    file->rule[n] = r;
}

/* Whether a rule is for this packet and receiver. DATA: with a payload. */
static bool rule_matches(struct world_file *file, const struct world_rule *r,
                         const struct woad_air_packet *p, const struct woad_air_controller *to)
{
    bool adv = p->access_address == ADV_AA, control = !adv && (p->pdu[0] & 3) == 3;
    bool data = !adv && !control && p->len > 2;
    return (r->kind == ALL || (r->kind == ADVERTISING && adv) || (r->kind == DATA && data) ||
            (r->kind == CONTROL && control)) &&
           (!r->sender || file->find_controller(file->ctx, r->sender) == p->from) &&
           (!r->receiver || file->find_controller(file->ctx, r->receiver) == to);
}

/* Counts a packet that the rule matches. Whether it is one of those to which it applies. */
static bool rule_applies(struct world_rule *r)
{
    bool hits = r->every && ++r->seen % r->every == 0 && (!r->times || r->hits < r->times);
    r->hits += hits;
    return hits;
}

bool world_file_intercept(struct world_file *file, const struct woad_air_packet *p,
                          const struct woad_air_controller *to, uint8_t *pdu,
                          struct woad_air_delivery *delivery)
{
    bool arrives = true;
    for (size_t n = 0; n < file->rules; n++) {
        struct world_rule *r = &file->rule[n];
        if (!rule_matches(file, r, p, to) || !rule_applies(r)) {
            continue;
        }
        if (r->verb == DROP) {
            arrives = false;
        } else if (r->verb == CORRUPT && p->len > 2) {
            pdu[p->len - 1] ^= 0x80;
        } else if (r->verb == DELAY) {
            delivery->delay_us += r->time_us;
        } else if (r->verb == REPEAT) {
            delivery->repeat_us += r->time_us;
        }
    }
    return arrives;
}

/* A new wall, or the new loss of one that is there; none: it is taken away. */
static void run_wall(struct world_file *file, const struct world_line *a)
{
    const double *v = a->v;
    struct woad_air_wall w = { mm(v[0]), mm(v[1]), mm(v[2]), mm(v[3]), (uint8_t)v[4] };
    struct woad_air_wall *at = file->wall;
    size_t n = 0;
    while (n < file->around.walls && (at[n].x1_mm != w.x1_mm || at[n].y1_mm != w.y1_mm ||
                                      at[n].x2_mm != w.x2_mm || at[n].y2_mm != w.y2_mm)) {
        n++;
    }
    if (w.loss_db) {
        file->around.walls += n == file->around.walls;
        at[n] = w;
    } else if (n < file->around.walls) {
        at[n] = at[--file->around.walls];
    }
}

/* The line's effect on what surrounds the controllers, if it has one. */
static void run_surroundings(struct world_file *file, const struct world_line *a)
{
    const double *v = a->v;
    switch (a->verb) {
    case NOISE: file->around.noise_dbm = (int8_t)v[0]; break;
    case WALL: run_wall(file, a); break;
    case INTERFERER:
        file->interferer[file->around.interferers++] =
            /* x, y, power; channels; every, on; from, until (0: without end) */
            (struct woad_air_interferer){ mm(v[0]),       mm(v[1]),       (int8_t)v[2], a->channels,
                                          (uint32_t)v[3], (uint32_t)v[4], a->at_us,     0 };
        break;
    case LINK: run_link(file, a); break;
    case DROP:
    case CORRUPT:
    case DELAY:
    case REPEAT: run_rule(file, a); break;
    default: break;
    }
}

/* The line's effect on a controller, if it has one. */
static void run_controller(const struct world_line *a, struct woad_air_controller *c)
{
    switch (a->verb) {
    case PLACE:
        woad_air_move(c, mm(a->v[0]), mm(a->v[1]),
                      (int8_t)(a->values > 2 ? a->v[2] : woad_air_power(c)));
        break;
    case HANG:
    case RESUME: woad_air_hang(c, a->verb == HANG); break;
    case CRASH: woad_air_crash(c); break;
    case SAY: woad_air_send_event(c, a->octets, a->len); break;
    case INJECT: woad_air_inject(c, (uint16_t)a->v[0], a->octets, a->len); break;
    default: break;
    }
}

void world_file_run(struct world_file *file, uint64_t now_us)
{
    while (file->lines_done < file->lines && file->line[file->lines_done].at_us <= now_us) {
        const struct world_line *a = &file->line[file->lines_done++];
        struct woad_air_controller *c = NULL;
        if (file->find_controller && a->controller) {
            c = file->find_controller(file->ctx, a->controller);
        }
        run_surroundings(file, a);
        if (c) {
            run_controller(a, c);
        }
    }
}
