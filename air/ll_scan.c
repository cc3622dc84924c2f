/* The scanning and the initiating state, legacy PDUs.  Vol 6, Part B, 4.4.3, 4.4.4 */
#include "hci.h"
#include "ll_ext.h"

enum { ANSWER_US = T_IFS + 2 + 40 };
enum { WINDOW_DELAY_US = 1250 }; /* transmitWindowDelay, 4.5.3 */

/* Where both primary PHYs are listened to, they have windows in turn. */
static void scan_pick_phy(ctl *c, bool other)
{
    bool both = (c->scan.phys & 5) == 5;
    c->scan.phy = both               ? (other && c->scan.phy == PHY_1M ? PHY_CODED : PHY_1M)
                  : c->scan.phys & 4 ? PHY_CODED
                                     : PHY_1M;
    if (c->scan.extended) {
        uint8_t n = c->scan.phy == PHY_CODED;
        c->scan.interval = c->scan.of[n].interval;
        c->scan.window = c->scan.of[n].window;
        c->scan.active = c->scan.of[n].active;
    }
}

void scan_enable(ctl *c, bool on)
{
    if (c->radio.owner == FOR_SCAN && !on) {
        radio_off(c);
    }
    c->scan.on = on;
    c->scan.rests = false;
    c->scan.requested = false;
    c->scan.next = c->air->now;
    c->scan.window_end = c->air->now;
    c->scan.upper = c->scan.backoff = 1;
    c->scan.good = c->scan.bad = 0;
    c->scan.seen_n = 0;
    c->scan.aux_at = NEVER;
    c->scan.following = c->scan.chaining = c->scan.responding = false;
    scan_pick_phy(c, false);
}

/* A scan window opens, on the next channel.  4.4.3 */
void scan_due(ctl *c)
{
    if (!scan_running(c)) {
        return;
    }
    c->scan.channel =
        (uint8_t)(c->scan.channel >= 37 && c->scan.channel < 39 ? c->scan.channel + 1 : 37);
    if (c->scan.channel == 37) {
        scan_pick_phy(c, true);
    }
    c->scan.window_end = c->scan.next + c->scan.window * 625u;
    c->scan.next += ctl_after(c, c->scan.interval * 625u, &c->scan.carry);
    bool awaits = c->scan.following || c->scan.joining_aux || c->scan.requested;
    if (c->radio.state == RADIO_RX && c->radio.owner == FOR_SCAN && !awaits) {
        uint64_t end;
        if (!medium_busy(c, &end)) { /* a packet that has begun is heard to its end */
            radio_off(c);
        }
    }
}

/* The radio is free: back to listening, if the window is open. */
void scan_resume(ctl *c)
{
    if (scan_running(c) && c->air->now < c->scan.window_end) {
        c->scan.requested = false;
        radio_listen(c, FOR_SCAN, c->scan.channel, ADV_AA, c->scan.phy, c->scan.window_end);
    }
}

/* Something else needs the radio now. */
void scan_break(ctl *c)
{
    radio_off(c);
    c->scan.requested = c->scan.joining = c->scan.joining_aux = false;
    if (c->scan.following) {
        ext_lost(c);
    }
}

void scan_sent(ctl *c)
{
    uint8_t channel = c->radio.channel, phy = c->radio.phy;
    if (c->scan.joining_aux) { /* AUX_CONNECT_REQ is out: is it heard? */
        c->scan.join_end = c->air->now;
        radio_listen(c, FOR_SCAN, channel, ADV_AA, phy, c->air->now + ANSWER_US);
    } else if (c->scan.joining) {
        c->scan.joining = false; /* the CONNECT_IND is out: the connection exists */
        c->scan.connecting = false;
        struct rd ll = rd_of(c->radio.flight.pdu + 14, 22);
        struct join how = { true,          c->radio.flight.pdu[0] & CH_SEL,
                            PHY_1M,        c->scan.joins_who,
                            c->scan.joins, c->scan.joins_own,
                            false };
        link_begin(c, c->scan.link, &how, ll, c->air->now);
    } else if (c->scan.requested) {
        radio_listen(c, FOR_SCAN, channel, ADV_AA, phy, c->air->now + ANSWER_US);
    }
}

