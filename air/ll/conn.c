/* Connections: anchors, events, acknowledgement, supervision. The world calls link_on_timer() and
 * its like by the table of activities; control.c, data.c and encrypt.c are called from here. Vol
 * 6, Part B, 4.5
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   f: a packet on the air (world.h)
 *   acceptable_subrate: what the host allows the peer to request
 *   acl_first: of a connection: the first of its buffers with data of the host
 *   acl_last: of a connection: the last of its buffers with data of the host
 *   active_until_event: all events until this one are used, in spite of subrating
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_packet: a packet on the air: world.h
 *   anchor: us: the start of the event
 *   auth_payload_by: us: until when a packet with a MIC must arrive
 *   aux: of a request: it was AUX_CONNECT_REQ, on a secondary channel
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   carry: the fraction of a us that remains of times by a drifting clock
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   cis_on_link_closed(): the connection has ended: so do its streams
 *   clock_widening(): us by which both clocks may be apart after a time
 *   close_reason: the connection ends after this event, for this reason; 0: it goes on
 *   closes_event: of a peripheral: the packet that it sends ends the event
 *   confirmed_at: us: the last exchange that the peer has for certain
 *   conn_request: what a request says besides its LLData
 *   continuation: events after one with data that are used, too
 *   control_has_room(): a response can be queued
 *   control_instant(): the procedure instant_procedure takes effect, and ends
 *   control_on_rx(): handles a control PDU
 *   control_request(): the procedure P_… is wanted: it begins when no other runs
 *   controller_us_to_air(): a time by the controller's drifting clock, in the air's us
 *   crypt_open(): decrypts in place; false: the MIC is wrong
 *   csa1_channel(): the channel of an event by channel selection algorithm 1
 *   csa2: the connection uses channel selection algorithm 2, else 1
 *   DATA_CHANNELS: 37: channels 0 to 36 carry data
 *   data_drop(): the connection has ended: its data are dropped
 *   data_more(): another PDU follows the one in tx_pdu
 *   data_next(): writes the next PDU to tx_pdu: control, data or empty; one that is unacked stays
 *   data_next_empty(): writes an empty PDU to tx_pdu, unless the one there is unacked
 *   data_next_len(): octets of the next PDU's payload, with its MIC
 *   data_on_ack(): tx_pdu is acknowledged: a buffer may go back to the host
 *   data_pending(): the connection has something to send
 *   data_to_host(): gives a payload to the host; false: it has no room, and nothing was taken
 *   effective_rx: octets of the peer's packets that fit on this PHY
 *   encryption_pdus_only: any control PDU that is not about encryption, and any data, ends the
 *       connection
 *   established: a packet has been received; until then it is lost after six events
 *   evt_channel_selection(): LE Channel Selection Algorithm
 *   evt_disconnected(): Disconnection Complete
 *   FEATURE_LENGTH: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   hop: increment of channel selection algorithm 1
 *   host_max_tx: octets that our host wants in a packet
 *   index: of the connection, stream, sync or set that has the radio
 *   instant_procedure: P_… that takes effect at the connection event `instant`; 0: none
 *   iso_streams_next(): when the first stream has something to do; NEVER: none has
 *   KIND_CENTRAL: kind of a packet, for captures
 *   KIND_PERIPHERAL: kind of a packet, for captures
 *   last_exchange_at: us: the end of the last exchange with the peer, for the arbiter
 *   last_rx_at: us: the last packet received: the peer's clock is known from then
 *   leaving: the controller makes no new connections: woad_air_leave()
 *   length_begin_link(): calculates effective_tx and effective_rx of a new connection
 *   LINK_TRIES: events without a packet after which a new connection has failed
 *   lost_at: us: the supervision timeout
 *   max_rx: octets of a packet of the peer's that both sides can do
 *   max_tx: octets of a packet that both sides can do
 *   miss_score: grows with each event missed: how far a connection has had bad luck
 *   NEVER: a deadline that does not exist: later than any time
 *   new_offset: 1.25 ms: the transmit window at an update begins so much after the old anchor
 *   new_subrate: the subrate parameters that are to be in force
 *   new_window: 1.25 ms: length of the transmit window at an update
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   past: how LL_PERIODIC_SYNC_IND is handled: the host's setting (past.c)
 *   path_loss_on_rx(): a packet has been received: the path loss may be in another zone
 *   payload_on_timer(): auth_payload_by or ping_at has been reached
 *   payload_timeout_restart(): a packet with a MIC has been received: sets auth_payload_by and
 *       ping_at
 *   peer_sca: class of the peer's sleep clock accuracy
 *   PHY_CODED: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   ping_at: us: when LL_PING_REQ is sent, so that a packet with a MIC arrives in time
 *   plain: of a packet, for a sniffer: the PDU before encryption, of plain_len octets; 0: not
 *       encrypted
 *   radio_listen(): listens for packets that begin until a time; then the activity's on_rx_timeout
 *       is called
 *   radio_off(): stops the radio; nothing is received of a packet that is cut off
 *   radio_pdu(): switches the radio off, and returns where to write the next PDU; radio_send()
 *       sends that
 *   ref_anchor: anchor of the last event attended, from which the next are reckoned
 *   ref_event: the last event attended
 *   response_by: us: the connection is lost if the peer has not answered by then
 *   rx_counter: packets decrypted, without repeated ones; link_accept_payload() counts
 *   rx_encrypted: packets from the peer are encrypted
 *   rx_in_event: a packet has been received in this event
 *   rx_pausing: the next new packet, the central's LL_PAUSE_ENC_RSP, is not encrypted
 *   subrate_ahead(): events from the last one attended to the next one that is used
 *   subrate_base: a connection event that is used: of the others each subrate_factor-th from it
 *   subrate_factor: one connection event of so many is used
 *   subrate_ind_out: LL_SUBRATE_IND is not acknowledged: the peer may have it or not
 *   sync_next(): when the first sync has something to do; NEVER: none has
 *   T_IFS: us between packets that belong together
 *   terminate_by: us: the connection ends then, if LL_TERMINATE_IND is not acknowledged before
 *   terminating: the end is being sent to the peer
 *   tx_opcode: opcode of the control PDU in that packet; 0xff: none
 *   tx_pdu: the packet that is sent until it is acknowledged, of tx_len octets
 *   tx_plain: for a sniffer: the payload of tx_pdu before encryption, of tx_plain_len octets
 *   tx_power: dBm: of our packets on the connection
 *   unacked: the last packet has been sent and not acknowledged
 *   unconfirmed: the peer may not have got the last exchange
 *   widening: us: listening begins so much earlier, for the error of both clocks
 *   window: us: the packet may begin so much later than expected */
