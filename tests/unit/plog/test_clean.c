/*
 * Goal: what compaction keeps and drops, rule by rule; that nothing else notices; that a log which
 * cannot be cleaned is left as it is.
 */
#include "plog/plog_clean_int.h"

#include "plog_clean_truth.h"

static struct plog_clean_view look(void)
{
    struct plog_clean_view view;
    enum err err = plog_clean_look(F.plog, F.e.wall_ms, &view);
    if (err == ERR_AGAIN) {
        plog_env_run(&F.e);
        err = plog_clean_look(F.plog, F.e.wall_ms, &view);
    }
    assert_int_equal(err, ERR_OK);
    return view;
}

/* Whose names contain the text. */
static size_t count_files(const char *part)
{
    char path[128];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/topic-0", F.e.root);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strstr(entry->d_name, part) != NULL;
    closedir(folder);
    return count;
}

static size_t count_leftovers(void)
{
    return count_files(".deleted") + count_files(".cleaned") + count_files(".swap");
}

/* ---- The map --------------------------------------------------------------------------------- */

/* SipHash's authors' test vector: key 00..0f, message 00..0e, 128 bits. */
static void test_hash(void **state)
{
    UNUSED(state);
    const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    uint8_t message[15];
    uint64_t hash[2];
    for (uint8_t i = 0; i < sizeof message; i++)
        message[i] = i;
    plog_clean_hash(key, message, 0, hash);
    assert_true(hash[0] == UINT64_C(0xe6a825ba047f81a3) && hash[1] == UINT64_C(0x930255c71472f66d));
    plog_clean_hash(key, message, 1, hash);
    assert_true(hash[0] == UINT64_C(0x44af996bd8c187da) && hash[1] == UINT64_C(0x45fc229b11597634));
    plog_clean_hash(key, message, sizeof message, hash);
    assert_true(hash[0] != 0 && hash[1] != 0);
}

static void test_map(void **state)
{
    UNUSED(state);
    struct plog_clean_map map;
    const uint64_t key[2] = {1, 2};
    assert_int_equal(plog_clean_map_init(&map, 100000, 100 * 24, 0.9, key), ERR_OK);
    assert_int_equal(map.slot_count, 100);
    int64_t put = 0;
    for (int64_t i = 0; plog_clean_map_put(&map, &i, sizeof i, i * 3); i++)
        put++;
    assert_int_equal(put, 90);
    assert_int_equal(map.count, 90);
    assert_int_equal(map.latest_offset, 89 * 3);
    for (int64_t i = 0; i < 90; i++)
        assert_int_equal(plog_clean_map_get(&map, &i, sizeof i), i * 3);
    assert_int_equal(plog_clean_map_get(&map, &put, sizeof put), -1);
    plog_clean_map_deinit(&map);
    /* The settings' extremes. */
    assert_int_equal(plog_clean_map_init(&map, 0, 0, 7.0, key), ERR_OK);
    assert_true(map.count_max < map.slot_count && map.count_max > 0);
    plog_clean_map_deinit(&map);
}

/* ---- Records --------------------------------------------------------------------------------- */

static void test_last_values_stay(void **state)
{
    UNUSED(state);
    truth_begin(1);
    put_keys(&PLAIN, (const int32_t[]){1, 2, 3, 1}, 4); /* 0-3 */
    put_keys(&PLAIN, (const int32_t[]){2, 2}, 2);       /* 4-5 */
    roll();
    put_one(1); /* 6 */
    put_one(4); /* 7 */
    roll();
    put_one(3); /* 8, active: it makes nothing go yet */
    assert_int_equal(look().bound_offset, 8);
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(2, 5, 6, 7, 8);
    assert_int_equal(plog_cleaned_offset(F.plog), 8);
    assert_int_equal(plog_segment_count(F.plog), 2);
    assert_true(look().dirty_bytes == 0);
    check_reads_from_everywhere();
    const struct plog_host_cleaning *counters = plog_host_cleaning(F.host);
    assert_true(counters->passes == 1 && counters->bytes_read > 0 && counters->bytes_written > 0 &&
                counters->last_pass_ms == F.e.wall_ms);

    /* What is clean takes no part in the next map, and is cleaned by it. */
    roll();
    assert_int_equal(look().first_dirty_offset, 8);
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(5, 6, 7, 8);
    plog_env_advance(&F.e, 2000);
    assert_int_equal(count_leftovers(), 0);
    assert_int_equal(count_files(".log"), 2);
    truth_end();
}

