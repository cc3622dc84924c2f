/* Interprets the tables' descriptions of fields.
 *
 * A description is "name:type name:type ...", in the order of the octets.  "name:n1{...}" is a
 * number of one octet and so many groups of fields; "name:*{...}" are groups up to the end.  Types
 * are below.
 *
 * Names of other files:
 *   attribute: an attribute of a device: handle and type
 *   bad: of rd: more was read than there was; of the line: line_bad() was called
 *   conn_attribute(): the attribute of that handle at a side; NULL: unknown
 *   conn_find(): the connection of that number; NULL: unknown
 *   decoder: what is known of a recording so far, and the packet at hand: decode.h
 *   get_le16(): 16 bits, little endian
 *   limit: of the decoder: octets of the next field of variable length; NO_LIMIT: all that are left
 *   line: the line that is written: decode_line.h
 *   line_address(): a field: an address, and its device's name
 *   line_bad(): notes that the packet breaks its format; the first reason stays
 *   line_hex(): a field: a number, hexadecimal in text
 *   line_item(): begins an item of a list
 *   line_item_end(): ends an item of a list
 *   line_list(): a field: begins a list
 *   line_list_end(): ends a list
 *   line_named(): a field: a number that has a name
 *   line_number(): a field: a number
 *   line_octets(): a field: octets
 *   line_real(): a field: a number with decimals
 *   line_signed(): a field: a number with a sign
 *   line_text(): a field: text of a peer, in quotes
 *   line_uuid(): a field: a UUID with its name
 *   name_find(): the name of a number; NULL: it has none
 *   name_of: a row of a table of names, by number; NULL ends it
 *   names_ad: table of the names of types of advertising data
 *   names_address: table of the names of types of addresses
 *   names_adv_type: table of the names of types of advertising
 *   names_att_error: table of the names of ATT errors
 *   names_clock: table of the names of clock accuracies
 *   names_coc_result: table of the names of results of a channel with credits
 *   names_data_status: table of the names of states of reported data
 *   names_ecfc_result: table of the names of results of enhanced channels
 *   names_filter: table of the names of filter policies
 *   names_hci_error: table of the names of HCI errors
 *   names_keypress: table of the names of keypresses
 *   names_operation: table of the names of operations of advertising data
 *   names_param_result: table of the names of results of a parameter update
 *   names_phy: table of the names of PHYs
 *   names_power_reason: table of the names of reasons of a power report
 *   names_reconfigure_result: table of the names of results of a reconfiguration
 *   names_reject: table of the names of reasons of a rejected command
 *   names_report_type: table of the names of types of reports
 *   names_role: table of the names of roles
 *   names_smp_io: table of the names of IO capabilities
 *   names_smp_reason: table of the names of reasons of a failed pairing
 *   names_switch: table of the names of switches
 *   rd: octets to be read: the next at `p`, `end` behind the last; `bad`: more were read than there
 *       were
 *   rd_bytes(): reads octets; NULL: fewer are left
 *   rd_left(): octets not read yet (base/buf.h)
 *   rd_of(): a rd of these octets
 *   rd_u8(): reads an octet; 0 if none is left
 *   server: of the decoder: the side that has the attributes, of an ATT PDU; of the page: the state
 *       of its process: web_session.h
 *   SIDE_B: the other side of a connection
 *   uuid_len: of an attribute, of a request: octets of its type; 0: none is known */
#include "decode.h"

#include <stdlib.h>

enum { KEY_MAX = 40 }; /* octets of a field's name, its 0 included */

struct field_type {
    const char *name; /* in a description */
    void (*put)(struct decoder *d, const char *key, struct rd *in, const struct field_type *type);
    size_t octets;               /* 0: a variable number */
    double unit;                 /* of a real number: the value of 1 */
    const struct name_of *names; /* of a number with names */
};

/* --- types ---------------------------------------------------------------------------------------
 */

/* A number of n octets, least significant first. */
static uint64_t little_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t k = n; k > 0; k--) {
        v = v << 8 | p[k - 1];
    }
    return v;
}

