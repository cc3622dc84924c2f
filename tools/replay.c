/* `woad replay`: a recorded log is a program's controller, and what the program sends is compared.
 *
 * Names of other files:
 *   context: of a report: how many packets are shown before a difference
 *   extra: of a report: packets of the host after the log's end
 *   guard_end(): ends the guard
 *   host_packets: of a replay: packets of the host that came
 *   hub_extra: functions that the hub calls in its loop: hub.h
 *   hub_keeps_time(): whether a process keeps the air's time
 *   hub_options: what the air is to be like: hub.h
 *   hub_run(): serves hosts until stop is set, or as exit_when_empty says
 *   hub_stand_in: functions in the place of the controllers: hub.h
 *   late_us: of a replay: how late a packet of the host may be
 *   matched: of a replay: index of the packet that was compared with last
 *   next_host: of a replay: index of the host's next packet
 *   no_argument: of getopt_long(): an option without a value
 *   output_finish(): writes the rest, and waits for the reader
 *   output_flush(): writes what can be written without blocking
 *   output_waits(): there is something to write
 *   paint: of a program: its place on the command line, from 1: its colour, and its WOAD_SEAT
 *   patience_us: us of the machine's time for which the air stands still for a busy program
 *   programs_end(): ends all programs
 *   programs_fds(): the pipes of the programs, for poll(); returns how many there are
 *   programs_read(): reads what the programs have printed
 *   programs_reap(): collects the programs that have ended
 *   programs_start(): starts all programs; 0 or a negative errno
 *   replay_accept(): the host's next packet has come
 *   replay_compare(): compares a packet of the host with the log's next
 *   replay_connect(): a host has connected
 *   replay_difference: where the host differs: replay.h
 *   replay_due_us(): when the controller's next packet is due
 *   replay_free_input(): frees lines of input
 *   replay_input: a line of standard input: replay.h
 *   replay_is_done(): all packets have been moved
 *   replay_limit_us(): when the host's next packet is late
 *   replay_load(): reads a log; 0, or 1 after a message
 *   replay_load_input(): reads lines of input; NULL after a message
 *   replay_print(): prints the report; returns the exit status
 *   replay_report: what is to be printed: replay.h
 *   replay_take(): the controller's next packet; NULL: none is due
 *   required_argument: of getopt_long(): an option with a value
 *   run_argv(): the words that start a program
 *   run_catch_signals(): a descriptor for the signals that end a program
 *   run_listen(): listens in a new folder; 0, or 1 after a message
 *   run_program: a program of `woad run`: run.h
 *   run_programs: all programs of `woad run`: run.h
 *   run_socket: where programs find their radio: run.h
 *   running: programs that have not ended
 *   takes_stdin: of a program: it reads standard input, else /dev/null
 *   tolerance_us: of a replay: how far the log's order of two directions may be left
 *   transport_unlisten(): closes the socket and removes its path */
#define _GNU_SOURCE
#include "replay.h"
#include "run.h"
#include "woad_tool.h"

#include "../hub/hub.h"

#include <woad/port.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* us; STUCK_S: of the machine's time without any progress; DIFFERENCES_MAX: with --keep-going. */
enum { TOLERANCE_US = 10000, LATE_US = 1000000, PATIENCE_US = 5000000, LAST_WALL_US = 50000 };
enum { STUCK_S = 10, DIFFERENCES_MAX = 1000, CONTEXT = 4, GRACE_MS = 1000, GRACE_STEP_MS = 10 };
enum { STATUS_SIGNAL = 128, STATUS_USAGE = 2 };

static struct replay_run {
    struct replay log;
    struct replay_report report;
    struct run_programs all;
    struct run_program program;
    struct run_socket socket;
    struct hub_options options;
    struct replay_input *input; /* lines of --input; NULL: none */
    size_t next_input;
    int input_fd; /* the pipe that is the program's standard input */
    bool keep_going, quiet;
    bool started, begun, connected;     /* begun: a host has connected */
    int signals, timer;                 /* a signalfd, a timerfd */
    int signalled;                      /* the signal that ends it; 0: none */
    int stop;                           /* hub_run() is to return */
    uint64_t now_us, begun_us, done_us; /* the air's; of the first connection; of the log's end */
    uint64_t looked_us;                 /* now_us at the last look whether anything goes on */
} run;

/* The replay has ended.  The first reason counts. */
static void finish(enum replay_end end)
{
    if (!run.report.end) {
        run.report.end = end;
    }
    run.stop = 1;
}

