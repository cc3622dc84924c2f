/* What the two sides tell each other of themselves: versions, features, data lengths; and pings.
 * Vol 6, Part B, 5.1.4, 5.1.5, 5.1.8, 5.1.9 */
#include "ll_control.h"

enum { COMPANY_NONE = 0xffff, SUBVERSION = 1 };
enum { MAX_OCTETS = 251, MAX_TIME = 17040, TIME_1M = 2120 };

/* --- features --------------------------------------------------------------------------------- */

static void send_features(ctl *c, struct link *l, uint8_t opcode)
{
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    wr_u8(&pdu, opcode);
    wr_le32(&pdu, (uint32_t)ctl_features(c));
    wr_le32(&pdu, (uint32_t)(ctl_features(c) >> 32));
    control_send(l, &pdu);
}

static void features_begin(ctl *c, uint8_t i)
{
    struct link *l = &c->links[i];
    send_features(c, l, l->central ? LL_FEATURE_REQ : LL_PERIPHERAL_FEATURE_REQ);
}

/* LE Read Remote Features Complete: status u8, handle u16, features 8.  Vol 4, Part E, 7.7.65.4 */
static void features_tell(ctl *c, uint8_t i, uint8_t status)
{
    struct link *l = &c->links[i];
    uint8_t b[16];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    wr_le16(&w, link_handle(i));
    wr_bytes(&w, l->features, 8);
    evt_le(c, 0x04, &w);
}

static void features_heard(struct link *l, struct rd *in)
{
    rd_copy(in, l->features, 8);
    l->features_known = true;
}

/* LL_FEATURE_REQ, LL_PERIPHERAL_FEATURE_REQ: features 8.  The answer has those of both.  5.1.4 */
void heard_feature_req(ctl *c, uint8_t i, struct rd *in)
{
    features_heard(&c->links[i], in);
    send_features(c, &c->links[i], LL_FEATURE_RSP);
}

void heard_feature_rsp(ctl *c, uint8_t i, struct rd *in)
{
    if (c->links[i].local == P_FEATURES) {
        features_heard(&c->links[i], in);
        features_tell(c, i, 0);
        control_done(c, i, P_FEATURES);
    }
}

const struct procedure proc_features = { { LL_FEATURE_REQ, LL_PERIPHERAL_FEATURE_REQ },
                                         features_begin, features_tell, NULL };

/* --- version ---------------------------------------------------------------------------------- */

/* LL_VERSION_IND: version u8, company u16, subversion u16; once each way.  5.1.5 */
static void send_version(ctl *c, struct link *l)
{
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    if (l->version_sent) {
        return;
    }
    l->version_sent = true;
    wr_u8(&pdu, LL_VERSION_IND);
    wr_u8(&pdu, ctl_version(c));
    wr_le16(&pdu, COMPANY_NONE);
    wr_le16(&pdu, SUBVERSION);
    control_send(l, &pdu);
}

/* Read Remote Version Information Complete: status u8, handle u16, version.
 * Vol 4, Part E, 7.7.12 */
static void version_tell(ctl *c, uint8_t i, uint8_t status)
{
    uint8_t b[16];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    wr_le16(&w, link_handle(i));
    wr_bytes(&w, c->links[i].version, 5);
    evt_put(c, 0x0c, &w);
}

static void version_begin(ctl *c, uint8_t i)
{
    if (c->links[i].version_known) {
        version_tell(c, i, 0);
        control_done(c, i, P_VERSION);
    } else if (c->links[i].version_sent) {
        version_tell(c, i, WOAD_HCI_UNSUPPORTED_REMOTE);   /* it has been asked, and did not know */
        control_done(c, i, P_VERSION);
    } else {
        send_version(c, &c->links[i]);
    }
}

void heard_version_ind(ctl *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    rd_copy(in, l->version, 5);
    l->version_known = true;
    send_version(c, l);
    if (l->local == P_VERSION) {
        version_tell(c, i, 0);
        control_done(c, i, P_VERSION);
    }
}

const struct procedure proc_version = { { LL_VERSION_IND, LL_VERSION_IND }, version_begin,
                                        version_tell, NULL };

/* --- data length ------------------------------------------------------------------------------ */

/* LL_LENGTH_REQ, LL_LENGTH_RSP: rx octets u16, rx time u16, tx octets u16, tx time u16.  The
 * times are those of the coded PHY for who has it.  5.1.9 */
static void send_length(ctl *c, struct link *l, uint8_t opcode)
{
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    bool coded = ctl_features(c) >> FEATURE_CODED & 1;
    wr_u8(&pdu, opcode);
    wr_le16(&pdu, MAX_OCTETS);
    wr_le16(&pdu, coded ? MAX_TIME : TIME_1M);
    wr_le16(&pdu, l->wanted_tx);
    wr_le16(&pdu, (uint16_t)(coded ? MAX_TIME : (l->wanted_tx + 14) * 8));
    control_send(l, &pdu);
}

static void length_begin(ctl *c, uint8_t i)
{
    send_length(c, &c->links[i], LL_LENGTH_REQ);
}

/* LE Data Length Change: handle u16, tx octets u16, tx time u16, rx octets u16, rx time u16.
 * Vol 4, Part E, 7.7.65.7 */
static void length_known(ctl *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint16_t rx = rd_le16(in);
    rd_le16(in);
    uint16_t tx = rd_le16(in);
    if (rx < 27 || tx < 27) {
        return;
    }
    uint8_t before = l->max_tx, before_rx = l->max_rx, b[16];
    l->max_tx = (uint8_t)(rx < l->wanted_tx ? rx : l->wanted_tx);
    l->max_rx = (uint8_t)(tx < MAX_OCTETS ? tx : MAX_OCTETS);
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

void heard_length_req(ctl *c, uint8_t i, struct rd *in)
{
    send_length(c, &c->links[i], LL_LENGTH_RSP);
    length_known(c, i, in);
}

void heard_length_rsp(ctl *c, uint8_t i, struct rd *in)
{
    if (c->links[i].local == P_LENGTH) {
        length_known(c, i, in);
        control_done(c, i, P_LENGTH);
    }
}

const struct procedure proc_length = { { LL_LENGTH_REQ, LL_LENGTH_REQ }, length_begin, NULL,
                                       NULL };

/* --- ping ------------------------------------------------------------------------------------- */

static void send_ping(struct link *l, uint8_t opcode)
{
    struct wr pdu = { &opcode, &opcode + 1, &opcode + 1, false };
    control_send(l, &pdu);
}

static void ping_begin(ctl *c, uint8_t i)
{
    send_ping(&c->links[i], LL_PING_REQ);
}

/* LL_PING_REQ, LL_PING_RSP: nothing.  5.1.8 */
void heard_ping_req(ctl *c, uint8_t i, struct rd *in)
{
    (void)in;
    send_ping(&c->links[i], LL_PING_RSP);
}

void heard_ping_rsp(ctl *c, uint8_t i, struct rd *in)
{
    (void)in;
    control_done(c, i, P_PING);
}

const struct procedure proc_ping = { { LL_PING_REQ, LL_PING_REQ }, ping_begin, NULL, NULL };