static void test_tombstones(void **state)
{
    UNUSED(state);
    truth_begin(2);
    F.config->delete_retention_ms = 10000;
    put_keys(&PLAIN, (const int32_t[]){1, 2}, 2);
    put_keys(&PLAIN, (const int32_t[]){-2, 3}, 2); /* 2: key 1 is deleted */
    roll();
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(1, 2, 3);
    /* Its horizon was stamped by the first pass; nothing is dirty before something is written. */
    plog_env_advance(&F.e, 9000);
    put_one(5);
    roll();
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(1, 2, 3, 4);
    plog_env_advance(&F.e, 1000);
    put_one(5);
    roll();
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(1, 3, 5);
    truth_end();
}

static void test_codecs(void **state)
{
    UNUSED(state);
    for (int codec = 0; codec < CODEC_COUNT; codec++) {
        truth_begin(3);
        struct put put = {.codec = (enum codec)codec, .producer = -1, .value_size = 300};
        put_keys(&put, (const int32_t[]){1, 2, -4, 2, 1, 5}, 6);
        roll();
        put_keys(&put, (const int32_t[]){2, 7}, 2);
        roll();
        assert_int_equal(clean_all(), ERR_OK);
        ASSERT_OFFSETS(2, 4, 5, 6, 7);
        /* The batch that was written anew is compressed as it was. */
        struct plog_read read = {.bound_offset = 2,
                                 .size_max = 1,
                                 .min_one_batch = true,
                                 .out = OUT,
                                 .out_size = sizeof OUT};
        read.bound_offset = INT64_MAX;
        struct batch_header header;
        assert_int_equal(fixture_read(&F, &read), ERR_OK);
        assert_int_equal(batch_header_read(OUT, read.size, &header), ERR_OK);
        assert_int_equal(batch_codec(&header), codec);
        assert_int_equal(header.base_offset, 0);
        assert_int_equal(header.last_offset_delta, 5);
        assert_int_equal(header.record_count, 3);
        assert_int_equal(batch_delete_horizon_ms(&header),
                         F.e.wall_ms + F.config->delete_retention_ms);
        truth_end();
    }
}

static void test_null_keys_are_refused(void **state)
{
    UNUSED(state);
    truth_begin(4);
    struct batch_spec spec = {.count = 2, .value_size = 10, .null_keys = true};
    struct plog_append append;
    spec.timestamp = F.e.wall_ms;
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_INVALID_RECORD);
    assert_int_equal(append.record_error_count, 2);
    truth_end();
}

/* A topic that was not compacted before may have some: they go, as Kafka's cleaner has it. */
static void test_null_keys_of_before_go(void **state)
{
    UNUSED(state);
    truth_begin(5);
    F.config->cleanup_policy = PLOG_CLEANUP_DELETE;
    struct batch_spec spec = {
        .count = 2, .value_size = 10, .null_keys = true, .timestamp = F.e.wall_ms};
    struct plog_append append;
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, WIRE_ERROR_NONE);
    truth_add(&(struct truth_record){.key = 0});
    truth_add(&(struct truth_record){.key = 0});
    plog_set_high_watermark(F.plog, 2);
    F.config->cleanup_policy = PLOG_CLEANUP_COMPACT;
    put_one(1);
    roll();
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(2);
    truth_end();
}

/* ---- Producers and transactions -------------------------------------------------------------- */

static void test_active_producers(void **state)
{
    UNUSED(state);
    truth_begin(6);
    struct put put = {.producer = 7, .value_size = 40};
    put_keys(&put, (const int32_t[]){1, 1}, 2); /* 0-1 */
    put.sequence = 2;
    put_keys(&put, (const int32_t[]){1}, 1); /* 2: the producer's last */
    put_one(2);                              /* 3 */
    put_one(1);                              /* 4 */
    put_one(3);                              /* 5 */
    roll();
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(3, 4, 5);
    assert_int_equal(SEEN.empty_batches, 1);
    /* The log alone tells where the producer is: without snapshots, after a crash. */
    char command[128];
    fixture_kill(&F);
    snprintf(command, sizeof command, "rm %s/topic-0/*.snapshot", F.e.root);
    assert_int_equal(system(command), 0);
    F.recovery_point = 0;
    assert_int_equal(fixture_open(&F).failed_count, 0);
    put.sequence = 3;
    put_keys(&put, (const int32_t[]){9}, 1); /* would be refused otherwise */

    /* Once it has gone on, the empty batch may go. */
    roll();
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(3, 4, 5, 6);
    assert_int_equal(SEEN.empty_batches, 0);
    truth_end();
}

