/* Exchange of information: features, versions, data lengths; and pings. Vol 6, Part B, 5.1.4,
 * 5.1.5, 5.1.8, 5.1.9
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   begin: of a procedure: starts it
 *   control_done(): the procedure has ended
 *   CONTROL_MAX: octets of the longest control PDU
 *   control_send(): queues a control PDU
 *   controller_features(): its features, a bit each
 *   controller_has(): the controller has this feature
 *   controller_version(): its version, as HCI numbers them
 *   effective_rx: octets of the peer's packets that fit on this PHY
 *   effective_tx: octets that fit a packet on this PHY
 *   evt_le(): an LE event for the host, unless it is masked
 *   evt_put(): an event for the host, unless it is masked
 *   FEATURE_CODED: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   features_known: the peer's features have been received
 *   host_max_tx: octets that our host wants in a packet
 *   host_max_tx_time: us that a packet of ours may take, as our host wants
 *   length_begin_link(): calculates effective_tx and effective_rx of a new connection
 *   link_handle(): HCI's handle of the connection with this index
 *   LL_FEATURE_REQ: LL_…: opcodes of control PDUs.  Vol 6, Part B, 2.4.2
 *   local_procedure: P_… that we have begun
 *   max_rx: octets of a packet of the peer's that both sides can do
 *   max_tx: octets of a packet that both sides can do
 *   on_instant: of a procedure: called when its instant is reached
 *   on_refused: of a procedure: called when the peer has refused it
 *   peer_rx_time: us of a packet that the peer can receive
 *   peer_tx_time: us of a packet that the peer sends
 *   PHY_CODED: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   phy_number(): HCI's number of a PHY: both codings are one
 *   rx_time: us: connEffectiveMaxRxTime
 *   T_IFS: us between packets that belong together
 *   tx_time: us: connEffectiveMaxTxTime
 *   version_known: the peer's LL_VERSION_IND has been received
 *   version_sent: LL_VERSION_IND has been sent; each side may send one */
#include "host.h"
#include "control.h"

enum { COMPANY_NONE = 0xffff, SUBVERSION = 1 };
/* Octets and us: the least and the most; of 251 octets on 1M, of 27 on Coded and on 1M. 4.5.10 */
enum {
    MIN_OCTETS = 27,
    MAX_OCTETS = 251,
    MAX_TIME = 17040,
    TIME_1M = 2120,
    CODED_TIME = 2704,
    SHORT_TIME = 328
};

/* --- features --------------------------------------------------------------------------------- */

/* Sends the features. The first octet of a response has those of both sides. Bits that do not
 * concern a peer are masked. 2.4.2.9, 2.4.2.10, 4.6 */
static void send_features(controller *c, struct link *l, uint8_t opcode)
{
    enum {
        OWN =
            1 << FEATURE_PING | 1 << FEATURE_PRIVACY | 1 << FEATURE_EXT_ADV | 1 << FEATURE_PERIODIC
    };
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    uint64_t mine = controller_features(c) & ~(uint64_t)OWN;
    mine &= opcode == LL_FEATURE_RSP ? ~0xffull | l->features[0] : ~0ull;
    wr_u8(&pdu, opcode);
    wr_le32(&pdu, (uint32_t)mine);
    wr_le32(&pdu, (uint32_t)(mine >> 32));
    control_send(l, &pdu);
}

/* The request of each role.  5.1.4 */
static void features_begin(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    uint8_t opcode = LL_FEATURE_REQ;
    if (!l->central) {
        opcode = LL_PERIPHERAL_FEATURE_REQ;
    }
    send_features(c, l, opcode);
}

/* LE Read Remote Features Complete: status u8, handle u16, features 8.  Vol 4, Part E, 7.7.65.4 */
static void features_notify(controller *c, uint8_t i, uint8_t status)
{
    struct link *l = &c->links[i];
    uint8_t b[16];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    wr_le16(&w, link_handle(i));
    wr_bytes(&w, l->features, 8);
    evt_le(c, LE_REMOTE_FEATURES, &w);
}

/* The peer's features. */
static void features_take(struct link *l, struct rd *in)
{
    rd_copy(in, l->features, 8);
    l->features_known = true;
}

/* LL_FEATURE_REQ, LL_PERIPHERAL_FEATURE_REQ: features 8. 5.1.4 */
void rx_feature_req(controller *c, uint8_t i, struct rd *in)
{
    features_take(&c->links[i], in);
    send_features(c, &c->links[i], LL_FEATURE_RSP);
}

/* See rx_feature_req().  Without a request of ours it is ignored. */
void rx_feature_rsp(controller *c, uint8_t i, struct rd *in)
{
    if (c->links[i].local_procedure == P_FEATURES) {
        features_take(&c->links[i], in);
        features_notify(c, i, 0);
        control_done(c, i, P_FEATURES);
    }
}

const struct procedure proc_features = { .request = { LL_FEATURE_REQ, LL_PERIPHERAL_FEATURE_REQ },
                                         .begin = features_begin,
                                         .on_refused = features_notify,
                                         .on_instant = NULL };

