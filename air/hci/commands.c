/* Commands from the host: each file's table, found by cmd_rx(). A command in none of them is
 * unknown; Read Local Supported Commands is made from the tables. Vol 4, Part E, 7; bits: 6.27
 *
 * A command's function reads its parameters from `in` and writes the return parameters that
 * follow the status to `ret`.  It returns the status, or CMD_ANSWERED.
 *
 * Names of other files:
 *   c: the controller
 *   a: an advertising set (ll.h)
 *   address_is_zero(): no address
 *   adv_any_on(): a set is enabled
 *   adv_connectable(): connections can be made through the set
 *   adv_enable(): enables or disables a set; enabling sets `next` and `until`
 *   ADV_KIND_DIRECT_HIGH: ADV_KIND_…: kinds of legacy advertising, as HCI counts them
 *   adv_now: the advertising set that has the radio, or had it last
 *   adv_power(): dBm of the set's packets
 *   air_conn_commands: tables of the other files, air_…_commands; a row without run ends each
 *   AIR_EBADMSG: AIR_E…: errors of the functions of woad/air.h
 *   aux_at: us: the next packet on a secondary channel; NEVER: none
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   buffers: buffers for data of the host
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   channel_bits: channels that the set uses, a bit each: 37, 38, 39
 *   channel_map: the host's channel classification: a bit each, 1: not known to be bad
 *   CMD_ANSWERED: of a command: Command Complete or Command Status has been sent already, or none
 *       is to be
 *   CMD_EXTENDED: flag of a command: of the extended family, which does not mix with the legacy one
 *   CMD_LEGACY: flag of a command: of the legacy family, which does not mix with the extended one
 *   CMD_SECRET: flag of a command: unknown without the feature LE Encryption
 *   CMD_STATUS: flag of a command: answered by Command Status
 *   commands_chosen: the host has used one of both families: see extended_commands
 *   conn_command: what a command says that creates a connection: hci.h
 *   conn_min: the new connection's interval, in 1.25 ms
 *   connect_ind_out: CONNECT_IND is on its way
 *   connect_req_out: AUX_CONNECT_REQ is on its way, or its response is awaited
 *   connecting: the scanner initiates a connection
 *   controller_features(): its features, a bit each
 *   controller_has(): the controller has this feature
 *   controller_version(): its version, as HCI numbers them
 *   data_len: octets of `data`, the advertising data
 *   default_rx_phys: sets of PHYs that the host prefers, for requests of peers
 *   default_tx: octets in a packet that the host suggests for new connections
 *   default_tx_phys: sets of PHYs that the host prefers, for requests of peers
 *   default_tx_time: us of a packet that the host suggests for new connections
 *   event_mask: the host's mask of events, a bit each
 *   evt_complete(): Command Complete
 *   evt_status(): Command Status
 *   extended_commands: the host uses the extended commands; valid when one of both families has
 *       been used
 *   FEATURE_ENCRYPTION: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   fifo_begin(): empties the queue, of so many octets
 *   filter_duplicates: the host wants a single report of each advertiser
 *   has_kept: the scanner's settings are kept: scan_keep_settings()
 *   host_acl_len: octets in each of the host's buffers, if host_flow
 *   host_credits: buffers that the host has free, if host_flow
 *   host_features: features that the host has set: bits
 *   host_flow: the host counts its buffers by Host Number Of Completed Packets
 *   host_queue: packets for the host, with their H4 type
 *   iso_reset(): HCI_Reset of isochronous streams
 *   link_free(): a free place for a connection, of those of the configuration, and its index
 *   link_with(): there is a connection with this peer
 *   ll_adv: an advertising set: ll.h
 *   n_accept_list: entries of the accept list
 *   NEVER: a deadline that does not exist: later than any time
 *   on: of a stream: its events are scheduled
 *   own_type: HCI's type of the own address: 0 public, 1 random; 2, 3: private, if there is one
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   p256_reset(): HCI_Reset of the P-256 commands
 *   period_at: us: when the next period of scanning begins
 *   periodic: periodic advertising of a set
 *   periodic_reset(): HCI_Reset of syncs and the list of periodic advertisers
 *   PHY_1M: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   phys: PHYs that are scanned on, bits 0 and 2: 1M, coded
 *   phys_supported(): PHYs that the controller has: bits: 1M, 2M, coded
 *   POWER_MAX: dBm: the greatest power of a transmitter
 *   POWER_MIN: dBm: the least power of a transmitter
 *   privacy_has_local(): the resolving list has an IRK of ours for this peer
 *   privacy_reset(): HCI_Reset of the resolving list
 *   radio_off(): stops the radio; nothing is received of a packet that is cut off
 *   rf_path: path compensation for sending and for receiving, tenths of a dB
 *   room: octets in each of data, rsp and periodic.data of a set
 *   rsp: the scan response data
 *   rsp_len: octets of `rsp`, the scan response data
 *   sca_worsened: classes by which the host has lowered the sleep clock accuracy
 *   scan_enable(): begins or ends scanning; the caller sets the times
 *   scan_keep_settings(): keeps the host's settings of scanning, while the initiator uses the same
 *       fields
 *   scan_restore_settings(): a scan begins: puts back what scan_keep_settings() has kept
 *   sets: the advertising sets, n_sets of them; legacy advertising is the first
 *   subrate_defaults(): the subrate parameters of a new controller
 *   supervision: 10 ms: the supervision timeout
 *   until: us: when the host's Duration of scanning ends; NEVER: not at all
 *   use_accept_list: the accept list decides in the place of `peer`
 *   VERSION_4_1: VERSION_…: versions of the specification, as HCI counts them
 *   version_le_events(): LE events that a version of HCI has: bits
 *   window: us: the packet may begin so much later than expected */
