/* The child processes of `woad run`: see run.h.
 *
 * Names of other files:
 *   first_failed: index of the first program that has failed
 *   guard_tell(): names a process group that the guard is to kill; a negative one is no more
 *   output_flush(): writes what can be written without blocking
 *   output_is_full(): so much waits that no more is to be read from the programs
 *   output_line(): adds a line: the air's time, the name and the text
 *   output_plain(): adds a line as it is
 *   own_group: of a program: its process group has its own id
 *   paint: of a program: its place on the command line, from 1: its colour, and its WOAD_SEAT
 *   pid: of a program: its process; 0: not started, or ended
 *   programs: how many programs there are
 *   PROGRAMS_MAX: programs, at most
 *   run_program: a program of `woad run`: run.h
 *   run_programs: all programs of `woad run`: run.h
 *   running: programs that have not ended
 *   takes_stdin: of a program: it reads standard input, else /dev/null */
#define _GNU_SOURCE
#include "run.h"

#include "../transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TERM_MS = 1000, /* after SIGTERM, until SIGKILL */
    KILL_MS = 2000, /* after SIGKILL */
    POLL_MS = 20,
    READS_MAX = 64 /* of one program, until others are read */
};

/* --- what they print -----------------------------------------------------------------------------
 */

/* Prints the line of `len` octets that is collected, without a CR at its end. */
static void program_put(struct run_programs *all, const struct run_program *p, uint64_t now,
                        size_t len)
{
    size_t shown = len;
    if (shown && p->line[shown - 1] == '\r') {
        shown--;
    }
    if (!all->only) {
        output_line(&all->out, now, p->name, p->paint, p->line, shown);
    } else if (strcmp(all->only, p->name) == 0) {
        output_plain(&all->out, p->line, shown);
    }
}

/* How much of a line that fills the buffer is shown now: no character of UTF-8 is cut. */
static size_t program_piece(const struct run_program *p)
{
    size_t len = p->len;
    for (size_t back = 1; back <= 3; back++) {
        uint8_t c = p->line[p->len - back];
        if (c >= 0xc0) {
            len = p->len - back;
        }
        if (c < 0x80 || c >= 0xc0) {
            return len;
        }
    }
    return len;
}

/* Prints the complete lines of the buffer, and what fills it without an end of line. */
static void program_lines(struct run_programs *all, struct run_program *p, uint64_t now)
{
    uint8_t *end;
    size_t used = 0;
    while ((end = memchr(p->line, '\n', p->len)) != NULL || p->len == sizeof p->line) {
        size_t len = end ? (size_t)(end - p->line) : program_piece(p);
        used = len;
        if (end) {
            used++;
        }
        program_put(all, p, now, len);
        p->len -= used;
        memmove(p->line, p->line + used, p->len);
    }
}

/* Reads the pipe.  False: it is closed. */
static bool program_read(struct run_programs *all, struct run_program *p, uint64_t now)
{
    for (unsigned n = 0; n < READS_MAX; n++) {
        ssize_t got = read(p->fd, p->line + p->len, sizeof p->line - p->len);
        if (got <= 0) {
            return got < 0 && (errno == EAGAIN || errno == EINTR);
        }
        p->len += (size_t)got;
        program_lines(all, p, now);
    }
    return true;
}

/* Closes the pipe; a last line without its end is shown. */
static void program_close(struct run_programs *all, struct run_program *p, uint64_t now)
{
    if (p->len) {
        program_put(all, p, now, p->len);
    }
    p->len = 0;
    close(p->fd);
    p->fd = -1;
}

/* None while the output is full: the programs wait. */
size_t programs_fds(const struct run_programs *all, struct pollfd *at, size_t room)
{
    size_t n = 0;
    if (output_is_full(&all->out)) {
        return 0;
    }
    for (size_t i = 0; i < all->programs; i++) {
        if (all->program[i].fd >= 0) {
            if (n < room) {
                at[n] = (struct pollfd){ all->program[i].fd, POLLIN, 0 };
            }
            n++;
        }
    }
    return n;
}

/* A pipe that has ended is closed. */
void programs_read(struct run_programs *all, uint64_t air_now_us)
{
    struct pollfd at[PROGRAMS_MAX];
    size_t n = programs_fds(all, at, PROGRAMS_MAX);
    if (!n || poll(at, (nfds_t)n, 0) <= 0) {
        return;
    }
    n = 0;
    for (size_t i = 0; i < all->programs; i++) {
        struct run_program *p = &all->program[i];
        if (p->fd >= 0 && at[n++].revents && !program_read(all, p, air_now_us)) {
            program_close(all, p, air_now_us);
        }
    }
}

/* --- their lives ---------------------------------------------------------------------------------
 */

