/*
 * Cutting the log's end off: a follower whose leader has another history, a raft log, and starting
 * anew at an offset.
 *
 * Nothing is appended or synced meanwhile; readers may be at work, and learn by the generation that
 * what they have read is not to be believed. On disk first the later segments go (newest first, and
 * durably), then the one in which the cut is is shortened, then what is derived from it.
 */
#define LOG_ROOM "plog"
#include "plog/plog_load_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct truncate_job {
    struct plog_job job;
    bool reset;
    int64_t offset;
    struct plog_load load; /* its segments and snapshots: those there are, then those that stay */
    struct buf epochs;
    bool epochs_changed;
    int64_t active_base_offset;
    struct plog_txnindex_entry *aborted; /* in memory, below the cut */
    size_t aborted_count;
    uint32_t txnindex_count;
};

static enum err fail(struct truncate_job *job, enum err err, const char *step, const char *path)
{
    return plog_job_fail(&job->job, err, step, path);
}

static enum err remove_file(struct truncate_job *job, enum plog_file_kind kind, int64_t base_offset)
{
    char path[PLOG_PATH_BYTES];
    plog_path_of(path, job->job.folder, kind, base_offset);
    enum err err = plog_disk_remove(job->load.disk, path);
    return err == ERR_OK ? ERR_OK : fail(job, err, "remove", path);
}

/* Newest first, each durably before the next: a crash leaves no hole between segments. */
static enum err remove_segments(struct truncate_job *job, uint32_t first)
{
    static const enum plog_file_kind kinds[] = {PLOG_FILE_LOG, PLOG_FILE_INDEX, PLOG_FILE_TIMEINDEX,
                                                PLOG_FILE_TXNINDEX};
    struct plog_load *load = &job->load;
    while (load->segment_count > first) {
        int64_t base = load->segments[load->segment_count - 1].base_offset;
        for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
            enum err err = remove_file(job, kinds[i], base);
            if (err != ERR_OK)
                return err;
        }
        load->segment_count--;
        enum err err = disk_sync_folder(load->disk, job->job.folder);
        if (err != ERR_OK)
            return fail(job, err, "sync", job->job.folder);
    }
    return ERR_OK;
}

static bool list_snapshot(void *context, const char *text, enum disk_kind kind)
{
    struct truncate_job *job = context;
    struct plog_file_name name;
    UNUSED(kind);
    plog_file_name_parse(text, &name);
    if (name.kind == PLOG_FILE_SNAPSHOT && name.suffix == PLOG_SUFFIX_NONE)
        plog_load_add_snapshot(&job->load, name.base_offset);
    return true;
}

static enum err remove_snapshots(struct truncate_job *job, int64_t from)
{
    struct plog_load *load = &job->load;
    enum err err = disk_list(load->disk, job->job.folder, list_snapshot, job);
    if (err != ERR_OK)
        return fail(job, err, "list", job->job.folder);
    plog_load_sort_snapshots(load);
    while (load->snapshot_count > 0 && load->snapshots[load->snapshot_count - 1] >= from) {
        err = remove_file(job, PLOG_FILE_SNAPSHOT, load->snapshots[load->snapshot_count - 1]);
        if (err != ERR_OK)
            return err;
        load->snapshot_count--;
    }
    return ERR_OK;
}

static enum err store_epochs(struct truncate_job *job)
{
    char path[PLOG_PATH_BYTES];
    if (!job->epochs_changed)
        return ERR_OK;
    plog_path(path, job->job.folder, PLOG_EPOCHS_NAME);
    enum err err = plog_disk_store(job->load.disk, path, job->epochs.data, job->epochs.size);
    return err == ERR_OK ? ERR_OK : fail(job, err, "write", path);
}

/* An empty segment, with its names durable. */
static enum err make_empty(struct truncate_job *job, int64_t base_offset)
{
    struct plog_load *load = &job->load;
    char path[PLOG_PATH_BYTES];
    struct env_file *file = NULL;
    plog_path_of(path, job->job.folder, PLOG_FILE_LOG, base_offset);
    enum err err =
        disk_open(load->disk, path, DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &file);
    if (err == ERR_OK)
        err = disk_sync(load->disk, file);
    disk_close(load->disk, file);
    if (err != ERR_OK)
        return fail(job, err, "create", path);
    plog_load_add_segment(load, base_offset);
    load->segments[load->segment_count - 1].max_timestamp_ms = PLOG_TIMESTAMP_NONE;
    load->segments[load->segment_count - 1].append_ms = load->wall_ms;
    load->end_offset = base_offset;
    return ERR_OK;
}

static void reset_run(struct truncate_job *job)
{
    struct plog_load *load = &job->load;
    if (remove_segments(job, 0) != ERR_OK || remove_snapshots(job, 0) != ERR_OK ||
        store_epochs(job) != ERR_OK || make_empty(job, job->offset) != ERR_OK)
        return;
    enum err err = disk_sync_folder(load->disk, job->job.folder);
    if (err != ERR_OK)
        fail(job, err, "sync", job->job.folder);
}

