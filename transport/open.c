#define _GNU_SOURCE
#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

int open_fail(char why[WOAD_PORT_WHY], int error, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(why, WOAD_PORT_WHY, format, ap);
    va_end(ap);
    return error ? -error : -EIO;
}

static int nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd;
}

static int unix_address(const char *path, struct sockaddr_un *a, char why[WOAD_PORT_WHY])
{
    *a = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (!*path || strlen(path) >= sizeof a->sun_path) {
        return open_fail(why, EINVAL, "unix:%.60s: no path, or too long a one", path);
    }
    strcpy(a->sun_path, path);
    return 0;
}

static int open_unix(const char *path, char why[WOAD_PORT_WHY])
{
    struct sockaddr_un a;
    int err = unix_address(path, &a, why);
    if (err) {
        return err;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        err = errno;
        if (fd >= 0) {
            close(fd);
        }
        return open_fail(why, err == ENOENT || err == ECONNREFUSED ? ENODEV : err,
                         "unix:%.90s: %s; is `woad air` running there?", path, strerror(err));
    }
    return nonblocking(fd);
}

/* "host:port" or "port". */
static int resolve(const char *spec, bool passive, struct addrinfo **list,
                   char why[WOAD_PORT_WHY])
{
    char host[128] = "127.0.0.1";
    const char *colon = strrchr(spec, ':'), *port = colon ? colon + 1 : spec;
    if (colon && (size_t)(colon - spec) < sizeof host) {
        memcpy(host, spec, (size_t)(colon - spec));
        host[colon - spec] = '\0';
    }
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0 };
    int err = *port ? getaddrinfo(host, port, &hints, list) : EAI_NONAME;
    return err ? open_fail(why, EINVAL, "tcp:%.60s: %s", spec, gai_strerror(err)) : 0;
}

static int open_tcp(const char *spec, char why[WOAD_PORT_WHY])
{
    struct addrinfo *list, *a;
    if (!strchr(spec, ':')) {
        return open_fail(why, EINVAL, "tcp:%.60s: say tcp:host:port", spec);
    }
    int fd = -1, err = resolve(spec, false, &list, why), one = 1;
    if (err) {
        return err;
    }
    for (a = list; a && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
            err = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        return open_fail(why, err, "tcp:%.60s: %s", spec, strerror(err));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return nonblocking(fd);
}

static speed_t baud(unsigned long rate)
{
    static const struct { unsigned long rate; speed_t speed; } known[] = {
        { 9600, B9600 }, { 19200, B19200 }, { 38400, B38400 }, { 57600, B57600 },
        { 115200, B115200 }, { 230400, B230400 }, { 460800, B460800 }, { 921600, B921600 },
        { 1000000, B1000000 }, { 2000000, B2000000 }, { 3000000, B3000000 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].rate == rate) {
            return known[i].speed;
        }
    }
    return B0;
}

/* "/dev/tty@baud": 8N1, raw, RTS/CTS where the line has them. */
static int open_serial(const char *spec, bool flow, char why[WOAD_PORT_WHY])
{
    char path[128];
    const char *at = strrchr(spec, '@');
    size_t n = at ? (size_t)(at - spec) : strlen(spec);
    speed_t speed = baud(at ? strtoul(at + 1, NULL, 10) : 115200);
    if (!n || n >= sizeof path || speed == B0) {
        return open_fail(why, EINVAL, "uart:%.60s: say uart:/dev/ttyX@115200", spec);
    }
    memcpy(path, spec, n);
    path[n] = '\0';
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    struct termios t;
    if (fd < 0 || tcgetattr(fd, &t) < 0) {
        int err = errno;
        if (fd >= 0) {
            close(fd);
        }
        return open_fail(why, err, "%s: %s", path, strerror(err));
    }
    cfmakeraw(&t);
    t.c_cflag |= CLOCAL | CREAD;
    t.c_cflag = flow ? t.c_cflag | CRTSCTS : t.c_cflag & ~(tcflag_t)CRTSCTS;
    cfsetispeed(&t, speed);
    cfsetospeed(&t, speed);
    tcsetattr(fd, TCSANOW, &t);
    tcflush(fd, TCIOFLUSH);
    return fd;
}

