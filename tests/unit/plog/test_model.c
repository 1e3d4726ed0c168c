/*
 * Goal: whatever is done in whatever order, the log is what a plain list of batches says.
 * Method: random operations against such a list; many seeds; reads on the shard that find nothing
 * in memory, jobs in any order, clean and unclean ends.
 */
#include "../unit.h"
#include "plog_fixture.h"

#define BATCHES_MAX 4000
#define PRODUCERS 3

struct model_batch {
    int64_t base;
    int64_t next;
    uint64_t tag;
    int32_t epoch;
    int64_t timestamp; /* of the first record; each next one is one later */
};

struct model_producer {
    int32_t next_sequence;
    /* The last batches, newest first. */
    int64_t first_offset[5];
    int32_t sequence[5];
    int32_t count[5];
    int batches;
};

struct model {
    struct model_batch batches[BATCHES_MAX];
    size_t count;
    int64_t start;
    int64_t end;
    int32_t epoch;
    uint64_t next_tag;
    struct model_producer producers[PRODUCERS];
    bool producers_known; /* false after a truncation: they are not followed back */
};

static struct fixture F;
static struct model M;
static uint8_t OUT[1 << 20];

static uint64_t below(uint64_t bound)
{
    return prng_below(&F.e.prng, bound);
}

static void check_batch(const struct batch_view *view, const struct model_batch *expected)
{
    struct batch_records records;
    struct batch_record record;
    assert_int_equal(view->header.base_offset, expected->base);
    assert_int_equal(batch_next_offset(&view->header), expected->next);
    assert_int_equal(view->header.leader_epoch, expected->epoch);
    assert_int_equal(batch_check_crc(view->data, view->header.size), ERR_OK);
    assert_int_equal(batch_records_init(&records, F.codec, view, 1 << 20), ERR_OK);
    int i = 0;
    while (batch_records_next(&records, &record)) {
        char text[32];
        int size = snprintf(text, sizeof text, "%llu.%d", (unsigned long long)expected->tag, i);
        assert_memory_equal(record.value, text, (size_t)size);
        assert_int_equal(record.timestamp, expected->timestamp + i);
        i++;
    }
    assert_int_equal(records.err, ERR_OK);
    batch_records_deinit(&records);
}

static size_t model_find(int64_t offset)
{
    size_t i = 0;
    while (i < M.count && M.batches[i].next <= offset)
        i++;
    return i;
}

static void do_read(void)
{
    int64_t offset = M.start + (int64_t)below((uint64_t)(M.end - M.start) + 1);
    bool bounded = below(3) == 0;
    size_t bound_batch = bounded && M.count > 0 ? (size_t)below(M.count) : M.count;
    int64_t bound = bounded && M.count > 0 ? M.batches[bound_batch].base : INT64_MAX;
    struct plog_read read = {
        .offset = offset,
        .bound_offset = bound,
        .size_max = 1 + (size_t)below(8000),
        .min_one_batch = below(2) == 0,
        .out = OUT,
        .out_size = below(4) == 0 ? (size_t)below(3000) : sizeof OUT,
    };
    if (bounded && bound <= M.start)
        return;
    uint64_t available = plog_available(F.plog, offset, bound);
    assert_int_equal(fixture_read(&F, &read), ERR_OK);
    size_t i = model_find(offset), position = 0;
    while (position < read.size) {
        struct batch_view view;
        assert_int_equal(batch_view_read(OUT + position, read.size - position, &view), ERR_OK);
        assert_true(i < M.count && M.batches[i].next <= bound);
        check_batch(&view, &M.batches[i]);
        position += view.header.size;
        i++;
    }
    bool something = i < M.count && M.batches[i].next <= bound;
    if (read.size > 0) {
        assert_int_equal(read.next_offset, M.batches[i - 1].next);
        assert_true(available > 0);
        if (read.size > read.size_max) {
            assert_true(read.min_one_batch);
            assert_int_equal(i, model_find(offset) + 1);
        }
        if (something)
            assert_true(read.more);
    } else if (something) {
        assert_true(read.first_batch_bytes > 0);
        assert_true(read.first_batch_bytes > read.out_size ||
                    (read.first_batch_bytes > read.size_max && !read.min_one_batch));
    } else {
        assert_true(offset >= M.end || available > 0 || offset >= bound);
    }
}

static void note_append(const struct batch_spec *spec)
{
    M.batches[M.count++] = (struct model_batch){
        .base = M.end,
        .next = M.end + spec->count,
        .tag = spec->tag,
        .epoch = spec->leader_epoch,
        .timestamp = spec->timestamp,
    };
    M.end += spec->count;
}

