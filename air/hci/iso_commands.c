/* Commands of connected isochronous groups and streams, and of the data paths of all streams.
 * Vol 4, Part E, 7.8.2, 7.8.96 to 7.8.102, 7.8.108 to 7.8.110
 *
 * A command's function reads its parameters from `in` and writes the return parameters that
 * follow the status to `ret`.  It returns the status, or CMD_ANSWERED.
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   s: a stream (struct iso, ll.h)
 *   accepted: LL_CIS_RSP has been sent, LL_CIS_IND is awaited
 *   bn_rx: payloads of an event that we receive
 *   bn_tx: payloads of an event that we send
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   cis_answer(): the host's answer to LE CIS Request
 *   cis_create(): a stream is to be created with LL_CIS_REQ
 *   CMD_ANSWERED: of a command: Command Complete or Command Status has been sent already, or none
 *       is to be
 *   CMD_STATUS: flag of a command: answered by Command Status
 *   config_locked: a stream of its group has been created: the group cannot be configured
 *   controller_has(): the controller has this feature
 *   established: a packet has been received; until then it is lost after six events
 *   FEATURE_CIS_CENTRAL: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   features_known: the peer's features have been received
 *   group_delay: us that a group takes in its interval
 *   GROUP_MAX: streams of a group, at most
 *   ISO_CIS: kind of a stream: connected
 *   iso_free(): an unused stream, all zeros; NULL: none is left
 *   iso_handle(): HCI's handle of a stream
 *   ISO_NONE: kind of a stream: it is not in use
 *   ISO_PACKET: octets of data of the longest ISO packet of HCI
 *   iso_payloads(): payloads that an SDU of this length takes
 *   ISO_SDU: octets of the longest SDU
 *   ISO_SDUS: SDUs of the host that a stream has room for
 *   ISO_SUBEVENTS: subevents of an event, at most
 *   link_by_handle(): the connection with HCI's handle, and its index; NULL: none
 *   lost_at: us: the supervision timeout
 *   MIC: octets of the code that authenticates an encrypted payload
 *   NEVER: a deadline that does not exist: later than any time
 *   on: of a stream: its events are scheduled
 *   path_in: there is a data path from the host
 *   path_out: there is a data path to the host
 *   peer_has(): the peer has this feature; valid when features_known
 *   periodic: periodic advertising of a set
 *   PHY_1M: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   position: us from the first stream of its group
 *   sdu_interval: us from one SDU to the next
 *   sub_interval: us from one subevent to the next
 *   sync_delay: us that a stream or a group takes in its interval
 *   T_IFS: us between packets that belong together
 *   T_MSS: us between two subevents, at least
 *   terminating: the end is being sent to the peer */
#include "hci.h"
#include "../ll/iso.h"
#include "../ll/periodic.h"

/* The fastest of a set of PHYs; S=8 if only the coded one is in it. */
uint8_t iso_best_phy(uint8_t set)
{
    if (set & 2) {
        return PHY_2M;
    }
    return set & 1 ? PHY_1M : PHY_CODED;
}

/* See hci.h. */
int iso_phys_status(const controller *c, uint8_t set)
{
    if (!set) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    return set & ~phys_supported(c) ? WOAD_HCI_UNSUPPORTED : 0;
}

/* --- connected: the central's side ------------------------------------------------------------ */

/* The stream of a central's group, created or not; NULL: none has this ID. */
static struct iso *cis_configured(controller *c, uint8_t group, uint8_t id)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->central && s->group == group && s->id == id) {
            return s;
        }
    }
    return NULL;
}

/* Whether a stream of this CIG has been created. */
static bool group_active(const controller *c, uint8_t group)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        const struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->central && s->group == group && (s->creating || s->on)) {
            return true;
        }
    }
    return false;
}

/* Whether a group is locked: from the creation of a stream on it can't be configured. 7.8.97 */
static bool group_locked(const controller *c, uint8_t group)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        const struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->central && s->group == group && s->config_locked) {
            return true;
        }
    }
    return false;
}

/* A stream of the group is being created: see group_locked(). */
static void group_lock(controller *c, uint8_t group)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        struct iso *s = &c->iso[n];
        s->config_locked =
            s->config_locked || (s->kind == ISO_CIS && s->central && s->group == group);
    }
}

