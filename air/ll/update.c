/* Procedures with an instant: connection update, channel map, PHY; and the request for connection
 * parameters. Vol 6, Part B, 5.1.1, 5.1.2, 5.1.7, 5.1.10
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   begin: of a procedure: starts it
 *   channel_map: the host's channel classification: a bit each, 1: not known to be bad
 *   chm: channel map, a bit each
 *   cis_being_created(): a stream's first anchor counts from the connection's, which must not move
 *   cis_supervise(): the streams' supervision timeouts begin again, with the connection's
 *   confirmed_at: us: the last exchange that the peer has for certain
 *   continuation: events after one with data that are used, too
 *   control_accept_remote(): notes the peer's procedure; false: it has been rejected as a collision
 *   control_check_instant(): the instant is in the future; if not, close_reason is set
 *   control_choose_instant(): a connection event far enough ahead that the PDU which names it
 *       arrives before
 *   control_done(): the procedure has ended
 *   CONTROL_MAX: octets of the longest control PDU
 *   control_reject(): queues LL_REJECT_EXT_IND, or what an older peer understands
 *   control_send(): queues a control PDU
 *   DATA_CHANNELS: 37: channels 0 to 36 carry data
 *   default_rx_phys: sets of PHYs that the host prefers, for requests of peers
 *   default_tx_phys: sets of PHYs that the host prefers, for requests of peers
 *   duration_us: of a turn: us for which it needs the radio
 *   evt_le(): an LE event for the host, unless it is masked
 *   evt_updated(): LE Connection Update Complete
 *   host_coded_s2: our host prefers S=2 to S=8
 *   host_params: the parameters that our host wants
 *   host_rx_phys: sets of PHYs that the host has asked for on this connection
 *   host_tx_phys: sets of PHYs that the host has asked for on this connection
 *   index: of the connection, stream, sync or set that has the radio
 *   instant: the connection event at which a change takes effect
 *   instant_procedure: P_… that takes effect at the connection event `instant`; 0: none
 *   interval_us: of a turn: us from one to the next
 *   length_changed(): the data length is calculated again; the host gets an event if it has changed
 *   link_handle(): HCI's handle of the connection with this index
 *   link_wake(): the connection has something to send: a peripheral does not skip its next events
 *   LL_CHANNEL_MAP_IND: LL_…: opcodes of control PDUs.  Vol 6, Part B, 2.4.2
 *   local_procedure: P_… that we have begun
 *   lost_at: us: the supervision timeout
 *   NEVER: a deadline that does not exist: later than any time
 *   new_chm: channel map from the instant on
 *   new_interval: 1.25 ms: interval from the instant on
 *   new_latency: events: latency from the instant on
 *   new_offset: 1.25 ms: the transmit window at an update begins so much after the old anchor
 *   new_rx_phy: PHY of the peer's packets from the instant on
 *   new_supervision: 10 ms: supervision timeout from the instant on
 *   new_tx_phy: PHY of our packets from the instant on
 *   new_window: 1.25 ms: length of the transmit window at an update
 *   on_instant: of a procedure: called when its instant is reached
 *   on_refused: of a procedure: called when the peer has refused it
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   P_NONE: no control procedure
 *   peer_params: the parameters of the peer's request, then those that our host has answered
 *   phase: of a turn: any of its times
 *   PHY_1M: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   phy_event_due: the host gets an event when that procedure ends
 *   phy_number(): HCI's number of a PHY: both codings are one
 *   phys_supported(): PHYs that the controller has: bits: 1M, 2M, coded
 *   radio_airtime(): us of a packet with so many octets of PDU, its header included
 *   ref_anchor: anchor of the last event attended, from which the next are reckoned
 *   ref_event: the last event attended
 *   remote_procedure: P_… that the peer has begun
 *   response_by: us: the connection is lost if the peer has not answered by then
 *   subrate_factor: one connection event of so many is used
 *   supervision: 10 ms: the supervision timeout
 *   T_IFS: us between packets that belong together
 *   turn: a turn of an activity: when, how often, for how long
 *   turn_place(): where the arbiter finds room for a new turn: steps of 1.25 ms from its phase
 *   update_event_due: the host gets an event when the procedure ends */
#include "host.h"
#include "control.h"

