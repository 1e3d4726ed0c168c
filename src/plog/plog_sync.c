/*
 * Making things durable. Three callers, one job:
 *
 *   plog_sync        segments that were written to (and new names); moves durable_offset
 *   plog_checkpoint  and their indexes, aborted transactions, producers, epochs; moves
 * recovery_point plog_close       and trims the indexes; the files are let go
 *
 * A sync covers what was appended before it began, and serves everybody who asked by then: dirty
 * marks are taken off when it begins, so that what comes meanwhile is the next one's. One that
 * fails takes the directory offline and is not repeated.
 */
#define LOG_ROOM "plog"
#include "plog/plog_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct sync_item {
    struct plog_files *files; /* a reference, or NULL: by path */
    int64_t base_offset;
    bool log;
    bool indexes;
    bool txnindex; /* what recovery and truncation wrote of it is not synced */
};

struct sync_job {
    struct plog_job job;
    bool checkpoint;
    bool close;
    bool names;
    bool folder_name; /* in the log directory */
    char dir[PLOG_PATH_BYTES];
    int64_t end_offset;
    uint64_t appended_bytes;
    struct sync_item *items;
    size_t item_count;
    uint64_t index_bytes, timeindex_bytes; /* the active segment's, for close; UINT64_MAX: as is */
    uint64_t log_bytes;                    /* UINT64_MAX: nothing was reserved */

    struct buf snapshot;     /* empty: none */
    int64_t snapshot_before; /* an older one that goes; -1: none */
    struct buf epochs;       /* empty: unchanged */
    struct plog_txnindex_entry *aborted;
    size_t aborted_count;
    uint32_t txnindex_count;
    int64_t active_base_offset;
    /* A full disk keeps a checkpoint from being complete; what was appended is synced all the same.
     */
    enum err soft_err;
};

/* ---- In the job ----------------------------------------------------------------------------- */

static enum err sync_by_path(struct sync_job *job, struct env_disk *disk, enum plog_file_kind kind,
                             int64_t base_offset)
{
    char path[PLOG_PATH_BYTES];
    plog_path_of(path, job->job.folder, kind, base_offset);
    struct env_file *file = NULL;
    enum err err = disk_open(disk, path, DISK_READ | DISK_WRITE, &file);
    if (err == ERR_NOTFOUND)
        return ERR_OK; /* deleted meanwhile, or never made */
    if (err == ERR_OK)
        err = plog_disk_sync(disk, file, job->job.folder);
    disk_close(disk, file);
    return err == ERR_OK ? ERR_OK : plog_job_fail(&job->job, err, "sync", path);
}

static enum err sync_file(struct sync_job *job, struct env_disk *disk, struct env_file *file,
                          enum plog_file_kind kind, int64_t base_offset)
{
    if (file == NULL)
        return sync_by_path(job, disk, kind, base_offset);
    enum err err = plog_disk_sync(disk, file, job->job.folder);
    if (err == ERR_OK)
        return ERR_OK;
    char path[PLOG_PATH_BYTES];
    plog_path_of(path, job->job.folder, kind, base_offset);
    return plog_job_fail(&job->job, err, "sync", path);
}

static enum err sync_items(struct sync_job *job, struct env_disk *disk)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < job->item_count; i++) {
        const struct sync_item *item = &job->items[i];
        const struct plog_files *files = item->files;
        int64_t base = item->base_offset;
        if (item->log)
            err = sync_file(job, disk, files != NULL ? files->log : NULL, PLOG_FILE_LOG, base);
        if (err == ERR_OK && item->indexes)
            err = sync_file(job, disk, files != NULL ? files->index : NULL, PLOG_FILE_INDEX, base);
        if (err == ERR_OK && item->indexes)
            err = sync_file(job, disk, files != NULL ? files->timeindex : NULL, PLOG_FILE_TIMEINDEX,
                            base);
        if (err == ERR_OK && item->txnindex)
            err = sync_by_path(job, disk, PLOG_FILE_TXNINDEX, base);
    }
    return err;
}

