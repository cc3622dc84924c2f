/* What a script does: to the surroundings, to controllers, to packets. */
#include "script.h"

static int32_t mm(double metres)
{
    return (int32_t)(metres * 1000);
}

void script_config(const struct script *s, unsigned n, struct woad_air_controller_config *config)
{
    for (size_t k = 0; k < s->done; k++) {
        const struct script_action *a = &s->action[k];
        if (a->who == n && a->verb == PLACE) {
            config->x_mm = mm(a->v[0]);
            config->y_mm = mm(a->v[1]);
            config->tx_power_dbm = (int8_t)(a->values > 2 ? a->v[2] : config->tx_power_dbm);
        } else if (a->who == n && a->verb == DRIFT) {
            config->drift_ppm = (int16_t)a->v[0];
        }
    }
}

uint64_t script_next(const struct script *s)
{
    return s->done < s->actions ? s->action[s->done].at_us : UINT64_MAX;
}

/* A link whose controllers are not there is one that no packet takes: it ends before it begins. */
void script_ends(struct script *s)
{
    for (size_t n = 0; n < s->around.links; n++) {
        struct woad_air_link *l = &s->link[n];
        l->from = s->ends[n][0] ? s->find(s->ctx, s->ends[n][0]) : NULL;
        l->to = s->ends[n][1] ? s->find(s->ctx, s->ends[n][1]) : NULL;
        bool there = (!s->ends[n][0] || l->from) && (!s->ends[n][1] || l->to);
        l->until_us = there ? 0 : 1;
        l->from_us = there ? 0 : 1;
    }
}

/* The same link again: its new state. */
static void run_link(struct script *s, const struct script_action *a)
{
    size_t n = 0;
    while (n < s->around.links && (s->ends[n][0] != a->who || s->ends[n][1] != a->whom)) {
        n++;
    }
    s->around.links += n == s->around.links;
    s->ends[n][0] = a->who;
    s->ends[n][1] = a->whom;
    s->link[n] = (struct woad_air_link){ .loss_db = (int16_t)a->v[0],
                                         .loss_per_mille = (uint16_t)a->v[1],
                                         .delay_us = (uint32_t)a->v[2] };
    if (s->find) {
        script_ends(s);
    }
}

/* The same rule again: its new state.  Of every 0 packets: never. */
static void run_rule(struct script *s, const struct script_action *a)
{
    struct script_rule r = { .verb = a->verb, .what = a->what, .who = a->who, .whom = a->whom };
    const double *v = a->v;
    size_t n = 0, given = a->values;
    if (a->verb == DELAY || a->verb == REPEAT) {
        r.us = (uint32_t)*v++;
        given--;
    }
    r.every = given > 0 ? (uint32_t)v[0] : 1;
    r.most = given > 1 ? (uint32_t)v[1] : 0;
    while (n < s->rules && (s->rule[n].verb != r.verb || s->rule[n].what != r.what ||
                            s->rule[n].who != r.who || s->rule[n].whom != r.whom)) {
        n++;
    }
    s->rules += n == s->rules;
    s->rule[n] = r;
}

static bool rule_is(struct script *s, const struct script_rule *r, const struct woad_air_packet *p,
                    const struct woad_air_controller *to)
{
    bool adv = p->access_address == 0x8e89bed6, control = !adv && (p->pdu[0] & 3) == 3;
    bool data = !adv && !control && p->len > 2;
    return (r->what == ALL || (r->what == ADVERTISING && adv) || (r->what == DATA && data) ||
            (r->what == CONTROL && control)) &&
           (!r->who || s->find(s->ctx, r->who) == p->from) &&
           (!r->whom || s->find(s->ctx, r->whom) == to);
}

static bool rule_hits(struct script_rule *r)
{
    bool hits = r->every && ++r->seen % r->every == 0 && (!r->most || r->done < r->most);
    r->done += hits;
    return hits;
}

bool script_meddle(struct script *s, const struct woad_air_packet *p,
                   const struct woad_air_controller *to, uint8_t *pdu,
                   struct woad_air_delivery *fate)
{
    bool arrives = true;
    for (size_t n = 0; n < s->rules; n++) {
        struct script_rule *r = &s->rule[n];
        if (!rule_is(s, r, p, to) || !rule_hits(r)) {
            continue;
        }
        if (r->verb == DROP) {
            arrives = false;
        } else if (r->verb == CORRUPT && p->len > 2) {
            pdu[p->len - 1] ^= 0x80;
        }
        fate->delay_us += r->verb == DELAY ? r->us : 0;
        fate->repeat_us += r->verb == REPEAT ? r->us : 0;
    }
    return arrives;
}

static void run_surroundings(struct script *s, const struct script_action *a)
{
    const double *v = a->v;
    switch (a->verb) {
    case NOISE: s->around.noise_dbm = (int8_t)v[0]; break;
    case WALL:
        s->wall[s->around.walls++] =
            (struct woad_air_wall){ mm(v[0]), mm(v[1]), mm(v[2]), mm(v[3]), (uint8_t)v[4] };
        break;
    case INTERFERER:
        s->interferer[s->around.interferers++] =
            (struct woad_air_interferer){ mm(v[0]),       mm(v[1]),       (int8_t)v[2], a->channels,
                                          (uint32_t)v[3], (uint32_t)v[4], a->at_us,     0 };
        break;
    case LINK: run_link(s, a); break;
    case DROP:
    case CORRUPT:
    case DELAY:
    case REPEAT: run_rule(s, a); break;
    default: break;
    }
}

static void run_controller(const struct script_action *a, struct woad_air_controller *c)
{
    switch (a->verb) {
    case PLACE:
        woad_air_move(c, mm(a->v[0]), mm(a->v[1]),
                      a->values > 2 ? (int8_t)a->v[2] : woad_air_power(c));
        break;
    case HANG:
    case RESUME: woad_air_hang(c, a->verb == HANG); break;
    case CRASH: woad_air_crash(c); break;
    case SAY: woad_air_send_event(c, a->octets, a->len); break;
    case INJECT: woad_air_inject(c, (uint16_t)a->v[0], a->octets, a->len); break;
    default: break;
    }
}

void script_run(struct script *s, uint64_t now_us)
{
    while (s->done < s->actions && s->action[s->done].at_us <= now_us) {
        const struct script_action *a = &s->action[s->done++];
        struct woad_air_controller *c = s->find && a->who ? s->find(s->ctx, a->who) : NULL;
        run_surroundings(s, a);
        if (c) {
            run_controller(a, c);
        }
    }
}
