/*
 * Record batches: those that Apache Kafka 4.3.1's MemoryRecordsBuilder wrote (data/batch), read and
 * built again; headers, stamping, walking; every kind of damage.
 */
#include "../unit.h"
#include "base/mem.h"
#include "base/prng.h"
#include "codec/codec.h"
#include "wire/batch.h"
#include "wire/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Exactly as long as the file, so that a sanitizer sees a read past its end. */
static uint8_t *load(const char *name, size_t *size)
{
    char path[1000];
    static uint8_t room[10000];
    snprintf(path, sizeof path, "%s/unit/wire/data/batch/%s.bin", OTTLA_TESTS_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    *size = fread(room, 1, sizeof room, file);
    assert_true(*size > 0 && *size < sizeof room);
    fclose(file);
    uint8_t *data = malloc(*size);
    memcpy(data, room, *size);
    return data;
}

/* The records in the files. */
static uint8_t big_value[3000];
static struct buf fields;

static void make_records(struct batch_record out[5], int64_t base_offset)
{
    for (size_t i = 0; i < sizeof big_value; i++)
        big_value[i] = (uint8_t)(i % 251);
    buf_clear(&fields);
    batch_field_put(&fields, &(struct batch_field){"h1", 2, (const uint8_t *)"x", 1});
    batch_field_put(&fields, &(struct batch_field){"h1", 2, NULL, 0});
    batch_field_put(&fields, &(struct batch_field){"", 0, (const uint8_t *)"", 0});
#define TEXT(text) (const uint8_t *)(text), strlen(text)
    const struct batch_record records[5] = {
        {base_offset, 1000, TEXT("k0"), TEXT("v0"), NULL, 0, 0},
        {base_offset + 1, 1005, NULL, 0, TEXT("value without a key"), NULL, 0, 0},
        {base_offset + 2, 990, TEXT("k2"), NULL, 0, NULL, 0, 0},
        {base_offset + 3, 2000, TEXT(""), TEXT(""), fields.data, fields.size, 3},
        {base_offset + 4, 1500, TEXT("k4"), big_value, sizeof big_value, NULL, 0, 0},
    };
#undef TEXT
    memcpy(out, records, sizeof records);
}

static void assert_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    assert_int_equal(a == NULL, b == NULL);
    assert_int_equal(a_size, b_size);
    if (a_size > 0)
        assert_memory_equal(a, b, a_size);
}

static void assert_record(const struct batch_record *record, const struct batch_record *expected)
{
    assert_true(record->offset == expected->offset);
    assert_true(record->timestamp == expected->timestamp);
    assert_bytes(record->key, record->key_size, expected->key, expected->key_size);
    assert_bytes(record->value, record->value_size, expected->value, expected->value_size);
    assert_int_equal(record->field_count, expected->field_count);
    struct batch_fields a = batch_fields_begin(record), b = batch_fields_begin(expected);
    struct batch_field x, y;
    while (batch_fields_next(&b, &y)) {
        assert_true(batch_fields_next(&a, &x));
        assert_bytes((const uint8_t *)x.key, x.key_size, (const uint8_t *)y.key, y.key_size);
        assert_bytes(x.value, x.value_size, y.value, y.value_size);
    }
    assert_false(batch_fields_next(&a, &x));
}

/* Options as the file's batch was made with. */
struct file_row {
    const char *name;
    struct batch_builder_options options;
    int64_t max_timestamp;
};

static struct file_row file_row(const char *name)
{
    return (struct file_row){name, BATCH_BUILDER_DEFAULTS, 2000};
}

#define FILE_ROWS 9

static void make_rows(struct file_row rows[FILE_ROWS])
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    for (uint8_t codec = 0; codec < 5; codec++) {
        rows[codec] = file_row(codecs[codec]);
        rows[codec].options.codec = codec;
        rows[codec].options.level = codec_level_default((enum codec)codec);
    }
    rows[5] = file_row("idempotent");
    rows[5].options.producer_id = 1000;
    rows[5].options.producer_epoch = 2;
    rows[5].options.base_sequence = 5;
    rows[6] = file_row("transactional");
    rows[6].options = rows[5].options;
    rows[6].options.codec = CODEC_ZSTD;
    rows[6].options.level = 3;
    rows[6].options.transactional = true;
    rows[6].options.base_sequence = INT32_MAX - 2;
    rows[6].options.base_offset = 100;
    rows[6].options.leader_epoch = 7;
    rows[7] = file_row("append-time");
    rows[7].options.base_offset = 100;
    rows[7].options.leader_epoch = 7;
    rows[7].options.timestamp_type = BATCH_TIMESTAMP_LOG_APPEND;
    rows[7].options.log_append_time_ms = 123456;
    rows[7].max_timestamp = 123456;
    rows[8] = file_row("delete-horizon");
    rows[8].options.base_offset = 100;
    rows[8].options.leader_epoch = 7;
    rows[8].options.delete_horizon_ms = 98765;
}

