/* `woad serve`: its kinds of peers. */
#ifndef WOAD_SERVE_H
#define WOAD_SERVE_H

#include "tool_host.h"

enum { SERVE_NO_WAIT = 1000 }; /* ms: a loop that has nothing to do */
enum { SERVE_FULL_WAIT = 20 }; /* ms: until a queue that is full is tried again */
enum { SERVE_CENTRALS = 4 };

struct serve_tool;

struct serve_kind {
    const char *name, *device; /* of the command line; the device's */
    const struct woad_attr *attrs;
    uint16_t n;
    const struct woad_uuid *service; /* that is advertised; NULL: none */
    uint16_t appearance;             /* 0: none */
    bool beacon;                     /* no connections */
    bool reads;                      /* standard input */
    /* Works without an event; returns the ms until the next call.  May be NULL. */
    uint32_t (*loop)(struct serve_tool *s, uint32_t now_ms);
    void (*event)(struct serve_tool *s, const struct woad_event *ev); /* may be NULL */
};

struct serve_central {
    uint16_t conn;
    bool connected;
    bool has_part; /* of serve_notify(): it is queued there */
    bool sending;  /* something queued has not been acknowledged yet */
};

struct serve_tool {
    struct tool t;
    const struct serve_kind *kind;
    const char *name; /* instead of the kind's */
    bool quiet, done; /* done: it has nothing more to do */
    bool advertises, failed;
    int status;       /* of advertising */
    uint16_t first;   /* handle of its first attribute */
    uint32_t next_ms; /* when `loop` does the next thing; 0: it has done nothing yet */
    struct serve_central central[SERVE_CENTRALS];
    uint8_t input[256]; /* what has been read and not sent */
    size_t input_len;
    bool input_ended;
};

/* Reads standard input, if nothing waits in `input`. */
void serve_read_input(struct serve_tool *s);
/* Notifies each subscriber once.  Returns how many have it in their queues; -1: a queue is full:
 * call again with the same octets, which only the others get then. */
int serve_notify(struct serve_tool *s, uint16_t handle, const uint8_t *data, size_t len);
/* Whether something that was notified has not been acknowledged by the central yet. */
bool serve_is_sending(const struct serve_tool *s);
/* A line on standard output, unless --quiet. */
void serve_say(struct serve_tool *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

extern const struct serve_kind serve_heart_rate, serve_battery, serve_beacon, serve_uart,
    serve_keyboard, serve_bench;

#endif
