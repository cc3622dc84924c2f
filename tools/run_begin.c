/* What `woad run` and `woad replay` begin with: the socket of a radio, signals, and the words that
 * start a program.
 *
 * Names of other files:
 *   guard_end(): ends the guard
 *   guard_start(): starts a process that cleans up if `woad run` is killed; 0 or a negative errno
 *   LISTEN_NAME_MAX: octets of a listening transport's name, its 0 included
 *   listener: of a run_socket: hosts are accepted from it
 *   run_socket: where programs find their radio: run.h
 *   transport_listen(): listens at a name, or makes what is one host's already */
#define _GNU_SOURCE
#include "run.h"

#include <woad/port.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file's name ends with ".py". */
bool run_is_python(const char *path)
{
    size_t len = strlen(path);
    return len > 3 && strcmp(path + len - 3, ".py") == 0;
}

/* The interpreter: MICROPYTHON_PROGRAM; beside this program; the one in PATH. */
static char *micropython(void)
{
    static char path[PATH_MAX];
    char *named = getenv("MICROPYTHON_PROGRAM");
    if (named && *named) {
        return named;
    }
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof "micropython");
    path[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash) {
        strcpy(slash + 1, "micropython");
        if (access(path, X_OK) == 0) {
            return path;
        }
    }
    return strcpy(path, "micropython");
}

/* The caller's words stay the caller's. */
char **run_argv(char **argv, size_t argc)
{
    char **all = calloc(argc + 2, sizeof *all);
    size_t n = 0;
    if (!all) {
        return NULL;
    }
    if (run_is_python(argv[0])) {
        all[n++] = micropython();
    }
    memcpy(all + n, argv, argc * sizeof *argv);
    return all;
}

/* The socket is in a new folder that only this user may enter. */
int run_listen(const char *command, struct run_socket *s)
{
    char message[WOAD_PORT_MESSAGE_MAX], name[LISTEN_NAME_MAX];
    const char *tmp = getenv("TMPDIR");
    bool listens;
    if (!tmp || *tmp != '/' || strlen(tmp) > 50) {
        tmp = "/tmp";
    }
    snprintf(s->folder, sizeof s->folder, "%s/woad-run-XXXXXX", tmp);
    if (!mkdtemp(s->folder)) {
        fprintf(stderr, "woad %s: %s: %s\n", command, s->folder, strerror(errno));
        return 1;
    }
    snprintf(s->spec, sizeof s->spec, "unix:%s/air", s->folder);
    int err = guard_start(s->folder);
    if (err) {
        fprintf(stderr, "woad %s: %s\n", command, strerror(-err));
        rmdir(s->folder);
        return 1;
    }
    if (transport_listen(s->spec, &s->listener, &listens, name, message)) {
        fprintf(stderr, "woad %s: %s\n", command, message);
        guard_end();
        return 1;
    }
    return 0;
}

/* Signals are read from a descriptor, in the hub's loop. */
int run_catch_signals(const char *command, sigset_t *set)
{
    static const int all[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    struct sigaction was;
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
    for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
        if (sigaction(all[n], NULL, &was) == 0 && was.sa_handler != SIG_IGN) {
            sigaddset(set, all[n]); /* not under nohup */
        }
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* if it was ignored, ended children would be lost */
    sigprocmask(SIG_BLOCK, set, NULL);
    int fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        fprintf(stderr, "woad %s: %s\n", command, strerror(errno));
    }
    return fd;
}
