/* `woad decode`: prints what is in a recording, a line for each packet.
 *
 * Names of other files:
 *   decode_free(): frees what is known
 *   decode_packet(): writes the line of a packet
 *   decoder: what is known of a recording so far, and the packet at hand: decode.h
 *   interfaces: sources of packets of a recording
 *   json: of the line: JSON, else text
 *   no_argument: of getopt_long(): an option without a value
 *   recording_device(): the name of the source whose controller has an address; NULL: none
 *   recording_next(): reads a packet; 1, 0: the end, -1: see `message`
 *   recording_open(): reads the header of a recording; -1: see `message`
 *   recording_source(): the name of a source of packets; "": none
 *   required_argument: of getopt_long(): an option with a value
 *   several: of the decoder: the recording has several sources
 *   source: of a record: number of its source
 *   stopped: of the decoder: the stream is cut on purpose */
#define _GNU_SOURCE
#include "decode.h"
#include "woad_tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Prints --help; returns `status`. */
static int help(FILE *to, int status)
{
    fprintf(
        to,
        "usage: woad decode [OPTION…] FILE\n"
        "\n"
        "Prints a line for each packet of a recording: HCI logs (btsnoop, of programs with\n"
        "WOAD_BTSNOOP and of other stacks), captures of the air (`woad air --pcap`), and pcap\n"
        "and pcapng files of Bluetooth LE.  FILE - is standard input.  What arrives through a\n"
        "pipe is printed at once.\n"
        "\n"
        "  --json      one JSON object a line\n"
        "  --colour W  always, never, or auto (default): on a terminal, unless NO_COLOR is set\n"
        "\n"
        "Ends with 1 when the file cannot be read, or is cut or spoilt: what there is before\n"
        "that is printed.  A packet that breaks its format is printed, and marked malformed.\n"
        "\n"
        "Examples:\n"
        "  woad decode build/demo/sensor.btsnoop\n"
        "  woad decode --json air.pcap | grep LL_TERMINATE_IND\n"
        "  mkfifo log; WOAD_BTSNOOP=log program & woad decode log\n");
    return status;
}

/* "auto": on a terminal, unless NO_COLOR is set. */
bool decode_colours(const char *word, bool *colour)
{
    const char *none = getenv("NO_COLOR");
    if (!word || strcmp(word, "auto") == 0) {
        *colour = isatty(1) && (!none || !*none);
        return true;
    }
    *colour = strcmp(word, "always") == 0;
    return *colour || strcmp(word, "never") == 0;
}

/* A message about the recording is printed last: what came before it is decoded. */
int decode_stream(const char *command, const char *name, FILE *in, struct decoder *d)
{
    struct recording *r = malloc(sizeof *r);
    struct record record;
    if (!r) {
        fprintf(stderr, "woad %s: no memory\n", command);
        return 1;
    }
    int got = recording_open(r, in);
    while (got >= 0 && (got = recording_next(r, &record)) > 0) {
        d->several = d->several || r->interfaces > 1;
        d->line.device_name = recording_device;
        d->line.ctx = r;
        decode_packet(d, &record, recording_source(r, record.source));
        if (ferror(d->line.out)) {
            break;
        }
    }
    if (fflush(d->line.out) != 0 || ferror(d->line.out)) {
        fprintf(stderr, "woad %s: standard output: %s\n", command, strerror(errno));
        got = -1;
    } else if (got < 0 && !(d->stopped && *d->stopped)) {
        fprintf(stderr, "woad %s: %s: %s\n", command, name, r->message);
    }
    free(r);
    return got < 0;
}

/* 0; 1: --help; -1: wrong, and the message is printed. */
static int options(int argc, char **argv, struct decoder *d)
{
    static const struct option known[] = { { "json", no_argument, NULL, 'j' },
                                           { "colour", required_argument, NULL, 'c' },
                                           { "color", required_argument, NULL, 'c' },
                                           { "help", no_argument, NULL, 'h' },
                                           { NULL, 0, NULL, 0 } };
    const char *colour = NULL;
    int c;
    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (c) {
        case 'j': d->line.json = true; break;
        case 'c': colour = optarg; break;
        case 'h': return 1;
        default: return -1;
        }
    }
    if (!decode_colours(colour, &d->line.colour)) {
        fprintf(stderr, "woad decode: --colour is always, never or auto\n");
        return -1;
    }
    d->line.colour = d->line.colour && !d->line.json;
    return 0;
}

/* Parses the command line, and opens the recording. */
int tool_decode(int argc, char **argv)
{
    struct decoder d = { .line = { .out = stdout } };
    int what = options(argc, argv, &d);
    if (what) {
        return what > 0 ? help(stdout, 0) : 2;
    }
    if (argc - optind != 1) {
        return help(stderr, 2);
    }
    const char *name = argv[optind];
    FILE *in = stdin;
    if (strcmp(name, "-") != 0) {
        in = fopen(name, "rbe");
    } else {
        name = "standard input";
    }
    if (!in) {
        fprintf(stderr, "woad decode: %s: %s\n", name, strerror(errno));
        return 1;
    }
    struct stat st;
    if (fstat(fileno(in), &st) == 0 && !S_ISREG(st.st_mode)) {
        setvbuf(stdout, NULL, _IOLBF, 0);
    }
    int status = decode_stream("decode", name, in, &d);
    decode_free(&d);
    if (in != stdin) {
        fclose(in);
    }
    return status;
}
