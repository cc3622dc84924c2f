/* HCI transports for PCs (POSIX).  This is the only part that does I/O and uses the heap. */
#ifndef WOAD_PORT_H
#define WOAD_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct woad;
struct woad_port;
enum { WOAD_PORT_MESSAGE_MAX = 200 };

/* Opens a way to a controller:
 *
 *     unix:/path        H4 on a unix socket, as `woad air` serves it
 *     tcp:host:port     H4 on TCP; an address of IPv6 in brackets
 *     uart:/dev/tty@baud, pty:/dev/pts/N     H4 on a serial line, with RTS/CTS where there are
 *     usb, usb:vendor:product, usb:bus.address    a controller on USB: the first, or that one
 *     hci0              Linux's user channel (needs CAP_NET_ADMIN, and the adapter down)
 *
 * Behind a name, ",h5": the three-wire protocol in the place of H4.  Behind a serial line's, also
 * ",even": parity; ",bcm=file": a part of Broadcom's, and its patch; ",to=baud": at which it goes
 * on then.  See woad_port_vendor_init().
 *
 * With NULL it takes the environment's WOAD_HCI, and where that is not set the simulated radio of
 * this user, which is started if it does not run and ends with the last that uses it.  It is
 * in XDG_RUNTIME_DIR, if that is absolute, belongs to this user and is writable by no other, or in
 * /tmp.
 * With WOAD_BTSNOOP=file set, every packet is added to that log, which other programs may write
 * too, with zeros in the place of keys unless WOAD_BTSNOOP_KEYS is set to something.  A file that
 * is something else is left as it is (-EBADMSG).  When it can't be written any more, a line on
 * standard error says so, and the port goes on without it.
 *
 * Connecting takes at most five seconds.  The descriptor is above 2.
 *
 * NULL on failure; *error is then a negative errno and `why` a sentence for people. */
struct woad_port *woad_port_open(const char *spec, int *error, char message[WOAD_PORT_MESSAGE_MAX]);
/* The same for a program of that name.  On a simulated radio behind a unix socket, that of this
 * user too, a program has the same public address each time it opens one: by the environment's
 * WOAD_NAME, else by `program`, else (NULL) by the path of its executable.  Programs of the same
 * name that run at the same time have different addresses, and a process keeps its own. */
struct woad_port *woad_port_open_as(const char *spec, const char *program, int *error,
                                    char message[WOAD_PORT_MESSAGE_MAX]);
void woad_port_close(struct woad_port *p);

/* What the controller wants before it is brought up, for woad_set_vendor_init() before
 * woad_start(); NULL: nothing.  It lives as long as the port. */
struct woad_vendor_init;
const struct woad_vendor_init *woad_port_vendor_init(const struct woad_port *p);

int woad_port_fd(const struct woad_port *p);
/* Whether something waits until the descriptor can be written. */
bool woad_port_blocked(const struct woad_port *p);

/* The next whole packet, H4 type octet first, valid until the next call.  Returns its length, 0
 * when there is none now, or a negative errno: the controller is gone (-EIO), or sent what is not
 * H4 (-EBADMSG). */
int woad_port_read(struct woad_port *p, const uint8_t **packet);

/* Sends, or keeps until it can be sent; 0 or a negative errno.  -EBUSY: there is no room for it.
 * Without ",h5" that is so while woad_port_blocked(); with it until the link is made, and while
 * four packets are not acknowledged: woad_port_read(), at least every 100 ms, brings that on. */
int woad_port_write(struct woad_port *p, const uint8_t *packet, size_t len);

/* Moves what there is to move both ways and lets time pass, without waiting: what has come is read
 * before time is told, so that a program that was stopped does not take the controller for dead.
 * It moves a bounded number of packets; if there are more, *wait_ms is 0.  When the controller is
 * gone it calls woad_fail() and returns the negative errno.  *wait_ms gets the milliseconds until
 * it must be called again although nothing came (WOAD_FOREVER: none). */
int woad_port_pump(struct woad_port *p, struct woad *h, uint32_t *wait_ms);

/* Only the sending half of it, for a program that is inside the event callback. */
int woad_port_flush(struct woad_port *p, struct woad *h);

/* As woad_port_pump(), then waits for the controller, at most `max_ms`, and moves again: a
 * program's loop. */
int woad_port_step(struct woad_port *p, struct woad *h, uint32_t max_ms);

/* For woad_config's random: the system's. */
int woad_port_random(void *ctx, uint8_t *out, size_t len);

/* Bonds in a file, and our own IRK, which is drawn when the file is made.  Open it, and give it
 * every event: at WOAD_EV_UP the host gets all that is in it, and it takes what WOAD_EV_BOND
 * brings.  Whatever happens while it writes, the file is the old one or the new one.
 *
 * open: makes the file (mode 0600) if it is not there.  A symbolic link is followed once, now, and
 * a relative path is this moment's.  The file is locked until it is closed.  NULL with a negative
 * errno: -EBUSY: a program, this one too, has it open; -EBADMSG: it is something else, or damaged;
 * -EACCES: it is another user's; or what prevents that it is written.  It is left as it is then.
 * is: whether a path leads to the file that is open.
 * remove: the bond of a peer, or all with NULL; the host's are its own: woad_bond_remove().  0;
 * WOAD_ENOENT: there is none; or why the file could not be written: it still has the bond then.
 * poll: what has changed of a bond (subscriptions) is written a second after the last time at the
 * earliest, with an event or by this: milliseconds until it is to be called, WOAD_FOREVER: nothing
 * waits.  What could not be written is tried again after ten seconds.  `now`: at once, before the
 * program ends; closing does it too.  Keys and numbers of signed writes never wait.
 * adopt_irk: a host's IRK (woad_irk()) takes the place of the file's, if the file has no bonds: for
 * a file that is opened when there are bonds already.
 * take: for the same, a bond of the host (woad_bond_at()) goes to the file's front; it takes the
 * place of the file's of that peer, unless that one is stronger.
 * error: of the last time it was written, 0 or a negative errno (-ENOSPC: the disk is full;
 * -ESTALE: its folder is gone, or another file was put in its place, and is left there); the next
 * time all is written. */
struct woad_bond_file;
struct woad_event;
struct woad_addr;
struct woad_bond;
struct woad_bond_file *woad_bond_file_open(const char *path, int *error);
bool woad_bond_file_is(const struct woad_bond_file *f, const char *path);
void woad_bond_file_event(struct woad_bond_file *f, struct woad *h, const struct woad_event *ev);
int woad_bond_file_remove(struct woad_bond_file *f, const struct woad_addr *peer);
uint32_t woad_bond_file_poll(struct woad_bond_file *f, bool now);
void woad_bond_file_adopt_irk(struct woad_bond_file *f, const uint8_t irk[16]);
void woad_bond_file_take(struct woad_bond_file *f, const struct woad_bond *bond);
int woad_bond_file_error(const struct woad_bond_file *f);
void woad_bond_file_close(struct woad_bond_file *f);

/* A clock for woad_poll(): monotonic, in milliseconds. */
uint32_t woad_port_now_ms(void);

#endif
