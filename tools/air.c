/* `woad air`: parses the command line and runs a hub (hub/hub.h) until a signal. */
#define _GNU_SOURCE
#include "woad_tool.h"

#include <woad/air.h>

#include "../hub/hub.h"
#include "../hub/world_file.h"
#include "../transport/open.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRANSPORTS_MAX = 16 };

/* The signal handler writes to the pipe, which hub_run() polls: no signal is lost before its
 * poll(). */
static volatile int stop;
static int stop_pipe[2];

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

static void log_line(const char *line)
{
    if (can_write(1)) {
        printf("%s\n", line);
        fflush(stdout);
    }
}

static void warn_line(const char *line)
{
    if (can_write(2)) {
        fprintf(stderr, "woad air: %s\n", line);
    }
}

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

static int help(void)
{
    printf(
        "usage: woad air [OPTION…] unix:/path | tcp:port | tcp:host:port | pty | vhci …\n"
        "\n"
        "Simulates a radio.  Every host that connects gets a controller of its own.  `pty` makes\n"
        "a serial line and prints its name; `vhci` gives Linux a controller, and needs root.\n"
        "Add \",h5\" to a name for the three-wire protocol.  To connect a program, set WOAD_HCI,\n"
        "for example WOAD_HCI=unix:/path.\n\n"
        "  --seed N    seed of all random numbers; the same seed and packets repeat a run\n"
        "  --loss N    packets lost at random, per mille\n"
        "  --profile P the kind of controller; --profile list shows all\n"
        "  --world F   file of walls, noise, links and failing controllers: docs/air.md\n"
        "  --speed X   air time as a multiple of the wall clock, 0.01 to 100\n"
        "  --pcap F    capture all packets on the air for Wireshark; overwrites an earlier\n"
        "              capture, but no other file\n"
        "  --btsnoop D log each host's HCI packets in folder D, D/1.btsnoop …; D is made if\n"
        "              need be, and existing logs are appended to\n"
        "  --keys      log keys, and capture encrypted packets decrypted\n"
        "  --quiet     print no line when hosts connect and leave\n");
    return 0;
}

/* Parses a whole number from 0 to `max`; 0 or -1. */
static int number(const char *text, unsigned long long max, unsigned long long *value)
{
    char *end;
    *value = strtoull(text, &end, 0);
    if (end == text || *end || *text == '-' || *value > max) {
        fprintf(stderr, "woad air: \"%s\" is not a number from 0 to %llu\n", text, max);
        return -1;
    }
    return 0;
}

static int profile(const char *name, struct hub_options *o)
{
    struct woad_air_controller_config any;
    const char *one, *what;
    o->profile = name;
    if (woad_air_profile(name, &any)) {
        return 0;
    }
    for (size_t n = 0; (one = woad_air_profile_name(n, &what)) != NULL; n++) {
        fprintf(strcmp(name, "list") ? stderr : stdout, "%-10s %s\n", one, what);
    }
    exit(strcmp(name, "list") ? 2 : 0);
}

static int speed(const char *text, struct hub_options *o)
{
    char *end;
    o->speed = strtod(text, &end);
    if (end != text && !*end && o->speed >= 0.01 && o->speed <= 100) {
        return 0;
    }
    fprintf(stderr, "woad air: the speed is from 0.01 to 100\n");
    return -1;
}

static int world(const char *path, struct hub_options *o)
{
    static struct world_file file;
    char message[WORLD_MESSAGE_MAX];
    o->world = &file;
    if (world_file_load(&file, path, message) == 0) {
        return 0;
    }
    fprintf(stderr, "woad air: %s\n", message);
    return -1;
}

static int folder(const char *path)
{
    struct stat st;
    int err = 0;
    if (mkdir(path, 0777) < 0 && errno != EEXIST) {
        err = errno;
    }
    if (!err && stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        err = ENOTDIR;
    } else if (!err && access(path, W_OK | X_OK) < 0) {
        err = errno;
    }
    if (err) {
        fprintf(stderr, "woad air: %s: %s\n", path, strerror(err));
        return -1;
    }
    return 0;
}

/* 0; 1: --help; -1: wrong, and the message is printed. */
static int option(int c, const char *text, struct hub_options *o)
{
    unsigned long long value = 0;
    int err = 0;
    switch (c) {
    case 'h': return 1;
    case 's':
        err = number(text, UINT64_MAX, &value);
        o->seed = value;
        return err;
    case 'l':
        err = number(text, 1000, &value);
        o->loss_per_mille = (uint16_t)value;
        return err;
    case 'q': o->log = NULL; return 0;
    case 'p': o->pcap = text; return 0;
    case 'k': o->keys = true; return 0;
    case 'P': return profile(text, o);
    case 'b': o->btsnoop = text; return folder(text);
    case 'S': return speed(text, o);
    case 'w': return world(text, o);
    default: return -1;
    }
}

static int options(int argc, char **argv, struct hub_options *o)
{
    static const struct option known[] = { { "help", no_argument, NULL, 'h' },
                                           { "seed", required_argument, NULL, 's' },
                                           { "loss", required_argument, NULL, 'l' },
                                           { "quiet", no_argument, NULL, 'q' },
                                           { "pcap", required_argument, NULL, 'p' },
                                           { "keys", no_argument, NULL, 'k' },
                                           { "profile", required_argument, NULL, 'P' },
                                           { "speed", required_argument, NULL, 'S' },
                                           { "world", required_argument, NULL, 'w' },
                                           { "btsnoop", required_argument, NULL, 'b' },
                                           { NULL, 0, NULL, 0 } };
    int c, err = 0;
    while (!err && (c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        err = option(c, optarg, o);
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

/* Serves all transports until a signal.  Returns the exit status. */
static int run(int specs, char **spec, struct hub_options *o, struct hci_transport *listens,
               struct hci_transport *others)
{
    int what = catch_signals();
    for (int i = 0; i < specs && !what; i++) {
        what = serve(spec[i], o, listens, others);
    }
    o->wake = stop_pipe[0];
    int err = 0;
    if (!what) {
        err = hub_run(o, &stop);
    }
    if (err == -EEXIST) {
        fprintf(stderr, "woad air: %s is something else than a capture; choose another file\n",
                o->pcap);
    } else if (err) {
        fprintf(stderr, "woad air: %s: %s\n", o->pcap ? o->pcap : "the air", strerror(-err));
    }
    for (size_t i = 0; i < o->listeners; i++) {
        transport_unlisten(&listens[i]);
    }
    if (what) {
        return what;
    }
    return err != 0;
}

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
    if (optind == argc) {
        fprintf(stderr, "woad air: nowhere to serve; add unix:/path, tcp:port, pty or vhci\n");
        return 2;
    }
    return run(argc - optind, argv + optind, &o, listens, others);
}
