/* The advertising state, legacy PDUs.  Vol 6, Part B, 2.3, 4.4.2 */
#include "ll.h"

enum { ADV_IND = 0, ADV_DIRECT_IND = 1, ADV_NONCONN_IND = 2, SCAN_REQ = 3, SCAN_RSP = 4,
       CONNECT_IND = 5, ADV_SCAN_IND = 6 };
/* How long an answer may take to begin: T_IFS, 2 us of clock, and its preamble and address. */
enum { ANSWER_US = T_IFS + 2 + 40, CHANNEL_GAP_US = 60, ADV_DELAY_US = 10000 };
enum { DIRECT_EVERY_US = 3750, DIRECT_LASTS_US = 1280000 };                /* 4.4.2.4.3 */

static bool adv_directed(const ctl *c)
{
    return c->adv.kind == ADV_KIND_DIRECT_HIGH || c->adv.kind == ADV_KIND_DIRECT_LOW;
}

bool adv_connectable(const ctl *c)
{
    return c->adv.kind == ADV_KIND_IND || adv_directed(c);
}

void adv_enable(ctl *c, bool on)
{
    if (c->radio.owner == FOR_ADV && !on) {
        radio_off(c);
    }
    c->adv.on = on;
    c->adv.next = c->air->now + 625;
    c->adv.until = c->adv.kind == ADV_KIND_DIRECT_HIGH ? c->adv.next + DIRECT_LASTS_US : NEVER;
}

/* header: type u4, ChSel, TxAdd, RxAdd; length u8.  2.3 */
static void adv_header(const ctl *c, struct wr *pdu, uint8_t type, bool tx_random, bool rx_random,
                       size_t len)
{
    bool connectable = type == ADV_IND || type == ADV_DIRECT_IND;
    unsigned ch_sel = connectable && ctl_features(c) >> FEATURE_CSA2 & 1 ? CH_SEL : 0;
    wr_u8(pdu, (uint8_t)(type | (tx_random ? 0x40 : 0) | (rx_random ? 0x80 : 0) | ch_sel));
    wr_u8(pdu, (uint8_t)len);
}

/* ADV_IND, ADV_SCAN_IND, ADV_NONCONN_IND, SCAN_RSP: AdvA 6, data.  2.3.1 */
static void adv_send(ctl *c, uint8_t type, const uint8_t *data, uint8_t len, uint64_t at)
{
    struct address own;
    struct wr pdu = radio_pdu(c);
    ctl_addr(c, c->adv.own_type, &own);
    adv_header(c, &pdu, type, own.type != 0, false, 6u + len);
    wr_bytes(&pdu, own.octet, 6);
    wr_bytes(&pdu, data, len);
    radio_send(c, FOR_ADV, at, c->adv.channel, ADV_AA, PHY_1M, &pdu);
}

/* ADV_DIRECT_IND: AdvA 6, TargetA 6.  2.3.1.2 */
static void adv_send_directed(ctl *c, uint64_t at)
{
    struct address own;
    struct wr pdu = radio_pdu(c);
    ctl_addr(c, c->adv.own_type, &own);
    adv_header(c, &pdu, ADV_DIRECT_IND, own.type != 0, c->adv.peer.type != 0, 12);
    wr_bytes(&pdu, own.octet, 6);
    wr_bytes(&pdu, c->adv.peer.octet, 6);
    radio_send(c, FOR_ADV, at, c->adv.channel, ADV_AA, PHY_1M, &pdu);
}

/* The next channel of this advertising event, in order 37, 38, 39; then the event is over. */
static void adv_next_channel(ctl *c, uint64_t at)
{
    static const uint8_t type[] = { [ADV_KIND_IND] = ADV_IND, [ADV_KIND_SCAN] = ADV_SCAN_IND,
                                    [ADV_KIND_NONCONN] = ADV_NONCONN_IND };
    do {
        c->adv.channel++;
    } while (c->adv.channel < CHANNELS && !(c->adv.channels >> (c->adv.channel - 37) & 1));
    if (c->adv.channel < CHANNELS && adv_directed(c)) {
        adv_send_directed(c, at);
    } else if (c->adv.channel < CHANNELS) {
        adv_send(c, type[c->adv.kind], c->adv.data, c->adv.data_len, at);
    }
}

/* An advertising event: its time has come.  The next is an interval and a random delay of up to
 * 10 ms away.  4.4.2.2.1 */
void adv_due(ctl *c)
{
    if (c->air->now >= c->adv.until) {
        adv_enable(c, false);
        evt_connected(c, WOAD_HCI_ADVERTISING_TIMEOUT, 0);
        return;
    }
    c->adv.next += c->adv.until != NEVER ? DIRECT_EVERY_US
                 : c->adv.interval * 625u + air_random_below(c->air, ADV_DELAY_US + 1);
    if (c->radio.state == RADIO_OFF || c->radio.owner == FOR_SCAN) {
        radio_off(c);
        c->scan.requested = false;
        c->adv.channel = 36;
        adv_next_channel(c, c->air->now);
    }
}

void adv_sent(ctl *c)
{
    if (c->adv.on && c->adv.kind != ADV_KIND_NONCONN) {
        radio_listen(c, FOR_ADV, c->adv.channel, ADV_AA, PHY_1M,
                     c->air->now + ANSWER_US);
    } else if (c->adv.on) {
        adv_next_channel(c, c->air->now + T_IFS);
    }
}

void adv_quiet(ctl *c)
{
    if (c->adv.on) {
        adv_next_channel(c, c->air->now + CHANNEL_GAP_US);
    }
}

/* Whether `peer` may connect: the one it is directed at; one of the accept list, if that is asked
 * for.  4.3.2 */
static bool adv_lets_connect(const ctl *c, const struct address *peer)
{
    if (adv_directed(c)) {
        return address_is(peer, &c->adv.peer);
    }
    return c->adv.kind == ADV_KIND_IND &&
           (!(c->adv.filter & ADV_FILTER_CONNECT) || accept_has(c, peer));
}

/* SCAN_REQ: ScanA 6, AdvA 6.  CONNECT_IND: InitA 6, AdvA 6, LLData 22.  2.3.2, 2.3.3 */
void adv_heard(ctl *c, struct rd pdu, uint64_t end)
{
    struct address own, peer;
    uint8_t head = rd_u8(&pdu), len = rd_u8(&pdu), to[6];
    ctl_addr(c, c->adv.own_type, &own);
    peer.type = head >> 6 & 1;
    rd_copy(&pdu, peer.octet, 6);
    rd_copy(&pdu, to, 6);
    if (pdu.bad || rd_left(&pdu) != len - 12u || memcmp(to, own.octet, 6) != 0 ||
        (head >> 7 & 1) != own.type) {
        return;
    }
    uint8_t i;
    bool scannable = !adv_directed(c) &&
                     (!(c->adv.filter & ADV_FILTER_SCAN) || accept_has(c, &peer));
    if ((head & 15) == SCAN_REQ && len == 12 && scannable) {
        adv_send(c, SCAN_RSP, c->adv.rsp, c->adv.rsp_len, end + T_IFS);
    } else if ((head & 15) == CONNECT_IND && len == 34 && adv_lets_connect(c, &peer) &&
               !link_with(c, &peer) && link_free(c, &i)) {
        radio_off(c);
        adv_enable(c, false);
        link_begin(c, i, false, (head & CH_SEL) && ctl_features(c) >> FEATURE_CSA2 & 1, &peer, pdu,
                   end);
    }
}