#include "host.h"
#include "control.h"

/* The radio listens so much longer than the latest time at which a packet may begin: 40 us,
 * preamble and access address on 1M.  The same on all PHYs: a packet that has begun by then is
 * received to its end. */
enum { HEAR_US = 40 };
/* LLID: L2CAP data that continue, or begin, a packet; a control PDU.  2.4 */
enum { LLID_CONTINUE = 1, LLID_START = 2, LLID_CONTROL = 3 };
enum { HANDLE_BASE = 0x40 }; /* HCI's handle of connection 0 */

/* A place for a connection, and its index; NULL: all are in use. It is in use from link_begin()
 * on. */
struct link *link_free(controller *c, uint8_t *i)
{
    for (*i = 0; *i < c->cfg.conns; ++*i) {
        if (!c->links[*i].used) {
            return &c->links[*i];
        }
    }
    return NULL;
}

/* Whether there is a connection with `peer`: two devices have one at most. 4.5 */
bool link_with(const controller *c, const struct address *peer)
{
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        const struct link *l = &c->links[i];
        if (l->used && address_equal(&l->peer, peer)) {
            return true;
        }
    }
    return false;
}

/* HCI's handle of a connection. */
uint16_t link_handle(uint8_t i)
{
    return (uint16_t)(HANDLE_BASE + i);
}