/* Files written as a whole: on a full disk the checkpoint merely does not count. */
static enum err store(struct sync_job *job, struct env_disk *disk, const char *path,
                      const struct buf *content)
{
    if (content->size == 0 || job->soft_err != ERR_OK)
        return ERR_OK;
    enum err err = plog_disk_store(disk, path, content->data, content->size);
    if (err == ERR_NOSPACE) {
        job->soft_err = err;
        return ERR_OK;
    }
    return err == ERR_OK ? ERR_OK : plog_job_fail(&job->job, err, "write", path);
}

static enum err store_all(struct sync_job *job, struct env_disk *disk)
{
    char path[PLOG_PATH_BYTES];
    plog_path_of(path, job->job.folder, PLOG_FILE_TXNINDEX, job->active_base_offset);
    enum err err =
        plog_txnindex_store(disk, path, job->txnindex_count, job->aborted, job->aborted_count);
    if (err == ERR_NOSPACE)
        job->soft_err = err;
    else if (err != ERR_OK)
        return plog_job_fail(&job->job, err, "write", path);
    plog_path(path, job->job.folder, PLOG_EPOCHS_NAME);
    err = store(job, disk, path, &job->epochs);
    if (err != ERR_OK)
        return err;
    plog_path_of(path, job->job.folder, PLOG_FILE_SNAPSHOT, job->end_offset);
    err = store(job, disk, path, &job->snapshot);
    if (err != ERR_OK || job->snapshot_before < 0 || job->soft_err != ERR_OK)
        return err;
    plog_path_of(path, job->job.folder, PLOG_FILE_SNAPSHOT, job->snapshot_before);
    err = plog_disk_remove(disk, path);
    return err == ERR_OK ? ERR_OK : plog_job_fail(&job->job, err, "remove", path);
}

static enum err trim_files(struct sync_job *job, struct env_disk *disk)
{
    for (size_t i = 0; i < job->item_count; i++) {
        struct plog_files *files = job->items[i].files;
        /* The lengths are the active segment's; one that was rolled has its own already. */
        if (files == NULL || job->items[i].base_offset != job->active_base_offset ||
            job->index_bytes == UINT64_MAX)
            continue;
        enum err err = disk_truncate(disk, files->index, job->index_bytes);
        if (err == ERR_OK)
            err = disk_truncate(disk, files->timeindex, job->timeindex_bytes);
        if (err == ERR_OK && job->log_bytes != UINT64_MAX)
            err = disk_truncate(disk, files->log, job->log_bytes);
        if (err != ERR_OK)
            return plog_job_fail(&job->job, err, "trim the files in", job->job.folder);
    }
    return ERR_OK;
}

/* A folder whose making nobody has synced: an earlier process ended too early. */
static enum err sync_metadata(struct sync_job *job, struct env_disk *disk)
{
    char path[PLOG_PATH_BYTES];
    plog_path(path, job->job.folder, PLOG_METADATA_NAME);
    enum err err = plog_disk_sync_path(disk, path);
    if (err == ERR_OK || err == ERR_NOTFOUND)
        return ERR_OK;
    return plog_job_fail(&job->job, err, "sync", path);
}

static void sync_run(struct env_job *base, struct env_disk *disk)
{
    struct sync_job *job = CONTAINER_OF(base, struct sync_job, job.base);
    if (job->close && trim_files(job, disk) != ERR_OK)
        return;
    if (sync_items(job, disk) != ERR_OK)
        return;
    if (job->checkpoint && store_all(job, disk) != ERR_OK)
        return;
    enum err err = job->folder_name ? sync_metadata(job, disk) : ERR_OK;
    if (err == ERR_OK && job->names) {
        err = disk_sync_folder(disk, job->job.folder);
        if (err != ERR_OK)
            plog_job_fail(&job->job, err, "sync", job->job.folder);
    }
    if (err == ERR_OK && job->folder_name) {
        err = disk_sync_folder(disk, job->dir);
        if (err != ERR_OK)
            plog_job_fail(&job->job, err, "sync", job->dir);
    }
}

