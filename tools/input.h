/* Lines of standard input for a sub-command that goes on with its radio meanwhile: edited on a
 * terminal, with history and completion, where libedit was there at the build. */
#ifndef WOAD_INPUT_H
#define WOAD_INPUT_H

#include "tool_host.h"

enum { INPUT_LINE_MAX = 1200 }; /* octets of a line, its 0 included */

struct input_lines {
    struct tool *t;
    const char *prompt;  /* what a line begins with */
    const char *history; /* path of the file; NULL: none */
    /* The n-th word that `text`, up to the cursor, may be completed with; NULL: no more. */
    const char *(*complete)(void *ctx, const char *text, size_t n);
    void *ctx;                 /* of `complete` */
    bool terminal;             /* both standard input and output */
    bool reading;              /* the prompt is shown */
    void *editor;              /* of input_edit.c */
    char text[INPUT_LINE_MAX]; /* the line */
};

/* The fields down to `ctx` are set. */
void input_open(struct input_lines *l);
/* The next line without its end; NULL: there is none, or the command is to end: tool_why(). */
const char *input_read(struct input_lines *l);
/* To be called before and after something else is printed, while a line may be edited. */
void input_aside(struct input_lines *l);
void input_again(struct input_lines *l);
void input_close(struct input_lines *l);

/* Waits for standard input while the radio goes on, and reads an octet.  1; 0: the end; -1: the
 * command is to end. */
int input_octet(struct input_lines *l, unsigned char *octet);
/* A line without an editor. */
const char *input_plain(struct input_lines *l);

/* input_edit.c; input_edit_none.c has functions that do nothing.  False: there is no editor. */
bool input_edit_open(struct input_lines *l);
const char *input_edit_read(struct input_lines *l);
void input_edit_again(struct input_lines *l);
void input_edit_close(struct input_lines *l);

#endif
