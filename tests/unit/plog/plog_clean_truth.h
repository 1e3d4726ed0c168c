#ifndef TESTS_UNIT_PLOG_CLEAN_TRUTH_H
#define TESTS_UNIT_PLOG_CLEAN_TRUTH_H
/* What was written to a compacted log, offset by offset, and what of it must and may still be
 * there. */
#include "../unit.h"
#include "plog_fixture.h"

#define TRUTH_KEYS 128

struct truth_record {
    int32_t key;      /* -1: a marker */
    int32_t producer; /* -1: none */
    bool tombstone;
    bool transactional;
    bool aborted; /* once its transaction has ended */
    bool commit;  /* of a marker */
    int64_t timestamp;
};

struct truth {
    struct truth_record *records; /* by offset */
    int64_t count;
    int64_t capacity;
};

static struct fixture F;
static struct truth T;
static uint8_t OUT[1 << 20];

static void truth_add(const struct truth_record *record)
{
    if (T.count == T.capacity) {
        T.capacity = T.capacity == 0 ? 1024 : T.capacity * 2;
        T.records = mem_realloc(T.records, (size_t)T.capacity * sizeof *T.records);
    }
    T.records[T.count++] = *record;
}

static void truth_reset(void)
{
    mem_free(T.records);
    T = (struct truth){0};
}

static size_t key_text(int32_t key, char out[24])
{
    return (size_t)snprintf(out, 24, "key-%d", key);
}

struct put {
    enum codec codec;
    int32_t producer; /* -1: none */
    int32_t sequence;
    bool transactional;
    size_t value_size;
};

static const struct put PLAIN = {.producer = -1, .value_size = 40};

