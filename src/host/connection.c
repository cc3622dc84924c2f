/* A connection's life: the HCI events that open, change and end it, and the commands that the core
 * sends: bring-up, our address, and those of connections.  core_feature is the core's row in the
 * table of features.
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   acl_abandon(): drops the frame of this connection that is partly sent
 *   acl_free: the controller's ACL buffers that are not in use
 *   activity: of the controller: ACTIVE_ADV, _SCAN, _CONNECT, _EXT_ADV
 *   addr_copy(): copies an address with its type
 *   att_close(): ends the bearer's indication, procedure and request, with their events
 *   att_drop_queue(): drops c->queue, with WOAD_EV_INDICATED for each indication in it
 *   ATT_MTU_DEFAULT: the ATT_MTU before an exchange
 *   att_open(): a bearer begins on a connection, with this ATT_MTU
 *   awaits: HCI events that must follow: bits of woad_link_item, and AWAITS_…; see conn_watch()
 *   AWAITS_PACKETS: bit of conn.awaits: a connection that ends when no packet is completed:
 *       conn_watch()
 *   AWAITS_WATCHED: shift of the bits of `awaits` that are watched
 *   bearer: of a connection: its fixed ATT channel; of a procedure: where it runs; NULL: nowhere
 *   bringup_command(): the next command of the bring-up
 *   bringup_complete(): that command has been answered
 *   bringup_step: row of the table of commands that bring the controller up
 *   cfg: the config that the application gave to woad_init()
 *   conn: a connection's number in the public interface
 *   conn_by_handle(): the connection with HCI's handle; NULL: none
 *   conn_count: of the host: connections that exist
 *   conn_event: a row of a feature's table of HCI events about one connection
 *   CONN_FREE: state of a connection: its slot is not used
 *   CONN_GONE: the connection has ended; its last events are being raised
 *   conn_next_number(): the public number of the slot's next connection
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   conn_rx_params(): reads the peer's parameter request; true: accepted, in c->requested_params
 *   conn_updated(): raises WOAD_EV_CONN_UPDATE; ends an update that has been sent
 *   conn_wr_params(): writes a request's parameters in the form in which HCI's commands end
 *   connect_held: WOAD_EV_CONNECT is held back until the peer has sent something
 *   CONNECT_REQUESTED: of `activity`: the controller is to connect
 *   conns_end: of the host: the end of its connections' slots
 *   current: connection parameters in force: CURRENT_INTERVAL (1.25 ms), _LATENCY (events),
 *       _SUPERVISION (10 ms)
 *   CURRENT_LATENCY: index in conn.current, events
 *   CURRENT_PARAMS: how many parameters conn.current has
 *   CURRENT_SUPERVISION: index in conn.current, 10 ms
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   emit_at(): raises an event of a connection by its number; WOAD_NO_CONN: of none
 *   emit_connect(): raises WOAD_EV_CONNECT
 *   EVT_DISCONNECTION_COMPLETE: EVT_…: codes of HCI events: hci.h
 *   fifo_begin(): fifo_…(): a queue of octet strings: base/fifo.h
 *   get_le16(): 16 bits at any address, little endian
 *   hci: of the host: HCI's flow control and what the controller has said: core/host.h
 *   host_down(): ends everything at once, and raises WOAD_EV_DOWN
 *   HOST_STARTING: state of the host: it brings the controller up
 *   HOST_STOPPING: state of the host: woad_stop() was called, and it ends its connections
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   key_request: of smp_role: true: it replies to Long Term Key Request; false: there is no key
 *   LE: bit that marks a subevent of LE Meta in a table of events
 *   LE_CONNECTION_UPDATE: LE_…: codes of LE subevents: hci.h
 *   LOG(): a line in the log, with printf()'s format
 *   MAY_FAIL: its argument; a test build makes it false in turn, as by a full queue or table
 *   NO_STATUS: the HCI event has no status field, `rx` gets 0
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   OP_DISCONNECT: OP_…: opcodes of HCI commands: hci.h
 *   own_addr: the address that the controller uses now; woad_own_address() reads it, once the state
 *       is HOST_UP
 *   own_air: address of our side when the connection was opened
 *   packets_in_controller: ACL packets sent that the controller has not completed
 *   peer_air: address of the peer when the connection was opened
 *   pending_arg: set with an HCI command, for its answer: a connection's number, or the like
 *   random_addr: our random address: static, or private while privacy is on
 *   random_dirty: our random address is to be written to the controller
 *   rd_bytes(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   reconnect: gap_reconnect.c, as other files call it; NULL: not linked
 *   refuse_params: the reply to the peer's parameter request is the negative one
 *   refused_count: entries of refused_handles
 *   refused_handles: connections for which there was no slot, to be disconnected
 *   refused_max(): how many refused_handles there may be
 *   requested_by_app: requested_params are of woad_conn_update(), not the peer's
 *   requested_params: parameters of the one request that is being sent or answered: PARAM_…
 *   rx_frame_max: octets of the largest L2CAP payload that the host can receive
 *   sig_queue: signalling responses to be sent
 *   sig_queue_size: octets of each connection's queue of signalling responses
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked
 *   STATUS: the HCI event has a status field
 *   to_identity: of smp_role: replaces a bonded peer's private address by its identity address
 *   update_pending: WOAD_EV_CONN_UPDATE must follow
 *   vendor_init_role: the manufacturer's steps before the bring-up: hci_vendor.c; NULL: not linked
 *   want_disconnect: of a connection: HCI_Disconnect is to be sent
 *   want_ltk_reply: the negative reply to Long Term Key Request is to be sent
 *   want_param_reply: HCI's reply to the peer's parameter request is to be sent
 *   want_sig_update: L2CAP's parameter update request is to be sent
 *   want_update: HCI's parameter update is to be sent
 *   watch_deadline: of a connection: deadline of what is watched in `awaits`
 *   wipe(): zeros octets, and the compiler does not remove that
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   zeros(): all octets are 0 */
#include <woad/hci.h>

