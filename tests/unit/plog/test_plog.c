/* The log as its callers see it: appends, reads, rolls, closing and opening again. */
#include "../unit.h"
#include "plog_fixture.h"

static struct fixture F;

static int setup(void **state)
{
    UNUSED(state);
    fixture_init(&F, 1);
    return 0;
}

static int teardown(void **state)
{
    UNUSED(state);
    fixture_deinit(&F);
    return 0;
}

#define OUT_BYTES ((size_t)1 << 20)
static uint8_t OUT[OUT_BYTES];

static struct plog_read read_at(int64_t offset)
{
    return (struct plog_read){.offset = offset,
                              .bound_offset = INT64_MAX,
                              .size_max = OUT_BYTES,
                              .min_one_batch = true,
                              .out = OUT,
                              .out_size = OUT_BYTES};
}

static void append_ok(const struct batch_spec *spec, int64_t first_offset)
{
    struct plog_append append;
    assert_int_equal(fixture_append(&F, spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, 0);
    assert_int_equal(append.first_offset, first_offset);
    assert_int_equal(append.last_offset, first_offset + spec->count - 1);
}

static void test_append_and_read(void **state)
{
    UNUSED(state);
    fixture_open(&F);
    assert_int_equal(plog_state(F.plog), PLOG_STATE_OPEN);
    for (int i = 0; i < 100; i++)
        append_ok(
            &(struct batch_spec){
                .count = 10, .value_size = 100, .timestamp = F.e.wall_ms, .leader_epoch = 3},
            i * 10);
    assert_int_equal(plog_end_offset(F.plog), 1000);
    struct plog_read read = read_at(0);
    int64_t offset = 0;
    while (offset < 1000) {
        read = read_at(offset);
        read.size_max = 5000;
        assert_int_equal(fixture_read(&F, &read), ERR_OK);
        assert_true(read.size > 0 && read.size <= 5000);
        struct batch_walk walk = batch_walk_begin(OUT, read.size);
        struct batch_view view;
        while (batch_walk_next(&walk, &view)) {
            assert_int_equal(view.header.base_offset, offset);
            assert_int_equal(view.header.leader_epoch, 3);
            assert_int_equal(batch_check_crc(view.data, view.header.size), ERR_OK);
            offset += 10;
        }
        assert_int_equal(walk.err, ERR_OK);
        assert_int_equal(read.next_offset, offset);
    }
    /* At the end, past it, and in the middle of a batch. */
    read = read_at(1000);
    assert_int_equal(fixture_read(&F, &read), ERR_OK);
    assert_int_equal(read.size, 0);
    read = read_at(1001);
    assert_int_equal(fixture_read(&F, &read), ERR_INVALID);
    read = read_at(555);
    assert_int_equal(fixture_read(&F, &read), ERR_OK);
    struct batch_header header;
    assert_int_equal(batch_header_read(OUT, read.size, &header), ERR_OK);
    assert_int_equal(header.base_offset, 550);
    /* The bound. */
    read = read_at(0);
    read.bound_offset = 30;
    assert_int_equal(fixture_read(&F, &read), ERR_OK);
    assert_int_equal(read.next_offset, 30);
    assert_false(read.more);
    assert_int_equal(plog_available(F.plog, 0, 0), 0);
    assert_true(plog_available(F.plog, 0, 1000) == plog_size_bytes(F.plog));
}

static void test_first_batch_rule(void **state)
{
    UNUSED(state);
    fixture_open(&F);
    append_ok(&(struct batch_spec){.count = 1, .value_size = 10000}, 0);
    append_ok(&(struct batch_spec){.count = 1, .value_size = 10000}, 1);
    struct plog_read read = read_at(0);
    read.size_max = 100;
    assert_int_equal(fixture_read(&F, &read), ERR_OK);
    assert_true(read.size > 10000);
    assert_int_equal(read.next_offset, 1);
    assert_true(read.more);
    read = read_at(0);
    read.size_max = 100;
    read.min_one_batch = false;
    assert_int_equal(fixture_read(&F, &read), ERR_OK);
    assert_int_equal(read.size, 0);
    assert_true(read.first_batch_bytes > 10000);
    read = read_at(0);
    read.out_size = 100;
    assert_int_equal(fixture_read(&F, &read), ERR_OK);
    assert_int_equal(read.size, 0);
    assert_true(read.first_batch_bytes > 10000);
    read = read_at(0);
    read.out_size = 0;
    assert_int_equal(fixture_read(&F, &read), ERR_OK);
    assert_int_equal(read.size, 0);
    assert_true(read.first_batch_bytes > 10000);
}

static void test_reopen(void **state)
{
    UNUSED(state);
    F.config->segment_bytes = 20000;
    for (int life = 0; life < 6; life++) {
        struct plog_opening opening = fixture_open(&F);
        assert_int_equal(opening.failed_count, 0);
        assert_int_equal(plog_end_offset(F.plog), life * 500);
        for (int i = 0; i < 50; i++)
            append_ok(
                &(struct batch_spec){.count = 10, .value_size = 100, .timestamp = F.e.wall_ms},
                life * 500 + i * 10);
        int64_t offset = 0;
        while (offset < plog_end_offset(F.plog)) {
            struct plog_read read = read_at(offset);
            assert_int_equal(fixture_read(&F, &read), ERR_OK);
            assert_true(read.size > 0);
            offset = read.next_offset;
        }
        if (life % 2 == 0)
            fixture_close(&F);
        else
            fixture_kill(&F);
    }
}

static void test_refusals(void **state)
{
    UNUSED(state);
    fixture_open(&F);
    F.config->max_message_bytes = 1000;
    struct plog_append append;
    struct batch_spec spec = {.count = 1, .value_size = 2000};
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_MESSAGE_TOO_LARGE);
    /* A damaged one. */
    struct buf bytes = BUF_EMPTY;
    spec.value_size = 10;
    fixture_batch(&F, &spec, &bytes);
    bytes.data[bytes.size - 1] ^= 1;
    append = (struct plog_append){.data = bytes.data, .size = bytes.size};
    assert_int_equal(fixture_append_bytes(&F, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_CORRUPT_MESSAGE);
    /* Two at once, and one with an offset. */
    buf_clear(&bytes);
    fixture_batch(&F, &spec, &bytes);
    fixture_batch(&F, &spec, &bytes);
    append = (struct plog_append){.data = bytes.data, .size = bytes.size};
    assert_int_equal(fixture_append_bytes(&F, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_INVALID_RECORD);
    buf_deinit(&bytes);
    spec.base_offset = 7;
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_INVALID_RECORD);
    /* Keys in a compacted topic; each record is told of. */
    spec.base_offset = 0;
    spec.count = 3;
    spec.null_keys = true;
    F.config->cleanup_policy = PLOG_CLEANUP_COMPACT;
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_INVALID_RECORD);
    assert_int_equal(append.record_error_count, 3);
    assert_int_equal(append.record_errors[2].batch_index, 2);
    F.config->cleanup_policy = PLOG_CLEANUP_DELETE;
    /* Timestamps. */
    spec.timestamp = F.e.wall_ms + 4000000;
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_INVALID_TIMESTAMP);
    assert_int_equal(plog_end_offset(F.plog), 0);
    assert_int_equal(plog_size_bytes(F.plog), 0);
}

