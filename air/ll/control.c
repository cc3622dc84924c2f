/* Control procedures: which one is under way, which may begin, collisions, time-outs, and the
 * handlers of PDUs. Each side has one procedure of its own at a time. Those with an instant
 * (parameters, channels, PHYs) exclude each other on both sides: the central's continues, the
 * peripheral's is rejected. A response must be received within 40 s. Vol 6, Part B, 2.4.2, 5.1 to
 * 5.3
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   ACTIVITY_CONN: ACTIVITY_…: what the radio is used for
 *   after_encryption: control PDUs that are sent when encryption has started
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   begin: of a procedure: starts it
 *   cis_awaits_ind(): a stream that the host has accepted awaits LL_CIS_IND
 *   cis_on_cancelled(): the central has rejected LL_CIS_RSP
 *   cis_send_terminate(): sends LL_CIS_TERMINATE_IND, if a stream waits for it
 *   close_reason: the connection ends after this event, for this reason; 0: it goes on
 *   CONTROL_MAX: octets of the longest control PDU
 *   controller_features(): its features, a bit each
 *   controller_has(): the controller has this feature
 *   encrypt_expects(): the PDU is the one of encryption that the peer must send next, or begins it
 *   encrypting: encryption is being started or paused: no data are sent
 *   encryption_pdus_only: any control PDU that is not about encryption, and any data, ends the
 *       connection
 *   FEATURE_2M: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   features_known: the peer's features have been received
 *   held: PDUs of the peer's, received while encryption starts, n_held of them
 *   instant_procedure: P_… that takes effect at the connection event `instant`; 0: none
 *   link_wake(): the connection has something to send: a peripheral does not skip its next events
 *   LL_CHANNEL_MAP_IND: LL_…: opcodes of control PDUs.  Vol 6, Part B, 2.4.2
 *   local_procedure: P_… that we have begun
 *   miss_score: grows with each event missed: how far a connection has had bad luck
 *   n_after_encryption: control PDUs in after_encryption
 *   n_controls: control PDUs that wait to be sent
 *   NEVER: a deadline that does not exist: later than any time
 *   new_subrate: the subrate parameters that are to be in force
 *   on_instant: of a procedure: called when its instant is reached
 *   on_refused: of a procedure: called when the peer has refused it
 *   P_NONE: no control procedure
 *   params_accepted: params_answer() waits for the end of encryption
 *   params_answer(): answers the peer's request with an error, 0: with peer_params
 *   peer_has(): the peer has this feature; valid when features_known
 *   power_indicate(): sends LL_POWER_CHANGE_IND, if the peer does not know our power
 *   queued_procedures: bits 1 << P_…: procedures that are to be begun by us
 *   remote_procedure: P_… that the peer has begun
 *   request: of a procedure: opcodes of ours that a rejection of the peer's may name
 *   response_by: us: the connection is lost if the peer has not answered by then
 *   rx_encrypted: packets from the peer are encrypted
 *   subrate_factor: one connection event of so many is used
 *   subrate_ind_out: LL_SUBRATE_IND is not acknowledged: the peer may have it or not
 *   supervision: 10 ms: the supervision timeout
 *   terminate_by: us: the connection ends then, if LL_TERMINATE_IND is not acknowledged before
 *   terminate_reason: the reason in LL_TERMINATE_IND
 *   terminating: the end is being sent to the peer
 *   turn_next(): when the first turn of another activity begins, by owner and index (which of its
 *       connections, streams, syncs or sets); ACTIVITY_NONE: the first turn of any
 *   waits_for_room: something waits for room for a control PDU: control_on_room() begins it */
#include "host.h"
#include "control.h"

enum { RESPONSE_TIMEOUT_US = 40000000 };

/* Control PDUs that a connection has room for: to be sent; received, and held while encryption
 * starts. */
enum { QUEUE = sizeof((struct link *)NULL)->control / sizeof(struct control) };
enum { HELD = sizeof((struct link *)NULL)->held / sizeof(struct control) };

/* Whether a response can be queued. If not, no control PDU of the peer's is acknowledged. */
bool control_has_room(const struct link *l)
{
    return l->n_controls + l->n_after_encryption < QUEUE;
}

