/* The decoder, as text and as JSON: any file, or packets without one. */
#define _GNU_SOURCE
#include "tools/decode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Any octets as a file. */
static void file(struct decoder *d, const uint8_t *data, size_t len)
{
    static struct recording r;
    struct record record;
    FILE *in = fmemopen((void *)(uintptr_t)data, len, "r");
    if (in) {
        int got = recording_open(&r, in);
        while (got >= 0 && (got = recording_next(&r, &record)) > 0) {
            decode_packet(d, &record, recording_source(&r, record.source));
        }
        fclose(in);
    }
}

/* Packets of HCI and of the air: length u8, what it is u8, its octets, in memory of just that
 * size. */
static void packets(struct decoder *d, const uint8_t *data, size_t len)
{
    while (len > 2) {
        size_t n = data[0] < len - 2 ? data[0] : len - 2;
        uint8_t what = data[1], *octets = malloc(n);
        struct record record = { .kind = RECORD_H4, .received = what & 1, .len = n, .whole = n };
        if (what & 2) {
            record.kind = RECORD_AIR;
            record.radio =
                (struct record_radio){ .there = what & 4,
                                       .channel = what >> 3 & 3,
                                       .flags = (uint16_t)((what >> 5) << 7 | (what & 8)) };
        }
        if (n && octets) {
            memcpy(octets, data + 2, n);
        }
        record.data = octets;
        decode_packet(d, &record, "");
        free(octets);
        data += 2 + n;
        len -= 2 + n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static FILE *out;
    if (len < 2) {
        return 0;
    }
    if (!out) {
        out = fopen("/dev/null", "w");
    }
    struct decoder d = { .line = { .out = out, .json = data[0] & 1, .colour = data[0] & 2 } };
    if (data[0] & 4) {
        packets(&d, data + 1, len - 1);
    } else {
        file(&d, data + 1, len - 1);
    }
    decode_free(&d);
    return 0;
}
