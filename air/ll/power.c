/* LE Power Control, path loss monitoring, and the exchange of sleep clock accuracies. Vol 6, Part
 * B, 5.1.14, 5.1.17, 5.1.18; Vol 4, Part E, 7.8.108, 7.8.116 to 7.8.121, 7.7.65.30 to 7.7.65.32
 *
 * A command's function reads its parameters from `in` and writes the return parameters that
 * follow the status to `ret`.  It returns the status, or CMD_ANSWERED.
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   begin: of a procedure: starts it
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   CMD_ANSWERED: of a command: Command Complete or Command Status has been sent already, or none
 *       is to be
 *   CMD_STATUS: flag of a command: answered by Command Status
 *   control_done(): the procedure has ended
 *   control_request(): the procedure P_… is wanted: it begins when no other runs
 *   control_send(): queues a control PDU
 *   control_wait_for_spare(): a PDU that is no response can be queued; false: control_on_room()
 *       follows
 *   controller_sca(): class of the controller's sleep clock accuracy
 *   DBM_UNKNOWN: HCI's value for a power that is not known
 *   events_outside: events in a row in another zone than the one reported
 *   evt_le(): an LE event for the host, unless it is masked
 *   FEATURE_PATH_LOSS: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   features_known: the peer's features have been received
 *   indicated_power: dBm: what the peer knows of our power
 *   link_by_handle(): the connection with HCI's handle, and its index; NULL: none
 *   link_handle(): HCI's handle of the connection with this index
 *   link_wake(): the connection has something to send: a peripheral does not skip its next events
 *   LL_CLOCK_ACCURACY_REQ: LL_…: opcodes of control PDUs.  Vol 6, Part B, 2.4.2
 *   local_procedure: P_… that we have begun
 *   loss: state of path loss monitoring: thresholds in dB
 *   on_instant: of a procedure: called when its instant is reached
 *   on_refused: of a procedure: called when the peer has refused it
 *   path_loss: state of path loss monitoring: ll.h
 *   peer_has(): the peer has this feature; valid when features_known
 *   peer_power: dBm: of the peer's transmitter; DBM_UNKNOWN: not known
 *   peer_sca: class of the peer's sleep clock accuracy
 *   PHY_1M: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   phy_number(): HCI's number of a PHY: both codings are one
 *   power_event_due: the host gets LE Transmit Power Reporting when the procedure ends
 *   POWER_MAX: dBm: the greatest power of a transmitter
 *   POWER_MIN: dBm: the least power of a transmitter
 *   report_local_power: the host wants reports of changes of our power
 *   report_remote_power: the host wants reports of changes of the peer's power
 *   sca_event_due: the host gets LE Request Peer SCA Complete when the procedure ends
 *   sca_worsened: classes by which the host has lowered the sleep clock accuracy
 *   tx_power: dBm: of our packets on the connection
 *   VERSION_5_2: VERSION_…: versions of the specification, as HCI counts them
 *   zone_known: the host has a report of the zone */
#include "host.h"
#include "control.h"

enum { AT_MINIMUM = 1, AT_MAXIMUM = 2 };                           /* flags of a power */
enum { LOCAL_CHANGED = 0, REMOTE_CHANGED = 1, READ_COMPLETE = 2 }; /* Reason of a report */
enum { LOW = 0, MIDDLE = 1, HIGH = 2 };                            /* zones of the path loss */

/* --- clocks ----------------------------------------------------------------------------------- */

/* A control PDU of two octets. `pdu.p += sizeof b`, here and below: b is written already. */
static void send_two(struct link *l, uint8_t opcode, uint8_t value)
{
    uint8_t b[2] = { opcode, value };
    struct wr pdu = wr_of(b, sizeof b);
    pdu.p += sizeof b;
    control_send(l, &pdu);
}

/* Sends LL_CLOCK_ACCURACY_REQ: our class u8. */
static void sca_begin(controller *c, uint8_t i)
{
    send_two(&c->links[i], LL_CLOCK_ACCURACY_REQ, controller_sca(c));
}