/* Whether a PDU may be queued that is no response: two places stay free, for a response and for
 * LL_TERMINATE_IND. */
bool control_has_spare(const struct link *l)
{
    return l->n_controls + l->n_after_encryption + 2 < QUEUE;
}

/* The same, and if there is no room, control_on_room() follows when there is. */
bool control_wait_for_spare(struct link *l)
{
    bool spare = control_has_spare(l);
    l->waits_for_room = l->waits_for_room || !spare;
    return spare;
}

/* A PDU of the procedures that start and pause encryption. */
static bool control_encrypts(uint8_t opcode)
{
    return opcode == LL_ENC_REQ || opcode == LL_ENC_RSP || opcode == LL_START_ENC_REQ ||
           opcode == LL_START_ENC_RSP || opcode == LL_PAUSE_ENC_REQ || opcode == LL_PAUSE_ENC_RSP;
}

/* Whether a PDU may be sent while encryption is being started or paused: the peer takes any other
 * for an attack. 5.1.3.1, 5.1.3.2 */
static bool control_goes_with_encryption(uint8_t opcode)
{
    return control_encrypts(opcode) || opcode == LL_TERMINATE_IND || opcode == LL_REJECT_IND ||
           opcode == LL_REJECT_EXT_IND || opcode == LL_UNKNOWN_RSP;
}

/* Copies a PDU that was written to `pdu`. */
static void control_put(struct control *slot, const struct wr *pdu)
{
    slot->len = (uint8_t)wr_len(pdu);
    memcpy(slot->pdu, pdu->base, slot->len);
}

/* Queues a control PDU whatever the state is: what a test injects. False: there is no room. */
bool control_inject(struct link *l, const struct wr *pdu)
{
    bool room = control_has_room(l);
    if (room) {
        control_put(&l->control[l->n_controls++], pdu);
    }
    return room;
}

/* Queues a control PDU; one that must not be sent while encryption starts waits for its end. There
 * is room: a procedure begins, and any PDU but a response is queued, only with control_has_spare();
 * a PDU of the peer is acknowledged only with control_has_room(). Without room for what the host
 * replies later, the peer's time limit ends the connection. */
void control_send(struct link *l, const struct wr *pdu)
{
    if (pdu->bad || !control_has_room(l)) {
        return;
    }
    if (l->encrypting && !control_goes_with_encryption(*pdu->base)) {
        control_put(&l->after_encryption[l->n_after_encryption++], pdu);
    } else {
        control_put(&l->control[l->n_controls++], pdu);
    }
}

/* A PDU of an opcode and at most two octets; `len` counts the opcode. */
static void control_send_short(struct link *l, size_t len, uint8_t opcode, uint8_t a, uint8_t b)
{
    uint8_t pdu[3] = { opcode, a, b };
    struct wr w = wr_of(pdu, sizeof pdu);
    w.p += len;
    control_send(l, &w);
}

/* Rejects the peer's PDU. LL_REJECT_EXT_IND: opcode u8, error u8; if one side does not support it,
 * LL_REJECT_IND: error u8, which serves encryption even before the features are known. 2.4.2.14,
 * 2.4.2.19, 5.1.3.1 */
void control_reject(const controller *c, struct link *l, uint8_t opcode, uint8_t error)
{
    bool mine = controller_has(c, FEATURE_REJECT_EXT);
    bool theirs;
    if (l->features_known) {
        theirs = peer_has(l, FEATURE_REJECT_EXT);
    } else {
        theirs = opcode != LL_ENC_REQ;
    }
    if (!mine || !theirs) {
        control_send_short(l, 2, LL_REJECT_IND, error, 0);
    } else {
        control_send_short(l, 3, LL_REJECT_EXT_IND, opcode, error);
    }
}

/* By kind; proc_…: in the file of each procedure. */
static const struct procedure *const procedures[P_KINDS] = {
    [P_VERSION] = &proc_version,   [P_FEATURES] = &proc_features, [P_LENGTH] = &proc_length,
    [P_PHY] = &proc_phy,           [P_UPDATE] = &proc_update,     [P_PARAMS] = &proc_params,
    [P_CHANNELS] = &proc_channels, [P_ENCRYPT] = &proc_encrypt,   [P_PING] = &proc_ping,
    [P_SCA] = &proc_sca,           [P_POWER] = &proc_power,       [P_SUBRATE] = &proc_subrate,
    [P_CIS] = &proc_cis,
};

