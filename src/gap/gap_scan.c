/* Scanning: the application's scan, or the host's own for a peer to connect to (gap_reconnect.c).
 * Where the controller has extended scanning, gap_ext.c writes the commands.  Vol 4, Part
 * E, 7.8.10, 7.8.11
 *
 * Names of other files:
 *   ACTIVE_CONNECT: bit of h->activity: the controller tries to connect
 *   ACTIVE_SCAN: bit of h->activity: the controller scans
 *   activity: of the controller: ACTIVE_ADV, _SCAN, _CONNECT, _EXT_ADV
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   CALL_ERROR: logs why a public call is refused; its value is the error, the second argument
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   CONNECT_INTERVAL: index of the scan interval, 625 us
 *   CONNECT_PARAMS: parameters of an attempt to connect
 *   CONNECT_REQUESTED: of `activity`: the controller is to connect
 *   CONNECT_WINDOW: index of the scan window, 625 us
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   emit_none(): raises an event that is of no connection
 *   emit_status(): raises an event that has only a status
 *   ext_role: functions of gap_ext.c for legacy files; NULL: not linked. adv_params(), create() and
 *       the like write an extended command and return its opcode
 *   ext_scans(): scanning goes by extended commands, through h->ext_role
 *   feature_for_call(): for a public call: WOAD_ENOTSUP, WOAD_ENODEV or 0; HCI is polled again
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   LOG(): a line in the log, with printf()'s format
 *   must_scan: of gap_reconnect.c: true: a scan for the peer's private address is needed, and begun
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   on_report: of gap_reconnect.c: takes the reports of its own scan
 *   OP_LE_SET_SCAN_ENABLE: OP_…: opcodes of HCI commands: hci.h
 *   own_address_pending(): our address or a list is written first: advertising and so on pause
 *   rd_left(): octets not read yet (base/buf.h)
 *   rd_u8(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   reconnect: gap_reconnect.c, as other files call it; NULL: not linked
 *   REFUSED(): logs why a call is refused, and is its error
 *   run_timers: hook in woad_poll(): ends what has timed out; returns ms to the next deadline
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked
 *   to_identity: of smp_role: replaces a bonded peer's private address by its identity address
 *   wr_le16(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/clock.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../core/own_address.h"
#include "../core/security.h"
#include "../hci/numbers.h"
#include "gap_central.h"

struct scan {
    bool wanted;
    bool enabling; /* the enable command turns it on, else off */
    bool dirty;    /* the controller does not have the parameters yet */
    uint8_t own_type;
    bool done_due;                        /* WOAD_EV_SCAN_DONE will follow */
    bool command_pending, enable_pending; /* a command is in progress; it is the enable command */
    bool for_connect;                     /* the host's own scan, for a peer to connect to */
    int status;
    uint32_t deadline; /* end of the scan; 0: none */
    struct woad_scan_params params;
};

ASSERT_SIZE(scan, WOAD_SIZE_SCAN);

/* The scan is over: raises WOAD_EV_SCAN_DONE if done_due is set. */
static void scan_end(struct woad *h, int status)
{
    struct scan *s = h->scan;
    s->wanted = false;
    s->deadline = 0;
    if (s->done_due) {
        s->done_due = false;
        emit_status(h, WOAD_EV_SCAN_DONE, status);
    }
}

/* The controller does not scan any more. */
static void scan_reset(struct woad *h)
{
    scan_end(h, WOAD_ECANCELED);
    *h->scan = (struct scan){ .wanted = false };
}

/* HCI_LE_Set_Scan_Parameters: type u8, interval u16, window u16, own type u8, filter u8.  7.8.10 */
static uint16_t scan_write_params(struct woad *h, struct wr *params)
{
    struct scan *s = h->scan;
    s->dirty = false;
    s->own_type = h->own_type;
    s->command_pending = true;
    if (ext_scans(h)) {
        return h->ext_role->scan_params(h, &s->params, params);
    }
    wr_u8(params, s->params.active);
    wr_le16(params, s->params.interval_625us);
    wr_le16(params, s->params.window_625us);
    wr_u8(params, h->own_type);
    wr_u8(params, s->params.accept_list);
    return OP_LE_SET_SCAN_PARAMS;
}

