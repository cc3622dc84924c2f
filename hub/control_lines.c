/* The lines of control.h: what they do, and their answers.
 *
 * Names of other files:
 *   hub: the process that simulates the air: hosts connect to it over HCI, and each gets a
 *       controller there; struct hub, hub_state.h
 *   client: a host and its controller: hub_state.h
 *   user: a connection to the control socket: control_state.h
 *   waits: of a user: `wait connected` runs, and the next line is not read yet
 *   until_us: air time: of a seat: at which it wants to be woken; of a user: until which it waits;
 *       the largest number: no limit
 *   off: a user of control.h has taken the controller off the air: no packet reaches or leaves it
 *   world: of the options: the world file: places of controllers, walls, links; NULL: none
 *   loss_per_mille: packets lost at random
 *   pace: virtual time: a user's limit, in the machine's time; 0: none
 *   hub_pause(): the air stands still from now on
 *   hub_continue(): it goes on
 *   hub_step_on(): lets so much time pass, then it stands still again; 0: until a packet
 *   hub_is_paused(): it stands still, or is to after a step
 *   hub_set_speed(): air time in the machine's time; virtual time: at most so much; 0: no limit
 *   last_number: number of the client that was added last
 *   hub_find_name(): the connected host of that name; NULL: none
 *   hub_find_number(): the host of that number, which may have left; NULL: none
 *   hub_capture(): captures to a file from now on; NULL: no more; 0 or a negative errno
 *   text_clean(): copies text with question marks for what cannot be printed; returns its length
 *   user_put(): adds to the user's answer
 *   watch: of a user: the connection carries packets, and no answers any more
 *   only: of a watch: the number of the host that it is about; 0: all
 *   world_file_add(): adds a line while the world runs; -1: what it should be is in `message`
 *   world_file_run(): does the world file's lines that are due
 *   world_has_open_quote(): a word begins with a double quote, and none follows
 *   WORLD_OPEN_QUOTE: what to say then
 *   world_next_word(): cuts the next word off; NULL: there is none
 *   WORLD_NAMED: ids of controllers: below it their numbers, from it on their names
 *   woad_air_now(): air time: us since the hub began */
#define _GNU_SOURCE
#include "control_state.h"
#include "hub_state.h"
#include "watch.h"
#include "world_file.h"

#include "../transport/text.h"

#include <inttypes.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 5 }; /* of a line that is not one of a world file */

/* --- JSON ----------------------------------------------------------------------------------------
 */

/* A string in quotes; what is not printable becomes question marks. */
static void put_string(struct user *u, const char *text)
{
    char clean[CONTROL_LINE_MAX], quoted[2 * CONTROL_LINE_MAX + 3], *at = quoted;
    size_t len = strlen(text);
    if (len > sizeof clean) {
        len = sizeof clean;
    }
    len = text_clean(clean, text, len);
    *at++ = '"';
    for (size_t k = 0; k < len; k++) {
        if (clean[k] == '"' || clean[k] == '\\') {
            *at++ = '\\';
        }
        *at++ = clean[k];
    }
    *at++ = '"';
    *at = '\0';
    user_put(u, quoted);
}

void user_refuse(struct user *u, const char *message)
{
    user_put(u, "{\"ok\":false,\"error\":");
    put_string(u, message);
    user_put(u, "}\n");
}

static void user_accept(struct user *u)
{
    user_put(u, "{\"ok\":true}\n");
}

/* --- controllers ---------------------------------------------------------------------------------
 */

/* The connected host of that number or name; NULL: none. */
static struct client *find_client(const struct hub *hub, const char *word)
{
    char *end;
    unsigned long number = strtoul(word, &end, 10);
    struct client *c;
    if (*word && !*end) {
        c = hub_find_number(hub, number < WORLD_NAMED ? (unsigned)number : 0);
    } else {
        c = hub_find_name(hub, word);
    }
    if (c && c->fd < 0) {
        return NULL;
    }
    return c;
}

/* The same; refuses the line if there is none. */
static struct client *need_client(struct hub *hub, struct user *u, const char *word)
{
    char text[CONTROL_LINE_MAX + 32];
    struct client *c = find_client(hub, word);
    if (!c) {
        snprintf(text, sizeof text, "there is no controller %s", word);
        user_refuse(u, text);
    }
    return c;
}

