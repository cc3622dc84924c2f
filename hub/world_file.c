/* Parses a world file.  Each parser returns false, or a sentence, for a line that is wrong.
 *
 * Names of other files:
 *   v: numbers of a line, `values` of them, in the units of the usage
 *   names: names of controllers in the file; their ids begin at WORLD_NAMED
 *   WORLD_NAMED: ids of controllers: below it their numbers, from it on their names
 *   world_file_run(): does the world file's lines that are due
 *   around: walls, links, interferers and noise for woad_air_init(); its arrays are the file's
 *   lines_done: lines of the file that have been done: those before
 *   find_controller: the attached controller of an id, or NULL; set by the hub; NULL: no air yet */
#define _GNU_SOURCE
#include "world_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LINES_MAX = 10000 }; /* comments included */
static const char blanks[] = " \t\r\n";
static const char *const kind_names[PACKET_KINDS] = { "all", "advertising", "data", "control" };

/* Each verb: name, usage, how many controllers it names, least and most numbers behind them. */
static const struct {
    const char *name, *usage;
    uint8_t controllers, values_min, values_max;
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

/* A number of at most seven digits before the point; NULL: none. */
static bool parse_number(const char *word, double *value)
{
    char *end;
    *value = word ? strtod(word, &end) : 0;
    return word && end != word && !*end && *value > -1e7 && *value < 1e7;
}

bool world_has_open_quote(const char *line)
{
    const char *at = line + strspn(line, blanks);
    while (*at) {
        if (*at == '"') {
            const char *end = strchr(at + 1, '"');
            if (!end) {
                return true;
            }
            at = end + 1;
        } else {
            at += strcspn(at, blanks);
        }
        at += strspn(at, blanks);
    }
    return false;
}

char *world_next_word(char **at)
{
    char *word = *at + strspn(*at, blanks), *end;
    if (*word == '"') {
        end = strchr(++word, '"');
    } else {
        end = word + strcspn(word, blanks);
    }
    if (!end || (end == word && !*end)) {
        *at += strlen(*at);
        return NULL;
    }
    *at = end;
    if (*end) {
        *end = '\0';
        *at = end + 1;
    }
    return word;
}

/* Whether a line, a link, a rule, or `line`, which is being parsed, is about the controller. */
static bool id_in_use(const struct world_file *file, const struct world_line *line, unsigned id)
{
    bool used = line->controller == id;
    for (size_t k = 0; k < file->lines; k++) {
        used = used || file->line[k].controller == id || file->line[k].receiver == id;
    }
    for (size_t k = 0; k < file->around.links; k++) {
        used = used || file->link_ends[k][0] == id || file->link_ends[k][1] == id;
    }
    for (size_t k = 0; k < file->rules; k++) {
        used = used || file->rule[k].sender == id || file->rule[k].receiver == id;
    }
    return used;
}

/* The id of a name that is not too long.  A full table drops a name that is not in use, as of a
 * line that was refused or is over.  0: all are in use. */
static unsigned name_id(struct world_file *file, const struct world_line *line, const char *name)
{
    size_t k = 0;
    while (k < file->names && strcmp(file->name[k], name) != 0) {
        k++;
    }
    if (k == WORLD_NAMES_MAX) {
        k = 0;
        while (k < WORLD_NAMES_MAX && id_in_use(file, line, WORLD_NAMED + (unsigned)k)) {
            k++;
        }
    }
    if (k == WORLD_NAMES_MAX) {
        return 0;
    }
    file->names += k == file->names;
    strcpy(file->name[k], name);
    return WORLD_NAMED + (unsigned)k;
}

/* A list like "37,0-10". */
static bool parse_channels(const char *text, uint64_t *set)
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
        text = end;
        if (*end) {
            text = end + 1;
        }
    }
    return *set != 0;
}

