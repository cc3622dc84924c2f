#define _GNU_SOURCE
#include "script.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum verb { NOISE, WALL, INTERFERER, PLACE, LINK, DRIFT, HANG, RESUME, CRASH, SAY, VERBS };

/* What follows a verb: controllers, then numbers (those in brackets may be left out). */
static const struct {
    const char *name, *usage;
    uint8_t controllers, least, most;
} verbs[VERBS] = {
    [NOISE] = { "noise", "noise DBM", 0, 1, 1 },
    [WALL] = { "wall", "wall X1 Y1 X2 Y2 DB", 0, 5, 5 },
    [INTERFERER] = { "interferer", "interferer CHANNELS X Y DBM [EVERY_US ON_US]", 0, 3, 5 },
    [PLACE] = { "place", "place N X Y [DBM]", 1, 2, 3 },
    [LINK] = { "link", "link N|* N|* DB LOSS_PER_MILLE [DELAY_US]", 2, 2, 3 },
    [DRIFT] = { "drift", "drift N PPM", 1, 1, 1 },
    [HANG] = { "hang", "hang N", 1, 0, 0 },
    [RESUME] = { "resume", "resume N", 1, 0, 0 },
    [CRASH] = { "crash", "crash N", 1, 0, 0 },
    [SAY] = { "say", "say N OCTETS…", 1, 0, 0 },
};

static bool number(const char *word, double *value)
{
    char *end;
    *value = word ? strtod(word, &end) : 0;
    return word && end != word && !*end && *value > -1e7 && *value < 1e7;
}

static char *word(char **at)
{
    return strtok_r(NULL, " \t\r\n", at);
}

/* "37", "0-10", with commas. */
static bool channels(const char *text, uint64_t *set)
{
    *set = 0;
    while (text && *text) {
        char *end;
        unsigned long from = strtoul(text, &end, 10), to = from;
        if (end == text) {
            return false;
        }
        if (*end == '-') {
            const char *second = end + 1;
            to = strtoul(second, &end, 10);
            if (end == second) {
                return false;
            }
        }
        if (from > to || to > 39 || (*end && *end != ',')) {
            return false;
        }
        for (unsigned long n = from; n <= to; n++) {
            *set |= 1ull << n;
        }
        text = *end ? end + 1 : end;
    }
    return *set != 0;
}

static bool controller(const char *word, bool any, unsigned *n)
{
    double value;
    if (any && word && strcmp(word, "*") == 0) {
        *n = 0;
        return true;
    }
    *n = number(word, &value) && value >= 1 && value < 65536 ? (unsigned)value : 0;
    return *n != 0;
}

static bool octets(char **at, struct script_action *a)
{
    for (char *w = word(at); w; w = word(at)) {
        char *end;
        unsigned long v = strtoul(w, &end, 16);
        if (*end || v > 255 || a->len == sizeof a->octets) {
            return false;
        }
        a->octets[a->len++] = (uint8_t)v;
    }
    return a->len > 0;
}

static bool sensible(const struct script_action *a)
{
    const double *v = a->v;
    switch (a->verb) {
    case NOISE:
        return v[0] >= -120 && v[0] <= 0;
    case WALL:
        return v[4] >= 0 && v[4] <= 255;
    case INTERFERER:
        return v[2] >= -127 && v[2] <= 127 && (a->values == 3 || (v[3] >= 1 && v[4] >= 0));
    case PLACE:
        return a->values == 2 || (v[2] >= -127 && v[2] <= 20);
    case LINK:
        return v[0] >= -200 && v[0] <= 200 && v[1] >= 0 && v[1] <= 1000 &&
               (a->values == 2 || v[2] >= 0);
    case DRIFT:
        return v[0] >= -500 && v[0] <= 500;
    default:
        return true;
    }
}

