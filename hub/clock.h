/* The programs that keep the air's time (docs/clock.md): who is busy, who waits, and until when.
 * A seat is one process; its HCI connections are the hub's clients.  On the wall's clock the air
 * does not go further than CLOCK_GRACE_US past the moment since which a seat is busy.  In virtual
 * time it moves only while all seats wait. */
#ifndef WOAD_HUB_CLOCK_H
#define WOAD_HUB_CLOCK_H

#include "../transport/clock_messages.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CLOCK_GRACE_US = 2000 };

/* When octets were sent to a seat: `total` counts all up to these. */
struct sent {
    uint64_t total, at_us;
};
enum { SENT_MAX = 32 };

struct seat {
    struct seat *next; /* by number */
    int fd;            /* -1: the program has left */
    pid_t pid;
    uint16_t number;
    char name[CLOCK_NAME_MAX];
    uint8_t in[CLOCK_MESSAGE_MAX];
    size_t in_len;
    bool asked, joined;            /* JOIN has come; and is answered */
    unsigned clients, stalled;     /* HCI connections; those whose controller has no room */
    uint64_t sent, received;       /* octets to and from its HCI connections */
    struct sent history[SENT_MAX]; /* the last ones, */
    unsigned history_next;         /* and where the next goes */
    bool has_wait;                 /* `wait` is valid */
    struct clock_waiting wait;     /* the last one, */
    uint64_t until_us;             /* and its limit in air time */
    uint64_t busy_since_us;        /* air time; valid while it does not wait */
    uint32_t serial;               /* of the last WAKE */
    uint64_t woken_sent;           /* virtual: `sent` then: nobody is woken twice for one packet */
    uint64_t woken_at_us;          /* virtual: air time of the last WAKE, */
    unsigned turns;                /* how many there were without a pause, */
    uint64_t rest_until_us;        /* and when the next may be */
    uint64_t slip_sent_us;         /* the total that it knows, */
    uint64_t slip_before_us;       /* and what was there before it joined */
    bool let_go;                   /* it was busy for too long: nobody waits for it */
    bool suspect;                  /* the air stands still because of it, */
    uint64_t suspect_since_us;     /* since this time of the machine; */
    bool has_cpu;                  /* half of the patience is over, and then */
    uint64_t suspect_cpu_us;       /* its processor time was this */
};

struct clock {
    enum clock_kind kind;
    uint64_t patience_us; /* of the machine's time; 0: without end */
    unsigned expect;      /* virtual: answer no JOIN before so many have come */
    uint64_t seed;
    void (*log)(void *ctx, const struct seat *s, const char *what);
    void *ctx;
    struct seat *seats;
    bool answered; /* the expected ones have been answered */
    uint64_t slip_us;
};

/* A new connection of a program; NULL: no memory, and `fd` stays open. */
struct seat *clock_add(struct clock *clock, int fd, pid_t pid, uint64_t now_us);
/* The seat of a process; NULL: it keeps no time. */
struct seat *clock_seat(const struct clock *clock, pid_t pid);
/* Frees the seats that have left: nothing may point to them any more. */
void clock_free_left(struct clock *clock);
void clock_close(struct clock *clock);

/* An HCI connection of the seat's process has begun or ended, with the octets moved so far. */
void seat_add_client(struct seat *s, uint64_t sent, uint64_t received, uint64_t now_us);
void seat_remove_client(struct seat *s, uint64_t sent, uint64_t received);
/* Octets were moved. */
void seat_moved(struct seat *s, uint64_t sent, uint64_t received, uint64_t now_us);

/* For poll(): one for each seat; returns how many there are.  `room` 0 counts them. */
size_t clock_fds(const struct clock *clock, struct pollfd *fds, size_t room);
/* Reads all messages, and answers JOIN.  `speed`: air time in the machine's. */
void clock_serve(struct clock *clock, uint64_t now_us, double speed);

/* Wall: the air time that may not be passed. */
uint64_t clock_limit_us(const struct clock *clock);
/* Wall: the air was delayed by `us` of the machine's time.  Tells the programs, now or soon. */
void clock_slip(struct clock *clock, uint64_t us);

/* Changes how many are expected, which may answer those that have come. */
void clock_expect(struct clock *clock, unsigned expect, uint64_t now_us);
/* Virtual: whether every seat waits, and the expected ones have come. */
bool clock_all_wait(const struct clock *clock);
/* Virtual, while all wait: the first moment at which a seat wants to go on; CLOCK_NEVER: none. */
uint64_t clock_next_us(const struct clock *clock);
/* Virtual, while all wait: the strictest way in which any of them does. */
enum clock_wait clock_waits_how(const struct clock *clock);
/* Virtual: wakes each seat that has packets, wants to write, or whose limit is `now_us`.
 * `air_next_us`: when the air does something next.  Returns how many were woken. */
size_t clock_wake(struct clock *clock, uint64_t now_us, uint64_t air_next_us);

/* The air stands still: gives up waiting for who was busy for too long.  Returns the microseconds
 * of the machine's time until the next call, CLOCK_NEVER: nobody is busy.  `at_us`: the air time
 * that a seat has to hold up to be meant. */
uint64_t clock_lose_patience(struct clock *clock, uint64_t at_us, uint64_t real_us);
bool clock_has_let_go(const struct clock *clock);

#endif
