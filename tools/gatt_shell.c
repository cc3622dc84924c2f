/* `woad gatt PEER shell`: commands typed by a user, or from a pipe.
 *
 * Names of other files:
 *   gatt_node(): the characteristic or descriptor that a text names; NULL, after a message
 *   gatt_show_tree(): prints services, characteristics and descriptors
 *   gatt_show_value(): prints a value on a line: octets, what they mean, text
 *   gatt_subscribe(): turns notifications or indications on or off; 0, or the exit status after a
 *       message
 *   gatt_write_command(): writes without a response; 0, or the exit status after a message
 *   input_again(): to be called after something else was printed: shows the line that is typed
 *       again
 *   input_aside(): to be called before something else is printed: takes the line that is typed off
 *       the terminal
 *   input_close(): ends
 *   INPUT_LINE_MAX: octets of a line, its 0 included
 *   input_lines: lines of standard input, typed while the radio goes on: input.h
 *   input_open(): begins; on a terminal with an editor, if there is one
 *   input_read(): the next line; NULL: the end, or the command is to end
 *   NODE_CHARACTERISTIC: kind of a node: below a service
 *   NODE_SERVICE: kind of a node
 *   nodes: of a GATT client: nodes in `node`, which is in the order of handles
 *   output_closed: of a tool: standard output cannot be written to any more
 *   prompt: of input_lines: what a line begins with
 *   terminal: of input_lines: standard input and output are a terminal
 *   text_parse_value(): octets of a value on the command line: hexadecimal, or text; returns how
 *       many, -1: too many
 *   tool_bonds_path(): path of the bond file of that name, to be freed; NULL: there is no home
 *   TOOL_DOWN: end of a wait: the controller has failed
 *   tool_ended(): prints why a wait has ended, unless by TOOL_DONE; returns the exit status
 *   tool_fail(): prints a message; returns TOOL_EXIT_FAILED
 *   tool_flush(): flushes standard output; false: it is closed
 *   tool_gatt: a tool that is a GATT client: tool_gatt.h
 *   TOOL_GONE: end of a wait: the connection has ended
 *   tool_node: an attribute of the peer with a place in the tree: kind, handle, last handle,
 *       properties, UUID
 *   tool_why(): why the command is to end; TOOL_DONE: it is not
 *   uuid_name(): a UUID's name; NULL: it has none here */
#define _GNU_SOURCE
#include "gatt_shell.h"

#include "gatt_show.h"
#include "input.h"
#include "tool_text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shell {
    struct tool_gatt *g;
    struct input_lines line;
    bool ends;                       /* the last command was `disconnect` */
    enum woad_passkey_action action; /* that the user is asked for */
    bool asked;                      /* the pairing waits for the command `passkey` */
    char word[48];                   /* of a completion */
};

static struct shell shell;

/* --- what arrives while a line is edited ------------------------------------------------------ */

/* tool_gatt.notified: prints the value beside the line that is typed. */
static void shell_notified(struct tool_gatt *g, const struct woad_event *ev)
{
    const struct woad_uuid unknown = WOAD_UUID16(0);
    const struct woad_uuid *uuid = &unknown;
    for (size_t i = 0; i < g->nodes; i++) {
        if (g->node[i].kind != NODE_SERVICE && g->node[i].handle == ev->u.value.handle) {
            uuid = &g->node[i].uuid;
        }
    }
    input_aside(&shell.line);
    printf("#%u: ", ev->u.value.handle);
    gatt_show_value(uuid, ev->u.value.data, ev->u.value.len);
    input_again(&shell.line);
}

/* The peer and the user are to compare or to type a number. */
static void shell_passkey(const struct woad_event *ev)
{
    unsigned number = (unsigned)ev->u.passkey.passkey;
    shell.action = ev->u.passkey.action;
    shell.asked = shell.action != WOAD_PASSKEY_DISPLAY;
    input_aside(&shell.line);
    if (shell.action == WOAD_PASSKEY_DISPLAY) {
        printf("type %06u on the peer\n", number);
    } else if (shell.action == WOAD_PASSKEY_COMPARE) {
        printf("does the peer show %06u?  passkey yes, or passkey no\n", number);
    } else {
        printf("the peer shows a number: passkey NUMBER\n");
    }
    input_again(&shell.line);
}