/* Whether a procedure changes something at an instant that both sides must agree on. */
static bool at_instant(uint8_t kind)
{
    return kind == P_PHY || kind == P_UPDATE || kind == P_PARAMS || kind == P_CHANNELS;
}

/* Begins the next queued procedure, if none is under way and it may begin now. */
static void control_next(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    for (uint8_t kind = 1; kind < P_KINDS && !l->local_procedure; kind++) {
        bool instants =
            at_instant(kind) && (l->instant_procedure || l->remote_procedure || l->subrate_ind_out);
        instants = instants || (kind == P_SUBRATE && l->instant_procedure == P_UPDATE);
        bool waits =
            instants || (kind == P_CIS && l->instant_procedure) || l->encrypting || l->terminating;
        if ((l->queued_procedures >> kind & 1) && !waits && control_wait_for_spare(l)) {
            l->queued_procedures &= (uint16_t) ~(1u << kind);
            l->local_procedure = kind;
            control_start_timeout(c, i);
            procedures[kind]->begin(c, i);
        }
    }
}

/* A PDU has been acknowledged: begins what has waited for room. */
void control_on_room(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    if (l->waits_for_room && control_has_spare(l)) {
        l->waits_for_room = false;
        cis_send_terminate(c, i);
        power_indicate(c, i);
        control_next(c, i);
    }
}

/* A procedure is wanted: it begins now, or as soon as control_next() finds that it may. Several
 * requests of one kind before it begins are one. */
void control_request(controller *c, uint8_t i, uint8_t kind)
{
    c->links[i].queued_procedures |= (uint16_t)(1u << kind);
    control_next(c, i);
    link_wake(c, i);
}

/* Whether a procedure of this kind, begun here, is under way or queued. */
bool control_pending(const struct link *l, uint8_t kind)
{
    return l->local_procedure == kind || (l->queued_procedures >> kind & 1);
}

/* Starts the procedure response timeout. 5.2 */
void control_start_timeout(controller *c, uint8_t i)
{
    c->links[i].response_by = c->air->now + RESPONSE_TIMEOUT_US;
}

/* A procedure of this kind, begun by either side, has ended. */
void control_done(controller *c, uint8_t i, uint8_t kind)
{
    struct link *l = &c->links[i];
    if (l->local_procedure == kind) {
        l->local_procedure = P_NONE;
        l->response_by = NEVER;
        if (cis_awaits_ind(c, i)) {
            control_start_timeout(c, i);
        }
    }
    if (l->remote_procedure == kind) {
        l->remote_procedure = P_NONE;
    }
    control_next(c, i);
}

/* The peer begins a procedure with an instant. Returns false after rejecting it, if this central
 * has one under way. 5.3 */
bool control_accept_remote(controller *c, uint8_t i, uint8_t kind, uint8_t opcode)
{
    struct link *l = &c->links[i];
    bool ours = at_instant(l->local_procedure);
    if (l->central && (ours || l->instant_procedure)) {
        control_reject(c, l, opcode,
                       l->local_procedure == kind ? WOAD_HCI_PROCEDURE_COLLISION
                                                  : WOAD_HCI_TRANSACTION_COLLISION);
        return false;
    }
    l->remote_procedure = kind;
    return true;
}

/* Whether an instant is in the future. If not, the connection ends with this event. 5.5 */
bool control_check_instant(struct link *l, uint16_t instant)
{
    uint16_t ahead = (uint16_t)(instant - (uint16_t)l->event);
    if (ahead == 0 || ahead >= 0x7fff) {
        l->close_reason = WOAD_HCI_INSTANT_PASSED;
        return false;
    }
    return true;
}

/* The anchor of a connection event that a PDU of the peer names.  Returns false for an event that
 * is further away than NEAR_US, or before time 0. */