static void test_append_time_and_recompression(void **state)
{
    UNUSED(state);
    F.config->message_timestamp_type = PLOG_TIMESTAMP_APPEND;
    F.config->compression_type = CODEC_ZSTD;
    fixture_open(&F);
    struct plog_append append;
    struct batch_spec spec = {.count = 20, .value_size = 100, .timestamp = 5, .codec = CODEC_GZIP};
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, 0);
    assert_int_equal(append.append_time_ms, F.e.wall_ms);
    append_ok(&spec, 20);
    struct plog_read read = read_at(20);
    assert_int_equal(fixture_read(&F, &read), ERR_OK);
    struct batch_view view;
    assert_int_equal(batch_view_read(OUT, read.size, &view), ERR_OK);
    assert_int_equal(batch_codec(&view.header), CODEC_ZSTD);
    assert_int_equal(view.header.base_offset, 20);
    assert_int_equal(view.header.max_timestamp, F.e.wall_ms);
    assert_int_equal(batch_timestamp_type(&view.header), BATCH_TIMESTAMP_LOG_APPEND);
    assert_int_equal(batch_check_crc(view.data, view.header.size), ERR_OK);
    struct batch_records records;
    struct batch_record record;
    assert_int_equal(batch_records_init(&records, F.codec, &view, 100000), ERR_OK);
    int count = 0;
    while (batch_records_next(&records, &record))
        count++;
    assert_int_equal(records.err, ERR_OK);
    assert_int_equal(count, 20);
    batch_records_deinit(&records);
}

