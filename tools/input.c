/* Lines of standard input while the radio goes on. */
#include "input.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void input_open(struct input_lines *l)
{
    l->terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    l->editor = NULL;
    l->reading = false;
    if (l->terminal) {
        input_edit_open(l);
    }
}

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

void input_aside(struct input_lines *l)
{
    if (l->terminal && l->reading) {
        fputs("\r\033[K", stdout);
    }
}

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

void input_close(struct input_lines *l)
{
    if (l->editor) {
        input_edit_close(l);
    }
}
