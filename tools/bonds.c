/* `woad bonds`: lists and removes the bonds that `woad pair` and `woad serve` keep.
 *
 * Names of other files:
 *   command: of a tool, of a help: the sub-command's name, for messages
 *   text_addr(): an address as text: C0:11:22:33:44:55
 *   text_addr_type(): "public" or "random"
 *   text_parse_addr(): the address that a text is; false: it is none
 *   tool: a sub-command: its options, host, port and state: tool_host.h
 *   TOOL_ADDR_TEXT: octets of an address as text, its 0 included
 *   tool_bonds_path(): path of the bond file of that name, to be freed; NULL: there is no home
 *   tool_fail(): prints a message; returns TOOL_EXIT_FAILED
 *   TOOL_FLAG: kind of option: without a value, to a bool
 *   tool_help: a sub-command's texts of --help, and its table of options
 *   tool_option: a row of the table of options: name, name of its value, help, TOOL_…, where it
 *       goes, least and greatest number
 *   tool_parse(): takes the options off the command line; false: the command ends with *status
 *   tool_status(): the exit status at the end: 1, too, if standard output is closed
 *   TOOL_TEXT: kind of option: to a const char *
 *   tool_usage(): prints what is wrong with the command line; returns TOOL_EXIT_USAGE */
#include "tool_host.h"
#include "tool_text.h"
#include "woad_tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BONDS_MAX = 255 }; /* that are listed, at most */

/* The host's events say nothing here. */
static void bonds_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)ctx, (void)h, (void)ev;
}

/* Prints a bond. */
static void bonds_show(const struct woad_bond *bond, bool json)
{
    char addr[TOOL_ADDR_TEXT];
    bool secure = bond->flags & WOAD_BOND_SECURE;
    bool authenticated = bond->flags & WOAD_BOND_AUTHENTICATED;
    text_addr(addr, &bond->peer);
    if (json) {
        printf("{\"address\":\"%s\",\"type\":\"%s\",\"secure\":%s,\"authenticated\":%s,"
               "\"private\":%s,\"key_size\":%u}\n",
               addr, text_addr_type(&bond->peer), secure ? "true" : "false",
               authenticated ? "true" : "false", bond->has_irk ? "true" : "false", bond->key_size);
        return;
    }
    printf("%s %s  %s%s, key of %u octets\n", addr, text_addr_type(&bond->peer),
           secure ? "LE Secure Connections" : "legacy pairing",
           authenticated ? ", authenticated" : "", bond->key_size);
}

/* The file's bonds go through a host that has no controller: it has the functions to list them. */
static int bonds_list(const struct tool *t, struct woad_bond_file *f, bool json)
{
    static const struct woad_feature *const features[] = { &woad_feature_security_manager, NULL };
    const struct woad_config cfg = { .features = features,
                                     .event = bonds_event,
                                     .bonds = BONDS_MAX };
    const struct woad_event up = { .type = WOAD_EV_UP, .conn = WOAD_NO_CONN };
    struct woad_bond bond;
    uint16_t n = 0;
    void *memory = malloc(woad_size(&cfg));
    struct woad *h = woad_init(memory, woad_size(&cfg), &cfg);
    if (!h) {
        free(memory);
        return tool_fail(t, "no memory");
    }
    woad_bond_file_event(f, h, &up);
    for (; woad_bond_at(h, n, &bond) == 0; n++) {
        bonds_show(&bond, json);
    }
    if (!n && !json) {
        fprintf(stderr, "woad bonds: none; woad pair makes one\n");
    }
    free(memory);
    return 0;
}

/* Removes a bond, of either type of address; NULL: all.  Returns the exit status. */
static int bonds_remove(const struct tool *t, struct woad_bond_file *f, const char *which)
{
    struct woad_addr addr = { .type = WOAD_ADDR_PUBLIC };
    if (which && !text_parse_addr(&addr, which)) {
        return tool_fail(t, "\"%s\" is no address like C0:11:22:33:44:55", which);
    }
    int error = woad_bond_file_remove(f, which ? &addr : NULL);
    if (error == WOAD_ENOENT && which) {
        addr.type = WOAD_ADDR_RANDOM;
        error = woad_bond_file_remove(f, &addr);
    }
    if (error == WOAD_ENOENT) {
        return tool_fail(t, "there is no such bond; woad bonds lists them");
    }
    if (error) {
        return tool_fail(t, "the file was not written: %s", strerror(-error));
    }
    return 0;
}

/* Opens the file, if there is one, and does what the command line says.  Returns the exit
 * status. */
static int bonds_run(struct tool *t, int argc, char **argv, bool json, bool all)
{
    int error, status;
    if (access(t->bonds, F_OK) != 0) {
        if (argc > 0 && strcmp(argv[0], "remove") == 0) {
            return tool_fail(t, "%s: %s", t->bonds, strerror(errno));
        }
        fprintf(stderr, "woad bonds: none; woad pair makes one\n");
        return 0;
    }
    struct woad_bond_file *f = woad_bond_file_open(t->bonds, &error);
    if (!f) {
        return tool_fail(t, "%s: %s%s", t->bonds, strerror(-error),
                         error == -EBUSY ? "; end the program that uses it" : "");
    }
    if (argc == 0 || strcmp(argv[0], "list") == 0) {
        status = bonds_list(t, f, json);
    } else {
        status = bonds_remove(t, f, all ? NULL : argv[1]);
    }
    woad_bond_file_close(f);
    return tool_status(t, status);
}

/* Parses the command line: options, and list or remove. */
int tool_bonds(int argc, char **argv)
{
    static struct tool t = { .command = "bonds" };
    static bool json, all;
    static const struct tool_option options[] = {
        { "--json", NULL, "an object of JSON on each line", TOOL_FLAG, &json, 0, 0 },
        { "--all", NULL, "remove all", TOOL_FLAG, &all, 0, 0 },
        { "--bonds", "FILE", "the file of bonds", TOOL_TEXT, &t.bonds, 0, 0 },
        { NULL, NULL, NULL, TOOL_FLAG, NULL, 0, 0 },
    };
    static const struct tool_help help = {
        "bonds", "[OPTION…] [list]\n[OPTION…] remove ADDRESS|--all",
        "Lists the bonds of woad pair, or removes one or all.  Those of woad serve are in files\n"
        "of their own beside it: woad-serve-KIND.bonds.\n",
        "woad bonds\nwoad bonds remove C0:11:22:33:44:55\n", options
    };
    int status;
    char *path = NULL;
    if (!tool_parse(&help, &argc, argv, &status)) {
        return status;
    }
    bool lists = argc == 0 || (argc == 1 && strcmp(argv[0], "list") == 0 && !all);
    bool removes = argc == (all ? 1 : 2) && strcmp(argv[0], "remove") == 0;
    if (!lists && !removes) {
        return tool_usage(&help, "list, remove ADDRESS, or remove --all");
    }
    if (!t.bonds) {
        t.bonds = path = tool_bonds_path("woad");
    }
    if (!t.bonds) {
        return tool_fail(&t, "HOME is not set; name the file with --bonds FILE");
    }
    status = bonds_run(&t, argc, argv, json, all);
    free(path);
    return status;
}
