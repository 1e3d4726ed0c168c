/*
 * The active segment: its files while they are open for appending, its index entries on their way
 * to the files, the change to the next segment, and cutting off what a failed write left.
 */
#define LOG_ROOM "plog"
#include "plog/plog_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* ---- Opening the files for appending -------------------------------------------------------- */

/* Of a disk, so much is left free by what is merely reserved: an eighth. */
#define RESERVE_SPARE_SHARE 8

/* preallocate: room for a whole segment, where there is plenty. It saves fragments and is no
 * promise, so nothing depends on it. */
static void reserve(const struct plog_job *job, struct env_disk *disk, struct env_file *log,
                    uint64_t bytes)
{
    struct disk_space space;
    if (bytes == 0 || disk_space(disk, job->folder, &space) != ERR_OK ||
        space.free_bytes < bytes + space.total_bytes / RESERVE_SPARE_SHARE)
        return;
    enum err err = disk_reserve(disk, log, bytes);
    if (err != ERR_OK)
        LOG_WARN("no room was reserved for a segment in %s: %s", job->folder, err_text(err));
}

static uint64_t reserve_bytes(const struct plog *plog)
{
    return plog->config->preallocate ? (uint64_t)plog->config->segment_bytes : 0;
}

struct activate_job {
    struct plog_job job;
    int64_t base_offset;
    uint32_t size_bytes;
    uint64_t reserve_bytes; /* 0: none is */
    struct env_file *log, *index, *timeindex;
    uint32_t index_count, timeindex_count;
    struct plog_index_entry index_last;
    struct plog_timeindex_entry time_last;
    int64_t first_timestamp_ms;
    bool created;
};

static enum err open_file(struct plog_job *job, struct env_disk *disk, enum plog_file_kind kind,
                          int64_t base_offset, struct env_file **out, uint64_t *out_bytes,
                          bool *created)
{
    char path[PLOG_PATH_BYTES];
    plog_path_of(path, job->folder, kind, base_offset);
    enum err err = disk_open(disk, path, DISK_READ | DISK_WRITE, out);
    if (err == ERR_NOTFOUND) {
        *created = true;
        err = disk_open(disk, path, DISK_READ | DISK_WRITE | DISK_CREATE, out);
    }
    if (err == ERR_OK)
        err = disk_size(disk, *out, out_bytes);
    return err == ERR_OK ? ERR_OK : plog_job_fail(job, err, "open", path);
}

/* How many of an index's entries are good. Mostly all: the last one tells. */
static enum err count_entries(struct activate_job *job, struct env_disk *disk, uint64_t bytes)
{
    uint64_t count = bytes / PLOG_INDEX_ENTRY_BYTES;
    uint8_t last[PLOG_INDEX_ENTRY_BYTES];
    struct plog_source source = {.disk = disk};
    if (count == 0)
        return ERR_OK;
    enum err err = plog_source_read(&source, job->index, last, sizeof last,
                                    (count - 1) * PLOG_INDEX_ENTRY_BYTES);
    if (err != ERR_OK)
        return err;
    plog_index_entry_read(last, &job->index_last);
    if (job->index_last.position > 0 && job->index_last.position < job->size_bytes) {
        job->index_count = (uint32_t)count;
        return ERR_OK;
    }
    uint8_t *data = mem_try_alloc((size_t)bytes);
    if (data == NULL)
        return ERR_NOMEM;
    err = plog_source_read(&source, job->index, data, (size_t)bytes, 0);
    if (err == ERR_OK) {
        job->index_count = (uint32_t)plog_index_valid_count(data, (size_t)bytes, job->size_bytes);
        job->index_last = (struct plog_index_entry){0, 0};
        if (job->index_count > 0)
            plog_index_entry_read(data + (size_t)(job->index_count - 1) * PLOG_INDEX_ENTRY_BYTES,
                                  &job->index_last);
    }
    mem_free(data);
    return err;
}