static void check_view(const struct batch_view *view, const struct file_row *row)
{
    const struct batch_header *header = &view->header;
    const struct batch_builder_options *options = &row->options;
    assert_int_equal(batch_check_crc(view->data, header->size), ERR_OK);
    assert_true(header->base_offset == options->base_offset);
    assert_int_equal(header->leader_epoch, options->leader_epoch);
    assert_int_equal(batch_codec(header), options->codec);
    assert_int_equal(batch_timestamp_type(header), options->timestamp_type);
    assert_int_equal(batch_is_transactional(header), options->transactional);
    assert_false(batch_is_control(header));
    assert_true(batch_delete_horizon_ms(header) == options->delete_horizon_ms);
    assert_true(header->max_timestamp == row->max_timestamp);
    assert_true(header->producer_id == options->producer_id);
    assert_int_equal(header->producer_epoch, options->producer_epoch);
    assert_int_equal(header->base_sequence, options->base_sequence);
    assert_int_equal(header->record_count, 5);
    assert_int_equal(header->last_offset_delta, 4);
    assert_true(batch_last_offset(header) == options->base_offset + 4);
    assert_true(batch_next_offset(header) == options->base_offset + 5);
    assert_int_equal(batch_has_producer(header), options->producer_id >= 0);

    struct batch_record expected[5], record;
    make_records(expected, options->base_offset);
    struct batch_records records;
    assert_int_equal(batch_records_init(&records, context, view, LIMIT), ERR_OK);
    for (size_t i = 0; i < 5; i++) {
        if (options->timestamp_type == BATCH_TIMESTAMP_LOG_APPEND)
            expected[i].timestamp = row->max_timestamp;
        assert_true(batch_records_next(&records, &record));
        assert_record(&record, &expected[i]);
    }
    assert_false(batch_records_next(&records, &record));
    assert_false(batch_records_next(&records, &record));
    assert_int_equal(records.err, ERR_OK);
    batch_records_deinit(&records);
}

static void test_read_files(void **state)
{
    UNUSED(state);
    struct file_row rows[FILE_ROWS];
    make_rows(rows);
    for (size_t i = 0; i < FILE_ROWS; i++) {
        size_t size;
        uint8_t *data = load(rows[i].name, &size);
        struct batch_view view;
        assert_int_equal(batch_view_read(data, size, &view), ERR_OK);
        assert_int_equal(view.header.size, size);
        check_view(&view, &rows[i]);
        uint8_t header[BATCH_HEADER_BYTES];
        batch_header_write(&view.header, header);
        assert_memory_equal(header, data, sizeof header);
        free(data);
    }
}

/* Built by us: the same content, and without compression the same bytes. */
static void test_build_files(void **state)
{
    UNUSED(state);
    struct file_row rows[FILE_ROWS];
    make_rows(rows);
    struct batch_builder builder;
    batch_builder_init(&builder, &rows[0].options);
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < FILE_ROWS; i++) {
        struct batch_record records[5];
        make_records(records, rows[i].options.base_offset);
        batch_builder_reset(&builder, &rows[i].options);
        assert_int_equal(batch_builder_size(&builder), BATCH_HEADER_BYTES);
        for (size_t r = 0; r < 5; r++) {
            size_t before = batch_builder_size(&builder);
            assert_int_equal(batch_builder_add(&builder, &records[r]), ERR_OK);
            assert_true(batch_builder_size(&builder) - before <=
                        batch_record_size_max(&records[r]));
        }
        /* Alone, and behind something. */
        for (int behind = 0; behind < 2; behind++) {
            struct batch_builder copy = builder;
            copy.body = BUF_EMPTY;
            buf_put(&copy.body, builder.body.data, builder.body.size);
            buf_clear(&out);
            if (behind == 1)
                buf_put_text(&out, "before");
            size_t begin = out.size;
            assert_int_equal(batch_builder_finish(&copy, context, &out), ERR_OK);
            struct batch_view view;
            assert_int_equal(batch_view_read(out.data + begin, out.size - begin, &view), ERR_OK);
            assert_int_equal(view.header.size, out.size - begin);
            check_view(&view, &rows[i]);
            size_t size;
            uint8_t *data = load(rows[i].name, &size);
            if (rows[i].options.codec == CODEC_NONE)
                assert_bytes(out.data + begin, out.size - begin, data, size);
            free(data);
            batch_builder_deinit(&copy);
        }
    }
    batch_builder_deinit(&builder);
    buf_deinit(&out);
}