bool control_event_at(const struct link *l, uint16_t event, uint64_t *at)
{
    enum { NEAR_US = 100000000 }; /* longer than any interval, and any supervision timeout */
    int16_t ahead = (int16_t)(uint16_t)(event - (uint16_t)l->ref_event);
    int64_t distance = (int64_t)ahead * l->interval * 1250;
    int64_t result = (int64_t)l->ref_anchor + distance;
    *at = (uint64_t)result;
    return distance <= NEAR_US && distance >= -NEAR_US && result >= 0;
}

/* Events until an instant that a peer with this latency and subrate factor hears of before it. */
static uint32_t instant_ahead(const struct link *l, uint32_t latency, uint32_t factor,
                              uint32_t more)
{
    uint32_t silence = l->supervision * 4u / (l->interval * factor);
    return (7u + latency + min_uint(more, silence)) * factor;
}

/* Chooses the instant of a procedure that begins now: after the six events required, the
 * peripheral's latency, and more where the radios of both sides have missed events. While the peer
 * may or may not use a new subrate, the longer of both latencies counts. 5.5 */
uint16_t control_choose_instant(const controller *c, uint8_t i)
{
    enum { SHARED = 8 };        /* events more, where other turns take the radio */
    enum { AHEAD_MAX = 32000 }; /* less than 32767, from where an instant counts as passed. 5.5 */
    const struct link *l = &c->links[i];
    uint32_t more = l->miss_score + (turn_next(c, ACTIVITY_CONN, i) != NEVER ? SHARED : 0u);
    uint32_t ahead = instant_ahead(l, l->latency, l->subrate_factor, more);
    if (l->subrate_ind_out) {
        ahead = max_uint(ahead, instant_ahead(l, l->new_subrate.latency, l->new_subrate.max, more));
    }
    return (uint16_t)(l->event + min_uint(ahead, AHEAD_MAX));
}

/* The instant of a procedure: its changes take effect. */
void control_instant(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    uint8_t kind = l->instant_procedure;
    l->instant_procedure = P_NONE;
    procedures[kind]->on_instant(c, i);
    control_done(c, i, kind);
}

/* Whether a control PDU of this opcode waits to be sent. */
static bool control_queued(const struct link *l, uint8_t opcode)
{
    for (uint8_t n = 0; n < l->n_controls; n++) {
        if (l->control[n].pdu[0] == opcode) {
            return true;
        }
    }
    return false;
}

/* Sends LL_TERMINATE_IND: reason u8, in the place of all control PDUs that are queued. 5.1.6 */
void control_terminate(controller *c, uint8_t i, uint8_t reason)
{
    struct link *l = &c->links[i];
    if (l->terminating) {
        return;
    }
    l->terminate_reason = reason;
    l->terminating = true;
    l->terminate_by = c->air->now + l->supervision * 10000u;
    if (control_queued(l, LL_START_ENC_REQ)) {
        l->rx_encrypted = false; /* LL_START_ENC_REQ is dropped from the queue */
    }
    l->n_controls = l->n_after_encryption = 0;
    control_send_short(l, 2, LL_TERMINATE_IND, reason, 0);
    link_wake(c, i);
}

/* The peer has rejected a PDU. LL_REJECT_EXT_IND says which; LL_UNKNOWN_RSP too; LL_REJECT_IND
 * (opcode 0) is about the procedure under way. */
static void control_on_refused(controller *c, uint8_t i, uint8_t opcode, uint8_t error)
{
    struct link *l = &c->links[i];
    uint8_t kind = l->local_procedure;
    if (kind && (!opcode || procedures[kind]->request[0] == opcode ||
                 procedures[kind]->request[1] == opcode)) {
        if (procedures[kind]->on_refused) {
            procedures[kind]->on_refused(c, i, error);
        }
        control_done(c, i, kind);
    } else if (opcode == LL_CONNECTION_PARAM_RSP || opcode == LL_PHY_RSP) {
        l->remote_procedure = P_NONE;
    } else if (opcode == LL_CIS_RSP) {
        cis_on_cancelled(c, i, error);
    }
}

