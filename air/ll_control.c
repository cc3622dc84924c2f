/* Link-layer control procedures.  Vol 6, Part B, 2.4.2, 5.1 */
#include "ll.h"

enum {
    LL_CONNECTION_UPDATE_IND = 0x00,
    LL_CHANNEL_MAP_IND = 0x01,
    LL_TERMINATE_IND = 0x02,
    LL_UNKNOWN_RSP = 0x07,
    LL_FEATURE_REQ = 0x08,
    LL_FEATURE_RSP = 0x09,
    LL_VERSION_IND = 0x0c,
    LL_REJECT_IND = 0x0d,
    LL_PERIPHERAL_FEATURE_REQ = 0x0e,
    LL_REJECT_EXT_IND = 0x11,
    LL_PING_REQ = 0x12,
    LL_PING_RSP = 0x13,
    LL_LENGTH_REQ = 0x14,
    LL_LENGTH_RSP = 0x15
};
enum { VERSION_5_4 = 13, COMPANY_NONE = 0xffff, SUBVERSION = 1 };
enum { LE_FEATURES = 1 << 3 | 1 << 4 | 1 << 5 };   /* peripheral features, ping, data length */

/* A queue of four is enough: a peer that asks faster than it listens waits for its answers. */
void control_send(struct link *l, const struct wr *pdu)
{
    enum { QUEUE = sizeof l->control / sizeof *l->control };
    if (pdu->bad || l->controls == QUEUE) {
        return;
    }
    struct control *slot = &l->control[l->controls++];
    slot->len = (uint8_t)wr_len(pdu);
    memcpy(slot->pdu, pdu->base, slot->len);
}

static void control_send_features(struct link *l, uint8_t opcode)
{
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    wr_u8(&pdu, opcode);
    wr_le32(&pdu, LE_FEATURES);
    wr_zero(&pdu, 4);
    control_send(l, &pdu);
}

void control_ask_features(ctl *c, uint8_t i)
{
    struct link *l = &c->links[i];
    l->features_asked = true;
    control_send_features(l, l->central ? LL_FEATURE_REQ : LL_PERIPHERAL_FEATURE_REQ);
    link_wake(c, i);
}

/* LE Read Remote Features Complete: status u8, handle u16, features 8.  Vol 4, Part E, 7.7.65.4 */
static void control_features_known(ctl *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint8_t b[16];
    struct wr w = wr_of(b, sizeof b);
    rd_copy(in, l->features, 8);
    if (!l->features_asked) {
        return;
    }
    l->features_asked = false;
    wr_u8(&w, 0);
    wr_le16(&w, link_handle(i));
    wr_bytes(&w, l->features, 8);
    evt_le(c, 0x04, &w);
}

/* LL_VERSION_IND: version u8, company u16, subversion u16; once each way.  5.1.5 */
static void control_send_version(struct link *l)
{
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    if (l->version_sent) {
        return;
    }
    l->version_sent = true;
    wr_u8(&pdu, LL_VERSION_IND);
    wr_u8(&pdu, VERSION_5_4);
    wr_le16(&pdu, COMPANY_NONE);
    wr_le16(&pdu, SUBVERSION);
    control_send(l, &pdu);
}

/* Read Remote Version Information Complete: status u8, handle u16, version.
 * Vol 4, Part E, 7.7.12 */
static void control_version_known(ctl *c, uint8_t i)
{
    struct link *l = &c->links[i];
    uint8_t b[16];
    struct wr w = wr_of(b, sizeof b);
    if (!l->version_asked || !l->version_known) {
        return;
    }
    l->version_asked = false;
    wr_u8(&w, 0);
    wr_le16(&w, link_handle(i));
    wr_bytes(&w, l->version, 5);
    evt_put(c, 0x0c, &w);
}

void control_ask_version(ctl *c, uint8_t i)
{
    c->links[i].version_asked = true;
    control_send_version(&c->links[i]);
    control_version_known(c, i);
    link_wake(c, i);
}

/* LL_LENGTH_REQ, LL_LENGTH_RSP: rx octets u16, rx time u16, tx octets u16, tx time u16.  5.1.9 */
static void control_send_length(struct link *l, uint8_t opcode)
{
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    uint16_t tx = l->wanted_tx > 27 ? l->wanted_tx : 27;
    wr_u8(&pdu, opcode);
    wr_le16(&pdu, 251);
    wr_le16(&pdu, 2120);
    wr_le16(&pdu, tx);
    wr_le16(&pdu, (uint16_t)((tx + 14) * 8));
    control_send(l, &pdu);
}

