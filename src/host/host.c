/* The public entry points: memory, start and stop, packets in and out, time.  Nothing below calls
 * this file but host_down().
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   b: an ATT bearer (att/att.h)
 *   acl_rx(): handles an ACL packet; 0, or WOAD_EBADMSG
 *   activity: of the controller: ACTIVE_ADV, _SCAN, _CONNECT, _EXT_ADV
 *   ALIGN_UP(): rounds up to what any object in the host's memory needs
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   arena_alloc_per_conn(): an element for each connection; its address goes into ARENA_SLOT
 *   ARENA_SLOT: a field of an array of structs, where addresses go (core/arena.h)
 *   att_bearer: a bearer of ATT: a connection's fixed channel, or one of Enhanced ATT: att.h
 *   ATT_MTU_DEFAULT: the ATT_MTU before an exchange
 *   att_run_timers(): ends what has timed out on bearers; ms to the next deadline
 *   bearer: of a connection: its fixed ATT channel; of a procedure: where it runs; NULL: nowhere
 *   bearers: of the host: one a connection, then Enhanced ATT's; of c->coc: how many are open
 *   bearers_end: of the host: the end of its bearers' slots
 *   callback: CALLBACK_RUNS: the application's callback runs; CALLBACK_TX: it has called woad_tx()
 *   cfg: the config that the application gave to woad_init()
 *   CHECK_LOST_WAKEUP: a test build: polls all connections; a forgotten conn_mark_ready() traps
 *   clock_known: of the host: it has been given the time
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   config_complete(): chooses for fields of 0, computes the sizes of frames; false: not valid
 *   conn_close_all(): ends all connections
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   conns_end: of the host: the end of its connections' slots
 *   conns_run_timers(): ends what has timed out on connections; ms to the next deadline
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   emit_none(): raises an event that is of no connection
 *   event_depth: events being raised, one inside the other; only with CHECK_LOST_WAKEUP
 *   event_raised: an event has been raised since woad_poll() began
 *   H4_ACL: H4_…: types of packets
 *   hci: of the host: HCI's flow control and what the controller has said: core/host.h
 *   hci_clock_set(): the clock is known: the time limit of a command sent before begins now
 *   hci_run_timers(): ends the host when an answer is late; ms to the deadline
 *   hci_rx_event(): handles an HCI event; 0, or WOAD_EBADMSG
 *   hci_tx(): writes the next command; 0: none
 *   HOST_FALLING: everything has ended, and the events that say so are being raised
 *   HOST_OFF: state of the host: it does not run
 *   HOST_STARTING: state of the host: it brings the controller up
 *   HOST_STOPPING: state of the host: woad_stop() was called, and it ends its connections
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   in_tx: woad_tx() is on the call stack
 *   INSIDE_CALLBACK: for REFUSED(): not to be called by the event callback
 *   last_rx_ms: the time at which the controller's last packet arrived
 *   LOG(): a line in the log, with printf()'s format
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   pending_opcode: of the HCI command that awaits its answer; 0: none
 *   REFUSED(): logs why a call is refused, and is its error
 *   refused_count: entries of refused_handles
 *   refused_handles: connections for which there was no slot, to be disconnected
 *   refused_max(): how many refused_handles there may be
 *   run_timers: hook in woad_poll(): ends what has timed out; returns ms to the next deadline
 *   rx_frame_max: octets of the largest L2CAP payload that the host can receive
 *   sig_queue: signalling responses to be sent
 *   sig_queue_size: octets of each connection's queue of signalling responses
 *   SIGNALLING_QUEUE: octets of the queue of signalling responses, for so many channels
 *   tx_frame: a frame that is sent in fragments, of tx_frame_of.conn
 *   tx_frame_max: octets of the largest L2CAP payload that the host sends
 *   tx_frame_of: the connection of the frame in tx_frame; while memory is laid out: the arena
 *   tx_unfinished: woad_tx() returned 0 before all ready connections were polled */
#include <woad/hci.h>

#include "../att/att.h"
#include "../base/bytes.h"
#include "../core/clock.h"
#include "../core/config.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../core/ready.h"
#include "../hci/hci.h"
#include "../l2cap/l2cap.h"

enum { STOP_MS = 1000 };    /* woad_stop() waits so long for the connections to end */
enum { MTU_OFFERED = 256 }; /* ATT_MTU at first, if config.mtu allows it */