/* The connection with HCI's handle, and its index; NULL: there is none, or it has ended. */
struct link *link_by_handle(controller *c, uint16_t handle, uint8_t *i)
{
    *i = (uint8_t)(handle - HANDLE_BASE);
    if (handle < HANDLE_BASE || handle >= HANDLE_BASE + c->cfg.conns) {
        return NULL;
    }
    if (c->links[*i].used) {
        return &c->links[*i];
    }
    return NULL;
}

/* The channel of the next event. */
static uint8_t link_channel(const struct link *l)
{
    if (l->csa2) {
        return csa2_channel(l->aa, (uint16_t)l->event, l->chm);
    }
    return csa1_channel(l->hop, l->event, l->chm);
}

/* Whether the parameters of a connection request are valid. With others there is no connection.
 * 2.3.3.1 */
static bool link_params_valid(const struct link *l, uint8_t win_size, uint16_t win_offset)
{
    unsigned channels = 0;
    for (unsigned k = 0; k < DATA_CHANNELS; k++) {
        channels += l->chm[k / 8] >> (k % 8) & 1;
    }
    return l->interval >= 6 && l->interval <= 3200 && l->latency <= 499 && l->supervision >= 10 &&
           l->supervision <= 3200 && l->supervision * 4u > (1u + l->latency) * l->interval &&
           l->hop >= 5 && l->hop <= 16 && channels >= 2 && win_size >= 1 && win_size <= 8 &&
           win_size < l->interval && win_offset <= l->interval;
}

/* transmitWindowDelay, us. 4.5.3 */
static uint32_t link_window_delay(const struct conn_request *how)
{
    if (!how->aux) {
        return 1250;
    }
    if (how->phy != PHY_CODED) {
        return 2500;
    }
    return 3750;
}

/* Sets the next anchor, `us` after the last one by this controller's clock. A peripheral listens
 * earlier by the error of both clocks. 4.2.4, 4.5.7 */
static void link_set_anchor(const controller *c, struct link *l, uint64_t us)
{
    uint32_t most = l->interval * 625u - T_IFS;
    l->carry = l->ref_carry;
    l->anchor = l->ref_anchor + controller_us_to_air(c, us, &l->carry);
    l->widening = 0;
    if (!l->central) {
        l->widening = clock_widening(c, l->peer_sca, l->anchor - l->last_rx_at);
        if (l->widening > most) {
            l->widening = most;
        }
        l->anchor -= l->widening;
    }
}

/* Begins a connection with the LLData of a request that ended at `end`: see scan.c. Invalid LLData
 * are ignored. */
void link_begin(controller *c, uint8_t i, const struct conn_request *how, struct rd in,
                uint64_t end)
{
    bool central = how->central;
    struct link *l = &c->links[i];
    *l = (struct link){ .central = central,
                        .peer = how->peer,
                        .peer_air = how->peer_air,
                        .own_air = how->own_air,
                        .acl_first = 0xff,
                        .acl_last = 0xff,
                        .max_tx = 27, /* octets, until LL_LENGTH_RSP. 4.5.10 */
                        .max_rx = 27,
                        .csa2 = how->csa2,
                        .tx_phy = how->phy,
                        .rx_phy = how->phy,
                        .response_by = NEVER,
                        .host_max_tx = (uint8_t)c->ll->default_tx };
    l->host_max_tx_time = c->ll->default_tx_time;
    l->aa = rd_le32(&in);
    l->crc_init = rd_le24(&in);
    uint8_t win_size = rd_u8(&in);
    uint16_t win_offset = rd_le16(&in);
    l->interval = rd_le16(&in);
    l->latency = rd_le16(&in);
    l->supervision = rd_le16(&in);
    rd_copy(&in, l->chm, 5);
    l->chm[4] &= 0x1f; /* the other bits are reserved */
    uint8_t hop_sca = rd_u8(&in);
    l->hop = hop_sca & 0x1f;
    l->peer_sca = hop_sca >> 5;
    if (!rd_done(&in) || !link_params_valid(l, win_size, win_offset) || c->leaving) {
        return;
    }
    l->used = true;
    length_begin_link(c, l);
    l->past = c->ll->past;
    l->subrate_factor = 1;
    l->acceptable_subrate = c->ll->subrate;
    l->tx_power = l->indicated_power = c->cfg.tx_power_dbm;
    l->peer_power = DBM_UNKNOWN;
    l->payload_timeout = 3000; /* 30 s, until the host sets it. 5.4 */
    l->auth_payload_by = l->ping_at = l->terminate_by = NEVER;
    l->last_rx_at = l->ref_anchor = end;
    link_set_anchor(c, l, link_window_delay(how) + win_offset * 1250u);
    l->ref_anchor = l->anchor + l->widening;
    l->ref_carry = l->carry;
    l->window = win_size * 1250u;
    l->last_exchange_at = l->confirmed_at = l->anchor;
    l->lost_at = l->anchor + LINK_TRIES * l->interval * 1250u;
    evt_connected(c, 0, i);
    evt_channel_selection(c, i);
    if (central && c->ll->default_tx > 27 && controller_has(c, FEATURE_LENGTH)) {
        control_request(c, i, P_LENGTH);
    }
}

