/*
 * After whatever crash: each key's last record that must be there is there, nothing that was
 * deleted comes back, every record is at its offset, what is committed and what was aborted are
 * told apart, and an active producer goes on where it was.
 */
#include "scenario_clean.h"

#include "base/mem.h"
#include "codec/codec.h"
#include "plog/plog.h"
#include "plog/plog_dir.h"
#include "sim_fault.h"
#include "sim_node.h"
#include "sim_options.h"
#include "sim_storage.h"
#include "wire/batch.h"
#include "wire/errors.h"

#include <stdio.h>
#include <string.h>

#define DIR "/data"
#define RECORDS_MAX 8000
#define BATCH_MAX 4
#define MAYBE_MAX 16
#define KEYS 12
#define PRODUCERS 3 /* 0: idempotent; the others transactional */

/* ---- The truth ------------------------------------------------------------------------------- */

struct true_record {
    uint64_t tag;     /* of its batch */
    int32_t key;      /* -1: a marker */
    int32_t producer; /* -1: none */
    int32_t sequence;
    bool tombstone;
    bool commit;  /* of a marker */
    bool aborted; /* derived */
    bool seen;    /* by the read under way */
};

struct true_batch {
    int64_t base;
    int32_t count;
    struct true_record records[BATCH_MAX];
};

struct truth {
    struct true_record records[RECORDS_MAX]; /* by offset */
    int64_t end;
    int64_t durable;
    /* Appends that failed, or were under way: one of them may be at the end. */
    struct true_batch maybe[MAYBE_MAX];
    size_t maybe_count;
    uint64_t next_tag;
    bool lossy; /* only what is durable is certain */
    bool cut;   /* something was lost since the log was new */
    int32_t sequences[PRODUCERS];
    bool open[PRODUCERS];
};

enum op { OP_APPEND, OP_SYNC, OP_CHECKPOINT, OP_ROLL, OP_CLEAN, OP_READ, OP_CLOSE };

struct process {
    struct env *env;
    struct plog_host *host;
    struct plog_config *config;
    struct codec_context *codec;
    struct plog *plog;
    struct env_file *lock;
    struct plog_opening opening;
    struct plog_op op;
    struct plog_waiter waiter;
    struct plog_append append;
    struct plog_read read;
    struct plog_aborted aborted;
    struct plog_clean clean;
    struct true_batch batch;
    struct buf bytes;
    struct arena arena;
    uint8_t *out;
    int64_t next; /* no batch that is read begins below */
    int64_t captured_end;
    struct env_job job;
    struct env_queue queue;
    struct env_timer idle;
    int64_t recovery_point;
    int64_t cleaned_offset;
    bool mark_clean;
    bool opened;
    bool busy;
    bool cleaning;
    bool verifying;
    void (*after)(struct process *p);
};

struct scenario_clean {
    struct sim_world *world;
    struct sim_node *node;
    struct prng prng;
    struct clean_scenario_options options;
    struct truth truth;
    struct process *process;
    uint64_t boots;
    uint64_t cleanings;
    bool stopping;
};

static struct scenario_clean *S;

#define OUT_BYTES ((size_t)1 << 18)
#define CHECK(condition, ...) SIM_CHECK(S->world, condition, __VA_ARGS__)

static uint64_t draw(uint64_t most)
{
    return sim_draw(&S->prng, most);
}

/* Which records were aborted, by the markers that are there. */
static void resolve(void)
{
    struct truth *t = &S->truth;
    for (int32_t id = 0; id < PRODUCERS; id++) {
        int64_t first = 0;
        t->open[id] = false;
        t->sequences[id] = 0;
        for (int64_t i = 0; i < t->end; i++) {
            struct true_record *record = &t->records[i];
            if (record->producer != id)
                continue;
            if (record->key >= 0) {
                record->aborted = false;
                t->open[id] = id > 0;
                t->sequences[id] = record->sequence + 1;
                continue;
            }
            for (int64_t j = first; j < i; j++) {
                if (t->records[j].producer == id && t->records[j].key >= 0)
                    t->records[j].aborted = !record->commit;
            }
            first = i;
            t->open[id] = false;
        }
    }
}

/* ---- The process ----------------------------------------------------------------------------- */

