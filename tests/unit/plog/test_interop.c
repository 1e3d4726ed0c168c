/*
 * Apache Kafka's files and ours, the other way round for each: driven by tests/system/log_interop.
 *
 *   PLOG_INTEROP_READ=dir   opens every partition that Kafka left in this log directory, reads all
 * of it record by record, and prints a line for each PLOG_INTEROP_WRITE=dir  writes partitions of
 * every kind for Kafka's tools to read
 *
 * Without either it does nothing.
 */
#include "../unit.h"
#include "plog_fixture.h"

static struct fixture F;
static uint8_t OUT[1 << 20];

static void put_root(const char *dir)
{
    assert_int_equal(rmdir(F.e.root), 0);
    assert_true(strlen(dir) < sizeof F.e.root);
    snprintf(F.e.root, sizeof F.e.root, "%s", dir);
    plog_host_free(F.host);
    fixture_host(&F);
}

static void drop_root(void)
{
    /* The folder is the script's. */
    snprintf(F.e.root, sizeof F.e.root, "/tmp/ottla-plog-XXXXXX");
    assert_non_null(mkdtemp(F.e.root));
}

struct tally {
    uint64_t batches;
    uint64_t records;
    uint64_t bytes;
    uint64_t control;
};

static void tally_batch(const struct batch_view *view, struct tally *tally)
{
    struct batch_records records;
    struct batch_record record;
    tally->batches++;
    tally->bytes += view->header.size;
    tally->control += batch_is_control(&view->header);
    assert_int_equal(batch_check_crc(view->data, view->header.size), ERR_OK);
    assert_int_equal(batch_records_init(&records, F.codec, view, 64 << 20), ERR_OK);
    while (batch_records_next(&records, &record))
        tally->records++;
    assert_int_equal(records.err, ERR_OK);
    batch_records_deinit(&records);
}

static void aborted_done(struct plog_aborted *aborted)
{
    UNUSED(aborted);
}

static void append_records(int count)
{
    for (int i = 0; i < count; i++) {
        struct plog_append result;
        struct batch_spec spec = {.count = 1, .value_size = 50, .timestamp = F.e.wall_ms};
        assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &result), ERR_OK);
        assert_int_equal(result.error, 0);
    }
}

static void read_partition(struct plog_folder_info *info, bool clean, int append_count)
{
    struct tally tally = {0};
    F.plog = plog_new(&(struct plog_options){
        .host = F.host,
        .topic = info->topic,
        .partition = info->partition,
        .topic_id = info->topic_id,
        .config = F.config,
        .clean = clean,
        .recovery_point = info->recovery_point,
        .log_start_offset = info->log_start_offset,
        .high_watermark = info->high_watermark,
    });
    struct plog_opening opening = {.plogs = &F.plog, .count = 1, .done = fixture_opened};
    plog_open(F.host, &opening);
    plog_env_run(&F.e);
    if (plog_state(F.plog) != PLOG_STATE_OPEN)
        print_error("%s: %s\n", info->name, plog_error_text(F.plog));
    assert_int_equal(plog_state(F.plog), PLOG_STATE_OPEN);
    int64_t end = plog_end_offset(F.plog), offset = plog_log_start_offset(F.plog);
    while (offset < end) {
        struct plog_read read = {.offset = offset,
                                 .bound_offset = INT64_MAX,
                                 .size_max = 20000,
                                 .min_one_batch = true,
                                 .out = OUT,
                                 .out_size = sizeof OUT};
        assert_int_equal(fixture_read(&F, &read), ERR_OK);
        assert_true(read.size > 0);
        struct batch_walk walk = batch_walk_begin(OUT, read.size);
        struct batch_view view;
        while (batch_walk_next(&walk, &view))
            tally_batch(&view, &tally);
        assert_int_equal(walk.err, ERR_OK);
        offset = read.next_offset;
    }
    plog_set_high_watermark(F.plog, end);
    struct plog_aborted aborted = {.bound_offset = end, .arena = &F.arena, .done = aborted_done};
    if (plog_aborted(F.plog, &aborted) == ERR_AGAIN)
        plog_env_run(&F.e);
    assert_int_equal(aborted.err, ERR_OK);
    printf("%s start=%lld end=%lld stable=%lld batches=%llu records=%llu bytes=%llu control=%llu "
           "producers=%zu aborted=%zu epoch=%d\n",
           info->name, (long long)plog_log_start_offset(F.plog), (long long)end,
           (long long)plog_stable_offset(F.plog), (unsigned long long)tally.batches,
           (unsigned long long)tally.records, (unsigned long long)tally.bytes,
           (unsigned long long)tally.control, plog_producer_count(F.plog), aborted.count,
           plog_latest_epoch(F.plog));
    if (end > 0 && info->topic[0] != '_')
        append_records(append_count);
    plog_set_high_watermark(F.plog, plog_end_offset(F.plog));
    assert_int_equal(FIXTURE_OP(&F, plog_close(F.plog, &op)), ERR_OK);
    info->recovery_point = plog_recovery_point(F.plog);
    info->log_start_offset = plog_log_start_offset(F.plog);
    info->high_watermark = plog_high_watermark(F.plog);
    plog_free(F.plog);
    F.plog = NULL;
    plog_env_run(&F.e);
}