static void test_idempotent(void **state)
{
    UNUSED(state);
    fixture_open(&F);
    struct plog_append append;
    struct batch_spec spec = {.count = 2, .has_producer = true, .producer_id = 9};
    for (int i = 0; i < 8; i++) {
        spec.sequence = i * 2;
        append_ok(&spec, i * 2);
    }
    /* Duplicates: the last five are answered, an older one is not. */
    for (int life = 0; life < 3; life++) {
        for (int i = 3; i < 8; i++) {
            spec.sequence = i * 2;
            assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
            assert_int_equal(append.error, 0);
            assert_true(append.duplicate);
            assert_int_equal(append.first_offset, i * 2);
            assert_int_equal(append.last_offset, i * 2 + 1);
        }
        spec.sequence = 4;
        assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
        assert_int_equal(append.error, WIRE_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
        spec.sequence = 18;
        assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
        assert_int_equal(append.error, WIRE_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
        if (life == 0)
            fixture_close(&F);
        else
            fixture_kill(&F);
        fixture_open(&F);
        assert_int_equal(plog_end_offset(F.plog), 16);
    }
    /* A new epoch begins with 0. */
    spec.producer_epoch = 1;
    spec.sequence = 16;
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    spec.sequence = 0;
    append_ok(&spec, 16);
    spec.producer_epoch = 0;
    spec.sequence = 16;
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_INVALID_PRODUCER_EPOCH);
    /* Nothing known: any sequence. */
    spec.producer_id = 10;
    spec.sequence = 1000;
    append_ok(&spec, 18);
}

static void test_truncate_and_reset(void **state)
{
    UNUSED(state);
    F.config->segment_bytes = 3000;
    fixture_open(&F);
    struct batch_spec spec = {.count = 5,
                              .value_size = 50,
                              .has_producer = true,
                              .producer_id = 1,
                              .timestamp = F.e.wall_ms};
    for (int i = 0; i < 40; i++) {
        spec.sequence = i * 5;
        spec.leader_epoch = i / 10;
        append_ok(&spec, i * 5);
    }
    assert_true(plog_segment_count(F.plog) > 4);
    assert_int_equal(plog_latest_epoch(F.plog), 3);
    /* Inside of a batch: all of it goes. */
    assert_int_equal(FIXTURE_OP(&F, plog_truncate(F.plog, 112, &op)), ERR_OK);
    assert_int_equal(plog_end_offset(F.plog), 110);
    assert_int_equal(plog_latest_epoch(F.plog), 2);
    int32_t epoch;
    int64_t end;
    plog_epoch_end(F.plog, 1, &epoch, &end);
    assert_int_equal(epoch, 1);
    assert_int_equal(end, 100);
    plog_epoch_end(F.plog, 2, &epoch, &end);
    assert_int_equal(end, 110);
    /* The producer's state went back with it. */
    spec.sequence = 110;
    spec.leader_epoch = 4;
    append_ok(&spec, 110);
    struct plog_read read = read_at(110);
    assert_int_equal(fixture_read(&F, &read), ERR_OK);
    assert_int_equal(read.next_offset, 115);
    fixture_kill(&F);
    fixture_open(&F);
    assert_int_equal(plog_end_offset(F.plog), 115);
    assert_int_equal(plog_latest_epoch(F.plog), 4);
    assert_int_equal(plog_epoch_start(F.plog, 4), 110);

    assert_int_equal(FIXTURE_OP(&F, plog_reset(F.plog, 1000, &op)), ERR_OK);
    assert_int_equal(plog_end_offset(F.plog), 1000);
    assert_int_equal(plog_log_start_offset(F.plog), 1000);
    assert_int_equal(plog_latest_epoch(F.plog), -1);
    assert_int_equal(plog_segment_count(F.plog), 1);
    spec.sequence = 0;
    spec.producer_id = 2;
    append_ok(&spec, 1000);
    read = read_at(999);
    assert_int_equal(fixture_read(&F, &read), ERR_INVALID);
    fixture_close(&F);
    fixture_open(&F);
    assert_int_equal(plog_end_offset(F.plog), 1005);
    assert_int_equal(plog_log_start_offset(F.plog), 1000);
}

static void test_full_disk(void **state)
{
    UNUSED(state);
    fixture_open(&F);
    struct batch_spec spec = {.count = 1, .value_size = 100, .timestamp = F.e.wall_ms};
    append_ok(&spec, 0);
    struct plog_append append;
    F.e.fail_countdown = 1;
    F.e.fail_err = ERR_NOSPACE;
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_NOSPACE);
    assert_int_equal(append.error, WIRE_ERROR_KAFKA_STORAGE_ERROR);
    assert_int_equal(plog_end_offset(F.plog), 1);
    append_ok(&spec, 1);
    fixture_kill(&F);
    struct plog_opening opening = fixture_open(&F);
    assert_int_equal(opening.truncated_bytes, 0);
    assert_int_equal(plog_end_offset(F.plog), 2);
    assert_int_equal(F.dir_failures, 0);
}

