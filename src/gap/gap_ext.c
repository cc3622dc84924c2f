/* Extended advertising sets, and extended commands for legacy advertising, scanning and connecting
 * (struct ext_role).  Vol 4, Part E, 7.8.52 to 7.8.66
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   accept: of the host: the accept list; NULL: not linked
 *   activity: of the controller: ACTIVE_ADV, _SCAN, _CONNECT, _EXT_ADV
 *   adv_ended(): the controller has ended legacy advertising; status 0: by a connection
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   CALL_ERROR: logs why a public call is refused; its value is the error, the second argument
 *   cfg: the config that the application gave to woad_init()
 *   complete_config: a feature's part of this (core/feature.h)
 *   conn: a connection's number in the public interface
 *   conn_any_free(): there is room for one more connection
 *   conn_wr_params(): writes a request's parameters in the form in which HCI's commands end
 *   CONNECT_REQUEST: index of the first parameter of a request to connect, PARAM_MIN
 *   emit_at(): raises an event of a connection by its number; WOAD_NO_CONN: of none
 *   ext_advertises(): advertising goes by extended commands, through h->ext_role
 *   EXT_ADVERTISES: EXT_…: bits of h->ext_commands: what goes by extended commands
 *   ext_commands: EXT_…: what goes by extended commands; 0 until the bring-up has ended
 *   ext_connects(): connecting goes by extended commands, through h->ext_role
 *   ext_role: functions of gap_ext.c for legacy files; NULL: not linked. adv_params(), create() and
 *       the like write an extended command and return its opcode
 *   ext_scans(): scanning goes by extended commands, through h->ext_role
 *   feature_for_call(): for a public call: WOAD_ENOTSUP, WOAD_ENODEV or 0; HCI is polled again
 *   hci_has_command(): the controller supports a command: octet and bit of Supported_Commands
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   le_events: of a feature's needs: bits of the LE event mask
 *   needs: what only some features require: struct woad_needs
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   own_address_pending(): our address or a list is written first: advertising and so on pause
 *   pending_arg: set with an HCI command, for its answer: a connection's number, or the like
 *   pending_feature: the feature that has sent the pending HCI command
 *   pending_opcode: of the HCI command that awaits its answer; 0: none
 *   random_addr: our random address: static, or private while privacy is on
 *   rx_le_event: of a feature's needs: gets each LE Meta event before the tables of events
 *   scan: h->scan: the scanner; NULL: not linked
 *   scan_emit_report(): raises a report, or gives it to the attempt whose scan it is
 *   up: of h->ext_role: the bring-up has ended */
#include <woad/hci.h>

#include "../base/bytes.h"
#include "../core/address.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../core/own_address.h"
#include "../hci/hci.h"
#include "../l2cap/sig.h"
#include "gap_central.h"

enum { ADV_DATA, SCAN_RESPONSE };
/* DIRTY_DATA << SCAN_RESPONSE is DIRTY_RSP */
enum { DIRTY_PARAMS = 1, DIRTY_DATA = 2, DIRTY_RSP = 4 };
enum { FRAGMENT = 251 }; /* octets of data in one command.  7.8.54 */
enum { OPERATION_MIDDLE, OPERATION_FIRST, OPERATION_LAST, OPERATION_ALL };
enum { /* Advertising_Event_Properties */
       PROP_CONNECTABLE = 0x01,
       PROP_SCANNABLE = 0x02,
       PROP_DIRECTED = 0x04,
       PROP_HIGH_DUTY = 0x08,
       PROP_LEGACY = 0x10,
       PROP_ANONYMOUS = 0x20,
       PROP_TX_POWER = 0x40
};
enum { HIGH_DUTY_10MS = 128 }; /* Vol 6, Part B, 4.4.2.4.3 */
enum { SCAN_WINDOW_MIN = 4 };  /* 625 us.  7.8.64 */
enum { SET_OFF = false, SET_ON = true };
enum { NO_SET = 0x80 }; /* no value of the properties */
/* advertising handle of legacy advertising's set; those of the application follow */
enum { LEGACY_HANDLE = 0 };

