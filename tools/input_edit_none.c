/* In the place of input_edit.c, where libedit was not there at the build.
 *
 * Names of other files:
 *   input_lines: lines of standard input, typed while the radio goes on: input.h
 *   input_plain(): a line without an editor */
#include "input.h"

/* There is no editor. */
bool input_edit_open(struct input_lines *l)
{
    (void)l;
    return false;
}

/* Never called: there is no editor. */
const char *input_edit_read(struct input_lines *l)
{
    return input_plain(l);
}

/* Never called. */
void input_edit_again(struct input_lines *l)
{
    (void)l;
}

/* Never called. */
void input_edit_close(struct input_lines *l)
{
    (void)l;
}
