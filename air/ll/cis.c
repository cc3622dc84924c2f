/* Connected isochronous streams: how one is created, accepted or refused, and ended. Their events
 * are in cis_event.c. Vol 6, Part B, 2.4.2.29 to 2.4.2.32, 5.1.15, 5.1.16
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   s: a stream (struct iso, ll.h)
 *   accepted: LL_CIS_RSP has been sent, LL_CIS_IND is awaited
 *   ACTIVITY_NONE: no activity: the radio is off
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   bn_rx: payloads of an event that we receive
 *   bn_tx: payloads of an event that we send
 *   carry: the fraction of a us that remains of times by a drifting clock
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   cis_req_out: LL_CIS_REQ has been sent, its answer is awaited
 *   cis_terminating: index + 1 of the stream whose LL_CIS_TERMINATE_IND is on its way; 0: none
 *   clock_widening(): us by which both clocks may be apart after a time
 *   control_choose_instant(): a connection event far enough ahead that the PDU which names it
 *       arrives before
 *   control_done(): the procedure has ended
 *   control_event_at(): the anchor of a connection event that the peer names; false: it is too far
 *       away
 *   CONTROL_MAX: octets of the longest control PDU
 *   control_reject(): queues LL_REJECT_EXT_IND, or what an older peer understands
 *   control_request(): the procedure P_… is wanted: it begins when no other runs
 *   control_send(): queues a control PDU
 *   control_start_timeout(): sets response_by: 40 s from now
 *   control_wait_for_spare(): a PDU that is no response can be queued; false: control_on_room()
 *       follows
 *   creating: the stream is being created
 *   established: a packet has been received; until then it is lost after six events
 *   evt_cis_established(): LE CIS Established, with a status
 *   evt_cis_request(): LE CIS Request
 *   evt_disconnected(): Disconnection Complete
 *   evt_le_enabled(): the host has unmasked this LE event
 *   FEATURE_CIS_HOST: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   group_delay: us that a group takes in its interval
 *   ISO_CIS: kind of a stream: connected
 *   iso_free(): an unused stream, all zeros; NULL: none is left
 *   iso_handle(): HCI's handle of a stream
 *   ISO_NONE: kind of a stream: it is not in use
 *   iso_payloads(): payloads that an SDU of this length takes
 *   ISO_PDU: octets of the longest payload
 *   ISO_SDU: octets of the longest SDU
 *   ISO_SUBEVENTS: subevents of an event, at most
 *   last_exchange_at: us: the end of the last exchange with the peer, for the arbiter
 *   last_rx_at: us: the last packet received: the peer's clock is known from then
 *   link_wake(): the connection has something to send: a peripheral does not skip its next events
 *   ll_access_address(): a random access address that fits the rules and is not in use
 *   lost_at: us: the supervision timeout
 *   NEVER: a deadline that does not exist: later than any time
 *   nse: subevents of an event
 *   on: of a stream: its events are scheduled
 *   peer_sca: class of the peer's sleep clock accuracy
 *   phase: of a turn: any of its times
 *   PHY_CODED: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   phy_number(): HCI's number of a PHY: both codings are one
 *   position: us from the first stream of its group
 *   ref_anchor: anchor of the last event attended, from which the next are reckoned
 *   ref_event: the last event attended
 *   response_by: us: the connection is lost if the peer has not answered by then
 *   sdu_interval: us from one SDU to the next
 *   sub_interval: us from one subevent to the next
 *   supervision: 10 ms: the supervision timeout
 *   sync_delay: us that a stream or a group takes in its interval
 *   terminating: the end is being sent to the peer
 *   turn_place(): where the arbiter finds room for a new turn: steps of 1.25 ms from its phase
 *   widening: us: listening begins so much earlier, for the error of both clocks */
#include "host.h"
#include "control.h"
#include "iso.h"

enum { FIRST_OFFSET_US = 2500, FLUSH_TIMEOUT = 1 /* event */ };

/* --- coming to be ----------------------------------------------------------------------------- */

/* The next stream of a connection for which LL_CIS_REQ is to be sent. */
static struct iso *cis_next_to_create(controller *c, uint8_t link)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->central && s->creating && s->link == link) {
            return s;
        }
    }
    return NULL;
}

/* The stream of a connection with an LL_CIS_REQ that has no response yet. */
static struct iso *cis_with_req_out(controller *c, uint8_t link)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->central && s->cis_req_out && s->link == link) {
            return s;
        }
    }
    return NULL;
}

