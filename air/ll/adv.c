/* The advertising state: events on channels 37, 38, 39 with legacy PDUs, and the timers of all
 * sets. A set with extended PDUs continues in ext_adv.c, periodic advertising in periodic.c. Vol
 * 6, Part B, 2.3, 4.4.2
 *
 * Names of other files:
 *   c: the controller
 *   a: an advertising set (ll.h)
 *   f: a packet on the air (world.h)
 *   accept_has(): the accept list has this address
 *   address_bits(): TxAdd and RxAdd of an advertising PDU
 *   ADV_AA: access address of advertising
 *   adv_now: the advertising set that has the radio, or had it last
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_packet: a packet on the air: world.h
 *   air_random_below(): a random number, less than this one
 *   aux_at: us: the next packet on a secondary channel; NEVER: none
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   carry: the fraction of a us that remains of times by a drifting clock
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   CH_SEL: bit of an advertising PDU's header: channel selection algorithm 2 can be used
 *   channel_bits: channels that the set uses, a bit each: 37, 38, 39
 *   CHANNELS: 40: channels of the radio, 0 to 39
 *   conn_peer: the peer of the connection request that is out
 *   conn_request: what a request says besides its LLData
 *   controller_has(): the controller has this feature
 *   controller_us_to_air(): a time by the controller's drifting clock, in the air's us
 *   csa2: the connection uses channel selection algorithm 2, else 1
 *   data_len: octets of `data`, the advertising data
 *   events: advertising events since the set was enabled
 *   evt_connected(): LE Connection Complete; with a status that is not 0: none was made
 *   evt_scan_request(): LE Scan Request Received
 *   evt_set_terminated(): LE Advertising Set Terminated
 *   ext_adv_begin(): plans the auxiliary packet of this advertising event
 *   ext_adv_on_timer(): the set's next auxiliary packet is due
 *   ext_adv_on_tx_done(): a packet of the set's on a secondary channel has been sent
 *   ext_adv_send_connect_rsp(): sends AUX_CONNECT_RSP; the connection begins when it has been sent
 *   ext_adv_send_primary(): sends ADV_EXT_IND
 *   ext_adv_send_scan_rsp(): sends AUX_SCAN_RSP
 *   extended_commands: the host uses the extended commands; valid when one of both families has
 *       been used
 *   FEATURE_CSA2: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   filter: filter policy of the set: ADV_FILTER_…, bits
 *   FIRST_PRIMARY: 37: the first channel of primary advertising; the last is 39
 *   kind: of legacy PDUs: ADV_KIND_…, the event type of HCI
 *   link_begin(): makes a connection from the data of a connection request; `end`: the time of its
 *       last bit
 *   link_free(): a free place for a connection, of those of the configuration, and its index
 *   link_with(): there is a connection with this peer
 *   ll_adv: an advertising set: ll.h
 *   max_events: events after which the set ends; 0: no limit
 *   missed: advertising events in a row that gave way: the more, the less the radio's other turns
 *       count
 *   NEVER: a deadline that does not exist: later than any time
 *   next: us: the set's next advertising event
 *   own_type: HCI's type of the own address: 0 public, 1 random; 2, 3: private, if there is one
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   packet: of the radio: the packet that is being sent, or was sent last
 *   periodic: periodic advertising of a set
 *   periodic_adv: periodic advertising of a set: ll.h
 *   periodic_adv_enable(): the set, or its periodic advertising, was enabled or disabled
 *   periodic_adv_next(): when the set's periodic advertising has a packet to send; NEVER: none
 *   periodic_adv_on_timer(): the set's next packet of periodic advertising is due
 *   PHY_1M: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   power: dBm
 *   power_limited: the host has limited the set's power
 *   POWER_MIN: dBm: the least power of a transmitter
 *   privacy_own(): our address on the air: the device's, or a private one for this peer
 *   privacy_resolve(): the identity address of a private one, by the resolving list; false: the
 *       packet is to be ignored: network privacy mode does not accept that address
 *   privacy_target(): the address on the air of the peer that directed advertising is for
 *   PROP_CONNECTABLE: properties of an extended advertising set, bits as HCI has them
 *   props: PROP_…: properties of a set with extended PDUs
 *   radio_airtime(): us of a packet with so many octets of PDU, its header included
 *   radio_claim_adv(): takes the radio for advertising; false: an activity has it
 *   radio_clear(): no other activity has a turn until then; after many misses, only urgent ones
 *       count
 *   radio_listen(): listens for packets that begin until a time; then the activity's on_rx_timeout
 *       is called
 *   radio_off(): stops the radio; nothing is received of a packet that is cut off
 *   radio_pdu(): switches the radio off, and returns where to write the next PDU; radio_send()
 *       sends that
 *   radio_send(): sends at a time; then the activity's on_tx_done is called
 *   random_set: the set has a random address of its own
 *   report_scan_requests: the host wants LE Scan Request Received
 *   rsp: the scan response data
 *   rsp_len: octets of `rsp`, the scan response data
 *   RX_ADD: bit of an advertising PDU's header: the second address is random
 *   sending: of periodic advertising: the host wants it, and its set has been enabled once; of a
 *       stream: an SDU is sent in this event
 *   sets: the advertising sets, n_sets of them; legacy advertising is the first
 *   TX_ADD: bit of an advertising PDU's header: the first address is random
 *   until: us: when the host's Duration of scanning ends; NEVER: not at all */
