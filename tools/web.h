/* The page that shows an air in a browser: --web of `woad air` and `woad run`.  A process of its
 * own serves it, and talks with the air as other users of hub/control.h do: a browser cannot delay
 * the air, and nothing that a browser sends reaches the process that simulates it but such lines.
 */
#ifndef WOAD_WEB_H
#define WOAD_WEB_H

#include <stdbool.h>

struct control;

/* --web[=[ADDRESS:]PORT]; `text` NULL: a free port.  0; -1: wrong, and the message is printed. */
int web_option(const char *command, const char *text);
/* Whether --web was there. */
bool web_is_wanted(void);
/* Whether a word behind --web is its port. */
bool web_is_port(const char *word);
/* Starts the page of an air that is controlled, and prints its address.  0, or an exit status, and
 * the message is printed. */
int web_start(const char *command, struct control *control);
/* Ends it, if it was started. */
void web_end(void);

#endif