static void test_transactions(void **state)
{
    UNUSED(state);
    truth_begin(8);
    F.config->delete_retention_ms = 10000;
    struct put one = {.producer = 1, .value_size = 40, .transactional = true};
    struct put two = {.producer = 2, .value_size = 40, .transactional = true};
    put_one(1);                                 /* 0 */
    put_keys(&one, (const int32_t[]){1, 2}, 2); /* 1-2, aborted */
    put_keys(&two, (const int32_t[]){3}, 1);    /* 3, committed */
    put_marker(1, false);                       /* 4 */
    put_marker(2, true);                        /* 5 */
    one.sequence = 2;
    put_keys(&one, (const int32_t[]){4}, 1); /* 6, open */
    roll();
    /* Nothing at or above the last stable offset's segment. */
    assert_int_equal(plog_stable_offset(F.plog), 6);
    assert_true(look().dirty_bytes == 0);
    put_marker(1, true); /* 7 */
    put_one(5);          /* 8 */
    roll();
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(0, 3, 4, 5, 6, 7, 8);
    check_last_values(T.count);

    /* The aborted transaction has no data any more: its marker may go, after its horizon. */
    put_one(5); /* 9 */
    roll();
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(0, 3, 4, 5, 6, 7, 9);
    plog_env_advance(&F.e, 10000);
    put_one(3); /* 10: the other one's data is gone with that, and in the same pass seen */
    roll();
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(0, 5, 6, 7, 9, 10);
    put_one(3); /* 11 */
    roll();
    /* The producer of 3 is still active: its last batch stays, empty, and so does its marker. */
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(0, 5, 6, 7, 9, 11);
    struct plog_aborted aborted = {.offset = 0, .bound_offset = 12, .arena = &F.arena};
    aborted.done = NULL;
    enum err err = plog_aborted(F.plog, &aborted);
    assert_int_equal(err, ERR_OK); /* no index is left to be read */
    assert_int_equal(aborted.count, 0);
    truth_end();
}

/* Once the producer is forgotten, nothing of its transaction is left. */
static void test_markers_end(void **state)
{
    UNUSED(state);
    truth_begin(9);
    F.config->delete_retention_ms = 10000;
    F.config->producer_id_expiration_ms = 1000;
    struct put one = {.producer = 1, .value_size = 40, .transactional = true};
    put_keys(&one, (const int32_t[]){1}, 1); /* 0 */
    put_marker(1, true);                     /* 1 */
    put_one(1);                              /* 2 */
    roll();
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(1, 2);
    assert_int_equal(SEEN.empty_batches, 1);
    plog_env_advance(&F.e, 700000);
    assert_int_equal(plog_producer_count(F.plog), 0);
    for (int32_t pass = 0; pass < 3; pass++) {
        put_one(1);
        roll();
        assert_int_equal(clean_all(), ERR_OK);
        see_all();
        assert_int_equal(SEEN.markers, pass < 2);
        plog_env_advance(&F.e, 10000);
    }
    assert_int_equal(SEEN.empty_batches, 0);
    truth_end();
}

/* ---- Bounds ---------------------------------------------------------------------------------- */

