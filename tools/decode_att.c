/* ATT, and the types of attributes that discoveries show.  Vol 3, Part F, 3.4
 *
 * A description names fields, each NAME:TYPE.  Types, with octets: u1 to u5 a number, x1 to x8 in
 * hexadecimal, i1 with a sign; hex8 to hex64 octets; slots: u16 of 0.625 ms, frames: u16 of 1.25
 * ms, slots1: u8 of 1.25 ms, tens: u16 of 10 ms; conn and attr: handles, addr: an address; len1,
 * len2: the length of the next rest or ad; *{…}: repeated to the end, n1{…}: behind their number
 * u8.  Other words name numbers: decode_fields.c.
 *
 * Names of other files:
 *   bad: of rd: more was read than there was; of the line: line_bad() was called
 *   conn_note_attribute(): notes the type of an attribute of a side's device
 *   decode_fields(): writes the fields that a description names, "name:type …"; octets behind the
 *       last are an error
 *   decode_head(): writes the fields that a description names; more octets may follow
 *   decode_rest(): writes the octets that are left
 *   decoder: what is known of a recording so far, and the packet at hand: decode.h
 *   fields: of a kind of packet: a description, for decode_fields()
 *   get_le16(): 16 bits, little endian
 *   line: the line that is written: decode_line.h
 *   line_bad(): notes that the packet breaks its format; the first reason stays
 *   line_detail(): a field: a number, in JSON only
 *   LINE_GREEN: colour
 *   line_hex(): a field: a number, hexadecimal in text
 *   line_item(): begins an item of a list
 *   line_item_end(): ends an item of a list
 *   line_layer(): begins a protocol's part of the line
 *   line_list(): a field: begins a list
 *   line_list_end(): ends a list
 *   line_name(): the packet's name
 *   line_octets(): a field: octets
 *   line_uuid(): a field: a UUID with its name
 *   packet_kind: a row of a table: number, name and fields of a packet
 *   rd: octets to be read: the next at `p`, `end` behind the last; `bad`: more were read than there
 *       were
 *   rd_bytes(): reads octets; NULL: fewer are left
 *   rd_le16(): reads 16 bits, little endian
 *   rd_left(): octets not read yet (base/buf.h)
 *   rd_of(): a rd of these octets
 *   rd_u8(): reads an octet; 0 if none is left
 *   sender: of the decoder: the side that has sent the packet at hand; of a packet of a feed:
 *       number of its sender's host, 0: unknown
 *   server: of the decoder: the side that has the attributes, of an ATT PDU; of the page: the state
 *       of its process: web_session.h
 *   uuid_len: of an attribute, of a request: octets of its type; 0: none is known */
#include "decode.h"

/* Opcodes. */
enum {
    ERROR_RESPONSE = 0x01,
    FIND_INFORMATION_RESPONSE = 0x05,
    FIND_BY_TYPE_REQUEST = 0x06,
    FIND_BY_TYPE_RESPONSE = 0x07,
    READ_BY_TYPE_REQUEST = 0x08,
    READ_BY_TYPE_RESPONSE = 0x09,
    READ_RESPONSE = 0x0b,
    READ_BLOB_RESPONSE = 0x0d,
    READ_BY_GROUP_REQUEST = 0x10,
    READ_BY_GROUP_RESPONSE = 0x11,
    WRITE_REQUEST = 0x12,
    WRITE_RESPONSE = 0x13,
    EXECUTE_REQUEST = 0x18,
    READ_VARIABLE_REQUEST = 0x20,
    SIGNED_WRITE = 0xd2
};
/* Types of declarations; octets of a signature. */
enum { PRIMARY_SERVICE = 0x2800, INCLUDE = 0x2802, CHARACTERISTIC = 0x2803, SIGNATURE = 12 };

