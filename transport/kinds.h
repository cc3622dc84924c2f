/* The kinds of transport that open.c chooses from by the first word of a name.
 *
 * Each function returns 0 or a negative errno with a sentence in `message`; those that return a
 * descriptor return it, non-blocking and above 2.  `spec` is what follows the name's first colon;
 * functions that take a `char *spec` cut it into pieces. */
#ifndef WOAD_TRANSPORT_KINDS_H
#define WOAD_TRANSPORT_KINDS_H

#include "open.h"
#include "transport.h"

enum { SPEC_MAX = 320 }; /* octets of a transport's name, with the final zero */

/* A host's program, name and address at a simulated radio: transport_open_as(). */
struct host_identity {
    const char *program; /* NULL: the socket is not bound, and the others have no effect */
    char name[HOST_NAME_MAX];
    char address[13]; /* in hexadecimal; "-": none chosen */
};

/* socket.c: "/path", "host:port".  With a program the socket is bound to a name before it
 * connects: see transport_open_as(). */
int unix_open(const char *path, const struct host_identity *who,
              char message[WOAD_PORT_MESSAGE_MAX]);
int tcp_open(const char *spec, char message[WOAD_PORT_MESSAGE_MAX]);
/* socket.c: replaces a dead socket at that path; a TCP port of 0 becomes the one that is free. */
int unix_listen(const char *path, struct hci_transport *transport,
                char message[WOAD_PORT_MESSAGE_MAX]);
int tcp_listen(const char *spec, struct hci_transport *transport,
               char message[WOAD_PORT_MESSAGE_MAX]);
/* `name` ends with the port that was given: port 0 becomes the one that is listened to. */
void tcp_name_port(int fd, char name[LISTEN_NAME_MAX]);

/* serial.c: "/dev/tty@baud" and options ",h5", ",even", ",bcm=FILE", ",to=BAUD". */
int serial_open(char *spec, struct hci_transport *transport, char message[WOAD_PORT_MESSAGE_MAX]);
/* A new pseudo terminal; `name` is what a program opens at its other end. */
int serial_make_pty(struct hci_transport *transport, char name[LISTEN_NAME_MAX],
                    char message[WOAD_PORT_MESSAGE_MAX]);
int serial_set_baud(int fd, uint32_t rate); /* when what is written has been sent */

/* linux_hci.c: "hci0", an adapter of Linux taken over from the kernel. */
int linux_open_user_channel(const char *spec, struct hci_transport *transport,
                            char message[WOAD_PORT_MESSAGE_MAX]);
/* A virtual controller for Linux, by /dev/vhci; `name` is the kernel's ("hci1"). */
int linux_make_vhci(struct hci_transport *transport, char name[LISTEN_NAME_MAX],
                    char message[WOAD_PORT_MESSAGE_MAX]);

/* usb.c, or usb_none.c without libusb: "", "1d6b:0001" (vendor:product), "1.4" (bus.address). */
int usb_open(const char *spec, struct hci_transport *transport,
             char message[WOAD_PORT_MESSAGE_MAX]);

#endif
