/* Connecting to a peripheral: one attempt at a time.  Vol 4, Part E, 7.8.12, 7.8.13
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   accept: of the host: the accept list; NULL: not linked
 *   ACTIVE_CONNECT: bit of h->activity: the controller tries to connect
 *   ACTIVE_SCAN: bit of h->activity: the controller scans
 *   activity: of the controller: ACTIVE_ADV, _SCAN, _CONNECT, _EXT_ADV
 *   addr_copy(): copies an address with its type
 *   addr_same(): compares identities: the types 2 and 3 equal 0 and 1
 *   ADDRESS_DUE: of h->address_pending: the address is to be renewed, when the attempt to connect
 *       has paused
 *   address_pending: ADDRESS_…: our next private address is calculated, failed, or due; 0: none is
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   ATTEMPT_OVER: the attempt to connect has failed, and was not cancelled
 *   attempt_until: when the application's attempt must have ended; 0: no limit
 *   begin: of gap_reconnect.c: a new attempt of the application: all retries are left
 *   CALL_ERROR: logs why a public call is refused; its value is the error, the second argument
 *   cancel_sent: of an attempt to connect: the command to cancel it was sent
 *   cancel_status: status of a cancelled attempt; 0: not cancelled
 *   CENTRAL_CANCEL: with CENTRAL_IDLE and so on: states of the attempt to connect (gap_central.h)
 *   CENTRAL_CONNECTING: a state of the attempt: the controller has accepted the command
 *   CENTRAL_VERIFYING: a state of the attempt: connected, and the peer has not been received
 *   CENTRAL_WAIT_COMMAND: a state of the attempt: the HCI command has not been sent
 *   CENTRAL_WAIT_STATUS: a state of the attempt: the HCI command has been sent
 *   cfg: the config that the application gave to woad_init()
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   conn_any_free(): there is room for one more connection
 *   conn_by_peer(): the connection with the peer's identity address; NULL: none
 *   CONN_PARAMS_LIMITS: the limits of connection parameters as text, for the log
 *   conn_params_of(): converts the application's connection parameters to those of a request
 *   conn_params_valid(): HCI allows these connection parameters
 *   conn_wr_params(): writes a request's parameters in the form in which HCI's commands end
 *   CONNECT_INTERVAL: index of the scan interval, 625 us
 *   CONNECT_PARAMS: parameters of an attempt to connect
 *   CONNECT_REQUEST: index of the first parameter of a request to connect, PARAM_MIN
 *   CONNECT_REQUESTED: of `activity`: the controller is to connect
 *   CONNECT_WINDOW: index of the scan window, 625 us
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   emit_none(): raises an event that is of no connection
 *   ext_connects(): connecting goes by extended commands, through h->ext_role
 *   ext_role: functions of gap_ext.c for legacy files; NULL: not linked. adv_params(), create() and
 *       the like write an extended command and return its opcode
 *   feature_for_call(): for a public call: WOAD_ENOTSUP, WOAD_ENODEV or 0; HCI is polled again
 *   hold_connect_event: of gap_reconnect.c: a connection has opened; true: WOAD_EV_CONNECT is held
 *       back until the peer has sent something
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   must_scan: of gap_reconnect.c: true: a scan for the peer's private address is needed, and begun
 *   OP_LE_CREATE_CONNECTION: OP_…: opcodes of HCI commands: hci.h
 *   own_address_pending(): our address or a list is written first: advertising and so on pause
 *   own_type: type of our own address, as HCI numbers it
 *   reconnect: gap_reconnect.c, as other files call it; NULL: not linked
 *   REFUSED(): logs why a call is refused, and is its error
 *   run_timers: hook in woad_poll(): ends what has timed out; returns ms to the next deadline
 *   scan_window_valid(): HCI allows a scan with this interval and window
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked
 *   stop: of gap_reconnect.c: ends its scan and deadline; ATTEMPT_CANCELLED: the connection, too
 *   target_known: a scan has received the peer, at central.target
 *   to_air_address: of smp_role: replaces a peer's identity address by the private one it uses
 *   use_accept_list: connecting to any peer of the accept list
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include <woad/hci.h>

#include "../core/address.h"
#include "../core/clock.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../core/own_address.h"
#include "../core/security.h"
#include "../hci/numbers.h"
#include "../l2cap/sig.h"
#include "gap_central.h"

enum { CANCEL_TIMEOUT_MS = 1000 };

ASSERT_SIZE(central, WOAD_SIZE_CENTRAL);

static void central_layout(struct woad *h)
{
    h->central = arena_alloc(h, 1, sizeof *h->central);
}

/* The attempt is over, without an event. */
void central_end(struct woad *h)
{
    if (h->reconnect) {
        h->reconnect->stop(h, ATTEMPT_OVER);
    }
    h->central->state = CENTRAL_IDLE;
    h->central->deadline = 0;
    h->activity &= (uint8_t) ~(ACTIVE_CONNECT | CONNECT_REQUESTED);
}

