/* Advertising with extended PDUs: ADV_EXT_IND on the primary channels names AUX_ADV_IND on a
 * secondary one, which AUX_CHAIN_IND may continue. Called by adv.c. Vol 6, Part B, 2.3.1.5 to
 * 2.3.1.8, 4.4.2.3 to 4.4.2.5
 *
 * Names of other files:
 *   c: the controller
 *   a: an advertising set (ll.h)
 *   acad: additional controller advertising data
 *   ACTIVITY_ADV: ACTIVITY_…: what the radio is used for
 *   address_bits(): TxAdd and RxAdd of an advertising PDU
 *   ADV_AA: access address of advertising
 *   adv_connected(): the set is disabled, because a connection was made
 *   ADV_EXT: type of extended advertising PDUs; the channel and their place in a chain say which
 *       they are
 *   adv_may_be_connected(): there is a place for a connection, and the radio is free until then
 *   adv_now: the advertising set that has the radio, or had it last
 *   adv_own(): the set's address on the air
 *   adv_power(): dBm of the set's packets
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   aux_at: us: the next packet on a secondary channel; NEVER: none
 *   aux_channel: channel of the packet that AuxPtr names
 *   aux_offset: us from a packet to the auxiliary packet that it names, in steps of aux_unit
 *   aux_phy: PHY of the packet that AuxPtr names
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   channel_bits: channels that the set uses, a bit each: 37, 38, 39
 *   CHANNELS: 40: channels of the radio, 0 to 39
 *   conn_index: the connection that begins
 *   conn_lldata: LLData of the request that was accepted
 *   conn_peer: the peer of the connection request that is out
 *   conn_peer_air: address on the air of the peer of that connection request
 *   conn_request_end: us: when that request ended
 *   csa2: the connection uses channel selection algorithm 2, else 1
 *   csa2_channel(): the channel of an event by channel selection algorithm 2
 *   DATA_CHANNELS: 37: channels 0 to 36 carry data
 *   data_len: octets of `data`, the advertising data
 *   did: data ID of ADI: changes with the data
 *   has_adi: of an extended PDU: ADI is there: did and sid
 *   has_adv: fields of an extended PDU (struct ext) that are there: has_…
 *   has_aux: of an extended PDU: AuxPtr is there, which names the next packet
 *   has_power: of an extended PDU: TxPower is there
 *   has_target: of an extended PDU: TargetA is there; of the resolving list: target_rpa is
 *   KIND_AUX: kind of a packet, for captures: on a secondary channel
 *   link_begin(): makes a connection from the data of a connection request; `end`: the time of its
 *       last bit
 *   ll_adv: an advertising set: ll.h
 *   missed: advertising events in a row that gave way: the more, the less the radio's other turns
 *       count
 *   NEVER: a deadline that does not exist: later than any time
 *   next_channel: channel of the packet that the last one named
 *   own_type: HCI's type of the own address: 0 public, 1 random; 2, 3: private, if there is one
 *   packet: of the radio: the packet that is being sent, or was sent last
 *   periodic: periodic advertising of a set
 *   periodic_adv_sync_info(): SyncInfo of the first event that is at least so many us after a
 *       packet
 *   PHY_1M: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   phy_number(): HCI's number of a PHY: both codings are one
 *   primary: PHY of the primary channels; 0: not set, 1M
 *   privacy_target(): the address on the air of the peer that directed advertising is for
 *   PROP_CONNECTABLE: properties of an extended advertising set, bits as HCI has them
 *   props: PROP_…: properties of a set with extended PDUs
 *   radio_airtime(): us of a packet with so many octets of PDU, its header included
 *   radio_claim_adv(): takes the radio for advertising; false: an activity has it
 *   radio_listen(): listens for packets that begin until a time; then the activity's on_rx_timeout
 *       is called
 *   radio_pdu(): switches the radio off, and returns where to write the next PDU; radio_send()
 *       sends that
 *   radio_send(): sends at a time; then the activity's on_tx_done is called
 *   rsp: the scan response data
 *   rsp_len: octets of `rsp`, the scan response data
 *   secondary: PHY of the secondary channels; 0: not set, 1M
 *   sending: of periodic advertising: the host wants it, and its set has been enabled once; of a
 *       stream: an SDU is sent in this event
 *   sent_len: octets of the data that are in packets so far
 *   sets: the advertising sets, n_sets of them; legacy advertising is the first
 *   stage: AT_…: which packets of the event are being sent
 *   sync: a sync with periodic advertising of another device: ll.h
 *   sync_info_read(): reads SyncInfo
 *   T_MAFS: us from the end of a packet to the auxiliary packet that it names */
