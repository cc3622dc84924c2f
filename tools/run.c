/* `woad run`: an air of its own, and programs on it.  Parses the command line, and serves the
 * programs' output in the hub's loop.
 *
 * Names of other files:
 *   air_control(): opens what --control names; 0, or the exit status after a message
 *   air_control_close(): ends what air_control() has begun
 *   air_failed(): prints why the hub has failed; returns the exit status
 *   air_option(): applies an option of an air; 0, 1: it is --help, -1: wrong, after a message
 *   air_option_argument(): the argument of the option that getopt_long() has found, of --web also
 *       in the next word
 *   AIR_OPTIONS: rows of getopt_long()'s table for the options of an air
 *   AIR_OPTIONS_HELP: lines of --help for the options of an air
 *   closed: of the output: its reader has gone
 *   colors: of the output: lines have colours
 *   guard_end(): ends the guard
 *   guard_start(): starts a process that cleans up if `woad run` is killed; 0 or a negative errno
 *   hci_transport: an open transport: transport.h
 *   hub_extra: functions that the hub calls in its loop: hub.h
 *   hub_keeps_time(): whether a process keeps the air's time
 *   hub_now_us(): the air's time
 *   hub_options: what the air is to be like: hub.h
 *   hub_run(): serves hosts until stop is set, or as exit_when_empty says
 *   LISTEN_NAME_MAX: octets of a listening transport's name, its 0 included
 *   name_width: of the output: columns of the longest name
 *   output_finish(): writes the rest, and waits for the reader
 *   output_flush(): writes what can be written without blocking
 *   output_line(): adds a line: the air's time, the name and the text
 *   output_look(): looks whether the reader of standard output has gone
 *   output_waits(): there is something to write
 *   own_group: of a program: its process group has its own id
 *   paint: of a program: its place on the command line, from 1: its colour, and its WOAD_SEAT
 *   programs_end(): ends all programs
 *   programs_fds(): the pipes of the programs, for poll(); returns how many there are
 *   PROGRAMS_MAX: programs, at most
 *   programs_read(): reads what the programs have printed
 *   programs_reap(): collects the programs that have ended
 *   programs_start(): starts all programs; 0 or a negative errno
 *   required_argument: of getopt_long(): an option with a value
 *   RUN_NAME_MAX: octets of a program's name, its 0 included
 *   run_output: lines that wait for standard output: run.h
 *   run_program: a program of `woad run`: run.h
 *   run_programs: all programs of `woad run`: run.h
 *   running: programs that have not ended
 *   takes_stdin: of a program: it reads standard input, else /dev/null
 *   text_clean(): copies text with question marks for what cannot be printed; returns its length
 *   transport_listen(): listens at a name, or makes what is one host's already
 *   transport_unlisten(): closes the socket and removes its path */
#define _GNU_SOURCE
#include "run.h"

#include "air_options.h"
#include "woad_tool.h"

#include "../transport/open.h"
#include "../transport/text.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Exit statuses: of a signal, that is added; the command line is wrong. */
enum { SECOND_US = 1000000, STATUS_SIGNAL = 128, STATUS_USAGE = 2 };
enum { GRACE_MS = 1000, GRACE_STEP_MS = 10 };

static struct run {
    struct run_programs all;
    struct hub_options options;
    struct hub *hub; /* NULL: it does not serve yet */
    uint64_t now_us; /* the air's */
    uint64_t until_us;
    const char *names;      /* of --name */
    const char *stdin_name; /* of --stdin */
    int signals;            /* a signalfd */
    int signalled;          /* the signal that ends all; 0: none */
    int stop;               /* hub_run() is to return */
    struct run_socket socket;
} run;

/* hub_options.log and .warn: a line of the air among those of the programs. */
static void log_line(const char *line)
{
    if (run.hub) {
        run.now_us = hub_now_us(run.hub);
    }
    output_line(&run.all.out, run.now_us, "air", 0, (const uint8_t *)line, strlen(line));
}

