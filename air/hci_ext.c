/* Commands and events of extended advertising, scanning and connecting.
 * Vol 4, Part E, 7.8.52 to 7.8.66, 7.7.65.13, 7.7.65.18, 7.7.65.19 */
#include "ll_ext.h"

enum { CMD_EXT_CREATE = 0x2043 };
enum { OP_MORE = 0, OP_FIRST = 1, OP_LAST = 2, OP_WHOLE = 3, OP_SAME = 4 };
enum { UNKNOWN_ADVERTISER = 0x42, PACKET_TOO_LONG = 0x45, CONNECTABLE_MAX = 245 };
enum { NO_PREFERENCE = 127 };            /* power */

struct ll_adv *set_of(ctl *c, uint8_t handle)
{
    for (uint8_t n = 0; n < c->n_sets; n++) {
        if (c->sets[n].used && c->sets[n].handle == handle) {
            return &c->sets[n];
        }
    }
    return NULL;
}

static struct ll_adv *set_new(ctl *c, uint8_t handle)
{
    for (uint8_t n = 0; n < c->n_sets; n++) {
        if (!c->sets[n].used) {
            c->sets[n].used = true;
            c->sets[n].handle = handle;
            return &c->sets[n];
        }
    }
    return NULL;
}

static void set_free(struct ll_adv *a)
{
    *a = (struct ll_adv){ .data = a->data, .rsp = a->rsp, .room = a->room, .aux_at = NEVER,
                          .train = { .data = a->train.data } };
}

/* handle u8, address 6.  7.8.52 */
static int cmd_set_random(ctl *c, struct rd *in, struct wr *ret)
{
    struct ll_adv *a = set_of(c, rd_u8(in));
    (void)ret;
    if (!cmd_choose(c, true) || (a && a->on && adv_connectable(a))) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (!a) {
        return UNKNOWN_ADVERTISER;
    }
    rd_copy(in, a->random, 6);
    a->random_set = true;
    return 0;
}

/* The legacy PDUs that properties may ask for; 0xff: none.  Table 7.2 of 7.8.53 */
static uint8_t legacy_kind(uint16_t props)
{
    switch (props & ~(PROP_ANONYMOUS | PROP_TX_POWER)) {
    case 0x13:
        return ADV_KIND_IND;
    case 0x15:
        return ADV_KIND_DIRECT_LOW;
    case 0x1d:
        return ADV_KIND_DIRECT_HIGH;
    case 0x12:
        return ADV_KIND_SCAN;
    case 0x10:
        return ADV_KIND_NONCONN;
    default:
        return 0xff;
    }
}

static bool phy_there(const ctl *c, uint8_t phy)
{
    return phy >= PHY_1M && phy <= PHY_CODED && (phys_there(c) >> (phy - 1) & 1);
}

/* handle u8, properties u16, interval min u24, max u24, channels u8, own type u8, peer type u8,
 * peer 6, filter u8, power i8, primary PHY u8, skip u8, secondary PHY u8, SID u8, tell requests
 * u8. Returns the power i8.  7.8.53 */
