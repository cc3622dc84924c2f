/* Packets on the air: data of connections and of isochronous streams.  Vol 6, Part B, 2
 *
 * A description names fields, each NAME:TYPE.  Types, with octets: u1 to u5 a number, x1 to x8 in
 * hexadecimal, i1 with a sign; hex8 to hex64 octets; slots: u16 of 0.625 ms, frames: u16 of 1.25
 * ms, slots1: u8 of 1.25 ms, tens: u16 of 10 ms; conn and attr: handles, addr: an address; len1,
 * len2: the length of the next rest or ad; *{…}: repeated to the end, n1{…}: behind their number
 * u8.  Other words name numbers: decode_fields.c.
 *
 * Names of other files:
 *   bad: of rd: more was read than there was; of the line: line_bad() was called
 *   conn_get(): the connection of that number, made if need be; NULL: no memory
 *   decode_advertising(): a PDU of advertising
 *   decode_fields(): writes the fields that a description names, "name:type …"; octets behind the
 *       last are an error
 *   decode_l2cap_part(): a part of an L2CAP PDU
 *   decode_rest(): writes the octets that are left
 *   decoder: what is known of a recording so far, and the packet at hand: decode.h
 *   fields: of a kind of packet: a description, for decode_fields()
 *   get_le16(): 16 bits, little endian
 *   group_count: of the decoder: seeds in `groups`
 *   groups: of the decoder: seeds of access addresses of broadcast groups
 *   GROUPS: seeds that are kept
 *   json: of the line: JSON, else text
 *   line: the line that is written: decode_line.h
 *   line_address(): a field: an address, and its device's name
 *   line_bad(): notes that the packet breaks its format; the first reason stays
 *   LINE_CYAN: colour
 *   line_detail(): a field: a number, in JSON only
 *   line_hex(): a field: a number, hexadecimal in text
 *   line_layer(): begins a protocol's part of the line
 *   line_name(): the packet's name
 *   line_number(): a field: a number
 *   LINE_PLAIN: colour: bold
 *   LINE_RED: colour
 *   line_signed(): a field: a number with a sign
 *   line_word(): a field: a word
 *   LINE_YELLOW: colour
 *   new_packet: of a connection on the air: the packet at hand is no retransmission
 *   packet_kind: a row of a table: number, name and fields of a packet
 *   rd: octets to be read: the next at `p`, `end` behind the last; `bad`: more were read than there
 *       were
 *   rd_bytes(): reads octets; NULL: fewer are left
 *   rd_le32(): reads 32 bits, little endian
 *   rd_left(): octets not read yet (base/buf.h)
 *   rd_u8(): reads an octet; 0 if none is left
 *   record_radio: a packet's channel, power and flags on the air, if `there`
 *   sender: of the decoder: the side that has sent the packet at hand; of a packet of a feed:
 *       number of its sender's host, 0: unknown
 *   SIDE_A: side of a connection: in a log the host, on the air the central
 *   SN_NONE: of a connection on the air, in `sn`: there was no packet yet
 *   stream: of a connection: its packets are isochronous
 *   there: of record_radio: the other fields are known */
#include "decode.h"

/* Lengths; a PHY; where the PHY and the kind of PDU are in the flags of a radio header. */
enum { CRC_OCTETS = 3, PDU_HEAD = 2, CODED = 2, PHY_SHIFT = 14, KIND_SHIFT = 7 };
/* Other flags of a radio header: LINKTYPE_BLUETOOTH_LE_LL_WITH_PHDR. */
enum { FLAG_DECRYPTED = 0x0008, FLAG_CRC_CHECKED = 0x0400, FLAG_CRC_VALID = 0x0800 };
/* Kinds of PDUs there: on secondary channels, of a central, of a peripheral. */
enum { KIND_AUXILIARY = 1, KIND_CENTRAL, KIND_PERIPHERAL };
/* LLID of a data PDU: it goes on with an L2CAP PDU, begins one, is a control PDU. */
enum { LLID_CONTINUES = 1, LLID_START, LLID_CONTROL };
#define ADVERTISING_ADDRESS 0x8e89bed6u

/* The channel of a radio frequency, in steps of 2 MHz from 2402 MHz.  Vol 6, Part B, 1.4.1 */
unsigned decode_channel(unsigned rf)
{
    static const unsigned primary[3][2] = { { 0, 37 }, { 12, 38 }, { 39, 39 } };
    for (size_t k = 0; k < 3; k++) {
        if (primary[k][0] == rf) {
            return primary[k][1];
        }
    }
    if (rf < 12) {
        return rf - 1;
    }
    return rf - 2;
}

/* The kind of channel that the radio header's flags tell. */
static unsigned packet_kind_of(const struct record *record)
{
    return record->radio.flags >> KIND_SHIFT & 7;
}

