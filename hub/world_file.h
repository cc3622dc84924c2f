/* A world file: what surrounds the controllers of `woad air`, and what happens to them, a line
 * each. docs/air.md describes the lines.  world_file.c parses them, world_file_run.c does them. */
#ifndef WOAD_WORLD_FILE_H
#define WOAD_WORLD_FILE_H

#include <woad/air.h>

#include <stdbool.h>

#include "../transport/private_names.h"

enum { WORLD_MESSAGE_MAX = 160, WORLD_LINES_MAX = 256, WORLD_NAMES_MAX = 256 };
enum { WORLD_NAME_MAX = 48, WORLD_NAMED = 65536 };

/* The first word of a line, after `at SECONDS`. */
enum {
    NOISE,
    WALL,
    INTERFERER,
    PLACE,
    LINK,
    DRIFT,
    HANG,
    RESUME,
    CRASH,
    SAY,
    INJECT,
    DROP, /* from here on: rules for packets */
    CORRUPT,
    DELAY,
    REPEAT,
    VERBS
};
/* The packets that a rule is for. */
enum { ALL, ADVERTISING, DATA, CONTROL, PACKET_KINDS };

/* One line, parsed. */
struct world_line {
    uint64_t at_us;      /* air time; 0: at the beginning */
    uint8_t verb, kind;  /* kind: of packets, for rules */
    unsigned controller; /* its id; of a rule or link, the sender's; 0: any */
    unsigned receiver;   /* of a rule or link; 0: any */
    double v[6];         /* the numbers of the line, in its units */
    size_t values;       /* how many the line has */
    uint64_t channels;   /* of INTERFERER: bits */
    uint8_t octets[64];  /* of SAY and INJECT */
    size_t len;
};

/* A rule in effect: applies to every `every`th packet of its kind, `times` times (0: always). */
struct world_rule {
    uint8_t verb, kind;
    unsigned sender, receiver;
    uint32_t time_us; /* of DELAY and REPEAT */
    uint32_t every, times, seen, hits;
};

/* A controller's id in a world file is its number, or WORLD_NAMED and the index of its name. */
struct world_file {
    char name[WORLD_NAMES_MAX][WORLD_NAME_MAX];
    size_t names;
    struct world_line line[WORLD_LINES_MAX]; /* in the order of their times */
    size_t lines, lines_done;
    struct woad_air_surroundings around; /* for woad_air_config; points to the arrays below */
    struct woad_air_wall wall[WORLD_LINES_MAX];
    struct woad_air_interferer interferer[WORLD_LINES_MAX];
    struct woad_air_link link[WORLD_LINES_MAX];
    unsigned link_ends[WORLD_LINES_MAX][2]; /* the ids of the controllers of each link */
    struct world_rule rule[WORLD_LINES_MAX];
    size_t rules;
    /* Set by the caller after world_file_load(): the attached controller with that id, or NULL. */
    struct woad_air_controller *(*find_controller)(void *ctx, unsigned id);
    void *ctx;
};

/* Parses a file, and does the lines without a time.  0, or -1 with the file, the line and what is
 * wrong with it in `message`. */
int world_file_load(struct world_file *file, const char *path, char message[WORLD_MESSAGE_MAX]);
/* A world without lines. */
void world_file_begin(struct world_file *file);
/* Adds a line while the world runs; without `at` it is due now.  0, or -1 and what is wrong in
 * `message`. */
int world_file_add(struct world_file *file, char *line, uint64_t now_us,
                   char message[WORLD_MESSAGE_MAX]);
/* Whether a word of the line begins with a double quote, and none follows. */
bool world_has_open_quote(const char *line);
#define WORLD_OPEN_QUOTE "a line in which a second \" ends what the first begins"
/* Cuts the next word off: up to a blank, or in double quotes.  NULL: there is none, or the quote
 * does not end. */
char *world_next_word(char **at);
/* Before a controller is attached: sets its place, transmit power and drift. */
void world_file_configure(const struct world_file *file, unsigned number, const char *name,
                          struct woad_air_controller_config *config);
/* Air time of the next line, UINT64_MAX: none is left. */
uint64_t world_file_next_us(const struct world_file *file);
/* Does all lines that are due. */
void world_file_run(struct world_file *file, uint64_t now_us);
/* For woad_air_config.intercept: applies the rules to one packet.  False: it is dropped. */
bool world_file_intercept(struct world_file *file, const struct woad_air_packet *packet,
                          const struct woad_air_controller *to, uint8_t *pdu,
                          struct woad_air_delivery *delivery);
/* After a controller was attached or detached: links take effect while both ends are there. */
void world_file_update_links(struct world_file *file);

#endif
