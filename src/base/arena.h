#ifndef BASE_ARENA_H
#define BASE_ARENA_H
#include "base/assert.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Memory with one lifetime: allocated piece by piece, freed all at once. A request decodes into
 * one. Its limit bounds what a peer's bytes can make us allocate; past it (or out of memory)
 * arena_alloc returns NULL.
 */
struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    uint8_t *next;
    uint8_t *end;
    size_t used_bytes;  /* in blocks, headers included */
    size_t limit_bytes; /* on used_bytes */
};

#define ARENA_LIMIT_DEFAULT_BYTES ((size_t)256 << 20)

void arena_init(struct arena *arena, size_t limit_bytes);
void arena_deinit(struct arena *arena);
/* Free everything but one block of moderate size, for the next use. */
void arena_reset(struct arena *arena);

/* Zeroed, aligned to 8. NULL when over the limit or out of memory. Size 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size) MUST_USE;
/* count * size, checked for overflow. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size) MUST_USE;
/* A copy with a 0 byte after it. */
char *arena_strndup(struct arena *arena, const char *text, size_t size) MUST_USE;
char *arena_strdup(struct arena *arena, const char *text) MUST_USE;
char *arena_printf(struct arena *arena, const char *format, ...) MUST_USE PRINTF_LIKE(2, 3);

/* For what we build ourselves (replies, records): as arena_alloc, but stops the process on failure.
 */
void *arena_must_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
void *arena_must_alloc_array(struct arena *arena, size_t count, size_t size)
    __attribute__((returns_nonnull));

#endif