static enum err count_time_entries(struct activate_job *job, struct env_disk *disk, uint64_t bytes)
{
    uint64_t count = bytes / PLOG_TIMEINDEX_ENTRY_BYTES;
    uint8_t last[PLOG_TIMEINDEX_ENTRY_BYTES];
    struct plog_source source = {.disk = disk};
    if (count == 0)
        return ERR_OK;
    enum err err = plog_source_read(&source, job->timeindex, last, sizeof last,
                                    (count - 1) * PLOG_TIMEINDEX_ENTRY_BYTES);
    if (err != ERR_OK)
        return err;
    plog_timeindex_entry_read(last, &job->time_last);
    if (job->time_last.timestamp_ms > 0) {
        job->timeindex_count = (uint32_t)count;
        return ERR_OK;
    }
    uint8_t *data = mem_try_alloc((size_t)bytes);
    if (data == NULL)
        return ERR_NOMEM;
    err = plog_source_read(&source, job->timeindex, data, (size_t)bytes, 0);
    if (err == ERR_OK) {
        job->timeindex_count = (uint32_t)plog_timeindex_valid_count(data, (size_t)bytes);
        job->time_last = (struct plog_timeindex_entry){PLOG_TIMESTAMP_NONE, 0};
        if (job->timeindex_count > 0)
            plog_timeindex_entry_read(data + (size_t)(job->timeindex_count - 1) *
                                                 PLOG_TIMEINDEX_ENTRY_BYTES,
                                      &job->time_last);
    }
    mem_free(data);
    return err;
}

static void activate_run(struct env_job *base, struct env_disk *disk)
{
    struct activate_job *job = CONTAINER_OF(base, struct activate_job, job.base);
    struct plog_source source = {.disk = disk};
    uint64_t log_bytes, index_bytes, timeindex_bytes;
    job->time_last = (struct plog_timeindex_entry){PLOG_TIMESTAMP_NONE, 0};
    job->first_timestamp_ms = PLOG_TIMESTAMP_NONE;
    if (open_file(&job->job, disk, PLOG_FILE_LOG, job->base_offset, &job->log, &log_bytes,
                  &job->created) != ERR_OK ||
        open_file(&job->job, disk, PLOG_FILE_INDEX, job->base_offset, &job->index, &index_bytes,
                  &job->created) != ERR_OK ||
        open_file(&job->job, disk, PLOG_FILE_TIMEINDEX, job->base_offset, &job->timeindex,
                  &timeindex_bytes, &job->created) != ERR_OK)
        return;
    enum err err = ERR_OK;
    if (log_bytes < job->size_bytes)
        err = ERR_CORRUPT; /* somebody else cut it */
    else if (log_bytes > job->size_bytes)
        err = disk_truncate(disk, job->log, job->size_bytes); /* preallocated */
    if (job->size_bytes == 0)
        reserve(&job->job, disk, job->log, job->reserve_bytes);
    if (err == ERR_OK)
        err = count_entries(job, disk, index_bytes);
    if (err == ERR_OK)
        err = count_time_entries(job, disk, timeindex_bytes);
    if (err == ERR_OK && job->size_bytes >= BATCH_HEADER_BYTES) {
        uint8_t data[BATCH_HEADER_BYTES];
        struct batch_header header;
        err = plog_source_read(&source, job->log, data, sizeof data, 0);
        if (err == ERR_OK && plog_header_read(data, &header) == ERR_OK)
            job->first_timestamp_ms = header.max_timestamp;
    }
    if (err != ERR_OK)
        plog_job_fail(&job->job, err, "open the active segment of", job->job.folder);
}

static int64_t draw_jitter(struct plog *plog)
{
    int64_t jitter_max = plog->config->segment_jitter_ms < plog->config->segment_ms
                             ? plog->config->segment_jitter_ms
                             : plog->config->segment_ms;
    if (jitter_max <= 0)
        return 0;
    uint64_t draw;
    env_random(plog->host->env, &draw, sizeof draw);
    return (int64_t)(draw % (uint64_t)jitter_max);
}

/* Files that nobody takes over are closed like any others. */
static void files_discard(struct plog *plog, struct env_file *log, struct env_file *index,
                          struct env_file *timeindex)
{
    struct plog_files *files = plog_files_new(plog, 0);
    files->log = log;
    files->index = index;
    files->timeindex = timeindex;
    files->plog = NULL;
    plog_host_opened(plog->host, files);
    plog_files_unref(files);
}

/* Whoever asked for a new segment by plog_roll. */
static void finish_roll_op(struct plog *plog, enum err err)
{
    if (list_empty(&plog->ops))
        return;
    struct plog_op *op = LIST_ENTRY(plog->ops.next, struct plog_op, node);
    if (op->kind != PLOG_OP_ROLL)
        return;
    list_remove(&op->node);
    plog_op_finish(plog, op, err);
}

static struct plog_tail *tail_new(void)
{
    struct plog_tail *tail = mem_zalloc(sizeof *tail);
    tail->time_last = (struct plog_timeindex_entry){PLOG_TIMESTAMP_NONE, 0};
    tail->time_written = tail->time_last;
    for (size_t i = 0; i < PLOG_TAIL_MARKS; i++)
        tail->marks[i].offset = -1;
    return tail;
}

