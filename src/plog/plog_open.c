/*
 * Opening many logs of one directory: in chunks, each a job that loads some logs and then syncs the
 * folders and files that it made; between two chunks the shard takes the results over and tells of
 * the progress.
 */
#define LOG_ROOM "plog"
#include "plog/plog_load_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* A chunk ends after so many logs, or once so much was scanned. */
#define CHUNK_LOGS_MAX 1024
#define CHUNK_SCAN_BYTES ((uint64_t)128 << 20)

struct plog_opening_job {
    struct env_job base;
    struct env_queue queue;
    struct plog_host *host;
    struct plog_opening *opening;
    uint32_t dir;
    char dir_path[PLOG_PATH_BYTES];
    size_t next;             /* plog of the opening that the next chunk begins with */
    struct plog_load *loads; /* the chunk's */
    size_t load_count;
    size_t done_count; /* of them, by this run */
    uint8_t *window;   /* handed from load to load */
    bool offline;      /* the directory, when the chunk began: nothing is looked at */
    enum err err;      /* of the syncs: the directory is broken */
    char what[PLOG_ERROR_BYTES];
};

static void chunk_start(struct plog_opening_job *job);

/* ---- In the job ----------------------------------------------------------------------------- */

static enum err sync_failed(struct plog_opening_job *job, enum err err, const char *path)
{
    job->err = err;
    snprintf(job->what, sizeof job->what, "sync %.400s: %s", path, err_text(err));
    return err;
}

static size_t made_count(const struct plog_opening_job *job)
{
    size_t count = 0;
    for (size_t i = 0; i < job->done_count; i++)
        count += job->loads[i].err == ERR_OK && job->loads[i].folder_dirty;
    return count;
}

/* Everything made by the chunk, together: first the contents, then the folders, then their names;
 * or, where they are many, all that the filesystem has. */
static void sync_made(struct plog_opening_job *job, struct env_disk *disk, struct env_file *volume)
{
    bool names = false;
    if (volume != NULL && made_count(job) >= job->host->volume_sync_min) {
        enum err err = disk_volume_sync(disk, volume);
        if (err != ERR_OK)
            sync_failed(job, err, job->dir_path);
        return;
    }
    for (size_t i = 0; i < job->done_count; i++) {
        struct plog_load *load = &job->loads[i];
        char path[PLOG_PATH_BYTES];
        if (load->err != ERR_OK || !load->folder_dirty || load->kind != PLOG_KIND_PARTITION ||
            uuid_is_zero(&load->topic_id))
            continue;
        plog_path(path, load->folder, PLOG_METADATA_NAME);
        enum err err = plog_disk_sync_path(disk, path);
        if (err != ERR_OK) {
            sync_failed(job, err, path);
            return;
        }
    }
    for (size_t i = 0; i < job->done_count; i++) {
        struct plog_load *load = &job->loads[i];
        if (load->err != ERR_OK || !load->folder_dirty)
            continue;
        enum err err = disk_sync_folder(disk, load->folder);
        if (err != ERR_OK) {
            sync_failed(job, err, load->folder);
            return;
        }
        names |= load->created;
    }
    if (names) {
        enum err err = disk_sync_folder(disk, job->dir_path);
        if (err != ERR_OK)
            sync_failed(job, err, job->dir_path);
    }
}

static void chunk_run(struct env_job *base, struct env_disk *disk)
{
    struct plog_opening_job *job = CONTAINER_OF(base, struct plog_opening_job, base);
    uint64_t scanned = 0;
    if (job->offline) {
        job->done_count = job->load_count;
        for (size_t i = 0; i < job->done_count; i++)
            job->loads[i].err = ERR_OFFLINE;
        return;
    }
    struct env_file *volume = NULL;
    /* Before anything is made, so that it learns of what cannot be written. */
    if (job->opening->create && job->load_count >= job->host->volume_sync_min &&
        disk_volume_open(disk, job->dir_path, &volume) != ERR_OK)
        volume = NULL;
    job->done_count = 0;
    while (job->done_count < job->load_count && scanned < CHUNK_SCAN_BYTES) {
        struct plog_load *load = &job->loads[job->done_count++];
        load->disk = disk;
        load->window = job->window;
        plog_load_run(load);
        job->window = load->window;
        load->window = NULL;
        scanned += load->scanned_bytes;
    }
    sync_made(job, disk, volume);
    disk_close(disk, volume);
}

