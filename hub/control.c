/* The socket of control.h: connections, lines, answers.  Nothing here blocks.
 *
 * Names of other files:
 *   hub: the process that simulates the air: hosts connect to it over HCI, and each gets a
 *       controller there; struct hub, hub_state.h
 *   user: a connection to the control socket: control_state.h
 *   waits: of a user: `wait connected` runs, and the next line is not read yet
 *   in_len: octets in `in`: of lines, or of messages
 *   filled: octets from `written` to `filled` are to be written
 *   too_long: the rest of a line is skipped
 *   ended: the user sends nothing more
 *   accept_at_ms: while `paused`: none is accepted before
 *   control_line(): does a line, and puts its answer
 *   control_look(): puts the answer of `wait connected`, if it is known by now
 *   user_refuse(): answers with an error
 *   until_us: air time: of a seat: at which it wants to be woken; of a user: until which it waits;
 *       the largest number: no limit
 *   world: of the options: the world file: places of controllers, walls, links; NULL: none
 *   world_file_begin(): a world without lines
 *   transport_fail(): formats `message`, and returns the error as a negative errno
 *   transport_listen(): listens at a name, or makes what is one host's already
 *   transport_unlisten(): closes the socket and removes its path
 *   controlled: of the options: users of control.h may begin captures
 *   watch: of a user: the connection carries packets, and no answers any more
 *   watcher: of the hub: gets each packet; NULL: none does
 *   extra: of the options: other parts with descriptors in the hub's loop: struct hub_extra, hub.h
 *   woad_port_now_ms(): the machine's time, ms */
#define _GNU_SOURCE
#include "control.h"
#include "control_state.h"
#include "watch.h"
#include "world_file.h"

#include "../transport/open.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A user that does not read its answers is not read from once OUT_FULL octets wait. */
enum { USERS_MAX = 64, OUT_FULL = 65536, OUT_FIRST = 1024, PAUSE_MS = 1000 };

struct control {
    struct hci_transport listener;
    struct user *users;
    size_t connected;
    uint32_t accept_at_ms; /* after a failure: accept none before */
    bool paused;
    struct world_file world; /* if the options have none */
    struct hub_watcher watcher;
};

/* --- answers -------------------------------------------------------------------------------------
 */

void user_put_octets(struct user *u, const void *octets, size_t len)
{
    if (u->filled + len > u->room) {
        size_t room = 2 * (u->filled + len) + OUT_FIRST;
        char *more = realloc(u->out, room);
        if (!more) {
            u->out_of_memory = true;
            return;
        }
        u->out = more;
        u->room = room;
    }
    memcpy(u->out + u->filled, octets, len);
    u->filled += len;
}

void user_put(struct user *u, const char *text)
{
    user_put_octets(u, text, strlen(text));
}

static bool user_is_full(const struct user *u)
{
    return u->filled - u->written >= OUT_FULL;
}

/* Writes what the socket takes.  False: the connection is closed. */
static bool user_write(struct user *u)
{
    while (u->written < u->filled) {
        ssize_t n = send(u->fd, u->out + u->written, u->filled - u->written, MSG_NOSIGNAL);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        u->written += (size_t)n;
    }
    u->written = u->filled = 0;
    return !u->out_of_memory;
}

/* --- lines ---------------------------------------------------------------------------------------
 */

static void user_free(struct user *u)
{
    watch_end(u);
    free(u->out);
    free(u);
}

/* Closes a user's connection; the caller frees it. */
static void user_drop(struct control *control, struct user *u)
{
    close(u->fd);
    u->fd = -1;
    control->connected--;
    control->paused = false;
}

/* Does the complete lines in the buffer, up to one that waits; at the end also one without its end.
 * Returns whether there was one. */