/* Ends a connection at once. Its streams end before the host gets Disconnection Complete. The
 * place is free then: a caller must not use `l` again. */
void link_close(controller *c, uint8_t i, uint8_t reason)
{
    struct link *l = &c->links[i];
    if (c->radio.owner == ACTIVITY_CONN && c->radio.index == i) {
        radio_off(c);
    }
    data_drop(c, l);
    cis_on_link_closed(c, i, reason);
    l->used = false;
    evt_disconnected(c, link_handle(i), reason);
}

/* When the first connection has something to do, by its anchor or by a time limit; NEVER: none
 * has. */
uint64_t link_next(const controller *c)
{
    uint64_t next = NEVER;
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        const struct link *l = &c->links[i];
        if (l->used) {
            uint64_t mine = earlier(l->anchor, l->lost_at);
            mine = earlier(l->response_by, mine);
            mine = earlier(l->terminate_by, mine);
            mine = earlier(l->auth_payload_by, mine);
            mine = earlier(l->ping_at, mine);
            next = earlier(mine, next);
        }
    }
    return next;
}

/* Whether the radio is free from now until `end`: no other connection, stream, sync or periodic
 * advertising has a turn before, and the connection's own next anchor is T_IFS later at least. */
bool link_time_for(const controller *c, uint8_t i, uint64_t end)
{
    for (uint8_t k = 0; k < c->cfg.conns; k++) {
        if (c->links[k].used && c->links[k].anchor <= end && (k != i)) {
            return false;
        }
    }
    if ((c->cfg.iso && iso_streams_next(c) <= end) || (c->ll->n_syncs && sync_next(c) <= end)) {
        return false;
    }
    for (uint8_t n = 0; c->cfg.adv_sets && n < c->n_sets; n++) {
        if (periodic_adv_next(&c->sets[n]) <= end) {
            return false;
        }
    }
    return end + T_IFS < c->links[i].ref_anchor + c->links[i].interval * 1250u;
}

/* The connection's turn for the arbiter: one exchange of empty packets. */
void link_turn(const controller *c, uint8_t i, struct turn *t)
{
    const struct link *l = &c->links[i];
    if (l->used) {
        *t = (struct turn){ .owner = ACTIVITY_CONN,
                            .index = i,
                            .at = l->anchor,
                            .phase = l->ref_anchor,
                            .interval_us = l->interval * l->subrate_factor * 1250u,
                            .duration_us =
                                radio_airtime(2, l->tx_phy) + radio_airtime(2, l->rx_phy) + T_IFS };
    }
}

/* Plans the next event, `events` after the last one attended. */
static void link_plan_event(controller *c, struct link *l, uint32_t events)
{
    l->event = l->ref_event + events;
    link_set_anchor(c, l, (uint64_t)events * l->interval * 1250u);
}