/* ---- On the shard --------------------------------------------------------------------------- */

static void load_fill(struct plog_opening_job *job, struct plog *plog, struct plog_load *load)
{
    snprintf(load->dir, sizeof load->dir, "%s", job->dir_path);
    plog_folder(plog, load->folder, sizeof load->folder);
    load->kind = plog->kind;
    load->topic_id = plog->topic_id;
    load->clean = plog->clean;
    load->create = job->opening->create;
    load->compacted = (plog->config->cleanup_policy & PLOG_CLEANUP_COMPACT) != 0;
    load->cleaned_offset = plog->cleaned_offset;
    load->recovery_point = plog->recovery_point;
    load->log_start_offset = plog->log_start_offset;
    load->index_interval_bytes = plog->config->index_interval_bytes;
    load->wall_ms = env_wall_ms(job->host->env);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* The plog takes over what was found. */
static void install(struct plog *plog, struct plog_load *load)
{
    plog->topic_id = load->topic_id;
    plog->segments = load->segments;
    plog->segment_count = load->segment_count;
    plog->segment_capacity = load->segment_capacity;
    load->segments = NULL;
    plog->epochs = load->epochs;
    plog->epoch_count = load->epoch_count;
    plog->epoch_capacity = load->epoch_capacity;
    plog->epochs_dirty = load->epochs_dirty;
    load->epochs = NULL;
    plog->producers = load->producers;
    plog->producers_dirty = load->producers_dirty;
    load->producers = NULL;
    plog->snapshot_offset = load->snapshot_offset;
    plog->snapshot_older = -1;
    plog->txnindex_count = load->txnindex_count;
    plog->end_offset = load->end_offset;
    plog->log_start_offset = load->log_start_offset;
    plog->high_watermark = clamp(plog->high_watermark, load->log_start_offset, load->end_offset);
    if (plog->producers != NULL)
        plog_producers_high_watermark(plog->producers, plog->high_watermark);
    plog->size_bytes = 0;
    for (uint32_t i = 0; i < plog->segment_count; i++)
        plog->size_bytes += plog->segments[i].size_bytes;
    if (plog->clean) {
        plog->recovery_point = plog->end_offset;
    } else {
        plog->recovery_point = clamp(plog->recovery_point, 0, plog->end_offset);
        /* What the page cache kept of an earlier process is not synced for that. */
        for (uint32_t i = 0; i < plog->segment_count; i++) {
            struct plog_segment *segment = &plog->segments[i];
            segment->dirty |= plog_segment_end(plog, i) > plog->recovery_point;
            /* Its recovery may have cut off aborted transactions that lasted past its end. */
            segment->index_dirty |=
                segment->has_txnindex && plog_segment_end(plog, i) >= plog->recovery_point;
        }
        plog->names_dirty = true; /* nor are the names of its files */
        plog->folder_dirty = load->folder_unsynced;
        if (plog->recovery_point < plog->end_offset)
            plog->dirty_since_ns = env_now_ns(plog->host->env);
    }
    plog->durable_offset = plog->recovery_point;
    /* What is above may have been cut off and written anew since the checkpoint was written. */
    if (plog->cleaned_offset > plog->recovery_point)
        plog->cleaned_offset = plog->recovery_point;
    plog->clean = false;
    plog->state = PLOG_STATE_OPEN;
}

static void chunk_install(struct plog_opening_job *job)
{
    struct plog_opening *opening = job->opening;
    for (size_t i = 0; i < job->done_count; i++) {
        struct plog_load *load = &job->loads[i];
        struct plog *plog = opening->plogs[job->next + i];
        ASSERT(plog->busy == PLOG_BUSY_LOADING);
        plog->busy = PLOG_BUSY_NONE;
        plog->jobs--;
        opening->opened_count++;
        opening->scanned_bytes += load->scanned_bytes;
        opening->truncated_bytes += load->truncated_bytes;
        opening->recovered_count += load->scanned;
        opening->created_count += load->created;
        opening->shortened_count += load->err == ERR_OK && plog->recovery_point > load->end_offset;
        if (plog_host_dir_is_offline(job->host, job->dir)) {
            plog->state = PLOG_STATE_OFFLINE;
            plog_set_error(plog, ERR_OFFLINE, job->host->dirs[job->dir].what);
            opening->failed_count++;
        } else if (load->err != ERR_OK) {
            plog->state = PLOG_STATE_FAILED;
            plog_set_error(plog, load->err, load->error);
            opening->failed_count++;
            PLOG_ROOM_NAME(plog, name);
            LOG_ERROR("%s cannot be opened: %s", name, load->error);
        } else {
            install(plog, load);
        }
        plog_load_deinit(load);
        plog_poke(plog);
    }
}

static void chunk_done(struct env *env, struct env_job *base)
{
    struct plog_opening_job *job = CONTAINER_OF(base, struct plog_opening_job, base);
    struct plog_opening *opening = job->opening;
    UNUSED(env);
    if (job->err != ERR_OK)
        plog_host_dir_broke(job->host, job->dir, job->err, job->what);
    for (size_t i = 0; i < job->done_count; i++) {
        /* The device gave an error where a file was there: it is not this log alone. */
        if (job->loads[i].err == ERR_IO)
            plog_host_dir_broke(job->host, job->dir, ERR_IO, job->loads[i].error);
    }
    chunk_install(job);
    job->next += job->done_count;
    mem_free(job->loads);
    job->loads = NULL;
    if (job->next < opening->count) {
        chunk_start(job);
        if (opening->progress != NULL)
            opening->progress(opening);
        return;
    }
    mem_free(job->window);
    mem_free(job);
    opening->job = NULL;
    opening->done(opening);
}

static void chunk_start(struct plog_opening_job *job)
{
    struct plog_opening *opening = job->opening;
    size_t left = opening->count - job->next;
    job->load_count = left < CHUNK_LOGS_MAX ? left : CHUNK_LOGS_MAX;
    job->loads = mem_zalloc((job->load_count + 1) * sizeof *job->loads);
    job->offline = plog_host_dir_is_offline(job->host, job->dir);
    for (size_t i = 0; i < job->load_count; i++)
        load_fill(job, opening->plogs[job->next + i], &job->loads[i]);
    env_submit(job->host->env, &job->queue, &job->base);
}

void plog_open(struct plog_host *host, struct plog_opening *opening)
{
    ASSERT(opening->done != NULL);
    opening->opened_count = opening->failed_count = opening->recovered_count = 0;
    opening->created_count = opening->shortened_count = 0;
    opening->scanned_bytes = opening->truncated_bytes = 0;
    struct plog_opening_job *job = mem_zalloc(sizeof *job);
    job->host = host;
    job->opening = opening;
    job->dir = opening->count > 0 ? opening->plogs[0]->dir : 0;
    job->base.run = chunk_run;
    job->base.done = chunk_done;
    snprintf(job->dir_path, sizeof job->dir_path, "%s", host->dirs[job->dir].path);
    env_queue_init(&job->queue, job->dir);
    for (size_t i = 0; i < opening->count; i++) {
        struct plog *plog = opening->plogs[i];
        ASSERT(plog->state == PLOG_STATE_NEW && plog->dir == job->dir && plog->host == host);
        plog->state = PLOG_STATE_OPENING;
        plog->busy = PLOG_BUSY_LOADING;
        plog->jobs++;
    }
    opening->job = job;
    chunk_start(job);
}
