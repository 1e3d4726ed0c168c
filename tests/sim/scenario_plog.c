#include "scenario_plog.h"

#include "base/mem.h"
#include "codec/codec.h"
#include "plog/plog.h"
#include "plog/plog_dir.h"
#include "wire/batch.h"
#include "wire/errors.h"

#include <stdio.h>
#include <string.h>

#define DIR "/data"
#define BATCHES_MAX 3000
#define MAYBE_MAX 16
#define PRODUCERS 4 /* 0: idempotent; the others transactional */

/* ---- The truth ---- */

struct true_batch {
    int64_t base;
    int64_t next;
    uint64_t tag;
    int32_t epoch;
    int32_t producer; /* -1: none */
    int32_t sequence;
    int8_t marker; /* -1: data; 0: abort; 1: commit */
    int64_t timestamp_ms;
};

enum op {
    OP_NONE,
    OP_APPEND,
    OP_SYNC,
    OP_CHECKPOINT,
    OP_ROLL,
    OP_TRUNCATE,
    OP_RESET,
    OP_LOG_START,
    OP_READ,
    OP_CLOSE,
};

struct truth {
    struct true_batch batches[BATCHES_MAX];
    size_t count;
    int64_t first; /* the log began here when it was last reset */
    int64_t start; /* the log start may be anywhere up to this */
    int64_t end;
    int64_t durable;
    /* Appends at the end that failed, or were under way: one of them may be there. */
    size_t maybe_count;
    struct true_batch maybe[MAYBE_MAX];
    /* Under way. */
    enum op op;
    int64_t op_offset;
    bool lossy; /* a power loss, or an error of the disk: only what is durable is certain */
    int32_t epoch;
    uint64_t next_tag;
    bool open_transactions[PRODUCERS];
    int32_t sequences[PRODUCERS];
};

struct scenario_plog {
    struct sim_world *world;
    struct sim_node *node;
    struct prng prng;
    struct plog_scenario_options options;
    struct truth truth;
    struct process *process; /* NULL while down */
    uint64_t boots;
    bool stopping;
};

static struct scenario_plog *S;

#define CHECK(condition, ...) SIM_CHECK(S->world, condition, __VA_ARGS__)

/* ---- The process ---- */

struct process {
    struct env *env;
    struct plog_host *host;
    struct plog_config *config;
    struct codec_context *codec;
    struct plog *plog;
    struct env_file *lock;
    struct plog_opening opening;
    bool opened;
    bool busy; /* an operation is under way */
    struct plog_op op;
    struct plog_waiter waiter;
    struct plog_append append;
    struct buf bytes;
    struct true_batch batch;
    struct arena arena;
    /* Reading all of it. */
    struct plog_read read;
    uint8_t *out;
    bool verifying;
    size_t verify_index;
    struct plog_aborted aborted;
    struct plog_time_query time;
    /* The directory's checkpoints. */
    struct env_job job;
    struct env_queue queue;
    int64_t recovery_point;
    int64_t log_start;
    bool mark_clean;
    bool must_store; /* nothing is appended before it is done */
    enum err job_err;
    void (*after)(struct process *p); /* what the operation goes on with */
    int64_t captured_end;
};

#define OUT_BYTES ((size_t)1 << 18)

static void op_over(struct process *p)
{
    S->truth.op = OP_NONE;
    p->busy = false;
}

static void store_rows(struct process *p, void (*after)(struct process *));

static void rows_lowered(struct process *p)
{
    p->opened = true;
}

static void opened(struct plog_opening *opening)
{
    struct process *p = CONTAINER_OF(opening, struct process, opening);
    p->must_store = opening->shortened_count > 0;
    if (p->must_store)
        store_rows(p, rows_lowered);
    else
        p->opened = true;
}

static void dir_failed(void *context, uint32_t dir, enum err err, const char *what)
{
    UNUSED(context);
    UNUSED(dir);
    sim_log(S->world, "the directory failed: %s (%s)", what, err_text(err));
}

