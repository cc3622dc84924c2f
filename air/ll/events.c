/* Events: what the link layer reports to its host; those of extended and periodic advertising are
 * in ext_events.c.  Vol 4, Part E, 7.7
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   s: a stream (struct iso, ll.h)
 *   b: a broadcast isochronous group (struct big, ll.h)
 *   big: a broadcast isochronous group: ll.h
 *   big_info: BIGInfo, decoded: ll.h
 *   bn: payloads of an event of a stream
 *   bn_rx: payloads of an event that we receive
 *   bn_tx: payloads of an event that we send
 *   controller_ready(): to be called when the queue to the host has got a packet
 *   csa2: the connection uses channel selection algorithm 2, else 1
 *   event_mask: the host's mask of events, a bit each
 *   event_mask_2: the same of page 2
 *   fifo_has_room(): the queue has room for so many octets
 *   fifo_put(): room for a packet at the queue's end; NULL: there is none
 *   group_delay: us that a group takes in its interval
 *   GROUP_MAX: streams of a group, at most
 *   host_queue: packets for the host, with their H4 type
 *   irc: immediate repetition count
 *   is_receiver: of a group: received, not sent
 *   ISO_HANDLE: HCI's handle of the first stream
 *   iso_handle(): HCI's handle of a stream
 *   le_mask: the same of LE events
 *   link_handle(): HCI's handle of the connection with this index
 *   max_sdu: octets of the longest SDU of a group
 *   n_streams: streams of the group that are in stream[]
 *   nse: subevents of an event
 *   num: streams of a group, those included that we do not receive
 *   own_air: our address in the connection request
 *   peer_air: the peer's address in the connection request
 *   peer_sca: class of the peer's sleep clock accuracy
 *   phy_number(): HCI's number of a PHY: both codings are one
 *   ROOM_FOR_REPORT: octets of the queue to the host that reports leave free for data and events
 *   sdu_interval: us from one SDU to the next
 *   spacing: us from one stream of a group to the next
 *   supervision: 10 ms: the supervision timeout
 *   sync_delay: us that a stream or a group takes in its interval */
#include "host.h"
#include "iso.h"

/* The queue to the host has room for `n` octets. */
bool evt_room(const controller *c, size_t n)
{
    return fifo_has_room(&c->host_queue, n);
}

/* Writes an event. Reports and data stop long before the queue is full, so that there is room for
 * the events that must not be lost. */
static void evt_write(controller *c, uint8_t code, const uint8_t *sub, const struct wr *params)
{
    size_t len = wr_len(params) + (sub ? 1 : 0);
    uint8_t *packet = fifo_put(&c->host_queue, 3 + len);
    if (packet) {
        struct wr out = wr_of(packet, 3 + len);
        wr_u8(&out, H4_EVENT);
        wr_u8(&out, code);
        wr_u8(&out, (uint8_t)len);
        if (sub) {
            wr_u8(&out, *sub);
        }
        wr_bytes(&out, params->base, wr_len(params));
        controller_ready(c);
    }
}

/* An event, unless the host has masked it. Those that answer commands and give buffers back cannot
 * be masked. 7.3.1 */
void evt_put(controller *c, uint8_t code, const struct wr *params)
{
    bool masked = code != EVT_COMMAND_COMPLETE && code != EVT_COMMAND_STATUS &&
                  code != EVT_COMPLETED_PACKETS && !(c->ll->event_mask >> (code - 1) & 1);
    if (!masked) {
        evt_write(c, code, NULL, params);
    }
}

/* An event of the second page, whose codes begin at 0x40. 7.3.69 */
void evt_put_2(controller *c, uint8_t code, const struct wr *params)
{
    if (c->ll->event_mask_2 >> (code - 0x40) & 1) {
        evt_write(c, code, NULL, params);
    }
}

/* Whether the host has unmasked a subevent of LE Meta.  7.8.1 */
bool evt_le_enabled(const controller *c, uint8_t sub)
{
    return c->ll->le_mask >> (sub - 1) & 1;
}

/* LE Meta: subevent u8, parameters.  7.7.65; masked by 7.8.1 */
void evt_le(controller *c, uint8_t sub, const struct wr *params)
{
    if (c->ll->event_mask >> (EVT_LE_META - 1) & 1 && evt_le_enabled(c, sub)) {
        evt_write(c, EVT_LE_META, &sub, params);
    }
}

/* Command Complete: commands allowed u8 (1), opcode u16, status u8, return parameters. */
void evt_complete(controller *c, uint16_t opcode, uint8_t status, const struct wr *ret)
{
    uint8_t b[255];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, 1);
    wr_le16(&w, opcode);
    wr_u8(&w, status);
    if (ret) {
        wr_bytes(&w, ret->base, wr_len(ret));
    }
    evt_put(c, EVT_COMMAND_COMPLETE, &w);
}

