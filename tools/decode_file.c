/* Recordings: see decode_file.h.
 *
 * btsnoop: "btsnoop", version u32, link type u32; records of length u32, kept u32, flags u32,
 * drops u32, time u64; big-endian.  pcap: magic u32, version u16 u16, zone u32, accuracy u32,
 * longest u32, link type u32; records of s u32, fraction u32, kept u32, length u32.  pcapng:
 * blocks of type u32, length u32, body, length u32.
 *
 * Names of other files:
 *   big_endian: of a recording: the order of octets in its numbers
 *   has_device: of a source: `device`, its controller's address, is known
 *   interface: a source of packets: link type, clock, name, address
 *   interfaces: sources of packets of a recording
 *   INTERFACES_MAX: sources of packets, at most
 *   link_type: of a source: what its packets are
 *   lost: of a record: packets that are missing before it
 *   radio: of a record: a packet's channel, power and flags on the air
 *   RECORD_AIR: kind of a record: a packet on the air
 *   RECORD_H4: kind of a record: HCI
 *   RECORD_MAX: octets of a record, at most
 *   RECORD_NOTE: kind of a record: text
 *   RECORD_OTHER: kind of a record: of a link type that is not decoded
 *   record_radio: a packet's channel, power and flags on the air, if `there`
 *   recording: a recording that is read: decode_file.h
 *   there: of record_radio: the other fields are known */
#include "decode_file.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { FORMAT_BTSNOOP, FORMAT_PCAP, FORMAT_PCAPNG }; /* recording.format */
enum { /* link types: of btsnoop the first three, of pcap the others */
       SNOOP_H1 = 1001,
       SNOOP_H4 = 1002,
       SNOOP_MONITOR = 2001,
       PCAP_H4 = 187,
       PCAP_H4_PHDR = 201,
       PCAP_LL = 251,
       PCAP_LL_PHDR = 256
};
/* Types of pcapng's blocks. */
enum { BLOCK_INTERFACE = 1, BLOCK_SIMPLE = 3, BLOCK_PACKET = 6 };
#define BLOCK_SECTION 0x0a0d0d0au
/* Octets before a block's body, before a packet in it, and of a radio header. */
enum { BLOCK_HEAD = 8, PACKET_HEAD = 20, LL_HEAD = 10 };

/* Notes why the recording ends here.  -1 */
static int fail(struct recording *r, const char *what)
{
    snprintf(r->message, sizeof r->message, "%s after %lu packets", what, r->records);
    return -1;
}

/* A number of n octets, most significant first. */
static uint64_t be(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned k = 0; k < n; k++) {
        v = v << 8 | p[k];
    }
    return v;
}

/* A number of n octets, least significant first. */
static uint64_t le(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned k = n; k > 0; k--) {
        v = v << 8 | p[k - 1];
    }
    return v;
}

/* A number in the file's order of octets. */
static uint32_t number(const struct recording *r, const uint8_t *p, unsigned n)
{
    if (r->big_endian) {
        return (uint32_t)be(p, n);
    }
    return (uint32_t)le(p, n);
}

/* Reads exactly n octets.  1; 0: the file ends before the first; -1: it ends behind it. */
static int take(struct recording *r, uint8_t *to, size_t n)
{
    size_t got = fread(to, 1, n, r->in);
    if (got == n) {
        return 1;
    }
    if (ferror(r->in)) {
        snprintf(r->message, sizeof r->message, "it cannot be read: %s", strerror(errno));
        return -1;
    }
    if (got == 0) {
        return 0;
    }
    return fail(r, "the file is cut");
}

/* The same; the end of the file is a cut, too. */
static int take_rest(struct recording *r, uint8_t *to, size_t n)
{
    int got = 1;
    if (n) {
        got = take(r, to, n);
    }
    if (got == 0) {
        return fail(r, "the file is cut");
    }
    return got;
}

/* The header of btsnoop.  0 or -1. */
static int begin_snoop(struct recording *r, const uint8_t *head)
{
    r->format = FORMAT_BTSNOOP;
    r->interface[0].link_type = (uint32_t)be(head + 12, 4);
    r->interfaces = 1;
    uint32_t type = r->interface[0].link_type;
    if (be(head + 8, 4) != 1 || (type != SNOOP_H1 && type != SNOOP_H4 && type != SNOOP_MONITOR)) {
        snprintf(r->message, sizeof r->message,
                 "it is btsnoop of version %u and kind %u; known are version 1 and kinds 1001, "
                 "1002, 2001",
                 (unsigned)be(head + 8, 4), (unsigned)type);
        return -1;
    }
    return 0;
}