/* The numbers of the controllers that this one is connected to. */
static void put_connections(const struct hub *hub, struct user *u, const struct client *c)
{
    const char *comma = "";
    for (const struct client *other = hub->clients; other; other = other->next) {
        char number[16];
        if (other != c && woad_air_connected(c->controller, other->controller)) {
            snprintf(number, sizeof number, "%s%u", comma, other->number);
            user_put(u, number);
            comma = ",";
        }
    }
}

static const char *const truth[] = { "false", "true" };

/* An object for a controller. */
static void put_client(const struct hub *hub, struct user *u, const struct client *c)
{
    const uint8_t *a = c->address;
    char text[200];
    int32_t x, y;
    woad_air_position(c->controller, &x, &y);
    snprintf(text, sizeof text, "{\"number\":%u,\"name\":", c->number);
    user_put(u, text);
    put_string(u, c->name);
    snprintf(text, sizeof text,
             ",\"address\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"x\":%.3f,\"y\":%.3f,\"power\":%d,"
             "\"off\":%s,\"connected\":[",
             a[5], a[4], a[3], a[2], a[1], a[0], x / 1000.0, y / 1000.0,
             woad_air_power(c->controller), truth[c->off]);
    user_put(u, text);
    put_connections(hub, u, c);
    user_put(u, "]}");
}

/* The programs that keep the air's time, in the order of their seats. */
static void put_programs(const struct hub *hub, struct user *u)
{
    const char *comma = "";
    char text[64];
    user_put(u, "\"programs\":[");
    for (const struct seat *s = hub->clock.seats; s; s = s->next) {
        if (s->joined && s->fd >= 0) {
            snprintf(text, sizeof text, "%s{\"pid\":%ld,\"name\":", comma, (long)s->pid);
            user_put(u, text);
            put_string(u, s->name);
            user_put(u, "}");
            comma = ",";
        }
    }
    user_put(u, "]");
}

/* --- lines ---------------------------------------------------------------------------------------
 */

static void do_list(struct hub *hub, struct user *u, char **word)
{
    const char *comma = "";
    (void)word;
    user_put(u, "{\"ok\":true,\"controllers\":[");
    for (unsigned number = 1; number <= hub->last_number; number++) {
        const struct client *c = hub_find_number(hub, number);
        if (c && c->fd >= 0) {
            user_put(u, comma);
            put_client(hub, u, c);
            comma = ",";
        }
    }
    user_put(u, "],");
    put_programs(hub, u);
    user_put(u, "}\n");
}

static void do_time(struct hub *hub, struct user *u, char **word)
{
    char text[64];
    (void)word;
    snprintf(text, sizeof text, "{\"ok\":true,\"us\":%" PRIu64 "}\n", woad_air_now(hub->air));
    user_put(u, text);
}

/* A number from `min` to `max`; refuses the line if it is none. */
static bool need_number(struct user *u, const char *word, double min, double max, double *value)
{
    char *end, text[80];
    *value = strtod(word, &end);
    if (end != word && !*end && *value >= min && *value <= max) {
        return true;
    }
    snprintf(text, sizeof text, "a number from %g to %g is needed", min, max);
    user_refuse(u, text);
    return false;
}

static void do_wait(struct hub *hub, struct user *u, char **word)
{
    double seconds = 0;
    u->until_us = UINT64_MAX;
    if (strcmp(word[1], "connected") != 0 || strlen(word[2]) >= CONTROL_WORD_MAX ||
        strlen(word[3]) >= CONTROL_WORD_MAX) {
        user_refuse(u, "it should be: wait connected A B [SECONDS]");
        return;
    }
    if (word[4] && !need_number(u, word[4], 0, 1e9, &seconds)) {
        return;
    }
    if (word[4]) {
        u->until_us = woad_air_now(hub->air) + (uint64_t)(seconds * 1e6);
    }
    strcpy(u->end[0], word[2]);
    strcpy(u->end[1], word[3]);
    u->waits = true;
    control_look(hub, u);
}

