/* What surrounds the controllers of `woad air`, and what happens to them: a file of lines. */
#ifndef WOAD_WORLD_FILE_H
#define WOAD_WORLD_FILE_H

#include <woad/air.h>

#include <stdbool.h>

enum { WORLD_MESSAGE_MAX = 160, WORLD_LINES_MAX = 256 };

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
    DROP,
    CORRUPT,
    DELAY,
    REPEAT,
    VERBS
}; /* the last four are rules */
enum { ALL, ADVERTISING, DATA, CONTROL, WHATS };

struct world_line {
    uint64_t at_us;
    uint8_t verb, kind;            /* what: packets, of a rule */
    unsigned controller, receiver; /* controllers by number, 0: any */
    double v[6];
    size_t values;
    uint64_t channels;
    uint8_t octets[64];
    size_t len;
};

/* What befalls packets: every so many of a kind, so many times (0: without end). */
struct world_rule {
    uint8_t verb, kind;
    unsigned sender, receiver;
    uint32_t time_us, every, times, seen, hits;
};

struct world_file {
    struct world_line line[WORLD_LINES_MAX]; /* in the order of their times */
    size_t lines, lines_done;
    struct woad_air_surroundings around;
    struct woad_air_wall wall[WORLD_LINES_MAX];
    struct woad_air_interferer interferer[WORLD_LINES_MAX];
    struct woad_air_link link[WORLD_LINES_MAX];
    struct world_rule rule[WORLD_LINES_MAX];
    size_t rules;
    unsigned link_ends[WORLD_LINES_MAX][2]; /* of the links, by number */
    struct woad_air_controller *(*find_controller)(void *ctx, unsigned number);
    void *ctx;
};

/* 0, or -1 with the file, the line and what is wrong with it in `why`. */
int world_load(struct world_file *s, const char *path, char why[WORLD_MESSAGE_MAX]);
/* A controller is about to be attached: where it stands and how its clock goes. */
void world_configure(const struct world_file *s, unsigned number,
                     struct woad_air_controller_config *config);
/* When something happens next, UINT64_MAX if nothing will. */
uint64_t world_next_us(const struct world_file *s);
/* Does what is due. */
void world_run(struct world_file *s, uint64_t now_us);
/* For woad_air_config's meddle. */
bool world_intercept(struct world_file *s, const struct woad_air_packet *packet,
                     const struct woad_air_controller *to, uint8_t *pdu,
                     struct woad_air_delivery *fate);
/* Who is there has changed. */
void world_update_links(struct world_file *s);

#endif