#include "hci.h"

static const struct command *cmd_table(size_t t); /* NULL behind the last */

/* HCI_Reset, and the begin of a controller: `scan` and others become zeros, other fields their
 * defaults of Vol 4, Part E. The host gets no event of what has ended. */
void cmd_reset(controller *c)
{
    radio_off(c);
    for (uint8_t n = 0; n < c->n_sets; n++) {
        c->sets[n] = (struct ll_adv){ .data = c->sets[n].data,
                                      .rsp = c->sets[n].rsp,
                                      .room = c->sets[n].room,
                                      .interval = 0x0800,
                                      .channel_bits = 7,
                                      .aux_at = NEVER,
                                      .periodic = { .data = c->sets[n].periodic.data } };
    }
    c->adv_now = c->sets;
    c->ll->extended_commands = c->ll->commands_chosen = false;
    memset(c->scan, 0, sizeof *c->scan);
    memset(c->links, 0, c->cfg.conns * sizeof *c->links);
    for (uint8_t b = 0; b < c->cfg.acl_count; b++) {
        c->buffers[b].link = 0xff;
    }
    c->scan->aux_at = c->scan->until = c->scan->period_at = NEVER;
    c->scan->phys = 1;
    c->scan->phy = PHY_1M;
    c->scan->interval = c->scan->window = 0x10;
    memset(c->ll->random, 0, sizeof c->ll->random);
    c->ll->event_mask = 0x00001fffffffffffull;
    c->ll->event_mask_2 = 0;
    c->ll->le_mask = 0x1f;
    c->ll->default_tx = 27;
    c->ll->default_tx_time = 328;
    c->ll->default_tx_phys = c->ll->default_rx_phys = phys_supported(c);
    memset(c->ll->channel_map, 0xff, 4);
    c->ll->channel_map[4] = 0x1f;
    c->ll->n_accept_list = 0;
    c->ll->host_flow = false;
    c->ll->host_acl_len = 251; /* until Host Buffer Size */
    c->ll->host_credits = 0x7fff;
    c->ll->host_features = 0;
    c->ll->sca_worsened = 0;
    subrate_defaults(&c->ll->subrate);
    privacy_reset(c);
    p256_reset(c);
    periodic_reset(c);
    iso_reset(c);
    fifo_begin(&c->host_queue, c->host_queue.size);
}

