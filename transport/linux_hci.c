/* Linux's own Bluetooth: taking over an adapter of the kernel, and giving it a virtual controller.
 *
 * Names of other files:
 *   fd_above_stdio(): moves a new descriptor above 2; or returns a negative errno
 *   hci_transport: an open transport: transport.h
 *   LISTEN_NAME_MAX: octets of a listening transport's name, its 0 included
 *   packets: each read() and write() moves one packet; else the descriptor is a stream of octets
 *   transport_fail(): formats `message`, and returns the error as a negative errno; 0 counts as EIO
 */
#define _GNU_SOURCE
#include "kinds.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Advice to the user about an error. */
static const char *adapter_hint(int err)
{
    switch (err) {
    case EBUSY: return "; take it down first: hciconfig hci0 down, or btmgmt";
    case EPERM: return "; it needs root or CAP_NET_ADMIN";
    case EAFNOSUPPORT: return "; this kernel has no Bluetooth";
    default: return "";
    }
}

/* The HCI user channel gives us the whole adapter.  The kernel's headers are not installed
 * everywhere, so the few numbers are here. */
int linux_open_user_channel(const char *spec, struct hci_transport *transport,
                            char message[WOAD_PORT_MESSAGE_MAX])
{
    enum { FAMILY_BLUETOOTH = 31, PROTO_HCI = 1, CHANNEL_USER = 1 };
    struct {
        uint16_t family, device, channel;
    } a = { FAMILY_BLUETOOTH, 0, CHANNEL_USER };
    char *end;
    unsigned long n = strtoul(spec + 3, &end, 10);
    a.device = (uint16_t)n;
    if (!isdigit((unsigned char)spec[3]) || *end || n > 0xfffe) { /* 0xffff: none */
        return transport_fail(message, EINVAL, "%.60s: say hci0, hci1, …", spec);
    }
    int fd = fd_above_stdio(
        socket(FAMILY_BLUETOOTH, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, PROTO_HCI));
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        int err = errno;
        if (fd >= 0) {
            close(fd);
        }
        return transport_fail(message, err, "%.20s: %s%s", spec, strerror(err), adapter_hint(err));
    }
    transport->fd = fd;
    transport->packets = true;
    return 0;
}

/* /dev/vhci: the kernel takes each packet that is written as one from a controller, and its own
 * packets are read.  A first packet of type 0xff, with u8 0, creates the controller; the answer is
 * u8 0xff, u8 0, number u16. */
int linux_make_vhci(struct hci_transport *transport, char name[LISTEN_NAME_MAX],
                    char message[WOAD_PORT_MESSAGE_MAX])
{
    static const uint8_t create[] = { 0xff, 0 };
    uint8_t answer[4] = { 0 };
    int fd = fd_above_stdio(open("/dev/vhci", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    struct pollfd p = { fd, POLLIN, 0 };
    errno = fd < 0 ? -fd : ETIMEDOUT;
    if (fd < 0 || write(fd, create, sizeof create) != sizeof create || poll(&p, 1, 2000) != 1 ||
        read(fd, answer, sizeof answer) != sizeof answer || answer[0] != 0xff) {
        int err = errno;
        if (fd >= 0) {
            close(fd);
        }
        const char *hint = "";
        if (err == ENOENT || err == ENODEV) {
            hint = "; modprobe hci_vhci first";
        } else if (err == EACCES || err == EPERM) {
            hint = "; it needs root";
        }
        return transport_fail(message, err, "/dev/vhci: %s%s", strerror(err), hint);
    }
    snprintf(name, LISTEN_NAME_MAX, "hci%d", answer[2] | answer[3] << 8);
    transport->fd = fd;
    transport->packets = true;
    return 0;
}