struct ext_set {
    bool wanted, on; /* by the application; in the controller */
    bool enabling;   /* the enable command in progress turns it on, else off */
    uint8_t dirty;   /* DIRTY_…: not in the controller yet */
    uint8_t own_type;
    uint8_t address[6]; /* random address of the controller's set */
    uint8_t props;      /* properties of the controller's set; NO_SET: it has none */
    uint16_t data_sent; /* octets of its data that have been sent, while in fragments */
    uint8_t status;     /* of WOAD_EV_EXT_ADV_ENDED, when it is off */
    uint32_t on_since;  /* milliseconds of the application's clock */
    struct woad_ext_adv_params params; /* duration and events: what is left of them */
    const uint8_t *data[2];            /* ADV_DATA, SCAN_RESPONSE */
    uint16_t len[2];
};

struct ext {
    uint8_t address[6];              /* random address of legacy advertising's set */
    uint8_t scan_phys, connect_phys; /* WOAD_PHYS_… */
    uint8_t props;                   /* its properties, as in struct ext_set */
    struct ext_set *sets;
};

ASSERT_SIZE(ext, WOAD_SIZE_EXT);
ASSERT_SIZE(ext_set, WOAD_SIZE_EXT_SET);

/* --- legacy advertising, scanning, connecting, by extended commands --------------------------- */

/* Octet and bit of Supported_Commands: LE Set Extended Advertising Parameters, LE Set Extended Scan
 * Parameters, LE Extended Create Connection.  6.27 */
static const struct {
    uint8_t extends, octet, bit;
} extended[] = {
    { EXT_ADVERTISES, 36, 2 },
    { EXT_SCANS, 37, 5 },
    { EXT_CONNECTS, 37, 7 },
};

static void ext_up(struct woad *h)
{
    for (size_t n = 0; n < sizeof extended / sizeof *extended; n++) {
        if (hci_has_command(h, extended[n].octet, extended[n].bit)) {
            h->ext_commands |= extended[n].extends;
        }
    }
}

/* Three octets. */
static void ext_wr_u8s(struct wr *out, unsigned a, unsigned b, unsigned c)
{
    wr_u8(out, (uint8_t)a);
    wr_u8(out, (uint8_t)b);
    wr_u8(out, (uint8_t)c);
}

/* HCI_LE_Set_Extended_Advertising_Parameters: handle u8, properties u16, interval min u24, max u24,
 * channels u8, own type u8, peer type u8, peer 6, filter u8, power i8, primary PHY u8, secondary
 * skip u8, secondary PHY u8, SID u8, scan request notifications u8.  7.8.53 */
static uint16_t ext_write_params(struct woad *h, uint8_t handle, uint16_t props,
                                 const struct woad_ext_adv_params *p, struct wr *out)
{
    uint32_t interval = p->interval_625us;
    wr_u8(out, handle);
    wr_le16(out, props);
    ext_wr_u8s(out, interval, interval >> 8, interval >> 16);
    ext_wr_u8s(out, interval, interval >> 8, interval >> 16);
    ext_wr_u8s(out, p->adv_channel_map ? p->adv_channel_map : 7, h->own_type, p->peer.type & 1);
    wr_bytes(out, p->peer.octet, 6);
    wr_u8(out, p->filter_policy);
    ext_wr_u8s(out, (uint8_t)p->tx_power_dbm, p->primary_phy ? p->primary_phy : WOAD_PHY_1M, 0);
    ext_wr_u8s(out, p->secondary_phy ? p->secondary_phy : WOAD_PHY_1M, p->sid, 0);
    return OP_LE_SET_EXT_ADV_PARAMS;
}

/* HCI_LE_Remove_Advertising_Set: handle u8.  A set's data outlive its parameters, and a controller
 * refuses properties that don't go with them.  So a set is removed before it gets other properties
 * than *has.  0: not needed.  7.8.59, 7.8.53 */
static uint16_t ext_write_removal(uint8_t handle, uint8_t *has, uint8_t props, uint8_t *dirty,
                                  struct wr *out)
{
    if (*has == NO_SET || *has == props) {
        *has = props;
        return 0;
    }
    *has = NO_SET;
    *dirty = 0xff;
    wr_u8(out, handle);
    return OP_LE_REMOVE_ADV_SET;
}

