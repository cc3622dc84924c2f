/* Packets of advertising on the air, and where connections begin.  Vol 6, Part B, 2.3
 *
 * A description names fields, each NAME:TYPE.  Types, with octets: u1 to u5 a number, x1 to x8 in
 * hexadecimal, i1 with a sign; hex8 to hex64 octets; slots: u16 of 0.625 ms, frames: u16 of 1.25
 * ms, slots1: u8 of 1.25 ms, tens: u16 of 10 ms; conn and attr: handles, addr: an address; len1,
 * len2: the length of the next rest or ad; *{…}: repeated to the end, n1{…}: behind their number
 * u8.  Other words name numbers: decode_fields.c.
 *
 * Names of other files:
 *   bad: of rd: more was read than there was; of the line: line_bad() was called
 *   conn_device(): notes which device is on a side of a connection
 *   conn_get(): the connection of that number, made if need be; NULL: no memory
 *   decode_ad(): writes advertising data
 *   decode_fields(): writes the fields that a description names, "name:type …"; octets behind the
 *       last are an error
 *   decode_head(): writes the fields that a description names; more octets may follow
 *   decode_rest(): writes the octets that are left
 *   decoder: what is known of a recording so far, and the packet at hand: decode.h
 *   fields: of a kind of packet: a description, for decode_fields()
 *   group_count: of the decoder: seeds in `groups`
 *   groups: of the decoder: seeds of access addresses of broadcast groups
 *   GROUPS: seeds that are kept
 *   line: the line that is written: decode_line.h
 *   line_bad(): notes that the packet breaks its format; the first reason stays
 *   LINE_BLUE: colour
 *   line_detail(): a field: a number, in JSON only
 *   line_hex(): a field: a number, hexadecimal in text
 *   line_layer(): begins a protocol's part of the line
 *   line_name(): the packet's name
 *   line_named(): a field: a number that has a name
 *   line_number(): a field: a number
 *   line_word(): a field: a word
 *   name_find(): the name of a number; NULL: it has none
 *   name_of: a row of a table of names, by number; NULL ends it
 *   names_address: table of the names of types of addresses
 *   packet_kind: a row of a table: number, name and fields of a packet
 *   radio: of a record: a packet's channel, power and flags on the air
 *   rd: octets to be read: the next at `p`, `end` behind the last; `bad`: more were read than there
 *       were
 *   rd_bytes(): reads octets; NULL: fewer are left
 *   rd_le16(): reads 16 bits, little endian
 *   rd_le24(): reads 24 bits, little endian
 *   rd_le32(): reads 32 bits, little endian
 *   rd_left(): octets not read yet (base/buf.h)
 *   rd_of(): a rd of these octets
 *   rd_u8(): reads an octet; 0 if none is left
 *   SIDE_A: side of a connection: in a log the host, on the air the central
 *   SIDE_B: the other side of a connection
 *   stream: of a connection: its packets are isochronous
 *   there: of record_radio: the other fields are known */
#include "decode.h"

#define ADVERTISING_ADDRESS 0x8e89bed6u

/* Types of PDUs. */
enum { ADV_DIRECT_IND = 1, SCAN_REQ = 3, CONNECT_IND = 5, ADV_EXTENDED = 7, AUX_CONNECT_RSP = 8 };
enum {
    SYNC_INFO = 18,    /* octets of SyncInfo */
    BIG_INFO = 0x2c,   /* type of advertising data: BIGInfo */
    BIG_INFO_SEED = 13 /* where the seed of access addresses is in it */
};
/* Flags of an extended header: these fields follow. */
enum { WITH_ADVA = 1, WITH_TARGET = 2, WITH_CTE = 4, WITH_ADI = 8 };
enum { WITH_AUX = 0x10, WITH_SYNC = 0x20, WITH_POWER = 0x40 };

static const struct packet_kind advertising_pdus[] = {
    { 0, "ADV_IND", "advertiser:addr data:ad", NULL },
    { 1, "ADV_DIRECT_IND", "advertiser:addr target:addr", NULL },
    { 2, "ADV_NONCONN_IND", "advertiser:addr data:ad", NULL },
    { 3, "SCAN_REQ", "scanner:addr advertiser:addr", NULL },
    { 4, "SCAN_RSP", "advertiser:addr data:ad", NULL },
    { 5, "CONNECT_IND",
      "initiator:addr advertiser:addr new_aa:x4 crc_init:x3 window_ms:slots1 offset_ms:frames "
      "interval_ms:frames latency:u2 timeout_ms:tens map:x5 hop:x1",
      NULL },
    { 6, "ADV_SCAN_IND", "advertiser:addr data:ad", NULL },
    { 0, NULL, NULL, NULL },
};

