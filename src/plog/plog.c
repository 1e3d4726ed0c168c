/*
 * A plog's life apart from what it reads and writes: settings, getters, waiters, and plog_step,
 * which decides what it does next.
 *
 * busy says what keeps appends waiting. It leaves NONE only in the *_begin functions, which
 * plog_step (and, for files that have to be opened or rolled, plog_append) calls, and comes back to
 * NONE only in the done of the job that they submitted:
 *
 *   NONE -> LOADING      plog_open            -> NONE (state OPEN), or state FAILED
 *   NONE -> ACTIVATING   plog_activate        -> NONE
 *   NONE -> ROLLING      plog_roll_begin      -> NONE
 *   NONE -> HISTORY      plog_history_begin   -> NONE
 *   NONE -> REPAIRING    plog_repair_begin    -> NONE
 *   NONE -> TRUNCATING   plog_truncate_begin  -> NONE
 *   NONE -> CLOSING      plog_close_begin     -> NONE, state CLOSED
 *   NONE -> DELETING     plog_delete_begin    -> NONE, state DELETED
 *
 * Syncs run beside all of them but the last three, which wait until none is under way and let none
 * begin. So does a cleaning (plog_clean.c), which gives up for these three.
 */
#define LOG_ROOM "plog"
#include "plog/plog_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* ---- Settings ------------------------------------------------------------------------------- */

struct plog_config *plog_config_new(void)
{
    struct plog_config *config = mem_zalloc(sizeof *config);
    *config = (struct plog_config){
        .refs = 1,
        .segment_bytes = INT64_C(1) << 30,
        .segment_ms = INT64_C(604800000),
        .segment_index_bytes = INT64_C(10) << 20,
        .index_interval_bytes = 4096,
        .max_message_bytes = 1048588,
        .message_timestamp_type = PLOG_TIMESTAMP_CREATE,
        .message_timestamp_before_max_ms = INT64_MAX,
        .message_timestamp_after_max_ms = 3600000,
        .compression_type = PLOG_COMPRESSION_PRODUCER,
        .compression_gzip_level = -1,
        .compression_lz4_level = 9,
        .compression_zstd_level = 3,
        .max_decompressed_message_bytes = 2147483639,
        .flush_messages = INT64_MAX,
        .flush_ms = INT64_MAX,
        .cleanup_policy = PLOG_CLEANUP_DELETE,
        .retention_ms = INT64_C(604800000),
        .retention_bytes = -1,
        .file_delete_delay_ms = 60000,
        .delete_retention_ms = 86400000,
        .min_cleanable_dirty_ratio = 0.5,
        .max_compaction_lag_ms = INT64_MAX,
        .producer_id_expiration_ms = 86400000,
    };
    return config;
}

struct plog_config *plog_config_ref(struct plog_config *config)
{
    ASSERT(config->refs > 0);
    config->refs++;
    return config;
}

void plog_config_unref(struct plog_config *config)
{
    if (config == NULL)
        return;
    ASSERT(config->refs > 0);
    if (--config->refs == 0)
        mem_free(config);
}

/* ---- Life ----------------------------------------------------------------------------------- */

struct plog *plog_new(const struct plog_options *options)
{
    ASSERT(options->dir < options->host->dir_count);
    ASSERT(options->partition >= 0);
    struct plog *plog = mem_zalloc(sizeof *plog);
    plog->host = options->host;
    plog->config = plog_config_ref(options->config);
    plog->topic = mem_strdup(options->topic);
    plog->partition = options->partition;
    plog->dir = options->dir;
    plog->topic_id = options->topic_id;
    plog->kind = options->kind;
    plog->state = PLOG_STATE_NEW;
    plog->future = options->future;
    plog->clean = options->clean;
    plog->recovery_point = options->recovery_point < 0 ? 0 : options->recovery_point;
    plog->log_start_offset = options->log_start_offset < 0 ? 0 : options->log_start_offset;
    plog->high_watermark = options->high_watermark < 0 ? 0 : options->high_watermark;
    plog->cleaned_offset = options->cleaned_offset < 0 ? 0 : options->cleaned_offset;
    plog->roll_timestamp_ms = PLOG_TIMESTAMP_NONE;
    plog->snapshot_offset = plog->snapshot_older = -1;
    plog_marks_forget(plog);
    list_init(&plog->poke_node);
    list_init(&plog->flush_node);
    list_init(&plog->unwritten_node);
    list_init(&plog->held_node);
    plog->writeback_base = -1;
    list_init(&plog->waiters);
    list_init(&plog->ops);
    list_init(&plog->sync_ops);
    list_init(&plog->sync_now);
    list_init(&plog->done_ops);
    list_init(&plog->clean_done);
    env_queue_init(&plog->queue, options->dir);
    env_queue_init(&plog->sync_queue, options->dir);
    list_push_back(&plog->host->dirs[plog->dir].plogs, &plog->node);
    plog->host->stats.plogs++;
    plog_host_timer_by(plog->host, plog->host->producer_check_at_ns);
    return plog;
}