#include "periodic.h"

/* ANSWER_US: how long to listen for the begin of a response: T_IFS, 2 us for the clocks, and 40 us,
 * in which preamble and address of a packet on 1M are received.  The same on all PHYs: a packet
 * that has begun by then is received to its end.  PAYLOAD_MAX: octets of a PDU behind its header.
 */
enum { ANSWER_US = T_IFS + 2 + 40, PAYLOAD_MAX = 255 };
enum { SYNC_AHEAD_US = 3000 }; /* SyncInfo names an event so much later: chains end before */
enum {                         /* a->stage: the packets that are being sent */
       AT_PRIMARY,             /* ADV_EXT_IND */
       AT_ADV,                 /* AUX_ADV_IND and its chain */
       AT_RESPONSE,            /* AUX_SCAN_RSP and its chain */
       AT_CONNECT              /* AUX_CONNECT_RSP */
};

/* --- the payload ------------------------------------------------------------------------------ */

enum { /* extended header flags, in the order of their fields */
       HAS_ADV = 0x01,
       HAS_TARGET = 0x02,
       HAS_CTE = 0x04,
       HAS_ADI = 0x08,
       HAS_AUX = 0x10,
       HAS_SYNC = 0x20,
       HAS_POWER = 0x40
};

/* Extended header length u6, AdvMode u2; flags u8; AdvA 6, TargetA 6, CTEInfo u8, ADI u16 (DID
 * 12, SID 4), AuxPtr 3 (channel 6, CA 1, units 1, offset 13, PHY 3), SyncInfo 18, TxPower i8,
 * ACAD; data. */
bool ext_read(struct rd *pdu, struct ext *e)
{
    *e = (struct ext){ .mode = 0 };
    uint8_t head = rd_u8(pdu), len = rd_u8(pdu), first = rd_u8(pdu);
    if (pdu->bad || rd_left(pdu) != len - 1u) {
        return false;
    }
    const uint8_t *body = rd_bytes(pdu, first & 63);
    if (!body) {
        return false;
    }
    struct rd in = rd_of(body, first & 63);
    uint8_t flags = 0;
    if (rd_left(&in)) {
        flags = rd_u8(&in);
    }
    e->mode = first >> 6;
    if (flags & HAS_ADV) {
        e->has_adv = true;
        e->adv.type = head >> 6 & 1;
        rd_copy(&in, e->adv.octet, 6);
    }
    if (flags & HAS_TARGET) {
        e->has_target = true;
        e->target.type = head >> 7 & 1;
        rd_copy(&in, e->target.octet, 6);
    }
    rd_bytes(&in, flags & HAS_CTE ? 1 : 0);
    if (flags & HAS_ADI) {
        uint16_t adi = rd_le16(&in);
        e->has_adi = true;
        e->did = adi & 0xfff;
        e->sid = (uint8_t)(adi >> 12);
    }
    if (flags & HAS_AUX) {
        uint32_t aux = rd_le24(&in);
        e->has_aux = true;
        e->aux_channel = aux & 63;
        e->aux_unit = 30;
        if (aux >> 7 & 1) {
            e->aux_unit = 300;
        }
        e->aux_offset = (aux >> 8 & 0x1fff) * e->aux_unit;
        e->aux_phy = (uint8_t)((aux >> 21) + 1);
    }
    if (flags & HAS_SYNC) {
        e->has_sync = true;
        e->sync = sync_info_read(&in);
    }
    if (flags & HAS_POWER) {
        e->has_power = true;
        e->power = (int8_t)rd_u8(&in);
    }
    e->acad = in;
    e->data = *pdu;
    return !in.bad && e->aux_channel < DATA_CHANNELS && e->aux_phy <= PHY_CODED;
}

/* AuxPtr: channel u6, clock accuracy u1, unit u1, offset u13, PHY u3. From 245,700 us on the unit
 * is 300 us. 2.3.4.5 */
static void ext_write_aux(struct wr *out, const struct ext *e)
{
    bool far = e->aux_offset >= 245700;
    uint32_t unit;
    if (far) {
        unit = 300;
    } else {
        unit = 30;
    }
    uint32_t offset = e->aux_offset / unit;
    wr_le24(out, (uint32_t)(e->aux_channel | (far ? 1u << 7 : 0) | offset << 8 |
                            (e->aux_phy - 1u) << 21));
}

