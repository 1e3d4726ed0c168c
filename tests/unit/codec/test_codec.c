/*
 * The door of compression: round trips at every level and in pieces of every size, what Java's
 * kafka-clients wrote, what other clients write, damaged input, limits, failing allocations.
 */
#include "../unit.h"
#include "base/mem.h"
#include "base/prng.h"
#include "codec/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_LIMIT ((size_t)1 << 31)

/* From all zeros to noise. */
static uint8_t *make_content(struct prng *prng, size_t size, unsigned kind)
{
    uint8_t *data = malloc(size + 1);
    static const char words[] = "the quick brown fox jumps over the lazy dog 0123456789 ";
    for (size_t i = 0; i < size; i++) {
        if (kind == 0)
            data[i] = 0;
        else if (kind == 1)
            data[i] = (uint8_t)words[(i + (i / 97) * 13) % (sizeof words - 1)];
        else if (kind == 2)
            data[i] = (uint8_t)(prng_u64(prng) % 4 + 'a');
        else
            data[i] = (uint8_t)prng_u64(prng);
    }
    return data;
}

static void check_pieces(struct codec_context *context, enum codec codec, const struct buf *packed,
                         const uint8_t *data, size_t size, size_t piece)
{
    struct codec_stream stream;
    assert_int_equal(codec_stream_init(&stream, context, codec, packed->data, packed->size, size),
                     ERR_OK);
    uint8_t *out = malloc(piece);
    size_t done = 0, got;
    do {
        assert_int_equal(codec_stream_read(&stream, out, piece, &got), ERR_OK);
        assert_true(got <= size - done);
        assert_memory_equal(out, data + done, got);
        done += got;
        assert_true(got == piece || done == size);
    } while (got > 0);
    assert_int_equal(done, size);
    assert_int_equal(codec_stream_read(&stream, out, piece, &got), ERR_OK);
    assert_int_equal(got, 0);
    codec_stream_deinit(&stream);
    codec_stream_deinit(&stream);
    free(out);
}

static void check_round(struct codec_context *context, enum codec codec, int level,
                        const uint8_t *data, size_t size, size_t piece)
{
    struct buf packed = BUF_EMPTY, plain = BUF_EMPTY;
    buf_put_text(&packed, "x");
    buf_put_text(&plain, "before");
    assert_int_equal(codec_compress(context, codec, level, data, size, &packed), ERR_OK);
    memmove(packed.data, packed.data + 1, --packed.size);
    assert_int_equal(codec_decompress(context, codec, packed.data, packed.size, size, &plain),
                     ERR_OK);
    assert_int_equal(plain.size, 6 + size);
    assert_memory_equal(plain.data, "before", 6);
    assert_memory_equal(plain.data + 6, data, size);
    check_pieces(context, codec, &packed, data, size, piece);
    if (size > 0) {
        assert_int_equal(
            codec_decompress(context, codec, packed.data, packed.size, size - 1, &plain),
            ERR_LIMIT);
        assert_int_equal(codec_decompress(context, codec, packed.data, packed.size, 0, &plain),
                         ERR_LIMIT);
        assert_int_equal(plain.size, 6 + size);
    }
    buf_deinit(&packed);
    buf_deinit(&plain);
}

static void test_round_trips(void **state)
{
    UNUSED(state);
    struct prng prng;
    prng_init(&prng, 11);
    struct codec_context *context = codec_context_new();
    static const size_t sizes[] = {0,     1,     10,    255,   4096,   32767,  32768,
                                   32769, 65535, 65536, 65537, 131072, 300000, 1048577};
    static const size_t pieces[] = {1, 7, 100, 4096, 40000, 70000, 2000000};
    for (int codec = 0; codec < CODEC_COUNT; codec++) {
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            for (unsigned kind = 0; kind < 4; kind++) {
                uint8_t *data = make_content(&prng, sizes[i], kind);
                size_t piece = pieces[prng_below(&prng, ARRAY_COUNT(pieces))];
                if (sizes[i] > 300000 && piece < 100)
                    piece = 100;
                int level = codec_level_default((enum codec)codec);
                check_round(context, (enum codec)codec, level, data, sizes[i], piece);
                free(data);
            }
        }
    }
    codec_context_free(context);
    codec_context_free(NULL);
}