/* The field's octets; NULL: they are not all there. */
static const uint8_t *octets_of(struct decoder *d, struct rd *in, size_t n)
{
    const uint8_t *p = rd_bytes(in, n);
    if (!p) {
        line_bad(&d->line, "it is too short");
    }
    return p;
}

/* Types of fields from here on: each takes its octets from `in`.  A number. */
static void put_unsigned(struct decoder *d, const char *key, struct rd *in,
                         const struct field_type *type)
{
    const uint8_t *p = octets_of(d, in, type->octets);
    if (p) {
        line_number(&d->line, key, little_endian(p, type->octets));
    }
}

/* A number in hexadecimal. */
static void put_hex(struct decoder *d, const char *key, struct rd *in,
                    const struct field_type *type)
{
    const uint8_t *p = octets_of(d, in, type->octets);
    if (p) {
        line_hex(&d->line, key, little_endian(p, type->octets), (int)type->octets * 2);
    }
}

/* A number of 8 bits with a sign. */
static void put_signed(struct decoder *d, const char *key, struct rd *in,
                       const struct field_type *type)
{
    const uint8_t *p = octets_of(d, in, type->octets);
    if (p) {
        line_signed(&d->line, key, (int8_t)p[0]);
    }
}

/* A multiple of a unit. */
static void put_scaled(struct decoder *d, const char *key, struct rd *in,
                       const struct field_type *type)
{
    const uint8_t *p = octets_of(d, in, type->octets);
    if (p) {
        line_real(&d->line, key, (double)little_endian(p, type->octets) * type->unit, 3);
    }
}

/* A number from a table of names. */
static void put_named(struct decoder *d, const char *key, struct rd *in,
                      const struct field_type *type)
{
    const uint8_t *p = octets_of(d, in, type->octets);
    if (p) {
        uint32_t number = (uint32_t)little_endian(p, type->octets);
        line_named(&d->line, key, number, name_find(type->names, number));
    }
}

/* An address of 6 octets. */
static void put_address(struct decoder *d, const char *key, struct rd *in,
                        const struct field_type *type)
{
    const uint8_t *p = octets_of(d, in, type->octets);
    if (p) {
        line_address(&d->line, key, p);
    }
}

/* Octets of a fixed number. */
static void put_octets(struct decoder *d, const char *key, struct rd *in,
                       const struct field_type *type)
{
    const uint8_t *p = octets_of(d, in, type->octets);
    if (p) {
        line_octets(&d->line, key, p, type->octets);
    }
}

/* A UUID that fills the rest. */
static void put_uuid(struct decoder *d, const char *key, struct rd *in,
                     const struct field_type *type)
{
    size_t n = rd_left(in);
    (void)type;
    if (n != 2 && n != 4 && n != 16) {
        line_bad(&d->line, "a UUID of a wrong length");
        decode_rest(d, key, in);
        return;
    }
    line_uuid(&d->line, key, rd_bytes(in, n), n);
}

/* A UUID of a fixed length. */
static void put_short_uuid(struct decoder *d, const char *key, struct rd *in,
                           const struct field_type *type)
{
    const uint8_t *p = octets_of(d, in, type->octets);
    if (p) {
        line_uuid(&d->line, key, p, type->octets);
    }
}

/* Text of a fixed size, up to its first zero. */
static void put_text(struct decoder *d, const char *key, struct rd *in,
                     const struct field_type *type)
{
    const uint8_t *p = octets_of(d, in, type->octets);
    if (p) {
        const uint8_t *end = memchr(p, 0, type->octets);
        size_t len = type->octets;
        if (end) {
            len = (size_t)(end - p);
        }
        line_text(&d->line, key, p, len);
    }
}

/* A length: of the next field of variable length. */
static void put_length(struct decoder *d, const char *key, struct rd *in,
                       const struct field_type *type)
{
    const uint8_t *p = octets_of(d, in, type->octets);
    if (p) {
        d->limit = (size_t)little_endian(p, type->octets);
        line_number(&d->line, key, d->limit);
    }
}