/* LE Request Peer SCA Complete: status u8, handle u16, class u8. */
static void sca_notify(controller *c, uint8_t i, uint8_t status)
{
    uint8_t b[4];
    if (!c->links[i].sca_event_due) {
        return;
    }
    c->links[i].sca_event_due = false;
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    wr_le16(&w, link_handle(i));
    uint8_t sca = 0;
    if (!status) {
        sca = c->links[i].peer_sca;
    }
    wr_u8(&w, sca);
    evt_le(c, LE_PEER_SCA, &w);
}

/* LL_CLOCK_ACCURACY_REQ, LL_CLOCK_ACCURACY_RSP: class u8. */
void rx_sca_req(controller *c, uint8_t i, struct rd *in)
{
    c->links[i].peer_sca = rd_u8(in) & 7;
    send_two(&c->links[i], LL_CLOCK_ACCURACY_RSP, controller_sca(c));
}

/* The same PDU as the request; without a request of ours it is ignored. */
void rx_sca_rsp(controller *c, uint8_t i, struct rd *in)
{
    if (c->links[i].local_procedure == P_SCA) {
        c->links[i].peer_sca = rd_u8(in) & 7;
        sca_notify(c, i, 0);
        control_done(c, i, P_SCA);
    }
}

const struct procedure proc_sca = { .request = { LL_CLOCK_ACCURACY_REQ, LL_CLOCK_ACCURACY_REQ },
                                    .begin = sca_begin,
                                    .on_refused = sca_notify,
                                    .on_instant = NULL };

/* LE Request Peer SCA: handle u16. */
static int cmd_sca(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    struct link *l = link_by_handle(c, rd_le16(in), &i);
    (void)ret;
    if (!l) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    if (l->features_known && !peer_has(l, FEATURE_SCA)) {
        return WOAD_HCI_UNSUPPORTED_REMOTE;
    }
    evt_status(c, OP_LE_REQUEST_PEER_SCA, 0);
    l->sca_event_due = true;
    control_request(c, i, P_SCA);
    return CMD_ANSWERED;
}

/* action u8: 0 a better clock, 1 a worse one. Peers with the feature get the new class. 7.8.94 */
static int cmd_modify_sca(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t action = rd_u8(in);
    (void)ret;
    if (action > 1) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (action ? !controller_sca(c) : !c->ll->sca_worsened) {
        return WOAD_HCI_LIMIT_REACHED;
    }
    c->ll->sca_worsened = (uint8_t)(action ? c->ll->sca_worsened + 1 : c->ll->sca_worsened - 1);
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        const struct link *l = &c->links[i];
        if (l->used && l->features_known && peer_has(l, FEATURE_SCA)) {
            control_request(c, i, P_SCA);
        }
    }
    return 0;
}

/* --- powers ----------------------------------------------------------------------------------- */

/* Whether the power is at a limit: AT_MINIMUM, AT_MAXIMUM. */
static uint8_t power_flags(int power)
{
    return (uint8_t)((power <= POWER_MIN) * AT_MINIMUM | (power >= POWER_MAX) * AT_MAXIMUM);
}

/* The PHY of our packets, as control PDUs have it: a bit for each. */
static uint8_t phy_bit(const struct link *l)
{
    return (uint8_t)(1u << (l->tx_phy - 1));
}

/* Sends LL_POWER_CONTROL_REQ: PHY u8, requested change i8, own power i8. */
static void power_begin(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    uint8_t b[4] = { LL_POWER_CONTROL_REQ, phy_bit(l), 0, (uint8_t)l->tx_power };
    struct wr pdu = wr_of(b, sizeof b);
    pdu.p += sizeof b;
    control_send(l, &pdu);
}

/* LE Transmit Power Reporting: status u8, handle u16, reason u8, PHY u8, power i8, flags u8, change
 * i8. */
