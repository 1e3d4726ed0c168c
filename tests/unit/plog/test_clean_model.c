/*
 * Goal: cleaning keeps what it must whatever is done in whatever order, and it keeps up.
 * Method: random operations beside a plain list of all that was written, many seeds; and a log with
 * a million keys beside an array of where each key was written last.
 */
#include "plog_clean_truth.h"

#include <time.h>

/* ---- Random operations ----------------------------------------------------------------------- */

#define TXN_PRODUCERS 3

static int32_t SEQUENCES[TXN_PRODUCERS];
static bool OPEN[TXN_PRODUCERS];

static int32_t below(int32_t bound)
{
    return (int32_t)prng_below(&F.e.prng, (uint64_t)bound);
}

static size_t random_keys(int32_t *keys)
{
    size_t count = 1 + (size_t)below(5);
    for (size_t i = 0; i < count; i++) {
        int32_t key = below(20);
        keys[i] = below(5) == 0 ? -1 - key : key;
    }
    return count;
}

static void random_put(void)
{
    int32_t keys[8];
    size_t count = random_keys(keys);
    struct put put = {.codec = (enum codec)(below(3) == 0 ? below(CODEC_COUNT) : 0),
                      .producer = -1,
                      .value_size = 20 + (size_t)below(200)};
    int32_t producer = below(TXN_PRODUCERS + 2);
    if (producer < TXN_PRODUCERS) {
        put.producer = producer;
        put.sequence = SEQUENCES[producer];
        put.transactional = producer > 0; /* 0 is idempotent */
        SEQUENCES[producer] += (int32_t)count;
        OPEN[producer] = put.transactional;
    }
    put_keys(&put, keys, count);
}

static void random_marker(void)
{
    int32_t producer = 1 + below(TXN_PRODUCERS - 1);
    if (!OPEN[producer])
        return;
    put_marker(producer, below(2) == 0);
    OPEN[producer] = false;
}

static void random_clean(void)
{
    struct plog_clean clean = CLEAN_DEFAULTS;
    clean.io_bytes = 4096;
    if (below(2) == 0)
        clean.map_bytes = (uint64_t)below(100) * 24;
    clean.map_load = 0.1 + 0.1 * below(9);
    enum err err = clean_with(&clean);
    assert_true(err == ERR_OK || err == ERR_AGAIN);
}

static void reopen(bool kill)
{
    plog_set_high_watermark(F.plog, plog_end_offset(F.plog));
    if (kill)
        fixture_kill(&F);
    else
        fixture_close(&F);
    if (kill && below(2) == 0)
        F.recovery_point = below((int32_t)F.recovery_point + 1); /* an older checkpoint */
    assert_int_equal(fixture_open(&F).failed_count, 0);
    assert_int_equal(plog_end_offset(F.plog), T.count);
    plog_set_high_watermark(F.plog, T.count);
}

static void aborted_done(struct plog_aborted *aborted)
{
    aborted->done = NULL;
}

static struct plog_aborted list_aborted(void)
{
    struct plog_aborted aborted = {.offset = plog_log_start_offset(F.plog),
                                   .bound_offset = plog_end_offset(F.plog),
                                   .arena = &F.arena,
                                   .done = aborted_done};
    enum err err = plog_aborted(F.plog, &aborted);
    if (err == ERR_AGAIN) {
        plog_env_run(&F.e);
        assert_null(aborted.done);
        err = aborted.err;
    }
    assert_int_equal(err, ERR_OK);
    return aborted;
}

/* A consumer's walk: whose batches are skipped at this point. */
static bool is_hidden(const struct plog_aborted *aborted, const struct batch_header *header,
                      bool ended[])
{
    for (size_t i = 0; i < aborted->count; i++) {
        if (!ended[i] && aborted->txns[i].producer_id == header->producer_id &&
            aborted->txns[i].first_offset <= batch_last_offset(header))
            return true;
    }
    return false;
}