/* --- the controller ------------------------------------------------------------------------------
 */

/* hub_stand_in: a log is of one radio. */
static void on_attached(void *ctx, uint64_t now_us)
{
    (void)ctx;
    if (run.connected) {
        finish(END_TWO_RADIOS);
        return;
    }
    if (!run.begun) {
        run.begun = true;
        run.begun_us = now_us;
    }
    run.connected = true;
    replay_connect(&run.log, now_us);
}

static void on_left(void *ctx)
{
    (void)ctx;
    run.connected = false;
}

/* Keeps where the host differs.  True: there may be more. */
static bool note_difference(enum replay_verdict verdict, uint64_t now_us, size_t offset,
                            const uint8_t *packet, size_t len)
{
    struct replay_report *r = &run.report;
    struct replay_difference *more = realloc(r->difference, (r->differences + 1) * sizeof *more);
    if (!more) {
        return false;
    }
    r->difference = more;
    more += r->differences++;
    *more = (struct replay_difference){ .verdict = verdict,
                                        .index = run.log.matched,
                                        .us = now_us - run.log.shift_us,
                                        .offset = offset,
                                        .len = len < REPLAY_PACKET_MAX ? len : REPLAY_PACKET_MAX };
    memcpy(more->octets, packet, more->len);
    return run.keep_going && r->differences < DIFFERENCES_MAX;
}

/* hub_stand_in: a packet of the program. */
static void on_packet(void *ctx, uint64_t now_us, const uint8_t *packet, size_t len)
{
    size_t offset = 0;
    (void)ctx;
    if (run.report.end && !run.done_us) {
        return; /* it ends already */
    }
    enum replay_verdict verdict = replay_compare(&run.log, packet, len, &offset);
    if (verdict == REPLAY_AFTER_END) {
        run.report.extra++;
        return;
    }
    if (verdict != REPLAY_SAME && !note_difference(verdict, now_us, offset, packet, len)) {
        finish(END_DIFFERS);
        return;
    }
    replay_accept(&run.log, now_us);
}

/* hub_stand_in: the next packet for the program. */
static size_t on_room(void *ctx, uint64_t now_us, uint8_t *packet, size_t room)
{
    (void)ctx;
    const struct replay_packet *p = replay_take(&run.log, now_us);
    if (!p || p->len > room) {
        return 0;
    }
    memcpy(packet, p->octets, p->len);
    return p->len;
}

/* --- in the hub's loop ---------------------------------------------------------------------------
 */

/* hub_extra: signals, the timer, the program's output. */
static size_t run_fds(void *ctx, struct pollfd *at, size_t room)
{
    struct pollfd own[3] = { { run.signals, POLLIN, 0 },
                             { run.timer, POLLIN, 0 },
                             { run.all.out.fd, 0, 0 } };
    (void)ctx;
    if (output_waits(&run.all.out)) {
        own[2].events = POLLOUT;
    }
    if (room >= 3) {
        memcpy(at, own, sizeof own);
    }
    size_t left = room > 3 ? room - 3 : 0;
    return 3 + programs_fds(&run.all, at + (room - left), left);
}

/* The air's time of the next line of input; 0: at once; UINT64_MAX: there is none. */
static uint64_t run_input_us(void)
{
    if (!run.input || !run.input[run.next_input].text) {
        return UINT64_MAX;
    }
    double us = run.input[run.next_input].seconds * 1e6;
    if (us <= 0) {
        return 0;
    }
    return run.begun ? run.log.packet[0].us + run.log.shift_us + (uint64_t)us : UINT64_MAX;
}

/* Writes the lines that are due. */
static void run_feed(void)
{
    while (run_input_us() <= run.now_us) {
        const char *text = run.input[run.next_input++].text;
        (void)!write(run.input_fd, text, strlen(text)); /* it may have ended */
    }
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
            run.stop = 1;
        }
    }
}

/* Every STUCK_S: whether a radio was opened, and time goes on. */
static void run_look(void)
{
    uint64_t ticks;
    if (read(run.timer, &ticks, sizeof ticks) != (ssize_t)sizeof ticks) {
        return;
    }
    if (!run.begun) {
        finish(END_NO_RADIO);
    } else if (run.looked_us == run.now_us) {
        finish(END_MISSING);
    }
    run.looked_us = run.now_us;
}

/* The program has ended, its last packets were read, and the log has no more: it need not have had
 * the controller's answer to the last. */