/* In the ranges of the specification, and with time for two events before the supervision
 * timeout.  Vol 4, Part E, 7.8.18 */
bool params_valid(const struct params *p)
{
    return p->min >= 6 && p->max <= 3200 && p->min <= p->max && p->latency <= 499 &&
           p->timeout >= 10 && p->timeout <= 3200 && p->timeout * 4u > (1u + p->latency) * p->max;
}

/* Reads interval min u16, max u16, latency u16, timeout u16: the order in commands and PDUs. */
struct params params_read(struct rd *in)
{
    struct params p = { .min = rd_le16(in) };
    p.max = rd_le16(in);
    p.latency = rd_le16(in);
    p.timeout = rd_le16(in);
    return p;
}

/* As params_read() reads them. */
static void params_write(struct wr *w, const struct params *p)
{
    wr_le16(w, p->min);
    wr_le16(w, p->max);
    wr_le16(w, p->latency);
    wr_le16(w, p->timeout);
}

/* --- connection parameters -------------------------------------------------------------------- */

/* Central: sends LL_CONNECTION_UPDATE_IND: WinSize u8, WinOffset u16, interval u16, latency u16,
 * timeout u16, instant u16. 5.1.1 */
static void send_update(controller *c, uint8_t i, const struct params *p)
{
    struct link *l = &c->links[i];
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    l->instant_procedure = P_UPDATE;
    l->instant = control_choose_instant(c, i);
    l->new_interval = p->min;
    l->new_latency = p->latency;
    l->new_supervision = p->timeout;
    uint64_t events = (uint16_t)(l->instant - (uint16_t)l->ref_event);
    struct turn mine = { .owner = ACTIVITY_CONN,
                         .index = i,
                         .interval_us = l->new_interval * 1250u };
    mine.phase = l->ref_anchor + events * l->interval * 1250u;
    mine.duration_us = radio_airtime(2, l->tx_phy) + radio_airtime(2, l->rx_phy) + T_IFS;
    l->new_offset = 0;
    if (!cis_being_created(c, i)) {
        l->new_offset = turn_place(c, &mine, l->new_interval);
    }
    l->new_window = 1;
    wr_u8(&pdu, LL_CONNECTION_UPDATE_IND);
    wr_u8(&pdu, l->new_window);
    wr_le16(&pdu, l->new_offset);
    wr_le16(&pdu, l->new_interval);
    wr_le16(&pdu, l->new_latency);
    wr_le16(&pdu, l->new_supervision);
    wr_le16(&pdu, l->instant);
    control_send(l, &pdu);
}

/* LL_CONNECTION_UPDATE_IND: see send_update().  Without valid parameters it is ignored; an
 * instant that has passed ends the connection. */
void rx_update_ind(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint8_t window = rd_u8(in);
    uint16_t offset = rd_le16(in);
    uint16_t interval = rd_le16(in), latency = rd_le16(in), timeout = rd_le16(in);
    uint16_t instant = rd_le16(in);
    struct params p = { .min = interval, .max = interval, .latency = latency, .timeout = timeout };
    if (!params_valid(&p) || !window || window > 8 || window >= interval || offset > interval ||
        !control_check_instant(l, instant)) {
        return;
    }
    if (l->local_procedure == P_PARAMS) {
        control_done(c, i, P_PARAMS); /* answers our LL_CONNECTION_PARAM_REQ */
        l->update_event_due = true;
    }
    l->update_event_due = l->update_event_due || interval != l->interval || latency != l->latency ||
                          timeout != l->supervision;
    l->instant_procedure = P_UPDATE;
    l->instant = instant;
    l->new_window = window;
    l->new_offset = offset;
    l->new_interval = interval;
    l->new_latency = latency;
    l->new_supervision = timeout;
}

/* The instant of a connection update: the new parameters are in force. */
static void update_instant(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    l->interval = l->new_interval;
    l->latency = l->new_latency;
    l->supervision = l->new_supervision;
    l->subrate_factor = 1;
    l->continuation = 0;
    l->confirmed_at = c->air->now;
    l->lost_at = c->air->now + l->supervision * 10000u;
    cis_supervise(c, i);
    if (l->update_event_due) {
        l->update_event_due = false;
        evt_updated(c, 0, i);
    }
    length_changed(c, i);
}