#include "../att/att.h"
#include "../base/bytes.h"
#include "../core/address.h"
#include "../core/clock.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../core/reconnect_role.h"
#include "../core/security.h"
#include "../hci/hci.h"
#include "../hci/roles.h"
#include "../l2cap/l2cap.h"
#include "../l2cap/sig.h"

/* Tells all layers, then the application. */
static void conn_opened(struct conn *c)
{
    att_open(c->bearer, c, ATT_MTU_DEFAULT);
    for (const struct woad_feature *const *f = c->h->cfg.features; *f; f++) {
        if ((*f)->conn_open) {
            (*f)->conn_open(c);
        }
    }
    if (!c->connect_held) {
        emit_connect(c);
    }
}

static struct conn *conn_free(const struct woad *h)
{
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        if (c->state == CONN_FREE) {
            return c;
        }
    }
    return NULL;
}

/* A free slot for a new connection; NULL: there is none.  The slot keeps its buffers and its
 * number: see struct conn. */
static struct conn *conn_take(struct woad *h)
{
    struct conn *c = conn_free(h);
    if (!MAY_FAIL(c != NULL)) {
        return NULL;
    }
    /* all but what belongs to the slot: that is from `number` to before rx_len */
    memset(c, 0, offsetof(struct conn, number));
    memset(&c->rx_len, 0, sizeof *c - offsetof(struct conn, rx_len));
    c->state = CONN_OPEN;
    c->reason = WOAD_HCI_REMOTE_USER_TERMINATED;
    fifo_begin(&c->queue, h->cfg.tx_queue);
    fifo_begin(&c->sig_queue, h->sig_queue_size);
    h->conn_count++;
    return c;
}

/* Reads the private address that the controller used or resolved; zeros: none.  The length of the
 * event has been checked. */
static void conn_read_rpa(struct woad_addr *a, struct rd *in)
{
    const uint8_t *rpa = rd_bytes(in, sizeof a->octet);
    if (!zeros(rpa, sizeof a->octet)) {
        a->type = WOAD_ADDR_RANDOM;
        memcpy(a->octet, rpa, sizeof a->octet);
    }
}

/* An attempt to connect (central), or advertising, has ended without a connection: the features'
 * hooks. */
static void connect_failed(struct woad *h, bool central, int status)
{
    for (const struct woad_feature *const *f = h->cfg.features; *f; f++) {
        if ((*f)->connect_failed) {
            (*f)->connect_failed(h, central, status);
        }
    }
}

/* There is no slot for a connection: its handle is queued for HCI_Disconnect, and the attempt or
 * the advertising that made it has failed. */
static void conn_refuse(struct woad *h, uint16_t handle, bool central)
{
    LOG(h, WOAD_LOG_WARNING, "a connection is refused: config.conns, %u, are in use", h->cfg.conns);
    if (h->refused_count < refused_max(h)) {
        h->refused_handles[h->refused_count++] = handle;
    }
    if (h->state == HOST_UP) {
        connect_failed(h, central, WOAD_ENOMEM);
    }
}

