#include "base/rcbuf.h"

#include "base/mem.h"

/*
 * Size classes: four to each doubling, from 1 KiB to 64 MiB, so that a buffer is at most a quarter
 * larger than asked. What is larger still is allocated exactly and never kept.
 *
 * Invariants:
 *  1. idle_bytes is the sum of the capacities in the free lists, and at most idle_bytes_max.
 *  2. A buffer in a free list has refs 0; one handed out has refs > 0.
 */
#define CLASS_SIZE_MIN_LOG2 10
#define CLASS_SIZE_MAX_LOG2 26
#define CLASS_COUNT (4 * (CLASS_SIZE_MAX_LOG2 - CLASS_SIZE_MIN_LOG2) + 1)
#define CLASS_NONE UINT32_MAX
/* Before the data, which begins as well aligned as the allocation does. */
#define HEAD_BYTES ((size_t)64)
STATIC_ASSERT(sizeof(struct rcbuf) <= HEAD_BYTES, "the head holds the struct");

struct rcbuf_pool {
    size_t idle_bytes_max;
    size_t idle_bytes;
    size_t used_bytes;
    uint32_t evict_next; /* the class that makes room next */
    struct rcbuf *free[CLASS_COUNT];
};

static size_t class_capacity(uint32_t size_class)
{
    size_t doubling = (size_t)1 << (CLASS_SIZE_MIN_LOG2 + size_class / 4);
    return doubling + doubling / 4 * (size_class % 4);
}

/* The smallest class that holds size. */
static uint32_t class_of(size_t size)
{
    if (size <= (size_t)1 << CLASS_SIZE_MIN_LOG2)
        return 0;
    if (size > (size_t)1 << CLASS_SIZE_MAX_LOG2)
        return CLASS_NONE;
    /* 2^log2 < size <= 2^(log2 + 1), in quarters of 2^log2 above it. */
    unsigned log2 = 63 - (unsigned)__builtin_clzll(size - 1);
    size_t quarter = (size_t)1 << (log2 - 2);
    size_t above = (size - ((size_t)1 << log2) + quarter - 1) / quarter;
    return (uint32_t)(4 * (log2 - CLASS_SIZE_MIN_LOG2) + above);
}

struct rcbuf_pool *rcbuf_pool_new(size_t idle_bytes_max)
{
    struct rcbuf_pool *pool = mem_zalloc(sizeof *pool);
    pool->idle_bytes_max = idle_bytes_max;
    return pool;
}

static struct rcbuf *take_idle(struct rcbuf_pool *pool, uint32_t size_class)
{
    struct rcbuf *buf = pool->free[size_class];
    if (buf != NULL) {
        pool->free[size_class] = buf->next_free;
        pool->idle_bytes -= buf->capacity;
    }
    return buf;
}

void rcbuf_pool_free(struct rcbuf_pool *pool)
{
    if (pool == NULL)
        return;
    ASSERT(pool->used_bytes == 0);
    for (uint32_t size_class = 0; size_class < CLASS_COUNT; size_class++)
        for (struct rcbuf *buf; (buf = take_idle(pool, size_class)) != NULL;)
            mem_free(buf);
    ASSERT(pool->idle_bytes == 0);
    mem_free(pool);
}

size_t rcbuf_pool_used_bytes(const struct rcbuf_pool *pool)
{
    return pool->used_bytes;
}

size_t rcbuf_pool_idle_bytes(const struct rcbuf_pool *pool)
{
    return pool->idle_bytes;
}

struct rcbuf *rcbuf_new(struct rcbuf_pool *pool, size_t size)
{
    uint32_t size_class = class_of(size);
    struct rcbuf *buf = size_class == CLASS_NONE ? NULL : take_idle(pool, size_class);
    if (buf == NULL) {
        size_t capacity = size_class == CLASS_NONE ? size : class_capacity(size_class);
        ASSERT(capacity >= size);
        if (capacity > SIZE_MAX - HEAD_BYTES)
            return NULL;
        buf = mem_try_alloc(HEAD_BYTES + capacity);
        if (buf == NULL)
            return NULL;
        buf->pool = pool;
        buf->capacity = capacity;
        buf->size_class = size_class;
        buf->data = (uint8_t *)buf + HEAD_BYTES;
    }
    buf->next_free = NULL;
    buf->refs = 1;
    pool->used_bytes += buf->capacity;
    return buf;
}

struct rcbuf *rcbuf_ref(struct rcbuf *buf)
{
    ASSERT(buf->refs > 0 && buf->refs < UINT32_MAX);
    buf->refs++;
    return buf;
}

/* Idle buffers of any class go, in turn, until `size` fits: sizes that are no longer asked for do
 * not hold the pool. */
static void make_room(struct rcbuf_pool *pool, size_t size)
{
    ASSERT(size <= pool->idle_bytes_max);
    while (pool->idle_bytes > pool->idle_bytes_max - size) {
        mem_free(take_idle(pool, pool->evict_next));
        pool->evict_next = (pool->evict_next + 1) % CLASS_COUNT;
    }
}

void rcbuf_unref(struct rcbuf *buf)
{
    if (buf == NULL)
        return;
    ASSERT(buf->refs > 0);
    if (--buf->refs > 0)
        return;
    struct rcbuf_pool *pool = buf->pool;
    ASSERT(pool->used_bytes >= buf->capacity);
    pool->used_bytes -= buf->capacity;
    if (buf->size_class == CLASS_NONE || buf->capacity > pool->idle_bytes_max) {
        mem_free(buf);
        return;
    }
    make_room(pool, buf->capacity);
    buf->next_free = pool->free[buf->size_class];
    pool->free[buf->size_class] = buf;
    pool->idle_bytes += buf->capacity;
}
