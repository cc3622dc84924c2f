/* Unix and TCP sockets: connecting to a controller, and listening for hosts.
 *
 * Names of other files:
 *   fd_above_stdio(): moves a new descriptor above 2; or returns a negative errno
 *   has_address: the program has chosen the address
 *   hci_transport: an open transport: transport.h
 *   host_identity: what a host is to be at a simulated radio: program, name, address: kinds.h
 *   key: octets of the name that are the same each time the program runs
 *   LISTEN_NAME_MAX: octets of a listening transport's name, its 0 included
 *   path: of a listening socket: which transport_unlisten() removes if dev and ino say that it is
 *       still the same
 *   peer_name: of a transport: the name of the program that has connected
 *   PEER_NAME_MAX: octets of a name that a program has bound
 *   program: NULL: the socket is not bound to a name
 *   SPEC_MAX: octets of a name that open.c accepts
 *   text_clean(): copies text with question marks for what cannot be printed; returns its length
 *   transport_close(): closes the descriptor, or what `ops` has opened
 *   transport_fail(): formats `message`, and returns the error as a negative errno; 0 counts as EIO
 *   woad_port_now_ms(): the machine's time, ms */
#define _GNU_SOURCE
#include "kinds.h"
#include "open.h"
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* For a server that does not accept; between two attempts; for another program that listens in the
 * same folder. */
enum { CONNECT_MS = 5000, RETRY_MS = 10, FOLDER_LOCK_MS = 1000 };
/* Beginnings of the names that sockets are bound to, in Linux's abstract namespace. */
#define NAME_PREFIX "woad/"
#define CLOCK_PREFIX "woad-clock/"

/* A socket that does not block, above 2; or a negative errno. */
static int new_socket(int family, int protocol)
{
    return fd_above_stdio(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}

/* Continues a connect() that is not complete.  If the backlog of a unix socket is full (EAGAIN),
 * tries again.  Returns an errno, 0: connected. */
static int connect_step(int fd, const struct sockaddr *a, socklen_t len, int err, int ms)
{
    struct pollfd p = { fd, POLLOUT, 0 };
    socklen_t n = sizeof err;
    if (err == EAGAIN) {
        poll(NULL, 0, RETRY_MS);
        if (connect(fd, a, len) < 0) {
            return errno;
        }
        return 0;
    }
    if (poll(&p, 1, ms) > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n) < 0) {
        err = errno;
    }
    return err;
}

/* connect() within CONNECT_MS, because the listening program may hang.  0 or a negative errno. */
static int connect_within(int fd, const struct sockaddr *a, socklen_t len)
{
    uint32_t start = woad_port_now_ms(), passed = 0;
    int err = connect(fd, a, len) < 0 ? errno : 0;
    while ((err == EAGAIN || err == EINPROGRESS || err == EINTR) && passed < CONNECT_MS) {
        err = connect_step(fd, a, len, err, (int)(CONNECT_MS - passed));
        passed = woad_port_now_ms() - start;
    }
    if (err == EAGAIN || err == EINPROGRESS || err == EINTR) {
        return -ETIMEDOUT;
    }
    return -err;
}

/* Fills in the address of a path.  0 or a negative errno. */
static int unix_address(const char *path, struct sockaddr_un *a,
                        char message[WOAD_PORT_MESSAGE_MAX])
{
    *a = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (!*path || strlen(path) >= sizeof a->sun_path) {
        return transport_fail(message, EINVAL, "unix:%.60s: a path of 1 to 107 octets is needed",
                              path);
    }
    strcpy(a->sun_path, path);
    return 0;
}

/* FNV-1a of the text with its final zero. */
static uint64_t name_hash(const char *text)
{
    uint64_t hash = 14695981039346656037ull;
    size_t len = strlen(text) + 1;
    for (size_t k = 0; k < len; k++) {
        hash = (hash ^ (uint8_t)text[k]) * 1099511628211ull;
    }
    return hash;
}

/* Binds "woad/PROGRAM/PATH/NUMBER/ADDRESS/NAME", the first two as hashes, printed in halves because
 * MicroPython's printf() has no long long.  False: another process has that name. */
static bool bind_number(int fd, const struct host_identity *who, uint64_t path, unsigned number)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    uint64_t program = name_hash(who->program);
    int len =
        snprintf(a.sun_path + 1, sizeof a.sun_path - 1, NAME_PREFIX "%08x%08x/%08x%08x/%u/%s/%s",
                 (unsigned)(program >> 32), (unsigned)program, (unsigned)(path >> 32),
                 (unsigned)path, number, who->address, who->name);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1u + (size_t)len);
    return bind(fd, (struct sockaddr *)&a, size) == 0;
}

