/* From port_unix.c, for unix_calls.c. */
#ifndef WOAD_MP_UNIX_CALLS_H
#define WOAD_MP_UNIX_CALLS_H

bool ble_port_interrupts(void); /* whether packets interrupt the calling thread */
int ble_port_descriptor(void);  /* of the controller; -1: none */
uint64_t ble_port_due_us(void); /* of this process's clock: the host's next deadline */

#endif
