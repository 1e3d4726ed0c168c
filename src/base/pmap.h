#ifndef BASE_PMAP_H
#define BASE_PMAP_H
#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A persistent ordered map from byte strings to counted values: a change gives a new map that
 * shares all but the path to the change with the old one. The metadata image is made of these. Maps
 * may be read and released by several threads at once (counts are atomic); a node that more than
 * one handle or node points to never changes. A handle itself belongs to one thread.
 *
 * A treap whose priorities are the hash of the key, so its shape depends on its content alone: two
 * maps that differ in d keys are told apart in O(d log n), whatever their histories.
 */
struct pmap_node;

/* A value begins with this. The map holds one reference to each value in it. */
struct pmap_value {
    uint32_t refs;                          /* atomic */
    void (*free)(struct pmap_value *value); /* called when refs falls to 0 */
};

static inline void pmap_value_init(struct pmap_value *value, void (*free)(struct pmap_value *))
{
    value->refs = 1;
    value->free = free;
}
struct pmap_value *pmap_value_ref(struct pmap_value *value);
void pmap_value_unref(struct pmap_value *value);

struct pmap {
    struct pmap_node *root;
};

#define PMAP_EMPTY ((struct pmap){0})

/* A second handle on the same content. Each handle is released with pmap_release. */
struct pmap pmap_ref(struct pmap map);
void pmap_release(struct pmap *map);
size_t pmap_count(struct pmap map);

/* The value is borrowed from the map. NULL when absent. */
struct pmap_value *pmap_get(struct pmap map, const void *key, size_t key_size);
/* Replace this handle by one in which key has value. Takes over the caller's reference to the
 * value; copies the key. */
void pmap_put(struct pmap *map, const void *key, size_t key_size, struct pmap_value *take_value);
/* Replace this handle by one without key. False when it was not there. */
bool pmap_remove(struct pmap *map, const void *key, size_t key_size);

/*
 * In key order (memcmp, shorter first) from the first key >= from. Valid until the map's handle is
 * changed or released (iterate over a pmap_ref to change it meanwhile); keys are at most
 * PMAP_DEPTH_MAX deep.
 */
#define PMAP_DEPTH_MAX 192

struct pmap_iter {
    const struct pmap_node *stack[PMAP_DEPTH_MAX];
    size_t depth;
};

struct pmap_entry {
    const uint8_t *key;
    size_t key_size;
    struct pmap_value *value; /* borrowed */
};

void pmap_iter_init(struct pmap_iter *iter, struct pmap map, const void *from, size_t from_size);
bool pmap_iter_next(struct pmap_iter *iter, struct pmap_entry *entry);

/*
 * Each key whose value pointer differs: before or after is NULL where the key is absent. In key
 * order. Shared parts are not visited.
 */
typedef void pmap_diff_fn(void *context, const uint8_t *key, size_t key_size,
                          struct pmap_value *before, struct pmap_value *after);
void pmap_diff(struct pmap before, struct pmap after, pmap_diff_fn *fn, void *context);

#endif