static void activate_done(struct env *env, struct env_job *base)
{
    struct activate_job *job = CONTAINER_OF(base, struct activate_job, job.base);
    struct plog *plog = job->job.plog;
    ASSERT(plog->busy == PLOG_BUSY_ACTIVATING);
    if (job->job.err != ERR_OK && job->job.err != ERR_NOSPACE && job->job.err != ERR_NOMEM)
        plog_job_fail_dir(&job->job);
    plog->busy = PLOG_BUSY_NONE;
    if (job->job.err != ERR_OK || plog->state == PLOG_STATE_OFFLINE) {
        /* Those who wait try again: a full disk may have room by then. */
        files_discard(plog, job->log, job->index, job->timeindex);
        plog->activate_error = job->job.err;
        finish_roll_op(plog, job->job.err);
        plog_job_end(&job->job);
        return;
    }
    struct plog_segment *segment = plog_active(plog);
    ASSERT(segment->base_offset == job->base_offset && segment->size_bytes == job->size_bytes);
    plog_segment_drop_files(segment); /* those that readers opened */
    struct plog_files *files = plog_files_new(plog, job->base_offset);
    files->log = job->log;
    files->index = job->index;
    files->timeindex = job->timeindex;
    files->index_count = job->index_count;
    segment->files = files;
    plog->tail = tail_new();
    plog_host_opened(plog->host, files);
    plog->tail->timeindex_count = job->timeindex_count;
    plog->tail->time_last = plog->tail->time_written = job->time_last;
    plog->tail->bytes_since_index = job->size_bytes - job->index_last.position;
    plog->roll_timestamp_ms = job->first_timestamp_ms;
    plog->roll_created_ms = segment->append_ms > 0 ? segment->append_ms : env_wall_ms(env);
    plog->roll_jitter_ms = draw_jitter(plog);
    plog->names_dirty |= job->created;
    plog_job_end(&job->job);
}

void plog_activate(struct plog *plog)
{
    ASSERT(plog->busy == PLOG_BUSY_NONE && plog->tail == NULL);
    struct plog_segment *segment = plog_active(plog);
    struct activate_job *job = mem_zalloc(sizeof *job);
    job->base_offset = segment->base_offset;
    job->size_bytes = segment->size_bytes;
    job->reserve_bytes = reserve_bytes(plog);
    plog->busy = PLOG_BUSY_ACTIVATING;
    plog_job_begin(plog, &job->job, activate_run, activate_done, &plog->queue);
}

/* ---- Index entries -------------------------------------------------------------------------- */

static void add_entries(struct plog *plog, const struct batch_header *header)
{
    struct plog_tail *tail = plog->tail;
    struct plog_segment *segment = plog_active(plog);
    if (tail->pending_count == PLOG_PENDING_MAX || tail->time_pending_count == PLOG_PENDING_MAX)
        plog_tail_flush(plog);
    tail->pending[tail->pending_count++] = (struct plog_index_entry){
        .offset_delta = (uint32_t)(batch_last_offset(header) - segment->base_offset),
        .position = segment->size_bytes,
    };
    tail->bytes_since_index = 0;
    if (segment->max_timestamp_ms <= tail->time_last.timestamp_ms)
        return;
    tail->time_last = (struct plog_timeindex_entry){
        .timestamp_ms = segment->max_timestamp_ms,
        .offset_delta = (uint32_t)(segment->max_timestamp_offset - segment->base_offset),
    };
    tail->time_pending[tail->time_pending_count++] = tail->time_last;
}

void plog_tail_add(struct plog *plog, const struct batch_header *header)
{
    struct plog_tail *tail = plog->tail;
    struct plog_segment *segment = plog_active(plog);
    tail->marks[tail->next_mark] = (struct plog_mark){
        .offset = header->base_offset,
        .base_offset = segment->base_offset,
        .position = segment->size_bytes,
    };
    tail->next_mark = (tail->next_mark + 1) % PLOG_TAIL_MARKS;
    if ((int64_t)tail->bytes_since_index > plog->config->index_interval_bytes)
        add_entries(plog, header);
    tail->bytes_since_index += (uint32_t)header->size;
}

