/* HCI packets.  Vol 4, Part E, 5.4
 *
 * Names of other files:
 *   answer: of a kind of command: fields of what Command Complete returns
 *   bad: of rd: more was read than there was; of the line: line_bad() was called
 *   conn_device(): notes which device is on a side of a connection
 *   conn_get(): the connection of that number, made if need be; NULL: no memory
 *   decode_fields(): writes the fields that a description names, "name:type …"; octets behind the
 *       last are an error
 *   decode_head(): writes the fields that a description names; more octets may follow
 *   decode_l2cap_part(): a part of an L2CAP PDU
 *   decode_rest(): writes the octets that are left
 *   decoder: what is known of a recording so far, and the packet at hand: decode.h
 *   fields: of a kind of packet: a description, for decode_fields()
 *   hci_commands: table of commands
 *   hci_events: table of events
 *   hci_le_events: table of LE subevents
 *   json: of the line: JSON, else text
 *   line: the line that is written: decode_line.h
 *   line_address(): a field: an address, and its device's name
 *   line_bad(): notes that the packet breaks its format; the first reason stays
 *   LINE_BLUE: colour
 *   LINE_CYAN: colour
 *   line_detail(): a field: a number, in JSON only
 *   LINE_GREEN: colour
 *   line_hex(): a field: a number, hexadecimal in text
 *   line_layer(): begins a protocol's part of the line
 *   line_name(): the packet's name
 *   line_named(): a field: a number that has a name
 *   line_number(): a field: a number
 *   LINE_RED: colour
 *   line_word(): a field: a word
 *   name_find(): the name of a number; NULL: it has none
 *   name_of: a row of a table of names, by number; NULL ends it
 *   packet_kind: a row of a table: number, name and fields of a packet
 *   rd: octets to be read: the next at `p`, `end` behind the last; `bad`: more were read than there
 *       were
 *   rd_bytes(): reads octets; NULL: fewer are left
 *   rd_le16(): reads 16 bits, little endian
 *   rd_left(): octets not read yet (base/buf.h)
 *   rd_u8(): reads an octet; 0 if none is left
 *   sender: of the decoder: the side that has sent the packet at hand; of a packet of a feed:
 *       number of its sender's host, 0: unknown
 *   SIDE_A: side of a connection: in a log the host, on the air the central
 *   SIDE_B: the other side of a connection */
#include "decode.h"

/* H4 types. */
enum { COMMAND = 1, ACL, SCO, EVENT, ISO };
/* Events; the group of opcodes that is the vendor's. */
enum { COMMAND_COMPLETE = 0x0e, COMMAND_STATUS = 0x0f, LE_META = 0x3e, VENDOR_OGF = 0x3f };

/* Writes the packet's length, and compares it with what there is. */
static void put_length(struct decoder *d, size_t len, struct rd *in)
{
    line_detail(&d->line, "len", len);
    if (len < rd_left(in)) {
        line_bad(&d->line, "octets behind the packet's end");
        in->end = in->p + len;
    } else if (len > rd_left(in)) {
        line_bad(&d->line, "it is shorter than its length");
    }
}

/* A command's name, also of a vendor's and an unknown one. */
static const char *command_name(uint32_t opcode)
{
    const struct packet_kind *kind = packet_kind(hci_commands, opcode);
    if (kind) {
        return kind->name;
    }
    if (opcode >> 10 == VENDOR_OGF) {
        return "Vendor Specific Command";
    }
    if (opcode == 0) {
        return "NOP";
    }
    return "Unknown Command";
}

/* opcode u16, length u8, parameters.  5.4.1 */
static void put_command(struct decoder *d, struct rd *in)
{
    struct line *l = &d->line;
    uint16_t opcode = rd_le16(in);
    uint8_t len = rd_u8(in);
    const struct packet_kind *kind = packet_kind(hci_commands, opcode);
    line_detail(l, "opcode", opcode);
    line_name(l, command_name(opcode));
    if (!kind && !l->json) {
        line_hex(l, "opcode", opcode, 4);
    }
    put_length(d, len, in);
    if (kind) {
        decode_fields(d, kind->fields, in);
    } else {
        decode_rest(d, "data", in);
    }
}