/* Where the segment is cut: at the batch that holds the offset, or begins at it. */
static enum err find_cut(struct truncate_job *job, struct plog_segment *segment,
                         uint32_t *out_position)
{
    struct plog_load *load = &job->load;
    struct plog_source source = {.disk = load->disk};
    char path[PLOG_PATH_BYTES];
    struct env_file *log = NULL;
    struct batch_header header;
    uint32_t start = 0;
    plog_path_of(path, job->job.folder, PLOG_FILE_LOG, segment->base_offset);
    load->end_offset = job->offset;
    *out_position = segment->size_bytes;
    if (segment->size_bytes == 0)
        return ERR_OK;
    enum err err = disk_open(load->disk, path, DISK_READ, &log);
    /* From before the cut, as index entries at it go as well. */
    if (err == ERR_OK && job->offset > segment->base_offset)
        err = plog_load_position(load, segment, log, job->offset - 1, &start);
    if (err == ERR_OK)
        err = plog_segment_seek(&source, log, segment->size_bytes, start, job->offset, out_position,
                                &header);
    if (err == ERR_OK && header.base_offset < job->offset)
        load->end_offset = header.base_offset;
    if (err == ERR_NOTFOUND) {
        *out_position = segment->size_bytes;
        err = ERR_OK;
    }
    disk_close(load->disk, log);
    return err == ERR_OK ? ERR_OK : fail(job, err, "read", path);
}

/* Shorten the log file, then scan from its last index entry on, which shortens the indexes and
 * finds the producers, as recovery does. */
static enum err cut_segment(struct truncate_job *job, uint32_t index)
{
    struct plog_load *load = &job->load;
    struct plog_segment *segment = &load->segments[index];
    char path[PLOG_PATH_BYTES];
    struct env_file *log = NULL;
    uint32_t position;
    enum err err = find_cut(job, segment, &position);
    if (err != ERR_OK)
        return err;
    int64_t end = load->end_offset;
    plog_path_of(path, job->job.folder, PLOG_FILE_LOG, segment->base_offset);
    err = disk_open(load->disk, path, DISK_READ | DISK_WRITE | DISK_CREATE, &log);
    if (err == ERR_OK)
        err = disk_truncate(load->disk, log, position);
    if (err == ERR_OK)
        err = plog_disk_sync(load->disk, log, job->job.folder);
    disk_close(load->disk, log);
    if (err != ERR_OK)
        return fail(job, err, "truncate", path);
    segment->size_bytes = position;
    plog_path_of(path, job->job.folder, PLOG_FILE_TXNINDEX, segment->base_offset);
    if (segment->base_offset == job->active_base_offset)
        err = plog_txnindex_store(load->disk, path, job->txnindex_count, job->aborted,
                                  job->aborted_count);
    if (err != ERR_OK)
        return fail(job, err, "write", path);
    if (remove_snapshots(job, end + 1) != ERR_OK)
        return job->job.err;
    struct plog_scan_from from;
    bool cut;
    err = plog_load_scan_from(load, segment, end, &from);
    if (err == ERR_OK)
        err = plog_load_producers(load, from.next_offset);
    if (err == ERR_OK)
        err = plog_recover_segment(load, index, &from, &cut);
    if (err == ERR_OK)
        err = plog_load_newest_producers(load);
    if (err != ERR_OK) {
        snprintf(job->job.what, sizeof job->job.what, "%s", load->error);
        return job->job.err = load->err;
    }
    /* Offsets that compaction removed before the cut stay taken. */
    if (!cut && load->end_offset < end)
        load->end_offset = end;
    return ERR_OK;
}

static void truncate_run(struct env_job *base, struct env_disk *disk)
{
    struct truncate_job *job = CONTAINER_OF(base, struct truncate_job, job.base);
    struct plog_load *load = &job->load;
    load->disk = disk;
    if (job->reset) {
        reset_run(job);
        return;
    }
    uint32_t index = load->segment_count - 1;
    while (load->segments[index].base_offset > job->offset)
        index--; /* the first one is at or below it, or this would be a reset */
    if (remove_segments(job, index + 1) != ERR_OK || cut_segment(job, index) != ERR_OK ||
        store_epochs(job) != ERR_OK)
        return;
    enum err err = disk_sync_folder(disk, job->job.folder);
    if (err != ERR_OK)
        fail(job, err, "sync", job->job.folder);
}

/* ---- On the shard --------------------------------------------------------------------------- */

