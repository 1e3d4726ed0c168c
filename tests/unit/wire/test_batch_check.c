/*
 * What a producer's batch is refused for, and batches damaged at random. The expectations are those
 * of Apache Kafka 4.3.1's LogValidator but for two things that it lets through and that nobody
 * could read back: a compressed record whose length is not that of its fields, and offset deltas
 * out of order (those are told to the caller, who writes the batch anew).
 */
#include "../unit.h"
#include "base/mem.h"
#include "base/prng.h"
#include "codec/codec.h"
#include "wire/batch.h"
#include "wire/errors.h"

#include <stdlib.h>
#include <string.h>

#define NOW INT64_C(1700000000000)
#define LIMIT ((size_t)1 << 20)

static struct codec_context *context;

static int set_up(void **state)
{
    UNUSED(state);
    context = codec_context_new();
    return 0;
}

static int tear_down(void **state)
{
    UNUSED(state);
    codec_context_free(context);
    return 0;
}

#define RECORDS 4

/* Four records: the third without a key, the fourth without a timestamp. */
static struct buf make_batch(uint8_t codec)
{
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    options.codec = codec;
    options.level = codec_level_default((enum codec)codec);
    struct batch_builder builder;
    batch_builder_init(&builder, &options);
    struct buf fields = BUF_EMPTY, out = BUF_EMPTY;
    batch_field_put(&fields, &(struct batch_field){"trace", 5, (const uint8_t *)"1", 1});
    for (int64_t i = 0; i < RECORDS; i++) {
        struct batch_record record = {
            .offset = i,
            .timestamp = i == 3 ? BATCH_NO_TIMESTAMP : NOW - 1000 * i,
            .key = i == 2 ? NULL : (const uint8_t *)"key",
            .key_size = i == 2 ? 0 : 3,
            .value = (const uint8_t *)"a value of some length, some length",
            .value_size = 35,
            .fields = fields.data,
            .fields_size = fields.size,
            .field_count = 1,
        };
        assert_int_equal(batch_builder_add(&builder, &record), ERR_OK);
    }
    assert_int_equal(batch_builder_finish(&builder, context, &out), ERR_OK);
    batch_builder_deinit(&builder);
    buf_deinit(&fields);
    return out;
}

static void test_header_problems(void **state)
{
    UNUSED(state);
    /* A change of `size` bytes at a position, and whether the checksum is made right after it. */
    static const struct {
        size_t at, size;
        uint64_t value;
        bool crc;
        enum batch_problem problem;
    } rows[] = {
        {16, 1, 3, false, BATCH_UNKNOWN_MAGIC},
        {16, 1, 0xff, false, BATCH_UNKNOWN_MAGIC},
        {16, 1, 1, false, BATCH_OLD_MAGIC},
        {8, 4, 48, false, BATCH_BAD_SIZE},
        {8, 4, 0xffffffff, false, BATCH_BAD_SIZE},
        {8, 4, 0x7fffff00, false, BATCH_TRUNCATED},
        {8, 4, 60, false, BATCH_TRAILING},
        {0, 8, 1, false, BATCH_BASE_OFFSET},
        {17, 4, 1, false, BATCH_BAD_CRC},
        {30, 1, 0xee, false, BATCH_BAD_CRC},
        {23, 4, 0xffffffff, true, BATCH_OFFSET_RANGE},
        {57, 4, 0, true, BATCH_RECORD_COUNT},
        {57, 4, 0x80000000, true, BATCH_RECORD_COUNT},
        {57, 4, RECORDS + 1, true, BATCH_RANGE_COUNT},
        {23, 4, RECORDS, true, BATCH_RANGE_COUNT},
        {21, 2, BATCH_CONTROL, true, BATCH_CLIENT_CONTROL},
        {43, 8, 9, true, BATCH_BAD_SEQUENCE},
        {21, 2, 5, true, BATCH_UNKNOWN_CODEC},
        {21, 2, 7, true, BATCH_UNKNOWN_CODEC},
        {21, 2, 0xff80, true, BATCH_OK},
        {12, 4, 77, false, BATCH_OK},
    };
    struct batch_view view;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct buf batch = make_batch(CODEC_NONE);
        uint8_t value[8];
        store_be64(value, rows[i].value << (64 - 8 * rows[i].size));
        memcpy(batch.data + rows[i].at, value, rows[i].size);
        if (rows[i].crc)
            batch_update_crc(batch.data, batch.size);
        assert_int_equal(batch_check_client(batch.data, batch.size, &view), rows[i].problem);
        buf_deinit(&batch);
    }
    struct buf batch = make_batch(CODEC_NONE);
    for (size_t cut = 0; cut < batch.size; cut++) {
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, batch.data, cut);
        assert_int_equal(batch_check_client(exact, cut, &view), BATCH_TRUNCATED);
        free(exact);
    }
    buf_put_i8(&batch, 0);
    assert_int_equal(batch_check_client(batch.data, batch.size, &view), BATCH_TRAILING);
    buf_deinit(&batch);
}

