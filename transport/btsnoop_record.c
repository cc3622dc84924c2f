/* Records of HCI logs: see woad/btsnoop.h.  Does no I/O.
 *
 * Names of other files:
 *   head: the PDU's first octets, which tell whether it carries a key
 *   next: the entry to be replaced when all are used
 *   pdu: L2CAP PDUs that are not complete, by connection and direction
 *   received_len: octets of the PDU that have been logged */
#include <woad/btsnoop.h>

#include <string.h>

/* The format is big-endian. */
static void put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* Secrets in commands: offset in the parameters, length. */
static const struct {
    uint16_t opcode;
    uint8_t at, len;
} in_commands[] = {
    /* opcode, offset, length */
    { 0x2017, 0, 32 },  /* LE Encrypt: key, plain text */
    { 0x2019, 12, 16 }, /* LE Enable Encryption: LTK */
    { 0x201a, 2, 16 },  /* LE LTK Request Reply: LTK */
    { 0x2027, 7, 32 },  /* LE Add Device To Resolving List: IRKs */
    { 0x2068, 15, 16 }, { 0x2069, 20, 16 }, { 0x206b, 4, 16 }, /* broadcast codes */
    { 0x040b, 6, 16 },  { 0x040d, 7, 16 },                     /* link key, PIN */
    { 0x0433, 6, 32 },  { 0x0445, 6, 64 },                     /* of pairing out of band */
};

/* Offset of a secret in the packet, 0: none; *n: its length. */
static size_t secret_in_command(const uint8_t *packet, size_t len, size_t *n)
{
    unsigned opcode = 0;
    if (len > 4) {
        opcode = packet[1] | (unsigned)packet[2] << 8;
    }
    for (size_t k = 0; k < sizeof in_commands / sizeof *in_commands; k++) {
        if (in_commands[k].opcode == opcode) {
            *n = in_commands[k].len;
            return 4u + in_commands[k].at;
        }
    }
    return 0;
}

/* Command Complete of LE Encrypt and LE Rand: credits u8, opcode u16, status u8, 16 or 8.
 * LE Generate DHKey Complete: status u8, 32.  Link Key Notification: address 6, 16. */
static size_t secret_in_event(const uint8_t *packet, size_t len, size_t *n)
{
    if (len > 6 && packet[1] == 0x0e && packet[5] == 0x20 &&
        (packet[4] == 0x17 || packet[4] == 0x18)) {
        *n = 16;
        return 7;
    }
    if (len > 1 && packet[1] == 0x18) {
        *n = 16;
        return 9;
    }
    *n = 32;
    if (len > 4 && packet[1] == 0x3e && packet[3] == 0x09) {
        return 5;
    }
    return 0;
}

/* Zeros n octets from `at` on, up to the end of the record. */
static void wipe(uint8_t *octets, size_t len, size_t at, size_t n)
{
    if (at < len) {
        size_t part = len - at;
        if (n < len - at) {
            part = n;
        }
        memset(octets + at, 0, part);
    }
}

/* The PDU that a connection is sending in this direction; NULL: none. */
static struct woad_btsnoop_pdu *pdu_find(struct woad_btsnoop_keys *keys, uint16_t handle,
                                         bool received)
{
    for (size_t k = 0; k < WOAD_BTSNOOP_PDUS; k++) {
        struct woad_btsnoop_pdu *c = &keys->pdu[k];
        if (c->used && c->handle == handle && c->from_controller == received) {
            return c;
        }
    }
    return NULL;
}

/* A free entry, or one in turn: the rest of its PDU is logged as zeros. */
static struct woad_btsnoop_pdu *pdu_new(struct woad_btsnoop_keys *keys)
{
    for (size_t k = 0; k < WOAD_BTSNOOP_PDUS; k++) {
        if (!keys->pdu[k].used) {
            return &keys->pdu[k];
        }
    }
    return &keys->pdu[keys->next++ % WOAD_BTSNOOP_PDUS];
}

/* L2CAP: length u16, channel u16; SMP: code u8, key 16.  Zeros those of the `len` octets that are
 * part of a key, and notes what the next part needs to know. */