bool plog_is_idle(const struct plog *plog)
{
    return plog->jobs == 0 && plog->busy == PLOG_BUSY_NONE && list_empty(&plog->ops) &&
           list_empty(&plog->sync_ops) && list_empty(&plog->sync_now) &&
           list_empty(&plog->done_ops) && plog_clean_is_idle(plog);
}

void plog_free(struct plog *plog)
{
    if (plog == NULL)
        return;
    ASSERT(plog_is_idle(plog));
    for (uint32_t i = 0; i < plog->segment_count; i++)
        plog_segment_drop_files(&plog->segments[i]);
    LIST_FOR_EACH_SAFE (node, after, &plog->waiters)
        list_remove(node);
    plog_writeback_forget(plog);
    list_remove(&plog->poke_node);
    list_remove(&plog->flush_node);
    list_remove(&plog->node);
    plog->host->stats.plogs--;
    plog_clean_forget_failures(plog);
    plog_producers_free(plog->producers);
    plog_config_unref(plog->config);
    mem_free(plog->tail);
    mem_free(plog->segments);
    mem_free(plog->epochs);
    mem_free(plog->error_text);
    mem_free(plog->topic);
    mem_free(plog);
}

enum plog_state plog_state(const struct plog *plog)
{
    return plog->state;
}

enum err plog_error(const struct plog *plog)
{
    return plog->error;
}

const char *plog_error_text(const struct plog *plog)
{
    return plog->error_text != NULL ? plog->error_text : "";
}

const char *plog_topic(const struct plog *plog)
{
    return plog->topic;
}

int32_t plog_partition(const struct plog *plog)
{
    return plog->partition;
}

struct uuid plog_topic_id(const struct plog *plog)
{
    return plog->topic_id;
}

uint32_t plog_dir_index(const struct plog *plog)
{
    return plog->dir;
}

void plog_name(const struct plog *plog, char *out, size_t out_size)
{
    snprintf(out, out_size, "%s-%d", plog->topic, plog->partition);
}

void plog_folder(const struct plog *plog, char *out, size_t out_size)
{
    snprintf(out, out_size, "%s/%s-%d%s", plog->host->dirs[plog->dir].path, plog->topic,
             plog->partition, plog->future ? "-future" : "");
}

const struct plog_config *plog_config(const struct plog *plog)
{
    return plog->config;
}

void plog_set_config(struct plog *plog, struct plog_config *config)
{
    plog_config_ref(config);
    plog_config_unref(plog->config);
    plog->config = config;
    /* flush.ms may have become finite, or shorter. */
    if (plog->dirty_since_ns != 0 && config->flush_ms <= INT32_MAX) {
        if (list_empty(&plog->flush_node))
            list_push_back(&plog->host->flushes, &plog->flush_node);
        plog_host_timer_by(plog->host, env_now_ns(plog->host->env));
    }
}

int64_t plog_log_start_offset(const struct plog *plog)
{
    return plog->log_start_offset;
}

int64_t plog_end_offset(const struct plog *plog)
{
    return plog->end_offset;
}

int64_t plog_recovery_point(const struct plog *plog)
{
    return plog->recovery_point;
}

