/* Scanning and initiating with extended PDUs: from ADV_EXT_IND to the auxiliary packet that it
 * names, along the chain, scan requests, connection requests. Vol 6, Part B, 4.4.3, 4.4.4
 *
 * Names of other files:
 *   c: the controller
 *   accept_has(): the accept list has this address
 *   accept_has_anonymous(): the accept list allows advertisers without an address
 *   ACTIVITY_NONE: no activity: the radio is off
 *   address_bits(): TxAdd and RxAdd of an advertising PDU
 *   ADV_AA: access address of advertising
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   aux_at: us: the next packet on a secondary channel; NEVER: none
 *   aux_channel: channel of the packet that AuxPtr names
 *   aux_offset: us from a packet to the auxiliary packet that it names, in steps of aux_unit
 *   aux_phy: PHY of the packet that AuxPtr names
 *   aux_unit: us: the auxiliary packet may begin so much later than aux_offset says
 *   between_periods: scanning is on, and pauses until period_at
 *   chain_head: the first packet of the chain
 *   conn_index: the connection that begins
 *   conn_own_air: our address in the connection request that is out
 *   conn_peer_air: address on the air of the peer of that connection request
 *   connect_ind_out: CONNECT_IND is on its way
 *   connect_req_out: AUX_CONNECT_REQ is on its way, or its response is awaited
 *   DBM_UNKNOWN: HCI's value for a power that is not known
 *   duration: us: of a scan; 0: without end
 *   evt_ext_report(): LE Extended Advertising Report
 *   evt_le(): an LE event for the host, unless it is masked
 *   ext_read(): decodes an extended advertising PDU
 *   FIRST_PRIMARY: 37: the first channel of primary advertising; the last is 39
 *   has_adv: fields of an extended PDU (struct ext) that are there: has_…
 *   has_aux: of an extended PDU: AuxPtr is there, which names the next packet
 *   has_target: of an extended PDU: TargetA is there; of the resolving list: target_rpa is
 *   in_chain: the last packet named another one
 *   in_scan_response: the chain is that of an AUX_SCAN_RSP
 *   KIND_AUX: kind of a packet, for captures: on a secondary channel
 *   link_free(): a free place for a connection, of those of the configuration, and its index
 *   link_with(): there is a connection with this peer
 *   listening_aux: the radio listens for an auxiliary packet, of which in_chain (AUX_CHAIN_IND)
 *       and in_scan_response (of AUX_SCAN_RSP) say what it continues (ext_scan.c)
 *   medium_busy(): the radio is receiving a packet: when it ends
 *   NEVER: a deadline that does not exist: later than any time
 *   own_type: HCI's type of the own address: 0 public, 1 random; 2, 3: private, if there is one
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   period: us: from the begin of a scan to the next
 *   period_at: us: when the next period of scanning begins
 *   primary_phy: PHY of the ADV_EXT_IND that named the chain
 *   privacy_is_own(): the address is ours
 *   privacy_own(): our address on the air: the device's, or a private one for this peer
 *   privacy_resolve(): the identity address of a private one, by the resolving list; false: the
 *       packet is to be ignored: network privacy mode does not accept that address
 *   radio_airtime(): us of a packet with so many octets of PDU, its header included
 *   radio_listen(): listens for packets that begin until a time; then the activity's
 *       on_rx_timeout is called
 *   radio_off(): stops the radio; nothing is received of a packet that is cut off
 *   radio_pdu(): switches the radio off, and returns where to write the next PDU; radio_send()
 *       sends that
 *   radio_send(): sends at a time; then the activity's on_tx_done is called
 *   report_type: Event_Type of the chain's reports
 *   scan_backoff_over(): a scan request may be sent now
 *   scan_enable(): begins or ends scanning; the caller sets the times
 *   scan_note_new_adi(): notes the set's DID; false: its data have been reported already
 *   scan_on_aux_connect_rsp(): AUX_CONNECT_RSP is there: the connection begins
 *   scan_req_answered(): counts an answer for the backoff
 *   scan_req_out: a scan request has been sent, to scan_req_to
 *   scan_req_to: address on the air to which that request was sent
 *   scan_send_aux_connect_req(): sends AUX_CONNECT_REQ to the sender of a packet that ended at
 *       `end`
 *   state: of the radio: RADIO_OFF; RADIO_WAIT: a packet is to be sent; RADIO_TX; RADIO_RX: it
 *       listens
 *   sync_consider(): begins a sync, if the host wants one with this advertiser
 *   turn_next(): when the first turn of another activity begins, by owner and index (which of
 *       its connections, streams, syncs or sets); ACTIVITY_NONE: the first turn of any
 *   until: us: when the host's Duration of scanning ends; NEVER: not at all */
