/*
 * Cleaning a compacted log, as the shard sees it: what there is to clean, and a cleaning's way
 * through its stages. A job reads and writes a little at a time (STEP_BYTES); in between the shard
 * sees whether the throttle or somebody else wants it to wait or to give up.
 *
 *   CHECKPOINT -> PREPARE -> MAP -> GROUP -> FILTER -> SWAP -> GROUP ...
 *                                     +-> OVER          (all groups are done)
 *
 * 1. A record is dropped because of a later one, or of a marker that aborted it, which therefore
 *    have to be durable first: what may be cleaned is decided by a log's end that a checkpoint then
 *    covers.
 * 2. Only whole segments below the last stable offset and the active segment are cleaned.
 * 3. The log's segments change when the swap's job is done, all at once. Appends, syncs and reads
 *    go on all the while; a read that was under way at a swap is done again (generation).
 * 4. Truncating, closing and deleting wait until a cleaning has given up. Retention does not: when
 *    it has taken a segment of a group, the cleaning gives up.
 * 5. A log that cannot be cleaned is left as it is and tried again later, and less and less often.
 */
#define LOG_ROOM "plog"
#include "plog/plog_clean_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define STEP_BYTES ((size_t)1 << 20)
#define NS_PER_MS UINT64_C(1000000)
/* After a failure, doubling. */
#define RETRY_MS_MIN UINT64_C(60000)
#define RETRY_MS_MAX UINT64_C(3600000)

/* ---- What there is to clean ------------------------------------------------------------------ */

int64_t plog_cleaned_offset(const struct plog *plog)
{
    return plog->cleaned_offset;
}

bool plog_is_compacted(const struct plog *plog)
{
    return plog->kind == PLOG_KIND_PARTITION &&
           (plog->config->cleanup_policy & PLOG_CLEANUP_COMPACT) != 0;
}

/* Kafka's rule: a checkpoint that cannot be is none. */
static int64_t first_dirty(const struct plog *plog)
{
    int64_t cleaned = plog_cleaned_offset(plog);
    return cleaned < plog->log_start_offset || cleaned > plog->end_offset ? plog->log_start_offset
                                                                          : cleaned;
}

static int64_t largest_timestamp(const struct plog_segment *segment)
{
    return segment->max_timestamp_ms >= 0 ? segment->max_timestamp_ms : segment->append_ms;
}

/* Segments that are not active, from the one that holds the offset on. */
static uint32_t dirty_index(const struct plog *plog, int64_t offset)
{
    uint32_t index = plog_segment_find(plog, offset);
    return index == plog->segment_count ? 0 : index;
}

static bool needs_survey(const struct plog *plog, uint32_t first)
{
    bool min_lag = plog->config->min_compaction_lag_ms > 0;
    bool max_lag = plog->config->max_compaction_lag_ms < INT64_MAX;
    for (uint32_t i = first; (min_lag || max_lag) && i + 1 < plog->segment_count; i++) {
        const struct plog_segment *segment = &plog->segments[i];
        if ((min_lag && segment->max_timestamp_ms == PLOG_TIMESTAMP_UNKNOWN) ||
            (max_lag && segment->first_timestamp_ms == PLOG_TIMESTAMP_UNKNOWN))
            return true;
    }
    return false;
}

/* The base of the first segment that may not be cleaned yet. */
static int64_t bound_find(const struct plog *plog, uint32_t first, int64_t wall_ms)
{
    int64_t bound = plog_active_base_offset(plog), stable = plog_stable_offset(plog);
    int64_t lag_ms = plog->config->min_compaction_lag_ms;
    if (stable < bound)
        bound = stable;
    for (uint32_t i = first; lag_ms > 0 && i + 1 < plog->segment_count; i++) {
        const struct plog_segment *segment = &plog->segments[i];
        if (largest_timestamp(segment) <= wall_ms - lag_ms)
            continue;
        if (segment->base_offset < bound)
            bound = segment->base_offset;
        break;
    }
    return plog->segments[dirty_index(plog, bound)].base_offset;
}

