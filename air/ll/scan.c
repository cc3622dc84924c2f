/* The scanning and the initiating state of a simulated controller with legacy PDUs, and the scan
 * windows. Packets on secondary channels are in ext_scan.c. Vol 6, Part B, 4.4.3, 4.4.4
 *
 * One struct ll_scan (ll.h) serves the scanner (`on`) and the initiator (`connecting`). They are
 * never both active: LE Create Connection is refused while scanning is on, and scanning while
 * initiating.
 *
 * Names of other files:
 *   c: the controller
 *   f: a packet on the air (world.h)
 *   accept_has(): the accept list has this address
 *   ACTIVITY_NONE: no activity: the radio is off
 *   address_bits(): TxAdd and RxAdd of an advertising PDU
 *   ADV_AA: access address of advertising
 *   ADV_EXT: type of extended advertising PDUs; the channel and their place in a chain say which
 *       they are
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_packet: a packet on the air: world.h
 *   air_random(): the next number of the world's random sequence
 *   air_random_below(): a random number, less than this one
 *   aux_at: us: the next packet on a secondary channel; NEVER: none
 *   backoff: of scan requests: scannable PDUs until the next one
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   between_periods: scanning is on, and pauses until period_at
 *   carry: the fraction of a us that remains of times by a drifting clock
 *   CH_SEL: bit of an advertising PDU's header: channel selection algorithm 2 can be used
 *   CHANNELS: 40: channels of the radio, 0 to 39
 *   conn_index: the connection that begins
 *   conn_min: the new connection's interval, in 1.25 ms
 *   conn_own_air: our address in the connection request that is out
 *   conn_peer: the peer of the connection request that is out
 *   conn_peer_air: address on the air of the peer of that connection request
 *   conn_request: what a request says besides its LLData
 *   connect_ind_out: CONNECT_IND is on its way
 *   connect_req_out: AUX_CONNECT_REQ is on its way, or its response is awaited
 *   controller_has(): the controller has this feature
 *   controller_sca(): class of the controller's sleep clock accuracy
 *   controller_us_to_air(): a time by the controller's drifting clock, in the air's us
 *   csa2: the connection uses channel selection algorithm 2, else 1
 *   duration_us: of a turn: us for which it needs the radio
 *   evt_ext_report(): LE Extended Advertising Report
 *   evt_report(): LE Advertising Report
 *   ext_scan_lost(): the auxiliary packet was not received: ends the report, truncated
 *   ext_scan_on_aux_timer(): an auxiliary packet is due: listens for it
 *   ext_scan_on_duration_timer(): a scan's duration has ended, or its next period begins
 *   ext_scan_on_rx(): an extended advertising PDU, on any channel
 *   FEATURE_CSA2: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   filter_duplicates: the host wants a single report of each advertiser
 *   FIRST_PRIMARY: 37: the first channel of primary advertising; the last is 39
 *   has_adv: fields of an extended PDU (struct ext) that are there: has_…
 *   has_kept: the scanner's settings are kept: scan_keep_settings()
 *   has_target: of an extended PDU: TargetA is there; of the resolving list: target_rpa is
 *   in_chain: the last packet named another one
 *   interval_us: of a turn: us from one to the next
 *   kept: what scan_keep_settings() has kept
 *   KIND_AUX: kind of a packet, for captures: on a secondary channel
 *   link_begin(): makes a connection from the data of a connection request; `end`: the time of its
 *       last bit
 *   link_free(): a free place for a connection, of those of the configuration, and its index
 *   link_with(): there is a connection with this peer
 *   listening_aux: the radio listens for an auxiliary packet, of which in_chain (AUX_CHAIN_IND) and
 *       in_scan_response (of AUX_SCAN_RSP) say what it continues (ext_scan.c)
 *   ll_scan: the scanner, which is the initiator, too: ll.h
 *   medium_busy(): the radio is receiving a packet: when it ends
 *   NEVER: a deadline that does not exist: later than any time
 *   own_type: HCI's type of the own address: 0 public, 1 random; 2, 3: private, if there is one
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   packet: of the radio: the packet that is being sent, or was sent last
 *   per_phy: parameters of scanning for 1M and for coded
 *   period_at: us: when the next period of scanning begins
 *   phase: of a turn: any of its times
 *   PHY_1M: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   privacy_is_own(): the address is ours
 *   privacy_own(): our address on the air: the device's, or a private one for this peer
 *   privacy_resolve(): the identity address of a private one, by the resolving list; false: the
 *       packet is to be ignored: network privacy mode does not accept that address
 *   radio_airtime(): us of a packet with so many octets of PDU, its header included
 *   radio_listen(): listens for packets that begin until a time; then the activity's on_rx_timeout
 *       is called
 *   radio_off(): stops the radio; nothing is received of a packet that is cut off
 *   radio_pdu(): switches the radio off, and returns where to write the next PDU; radio_send()
 *       sends that
 *   radio_send(): sends at a time; then the activity's on_tx_done is called
 *   scan_req_connectable: the scan request that is out answers connectable advertising
 *   scan_req_out: a scan request has been sent, to scan_req_to
 *   scan_running(): scanning and not between two periods, or initiating
 *   scan_settings: what the host has set for scanning: ll.h
 *   seen: hashes of advertisers that have been reported, n_seen of them
 *   state: of the radio: RADIO_OFF; RADIO_WAIT: a packet is to be sent; RADIO_TX; RADIO_RX: it
 *       listens
 *   successes: of scan requests: answered in a row
 *   supervision: 10 ms: the supervision timeout
 *   turn: a turn of an activity: when, how often, for how long
 *   turn_next(): when the first turn of another activity begins, by owner and index (which of its
 *       connections, streams, syncs or sets); ACTIVITY_NONE: the first turn of any
 *   turn_place(): where the arbiter finds room for a new turn: steps of 1.25 ms from its phase
 *   until: us: when the host's Duration of scanning ends; NEVER: not at all
 *   upper_limit: of scan requests: upperLimit of the backoff
 *   window: us: the packet may begin so much later than expected
 *   window_end: us: the end of this scan window */