/* Control PDUs of the peer that have a handler, rx_…(), in the file of their procedure. */
static const struct {
    uint8_t opcode, len; /* octets, with the opcode */
    bool from_central, from_peripheral;
    void (*handle)(controller *c, uint8_t i, struct rd *in);
    uint8_t needs; /* FEATURE_… without which the PDU is unknown; 0: none */
} pdus[] = {
    /* opcode, octets; sent by a central, by a peripheral; handler; feature */
    { LL_CONNECTION_UPDATE_IND, 12, true, false, rx_update_ind, 0 },
    { LL_CHANNEL_MAP_IND, 8, true, false, rx_channel_map_ind, 0 },
    { LL_ENC_REQ, 23, true, false, rx_enc_req, 0 },
    { LL_ENC_RSP, 13, false, true, rx_enc_rsp, 0 },
    { LL_START_ENC_REQ, 1, false, true, rx_start_enc_req, 0 },
    { LL_START_ENC_RSP, 1, true, true, rx_start_enc_rsp, 0 },
    { LL_FEATURE_REQ, 9, true, false, rx_feature_req, 0 },
    { LL_FEATURE_RSP, 9, true, true, rx_feature_rsp, 0 },
    { LL_PAUSE_ENC_REQ, 1, true, false, rx_pause_enc_req, 0 },
    { LL_PAUSE_ENC_RSP, 1, true, true, rx_pause_enc_rsp, 0 },
    { LL_VERSION_IND, 6, true, true, rx_version_ind, 0 },
    { LL_PERIPHERAL_FEATURE_REQ, 9, false, true, rx_feature_req, FEATURE_PERIPHERAL },
    { LL_CONNECTION_PARAM_REQ, 24, true, true, rx_param_req, FEATURE_PARAM_REQ },
    { LL_CONNECTION_PARAM_RSP, 24, false, true, rx_param_rsp, FEATURE_PARAM_REQ },
    { LL_PING_REQ, 1, true, true, rx_ping_req, FEATURE_PING },
    { LL_PING_RSP, 1, true, true, rx_ping_rsp, FEATURE_PING },
    { LL_LENGTH_REQ, 9, true, true, rx_length_req, FEATURE_LENGTH },
    { LL_LENGTH_RSP, 9, true, true, rx_length_rsp, FEATURE_LENGTH },
    { LL_PHY_REQ, 3, true, true, rx_phy_req, FEATURE_2M },
    { LL_PHY_RSP, 3, false, true, rx_phy_rsp, FEATURE_2M },
    { LL_PHY_UPDATE_IND, 5, true, false, rx_phy_update_ind, FEATURE_2M },
    { LL_PERIODIC_SYNC_IND, 35, true, true, rx_periodic_sync_ind, FEATURE_PAST_RECIPIENT },
    { LL_CLOCK_ACCURACY_REQ, 2, true, true, rx_sca_req, FEATURE_SCA },
    { LL_CLOCK_ACCURACY_RSP, 2, true, true, rx_sca_rsp, FEATURE_SCA },
    { LL_POWER_CONTROL_REQ, 4, true, true, rx_power_req, FEATURE_POWER },
    { LL_POWER_CONTROL_RSP, 5, true, true, rx_power_rsp, FEATURE_POWER },
    { LL_POWER_CHANGE_IND, 5, true, true, rx_power_change, FEATURE_POWER_CHANGE },
    { LL_SUBRATE_REQ, 11, false, true, rx_subrate_req, FEATURE_SUBRATE },
    { LL_SUBRATE_IND, 11, true, false, rx_subrate_ind, FEATURE_SUBRATE },
    { LL_CIS_REQ, 36, true, false, rx_cis_req, FEATURE_CIS_PERIPHERAL },
    { LL_CIS_RSP, 9, false, true, rx_cis_rsp, FEATURE_CIS_CENTRAL },
    { LL_CIS_IND, 16, true, false, rx_cis_ind, FEATURE_CIS_PERIPHERAL },
    { LL_CIS_TERMINATE_IND, 4, true, true, rx_cis_terminate, FEATURE_CIS_PERIPHERAL },
};
enum { PDUS = sizeof pdus / sizeof *pdus };

/* Whether a PDU is allowed while encryption is started or paused: of those of encryption, only the
 * one that is next. 5.1.3.1, 5.1.3.2 */
