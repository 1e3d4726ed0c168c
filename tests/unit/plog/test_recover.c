/* The table of a segment's tail: every combination of facts has one row, and each row happens. */
#include "plog/plog_load_int.h"

#include "../unit.h"
#include "plog_fixture.h"

/* Goal: the table decides everything, once. Method: all 2^N inputs. */
static void test_table_is_total_and_exclusive(void **state)
{
    UNUSED(state);
    uint32_t hits[32] = {0};
    assert_true(plog_tail_row_count <= 32);
    for (uint32_t facts = 0; facts < (UINT32_C(1) << PLOG_FACT_COUNT); facts++) {
        size_t fitting = 0, index = 0;
        for (size_t i = 0; i < plog_tail_row_count; i++) {
            bool fits = true;
            for (int fact = 0; fact < PLOG_FACT_COUNT; fact++) {
                int8_t wanted = plog_tail_rows[i].facts[fact];
                fits &= wanted == -1 || wanted == (int8_t)((facts >> fact) & 1);
            }
            if (fits) {
                fitting++;
                index = i;
            }
        }
        assert_int_equal(fitting, 1);
        assert_ptr_equal(plog_tail_decide(facts), &plog_tail_rows[index]);
        hits[index]++;
        /* Nothing is kept unless all that was looked at says so. */
        if (plog_tail_rows[index].decision == PLOG_TAIL_KEEP)
            for (int fact = PLOG_FACT_HEADER; fact < PLOG_FACT_COUNT; fact++)
                assert_true((facts >> fact) & 1);
        /* What cannot be read is never cut off. */
        if ((facts & 1) == 0)
            assert_int_equal(plog_tail_rows[index].decision, PLOG_TAIL_FAIL);
    }
    for (size_t i = 0; i < plog_tail_row_count; i++)
        assert_true(hits[i] > 0);
}

/* ---- Each row, on files --------------------------------------------------------------------- */

static struct fixture F;

#define BATCHES 6
#define BATCH_RECORDS 5

static void batch_at(int index, struct buf *out)
{
    fixture_batch(&F,
                  &(struct batch_spec){.count = BATCH_RECORDS,
                                       .value_size = 200,
                                       .timestamp = F.e.wall_ms,
                                       .base_offset = index * BATCH_RECORDS,
                                       .tag = (uint64_t)index},
                  out);
}

struct tail_case {
    const char *name;
    /* Changes the last batch's bytes, which begin at `last`, or what follows. */
    void (*damage)(struct buf *log, size_t last);
    int batches_kept;
    bool loses; /* counted as damage */
    bool metadata;
};

static void none(struct buf *log, size_t last)
{
    UNUSED(log);
    UNUSED(last);
}
static void add_zeros(struct buf *log, size_t last)
{
    UNUSED(last);
    buf_put_zeros(log, 3000000);
}
static void add_header_part(struct buf *log, size_t last)
{
    buf_reserve(log, 60);
    buf_put(log, log->data + last, 60);
}
static void add_garbage(struct buf *log, size_t last)
{
    UNUSED(last);
    for (int i = 0; i < 500; i++)
        buf_put_i8(log, (int8_t)(i * 37 + 1));
}
static void add_zeros_then_garbage(struct buf *log, size_t last)
{
    buf_put_zeros(log, 100000);
    add_garbage(log, last);
}
static void tear(struct buf *log, size_t last)
{
    UNUSED(last);
    log->size -= 7;
}
static void tear_to_prefix(struct buf *log, size_t last)
{
    log->size = last + 9;
}
static void flip_body(struct buf *log, size_t last)
{
    UNUSED(last);
    log->data[log->size - 20] ^= 4;
}
static void flip_crc(struct buf *log, size_t last)
{
    log->data[last + 18] ^= 1;
}
static void old_magic(struct buf *log, size_t last)
{
    log->data[last + 16] = 1;
}
static void tiny_length(struct buf *log, size_t last)
{
    store_be32(log->data + last + 8, 40);
}
static void negative_length(struct buf *log, size_t last)
{
    store_be32(log->data + last + 8, UINT32_C(0xffffff00));
}
static void long_length(struct buf *log, size_t last)
{
    store_be32(log->data + last + 8, 100000);
}
static void offset_back(struct buf *log, size_t last)
{
    store_be64(log->data + last, 7);
}
static void offset_negative(struct buf *log, size_t last)
{
    store_be64(log->data + last, (uint64_t)-5);
}
static void offset_far(struct buf *log, size_t last)
{
    store_be64(log->data + last, UINT64_C(1) << 40);
}
static void offset_gap(struct buf *log, size_t last)
{
    store_be64(log->data + last, (BATCHES - 1) * BATCH_RECORDS + 3);
}
static void bad_marker(struct buf *log, size_t last)
{
    /* A control batch of a producer whose key is too short. */
    struct batch_builder builder;
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    options.base_offset = (BATCHES - 1) * BATCH_RECORDS;
    options.producer_id = 3;
    options.producer_epoch = 0;
    options.transactional = true;
    options.control = true;
    struct batch_record record = {.offset = options.base_offset,
                                  .key = (const uint8_t *)"abc",
                                  .key_size = 3,
                                  .value = (const uint8_t *)"defghi",
                                  .value_size = 6};
    log->size = last;
    batch_builder_init(&builder, &options);
    assert_int_equal(batch_builder_add(&builder, &record), ERR_OK);
    assert_int_equal(batch_builder_finish(&builder, NULL, log), ERR_OK);
    batch_builder_deinit(&builder);
}
static void zero_last(struct buf *log, size_t last)
{
    memset(log->data + last, 0, log->size - last);
}
static void damage_first(struct buf *log, size_t last)
{
    UNUSED(last);
    log->data[30] ^= 1;
}
static void empty(struct buf *log, size_t last)
{
    UNUSED(last);
    log->size = 0;
}

