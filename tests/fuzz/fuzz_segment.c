/*
 * Anything as the files of a partition: the log opens or says why not, in bounded time; what it
 * then has is read from its start to its end without a hole, found by time, told of its aborted
 * transactions; it takes appends of a producer that the files may know, transactions of it and
 * their markers; it is retained and truncated, and opens again with the same end.
 *
 * Input: a byte of flags, then for each file two bytes of length and the content: .log, .index,
 * .timeindex, .txnindex, .snapshot, leader-epoch-checkpoint, and the .log of a later segment.
 */
#include "base/bytes.h"
#include "base/hash.h"
#include "base/log.h"
#include "plog/plog.h"
#include "plog/plog_files.h"
#include "plog_world.h"
#include "wire/batch.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum flags { CLEAN = 1, RIGHT = 2, METADATA = 4, RECOVERY_POINT = 8, COMPACT = 16, RESUME = 32 };

struct input {
    const uint8_t *data;
    size_t size;
};

static void put_file(struct input *input, const char *name, bool right)
{
    char path[WORLD_NAME_BYTES];
    if (input->size < 2)
        return;
    size_t size = load_be16(input->data);
    input->data += 2;
    input->size -= 2;
    if (size > input->size)
        size = input->size;
    uint8_t *copy = mem_alloc(size + 1);
    if (size > 0)
        memcpy(copy, input->data, size);
    input->data += size;
    input->size -= size;
    /* Checksums made right, or nothing would get past them. */
    if (right && strstr(name, ".log") != NULL) {
        for (size_t at = 0; size - at >= BATCH_HEADER_BYTES;) {
            size_t batch;
            int8_t magic;
            if (batch_peek(copy + at, size - at, &batch, &magic) != ERR_OK || batch > size - at)
                break;
            batch_update_crc(copy + at, batch);
            at += batch;
        }
    } else if (right && strstr(name, ".snapshot") != NULL && size >= PLOG_SNAPSHOT_HEADER_BYTES) {
        store_be32(copy + 2, crc32c(0, copy + 6, size - 6));
    }
    snprintf(path, sizeof path, "/d/t-0/%s", name);
    world_put(path, copy, size);
    mem_free(copy);
}

static void opened(struct plog_opening *opening)
{
    UNUSED(opening);
}

static void op_done(struct plog_op *op)
{
    UNUSED(op);
}

static void ready(struct plog *plog, struct plog_waiter *waiter)
{
    UNUSED(plog);
    UNUSED(waiter);
}

static struct plog *open_log(struct plog_host *host, struct plog_config *config, uint8_t flags,
                             int64_t recovery_point)
{
    struct plog *plog = plog_new(&(struct plog_options){
        .host = host,
        .kind = (flags & METADATA) != 0 ? PLOG_KIND_METADATA : PLOG_KIND_PARTITION,
        .topic = "t",
        .config = config,
        .clean = (flags & CLEAN) != 0,
        .recovery_point = recovery_point,
    });
    struct plog_opening opening = {.plogs = &plog, .count = 1, .create = true, .done = opened};
    plog_open(host, &opening);
    world_run();
    return plog;
}

static uint8_t OUT[1 << 17];

static void read_done(struct plog_read *read)
{
    UNUSED(read);
}

/* Damage below the recovery point is found by readers. */
static bool read_all(struct plog *plog)
{
    int64_t offset = plog_log_start_offset(plog), end = plog_end_offset(plog);
    ASSERT(offset >= 0 && offset <= end);
    while (offset < end) {
        struct plog_read read = {.offset = offset,
                                 .bound_offset = INT64_MAX,
                                 .size_max = sizeof OUT,
                                 .min_one_batch = true,
                                 .out = OUT,
                                 .out_size = sizeof OUT,
                                 .done = read_done};
        if (plog_read(plog, &read) == ERR_AGAIN)
            world_run();
        if (read.err == ERR_CORRUPT)
            return false;
        ASSERT(read.err == ERR_OK);
        if (read.size == 0)
            return true; /* nothing but a gap, or a batch larger than the buffer */
        ASSERT(read.next_offset > offset && read.next_offset <= end);
        offset = read.next_offset;
    }
    return true;
}