#include "host.h"
#include "ext.h"

/* How long a response is awaited: T_IFS, the jitter of 2 us, and 40 us more, in which a receiver
 * finds preamble and access address on 1M. The air's receivers know a packet from its first bit:
 * this is enough on all PHYs. */
enum { ANSWER_US = T_IFS + 2 + 40 };
/* transmitWindowDelay of CONNECT_IND. The offset for AUX_CONNECT_REQ is chosen with it, too, though
 * the delay is longer there: that offset is only nearly the best. 4.5.3 */
enum { WINDOW_DELAY_US = 1250 };

enum { FIRST_PHY = false, OTHER_PHY = true }; /* scan_pick_phy() */
enum { SCAN_1M = 1 << 0, SCAN_CODED = 1 << 2, SCAN_BOTH = SCAN_1M | SCAN_CODED }; /* `phys` */
enum { PER_PHY_1M, PER_PHY_CODED };                                               /* `per_phy` */

/* Chooses the PHY of the next window: the first of those wanted, or the other one. With two PHYs
 * they alternate. */
static void scan_pick_phy(controller *c, bool other)
{
    bool both = (c->scan->phys & SCAN_BOTH) == SCAN_BOTH;
    bool coded = c->scan->phys & SCAN_CODED;
    if (both) {
        coded = other && c->scan->phy == PHY_1M;
    }
    if (coded) {
        c->scan->phy = PHY_CODED;
    } else {
        c->scan->phy = PHY_1M;
    }
    if (c->scan->extended) {
        uint8_t n = coded ? PER_PHY_CODED : PER_PHY_1M;
        c->scan->interval = c->scan->per_phy[n].interval;
        c->scan->window = c->scan->per_phy[n].window;
        c->scan->active = c->scan->per_phy[n].active;
    }
}

/* The initiator uses the same fields: what the host has set for scanning holds until it is set
 * again. Vol 4, Part E, 7.8.10, 7.8.64 */