/* Binds the first free name, beginning with this process's last one.  If none is free the socket
 * stays unnamed, and the hub numbers the host. */
static void bind_program(int fd, const struct host_identity *who, const char *path)
{
    enum { NUMBERS = 64 };
    static uint64_t last_program, last_path;
    static unsigned last;
    uint64_t hash = name_hash(who->program), path_hash = name_hash(path);
    unsigned first = 0;
    if (hash == last_program && path_hash == last_path) {
        first = last;
    }
    unsigned number = first;
    bool bound = bind_number(fd, who, path_hash, first);
    for (unsigned n = 0; !bound && n < NUMBERS; n++) {
        number = n;
        bound = bind_number(fd, who, path_hash, n);
    }
    last_program = hash;
    last_path = path_hash;
    last = bound ? number : first;
}

/* The name as bind_number() has bound it, without PATH: "woad/PROGRAM/NUMBER/ADDRESS/NAME". */
size_t transport_peer_name(int fd, char name[PEER_NAME_MAX])
{
    struct sockaddr_un a;
    socklen_t len = sizeof a;
    size_t head = offsetof(struct sockaddr_un, sun_path) + 1; /* abstract names begin with a 0 */
    memset(&a, 0, sizeof a);
    if (getpeername(fd, (struct sockaddr *)&a, &len) < 0 || a.sun_family != AF_UNIX ||
        len <= head || len - head > PEER_NAME_MAX || a.sun_path[0] ||
        strncmp(a.sun_path + 1, NAME_PREFIX, strlen(NAME_PREFIX)) != 0) {
        return 0;
    }
    const char *text = a.sun_path + 1, *end = text + len - head;
    const char *path = memchr(text + strlen(NAME_PREFIX), '/', len - head - strlen(NAME_PREFIX));
    const char *number = NULL;
    if (path) {
        number = memchr(path + 1, '/', (size_t)(end - path) - 1);
    }
    size_t n = (size_t)((path ? path : end) - text);
    memcpy(name, text, n);
    if (number) {
        memcpy(name + n, number, (size_t)(end - number));
        n += (size_t)(end - number);
    }
    return n;
}

/* Twelve hexadecimal digits, the most significant octet first. */
static bool read_address(const char *text, size_t len, uint8_t address[6])
{
    bool good = len == 12;
    for (size_t k = 0; good && k < 6; k++) {
        char digits[3] = { text[2 * k], text[2 * k + 1], '\0' }, *end;
        address[5 - k] = (uint8_t)strtoul(digits, &end, 16);
        good = isxdigit((unsigned char)digits[0]) && isxdigit((unsigned char)digits[1]);
    }
    return good;
}

/* "woad/PROGRAM/NUMBER/ADDRESS/NAME", as transport_peer_name() returns it. */
void transport_read_peer_name(const char *text, size_t len, struct peer_name *peer)
{
    const char *at = text, *field[4] = { text }, *end = text + len;
    size_t fields = 0;
    *peer = (struct peer_name){ .key = len };
    while (fields < 4 && (at = memchr(at, '/', (size_t)(end - at))) != NULL) {
        field[fields++] = at++;
    }
    if (fields < 4) {
        return; /* "woad/PROGRAM/NUMBER" */
    }
    peer->key = (size_t)(field[2] - text);
    peer->has_address =
        read_address(field[2] + 1, (size_t)(field[3] - field[2]) - 1, peer->address);
    size_t n = (size_t)(end - field[3]) - 1;
    if (n >= sizeof peer->name) {
        n = sizeof peer->name - 1;
    }
    text_clean(peer->name, field[3] + 1, n);
}

/* Binds "woad-clock/PROCESS/DESCRIPTOR", by which the server knows what the connection is for. */
static bool bind_clock(int fd)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int len =
        snprintf(a.sun_path + 1, sizeof a.sun_path - 1, CLOCK_PREFIX "%d/%d", (int)getpid(), fd);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1u + (size_t)len);
    return bind(fd, (struct sockaddr *)&a, size) == 0;
}

/* To the server of `fd` at once or not at all: it may be none of ours. */
int transport_open_clock(int fd, const char *path)
{
    struct sockaddr_un server = { .sun_family = AF_UNIX };
    socklen_t len = sizeof server;
    if (fd < 0 && strlen(path) < sizeof server.sun_path) {
        strcpy(server.sun_path, path);
    } else if (fd < 0 || getpeername(fd, (struct sockaddr *)&server, &len) < 0 ||
               server.sun_family != AF_UNIX) {
        return -EINVAL;
    }
    int clock = new_socket(AF_UNIX, 0), err = 0;
    if (clock < 0) {
        return clock;
    }
    if (!bind_clock(clock)) {
        err = -errno;
    } else if (fd < 0) {
        err = connect_within(clock, (struct sockaddr *)&server, len);
    } else if (connect(clock, (struct sockaddr *)&server, len) < 0) {
        err = -errno;
    }
    if (err) {
        close(clock);
        return err;
    }
    return clock;
}