static void time_done(struct plog_time_query *query)
{
    UNUSED(query);
}

static void aborted_done(struct plog_aborted *aborted)
{
    UNUSED(aborted);
}

/* Lookups: whatever they find lies within the log; damage that no recovery looked at is told. */
static void look(struct plog *plog)
{
    static const int64_t times[] = {0, 1, 1700000000000, INT64_MAX};
    int64_t start = plog_log_start_offset(plog), end = plog_end_offset(plog);
    for (size_t i = 0; i <= ARRAY_COUNT(times); i++) {
        struct plog_time_query query = {
            .kind = i == ARRAY_COUNT(times) ? PLOG_TIME_MAX : PLOG_TIME_FIRST_AT_OR_AFTER,
            .timestamp_ms = i == ARRAY_COUNT(times) ? 0 : times[i],
            .bound_offset = end,
            .done = time_done,
        };
        if (plog_time_query(plog, &query) == ERR_AGAIN)
            world_run();
        ASSERT(query.err == ERR_OK || query.err == ERR_CORRUPT || query.err == ERR_LIMIT ||
               query.err == ERR_TRUNCATED);
        ASSERT(query.err != ERR_OK || !query.found ||
               (query.offset >= start && query.offset < end));
    }
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct plog_aborted aborted = {
        .offset = start, .bound_offset = end, .arena = &arena, .done = aborted_done};
    if (plog_aborted(plog, &aborted) == ERR_AGAIN)
        world_run();
    ASSERT(aborted.err == ERR_OK);
    for (size_t i = 0; i < aborted.count; i++)
        ASSERT(aborted.txns[i].last_offset >= start && aborted.txns[i].first_offset < end);
    struct plog_producer_info *producers;
    size_t count;
    enum err err = plog_producer_list(plog, &arena, &producers, &count);
    ASSERT(err == ERR_OK && count == plog_producer_count(plog));
    arena_deinit(&arena);
    ASSERT(plog_stable_offset(plog) <= plog_high_watermark(plog));
}

/* Appends; true when it was taken. */
static bool append_bytes(struct plog *plog, struct plog_append *request)
{
    enum err err = ERR_AGAIN;
    request->wall_ms = 1700000000000;
    for (int i = 0; i < 20 && err == ERR_AGAIN; i++) {
        struct plog_waiter waiter = {.ready = ready};
        list_init(&waiter.node);
        err = plog_append(plog, request);
        if (err == ERR_AGAIN) {
            plog_wait(plog, &waiter);
            world_run();
        }
    }
    ASSERT(err == ERR_OK);
    return request->error == 0;
}

static bool append(struct plog *plog, enum plog_origin origin, int64_t producer_id,
                   int32_t sequence, bool transactional)
{
    struct buf bytes = BUF_EMPTY;
    struct batch_builder builder;
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    options.producer_id = producer_id;
    options.producer_epoch = producer_id < 0 ? BATCH_NO_PRODUCER_EPOCH : 0;
    options.base_sequence = producer_id < 0 ? BATCH_NO_SEQUENCE : sequence;
    options.transactional = transactional;
    batch_builder_init(&builder, &options);
    enum err err = batch_builder_add(&builder, &(struct batch_record){.key = (const uint8_t *)"k",
                                                                      .key_size = 1,
                                                                      .value = (const uint8_t *)"v",
                                                                      .value_size = 1});
    ASSERT(err == ERR_OK);
    err = batch_builder_finish(&builder, NULL, &bytes);
    ASSERT(err == ERR_OK);
    batch_builder_deinit(&builder);
    struct plog_append request = {
        .data = bytes.data, .size = bytes.size, .origin = origin, .transaction_verified = true};
    bool taken = append_bytes(plog, &request);
    buf_deinit(&bytes);
    return taken;
}

static void mark(struct plog *plog, int64_t producer_id, bool commit)
{
    struct buf bytes = BUF_EMPTY;
    batch_end_txn_put(&bytes, 0, 0, 1700000000000, producer_id, INT16_MAX, commit, INT32_MAX);
    struct plog_append request = {
        .data = bytes.data, .size = bytes.size, .origin = PLOG_ORIGIN_COORDINATOR};
    bool taken = append_bytes(plog, &request);
    ASSERT(taken);
    buf_deinit(&bytes);
}