void control_ask_length(ctl *c, uint8_t i)
{
    control_send_length(&c->links[i], LL_LENGTH_REQ);
    link_wake(c, i);
}

/* LE Data Length Change: handle u16, tx octets u16, tx time u16, rx octets u16, rx time u16.
 * Vol 4, Part E, 7.7.65.7 */
static void control_length_known(ctl *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint16_t rx = rd_le16(in);
    rd_le16(in);
    uint16_t tx = rd_le16(in);
    rd_le16(in);
    if (!rd_done(in) || rx < 27 || tx < 27) {
        return;
    }
    uint16_t mine = l->wanted_tx > 27 ? l->wanted_tx : 27;
    uint8_t before = l->max_tx, before_rx = l->max_rx, b[16];
    l->max_tx = (uint8_t)(rx < mine ? rx : mine);
    l->max_rx = (uint8_t)(tx < 251 ? tx : 251);
    if (l->max_tx == before && l->max_rx == before_rx) {
        return;
    }
    struct wr w = wr_of(b, sizeof b);
    wr_le16(&w, link_handle(i));
    wr_le16(&w, l->max_tx);
    wr_le16(&w, (uint16_t)((l->max_tx + 14) * 8));
    wr_le16(&w, l->max_rx);
    wr_le16(&w, (uint16_t)((l->max_rx + 14) * 8));
    evt_le(c, 0x07, &w);
}

/* LL_CONNECTION_UPDATE_IND: WinSize u8, WinOffset u16, interval u16, latency u16, timeout u16,
 * instant u16.  The instant is far enough for the peer to hear of it.  5.1.1 */
void control_ask_update(ctl *c, uint8_t i, uint16_t interval, uint16_t latency, uint16_t timeout)
{
    struct link *l = &c->links[i];
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    l->updating = l->update_asked = true;
    l->instant = (uint16_t)(l->count + 7u + l->latency);
    l->new_interval = interval;
    l->new_latency = latency;
    l->new_supervision = timeout;
    wr_u8(&pdu, LL_CONNECTION_UPDATE_IND);
    wr_u8(&pdu, 1);
    wr_le16(&pdu, 0);
    wr_le16(&pdu, interval);
    wr_le16(&pdu, latency);
    wr_le16(&pdu, timeout);
    wr_le16(&pdu, l->instant);
    control_send(l, &pdu);
}

static void control_heard_update(ctl *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    rd_u8(in);
    rd_le16(in);
    uint16_t interval = rd_le16(in), latency = rd_le16(in), timeout = rd_le16(in);
    uint16_t instant = rd_le16(in);
    if (!rd_done(in) || l->central || interval < 6 || interval > 3200 || latency > 499 ||
        timeout < 10 || timeout > 3200) {
        return;
    }
    if ((uint16_t)(instant - (uint16_t)l->count) >= 0x7fff || instant == (uint16_t)l->count) {
        l->closing = WOAD_HCI_INSTANT_PASSED;
        return;
    }
    l->updating = true;
    l->update_asked = interval != l->interval || latency != l->latency ||
                      timeout != l->supervision;
    l->instant = instant;
    l->new_interval = interval;
    l->new_latency = latency;
    l->new_supervision = timeout;
}

void control_instant(ctl *c, uint8_t i)
{
    struct link *l = &c->links[i];
    l->interval = l->new_interval;
    l->latency = l->new_latency;
    l->supervision = l->new_supervision;
    l->updating = false;
    l->lost_at = c->air->now + l->supervision * 10000u;
    if (l->update_asked) {
        l->update_asked = false;
        evt_updated(c, 0, i);
    }
}

/* LL_CHANNEL_MAP_IND: channels 5, instant u16.  5.1.2 */
void control_ask_channels(ctl *c, uint8_t i)
{
    struct link *l = &c->links[i];
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    memcpy(l->new_chm, c->channels, sizeof l->new_chm);
    l->remapping = true;
    l->chm_instant = (uint16_t)(l->count + 7u + l->latency);
    wr_u8(&pdu, LL_CHANNEL_MAP_IND);
    wr_bytes(&pdu, l->new_chm, sizeof l->new_chm);
    wr_le16(&pdu, l->chm_instant);
    control_send(l, &pdu);
}

