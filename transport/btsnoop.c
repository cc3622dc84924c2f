#include "btsnoop.h"

#include <sys/time.h>

/* Big-endian, as the format has it. */
static void put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

FILE *btsnoop_open(const char *path)
{
    static const uint8_t header[16] = { 'b', 't', 's', 'n', 'o', 'o', 'p', 0, 0, 0, 0, 1, 0, 0,
                                        0x03, 0xea };       /* version 1, H4 */
    FILE *f = fopen(path, "wb");
    if (f) {
        fwrite(header, 1, sizeof header, f);
        fflush(f);
    }
    return f;
}

uint64_t btsnoop_now(void)
{
    struct timeval tv;
    gettimeofday(&tv, NULL);
    return (uint64_t)tv.tv_sec * 1000000u + (uint64_t)tv.tv_usec;
}

/* Where in a command's parameters, in an event's, and behind the code of an SMP PDU there is what
 * nobody else may know. */
static const struct { uint16_t opcode; uint8_t at, len; } in_commands[] = {
    { 0x2017, 0, 32 },                   /* LE Encrypt: key, plain text */
    { 0x2019, 12, 16 },                  /* LE Enable Encryption: LTK */
    { 0x201a, 2, 16 },                   /* LE LTK Request Reply: LTK */
    { 0x2027, 7, 32 },                   /* LE Add Device To Resolving List: IRKs */
    { 0x2068, 15, 16 }, { 0x206b, 4, 16 },                 /* broadcast codes */
    { 0x040b, 6, 16 }, { 0x040d, 7, 16 },                  /* link key, PIN */
};

static size_t secret_in_command(const uint8_t *packet, size_t len, size_t *n)
{
    unsigned opcode = len > 4 ? packet[1] | (unsigned)packet[2] << 8 : 0;
    for (size_t k = 0; k < sizeof in_commands / sizeof *in_commands; k++) {
        if (in_commands[k].opcode == opcode) {
            *n = in_commands[k].len;
            return 4u + in_commands[k].at;
        }
    }
    return 0;
}

/* Command Complete of LE Encrypt and LE Rand: credits u8, opcode u16, status u8, 16 or 8.
 * LE Generate DHKey Complete: status u8, 32. */
static size_t secret_in_event(const uint8_t *packet, size_t len, size_t *n)
{
    if (len > 6 && packet[1] == 0x0e && packet[5] == 0x20 &&
        (packet[4] == 0x17 || packet[4] == 0x18)) {
        *n = 16;
        return 7;
    }
    *n = 32;
    return len > 4 && packet[1] == 0x3e && packet[3] == 0x09 ? 5 : 0;
}

/* handle and flags u16, length u16, L2CAP: length u16, channel u16; SMP: code u8, key 16. */
static size_t secret_in_data(const uint8_t *packet, size_t len, size_t *n)
{
    bool starts = len > 9 && (packet[2] >> 4 & 3) != 1;
    uint8_t code = starts && packet[7] == 6 && packet[8] == 0 ? packet[9] : 0;
    *n = 16;
    return code == 0x06 || code == 0x08 || code == 0x0a ? 10 : 0;
}

/* Where it begins, 0 for nowhere, and its length in *n, within the packet. */
static size_t find_secret(const uint8_t *packet, size_t len, size_t *n)
{
    size_t at = packet[0] == 1 ? secret_in_command(packet, len, n)
              : packet[0] == 4 ? secret_in_event(packet, len, n)
              : packet[0] == 2 ? secret_in_data(packet, len, n) : 0;
    if (!at || at >= len) {
        return 0;
    }
    *n = *n < len - at ? *n : len - at;
    return at;
}

void btsnoop_put(FILE *f, uint64_t us, bool received, const uint8_t *packet, size_t len, bool keys)
{
    static const uint8_t zero[32] = { 0 };
    uint8_t r[24];
    size_t n = 0, at = keys ? 0 : find_secret(packet, len, &n);
    us += 0x00dcddb30f2f8000ull;         /* since the year 0, in the format's own counting */
    bool command_or_event = packet[0] == 1 || packet[0] == 4;
    put32(r, (uint32_t)len);
    put32(r + 4, (uint32_t)len);
    put32(r + 8, (received ? 1u : 0) | (command_or_event ? 2u : 0));
    put32(r + 12, 0);
    put32(r + 16, (uint32_t)(us >> 32));
    put32(r + 20, (uint32_t)us);
    fwrite(r, 1, sizeof r, f);
    fwrite(packet, 1, at ? at : len, f);
    if (at) {
        fwrite(zero, 1, n, f);
        fwrite(packet + at + n, 1, len - at - n, f);
    }
    fflush(f);
}
