/* From a name to a transport: chooses the kind by the name's first word.
 *
 * Names of other files:
 *   hci_transport: an open transport: transport.h
 *   host_identity: what a host is to be at a simulated radio: program, name, address: kinds.h
 *   HOST_NAME_MAX: octets of a host's name with its 0, not POSIX's macro
 *   linux_make_vhci(): a virtual controller for Linux
 *   linux_open_user_channel(): opens an adapter of Linux
 *   LISTEN_NAME_MAX: octets of a listening transport's name, its 0 included
 *   packets: each read() and write() moves one packet; else the descriptor is a stream of octets
 *   program: NULL: the socket is not bound to a name
 *   serial_make_pty(): a new pseudo terminal
 *   serial_open(): opens a serial device
 *   SPEC_MAX: octets of a name that open.c accepts
 *   spec_take_value(): cuts the last option off a name, if it is this word with a value, and
 *       returns that
 *   spec_take_word(): cuts the last option off a name, if it is this word
 *   tcp_listen(): listens for programs at a port of TCP
 *   tcp_name_port(): replaces a port 0 in the name by the one that the system chose
 *   tcp_open(): connects; a descriptor or a negative errno
 *   three_wire: the stream is framed by H5, else by H4
 *   transport_close(): closes the descriptor, or what `ops` has opened
 *   transport_fail(): formats `message`, and returns the error as a negative errno; 0 counts as EIO
 *   unix_listen(): listens for programs at a path, or a name behind @
 *   unix_open(): connects, and binds the socket to the host's identity; a descriptor or a negative
 *       errno
 *   usb_open(): opens a controller on USB */
#include "open.h"
#include "kinds.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Opens by the first word of the name; cuts `spec`. */
static int open_kind(char *spec, const struct host_identity *who, struct hci_transport *transport,
                     char message[WOAD_PORT_MESSAGE_MAX])
{
    if (strncmp(spec, "unix:", 5) == 0) {
        transport->fd = unix_open(spec + 5, who, message);
        if (transport->fd < 0) {
            return transport->fd;
        }
        return 0;
    }
    if (strncmp(spec, "tcp:", 4) == 0) {
        transport->fd = tcp_open(spec + 4, message);
        if (transport->fd < 0) {
            return transport->fd;
        }
        return 0;
    }
    if (strncmp(spec, "uart:", 5) == 0 || strncmp(spec, "pty:", 4) == 0) {
        return serial_open(strchr(spec, ':') + 1, transport, message);
    }
    if (strcmp(spec, "usb") == 0 || strncmp(spec, "usb:", 4) == 0) {
        const char *device = "";
        if (spec[3]) {
            device = spec + 4;
        }
        return usb_open(device, transport, message);
    }
    if (strncmp(spec, "hci", 3) == 0) {
        return linux_open_user_channel(spec, transport, message);
    }
    return transport_fail(message, EINVAL,
                          "\"%.60s\" names no controller: say unix:/path, tcp:host:port, "
                          "uart:/dev/ttyX@baud, pty:/dev/pts/N, usb or hci0",
                          spec);
}