#include "host.h"
#include "ext.h"

/* HEAR_US: a packet that begins at the last moment of a window is known after so long, by its
 * preamble and access address; the radio listens that much longer.  ANSWER_US: an answer begins
 * T_IFS after our packet, 2 us late at most (4.2.2). */
enum { HEAR_US = 40, ANSWER_US = T_IFS + 2 + HEAR_US };
/* Event_Type of a report: its low bits, of which the first two are AdvMode's; Data_Status above
 * them. Vol 4, Part E, 7.7.65.13 */
enum { TYPE_CONNECTABLE = 1, TYPE_SCANNABLE = 2, TYPE_DIRECTED = 4, TYPE_RESPONSE = 8 };
enum { STATUS_SHIFT = 5, STATUS_MORE = 1, STATUS_CUT = 2 };
enum { REPORT_MAX = 229 }; /* octets in one event: Vol 4, Part E, 7.7.65.13 */

/* A scan's duration has ended, or its next period begins. LE Scan Timeout. Vol 4, Part E, 7.8.65,
 * 7.7.65.17 */
void ext_scan_on_duration_timer(controller *c)
{
    uint8_t b[1];
    struct wr none = wr_of(b, 0);
    uint64_t period_at = c->scan->period_at;
    if (period_at <= c->air->now) {
        scan_enable(c, true);
        c->scan->until = c->air->now + c->scan->duration;
        c->scan->period_at = period_at + c->scan->period;
        return;
    }
    scan_enable(c, false); /* the pause lasts until this timer enables it again, or the host does */
    c->scan->until = NEVER;
    c->scan->on = c->scan->between_periods = period_at != NEVER; /* the host sees it as enabled */
    if (period_at == NEVER) {
        evt_le(c, LE_SCAN_TIMEOUT, &none);
    }
}

/* Notes when and where the packet that AuxPtr names is sent. */
static void ext_scan_plan_aux(controller *c, const struct ext *e, uint64_t start)
{
    c->scan->aux_at = start + e->aux_offset;
    c->scan->aux_channel = e->aux_channel;
    c->scan->aux_phy = e->aux_phy;
    c->scan->aux_unit = e->aux_unit;
}

/* The packet that an AuxPtr named is due: listens for it, unless the radio is busy; then the
 * chain is lost. */
void ext_scan_on_aux_timer(controller *c)
{
    c->scan->aux_at = NEVER;
    uint64_t end; /* not used */
    bool hears =  /* a packet is being received: the radio stays with it */
        c->radio.state == RADIO_RX && c->radio.owner == ACTIVITY_SCAN && medium_busy(c, &end);
    bool busy = c->radio.state != RADIO_OFF && c->radio.owner != ACTIVITY_SCAN;
    if (busy || hears || c->scan->connect_ind_out || c->scan->connect_req_out) {
        ext_scan_lost(c);
        return;
    }
    radio_off(c);
    c->scan->scan_req_out = false;
    c->scan->listening_aux = true;
    radio_listen(c, ACTIVITY_SCAN, c->scan->aux_channel, ADV_AA, c->scan->aux_phy,
                 c->air->now + c->scan->aux_unit + HEAR_US);
}