static void power_notify(controller *c, uint8_t i, uint8_t status, uint8_t reason, int8_t power,
                         int8_t delta)
{
    const struct link *l = &c->links[i];
    uint8_t b[9];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    wr_le16(&w, link_handle(i));
    wr_u8(&w, reason);
    wr_u8(&w, l->tx_phy);
    wr_u8(&w, (uint8_t)power);
    wr_u8(&w, power_flags(power));
    wr_u8(&w, (uint8_t)delta);
    evt_le(c, LE_TX_POWER_REPORT, &w);
}

/* The peer does not support power control: the host's command, if there is one, fails. */
static void power_refused(controller *c, uint8_t i, uint8_t error)
{
    if (c->links[i].power_event_due) {
        c->links[i].power_event_due = false;
        power_notify(c, i, error, READ_COMPLETE, DBM_UNKNOWN, 0);
    }
}

/* LL_POWER_CONTROL_RSP: flags u8, change i8, power i8, acceptable reduction u8. */
void rx_power_req(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    rd_u8(in);
    int before = l->tx_power, now = before + (int8_t)rd_u8(in);
    now = clamp(now, POWER_MIN, POWER_MAX);
    l->peer_power = (int8_t)rd_u8(in);
    l->tx_power = l->indicated_power = (int8_t)now;
    uint8_t b[5] = { LL_POWER_CONTROL_RSP, power_flags(now), (uint8_t)(now - before), (uint8_t)now,
                     0xff };
    struct wr pdu = wr_of(b, sizeof b);
    pdu.p += sizeof b;
    control_send(l, &pdu);
    if (now != before && l->report_local_power) {
        power_notify(c, i, 0, LOCAL_CHANGED, l->tx_power, (int8_t)(now - before));
    }
}

/* LL_POWER_CONTROL_RSP: flags u8, delta i8, power i8, reduction u8. 2.4.2.34 */
void rx_power_rsp(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    if (l->local_procedure != P_POWER) {
        return;
    }
    rd_u8(in);
    int8_t delta = (int8_t)rd_u8(in);
    l->peer_power = (int8_t)rd_u8(in);
    if (l->power_event_due) {
        l->power_event_due = false;
        power_notify(c, i, 0, READ_COMPLETE, l->peer_power, delta);
    }
    if (delta && l->report_remote_power) {
        power_notify(c, i, 0, REMOTE_CHANGED, l->peer_power, delta);
    }
    control_done(c, i, P_POWER);
}

/* The peer has changed its power unasked. LL_POWER_CHANGE_IND: PHY u8, flags u8, change i8, power
 * i8. */
void rx_power_change(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    rd_le16(in);
    int8_t delta = (int8_t)rd_u8(in);
    l->peer_power = (int8_t)rd_u8(in);
    if (l->report_remote_power) {
        power_notify(c, i, 0, REMOTE_CHANGED, l->peer_power, delta);
    }
}

const struct procedure proc_power = { .request = { LL_POWER_CONTROL_REQ, LL_POWER_CONTROL_REQ },
                                      .begin = power_begin,
                                      .on_refused = power_refused,
                                      .on_instant = NULL };

/* Tells the peer our power, if it has changed. */
void power_indicate(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    int8_t delta = (int8_t)(l->tx_power - l->indicated_power);
    if (!delta || !l->features_known || !peer_has(l, FEATURE_POWER_CHANGE) ||
        !control_wait_for_spare(l)) {
        return;
    }
    uint8_t b[5] = { LL_POWER_CHANGE_IND, phy_bit(l), power_flags(l->tx_power), (uint8_t)delta,
                     (uint8_t)l->tx_power };
    struct wr pdu = wr_of(b, sizeof b);
    pdu.p += sizeof b;
    l->indicated_power = l->tx_power;
    control_send(l, &pdu);
    link_wake(c, i);
}

/* The controller's power has changed: connections use it, and peers with the feature are notified.
 */
void power_changed(controller *c, int8_t power)
{
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        struct link *l = &c->links[i];
        int8_t delta = (int8_t)(power - l->tx_power);
        if (!l->used || !delta) {
            continue;
        }
        l->tx_power = power;
        if (l->report_local_power) {
            power_notify(c, i, 0, LOCAL_CHANGED, power, delta);
        }
        power_indicate(c, i);
    }
}