/* tool_gatt.other: the questions of a pairing, and its end. */
static void shell_event(struct tool_gatt *g, const struct woad_event *ev)
{
    (void)g;
    if (ev->type == WOAD_EV_PASSKEY) {
        shell_passkey(ev);
    } else if (ev->type == WOAD_EV_SECURITY) {
        shell.asked = false;
        input_aside(&shell.line);
        printf("pairing: %s%s\n", woad_smp_strerror(ev->u.security.status),
               ev->u.security.now.authenticated ? ", protected against an attacker in the middle"
                                                : "");
        input_again(&shell.line);
    }
}

/* --- commands --------------------------------------------------------------------------------- */

/* Commands from here on, each with the words that follow its name: "tree". */
static void do_tree(const char *what, const char *value)
{
    (void)what, (void)value;
    gatt_show_tree(shell.g);
}

/* "read WHAT" */
static void do_read(const char *what, const char *value)
{
    const struct tool_node *node = gatt_node(shell.g, what);
    (void)value;
    if (node && gatt_read(shell.g, node->handle) == 0) {
        gatt_show_value(&node->uuid, shell.g->value, shell.g->len);
    }
}

/* Writes a value, and asks for a response or not. */
static void shell_write(const char *what, const char *text, bool response)
{
    uint8_t value[WOAD_ATT_VALUE_MAX];
    const struct tool_node *node = gatt_node(shell.g, what);
    int n = text_parse_value(value, sizeof value, text);
    if (!node) {
        return;
    }
    if (n < 0) {
        tool_fail(&shell.g->t, "the value is longer than %d octets", WOAD_ATT_VALUE_MAX);
    } else if (response) {
        gatt_write(shell.g, node->handle, value, (size_t)n);
    } else {
        gatt_write_command(shell.g, node->handle, value, (size_t)n);
    }
}

/* "write WHAT VALUE" */
static void do_write(const char *what, const char *value)
{
    shell_write(what, value, true);
}

/* The same without a response. */
static void do_command(const char *what, const char *value)
{
    shell_write(what, value, false);
}

/* Turns notifications or indications on or off. */
static void shell_subscribe(const char *what, bool on)
{
    const struct tool_node *node = gatt_node(shell.g, what);
    if (node) {
        gatt_subscribe(shell.g, node, on);
    }
}

/* "notify WHAT" */
static void do_notify(const char *what, const char *value)
{
    (void)value;
    shell_subscribe(what, true);
}

/* "stop WHAT" */
static void do_stop(const char *what, const char *value)
{
    (void)value;
    shell_subscribe(what, false);
}

/* Prints the ATT_MTU. */
static void do_mtu(const char *what, const char *value)
{
    struct woad_conn_info info = { .mtu = 23 };
    (void)what, (void)value;
    woad_conn_info(shell.g->t.h, shell.g->t.conn, &info);
    printf("%u\n", info.mtu);
}

/* Begins a pairing, in which the user may type numbers. */
static void do_pair(const char *what, const char *value)
{
    const struct woad_security_policy policy = { .io = WOAD_IO_KEYBOARD_DISPLAY,
                                                 .bond = true,
                                                 .mitm = true,
                                                 .allow_legacy = true,
                                                 .key_size_min = (uint8_t)shell.g->t.key_size_min };
    (void)what, (void)value;
    woad_set_security_policy(shell.g->t.h, &policy);
    int error = woad_pair(shell.g->t.h, shell.g->t.conn);
    if (error) {
        tool_fail(&shell.g->t, "pairing: %s", woad_strerror(error));
    }
}

/* "passkey NUMBER", "passkey yes", "passkey no": the answer to shell_passkey(). */
static void do_passkey(const char *what, const char *value)
{
    char *end;
    unsigned long number = strtoul(what, &end, 10);
    (void)value;
    if (!shell.asked) {
        tool_fail(&shell.g->t, "no number is asked for");
        return;
    }
    if (shell.action == WOAD_PASSKEY_COMPARE) {
        number = *what == 'y';
    } else if (*end || !isdigit((unsigned char)*what) || number > 999999) {
        tool_fail(&shell.g->t, "a passkey has up to six digits");
        return;
    }
    shell.asked = false;
    woad_passkey(shell.g->t.h, shell.g->t.conn, shell.action, (uint32_t)number);
}

/* Ends the shell, and so the connection. */
static void do_disconnect(const char *what, const char *value)
{
    (void)what, (void)value;
    shell.ends = true;
}

static void do_help(const char *what, const char *value);