static void test_small_map(void **state)
{
    UNUSED(state);
    truth_begin(10);
    int32_t keys[60];
    for (int32_t i = 0; i < 60; i++)
        keys[i] = i;
    for (int i = 0; i < 3; i++) {
        put_keys(&PLAIN, keys, 60);
        put_keys(&PLAIN, keys, 60);
        roll();
    }
    struct plog_clean clean = CLEAN_DEFAULTS;
    clean.map_bytes = 0; /* 64 slots, and 32 of them may be taken */
    clean.map_load = 0.5;
    int64_t before = 0;
    int passes = 0;
    while (look().dirty_bytes > 0 && passes < 100) {
        assert_int_equal(clean_with(&clean), ERR_OK);
        assert_true(plog_cleaned_offset(F.plog) > before);
        before = plog_cleaned_offset(F.plog);
        check_last_values(T.count);
        passes++;
    }
    assert_true(passes > 5 && passes < 100);
    assert_int_equal(before, 360);
    see_all();
    assert_int_equal(SEEN.count, 60);
    truth_end();
}

static void test_groups(void **state)
{
    UNUSED(state);
    truth_begin(11);
    F.config->segment_bytes = 2000;
    struct put put = PLAIN;
    put.value_size = 400;
    for (int32_t i = 0; i < 60; i++) {
        put_keys(&put, (const int32_t[]){i % 20}, 1);
        put_keys(&put, (const int32_t[]){20 + i}, 1);
        if (i % 3 == 2)
            roll();
    }
    size_t before = plog_segment_count(F.plog);
    struct plog_clean clean = CLEAN_DEFAULTS;
    assert_int_equal(clean_with(&clean), ERR_OK);
    check_reads_from_everywhere();
    assert_true(plog_segment_count(F.plog) <= before);
    /* Again: now they are smaller, and fit together. */
    put_one(1);
    roll();
    assert_int_equal(clean_with(&clean), ERR_OK);
    assert_true(plog_segment_count(F.plog) < before);
    check_last_values(T.count);
    check_reads_from_everywhere();
    fixture_close(&F);
    assert_int_equal(fixture_open(&F).failed_count, 0);
    check_reads_from_everywhere();
    assert_int_equal(plog_size_bytes(F.plog) > 0, 1);
    truth_end();
}

static void test_unchanged_segments_are_not_swapped(void **state)
{
    UNUSED(state);
    truth_begin(12);
    F.config->segment_bytes = 1000;
    struct put put = PLAIN;
    put.value_size = 600;
    for (int32_t i = 0; i < 6; i++) {
        put_keys(&put, &i, 1);
        roll();
    }
    uint64_t syncs = F.e.syncs;
    struct plog_clean clean = CLEAN_DEFAULTS;
    assert_int_equal(clean_with(&clean), ERR_OK);
    assert_int_equal(clean.stats.segments_before, 6);
    assert_true(F.e.syncs - syncs < 10); /* the checkpoint's */
    assert_int_equal(count_leftovers(), 0);
    ASSERT_OFFSETS(0, 1, 2, 3, 4, 5);
    truth_end();
}

static void test_lags(void **state)
{
    UNUSED(state);
    truth_begin(13);
    F.config->min_compaction_lag_ms = 60000;
    put_one(1);
    put_one(1);
    roll();
    plog_env_advance(&F.e, 30000);
    put_one(1);
    roll();
    assert_int_equal(look().dirty_bytes, 0);
    plog_env_advance(&F.e, 30000);
    assert_int_equal(look().bound_offset, 2);
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(1, 2);
    plog_env_advance(&F.e, 30000);
    assert_int_equal(look().bound_offset, 3);
    assert_int_equal(clean_all(), ERR_OK);
    ASSERT_OFFSETS(2);

    /* After a restart timestamps are read first. */
    F.config->min_compaction_lag_ms = 0;
    F.config->max_compaction_lag_ms = 50000;
    F.config->min_cleanable_dirty_ratio = 0.9;
    for (int32_t i = 2; i < 30; i++)
        put_one(i);
    roll();
    assert_true(look().due);
    assert_int_equal(clean_all(), ERR_OK);
    put_one(1);
    roll();
    fixture_close(&F);
    assert_int_equal(fixture_open(&F).failed_count, 0);
    plog_set_high_watermark(F.plog, plog_end_offset(F.plog));
    struct plog_clean_view view;
    assert_int_equal(plog_clean_look(F.plog, F.e.wall_ms, &view), ERR_AGAIN);
    plog_env_run(&F.e);
    view = look();
    assert_true(!view.due && !view.overdue);
    plog_env_advance(&F.e, 50001);
    view = look();
    assert_true(view.due && view.overdue);
    assert_int_equal(clean_all(), ERR_OK);

    /* And the active segment rolls in time, with the next append. */
    size_t segments = plog_segment_count(F.plog);
    put_one(50);
    plog_env_advance(&F.e, 50001);
    put_one(51);
    assert_int_equal(plog_segment_count(F.plog), segments + 1);
    truth_end();
}