void scan_keep_settings(struct ll_scan *s)
{
    struct scan_settings *k = &s->kept;
    if (s->has_kept) {
        return;
    }
    s->has_kept = true;
    k->active = s->active;
    k->use_accept_list = s->use_accept_list;
    k->extended = s->extended;
    k->own_type = s->own_type;
    k->phys = s->phys;
    k->interval = s->interval;
    k->window = s->window;
    for (size_t n = 0; n < 2; n++) {
        k->per_phy[n].interval = s->per_phy[n].interval;
        k->per_phy[n].window = s->per_phy[n].window;
        k->per_phy[n].active = s->per_phy[n].active;
    }
}

/* A scan is to begin; not while the controller initiates. */
void scan_restore_settings(struct ll_scan *s)
{
    const struct scan_settings *k = &s->kept;
    if (!s->has_kept || s->connecting) {
        return;
    }
    s->has_kept = false;
    s->active = k->active;
    s->use_accept_list = k->use_accept_list;
    s->extended = k->extended;
    s->own_type = k->own_type;
    s->phys = k->phys;
    s->interval = k->interval;
    s->window = k->window;
    for (size_t n = 0; n < 2; n++) {
        s->per_phy[n].interval = k->per_phy[n].interval;
        s->per_phy[n].window = k->per_phy[n].window;
        s->per_phy[n].active = k->per_phy[n].active;
    }
}

/* Begins or ends scanning, or, with `on` false, prepares initiating: forgets the window, all
 * requests and a chain. The next window begins at once; the duplicate filter is empty. The caller
 * has set phys and the parameters, and sets connecting, until and period_at. */
void scan_enable(controller *c, bool on)
{
    if (c->radio.owner == ACTIVITY_SCAN && !on) {
        radio_off(c);
    }
    c->scan->on = on;
    c->scan->between_periods = false;
    c->scan->scan_req_out = c->scan->connect_ind_out = c->scan->connect_req_out = false;
    c->scan->next = c->air->now;
    c->scan->window_end = c->air->now;
    c->scan->upper_limit = c->scan->backoff = 1;
    c->scan->successes = c->scan->failures = 0;
    c->scan->n_seen = 0;
    c->scan->aux_at = NEVER;
    c->scan->listening_aux = c->scan->in_chain = c->scan->in_scan_response = false;
    scan_pick_phy(c, FIRST_PHY);
}

/* Begins a scan window, on the next channel; interval and window are in 625 us. The interval is one
 * of the controller's drifting clock; a window is too short for the drift to count. This does not
 * listen: scan_resume() does, which is called after each timer if the radio is off. It switches the
 * radio off, which may listen on the old channel, unless a response is awaited or a packet is being
 * received. 4.4.3 */
static void scan_open_window(controller *c)
{
    if (!scan_running(c)) {
        return;
    }
    if (c->scan->channel >= FIRST_PRIMARY && c->scan->channel < CHANNELS - 1) {
        c->scan->channel = (uint8_t)(c->scan->channel + 1);
    } else {
        c->scan->channel = FIRST_PRIMARY;
    }
    if (c->scan->channel == FIRST_PRIMARY) {
        scan_pick_phy(c, OTHER_PHY);
    }
    c->scan->window_end = c->scan->next + c->scan->window * 625u;
    c->scan->next += controller_us_to_air(c, c->scan->interval * 625u, &c->scan->carry);
    bool awaits = c->scan->listening_aux || c->scan->connect_req_out || c->scan->scan_req_out;
    if (c->radio.state == RADIO_RX && c->radio.owner == ACTIVITY_SCAN && !awaits) {
        uint64_t end;
        if (!medium_busy(c, &end)) {
            radio_off(c); /* else a packet is received to its end, for scan_on_rx() */
        }
    }
}

/* When scan_on_timer() is due next; NEVER: not at all. */
uint64_t scan_next(const controller *c)
{
    const struct ll_scan *s = c->scan;
    uint64_t limit = earlier(s->until, s->period_at);
    uint64_t mine = earlier(s->next, s->aux_at);
    if (scan_running(c)) {
        return earlier(mine, limit);
    }
    return limit;
}

/* Runs the timer that has expired: the scan's duration or period, an auxiliary packet, a window. */
void scan_on_timer(controller *c)
{
    if (c->scan->until <= c->air->now || c->scan->period_at <= c->air->now) {
        ext_scan_on_duration_timer(c);
    } else if (c->scan->aux_at <= c->air->now) {
        ext_scan_on_aux_timer(c);
    } else {
        scan_open_window(c);
    }
}

