/* The commands that a user types at `woad gatt PEER shell`. */
#ifndef WOAD_GATT_SHELL_H
#define WOAD_GATT_SHELL_H

#include "tool_gatt.h"

/* Runs until `disconnect`, the end of the input, Ctrl-C, or the connection's end.  The exit status.
 * The services have been discovered. */
int gatt_shell(struct tool_gatt *g);

#endif
