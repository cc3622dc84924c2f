/* This user's simulated radio: one for all of the user's programs, started by the first, gone with
 * the last.
 *
 * A lock file makes it safe: who wants in holds the lock until connected; the radio ends only while
 * it holds the lock and nobody waits at its socket. */
#define _GNU_SOURCE
#include "hub.h"
#include "open.h"

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

struct user_air { char dir[64], socket[80], lock[80]; int lock_fd; struct way listen; };

/* /tmp/woad-UID, ours and closed to others; XDG's place for such things where there is one. */
static int user_air_place(struct user_air *u, char why[WOAD_PORT_WHY])
{
    const char *run = getenv("XDG_RUNTIME_DIR");
    struct stat st;
    if (run && *run && strlen(run) < 40 && access(run, W_OK) == 0) {
        snprintf(u->dir, sizeof u->dir, "%s/woad", run);
    } else {
        snprintf(u->dir, sizeof u->dir, "/tmp/woad-%u", (unsigned)getuid());
    }
    if (mkdir(u->dir, 0700) < 0 && errno != EEXIST) {
        return open_fail(why, errno, "%s: %s", u->dir, strerror(errno));
    }
    if (lstat(u->dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != getuid() ||
        (st.st_mode & 077)) {
        return open_fail(why, EACCES, "%s is not a folder of yours alone", u->dir);
    }
    snprintf(u->socket, sizeof u->socket, "%s/air", u->dir);
    snprintf(u->lock, sizeof u->lock, "%s/lock", u->dir);
    return 0;
}

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
    unlink(u->socket);
    return true;
}

/* The radio's own process: nobody's child, no terminal, only its two descriptors. */
static void user_air_serve(struct user_air *u)
{
    const volatile int never = 0;
    struct timespec ts;
    int null = open("/dev/null", O_RDWR);
    setsid();
    if (fork() != 0) {
        _exit(0);
    }
    for (int fd = 0; fd < 3; fd++) {
        dup2(null, fd);
    }
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = 3; fd < (most < 4096 ? most : 4096); fd++) {
        if (fd != u->listen.fd) {
            close(fd);
        }
    }
    if (chdir("/") < 0) {
        _exit(1);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    u->lock_fd = open(u->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    clock_gettime(CLOCK_MONOTONIC, &ts);
    struct hub_options o = { .listen = &u->listen, .listens = 1, .leave_when_empty = true,
                             .seed = (uint64_t)ts.tv_nsec ^ (uint64_t)getpid() << 32,
                             .may_end = user_air_may_end, .ctx = u };
    hub_run(&o, &never);
    _exit(0);
}

int open_user_air(struct way *way, char why[WOAD_PORT_WHY])
{
    struct user_air u;
    char spec[96], name[LISTEN_NAME];
    bool listens;
    int err = user_air_place(&u, why);
    if (err) {
        return err;
    }
    u.lock_fd = open(u.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (u.lock_fd < 0 || flock(u.lock_fd, LOCK_EX) < 0) {
        return open_fail(why, errno, "%s: %s", u.lock, strerror(errno));
    }
    snprintf(spec, sizeof spec, "unix:%s", u.socket);
    err = open_spec(spec, way, why);
    if (err) {
        err = listen_spec(spec, &u.listen, &listens, name, why);
        if (err) {
            close(u.lock_fd);
            return err;
        }
        pid_t child = fork();
        if (child == 0) {
            user_air_serve(&u);
        }
        close(u.listen.fd);
        if (child < 0) {
            close(u.lock_fd);
            return open_fail(why, errno, "the simulated radio: %s", strerror(errno));
        }
        waitpid(child, NULL, 0);
        err = open_spec(spec, way, why);
    }
    close(u.lock_fd);
    return err;
}
