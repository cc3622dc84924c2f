/* woad_feature_reconnection: repeats an attempt when the peer does not respond, and scans for a
 * peer with private addresses where the controller does not resolve them.  Called through struct
 * reconnect_role, core/reconnect_role.h.  Vol 3, Part C, 9.3.6, 10.8.2.3; Vol 6, Part B, 4.5.2
 *
 * Names of other files:
 *   accept_peer(): entry n of the accept list; NULL: no more
 *   ACTIVE_CONNECT: bit of h->activity: the controller tries to connect
 *   activity: of the controller: ACTIVE_ADV, _SCAN, _CONNECT, _EXT_ADV
 *   addr_same(): compares identities: the types 2 and 3 equal 0 and 1
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   attempt_until: when the application's attempt must have ended; 0: no limit
 *   bond_find(): the peer's bond in memory; NULL: none
 *   bond_slot: a bond takes one, and more for data of legacy pairing and of signed writes
 *   cancel_status: status of a cancelled attempt; 0: not cancelled
 *   central_begin(): the attempt waits for its command again: the address found, a cancellation and
 *       the deadline of this file are forgotten
 *   central_cancel(): cancels the attempt, with this status; 0: the attempt begins again when the
 *       controller has ended it
 *   CENTRAL_CONNECTING: a state of the attempt: the controller has accepted the command
 *   central_end(): the attempt ends without an event
 *   central_fail(): the attempt ends with WOAD_EV_CONNECT_FAILED; or begins again after
 *       central_cancel() with 0
 *   CENTRAL_VERIFYING: a state of the attempt: connected, and the peer has not been received
 *   CENTRAL_WAIT_COMMAND: a state of the attempt: the HCI command has not been sent
 *   CENTRAL_WAIT_STATUS: a state of the attempt: the HCI command has been sent
 *   cfg: the config that the application gave to woad_init()
 *   conn_index(): index of a connection in the arrays that have an element for each
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   connect_held: WOAD_EV_CONNECT is held back until the peer has sent something
 *   CONNECT_REQUESTED: of `activity`: the controller is to connect
 *   current: connection parameters in force: CURRENT_INTERVAL (1.25 ms), _LATENCY (events),
 *       _SUPERVISION (10 ms)
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   emit_connect(): raises WOAD_EV_CONNECT
 *   feature_named(): config.features names the feature, at any place
 *   hold_connect_event: of gap_reconnect.c: a connection has opened; true: WOAD_EV_CONNECT is held
 *       back until the peer has sent something
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   must_scan: of gap_reconnect.c: true: a scan for the peer's private address is needed, and begun
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   on_report: of gap_reconnect.c: takes the reports of its own scan
 *   own_address_pending(): our address or a list is written first: advertising and so on pause
 *   reconnect_mem: this file's state
 *   resolving_enabled: the controller resolves private addresses of bonded peers
 *   retries: attempts that remain
 *   run_timers: hook in woad_poll(): ends what has timed out; returns ms to the next deadline
 *   scan: h->scan: the scanner; NULL: not linked
 *   scan_for_peer(): ends the application's scan, then starts the host's own; does nothing while
 *       that runs
 *   scan_for_peer_end(): ends the host's own scan, without an event
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked
 *   target_known: a scan has received the peer, at central.target
 *   to_identity: of smp_role: replaces a bonded peer's private address by its identity address
 *   use_accept_list: connecting to any peer of the accept list */
#include <woad/hci.h>

#include "../core/address.h"
#include "../core/clock.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/own_address.h"
#include "../smp/smp.h"
#include "gap_central.h"

enum { FOUND_MS = 4000 }; /* limit for connecting to the address found: the peer may change it */
/* time until a connection counts as established: 6 events, a window, and HCI */
enum { VERIFYING_EVENTS = 8, VERIFYING_MS = 50 };