static void *boot(void *context, const struct sim_process_options *options)
{
    UNUSED(context);
    static const char *const dirs[] = {DIR};
    struct process *p = mem_zalloc(sizeof *p);
    struct plog_dir_content content;
    struct plog_folder_info info = {0};
    char error[PLOG_DIR_ERROR_BYTES];
    bool clean = false;
    p->env = options->envs[0];
    enum err err = plog_dir_lock(options->disk, DIR, &p->lock, error);
    if (err == ERR_OK)
        err = plog_dir_load(options->disk, DIR, &content, error);
    if (err == ERR_OK) {
        clean = content.clean;
        for (size_t i = 0; i < content.count; i++) {
            if (content.folders[i].kind == PLOG_FOLDER_PARTITION)
                info = content.folders[i];
        }
        err = plog_dir_begin(options->disk, DIR);
    }
    if (err != ERR_OK) {
        /* Only an error of the disk may be the reason; the node comes up without the log. */
        CHECK(err == ERR_IO || err == ERR_NOSPACE, "boot: %s", error);
        p->opened = true;
        S->process = p;
        return p;
    }
    p->config = plog_config_new();
    p->config->segment_bytes = 4000 + (int64_t)sim_draw(&S->prng, 20000);
    p->config->index_interval_bytes = (int64_t)sim_draw(&S->prng, 1000);
    p->config->retention_ms = -1;
    p->config->file_delete_delay_ms = 1000;
    p->codec = codec_context_new();
    p->host = plog_host_new(
        &(struct plog_host_options){.env = p->env,
                                    .dirs = dirs,
                                    .dir_count = 1,
                                    .idle_close_ms = 3000,
                                    /* a new log is synced either way */
                                    .volume_sync_min = p->config->segment_bytes % 2 == 0 ? 1 : 0,
                                    .dir_failed = dir_failed});
    p->plog = plog_new(&(struct plog_options){
        .host = p->host,
        .topic = "t",
        .topic_id = (struct uuid){{1}},
        .config = p->config,
        .clean = clean,
        .recovery_point = info.recovery_point,
        .log_start_offset = info.log_start_offset,
        .high_watermark = info.high_watermark,
    });
    plog_dir_content_deinit(&content);
    p->opening =
        (struct plog_opening){.plogs = &p->plog, .count = 1, .create = true, .done = opened};
    plog_open(p->host, &p->opening);
    arena_init(&p->arena, ARENA_LIMIT_DEFAULT_BYTES);
    list_init(&p->waiter.node);
    env_queue_init(&p->queue, 0);
    p->out = mem_alloc(OUT_BYTES);
    S->process = p;
    return p;
}

static void process_free(void *context, void *process)
{
    UNUSED(context);
    struct process *p = process;
    plog_free(p->plog);
    plog_host_free(p->host);
    plog_config_unref(p->config);
    if (p->codec != NULL)
        codec_context_free(p->codec);
    arena_deinit(&p->arena);
    buf_deinit(&p->bytes);
    mem_free(p->out);
    mem_free(p);
    S->process = NULL;
}

/* ---- Appends ---- */

static void make_batch(struct process *p, const struct true_batch *batch, int32_t count)
{
    buf_clear(&p->bytes);
    if (batch->marker >= 0) {
        batch_end_txn_put(&p->bytes, 0, batch->epoch, batch->timestamp_ms, batch->producer, 0,
                          batch->marker == 1, 0);
        return;
    }
    struct batch_builder builder;
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    if (batch->producer >= 0) {
        options.producer_id = batch->producer;
        options.producer_epoch = 0;
        options.base_sequence = batch->sequence;
        options.transactional = batch->producer > 0;
    }
    batch_builder_init(&builder, &options);
    uint8_t value[600] = {0};
    size_t size = 16 + (size_t)sim_draw(&S->prng, sizeof value - 16);
    for (int32_t i = 0; i < count; i++) {
        snprintf((char *)value, sizeof value, "%llu", (unsigned long long)batch->tag);
        struct batch_record record = {
            .offset = i, .timestamp = batch->timestamp_ms, .value = value, .value_size = size};
        enum err err = batch_builder_add(&builder, &record);
        ASSERT(err == ERR_OK);
    }
    enum err err = batch_builder_finish(&builder, p->codec, &p->bytes);
    ASSERT(err == ERR_OK);
    batch_builder_deinit(&builder);
}

static void append_try(struct process *p)
{
    struct truth *t = &S->truth;
    enum err err = plog_append(p->plog, &p->append);
    if (err == ERR_AGAIN) {
        plog_wait(p->plog, &p->waiter);
        return;
    }
    if (err == ERR_OK && p->append.error == WIRE_ERROR_NONE) {
        CHECK(!p->append.duplicate, "a new batch is called a duplicate: producer %d, sequence %d",
              p->batch.producer, p->batch.sequence);
        CHECK(p->append.first_offset == t->end, "appended at %lld, not %lld",
              (long long)p->append.first_offset, (long long)t->end);
        p->batch.base = p->append.first_offset;
        p->batch.next = p->append.last_offset + 1;
        t->batches[t->count++] = p->batch;
        if (S->world->trace)
            sim_log(S->world, "producer %d, sequence %d, marker %d", p->batch.producer,
                    p->batch.sequence, p->batch.marker);
        t->end = p->batch.next;
        t->maybe_count = 0;
        if (p->batch.producer >= 0 && p->batch.marker < 0) {
            t->sequences[p->batch.producer] += (int32_t)(p->batch.next - p->batch.base);
            t->open_transactions[p->batch.producer] |= p->batch.producer > 0;
        } else if (p->batch.producer >= 0) {
            t->open_transactions[p->batch.producer] = false;
        }
    } else {
        CHECK(err != ERR_OK, "refused with %d (%s): producer %d, sequence %d, marker %d",
              p->append.error, p->append.error_message, p->batch.producer, p->batch.sequence,
              p->batch.marker);
        sim_log(S->world, "append: %s", err_text(err));
    }
    op_over(p);
}

