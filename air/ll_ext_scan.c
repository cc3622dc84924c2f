/* Following extended advertising: from ADV_EXT_IND to the packet it names, and on along the
 * chain; asking for a scan response; connecting.  Vol 6, Part B, 4.4.3, 4.4.4 */
#include "hci.h"
#include "ll_ext.h"

enum { ANSWER_US = T_IFS + 2 + 40, HEAR_US = 40 };
enum { TYPE_CONNECTABLE = 1, TYPE_SCANNABLE = 2, TYPE_DIRECTED = 4, TYPE_RESPONSE = 8 };
enum { STATUS_SHIFT = 5, STATUS_MORE = 1, STATUS_CUT = 2 };
enum { REPORT_MAX = 229 }; /* octets in one event: Vol 4, Part E, 7.7.65.13 */

/* A scan of limited duration is over; or a period of one begins.  LE Scan Timeout.
 * Vol 4, Part E, 7.8.65, 7.7.65.17 */
void ext_scan_clock(ctl *c)
{
    uint8_t b[1];
    struct wr none = wr_of(b, 0);
    uint64_t period_at = c->scan.period_at;
    if (period_at <= c->air->now) {
        scan_enable(c, true);
        c->scan.until = c->air->now + c->scan.duration;
        c->scan.period_at = period_at + c->scan.period;
        return;
    }
    scan_enable(c, false);
    c->scan.until = NEVER;
    c->scan.on = c->scan.rests = period_at != NEVER; /* to its host it is on */
    if (period_at == NEVER) {
        evt_le(c, 0x11, &none);
    }
}

/* The packet that AuxPtr names: when, where. */
static void ext_follow(ctl *c, const struct ext *e, uint64_t start)
{
    c->scan.aux_at = start + e->aux_offset;
    c->scan.aux_channel = e->aux_channel;
    c->scan.aux_phy = e->aux_phy;
    c->scan.aux_unit = e->aux_unit;
}

void ext_scan_due(ctl *c)
{
    c->scan.aux_at = NEVER;
    uint64_t end;
    bool hears = c->radio.state == RADIO_RX && c->radio.owner == FOR_SCAN && medium_busy(c, &end);
    bool busy = c->radio.state != RADIO_OFF && c->radio.owner != FOR_SCAN;
    if (busy || hears || c->scan.joining || c->scan.joining_aux) {
        ext_lost(c);
        return;
    }
    radio_off(c);
    c->scan.requested = false;
    c->scan.following = true;
    radio_listen(c, FOR_SCAN, c->scan.aux_channel, ADV_AA, c->scan.aux_phy,
                 c->air->now + c->scan.aux_unit + HEAR_US);
}

/* Reports a packet's data in as many events as it takes; `more`: a chain goes on. */
static void ext_report(ctl *c, const struct ext *e, struct rd data, bool more, int8_t rssi)
{
    uint16_t type = c->scan.type;
    do {
        size_t n = rd_left(&data) < REPORT_MAX ? rd_left(&data) : REPORT_MAX;
        const uint8_t *p = rd_bytes(&data, n);
        bool goes_on = rd_left(&data) || more;
        evt_ext_report(c, (uint16_t)(type | (goes_on ? STATUS_MORE << STATUS_SHIFT : 0)), e, p, n,
                       rssi, c->scan.aux_phy);
    } while (rd_left(&data));
}

/* A chain that was begun is not heard to its end: what came of it is all there is. */
void ext_lost(ctl *c)
{
    c->scan.following = false;
    if (c->scan.chaining) {
        c->scan.chaining = false;
        evt_ext_report(c, (uint16_t)(c->scan.type | STATUS_CUT << STATUS_SHIFT), &c->scan_first,
                       NULL, 0, 127, c->scan.aux_phy);
    }
}

/* AUX_SCAN_REQ: ScanA 6, AdvA 6.  2.3.2.1 */
static void ext_ask(ctl *c, const struct ext *e, const struct address *who, uint64_t end)
{
    struct address own;
    uint8_t channel = c->radio.channel, phy = c->radio.phy;
    struct wr pdu = radio_pdu(c);
    privacy_own(c, c->scan.own_type, who, &own);
    wr_u8(&pdu, (uint8_t)(SCAN_REQ | (own.type ? 0x40 : 0) | (e->adv.type ? 0x80 : 0)));
    wr_u8(&pdu, 12);
    wr_bytes(&pdu, own.octet, 6);
    wr_bytes(&pdu, e->adv.octet, 6);
    c->scan.requested = true;
    c->scan.asked = e->adv;
    radio_send(c, FOR_SCAN, end + T_IFS, channel, ADV_AA, phy, &pdu);
    c->radio.flight.kind = KIND_AUX;
}