static void test_problem_table(void **state)
{
    UNUSED(state);
    for (int problem = 0; problem < BATCH_PROBLEM_COUNT; problem++) {
        assert_non_null(batch_problem_text((enum batch_problem)problem));
        int16_t error = batch_problem_error((enum batch_problem)problem);
        assert_int_equal(error == WIRE_ERROR_NONE, problem == BATCH_OK);
    }
    assert_int_equal(batch_problem_error(BATCH_BAD_CRC), WIRE_ERROR_CORRUPT_MESSAGE);
    assert_int_equal(batch_problem_error(BATCH_RECORDS_REFUSED_TIMESTAMP),
                     WIRE_ERROR_INVALID_TIMESTAMP);
}

static struct batch_check check_defaults(void)
{
    return (struct batch_check){
        .wall_ms = NOW,
        .timestamp_before_max_ms = INT64_MAX,
        .timestamp_after_max_ms = 3600000,
        .decompressed_bytes_max = LIMIT,
    };
}

struct refusals {
    int count;
    int32_t indexes[RECORDS];
    enum batch_problem problems[RECORDS];
};

static void note_refused(void *to, int32_t record_index, enum batch_problem problem)
{
    struct refusals *refusals = to;
    refusals->indexes[refusals->count] = record_index;
    refusals->problems[refusals->count++] = problem;
}

static void run_check(const struct buf *batch, struct batch_check *check)
{
    struct batch_view view;
    assert_int_equal(batch_check_client(batch->data, batch->size, &view), BATCH_OK);
    assert_int_equal(batch_check_records(context, &view, check), ERR_OK);
}

static void test_good(void **state)
{
    UNUSED(state);
    size_t plain_bytes = 0;
    for (uint8_t codec = 0; codec < CODEC_COUNT; codec++) {
        struct buf batch = make_batch(codec);
        struct batch_check check = check_defaults();
        run_check(&batch, &check);
        assert_int_equal(check.problem, BATCH_OK);
        assert_true(check.max_timestamp == NOW);
        assert_true(check.offsets_in_order);
        if (codec == CODEC_NONE)
            plain_bytes = batch.size - BATCH_HEADER_BYTES;
        assert_int_equal(check.records_bytes, plain_bytes);
        assert_int_equal(check.refused_count, 0);

        check.timestamp_type = BATCH_TIMESTAMP_LOG_APPEND;
        check.wall_ms = NOW + 5;
        run_check(&batch, &check);
        assert_int_equal(check.problem, BATCH_OK);
        assert_true(check.max_timestamp == NOW + 5);
        buf_deinit(&batch);
    }
}