/* After a hang: skips the events that are over. */
void link_catch_up(controller *c)
{
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        struct link *l = &c->links[i];
        if (l->used && (l->anchor <= c->air->now || l->anchor == NEVER)) {
            uint64_t step = l->interval * 1250u, now = c->air->now;
            uint64_t past = 0; /* us since the last anchor; 0: that is yet to come */
            if (now > l->ref_anchor) {
                past = now - l->ref_anchor;
            }
            link_plan_event(c, l, (uint32_t)(past / step + 1));
        }
    }
}

/* Ends an event and plans the next one. A peripheral with nothing to send skips `latency` events,
 * if its last packet was acknowledged and enough events are left before the supervision timeout.
 * 4.5.1 */
static void link_end_event(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    radio_off(c);
    if (l->close_reason) {
        link_close(c, i, l->close_reason);
        return;
    }
    uint32_t ahead = subrate_ahead(l), lazy = ahead + l->latency * l->subrate_factor;
    uint64_t wakes = l->ref_anchor + (uint64_t)lazy * l->interval * 1250u;
    bool sleeps = l->latency && !l->central && l->established && l->rx_in_event &&
                  !data_pending(l) && !l->instant_procedure &&
                  l->event + 1 > l->active_until_event &&
                  link_events_left(l, l->confirmed_at, wakes) >= LAST_EVENTS;
    uint32_t events = ahead;
    if (sleeps) {
        events = lazy;
    }
    link_plan_event(c, l, events);
}

/* The supervision timeout in us. While the peer may or may not use a new subrate, the longer of
 * both timeouts counts. 4.5.2, 5.1.19 */
uint32_t link_supervision(const struct link *l)
{
    uint16_t timeout = l->supervision;
    if (l->subrate_ind_out && l->new_subrate.timeout > timeout) {
        timeout = l->new_subrate.timeout;
    }
    return timeout * 10000u;
}

/* How long the connection survives without a packet, us. In the first events it may be established
 * for one side only, which then waits six events. 4.5.2 */
uint64_t link_silence_limit(const struct link *l)
{
    uint64_t turns = LINK_TRIES * l->interval * 1250u, timeout = link_supervision(l);
    bool young = !l->established || l->event < LINK_TRIES;
    if (!(young && turns < timeout)) {
        return timeout;
    }
    return turns;
}

/* How many events are left from `at`, that one included, before the connection is lost if the last
 * packet came at `since`. */
uint32_t link_events_left(const struct link *l, uint64_t since, uint64_t at)
{
    uint64_t turn = l->interval * l->subrate_factor * 1250u, end = since + link_silence_limit(l);
    uint64_t left = 0;
    if (end > at) {
        left = (end - at) / turn;
    }
    if (left > UINT16_MAX) {
        left = UINT16_MAX;
    }
    return (uint32_t)left + 1;
}

/* Data or control PDUs are queued: a peripheral that skips events attends the next one that it can
 * reach. To be called after each is queued. */
void link_wake(controller *c, uint8_t i)
{
    enum { PREPARE_US = 500 }; /* an event that begins before cannot be reached */
    struct link *l = &c->links[i];
    uint64_t now = c->air->now + PREPARE_US, step = l->interval * 1250u;
    if (l->central || l->event <= l->ref_event + 1 || now < l->ref_anchor) {
        return;
    }
    uint32_t events = (uint32_t)((now - l->ref_anchor) / step) + 1;
    uint32_t past = (l->ref_event + events - l->subrate_base) % l->subrate_factor;
    if (past) {
        events += l->subrate_factor - past;
    }
    if (l->ref_event + events < l->event) {
        link_plan_event(c, l, events);
    }
}

/* Adds to the packet in the radio what only a sniffer needs. */
static void link_annotate(controller *c, const struct link *l)
{
    struct air_packet *f = &c->radio.packet;
    f->kind = KIND_PERIPHERAL;
    if (l->central) {
        f->kind = KIND_CENTRAL;
    }
    f->power = l->tx_power;
    f->crc_init = l->crc_init;
    if (c->air->cfg.sniff && l->tx_plain_len) {
        f->plain[0] = f->pdu[0];
        f->plain[1] = l->tx_plain_len;
        memcpy(f->plain + 2, l->tx_plain, l->tx_plain_len);
        f->plain_len = (uint16_t)(2 + l->tx_plain_len);
    }
}

