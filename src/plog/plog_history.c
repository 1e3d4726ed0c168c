/*
 * A producer's older batches. A snapshot keeps the last one only, so after a restart a producer
 * that sends one of the four before again would be refused although it is in the log. Only when
 * such a batch comes are the headers behind it searched: newest part first, in steps that double.
 */
#define LOG_ROOM "plog"
#include "plog/plog_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

#define HISTORY_STEP_BYTES ((uint32_t)1 << 20)
/* Five batches in flight are not further apart than that, whatever others wrote in between. */
#define HISTORY_BYTES_MAX ((uint64_t)256 << 20)

struct history_segment {
    int64_t base_offset;
    uint32_t size_bytes;
};

struct history_job {
    struct plog_job job;
    uint32_t generation;
    int64_t producer_id;
    int64_t below;
    struct history_segment *segments; /* up to the one that holds `below`, oldest first */
    size_t segment_count;
    struct env_disk *disk;
    struct batch_header found[PLOG_PRODUCER_BATCHES]; /* oldest first */
    size_t found_count;
};

/* The last of a part's batches of the producer go before what was found in later parts. */
static void merge_found(struct history_job *job, const struct batch_header *part, size_t count)
{
    size_t room = PLOG_PRODUCER_BATCHES - job->found_count;
    size_t taken = count < room ? count : room;
    memmove(&job->found[taken], &job->found[0], job->found_count * sizeof job->found[0]);
    memcpy(&job->found[0], &part[count - taken], taken * sizeof part[0]);
    job->found_count += taken;
}

/* Batches of the part of a segment from a position on, where one begins, to one that begins at or
 * after `end`. */
static enum err search_part(struct history_job *job, struct env_file *log, uint32_t size_bytes,
                            uint32_t position, uint32_t end)
{
    struct plog_source source = {.disk = job->disk};
    struct batch_header last[PLOG_PRODUCER_BATCHES];
    size_t count = 0;
    enum err err = ERR_OK;
    while (position < end) {
        struct batch_header header;
        err = plog_segment_seek(&source, log, size_bytes, position, 0, &position, &header);
        if (err != ERR_OK || header.base_offset >= job->below || position >= end)
            break;
        position += (uint32_t)header.size;
        if (header.producer_id != job->producer_id || batch_is_control(&header))
            continue;
        if (count == PLOG_PRODUCER_BATCHES) {
            memmove(&last[0], &last[1], (count - 1) * sizeof last[0]);
            count--;
        }
        last[count++] = header;
    }
    merge_found(job, last, count);
    return err == ERR_NOTFOUND ? ERR_OK : err;
}

/* The last index entry at or below the position, as a place where a batch begins. */
static enum err batch_start(struct history_job *job, struct env_file *index, uint32_t count,
                            uint32_t position, uint32_t *out)
{
    struct plog_source source = {.disk = job->disk};
    uint32_t low = 0, high = count;
    *out = 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint8_t data[PLOG_INDEX_ENTRY_BYTES];
        struct plog_index_entry entry;
        enum err err = plog_source_read(&source, index, data, sizeof data,
                                        (uint64_t)middle * PLOG_INDEX_ENTRY_BYTES);
        if (err != ERR_OK)
            return err;
        plog_index_entry_read(data, &entry);
        if (entry.position != 0 && entry.position <= position) {
            *out = entry.position;
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return ERR_OK;
}

static enum err search_segment(struct history_job *job, const struct history_segment *segment,
                               uint64_t *left_bytes)
{
    char path[PLOG_PATH_BYTES];
    struct env_file *log = NULL, *index = NULL;
    uint64_t index_bytes = 0;
    plog_path_of(path, job->job.folder, PLOG_FILE_LOG, segment->base_offset);
    enum err err = disk_open(job->disk, path, DISK_READ, &log);
    plog_path_of(path, job->job.folder, PLOG_FILE_INDEX, segment->base_offset);
    if (err == ERR_OK && disk_open(job->disk, path, DISK_READ, &index) == ERR_OK)
        err = disk_size(job->disk, index, &index_bytes);
    uint32_t index_count = (uint32_t)(index_bytes / PLOG_INDEX_ENTRY_BYTES);
    uint32_t end = segment->size_bytes, step = HISTORY_STEP_BYTES;
    while (err == ERR_OK && end > 0 && *left_bytes > 0 &&
           job->found_count < PLOG_PRODUCER_BATCHES) {
        uint32_t start;
        err = batch_start(job, index, index_count, end > step ? end - step : 0, &start);
        if (err != ERR_OK)
            break;
        err = search_part(job, log, segment->size_bytes, start, end);
        *left_bytes -= end - start < *left_bytes ? end - start : *left_bytes;
        end = start;
        step = step < HISTORY_BYTES_MAX / 2 ? step * 2 : step;
    }
    disk_close(job->disk, index);
    disk_close(job->disk, log);
    return err;
}

static void history_run(struct env_job *base, struct env_disk *disk)
{
    struct history_job *job = CONTAINER_OF(base, struct history_job, job.base);
    uint64_t left_bytes = HISTORY_BYTES_MAX;
    job->disk = disk;
    for (size_t i = job->segment_count; i > 0; i--) {
        enum err err = search_segment(job, &job->segments[i - 1], &left_bytes);
        if (err == ERR_NOTFOUND)
            return; /* deleted meanwhile, and all before it */
        if (err != ERR_OK) {
            plog_job_fail(&job->job, err, "read the producers of", job->job.folder);
            return;
        }
        if (left_bytes == 0 || job->found_count == PLOG_PRODUCER_BATCHES)
            return;
    }
}

static void history_done(struct env *env, struct env_job *base)
{
    struct history_job *job = CONTAINER_OF(base, struct history_job, job.base);
    struct plog *plog = job->job.plog;
    UNUSED(env);
    ASSERT(plog->busy == PLOG_BUSY_HISTORY);
    if (job->job.err == ERR_IO)
        plog_job_fail_dir(&job->job);
    else if (job->job.err != ERR_OK)
        LOG_WARN("%s", job->job.what);
    plog->busy = PLOG_BUSY_NONE;
    bool again = job->generation != plog->generation && plog->state == PLOG_STATE_OPEN;
    /* Whatever was found: the producer's window counts as complete now. Unless a cleaning has put
     * other segments in the place of those that were searched. */
    if (again)
        plog_history_begin(plog, job->producer_id, job->below);
    else if (plog->producers != NULL)
        plog_producers_history(plog->producers, job->producer_id, job->found, job->found_count);
    mem_free(job->segments);
    plog_job_end(&job->job);
}

void plog_history_begin(struct plog *plog, int64_t producer_id, int64_t below)
{
    ASSERT(plog->busy == PLOG_BUSY_NONE);
    struct history_job *job = mem_zalloc(sizeof *job);
    job->generation = plog->generation;
    job->producer_id = producer_id;
    job->below = below;
    job->segments = mem_alloc((plog->segment_count + 1) * sizeof *job->segments);
    for (uint32_t i = 0; i < plog->segment_count; i++) {
        if (plog->segments[i].base_offset < below && plog->segments[i].size_bytes > 0)
            job->segments[job->segment_count++] = (struct history_segment){
                plog->segments[i].base_offset, plog->segments[i].size_bytes};
    }
    plog->busy = PLOG_BUSY_HISTORY;
    plog_job_begin(plog, &job->job, history_run, history_done, &plog->queue);
}