/* The radio header: direction, channel, PHY, power, and whether the CRC is right. */
static void put_radio(struct decoder *d)
{
    static const char *const phys[4] = { "1M", "2M", "coded", "unknown" };
    static const char *const directions[8] = { "adv", "aux", "C>P",   "P>C",
                                               "C>P", "P>C", "bcast", "?" };
    struct line *l = &d->line;
    const struct record_radio *radio = &d->record->radio;
    const char *direction = directions[packet_kind_of(d->record)];
    if (!radio->there) {
        line_word(l, "dir", "air");
        return;
    }
    if (l->json) {
        line_word(l, "dir", direction);
    } else {
        fprintf(l->out, " %s", direction);
    }
    line_number(l, "channel", decode_channel(radio->channel));
    line_word(l, "phy", phys[radio->flags >> PHY_SHIFT]);
    line_signed(l, "dbm", radio->power_dbm);
    if ((radio->flags & FLAG_CRC_CHECKED) && !(radio->flags & FLAG_CRC_VALID)) {
        line_bad(l, "a wrong CRC");
    }
}

/* --- connections ---------------------------------------------------------------------------------
 */

/* An isochronous PDU. */
static void put_stream(struct decoder *d, unsigned llid, struct rd *in)
{
    static const char *const names[4] = { "last or complete", "part", "framed", "control" };
    line_layer(&d->line, "iso", "ISO", LINE_CYAN);
    line_detail(&d->line, "llid", llid);
    line_word(&d->line, "part", names[llid]);
    line_detail(&d->line, "len", rd_left(in));
    decode_rest(d, "data", in);
}

/* Whether the content can be read.  LL_PAUSE_ENC_RSP of the central is the one control PDU of an
 * octet that is not encrypted: encryption is off from there on. */
static bool is_readable(struct decoder *d, unsigned llid, size_t len)
{
    if (d->record->radio.flags & FLAG_DECRYPTED) {
        return true;
    }
    if (llid == LLID_CONTROL && len < 5) {
        d->conn->encrypted = false;
    }
    return !d->conn->encrypted || len == 0;
}

/* A retransmission is decoded again only if that changes no state: a whole PDU of a fixed channel.
 */
static void put_data_part(struct decoder *d, unsigned llid, struct rd *in)
{
    enum { CID_FIRST = 0x40 }; /* of the channels with credits */
    const size_t head = 4;
    size_t len = rd_left(in);
    if (!d->conn->new_packet) {
        line_word(&d->line, "retransmission", "yes");
        if (llid != LLID_START || len < head || len - head != get_le16(in->p) ||
            get_le16(in->p + 2) >= CID_FIRST) {
            decode_rest(d, "data", in);
            return;
        }
    }
    decode_l2cap_part(d, llid != LLID_CONTINUES, in->p, len);
}

/* The PDU of a connection, behind its header. */
static void put_payload(struct decoder *d, unsigned llid, struct rd *in)
{
    struct line *l = &d->line;
    size_t len = rd_left(in);
    if (!is_readable(d, llid, len)) {
        line_layer(l, "encrypted", "Encrypted", LINE_RED);
        line_detail(l, "llid", llid);
        line_number(l, "len", len);
    } else if (llid == LLID_CONTROL) {
        decode_ll_control(d, in);
    } else if (llid == LLID_CONTINUES && len == 0) {
        line_layer(l, "data", "Empty", LINE_PLAIN);
        line_detail(l, "llid", llid);
        line_detail(l, "len", len);
    } else {
        line_layer(l, "data", "Data", LINE_CYAN);
        line_detail(l, "llid", llid);
        line_detail(l, "len", len);
        put_data_part(d, llid, in);
    }
}

/* The addresses of a connection's devices, as far as they are known; in JSON only. */
static void put_devices(struct decoder *d)
{
    static const uint8_t unknown[6];
    const struct conn *c = d->conn;
    for (unsigned side = 0; side < 2; side++) {
        static const char *const keys[2] = { "central", "peripheral" };
        if (d->line.json && memcmp(c->device[side], unknown, 6) != 0) {
            line_address(&d->line, keys[side], c->device[side]);
        }
    }
}

/* Broadcast groups: access addresses differ from the seed in their upper half.  2.1.2 */
static bool is_broadcast(const struct decoder *d, uint32_t access_address)
{
    for (unsigned k = 0; k < d->group_count && k < GROUPS; k++) {
        if ((d->groups[k] & 0xffff) == (access_address & 0xffff)) {
            return true;
        }
    }
    return false;
}