static void append_ready(struct plog *plog, struct plog_waiter *waiter)
{
    UNUSED(plog);
    append_try(CONTAINER_OF(waiter, struct process, waiter));
}

static void start_append(struct process *p)
{
    struct truth *t = &S->truth;
    if (t->count + 2 >= BATCHES_MAX) {
        op_over(p);
        return;
    }
    if (sim_draw(&S->prng, 20) == 0)
        t->epoch++;
    p->batch =
        (struct true_batch){.tag = t->next_tag++, .epoch = t->epoch, .producer = -1, .marker = -1};
    /* Mostly ascending. Markers are before all of them, and found by nobody who looks for a time.
     */
    p->batch.timestamp_ms = env_wall_ms(p->env) - (int64_t)sim_draw(&S->prng, 20);
    int32_t count = 1 + (int32_t)sim_draw(&S->prng, 4);
    if (sim_draw(&S->prng, 2) > 0) {
        p->batch.producer = (int32_t)sim_draw(&S->prng, PRODUCERS - 1);
        p->batch.sequence = t->sequences[p->batch.producer];
        if (t->open_transactions[p->batch.producer] && sim_draw(&S->prng, 1) == 0) {
            p->batch.marker = (int8_t)sim_draw(&S->prng, 1);
            p->batch.timestamp_ms = 1;
            count = 1;
        }
    }
    make_batch(p, &p->batch, count);
    p->append = (struct plog_append){
        .data = p->bytes.data,
        .size = p->bytes.size,
        .origin = p->batch.marker >= 0 ? PLOG_ORIGIN_COORDINATOR : PLOG_ORIGIN_CLIENT,
        .transaction_verified = true,
        .leader_epoch = p->batch.epoch,
        .wall_ms = env_wall_ms(p->env),
        .arena = &p->arena,
    };
    /* If the machine dies now it may be there. */
    if (t->maybe_count == MAYBE_MAX)
        t->maybe_count = MAYBE_MAX - 1;
    struct true_batch *maybe = &t->maybe[t->maybe_count++];
    *maybe = p->batch;
    maybe->base = t->end;
    maybe->next = t->end + count;
    p->waiter.ready = append_ready;
    append_try(p);
}

/* ---- The directory's checkpoints ---- */

static void rows_run(struct env_job *job, struct env_disk *disk)
{
    struct process *p = CONTAINER_OF(job, struct process, job);
    struct plog_checkpoint_row row = {"t", 0, p->recovery_point};
    p->job_err = plog_checkpoint_store(disk, DIR, PLOG_CHECKPOINT_RECOVERY_POINT, &row, 1);
    row.offset = p->log_start;
    if (p->job_err == ERR_OK)
        p->job_err = plog_checkpoint_store(disk, DIR, PLOG_CHECKPOINT_LOG_START, &row, 1);
    if (p->job_err == ERR_OK && p->mark_clean)
        p->job_err = plog_dir_mark_clean(disk, DIR, 7);
    if (p->mark_clean)
        disk_close(disk, p->lock);
}

static void rows_done(struct env *env, struct env_job *job)
{
    struct process *p = CONTAINER_OF(job, struct process, job);
    UNUSED(env);
    if (p->job_err != ERR_OK && p->must_store) {
        env_submit(p->env, &p->queue, &p->job);
        return;
    }
    p->must_store = false;
    p->after(p);
}

static void store_rows(struct process *p, void (*after)(struct process *))
{
    p->recovery_point = plog_recovery_point(p->plog);
    p->log_start = plog_log_start_offset(p->plog);
    p->after = after;
    p->job.run = rows_run;
    p->job.done = rows_done;
    env_submit(p->env, &p->queue, &p->job);
}

/* ---- Operations ---- */

static void sync_done(struct plog_op *op)
{
    struct process *p = CONTAINER_OF(op, struct process, op);
    if (op->err == ERR_OK && p->captured_end > S->truth.durable) {
        S->truth.durable = p->captured_end;
        S->truth.maybe_count = 0;
    }
    op_over(p);
}

static void checkpoint_done(struct plog_op *op)
{
    struct process *p = CONTAINER_OF(op, struct process, op);
    if (op->err == ERR_OK && p->captured_end > S->truth.durable)
        S->truth.durable = p->captured_end;
    if (op->err == ERR_OK)
        store_rows(p, op_over);
    else
        op_over(p);
}