/* What is in the checkpoint file is believed as far as it can be true. */
static void test_checkpoints(void **state)
{
    UNUSED(state);
    truth_begin(14);
    put_one(1);
    put_one(1);
    roll();
    assert_int_equal(clean_all(), ERR_OK);
    assert_int_equal(plog_cleaned_offset(F.plog), 2);
    put_one(1);
    put_one(1);
    int64_t cleaned_offset = plog_cleaned_offset(F.plog);
    assert_int_equal(FIXTURE_OP(&F, plog_truncate(F.plog, 1, &op)), ERR_OK);
    T.count = plog_end_offset(F.plog);
    assert_true(plog_cleaned_offset(F.plog) <= T.count);
    UNUSED(cleaned_offset);
    truth_end();
}

/* ---- Others that want something -------------------------------------------------------------- */

static void fill(int32_t batches)
{
    struct put put = PLAIN;
    put.value_size = 1000;
    for (int32_t i = 0; i < batches; i++) {
        put_keys(&put, (const int32_t[]){i % 10, i % 7}, 2);
        if (i % 20 == 19)
            roll();
    }
    roll();
}

static void test_closing_does_not_wait_long(void **state)
{
    UNUSED(state);
    for (int kind = 0; kind < 3; kind++) {
        truth_begin(15);
        fill(100);
        struct plog_clean clean = CLEAN_DEFAULTS;
        clean.done = clean_done;
        clean.bytes_per_second = 1; /* it would take days */
        cleaned = false;
        plog_clean(F.plog, &clean);
        plog_env_run(&F.e);
        assert_false(cleaned);
        struct plog_op op = {.done = fixture_op_done};
        if (kind == 0)
            plog_close(F.plog, &op);
        else if (kind == 1)
            plog_truncate(F.plog, 150, &op);
        else
            plog_delete(F.plog, &op);
        plog_env_run(&F.e);
        assert_int_equal(op.kind, -1);
        assert_int_equal(op.err, ERR_OK);
        assert_true(cleaned && clean.err == ERR_AGAIN);
        assert_int_equal(plog_host_cleaning(F.host)->uncleanable_count, 0);
        plog_free(F.plog);
        F.plog = NULL;
        truth_end();
    }
}

static void test_throttle(void **state)
{
    UNUSED(state);
    truth_begin(16);
    struct put put = PLAIN;
    put.value_size = 2000;
    for (int32_t i = 0; i < 2000; i++) {
        put_keys(&put, (const int32_t[]){i % 64}, 1);
        if (i % 500 == 499)
            roll();
    }
    struct plog_clean clean = CLEAN_DEFAULTS;
    clean.done = clean_done;
    clean.bytes_per_second = 1 << 20; /* 4 MB to read twice */
    cleaned = false;
    uint64_t began = F.e.now_ns;
    plog_clean(F.plog, &clean);
    plog_env_run(&F.e);
    while (!cleaned) {
        plog_env_advance(&F.e, 50);
        assert_true(F.e.now_ns - began < UINT64_C(60000000000));
    }
    assert_int_equal(clean.err, ERR_OK);
    assert_true(F.e.now_ns - began > UINT64_C(6000000000));
    check_last_values(T.count);
    truth_end();
}

static void test_retention_goes_on(void **state)
{
    UNUSED(state);
    truth_begin(17);
    F.config->cleanup_policy = PLOG_CLEANUP_COMPACT | PLOG_CLEANUP_DELETE;
    F.config->retention_ms = -1;
    fill(60);
    struct plog_clean clean = CLEAN_DEFAULTS;
    clean.done = clean_done;
    cleaned = false;
    plog_clean(F.plog, &clean);
    for (int i = 0; i < 8; i++)
        assert_true(plog_env_step(&F.e));
    assert_false(cleaned);
    F.config->retention_bytes = 1;
    assert_true(plog_retain(F.plog, F.e.wall_ms) > 0);
    plog_env_run(&F.e);
    assert_true(cleaned);
    assert_int_equal(clean.err, ERR_AGAIN);
    assert_int_equal(plog_host_cleaning(F.host)->uncleanable_count, 0);
    see_all();
    truth_end();
}