static bool user_lines(struct hub *hub, struct user *u)
{
    bool any = false;
    char *end;
    if (u->watch.on) {
        u->in_len = 0; /* a connection that carries packets takes no lines */
        return false;
    }
    while (!u->waits && !u->watch.on && !user_is_full(u) &&
           (end = memchr(u->in, '\n', u->in_len)) != NULL) {
        char line[CONTROL_LINE_MAX];
        size_t len = (size_t)(end - u->in);
        memcpy(line, u->in, len);
        line[len] = '\0';
        u->in_len -= len + 1;
        memmove(u->in, end + 1, u->in_len);
        any = true;
        if (u->too_long) {
            u->too_long = false;
        } else if (strlen(line) != len) {
            user_refuse(u, "a line of text");
        } else {
            control_line(hub, u, line);
        }
    }
    if (u->waits) {
        return any;
    }
    if (u->in_len == sizeof u->in && !memchr(u->in, '\n', u->in_len)) {
        if (!u->too_long) {
            user_refuse(u, "a line has at most 1023 octets");
        }
        u->too_long = any = true;
        u->in_len = 0;
    }
    if (u->ended && u->in_len && !memchr(u->in, '\n', u->in_len)) {
        u->in[u->in_len++] = '\n'; /* the last line: there is room, by the case above */
        any = true;
    }
    return any;
}

/* Whether more may be read: not while many answers wait to be written. */
static bool user_can_read(const struct user *u)
{
    return !u->ended && !user_is_full(u) && u->in_len < sizeof u->in;
}

/* Whether the connection is closed in both directions. */
static bool user_has_gone(const struct user *u)
{
    struct pollfd p = { u->fd, 0, 0 };
    return poll(&p, 1, 0) > 0 && p.revents;
}

/* Reads and answers as far as it is possible now, with READS_MAX reads at most: a user that writes
 * without pause does not block the air.  False: the user has gone, or has all its answers. */
static bool user_serve(struct hub *hub, struct user *u)
{
    enum { READS_MAX = 8 };
    bool more = true;
    int reads = 0;
    while (more) {
        more = user_lines(hub, u);
        if (!user_write(u)) {
            return false;
        }
        if (reads < READS_MAX && user_can_read(u)) {
            reads++;
            ssize_t n = read(u->fd, u->in + u->in_len, sizeof u->in - u->in_len);
            u->ended = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
            u->in_len += n > 0 ? (size_t)n : 0;
            more = more || n > 0 || u->ended;
        }
    }
    bool pending = u->waits || u->written < u->filled;
    if (!user_can_read(u) && pending) {
        return !user_has_gone(u);
    }
    return !u->ended;
}

/* --- connections ---------------------------------------------------------------------------------
 */

