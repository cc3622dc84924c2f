/* What surrounds the controllers of `woad air`, and what happens to them: a file of lines. */
#ifndef WOAD_SCRIPT_H
#define WOAD_SCRIPT_H

#include <woad/air.h>

enum { SCRIPT_WHY = 160, SCRIPT_ACTIONS = 256 };

struct script_action {
    uint64_t at_us;
    uint8_t verb;
    unsigned who, whom;                  /* controllers by number, 0: any */
    double v[6];
    size_t values;
    uint64_t channels;
    uint8_t octets[64];
    size_t len;
};

struct script {
    struct script_action action[SCRIPT_ACTIONS];           /* in the order of their times */
    size_t actions, done;
    struct woad_air_surroundings around;
    struct woad_air_wall wall[SCRIPT_ACTIONS];
    struct woad_air_interferer interferer[SCRIPT_ACTIONS];
    struct woad_air_link link[SCRIPT_ACTIONS];
    unsigned ends[SCRIPT_ACTIONS][2];    /* of the links, by number */
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
/* Who is there has changed. */
void script_ends(struct script *s);

#endif
