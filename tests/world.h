/* Hosts in virtual time, each on a simulated controller, all on one air. */
#ifndef WOAD_TESTS_WORLD_H
#define WOAD_TESTS_WORLD_H

#include <woad/air.h>
#include <woad/crypto.h>
#include <woad/hci.h>
#include <woad/woad.h>

#include <stdio.h>

#include "hub/replay.h"
#include "transport/btsnoop.h"

enum { WORLD_MAX = 64, WORLD_LOG = 512, WORLD_VALUE = 640 }; /* devices, events, octets */

/* A copy of an event, with the octets that it points to. */
struct seen {
    struct woad_event ev;
    uint8_t data[WORLD_VALUE];
};

struct device {
    struct world *world;
    struct woad *host;
    struct woad_air_controller *air_controller;
    struct seen *log; /* without reports, unless keep_reports */
    size_t logged;
    bool keep_reports;        /* reports are logged, too */
    bool own_answers;         /* on_event() answers the host's requests */
    bool lied_to;             /* the host has wrong credits: overruns are no failure */
    bool deaf;                /* the host does not get the controller's packets */
    bool mute;                /* the controller does not get the host's packets */
    uint64_t packets, act_at; /* both ways; act() is called before packet number act_at */
    void (*act)(struct device *d);
    uint64_t reports;
    struct woad_addr addr;
    /* The value of every attribute that is read or written. */
    uint8_t value[WORLD_VALUE];
    size_t value_len;
    uint64_t hash; /* hash of all HCI packets, both ways */
    void (*on_event)(struct device *d, const struct woad_event *ev);
    /* Called for each packet of the host, before the controller gets it. */
    void (*on_packet)(struct device *d, const uint8_t *packet, size_t n);
    /* Called for each packet of the controller, before the host gets it. */
    void (*on_received)(struct device *d, const uint8_t *packet, size_t n);
    void *memory[2]; /* of the host and of the controller */
    size_t memory_len[2];
    void *seen;      /* honest.c: copy of the host's memory after the last call */
    uint64_t due_us; /* time of the next woad_poll() */
    FILE *snoop;     /* the test's HCI log, or NULL */
    bool snoop_keys;
    struct woad_btsnoop_keys snoop_zeroed;
    FILE *own_log;         /* logged.c: of WORLD_BTSNOOP; NULL: none */
    struct replay *replay; /* the same: of WORLD_REPLAY, in the controller's place; NULL: none */
};

struct world {
    struct woad_air *air;
    struct device device[WORLD_MAX];
    size_t devices;
    bool honest; /* WORLD_HONEST is set: honest.c drives the hosts */
};

/* A new air without devices. */
struct world *world_new(uint64_t seed, uint16_t loss_per_mille);
void world_free(struct world *w);
/* Frees the memory of a device that is detached from the air. */
void device_free(struct device *d);
/* Adds a host and a controller with room for `conns` connections; returns when the host is up. */
struct device *world_add(struct world *w, uint8_t conns);
struct device *world_add_config(struct world *w, struct woad_config host,
                                struct woad_air_controller_config controller);
/* What world_add() uses. */
struct woad_config world_host_config(uint8_t conns);
struct woad_air_controller_config world_controller_config(struct world *w, uint8_t conns);
void world_run(struct world *w, uint64_t us); /* lets time pass */
void world_pump(struct world *w);             /* moves all packets that wait */
/* Moves all packets of the host, or one packet of the controller.  Returns false if there was
 * none. */
bool device_tx(struct device *d);
bool device_rx(struct device *d);
/* logged.c: with WORLD_BTSNOOP=DIR each device has a log, DIR/1.btsnoop and so on, with keys.  With
 * WORLD_REPLAY=DIR a host gets the packets of its log, and what it sends is compared with it: same
 * octets, same microsecond.  Then no controller gets a packet, unless WORLD_REPLAY_AIR is set, too:
 * for tests that look at the air. */
void device_open_log(struct device *d);
void device_close_log(struct device *d); /* all of the log must have been moved */
void device_log(struct device *d, bool received, const uint8_t *packet, size_t n);
/* Compares a packet of the host.  Returns whether the controller is to get it. */
bool device_compare(struct device *d, const uint8_t *packet, size_t n);
/* The controller's next packet: of the log, if the device has one.  Its length; 0: there is none.
 */
size_t device_take(struct device *d, uint8_t *packet, size_t room);
/* The time of the next event of the air, or of a log. */
uint64_t world_next_us(const struct world *w);
/* honest.c: like world_run(), but calls a host only when woad.h requires it. */
void honest_run(struct world *w, uint64_t us);
const struct seen *honest_wait(struct world *w, const struct device *d, enum woad_event_type type,
                               uint64_t us);
/* Runs until `d` has logged an event of this type, at most `us`.  Returns NULL if there is none. */
const struct seen *world_wait(struct world *w, struct device *d, enum woad_event_type type,
                              uint64_t us);
/* The first event of this type in the device's log, NULL: none; how many there are; empties it. */
const struct seen *device_find(const struct device *d, enum woad_event_type type);
size_t device_count(const struct device *d, enum woad_event_type type);
void device_forget(struct device *d);
/* A hash of all packets of all devices. */
uint64_t world_hash(const struct world *w);

#define CHECK(x) \
    do { \
        if (!(x)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
            fflush(NULL); /* logs */ \
            abort(); \
        } \
    } while (0)

#endif