static void test_broken_disk(void **state)
{
    UNUSED(state);
    fixture_open(&F);
    struct batch_spec spec = {.count = 1, .value_size = 100, .timestamp = F.e.wall_ms};
    append_ok(&spec, 0);
    struct plog_append append;
    F.e.fail_countdown = 1;
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_IO);
    assert_int_equal(append.error, WIRE_ERROR_KAFKA_STORAGE_ERROR);
    plog_env_run(&F.e);
    assert_int_equal(F.dir_failures, 1);
    assert_int_equal(plog_state(F.plog), PLOG_STATE_OFFLINE);
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OFFLINE);
    assert_int_equal(FIXTURE_OP(&F, plog_sync(F.plog, &op)), ERR_OFFLINE);
    struct plog_read read = read_at(0);
    assert_int_equal(fixture_read(&F, &read), ERR_OFFLINE);
}

static void test_sync(void **state)
{
    UNUSED(state);
    fixture_open(&F);
    struct batch_spec spec = {.count = 1, .value_size = 100, .timestamp = F.e.wall_ms};
    append_ok(&spec, 0);
    uint64_t syncs = F.e.syncs;
    struct plog_op ops[3];
    for (int i = 0; i < 3; i++) {
        ops[i] = (struct plog_op){.done = fixture_op_done};
        plog_sync(F.plog, &ops[i]);
    }
    plog_env_run(&F.e);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ops[i].kind, -1);
        assert_int_equal(ops[i].err, ERR_OK);
    }
    assert_int_equal(F.e.syncs, syncs + 1); /* they shared it */
    assert_int_equal(plog_durable_offset(F.plog), 1);
    assert_int_equal(plog_recovery_point(F.plog), 0);
    assert_int_equal(FIXTURE_OP(&F, plog_checkpoint(F.plog, &op)), ERR_OK);
    assert_int_equal(plog_recovery_point(F.plog), 1);
    /* Nothing to do. */
    syncs = F.e.syncs;
    assert_int_equal(FIXTURE_OP(&F, plog_sync(F.plog, &op)), ERR_OK);
    assert_int_equal(FIXTURE_OP(&F, plog_checkpoint(F.plog, &op)), ERR_OK);
    assert_int_equal(F.e.syncs, syncs);
    /* One that fails takes the directory offline. */
    append_ok(&spec, 1);
    F.e.fail_countdown = 1;
    assert_int_equal(FIXTURE_OP(&F, plog_sync(F.plog, &op)), ERR_OFFLINE);
    assert_int_equal(plog_state(F.plog), PLOG_STATE_OFFLINE);
    assert_int_equal(plog_durable_offset(F.plog), 1);
}

static void test_flush_settings(void **state)
{
    UNUSED(state);
    F.config->flush_messages = 3;
    fixture_open(&F);
    struct batch_spec spec = {.count = 1, .value_size = 100, .timestamp = F.e.wall_ms};
    append_ok(&spec, 0);
    append_ok(&spec, 1);
    plog_env_run(&F.e);
    assert_int_equal(plog_durable_offset(F.plog), 0);
    append_ok(&spec, 2);
    plog_env_run(&F.e);
    assert_int_equal(plog_durable_offset(F.plog), 3);
    struct plog_config *config = plog_config_new();
    config->flush_ms = 500;
    plog_set_config(F.plog, config);
    plog_config_unref(config);
    append_ok(&spec, 3);
    plog_env_advance(&F.e, 400);
    assert_int_equal(plog_durable_offset(F.plog), 3);
    plog_env_advance(&F.e, 200);
    assert_int_equal(plog_durable_offset(F.plog), 4);
}

