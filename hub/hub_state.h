/* What the files of the hub share: its state, and one host's. */
#ifndef WOAD_HUB_STATE_H
#define WOAD_HUB_STATE_H

#include "hub.h"

#include <woad/air.h>

#include "../transport/btsnoop.h"
#include "../transport/framing.h"
#include "../transport/open.h"
#include "capture.h"
#include "clock.h"

#include <sys/types.h>

/* A host and its controller. */
struct client {
    struct client *next;
    int fd; /* -1: the host has left, and the controller's connections are ending */
    bool serial, is_socket;
    bool off;            /* hub_intercept(): no packet reaches it, and none of its any other */
    bool rx_stalled;     /* rx_packet waits for room in the controller */
    uint64_t left_at_us; /* air time */
    struct woad_air_controller *controller; /* NULL: the options' stand_in is in its place */
    void *memory;                           /* the controller's */
    struct framing framing;
    const uint8_t *rx_packet; /* from the host, not given to the controller yet */
    size_t rx_packet_len;     /* 0: none */
    unsigned number;
    char name[HOST_NAME_MAX]; /* printable, no other connected host's; "": none */
    uint8_t address[6];
    struct btsnoop log;
    struct woad_btsnoop_keys watch_zeroed; /* while its packets are watched */
    pid_t pid;                             /* of the host's process; 0: unknown */
    struct seat *seat;       /* of that process; NULL: it does not keep the air's time */
    uint64_t sent, received; /* octets */
};

/* Virtual time: a host that is not attached yet. */
struct arrival {
    struct arrival *next;
    int fd;
    pid_t pid;
    uint64_t came_us; /* the machine's time */
    char name[PEER_NAME_MAX];
    size_t name_len;
};

/* Gets each packet on the air, and each HCI packet, with zeros in the place of keys unless the
 * options say otherwise. */
struct hub_watcher {
    void (*air)(void *ctx, const struct hub *hub, const struct woad_air_packet *packet);
    void (*hci)(void *ctx, const struct hub *hub, const struct client *c, bool received,
                const uint8_t *packet, size_t len);
    void *ctx;
};

struct hub {
    const struct hub_options *options;
    const volatile int *stop; /* hub_run() ends when it is not zero */
    struct woad_air *air;
    struct client *clients;
    unsigned last_number;
    uint64_t air_epoch_us; /* wall clock at the air's time 0 */
    uint64_t accept_at_us; /* wall clock: accept no host before */
    struct pollfd *fds;
    size_t fds_allocated;
    struct capture pcap;
    char pcap_path[200];
    struct clock clock;
    struct arrival *arrivals;
    uint64_t woken_us;  /* virtual.c: air time at which a program was woken last */
    uint64_t looked_us; /* virtual.c: the machine's time of its last look at newcomers */
    uint64_t paced_real_us, paced_air_us; /* virtual time that is paced: since when; 0: it is not */
    double speed;                         /* wall: air time in the machine's time, above 0 */
    double pace;             /* virtual: at most so much air time in the machine's; 0: no limit */
    uint64_t pause_at_us;    /* air time at which the air stands still; UINT64_MAX: it goes on */
    bool pause_at_packet;    /* pause_at_us is to be the time of the next packet on the air */
    uint16_t loss_per_mille; /* packets lost at random */
    uint64_t flushed_us;     /* the machine's time at the last hub_flush() of virtual.c */
    bool packets_moved;      /* to hosts, since the last call of each extra's serve() */
    bool slow_reader_warned; /* of the capture */
    const struct hub_watcher *watcher; /* NULL: none */
    int first_error;                   /* of the first capture or log that could not be written */
};

/* hub.c */

/* A capture or log cannot be written: warns, and keeps the error for hub_run()'s result.  Hosts are
 * still served. */
void hub_note_error(struct hub *hub, const char *what, int err);

/* Captures to `path` from now on, in place of an earlier capture; NULL: ends that one.  0, or a
 * negative errno: the path is refused, and an earlier capture goes on. */
