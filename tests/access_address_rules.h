/* The rules of Vol 6, Part B, 2.1.2 about the bits of an access address, one after the other. */
#ifndef WOAD_TESTS_ACCESS_ADDRESS_RULES_H
#define WOAD_TESTS_ACCESS_ADDRESS_RULES_H

#include <stddef.h>
#include <stdint.h>

/* Bit n of the address. */
static inline unsigned aa_bit(uint32_t aa, unsigned n)
{
    return aa >> n & 1;
}

/* Changes from bit to bit, between the bits `first` and `last`. */
static inline unsigned aa_transitions(uint32_t aa, unsigned first, unsigned last)
{
    unsigned n = 0;
    for (unsigned bit = first; bit < last; bit++) {
        n += aa_bit(aa, bit) != aa_bit(aa, bit + 1);
    }
    return n;
}

/* Returns the rule that the address breaks; NULL: none. */
static inline const char *aa_broken_rule(uint32_t aa)
{
    unsigned run = 1, low_ones = 0, from_advertising = 0;
    for (unsigned n = 1; n < 32; n++) {
        run = aa_bit(aa, n) == aa_bit(aa, n - 1) ? run + 1 : 1;
        if (run > 6) {
            return "no more than six consecutive zeros or ones";
        }
    }
    for (unsigned n = 0; n < 32; n++) {
        from_advertising += aa_bit(aa, n) != aa_bit(0x8e89bed6, n);
        low_ones += n < 8 && aa_bit(aa, n);
    }
    if (from_advertising < 2) {
        return "not that of advertising, and not one bit from it";
    }
    if ((aa & 0xff) * 0x01010101u == aa) {
        return "not four equal octets";
    }
    if (aa_transitions(aa, 0, 31) > 24) {
        return "no more than 24 transitions";
    }
    if (aa_transitions(aa, 26, 31) < 2) {
        return "two transitions in the most significant six bits";
    }
    if (low_ones < 3) {
        return "three ones in the least significant eight bits";
    }
    if (aa_transitions(aa, 0, 15) > 11) {
        return "no more than eleven transitions in the least significant 16 bits";
    }
    return NULL;
}

#endif
