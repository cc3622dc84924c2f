/* HCI: commands out, one at a time, each with a time limit for its answer; events in, to the core
 * or to the feature that has them in its table.  Vol 4, Part E
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   acl_rx_completed(): handles Number Of Completed Packets
 *   all_mark_ready(): woad_tx() polls all connections, and the features for HCI commands
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   cfg: the config that the application gave to woad_init()
 *   CHECK_LOST_WAKEUP: a test build: polls all connections; a forgotten conn_mark_ready() traps
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   conn_by_handle(): the connection with HCI's handle; NULL: none
 *   conn_event: a row of a feature's table of HCI events about one connection
 *   conn_events: of a feature: the events of the controller that are about a connection
 *   conn_rx_complete(): handles LE Connection Complete; 0, or WOAD_EBADMSG
 *   core_feature: the feature that every host has: host/connection.c
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   EVT_COMMAND_COMPLETE: EVT_…: codes of HCI events: hci.h
 *   get_le16(): 16 bits at any address, little endian
 *   H4_COMMAND: H4_…: types of packets
 *   host_down(): ends everything at once, and raises WOAD_EV_DOWN
 *   HOST_STARTING: state of the host: it brings the controller up
 *   LE: bit that marks a subevent of LE Meta in a table of events
 *   LE_ADVERTISING_REPORT: LE_…: codes of LE subevents: hci.h
 *   LOG(): a line in the log, with printf()'s format
 *   MALFORMED(): logs a malformed packet of the controller: WOAD_EBADMSG
 *   needs: what only some features require: struct woad_needs
 *   pending_arg: set with an HCI command, for its answer: a connection's number, or the like
 *   pending_feature: the feature that has sent the pending HCI command
 *   pending_opcode: of the HCI command that awaits its answer; 0: none
 *   put_le16(): writes 16 bits at any address, little endian
 *   rd_bytes(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   rx_le_event: of a feature's needs: gets each LE Meta event before the tables of events
 *   scan_report: handler of LE Advertising Report: gap_scan.c; NULL: not linked
 *   vendor_init_role: the manufacturer's steps before the bring-up: hci_vendor.c; NULL: not linked
 *   wr_len(): octets written so far (base/buf.h)
 *   wr_of(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include <woad/hci.h>

#include "../core/clock.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../core/ready.h"
#include "hci.h"
#include "roles.h"

enum { COMMAND_TIMEOUT_MS = 2000 };

bool hci_has_command(const struct woad *h, unsigned octet, unsigned bit)
{
    return (h->controller.commands[octet] >> bit & 1) != 0;
}

/* Time limit of an answer: a manufacturer's steps may need a longer one. */
static uint32_t hci_answer_ms(const struct woad *h)
{
    uint16_t ms = 0;
    if (h->vendor_init_role && h->state == HOST_STARTING) {
        ms = h->vendor_init_role->answer_ms(h);
    }
    if (ms) {
        return ms;
    }
    return COMMAND_TIMEOUT_MS;
}

/* Polls the core and the features in turn; the first that has a command sends it.
 * HCI_Command: opcode u16, len u8, parameters.  5.4.1 */
size_t hci_tx(struct woad *h, uint8_t *buf, size_t room)
{
    if (room < WOAD_TX_ROOM) {
        return 0;
    }
    bool were_idle = h->commands_idle;
    struct hci *hci = &h->hci;
    const struct woad_feature *owner = &core_feature;
    h->commands_idle = true;
    if (hci->pending_opcode || !hci->credits) {
        return 0; /* every event wakes the polling: all_mark_ready() */
    }
    for (const struct woad_feature *const *f = h->cfg.features; owner; owner = *f++) {
        struct wr params = wr_of(buf + 4, 255);
        hci->pending_arg = WOAD_NO_CONN; /* not the last command's */
        uint16_t opcode = 0;
        if (owner->command) {
            opcode = owner->command(h, &params);
        }
        if (opcode) {
            if (CHECK_LOST_WAKEUP && were_idle) {
                __builtin_trap();
            }
            h->commands_idle = false;
            buf[0] = H4_COMMAND;
            put_le16(buf + 1, opcode);
            buf[3] = (uint8_t)wr_len(&params);
            hci->pending_opcode = opcode;
            hci->pending_feature = owner;
            hci->deadline = deadline_in(h, hci_answer_ms(h));
            return 4 + wr_len(&params);
        }
    }
    return 0;
}

/* A command's answer; `p`: credits u8, opcode u16.  If it is not for the pending command (late,
 * repeated, NOP), it only updates the credits. */
static int hci_command_ended(struct woad *h, const uint8_t *p, uint8_t status, struct rd *ret)
{
    struct hci *hci = &h->hci;
    uint16_t opcode = get_le16(p + 1);
    bool is_pending = opcode && opcode == hci->pending_opcode;
    uint8_t credits = p[0];
    hci->credits = credits;
    if (is_pending) {
        hci->pending_opcode = 0;
        hci->deadline = 0;
    }
    if (!hci->pending_opcode && credits) {
        hci->deadline = 0;
    } else if (!hci->deadline) { /* the controller must grant one in time */
        hci->deadline = deadline_in(h, COMMAND_TIMEOUT_MS);
    }
    if (is_pending) {
        hci->pending_feature->complete(h, opcode, status, ret);
    }
    return 0;
}