/* Parameters of legacy advertising, as those of its advertising set. */
static uint16_t legacy_params(struct woad *h, const struct woad_adv_params *p, uint8_t *dirty,
                              struct wr *out)
{
    static const uint8_t props[] = {
        [WOAD_ADV_IND] = PROP_LEGACY | PROP_CONNECTABLE | PROP_SCANNABLE,
        [WOAD_ADV_DIRECT_HIGH] = PROP_LEGACY | PROP_CONNECTABLE | PROP_DIRECTED | PROP_HIGH_DUTY,
        [WOAD_ADV_SCAN_IND] = PROP_LEGACY | PROP_SCANNABLE,
        [WOAD_ADV_NONCONN_IND] = PROP_LEGACY,
        [WOAD_ADV_DIRECT_LOW] = PROP_LEGACY | PROP_CONNECTABLE | PROP_DIRECTED,
    };
    const struct woad_ext_adv_params as = { .interval_625us = p->interval_625us,
                                            .adv_channel_map = p->adv_channel_map,
                                            .filter_policy = p->filter_policy,
                                            .peer = p->peer,
                                            .tx_power_dbm = WOAD_TX_POWER_ANY };
    uint16_t removal = ext_write_removal(LEGACY_HANDLE, &h->ext->props, props[p->kind], dirty, out);
    if (removal) {
        return removal;
    }
    memset(h->ext->address, 0, 6); /* new parameters need the address again */
    return ext_write_params(h, LEGACY_HANDLE, props[p->kind], &as, out);
}

/* HCI_LE_Set_Advertising_Set_Random_Address: handle u8, address 6.  7.8.52 */
static uint16_t ext_write_address(struct woad *h, uint8_t handle, uint8_t has[6], struct wr *out)
{
    if (h->own_type != WOAD_ADDR_RANDOM || memcmp(has, h->controller.random_addr.octet, 6) == 0) {
        return 0;
    }
    memcpy(has, h->controller.random_addr.octet, 6);
    wr_u8(out, handle);
    wr_bytes(out, has, 6);
    return OP_LE_SET_ADV_SET_ADDRESS;
}

static uint16_t legacy_address(struct woad *h, struct wr *out)
{
    return ext_write_address(h, LEGACY_HANDLE, h->ext->address, out);
}

/* HCI_LE_Set_Extended_Advertising_Data, …_Scan_Response_Data: handle u8, operation u8, may be
 * fragmented u8, length u8, data.  7.8.54, 7.8.55 */
static uint16_t ext_write_data(uint8_t handle, bool response, uint8_t operation,
                               const uint8_t *data, size_t len, struct wr *out)
{
    ext_wr_u8s(out, handle, operation, 0);
    wr_u8(out, (uint8_t)len);
    wr_bytes(out, data, len);
    if (response) {
        return OP_LE_SET_EXT_SCAN_RSP_DATA;
    }
    return OP_LE_SET_EXT_ADV_DATA;
}

static uint16_t legacy_data(bool response, const uint8_t *data, size_t len, struct wr *out)
{
    return ext_write_data(LEGACY_HANDLE, response, OPERATION_ALL, data, len, out);
}

/* HCI_LE_Set_Extended_Advertising_Enable: on u8, n u8, n times { handle u8, duration u16, max
 * events u8 }. 7.8.56 */
static uint16_t ext_write_enable(uint8_t handle, bool on, uint16_t duration_10ms, uint8_t events,
                                 struct wr *out)
{
    ext_wr_u8s(out, on, 1, handle);
    wr_le16(out, duration_10ms);
    wr_u8(out, events);
    return OP_LE_SET_EXT_ADV_ENABLE;
}

/* High duty cycle directed advertising is limited to 1.28 s. */
static uint16_t legacy_enable(const struct woad_adv_params *p, bool on, struct wr *out)
{
    uint16_t duration_10ms = 0;
    if (p->kind == WOAD_ADV_DIRECT_HIGH) {
        duration_10ms = HIGH_DUTY_10MS;
    }
    return ext_write_enable(LEGACY_HANDLE, on, duration_10ms, 0, out);
}

/* HCI_LE_Set_Extended_Scan_Parameters: own type u8, filter u8, PHYs u8, for each { type u8,
 * interval u16, window u16 }. 7.8.64.  Two PHYs share the time that one would have. */