/* header u8: LLID 2, NESN 1, SN 1, MD 1; length u8.  2.4 */
static void put_data(struct decoder *d, uint32_t access_address, struct rd *in)
{
    struct line *l = &d->line;
    uint8_t head = rd_u8(in), len = rd_u8(in);
    unsigned sn = head >> 3 & 1;
    d->conn = conn_get(d, access_address, false);
    line_hex(l, "aa", access_address, 8);
    if (!d->conn) {
        line_bad(l, "no memory for the connection");
        return;
    }
    d->sender = packet_kind_of(d->record) == KIND_PERIPHERAL;
    put_devices(d);
    if (len != rd_left(in)) {
        line_bad(l, "a wrong length");
    }
    if (d->conn->stream || (d->conn->sn[SIDE_A] == SN_NONE && is_broadcast(d, access_address))) {
        d->conn->stream = true;
        put_stream(d, head & 3, in);
        return;
    }
    d->conn->new_packet = d->conn->sn[d->sender] != sn;
    d->conn->sn[d->sender] = (uint8_t)sn;
    line_detail(l, "sn", sn);
    line_detail(l, "nesn", head >> 2 & 1);
    if (head >> 4 & 1) {
        line_number(l, "md", 1);
    }
    put_payload(d, head & 3, in);
}

/* Opcodes of control PDUs. */
enum { LL_START_ENC_REQ = 0x05, LL_CIS_IND = 0x21 };

static const struct packet_kind control_pdus[] = {
    { 0x00, "LL_CONNECTION_UPDATE_IND",
      "window_ms:slots1 offset_ms:frames interval_ms:frames latency:u2 timeout_ms:tens instant:u2",
      NULL },
    { 0x01, "LL_CHANNEL_MAP_IND", "map:x5 instant:u2", NULL },
    { 0x02, "LL_TERMINATE_IND", "error:error", NULL },
    { 0x03, "LL_ENC_REQ", "random:hex8 diversifier:x2 skd:hex8 iv:x4", NULL },
    { 0x04, "LL_ENC_RSP", "skd:hex8 iv:x4", NULL },
    { 0x05, "LL_START_ENC_REQ", "", NULL },
    { 0x06, "LL_START_ENC_RSP", "", NULL },
    { 0x07, "LL_UNKNOWN_RSP", "unknown:x1", NULL },
    { 0x08, "LL_FEATURE_REQ", "features:hex8", NULL },
    { 0x09, "LL_FEATURE_RSP", "features:hex8", NULL },
    { 0x0a, "LL_PAUSE_ENC_REQ", "", NULL },
    { 0x0b, "LL_PAUSE_ENC_RSP", "", NULL },
    { 0x0c, "LL_VERSION_IND", "version:u1 company:x2 subversion:x2", NULL },
    { 0x0d, "LL_REJECT_IND", "error:error", NULL },
    { 0x0e, "LL_PERIPHERAL_FEATURE_REQ", "features:hex8", NULL },
    { 0x0f, "LL_CONNECTION_PARAM_REQ",
      "interval_min_ms:frames interval_max_ms:frames latency:u2 timeout_ms:tens periodicity:u1 "
      "reference:u2 offset_0:u2 offset_1:u2 offset_2:u2 offset_3:u2 offset_4:u2 offset_5:u2",
      NULL },
    { 0x10, "LL_CONNECTION_PARAM_RSP",
      "interval_min_ms:frames interval_max_ms:frames latency:u2 timeout_ms:tens periodicity:u1 "
      "reference:u2 offset_0:u2 offset_1:u2 offset_2:u2 offset_3:u2 offset_4:u2 offset_5:u2",
      NULL },
    { 0x11, "LL_REJECT_EXT_IND", "rejected:x1 error:error", NULL },
    { 0x12, "LL_PING_REQ", "", NULL },
    { 0x13, "LL_PING_RSP", "", NULL },
    { 0x14, "LL_LENGTH_REQ", "rx_octets:u2 rx_us:u2 tx_octets:u2 tx_us:u2", NULL },
    { 0x15, "LL_LENGTH_RSP", "rx_octets:u2 rx_us:u2 tx_octets:u2 tx_us:u2", NULL },
    { 0x16, "LL_PHY_REQ", "tx_phys:x1 rx_phys:x1", NULL },
    { 0x17, "LL_PHY_RSP", "tx_phys:x1 rx_phys:x1", NULL },
    { 0x18, "LL_PHY_UPDATE_IND", "c_to_p:x1 p_to_c:x1 instant:u2", NULL },
    { 0x19, "LL_MIN_USED_CHANNELS_IND", "phys:x1 channels_min:u1", NULL },
    { 0x1a, "LL_CTE_REQ", "cte:x1", NULL },
    { 0x1b, "LL_CTE_RSP", "", NULL },
    { 0x1c, "LL_PERIODIC_SYNC_IND", "id:x2 sync:rest", NULL },
    { 0x1d, "LL_CLOCK_ACCURACY_REQ", "clock:clock", NULL },
    { 0x1e, "LL_CLOCK_ACCURACY_RSP", "clock:clock", NULL },
    { 0x1f, "LL_CIS_REQ",
      "cig:u1 cis:u1 phy_c:x1 phy_p:x1 sdu_c:x2 sdu_p:x2 interval_c_us:u3 interval_p_us:u3 "
      "pdu_c:u2 pdu_p:u2 subevents:u1 subinterval_us:u3 bursts:x1 flush_c:u1 flush_p:u1 "
      "iso_interval_ms:frames offset_min_us:u3 offset_max_us:u3 event:u2",
      NULL },
    { 0x20, "LL_CIS_RSP", "offset_min_us:u3 offset_max_us:u3 event:u2", NULL },
    { 0x21, "LL_CIS_IND", "aa:x4 offset_us:u3 cig_delay_us:u3 cis_delay_us:u3 event:u2", NULL },
    { 0x22, "LL_CIS_TERMINATE_IND", "cig:u1 cis:u1 error:error", NULL },
    { 0x23, "LL_POWER_CONTROL_REQ", "phy:x1 delta_db:i1 power_dbm:i1", NULL },
    { 0x24, "LL_POWER_CONTROL_RSP", "flags:x1 delta_db:i1 power_dbm:i1 reduction_db:u1", NULL },
    { 0x25, "LL_POWER_CHANGE_IND", "phy:x1 flags:x1 delta_db:i1 power_dbm:i1", NULL },
    { 0x26, "LL_SUBRATE_REQ",
      "subrate_min:u2 subrate_max:u2 latency_max:u2 continuation:u2 timeout_ms:tens", NULL },
    { 0x27, "LL_SUBRATE_IND", "subrate:u2 base:u2 latency:u2 continuation:u2 timeout_ms:tens",
      NULL },
    { 0x28, "LL_CHANNEL_REPORTING_IND", "enable:u1 spacing_min:u1 delay_max:u1", NULL },
    { 0x29, "LL_CHANNEL_STATUS_IND", "channels:rest", NULL },
    { 0x2a, "LL_PERIODIC_SYNC_WR_IND", "id:x2 sync:rest", NULL },
    { 0, NULL, NULL, NULL },
};