struct reconnect {
    uint16_t conn;     /* in CENTRAL_VERIFYING: the connection that waits to be established */
    uint32_t deadline; /* deadline of that, or of the address found; 0: none */
};

ASSERT_SIZE(reconnect, WOAD_SIZE_RECONNECT);

/* Whether the peer may use private addresses: it has given us a key for them. */
static bool peer_hides(const struct woad *h, const struct woad_addr *peer)
{
    const struct bond_slot *bond = NULL;
    if (h->smp) {
        bond = bond_find(h, peer);
    }
    return bond && bond->bits.has_irk;
}

/* Whether the attempt is for a bonded peer with private addresses, alone or on the accept list. */
static bool attempt_hides(const struct woad *h)
{
    const struct woad_addr *peer;
    if (!h->central->use_accept_list) {
        return peer_hides(h, &h->central->peer);
    }
    for (uint8_t n = 0; (peer = accept_peer(h, n)) != NULL; n++) {
        if (peer_hides(h, peer)) {
            return true;
        }
    }
    return false;
}

/* A new attempt of the application: all retries are left. */
static void reconnect_begin(struct woad *h)
{
    h->central->retries = h->cfg.connect_retries;
}

/* Called whenever HCI commands are polled.  Whether the attempt waits for a scan: its peer uses
 * private addresses that the controller does not resolve, and has not been found yet.  Starts the
 * scan, if it does not run.  Without a scanner the attempt goes to the private address that the
 * peer was seen with last (rpa_air_address()). */
static bool reconnect_must_scan(struct woad *h)
{
    struct central *c = h->central;
    if (c->state != CENTRAL_WAIT_COMMAND || own_address_pending(h) || c->target_known || !h->scan ||
        h->resolving_enabled || !attempt_hides(h)) {
        return false;
    }
    scan_for_peer(h, c->params);
    return true;
}

/* A report of that scan: if it is from the peer, or one of the accept list, the attempt goes to its
 * address. */
static void reconnect_on_report(struct woad *h, enum woad_event_type type,
                                const struct woad_event *ev, const struct woad_addr *air)
{
    struct central *c = h->central;
    bool connectable;
    if (type == WOAD_EV_REPORT) {
        connectable = ev->u.report.kind <= 1;
    } else {
        connectable = ev->u.ext_report.props & 1;
    }
    struct woad_addr identity = *air;
    if (h->smp_role) {
        h->smp_role->to_identity(h, &identity);
    }
    const struct woad_addr *peer = c->use_accept_list ? accept_peer(h, 0) : &c->peer;
    for (uint8_t n = 1; c->use_accept_list && peer && !addr_same(peer, &identity); n++) {
        peer = accept_peer(h, n);
    }
    if (connectable && peer && addr_same(peer, &identity)) {
        c->target_known = true;
        c->target = *air;
        h->reconnect_mem->deadline = deadline_in(h, FOUND_MS);
        scan_for_peer_end(h);
    }
}

/* A connection has opened: holds back WOAD_EV_CONNECT until the peer has been received or the time
 * is over.  False: it is not held back: there is no attempt, its cancellation was too late, or the
 * connection is ending already. */
static bool reconnect_hold_connect_event(struct conn *conn)
{
    struct woad *h = conn->h;
    struct central *c = h->central;
    /* ms of VERIFYING_EVENTS connection intervals */
    uint32_t events = conn->current[CURRENT_INTERVAL] * 5u / 4 * VERIFYING_EVENTS;
    if ((c->state != CENTRAL_WAIT_STATUS && c->state != CENTRAL_CONNECTING) ||
        conn->state != CONN_OPEN) {
        return false;
    }
    c->state = CENTRAL_VERIFYING;
    c->deadline = 0;
    c->cancel_status = 0;
    conn->connect_held = true;
    h->reconnect_mem->conn = conn->number;
    h->reconnect_mem->deadline = deadline_in(h, events + VERIFYING_MS);
    /* the controller has connected; the host may have to do it again */
    h->activity = (uint8_t)((h->activity & ~ACTIVE_CONNECT) | CONNECT_REQUESTED);
    return true;
}