static void cut_truth(int64_t end)
{
    struct truth *t = &S->truth;
    while (t->count > 0 && t->batches[t->count - 1].next > end) {
        if (t->batches[t->count - 1].base < end)
            end = t->batches[t->count - 1].base;
        t->count--;
    }
    if (end < t->end)
        t->end = end;
    if (t->durable > t->end)
        t->durable = t->end;
    if (t->start > t->end)
        t->start = t->end;
}

/* What producers are at, from the batches that there are. Where deletion has taken a producer's
 * last data, what was known of it may be lost with a snapshot: the log is asked. */
static void derive_producers(struct process *p)
{
    struct truth *t = &S->truth;
    int64_t last_base[PRODUCERS];
    memset(t->sequences, 0, sizeof t->sequences);
    memset(t->open_transactions, 0, sizeof t->open_transactions);
    memset(last_base, 0xff, sizeof last_base);
    for (size_t i = 0; i < t->count; i++) {
        const struct true_batch *batch = &t->batches[i];
        if (batch->producer < 0)
            continue;
        if (batch->marker < 0) {
            t->sequences[batch->producer] = batch->sequence + (int32_t)(batch->next - batch->base);
            last_base[batch->producer] = batch->base;
        }
        t->open_transactions[batch->producer] = batch->marker < 0 && batch->producer > 0;
    }
    struct plog_producer_info *infos;
    size_t count;
    enum err err = plog_producer_list(p->plog, &p->arena, &infos, &count);
    ASSERT(err == ERR_OK);
    for (size_t i = 0; S->world->trace && i < count; i++)
        sim_log(S->world, "the log's producer %d is at %d", (int)infos[i].producer_id,
                infos[i].last_sequence);
    for (int32_t id = 0; id < PRODUCERS; id++) {
        if (last_base[id] < 0 || last_base[id] >= plog_log_start_offset(p->plog))
            continue;
        t->sequences[id] = 0;
        t->open_transactions[id] = false;
        for (size_t i = 0; i < count; i++) {
            if (infos[i].producer_id != id)
                continue;
            t->sequences[id] = infos[i].last_sequence + 1;
            t->open_transactions[id] = infos[i].transaction_start_offset >= 0;
        }
    }
}

static void truncate_done(struct plog_op *op)
{
    struct process *p = CONTAINER_OF(op, struct process, op);
    if (op->err != ERR_OK) {
        /* Half of it may be done; the directory is offline. The truth decides at the next boot. */
        p->busy = false;
        return;
    }
    cut_truth(S->truth.op_offset);
    S->truth.maybe_count = 0;
    derive_producers(p);
    CHECK(plog_end_offset(p->plog) == S->truth.end, "truncated to %lld, not %lld",
          (long long)plog_end_offset(p->plog), (long long)S->truth.end);
    /* The recovery point may have gone back: it is noted before anything is appended. */
    S->truth.op = OP_NONE;
    p->must_store = true;
    store_rows(p, op_over);
}

static void reset_truth(struct process *p, int64_t offset)
{
    struct truth *t = &S->truth;
    t->count = 0;
    t->first = t->start = t->end = t->durable = offset;
    t->maybe_count = 0;
    derive_producers(p);
}

static void reset_done(struct plog_op *op)
{
    struct process *p = CONTAINER_OF(op, struct process, op);
    if (op->err != ERR_OK) {
        p->busy = false;
        return;
    }
    reset_truth(p, S->truth.op_offset);
    S->truth.op = OP_NONE;
    p->must_store = true;
    store_rows(p, op_over);
}

static void roll_done(struct plog_op *op)
{
    op_over(CONTAINER_OF(op, struct process, op));
}

static void stopped(struct process *p)
{
    S->truth.op = OP_NONE;
    p->busy = false;
    S->stopping = false;
    sim_node_stopped(S->node);
}

static void wait_idle(struct process *p);

static void idle_fire(struct env *env, struct env_timer *timer);

static struct env_timer idle_timer;

static void idle_fire(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    UNUSED(timer);
    wait_idle(S->process);
}

static void wait_idle(struct process *p)
{
    if (plog_host_is_idle(p->host)) {
        stopped(p);
        return;
    }
    env_timer_init(&idle_timer, idle_fire);
    env_timer_set_ms(p->env, &idle_timer, 1);
}

static void close_done(struct plog_op *op)
{
    struct process *p = CONTAINER_OF(op, struct process, op);
    if (op->err == ERR_OK) {
        S->truth.durable = S->truth.end;
        S->truth.maybe_count = 0;
        p->mark_clean = true;
        S->stopping = true;
        store_rows(p, wait_idle);
    } else {
        op_over(p);
    }
}

static void read_done(struct plog_read *read);