static void test_retention(void **state)
{
    UNUSED(state);
    F.config->segment_bytes = 1000;
    F.config->retention_ms = 10000;
    fixture_open(&F);
    struct batch_spec spec = {.count = 1, .value_size = 300};
    for (int i = 0; i < 20; i++) {
        spec.timestamp = F.e.wall_ms;
        append_ok(&spec, i);
        plog_env_advance(&F.e, 1000);
    }
    size_t before = plog_segment_count(F.plog);
    assert_int_equal(plog_retain(F.plog, F.e.wall_ms), 0); /* nothing is replicated */
    plog_set_high_watermark(F.plog, 20);
    size_t gone = plog_retain(F.plog, F.e.wall_ms);
    assert_true(gone > 0 && gone < before);
    assert_int_equal(plog_segment_count(F.plog), before - gone);
    assert_true(plog_log_start_offset(F.plog) > 0);
    plog_env_run(&F.e);
    plog_env_advance(&F.e, 61000);
    /* All of it is too old: the active one as well. */
    plog_retain(F.plog, F.e.wall_ms);
    plog_env_run(&F.e);
    assert_int_equal(plog_segment_count(F.plog), 1);
    assert_int_equal(plog_log_start_offset(F.plog), 20);
    assert_int_equal(plog_size_bytes(F.plog), 0);
    plog_env_advance(&F.e, 61000);
    append_ok(&spec, 20);
    fixture_kill(&F);
    fixture_open(&F);
    assert_int_equal(plog_log_start_offset(F.plog), 20);
    assert_int_equal(plog_end_offset(F.plog), 21);
    /* By size. */
    F.config->retention_ms = -1;
    F.config->retention_bytes = 2000;
    for (int i = 0; i < 20; i++)
        append_ok(&spec, 21 + i);
    plog_set_high_watermark(F.plog, 41);
    plog_retain(F.plog, F.e.wall_ms);
    assert_true(plog_size_bytes(F.plog) >= 2000 && plog_size_bytes(F.plog) < 4000);
    /* Below the start. */
    assert_int_equal(plog_set_log_start(F.plog, 42), ERR_INVALID);
    assert_int_equal(plog_set_log_start(F.plog, 41), ERR_OK);
    plog_retain(F.plog, F.e.wall_ms);
    plog_env_run(&F.e);
    assert_int_equal(plog_log_start_offset(F.plog), 41);
}

/* A record stamped in the future keeps its segment, unless the time of the append counts. */
static void test_retention_by_append_time(void **state)
{
    UNUSED(state);
    F.config->segment_bytes = 1000;
    F.config->retention_ms = 10000;
    F.config->message_timestamp_after_max_ms = INT64_MAX;
    fixture_open(&F);
    struct batch_spec spec = {
        .count = 1, .value_size = 600, .timestamp = F.e.wall_ms + INT64_C(1000000000)};
    append_ok(&spec, 0);
    append_ok(&spec, 1);
    plog_env_run(&F.e);
    plog_set_high_watermark(F.plog, 2);
    assert_int_equal(plog_segment_count(F.plog), 2);
    plog_env_advance(&F.e, 9000);
    F.config->retention_by_append_time = true;
    assert_int_equal(plog_retain(F.plog, F.e.wall_ms), 0);
    plog_env_advance(&F.e, 2000);
    F.config->retention_by_append_time = false;
    assert_int_equal(plog_retain(F.plog, F.e.wall_ms), 0);
    F.config->retention_by_append_time = true;
    assert_true(plog_retain(F.plog, F.e.wall_ms) > 0);
}

/* A follower of a compacted log gets offsets with gaps that no segment spans: offsets in a segment
 * are 32 bits from its base. */
