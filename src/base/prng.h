#ifndef BASE_PRNG_H
#define BASE_PRNG_H
#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* xoshiro256**, seeded through splitmix64. For simulation, jitter and tests; secrets come from
 * env_random. */
struct prng {
    uint64_t state[4];
};

void prng_init(struct prng *prng, uint64_t seed);
/* A generator of its own for a component: draws added to one do not shift the others. */
void prng_child(struct prng *parent, struct prng *child);
uint64_t prng_u64(struct prng *prng);
/* 0 <= result < bound; bound > 0. */
uint64_t prng_below(struct prng *prng, uint64_t bound);
/* low <= result <= high. */
int64_t prng_range(struct prng *prng, int64_t low, int64_t high);
/* True in `part` of `whole` cases. */
bool prng_chance(struct prng *prng, uint64_t part, uint64_t whole);
void prng_bytes(struct prng *prng, void *out, size_t size);

#endif