/* The controller gives a new connection a handle that the host still knows: the earlier connection
 * has ended, and the event for it was lost.  It is closed, or not refused any more. */
static void conn_handle_reused(struct woad *h, uint16_t handle)
{
    struct conn *c = conn_by_handle(h, handle);
    for (unsigned n = h->refused_count; n--;) {
        if (h->refused_handles[n] == handle) {
            h->refused_handles[n] = h->refused_handles[--h->refused_count];
        }
    }
    if (c) {
        conn_close(c, WOAD_HCI_UNKNOWN_CONNECTION);
    }
}

/* HCI_LE_[Enhanced_]Connection_Complete: status u8, handle u16, role u8, peer type u8, address 6,
 * [local RPA 6, peer RPA 6,] interval u16, latency u16, supervision u16, accuracy u8.
 * 7.7.65.1, 7.7.65.10 */
int conn_rx_complete(struct woad *h, struct rd *in, bool enhanced)
{
    if (rd_left(in) < (enhanced ? 30u : 18u)) {
        return WOAD_EBADMSG;
    }
    const uint8_t *p = in->p;
    in->p += 4;
    uint8_t status = p[0], role = p[3];
    uint16_t handle = get_le16(p + 1);
    if (status) { /* Advertising Timeout: directed advertising ended after 1.28 s */
        connect_failed(h, status != WOAD_HCI_ADVERTISING_TIMEOUT, status);
        return 0;
    }
    if (handle > 0xeff || role > 1) {
        return WOAD_EBADMSG;
    }
    bool central = role == 0;
    conn_handle_reused(h, handle);
    struct conn *c = NULL;
    if (h->state == HOST_UP) {
        c = conn_take(h);
    }
    if (!c) {
        conn_refuse(h, handle, central);
        return 0;
    }
    c->handle = handle;
    c->central = central;
    rd_copy(in, &c->peer, sizeof c->peer);
    addr_copy(&c->peer_air, &c->peer);
    addr_copy(&c->own_air, &h->own_addr); /* it may be renewed before the connection ends */
    if (enhanced) {
        conn_read_rpa(&c->own_air, in);
        conn_read_rpa(&c->peer_air, in);
    }
    rd_le16s(in, c->current, CURRENT_PARAMS);
    if (h->smp_role) {
        h->smp_role->to_identity(h, &c->peer);
    }
    conn_opened(c);
    return 0;
}

/* The order matters: the state is CONN_GONE, so that calls from inside the events of procedures
 * that end here find no open connection; the slot is free before WOAD_EV_DISCONNECT is raised. */
void conn_close(struct conn *c, uint8_t reason)
{
    struct woad *h = c->h;
    struct woad_event ev;
    LOG(h, WOAD_LOG_INFO, "connection 0x%x has ended: HCI reason 0x%x", c->number, reason);
    addr_copy(&ev.u.disconnect.peer, &c->peer);
    ev.u.disconnect.central = c->central;
    ev.u.disconnect.reason = reason;
    h->hci.acl_free = (uint16_t)(h->hci.acl_free + c->packets_in_controller);
    c->packets_in_controller = 0;
    c->state = CONN_GONE;
    wipe(c->rx, h->rx_frame_max + 4u); /* part of a frame, which may hold keys */
    acl_abandon(c);                    /* before an event, in which woad_tx() may be called */
    if (c->update_pending) {
        conn_updated(c, WOAD_ENOTCONN);
    }
    for (const struct woad_feature *const *f = h->cfg.features; *f; f++) {
        if ((*f)->conn_close) {
            (*f)->conn_close(c);
        }
    }
    att_close(c->bearer, WOAD_ENOTCONN);
    att_drop_queue(c, WOAD_ENOTCONN);
    c->state = CONN_FREE;
    h->conn_count--;
    uint16_t number = c->number; /* in the event it is the old one */
    c->number = conn_next_number(c->number);
    if (c->connect_held) {
        h->reconnect->failed(h, reason); /* it never got WOAD_EV_CONNECT */
        return;
    }
    emit_at(h, number, WOAD_EV_DISCONNECT, &ev);
}

void conn_close_all(struct woad *h, uint8_t reason)
{
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        if (c->state > CONN_GONE) {
            conn_close(c, reason);
        }
    }
}

/* HCI_Disconnection_Complete: status u8, handle u16, reason u8.  7.7.5  With a status other than 0
 * the connection still exists. */
static void conn_rx_disconnected(struct conn *c, uint8_t status, struct rd *in)
{
    if (!status) {
        conn_close(c, rd_u8(in));
    }
}

