/* Options of sub-commands, and their --help: both by one table.
 *
 * Names of other files:
 *   about: of a help: paragraphs
 *   command: of a tool, of a help: the sub-command's name, for messages
 *   examples: of a help: lines
 *   TOOL_EXIT_USAGE: exit status: the command line is wrong
 *   TOOL_FLAG: kind of option: without a value, to a bool
 *   tool_help: a sub-command's texts of --help, and its table of options
 *   TOOL_NUMBER: kind of option: to a long
 *   tool_option: a row of the table of options: name, name of its value, help, TOOL_…, where it
 *       goes, least and greatest number
 *   usage: of a help: forms of the command line, a line for each */
#include "tool_host.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints --help: forms, paragraphs, options, examples. */
static void options_help(const struct tool_help *help)
{
    const char *line = help->usage, *lead = "usage: ";
    while (*line) {
        size_t n = strcspn(line, "\n");
        printf("%swoad %s%s%.*s\n", lead, help->command, n ? " " : "", (int)n, line);
        line += n + (line[n] == '\n');
        lead = "       ";
    }
    printf("\n%s\n", help->about);
    for (const struct tool_option *o = help->options; o->name; o++) {
        char left[48];
        snprintf(left, sizeof left, "%s%s%s", o->name, o->value ? " " : "",
                 o->value ? o->value : "");
        printf("  %-20s  %s\n", left, o->help);
    }
    printf("  %-20s  %s\n", "--help", "this text");
    const char *example = help->examples;
    printf("\nExamples:\n");
    while (*example) {
        size_t n = strcspn(example, "\n");
        printf("  %.*s\n", (int)n, example);
        example += n + (example[n] == '\n');
    }
}

/* On standard error. */
int tool_usage(const struct tool_help *help, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "woad %s: ", help->command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; woad %s --help says more\n", help->command);
    return TOOL_EXIT_USAGE;
}

/* Takes the value of an option that is a number.  False: it is wrong, and the message is
 * printed. */
static bool option_number(const struct tool_help *help, const struct tool_option *o,
                          const char *text)
{
    char *end;
    long n = strtol(text, &end, 0);
    bool begins = isdigit((unsigned char)text[*text == '-']);
    if (!begins || *end || n < o->min || n > o->max) {
        tool_usage(help, "%s takes %ld to %ld, not \"%s\"", o->name, o->min, o->max, text);
        return false;
    }
    *(long *)o->to = n;
    return true;
}

/* Takes the option at argv[i], and its value.  Returns how many words; 0: it is wrong. */
static int option_take(const struct tool_help *help, int argc, char **argv, int i)
{
    size_t n = strcspn(argv[i], "=");
    const struct tool_option *o = help->options;
    while (o->name && (strlen(o->name) != n || strncmp(o->name, argv[i], n) != 0)) {
        o++;
    }
    const char *value = argv[i][n] ? argv[i] + n + 1 : NULL;
    if (!o->name) {
        tool_usage(help, "there is no option %s", argv[i]);
        return 0;
    }
    if (o->kind == TOOL_FLAG) {
        if (value) {
            tool_usage(help, "%s takes no value", o->name);
            return 0;
        }
        *(bool *)o->to = true;
        return 1;
    }
    int words = 1;
    if (!value && i + 1 < argc) {
        value = argv[i + 1];
        words = 2;
    }
    if (!value) {
        tool_usage(help, "%s takes a value: %s", o->name, o->value);
        return 0;
    }
    if (o->kind == TOOL_NUMBER) {
        return option_number(help, o, value) ? words : 0;
    }
    *(const char **)o->to = value;
    return words;
}

/* Behind "--" there are no options. */
bool tool_parse(const struct tool_help *help, int *argc, char **argv, int *status)
{
    int n = 0, words;
    bool options = true;
    for (int i = 1; i < *argc; i += words) {
        words = 1;
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && strcmp(argv[i], "--help") == 0) {
            options_help(help);
            *status = 0;
            return false;
        } else if (options && argv[i][0] == '-' && argv[i][1] == '-') {
            words = option_take(help, *argc, argv, i);
            if (!words) {
                *status = TOOL_EXIT_USAGE;
                return false;
            }
        } else {
            argv[n++] = argv[i];
        }
    }
    *argc = n;
    return true;
}