/* `head` has 16 octets; 8 more follow. */
static int begin_pcap(struct recording *r, const uint8_t *head, bool nanoseconds)
{
    uint8_t rest[8];
    int got = take_rest(r, rest, sizeof rest);
    if (got < 0) {
        return got;
    }
    (void)head;
    r->format = FORMAT_PCAP;
    r->interfaces = 1;
    r->interface[0].ticks = 1000000;
    if (nanoseconds) {
        r->interface[0].ticks = 1000000000;
    }
    r->interface[0].link_type = number(r, rest + 4, 4) & 0xffff;
    return 0;
}

/* A Section Header Block; `head` has its first 16 octets. */
static int begin_section(struct recording *r, const uint8_t *head)
{
    if (be(head + 8, 4) == 0x1a2b3c4d) {
        r->big_endian = true;
    } else if (le(head + 8, 4) == 0x1a2b3c4d) {
        r->big_endian = false;
    } else {
        return fail(r, "it is spoilt: no byte order");
    }
    r->format = FORMAT_PCAPNG;
    r->interfaces = 0;
    uint32_t len = number(r, head + 4, 4);
    if (len < 28 || len > RECORD_MAX || len % 4) {
        return fail(r, "it is spoilt: a section of a wrong length");
    }
    if (take_rest(r, r->octets, len - 16) < 0) {
        return -1;
    }
    return 0;
}

/* Tells the format by the first octets. */
int recording_open(struct recording *r, FILE *in)
{
    static const struct {
        uint32_t magic;
        bool nanoseconds;
    } pcaps[] = { { 0xa1b2c3d4, false }, { 0xa1b23c4d, true } };
    uint8_t head[16];
    r->in = in;
    r->interfaces = 0;
    r->records = 0;
    r->big_endian = false;
    r->message[0] = '\0';
    memset(r->interface, 0, sizeof r->interface);
    if (take(r, head, sizeof head) <= 0) {
        if (!ferror(in)) {
            snprintf(r->message, sizeof r->message, "it is too short for a recording");
        }
        return -1;
    }
    if (memcmp(head, "btsnoop", 8) == 0) {
        return begin_snoop(r, head);
    }
    for (size_t k = 0; k < 2; k++) {
        r->big_endian = be(head, 4) == pcaps[k].magic;
        if (r->big_endian || le(head, 4) == pcaps[k].magic) {
            return begin_pcap(r, head, pcaps[k].nanoseconds);
        }
    }
    if (le(head, 4) == BLOCK_SECTION) {
        return begin_section(r, head);
    }
    snprintf(r->message, sizeof r->message, "it is neither btsnoop, pcap nor pcapng");
    return -1;
}

/* --- what a packet is ----------------------------------------------------------------------------
 */

/* Takes the pseudo-header off.  Unknown link types stay RECORD_OTHER. */
static void by_link_type(struct record *record, uint32_t type)
{
    size_t head = 0;
    if (type == PCAP_LL_PHDR && record->len >= LL_HEAD) {
        const uint8_t *p = record->data;
        record->kind = RECORD_AIR;
        record->radio = (struct record_radio){ .there = true,
                                               .channel = p[0],
                                               .power_dbm = (int8_t)p[1],
                                               .flags = (uint16_t)le(p + 8, 2) };
        head = LL_HEAD;
    } else if (type == PCAP_LL) {
        record->kind = RECORD_AIR;
    } else if (type == PCAP_H4_PHDR && record->len >= 4) {
        record->kind = RECORD_H4;
        record->received = be(record->data, 4) & 1;
        record->directed = true;
        head = 4;
    } else if (type == PCAP_H4) {
        record->kind = RECORD_H4;
    }
    record->data += head;
    record->len -= head;
    if (record->whole >= head) {
        record->whole -= head;
    }
    if (record->kind == RECORD_H4 && !record->directed && record->len) {
        record->received = record->data[0] == 4;
    }
}

/* H4 type and direction by opcode of Linux's monitor. */
static const struct {
    uint8_t h4;
    bool received;
} monitor_kinds[] = {
    [2] = { 1, false }, [3] = { 4, true }, [4] = { 2, false },  [5] = { 2, true },
    [6] = { 3, false }, [7] = { 3, true }, [18] = { 5, false }, [19] = { 5, true },
};
enum { MONITOR_KINDS = sizeof monitor_kinds / sizeof *monitor_kinds };
enum { MONITOR_NOTE = 12, MONITOR_LOG = 13 }; /* its opcodes of texts */