static void end_aborted(const struct plog_aborted *aborted, const struct batch_view *batch,
                        bool ended[])
{
    struct batch_records records;
    struct batch_record record;
    enum batch_control type = BATCH_CONTROL_UNKNOWN;
    assert_int_equal(batch_records_init(&records, NULL, batch, 0), ERR_OK);
    if (batch_records_next(&records, &record))
        assert_int_equal(batch_control_key_read(&record, &type), ERR_OK);
    batch_records_deinit(&records);
    for (size_t i = 0; type == BATCH_CONTROL_ABORT && i < aborted->count; i++) {
        if (aborted->txns[i].producer_id == batch->header.producer_id &&
            aborted->txns[i].first_offset <= batch->header.base_offset)
            ended[i] = true;
    }
}

/* The list of aborted transactions hides the batches that were aborted, and no other. */
static void check_committed(void)
{
    struct plog_aborted aborted = list_aborted();
    bool *ended = mem_zalloc(aborted.count + 1);
    int64_t offset = aborted.offset;
    while (offset < aborted.bound_offset) {
        struct plog_read read = {.offset = offset,
                                 .bound_offset = aborted.bound_offset,
                                 .size_max = sizeof OUT,
                                 .min_one_batch = true,
                                 .out = OUT,
                                 .out_size = sizeof OUT};
        assert_int_equal(fixture_read(&F, &read), ERR_OK);
        struct batch_walk walk = batch_walk_begin(OUT, read.size);
        struct batch_view batch;
        while (batch_walk_next(&walk, &batch)) {
            int64_t last = batch_last_offset(&batch.header);
            if (batch_is_control(&batch.header))
                end_aborted(&aborted, &batch, ended);
            else if (batch_is_transactional(&batch.header) && batch.header.record_count > 0)
                assert_int_equal(is_hidden(&aborted, &batch.header, ended),
                                 T.records[last].aborted);
        }
        offset = read.next_offset;
    }
    mem_free(ended);
    arena_reset(&F.arena);
}

static void test_random(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 0; seed < 60; seed++) {
        truth_begin(seed);
        memset(SEQUENCES, 0, sizeof SEQUENCES);
        memset(OPEN, 0, sizeof OPEN);
        F.e.shuffle = true;
        F.e.cold_of_100 = seed % 4 == 0 ? 30 : 0;
        F.config->segment_bytes = 1500 + below(4000);
        F.config->index_interval_bytes = below(400);
        F.config->delete_retention_ms = below(2) == 0 ? 0 : 5000;
        for (int i = 0; i < 300; i++) {
            int what = below(100);
            if (what < 60)
                random_put();
            else if (what < 75)
                random_marker();
            else if (what < 82)
                roll();
            else if (what < 90)
                random_clean();
            else if (what < 92)
                plog_env_advance(&F.e, 1000 * (1 + below(6)));
            else if (what < 94)
                reopen(what == 92);
            else if (what < 97)
                check_last_values(plog_stable_offset(F.plog));
            else
                check_committed();
        }
        roll();
        for (int i = 0; i < 4; i++)
            random_clean();
        check_last_values(plog_stable_offset(F.plog));
        check_reads_from_everywhere();
        check_committed();
        truth_end();
    }
}

/* ---- A million keys -------------------------------------------------------------------------- */

#define KEYS 1000000
#define RECORDS 3000000
#define BATCH_RECORDS 1000

static int64_t *LAST; /* offset of each key's last record, +1; negative: it is a tombstone */

static void many_put(int64_t base, struct buf *bytes)
{
    struct batch_builder builder;
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    batch_builder_init(&builder, &options);
    for (int32_t i = 0; i < BATCH_RECORDS; i++) {
        uint64_t id = prng_below(&F.e.prng, KEYS);
        bool tombstone = prng_below(&F.e.prng, 20) == 0;
        uint8_t value[16];
        memcpy(value, &id, 8);
        memcpy(value + 8, &(int64_t){base + i}, 8);
        struct batch_record record = {.offset = i,
                                      .timestamp = F.e.wall_ms,
                                      .key = (const uint8_t *)&id,
                                      .key_size = sizeof id,
                                      .value = tombstone ? NULL : value,
                                      .value_size = tombstone ? 0 : sizeof value};
        assert_int_equal(batch_builder_add(&builder, &record), ERR_OK);
        LAST[id] = tombstone ? -(base + i + 1) : base + i + 1;
    }
    buf_clear(bytes);
    assert_int_equal(batch_builder_finish(&builder, F.codec, bytes), ERR_OK);
    batch_builder_deinit(&builder);
}