static void read_more(struct process *p, int64_t offset)
{
    p->read = (struct plog_read){
        .offset = offset,
        .bound_offset = INT64_MAX,
        .size_max = 1 + (size_t)sim_draw(&S->prng, 8000),
        .min_one_batch = true,
        .out = p->out,
        .out_size = OUT_BYTES,
        .done = read_done,
    };
    if (plog_read(p->plog, &p->read) != ERR_AGAIN)
        read_done(&p->read);
}

static const char *op_name(enum op op)
{
    static const char *const names[] = {"none",     "append", "sync",      "checkpoint", "roll",
                                        "truncate", "reset",  "log start", "read",       "close"};
    return names[op];
}

static void start_op(struct env *env, void *context)
{
    struct process *p = S->process;
    struct truth *t = &S->truth;
    UNUSED(env);
    t->op = *(enum op *)context;
    p->busy = true;
    p->captured_end = plog_end_offset(p->plog);
    p->op = (struct plog_op){0};
    sim_log(S->world, "%s at %lld, durable %lld", op_name(t->op), (long long)t->end,
            (long long)t->durable);
    switch (t->op) {
    case OP_APPEND:
        start_append(p);
        return;
    case OP_SYNC:
        p->op.done = sync_done;
        plog_sync(p->plog, &p->op);
        return;
    case OP_CHECKPOINT:
        p->op.done = checkpoint_done;
        plog_checkpoint(p->plog, &p->op);
        return;
    case OP_ROLL:
        p->op.done = roll_done;
        plog_roll(p->plog, &p->op);
        return;
    case OP_TRUNCATE:
        p->op.done = truncate_done;
        t->op_offset = t->start + (int64_t)sim_draw(&S->prng, (uint64_t)(t->end - t->start));
        plog_truncate(p->plog, t->op_offset, &p->op);
        return;
    case OP_RESET:
        p->op.done = reset_done;
        t->op_offset = t->end + (int64_t)sim_draw(&S->prng, 50);
        plog_reset(p->plog, t->op_offset, &p->op);
        return;
    case OP_LOG_START:
        plog_set_high_watermark(p->plog, t->end);
        if (t->count > 0) {
            int64_t start = t->batches[sim_draw(&S->prng, t->count - 1)].base;
            if (plog_set_log_start(p->plog, start) == ERR_OK && start > t->start)
                t->start = start;
            plog_retain(p->plog, env_wall_ms(p->env));
        }
        store_rows(p, op_over);
        return;
    case OP_READ:
        p->verify_index = 0;
        read_more(p, plog_log_start_offset(p->plog));
        return;
    case OP_CLOSE:
        p->op.done = close_done;
        plog_close(p->plog, &p->op);
        return;
    case OP_NONE:
        break;
    }
    UNREACHABLE();
}

/* ---- Checking ---- */

static uint64_t tag_of(const struct batch_view *view)
{
    struct batch_records records;
    struct batch_record record;
    unsigned long long tag = 0;
    enum err err = batch_records_init(&records, NULL, view, 1 << 20);
    ASSERT(err == ERR_OK);
    if (batch_records_next(&records, &record) && record.value_size >= 16)
        (void)sscanf((const char *)record.value, "%llu", &tag);
    batch_records_deinit(&records);
    return tag;
}

static bool same_batch(const struct batch_view *view, const struct true_batch *batch)
{
    return view->header.base_offset == batch->base &&
           batch_next_offset(&view->header) == batch->next &&
           view->header.leader_epoch == batch->epoch &&
           view->header.producer_id == batch->producer &&
           batch_is_control(&view->header) == (batch->marker >= 0) &&
           (batch->marker >= 0 || tag_of(view) == batch->tag);
}

static void check_view(struct process *p, const struct batch_view *view)
{
    struct truth *t = &S->truth;
    CHECK(batch_check_crc(view->data, view->header.size) == ERR_OK, "a damaged batch at %lld",
          (long long)view->header.base_offset);
    while (p->verify_index < t->count &&
           t->batches[p->verify_index].next <= plog_log_start_offset(p->plog))
        p->verify_index++;
    for (size_t i = 0; p->verify_index == t->count && i < t->maybe_count; i++) {
        if (!same_batch(view, &t->maybe[i]))
            continue;
        t->batches[t->count++] = t->maybe[i];
        t->end = t->maybe[i].next;
        t->maybe_count = 0;
    }
    CHECK(p->verify_index < t->count, "a batch at %lld, past all that was appended",
          (long long)view->header.base_offset);
    CHECK(same_batch(view, &t->batches[p->verify_index]),
          "the batch at %lld is not the one that was appended at %lld",
          (long long)view->header.base_offset, (long long)t->batches[p->verify_index].base);
    p->verify_index++;
}

static void check_state(struct process *p);

