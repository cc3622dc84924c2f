/* Two sectors of flash for tests: the power can be cut at each unit that is programmed and at each
 * erasure, and bits that were changing then read differently each time; reads can fail; and it can
 * be worn out. */
#ifndef FLASH_CHIP_H
#define FLASH_CHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "cm.h"

enum { SECTOR = 2048, CUT = 2 }; /* octets; a value of `used` */

/* How bits that were changing when the power was cut read, from the next start on. */
enum mood { MOOD_RANDOM, MOOD_BEFORE, MOOD_AFTER, MOODS };

struct chip {
    uint8_t now[2][SECTOR], will[2][SECTOR]; /* will: what a weak bit was about to become */
    uint8_t weak[2][SECTOR];                 /* its bits are not settled */
    uint8_t used[2][SECTOR];                 /* 1: programmed since the erasure; CUT: in part */
    uint8_t wanted[2][SECTOR];               /* what was being programmed then */
    unsigned erases[2];
    enum mood mood;
};

static struct chip chip;
static uint8_t unit;   /* octets that are programmed at a time */
static uint64_t dice;  /* state of roll() */
static int steps_left; /* until the power is cut; -1: never */
/* How much of the step is done at which the power is cut: nothing; or each bit that changes has
 * changed, has not, or is weak; or all are weak; or each has changed or is weak. */
static enum cut { CUT_BEFORE, CUT_WITHIN, CUT_WEAK, CUT_LATE, CUTS } half;
static bool dead; /* nothing happens any more */
static unsigned steps;
static bool worn; /* nothing is programmed or erased any more */
/* The reads that fail: from the first of these to before the second. */
static unsigned reads, blind_from, blind_to;

/* A random number. */
static uint32_t roll(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (uint32_t)(dice >> 16);
}

/* CRC-32, as the store uses it. */
static uint32_t crc_of(const uint8_t *p, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (; len; len--) {
        crc ^= *p++;
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xedb88320 & (0u - (crc & 1)));
        }
    }
    return ~crc;
}

/* How the weak bits of an octet read: by the mood. */
static uint8_t weak_value(uint8_t now, uint8_t will)
{
    if (chip.mood == MOOD_RANDOM) {
        uint8_t choice = (uint8_t)roll();
        return (uint8_t)((now & choice) | (will & ~choice));
    }
    return chip.mood == MOOD_AFTER ? will : now;
}

/* woad_flash.read */
static int chip_read(void *ctx, uint8_t sector, uint32_t offset, void *to, size_t len)
{
    uint8_t *out = to;
    (void)ctx;
    assert_true(sector < 2 && offset + len <= SECTOR);
    if (reads++ >= blind_from && reads <= blind_to) {
        return -1;
    }
    for (size_t n = 0; n < len; n++) {
        uint8_t now = chip.now[sector][offset + n], weak = chip.weak[sector][offset + n];
        uint8_t value = weak_value(now, chip.will[sector][offset + n]);
        out[n] = (uint8_t)((now & ~weak) | (value & weak));
    }
    return 0;
}

/* A step begins.  0: it is done; 1: half of it; -1: nothing. */
static int step(void)
{
    if (dead) {
        return -1;
    }
    steps++;
    if (worn) {
        assert_true(steps < 1000);
        return -1;
    }
    if (steps_left < 0 || steps_left-- > 0) {
        return 0;
    }
    dead = true;
    return half == CUT_BEFORE ? -1 : 1;
}

/* Changes one octet of a step that is cut: each bit that changes has, has not, or is weak. */
static void half_change(uint8_t sector, uint32_t at, uint8_t value)
{
    for (unsigned bit = 0; bit < 8; bit++) {
        uint8_t mask = (uint8_t)(1u << bit);
        bool changes = (chip.now[sector][at] ^ value) & mask;
        unsigned fate = roll() % 3;
        if (half == CUT_WEAK || (half == CUT_LATE && fate == 2)) {
            fate = 1;
        }
        if (changes && fate == 0) {
            chip.now[sector][at] ^= mask;
        } else if (changes && fate == 1) {
            chip.weak[sector][at] |= mask;
            chip.will[sector][at] = (uint8_t)((chip.will[sector][at] & ~mask) | (value & mask));
        }
    }
}

/* Programming clears bits. */
static void program_octet(uint8_t sector, uint32_t at, uint8_t value)
{
    chip.now[sector][at] &= value;
    chip.weak[sector][at] &= value; /* a bit that is programmed is settled */
}

/* woad_flash.program */
static int chip_program(void *ctx, uint8_t sector, uint32_t offset, const void *from, size_t len)
{
    const uint8_t *data = from;
    (void)ctx;
    assert_true(sector < 2 && offset + len <= SECTOR);
    assert_true(offset % unit == 0 && len % unit == 0 && (uintptr_t)from % sizeof(uint64_t) == 0);
    for (size_t n = 0; n < len; n += unit) {
        int what = step();
        for (uint32_t k = 0; k < unit && what >= 0; k++) {
            uint32_t at = offset + (uint32_t)n + k;
            /* never twice; a unit that was cut only with the same octets */
            assert_true(!chip.used[sector][at] ||
                        (chip.used[sector][at] == CUT && chip.wanted[sector][at] == data[n + k]));
            if (what == 1) {
                half_change(sector, at, data[n + k] & chip.now[sector][at]);
                chip.used[sector][at] = CUT;
                chip.wanted[sector][at] = data[n + k];
            } else {
                program_octet(sector, at, data[n + k]);
                chip.used[sector][at] = 1;
            }
        }
    }
    return dead || worn ? -1 : 0;
}

/* woad_flash.erase */
static int chip_erase(void *ctx, uint8_t sector)
{
    int what = step();
    (void)ctx;
    assert_true(sector < 2);
    chip.erases[sector] += what >= 0;
    for (uint32_t at = 0; at < SECTOR && what >= 0; at++) {
        if (what == 1) {
            half_change(sector, at, 0xff);
        } else {
            chip.now[sector][at] = 0xff;
            chip.weak[sector][at] = chip.used[sector][at] = 0;
        }
    }
    return dead || worn ? -1 : 0;
}

#endif