static void test_levels(void **state)
{
    UNUSED(state);
    struct prng prng;
    prng_init(&prng, 12);
    struct codec_context *context = codec_context_new();
    uint8_t *data = make_content(&prng, 100000, 1);
    static const struct {
        enum codec codec;
        int from, to, below, above;
    } rows[] = {
        {CODEC_GZIP, 1, 9, 0, 10}, {CODEC_LZ4, 1, 17, 0, 18}, {CODEC_ZSTD, -7, 22, -200000, 23}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        for (int level = rows[i].from; level <= rows[i].to; level++) {
            assert_true(codec_level_valid(rows[i].codec, level));
            check_round(context, rows[i].codec, level, data, 100000, 10000);
        }
        assert_false(codec_level_valid(rows[i].codec, rows[i].below));
        assert_false(codec_level_valid(rows[i].codec, rows[i].above));
        assert_true(codec_level_valid(rows[i].codec, codec_level_default(rows[i].codec)));
    }
    assert_true(codec_level_valid(CODEC_SNAPPY, 99));
    assert_true(codec_level_valid(CODEC_NONE, -99));
    assert_int_equal(codec_level_default(CODEC_GZIP), -1);
    assert_int_equal(codec_level_default(CODEC_LZ4), 9);
    assert_int_equal(codec_level_default(CODEC_ZSTD), 3);
    free(data);
    codec_context_free(context);
}

static void test_names(void **state)
{
    UNUSED(state);
    static const char *const names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    for (int codec = 0; codec < CODEC_COUNT; codec++) {
        enum codec found;
        assert_string_equal(codec_name((enum codec)codec), names[codec]);
        assert_true(codec_from_name(names[codec], strlen(names[codec]), &found));
        assert_int_equal(found, codec);
    }
    enum codec found;
    assert_false(codec_from_name("gzi", 3, &found));
    assert_false(codec_from_name("gzipp", 5, &found));
    assert_false(codec_from_name("", 0, &found));
    struct codec_stream stream;
    assert_int_equal(codec_stream_init(&stream, NULL, (enum codec)5, "", 0, 1), ERR_INVALID);
    codec_stream_deinit(&stream);
}

/* Whatever is done to it, it is refused or gives some bytes, within the limit; the same in pieces
 * as at once. */
static void check_damaged(struct codec_context *context, enum codec codec, const uint8_t *data,
                          size_t size, size_t piece)
{
    const size_t limit = 100000;
    uint8_t *exact = malloc(size > 0 ? size : 1);
    memcpy(exact, data, size);
    struct buf whole = BUF_EMPTY;
    enum err err = codec_decompress(context, codec, exact, size, limit, &whole);
    assert_true(err == ERR_OK || err == ERR_CORRUPT || err == ERR_LIMIT);
    assert_true(whole.size <= limit);
    struct codec_stream stream;
    uint8_t *out = malloc(piece);
    assert_int_equal(codec_stream_init(&stream, context, codec, exact, size, limit), ERR_OK);
    size_t done = 0, got = 1;
    enum err stream_err = ERR_OK;
    while (stream_err == ERR_OK && got > 0) {
        stream_err = codec_stream_read(&stream, out, piece, &got);
        if (err == ERR_OK)
            assert_memory_equal(out, whole.data + done, got);
        done += got;
    }
    assert_int_equal(stream_err, err);
    assert_int_equal(codec_stream_read(&stream, out, piece, &got), err);
    assert_int_equal(got, 0);
    codec_stream_deinit(&stream);
    buf_deinit(&whole);
    free(out);
    free(exact);
}