/* LL_CIS_IND: notes the stream, by its access address u32.  2.4.2.33 */
static void note_stream(struct decoder *d, struct rd in)
{
    uint8_t device[2][7];
    memcpy(device, d->conn->device, sizeof device);
    uint32_t access_address = rd_le32(&in);
    if (!in.bad && access_address != d->conn->id) {
        struct conn *acl = d->conn, *c = conn_get(d, access_address, true);
        if (d->conn != acl) {
            d->conn = c; /* the table was full, and the connection was the oldest in it */
        }
        if (c) {
            c->stream = true;
            memcpy(c->device, device, sizeof device);
        }
    }
}

/* opcode u8, data.  2.4.2 */
void decode_ll_control(struct decoder *d, struct rd *in)
{
    struct line *l = &d->line;
    line_layer(l, "control", "Control", LINE_YELLOW);
    line_detail(l, "llid", LLID_CONTROL);
    line_detail(l, "len", rd_left(in));
    if (!rd_left(in)) {
        line_bad(l, "it is too short");
        return;
    }
    uint8_t opcode = rd_u8(in);
    const struct packet_kind *kind = packet_kind(control_pdus, opcode);
    line_detail(l, "opcode", opcode);
    line_name(l, kind ? kind->name : "Unknown PDU");
    if (opcode == LL_START_ENC_REQ) {
        d->conn->encrypted = true;
    } else if (opcode == LL_CIS_IND) {
        note_stream(d, *in);
    }
    if (kind) {
        decode_fields(d, kind->fields, in);
    } else {
        decode_rest(d, "data", in);
    }
}

/* access address u32, on coded PHYs the coding u8, PDU, CRC u24.  2.1, 2.2 */
void decode_air(struct decoder *d, struct rd *in)
{
    struct line *l = &d->line;
    size_t head = 4 + (d->record->radio.flags >> PHY_SHIFT == CODED);
    put_radio(d);
    if (rd_left(in) < head + PDU_HEAD + CRC_OCTETS) {
        line_layer(l, "air", "Air", LINE_RED);
        line_bad(l, "it is too short");
        decode_rest(d, "data", in);
        return;
    }
    uint32_t access_address = rd_le32(in);
    rd_bytes(in, head - 4);
    in->end -= CRC_OCTETS;
    if (access_address == ADVERTISING_ADDRESS || packet_kind_of(d->record) == KIND_AUXILIARY) {
        decode_advertising(d, access_address, in);
    } else {
        put_data(d, access_address, in);
    }
}