/* Something has been received from the peer, or the time is over and the controller has not given
 * it up: ends the attempt, and raises WOAD_EV_CONNECT, which was held back. */
static void reconnect_peer_present(const struct conn *conn)
{
    conn->h->conns[conn_index(conn)].connect_held = false; /* `conn` is const */
    central_end(conn->h);
    emit_connect(conn);
}

/* The held connection has ended, or the controller has refused the scan.  A connection that was not
 * established (0x3E) is tried again, from the scan on, while retries and time remain.  Otherwise
 * the attempt fails, with the status of its cancellation if it was cancelled. */
static void reconnect_failed(struct woad *h, uint8_t status)
{
    struct central *c = h->central;
    if (status == WOAD_HCI_FAILED_TO_ESTABLISH && c->retries && !c->cancel_status &&
        h->state == HOST_UP && deadline_left(h, c->attempt_until)) {
        c->retries--;
        central_begin(h);
        return;
    }
    int reason = c->cancel_status;
    if (!reason) {
        reason = status;
    }
    central_fail(h, reason);
}

/* The attempt ends, or begins again: ends the scan and the deadline.  ATTEMPT_CANCELLED, only in
 * CENTRAL_VERIFYING: disconnects the held connection; its end calls reconnect_failed(). */
static void reconnect_stop(struct woad *h, bool cancels)
{
    if (h->scan) {
        scan_for_peer_end(h);
    }
    h->reconnect_mem->deadline = 0;
    if (cancels) {
        woad_disconnect(h, h->reconnect_mem->conn, WOAD_HCI_REMOTE_USER_TERMINATED);
    }
}

/* At the deadline: raises the WOAD_EV_CONNECT that is held back; or cancels the command to the
 * address found, after which the attempt begins again with a scan; or forgets that address, if the
 * command has not been sent, so that the scan begins again.  Returns ms to the deadline. */
static uint32_t reconnect_run_timers(struct woad *h)
{
    struct reconnect *r = h->reconnect_mem;
    struct central *c = h->central;
    uint32_t left = WOAD_FOREVER;
    if (r) {
        left = deadline_left(h, r->deadline);
    }
    if (left) {
        return left;
    }
    r->deadline = 0;
    if (c->state == CENTRAL_VERIFYING) {
        const struct conn *conn = conn_of(h, r->conn);
        if (conn && conn->connect_held) {
            reconnect_peer_present(conn);
        }
    } else if (c->target_known &&
               (c->state == CENTRAL_WAIT_STATUS || c->state == CENTRAL_CONNECTING)) {
        central_cancel(h, 0); /* central_begin() follows, which sets target_known to false */
    } else if (c->target_known && c->state == CENTRAL_WAIT_COMMAND) {
        c->target_known = false;
    }
    return 0;
}

static const struct reconnect_role reconnect_role = {
    .begin = reconnect_begin,
    .must_scan = reconnect_must_scan,
    .on_report = reconnect_on_report,
    .hold_connect_event = reconnect_hold_connect_event,
    .peer_present = reconnect_peer_present,
    .failed = reconnect_failed,
    .stop = reconnect_stop,
};

static void reconnect_layout(struct woad *h)
{
    if (!h->cfg.connect_retries) {
        h->cfg.connect_retries = WOAD_DEFAULT_CONNECT_RETRIES;
    }
    h->reconnect_mem = arena_alloc(h, 1, sizeof *h->reconnect_mem);
    if (feature_named(h, &woad_feature_central)) {
        h->reconnect = &reconnect_role;
    } else {
        h->reconnect = NULL;
    }
}

const struct woad_feature woad_feature_reconnection = { .layout = reconnect_layout,
                                                        .run_timers = reconnect_run_timers };
