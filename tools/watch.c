/* `woad watch`: what a simulated radio sends, decoded as it happens.
 *
 * Names of other files:
 *   absolute: of the decoder: times are the recording's own
 *   decode_colours(): whether "always", "never" or "auto" mean colours; false: another word
 *   decode_free(): frees what is known
 *   decode_stream(): prints all packets of a stream; returns the exit status
 *   decoder: what is known of a recording so far, and the packet at hand: decode.h
 *   hci_transport: an open transport: transport.h
 *   json: of the line: JSON, else text
 *   no_argument: of getopt_long(): an option without a value
 *   required_argument: of getopt_long(): an option with a value
 *   several: of the decoder: the recording has several sources
 *   transport_open(): connects to what a name says; 0 or a negative errno
 *   user_air_control(): the name of the socket by which this user's simulated radio is controlled
 *   USER_AIR_CONTROL_MAX: octets of the name that user_air_control() writes */
#define _GNU_SOURCE
#include "decode.h"
#include "woad_tool.h"

#include "../hub/user_air.h"
#include "../transport/open.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* No exit status; between two looks for the radio; octets of its answer. */
enum { RADIO_ENDED = -1, RETRY_MS = 50, ANSWER_MAX = 1200 };

struct watch_options {
    const char *radio; /* "unix:PATH"; NULL: this user's */
    bool air, raw;     /* of --air, --pcapng */
    const char *host;  /* of --hci; NULL: none */
    bool once;         /* ends with the radio */
};

/* The handler ends the stream: the reader sees its end, and nothing is half printed. */
static volatile int stopped;
static volatile int watched_fd = -1;

/* Handler of signals. */
static void on_stop(int n)
{
    int err = errno;
    (void)n;
    stopped = 1;
    if (watched_fd >= 0) {
        shutdown(watched_fd, SHUT_RDWR);
    }
    errno = err;
}

/* Prints --help; returns `status`. */
static int help(FILE *to, int status)
{
    fprintf(
        to,
        "usage: woad watch [OPTION…] [unix:PATH]\n"
        "\n"
        "Prints what is sent, as it is sent: each packet on the air, and each HCI packet of its\n"
        "hosts, a line each, as `woad decode` does.  Without a name it is this user's simulated\n"
        "radio: it waits until a program starts that, and goes on with the next.  unix:PATH is\n"
        "what `woad air --control` or `woad run --control` has; the end of that radio ends it,\n"
        "and so does Ctrl-C.\n"
        "\n"
        "  --air       the air alone\n"
        "  --hci A     HCI alone: of host A, by name or number, or of `all`\n"
        "  --once      end with this user's radio, too\n"
        "  --json      one JSON object a line\n"
        "  --pcapng    no text: a capture on standard output, for Wireshark\n"
        "  --colour W  always, never, or auto (default): on a terminal, unless NO_COLOR is set\n"
        "\n"
        "Examples:\n"
        "  woad watch\n"
        "  woad watch --hci sensor\n"
        "  woad watch --air --json unix:/tmp/control | grep CONNECT_IND\n"
        "  woad watch --pcapng | wireshark -k -i -\n");
    return status;
}

