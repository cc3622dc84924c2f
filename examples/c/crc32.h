/* What file_send.c and file_receive.c share: the channel, a CRC-32 as in zip files, progress. */
#ifndef CRC32_H
#define CRC32_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { PSM = 0x80, SDU = 2048 };

/* Begin with 0. */
static inline uint32_t crc32(uint32_t crc, const uint8_t *p, size_t len)
{
    for (crc = ~crc; len; len--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static inline void put_le32(uint8_t *to, uint32_t n)
{
    for (int k = 0; k < 4; k++)
        to[k] = (uint8_t)(n >> 8 * k);
}

static inline uint32_t get_le32(const uint8_t *p)
{
    return (uint32_t)(p[0] | p[1] << 8 | p[2] << 16) | (uint32_t)p[3] << 24;
}

/* Prints each tenth of `len` that is passed. */
static inline void print_tenths(uint32_t before, uint32_t now, uint32_t len)
{
    if (now * 10ull / len > before * 10ull / len)
        printf("%3u %%\n", (unsigned)(now * 100ull / len));
}

#endif