#include "host.h"
#include "ext.h"

/* ANSWER_US: how long to listen for the begin of a response: T_IFS, 2 us for the clocks, and 40 us,
 * in which preamble and address of a packet on 1M are received: then the radio knows that one has
 * begun. CHANNEL_GAP_US: from there to the packet on the next channel.  ADV_DELAY_US: advDelay, at
 * most. */
enum { ANSWER_US = T_IFS + 2 + 40, CHANNEL_GAP_US = 60, ADV_DELAY_US = 10000 };
enum { DIRECT_EVERY_US = 3750, DIRECT_LASTS_US = 1280000 }; /* 4.4.2.4.3 */

/* Whether a set is enabled. */
bool adv_any_on(const controller *c)
{
    for (uint8_t n = 0; n < c->n_sets; n++) {
        if (c->sets[n].on) {
            return true;
        }
    }
    return false;
}

/* When the first of the sets has something to do, periodic advertising included; NEVER: none
 * has. */
uint64_t adv_next(const controller *c)
{
    uint64_t next = NEVER;
    for (uint8_t n = 0; n < c->n_sets; n++) {
        const struct ll_adv *a = &c->sets[n];
        if (a->on) {
            next = earlier(a->next, next);
            next = earlier(a->aux_at, next);
            next = earlier(a->until, next);
        }
        if (a->periodic.sending) {
            uint64_t periodic_at = periodic_adv_next(a);
            next = earlier(periodic_at, next);
        }
    }
    return next;
}

/* Of a set with legacy PDUs: ADV_DIRECT_IND. */
static bool adv_directed(const struct ll_adv *a)
{
    return a->kind == ADV_KIND_DIRECT_HIGH || a->kind == ADV_KIND_DIRECT_LOW;
}

/* Whether connections can be made through the set. */
bool adv_connectable(const struct ll_adv *a)
{
    bool result;
    if (a->extended) {
        result = a->props & PROP_CONNECTABLE;
    } else {
        result = a->kind == ADV_KIND_IND || adv_directed(a);
    }
    return result;
}

/* Enables or disables a set, at the host's command or because it has ended. */
void adv_enable(controller *c, struct ll_adv *a, bool on)
{
    if (c->radio.owner == ACTIVITY_ADV && c->adv_now == a) {
        radio_off(c);
    }
    a->on = on;
    a->aux_at = NEVER;
    if (on) { /* a set that ends reports its number of events */
        a->events = 0;
    }
    a->next = c->air->now + 625; /* us from the command to the first event */
    if (!a->extended && a->kind == ADV_KIND_DIRECT_HIGH) {
        a->until = a->next + DIRECT_LASTS_US;
    } else {
        a->until = NEVER; /* an extended set with a duration: the caller sets it */
    }
    periodic_adv_enable(c, a); /* it begins when its set is enabled for the first time */
}

