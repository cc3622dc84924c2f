/* In the place of input_edit.c, where libedit was not there at the build. */
#include "input.h"

bool input_edit_open(struct input_lines *l)
{
    (void)l;
    return false;
}

const char *input_edit_read(struct input_lines *l)
{
    return input_plain(l);
}

void input_edit_again(struct input_lines *l)
{
    (void)l;
}

void input_edit_close(struct input_lines *l)
{
    (void)l;
}