static bool ext_for_us(const ctl *c, const struct ext *e)
{
    return (!e->has_target || privacy_is_own(c, c->scan.own_type, &e->target)) &&
           (!c->scan.by_list || (e->has_adv ? accept_has(c, &e->adv) : accept_has_anonymous(c)));
}

/* For AUX_CONNECT_REQ and AUX_CONNECT_RSP, before the next turn of anything. */
static bool ext_has_room(const ctl *c, uint64_t end)
{
    enum { RSP_LEN = 16, REQ_LEN = 36 };
    uint8_t phy = c->radio.phy;
    return turn_next(c, FOR_NOBODY, 0) >
           end + radio_airtime(REQ_LEN, phy) + 2u * T_IFS + radio_airtime(RSP_LEN, phy) + ANSWER_US;
}

/* AUX_ADV_IND, or what comes of its chain.  `air`: its AdvA before it was resolved. */
static void ext_heard_aux(ctl *c, const struct ext *e, const struct address *air, int8_t rssi,
                          uint64_t start, uint64_t end)
{
    bool first = !c->scan.chaining && !c->scan.responding;
    uint8_t i;
    if (first) {
        c->scan_first = *e;
        c->scan.type =
            (uint16_t)((e->mode & 1 ? TYPE_CONNECTABLE : 0) | (e->mode & 2 ? TYPE_SCANNABLE : 0) |
                       (e->has_target ? TYPE_DIRECTED : 0));
        bool wanted = c->scan.by_list ? e->has_adv && accept_has(c, &e->adv)
                                      : e->has_adv && address_is(&e->adv, &c->scan.peer);
        if (c->scan.connecting && (e->mode & 1) && wanted && ext_for_us(c, e) &&
            !link_with(c, &e->adv) && link_free(c, &i) && ext_has_room(c, end)) {
            c->scan.link = i;
            scan_join_aux(c, air, &e->adv, end);
            return;
        }
        if (!c->scan.on || !ext_for_us(c, e) || !scan_is_new_ext(c, e)) {
            return;
        }
    }
    c->scan.chaining = e->has_aux;
    ext_report(c, &c->scan_first, e->data, e->has_aux, rssi);
    if (e->has_aux) {
        ext_follow(c, e, start);
    } else if (first && c->scan.active && (e->mode & 2) && e->has_adv) {
        struct ext asked = *e;
        asked.adv = *air;
        ext_ask(c, &asked, &e->adv, end);
    } else {
        c->scan.responding = false;
    }
}

/* AUX_CONNECT_RSP: AdvA, TargetA: the advertiser has heard us.  2.3.3.2 */
static void ext_heard_response(ctl *c, const struct ext *e)
{
    if (c->scan.joining_aux && e->has_adv && address_is(&e->adv, &c->scan.joins) && e->has_target &&
        address_is(&e->target, &c->scan.joins_own)) {
        scan_joined_aux(c);
    }
}

void ext_heard(ctl *c, struct rd pdu, int8_t rssi, uint64_t start, uint64_t end)
{
    uint8_t type = pdu.p[0] & 15;
    bool primary = c->radio.channel >= 37;
    struct ext e;
    if (!c->scan.extended || !ext_read(&pdu, &e)) {
        return;
    }
    if (primary) {
        if (e.has_aux && c->scan.aux_at == NEVER && !c->scan.following) {
            c->scan.chaining = c->scan.responding = false;
            c->scan.primary_phy = c->radio.phy;
            ext_follow(c, &e, start);
        }
        return;
    }
    c->scan.following = false;
    if (type == AUX_CONNECT_RSP) {
        ext_heard_response(c, &e);
        return;
    }
    if (c->scan.requested) {
        if (!e.has_adv || !address_is(&e.adv, &c->scan.asked)) {
            return;
        }
        c->scan.requested = false;
        c->scan.responding = true;
        c->scan.type |= TYPE_RESPONSE;
    }
    struct address air = e.adv;
    radio_off(c);
    if (!e.has_adv || privacy_resolve(c, &air, &e.adv)) {
        sync_offer(c, &e, start);
        ext_heard_aux(c, &e, &air, rssi, start, end);
    }
}
