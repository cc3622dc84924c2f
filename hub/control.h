/* Changes a hub's world while it runs: lines of text from a unix socket, one answer in JSON each.
 * docs/air.md describes the lines. */
#ifndef WOAD_CONTROL_H
#define WOAD_CONTROL_H

#include "../transport/transport.h"
#include "hub.h"

struct control;

/* Listens at "unix:PATH", for this user and root only.  NULL, with a sentence in `message`. */
struct control *control_open(const char *spec, char message[WOAD_PORT_MESSAGE_MAX]);
/* One that listens nowhere: its users are those of control_adopt().  NULL: no memory. */
struct control *control_new(void);
/* Adds a user: the other end of `fd`, a stream socket that does not block.  The control closes it.
 * False: no memory, and `fd` stays open. */
bool control_adopt(struct control *control, int fd);
/* Makes the options of hub_run() those of an air that is controlled.  `extra` has room for one
 * more.  The control must live as long as the hub. */
void control_attach(struct control *control, struct hub_options *options, struct hub_extra *extra);
/* Ends all connections and removes the socket; NULL: nothing. */
void control_close(struct control *control);

#endif