/* The stream of a connection with these numbers; NULL: there is none, or it is only configured. */
static struct iso *cis_find(controller *c, uint8_t link, uint8_t group, uint8_t id)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        struct iso *s = &c->iso[n];
        bool here = s->creating || s->on;
        if (s->kind == ISO_CIS && here && s->link == link && s->group == group && s->id == id) {
            return s;
        }
    }
    return NULL;
}

/* LE Create CIS: several streams of a connection are created one after the other. */
void cis_create(controller *c, struct iso *s, uint8_t link)
{
    s->link = link;
    s->creating = true;
    control_request(c, link, P_CIS);
}

/* LL_CIS_REQ: group u8, stream u8, PHYs u8 u8, largest SDUs u12 u12 (framed: bit 15 of the first),
 * SDU intervals u20 u20 in us, largest PDUs u16 u16, subevents u8, their interval u24, payloads u4
 * u4, flush timeouts u8 u8, interval u16, offset least u24, most u24, event u16; central to
 * peripheral first. */
static void cis_begin(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    struct iso *s = cis_next_to_create(c, i);
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    if (!s) {
        control_done(c, i, P_CIS);
        return;
    }
    s->cis_req_out = true;
    wr_u8(&pdu, LL_CIS_REQ);
    wr_u8(&pdu, s->group);
    wr_u8(&pdu, s->id);
    wr_u8(&pdu, (uint8_t)(1u << (phy_number(s->tx_phy) - 1)));
    wr_u8(&pdu, (uint8_t)(1u << (phy_number(s->rx_phy) - 1)));
    wr_le16(&pdu, s->max_sdu_tx);
    wr_le16(&pdu, s->max_sdu_rx);
    wr_le24(&pdu, s->sdu_interval);
    wr_le24(&pdu, s->sdu_interval);
    uint16_t max_tx = 0;
    if (s->max_sdu_tx) {
        max_tx = ISO_PDU;
    }
    wr_le16(&pdu, max_tx);
    uint16_t max_rx = 0;
    if (s->max_sdu_rx) {
        max_rx = ISO_PDU;
    }
    wr_le16(&pdu, max_rx);
    wr_u8(&pdu, s->nse);
    wr_le24(&pdu, s->sub_interval);
    wr_u8(&pdu, (uint8_t)(s->bn_tx | s->bn_rx << 4));
    wr_u8(&pdu, FLUSH_TIMEOUT);
    wr_u8(&pdu, FLUSH_TIMEOUT);
    wr_le16(&pdu, s->interval);
    wr_le24(&pdu, FIRST_OFFSET_US);
    wr_le24(&pdu, l->interval * 1250u);
    wr_le16(&pdu, control_choose_instant(c, i));
    control_send(l, &pdu);
}

/* The peer has refused LL_CIS_REQ: reports it, and requests the next stream that is wanted. */
static void cis_refused(controller *c, uint8_t i, uint8_t error)
{
    struct iso *s = cis_with_req_out(c, i);
    bool wanted = s && s->creating; /* else the host has cancelled it */
    if (s) {
        s->creating = s->cis_req_out = false;
    }
    if (wanted) {
        evt_cis_established(c, s, error);
    }
    if (cis_next_to_create(c, i)) {
        control_request(c, i, P_CIS);
    }
}