static void store_rows(struct process *p, void (*after)(struct process *));

static void rows_lowered(struct process *p)
{
    p->opened = true;
}

static void opened(struct plog_opening *opening)
{
    struct process *p = CONTAINER_OF(opening, struct process, opening);
    if (opening->shortened_count > 0)
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

static enum err boot_dir(struct process *p, struct env_disk *disk, bool *out_clean,
                         struct plog_folder_info *out)
{
    struct plog_dir_content content;
    char error[PLOG_DIR_ERROR_BYTES] = "";
    enum err err = plog_dir_lock(disk, DIR, &p->lock, error);
    if (err == ERR_OK)
        err = plog_dir_load(disk, DIR, &content, error);
    if (err == ERR_OK) {
        *out_clean = content.clean;
        for (size_t i = 0; i < content.count; i++) {
            if (content.folders[i].kind == PLOG_FOLDER_PARTITION)
                *out = content.folders[i];
        }
        plog_dir_content_deinit(&content);
        err = plog_dir_begin(disk, DIR);
    }
    CHECK(err == ERR_OK || err == ERR_IO || err == ERR_NOSPACE, "boot: %s", error);
    return err;
}

static struct plog_config *config_draw(void)
{
    struct plog_config *config = plog_config_new();
    config->segment_bytes = 1500 + (int64_t)draw(6000);
    config->index_interval_bytes = (int64_t)draw(600);
    config->cleanup_policy = PLOG_CLEANUP_COMPACT;
    config->delete_retention_ms = draw(1) == 0 ? 0 : 2000;
    config->file_delete_delay_ms = 1000;
    return config;
}

static void *boot(void *context, const struct sim_process_options *options)
{
    UNUSED(context);
    static const char *const dirs[] = {DIR};
    struct process *p = mem_zalloc(sizeof *p);
    struct plog_folder_info info = {0};
    bool clean = false;
    p->env = options->envs[0];
    S->process = p;
    if (boot_dir(p, options->disk, &clean, &info) != ERR_OK) {
        p->opened = true; /* without the log */
        return p;
    }
    p->config = config_draw();
    p->codec = codec_context_new();
    p->host = plog_host_new(&(struct plog_host_options){.env = p->env,
                                                        .dirs = dirs,
                                                        .dir_count = 1,
                                                        .idle_close_ms = 3000,
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
        .cleaned_offset = info.cleaned_offset,
    });
    p->opening =
        (struct plog_opening){.plogs = &p->plog, .count = 1, .create = true, .done = opened};
    plog_open(p->host, &p->opening);
    arena_init(&p->arena, ARENA_LIMIT_DEFAULT_BYTES);
    list_init(&p->waiter.node);
    env_queue_init(&p->queue, 0);
    p->out = mem_alloc(OUT_BYTES);
    return p;
}

static void process_free(void *context, void *process)
{
    UNUSED(context);
    struct process *p = process;
    plog_free(p->plog);
    plog_host_free(p->host);
    plog_config_unref(p->config);
    codec_context_free(p->codec);
    arena_deinit(&p->arena);
    buf_deinit(&p->bytes);
    mem_free(p->out);
    mem_free(p);
    S->process = NULL;
}

static void op_over(struct process *p)
{
    p->busy = false;
}

/* ---- Appends --------------------------------------------------------------------------------- */

static void batch_draw(struct true_batch *batch)
{
    struct truth *t = &S->truth;
    *batch = (struct true_batch){.base = t->end, .count = 1 + (int32_t)draw(BATCH_MAX - 1)};
    int32_t producer = (int32_t)draw(PRODUCERS) - 1;
    bool marker = producer > 0 && t->open[producer] && draw(1) == 0;
    uint64_t tag = t->next_tag++;
    if (marker)
        batch->count = 1;
    for (int32_t i = 0; i < batch->count; i++)
        batch->records[i] = (struct true_record){
            .tag = tag,
            .key = marker ? -1 : (int32_t)draw(KEYS - 1),
            .producer = producer,
            .sequence = producer >= 0 && !marker ? t->sequences[producer] + i : -1,
            .tombstone = !marker && draw(5) == 0,
            .commit = marker && draw(1) == 0,
        };
}

static void make_batch(struct process *p)
{
    const struct true_record *first = &p->batch.records[0];
    struct batch_builder builder;
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    buf_clear(&p->bytes);
    if (first->key < 0) {
        batch_end_txn_put(&p->bytes, 0, 0, env_wall_ms(p->env), first->producer, 0, first->commit,
                          0);
        return;
    }
    /* A crash gives a library's own memory not back, and the loops over all faults have thousands.
     */
    bool compressed = draw(3) == 0 && S->options.fault == NULL;
    options.codec = compressed ? CODEC_LZ4 : CODEC_NONE;
    options.level = codec_level_default((enum codec)options.codec);
    if (first->producer >= 0) {
        options.producer_id = first->producer;
        options.producer_epoch = 0;
        options.base_sequence = first->sequence;
        options.transactional = first->producer > 0;
    }
    batch_builder_init(&builder, &options);
    for (int32_t i = 0; i < p->batch.count; i++) {
        const struct true_record *truth = &p->batch.records[i];
        char key[16], value[300] = "";
        snprintf(key, sizeof key, "%d", truth->key);
        snprintf(value, sizeof value, "%llu", (unsigned long long)truth->tag);
        struct batch_record record = {
            .offset = i,
            .timestamp = env_wall_ms(p->env),
            .key = (const uint8_t *)key,
            .key_size = strlen(key),
            .value = truth->tombstone ? NULL : (const uint8_t *)value,
            .value_size = truth->tombstone ? 0 : 24 + (size_t)draw(200),
        };
        enum err err = batch_builder_add(&builder, &record);
        ASSERT(err == ERR_OK);
    }
    enum err err = batch_builder_finish(&builder, p->codec, &p->bytes);
    ASSERT(err == ERR_OK);
    batch_builder_deinit(&builder);
}

static void truth_append(const struct true_batch *batch)
{
    struct truth *t = &S->truth;
    ASSERT(batch->base == t->end);
    memcpy(&t->records[t->end], batch->records, (size_t)batch->count * sizeof(struct true_record));
    t->end += batch->count;
    t->maybe_count = 0;
}

static void append_try(struct process *p)
{
    struct truth *t = &S->truth;
    enum err err = plog_append(p->plog, &p->append);
    if (err == ERR_AGAIN) {
        plog_wait(p->plog, &p->waiter);
        return;
    }
    const struct true_record *first = &p->batch.records[0];
    if (err == ERR_OK) {
        CHECK(p->append.error == WIRE_ERROR_NONE && !p->append.duplicate,
              "producer %d, sequence %d: refused with %d (%s)", first->producer, first->sequence,
              p->append.error, p->append.error_message);
        CHECK(p->append.first_offset == t->end, "appended at %lld, not %lld",
              (long long)p->append.first_offset, (long long)t->end);
        truth_append(&p->batch);
        if (S->world->trace)
            sim_log(S->world, "%lld: producer %d, key %d, commit %d", (long long)p->batch.base,
                    first->producer, first->key, first->commit);
        if (first->key < 0)
            resolve();
        else if (first->producer >= 0) {
            t->sequences[first->producer] += p->batch.count;
            t->open[first->producer] = first->producer > 0;
        }
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
    if (t->end + BATCH_MAX >= RECORDS_MAX) {
        op_over(p);
        return;
    }
    batch_draw(&p->batch);
    make_batch(p);
    p->append = (struct plog_append){
        .data = p->bytes.data,
        .size = p->bytes.size,
        .origin = p->batch.records[0].key < 0 ? PLOG_ORIGIN_COORDINATOR : PLOG_ORIGIN_CLIENT,
        .transaction_verified = true,
        .wall_ms = env_wall_ms(p->env),
        .arena = &p->arena,
    };
    if (t->maybe_count == MAYBE_MAX)
        t->maybe_count--;
    t->maybe[t->maybe_count++] = p->batch;
    p->waiter.ready = append_ready;
    append_try(p);
}

/* ---- The directory's checkpoints ------------------------------------------------------------- */

static void rows_run(struct env_job *job, struct env_disk *disk)
{
    struct process *p = CONTAINER_OF(job, struct process, job);
    struct plog_checkpoint_row row = {"t", 0, p->recovery_point};
    enum err err = plog_checkpoint_store(disk, DIR, PLOG_CHECKPOINT_RECOVERY_POINT, &row, 1);
    row.offset = p->cleaned_offset;
    if (err == ERR_OK)
        err = plog_checkpoint_store(disk, DIR, PLOG_CHECKPOINT_CLEANER, &row, 1);
    if (err == ERR_OK && p->mark_clean)
        err = plog_dir_mark_clean(disk, DIR, 7);
    if (p->mark_clean)
        disk_close(disk, p->lock);
}

static void rows_done(struct env *env, struct env_job *job)
{
    struct process *p = CONTAINER_OF(job, struct process, job);
    UNUSED(env);
    p->after(p);
}

static void store_rows(struct process *p, void (*after)(struct process *))
{
    p->recovery_point = plog_recovery_point(p->plog);
    p->cleaned_offset = plog_cleaned_offset(p->plog);
    p->after = after;
    p->job.run = rows_run;
    p->job.done = rows_done;
    env_submit(p->env, &p->queue, &p->job);
}

/* ---- Operations ------------------------------------------------------------------------------ */

static void synced(struct process *p, enum err err)
{
    if (err == ERR_OK && p->captured_end > S->truth.durable)
        S->truth.durable = p->captured_end;
}

static void sync_done(struct plog_op *op)
{
    struct process *p = CONTAINER_OF(op, struct process, op);
    synced(p, op->err);
    op_over(p);
}

static void checkpoint_done(struct plog_op *op)
{
    struct process *p = CONTAINER_OF(op, struct process, op);
    synced(p, op->err);
    if (op->err == ERR_OK)
        store_rows(p, op_over);
    else
        op_over(p);
}

static void roll_done(struct plog_op *op)
{
    op_over(CONTAINER_OF(op, struct process, op));
}

static void idle_fire(struct env *env, struct env_timer *timer)
{
    struct process *p = CONTAINER_OF(timer, struct process, idle);
    if (!plog_host_is_idle(p->host)) {
        env_timer_set_ms(env, timer, 1);
        return;
    }
    p->busy = false;
    S->stopping = false;
    sim_node_stopped(S->node);
}

static void wait_idle(struct process *p)
{
    env_timer_init(&p->idle, idle_fire);
    env_timer_set_ms(p->env, &p->idle, 1);
}

static void close_done(struct plog_op *op)
{
    struct process *p = CONTAINER_OF(op, struct process, op);
    if (op->err != ERR_OK) {
        op_over(p);
        return;
    }
    CHECK(!p->cleaning, "closed while it was being cleaned");
    S->truth.durable = S->truth.end;
    S->truth.maybe_count = 0;
    p->mark_clean = true;
    S->stopping = true;
    store_rows(p, wait_idle);
}

static void clean_done(struct plog_clean *clean)
{
    struct process *p = CONTAINER_OF(clean, struct process, clean);
    p->cleaning = false;
    S->cleanings += clean->err == ERR_OK;
    CHECK(clean->err == ERR_OK || clean->err == ERR_AGAIN || clean->err == ERR_OFFLINE ||
              clean->err == ERR_NOSPACE || clean->err == ERR_IO || clean->err == ERR_NOMEM,
          "cleaning: %s", err_text(clean->err));
    sim_log(S->world, "cleaned up to %lld: %s", (long long)clean->cleaned_to, err_text(clean->err));
}

/* Goes on while other operations come. */
static void start_clean(struct process *p)
{
    static const double rates[] = {0, 0, 1e6, 3e4};
    plog_set_high_watermark(p->plog, plog_end_offset(p->plog));
    if (!p->cleaning) {
        p->clean = (struct plog_clean){.map_bytes = 24 * draw(200),
                                       .map_load = 0.2 + 0.1 * (double)draw(7),
                                       .io_bytes = 4096,
                                       .bytes_per_second = rates[draw(3)],
                                       .done = clean_done};
        p->cleaning = true;
        plog_clean(p->plog, &p->clean);
    }
    op_over(p);
}

static void read_done(struct plog_read *read);

static void read_more(struct process *p, int64_t offset)
{
    p->read = (struct plog_read){
        .offset = offset,
        .bound_offset = INT64_MAX,
        .size_max = 1 + (size_t)draw(5000),
        .min_one_batch = true,
        .out = p->out,
        .out_size = OUT_BYTES,
        .done = read_done,
    };
    if (plog_read(p->plog, &p->read) != ERR_AGAIN)
        read_done(&p->read);
}

static void read_begin(struct process *p)
{
    for (int64_t i = 0; i < RECORDS_MAX; i++)
        S->truth.records[i].seen = false;
    p->next = 0;
    read_more(p, plog_log_start_offset(p->plog));
}

static void start_op(struct env *env, void *context)
{
    struct process *p = S->process;
    UNUSED(env);
    p->busy = true;
    p->captured_end = plog_end_offset(p->plog);
    p->op = (struct plog_op){0};
    switch (*(enum op *)context) {
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
    case OP_CLEAN:
        start_clean(p);
        return;
    case OP_READ:
        read_begin(p);
        return;
    case OP_CLOSE:
        p->op.done = close_done;
        plog_close(p->plog, &p->op);
        return;
    }
    UNREACHABLE();
}

/* ---- Checking -------------------------------------------------------------------------------- */

static uint64_t tag_of(const struct batch_record *record)
{
    unsigned long long tag = 0;
    char text[24] = "";
    memcpy(text, record->value, record->value_size < 23 ? record->value_size : 23);
    (void)sscanf(text, "%llu", &tag);
    return tag;
}

static bool is_commit(const struct batch_record *record)
{
    enum batch_control type = BATCH_CONTROL_UNKNOWN;
    enum err err = batch_control_key_read(record, &type);
    return err == ERR_OK && type == BATCH_CONTROL_COMMIT;
}

static void check_record(const struct batch_header *header, const struct batch_record *record)
{
    struct true_record *truth = &S->truth.records[record->offset];
    long long offset = (long long)record->offset;
    CHECK(truth->producer == header->producer_id, "producer %lld at %lld, not %d",
          (long long)header->producer_id, offset, truth->producer);
    CHECK((truth->key < 0) == batch_is_control(header), "a marker, or none, at %lld", offset);
    truth->seen = true;
    if (truth->key < 0) {
        CHECK(truth->commit == is_commit(record), "another marker at %lld", offset);
        return;
    }
    char key[16];
    snprintf(key, sizeof key, "%d", truth->key);
    CHECK(record->key_size == strlen(key) && memcmp(record->key, key, record->key_size) == 0,
          "another key at %lld", offset);
    CHECK((record->value == NULL) == truth->tombstone, "a tombstone, or none, at %lld", offset);
    CHECK(truth->tombstone || tag_of(record) == truth->tag, "another value at %lld", offset);
}

/* What was not known to be there: it is one of those that failed. */
static bool take_maybe(const struct batch_view *view, const struct batch_record *first)
{
    struct truth *t = &S->truth;
    for (size_t i = 0; i < t->maybe_count; i++) {
        const struct true_batch *maybe = &t->maybe[i];
        const struct true_record *truth = &maybe->records[0];
        bool same = maybe->base == view->header.base_offset &&
                    maybe->count == view->header.record_count &&
                    truth->producer == view->header.producer_id &&
                    (truth->key < 0) == batch_is_control(&view->header);
        if (same && truth->key < 0)
            same = truth->commit == is_commit(first);
        else if (same)
            same = (first->value == NULL) == truth->tombstone &&
                   (truth->tombstone || tag_of(first) == truth->tag);
        if (same) {
            struct true_batch batch = *maybe;
            truth_append(&batch);
            return true;
        }
    }
    return false;
}

static void check_batch(struct process *p, const struct batch_view *view)
{
    struct batch_records records;
    struct batch_record record;
    const struct batch_header *header = &view->header;
    CHECK(batch_check_crc(view->data, header->size) == ERR_OK, "a damaged batch at %lld",
          (long long)header->base_offset);
    CHECK(header->base_offset >= p->next, "a batch at %lld, after one that ends at %lld",
          (long long)header->base_offset, (long long)p->next);
    p->next = batch_next_offset(header);
    enum err err = batch_records_init(&records, p->codec, view, 1 << 20);
    ASSERT(err == ERR_OK);
    while (batch_records_next(&records, &record)) {
        if (record.offset >= S->truth.end)
            CHECK(take_maybe(view, &record), "a batch at %lld, past all that was appended",
                  (long long)header->base_offset);
        check_record(header, &record);
    }
    CHECK(records.err == ERR_OK, "the records at %lld: %s", (long long)header->base_offset,
          err_text(records.err));
    batch_records_deinit(&records);
}

/* Each key's last record is there; and where it is a tombstone that has gone, none before it.
 * `meanwhile`: a cleaning may have taken it between two reads. */
static void check_keys(bool meanwhile)
{
    struct truth *t = &S->truth;
    for (int32_t key = 0; key < KEYS; key++) {
        int64_t last = -1;
        for (int64_t i = 0; i < t->end; i++) {
            if (t->records[i].key == key && !t->records[i].aborted)
                last = i;
        }
        if (last < 0 || t->records[last].seen)
            continue;
        CHECK(t->records[last].tombstone, "the last record of key %d, at %lld, is gone", key,
              (long long)last);
        for (int64_t i = 0; i < last && !meanwhile; i++)
            CHECK(t->records[i].key != key || t->records[i].aborted || !t->records[i].seen,
                  "key %d was deleted at %lld, and is back at %lld", key, (long long)last,
                  (long long)i);
    }
}

static void check_producers(struct process *p)
{
    struct truth *t = &S->truth;
    struct plog_producer_info *infos;
    size_t count;
    enum err err = plog_producer_list(p->plog, &p->arena, &infos, &count);
    ASSERT(err == ERR_OK);
    for (size_t i = 0; i < count; i++) {
        int32_t id = (int32_t)infos[i].producer_id;
        CHECK((infos[i].transaction_start_offset >= 0) == t->open[id],
              "producer %d has %s transaction", id, t->open[id] ? "lost its" : "gained a");
        /* A producer's batches before its last may have gone, and then the last was lost. */
        CHECK(t->cut || infos[i].last_sequence + 1 == t->sequences[id],
              "producer %d is at sequence %d, not %d", id, infos[i].last_sequence,
              t->sequences[id] - 1);
        t->sequences[id] = infos[i].last_sequence + 1;
    }
    for (int32_t id = 0; id < PRODUCERS; id++) {
        bool found = t->sequences[id] == 0 || t->cut;
        for (size_t i = 0; i < count; i++)
            found |= infos[i].producer_id == id;
        CHECK(found, "producer %d is forgotten", id);
    }
}

/* Every aborted record that is there is in an aborted transaction of the list; nothing that was
 * committed is. */
static void check_aborted(struct plog_aborted *aborted)
{
    struct process *p = CONTAINER_OF(aborted, struct process, aborted);
    struct truth *t = &S->truth;
    p->verifying = false;
    if (aborted->err != ERR_OK) {
        CHECK(aborted->err == ERR_OFFLINE || aborted->err == ERR_IO, "aborted: %s",
              err_text(aborted->err));
        return;
    }
    for (size_t j = 0; S->world->trace && j < aborted->count; j++)
        sim_log(S->world, "producer %d aborted %lld to %lld", (int)aborted->txns[j].producer_id,
                (long long)aborted->txns[j].first_offset, (long long)aborted->txns[j].last_offset);
    for (int64_t i = 0; i < t->end; i++) {
        const struct true_record *record = &t->records[i];
        if (!record->seen || record->key < 0 || record->producer < 1)
            continue;
        bool listed = false;
        for (size_t j = 0; j < aborted->count; j++)
            listed |= aborted->txns[j].producer_id == record->producer &&
                      aborted->txns[j].first_offset <= i && aborted->txns[j].last_offset >= i;
        CHECK(listed == record->aborted, "the record at %lld was %saborted, and is %slisted",
              (long long)i, record->aborted ? "" : "not ", listed ? "" : "not ");
    }
}

static void check_state(struct process *p)
{
    struct truth *t = &S->truth;
    int64_t end = plog_end_offset(p->plog);
    int64_t promised = t->lossy ? t->durable : t->end;
    CHECK(end >= promised, "ends at %lld, promised were %lld", (long long)end, (long long)promised);
    CHECK(end <= t->end, "ends at %lld, past %lld", (long long)end, (long long)t->end);
    t->cut |= end < t->end;
    t->end = end;
    if (t->durable > end)
        t->durable = end;
    t->maybe_count = 0;
    resolve();
    check_keys(false);
    check_producers(p);
    plog_set_high_watermark(p->plog, end);
    p->aborted = (struct plog_aborted){
        .offset = 0, .bound_offset = end, .arena = &p->arena, .done = check_aborted};
    if (plog_aborted(p->plog, &p->aborted) != ERR_AGAIN)
        check_aborted(&p->aborted);
}

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
        check_batch(p, &view);
    CHECK(walk.err == ERR_OK, "not whole batches at %lld", (long long)read->offset);
    int64_t end = plog_end_offset(p->plog);
    if (read->next_offset < end) {
        CHECK(read->next_offset > read->offset, "nothing at %lld, the end is %lld",
              (long long)read->offset, (long long)end);
        read_more(p, read->next_offset);
        return;
    }
    if (p->verifying) {
        check_state(p);
        return;
    }
    check_keys(true);
    op_over(p);
}

static void start_verify(struct env *env, void *context)
{
    UNUSED(env);
    UNUSED(context);
    S->process->verifying = true;
    read_begin(S->process);
}

/* ---- The run --------------------------------------------------------------------------------- */

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
    uint64_t number = draw(99);
    return number < 62   ? OP_APPEND
           : number < 68 ? OP_SYNC
           : number < 72 ? OP_CHECKPOINT
           : number < 76 ? OP_READ
           : number < 84 ? OP_ROLL
           : number < 98 ? OP_CLEAN
                         : OP_CLOSE;
}

