/* What `woad bench` and its peer, `woad serve bench`, have in common. */
#ifndef WOAD_BENCH_H
#define WOAD_BENCH_H

#include <woad/woad.h>

/* Handles of values, from the service's first one on. */
enum { BENCH_SINK = 2, BENCH_SOURCE = 4, BENCH_CONTROL = 7, BENCH_COUNTERS = 9 };
/* Written to BENCH_CONTROL: a command u8, a number u16, little-endian. */
enum {
    BENCH_NOTIFY = 1,      /* notify for so many ms */
    BENCH_SEND = 2,        /* send through the channel for so many ms */
    BENCH_DATA_LENGTH = 3, /* octets of a packet of the link layer, at most */
    BENCH_RESET = 4        /* set both counters of BENCH_COUNTERS to 0: writes, octets, both u32 */
};
enum { BENCH_PSM = 0x81, BENCH_SDU = 2000, BENCH_RX = 4 * BENCH_SDU };

extern const struct woad_uuid bench_service;

#endif
