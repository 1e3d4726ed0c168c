/*
 * ListOffsets by time (KIP-33, KIP-734): always in a job, as whole batches may have to be read and
 * decompressed. The job gets a copy of the list of segments.
 */
#define LOG_ROOM "plog"
#include "plog/plog_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

struct time_segment {
    int64_t base_offset;
    int64_t max_timestamp_ms;
    int64_t max_timestamp_offset;
    uint32_t size_bytes;
};

struct plog_time_job {
    struct plog_job job;
    struct env_queue queue;
    struct plog_time_query *query;
    uint32_t generation;
    enum plog_time_kind kind;
    int64_t timestamp_ms;
    int64_t log_start_offset;
    size_t decompressed_bytes_max;
    struct time_segment *segments;
    size_t segment_count;

    struct env_disk *disk;
    struct codec_context *codec;
    struct env_file *log; /* of the segment that is looked at */
    bool found;
    int64_t offset;
    int64_t found_timestamp_ms;
    int32_t leader_epoch;
};

/* Entries of an index that count: up to a preallocated rest, which is zero. */
static enum err index_open(struct plog_time_job *job, enum plog_file_kind kind, int64_t base_offset,
                           size_t entry_bytes, struct env_file **out, uint32_t *out_count)
{
    char path[PLOG_PATH_BYTES];
    uint64_t bytes;
    plog_path_of(path, job->job.folder, kind, base_offset);
    *out = NULL;
    *out_count = 0;
    enum err err = disk_open(job->disk, path, DISK_READ, out);
    if (err == ERR_NOTFOUND)
        return ERR_OK;
    if (err == ERR_OK)
        err = disk_size(job->disk, *out, &bytes);
    if (err == ERR_OK)
        *out_count = (uint32_t)(bytes / entry_bytes);
    return err;
}

/* The largest timestamp of a segment that was not looked at since the start. */
static enum err resolve(struct plog_time_job *job, struct time_segment *segment)
{
    struct env_file *timeindex;
    uint32_t count;
    struct plog_source source = {.disk = job->disk};
    if (segment->max_timestamp_ms != PLOG_TIMESTAMP_UNKNOWN)
        return ERR_OK;
    enum err err = index_open(job, PLOG_FILE_TIMEINDEX, segment->base_offset,
                              PLOG_TIMEINDEX_ENTRY_BYTES, &timeindex, &count);
    segment->max_timestamp_ms = PLOG_TIMESTAMP_NONE;
    segment->max_timestamp_offset = segment->base_offset;
    if (err == ERR_OK && count > 0) {
        uint8_t data[PLOG_TIMEINDEX_ENTRY_BYTES];
        struct plog_timeindex_entry entry;
        err = plog_source_read(&source, timeindex, data, sizeof data,
                               (uint64_t)(count - 1) * PLOG_TIMEINDEX_ENTRY_BYTES);
        if (err == ERR_OK) {
            plog_timeindex_entry_read(data, &entry);
            segment->max_timestamp_ms = entry.timestamp_ms;
            segment->max_timestamp_offset = segment->base_offset + entry.offset_delta;
        }
    }
    disk_close(job->disk, timeindex);
    return err;
}

/* The first record of the batch that answers. */
static enum err search_batch(struct plog_time_job *job, uint32_t position,
                             const struct batch_header *header, int64_t timestamp_ms,
                             int64_t offset_min)
{
    struct plog_source source = {.disk = job->disk};
    struct batch_records records;
    struct batch_record record;
    uint8_t *data = mem_try_alloc(header->size);
    if (data == NULL)
        return ERR_NOMEM;
    enum err err = plog_source_read(&source, job->log, data, header->size, position);
    struct batch_view view = {data, *header};
    if (err == ERR_OK)
        err = batch_records_init(&records, job->codec, &view, job->decompressed_bytes_max);
    if (err == ERR_OK) {
        while (!job->found && batch_records_next(&records, &record)) {
            if (record.timestamp < timestamp_ms || record.offset < offset_min)
                continue;
            job->found = true;
            job->offset = record.offset;
            job->found_timestamp_ms = record.timestamp;
            job->leader_epoch = header->leader_epoch;
        }
        if (!job->found)
            err = records.err;
        batch_records_deinit(&records);
    }
    mem_free(data);
    return err;
}