/* Command Status: status u8, commands allowed u8 (1), opcode u16. */
void evt_status(controller *c, uint16_t opcode, uint8_t status)
{
    uint8_t b[4];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    wr_u8(&w, 1);
    wr_le16(&w, opcode);
    evt_put(c, EVT_COMMAND_STATUS, &w);
}

/* Data Buffer Overflow: link type u8: 1 ACL, 2 ISO.  7.7.26 */
void evt_overflow(controller *c, uint8_t link_type)
{
    struct wr w = { &link_type, &link_type + 1, &link_type + 1, false }; /* a full buffer */
    evt_put(c, EVT_DATA_BUFFER_OVERFLOW, &w);
}

/* Number Of Completed Packets, for one handle: number of handles u8 (1), handle u16, packets
 * u16. */
void evt_completed(controller *c, uint16_t handle, uint16_t count)
{
    uint8_t b[5];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, 1);
    wr_le16(&w, handle);
    wr_le16(&w, count);
    evt_put(c, EVT_COMPLETED_PACKETS, &w);
}

/* Writes a resolvable private address; zeros for another one. */
static void evt_rpa(struct wr *w, const struct address *a)
{
    static const uint8_t none[6] = { 0 };
    bool rpa = a->type == 1 && (a->octet[5] & 0xc0) == 0x40;
    const uint8_t *octets = none;
    if (rpa) {
        octets = a->octet;
    }
    wr_bytes(w, octets, 6);
}

/* LE [Enhanced] Connection Complete, by the mask.  7.7.65.1, 7.7.65.10 */
void evt_connected(controller *c, uint8_t status, uint8_t i)
{
    static const struct link none = { .central = true };
    const struct link *l;
    if (status) {
        l = &none;
    } else {
        l = &c->links[i];
    }
    bool enhanced = evt_le_enabled(c, LE_ENHANCED_CONNECTION_COMPLETE);
    uint8_t b[32];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    uint16_t handle = 0;
    if (!status) {
        handle = link_handle(i);
    }
    wr_le16(&w, handle);
    wr_u8(&w, !l->central);
    wr_u8(&w, l->peer.type);
    wr_bytes(&w, l->peer.octet, 6);
    if (enhanced) {
        evt_rpa(&w, &l->own_air);
        evt_rpa(&w, &l->peer_air);
    }
    wr_le16(&w, l->interval);
    wr_le16(&w, l->latency);
    wr_le16(&w, l->supervision);
    uint8_t sca = 0;
    if (!l->central) {
        sca = l->peer_sca;
    }
    wr_u8(&w, sca); /* of the central; reserved at the central */
    evt_le(c, enhanced ? LE_ENHANCED_CONNECTION_COMPLETE : LE_CONNECTION_COMPLETE, &w);
}

/* Disconnection Complete: status u8 (0), handle u16, reason u8. */
void evt_disconnected(controller *c, uint16_t handle, uint8_t reason)
{
    uint8_t b[4];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, 0);
    wr_le16(&w, handle);
    wr_u8(&w, reason);
    evt_put(c, EVT_DISCONNECTION_COMPLETE, &w);
}

/* LE Channel Selection Algorithm: handle u16, 0 or 1 u8: number 1 or 2.  7.7.65.20 */
void evt_channel_selection(controller *c, uint8_t i)
{
    uint8_t b[4];
    struct wr w = wr_of(b, sizeof b);
    wr_le16(&w, link_handle(i));
    wr_u8(&w, c->links[i].csa2);
    evt_le(c, LE_CHANNEL_SELECTION, &w);
}

/* LE Connection Update Complete: status u8, handle u16, interval u16, latency u16, time-out u16. */
void evt_updated(controller *c, uint8_t status, uint8_t i)
{
    const struct link *l = &c->links[i];
    uint8_t b[16];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    wr_le16(&w, link_handle(i));
    wr_le16(&w, l->interval);
    wr_le16(&w, l->latency);
    wr_le16(&w, l->supervision);
    evt_le(c, LE_CONNECTION_UPDATE, &w);
}

/* LE Advertising Report, one a packet. Dropped when the host does not read its queue. 7.7.65.2 */
void evt_report(controller *c, uint8_t kind, const struct address *a, const uint8_t *data,
                size_t len, int8_t rssi)
{
    uint8_t b[64];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, 1);
    wr_u8(&w, kind);
    wr_u8(&w, a->type);
    wr_bytes(&w, a->octet, 6);
    wr_u8(&w, (uint8_t)len);
    wr_bytes(&w, data, len);
    wr_u8(&w, (uint8_t)rssi);
    if (evt_room(c, ROOM_FOR_REPORT)) {
        evt_le(c, LE_ADVERTISING_REPORT, &w);
    }
}

/* --- isochronous streams --------------------------------------------------------------------- */

/* LE CIS Established: status u8, handle u16, delay of the group u24, of the stream u24, latencies
 * u24 u24, PHYs u8 u8, subevents u8, payloads u8 u8, flush timeouts u8 u8, largest PDUs u16 u16,
 * interval u16; central to peripheral first. */
