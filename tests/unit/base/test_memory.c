/* mem, arena, buf and rcbuf: contents, limits, and every allocation failing in turn. */
#include "../unit.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/prng.h"
#include "base/rcbuf.h"

#include <string.h>

static void test_mem(void **state)
{
    UNUSED(state);
    void *nothing = mem_alloc(0);
    assert_non_null(nothing);
    mem_free(nothing);
    mem_free(NULL);
    char *text = mem_printf("%s-%d", "topic", 7);
    assert_string_equal(text, "topic-7");
    mem_free(text);
    text = mem_strndup("abc", 2);
    assert_string_equal(text, "ab");
    mem_free(text);

    mem_fail_after(2);
    void *first = mem_try_alloc(1), *second = mem_try_alloc(1), *third = mem_try_alloc(1);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    assert_int_equal(mem_fail_after(0), 3);
    assert_int_equal(mem_fail_after(0), 0);
    mem_free(first);
    mem_free(third);
}

static void test_arena(void **state)
{
    UNUSED(state);
    struct prng prng;
    prng_init(&prng, 1);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (int round = 0; round < 50; round++) {
        uint8_t *pieces[200];
        size_t sizes[200];
        for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
            sizes[i] = (size_t)prng_below(&prng, i % 20 == 0 ? 40000 : 200);
            pieces[i] = arena_alloc(&arena, sizes[i]);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % 8, 0);
            for (size_t at = 0; at < sizes[i]; at++)
                assert_int_equal(pieces[i][at], 0);
            memset(pieces[i], (int)i + 1, sizes[i]);
        }
        for (size_t i = 0; i < ARRAY_COUNT(pieces); i++)
            for (size_t at = 0; at < sizes[i]; at++)
                assert_int_equal(pieces[i][at], (uint8_t)(i + 1));
        assert_true(arena.used_bytes <= arena.limit_bytes);
        arena_reset(&arena);
        assert_true(arena.used_bytes <= 64 << 10);
    }
    assert_string_equal(arena_printf(&arena, "%03d", 5), "005");
    assert_string_equal(arena_strdup(&arena, "x"), "x");
    assert_string_equal(arena_strndup(&arena, "xyz", 2), "xy");
    arena_deinit(&arena);
    assert_int_equal(arena.used_bytes, 0);
}

static void test_arena_limit(void **state)
{
    UNUSED(state);
    struct arena arena;
    arena_init(&arena, 4096);
    assert_null(arena_alloc(&arena, 4096)); /* the block's header does not fit */
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 8));
    assert_null(arena_alloc_array(&arena, SIZE_MAX / 8, 16));
    assert_null(arena_strndup(&arena, "", SIZE_MAX));
    size_t got = 0;
    while (arena_alloc(&arena, 100) != NULL)
        got += 104;
    assert_in_range(got, 3500, 4096);
    assert_true(arena.used_bytes <= 4096);
    arena_reset(&arena);
    assert_non_null(arena_alloc(&arena, 100));
    arena_deinit(&arena);

    arena_init(&arena, 0);
    assert_null(arena_alloc(&arena, 0));
    arena_deinit(&arena);

    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    mem_fail_after(1);
    assert_null(arena_alloc(&arena, 1));
    assert_int_equal(mem_fail_after(0), 1);
    assert_non_null(arena_alloc(&arena, 1));
    arena_deinit(&arena);
}

