/* An edited line, by libedit: history in a file, completion by the caller's words.
 *
 * Names of other files:
 *   INPUT_LINE_MAX: octets of a line, its 0 included
 *   input_lines: lines of standard input, typed while the radio goes on: input.h
 *   input_octet(): an octet of standard input, 1; 0: the end; -1: the command is to end */
#define _GNU_SOURCE
#include "input.h"

#include <histedit.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum { HISTORY_LINES = 500 }; /* that are kept */

/* libedit's objects: input_lines.editor. */
struct editor {
    EditLine *el;
    History *history;
};

/* The lines that the editor is for. */
static struct input_lines *editor_input(EditLine *el)
{
    void *data;
    el_get(el, EL_CLIENTDATA, &data);
    return data;
}

/* libedit: the prompt. */
static char *editor_prompt(EditLine *el)
{
    static char prompt[64];
    snprintf(prompt, sizeof prompt, "%s", editor_input(el)->prompt);
    return prompt;
}

/* libedit: waits for a character, while the radio goes on. */
static int editor_character(EditLine *el, wchar_t *character)
{
    mbstate_t state = { 0 };
    unsigned char octet;
    for (;;) {
        int got = input_octet(editor_input(el), &octet);
        if (got <= 0) {
            return got;
        }
        size_t n = mbrtowc(character, (const char *)&octet, 1, &state);
        if (n != (size_t)-2) {
            if (n == (size_t)-1) {
                *character = L'?';
            }
            return 1;
        }
    }
}

/* Writes the beginning that all the words have that fit; returns how many fit. */
static size_t editor_common(const struct input_lines *l, const char *text, char *to, size_t room)
{
    size_t n = 0, len = 0;
    const char *word;
    for (; (word = l->complete(l->ctx, text, n)) != NULL; n++) {
        if (n == 0) {
            snprintf(to, room, "%s", word);
            len = strlen(to);
        }
        while (len && strncmp(to, word, len) != 0) {
            len--;
        }
    }
    to[len] = '\0';
    return n;
}

/* libedit: the user has pressed Tab: completes the word, or lists the words that fit. */
static unsigned char editor_complete(EditLine *el, int character)
{
    const struct input_lines *l = editor_input(el);
    const LineInfo *info = el_line(el);
    char text[INPUT_LINE_MAX], common[128];
    (void)character;
    snprintf(text, sizeof text, "%.*s", (int)(info->cursor - info->buffer), info->buffer);
    const char *space = strrchr(text, ' ');
    size_t begun = strlen(space ? space + 1 : text);
    size_t n = editor_common(l, text, common, sizeof common);
    if (strlen(common) > begun) {
        el_insertstr(el, common + begun);
    }
    if (n == 1) {
        el_insertstr(el, " ");
    }
    if (n > 1 && strlen(common) == begun) {
        putchar('\n');
        for (size_t i = 0; i < n; i++) {
            printf("%s  ", l->complete(l->ctx, text, i));
        }
        putchar('\n');
        return CC_REDISPLAY;
    }
    return n ? CC_REFRESH : CC_ERROR;
}

/* Reads the history of earlier sessions, too. */
bool input_edit_open(struct input_lines *l)
{
    HistEvent ignored;
    struct editor *e = calloc(1, sizeof *e);
    if (!e) {
        return false;
    }
    setlocale(LC_CTYPE, "");
    e->el = el_init("woad", stdin, stdout, stderr);
    e->history = history_init();
    if (!e->el || !e->history) {
        free(e);
        return false;
    }
    el_set(e->el, EL_CLIENTDATA, l);
    el_set(e->el, EL_SIGNAL, 0);
    el_set(e->el, EL_EDITOR, "emacs");
    el_set(e->el, EL_PROMPT, editor_prompt);
    el_set(e->el, EL_GETCFN, editor_character);
    el_set(e->el, EL_ADDFN, "woad-complete", "complete a word", editor_complete);
    el_set(e->el, EL_BIND, "^I", "woad-complete", NULL);
    history(e->history, &ignored, H_SETSIZE, HISTORY_LINES);
    history(e->history, &ignored, H_SETUNIQUE, 1);
    if (l->history) {
        history(e->history, &ignored, H_LOAD, l->history);
    }
    el_set(e->el, EL_HIST, history, e->history);
    l->editor = e;
    return true;
}

/* The line goes to the history. */
const char *input_edit_read(struct input_lines *l)
{
    struct editor *e = l->editor;
    HistEvent ignored;
    int n;
    const char *text = el_gets(e->el, &n);
    if (!text || n <= 0) {
        return NULL;
    }
    snprintf(l->text, sizeof l->text, "%s", text);
    l->text[strcspn(l->text, "\r\n")] = '\0';
    if (l->text[0]) {
        history(e->history, &ignored, H_ENTER, text);
    }
    return l->text;
}

/* libedit prints prompt and line. */
void input_edit_again(struct input_lines *l)
{
    struct editor *e = l->editor;
    el_set(e->el, EL_REFRESH);
}

/* Without a path the history is not saved. */
void input_edit_close(struct input_lines *l)
{
    struct editor *e = l->editor;
    HistEvent ignored;
    if (l->history) {
        history(e->history, &ignored, H_SAVE, l->history);
    }
    el_end(e->el);
    history_end(e->history);
    free(e);
    l->editor = NULL;
}
