/* Commands of extended advertising, scanning and connecting.  Vol 4, Part E, 7.8.52 to 7.8.66
 *
 * A command's function reads its parameters from `in` and writes the return parameters that
 * follow the status to `ret`.  It returns the status, or CMD_ANSWERED.
 *
 * Names of other files:
 *   c: the controller
 *   a: an advertising set (ll.h)
 *   adv_any_on(): a set is enabled
 *   adv_connectable(): connections can be made through the set
 *   adv_enable(): enables or disables a set; enabling sets `next` and `until`
 *   ADV_KIND_DIRECT_HIGH: ADV_KIND_…: kinds of legacy advertising, as HCI counts them
 *   adv_power(): dBm of the set's packets
 *   adv_secondary(): the PHY of the set's secondary channels
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_random(): the next number of the world's random sequence
 *   aux_at: us: the next packet on a secondary channel; NEVER: none
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   channel_bits: channels that the set uses, a bit each: 37, 38, 39
 *   CMD_ANSWERED: of a command: Command Complete or Command Status has been sent already, or none
 *       is to be
 *   CMD_EXTENDED: flag of a command: of the extended family, which does not mix with the legacy one
 *   CMD_STATUS: flag of a command: answered by Command Status
 *   conn_command: what a command says that creates a connection: hci.h
 *   conn_command_check(): the status for a command that creates a connection
 *   conn_min: the new connection's interval, in 1.25 ms
 *   connecting: the scanner initiates a connection
 *   DATA_COMPLETE: such an operation: these are all data
 *   data_len: octets of `data`, the advertising data
 *   DATA_UNCHANGED: such an operation: only the DID changes
 *   did: data ID of ADI: changes with the data
 *   duration: us: of a scan; 0: without end
 *   FEATURE_EXT_ADV: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   filter_duplicates: the host wants a single report of each advertiser
 *   FRAGMENT_FIRST: an operation of commands that set data: HCI's numbers
 *   has_kept: the scanner's settings are kept: scan_keep_settings()
 *   has_own_address(): there is an own address of this type for a peer; NULL: for any
 *   link_free(): a free place for a connection, of those of the configuration, and its index
 *   ll_adv: an advertising set: ll.h
 *   ll_scan: the scanner, which is the initiator, too: ll.h
 *   max_events: events after which the set ends; 0: no limit
 *   NEVER: a deadline that does not exist: later than any time
 *   next: us: the set's next advertising event
 *   on: of a stream: its events are scheduled
 *   own_type: HCI's type of the own address: 0 public, 1 random; 2, 3: private, if there is one
 *   own_type_check(): the status for a type of the own address
 *   PACKET_TOO_LONG: status 0x45, Packet Too Long
 *   params_from_host(): reads connection parameters and CE lengths; false: they are not valid
 *   partial_data: the last fragment of the data is missing
 *   partial_rsp: the last fragment of the scan response is missing
 *   per_phy: parameters of scanning for 1M and for coded
 *   period_at: us: when the next period of scanning begins
 *   periodic: periodic advertising of a set
 *   PHY_1M: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   phys: PHYs that are scanned on, bits 0 and 2: 1M, coded
 *   phys_supported(): PHYs that the controller has: bits: 1M, 2M, coded
 *   power_limited: the host has limited the set's power
 *   POWER_MAX: dBm: the greatest power of a transmitter
 *   primary: PHY of the primary channels; 0: not set, 1M
 *   PROP_CONNECTABLE: properties of an extended advertising set, bits as HCI has them
 *   props: PROP_…: properties of a set with extended PDUs
 *   radio_airtime(): us of a packet with so many octets of PDU, its header included
 *   room: octets in each of data, rsp and periodic.data of a set
 *   rsp: the scan response data
 *   rsp_len: octets of `rsp`, the scan response data
 *   scan_enable(): begins or ends scanning; the caller sets the times
 *   scan_filter_status(): the status for a scan filter policy
 *   scan_keep_settings(): keeps the host's settings of scanning, while the initiator uses the same
 *       fields
 *   scan_restore_settings(): a scan begins: puts back what scan_keep_settings() has kept
 *   secondary: PHY of the secondary channels; 0: not set, 1M
 *   sent_len: octets of the data that are in packets so far
 *   set_by_handle(): the advertising set that the host knows by this number; NULL: none
 *   sets: the advertising sets, n_sets of them; legacy advertising is the first
 *   supervision: 10 ms: the supervision timeout
 *   T_IFS: us between packets that belong together
 *   T_MAFS: us from the end of a packet to the auxiliary packet that it names
 *   UNKNOWN_ADVERTISER: status 0x42, Unknown Advertising Identifier
 *   until: us: when the host's Duration of scanning ends; NEVER: not at all
 *   use_accept_list: the accept list decides in the place of `peer`
 *   window: us: the packet may begin so much later than expected */