static void test_buf(void **state)
{
    UNUSED(state);
    struct buf buf = BUF_EMPTY;
    assert_string_equal(buf_text(&buf), "");
    buf_put_i8(&buf, -1);
    buf_put_be16(&buf, 0x0102);
    buf_put_be32(&buf, 0x03040506);
    buf_put_be64(&buf, 0x0708090a0b0c0d0e);
    buf_put_uvarint32(&buf, 300);
    buf_put_varint32(&buf, -1);
    buf_put_varint64(&buf, 64);
    buf_put_zeros(&buf, 2);
    buf_put(&buf, NULL, 0);
    buf_put_text(&buf, "hi");
    buf_printf(&buf, "%s%d", "x", 1);
    static const uint8_t expected[] = {0xff, 1,  2,    3, 4, 5,    6, 7, 8, 9,   10,  11,  12,
                                       13,   14, 0xac, 2, 1, 0x80, 1, 0, 0, 'h', 'i', 'x', '1'};
    assert_int_equal(buf.size, sizeof expected);
    assert_memory_equal(buf.data, expected, sizeof expected);
    assert_int_equal(strlen(buf_text(&buf) + 22), 4);
    buf_clear(&buf);
    for (uint32_t i = 0; i < 10000; i++)
        buf_put_be32(&buf, i);
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(load_be32(buf.data + 4 * i), i);

    size_t size = buf.size, capacity = buf.capacity;
    mem_fail_after(1);
    assert_null(buf_try_reserve(&buf, capacity));
    mem_fail_after(0);
    assert_null(buf_try_reserve(&buf, SIZE_MAX));
    assert_null(buf_try_reserve(&buf, SIZE_MAX / 2));
    assert_int_equal(buf.size, size);
    assert_int_equal(buf.capacity, capacity);
    uint8_t *at = buf_try_reserve(&buf, capacity);
    assert_ptr_equal(at, buf.data + size);
    buf_deinit(&buf);
    assert_null(buf.data);
}

static void test_rcbuf_sizes(void **state)
{
    UNUSED(state);
    struct rcbuf_pool *pool = rcbuf_pool_new((size_t)1 << 30);
    for (size_t size = 0; size < (size_t)80 << 20; size += size / 16 + 1) {
        struct rcbuf *buf = rcbuf_new(pool, size);
        assert_non_null(buf);
        assert_true(buf->capacity >= size);
        assert_true(size <= 1024 || buf->capacity <= size + size / 4 + 1);
        assert_int_equal(rcbuf_pool_used_bytes(pool), buf->capacity);
        assert_int_equal((uintptr_t)buf->data % 16, 0);
        rcbuf_unref(buf);
    }
    mem_fail_after(1);
    assert_null(rcbuf_new(pool, (size_t)65 << 20));
    mem_fail_after(0);
    assert_null(rcbuf_new(pool, SIZE_MAX));
    rcbuf_unref(NULL);
    rcbuf_pool_free(pool);
    rcbuf_pool_free(NULL);
}

static void test_rcbuf_pool(void **state)
{
    UNUSED(state);
    struct prng prng;
    prng_init(&prng, 9);
    const size_t idle_max = 1 << 20;
    struct rcbuf_pool *pool = rcbuf_pool_new(idle_max);
    struct rcbuf *held[64] = {0};
    size_t used = 0;
    for (int step = 0; step < 20000; step++) {
        size_t i = (size_t)prng_below(&prng, ARRAY_COUNT(held));
        if (held[i] != NULL && prng_chance(&prng, 1, 4)) {
            rcbuf_unref(rcbuf_ref(held[i]));
        } else if (held[i] != NULL) {
            memset(held[i]->data, 0xaa, held[i]->capacity);
            used -= held[i]->capacity;
            rcbuf_unref(held[i]);
            held[i] = NULL;
        } else {
            held[i] =
                rcbuf_new(pool, (size_t)prng_below(&prng, (uint64_t)100 << prng_below(&prng, 11)));
            used += held[i]->capacity;
        }
        assert_int_equal(rcbuf_pool_used_bytes(pool), used);
        assert_true(rcbuf_pool_idle_bytes(pool) <= idle_max);
    }
    for (size_t i = 0; i < ARRAY_COUNT(held); i++)
        rcbuf_unref(held[i]);
    /* What came back is handed out again. */
    struct rcbuf *buf = rcbuf_new(pool, 5000);
    rcbuf_unref(buf);
    assert_ptr_equal(rcbuf_new(pool, 5000), buf);
    rcbuf_unref(buf);
    rcbuf_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mem),         cmocka_unit_test(test_arena),
        cmocka_unit_test(test_arena_limit), cmocka_unit_test(test_buf),
        cmocka_unit_test(test_rcbuf_sizes), cmocka_unit_test(test_rcbuf_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