static const struct packet_kind att_pdus[] = {
    { 0x01, "Error Response", "request:x1 handle:attr error:atterror", NULL },
    { 0x02, "Exchange MTU Request", "mtu:u2", NULL },
    { 0x03, "Exchange MTU Response", "mtu:u2", NULL },
    { 0x04, "Find Information Request", "start:x2 end:x2", NULL },
    { 0x05, "Find Information Response", "", NULL },
    { 0x06, "Find By Type Value Request", "start:x2 end:x2 type:uuid2 value:rest", NULL },
    { 0x07, "Find By Type Value Response", "found:*{handle:attr end:x2}", NULL },
    { 0x08, "Read By Type Request", "start:x2 end:x2 type:uuid", NULL },
    { 0x09, "Read By Type Response", "", NULL },
    { 0x0a, "Read Request", "handle:attr", NULL },
    { 0x0b, "Read Response", "value:rest", NULL },
    { 0x0c, "Read Blob Request", "handle:attr offset:u2", NULL },
    { 0x0d, "Read Blob Response", "value:rest", NULL },
    { 0x0e, "Read Multiple Request", "handles:*{handle:attr}", NULL },
    { 0x0f, "Read Multiple Response", "value:rest", NULL },
    { 0x10, "Read By Group Type Request", "start:x2 end:x2 type:uuid", NULL },
    { 0x11, "Read By Group Type Response", "", NULL },
    { 0x12, "Write Request", "handle:attr value:rest", NULL },
    { 0x13, "Write Response", "", NULL },
    { 0x16, "Prepare Write Request", "handle:attr offset:u2 value:rest", NULL },
    { 0x17, "Prepare Write Response", "handle:attr offset:u2 value:rest", NULL },
    { 0x18, "Execute Write Request", "flags:x1", NULL },
    { 0x19, "Execute Write Response", "", NULL },
    { 0x1b, "Handle Value Notification", "handle:attr value:rest", NULL },
    { 0x1d, "Handle Value Indication", "handle:attr value:rest", NULL },
    { 0x1e, "Handle Value Confirmation", "", NULL },
    { 0x20, "Read Multiple Variable Request", "handles:*{handle:attr}", NULL },
    { 0x21, "Read Multiple Variable Response", "values:*{len:len2 value:rest}", NULL },
    { 0x23, "Multiple Handle Value Notification", "values:*{handle:attr len:len2 value:rest}",
      NULL },
    { 0x52, "Write Command", "handle:attr value:rest", NULL },
    { 0xd2, "Signed Write Command", "", NULL },
    { 0, NULL, NULL, NULL },
};

/* The request asks for attributes of this 16 bit type. */
static bool has_type(const struct request *request, uint16_t uuid)
{
    return request->uuid_len == 2 && get_le16(request->uuid) == uuid;
}

/* --- responses -----------------------------------------------------------------------------------
 */

/* Find Information Response: format u8, then handle u16 and UUID.  3.4.3.2 */
static void put_information(struct decoder *d, struct rd *in)
{
    size_t n = 2;
    uint8_t format = rd_u8(in);
    if (format == 2) {
        n = 16;
    } else if (format != 1) {
        line_bad(&d->line, "an unknown format");
        decode_rest(d, "data", in);
        return;
    }
    line_list(&d->line, "found");
    while (rd_left(in) >= 2 + n) {
        uint16_t handle = rd_le16(in);
        const uint8_t *uuid = rd_bytes(in, n);
        conn_note_attribute(d->conn, d->server, handle, uuid, n);
        line_item(&d->line);
        line_hex(&d->line, "handle", handle, 4);
        line_uuid(&d->line, "uuid", uuid, n);
        line_item_end(&d->line);
    }
    line_list_end(&d->line);
}

/* A characteristic's declaration: properties u8, value's handle u16, UUID.  Part G, 3.3.1 */
static void put_characteristic(struct decoder *d, struct rd *in)
{
    decode_head(d, "properties:x1", in);
    uint16_t handle = rd_le16(in);
    size_t n = rd_left(in);
    if (in->bad || (n != 2 && n != 16)) {
        line_bad(&d->line, "no declaration of a characteristic");
        return;
    }
    const uint8_t *uuid = rd_bytes(in, n);
    conn_note_attribute(d->conn, d->server, handle, uuid, n);
    line_hex(&d->line, "value_handle", handle, 4);
    line_uuid(&d->line, "uuid", uuid, n);
}

/* Read By Type and Read By Group Type Response: rows of one length: handle u16; of groups their
 * end u16; a value.  3.4.4.2, 3.4.4.10 */
static void put_rows(struct decoder *d, struct rd *in, const struct request *request, bool groups)
{
    struct line *l = &d->line;
    size_t head = groups ? 4 : 2, n = rd_u8(in);
    if (n < head || rd_left(in) % n) {
        line_bad(l, "rows of a wrong length");
        decode_rest(d, "data", in);
        return;
    }
    line_list(l, "found");
    while (rd_left(in)) {
        struct rd row = rd_of(rd_bytes(in, n), n);
        uint16_t handle = rd_le16(&row);
        conn_note_attribute(d->conn, d->server, handle, request->uuid, request->uuid_len);
        line_item(l);
        line_hex(l, "handle", handle, 4);
        if (groups) {
            line_hex(l, "end", rd_le16(&row), 4);
        }
        if (groups && (rd_left(&row) == 2 || rd_left(&row) == 16)) {
            decode_fields(d, "uuid:uuid", &row);
        } else if (!groups && has_type(request, CHARACTERISTIC)) {
            put_characteristic(d, &row);
        } else if (!groups && has_type(request, INCLUDE) && rd_left(&row) >= 4) {
            decode_head(d, "start:x2 end:x2", &row);
            if (rd_left(&row)) {
                decode_fields(d, "uuid:uuid", &row);
            }
        }
        decode_rest(d, "value", &row);
        line_item_end(l);
    }
    line_list_end(l);
}