/* Begins the attempt, or begins it again, within its time. */
void central_begin(struct woad *h)
{
    struct central *c = h->central;
    if (h->reconnect) {
        h->reconnect->stop(h, ATTEMPT_OVER);
    }
    c->state = CENTRAL_WAIT_COMMAND;
    c->target_known = false;
    c->cancel_status = 0;
    c->deadline = c->attempt_until;
    h->activity = (uint8_t)((h->activity & ~ACTIVE_CONNECT) | CONNECT_REQUESTED);
    h->commands_idle = false;
}

/* The attempt has failed: begins again where only its command was cancelled, or raises
 * WOAD_EV_CONNECT_FAILED, with the status of its cancellation if it was cancelled. */
void central_fail(struct woad *h, int status)
{
    struct woad_event ev;
    const struct central *c = h->central;
    if (c->state == CENTRAL_CANCEL && h->state == HOST_UP) {
        if (!c->cancel_status) {
            central_begin(h);
            return;
        }
        status = c->cancel_status;
    }
    addr_copy(&ev.u.connect_failed.peer, &c->peer);
    ev.u.connect_failed.status = status;
    if (c->state != CENTRAL_IDLE) {
        central_end(h);
        emit_none(h, WOAD_EV_CONNECT_FAILED, &ev);
    }
}

static void central_reset(struct woad *h)
{
    central_fail(h, WOAD_ECANCELED);
}

/* HCI_LE_Create_Connection: scan interval u16, window u16, filter u8, peer type u8, peer 6, own
 * type u8, interval min u16, max u16, latency u16, timeout u16, CE length min u16, max u16. */
static uint16_t central_write_create(struct woad *h, struct wr *params)
{
    const uint16_t *p = h->central->params;
    bool at_target = h->central->target_known, use_list = h->central->use_accept_list && !at_target;
    struct woad_addr peer = *(at_target ? &h->central->target : &h->central->peer);
    if (h->smp_role && !at_target) {
        h->smp_role->to_air_address(h, &peer);
    }
    if (ext_connects(h)) {
        return h->ext_role->create(h, &peer, use_list, p, params);
    }
    wr_le16s(params, p, CONNECT_REQUEST);
    wr_u8(params, use_list);
    wr_bytes(params, &peer, sizeof peer);
    wr_u8(params, h->own_type);
    conn_wr_params(params, p + CONNECT_REQUEST);
    return OP_LE_CREATE_CONNECTION;
}

/* Create Connection when nothing stands in its way, or Create Connection Cancel; 0: neither. */
static uint16_t central_command(struct woad *h, struct wr *params)
{
    struct central *c = h->central;
    if (h->state != HOST_UP) {
        return 0;
    }
    /* the controller refuses a new private address during an attempt */
    if (h->address_pending == ADDRESS_DUE &&
        (c->state == CENTRAL_WAIT_STATUS || c->state == CENTRAL_CONNECTING)) {
        central_cancel(h, 0);
    }
    /* after the application's scan has been turned off */
    if (c->state == CENTRAL_WAIT_COMMAND && !own_address_pending(h) &&
        !(h->activity & ACTIVE_SCAN) && !(h->reconnect && h->reconnect->must_scan(h))) {
        c->state = CENTRAL_WAIT_STATUS;
        h->activity = (uint8_t)((h->activity & ~CONNECT_REQUESTED) | ACTIVE_CONNECT);
        return central_write_create(h, params);
    }
    if (c->state == CENTRAL_CANCEL && !c->cancel_sent) {
        c->cancel_sent = true;
        return OP_LE_CREATE_CONNECTION_CANCEL;
    }
    return 0;
}

/* The command has completed.  A cancel that is refused (Command Disallowed) came too late: LE
 * Connection Complete follows or has preceded it.  If neither happens, CANCEL_TIMEOUT_MS ends the
 * attempt. */
static void central_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct central *c = h->central;
    (void)ret;
    if (c->state <= CENTRAL_WAIT_COMMAND) {
        return; /* of an earlier attempt, which has ended */
    }
    if (opcode == OP_LE_CREATE_CONNECTION_CANCEL) {
        c->deadline = deadline_in(h, CANCEL_TIMEOUT_MS);
    } else if (status) {
        central_fail(h, status);
    } else if (c->state == CENTRAL_WAIT_STATUS) {
        c->state = CENTRAL_CONNECTING;
    }
}

/* LE Connection Complete with a status, or no room for the connection.  Unknown Connection (0x02)
 * answers a cancel.  One that comes before this attempt's command belongs to an earlier attempt. */
static void central_failed(struct woad *h, bool central, int status)
{
    uint8_t state = h->central->state;
    bool late = state <= CENTRAL_WAIT_COMMAND ||
                (status == WOAD_HCI_UNKNOWN_CONNECTION && state != CENTRAL_CANCEL);
    if (central && !late) {
        central_fail(h, status);
    }
}