static bool run_is_over(void)
{
    return !run.all.running && !run.connected && run.log.next_host == run.log.packets;
}

/* All packets were moved.  What the program does in the same moment is part of it. */
static void run_done(void)
{
    uint64_t rest_us = run.options.virtual_clock ? 1 : LAST_WALL_US;
    if (!run.done_us && run.begun && (replay_is_done(&run.log) || run_is_over())) {
        run.done_us = run.now_us + rest_us;
        run.report.end = run.report.differences ? END_DIFFERS : END_REPRODUCED;
    }
    if (run.done_us && (run.now_us >= run.done_us || !run.all.running)) {
        run.stop = 1;
    }
}

/* hub_extra: starts the program, then looks whether it is the end. */
static void run_serve(void *ctx, struct hub *hub, uint64_t now_us)
{
    (void)ctx;
    (void)hub;
    run.now_us = now_us;
    if (!run.started) {
        run.started = true;
        int err = programs_start(&run.all, run.socket.spec, run.options.virtual_clock);
        if (err) {
            snprintf(run.report.why, sizeof run.report.why, "%s", strerror(-err));
            finish(END_PROGRAM);
        }
    }
    run_feed();
    programs_read(&run.all, now_us);
    run_signals();
    output_flush(&run.all.out);
    run_done();
    run_look();
    if (!run.done_us && !run.all.running && !run.connected) {
        finish(END_PROGRAM);
    } else if (!run.done_us && run.begun && now_us >= replay_limit_us(&run.log)) {
        finish(END_MISSING);
    }
}

/* hub_extra: the air's time of the next packet, or of the end. */
static uint64_t run_next(void *ctx)
{
    uint64_t next = UINT64_MAX;
    (void)ctx;
    if (run.done_us) {
        return run.done_us;
    }
    if (run.begun) {
        next = replay_limit_us(&run.log);
    }
    if (run.connected && replay_due_us(&run.log) < next) {
        next = replay_due_us(&run.log);
    }
    return run_input_us() < next ? run_input_us() : next;
}

/* --- the command line ----------------------------------------------------------------------------
 */

/* Prints --help; returns `status`. */
static int help(FILE *to, int status)
{
    fprintf(
        to,
        "usage: woad replay [OPTION…] FILE -- PROGRAM [ARGUMENT…]\n"
        "\n"
        "Runs a program with a recorded log of HCI in the place of its controller: it gets the\n"
        "recorded packets of the controller at their times, and what it sends is compared with\n"
        "what was recorded, octet for octet.  At the first difference both packets are printed,\n"
        "with those before, and the status is 1; it is 0 when all is reproduced.  FILE is a log\n"
        "of WOAD_BTSNOOP, of `woad run --btsnoop`, or any that `woad decode` reads.  A PROGRAM\n"
        "that ends in .py is run by MicroPython.  It keeps virtual time, as under `woad run\n"
        "--clock virtual`, needs the arguments and the stored bonds that it\n"
        "had when the log was written.\n"
        "\n"
        "  --seed N     seed of its random numbers: the --seed of `woad run`; 1\n"
        "  --seat N     its place on the command line of `woad run`; 1\n"
        "  --tolerance MS  a packet of the program may come before packets of the controller\n"
        "               that the log has at most so long before it; 10\n"
        "  --late S     how late a packet of the program may be; 1\n"
        "  --keep-going go on after a difference: the packet counts as the recorded one\n"
        "  --context N  packets to be printed before a difference; 4\n"
        "  --clock C    virtual (default), or wall: for programs that do not keep the air's time\n"
        "  --input F    lines of its standard input, each with the seconds since the log's first\n"
        "               packet and a blank in front; with --clock wall\n"
        "  --patience S let the program go that is busy for S seconds of the machine's time; 5\n"
        "  --quiet      do not print what the program prints\n"
        "  --json       the packets and the result as JSON objects, one a line; what the program\n"
        "               prints goes to standard error\n"
        "\n"
        "Ends with 1 also when the program ends before the log does, or does not send what is\n"
        "recorded, and when the log is cut or spoilt: what there is before that is replayed.\n"
        "\n"
        "Examples:\n"
        "  woad replay logs/sensor.btsnoop -- sensor.py\n"
        "  woad replay --seat 2 logs/monitor.btsnoop -- monitor.py\n"
        "  woad run --clock virtual --btsnoop logs sensor.py -- monitor.py     # writes these two\n"
        "  WOAD_BTSNOOP=field.btsnoop WOAD_HCI=usb ./lock; woad replay field.btsnoop -- ./lock\n");
    return status;
}