/* Appends of all kinds; what the files say of the producers decides which of them are taken. */
static void write_on(struct plog *plog, uint8_t flags)
{
    if ((flags & METADATA) != 0) {
        bool taken = append(plog, PLOG_ORIGIN_RAFT, -1, 0, false);
        ASSERT(taken);
        return;
    }
    bool taken = append(plog, PLOG_ORIGIN_CLIENT, -1, 0, false);
    ASSERT(taken);
    for (int64_t producer = 0; producer < 3; producer++) {
        for (int32_t sequence = 0; sequence < 4; sequence++)
            (void)append(plog, PLOG_ORIGIN_CLIENT, producer, sequence, sequence % 2 == 1);
        mark(plog, producer, producer == 1);
    }
    if ((flags & RESUME) == 0)
        return;
    plog_set_high_watermark(plog, plog_end_offset(plog));
    struct plog_op op = {.done = op_done};
    plog_roll(plog, &op);
    world_run();
    (void)plog_retain(plog, 1800000000000);
    world_run();
    op = (struct plog_op){.done = op_done};
    plog_truncate(plog, plog_end_offset(plog) - 2, &op);
    world_run();
    ASSERT(op.err == ERR_OK);
}

static void use(struct plog_host *host, struct plog_config *config, uint8_t flags,
                int64_t recovery_point)
{
    struct plog *plog = open_log(host, config, flags, recovery_point);
    if (plog_state(plog) != PLOG_STATE_OPEN) {
        ASSERT(plog_error_text(plog)[0] != 0);
        plog_free(plog);
        return;
    }
    bool whole = read_all(plog);
    /* What was scanned is whole. */
    ASSERT(whole || (flags & CLEAN) != 0 || recovery_point > 0);
    look(plog);
    if (plog_end_offset(plog) < INT64_MAX - 100)
        write_on(plog, flags);
    int64_t end = plog_end_offset(plog);
    struct plog_op op = {.done = op_done};
    plog_close(plog, &op);
    world_run();
    ASSERT(op.err == ERR_OK && plog_state(plog) == PLOG_STATE_CLOSED);
    plog_free(plog);
    world_run();
    plog = open_log(host, config, (uint8_t)(flags | CLEAN), end);
    ASSERT(plog_state(plog) == PLOG_STATE_OPEN || !whole);
    ASSERT(plog_end_offset(plog) == end || !whole);
    if (plog_state(plog) == PLOG_STATE_OPEN) {
        op = (struct plog_op){.done = op_done};
        plog_close(plog, &op);
        world_run();
    }
    plog_free(plog);
    world_run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const dirs[] = {"/d"};
    if (size == 0)
        return 0;
    uint8_t flags = data[0];
    struct input input = {data + 1, size - 1};
    log_set_level(LOG_LEVEL_NONE);
    world_init();
    (void)world_make("/d", true);
    (void)world_make("/d/t-0", true);
    bool right = (flags & RIGHT) != 0;
    put_file(&input, "00000000000000000000.log", right);
    put_file(&input, "00000000000000000000.index", right);
    put_file(&input, "00000000000000000000.timeindex", right);
    put_file(&input, "00000000000000000000.txnindex", right);
    put_file(&input, "00000000000000000005.snapshot", right);
    put_file(&input, "leader-epoch-checkpoint", right);
    put_file(&input, "00000000000000000010.log", right);
    struct plog_config *config = plog_config_new();
    config->index_interval_bytes = 100;
    if ((flags & COMPACT) != 0)
        config->cleanup_policy = PLOG_CLEANUP_COMPACT | PLOG_CLEANUP_DELETE;
    config->message_timestamp_after_max_ms = INT64_MAX;
    struct plog_host *host =
        plog_host_new(&(struct plog_host_options){.env = &W.env, .dirs = dirs, .dir_count = 1});
    use(host, config, flags, (flags & RECOVERY_POINT) != 0 ? 7 : 0);
    world_run();
    plog_host_free(host);
    plog_config_unref(config);
    world_deinit();
    return 0;
}