/* Whether the program at the other end runs as the user of this air, or as root. */
static bool is_allowed(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

bool control_adopt(struct control *control, int fd)
{
    struct user *u = calloc(1, sizeof *u);
    if (!u) {
        return false;
    }
    u->fd = fd;
    u->until_us = UINT64_MAX;
    u->next = control->users;
    control->users = u;
    control->connected++;
    return true;
}

/* A new user, or the answer that it is not allowed. */
static void control_add(struct control *control, int fd)
{
    static const char refused[] =
        "{\"ok\":false,\"error\":\"only the user of this air may control it\"}\n";
    bool allowed = is_allowed(fd);
    if (!allowed) {
        (void)!send(fd, refused, sizeof refused - 1, MSG_NOSIGNAL);
    }
    if (!allowed || !control_adopt(control, fd)) {
        close(fd);
    }
}

/* Without a descriptor the others wait in the backlog, for a second or until a user goes. */
static bool control_accepts(const struct control *control)
{
    if (control->listener.fd < 0) {
        return false;
    }
    bool pause = control->paused && (int32_t)(woad_port_now_ms() - control->accept_at_ms) < 0;
    return control->connected < USERS_MAX && !pause;
}

static void control_accept(struct control *control)
{
    while (control_accepts(control)) {
        int fd = accept4(control->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            control->paused = errno != EAGAIN && errno != EINTR && errno != ECONNABORTED;
            control->accept_at_ms = woad_port_now_ms() + PAUSE_MS;
            return;
        }
        control_add(control, fd);
    }
}

/* --- in the hub's loop ---------------------------------------------------------------------------
 */

/* hub_extra.fds */
static size_t control_fds(void *ctx, struct pollfd *at, size_t room)
{
    const struct control *control = ctx;
    size_t n = 0;
    if (control_accepts(control)) {
        if (n < room) {
            at[n] = (struct pollfd){ control->listener.fd, POLLIN, 0 };
        }
        n++;
    }
    for (const struct user *u = control->users; u; u = u->next) {
        short what = user_can_read(u) ? POLLIN : 0;
        if (u->written < u->filled) {
            what |= POLLOUT;
        }
        if (n < room) {
            at[n] = (struct pollfd){ u->fd, what, 0 };
        }
        n++;
    }
    return n;
}

/* hub_extra.serve */
static void control_serve(void *ctx, struct hub *hub, uint64_t air_now_us)
{
    struct control *control = ctx;
    bool watched = false;
    (void)air_now_us;
    control_accept(control);
    for (struct user **at = &control->users; *at;) {
        struct user *u = *at;
        if (u->waits) {
            control_look(hub, u);
        }
        if (!user_serve(hub, u)) {
            user_drop(control, u);
            *at = u->next;
            user_free(u);
        } else {
            watched = watched || u->watch.on;
            at = &u->next;
        }
    }
    hub->watcher = NULL;
    if (watched) {
        hub->watcher = &control->watcher;
    }
}

/* hub_extra.next_us: when the first `wait connected` has waited long enough. */
static uint64_t control_next(void *ctx)
{
    const struct control *control = ctx;
    uint64_t next = UINT64_MAX;
    for (const struct user *u = control->users; u; u = u->next) {
        if (u->waits && u->until_us < next) {
            next = u->until_us;
        }
    }
    return next;
}

/* hub_watcher.air */
static void control_watch_air(void *ctx, const struct hub *hub,
                              const struct woad_air_packet *packet)
{
    const struct control *control = ctx;
    for (struct user *u = control->users; u; u = u->next) {
        if (u->watch.on) {
            watch_air(u, hub, packet);
        }
    }
}

/* hub_watcher.hci */
static void control_watch_hci(void *ctx, const struct hub *hub, const struct client *c,
                              bool received, const uint8_t *packet, size_t len)
{
    const struct control *control = ctx;
    for (struct user *u = control->users; u; u = u->next) {
        if (u->watch.on) {
            watch_hci(u, hub, c, received, packet, len);
        }
    }
}

/* --- its life ------------------------------------------------------------------------------------
 */

struct control *control_new(void)
{
    struct control *control = calloc(1, sizeof *control);
    if (control) {
        control->listener.fd = -1;
    }
    return control;
}

struct control *control_open(const char *spec, char message[WOAD_PORT_MESSAGE_MAX])
{
    char name[LISTEN_NAME_MAX];
    bool listens;
    struct control *control = control_new();
    if (!control) {
        transport_fail(message, ENOMEM, "no memory");
        return NULL;
    }
    int err = -EINVAL;
    if (strncmp(spec, "unix:", 5) != 0) {
        transport_fail(message, EINVAL, "\"%.60s\": say unix:/path", spec);
    } else {
        mode_t mask = umask(0177);
        err = transport_listen(spec, &control->listener, &listens, name, message);
        umask(mask);
    }
    if (err) {
        free(control);
        return NULL;
    }
    return control;
}

void control_attach(struct control *control, struct hub_options *o, struct hub_extra *extra)
{
    if (!o->world) {
        o->world = &control->world;
        world_file_begin(o->world);
    }
    control->watcher = (struct hub_watcher){ control_watch_air, control_watch_hci, control };
    *extra = (struct hub_extra){
        .fds = control_fds, .serve = control_serve, .next_us = control_next, .ctx = control
    };
    o->controlled = true;
    o->extras++;
}

void control_close(struct control *control)
{
    if (!control) {
        return;
    }
    while (control->users) {
        struct user *u = control->users;
        control->users = u->next;
        close(u->fd);
        user_free(u);
    }
    if (control->listener.fd >= 0) {
        transport_unlisten(&control->listener);
    }
    free(control);
}