static void test_builder_limits(void **state)
{
    UNUSED(state);
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    options.base_offset = 10;
    struct batch_builder builder;
    batch_builder_init(&builder, &options);
    struct batch_record record = {.offset = 9};
    assert_int_equal(batch_builder_add(&builder, &record), ERR_INVALID);
    record.offset = INT64_MIN;
    assert_int_equal(batch_builder_add(&builder, &record), ERR_INVALID);
    record.offset = 10 + INT64_C(0x80000000);
    assert_int_equal(batch_builder_add(&builder, &record), ERR_INVALID);
    record.offset = 12;
    assert_int_equal(batch_builder_add(&builder, &record), ERR_OK);
    assert_int_equal(batch_builder_add(&builder, &record), ERR_INVALID); /* not above the last */
    record.offset = INT64_C(10) + INT32_MAX;
    record.timestamp = INT64_MIN;
    assert_int_equal(batch_builder_add(&builder, &record), ERR_OK);
    record.value = (const uint8_t *)"";
    record.offset = 13;
    builder.last_offset = 12;
    record.value_size = INT32_MAX - 100;
    assert_int_equal(batch_builder_add(&builder, &record), ERR_LIMIT);
    record.value_size = (size_t)INT32_MAX + 1;
    assert_int_equal(batch_builder_add(&builder, &record), ERR_INVALID);
    record.value_size = 0;
    buf_deinit(&builder.body);
    mem_fail_after(1);
    assert_int_equal(batch_builder_add(&builder, &record), ERR_NOMEM);
    mem_fail_after(0);
    batch_builder_deinit(&builder);
}

/* Compaction: gaps, a last offset above the last record's, none left at all. */
static void test_gaps(void **state)
{
    UNUSED(state);
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    options.base_offset = 1000;
    struct batch_builder builder;
    batch_builder_init(&builder, &options);
    struct batch_record record = {.timestamp = 5};
    for (int64_t offset = 1003; offset < 1010; offset += 3) {
        record.offset = offset;
        assert_int_equal(batch_builder_add(&builder, &record), ERR_OK);
    }
    builder.last_offset = 1020;
    struct buf out = BUF_EMPTY;
    assert_int_equal(batch_builder_finish(&builder, NULL, &out), ERR_OK);
    struct batch_view view;
    assert_int_equal(batch_view_read(out.data, out.size, &view), ERR_OK);
    assert_true(batch_last_offset(&view.header) == 1020);
    assert_int_equal(view.header.record_count, 3);
    struct batch_records records;
    assert_int_equal(batch_records_init(&records, NULL, &view, LIMIT), ERR_OK);
    for (int64_t offset = 1003; batch_records_next(&records, &record); offset += 3)
        assert_true(record.offset == offset);
    assert_int_equal(records.err, ERR_OK);
    batch_records_deinit(&records);
    buf_deinit(&out);
    batch_builder_deinit(&builder);

    size_t size;
    uint8_t *data = load("empty", &size);
    assert_int_equal(batch_view_read(data, size, &view), ERR_OK);
    assert_int_equal(batch_check_crc(data, size), ERR_OK);
    assert_true(view.header.base_offset == 100 && batch_last_offset(&view.header) == 109);
    assert_int_equal(view.header.record_count, 0);
    assert_int_equal(batch_records_init(&records, NULL, &view, LIMIT), ERR_OK);
    assert_false(batch_records_next(&records, &record));
    assert_int_equal(records.err, ERR_OK);
    batch_records_deinit(&records);
    /* The same from a header of ours. */
    uint8_t header[BATCH_HEADER_BYTES];
    batch_header_write(&view.header, header);
    store_be32(header + 17, 0);
    batch_update_crc(header, sizeof header);
    assert_memory_equal(header, data, sizeof header);
    free(data);
}

