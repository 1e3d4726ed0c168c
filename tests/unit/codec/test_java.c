/* What the compressors of Apache Kafka 4.3.1's Java clients wrote (data/), of a text that both
 * sides make by the same rule. */
#include "../unit.h"
#include "codec/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTENT_BYTES 100000

static uint8_t content[CONTENT_BYTES];

static void make_content(void)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog 0123456789 ";
    uint32_t x = 1;
    for (size_t i = 0; i < CONTENT_BYTES; i++) {
        x = x * 1103515245 + 12345;
        uint32_t r = x >> 16 & 0x7fff;
        content[i] = r % 60 == 0 ? (uint8_t)('A' + r / 60 % 26)
                                 : (uint8_t)words[(i + (i / 97) * 13) % (sizeof words - 1)];
    }
}

static size_t load(const char *name, uint8_t *out, size_t room)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/unit/codec/data/%s", OTTLA_TESTS_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(out, 1, room, file);
    assert_true(size > 0 && size < room);
    fclose(file);
    return size;
}

static void test_read(void **state)
{
    UNUSED(state);
    static const struct {
        enum codec codec;
        const char *file;
    } rows[] = {{CODEC_GZIP, "gzip.bin"},     {CODEC_GZIP, "gzip-9.bin"},
                {CODEC_SNAPPY, "snappy.bin"}, {CODEC_LZ4, "lz4.bin"},
                {CODEC_LZ4, "lz4-12.bin"},    {CODEC_LZ4, "lz4-checksums.bin"},
                {CODEC_ZSTD, "zstd.bin"},     {CODEC_ZSTD, "zstd-22.bin"}};
    struct codec_context *context = codec_context_new();
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        static uint8_t packed[20000];
        size_t size = load(rows[i].file, packed, sizeof packed);
        struct buf plain = BUF_EMPTY;
        assert_int_equal(
            codec_decompress(context, rows[i].codec, packed, size, CONTENT_BYTES, &plain), ERR_OK);
        assert_int_equal(plain.size, CONTENT_BYTES);
        assert_memory_equal(plain.data, content, CONTENT_BYTES);
        buf_clear(&plain);
        assert_int_equal(
            codec_decompress(context, rows[i].codec, packed, size, CONTENT_BYTES - 1, &plain),
            ERR_LIMIT);
        buf_deinit(&plain);
    }
    codec_context_free(context);
}

/* A block's, the content's and the header's checksum are looked at. */
static void test_lz4_checksums(void **state)
{
    UNUSED(state);
    struct codec_context *context = codec_context_new();
    static uint8_t packed[20000];
    size_t size = load("lz4-checksums.bin", packed, sizeof packed);
    struct buf plain = BUF_EMPTY;
    const size_t header = 4 + 2 + 8;
    for (size_t i = 0; i < 4; i++) {
        const size_t flips[] = {header, header + 1 + 4 + 20, size - 1, 6};
        packed[flips[i]] ^= 1;
        assert_int_equal(codec_decompress(context, CODEC_LZ4, packed, size, CONTENT_BYTES, &plain),
                         ERR_CORRUPT);
        packed[flips[i]] ^= 1;
    }
    assert_int_equal(codec_decompress(context, CODEC_LZ4, packed, size, CONTENT_BYTES, &plain),
                     ERR_OK);
    buf_deinit(&plain);
    codec_context_free(context);
}

/* The same framing as Java writes, and about the same size at a level of the same name. */
static void test_written_alike(void **state)
{
    UNUSED(state);
    static const struct {
        enum codec codec;
        int level;
        const char *file;
        size_t same_bytes;
    } rows[] = {{CODEC_LZ4, 9, "lz4.bin", 7},
                {CODEC_LZ4, 12, "lz4-12.bin", 7},
                {CODEC_SNAPPY, 0, "snappy.bin", 16}};
    struct codec_context *context = codec_context_new();
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        static uint8_t packed[20000];
        size_t size = load(rows[i].file, packed, sizeof packed);
        struct buf ours = BUF_EMPTY;
        assert_int_equal(
            codec_compress(context, rows[i].codec, rows[i].level, content, CONTENT_BYTES, &ours),
            ERR_OK);
        assert_memory_equal(ours.data, packed, rows[i].same_bytes);
        /* The libraries' versions differ, so their blocks may, a little. */
        assert_in_range(ours.size, size - size / 10, size + size / 10);
        buf_deinit(&ours);
    }
    codec_context_free(context);
}

int main(void)
{
    make_content();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_lz4_checksums),
        cmocka_unit_test(test_written_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
