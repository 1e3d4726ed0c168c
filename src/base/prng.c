#include "base/prng.h"

#include <string.h>

__extension__ typedef unsigned __int128 u128;

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void prng_init(struct prng *prng, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_COUNT(prng->state); i++)
        prng->state[i] = splitmix64(&seed);
}

void prng_child(struct prng *parent, struct prng *child)
{
    prng_init(child, prng_u64(parent));
}

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

uint64_t prng_u64(struct prng *prng)
{
    uint64_t *s = prng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *prng, uint64_t bound)
{
    ASSERT(bound > 0);
    /* The upper half of a 64x64 product, with the few draws that would make some results likelier
     * thrown away. */
    uint64_t reject_below = (0 - bound) % bound;
    for (;;) {
        u128 product = (u128)prng_u64(prng) * bound;
        if ((uint64_t)product >= reject_below)
            return (uint64_t)(product >> 64);
    }
}

int64_t prng_range(struct prng *prng, int64_t low, int64_t high)
{
    ASSERT(low <= high);
    uint64_t span = (uint64_t)high - (uint64_t)low;
    uint64_t offset = span == UINT64_MAX ? prng_u64(prng) : prng_below(prng, span + 1);
    return (int64_t)((uint64_t)low + offset);
}

bool prng_chance(struct prng *prng, uint64_t part, uint64_t whole)
{
    return prng_below(prng, whole) < part;
}

void prng_bytes(struct prng *prng, void *out, size_t size)
{
    uint8_t *at = out;
    while (size > 0) {
        uint64_t word = prng_u64(prng);
        size_t count = size < sizeof word ? size : sizeof word;
        memcpy(at, &word, count);
        at += count;
        size -= count;
    }
}