static bool lag_is_over(const struct plog *plog, uint32_t first, int64_t wall_ms)
{
    int64_t lag_ms = plog->config->max_compaction_lag_ms;
    for (uint32_t i = first; i + 1 < plog->segment_count; i++) {
        int64_t time = plog->segments[i].first_timestamp_ms;
        if (time > 0 && lag_ms < INT64_MAX && time < wall_ms - lag_ms)
            return true;
    }
    return false;
}

enum err plog_clean_look(struct plog *plog, int64_t wall_ms, struct plog_clean_view *out)
{
    *out = (struct plog_clean_view){.first_dirty_offset = -1, .bound_offset = -1};
    if (plog->state != PLOG_STATE_OPEN || !plog_is_compacted(plog) || plog->cleaning != NULL ||
        plog->segment_count < 2)
        return ERR_OK;
    int64_t dirty = first_dirty(plog);
    uint32_t first = dirty_index(plog, dirty);
    if (needs_survey(plog, first)) {
        plog_survey_begin(plog, first);
        return ERR_AGAIN;
    }
    int64_t bound = bound_find(plog, first, wall_ms);
    out->first_dirty_offset = dirty;
    out->bound_offset = bound > dirty ? bound : dirty;
    for (uint32_t i = 0; i < plog->segment_count; i++) {
        const struct plog_segment *segment = &plog->segments[i];
        if (segment->base_offset < dirty)
            out->clean_bytes += segment->size_bytes;
        if (i >= first && segment->base_offset < bound)
            out->dirty_bytes += segment->size_bytes;
    }
    uint64_t total = out->clean_bytes + out->dirty_bytes;
    out->ratio = total > 0 ? (double)out->dirty_bytes / (double)total : 0;
    out->overdue = out->dirty_bytes > 0 && lag_is_over(plog, first, wall_ms);
    out->due = out->overdue || out->ratio > plog->config->min_cleanable_dirty_ratio;
    out->waits = env_now_ns(plog->host->env) < plog->clean_retry_ns;
    return ERR_OK;
}

/* ---- The end of it --------------------------------------------------------------------------- */

static void note_failure(struct plog *plog, const struct plog_clean_pass *pass)
{
    struct plog_host_cleaning *counters = &plog->host->cleaning;
    unsigned doublings = plog->clean_failures < 6 ? plog->clean_failures : 6;
    uint64_t wait_ms = RETRY_MS_MIN << doublings;
    if (wait_ms > RETRY_MS_MAX)
        wait_ms = RETRY_MS_MAX;
    if (plog->clean_failures++ == 0)
        counters->uncleanable_count++;
    counters->failures++;
    plog->clean_retry_ns = env_now_ns(plog->host->env) + wait_ms * NS_PER_MS;
    PLOG_ROOM_NAME(plog, name);
    LOG_WARN("%s cannot be cleaned and is skipped for %llu s: %s", name,
             (unsigned long long)(wait_ms / 1000), pass->what);
}

static void note_success(struct plog *plog, const struct plog_clean_pass *pass)
{
    struct plog_host_cleaning *counters = &plog->host->cleaning;
    const struct plog_clean_stats *stats = &pass->stats;
    plog->cleaned_offset = pass->cleaned_to;
    plog_clean_forget_failures(plog);
    counters->passes++;
    counters->last_pass_ms = env_wall_ms(plog->host->env);
    PLOG_ROOM_NAME(plog, name);
    LOG_INFO("%s is clean up to offset %lld: %llu of %llu records stay, %llu segments became %llu, "
             "%llu keys",
             name, (long long)pass->cleaned_to, (unsigned long long)stats->records_kept,
             (unsigned long long)stats->records_read, (unsigned long long)stats->segments_before,
             (unsigned long long)stats->segments_after, (unsigned long long)stats->keys);
}

void plog_clean_forget_failures(struct plog *plog)
{
    if (plog->clean_failures > 0)
        plog->host->cleaning.uncleanable_count--;
    plog->clean_failures = 0;
    plog->clean_retry_ns = 0;
}

