/* A world in virtual time: hosts, each on a controller of its own, on one air. */
#ifndef WOAD_TESTS_WORLD_H
#define WOAD_TESTS_WORLD_H

#include <woad/air.h>
#include <woad/crypto.h>
#include <woad/hci.h>
#include <woad/woad.h>

#include <stdio.h>

#include "transport/btsnoop.h"

enum { WORLD_MAX = 64, WORLD_LOG = 512, WORLD_VALUE = 640 };

/* An event as it was, with its octets. */
struct seen {
    struct woad_event ev;
    uint8_t data[WORLD_VALUE];
};

struct device {
    struct world *world;
    struct woad *host;
    struct woad_air_controller *ctl;
    struct seen *log; /* reports are not kept unless keep_reports */
    size_t logged;
    bool keep_reports, own_answers;
    bool lied_to;             /* about credits: it may send too much */
    bool deaf;                /* the controller's packets are thrown away */
    bool mute;                /* the host's are */
    uint64_t packets, act_at; /* both ways; before that one act() is called */
    void (*act)(struct device *d);
    uint64_t reports;
    struct woad_addr addr;
    /* What it serves: one value for every attribute that asks. */
    uint8_t value[WORLD_VALUE];
    size_t value_len;
    uint64_t hash; /* of every HCI packet both ways */
    void (*on_event)(struct device *d, const struct woad_event *ev);
    /* Of what its host says, before the controller hears it. */
    void (*on_packet)(struct device *d, const uint8_t *packet, size_t n);
    /* Of what its controller says, before the host hears it. */
    void (*on_heard)(struct device *d, const uint8_t *packet, size_t n);
    void *memory[2]; /* of the host, of the controller */
    size_t memory_len[2];
    void *seen;      /* honest.c: the host's memory when it was last driven */
    uint64_t due_us; /* when woad_poll() must be called again */
    FILE *snoop;     /* a log of its HCI, if not NULL */
    bool snoop_keys;
    struct btsnoop_cuts snoop_cuts;
};

struct world {
    struct woad_air *air;
    struct device device[WORLD_MAX];
    size_t devices;
    bool honest; /* WORLD_HONEST is set: driven by honest.c */
};

struct world *world_new(uint64_t seed, uint16_t loss_per_mille);
void world_free(struct world *w);
/* The memory of one that is off the air already. */
void device_free(struct device *d);
/* conns: of host and controller.  Brought up when it returns. */
struct device *world_add(struct world *w, uint8_t conns);
struct device *world_add_config(struct world *w, struct woad_config host,
                                struct woad_air_controller_config controller);
struct woad_config world_host_config(uint8_t conns);
struct woad_air_controller_config world_controller_config(struct world *w, uint8_t conns);
void world_run(struct world *w, uint64_t us);
void world_pump(struct world *w);
/* All that the host has to send now; one packet of the controller's.  False: there was none. */
bool device_tx(struct device *d);
bool device_rx(struct device *d);
/* honest.c: as world_run(), but a host is called only when woad.h says that it must be. */
void honest_run(struct world *w, uint64_t us);
const struct seen *honest_wait(struct world *w, const struct device *d, enum woad_event_type type,
                               uint64_t us);
/* Runs until `d` has logged an event of this type (from the `from`-th on), at most `us`. */
const struct seen *world_wait(struct world *w, struct device *d, enum woad_event_type type,
                              uint64_t us);
const struct seen *device_find(const struct device *d, enum woad_event_type type);
size_t device_count(const struct device *d, enum woad_event_type type);
void device_forget(struct device *d);
uint64_t world_hash(const struct world *w);

#define CHECK(x) \
    do { \
        if (!(x)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
            abort(); \
        } \
    } while (0)

#endif