/* Reports a packet's data in as many events as needed; `more`: the chain continues. */
static void ext_scan_report(controller *c, const struct ext *e, struct rd data, bool more,
                            int8_t rssi)
{
    uint16_t type = c->scan->report_type;
    do {
        size_t n = rd_left(&data);
        if (REPORT_MAX < rd_left(&data)) {
            n = REPORT_MAX;
        }
        const uint8_t *p = rd_bytes(&data, n);
        bool goes_on = rd_left(&data) || more;
        evt_ext_report(c, (uint16_t)(type | (goes_on ? STATUS_MORE << STATUS_SHIFT : 0)), e, p, n,
                       rssi, c->scan->aux_phy);
    } while (rd_left(&data));
}

/* A chain ends before its last packet: the host gets a report of incomplete data. */
void ext_scan_lost(controller *c)
{
    c->scan->listening_aux = false;
    if (c->scan->in_chain) {
        c->scan->in_chain = false;
        evt_ext_report(c, (uint16_t)(c->scan->report_type | STATUS_CUT << STATUS_SHIFT),
                       &c->scan->chain_head, NULL, 0, DBM_UNKNOWN, c->scan->aux_phy);
    }
}

/* AUX_SCAN_REQ: ScanA 6, AdvA 6.  `e`: the PDU with AdvA as on the air; `who`: the identity behind
 * that address; `end` of the packet.  2.3.2.1 */
static void ext_scan_send_scan_req(controller *c, const struct ext *e, const struct address *who,
                                   uint64_t end)
{
    struct address own;
    uint8_t channel = c->radio.channel, phy = c->radio.phy;
    struct wr pdu = radio_pdu(c);
    privacy_own(c, c->scan->own_type, who, &own);
    wr_u8(&pdu, (uint8_t)(SCAN_REQ | address_bits(own.type, e->adv.type)));
    wr_u8(&pdu, 12);
    wr_bytes(&pdu, own.octet, 6);
    wr_bytes(&pdu, e->adv.octet, 6);
    c->scan->scan_req_out = true;
    c->scan->scan_req_to = e->adv;
    radio_send(c, ACTIVITY_SCAN, end + T_IFS, channel, ADV_AA, phy, &pdu);
    c->radio.packet.kind = KIND_AUX; /* for captures: a request on a secondary channel */
}

/* Directed to this device, or undirected; and of the accept list, if that is in use. */
static bool ext_scan_is_for_us(const controller *c, const struct ext *e)
{
    return (!e->has_target || privacy_is_own(c, c->scan->own_type, &e->target)) &&
           (!c->scan->use_accept_list ||
            (e->has_adv ? accept_has(c, &e->adv) : accept_has_anonymous(c)));
}

/* Whether there is time for AUX_CONNECT_REQ and AUX_CONNECT_RSP, and to hear a late one, before any
 * other activity has the radio (0: the index does not matter for ACTIVITY_NONE). */
static bool ext_scan_has_time(const controller *c, uint64_t end)
{
    enum { RSP_LEN = 16, REQ_LEN = 36 };
    uint8_t phy = c->radio.phy;
    return turn_next(c, ACTIVITY_NONE, 0) >
           end + radio_airtime(REQ_LEN, phy) + 2u * T_IFS + radio_airtime(RSP_LEN, phy) + ANSWER_US;
}

/* AUX_ADV_IND, AUX_SCAN_RSP or a packet of their chain.  AUX_ADV_IND is the `first`: neither in its
 * chain nor in its scan response; it decides for all that follow, and every report has its address
 * (chain_head).  An initiator that answers it with AUX_CONNECT_REQ reports nothing.  The
 * initiator's peer is the accept list or one address; a scanner takes all, or the accept list: both
 * have use_accept_list, as only one of them can be on with it.  `air`: AdvA before it was resolved.
 */
