/* Access addresses that the link layer chooses.  Vol 6, Part B, 2.1.2
 *
 * Names of other files:
 *   c: the controller
 *   ADV_AA: access address of advertising
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_random(): the next number of the world's random sequence
 *   big: a broadcast isochronous group: ll.h
 *   BIGS: groups of broadcast streams, at most
 *   BIS_NUMBER_MAX: the largest number of a group's stream
 *   is_receiver: of a group: received, not sent
 *   ISO_NONE: kind of a stream: it is not in use
 *   periodic: periodic advertising of a set
 *   seed: of a group: its streams' access addresses are made of it
 *   sending: of periodic advertising: the host wants it, and its set has been enabled once; of a
 *       stream: an SDU is sent in this event
 *   sets: the advertising sets, n_sets of them; legacy advertising is the first */
#include "ll.h"

/* Bits that are set. */
static unsigned ones(uint32_t v)
{
    unsigned n = 0;
    for (; v; v &= v - 1) {
        n++;
    }
    return n;
}

/* The rules about the bits of an access address.  Those about the lower octets are of controllers
 * with LE Coded PHY; others follow them, too. */
static bool aa_is_allowed(uint32_t aa)
{
    /* Bit n is set if bits n and n + 1 of the address differ. */
    uint32_t transitions = (aa ^ aa >> 1) & 0x7fffffff;
    uint32_t equal = transitions ^ 0x7fffffff; /* six in a row: seven equal bits */
    uint32_t runs = equal & equal >> 1 & equal >> 2 & equal >> 3 & equal >> 4 & equal >> 5;
    bool octets_equal = aa == (aa >> 8 | aa << 24);
    return !runs && ones(transitions) <= 24 && ones(transitions >> 26) >= 2 &&
           ones(aa ^ ADV_AA) > 1 && !octets_equal && ones(aa & 0xff) >= 3 &&
           ones(transitions & 0x7fff) <= 11;
}

/* Whether a connection, a stream or a periodic advertising train of this device has the address. */
static bool aa_is_in_use(const controller *c, uint32_t aa)
{
    for (uint8_t n = 0; n < c->cfg.conns; n++) {
        if (c->links[n].used && c->links[n].aa == aa) {
            return true;
        }
    }
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        if (c->iso[n].kind != ISO_NONE && c->iso[n].aa == aa) {
            return true;
        }
    }
    for (uint8_t n = 0; n < c->n_sets; n++) {
        if (c->sets[n].periodic.sending && c->sets[n].periodic.aa == aa) {
            return true;
        }
    }
    return false;
}

/* Of a new connection, stream or periodic advertising. */
uint32_t ll_access_address(const controller *c)
{
    for (;;) {
        uint32_t aa = air_random(c->air);
        if (aa_is_allowed(aa) && !aa_is_in_use(c, aa)) {
            return aa;
        }
    }
}

/* The seed, with its upper half changed by d, 7 bits made of the number; bit[]: which bit of d
 * stands in each place, from bit 31 down; 7: none. 2.1.2 */
uint32_t ll_bis_access_address(uint32_t seed, uint8_t number)
{
    uint32_t d = (35u * number + 42u) & 0x7f, w = 0;
    static const uint8_t bit[16] = { 0, 0, 0, 0, 0, 0, 1, 6, 1, 7, 5, 4, 7, 3, 2, 7 };
    for (unsigned n = 0; n < 16; n++) {
        w = w << 1 | (bit[n] < 7 ? d >> bit[n] & 1 : 0);
    }
    return seed ^ w << 16;
}

/* Whether all access addresses of a group with this seed are allowed and free, and its lower half
 * differs from those of the other groups that this device sends by two bits or more. */
static bool seed_is_allowed(const controller *c, uint32_t seed)
{
    for (uint8_t number = 0; number <= BIS_NUMBER_MAX; number++) {
        uint32_t aa = ll_bis_access_address(seed, number);
        if (!aa_is_allowed(aa) || aa_is_in_use(c, aa)) {
            return false;
        }
    }
    for (uint8_t n = 0; n < BIGS; n++) {
        const struct big *b = &c->big[n];
        if (b->used && !b->is_receiver && ones((seed ^ b->info.seed) & 0xffff) < 2) {
            return false;
        }
    }
    return aa_is_allowed(seed);
}

/* Bits 16, 19, 22, 25 and 23 have fixed relations to bit 15 and to 1: 2.1.2 demands that of a
 * seed. */
uint32_t ll_seed_access_address(const controller *c)
{
    for (;;) {
        uint32_t seed = air_random(c->air) & ~(1u << 16 | 1u << 19 | 1u << 22 | 1u << 25);
        uint32_t bit_15 = seed >> 15 & 1, opposite = bit_15 ^ 1;
        seed |= opposite << 16 | bit_15 << 19 | opposite << 22 | 1u << 23;
        if (seed_is_allowed(c, seed)) {
            return seed;
        }
    }
}