/* Where in the segment to begin: hints, so that what is missing or odd merely makes it slower. */
static enum err start_position(struct plog_time_job *job, const struct time_segment *segment,
                               int64_t timestamp_ms, int64_t offset_min, uint32_t *out)
{
    struct plog_source source = {.disk = job->disk};
    struct env_file *index = NULL, *timeindex = NULL;
    struct plog_timeindex_entry time_entry;
    struct plog_index_entry entry;
    uint32_t count;
    bool found = false;
    int64_t offset = offset_min;
    *out = 0;
    enum err err = index_open(job, PLOG_FILE_TIMEINDEX, segment->base_offset,
                              PLOG_TIMEINDEX_ENTRY_BYTES, &timeindex, &count);
    /* An entry says that all before it is at most as late: strictly earlier ones are skipped. */
    if (err == ERR_OK)
        err =
            plog_timeindex_floor(&source, timeindex, count, timestamp_ms - 1, &time_entry, &found);
    if (err == ERR_OK && found && segment->base_offset + time_entry.offset_delta > offset)
        offset = segment->base_offset + time_entry.offset_delta;
    if (err == ERR_OK)
        err = index_open(job, PLOG_FILE_INDEX, segment->base_offset, PLOG_INDEX_ENTRY_BYTES, &index,
                         &count);
    if (err == ERR_OK && offset > segment->base_offset)
        err = plog_index_floor(&source, index, count, (uint32_t)(offset - segment->base_offset),
                               &entry, &found);
    else
        found = false;
    if (err == ERR_OK && found && entry.position < segment->size_bytes)
        *out = entry.position;
    disk_close(job->disk, index);
    disk_close(job->disk, timeindex);
    return err;
}

static enum err search_segment(struct plog_time_job *job, const struct time_segment *segment,
                               int64_t timestamp_ms, int64_t offset_min)
{
    char path[PLOG_PATH_BYTES];
    struct plog_source source = {.disk = job->disk};
    uint32_t position = 0;
    plog_path_of(path, job->job.folder, PLOG_FILE_LOG, segment->base_offset);
    enum err err = disk_open(job->disk, path, DISK_READ, &job->log);
    if (err == ERR_OK)
        err = start_position(job, segment, timestamp_ms, offset_min, &position);
    int64_t offset = segment->base_offset > offset_min ? segment->base_offset : offset_min;
    uint32_t start = position;
    while (err == ERR_OK && !job->found) {
        struct batch_header header;
        err = plog_segment_seek(&source, job->log, segment->size_bytes, position, offset, &position,
                                &header);
        if (err == ERR_CORRUPT && start > 0) {
            position = start = 0; /* the index pointed at no batch */
            err = ERR_OK;
            continue;
        }
        if (err != ERR_OK)
            break;
        if (header.max_timestamp >= timestamp_ms && header.record_count > 0)
            err = search_batch(job, position, &header, timestamp_ms, offset_min);
        offset = batch_next_offset(&header);
        position += (uint32_t)header.size;
    }
    disk_close(job->disk, job->log);
    job->log = NULL;
    return err == ERR_NOTFOUND ? ERR_OK : err;
}

static enum err find_first(struct plog_time_job *job)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && !job->found && i < job->segment_count; i++) {
        struct time_segment *segment = &job->segments[i];
        err = resolve(job, segment);
        if (err == ERR_OK && segment->max_timestamp_ms >= job->timestamp_ms)
            err = search_segment(job, segment, job->timestamp_ms, job->log_start_offset);
    }
    return err;
}

static enum err find_max(struct plog_time_job *job)
{
    enum err err = ERR_OK;
    const struct time_segment *largest = NULL;
    for (size_t i = 0; err == ERR_OK && i < job->segment_count; i++) {
        struct time_segment *segment = &job->segments[i];
        err = resolve(job, segment);
        if (largest == NULL || segment->max_timestamp_ms > largest->max_timestamp_ms)
            largest = segment;
    }
    if (err != ERR_OK || largest == NULL || largest->max_timestamp_ms < 0)
        return err;
    return search_segment(job, largest, largest->max_timestamp_ms, job->log_start_offset);
}