/* HCI_LE_Set_Scan_Enable: on u8, filter duplicates u8.  7.8.11 */
static uint16_t scan_write_enable(struct woad *h, bool on, struct wr *params)
{
    struct scan *s = h->scan;
    s->enabling = on;
    s->command_pending = s->enable_pending = true;
    if (ext_scans(h)) {
        return h->ext_role->scan_enable(&s->params, on, params);
    }
    wr_u8(params, on);
    wr_u8(params, s->params.filter_duplicates);
    return OP_LE_SET_SCAN_ENABLE;
}

/* The next command towards what is wanted; 0: none. */
static uint16_t scan_command(struct woad *h, struct wr *params)
{
    struct scan *s = h->scan;
    if (h->state != HOST_UP) {
        return 0;
    }
    if (s->wanted && !s->for_connect && (h->activity & (CONNECT_REQUESTED | ACTIVE_CONNECT))) {
        woad_scan_stop(h); /* an attempt to connect ends a scan */
    }
    if (h->reconnect) {
        h->reconnect->must_scan(h); /* the order of the features is not fixed */
    }
    bool on = (h->activity & ACTIVE_SCAN) != 0, paused = !s->wanted || own_address_pending(h);
    bool restart = s->dirty || s->own_type != h->own_type;
    if (on == (paused || restart)) {
        return scan_write_enable(h, !on, params);
    }
    if (on || paused) {
        return 0;
    }
    return scan_write_params(h, params);
}

/* A command has completed. */
static void scan_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct scan *s = h->scan;
    bool enable = s->enable_pending;
    (void)ret;
    (void)opcode;
    s->command_pending = s->enable_pending = false;
    if (enable && !s->enabling) {
        h->activity &= (uint8_t)~ACTIVE_SCAN;
        if (!s->wanted) {
            scan_end(h, 0);
        }
    } else if (status && s->for_connect) {
        h->reconnect->failed(h, status);
    } else if (status && !s->dirty) { /* dirty: the failed command was of an earlier scan */
        scan_end(h, status);
    } else if (enable && !status) {
        h->activity |= ACTIVE_SCAN;
    } else if (!s->wanted) {
        scan_end(h, 0); /* stopped before it was enabled */
    }
}

/* Raises a report with the advertiser's identity, or gives it to the attempt that scans. */
void scan_emit_report(struct woad *h, enum woad_event_type type, struct woad_event *ev,
                      struct woad_addr *advertiser)
{
    if (!h->scan->wanted) {
        return;
    }
    if (h->scan->for_connect) {
        h->reconnect->on_report(h, type, ev, advertiser);
        return;
    }
    if (h->smp_role) {
        h->smp_role->to_identity(h, advertiser);
    }
    emit_none(h, type, ev);
}

/* Ends the application's scan; once that has ended, starts a scan for a peer. */
void scan_for_peer(struct woad *h, const uint16_t params[CONNECT_PARAMS])
{
    struct scan *s = h->scan;
    if (s->wanted && !s->for_connect) {
        woad_scan_stop(h); /* may raise WOAD_EV_SCAN_DONE, in which the attempt may end */
        return;
    }
    if (s->wanted || s->done_due || s->command_pending || (h->activity & ACTIVE_SCAN)) {
        return;
    }
    s->params = (struct woad_scan_params){ .interval_625us = params[CONNECT_INTERVAL],
                                           .window_625us = params[CONNECT_WINDOW] };
    s->dirty = s->wanted = s->for_connect = true;
    h->commands_idle = false;
}

/* Ends the host's own scan; the application's goes on. */
void scan_for_peer_end(struct woad *h)
{
    struct scan *s = h->scan;
    if (s->for_connect) {
        s->for_connect = s->wanted = false;
        h->commands_idle = false;
    }
}