static uint16_t ext_scan_params(struct woad *h, const struct woad_scan_params *p, struct wr *out)
{
    uint8_t phys = h->ext->scan_phys;
    bool both = phys == (WOAD_PHYS_1M | WOAD_PHYS_CODED);
    ext_wr_u8s(out, h->own_type, p->accept_list, phys);
    for (int i = 0; i < (both ? 2 : 1); i++) {
        uint16_t window = both && p->window_625us > p->interval_625us / 2 ? p->interval_625us / 2
                                                                          : p->window_625us;
        wr_u8(out, p->active);
        wr_le16(out, p->interval_625us);
        if (window < SCAN_WINDOW_MIN) {
            window = SCAN_WINDOW_MIN;
        }
        wr_le16(out, window);
    }
    return OP_LE_SET_EXT_SCAN_PARAMS;
}

/* HCI_LE_Set_Extended_Scan_Enable: on u8, filter duplicates u8, duration u16, period u16.
 * 7.8.65 */
static uint16_t ext_scan_enable(const struct woad_scan_params *p, bool on, struct wr *out)
{
    wr_u8(out, on);
    wr_u8(out, p->filter_duplicates);
    wr_le32(out, 0);
    return OP_LE_SET_EXT_SCAN_ENABLE;
}

/* HCI_LE_Extended_Create_Connection: filter u8, own type u8, peer type u8, peer 6, PHYs u8, for
 * each { scan interval u16, window u16, interval min u16, max u16, latency u16, timeout u16, CE
 * length min u16, max u16 }. 7.8.66 */
static uint16_t ext_create(struct woad *h, const struct woad_addr *peer, bool any,
                           const uint16_t *p, struct wr *out)
{
    uint8_t phys = h->ext->connect_phys;
    wr_u8(out, any);
    wr_u8(out, h->own_type);
    wr_bytes(out, peer, sizeof *peer);
    wr_u8(out, phys);
    for (; phys; phys &= (uint8_t)(phys - 1)) {
        wr_le16s(out, p, CONNECT_REQUEST);
        conn_wr_params(out, p + CONNECT_REQUEST);
    }
    return OP_LE_EXT_CREATE_CONNECTION;
}

static struct ext_set *sets_end(const struct woad *h)
{
    return h->ext->sets + h->cfg.adv_sets;
}

/* Whether an advertising set of ours is enabled and connectable. */
static bool ext_connectable(const struct woad *h)
{
    for (const struct ext_set *s = h->ext->sets; s < sets_end(h); s++) {
        if (s->on && s->params.connectable) {
            return true;
        }
    }
    return false;
}

static const struct ext_role ext_role = {
    .up = ext_up,
    .connectable = ext_connectable,
    .adv_params = legacy_params,
    .adv_address = legacy_address,
    .adv_data = legacy_data,
    .adv_enable = legacy_enable,
    .scan_params = ext_scan_params,
    .scan_enable = ext_scan_enable,
    .create = ext_create,
};

/* --- sets ------------------------------------------------------------------------------------- */

static void ext_reset(struct woad *h)
{
    h->ext_commands = 0;
    memset(h->ext->address, 0, 6);
    h->ext->scan_phys = h->ext->connect_phys = WOAD_PHYS_1M;
    h->ext->props = NO_SET;
    for (struct ext_set *s = h->ext->sets; s < sets_end(h); s++) {
        *s = (struct ext_set){ .props = NO_SET };
    }
}

static void ext_layout(struct woad *h)
{
    h->ext = arena_alloc(h, 1, sizeof *h->ext);
    struct ext_set *sets = arena_alloc(h, h->cfg.adv_sets, sizeof *sets);
    if (h->ext) {
        h->ext->sets = sets;
        h->ext_role = &ext_role;
    }
}

static void ext_emit(struct woad *h, enum woad_event_type type, uint8_t set, int status,
                     uint16_t conn)
{
    struct woad_event ev;
    ev.u.ext_adv.set = set;
    ev.u.ext_adv.status = status;
    emit_at(h, conn, type, &ev);
}

/* A set is on or off in the controller: notes it, and whether any set is on. */
static void ext_set_on(struct woad *h, struct ext_set *s, bool on)
{
    s->on = on;
    h->activity &= (uint8_t)~ACTIVE_EXT_ADV;
    for (s = h->ext->sets; s < sets_end(h); s++) {
        if (s->on) {
            h->activity |= ACTIVE_EXT_ADV;
        }
    }
}

