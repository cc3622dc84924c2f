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
#include <unistd.h>

int open_fail(char why[WOAD_PORT_WHY], int error, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(why, WOAD_PORT_WHY, format, ap);
    va_end(ap);
    return error ? -error : -EIO;
}

int above_stdio(int fd)
{
    if (fd < 0) {
        return -errno;
    }
    if (fd > 2) {
        return fd;
    }
    int above = fcntl(fd, F_DUPFD_CLOEXEC, 3), err = errno;
    close(fd);
    return above < 0 ? -err : above;
}

bool spec_takes(char *spec, const char *word)
{
    char *comma = strrchr(spec, ',');
    if (!comma || strcmp(comma + 1, word) != 0) {
        return false;
    }
    *comma = '\0';
    return true;
}

const char *spec_takes_value(char *spec, const char *word)
{
    char *comma = strrchr(spec, ',');
    size_t n = strlen(word);
    if (!comma || strncmp(comma + 1, word, n) != 0 || comma[1 + n] != '=') {
        return NULL;
    }
    *comma = '\0';
    return comma + 2 + n;
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

static int open_found(char *spec, struct way *way, char why[WOAD_PORT_WHY])
{
    if (strncmp(spec, "unix:", 5) == 0) {
        way->fd = open_unix(spec + 5, why);
        return way->fd < 0 ? way->fd : 0;
    }
    if (strncmp(spec, "tcp:", 4) == 0) {
        way->fd = open_tcp(spec + 4, why);
        return way->fd < 0 ? way->fd : 0;
    }
    if (strncmp(spec, "uart:", 5) == 0 || strncmp(spec, "pty:", 4) == 0) {
        return open_serial(strchr(spec, ':') + 1, way, why);
    }
    if (strcmp(spec, "usb") == 0 || strncmp(spec, "usb:", 4) == 0) {
        return open_usb(spec[3] ? spec + 4 : "", way, why);
    }
    if (strncmp(spec, "hci", 3) == 0) {
        return open_user_channel(spec, way, why);
    }
    return open_fail(why, EINVAL, "\"%.60s\" names no controller: say unix:/path, tcp:host:port, "
                                  "uart:/dev/ttyX@baud, pty:/dev/pts/N, usb or hci0", spec);
}

int open_spec(const char *spec, struct way *way, char why[WOAD_PORT_WHY])
{
    char found[256];
    *way = (struct way){ .fd = -1 };
    if (strlen(spec) >= sizeof found) {
        return open_fail(why, EINVAL, "%.60s…: too long a name", spec);
    }
    strcpy(found, spec);
    way->three_wire = spec_takes(found, "h5");
    int err = open_found(found, way, why);
    if (!err && way->three_wire && way->packets) {
        way_close(way);
        err = open_fail(why, EINVAL, "%.60s: H5 is for lines of octets", spec);
    }
    return err;
}

void way_close(struct way *way)
{
    if (way->ops) {
        way->ops->close(way->usb);
    } else if (way->fd >= 0) {
        close(way->fd);
    }
    way->fd = -1;
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

int listen_spec(const char *spec, struct way *way, bool *listens, char name[LISTEN_NAME],
                char why[WOAD_PORT_WHY])
{
    char found[160] = "";
    *way = (struct way){ .fd = -1 };
    strncat(found, spec, sizeof found - 1);
    way->three_wire = spec_takes(found, "h5");
    *listens = strncmp(found, "unix:", 5) == 0 || strncmp(found, "tcp:", 4) == 0;
    if (*listens) {
        snprintf(name, LISTEN_NAME, "%.70s", spec);
        way->fd = found[0] == 'u' ? listen_unix(found + 5, why) : listen_tcp(found + 4, why);
        return way->fd < 0 ? way->fd : 0;
    }
    if (strcmp(found, "pty") == 0) {
        return make_pty(way, name, why);
    }
    if (strcmp(spec, "vhci") == 0) {
        return make_vhci(way, name, why);
    }
    return open_fail(why, EINVAL, "\"%.60s\": say unix:/path, tcp:port, tcp:host:port, pty or vhci",
                     spec);
}
