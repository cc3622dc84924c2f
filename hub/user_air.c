/* This user's simulated radio: one hub process for all of the user's programs.  The first program
 * starts it, and it ends after the last.
 *
 * A lock file prevents races: a program holds the lock while it connects; the radio ends only while
 * it holds the lock and its socket has no pending connection.
 *
 * Names of other files:
 *   fd_above_stdio(): moves a descriptor above 2; or a negative errno
 *   transport_fail(): formats `message`, and returns the error as a negative errno
 *   transport_listen(): listens at a name, or makes what is one host's already
 *   transport_unlisten(): closes the socket and removes its path
 *   transport_open_as(): connects; -ENODEV: no program listens
 *   hub_run(): serves hosts until *stop is set, or as exit_when_empty says
 *   control_open(): listens for users that change the air: control.h; NULL: it cannot
 *   control_attach(): makes the options those of an air that is controlled
 *   may_end: of the options: the air may end; false: a program is about to connect
 *   exit_when_empty: of the options: the hub ends after its last host
 *   woad_port_now_ms(): the machine's time, ms */
#define _GNU_SOURCE
#include "../transport/open.h"
#include "control.h"
#include "hub.h"
#include "user_air.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FOLDERS_MAX = 10, LOCK_MS = 5000, LOCK_POLL_MS = 10 };

struct user_air {
    char dir[98], socket[108], lock[108], control[120];
    int lock_fd;
    struct hci_transport listen;
};

/* Whether the folder, made now if need be, belongs to this user and to no other. */
static bool user_air_owns_folder(const char *dir)
{
    struct stat st;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
        return false;
    }
    return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
           !(st.st_mode & 077);
}

/* XDG_RUNTIME_DIR if it is usable, else NULL.  After su or sudo -E it is another user's. */
static const char *user_air_runtime_folder(void)
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    struct stat st;
    bool good = run && *run == '/' && strlen(run) < sizeof((struct user_air *)0)->dir - 10 &&
                stat(run, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
                !(st.st_mode & 022);
    if (good) {
        return run;
    }
    return NULL;
}

/* XDG_RUNTIME_DIR/woad, or the first /tmp/woad-UID[-N] that no other user has created: all programs
 * of this user find the same folder. */
static int user_air_find_folder(struct user_air *u, char message[WOAD_PORT_MESSAGE_MAX])
{
    const char *run = user_air_runtime_folder();
    bool found = false;
    if (run) {
        snprintf(u->dir, sizeof u->dir, "%s/woad", run);
        found = user_air_owns_folder(u->dir);
    }
    for (unsigned n = 0; n < FOLDERS_MAX && !found; n++) {
        size_t len = (size_t)snprintf(u->dir, sizeof u->dir, "/tmp/woad-%u", (unsigned)geteuid());
        if (n) {
            snprintf(u->dir + len, sizeof u->dir - len, "-%u", n);
        }
        found = user_air_owns_folder(u->dir);
    }
    if (!found) {
        return transport_fail(message, EACCES,
                              "/tmp/woad-%u, and with -1 to -9 behind it, can't be "
                              "made or are not folders of yours alone",
                              (unsigned)geteuid());
    }
    snprintf(u->socket, sizeof u->socket, "%s/air", u->dir);
    snprintf(u->lock, sizeof u->lock, "%s/lock", u->dir);
    snprintf(u->control, sizeof u->control, "unix:%s/control", u->dir);
    return 0;
}

