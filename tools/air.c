/* `woad air`: parses the command line and runs a hub (hub/hub.h) until a signal.
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
 *   hci_transport: an open transport: transport.h
 *   hub_extra: functions that the hub calls in its loop: hub.h
 *   hub_options: what the air is to be like: hub.h
 *   hub_run(): serves hosts until stop is set, or as exit_when_empty says
 *   LISTEN_NAME_MAX: octets of a listening transport's name, its 0 included
 *   transport_listen(): listens at a name, or makes what is one host's already
 *   transport_unlisten(): closes the socket and removes its path */
#define _GNU_SOURCE
#include "air_options.h"
#include "web.h"
#include "woad_tool.h"

#include "../hub/user_air.h"
#include "../transport/open.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TRANSPORTS_MAX = 16 }; /* of either sort: that listen, and that are one host's */

/* The signal handler writes to the pipe, which hub_run() polls: no signal is lost before its
 * poll(). */
static volatile int stop;
static int stop_pipe[2];

/* Handler of signals: hub_run() is to return. */
static void on_stop(int n)
{
    int err = errno;
    (void)n;
    stop = 1;
    (void)!write(stop_pipe[1], "", 1);
    errno = err;
}

/* A stopped terminal or reader must not stop the air: without room the line is dropped. */
static bool can_write(int fd)
{
    struct pollfd p = { fd, POLLOUT, 0 };
    return poll(&p, 1, 0) > 0;
}

/* hub_options.log: on standard output. */
static void log_line(const char *line)
{
    if (can_write(1)) {
        printf("%s\n", line);
        fflush(stdout);
    }
}

/* hub_options.warn: on standard error. */
static void warn_line(const char *line)
{
    if (can_write(2)) {
        fprintf(stderr, "woad air: %s\n", line);
    }
}

/* Opens the pipe, and lets SIGINT, SIGTERM and SIGHUP stop the air.  0, or the exit status. */
static int catch_signals(void)
{
    struct sigaction sa = { .sa_handler = on_stop }, was;
    if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        fprintf(stderr, "woad air: %s\n", strerror(errno));
        return 1;
    }
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    if (sigaction(SIGHUP, NULL, &was) == 0 && was.sa_handler != SIG_IGN) {
        sigaction(SIGHUP, &sa, NULL); /* not under nohup */
    }
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

/* Prints --help; returns the exit status. */
static int help(void)
{
    printf(
        "usage: woad air [OPTION…] unix:/path | tcp:port | tcp:host:port | pty | vhci …\n"
        "\n"
        "Simulates a radio.  Every host that connects gets a controller of its own.  `pty` makes\n"
        "a serial line and prints its name; `vhci` gives Linux a controller, and needs root.\n"
        "Add \",h5\" to a name for the three-wire protocol.  To connect a program, set WOAD_HCI,\n"
        "for example WOAD_HCI=unix:/path.  With --web and no name it serves this user's radio,\n"
        "which programs use that have no WOAD_HCI.\n\n" AIR_OPTIONS_HELP
        "  --quiet     print no line when hosts connect and leave\n"
        "\n"
        "Examples:\n"
        "  woad air --web\n"
        "  woad air unix:/tmp/air --pcap air.pcap\n"
        "  woad air tcp:127.0.0.1:7000 pty,h5 --world walls.txt --loss 50\n");
    return 0;
}

/* 0; 1: --help; -1: wrong, and the message is printed. */
static int options(int argc, char **argv, struct hub_options *o)
{
    static const struct option known[] = { AIR_OPTIONS, { NULL, 0, NULL, 0 } };
    int c, err = 0;
    while (!err && (c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        err = air_option("air", c, air_option_argument(c, argc, argv), o);
    }
    return err;
}

/* Opens one transport.  0, or an exit status. */
static int serve(const char *spec, struct hub_options *o, struct hci_transport *listens,
                 struct hci_transport *others)
{
    char message[WOAD_PORT_MESSAGE_MAX], name[LISTEN_NAME_MAX];
    struct hci_transport transport;
    bool listening;
    if (o->listeners == TRANSPORTS_MAX || o->attachments == TRANSPORTS_MAX) {
        fprintf(stderr, "woad air: at most 16 transports\n");
        return 2;
    }
    if (transport_listen(spec, &transport, &listening, name, message)) {
        fprintf(stderr, "woad air: %s\n", message);
        return 1;
    }
    if (listening) {
        listens[o->listeners++] = transport;
        fprintf(stderr, "serving %s\n", name);
    } else {
        others[o->attachments++] = transport;
        printf("%s\n", name); /* scripts read this name */
        fflush(stdout);
    }
    return 0;
}

/* Serves in the place of this user's radio, which programs find without WOAD_HCI.  0, or an exit
 * status. */
static int serve_user(struct hub_options *o, struct hci_transport *listens)
{
    static char control[USER_AIR_CONTROL_MAX];
    char message[WOAD_PORT_MESSAGE_MAX];
    int err = user_air_take(&listens[0], control, message);
    if (err == -EADDRINUSE) {
        fprintf(stderr, "woad air: this user's radio runs already; end its programs first, or "
                        "serve another: woad air --web unix:/path\n");
        return 1;
    }
    if (err) {
        fprintf(stderr, "woad air: %s\n", message);
        return 1;
    }
    o->listeners = 1;
    air_control_default(control);
    fprintf(stderr, "serving this user's radio, for programs without WOAD_HCI\n");
    return 0;
}

/* Serves all transports, or with none this user's radio, until a signal.  Returns the exit status.
 */
static int run(int specs, char **spec, struct hub_options *o, struct hci_transport *listens,
               struct hci_transport *others)
{
    int what = catch_signals();
    if (specs == 0 && !what) {
        what = serve_user(o, listens);
    }
    for (int i = 0; i < specs && !what; i++) {
        what = serve(spec[i], o, listens, others);
    }
    struct hub_extra extra[1];
    struct control *control = NULL;
    if (!what) {
        what = air_control("air", o, extra, &control);
    }
    o->extra = extra;
    o->wake = stop_pipe[0];
    int err = 0;
    if (!what) {
        err = hub_run(o, &stop);
    }
    if (err) {
        err = air_failed("air", o, err);
    }
    air_control_close(control);
    for (size_t i = 0; i < o->listeners; i++) {
        transport_unlisten(&listens[i]);
    }
    if (what) {
        return what;
    }
    return err;
}

/* Parses the command line: options, and the transports to serve. */
int tool_air(int argc, char **argv)
{
    struct hci_transport listens[TRANSPORTS_MAX], others[TRANSPORTS_MAX];
    struct hub_options o = {
        .listener = listens, .attachment = others, .seed = 1, .log = log_line, .warn = warn_line
    };
    int what = options(argc, argv, &o);
    if (what) {
        if (what > 0) {
            return help();
        }
        return 2;
    }
    if (optind == argc && !web_is_wanted()) {
        fprintf(stderr, "woad air: nowhere to serve; add unix:/path, tcp:port, pty or vhci\n");
        return 2;
    }
    return run(argc - optind, argv + optind, &o, listens, others);
}