/* The AdvA of a set: the resolving list's RPA, the set's own random address, or the device's. */
void adv_own(const controller *c, const struct ll_adv *a, struct address *own)
{
    privacy_own(c, a->own_type, &a->peer, own);
    bool is_rpa = a->own_type > 1 && (own->octet[5] & 0xc0) == 0x40;
    if (own->type && a->random_set && !is_rpa) {
        memcpy(own->octet, a->random, 6);
    }
}

/* Writes the header of an advertising PDU: type u4, ChSel, TxAdd, RxAdd; length u8. 2.3 */
void adv_header(const controller *c, struct wr *pdu, uint8_t type, bool tx_random, bool rx_random,
                size_t len)
{
    bool chooses = type == ADV_IND || type == ADV_DIRECT_IND;
    unsigned ch_sel = chooses && controller_has(c, FEATURE_CSA2) ? CH_SEL : 0;
    wr_u8(pdu, (uint8_t)(type | address_bits(tx_random, rx_random) | ch_sel));
    wr_u8(pdu, (uint8_t)len);
}

/* The transmit power of a set, dBm: the host's limit, or the controller's power. */
int8_t adv_power(const controller *c, const struct ll_adv *a)
{
    int8_t power;
    if (a->power_limited) {
        power = a->power;
    } else {
        power = c->cfg.tx_power_dbm;
    }
    if (power >= POWER_MIN) {
        return power;
    }
    return POWER_MIN;
}

enum { NO_TARGET = false }; /* rx_random of a PDU without a second address */

/* ADV_IND, ADV_SCAN_IND, ADV_NONCONN_IND, SCAN_RSP: AdvA 6, data.  2.3.1 */
static void adv_send(controller *c, uint8_t type, const uint8_t *data, uint16_t len, uint64_t at)
{
    struct ll_adv *a = c->adv_now;
    struct address own;
    struct wr pdu = radio_pdu(c);
    adv_own(c, a, &own);
    adv_header(c, &pdu, type, own.type != 0, NO_TARGET, 6u + len);
    wr_bytes(&pdu, own.octet, 6);
    wr_bytes(&pdu, data, len);
    radio_send(c, ACTIVITY_ADV, at, a->channel, ADV_AA, PHY_1M, &pdu);
    c->radio.packet.power = adv_power(c, a);
}

/* ADV_DIRECT_IND: AdvA 6, TargetA 6.  2.3.1.2 */
static void adv_send_directed(controller *c, uint64_t at)
{
    struct ll_adv *a = c->adv_now;
    struct address own, target;
    struct wr pdu = radio_pdu(c);
    adv_own(c, a, &own);
    privacy_target(c, a->own_type, &a->peer, &target);
    adv_header(c, &pdu, ADV_DIRECT_IND, own.type != 0, target.type != 0, 12);
    wr_bytes(&pdu, own.octet, 6);
    wr_bytes(&pdu, target.octet, 6);
    radio_send(c, ACTIVITY_ADV, at, a->channel, ADV_AA, PHY_1M, &pdu);
    c->radio.packet.power = adv_power(c, a);
}

/* Whether a connectable packet may be sent if its CONNECT_IND would end by `end`. There must be
 * room for a connection, and no other activity's turn until then: the initiator regards the
 * connection as created when it has sent CONNECT_IND. `missed` counts packets that gave way, up to
 * 255: radio_clear() lets a set that has missed many go before turns that are not urgent. 4.4.2.3
 */
bool adv_may_be_connected(controller *c, struct ll_adv *a, uint64_t end)
{
    uint8_t i;
    if (link_free(c, &i) && radio_clear(c, end, a->missed)) {
        return true;
    }
    a->missed = (uint8_t)(a->missed + (a->missed < UINT8_MAX));
    return false;
}

/* Whether there is time at `at` for the longest packet, CONNECT_IND after T_IFS, and a margin of as
 * much as a response would be listened for. */
static bool adv_has_time(controller *c, struct ll_adv *a, uint64_t at)
{
    enum { CONNECT_IND_LEN = 2 + 34, LONGEST = 2 + 37 }; /* with the header */
    uint64_t answer = T_IFS + radio_airtime(CONNECT_IND_LEN, PHY_1M) + ANSWER_US;
    return a->extended || !adv_connectable(a) ||
           adv_may_be_connected(c, a, at + radio_airtime(LONGEST, PHY_1M) + answer);
}

