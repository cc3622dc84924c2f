/* L2CAP's signalling channel, and the Security Manager.  Vol 3, Part A, 4; Part H, 3.3 to 3.6
 *
 * A description names fields, each NAME:TYPE.  Types, with octets: u1 to u5 a number, x1 to x8 in
 * hexadecimal, i1 with a sign; hex8 to hex64 octets; slots: u16 of 0.625 ms, frames: u16 of 1.25
 * ms, slots1: u8 of 1.25 ms, tens: u16 of 10 ms; conn and attr: handles, addr: an address; len1,
 * len2: the length of the next rest or ad; *{…}: repeated to the end, n1{…}: behind their number
 * u8.  Other words name numbers: decode_fields.c.
 *
 * Names of other files:
 *   bad: of rd: more was read than there was; of the line: line_bad() was called
 *   channel_add(): a new channel; NULL: no memory, or too many
 *   channel_remove(): forgets a channel, and its other half
 *   channel_request: a request for channels that waits for its response
 *   decode_fields(): writes the fields that a description names, "name:type …"; octets behind the
 *       last are an error
 *   decode_rest(): writes the octets that are left
 *   decoder: what is known of a recording so far, and the packet at hand: decode.h
 *   fields: of a kind of packet: a description, for decode_fields()
 *   get_le16(): 16 bits, little endian
 *   line: the line that is written: decode_line.h
 *   line_bad(): notes that the packet breaks its format; the first reason stays
 *   line_detail(): a field: a number, in JSON only
 *   line_layer(): begins a protocol's part of the line
 *   line_name(): the packet's name
 *   line_number(): a field: a number
 *   LINE_YELLOW: colour
 *   packet_kind: a row of a table: number, name and fields of a packet
 *   peer_cid: of a channel: the number of its other half
 *   rd: octets to be read: the next at `p`, `end` behind the last; `bad`: more were read than there
 *       were
 *   rd_bytes(): reads octets; NULL: fewer are left
 *   rd_le16(): reads 16 bits, little endian
 *   rd_left(): octets not read yet (base/buf.h)
 *   rd_u8(): reads an octet; 0 if none is left
 *   sender: of the decoder: the side that has sent the packet at hand; of a packet of a feed:
 *       number of its sender's host, 0: unknown */
#include "decode.h"

/* Codes of signals that change channels. */
enum {
    DISCONNECTION_RESPONSE = 0x07,
    COC_REQUEST = 0x14,
    COC_RESPONSE = 0x15,
    ECFC_REQUEST = 0x17,
    ECFC_RESPONSE = 0x18
};

static const struct packet_kind signals[] = {
    { 0x01, "Command Reject", "reason:reject data:rest", NULL },
    { 0x06, "Disconnection Request", "destination_cid:x2 source_cid:x2", NULL },
    { 0x07, "Disconnection Response", "destination_cid:x2 source_cid:x2", NULL },
    { 0x12, "Connection Parameter Update Request",
      "interval_min_ms:frames interval_max_ms:frames latency:u2 timeout_ms:tens", NULL },
    { 0x13, "Connection Parameter Update Response", "result:paramresult", NULL },
    { 0x14, "LE Credit Based Connection Request", "spsm:x2 source_cid:x2 mtu:u2 mps:u2 credits:u2",
      NULL },
    { 0x15, "LE Credit Based Connection Response",
      "destination_cid:x2 mtu:u2 mps:u2 credits:u2 result:cocresult", NULL },
    { 0x16, "Flow Control Credit", "cid:x2 credits:u2", NULL },
    { 0x17, "Credit Based Connection Request",
      "spsm:x2 mtu:u2 mps:u2 credits:u2 channels:*{source_cid:x2}", NULL },
    { 0x18, "Credit Based Connection Response",
      "mtu:u2 mps:u2 credits:u2 result:ecfcresult channels:*{destination_cid:x2}", NULL },
    { 0x19, "Credit Based Reconfigure Request", "mtu:u2 mps:u2 channels:*{destination_cid:x2}",
      NULL },
    { 0x1a, "Credit Based Reconfigure Response", "result:reconfresult", NULL },
    { 0, NULL, NULL, NULL },
};

/* Notes the channels that a request asks for: SPSM u16, then as the opcode says. */
static void note_request(struct decoder *d, uint8_t code, uint8_t id, struct rd in)
{
    struct channel_request *wanted = &d->conn->wanted[d->sender];
    *wanted = (struct channel_request){ .id = id, .psm = rd_le16(&in) };
    if (code == ECFC_REQUEST) {
        rd_bytes(&in, 6);
    }
    while (rd_left(&in) >= 2 && wanted->cids < 5) {
        wanted->cid[wanted->cids++] = rd_le16(&in);
        if (code == COC_REQUEST) {
            break;
        }
    }
}