/* Sends the line of control.h.  False: the radio has gone. */
static bool ask(int fd, const struct watch_options *o)
{
    char line[200];
    const char *what = "";
    if (o->host && strcmp(o->host, "all") != 0) {
        snprintf(line, sizeof line, "watch hci \"%s\"\n", o->host);
    } else {
        if (o->host) {
            what = " hci";
        } else if (o->air) {
            what = " air";
        }
        snprintf(line, sizeof line, "watch%s\n", what);
    }
    size_t len = strlen(line);
    return send(fd, line, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Reads the answer's line.  0: packets follow; 1: it is an error, which is printed; RADIO_ENDED. */
static int read_answer(FILE *in)
{
    char answer[ANSWER_MAX];
    if (!fgets(answer, sizeof answer, in)) {
        return RADIO_ENDED;
    }
    if (strncmp(answer, "{\"ok\":true", 10) == 0) {
        return 0;
    }
    char *message = strstr(answer, "\"error\":\"");
    char *end = strrchr(answer, '"');
    if (message && end > message + 9) {
        *end = '\0';
        fprintf(stderr, "woad watch: %s\n", message + 9);
    }
    return 1;
}

/* --pcapng: what comes, to standard output.  Returns the exit status. */
static int copy(FILE *in)
{
    char octets[4096];
    for (;;) {
        ssize_t n = read(fileno(in), octets, sizeof octets);
        if (n <= 0) {
            return 0;
        }
        for (ssize_t at = 0; at < n;) {
            ssize_t put = write(1, octets + at, (size_t)(n - at));
            if (put < 0 && errno != EINTR) {
                fprintf(stderr, "woad watch: standard output: %s\n", strerror(errno));
                return 1;
            }
            at += put > 0 ? put : 0;
        }
    }
}

/* Prints one radio's packets until it ends.  Returns the exit status; RADIO_ENDED: before its
 * answer. */
static int watch_one(int fd, const struct watch_options *o, struct decoder *d)
{
    FILE *in = fdopen(fd, "r");
    if (!in) {
        close(fd);
        return 1;
    }
    if (o->raw) {
        setvbuf(in, NULL, _IONBF, 0); /* copy() reads on from where the answer ends */
    }
    int status = RADIO_ENDED;
    if (ask(fd, o)) {
        status = read_answer(in);
    }
    if (status == 0 && o->raw) {
        status = copy(in);
    } else if (status == 0) {
        status = decode_stream("watch", "the radio", in, d);
    }
    if (stopped) {
        status = 0;
    }
    watched_fd = -1;
    fclose(in);
    decode_free(d);
    return status;
}

/* Connects.  -ENODEV and the like: there is no radio, and `message` says so. */
static int reach(const char *spec, char message[WOAD_PORT_MESSAGE_MAX])
{
    struct hci_transport radio;
    int err = transport_open(spec, &radio, message);
    if (err) {
        return err;
    }
    watched_fd = radio.fd;
    fcntl(radio.fd, F_SETFL, fcntl(radio.fd, F_GETFL) & ~O_NONBLOCK);
    return radio.fd;
}

/* This user's radio: waits for it, and for the next. */
static int watch_user(const struct watch_options *o, struct decoder *d)
{
    char spec[USER_AIR_CONTROL_MAX], message[WOAD_PORT_MESSAGE_MAX];
    bool said = false;
    int status = 0;
    if (user_air_control(spec, message)) {
        fprintf(stderr, "woad watch: %s\n", message);
        return 1;
    }
    while (!stopped && status != 1) {
        int fd = reach(spec, message);
        if (fd >= 0) {
            status = watch_one(fd, o, d);
            if (o->once && status != RADIO_ENDED) {
                break;
            }
            said = said && status == RADIO_ENDED;
        } else {
            if (!said && !o->once) {
                fprintf(stderr, "woad watch: no program uses this user's radio yet; waiting\n");
            }
            said = true;
            poll(NULL, 0, RETRY_MS);
        }
    }
    return status == 1;
}

/* The radio that the command line names, or this user's. */
static int watch_named(const struct watch_options *o, struct decoder *d)
{
    char message[WOAD_PORT_MESSAGE_MAX];
    int fd = reach(o->radio, message);
    if (fd < 0) {
        fprintf(stderr, "woad watch: %s\n", message);
        return 1;
    }
    int status = watch_one(fd, o, d);
    if (status == RADIO_ENDED) {
        fprintf(stderr, "woad watch: the radio has closed the connection\n");
        return 1;
    }
    return status;
}

/* 0; 1: --help; -1: wrong, and the message is printed. */
static int options(int argc, char **argv, struct watch_options *o, struct decoder *d)
{
    static const struct option known[] = { { "air", no_argument, NULL, 'a' },
                                           { "hci", required_argument, NULL, 'H' },
                                           { "once", no_argument, NULL, '1' },
                                           { "json", no_argument, NULL, 'j' },
                                           { "pcapng", no_argument, NULL, 'p' },
                                           { "colour", required_argument, NULL, 'c' },
                                           { "color", required_argument, NULL, 'c' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    const char *colour = NULL;
    int c;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (c) {
        case 'a': o->air = true; break;
        case 'H': o->host = optarg; break;
        case '1': o->once = true; break;
        case 'j': d->line.json = true; break;
        case 'p': o->raw = true; break;
        case 'c': colour = optarg; break;
        case 'h': return 1;
        default: return -1;
        }
    }
    const char *wrong = NULL;
    if (!decode_colours(colour, &d->line.colour)) {
        wrong = "--colour is always, never or auto";
    } else if (o->air && o->host) {
        wrong = "--air or --hci; without them it is both";
    } else if (o->raw && d->line.json) {
        wrong = "--json or --pcapng";
    } else if (o->host && (strpbrk(o->host, "\"\n") || strlen(o->host) > 100 || !*o->host)) {
        wrong = "--hci needs a host's name or number, or all";
    }
    d->line.colour = d->line.colour && !d->line.json;
    if (wrong) {
        fprintf(stderr, "woad watch: %s\n", wrong);
        return -1;
    }
    return 0;
}

/* Parses the command line, and decodes until a signal. */
int tool_watch(int argc, char **argv)
{
    struct decoder d = {
        .line = { .out = stdout }, .several = true, .absolute = true, .stopped = &stopped
    };
    struct watch_options o = { 0 };
    struct sigaction sa = { .sa_handler = on_stop };
    int what = options(argc, argv, &o, &d);
    if (what > 0) {
        return help(stdout, 0);
    }
    if (what < 0) {
        return 2;
    }
    if (optind < argc) {
        o.radio = argv[optind++];
    }
    if (optind < argc || (o.radio && strncmp(o.radio, "unix:", 5) != 0)) {
        return help(stderr, 2);
    }
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    int status;
    if (o.radio) {
        status = watch_named(&o, &d);
    } else {
        status = watch_user(&o, &d);
    }
    decode_free(&d);
    return status;
}
