#define _GNU_SOURCE
#include "world_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 10000 };
static const char *const whats[WHATS] = { "all", "advertising", "data", "control" };

/* What follows a verb: controllers, then numbers (those in brackets may be left out). */
static const struct {
    const char *name, *usage;
    uint8_t controllers, min_u32, most;
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
    [INJECT] = { "inject", "inject N HANDLE OCTETS…", 1, 1, 1 },
    [DROP] = { "drop", "drop N|* N|* all|advertising|data|control [EVERY [TIMES]]", 2, 0, 2 },
    [CORRUPT] = { "corrupt", "corrupt N|* N|* all|advertising|data|control [EVERY [TIMES]]", 2, 0,
                  2 },
    [DELAY] = { "delay", "delay N|* N|* all|advertising|data|control US [EVERY [TIMES]]", 2, 1, 3 },
    [REPEAT] = { "repeat", "repeat N|* N|* all|advertising|data|control US [EVERY [TIMES]]", 2, 1,
                 3 },
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

static bool octets(char **at, struct world_line *a)
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

static bool packets(const char *word, uint8_t *what)
{
    *what = 0;
    while (word && *what < WHATS && strcmp(word, whats[*what]) != 0) {
        ++*what;
    }
    return word && *what < WHATS;
}

/* Within 2,000 km of the middle. */
static bool on_the_map(const double *v, size_t n)
{
    bool fits = true;
    for (size_t k = 0; k < n; k++) {
        fits = fits && v[k] >= -2e6 && v[k] <= 2e6;
    }
    return fits;
}

static bool whole(const double *v, size_t n)
{
    bool fits = true;
    for (size_t k = 0; k < n; k++) {
        fits = fits && v[k] >= 0 && v[k] == (uint32_t)v[k];
    }
    return fits;
}

static bool sensible(const struct world_line *a)
{
    const double *v = a->v;
    switch (a->verb) {
    case NOISE: return v[0] >= -120 && v[0] <= 0;
    case WALL: return on_the_map(v, 4) && v[4] >= 0 && v[4] <= 255;
    case INTERFERER:
        return on_the_map(v, 2) && v[2] >= -127 && v[2] <= 127 &&
               (a->values == 3 || (v[3] >= 1 && v[4] >= 0));
    case PLACE: return on_the_map(v, 2) && (a->values == 2 || (v[2] >= -127 && v[2] <= 20));
    case LINK:
        return v[0] >= -200 && v[0] <= 200 && v[1] >= 0 && v[1] <= 1000 &&
               (a->values == 2 || v[2] >= 0);
    case DRIFT: return v[0] >= -500 && v[0] <= 500;
    case INJECT: return v[0] >= 0 && v[0] <= 0xeff && whole(v, 1);
    default: return whole(v, a->values);
    }
}

/* The words of a line behind `at SECONDS`.  Returns how it should be written if it is not. */
static const char *parse(struct world_line *a, const char *name, char **at)
{
    size_t k = 0;
    while (k < VERBS && strcmp(name, verbs[k].name) != 0) {
        k++;
    }
    if (k == VERBS) {
        return "noise, wall, interferer, place, link, drift, hang, resume, crash, say, inject, "
               "drop, corrupt, delay or repeat";
    }
    a->verb = (uint8_t)k;
    bool two = verbs[k].controllers == 2;
    if ((verbs[k].controllers > 0 && !controller(word(at), two, &a->controller)) ||
        (two && !controller(word(at), two, &a->receiver)) ||
        (k >= DROP && k <= REPEAT && !packets(word(at), &a->kind)) ||
        (k == INTERFERER && !channels(word(at), &a->channels))) {
        return verbs[k].usage;
    }
    if (k == INJECT) {
        a->values = number(word(at), &a->v[0]) ? 1 : 0;
    }
    if (k == SAY || k == INJECT) {
        bool good = sensible(a) && a->values == verbs[k].min_u32 && octets(at, a);
        return good && (k == SAY || a->len <= 27) ? NULL : verbs[k].usage;
    }
    for (char *w = word(at); w; w = word(at)) {
        if (a->values == verbs[k].most || !number(w, &a->v[a->values++])) {
            return verbs[k].usage;
        }
    }
    bool enough = a->values >= verbs[k].min_u32 && !(k == INTERFERER && a->values == 4);
    return enough && sensible(a) ? NULL : verbs[k].usage;
}

/* What happens to a controller needs one: there is none at the beginning.  A clock is what it is
 * from the beginning.  Returns how the line should be if it would do nothing. */
static const char *when(const struct world_line *a, bool timed)
{
    if (a->verb >= HANG && a->verb <= INJECT && !a->at_us) {
        return "at SECONDS … (more than 0: there is no controller before)";
    }
    return a->verb == DRIFT && timed ? "drift N PPM, without `at`: from the beginning" : NULL;
}

static const char *parse_line(struct world_file *s, char *line)
{
    struct world_line a = { .at_us = 0 };
    char *at = NULL, *name;
    line[strcspn(line, "#")] = 0;
    name = strtok_r(line, " \t\r\n", &at);
    if (!name) {
        return NULL;
    }
    bool timed = strcmp(name, "at") == 0;
    if (timed) {
        double seconds;
        if (!number(word(&at), &seconds) || seconds < 0) {
            return "at SECONDS …";
        }
        a.at_us = (uint64_t)(seconds * 1e6);
        name = word(&at);
    }
    const char *wrong = parse(&a, name ? name : "", &at);
    wrong = wrong ? wrong : when(&a, timed);
    if (wrong) {
        return wrong;
    }
    if (s->lines == WORLD_LINES_MAX) {
        return "fewer lines: 256 at most";
    }
    size_t k = s->lines++;
    for (; k && s->line[k - 1].at_us > a.at_us; k--) {
        s->line[k] = s->line[k - 1];
    }
    s->line[k] = a;
    return NULL;
}

/* One line, without its end.  1; 0: there are no more; -1: it is too long, or no text. */
static int read_line(FILE *f, char *line, size_t room)
{
    size_t len = 0;
    int c;
    while ((c = getc(f)) != EOF && c != '\n') {
        if (!c || len == room - 1) {
            return -1;
        }
        line[len++] = (char)c;
    }
    line[len] = '\0';
    return c != EOF || len > 0;
}

int world_load(struct world_file *s, const char *path, char why[WORLD_MESSAGE_MAX])
{
    char line[512];
    const char *wrong = NULL;
    FILE *f = fopen(path, "r");
    if (!f) {
        snprintf(why, WORLD_MESSAGE_MAX, "%s: %s", path, strerror(errno));
        return -1;
    }
    *s = (struct world_file){ .around = { .noise_dbm = -105,
                                          .wall = s->wall,
                                          .interferer = s->interferer,
                                          .link = s->link } };
    int more = 1;
    unsigned n = 0;
    while (!wrong && (more = read_line(f, line, sizeof line)) != 0) {
        n++;
        wrong = more < 0 ? "a line of text: 511 octets at most" : parse_line(s, line);
        wrong = !wrong && n == LINES_MAX ? "a file of fewer lines" : wrong;
    }
    if (wrong) {
        snprintf(why, WORLD_MESSAGE_MAX, "%s:%u: it should be: %s", path, n, wrong);
    } else if (ferror(f)) {
        wrong = "a file";
        snprintf(why, WORLD_MESSAGE_MAX, "%s: %s", path, strerror(errno));
    }
    fclose(f);
    if (!wrong) {
        world_run(s, 0);
    }
    return wrong ? -1 : 0;
}
