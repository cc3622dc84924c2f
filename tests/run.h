/* The transcript runner: what its parts share. */
#ifndef WOAD_TESTS_RUN_H
#define WOAD_TESTS_RUN_H

#include <woad/hci.h>
#include <woad/woad.h>

#include "reserve.h"

enum { LINE = 2048, LINES = 400, PACKET = 2400, OUT = 64, EVENTS = 128, TEXT = 1200 };
enum { HANDLE = 0x40 };

enum { COCS = 8, COC_OCTETS = 400 };

struct packet {
    size_t len;
    uint8_t b[PACKET];
};

struct run {
    struct woad *h;
    void *memory;
    uint32_t now;
    struct packet out[OUT];
    size_t outs, taken; /* packets of the host; how many of them the case has compared */
    char event[EVENTS][TEXT];
    size_t events, seen; /* likewise of events */
    uint16_t conn;
    unsigned open[2];                        /* each connection's number + 1; 0: none */
    bool manual, answers, forgets, commands; /* the case has this line, see run.c */
    size_t raised, act_at, act; /* events so far; event number at which `acts[act]` is called */
    struct packet frame;        /* an L2CAP frame of the host, joined from fragments */
    /* Buffers of L2CAP channels by CID % COCS: for woad_coc_accept(), woad_coc_receive() and
     * woad_coc_send(). */
    uint8_t coc[COCS][COC_OCTETS], coc_in[COCS][COC_OCTETS], coc_out[COCS][COC_OCTETS];
    unsigned connects; /* calls of coc_connect, each with another buffer of `coc` */
};

/* Arguments of an API call: two numbers, then octets. */
struct args {
    uint16_t a, b;
    const uint8_t *data;
    size_t n;
};
struct verb {
    const char *name;
    int numbers;
    int (*run)(struct run *r, const struct args *x);
};

/* run_text.c */
size_t unhex(const char *s, uint8_t *to, size_t room); /* SIZE_MAX: not hexadecimal */
void hex(char *to, size_t room, const uint8_t *p, size_t n);
/* Writes an event as it stands in a transcript. */
void describe(char *to, const struct woad_event *ev);
/* run_db.c */
/* Adds the attributes of a name.  add_more() adds others, at handle `first`; 0: anywhere. */
void add_db(struct woad *h, const char *name);
int add_more(struct woad *h, uint16_t first);
/* run_call.c */
/* Makes the call of the API that a line names; returns its result. */
int call(struct run *r, const char *text);
/* run_coc.c */
extern const struct verb coc_verbs[];

#endif