/* By the name that bind_clock() has bound. */
bool transport_peer_is_clock(int fd)
{
    struct sockaddr_un a;
    socklen_t len = sizeof a;
    memset(&a, 0, sizeof a);
    return getpeername(fd, (struct sockaddr *)&a, &len) == 0 && a.sun_family == AF_UNIX &&
           a.sun_path[0] == '\0' &&
           strncmp(a.sun_path + 1, CLOCK_PREFIX, strlen(CLOCK_PREFIX)) == 0;
}

/* A descriptor or a negative errno. */
static int unix_connect(const struct sockaddr_un *a, const struct host_identity *who)
{
    int fd = new_socket(AF_UNIX, 0);
    if (fd >= 0 && who && who->program) {
        bind_program(fd, who, a->sun_path);
    }
    int err = fd;
    if (fd >= 0) {
        err = connect_within(fd, (const struct sockaddr *)a, sizeof *a);
    }
    if (fd >= 0 && err) {
        close(fd);
    }
    if (err) {
        return err;
    }
    return fd;
}

/* A descriptor, or a negative errno with a sentence: -ENODEV if nothing listens there. */
int unix_open(const char *path, const struct host_identity *who,
              char message[WOAD_PORT_MESSAGE_MAX])
{
    struct sockaddr_un a;
    int err = unix_address(path, &a, message);
    if (err) {
        return err;
    }
    int fd = unix_connect(&a, who);
    if (fd >= 0) {
        return fd;
    }
    return transport_fail(message, fd == -ENOENT || fd == -ECONNREFUSED ? ENODEV : -fd,
                          "unix:%.90s: %s; is `woad air` running there?", path, strerror(-fd));
}

/* A number from 0 to 65535, or a service's name. */
static bool is_tcp_port(const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    return *text && (*end || (isdigit((unsigned char)*text) && n <= 65535));
}

enum { TO_CONNECT = false, TO_LISTEN = true }; /* resolve() */

/* Splits "host:port", "[host]:port" or "port" in place. */
static bool split(char *spec, const char **host, const char **port)
{
    char *colon = strrchr(spec, ':'), *bracket = *spec == '[' ? strchr(spec, ']') : NULL;
    *host = "127.0.0.1";
    *port = spec;
    if (bracket) {
        *bracket = '\0';
        *host = spec + 1;
        if (bracket[1] == ':') {
            *port = bracket + 2;
        } else {
            *port = "";
        }
    } else if (colon) {
        *colon = '\0';
        *host = spec;
        *port = colon + 1;
    }
    return is_tcp_port(*port);
}

/* Addresses for "host:port", for listening if `passive`; the caller frees the list.  0, or a
 * negative errno with a sentence. */
static int resolve(const char *spec, bool passive, struct addrinfo **list,
                   char message[WOAD_PORT_MESSAGE_MAX])
{
    char copy[SPEC_MAX];
    const char *host, *port;
    snprintf(copy, sizeof copy, "%s", spec);
    if (!split(copy, &host, &port)) {
        return transport_fail(message, EINVAL,
                              "tcp:%.60s: say tcp:host:port, with a port up to 65535; an "
                              "address of IPv6 in brackets",
                              spec);
    }
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0 };
    int err = getaddrinfo(host, port, &hints, list);
    if (err) {
        return transport_fail(message, EINVAL, "tcp:%.60s: %s", spec, gai_strerror(err));
    }
    return 0;
}