/* A number, a name, or, where it may be any, "*".  Returns NULL, or what is wrong. */
static const char *parse_controller(struct world_file *file, const struct world_line *line,
                                    const char *word, unsigned *n)
{
    const char *usage = verbs[line->verb].usage;
    double value;
    *n = 0;
    if (!word || !*word) {
        return usage;
    }
    if (strcmp(word, "*") == 0) {
        return verbs[line->verb].controllers == 2 ? NULL : usage;
    }
    if (parse_number(word, &value)) {
        *n = value >= 1 && value < WORLD_NAMED ? (unsigned)value : 0;
        return *n ? NULL : usage;
    }
    if (strlen(word) >= WORLD_NAME_MAX) {
        return "a shorter name: 47 octets at most";
    }
    *n = name_id(file, line, word);
    return *n ? NULL : "fewer names: 256 at most";
}

/* The controllers that the line is about.  Returns NULL, or what is wrong. */
static const char *parse_controllers(struct world_file *file, struct world_line *a, char **at)
{
    const char *wrong = NULL;
    if (verbs[a->verb].controllers > 0) {
        wrong = parse_controller(file, a, world_next_word(at), &a->controller);
    }
    if (!wrong && verbs[a->verb].controllers == 2) {
        wrong = parse_controller(file, a, world_next_word(at), &a->receiver);
    }
    return wrong;
}

/* The rest of the line: octets in hexadecimal, at least one. */
static bool parse_octets(char **at, struct world_line *a)
{
    for (char *w = world_next_word(at); w; w = world_next_word(at)) {
        char *end;
        unsigned long v = strtoul(w, &end, 16);
        if (!*w || *end || v > 255 || a->len == sizeof a->octets) {
            return false;
        }
        a->octets[a->len++] = (uint8_t)v;
    }
    return a->len > 0;
}

/* The kind of packets that a rule is for. */
static bool parse_kind(const char *word, uint8_t *kind)
{
    *kind = 0;
    while (word && *kind < PACKET_KINDS && strcmp(word, kind_names[*kind]) != 0) {
        ++*kind;
    }
    return word && *kind < PACKET_KINDS;
}

/* Metres, within 2,000 km of the origin. */
static bool are_on_map(const double *v, size_t n)
{
    bool fits = true;
    for (size_t k = 0; k < n; k++) {
        fits = fits && v[k] >= -2e6 && v[k] <= 2e6;
    }
    return fits;
}

/* Whole numbers of 32 bits, not negative. */
static bool are_whole(const double *v, size_t n)
{
    bool fits = true;
    for (size_t k = 0; k < n; k++) {
        fits = fits && v[k] >= 0 && v[k] == (uint32_t)v[k];
    }
    return fits;
}

/* Whether the line's numbers are in the ranges of docs/air.md. */
static bool values_in_range(const struct world_line *a)
{
    const double *v = a->v;
    switch (a->verb) {
    case NOISE: return v[0] >= -120 && v[0] <= 0;
    case WALL: return are_on_map(v, 4) && v[4] >= 0 && v[4] <= 255;
    case INTERFERER:
        return are_on_map(v, 2) && v[2] >= -127 && v[2] <= 127 &&
               (a->values == 3 || (v[3] >= 1 && v[4] >= 0));
    case PLACE: return are_on_map(v, 2) && (a->values == 2 || (v[2] >= -127 && v[2] <= 20));
    case LINK:
        return v[0] >= -200 && v[0] <= 200 && v[1] >= 0 && v[1] <= 1000 &&
               (a->values == 2 || v[2] >= 0);
    case DRIFT: return v[0] >= -500 && v[0] <= 500;
    case INJECT: return v[0] >= 0 && v[0] <= 0xeff && are_whole(v, 1);
    default: return are_whole(v, a->values);
    }
}