static void many_fill(void)
{
    struct buf bytes = BUF_EMPTY;
    for (int64_t base = 0; base < RECORDS; base += BATCH_RECORDS) {
        many_put(base, &bytes);
        struct plog_append append = {
            .data = bytes.data, .size = bytes.size, .origin = PLOG_ORIGIN_CLIENT};
        assert_int_equal(fixture_append_bytes(&F, &append), ERR_OK);
        assert_int_equal(append.error, WIRE_ERROR_NONE);
    }
    buf_deinit(&bytes);
    plog_set_high_watermark(F.plog, plog_end_offset(F.plog));
}

/* Every key's last record is there, and nothing else below `bound`. */
static void many_check(int64_t bound, bool tombstones)
{
    size_t wanted = 0, found = 0;
    for (size_t i = 0; i < KEYS; i++)
        wanted += LAST[i] > 0 || (tombstones && LAST[i] < 0);
    int64_t offset = 0;
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
        while (batch_walk_next(&walk, &batch)) {
            struct batch_records records;
            struct batch_record record;
            assert_int_equal(batch_records_init(&records, NULL, &batch, 0), ERR_OK);
            while (batch_records_next(&records, &record)) {
                uint64_t id;
                memcpy(&id, record.key, sizeof id);
                bool last = LAST[id] == record.offset + 1 || LAST[id] == -(record.offset + 1);
                if (record.offset < bound && !last)
                    fail_msg("offset %lld is not the last of its key", (long long)record.offset);
                if (!last)
                    continue;
                found += LAST[id] > 0 || tombstones;
                if (record.value != NULL &&
                    (record.value_size != 16 || memcmp(record.value + 8, &record.offset, 8) != 0))
                    fail_msg("offset %lld has another value", (long long)record.offset);
            }
            assert_int_equal(records.err, ERR_OK);
            batch_records_deinit(&records);
        }
        assert_int_equal(walk.err, ERR_OK);
        offset = read.next_offset;
    }
    assert_int_equal(found, wanted);
}

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void test_a_million_keys(void **state)
{
    UNUSED(state);
    truth_begin(99);
    F.config->segment_bytes = 16 << 20;
    F.config->index_interval_bytes = 4096;
    F.config->delete_retention_ms = 0;
    LAST = mem_zalloc(KEYS * sizeof *LAST);
    many_fill();
    roll();
    uint64_t before = plog_size_bytes(F.plog);
    double began = cpu_seconds();
    struct plog_clean clean = CLEAN_DEFAULTS;
    clean.map_bytes = 64 << 20;
    clean.io_bytes = 256 << 10;
    assert_int_equal(clean_with(&clean), ERR_OK);
    double first = cpu_seconds() - began;
    assert_int_equal(clean.cleaned_to, RECORDS);
    assert_true(clean.stats.keys <= KEYS && clean.stats.keys > KEYS / 10 * 9);
    printf("cleaned %llu MB into %llu MB in %.2f s of CPU\n", (unsigned long long)before >> 20,
           (unsigned long long)plog_size_bytes(F.plog) >> 20, first);
    assert_true(plog_size_bytes(F.plog) < before / 2);
    many_check(RECORDS, true);
    /* With less memory than there are keys it takes several passes, and tombstones are gone then.
     */
    clean = CLEAN_DEFAULTS;
    clean.map_bytes = 64 << 20;
    struct plog_clean_view view;
    struct buf bytes = BUF_EMPTY;
    many_put(RECORDS, &bytes);
    struct plog_append append = {
        .data = bytes.data, .size = bytes.size, .origin = PLOG_ORIGIN_CLIENT};
    assert_int_equal(fixture_append_bytes(&F, &append), ERR_OK);
    buf_deinit(&bytes);
    plog_set_high_watermark(F.plog, plog_end_offset(F.plog));
    plog_env_advance(&F.e, 1);
    roll();
    assert_int_equal(plog_clean_look(F.plog, F.e.wall_ms, &view), ERR_OK);
    assert_int_equal(view.first_dirty_offset, RECORDS);
    assert_int_equal(clean_with(&clean), ERR_OK);
    assert_true(first < 20);
    many_check(RECORDS, false);
    mem_free(LAST);
    truth_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_a_million_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