/* CONNECT_IND and AUX_CONNECT_REQ: notes the connection.  InitA 6, AdvA 6, access address u32.
 * 2.3.3.1 */
static void note_connection(struct decoder *d, unsigned head, struct rd in)
{
    const uint8_t *initiator = rd_bytes(&in, 6), *advertiser = rd_bytes(&in, 6);
    uint32_t access_address = rd_le32(&in);
    struct conn *c = NULL;
    if (!in.bad) {
        c = conn_get(d, access_address, true);
    }
    if (c) {
        conn_device(d, c, SIDE_A, initiator, head >> 6 & 1);
        conn_device(d, c, SIDE_B, advertiser, head >> 7 & 1);
    }
}

/* --- the extended header ------------------------------------------------------------------------
 */

/* BIGInfo among the additional controller data: the seed of the group's access addresses. */
static void note_group(struct decoder *d, const uint8_t *acad, size_t len)
{
    struct rd in = rd_of(acad, len);
    while (rd_left(&in)) {
        size_t n = rd_u8(&in);
        const uint8_t *p = rd_bytes(&in, n);
        if (n >= 1 + BIG_INFO_SEED + 4 && p && p[0] == BIG_INFO) {
            struct rd seed = rd_of(p + 1 + BIG_INFO_SEED, 4);
            d->groups[d->group_count++ % GROUPS] = rd_le32(&seed);
        }
    }
}

/* AuxPtr: channel 6 bits, clock 1, units 1, offset 13, PHY 3.  2.3.4.5 */
static void put_aux(struct decoder *d, struct rd *in)
{
    static const char *const phys[8] = { "1M", "2M", "coded", "?", "?", "?", "?", "?" };
    uint32_t v = rd_le24(in);
    unsigned unit = v & 0x80 ? 300 : 30;
    if (!in->bad) {
        line_number(&d->line, "aux_channel", v & 0x3f);
        line_number(&d->line, "aux_offset_us", (v >> 8 & 0x1fff) * unit);
        line_word(&d->line, "aux_phy", phys[v >> 21]);
    }
}

/* SyncInfo: offset 13 bits, units, adjustment; interval u16; map and clock 5; access address
 * u32; CRCInit u24; event u16.  2.3.4.6 */
static void put_sync(struct decoder *d, struct rd *in)
{
    struct rd sync = rd_of(in->p, 0);
    const uint8_t *p = rd_bytes(in, SYNC_INFO);
    if (p) {
        sync = rd_of(p, SYNC_INFO);
        decode_fields(
            d,
            "sync_offset:x2 sync_interval_ms:frames map_clock:x5 sync_aa:x4 crc_init:x3 event:u2",
            &sync);
    }
}

/* Fields in the order of their flags, then additional controller data.  2.3.4 */
static void put_extended_header(struct decoder *d, unsigned flags, struct rd *in)
{
    struct line *l = &d->line;
    if (flags & WITH_ADVA) {
        decode_head(d, "advertiser:addr", in);
    }
    if (flags & WITH_TARGET) {
        decode_head(d, "target:addr", in);
    }
    if (flags & WITH_CTE) {
        decode_head(d, "cte:x1", in);
    }
    if (flags & WITH_ADI) {
        uint16_t adi = rd_le16(in);
        line_number(l, "sid", adi >> 12);
        line_hex(l, "did", adi & 0xfff, 3);
    }
    if (flags & WITH_AUX) {
        put_aux(d, in);
    }
    if (flags & WITH_SYNC) {
        put_sync(d, in);
    }
    if (flags & WITH_POWER) {
        decode_head(d, "power_dbm:i1", in);
    }
    if (in->bad) {
        line_bad(l, "its header is too short");
    }
    size_t n = rd_left(in);
    const uint8_t *acad = rd_bytes(in, n);
    note_group(d, acad, n);
    decode_ad(d, "acad", acad, n);
}

