/* Serves a simulated air to hosts: each host that connects gets a controller of its own. */
#ifndef WOAD_HUB_H
#define WOAD_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../transport/private_names.h"

struct hci_transport;
struct hub;
struct pollfd;

/* Serves descriptors of others in the hub's poll() loop.  None of its functions may block. */
struct hub_extra {
    /* Fills `at` with up to `room` descriptors to poll; returns how many there are.  May be NULL.
     */
    size_t (*fds)(void *ctx, struct pollfd *at, size_t room);
    /* Reads and writes what is ready, whatever poll() has said.  Called at the beginning, after
     * each poll(), and after each step of the air that gave packets to hosts: always before the
     * air's time goes on past such a step.  To end the hub, it sets *stop (see hub_run()). */
    void (*serve)(void *ctx, struct hub *hub, uint64_t air_now_us);
    /* Air time at which serve() is to be called even if nothing happens; UINT64_MAX: none.  May be
     * NULL.  serve() must move it on, or end the hub. */
    uint64_t (*next_us)(void *ctx);
    void *ctx;
};

/* In the place of all controllers: the hosts' packets go to it, and come from it. */
struct hub_stand_in {
    void (*attached)(void *ctx, uint64_t air_now_us); /* a host has connected */
    void (*left)(void *ctx);
    void (*rx)(void *ctx, uint64_t air_now_us, const uint8_t *packet, size_t len);
    /* The length of the next packet for the host, which is due now; 0: none is. */
    size_t (*tx)(void *ctx, uint64_t air_now_us, uint8_t *packet, size_t room);
    void *ctx;
};

struct hub_options {
    const struct hci_transport *listener; /* sockets to accept hosts from */
    size_t listeners;
    const struct hci_transport *attachment; /* transports that are one host each: ptys, Linux */
    size_t attachments;
    uint64_t seed;
    uint16_t loss_per_mille;
    const char *profile;      /* of the controllers: woad_air_profile(); NULL: everything */
    struct world_file *world; /* loaded; NULL: none */
    double speed;             /* air time in wall-clock time; 0: 1 */
    bool virtual_clock;   /* the air's time goes on as soon as all hosts wait; else by the wall */
    unsigned expect;      /* virtual_clock: time starts when so many hosts have joined */
    uint64_t patience_us; /* of the machine's time with a busy program (docs/clock.md); 0: 1 s */
    const char *pcap;     /* file for a capture of the air; NULL: none */
    bool controlled;      /* an extra changes the world, and opens captures: control.h */
    const char *btsnoop;  /* folder for HCI logs; NULL: none */
    bool name_logs;       /* D/NAME.btsnoop for hosts with a name, in place of D/N.btsnoop */
    bool keys;            /* log keys, and capture encrypted packets decrypted */
    bool exit_when_empty; /* end after the last host, or after 5 s without one */
    /* Called before that end; false: a host is about to connect. */
    bool (*may_end)(void *ctx);
    void (*log)(const char *line);  /* hosts that connect and leave; may be NULL */
    void (*warn)(const char *line); /* a capture or log that fails; may be NULL */
    void *ctx;
    int wake; /* a descriptor that becomes readable when *stop is set; 0: none */
    const struct hub_extra *extra;
    size_t extras;
    const struct hub_stand_in *stand_in; /* NULL: hosts get controllers on the air */
};

/* The air's time, in microseconds since hub_run() began. */
uint64_t hub_now_us(const struct hub *hub);
/* Whether this process keeps the air's time: it has joined the clock, and has not left it. */
bool hub_keeps_time(const struct hub *hub, pid_t pid);

/* Serves until *stop is not zero, or exit_when_empty applies.  0, or a negative errno, also of the
 * first capture or log that could not be written. */
int hub_run(const struct hub_options *options, const volatile int *stop);

#endif