/* A batch of these keys; negative ones (-1 - key) are tombstones. */
static void put_keys(const struct put *put, const int32_t *keys, size_t count)
{
    struct batch_builder builder;
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    struct buf bytes = BUF_EMPTY;
    options.codec = (uint8_t)put->codec;
    options.level = codec_level_default(put->codec);
    if (put->producer >= 0) {
        options.producer_id = put->producer;
        options.producer_epoch = 0;
        options.base_sequence = put->sequence;
        options.transactional = put->transactional;
    }
    batch_builder_init(&builder, &options);
    int64_t base = plog_end_offset(F.plog);
    assert_int_equal(base, T.count);
    for (size_t i = 0; i < count; i++) {
        char key[24], value[2048];
        bool tombstone = keys[i] < 0;
        int32_t id = tombstone ? -1 - keys[i] : keys[i];
        memset(value, 'v', sizeof value);
        snprintf(value, sizeof value, "%lld", (long long)(base + (int64_t)i));
        struct batch_record record = {
            .offset = (int64_t)i,
            .timestamp = F.e.wall_ms + (int64_t)i,
            .key = (const uint8_t *)key,
            .key_size = key_text(id, key),
            .value = tombstone ? NULL : (const uint8_t *)value,
            .value_size = tombstone ? 0 : put->value_size,
        };
        assert_int_equal(batch_builder_add(&builder, &record), ERR_OK);
        truth_add(&(struct truth_record){.key = id,
                                         .producer = put->producer,
                                         .tombstone = tombstone,
                                         .transactional = put->transactional,
                                         .timestamp = record.timestamp});
    }
    assert_int_equal(batch_builder_finish(&builder, F.codec, &bytes), ERR_OK);
    batch_builder_deinit(&builder);
    struct plog_append append = {.data = bytes.data,
                                 .size = bytes.size,
                                 .origin = PLOG_ORIGIN_CLIENT,
                                 .transaction_verified = true};
    assert_int_equal(fixture_append_bytes(&F, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_NONE);
    assert_int_equal(append.first_offset, base);
    buf_deinit(&bytes);
    plog_set_high_watermark(F.plog, plog_end_offset(F.plog));
}

static void put_one(int32_t key)
{
    put_keys(&PLAIN, &key, 1);
}

static void put_marker(int32_t producer, bool commit)
{
    struct buf bytes = BUF_EMPTY;
    batch_end_txn_put(&bytes, 0, 0, F.e.wall_ms, producer, 0, commit, 0);
    struct plog_append append = {
        .data = bytes.data, .size = bytes.size, .origin = PLOG_ORIGIN_COORDINATOR};
    assert_int_equal(fixture_append_bytes(&F, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_NONE);
    buf_deinit(&bytes);
    for (int64_t i = T.count; i > 0; i--) {
        struct truth_record *record = &T.records[i - 1];
        if (record->producer != producer)
            continue;
        if (record->key < 0)
            break;
        record->aborted = !commit;
    }
    truth_add(&(struct truth_record){.key = -1, .producer = producer, .commit = commit});
    plog_set_high_watermark(F.plog, plog_end_offset(F.plog));
}

static void roll(void)
{
    assert_int_equal(FIXTURE_OP(&F, plog_roll(F.plog, &op)), ERR_OK);
}

/* ---- Cleaning -------------------------------------------------------------------------------- */

static const struct plog_clean CLEAN_DEFAULTS = {
    .map_bytes = 1 << 20, .map_load = 0.9, .io_bytes = 8192};
static bool cleaned;

static void clean_done(struct plog_clean *clean)
{
    UNUSED(clean);
    cleaned = true;
}

static enum err clean_with(struct plog_clean *clean)
{
    clean->done = clean_done;
    cleaned = false;
    plog_clean(F.plog, clean);
    plog_env_run(&F.e);
    assert_true(cleaned);
    assert_true(plog_clean_is_idle(F.plog));
    return clean->err;
}

static enum err clean_all(void)
{
    struct plog_clean clean = CLEAN_DEFAULTS;
    return clean_with(&clean);
}

/* ---- What is there --------------------------------------------------------------------------- */

struct seen {
    int64_t *offsets; /* of the records, in order */
    size_t count;
    size_t batches;
    size_t empty_batches;
    size_t markers;
    int64_t last_next; /* of the last batch */
};

static struct seen SEEN;

static void seen_reset(void)
{
    mem_free(SEEN.offsets);
    SEEN = (struct seen){0};
}

static void see_record(const struct batch_header *header, const struct batch_record *record)
{
    assert_true(record->offset < T.count);
    const struct truth_record *truth = &T.records[record->offset];
    SEEN.offsets[SEEN.count++] = record->offset;
    if (batch_is_control(header)) {
        enum batch_control type;
        assert_int_equal(truth->key, -1);
        assert_int_equal(batch_control_key_read(record, &type), ERR_OK);
        assert_int_equal(type, truth->commit ? BATCH_CONTROL_COMMIT : BATCH_CONTROL_ABORT);
        SEEN.markers++;
        return;
    }
    char key[24], value[24];
    assert_true(truth->key >= 0);
    assert_int_equal(record->key_size, key_text(truth->key, key));
    assert_memory_equal(record->key, key, record->key_size);
    assert_int_equal(record->value == NULL, truth->tombstone);
    assert_int_equal(record->timestamp, truth->timestamp);
    if (record->value == NULL)
        return;
    size_t size = (size_t)snprintf(value, sizeof value, "%lld", (long long)record->offset);
    assert_memory_equal(record->value, value, size);
}

static void see_batch(const struct batch_view *batch)
{
    struct batch_records records;
    struct batch_record record;
    assert_int_equal(batch_check_crc(batch->data, batch->header.size), ERR_OK);
    assert_true(batch->header.base_offset >= SEEN.last_next);
    SEEN.last_next = batch_next_offset(&batch->header);
    SEEN.batches++;
    SEEN.empty_batches += batch->header.record_count == 0;
    assert_int_equal(batch_records_init(&records, F.codec, batch, 1 << 24), ERR_OK);
    while (batch_records_next(&records, &record))
        see_record(&batch->header, &record);
    assert_int_equal(records.err, ERR_OK);
    batch_records_deinit(&records);
}

/* Reads all of it, batch by batch, and compares each record with what was written. */
static void see_all(void)
{
    seen_reset();
    SEEN.offsets = mem_alloc((size_t)(T.count + 1) * sizeof *SEEN.offsets);
    int64_t offset = plog_log_start_offset(F.plog);
    while (offset < plog_end_offset(F.plog)) {
        struct plog_read read = {.offset = offset,
                                 .bound_offset = INT64_MAX,
                                 .size_max = sizeof OUT,
                                 .min_one_batch = true,
                                 .out = OUT,
                                 .out_size = sizeof OUT};
        assert_int_equal(fixture_read(&F, &read), ERR_OK);
        struct batch_walk walk = batch_walk_begin(OUT, read.size);
        struct batch_view batch;
        while (batch_walk_next(&walk, &batch))
            see_batch(&batch);
        assert_int_equal(walk.err, ERR_OK);
        assert_true(read.next_offset > offset);
        offset = read.next_offset;
    }
    assert_int_equal(SEEN.last_next, plog_end_offset(F.plog));
}

static bool is_seen(int64_t offset)
{
    size_t low = 0, high = SEEN.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (SEEN.offsets[middle] == offset)
            return true;
        if (SEEN.offsets[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* The offsets that are there, after see_all. */
static void assert_offsets(const int64_t *offsets, size_t count)
{
    see_all();
    assert_int_equal(SEEN.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(SEEN.offsets[i], offsets[i]);
}

#define ASSERT_OFFSETS(...) \
    assert_offsets((const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / 8)

/* No key's last committed value below `end` is lost, and nothing comes back. */
static void check_last_values(int64_t end)
{
    int64_t last[TRUTH_KEYS];
    see_all();
    memset(last, 0xff, sizeof last);
    for (int64_t i = plog_log_start_offset(F.plog); i < end; i++) {
        const struct truth_record *record = &T.records[i];
        if (record->key >= 0 && !record->aborted)
            last[record->key] = i;
    }
    for (int32_t key = 0; key < TRUTH_KEYS; key++) {
        if (last[key] < 0)
            continue;
        if (!T.records[last[key]].tombstone)
            assert_true(is_seen(last[key]));
        else if (!is_seen(last[key]))
            /* A deleted key whose tombstone is gone has no older value. */
            for (size_t i = 0; i < SEEN.count; i++)
                assert_true(T.records[SEEN.offsets[i]].key != key ||
                            T.records[SEEN.offsets[i]].aborted || SEEN.offsets[i] > last[key]);
    }
}

/* Every offset can be asked for, and gives what is at or after it. */
static void check_reads_from_everywhere(void)
{
    see_all();
    size_t next = 0;
    for (int64_t offset = plog_log_start_offset(F.plog); offset < plog_end_offset(F.plog);
         offset++) {
        while (next < SEEN.count && SEEN.offsets[next] < offset)
            next++;
        struct plog_read read = {.offset = offset,
                                 .bound_offset = INT64_MAX,
                                 .size_max = 1,
                                 .min_one_batch = true,
                                 .out = OUT,
                                 .out_size = sizeof OUT};
        assert_int_equal(fixture_read(&F, &read), ERR_OK);
        struct batch_view batch;
        assert_int_equal(batch_view_read(OUT, read.size, &batch), ERR_OK);
        assert_true(batch_last_offset(&batch.header) >= offset);
        if (next < SEEN.count)
            assert_true(batch.header.base_offset <= SEEN.offsets[next]);
    }
}

static void truth_begin(uint64_t seed)
{
    truth_reset(); /* of a test that failed */
    fixture_init(&F, seed);
    F.config->cleanup_policy = PLOG_CLEANUP_COMPACT;
    F.config->index_interval_bytes = 100;
    F.config->file_delete_delay_ms = 1000;
    struct plog_opening opening = fixture_open(&F);
    assert_int_equal(opening.failed_count, 0);
}

static void truth_end(void)
{
    fixture_deinit(&F);
    truth_reset();
    seen_reset();
}

#endif
