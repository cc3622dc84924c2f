/* Pseudo-random numbers: the same seed gives the same numbers. */
#include "storm.h"

static uint64_t noise;

void chance_seed(uint64_t seed)
{
    noise = seed;
    any(2);
}

uint64_t chance_save(void)
{
    return noise;
}

void chance_restore(uint64_t saved)
{
    noise = saved;
}

/* splitmix64 */
uint32_t any(uint32_t below)
{
    uint64_t z = noise += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    return (uint32_t)(((z >> 32) * below) >> 32);
}

bool one_in(uint32_t n)
{
    return any(n) == 0;
}

int storm_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    while (len--) {
        *out++ = (uint8_t)any(256);
    }
    return 0;
}

/* Fast cryptography, only strong enough to give different keys different results. */
static int storm_aes(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    uint8_t made[16];
    uint32_t x = 2166136261u;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned n = 0; n < 16; n++) {
            x = (x ^ key[n] ^ (uint32_t)in[(n + round) & 15] << 3) * 16777619u + n;
            made[n] = (uint8_t)(x >> 11);
        }
    }
    memcpy(out, made, 16);
    return 0;
}

static int storm_public(const uint8_t private_key[32], uint8_t public_key[64])
{
    memcpy(public_key, private_key, 32);
    memcpy(public_key + 32, private_key, 32);
    return 0;
}

static int storm_dh(const uint8_t private_key[32], const uint8_t public_key[64], uint8_t secret[32])
{
    for (unsigned n = 0; n < 32; n++) {
        secret[n] = private_key[n] ^ public_key[n];
    }
    return 0;
}

const struct woad_crypto storm_crypto = { storm_aes, storm_public, storm_dh };
