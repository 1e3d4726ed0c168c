/*
 * Deleting old segments, and deleting the log as a whole.
 *
 * A segment leaves the list at once and its files get the suffix .deleted in a job; they are
 * unlinked later, so that whoever has them open, or read a name a moment ago, is not surprised.
 * What a crash leaves of that is removed when the log is opened.
 */
#define LOG_ROOM "plog"
#include "plog/plog_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* ---- Segments ------------------------------------------------------------------------------- */

struct delete_job {
    struct plog_job job;
    int64_t *bases;
    size_t count;
    int64_t delay_ms;
};

static const enum plog_file_kind DELETED_KINDS[] = {
    PLOG_FILE_LOG, PLOG_FILE_INDEX, PLOG_FILE_TIMEINDEX, PLOG_FILE_TXNINDEX, PLOG_FILE_SNAPSHOT};

static void deleted_path(char out[PLOG_PATH_BYTES], const char *folder, enum plog_file_kind kind,
                         int64_t base_offset)
{
    char path[PLOG_PATH_BYTES];
    plog_path_of(path, folder, kind, base_offset);
    int size = snprintf(out, PLOG_PATH_BYTES, "%s.deleted", path);
    ASSERT(size > 0 && size < PLOG_PATH_BYTES);
}

/* Oldest first, each durably before the next: a crash leaves no hole between segments. */
static void delete_run(struct env_job *base, struct env_disk *disk)
{
    struct delete_job *job = CONTAINER_OF(base, struct delete_job, job.base);
    for (size_t i = 0; i < job->count; i++) {
        enum err err = i == 0 ? ERR_OK : disk_sync_folder(disk, job->job.folder);
        if (err != ERR_OK) {
            plog_job_fail(&job->job, err, "sync", job->job.folder);
            return;
        }
        for (size_t k = 0; k < ARRAY_COUNT(DELETED_KINDS); k++) {
            char from[PLOG_PATH_BYTES], to[PLOG_PATH_BYTES];
            plog_path_of(from, job->job.folder, DELETED_KINDS[k], job->bases[i]);
            deleted_path(to, job->job.folder, DELETED_KINDS[k], job->bases[i]);
            err = disk_rename(disk, from, to);
            if (err == ERR_NOSPACE)
                err = disk_unlink(disk, from); /* deletion is what makes room */
            if (err != ERR_OK && err != ERR_NOTFOUND) {
                plog_job_fail(&job->job, err, "rename", from);
                return;
            }
        }
    }
}

static void delete_done(struct env *env, struct env_job *base)
{
    struct delete_job *job = CONTAINER_OF(base, struct delete_job, job.base);
    struct plog *plog = job->job.plog;
    UNUSED(env);
    if (job->job.err != ERR_OK)
        plog_job_fail_dir(&job->job);
    for (size_t i = 0; job->job.err == ERR_OK && i < job->count; i++) {
        for (size_t k = 0; k < ARRAY_COUNT(DELETED_KINDS); k++) {
            char path[PLOG_PATH_BYTES];
            deleted_path(path, job->job.folder, DELETED_KINDS[k], job->bases[i]);
            plog_host_remove_later(plog->host, plog->dir, path, false, job->delay_ms);
        }
    }
    mem_free(job->bases);
    plog_job_end(&job->job);
}

void plog_segments_delete(struct plog *plog, uint32_t count)
{
    ASSERT(count > 0 && count < plog->segment_count);
    struct delete_job *job = mem_zalloc(sizeof *job);
    job->count = count;
    job->delay_ms = plog->config->file_delete_delay_ms;
    job->bases = mem_alloc(count * sizeof *job->bases);
    for (uint32_t i = 0; i < count; i++)
        job->bases[i] = plog->segments[i].base_offset;
    plog_segments_remove(plog, 0, count);
    plog->host->stats.segments_deleted += count;
    int64_t start = plog->segments[0].base_offset;
    if (plog->log_start_offset < start) {
        plog->log_start_offset = start;
        plog_epochs_truncate_start(plog, start);
    }
    plog_job_begin(plog, &job->job, delete_run, delete_done, &plog->queue);
}

/* ---- Timestamps that were not read yet ------------------------------------------------------ */

struct inspect_job {
    struct plog_job job;
    int64_t *bases;
    struct plog_timeindex_entry *entries;
    size_t count;
};

enum err plog_timeindex_last(struct env_disk *disk, const char *path,
                             struct plog_timeindex_entry *out)
{
    struct env_file *file = NULL;
    struct plog_source source = {.disk = disk};
    uint64_t bytes;
    *out = (struct plog_timeindex_entry){PLOG_TIMESTAMP_NONE, 0};
    enum err err = disk_open(disk, path, DISK_READ, &file);
    if (err == ERR_NOTFOUND)
        return ERR_OK;
    if (err == ERR_OK)
        err = disk_size(disk, file, &bytes);
    if (err == ERR_OK && bytes >= PLOG_TIMEINDEX_ENTRY_BYTES) {
        uint8_t data[PLOG_TIMEINDEX_ENTRY_BYTES];
        uint64_t count = bytes / PLOG_TIMEINDEX_ENTRY_BYTES;
        err = plog_source_read(&source, file, data, sizeof data,
                               (count - 1) * PLOG_TIMEINDEX_ENTRY_BYTES);
        if (err == ERR_OK)
            plog_timeindex_entry_read(data, out);
    }
    disk_close(disk, file);
    return err;
}