/* The octets of a field of variable length. */
static const uint8_t *variable(struct decoder *d, struct rd *in, size_t *n)
{
    *n = rd_left(in);
    if (d->limit < *n) {
        *n = d->limit;
    } else if (d->limit != NO_LIMIT && d->limit > *n) {
        line_bad(&d->line, "it is shorter than its length");
    }
    d->limit = NO_LIMIT;
    return rd_bytes(in, *n);
}

/* Octets of a variable number. */
static void put_rest(struct decoder *d, const char *key, struct rd *in,
                     const struct field_type *type)
{
    size_t n;
    const uint8_t *p = variable(d, in, &n);
    (void)type;
    if (n) {
        line_octets(&d->line, key, p, n);
    }
}

/* Advertising data of a variable length. */
static void put_ad(struct decoder *d, const char *key, struct rd *in, const struct field_type *type)
{
    size_t n;
    const uint8_t *p = variable(d, in, &n);
    (void)type;
    decode_ad(d, key, p, n);
}

/* Octets without a meaning: unused room behind data. */
static void put_nothing(struct decoder *d, const char *key, struct rd *in,
                        const struct field_type *type)
{
    (void)d, (void)key, (void)type;
    rd_bytes(in, rd_left(in));
}

/* A connection handle: that connection is at hand from now on. */
static void put_conn(struct decoder *d, const char *key, struct rd *in,
                     const struct field_type *type)
{
    const uint8_t *p = octets_of(d, in, type->octets);
    if (p) {
        uint32_t handle = (uint32_t)little_endian(p, 2) & 0xfff;
        line_number(&d->line, key, handle);
        d->conn = conn_find(d, handle);
        if (d->conn && strcmp(key, "handle") == 0) {
            line_address(&d->line, "device", d->conn->device[SIDE_B]);
        }
    }
}

/* An attribute's handle, and its type if a discovery has shown that. */
static void put_attribute(struct decoder *d, const char *key, struct rd *in,
                          const struct field_type *type)
{
    const uint8_t *p = octets_of(d, in, type->octets);
    if (p) {
        uint16_t handle = get_le16(p);
        const struct attribute *a = conn_attribute(d->conn, d->server, handle);
        line_hex(&d->line, key, handle, 4);
        if (a) {
            line_uuid(&d->line, "of", a->uuid, a->uuid_len);
        }
    }
}

static const struct field_type types[] = {
    /* type, function, octets, unit, names */
    { "u1", put_unsigned, 1, 0, NULL },
    { "u2", put_unsigned, 2, 0, NULL },
    { "u3", put_unsigned, 3, 0, NULL },
    { "u4", put_unsigned, 4, 0, NULL },
    { "u5", put_unsigned, 5, 0, NULL },
    { "x1", put_hex, 1, 0, NULL },
    { "x2", put_hex, 2, 0, NULL },
    { "x3", put_hex, 3, 0, NULL },
    { "x4", put_hex, 4, 0, NULL },
    { "x5", put_hex, 5, 0, NULL },
    { "x8", put_hex, 8, 0, NULL },
    { "i1", put_signed, 1, 0, NULL },
    { "slots", put_scaled, 2, 0.625, NULL },  /* ms, of 0.625 ms */
    { "slots3", put_scaled, 3, 0.625, NULL }, /* the same, of three octets */
    { "slots1", put_scaled, 1, 1.25, NULL },  /* ms, one octet of 1.25 ms */
    { "frames", put_scaled, 2, 1.25, NULL },  /* ms, of 1.25 ms */
    { "tens", put_scaled, 2, 10, NULL },      /* ms, of 10 ms */
    { "addr", put_address, 6, 0, NULL },
    { "conn", put_conn, 2, 0, NULL },
    { "attr", put_attribute, 2, 0, NULL },
    { "uuid2", put_short_uuid, 2, 0, NULL },
    { "hex8", put_octets, 8, 0, NULL },
    { "hex16", put_octets, 16, 0, NULL },
    { "hex32", put_octets, 32, 0, NULL },
    { "hex64", put_octets, 64, 0, NULL },
    { "text", put_text, 248, 0, NULL },
    { "len1", put_length, 1, 0, NULL },
    { "len2", put_length, 2, 0, NULL },
    { "rest", put_rest, 0, 0, NULL },
    { "ad", put_ad, 0, 0, NULL },
    { "uuid", put_uuid, 0, 0, NULL },
    { "unused", put_nothing, 0, 0, NULL },
    { "error", put_named, 1, 0, names_hci_error },
    { "addrtype", put_named, 1, 0, names_address },
    { "role", put_named, 1, 0, names_role },
    { "phy", put_named, 1, 0, names_phy },
    { "advtype", put_named, 1, 0, names_adv_type },
    { "reporttype", put_named, 1, 0, names_report_type },
    { "filter", put_named, 1, 0, names_filter },
    { "clock", put_named, 1, 0, names_clock },
    { "switch", put_named, 1, 0, names_switch },
    { "operation", put_named, 1, 0, names_operation },
    { "datastatus", put_named, 1, 0, names_data_status },
    { "powerreason", put_named, 1, 0, names_power_reason },
    { "atterror", put_named, 1, 0, names_att_error },
    { "smpreason", put_named, 1, 0, names_smp_reason },
    { "smpio", put_named, 1, 0, names_smp_io },
    { "keypress", put_named, 1, 0, names_keypress },
    { "reject", put_named, 2, 0, names_reject },
    { "paramresult", put_named, 2, 0, names_param_result },
    { "cocresult", put_named, 2, 0, names_coc_result },
    { "ecfcresult", put_named, 2, 0, names_ecfc_result },
    { "reconfresult", put_named, 2, 0, names_reconfigure_result },
};
enum { TYPES = sizeof types / sizeof *types };