/* --- events --------------------------------------------------------------------------------------
 */

/* Command Complete behind `credits` and the opcode: status u8, return parameters.  7.7.14 */
static void put_returned(struct decoder *d, uint16_t opcode, struct rd *in)
{
    const struct packet_kind *kind = packet_kind(hci_commands, opcode);
    if (!rd_left(in)) {
        return; /* NOP */
    }
    uint8_t status = *in->p;
    decode_head(d, "status:error", in);
    if (status && !rd_left(in)) {
        return; /* a controller may end there */
    }
    if (status || !kind || !kind->answer) {
        decode_rest(d, "data", in);
    } else {
        decode_fields(d, kind->answer, in);
    }
}

/* Command Complete: credits u8, opcode u16; Command Status: a status before them. */
static void put_command_event(struct decoder *d, uint8_t code, struct rd *in)
{
    struct line *l = &d->line;
    if (code == COMMAND_STATUS) {
        decode_head(d, "status:error", in);
    }
    uint8_t credits = rd_u8(in);
    uint16_t opcode = rd_le16(in);
    if (in->bad) {
        line_bad(l, "it is too short");
        return;
    }
    line_detail(l, "credits", credits);
    line_detail(l, "opcode", opcode);
    line_word(l, "command", command_name(opcode));
    if (code == COMMAND_COMPLETE) {
        put_returned(d, opcode, in);
    } else if (rd_left(in)) {
        line_bad(l, "octets behind the last field");
    }
}

/* LE subevents of new connections. */
enum { CONNECTION_COMPLETE = 0x01, ENHANCED_1 = 0x0a, ENHANCED_2 = 0x29 };

/* Notes the connection of LE Connection Complete and its like: status u8, handle u16, role u8,
 * type u8, address 6. */
static void note_connection(struct decoder *d, uint8_t subevent, struct rd in)
{
    uint8_t status = rd_u8(&in);
    uint16_t handle = rd_le16(&in) & 0xfff;
    rd_u8(&in);
    uint8_t type = rd_u8(&in);
    const uint8_t *address = rd_bytes(&in, 6);
    if (status || !address ||
        (subevent != CONNECTION_COMPLETE && subevent != ENHANCED_1 && subevent != ENHANCED_2)) {
        return;
    }
    struct conn *c = conn_get(d, handle, true);
    if (c) {
        conn_device(d, c, SIDE_A, NULL, 0);
        conn_device(d, c, SIDE_B, address, type);
    }
}

/* LE Meta Event: subevent u8, then its fields. */
static void put_le_event(struct decoder *d, struct rd *in)
{
    struct line *l = &d->line;
    uint8_t subevent = rd_u8(in);
    const struct packet_kind *kind = packet_kind(hci_le_events, subevent);
    if (in->bad) {
        line_bad(l, "it is too short");
        return;
    }
    line_detail(l, "subevent", subevent);
    if (!kind) {
        line_name(l, "LE Unknown Event");
        decode_rest(d, "data", in);
        return;
    }
    line_name(l, kind->name);
    note_connection(d, subevent, *in);
    decode_fields(d, kind->fields, in);
}

/* code u8, length u8, parameters.  5.4.4 */
static void put_event(struct decoder *d, struct rd *in)
{
    struct line *l = &d->line;
    uint8_t code = rd_u8(in), len = rd_u8(in);
    const struct packet_kind *kind = packet_kind(hci_events, code);
    line_detail(l, "code", code);
    if (code == LE_META) {
        put_length(d, len, in);
        put_le_event(d, in);
        return;
    }
    line_name(l, kind ? kind->name : "Unknown Event");
    if (!kind && !l->json) {
        line_hex(l, "code", code, 2);
    }
    put_length(d, len, in);
    if (code == COMMAND_COMPLETE || code == COMMAND_STATUS) {
        put_command_event(d, code, in);
    } else if (kind) {
        decode_fields(d, kind->fields, in);
    } else {
        decode_rest(d, "data", in);
    }
}

/* --- data ----------------------------------------------------------------------------------------
 */