/* The controller was stopped for a time (woad_air_hang()), which is over: the next window begins
 * now, and an auxiliary packet that was expected is forgotten. */
void scan_catch_up(controller *c)
{
    c->scan->next = c->scan->window_end = c->air->now;
    c->scan->aux_at = NEVER;
}

/* Called whenever the radio has become free: listens again if the window is open. The response to a
 * scan request, if one was awaited, is lost. */
void scan_resume(controller *c)
{
    if (scan_running(c) && c->air->now < c->scan->window_end) {
        c->scan->scan_req_out = false;
        radio_listen(c, ACTIVITY_SCAN, c->scan->channel, ADV_AA, c->scan->phy, c->scan->window_end);
    }
}

/* Stops the radio and forgets requests and chains that are under way. */
void scan_abort(controller *c)
{
    radio_off(c);
    c->scan->scan_req_out = c->scan->connect_ind_out = c->scan->connect_req_out = false;
    if (c->scan->listening_aux) {
        ext_scan_lost(c);
    }
}

/* A request has left: listens for its response; after CONNECT_IND the connection begins. */
void scan_on_tx_done(controller *c)
{
    uint8_t channel = c->radio.channel, phy = c->radio.phy;
    if (c->scan->connect_req_out) { /* AUX_CONNECT_REQ has been sent */
        c->scan->conn_request_end = c->air->now;
        radio_listen(c, ACTIVITY_SCAN, channel, ADV_AA, phy, c->air->now + ANSWER_US);
    } else if (c->scan->connect_ind_out) {
        c->scan->connect_ind_out = false; /* CONNECT_IND has been sent: the connection is created */
        c->scan->connecting = false;
        struct rd ll = rd_of(c->radio.packet.pdu + 14, 22);
        struct conn_request how = { .central = true,
                                    .csa2 = c->radio.packet.pdu[0] & CH_SEL,
                                    .phy = PHY_1M,
                                    .peer = c->scan->conn_peer,
                                    .peer_air = c->scan->conn_peer_air,
                                    .own_air = c->scan->conn_own_air,
                                    .aux = false };
        link_begin(c, c->scan->conn_index, &how, ll, c->air->now);
    } else if (c->scan->scan_req_out) {
        radio_listen(c, ACTIVITY_SCAN, channel, ADV_AA, phy, c->air->now + ANSWER_US);
    }
}

/* AUX_CONNECT_RSP has been received: the connection begins, with the data of AUX_CONNECT_REQ, which
 * radio.packet still has. Both sides count from the end of that request. */
void scan_on_aux_connect_rsp(controller *c)
{
    struct rd ll = rd_of(c->radio.packet.pdu + 14, 22);
    struct conn_request how = { .central = true,
                                .csa2 = true,
                                .phy = c->radio.phy,
                                .peer = c->scan->conn_peer,
                                .peer_air = c->scan->conn_peer_air,
                                .own_air = c->scan->conn_own_air,
                                .aux = true };
    c->scan->connect_req_out = c->scan->connecting = false;
    radio_off(c);
    link_begin(c, c->scan->conn_index, &how, ll, c->scan->conn_request_end);
}

/* Counts a scannable PDU. True: a scan request is sent now. 4.4.3.2 */
bool scan_backoff_over(controller *c)
{
    if (--c->scan->backoff) {
        return false;
    }
    c->scan->backoff = 1; /* for the next PDU, should another activity cut off this request */
    return true;
}

/* No response to SCAN_REQ: each second failure in a row doubles the limit of the back-off, up to
 * 255: 256, the specification's limit, does not fit a uint8_t. `backoff` counts the scannable PDUs
 * until the next request. 4.4.3.2 */
static void scan_req_unanswered(controller *c)
{
    c->scan->successes = 0;
    if (++c->scan->failures == 2) {
        c->scan->failures = 0;
        c->scan->upper_limit = (uint8_t)min_uint(c->scan->upper_limit * 2u, 255);
    }
    c->scan->backoff = (uint8_t)(1 + air_random_below(c->air, c->scan->upper_limit));
}

