/* The options of an air: see air_options.h.
 *
 * Names of other files:
 *   control_attach(): makes the options those of an air that is controlled
 *   control_close(): ends what control_open() has begun; NULL: nothing
 *   control_open(): listens for users that change the air: control.h; NULL: it cannot
 *   hub_extra: functions that the hub calls in its loop: hub.h
 *   hub_options: what the air is to be like: hub.h
 *   web_end(): ends the page's process
 *   web_is_port(): the word is a port
 *   web_is_wanted(): --web was there
 *   web_option(): takes --web; 0, or -1 after a message
 *   web_start(): starts the page's process, and prints its address; 0, or the exit status after a
 *       message
 *   world_file: walls, noise, links and failing controllers, from a file
 *   world_file_load(): reads a world from a file; 0, or see the message
 *   WORLD_MESSAGE_MAX: octets of a message of world_file_load() */
#include "air_options.h"

#include <woad/air.h>

#include "../hub/world_file.h"
#include "web.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *control_spec; /* of --control */

/* Parses a whole number from 0 to `max`; 0 or -1. */
static int number(const char *command, const char *text, unsigned long long max,
                  unsigned long long *value)
{
    char *end;
    *value = strtoull(text, &end, 0);
    if (end == text || *end || *text == '-' || *value > max) {
        fprintf(stderr, "woad %s: \"%s\" is not a number from 0 to %llu\n", command, text, max);
        return -1;
    }
    return 0;
}

/* --profile.  A name that is none, or "list", prints all and ends the program. */
static int profile(const char *name, struct hub_options *o)
{
    struct woad_air_controller_config any;
    const char *one, *what;
    o->profile = name;
    if (woad_air_profile(name, &any)) {
        return 0;
    }
    for (size_t n = 0; (one = woad_air_profile_name(n, &what)) != NULL; n++) {
        fprintf(strcmp(name, "list") ? stderr : stdout, "%-10s %s\n", one, what);
    }
    exit(strcmp(name, "list") ? 2 : 0);
}

/* --speed */
static int speed(const char *command, const char *text, struct hub_options *o)
{
    char *end;
    o->speed = strtod(text, &end);
    if (end != text && !*end && o->speed >= 0.01 && o->speed <= 100) {
        return 0;
    }
    fprintf(stderr, "woad %s: the speed is from 0.01 to 100\n", command);
    return -1;
}

/* --patience */
static int patience(const char *command, const char *text, struct hub_options *o)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end != text && !*end && seconds >= 0.001 && seconds < 1e9) {
        o->patience_us = (uint64_t)(seconds * 1e6);
        return 0;
    }
    fprintf(stderr, "woad %s: the patience is from 0.001 to 1e9 seconds\n", command);
    return -1;
}

/* --world */
static int world(const char *command, const char *path, struct hub_options *o)
{
    static struct world_file file;
    char message[WORLD_MESSAGE_MAX];
    o->world = &file;
    if (world_file_load(&file, path, message) == 0) {
        return 0;
    }
    fprintf(stderr, "woad %s: %s\n", command, message);
    return -1;
}

/* --btsnoop: makes the folder, if need be, and looks whether it can be written to. */
static int folder(const char *command, const char *path)
{
    struct stat st;
    int err = 0;
    if (mkdir(path, 0777) < 0 && errno != EEXIST) {
        err = errno;
    }
    if (!err && stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        err = ENOTDIR;
    } else if (!err && access(path, W_OK | X_OK) < 0) {
        err = errno;
    }
    if (err) {
        fprintf(stderr, "woad %s: %s: %s\n", command, path, strerror(err));
        return -1;
    }
    return 0;
}

/* --clock */
static int clock_kind(const char *command, const char *text, struct hub_options *o)
{
    o->virtual_clock = strcmp(text, "virtual") == 0;
    if (o->virtual_clock || strcmp(text, "wall") == 0) {
        return 0;
    }
    fprintf(stderr, "woad %s: the clock is wall or virtual\n", command);
    return -1;
}

/* The functions above return 0, or -1 after a message. */
int air_option(const char *command, int letter, const char *text, struct hub_options *o)
{
    unsigned long long value = 0;
    int err = 0;
    switch (letter) {
    case 'h': return 1;
    case 's':
        err = number(command, text, UINT64_MAX, &value);
        o->seed = value;
        return err;
    case 'l':
        err = number(command, text, 1000, &value);
        o->loss_per_mille = (uint16_t)value;
        return err;
    case 'q': o->log = NULL; return 0;
    case 'p': o->pcap = text; return 0;
    case 'k': o->keys = true; return 0;
    case 'P': return profile(text, o);
    case 'b': o->btsnoop = text; return folder(command, text);
    case 'S': return speed(command, text, o);
    case 'c': return clock_kind(command, text, o);
    case 't': return patience(command, text, o);
    case 'C': control_spec = text; return 0;
    case 'w': return world(command, text, o);
    case 'W': return web_option(command, text);
    default: return -1;
    }
}

/* Without --control there is nothing to open. */
void air_control_default(const char *spec)
{
    if (!control_spec) {
        control_spec = spec;
    }
}

int air_control(const char *command, struct hub_options *o, struct hub_extra *extra,
                struct control **control)
{
    char message[WOAD_PORT_MESSAGE_MAX];
    *control = NULL;
    if (control_spec) {
        *control = control_open(control_spec, message);
    } else if (web_is_wanted()) {
        *control = control_new();
        snprintf(message, sizeof message, "no memory");
    } else {
        return 0;
    }
    if (!*control) {
        fprintf(stderr, "woad %s: %s\n", command, message);
        return 1;
    }
    control_attach(*control, o, extra);
    if (web_is_wanted()) {
        return web_start(command, *control);
    }
    return 0;
}

void air_control_close(struct control *control)
{
    control_close(control);
    web_end();
}

const char *air_option_argument(int letter, int argc, char **argv)
{
    if (letter == 'W' && !optarg && optind < argc && web_is_port(argv[optind])) {
        return argv[optind++];
    }
    return optarg;
}

/* EEXIST: the file of --pcap is not overwritten, because it is no capture. */
int air_failed(const char *command, const struct hub_options *o, int err)
{
    if (err == -EEXIST) {
        fprintf(stderr, "woad %s: %s is something else than a capture; choose another file\n",
                command, o->pcap);
    } else {
        fprintf(stderr, "woad %s: %s: %s\n", command, o->pcap ? o->pcap : "the air",
                strerror(-err));
    }
    return 1;
}