/* flags: opcode u16, adapter u16.  octets[0] is free for the H4 type. */
static void by_monitor(struct recording *r, struct record *record, uint32_t flags)
{
    unsigned opcode = flags & 0xffff;
    record->source = flags >> 16;
    record->directed = true;
    if (opcode < MONITOR_KINDS && monitor_kinds[opcode].h4) {
        record->kind = RECORD_H4;
        record->received = monitor_kinds[opcode].received;
        r->octets[0] = monitor_kinds[opcode].h4;
        record->data = r->octets;
        record->len++;
        record->whole++;
    } else if (opcode == MONITOR_NOTE) {
        record->kind = RECORD_NOTE;
    } else if (opcode == MONITOR_LOG && record->len >= 2 && record->len - 2 >= record->data[1]) {
        /* priority u8, length of the program's name u8, the name, text */
        size_t head = 2u + record->data[1];
        record->kind = RECORD_NOTE;
        record->data += head;
        record->len -= head;
        record->whole -= head;
    }
}

/* Un-encapsulated: flags has the direction, and whether it is a command or an event. */
static void by_h1(struct recording *r, struct record *record, uint32_t flags)
{
    static const uint8_t h4[4] = { 2, 2, 1, 4 };
    record->kind = RECORD_H4;
    r->octets[0] = h4[flags & 3];
    record->data = r->octets;
    record->len++;
    record->whole++;
}

/* --- records -------------------------------------------------------------------------------------
 */

/* The next record of btsnoop; returns as recording_next() does. */
static int snoop_next(struct recording *r, struct record *record)
{
    uint8_t head[24];
    int got = take(r, head, sizeof head);
    if (got <= 0) {
        return got;
    }
    uint32_t len = (uint32_t)be(head + 4, 4), flags = (uint32_t)be(head + 8, 4);
    if (len > RECORD_MAX - 1) {
        return fail(r, "the file is spoilt: a record is too long");
    }
    if (take_rest(r, r->octets + 1, len) < 0) {
        return -1;
    }
    record->data = r->octets + 1;
    record->len = len;
    record->whole = (uint32_t)be(head, 4);
    record->us = be(head + 16, 8) - 0x00dcddb30f2f8000ull;
    record->received = flags & 1;
    record->directed = true;
    if (r->interface[0].link_type == SNOOP_MONITOR) {
        by_monitor(r, record, flags);
    } else if (r->interface[0].link_type == SNOOP_H1) {
        by_h1(r, record, flags);
    } else {
        record->kind = RECORD_H4;
    }
    return 1;
}

/* A time in microseconds; 0 ticks a second: a million. */
static uint64_t to_us(uint64_t ticks, uint64_t ticks_a_second)
{
    if (ticks_a_second == 0) {
        ticks_a_second = 1000000;
    }
    return ticks / ticks_a_second * 1000000 +
           (uint64_t)((double)(ticks % ticks_a_second) * 1e6 / (double)ticks_a_second + 0.5);
}

/* The next record of pcap; returns as recording_next() does. */
static int pcap_next(struct recording *r, struct record *record)
{
    uint8_t head[16];
    int got = take(r, head, sizeof head);
    if (got <= 0) {
        return got;
    }
    uint32_t len = number(r, head + 8, 4);
    if (len > RECORD_MAX) {
        return fail(r, "the file is spoilt: a record is too long");
    }
    if (take_rest(r, r->octets, len) < 0) {
        return -1;
    }
    record->data = r->octets;
    record->len = len;
    record->whole = number(r, head + 12, 4);
    record->us = (uint64_t)number(r, head, 4) * 1000000 +
                 to_us(number(r, head + 4, 4), r->interface[0].ticks);
    by_link_type(record, r->interface[0].link_type);
    return 1;
}

/* The next option: code u16, length u16, value, padding.  NULL: there is none. */
static const uint8_t *option_next(const struct recording *r, const uint8_t **at, const uint8_t *end,
                                  unsigned *code, size_t *len)
{
    const uint8_t *p = *at;
    if (end - p < 4) {
        return NULL;
    }
    *code = number(r, p, 2);
    *len = number(r, p + 2, 2);
    size_t whole = (*len + 3) & ~(size_t)3;
    p += 4;
    if (whole > (size_t)(end - p)) {
        return NULL;
    }
    *at = p + whole;
    return p;
}

/* The unit of times: a power of ten, or of two. */
static void set_clock(struct interface *i, uint8_t exponent)
{
    if (exponent <= 9) {
        i->ticks = 1;
        for (unsigned k = 0; k < exponent; k++) {
            i->ticks *= 10;
        }
    } else if (exponent >= 0x80 && exponent < 0x80 + 40) {
        i->ticks = 1ull << (exponent & 0x7f);
    }
}

/* Interface Description Block: link type u16, reserved u16, longest u32, options; 2: a name, 6: an
 * address, 9: the clock. */