static uint8_t set_props(const struct woad_ext_adv_params *p)
{
    return (uint8_t)(p->connectable * PROP_CONNECTABLE | p->scannable * PROP_SCANNABLE |
                     p->directed * PROP_DIRECTED | p->anonymous * PROP_ANONYMOUS |
                     p->include_tx_power * PROP_TX_POWER);
}

/* The part of the set that is sent: a scannable set has only a scan response, any other only data;
 * the other part is sent when the set is started with such parameters.  7.8.54, 7.8.55 */
static uint8_t set_part(const struct ext_set *s)
{
    return (uint8_t)(DIRTY_DATA << s->params.scannable);
}

/* Octets of that part. */
static uint16_t set_part_len(const struct ext_set *s)
{
    return s->len[s->params.scannable];
}

static bool set_part_dirty(const struct ext_set *s)
{
    return s->dirty & set_part(s);
}

/* Writes the next fragment of the set's data or scan response. */
static uint16_t set_write_data(struct ext_set *s, uint8_t handle, struct wr *out)
{
    bool response = s->params.scannable;
    uint16_t left = (uint16_t)(set_part_len(s) - s->data_sent);
    uint16_t n = (uint16_t)min_u32(left, FRAGMENT);
    const uint8_t *data = s->data[response];
    bool first = !s->data_sent, last = n == left;
    uint8_t operation = (uint8_t)(last << 1 | first); /* bit 0: first, bit 1: last fragment */
    uint16_t opcode =
        ext_write_data(handle, response, operation, n ? data + s->data_sent : NULL, n, out);
    s->data_sent = (uint16_t)(s->data_sent + n);
    if (last) {
        s->data_sent = 0;
        s->dirty &= (uint8_t)~set_part(s);
    }
    return opcode;
}

/* Whether its data take more than one command. */
static bool set_is_long(const struct ext_set *s)
{
    return set_part_dirty(s) && set_part_len(s) > FRAGMENT;
}

/* The next command for a set; 0: none.  Parameters, addresses and fragmented data change only while
 * the set is off. */
static uint16_t set_command(struct woad *h, struct ext_set *s, uint8_t handle, struct wr *out)
{
    bool paused = !s->wanted || own_address_pending(h);
    bool restart = (s->dirty & DIRTY_PARAMS) || s->own_type != h->own_type;
    if (s->on && (paused || restart || set_is_long(s))) {
        s->enabling = false;
        return ext_write_enable(handle, SET_OFF, 0, 0, out);
    }
    if (paused) {
        return 0;
    }
    if (restart) {
        uint8_t props = set_props(&s->params);
        uint16_t removal = ext_write_removal(handle, &s->props, props, &s->dirty, out);
        if (removal) {
            return removal;
        }
        s->dirty &= (uint8_t)~DIRTY_PARAMS;
        s->own_type = h->own_type;
        memset(s->address, 0, 6);
        return ext_write_params(h, handle, props, &s->params, out);
    }
    uint16_t opcode = 0;
    if (!s->on) {
        opcode = ext_write_address(h, handle, s->address, out);
    }
    if (opcode) {
        return opcode;
    }
    if (set_part_dirty(s)) {
        return set_write_data(s, handle, out);
    }
    s->enabling = true;
    if (s->on) {
        return 0;
    }
    return ext_write_enable(handle, SET_ON, s->params.duration_10ms, s->params.events_max, out);
}

static uint16_t ext_command(struct woad *h, struct wr *out)
{
    for (uint8_t n = 0; h->state == HOST_UP && n < h->cfg.adv_sets; n++) {
        uint16_t opcode = set_command(h, &h->ext->sets[n], (uint8_t)(n + 1), out);
        if (opcode) {
            h->hci.pending_arg = n;
            return opcode;
        }
    }
    return 0;
}

/* A command for the set has failed.  That is not reported if newer parameters are still to be sent,
 * or if the command was Remove Advertising Set and nothing is wanted. */
static void set_failed(struct woad *h, struct ext_set *s, uint8_t n, uint8_t status, bool enable)
{
    s->dirty |= DIRTY_DATA | DIRTY_RSP;
    s->data_sent = 0;
    bool replaced = s->wanted && (s->dirty & DIRTY_PARAMS), removal = !s->wanted && !enable;
    if (replaced || removal) {
        return;
    }
    s->wanted = false;
    s->status = status;
    if (!s->on) {
        ext_emit(h, WOAD_EV_EXT_ADV_ENDED, n, status, WOAD_NO_CONN);
    }
}