static void control_heard_channels(struct link *l, struct rd *in)
{
    uint8_t chm[5], n = 0;
    rd_copy(in, chm, sizeof chm);
    uint16_t instant = rd_le16(in);
    for (unsigned k = 0; k < 37; k++) {
        n = (uint8_t)(n + (chm[k / 8] >> (k % 8) & 1));
    }
    if (!rd_done(in) || l->central || n < 2) {
        return;
    }
    if ((uint16_t)(instant - (uint16_t)l->count) >= 0x7fff || instant == (uint16_t)l->count) {
        l->closing = WOAD_HCI_INSTANT_PASSED;
        return;
    }
    memcpy(l->new_chm, chm, sizeof chm);
    l->remapping = true;
    l->chm_instant = instant;
}

void control_channels_instant(struct link *l)
{
    memcpy(l->chm, l->new_chm, sizeof l->chm);
    l->remapping = false;
}

/* LL_TERMINATE_IND: reason u8.  5.1.6 */
void control_terminate(ctl *c, uint8_t i, uint8_t reason)
{
    struct link *l = &c->links[i];
    uint8_t b[2] = { LL_TERMINATE_IND, reason };
    struct wr pdu = wr_of(b, sizeof b);
    if (l->terminate_sent) {
        return;
    }
    pdu.p += 2;
    l->terminate = reason;
    l->terminate_sent = true;
    l->controls = 0;
    control_send(l, &pdu);
    link_wake(c, i);
}

static void control_unknown(struct link *l, uint8_t opcode)
{
    uint8_t b[2] = { LL_UNKNOWN_RSP, opcode };
    struct wr pdu = wr_of(b, sizeof b);
    pdu.p += 2;
    control_send(l, &pdu);
}

/* LL_UNKNOWN_RSP, LL_REJECT_…: what we asked is not to be had. */
static void control_refused(ctl *c, uint8_t i, uint8_t opcode)
{
    struct link *l = &c->links[i];
    uint8_t b[16];
    struct wr w = wr_of(b, sizeof b);
    bool features = opcode == LL_FEATURE_REQ || opcode == LL_PERIPHERAL_FEATURE_REQ;
    if (features && l->features_asked) {
        l->features_asked = false;
        wr_u8(&w, WOAD_HCI_UNSUPPORTED_REMOTE);
        wr_le16(&w, link_handle(i));
        wr_zero(&w, 8);
        evt_le(c, 0x04, &w);
    }
}

void control_heard(ctl *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    size_t len = rd_left(in);
    uint8_t opcode = rd_u8(in);
    if (in->bad) {
        return;
    }
    switch (opcode) {
    case LL_CONNECTION_UPDATE_IND:
        control_heard_update(c, i, in);
        break;
    case LL_CHANNEL_MAP_IND:
        control_heard_channels(l, in);
        break;
    case LL_TERMINATE_IND:
        l->closing = rd_u8(in);
        l->closing = l->closing ? l->closing : WOAD_HCI_REMOTE_USER_TERMINATED;
        break;
    case LL_FEATURE_REQ:
    case LL_PERIPHERAL_FEATURE_REQ:
        if (len == 9 && (opcode == LL_FEATURE_REQ) != l->central) {
            rd_copy(in, l->features, 8);
            control_send_features(l, LL_FEATURE_RSP);
        }
        break;
    case LL_FEATURE_RSP:
        control_features_known(c, i, in);
        break;
    case LL_VERSION_IND:
        l->version_known = true;
        rd_copy(in, l->version, 5);
        control_send_version(l);
        control_version_known(c, i);
        break;
    case LL_PING_REQ: {
        uint8_t b = LL_PING_RSP;
        struct wr pdu = { &b, &b + 1, &b + 1, false };
        control_send(l, &pdu);
        break;
    }
    case LL_LENGTH_REQ:
        control_send_length(l, LL_LENGTH_RSP);
        control_length_known(c, i, in);
        break;
    case LL_LENGTH_RSP:
        control_length_known(c, i, in);
        break;
    case LL_UNKNOWN_RSP:
        control_refused(c, i, rd_u8(in));
        break;
    case LL_REJECT_IND:
    case LL_REJECT_EXT_IND:
    case LL_PING_RSP:
        break;
    default:
        control_unknown(l, opcode);
    }
}
