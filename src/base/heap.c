#include "base/heap.h"

#include "base/mem.h"

void heap_init(struct heap *heap)
{
    *heap = (struct heap){0};
}

void heap_deinit(struct heap *heap)
{
    mem_free(heap->nodes);
    heap_init(heap);
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void place(struct heap *heap, struct heap_node *node, size_t index)
{
    heap->nodes[index] = node;
    node->index = index;
}

/* There is a hole at index; the node goes there or further up. */
static void sift_up(struct heap *heap, struct heap_node *node, size_t index)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (!before(node, heap->nodes[parent]))
            break;
        place(heap, heap->nodes[parent], index);
        index = parent;
    }
    place(heap, node, index);
}

/* There is a hole at index; the node goes there or further down. */
static void sift_down(struct heap *heap, struct heap_node *node, size_t index)
{
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && before(heap->nodes[child + 1], heap->nodes[child]))
            child++;
        if (!before(heap->nodes[child], node))
            break;
        place(heap, heap->nodes[child], index);
        index = child;
    }
    place(heap, node, index);
}

void heap_insert(struct heap *heap, struct heap_node *node, uint64_t key)
{
    ASSERT(!heap_node_in(node));
    if (heap->count == heap->capacity) {
        heap->capacity = heap->capacity > 0 ? heap->capacity * 2 : 16;
        heap->nodes = mem_realloc(heap->nodes, heap->capacity * sizeof heap->nodes[0]);
    }
    node->key = key;
    node->order = heap->next_order++;
    heap->count++;
    sift_up(heap, node, heap->count - 1);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    size_t index = node->index;
    ASSERT(index < heap->count && heap->nodes[index] == node);
    node->index = HEAP_NOT_IN;
    heap->count--;
    if (index == heap->count)
        return;
    struct heap_node *last = heap->nodes[heap->count];
    if (index > 0 && before(last, heap->nodes[(index - 1) / 2]))
        sift_up(heap, last, index);
    else
        sift_down(heap, last, index);
}

struct heap_node *heap_min(const struct heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}