static bool write_entries(struct plog *plog, struct env_file *file, const uint8_t *data,
                          size_t size, uint64_t position)
{
    if (size == 0)
        return true;
    struct env_iov iov = {(void *)data, size};
    enum err err = env_file_write(plog->host->env, file, &iov, 1, position);
    if (err == ERR_OK)
        return true;
    if (err != ERR_NOSPACE) {
        PLOG_ROOM_NAME(plog, name);
        char what[PLOG_ERROR_BYTES];
        snprintf(what, sizeof what, "write an index of %s: %s", name, err_text(err));
        plog_host_dir_broke(plog->host, plog->dir, err, what);
    }
    return false;
}

/* The time index first: its last entry has to cover all that lies before the offset index's last
 * one, where recovery begins to look. On a full disk both stay behind, and what is missing is
 * made up for by a later entry. */
void plog_tail_flush(struct plog *plog)
{
    struct plog_tail *tail = plog->tail;
    struct plog_files *files = plog_active(plog)->files;
    uint8_t data[PLOG_PENDING_MAX * PLOG_TIMEINDEX_ENTRY_BYTES];
    uint32_t count = tail->pending_count, time_count = tail->time_pending_count;
    /* Before the first write: it may take the plog offline, and then the tail is gone. */
    tail->pending_count = 0;
    tail->time_pending_count = 0;
    struct plog_index_entry pending[PLOG_PENDING_MAX];
    memcpy(pending, tail->pending, count * sizeof pending[0]);
    for (uint32_t i = 0; i < time_count; i++)
        plog_timeindex_entry_write(data + i * PLOG_TIMEINDEX_ENTRY_BYTES, &tail->time_pending[i]);
    if (!write_entries(plog, files->timeindex, data, time_count * PLOG_TIMEINDEX_ENTRY_BYTES,
                       (uint64_t)tail->timeindex_count * PLOG_TIMEINDEX_ENTRY_BYTES)) {
        if (plog->tail != NULL)
            tail->time_last = tail->time_written;
        return;
    }
    tail->timeindex_count += time_count;
    tail->time_written = tail->time_last;
    for (uint32_t i = 0; i < count; i++)
        plog_index_entry_write(data + i * PLOG_INDEX_ENTRY_BYTES, &pending[i]);
    if (write_entries(plog, files->index, data, count * PLOG_INDEX_ENTRY_BYTES,
                      (uint64_t)files->index_count * PLOG_INDEX_ENTRY_BYTES))
        files->index_count += count;
}

bool plog_tail_seal(struct plog *plog)
{
    struct plog_tail *tail = plog->tail;
    struct plog_segment *segment = plog_active(plog);
    if (segment->max_timestamp_ms > tail->time_last.timestamp_ms) {
        if (tail->time_pending_count == PLOG_PENDING_MAX)
            plog_tail_flush(plog);
        if (plog->tail == NULL)
            return false;
        tail->time_last = (struct plog_timeindex_entry){
            .timestamp_ms = segment->max_timestamp_ms,
            .offset_delta = (uint32_t)(segment->max_timestamp_offset - segment->base_offset),
        };
        tail->time_pending[tail->time_pending_count++] = tail->time_last;
    }
    plog_tail_flush(plog);
    return plog->tail != NULL && segment->max_timestamp_ms <= tail->time_written.timestamp_ms;
}

/* ---- The next segment ----------------------------------------------------------------------- */

struct roll_job {
    struct plog_job job;
    int64_t base_offset;
    bool replace; /* the active segment is empty and goes */
    int64_t old_base_offset;
    struct plog_files *old; /* a reference; its indexes get their exact lengths */
    uint64_t old_index_bytes, old_timeindex_bytes;
    uint32_t old_bytes;
    uint64_t reserve_bytes; /* 0: none is, and was */
    struct buf snapshot;    /* producers up to base_offset; empty: none */
    struct plog_txnindex_entry *aborted;
    size_t aborted_count;
    uint32_t txnindex_count; /* in the old segment's file already */
    struct env_file *log, *index, *timeindex;
};

static enum err create_file(struct plog_job *job, struct env_disk *disk, enum plog_file_kind kind,
                            int64_t base_offset, struct env_file **out)
{
    char path[PLOG_PATH_BYTES];
    plog_path_of(path, job->folder, kind, base_offset);
    enum err err = disk_open(disk, path, DISK_READ | DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, out);
    return err == ERR_OK ? ERR_OK : plog_job_fail(job, err, "create", path);
}