/* Sends on the next channel of this event, in order 37, 38, 39; after the last one the event
 * ends. */
static void adv_next_channel(controller *c, uint64_t at)
{
    static const uint8_t type[] = { [ADV_KIND_IND] = ADV_IND,
                                    [ADV_KIND_SCAN] = ADV_SCAN_IND,
                                    [ADV_KIND_NONCONN] = ADV_NONCONN_IND };
    struct ll_adv *a = c->adv_now;
    do {
        a->channel++;
    } while (a->channel < CHANNELS && !(a->channel_bits >> (a->channel - FIRST_PRIMARY) & 1));
    if (a->channel >= CHANNELS) {
        a->missed = 0;
        return;
    }
    if (!adv_has_time(c, a, at)) {
        a->channel = CHANNELS;
        return;
    }
    if (a->extended) {
        ext_adv_send_primary(c, a, at);
    } else if (adv_directed(a)) {
        adv_send_directed(c, at);
    } else {
        adv_send(c, type[a->kind], a->data, a->data_len, at);
    }
}

/* Ends a set after its duration or its last event. Returns whether it has ended. */
static bool adv_is_over(controller *c, struct ll_adv *a)
{
    bool often = a->max_events && a->events >= a->max_events;
    if (c->air->now < a->until && !often) {
        return false;
    }
    adv_enable(c, a, false);
    if (!a->extended && !c->ll->extended_commands) {
        evt_connected(c, WOAD_HCI_ADVERTISING_TIMEOUT, 0);
    } else {
        evt_set_terminated(c, a, often ? WOAD_HCI_LIMIT_REACHED : WOAD_HCI_ADVERTISING_TIMEOUT, 0);
    }
    return true;
}

/* Begins an advertising event, and plans the next one an interval and a random delay of at most 10
 * ms later. 4.4.2.2.1 */
static void adv_event(controller *c, struct ll_adv *a)
{
    if (adv_is_over(c, a)) {
        return;
    }
    bool fast = !a->extended && a->kind == ADV_KIND_DIRECT_HIGH;
    a->next += fast ? DIRECT_EVERY_US
                    : controller_us_to_air(c, a->interval * 625ull, &a->carry) +
                          air_random_below(c->air, ADV_DELAY_US + 1);
    if (radio_claim_adv(c)) {
        c->adv_now = a;
        a->events++;
        a->channel = FIRST_PRIMARY - 1; /* adv_next_channel() adds 1 */
        if (a->extended) {
            ext_adv_begin(c, a);
        }
        adv_next_channel(c, c->air->now);
    }
}

/* After a hang of this controller (woad_air_hang()): sets advertise at once; periodic advertising
 * skips the events that are over. */
void adv_catch_up(controller *c)
{
    for (uint8_t n = 0; n < c->n_sets; n++) {
        struct periodic_adv *t = &c->sets[n].periodic;
        c->sets[n].aux_at = NEVER;
        c->sets[n].next = c->air->now;
        while (t->sending && t->next_at < c->air->now) {
            t->next_at += t->interval * 1250u;
            t->counter++;
        }
    }
}

/* Does the first thing that is due, of the first set that has any: the clock calls again for the
 * next, at the same time. */
void adv_on_timer(controller *c)
{
    for (uint8_t n = 0; n < c->n_sets; n++) {
        struct ll_adv *a = &c->sets[n];
        if (periodic_adv_next(a) <= c->air->now) {
            periodic_adv_on_timer(c, a);
            return;
        }
        if (a->on && a->until <= c->air->now) {
            adv_is_over(c, a);
            return;
        }
        if (a->on && a->aux_at <= c->air->now) {
            ext_adv_on_timer(c, a);
            return;
        }
        if (a->on && a->next <= c->air->now) {
            adv_event(c, a);
            return;
        }
    }
}

/* A packet has left: listens for its response, or goes on with the next channel. After SCAN_RSP it
 * listens in vain, and adv_on_rx_timeout() goes on. `channel` is CHANNELS when the three primary
 * packets have left: then this was an auxiliary packet. */