/* --- in the hub's loop ---------------------------------------------------------------------------
 */

/* hub_extra: what the hub is to poll, too: signals, standard output, and the programs' pipes. */
static size_t run_fds(void *ctx, struct pollfd *at, size_t room)
{
    struct pollfd own[2] = { { run.signals, POLLIN, 0 }, { STDOUT_FILENO, 0, 0 } };
    (void)ctx;
    if (output_waits(&run.all.out)) {
        own[1].events = POLLOUT;
    }
    if (room >= 2) {
        memcpy(at, own, sizeof own);
    }
    size_t left = room > 2 ? room - 2 : 0;
    return 2 + programs_fds(&run.all, at + (room - left), left);
}

/* Reads the signals that have arrived. */
static void run_signals(void)
{
    struct signalfd_siginfo info;
    while (read(run.signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            programs_reap(&run.all, run.now_us);
        } else {
            run.signalled = (int)info.ssi_signo;
        }
    }
}

/* Whether a program runs that does not keep the air's time. */
static bool run_without_clock(void)
{
    for (size_t i = 0; i < run.all.programs; i++) {
        if (run.all.program[i].pid && !hub_keeps_time(run.hub, run.all.program[i].pid)) {
            return true;
        }
    }
    return false;
}

/* Virtual time can reach --until between the moment at which a program leaves the clock and its
 * end.  Its exit status counts: waits for that, GRACE_MS at most. */
static void run_await_status(uint64_t now_us)
{
    uint32_t start = woad_port_now_ms();
    while (!run.all.status && !run.signalled && run_without_clock() &&
           woad_port_now_ms() - start < GRACE_MS) {
        struct pollfd signals = { run.signals, POLLIN, 0 };
        poll(&signals, 1, GRACE_STEP_MS);
        programs_read(&run.all, now_us);
        run_signals();
    }
}

/* Whether the program of --only has ended: all end with it. */
static bool run_only_has_ended(void)
{
    for (size_t i = 0; run.all.only && i < run.all.programs; i++) {
        const struct run_program *p = &run.all.program[i];
        if (strcmp(p->name, run.all.only) == 0) {
            return !p->pid;
        }
    }
    return false;
}

/* hub_extra: starts the programs, then moves their output; stops the hub when all is done. */
static void run_serve(void *ctx, struct hub *hub, uint64_t now_us)
{
    struct run_programs *all = &run.all;
    (void)ctx;
    run.now_us = now_us;
    if (!run.hub) {
        run.hub = hub;
        int err = programs_start(all, run.socket.spec, run.options.virtual_clock);
        if (err) {
            fprintf(stderr, "woad run: %s\n", strerror(-err));
            all->status = 1;
        }
    }
    programs_read(all, now_us);
    run_signals();
    output_flush(&all->out);
    output_look(&all->out);
    run.options.expect = (unsigned)all->running; /* one that has ended joins no clock */
    if (now_us >= run.until_us && run.options.virtual_clock) {
        run_await_status(now_us);
    }
    if (run.signalled || all->status || !all->running || run_only_has_ended() || all->out.closed ||
        now_us >= run.until_us) {
        run.stop = 1;
    }
}

/* hub_extra: the air's time at which run_serve() is to be called again. */
static uint64_t run_next(void *ctx)
{
    (void)ctx;
    return run.until_us;
}

/* --- the command line ----------------------------------------------------------------------------
 */