/* AUX_CONNECT_RSP has come: both sides count from the end of the request. */
void scan_joined_aux(ctl *c)
{
    struct rd ll = rd_of(c->radio.flight.pdu + 14, 22);
    struct join how = {
        true, true, c->radio.phy, c->scan.joins_who, c->scan.joins, c->scan.joins_own, true
    };
    c->scan.joining_aux = c->scan.connecting = false;
    radio_off(c);
    link_begin(c, c->scan.link, &how, ll, c->scan.join_end);
}

/* No answer to the SCAN_REQ: two of them double the back-off.  4.4.3.2 */
static void scan_failed(ctl *c)
{
    c->scan.good = 0;
    if (++c->scan.bad == 2) {
        c->scan.bad = 0;
        c->scan.upper = c->scan.upper < 128 ? (uint8_t)(c->scan.upper * 2) : 255;
    }
    c->scan.backoff = (uint8_t)(1 + air_random_below(c->air, c->scan.upper));
}

static void scan_answered(ctl *c)
{
    c->scan.bad = 0;
    if (++c->scan.good == 2) {
        c->scan.good = 0;
        c->scan.upper = c->scan.upper > 1 ? (uint8_t)(c->scan.upper / 2) : 1;
    }
    c->scan.backoff = (uint8_t)(1 + air_random_below(c->air, c->scan.upper));
}

/* The window, or the wait for an answer, is over. */
void scan_quiet(ctl *c)
{
    c->scan.joining_aux = false; /* nobody has heard it: on with the search */
    if (c->scan.following) {
        ext_lost(c);
    }
    if (c->scan.requested) {
        scan_failed(c);
        c->scan.requested = false;
    }
}

/* SCAN_REQ: ScanA 6, AdvA 6.  2.3.2.1 */
static void scan_ask(ctl *c, const struct address *a, const struct address *who, uint64_t end)
{
    struct address own;
    struct wr pdu = radio_pdu(c);
    privacy_own(c, c->scan.own_type, who, &own);
    wr_u8(&pdu, (uint8_t)(SCAN_REQ | (own.type ? 0x40 : 0) | (a->type ? 0x80 : 0)));
    wr_u8(&pdu, 12);
    wr_bytes(&pdu, own.octet, 6);
    wr_bytes(&pdu, a->octet, 6);
    c->scan.requested = true;
    c->scan.asked = *a;
    radio_send(c, FOR_SCAN, end + T_IFS, c->radio.channel, ADV_AA, PHY_1M, &pdu);
}

/* Whole steps of 1.25 ms until the first anchor. */
static uint16_t join_offset(const ctl *c, uint64_t end)
{
    struct turn mine = { .owner = FOR_NOBODY,
                         .phase = end + WINDOW_DELAY_US,
                         .every_us = c->scan.conn_min * 1250u };
    mine.lasts_us = 2 * radio_airtime(2, PHY_1M) + T_IFS;
    return turn_place(c, &mine, c->scan.conn_min);
}

/* An access address for data: neither the advertising one nor near it, no long runs of a bit.
 * 2.1.2 */
uint32_t ll_access_address(ctl *c)
{
    for (;;) {
        uint32_t aa = air_random(c->air), runs = aa ^ aa >> 1;
        unsigned changes = 0, longest = 0, run = 0;
        for (unsigned b = 0; b < 31; b++) {
            bool change = runs >> b & 1;
            changes += change;
            run = change ? 0 : run + 1;
            longest = run > longest ? run : longest;
        }
        uint32_t differs = aa ^ ADV_AA;
        bool near = (differs & (differs - 1)) == 0;
        if (!near && longest < 6 && changes <= 24 && (runs >> 25 & 0x3f) &&
            (aa & 0xff) != (aa >> 8 & 0xff)) {
            return aa;
        }
    }
}

/* CONNECT_IND, AUX_CONNECT_REQ: InitA 6, AdvA 6, then LLData: AA u32, CRCInit u24, WinSize u8,
 * WinOffset u16, interval u16, latency u16, timeout u16, channel map 5, hop u5 and clock
 * accuracy u3. 2.3.3.1 */