#include "hci.h"
#include "../ll/ext.h"

enum { CONNECTABLE_MAX = 245 }; /* octets of data: connectable advertising has no chain */
enum { NO_PREFERENCE = 127 };   /* of the host: the power of the set */

/* A new set; NULL: none is left. */
static struct ll_adv *set_allocate(controller *c, uint8_t handle)
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

/* Removes a set: its memory stays, all else is zero. */
static void set_free(struct ll_adv *a)
{
    *a = (struct ll_adv){ .data = a->data,
                          .rsp = a->rsp,
                          .room = a->room,
                          .aux_at = NEVER,
                          .periodic = { .data = a->periodic.data } };
}

/* handle u8, address 6.  7.8.52 */
static int cmd_set_random(controller *c, struct rd *in, struct wr *ret)
{
    struct ll_adv *a = set_by_handle(c, rd_u8(in));
    (void)ret;
    if (!a) {
        return UNKNOWN_ADVERTISER;
    }
    if (a->on && adv_connectable(a)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    rd_copy(in, a->random, 6);
    a->random_set = true;
    return 0;
}

/* The kind of legacy PDUs for properties with no other bits; 0xff: none. Table 7.2 of 7.8.53 */
static uint8_t legacy_kind(uint16_t props)
{
    switch (props) {
    case 0x13: return ADV_KIND_IND;
    case 0x15: return ADV_KIND_DIRECT_LOW;
    case 0x1d: return ADV_KIND_DIRECT_HIGH;
    case 0x12: return ADV_KIND_SCAN;
    case 0x10: return ADV_KIND_NONCONN;
    default: return 0xff;
    }
}

/* Whether a PHY that HCI numbers is one of the controller. */
static bool phy_supported(const controller *c, uint8_t phy)
{
    return phy >= PHY_1M && phy <= PHY_CODED && (phys_supported(c) >> (phy - 1) & 1);
}

/* Whether the properties allow advertising data: legacy PDUs that are not directed, extended ones
 * that are not scannable. */
static bool props_have_data(uint16_t props)
{
    return !(props & (props & PROP_LEGACY ? PROP_DIRECTED : PROP_SCANNABLE));
}

/* Whether a set may have these properties: not connectable and scannable at once, nor so and
 * anonymous. */
static bool props_good(uint16_t props)
{
    if (props > 0x7f) {
        return false;
    }
    if (props & PROP_LEGACY) {
        return legacy_kind(props) != 0xff;
    }
    bool both = (props & (PROP_CONNECTABLE | PROP_SCANNABLE)) == 3;
    bool nameless = (props & PROP_ANONYMOUS) && (props & (PROP_CONNECTABLE | PROP_SCANNABLE));
    return !both && !nameless && !(props & PROP_HIGH_DUTY);
}

/* How long a chain with `len` octets of data lasts on a PHY, S=8 if coded: 240 octets a packet
 * beside the longest header. */
uint32_t chain_us(uint16_t len, uint8_t phy)
{
    enum { HEADER = 2 + 14, EACH = 240 };
    uint32_t us = 0;
    for (; len > EACH; len = (uint16_t)(len - EACH)) {
        us += radio_airtime(HEADER + EACH, phy) + T_MAFS;
    }
    return us + radio_airtime(HEADER + (size_t)len, phy);
}

/* Whether a set's primary packets and chain fit into an interval. */
static bool data_fit(const struct ll_adv *a, uint16_t len)
{
    uint8_t primary = a->primary;
    if (!primary) {
        primary = PHY_1M;
    }
    enum { ADV_EXT_IND_LEN = 2 + 7 }; /* header, length, flags, ADI, AuxPtr */
    uint32_t before = 3 * (radio_airtime(ADV_EXT_IND_LEN, primary) + T_IFS) + T_MAFS;
    return !a->extended || !len || before + chain_us(len, adv_secondary(a)) <= a->interval * 625ull;
}

/* The status for new parameters `wish` of the set `a`, by its data and its periodic advertising.
 * 7.8.53 */
static int params_fit(const struct ll_adv *a, const struct ll_adv *wish)
{
    enum { NOT_WITH_PERIODIC = PROP_CONNECTABLE | PROP_SCANNABLE | PROP_LEGACY | PROP_ANONYMOUS };
    bool legacy = wish->props & PROP_LEGACY;
    if ((!props_have_data(wish->props) && a->data_len) ||
        (!(wish->props & PROP_SCANNABLE) && a->rsp_len) ||
        (legacy && (a->data_len > 31 || a->rsp_len > 31)) ||
        (a->periodic.enabled && (wish->props & NOT_WITH_PERIODIC))) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (a->periodic.enabled && wish->secondary != a->secondary) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (data_fit(wish, a->data_len) && data_fit(wish, a->rsp_len)) {
        return 0;
    }
    return PACKET_TOO_LONG;
}

/* properties u16, interval min u24, max u24, channels u8, own type u8, peer type u8, peer 6, filter
 * u8, power i8, primary PHY u8, skip u8, secondary PHY u8, SID u8, report requests u8. Writes them
 * to `a`, even if they are not valid; returns the status. */
static int params_of_set(const controller *c, struct rd *in, struct ll_adv *a)
{
    a->props = rd_le16(in);
    uint32_t min = rd_le24(in);
    a->interval = rd_le24(in);
    a->channel_bits = rd_u8(in);
    a->own_type = rd_u8(in);
    a->peer.type = rd_u8(in);
    rd_copy(in, a->peer.octet, 6);
    a->filter = rd_u8(in);
    int8_t power = (int8_t)rd_u8(in);
    a->primary = rd_u8(in);
    rd_u8(in);
    a->secondary = rd_u8(in);
    a->sid = rd_u8(in);
    uint8_t tells = rd_u8(in);
    bool legacy = a->props & PROP_LEGACY;
    a->extended = !legacy;
    a->kind = ADV_KIND_NONCONN;
    if (legacy) {
        a->kind = legacy_kind(a->props);
    }
    a->report_scan_requests = tells;
    a->power_limited = power != NO_PREFERENCE;
    a->power = power;
    bool timed = !(props_good(a->props) && a->kind == ADV_KIND_DIRECT_HIGH);
    if (!props_good(a->props) || (timed && (min < 0x20 || min > a->interval)) ||
        !(a->channel_bits & 7) || a->channel_bits > 7 || a->peer.type > 1 || a->filter > 3 ||
        (a->power_limited && (power > POWER_MAX || power == INT8_MIN)) || tells > 1 ||
        (legacy && a->primary != PHY_1M) || (!legacy && a->sid > 15)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (a->primary == PHY_2M || !phy_supported(c, a->primary) ||
        (!legacy && !phy_supported(c, a->secondary))) {
        return WOAD_HCI_UNSUPPORTED;
    }
    if (legacy) {
        a->secondary = PHY_1M;
    }
    return own_type_check(c, a->own_type);
}

/* handle u8, then as above. Returns power i8. 7.8.53 */
static int cmd_set_params(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t handle = rd_u8(in);
    struct ll_adv *a = set_by_handle(c, handle), wish = { .handle = handle };
    int status = params_of_set(c, in, &wish);
    wr_u8(ret, (uint8_t)adv_power(c, &wish));
    if (a && a->on) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (!status && handle > 0xef) {
        status = WOAD_HCI_INVALID_PARAMETERS;
    }
    if (!status && a) {
        status = params_fit(a, &wish);
    }
    if (status) {
        return status;
    }
    if (!a) {
        a = set_allocate(c, handle);
    }
    if (!a) {
        return WOAD_HCI_MEMORY_EXCEEDED;
    }
    a->props = wish.props;
    a->extended = wish.extended;
    a->kind = wish.kind;
    a->interval = wish.interval;
    a->channel_bits = wish.channel_bits;
    a->own_type = wish.own_type;
    a->peer = wish.peer;
    a->filter = wish.filter;
    a->primary = wish.primary;
    a->secondary = wish.secondary;
    a->sid = wish.sid;
    a->report_scan_requests = wish.report_scan_requests;
    a->power_limited = wish.power_limited;
    a->power = wish.power;
    return 0;
}

/* The status for an operation with `len` octets on a set's data. 7.8.54, 7.8.55 */
static int data_status(const struct ll_adv *a, bool response, uint8_t op, uint8_t len)
{
    bool legacy = a->props & PROP_LEGACY, partly = response ? a->partial_rsp : a->partial_data;
    if (response ? len && !(a->props & PROP_SCANNABLE) : !props_have_data(a->props)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (legacy && (op != DATA_COMPLETE || len > 31)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (op == DATA_UNCHANGED && (!a->on || !a->data_len || len)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (op < DATA_COMPLETE && (!len || (op != FRAGMENT_FIRST && !partly && !a->on))) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (a->on && op < DATA_COMPLETE) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    bool needed = response && a->on && a->extended && (a->props & PROP_SCANNABLE);
    if (needed && !len) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    return 0;
}

enum { ADV_DATA = false, SCAN_RESPONSE = true }; /* `response` */

/* Sets advertising or scan response data: handle u8, operation u8, fragment preference u8, length
 * u8, data. Data that are too long discard all that the set has. 7.8.54, 7.8.55 */
static int set_take_data(controller *c, struct rd *in, bool response)
{
    struct ll_adv *a = set_by_handle(c, rd_u8(in));
    uint8_t op = rd_u8(in), fragments = rd_u8(in), len = rd_u8(in);
    const uint8_t *data = rd_bytes(in, len);
    if (in->bad || rd_left(in) || op > DATA_UNCHANGED || (response && op == DATA_UNCHANGED) ||
        fragments > 1 || len > 251) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (!a) {
        return UNKNOWN_ADVERTISER;
    }
    int status = data_status(a, response, op, len);
    if (status) {
        return status;
    }
    a->did = (uint16_t)(air_random(c->air) & 0xfff);
    if (op == DATA_UNCHANGED) {
        return 0;
    }
    if (a->sent_len) { /* the chain that is being sent ends */
        a->aux_at = NEVER;
    }
    uint8_t *octets = a->data;
    uint16_t *have = &a->data_len, before = 0;
    bool *partial = &a->partial_data;
    if (response) {
        octets = a->rsp;
        have = &a->rsp_len;
        partial = &a->partial_rsp;
    }
    if (op == FRAGMENT_MIDDLE || op == FRAGMENT_LAST) {
        before = *have;
    }
    uint16_t all = (uint16_t)(before + len);
    bool chain = a->on && a->extended && (a->props & PROP_CONNECTABLE) && all > CONNECTABLE_MAX;
    bool fits = all <= a->room && !chain && (!(response || a->on) || data_fit(a, all));
    if (!fits) {
        *have = 0;
        *partial = false;
        if (all > a->room) {
            return WOAD_HCI_MEMORY_EXCEEDED;
        }
        return PACKET_TOO_LONG;
    }
    memcpy(octets + before, data, len);
    *have = all;
    *partial = op == FRAGMENT_FIRST || op == FRAGMENT_MIDDLE;
    return 0;
}

/* LE Set Extended Advertising Data.  7.8.54 */
static int cmd_set_data(controller *c, struct rd *in, struct wr *ret)
{
    (void)ret;
    return set_take_data(c, in, ADV_DATA);
}

/* LE Set Extended Scan Response Data.  7.8.55 */
static int cmd_set_response(controller *c, struct rd *in, struct wr *ret)
{
    (void)ret;
    return set_take_data(c, in, SCAN_RESPONSE);
}

/* Whether a set can be enabled for this duration (10 ms; 0: for ever): 0, or the status. */
static int set_may_begin(controller *c, const struct ll_adv *a, uint16_t duration)
{
    uint8_t i;
    bool fast = !a->extended && a->kind == ADV_KIND_DIRECT_HIGH;
    if ((fast && (!duration || duration > 128)) || /* 1.28 s */
        !has_own_address(c, a->own_type, a->random, &a->peer)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (a->partial_data || a->partial_rsp ||
        (a->extended && (a->props & PROP_SCANNABLE) && !a->rsp_len) ||
        (!a->on && adv_connectable(a) && !link_free(c, &i))) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (a->extended && (a->props & PROP_CONNECTABLE) && a->data_len > CONNECTABLE_MAX) {
        return WOAD_HCI_INVALID_PARAMETERS; /* connectable advertising has no chain */
    }
    if (data_fit(a, a->data_len) && data_fit(a, a->rsp_len)) {
        return 0;
    }
    return PACKET_TOO_LONG;
}

/* Checks all sets of a command: handle u8, duration u16, max events u8 each; no set twice. */
static int sets_status(controller *c, struct rd in, uint8_t n, bool on)
{
    struct rd first = in;
    for (uint8_t k = 0; k < n; k++) {
        uint8_t handle = rd_u8(&in);
        struct rd before = first;
        rd_bytes(&in, 3);
        for (uint8_t m = 0; m < k; m++) {
            if (rd_u8(&before) == handle) {
                return WOAD_HCI_INVALID_PARAMETERS;
            }
            rd_bytes(&before, 3);
        }
    }
    for (uint8_t k = 0; k < n; k++) {
        const struct ll_adv *a = set_by_handle(c, rd_u8(&first));
        uint16_t duration = rd_le16(&first);
        rd_u8(&first);
        int status = 0;
        if (!a) {
            status = UNKNOWN_ADVERTISER;
        } else if (on) {
            status = set_may_begin(c, a, duration);
        }
        if (status) {
            return status;
        }
    }
    return 0;
}

/* on u8, number u8, { handle u8, duration u16 in 10 ms, max events u8 } each; off with none: all
 * sets. All are checked before any is enabled. 7.8.56 */
static int cmd_set_enable(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t on = rd_u8(in), n = rd_u8(in);
    (void)ret;
    if (in->bad || on > 1 || rd_left(in) != n * 4u || (on && !n) || n > 0x3f) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    int status = sets_status(c, *in, n, on);
    if (status) {
        return status;
    }
    for (uint8_t k = 0; !on && !n && k < c->n_sets; k++) {
        adv_enable(c, &c->sets[k], false);
    }
    for (uint8_t k = 0; k < n; k++) {
        struct ll_adv *a = set_by_handle(c, rd_u8(in));
        uint16_t duration = rd_le16(in);
        uint8_t most = rd_u8(in);
        if (on || a->on) {
            adv_enable(c, a, on);
        }
        a->max_events = most;
        if (on && duration) {
            a->until = a->next + duration * 10000u;
        }
    }
    return 0;
}

/* LE Read Maximum Advertising Data Length: returns u16. 7.8.57 */
static int cmd_max_data(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_le16(ret, c->sets->room);
    return 0;
}

/* LE Read Number Of Supported Advertising Sets: returns u8. 7.8.58 */
static int cmd_number(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_u8(ret, c->n_sets);
    return 0;
}

/* LE Remove Advertising Set: handle u8. */
static int cmd_remove(controller *c, struct rd *in, struct wr *ret)
{
    struct ll_adv *a = set_by_handle(c, rd_u8(in));
    (void)ret;
    if (!a) {
        return UNKNOWN_ADVERTISER;
    }
    if (a->on || a->periodic.enabled) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    set_free(a);
    return 0;
}

/* LE Clear Advertising Sets: disallowed while one advertises. */
static int cmd_clear(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    (void)ret;
    bool on = adv_any_on(c);
    for (uint8_t n = 0; n < c->n_sets; n++) {
        on = on || c->sets[n].periodic.enabled;
    }
    if (on) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    for (uint8_t n = 0; n < c->n_sets; n++) {
        set_free(&c->sets[n]);
    }
    return 0;
}

/* --- scanning --------------------------------------------------------------------------------- */

/* own type u8, filter u8, PHYs u8, then for each: active u8, interval u16, window u16.  7.8.64 */
static int cmd_ext_scan_params(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t own = rd_u8(in), filter = rd_u8(in), phys = rd_u8(in);
    struct ll_scan s = *c->scan;
    (void)ret;
    if (c->scan->on || c->scan->connecting) { /* an initiator listens by them, too */
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (in->bad || !phys) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (phys & ~(phys_supported(c) & 5)) {
        return WOAD_HCI_UNSUPPORTED;
    }
    for (uint8_t n = 0; n < 2; n++) {
        if (phys >> (2 * n) & 1) {
            uint8_t active = rd_u8(in);
            s.per_phy[n].interval = rd_le16(in);
            s.per_phy[n].window = rd_le16(in);
            s.per_phy[n].active = active;
            if (active > 1 || s.per_phy[n].interval < 4 || s.per_phy[n].window < 4 ||
                s.per_phy[n].window > s.per_phy[n].interval) {
                return WOAD_HCI_INVALID_PARAMETERS;
            }
        }
    }
    if (!rd_done(in)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    int status = own_type_check(c, own);
    if (!status) {
        status = scan_filter_status(c, filter);
    }
    if (status) {
        return status;
    }
    s.own_type = own;
    s.use_accept_list = filter;
    s.phys = phys;
    s.extended = true;
    s.has_kept = false;
    *c->scan = s;
    return 0;
}

/* on u8, filter duplicates u8, duration u16 in 10 ms, period u16 in 1.28 s; a period needs a
 * duration. Only the first counts when scanning is disabled. To disable scanning that is off, while
 * initiating, has no effect. 7.8.65 */
static int cmd_scan_on(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t on = rd_u8(in), filter = rd_u8(in);
    uint16_t duration = rd_le16(in), period = rd_le16(in);
    (void)ret;
    if (!duration) {
        period = 0;
    }
    bool often = filter == 2 && !period; /* the filter that a period resets needs a period */
    if (on > 1 || (on && (filter > 2 || often || (period && duration * 10u >= period * 1280u)))) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (on && c->scan->connecting) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    scan_restore_settings(c->scan);
    if (on && !c->scan->phys) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (on && !has_own_address(c, c->scan->own_type, c->ll->random, NULL)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (on) {
        c->scan->filter_duplicates = filter;
    }
    if (on || c->scan->on) {
        scan_enable(c, on);
    }
    c->scan->until = c->scan->period_at = NEVER;
    if (on && duration) {
        c->scan->until = c->air->now + duration * 10000u;
    }
    if (on && period) {
        c->scan->period_at = c->air->now + period * 1280000ull;
    }
    c->scan->duration = duration * 10000u;
    c->scan->period = period * 1280000ull;
    return 0;
}

/* --- connecting ------------------------------------------------------------------------------- */

/* For each PHY: scan interval u16, window u16, interval min u16, max u16, latency u16, timeout u16,
 * CE length min u16, max u16.  The parameters of the connection are those of the last one that is
 * scanned on. */
static bool create_phys(struct rd *in, uint8_t phys, struct ll_scan *s)
{
    for (uint8_t n = 0; n < 3; n++) {
        if (!(phys >> n & 1)) {
            continue;
        }
        uint16_t interval = rd_le16(in), window = rd_le16(in);
        struct params p;
        if (!params_from_host(in, &p) || interval < 4 || window < 4 || window > interval) {
            return false;
        }
        if (n != 1) { /* 2M: its parameters are not used */
            s->per_phy[n / 2].interval = interval;
            s->per_phy[n / 2].window = window;
            s->conn_min = p.min;
            s->latency = p.latency;
            s->supervision = p.timeout;
        }
    }
    return rd_done(in);
}

/* filter u8, own type u8, peer type u8, peer 6, PHYs u8, then as above.  7.8.66 */
static int cmd_ext_create(controller *c, struct rd *in, struct wr *ret)
{
    struct conn_command how = { .filter = rd_u8(in) };
    how.own_type = rd_u8(in);
    how.peer_type = rd_u8(in);
    struct ll_scan s = *c->scan;
    (void)ret;
    scan_keep_settings(&s);
    how.peer.type = how.peer_type & 1;
    rd_copy(in, how.peer.octet, 6);
    uint8_t phys = rd_u8(in);
    int status = conn_command_check(c, &how);
    if (status == WOAD_HCI_COMMAND_DISALLOWED) {
        return status;
    }
    if (phys & ~phys_supported(c)) {
        return WOAD_HCI_UNSUPPORTED;
    }
    if (!(phys & 5) || !create_phys(in, phys, &s)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (status) {
        return status;
    }
    evt_status(c, OP_LE_EXT_CREATE_CONNECTION, 0);
    s.own_type = how.own_type;
    s.peer = how.peer;
    s.use_accept_list = how.filter;
    s.phys = phys & 5;
    s.extended = true;
    *c->scan = s;
    scan_enable(c, false);
    c->scan->connecting = true;
    return CMD_ANSWERED;
}

/* Opcode, octet and bit of Supported_Commands, octets of parameters, function, feature, flags
 * (CMD_…; 0: none), first version (0: 4.0): struct command in host.h. */
const struct command air_ext_commands[] = {
    { OP_LE_SET_ADV_SET_ADDRESS, 36, 1, 7, cmd_set_random, FEATURE_EXT_ADV, CMD_EXTENDED, 0 },
    { OP_LE_SET_EXT_ADV_PARAMS, 36, 2, 25, cmd_set_params, FEATURE_EXT_ADV, CMD_EXTENDED, 0 },
    { OP_LE_SET_EXT_ADV_DATA, 36, 3, -1, cmd_set_data, FEATURE_EXT_ADV, CMD_EXTENDED, 0 },
    { OP_LE_SET_EXT_SCAN_RSP_DATA, 36, 4, -1, cmd_set_response, FEATURE_EXT_ADV, CMD_EXTENDED, 0 },
    { OP_LE_SET_EXT_ADV_ENABLE, 36, 5, -1, cmd_set_enable, FEATURE_EXT_ADV, CMD_EXTENDED, 0 },
    { OP_LE_READ_MAX_ADV_DATA_LEN, 36, 6, 0, cmd_max_data, FEATURE_EXT_ADV, CMD_EXTENDED, 0 },
    { OP_LE_READ_NUMBER_OF_ADV_SETS, 36, 7, 0, cmd_number, FEATURE_EXT_ADV, CMD_EXTENDED, 0 },
    { OP_LE_REMOVE_ADV_SET, 37, 0, 1, cmd_remove, FEATURE_EXT_ADV, CMD_EXTENDED, 0 },
    { OP_LE_CLEAR_ADV_SETS, 37, 1, 0, cmd_clear, FEATURE_EXT_ADV, CMD_EXTENDED, 0 },
    { OP_LE_SET_EXT_SCAN_PARAMS, 37, 5, -1, cmd_ext_scan_params, FEATURE_EXT_ADV, CMD_EXTENDED, 0 },
    { OP_LE_SET_EXT_SCAN_ENABLE, 37, 6, 6, cmd_scan_on, FEATURE_EXT_ADV, CMD_EXTENDED, 0 },
    { OP_LE_EXT_CREATE_CONNECTION, 37, 7, -1, cmd_ext_create, FEATURE_EXT_ADV,
      CMD_EXTENDED | CMD_STATUS, 0 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};