static void read_done(struct plog_read *read)
{
    struct process *p = CONTAINER_OF(read, struct process, read);
    if (read->err != ERR_OK) {
        CHECK(read->err == ERR_OFFLINE || read->err == ERR_IO, "read at %lld: %s",
              (long long)read->offset, err_text(read->err));
        p->verifying = false;
        op_over(p);
        return;
    }
    struct batch_walk walk = batch_walk_begin(p->out, read->size);
    struct batch_view view;
    while (batch_walk_next(&walk, &view))
        check_view(p, &view);
    CHECK(walk.err == ERR_OK, "not whole batches at %lld", (long long)read->offset);
    int64_t end = plog_end_offset(p->plog);
    CHECK(read->size > 0 || read->offset == end, "nothing at %lld, the end is %lld",
          (long long)read->offset, (long long)end);
    if (read->next_offset < end) {
        read_more(p, read->next_offset);
        return;
    }
    if (p->verifying)
        check_state(p);
    else
        op_over(p);
}

/* The first batch that is not older; -1: none. */
static int64_t true_offset_by_time(int64_t start, int64_t timestamp_ms)
{
    const struct truth *t = &S->truth;
    for (size_t i = 0; i < t->count; i++) {
        if (t->batches[i].base >= start && t->batches[i].timestamp_ms >= timestamp_ms)
            return t->batches[i].base;
    }
    return -1;
}

static void check_time(struct plog_time_query *query)
{
    struct process *p = CONTAINER_OF(query, struct process, time);
    p->verifying = false;
    if (query->err != ERR_OK) {
        CHECK(query->err == ERR_OFFLINE || query->err == ERR_IO, "a look by time: %s",
              err_text(query->err));
        return;
    }
    int64_t good = true_offset_by_time(plog_log_start_offset(p->plog), query->timestamp_ms);
    CHECK((query->found ? query->offset : -1) == good,
          "the first offset not older than %lld is %lld, and the log says %lld",
          (long long)query->timestamp_ms, (long long)good,
          query->found ? (long long)query->offset : -1);
}

/* The latest of all is in some segment, whatever its time index went through. */
static void look_by_time(struct process *p)
{
    const struct truth *t = &S->truth;
    int64_t latest = 1;
    for (size_t i = 0; i < t->count; i++) {
        if (t->batches[i].timestamp_ms > latest &&
            t->batches[i].base >= plog_log_start_offset(p->plog))
            latest = t->batches[i].timestamp_ms;
    }
    p->time = (struct plog_time_query){.kind = PLOG_TIME_FIRST_AT_OR_AFTER,
                                       .timestamp_ms = latest,
                                       .bound_offset = INT64_MAX,
                                       .done = check_time};
    if (plog_time_query(p->plog, &p->time) != ERR_AGAIN)
        check_time(&p->time);
}

static void check_aborted(struct plog_aborted *aborted)
{
    struct process *p = CONTAINER_OF(aborted, struct process, aborted);
    struct truth *t = &S->truth;
    if (aborted->err != ERR_OK) {
        CHECK(aborted->err == ERR_OFFLINE || aborted->err == ERR_IO, "aborted: %s",
              err_text(aborted->err));
        p->verifying = false;
        return;
    }
    size_t found = 0;
    int64_t first[PRODUCERS] = {-1, -1, -1, -1};
    int64_t start = plog_log_start_offset(p->plog);
    for (size_t i = 0; i < t->count; i++) {
        const struct true_batch *batch = &t->batches[i];
        if (batch->producer < 1)
            continue;
        if (batch->marker < 0) {
            if (first[batch->producer] < 0)
                first[batch->producer] = batch->base;
            continue;
        }
        /* Where deletion has taken the beginning, nothing is certain. */
        if (batch->marker == 0 && first[batch->producer] >= start) {
            while (found < aborted->count && aborted->txns[found].last_offset < batch->base)
                found++;
            CHECK(found < aborted->count && aborted->txns[found].last_offset == batch->base &&
                      aborted->txns[found].producer_id == batch->producer &&
                      aborted->txns[found].first_offset == first[batch->producer],
                  "the transaction of producer %d aborted at %lld is not in the index",
                  batch->producer, (long long)batch->base);
            found++;
        }
        first[batch->producer] = -1;
    }
    look_by_time(p);
}