/* The host has paused a set.  The controller will count both limits from their beginning, so the
 * part that is over is subtracted here: events by their interval and the mean of advDelay, 5 ms,
 * the first of them at once.  A set with nothing left ends.  Vol 6, Part B, 4.4.2.2 */
static void set_paused(const struct woad *h, struct ext_set *s)
{
    struct woad_ext_adv_params *p = &s->params;
    uint32_t ms = h->now - s->on_since;
    uint32_t events = ms / (p->interval_625us * 5 / 8 + 5) + 1;
    ms = ms / 10 + 1;
    if (p->duration_10ms) {
        if (ms >= p->duration_10ms) {
            s->status = WOAD_HCI_ADVERTISING_TIMEOUT;
        }
        p->duration_10ms = (uint16_t)(p->duration_10ms - ms);
    }
    if (p->events_max && !s->status) {
        if (events >= p->events_max) {
            s->status = WOAD_HCI_LIMIT_REACHED;
        }
        p->events_max = (uint8_t)(p->events_max - events);
    }
    s->wanted = !s->status;
}

/* A command for the set h->hci.pending_arg has completed. */
static void ext_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    uint8_t n = (uint8_t)h->hci.pending_arg;
    struct ext_set *s = &h->ext->sets[n];
    (void)ret;
    if (opcode == OP_LE_SET_EXT_ADV_ENABLE && !s->enabling) {
        bool was_on = s->on;
        ext_set_on(h, s, SET_OFF); /* even if it fails: the set was off already */
        if (was_on && s->wanted && !(s->dirty & DIRTY_PARAMS)) {
            set_paused(h, s);
        }
        if (was_on && !s->wanted) {
            ext_emit(h, WOAD_EV_EXT_ADV_ENDED, n, s->status, WOAD_NO_CONN);
        }
    } else if (status) {
        set_failed(h, s, n, status, opcode == OP_LE_SET_EXT_ADV_ENABLE);
    } else if (opcode == OP_LE_SET_EXT_ADV_ENABLE) {
        ext_set_on(h, s, SET_ON);
        s->on_since = h->now;
        ext_emit(h, WOAD_EV_EXT_ADV_STARTED, n, 0, WOAD_NO_CONN);
    }
}

/* --- events ----------------------------------------------------------------------------------- */

/* LE Advertising Set Terminated: status u8, set u8, connection u16, events u8.  7.7.65.18 */
static void ext_rx_terminated(struct woad *h, struct rd *in)
{
    const uint8_t *p = in->p;
    if (rd_left(in) != 5 || p[1] > h->cfg.adv_sets) {
        return;
    }
    uint8_t status = p[0], handle = p[1];
    const struct conn *c = NULL;
    if (!status) {
        c = conn_by_handle(h, get_le16(p + 2) & HANDLE_MASK);
    }
    if (handle == LEGACY_HANDLE) {
        if (h->adv) { /* status 0 without a connection: there was no room for it */
            adv_ended(h, status || c ? status : WOAD_ENOMEM);
        }
        return;
    }
    struct ext_set *s = &h->ext->sets[handle - 1];
    if (s->on) {
        ext_set_on(h, s, SET_OFF);
        if (!(s->dirty & DIRTY_PARAMS)) {
            s->wanted = false; /* not started again since */
        }
        if (c || !s->wanted) {
            ext_emit(h, WOAD_EV_EXT_ADV_ENDED, (uint8_t)(handle - 1), status,
                     c ? c->number : WOAD_NO_CONN);
        }
    }
}

/* in the event type: bit of a legacy PDU; shift of the data status */
enum { EVENT_LEGACY = 0x10, EVENT_STATUS = 5 };

/* The kind of a legacy PDU, as in legacy reports, by bits 0 to 3 of the event type; -1: reserved.
 * 7.7.65.13, 7.7.65.2 */
static const int8_t legacy_kinds[16] = { 3, -1, 2, 0, -1, 1, -1, -1, -1, -1, 4, 4, -1, -1, -1, -1 };

