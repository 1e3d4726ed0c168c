/*
 * Timestamps of segments that were not read since the start: the largest, which
 * min.compaction.lag.ms asks about, and that of the first batch, which max.compaction.lag.ms does.
 */
#define LOG_ROOM "plog"
#include "plog/plog_int.h"

#include "base/log.h"
#include "base/mem.h"

struct survey_row {
    int64_t base_offset;
    uint32_t size_bytes;
    int64_t first_timestamp_ms;
    struct plog_timeindex_entry last;
};

struct survey_job {
    struct plog_job job;
    struct survey_row *rows;
    size_t count;
};

static enum err first_timestamp(struct env_disk *disk, const char *path, int64_t *out)
{
    struct env_file *log = NULL;
    struct plog_source source = {.disk = disk};
    uint8_t data[BATCH_HEADER_BYTES];
    struct batch_header header;
    *out = PLOG_TIMESTAMP_NONE;
    enum err err = disk_open(disk, path, DISK_READ, &log);
    if (err == ERR_OK)
        err = plog_source_read(&source, log, data, sizeof data, 0);
    /* What is no batch has no time; cleaning will say more. */
    if (err == ERR_OK && plog_header_read(data, &header) == ERR_OK && header.max_timestamp >= 0)
        *out = header.max_timestamp;
    disk_close(disk, log);
    return err == ERR_TRUNCATED ? ERR_OK : err;
}

static void survey_run(struct env_job *base, struct env_disk *disk)
{
    struct survey_job *job = CONTAINER_OF(base, struct survey_job, job.base);
    for (size_t i = 0; i < job->count; i++) {
        struct survey_row *row = &job->rows[i];
        char path[PLOG_PATH_BYTES];
        plog_path_of(path, job->job.folder, PLOG_FILE_TIMEINDEX, row->base_offset);
        enum err err = plog_timeindex_last(disk, path, &row->last);
        if (err == ERR_OK && row->size_bytes > 0) {
            plog_path_of(path, job->job.folder, PLOG_FILE_LOG, row->base_offset);
            err = first_timestamp(disk, path, &row->first_timestamp_ms);
        }
        if (err == ERR_NOTFOUND) {
            job->count = i; /* retention has taken it: the next survey sees what is left */
            return;
        }
        if (err != ERR_OK) {
            plog_job_fail(&job->job, err, "read", path);
            return;
        }
    }
}

static void survey_done(struct env *env, struct env_job *base)
{
    struct survey_job *job = CONTAINER_OF(base, struct survey_job, job.base);
    struct plog *plog = job->job.plog;
    UNUSED(env);
    plog->surveying = false;
    if (job->job.err != ERR_OK)
        plog_job_fail_dir(&job->job);
    for (size_t i = 0; job->job.err == ERR_OK && i < job->count; i++) {
        const struct survey_row *row = &job->rows[i];
        if (!plog_has_segment(plog, row->base_offset))
            continue;
        struct plog_segment *segment = &plog->segments[plog_segment_find(plog, row->base_offset)];
        if (segment->size_bytes != row->size_bytes)
            continue;
        segment->first_timestamp_ms = row->first_timestamp_ms;
        if (segment->max_timestamp_ms == PLOG_TIMESTAMP_UNKNOWN) {
            segment->max_timestamp_ms = row->last.timestamp_ms;
            segment->max_timestamp_offset = row->base_offset + row->last.offset_delta;
        }
    }
    mem_free(job->rows);
    plog_job_end(&job->job);
}

void plog_survey_begin(struct plog *plog, uint32_t first)
{
    if (plog->surveying)
        return;
    struct survey_job *job = mem_zalloc(sizeof *job);
    job->rows = mem_alloc(plog->segment_count * sizeof *job->rows);
    for (uint32_t i = first; i + 1 < plog->segment_count; i++) {
        const struct plog_segment *segment = &plog->segments[i];
        if (segment->max_timestamp_ms != PLOG_TIMESTAMP_UNKNOWN &&
            segment->first_timestamp_ms != PLOG_TIMESTAMP_UNKNOWN)
            continue;
        job->rows[job->count++] = (struct survey_row){
            .base_offset = segment->base_offset,
            .size_bytes = segment->size_bytes,
            .first_timestamp_ms = PLOG_TIMESTAMP_NONE,
        };
    }
    plog->surveying = true;
    plog_job_begin(plog, &job->job, survey_run, survey_done, &plog->queue);
}