/* LL_CIS_REQ: see cis_begin(). What this controller can't do is rejected; else the host decides. */
void rx_cis_req(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint8_t group = rd_u8(in), id = rd_u8(in), to = rd_u8(in), from = rd_u8(in);
    struct iso *s = NULL; /* it stays free until `kind` is set, below */
    if (!cis_find(c, i, group, id)) {
        s = iso_free(c);
    }
    bool able = controller_has(c, FEATURE_CIS_HOST) && evt_le_enabled(c, LE_CIS_REQUEST);
    if (!able || !s) {
        uint8_t reason = WOAD_HCI_UNSUPPORTED_REMOTE;
        if (able) {
            reason = WOAD_HCI_MEMORY_EXCEEDED;
        }
        control_reject(c, l, LL_CIS_REQ, reason);
        return;
    }
    s->group = group;
    s->id = id;
    s->link = i;
    s->rx_phy = PHY_CODED; /* `to`, `from`: sets of one PHY: 1, 2, 4 */
    if (to != 4) {
        s->rx_phy = to;
    }
    s->tx_phy = PHY_CODED;
    if (from != 4) {
        s->tx_phy = from;
    }
    uint16_t sdu = rd_le16(in);
    s->max_sdu_rx = sdu & 0xfff;
    s->max_sdu_tx = rd_le16(in) & 0xfff;
    s->sdu_interval = rd_le24(in) & 0xfffff;
    rd_le24(in);
    uint16_t pdu_rx = rd_le16(in), pdu_tx = rd_le16(in);
    s->nse = rd_u8(in);
    s->sub_interval = rd_le24(in);
    uint8_t bn = rd_u8(in);
    s->bn_rx = bn & 15;
    s->bn_tx = bn >> 4;
    uint8_t flush_rx = rd_u8(in), flush_tx = rd_u8(in);
    s->interval = rd_le16(in);
    bool phys = (to == 1 || to == 2 || to == 4) && (from == 1 || from == 2 || from == 4) &&
                !((to | from) & ~phys_supported(c));
    if (!phys || sdu >> 15 || s->max_sdu_rx > ISO_SDU || s->max_sdu_tx > ISO_SDU ||
        flush_rx != FLUSH_TIMEOUT || flush_tx != FLUSH_TIMEOUT || s->interval < 4 ||
        s->interval > 3200 || !s->nse || s->nse > ISO_SUBEVENTS ||
        s->bn_rx != iso_payloads(s->max_sdu_rx) || s->bn_tx != iso_payloads(s->max_sdu_tx) ||
        pdu_rx > ISO_PDU || pdu_tx > ISO_PDU ||
        (uint64_t)s->nse * s->sub_interval > s->interval * 1250u) {
        control_reject(c, l, LL_CIS_REQ, WOAD_HCI_UNSUPPORTED_LL_PARAMETERS);
        return;
    }
    s->kind = ISO_CIS;
    s->creating = true;
    evt_cis_request(c, s);
}

/* The peripheral's host has accepted the stream, or rejected it with `error`. LL_CIS_RSP: offset
 * min u24, max u24, event u16. */
void cis_answer(controller *c, struct iso *s, uint8_t error)
{
    struct link *l = &c->links[s->link];
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    if (error) {
        s->kind = ISO_NONE;
        control_reject(c, l, LL_CIS_REQ, error);
    } else {
        s->accepted = true;
        wr_u8(&pdu, LL_CIS_RSP);
        wr_le24(&pdu, FIRST_OFFSET_US);
        wr_le24(&pdu, l->interval * 1250u);
        wr_le16(&pdu, control_choose_instant(c, s->link));
        control_send(l, &pdu);
        control_start_timeout(c, s->link); /* LL_CIS_IND must follow */
    }
    link_wake(c, s->link);
}

/* Starts the stream's events, at either side: the first anchor is `offset` after `from`. */
static void cis_start(controller *c, struct iso *s, uint64_t from, uint32_t offset)
{
    const struct link *l = &c->links[s->link];
    s->creating = s->accepted = false;
    s->on = true;
    s->established = false;
    s->event = 0;
    s->tries = 0;
    s->carry = 0;
    s->crc_init = l->crc_init;
    s->anchor = from + offset;
    s->last_rx_at = l->last_rx_at;
    s->last_exchange_at = s->anchor;
    s->widening = 0;
    if (!s->central) {
        s->widening = clock_widening(c, l->peer_sca, s->anchor - s->last_rx_at);
    }
    s->at = s->anchor - s->widening;
    s->lost_at = NEVER;
    c->ll->n_isos_on++;
}

/* The first anchor of a stream, at `after` or later: behind the streams of its group that are on,
 * or where the arbiter finds room for the group. */
static uint64_t cis_place(const controller *c, const struct iso *s, uint64_t after)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        const struct iso *o = &c->iso[n];
        if (o->kind == ISO_CIS && o->central && o->on && o->group == s->group) {
            uint64_t step = s->interval * 1250u, at = o->anchor - o->position + s->position;
            while (at < after) {
                at += step;
            }
            return at;
        }
    }
    struct turn mine = { .owner = ACTIVITY_NONE,
                         .phase = after,
                         .interval_us = s->interval * 1250u,
                         .duration_us = s->group_delay };
    unsigned steps = min_uint(c->links[s->link].interval, s->interval);
    return after + turn_place(c, &mine, steps) * 1250u + s->position;
}