/* handle and flags u16, length u16, data.  5.4.2 */
static void put_acl(struct decoder *d, struct rd *in)
{
    enum { CONTINUES = 1 }; /* boundary flag: no first part of an L2CAP PDU */
    struct line *l = &d->line;
    uint16_t handle = rd_le16(in), len = rd_le16(in);
    unsigned boundary = handle >> 12 & 3;
    handle &= 0xfff;
    line_number(l, "handle", handle);
    d->conn = conn_get(d, handle, false);
    d->sender = d->record->received;
    if (d->conn && d->conn->database[SIDE_B]) {
        line_address(l, "device", d->conn->device[SIDE_B]);
    } else if (d->conn) {
        conn_device(d, d->conn, SIDE_A, NULL, 0);
        conn_device(d, d->conn, SIDE_B, d->conn->device[SIDE_B], 0);
    }
    line_detail(l, "boundary", boundary);
    put_length(d, len, in);
    if (d->conn) {
        decode_l2cap_part(d, boundary != CONTINUES, in->p, rd_left(in));
    } else {
        decode_rest(d, "data", in);
    }
}

/* handle and flags u16, length u16; of an SDU's beginning: time u32 if the flags say so, number
 * u16, length and status u16; data.  5.4.5 */
static void put_iso(struct decoder *d, struct rd *in)
{
    static const char *const parts[4] = { "first", "middle", "complete", "last" };
    static const struct name_of statuses[] = {
        { 0, "valid" }, { 1, "possibly invalid" }, { 2, "lost" }, { 0, NULL }
    };
    struct line *l = &d->line;
    uint16_t handle = rd_le16(in), len = rd_le16(in) & 0x3fff;
    unsigned boundary = handle >> 12 & 3;
    line_number(l, "handle", handle & 0xfff);
    line_word(l, "part", parts[boundary]);
    put_length(d, len, in);
    if (boundary == 0 || boundary == 2) {
        if (handle >> 14 & 1) {
            decode_head(d, "time_us:u4", in);
        }
        uint16_t number = rd_le16(in), sdu = rd_le16(in);
        if (in->bad) {
            line_bad(l, "it is too short");
            return;
        }
        line_number(l, "number", number);
        line_number(l, "sdu_len", sdu & 0xfff);
        if (d->record->received) {
            line_named(l, "status", sdu >> 14, name_find(statuses, sdu >> 14));
        }
    }
    decode_rest(d, "data", in);
}

/* handle and flags u16, length u8, data.  5.4.3 */
static void put_sco(struct decoder *d, struct rd *in)
{
    line_number(&d->line, "handle", rd_le16(in) & 0xfff);
    uint8_t len = rd_u8(in);
    put_length(d, len, in);
    decode_rest(d, "data", in);
}

/* The packet's type, then its header and what is in it. */
void decode_h4(struct decoder *d, struct rd *in)
{
    static const struct {
        const char *word, *title;
        enum line_colour colour;
        size_t header;
        void (*put)(struct decoder *d, struct rd *in);
    } kinds[] = {
        /* from COMMAND on */
        { "command", "Command", LINE_BLUE, 3, put_command },
        { "acl", "ACL", LINE_CYAN, 4, put_acl },
        { "sco", "SCO", LINE_CYAN, 3, put_sco },
        { "event", "Event", LINE_GREEN, 2, put_event },
        { "iso", "ISO", LINE_CYAN, 4, put_iso },
    };
    static const char *const directions[] = { "tx", "rx" };
    struct line *l = &d->line;
    uint8_t type = rd_u8(in);
    if (l->json) {
        line_word(l, "dir", directions[d->record->received]);
    } else {
        fprintf(l->out, " %s", directions[d->record->received]);
    }
    if (type < COMMAND || type > ISO) {
        line_layer(l, "hci", "HCI", LINE_RED);
        line_bad(l, "it is no HCI packet");
        line_hex(l, "h4", type, 2);
        decode_rest(d, "data", in);
        return;
    }
    line_layer(l, "hci", kinds[type - COMMAND].title, kinds[type - COMMAND].colour);
    if (l->json) {
        line_word(l, "type", kinds[type - COMMAND].word);
    }
    if (rd_left(in) < kinds[type - COMMAND].header) {
        line_bad(l, "it is too short");
        decode_rest(d, "data", in);
        return;
    }
    kinds[type - COMMAND].put(d, in);
}