/* The central's host wants new parameters. */
static void update_begin(controller *c, uint8_t i)
{
    c->links[i].response_by = NEVER;     /* no response follows, only the instant */
    c->links[i].update_event_due = true; /* a remote update may have cleared it since the command */
    send_update(c, i, &c->links[i].host_params);
}

const struct procedure proc_update = { .request = { LL_CONNECTION_UPDATE_IND,
                                                    LL_CONNECTION_UPDATE_IND },
                                       .begin = update_begin,
                                       .on_refused = NULL,
                                       .on_instant = update_instant };

/* LL_CONNECTION_PARAM_REQ, LL_CONNECTION_PARAM_RSP: interval min u16, max u16, latency u16,
 * timeout u16, preferred periodicity u8, reference event u16, six offsets u16 (0xffff: none).
 * 5.1.7 */
static void send_params(struct link *l, uint8_t opcode, const struct params *p)
{
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    wr_u8(&pdu, opcode);
    params_write(&pdu, p);
    wr_u8(&pdu, 0);
    wr_le16(&pdu, (uint16_t)l->event);
    for (int n = 0; n < 6; n++) {
        wr_le16(&pdu, 0xffff);
    }
    control_send(l, &pdu);
}

/* The peripheral's host wants new parameters. */
static void params_begin(controller *c, uint8_t i)
{
    send_params(&c->links[i], LL_CONNECTION_PARAM_REQ, &c->links[i].host_params);
}

/* The peer, or its host, does not accept the parameters. */
static void params_refused(controller *c, uint8_t i, uint8_t error)
{
    c->links[i].update_event_due = false;
    evt_updated(c, error, i);
}

/* LL_CONNECTION_PARAM_REQ asks the host by LE Remote Connection Parameter Request: handle u16,
 * interval min u16, max u16, latency u16, timeout u16. If the host masks that event, the
 * controller rejects the procedure as unsupported. Vol 4, Part E, 7.7.65.6 */
void rx_param_req(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint8_t b[16];
    struct wr w = wr_of(b, sizeof b);
    struct params p = params_read(in);
    if (!params_valid(&p)) {
        control_reject(c, l, LL_CONNECTION_PARAM_REQ, WOAD_HCI_INVALID_LL_PARAMETERS);
    } else if (!evt_le_enabled(c, LE_CONN_PARAM_REQUEST)) {
        control_reject(c, l, LL_CONNECTION_PARAM_REQ, WOAD_HCI_UNSUPPORTED_REMOTE);
    } else if (control_accept_remote(c, i, P_PARAMS, LL_CONNECTION_PARAM_REQ)) {
        wr_le16(&w, link_handle(i));
        params_write(&w, &p);
        evt_le(c, LE_CONN_PARAM_REQUEST, &w);
    }
}

/* Central: the peripheral's host has agreed, so the update follows. */
void rx_param_rsp(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    struct params p = params_read(in);
    if (l->local_procedure == P_PARAMS && params_valid(&p)) {
        control_done(c, i, P_PARAMS);
        l->update_event_due = true;
        send_update(c, i, &p);
    }
}

/* The host's reply to LE Remote Connection Parameter Request: an error, or 0 to accept
 * l->peer_params. */
void params_answer(controller *c, uint8_t i, uint8_t error)
{
    struct link *l = &c->links[i];
    if (!error && l->central && l->encrypting) {
        l->params_accepted = true; /* control_release() calls again */
        return;
    }
    l->remote_procedure = P_NONE;
    l->params_accepted = false;
    if (error) {
        control_reject(c, l, LL_CONNECTION_PARAM_REQ, error);
    } else if (l->central) {
        l->update_event_due = true;
        send_update(c, i, &l->peer_params);
    } else {
        send_params(l, LL_CONNECTION_PARAM_RSP, &l->peer_params);
    }
    link_wake(c, i);
}

const struct procedure proc_params = { .request = { LL_CONNECTION_PARAM_REQ,
                                                    LL_CONNECTION_PARAM_REQ },
                                       .begin = params_begin,
                                       .on_refused = params_refused,
                                       .on_instant = NULL };

/* --- channels --------------------------------------------------------------------------------- */