/* Parses a line after `at SECONDS`.  Returns NULL, or what is wrong: the line's usage. */
static const char *parse(struct world_file *file, struct world_line *a, const char *name, char **at)
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
    const char *wrong = parse_controllers(file, a, at);
    if (wrong) {
        return wrong;
    }
    if ((k >= DROP && k <= REPEAT && !parse_kind(world_next_word(at), &a->kind)) ||
        (k == INTERFERER && !parse_channels(world_next_word(at), &a->channels))) {
        return verbs[k].usage;
    }
    if (k == INJECT) {
        a->values = parse_number(world_next_word(at), &a->v[0]) ? 1 : 0;
    }
    if (k == SAY || k == INJECT) {
        bool good = values_in_range(a) && a->values == verbs[k].values_min && parse_octets(at, a);
        if (good && (k == SAY || a->len <= 27)) {
            return NULL;
        }
        return verbs[k].usage;
    }
    for (char *w = world_next_word(at); w; w = world_next_word(at)) {
        if (a->values == verbs[k].values_max || !parse_number(w, &a->v[a->values++])) {
            return verbs[k].usage;
        }
    }
    bool enough = a->values >= verbs[k].values_min && !(k == INTERFERER && a->values == 4);
    if (enough && values_in_range(a)) {
        return NULL;
    }
    return verbs[k].usage;
}

/* Lines about a controller need a time, because there are none at the beginning; a clock's drift
 * cannot change later.  Returns NULL, or the line's usage. */
static const char *check_time(const struct world_line *a, bool timed)
{
    if (a->verb >= HANG && a->verb <= INJECT && !a->at_us) {
        return "at SECONDS … (more than 0: there is no controller before)";
    }
    if (a->verb == DRIFT && timed) {
        return "drift N PPM, without `at`: from the beginning";
    }
    return NULL;
}

/* Parses a line, of which comments are cut.  NULL: it is one, and in *a; or what it should be, "":
 * nothing. */
static const char *parse_line(struct world_file *file, char *line, struct world_line *a,
                              bool *timed)
{
    char *at = line, *name;
    bool quoted = false;
    for (char *c = line; *c; c++) {
        quoted = quoted != (*c == '"');
        if (*c == '#' && !quoted) {
            *c = '\0';
            break;
        }
    }
    if (world_has_open_quote(line)) {
        return WORLD_OPEN_QUOTE;
    }
    name = world_next_word(&at);
    if (!name) {
        return "";
    }
    *timed = strcmp(name, "at") == 0;
    if (*timed) {
        double seconds;
        if (!parse_number(world_next_word(&at), &seconds) || seconds < 0) {
            return "at SECONDS …";
        }
        a->at_us = (uint64_t)(seconds * 1e6);
        name = world_next_word(&at);
    }
    return parse(file, a, name ? name : "", &at);
}

/* Adds it, in the order of time.  NULL, or what it should be. */
static const char *add_line(struct world_file *file, const struct world_line *a)
{
    if (file->lines == WORLD_LINES_MAX) {
        return "fewer lines: 256 at most";
    }
    size_t k = file->lines++;
    for (; k && file->line[k - 1].at_us > a->at_us; k--) {
        file->line[k] = file->line[k - 1];
    }
    file->line[k] = *a;
    return NULL;
}

/* A line of a file. NULL, or what it should be. */
static const char *load_line(struct world_file *file, char *line)
{
    struct world_line a = { .at_us = 0 };
    bool timed;
    const char *wrong = parse_line(file, line, &a, &timed);
    if (wrong) {
        return *wrong ? wrong : NULL;
    }
    wrong = check_time(&a, timed);
    if (wrong) {
        return wrong;
    }
    return add_line(file, &a);
}

/* Whether a line that is done has no effect on controllers to come. */
static bool is_over(const struct world_file *file, size_t k)
{
    const struct world_line *a = &file->line[k];
    bool over = a->verb != PLACE && a->verb != DRIFT;
    for (size_t later = k + 1; later < file->lines_done; later++) {
        const struct world_line *b = &file->line[later];
        over = over ||
               (b->verb == a->verb && b->controller == a->controller && b->values >= a->values);
    }
    return over;
}