static void test_refused_records(void **state)
{
    UNUSED(state);
    for (uint8_t codec = 0; codec < CODEC_COUNT; codec++) {
        struct buf batch = make_batch(codec);
        struct refusals refusals = {0};
        struct batch_check check = check_defaults();
        check.refused = note_refused;
        check.context = &refusals;

        check.keys_required = true;
        run_check(&batch, &check);
        assert_int_equal(check.problem, BATCH_RECORDS_REFUSED);
        assert_int_equal(check.refused_count, 1);
        assert_int_equal(refusals.indexes[0], 2);
        assert_int_equal(refusals.problems[0], BATCH_NULL_KEY);

        /* Too old: the second and, were it not for its key, the third. */
        refusals.count = 0;
        check.timestamp_before_max_ms = 999;
        run_check(&batch, &check);
        assert_int_equal(check.problem, BATCH_RECORDS_REFUSED_TIMESTAMP);
        assert_int_equal(refusals.count, 2);
        assert_int_equal(refusals.problems[0], BATCH_TIMESTAMP_OUT_OF_RANGE);
        assert_int_equal(refusals.problems[1], BATCH_NULL_KEY);

        /* The bounds themselves are within; both ends of time do not overflow. */
        check.keys_required = false;
        check.timestamp_before_max_ms = 2000;
        run_check(&batch, &check);
        assert_int_equal(check.problem, BATCH_OK);
        check.timestamp_before_max_ms = INT64_MAX;
        check.wall_ms = NOW - 3600000;
        run_check(&batch, &check);
        assert_int_equal(check.problem, BATCH_OK);
        check.wall_ms--;
        check.refused = NULL;
        run_check(&batch, &check);
        assert_int_equal(check.problem, BATCH_RECORDS_REFUSED_TIMESTAMP);
        assert_int_equal(check.refused_count, 1);
        check.wall_ms = INT64_MIN;
        run_check(&batch, &check);
        check.wall_ms = INT64_MAX;
        run_check(&batch, &check);
        buf_deinit(&batch);
    }
}

/* A batch that says LogAppendTime: refused where the topic stamps it, taken back where it does not.
 */
static void test_timestamp_type(void **state)
{
    UNUSED(state);
    struct buf batch = make_batch(CODEC_NONE);
    batch_stamp_timestamp(batch.data, batch.size, BATCH_TIMESTAMP_LOG_APPEND, NOW);
    struct batch_check check = check_defaults();
    run_check(&batch, &check);
    assert_int_equal(check.problem, BATCH_OK);
    check.timestamp_type = BATCH_TIMESTAMP_LOG_APPEND;
    run_check(&batch, &check);
    assert_int_equal(check.problem, BATCH_RECORDS_REFUSED_TIMESTAMP);
    assert_int_equal(check.refused_count, RECORDS);
    batch_stamp_timestamp(batch.data, batch.size, BATCH_TIMESTAMP_LOG_APPEND, BATCH_NO_TIMESTAMP);
    check.timestamp_type = BATCH_TIMESTAMP_CREATE;
    run_check(&batch, &check);
    assert_int_equal(check.problem, BATCH_RECORDS_REFUSED_TIMESTAMP);
    buf_deinit(&batch);
}

/* The first record of an uncompressed batch: length, attributes, timestamp delta, offset delta, key
 * length, "key", value length... each of one byte. */
enum { AT_LENGTH = 61, AT_TIME = 63, AT_OFFSET = 64, AT_KEY = 65, AT_VALUE = 69, AT_FIELDS = 105 };