/* Header u16, then see ext_read().  Data that do not fit are left out; returns the octets that
 * went in. */
size_t ext_write(struct wr *pdu, uint8_t type, const struct ext *e)
{
    uint8_t body[64];
    struct wr out = wr_of(body, sizeof body);
    wr_u8(&out,
          (uint8_t)(e->has_adv * HAS_ADV | e->has_target * HAS_TARGET | e->has_adi * HAS_ADI |
                    e->has_aux * HAS_AUX | e->has_sync * HAS_SYNC | e->has_power * HAS_POWER));
    if (e->has_adv) {
        wr_bytes(&out, e->adv.octet, 6);
    }
    if (e->has_target) {
        wr_bytes(&out, e->target.octet, 6);
    }
    if (e->has_adi) {
        wr_le16(&out, (uint16_t)(e->did | e->sid << 12));
    }
    if (e->has_aux) {
        ext_write_aux(&out, e);
    }
    if (e->has_sync) {
        sync_info_write(&out, &e->sync);
    }
    if (e->has_power) {
        wr_u8(&out, (uint8_t)e->power);
    }
    wr_bytes(&out, e->acad.p, rd_left(&e->acad));
    size_t len = wr_len(&out), room = PAYLOAD_MAX - 1 - len, n = rd_left(&e->data);
    if (n > room) {
        n = room;
    }
    wr_u8(pdu, (uint8_t)(type |
                         address_bits(e->has_adv && e->adv.type, e->has_target && e->target.type)));
    wr_u8(pdu, (uint8_t)(1 + len + n));
    wr_u8(pdu, (uint8_t)(len | (unsigned)e->mode << 6));
    wr_bytes(pdu, body, len);
    wr_bytes(pdu, e->data.p, n);
    return n;
}

/* --- an event --------------------------------------------------------------------------------- */

/* The advertising set that the host knows by this number; NULL: none. */
struct ll_adv *set_by_handle(controller *c, uint8_t handle)
{
    for (uint8_t n = 0; n < c->n_sets; n++) {
        if (c->sets[n].used && c->sets[n].handle == handle) {
            return &c->sets[n];
        }
    }
    return NULL;
}

/* PHY of a set's channels: 0, never set by the host, is 1M. */
static uint8_t ext_phy(uint8_t phy)
{
    uint8_t result = phy;
    if (!result) {
        result = PHY_1M;
    }
    return result;
}

/* The fields that most packets of a set have; the caller adds the others. */
static void ext_adv_common(const controller *c, const struct ll_adv *a, struct ext *e)
{
    *e = (struct ext){ .mode = a->props & (PROP_CONNECTABLE | PROP_SCANNABLE),
                       .has_adi = true,
                       .did = a->did,
                       .sid = a->sid,
                       .data = rd_of(a->data, 0),
                       .acad = rd_of(a->data, 0) };
    (void)c;
}

/* A channel for an auxiliary packet: from event to event another one, and of each device other
 * ones. */
static uint8_t ext_adv_channel(controller *c, struct ll_adv *a)
{
    return csa2_channel(ADV_AA, (uint16_t)(a->events * 3u + c->id), c->ll->channel_map);
}

/* Plans the auxiliary packet: behind the last of the primary ones. */
void ext_adv_begin(controller *c, struct ll_adv *a)
{
    enum { ADV_EXT_IND_LEN = 2 + 7 }; /* header, length, flags, ADI, AuxPtr */
    uint32_t each = radio_airtime(ADV_EXT_IND_LEN, ext_phy(a->primary)) + T_IFS;
    unsigned primaries =
        (a->channel_bits & 1u) + (a->channel_bits >> 1 & 1u) + (a->channel_bits >> 2 & 1u);
    a->aux_channel = ext_adv_channel(c, a);
    a->aux_at = c->air->now + primaries * each + T_MAFS;
    a->sent_len = 0;
    a->stage = AT_PRIMARY;
}

