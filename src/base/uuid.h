#ifndef BASE_UUID_H
#define BASE_UUID_H
#include "base/assert.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Kafka's Uuid: 16 bytes, written as 22 characters of URL-safe base64 without padding. */
struct uuid {
    uint8_t bytes[16];
};

#define UUID_ZERO ((struct uuid){{0}})
#define UUID_TEXT_BYTES 23 /* with the 0 byte */

static inline bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static inline bool uuid_is_zero(const struct uuid *a)
{
    return uuid_equal(a, &UUID_ZERO);
}

/* Writes 22 characters and a 0 byte; returns out. */
const char *uuid_to_text(const struct uuid *uuid, char out[UUID_TEXT_BYTES]);
/* ERR_INVALID unless it is 22 characters that encode exactly 16 bytes (24 with "==" is accepted, as
 * Java does). */
enum err uuid_from_text(const char *text, size_t size, struct uuid *out) MUST_USE;
/* A version 4 uuid from 16 random bytes, avoiding Kafka's reserved ones (its upper half all zero)
 * and a leading '-'. False: draw again. */
bool uuid_from_random(const uint8_t random[16], struct uuid *out) MUST_USE;
/* Kafka's order: the upper, then the lower half, as signed 64-bit numbers. */
int uuid_compare(const struct uuid *a, const struct uuid *b);

#endif
