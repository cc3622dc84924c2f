/* L2CAP: PDUs that arrive in parts, and what their channels carry.  Vol 3, Part A, 3 */
#include "decode.h"

enum { CID_ATT = 4, CID_SIGNALLING = 5, CID_SMP = 6, CID_FIRST = 0x40 };
enum { PSM_EATT = 0x27, HEAD = 4 };

static void put_data(struct decoder *d, struct rd *in)
{
    decode_rest(d, "data", in);
}

static void put_fixed_att(struct decoder *d, struct rd *in)
{
    struct request *requests[2] = { &d->conn->request[SIDE_A], &d->conn->request[SIDE_B] };
    decode_att(d, in, requests);
}

/* A whole SDU of a channel with credits. */
static void put_sdu(struct decoder *d, struct channel *channel, struct rd *in)
{
    struct channel *other = channel_find(d->conn, !channel->side, channel->peer_cid);
    if (channel->psm == PSM_EATT && other) {
        struct request *requests[2];
        requests[channel->side] = &channel->request;
        requests[other->side] = &other->request;
        decode_att(d, in, requests);
        return;
    }
    line_layer(&d->line, "sdu", "SDU", LINE_CYAN);
    line_number(&d->line, "len", rd_left(in));
    decode_rest(d, "data", in);
}

/* A K-frame: of an SDU's first frame the length u16, then its octets.  3.4.3 */
static void put_frame(struct decoder *d, struct channel *channel, struct rd *in)
{
    struct line *l = &d->line;
    struct partial *sdu = &channel->sdu;
    if (channel->psm) {
        line_hex(l, "spsm", channel->psm, 4);
    }
    if (!sdu->whole) {
        uint16_t len = rd_le16(in);
        if (in->bad) {
            line_bad(l, "it is too short");
            return;
        }
        line_number(l, "sdu_len", len);
        if (len <= rd_left(in)) {
            if (len < rd_left(in)) {
                line_bad(l, "more octets than the SDU has");
            }
            struct rd whole = rd_of(in->p, len);
            put_sdu(d, channel, &whole);
            return;
        }
        sdu->whole = len;
    }
    size_t n = rd_left(in);
    if (n > sdu->whole - sdu->len) {
        line_bad(l, "more octets than the SDU has");
    }
    if (!partial_add(sdu, in->p, n)) {
        line_bad(l, "no memory for the SDU");
        return;
    }
    if (sdu->len < sdu->whole) {
        line_number(l, "sdu_received", sdu->len);
        return;
    }
    struct rd whole = rd_of(sdu->octets, sdu->len);
    put_sdu(d, channel, &whole);
    partial_end(sdu);
}

/* A whole PDU: length u16, channel u16, payload. */
static void put_pdu(struct decoder *d, const uint8_t *octets, size_t len)
{
    static const struct {
        uint16_t cid;
        void (*put)(struct decoder *d, struct rd *in);
    } fixed[] = { { CID_ATT, put_fixed_att },
                  { CID_SIGNALLING, decode_signalling },
                  { CID_SMP, decode_smp } };
    struct line *l = &d->line;
    struct rd in = rd_of(octets, len);
    uint16_t n = rd_le16(&in), cid = rd_le16(&in);
    struct channel *channel = NULL;
    if (cid >= CID_FIRST) {
        channel = channel_find(d->conn, !d->sender, cid);
    }
    line_layer(l, "l2cap", "L2CAP", LINE_CYAN);
    if (cid >= CID_FIRST) {
        line_hex(l, "cid", cid, 4);
    } else {
        line_detail(l, "cid", cid);
    }
    line_detail(l, "len", n);
    if (channel) {
        put_frame(d, channel, &in);
        return;
    }
    for (size_t k = 0; k < sizeof fixed / sizeof *fixed; k++) {
        if (fixed[k].cid == cid) {
            fixed[k].put(d, &in);
            return;
        }
    }
    if (cid < CID_FIRST) {
        line_hex(l, "channel", cid, 4);
    }
    put_data(d, &in);
}

static void put_part(struct decoder *d, const char *what, size_t len, const struct partial *p)
{
    line_layer(&d->line, "part", what, LINE_CYAN);
    line_number(&d->line, "len", len);
    if (p->whole) {
        line_number(&d->line, "received", p->len);
        line_number(&d->line, "of", p->whole);
    }
}

/* Begins a PDU.  Returns whether it is to be continued. */
static bool begin_pdu(struct decoder *d, struct partial *p, const uint8_t *octets, size_t len)
{
    if (p->len) {
        line_bad(&d->line, "the PDU before it has no end");
    }
    partial_end(p);
    p->whole = HEAD; /* until its length is known */
    if (len >= HEAD) {
        p->whole = HEAD + get_le16(octets);
        if (len >= p->whole) {
            if (len > p->whole) {
                line_bad(&d->line, "octets behind the PDU's end");
            }
            put_pdu(d, octets, p->whole);
            partial_end(p);
            return false;
        }
    }
    return true;
}

void decode_l2cap_part(struct decoder *d, bool first, const uint8_t *octets, size_t len)
{
    struct partial *p = &d->conn->pdu[d->sender];
    if (first && !begin_pdu(d, p, octets, len)) {
        return;
    }
    if (!first && !p->whole) {
        put_part(d, "Rest of a PDU without a beginning", len, p);
        return;
    }
    size_t used = len, lacks = p->whole - p->len;
    if (used > lacks) {
        used = lacks;
    }
    bool known = p->len >= HEAD;
    if (!partial_add(p, octets, used)) {
        line_bad(&d->line, "no memory for the PDU");
        return;
    }
    if (!known && p->len >= HEAD) { /* its length has arrived */
        p->whole = HEAD + get_le16(p->octets);
        partial_add(p, octets + used, len - used);
        used = len;
    }
    if (p->len < p->whole) {
        put_part(d, "Part of a PDU", len, p);
        return;
    }
    if (used < len) {
        line_bad(&d->line, "octets behind the PDU's end");
    }
    put_pdu(d, p->octets, p->len);
    if (d->conn) {
        partial_end(p);
    }
}