static void test_offsets_far_apart(void **state)
{
    UNUSED(state);
    static const int64_t bases[] = {0,
                                    5,
                                    INT32_MAX, /* the last that fits beside 0 */
                                    (int64_t)INT32_MAX + 1,
                                    INT64_C(3) << 31,
                                    (INT64_C(3) << 31) + 7,
                                    INT64_C(1) << 40};
    fixture_open(&F);
    struct batch_spec spec = {.count = 1, .value_size = 20, .timestamp = F.e.wall_ms};
    for (size_t i = 0; i < ARRAY_COUNT(bases); i++) {
        struct plog_append append;
        spec.base_offset = bases[i];
        assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_REPLICA, &append), ERR_OK);
        assert_int_equal(append.error, 0);
        assert_int_equal(plog_end_offset(F.plog), bases[i] + 1);
        assert_true(bases[i] - plog_active_base_offset(F.plog) <= INT32_MAX);
    }
    for (int life = 0; life < 3; life++) {
        int64_t offset = 0;
        for (size_t i = 0; i < ARRAY_COUNT(bases); i++) {
            struct plog_read read = read_at(offset);
            read.size_max = 1;
            assert_int_equal(fixture_read(&F, &read), ERR_OK);
            assert_true(read.size > 0);
            assert_int_equal(load_be64(OUT), bases[i]);
            offset = bases[i] + 1;
        }
        assert_int_equal(plog_segment_count(F.plog), 5);
        if (life == 0)
            fixture_close(&F);
        else
            fixture_kill(&F);
        fixture_open(&F);
        assert_int_equal(plog_end_offset(F.plog), (INT64_C(1) << 40) + 1);
    }
}

