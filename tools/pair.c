/* `woad pair`: pairs with a peer and keeps the bond.
 *
 * Names of other files:
 *   command: of a tool, of a help: the sub-command's name, for messages
 *   had_bond: of a peer: there is a bond with it
 *   hci: of a tool: the controller's name; NULL: that of WOAD_HCI
 *   peer_connect(): finds a peer, connects to it, and encrypts with a bond; 0, or the exit status
 *       after a message
 *   peer_event(): to be called with every event, for peer_connect()
 *   text_addr(): an address as text: C0:11:22:33:44:55
 *   text_addr_type(): "public" or "random"
 *   tool: a sub-command: its options, host, port and state: tool_host.h
 *   TOOL_ADDR_TEXT: octets of an address as text, its 0 included
 *   tool_bonds_path(): path of the bond file of that name, to be freed; NULL: there is no home
 *   tool_close(): stops the host, and frees all that tool_open() has made
 *   TOOL_DONE: end of a wait: what was waited for is there; of tool_why(): nothing has happened
 *   tool_ended(): prints why a wait has ended, unless by TOOL_DONE; returns the exit status
 *   tool_fail(): prints a message; returns TOOL_EXIT_FAILED
 *   TOOL_FLAG: kind of option: without a value, to a bool
 *   tool_flush(): flushes standard output; false: it is closed
 *   tool_help: a sub-command's texts of --help, and its table of options
 *   TOOL_NUMBER: kind of option: to a long
 *   tool_open(): opens the controller and starts a host, t->h; 0, or the exit status after a
 *       message
 *   tool_option: a row of the table of options: name, name of its value, help, TOOL_…, where it
 *       goes, least and greatest number
 *   tool_parse(): takes the options off the command line; false: the command ends with *status
 *   tool_peer: a peer that is looked for by name or address: tool_peer.h
 *   tool_status(): the exit status at the end: 1, too, if standard output is closed
 *   tool_step(): lets the host go on once, for some ms at most, or until a descriptor can be read;
 *       false: tool_why() is not TOOL_DONE
 *   TOOL_TEXT: kind of option: to a const char *
 *   TOOL_TIME: end of a wait: the time limit
 *   tool_usage(): prints what is wrong with the command line; returns TOOL_EXIT_USAGE
 *   tool_why(): why the command is to end; TOOL_DONE: it is not */
#include "tool_peer.h"
#include "tool_text.h"
#include "woad_tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

enum { PAIR_MS = 40000, ANSWER_MAX = 32 }; /* for a pairing; octets of the user's line */

struct pair_tool {
    struct tool t;
    struct tool_peer peer;
    const char *io;                  /* of --io; NULL: it is chosen by pair_io() */
    long passkey, timeout_s;         /* passkey: -1: none is given */
    const char *method;              /* of the pairing, in words */
    bool yes, legacy;                /* of the options */
    bool asks;                       /* the user is to answer `action` */
    enum woad_passkey_action action; /* WOAD_PASSKEY_INPUT or _COMPARE */
    bool ended;                      /* the pairing has, with `status` */
    int status;
    struct woad_security now; /* the connection's */
};

/* The IO capability: of --io, or of the other options and the terminal.  Vol 3, Part H, 2.3.2.
 * -1: --io names none. */
static int pair_io(const struct pair_tool *s)
{
    static const char *const names[] = { "display", "yes-no", "keyboard", "none",
                                         "keyboard-display" };
    for (int i = 0; s->io && i < 5; i++) {
        if (strcmp(names[i], s->io) == 0) {
            return i;
        }
    }
    if (s->io) {
        return -1;
    }
    if (s->passkey >= 0) {
        return WOAD_IO_KEYBOARD;
    }
    if (isatty(STDIN_FILENO)) {
        return WOAD_IO_KEYBOARD_DISPLAY;
    }
    return s->yes ? WOAD_IO_DISPLAY_YES_NO : WOAD_IO_NONE;
}