/* A response: each second one in a row halves the limit. */
void scan_req_answered(controller *c)
{
    c->scan->failures = 0;
    if (++c->scan->successes == 2) {
        c->scan->successes = 0;
        c->scan->upper_limit = (uint8_t)max_uint(c->scan->upper_limit / 2, 1);
    }
    c->scan->backoff = (uint8_t)(1 + air_random_below(c->air, c->scan->upper_limit));
}

/* The window or the time for a response is over. */
void scan_on_rx_timeout(controller *c)
{
    c->scan->connect_req_out = false; /* not received: the initiator goes on listening */
    if (c->scan->listening_aux) {
        ext_scan_lost(c);
    }
    if (c->scan->scan_req_out) {
        scan_req_unanswered(c);
        c->scan->scan_req_out = false;
    }
}

/* SCAN_REQ: ScanA 6, AdvA 6. The advertiser's address on the air, and its identity; `end` of its
 * packet, which was `connectable` or not. 2.3.2.1 */
static void scan_send_scan_req(controller *c, const struct address *on_air,
                               const struct address *identity, bool connectable, uint64_t end)
{
    struct address own;
    uint8_t channel = c->radio.channel;
    struct wr pdu = radio_pdu(c);
    privacy_own(c, c->scan->own_type, identity, &own);
    wr_u8(&pdu, (uint8_t)(SCAN_REQ | address_bits(own.type, on_air->type)));
    wr_u8(&pdu, 12);
    wr_bytes(&pdu, own.octet, 6);
    wr_bytes(&pdu, on_air->octet, 6);
    c->scan->scan_req_out = true;
    c->scan->scan_req_connectable = connectable;
    c->scan->scan_req_to = *on_air;
    radio_send(c, ACTIVITY_SCAN, end + T_IFS, channel, ADV_AA, PHY_1M, &pdu);
}

/* WinOffset, below the connection interval: where the connection's events collide least with the
 * turns of other activities. `end`: of the connection request. An event counts as two empty packets
 * on 1M. */
static uint16_t scan_conn_offset(const controller *c, uint64_t end)
{
    struct turn mine = { .owner = ACTIVITY_NONE,
                         .phase = end + WINDOW_DELAY_US,
                         .interval_us = c->scan->conn_min * 1250u };
    mine.duration_us = 2 * radio_airtime(2, PHY_1M) + T_IFS;
    return turn_place(c, &mine, c->scan->conn_min);
}

/* CONNECT_IND, AUX_CONNECT_REQ: InitA 6, AdvA 6, then LLData: AA u32, CRCInit u24, WinSize u8,
 * WinOffset u16, interval u16, latency u16, timeout u16, channel map 5, hop u5 and clock
 * accuracy u3. The advertiser's address on the air, and its identity; `end` of its packet. 2.3.3.1
 */
static void scan_send_conn_request(controller *c, const struct address *on_air,
                                   const struct address *identity, unsigned ch_sel, uint64_t end)
{
    struct address own;
    uint8_t channel = c->radio.channel, phy = c->radio.phy;
    uint16_t offset = scan_conn_offset(c, end + radio_airtime(36, phy) + T_IFS);
    struct wr pdu = radio_pdu(c);
    privacy_own(c, c->scan->own_type, identity, &own);
    wr_u8(&pdu, (uint8_t)(CONNECT_IND | address_bits(own.type, on_air->type) | ch_sel));
    wr_u8(&pdu, 34);
    wr_bytes(&pdu, own.octet, 6);
    wr_bytes(&pdu, on_air->octet, 6);
    wr_le32(&pdu, ll_access_address(c));
    wr_le24(&pdu, air_random(c->air) & 0xffffff);
    wr_u8(&pdu, 1);
    wr_le16(&pdu, offset);
    wr_le16(&pdu, c->scan->conn_min);
    wr_le16(&pdu, c->scan->latency);
    wr_le16(&pdu, c->scan->supervision);
    wr_bytes(&pdu, c->ll->channel_map, sizeof c->ll->channel_map);
    wr_u8(&pdu, (uint8_t)((5 + air_random_below(c->air, 12)) | (unsigned)controller_sca(c) << 5));
    c->scan->conn_peer_air = *on_air;
    c->scan->conn_peer = *identity;
    c->scan->conn_own_air = own;
    radio_send(c, ACTIVITY_SCAN, end + T_IFS, channel, ADV_AA, phy, &pdu);
}

