/* Commands and events of isochronous streams.  Vol 4, Part E, 7.8.2, 7.8.96 to 7.8.110,
 * 7.7.65.25 to 7.7.65.29, 7.7.65.34 */
#include "ll_iso.h"
#include "ll_periodic.h"

enum { CMD_CREATE_CIS = 0x2064, CMD_ACCEPT_CIS = 0x2066, CMD_CREATE_BIG = 0x2068,
       CMD_TERMINATE_BIG = 0x206a, CMD_SYNC_BIG = 0x206b };
enum { UNKNOWN_ADVERTISER = 0x42, CANCELLED = 0x44 };

/* The PHY that is best of a set; 0: none that is there. */
static uint8_t phy_of(const ctl *c, uint8_t set)
{
    set &= phys_there(c);
    return set & 2 ? PHY_2M : set & 1 ? PHY_1M : set & 4 ? PHY_CODED : 0;
}

/* --- connected: the central's side ------------------------------------------------------------ */

static struct iso *cis_configured(ctl *c, uint8_t group, uint8_t id)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->central && s->group == group && s->id == id) {
            return s;
        }
    }
    return NULL;
}

static bool group_active(const ctl *c, uint8_t group)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        const struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->central && s->group == group && (s->asked || s->on)) {
            return true;
        }
    }
    return false;
}

static void group_clear(ctl *c, uint8_t group)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->central && s->group == group) {
            s->kind = ISO_NONE;
        }
    }
}

/* id u8, largest SDUs u16 u16, PHYs u8 u8, retransmissions u8 u8 */
static int stream_read(ctl *c, struct rd *in, struct iso *s)
{
    s->id = rd_u8(in);
    s->max_sdu_tx = rd_le16(in);
    s->max_sdu_rx = rd_le16(in);
    s->tx_phy = phy_of(c, rd_u8(in));
    s->rx_phy = phy_of(c, rd_u8(in));
    uint8_t again_tx = rd_u8(in), again_rx = rd_u8(in);
    uint8_t again = again_tx > again_rx ? again_tx : again_rx;
    if (in->bad || s->id > 0xef || s->max_sdu_tx > 0xfff || s->max_sdu_rx > 0xfff || again > 30 ||
        !s->tx_phy || !s->rx_phy) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (s->max_sdu_tx > ISO_SDU || s->max_sdu_rx > ISO_SDU) {
        return WOAD_HCI_UNSUPPORTED;
    }
    s->bn_tx = iso_payloads(s->max_sdu_tx);
    s->bn_rx = iso_payloads(s->max_sdu_rx);
    unsigned most = s->bn_tx > s->bn_rx ? s->bn_tx : s->bn_rx;
    unsigned nse = (most ? most : 1) * (1u + again);
    s->nse = (uint8_t)(nse > ISO_SUBEVENTS ? ISO_SUBEVENTS : nse);
    uint32_t tx = s->max_sdu_tx < ISO_PDU ? s->max_sdu_tx : ISO_PDU;
    uint32_t rx = s->max_sdu_rx < ISO_PDU ? s->max_sdu_rx : ISO_PDU;
    s->sub_interval = radio_airtime(2 + tx + (tx ? 4 : 0), s->tx_phy) + T_IFS +
                      radio_airtime(2 + rx + (rx ? 4 : 0), s->rx_phy) + T_MSS;
    return 0;
}

