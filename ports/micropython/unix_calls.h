/* From port_unix.c, for unix_calls.c. */
#ifndef WOAD_MP_UNIX_CALLS_H
#define WOAD_MP_UNIX_CALLS_H

bool ble_port_interrupts(void); /* the radio is on, and packets interrupt the calling thread */
int ble_port_descriptor(void);  /* of the controller; -1: none */
/* When ble_run() is due, in time of this process's clock (ports/posix/clock.h); CLOCK_NEVER: at the
 * next packet. */
uint64_t ble_port_due_us(void);

#endif
