/* This user's simulated radio: one hub for all of the user's programs. */
#ifndef WOAD_USER_AIR_H
#define WOAD_USER_AIR_H

#include "../transport/transport.h"

/* Connects to the radio of this user, and starts it if it does not run.  `program`: see
 * transport_open_as().  0, or a negative errno with a sentence in `message`. */
int user_air_open(const char *program, struct hci_transport *transport,
                  char message[WOAD_PORT_MESSAGE_MAX]);

/* The name of the socket by which this user's radio is controlled (control.h) while it runs. */
enum { USER_AIR_CONTROL_MAX = 120 };
int user_air_control(char spec[USER_AIR_CONTROL_MAX], char message[WOAD_PORT_MESSAGE_MAX]);

/* Listens in the place of this user's radio, which does not run: the caller serves it.  `control`
 * gets its name for control_open().  0, or a negative errno with a sentence in `message`;
 * -EADDRINUSE: it runs. */
int user_air_take(struct hci_transport *listen, char control[USER_AIR_CONTROL_MAX],
                  char message[WOAD_PORT_MESSAGE_MAX]);

#endif
