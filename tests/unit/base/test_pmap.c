/*
 * The persistent map against a model (a sorted array of key and value): random changes, old
 * versions that stay as they were, differences, and what they cost.
 */
#include "../unit.h"
#include "base/hash.h"
#include "base/hmap.h"
#include "base/mem.h"
#include "base/pmap.h"
#include "base/prng.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS 400
#define KEY_BYTES 8

static int64_t values_alive;

struct value {
    struct pmap_value base;
    uint64_t number;
};

static void value_free(struct pmap_value *base)
{
    values_alive--;
    mem_free(CONTAINER_OF(base, struct value, base));
}

static struct value *value_new(uint64_t number)
{
    struct value *value = mem_alloc(sizeof *value);
    pmap_value_init(&value->base, value_free);
    value->number = number;
    values_alive++;
    return value;
}

/* The model: the value of each possible key, NULL for absent. Keys are of different lengths, some
 * the beginning of others; their order is that of their index. */
struct model {
    const struct value *values[KEYS];
};

static char keys[KEYS][KEY_BYTES];
static size_t key_sizes[KEYS];

static int key_order(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void make_keys(void)
{
    for (size_t i = 0; i < KEYS; i++)
        snprintf(keys[i], sizeof keys[i], "%s%zu", i % 3 == 0 ? "a" : "", i);
    qsort(keys, KEYS, sizeof keys[0], key_order);
    for (size_t i = 0; i < KEYS; i++)
        key_sizes[i] = strlen(keys[i]);
}

static void put(struct pmap *map, struct model *model, size_t key, uint64_t number)
{
    struct value *value = value_new(number);
    pmap_put(map, keys[key], key_sizes[key], &value->base);
    model->values[key] = value;
}

static void check_equal(struct pmap map, const struct model *model)
{
    size_t count = 0;
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, map, NULL, 0);
    for (size_t key = 0; key < KEYS; key++) {
        const struct pmap_value *expected = model->values[key] ? &model->values[key]->base : NULL;
        assert_ptr_equal(pmap_get(map, keys[key], key_sizes[key]), expected);
        if (expected == NULL)
            continue;
        count++;
        assert_true(pmap_iter_next(&iter, &entry));
        assert_int_equal(entry.key_size, key_sizes[key]);
        assert_memory_equal(entry.key, keys[key], entry.key_size);
        assert_ptr_equal(entry.value, expected);
    }
    assert_false(pmap_iter_next(&iter, &entry));
    assert_int_equal(pmap_count(map), count);
}

static void check_from(struct pmap map, const struct model *model, size_t from)
{
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, map, keys[from], key_sizes[from]);
    for (size_t key = from; key < KEYS; key++) {
        if (model->values[key] == NULL)
            continue;
        assert_true(pmap_iter_next(&iter, &entry));
        assert_ptr_equal(entry.value, &model->values[key]->base);
    }
    assert_false(pmap_iter_next(&iter, &entry));
}

struct diff_check {
    const struct model *before;
    const struct model *after;
    size_t next; /* the first key not told of yet */
};

static const struct pmap_value *model_value(const struct model *model, size_t key)
{
    return model->values[key] != NULL ? &model->values[key]->base : NULL;
}

static void skip_equal(struct diff_check *check)
{
    while (check->next < KEYS &&
           check->before->values[check->next] == check->after->values[check->next])
        check->next++;
}

static void check_difference(void *context, const uint8_t *key, size_t key_size,
                             struct pmap_value *before, struct pmap_value *after)
{
    struct diff_check *check = context;
    skip_equal(check);
    assert_true(check->next < KEYS);
    assert_int_equal(key_size, key_sizes[check->next]);
    assert_memory_equal(key, keys[check->next], key_size);
    assert_ptr_equal(before, model_value(check->before, check->next));
    assert_ptr_equal(after, model_value(check->after, check->next));
    check->next++;
}

static void check_diff(struct pmap before, const struct model *model_before, struct pmap after,
                       const struct model *model_after)
{
    struct diff_check check = {model_before, model_after, 0};
    pmap_diff(before, after, check_difference, &check);
    skip_equal(&check);
    assert_int_equal(check.next, KEYS);
}

#define VERSIONS 8

static void run_model(uint64_t seed)
{
    struct prng prng;
    prng_init(&prng, seed);
    struct pmap maps[VERSIONS] = {0};
    struct model models[VERSIONS];
    memset(models, 0, sizeof models);
    size_t key_bound = 1 + (size_t)prng_below(&prng, KEYS);
    for (int step = 0; step < 400; step++) {
        size_t v = (size_t)prng_below(&prng, VERSIONS);
        size_t key = (size_t)prng_below(&prng, key_bound);
        size_t other = (size_t)prng_below(&prng, VERSIONS);
        switch (prng_below(&prng, 8)) {
        case 0: /* a version becomes another's */
            if (v != other) {
                pmap_release(&maps[other]);
                maps[other] = pmap_ref(maps[v]);
                models[other] = models[v];
            }
            break;
        case 1:
        case 2: {
            bool there = models[v].values[key] != NULL;
            assert_int_equal(pmap_remove(&maps[v], keys[key], key_sizes[key]), there);
            models[v].values[key] = NULL;
            break;
        }
        case 3:
            check_diff(maps[v], &models[v], maps[other], &models[other]);
            break;
        case 4:
            check_from(maps[v], &models[v], key);
            break;
        default:
            put(&maps[v], &models[v], key, (uint64_t)step);
        }
    }
    for (size_t v = 0; v < VERSIONS; v++) {
        check_equal(maps[v], &models[v]);
        for (size_t other = 0; other < VERSIONS; other++)
            check_diff(maps[v], &models[v], maps[other], &models[other]);
    }
    for (size_t v = 0; v < VERSIONS; v++)
        pmap_release(&maps[v]);
    assert_int_equal(values_alive, 0);
}