/* Sends the next packet at `at`. Data PDU: LLID u2, NESN, SN, MD; length u8; payload. `brief`: an
 * empty one, for lack of time, or to acknowledge LL_TERMINATE_IND. 2.4 */
static void link_send(controller *c, uint8_t i, uint64_t at, bool brief)
{
    struct link *l = &c->links[i];
    if (brief) {
        data_next_empty(l);
    } else {
        data_next(c, l);
    }
    l->md = l->tx_len && data_more(c, l);
    struct wr pdu = radio_pdu(c);
    wr_u8(&pdu, (uint8_t)(l->tx_pdu[0] | l->nesn << 2 | l->sn << 3 | (l->md ? 0x10 : 0)));
    wr_bytes(&pdu, l->tx_pdu + 1, 1u + l->tx_len);
    l->unacked = true;
    if (l->tx_len) {
        l->active_until_event = l->ref_event + l->continuation;
    }
    radio_send(c, ACTIVITY_CONN, at, link_channel(l), l->aa, l->tx_phy, &pdu);
    link_annotate(c, l);
    c->radio.index = i;
}

/* The instant of a procedure: its changes take effect. Returns whether the event is postponed:
 * after an update the transmit window begins WinOffset after the old anchor. 5.1.1 */
static bool link_at_instant(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    bool updates = l->instant_procedure == P_UPDATE;
    uint32_t offset = 0;
    if (updates) {
        offset = l->new_offset * 1250u;
    }
    if (updates && !l->central) {
        l->window = l->new_window * 1250u;
    }
    control_instant(c, i); /* may queue the next update */
    if (offset) {
        link_set_anchor(c, l, offset);
    }
    return offset;
}

/* Counts missed events before this one, for control_choose_instant(): a missed event weighs as
 * much as four that were not. */
static void link_score_miss(struct link *l, uint64_t now)
{
    enum { MISS = 4, MOST = 32 };
    uint64_t turn = (uint64_t)l->subrate_factor * l->interval * 1250u;
    uint64_t silence = 0;
    if (now > l->last_exchange_at) {
        silence = now - l->last_exchange_at;
    }
    if (silence > (l->latency + 1u) * turn + turn / 2) {
        l->miss_score = (uint8_t)min_uint(l->miss_score + MISS, MOST);
    } else if (l->miss_score) {
        l->miss_score--;
    }
}

/* The anchor of an event: sends or listens, or skips the event if another activity keeps the
 * radio. While the event runs `anchor` is NEVER; link_end_event() plans the next. */
static void link_event(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    l->ref_anchor = l->anchor + l->widening;
    l->ref_carry = l->carry;
    l->ref_event = l->event;
    l->rx_in_event = l->closes_event = l->peer_md = false;
    link_score_miss(l, c->air->now);
    if (l->instant_procedure && (int16_t)((uint16_t)l->event - l->instant) >= 0) {
        if (link_at_instant(c, i)) {
            return;
        }
    }
    l->anchor = NEVER;
    if (!radio_claim(c, ACTIVITY_CONN, i)) {
        link_plan_event(c, l, subrate_ahead(l));
        return;
    }
    if (l->central) {
        link_send(c, i, c->air->now, l->close_reason);
    } else {
        uint64_t until = l->ref_anchor + l->widening + HEAR_US + l->window;
        radio_listen(c, ACTIVITY_CONN, link_channel(l), l->aa, l->rx_phy, until);
        c->radio.index = i;
    }
}

/* Why a connection without a packet ends: it may be ending already. */
static uint8_t link_loss_reason(const struct link *l)
{
    if (l->close_reason) {
        return l->close_reason;
    }
    if (l->terminating) {
        return WOAD_HCI_LOCAL_HOST_TERMINATED;
    }
    if (l->established) {
        return WOAD_HCI_CONNECTION_TIMEOUT;
    }
    return WOAD_HCI_FAILED_TO_ESTABLISH;
}