/* The words of a line behind `at SECONDS`.  Returns how it should be written if it is not. */
static const char *parse(struct script_action *a, const char *name, char **at)
{
    size_t k = 0;
    while (k < VERBS && strcmp(name, verbs[k].name) != 0) {
        k++;
    }
    if (k == VERBS) {
        return "noise, wall, interferer, place, link, drift, hang, resume, crash or say";
    }
    a->verb = (uint8_t)k;
    if ((verbs[k].controllers > 0 && !controller(word(at), k == LINK, &a->who)) ||
        (verbs[k].controllers > 1 && !controller(word(at), k == LINK, &a->whom)) ||
        (k == INTERFERER && !channels(word(at), &a->channels))) {
        return verbs[k].usage;
    }
    if (k == SAY) {
        return octets(at, a) ? NULL : verbs[k].usage;
    }
    for (char *w = word(at); w; w = word(at)) {
        if (a->values == verbs[k].most || !number(w, &a->v[a->values++])) {
            return verbs[k].usage;
        }
    }
    bool enough = a->values >= verbs[k].least && !(k == INTERFERER && a->values == 4);
    return enough && sensible(a) ? NULL : verbs[k].usage;
}

static const char *parse_line(struct script *s, char *line)
{
    struct script_action a = { .at_us = 0 };
    char *at = NULL, *name;
    line[strcspn(line, "#")] = 0;
    name = strtok_r(line, " \t\r\n", &at);
    if (!name) {
        return NULL;
    }
    if (strcmp(name, "at") == 0) {
        double seconds;
        if (!number(word(&at), &seconds) || seconds < 0) {
            return "at SECONDS …";
        }
        a.at_us = (uint64_t)(seconds * 1e6);
        name = word(&at);
    }
    const char *wrong = parse(&a, name ? name : "", &at);
    if (wrong) {
        return wrong;
    }
    if (s->actions == SCRIPT_ACTIONS) {
        return "fewer lines: 256 at most";
    }
    size_t k = s->actions++;
    for (; k && s->action[k - 1].at_us > a.at_us; k--) {
        s->action[k] = s->action[k - 1];
    }
    s->action[k] = a;
    return NULL;
}

int script_load(struct script *s, const char *path, char why[SCRIPT_WHY])
{
    char line[512];
    FILE *f = fopen(path, "r");
    if (!f) {
        snprintf(why, SCRIPT_WHY, "%s: %s", path, strerror(errno));
        return -1;
    }
    *s = (struct script){ .around = { -105, s->wall, 0, s->interferer, 0, s->link, 0 } };
    for (unsigned n = 1; fgets(line, sizeof line, f); n++) {
        const char *wrong = parse_line(s, line);
        if (wrong) {
            snprintf(why, SCRIPT_WHY, "%s:%u: it should be: %s", path, n, wrong);
            fclose(f);
            return -1;
        }
    }
    fclose(f);
    script_run(s, 0);
    return 0;
}

static int32_t mm(double metres) { return (int32_t)(metres * 1000); }

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

static void run_surroundings(struct script *s, const struct script_action *a)
{
    const double *v = a->v;
    switch (a->verb) {
    case NOISE:
        s->around.noise_dbm = (int8_t)v[0];
        break;
    case WALL:
        s->wall[s->around.walls++] = (struct woad_air_wall){ mm(v[0]), mm(v[1]), mm(v[2]),
                                                             mm(v[3]), (uint8_t)v[4] };
        break;
    case INTERFERER:
        s->interferer[s->around.interferers++] = (struct woad_air_interferer){
            mm(v[0]), mm(v[1]), (int8_t)v[2], a->channels, (uint32_t)v[3], (uint32_t)v[4],
            a->at_us, 0 };
        break;
    case LINK:
        run_link(s, a);
        break;
    default:
        break;
    }
}

static void run_controller(const struct script_action *a, struct woad_air_controller *c)
{
    switch (a->verb) {
    case PLACE:
        woad_air_place(c, mm(a->v[0]), mm(a->v[1]), (int8_t)a->v[2]);
        break;
    case HANG:
    case RESUME:
        woad_air_hang(c, a->verb == HANG);
        break;
    case CRASH:
        woad_air_crash(c);
        break;
    case SAY:
        woad_air_say(c, a->octets, a->len);
        break;
    default:
        break;
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
