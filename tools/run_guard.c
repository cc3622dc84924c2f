/* A process that outlives `woad run`, if that is killed: it ends the programs, with all that they
 * have started, and removes the folder.  It knows by the end of a pipe that it has to.
 *
 * Names of other files:
 *   PROGRAMS_MAX: programs, at most
 *   RUN_PATH_MAX: octets of the folder's name, its 0 included */
#define _GNU_SOURCE
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct guard {
    int fd; /* the writing end */
    pid_t pid;
} guard = { -1, 0 };

/* A message: a process group that is there from now on; negative: it has ended. */
static void guard_note(pid_t *groups, pid_t message)
{
    pid_t from = message > 0 ? 0 : -message, to = message > 0 ? message : 0;
    size_t k = 0;
    while (k < PROGRAMS_MAX && groups[k] != from) {
        k++;
    }
    if (k < PROGRAMS_MAX) {
        groups[k] = to;
    }
}

/* The guard's process: notes groups until the pipe is closed, then kills those that are left,
 * and removes the folder. */
static void guard_main(int fd, const char *folder)
{
    pid_t groups[PROGRAMS_MAX] = { 0 }, message;
    char socket[RUN_PATH_MAX];
    int null = open("/dev/null", O_RDWR);
    sigset_t all;
    setpgid(0, 0);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int k = 0; k < 3; k++) {
        dup2(null, k);
    }
    while (read(fd, &message, sizeof message) == (ssize_t)sizeof message) {
        guard_note(groups, message);
    }
    for (size_t k = 0; k < PROGRAMS_MAX; k++) {
        if (groups[k]) {
            kill(-groups[k], SIGKILL);
        }
    }
    snprintf(socket, sizeof socket, "%s/air", folder);
    unlink(socket);
    rmdir(folder);
    _exit(0);
}

/* The pipe is closed when `woad run` ends, in whatever way. */
int guard_start(const char *folder)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -errno;
    }
    guard.pid = fork();
    if (guard.pid == 0) {
        close(ends[1]);
        guard_main(ends[0], folder);
    }
    int err = errno;
    close(ends[0]);
    guard.fd = ends[1];
    if (guard.pid < 0) {
        return -err;
    }
    return 0;
}

/* Through the pipe. */
void guard_tell(pid_t group)
{
    (void)!write(guard.fd, &group, sizeof group);
}

/* The guard finds the pipe closed. */
void guard_end(void)
{
    close(guard.fd);
    while (waitpid(guard.pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