/* A number is to be shown, compared or typed: answers by the options, or asks the user. */
static void pair_passkey(struct pair_tool *s, const struct woad_event *ev)
{
    struct tool *t = &s->t;
    s->action = ev->u.passkey.action;
    s->method = "passkey";
    switch (s->action) {
    case WOAD_PASSKEY_DISPLAY:
        printf("type %06u on the peer\n", (unsigned)ev->u.passkey.passkey);
        tool_flush(t);
        return;
    case WOAD_PASSKEY_COMPARE:
        s->method = "numeric comparison";
        printf("does the peer show %06u?  yes or no: ", (unsigned)ev->u.passkey.passkey);
        tool_flush(t);
        if (s->yes) {
            puts("yes");
            woad_passkey(t->h, ev->conn, s->action, 1);
            return;
        }
        break;
    default:
        if (s->passkey >= 0) {
            woad_passkey(t->h, ev->conn, s->action, (uint32_t)s->passkey);
            return;
        }
        printf("the number that the peer shows: ");
        tool_flush(t);
        break;
    }
    s->asks = true;
}

/* Notes what a pairing asks for, and its end. */
static void pair_event(struct tool *t, const struct woad_event *ev)
{
    struct pair_tool *s = t->ctx;
    peer_event(&s->peer, t, ev);
    if (ev->type == WOAD_EV_PASSKEY) {
        pair_passkey(s, ev);
    } else if (ev->type == WOAD_EV_SECURITY) {
        s->ended = true;
        s->asks = false;
        s->status = ev->u.security.status;
        s->now = ev->u.security.now;
    }
}

/* Takes the user's line.  False: standard input has ended. */
static bool pair_answer(struct pair_tool *s)
{
    char line[ANSWER_MAX], *end;
    ssize_t n = read(STDIN_FILENO, line, sizeof line - 1);
    if (n <= 0) {
        return false;
    }
    line[n] = '\0';
    if (s->action == WOAD_PASSKEY_COMPARE) {
        if (*line != 'y' && *line != 'n') {
            printf("yes or no: ");
            return tool_flush(&s->t);
        }
        woad_passkey(s->t.h, s->t.conn, s->action, *line == 'y');
        s->asks = false;
        return true;
    }
    unsigned long number = strtoul(line, &end, 10);
    if (end == line || (*end != '\n' && *end) || number > 999999) {
        printf("six digits: ");
        return tool_flush(&s->t);
    }
    woad_passkey(s->t.h, s->t.conn, s->action, (uint32_t)number);
    s->asks = false;
    return true;
}

/* Waits for the end of the pairing, and reads the user's answers meanwhile.  0, or the exit
 * status. */
static int pair_wait(struct pair_tool *s)
{
    uint32_t start = woad_port_now_ms();
    while (!s->ended && woad_port_now_ms() - start < PAIR_MS) {
        struct tool *t = &s->t;
        if (tool_why(t) != TOOL_DONE) {
            return tool_ended(t, tool_why(t), "pairing");
        }
        tool_step(t, s->asks ? STDIN_FILENO : -1, 100);
        fd_set in;
        struct timeval none = { 0, 0 };
        FD_ZERO(&in);
        FD_SET(STDIN_FILENO, &in);
        if (s->asks && select(STDIN_FILENO + 1, &in, NULL, NULL, &none) > 0 && !pair_answer(s)) {
            return tool_fail(t, "pairing: standard input has ended before the answer; --passkey N, "
                                "or --yes, answer it");
        }
    }
    if (!s->ended) {
        return tool_ended(&s->t, TOOL_TIME, "pairing");
    }
    return 0;
}

/* A number, or numbers that are the same, are how the user knows the peer: a pairing that does not
 * use them is refused. */
static bool pair_must_protect(const struct pair_tool *s)
{
    return s->passkey >= 0 || s->yes;
}

/* Prints how the pairing has ended.  Returns the exit status. */
static int pair_report(const struct pair_tool *s)
{
    char addr[TOOL_ADDR_TEXT];
    if (s->status) {
        const char *next = "";
        if (pair_must_protect(s) && s->status == WOAD_SMP_AUTHENTICATION) {
            next = "; the peer has no number to show or to take: it may be another device";
        }
        return tool_fail(&s->t, "pairing: %s%s", woad_smp_strerror(s->status), next);
    }
    text_addr(addr, &s->peer.addr);
    printf("paired with %s %s: %s by %s, %s, key of %u octets%s\n", addr,
           text_addr_type(&s->peer.addr),
           s->now.secure ? "LE Secure Connections" : "legacy pairing", s->method,
           s->now.authenticated ? "protected against an attacker in the middle"
                                : "not protected against an attacker in the middle",
           s->now.key_size, s->now.bonded ? "" : ", without a bond");
    return 0;
}