/* Tries each address of the host in turn. */
int tcp_open(const char *spec, char message[WOAD_PORT_MESSAGE_MAX])
{
    struct addrinfo *list, *a;
    if (!strchr(spec, ':')) {
        return transport_fail(message, EINVAL, "tcp:%.60s: say tcp:host:port", spec);
    }
    int fd = -1, err = resolve(spec, TO_CONNECT, &list, message), one = 1;
    if (err) {
        return err;
    }
    for (a = list; a && fd < 0; a = a->ai_next) {
        fd = new_socket(a->ai_family, a->ai_protocol);
        if (fd < 0) {
            err = fd;
        } else {
            err = connect_within(fd, a->ai_addr, a->ai_addrlen);
        }
        if (fd >= 0 && err) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        return transport_fail(message, -err, "tcp:%.60s: %s", spec, strerror(-err));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* --- listening -------------------------------------------------------------------------------- */

/* Removes a socket of this user that refuses connections.  Anything else stays, with an error. */
static int remove_dead_socket(const struct sockaddr_un *a, char message[WOAD_PORT_MESSAGE_MAX])
{
    struct stat st;
    const char *path = a->sun_path;
    if (lstat(path, &st) < 0) {
        if (errno == ENOENT) {
            return 0;
        }
        return transport_fail(message, errno, "unix:%.90s: %s", path, strerror(errno));
    }
    if (!S_ISSOCK(st.st_mode)) {
        return transport_fail(message, EEXIST, "unix:%.90s is there and is no socket; it stays",
                              path);
    }
    int probe = unix_connect(a, NULL);
    if (probe >= 0) {
        close(probe);
        return transport_fail(message, EADDRINUSE, "unix:%.90s: another program serves it already",
                              path);
    }
    if (probe != -ECONNREFUSED) {
        return transport_fail(message, -probe, "unix:%.90s: %s; it stays", path, strerror(-probe));
    }
    if (st.st_uid != geteuid()) {
        return transport_fail(message, EACCES, "unix:%.90s is another user's socket; it stays",
                              path);
    }
    if (unlink(path) < 0 && errno != ENOENT) {
        return transport_fail(message, errno, "unix:%.90s: %s", path, strerror(errno));
    }
    return 0;
}

/* Locks the folder of `path`: without that, two programs could find the same dead socket, and the
 * second would remove the new socket of the first.  Returns a descriptor that holds the lock, or
 * -1: the folder cannot be opened. */
static int folder_lock(const char *path)
{
    char folder[SPEC_MAX] = ".";
    const char *slash = strrchr(path, '/');
    size_t len = 0;
    if (slash) {
        len = (size_t)(slash - path) + 1;
    }
    if (slash && len < sizeof folder) {
        memcpy(folder, path, len);
        folder[len] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int tries = FOLDER_LOCK_MS / RETRY_MS;
    while (fd >= 0 && tries && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        poll(NULL, 0, RETRY_MS);
        tries--;
    }
    return fd;
}

/* Binds and listens, after removing a dead socket. */
static int listen_bound(const char *path, struct hci_transport *transport,
                        char message[WOAD_PORT_MESSAGE_MAX])
{
    struct sockaddr_un a;
    struct stat st;
    int err = unix_address(path, &a, message);
    if (!err) {
        err = remove_dead_socket(&a, message);
    }
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
        return transport_fail(message, err, "unix:%.90s: %s", path, strerror(err));
    }
    transport->fd = fd;
    strcpy(transport->path, path);
    transport->dev = st.st_dev;
    transport->ino = st.st_ino;
    return 0;
}

/* The folder is locked for as long as the dead socket is replaced. */
int unix_listen(const char *path, struct hci_transport *transport,
                char message[WOAD_PORT_MESSAGE_MAX])
{
    int folder = folder_lock(path);
    int err = listen_bound(path, transport, message);
    if (folder >= 0) {
        close(folder);
    }
    return err;
}

/* The inode number cannot be reused while the socket is open. */
void transport_unlisten(struct hci_transport *transport)
{
    struct stat st;
    if (transport->path[0] && lstat(transport->path, &st) == 0 && S_ISSOCK(st.st_mode) &&
        st.st_dev == transport->dev && st.st_ino == transport->ino) {
        unlink(transport->path);
    }
    transport->path[0] = '\0';
    transport_close(transport);
}

/* At the first address of the host; port 0: any that is free. */
int tcp_listen(const char *spec, struct hci_transport *transport,
               char message[WOAD_PORT_MESSAGE_MAX])
{
    struct addrinfo *list;
    int err = resolve(spec, TO_LISTEN, &list, message), one = 1;
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
        err = transport_fail(message, err, "tcp:%.60s: %s", spec, strerror(err));
    }
    freeaddrinfo(list);
    transport->fd = err ? -1 : fd;
    return err;
}

/* Replaces port 0 at the end of the name by the port that the system chose. */
void tcp_name_port(int fd, char name[LISTEN_NAME_MAX])
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    char *at = strrchr(name, ':') + 1, port[32];
    if (strtoul(at, NULL, 10) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0 &&
        getnameinfo((struct sockaddr *)&a, len, NULL, 0, port, sizeof port, NI_NUMERICSERV) == 0) {
        snprintf(at, (size_t)(name + LISTEN_NAME_MAX - at), "%s", port);
    }
}
