/* Periodic advertising sync transfer: a peer gets the SyncInfo of a sync or of an own set by a
 * connection, and need not scan for it. Vol 6, Part B, 2.4.2.27, 5.1.13; Vol 4, Part E, 7.8.89 to
 * 7.8.92
 *
 * A command's function reads its parameters from `in` and writes the return parameters that
 * follow the status to `ret`.  It returns the status.
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   a: an advertising set (ll.h)
 *   s: a sync (struct sync, ll.h)
 *   adv_own(): the set's address on the air
 *   advertiser: of a sync: the address of the device that it listens to
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   chm: channel map, a bit each
 *   CMD_EXTENDED: flag of a command: of the extended family, which does not mix with the legacy one
 *   control_event_at(): the anchor of a connection event that the peer names; false: it is too far
 *       away
 *   control_has_spare(): a PDU that is not a response can be queued, too
 *   CONTROL_MAX: octets of the longest control PDU
 *   control_send(): queues a control PDU
 *   controller_sca(): class of the controller's sleep clock accuracy
 *   FEATURE_PAST_RECIPIENT: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   features_known: the peer's features have been received
 *   link_by_handle(): the connection with HCI's handle, and its index; NULL: none
 *   link_wake(): the connection has something to send: a peripheral does not skip its next events
 *   ll_adv: an advertising set: ll.h
 *   past: how LL_PERIODIC_SYNC_IND is handled: the host's setting (past.c)
 *   past_conn: of a sync by transfer: index of the connection by which it came
 *   past_data: of a sync by transfer: the Service_Data that came with it
 *   peer_has(): the peer has this feature; valid when features_known
 *   periodic: periodic advertising of a set
 *   PHY_CODED: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   phy_number(): HCI's number of a PHY: both codings are one
 *   phys_supported(): PHYs that the controller has: bits: 1M, 2M, coded
 *   privacy_resolve(): the identity address of a private one, by the resolving list; false: the
 *       packet is to be ignored: network privacy mode does not accept that address
 *   ref: us: when the next event is expected
 *   ref_anchor: anchor of the last event attended, from which the next are reckoned
 *   ref_event: the last event attended
 *   remap: a channel map that counts from an instant on: channels.c
 *   remap_at(): the channel map in force at an event
 *   remap_wait(): events by which SyncInfo must point further ahead, beyond an instant that is near
 *   reporting: the host wants reports of the sync
 *   sca: class of a sleep clock's accuracy, 0 to 7
 *   sending: of periodic advertising: the host wants it, and its set has been enabled once; of a
 *       stream: an SDU is sent in this event
 *   sync: a sync with periodic advertising of another device: ll.h
 *   sync_begin(): begins to listen for the events of a SyncInfo
 *   sync_info: where the next event of periodic advertising is: ll.h
 *   sync_info_read(): reads SyncInfo
 *   sync_info_write(): writes SyncInfo */
#include "host.h"
#include "channels.h"
#include "control.h"
#include "periodic.h"

/* Mode: the PDU is ignored; a sync without reports; with reports; with reports of changed data
 * only. PAST_CTE_ALL: bits of CTE_Type: no kind of packet is left. */
enum { NO_SYNC = 0, SILENT = 1, REPORTS = 2, NO_DUPLICATES = 3, PAST_CTE_ALL = 0x17 };

/* How many events after the last one the connection event is from which the offset counts: at most
 * an interval before the periodic advertising event. */
static uint16_t past_event(const struct link *l, uint64_t next)
{
    uint64_t step = l->interval * 1250u;
    uint16_t result = 0;
    if (next > l->ref_anchor + step) {
        result = (uint16_t)((next - l->ref_anchor) / step);
    }
    return result;
}

/* Sends LL_PERIODIC_SYNC_IND: data u16, SyncInfo 18, connection event u16, last periodic event
 * u16, SID u4 address type u1 SCA u3, PHY u8, AdvA 6, connection event in which that was received
 * u16. */
