/* Opens a transport by its name, towards a controller or towards hosts. */
#ifndef WOAD_TRANSPORT_OPEN_H
#define WOAD_TRANSPORT_OPEN_H

#include "transport.h"

/* Connects to the controller that `spec` names (woad_port_open() lists the names).  0, or a
 * negative errno with a sentence in `message`; -ENODEV: no program listens at a unix socket. */
int transport_open(const char *spec, struct hci_transport *transport,
                   char message[WOAD_PORT_MESSAGE_MAX]);
/* The same for a program that wants the same address each time it uses a simulated radio.  Before
 * it connects, its socket is bound to a name in Linux's abstract namespace, made of `program`
 * (NULL: no name), the path and a number; the number tells programs of the same name apart.  A
 * process first tries the number that it had last.  The name also carries what the air's log calls
 * the host: ",name=" in `spec`, which then is the program, else the end of the program's path; and
 * the address that ",addr=" in `spec` chooses. */
int transport_open_as(const char *spec, const char *program, struct hci_transport *transport,
                      char message[WOAD_PORT_MESSAGE_MAX]);
/* The name that the program at the other end of a unix socket has bound, without the path.
 * Returns its length, 0: none. */
enum { PEER_NAME_MAX = 108, HOST_NAME_MAX = 48 };
size_t transport_peer_name(int fd, char name[PEER_NAME_MAX]);
/* The parts of such a name. */
struct peer_name {
    size_t key; /* octets of it that are the program's and the number */
    bool has_address;
    uint8_t address[6];
    char name[HOST_NAME_MAX]; /* printable; "": none */
};
void transport_read_peer_name(const char *text, size_t len, struct peer_name *peer);

/* Connects a second socket to the server of `fd`, a unix socket, or (fd < 0) to the one at `path`,
 * for the messages of clock_messages.h.  The descriptor does not block.  A negative errno: it is no
 * unix socket, or the server takes no more connections now. */
int transport_open_clock(int fd, const char *path);
/* Whether the program at the other end has connected so. */
bool transport_peer_is_clock(int fd);

/* Opens the other end, towards hosts: "unix:/path" and "tcp:[host:]port" are listened to (*listens,
 * for accept()); "pty" and "vhci" are made now and are one host's already.  `name` gets what the
 * host's program or the kernel calls it. */
int transport_listen(const char *spec, struct hci_transport *transport, bool *listens,
                     char name[LISTEN_NAME_MAX], char message[WOAD_PORT_MESSAGE_MAX]);
/* Closes a listening socket and removes its path, unless another program has taken the path. */
void transport_unlisten(struct hci_transport *transport);

#endif