/* The status for a PHY: 1 1M, 2 2M, 3 S=8, 4 S=2, if it is supported. */
static int power_phy_status(const controller *c, uint8_t phy)
{
    uint8_t number = phy_number(phy);
    bool there = phy >= PHY_1M && phy <= PHY_CODED_S2 && (phys_supported(c) >> (number - 1) & 1);
    int status = WOAD_HCI_UNSUPPORTED;
    if (there) {
        status = 0;
    }
    return status;
}

/* handle u16, PHY u8 (1 1M, 2 2M, 3 S=8, 4 S=2); PHY u8, power i8, most i8.  7.8.117 */
static int cmd_own_power(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    uint8_t phy = rd_u8(in);
    const struct link *l = link_by_handle(c, handle, &i);
    wr_le16(ret, handle);
    wr_u8(ret, phy);
    wr_u8(ret, (uint8_t)(l ? l->tx_power : DBM_UNKNOWN));
    wr_u8(ret, POWER_MAX);
    int status = WOAD_HCI_UNKNOWN_CONNECTION;
    if (l) {
        status = power_phy_status(c, phy);
    }
    return status;
}

/* handle u16, PHY u8.  7.8.118 */
static int cmd_remote_power(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    struct link *l = link_by_handle(c, rd_le16(in), &i);
    uint8_t phy = rd_u8(in);
    (void)ret;
    int status = WOAD_HCI_UNKNOWN_CONNECTION;
    if (l) {
        status = power_phy_status(c, phy);
    }
    if (status) {
        return status;
    }
    if (l->power_event_due) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (l->features_known && !peer_has(l, FEATURE_POWER)) {
        return WOAD_HCI_UNSUPPORTED_REMOTE;
    }
    evt_status(c, OP_LE_READ_REMOTE_TX_POWER, 0);
    l->power_event_due = true;
    control_request(c, i, P_POWER);
    return CMD_ANSWERED;
}

/* handle u16, local u8, remote u8.  7.8.121 */
static int cmd_power_reports(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    struct link *l = link_by_handle(c, handle, &i);
    uint8_t local = rd_u8(in), remote = rd_u8(in);
    wr_le16(ret, handle);
    if (!l || local > 1 || remote > 1) {
        int status = WOAD_HCI_UNKNOWN_CONNECTION;
        if (l) {
            status = WOAD_HCI_INVALID_PARAMETERS;
        }
        return status;
    }
    l->report_local_power = local;
    l->report_remote_power = remote;
    if (remote) {
        control_request(c, i, P_POWER); /* asks the peer for its power, and to report changes */
    }
    return 0;
}

/* --- path loss -------------------------------------------------------------------------------- */

/* LE Path Loss Threshold: handle u16, loss u8, zone u8. */
static void path_loss_notify(controller *c, uint8_t i, uint8_t loss, uint8_t zone)
{
    uint8_t b[4];
    struct wr w = wr_of(b, sizeof b);
    wr_le16(&w, link_handle(i));
    wr_u8(&w, loss);
    wr_u8(&w, zone);
    evt_le(c, LE_PATH_LOSS_THRESHOLD, &w);
}

/* The zone of a loss, without hysteresis. */
static uint8_t path_loss_zone(const struct path_loss *p, int loss)
{
    if (loss > p->high) {
        return HIGH;
    }
    if (loss < p->low) {
        return LOW;
    }
    return MIDDLE;
}

/* The zone that a loss belongs to, if it is beyond a threshold of the present one by the
 * hysteresis; else the present one. */
static uint8_t path_loss_next_zone(const struct path_loss *p, int loss)
{
    bool leaves_high = p->zone == HIGH && loss < p->high - p->high_hyst;
    bool enters_high = p->zone != HIGH && loss > p->high + p->high_hyst;
    bool leaves_low = p->zone == LOW && loss > p->low + p->low_hyst;
    bool enters_low = p->zone == MIDDLE && loss < p->low - p->low_hyst;
    if (leaves_high || enters_high) {
        return path_loss_zone(p, loss);
    }
    if (leaves_low || enters_low) {
        if (loss > p->low) {
            return MIDDLE;
        }
        return LOW;
    }
    return p->zone;
}