/* LL_CHANNEL_MAP_IND: channels 5, instant u16.  5.1.2 */
static void channels_begin(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    l->response_by = NEVER;
    memcpy(l->new_chm, c->ll->channel_map, sizeof l->new_chm);
    l->instant_procedure = P_CHANNELS;
    l->instant = control_choose_instant(c, i);
    wr_u8(&pdu, LL_CHANNEL_MAP_IND);
    wr_bytes(&pdu, l->new_chm, sizeof l->new_chm);
    wr_le16(&pdu, l->instant);
    control_send(l, &pdu);
}

/* LL_CHANNEL_MAP_IND: map 5, instant u16. A map of one channel is ignored. 2.4.2.2 */
void rx_channel_map_ind(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint8_t chm[5], n = 0;
    (void)c;
    rd_copy(in, chm, sizeof chm);
    chm[4] &= 0x1f; /* the other bits are reserved */
    uint16_t instant = rd_le16(in);
    for (unsigned k = 0; k < DATA_CHANNELS; k++) {
        n = (uint8_t)(n + (chm[k / 8] >> (k % 8) & 1));
    }
    if (n >= 2 && control_check_instant(l, instant)) {
        memcpy(l->new_chm, chm, sizeof chm);
        l->instant_procedure = P_CHANNELS;
        l->instant = instant;
    }
}

/* The new channel map is in force. */
static void channels_instant(controller *c, uint8_t i)
{
    memcpy(c->links[i].chm, c->links[i].new_chm, sizeof c->links[i].chm);
}

const struct procedure proc_channels = { .request = { LL_CHANNEL_MAP_IND, LL_CHANNEL_MAP_IND },
                                         .begin = channels_begin,
                                         .on_refused = NULL,
                                         .on_instant = channels_instant };

/* --- PHYs ------------------------------------------------------------------------------------- */

/* Sends LL_PHY_REQ or LL_PHY_RSP: tx u8, rx u8, sets of PHYs. 5.1.10 */
static void send_phys(struct link *l, uint8_t opcode, uint8_t tx, uint8_t rx)
{
    uint8_t b[3] = { opcode, tx, rx };
    struct wr pdu = wr_of(b, sizeof b);
    pdu.p += sizeof b;
    control_send(l, &pdu);
}

/* The host wants other PHYs. */
static void phy_begin(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    send_phys(l, LL_PHY_REQ, l->host_tx_phys, l->host_rx_phys);
}

/* LE PHY Update Complete: status u8, handle u16, tx u8, rx u8.  Vol 4, Part E, 7.7.65.12 */
static void phy_notify(controller *c, uint8_t i, uint8_t status)
{
    struct link *l = &c->links[i];
    uint8_t b[8];
    struct wr w = wr_of(b, sizeof b);
    l->phy_event_due = false;
    wr_u8(&w, status);
    wr_le16(&w, link_handle(i));
    wr_u8(&w, phy_number(l->tx_phy));
    wr_u8(&w, phy_number(l->rx_phy));
    evt_le(c, LE_PHY_UPDATE, &w);
}

enum { ALL_PHYS = 7 }; /* a bit each: 1M, 2M, Coded */

/* The fastest PHY of a set; 0: the set is empty. */
static uint8_t phy_best(uint8_t set)
{
    static const uint8_t best[8] = { 0, PHY_1M, PHY_2M, PHY_2M, PHY_CODED, PHY_1M, PHY_2M, PHY_2M };
    return best[set & ALL_PHYS];
}

/* A PHY as LL_PHY_UPDATE_IND names it: a set of one; 0: unchanged. */
static uint8_t phy_change(uint8_t from, uint8_t to)
{
    if (phy_number(to) == phy_number(from)) {
        return 0;
    }
    return (uint8_t)(1 << (phy_number(to) - 1));
}

/* Central: chooses the PHYs that both sides prefer and sends LL_PHY_UPDATE_IND: to the peripheral
 * u8, to the central u8 (sets of one; 0: unchanged), instant u16. */