static void scan_send_join(ctl *c, const struct address *a, const struct address *who,
                           unsigned ch_sel, uint64_t end)
{
    struct address own;
    uint8_t channel = c->radio.channel, phy = c->radio.phy;
    uint16_t offset = join_offset(c, end + radio_airtime(36, phy) + T_IFS);
    struct wr pdu = radio_pdu(c);
    privacy_own(c, c->scan.own_type, who, &own);
    wr_u8(&pdu, (uint8_t)(CONNECT_IND | (own.type ? 0x40 : 0) | (a->type ? 0x80 : 0) | ch_sel));
    wr_u8(&pdu, 34);
    wr_bytes(&pdu, own.octet, 6);
    wr_bytes(&pdu, a->octet, 6);
    wr_le32(&pdu, ll_access_address(c));
    wr_le24(&pdu, air_random(c->air) & 0xffffff);
    wr_u8(&pdu, 1);
    wr_le16(&pdu, offset);
    wr_le16(&pdu, c->scan.conn_min);
    wr_le16(&pdu, c->scan.latency);
    wr_le16(&pdu, c->scan.supervision);
    wr_bytes(&pdu, c->channels, sizeof c->channels);
    wr_u8(&pdu, (uint8_t)((5 + air_random_below(c->air, 12)) | (unsigned)ctl_sca(c) << 5));
    c->scan.joins = *a;
    c->scan.joins_who = *who;
    c->scan.joins_own = own;
    radio_send(c, FOR_SCAN, end + T_IFS, channel, ADV_AA, phy, &pdu);
}

static void scan_join(ctl *c, const struct address *air, const struct address *who, bool csa2,
                      uint64_t end)
{
    c->scan.joining = true;
    scan_send_join(c, air, who, csa2 ? CH_SEL : 0, end);
}

void scan_join_aux(ctl *c, const struct address *air, const struct address *who, uint64_t end)
{
    c->scan.joining_aux = true;
    scan_send_join(c, air, who, 0, end);
    c->radio.flight.kind = KIND_AUX;
}

/* The duplicate filter remembers some devices and PDU types, not their data.  4.4.3.5 */
static bool scan_is_new(ctl *c, uint32_t what, const struct address *a)
{
    uint32_t hash = 2166136261u ^ what;
    for (unsigned n = 0; n < 6; n++) {
        hash = (hash ^ a->octet[n]) * 16777619u;
    }
    if (!c->scan.filter) {
        return true;
    }
    enum { SEEN = sizeof c->scan.seen / sizeof *c->scan.seen };
    for (unsigned n = 0; n < c->scan.seen_n; n++) {
        if (c->scan.seen[n] == hash) {
            return false;
        }
    }
    if (c->scan.seen_n < SEEN) {
        c->scan.seen[c->scan.seen_n++] = hash;
    }
    return true;
}

/* Extended advertising tells when its data are others: by its ADI.  4.4.3.5 */
bool scan_is_new_ext(ctl *c, const struct ext *e)
{
    return scan_is_new(c, 0x10000u | e->did | (uint32_t)e->sid << 12, &e->adv);
}

/* Whom the initiator looks for. */
static bool scan_wants(const ctl *c, const struct address *a)
{
    return c->scan.by_list ? accept_has(c, a) : address_is(a, &c->scan.peer);
}

/* ADV_DIRECT_IND: AdvA 6, TargetA 6.  It is for us, or it is nothing.  2.3.1.2 */
static bool scan_is_target(ctl *c, uint8_t head, struct rd *in)
{
    c->scan.target.type = head >> 7 & 1;
    rd_copy(in, c->scan.target.octet, 6);
    return rd_done(in) && privacy_is_own(c, c->scan.own_type, &c->scan.target);
}