int hub_capture(struct hub *hub, const char *path);

/* names.c */

/* The connected host of that name; the host of that number, which may have left.  NULL: none. */
struct client *hub_find_name(const struct hub *hub, const char *name);
struct client *hub_find_number(const struct hub *hub, unsigned number);
/* For the world file: find_controller() in world_file.h. */
struct woad_air_controller *hub_find_controller(void *ctx, unsigned id);
/* Sets the name and the address of a new client from what its program has bound, `len` 0: nothing.
 * False: it chose an address that another host has, which is in the log. */
bool client_identify(struct hub *hub, struct client *c, const char *text, size_t len);
/* "controller 2 (sensor)" */
enum { CLIENT_TITLE_MAX = 32 + HOST_NAME_MAX };
const char *client_title(const struct client *c, char title[CLIENT_TITLE_MAX]);
uint64_t hub_real_us(void); /* the machine's time */
/* The air time of the next event: of the air, the world file, or a hub_extra. */
uint64_t hub_next(const struct hub *hub);
/* One step of the air, to `next`, with all that is to happen then. */
void hub_step(struct hub *hub, uint64_t next);
void hub_move_packets(struct hub *hub);
void hub_serve_extras(struct hub *hub);
/* Writes the buffered capture, so that a reader sees all packets up to now. */
void hub_flush(struct hub *hub);
/* Polls what is to be polled for at most `us`: listeners, and `hosts`: their descriptors, too.
 * Then accepts, and reads the clock's messages and the hosts' packets. */
void hub_poll(struct hub *hub, uint64_t us, bool hosts);
/* Accepts what waits at the listeners. */
void hub_accept_all(struct hub *hub);

/* pace.c */

/* Takes the speed and the loss of the options; the air's time goes on. */
void hub_begin_time(struct hub *hub);
/* The air stands still from now on, or goes on.  Programs that keep its time stand still, too. */
void hub_pause(struct hub *hub);
void hub_continue(struct hub *hub);
/* While it stands still: lets so much air time pass; 0: as much as there is until a packet. */
void hub_step_on(struct hub *hub, uint64_t us);
bool hub_is_paused(const struct hub *hub);
/* Air time in the machine's time from now on; virtual time: at most so much, and 0 is no limit. */
void hub_set_speed(struct hub *hub, double speed);
/* A packet begins on the air: a step that was to end with one ends. */
void hub_packet_began(struct hub *hub);
/* On the wall's clock: the air time that the machine's time stands for. */
uint64_t hub_wall_us(const struct hub *hub);

/* virtual.c */

/* One round of virtual time: waits for the programs, or moves the air and wakes them. */
void hub_run_virtual(struct hub *hub);
/* A host has come.  False: no memory. */
bool hub_arrive(struct hub *hub, int fd, pid_t pid);
void hub_refuse_arrivals(struct hub *hub);

/* client.c */

/* Attaches a controller for a host.  `name`: what the host's program has bound, `len` 0: nothing.
 * False: no memory, or its address is another host's; the caller closes fd. */
bool client_add(struct hub *hub, const struct hci_transport *transport, int fd, bool socket,
                const char *name, size_t len);
/* Gives a client the seat of its process, if that has one. */
void client_take_seat(struct hub *hub, struct client *c);
/* The host has left: its controller ends all connections, then hub_free_left() frees it. */
void client_leave(struct hub *hub, struct client *c);
void hub_free_left(struct hub *hub);
/* Frees a client whose descriptor is closed and that is in no list. */
void client_free(struct client *c);
/* Moves packets from the host to its controller.  False: the client is to leave, because the host
 * closed, sent what is not H4, or does not acknowledge H5. */
bool client_read(struct hub *hub, struct client *c);
/* Moves packets from the controller to the host.  If the host does not read, they stay in the
 * controller's queue.  False: the client is to leave. */
bool client_write(struct hub *hub, struct client *c);

#endif
