#ifndef BASE_RCBUF_H
#define BASE_RCBUF_H
#include "base/assert.h"

#include <stddef.h>
#include <stdint.h>

/*
 * A counted buffer of bytes from a pool: what a produced batch is received into and a consumed one
 * is read into. Owned by one shard: the count is not atomic, and a buffer goes back to the pool it
 * came from on that shard.
 */
struct rcbuf_pool;

struct rcbuf {
    struct rcbuf_pool *pool;
    struct rcbuf *next_free;
    size_t capacity;
    uint32_t refs;
    uint32_t size_class;
    uint8_t *data;
};

/* Pools keep at most idle_bytes_max of free buffers; more goes back to the allocator. */
struct rcbuf_pool *rcbuf_pool_new(size_t idle_bytes_max);
/* All buffers must have come back. */
void rcbuf_pool_free(struct rcbuf_pool *pool);
/* Bytes handed out and not returned. */
size_t rcbuf_pool_used_bytes(const struct rcbuf_pool *pool);
size_t rcbuf_pool_idle_bytes(const struct rcbuf_pool *pool);

/* At least `size` bytes, one reference. NULL when memory is short. Content is not initialised. */
struct rcbuf *rcbuf_new(struct rcbuf_pool *pool, size_t size) MUST_USE;
struct rcbuf *rcbuf_ref(struct rcbuf *buf);
void rcbuf_unref(struct rcbuf *buf);

#endif
