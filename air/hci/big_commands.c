/* Commands of broadcast isochronous groups, sent and received. Vol 4, Part E, 7.8.103 to 7.8.107
 *
 * A command's function reads its parameters from `in` and writes the return parameters that
 * follow the status to `ret`.  It returns the status, or CMD_ANSWERED.
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   a: an advertising set (ll.h)
 *   s: a stream (struct iso, ll.h)
 *   b: a broadcast isochronous group (struct big, ll.h)
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_random(): the next number of the world's random sequence
 *   big: a broadcast isochronous group: ll.h
 *   big_begin(): starts the group's streams
 *   big_by_handle(): the group that the host knows by this number; NULL: none
 *   big_end(): ends a group and its streams, without an event to the host
 *   big_free(): an unused group, all zeros; NULL: none is left
 *   big_info: BIGInfo, decoded: ll.h
 *   big_place(): us: the anchor of a new group's first event
 *   big_terminate(): BIG_TERMINATE_IND is sent until the instant at which the group ends
 *   BIGS: groups of broadcast streams, at most
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   chm: channel map, a bit each
 *   CMD_ANSWERED: of a command: Command Complete or Command Status has been sent already, or none
 *       is to be
 *   CMD_STATUS: flag of a command: answered by Command Status
 *   established: a packet has been received; until then it is lost after six events
 *   FEATURE_BROADCASTER: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   GROUP_MAX: streams of a group, at most
 *   is_receiver: of a group: received, not sent
 *   iso_best_phy(): the best PHY of a set
 *   ISO_BIS_IN: kind of a stream: broadcast, received
 *   ISO_BIS_OUT: kind of a stream: broadcast, sent
 *   iso_free(): an unused stream, all zeros; NULL: none is left
 *   ISO_NONE: kind of a stream: it is not in use
 *   iso_payloads(): payloads that an SDU of this length takes
 *   iso_phys_status(): the status for a set of PHYs: at least one, all supported
 *   ISO_SDU: octets of the longest SDU
 *   ISO_SUBEVENTS: subevents of an event, at most
 *   ll_adv: an advertising set: ll.h
 *   ll_seed_access_address(): a random seed of a group's access addresses
 *   max_sdu: octets of the longest SDU of a group
 *   n_streams: streams of the group that are in stream[]
 *   periodic: periodic advertising of a set
 *   sdu_interval: us from one SDU to the next
 *   sending: of periodic advertising: the host wants it, and its set has been enabled once; of a
 *       stream: an SDU is sent in this event
 *   sets: the advertising sets, n_sets of them; legacy advertising is the first
 *   spacing: us from one stream of a group to the next
 *   sub_interval: us from one subevent to the next
 *   T_MSS: us between two subevents, at least
 *   terminating: the end is being sent to the peer */
#include "hci.h"
#include "../ll/iso.h"
#include "../ll/periodic.h"

/* Whether n streams are free. */
static bool streams_there(controller *c, uint8_t n)
{
    uint8_t there = 0;
    for (uint8_t k = 0; k < c->cfg.iso; k++) {
        there = (uint8_t)(there + (c->iso[k].kind == ISO_NONE));
    }
    return there >= n;
}

/* Takes n free streams for a BIG. numbers: those to receive; NULL: 1 to n, to be sent. */
static void big_allocate(controller *c, struct big *b, const uint8_t *numbers, uint8_t n,
                         uint8_t kind)
{
    b->used = true;
    b->n_streams = n;
    for (uint8_t k = 0; k < n; k++) {
        struct iso *s = iso_free(c);
        s->kind = kind;
        s->group = (uint8_t)(b - c->big);
        if (numbers) {
            s->id = numbers[k];
        } else {
            s->id = (uint8_t)(k + 1);
        }
        b->stream[k] = (uint8_t)(s - c->iso);
    }
}

/* Whether a BIG is sent with this set. */
bool set_has_big(const controller *c, const struct ll_adv *a)
{
    for (uint8_t n = 0; n < BIGS; n++) {
        const struct big *b = &c->big[n];
        if (b->used && !b->is_receiver && b->adv_set == a - c->sets) {
            return true;
        }
    }
    return false;
}

/* Calculates the times of a group's events, with as many repetitions as fit. False: not even one
 * does. */
static bool big_schedule(struct big_info *info, uint8_t again)
{
    uint32_t pdu = min_uint(info->max_sdu, ISO_PDU);
    info->bn = iso_payloads(info->max_sdu);
    info->sub_interval = radio_airtime(2 + pdu, info->phy) + T_MSS;
    info->interval = (uint16_t)(info->sdu_interval / 1250);
    unsigned irc = 1u + again;
    unsigned room = (info->interval * 1250u - 1000) / info->num / info->sub_interval;
    irc = min_uint(irc, min_uint(room, ISO_SUBEVENTS) / info->bn);
    irc = min_uint(irc, 15);
    info->irc = (uint8_t)irc;
    info->nse = (uint8_t)(irc * info->bn);
    info->spacing = info->nse * info->sub_interval;
    return irc;
}

/* group u8, set u8, streams u8, SDU interval u24, largest SDU u16, latency u16, retransmissions
 * u8, PHY u8, packing u8, framed u8, encrypted u8, code 16.  7.8.103 */