static void check_producers(struct process *p)
{
    struct truth *t = &S->truth;
    struct plog_producer_info *infos;
    size_t count;
    enum err err = plog_producer_list(p->plog, &p->arena, &infos, &count);
    ASSERT(err == ERR_OK);
    for (int32_t id = 0; id < PRODUCERS; id++) {
        int64_t last = -1, last_base = -1;
        bool open = false;
        for (size_t i = 0; i < t->count; i++) {
            const struct true_batch *batch = &t->batches[i];
            if (batch->producer != id)
                continue;
            if (batch->marker < 0) {
                last = batch->sequence + (batch->next - batch->base) - 1;
                last_base = batch->base;
            }
            open = id > 0 && batch->marker < 0;
        }
        if (last < 0 || last_base < plog_log_start_offset(p->plog))
            continue;
        bool found = false;
        for (size_t i = 0; i < count; i++) {
            if (infos[i].producer_id != id)
                continue;
            found = true;
            CHECK(infos[i].last_sequence == last, "producer %d is at sequence %d, not %lld", id,
                  infos[i].last_sequence, (long long)last);
            CHECK((infos[i].transaction_start_offset >= 0) == open,
                  "producer %d has %s transaction", id, open ? "lost its" : "gained a");
        }
        CHECK(found, "producer %d is forgotten", id);
    }
}

/* All was read, and verify_index batches are there: the truth is cut to them. */
static void check_state(struct process *p)
{
    struct truth *t = &S->truth;
    int64_t end = plog_end_offset(p->plog);
    int64_t promised = t->lossy ? t->durable : t->end;
    if (t->op == OP_TRUNCATE && t->op_offset < promised) {
        promised = t->op_offset;
        for (size_t i = 0; i < t->count; i++) {
            if (t->batches[i].base < promised && t->batches[i].next > promised)
                promised = t->batches[i].base;
        }
    }
    if (t->op == OP_RESET) {
        /* Old, new, or a beginning of the old. */
        if (plog_log_start_offset(p->plog) >= t->op_offset && end == t->op_offset)
            reset_truth(p, t->op_offset);
        promised = 0;
    }
    CHECK(end >= promised, "ends at %lld, promised were %lld", (long long)end, (long long)promised);
    /* When nothing was durable, not even the first segment's name, a later one may be all there is.
     */
    if (t->lossy && t->durable <= t->first && plog_log_start_offset(p->plog) > t->start)
        t->start = plog_log_start_offset(p->plog);
    CHECK(plog_log_start_offset(p->plog) <= (t->start > end ? end : t->start),
          "starts at %lld, past %lld", (long long)plog_log_start_offset(p->plog),
          (long long)t->start);
    cut_truth(end);
    CHECK(t->end == end || t->count == 0, "ends at %lld, after no batch", (long long)end);
    t->end = end;
    if (t->durable > end)
        t->durable = end;
    t->maybe_count = 0;
    t->op = OP_NONE;
    if (t->count > 0 && t->batches[t->count - 1].base >= plog_log_start_offset(p->plog))
        CHECK(plog_latest_epoch(p->plog) == t->batches[t->count - 1].epoch,
              "the latest epoch is %d, not %d", plog_latest_epoch(p->plog),
              t->batches[t->count - 1].epoch);
    derive_producers(p);
    check_producers(p);
    plog_set_high_watermark(p->plog, end);
    int64_t open = -1;
    for (size_t i = 0; i < t->count; i++) {
        /* The first batch of a transaction that is open. */
        const struct true_batch *batch = &t->batches[i];
        if (batch->producer < 1 || batch->marker >= 0 || !t->open_transactions[batch->producer])
            continue;
        bool ended = false;
        for (size_t j = i + 1; j < t->count; j++)
            ended |= t->batches[j].producer == batch->producer && t->batches[j].marker >= 0;
        if (!ended) {
            open = batch->base;
            break;
        }
    }
    if (open < 0 || open >= plog_log_start_offset(p->plog))
        CHECK(plog_stable_offset(p->plog) == (open >= 0 ? open : end),
              "the stable offset is %lld, not %lld", (long long)plog_stable_offset(p->plog),
              (long long)(open >= 0 ? open : end));
    p->aborted = (struct plog_aborted){.offset = plog_log_start_offset(p->plog),
                                       .bound_offset = end,
                                       .arena = &p->arena,
                                       .done = check_aborted};
    if (plog_aborted(p->plog, &p->aborted) != ERR_AGAIN)
        check_aborted(&p->aborted);
}

static void start_verify(struct env *env, void *context)
{
    struct process *p = S->process;
    UNUSED(env);
    UNUSED(context);
    p->verifying = true;
    p->verify_index = 0;
    read_more(p, plog_log_start_offset(p->plog));
}

/* ---- The run ---- */

static const struct sim_process_ops OPS = {.boot = boot, .free = process_free};

static bool is_opening(void *context)
{
    UNUSED(context);
    return S->node->up && (S->process == NULL || !S->process->opened);
}

static bool is_verifying(void *context)
{
    UNUSED(context);
    return S->node->up && S->process->verifying;
}

static bool is_busy(void *context)
{
    UNUSED(context);
    return S->node->up && (S->process->busy || S->stopping);
}