static void add_interface(struct recording *r, const uint8_t *body, size_t len)
{
    unsigned code;
    size_t n;
    const uint8_t *p, *at = body + 8;
    if (len < 8 || r->interfaces == INTERFACES_MAX) {
        return;
    }
    struct interface *i = &r->interface[r->interfaces++];
    *i = (struct interface){ .link_type = number(r, body, 2), .ticks = 1000000 };
    while ((p = option_next(r, &at, body + len, &code, &n)) != NULL) {
        if (code == 2) {
            snprintf(i->name, sizeof i->name, "%.*s", (int)n, (const char *)p);
        } else if (code == 6 && n == 6) {
            i->has_device = true;
            for (unsigned k = 0; k < 6; k++) {
                i->device[k] = p[5 - k];
            }
        } else if (code == 9 && n == 1) {
            set_clock(i, p[0]);
        }
    }
}

/* Options of a packet; 4: how many are missing before it u64; 6: its queue u32,
 * which `woad watch --pcapng` uses for the sender's number. */
static void packet_options(struct recording *r, struct record *record, const uint8_t *at,
                           const uint8_t *end)
{
    unsigned code;
    size_t n;
    const uint8_t *p;
    while ((p = option_next(r, &at, end, &code, &n)) != NULL) {
        if (code == 4 && n == 8) {
            record->lost = r->big_endian ? be(p, 8) : le(p, 8);
        } else if (code == 6 && n == 4) {
            record->queue = number(r, p, 4);
        }
    }
}

/* Enhanced Packet Block: interface u32, time u32 high, u32 low, kept u32, length u32, packet.
 * Simple Packet Block: length u32, packet.  Returns whether there is a packet. */
static bool ng_packet(struct recording *r, struct record *record, uint32_t type, size_t len)
{
    const uint8_t *body = r->octets;
    if (type == BLOCK_PACKET && len >= PACKET_HEAD) {
        record->source = number(r, body, 4);
        record->len = number(r, body + 12, 4);
        record->whole = number(r, body + 16, 4);
        record->data = body + PACKET_HEAD;
        len -= PACKET_HEAD;
    } else if (type == BLOCK_SIMPLE && len >= 4) {
        record->whole = number(r, body, 4);
        record->data = body + 4;
        len -= 4;
        record->len = record->whole;
    } else {
        return false;
    }
    if (record->len > len) {
        record->len = len;
    }
    if (type == BLOCK_PACKET && record->len == number(r, body + 12, 4)) {
        const uint8_t *end = record->data + len;
        size_t padded = (record->len + 3) & ~(size_t)3;
        if (padded <= len) {
            packet_options(r, record, record->data + padded, end);
        }
    }
    if (record->source < r->interfaces) {
        const struct interface *i = &r->interface[record->source];
        if (type == BLOCK_PACKET) {
            record->us =
                to_us((uint64_t)number(r, body + 4, 4) << 32 | number(r, body + 8, 4), i->ticks);
        }
        by_link_type(record, i->link_type);
    }
    return true;
}

/* The next packet of pcapng, past blocks without one; returns as recording_next() does. */
static int ng_next(struct recording *r, struct record *record)
{
    uint8_t head[16];
    for (;;) {
        int got = take(r, head, BLOCK_HEAD);
        if (got <= 0) {
            return got;
        }
        if (le(head, 4) == BLOCK_SECTION) {
            if (take_rest(r, head + BLOCK_HEAD, 8) < 0 || begin_section(r, head) < 0) {
                return -1;
            }
            continue;
        }
        uint32_t type = number(r, head, 4), len = number(r, head + 4, 4);
        if (len < 12 || len > RECORD_MAX || len % 4) {
            return fail(r, "the file is spoilt: a block of a wrong length");
        }
        if (take_rest(r, r->octets, len - BLOCK_HEAD) < 0) {
            return -1;
        }
        if (type == BLOCK_INTERFACE) {
            add_interface(r, r->octets, len - 12);
        } else if (ng_packet(r, record, type, len - 12)) {
            return 1;
        }
    }
}

/* By the format that recording_open() has found. */
int recording_next(struct recording *r, struct record *record)
{
    static int (*const next[])(struct recording *, struct record *) = {
        [FORMAT_BTSNOOP] = snoop_next, [FORMAT_PCAP] = pcap_next, [FORMAT_PCAPNG] = ng_next
    };
    *record = (struct record){ .kind = RECORD_OTHER };
    int got = next[r->format](r, record);
    if (got > 0) {
        r->records++;
    }
    return got;
}

/* A source without a name has "". */
const char *recording_source(const struct recording *r, unsigned source)
{
    if (source < r->interfaces) {
        return r->interface[source].name;
    }
    return "";
}

/* For line.device_name, with the recording as its context. */
const char *recording_device(const void *recording, const uint8_t *address)
{
    const struct recording *r = recording;
    for (unsigned k = 0; k < r->interfaces; k++) {
        if (r->interface[k].has_device && memcmp(r->interface[k].device, address, 6) == 0) {
            return r->interface[k].name;
        }
    }
    return NULL;
}
