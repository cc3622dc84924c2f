/* `woad control`: sends lines to an air that is controlled (hub/control.h), and prints the answers.
 *
 * Names of other files:
 *   hci_transport: an open transport: transport.h
 *   transport_close(): closes the descriptor, or what `ops` has opened
 *   transport_open(): connects to what a name says; 0 or a negative errno */
#define _GNU_SOURCE
#include "woad_tool.h"

#include "../transport/open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STATUS_USAGE = 2 }; /* exit status: the command line is wrong */

/* Prints --help; returns the exit status. */
static int help(FILE *to)
{
    fprintf(to,
            "usage: woad control unix:PATH [LINE…]\n"
            "\n"
            "Sends lines to `woad air --control unix:PATH` or `woad run --control unix:PATH`, and\n"
            "prints an answer in JSON for each.  Without lines as arguments, those of standard\n"
            "input.  Ends with 1 when an answer is not ok.\n"
            "\n"
            "  list                          the controllers and their connections; the programs\n"
            "  time                          the air's time\n"
            "  wait connected A B [SECONDS]  answers when they are connected\n"
            "  move A X Y                    metres\n"
            "  off A, on A                   nobody hears it, and it hears nobody\n"
            "  loss PER_MILLE                packets lost at random\n"
            "  capture PATH|off              capture all packets from now on\n"
            "  watch [air | hci [A]]         what `woad watch` uses: the answer is a capture\n"
            "\n"
            "and all lines of a world file: docs/air.md.  A, B: a program's name or its number.\n"
            "\n"
            "Examples:\n"
            "  woad control unix:/tmp/control list\n"
            "  woad control unix:/tmp/control \"move sensor 12.5 0\" \"loss 100\"\n");
    return to == stdout ? 0 : STATUS_USAGE;
}

/* Sends all of it.  False: the air has gone. */
static bool send_all(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    return true;
}

/* Sends a line, and prints its answer.  0; 1: it is not ok; -1: there is none. */
static int ask(int fd, FILE *answers, const char *line)
{
    char *answer = NULL;
    size_t room = 0;
    if (!send_all(fd, line, strcspn(line, "\n")) || !send_all(fd, "\n", 1)) {
        return -1;
    }
    ssize_t len = getline(&answer, &room, answers);
    int result = -1;
    if (len > 0) {
        result = strncmp(answer, "{\"ok\":true", 10) != 0;
        fwrite(answer, 1, (size_t)len, stdout);
        fflush(stdout);
    }
    free(answer);
    return result;
}

/* Sends each line of standard input.  Returns as ask() does. */
static int ask_input(int fd, FILE *answers)
{
    char *line = NULL;
    size_t room = 0;
    int status = 0, result = 0;
    while (result >= 0 && getline(&line, &room, stdin) > 0) {
        result = ask(fd, answers, line);
        status |= result;
    }
    free(line);
    if (result < 0) {
        return -1;
    }
    return status;
}

/* Connects to the air, and sends the lines. */
int tool_control(int argc, char **argv)
{
    char message[WOAD_PORT_MESSAGE_MAX];
    struct hci_transport air;
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        return help(stdout);
    }
    if (argc < 2 || strncmp(argv[1], "unix:", 5) != 0) {
        return help(stderr);
    }
    if (transport_open(argv[1], &air, message)) {
        fprintf(stderr, "woad control: %s\n", message);
        return 1;
    }
    fcntl(air.fd, F_SETFL, fcntl(air.fd, F_GETFL) & ~O_NONBLOCK);
    FILE *answers = fdopen(dup(air.fd), "r");
    int status = 0, result = 0;
    for (int i = 2; i < argc && result >= 0; i++) {
        if (strchr(argv[i], '\n')) {
            fprintf(stderr, "woad control: an argument is one line\n");
            status = STATUS_USAGE;
            break;
        }
        result = ask(air.fd, answers, argv[i]);
        status |= result;
    }
    if (argc == 2) {
        status = result = ask_input(air.fd, answers);
    }
    fclose(answers);
    transport_close(&air);
    if (result < 0) {
        fprintf(stderr, "woad control: the air has closed the connection\n");
        return 1;
    }
    return status;
}