/* Fills the report from its 24 octets: see ext_rx_report(). */
static void ext_report(const uint8_t *p, const uint8_t *data, struct woad_ext_report *r)
{
    r->props = get_le16(p);
    addr_copy(&r->addr, p + 2);
    r->primary_phy = p[9];
    r->secondary_phy = p[10];
    r->sid = p[11];
    r->tx_power_dbm = (int8_t)p[12];
    r->rssi = (int8_t)p[13];
    r->periodic_1250us = get_le16(p + 14);
    r->len = p[23];
    r->data = data;
    r->more = (r->props >> EVENT_STATUS & 3) == 1;
    r->truncated = (r->props >> EVENT_STATUS & 3) == 2;
}

/* LE Extended Advertising Report: n u8, n times { type u16, address type u8, address 6, primary PHY
 * u8, secondary PHY u8, SID u8, power i8, RSSI i8, periodic interval u16, direct address type u8,
 * address 6, length u8, data }. 7.7.65.13 */
static void ext_rx_report(struct woad *h, struct rd *in)
{
    for (uint8_t n = rd_u8(in); n && !in->bad; n--) {
        struct woad_event ev;
        const uint8_t *p = rd_bytes(in, 24);
        const uint8_t *data = NULL;
        if (p) {
            data = rd_bytes(in, p[23]);
        }
        if (!data) {
            return; /* rd_bytes() has noted it */
        }
        if (p[0] & EVENT_LEGACY) {
            int kind = legacy_kinds[p[0] & 0xf];
            if (kind < 0 || p[23] > WOAD_ADV_DATA_MAX) {
                in->bad = true;
                return;
            }
            addr_copy(&ev.u.report.addr, p + 2);
            ev.u.report.kind = (uint8_t)kind;
            ev.u.report.rssi = (int8_t)p[13];
            ev.u.report.data = data;
            ev.u.report.len = p[23];
            scan_emit_report(h, WOAD_EV_REPORT, &ev, &ev.u.report.addr);
        } else {
            ext_report(p, data, &ev.u.ext_report);
            scan_emit_report(h, WOAD_EV_EXT_REPORT, &ev, &ev.u.ext_report.addr);
        }
    }
}

static void ext_meta(struct woad *h, uint8_t sub, struct rd *in)
{
    if (sub == LE_EXT_REPORT && h->scan) {
        ext_rx_report(h, in);
    } else if (sub == LE_ADV_SET_TERMINATED) {
        ext_rx_terminated(h, in);
    }
}

static void ext_complete_config(struct woad *h, struct woad_config *cfg)
{
    (void)h;
    if (!cfg->adv_sets) {
        cfg->adv_sets = WOAD_DEFAULT_ADV_SETS;
    }
}

static const struct woad_needs ext_needs = {
    .complete_config = ext_complete_config,
    .rx_le_event = ext_meta,
    .le_events = 1u << (LE_EXT_REPORT - 1) | 1u << (LE_ADV_SET_TERMINATED - 1),
};

const struct woad_feature woad_feature_extended_advertising = {
    .layout = ext_layout,
    .reset = ext_reset,
    .command = ext_command,
    .complete = ext_complete,
    .needs = &ext_needs,
};

/* --- calls ------------------------------------------------------------------------------------ */

/* The set for an application's call.  0 or an error. */
static int set_for_call(struct woad *h, uint8_t set, struct ext_set **s)
{
    int err = CALL_ERROR(h, feature_for_call(h, h->ext), "woad_feature_extended_advertising");
    if (err) {
        return err;
    }
    if (set >= h->cfg.adv_sets) {
        return REFUSED(h, WOAD_EINVAL, "set %u: config.adv_sets is %u", set, h->cfg.adv_sets);
    }
    *s = &h->ext->sets[set];
    if (ext_advertises(h)) {
        return 0;
    }
    return REFUSED(h, WOAD_ENOTSUP, "the controller has no extended advertising");
}

/* Notes where the application has the data, which stay there, to be sent to the controller. */
static int set_store_data(struct woad *h, uint8_t set, bool response, const uint8_t *data,
                          size_t len)
{
    struct ext_set *s;
    int err = set_for_call(h, set, &s);
    if (err) {
        return err;
    }
    if (len > WOAD_EXT_DATA_MAX || (len && !data)) {
        return REFUSED(h, WOAD_EINVAL, "%u octets of data: 0 to 1650", (unsigned)len);
    }
    s->data[response] = data;
    s->len[response] = (uint16_t)len;
    s->dirty |= (uint8_t)(DIRTY_DATA << response);
    s->data_sent = 0; /* data sent in part are sent again from the beginning */
    return 0;
}

