/* Producers and transactions without a log: windows, wrapping, epochs, snapshots. */
#include "plog/plog_int.h"

#include "../unit.h"
#include "base/mem.h"
#include "wire/errors.h"

static struct plog_producers *P;

static int setup(void **state)
{
    UNUSED(state);
    P = plog_producers_new();
    return 0;
}

static int teardown(void **state)
{
    UNUSED(state);
    plog_producers_free(P);
    return 0;
}

static struct batch_header data_at(int64_t offset, int32_t count, int64_t producer, int16_t epoch,
                                   int32_t sequence)
{
    return (struct batch_header){
        .base_offset = offset,
        .last_offset_delta = count - 1,
        .record_count = count,
        .max_timestamp = offset * 10,
        .producer_id = producer,
        .producer_epoch = epoch,
        .base_sequence = sequence,
    };
}

static const struct plog_marker NO_MARKER = {.coordinator_epoch = -1};

static void apply(const struct batch_header *header)
{
    plog_producers_apply(P, header, &NO_MARKER, 1000);
}

static struct plog_verdict judge(const struct batch_header *header)
{
    struct plog_append append = {.origin = PLOG_ORIGIN_CLIENT, .transaction_verified = true};
    struct plog_verdict verdict;
    plog_producers_check(P, header, &NO_MARKER, &append, &verdict);
    return verdict;
}

static void end_transaction(int64_t offset, int64_t producer, int16_t epoch, bool abort)
{
    struct batch_header header = data_at(offset, 1, producer, epoch, BATCH_NO_SEQUENCE);
    header.attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL;
    struct plog_marker marker = {true, abort, 1};
    plog_producers_apply(P, &header, &marker, 1000);
}

static void save_and_load(void)
{
    struct buf snapshot = BUF_EMPTY;
    size_t count;
    plog_producers_save(P, &snapshot);
    assert_int_equal(plog_snapshot_check(snapshot.data, snapshot.size, &count), ERR_OK);
    plog_producers_free(P);
    P = plog_producers_new();
    assert_int_equal(plog_producers_load(P, snapshot.data, count, 2000), ERR_OK);
    buf_deinit(&snapshot);
}