static void send_periodic_sync(controller *c, struct link *l, uint16_t data, const struct sync *s)
{
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    uint64_t step = s->interval * 1250u, next = s->ref;
    uint64_t skipped = 0;
    if (next > c->air->now) {
        skipped = (next - c->air->now) / step;
    }
    next -= skipped * step; /* the next event, even if it will be skipped */
    uint16_t ahead = past_event(l, next);
    uint64_t from = l->ref_anchor + ahead * (l->interval * 1250u);
    struct sync_info info = {
        .interval = s->interval, .sca = s->sca, .aa = s->aa, .crc_init = s->crc_init
    };
    info.counter = (uint16_t)(s->counter - skipped);
    while (next <= from) {
        next += step;
        info.counter++;
    }
    unsigned wait = remap_wait(&s->remap, info.counter);
    next += wait * step;
    info.counter = (uint16_t)(info.counter + wait);
    info.offset = (uint32_t)(next - from);
    memcpy(info.chm, remap_at(&s->remap, s->chm, info.counter), sizeof info.chm);
    wr_u8(&pdu, LL_PERIODIC_SYNC_IND);
    wr_le16(&pdu, data);
    sync_info_write(&pdu, &info);
    wr_le16(&pdu, (uint16_t)(l->ref_event + ahead));
    wr_le16(&pdu, (uint16_t)(info.counter - 1));
    wr_u8(&pdu, (uint8_t)(s->sid | (s->advertiser.type & 1) << 4 | controller_sca(c) << 5));
    wr_u8(&pdu, (uint8_t)(1u << (phy_number(s->phy) - 1)));
    wr_bytes(&pdu, s->advertiser.octet, 6);
    wr_le16(&pdu, (uint16_t)l->ref_event);
    control_send(l, &pdu);
}

/* LL_PERIODIC_SYNC_IND: see send_periodic_sync().  Begins a sync, if the host wants that of this
 * connection, and knows no sync with the advertiser yet; else the PDU is ignored. */
void rx_periodic_sync_ind(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    struct sync *s = sync_free(c);
    uint16_t data = rd_le16(in);
    struct sync_info info = sync_info_read(in);
    uint16_t event = rd_le16(in);
    rd_le16(in);
    uint8_t which = rd_u8(in), phy = rd_u8(in);
    struct address air = { which >> 4 & 1, { 0 } }, who;
    rd_copy(in, air.octet, 6);
    uint64_t from;
    bool near = control_event_at(l, event, &from);
    bool known = (phy == 1 || phy == 2 || phy == 4) && (phys_supported(c) & phy);
    if (l->past.mode == NO_SYNC || !s || !known || !near || info.interval < 6 || !info.offset ||
        !privacy_resolve(c, &air, &who) || sync_with(c, &who, which & 15)) {
        return;
    }
    *s = (struct sync){ .sid = which & 15,
                        .advertiser = who,
                        .skip = l->past.skip,
                        .timeout = l->past.timeout,
                        .past_conn = i,
                        .past_data = data,
                        .phy = phy == 4 ? PHY_CODED : phy,
                        .reporting = l->past.mode >= REPORTS };
    if (which >> 5 < info.sca) {
        info.sca = which >> 5;
    }
    sync_begin(c, s, &info, from);
}

/* --- commands --------------------------------------------------------------------------------- */

/* False: the peer has said that it does not support the transfer. */
static bool past_known(const struct link *l)
{
    return !l->features_known || peer_has(l, FEATURE_PAST_RECIPIENT);
}

/* connection u16, data u16, sync u16.  7.8.89 */
static int cmd_transfer(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in), data = rd_le16(in);
    struct link *l = link_by_handle(c, handle, &i);
    struct sync *s = sync_by_handle(c, rd_le16(in));
    wr_le16(ret, handle);
    if (!l || !s) {
        int status = WOAD_HCI_UNKNOWN_CONNECTION;
        if (l) {
            status = UNKNOWN_ADVERTISER;
        }
        return status;
    }
    if (!past_known(l)) {
        return WOAD_HCI_UNSUPPORTED_REMOTE;
    }
    if (!control_has_spare(l)) {
        return WOAD_HCI_MEMORY_EXCEEDED;
    }
    send_periodic_sync(c, l, data, s);
    link_wake(c, i);
    return 0;
}