/* Does the first thing that is due, of the first connection that has any: the clock calls again. */
void link_on_timer(controller *c)
{
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        struct link *l = &c->links[i];
        if (l->used && l->lost_at <= c->air->now) {
            link_close(c, i, link_loss_reason(l));
            return;
        }
        if (l->used && l->terminate_by <= c->air->now) {
            link_close(c, i, WOAD_HCI_LOCAL_HOST_TERMINATED);
            return;
        }
        if (l->used && l->response_by <= c->air->now) {
            link_close(c, i, WOAD_HCI_LL_RESPONSE_TIMEOUT);
            return;
        }
        if (l->used && (l->auth_payload_by <= c->air->now || l->ping_at <= c->air->now)) {
            payload_on_timer(c, i);
            return;
        }
        if (l->used && l->anchor <= c->air->now) {
            link_event(c, i);
            return;
        }
    }
}

/* Our packet has left: listens for the peer's next one, or ends the event. */
void link_on_tx_done(controller *c)
{
    uint8_t i = c->radio.index;
    struct link *l = &c->links[i];
    if (!l->central) {
        l->last_exchange_at = c->air->now;
    }
    if (l->close_reason) {
        link_end_event(c, i); /* LL_TERMINATE_IND has been acknowledged */
    } else if (l->central || !l->closes_event) {
        radio_listen(c, ACTIVITY_CONN, c->radio.channel, l->aa, l->rx_phy,
                     c->air->now + T_IFS + 2 /* jitter */ + HEAR_US);
        c->radio.index = i;
    } else {
        link_end_event(c, i);
    }
}

/* No packet of the peer began in time, or another activity has taken the radio. */
void link_on_rx_timeout(controller *c)
{
    link_end_event(c, c->radio.index);
}

/* Whether there is time for a packet of this side and one of the peer's, of so many octets. */
static bool link_exchange_fits(const controller *c, uint8_t i, uint16_t mine, uint16_t theirs)
{
    const struct link *l = &c->links[i];
    return link_time_for(c, i,
                         c->air->now + 2u * T_IFS + radio_airtime(2u + mine, l->tx_phy) +
                             radio_airtime(2u + theirs, l->rx_phy));
}

/* Central: whether the event continues after the peripheral's packet: one side has set MD, and
 * there is time for what the peer may send. 4.5.6 */
static bool link_event_continues(const controller *c, uint8_t i)
{
    const struct link *l = &c->links[i];
    uint16_t theirs = 0;
    if (l->peer_md) {
        theirs = (uint16_t)(l->effective_rx + MIC);
    }
    return (l->md || l->peer_md) && link_exchange_fits(c, i, data_next_len(c, l), theirs);
}

/* Takes the payload of a new packet; without room it is not acknowledged, and the peer sends it
 * again. rx_counter counts only packets that are acknowledged, so a repeated one decrypts alike. A
 * reserved LLID is acknowledged and ignored. Returns false if the connection is closed, by a wrong
 * MIC. 4.5.9, 5.1.3, 2.4 */
static bool link_accept_payload(controller *c, uint8_t i, uint8_t head, struct rd *in)
{
    struct link *l = &c->links[i];
    uint8_t plain[255];
    struct rd payload = *in;
    size_t len = rd_left(in);
    bool sealed = l->rx_encrypted && !l->rx_pausing && len;
    if ((head & 3) != LLID_CONTROL && len && l->encryption_pdus_only) {
        link_close(c, i, WOAD_HCI_MIC_FAILURE); /* data, while encryption is started or paused */
        return false;
    }
    if ((head & 3) == LLID_CONTROL && !control_has_room(l)) {
        return true; /* not acknowledged: the peer sends it again */
    }
    if (sealed) {
        rd_copy(in, plain, len);
        if (!crypt_open(c, l, head, plain, len)) {
            link_close(c, i, WOAD_HCI_MIC_FAILURE);
            return false;
        }
        payload = rd_of(plain, len - MIC);
        payload_timeout_restart(c, l);
    }
    if ((head & 3) == LLID_CONTROL) {
        l->rx_counter += sealed;
        l->nesn ^= 1;
        control_on_rx(c, i, &payload);
    } else if ((head & 3) == 0 || data_to_host(c, i, head & 3, &payload)) {
        l->rx_counter += sealed;
        l->nesn ^= 1;
    }
    return true;
}

