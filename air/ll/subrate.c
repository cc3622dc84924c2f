/* Connection subrating: only each n-th connection event is used, and those that follow an event
 * with data. Vol 6, Part B, 4.5.1, 5.1.19; Vol 4, Part E, 7.8.115, 7.8.123, 7.8.124
 *
 * A command's function reads its parameters from `in` and writes the return parameters that
 * follow the status to `ret`.  It returns the status, or CMD_ANSWERED.
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   acceptable_subrate: what the host allows the peer to request
 *   active_until_event: all events until this one are used, in spite of subrating
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   begin: of a procedure: starts it
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   cis_supervise(): the streams' supervision timeouts begin again, with the connection's
 *   CMD_ANSWERED: of a command: Command Complete or Command Status has been sent already, or none
 *       is to be
 *   CMD_STATUS: flag of a command: answered by Command Status
 *   continuation: events after one with data that are used, too
 *   control_done(): the procedure has ended
 *   CONTROL_MAX: octets of the longest control PDU
 *   control_pending(): the procedure P_… is wanted or runs
 *   control_reject(): queues LL_REJECT_EXT_IND, or what an older peer understands
 *   control_request(): the procedure P_… is wanted: it begins when no other runs
 *   control_send(): queues a control PDU
 *   controller_features(): its features, a bit each
 *   evt_le(): an LE event for the host, unless it is masked
 *   FEATURE_CIS_CENTRAL: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   features_known: the peer's features have been received
 *   host_features: features that the host has set: bits
 *   host_subrate: the subrate parameters that our host wants
 *   instant_procedure: P_… that takes effect at the connection event `instant`; 0: none
 *   link_by_handle(): the connection with HCI's handle, and its index; NULL: none
 *   link_handle(): HCI's handle of the connection with this index
 *   link_supervision(): us: the supervision timeout
 *   LL_SUBRATE_REQ: LL_…: opcodes of control PDUs.  Vol 6, Part B, 2.4.2
 *   local_procedure: P_… that we have begun
 *   lost_at: us: the supervision timeout
 *   NEVER: a deadline that does not exist: later than any time
 *   new_subrate: the subrate parameters that are to be in force
 *   new_subrate_base: subrate_base of new_subrate
 *   on_instant: of a procedure: called when its instant is reached
 *   on_refused: of a procedure: called when the peer has refused it
 *   peer_has(): the peer has this feature; valid when features_known
 *   ref_event: the last event attended
 *   response_by: us: the connection is lost if the peer has not answered by then
 *   subrate_base: a connection event that is used: of the others each subrate_factor-th from it
 *   subrate_factor: one connection event of so many is used
 *   subrate_ind_out: LL_SUBRATE_IND is not acknowledged: the peer may have it or not
 *   supervision: 10 ms: the supervision timeout
 *   VERSION_5_2: VERSION_…: versions of the specification, as HCI counts them */
#include "host.h"
#include "control.h"

enum { EVENTS_MAX = 500 };

/* In the ranges of the specification.  7.8.123 */
static bool subrate_valid(const struct subrate *s)
{
    return s->min >= 1 && s->min <= s->max && s->max <= 500 && s->latency <= 499 &&
           s->continuation <= 499 && s->timeout >= 10 && s->timeout <= 3200 &&
           s->max * (s->latency + 1u) <= EVENTS_MAX && s->continuation < s->max;
}

/* Factor min u16, max u16, latency u16, continuation u16, timeout u16. */
static struct subrate subrate_read(struct rd *in)
{
    struct subrate s = { .min = rd_le16(in) };
    s.max = rd_le16(in);
    s.latency = rd_le16(in);
    s.continuation = rd_le16(in);
    s.timeout = rd_le16(in);
    return s;
}

/* Until the host sets others: every event is used. */
void subrate_defaults(struct subrate *s)
{
    *s = (struct subrate){ .min = 1, .max = 1, .latency = 0, .continuation = 0, .timeout = 3200 };
}

/* How many events after the last one the next used event is. While an instant is pending, or the
 * peer may not have the new subrate, all are used. */
uint32_t subrate_ahead(const struct link *l)
{
    uint32_t next = l->ref_event + 1;
    if (l->subrate_factor <= 1 || l->instant_procedure || l->subrate_ind_out ||
        next <= l->active_until_event) {
        return 1;
    }
    uint32_t past = (next - l->subrate_base) % l->subrate_factor;
    if (!past) {
        return 1;
    }
    return 1 + l->subrate_factor - past;
}

/* LE Subrate Change: status u8, handle u16, factor u16, latency u16, continuation u16, timeout
 * u16.  7.7.65.35 */