static void test_control(void **state)
{
    UNUSED(state);
    struct buf out = BUF_EMPTY;
    size_t size;
    uint8_t *data = load("commit", &size);
    batch_end_txn_put(&out, 42, 7, 555, 1000, 2, true, 9);
    assert_bytes(out.data, out.size, data, size);
    free(data);
    buf_clear(&out);
    data = load("abort", &size);
    batch_end_txn_put(&out, 43, 7, 556, 1000, 2, false, 10);
    assert_bytes(out.data, out.size, data, size);
    buf_deinit(&out);

    struct batch_view view;
    struct batch_records records;
    struct batch_record record;
    enum batch_control control;
    int32_t epoch;
    assert_int_equal(batch_view_read(data, size, &view), ERR_OK);
    assert_true(batch_is_control(&view.header) && batch_is_transactional(&view.header));
    assert_int_equal(batch_records_init(&records, NULL, &view, LIMIT), ERR_OK);
    assert_true(batch_records_next(&records, &record));
    assert_int_equal(batch_control_key_read(&record, &control), ERR_OK);
    assert_int_equal(control, BATCH_CONTROL_ABORT);
    assert_int_equal(batch_end_txn_value_read(&record, &epoch), ERR_OK);
    assert_int_equal(epoch, 10);
    record.value_size = 5;
    assert_int_equal(batch_end_txn_value_read(&record, &epoch), ERR_CORRUPT);
    record.value = NULL;
    assert_int_equal(batch_end_txn_value_read(&record, &epoch), ERR_CORRUPT);
    uint8_t key[BATCH_CONTROL_KEY_BYTES];
    record.key = key;
    batch_control_key_write((enum batch_control)77, key);
    assert_int_equal(batch_control_key_read(&record, &control), ERR_OK);
    assert_int_equal(control, BATCH_CONTROL_UNKNOWN);
    key[0] = 0xff;
    assert_int_equal(batch_control_key_read(&record, &control), ERR_CORRUPT);
    record.key_size = 3;
    assert_int_equal(batch_control_key_read(&record, &control), ERR_CORRUPT);
    batch_records_deinit(&records);
    free(data);

    data = load("leader-change", &size);
    assert_int_equal(batch_view_read(data, size, &view), ERR_OK);
    assert_true(batch_is_control(&view.header) && !batch_is_transactional(&view.header));
    assert_int_equal(batch_records_init(&records, NULL, &view, LIMIT), ERR_OK);
    assert_true(batch_records_next(&records, &record));
    assert_int_equal(batch_control_key_read(&record, &control), ERR_OK);
    assert_int_equal(control, BATCH_CONTROL_LEADER_CHANGE);
    batch_records_deinit(&records);

    /* Raw key and value through the builder give the same batch. */
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    options.base_offset = 3;
    options.leader_epoch = 8;
    options.control = true;
    struct batch_builder builder;
    batch_builder_init(&builder, &options);
    batch_control_key_write(BATCH_CONTROL_LEADER_CHANGE, key);
    record = (struct batch_record){.offset = 3,
                                   .timestamp = 777,
                                   .key = key,
                                   .key_size = sizeof key,
                                   .value = data + size - 10,
                                   .value_size = 9};
    assert_int_equal(batch_builder_add(&builder, &record), ERR_OK);
    out = BUF_EMPTY;
    assert_int_equal(batch_builder_finish(&builder, NULL, &out), ERR_OK);
    assert_bytes(out.data, out.size, data, size);
    batch_builder_deinit(&builder);
    buf_deinit(&out);
    free(data);
}

static void test_stamping(void **state)
{
    UNUSED(state);
    size_t size;
    uint8_t *data = load("none", &size);
    struct batch_view view;
    batch_stamp_base_offset(data, INT64_C(0x123456789abc));
    batch_stamp_leader_epoch(data, 77);
    assert_int_equal(batch_check_crc(data, size), ERR_OK);
    assert_false(batch_stamp_timestamp(data, size, BATCH_TIMESTAMP_CREATE, 2000));
    assert_int_equal(batch_check_crc(data, size), ERR_OK);
    assert_true(batch_stamp_timestamp(data, size, BATCH_TIMESTAMP_LOG_APPEND, 2000));
    assert_int_equal(batch_check_crc(data, size), ERR_OK);
    assert_true(batch_stamp_timestamp(data, size, BATCH_TIMESTAMP_LOG_APPEND, 3000));
    assert_int_equal(batch_check_crc(data, size), ERR_OK);
    assert_int_equal(batch_view_read(data, size, &view), ERR_OK);
    assert_true(view.header.base_offset == INT64_C(0x123456789abc));
    assert_int_equal(view.header.leader_epoch, 77);
    assert_true(view.header.max_timestamp == 3000);
    assert_int_equal(batch_timestamp_type(&view.header), BATCH_TIMESTAMP_LOG_APPEND);
    assert_true(batch_stamp_timestamp(data, size, BATCH_TIMESTAMP_CREATE, 3000));
    assert_int_equal(load_be16(data + 21), 0);
    free(data);

    assert_int_equal(batch_sequence_add(INT32_MAX, 1), 0);
    assert_int_equal(batch_sequence_add(INT32_MAX - 2, 4), 1);
    assert_int_equal(batch_sequence_add(5, 0), 5);
    struct batch_header header = {.base_sequence = INT32_MAX - 2, .last_offset_delta = 4};
    assert_int_equal(batch_last_sequence(&header), 1);
    header.base_sequence = BATCH_NO_SEQUENCE;
    assert_int_equal(batch_last_sequence(&header), BATCH_NO_SEQUENCE);
}

