/* The program `woad`: a table of commands, each in a file of its own.
 *
 * Names of other files:
 *   tool_adv(): the sub-command `woad adv`; returns the exit status
 *   tool_air(): the sub-command `woad air`; returns the exit status
 *   tool_bench(): the sub-command `woad bench`; returns the exit status
 *   tool_bonds(): the sub-command `woad bonds`; returns the exit status
 *   tool_control(): the sub-command `woad control`; returns the exit status
 *   tool_decode(): the sub-command `woad decode`; returns the exit status
 *   tool_gatt(): the sub-command `woad gatt`; returns the exit status
 *   tool_info(): the sub-command `woad info`; returns the exit status
 *   tool_l2cap(): the sub-command `woad l2cap`; returns the exit status
 *   tool_pair(): the sub-command `woad pair`; returns the exit status
 *   tool_replay(): the sub-command `woad replay`; returns the exit status
 *   tool_run(): the sub-command `woad run`; returns the exit status
 *   tool_scan(): the sub-command `woad scan`; returns the exit status
 *   tool_serve(): the sub-command `woad serve`; returns the exit status
 *   tool_watch(): the sub-command `woad watch`; returns the exit status */
#define _GNU_SOURCE
#include "woad_tool.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <woad/version.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    { "air", tool_air, "serves a simulated radio on sockets" },
    { "run", tool_run, "runs programs on a simulated radio of their own" },
    { "control", tool_control, "changes a simulated radio while it runs" },
    { "decode", tool_decode, "prints what is in a recording of packets" },
    { "replay", tool_replay, "runs a program with a recording in its controller's place" },
    { "watch", tool_watch, "prints what a simulated radio sends, as it happens" },
    { "scan", tool_scan, "prints the devices that advertise" },
    { "info", tool_info, "prints what a controller can do" },
    { "gatt", tool_gatt, "shows, reads, writes and subscribes to a peer's characteristics" },
    { "adv", tool_adv, "advertises a name, services, data" },
    { "pair", tool_pair, "pairs with a peer, and keeps the bond" },
    { "bonds", tool_bonds, "lists and removes bonds" },
    { "l2cap", tool_l2cap, "a pipe through an L2CAP channel" },
    { "bench", tool_bench, "measures connections, writes, notifications, channels" },
    { "serve", tool_serve, "a ready peer: heart rate, battery, beacon, UART, keyboard, bench" },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* Prints the sub-commands; returns the exit status. */
static int usage(FILE *to, int status)
{
    fprintf(to, "usage: woad COMMAND [OPTION…]; woad COMMAND --help says more\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].help);
    }
    return status;
}

/* Opens 0 to 2 if they are closed, so that no file or socket opened later gets their number. */
static bool standard_files(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd < 3) {
        fd = dup(fd);
    }
    return fd >= 0 && close(fd) == 0;
}

/* Calls the sub-command that the first argument names. */
int main(int argc, char **argv)
{
    if (!standard_files()) {
        return 1;
    }
    if (argc < 2) {
        return usage(stderr, 2);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        return usage(stdout, 0);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("woad %s\n", woad_version());
        return 0;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "woad: there is no command \"%s\"\n", argv[1]);
    return usage(stderr, 2);
}