/* ---- On the shard --------------------------------------------------------------------------- */

static void collect_items(struct plog *plog, struct sync_job *job)
{
    job->items = mem_alloc((plog->segment_count + 1) * sizeof *job->items);
    for (uint32_t i = 0; i < plog->segment_count; i++) {
        struct plog_segment *segment = &plog->segments[i];
        bool indexes = job->checkpoint && segment->index_dirty;
        bool active = segment == plog_active(plog) && job->close;
        if (!segment->dirty && !indexes && !active)
            continue;
        if (segment->files == NULL && !segment->dirty && !indexes)
            continue;
        struct sync_item *item = &job->items[job->item_count++];
        *item = (struct sync_item){
            .files = segment->files,
            .base_offset = segment->base_offset,
            .log = segment->dirty,
            .indexes = indexes,
            .txnindex = indexes && segment->has_txnindex,
        };
        if (item->files != NULL)
            plog_files_ref(item->files);
        segment->dirty = false;
        if (indexes)
            segment->index_dirty = false;
    }
}

/* The checkpoint before the last one has left a snapshot that nobody needs any more, unless a
 * segment begins there. The last one's is needed as long as the directory's checkpoint tells of it.
 */
static int64_t snapshot_to_remove(const struct plog *plog)
{
    int64_t offset = plog->snapshot_older;
    if (offset == plog->end_offset || offset == plog->snapshot_offset ||
        (offset >= 0 && plog_has_segment(plog, offset)))
        return -1;
    return offset;
}

static void collect_checkpoint(struct plog *plog, struct sync_job *job)
{
    job->active_base_offset = plog_active(plog)->base_offset;
    job->snapshot_before = -1;
    if (plog->kind == PLOG_KIND_PARTITION && plog->producers_dirty) {
        /* An empty one, too: it saves recovery from looking for producers further back. */
        if (plog->producers != NULL) {
            plog_producers_save(plog->producers, &job->snapshot);
        } else {
            plog_snapshot_begin(&job->snapshot);
            plog_snapshot_end(&job->snapshot);
        }
        job->snapshot_before = snapshot_to_remove(plog);
        plog->producers_dirty = false;
        job->names = true;
    }
    if (plog_epochs_behind(plog)) {
        plog_epochs_format(&job->epochs, plog->epochs, plog->epoch_count);
        plog->epochs_dirty = false;
        plog->epoch_unwritten = false;
        job->names = true;
    }
    if (plog->producers != NULL) {
        const struct plog_txnindex_entry *aborted;
        job->txnindex_count = plog->txnindex_count;
        job->aborted_count = plog_producers_aborted(plog->producers, &aborted);
        job->aborted = mem_alloc((job->aborted_count + 1) * sizeof *aborted);
        if (job->aborted_count > 0)
            memcpy(job->aborted, aborted, job->aborted_count * sizeof *aborted);
        job->names |= job->aborted_count > 0;
    }
}

static struct sync_job *job_new(struct plog *plog, bool checkpoint, bool close)
{
    struct sync_job *job = mem_zalloc(sizeof *job);
    job->checkpoint = checkpoint;
    job->close = close;
    job->end_offset = plog->end_offset;
    job->appended_bytes = plog->appended_bytes;
    job->index_bytes = UINT64_MAX;
    if (plog->tail != NULL && close) {
        const struct plog_segment *active = plog_active(plog);
        job->index_bytes = (uint64_t)active->files->index_count * PLOG_INDEX_ENTRY_BYTES;
        job->timeindex_bytes = (uint64_t)plog->tail->timeindex_count * PLOG_TIMEINDEX_ENTRY_BYTES;
        job->log_bytes = plog->config->preallocate ? active->size_bytes : UINT64_MAX;
    }
    job->names = plog->names_dirty;
    job->folder_name = plog->folder_dirty;
    plog->names_dirty = false;
    plog->folder_dirty = false;
    plog->dirty_since_ns = 0;
    snprintf(job->dir, sizeof job->dir, "%s", plog->host->dirs[plog->dir].path);
    collect_items(plog, job);
    if (checkpoint)
        collect_checkpoint(plog, job);
    return job;
}