/* HCI_LE_Advertising_Report: n u8, then for each: type u8, address type u8, address 6, length u8,
 * data, RSSI i8.  For n > 1 the specification has arrays of fields, but controllers send one
 * structure after the other; n is nearly always 1.  7.7.65.2 */
static void scan_report(struct woad *h, struct rd *in)
{
    enum { HEAD = 9 }; /* octets before the data */
    for (unsigned n = rd_u8(in); n; n--) {
        struct woad_event ev;
        const uint8_t *p = in->p;
        size_t left = rd_left(in);
        if (left <= HEAD || left - HEAD <= p[8] || p[8] > WOAD_ADV_DATA_MAX || p[0] > 4) {
            in->bad = true;
            LOG(h, WOAD_LOG_WARNING, "a malformed advertising report is dropped");
            return;
        }
        unsigned len = p[8];
        const uint8_t *data = p + HEAD;
        in->p = data + len + 1;
        ev.u.report.kind = p[0];
        memcpy(&ev.u.report.addr, p + 1, sizeof ev.u.report.addr);
        ev.u.report.data = data;
        ev.u.report.len = (uint8_t)len;
        ev.u.report.rssi = (int8_t)data[len];
        scan_emit_report(h, WOAD_EV_REPORT, &ev, &ev.u.report.addr);
    }
}

static uint32_t scan_run_timers(struct woad *h)
{
    uint32_t left = deadline_left(h, h->scan->deadline);
    if (left == 0) {
        woad_scan_stop(h);
    }
    return left;
}

static void scan_layout(struct woad *h)
{
    h->scan = arena_alloc(h, 1, sizeof *h->scan);
    h->scan_report = scan_report;
}

const struct woad_feature woad_feature_scanner = {
    .layout = scan_layout,
    .reset = scan_reset,
    .command = scan_command,
    .complete = scan_complete,
    .run_timers = scan_run_timers,
};

bool scan_window_valid(uint16_t interval, uint16_t window)
{
    return window >= 4 && window <= interval && interval <= 0x4000;
}

int woad_scan_start(struct woad *h, const struct woad_scan_params *p)
{
    struct scan *s = h->scan;
    if (s && s->done_due && !s->wanted) {
        scan_end(h, 0); /* the scan before has ended: raise its event first */
    }
    int err = CALL_ERROR(h, feature_for_call(h, s), "woad_feature_scanner");
    if (err) {
        return err;
    }
    if (!scan_window_valid(p->interval_625us, p->window_625us)) {
        return REFUSED(h, WOAD_EINVAL,
                       "window %u, interval %u (625 us): 4 to 16384, window not above interval",
                       p->window_625us, p->interval_625us);
    }
    if (p->accept_list && !h->accept) {
        return REFUSED(h, WOAD_EINVAL,
                       "accept_list is true, and config.features has no woad_feature_accept_list");
    }
    if (s->done_due) {
        return REFUSED(h, WOAD_EALREADY, "a scan runs");
    }
    if (h->activity & (ACTIVE_CONNECT | CONNECT_REQUESTED)) {
        return REFUSED(h, WOAD_EBUSY, "an attempt to connect is in progress");
    }
    s->params = *p;
    s->dirty = s->wanted = s->done_due = true;
    uint32_t deadline = 0;
    if (p->duration_ms) {
        deadline = deadline_in(h, p->duration_ms);
    }
    s->deadline = deadline;
    return 0;
}

int woad_scan_stop(struct woad *h)
{
    h->commands_idle = false;
    struct scan *s = h->scan;
    if (!s) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_scanner");
    }
    if (s->for_connect) {
        return 0; /* the host's own scan */
    }
    bool started = (h->activity & ACTIVE_SCAN) || s->command_pending;
    s->wanted = false;
    s->deadline = 0;
    if (!started) {
        scan_end(h, 0); /* no command in progress will report it */
    }
    return 0;
}

bool woad_scan_running(const struct woad *h)
{
    return h->scan && h->scan->wanted && !h->scan->for_connect;
}
