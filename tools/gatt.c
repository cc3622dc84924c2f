/* `woad gatt`: a GATT client for scripts: the tree of a peer's services, reads, writes,
 * subscriptions.
 *
 * Names of other files:
 *   command: of a tool, of a help: the sub-command's name, for messages
 *   gatt_discover(): learns all of the peer's attributes; 0, or the exit status after a message
 *   gatt_event(): the tool's `event` of a GATT client
 *   gatt_free(): frees the nodes
 *   gatt_node(): the characteristic or descriptor that a text names; NULL, after a message
 *   gatt_shell(): reads commands from standard input until the end; returns the exit status
 *   gatt_show_tree(): prints services, characteristics and descriptors
 *   gatt_show_tree_json(): prints services, characteristics and descriptors as an object of JSON
 *   gatt_show_value(): prints a value on a line: octets, what they mean, text
 *   gatt_show_value_json(): prints a value as an object of JSON
 *   gatt_subscribe(): turns notifications or indications on or off; 0, or the exit status after a
 *       message
 *   gatt_write_command(): writes without a response; 0, or the exit status after a message
 *   hci: of a tool: the controller's name; NULL: that of WOAD_HCI
 *   output_closed: of a tool: standard output cannot be written to any more
 *   peer_connect(): finds a peer, connects to it, and encrypts with a bond; 0, or the exit status
 *       after a message
 *   text_parse_value(): octets of a value on the command line: hexadecimal, or text; returns how
 *       many, -1: too many
 *   tool: a sub-command: its options, host, port and state: tool_host.h
 *   tool_bonds_path(): path of the bond file of that name, to be freed; NULL: there is no home
 *   tool_close(): stops the host, and frees all that tool_open() has made
 *   tool_ended(): prints why a wait has ended, unless by TOOL_DONE; returns the exit status
 *   TOOL_EXIT_FAILED: exit status after a message
 *   tool_fail(): prints a message; returns TOOL_EXIT_FAILED
 *   TOOL_FLAG: kind of option: without a value, to a bool
 *   tool_flush(): flushes standard output; false: it is closed
 *   tool_help: a sub-command's texts of --help, and its table of options
 *   tool_node: an attribute of the peer with a place in the tree: kind, handle, last handle,
 *       properties, UUID
 *   TOOL_NUMBER: kind of option: to a long
 *   tool_open(): opens the controller and starts a host, t->h; 0, or the exit status after a
 *       message
 *   tool_option: a row of the table of options: name, name of its value, help, TOOL_…, where it
 *       goes, least and greatest number
 *   tool_parse(): takes the options off the command line; false: the command ends with *status
 *   tool_status(): the exit status at the end: 1, too, if standard output is closed
 *   TOOL_STOPPED: end of a wait: Ctrl-C, SIGTERM, or standard output is closed
 *   TOOL_TEXT: kind of option: to a const char *
 *   TOOL_TIME: end of a wait: the time limit
 *   tool_usage(): prints what is wrong with the command line; returns TOOL_EXIT_USAGE
 *   tool_wait(): lets the host go on until *done, or for some ms; TOOL_DONE, or what has ended it
 *       before */
#include "gatt_shell.h"
#include "gatt_show.h"
#include "tool_text.h"
#include "woad_tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gatt_tool {
    struct tool_gatt g;
    bool json, raw, no_response, as_text; /* of the options */
    long timeout_s, for_s, count;         /* of the options */
    const struct tool_node *node;         /* that is subscribed to */
    long left;                            /* values until the end; negative: no limit */
    bool enough;                          /* `left` has become 0 */
};

/* tool_gatt.notified: prints the value that is subscribed to, until there are enough. */
static void gatt_notified(struct tool_gatt *g, const struct woad_event *ev)
{
    struct gatt_tool *s = g->t.ctx;
    const char *event = ev->type == WOAD_EV_INDICATION ? "indication" : "notification";
    if (!s->node || ev->u.value.handle != s->node->handle || s->enough) {
        return;
    }
    if (s->json) {
        gatt_show_value_json(s->node, event, ev->u.value.data, ev->u.value.len);
    } else if (s->raw) {
        fwrite(ev->u.value.data, 1, ev->u.value.len, stdout);
    } else {
        gatt_show_value(&s->node->uuid, ev->u.value.data, ev->u.value.len);
    }
    tool_flush(&g->t);
    s->enough = s->left > 0 && --s->left == 0;
}