/* A connection has opened: the attempt is over, unless gap_reconnect.c first waits for the peer.
 * One that opens before this attempt's command belongs to an earlier attempt, and ends this one
 * only if it is with the same peer. */
static void central_open(struct conn *c)
{
    struct woad *h = c->h;
    bool late =
        h->central->state <= CENTRAL_WAIT_COMMAND && !addr_same(&c->peer, &h->central->peer);
    if (c->central && !late && !(h->reconnect && h->reconnect->hold_connect_event(c))) {
        central_end(h);
    }
}

/* Cancels the attempt; `status` of WOAD_EV_CONNECT_FAILED. */
void central_cancel(struct woad *h, int status)
{
    struct central *c = h->central;
    c->cancel_status = status;
    if (c->state == CENTRAL_CANCEL) {
        return; /* its time limit goes on */
    }
    c->deadline = 0;
    if (c->state == CENTRAL_WAIT_COMMAND) {
        central_fail(h, status);
    } else if (c->state == CENTRAL_VERIFYING) {
        h->reconnect->stop(h, ATTEMPT_CANCELLED);
    } else {
        c->state = CENTRAL_CANCEL;
        c->cancel_sent = false;
    }
}

/* The attempt has lasted too long: cancels it; or the controller has not answered the cancel: the
 * attempt ends without it. */
static uint32_t central_run_timers(struct woad *h)
{
    uint32_t left = deadline_left(h, h->central->deadline);
    if (left) {
        return left;
    }
    if (h->central->state == CENTRAL_CANCEL) {
        central_fail(h, 0);
    } else {
        central_cancel(h, WOAD_ETIMEDOUT);
    }
    return 0;
}

const struct woad_feature woad_feature_central = {
    .layout = central_layout,
    .reset = central_reset,
    .command = central_command,
    .complete = central_complete,
    .connect_failed = central_failed,
    .conn_open = central_open,
    .run_timers = central_run_timers,
};

int woad_connect(struct woad *h, const struct woad_addr *peer, const struct woad_connect_params *p)
{
    uint16_t params[CONNECT_PARAMS];
    params[CONNECT_INTERVAL] = p->scan_interval_625us;
    params[CONNECT_WINDOW] = p->scan_window_625us;
    conn_params_of(p, params + CONNECT_REQUEST);
    struct central *c = h->central;
    int err = CALL_ERROR(h, feature_for_call(h, c), "woad_feature_central");
    if (err) {
        return err;
    }
    if (!peer && !h->accept) {
        return REFUSED(h, WOAD_EINVAL,
                       "peer is NULL, and there is no accept list: config.features has no "
                       "woad_feature_accept_list");
    }
    if (peer && peer->type > WOAD_ADDR_RANDOM_IDENTITY) {
        return REFUSED(h, WOAD_EINVAL, "the peer's address has type %u: 0 to 3", peer->type);
    }
    if (!scan_window_valid(p->scan_interval_625us, p->scan_window_625us)) {
        return REFUSED(h, WOAD_EINVAL,
                       "scan window %u, interval %u (625 us): 4 to 16384, window not above "
                       "interval",
                       p->scan_window_625us, p->scan_interval_625us);
    }
    if (!conn_params_valid(params + CONNECT_REQUEST)) {
        return REFUSED(h, WOAD_EINVAL, CONN_PARAMS_LIMITS, p->interval_min_1250us,
                       p->interval_max_1250us, p->latency, p->supervision_10ms);
    }
    if (c->state != CENTRAL_IDLE) {
        return REFUSED(h, WOAD_EALREADY, "another attempt is in progress");
    }
    if (peer && conn_by_peer(h, peer)) {
        return REFUSED(h, WOAD_EISCONN, "there is a connection to this peer");
    }
    if (!conn_any_free(h)) {
        return REFUSED(h, WOAD_ENOMEM, "every connection is in use: config.conns is %u",
                       h->cfg.conns);
    }
    memset(&c->peer, 0, sizeof c->peer);
    if (peer) {
        addr_copy(&c->peer, peer);
    }
    c->use_accept_list = !peer;
    memcpy(c->params, params, sizeof params);
    c->attempt_until = 0;
    if (p->timeout_ms) {
        c->attempt_until = deadline_in(h, p->timeout_ms);
    }
    if (h->reconnect) {
        h->reconnect->begin(h);
    }
    central_begin(h);
    return 0;
}

int woad_connect_cancel(struct woad *h)
{
    struct central *c = h->central;
    int err = CALL_ERROR(h, feature_for_call(h, c), "woad_feature_central");
    if (err) {
        return err;
    }
    if (c->state == CENTRAL_IDLE || c->cancel_status) {
        return REFUSED(h, WOAD_EALREADY, "no attempt is in progress");
    }
    central_cancel(h, WOAD_ECANCELED);
    return 0;
}