static void test_window(void **state)
{
    UNUSED(state);
    for (int i = 0; i < 7; i++) {
        struct batch_header header = data_at(i * 3, 3, 1, 0, i * 3);
        assert_int_equal(judge(&header).error, 0);
        apply(&header);
    }
    for (int i = 0; i < 7; i++) {
        struct batch_header header = data_at(100, 3, 1, 0, i * 3);
        struct plog_verdict verdict = judge(&header);
        if (i < 2) {
            assert_false(verdict.duplicate);
            assert_int_equal(verdict.error, WIRE_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
            assert_int_equal(verdict.history_below, -1);
        } else {
            assert_true(verdict.duplicate);
            assert_int_equal(verdict.first_offset, i * 3);
            assert_int_equal(verdict.last_offset, i * 3 + 2);
        }
    }
    /* Part of one is none. */
    struct batch_header part = data_at(100, 2, 1, 0, 18);
    assert_false(judge(&part).duplicate);
    /* A snapshot has the last one only: the others are looked for in the log. */
    save_and_load();
    struct batch_header last = data_at(100, 3, 1, 0, 18), older = data_at(100, 3, 1, 0, 9);
    assert_true(judge(&last).duplicate);
    assert_int_equal(judge(&older).history_below, 18);
    struct batch_header found[5];
    for (int i = 0; i < 5; i++)
        found[i] = data_at(3 + i * 3, 3, 1, 0, 3 + i * 3);
    plog_producers_history(P, 1, found, 5);
    assert_true(judge(&older).duplicate);
    assert_int_equal(judge(&older).first_offset, 9);
    struct batch_header too_old = data_at(100, 3, 1, 0, 3);
    assert_int_equal(judge(&too_old).error, WIRE_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(judge(&too_old).history_below, -1);
}

static void test_wrap(void **state)
{
    UNUSED(state);
    struct batch_header over = data_at(0, 4, 1, 0, INT32_MAX - 1);
    apply(&over);
    assert_true(judge(&over).duplicate);
    struct batch_header next = data_at(4, 1, 1, 0, 2), wrong = data_at(4, 1, 1, 0, INT32_MAX);
    assert_int_equal(judge(&wrong).error, WIRE_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(judge(&next).error, 0);
    struct batch_header end = data_at(5, 1, 2, 0, INT32_MAX), begin = data_at(6, 1, 2, 0, 0);
    apply(&end);
    assert_int_equal(judge(&begin).error, 0);
    apply(&begin);
    assert_true(judge(&end).duplicate);
    assert_true(judge(&begin).duplicate);
}

static void test_epochs(void **state)
{
    UNUSED(state);
    struct batch_header first = data_at(0, 1, 1, 3, 0), old = data_at(1, 1, 1, 2, 0);
    struct batch_header odd = data_at(1, 1, 1, 4, 1), bumped = data_at(1, 1, 1, 4, 0);
    apply(&first);
    assert_int_equal(judge(&old).error, WIRE_ERROR_INVALID_PRODUCER_EPOCH);
    assert_int_equal(judge(&odd).error, WIRE_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(judge(&bumped).error, 0);
    apply(&bumped);
    /* The window is of one epoch. */
    assert_false(judge(&first).duplicate);
    assert_int_equal(judge(&first).error, WIRE_ERROR_INVALID_PRODUCER_EPOCH);
    /* Nothing is known of it: every sequence is taken. */
    struct batch_header unknown = data_at(2, 1, 9, 0, 77);
    assert_int_equal(judge(&unknown).error, 0);
    /* A marker alone makes it known, without a batch. */
    end_transaction(2, 9, 0, true);
    assert_int_equal(judge(&unknown).error, WIRE_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    struct batch_header zero = data_at(3, 1, 9, 0, 0);
    assert_int_equal(judge(&zero).error, 0);
}

/* What a group coordinator writes in a transaction has no sequence; a snapshot tells of it. */
static void test_without_sequence(void **state)
{
    UNUSED(state);
    struct batch_header offsets = data_at(7, 2, 1, 5, BATCH_NO_SEQUENCE);
    offsets.attributes = BATCH_TRANSACTIONAL;
    apply(&offsets);
    save_and_load();
    assert_int_equal(plog_producers_first_open(P), 7);
    struct arena arena;
    arena_init(&arena, 1 << 16);
    struct plog_producer_info *infos;
    size_t count;
    assert_int_equal(plog_producers_list(P, &arena, &infos, &count), ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(infos[0].producer_epoch, 5);
    assert_int_equal(infos[0].last_sequence, -1);
    assert_int_equal(infos[0].transaction_start_offset, 7);
    arena_deinit(&arena);
    end_transaction(9, 1, 5, false);
    plog_producers_high_watermark(P, 10);
    assert_int_equal(plog_producers_first_unstable(P), -1);
}

static void test_transactions(void **state)
{
    UNUSED(state);
    for (int i = 0; i < 3; i++) {
        struct batch_header header = data_at(i, 1, i + 1, 0, 0);
        header.attributes = BATCH_TRANSACTIONAL;
        apply(&header);
    }
    end_transaction(3, 2, 0, true);
    end_transaction(4, 1, 0, true);
    const struct plog_txnindex_entry *aborted;
    assert_int_equal(plog_producers_aborted(P, &aborted), 2);
    /* What is stable by then: up to the oldest that is open. */
    assert_int_equal(aborted[0].producer_id, 2);
    assert_int_equal(aborted[0].first_offset, 1);
    assert_int_equal(aborted[0].last_offset, 3);
    assert_int_equal(aborted[0].last_stable_offset, 0);
    assert_int_equal(aborted[1].last_stable_offset, 2);
    assert_int_equal(plog_producers_first_open(P), 2);
    /* Ended, and not replicated. */
    plog_producers_high_watermark(P, 3);
    assert_int_equal(plog_producers_first_unstable(P), 0);
    plog_producers_high_watermark(P, 5);
    assert_int_equal(plog_producers_first_unstable(P), 2);
    /* One that is open does not expire. */
    assert_int_equal(plog_producers_expire(P, 5000, 1000), 2);
    assert_int_equal(plog_producers_count(P), 1);
}

static void test_damaged_snapshots(void **state)
{
    UNUSED(state);
    static const struct plog_snapshot_entry bad[] = {
        {-1, 0, 0, 0, 0, 0, 0, -1}, /* no producer */
        {1, 0, -2, 5, 0, 0, 0, -1}, /* no sequence is less */
        {1, 0, 0, 5, 6, 0, 0, -1},  /* begins below 0 */
        {1, 0, 0, 5, -1, 0, 0, -1}, /* ends before it begins */
        {1, 0, 0, -1, 0, 0, 0, -2}, /* no offset */
    };
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct buf snapshot = BUF_EMPTY;
        size_t count;
        plog_snapshot_begin(&snapshot);
        plog_snapshot_add(&snapshot, &bad[i]);
        plog_snapshot_end(&snapshot);
        assert_int_equal(plog_snapshot_check(snapshot.data, snapshot.size, &count), ERR_OK);
        struct plog_producers *into = plog_producers_new();
        assert_int_equal(plog_producers_load(into, snapshot.data, count, 0), ERR_CORRUPT);
        plog_producers_free(into);
        buf_deinit(&snapshot);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_window, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_epochs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_sequence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transactions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_snapshots, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
