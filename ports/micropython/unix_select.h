/* Included before MicroPython's extmod/modselect.c: its poll() knows how long the program wants to
 * wait (`timeout` ms since `start_ticks`), and that it will be called again.  See unix_calls.c. */
#ifndef WOAD_MP_UNIX_SELECT_H
#define WOAD_MP_UNIX_SELECT_H

#include "py/mphal.h"
#include "py/runtime.h"

#include <poll.h>

int woad_mp_poll(struct pollfd *fds, nfds_t n, int ms, unsigned long limit, unsigned long gone);
void woad_mp_poll_goes_on(struct pollfd *fds, nfds_t n, unsigned long limit, unsigned long gone);

#define poll(fds, n, ms) woad_mp_poll(fds, n, ms, timeout, mp_hal_ticks_ms() - start_ticks)
#define mp_event_handle_nowait() \
    woad_mp_poll_goes_on(poll_set->pollfds, poll_set->max_used, timeout, \
                         mp_hal_ticks_ms() - start_ticks)

#endif