/* Makes room for lines that users add: drops those that are done and have no effect any more. */
static void forget_lines(struct world_file *file)
{
    for (size_t k = file->lines_done; k-- > 0;) {
        if (is_over(file, k)) {
            memmove(&file->line[k], &file->line[k + 1],
                    (file->lines - k - 1) * sizeof file->line[0]);
            file->lines--;
            file->lines_done--;
        }
    }
}

/* Whether the arrays have room for one more of this kind, behind those of the lines to come. */
static bool has_room(const struct world_file *file, const struct world_line *a)
{
    size_t walls = file->around.walls, interferers = file->around.interferers;
    size_t links = file->around.links, rules = file->rules;
    for (size_t k = file->lines_done; k < file->lines; k++) {
        walls += file->line[k].verb == WALL;
        interferers += file->line[k].verb == INTERFERER;
        links += file->line[k].verb == LINK;
        rules += file->line[k].verb >= DROP;
    }
    switch (a->verb) {
    case WALL: return walls < WORLD_LINES_MAX || a->v[4] == 0; /* without loss: one goes */
    case INTERFERER: return interferers < WORLD_LINES_MAX;
    case LINK: return links < WORLD_LINES_MAX;
    case DROP:
    case CORRUPT:
    case DELAY:
    case REPEAT: return rules < WORLD_LINES_MAX;
    default: return true;
    }
}

void world_file_begin(struct world_file *file)
{
    *file = (struct world_file){ .around = { .noise_dbm = -105,
                                             .wall = file->wall,
                                             .interferer = file->interferer,
                                             .link = file->link } };
}

int world_file_add(struct world_file *file, char *line, uint64_t now_us,
                   char message[WORLD_MESSAGE_MAX])
{
    struct world_line a = { .at_us = 0 };
    bool timed, there = true;
    forget_lines(file);
    const char *wrong = parse_line(file, line, &a, &timed);
    if (wrong && !*wrong) {
        return 0;
    }
    if (!wrong && timed && a.at_us < now_us) {
        wrong = "at SECONDS in the future";
    } else if (!wrong && a.verb == DRIFT) {
        wrong = "in a file: from the beginning";
    } else if (!wrong && !has_room(file, &a)) {
        wrong = "one of 256 walls, interferers, links and rules";
    }
    if (!wrong && !timed) {
        a.at_us = now_us;
        there = a.verb < HANG || a.verb > INJECT || file->find_controller(file->ctx, a.controller);
    }
    if (!wrong && there) {
        wrong = add_line(file, &a);
    }
    if (wrong) {
        snprintf(message, WORLD_MESSAGE_MAX, "it should be: %s", wrong);
    } else if (!there) {
        snprintf(message, WORLD_MESSAGE_MAX, "there is no such controller");
    }
    return wrong || !there ? -1 : 0;
}

/* Reads one line without its end.  1; 0: end of file; -1: the line is too long, or no text. */
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

int world_file_load(struct world_file *file, const char *path, char message[WORLD_MESSAGE_MAX])
{
    char line[512];
    const char *wrong = NULL;
    FILE *f = fopen(path, "r");
    if (!f) {
        snprintf(message, WORLD_MESSAGE_MAX, "%s: %s", path, strerror(errno));
        return -1;
    }
    world_file_begin(file);
    int more = 1;
    unsigned n = 0;
    while (!wrong && (more = read_line(f, line, sizeof line)) != 0) {
        n++;
        wrong = more < 0 ? "a line of text: 511 octets at most" : load_line(file, line);
        if (!wrong && n == FILE_LINES_MAX) {
            wrong = "a file of fewer lines";
        }
    }
    if (wrong) {
        snprintf(message, WORLD_MESSAGE_MAX, "%s:%u: it should be: %s", path, n, wrong);
    } else if (ferror(f)) {
        wrong = "a file";
        snprintf(message, WORLD_MESSAGE_MAX, "%s: %s", path, strerror(errno));
    }
    fclose(f);
    if (!wrong) {
        world_file_run(file, 0);
    }
    if (wrong) {
        return -1;
    }
    return 0;
}