/* Copies what fits, without a part of a character of UTF-8 at the end. */
static void copy_name(char name[HOST_NAME_MAX], const char *from)
{
    size_t len = strlen(from);
    if (len >= HOST_NAME_MAX) {
        len = HOST_NAME_MAX - 1;
        while (len && ((uint8_t)from[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    memcpy(name, from, len);
    name[len] = '\0';
}

/* A program's name in the air's log: of a path the last part, without ".py".  One that begins with
 * a hyphen is not in a file, and has no name. */
static void name_by_program(struct host_identity *who)
{
    const char *program = who->program ? who->program : "", *slash = strrchr(program, '/');
    bool path = program[0] == '/';
    if (path) {
        program = slash + 1;
    } else if (program[0] == '-') {
        program = "";
    }
    copy_name(who->name, program);
    size_t len = strlen(who->name);
    if (path && len > 3 && strcmp(who->name + len - 3, ".py") == 0) {
        who->name[len - 3] = '\0';
    }
}

/* "c0:11:22:33:44:55", with or without colons. */
static bool choose_address(struct host_identity *who, const char *text)
{
    size_t digits = 0;
    for (; *text; text++) {
        bool colon = *text == ':' && digits && digits % 2 == 0 && isxdigit((uint8_t)text[1]);
        if (!colon && (!isxdigit((uint8_t)*text) || digits == 12)) {
            return false;
        }
        if (!colon) {
            who->address[digits++] = *text;
        }
    }
    who->address[digits] = '\0';
    return digits == 12;
}

/* Takes ",name=" and ",addr=" from the end of `spec`. */
static int take_identity(char *spec, struct host_identity *who, char message[WOAD_PORT_MESSAGE_MAX])
{
    const char *name, *address;
    bool chosen = false;
    do {
        name = spec_take_value(spec, "name");
        address = spec_take_value(spec, "addr");
        if (name && *name) {
            who->program = name;
        }
        if (address && !choose_address(who, address)) {
            return transport_fail(message, EINVAL, "addr=%.60s: say addr=c0:11:22:33:44:55",
                                  address);
        }
        chosen = chosen || name || address;
    } while (name || address);
    if (chosen && strncmp(spec, "unix:", 5) != 0) {
        return transport_fail(message, EINVAL, "%.60s: only unix: has ,name= and ,addr=", spec);
    }
    if (chosen && !who->program) {
        who->program = "-";
    }
    name_by_program(who);
    return 0;
}

/* For a host that is not named at a simulated radio. */
int transport_open(const char *spec, struct hci_transport *transport,
                   char message[WOAD_PORT_MESSAGE_MAX])
{
    return transport_open_as(spec, NULL, transport, message);
}

/* Options come off the end of the name: ",h5" may stand before or behind the identity. */
int transport_open_as(const char *spec, const char *program, struct hci_transport *transport,
                      char message[WOAD_PORT_MESSAGE_MAX])
{
    struct host_identity who = { .program = program, .address = "-" };
    char found[SPEC_MAX];
    *transport = (struct hci_transport){ .fd = -1 };
    if (strlen(spec) >= sizeof found) {
        return transport_fail(message, EINVAL, "%.60s…: the name is too long", spec);
    }
    strcpy(found, spec);
    transport->three_wire = spec_take_word(found, "h5");
    int err = take_identity(found, &who, message);
    transport->three_wire = transport->three_wire || spec_take_word(found, "h5");
    if (!err) {
        err = open_kind(found, &who, transport, message);
    }
    if (!err && transport->three_wire && transport->packets) {
        transport_close(transport);
        err =
            transport_fail(message, EINVAL, "%.60s: only serial lines and sockets have ,h5", spec);
    }
    return err;
}

/* `name` is what open_kind() takes at the other end. */
int transport_listen(const char *spec, struct hci_transport *transport, bool *listens,
                     char name[LISTEN_NAME_MAX], char message[WOAD_PORT_MESSAGE_MAX])
{
    char found[SPEC_MAX];
    *transport = (struct hci_transport){ .fd = -1 };
    if (strlen(spec) >= sizeof found) {
        return transport_fail(message, EINVAL, "%.60s…: the name is too long", spec);
    }
    strcpy(found, spec);
    transport->three_wire = spec_take_word(found, "h5");
    *listens = strncmp(found, "unix:", 5) == 0 || strncmp(found, "tcp:", 4) == 0;
    snprintf(name, LISTEN_NAME_MAX, "%.280s", found);
    if (*listens) {
        bool tcp = found[0] == 't';
        int err;
        if (tcp) {
            err = tcp_listen(found + 4, transport, message);
        } else {
            err = unix_listen(found + 5, transport, message);
        }
        if (!err && tcp) {
            tcp_name_port(transport->fd, name);
        }
        const char *suffix = ",h5";
        if (!transport->three_wire) {
            suffix = "";
        }
        strcat(name, suffix);
        return err;
    }
    if (strcmp(found, "pty") == 0) {
        return serial_make_pty(transport, name, message);
    }
    if (strcmp(spec, "vhci") == 0) {
        return linux_make_vhci(transport, name, message);
    }
    return transport_fail(message, EINVAL,
                          "\"%.60s\": say unix:/path, tcp:port, tcp:host:port, pty or vhci", spec);
}