static void test_model(void **state)
{
    UNUSED(state);
    make_keys();
    for (uint64_t seed = 0; seed < 300; seed++)
        run_model(seed);
}

static void count_difference(void *context, const uint8_t *key, size_t key_size,
                             struct pmap_value *before, struct pmap_value *after)
{
    UNUSED(key);
    UNUSED(key_size);
    assert_true(before != after);
    ++*(size_t *)context;
}

/* A big map is built in place, changed in one key, and told apart quickly; nothing stays behind. */
static void test_big(void **state)
{
    UNUSED(state);
    const size_t count = 100000;
    struct pmap map = PMAP_EMPTY;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t key = i * 7919 % count;
        pmap_put(&map, &key, sizeof key, &value_new(i)->base);
    }
    assert_int_equal(pmap_count(map), count);
    assert_int_equal(values_alive, count);
    for (uint64_t key = 0; key < 1000; key++) {
        struct pmap old = pmap_ref(map);
        size_t differences = 0;
        pmap_put(&map, &key, sizeof key, &value_new(key)->base);
        pmap_diff(old, map, count_difference, &differences);
        assert_int_equal(differences, 1);
        assert_true(pmap_remove(&map, &key, sizeof key));
        pmap_diff(old, map, count_difference, &differences);
        assert_int_equal(differences, 2);
        pmap_release(&old);
    }
    struct pmap_iter iter;
    struct pmap_entry entry;
    size_t seen = 0;
    pmap_iter_init(&iter, map, NULL, 0);
    while (pmap_iter_next(&iter, &entry))
        seen++;
    assert_int_equal(seen, count - 1000);
    pmap_release(&map);
    assert_int_equal(values_alive, 0);
}

/* A change in place keeps the value that it replaces with itself. */
static void test_same_value(void **state)
{
    UNUSED(state);
    struct pmap map = PMAP_EMPTY;
    struct value *value = value_new(1);
    pmap_put(&map, "k", 1, pmap_value_ref(&value->base));
    pmap_put(&map, "k", 1, pmap_value_ref(&value->base));
    pmap_put(&map, "", 0, pmap_value_ref(&value->base));
    assert_int_equal(value->base.refs, 3);
    assert_ptr_equal(pmap_get(map, "", 0), &value->base);
    assert_null(pmap_get(map, "x", 1));
    assert_false(pmap_remove(&map, "x", 1));
    pmap_release(&map);
    assert_null(map.root);
    pmap_value_unref(&value->base);
    assert_int_equal(values_alive, 0);
}

static atomic_int thread_values_alive;

static void thread_value_free(struct pmap_value *base)
{
    atomic_fetch_sub(&thread_values_alive, 1);
    mem_free(CONTAINER_OF(base, struct value, base));
}

static struct value *thread_value_new(void)
{
    struct value *value = mem_alloc(sizeof *value);
    pmap_value_init(&value->base, thread_value_free);
    atomic_fetch_add(&thread_values_alive, 1);
    return value;
}

struct thread_work {
    struct pmap map;
    uint64_t seed;
    size_t found;
};

/* Reads the shared map, and changes a version of its own. */
static void *thread_main(void *context)
{
    struct thread_work *work = context;
    struct prng prng;
    prng_init(&prng, work->seed);
    for (int i = 0; i < 3000; i++) {
        uint64_t key = prng_below(&prng, 2000);
        work->found += pmap_get(work->map, &key, sizeof key) != NULL;
        struct pmap_value *value = pmap_get(work->map, &key, sizeof key);
        if (value != NULL && prng_chance(&prng, 1, 2)) {
            key += 1000;
            pmap_put(&work->map, &key, sizeof key, pmap_value_ref(value));
        } else if (prng_chance(&prng, 1, 2)) {
            pmap_remove(&work->map, &key, sizeof key);
        }
    }
    pmap_release(&work->map);
    return NULL;
}

/* For the thread sanitizer: several threads share nodes and values, and each lets go last of some.
 */
static void test_threads(void **state)
{
    UNUSED(state);
    struct pmap map = PMAP_EMPTY;
    for (uint64_t key = 0; key < 1000; key++)
        pmap_put(&map, &key, sizeof key, &thread_value_new()->base);
    struct thread_work work[3];
    pthread_t threads[ARRAY_COUNT(work)];
    for (size_t i = 0; i < ARRAY_COUNT(work); i++) {
        work[i] = (struct thread_work){pmap_ref(map), i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, thread_main, &work[i]), 0);
    }
    pmap_release(&map);
    for (size_t i = 0; i < ARRAY_COUNT(work); i++) {
        pthread_join(threads[i], NULL);
        assert_true(work[i].found > 0);
    }
    assert_int_equal(atomic_load(&thread_values_alive), 0);
}

int main(void)
{
    hash_seed(42);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_big),
        cmocka_unit_test(test_same_value),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