/* Reset. 7.3.2 */
static int cmd_run_reset(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    (void)ret;
    cmd_reset(c);
    return 0;
}

/* Least significant octet first. */
static uint64_t rd_le64(struct rd *in)
{
    uint64_t low = rd_le32(in);
    return low | (uint64_t)rd_le32(in) << 32;
}

/* Set Event Mask: u64. 7.3.1 */
static int cmd_event_mask(controller *c, struct rd *in, struct wr *ret)
{
    (void)ret;
    c->ll->event_mask = rd_le64(in);
    return 0;
}

/* Set Event Mask Page 2: u64. 7.3.69 */
static int cmd_event_mask_2(controller *c, struct rd *in, struct wr *ret)
{
    (void)ret;
    c->ll->event_mask_2 = rd_le64(in);
    return 0;
}

/* Bits of events that the version does not have are ignored. 7.8.1 */
static int cmd_le_event_mask(controller *c, struct rd *in, struct wr *ret)
{
    (void)ret;
    c->ll->le_mask = rd_le64(in) & version_le_events(controller_version(c));
    return 0;
}

/* Read Local Version Information: versions of HCI and of the link layer; no manufacturer
 * (0xffff). */
static int cmd_version(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_u8(ret, controller_version(c));
    wr_le16(ret, 1);
    wr_u8(ret, controller_version(c));
    wr_le16(ret, 0xffff);
    wr_le16(ret, 1);
    return 0;
}

/* Whether the controller has a command: by its version and its features. */
static bool cmd_supported(const controller *c, const struct command *k)
{
    uint64_t features = controller_features(c);
    return (!k->feature || (features >> k->feature & 1)) && k->since <= controller_version(c) &&
           (!(k->flags & CMD_SECRET) || (features >> FEATURE_ENCRYPTION & 1));
}

/* Read Local Supported Commands: a bit for each command that this controller has. */
static int cmd_commands(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t mask[64] = { 0 };
    (void)in;
    for (size_t t = 0; cmd_table(t); t++) {
        for (const struct command *k = cmd_table(t); k->run; k++) {
            if (cmd_supported(c, k)) {
                mask[k->octet] |= (uint8_t)(1 << k->bit);
            }
        }
    }
    wr_bytes(ret, mask, sizeof mask);
    return 0;
}

/* LE, and no BR/EDR: octet 4 bits 6 and 5.  Vol 2, Part C, 3.3 */
static int cmd_features(controller *c, struct rd *in, struct wr *ret)
{
    static const uint8_t features[8] = { 0, 0, 0, 0, 0x60, 0, 0, 0 };
    (void)c;
    (void)in;
    wr_bytes(ret, features, sizeof features);
    return 0;
}

/* LE Read Local Supported Features: returns u64. 7.8.3 */
static int cmd_le_features(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_le32(ret, (uint32_t)controller_features(c));
    wr_le32(ret, (uint32_t)(controller_features(c) >> 32));
    return 0;
}

/* Read BD_ADDR: returns the public address 6. 7.4.6 */
static int cmd_address(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_bytes(ret, c->cfg.address, 6);
    return 0;
}

/* LE Read Buffer Size: returns octets u16, number u8. 7.8.2 */
static int cmd_le_buffers(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_le16(ret, c->cfg.acl_len);
    wr_u8(ret, c->cfg.acl_count);
    return 0;
}

/* Extended advertising sets have random addresses of their own. 7.8.4 */
static int cmd_random_address(controller *c, struct rd *in, struct wr *ret)
{
    (void)ret;
    if ((!c->ll->extended_commands && adv_any_on(c)) || c->scan->on || c->scan->connecting) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    rd_copy(in, c->ll->random, 6);
    return 0;
}

