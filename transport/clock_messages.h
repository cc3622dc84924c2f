/* The messages by which programs and `woad air` keep one time.  They travel on a connection of
 * their own, beside the HCI connections of the same process, framed as HCI in H4: a server that
 * does not know them answers Unknown HCI Command.  docs/clock.md explains them. */
#ifndef WOAD_CLOCK_MESSAGES_H
#define WOAD_CLOCK_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "private_names.h"

enum clock_kind { CLOCK_WALL, CLOCK_VIRTUAL };

/* Until when a program waits.
 *   CLOCK_UNTIL  until a moment, or a packet
 *   CLOCK_PACED  the same, and for something outside the air: a virtual clock goes no faster than
 *                the wall's meanwhile; on the wall's clock packets that it has not read do not
 *                make it busy
 *   CLOCK_HOLD   for something outside the air, without a limit: a virtual clock stands still
 *   CLOCK_BUSY   it does not: on the wall's clock, how much processor time it has used by now */
enum clock_wait { CLOCK_UNTIL, CLOCK_PACED, CLOCK_HOLD, CLOCK_BUSY };

enum { CLOCK_NAME_MAX = 32, CLOCK_MESSAGE_MAX = 3 + 1 + 255 };
#define CLOCK_NEVER UINT64_MAX

/* The first message of a program.  `seat` decides the order among programs in virtual time; 0: the
 * next free one. */
struct clock_join {
    uint16_t seat;
    char name[CLOCK_NAME_MAX];
};

/* Its answer.  On the wall's clock only `kind` has a meaning. */
struct clock_joined {
    enum clock_kind kind;
    uint64_t now_us, start_us; /* the air's time, and the time at which the program begins */
    uint64_t epoch_s;          /* Unix time of the air's time 0 */
    uint64_t seed;             /* for the program's random numbers */
};

/* Sent by a program that has nothing to do, or (CLOCK_BUSY) goes on. */
struct clock_waiting {
    uint32_t serial; /* of the last WAKE; 0: there was none yet */
    enum clock_wait kind;
    bool blocked;           /* it has octets to write for which its sockets have no room */
    uint64_t until_us;      /* virtual: air time; wall: from now; CLOCK_NEVER: no limit */
    uint64_t read, written; /* octets, of all open HCI connections of the process */
    uint64_t slip_us;       /* wall: the last SLIP that it has read */
    uint64_t cpu_us;        /* wall: the processor time that it has used in all */
};

/* Virtual time: a waiting program may act.  Its packets were sent before. */
struct clock_wake {
    uint32_t serial;
    uint64_t now_us;     /* the air's time */
    uint64_t horizon_us; /* nothing else happens before: it may move on by itself up to here */
};

/* Each returns the length of the message. */
size_t clock_put_join(uint8_t *at, const struct clock_join *m);
size_t clock_put_pending(uint8_t *at); /* the answer to JOIN follows later */
size_t clock_put_joined(uint8_t *at, const struct clock_joined *m);
size_t clock_put_waiting(uint8_t *at, const struct clock_waiting *m);
size_t clock_put_wake(uint8_t *at, const struct clock_wake *m);
/* Wall: by how much the air's time is late in all, since the air began. */
size_t clock_put_slip(uint8_t *at, uint64_t total_us);

enum clock_message {
    CLOCK_MORE,    /* the message is not complete */
    CLOCK_FOREIGN, /* this is none of them */
    CLOCK_JOIN,
    CLOCK_PENDING,
    CLOCK_JOINED,
    CLOCK_WAITING,
    CLOCK_WAKE,
    CLOCK_SLIP
};

union clock_body {
    struct clock_join join;
    struct clock_joined joined;
    struct clock_waiting waiting;
    struct clock_wake wake;
    uint64_t slip_us;
};

/* The first message of `len` octets; *taken gets its length. */
enum clock_message clock_take(const uint8_t *in, size_t len, union clock_body *body, size_t *taken);

#endif