static void do_append(void)
{
    static const enum codec codecs[] = {CODEC_NONE,   CODEC_NONE, CODEC_GZIP,
                                        CODEC_SNAPPY, CODEC_LZ4,  CODEC_ZSTD};
    struct plog_append append;
    if (M.count == BATCHES_MAX)
        return;
    if (below(20) == 0)
        M.epoch++;
    struct batch_spec spec = {
        .count = 1 + (int32_t)below(8),
        .value_size = below(10) == 0 ? (size_t)below(600) : (size_t)below(200),
        .timestamp = F.e.wall_ms - 100000 + (int64_t)below(100000),
        .codec = codecs[below(ARRAY_COUNT(codecs))],
        .leader_epoch = M.epoch,
        .tag = M.next_tag++,
    };
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, 0);
    assert_int_equal(append.first_offset, M.end);
    note_append(&spec);
    assert_int_equal(plog_end_offset(F.plog), M.end);
}

static void do_idempotent(void)
{
    int64_t id = (int64_t)below(PRODUCERS);
    struct model_producer *producer = &M.producers[id];
    struct plog_append append;
    struct batch_spec spec = {
        .count = 1 + (int32_t)below(4),
        .timestamp = F.e.wall_ms,
        .leader_epoch = M.epoch,
        .has_producer = true,
        .producer_id = id,
        .tag = M.next_tag++,
    };
    if (!M.producers_known || M.count == BATCHES_MAX)
        return;
    bool again = producer->batches > 0 && below(3) == 0;
    size_t which = 0;
    if (again) {
        which = (size_t)below((uint64_t)producer->batches);
        if (producer->first_offset[which] < M.start)
            return; /* deleted: it may be known still, or not */
        spec.sequence = producer->sequence[which];
        spec.count = producer->count[which];
    } else {
        spec.sequence = producer->next_sequence;
    }
    assert_int_equal(fixture_append(&F, &spec, PLOG_ORIGIN_CLIENT, &append), ERR_OK);
    assert_int_equal(append.error, 0);
    assert_int_equal(append.duplicate, again);
    if (again) {
        assert_int_equal(append.first_offset, producer->first_offset[which]);
        return;
    }
    for (int i = 4; i > 0; i--) {
        producer->first_offset[i] = producer->first_offset[i - 1];
        producer->sequence[i] = producer->sequence[i - 1];
        producer->count[i] = producer->count[i - 1];
    }
    producer->first_offset[0] = append.first_offset;
    producer->sequence[0] = spec.sequence;
    producer->count[0] = spec.count;
    producer->batches += producer->batches < 5;
    producer->next_sequence += spec.count;
    note_append(&spec);
}

static void check_shape(void)
{
    assert_int_equal(plog_end_offset(F.plog), M.end);
    assert_int_equal(plog_log_start_offset(F.plog), M.start);
    int32_t latest = M.count > 0 ? M.batches[M.count - 1].epoch : -1;
    if (M.count > 0)
        assert_int_equal(plog_latest_epoch(F.plog), latest);
    if (M.count > 0) {
        size_t i = (size_t)below(M.count);
        if (M.batches[i].base >= M.start)
            assert_int_equal(plog_epoch_at(F.plog, M.batches[i].base), M.batches[i].epoch);
    }
}

static void do_truncate(void)
{
    int64_t offset = M.start + (int64_t)below((uint64_t)(M.end - M.start) + 1);
    assert_int_equal(FIXTURE_OP(&F, plog_truncate(F.plog, offset, &op)), ERR_OK);
    if (offset < M.end) {
        int64_t end = offset;
        while (M.count > 0 && M.batches[M.count - 1].next > offset) {
            if (M.batches[M.count - 1].base < end)
                end = M.batches[M.count - 1].base;
            M.count--;
        }
        M.end = end;
        if (M.start > M.end)
            M.start = M.end;
        M.producers_known = false;
    }
    check_shape();
}

static void do_reset(void)
{
    M.end = M.end + (int64_t)below(100);
    M.start = M.end;
    M.count = 0;
    assert_int_equal(FIXTURE_OP(&F, plog_reset(F.plog, M.end, &op)), ERR_OK);
    memset(M.producers, 0, sizeof M.producers);
    M.producers_known = true;
    check_shape();
}

static void forget_below_start(void)
{
    size_t gone = 0;
    while (gone < M.count && M.batches[gone].next <= M.start)
        gone++;
    memmove(M.batches, M.batches + gone, (M.count - gone) * sizeof M.batches[0]);
    M.count -= gone;
}