/* Reads at any moment of a cleaning, warm and cold, give what is right. */
static void test_reads_meanwhile(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 0; seed < 12; seed++) {
        truth_begin(seed);
        F.e.shuffle = true;
        F.e.cold_of_100 = seed % 3 == 0 ? 0 : 60;
        fill(60);
        struct plog_clean clean = CLEAN_DEFAULTS;
        clean.done = clean_done;
        clean.io_bytes = 4096;
        cleaned = false;
        plog_clean(F.plog, &clean);
        struct plog_read read = {0};
        bool reading = false;
        int64_t offset = 0;
        for (int steps = 0; steps < 100000 && (!cleaned || reading); steps++) {
            if (!reading) {
                offset = (int64_t)prng_below(&F.e.prng, (uint64_t)T.count);
                read = (struct plog_read){.offset = offset,
                                          .bound_offset = INT64_MAX,
                                          .size_max = 3000,
                                          .min_one_batch = true,
                                          .out = OUT,
                                          .out_size = sizeof OUT,
                                          .done = fixture_read_done};
                enum err err = plog_read(F.plog, &read);
                reading = err == ERR_AGAIN;
                if (!reading) {
                    assert_int_equal(err, ERR_OK);
                    read.done = NULL;
                }
            }
            if (read.done == NULL) {
                struct batch_view batch;
                assert_int_equal(read.err, ERR_OK);
                assert_int_equal(batch_view_read(OUT, read.size, &batch), ERR_OK);
                assert_true(batch_last_offset(&batch.header) >= offset);
                /* Nothing of what must be there is skipped: the last value of each key. */
                for (int64_t i = offset; i < batch.header.base_offset; i++) {
                    bool later = false;
                    for (int64_t j = i + 1; j < T.count && !later; j++)
                        later = T.records[j].key == T.records[i].key;
                    assert_true(later);
                }
                reading = false;
                read.done = fixture_read_done;
            }
            plog_env_step(&F.e);
        }
        assert_true(cleaned && clean.err == ERR_OK);
        plog_env_run(&F.e);
        F.e.cold_of_100 = 0;
        check_last_values(T.count);
        truth_end();
    }
}

/* ---- What cannot be cleaned ------------------------------------------------------------------ */

static void flip(int64_t base_offset, long at)
{
    char path[128];
    snprintf(path, sizeof path, "%s/topic-0/%020lld.log", F.e.root, (long long)base_offset);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 0x40, file), byte ^ 0x40);
    fclose(file);
}

static void test_damage_is_left_alone(void **state)
{
    UNUSED(state);
    truth_begin(18);
    put_one(1);
    roll();
    put_one(1);
    put_one(2);
    roll();
    flip(1, 90); /* in the value of the first record */
    assert_int_equal(clean_all(), ERR_CORRUPT);
    const struct plog_host_cleaning *counters = plog_host_cleaning(F.host);
    assert_int_equal(counters->uncleanable_count, 1);
    assert_int_equal(counters->failures, 1);
    assert_int_equal(F.dir_failures, 0);
    struct plog_clean_view view = look();
    assert_true(view.waits && view.dirty_bytes > 0);
    assert_int_equal(plog_segment_count(F.plog), 3);
    assert_int_equal(count_leftovers(), 0);
    plog_env_advance(&F.e, 59000);
    assert_true(look().waits);
    plog_env_advance(&F.e, 2000);
    assert_false(look().waits);
    assert_int_equal(clean_all(), ERR_CORRUPT);
    plog_env_advance(&F.e, 61000); /* twice as long now */
    assert_true(look().waits);
    flip(1, 90);
    plog_env_advance(&F.e, 60000);
    assert_int_equal(clean_all(), ERR_OK);
    assert_int_equal(counters->uncleanable_count, 0);
    ASSERT_OFFSETS(1, 2);
    truth_end();
}

