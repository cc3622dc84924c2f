/* This process's time, which is the air's while it has a connection to `woad air` (docs/clock.md).
 * On the wall's clock the air waits for a program that is busy, and so does the program's clock; in
 * virtual time the program's clock moves only while it waits. */
#ifndef WOAD_PROCESS_CLOCK_H
#define WOAD_PROCESS_CLOCK_H

#include "../../transport/clock_messages.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An HCI connection, for the count of its octets. */
struct clock_port {
    struct clock_port *next;
    bool counted;                          /* it leads to the air whose time this process keeps */
    bool blocked;                          /* octets wait for room in the socket */
    atomic_ullong read, written, until_us; /* until_us: of the host's next deadline */
};

/* A connection to a controller has been opened: joins the air's time if it is a unix socket of
 * `woad air`; asks once, and does not wait for a server that does not know the messages. */
void process_clock_add(struct clock_port *p, int fd, const char *name);
void process_clock_remove(struct clock_port *p);
/* Joins before any radio is opened, and waits until time begins.  False: nobody answers there. */
bool process_clock_join(const char *path, const char *name);

/* Microseconds; never goes back.  In virtual time reading it costs some, if done again and again.
 */
uint64_t process_clock_us(void);
bool process_clock_is_virtual(void);
/* Unix time in microseconds, in virtual time. */
uint64_t process_clock_unix_us(void);
/* Random octets of the air's seed, in virtual time, or of WOAD_SEED; false: there is no seed. */
bool process_clock_random(void *out, size_t len);

/* Before octets are written to `p`. */
void process_clock_before_write(struct clock_port *p);

/* Wall: this process has nothing to do until `until_us` of its clock, or (`reads`) a packet.  Says
 * so if the air does not know.  To be called just before it waits. */
void process_clock_say(uint64_t until_us, bool reads);
/* Wall: after a wait that its limit has ended: waits until the air has read that limit, for ten
 * seconds at most.  An air that gets no processor time stands still, and this process's clock must
 * not run ahead of it. */
void process_clock_await_air(void);
/* Wall: this process is busy, and stays so: the air may go on by the processor time that it has
 * used. */
void process_clock_say_busy(void);
/* Wall: to be polled for POLLIN together with what is waited for, then process_clock_read(); -1:
 * none. */
int process_clock_fd(void);
void process_clock_read(void);

/* Virtual: waits until `until_us` of its clock, a packet, a signal, or one of `fds`, whose revents
 * are set.  What poll() returns for `fds`; -1 with EINTR for a signal. */
int process_clock_wait(uint64_t until_us, struct pollfd *fds, nfds_t n);
/* Virtual: brings the air to this process's time, which may be ahead: what others see of it next
 * (a line that it prints) then has the right time. */
void process_clock_sync(void);
/* Called when the process was woken in virtual time: packets may be there.  NULL: none. */
void process_clock_on_wake(void (*woken)(void));

#endif