static const struct tail_case CASES[] = {
    {"whole", none, BATCHES, false, false},
    {"preallocated", add_zeros, BATCHES, false, false},
    {"part of a header", add_header_part, BATCHES, true, false},
    {"garbage", add_garbage, BATCHES, true, false},
    {"zeros, then garbage", add_zeros_then_garbage, BATCHES, true, false},
    {"torn", tear, BATCHES - 1, true, false},
    {"torn in the length", tear_to_prefix, BATCHES - 1, true, false},
    {"a flipped bit", flip_body, BATCHES - 1, true, false},
    {"a wrong checksum", flip_crc, BATCHES - 1, true, false},
    {"an old version", old_magic, BATCHES - 1, true, false},
    {"a length below the header's", tiny_length, BATCHES - 1, true, false},
    {"a negative length", negative_length, BATCHES - 1, true, false},
    {"a length past the end", long_length, BATCHES - 1, true, false},
    {"offsets that go back", offset_back, BATCHES - 1, true, false},
    {"a negative offset", offset_negative, BATCHES - 1, true, false},
    {"an offset too far from the base", offset_far, BATCHES - 1, true, false},
    {"a gap, as compaction leaves", offset_gap, BATCHES, false, false},
    {"a gap in the metadata log", offset_gap, BATCHES - 1, true, true},
    {"a marker that is none", bad_marker, BATCHES - 1, true, false},
    {"a lost page", zero_last, BATCHES - 1, false, false},
    {"the first batch", damage_first, 0, true, false},
    {"an empty file", empty, 0, false, false},
};