/* Adds both ends of a channel: `cid` is the responder's, `peer` the requester's number. */
static void note_channel(struct decoder *d, uint16_t cid, uint16_t peer, uint16_t psm)
{
    const uint16_t numbers[2] = { cid, peer };
    for (unsigned k = 0; k < 2; k++) {
        unsigned side = k ? !d->sender : d->sender;
        struct channel *channel = channel_add(d->conn, side, numbers[k]);
        if (channel) {
            channel->peer_cid = numbers[!k];
            channel->psm = psm;
        }
    }
}

/* Adds the channels of a response: one number, or those of ECFC in the request's order, 0:
 * refused. */
static void note_response(struct decoder *d, uint8_t code, uint8_t id, struct rd in)
{
    struct channel_request *wanted = &d->conn->wanted[!d->sender];
    if (!wanted->id || wanted->id != id) {
        return;
    }
    if (code == ECFC_RESPONSE) {
        rd_bytes(&in, 8);
    }
    for (unsigned k = 0; k < wanted->cids; k++) {
        uint16_t cid = rd_le16(&in);
        if (!in.bad && cid) {
            note_channel(d, cid, wanted->cid[k], wanted->psm);
        }
    }
    wanted->id = 0;
}

/* code u8, identifier u8, length u16, data.  Vol 3, Part A, 4 */
void decode_signalling(struct decoder *d, struct rd *in)
{
    struct line *l = &d->line;
    uint8_t code = rd_u8(in), id = rd_u8(in);
    uint16_t len = rd_le16(in);
    const struct packet_kind *kind = packet_kind(signals, code);
    line_layer(l, "signal", "Signalling", LINE_YELLOW);
    if (in->bad) {
        line_bad(l, "it is too short");
        return;
    }
    line_detail(l, "code", code);
    line_name(l, kind ? kind->name : "Unknown Signal");
    line_number(l, "id", id);
    line_detail(l, "len", len);
    if (len != rd_left(in)) {
        line_bad(l, "a wrong length");
    }
    if (code == COC_REQUEST || code == ECFC_REQUEST) {
        note_request(d, code, id, *in);
    } else if (code == COC_RESPONSE || code == ECFC_RESPONSE) {
        note_response(d, code, id, *in);
    } else if (code == DISCONNECTION_RESPONSE && rd_left(in) >= 2) {
        channel_remove(d->conn, d->sender, get_le16(in->p));
    }
    if (kind) {
        decode_fields(d, kind->fields, in);
    } else {
        decode_rest(d, "data", in);
    }
}

#define PAIRING \
    "io:smpio oob:switch requirements:x1 key_size:u1 initiator_keys:x1 responder_keys:x1"

static const struct packet_kind smp_pdus[] = {
    { 0x01, "Pairing Request", PAIRING, NULL },
    { 0x02, "Pairing Response", PAIRING, NULL },
    { 0x03, "Pairing Confirm", "confirm:hex16", NULL },
    { 0x04, "Pairing Random", "random:hex16", NULL },
    { 0x05, "Pairing Failed", "reason:smpreason", NULL },
    { 0x06, "Encryption Information", "ltk:hex16", NULL },
    { 0x07, "Central Identification", "diversifier:x2 random:hex8", NULL },
    { 0x08, "Identity Information", "irk:hex16", NULL },
    { 0x09, "Identity Address Information", "type:addrtype address:addr", NULL },
    { 0x0a, "Signing Information", "csrk:hex16", NULL },
    { 0x0b, "Security Request", "requirements:x1", NULL },
    { 0x0c, "Pairing Public Key", "x:hex32 y:hex32", NULL },
    { 0x0d, "Pairing DHKey Check", "check:hex16", NULL },
    { 0x0e, "Pairing Keypress Notification", "type:keypress", NULL },
    { 0, NULL, NULL, NULL },
};

/* code u8, data.  Vol 3, Part H, 3.3 */
void decode_smp(struct decoder *d, struct rd *in)
{
    struct line *l = &d->line;
    line_layer(l, "smp", "SMP", LINE_YELLOW);
    if (!rd_left(in)) {
        line_bad(l, "it is too short");
        return;
    }
    uint8_t code = rd_u8(in);
    const struct packet_kind *kind = packet_kind(smp_pdus, code);
    line_detail(l, "code", code);
    line_name(l, kind ? kind->name : "Unknown PDU");
    if (kind) {
        decode_fields(d, kind->fields, in);
    } else {
        decode_rest(d, "data", in);
    }
}