/* --- descriptions --------------------------------------------------------------------------------
 */

/* The type of that name; NULL: there is none. */
static const struct field_type *type_of(const char *name, size_t len)
{
    for (size_t k = 0; k < TYPES; k++) {
        if (strlen(types[k].name) == len && memcmp(types[k].name, name, len) == 0) {
            return &types[k];
        }
    }
    return NULL;
}

static const char *fields_until(struct decoder *d, const char *at, char end, struct rd *in);

/* Groups of fields: `at` is behind the colon, at "n1{" or "*{".  Returns what is behind "}". */
static const char *groups(struct decoder *d, const char *key, const char *at, struct rd *in)
{
    unsigned count = 255;
    bool counted = *at == 'n';
    const char *inside = strchr(at, '{') + 1, *behind = strchr(inside, '}') + 1;
    if (counted) {
        const uint8_t *p = octets_of(d, in, 1);
        count = p ? *p : 0;
    }
    line_list(&d->line, key);
    while (count > 0 && rd_left(in)) {
        line_item(&d->line);
        fields_until(d, inside, '}', in);
        line_item_end(&d->line);
        count--;
    }
    line_list_end(&d->line);
    if (counted && count) {
        line_bad(&d->line, "it is too short");
    }
    return behind;
}

/* Returns where the description ends. */
static const char *fields_until(struct decoder *d, const char *at, char end, struct rd *in)
{
    char key[KEY_MAX];
    d->limit = NO_LIMIT;
    while (*at && *at != end) {
        size_t len = strcspn(at, ":");
        memcpy(key, at, len);
        key[len] = '\0';
        at += len + 1;
        if (*at == '*' || (*at == 'n' && at[2] == '{')) {
            at = groups(d, key, at, in);
        } else {
            size_t n = strcspn(at, " }");
            const struct field_type *type = type_of(at, n);
            if (!type) {
                abort(); /* a table is wrong: tests/unit/decoder.c interprets every row */
            }
            if (!in->bad) {
                type->put(d, key, in, type);
            }
            at += n;
        }
        at += strspn(at, " ");
    }
    return at;
}

/* All fields of the description. */
void decode_head(struct decoder *d, const char *description, struct rd *in)
{
    fields_until(d, description, '\0', in);
}

/* The fields, and nothing behind them. */
void decode_fields(struct decoder *d, const char *description, struct rd *in)
{
    decode_head(d, description, in);
    if (rd_left(in)) {
        line_bad(&d->line, "octets behind the last field");
        decode_rest(d, "more", in);
    }
}

