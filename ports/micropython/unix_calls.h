/* From port_unix.c, for unix_calls.c. */
#ifndef WOAD_MP_UNIX_CALLS_H
#define WOAD_MP_UNIX_CALLS_H

bool ble_port_interrupts(void); /* whether packets interrupt the calling thread */
int ble_port_descriptor(void);  /* of the controller; -1: none */

#endif
