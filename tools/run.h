/* `woad run`: the programs of an air, and what they print. */
#ifndef WOAD_RUN_H
#define WOAD_RUN_H

#include "../transport/open.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    PROGRAMS_MAX = 256,
    RUN_NAME_MAX = 48,   /* octets of a program's name, its 0 included */
    RUN_LINE_MAX = 1024, /* octets of a line; a longer one is printed in parts */
    RUN_PATH_MAX = 108   /* octets of the socket's path, its 0 included */
};

/* --- run_output.c: lines on standard output ------------------------------------------------------
 */

/* Lines wait here while the reader of standard output is slow. */
struct run_output {
    int fd; /* standard output, or standard error */
    char *buf;
    size_t written, filled, room; /* buf[written] to buf[filled] are to be written */
    unsigned name_width;          /* columns of the longest name */
    bool colors;
    bool closed; /* its reader has gone; all that follows is dropped */
};

/* Adds the air's time, the name and the text, which is made safe for a terminal.  `paint` chooses
 * the colour; 0: the air's. */
void output_line(struct run_output *out, uint64_t us, const char *name, unsigned paint,
                 const uint8_t *text, size_t len);
/* Adds a line as it is. */
void output_plain(struct run_output *out, const uint8_t *text, size_t len);
/* Looks whether the reader has gone. */
void output_look(struct run_output *out);
/* Writes what can be written without blocking. */
void output_flush(struct run_output *out);
/* Writes the rest, and waits for the reader. */
void output_finish(struct run_output *out);
/* Whether there is something to write: poll() standard output for POLLOUT, else for nothing. */
bool output_waits(const struct run_output *out);
/* Whether so much waits that no more of the programs' output is to be read. */
bool output_is_full(const struct run_output *out);

/* --- run_programs.c: child processes -------------------------------------------------------------
 */

struct run_program {
    char **argv; /* ends with NULL */
    char name[RUN_NAME_MAX];
    unsigned paint;   /* its place on the command line, from 1: its colour and its WOAD_SEAT */
    bool takes_stdin; /* else it reads /dev/null */
    bool own_group;   /* its process group has its own id */
    pid_t pid;        /* 0: not started, or ended */
    int fd;           /* the pipe of its output; -1: closed */
    uint8_t line[RUN_LINE_MAX];
    size_t len; /* of the line that is not complete */
};

struct run_programs {
    const char *command; /* of `woad`, for messages */
    struct run_program *program;
    size_t programs, running; /* in `program`; that have not ended */
    size_t first_failed;      /* index of the first that failed; `programs`: none */
    int status;               /* its exit status, or 128 and the signal's number; 0: none failed */
    const char *only; /* the program whose lines alone are printed, as they are; NULL: all */
    struct run_output out;
};

/* Starts all.  `spec` becomes their WOAD_HCI.  0, or a negative errno of the first that could not
 * be started; those before it run. */
int programs_start(struct run_programs *all, const char *spec, bool virtual_clock);
/* Fills `at` with their pipes; returns how many there are. */
size_t programs_fds(const struct run_programs *all, struct pollfd *at, size_t room);
/* Reads what the programs have printed, without blocking. */
void programs_read(struct run_programs *all, uint64_t air_now_us);
/* Collects those that have ended, with the rest of their output. */
void programs_reap(struct run_programs *all, uint64_t air_now_us);
/* Ends all: SIGTERM, and a second later SIGKILL.  Prints what they still say. */
void programs_end(struct run_programs *all, uint64_t air_now_us);

/* --- run_guard.c: what is left if `woad run` is killed -------------------------------------------
 */

/* Starts a process that then ends the programs and removes the folder.  0 or a negative errno. */
int guard_start(const char *folder);
/* A process group to be killed then; negative: it is no more. */
void guard_tell(pid_t group);
void guard_end(void); /* removes the folder */

/* --- run_begin.c: what `woad run` and `woad replay` begin with -----------------------------------
 */

/* Where programs find their radio. */
struct run_socket {
    char folder[80], spec[RUN_PATH_MAX]; /* spec: for WOAD_HCI */
    struct hci_transport listener;
};

/* Listens in a new folder, which the guard removes.  0, or 1 after a message. */
int run_listen(const char *command, struct run_socket *s);
/* Blocks the signals that end a program, and SIGCHLD.  A descriptor for them; -1 after a message.
 */
int run_catch_signals(const char *command, sigset_t *set);
/* The file's name ends with ".py": MicroPython runs it. */
bool run_is_python(const char *path);
/* The words that start a program, NULL at their end; NULL: no memory. */
char **run_argv(char **argv, size_t argc);

#endif
