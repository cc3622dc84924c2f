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

void btsnoop_put(FILE *f, uint64_t us, bool received, const uint8_t *packet, size_t len)
{
    uint8_t r[24];
    us += 0x00dcddb30f2f8000ull;         /* since the year 0, in the format's own counting */
    bool command_or_event = packet[0] == 1 || packet[0] == 4;
    put32(r, (uint32_t)len);
    put32(r + 4, (uint32_t)len);
    put32(r + 8, (received ? 1u : 0) | (command_or_event ? 2u : 0));
    put32(r + 12, 0);
    put32(r + 16, (uint32_t)(us >> 32));
    put32(r + 20, (uint32_t)us);
    fwrite(r, 1, sizeof r, f);
    fwrite(packet, 1, len, f);
    fflush(f);
}