void control_look(struct hub *hub, struct user *u)
{
    const struct client *a = find_client(hub, u->end[0]), *b = find_client(hub, u->end[1]);
    if (a && b && a != b && woad_air_connected(a->controller, b->controller)) {
        u->waits = false;
        do_time(hub, u, NULL);
    } else if (woad_air_now(hub->air) >= u->until_us) {
        u->waits = false;
        user_refuse(u, "they are not connected yet");
    }
    if (!u->waits) {
        u->until_us = UINT64_MAX;
    }
}

static void do_move(struct hub *hub, struct user *u, char **word)
{
    double x, y;
    struct client *c = need_client(hub, u, word[1]);
    if (c && need_number(u, word[2], -2e6, 2e6, &x) && need_number(u, word[3], -2e6, 2e6, &y)) {
        woad_air_move(c->controller, (int32_t)(x * 1000), (int32_t)(y * 1000),
                      woad_air_power(c->controller));
        user_accept(u);
    }
}

/* Off: no packet of it reaches another controller, and none reaches it. Its host gets no event. */
static void do_off(struct hub *hub, struct user *u, char **word)
{
    struct client *c = need_client(hub, u, word[1]);
    if (c) {
        c->off = strcmp(word[0], "off") == 0;
        user_accept(u);
    }
}

static void do_loss(struct hub *hub, struct user *u, char **word)
{
    double per_mille;
    if (need_number(u, word[1], 0, 1000, &per_mille)) {
        hub->loss_per_mille = (uint16_t)per_mille;
        woad_air_set_loss(hub->air, hub->loss_per_mille);
        user_accept(u);
    }
}

static void do_capture(struct hub *hub, struct user *u, char **word)
{
    char text[CONTROL_LINE_MAX + 80];
    const char *path = word[1];
    if (strcmp(path, "off") == 0) {
        path = NULL;
    }
    int err = hub_capture(hub, path);
    if (!err) {
        user_accept(u);
    } else if (err == -EEXIST) {
        snprintf(text, sizeof text, "%s is something else than a capture", word[1]);
        user_refuse(u, text);
    } else {
        snprintf(text, sizeof text, "%s: %s", word[1], strerror(-err));
        user_refuse(u, text);
    }
}

/* The rest of the connection is packets: of the air and of hosts' HCI, or of one of them. */
static void do_watch(struct hub *hub, struct user *u, char **word)
{
    bool air = !word[1] || strcmp(word[1], "air") == 0;
    bool hci = !word[1] || strcmp(word[1], "hci") == 0;
    const struct client *c = NULL;
    if ((!air && !hci) || (word[2] && !hci)) {
        user_refuse(u, "it should be: watch [air | hci [A]]");
        return;
    }
    if (word[2]) {
        c = need_client(hub, u, word[2]);
        if (!c) {
            return;
        }
        u->watch.only = c->number;
    }
    u->watch.air = air;
    u->watch.hci = hci;
    user_accept(u);
    watch_begin(hub, u);
}

static void put_walls(const struct hub *hub, struct user *u)
{
    const struct woad_air_surroundings *around = &hub->options->world->around;
    const char *comma = "";
    char text[160];
    for (size_t k = 0; k < around->walls; k++) {
        const struct woad_air_wall *w = &around->wall[k];
        snprintf(text, sizeof text, "%s[%.3f,%.3f,%.3f,%.3f,%d]", comma, w->x1_mm / 1000.0,
                 w->y1_mm / 1000.0, w->x2_mm / 1000.0, w->y2_mm / 1000.0, w->loss_db);
        user_put(u, text);
        comma = ",";
    }
}

static void put_interferers(const struct hub *hub, struct user *u)
{
    const struct woad_air_surroundings *around = &hub->options->world->around;
    const char *comma = "";
    char text[100];
    for (size_t k = 0; k < around->interferers; k++) {
        const struct woad_air_interferer *i = &around->interferer[k];
        snprintf(text, sizeof text, "%s[%.3f,%.3f,%d]", comma, i->x_mm / 1000.0, i->y_mm / 1000.0,
                 i->power_dbm);
        user_put(u, text);
        comma = ",";
    }
}

