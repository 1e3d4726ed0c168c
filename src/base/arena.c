#include "base/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * Invariants:
 *  1. next..end is the free part of the newest block that still takes small pieces; both are NULL
 *     before the first.
 *  2. used_bytes is the sum of the blocks' sizes, headers included, and never passes limit_bytes.
 */
struct arena_block {
    struct arena_block *older;
    size_t size; /* of the block, this header included */
    uint64_t bytes[];
};

#define BLOCK_SIZE_FIRST ((size_t)1024)
#define BLOCK_SIZE_MAX ((size_t)64 << 10)

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

static void free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *older = block->older;
        mem_free(block);
        block = older;
    }
}

void arena_deinit(struct arena *arena)
{
    free_blocks(arena->blocks);
    arena_init(arena, arena->limit_bytes);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *keep = NULL;
    for (struct arena_block *block = arena->blocks, *older; block != NULL; block = older) {
        older = block->older;
        if (block->size <= BLOCK_SIZE_MAX && (keep == NULL || block->size > keep->size)) {
            mem_free(keep);
            keep = block;
        } else {
            mem_free(block);
        }
    }
    arena_init(arena, arena->limit_bytes);
    if (keep != NULL) {
        keep->older = NULL;
        arena->blocks = keep;
        arena->used_bytes = keep->size;
        arena->next = (uint8_t *)keep->bytes;
        arena->end = (uint8_t *)keep + keep->size;
    }
}

/* A block with room for `size` bytes (a multiple of 8) becomes the newest. NULL: limit or memory.
 */
static struct arena_block *add_block(struct arena *arena, size_t size)
{
    size_t left = arena->limit_bytes - arena->used_bytes;
    if (left < sizeof(struct arena_block) || size > left - sizeof(struct arena_block))
        return NULL;
    size_t need = size + sizeof(struct arena_block);
    /* Blocks grow with use, so that both a small and a large request take few of them; twofold, so
     * that the one that arena_reset keeps soon holds all that a request of the same kind takes. */
    size_t want = arena->used_bytes < BLOCK_SIZE_FIRST ? BLOCK_SIZE_FIRST : 2 * arena->used_bytes;
    if (want > BLOCK_SIZE_MAX)
        want = BLOCK_SIZE_MAX;
    if (want > left)
        want = left & ~(size_t)7;
    if (want < need)
        want = need;
    struct arena_block *block = mem_try_alloc(want);
    if (block == NULL)
        return NULL;
    block->size = want;
    block->older = arena->blocks;
    arena->blocks = block;
    arena->used_bytes += want;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - 8)
        return NULL;
    size = size > 0 ? (size + 7) & ~(size_t)7 : 8;
    if (size > (size_t)(arena->end - arena->next)) {
        struct arena_block *block = add_block(arena, size);
        if (block == NULL)
            return NULL;
        uint8_t *bytes = (uint8_t *)block->bytes;
        uint8_t *end = (uint8_t *)block + block->size;
        /* A piece that fills its block leaves the older block's free part in use. */
        if ((size_t)(end - bytes) - size <= (size_t)(arena->end - arena->next)) {
            memset(bytes, 0, size);
            return bytes;
        }
        arena->next = bytes;
        arena->end = end;
    }
    void *piece = arena->next;
    arena->next += size;
    memset(piece, 0, size);
    return piece;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return arena_alloc(arena, bytes);
}

char *arena_strndup(struct arena *arena, const char *text, size_t size)
{
    if (size == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, size + 1);
    if (copy != NULL && size > 0)
        memcpy(copy, text, size);
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(size >= 0);
    char *text = arena_alloc(arena, (size_t)size + 1);
    if (text == NULL)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
    return text;
}

void *arena_must_alloc(struct arena *arena, size_t size)
{
    void *piece = arena_alloc(arena, size);
    if (piece == NULL)
        PANIC("arena: %zu bytes more do not fit: %zu of %zu are in use, or the machine is out of "
              "memory",
              size, arena->used_bytes, arena->limit_bytes);
    return piece;
}

void *arena_must_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        PANIC("arena: an array of %zu times %zu bytes", count, size);
    return arena_must_alloc(arena, bytes);
}