static int cmd_set_params(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t handle = rd_u8(in);
    uint16_t props = rd_le16(in);
    uint32_t min = rd_le24(in), max = rd_le24(in);
    uint8_t channels = rd_u8(in), own = rd_u8(in);
    struct address peer = { rd_u8(in), { 0 } };
    rd_copy(in, peer.octet, 6);
    uint8_t filter = rd_u8(in);
    int8_t power = (int8_t)rd_u8(in);
    uint8_t primary = rd_u8(in);
    rd_u8(in);
    uint8_t secondary = rd_u8(in), sid = rd_u8(in), tells = rd_u8(in);
    struct ll_adv *a = set_of(c, handle);
    struct ll_adv wish = { .power_asked = power != NO_PREFERENCE,
                           .power = power > POWER_MOST ? POWER_MOST : power };
    wr_u8(ret, (uint8_t)adv_power(c, &wish));
    if (!cmd_choose(c, true) || (a && a->on)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    bool legacy = props & PROP_LEGACY;
    bool both = (props & (PROP_CONNECTABLE | PROP_SCANNABLE)) == 3;
    if (handle > 0xef || props > 0x7f || min < 0x20 || min > max || !(channels & 7) ||
        channels > 7 || own > 3 || peer.type > 1 || filter > 3 || sid > 15 || tells > 1 ||
        (legacy ? legacy_kind(props) == 0xff : both || (props & PROP_HIGH_DUTY)) ||
        ((props & PROP_ANONYMOUS) && (props & 3)) || primary == PHY_2M) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (!phy_there(c, primary) || (!legacy && !phy_there(c, secondary))) {
        return WOAD_HCI_UNSUPPORTED;
    }
    a = a ? a : set_new(c, handle);
    if (!a) {
        return WOAD_HCI_MEMORY_EXCEEDED;
    }
    a->props = props;
    a->extended = !legacy;
    a->kind = legacy ? legacy_kind(props) : ADV_KIND_NONCONN;
    a->interval = max;
    a->channels = channels;
    a->own_type = own;
    a->peer = peer;
    a->filter = filter;
    a->primary = primary;
    a->secondary = legacy ? PHY_1M : secondary;
    a->sid = sid;
    a->tells_requests = tells;
    a->power_asked = wish.power_asked;
    a->power = wish.power;
    return 0;
}

/* handle u8, operation u8, fragment preference u8, length u8, data.  7.8.54, 7.8.55 */
static int set_take_data(ctl *c, struct rd *in, bool response)
{
    struct ll_adv *a = set_of(c, rd_u8(in));
    uint8_t op = rd_u8(in);
    rd_u8(in);
    uint8_t len = rd_u8(in);
    const uint8_t *data = rd_bytes(in, len);
    if (in->bad || rd_left(in) || op > OP_SAME || (response && op == OP_SAME)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (!a) {
        return UNKNOWN_ADVERTISER;
    }
    uint16_t *have = response ? &a->rsp_len : &a->data_len;
    uint16_t before = op == OP_MORE || op == OP_LAST ? *have : 0;
    if (!cmd_choose(c, true) || (a->on && op != OP_WHOLE && op != OP_SAME)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (before + len > (a->extended ? a->room : 31)) {
        *have = 0;
        return a->extended ? WOAD_HCI_MEMORY_EXCEEDED : WOAD_HCI_INVALID_PARAMETERS;
    }
    a->did = (uint16_t)(air_random(c->air) & 0xfff);
    if (op != OP_SAME) {
        memcpy((response ? a->rsp : a->data) + before, data, len);
        *have = (uint16_t)(before + len);
    }
    return 0;
}

static int cmd_set_data(ctl *c, struct rd *in, struct wr *ret)
{
    (void)ret;
    return set_take_data(c, in, false);
}

static int cmd_set_response(ctl *c, struct rd *in, struct wr *ret)
{
    (void)ret;
    return set_take_data(c, in, true);
}

static int set_may_begin(ctl *c, struct ll_adv *a)
{
    uint8_t i;
    if ((a->own_type & 1) && !a->random_set && !own_type_ok(c, 1)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (adv_connectable(a) && !link_free(c, &i)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    return a->extended && (a->props & PROP_CONNECTABLE) && a->data_len > CONNECTABLE_MAX
               ? PACKET_TOO_LONG : 0;
}

/* on u8, number u8, { handle u8, duration u16 in 10 ms, most events u8 } each; off with none: all.
 * All are looked at before any is begun.  7.8.56 */
static int cmd_set_enable(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t on = rd_u8(in), n = rd_u8(in);
    struct rd again = *in;
    (void)ret;
    if (in->bad || on > 1 || rd_left(in) != n * 4u || (on && !n) || n > 0x3f) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (!cmd_choose(c, true)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    for (uint8_t k = 0; !on && !n && k < c->n_sets; k++) {
        adv_enable(c, &c->sets[k], false);
    }
    for (uint8_t k = 0; k < n; k++) {
        struct ll_adv *a = set_of(c, rd_u8(in));
        rd_bytes(in, 3);
        int status = !a ? UNKNOWN_ADVERTISER : on ? set_may_begin(c, a) : 0;
        if (status) {
            return status;
        }
    }
    for (uint8_t k = 0; k < n; k++) {
        struct ll_adv *a = set_of(c, rd_u8(&again));
        uint16_t duration = rd_le16(&again);
        uint8_t most = rd_u8(&again);
        if (on || a->on) {
            adv_enable(c, a, on);
        }
        a->max_events = most;
        a->until = on && duration ? a->next + duration * 10000u : a->until;
    }
    return 0;
}

static int cmd_max_data(ctl *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_le16(ret, c->sets->room);
    return 0;
}

static int cmd_number(ctl *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_u8(ret, c->n_sets);
    return 0;
}

static int cmd_remove(ctl *c, struct rd *in, struct wr *ret)
{
    struct ll_adv *a = set_of(c, rd_u8(in));
    (void)ret;
    if (!a) {
        return UNKNOWN_ADVERTISER;
    }
    if (a->on || a->train.enabled) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    set_free(a);
    return 0;
}

static int cmd_clear(ctl *c, struct rd *in, struct wr *ret)
{
    (void)in;
    (void)ret;
    bool on = adv_any_on(c);
    for (uint8_t n = 0; n < c->n_sets; n++) {
        on = on || c->sets[n].train.enabled;
    }
    if (!cmd_choose(c, true) || on) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    for (uint8_t n = 0; n < c->n_sets; n++) {
        set_free(&c->sets[n]);
    }
    return 0;
}

/* --- scanning --------------------------------------------------------------------------------- */

/* own type u8, filter u8, PHYs u8, then for each: active u8, interval u16, window u16.  7.8.64 */
static int cmd_ext_scan_params(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t own = rd_u8(in), filter = rd_u8(in), phys = rd_u8(in);
    struct ll_scan s = c->scan;
    (void)ret;
    if (c->scan.on || !cmd_choose(c, true)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (own > 3 || filter > 1 || !phys || (phys & ~5)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (phys & ~phys_there(c)) {
        return WOAD_HCI_UNSUPPORTED;
    }
    for (uint8_t n = 0; n < 2; n++) {
        if (phys >> (2 * n) & 1) {
            uint8_t active = rd_u8(in);
            s.of[n].interval = rd_le16(in);
            s.of[n].window = rd_le16(in);
            s.of[n].active = active;
            if (active > 1 || s.of[n].interval < 4 || s.of[n].window < 4 ||
                s.of[n].window > s.of[n].interval) {
                return WOAD_HCI_INVALID_PARAMETERS;
            }
        }
    }
    if (!rd_done(in)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    s.own_type = own;
    s.by_list = filter;
    s.phys = phys;
    s.extended = true;
    c->scan = s;
    return 0;
}

/* on u8, filter duplicates u8, duration u16 in 10 ms, period u16 in 1.28 s.  7.8.65 */
static int cmd_scan_on(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t on = rd_u8(in), filter = rd_u8(in);
    uint16_t duration = rd_le16(in), period = rd_le16(in);
    (void)ret;
    if (on > 1 || filter > 2 || (period && (!duration || duration * 10u >= period * 1280u))) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (!cmd_choose(c, true) || (on && (c->scan.connecting || !c->scan.phys))) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    c->scan.filter = filter;
    scan_enable(c, on);
    c->scan.until = on && duration ? c->air->now + duration * 10000u : NEVER;
    c->scan.period_at = on && period ? c->air->now + period * 1280000u : NEVER;
    c->scan.duration = duration * 10000u;
    c->scan.period = period * 1280000u;
    return 0;
}

/* --- connecting ------------------------------------------------------------------------------- */

/* filter u8, own type u8, peer type u8, peer 6, PHYs u8, then for each: scan interval u16,
 * window u16, interval min u16, max u16, latency u16, timeout u16, CE length min u16, max u16.
 * 7.8.66 The parameters of the connection are those of the first PHY. */
static int cmd_ext_create(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t filter = rd_u8(in), own = rd_u8(in), i;
    struct ll_scan s = c->scan;
    (void)ret;
    s.peer.type = rd_u8(in) & 1;
    rd_copy(in, s.peer.octet, 6);
    uint8_t phys = rd_u8(in);
    int status = filter > 1 || own > 3 || !phys || phys > 7 ? WOAD_HCI_INVALID_PARAMETERS
               : phys & ~phys_there(c) ? WOAD_HCI_UNSUPPORTED : 0;
    for (uint8_t n = 0; !status && n < 3; n++) {
        uint16_t v[8];
        for (size_t k = 0; (phys >> n & 1) && k < 8; k++) {
            v[k] = rd_le16(in);
        }
        if (!(phys >> n & 1)) {
            continue;
        }
        if (in->bad || v[0] < 4 || v[1] < 4 || v[1] > v[0] || v[2] < 6 || v[3] > 3200 ||
            v[2] > v[3] || v[4] > 499 || v[5] < 10 || v[5] > 3200 ||
            v[5] * 4u <= (1u + v[4]) * v[3]) {
            status = WOAD_HCI_INVALID_PARAMETERS;
        } else if (n != 1) {
            s.of[n / 2].interval = v[0];
            s.of[n / 2].window = v[1];
            s.conn_min = v[2];
            s.latency = v[4];
            s.supervision = v[5];
        }
    }
    status = status ? status : !rd_done(in) || !(phys & 5) ? WOAD_HCI_INVALID_PARAMETERS
           : c->scan.connecting || c->scan.on || !cmd_choose(c, true)
           ? WOAD_HCI_COMMAND_DISALLOWED : !link_free(c, &i) ? WOAD_HCI_CONNECTION_LIMIT
           : !filter && link_with(c, &s.peer) ? WOAD_HCI_CONNECTION_EXISTS
           : !own_type_ok(c, own) ? WOAD_HCI_INVALID_PARAMETERS : 0;
    evt_status(c, CMD_EXT_CREATE, (uint8_t)status);
    if (!status) {
        s.own_type = own;
        s.by_list = filter;
        s.phys = phys & 5;
        s.extended = true;
        c->scan = s;
        scan_enable(c, false);
        c->scan.connecting = true;
        c->scan.joining = c->scan.joining_aux = false;
    }
    return CMD_ANSWERED;
}

const struct command air_ext_commands[] = {
    { CMD(0x08, 0x35), 36, 1, 7, cmd_set_random, FEATURE_EXT_ADV },
    { CMD(0x08, 0x36), 36, 2, 25, cmd_set_params, FEATURE_EXT_ADV },
    { CMD(0x08, 0x37), 36, 3, -1, cmd_set_data, FEATURE_EXT_ADV },
    { CMD(0x08, 0x38), 36, 4, -1, cmd_set_response, FEATURE_EXT_ADV },
    { CMD(0x08, 0x39), 36, 5, -1, cmd_set_enable, FEATURE_EXT_ADV },
    { CMD(0x08, 0x3a), 36, 6, 0, cmd_max_data, FEATURE_EXT_ADV },
    { CMD(0x08, 0x3b), 36, 7, 0, cmd_number, FEATURE_EXT_ADV },
    { CMD(0x08, 0x3c), 37, 0, 1, cmd_remove, FEATURE_EXT_ADV },
    { CMD(0x08, 0x3d), 37, 1, 0, cmd_clear, FEATURE_EXT_ADV },
    { CMD(0x08, 0x41), 37, 5, -1, cmd_ext_scan_params, FEATURE_EXT_ADV },
    { CMD(0x08, 0x42), 37, 6, 6, cmd_scan_on, FEATURE_EXT_ADV },
    { CMD(0x08, 0x43), 37, 7, -1, cmd_ext_create, FEATURE_EXT_ADV },
    { 0, 0, 0, 0, NULL, 0 },
};

/* --- events ----------------------------------------------------------------------------------- */

/* LE Advertising Set Terminated: status u8, set u8, handle u16, events u8.  7.7.65.18 */
void evt_set_terminated(ctl *c, const struct ll_adv *a, uint8_t status, uint8_t i)
{
    uint8_t b[8];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    wr_u8(&w, a->handle);
    wr_le16(&w, status ? 0 : link_handle(i));
    wr_u8(&w, (uint8_t)(a->max_events ? a->max_events : 0));
    evt_le(c, 0x12, &w);
}

/* LE Scan Request Received: set u8, type u8, address 6.  7.7.65.19 */
void evt_scan_request(ctl *c, const struct ll_adv *a, const struct address *peer)
{
    uint8_t b[8];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, a->handle);
    wr_u8(&w, peer->type);
    wr_bytes(&w, peer->octet, 6);
    evt_le(c, 0x13, &w);
}

/* LE Extended Advertising Report, one: type u16, address type u8, address 6, primary PHY u8,
 * secondary u8, SID u8, power i8, RSSI i8, periodic interval u16, direct type u8, address 6,
 * length u8, data. 7.7.65.13 */
void evt_ext_report(ctl *c, uint16_t type, const struct ext *e, const uint8_t *data, size_t len,
                    int8_t rssi, uint8_t secondary)
{
    uint8_t b[255];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, 1);
    wr_le16(&w, type);
    wr_u8(&w, e->has_adv ? e->adv.type : 0xff);            /* 0xff: anonymous */
    wr_bytes(&w, e->adv.octet, 6);
    wr_u8(&w, secondary ? phy_number(c->scan.primary_phy) : PHY_1M);
    wr_u8(&w, secondary);
    wr_u8(&w, e->has_adi ? e->sid : 0xff);
    wr_u8(&w, e->has_power ? (uint8_t)e->power : 127);
    wr_u8(&w, (uint8_t)rssi);
    wr_le16(&w, e->has_sync ? e->sync.interval : 0);
    wr_u8(&w, e->has_target ? e->target.type : 0);
    wr_bytes(&w, e->target.octet, 6);
    wr_u8(&w, (uint8_t)len);
    wr_bytes(&w, data, len);
    if (evt_room(c, 1536)) {
        evt_le(c, 0x0d, &w);
    }
}