int64_t plog_durable_offset(const struct plog *plog)
{
    return plog->durable_offset;
}

uint64_t plog_size_bytes(const struct plog *plog)
{
    return plog->size_bytes;
}

size_t plog_segment_count(const struct plog *plog)
{
    return plog->segment_count;
}

int64_t plog_active_base_offset(const struct plog *plog)
{
    return plog->segment_count == 0 ? plog->end_offset
                                    : plog->segments[plog->segment_count - 1].base_offset;
}

int64_t plog_high_watermark(const struct plog *plog)
{
    return plog->high_watermark;
}

void plog_set_high_watermark(struct plog *plog, int64_t offset)
{
    ASSERT(offset >= 0 && offset <= plog->end_offset);
    plog->high_watermark = offset;
    if (plog->producers != NULL)
        plog_producers_high_watermark(plog->producers, offset);
}

int64_t plog_stable_offset(const struct plog *plog)
{
    int64_t unstable =
        plog->producers != NULL ? plog_producers_first_unstable(plog->producers) : -1;
    if (unstable < 0 || unstable >= plog->high_watermark)
        return plog->high_watermark;
    /* Deletion may have passed the beginning of a transaction that is still open. */
    return unstable > plog->log_start_offset ? unstable : plog->log_start_offset;
}

int64_t plog_first_open_transaction(const struct plog *plog)
{
    return plog->producers != NULL ? plog_producers_first_open(plog->producers) : -1;
}

size_t plog_producer_count(const struct plog *plog)
{
    return plog->producers != NULL ? plog_producers_count(plog->producers) : 0;
}

enum err plog_producer_list(struct plog *plog, struct arena *arena, struct plog_producer_info **out,
                            size_t *out_count)
{
    *out = NULL;
    *out_count = 0;
    return plog->producers != NULL ? plog_producers_list(plog->producers, arena, out, out_count)
                                   : ERR_OK;
}

enum err plog_set_log_start(struct plog *plog, int64_t offset)
{
    if (plog->state != PLOG_STATE_OPEN)
        return ERR_OFFLINE;
    if (offset > plog->high_watermark)
        return ERR_INVALID;
    if (offset <= plog->log_start_offset)
        return ERR_OK;
    plog->log_start_offset = offset;
    plog_epochs_truncate_start(plog, offset);
    return ERR_OK;
}

/* ---- Segments ------------------------------------------------------------------------------- */