static void subrate_notify(controller *c, uint8_t i, uint8_t status)
{
    const struct link *l = &c->links[i];
    uint8_t b[11];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    wr_le16(&w, link_handle(i));
    wr_le16(&w, l->subrate_factor);
    wr_le16(&w, l->latency);
    wr_le16(&w, l->continuation);
    wr_le16(&w, l->supervision);
    evt_le(c, LE_SUBRATE_CHANGE, &w);
}

/* LL_SUBRATE_REQ: factor min u16, max u16, latency u16, continuation u16, timeout u16. */
static void send_subrate_req(struct link *l)
{
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    wr_u8(&pdu, LL_SUBRATE_REQ);
    wr_le16(&pdu, l->host_subrate.min);
    wr_le16(&pdu, l->host_subrate.max);
    wr_le16(&pdu, l->host_subrate.latency);
    wr_le16(&pdu, l->host_subrate.continuation);
    wr_le16(&pdu, l->host_subrate.timeout);
    control_send(l, &pdu);
}

/* Central: sends LL_SUBRATE_IND: factor u16, base event u16, latency u16, continuation u16,
 * timeout u16. The subrate applies from its acknowledgement on. */
static void send_subrate_ind(controller *c, uint8_t i, const struct subrate *s)
{
    struct link *l = &c->links[i];
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    l->new_subrate = *s;
    l->new_subrate_base = l->ref_event + 1;
    /* link_supervision() is the longer of both timeouts as long as subrate_ind_out is set. */
    l->lost_at -= link_supervision(l);
    l->subrate_ind_out = true;
    l->lost_at += link_supervision(l);
    wr_u8(&pdu, LL_SUBRATE_IND);
    wr_le16(&pdu, s->max);
    wr_le16(&pdu, (uint16_t)l->new_subrate_base);
    wr_le16(&pdu, s->latency);
    wr_le16(&pdu, s->continuation);
    wr_le16(&pdu, s->timeout);
    control_send(l, &pdu);
}

/* Takes the new subrate parameters over, and reports them. */
static void subrate_take(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    l->subrate_factor = l->new_subrate.max;
    l->subrate_base = l->new_subrate_base;
    l->latency = l->new_subrate.latency;
    l->continuation = l->new_subrate.continuation;
    l->supervision = l->new_subrate.timeout;
    l->lost_at = c->air->now + l->supervision * 10000u;
    cis_supervise(c, i);
    l->active_until_event = l->ref_event + l->continuation;
    l->subrate_ind_out = false;
    subrate_notify(c, i, 0);
}

/* The peer has acknowledged LL_SUBRATE_IND. */
void subrate_on_ack(controller *c, uint8_t i)
{
    subrate_take(c, i);
    control_done(c, i, P_SUBRATE);
}

/* The procedure begins: a central decides at once, a peripheral requests. */
static void subrate_begin(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    if (l->central && !subrate_fits(l, &l->host_subrate)) {
        subrate_notify(c, i, WOAD_HCI_UNSUPPORTED_LL_PARAMETERS);
        control_done(c, i, P_SUBRATE); /* the interval has changed since the command */
    } else if (l->central) {
        l->response_by = NEVER;
        send_subrate_ind(c, i, &l->host_subrate);
    } else {
        send_subrate_req(l);
    }
}

/* Chooses the largest factor that both sides accept. 5.1.19 */
void rx_subrate_req(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    struct subrate asked = subrate_read(in), mine = l->acceptable_subrate;
    struct subrate s = asked;
    s.min = max_u16(s.min, mine.min);
    s.max = min_u16(s.max, mine.max);
    s.latency = min_u16(s.latency, mine.latency);
    s.continuation = max_u16(s.continuation, mine.continuation);
    s.timeout = min_u16(s.timeout, mine.timeout);
    if (s.max && s.continuation >= s.max) {
        s.continuation = (uint16_t)(s.max - 1);
    }
    if (l->local_procedure == P_SUBRATE || l->local_procedure == P_UPDATE ||
        l->local_procedure == P_PARAMS || l->instant_procedure == P_UPDATE || l->subrate_ind_out) {
        control_reject(c, l, LL_SUBRATE_REQ,
                       l->local_procedure == P_SUBRATE ? WOAD_HCI_PROCEDURE_COLLISION
                                                       : WOAD_HCI_TRANSACTION_COLLISION);
    } else if (!subrate_valid(&asked)) {
        control_reject(c, l, LL_SUBRATE_REQ, WOAD_HCI_INVALID_LL_PARAMETERS);
    } else if (!subrate_valid(&s) || !subrate_fits(l, &s)) {
        control_reject(c, l, LL_SUBRATE_REQ, WOAD_HCI_UNSUPPORTED_LL_PARAMETERS);
    } else {
        send_subrate_ind(c, i, &s);
    }
}