/* Octets without a description. */
void decode_rest(struct decoder *d, const char *key, struct rd *in)
{
    size_t n = rd_left(in);
    if (n) {
        line_octets(&d->line, key, rd_bytes(in, n), n);
    }
}

/* The row of that number. */
const struct packet_kind *packet_kind(const struct packet_kind *table, uint32_t number)
{
    for (; table->name; table++) {
        if (table->number == number) {
            return table;
        }
    }
    return NULL;
}

/* --- advertising data ----------------------------------------------------------------------------
 */

/* Kinds of structures. */
enum { AD_UUIDS = 1, AD_TEXT, AD_SERVICE_DATA, AD_POWER };

/* Types with more to show than octets: the kind, octets of a UUID. */
static const struct {
    uint8_t type, kind, len;
} ad_kinds[] = {
    { 0x02, AD_UUIDS, 2 },         { 0x03, AD_UUIDS, 2 },  { 0x04, AD_UUIDS, 4 },
    { 0x05, AD_UUIDS, 4 },         { 0x06, AD_UUIDS, 16 }, { 0x07, AD_UUIDS, 16 },
    { 0x08, AD_TEXT, 0 },          { 0x09, AD_TEXT, 0 },   { 0x0a, AD_POWER, 1 },
    { 0x14, AD_UUIDS, 2 },         { 0x15, AD_UUIDS, 16 }, { 0x16, AD_SERVICE_DATA, 2 },
    { 0x1f, AD_UUIDS, 4 },         { 0x24, AD_TEXT, 0 },   { 0x20, AD_SERVICE_DATA, 4 },
    { 0x21, AD_SERVICE_DATA, 16 }, { 0x30, AD_TEXT, 0 },
};
enum { AD_KINDS = sizeof ad_kinds / sizeof *ad_kinds };

/* One structure behind its type. */
static void put_structure(struct decoder *d, uint8_t type, struct rd *in)
{
    size_t k = 0;
    while (k < AD_KINDS && ad_kinds[k].type != type) {
        k++;
    }
    if (k < AD_KINDS && ad_kinds[k].kind == AD_TEXT) {
        size_t n = rd_left(in);
        line_text(&d->line, "text", rd_bytes(in, n), n);
        return;
    }
    if (k < AD_KINDS && ad_kinds[k].kind == AD_POWER && rd_left(in) == 1) {
        line_signed(&d->line, "dbm", (int8_t)rd_u8(in));
        return;
    }
    if (k < AD_KINDS && ad_kinds[k].kind == AD_UUIDS) {
        line_list(&d->line, "uuids");
        while (rd_left(in) >= ad_kinds[k].len) {
            line_item(&d->line);
            line_uuid(&d->line, "uuid", rd_bytes(in, ad_kinds[k].len), ad_kinds[k].len);
            line_item_end(&d->line);
        }
        line_list_end(&d->line);
    } else if (k < AD_KINDS && rd_left(in) >= ad_kinds[k].len) {
        line_uuid(&d->line, "uuid", rd_bytes(in, ad_kinds[k].len), ad_kinds[k].len);
    }
    decode_rest(d, "data", in);
}

/* length u8, type u8, data.  Vol 3, Part C, 11 */
void decode_ad(struct decoder *d, const char *key, const uint8_t *data, size_t len)
{
    struct rd in = rd_of(data, len);
    if (!len) {
        return;
    }
    line_list(&d->line, key);
    while (rd_left(&in)) {
        size_t n = rd_u8(&in);
        if (n == 0) {
            break; /* the rest is unused */
        }
        line_item(&d->line);
        if (n > rd_left(&in)) {
            decode_rest(d, "cut", &in); /* the next fragment may go on with it */
        } else {
            struct rd part = rd_of(rd_bytes(&in, n), n);
            uint8_t type = rd_u8(&part);
            line_named(&d->line, "type", type, name_find(names_ad, type));
            put_structure(d, type, &part);
        }
        line_item_end(&d->line);
    }
    line_list_end(&d->line);
}