static void test_walk(void **state)
{
    UNUSED(state);
    static const char *const names[] = {"none", "zstd", "commit", "empty"};
    struct buf row = BUF_EMPTY;
    size_t ends[4];
    for (size_t i = 0; i < 4; i++) {
        size_t size;
        uint8_t *data = load(names[i], &size);
        buf_put(&row, data, size);
        ends[i] = row.size;
        free(data);
    }
    for (size_t cut = 0; cut <= row.size; cut += cut < 200 || cut > row.size - 200 ? 1 : 37) {
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, row.data, cut);
        struct batch_walk walk = batch_walk_begin(exact, cut);
        struct batch_view view;
        size_t count = 0;
        while (batch_walk_next(&walk, &view)) {
            assert_ptr_equal(view.data, exact + (count == 0 ? 0 : ends[count - 1]));
            assert_int_equal(walk.position, ends[count++]);
        }
        size_t whole = count == 0 ? 0 : ends[count - 1];
        assert_int_equal(walk.position, whole);
        assert_int_equal(walk.err, whole == cut ? ERR_OK : ERR_TRUNCATED);
        assert_true(count == 4 || ends[count] > cut);
        free(exact);
    }
    buf_deinit(&row);
}

static void test_peek(void **state)
{
    UNUSED(state);
    static const struct {
        const char *name;
        int8_t magic;
    } old[] = {{"message-0", 0}, {"message-1", 1}};
    size_t size, batch_size;
    int8_t magic;
    struct batch_view view;
    for (size_t i = 0; i < 2; i++) {
        uint8_t *data = load(old[i].name, &size);
        assert_int_equal(batch_peek(data, size, &batch_size, &magic), ERR_VERSION);
        assert_int_equal(batch_size, size);
        assert_int_equal(magic, old[i].magic);
        assert_int_equal(batch_view_read(data, size, &view), ERR_VERSION);
        assert_int_equal(batch_check_client(data, size, &view), BATCH_OLD_MAGIC);
        free(data);
    }
    uint8_t head[BATCH_PEEK_BYTES] = {0};
    static const struct {
        uint32_t length;
        uint8_t magic;
        enum err err;
    } rows[] = {
        {49, 2, ERR_OK},
        {48, 2, ERR_CORRUPT},
        {0, 2, ERR_CORRUPT},
        {0xffffffff, 2, ERR_CORRUPT},
        {INT32_MAX - 12, 2, ERR_OK},
        {INT32_MAX - 11, 2, ERR_CORRUPT},
        {49, 3, ERR_CORRUPT},
        {49, 0xff, ERR_CORRUPT},
        {14, 0, ERR_VERSION},
        {13, 1, ERR_CORRUPT},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        store_be32(head + 8, rows[i].length);
        head[16] = rows[i].magic;
        assert_int_equal(batch_peek(head, sizeof head, &batch_size, &magic), rows[i].err);
        if (rows[i].err == ERR_OK)
            assert_int_equal(batch_size, (size_t)rows[i].length + 12);
    }
    assert_int_equal(batch_peek(head, sizeof head - 1, &batch_size, &magic), ERR_TRUNCATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_files),     cmocka_unit_test(test_build_files),
        cmocka_unit_test(test_builder_limits), cmocka_unit_test(test_gaps),
        cmocka_unit_test(test_control),        cmocka_unit_test(test_stamping),
        cmocka_unit_test(test_walk),           cmocka_unit_test(test_peek),
    };
    int failed = cmocka_run_group_tests(tests, set_up, tear_down);
    buf_deinit(&fields);
    return failed;
}