/* --- version ---------------------------------------------------------------------------------- */

/* LL_VERSION_IND: version u8, company u16, subversion u16; once each way.  5.1.5 */
static void send_version(controller *c, struct link *l)
{
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    if (l->version_sent) {
        return;
    }
    l->version_sent = true;
    wr_u8(&pdu, LL_VERSION_IND);
    wr_u8(&pdu, controller_version(c));
    wr_le16(&pdu, COMPANY_NONE);
    wr_le16(&pdu, SUBVERSION);
    control_send(l, &pdu);
}

/* Read Remote Version Information Complete: status u8, handle u16, version.
 * Vol 4, Part E, 7.7.12 */
static void version_notify(controller *c, uint8_t i, uint8_t status)
{
    uint8_t b[16];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    wr_le16(&w, link_handle(i));
    wr_bytes(&w, c->links[i].version, 5);
    evt_put(c, EVT_REMOTE_VERSION, &w);
}

/* The host wants the peer's version: each side may send LL_VERSION_IND once. */
static void version_begin(controller *c, uint8_t i)
{
    if (c->links[i].version_known) {
        version_notify(c, i, 0);
        control_done(c, i, P_VERSION);
    } else if (c->links[i].version_sent) {
        version_notify(c, i,
                       WOAD_HCI_UNSUPPORTED_REMOTE); /* the peer has rejected an earlier one */
        control_done(c, i, P_VERSION);
    } else {
        send_version(c, &c->links[i]);
    }
}

/* The peer's version, requested or not: ours is sent, if it has not been. */
void rx_version_ind(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    rd_copy(in, l->version, 5);
    l->version_known = true;
    send_version(c, l);
    if (l->local_procedure == P_VERSION) {
        version_notify(c, i, 0);
        control_done(c, i, P_VERSION);
    }
}

const struct procedure proc_version = { .request = { LL_VERSION_IND, LL_VERSION_IND },
                                        .begin = version_begin,
                                        .on_refused = version_notify,
                                        .on_instant = NULL };

/* --- data length ------------------------------------------------------------------------------ */

/* us: the longest packet of the PHYs that the controller has. */
uint16_t length_max_time(const controller *c)
{
    if (!controller_has(c, FEATURE_CODED)) {
        return TIME_1M;
    }
    return MAX_TIME;
}

/* connMaxTxTime, us: what the host wants, at most what the PHYs supported need. */
static uint16_t length_wanted_time(const controller *c, const struct link *l)
{
    uint16_t most = length_max_time(c);
    if (l->host_max_tx_time < most) {
        return l->host_max_tx_time;
    }
    return most;
}

/* How many octets of payload fit into `us` on a PHY, beside a MIC. */
static uint8_t length_octets(uint8_t phy, uint32_t us)
{
    static const struct {
        uint16_t fixed, octet; /* us: a packet with a MIC and no payload; an octet; by PHY */
    } of[] = { { 112, 8 }, { 112, 8 }, { 60, 4 }, { 976, 64 }, { 526, 16 } };
    uint32_t fixed = of[phy].fixed;
    uint32_t n = 0;
    if (us > fixed) {
        n = (us - fixed) / of[phy].octet;
    }
    return (uint8_t)clamp((int)n, MIN_OCTETS, MAX_OCTETS);
}

/* connEffectiveMaxTxTime or connEffectiveMaxRxTime, us: the smaller of what one side sends and the
 * other receives. On the coded PHY at most an interval less the shortest response, and at least 27
 * octets. 4.5.10 */
static uint16_t length_time(const struct link *l, uint8_t phy, uint16_t sends, uint16_t takes)
{
    uint32_t us = sends;
    if (takes < sends) {
        us = takes;
    }
    uint32_t there = l->interval * 1250u;
    if (phy_number(phy) != PHY_CODED) {
        return (uint16_t)us;
    }
    there = there > CODED_TIME + 2u * T_IFS ? there - CODED_TIME - 2u * T_IFS : 0;
    if (us >= there) {
        us = there;
    }
    if (us <= CODED_TIME) {
        return CODED_TIME;
    }
    return (uint16_t)us;
}

/* Calculates the effective times and octets. Returns whether the host gets an event. */
static bool length_recompute(const controller *c, struct link *l)
{
    uint16_t tx = length_time(l, l->tx_phy, length_wanted_time(c, l), l->peer_rx_time);
    uint16_t rx = length_time(l, l->rx_phy, l->peer_tx_time, length_max_time(c));
    uint8_t fit_tx = length_octets(l->tx_phy, tx), fit_rx = length_octets(l->rx_phy, rx);
    bool changed = tx != l->tx_time || rx != l->rx_time;
    l->tx_time = tx;
    l->rx_time = rx;
    l->effective_tx = fit_tx;
    if (l->max_tx < fit_tx) {
        l->effective_tx = l->max_tx;
    }
    l->effective_rx = fit_rx;
    if (l->max_rx < fit_rx) {
        l->effective_rx = l->max_rx;
    }
    return changed;
}

