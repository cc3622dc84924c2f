/* The Python package's pump: hosts and their controllers on one air, driven exactly as woad.h says.
 * Python is never called from inside a host: events are copied into a queue, which Python empties
 * between two steps of the air.  The package compiles this into its extension; all of it is static
 * there. */

/* An event, with a copy of the octets that it points to.  WOAD_EV_BOND and WOAD_EV_OOB have NULL in
 * the place of their pointers. */
struct pump_event {
    struct pump_event *next;
    uint32_t node; /* its number */
    struct woad_event ev;
    uint16_t len; /* of `octets` */
    uint8_t octets[];
};

struct pump;
struct pump_node;

/* pump_new(): NULL without memory, or if the capture can't be written: then errno says why. */
struct pump *pump_new(uint64_t seed, uint16_t loss_per_mille, const char *pcap);
/* Frees everything. */
void pump_free(struct pump *p);
struct woad_air *pump_air(struct pump *p);
/* The links between controllers, for Python to set: `links` of the PUMP_LINKS that there are. */
enum { PUMP_LINKS = 64 };
struct woad_air_link *pump_links(struct pump *p);
void pump_set_links(struct pump *p, size_t links);
/* Writes what the capture has in memory to its file. */
void pump_flush(struct pump *p);

/* Puts a host with its controller on the air, and starts it: WOAD_EV_UP follows.  `address`: six
 * octets, or NULL: 02:00:00:00:00:01 for the first node and so on.  NULL: no memory, or a config
 * that is not valid. */
struct pump_node *pump_add(struct pump *p, const struct woad_config *sizes, const char *profile,
                           const uint8_t *address, int32_t x_mm, int32_t y_mm);
uint32_t pump_number(struct pump_node *n);
struct woad *pump_host(struct pump_node *n);
struct woad_air_controller *pump_controller(struct pump_node *n);
/* 0; or WOAD_EBADMSG: its host has sent, or was sent, a malformed packet; WOAD_ENOMEM: an event is
 * lost. */
int pump_error(struct pump_node *n);
/* Takes a node off the air at once, as without power; closes its port. */
void pump_remove(struct pump_node *n);
/* A function of the node's host has been called: it runs before the air goes on. */
void pump_touch(struct pump_node *n);

/* Runs until an event is queued, `until_us` is reached, or `steps` steps have been made.  Returns
 * whether there is an event. */
bool pump_run(struct pump *p, uint64_t until_us, uint32_t steps);
/* The earliest queued event, valid until the next call; NULL: none. */
const struct pump_event *pump_take(struct pump *p);
/* Microseconds: the air's time, or without one this process's (ports/posix/clock.h). */
uint64_t pump_now_us(struct pump *p);
/* Nothing can happen any more: no packet, no time limit. */
bool pump_at_rest(struct pump *p);

/* Hosts on ports (woad/port.h), in the place of an air: pump_run() and the functions of the air are
 * not for them.  NULL: no memory. */
struct pump *pump_new_ports(void);
/* Opens the transport that `spec` names, NULL: WOAD_HCI, with a host on it, and starts the host.
 * NULL: *error is negative, and `message` (WOAD_PORT_MESSAGE_MAX octets) says why. */
struct pump_node *pump_open(struct pump *p, const struct woad_config *sizes, const char *spec,
                            const char *program, int *error, char *message);
/* To be polled for input, and for output while pump_serve() says that it is blocked. */
int pump_fd(struct pump_node *n);
/* Moves packets and runs deadlines.  *wait_ms: until the next call.  Returns whether there is an
 * event. */
bool pump_serve(struct pump *p, uint32_t *wait_ms, bool *blocked);
/* Waits on this process's clock: until a moment, or until `fd` (an epoll descriptor) is readable,
 * or for a signal.  In virtual time `fd` counts only if `outside`. */
void pump_sleep(uint64_t until_us, int fd, bool outside);
/* Joins the virtual time of the `woad air` at the unix socket `path`.  False: it has none. */
bool pump_join(const char *path, const char *name);
bool pump_is_virtual(void);
uint64_t pump_clock_us(void);
/* A file of bonds for the node's host (woad/port.h): 0 or a negative errno.  pump_serve() writes to
 * it, pump_remove() closes it. */
int pump_bonds(struct pump_node *n, const char *path);
/* Whether programs that this process starts have fixed addresses: in virtual time equal programs
 * then do the same each time. */
void pump_fix_addresses(bool fixed);
/* As woad_gatt_notify(), with a line behind the host's queue, from which that is filled again.
 * WOAD_EAGAIN: the line is full, too, and WOAD_EV_TX_READY follows when half of it is sent. */
int pump_notify(struct pump_node *n, uint16_t conn, uint16_t handle, const void *data,
                uint16_t len);
/* Another call has returned WOAD_EAGAIN: with `wanted` WOAD_EV_TX_READY is raised before the line
 * is sent; without, the line goes on.  Returns whether a call of pump_notify() that has returned
 * WOAD_EAGAIN may be repeated: no event follows then. */
bool pump_want(struct pump_node *n, uint16_t conn, bool wanted);