/* Two groups of two segments, with transactions. */
static void crash_fill(void)
{
    F.config->segment_bytes = 1500;
    F.config->delete_retention_ms = 0;
    struct put put = PLAIN;
    put.value_size = 100;
    struct put txn = {.producer = 5, .value_size = 100, .transactional = true};
    for (int32_t i = 0; i < 4; i++) {
        put_keys(&put, (const int32_t[]){i % 3, i == 2 ? -1 : i}, 2);
        put_keys(&txn, (const int32_t[]){i % 2, 20 + i}, 2);
        txn.sequence += 2;
        put_marker(5, i % 2 == 0);
        roll();
    }
}

static void test_full_disk(void **state)
{
    UNUSED(state);
    for (uint64_t call = 1;; call++) {
        truth_begin(19);
        crash_fill();
        F.e.fail_countdown = call;
        F.e.fail_err = ERR_NOSPACE;
        enum err err = clean_all();
        F.e.fail_countdown = 0;
        bool failed = F.e.failed;
        if (plog_state(F.plog) == PLOG_STATE_OPEN) {
            assert_true(err == ERR_OK || err == ERR_NOSPACE || err == ERR_AGAIN);
            check_last_values(T.count);
            plog_env_advance(&F.e, 4000000);
            if (look().dirty_bytes > 0)
                assert_int_equal(clean_all(), ERR_OK);
            check_last_values(T.count);
        } else {
            assert_int_equal(err, ERR_OFFLINE);
        }
        fixture_kill(&F);
        plog_host_free(F.host);
        fixture_host(&F);
        assert_int_equal(fixture_open(&F).failed_count, 0);
        plog_set_high_watermark(F.plog, plog_end_offset(F.plog));
        check_last_values(T.count);
        truth_end();
        if (!failed)
            break;
    }
}

/* ---- Crashes --------------------------------------------------------------------------------- */

/* Every call on the disk during two cleanings fails once; or is the process's last. */
static void crash_loop(bool dies)
{
    for (uint64_t call = 1;; call++) {
        truth_begin(20);
        crash_fill();
        F.e.fail_countdown = call;
        F.e.fail_on = dies;
        F.e.fail_err = ERR_IO;
        (void)clean_all();
        if (plog_state(F.plog) == PLOG_STATE_OPEN && !F.e.failed) {
            uint64_t left = F.e.fail_countdown;
            F.e.fail_countdown = 0;
            put_one(1);
            roll();
            F.e.fail_countdown = left;
            (void)clean_all();
        }
        bool failed = F.e.failed;
        int64_t end = plog_end_offset(F.plog);
        fixture_kill(&F);
        F.e.fail_countdown = 0;
        F.e.failed = false;
        plog_host_free(F.host);
        fixture_host(&F);
        F.recovery_point = 0; /* as if the checkpoint had not been written */
        assert_int_equal(fixture_open(&F).failed_count, 0);
        assert_int_equal(plog_end_offset(F.plog), end);
        T.count = end;
        plog_set_high_watermark(F.plog, end);
        assert_int_equal(count_leftovers(), 0);
        check_last_values(end);
        check_reads_from_everywhere();
        /* And it can be cleaned. */
        roll();
        enum err err = clean_all();
        assert_true(err == ERR_OK || (err == ERR_AGAIN && look().dirty_bytes == 0));
        check_last_values(end);
        truth_end();
        if (!failed)
            break;
    }
}

static void test_every_call_fails(void **state)
{
    UNUSED(state);
    crash_loop(false);
}

static void test_every_call_is_the_last(void **state)
{
    UNUSED(state);
    crash_loop(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_last_values_stay),
        cmocka_unit_test(test_tombstones),
        cmocka_unit_test(test_codecs),
        cmocka_unit_test(test_null_keys_are_refused),
        cmocka_unit_test(test_null_keys_of_before_go),
        cmocka_unit_test(test_active_producers),
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_markers_end),
        cmocka_unit_test(test_small_map),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_unchanged_segments_are_not_swapped),
        cmocka_unit_test(test_lags),
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_closing_does_not_wait_long),
        cmocka_unit_test(test_throttle),
        cmocka_unit_test(test_retention_goes_on),
        cmocka_unit_test(test_reads_meanwhile),
        cmocka_unit_test(test_damage_is_left_alone),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_every_call_fails),
        cmocka_unit_test(test_every_call_is_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