static void time_run(struct env_job *base, struct env_disk *disk)
{
    struct plog_time_job *job = CONTAINER_OF(base, struct plog_time_job, job.base);
    job->disk = disk;
    job->codec = codec_context_new(); /* the shard's is not for this thread */
    enum err err = job->kind == PLOG_TIME_MAX ? find_max(job) : find_first(job);
    codec_context_free(job->codec);
    if (err != ERR_OK)
        plog_job_fail(&job->job, err, "look for a time in", job->job.folder);
}

static enum err time_submit(struct plog *plog, struct plog_time_query *query);

static void time_done(struct env *env, struct env_job *base)
{
    struct plog_time_job *job = CONTAINER_OF(base, struct plog_time_job, job.base);
    struct plog *plog = job->job.plog;
    struct plog_time_query *query = job->query;
    UNUSED(env);
    enum err err = plog_reader_check(plog, job->generation);
    if (err == ERR_OK && job->job.err == ERR_NOTFOUND)
        err = job->segment_count > 0 && plog_has_segment(plog, job->segments[0].base_offset)
                  ? ERR_IO
                  : ERR_AGAIN;
    else if (err == ERR_OK)
        err = job->job.err;
    if (err == ERR_IO)
        plog_job_fail_dir(&job->job);
    if (err == ERR_OK && job->found && job->offset < query->bound_offset) {
        query->found = true;
        query->offset = job->offset;
        query->found_timestamp_ms = job->found_timestamp_ms;
        query->leader_epoch = job->leader_epoch;
    }
    mem_free(job->segments);
    plog_job_end(&job->job);
    query->job = NULL;
    if (err == ERR_AGAIN) {
        err = time_submit(plog, query);
        if (err == ERR_AGAIN)
            return;
    }
    query->err = err;
    query->done(query);
}

static enum err time_submit(struct plog *plog, struct plog_time_query *query)
{
    if (plog->state != PLOG_STATE_OPEN)
        return plog->state == PLOG_STATE_OFFLINE ? ERR_OFFLINE : ERR_CLOSED;
    struct plog_time_job *job = mem_zalloc(sizeof *job);
    job->query = query;
    job->generation = plog->generation;
    job->kind = query->kind;
    job->timestamp_ms = query->timestamp_ms;
    job->log_start_offset = plog->log_start_offset;
    job->decompressed_bytes_max = (size_t)plog->config->max_decompressed_message_bytes;
    job->segments = mem_alloc((plog->segment_count + 1) * sizeof *job->segments);
    for (uint32_t i = 0; i < plog->segment_count; i++) {
        const struct plog_segment *segment = &plog->segments[i];
        if (segment->size_bytes == 0 || plog_segment_end(plog, i) <= plog->log_start_offset)
            continue;
        job->segments[job->segment_count++] = (struct time_segment){
            .base_offset = segment->base_offset,
            .max_timestamp_ms = segment->max_timestamp_ms,
            .max_timestamp_offset = segment->max_timestamp_offset,
            .size_bytes = segment->size_bytes,
        };
    }
    env_queue_init(&job->queue, plog->dir);
    query->job = job;
    plog_job_begin(plog, &job->job, time_run, time_done,
                   plog->swapping ? &plog->queue : &job->queue);
    return ERR_AGAIN;
}

enum err plog_time_query(struct plog *plog, struct plog_time_query *query)
{
    query->plog = plog;
    query->job = NULL;
    query->found = false;
    query->offset = -1;
    query->found_timestamp_ms = -1;
    query->leader_epoch = -1;
    /* Nothing was ever written, or nothing is left. */
    if (plog->state == PLOG_STATE_OPEN && plog->size_bytes == 0)
        return query->err = ERR_OK;
    return query->err = time_submit(plog, query);
}
