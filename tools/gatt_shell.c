/* `woad gatt PEER shell`: commands typed by a user, or from a pipe. */
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
    bool ends;
    enum woad_passkey_action action; /* that the user is asked for */
    bool asked;
    char word[48]; /* of a completion */
};

static struct shell shell;

/* --- what arrives while a line is edited ------------------------------------------------------ */

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

static void do_tree(const char *what, const char *value)
{
    (void)what, (void)value;
    gatt_show_tree(shell.g);
}

static void do_read(const char *what, const char *value)
{
    const struct tool_node *node = gatt_node(shell.g, what);
    (void)value;
    if (node && gatt_read(shell.g, node->handle) == 0) {
        gatt_show_value(&node->uuid, shell.g->value, shell.g->len);
    }
}

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

static void do_write(const char *what, const char *value)
{
    shell_write(what, value, true);
}

static void do_command(const char *what, const char *value)
{
    shell_write(what, value, false);
}

static void shell_subscribe(const char *what, bool on)
{
    const struct tool_node *node = gatt_node(shell.g, what);
    if (node) {
        gatt_subscribe(shell.g, node, on);
    }
}

static void do_notify(const char *what, const char *value)
{
    (void)value;
    shell_subscribe(what, true);
}

static void do_stop(const char *what, const char *value)
{
    (void)value;
    shell_subscribe(what, false);
}

static void do_mtu(const char *what, const char *value)
{
    struct woad_conn_info info = { .mtu = 23 };
    (void)what, (void)value;
    woad_conn_info(shell.g->t.h, shell.g->t.conn, &info);
    printf("%u\n", info.mtu);
}

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
