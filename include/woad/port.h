/* HCI transports for PCs (POSIX).  This is the only part that does I/O and uses the heap. */
#ifndef WOAD_PORT_H
#define WOAD_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "woad.h"

#ifdef __cplusplus
extern "C" {
#endif

struct woad;
struct woad_port;
enum { WOAD_PORT_MESSAGE_MAX = 200 };

/* Opens the transport to a controller that `spec` names:
 *
 *     unix:/path        H4 on a unix socket, as `woad air` serves it
 *     tcp:host:port     H4 on TCP; an IPv6 address in brackets
 *     uart:/dev/tty@baud, pty:/dev/pts/N     H4 on a serial line, with RTS/CTS if it has them
 *     usb, usb:vendor:product, usb:bus.address    a controller on USB: the first, or that one
 *     hci0              Linux's user channel (needs CAP_NET_ADMIN, and the adapter down)
 *
 * Options follow the name.  ",h5": the three-wire protocol instead of H4.  For serial lines also
 * ",even": even parity; ",bcm=file": load this patch into a Broadcom controller; ",to=baud": the
 * baud rate after that.  See woad_port_vendor_init().  For unix sockets of a simulated radio also
 * ",name=sensor": the program's name, in place of WOAD_NAME; ",addr=c0:11:22:33:44:55": the
 * controller's public address.  If another host has that, the air closes the connection: -EIO.
 *
 * spec NULL: the environment variable WOAD_HCI; if that is not set, this user's simulated radio,
 * which the first program starts and which ends after the last.  Its socket is in XDG_RUNTIME_DIR,
 * if that is absolute, belongs to this user and is writable by no other, else in /tmp.
 *
 * If WOAD_BTSNOOP=file is set, every packet is appended to that log, which programs may share. Keys
 * are zeros in it unless WOAD_BTSNOOP_KEYS is set to something.  -EBADMSG: the file is no such log,
 * and is not changed.  If a write fails later, a line on standard error says so, and the port goes
 * on without the log.
 *
 * Connecting takes at most five seconds.  The descriptor is above 2.
 *
 * Returns NULL on failure, with a negative errno in *error and a sentence for the user in
 * `message`. */
struct woad_port *woad_port_open(const char *spec, int *error, char message[WOAD_PORT_MESSAGE_MAX]);
/* The same for a program with a name.  On a simulated radio behind a unix socket a program gets the
 * same public address each time, derived from the environment variable WOAD_NAME, else `program`,
 * else (NULL) the path of its executable.  Programs of one name that run at the same time get
 * different addresses, and a process keeps its address. */
struct woad_port *woad_port_open_as(const char *spec, const char *program, int *error,
                                    char message[WOAD_PORT_MESSAGE_MAX]);
void woad_port_close(struct woad_port *p);

/* The vendor's initialisation that ",bcm=" asks for: pass it to woad_set_vendor_init() before
 * woad_start().  NULL: none.  Valid as long as the port. */
struct woad_vendor_init;
const struct woad_vendor_init *woad_port_vendor_init(const struct woad_port *p);

/* For poll(): wait for POLLIN, and for POLLOUT while woad_port_blocked(). */
int woad_port_fd(const struct woad_port *p);
bool woad_port_blocked(const struct woad_port *p); /* octets wait to be written */

/* The next packet, H4 type octet first, valid until the next call.  Returns its length, 0: none
 * now, or a negative errno: -EIO: the controller is gone; -EBADMSG: it sent what is not H4. */
int woad_port_read(struct woad_port *p, const uint8_t **packet);

/* Sends a packet, or copies it until it can be sent.  0 or a negative errno; -EBUSY: there is no
 * room.  Without ",h5" that lasts while woad_port_blocked().  With ",h5" it lasts until the link is
 * active, and while four packets are not acknowledged: call woad_port_read() at least every 100 ms,
 * which runs the link. */
int woad_port_write(struct woad_port *p, const uint8_t *packet, size_t len);

/* Moves packets in both directions and advances the host's clock; does not wait.  Received packets
 * are read before the clock advances, so that a program that was stopped does not take the
 * controller for dead.  It moves a bounded number of packets.  If the controller is gone it calls
 * woad_fail() and returns the negative errno.  *wait_ms gets the milliseconds until the next call
 * if no packet arrives before (0: packets are left; WOAD_FOREVER: none). */
int woad_port_pump(struct woad_port *p, struct woad *h, uint32_t *wait_ms);

/* Only sends: may be called inside the event callback. */
int woad_port_flush(struct woad_port *p, struct woad *h);

/* The body of a program's loop: woad_port_pump(), then waits for packets or a deadline, at most
 * `max_ms`, and pumps again. */
int woad_port_step(struct woad_port *p, struct woad *h, uint32_t max_ms);

/* A whole program: makes a host in the heap, opens the controller (woad_port_open_as() with spec
 * NULL), starts, and runs until *done is true, which the event callback or `loop` sets, or until
 * WOAD_EV_DOWN; `done` may be NULL.  `loop`, which may be NULL, is what the program does by itself:
 * called with config->ctx at first, before WOAD_EV_UP, after packets, and when the milliseconds are
 * over that it has returned, at most a second later. woad_test_add() (testing.h) takes the same
 * config and `loop`.
 *
 * Standard error has what woad_config_check() says of the config.  Returns the status for main():
 * 0; or 1 if the config is refused, there is no controller, or it has failed (WOAD_EV_DOWN with an
 * error, also where the callback sets *done then): standard error has the reason. */
struct woad_config;
int woad_port_run(const struct woad_config *config, const char *program,
                  uint32_t (*loop)(void *ctx, struct woad *h, uint32_t now_ms), const bool *done);

/* For woad_config.random: the operating system's random numbers. */
int woad_port_random(void *ctx, uint8_t *out, size_t len);

/* For config.log: writes the messages to stderr that WOAD_LOG in the environment asks for: warning,
 * info (those, too) or debug (all).  Without it, none. */
void woad_port_log(void *ctx, enum woad_log_level level, const char *message);

/* A file of bonds, with our own IRK, which is made with the file.  Open it and pass it every event
 * of the host: at WOAD_EV_UP the host gets the file's bonds, and WOAD_EV_BOND updates the file.
 * After a crash the file has its old or its new content, never a mixture. */
struct woad_bond_file;
struct woad_event;
struct woad_addr;
struct woad_bond;
/* Opens the file, or creates it with mode 0600.  The path is resolved once, with symbolic links.
 * The file is locked until it is closed.  NULL with a negative errno in *error, and the file
 * unchanged: -EBUSY: it is open, here or in another program; -EBADMSG: it is no bond file, or
 * damaged; -EACCES: it is another user's; or the reason why it could not be written. */
struct woad_bond_file *woad_bond_file_open(const char *path, int *error);
/* Whether `path` leads to the open file. */
bool woad_bond_file_is(const struct woad_bond_file *f, const char *path);
void woad_bond_file_event(struct woad_bond_file *f, struct woad *h, const struct woad_event *ev);
/* Removes one peer's bond, NULL: all; the host's own bonds need woad_bond_remove().  0;
 * WOAD_ENOENT: there is none; or the error of the write: the file still has the bond then. */
int woad_bond_file_remove(struct woad_bond_file *f, const struct woad_addr *peer);
/* Writes pending changes.  Keys and the counters of signed writes are written at once; changed
 * subscriptions at least a second after the last write, by this or with an event; after an error
 * all is written again after ten seconds.  `now`: without delay; closing does that, too.  Returns
 * the milliseconds until the next call, WOAD_FOREVER: nothing is pending. */
uint32_t woad_bond_file_poll(struct woad_bond_file *f, bool now);
/* For a file that is opened while the host has bonds: gives it the host's IRK (woad_irk()), if the
 * file has no bonds. */
void woad_bond_file_adopt_irk(struct woad_bond_file *f, const uint8_t irk[16]);
/* And one of the host's bonds (woad_bond_at()), which becomes the file's first, and replaces the
 * file's bond of that peer unless that one is stronger. */
void woad_bond_file_take(struct woad_bond_file *f, const struct woad_bond *bond);
/* Of the last write: 0 or a negative errno.  -ENOSPC: the disk is full; -ESTALE: the folder is
 * gone, or another file was put in its place, which is not changed. */
int woad_bond_file_error(const struct woad_bond_file *f);
void woad_bond_file_close(struct woad_bond_file *f);

/* A clock for woad_poll(): monotonic, in milliseconds. */
uint32_t woad_port_now_ms(void);

#ifdef __cplusplus
}
#endif

#endif