/* Connects, and pairs unless there is a bond.  Returns the exit status. */
static int pair_do(struct pair_tool *s, const char *wanted, int io)
{
    struct tool *t = &s->t;
    const struct woad_security_policy policy = { .io = (uint8_t)io,
                                                 .bond = true,
                                                 .mitm = io != WOAD_IO_NONE,
                                                 .require_mitm = pair_must_protect(s),
                                                 .allow_legacy = s->legacy,
                                                 .key_size_min = (uint8_t)s->t.key_size_min };
    woad_set_security_policy(t->h, &policy);
    int status = peer_connect(&s->peer, t, wanted, (uint32_t)s->timeout_s * 1000u);
    if (status) {
        return status;
    }
    if (s->peer.had_bond && pair_must_protect(s) && !s->now.authenticated) {
        return tool_fail(t, "the bond with this peer was made without a number; woad bonds remove "
                            "ADDRESS, then pair again");
    }
    if (s->peer.had_bond) {
        printf("there is a bond with this peer already\n");
        return 0;
    }
    s->ended = false;
    s->method = "Just Works";
    int error = woad_pair(t->h, t->conn);
    if (error && error != WOAD_EALREADY) {
        return tool_fail(t, "pairing: %s", woad_strerror(error));
    }
    status = pair_wait(s);
    if (status) {
        return status;
    }
    return pair_report(s);
}

/* Opens the host, and closes it at the end.  Returns the exit status. */
static int pair_run(struct pair_tool *s, const char *wanted, int io)
{
    char *path = NULL;
    if (!s->t.bonds) {
        s->t.bonds = path = tool_bonds_path("woad");
    }
    int status = tool_open(&s->t);
    if (!status) {
        status = pair_do(s, wanted, io);
        tool_close(&s->t);
    }
    free(path);
    return tool_status(&s->t, status);
}

/* Parses the command line: options, and the peer. */
int tool_pair(int argc, char **argv)
{
    static struct pair_tool s = { .t = { .command = "pair", .event = pair_event, .ctx = &s },
                                  .passkey = -1,
                                  .timeout_s = 10 };
    static const struct tool_option options[] = {
        { "--passkey", "N", "the number that the peer shows, 0 to 999999", TOOL_NUMBER, &s.passkey,
          0, 999999 },
        { "--yes", NULL, "answer yes when numbers are to be compared", TOOL_FLAG, &s.yes, 0, 0 },
        { "--io", "WHAT", "none, display, yes-no, keyboard, keyboard-display", TOOL_TEXT, &s.io, 0,
          0 },
        { "--legacy", NULL, "accept peers without LE Secure Connections", TOOL_FLAG, &s.legacy, 0,
          0 },
        { "--timeout", "SECONDS", "for finding the peer; 10", TOOL_NUMBER, &s.timeout_s, 1, 3600 },
        { "--key-size-min", "OCTETS", "accept shorter keys of encryption, 7 to 16; 16", TOOL_NUMBER,
          &s.t.key_size_min, 7, 16 },
        { "--bonds", "FILE", "the file of bonds", TOOL_TEXT, &s.t.bonds, 0, 0 },
        { "--hci", "NAME", "the controller; else WOAD_HCI names it", TOOL_TEXT, &s.t.hci, 0, 0 },
        { NULL, NULL, NULL, TOOL_FLAG, NULL, 0, 0 },
    };
    static const struct tool_help help = {
        "pair", "[OPTION…] PEER",
        "Pairs with PEER, a name or an address, and keeps the bond for woad gatt and others.  On\n"
        "a terminal it shows numbers and asks for them; elsewhere it pairs without a user, unless\n"
        "--passkey, --yes or --io say otherwise.  With --passkey or --yes a peer that pairs\n"
        "without a number is refused.  ADDRESS/public and ADDRESS/random name an address's type.\n",
        "woad pair keyboard\nwoad pair lock --passkey 123456\n", options
    };
    int status;
    if (!tool_parse(&help, &argc, argv, &status)) {
        return status;
    }
    int io = pair_io(&s);
    if (argc != 1) {
        return tool_usage(&help, "name one peer");
    }
    if (io < 0) {
        return tool_usage(&help, "--io does not take \"%s\"", s.io);
    }
    return pair_run(&s, argv[0], io);
}