void adv_on_tx_done(controller *c)
{
    struct ll_adv *a = c->adv_now;
    if (!a->on) {
        return;
    }
    if (a->extended && a->channel >= CHANNELS) {
        ext_adv_on_tx_done(c, a);
    } else if (a->extended) {
        adv_next_channel(c, c->air->now + T_IFS);
    } else if (a->kind != ADV_KIND_NONCONN) {
        radio_listen(c, ACTIVITY_ADV, a->channel, ADV_AA, PHY_1M, c->air->now + ANSWER_US);
    } else {
        adv_next_channel(c, c->air->now + T_IFS);
    }
}

/* No response has begun: the next channel.  After an auxiliary packet the event is over. */
void adv_on_rx_timeout(controller *c)
{
    struct ll_adv *a = c->adv_now;
    if (a->on && !a->extended) {
        adv_next_channel(c, c->air->now + CHANNEL_GAP_US);
    }
}

/* Whether a connection request of `peer` is accepted: from the target of directed advertising,
 * else by the filter policy. 4.3.2 */
bool adv_accepts_connection(const controller *c, const struct ll_adv *a, const struct address *peer)
{
    bool directed = a->extended ? a->props & PROP_DIRECTED : adv_directed(a);
    if (directed) {
        return address_equal(peer, &a->peer);
    }
    return adv_connectable(a) && (!(a->filter & ADV_FILTER_CONNECT) || accept_has(c, peer));
}

/* Whether a scan request of `peer` is answered: the set is scannable, and by the filter policy. */
bool adv_accepts_scan_req(const controller *c, const struct ll_adv *a, const struct address *peer)
{
    bool scannable;
    if (a->extended) {
        scannable = a->props & PROP_SCANNABLE;
    } else {
        scannable = !adv_directed(a);
    }
    return scannable && (!(a->filter & ADV_FILTER_SCAN) || accept_has(c, peer));
}

/* A connection has been created: the set is disabled. */
void adv_connected(controller *c, struct ll_adv *a, uint8_t i)
{
    adv_enable(c, a, false);
    if (c->ll->extended_commands) {
        evt_set_terminated(c, a, 0, i);
    }
}

/* A packet on the channel of the set that advertises. SCAN_REQ: ScanA 6, AdvA 6. CONNECT_IND:
 * InitA 6, AdvA 6, LLData 22. After any other packet the radio listens on, until its time-out.
 * 2.3.2, 2.3.3 */
void adv_on_rx(controller *c, const struct air_packet *f, int8_t rssi)
{
    struct rd pdu = rd_of(f->pdu, f->len);
    uint64_t end = f->end;
    (void)rssi;
    struct ll_adv *a = c->adv_now;
    struct address own, air, peer;
    uint8_t head = rd_u8(&pdu), len = rd_u8(&pdu), to[6], i;
    adv_own(c, a, &own);
    air.type = (head & TX_ADD) != 0;
    rd_copy(&pdu, air.octet, 6);
    rd_copy(&pdu, to, 6);
    if (pdu.bad || rd_left(&pdu) != len - 12u || memcmp(to, own.octet, 6) != 0 ||
        ((head & RX_ADD) != 0) != own.type || !privacy_resolve(c, &air, &peer)) {
        return;
    }
    bool connects = (head & 15) == CONNECT_IND && len == 34 &&
                    adv_accepts_connection(c, a, &peer) && !link_with(c, &peer) && link_free(c, &i);
    if ((head & 15) == SCAN_REQ && len == 12 && adv_accepts_scan_req(c, a, &peer)) {
        if (a->report_scan_requests) {
            evt_scan_request(c, a, &peer);
        }
        if (a->extended) {
            ext_adv_send_scan_rsp(c, a, end + T_IFS);
        } else {
            adv_send(c, SCAN_RSP, a->rsp, a->rsp_len, end + T_IFS);
        }
    } else if (connects && a->extended) {
        a->conn_peer = peer;
        ext_adv_send_connect_rsp(c, a, i, &air, pdu, end);
    } else if (connects) {
        bool csa2 = (head & CH_SEL) && controller_has(c, FEATURE_CSA2);
        radio_off(c);
        const struct conn_request how = { .central = false,
                                          .csa2 = csa2,
                                          .phy = PHY_1M,
                                          .peer = peer,
                                          .peer_air = air,
                                          .own_air = own,
                                          .aux = false };
        link_begin(c, i, &how, pdu, end);
        adv_connected(c, a, i);
    }
}