/* `woad gatt PEER tree`.  These functions return the exit status. */
static int gatt_do_tree(struct gatt_tool *s)
{
    if (s->json) {
        gatt_show_tree_json(&s->g);
    } else {
        gatt_show_tree(&s->g);
    }
    return 0;
}

/* `woad gatt PEER read` */
static int gatt_do_read(struct gatt_tool *s, const struct tool_node *node)
{
    int status = gatt_read(&s->g, node->handle);
    if (status) {
        return status;
    }
    if (s->json) {
        gatt_show_value_json(node, "read", s->g.value, s->g.len);
    } else if (s->raw) {
        fwrite(s->g.value, 1, s->g.len, stdout);
    } else {
        gatt_show_value(&node->uuid, s->g.value, s->g.len);
    }
    return 0;
}

/* `woad gatt PEER write`: the text is octets or text. */
static int gatt_do_write(struct gatt_tool *s, const struct tool_node *node, const char *text)
{
    uint8_t value[WOAD_ATT_VALUE_MAX];
    size_t len = strlen(text);
    int n = -1;
    if (!s->as_text) {
        n = text_parse_value(value, sizeof value, text);
    } else if (len <= sizeof value) {
        memcpy(value, text, len);
        n = (int)len;
    }
    if (n < 0) {
        return tool_fail(&s->g.t, "the value is longer than %d octets", WOAD_ATT_VALUE_MAX);
    }
    if (s->no_response) {
        return gatt_write_command(&s->g, node->handle, value, (size_t)n);
    }
    return gatt_write(&s->g, node->handle, value, (size_t)n);
}

/* Prints values until the time, or the number, is over, or Ctrl-C. */
static int gatt_do_subscribe(struct gatt_tool *s, const struct tool_node *node)
{
    s->node = node;
    s->left = s->count ? s->count : -1;
    int status = gatt_subscribe(&s->g, node, true);
    if (status) {
        return status;
    }
    uint32_t ms = s->for_s ? (uint32_t)s->for_s * 1000u : WOAD_FOREVER;
    enum tool_end end = tool_wait(&s->g.t, &s->enough, ms);
    if (end == TOOL_TIME && s->left > 0) {
        return tool_fail(&s->g.t, "%ld of %ld values have come in %ld s", s->count - s->left,
                         s->count, s->for_s);
    }
    if (end == TOOL_TIME || (end == TOOL_STOPPED && !s->g.t.output_closed)) {
        return 0;
    }
    return tool_ended(&s->g.t, end, "waiting for values");
}

/* Connects, learns the services, and does what the command line says. */
static int gatt_do(struct gatt_tool *s, int argc, char **argv)
{
    int status = peer_connect(&s->g.peer, &s->g.t, argv[0], s->g.timeout_ms);
    const struct tool_node *node = NULL;
    if (!status) {
        status = gatt_discover(&s->g);
    }
    if (status) {
        return status;
    }
    if (argc > 1 && strcmp(argv[1], "shell") == 0) {
        return gatt_shell(&s->g);
    }
    if (argc == 1 || strcmp(argv[1], "tree") == 0) {
        return gatt_do_tree(s);
    }
    node = gatt_node(&s->g, argv[2]);
    if (!node) {
        return TOOL_EXIT_FAILED;
    }
    if (strcmp(argv[1], "read") == 0) {
        return gatt_do_read(s, node);
    }
    if (strcmp(argv[1], "write") == 0) {
        return gatt_do_write(s, node, argv[3]);
    }
    return gatt_do_subscribe(s, node);
}

/* The words behind the peer: how many each command takes. */
static bool gatt_words_fit(int argc, char **argv)
{
    static const struct {
        const char *name;
        int words;
    } commands[] = {
        { "tree", 2 }, { "shell", 2 }, { "read", 3 }, { "write", 4 }, { "subscribe", 3 }
    };
    if (argc == 1) {
        return true;
    }
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, argv[1]) == 0) {
            return argc == commands[i].words;
        }
    }
    return false;
}