/* Gives up after LOCK_MS, because the owner of the lock may be a stopped process. */
static int user_air_lock(struct user_air *u, char message[WOAD_PORT_MESSAGE_MAX])
{
    u->lock_fd = fd_above_stdio(open(u->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (u->lock_fd < 0) {
        return transport_fail(message, -u->lock_fd, "%s: %s", u->lock, strerror(-u->lock_fd));
    }
    uint32_t start = woad_port_now_ms();
    while (flock(u->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        int err = errno == EWOULDBLOCK || errno == EINTR ? 0 : errno;
        if (err || woad_port_now_ms() - start > LOCK_MS) {
            close(u->lock_fd);
            if (!err) {
                return transport_fail(message, ETIMEDOUT,
                                      "%s: a program has held it for five seconds", u->lock);
            }
            return transport_fail(message, err, "%s: %s", u->lock, strerror(err));
        }
        poll(NULL, 0, LOCK_POLL_MS);
    }
    return 0;
}

/* hub_options.may_end: takes the lock, and closes the socket if no program is waiting at it. */
static bool user_air_may_end(void *ctx)
{
    struct user_air *u = ctx;
    struct pollfd p = { u->listen.fd, POLLIN, 0 };
    if (flock(u->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        return false;
    }
    if (poll(&p, 1, 0) > 0) {
        flock(u->lock_fd, LOCK_UN);
        return false;
    }
    transport_unlisten(&u->listen);
    return true;
}

/* In the child: becomes a daemon with /dev/null as 0 to 2, the socket as 3, and no other descriptor
 * of the program that started it, then serves.  Does not return. */
static void user_air_serve(struct user_air *u)
{
    const volatile int stop = 0;
    char message[WOAD_PORT_MESSAGE_MAX];
    struct timespec ts;
    setsid();
    if (fork() != 0) {
        _exit(0);
    }
    if (u->listen.fd != 3) {
        dup2(u->listen.fd, 3);
        u->listen.fd = 3;
    }
    closefrom(4);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++) {
        if (fd != null) {
            dup2(null, fd);
        }
    }
    u->lock_fd = open(u->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (null < 0 || u->lock_fd < 0 || chdir("/") < 0) {
        _exit(1);
    }
    if (null > 3) {
        close(null);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    clock_gettime(CLOCK_MONOTONIC, &ts);
    struct hub_options o = { .listener = &u->listen,
                             .listeners = 1,
                             .exit_when_empty = true,
                             .seed = (uint64_t)ts.tv_nsec ^ (uint64_t)getpid() << 32,
                             .may_end = user_air_may_end,
                             .ctx = u };
    struct hub_extra extra;
    struct control *control = control_open(u->control, message);
    o.extra = &extra;
    if (control) { /* without it, it serves hosts all the same */
        control_attach(control, &o, &extra);
    }
    hub_run(&o, &stop);
    control_close(control);
    _exit(0);
}

int user_air_control(char spec[USER_AIR_CONTROL_MAX], char message[WOAD_PORT_MESSAGE_MAX])
{
    struct user_air u;
    int err = user_air_find_folder(&u, message);
    if (!err) {
        snprintf(spec, USER_AIR_CONTROL_MAX, "%s", u.control);
    }
    return err;
}

/* Starts the radio; the caller holds the lock. */
static int user_air_start(struct user_air *u, char message[WOAD_PORT_MESSAGE_MAX])
{
    char spec[120], name[LISTEN_NAME_MAX];
    bool listens;
    snprintf(spec, sizeof spec, "unix:%s", u->socket);
    int err = transport_listen(spec, &u->listen, &listens, name, message);
    if (err) {
        return err;
    }
    pid_t child = fork();
    if (child == 0) {
        user_air_serve(u);
    }
    if (child < 0) {
        err = transport_fail(message, errno, "the simulated radio: %s", strerror(errno));
        transport_unlisten(&u->listen);
        return err;
    }
    close(u->listen.fd);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    return 0;
}

int user_air_take(struct hci_transport *listen, char control[USER_AIR_CONTROL_MAX],
                  char message[WOAD_PORT_MESSAGE_MAX])
{
    struct user_air u;
    char spec[120], name[LISTEN_NAME_MAX];
    bool listens;
    int err = user_air_find_folder(&u, message);
    if (!err) {
        err = user_air_lock(&u, message);
    }
    if (err) {
        return err;
    }
    snprintf(spec, sizeof spec, "unix:%s", u.socket);
    err = transport_listen(spec, listen, &listens, name, message);
    snprintf(control, USER_AIR_CONTROL_MAX, "%s", u.control);
    close(u.lock_fd);
    return err;
}

int user_air_open(const char *program, struct hci_transport *transport,
                  char message[WOAD_PORT_MESSAGE_MAX])
{
    struct user_air u;
    char spec[120];
    int err = user_air_find_folder(&u, message);
    if (!err) {
        err = user_air_lock(&u, message);
    }
    if (err) {
        return err;
    }
    snprintf(spec, sizeof spec, "unix:%s", u.socket);
    err = transport_open_as(spec, program, transport, message);
    if (err == -ENODEV) { /* with other errors it may be running */
        err = user_air_start(&u, message);
        if (!err) {
            err = transport_open_as(spec, program, transport, message);
        }
    }
    close(u.lock_fd);
    return err;
}