/* HCI_Command_Complete: credits u8, opcode u16, return parameters: status u8, ….  7.7.14 */
static int hci_rx_complete(struct woad *h, struct rd *in)
{
    const uint8_t *p = rd_bytes(in, 3);
    if (!p) {
        return WOAD_EBADMSG;
    }
    uint8_t status = (uint8_t)WOAD_HCI_UNSPECIFIED;
    if (rd_left(in)) {
        status = rd_u8(in);
    }
    return hci_command_ended(h, p, status, in);
}

/* HCI_Command_Status: status u8, credits u8, opcode u16.  7.7.15 */
static int hci_rx_status(struct woad *h, struct rd *in)
{
    if (rd_left(in) != 4) {
        return WOAD_EBADMSG;
    }
    return hci_command_ended(h, in->p + 1, in->p[0], in);
}

/* HCI_LE_Advertising_Report, for the scanner.  A frequent event, so it makes no connection ready.
 * 7.7.65.2 */
static int hci_rx_report(struct woad *h, struct rd *in)
{
    if (h->scan_report) {
        h->scan_report(h, in);
    }
    if (in->bad) {
        return WOAD_EBADMSG;
    }
    return 0;
}

/* An event of this row.  0, or WOAD_EBADMSG: another length than it must have. */
static int conn_event_rx(struct woad *h, const struct conn_event *e, struct rd *in)
{
    if (rd_left(in) != e->len) {
        return WOAD_EBADMSG;
    }
    uint8_t status = 0;
    if (e->status) {
        status = rd_u8(in);
    }
    struct conn *c = conn_by_handle(h, rd_le16(in));
    if (c) {
        e->rx(c, status, in);
    } else {
        LOG(h, WOAD_LOG_DEBUG, "event 0x%x about an unknown connection is dropped", e->code);
    }
    return 0;
}

/* An event about one connection, for the first that has it in its table: the core, or a feature. */
static int hci_rx_conn(struct woad *h, uint8_t code, struct rd *in)
{
    const struct woad_feature *feature = &core_feature;
    for (const struct woad_feature *const *f = h->cfg.features; feature; feature = *f++) {
        for (const struct conn_event *e = feature->conn_events; e && e->code; e++) {
            if (e->code == code) {
                return conn_event_rx(h, e, in);
            }
        }
    }
    return 0;
}

/* HCI_LE_Meta: subevent u8, its parameters.  7.7.65 */
static int hci_rx_le(struct woad *h, struct rd *in)
{
    uint8_t sub = rd_u8(in);
    if (sub == LE_CONNECTION_COMPLETE || sub == LE_ENHANCED_CONNECTION_COMPLETE) {
        return conn_rx_complete(h, in, sub == LE_ENHANCED_CONNECTION_COMPLETE);
    }
    for (const struct woad_feature *const *f = h->cfg.features; *f; f++) {
        const struct woad_needs *needs = (*f)->needs;
        struct rd copy = *in;
        if (needs && needs->rx_le_event) {
            needs->rx_le_event(h, sub, &copy);
        }
    }
    if (in->bad) {
        return WOAD_EBADMSG;
    }
    return hci_rx_conn(h, LE | sub, in);
}

/* Passes an event to what reads it.  0, or WOAD_EBADMSG: another length than it must have. */
static int hci_rx_code(struct woad *h, uint8_t code, struct rd *in)
{
    switch (code) {
    case EVT_COMMAND_COMPLETE: return hci_rx_complete(h, in);
    case EVT_COMMAND_STATUS: return hci_rx_status(h, in);
    case EVT_LE_META: return hci_rx_le(h, in);
    case EVT_HARDWARE_ERROR: host_down(h, WOAD_EIO); return 0;
    default: break;
    }
    if (code >= LE) {
        return 0;
    }
    return hci_rx_conn(h, code, in);
}

/* The events that are not the frequent ones; apart from those, which so need fewer registers. */
static int LOG_APART hci_rx_rare(struct woad *h, uint8_t code, struct rd *in)
{
    int err = hci_rx_code(h, code, in);
    all_mark_ready(h); /* whatever state the event has changed */
    if (err) {
        LOG(h, WOAD_LOG_WARNING, "a malformed event of the controller is dropped: code 0x%x", code);
    }
    return err;
}

/* HCI_Event: code u8, len u8, parameters.  5.4.4 */
int hci_rx_event(struct woad *h, const uint8_t *p, size_t n)
{
    if (n < 2 || p[1] != n - 2) {
        return MALFORMED(h, H4_EVENT, p, n);
    }
    uint8_t code = p[0];
    if (code == EVT_COMPLETED_PACKETS) {
        return acl_rx_completed(h, p + 2, n - 2);
    }
    struct rd in = rd_of(p + 2, n - 2);
    if (code == EVT_LE_META && n > 2 && p[2] == LE_ADVERTISING_REPORT) {
        in.p++;
        return hci_rx_report(h, &in);
    }
    return hci_rx_rare(h, code, &in);
}

/* The application calls woad_clock(), which tells the host the time, for the first time: a command
 * that is under way already has its time limit from now on. */
void hci_clock_set(struct woad *h)
{
    if (h->hci.deadline) {
        h->hci.deadline = deadline_in(h, hci_answer_ms(h));
    }
}

/* A controller that does not answer a command, or grants no credit for the next one, has failed. */
uint32_t hci_run_timers(struct woad *h)
{
    uint32_t left = deadline_left(h, h->hci.deadline);
    if (left == 0) {
        host_down(h, WOAD_ETIMEDOUT);
    }
    return left;
}