static int cmd_create_big(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t handle = rd_u8(in);
    struct ll_adv *a = set_by_handle(c, rd_u8(in));
    uint8_t n = rd_u8(in);
    struct big_info info = { .num = n, .sdu_interval = rd_le24(in) };
    info.max_sdu = rd_le16(in);
    uint16_t latency = rd_le16(in);
    uint8_t again = rd_u8(in), phys = rd_u8(in);
    uint8_t packing = rd_u8(in), framed = rd_u8(in), encrypted = rd_u8(in);
    struct big *b = big_free(c);
    (void)ret;
    info.phy = iso_best_phy(phys);
    if (handle > 0xef || !n || n > 31 || info.sdu_interval < 0xff || info.sdu_interval > 0xfffff ||
        !info.max_sdu || info.max_sdu > 0xfff || latency < ISO_LATENCY_MIN_MS ||
        latency > ISO_LATENCY_MAX_MS || again > 30 || packing > 1 || framed > 1 || encrypted > 1) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (big_by_handle(c, handle)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (!a || !a->periodic.sending || set_has_big(c, a)) {
        return UNKNOWN_ADVERTISER;
    }
    int status = iso_phys_status(c, phys);
    if (status) {
        return status;
    }
    if (framed || encrypted || info.sdu_interval % 1250 || info.max_sdu > ISO_SDU ||
        info.sdu_interval < ISO_INTERVAL_MIN_US || !big_schedule(&info, again)) {
        return WOAD_HCI_UNSUPPORTED;
    }
    if (!b || n > GROUP_MAX || !streams_there(c, n)) {
        return WOAD_HCI_MEMORY_EXCEEDED;
    }
    evt_status(c, OP_LE_CREATE_BIG, 0);
    big_allocate(c, b, NULL, n, ISO_BIS_OUT);
    b->handle = handle;
    b->adv_set = (uint8_t)(a - c->sets);
    info.seed = ll_seed_access_address(c);
    info.crc_base = (uint16_t)air_random(c->air);
    memcpy(info.chm, c->ll->channel_map, sizeof info.chm);
    b->info = info;
    b->anchor = big_place(c, &info);
    big_begin(c, b);
    evt_big(c, b, 0);
    return CMD_ANSWERED;
}

/* group u8, reason u8.  7.8.105 */
static int cmd_terminate_big(controller *c, struct rd *in, struct wr *ret)
{
    struct big *b = big_by_handle(c, rd_u8(in));
    uint8_t reason = rd_u8(in);
    (void)ret;
    if (!b) {
        return UNKNOWN_ADVERTISER;
    }
    if (b->is_receiver || b->terminating) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    evt_status(c, OP_LE_TERMINATE_BIG, 0);
    big_terminate(c, b, reason);
    return CMD_ANSWERED;
}

/* Whether a sync with a group is being established: one at a time. */
static bool big_pending(const controller *c)
{
    for (uint8_t n = 0; n < BIGS; n++) {
        if (c->big[n].used && c->big[n].is_receiver && !c->big[n].established) {
            return true;
        }
    }
    return false;
}

/* group u8, sync u16, encrypted u8, code 16, subevents u8, timeout u16 in 10 ms, number u8,
 * streams u8 each.  7.8.106 */
static int cmd_sync_big(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t handle = rd_u8(in);
    uint16_t sync = rd_le16(in);
    uint8_t encrypted = rd_u8(in);
    rd_bytes(in, 16);
    uint8_t mse = rd_u8(in);
    uint16_t timeout = rd_le16(in);
    uint8_t n = rd_u8(in);
    const uint8_t *numbers = rd_bytes(in, n);
    struct big *b = big_free(c);
    bool order = numbers && n;
    (void)ret;
    for (uint8_t k = 0; order && k < n; k++) {
        order = numbers[k] >= 1 && numbers[k] <= 31 && (!k || numbers[k] > numbers[k - 1]);
    }
    if (in->bad || rd_left(in) || handle > 0xef || encrypted > 1 || mse > 31 || !order ||
        timeout < 10 || timeout > 0x4000) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (big_by_handle(c, handle) || big_pending(c)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (!sync_by_handle(c, sync)) {
        return UNKNOWN_ADVERTISER;
    }
    if (encrypted) {
        return WOAD_HCI_UNSUPPORTED;
    }
    if (!b || n > GROUP_MAX || !streams_there(c, n)) {
        return WOAD_HCI_MEMORY_EXCEEDED;
    }
    evt_status(c, OP_LE_BIG_CREATE_SYNC, 0);
    big_allocate(c, b, numbers, n, ISO_BIS_IN);
    b->handle = handle;
    b->is_receiver = b->awaits_info = true;
    b->sync = (uint8_t)sync;
    b->timeout = timeout;
    return CMD_ANSWERED;
}

/* group u8. A sync that is not established yet is cancelled. 7.8.107 */
static int cmd_unsync_big(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t handle = rd_u8(in);
    struct big *b = big_by_handle(c, handle);
    wr_u8(ret, handle);
    if (!b || !b->is_receiver) {
        int status = UNKNOWN_ADVERTISER;
        if (b) {
            status = WOAD_HCI_COMMAND_DISALLOWED;
        }
        return status;
    }
    bool pending = !b->established;
    if (pending) {
        evt_complete(c, OP_LE_BIG_TERMINATE_SYNC, 0, ret);
        evt_big(c, b, CANCELLED);
    }
    big_end(c, b);
    if (pending) {
        return CMD_ANSWERED;
    }
    return 0;
}

const struct command air_big_commands[] = {
    { OP_LE_CREATE_BIG, 42, 5, 31, cmd_create_big, FEATURE_BROADCASTER, CMD_STATUS, 0 },
    { OP_LE_TERMINATE_BIG, 42, 7, 2, cmd_terminate_big, FEATURE_BROADCASTER, CMD_STATUS, 0 },
    { OP_LE_BIG_CREATE_SYNC, 43, 0, -1, cmd_sync_big, FEATURE_RECEIVER, CMD_STATUS, 0 },
    { OP_LE_BIG_TERMINATE_SYNC, 43, 1, 1, cmd_unsync_big, FEATURE_RECEIVER, 0, 0 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};