/* The group is removed: its streams are unused. */
static void group_clear(controller *c, uint8_t group)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->central && s->group == group) {
            s->kind = ISO_NONE;
        }
    }
}

/* id u8, largest SDUs u16 u16, PHYs u8 u8, retransmissions u8 u8 */
static int stream_read(const controller *c, struct rd *in, struct iso *s)
{
    s->id = rd_u8(in);
    s->max_sdu_tx = rd_le16(in);
    s->max_sdu_rx = rd_le16(in);
    uint8_t tx_phys = rd_u8(in), rx_phys = rd_u8(in);
    uint8_t again_tx = rd_u8(in), again_rx = rd_u8(in);
    unsigned again = max_uint(again_tx, again_rx);
    if (in->bad || s->id > 0xef || s->max_sdu_tx > 0xfff || s->max_sdu_rx > 0xfff || again > 30) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    int status = iso_phys_status(c, tx_phys);
    if (!status) {
        status = iso_phys_status(c, rx_phys);
    }
    if (status) {
        return status;
    }
    if ((s->path_in && !s->max_sdu_tx) || (s->path_out && !s->max_sdu_rx)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (s->max_sdu_tx > ISO_SDU || s->max_sdu_rx > ISO_SDU) {
        return WOAD_HCI_UNSUPPORTED;
    }
    s->tx_phy = iso_best_phy(tx_phys);
    s->rx_phy = iso_best_phy(rx_phys);
    s->bn_tx = iso_payloads(s->max_sdu_tx);
    s->bn_rx = iso_payloads(s->max_sdu_rx);
    unsigned most = max_uint(max_uint(s->bn_tx, s->bn_rx), 1);
    s->nse = (uint8_t)min_uint(most * (1 + again), ISO_SUBEVENTS);
    uint32_t tx = min_uint(s->max_sdu_tx, ISO_PDU);
    uint32_t rx = min_uint(s->max_sdu_rx, ISO_PDU);
    if (tx) {
        tx += MIC;
    }
    if (rx) {
        rx += MIC;
    }
    s->sub_interval =
        radio_airtime(2 + tx, s->tx_phy) + T_IFS + radio_airtime(2 + rx, s->rx_phy) + T_MSS;
    return 0;
}

/* Places the streams of a group one behind the other; if the event is too short, with fewer
 * subevents. */
static int group_schedule(struct iso *s, uint8_t n, uint32_t event_us)
{
    uint32_t all = 0, at = 0;
    for (uint8_t k = 0; k < n; k++) {
        uint32_t share = event_us / n / s[k].sub_interval;
        unsigned needed = max_uint(s[k].bn_tx, s[k].bn_rx);
        s[k].nse = (uint8_t)min_uint(s[k].nse, share);
        if (!s[k].nse || s[k].nse < needed) {
            return WOAD_HCI_UNSUPPORTED;
        }
        all += s[k].nse * s[k].sub_interval;
    }
    for (uint8_t k = 0; k < n; k++) {
        s[k].position = at;
        s[k].group_delay = all;
        s[k].sync_delay = all - at;
        at += s[k].nse * s[k].sub_interval;
    }
    return 0;
}

/* A group under configuration: its streams, changed or not, then the new ones. order[]: those that
 * the command names. */
struct group {
    struct iso s[GROUP_MAX];
    uint8_t n, order[GROUP_MAX], named;
};

/* Begins with the streams that the group has. */
static void group_read(const controller *c, uint8_t group, struct group *g)
{
    memset(g, 0, sizeof *g);
    for (uint8_t k = 0; k < c->cfg.iso && g->n < GROUP_MAX; k++) {
        const struct iso *o = &c->iso[k];
        if (o->kind == ISO_CIS && o->central && o->group == group) {
            g->s[g->n++] = *o;
        }
    }
}

/* The index of the stream with this ID, or of a new one; GROUP_MAX: no more fit. */
static uint8_t group_slot(struct group *g, uint8_t id)
{
    uint8_t k = 0;
    while (k < g->n && g->s[k].id != id) {
        k++;
    }
    if (k == g->n && k < GROUP_MAX) {
        g->n++;
    }
    return k;
}

/* Reads n streams of a Set CIG Parameters command into `g`. 0, or a status. */
static int group_take(const controller *c, struct rd *in, struct group *g, uint8_t n)
{
    for (uint8_t k = 0; k < n; k++) {
        struct rd id = *in;
        uint8_t slot = group_slot(g, rd_u8(&id));
        for (uint8_t m = 0; m < k && m < GROUP_MAX; m++) {
            if (g->order[m] == slot && slot < GROUP_MAX) {
                return WOAD_HCI_INVALID_PARAMETERS; /* the same stream twice */
            }
        }
        if (slot == GROUP_MAX) {
            return WOAD_HCI_MEMORY_EXCEEDED;
        }
        int status = stream_read(c, in, &g->s[slot]);
        if (status) {
            return status;
        }
        g->order[g->named++] = slot;
    }
    return 0;
}

/* Stores the streams, the old ones in their places. */
static int group_store(controller *c, uint8_t group, struct group *g, uint32_t interval,
                       struct wr *ret)
{
    uint16_t handle[GROUP_MAX];
    uint8_t there = 0;
    for (uint8_t k = 0; k < c->cfg.iso; k++) {
        there = (uint8_t)(there + (c->iso[k].kind == ISO_NONE));
    }
    for (uint8_t k = 0; k < g->n; k++) {
        there = (uint8_t)(there + (cis_configured(c, group, g->s[k].id) != NULL));
    }
    if (there < g->n) {
        return WOAD_HCI_MEMORY_EXCEEDED;
    }
    for (uint8_t k = 0; k < g->n; k++) {
        struct iso *to = cis_configured(c, group, g->s[k].id);
        if (!to) {
            to = iso_free(c);
        }
        *to = g->s[k];
        to->kind = ISO_CIS;
        to->central = true;
        to->group = group;
        to->sdu_interval = interval;
        to->interval = (uint16_t)(interval / 1250);
        to->at = to->lost_at = NEVER;
        handle[k] = iso_handle(c, to);
    }
    wr_u8(ret, g->named);
    for (uint8_t k = 0; k < g->named; k++) {
        wr_le16(ret, handle[g->order[k]]);
    }
    return 0;
}

/* LE Set CIG Parameters: group u8, SDU intervals u24 u24 in us, clock u8, packing u8, framed u8,
 * latencies u16 u16, number u8, streams, which change or join the group. Returns group u8, number
 * u8, handles u16. 7.8.97 */
static int cmd_set_group(controller *c, struct rd *in, struct wr *ret)
{
    struct group g;
    uint8_t group = rd_u8(in);
    uint32_t interval = rd_le24(in), other = rd_le24(in);
    uint8_t sca = rd_u8(in), packing = rd_u8(in), framed = rd_u8(in);
    uint16_t latency = rd_le16(in), back = rd_le16(in);
    uint8_t n = rd_u8(in);
    wr_u8(ret, group);
    if (in->bad || group > 0xef || interval < 0xff || interval > 0xfffff || other < 0xff ||
        other > 0xfffff || sca > 7 || packing > 1 || framed > 1 || latency < ISO_LATENCY_MIN_MS ||
        latency > ISO_LATENCY_MAX_MS || back < ISO_LATENCY_MIN_MS || back > ISO_LATENCY_MAX_MS ||
        n > 31 || rd_left(in) != n * 9u) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (group_locked(c, group)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    group_read(c, group, &g);
    int status = group_take(c, in, &g, n);
    if (status) {
        return status;
    }
    if (framed || interval != other || interval % 1250 || interval < ISO_INTERVAL_MIN_US) {
        return WOAD_HCI_UNSUPPORTED;
    }
    status = group_schedule(g.s, g.n, interval);
    return status ? status : group_store(c, group, &g, interval, ret);
}

/* group u8.  7.8.100 */
static int cmd_remove_group(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t group = rd_u8(in);
    bool there = false;
    for (unsigned id = 0; id < 0xf0; id++) {
        there = there || cis_configured(c, group, (uint8_t)id);
    }
    wr_u8(ret, group);
    if (!there || group_active(c, group)) {
        int status = WOAD_HCI_UNKNOWN_CONNECTION;
        if (there) {
            status = WOAD_HCI_COMMAND_DISALLOWED;
        }
        return status;
    }
    group_clear(c, group);
    return 0;
}

/* One of the pairs: stream u16, connection u16. */
static int pair_status(controller *c, struct rd *in)
{
    uint8_t i;
    const struct iso *s = iso_by_handle(c, rd_le16(in));
    const struct link *l = link_by_handle(c, rd_le16(in), &i);
    if (!s || s->kind != ISO_CIS || !l) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    if (!l->central || !s->central) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (s->on) {
        return WOAD_HCI_CONNECTION_EXISTS;
    }
    int status = 0;
    if (l->features_known && !peer_has(l, FEATURE_CIS_HOST)) {
        status = WOAD_HCI_UNSUPPORTED_REMOTE;
    }
    return status;
}

/* Whether a stream of Create CIS waits for its LE CIS Established. */
static bool cis_pending(const controller *c)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        const struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->central && !s->terminating &&
            (s->creating || (s->on && !s->established))) {
            return true;
        }
    }
    return false;
}