/* On a primary channel; `csa2`: both sides have channel selection algorithm 2. */
static void scan_send_connect_ind(controller *c, const struct address *on_air,
                                  const struct address *identity, bool csa2, uint64_t end)
{
    c->scan->connect_ind_out = true;
    scan_send_conn_request(c, on_air, identity, csa2 ? CH_SEL : 0, end);
}

/* On a secondary channel, where algorithm 2 is always used.  2.3.3.1 */
void scan_send_aux_connect_req(controller *c, const struct address *on_air,
                               const struct address *identity, uint64_t end)
{
    c->scan->connect_req_out = true;
    scan_send_conn_request(c, on_air, identity, 0, end);
    c->radio.packet.kind =
        KIND_AUX; /* what captures and air_rules see; radio_send() has set KIND_ADV */
}

/* Whether a PDU is to be reported: the duplicate filter is off, or does not have this advertiser
 * with this PDU type (or ADI); then it is noted. The filter has the hashes (FNV-1a) of the first
 * SEEN: a collision, one in 2^32 a pair, hides an advertiser. 4.4.3.5 */
static bool scan_note_new(controller *c, uint32_t type_or_adi, const struct address *a)
{
    uint32_t hash = (2166136261u ^ type_or_adi) * 16777619u;
    hash = (hash ^ a->type) * 16777619u;
    for (unsigned n = 0; n < 6; n++) {
        hash = (hash ^ a->octet[n]) * 16777619u;
    }
    if (!c->scan->filter_duplicates) {
        return true;
    }
    enum { SEEN = sizeof c->scan->seen / sizeof *c->scan->seen };
    for (unsigned n = 0; n < c->scan->n_seen; n++) {
        if (c->scan->seen[n] == hash) {
            return false;
        }
    }
    if (c->scan->n_seen < SEEN) {
        c->scan->seen[c->scan->n_seen++] = hash;
    }
    return true;
}

/* The same for extended advertising, which changes its ADI with its data. 4.4.3.5 */
bool scan_note_new_adi(controller *c, const struct ext *e)
{
    return scan_note_new(c, 0x10000u | e->did | (uint32_t)e->sid << 12, &e->adv);
}

/* Whether the initiator is to connect to this advertiser. */
static bool scan_is_wanted_peer(const controller *c, const struct address *a)
{
    bool result;
    if (c->scan->use_accept_list) {
        result = accept_has(c, a);
    } else {
        result = address_equal(a, &c->scan->peer);
    }
    return result;
}

/* Reads the TargetA of ADV_DIRECT_IND (AdvA 6, TargetA 6) into scan->target. Returns whether it is
 * an address of this device. 2.3.1.2 */
static bool scan_read_target(controller *c, uint8_t head, struct rd *in)
{
    c->scan->target.type = head >> 7 & 1;
    rd_copy(in, c->scan->target.octet, 6);
    return rd_done(in) && privacy_is_own(c, c->scan->own_type, &c->scan->target);
}

/* Reports a legacy PDU to a host of extended commands: type bits. Vol 4, Part E, 7.7.65.13 */
static void scan_report_legacy(controller *c, uint8_t type, const struct address *a,
                               const uint8_t *data, size_t len, int8_t rssi)
{
    static const uint8_t bits[] = { [ADV_IND] = 0x13,
                                    [ADV_DIRECT_IND] = 0x15,
                                    [ADV_NONCONN_IND] = 0x10,
                                    [SCAN_RSP] = 0x1a,
                                    [ADV_SCAN_IND] = 0x12 };
    struct ext e = { .has_adv = true, .adv = *a, .has_target = type == ADV_DIRECT_IND };
    if (e.has_target) {
        e.target = c->scan->target;
    }
    bool of_ind = type == SCAN_RSP && c->scan->scan_req_connectable;
    /* 0: no secondary PHY */
    evt_ext_report(c, (uint16_t)(bits[type] | (of_ind ? 1 : 0)), &e, data, len, rssi, 0);
}

