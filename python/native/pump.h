/* The Python package's pump: hosts and their controllers on one air, driven exactly as woad.h says.
 * Python is never called from inside a host: events are copied into a queue, which Python empties
 * between two steps of the air.  The package compiles this into its extension; all of it is static
 * there. */

/* An event, with a copy of the octets that it points to.  WOAD_EV_BOND and WOAD_EV_OOB have NULL in
 * the place of their pointers. */
struct pump_event {
    struct pump_event *next;
    uint32_t node; /* its number */
    uint64_t at_us;
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
/* Takes a node off the air at once, as without power. */
void pump_remove(struct pump_node *n);
/* A function of the node's host has been called: it runs before the air goes on. */
void pump_touch(struct pump_node *n);

/* Runs until an event is queued, `until_us` is reached, or `steps` steps have been made.  Returns
 * whether there is an event. */
bool pump_run(struct pump *p, uint64_t until_us, uint32_t steps);
/* The earliest queued event, valid until the next call; NULL: none. */
const struct pump_event *pump_take(struct pump *p);
/* Nothing can happen any more: no packet, no time limit. */
bool pump_at_rest(struct pump *p);