/* The link layer's parameter request has failed: send the request of woad_conn_update() by L2CAP.
 * False: a central has no such request; or requested_params hold the peer's by now. */
static bool conn_update_by_l2cap(struct conn *c)
{
    c->want_sig_update = c->update_pending && c->requested_by_app && !c->want_update && !c->central;
    return c->want_sig_update;
}

/* HCI_LE_Connection_Update_Complete: status u8, handle u16, interval u16, latency u16,
 * supervision u16.  7.7.65.3 */
static void conn_rx_update(struct conn *c, uint8_t status, struct rd *in)
{
    if (status == WOAD_HCI_UNSUPPORTED_REMOTE && conn_update_by_l2cap(c)) {
        return; /* the central has no Connection Parameters Request procedure */
    }
    if (!status) {
        rd_le16s(in, c->current, CURRENT_PARAMS);
    }
    conn_updated(c, status);
}

/* HCI_LE_Remote_Connection_Parameter_Request: handle u16, then see conn_rx_params().  7.7.65.6 */
static void conn_rx_param_request(struct conn *c, uint8_t status, struct rd *in)
{
    (void)status;
    c->refuse_params = !conn_rx_params(c, in);
    c->want_param_reply = true;
}

/* HCI_LE_Long_Term_Key_Request: handle u16, random 8, diversifier u16.  Without a
 * Security Manager there is no key.  7.7.65.5 */
static void conn_rx_ltk_request(struct conn *c, uint8_t status, struct rd *in)
{
    const struct smp_role *role = c->h->smp_role;
    const uint8_t *rand = rd_bytes(in, 8);
    (void)status;
    c->want_ltk_reply = !role || !role->key_request(c, rand, rd_le16(in));
}

/* Columns: event code, whether it has a status, octets of all parameters, function. */
static const struct conn_event conn_events[] = {
    { EVT_DISCONNECTION_COMPLETE, STATUS, 4, conn_rx_disconnected },
    { LE | LE_CONNECTION_UPDATE, STATUS, 9, conn_rx_update },
    { LE | LE_CONN_PARAM_REQUEST, NO_STATUS, 10, conn_rx_param_request },
    { LE | LE_LTK_REQUEST, NO_STATUS, 12, conn_rx_ltk_request },
    { 0 }
};

/* The next command of this connection: writes its parameters and returns its opcode; 0: none.  Each
 * begins with the handle, u16.
 * HCI_Disconnect: reason u8.  7.1.6
 * HCI_LE_Long_Term_Key_Request_Negative_Reply.  7.8.26
 * HCI_LE_Remote_Connection_Parameter_Request_Negative_Reply: reason u8.  7.8.32
 * HCI_LE_Remote_Connection_Parameter_Request_Reply, HCI_LE_Connection_Update: interval min u16, max
 * u16, latency u16, timeout u16, CE length min u16, max u16.  7.8.31, 7.8.18 */
static uint16_t conn_command(struct conn *c, struct wr *params)
{
    bool wanted = c->want_disconnect || c->want_ltk_reply || c->want_param_reply || c->want_update;
    if (c->state <= CONN_GONE || !wanted) {
        return 0;
    }
    c->h->hci.pending_arg = c->number;
    wr_le16(params, c->handle);
    if (c->want_disconnect) {
        c->want_disconnect = false;
        wr_u8(params, c->reason);
        return OP_DISCONNECT;
    }
    if (c->want_ltk_reply) {
        c->want_ltk_reply = false;
        return OP_LE_LTK_NEGATIVE_REPLY;
    }
    uint16_t opcode = OP_LE_CONNECTION_UPDATE;
    if (!c->want_param_reply) {
        c->want_update = false;
    } else {
        c->want_param_reply = false;
        opcode = OP_LE_CONN_PARAM_REPLY;
        if (c->refuse_params) {
            wr_u8(params, WOAD_HCI_UNACCEPTABLE_PARAMETERS);
            return OP_LE_CONN_PARAM_NEGATIVE;
        }
    }
    conn_wr_params(params, c->requested_params);
    return opcode;
}

