/* What control.c and control_lines.c share. */
#ifndef WOAD_CONTROL_STATE_H
#define WOAD_CONTROL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../transport/private_names.h"

struct hub;
struct client;

enum { CONTROL_LINE_MAX = 1024, CONTROL_WORD_MAX = 48 };

/* A connection that carries packets: watch.h. */
struct watch {
    bool on, air, hci;
    unsigned only;  /* number of the host that it is about; 0: all */
    unsigned *host; /* number of each interface's host, from interface 1 on */
    size_t hosts;
    uint64_t lost; /* packets since the last one that was put */
};

/* A connection of a user. */
struct user {
    struct user *next;
    int fd; /* -1: to be freed */
    char in[CONTROL_LINE_MAX];
    size_t in_len;
    char *out;
    size_t written, filled, room; /* out[written] to out[filled] are to be written */
    bool too_long;                /* the rest of a line is to be skipped */
    bool ended;                   /* it sends nothing more */
    bool out_of_memory;
    /* `wait connected A B SECONDS`: */
    bool waits;
    char end[2][CONTROL_WORD_MAX];
    uint64_t until_us; /* air time; UINT64_MAX: no limit */
    struct watch watch;
};

/* Does a line, and puts its answer; or it waits, and control_look() puts it. */
void control_line(struct hub *hub, struct user *u, char *line);
/* Puts the answer of a user that waits, if it is known. */
void control_look(struct hub *hub, struct user *u);
/* Adds to the answer. */
void user_put(struct user *u, const char *text);
void user_put_octets(struct user *u, const void *octets, size_t len);
void user_refuse(struct user *u, const char *message);

#endif