/* Prints --help; returns the exit status. */
static int help(void)
{
    printf(
        "usage: woad run [OPTION…] PROGRAM [ARGUMENT…] [-- PROGRAM [ARGUMENT…]]…\n"
        "\n"
        "Runs programs on a simulated radio of their own, and prints their output with the air's\n"
        "time and their names.  A file that ends in .py is run by MicroPython: the one that\n"
        "MICROPYTHON_PROGRAM names, or beside this program, or in PATH.  Others are commands.\n"
        "Ends when all have ended, with status 0; or when one fails, with its status, and ends\n"
        "the others.  Names of programs are the names of their files, and their WOAD_NAME.\n\n"
        "  --until S   end after S seconds of the air's time, with status 0\n"
        "  --name A,B… names of the programs\n"
        "  --stdin A   this program reads standard input; the others read nothing\n"
        "  --only A    print the lines of this program alone, as they are, and end with it\n"
        "  --quiet     print no line when programs connect and leave\n" AIR_OPTIONS_HELP "\n"
        "Examples:\n"
        "  woad run sensor.py -- monitor.py\n"
        "  woad run --clock virtual --until 3600 sensor.py -- gateway.py\n"
        "  woad run --name a,b --pcap air.pcap ./peripheral -- woad gatt battery\n");
    return 0;
}

/* --until.  0; -1: wrong, and the message is printed. */
static int until(const char *text)
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end || !(seconds > 0 && seconds < 1e9)) {
        fprintf(stderr, "woad run: --until: seconds, more than 0\n");
        return -1;
    }
    run.until_us = (uint64_t)(seconds * SECOND_US);
    return 0;
}

/* 0; 1: --help; -1: wrong, and the message is printed. */
static int options(int argc, char **argv, struct hub_options *o)
{
    static const struct option known[] = { AIR_OPTIONS,
                                           { "until", required_argument, NULL, 'u' },
                                           { "name", required_argument, NULL, 'n' },
                                           { "only", required_argument, NULL, 'o' },
                                           { "stdin", required_argument, NULL, 'i' },
                                           { NULL, 0, NULL, 0 } };
    int c, err = 0;
    while (!err && (c = getopt_long(argc, argv, "+h", known, NULL)) != -1) {
        switch (c) {
        case 'u': err = until(optarg); break;
        case 'n': run.names = optarg; break;
        case 'i': run.stdin_name = optarg; break;
        case 'o': run.all.only = optarg; break;
        default: err = air_option("run", c, air_option_argument(c, argc, argv), o);
        }
    }
    return err;
}