void evt_cis_established(controller *c, const struct iso *s, uint8_t status)
{
    uint8_t b[32];
    struct wr w = wr_of(b, sizeof b);
    bool out = s->central;
    uint8_t to_peripheral;
    if (out) {
        to_peripheral = s->bn_tx;
    } else {
        to_peripheral = s->bn_rx;
    }
    uint8_t to_central = s->bn_tx;
    if (out) {
        to_central = s->bn_rx;
    }
    wr_u8(&w, status);
    wr_le16(&w, iso_handle(c, s));
    wr_le24(&w, s->group_delay);
    wr_le24(&w, s->sync_delay);
    wr_le24(&w, s->group_delay);
    wr_le24(&w, s->group_delay);
    uint8_t phy_to_peripheral;
    if (out) {
        phy_to_peripheral = s->tx_phy;
    } else {
        phy_to_peripheral = s->rx_phy;
    }
    wr_u8(&w, phy_number(phy_to_peripheral));
    uint8_t phy_to_central = s->rx_phy;
    if (!out) {
        phy_to_central = s->tx_phy;
    }
    wr_u8(&w, phy_number(phy_to_central));
    wr_u8(&w, s->nse);
    wr_u8(&w, to_peripheral);
    wr_u8(&w, to_central);
    wr_u8(&w, 1);
    wr_u8(&w, 1);
    uint16_t max_to_peripheral = 0;
    if (to_peripheral) {
        max_to_peripheral = ISO_PDU;
    }
    wr_le16(&w, max_to_peripheral);
    uint16_t max_to_central = 0;
    if (to_central) {
        max_to_central = ISO_PDU;
    }
    wr_le16(&w, max_to_central);
    wr_le16(&w, s->interval);
    evt_le(c, LE_CIS_ESTABLISHED, &w);
}

/* LE CIS Request: connection u16, stream u16, group u8, its number u8. */
void evt_cis_request(controller *c, const struct iso *s)
{
    uint8_t b[6];
    struct wr w = wr_of(b, sizeof b);
    wr_le16(&w, link_handle(s->link));
    wr_le16(&w, iso_handle(c, s));
    wr_u8(&w, s->group);
    wr_u8(&w, s->id);
    evt_le(c, LE_CIS_REQUEST, &w);
}

/* LE Create BIG Complete: status u8, group u8, delay u24, latency u24, PHY u8, subevents u8,
 * payloads u8, PTO u8, IRC u8, largest PDU u16, interval u16, number u8, handles u16. LE BIG
 * Sync Established: the same without the delay and the PHY. */
void evt_big(controller *c, const struct big *b, uint8_t status)
{
    uint8_t e[24 + 2 * GROUP_MAX];
    struct wr w = wr_of(e, sizeof e);
    uint32_t delay = b->info.num * b->info.spacing;
    wr_u8(&w, status);
    wr_u8(&w, b->handle);
    if (!b->is_receiver) {
        wr_le24(&w, delay);
    }
    wr_le24(&w, delay);
    if (!b->is_receiver) {
        wr_u8(&w, b->info.phy);
    }
    wr_u8(&w, b->info.nse);
    wr_u8(&w, b->info.bn);
    wr_u8(&w, 0);
    wr_u8(&w, b->info.irc);
    wr_le16(&w, ISO_PDU);
    wr_le16(&w, b->info.interval);
    uint8_t n_streams = 0;
    if (!status) {
        n_streams = b->n_streams;
    }
    wr_u8(&w, n_streams);
    for (uint8_t k = 0; !status && k < b->n_streams; k++) {
        wr_le16(&w, (uint16_t)(ISO_HANDLE + b->stream[k]));
    }
    evt_le(c, b->is_receiver ? LE_BIG_SYNC_ESTABLISHED : LE_CREATE_BIG_COMPLETE, &w);
}

/* LE Terminate BIG Complete, LE BIG Sync Lost: group u8, reason u8. */
void evt_big_ended(controller *c, const struct big *b, uint8_t reason)
{
    uint8_t e[2];
    struct wr w = wr_of(e, sizeof e);
    wr_u8(&w, b->handle);
    wr_u8(&w, reason);
    evt_le(c, b->is_receiver ? LE_BIG_SYNC_LOST : LE_TERMINATE_BIG_COMPLETE, &w);
}

/* LE BIGInfo Advertising Report: sync u16, number u8, subevents u8, interval u16, payloads u8,
 * PTO u8, IRC u8, largest PDU u16, SDU interval u24, largest SDU u16, PHY u8, framed u8,
 * encrypted u8. */
void evt_big_info(controller *c, uint16_t sync, const struct big_info *info)
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
    if (evt_room(c, ROOM_FOR_REPORT)) {
        evt_le(c, LE_BIG_INFO_REPORT, &w);
    }
}