/* ADV_EXT_IND: ADI, AuxPtr.  2.3.1.5 */
void ext_adv_send_primary(controller *c, struct ll_adv *a, uint64_t at)
{
    struct ext e;
    struct wr pdu = radio_pdu(c);
    ext_adv_common(c, a, &e);
    e.has_aux = true;
    e.aux_channel = a->aux_channel;
    e.aux_phy = ext_phy(a->secondary);
    e.aux_offset = (uint32_t)(a->aux_at - at);
    ext_write(&pdu, ADV_EXT, &e);
    radio_send(c, ACTIVITY_ADV, at, a->channel, ADV_AA, ext_phy(a->primary), &pdu);
    c->radio.packet.power = adv_power(c, a);
}

/* Where a chain is cut: between two AD structures if possible, so that a scanner can parse each
 * packet alone. Vol 4, Part E, 7.8.54 */
static size_t ad_boundary(const uint8_t *data, size_t len, size_t most)
{
    size_t at = 0;
    while (at < len && at + data[at] + 1u <= most && data[at]) {
        at += data[at] + 1u;
    }
    size_t result = most;
    if (at) {
        result = at;
    }
    return result;
}

/* See ext.h.  What fits is measured by writing to the buffer of the next packet, which is
 * written again afterwards. */
size_t ext_write_part(controller *c, struct ext *e, uint8_t phy, uint8_t next_channel)
{
    struct wr probe = wr_of(c->radio.packet.pdu, sizeof c->radio.packet.pdu);
    size_t n = ext_write(&probe, ADV_EXT, e);
    if (n == rd_left(&e->data)) {
        return n;
    }
    e->has_aux = true; /* it does not fit: reserve room for AuxPtr */
    e->aux_channel = next_channel;
    e->aux_phy = phy_number(phy);
    probe = wr_of(c->radio.packet.pdu, sizeof c->radio.packet.pdu);
    n = ad_boundary(e->data.p, rd_left(&e->data), ext_write(&probe, ADV_EXT, e));
    e->data = rd_of(e->data.p, n);
    probe = wr_of(c->radio.packet.pdu, sizeof c->radio.packet.pdu);
    ext_write(&probe, ADV_EXT, e);
    e->aux_offset = radio_airtime(wr_len(&probe), phy) + T_MAFS;
    return n;
}

/* Sends the next packet of a chain. AUX_ADV_IND: AdvA, TargetA, ADI, SyncInfo, TxPower, data;
 * AUX_SCAN_RSP: AdvA, ADI, data; AUX_CHAIN_IND: ADI, data; with AuxPtr if there is more. 2.3.1.6,
 * 2.3.2.3, 2.3.1.8 */
static void ext_adv_send_data(controller *c, struct ll_adv *a, const uint8_t *data, uint16_t len,
                              uint64_t at)
{
    struct ext e;
    struct wr pdu = radio_pdu(c);
    uint8_t phy = ext_phy(a->secondary);
    bool first = a->sent_len == 0;
    ext_adv_common(c, a, &e);
    if (a->stage != AT_ADV || !first) {
        e.mode = 0;
    }
    e.has_adv = first && !(a->props & PROP_ANONYMOUS);
    adv_own(c, a, &e.adv);
    e.has_target = first && a->stage == AT_ADV && (a->props & PROP_DIRECTED);
    privacy_target(c, a->own_type, &a->peer, &e.target);
    e.has_power = first && (a->props & PROP_TX_POWER);
    e.has_sync = first && a->stage == AT_ADV && a->periodic.sending;
    if (e.has_sync) {
        e.sync = periodic_adv_sync_info(c, a, at, SYNC_AHEAD_US);
    }
    e.power = adv_power(c, a);
    e.data = rd_of(data + a->sent_len, (size_t)(len - a->sent_len));
    size_t n = ext_write_part(c, &e, phy, ext_adv_channel(c, a));
    if (e.has_aux) {
        a->aux_at = at + e.aux_offset;
        a->next_channel = e.aux_channel;
    }
    ext_write(&pdu, ADV_EXT, &e);
    a->sent_len = (uint16_t)(a->sent_len + n);
    radio_send(c, ACTIVITY_ADV, at, a->aux_channel, ADV_AA, phy, &pdu);
    c->radio.packet.power = adv_power(c, a);
    c->radio.packet.kind = KIND_AUX;
    c->adv_now = a;
}

/* Sends the next packet of data or of the scan response. AUX_ADV_IND of a scannable set has no
 * data: they are in the response. */