/* One of the first `programs` has this name. */
static bool is_taken(const char *name, size_t programs)
{
    for (size_t i = 0; i < programs; i++) {
        if (strcmp(run.all.program[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Names the program by `len` octets of text; the second of a name gets a 2. */
static void name_program(struct run_program *p, size_t index, const char *text, size_t len)
{
    enum { NUMBER = 4 }; /* octets that a number and its space take */
    char name[RUN_NAME_MAX - NUMBER];
    if (len >= sizeof name) {
        len = sizeof name - 1;
    }
    name[text_clean(name, text, len)] = '\0';
    snprintf(p->name, sizeof p->name, "%s", name);
    for (unsigned n = 2; is_taken(p->name, index); n++) {
        snprintf(p->name, sizeof p->name, "%s %u", name, n);
    }
}

/* Adds a program; its own name is that of its file. */
static void add_program(char **argv, size_t argc)
{
    struct run_program *p = &run.all.program[run.all.programs];
    const char *file = strrchr(argv[0], '/');
    *p = (struct run_program){ .fd = -1, .paint = (unsigned)run.all.programs + 1 };
    file = file ? file + 1 : argv[0];
    size_t len = strlen(file), own = 0;
    if (run.names) {
        own = strcspn(run.names, ",");
    }
    if (own) {
        name_program(p, run.all.programs, run.names, own);
    } else {
        name_program(p, run.all.programs, file, run_is_python(file) ? len - 3 : len);
    }
    if (run.names) {
        run.names = run.names[own] ? run.names + own + 1 : NULL;
    }
    p->argv = run_argv(argv, argc);
    if (!p->argv) {
        exit(1);
    }
    run.all.programs++;
}

/* Splits the arguments at each `--`.  0, or an exit status. */
static int add_programs(int argc, char **argv)
{
    static struct run_program program[PROGRAMS_MAX];
    run.all.program = program;
    for (int begin = 0, i = 0; i <= argc; i++) {
        if (i < argc && strcmp(argv[i], "--") != 0) {
            continue;
        }
        if (i == begin || !*argv[begin] || run.all.programs == PROGRAMS_MAX) {
            fprintf(stderr, "woad run: 1 to %d programs, with -- between them\n", PROGRAMS_MAX);
            return STATUS_USAGE;
        }
        add_program(argv + begin, (size_t)(i - begin));
        begin = i + 1;
    }
    if (run.names) {
        fprintf(stderr, "woad run: --name: more names than programs\n");
        return STATUS_USAGE;
    }
    return 0;
}

/* Without a terminal all programs have process groups of their own; with it the one that reads from
 * it stays in the terminal's foreground.  0, or an exit status. */
static int choose_stdin(void)
{
    bool found = !run.stdin_name;
    for (size_t i = 0; i < run.all.programs; i++) {
        struct run_program *p = &run.all.program[i];
        p->takes_stdin = run.stdin_name && strcmp(p->name, run.stdin_name) == 0;
        p->own_group = !p->takes_stdin || !isatty(STDIN_FILENO);
        found = found || p->takes_stdin;
        unsigned width = (unsigned)strlen(p->name);
        if (width > run.all.out.name_width) {
            run.all.out.name_width = width;
        }
    }
    if (!found) {
        fprintf(stderr, "woad run: --stdin: there is no program \"%s\"\n", run.stdin_name);
        return STATUS_USAGE;
    }
    if (run.all.only && !is_taken(run.all.only, run.all.programs)) {
        fprintf(stderr, "woad run: --only: there is no program \"%s\"\n", run.all.only);
        return STATUS_USAGE;
    }
    return 0;
}

/* --- from the beginning to the end ---------------------------------------------------------------
 */

/* The exit status of all: by a signal, a program that has failed, a closed output, or the hub. */
static int exit_status(int hub_error)
{
    if (run.signalled) {
        return STATUS_SIGNAL + run.signalled;
    }
    if (run.all.status) {
        return run.all.status;
    }
    if (run.all.out.closed) {
        return STATUS_SIGNAL + SIGPIPE;
    }
    return hub_error;
}

/* Runs the air and the programs.  Returns the exit status. */
static int run_all(void)
{
    struct hub_options *o = &run.options;
    struct hub_extra extra[2] = { { run_fds, run_serve, run_next, NULL } };
    struct control *control;
    sigset_t signals;
    run.signals = run_catch_signals("run", &signals);
    if (run.signals < 0 || run_listen("run", &run.socket)) {
        return 1;
    }
    o->listener = &run.socket.listener;
    o->listeners = 1;
    o->extra = extra;
    o->extras = 1;
    o->expect = (unsigned)run.all.programs;
    int status = air_control("run", o, extra + 1, &control), err = 0;
    if (!status) {
        err = hub_run(o, &run.stop);
    }
    run.hub = NULL;
    programs_end(&run.all, run.now_us);
    air_control_close(control);
    transport_unlisten(&run.socket.listener);
    guard_end(); /* it removes the folder, too */
    if (!status) {
        status = exit_status(err ? 1 : 0);
    }
    sigprocmask(SIG_UNBLOCK, &signals, NULL); /* a second one ends it even while it prints */
    output_finish(&run.all.out);
    if (err) {
        air_failed("run", o, err);
    }
    return status;
}

/* Parses the command line: options, and the programs. */
int tool_run(int argc, char **argv)
{
    run.options =
        (struct hub_options){ .seed = 1, .name_logs = true, .log = log_line, .warn = log_line };
    run.until_us = UINT64_MAX;
    int what = options(argc, argv, &run.options);
    if (what > 0) {
        return help();
    }
    if (what < 0) {
        return STATUS_USAGE;
    }
    run.all.command = "run";
    run.all.out = (struct run_output){ .fd = STDOUT_FILENO,
                                       .colors = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
                                       .name_width = 3 };
    what = add_programs(argc - optind, argv + optind);
    if (!what) {
        what = choose_stdin();
    }
    if (!what) {
        what = run_all();
    }
    return what;
}