static void phy_decide(controller *c, uint8_t i, uint8_t my_tx, uint8_t my_rx, uint8_t peer_tx,
                       uint8_t peer_rx)
{
    struct link *l = &c->links[i];
    uint8_t tx = phy_best(my_tx & peer_rx), rx = phy_best(my_rx & peer_tx), b[5];
    struct wr pdu = wr_of(b, sizeof b);
    l->new_tx_phy = l->tx_phy;
    if (tx) {
        l->new_tx_phy = tx;
    }
    l->new_rx_phy = l->rx_phy;
    if (rx) {
        l->new_rx_phy = rx;
    }
    bool same = phy_number(l->new_tx_phy) == phy_number(l->tx_phy) &&
                phy_number(l->new_rx_phy) == phy_number(l->rx_phy);
    l->instant = control_choose_instant(c, i);
    wr_u8(&pdu, LL_PHY_UPDATE_IND);
    wr_u8(&pdu, phy_change(l->tx_phy, l->new_tx_phy));
    wr_u8(&pdu, phy_change(l->rx_phy, l->new_rx_phy));
    uint16_t instant = 0;
    if (!same) {
        instant = l->instant;
    }
    wr_le16(&pdu, instant);
    control_send(l, &pdu);
    if (!same) {
        l->instant_procedure = P_PHY;
        return;
    }
    if (l->phy_event_due) {
        phy_notify(c, i, 0);
    }
    control_done(c, i, P_PHY);
}

/* LL_PHY_REQ: PHYs sent u8, received u8. A central decides, a peripheral answers with its own.
 * 2.4.2.22 */
void rx_phy_req(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint8_t tx = rd_u8(in), rx = rd_u8(in);
    if (!control_accept_remote(c, i, P_PHY, LL_PHY_REQ)) {
        return;
    }
    if (l->central) {
        phy_decide(c, i, c->ll->default_tx_phys, c->ll->default_rx_phys, tx, rx);
    } else {
        send_phys(l, LL_PHY_RSP, c->ll->default_tx_phys, c->ll->default_rx_phys);
    }
}

/* Central: the peripheral's sets, see rx_phy_req(): now the central decides. */
void rx_phy_rsp(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint8_t tx = rd_u8(in), rx = rd_u8(in);
    if (l->local_procedure == P_PHY && !l->instant_procedure) {
        l->response_by = NEVER;
        phy_decide(c, i, l->host_tx_phys, l->host_rx_phys, tx, rx);
    }
}

/* The PHY that a field of LL_PHY_UPDATE_IND names.  `now`: it names none, more than one, or one
 * that this controller does not have. */
static uint8_t phy_named(const controller *c, uint8_t set, uint8_t now)
{
    bool one = set == 1 || set == 2 || set == 4;
    if (one && (phys_supported(c) & set)) {
        return phy_best(set);
    }
    return now;
}

/* LL_PHY_UPDATE_IND: PHY central to peripheral u8, back u8, instant u16. Both 0: nothing
 * changes.  The upper five bits are reserved, and ignored. 2.4.2.24 */
void rx_phy_update_ind(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint8_t rx = rd_u8(in) & ALL_PHYS, tx = rd_u8(in) & ALL_PHYS;
    uint16_t instant = rd_le16(in);
    if (!rx && !tx) {
        if (l->phy_event_due) {
            phy_notify(c, i, 0);
        }
        control_done(c, i, P_PHY);
        return;
    }
    if (control_check_instant(l, instant)) {
        if (l->local_procedure == P_PHY) {
            l->response_by = NEVER;
        }
        l->new_rx_phy = phy_named(c, rx, l->rx_phy);
        l->new_tx_phy = phy_named(c, tx, l->tx_phy);
        l->instant_procedure = P_PHY;
        l->instant = instant;
    }
}

/* The instant of a change of PHYs. Which coding is used is the sender's choice. */
static void phy_instant(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    if (l->new_tx_phy == PHY_CODED && l->host_coded_s2) {
        l->tx_phy = PHY_CODED_S2;
    } else {
        l->tx_phy = l->new_tx_phy;
    }
    l->rx_phy = l->new_rx_phy;
    phy_notify(c, i, 0);
    length_changed(c, i);
}

const struct procedure proc_phy = { .request = { LL_PHY_REQ, LL_PHY_RSP },
                                    .begin = phy_begin,
                                    .on_refused = phy_notify,
                                    .on_instant = phy_instant };