/* The handle and type that the request had. */
static void put_requested(struct decoder *d, const struct request *request)
{
    if (request->opcode && request->handle) {
        uint8_t octets[2] = { (uint8_t)request->handle, (uint8_t)(request->handle >> 8) };
        struct rd in = rd_of(octets, sizeof octets);
        decode_head(d, "handle:attr", &in);
    }
}

/* Signed Write Command: handle u16, value, signature 12.  3.4.5.4 */
static void put_signed(struct decoder *d, struct rd *in)
{
    decode_head(d, "handle:attr", in);
    size_t n = rd_left(in);
    if (n < SIGNATURE) {
        line_bad(&d->line, "it is too short");
        decode_rest(d, "value", in);
        return;
    }
    line_octets(&d->line, "value", rd_bytes(in, n - SIGNATURE), n - SIGNATURE);
    line_octets(&d->line, "signature", rd_bytes(in, SIGNATURE), SIGNATURE);
}

/* --- requests ------------------------------------------------------------------------------------
 */

/* Whether the PDU is a request, to which a response belongs; 0x1e is a confirmation. */
static bool is_request(uint8_t opcode)
{
    return opcode % 2 == 0 && opcode <= READ_VARIABLE_REQUEST && opcode != 0x1e;
}

/* Keeps what the response does not repeat: the handle, or the type behind a range. */
static void note_request(struct request *request, uint8_t opcode, struct rd in)
{
    *request = (struct request){ .opcode = opcode };
    bool by_type = opcode == FIND_BY_TYPE_REQUEST || opcode == READ_BY_TYPE_REQUEST ||
                   opcode == READ_BY_GROUP_REQUEST;
    if (by_type) {
        rd_bytes(&in, 4);
        size_t n = rd_left(&in);
        if (opcode == FIND_BY_TYPE_REQUEST && n > 2) {
            n = 2;
        }
        if (n == 2 || n == 16) {
            request->uuid_len = (uint8_t)n;
            memcpy(request->uuid, rd_bytes(&in, n), n);
        }
    } else if (opcode >= 0x0a && opcode <= WRITE_REQUEST && opcode != 0x0e) {
        request->handle = rd_le16(&in);
    }
}

/* Find By Type Value Response: handles have the type of the request.  3.4.3.4 */
static void note_found(struct decoder *d, const struct request *request, struct rd in)
{
    while (rd_left(&in) >= 4) {
        uint16_t handle = rd_le16(&in);
        rd_le16(&in);
        conn_note_attribute(d->conn, d->server, handle, request->uuid, request->uuid_len);
    }
}

/* The fields behind the opcode.  `request`: the one that a response answers. */
static void put_body(struct decoder *d, uint8_t opcode, struct rd *in,
                     const struct request *request)
{
    const struct packet_kind *kind = packet_kind(att_pdus, opcode);
    if (!kind) {
        decode_rest(d, "data", in);
    } else if (opcode == FIND_INFORMATION_RESPONSE) {
        put_information(d, in);
    } else if (opcode == READ_BY_TYPE_RESPONSE || opcode == READ_BY_GROUP_RESPONSE) {
        put_rows(d, in, request, opcode == READ_BY_GROUP_RESPONSE);
    } else if (opcode == SIGNED_WRITE) {
        put_signed(d, in);
    } else if (opcode == FIND_BY_TYPE_REQUEST && rd_left(in) >= 8 &&
               get_le16(in->p + 4) == PRIMARY_SERVICE) {
        decode_head(d, "start:x2 end:x2 type:uuid2", in);
        decode_fields(d, "value:uuid", in);
    } else {
        decode_fields(d, kind->fields, in);
        return;
    }
    if (rd_left(in)) {
        line_bad(&d->line, "octets behind the last field");
        decode_rest(d, "more", in);
    }
}

/* opcode u8, parameters.  3.3.1 */
void decode_att(struct decoder *d, struct rd *in, struct request *from[2])
{
    struct line *l = &d->line;
    line_layer(l, "att", "ATT", LINE_GREEN);
    if (!rd_left(in)) {
        line_bad(l, "it is too short");
        return;
    }
    uint8_t opcode = rd_u8(in);
    const struct packet_kind *kind = packet_kind(att_pdus, opcode);
    struct request *request = from[!d->sender];
    d->server = opcode % 2 ? d->sender : !d->sender;
    line_detail(l, "opcode", opcode);
    if (kind) {
        line_name(l, kind->name);
    } else {
        line_name(l, "Unknown PDU");
        line_hex(l, "pdu", opcode, 2);
    }
    if (is_request(opcode)) {
        note_request(from[d->sender], opcode, *in);
    } else if (opcode == FIND_BY_TYPE_RESPONSE) {
        note_found(d, request, *in);
    }
    if (opcode == READ_RESPONSE || opcode == READ_BLOB_RESPONSE || opcode == WRITE_RESPONSE) {
        put_requested(d, request);
    }
    put_body(d, opcode, in, request);
}