static void do_log_start(void)
{
    if (M.count == 0)
        return;
    /* At a batch's start, so that the list need not split one. */
    int64_t offset = M.batches[below(M.count)].base;
    if (offset < M.start)
        return;
    plog_set_high_watermark(F.plog, M.end);
    assert_int_equal(plog_set_log_start(F.plog, offset), ERR_OK);
    M.start = offset;
    plog_retain(F.plog, F.e.wall_ms);
    plog_env_run(&F.e);
    forget_below_start();
    check_shape();
    struct plog_read read = {.offset = M.start > 0 ? M.start - 1 : 0,
                             .bound_offset = INT64_MAX,
                             .size_max = 100,
                             .out = OUT,
                             .out_size = sizeof OUT};
    if (M.start > 0)
        assert_int_equal(fixture_read(&F, &read), ERR_INVALID);
}

static void time_done(struct plog_time_query *query)
{
    query->done = NULL;
}

static void do_time(void)
{
    int64_t timestamp = F.e.wall_ms - 110000 + (int64_t)below(120000);
    struct plog_time_query query = {
        .timestamp_ms = timestamp, .bound_offset = INT64_MAX, .done = time_done};
    if (plog_time_query(F.plog, &query) == ERR_AGAIN)
        plog_env_run(&F.e);
    assert_int_equal(query.err, ERR_OK);
    int64_t expected = -1;
    for (size_t i = 0; i < M.count && expected < 0; i++) {
        int64_t last = M.batches[i].timestamp + (M.batches[i].next - M.batches[i].base) - 1;
        if (last >= timestamp) {
            int64_t skip =
                timestamp > M.batches[i].timestamp ? timestamp - M.batches[i].timestamp : 0;
            expected = M.batches[i].base + skip;
        }
    }
    assert_int_equal(query.found, expected >= 0);
    if (expected >= 0)
        assert_int_equal(query.offset, expected);
}

static void do_reopen(bool clean)
{
    plog_set_high_watermark(F.plog, M.end);
    if (below(2) == 0)
        assert_int_equal(FIXTURE_OP(&F, plog_checkpoint(F.plog, &op)), ERR_OK);
    if (clean)
        fixture_close(&F);
    else
        fixture_kill(&F);
    /* A node's checkpoints may be older than what was deleted or cut. */
    struct plog_opening opening = fixture_open(&F);
    assert_int_equal(opening.failed_count, 0);
    assert_int_equal(opening.truncated_bytes, 0);
    check_shape();
}

static void run_seed(uint64_t seed, int operations)
{
    fixture_init(&F, seed);
    memset(&M, 0, sizeof M);
    M.producers_known = true;
    F.e.shuffle = below(2) == 0;
    F.e.cold_of_100 = below(2) == 0 ? 0 : (unsigned)below(60);
    F.config->segment_bytes = 6000 + (int64_t)below(30000);
    F.config->index_interval_bytes = (int64_t)below(3000);
    F.config->segment_index_bytes = below(3) == 0 ? 100 + (int64_t)below(1000) : 10 << 20;
    F.config->segment_jitter_ms = 1000;
    F.config->retention_ms = -1;
    fixture_open(&F);
    for (int i = 0; i < operations; i++) {
        uint64_t draw = below(1000);
        if (draw < 300)
            do_append();
        else if (draw < 450)
            do_idempotent();
        else if (draw < 800)
            do_read();
        else if (draw < 850)
            do_time();
        else if (draw < 880)
            assert_int_equal(FIXTURE_OP(&F, plog_checkpoint(F.plog, &op)), ERR_OK);
        else if (draw < 900)
            assert_int_equal(FIXTURE_OP(&F, plog_sync(F.plog, &op)), ERR_OK);
        else if (draw < 910)
            assert_int_equal(FIXTURE_OP(&F, plog_roll(F.plog, &op)), ERR_OK);
        else if (draw < 930)
            do_log_start();
        else if (draw < 945)
            do_truncate();
        else if (draw < 948)
            do_reset();
        else if (draw < 960)
            plog_env_advance(&F.e, (int64_t)below(100000));
        else
            do_reopen(below(2) == 0);
    }
    fixture_deinit(&F);
}

static void test_random(void **state)
{
    UNUSED(state);
    const char *seed_text = getenv("PLOG_MODEL_SEED"), *count_text = getenv("PLOG_MODEL_SEEDS");
    uint64_t first = seed_text != NULL ? strtoull(seed_text, NULL, 10) : 1;
    uint64_t count = count_text != NULL  ? strtoull(count_text, NULL, 10)
                     : seed_text != NULL ? 1
                                         : 40;
    for (uint64_t seed = first; seed < first + count; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        run_seed(seed, 1500);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