static uint64_t blocks_bytes(int64_t base_offset)
{
    char path[1200], folder[1000];
    struct stat st;
    plog_folder(F.plog, folder, sizeof folder);
    snprintf(path, sizeof path, "%s/%020lld.log", folder, (long long)base_offset);
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

static void test_preallocate(void **state)
{
    UNUSED(state);
    F.config->segment_bytes = 1 << 20;
    F.config->preallocate = true;
    fixture_open(&F);
    struct batch_spec spec = {.count = 1, .value_size = 1000, .timestamp = F.e.wall_ms};
    append_ok(&spec, 0);
    if (blocks_bytes(0) < 1 << 20)
        skip(); /* a filesystem that cannot */
    assert_true(plog_size_bytes(F.plog) < 2000);
    assert_int_equal(FIXTURE_OP(&F, plog_roll(F.plog, &op)), ERR_OK);
    assert_true(blocks_bytes(0) < 1 << 16);
    assert_true(blocks_bytes(1) >= 1 << 20);
    append_ok(&spec, 1);
    /* A crash leaves it, a clean stop does not, and neither changes what is read. */
    fixture_kill(&F);
    fixture_open(&F);
    assert_int_equal(plog_end_offset(F.plog), 2);
    append_ok(&spec, 2);
    fixture_close(&F);
    fixture_open(&F);
    assert_true(blocks_bytes(1) < 1 << 16);
    assert_int_equal(plog_end_offset(F.plog), 3);
}

static void time_done(struct plog_time_query *query)
{
    query->done = NULL;
}

static struct plog_time_query query(enum plog_time_kind kind, int64_t timestamp_ms)
{
    struct plog_time_query q = {
        .kind = kind, .timestamp_ms = timestamp_ms, .bound_offset = INT64_MAX, .done = time_done};
    enum err err = plog_time_query(F.plog, &q);
    if (err == ERR_AGAIN) {
        plog_env_run(&F.e);
        assert_null(q.done);
    }
    assert_int_equal(q.err, ERR_OK);
    return q;
}

static void test_time(void **state)
{
    UNUSED(state);
    F.config->segment_bytes = 5000;
    F.config->message_timestamp_after_max_ms = INT64_MAX;
    fixture_open(&F);
    assert_false(query(PLOG_TIME_FIRST_AT_OR_AFTER, 0).found);
    struct batch_spec spec = {.count = 4, .value_size = 100, .codec = CODEC_LZ4};
    for (int i = 0; i < 100; i++) {
        spec.timestamp = 1000 + i * 4;
        spec.leader_epoch = i / 50;
        append_ok(&spec, i * 4);
    }
    for (int life = 0; life < 2; life++) {
        for (int i = 0; i < 400; i += 7) {
            struct plog_time_query q = query(PLOG_TIME_FIRST_AT_OR_AFTER, 1000 + i);
            assert_true(q.found);
            assert_int_equal(q.offset, i);
            assert_int_equal(q.found_timestamp_ms, 1000 + i);
            assert_int_equal(q.leader_epoch, i / 200);
        }
        assert_false(query(PLOG_TIME_FIRST_AT_OR_AFTER, 1400).found);
        struct plog_time_query q = query(PLOG_TIME_MAX, 0);
        assert_true(q.found);
        assert_int_equal(q.offset, 399);
        fixture_close(&F);
        fixture_open(&F);
    }
}

static void test_delete(void **state)
{
    UNUSED(state);
    fixture_open(&F);
    append_ok(&(struct batch_spec){.count = 1}, 0);
    assert_int_equal(FIXTURE_OP(&F, plog_delete(F.plog, &op)), ERR_OK);
    assert_int_equal(plog_state(F.plog), PLOG_STATE_DELETED);
    plog_free(F.plog);
    F.plog = NULL;
    plog_env_run(&F.e);
    struct plog_dir_content content;
    char error[PLOG_DIR_ERROR_BYTES];
    assert_int_equal(plog_dir_load(&F.e.disk, F.e.root, &content, error), ERR_OK);
    assert_int_equal(content.count, 1);
    assert_int_equal(content.folders[0].kind, PLOG_FOLDER_DELETE);
    assert_string_equal(content.folders[0].topic, "topic");
    plog_dir_content_deinit(&content);
    /* The same topic again, at once. */
    fixture_open(&F);
    append_ok(&(struct batch_spec){.count = 1}, 0);
    plog_env_advance(&F.e, 60001);
    assert_int_equal(plog_dir_load(&F.e.disk, F.e.root, &content, error), ERR_OK);
    assert_int_equal(content.count, 1);
    assert_int_equal(content.folders[0].kind, PLOG_FOLDER_PARTITION);
    plog_dir_content_deinit(&content);
}

static void test_idle_files_close(void **state)
{
    UNUSED(state);
    fixture_open(&F);
    struct batch_spec spec = {.count = 1, .value_size = 3000, .timestamp = F.e.wall_ms};
    for (int i = 0; i < 20; i++)
        append_ok(&spec, i);
    assert_int_equal(F.e.open_files, 3);
    for (int i = 0; i < 20; i++)
        plog_env_advance(&F.e, 20000);
    assert_int_equal(F.e.open_files, 0);
    struct plog_read read = read_at(13);
    assert_int_equal(fixture_read(&F, &read), ERR_OK);
    assert_int_equal(read.next_offset, 20);
    append_ok(&spec, 20);
    read = read_at(20);
    assert_int_equal(fixture_read(&F, &read), ERR_OK);
    assert_int_equal(read.next_offset, 21);
}

static void test_transactions(void **state)
{
    UNUSED(state);
    fixture_open(&F);
    struct plog_append append;
    struct batch_spec spec = {
        .count = 2, .has_producer = true, .producer_id = 1, .transactional = true};
    /* Nobody says that the partition belongs to its transaction, until it goes on with one. */
    spec.unverified = true;
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_INVALID_TXN_STATE);
    spec.unverified = false;
    spec.count = 1;
    append_ok(&spec, 0);
    spec.unverified = true;
    spec.sequence = 1;
    append_ok(&spec, 1);
    spec.producer_epoch = 1;
    spec.sequence = 0;
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_INVALID_TXN_STATE);
    spec.producer_epoch = 0;
    spec.count = 2;
    spec.unverified = false;
    spec.producer_id = 2;
    append_ok(&spec, 2);
    plog_set_high_watermark(F.plog, 4);
    assert_int_equal(plog_stable_offset(F.plog), 0);
    /* Not transactional inside of a transaction. */
    spec.sequence = 2;
    spec.transactional = false;
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_INVALID_TXN_STATE);
    /* The first one aborts, the second one commits. */
    struct buf marker = BUF_EMPTY;
    batch_end_txn_put(&marker, 0, 0, F.e.wall_ms, 1, 0, false, 5);
    append = (struct plog_append){
        .data = marker.data, .size = marker.size, .origin = PLOG_ORIGIN_COORDINATOR};
    assert_int_equal(fixture_append_bytes(&F, &append), ERR_OK);
    assert_int_equal(append.error, 0);
    assert_int_equal(append.first_offset, 4);
    plog_set_high_watermark(F.plog, 5);
    assert_int_equal(plog_stable_offset(F.plog), 2);
    buf_clear(&marker);
    batch_end_txn_put(&marker, 0, 0, F.e.wall_ms, 2, 0, true, 5);
    append = (struct plog_append){
        .data = marker.data, .size = marker.size, .origin = PLOG_ORIGIN_COORDINATOR};
    assert_int_equal(fixture_append_bytes(&F, &append), ERR_OK);
    assert_int_equal(plog_stable_offset(F.plog), 2); /* its marker is not replicated */
    plog_set_high_watermark(F.plog, 6);
    assert_int_equal(plog_stable_offset(F.plog), 6);
    /* A coordinator that was replaced. */
    buf_clear(&marker);
    batch_end_txn_put(&marker, 0, 0, F.e.wall_ms, 2, 0, true, 4);
    append = (struct plog_append){
        .data = marker.data, .size = marker.size, .origin = PLOG_ORIGIN_COORDINATOR};
    assert_int_equal(fixture_append_bytes(&F, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_TRANSACTION_COORDINATOR_FENCED);
    buf_deinit(&marker);
    struct plog_aborted aborted = {.offset = 0, .bound_offset = 6, .arena = &F.arena};
    assert_int_equal(plog_aborted(F.plog, &aborted), ERR_OK);
    assert_int_equal(aborted.count, 1);
    assert_int_equal(aborted.txns[0].producer_id, 1);
    assert_int_equal(aborted.txns[0].first_offset, 0);
    assert_int_equal(aborted.txns[0].last_offset, 4);
    assert_int_equal(aborted.txns[0].last_stable_offset, 2);
}

