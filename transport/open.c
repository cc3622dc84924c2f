#define _GNU_SOURCE
#include "open.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECT_MS = 5000, AGAIN_MS = 10, SPEC_MAX = 320, FOLDER_MS = 1000 };
#define HOST_PREFIX "woad/"

int open_fail(char why[WOAD_PORT_MESSAGE_MAX], int error, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(why, WOAD_PORT_MESSAGE_MAX, format, ap);
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

/* A pipe or a terminal has a reader that was asked for. */
int keys_hide(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (!S_ISREG(st.st_mode) || !(st.st_mode & 077)) {
        return 0;
    }
    return fchmod(fd, 0600) < 0 ? -errno : 0;
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

static int new_socket(int family, int protocol)
{
    return above_stdio(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

/* One step of a connect() that is not complete.  The backlog of a unix socket may be full (EAGAIN):
 * then it is tried again. */
static int connect_step(int fd, const struct sockaddr *a, socklen_t len, int err, int ms)
{
    struct pollfd p = { fd, POLLOUT, 0 };
    socklen_t n = sizeof err;
    if (err == EAGAIN) {
        poll(NULL, 0, AGAIN_MS);
        return connect(fd, a, len) < 0 ? errno : 0;
    }
    if (poll(&p, 1, ms) > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0) {
        err = errno;
    }
    return err;
}

/* connect() with a limit of CONNECT_MS, because the listener may hang.  0 or a negative errno. */
static int connect_within(int fd, const struct sockaddr *a, socklen_t len)
{
    uint32_t start = woad_port_now_ms(), passed = 0;
    int err = connect(fd, a, len) < 0 ? errno : 0;
    while ((err == EAGAIN || err == EINPROGRESS || err == EINTR) && passed < CONNECT_MS) {
        err = connect_step(fd, a, len, err, (int)(CONNECT_MS - passed));
        passed = woad_port_now_ms() - start;
    }
    return err == EAGAIN || err == EINPROGRESS || err == EINTR ? -ETIMEDOUT : -err;
}

static int unix_address(const char *path, struct sockaddr_un *a, char why[WOAD_PORT_MESSAGE_MAX])
{
    *a = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (!*path || strlen(path) >= sizeof a->sun_path) {
        return open_fail(why, EINVAL, "unix:%.60s: no path, or too long a one", path);
    }
    strcpy(a->sun_path, path);
    return 0;
}

/* FNV-1a, of the text and its final zero. */
static uint64_t name_hash(const char *text)
{
    uint64_t hash = 14695981039346656037ull;
    size_t len = strlen(text) + 1;
    for (size_t k = 0; k < len; k++) {
        hash = (hash ^ (uint8_t)text[k]) * 1099511628211ull;
    }
    return hash;
}

/* "woad/PROGRAM/PATH/NUMBER", the first two by their hashes.  In halves: MicroPython's printf()
 * knows no long long. */
static bool bind_number(int fd, uint64_t program, uint64_t path, unsigned number)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int len = snprintf(a.sun_path + 1, sizeof a.sun_path - 1, HOST_PREFIX "%08x%08x/%08x%08x/%u",
                       (unsigned)(program >> 32), (unsigned)program, (unsigned)(path >> 32),
                       (unsigned)path, number);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1u + (size_t)len);
    return bind(fd, (struct sockaddr *)&a, size) == 0;
}

/* Without a name that is free the host has an address by its number. */
static void bind_name(int fd, const char *program, const char *path)
{
    enum { NUMBERS = 64 };
    static uint64_t last_program, last_path;
    static unsigned last;
    uint64_t hash = name_hash(program), where = name_hash(path);
    unsigned first = hash == last_program && where == last_path ? last : 0, number = first;
    bool bound = bind_number(fd, hash, where, first);
    for (unsigned n = 0; !bound && n < NUMBERS; n++) {
        number = n;
        bound = bind_number(fd, hash, where, n);
    }
    last_program = hash;
    last_path = where;
    last = bound ? number : first;
}

size_t host_name(int fd, char name[HOST_NAME])
{
    struct sockaddr_un a;
    socklen_t len = sizeof a;
    size_t head = offsetof(struct sockaddr_un, sun_path) + 1;
    memset(&a, 0, sizeof a);
    if (getpeername(fd, (struct sockaddr *)&a, &len) < 0 || a.sun_family != AF_UNIX ||
        len <= head || len - head > HOST_NAME || a.sun_path[0] ||
        strncmp(a.sun_path + 1, HOST_PREFIX, strlen(HOST_PREFIX)) != 0) {
        return 0;
    }
    const char *text = a.sun_path + 1, *end = text + len - head;
    const char *path = memchr(text + strlen(HOST_PREFIX), '/', len - head - strlen(HOST_PREFIX));
    const char *number = memrchr(text, '/', len - head);
    size_t n = (size_t)((path ? path : end) - text);
    memcpy(name, text, n);
    if (path) {
        memcpy(name + n, number, (size_t)(end - number));
        n += (size_t)(end - number);
    }
    return n;
}

static int unix_connect(const struct sockaddr_un *a, const char *program)
{
    int fd = new_socket(AF_UNIX, 0);
    if (fd >= 0 && program) {
        bind_name(fd, program, a->sun_path);
    }
    int err = fd < 0 ? fd : connect_within(fd, (const struct sockaddr *)a, sizeof *a);
    if (fd >= 0 && err) {
        close(fd);
    }
    return err ? err : fd;
}

static int open_unix(const char *path, const char *program, char why[WOAD_PORT_MESSAGE_MAX])
{
    struct sockaddr_un a;
    int err = unix_address(path, &a, why);
    if (err) {
        return err;
    }
    int fd = unix_connect(&a, program);
    if (fd >= 0) {
        return fd;
    }
    return open_fail(why, fd == -ENOENT || fd == -ECONNREFUSED ? ENODEV : -fd,
                     "unix:%.90s: %s; is `woad air` running there?", path, strerror(-fd));
}

/* A number from 0 to 65535, or a service's name. */
static bool is_port(const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    return *text && (*end || (isdigit((unsigned char)*text) && n <= 65535));
}

/* "host:port", "[host]:port" or "port".  `spec` is changed. */
static bool split(char *spec, const char **host, const char **port)
{
    char *colon = strrchr(spec, ':'), *bracket = *spec == '[' ? strchr(spec, ']') : NULL;
    *host = "127.0.0.1";
    *port = spec;
    if (bracket) {
        *bracket = '\0';
        *host = spec + 1;
        *port = bracket[1] == ':' ? bracket + 2 : "";
    } else if (colon) {
        *colon = '\0';
        *host = spec;
        *port = colon + 1;
    }
    return is_port(*port);
}

static int resolve(const char *spec, bool passive, struct addrinfo **list,
                   char why[WOAD_PORT_MESSAGE_MAX])
{
    char copy[SPEC_MAX];
    const char *host, *port;
    snprintf(copy, sizeof copy, "%s", spec);
    if (!split(copy, &host, &port)) {
        return open_fail(why, EINVAL,
                         "tcp:%.60s: say tcp:host:port, with a port up to 65535; an "
                         "address of IPv6 in brackets",
                         spec);
    }
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0 };
    int err = getaddrinfo(host, port, &hints, list);
    return err ? open_fail(why, EINVAL, "tcp:%.60s: %s", spec, gai_strerror(err)) : 0;
}

static int open_tcp(const char *spec, char why[WOAD_PORT_MESSAGE_MAX])
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
        fd = new_socket(a->ai_family, a->ai_protocol);
        err = fd < 0 ? fd : connect_within(fd, a->ai_addr, a->ai_addrlen);
        if (fd >= 0 && err) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        return open_fail(why, -err, "tcp:%.60s: %s", spec, strerror(-err));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static int open_found(char *spec, const char *program, struct hci_transport *way,
                      char why[WOAD_PORT_MESSAGE_MAX])
{
    if (strncmp(spec, "unix:", 5) == 0) {
        way->fd = open_unix(spec + 5, program, why);
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
    return open_fail(why, EINVAL,
                     "\"%.60s\" names no controller: say unix:/path, tcp:host:port, "
                     "uart:/dev/ttyX@baud, pty:/dev/pts/N, usb or hci0",
                     spec);
}

int open_spec(const char *spec, struct hci_transport *way, char why[WOAD_PORT_MESSAGE_MAX])
{
    return open_named(spec, NULL, way, why);
}

int open_named(const char *spec, const char *program, struct hci_transport *way,
               char why[WOAD_PORT_MESSAGE_MAX])
{
    char found[SPEC_MAX];
    *way = (struct hci_transport){ .fd = -1 };
    if (strlen(spec) >= sizeof found) {
        return open_fail(why, EINVAL, "%.60s…: too long a name", spec);
    }
    strcpy(found, spec);
    way->three_wire = spec_takes(found, "h5");
    int err = open_found(found, program, way, why);
    if (!err && way->three_wire && way->packets) {
        transport_close(way);
        err = open_fail(why, EINVAL, "%.60s: H5 is for lines of octets", spec);
    }
    return err;
}

void transport_close(struct hci_transport *way)
{
    if (way->ops) {
        way->ops->close(way->usb);
    } else if (way->fd >= 0) {
        close(way->fd);
    }
    way->fd = -1;
}

/* Removes a socket that refuses connections and belongs to this user, and nothing else. */
static int remove_dead_socket(const struct sockaddr_un *a, char why[WOAD_PORT_MESSAGE_MAX])
{
    struct stat st;
    const char *path = a->sun_path;
    if (lstat(path, &st) < 0) {
        return errno == ENOENT ? 0 : open_fail(why, errno, "unix:%.90s: %s", path, strerror(errno));
    }
    if (!S_ISSOCK(st.st_mode)) {
        return open_fail(why, EEXIST, "unix:%.90s is there and is no socket; it stays", path);
    }
    int probe = unix_connect(a, NULL);
    if (probe >= 0) {
        close(probe);
        return open_fail(why, EADDRINUSE, "unix:%.90s: somebody serves it already", path);
    }
    if (probe != -ECONNREFUSED) {
        return open_fail(why, -probe, "unix:%.90s: %s; it stays", path, strerror(-probe));
    }
    if (st.st_uid != geteuid()) {
        return open_fail(why, EACCES, "unix:%.90s is another user's socket; it stays", path);
    }
    return unlink(path) < 0 && errno != ENOENT
               ? open_fail(why, errno, "unix:%.90s: %s", path, strerror(errno))
               : 0;
}

/* Two programs that replace one dead socket would both find it dead, and the second would remove
 * the socket of the first: one at a time in a folder.  Where it can't be locked it goes without. */
static int folder_lock(const char *path)
{
    char folder[SPEC_MAX] = ".";
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 0;
    if (slash && len < sizeof folder) {
        memcpy(folder, path, len);
        folder[len] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int tries = FOLDER_MS / AGAIN_MS;
    while (fd >= 0 && tries && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        poll(NULL, 0, AGAIN_MS);
        tries--;
    }
    return fd;
}

/* Binds in the place of a dead socket. */
static int listen_bound(const char *path, struct hci_transport *way,
                        char why[WOAD_PORT_MESSAGE_MAX])
{
    struct sockaddr_un a;
    struct stat st;
    int err = unix_address(path, &a, why);
    err = err ? err : remove_dead_socket(&a, why);
    if (err) {
        return err;
    }
    int fd = new_socket(AF_UNIX, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || lstat(path, &st) < 0 ||
        listen(fd, 64) < 0) {
        err = errno;
        if (fd >= 0) {
            close(fd);
        }
        return open_fail(why, err, "unix:%.90s: %s", path, strerror(err));
    }
    way->fd = fd;
    strcpy(way->path, path);
    way->dev = st.st_dev;
    way->ino = st.st_ino;
    return 0;
}

static int listen_unix(const char *path, struct hci_transport *way, char why[WOAD_PORT_MESSAGE_MAX])
{
    int folder = folder_lock(path);
    int err = listen_bound(path, way, why);
    if (folder >= 0) {
        close(folder);
    }
    return err;
}

/* As long as it is open its inode's number is no other's. */
void listen_close(struct hci_transport *way)
{
    struct stat st;
    if (way->path[0] && lstat(way->path, &st) == 0 && S_ISSOCK(st.st_mode) &&
        st.st_dev == way->dev && st.st_ino == way->ino) {
        unlink(way->path);
    }
    way->path[0] = '\0';
    transport_close(way);
}

static int listen_tcp(const char *spec, struct hci_transport *way, char why[WOAD_PORT_MESSAGE_MAX])
{
    struct addrinfo *list;
    int err = resolve(spec, true, &list, why), one = 1;
    if (err) {
        return err;
    }
    int fd = new_socket(list->ai_family, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    }
    if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) < 0 || listen(fd, 64) < 0) {
        err = errno;
        if (fd >= 0) {
            close(fd);
        }
        err = open_fail(why, err, "tcp:%.60s: %s", spec, strerror(err));
    }
    freeaddrinfo(list);
    way->fd = err ? -1 : fd;
    return err;
}

/* Behind the last colon of the name: the port that port 0 has become. */
static void name_port(int fd, char name[LISTEN_NAME])
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    char *at = strrchr(name, ':') + 1, port[32];
    if (strtoul(at, NULL, 10) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0 &&
        getnameinfo((struct sockaddr *)&a, len, NULL, 0, port, sizeof port, NI_NUMERICSERV) == 0) {
        snprintf(at, (size_t)(name + LISTEN_NAME - at), "%s", port);
    }
}

int listen_spec(const char *spec, struct hci_transport *way, bool *listens, char name[LISTEN_NAME],
                char why[WOAD_PORT_MESSAGE_MAX])
{
    char found[SPEC_MAX];
    *way = (struct hci_transport){ .fd = -1 };
    if (strlen(spec) >= sizeof found) {
        return open_fail(why, EINVAL, "%.60s…: too long a name", spec);
    }
    strcpy(found, spec);
    way->three_wire = spec_takes(found, "h5");
    *listens = strncmp(found, "unix:", 5) == 0 || strncmp(found, "tcp:", 4) == 0;
    snprintf(name, LISTEN_NAME, "%.280s", found);
    if (*listens) {
        bool tcp = found[0] == 't';
        int err = tcp ? listen_tcp(found + 4, way, why) : listen_unix(found + 5, way, why);
        if (!err && tcp) {
            name_port(way->fd, name);
        }
        strcat(name, way->three_wire ? ",h5" : "");
        return err;
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