static void inspect_run(struct env_job *base, struct env_disk *disk)
{
    struct inspect_job *job = CONTAINER_OF(base, struct inspect_job, job.base);
    for (size_t i = 0; i < job->count; i++) {
        char path[PLOG_PATH_BYTES];
        plog_path_of(path, job->job.folder, PLOG_FILE_TIMEINDEX, job->bases[i]);
        enum err err = plog_timeindex_last(disk, path, &job->entries[i]);
        if (err != ERR_OK) {
            plog_job_fail(&job->job, err, "read", path);
            return;
        }
    }
}

static void inspect_done(struct env *env, struct env_job *base)
{
    struct inspect_job *job = CONTAINER_OF(base, struct inspect_job, job.base);
    struct plog *plog = job->job.plog;
    plog->inspecting = false;
    if (job->job.err != ERR_OK)
        plog_job_fail_dir(&job->job);
    for (size_t i = 0; job->job.err == ERR_OK && i < job->count; i++) {
        if (!plog_has_segment(plog, job->bases[i]))
            continue;
        struct plog_segment *segment = &plog->segments[plog_segment_find(plog, job->bases[i])];
        if (segment->max_timestamp_ms != PLOG_TIMESTAMP_UNKNOWN)
            continue;
        segment->max_timestamp_ms = job->entries[i].timestamp_ms;
        segment->max_timestamp_offset = segment->base_offset + job->entries[i].offset_delta;
    }
    mem_free(job->bases);
    mem_free(job->entries);
    bool go_on = job->job.err == ERR_OK;
    plog_job_end(&job->job);
    if (go_on)
        (void)plog_retain(plog, env_wall_ms(env));
}

static void inspect_begin(struct plog *plog)
{
    struct inspect_job *job = mem_zalloc(sizeof *job);
    job->bases = mem_alloc(plog->segment_count * sizeof *job->bases);
    job->entries = mem_zalloc(plog->segment_count * sizeof *job->entries);
    for (uint32_t i = 0; i < plog->segment_count; i++) {
        if (plog->segments[i].max_timestamp_ms == PLOG_TIMESTAMP_UNKNOWN)
            job->bases[job->count++] = plog->segments[i].base_offset;
    }
    plog->inspecting = true;
    plog_job_begin(plog, &job->job, inspect_run, inspect_done, &plog->queue);
}

/* ---- Retention ------------------------------------------------------------------------------ */

static int64_t segment_age_ms(const struct plog *plog, const struct plog_segment *segment,
                              int64_t wall_ms)
{
    int64_t time = segment->max_timestamp_ms;
    if (time < 0)
        time = segment->append_ms;
    else if (plog->config->retention_by_append_time && segment->append_ms > 0 &&
             segment->append_ms < time)
        time = segment->append_ms;
    return time < wall_ms ? wall_ms - time : 0;
}

/* Whether the oldest segment goes; left_bytes is what the log would have without it. */
static bool segment_goes(const struct plog *plog, uint32_t index, uint64_t left_bytes,
                         int64_t wall_ms)
{
    const struct plog_config *config = plog->config;
    const struct plog_segment *segment = &plog->segments[index];
    int64_t end = plog_segment_end(plog, index);
    if (end > plog->high_watermark)
        return false;
    if (index + 1 == plog->segment_count && segment->size_bytes == 0)
        return false;
    /* Below the log's start, whatever the policy. The active one does not go for that. */
    if (end <= plog->log_start_offset && index + 1 < plog->segment_count)
        return true;
    if ((config->cleanup_policy & PLOG_CLEANUP_DELETE) == 0)
        return false;
    if (config->retention_ms >= 0 && segment_age_ms(plog, segment, wall_ms) > config->retention_ms)
        return true;
    return config->retention_bytes >= 0 && left_bytes >= (uint64_t)config->retention_bytes;
}

static void retain_rolled(struct plog_op *op)
{
    struct plog *plog = CONTAINER_OF(op, struct plog, retain_roll);
    plog->retain_rolling = false;
    if (op->err == ERR_OK)
        (void)plog_retain(plog, env_wall_ms(plog->host->env));
}

static bool by_time(const struct plog *plog)
{
    return (plog->config->cleanup_policy & PLOG_CLEANUP_DELETE) != 0 &&
           plog->config->retention_ms >= 0;
}