static void install(struct plog *plog, struct truncate_job *job)
{
    struct plog_load *load = &job->load;
    mem_free(plog->segments);
    plog->segments = load->segments;
    plog->segment_count = load->segment_count;
    plog->segment_capacity = load->segment_capacity;
    load->segments = NULL;
    plog->generation++;
    plog_producers_free(plog->producers);
    plog->producers = load->producers;
    load->producers = NULL;
    plog->producers_dirty = true;
    plog->snapshot_offset = load->snapshot_offset;
    plog->snapshot_older = -1;
    plog->txnindex_count = job->reset ? 0 : load->txnindex_count;
    plog->end_offset = load->end_offset;
    plog->writeback_base = -1;
    plog_writeback_covered(plog, plog->appended_bytes); /* cutting off has synced what is left */
    plog_epochs_truncate_end(plog, plog->end_offset);
    plog->size_bytes = 0;
    for (uint32_t i = 0; i < plog->segment_count; i++)
        plog->size_bytes += plog->segments[i].size_bytes;
    if (job->reset) {
        plog->log_start_offset = plog->end_offset;
        plog->high_watermark = plog->end_offset;
        plog->epoch_count = 0;
    }
    if (plog->high_watermark > plog->end_offset)
        plog->high_watermark = plog->end_offset;
    if (plog->log_start_offset > plog->end_offset)
        plog->log_start_offset = plog->end_offset;
    if (plog->recovery_point > plog->end_offset || job->reset)
        plog->recovery_point = plog->end_offset;
    if (plog->durable_offset > plog->end_offset || job->reset)
        plog->durable_offset = plog->end_offset;
    if (plog->cleaned_offset > plog->end_offset || job->reset)
        plog->cleaned_offset = plog->end_offset;
    if (plog->producers != NULL)
        plog_producers_high_watermark(plog->producers, plog->high_watermark);
}

static void truncate_done(struct env *env, struct env_job *base)
{
    struct truncate_job *job = CONTAINER_OF(base, struct truncate_job, job.base);
    struct plog *plog = job->job.plog;
    UNUSED(env);
    ASSERT(plog->busy == PLOG_BUSY_TRUNCATING);
    if (job->job.err != ERR_OK)
        plog_job_fail_dir(&job->job); /* half of it may be done */
    plog->busy = PLOG_BUSY_NONE;
    enum err err = plog->state == PLOG_STATE_OFFLINE ? ERR_OFFLINE : job->job.err;
    if (err == ERR_OK)
        install(plog, job);
    struct plog_op *op = LIST_ENTRY(list_pop_front(&plog->ops), struct plog_op, node);
    plog_op_finish(plog, op, err);
    plog_load_deinit(&job->load);
    mem_free(job->aborted);
    buf_deinit(&job->epochs);
    plog_job_end(&job->job);
}

void plog_truncate_begin(struct plog *plog, int64_t offset, bool reset)
{
    ASSERT(plog->busy == PLOG_BUSY_NONE && !plog->syncing);
    ASSERT(offset >= 0);
    if (plog->tail != NULL) {
        plog_tail_flush(plog);
        if (plog->state == PLOG_STATE_OFFLINE)
            return; /* step finishes the operation */
    }
    struct truncate_job *job = mem_zalloc(sizeof *job);
    job->reset = reset;
    job->offset = offset;
    struct plog_load *load = &job->load;
    plog_folder(plog, load->folder, sizeof load->folder);
    load->kind = plog->kind;
    load->log_start_offset = plog->log_start_offset;
    load->recovery_point = plog->recovery_point;
    load->index_interval_bytes = plog->config->index_interval_bytes;
    load->wall_ms = env_wall_ms(plog->host->env);
    load->snapshot_offset = -1;

    if (plog->producers != NULL) {
        const struct plog_txnindex_entry *aborted;
        size_t count = plog_producers_aborted(plog->producers, &aborted);
        job->aborted = mem_alloc((count + 1) * sizeof *aborted);
        while (job->aborted_count < count && aborted[job->aborted_count].last_offset < offset) {
            job->aborted[job->aborted_count] = aborted[job->aborted_count];
            job->aborted_count++;
        }
    }
    job->active_base_offset = plog_active(plog)->base_offset;
    job->txnindex_count = plog->txnindex_count;

    /* Readers keep the old files; what they find in them is not believed. */
    mem_free(plog->tail);
    plog->tail = NULL;
    plog->generation++;
    plog_marks_forget(plog);
    for (uint32_t i = 0; i < plog->segment_count; i++)
        plog_segment_drop_files(&plog->segments[i]);
    load->segment_count = load->segment_capacity = plog->segment_count;
    load->segments = mem_alloc(plog->segment_count * sizeof *load->segments);
    memcpy(load->segments, plog->segments, plog->segment_count * sizeof *load->segments);

    struct plog_epoch_entry *epochs = plog->epochs;
    size_t epoch_count = plog->epoch_count;
    while (epoch_count > 0 && (reset || epochs[epoch_count - 1].start_offset >= offset))
        epoch_count--;
    job->epochs_changed =
        epoch_count != plog->epoch_count || plog->epochs_dirty || plog->epoch_unwritten;
    plog_epochs_format(&job->epochs, epochs, epoch_count);
    plog->epochs_dirty = false;
    plog->epoch_unwritten = false;
    plog->busy = PLOG_BUSY_TRUNCATING;
    plog_job_begin(plog, &job->job, truncate_run, truncate_done, &plog->queue);
}