/* A number of an option, from 0 to `max`; -1 after a message. */
static double number(const char *option, const char *text, double max)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && !*end && value >= 0 && value <= max) {
        return value;
    }
    fprintf(stderr, "woad replay: --%s: a number from 0 to %.0f\n", option, max);
    return -1;
}

/* --seed.  0 or -1. */
static int seed(const char *text)
{
    char *end;
    run.options.seed = strtoull(text, &end, 0);
    if (end != text && !*end && *text != '-') {
        return 0;
    }
    fprintf(stderr, "woad replay: --seed: a number\n");
    return -1;
}

/* --clock.  0 or -1. */
static int clock_kind(const char *text)
{
    run.options.virtual_clock = strcmp(text, "virtual") == 0;
    if (run.options.virtual_clock || strcmp(text, "wall") == 0) {
        return 0;
    }
    fprintf(stderr, "woad replay: the clock is wall or virtual\n");
    return -1;
}

/* An option with a number.  0 or -1. */
static int number_option(int letter, const char *text)
{
    enum { MS = 1000, S = 1000000, DAY_S = 86400, SEATS = 65535, MANY = 1000 };
    double value;
    switch (letter) {
    case 't':
        value = number("tolerance", text, DAY_S * (double)MS);
        run.log.tolerance_us = value < 0 ? 0 : (uint64_t)(value * MS);
        break;
    case 'l':
        value = number("late", text, DAY_S);
        run.log.late_us = value < 0 ? 0 : (uint64_t)(value * S);
        break;
    case 'p':
        value = number("patience", text, DAY_S);
        run.options.patience_us = value < 0 ? 0 : (uint64_t)(value * S);
        break;
    case 'S':
        value = number("seat", text, SEATS);
        run.program.paint = value < 0 ? 0 : (unsigned)value;
        break;
    default:
        value = number("context", text, MANY);
        run.report.context = value < 0 ? 0 : (unsigned)value;
    }
    return value < 0 ? -1 : 0;
}

/* --input: the read end of a pipe becomes standard input.  0 or -1. */
static int open_input(const char *path)
{
    int ends[2];
    if (run.options.virtual_clock) {
        fprintf(stderr,
                "woad replay: --input needs --clock wall: who waits for input has no time\n");
        return -1;
    }
    run.input = replay_load_input(path);
    if (!run.input || pipe2(ends, O_CLOEXEC) < 0) {
        return -1;
    }
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    run.input_fd = ends[1];
    run.program.takes_stdin = true;
    return 0;
}