/* The peripheral has accepted. LL_CIS_IND: access address u32, offset u24, group delay u24, stream
 * delay u24, event u16. */
void rx_cis_rsp(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    struct iso *s = cis_with_req_out(c, i);
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    (void)in;
    if (l->local_procedure != P_CIS) {
        return;
    }
    bool wanted = s && s->creating;
    if (s) {
        s->cis_req_out = false;
    }
    if (!wanted) { /* the host has cancelled it, or removed its group */
        wr_u8(&pdu, LL_REJECT_EXT_IND);
        wr_u8(&pdu, LL_CIS_RSP);
        wr_u8(&pdu, CANCELLED);
        control_send(l, &pdu);
        control_done(c, i, P_CIS);
        return;
    }
    uint64_t step = l->interval * 1250u;
    uint16_t ahead = (uint16_t)(control_choose_instant(c, i) - (uint16_t)l->ref_event);
    uint64_t from = l->ref_anchor + ahead * step;
    uint64_t anchor = cis_place(c, s, from + FIRST_OFFSET_US);
    while (anchor - from >= step + FIRST_OFFSET_US) { /* LL_CIS_IND names the last event before */
        from += step;
        ahead++;
    }
    s->aa = ll_access_address(c);
    wr_u8(&pdu, LL_CIS_IND);
    wr_le32(&pdu, s->aa);
    wr_le24(&pdu, (uint32_t)(anchor - from));
    wr_le24(&pdu, s->group_delay);
    wr_le24(&pdu, s->sync_delay);
    wr_le16(&pdu, (uint16_t)(l->ref_event + ahead));
    control_send(l, &pdu);
    cis_start(c, s, from, (uint32_t)(anchor - from));
    control_done(c, i, P_CIS);
    if (cis_next_to_create(c, i)) {
        control_request(c, i, P_CIS);
    }
}

/* The stream of a connection that awaits LL_CIS_IND: the host accepts one at a time. */
static struct iso *cis_accepted(controller *c, uint8_t link)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        if (c->iso[n].kind == ISO_CIS && c->iso[n].accepted && c->iso[n].link == link) {
            return &c->iso[n];
        }
    }
    return NULL;
}

/* A stream of the connection has been accepted, and is on when LL_CIS_IND comes. */
bool cis_awaits_ind(controller *c, uint8_t i)
{
    return cis_accepted(c, i);
}

/* LL_CIS_IND has arrived, or does not follow any more. */
static void cis_ind_arrived(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    if (!l->local_procedure && !l->encrypting && !cis_awaits_ind(c, i)) {
        l->response_by = NEVER;
    }
}

/* LL_CIS_IND: access address u32, offset u24, group delay u24, stream delay u24, event counter
 * u16. 2.4.2.31 */
void rx_cis_ind(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    struct iso *s = cis_accepted(c, i);
    uint32_t aa = rd_le32(in), offset = rd_le24(in), group = rd_le24(in), delay = rd_le24(in);
    uint64_t from;
    bool near = control_event_at(l, rd_le16(in), &from);
    if (!s) {
        return;
    }
    s->accepted = false;
    cis_ind_arrived(c, i);
    s->aa = aa;
    s->group_delay = group;
    s->sync_delay = delay;
    if (!near || from + offset <= c->air->now) {
        s->kind = ISO_NONE; /* received too late, or no event that may be meant */
        evt_cis_established(c, s, WOAD_HCI_FAILED_TO_ESTABLISH);
        return;
    }
    cis_start(c, s, from, offset);
}

const struct procedure proc_cis = { .request = { LL_CIS_REQ, LL_CIS_REQ },
                                    .begin = cis_begin,
                                    .on_refused = cis_refused,
                                    .on_instant = NULL };

/* --- ending ----------------------------------------------------------------------------------- */

/* A stream ends, or is not created. At a central it stays configured, at a peripheral it is free
 * again. The host gets the event that it waits for. */
void cis_lost(controller *c, struct iso *s, uint8_t reason)
{
    bool established = s->established;
    /* The host waits for LE CIS Established. */
    bool waits = s->on || (s->central ? s->creating : s->accepted);
    iso_stop(c, s);
    s->creating = s->accepted = s->terminating = s->cis_req_out = false;
    cis_ind_arrived(c, s->link);
    if (!s->central) {
        s->kind = ISO_NONE;
    }
    if (established) {
        evt_disconnected(c, iso_handle(c, s), reason);
    } else if (waits) {
        evt_cis_established(c, s, reason);
    }
}