static void test_damage(void **state)
{
    UNUSED(state);
    struct prng prng;
    prng_init(&prng, 13);
    struct codec_context *context = codec_context_new();
    for (int codec = 1; codec < CODEC_COUNT; codec++) {
        struct buf packed = BUF_EMPTY;
        uint8_t *data = make_content(&prng, 70000, 1);
        assert_int_equal(codec_compress(context, (enum codec)codec,
                                        codec_level_default((enum codec)codec), data, 70000,
                                        &packed),
                         ERR_OK);
        struct buf out = BUF_EMPTY;
        /* xerial's chunks carry no end, so a cut between two is not seen; the record count will. */
        for (size_t cut = 0; cut < packed.size && codec != CODEC_SNAPPY; cut += 1 + cut / 50)
            assert_int_equal(
                codec_decompress(context, (enum codec)codec, packed.data, cut, NO_LIMIT, &out),
                ERR_CORRUPT);
        assert_int_equal(out.size, 0);
        for (int i = 0; i < 1500; i++) {
            uint8_t *copy = malloc(packed.size + 4);
            memcpy(copy, packed.data, packed.size);
            size_t size = packed.size;
            for (uint64_t flips = prng_below(&prng, 4); flips > 0; flips--)
                copy[prng_below(&prng, i % 2 ? size : 40)] = (uint8_t)prng_u64(&prng);
            if (prng_chance(&prng, 1, 3))
                size = (size_t)prng_below(&prng, size);
            if (prng_chance(&prng, 1, 10))
                size += 4;
            if (size > packed.size)
                memset(copy + packed.size, 0xee, 4);
            check_damaged(context, (enum codec)codec, copy, size,
                          1 + (size_t)prng_below(&prng, 5000));
            free(copy);
        }
        /* Garbage after the end. */
        buf_put_text(&packed, "garbage");
        assert_int_equal(
            codec_decompress(context, (enum codec)codec, packed.data, packed.size, NO_LIMIT, &out),
            ERR_CORRUPT);
        for (int i = 0; i < 200; i++) {
            uint8_t noise[64];
            prng_bytes(&prng, noise, sizeof noise);
            check_damaged(context, (enum codec)codec, noise, (size_t)prng_below(&prng, 64), 16);
        }
        buf_deinit(&out);
        buf_deinit(&packed);
        free(data);
    }
    codec_context_free(context);
}

/* One after the other in one input: gzip members, frames, xerial streams. */
static void test_concatenated(void **state)
{
    UNUSED(state);
    struct codec_context *context = codec_context_new();
    for (int codec = 1; codec < CODEC_COUNT; codec++) {
        struct buf packed = BUF_EMPTY, plain = BUF_EMPTY;
        for (int i = 0; i < 3; i++)
            assert_int_equal(codec_compress(context, (enum codec)codec,
                                            codec_level_default((enum codec)codec), "hello ", 6,
                                            &packed),
                             ERR_OK);
        assert_int_equal(
            codec_decompress(context, (enum codec)codec, packed.data, packed.size, 18, &plain),
            ERR_OK);
        assert_int_equal(plain.size, 18);
        assert_memory_equal(plain.data, "hello hello hello ", 18);
        buf_deinit(&packed);
        buf_deinit(&plain);
    }
    codec_context_free(context);
}

/* A little input that becomes much: stopped at the limit, with memory in proportion to it. */
static void test_bombs(void **state)
{
    UNUSED(state);
    struct codec_context *context = codec_context_new();
    size_t size = (size_t)64 << 20;
    uint8_t *zeros = calloc(1, size);
    for (int codec = 1; codec < CODEC_COUNT; codec++) {
        struct buf packed = BUF_EMPTY, plain = BUF_EMPTY;
        assert_int_equal(codec_compress(context, (enum codec)codec,
                                        codec_level_default((enum codec)codec), zeros, size,
                                        &packed),
                         ERR_OK);
        assert_int_equal(
            codec_decompress(context, (enum codec)codec, packed.data, packed.size, 100000, &plain),
            ERR_LIMIT);
        assert_true(plain.capacity <= (size_t)16 << 20);
        buf_deinit(&packed);
        buf_deinit(&plain);
    }
    /* A raw snappy block of ten bytes that says it is of 1 GiB. */
    static const uint8_t lie[10] = {0x80, 0x80, 0x80, 0x80, 0x04, 0, 'a', 0, 'b', 0};
    struct buf plain = BUF_EMPTY;
    assert_int_equal(codec_decompress(context, CODEC_SNAPPY, lie, sizeof lie, NO_LIMIT, &plain),
                     ERR_CORRUPT);
    buf_deinit(&plain);
    free(zeros);
    codec_context_free(context);
}

