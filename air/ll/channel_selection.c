/* Channel selection: on which data channel an event or subevent is. Algorithm 1 for connections of
 * old peers, 2 for all else. Vol 6, Part B, 4.5.8
 *
 * Names of other files:
 *   DATA_CHANNELS: 37: channels 0 to 36 carry data */
#include "ll.h"

/* The used channels of a map, in rising order. Returns how many. */
static uint8_t channels_used(const uint8_t chm[5], uint8_t used[DATA_CHANNELS])
{
    uint8_t n = 0;
    for (uint8_t k = 0; k < DATA_CHANNELS; k++) {
        if (chm[k / 8] >> (k % 8) & 1) {
            used[n++] = k;
        }
    }
    return n;
}

/* The map has this channel. */
static bool channel_used(const uint8_t chm[5], uint8_t channel)
{
    return chm[channel / 8] >> (channel % 8) & 1;
}

/* Algorithm 1: hop increments from channel 0, remapped to a used channel where that one is not.
 * 4.5.8.2 */
uint8_t csa1_channel(uint8_t hop, uint32_t event, const uint8_t chm[5])
{
    uint8_t unmapped = (uint8_t)(((uint64_t)hop * (event + 1u)) % DATA_CHANNELS);
    uint8_t used[DATA_CHANNELS];
    uint8_t n = channels_used(chm, used);
    if (channel_used(chm, unmapped) || !n) {
        return unmapped;
    }
    return used[unmapped % n];
}

/* PERM: reverses the bits of each octet. */
static uint16_t csa2_permute(uint16_t v)
{
    uint32_t u = v;
    u = (u & 0x5555) << 1 | (u >> 1 & 0x5555);
    u = (u & 0x3333) << 2 | (u >> 2 & 0x3333);
    return (uint16_t)((u & 0x0f0f) << 4 | (u >> 4 & 0x0f0f));
}

/* One round: permute, multiply, add the channel identifier.  4.5.8.3.3 */
uint16_t csa2_next(uint16_t prn, uint16_t id)
{
    return (uint16_t)(csa2_permute(prn) * 17u + id);
}

/* Channel selection algorithm 2, first subevent: the channel of an event, and the state from which
 * csa2_next() goes on. 4.5.8.3 */
uint8_t csa2_first(uint32_t aa, uint16_t event, const uint8_t chm[5], uint16_t *prn_s)
{
    uint16_t id = (uint16_t)(aa >> 16 ^ aa), u = event ^ id;
    uint8_t used[DATA_CHANNELS];
    uint8_t n = channels_used(chm, used);
    for (int round = 0; round < 3; round++) {
        u = csa2_next(u, id);
    }
    uint16_t prn = u ^ id;
    uint8_t unmapped = (uint8_t)(prn % DATA_CHANNELS);
    *prn_s = u;
    if (channel_used(chm, unmapped) || !n) {
        return unmapped;
    }
    return used[(uint32_t)n * prn >> 16];
}

/* Of the first subevent, or of an event without subevents. */
uint8_t csa2_channel(uint32_t aa, uint16_t event, const uint8_t chm[5])
{
    uint16_t prn;
    return csa2_first(aa, event, chm, &prn);
}
