/* Serves a simulated air to hosts: each host that connects gets a controller of its own. */
#ifndef WOAD_HUB_H
#define WOAD_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hci_transport;

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
    const char *pcap;         /* file for a capture of the air; NULL: none */
    const char *btsnoop;      /* folder for HCI logs; NULL: none */
    bool keys;                /* log keys, and capture encrypted packets decrypted */
    bool exit_when_empty;     /* end after the last host, or after 5 s without one */
    /* Called before that end; false: a host is about to connect. */
    bool (*may_end)(void *ctx);
    void (*log)(const char *line);  /* hosts that connect and leave; may be NULL */
    void (*warn)(const char *line); /* a capture or log that fails; may be NULL */
    void *ctx;
    int wake; /* a descriptor that becomes readable when *stop is set; 0: none */
};

/* Serves until *stop is not zero, or exit_when_empty applies.  0, or a negative errno, also of the
 * first capture or log that could not be written. */
int hub_run(const struct hub_options *options, const volatile int *stop);

#endif