/* The core's next command: a step of the bring-up, else what has been marked as wanted; 0: none. */
static uint16_t core_command(struct woad *h, struct wr *params)
{
    if (h->state == HOST_STARTING) {
        /* The manufacturer's steps run behind the first HCI_Reset. */
        bool waits = h->hci.bringup_step && h->vendor_init_role && h->vendor_init_role->pending(h);
        if (waits) {
            return 0;
        }
        return bringup_command(h, params);
    }
    if (h->refused_count) {
        wr_le16(params, h->refused_handles[--h->refused_count]);
        wr_u8(params, WOAD_HCI_REMOTE_LOW_RESOURCES);
        return OP_DISCONNECT;
    }
    /* The command is disallowed while the address is in use: advertising and scanning pause for it.
     * 7.8.4 */
    if (h->random_dirty && !(h->activity & ~CONNECT_REQUESTED) && h->state == HOST_UP) {
        h->random_dirty = false;
        woad_own_address(h, &h->own_addr);
        wr_bytes(params, h->controller.random_addr.octet, 6);
        return OP_LE_SET_RANDOM_ADDRESS;
    }
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        uint16_t opcode = conn_command(c, params);
        if (opcode) {
            return opcode;
        }
    }
    if (h->state == HOST_STOPPING && !h->conn_count) {
        return OP_RESET;
    }
    return 0;
}

/* A command of the core has ended. */
static void core_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    if (h->state == HOST_STARTING) {
        bringup_complete(h, opcode, status, ret);
        return;
    }
    struct conn *c = conn_of(h, h->hci.pending_arg);
    if (opcode == OP_RESET) {
        host_down(h, 0);
    } else if (opcode == OP_LE_SET_RANDOM_ADDRESS && status) {
        host_down(h, WOAD_EIO); /* nothing may be sent from an address that we do not know */
    } else if (opcode == OP_DISCONNECT && c && status == WOAD_HCI_UNKNOWN_CONNECTION) {
        conn_close(c, status); /* it had ended before */
    } else if (opcode == OP_LE_CONNECTION_UPDATE && c && status && c->update_pending &&
               !c->want_update && !conn_update_by_l2cap(c)) {
        conn_updated(c, status);
    }
}

const struct woad_feature core_feature = { .command = core_command,
                                           .complete = core_complete,
                                           .conn_events = conn_events };

/* What a connection waits for in the controller ends within the link layer's time limit of 40 s, or
 * the supervision timeout, of 32 s at most.  If an event does not arrive, the controller has lost
 * it, or the peer acknowledges no packets: ends the connection, and all that waits with it.
 * Returns ms to the deadline. */
static uint32_t conn_watch(struct conn *c)
{
    enum { WATCH_MS = 60000 };
    struct woad *h = c->h;
    uint32_t awaits = c->awaits;
    if (c->packets_in_controller) {
        awaits |= AWAITS_PACKETS;
    }
    if (!awaits) {
        return WOAD_FOREVER;
    }
    if (!(awaits >> AWAITS_WATCHED)) {
        c->awaits = awaits | awaits << AWAITS_WATCHED;
        c->watch_deadline = deadline_in(h, WATCH_MS);
    }
    uint32_t left = deadline_left(h, c->watch_deadline);
    if (left == 0) {
        woad_disconnect(h, c->number, WOAD_HCI_REMOTE_USER_TERMINATED);
    }
    return left;
}

/* A parameter update fails when the central does not answer (RTX: Vol 3, Part A, 6.2.1), or accepts
 * and does nothing (Part C, 9.3.9.2).  A controller that does not complete HCI_Disconnect has
 * failed. */
static __attribute__((noinline)) uint32_t conn_run_timers(struct conn *c)
{
    uint32_t left = deadline_left(c->h, c->deadline);
    if (c->state != CONN_OPEN) {
        if (left == 0) {
            host_down(c->h, WOAD_ETIMEDOUT);
        }
        return left;
    }
    if (left == 0) {
        c->want_update = c->want_sig_update = false;
        conn_updated(c, WOAD_ETIMEDOUT);
        return left;
    }
    return min_u32(left, conn_watch(c));
}

uint32_t conns_run_timers(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        if (c->state > CONN_GONE) {
            left = min_u32(left, conn_run_timers(c));
        }
    }
    return left;
}

int woad_conn_info(const struct woad *h, uint16_t conn, struct woad_conn_info *info)
{
    const struct conn *c = conn_of(h, conn);
    if (!c) {
        return WOAD_ENOTCONN;
    }
    *info = (struct woad_conn_info){ .peer = c->peer,
                                     .central = c->central,
                                     .interval_1250us = c->current[CURRENT_INTERVAL],
                                     .latency = c->current[CURRENT_LATENCY],
                                     .supervision_10ms = c->current[CURRENT_SUPERVISION],
                                     .mtu = c->bearer->mtu };
    return 0;
}