/* connection u16, data u16, set u8.  7.8.90 */
static int cmd_transfer_own(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in), data = rd_le16(in);
    struct link *l = link_by_handle(c, handle, &i);
    const struct ll_adv *a = set_by_handle(c, rd_u8(in));
    wr_le16(ret, handle);
    if (!l || !a) {
        int status = WOAD_HCI_UNKNOWN_CONNECTION;
        if (l) {
            status = UNKNOWN_ADVERTISER;
        }
        return status;
    }
    if (!a->periodic.sending) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (!past_known(l)) {
        return WOAD_HCI_UNSUPPORTED_REMOTE;
    }
    if (!control_has_spare(l)) {
        return WOAD_HCI_MEMORY_EXCEEDED;
    }
    struct sync s = { .sid = a->sid,
                      .phy = adv_secondary(a),
                      .interval = a->periodic.interval,
                      .counter = a->periodic.counter,
                      .aa = a->periodic.aa,
                      .crc_init = a->periodic.crc_init,
                      .ref = a->periodic.next_at,
                      .sca = controller_sca(c),
                      .remap = a->periodic.remap };
    memcpy(s.chm, a->periodic.chm, sizeof s.chm);
    adv_own(c, a, &s.advertiser);
    send_periodic_sync(c, l, data, &s);
    link_wake(c, i);
    return 0;
}

/* mode u8, skip u16, timeout u16 in 10 ms, CTE u8. Mode 3, without duplicates, is not supported:
 * it needs the ADI of periodic advertising. */
static int past_read(struct rd *in, struct past *p)
{
    p->mode = rd_u8(in);
    p->skip = rd_le16(in);
    p->timeout = rd_le16(in);
    bool all_kinds = (rd_u8(in) & PAST_CTE_ALL) == PAST_CTE_ALL;
    if (p->mode > 3 || p->skip > 499 || p->timeout < 10 || p->timeout > 0x4000) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (p->mode == NO_DUPLICATES) {
        return WOAD_HCI_UNSUPPORTED;
    }
    if (!all_kinds) {
        return 0;
    }
    return WOAD_HCI_COMMAND_DISALLOWED;
}

/* 7.8.91 */
static int cmd_past_params(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    struct link *l = link_by_handle(c, handle, &i);
    struct past p;
    int status = past_read(in, &p);
    wr_le16(ret, handle);
    if (!l) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    if (!status) {
        l->past = p;
    }
    return status;
}

/* 7.8.92 */
static int cmd_past_default(controller *c, struct rd *in, struct wr *ret)
{
    struct past p;
    int status = past_read(in, &p);
    (void)ret;
    if (!status) {
        c->ll->past = p;
    }
    return status;
}

/* Opcode, octet and bit of Supported_Commands, octets of parameters, function, feature, flags
 * (CMD_…; 0: none), first version (0: 4.0): struct command in host.h. */
const struct command air_past_commands[] = {
    { OP_LE_SYNC_TRANSFER, 40, 6, 6, cmd_transfer, FEATURE_PAST_SENDER, CMD_EXTENDED, 0 },
    { OP_LE_SET_INFO_TRANSFER, 40, 7, 5, cmd_transfer_own, FEATURE_PAST_SENDER, CMD_EXTENDED, 0 },
    { OP_LE_SET_PAST_PARAMS, 41, 0, 8, cmd_past_params, FEATURE_PAST_RECIPIENT, CMD_EXTENDED, 0 },
    { OP_LE_SET_DEFAULT_PAST_PARAMS, 41, 1, 6, cmd_past_default, FEATURE_PAST_RECIPIENT,
      CMD_EXTENDED, 0 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};