/* Handles the acknowledgement in a packet's header, then its payload, unless the packet is
 * repeated. Returns false if the connection is closed: LL_TERMINATE_IND is acknowledged, or a MIC
 * is wrong. 4.5.9 */
static bool link_accept_packet(controller *c, uint8_t i, uint8_t head, struct rd *in)
{
    struct link *l = &c->links[i];
    bool sn = head >> 3 & 1, nesn = head >> 2 & 1;
    l->established = true;
    l->rx_in_event = true;
    l->peer_md = head >> 4 & 1;
    l->lost_at = c->air->now + link_supervision(l);
    bool acked = l->unacked && nesn != l->sn;
    if (l->central || acked) {
        l->confirmed_at = l->last_exchange_at;
    }
    l->unconfirmed = !l->central && l->unacked && !acked;
    if (acked) {
        l->sn ^= 1;
        l->unacked = false;
        if (l->terminating && l->tx_opcode == LL_TERMINATE_IND) {
            link_close(c, i, WOAD_HCI_LOCAL_HOST_TERMINATED);
            return false;
        }
        data_on_ack(c, l, i);
    }
    return sn != l->nesn || link_accept_payload(c, i, head, in);
}

/* Sends the peripheral's packet; `first`: of this event. One with data goes if it ends before the
 * next anchor or is the first; else an empty one acknowledges. The event continues if a side has
 * set MD and there is time. 4.5.6 */
static void link_reply(controller *c, uint8_t i, uint64_t at, bool first)
{
    struct link *l = &c->links[i];
    uint16_t len = data_next_len(c, l);
    uint64_t end = at + radio_airtime(2u + len, l->tx_phy);
    bool brief = len && !first && end + T_IFS >= l->ref_anchor + l->interval * 1250u;
    bool fits = link_exchange_fits(c, i, len, 0);
    if (brief && l->unacked) {
        /* Too long to be repeated in this event, and nothing else may be sent before it. */
        link_end_event(c, i);
    } else {
        link_send(c, i, at, brief);
        l->closes_event = !fits || !(l->md || l->peer_md);
    }
}

/* A packet of the peer's. One that is malformed ends the event, as a wrong CRC would. */
void link_on_rx(controller *c, const struct air_packet *f, int8_t rssi)
{
    uint8_t i = c->radio.index;
    struct link *l = &c->links[i];
    struct rd in = rd_of(f->pdu, f->len);
    uint8_t head = rd_u8(&in), len = rd_u8(&in);
    radio_off(c);
    if (in.bad || len != rd_left(&in)) {
        link_end_event(c, i); /* a real radio would see a wrong CRC */
        return;
    }
    l->rssi = rssi;
    if (len) {
        l->active_until_event = l->ref_event + l->continuation;
    }
    path_loss_on_rx(c, i);
    if (l->central) {
        l->last_exchange_at = f->end;
    }
    if (!l->central && !l->rx_in_event) {
        /* The anchor is where the central's packet began. */
        l->ref_anchor = l->last_rx_at = f->start;
        l->ref_carry = 0;
        l->window = 0;
    }
    if (!link_accept_packet(c, i, head, &in)) {
        return;
    }
    if (!l->central) {
        link_reply(c, i, f->end + T_IFS, f->start == l->ref_anchor);
    } else if (link_event_continues(c, i)) {
        link_send(c, i, f->end + T_IFS, l->close_reason);
    } else if (l->close_reason) { /* acknowledges LL_TERMINATE_IND in the next event */
        link_plan_event(c, l, subrate_ahead(l));
    } else {
        link_end_event(c, i);
    }
}
