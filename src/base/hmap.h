#ifndef BASE_HMAP_H
#define BASE_HMAP_H
#include "base/assert.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An intrusive hash map with chains: the caller's struct holds the node, compares its own keys and
 * owns the memory.
 *
 *     HMAP_FOR_EACH_HASH (node, &map, hash) {
 *         struct thing *thing = HMAP_ENTRY(node, struct thing, node);
 *         if (thing->id == id) return thing;
 *     }
 */
struct hmap_node {
    struct hmap_node *next;
    uint64_t hash;
};

struct hmap {
    struct hmap_node **buckets; /* NULL while empty and never used */
    size_t mask;                /* buckets - 1 */
    size_t count;
};

#define HMAP_EMPTY ((struct hmap){0})

void hmap_init(struct hmap *map);
/* The nodes are the caller's; only the table is freed. */
void hmap_deinit(struct hmap *map);
void hmap_insert(struct hmap *map, struct hmap_node *node, uint64_t hash);
/* The node must be in the map. */
void hmap_remove(struct hmap *map, struct hmap_node *node);

/* First node of exactly this hash, or NULL; then the next of the same hash. */
struct hmap_node *hmap_first_with_hash(const struct hmap *map, uint64_t hash);
struct hmap_node *hmap_next_with_hash(const struct hmap_node *node);
/* All nodes, in no particular (but for equal histories equal) order. */
struct hmap_node *hmap_first(const struct hmap *map);
struct hmap_node *hmap_next(const struct hmap *map, const struct hmap_node *node);

#define HMAP_ENTRY(node, type, member) CONTAINER_OF(node, type, member)

#define HMAP_FOR_EACH_HASH(node, map, hash_value)                                      \
    for (struct hmap_node *node = hmap_first_with_hash(map, hash_value); node != NULL; \
         node = hmap_next_with_hash(node))

#define HMAP_FOR_EACH(node, map) \
    for (struct hmap_node *node = hmap_first(map); node != NULL; node = hmap_next(map, node))

/* `node` may be removed (and freed) inside. */
#define HMAP_FOR_EACH_SAFE(node, after, map)                                                    \
    for (struct hmap_node *node = hmap_first(map), *after = node ? hmap_next(map, node) : NULL; \
         node != NULL; node = after, after = node ? hmap_next(map, node) : NULL)

/*
 * Hashes. Keyed, so that a peer cannot choose names that collide: the key is drawn at start by
 * hash_seed (0 in the simulator unless it sets one).
 */
void hash_seed(uint64_t seed);
uint64_t hash_bytes(const void *data, size_t size);
uint64_t hash_u64(uint64_t value);

#endif