static void aborted_done(struct plog_aborted *aborted)
{
    aborted->done = NULL;
}

static struct plog_aborted aborted_between(int64_t offset, int64_t bound)
{
    struct plog_aborted aborted = {
        .offset = offset, .bound_offset = bound, .arena = &F.arena, .done = aborted_done};
    if (plog_aborted(F.plog, &aborted) == ERR_AGAIN)
        plog_env_run(&F.e);
    assert_int_equal(aborted.err, ERR_OK);
    return aborted;
}

static void test_aborted_survive(void **state)
{
    UNUSED(state);
    F.config->segment_bytes = 2000;
    fixture_open(&F);
    struct batch_spec spec = {.count = 1,
                              .value_size = 100,
                              .has_producer = true,
                              .transactional = true,
                              .timestamp = F.e.wall_ms};
    int64_t end = 0;
    for (int i = 0; i < 50; i++) {
        struct plog_append append;
        spec.producer_id = i % 3;
        spec.sequence = i / 3;
        append_ok(&spec, end);
        struct buf marker = BUF_EMPTY;
        batch_end_txn_put(&marker, 0, 0, F.e.wall_ms, spec.producer_id, 0, i % 2 == 0, 1);
        append = (struct plog_append){
            .data = marker.data, .size = marker.size, .origin = PLOG_ORIGIN_COORDINATOR};
        assert_int_equal(fixture_append_bytes(&F, &append), ERR_OK);
        assert_int_equal(append.error, 0);
        buf_deinit(&marker);
        end += 2;
        if (i == 20)
            assert_int_equal(FIXTURE_OP(&F, plog_checkpoint(F.plog, &op)), ERR_OK);
    }
    plog_set_high_watermark(F.plog, end);
    assert_int_equal(plog_stable_offset(F.plog), end);
    for (int life = 0; life < 4; life++) {
        struct plog_aborted all = aborted_between(0, end);
        assert_int_equal(all.count, 25);
        for (size_t i = 0; i < all.count; i++)
            assert_int_equal(all.txns[i].first_offset, (int64_t)i * 4 + 2);
        struct plog_aborted some = aborted_between(40, 60);
        assert_int_equal(some.count, 5);
        assert_int_equal(some.txns[0].first_offset, 42);
        if (life == 1)
            fixture_close(&F);
        else
            fixture_kill(&F);
        fixture_open(&F);
        assert_int_equal(plog_end_offset(F.plog), end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_append_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_first_batch_rule, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reopen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_time_and_recompression, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idempotent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncate_and_reset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sync, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flush_settings, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention_by_append_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_offsets_far_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_preallocate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_files_close, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transactions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_aborted_survive, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