static void test_foreign(void **state)
{
    UNUSED(state);
    struct codec_context *context = codec_context_new();
    struct buf plain = BUF_EMPTY;
    /* Raw snappy, as librdkafka writes it: length 5, a literal of 5. */
    static const uint8_t raw[] = {5, 4 << 2, 'h', 'e', 'l', 'l', 'o'};
    assert_int_equal(codec_decompress(context, CODEC_SNAPPY, raw, sizeof raw, 5, &plain), ERR_OK);
    assert_memory_equal(plain.data, "hello", 5);
    /* LZ4 with linked blocks, which Kafka's clients cannot read: the empty frame, flags 0x40. */
    static const uint8_t linked[] = {4, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0, 0, 0, 0, 0};
    assert_int_equal(codec_decompress(context, CODEC_LZ4, linked, sizeof linked, 5, &plain),
                     ERR_CORRUPT);
    static const uint8_t skippable[] = {0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'};
    assert_int_equal(codec_decompress(context, CODEC_LZ4, skippable, sizeof skippable, 5, &plain),
                     ERR_CORRUPT);
    for (int codec = 1; codec < CODEC_COUNT; codec++)
        assert_int_equal(codec_decompress(context, (enum codec)codec, "", 0, 5, &plain),
                         ERR_CORRUPT);
    buf_deinit(&plain);
    codec_context_free(context);
}

/* Several streams at once, and more than are kept idle. */
static void test_many_streams(void **state)
{
    UNUSED(state);
    struct codec_context *context = codec_context_new();
    for (int codec = 0; codec < CODEC_COUNT; codec++) {
        struct codec_stream streams[8];
        struct buf packed[8];
        for (int i = 0; i < 8; i++) {
            char text[32];
            snprintf(text, sizeof text, "content number %d", i);
            packed[i] = BUF_EMPTY;
            assert_int_equal(codec_compress(context, (enum codec)codec,
                                            codec_level_default((enum codec)codec), text,
                                            strlen(text), &packed[i]),
                             ERR_OK);
            assert_int_equal(codec_stream_init(&streams[i], context, (enum codec)codec,
                                               packed[i].data, packed[i].size, 100),
                             ERR_OK);
        }
        char seen[8][32] = {{0}};
        for (size_t at = 0; at < 16; at++) {
            for (int i = 0; i < 8; i++) {
                size_t got;
                assert_int_equal(codec_stream_read(&streams[i], &seen[i][at], 1, &got), ERR_OK);
                assert_int_equal(got, 1);
            }
        }
        for (int i = 0; i < 8; i++) {
            char text[32];
            snprintf(text, sizeof text, "content number %d", i);
            assert_string_equal(seen[i], text);
            codec_stream_deinit(&streams[i]);
            buf_deinit(&packed[i]);
        }
    }
    codec_context_free(context);
}

/* Each allocation of ours fails once. */
static void test_no_memory(void **state)
{
    UNUSED(state);
    struct prng prng;
    prng_init(&prng, 14);
    uint8_t *data = make_content(&prng, 50000, 1);
    for (int codec = 0; codec < CODEC_COUNT; codec++) {
        for (size_t nth = 1;; nth++) {
            struct codec_context *context = codec_context_new();
            struct buf packed = BUF_EMPTY, plain = BUF_EMPTY;
            mem_fail_after(nth);
            enum err err =
                codec_compress(context, (enum codec)codec, codec_level_default((enum codec)codec),
                               data, 50000, &packed);
            if (err == ERR_OK)
                err = codec_decompress(context, (enum codec)codec, packed.data, packed.size, 50000,
                                       &plain);
            bool failed = mem_fail_after(0) >= nth;
            assert_int_equal(err, failed ? ERR_NOMEM : ERR_OK);
            assert_int_equal(plain.size, failed ? 0 : 50000);
            buf_deinit(&packed);
            buf_deinit(&plain);
            codec_context_free(context);
            if (!failed)
                break;
        }
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),  cmocka_unit_test(test_levels),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_concatenated), cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_foreign),      cmocka_unit_test(test_many_streams),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