static bool control_allowed(const struct link *l, uint8_t opcode)
{
    if (control_encrypts(opcode)) {
        return !l->encryption_pdus_only || encrypt_expects(l, opcode);
    }
    return !l->encryption_pdus_only || opcode == LL_TERMINATE_IND || opcode == LL_REJECT_IND ||
           opcode == LL_REJECT_EXT_IND;
}

/* Holds what the peer has sent before it received LL_ENC_REQ, one request and PDUs without a
 * response: a response before the end of that procedure would be an error. Of more than HELD the
 * rest is lost. Returns whether it is held. */
static bool control_hold(struct link *l, uint8_t opcode, struct rd *in)
{
    bool waits = l->central && l->encrypting && !l->encryption_pdus_only && opcode != LL_ENC_RSP &&
                 opcode != LL_START_ENC_REQ && opcode != LL_PAUSE_ENC_RSP;
    if (waits && rd_left(in) < CONTROL_MAX && l->n_held < HELD) {
        struct control *held = &l->held[l->n_held++];
        held->len = (uint8_t)(1 + rd_left(in));
        held->pdu[0] = opcode;
        rd_copy(in, held->pdu + 1, held->len - 1u);
    }
    return waits;
}

/* Encryption has ended: sends and handles what has waited for that. */
void control_release(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    struct control held[HELD];
    uint8_t n_held = l->n_held;
    memcpy(held, l->held, sizeof held);
    memcpy(l->control + l->n_controls, l->after_encryption,
           l->n_after_encryption * sizeof *l->control);
    l->n_controls = (uint8_t)(l->n_controls + l->n_after_encryption);
    l->n_after_encryption = l->n_held = 0;
    if (l->params_accepted) {
        l->params_accepted = false;
        params_answer(c, i, 0);
    }
    for (uint8_t n = 0; n < n_held && l->used; n++) {
        struct rd in = rd_of(held[n].pdu, held[n].len);
        control_on_rx(c, i, &in);
    }
}

/* Calls the handler of a PDU. One of the wrong length, or from the wrong side, is unknown. 5.6 */
static void control_dispatch(controller *c, uint8_t i, uint8_t opcode, struct rd *in)
{
    struct link *l = &c->links[i];
    if (control_hold(l, opcode, in) || (control_encrypts(opcode) && !encrypt_expects(l, opcode))) {
        return; /* of encryption, and out of turn: ignored */
    }
    for (size_t n = 0; n < PDUS; n++) {
        bool side;
        if (l->central) {
            side = pdus[n].from_peripheral;
        } else {
            side = pdus[n].from_central;
        }
        bool known = !pdus[n].needs || (controller_features(c) >> pdus[n].needs & 1);
        if (pdus[n].opcode == opcode && pdus[n].len == rd_left(in) + 1 && side && known) {
            pdus[n].handle(c, i, in);
            return;
        }
    }
    control_send_short(l, 2, LL_UNKNOWN_RSP, opcode, 0);
}

/* A control PDU: opcode u8, parameters. One that may not come while encryption starts ends the
 * connection. */
void control_on_rx(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint8_t opcode = rd_u8(in);
    if (in->bad) {
        return;
    }
    if (!control_allowed(l, opcode)) {
        l->close_reason = WOAD_HCI_MIC_FAILURE;
        return;
    }
    uint8_t a = 0, b = 0;
    switch (opcode) {
    case LL_TERMINATE_IND:
        a = rd_u8(in);
        l->close_reason = a;
        if (!a) {
            l->close_reason = WOAD_HCI_REMOTE_USER_TERMINATED;
        }
        break;
    case LL_UNKNOWN_RSP: control_on_refused(c, i, rd_u8(in), WOAD_HCI_UNSUPPORTED_REMOTE); break;
    case LL_REJECT_IND: control_on_refused(c, i, 0, rd_u8(in)); break;
    case LL_REJECT_EXT_IND:
        a = rd_u8(in);
        b = rd_u8(in);
        control_on_refused(c, i, a, b);
        break;
    default: control_dispatch(c, i, opcode, in);
    }
}