/* LL_SUBRATE_IND: factor u16, base event u16, latency u16, continuation u16, time-out u16.
 * 2.4.2.37 */
void rx_subrate_ind(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    struct subrate s = { .max = rd_le16(in) };
    uint16_t base = rd_le16(in);
    s.latency = rd_le16(in);
    s.continuation = rd_le16(in);
    s.timeout = rd_le16(in);
    s.min = s.max;
    if (subrate_valid(&s)) {
        l->new_subrate = s;
        int16_t ahead = (int16_t)(uint16_t)(base - (uint16_t)l->event);
        l->new_subrate_base = (uint32_t)((int64_t)l->event + ahead);
        subrate_take(c, i);
    }
    control_done(c, i, P_SUBRATE);
}

const struct procedure proc_subrate = { .request = { LL_SUBRATE_REQ, LL_SUBRATE_REQ },
                                        .begin = subrate_begin,
                                        .on_refused = subrate_notify,
                                        .on_instant = NULL };

/* Whether the supervision timeout is longer than two of the longest silences. */
bool subrate_fits(const struct link *l, const struct subrate *s)
{
    return s->timeout * 4u > (s->latency + 1u) * s->max * l->interval;
}

/* --- commands --------------------------------------------------------------------------------- */

/* factor min u16, max u16, latency u16, continuation u16, timeout u16: acceptable on connections
 * to be created. 7.8.123 */
static int cmd_default_subrate(controller *c, struct rd *in, struct wr *ret)
{
    struct subrate s = subrate_read(in);
    (void)ret;
    if (!subrate_valid(&s)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    c->ll->subrate = s;
    return 0;
}

/* A central needs to know that the peer's host supports it; a peripheral asks the central,
 * unless that has no such feature. */
static bool subrate_supported(const struct link *l)
{
    if (l->central) {
        return l->features_known && peer_has(l, FEATURE_SUBRATE_HOST);
    }
    return !l->features_known || peer_has(l, FEATURE_SUBRATE);
}

/* handle u16, the same. A central needs to know that the peer and its host support it:
 * LL_SUBRATE_IND has no response. 7.8.124 */
static int cmd_subrate(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t i;
    struct link *l = link_by_handle(c, rd_le16(in), &i);
    struct subrate s = subrate_read(in);
    (void)ret;
    int status = 0;
    if (!l) {
        status = WOAD_HCI_UNKNOWN_CONNECTION;
    } else if (!subrate_valid(&s) || !subrate_fits(l, &s)) {
        status = WOAD_HCI_INVALID_PARAMETERS;
    } else if (control_pending(l, P_SUBRATE) || l->subrate_ind_out) {
        status = WOAD_HCI_COMMAND_DISALLOWED;
    } else if (!subrate_supported(l)) {
        status = WOAD_HCI_UNSUPPORTED_REMOTE;
    }
    evt_status(c, OP_LE_SUBRATE_REQUEST, (uint8_t)status);
    if (!status) {
        l->host_subrate = s;
        if (l->central) {
            l->acceptable_subrate = s;
        }
        control_request(c, i, P_SUBRATE);
    }
    return CMD_ANSWERED;
}

/* bit u8, value u8: a feature that the host supports. Not during connections. 7.8.115 */
static int cmd_host_feature(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t bit = rd_u8(in), value = rd_u8(in);
    (void)ret;
    if (value > 1) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    uint64_t needs = 1ull << FEATURE_SUBRATE;
    if (bit == FEATURE_CIS_HOST) {
        needs = 3ull << FEATURE_CIS_CENTRAL;
    }
    if ((bit != FEATURE_CIS_HOST && bit != FEATURE_SUBRATE_HOST) ||
        (value && !(controller_features(c) & needs))) {
        return WOAD_HCI_UNSUPPORTED;
    }
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        if (c->links[i].used) {
            return WOAD_HCI_COMMAND_DISALLOWED;
        }
    }
    c->ll->host_features &= ~(1ull << bit);
    if (value) {
        c->ll->host_features |= 1ull << bit;
    }
    return 0;
}

/* Opcode, octet and bit of Supported_Commands, octets of parameters, function, feature, flags
 * (CMD_…; 0: none), first version (0: 4.0): struct command in host.h. */
const struct command air_subrate_commands[] = {
    { OP_LE_SET_HOST_FEATURE, 44, 1, 2, cmd_host_feature, 0, 0, VERSION_5_2 },
    { OP_LE_SET_DEFAULT_SUBRATE, 46, 0, 10, cmd_default_subrate, FEATURE_SUBRATE, 0, 0 },
    { OP_LE_SUBRATE_REQUEST, 46, 1, 12, cmd_subrate, FEATURE_SUBRATE, CMD_STATUS, 0 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};
