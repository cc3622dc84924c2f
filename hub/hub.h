/* The air behind sockets: every attachment is a controller. */
#ifndef WOAD_HUB_H
#define WOAD_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hci_transport;

struct hub_options {
    const struct hci_transport *listener; /* to be accepted from: open.h */
    size_t listeners;
    const struct hci_transport *attachment; /* that are attachments already: ptys, Linux */
    size_t attachments;
    uint64_t seed;
    uint16_t loss_per_mille;
    const char *profile;      /* of the controllers, NULL: all there is */
    struct world_file *world; /* what surrounds and befalls them; NULL: nothing */
    double speed;             /* times the wall clock; 0: 1 */
    const char *pcap;         /* a capture of the air, NULL: none */
    const char *btsnoop;      /* a directory for logs of HCI, NULL: none */
    bool keys;                /* in which encrypted packets are written as they were */
    bool exit_when_empty;     /* end after the last attachment, or none in 5 s */
    /* Asked before it ends: false when somebody is about to come. */
    bool (*may_end)(void *ctx);
    void (*log)(const char *line);  /* may be NULL */
    void (*warn)(const char *line); /* a capture or a log ends; may be NULL */
    void *ctx;
    int wake; /* can be read when *stop is not zero; 0: there is none */
};

/* Serves until it may end, or *stop becomes non-zero.  0, or a negative errno: of what could not be
 * written, too, at the end. */
int hub_run(const struct hub_options *options, const volatile int *stop);

#endif
