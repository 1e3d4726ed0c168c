/* hmap, heap and list against simple models. */
#include "../unit.h"
#include "base/heap.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/prng.h"

#include <string.h>

#define THINGS 500

struct thing {
    struct hmap_node node;
    struct heap_node heap_node;
    struct list link;
    uint64_t id;
    bool in;
};

static struct thing things[THINGS];

static uint64_t hash_of(uint64_t id, bool colliding)
{
    return colliding ? id % 7 : hash_u64(id);
}

static void check_map(const struct hmap *map, bool colliding)
{
    size_t in = 0, seen = 0;
    for (uint64_t id = 0; id < THINGS; id++) {
        struct thing *found = NULL;
        HMAP_FOR_EACH_HASH (node, map, hash_of(id, colliding)) {
            struct thing *thing = HMAP_ENTRY(node, struct thing, node);
            assert_true(node->hash == hash_of(id, colliding));
            if (thing->id == id)
                found = thing;
        }
        assert_ptr_equal(found, things[id].in ? &things[id] : NULL);
        in += things[id].in;
    }
    HMAP_FOR_EACH (node, map)
        seen++;
    assert_int_equal(seen, in);
    assert_int_equal(map->count, in);
}

static void run_map(uint64_t seed, bool colliding)
{
    struct prng prng;
    prng_init(&prng, seed);
    memset(things, 0, sizeof things);
    struct hmap map;
    hmap_init(&map);
    assert_null(hmap_first(&map));
    assert_null(hmap_first_with_hash(&map, 1));
    for (int step = 0; step < 3000; step++) {
        struct thing *thing = &things[prng_below(&prng, THINGS)];
        thing->id = (uint64_t)(thing - things);
        if (thing->in)
            hmap_remove(&map, &thing->node);
        else
            hmap_insert(&map, &thing->node, hash_of(thing->id, colliding));
        thing->in = !thing->in;
        if (step % 300 == 0)
            check_map(&map, colliding);
    }
    HMAP_FOR_EACH_SAFE (node, after, &map) {
        struct thing *thing = HMAP_ENTRY(node, struct thing, node);
        hmap_remove(&map, node);
        memset(thing, 0xff, sizeof *thing);
        thing->in = false;
    }
    assert_int_equal(map.count, 0);
    hmap_deinit(&map);
}

static void test_hmap(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 0; seed < 20; seed++) {
        run_map(seed, false);
        run_map(seed, true);
    }
}

static void test_hashes(void **state)
{
    UNUSED(state);
    hash_seed(0);
    uint64_t plain = hash_bytes("topic", 5), number = hash_u64(5);
    assert_true(hash_bytes("topic", 5) == plain);
    assert_true(hash_bytes("topic", 4) != plain);
    assert_true(hash_bytes("topid", 5) != plain);
    assert_true(hash_bytes("", 0) != hash_bytes("\0", 1));
    hash_seed(1);
    assert_true(hash_bytes("topic", 5) != plain);
    assert_true(hash_u64(5) != number);
    /* The lower bits, which pick the bucket, spread evenly: 64 buckets, 64 expected in each. */
    unsigned by_bytes[64] = {0}, by_number[64] = {0};
    for (uint64_t i = 0; i < 4096; i++) {
        by_bytes[hash_bytes(&i, sizeof i) % 64]++;
        by_number[hash_u64(i * 64) % 64]++;
    }
    for (size_t i = 0; i < 64; i++) {
        assert_in_range(by_bytes[i], 30, 110);
        assert_in_range(by_number[i], 30, 110);
    }
}

static void test_heap(void **state)
{
    UNUSED(state);
    struct prng prng;
    prng_init(&prng, 3);
    struct heap heap;
    heap_init(&heap);
    assert_null(heap_min(&heap));
    for (size_t i = 0; i < THINGS; i++)
        heap_node_init(&things[i].heap_node);
    for (int step = 0; step < 20000; step++) {
        struct thing *thing = &things[prng_below(&prng, THINGS)];
        if (heap_node_in(&thing->heap_node))
            heap_remove(&heap, &thing->heap_node);
        else
            heap_insert(&heap, &thing->heap_node, prng_below(&prng, 50));
        /* The smallest by key, then by age. */
        struct heap_node *expected = NULL;
        for (size_t i = 0; i < THINGS && step % 20 == 0; i++) {
            struct heap_node *node = &things[i].heap_node;
            if (heap_node_in(node) &&
                (expected == NULL || node->key < expected->key ||
                 (node->key == expected->key && node->order < expected->order)))
                expected = node;
        }
        if (step % 20 == 0)
            assert_ptr_equal(heap_min(&heap), expected);
    }
    uint64_t key_last = 0, order_last = 0;
    for (struct heap_node *node; (node = heap_min(&heap)) != NULL;) {
        assert_true(node->key >= key_last);
        assert_true(node->key > key_last || node->order >= order_last);
        key_last = node->key;
        order_last = node->order;
        heap_remove(&heap, node);
        assert_false(heap_node_in(node));
    }
    heap_deinit(&heap);
}

static void test_list(void **state)
{
    UNUSED(state);
    struct list a, b;
    list_init(&a);
    list_init(&b);
    assert_null(list_pop_front(&a));
    for (size_t i = 0; i < 4; i++)
        things[i].id = i;
    list_push_back(&a, &things[1].link);
    list_push_front(&a, &things[0].link);
    list_push_back(&b, &things[2].link);
    list_push_back(&b, &things[3].link);
    list_splice(&a, &b);
    assert_true(list_empty(&b));
    list_splice(&a, &b);
    uint64_t expected = 0;
    LIST_FOR_EACH_SAFE (node, after, &a) {
        assert_int_equal(LIST_ENTRY(node, struct thing, link)->id, expected++);
        if (expected == 2)
            list_remove(node);
    }
    assert_int_equal(expected, 4);
    list_remove(&things[1].link); /* it is in no list: harmless */
    assert_ptr_equal(list_pop_front(&a), &things[0].link);
    assert_ptr_equal(list_pop_front(&a), &things[2].link);
    assert_ptr_equal(list_pop_front(&a), &things[3].link);
    assert_true(list_empty(&a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hmap),
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_heap),
        cmocka_unit_test(test_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
