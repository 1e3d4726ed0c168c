#include "sim_mem.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Before each block. 48 bytes, so that what follows is aligned to 16. */
struct block {
    struct list node;
    struct sim_mem_owner *owner;
    size_t size;
    uint64_t magic;
    uint64_t unused;
};

STATIC_ASSERT(sizeof(struct block) % 16 == 0, "blocks keep malloc's alignment");

#define BLOCK_MAGIC UINT64_C(0x51b10c0ffee0b10c)

static struct sim_mem_owner *current;

void *__real_mem_alloc(size_t size);
void *__real_mem_try_alloc(size_t size);
void __real_mem_free(void *ptr);

struct arena;
void *__real_arena_must_alloc(struct arena *arena, size_t size);
void *__real_arena_must_alloc_array(struct arena *arena, size_t count, size_t size);
void *__wrap_arena_must_alloc(struct arena *arena, size_t size);
void *__wrap_arena_must_alloc_array(struct arena *arena, size_t count, size_t size);
void *__wrap_mem_alloc(size_t size);
void *__wrap_mem_zalloc(size_t size);
void *__wrap_mem_realloc(void *ptr, size_t size);
void __wrap_mem_free(void *ptr);
char *__wrap_mem_strdup(const char *text);
char *__wrap_mem_strndup(const char *text, size_t size);
char *__wrap_mem_printf(const char *format, ...) PRINTF_LIKE(1, 2);
void *__wrap_mem_try_alloc(size_t size);
void *__wrap_mem_try_realloc(void *ptr, size_t size);

void sim_mem_owner_init(struct sim_mem_owner *owner)
{
    *owner = (struct sim_mem_owner){0};
    list_init(&owner->blocks);
}

static void block_unlink(struct block *block)
{
    ASSERT(block->magic == BLOCK_MAGIC);
    list_remove(&block->node);
    if (block->owner != NULL) {
        block->owner->block_count--;
        block->owner->bytes -= block->size;
    }
}

void sim_mem_owner_discard(struct sim_mem_owner *owner)
{
    LIST_FOR_EACH_SAFE (node, after, &owner->blocks) {
        struct block *block = LIST_ENTRY(node, struct block, node);
        block_unlink(block);
        block->magic = 0;
        __real_mem_free(block);
    }
    ASSERT(owner->block_count == 0 && owner->bytes == 0);
}

size_t sim_mem_owner_block_size(const struct sim_mem_owner *owner, size_t index)
{
    LIST_FOR_EACH (node, &owner->blocks) {
        if (index-- == 0)
            return LIST_ENTRY(node, struct block, node)->size;
    }
    return 0;
}

struct sim_mem_owner *sim_mem_enter(struct sim_mem_owner *owner)
{
    struct sim_mem_owner *before = current;
    current = owner;
    return before;
}

void *sim_alloc(size_t size)
{
    void *ptr = calloc(1, size > 0 ? size : 1);
    if (ptr == NULL)
        PANIC("the simulator is out of memory");
    return ptr;
}

void sim_free(void *ptr)
{
    free(ptr);
}

static void *block_link(struct block *block, size_t size)
{
    block->size = size;
    block->owner = current;
    block->magic = BLOCK_MAGIC;
    list_init(&block->node);
    if (current != NULL) {
        list_push_front(&current->blocks, &block->node);
        current->block_count++;
        current->bytes += size;
        if (current->bytes > current->bytes_max)
            current->bytes_max = current->bytes;
    }
    return block + 1;
}

void *__wrap_mem_alloc(size_t size)
{
    return block_link(__real_mem_alloc(sizeof(struct block) + size), size);
}

/* Inside what ends the process when there is no memory. */
static unsigned must_depth;

static bool fails_now(void)
{
    if (must_depth > 0 || current == NULL || current->fail_in == 0 || --current->fail_in > 0)
        return false;
    current->fail_in = current->fail_more > 0;
    current->fail_more -= current->fail_more > 0;
    current->fail_count++;
    return true;
}

void *__wrap_mem_try_alloc(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct block) || fails_now())
        return NULL;
    struct block *block = __real_mem_try_alloc(sizeof(struct block) + size);
    return block == NULL ? NULL : block_link(block, size);
}

void *__wrap_arena_must_alloc(struct arena *arena, size_t size)
{
    must_depth++;
    void *ptr = __real_arena_must_alloc(arena, size);
    must_depth--;
    return ptr;
}

void *__wrap_arena_must_alloc_array(struct arena *arena, size_t count, size_t size)
{
    must_depth++;
    void *ptr = __real_arena_must_alloc_array(arena, count, size);
    must_depth--;
    return ptr;
}

void *__wrap_mem_zalloc(size_t size)
{
    void *ptr = __wrap_mem_alloc(size);
    memset(ptr, 0, size);
    return ptr;
}

void __wrap_mem_free(void *ptr)
{
    if (ptr == NULL)
        return;
    struct block *block = (struct block *)ptr - 1;
    block_unlink(block);
    block->magic = 0;
    __real_mem_free(block);
}

/* The block moves always: whoever kept the old address is found out by the address sanitizer. */
static void *reallocate(void *ptr, size_t size, bool must)
{
    struct sim_mem_owner *before = current;
    size_t size_old = 0;
    if (ptr != NULL) {
        struct block *block = (struct block *)ptr - 1;
        ASSERT(block->magic == BLOCK_MAGIC);
        size_old = block->size;
        current = block->owner;
    }
    void *moved = must ? __wrap_mem_alloc(size) : __wrap_mem_try_alloc(size);
    current = before;
    if (moved == NULL)
        return NULL;
    if (ptr != NULL)
        memcpy(moved, ptr, size_old < size ? size_old : size);
    __wrap_mem_free(ptr);
    return moved;
}

void *__wrap_mem_realloc(void *ptr, size_t size)
{
    return reallocate(ptr, size, true);
}

void *__wrap_mem_try_realloc(void *ptr, size_t size)
{
    return reallocate(ptr, size, false);
}

char *__wrap_mem_strndup(const char *text, size_t size)
{
    char *copy = __wrap_mem_alloc(size + 1);
    memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

char *__wrap_mem_strdup(const char *text)
{
    return __wrap_mem_strndup(text, strlen(text));
}

char *__wrap_mem_printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(size >= 0);
    char *text = __wrap_mem_alloc((size_t)size + 1);
    va_start(args, format);
    (void)vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
    return text;
}
