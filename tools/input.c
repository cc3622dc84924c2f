/* Lines of standard input while the radio goes on.
 *
 * Names of other files:
 *   editor: of input_lines: what the file with the editor keeps; NULL: there is none
 *   input_edit_again(): the editor shows its line again
 *   input_edit_close(): saves the history, and closes the editor
 *   input_edit_open(): opens an editor of lines; false: there is none
 *   input_edit_read(): a line from the editor; NULL: the end
 *   input_lines: lines of standard input, typed while the radio goes on: input.h
 *   prompt: of input_lines: what a line begins with
 *   reading: of input_lines: a line is being typed
 *   terminal: of input_lines: standard input and output are a terminal
 *   tool_flush(): flushes standard output; false: it is closed
 *   tool_step(): lets the host go on once, for some ms at most, or until a descriptor can be read;
 *       false: tool_why() is not TOOL_DONE */
#include "input.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Without a terminal lines are read as they are. */
void input_open(struct input_lines *l)
{
    l->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    l->editor = NULL;
    l->reading = false;
    if (l->terminal) {
        input_edit_open(l);
    }
}

/* Standard input is waited for by the host's own wait. */
int input_octet(struct input_lines *l, unsigned char *octet)
{
    struct pollfd fd = { STDIN_FILENO, POLLIN, 0 };
    while (poll(&fd, 1, 0) <= 0) {
        if (!tool_step(l->t, STDIN_FILENO, 100)) {
            return -1;
        }
    }
    if (read(STDIN_FILENO, octet, 1) == 1) {
        return 1;
    }
    return 0;
}

/* With the prompt on a terminal. */
const char *input_plain(struct input_lines *l)
{
    size_t n = 0;
    unsigned char octet;
    if (l->terminal) {
        fputs(l->prompt, stdout);
        fflush(stdout);
    }
    for (;;) {
        int got = input_octet(l, &octet);
        if (got < 0 || (got == 0 && n == 0)) {
            return NULL;
        }
        if (got == 0 || octet == '\n') {
            l->text[n] = '\0';
            return l->text;
        }
        if (n + 1 < sizeof l->text && octet) {
            l->text[n++] = (char)octet;
        }
    }
}

/* By the editor, if there is one. */
const char *input_read(struct input_lines *l)
{
    const char *text;
    l->reading = true;
    if (l->editor) {
        text = input_edit_read(l);
    } else {
        text = input_plain(l);
    }
    l->reading = false;
    return text;
}

/* The line is erased. */
void input_aside(struct input_lines *l)
{
    if (l->terminal && l->reading) {
        fputs("\r\033[K", stdout);
    }
}

/* The prompt, and what is typed so far with an editor. */
void input_again(struct input_lines *l)
{
    tool_flush(l->t);
    if (!l->terminal || !l->reading) {
        return;
    }
    if (l->editor) {
        input_edit_again(l);
    } else {
        fputs(l->prompt, stdout);
        fflush(stdout);
    }
}

/* Frees the editor. */
void input_close(struct input_lines *l)
{
    if (l->editor) {
        input_edit_close(l);
    }
}
