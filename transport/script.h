/* What surrounds the controllers of `woad air`, and what happens to them: a file of lines. */
#ifndef WOAD_SCRIPT_H
#define WOAD_SCRIPT_H

#include <woad/air.h>

#include <stdbool.h>

enum { SCRIPT_WHY = 160, SCRIPT_ACTIONS = 256 };

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

struct script_action {
    uint64_t at_us;
    uint8_t verb, what; /* what: packets, of a rule */
    unsigned who, whom; /* controllers by number, 0: any */
    double v[6];
    size_t values;
    uint64_t channels;
    uint8_t octets[64];
    size_t len;
};

/* What befalls packets: every so many of a kind, so many times (0: without end). */
struct script_rule {
    uint8_t verb, what;
    unsigned who, whom;
    uint32_t us, every, most, seen, done;
};

struct script {
    struct script_action action[SCRIPT_ACTIONS]; /* in the order of their times */
    size_t actions, done;
    struct woad_air_surroundings around;
    struct woad_air_wall wall[SCRIPT_ACTIONS];
    struct woad_air_interferer interferer[SCRIPT_ACTIONS];
    struct woad_air_link link[SCRIPT_ACTIONS];
    struct script_rule rule[SCRIPT_ACTIONS];
    size_t rules;
    unsigned ends[SCRIPT_ACTIONS][2]; /* of the links, by number */
    struct woad_air_controller *(*find)(void *ctx, unsigned number);
    void *ctx;
};

/* 0, or -1 with the file, the line and what is wrong with it in `why`. */
int script_load(struct script *s, const char *path, char why[SCRIPT_WHY]);
/* A controller is about to be attached: where it stands and how its clock goes. */
void script_config(const struct script *s, unsigned number,
                   struct woad_air_controller_config *config);
/* When something happens next, UINT64_MAX if nothing will. */
uint64_t script_next(const struct script *s);
/* Does what is due. */
void script_run(struct script *s, uint64_t now_us);
/* For woad_air_config's meddle. */
bool script_meddle(struct script *s, const struct woad_air_packet *packet,
                   const struct woad_air_controller *to, uint8_t *pdu,
                   struct woad_air_delivery *fate);
/* Who is there has changed. */
void script_ends(struct script *s);

#endif
