/* One HCI transport: the descriptor of a controller, or of a host, and how packets cross it.
 * transport_open() and transport_listen() (open.h) fill a struct hci_transport by a name; below
 * are the helpers that all kinds of transport share. */
#ifndef WOAD_TRANSPORT_H
#define WOAD_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <woad/port.h>

#include "private_names.h"

struct hci_transport {
    int fd;          /* non-blocking, for poll(); -1: closed */
    bool packets;    /* each read() and write() moves one packet; else fd is a stream of octets */
    bool three_wire; /* the stream is framed by H5, else by H4 */
    bool serial;     /* a serial line: it may start in the middle of a packet */
    char patch[96];  /* path of the patch file for a Broadcom controller; "": none */
    uint32_t baud_initial, baud; /* until the patch is loaded, and after; baud 0: no change */
    const struct hci_transport_ops *ops; /* NULL: read() and write() */
    void *usb;                           /* argument of ops */
    /* A listening unix socket: transport_unlisten() removes `path` only if it still names the
     * inode that was bound. */
    char path[108]; /* "": nothing to remove */
    dev_t dev;
    ino_t ino;
};

/* Like read() and write() on a descriptor that moves whole packets. */
struct hci_transport_ops {
    ssize_t (*read)(void *usb, uint8_t *to, size_t room);
    ssize_t (*write)(void *usb, const uint8_t *packet, size_t len);
    void (*close)(void *usb);
};

/* Room for the name that hosts call a transport by. */
enum { LISTEN_NAME_MAX = 300 };

void transport_close(struct hci_transport *transport);

/* Formats `message` and returns -error, or -EIO for error 0. */
int transport_fail(char message[WOAD_PORT_MESSAGE_MAX], int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Moves a descriptor above 2, and returns it or a negative errno (the descriptor is closed then).
 * If 0, 1 or 2 was closed, open() returns that number, and what the program prints would go to the
 * controller or into the file. */
int fd_above_stdio(int fd);
/* Before keys are written: a regular file that others may read gets mode 0600.  0 or a negative
 * errno. */
int fd_make_private(int fd);

/* Cuts the last option off "name,option,option" if it is `word`. */
bool spec_take_word(char *spec, const char *word);
/* The same for "word=value": returns the value, or NULL if the last option is another. */
const char *spec_take_value(char *spec, const char *word);

#endif