/* Opens the host, which pairs with no peer, and lets gatt_do() work. */
static int gatt_run(struct gatt_tool *s, int argc, char **argv)
{
    const struct woad_security_policy policy = { .io = WOAD_IO_NONE,
                                                 .bond = true,
                                                 .allow_legacy = true,
                                                 .key_size_min = (uint8_t)s->g.t.key_size_min,
                                                 .no_pairing = true };
    struct tool *t = &s->g.t;
    char *path = NULL;
    if (!t->bonds) {
        t->bonds = path = tool_bonds_path("woad");
    }
    int status = tool_open(t);
    if (!status) {
        woad_set_security_policy(t->h, &policy);
        status = gatt_do(s, argc, argv);
        status = tool_status(t, status);
        tool_close(t);
    }
    gatt_free(&s->g);
    free(path);
    return status;
}

/* Parses the command line: options, the peer, and what to do with it. */
int tool_gatt(int argc, char **argv)
{
    static struct gatt_tool s = {
        .g = { .t = { .command = "gatt", .event = gatt_event, .ctx = &s },
               .notified = gatt_notified },
        .timeout_s = 10,
    };
    static const struct tool_option options[] = {
        { "--json", NULL, "print JSON", TOOL_FLAG, &s.json, 0, 0 },
        { "--raw", NULL, "print the octets of values as they are", TOOL_FLAG, &s.raw, 0, 0 },
        { "--no-response", NULL, "write without asking for a response", TOOL_FLAG, &s.no_response,
          0, 0 },
        { "--text", NULL, "the value to write is text, even if it looks like octets", TOOL_FLAG,
          &s.as_text, 0, 0 },
        { "--for", "SECONDS", "end a subscription after this time", TOOL_NUMBER, &s.for_s, 1,
          86400 },
        { "--count", "N", "end a subscription after so many values", TOOL_NUMBER, &s.count, 1,
          1000000000 },
        { "--timeout", "SECONDS", "for finding the peer, and for each answer; 10", TOOL_NUMBER,
          &s.timeout_s, 1, 3600 },
        { "--key-size-min", "OCTETS", "accept shorter keys of encryption, 7 to 16; 16", TOOL_NUMBER,
          &s.g.t.key_size_min, 7, 16 },
        { "--bonds", "FILE", "the file of bonds", TOOL_TEXT, &s.g.t.bonds, 0, 0 },
        { "--hci", "NAME", "the controller; else WOAD_HCI names it", TOOL_TEXT, &s.g.t.hci, 0, 0 },
        { NULL, NULL, NULL, TOOL_FLAG, NULL, 0, 0 },
    };
    static const struct tool_help help = {
        "gatt",
        "[OPTION…] PEER [tree]\n[OPTION…] PEER read WHAT\n[OPTION…] PEER write WHAT VALUE\n"
        "[OPTION…] PEER subscribe WHAT\n[OPTION…] PEER shell",
        "Connects to PEER, a name or an address, and shows its services, or reads, writes or\n"
        "subscribes to one characteristic or descriptor.  WHAT is a UUID (2a19, 128 bits), a name\n"
        "(\"battery level\"), or a handle (#12).  VALUE is octets in hexadecimal (01ff), else\n"
        "text; quotes of its own make it text: '\"beef\"'.  A bond made by woad pair is used, and\n"
        "an address is that of the bond: ADDRESS/public and ADDRESS/random name the type.\n"
        "shell reads commands from standard input; on a terminal with completion and history.\n",
        "woad gatt \"Woad battery\"\nwoad gatt C0:11:22:33:44:55 read 2a19\n"
        "woad gatt lamp write fff1 01ff\nwoad gatt sensor subscribe \"heart rate measurement\" "
        "--for 10 --json\n",
        options
    };
    int status;
    if (!tool_parse(&help, &argc, argv, &status)) {
        return status;
    }
    if (argc < 1) {
        return tool_usage(&help, "name a peer");
    }
    if (!gatt_words_fit(argc, argv)) {
        return tool_usage(&help, "\"%s\" with %d more words is no command", argv[1], argc - 2);
    }
    s.g.timeout_ms = (uint32_t)s.timeout_s * 1000u;
    return gatt_run(&s, argc, argv);
}