static void ext_adv_send_stage(controller *c, struct ll_adv *a, uint64_t at)
{
    bool response = a->stage == AT_RESPONSE;
    bool empty = !response && (a->props & PROP_SCANNABLE);
    if (response) {
        ext_adv_send_data(c, a, a->rsp, a->rsp_len, at);
    } else {
        ext_adv_send_data(c, a, a->data, empty ? 0 : a->data_len, at);
    }
}

/* Whether there is time for AUX_ADV_IND and, if it is connectable, for AUX_CONNECT_REQ and
 * AUX_CONNECT_RSP. */
static bool ext_adv_has_time(controller *c, struct ll_adv *a)
{
    enum { RSP_LEN = 16, REQ_LEN = 36 };
    uint8_t phy = ext_phy(a->secondary);
    uint32_t answers = radio_airtime(REQ_LEN, phy) + radio_airtime(RSP_LEN, phy) + 3u * T_IFS;
    return !(a->props & PROP_CONNECTABLE) ||
           adv_may_be_connected(c, a,
                                c->air->now + radio_airtime(2u + 40 + a->data_len, phy) + answers);
}

/* Sends the auxiliary packet that is due. If the radio is busy, the rest of the chain is not sent.
 */
void ext_adv_on_timer(controller *c, struct ll_adv *a)
{
    a->aux_at = NEVER;
    if (!radio_claim_adv(c)) {
        return;
    }
    if (a->stage == AT_PRIMARY && !ext_adv_has_time(c, a)) {
        return;
    }
    a->missed = 0;
    a->channel = CHANNELS;
    if (a->stage == AT_PRIMARY) {
        a->stage = AT_ADV;
    } else {
        a->aux_channel = a->next_channel;
    }
    ext_adv_send_stage(c, a, c->air->now);
}

/* A packet has been sent: behind the last one of a scannable or connectable set a response may
 * follow. */
void ext_adv_on_tx_done(controller *c, struct ll_adv *a)
{
    bool asks = a->stage == AT_ADV && (a->props & (PROP_CONNECTABLE | PROP_SCANNABLE));
    if (a->stage == AT_CONNECT) {
        ext_adv_connected(c, a);
    } else if (a->aux_at == NEVER && asks) {
        radio_listen(c, ACTIVITY_ADV, a->aux_channel, ADV_AA, ext_phy(a->secondary),
                     c->air->now + ANSWER_US);
    }
}

/* AUX_SCAN_RSP.  2.3.2.3 */
void ext_adv_send_scan_rsp(controller *c, struct ll_adv *a, uint64_t at)
{
    a->stage = AT_RESPONSE;
    a->sent_len = 0;
    ext_adv_send_stage(c, a, at);
}

/* Sends AUX_CONNECT_RSP: AdvA, TargetA. The connection begins when it has been sent. 2.3.3.2 */
void ext_adv_send_connect_rsp(controller *c, struct ll_adv *a, uint8_t i,
                              const struct address *peer, struct rd data, uint64_t end)
{
    struct ext e = { .has_adv = true,
                     .has_target = true,
                     .target = *peer,
                     .data = rd_of(a->data, 0),
                     .acad = rd_of(a->data, 0) };
    struct wr pdu = radio_pdu(c);
    adv_own(c, a, &e.adv);
    ext_write(&pdu, AUX_CONNECT_RSP, &e);
    a->stage = AT_CONNECT;
    a->conn_index = i;
    a->conn_request_end = end;
    rd_copy(&data, a->conn_lldata, sizeof a->conn_lldata);
    a->conn_peer_air = *peer;
    radio_send(c, ACTIVITY_ADV, end + T_IFS, a->aux_channel, ADV_AA, ext_phy(a->secondary), &pdu);
    c->radio.packet.power = adv_power(c, a);
    c->radio.packet.kind = KIND_AUX;
}

/* AUX_CONNECT_RSP has been sent: the connection begins, with the data of the request. */
void ext_adv_connected(controller *c, struct ll_adv *a)
{
    struct conn_request how = { .central = false,
                                .csa2 = true,
                                .phy = ext_phy(a->secondary),
                                .peer = a->conn_peer,
                                .peer_air = a->conn_peer_air,
                                .own_air = { 0, { 0 } },
                                .aux = true };
    adv_own(c, a, &how.own_air);
    link_begin(c, a->conn_index, &how, rd_of(a->conn_lldata, sizeof a->conn_lldata),
               a->conn_request_end);
    adv_connected(c, a, a->conn_index);
}
