/* The options of an air, which `woad air` and `woad run` have alike. */
#ifndef WOAD_AIR_OPTIONS_H
#define WOAD_AIR_OPTIONS_H

#include "../hub/control.h"
#include "../hub/hub.h"

#include <getopt.h>

/* For getopt_long().  Their letters, and 'h', are air_option()'s. */
#define AIR_OPTIONS \
    { "help", no_argument, NULL, 'h' }, { "seed", required_argument, NULL, 's' }, \
        { "loss", required_argument, NULL, 'l' }, { "quiet", no_argument, NULL, 'q' }, \
        { "pcap", required_argument, NULL, 'p' }, { "keys", no_argument, NULL, 'k' }, \
        { "profile", required_argument, NULL, 'P' }, { "speed", required_argument, NULL, 'S' }, \
        { "world", required_argument, NULL, 'w' }, { "btsnoop", required_argument, NULL, 'b' }, \
        { "clock", required_argument, NULL, 'c' }, { "control", required_argument, NULL, 'C' }, \
        { "web", optional_argument, NULL, 'W' }, \
    { \
        "patience", required_argument, NULL, 't' \
    }

/* Their lines of --help. */
#define AIR_OPTIONS_HELP \
    "  --seed N    seed of all random numbers; the same seed and packets repeat a run\n" \
    "  --loss N    packets lost at random, per mille\n" \
    "  --profile P the kind of controller; --profile list shows all\n" \
    "  --world F   file of walls, noise, links and failing controllers: docs/air.md\n" \
    "  --clock C   wall: the air keeps to the wall clock (default); virtual: its time goes on\n" \
    "              as soon as all programs wait\n" \
    "  --patience S  let a program go that is busy for S seconds of the machine's time; 1\n" \
    "  --speed X   air time as a multiple of the wall clock, 0.01 to 100\n" \
    "  --pcap F    capture all packets on the air for Wireshark; overwrites an earlier\n" \
    "              capture, but no other file\n" \
    "  --btsnoop D log each host's HCI packets in folder D; D is made if need be, and\n" \
    "              existing logs are appended to\n" \
    "  --control unix:PATH  let `woad control` change the world and the capture\n" \
    "  --web [P]   show the air in a browser, at port P of 127.0.0.1, or at any that is free;\n" \
    "              the address is printed; --web=ADDRESS:P for another address of this machine\n" \
    "  --keys      log keys, and capture encrypted packets decrypted\n"

/* Applies one option; `command` is for messages ("air").  0; 1: --help; -1: wrong, and the message
 * is printed. */
int air_option(const char *command, int letter, const char *text, struct hub_options *o);
/* What --control names where it is not there; kept until air_control_close(). */
void air_control_default(const char *spec);
/* Opens what --control names and starts the page of --web, if they are there, for
 * air_control_close(); else *control is NULL.  `extra` has room for one more.  0, or an exit
 * status. */
int air_control(const char *command, struct hub_options *o, struct hub_extra *extra,
                struct control **control);
void air_control_close(struct control *control);
/* The argument of an option that may stand in a word of its own; to be called before
 * air_option(). */
const char *air_option_argument(int letter, int argc, char **argv);
/* Prints why hub_run() failed.  Returns the exit status. */
int air_failed(const char *command, const struct hub_options *o, int err);

#endif
