/* What unix_calls.c asks of port_unix.c. */
#ifndef WOAD_MP_UNIX_CALLS_H
#define WOAD_MP_UNIX_CALLS_H

bool ble_port_interrupts(void); /* the calling thread, when packets come */
int ble_port_descriptor(void);  /* of the controller; -1: none */

#endif
