/* What the files of the hub share: its state, and one host's. */
#ifndef WOAD_HUB_STATE_H
#define WOAD_HUB_STATE_H

#include "hub.h"

#include <woad/air.h>

#include "../transport/btsnoop.h"
#include "../transport/framing.h"
#include "../transport/open.h"
#include "capture.h"

/* A host and its controller. */
struct client {
    struct client *next;
    int fd; /* -1: the host has left, and the controller's connections are ending */
    bool serial, is_socket;
    bool off;            /* hub_intercept(): no packet reaches it, and none of its any other */
    bool rx_stalled;     /* rx_packet waits for room in the controller */
    uint64_t left_at_us; /* air time */
    struct woad_air_controller *controller;
    void *memory; /* the controller's */
    struct framing framing;
    const uint8_t *rx_packet; /* from the host, not given to the controller yet */
    size_t rx_packet_len;     /* 0: none */
    unsigned number;
    char name[HOST_NAME_MAX]; /* printable, no other connected host's; "": none */
    uint8_t address[6];
    struct btsnoop log;
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
    bool packets_moved;      /* to hosts, since the last call of each extra's serve() */
    bool slow_reader_warned; /* of the capture */
    int first_error;         /* of the first capture or log that could not be written */
};

/* hub.c */

/* A capture or log cannot be written: warns, and keeps the error for hub_run()'s result.  Hosts are
 * still served. */
void hub_note_error(struct hub *hub, const char *what, int err);

/* Captures to `path` from now on, in place of an earlier capture; NULL: ends that one.  0 or a
 * negative errno: there is no capture then. */
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

/* client.c */

/* Attaches a controller for a host.  `name`: what the host's program has bound, `len` 0: nothing.
 * False: no memory, or its address is another host's; the caller closes fd. */
bool client_add(struct hub *hub, const struct hci_transport *transport, int fd, bool socket,
                const char *name, size_t len);
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