/* What the checkpoint could not write is still to be written. */
static void restore_marks(struct plog *plog, const struct sync_job *job)
{
    plog->producers_dirty |= job->snapshot.size > 0;
    plog->epochs_dirty |= job->epochs.size > 0;
    for (size_t i = 0; i < job->item_count; i++) {
        uint32_t index = plog_segment_find(plog, job->items[i].base_offset);
        if (job->items[i].indexes && index < plog->segment_count)
            plog->segments[index].index_dirty = true;
    }
}

static void take_results(struct plog *plog, const struct sync_job *job)
{
    plog_writeback_covered(plog, job->appended_bytes);
    if (job->end_offset > plog->durable_offset)
        plog->durable_offset = job->end_offset;
    if (!job->checkpoint)
        return;
    if (job->soft_err != ERR_OK) {
        restore_marks(plog, job);
        return;
    }
    if (job->end_offset > plog->recovery_point)
        plog->recovery_point = job->end_offset;
    if (job->snapshot.size > 0 && plog->snapshot_offset != job->end_offset) {
        plog->snapshot_older = plog->snapshot_offset;
        plog->snapshot_offset = job->end_offset;
    }
    /* A roll in between has written them to the same place already. */
    if (job->aborted_count > 0 && plog_active(plog)->base_offset == job->active_base_offset) {
        plog_producers_aborted_written(plog->producers, job->aborted_count);
        plog->txnindex_count += (uint32_t)job->aborted_count;
        plog_active(plog)->has_txnindex = true;
    }
}

static void job_release(struct sync_job *job)
{
    for (size_t i = 0; i < job->item_count; i++) {
        if (job->items[i].files != NULL)
            plog_files_unref(job->items[i].files);
    }
    mem_free(job->items);
    mem_free(job->aborted);
    buf_deinit(&job->snapshot);
    buf_deinit(&job->epochs);
}

static void sync_done(struct env *env, struct env_job *base)
{
    struct sync_job *job = CONTAINER_OF(base, struct sync_job, job.base);
    struct plog *plog = job->job.plog;
    UNUSED(env);
    ASSERT(plog->syncing);
    plog->syncing = false;
    plog->host->stats.syncs++;
    if (job->job.err != ERR_OK)
        plog_job_fail_dir(&job->job);
    if (plog->state == PLOG_STATE_OFFLINE) {
        plog_ops_finish(plog, &plog->sync_now, ERR_OFFLINE);
    } else {
        take_results(plog, job);
        for (struct list *node; (node = list_pop_front(&plog->sync_now)) != NULL;) {
            struct plog_op *op = LIST_ENTRY(node, struct plog_op, node);
            plog_op_finish(plog, op, op->kind == PLOG_OP_CHECKPOINT ? job->soft_err : ERR_OK);
        }
    }
    job_release(job);
    plog_job_end(&job->job);
}

/* Nothing to write for what is asked: no job. */
static bool is_synced(const struct plog *plog, bool checkpoint)
{
    /* A log that never had a record loses nothing with its names: the next start makes them anew.
     */
    if (plog->end_offset > 0 && (plog->names_dirty || plog->folder_dirty))
        return false;
    if (plog->durable_offset < plog->end_offset)
        return false;
    if (checkpoint && (plog->recovery_point < plog->end_offset || plog_epochs_behind(plog) ||
                       plog->producers_dirty))
        return false;
    for (uint32_t i = 0; i < plog->segment_count; i++) {
        if (plog->segments[i].dirty || (checkpoint && plog->segments[i].index_dirty))
            return false;
    }
    return true;
}

