/* Opening a descriptor by its name. */
#ifndef WOAD_OPEN_H
#define WOAD_OPEN_H

#include <stdbool.h>

#include <woad/port.h>

/* A non-blocking descriptor, or a negative errno with a sentence in `why`.  *packets: it moves
 * whole packets, not a stream. */
int open_spec(const char *spec, bool *packets, char why[WOAD_PORT_WHY]);
/* This user's simulated radio, started if need be. */
int open_user_air(char why[WOAD_PORT_WHY]);
/* A listening descriptor for "unix:/path" or "tcp:[host:]port". */
int listen_spec(const char *spec, char why[WOAD_PORT_WHY]);
int open_fail(char why[WOAD_PORT_WHY], int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