/* Whether LE Create CIS may create n pairs of stream and connection, no stream twice: 0, or a
 * status. */
static int pairs_status(controller *c, struct rd in, uint8_t n)
{
    struct rd first = in;
    for (uint8_t k = 0; k < n; k++) {
        uint16_t handle = rd_le16(&in);
        struct rd before = first;
        rd_le16(&in);
        for (uint8_t m = 0; m < k; m++) {
            if (rd_le16(&before) == handle) {
                return WOAD_HCI_INVALID_PARAMETERS;
            }
            rd_le16(&before);
        }
    }
    for (uint8_t k = 0; k < n; k++) {
        int status = pair_status(c, &first);
        if (status) {
            return status;
        }
    }
    return 0;
}

/* number u8, then pairs. All are checked before any is created. 7.8.99 */
static int cmd_create_cis(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t n = rd_u8(in), i;
    (void)ret;
    if (!n || n > 31 || rd_left(in) != n * 4u) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (!controller_has(c, FEATURE_CIS_HOST) || cis_pending(c)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    int status = pairs_status(c, *in, n);
    if (status) {
        return status;
    }
    evt_status(c, OP_LE_CREATE_CIS, 0);
    for (uint8_t k = 0; k < n; k++) {
        struct iso *s = iso_by_handle(c, rd_le16(in));
        link_by_handle(c, rd_le16(in), &i);
        group_lock(c, s->group);
        cis_create(c, s, i);
    }
    return CMD_ANSWERED;
}

/* --- connected: the peripheral's side --------------------------------------------------------- */

/* The status for a reply to LE CIS Request: the stream must await one. */
static int answer_status(controller *c, const struct iso *s)
{
    (void)c;
    if (!s || s->kind != ISO_CIS) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    int status = WOAD_HCI_COMMAND_DISALLOWED;
    if (!(s->central || !s->creating || s->accepted)) {
        status = 0;
    }
    return status;
}

/* handle u16.  7.8.101 */
static int cmd_accept_cis(controller *c, struct rd *in, struct wr *ret)
{
    struct iso *s = iso_by_handle(c, rd_le16(in));
    int status = answer_status(c, s);
    (void)ret;
    if (status) {
        return status;
    }
    evt_status(c, OP_LE_ACCEPT_CIS, 0);
    cis_answer(c, s, 0);
    return CMD_ANSWERED;
}

/* handle u16, reason u8.  7.8.102 */
static int cmd_reject_cis(controller *c, struct rd *in, struct wr *ret)
{
    uint16_t handle = rd_le16(in);
    uint8_t reason = rd_u8(in);
    struct iso *s = iso_by_handle(c, handle);
    int status = answer_status(c, s);
    wr_le16(ret, handle);
    if (!status) {
        cis_answer(c, s, reason ? reason : WOAD_HCI_REMOTE_USER_TERMINATED);
    }
    return status;
}

/* --- data ------------------------------------------------------------------------------------- */

/* ACL length u16, number u8; ISO length u16, number u8.  7.8.2 */
static int cmd_buffers_2(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_le16(ret, c->cfg.acl_len);
    wr_u8(ret, c->cfg.acl_count);
    wr_le16(ret, ISO_PACKET);
    wr_u8(ret, ISO_SDUS);
    return 0;
}

/* The status for a data path: allowed for a central's CIS once configured, for a peripheral's once
 * accepted, for a BIS while it is on. 7.8.109 */
static int path_status(const struct iso *s)
{
    if (!s || (s->kind != ISO_CIS && !s->on)) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    bool early = s->kind == ISO_CIS && !s->central && !s->accepted && !s->on;
    return early ? WOAD_HCI_COMMAND_DISALLOWED : 0;
}

/* handle u16, direction u8 (0 from the host, 1 to it), path u8 (0: HCI, the only one), codec 5,
 * delay u24 in us, length u8, configuration. 7.8.109 */
static int cmd_path(controller *c, struct rd *in, struct wr *ret)
{
    enum { TRANSPARENT = 3, DELAY_MAX_US = 4000000, NO_PATH = 0xff };
    uint16_t handle = rd_le16(in);
    uint8_t direction = rd_u8(in), path = rd_u8(in), coding = rd_u8(in);
    struct iso *s = iso_by_handle(c, handle);
    rd_le32(in);
    uint32_t delay = rd_le24(in);
    uint8_t len = rd_u8(in);
    wr_le16(ret, handle);
    if (in->bad || rd_left(in) != len || direction > 1 || path == NO_PATH || delay > DELAY_MAX_US ||
        (coding == TRANSPARENT && len)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    int status = path_status(s);
    if (status) {
        return status;
    }
    bool there;
    if (direction) {
        there = s->bn_rx;
    } else {
        there = s->bn_tx;
    }
    bool set;
    if (direction) {
        set = s->path_out;
    } else {
        set = s->path_in;
    }
    if (path || !there || set) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    *(direction ? &s->path_out : &s->path_in) = true;
    return 0;
}

/* handle u16, directions u8: bits.  7.8.110 */
static int cmd_no_path(controller *c, struct rd *in, struct wr *ret)
{
    uint16_t handle = rd_le16(in);
    uint8_t directions = rd_u8(in);
    struct iso *s = iso_by_handle(c, handle);
    wr_le16(ret, handle);
    if (!directions || directions > 3) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    int status = path_status(s);
    if (status) {
        return status;
    }
    if (((directions & 1) && !s->path_in) || ((directions & 2) && !s->path_out)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    s->path_in = s->path_in && !(directions & 1);
    s->path_out = s->path_out && !(directions & 2);
    return 0;
}

/* handle u16; number u16, time u32, offset u24: of the SDU sent last. 7.8.96 */
static int cmd_tx_sync(controller *c, struct rd *in, struct wr *ret)
{
    uint16_t handle = rd_le16(in);
    const struct iso *s = iso_by_handle(c, handle);
    bool there = s && s->on;
    wr_le16(ret, handle);
    uint16_t event;
    if (there) {
        event = (uint16_t)s->event;
    } else {
        event = 0;
    }
    wr_le16(ret, event);
    uint32_t anchor = 0;
    if (there) {
        anchor = (uint32_t)s->anchor;
    }
    wr_le32(ret, anchor);
    wr_le24(ret, 0);
    if (!s) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    int status = WOAD_HCI_COMMAND_DISALLOWED;
    if (there && s->bn_tx) {
        status = 0;
    }
    return status;
}

/* Columns: struct command (host.h). */
const struct command air_iso_commands[] = {
    { OP_LE_READ_BUFFER_SIZE_V2, 41, 5, 0, cmd_buffers_2, FEATURE_ISO, 0, 0 },
    { OP_LE_READ_ISO_TX_SYNC, 41, 6, 2, cmd_tx_sync, FEATURE_ISO, 0, 0 },
    { OP_LE_SET_CIG_PARAMS, 41, 7, -1, cmd_set_group, FEATURE_CIS_CENTRAL, 0, 0 },
    { OP_LE_CREATE_CIS, 42, 1, -1, cmd_create_cis, FEATURE_CIS_CENTRAL, CMD_STATUS, 0 },
    { OP_LE_REMOVE_CIG, 42, 2, 1, cmd_remove_group, FEATURE_CIS_CENTRAL, 0, 0 },
    { OP_LE_ACCEPT_CIS, 42, 3, 2, cmd_accept_cis, FEATURE_CIS_PERIPHERAL, CMD_STATUS, 0 },
    { OP_LE_REJECT_CIS, 42, 4, 3, cmd_reject_cis, FEATURE_CIS_PERIPHERAL, 0, 0 },
    { OP_LE_SETUP_ISO_PATH, 43, 3, -1, cmd_path, FEATURE_ISO, 0, 0 },
    { OP_LE_REMOVE_ISO_PATH, 43, 4, 3, cmd_no_path, FEATURE_ISO, 0, 0 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};