/* ADV_IND, ADV_NONCONN_IND, ADV_SCAN_IND, SCAN_RSP: AdvA 6 (`on_air`), then `in`: data.
 * ADV_DIRECT_IND: `in` is empty. Connects if the initiator wants this peer; else reports the PDU,
 * and perhaps sends SCAN_REQ. */
static void scan_on_rx_adv(controller *c, uint8_t type, bool ch_sel, const struct address *on_air,
                           struct rd *in, int8_t rssi, uint64_t end)
{
    struct address identity;
    if (!privacy_resolve(c, on_air, &identity)) {
        return;
    }
    static const uint8_t kind[] = { [ADV_IND] = 0,
                                    [ADV_DIRECT_IND] = 1,
                                    [ADV_NONCONN_IND] = 3,
                                    [SCAN_RSP] = 4,
                                    [ADV_SCAN_IND] = 2 };
    uint8_t i;
    /* time for CONNECT_IND (352 us), or SCAN_REQ, T_IFS and a SCAN_RSP of most lengths (176 + 150 +
     * up to 376 us): the longest ones may be cut off */
    bool room = turn_next(c, ACTIVITY_NONE, 0) > end + T_IFS + 600;
    bool connectable = type == ADV_IND || type == ADV_DIRECT_IND;
    if (c->scan->connecting && connectable && scan_is_wanted_peer(c, &identity) && room &&
        !link_with(c, &identity) && link_free(c, &i)) {
        c->scan->conn_index = i;
        scan_send_connect_ind(c, on_air, &identity, ch_sel && controller_has(c, FEATURE_CSA2), end);
        return;
    }
    if (!c->scan->on || (c->scan->use_accept_list && !accept_has(c, &identity))) {
        return;
    }
    size_t len = rd_left(in);
    bool is_new = scan_note_new(c, type, &identity);
    if (is_new && c->scan->extended) {
        scan_report_legacy(c, type, &identity, rd_bytes(in, len), len, rssi);
    } else if (is_new) {
        evt_report(c, kind[type], &identity, rd_bytes(in, len), len, rssi);
    }
    bool scannable = type == ADV_IND || type == ADV_SCAN_IND;
    if (c->scan->active && scannable && !c->scan->scan_req_out && room && scan_backoff_over(c)) {
        scan_send_scan_req(c, on_air, &identity, connectable, end);
    }
}

/* A packet in a scan window, or the response to a scan request. SCAN_RSP ends listening, for which
 * the radio listened for ANSWER_US only: scan_resume() goes on with the window. Sending a request
 * ends it, too. Any other packet leaves the radio listening. */
void scan_on_rx(controller *c, const struct air_packet *f, int8_t rssi)
{
    struct rd pdu = rd_of(f->pdu, f->len);
    uint64_t start = f->start, end = f->end;
    if (pdu.p < pdu.end && ((pdu.p[0] & 15) == ADV_EXT || (pdu.p[0] & 15) == AUX_CONNECT_RSP)) {
        ext_scan_on_rx(c, pdu, rssi, start, end);
        return;
    }
    if (c->radio.channel < FIRST_PRIMARY) {
        return;
    }
    uint8_t head = rd_u8(&pdu), len = rd_u8(&pdu), type = head & 15;
    struct address a = { head >> 6 & 1, { 0 } };
    rd_copy(&pdu, a.octet, 6);
    if (pdu.bad || rd_left(&pdu) != len - 6u || len > 37) {
        return;
    }
    if (type == SCAN_RSP) {
        if (!c->scan->scan_req_out || !address_equal(&a, &c->scan->scan_req_to)) {
            return;
        }
        scan_req_answered(c);
        c->scan->scan_req_out = false;
        radio_off(c);
    } else if (type == ADV_DIRECT_IND) {
        if (!scan_read_target(c, head, &pdu)) {
            return;
        }
    } else if (type != ADV_IND && type != ADV_NONCONN_IND && type != ADV_SCAN_IND) {
        return;
    }
    scan_on_rx_adv(c, type, head & CH_SEL, &a, &pdu, rssi, end);
}