static void wait_while(bool (*going_on)(void *))
{
    if (!sim_world_run_while(S->world, going_on, NULL, 3600 * SIM_S))
        sim_fail(S->world, SIM_EXIT_LIVENESS, "something does not come to its end");
}

static bool usable(void)
{
    return S->node->up && S->process->plog != NULL &&
           plog_state(S->process->plog) == PLOG_STATE_OPEN;
}

/* Boots until the log is open and checked. */
static void boot_and_verify(void)
{
    for (int tries = 0;; tries++) {
        CHECK(tries < 10, "the node does not come up");
        if (!S->node->up) {
            S->process = NULL;
            S->stopping = false;
            if (S->boots++ == 0)
                sim_node_boot(S->node, 1, &OPS, NULL);
            else
                sim_node_reboot(S->node, 1);
        }
        wait_while(is_opening);
        if (usable()) {
            sim_shard_call(&S->node->shards[0], start_verify, NULL);
            wait_while(is_verifying);
        }
        if (usable())
            break;
        /* An error of the disk kept it from opening; the next process finds what is there. */
        if (S->node->up) {
            sim_storage_chance(S->node->storage, false);
            sim_node_crash(S->node, SIM_CRASH_KILL);
        }
        S->truth.lossy = true;
    }
    S->truth.lossy = false;
}

static enum op draw_op(void)
{
    uint64_t draw = sim_draw(&S->prng, 99);
    return draw < 62   ? OP_APPEND
           : draw < 72 ? OP_SYNC
           : draw < 80 ? OP_CHECKPOINT
           : draw < 85 ? OP_READ
           : draw < 89 ? OP_ROLL
           : draw < 93 ? OP_TRUNCATE
           : draw < 94 ? OP_RESET
           : draw < 97 ? OP_LOG_START
                       : OP_CLOSE;
}

static void crash_by_chance(void)
{
    if (!S->options.crashes || !S->node->up || sim_draw(&S->prng, 60) != 0)
        return;
    bool power = sim_draw(&S->prng, 1) == 0;
    sim_node_crash(S->node, power ? SIM_CRASH_POWER : SIM_CRASH_KILL);
    S->truth.lossy |= power;
}

static void down(void *context, struct sim_node *node, bool crashed)
{
    UNUSED(context);
    UNUSED(node);
    UNUSED(crashed);
}

static void on_sync_failed(void *context)
{
    UNUSED(context);
    S->truth.lossy = true;
}

bool plog_scenario_run(struct sim_world *world, const struct plog_scenario_options *options)
{
    static struct scenario_plog scenario;
    scenario = (struct scenario_plog){0};
    S = &scenario;
    S->world = world;
    S->options = *options;
    sim_prng_init(world, &S->prng, "plog", 0);
    S->node = sim_node_new(world, "a");
    S->node->on_down = down;
    sim_storage_on_sync_failed(S->node->storage, on_sync_failed, NULL);
    if (options->fault != NULL)
        sim_storage_plan(S->node->storage, options->fault);
    S->truth.lossy = options->fault != NULL;
    boot_and_verify();
    sim_storage_chance(S->node->storage, options->chance_errors);
    for (uint32_t i = 0; i < options->operations; i++) {
        if (!usable()) {
            /* It died, stopped, or went offline. */
            S->truth.lossy |= options->fault != NULL || options->chance_errors;
            sim_world_run_for(world, SIM_MS); /* a machine that dies does so after the event */
            if (S->node->up)
                sim_node_crash(S->node, SIM_CRASH_KILL);
            boot_and_verify();
            sim_storage_chance(S->node->storage, options->chance_errors);
        }
        enum op op = draw_op();
        sim_shard_call(&S->node->shards[0], start_op, &op);
        if (S->options.crashes && sim_draw(&S->prng, 40) == 0) {
            sim_world_run_for(world, sim_draw(&S->prng, 3 * SIM_MS));
            crash_by_chance();
        }
        wait_while(is_busy);
        crash_by_chance();
        if (sim_draw(&S->prng, 30) == 0)
            sim_world_run_for(world, sim_draw(&S->prng, 5 * SIM_S));
    }
    bool hit = sim_storage_plan_hit(S->node->storage);
    sim_storage_plan_clear(S->node->storage);
    sim_storage_chance(S->node->storage, false);
    if (S->node->up)
        sim_node_crash(S->node, SIM_CRASH_POWER);
    S->truth.lossy = true;
    boot_and_verify();
    sim_node_crash(S->node, SIM_CRASH_KILL);
    return hit;
}

void scenario_plog(struct sim_world *world)
{
    sim_options_draw(&world->options, &world->prng);
    struct plog_scenario_options options = {
        .operations = 400, .crashes = true, .chance_errors = sim_draw(&world->prng, 1) == 0};
    plog_scenario_run(world, &options);
}
