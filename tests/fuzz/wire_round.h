#ifndef FUZZ_WIRE_ROUND_H
#define FUZZ_WIRE_ROUND_H
#include "base/arena.h"
#include "base/buf.h"
#include "wire/schema.h"
#include "wire/wire.h"

#include <string.h>

/* Small, so that running into the limit is tried as well. */
#define FUZZ_ARENA_BYTES ((size_t)1 << 20)

/*
 * Decode the bytes; if they are a message, everything that can be done with it has to work: it
 * encodes, to as many bytes as was said; those decode to an equal message and encode to
 * themselves; so does a copy.
 */
static inline void wire_round(const struct wire_schema *schema, int16_t version,
                              const uint8_t *data, size_t size)
{
    struct arena arena, roomy;
    arena_init(&arena, FUZZ_ARENA_BYTES);
    arena_init(&roomy, ARENA_LIMIT_DEFAULT_BYTES);
    struct buf out = BUF_EMPTY, again = BUF_EMPTY;
    void *message = arena_must_alloc(&roomy, schema->size);
    size_t consumed;
    if (wire_decode(schema, version, &arena, data, size, message, &consumed) == ERR_OK) {
        ASSERT(consumed <= size);
        ASSERT(wire_encode(schema, version, message, &out, NULL) == ERR_OK);
        ASSERT(wire_encoded_size(schema, version, message) == out.size);

        void *other = arena_must_alloc(&roomy, schema->size);
        ASSERT(wire_decode(schema, version, &roomy, out.data, out.size, other, &consumed) ==
               ERR_OK);
        ASSERT(consumed == out.size);
        ASSERT(wire_equal(schema, version, message, other));
        ASSERT(wire_encode(schema, version, other, &again, NULL) == ERR_OK);
        ASSERT(again.size == out.size);
        ASSERT(out.size == 0 || memcmp(again.data, out.data, out.size) == 0);

        void *copy = wire_copy(schema, message, &roomy);
        ASSERT(copy != NULL && wire_equal(schema, version, message, copy));
        buf_clear(&again);
        wire_print(schema, version, copy, &again, 0);
        wire_print(schema, version, copy, &again, WIRE_PRINT_JSON | WIRE_PRINT_RECORDS);
    }
    buf_deinit(&again);
    buf_deinit(&out);
    arena_deinit(&roomy);
    arena_deinit(&arena);
}

#endif
