/* The operating system's clock and random numbers, for a host.
 *
 * Names of other files:
 *   process_clock_random(): random octets of a seed; false: there is none
 *   process_clock_us(): the process's time: the air's while it has one */
#define _GNU_SOURCE
#include <woad/port.h>

#include "clock.h"

#include <errno.h>
#include <sys/random.h>

/* It wraps around. */
uint32_t woad_port_now_ms(void)
{
    return (uint32_t)(process_clock_us() / 1000u);
}

/* In virtual time they come from the air's seed, and with WOAD_SEED from that, so that a run can be
 * repeated. */
int woad_port_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    if (process_clock_random(out, len)) {
        return 0;
    }
    while (len) {
        ssize_t n = getrandom(out, len, 0);
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        out += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}