static void test_record_problems(void **state)
{
    UNUSED(state);
    static const struct {
        size_t at;
        uint8_t value;
        enum batch_problem problem;
    } rows[] = {
        {AT_LENGTH, 0, BATCH_BAD_RECORD},    {AT_LENGTH, 1, BATCH_BAD_RECORD},
        {AT_LENGTH, 10, BATCH_BAD_RECORD},   {AT_LENGTH, 0x80, BATCH_BAD_RECORD},
        {AT_TIME, 0x80, BATCH_BAD_RECORD},   {AT_TIME, 1, BATCH_OK},
        {AT_OFFSET, 0x80, BATCH_BAD_RECORD}, {AT_OFFSET, 2, BATCH_OK},
        {AT_KEY, 8, BATCH_BAD_RECORD},       {AT_KEY, 4, BATCH_BAD_RECORD},
        {AT_KEY, 1, BATCH_BAD_RECORD},       {AT_VALUE, 0x7e, BATCH_BAD_RECORD},
        {AT_FIELDS, 0, BATCH_BAD_RECORD},    {AT_FIELDS, 1, BATCH_BAD_RECORD},
        {AT_FIELDS, 4, BATCH_BAD_RECORD},    {AT_FIELDS + 1, 1, BATCH_BAD_RECORD},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct buf batch = make_batch(CODEC_NONE);
        assert_int_equal(batch.data[AT_FIELDS], 2); /* one header, zigzag */
        batch.data[rows[i].at] = rows[i].value;
        batch_update_crc(batch.data, batch.size);
        struct batch_check check = check_defaults();
        run_check(&batch, &check);
        assert_int_equal(check.problem, rows[i].problem);
        assert_int_equal(check.offsets_in_order, rows[i].at != AT_OFFSET || rows[i].value != 2);
        buf_deinit(&batch);
    }
}

/* Fewer and more records than the header says, compressed and not. */
static void test_record_count(void **state)
{
    UNUSED(state);
    for (uint8_t codec = 0; codec < CODEC_COUNT; codec++) {
        for (int32_t count = RECORDS - 1; count <= RECORDS + 1; count++) {
            struct buf batch = make_batch(codec);
            store_be32(batch.data + 23, (uint32_t)count - 1);
            store_be32(batch.data + 57, (uint32_t)count);
            batch_update_crc(batch.data, batch.size);
            struct batch_check check = check_defaults();
            run_check(&batch, &check);
            assert_int_equal(check.problem, count == RECORDS ? BATCH_OK : BATCH_BAD_RECORD);
            buf_deinit(&batch);
        }
    }
}

static void test_decompressed_limit(void **state)
{
    UNUSED(state);
    for (uint8_t codec = 1; codec < CODEC_COUNT; codec++) {
        struct buf batch = make_batch(codec);
        struct batch_check check = check_defaults();
        run_check(&batch, &check);
        check.decompressed_bytes_max = check.records_bytes;
        run_check(&batch, &check);
        assert_int_equal(check.problem, BATCH_OK);
        check.decompressed_bytes_max--;
        run_check(&batch, &check);
        assert_int_equal(check.problem, BATCH_TOO_LARGE_DECOMPRESSED);
        batch.data[batch.size - 1] ^=
            0xff; /* gzip's length, lz4's end mark, snappy's and zstd's data */
        batch.data[BATCH_HEADER_BYTES + 4] ^= 0xff;
        batch_update_crc(batch.data, batch.size);
        check.decompressed_bytes_max = LIMIT;
        run_check(&batch, &check);
        assert_int_not_equal(check.problem, BATCH_OK);
        buf_deinit(&batch);
    }
}