static void remove_segment_files(struct env_disk *disk, const char *folder, int64_t base_offset)
{
    static const enum plog_file_kind kinds[] = {PLOG_FILE_LOG, PLOG_FILE_INDEX, PLOG_FILE_TIMEINDEX,
                                                PLOG_FILE_TXNINDEX};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        char path[PLOG_PATH_BYTES];
        plog_path_of(path, folder, kinds[i], base_offset);
        enum err err = plog_disk_remove(disk, path);
        if (err != ERR_OK) /* an empty segment does no harm */
            LOG_WARN("%s could not be removed: %s", path, err_text(err));
    }
}

static void roll_steps(struct roll_job *job, struct env_disk *disk)
{
    char path[PLOG_PATH_BYTES];
    if (create_file(&job->job, disk, PLOG_FILE_LOG, job->base_offset, &job->log) != ERR_OK ||
        create_file(&job->job, disk, PLOG_FILE_INDEX, job->base_offset, &job->index) != ERR_OK ||
        create_file(&job->job, disk, PLOG_FILE_TIMEINDEX, job->base_offset, &job->timeindex) !=
            ERR_OK)
        return;
    reserve(&job->job, disk, job->log, job->reserve_bytes);
    if (job->replace) {
        remove_segment_files(disk, job->job.folder, job->old_base_offset);
        return;
    }
    enum err err = disk_truncate(disk, job->old->index, job->old_index_bytes);
    if (err == ERR_OK)
        err = disk_truncate(disk, job->old->timeindex, job->old_timeindex_bytes);
    if (err == ERR_OK && job->reserve_bytes > 0)
        err = disk_truncate(disk, job->old->log, job->old_bytes);
    if (err != ERR_OK) {
        plog_job_fail(&job->job, err, "trim the files in", job->job.folder);
        return;
    }
    plog_path_of(path, job->job.folder, PLOG_FILE_TXNINDEX, job->old_base_offset);
    err = plog_txnindex_store(disk, path, job->txnindex_count, job->aborted, job->aborted_count);
    if (err != ERR_OK) {
        plog_job_fail(&job->job, err, "write", path);
        return;
    }
    if (job->snapshot.size > 0) {
        plog_path_of(path, job->job.folder, PLOG_FILE_SNAPSHOT, job->base_offset);
        err = plog_disk_store(disk, path, job->snapshot.data, job->snapshot.size);
        /* Without it recovery starts from an older one. */
        if (err != ERR_OK)
            LOG_WARN("%s could not be written: %s", path, err_text(err));
    }
}

static void roll_run(struct env_job *base, struct env_disk *disk)
{
    struct roll_job *job = CONTAINER_OF(base, struct roll_job, job.base);
    roll_steps(job, disk);
    /* The old segment may take more appends after all, and then the names would be in the way. */
    if (job->job.err != ERR_OK)
        remove_segment_files(disk, job->job.folder, job->base_offset);
}

static void roll_install(struct plog *plog, struct roll_job *job, struct env *env)
{
    if (job->replace) {
        plog_segments_remove(plog, plog->segment_count - 1, 1);
    } else {
        struct plog_segment *old = plog_active(plog);
        old->has_txnindex |= job->aborted_count > 0;
        old->index_dirty = true;
        /* A checkpoint that ended meanwhile has taken some of them off already. */
        uint32_t written = job->txnindex_count + (uint32_t)job->aborted_count;
        if (written > plog->txnindex_count)
            plog_producers_aborted_written(plog->producers, written - plog->txnindex_count);
    }
    struct plog_segment *segment = plog_segment_add(plog, job->base_offset);
    struct plog_files *files = plog_files_new(plog, job->base_offset);
    files->log = job->log;
    files->index = job->index;
    files->timeindex = job->timeindex;
    segment->files = files;
    segment->append_ms = env_wall_ms(env);
    /* A follower's gap: nothing can come before the new segment any more. */
    if (plog->end_offset < job->base_offset)
        plog->end_offset = job->base_offset;
    plog->txnindex_count = 0;
    mem_free(plog->tail);
    plog->tail = tail_new();
    plog_host_opened(plog->host, files);
    plog->roll_timestamp_ms = PLOG_TIMESTAMP_NONE;
    plog->roll_created_ms = segment->append_ms;
    plog->roll_jitter_ms = draw_jitter(plog);
    plog->names_dirty = true;
    plog->host->stats.rolls++;
    /* What is behind is written to disk in the background, so that recovery has less to do. */
    plog->checkpoint_wanted = true;
}

