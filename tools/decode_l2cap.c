/* L2CAP: PDUs that arrive in parts, and what their channels carry.  Vol 3, Part A, 3
 *
 * Names of other files:
 *   bad: of rd: more was read than there was; of the line: line_bad() was called
 *   channel_find(): the channel that a side has given this number; NULL: unknown
 *   decode_att(): a PDU of ATT
 *   decode_rest(): writes the octets that are left
 *   decode_signalling(): a PDU of L2CAP's signalling channel
 *   decode_smp(): a PDU of SMP
 *   decoder: what is known of a recording so far, and the packet at hand: decode.h
 *   get_le16(): 16 bits, little endian
 *   line: the line that is written: decode_line.h
 *   line_bad(): notes that the packet breaks its format; the first reason stays
 *   LINE_CYAN: colour
 *   line_detail(): a field: a number, in JSON only
 *   line_hex(): a field: a number, hexadecimal in text
 *   line_layer(): begins a protocol's part of the line
 *   line_number(): a field: a number
 *   partial: a PDU that arrives in parts: `len` octets of `whole`
 *   partial_add(): adds octets to a PDU in parts; false: no memory
 *   partial_end(): frees a PDU in parts
 *   peer_cid: of a channel: the number of its other half
 *   rd: octets to be read: the next at `p`, `end` behind the last; `bad`: more were read than there
 *       were
 *   rd_le16(): reads 16 bits, little endian
 *   rd_left(): octets not read yet (base/buf.h)
 *   rd_of(): a rd of these octets
 *   sender: of the decoder: the side that has sent the packet at hand; of a packet of a feed:
 *       number of its sender's host, 0: unknown
 *   side: of a channel: the side that receives by its number
 *   SIDE_A: side of a connection: in a log the host, on the air the central
 *   SIDE_B: the other side of a connection */
#include "decode.h"

/* Fixed channels; the first number of the others. */
enum { CID_ATT = 4, CID_SIGNALLING = 5, CID_SMP = 6, CID_FIRST = 0x40 };
enum { PSM_EATT = 0x27, HEAD = 4 }; /* of enhanced ATT; octets of a PDU's header */

/* A PDU of which the fields are not known. */
static void put_data(struct decoder *d, struct rd *in)
{
    decode_rest(d, "data", in);
}

/* A PDU of ATT on its fixed channel. */
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

/* A packet that does not complete a PDU: what it is, and how much of the PDU is there. */
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

/* Collects the parts of a PDU, and writes it when it is complete. */
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