void plog_sync_begin(struct plog *plog)
{
    ASSERT(!plog->syncing && plog->state == PLOG_STATE_OPEN);
    bool checkpoint = plog->checkpoint_wanted;
    ASSERT(!checkpoint || plog->busy != PLOG_BUSY_ROLLING);
    if (checkpoint && plog->tail != NULL) {
        (void)plog_tail_seal(plog); /* on a full disk both indexes stay behind together */
        if (plog->state != PLOG_STATE_OPEN)
            return;
    }
    plog->checkpoint_wanted = false;
    plog->sync_wanted = false;
    list_splice(&plog->sync_now, &plog->sync_ops);
    if (is_synced(plog, checkpoint)) {
        plog_ops_finish(plog, &plog->sync_now, ERR_OK);
        return;
    }
    struct sync_job *job = job_new(plog, checkpoint, false);
    plog->syncing = true;
    plog_job_begin(plog, &job->job, sync_run, sync_done, &plog->sync_queue);
}

static void sync_queue(struct plog *plog, struct plog_op *op, enum plog_op_kind kind)
{
    ASSERT(op->done != NULL);
    list_init(&op->node);
    op->kind = (int)kind;
    op->err = ERR_OK;
    if (plog->state != PLOG_STATE_OPEN) {
        plog_op_finish(plog, op, plog->state == PLOG_STATE_OFFLINE ? ERR_OFFLINE : ERR_CLOSED);
        return;
    }
    list_push_back(&plog->sync_ops, &op->node);
    plog_poke(plog);
}

void plog_sync(struct plog *plog, struct plog_op *op)
{
    sync_queue(plog, op, PLOG_OP_SYNC);
}

void plog_checkpoint(struct plog *plog, struct plog_op *op)
{
    plog->checkpoint_wanted = true;
    sync_queue(plog, op, PLOG_OP_CHECKPOINT);
}

/* ---- Closing -------------------------------------------------------------------------------- */

static void close_finish(struct plog *plog, enum err err)
{
    struct plog_op *op = LIST_ENTRY(list_pop_front(&plog->ops), struct plog_op, node);
    ASSERT(op->kind == PLOG_OP_CLOSE);
    if (plog->state != PLOG_STATE_OFFLINE) {
        for (uint32_t i = 0; i < plog->segment_count; i++)
            plog_segment_drop_files(&plog->segments[i]);
        mem_free(plog->tail);
        plog->tail = NULL;
        plog->state = PLOG_STATE_CLOSED;
        plog_ops_finish(plog, &plog->sync_ops, ERR_OK);
        list_remove(&plog->flush_node);
    }
    plog_op_finish(plog, op, err);
}

static void close_done(struct env *env, struct env_job *base)
{
    struct sync_job *job = CONTAINER_OF(base, struct sync_job, job.base);
    struct plog *plog = job->job.plog;
    UNUSED(env);
    ASSERT(plog->busy == PLOG_BUSY_CLOSING);
    enum err err = job->job.err;
    if (err != ERR_OK)
        plog_job_fail_dir(&job->job);
    else
        err = job->soft_err;
    plog->busy = PLOG_BUSY_NONE;
    if (plog->state == PLOG_STATE_OFFLINE)
        err = ERR_OFFLINE;
    else
        take_results(plog, job);
    close_finish(plog, err);
    job_release(job);
    plog_job_end(&job->job);
}

void plog_close_begin(struct plog *plog)
{
    ASSERT(plog->busy == PLOG_BUSY_NONE && !plog->syncing);
    if (plog->tail != NULL) {
        (void)plog_tail_seal(plog); /* on a full disk both indexes stay behind together */
        if (plog->state == PLOG_STATE_OFFLINE)
            return; /* step finishes the operation */
    }
    if (plog->tail == NULL && is_synced(plog, true)) {
        close_finish(plog, ERR_OK);
        return;
    }
    struct sync_job *job = job_new(plog, true, true);
    plog->busy = PLOG_BUSY_CLOSING;
    plog_job_begin(plog, &job->job, sync_run, close_done, &plog->queue);
}