int woad_ext_adv_set_data(struct woad *h, uint8_t set, const uint8_t *data, size_t len)
{
    return set_store_data(h, set, ADV_DATA, data, len);
}

int woad_ext_adv_set_scan_response(struct woad *h, uint8_t set, const uint8_t *data, size_t len)
{
    return set_store_data(h, set, SCAN_RESPONSE, data, len);
}

/* Whether a command in progress, or one to be sent, will report that the set has ended. */
static bool set_reports_end(const struct woad *h, const struct ext_set *s, uint8_t set)
{
    return s->on || (h->hci.pending_opcode == OP_LE_SET_EXT_ADV_ENABLE &&
                     h->hci.pending_feature == &woad_feature_extended_advertising &&
                     h->hci.pending_arg == set);
}

int woad_ext_adv_start(struct woad *h, uint8_t set, const struct woad_ext_adv_params *p)
{
    struct ext_set *s;
    int err = set_for_call(h, set, &s);
    if (err) {
        return err;
    }
    if (p->interval_625us < 0x20 || p->interval_625us > 0xffffff || p->adv_channel_map > 7 ||
        p->filter_policy > WOAD_ADV_ACCEPT_BOTH || (p->filter_policy && !h->accept) ||
        p->sid > 15 || (p->connectable && p->scannable) ||
        (p->anonymous && (p->connectable || p->scannable)) || p->primary_phy > WOAD_PHY_CODED ||
        p->primary_phy == WOAD_PHY_2M || p->secondary_phy > WOAD_PHY_CODED ||
        p->peer.type > WOAD_ADDR_RANDOM_IDENTITY) {
        return REFUSED(h, WOAD_EINVAL, "a parameter is out of range");
    }
    if (p->connectable && !conn_any_free(h)) {
        return REFUSED(h, WOAD_ENOMEM, "every connection is in use");
    }
    if (!s->wanted && set_reports_end(h, s, set)) { /* the end before comes first */
        ext_emit(h, WOAD_EV_EXT_ADV_ENDED, set, s->status, WOAD_NO_CONN);
    }
    s->params = *p;
    s->dirty |= DIRTY_PARAMS;
    s->dirty |= s->len[ADV_DATA] ? DIRTY_DATA : 0;
    s->dirty |= s->len[SCAN_RESPONSE] ? DIRTY_RSP : 0;
    s->data_sent = 0;
    s->status = 0;
    s->wanted = true;
    return 0;
}

int woad_ext_adv_stop(struct woad *h, uint8_t set)
{
    struct ext_set *s;
    int err = set_for_call(h, set, &s);
    if (err || !s->wanted) {
        return err;
    }
    s->wanted = false;
    if (!set_reports_end(h, s, set)) {
        ext_emit(h, WOAD_EV_EXT_ADV_ENDED, set, 0, WOAD_NO_CONN);
    }
    return 0;
}

/* Checks a choice of PHYs: 0, or the error of the public call.  can: the controller has the
 * command. */
static int ext_check_phys(struct woad *h, uint8_t phys, uint8_t allowed, bool can)
{
    int err = CALL_ERROR(h, feature_for_call(h, h->ext), "woad_feature_extended_advertising");
    if (!err && !can && phys != WOAD_PHYS_1M) {
        err = WOAD_ENOTSUP;
    }
    if (!err && (!phys || (phys & ~allowed))) {
        err = WOAD_EINVAL;
    }
    return err;
}

int woad_set_scan_phys(struct woad *h, uint8_t phys)
{
    int err = ext_check_phys(h, phys, WOAD_PHYS_1M | WOAD_PHYS_CODED, ext_scans(h));
    if (!err) {
        h->ext->scan_phys = phys;
    }
    return err;
}

int woad_set_connect_phys(struct woad *h, uint8_t phys)
{
    int err =
        ext_check_phys(h, phys, WOAD_PHYS_1M | WOAD_PHYS_2M | WOAD_PHYS_CODED, ext_connects(h));
    if (!err) {
        h->ext->connect_phys = phys;
    }
    return err;
}