/* No job is under way and no file is open. */
static void finish(struct plog *plog)
{
    struct plog_clean_pass *pass = plog->cleaning;
    struct plog_clean *clean = pass->clean;
    struct plog_host *host = plog->host;
    if (plog->state == PLOG_STATE_OFFLINE)
        pass->err = ERR_OFFLINE;
    else if (pass->err == ERR_OK && pass->stage != PLOG_CLEAN_OVER)
        pass->err = ERR_AGAIN;
    if (pass->err == ERR_OK)
        note_success(plog, pass);
    else if (pass->err != ERR_OFFLINE && pass->err != ERR_AGAIN)
        note_failure(plog, pass);
    clean->err = pass->err;
    clean->stats = pass->stats;
    clean->cleaned_to = pass->cleaned_to;
    env_timer_cancel(host->env, &pass->timer);
    plog->cleaning = NULL;
    plog_clean_pass_deinit(pass);
    mem_free(pass);
    plog_poke(plog);
    list_push_back(&plog->clean_done, &clean->node);
}

void plog_clean_tell(struct plog *plog)
{
    struct list *node = list_pop_front(&plog->clean_done);
    if (node == NULL)
        return;
    struct plog_clean *clean = LIST_ENTRY(node, struct plog_clean, node);
    clean->done(clean);
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

struct clean_job {
    struct plog_job job;
    struct plog_clean_pass *pass;
    bool discard;
};

static void step_run(struct env_job *base, struct env_disk *disk)
{
    struct clean_job *job = CONTAINER_OF(base, struct clean_job, job.base);
    if (job->discard)
        plog_clean_discard(job->pass, disk);
    else
        plog_clean_step(job->pass, disk, STEP_BYTES);
}

static void throttle(struct plog_clean_pass *pass, uint64_t now_ns)
{
    double rate = pass->clean->bytes_per_second;
    double ns = rate > 0 ? (double)pass->step_bytes * 1e9 / rate : 0;
    uint64_t from = pass->not_before_ns > now_ns ? pass->not_before_ns : now_ns;
    /* A step's bytes are waited for after it, however long: at least a byte a second. */
    pass->not_before_ns = from + (uint64_t)(ns < 1e18 ? ns : 1e18);
}

static void step_done(struct env *env, struct env_job *base)
{
    struct clean_job *job = CONTAINER_OF(base, struct clean_job, job.base);
    struct plog *plog = job->job.plog;
    struct plog_clean_pass *pass = job->pass;
    struct plog_host_cleaning *counters = &plog->host->cleaning;
    pass->working = false;
    counters->bytes_read += pass->stats.bytes_read - pass->counted_read;
    counters->bytes_written += pass->stats.bytes_written - pass->counted_written;
    pass->counted_read = pass->stats.bytes_read;
    pass->counted_written = pass->stats.bytes_written;
    throttle(pass, env_now_ns(env));
    if (pass->err == ERR_IO)
        plog_host_dir_broke(plog->host, plog->dir, ERR_IO, pass->what);
    bool discarded = job->discard;
    plog_job_end(&job->job);
    if (discarded)
        finish(plog);
}

static void step_submit(struct plog *plog, bool discard)
{
    struct plog_clean_pass *pass = plog->cleaning;
    struct clean_job *job = mem_zalloc(sizeof *job);
    job->pass = pass;
    job->discard = discard;
    pass->working = true;
    pass->step_bytes = 0;
    plog_job_begin(plog, &job->job, step_run, step_done, &pass->queue);
}

/* ---- Stages ---------------------------------------------------------------------------------- */

static void take_segments(struct plog *plog, struct plog_clean_pass *pass)
{
    pass->segments = mem_alloc((plog->segment_count + 1) * sizeof *pass->segments);
    pass->txnindex_bases = mem_alloc((plog->segment_count + 1) * sizeof *pass->txnindex_bases);
    for (uint32_t i = 0; i < plog->segment_count; i++) {
        const struct plog_segment *segment = &plog->segments[i];
        if (segment->has_txnindex)
            pass->txnindex_bases[pass->txnindex_base_count++] = segment->base_offset;
        if (segment->base_offset >= pass->bound_offset)
            continue;
        pass->segments[pass->segment_count++] = (struct plog_clean_segment){
            .base_offset = segment->base_offset,
            .end_offset = plog_segment_end(plog, i),
            .append_ms = segment->append_ms,
            .size_bytes = segment->size_bytes,
        };
    }
}

static void take_producers(struct plog *plog, struct plog_clean_pass *pass)
{
    if (plog->producers == NULL)
        return;
    plog_producers_last(plog->producers, &pass->producers, &pass->producer_count);
    const struct plog_txnindex_entry *aborted;
    size_t count = plog_producers_aborted(plog->producers, &aborted);
    if (count == 0)
        return;
    pass->aborted = mem_alloc(count * sizeof *aborted);
    memcpy(pass->aborted, aborted, count * sizeof *aborted);
    pass->aborted_count = count;
}

/* What is to be cleaned is durable, or will be by a checkpoint that is asked for. */
static void checkpoint_stage(struct plog *plog)
{
    struct plog_clean_pass *pass = plog->cleaning;
    if (!pass->asked && plog->recovery_point < pass->durable_offset) {
        pass->asked = true;
        plog->checkpoint_wanted = true;
        plog_poke(plog);
        return;
    }
    if (plog->recovery_point < pass->durable_offset) {
        if (!plog->syncing && !plog->checkpoint_wanted) {
            pass->err = ERR_NOSPACE;
            snprintf(pass->what, sizeof pass->what, "its checkpoint could not be written");
            plog_poke(plog);
        }
        return;
    }
    plog_poke(plog);
    pass->dirty_offset = first_dirty(plog);
    if (pass->dirty_offset < pass->bound_offset)
        take_segments(plog, pass);
    if (pass->segment_count == 0) {
        pass->cancelled = true; /* retention has taken all of it meanwhile */
        return;
    }
    take_producers(plog, pass);
    pass->stage = PLOG_CLEAN_PREPARE;
}

static void group_stage(struct plog *plog)
{
    struct plog_clean_pass *pass = plog->cleaning;
    struct plog_clean_output *out = &pass->out;
    size_t first = pass->group_end, end = first + 1;
    plog_poke(plog);
    if (first == pass->segment_count) {
        pass->stage = PLOG_CLEAN_OVER;
        return;
    }
    const struct plog_clean_segment *segments = pass->segments;
    uint64_t bytes = segments[first].size_bytes;
    while (end < pass->segment_count &&
           bytes + segments[end].size_bytes <= (uint64_t)plog->config->segment_bytes &&
           segments[end].end_offset - 1 - segments[first].base_offset <= INT32_MAX)
        bytes += segments[end++].size_bytes;
    pass->group_first = pass->segment = first;
    pass->group_end = end;
    pass->changed = false;
    buf_clear(&out->data);
    buf_clear(&out->index);
    buf_clear(&out->timeindex);
    buf_clear(&out->txnindex);
    *out = (struct plog_clean_output){
        .next_offset = segments[first].base_offset,
        .leader_epoch = BATCH_NO_LEADER_EPOCH,
        .max_timestamp_ms = PLOG_TIMESTAMP_NONE,
        .max_timestamp_offset = segments[first].base_offset,
        .time_last = {PLOG_TIMESTAMP_NONE, 0},
        .data = out->data,
        .index = out->index,
        .timeindex = out->timeindex,
        .txnindex = out->txnindex,
    };
    pass->stats.segments_before += end - first;
    pass->stats.segments_after++;
    pass->stage = PLOG_CLEAN_FILTER;
}

/* ---- The swap -------------------------------------------------------------------------------- */

/* The group's first segment in the log; segment_count when it is not there as it was. */
static uint32_t group_find(const struct plog *plog, const struct plog_clean_pass *pass)
{
    uint32_t first = plog_segment_find(plog, pass->segments[pass->group_first].base_offset);
    size_t count = pass->group_end - pass->group_first;
    if (first + count >= plog->segment_count)
        return plog->segment_count;
    for (size_t i = 0; i < count; i++) {
        const struct plog_segment *segment = &plog->segments[first + i];
        const struct plog_clean_segment *wanted = &pass->segments[pass->group_first + i];
        if (segment->base_offset != wanted->base_offset ||
            segment->size_bytes != wanted->size_bytes)
            return plog->segment_count;
    }
    return first;
}

static void swap_run(struct env_job *base, struct env_disk *disk)
{
    plog_swap_run(CONTAINER_OF(base, struct plog_swap_job, job.base), disk);
}

static void swap_install(struct plog *plog, const struct plog_clean_pass *pass)
{
    uint32_t first = group_find(plog, pass);
    uint32_t count = (uint32_t)(pass->group_end - pass->group_first);
    const struct plog_clean_output *out = &pass->out;
    ASSERT(first < plog->segment_count); /* nothing takes segments while plog->swapping */
    struct plog_segment *segment = &plog->segments[first];
    plog_segment_drop_files(segment);
    plog->size_bytes -= segment->size_bytes;
    plog->size_bytes += out->size_bytes;
    segment->size_bytes = (uint32_t)out->size_bytes;
    segment->max_timestamp_ms = out->max_timestamp_ms;
    segment->max_timestamp_offset = out->max_timestamp_offset;
    segment->append_ms = plog->segments[first + count - 1].append_ms;
    segment->first_timestamp_ms = PLOG_TIMESTAMP_UNKNOWN;
    segment->has_txnindex = out->txn_count > 0;
    segment->dirty = segment->index_dirty = false;
    if (count > 1)
        plog_segments_remove(plog, first + 1, count - 1);
    for (size_t i = 0; i < PLOG_READ_MARKS; i++)
        plog->read_marks[i].offset = -1;
    plog->generation++;
}

static void swap_done(struct env *env, struct env_job *base)
{
    struct plog_swap_job *job = CONTAINER_OF(base, struct plog_swap_job, job.base);
    struct plog *plog = job->job.plog;
    struct plog_clean_pass *pass = plog->cleaning;
    UNUSED(env);
    ASSERT(plog->swapping && pass->stage == PLOG_CLEAN_SWAP);
    pass->working = false;
    plog->swapping = false;
    enum err err = job->job.err;
    if (err == ERR_NOSPACE && !job->decided) {
        pass->err = err;
        snprintf(pass->what, sizeof pass->what, "%s", job->job.what);
    } else if (err != ERR_OK) {
        /* Half of it is done: the next start knows what to do. */
        plog_job_fail_dir(&job->job);
    }
    if (err == ERR_OK && plog->state != PLOG_STATE_OFFLINE) {
        swap_install(plog, pass);
        for (size_t i = 0; i < job->removal_count; i++)
            plog_host_remove_later(plog->host, plog->dir, job->removals[i], false,
                                   plog->config->file_delete_delay_ms);
        pass->stage = PLOG_CLEAN_GROUP;
    }
    plog_swap_free(job);
    plog_job_end(&job->job);
}

static void swap_stage(struct plog *plog)
{
    struct plog_clean_pass *pass = plog->cleaning;
    if (group_find(plog, pass) == plog->segment_count) {
        pass->cancelled = true; /* retention has taken some of it */
        plog_poke(plog);
        return;
    }
    struct plog_swap_job *job = mem_zalloc(sizeof *job);
    job->base_count = pass->group_end - pass->group_first;
    job->bases = mem_alloc(job->base_count * sizeof *job->bases);
    job->snapshots = mem_alloc(job->base_count * sizeof *job->snapshots);
    for (size_t i = 0; i < job->base_count; i++) {
        int64_t base = pass->segments[pass->group_first + i].base_offset;
        job->bases[i] = base;
        if (i > 0 && base != plog->snapshot_offset && base != plog->snapshot_older)
            job->snapshots[job->snapshot_count++] = base;
    }
    /* What a reader opens from now on may be of either kind. */
    plog->generation++;
    plog->swapping = true;
    pass->working = true;
    plog_job_begin(plog, &job->job, swap_run, swap_done, &plog->queue);
}

/* ---- Going on -------------------------------------------------------------------------------- */

static void timer_fire(struct env *env, struct env_timer *timer)
{
    struct plog_clean_pass *pass = CONTAINER_OF(timer, struct plog_clean_pass, timer);
    UNUSED(env);
    plog_poke(pass->plog);
}

void plog_clean_advance(struct plog *plog)
{
    struct plog_clean_pass *pass = plog->cleaning;
    if (pass == NULL || pass->working)
        return;
    if (pass->stage == PLOG_CLEAN_OVER || pass->cancelled || pass->err != ERR_OK ||
        plog->state != PLOG_STATE_OPEN) {
        step_submit(plog, true);
        return;
    }
    if (env_now_ns(plog->host->env) < pass->not_before_ns) {
        if (!env_timer_is_set(&pass->timer))
            env_timer_set(plog->host->env, &pass->timer, pass->not_before_ns);
        return;
    }
    switch (pass->stage) {
    case PLOG_CLEAN_CHECKPOINT:
        checkpoint_stage(plog);
        return;
    case PLOG_CLEAN_PREPARE:
    case PLOG_CLEAN_MAP:
    case PLOG_CLEAN_FILTER:
        step_submit(plog, false);
        return;
    case PLOG_CLEAN_GROUP:
        group_stage(plog);
        return;
    case PLOG_CLEAN_SWAP:
        swap_stage(plog);
        return;
    case PLOG_CLEAN_OVER:
        break;
    }
    UNREACHABLE();
}

void plog_clean_cancel(struct plog *plog)
{
    if (plog->cleaning == NULL || plog->cleaning->cancelled)
        return;
    plog->cleaning->cancelled = true;
    plog_poke(plog);
}

static uint32_t entries_max(int64_t bytes, size_t entry_bytes)
{
    int64_t count = bytes / (int64_t)entry_bytes;
    return count < 1 ? 1 : count > INT32_MAX ? INT32_MAX : (uint32_t)count;
}

bool plog_clean_is_idle(const struct plog *plog)
{
    return plog->cleaning == NULL && list_empty(&plog->clean_done);
}

void plog_clean_stop(struct plog *plog)
{
    plog_clean_cancel(plog);
}

void plog_clean(struct plog *plog, struct plog_clean *clean)
{
    const struct plog_config *config = plog->config;
    struct env *env = plog->host->env;
    struct plog_clean_view view;
    ASSERT(clean->done != NULL && plog->cleaning == NULL);
    list_init(&clean->node);
    clean->stats = (struct plog_clean_stats){0};
    clean->cleaned_to = -1;
    int64_t wall_ms = env_wall_ms(env);
    enum err err = plog_clean_look(plog, wall_ms, &view);
    if (plog->state != PLOG_STATE_OPEN || err != ERR_OK || view.dirty_bytes == 0 ||
        !list_empty(&plog->ops)) {
        clean->err = plog->state == PLOG_STATE_OPEN ? ERR_AGAIN : ERR_OFFLINE;
        list_push_back(&plog->clean_done, &clean->node);
        plog_poke(plog);
        return;
    }
    struct plog_clean_pass *pass = mem_zalloc(sizeof *pass);
    pass->plog = plog;
    pass->clean = clean;
    pass->stage = PLOG_CLEAN_CHECKPOINT;
    pass->bound_offset = view.bound_offset;
    pass->durable_offset = plog->end_offset;
    pass->wall_ms = wall_ms;
    pass->delete_retention_ms = config->delete_retention_ms;
    pass->index_interval_bytes = config->index_interval_bytes;
    pass->index_entries_max = entries_max(config->segment_index_bytes, PLOG_INDEX_ENTRY_BYTES);
    pass->timeindex_entries_max =
        entries_max(config->segment_index_bytes, PLOG_TIMEINDEX_ENTRY_BYTES);
    pass->decompressed_bytes_max = (size_t)config->max_decompressed_message_bytes;
    pass->io_bytes = clean->io_bytes < 4096 ? 4096 : clean->io_bytes;
    pass->map_bytes_max = clean->map_bytes;
    pass->map_load = clean->map_load;
    for (size_t i = 0; i < CODEC_COUNT; i++)
        pass->levels[i] = plog_codec_level(config, (enum codec)i);
    env_random(env, pass->hash_key, sizeof pass->hash_key);
    env_queue_init(&pass->queue, plog->dir);
    env_timer_init(&pass->timer, timer_fire);
    plog_folder(plog, pass->folder, sizeof pass->folder);
    plog->cleaning = pass;
    plog_poke(plog);
}