static void crash_by_chance(void)
{
    bool cleaning = S->node->up && S->process->cleaning;
    if (!S->options.crashes || !S->node->up || draw(cleaning ? 15 : 60) != 0)
        return;
    bool power = draw(1) == 0;
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

static void run_one(bool chance_errors, bool fault)
{
    if (!usable()) {
        S->truth.lossy |= fault || chance_errors;
        sim_world_run_for(S->world, SIM_MS); /* a machine that dies does so after the event */
        if (S->node->up)
            sim_node_crash(S->node, SIM_CRASH_KILL);
        boot_and_verify();
        sim_storage_chance(S->node->storage, chance_errors);
    }
    enum op op = draw_op();
    sim_shard_call(&S->node->shards[0], start_op, &op);
    if (op == OP_CLEAN || draw(40) == 0) {
        sim_world_run_for(S->world, draw(3 * SIM_MS));
        crash_by_chance();
    }
    wait_while(is_busy);
    crash_by_chance();
    if (draw(30) == 0)
        sim_world_run_for(S->world, draw(5 * SIM_S));
}

bool clean_scenario_run(struct sim_world *world, const struct clean_scenario_options *options)
{
    static struct scenario_clean scenario;
    scenario = (struct scenario_clean){0};
    S = &scenario;
    S->world = world;
    S->options = *options;
    sim_prng_init(world, &S->prng, "clean", 0);
    S->node = sim_node_new(world, "a");
    S->node->on_down = down;
    sim_storage_on_sync_failed(S->node->storage, on_sync_failed, NULL);
    if (options->fault != NULL)
        sim_storage_plan(S->node->storage, options->fault);
    S->truth.lossy = options->fault != NULL;
    boot_and_verify();
    sim_storage_chance(S->node->storage, options->chance_errors);
    for (uint32_t i = 0; i < options->operations; i++)
        run_one(options->chance_errors, options->fault != NULL);
    bool hit = sim_storage_plan_hit(S->node->storage);
    sim_storage_plan_clear(S->node->storage);
    sim_storage_chance(S->node->storage, false);
    if (S->node->up)
        sim_node_crash(S->node, SIM_CRASH_POWER);
    S->truth.lossy = true;
    boot_and_verify();
    sim_node_crash(S->node, SIM_CRASH_KILL);
    sim_log(world, "%llu cleanings", (unsigned long long)S->cleanings);
    return hit;
}

void scenario_clean(struct sim_world *world)
{
    sim_options_draw(&world->options, &world->prng);
    struct clean_scenario_options options = {
        .operations = 400, .crashes = true, .chance_errors = sim_draw(&world->prng, 1) == 0};
    clean_scenario_run(world, &options);
}