/* One record much larger than the window that compressed records are read through. */
static void test_large_record(void **state)
{
    UNUSED(state);
    struct prng prng;
    prng_init(&prng, 5);
    size_t size = 500000;
    uint8_t *value = malloc(size);
    prng_bytes(&prng, value, size);
    for (uint8_t codec = 0; codec < CODEC_COUNT; codec++) {
        struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
        options.codec = codec;
        options.level = codec_level_default((enum codec)codec);
        struct batch_builder builder;
        batch_builder_init(&builder, &options);
        for (int64_t i = 0; i < 20; i++) {
            struct batch_record record = {
                .offset = i, .value = value, .value_size = i % 3 == 1 ? size : (size_t)i * 4000};
            assert_int_equal(batch_builder_add(&builder, &record), ERR_OK);
        }
        struct buf out = BUF_EMPTY;
        assert_int_equal(batch_builder_finish(&builder, context, &out), ERR_OK);
        batch_builder_deinit(&builder);
        struct batch_view view;
        struct batch_records records;
        struct batch_record record;
        assert_int_equal(batch_view_read(out.data, out.size, &view), ERR_OK);
        assert_int_equal(batch_records_init(&records, context, &view, 20 * size), ERR_OK);
        int64_t i = 0;
        for (; batch_records_next(&records, &record); i++) {
            assert_int_equal(record.value_size, i % 3 == 1 ? size : (size_t)i * 4000);
            assert_memory_equal(record.value, value, record.value_size);
        }
        assert_int_equal(records.err, ERR_OK);
        assert_int_equal(i, 20);
        assert_true(records.window.capacity <= 4 * size);
        batch_records_deinit(&records);
        buf_deinit(&out);
    }
    free(value);
}

static void test_no_memory(void **state)
{
    UNUSED(state);
    for (uint8_t codec = 0; codec < CODEC_COUNT; codec++) {
        struct buf batch = make_batch(codec);
        struct batch_view view;
        assert_int_equal(batch_check_client(batch.data, batch.size, &view), BATCH_OK);
        for (size_t nth = 1;; nth++) {
            struct codec_context *fresh = codec_context_new();
            struct batch_check check = check_defaults();
            mem_fail_after(nth);
            enum err err = batch_check_records(fresh, &view, &check);
            size_t allocations = mem_fail_after(0);
            assert_int_equal(err, allocations >= nth ? ERR_NOMEM : ERR_OK);
            codec_context_free(fresh);
            if (allocations < nth) {
                assert_int_equal(allocations == 0, codec == CODEC_NONE);
                break;
            }
        }
        buf_deinit(&batch);
    }
}

/* Whatever is changed, checking and reading agree, and nothing outside the batch is touched. */
static void test_random_damage(void **state)
{
    UNUSED(state);
    struct prng prng;
    prng_init(&prng, 6);
    size_t good = 0;
    for (int i = 0; i < 30000; i++) {
        struct buf batch = make_batch((uint8_t)(i % CODEC_COUNT));
        for (uint64_t changes = 1 + prng_below(&prng, 3); changes > 0; changes--) {
            size_t at =
                BATCH_HEADER_BYTES + (size_t)prng_below(&prng, batch.size - BATCH_HEADER_BYTES);
            batch.data[at] = (uint8_t)prng_u64(&prng);
        }
        batch_update_crc(batch.data, batch.size);
        uint8_t *exact = malloc(batch.size);
        memcpy(exact, batch.data, batch.size);
        struct batch_view view;
        struct batch_check check = check_defaults();
        assert_int_equal(batch_check_client(exact, batch.size, &view), BATCH_OK);
        assert_int_equal(batch_check_records(context, &view, &check), ERR_OK);
        struct batch_records records;
        struct batch_record record;
        int count = 0;
        assert_int_equal(batch_records_init(&records, context, &view, LIMIT), ERR_OK);
        while (batch_records_next(&records, &record))
            count++;
        bool structure = check.problem == BATCH_OK || check.problem == BATCH_RECORDS_REFUSED ||
                         check.problem == BATCH_RECORDS_REFUSED_TIMESTAMP;
        assert_int_equal(records.err == ERR_OK, structure);
        assert_true(!structure || count == RECORDS);
        good += structure;
        batch_records_deinit(&records);
        free(exact);
        buf_deinit(&batch);
    }
    assert_in_range(good, 1000, 29000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_problems),
        cmocka_unit_test(test_problem_table),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_refused_records),
        cmocka_unit_test(test_timestamp_type),
        cmocka_unit_test(test_record_problems),
        cmocka_unit_test(test_record_count),
        cmocka_unit_test(test_decompressed_limit),
        cmocka_unit_test(test_large_record),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_random_damage),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