/* What surrounds the controllers, and how time passes. */
static void do_world(struct hub *hub, struct user *u, char **word)
{
    bool is_virtual = hub->options->virtual_clock;
    char text[200];
    (void)word;
    snprintf(text, sizeof text,
             "{\"ok\":true,\"us\":%" PRIu64 ",\"virtual\":%s,\"speed\":%g,\"paused\":%s,"
             "\"loss\":%u,\"noise\":%d,\"walls\":[",
             woad_air_now(hub->air), truth[is_virtual], is_virtual ? hub->pace : hub->speed,
             truth[hub_is_paused(hub)], hub->loss_per_mille, hub->options->world->around.noise_dbm);
    user_put(u, text);
    put_walls(hub, u);
    user_put(u, "],\"interferers\":[");
    put_interferers(hub, u);
    user_put(u, "]}\n");
}

static void do_pause(struct hub *hub, struct user *u, char **word)
{
    if (strcmp(word[0], "pause") == 0) {
        hub_pause(hub);
    } else {
        hub_continue(hub);
    }
    user_accept(u);
}

static void do_step(struct hub *hub, struct user *u, char **word)
{
    double ms = 0;
    if (!hub_is_paused(hub)) {
        user_refuse(u, "the air's time goes on; pause it first");
    } else if (!word[1] || need_number(u, word[1], 0.001, 1e9, &ms)) {
        hub_step_on(hub, (uint64_t)(ms * 1000 + 0.5));
        user_accept(u);
    }
}

/* Virtual time has no limit of its own. */
static void do_speed(struct hub *hub, struct user *u, char **word)
{
    double speed = 0;
    bool no_limit = strcmp(word[1], "max") == 0;
    if (no_limit && !hub->options->virtual_clock) {
        user_refuse(u, "max is for virtual time; on the wall's clock, from 0.01 to 100");
    } else if (no_limit || need_number(u, word[1], 0.01, 100, &speed)) {
        hub_set_speed(hub, speed);
        user_accept(u);
    }
}

static const struct {
    const char *name, *usage;
    size_t words_min, words_max;
    void (*run)(struct hub *hub, struct user *u, char **word);
} lines[] = {
    /* name, usage, least and most words, function; word[]: NULL behind the last */
    { "list", "list", 1, 1, do_list },
    { "time", "time", 1, 1, do_time },
    { "wait", "wait connected A B [SECONDS]", 4, 5, do_wait },
    { "move", "move A X Y", 4, 4, do_move },
    { "off", "off A", 2, 2, do_off },
    { "on", "on A", 2, 2, do_off },
    { "loss", "loss PER_MILLE", 2, 2, do_loss },
    { "capture", "capture PATH|off", 2, 2, do_capture },
    { "world", "world", 1, 1, do_world },
    { "pause", "pause", 1, 1, do_pause },
    { "continue", "continue", 1, 1, do_pause },
    { "step", "step [MILLISECONDS]", 1, 2, do_step },
    { "speed", "speed X|max", 2, 2, do_speed },
    { "watch", "watch [air | hci [A]]", 1, 3, do_watch },
};
enum { LINES = sizeof lines / sizeof *lines };

/* A line of a world file. */
static void control_world(struct hub *hub, struct user *u, char *line)
{
    char message[WORLD_MESSAGE_MAX];
    uint64_t now = woad_air_now(hub->air);
    if (world_file_add(hub->options->world, line, now, message) == 0) {
        world_file_run(hub->options->world, now);
        user_accept(u);
    } else {
        user_refuse(u, message);
    }
}

void control_line(struct hub *hub, struct user *u, char *line)
{
    char copy[CONTROL_LINE_MAX], text[80], *at = copy, *word[WORDS_MAX + 1] = { NULL };
    size_t words = 0, k = 0;
    strcpy(copy, line);
    while (words <= WORDS_MAX && (word[words] = world_next_word(&at)) != NULL) {
        words++;
    }
    if (words == 0 && !world_has_open_quote(line)) {
        user_accept(u);
        return;
    }
    while (words > 0 && k < LINES && strcmp(word[0], lines[k].name) != 0) {
        k++;
    }
    if (k == LINES) {
        control_world(hub, u, line);
    } else if (world_has_open_quote(line)) {
        user_refuse(u, "it should be: " WORLD_OPEN_QUOTE);
    } else if (words < lines[k].words_min || words > lines[k].words_max) {
        snprintf(text, sizeof text, "it should be: %s", lines[k].usage);
        user_refuse(u, text);
    } else {
        lines[k].run(hub, u, word);
    }
}
