#ifndef BASE_HEAP_H
#define BASE_HEAP_H
#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An intrusive binary min-heap ordered by (key, order): equal keys come out in the order in which
 * they went in. */
struct heap_node {
    uint64_t key;
    uint64_t order;
    size_t index; /* HEAP_NOT_IN when in no heap */
};

#define HEAP_NOT_IN SIZE_MAX

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t capacity;
    uint64_t next_order;
};

void heap_init(struct heap *heap);
void heap_deinit(struct heap *heap);
static inline void heap_node_init(struct heap_node *node)
{
    node->index = HEAP_NOT_IN;
}
static inline bool heap_node_in(const struct heap_node *node)
{
    return node->index != HEAP_NOT_IN;
}
/* The node is in no heap. */
void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key);
/* The node is in this heap. */
void heap_remove(struct heap *heap, struct heap_node *node);
/* Smallest, or NULL. */
struct heap_node *heap_min(const struct heap *heap);

#endif