static const struct {
    const char *name;
    int words; /* behind it */
    const char *help;
    void (*run)(const char *what, const char *value);
} commands[] = {
    { "tree", 0, "the services", do_tree },
    { "read", 1, "WHAT: a UUID, its name with dashes, or #HANDLE", do_read },
    { "write", 2, "WHAT VALUE: octets in hexadecimal, else text", do_write },
    { "command", 2, "WHAT VALUE: a write without response", do_command },
    { "notify", 1, "WHAT: prints its values from now on", do_notify },
    { "stop", 1, "WHAT: ends that", do_stop },
    { "mtu", 0, "the ATT_MTU", do_mtu },
    { "pair", 0, "pairs, and keeps the bond", do_pair },
    { "passkey", 1, "NUMBER, yes or no: the answer to a question of a pairing", do_passkey },
    { "disconnect", 0, "ends", do_disconnect },
    { "help", 0, "this list", do_help },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* Prints all commands. */
static void do_help(const char *what, const char *value)
{
    (void)what, (void)value;
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("%-11s %s\n", commands[i].name, commands[i].help);
    }
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Completes the first word with commands, the second with what there is. */
static const char *shell_complete(void *ctx, const char *text, size_t n)
{
    const char *space = strchr(text, ' ');
    (void)ctx;
    if (!space) {
        for (size_t i = 0; i < COMMANDS; i++) {
            if (strncmp(commands[i].name, text, strlen(text)) == 0 && n-- == 0) {
                return commands[i].name;
            }
        }
        return NULL;
    }
    for (size_t i = 0; i < shell.g->nodes && !strchr(space + 1, ' '); i++) {
        const struct tool_node *node = &shell.g->node[i];
        const char *name = uuid_name(&node->uuid);
        if (node->kind != NODE_CHARACTERISTIC) {
            continue;
        }
        if (name) {
            snprintf(shell.word, sizeof shell.word, "%s", name);
        } else {
            woad_uuid_format(&node->uuid, shell.word);
        }
        for (char *p = shell.word; *p; p++) {
            *p = *p == ' ' ? '-' : (char)tolower((unsigned char)*p);
        }
        if (strncmp(shell.word, space + 1, strlen(space + 1)) == 0 && n-- == 0) {
            return shell.word;
        }
    }
    return NULL;
}

/* Cuts the first word off; returns what follows it. */
static char *shell_cut(char *text)
{
    text += strcspn(text, " ");
    if (*text) {
        *text++ = '\0';
    }
    return text + strspn(text, " ");
}

/* Finds the command of a line, and calls it with at most two words. */
static void shell_line(const char *text)
{
    char line[INPUT_LINE_MAX];
    snprintf(line, sizeof line, "%s", text + strspn(text, " "));
    char *what, *value = "";
    size_t i = 0, len = strlen(line);
    while (len && line[len - 1] == ' ') {
        line[--len] = '\0';
    }
    what = shell_cut(line);
    if (!*line) {
        return;
    }
    while (i < COMMANDS && strcmp(commands[i].name, line) != 0) {
        i++;
    }
    if (i == COMMANDS) {
        tool_fail(&shell.g->t, "there is no command \"%s\"; help lists them", line);
        return;
    }
    if (commands[i].words == 2) {
        value = shell_cut(what);
    }
    if ((commands[i].words > 0 && !*what) || (commands[i].words > 1 && !*value)) {
        tool_fail(&shell.g->t, "%s takes %s", line, commands[i].help);
        return;
    }
    commands[i].run(what, value);
    tool_flush(&shell.g->t);
}

/* The history of lines is kept beside the bonds. */
int gatt_shell(struct tool_gatt *g)
{
    char *history = tool_bonds_path("gatt");
    const char *text;
    shell.g = g;
    if (history) {
        memcpy(strrchr(history, '.'), ".lines", 7); /* in the place of ".bonds" */
    }
    shell.line = (struct input_lines){
        .t = &g->t, .prompt = "gatt> ", .history = history, .complete = shell_complete
    };
    g->notified = shell_notified;
    g->other = shell_event;
    input_open(&shell.line);
    while (!shell.ends && (text = input_read(&shell.line)) != NULL) {
        shell_line(text);
    }
    input_close(&shell.line);
    free(history);
    enum tool_end end = tool_why(&g->t);
    if (shell.line.terminal && !shell.ends) {
        putchar('\n');
    }
    if (end == TOOL_DOWN || end == TOOL_GONE || g->t.output_closed) {
        return tool_ended(&g->t, end, "shell");
    }
    return 0;
}