/* In the child; does not return. */
static void program_exec(const struct run_programs *all, const struct run_program *p, int out,
                         pid_t parent)
{
    char seat[16];
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1); /* it ended before the line above */
    }
    if (p->own_group) {
        setpgid(0, 0);
    }
    if (!p->takes_stdin) {
        int null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        if (null > 2) {
            close(null);
        }
    }
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    snprintf(seat, sizeof seat, "%u", p->paint);
    setenv("WOAD_NAME", p->name, 1);
    setenv("WOAD_SEAT", seat, 1);
    setenv("PYTHONUNBUFFERED", "1", 1); /* CPython shows its lines when it prints them */
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(p->argv[0], p->argv);
    fprintf(stderr, "woad %s: %s: %s\n", all->command, p->argv[0], strerror(errno));
    _exit(127);
}

/* Starts a program.  0 or a negative errno. */
static int program_start(struct run_programs *all, struct run_program *p)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -errno;
    }
    pid_t parent = getpid(), child = fork();
    if (child == 0) {
        program_exec(all, p, ends[1], parent);
    }
    int err = errno;
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return -err;
    }
    if (p->own_group) {
        setpgid(child, child); /* as the child does: the first of the two */
        guard_tell(child);
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    p->pid = child;
    p->fd = ends[0];
    all->running++;
    return 0;
}

/* In the order of the command line. */
int programs_start(struct run_programs *all, const char *spec, bool virtual_clock)
{
    int err = 0;
    setenv("WOAD_HCI", spec, 1);
    unsetenv("WOAD_CLOCK");
    if (virtual_clock) {
        setenv("WOAD_CLOCK", "virtual", 1);
        /* MicroPython's hash of a tuple begins with an address: the order of a set's items would
         * differ each time. */
        personality((unsigned long)personality(0xffffffff) | ADDR_NO_RANDOMIZE);
    }
    for (size_t i = 0; i < all->programs && !err; i++) {
        err = program_start(all, &all->program[i]);
    }
    return err;
}

/* Sends a signal to the program, or to its group if it has its own. */
static void program_kill(const struct run_program *p, int sig)
{
    if (p->pid) {
        kill(p->own_group ? -p->pid : p->pid, sig);
    }
}

/* Says how a program has ended, unless it ended well. */
static void program_judge(struct run_programs *all, size_t i, int status)
{
    const struct run_program *p = &all->program[i];
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (!code || all->status) {
        return;
    }
    all->status = code;
    all->first_failed = i;
    output_flush(&all->out);
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "woad %s: %s: signal %d (%s)\n", all->command, p->name, WTERMSIG(status),
                strsignal(WTERMSIG(status)));
    } else {
        fprintf(stderr, "woad %s: %s: exit status %d\n", all->command, p->name, code);
    }
}

/* Collects the program if it has ended.  What its own children still hold of its group ends with
 * it, so that nothing outlives `woad run`. */
static bool program_reap(struct run_programs *all, struct run_program *p, uint64_t now, int *status)
{
    siginfo_t info = { .si_pid = 0 };
    if (!p->pid || waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
        info.si_pid == 0) {
        return false;
    }
    if (p->own_group) {
        kill(-p->pid, SIGKILL); /* before its number is free for others */
        guard_tell(-p->pid);
    }
    waitpid(p->pid, status, 0);
    p->pid = 0;
    all->running--;
    if (p->fd >= 0) {
        program_read(all, p, now);
        program_close(all, p, now);
    }
    return true;
}

/* The first that fails ends `woad run`. */
void programs_reap(struct run_programs *all, uint64_t air_now_us)
{
    for (size_t i = 0; i < all->programs; i++) {
        int status;
        if (program_reap(all, &all->program[i], air_now_us, &status)) {
            program_judge(all, i, status);
        }
    }
}

/* Sends a signal to all. */
static void programs_signal(const struct run_programs *all, int sig)
{
    for (size_t i = 0; i < all->programs; i++) {
        program_kill(&all->program[i], sig);
    }
}

/* Waits until all have ended, for at most `ms`. */
static void programs_wait(struct run_programs *all, uint64_t now, uint32_t ms)
{
    uint32_t start = woad_port_now_ms();
    while (all->running && woad_port_now_ms() - start < ms) {
        struct pollfd at[PROGRAMS_MAX];
        size_t n = programs_fds(all, at, PROGRAMS_MAX);
        poll(at, (nfds_t)n, POLL_MS);
        for (size_t i = 0; i < all->programs; i++) {
            int status;
            program_reap(all, &all->program[i], now, &status);
        }
        programs_read(all, now);
        output_flush(&all->out);
    }
}

/* A stopped program is continued, so that it can end. */
void programs_end(struct run_programs *all, uint64_t air_now_us)
{
    programs_signal(all, SIGTERM);
    programs_signal(all, SIGCONT);
    programs_wait(all, air_now_us, TERM_MS);
    programs_signal(all, SIGKILL);
    programs_wait(all, air_now_us, KILL_MS);
}