/* A connection begins, with 27 octets in each direction. */
void length_begin_link(const controller *c, struct link *l)
{
    uint16_t time = CODED_TIME;
    if (phy_number(l->tx_phy) != PHY_CODED) {
        time = SHORT_TIME;
    }
    l->peer_rx_time = l->peer_tx_time = time;
    length_recompute(c, l);
}

/* LE Data Length Change: handle u16, tx octets u16, tx time u16, rx octets u16, rx time u16.
 * Vol 4, Part E, 7.7.65.7 */
static void length_notify(controller *c, uint8_t i)
{
    const struct link *l = &c->links[i];
    uint8_t b[16];
    struct wr w = wr_of(b, sizeof b);
    wr_le16(&w, link_handle(i));
    wr_le16(&w, l->max_tx);
    wr_le16(&w, l->tx_time);
    wr_le16(&w, l->max_rx);
    wr_le16(&w, l->rx_time);
    evt_le(c, LE_DATA_LENGTH_CHANGE, &w);
}

/* The PHY or the interval has changed. */
void length_changed(controller *c, uint8_t i)
{
    if (length_recompute(c, &c->links[i])) {
        length_notify(c, i);
    }
}

/* Sends LL_LENGTH_REQ or LL_LENGTH_RSP: rx octets u16, rx time u16, tx octets u16, tx time u16.
 * The times are those of the coded PHY if it is supported. 5.1.9 */
static void send_length(controller *c, struct link *l, uint8_t opcode)
{
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    wr_u8(&pdu, opcode);
    wr_le16(&pdu, MAX_OCTETS);
    wr_le16(&pdu, length_max_time(c));
    wr_le16(&pdu, l->host_max_tx);
    wr_le16(&pdu, length_wanted_time(c, l));
    control_send(l, &pdu);
}

/* Our lengths; the peer's are in its response. */
static void length_begin(controller *c, uint8_t i)
{
    send_length(c, &c->links[i], LL_LENGTH_REQ);
}

/* LL_LENGTH_REQ and _RSP: octets u16, us u16, received; octets u16, us u16, sent. 2.4.2.21 */
static void length_take(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint16_t rx = rd_le16(in), rx_time = rd_le16(in), tx = rd_le16(in), tx_time = rd_le16(in);
    if (rx < MIN_OCTETS || tx < MIN_OCTETS || rx_time < SHORT_TIME || tx_time < SHORT_TIME) {
        return;
    }
    uint8_t before = l->max_tx, before_rx = l->max_rx;
    if (rx < l->host_max_tx) {
        l->max_tx = (uint8_t)rx;
    } else {
        l->max_tx = (uint8_t)l->host_max_tx;
    }
    l->max_rx = MAX_OCTETS;
    if (tx < MAX_OCTETS) {
        l->max_rx = (uint8_t)tx;
    }
    l->peer_rx_time = rx_time;
    l->peer_tx_time = tx_time;
    if (length_recompute(c, l) || l->max_tx != before || l->max_rx != before_rx) {
        length_notify(c, i);
    }
}

/* The peer's lengths: see length_take(). */
void rx_length_req(controller *c, uint8_t i, struct rd *in)
{
    send_length(c, &c->links[i], LL_LENGTH_RSP);
    length_take(c, i, in);
}

/* See length_take().  Without a request of ours it is ignored. */
void rx_length_rsp(controller *c, uint8_t i, struct rd *in)
{
    if (c->links[i].local_procedure == P_LENGTH) {
        length_take(c, i, in);
        control_done(c, i, P_LENGTH);
    }
}

const struct procedure proc_length = { .request = { LL_LENGTH_REQ, LL_LENGTH_REQ },
                                       .begin = length_begin,
                                       .on_refused = NULL,
                                       .on_instant = NULL };

/* --- ping ------------------------------------------------------------------------------------- */

/* A PDU of its opcode alone. */
static void send_ping(struct link *l, uint8_t opcode)
{
    struct wr pdu = { &opcode, &opcode + 1, &opcode + 1, false }; /* a full buffer of one octet */
    control_send(l, &pdu);
}

/* Wanted when no packet with a MIC has come for a while: encrypt.c. */
static void ping_begin(controller *c, uint8_t i)
{
    send_ping(&c->links[i], LL_PING_REQ);
}

/* LL_PING_REQ, LL_PING_RSP: nothing.  5.1.8 */
void rx_ping_req(controller *c, uint8_t i, struct rd *in)
{
    (void)in;
    send_ping(&c->links[i], LL_PING_RSP);
}

/* Any packet with a MIC serves; the response only ends the procedure. */
void rx_ping_rsp(controller *c, uint8_t i, struct rd *in)
{
    (void)in;
    control_done(c, i, P_PING);
}

const struct procedure proc_ping = { .request = { LL_PING_REQ, LL_PING_REQ },
                                     .begin = ping_begin,
                                     .on_refused = NULL,
                                     .on_instant = NULL };