uint32_t plog_segment_find(const struct plog *plog, int64_t offset)
{
    uint32_t low = 0, high = plog->segment_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (plog->segments[middle].base_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? plog->segment_count : low - 1;
}

int64_t plog_segment_end(const struct plog *plog, uint32_t index)
{
    ASSERT(index < plog->segment_count);
    return index + 1 < plog->segment_count ? plog->segments[index + 1].base_offset
                                           : plog->end_offset;
}

struct plog_segment *plog_segment_add(struct plog *plog, int64_t base_offset)
{
    ASSERT(plog->segment_count == 0 || plog_active(plog)->base_offset < base_offset);
    if (plog->segment_count == plog->segment_capacity) {
        /* Most partitions have one. */
        plog->segment_capacity = plog->segment_capacity == 0 ? 1 : plog->segment_capacity * 2;
        plog->segments =
            mem_realloc(plog->segments, plog->segment_capacity * sizeof *plog->segments);
    }
    struct plog_segment *segment = &plog->segments[plog->segment_count++];
    *segment = (struct plog_segment){
        .base_offset = base_offset,
        .max_timestamp_ms = PLOG_TIMESTAMP_NONE,
        .max_timestamp_offset = base_offset,
        .first_timestamp_ms = PLOG_TIMESTAMP_UNKNOWN,
    };
    return segment;
}

void plog_segments_remove(struct plog *plog, uint32_t first, uint32_t count)
{
    ASSERT(first + count <= plog->segment_count);
    for (uint32_t i = first; i < first + count; i++) {
        plog->size_bytes -= plog->segments[i].size_bytes;
        plog_segment_drop_files(&plog->segments[i]);
    }
    memmove(&plog->segments[first], &plog->segments[first + count],
            (plog->segment_count - first - count) * sizeof *plog->segments);
    plog->segment_count -= count;
}

void plog_marks_forget(struct plog *plog)
{
    for (size_t i = 0; i < PLOG_READ_MARKS; i++)
        plog->read_marks[i].offset = -1;
    if (plog->tail != NULL) {
        for (size_t i = 0; i < PLOG_TAIL_MARKS; i++)
            plog->tail->marks[i].offset = -1;
    }
}

void plog_mark_add(struct plog *plog, int64_t offset, int64_t base_offset, uint32_t position)
{
    for (size_t i = 0; i < PLOG_READ_MARKS; i++) {
        if (plog->read_marks[i].offset == offset && plog->read_marks[i].base_offset == base_offset)
            return;
    }
    plog->read_marks[plog->next_mark] = (struct plog_mark){offset, base_offset, position};
    plog->next_mark = (plog->next_mark + 1) % PLOG_READ_MARKS;
}

static bool mark_find(const struct plog_mark *marks, size_t count, int64_t offset,
                      int64_t base_offset, uint32_t *out_position)
{
    for (size_t i = 0; i < count; i++) {
        if (marks[i].offset == offset && marks[i].base_offset == base_offset) {
            *out_position = marks[i].position;
            return true;
        }
    }
    return false;
}

bool plog_mark_find(const struct plog *plog, int64_t offset, int64_t base_offset,
                    uint32_t *out_position)
{
    ASSERT(offset >= 0);
    return mark_find(plog->read_marks, PLOG_READ_MARKS, offset, base_offset, out_position) ||
           (plog->tail != NULL &&
            mark_find(plog->tail->marks, PLOG_TAIL_MARKS, offset, base_offset, out_position));
}

/* ---- Waiting -------------------------------------------------------------------------------- */

void plog_wait(struct plog *plog, struct plog_waiter *waiter)
{
    ASSERT(list_empty(&waiter->node));
    /* One that is called and hangs itself up again keeps its place. */
    if (plog->waking)
        list_push_front(&plog->waiters, &waiter->node);
    else
        list_push_back(&plog->waiters, &waiter->node);
    plog_poke(plog);
}

void plog_unwait(struct plog_waiter *waiter)
{
    list_remove(&waiter->node);
}

static bool waiters_may_go(const struct plog *plog)
{
    switch (plog->state) {
    case PLOG_STATE_NEW:
    case PLOG_STATE_OPENING:
        return false;
    case PLOG_STATE_OPEN:
        return plog->busy == PLOG_BUSY_NONE && list_empty(&plog->ops) && !plog->torn &&
               !plog_writeback_holds(plog);
    default:
        return true;
    }
}

static void wake_waiters(struct plog *plog)
{
    while (waiters_may_go(plog)) {
        struct list *node = list_pop_front(&plog->waiters);
        if (node == NULL)
            return;
        struct plog_waiter *waiter = LIST_ENTRY(node, struct plog_waiter, node);
        plog->waking = true;
        waiter->ready(plog, waiter);
        plog->waking = false;
        /* It waits again although nothing keeps it: that would go on for ever. */
        if (plog->waiters.next == &waiter->node && waiters_may_go(plog)) {
            plog_poke(plog);
            return;
        }
    }
    /* They came for another reason, which is over, and find that the disk is behind. */
    if (!list_empty(&plog->waiters) && plog->state == PLOG_STATE_OPEN && plog_writeback_holds(plog))
        plog_writeback_wait(plog);
}

/* ---- Operations ----------------------------------------------------------------------------- */

void plog_op_finish(struct plog *plog, struct plog_op *op, enum err err)
{
    op->err = err;
    list_push_back(&plog->done_ops, &op->node);
    plog_poke(plog);
}

void plog_ops_finish(struct plog *plog, struct list *ops, enum err err)
{
    for (struct list *node; (node = list_pop_front(ops)) != NULL;)
        plog_op_finish(plog, LIST_ENTRY(node, struct plog_op, node), err);
}

static enum err state_error(const struct plog *plog)
{
    return plog->state == PLOG_STATE_OFFLINE ? ERR_OFFLINE : ERR_CLOSED;
}

static void op_queue(struct plog *plog, struct plog_op *op, enum plog_op_kind kind, int64_t offset)
{
    ASSERT(op->done != NULL);
    list_init(&op->node);
    op->kind = (int)kind;
    op->offset = offset;
    op->err = ERR_OK;
    if (plog->state != PLOG_STATE_OPEN) {
        plog_op_finish(plog, op, state_error(plog));
        return;
    }
    list_push_back(&plog->ops, &op->node);
    plog_poke(plog);
}

void plog_truncate(struct plog *plog, int64_t offset, struct plog_op *op)
{
    op_queue(plog, op, PLOG_OP_TRUNCATE, offset);
}

void plog_reset(struct plog *plog, int64_t offset, struct plog_op *op)
{
    op_queue(plog, op, PLOG_OP_RESET, offset);
}

void plog_roll(struct plog *plog, struct plog_op *op)
{
    op_queue(plog, op, PLOG_OP_ROLL, 0);
}

void plog_close(struct plog *plog, struct plog_op *op)
{
    op_queue(plog, op, PLOG_OP_CLOSE, 0);
    if (plog->state == PLOG_STATE_OPEN)
        plog->state = PLOG_STATE_CLOSING;
}

void plog_delete(struct plog *plog, struct plog_op *op)
{
    op_queue(plog, op, PLOG_OP_DELETE, 0);
    if (plog->state == PLOG_STATE_OPEN)
        plog->state = PLOG_STATE_CLOSING;
}

static void ops_start(struct plog *plog)
{
    struct plog_op *op = LIST_ENTRY(plog->ops.next, struct plog_op, node);
    switch (op->kind) {
    case PLOG_OP_ROLL:
        if (plog_active(plog)->size_bytes == 0) {
            list_remove(&op->node);
            plog_op_finish(plog, op, ERR_OK);
        } else if (plog->tail == NULL) {
            plog_activate(plog);
        } else {
            plog_roll_begin(plog, plog->end_offset);
        }
        return;
    case PLOG_OP_TRUNCATE:
        if (op->offset >= plog->end_offset) {
            list_remove(&op->node);
            plog_op_finish(plog, op, ERR_OK);
            return;
        }
        break;
    case PLOG_OP_RESET:
    case PLOG_OP_CLOSE:
    case PLOG_OP_DELETE:
        break;
    default:
        UNREACHABLE();
    }
    /* What is left changes or closes files that a sync, or a cleaning, works on. */
    plog_clean_cancel(plog);
    if (plog->syncing || plog->cleaning != NULL)
        return;
    switch (op->kind) {
    case PLOG_OP_TRUNCATE:
        plog_truncate_begin(plog, op->offset, op->offset < plog->segments[0].base_offset);
        return;
    case PLOG_OP_RESET:
        plog_truncate_begin(plog, op->offset, true);
        return;
    case PLOG_OP_CLOSE:
        plog_close_begin(plog);
        return;
    default:
        plog_delete_begin(plog);
        return;
    }
}

/* Truncation, closing and deletion wait for the sync under way: no new one may begin. */
static bool sync_may_begin(const struct plog *plog)
{
    if (plog->syncing || plog->state != PLOG_STATE_OPEN)
        return false;
    if (plog->busy == PLOG_BUSY_TRUNCATING || plog->busy == PLOG_BUSY_CLOSING ||
        plog->busy == PLOG_BUSY_DELETING)
        return false;
    /* A roll works on the same indexes, and is soon over. */
    if (plog->busy == PLOG_BUSY_ROLLING && plog->checkpoint_wanted)
        return false;
    LIST_FOR_EACH (node, &plog->ops) {
        if (LIST_ENTRY(node, struct plog_op, node)->kind != PLOG_OP_ROLL)
            return false;
    }
    return !list_empty(&plog->sync_ops) || plog->sync_wanted || plog->checkpoint_wanted;
}

void plog_step(struct plog *plog)
{
    plog_clean_tell(plog);
    /* First what others wait for: an operation that ends the plog comes last of all, and when no
     * job is under way any more. */
    bool quiet = plog->jobs == 0 && plog->cleaning == NULL;
    bool over = plog->state != PLOG_STATE_OPEN && quiet;
    struct plog_op *last = NULL;
    for (struct list *node; (node = list_pop_front(&plog->done_ops)) != NULL;) {
        struct plog_op *op = LIST_ENTRY(node, struct plog_op, node);
        if (!quiet && (op->kind == PLOG_OP_CLOSE || op->kind == PLOG_OP_DELETE)) {
            list_push_front(&plog->done_ops, node);
            break;
        }
        if (over && list_empty(&plog->done_ops) && list_empty(&plog->ops)) {
            last = op;
            break;
        }
        op->done(op);
    }
    if (plog->busy == PLOG_BUSY_NONE &&
        (plog->state == PLOG_STATE_OPEN || plog->state == PLOG_STATE_CLOSING)) {
        if (plog->torn && !plog->syncing)
            plog_repair_begin(plog);
        else if (!plog->torn && !list_empty(&plog->ops))
            ops_start(plog);
    }
    /* What waited for a job that found the directory broken. */
    if (plog->busy == PLOG_BUSY_NONE && plog->state != PLOG_STATE_OPEN &&
        plog->state != PLOG_STATE_CLOSING)
        plog_ops_finish(plog, &plog->ops, state_error(plog));
    plog_clean_advance(plog);
    if (sync_may_begin(plog))
        plog_sync_begin(plog);
    wake_waiters(plog);
    if (last != NULL)
        last->done(last); /* which may free the plog */
}

void plog_set_error(struct plog *plog, enum err err, const char *text)
{
    plog->error = err;
    mem_free(plog->error_text);
    plog->error_text = mem_strdup(text);
}

void plog_go_offline(struct plog *plog, enum err err)
{
    /* Closed and deleted ones have nothing left to lose. */
    if (plog->state == PLOG_STATE_OFFLINE || plog->state == PLOG_STATE_CLOSED ||
        plog->state == PLOG_STATE_DELETED || plog->state == PLOG_STATE_FAILED)
        return;
    if (plog->state == PLOG_STATE_NEW || plog->state == PLOG_STATE_OPENING)
        return; /* plog_open's done sees it */
    plog->state = PLOG_STATE_OFFLINE;
    plog_writeback_forget(plog);
    plog_set_error(plog, err, plog->host->dirs[plog->dir].what);
    if (plog->busy == PLOG_BUSY_NONE)
        plog_ops_finish(plog, &plog->ops, ERR_OFFLINE);
    plog_ops_finish(plog, &plog->sync_ops, ERR_OFFLINE);
    for (uint32_t i = 0; i < plog->segment_count; i++)
        plog_segment_drop_files(&plog->segments[i]);
    mem_free(plog->tail);
    plog->tail = NULL;
    list_remove(&plog->flush_node);
    plog_poke(plog);
}

/* ---- Jobs ----------------------------------------------------------------------------------- */

void plog_job_begin(struct plog *plog, struct plog_job *job,
                    void (*run)(struct env_job *, struct env_disk *),
                    void (*done)(struct env *, struct env_job *), struct env_queue *queue)
{
    job->plog = plog;
    job->err = ERR_OK;
    job->base.run = run;
    job->base.done = done;
    plog_folder(plog, job->folder, sizeof job->folder);
    plog->jobs++;
    env_submit(plog->host->env, queue, &job->base);
}

void plog_job_end(struct plog_job *job)
{
    struct plog *plog = job->plog;
    ASSERT(plog->jobs > 0);
    plog->jobs--;
    plog_poke(plog);
    mem_free(job);
}

enum err plog_job_fail(struct plog_job *job, enum err err, const char *step, const char *name)
{
    ASSERT(err != ERR_OK);
    job->err = err;
    snprintf(job->what, sizeof job->what, "%s %.400s: %s", step, name, err_text(err));
    return err;
}

void plog_job_fail_dir(struct plog_job *job)
{
    plog_host_dir_broke(job->plog->host, job->plog->dir, job->err, job->what);
}
