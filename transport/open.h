/* Opening a way to a controller, or to hosts, by its name. */
#ifndef WOAD_OPEN_H
#define WOAD_OPEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <woad/port.h>

/* What a name stands for. */
struct hci_transport {
    int fd;                              /* non-blocking, to be waited for */
    bool packets;                        /* one read and one write, one packet; else a stream */
    bool three_wire;                     /* of H5, not H4 */
    bool serial;                         /* a line, at whose other end may be anything */
    char patch[96];                      /* a file, for a part of Broadcom's; "": none */
    uint32_t baud_initial, baud;         /* baud: at the beginning; after that, 0: the same */
    const struct hci_transport_ops *ops; /* NULL: read() and write() */
    void *usb;
    char path[108]; /* of a unix socket that is listened to; "": none */
    dev_t dev;      /* what has that name: it and no other is removed */
    ino_t ino;
};

/* As read() and write() on a way that moves packets. */
struct hci_transport_ops {
    ssize_t (*read)(void *usb, uint8_t *to, size_t room);
    ssize_t (*write)(void *usb, const uint8_t *packet, size_t len);
    void (*close)(void *usb);
};

/* 0, or a negative errno with a sentence in `why`; -ENODEV: no program
 * listens at a unix socket. */
int open_spec(const char *spec, struct hci_transport *way, char why[WOAD_PORT_MESSAGE_MAX]);
/* The same for a program that is to have the same address each time it uses a simulated radio.  Its
 * socket is bound to a name in Linux's abstract namespace before it connects: `program`, the path,
 * and a number, for programs of the same name that use it at the same time.  A process tries its
 * last number first.  NULL: none. */
int open_named(const char *spec, const char *program, struct hci_transport *way,
               char why[WOAD_PORT_MESSAGE_MAX]);
/* This user's simulated radio, started if need be. */
int open_user_air(const char *program, struct hci_transport *way, char why[WOAD_PORT_MESSAGE_MAX]);
/* The name that the program at the other end has bound, without the path; its length, 0: none. */
enum { HOST_NAME = 48 };
size_t host_name(int fd, char name[HOST_NAME]);
void transport_close(struct hci_transport *way);

/* "unix:/path", "tcp:[host:]port", to be listened to; or "pty" or "vhci", made now, of which *name
 * is what the other side calls it.  *way is for accept() if `listens`. */
enum { LISTEN_NAME = 300 };
int listen_spec(const char *spec, struct hci_transport *way, bool *listens, char name[LISTEN_NAME],
                char why[WOAD_PORT_MESSAGE_MAX]);
/* Removes the name of a socket, unless it is another's by now, and closes. */
void listen_close(struct hci_transport *way);

int open_fail(char why[WOAD_PORT_MESSAGE_MAX], int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The descriptor, above 2: what a program prints must not go to a controller, or into a file, that
 * was opened when 0, 1 or 2 was closed.  A negative errno, and it is closed. */
int above_stdio(int fd);
/* Keys are going into it, and it may have been made without: 0600, or a negative errno. */
int keys_hide(int fd);
/* The last of "a,b" taken off if it is `word`. */
bool spec_takes(char *spec, const char *word);

/* The same for "word=value": the value, or NULL. */
const char *spec_takes_value(char *spec, const char *word);

/* serial.c: "/dev/tty@baud", and after it ",even", ",bcm=file", ",to=baud"; a pair of which one end
 * is ours. */
int open_serial(char *spec, struct hci_transport *way, char why[WOAD_PORT_MESSAGE_MAX]);
int serial_speed(int fd, uint32_t baud);
int make_pty(struct hci_transport *way, char name[LISTEN_NAME], char why[WOAD_PORT_MESSAGE_MAX]);
/* linux.c: "hci0"; /dev/vhci, by which Linux gets a controller. */
int open_user_channel(const char *spec, struct hci_transport *way, char why[WOAD_PORT_MESSAGE_MAX]);
int make_vhci(struct hci_transport *way, char name[LISTEN_NAME], char why[WOAD_PORT_MESSAGE_MAX]);
/* usb.c, or usb_none.c where there is no libusb: "", "1d6b:0001", "bus.address". */
int open_usb(const char *spec, struct hci_transport *way, char why[WOAD_PORT_MESSAGE_MAX]);

#endif