size_t plog_retain(struct plog *plog, int64_t wall_ms)
{
    if (plog->state != PLOG_STATE_OPEN || plog->busy != PLOG_BUSY_NONE || !list_empty(&plog->ops) ||
        plog->inspecting || plog->retain_rolling || plog->swapping)
        return 0;
    uint32_t count = 0;
    uint64_t left_bytes = plog->size_bytes;
    while (count < plog->segment_count) {
        const struct plog_segment *segment = &plog->segments[count];
        if (segment->max_timestamp_ms == PLOG_TIMESTAMP_UNKNOWN && by_time(plog)) {
            inspect_begin(plog); /* and goes on with this when it knows */
            return 0;
        }
        left_bytes -= segment->size_bytes;
        if (!segment_goes(plog, count, left_bytes, wall_ms))
            break;
        count++;
    }
    if (count == plog->segment_count) {
        /* The active one goes as well, once there is another one. */
        plog->retain_rolling = true;
        plog->retain_roll.done = retain_rolled;
        plog_roll(plog, &plog->retain_roll);
        count--;
    }
    if (count > 0)
        plog_segments_delete(plog, count);
    return count;
}

void plog_drop_below(struct plog *plog, int64_t offset)
{
    if (plog->state != PLOG_STATE_OPEN || plog->busy == PLOG_BUSY_TRUNCATING || plog->swapping)
        return;
    if (offset > plog->high_watermark)
        offset = plog->high_watermark;
    if (plog->log_start_offset < offset) {
        plog->log_start_offset = offset;
        plog_epochs_truncate_start(plog, offset);
    }
    uint32_t count = 0;
    while (count + 1 < plog->segment_count && plog->segments[count + 1].base_offset <= offset)
        count++;
    if (count > 0)
        plog_segments_delete(plog, count);
}

/* ---- The whole log -------------------------------------------------------------------------- */

struct folder_job {
    struct plog_job job;
    char dir[PLOG_PATH_BYTES];
    char to[PLOG_PATH_BYTES];
    int64_t delay_ms;
};

static void folder_run(struct env_job *base, struct env_disk *disk)
{
    struct folder_job *job = CONTAINER_OF(base, struct folder_job, job.base);
    enum err err = disk_rename(disk, job->job.folder, job->to);
    if (err == ERR_OK)
        err = disk_sync_folder(disk, job->dir);
    if (err != ERR_OK && err != ERR_NOTFOUND)
        plog_job_fail(&job->job, err, "rename", job->job.folder);
}

static void folder_done(struct env *env, struct env_job *base)
{
    struct folder_job *job = CONTAINER_OF(base, struct folder_job, job.base);
    struct plog *plog = job->job.plog;
    UNUSED(env);
    ASSERT(plog->busy == PLOG_BUSY_DELETING);
    enum err err = job->job.err;
    if (err != ERR_OK)
        plog_job_fail_dir(&job->job);
    plog->busy = PLOG_BUSY_NONE;
    if (plog->state == PLOG_STATE_OFFLINE) {
        err = ERR_OFFLINE;
    } else {
        plog->state = PLOG_STATE_DELETED;
        plog_writeback_forget(plog);
        plog_host_forget_removals(plog->host, job->job.folder);
        plog_host_remove_later(plog->host, plog->dir, job->to, true, job->delay_ms);
        plog_ops_finish(plog, &plog->sync_ops, ERR_CLOSED);
    }
    struct plog_op *op = LIST_ENTRY(list_pop_front(&plog->ops), struct plog_op, node);
    ASSERT(op->kind == PLOG_OP_DELETE);
    plog_op_finish(plog, op, err);
    plog_job_end(&job->job);
}

/* Kafka's name: as much of the topic as fits into 255 bytes with the rest. */
static void delete_name(const struct plog *plog, char *out, size_t out_size)
{
    char suffix[64];
    uint8_t random[16];
    env_random(plog->host->env, random, sizeof random);
    int size = snprintf(suffix, sizeof suffix, "-%d.", plog->partition);
    for (size_t i = 0; i < sizeof random; i++)
        size += snprintf(suffix + size, sizeof suffix - (size_t)size, "%02x", random[i]);
    snprintf(suffix + size, sizeof suffix - (size_t)size, "-delete");
    int topic_size = 255 - (int)strlen(suffix);
    snprintf(out, out_size, "%.*s%s", topic_size, plog->topic, suffix);
}

void plog_delete_begin(struct plog *plog)
{
    ASSERT(plog->busy == PLOG_BUSY_NONE && !plog->syncing);
    struct folder_job *job = mem_zalloc(sizeof *job);
    char name[256];
    delete_name(plog, name, sizeof name);
    snprintf(job->dir, sizeof job->dir, "%s", plog->host->dirs[plog->dir].path);
    plog_path(job->to, job->dir, name);
    job->delay_ms = plog->config->file_delete_delay_ms;
    for (uint32_t i = 0; i < plog->segment_count; i++)
        plog_segment_drop_files(&plog->segments[i]);
    mem_free(plog->tail);
    plog->tail = NULL;
    list_remove(&plog->flush_node);
    plog->busy = PLOG_BUSY_DELETING;
    plog_job_begin(plog, &job->job, folder_run, folder_done, &plog->queue);
}