/* As a node that stops. */
static void store_checkpoints(const char *dir, const struct plog_dir_content *content)
{
    struct plog_checkpoint_row *rows = mem_alloc((content->count + 1) * sizeof *rows);
    for (size_t i = 0; i < content->count; i++)
        rows[i] =
            (struct plog_checkpoint_row){content->folders[i].topic, content->folders[i].partition,
                                         content->folders[i].recovery_point};
    assert_int_equal(
        plog_checkpoint_store(&F.e.disk, dir, PLOG_CHECKPOINT_RECOVERY_POINT, rows, content->count),
        ERR_OK);
    for (size_t i = 0; i < content->count; i++)
        rows[i].offset = content->folders[i].high_watermark;
    assert_int_equal(
        plog_checkpoint_store(&F.e.disk, dir, PLOG_CHECKPOINT_HIGH_WATERMARK, rows, content->count),
        ERR_OK);
    mem_free(rows);
    assert_int_equal(plog_dir_mark_clean(&F.e.disk, dir, content->clean_broker_epoch), ERR_OK);
}

static void test_read(void **state)
{
    UNUSED(state);
    const char *dir = getenv("PLOG_INTEROP_READ");
    if (dir == NULL)
        skip();
    fixture_init(&F, 1);
    put_root(dir);
    struct plog_dir_content content;
    char error[PLOG_DIR_ERROR_BYTES] = "";
    F.e.wall_ms = 1900000000000; /* later than any record there */
    enum err err = plog_dir_load(&F.e.disk, dir, &content, error);
    if (err != ERR_OK)
        print_error("%s\n", error);
    assert_int_equal(err, ERR_OK);
    printf("%s partitions=%zu clean=%d epoch=%lld\n", dir, content.count, content.clean,
           (long long)content.clean_broker_epoch);
    const char *append_text = getenv("PLOG_INTEROP_APPEND");
    for (size_t i = 0; i < content.count; i++) {
        if (content.folders[i].kind == PLOG_FOLDER_PARTITION)
            read_partition(&content.folders[i], content.clean,
                           append_text != NULL ? atoi(append_text) : 0);
    }
    store_checkpoints(dir, &content);
    plog_dir_content_deinit(&content);
    drop_root();
    fixture_deinit(&F);
}

/* ---- Writing -------------------------------------------------------------------------------- */

static void append(const struct batch_spec *spec)
{
    struct plog_append result;
    assert_int_equal(fixture_append(&F, spec, PLOG_ORIGIN_CLIENT, &result), ERR_OK);
    assert_int_equal(result.error, 0);
}

static void end_transaction(int64_t producer_id, bool commit)
{
    struct buf marker = BUF_EMPTY;
    batch_end_txn_put(&marker, 0, 0, F.e.wall_ms, producer_id, 0, commit, 1);
    struct plog_append result = {
        .data = marker.data, .size = marker.size, .origin = PLOG_ORIGIN_COORDINATOR};
    assert_int_equal(fixture_append_bytes(&F, &result), ERR_OK);
    assert_int_equal(result.error, 0);
    buf_deinit(&marker);
}

static void write_topic(const char *topic, enum codec codec, bool transactional)
{
    F.topic = topic;
    F.clean = false;
    F.recovery_point = F.log_start_offset = F.high_watermark = 0;
    fixture_open(&F);
    for (int i = 0; i < 3000; i++) {
        struct batch_spec spec = {
            .count = 1 + i % 9,
            .value_size = 100,
            .timestamp = F.e.wall_ms + i * 10,
            .codec = codec,
            .leader_epoch = i / 1000,
            .has_producer = i % 3 != 0 || transactional,
            .producer_id = 1000 + (transactional ? i % 2 : 0),
            .transactional = transactional,
            .tag = (uint64_t)i,
        };
        static int32_t sequences[2];
        if (i == 0)
            sequences[0] = sequences[1] = 0;
        if (spec.has_producer) {
            spec.sequence = sequences[spec.producer_id - 1000];
            sequences[spec.producer_id - 1000] += spec.count;
        }
        append(&spec);
        if (transactional && i % 10 >= 8 && i < 2990)
            end_transaction(spec.producer_id, i % 20 < 10);
        F.e.wall_ms += 1;
    }
    fixture_close(&F);
}

static void test_write(void **state)
{
    UNUSED(state);
    const char *dir = getenv("PLOG_INTEROP_WRITE");
    if (dir == NULL)
        skip();
    fixture_init(&F, 1);
    put_root(dir);
    F.config->segment_bytes = 300000;
    F.config->message_timestamp_after_max_ms = INT64_MAX;
    write_topic("plain", CODEC_NONE, false);
    write_topic("gzip", CODEC_GZIP, false);
    write_topic("snappy", CODEC_SNAPPY, false);
    write_topic("lz4", CODEC_LZ4, false);
    write_topic("zstd", CODEC_ZSTD, false);
    write_topic("txn", CODEC_NONE, true);
    drop_root();
    fixture_deinit(&F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