/* Types 2 and 3, resolvable private addresses, need 4.2 and LL Privacy. */
int own_type_check(const controller *c, uint8_t type)
{
    if (type > 3 || (type > 1 && controller_version(c) < VERSION_4_2)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    bool able = type <= 1 || controller_has(c, FEATURE_PRIVACY);
    int status = WOAD_HCI_UNSUPPORTED;
    if (able) {
        status = 0;
    }
    return status;
}

/* An address of the resolving list's key for `peer`, or the random or public one. */
bool has_own_address(const controller *c, uint8_t type, const uint8_t random[6],
                     const struct address *peer)
{
    if (type > 1 && peer && privacy_has_local(c, peer)) {
        return true;
    }
    const uint8_t *octets = random;
    if (!(type & 1)) {
        octets = c->cfg.address;
    }
    return !address_is_zero(octets);
}

/* Whether the command may be used: legacy and extended ones do not mix until a reset. 3.1.1 */
static bool cmd_choose(controller *c, const struct command *k)
{
    if (!(k->flags & (CMD_LEGACY | CMD_EXTENDED))) {
        return true;
    }
    bool extended = k->flags & CMD_EXTENDED;
    if (!c->ll->commands_chosen) {
        c->ll->commands_chosen = true;
        c->ll->extended_commands = extended;
    }
    return c->ll->extended_commands == extended;
}

/* The least interval: 100 ms for non-connectable advertising before 5.0. 7.8.5 */
static uint16_t adv_min_interval(const controller *c, uint8_t kind)
{
    bool slow = kind == ADV_KIND_SCAN || kind == ADV_KIND_NONCONN;
    if (slow && controller_version(c) < VERSION_5_0) {
        return 0xa0;
    }
    return 0x20;
}

/* interval min u16, max u16, kind u8, own type u8, peer type u8, peer 6, channels u8, filter u8.
 * 7.8.5 */
static int cmd_adv_params(controller *c, struct rd *in, struct wr *ret)
{
    (void)ret;
    uint16_t min = rd_le16(in), max = rd_le16(in);
    uint8_t kind = rd_u8(in), own = rd_u8(in);
    struct address peer = { rd_u8(in), { 0 } };
    rd_copy(in, peer.octet, 6);
    uint8_t channels = rd_u8(in), filter = rd_u8(in);
    if (c->sets->on) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    bool interval_ok = kind == ADV_KIND_DIRECT_HIGH ||
                       (min >= adv_min_interval(c, kind) && max <= 0x4000 && min <= max);
    if (!interval_ok || kind > ADV_KIND_DIRECT_LOW || peer.type > 1 || filter > 3 ||
        !(channels & 7) || channels > 7) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    int status = own_type_check(c, own);
    if (status) {
        return status;
    }
    c->sets->interval = max;
    c->sets->peer = peer;
    c->sets->filter = filter;
    c->sets->kind = kind;
    c->sets->own_type = own;
    c->sets->channel_bits = channels;
    return 0;
}

/* LE Read Advertising Physical Channel Tx Power: returns i8. 7.8.6 */
static int cmd_adv_power(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_u8(ret, (uint8_t)adv_power(c, c->sets));
    return 0;
}

/* Advertising data of a legacy command: length u8, 31 octets. A status. */
static int cmd_take_data(struct rd *in, uint8_t *to, uint16_t *to_len)
{
    uint8_t len = rd_u8(in);
    if (len > 31) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    *to_len = len;
    rd_copy(in, to, 31);
    return 0;
}

/* LE Set Advertising Data.  7.8.7 */
static int cmd_adv_data(controller *c, struct rd *in, struct wr *ret)
{
    (void)ret;
    return cmd_take_data(in, c->sets->data, &c->sets->data_len);
}

/* LE Set Scan Response Data.  7.8.8 */
static int cmd_scan_rsp(controller *c, struct rd *in, struct wr *ret)
{
    (void)ret;
    return cmd_take_data(in, c->sets->rsp, &c->sets->rsp_len);
}

/* on u8.  7.8.9 */
static int cmd_adv_enable(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t on = rd_u8(in), i;
    const struct ll_adv *a = c->sets;
    (void)ret;
    if (on > 1 || (on && !has_own_address(c, a->own_type, c->ll->random, &a->peer))) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (on && adv_connectable(a) && !link_free(c, &i)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (!on || !a->on) {
        adv_enable(c, c->sets, on);
    }
    return 0;
}

/* Filter policies 2 and 3 need 4.2 and Extended Scanner Filter Policies, which is not supported. */
int scan_filter_status(const controller *c, uint8_t filter)
{
    if (filter > 3 || (filter > 1 && controller_version(c) < VERSION_4_2)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (filter > 1) {
        return WOAD_HCI_UNSUPPORTED;
    }
    return 0;
}

/* active u8, interval u16, window u16, own type u8, filter u8.  7.8.10 */
static int cmd_scan_params(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t active = rd_u8(in);
    uint16_t interval = rd_le16(in), window = rd_le16(in);
    uint8_t own = rd_u8(in), filter = rd_u8(in);
    (void)ret;
    if (c->scan->on || c->scan->connecting) { /* the initiator uses them, too */
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (active > 1 || interval < 4 || interval > 0x4000 || window < 4 || window > interval) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    int status = own_type_check(c, own);
    if (!status) {
        status = scan_filter_status(c, filter);
    }
    if (status) {
        return status;
    }
    c->scan->active = active;
    c->scan->interval = interval;
    c->scan->window = window;
    c->scan->own_type = own;
    c->scan->use_accept_list = filter;
    c->scan->extended = false;
    c->scan->phys = 1;
    c->scan->has_kept = false;
    return 0;
}

/* on u8, filter duplicates u8: ignored when it goes off.  To disable scanning that is off, while
 * initiating, has no effect.  7.8.11 */
static int cmd_scan_enable(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t on = rd_u8(in), filter = rd_u8(in);
    (void)ret;
    if (on > 1 || (on && filter > 1)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (on && c->scan->connecting) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    scan_restore_settings(c->scan);
    if (on && !has_own_address(c, c->scan->own_type, c->ll->random, NULL)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (on) {
        c->scan->filter_duplicates = filter;
    }
    if (on || c->scan->on) {
        scan_enable(c, on);
    }
    return 0;
}

/* Checks the parameters of both commands that create a connection. With the accept list there is
 * no peer address, and so no local RPA. */
int conn_command_check(controller *c, const struct conn_command *p)
{
    uint8_t i;
    int own = own_type_check(c, p->own_type);
    bool id = controller_version(c) >= VERSION_4_2 && !c->ll->extended_commands;
    if (c->scan->connecting || c->scan->on) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (p->filter > 1 || (!p->filter && p->peer_type > (id ? 3 : 1))) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (own || !has_own_address(c, p->own_type, c->ll->random, p->filter ? NULL : &p->peer)) {
        int status = own;
        if (!status) {
            status = WOAD_HCI_INVALID_PARAMETERS;
        }
        return status;
    }
    if (!link_free(c, &i)) {
        return WOAD_HCI_CONNECTION_LIMIT;
    }
    if (!p->filter && link_with(c, &p->peer)) {
        return WOAD_HCI_CONNECTION_EXISTS;
    }
    return 0;
}

/* Scan interval u16, window u16, filter u8, peer type u8, peer 6, own type u8, interval min u16,
 * max u16, latency u16, timeout u16, CE length min u16, max u16.  7.8.12 */
static int cmd_create(controller *c, struct rd *in, struct wr *ret)
{
    uint16_t interval = rd_le16(in), window = rd_le16(in);
    struct conn_command how = { .filter = rd_u8(in) };
    how.peer_type = rd_u8(in);
    how.peer.type = how.peer_type & 1;
    rd_copy(in, how.peer.octet, 6);
    how.own_type = rd_u8(in);
    struct params p = { .min = 0, .max = 0, .latency = 0, .timeout = 0 };
    bool good = params_from_host(in, &p);
    int status = conn_command_check(c, &how);
    (void)ret;
    if (status != WOAD_HCI_COMMAND_DISALLOWED &&
        (!good || interval < 4 || interval > 0x4000 || window < 4 || window > interval)) {
        status = WOAD_HCI_INVALID_PARAMETERS;
    }
    evt_status(c, OP_LE_CREATE_CONNECTION, (uint8_t)status);
    if (!status) {
        scan_enable(c, false);
        scan_keep_settings(c->scan);
        c->scan->connecting = true;
        c->scan->interval = interval;
        c->scan->window = window;
        c->scan->own_type = how.own_type;
        c->scan->peer = how.peer;
        c->scan->use_accept_list = how.filter;
        c->scan->extended = false;
        c->scan->phys = 1;
        c->scan->conn_min = p.min;
        c->scan->latency = p.latency;
        c->scan->supervision = p.timeout;
    }
    return CMD_ANSWERED;
}

/* LE Create Connection Cancel. Not any more when a request is on the air: the connection will
 * come. */
static int cmd_cancel(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    (void)ret;
    if (!c->scan->connecting || c->scan->connect_ind_out || c->scan->connect_req_out) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    c->scan->connecting = false;
    if (c->radio.owner == ACTIVITY_SCAN) {
        radio_off(c);
    }
    evt_complete(c, OP_LE_CREATE_CONNECTION_CANCEL, 0, NULL);
    evt_connected(c, WOAD_HCI_UNKNOWN_CONNECTION, 0);
    return CMD_ANSWERED;
}

/* Returns min i8, max i8, dBm. 7.8.74 */
static int cmd_powers(controller *c, struct rd *in, struct wr *ret)
{
    (void)c;
    (void)in;
    wr_u8(ret, (uint8_t)POWER_MIN);
    wr_u8(ret, POWER_MAX);
    return 0;
}

/* Tx and rx path compensation in tenths of a dB: i16, i16. Without effect. 7.8.75 */
static int cmd_rf_path(controller *c, struct rd *in, struct wr *ret)
{
    wr_le16(ret, c->ll->rf_path[0]);
    wr_le16(ret, c->ll->rf_path[1]);
    (void)in;
    return 0;
}

/* LE Write RF Path Compensation: sent i16, received i16.  7.8.76 */
static int cmd_set_rf_path(controller *c, struct rd *in, struct wr *ret)
{
    int16_t tx = (int16_t)rd_le16(in), rx = (int16_t)rd_le16(in);
    (void)ret;
    if (tx < -1280 || tx > 1280 || rx < -1280 || rx > 1280) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    c->ll->rf_path[0] = (uint16_t)tx;
    c->ll->rf_path[1] = (uint16_t)rx;
    return 0;
}

/* LE supported states: all but scanning while initiating (bits 22, 23). Bits from 29 on exist from
 * 4.1. 7.8.27 */
static int cmd_states(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    if (controller_version(c) < VERSION_4_1) {
        wr_le32(ret, 0x1f3fffff);
        wr_le32(ret, 0);
    } else {
        wr_le32(ret, 0xff3fffff);
        wr_le32(ret, 0x000003ff);
    }
    return 0;
}

/* Opcode, octet and bit of Supported_Commands, octets of parameters, function, feature, flags
 * (CMD_…; 0: none), first version (0: 4.0): struct command in host.h. */
static const struct command commands[] = {
    { OP_SET_EVENT_MASK, 5, 6, 8, cmd_event_mask, 0, 0, 0 },
    { OP_RESET, 5, 7, 0, cmd_run_reset, 0, 0, 0 },
    { OP_SET_EVENT_MASK_2, 22, 2, 8, cmd_event_mask_2, 0, 0, 0 },
    { OP_READ_LOCAL_VERSION, 14, 3, 0, cmd_version, 0, 0, 0 },
    { OP_READ_LOCAL_COMMANDS, 14, 4, 0, cmd_commands, 0, 0, 0 },
    { OP_READ_LOCAL_FEATURES, 14, 5, 0, cmd_features, 0, 0, 0 },
    { OP_READ_BD_ADDR, 15, 1, 0, cmd_address, 0, 0, 0 },
    { OP_LE_SET_EVENT_MASK, 25, 0, 8, cmd_le_event_mask, 0, 0, 0 },
    { OP_LE_READ_BUFFER_SIZE, 25, 1, 0, cmd_le_buffers, 0, 0, 0 },
    { OP_LE_READ_FEATURES, 25, 2, 0, cmd_le_features, 0, 0, 0 },
    { OP_LE_SET_RANDOM_ADDRESS, 25, 4, 6, cmd_random_address, 0, 0, 0 },
    { OP_LE_SET_ADV_PARAMS, 25, 5, 15, cmd_adv_params, 0, CMD_LEGACY, 0 },
    { OP_LE_READ_ADV_TX_POWER, 25, 6, 0, cmd_adv_power, 0, CMD_LEGACY, 0 },
    { OP_LE_SET_ADV_DATA, 25, 7, 32, cmd_adv_data, 0, CMD_LEGACY, 0 },
    { OP_LE_SET_SCAN_RSP_DATA, 26, 0, 32, cmd_scan_rsp, 0, CMD_LEGACY, 0 },
    { OP_LE_SET_ADV_ENABLE, 26, 1, 1, cmd_adv_enable, 0, CMD_LEGACY, 0 },
    { OP_LE_SET_SCAN_PARAMS, 26, 2, 7, cmd_scan_params, 0, CMD_LEGACY, 0 },
    { OP_LE_SET_SCAN_ENABLE, 26, 3, 2, cmd_scan_enable, 0, CMD_LEGACY, 0 },
    { OP_LE_CREATE_CONNECTION, 26, 4, 25, cmd_create, 0, CMD_LEGACY | CMD_STATUS, 0 },
    { OP_LE_CREATE_CONNECTION_CANCEL, 26, 5, 0, cmd_cancel, 0, 0, 0 },
    { OP_LE_READ_SUPPORTED_STATES, 28, 3, 0, cmd_states, 0, 0, 0 },
    { OP_LE_READ_TX_POWER, 38, 7, 0, cmd_powers, 0, 0, VERSION_5_0 },
    { OP_LE_READ_RF_PATH, 39, 0, 0, cmd_rf_path, 0, 0, VERSION_5_0 },
    { OP_LE_WRITE_RF_PATH, 39, 1, 4, cmd_set_rf_path, 0, 0, VERSION_5_0 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};

/* The table of commands of one file, by number; NULL: no more. */
static const struct command *cmd_table(size_t t)
{
    static const struct command *const tables[] = { commands,
                                                    air_conn_commands,
                                                    air_crypto_commands,
                                                    air_accept_commands,
                                                    air_ext_commands,
                                                    air_privacy_commands,
                                                    air_periodic_commands,
                                                    air_past_commands,
                                                    air_power_commands,
                                                    air_subrate_commands,
                                                    air_iso_commands,
                                                    air_big_commands,
                                                    air_data_commands,
                                                    NULL };
    return tables[t];
}

/* The command of an opcode; NULL: there is none, in any version. */
static const struct command *cmd_find(uint16_t opcode)
{
    for (size_t t = 0; cmd_table(t); t++) {
        for (const struct command *k = cmd_table(t); k->run; k++) {
            if (k->opcode == opcode) {
                return k;
            }
        }
    }
    return NULL;
}

/* A command: opcode u16, len u8, parameters. 5.4.1. One with CMD_STATUS sends Command Status
 * itself, or returns its status. */
int cmd_rx(controller *c, struct rd *in)
{
    uint16_t opcode = rd_le16(in);
    uint8_t len = rd_u8(in), b[128];
    struct wr ret = wr_of(b, sizeof b);
    if (in->bad || len != rd_left(in)) {
        return AIR_EBADMSG;
    }
    const struct command *k = cmd_find(opcode);
    if (!k || !cmd_supported(c, k)) {
        evt_status(c, opcode, WOAD_HCI_UNKNOWN_COMMAND);
        return 0;
    }
    int status = WOAD_HCI_INVALID_PARAMETERS;
    bool whole = k->len == len || k->len < 0;
    if (whole) {
        status = WOAD_HCI_COMMAND_DISALLOWED;
        if (cmd_choose(c, k)) {
            status = k->run(c, in, &ret);
        }
    }
    if (status != CMD_ANSWERED && (k->flags & CMD_STATUS)) {
        evt_status(c, opcode, (uint8_t)status);
    } else if (status != CMD_ANSWERED) {
        evt_complete(c, opcode, (uint8_t)status, &ret);
    }
    return 0;
}