/* Legacy PDUs, to a host of extended commands: type bits.  Vol 4, Part E, 7.7.65.13 */
static void scan_report_legacy(ctl *c, uint8_t type, const struct address *a, const uint8_t *data,
                               size_t len, int8_t rssi)
{
    static const uint8_t bits[] = { [ADV_IND] = 0x13,
                                    [ADV_DIRECT_IND] = 0x15,
                                    [ADV_NONCONN_IND] = 0x10,
                                    [SCAN_RSP] = 0x1a,
                                    [ADV_SCAN_IND] = 0x12 };
    bool direct = type == ADV_DIRECT_IND;
    struct ext e = { .has_adv = true, .adv = *a, .has_target = direct, .target = c->scan.target };
    if (!direct) {
        memset(&e.target, 0, sizeof e.target);
    }
    bool of_ind = type == SCAN_RSP && c->scan.asked_connectable;
    evt_ext_report(c, (uint16_t)(bits[type] | (of_ind ? 1 : 0)), &e, data, len, rssi, 0);
}

/* ADV_IND, ADV_NONCONN_IND, ADV_SCAN_IND, SCAN_RSP: AdvA 6, data. */
static void scan_heard_adv(ctl *c, uint8_t type, bool ch_sel, const struct address *air,
                           struct rd *in, int8_t rssi, uint64_t end)
{
    struct address who;
    const struct address *a = &who;
    if (!privacy_resolve(c, air, &who)) {
        return;
    }
    static const uint8_t kind[] = { [ADV_IND] = 0,
                                    [ADV_DIRECT_IND] = 1,
                                    [ADV_NONCONN_IND] = 3,
                                    [SCAN_RSP] = 4,
                                    [ADV_SCAN_IND] = 2 };
    uint8_t i;
    bool room = turn_next(c, FOR_NOBODY, 0) > end + T_IFS + 600; /* for an answer */
    bool connectable = type == ADV_IND || type == ADV_DIRECT_IND;
    if (c->scan.connecting && connectable && scan_wants(c, a) && room && !link_with(c, a) &&
        link_free(c, &i)) {
        c->scan.link = i;
        scan_join(c, air, a, ch_sel && ctl_features(c) >> FEATURE_CSA2 & 1, end);
        return;
    }
    if (!c->scan.on || (c->scan.by_list && !accept_has(c, a))) {
        return;
    }
    size_t len = rd_left(in);
    bool is_new = scan_is_new(c, type, a);
    if (is_new && c->scan.extended) {
        scan_report_legacy(c, type, a, rd_bytes(in, len), len, rssi);
    } else if (is_new) {
        evt_report(c, kind[type], a, rd_bytes(in, len), len, rssi);
    }
    bool scannable = type == ADV_IND || type == ADV_SCAN_IND;
    c->scan.asked_connectable = scannable ? type == ADV_IND : c->scan.asked_connectable;
    if (c->scan.active && scannable && !c->scan.requested && room && --c->scan.backoff == 0) {
        scan_ask(c, air, a, end);
    }
}

void scan_heard(ctl *c, struct rd pdu, int8_t rssi, uint64_t start, uint64_t end)
{
    if (pdu.p < pdu.end && ((pdu.p[0] & 15) == ADV_EXT || (pdu.p[0] & 15) == AUX_CONNECT_RSP)) {
        ext_heard(c, pdu, rssi, start, end);
        return;
    }
    if (c->radio.channel < 37) {
        return;
    }
    uint8_t head = rd_u8(&pdu), len = rd_u8(&pdu), type = head & 15;
    struct address a = { head >> 6 & 1, { 0 } };
    rd_copy(&pdu, a.octet, 6);
    if (pdu.bad || rd_left(&pdu) != len - 6u || len > 37) {
        return;
    }
    if (type == SCAN_RSP) {
        if (!c->scan.requested || !address_is(&a, &c->scan.asked)) {
            return;
        }
        scan_answered(c);
        c->scan.requested = false;
        radio_off(c);
    } else if (type == ADV_DIRECT_IND) {
        if (!scan_is_target(c, head, &pdu)) {
            return;
        }
    } else if (type != ADV_IND && type != ADV_NONCONN_IND && type != ADV_SCAN_IND) {
        return;
    }
    scan_heard_adv(c, type, head & CH_SEL, &a, &pdu, rssi, end);
}