/* Allocates the core's arrays, then each feature's. */
static void layout(struct woad *h)
{
    h->conns = arena_alloc(h, h->cfg.conns, sizeof *h->conns);
    h->bearers = arena_alloc(h, (size_t)h->cfg.conns + h->cfg.att_bearers, sizeof *h->bearers);
    h->tx_frame = arena_alloc(h, 1, (size_t)h->tx_frame_max + 4);
    h->refused_handles = arena_alloc(h, refused_max(h), sizeof *h->refused_handles);
    arena_alloc_per_conn(h, (size_t)h->rx_frame_max + 4, ARENA_SLOT(h->conns, rx));
    arena_alloc_per_conn(h, h->sig_queue_size, ARENA_SLOT(h->conns, sig_queue.mem));
    arena_alloc_per_conn(h, h->cfg.tx_queue, ARENA_SLOT(h->conns, queue.mem));
    for (const struct woad_feature *const *f = h->cfg.features; *f; f++) {
        if ((*f)->layout) {
            (*f)->layout(h);
        }
    }
}

/* Octets of the whole instance; 0: the config is not valid.  `mem` NULL: only counts, in an `h`
 * that is thrown away. */
static size_t lay_out(struct woad *h, uint8_t *mem, const struct woad_config *config)
{
    struct arena a = { .mem = mem, .len = sizeof *h };
    h->tx_frame_of.arena = &a;
    h->cfg = *config;
    h->sig_queue_size = SIGNALLING_QUEUE(0);
    if (!config_complete(h, &h->cfg)) {
        return 0;
    }
    layout(h);
    h->tx_frame_of.arena = NULL;
    return ALIGN_UP(a.len);
}

size_t woad_size(const struct woad_config *config)
{
    struct woad h = { 0 };
    if (config) {
        return lay_out(&h, NULL, config);
    }
    return 0;
}

struct woad *woad_init(void *mem, size_t len, const struct woad_config *config)
{
    size_t need = woad_size(config);
    if (!mem || (uintptr_t)mem % sizeof(union align) || !need || len < need) {
        return NULL;
    }
    memset(mem, 0, need);
    struct woad *h = mem;
    lay_out(h, mem, config);
    h->conns_end = h->conns + h->cfg.conns;
    h->bearers_end = h->bearers + h->cfg.conns + h->cfg.att_bearers;
    struct att_bearer *b = h->bearers;
    uint16_t number = 0;
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        c->h = h;
        c->number = number++;
        c->bearer = b++;
    }
    h->mtu = (uint16_t)min_u32(h->cfg.mtu, MTU_OFFERED); /* more only by woad_set_mtu() */
    return h;
}

static void reset_features(struct woad *h)
{
    for (const struct woad_feature *const *f = h->cfg.features; *f; f++) {
        if ((*f)->reset) {
            (*f)->reset(h);
        }
    }
}

int woad_start(struct woad *h)
{
    if (h->state != HOST_OFF) {
        return REFUSED(h, WOAD_EALREADY, "the host is started, or WOAD_EV_DOWN is still to come");
    }
    memset(&h->controller, 0, sizeof h->controller);
    h->hci = (struct hci){ .credits = 1 };
    h->commands_idle = false;
    h->refused_count = 0;
    h->state = HOST_STARTING;
    reset_features(h);
    return 0;
}

/* When the connections have ended, connection.c resets the controller, and host_down() follows; or
 * at stop_deadline. */
int woad_stop(struct woad *h)
{
    if (h->state <= HOST_FALLING) {
        return REFUSED(h, WOAD_ENODEV, "the host is not started");
    }
    if (h->state == HOST_STOPPING) {
        return 0;
    }
    h->commands_idle = false;
    if (h->state == HOST_STARTING) {
        host_down(h, 0);
        return 0;
    }
    h->state = HOST_STOPPING;
    h->stop_deadline = deadline_in(h, STOP_MS);
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        if (c->state == CONN_OPEN) {
            woad_disconnect(h, c->number, WOAD_HCI_REMOTE_USER_TERMINATED);
        }
    }
    return 0;
}

/* The state is HOST_FALLING first, so that calls from inside the events fail.  woad_start() may be
 * called again from inside WOAD_EV_DOWN. */
void host_down(struct woad *h, int error)
{
    if (h->state <= HOST_FALLING) {
        return;
    }
    if (error) {
        LOG(h, WOAD_LOG_WARNING, "the host goes down: error %d", error);
    }
    h->state = HOST_FALLING;
    h->hci.pending_opcode = 0;
    h->hci.credits = 0;
    h->hci.deadline = 0;
    h->stop_deadline = 0;
    h->activity = 0;
    conn_close_all(h, error ? WOAD_HCI_HARDWARE_FAILURE : WOAD_HCI_LOCAL_HOST_TERMINATED);
    reset_features(h);
    h->state = HOST_OFF;
    struct woad_event ev;
    ev.u.down.error = error;
    emit_none(h, WOAD_EV_DOWN, &ev);
}