/* Linux's HCI user channel: the whole adapter for us.  The kernel's headers for it are not
 * installed everywhere, so its few numbers stand here. */
static int open_user_channel(const char *spec, char why[WOAD_PORT_WHY])
{
    enum { FAMILY_BLUETOOTH = 31, PROTO_HCI = 1, CHANNEL_USER = 1 };
    struct { uint16_t family, device, channel; } a = { FAMILY_BLUETOOTH, 0, CHANNEL_USER };
    char *end;
    a.device = (uint16_t)strtoul(spec + 3, &end, 10);
    if (end == spec + 3 || *end) {
        return open_fail(why, EINVAL, "%.60s: say hci0, hci1, …", spec);
    }
    int fd = socket(FAMILY_BLUETOOTH, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, PROTO_HCI);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        int err = errno;
        if (fd >= 0) {
            close(fd);
        }
        const char *hint = err == EBUSY ? "; take it down first: hciconfig hci0 down, or btmgmt"
                         : err == EPERM ? "; it needs root or CAP_NET_ADMIN"
                         : err == EAFNOSUPPORT ? "; this kernel has no Bluetooth" : "";
        return open_fail(why, err, "%.20s: %s%s", spec, strerror(err), hint);
    }
    return fd;
}

int open_spec(const char *spec, bool *packets, char why[WOAD_PORT_WHY])
{
    *packets = false;
    if (strncmp(spec, "unix:", 5) == 0) {
        return open_unix(spec + 5, why);
    }
    if (strncmp(spec, "tcp:", 4) == 0) {
        return open_tcp(spec + 4, why);
    }
    if (strncmp(spec, "uart:", 5) == 0) {
        return open_serial(spec + 5, true, why);
    }
    if (strncmp(spec, "pty:", 4) == 0) {
        return open_serial(spec + 4, false, why);
    }
    if (strncmp(spec, "hci", 3) == 0) {
        *packets = true;
        return open_user_channel(spec, why);
    }
    return open_fail(why, EINVAL, "\"%.60s\" names no controller: say unix:/path, tcp:host:port, "
                                  "uart:/dev/ttyX@baud, pty:/dev/pts/N or hci0", spec);
}

static int listen_unix(const char *path, char why[WOAD_PORT_WHY])
{
    struct sockaddr_un a;
    int err = unix_address(path, &a, why);
    if (err) {
        return err;
    }
    int probe = open_unix(path, why);
    if (probe >= 0) {
        close(probe);
        return open_fail(why, EADDRINUSE, "unix:%.90s: somebody serves it already", path);
    }
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 64) < 0) {
        err = errno;
        if (fd >= 0) {
            close(fd);
        }
        return open_fail(why, err, "unix:%.90s: %s", path, strerror(err));
    }
    return nonblocking(fd);
}

static int listen_tcp(const char *spec, char why[WOAD_PORT_WHY])
{
    struct addrinfo *list;
    int err = resolve(spec, true, &list, why), one = 1;
    if (err) {
        return err;
    }
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    }
    if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) < 0 || listen(fd, 64) < 0) {
        err = errno;
        if (fd >= 0) {
            close(fd);
        }
        fd = open_fail(why, err, "tcp:%.60s: %s", spec, strerror(err));
    }
    freeaddrinfo(list);
    return fd < 0 ? fd : nonblocking(fd);
}

int listen_spec(const char *spec, char why[WOAD_PORT_WHY])
{
    if (strncmp(spec, "unix:", 5) == 0) {
        return listen_unix(spec + 5, why);
    }
    if (strncmp(spec, "tcp:", 4) == 0) {
        return listen_tcp(spec + 4, why);
    }
    return open_fail(why, EINVAL, "\"%.60s\": say unix:/path, tcp:port or tcp:host:port", spec);
}
