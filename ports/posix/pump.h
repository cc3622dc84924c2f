/* woad_port_pump() for a program that says itself when it waits (clock.h): moves packets, runs what
 * is due, and sets the ms until the next call.  An error has ended the host. */
#ifndef WOAD_PORT_PUMP_H
#define WOAD_PORT_PUMP_H

#include <woad/port.h>

#include "../../transport/private_names.h"

int port_pump(struct woad_port *p, struct woad *h, uint32_t *wait_ms);

#endif