/* 0; 1: --help; -1: wrong, and the message is printed. */
static int options(int argc, char **argv)
{
    static const struct option known[] = { { "seed", required_argument, NULL, 's' },
                                           { "seat", required_argument, NULL, 'S' },
                                           { "tolerance", required_argument, NULL, 't' },
                                           { "late", required_argument, NULL, 'l' },
                                           { "keep-going", no_argument, NULL, 'k' },
                                           { "context", required_argument, NULL, 'n' },
                                           { "clock", required_argument, NULL, 'c' },
                                           { "patience", required_argument, NULL, 'p' },
                                           { "input", required_argument, NULL, 'i' },
                                           { "quiet", no_argument, NULL, 'q' },
                                           { "json", no_argument, NULL, 'j' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    const char *input = NULL;
    int c, err = 0;
    while (!err && (c = getopt_long(argc, argv, "+h", known, NULL)) != -1) {
        switch (c) {
        case 'h': return 1;
        case 'k': run.keep_going = true; break;
        case 'q': run.quiet = true; break;
        case 'j': run.report.json = true; break;
        case 'i': input = optarg; break;
        case 's': err = seed(optarg); break;
        case 'c': err = clock_kind(optarg); break;
        case '?': err = -1; break;
        default: err = number_option(c, optarg);
        }
    }
    return !err && input ? open_input(input) : err;
}

/* FILE -- PROGRAM ARGUMENT….  0, or an exit status after a message. */
static int words(int argc, char **argv)
{
    int at = optind + 1;
    if (optind >= argc) {
        return help(stderr, STATUS_USAGE);
    }
    if (at < argc && strcmp(argv[at], "--") == 0) {
        at++;
    }
    if (at >= argc) {
        fprintf(stderr,
                "woad replay: which program wrote %s?  woad replay %s -- PROGRAM "
                "[ARGUMENT…]: the log has what the controller sent, but not what the "
                "program wanted\n",
                argv[optind], argv[optind]);
        return STATUS_USAGE;
    }
    const char *file = strrchr(argv[at], '/');
    snprintf(run.program.name, sizeof run.program.name, "%s", file ? file + 1 : argv[at]);
    run.program.argv = run_argv(argv + at, (size_t)(argc - at));
    return run.program.argv ? 0 : 1;
}

/* --- from the beginning to the end ---------------------------------------------------------------
 */

/* The reasons that the log's packets do not show. */
static void explain(void)
{
    struct replay_report *r = &run.report;
    const char *text = "";
    switch (r->end) {
    case END_MISSING:
        text = "the program did not send the recorded packet: does it wait for input, or for "
               "another program?";
        break;
    case END_PROGRAM: text = "the program has ended before the log"; break;
    case END_NO_RADIO:
        text = "the program has opened no radio; it has to use the one that WOAD_HCI names, and to "
               "keep the air's time, or --clock wall";
        break;
    case END_TWO_RADIOS:
        text = "the program has opened a second radio beside the first, and a log is of one";
        break;
    default: break;
    }
    if (!r->why[0]) {
        snprintf(r->why, sizeof r->why, "%s", text);
    }
}

/* A program that has left the clock ends by itself, and prints what it has to: waits for it. */
static void await_program(void)
{
    uint32_t start = woad_port_now_ms();
    while (run.report.end == END_REPRODUCED && run.all.running && !run.connected &&
           woad_port_now_ms() - start < GRACE_MS) {
        struct pollfd signals = { run.signals, POLLIN, 0 };
        poll(&signals, 1, GRACE_STEP_MS);
        programs_read(&run.all, run.now_us);
        run_signals();
    }
}

/* Runs the hub and the program.  The exit status, or -1: the report has it. */
static int run_all(void)
{
    struct hub_options *o = &run.options;
    const struct hub_extra extra = { run_fds, run_serve, run_next, NULL };
    const struct hub_stand_in stand_in = { on_attached, on_left, on_packet, on_room, NULL };
    const struct itimerspec every = { { STUCK_S, 0 }, { STUCK_S, 0 } };
    sigset_t signals;
    run.signals = run_catch_signals("replay", &signals);
    run.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (run.signals < 0 || run.timer < 0 || run_listen("replay", &run.socket)) {
        return 1;
    }
    timerfd_settime(run.timer, 0, &every, NULL);
    o->listener = &run.socket.listener;
    o->listeners = o->extras = o->expect = 1;
    o->extra = &extra;
    o->stand_in = &stand_in;
    int err = hub_run(o, &run.stop);
    await_program();
    run.all.out.closed = true; /* what it says of the end of its radio is no part of it */
    programs_end(&run.all, run.now_us);
    transport_unlisten(&run.socket.listener);
    guard_end(); /* it removes the folder, too */
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    output_finish(&run.all.out);
    if (run.signalled) {
        return STATUS_SIGNAL + run.signalled;
    }
    if (err) {
        fprintf(stderr, "woad replay: %s\n", strerror(-err));
        return 1;
    }
    return -1;
}

int tool_replay(int argc, char **argv)
{
    run.options =
        (struct hub_options){ .seed = 1, .virtual_clock = true, .patience_us = PATIENCE_US };
    run.log = (struct replay){ .tolerance_us = TOLERANCE_US, .late_us = LATE_US };
    run.report.context = CONTEXT;
    run.program = (struct run_program){ .fd = -1, .paint = 1, .own_group = true };
    int what = options(argc, argv);
    if (what > 0) {
        return help(stdout, 0);
    }
    what = what < 0 ? STATUS_USAGE : words(argc, argv);
    if (!what) {
        what = replay_load(argv[optind], &run.log, &run.report);
    }
    if (what) {
        return what;
    }
    run.all = (struct run_programs){ .command = "replay", .program = &run.program, .programs = 1 };
    run.all.out = (struct run_output){ .fd = run.report.json ? STDERR_FILENO : STDOUT_FILENO,
                                       .closed = run.quiet,
                                       .colors = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
                                       .name_width = 3 };
    int status = run_all();
    run.report.seconds = (double)(run.now_us - run.begun_us) / 1e6;
    if (status < 0) {
        explain();
        status = replay_print(&run.log, &run.report);
    }
    replay_free(&run.log);
    replay_free_input(run.input);
    free(run.report.difference);
    free(run.program.argv);
    return status;
}