/* Whether a connection has a CIS, or one is being created. */
bool cis_on_link(const controller *c, uint8_t i)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        const struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->link == i && (s->creating || s->on)) {
            return true;
        }
    }
    return false;
}

/* Whether a CIS of the connection is being created or has not begun: its first anchor counts from
 * the connection's anchors, which must not move then. */
bool cis_being_created(const controller *c, uint8_t i)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        const struct iso *s = &c->iso[n];
        bool begins = s->creating || s->accepted || (s->on && !s->established);
        if (s->kind == ISO_CIS && s->link == i && begins) {
            return true;
        }
    }
    return false;
}

/* Restarts the supervision timeouts of a connection's streams with the connection's new one. 4.5.2
 */
void cis_supervise(controller *c, uint8_t i)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->link == i && s->established) {
            s->lost_at = c->air->now + c->links[i].supervision * 10000u;
        }
    }
}

/* The connection has ended: so do its streams. */
void cis_on_link_closed(controller *c, uint8_t i, uint8_t reason)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->link == i) {
            s->cis_req_out = false; /* of a cancelled stream, too */
            if (s->creating || s->on) {
                cis_lost(c, s, reason);
            }
        }
    }
}

/* Sends LL_CIS_TERMINATE_IND: group u8, stream u8, reason u8; for one stream at a time. */
void cis_send_terminate(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    for (uint8_t n = 0; n < c->cfg.iso && !l->cis_terminating; n++) {
        const struct iso *s = &c->iso[n];
        if (s->kind == ISO_CIS && s->link == i && s->terminating && control_wait_for_spare(l)) {
            uint8_t b[4] = { LL_CIS_TERMINATE_IND, s->group, s->id, s->reason };
            struct wr pdu = wr_of(b, sizeof b);
            pdu.p += sizeof b; /* b is written already */
            l->cis_terminating = (uint8_t)(n + 1);
            control_send(l, &pdu);
        }
    }
}

/* Ends a stream that is on: when the peer has acknowledged LL_CIS_TERMINATE_IND, or at lost_at. */
void cis_terminate(controller *c, struct iso *s, uint8_t reason)
{
    s->terminating = true;
    s->reason = reason;
    cis_send_terminate(c, s->link);
    link_wake(c, s->link);
}

/* A central's host cancels a stream that is not established. The peer gets a rejection of its
 * response, or LL_CIS_TERMINATE_IND. 5.1.15; Vol 4, Part E, 7.1.6 */
void cis_cancel(controller *c, struct iso *s, uint8_t reason)
{
    if (s->on) {
        cis_terminate(c, s, reason);
        return;
    }
    s->creating = false;
    evt_cis_established(c, s, CANCELLED);
}

/* The central has rejected LL_CIS_RSP. */
void cis_on_cancelled(controller *c, uint8_t i, uint8_t error)
{
    struct iso *s = cis_accepted(c, i);
    if (s) {
        s->accepted = s->creating = false;
        s->kind = ISO_NONE;
        cis_ind_arrived(c, i);
        evt_cis_established(c, s, error);
    }
}

/* The peer has acknowledged LL_CIS_TERMINATE_IND. */
void cis_on_terminate_acked(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    struct iso *s = NULL;
    if (l->cis_terminating) {
        s = &c->iso[l->cis_terminating - 1];
    }
    l->cis_terminating = 0;
    if (s && s->kind == ISO_CIS && s->link == i && s->terminating) {
        uint8_t reason = WOAD_HCI_LOCAL_HOST_TERMINATED;
        if (!s->established) {
            reason = CANCELLED;
        }
        cis_lost(c, s, reason);
    }
    cis_send_terminate(c, i);
}

/* LL_CIS_TERMINATE_IND: group u8, stream u8, reason u8. 2.4.2.32 */
void rx_cis_terminate(controller *c, uint8_t i, struct rd *in)
{
    uint8_t group = rd_u8(in), id = rd_u8(in), reason = rd_u8(in);
    struct iso *s = cis_find(c, i, group, id);
    if (s) {
        if (!reason) {
            reason = WOAD_HCI_REMOTE_USER_TERMINATED;
        }
        cis_lost(c, s, reason);
    }
}
