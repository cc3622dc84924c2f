/* Serial lines and pseudo terminals.
 *
 * Names of other files:
 *   baud_initial: of the line until a patch is loaded
 *   fd_above_stdio(): moves a new descriptor above 2; or returns a negative errno
 *   hci_transport: an open transport: transport.h
 *   LISTEN_NAME_MAX: octets of a listening transport's name, its 0 included
 *   patch: path of the patch file for a Broadcom controller; "": none
 *   serial: of a transport: a serial line, which may start in the middle of a packet; of a wake:
 *       its number, which the next message repeats
 *   spec_take_value(): cuts the last option off a name, if it is this word with a value, and
 *       returns that
 *   spec_take_word(): cuts the last option off a name, if it is this word
 *   three_wire: the stream is framed by H5, else by H4
 *   transport_fail(): formats `message`, and returns the error as a negative errno; 0 counts as EIO
 */
#define _GNU_SOURCE
#include "kinds.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* B0: the rate is not supported. */
static speed_t speed_of(unsigned long rate)
{
    static const struct {
        unsigned long rate;
        speed_t speed;
    } known[] = {
        { 9600, B9600 },       { 19200, B19200 },     { 38400, B38400 },     { 57600, B57600 },
        { 115200, B115200 },   { 230400, B230400 },   { 460800, B460800 },   { 921600, B921600 },
        { 1000000, B1000000 }, { 2000000, B2000000 }, { 3000000, B3000000 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].rate == rate) {
            return known[i].speed;
        }
    }
    return B0;
}

/* B0: no number, or not supported. */
static speed_t baud_text(const char *text, uint32_t *rate)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    *rate = (uint32_t)n;
    if (*end || !isdigit((unsigned char)*text)) {
        return B0;
    }
    return speed_of(n);
}

/* Cuts the options off the name, in any order.  False: a value is invalid. */
static bool serial_options(char *spec, struct hci_transport *transport, bool *even)
{
    const char *value;
    bool good = true, more = true;
    while (good && more) {
        if (spec_take_word(spec, "even")) {
            *even = true;
        } else if (spec_take_word(spec, "h5")) {
            transport->three_wire = true;
        } else if ((value = spec_take_value(spec, "to")) != NULL) {
            good = baud_text(value, &transport->baud) != B0;
        } else if ((value = spec_take_value(spec, "bcm")) != NULL) {
            good = *value && strlen(value) < sizeof transport->patch;
            snprintf(transport->patch, sizeof transport->patch, "%s", value);
        } else {
            more = false;
        }
    }
    return good;
}

/* -EINVAL: the rate is not supported. */
int serial_set_baud(int fd, uint32_t rate)
{
    struct termios t;
    speed_t speed = speed_of(rate);
    if (speed == B0 || tcgetattr(fd, &t) < 0) {
        return -EINVAL;
    }
    cfsetispeed(&t, speed);
    cfsetospeed(&t, speed);
    if (tcsetattr(fd, TCSADRAIN, &t) < 0) {
        return -errno;
    }
    return 0;
}

/* Raw, 8 data bits, no parity without ",even", 1 stop bit; RTS/CTS except on pseudo terminals and
 * with H5. */
int serial_open(char *spec, struct hci_transport *transport, char message[WOAD_PORT_MESSAGE_MAX])
{
    bool even = false, good = serial_options(spec, transport, &even);
    bool flow = strncmp(spec, "/dev/pts/", 9) != 0 && !transport->three_wire;
    char *at = strrchr(spec, '@');
    char path[128];
    size_t n;
    if (at) {
        n = (size_t)(at - spec);
    } else {
        n = strlen(spec);
    }
    speed_t speed = baud_text(at ? at + 1 : "115200", &transport->baud_initial);
    if (!good || !n || n >= sizeof path || speed == B0) {
        return transport_fail(message, EINVAL,
                              "uart:%.60s: say uart:/dev/ttyX@115200, followed by "
                              "any of ,h5 ,even ,bcm=FILE ,to=BAUD",
                              spec);
    }
    memcpy(path, spec, n);
    path[n] = '\0';
    int fd = fd_above_stdio(open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    struct termios t;
    if (fd < 0 || tcgetattr(fd, &t) < 0) {
        int err = errno;
        if (fd >= 0) {
            close(fd);
        }
        return transport_fail(message, err, "%s: %s", path, strerror(err));
    }
    cfmakeraw(&t);
    t.c_cflag |= CLOCAL | CREAD;
    if (flow) {
        t.c_cflag = t.c_cflag | CRTSCTS;
    } else {
        t.c_cflag = t.c_cflag & ~(tcflag_t)CRTSCTS;
    }
    if (even) {
        t.c_cflag = t.c_cflag | PARENB;
    }
    cfsetispeed(&t, speed);
    cfsetospeed(&t, speed);
    tcsetattr(fd, TCSANOW, &t);
    tcflush(fd, TCIOFLUSH);
    transport->fd = fd;
    transport->serial = true;
    return 0;
}

/* The transport's `three_wire` decides what the name says. */
int serial_make_pty(struct hci_transport *transport, char name[LISTEN_NAME_MAX],
                    char message[WOAD_PORT_MESSAGE_MAX])
{
    struct termios t;
    int fd = fd_above_stdio(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    /* The other end is kept open, too: otherwise each host that closes it would cause a hang-up. */
    if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 || tcgetattr(fd, &t) < 0 ||
        open(ptsname(fd), O_RDWR | O_NOCTTY | O_CLOEXEC) < 0) {
        int err = errno;
        if (fd >= 0) {
            close(fd);
        }
        return transport_fail(message, err, "no pseudo terminal: %s", strerror(err));
    }
    cfmakeraw(&t);
    tcsetattr(fd, TCSANOW, &t);
    const char *suffix = ",h5";
    if (!transport->three_wire) {
        suffix = "";
    }
    snprintf(name, LISTEN_NAME_MAX, "pty:%s%s", ptsname(fd), suffix);
    transport->fd = fd;
    transport->serial = true;
    return 0;
}