/* They follow each other; where the time is short, with fewer subevents. */
static int group_place(struct iso *s, uint8_t n, uint32_t event_us)
{
    uint32_t all = 0, at = 0;
    for (uint8_t k = 0; k < n; k++) {
        uint32_t share = event_us / n / s[k].sub_interval;
        uint8_t least = s[k].bn_tx > s[k].bn_rx ? s[k].bn_tx : s[k].bn_rx;
        s[k].nse = s[k].nse > share ? (uint8_t)share : s[k].nse;
        if (!s[k].nse || s[k].nse < least) {
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

/* group u8, SDU intervals u24 u24 in us, clock u8, packing u8, framed u8, latencies u16 u16,
 * number u8, streams.  Returns group u8, number u8, handles u16.  7.8.97 */
static int cmd_set_group(ctl *c, struct rd *in, struct wr *ret)
{
    struct iso s[GROUP_MOST];
    uint8_t group = rd_u8(in), there = 0;
    uint32_t interval = rd_le24(in), other = rd_le24(in);
    uint8_t sca = rd_u8(in), packing = rd_u8(in), framed = rd_u8(in);
    uint16_t latency = rd_le16(in), latency_back = rd_le16(in);
    uint8_t n = rd_u8(in);
    int status = in->bad || group > 0xef || interval < 0xff || interval > 0xfffff || other < 0xff ||
                 other > 0xfffff || sca > 7 || packing > 1 || framed > 1 || latency < 5 ||
                 latency_back < 5 || rd_left(in) != n * 9u ? WOAD_HCI_INVALID_PARAMETERS
               : group_active(c, group) ? WOAD_HCI_COMMAND_DISALLOWED
               : framed || interval != other || interval % 1250 || n > GROUP_MOST
               ? WOAD_HCI_UNSUPPORTED : 0;
    memset(s, 0, sizeof s);
    for (uint8_t k = 0; k < n && !status; k++) {
        status = stream_read(c, in, &s[k]);
    }
    status = status ? status : group_place(s, n, interval);
    for (uint8_t k = 0; k < c->cfg.iso; k++) {
        const struct iso *o = &c->iso[k];
        there = (uint8_t)(there + (o->kind == ISO_NONE || (o->kind == ISO_CIS && o->central &&
                                                          o->group == group)));
    }
    status = !status && there < n ? WOAD_HCI_MEMORY_EXCEEDED : status;
    wr_u8(ret, group);
    wr_u8(ret, status ? 0 : n);
    if (status) {
        return status;
    }
    group_clear(c, group);
    for (uint8_t k = 0; k < n; k++) {
        struct iso *to = iso_free(c);
        *to = s[k];
        to->kind = ISO_CIS;
        to->central = true;
        to->group = group;
        to->sdu_interval = interval;
        to->interval = (uint16_t)(interval / 1250);
        to->at = to->lost_at = NEVER;
        wr_le16(ret, iso_handle(c, to));
    }
    return 0;
}

/* group u8.  7.8.100 */
static int cmd_remove_group(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t group = rd_u8(in);
    bool there = false;
    for (unsigned id = 0; id < 0xf0; id++) {
        there = there || cis_configured(c, group, (uint8_t)id);
    }
    wr_u8(ret, group);
    if (!there || group_active(c, group)) {
        return there ? WOAD_HCI_COMMAND_DISALLOWED : WOAD_HCI_UNKNOWN_CONNECTION;
    }
    group_clear(c, group);
    return 0;
}

/* number u8, { stream u16, connection u16 } each.  All are looked at before any is begun.
 * 7.8.99 */
static int cmd_create_cis(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t n = rd_u8(in), i;
    struct rd again = *in;
    int status = !n || rd_left(in) != n * 4u ? WOAD_HCI_INVALID_PARAMETERS : 0;
    (void)ret;
    for (uint8_t k = 0; k < n && !status; k++) {
        struct iso *s = iso_of(c, rd_le16(in));
        struct link *l = link_by_handle(c, rd_le16(in), &i);
        status = !s || s->kind != ISO_CIS || !s->central || !l ? WOAD_HCI_UNKNOWN_CONNECTION
               : !l->central ? WOAD_HCI_INVALID_PARAMETERS
               : s->asked || s->on ? WOAD_HCI_CONNECTION_EXISTS
               : l->features_known && !(l->features[4] & 1) ? WOAD_HCI_UNSUPPORTED_REMOTE : 0;
    }
    evt_status(c, CMD_CREATE_CIS, (uint8_t)status);
    for (uint8_t k = 0; k < n && !status; k++) {
        struct iso *s = iso_of(c, rd_le16(&again));
        link_by_handle(c, rd_le16(&again), &i);
        cis_want(c, s, i);
    }
    return CMD_ANSWERED;
}

/* --- connected: the peripheral's side --------------------------------------------------------- */

static struct iso *cis_asked(ctl *c, uint16_t handle)
{
    struct iso *s = iso_of(c, handle);
    return s && s->kind == ISO_CIS && !s->central && s->asked && !s->agreed ? s : NULL;
}

/* handle u16.  7.8.101 */
static int cmd_accept_cis(ctl *c, struct rd *in, struct wr *ret)
{
    struct iso *s = cis_asked(c, rd_le16(in));
    (void)ret;
    evt_status(c, CMD_ACCEPT_CIS, s ? 0 : WOAD_HCI_UNKNOWN_CONNECTION);
    if (s) {
        cis_answer(c, s, 0);
    }
    return CMD_ANSWERED;
}

/* handle u16, reason u8.  7.8.102 */
static int cmd_reject_cis(ctl *c, struct rd *in, struct wr *ret)
{
    uint16_t handle = rd_le16(in);
    uint8_t reason = rd_u8(in);
    struct iso *s = cis_asked(c, handle);
    wr_le16(ret, handle);
    if (!s) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    cis_answer(c, s, reason ? reason : WOAD_HCI_REMOTE_USER_TERMINATED);
    return 0;
}

/* --- broadcast -------------------------------------------------------------------------------- */

static bool streams_there(ctl *c, uint8_t n)
{
    uint8_t there = 0;
    for (uint8_t k = 0; k < c->cfg.iso; k++) {
        there = (uint8_t)(there + (c->iso[k].kind == ISO_NONE));
    }
    return there >= n;
}

static void big_take(ctl *c, struct big *b, const uint8_t *numbers, uint8_t n, uint8_t kind)
{
    b->used = true;
    b->streams = n;
    for (uint8_t k = 0; k < n; k++) {
        struct iso *s = iso_free(c);
        s->kind = kind;
        s->group = (uint8_t)(b - c->big);
        s->id = numbers ? numbers[k] : (uint8_t)(k + 1);
        b->stream[k] = (uint8_t)(s - c->iso);
    }
}

/* group u8, set u8, streams u8, SDU interval u24, largest SDU u16, latency u16, retransmissions
 * u8, PHY u8, packing u8, framed u8, encrypted u8, code 16.  7.8.103 */
static int cmd_create_big(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t handle = rd_u8(in);
    struct ll_adv *a = set_of(c, rd_u8(in));
    uint8_t n = rd_u8(in);
    struct big_info info = { .num = n, .sdu_interval = rd_le24(in) };
    info.max_sdu = rd_le16(in);
    rd_le16(in);
    uint8_t again = rd_u8(in);
    info.phy = phy_of(c, rd_u8(in));
    uint8_t packing = rd_u8(in), framed = rd_u8(in), encrypted = rd_u8(in);
    struct big *b = big_free(c);
    (void)ret;
    int status = handle > 0xef || !n || n > 31 || info.sdu_interval < 0xff || !info.max_sdu ||
                 info.max_sdu > 0xfff || again > 30 || !info.phy || packing > 1 || framed > 1 ||
                 encrypted > 1 ? WOAD_HCI_INVALID_PARAMETERS
               : !a ? UNKNOWN_ADVERTISER : big_of(c, handle) || !a->train.on
               ? WOAD_HCI_COMMAND_DISALLOWED
               : framed || encrypted || info.sdu_interval % 1250 || info.max_sdu > ISO_SDU
               ? WOAD_HCI_UNSUPPORTED : !b || n > GROUP_MOST || !streams_there(c, n)
               ? WOAD_HCI_MEMORY_EXCEEDED : 0;
    if (!status) {
        uint32_t pdu = info.max_sdu < ISO_PDU ? info.max_sdu : ISO_PDU;
        info.bn = iso_payloads(info.max_sdu);
        info.sub_interval = radio_airtime(2 + pdu, info.phy) + T_MSS;
        info.interval = (uint16_t)(info.sdu_interval / 1250);
        unsigned irc = 1u + again, room = (info.interval * 1250u - 1000) / n / info.sub_interval;
        irc = irc * info.bn > room ? room / info.bn : irc;
        irc = irc * info.bn > ISO_SUBEVENTS ? (unsigned)ISO_SUBEVENTS / info.bn : irc;
        irc = irc > 15 ? 15 : irc;
        info.irc = (uint8_t)irc;
        info.nse = (uint8_t)(irc * info.bn);
        info.spacing = info.nse * info.sub_interval;
        status = irc ? 0 : WOAD_HCI_UNSUPPORTED;
    }
    evt_status(c, CMD_CREATE_BIG, (uint8_t)status);
    if (!status) {
        big_take(c, b, NULL, n, ISO_BIS_OUT);
        b->handle = handle;
        b->set = (uint8_t)(a - c->sets);
        info.seed = ll_access_address(c);
        info.crc_base = (uint16_t)air_random(c->air);
        memcpy(info.chm, c->channels, sizeof info.chm);
        b->info = info;
        b->anchor = c->air->now + 5000;
        big_begin(c, b);
        evt_big(c, b, 0);
    }
    return CMD_ANSWERED;
}

/* group u8, reason u8.  7.8.105 */
static int cmd_terminate_big(ctl *c, struct rd *in, struct wr *ret)
{
    struct big *b = big_of(c, rd_u8(in));
    uint8_t reason = rd_u8(in);
    (void)ret;
    bool may = b && !b->listens && !b->terminating;
    evt_status(c, CMD_TERMINATE_BIG, may ? 0 : b ? WOAD_HCI_COMMAND_DISALLOWED
                                                 : UNKNOWN_ADVERTISER);
    if (may) {
        big_terminate(c, b, reason);
    }
    return CMD_ANSWERED;
}

/* group u8, sync u16, encrypted u8, code 16, subevents u8, timeout u16 in 10 ms, number u8,
 * streams u8 each.  7.8.106 */
static int cmd_sync_big(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t handle = rd_u8(in);
    uint16_t sync = rd_le16(in);
    uint8_t encrypted = rd_u8(in);
    rd_bytes(in, 16);
    uint8_t mse = rd_u8(in);
    uint16_t timeout = rd_le16(in);
    uint8_t n = rd_u8(in);
    const uint8_t *numbers = rd_bytes(in, n);
    struct big *b = big_free(c);
    bool order = numbers && n;
    (void)ret;
    for (uint8_t k = 0; order && k < n; k++) {
        order = numbers[k] >= 1 && numbers[k] <= 31 && (!k || numbers[k] > numbers[k - 1]);
    }
    int status = in->bad || rd_left(in) || handle > 0xef || encrypted > 1 || mse > 31 || !order ||
                 timeout < 10 || timeout > 0x4000 ? WOAD_HCI_INVALID_PARAMETERS
               : big_of(c, handle) ? WOAD_HCI_COMMAND_DISALLOWED
               : !sync_of(c, sync) ? UNKNOWN_ADVERTISER : encrypted ? WOAD_HCI_UNSUPPORTED
               : !b || n > GROUP_MOST || !streams_there(c, n) ? WOAD_HCI_MEMORY_EXCEEDED : 0;
    evt_status(c, CMD_SYNC_BIG, (uint8_t)status);
    if (!status) {
        big_take(c, b, numbers, n, ISO_BIS_IN);
        b->handle = handle;
        b->listens = b->waits = true;
        b->sync = (uint8_t)sync;
        b->timeout = timeout;
    }
    return CMD_ANSWERED;
}

/* group u8.  One that is only waited for is called off.  7.8.107 */
static int cmd_unsync_big(ctl *c, struct rd *in, struct wr *ret)
{
    uint8_t handle = rd_u8(in);
    struct big *b = big_of(c, handle);
    wr_u8(ret, handle);
    if (!b || !b->listens) {
        return b ? WOAD_HCI_COMMAND_DISALLOWED : UNKNOWN_ADVERTISER;
    }
    bool pending = !b->established;
    if (pending) {
        evt_complete(c, 0x206c, 0, ret);
        evt_big(c, b, CANCELLED);
    }
    big_end(c, b);
    return pending ? CMD_ANSWERED : 0;
}

/* --- data ------------------------------------------------------------------------------------- */

/* ACL length u16, number u8; ISO length u16, number u8.  7.8.2 */
static int cmd_buffers_2(ctl *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_le16(ret, c->cfg.acl_len);
    wr_u8(ret, c->cfg.acl_count);
    wr_le16(ret, ISO_PACKET);
    wr_u8(ret, ISO_SDUS);
    return 0;
}

/* handle u16, direction u8 (0 from the host, 1 to it), path u8, codec 5, delay u24, length u8, …
 * 7.8.109 */
static int cmd_path(ctl *c, struct rd *in, struct wr *ret)
{
    uint16_t handle = rd_le16(in);
    uint8_t direction = rd_u8(in), path = rd_u8(in);
    struct iso *s = iso_of(c, handle);
    wr_le16(ret, handle);
    if (in->bad || direction > 1) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (!s || !s->on) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    bool there = direction ? s->bn_rx : s->bn_tx, set = direction ? s->path_out : s->path_in;
    if (path != 0 || !there || set) {
        return path ? WOAD_HCI_UNSUPPORTED : WOAD_HCI_COMMAND_DISALLOWED;
    }
    *(direction ? &s->path_out : &s->path_in) = true;
    return 0;
}

/* handle u16, directions u8: bits.  7.8.110 */
static int cmd_no_path(ctl *c, struct rd *in, struct wr *ret)
{
    uint16_t handle = rd_le16(in);
    uint8_t directions = rd_u8(in);
    struct iso *s = iso_of(c, handle);
    wr_le16(ret, handle);
    if (!directions || directions > 3) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (!s || !s->on) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    if (((directions & 1) && !s->path_in) || ((directions & 2) && !s->path_out)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    s->path_in = s->path_in && !(directions & 1);
    s->path_out = s->path_out && !(directions & 2);
    return 0;
}

/* handle u16; number u16, time u32, offset u24: of the SDU that went last.  7.8.96 */
static int cmd_tx_sync(ctl *c, struct rd *in, struct wr *ret)
{
    uint16_t handle = rd_le16(in);
    const struct iso *s = iso_of(c, handle);
    bool there = s && s->on;
    wr_le16(ret, handle);
    wr_le16(ret, (uint16_t)(there ? s->event : 0));
    wr_le32(ret, (uint32_t)(there ? s->anchor : 0));
    wr_le24(ret, 0);
    return !there ? WOAD_HCI_UNKNOWN_CONNECTION : s->bn_tx ? 0 : WOAD_HCI_COMMAND_DISALLOWED;
}

const struct command air_iso_commands[] = {
    { CMD(0x08, 0x60), 41, 5, 0, cmd_buffers_2, FEATURE_ISO },
    { CMD(0x08, 0x61), 41, 6, 2, cmd_tx_sync, FEATURE_ISO },
    { CMD(0x08, 0x62), 41, 7, -1, cmd_set_group, FEATURE_CIS_CENTRAL },
    { CMD(0x08, 0x64), 42, 1, -1, cmd_create_cis, FEATURE_CIS_CENTRAL },
    { CMD(0x08, 0x65), 42, 2, 1, cmd_remove_group, FEATURE_CIS_CENTRAL },
    { CMD(0x08, 0x66), 42, 3, 2, cmd_accept_cis, FEATURE_CIS_PERIPHERAL },
    { CMD(0x08, 0x67), 42, 4, 3, cmd_reject_cis, FEATURE_CIS_PERIPHERAL },
    { CMD(0x08, 0x68), 42, 5, 31, cmd_create_big, FEATURE_BROADCASTER },
    { CMD(0x08, 0x6a), 42, 7, 2, cmd_terminate_big, FEATURE_BROADCASTER },
    { CMD(0x08, 0x6b), 43, 0, -1, cmd_sync_big, FEATURE_RECEIVER },
    { CMD(0x08, 0x6c), 43, 1, 1, cmd_unsync_big, FEATURE_RECEIVER },
    { CMD(0x08, 0x6e), 43, 3, -1, cmd_path, FEATURE_ISO },
    { CMD(0x08, 0x6f), 43, 4, 3, cmd_no_path, FEATURE_ISO },
    { 0, 0, 0, 0, NULL, 0 },
};

/* --- events ----------------------------------------------------------------------------------- */

/* LE CIS Established: status u8, handle u16, delay of the group u24, of the stream u24, latencies
 * u24 u24, PHYs u8 u8, subevents u8, payloads u8 u8, flush timeouts u8 u8, largest PDUs u16 u16,
 * interval u16; central to peripheral first. */
void evt_cis_established(ctl *c, const struct iso *s, uint8_t status)
{
    uint8_t b[32];
    struct wr w = wr_of(b, sizeof b);
    bool out = s->central;
    wr_u8(&w, status);
    wr_le16(&w, iso_handle(c, s));
    wr_le24(&w, s->group_delay);
    wr_le24(&w, s->sync_delay);
    wr_le24(&w, s->group_delay);
    wr_le24(&w, s->group_delay);
    wr_u8(&w, phy_number(out ? s->tx_phy : s->rx_phy));
    wr_u8(&w, phy_number(out ? s->rx_phy : s->tx_phy));
    wr_u8(&w, s->nse);
    wr_u8(&w, out ? s->bn_tx : s->bn_rx);
    wr_u8(&w, out ? s->bn_rx : s->bn_tx);
    wr_u8(&w, 1);
    wr_u8(&w, 1);
    wr_le16(&w, (out ? s->bn_tx : s->bn_rx) ? ISO_PDU : 0);
    wr_le16(&w, (out ? s->bn_rx : s->bn_tx) ? ISO_PDU : 0);
    wr_le16(&w, s->interval);
    evt_le(c, 0x19, &w);
}

/* LE CIS Request: connection u16, stream u16, group u8, its number u8. */
void evt_cis_request(ctl *c, const struct iso *s)
{
    uint8_t b[6];
    struct wr w = wr_of(b, sizeof b);
    wr_le16(&w, link_handle(s->link));
    wr_le16(&w, iso_handle(c, s));
    wr_u8(&w, s->group);
    wr_u8(&w, s->id);
    evt_le(c, 0x1a, &w);
}

/* LE Create BIG Complete: status u8, group u8, delay u24, latency u24, PHY u8, subevents u8,
 * payloads u8, PTO u8, IRC u8, largest PDU u16, interval u16, number u8, handles u16. LE BIG
 * Sync Established: the same without the delay and the PHY. */
void evt_big(ctl *c, const struct big *b, uint8_t status)
{
    uint8_t e[24 + 2 * GROUP_MOST];
    struct wr w = wr_of(e, sizeof e);
    uint32_t delay = b->info.num * b->info.spacing;
    wr_u8(&w, status);
    wr_u8(&w, b->handle);
    if (!b->listens) {
        wr_le24(&w, delay);
    }
    wr_le24(&w, delay);
    if (!b->listens) {
        wr_u8(&w, b->info.phy);
    }
    wr_u8(&w, b->info.nse);
    wr_u8(&w, b->info.bn);
    wr_u8(&w, 0);
    wr_u8(&w, b->info.irc);
    wr_le16(&w, ISO_PDU);
    wr_le16(&w, b->info.interval);
    wr_u8(&w, status ? 0 : b->streams);
    for (uint8_t k = 0; !status && k < b->streams; k++) {
        wr_le16(&w, (uint16_t)(ISO_HANDLE + b->stream[k]));
    }
    evt_le(c, b->listens ? 0x1d : 0x1b, &w);
}

/* LE Terminate BIG Complete, LE BIG Sync Lost: group u8, reason u8. */
void evt_big_ended(ctl *c, const struct big *b, uint8_t reason)
{
    uint8_t e[2];
    struct wr w = wr_of(e, sizeof e);
    wr_u8(&w, b->handle);
    wr_u8(&w, reason);
    evt_le(c, b->listens ? 0x1e : 0x1c, &w);
}

/* LE BIGInfo Advertising Report: sync u16, number u8, subevents u8, interval u16, payloads u8,
 * PTO u8, IRC u8, largest PDU u16, SDU interval u24, largest SDU u16, PHY u8, framed u8,
 * encrypted u8. */
void evt_big_info(ctl *c, uint16_t sync, const struct big_info *info)
{
    uint8_t b[24];
    struct wr w = wr_of(b, sizeof b);
    wr_le16(&w, sync);
    wr_u8(&w, info->num);
    wr_u8(&w, info->nse);
    wr_le16(&w, info->interval);
    wr_u8(&w, info->bn);
    wr_u8(&w, 0);
    wr_u8(&w, info->irc);
    wr_le16(&w, ISO_PDU);
    wr_le24(&w, info->sdu_interval);
    wr_le16(&w, info->max_sdu);
    wr_u8(&w, info->phy);
    wr_u8(&w, 0);
    wr_u8(&w, info->encrypted);
    evt_le(c, 0x22, &w);
}