static void ext_scan_on_rx_aux(controller *c, const struct ext *e, const struct address *air,
                               int8_t rssi, uint64_t start, uint64_t end)
{
    bool first = !c->scan->in_chain && !c->scan->in_scan_response;
    uint8_t i;
    if (first) {
        c->scan->chain_head = *e;
        c->scan->report_type = (uint16_t)((e->mode & (TYPE_CONNECTABLE | TYPE_SCANNABLE)) |
                                          e->has_target * TYPE_DIRECTED);
        bool wanted =
            e->has_adv && (c->scan->use_accept_list ? accept_has(c, &e->adv)
                                                    : address_equal(&e->adv, &c->scan->peer));
        if (c->scan->connecting && (e->mode & TYPE_CONNECTABLE) && wanted &&
            ext_scan_is_for_us(c, e) && !link_with(c, &e->adv) && link_free(c, &i) &&
            ext_scan_has_time(c, end)) {
            c->scan->conn_index = i;
            scan_send_aux_connect_req(c, air, &e->adv, end);
            return;
        }
        if (!c->scan->on || !ext_scan_is_for_us(c, e) || !scan_note_new_adi(c, e)) {
            return;
        }
    }
    c->scan->in_chain = e->has_aux;
    ext_scan_report(c, &c->scan->chain_head, e->data, e->has_aux, rssi);
    if (e->has_aux) {
        ext_scan_plan_aux(c, e, start);
    } else if (first && c->scan->active && (e->mode & TYPE_SCANNABLE) && e->has_adv &&
               scan_backoff_over(c)) {
        struct ext asked = *e;
        asked.adv = *air;
        ext_scan_send_scan_req(c, &asked, &e->adv, end);
    } else {
        c->scan->in_scan_response = false;
    }
}

/* AUX_CONNECT_RSP: AdvA, TargetA. 2.3.3.2 */
static void ext_scan_on_rx_connect_rsp(controller *c, const struct ext *e)
{
    if (c->scan->connect_req_out && e->has_adv && address_equal(&e->adv, &c->scan->conn_peer_air) &&
        e->has_target && address_equal(&e->target, &c->scan->conn_own_air)) {
        scan_on_aux_connect_rsp(c);
    }
}

/* Whether a packet may be the one that an AuxPtr has named: its ADI is that of the packet with the
 * AuxPtr.  Another advertiser may send on that channel at that time.  2.3.4.4, 4.4.3.5 */
static bool ext_scan_is_awaited(const controller *c, const struct ext *e)
{
    const struct ext *head = &c->scan->chain_head;
    return !c->scan->listening_aux || !e->has_adi || !head->has_adi ||
           (e->did == head->did && e->sid == head->sid);
}

/* A packet of the radio's channel.  On a primary channel it is an ADV_EXT_IND, which only names an
 * auxiliary packet (no set here sends one that does not).  On a secondary channel the radio stays
 * on after a packet that is not the one awaited, until its time is over. */
void ext_scan_on_rx(controller *c, struct rd pdu, int8_t rssi, uint64_t start, uint64_t end)
{
    uint8_t type = pdu.p[0] & 15;
    bool primary = c->radio.channel >= FIRST_PRIMARY;
    struct ext e;
    if (!c->scan->extended || !ext_read(&pdu, &e)) {
        return;
    }
    if (primary) {
        if (e.has_aux && c->scan->aux_at == NEVER && !c->scan->listening_aux) {
            c->scan->in_chain = c->scan->in_scan_response = false;
            c->scan->primary_phy = c->radio.phy;
            c->scan->chain_head = e;
            ext_scan_plan_aux(c, &e, start);
        }
        return;
    }
    if (!ext_scan_is_awaited(c, &e)) {
        return;
    }
    c->scan->listening_aux = false;
    if (type == AUX_CONNECT_RSP) {
        ext_scan_on_rx_connect_rsp(c, &e);
        return;
    }
    if (c->scan->scan_req_out) {
        if (!e.has_adv || !address_equal(&e.adv, &c->scan->scan_req_to)) {
            return;
        }
        c->scan->scan_req_out = false;
        scan_req_answered(c);
        c->scan->in_scan_response = true;
        c->scan->report_type |= TYPE_RESPONSE;
    }
    struct address air = e.adv;
    radio_off(c);
    if (!e.has_adv || privacy_resolve(c, &air, &e.adv)) {
        sync_consider(c, &e, start);
        ext_scan_on_rx_aux(c, &e, &air, rssi, start, end);
    }
}