static void roll_done(struct env *env, struct env_job *base)
{
    struct roll_job *job = CONTAINER_OF(base, struct roll_job, job.base);
    struct plog *plog = job->job.plog;
    ASSERT(plog->busy == PLOG_BUSY_ROLLING);
    if (job->job.err != ERR_OK && job->job.err != ERR_NOSPACE)
        plog_job_fail_dir(&job->job);
    plog->busy = PLOG_BUSY_NONE;
    if (job->job.err != ERR_OK || plog->state == PLOG_STATE_OFFLINE) {
        files_discard(plog, job->log, job->index, job->timeindex);
        plog->activate_error = job->job.err;
    } else {
        roll_install(plog, job, env);
    }
    plog_files_unref(job->old);
    finish_roll_op(plog, job->job.err);
    buf_deinit(&job->snapshot);
    mem_free(job->aborted);
    plog_job_end(&job->job);
}

void plog_roll_begin(struct plog *plog, int64_t base_offset)
{
    ASSERT(plog->busy == PLOG_BUSY_NONE && plog->tail != NULL);
    struct plog_segment *old = plog_active(plog);
    ASSERT(base_offset > old->base_offset);
    bool sealed = plog_tail_seal(plog);
    if (plog->state == PLOG_STATE_OFFLINE)
        return;
    if (!sealed) {
        /* What is behind the new segment never gets another entry: there is no room for it. */
        plog->activate_error = ERR_NOSPACE;
        finish_roll_op(plog, ERR_NOSPACE);
        plog_poke(plog);
        return;
    }
    struct roll_job *job = mem_zalloc(sizeof *job);
    job->base_offset = base_offset;
    job->replace = old->size_bytes == 0;
    job->old_base_offset = old->base_offset;
    job->old = old->files;
    plog_files_ref(job->old);
    job->old_index_bytes = (uint64_t)old->files->index_count * PLOG_INDEX_ENTRY_BYTES;
    job->old_bytes = old->size_bytes;
    job->reserve_bytes = reserve_bytes(plog);
    job->old_timeindex_bytes = (uint64_t)plog->tail->timeindex_count * PLOG_TIMEINDEX_ENTRY_BYTES;
    if (plog->producers != NULL) {
        plog_producers_save(plog->producers, &job->snapshot);
        const struct plog_txnindex_entry *aborted;
        job->txnindex_count = plog->txnindex_count;
        job->aborted_count = plog_producers_aborted(plog->producers, &aborted);
        job->aborted = mem_alloc((job->aborted_count + 1) * sizeof *aborted);
        if (job->aborted_count > 0)
            memcpy(job->aborted, aborted, job->aborted_count * sizeof *aborted);
    }
    plog->busy = PLOG_BUSY_ROLLING;
    plog_job_begin(plog, &job->job, roll_run, roll_done, &plog->queue);
}

/* ---- Cutting off a failed write ------------------------------------------------------------- */

struct repair_job {
    struct plog_job job;
    struct plog_files *files;
    uint32_t size_bytes;
};

static void repair_run(struct env_job *base, struct env_disk *disk)
{
    struct repair_job *job = CONTAINER_OF(base, struct repair_job, job.base);
    enum err err = disk_truncate(disk, job->files->log, job->size_bytes);
    if (err != ERR_OK)
        plog_job_fail(&job->job, err, "cut off a failed write in", job->job.folder);
}

static void repair_done(struct env *env, struct env_job *base)
{
    struct repair_job *job = CONTAINER_OF(base, struct repair_job, job.base);
    struct plog *plog = job->job.plog;
    UNUSED(env);
    ASSERT(plog->busy == PLOG_BUSY_REPAIRING);
    plog->torn = false;
    if (job->job.err != ERR_OK)
        plog_job_fail_dir(&job->job);
    else if (plog->state != PLOG_STATE_OFFLINE)
        plog_active(plog)->dirty = true; /* what was cut off must not come back */
    plog->busy = PLOG_BUSY_NONE;
    plog_files_unref(job->files);
    plog_job_end(&job->job);
}

void plog_repair_begin(struct plog *plog)
{
    ASSERT(plog->busy == PLOG_BUSY_NONE && plog->torn);
    struct plog_segment *segment = plog_active(plog);
    ASSERT(segment->files != NULL);
    struct repair_job *job = mem_zalloc(sizeof *job);
    job->files = segment->files;
    plog_files_ref(job->files);
    job->size_bytes = segment->size_bytes;
    plog->busy = PLOG_BUSY_REPAIRING;
    plog_job_begin(plog, &job->job, repair_run, repair_done, &plog->queue);
}