/* The name of an extended PDU: from the channel, the fields, and the packet before. */
static const char *extended_name(struct decoder *d, uint32_t access_address, unsigned mode,
                                 unsigned flags, bool primary)
{
    bool was_request = d->scan_response;
    d->scan_response = false;
    if (access_address != ADVERTISING_ADDRESS) {
        struct conn *train = conn_get(d, access_address, false);
        bool chained = train && train->chained;
        if (train) {
            train->stream = true;
            train->chained = (flags & WITH_AUX) != 0;
        }
        if (chained) {
            return "AUX_CHAIN_IND";
        }
        return "AUX_SYNC_IND";
    }
    if (primary) {
        return "ADV_EXT_IND";
    }
    if (was_request && mode == 0 && (flags & WITH_ADVA)) {
        return "AUX_SCAN_RSP";
    }
    if (mode == 0 && !(flags & (WITH_ADVA | WITH_TARGET | WITH_SYNC))) {
        return "AUX_CHAIN_IND";
    }
    return "AUX_ADV_IND";
}

/* An extended PDU: header length 6 bits, mode 2 bits; flags u8; header; data.  2.3.4 */
static void put_extended(struct decoder *d, uint32_t access_address, unsigned type, bool primary,
                         struct rd *in)
{
    static const struct name_of modes[] = {
        { 0, "none" }, { 1, "connectable" }, { 2, "scannable" }, { 0, NULL }
    };
    struct line *l = &d->line;
    unsigned first = rd_u8(in), len = first & 0x3f, mode = first >> 6, flags = 0;
    struct rd header = rd_of(in->p, 0);
    const uint8_t *p = rd_bytes(in, len);
    if (len && p) {
        header = rd_of(p, len);
        flags = rd_u8(&header);
    }
    if (type == AUX_CONNECT_RSP) {
        line_name(l, "AUX_CONNECT_RSP");
    } else {
        line_name(l, extended_name(d, access_address, mode, flags, primary));
    }
    if (in->bad) {
        line_bad(l, "it is too short");
        return;
    }
    line_named(l, "mode", mode, name_find(modes, mode));
    put_extended_header(d, flags, &header);
    size_t n = rd_left(in);
    decode_ad(d, "data", rd_bytes(in, n), n);
}

/* The name of a legacy PDU: its type has another one on secondary channels. */
static const char *plain_name(const struct packet_kind *kind, unsigned type, bool primary)
{
    if (!primary && type == SCAN_REQ) {
        return "AUX_SCAN_REQ";
    }
    if (!primary && type == CONNECT_IND) {
        return "AUX_CONNECT_REQ";
    }
    return kind->name;
}

/* The packet is on channel 37, 38 or 39; without a radio header that is assumed. */
static bool is_primary(const struct decoder *d)
{
    unsigned rf = d->record->radio.channel;
    return !d->record->radio.there || rf == 0 || rf == 12 || rf == 39;
}

/* header u8: type 4 bits, ChSel bit 5, TxAdd bit 6, RxAdd bit 7; length u8.  2.3 */
void decode_advertising(struct decoder *d, uint32_t access_address, struct rd *in)
{
    struct line *l = &d->line;
    uint8_t head = rd_u8(in), len = rd_u8(in);
    unsigned type = head & 0xf;
    bool primary = is_primary(d);
    const struct packet_kind *kind = packet_kind(advertising_pdus, type);
    line_detail(l, "aa", access_address);
    line_layer(l, "adv", "Adv", LINE_BLUE);
    line_detail(l, "type", type);
    line_detail(l, "len", len);
    if (len != rd_left(in)) {
        line_bad(l, "a wrong length");
    }
    if (type == ADV_EXTENDED || type == AUX_CONNECT_RSP) {
        put_extended(d, access_address, type, primary, in);
    } else if (kind) {
        line_name(l, plain_name(kind, type, primary));
        if (type == CONNECT_IND) {
            note_connection(d, head, *in);
        }
        d->scan_response = type == SCAN_REQ && !primary;
        decode_fields(d, kind->fields, in);
    } else {
        line_name(l, "Unknown PDU");
        decode_rest(d, "data", in);
    }
    line_named(l, "tx_type", head >> 6 & 1, name_find(names_address, head >> 6 & 1));
    if (type == ADV_DIRECT_IND || type == SCAN_REQ || type == CONNECT_IND) {
        line_named(l, "rx_type", head >> 7, name_find(names_address, head >> 7));
    }
}