/* A packet has been received. The zone changes when the loss has been beyond a threshold by its
 * hysteresis for min_events events. 4.5.16 */
void path_loss_on_rx(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    struct path_loss *p = &l->loss;
    if (!p->on || l->peer_power == DBM_UNKNOWN) {
        return;
    }
    int loss = l->peer_power - l->rssi;
    loss = clamp(loss, 0, 254);
    uint8_t zone;
    if (p->zone_known) {
        zone = path_loss_next_zone(p, loss);
    } else {
        zone = path_loss_zone(p, loss);
    }
    p->events_outside++;
    if (zone == p->zone && p->zone_known) {
        p->events_outside = 0;
    }
    if (p->events_outside && (!p->zone_known || p->events_outside >= p->min_events)) {
        p->zone_known = true;
        p->zone = zone;
        p->events_outside = 0;
        path_loss_notify(c, i, (uint8_t)loss, zone);
    }
}

/* handle u16, high u8, its hysteresis u8, low u8, its hysteresis u8, events u16.  7.8.119 */
static int cmd_loss_params(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    struct link *l = link_by_handle(c, handle, &i);
    struct path_loss p = { .high = rd_u8(in) };
    p.high_hyst = rd_u8(in);
    p.low = rd_u8(in);
    p.low_hyst = rd_u8(in);
    p.min_events = rd_le16(in);
    wr_le16(ret, handle);
    if (!l) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    if (p.low > p.high || p.low < p.low_hyst || p.high + p.high_hyst > 255 ||
        p.low + p.low_hyst > p.high - p.high_hyst) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    p.configured = true;
    p.on = l->loss.on;
    l->loss = p;
    return 0;
}

/* handle u16, on u8.  7.8.120 */
static int cmd_loss_enable(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    uint16_t handle = rd_le16(in);
    struct link *l = link_by_handle(c, handle, &i);
    uint8_t on = rd_u8(in);
    wr_le16(ret, handle);
    if (!l || on > 1) {
        int status = WOAD_HCI_UNKNOWN_CONNECTION;
        if (l) {
            status = WOAD_HCI_INVALID_PARAMETERS;
        }
        return status;
    }
    if (!l->loss.configured) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    l->loss.on = on;
    l->loss.zone_known = false;
    l->loss.events_outside = 0;
    if (on) {
        control_request(c, i, P_POWER); /* the loss is the peer's power less the RSSI */
    }
    return 0;
}

/* Opcode, octet and bit of Supported_Commands, octets of parameters, function, feature, flags
 * (CMD_…; 0: none), first version (0: 4.0): struct command in host.h. */
const struct command air_power_commands[] = {
    { OP_LE_MODIFY_SCA, 41, 4, 1, cmd_modify_sca, FEATURE_SCA, 0, 0 },
    { OP_LE_REQUEST_PEER_SCA, 43, 2, 2, cmd_sca, FEATURE_SCA, CMD_STATUS, VERSION_5_2 },
    { OP_LE_READ_ENHANCED_TX_POWER, 44, 3, 3, cmd_own_power, FEATURE_POWER, 0, 0 },
    { OP_LE_READ_REMOTE_TX_POWER, 44, 4, 3, cmd_remote_power, FEATURE_POWER, CMD_STATUS, 0 },
    { OP_LE_SET_PATH_LOSS_PARAMS, 44, 5, 8, cmd_loss_params, FEATURE_PATH_LOSS, 0, 0 },
    { OP_LE_SET_PATH_LOSS_ENABLE, 44, 6, 3, cmd_loss_enable, FEATURE_PATH_LOSS, 0, 0 },
    { OP_LE_SET_TX_POWER_REPORTS, 44, 7, 4, cmd_power_reports, FEATURE_POWER, 0, 0 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};