static void write_file(const char *name, const void *data, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/topic-0/%s", F.e.root, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

static bool exists(const char *name)
{
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/topic-0/%s", F.e.root, name);
    return stat(path, &st) == 0;
}

static int64_t size_of(const char *name)
{
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/topic-0/%s", F.e.root, name);
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

static void make_folder(void)
{
    char path[256];
    snprintf(path, sizeof path, "%s/topic-0", F.e.root);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void run_case(const struct tail_case *c, bool later_segment)
{
    struct buf log = BUF_EMPTY;
    size_t starts[BATCHES + 1];
    fixture_init(&F, 7);
    F.kind = c->metadata ? PLOG_KIND_METADATA : PLOG_KIND_PARTITION;
    F.config->index_interval_bytes = 500;
    make_folder();
    for (int i = 0; i < BATCHES; i++) {
        starts[i] = log.size;
        batch_at(i, &log);
    }
    starts[BATCHES] = log.size;
    c->damage(&log, starts[BATCHES - 1]);
    write_file("00000000000000000000.log", log.data, log.size);
    if (later_segment) {
        struct buf later = BUF_EMPTY;
        batch_at(BATCHES, &later);
        char name[64];
        snprintf(name, sizeof name, "%020d.log", BATCHES * BATCH_RECORDS);
        write_file(name, later.data, later.size);
        write_file("00000000000000000030.index", "garbage!", 8);
        buf_deinit(&later);
    }
    struct plog_opening opening = fixture_open(&F);
    assert_int_equal(opening.failed_count, 0);
    int64_t end = c->batches_kept == BATCHES && c->damage == offset_gap
                      ? BATCHES * BATCH_RECORDS + 3
                      : c->batches_kept * BATCH_RECORDS;
    bool cut_later = c->loses || end != BATCHES * BATCH_RECORDS;
    if (later_segment && !cut_later)
        end = (BATCHES + 1) * BATCH_RECORDS;
    if (plog_end_offset(F.plog) != end)
        print_error("%s%s: ends at %lld, not %lld\n", c->name, later_segment ? " (later)" : "",
                    (long long)plog_end_offset(F.plog), (long long)end);
    assert_int_equal(plog_end_offset(F.plog), end);
    if (!later_segment)
        assert_int_equal(opening.truncated_bytes > 0, c->loses);
    assert_int_equal(size_of("00000000000000000000.log"), c->batches_kept == BATCHES
                                                              ? (int64_t)starts[BATCHES]
                                                              : (int64_t)starts[c->batches_kept]);
    assert_int_equal(exists("00000000000000000030.log"), later_segment && !cut_later);
    assert_int_equal(exists("00000000000000000030.index"), later_segment && !cut_later);
    /* It goes on from there, and is whole the next time. */
    struct plog_append append;
    struct batch_spec spec = {.count = 1, .timestamp = F.e.wall_ms};
    enum plog_origin origin = c->metadata ? PLOG_ORIGIN_RAFT : PLOG_ORIGIN_CLIENT;
    assert_int_equal(fixture_append(&F, &spec, origin, &append), ERR_OK);
    assert_int_equal(append.error, 0);
    assert_int_equal(append.first_offset, end);
    fixture_kill(&F);
    opening = fixture_open(&F);
    assert_int_equal(opening.truncated_bytes, 0);
    assert_int_equal(plog_end_offset(F.plog), end + 1);
    buf_deinit(&log);
    fixture_deinit(&F);
}

static void test_cases(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_COUNT(CASES); i++)
        run_case(&CASES[i], false);
}

static void test_cases_with_later_segment(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_COUNT(CASES); i++) {
        if (!CASES[i].metadata)
            run_case(&CASES[i], true);
    }
}

/* Every length that a crash may have left: the log is a prefix of what was written. */
static void test_every_length(void **state)
{
    UNUSED(state);
    struct buf log = BUF_EMPTY;
    fixture_init(&F, 7);
    make_folder();
    size_t starts[4];
    for (int i = 0; i < 3; i++) {
        starts[i] = log.size;
        batch_at(i, &log);
    }
    starts[3] = log.size;
    for (size_t size = 0; size <= log.size; size += size < 100 ? 1 : 13) {
        write_file("00000000000000000000.log", log.data, size);
        int whole = 0;
        while (whole < 3 && starts[whole + 1] <= size)
            whole++;
        F.recovery_point = 0;
        fixture_open(&F);
        assert_int_equal(plog_end_offset(F.plog), whole * BATCH_RECORDS);
        fixture_kill(&F);
    }
    buf_deinit(&log);
    fixture_deinit(&F);
}

/* Leftovers of deletion and compaction. */
static void test_leftovers(void **state)
{
    UNUSED(state);
    struct buf a = BUF_EMPTY, b = BUF_EMPTY, c = BUF_EMPTY;
    fixture_init(&F, 7);
    make_folder();
    batch_at(0, &a);
    batch_at(1, &b);
    batch_at(2, &c);
    write_file("00000000000000000000.log", a.data, a.size);
    write_file("00000000000000000005.log", b.data, b.size);
    write_file("00000000000000000010.log", c.data, c.size);
    /* Compaction merged the first two, keeping the second's batch. */
    write_file("00000000000000000000.log.swap", b.data, b.size);
    write_file("00000000000000000000.index.swap", "", 0);
    write_file("00000000000000000000.timeindex.swap", "", 0);
    write_file("00000000000000000007.log.deleted", b.data, b.size);
    write_file("00000000000000000099.index", "", 0);
    write_file("notes.txt", "mine", 4);
    fixture_open(&F);
    assert_int_equal(plog_end_offset(F.plog), 15);
    assert_int_equal(plog_segment_count(F.plog), 2);
    assert_false(exists("00000000000000000005.log"));
    assert_false(exists("00000000000000000007.log.deleted"));
    assert_false(exists("00000000000000000000.log.swap"));
    assert_false(exists("00000000000000000099.index"));
    assert_true(exists("notes.txt"));
    fixture_kill(&F);
    /* A set that was not whole. */
    write_file("00000000000000000010.log.swap", a.data, a.size);
    write_file("00000000000000000000.log.cleaned", a.data, a.size);
    fixture_open(&F);
    assert_int_equal(plog_end_offset(F.plog), 15);
    assert_false(exists("00000000000000000010.log.swap"));
    assert_false(exists("00000000000000000000.log.cleaned"));
    buf_deinit(&a);
    buf_deinit(&b);
    buf_deinit(&c);
    fixture_deinit(&F);
}

/* What cannot be understood is told by name. */
static void test_clear_errors(void **state)
{
    UNUSED(state);
    fixture_init(&F, 7);
    make_folder();
    write_file("leader-epoch-checkpoint", "0\n1\nx 0\n", 8);
    struct plog_opening opening = fixture_open(&F);
    assert_int_equal(opening.failed_count, 1);
    assert_int_equal(plog_state(F.plog), PLOG_STATE_FAILED);
    assert_non_null(strstr(plog_error_text(F.plog), "leader-epoch-checkpoint"));
    plog_free(F.plog);
    write_file("leader-epoch-checkpoint", "", 0);
    const char *other = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAEQ\n";
    write_file("partition.metadata", other, strlen(other));
    opening = fixture_open(&F);
    assert_int_equal(plog_error(F.plog), ERR_INVALID);
    assert_non_null(strstr(plog_error_text(F.plog), "AAAAAAAAAAAAAAAAAAAAEQ"));
    plog_free(F.plog);
    write_file("partition.metadata", "", 0);
    opening = fixture_open(&F);
    assert_int_equal(plog_state(F.plog), PLOG_STATE_OPEN);
    fixture_deinit(&F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_total_and_exclusive),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_cases_with_later_segment),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_leftovers),
        cmocka_unit_test(test_clear_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
