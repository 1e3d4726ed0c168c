#include "base/hmap.h"

#include "base/bytes.h"
#include "base/mem.h"

#define BUCKETS_FIRST 8

void hmap_init(struct hmap *map)
{
    *map = HMAP_EMPTY;
}

void hmap_deinit(struct hmap *map)
{
    mem_free(map->buckets);
    hmap_init(map);
}

static void grow(struct hmap *map)
{
    size_t bucket_count = map->buckets == NULL ? BUCKETS_FIRST : (map->mask + 1) * 2;
    struct hmap_node **buckets = mem_zalloc(bucket_count * sizeof buckets[0]);
    size_t mask = bucket_count - 1;
    for (size_t i = 0; map->buckets != NULL && i <= map->mask; i++) {
        for (struct hmap_node *node = map->buckets[i], *next; node != NULL; node = next) {
            next = node->next;
            node->next = buckets[node->hash & mask];
            buckets[node->hash & mask] = node;
        }
    }
    mem_free(map->buckets);
    map->buckets = buckets;
    map->mask = mask;
}

void hmap_insert(struct hmap *map, struct hmap_node *node, uint64_t hash)
{
    if (map->buckets == NULL || map->count > map->mask)
        grow(map);
    node->hash = hash;
    node->next = map->buckets[hash & map->mask];
    map->buckets[hash & map->mask] = node;
    map->count++;
}

void hmap_remove(struct hmap *map, struct hmap_node *node)
{
    ASSERT(map->count > 0);
    struct hmap_node **link = &map->buckets[node->hash & map->mask];
    while (*link != node) {
        ASSERT(*link != NULL);
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    map->count--;
}

static struct hmap_node *skip_to_hash(struct hmap_node *node, uint64_t hash)
{
    while (node != NULL && node->hash != hash)
        node = node->next;
    return node;
}

struct hmap_node *hmap_first_with_hash(const struct hmap *map, uint64_t hash)
{
    return map->buckets == NULL ? NULL : skip_to_hash(map->buckets[hash & map->mask], hash);
}

struct hmap_node *hmap_next_with_hash(const struct hmap_node *node)
{
    return skip_to_hash(node->next, node->hash);
}

static struct hmap_node *first_from_bucket(const struct hmap *map, size_t bucket)
{
    for (size_t i = bucket; i <= map->mask; i++)
        if (map->buckets[i] != NULL)
            return map->buckets[i];
    return NULL;
}

struct hmap_node *hmap_first(const struct hmap *map)
{
    return map->count == 0 ? NULL : first_from_bucket(map, 0);
}

struct hmap_node *hmap_next(const struct hmap *map, const struct hmap_node *node)
{
    if (node->next != NULL)
        return node->next;
    return first_from_bucket(map, (node->hash & map->mask) + 1);
}

/* The key, drawn once at start before there are threads. */
static uint64_t key0 = UINT64_C(0x736f6d6570736575);
static uint64_t key1 = UINT64_C(0x646f72616e646f6d);

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void hash_seed(uint64_t seed)
{
    key0 = mix(seed + UINT64_C(0x9e3779b97f4a7c15));
    key1 = mix(seed + UINT64_C(0x3c6ef372fe94f82a));
}

static inline uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v0 = rotate_left(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v2 = rotate_left(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

/* SipHash-1-3 (Aumasson, Bernstein): one round a word, three at the end; enough for a table whose
 * hashes nobody outside sees. */
uint64_t hash_bytes(const void *data, size_t size)
{
    const uint8_t *at = data;
    struct sip s = {key0 ^ UINT64_C(0x736f6d6570736575), key1 ^ UINT64_C(0x646f72616e646f6d),
                    key0 ^ UINT64_C(0x6c7967656e657261), key1 ^ UINT64_C(0x7465646279746573)};
    for (size_t left = size / 8; left > 0; left--, at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        sip_word(&s, word);
    }
    uint64_t last = 0;
    if (size % 8 > 0)
        memcpy(&last, at, size % 8);
    sip_word(&s, last | (uint64_t)size << 56);
    s.v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t hash_u64(uint64_t value)
{
    return mix(mix(value ^ key0) + key1);
}