void woad_fail(struct woad *h, int error)
{
    if (!error) {
        error = WOAD_EIO;
    }
    host_down(h, error);
}

static int LOG_RARE rx_refused(const struct woad *h, int err, const char *why)
{
    (void)h, (void)why;
    return REFUSED(h, err, "woad_rx: %s", why);
}

int woad_rx(struct woad *h, const uint8_t *packet, size_t len)
{
    if (h->callback & CALLBACK_RUNS) {
        return rx_refused(h, WOAD_EBUSY, INSIDE_CALLBACK);
    }
    if (!packet || !len) {
        return rx_refused(h, WOAD_EBADMSG, "a packet of 0 octets");
    }
    if (h->state <= HOST_FALLING) {
        return 0; /* a controller that still sends: dropped */
    }
    uint8_t type = *packet++;
    len--;
    h->controller.last_rx_ms = h->now;
    if (type == H4_ACL) {
        return acl_rx(h, packet, len);
    }
    if (type == H4_EVENT) {
        return hci_rx_event(h, packet, len);
    }
    if (type == H4_SCO || type == H4_ISO) {
        return 0; /* not used, and no error */
    }
    return rx_refused(h, WOAD_EBADMSG,
                      "a packet of another type than data, 0x02, and events, 0x04");
}

size_t woad_tx(struct woad *h, uint8_t *buf, size_t room)
{
    if (h->state <= HOST_FALLING || h->in_tx) {
        return 0; /* an event's callback calls it while a packet is being written */
    }
    h->in_tx = true;
    h->callback |= CALLBACK_TX;
    size_t n;
    do { /* again when an event that acl_tx() raised has made a command necessary */
        n = 0;
        if (!h->commands_idle || (CHECK_LOST_WAKEUP && !h->event_depth)) {
            n = hci_tx(h, buf, room);
        }
        if (!n) {
            n = acl_tx(h, buf, room);
        }
    } while (!n && !h->commands_idle && room >= WOAD_TX_ROOM);
    h->in_tx = false;
    if (!n && room < WOAD_TX_ROOM && h->state != HOST_UP) {
        LOG(h, WOAD_LOG_WARNING, "woad_tx: room is %u: the bring-up needs WOAD_TX_ROOM, %u",
            (unsigned)room, WOAD_TX_ROOM);
    }
    return n;
}

void woad_clock(struct woad *h, uint32_t now_ms)
{
    h->now = now_ms;
    if (!h->clock_known) {
        h->clock_known = true;
        hci_clock_set(h);
    }
}

uint32_t woad_poll(struct woad *h, uint32_t now_ms)
{
    if (h->callback & CALLBACK_RUNS) {
        LOG(h, WOAD_LOG_WARNING, "woad_poll: " INSIDE_CALLBACK);
        return 0;
    }
    woad_clock(h, now_ms);
    h->commands_idle = false;
    h->event_raised = h->tx_unfinished;
    h->tx_unfinished = false;
    uint32_t left = min_u32(hci_run_timers(h), min_u32(conns_run_timers(h), att_run_timers(h)));
    for (const struct woad_feature *const *f = h->cfg.features; *f; f++) {
        if ((*f)->run_timers) {
            left = min_u32(left, (*f)->run_timers(h));
        }
    }
    uint32_t stop = deadline_left(h, h->stop_deadline);
    if (stop == 0) {
        host_down(h, 0); /* the controller has not ended all connections in time */
    }
    if (h->event_raised) {
        return 0; /* send what its callback requested; after WOAD_EV_DOWN, start again */
    }
    if (h->state == HOST_OFF) {
        return WOAD_FOREVER;
    }
    return min_u32(left, stop);
}

int woad_set_mtu(struct woad *h, uint16_t mtu)
{
    if (mtu < ATT_MTU_DEFAULT || mtu > h->cfg.mtu) {
        return REFUSED(h, WOAD_EINVAL, "mtu is %u: 23 to config.mtu, %u", mtu, h->cfg.mtu);
    }
    h->mtu = mtu;
    return 0;
}

uint16_t woad_mtu(const struct woad *h)
{
    return h->mtu;
}