static void pdu_wipe(struct woad_btsnoop_pdu *c, uint8_t *octets, size_t len)
{
    enum { SMP_CHANNEL = 6, KEY = 16 };
    size_t n = 0;
    while (c->received_len + n < WOAD_BTSNOOP_PDU_HEAD && n < len) {
        c->head[c->received_len + n] = octets[n];
        n++;
    }
    const uint8_t *head = c->head;
    /* Encryption Information, Identity Information, Signing Information. */
    bool key = c->received_len + n >= WOAD_BTSNOOP_PDU_HEAD && head[2] == SMP_CHANNEL &&
               head[3] == 0 && (head[4] == 0x06 || head[4] == 0x08 || head[4] == 0x0a);
    size_t end = WOAD_BTSNOOP_PDU_HEAD + KEY, from = c->received_len + n;
    if (key && from < end) {
        wipe(octets, len, n, end - from);
    }
    c->received_len =
        (uint16_t)(c->received_len + len < UINT16_MAX ? c->received_len + len : UINT16_MAX);
}

/* Whether more octets of the PDU follow. */
static bool pdu_goes_on(const struct woad_btsnoop_pdu *c)
{
    return c->received_len < 4 || c->received_len < 4u + c->head[0] + ((unsigned)c->head[1] << 8);
}

/* ACL data: handle and flags u16, length u16.  A packet that continues an unknown PDU (the table
 * was full) is all zeros. */
static void wipe_data(struct woad_btsnoop_keys *keys, bool received, uint8_t *packet, size_t len)
{
    enum { HEADER = 5, CONTINUES = 1 };
    if (len < HEADER) {
        return;
    }
    uint16_t handle = (uint16_t)((packet[1] | packet[2] << 8) & 0xfff);
    struct woad_btsnoop_pdu *c = pdu_find(keys, handle, received);
    struct woad_btsnoop_pdu now = { .used = true, .from_controller = received, .handle = handle };
    if ((packet[2] >> 4 & 3) == CONTINUES) {
        if (!c) {
            wipe(packet, len, HEADER, len);
            return;
        }
        now = *c;
    }
    pdu_wipe(&now, packet + HEADER, len - HEADER);
    if (c) {
        c->used = false;
    }
    if (pdu_goes_on(&now)) {
        if (!c) {
            c = pdu_new(keys);
        }
        *c = now;
    }
}

/* Zeros the keys in a packet, H4 type first. */
static void wipe_keys(struct woad_btsnoop_keys *keys, bool received, uint8_t *packet, size_t len)
{
    size_t n = 0, at = 0;
    if (packet[0] == 2) {
        wipe_data(keys, received, packet, len);
    } else if (packet[0] == 1) {
        at = secret_in_command(packet, len, &n);
    } else if (packet[0] == 4) {
        at = secret_in_event(packet, len, &n);
    }
    if (at) {
        wipe(packet, len, at, n);
    }
}

/* The same for each log: all records here are H4 packets. */
void woad_btsnoop_header(uint8_t header[WOAD_BTSNOOP_HEADER])
{
    static const uint8_t start[WOAD_BTSNOOP_HEADER] = {
        'b', 't', 's', 'n', 'o', 'o', 'p', 0, 0, 0, 0, 1, 0, 0, 0x03, 0xea
    }; /* version 1, H4 */
    memcpy(header, start, sizeof start);
}

/* Original length u32, logged length u32, flags u32 (bit 0: received, 1: command or event),
 * drops u32, us u64; then the packet. */
size_t woad_btsnoop_record(uint8_t *record, size_t room, struct woad_btsnoop_keys *keys,
                           uint64_t us, bool received, const uint8_t *packet, size_t len)
{
    if (room < WOAD_BTSNOOP_RECORD || len == 0) {
        return 0;
    }
    size_t kept = len;
    if (room - WOAD_BTSNOOP_RECORD < len) {
        kept = room - WOAD_BTSNOOP_RECORD;
    }
    us += 0x00dcddb30f2f8000ull; /* the format counts from the year 0 */
    bool command_or_event = packet[0] == 1 || packet[0] == 4;
    put32(record, (uint32_t)len);
    put32(record + 4, (uint32_t)kept);
    put32(record + 8, (uint32_t)received | (uint32_t)command_or_event << 1);
    put32(record + 12, 0);
    put32(record + 16, (uint32_t)(us >> 32));
    put32(record + 20, (uint32_t)us);
    memcpy(record + WOAD_BTSNOOP_RECORD, packet, kept);
    if (keys && kept > 0) {
        wipe_keys(keys, received, record + WOAD_BTSNOOP_RECORD, kept);
    }
    return WOAD_BTSNOOP_RECORD + kept;
}
