/*
 * Reading batches. A read goes over segments until it has something: for each one, where it begins
 * (a mark, the index, headers), then the bytes, then what of them is whole and below the bound. The
 * same steps run on the shard, where they end with ERR_AGAIN at the first byte that is not in
 * memory, and in a job.
 */
#define LOG_ROOM "plog"
#include "plog/plog_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

/* One segment's part of a read: everything it needs, so that a job can have it. */
struct fetch {
    struct plog_source source;
    struct env_file *log;
    struct env_file *index; /* NULL: from `start` on */
    int64_t base_offset;
    uint32_t index_count;
    uint32_t limit; /* bytes of the segment that may be read */
    uint32_t start; /* a batch begins here, at or before the one wanted */
    bool exact;     /* ... and it is the one */

    int64_t offset;
    int64_t bound_offset;
    size_t size_max;
    bool min_one_batch;
    uint8_t *out;
    size_t out_size;

    /* Found. */
    size_t size;
    size_t first_batch_bytes;
    int64_t next_offset;
    uint32_t next_position;
    bool at_bound; /* the batch at next_position is past the bound, or ends past it */
    bool at_end;   /* of the segment */
};

struct plog_read_job {
    struct plog_job job;
    struct env_queue queue;
    struct plog_read *read;
    uint32_t generation;
    struct fetch fetch;
    bool open;                    /* the files are to be opened first */
    struct plog_files *files;     /* a reference to those that are open */
    struct env_file *log, *index; /* opened by the job */
    uint32_t index_count;
};

/* ---- The steps ------------------------------------------------------------------------------ */

static enum err find_start(struct fetch *fetch, struct batch_header *header)
{
    enum err err = ERR_OK;
    if (!fetch->exact && fetch->index != NULL) {
        struct plog_index_entry entry;
        bool found;
        err = plog_index_floor(&fetch->source, fetch->index, fetch->index_count,
                               (uint32_t)(fetch->offset - fetch->base_offset), &entry, &found);
        if (err != ERR_OK)
            return err;
        if (found && entry.position > fetch->start && entry.position < fetch->limit)
            fetch->start = entry.position;
    }
    uint32_t start = fetch->start;
    err = plog_segment_seek(&fetch->source, fetch->log, fetch->limit, start, fetch->offset,
                            &fetch->start, header);
    /* An index is a hint: without it the segment is walked. */
    if (err == ERR_CORRUPT && start > 0 && !fetch->exact)
        err = plog_segment_seek(&fetch->source, fetch->log, fetch->limit, 0, fetch->offset,
                                &fetch->start, header);
    return err;
}

/* How many of the bytes read are whole batches below the bound. */
static enum err trim(struct fetch *fetch, size_t got)
{
    size_t position = 0;
    fetch->size = 0;
    fetch->next_offset = fetch->offset;
    while (got - position >= BATCH_HEADER_BYTES) {
        struct batch_header header;
        if (plog_header_read(fetch->out + position, &header) != ERR_OK ||
            header.base_offset < fetch->base_offset)
            return position == 0 ? ERR_CORRUPT : ERR_OK;
        if (batch_last_offset(&header) >= fetch->bound_offset) {
            fetch->at_bound = true;
            return ERR_OK;
        }
        if (position == 0)
            fetch->first_batch_bytes = header.size;
        if (header.size > got - position)
            return ERR_OK;
        if (position + header.size > fetch->size_max && (position > 0 || !fetch->min_one_batch))
            return ERR_OK;
        position += header.size;
        fetch->size = position;
        fetch->next_offset = batch_next_offset(&header);
        fetch->next_position = fetch->start + (uint32_t)position;
    }
    return ERR_OK;
}

/* The bytes from the start on: what is asked for, and at least all of the first batch. */
static enum err fill(struct fetch *fetch, size_t first_batch_bytes)
{
    size_t left = fetch->limit - fetch->start;
    size_t wanted = first_batch_bytes > fetch->size_max ? first_batch_bytes : fetch->size_max;
    if (wanted > fetch->out_size)
        wanted = fetch->out_size;
    if (wanted > left)
        wanted = left;
    size_t got = 0;
    enum err err =
        plog_source_read_some(&fetch->source, fetch->log, fetch->out, wanted, fetch->start, &got);
    if (err != ERR_OK)
        return err;
    /* On the shard less may be in memory than there is. */
    if (got < first_batch_bytes || got < BATCH_HEADER_BYTES)
        return fetch->source.env != NULL ? ERR_AGAIN : ERR_CORRUPT;
    fetch->next_position = fetch->start;
    err = trim(fetch, got);
    fetch->at_end = fetch->next_position == fetch->limit;
    return err;
}

/* True when the first batch may be returned. */
static bool takes_batch(const struct fetch *fetch, size_t first_batch_bytes)
{
    return first_batch_bytes <= fetch->out_size &&
           (first_batch_bytes <= fetch->size_max || fetch->min_one_batch);
}

static enum err fetch_run(struct fetch *fetch)
{
    struct batch_header header;
    fetch->size = fetch->first_batch_bytes = 0;
    fetch->at_bound = fetch->at_end = false;
    fetch->next_offset = fetch->offset;
    /* It was at the end of the segment, and the next one begins behind a gap. */
    if (fetch->exact && fetch->start == fetch->limit) {
        fetch->next_position = fetch->start;
        fetch->at_end = true;
        return ERR_OK;
    }
    /* Mostly a reader goes on where it was: one read is enough, unless its first batch is large. */
    if (fetch->exact && fetch->size_max >= BATCH_HEADER_BYTES &&
        fetch->out_size >= BATCH_HEADER_BYTES) {
        enum err err = fill(fetch, 0);
        if (err != ERR_OK || fetch->size > 0 || fetch->at_bound ||
            !takes_batch(fetch, fetch->first_batch_bytes))
            return err;
        return fill(fetch, fetch->first_batch_bytes);
    }
    enum err err = find_start(fetch, &header);
    if (err == ERR_NOTFOUND) {
        fetch->at_end = true;
        return ERR_OK;
    }
    if (err != ERR_OK)
        return err;
    fetch->next_position = fetch->start;
    if (batch_last_offset(&header) >= fetch->bound_offset) {
        fetch->at_bound = true;
        return ERR_OK;
    }
    fetch->first_batch_bytes = header.size;
    return takes_batch(fetch, header.size) ? fill(fetch, header.size) : ERR_OK;
}

/* ---- The job -------------------------------------------------------------------------------- */

static void read_run(struct env_job *base, struct env_disk *disk)
{
    struct plog_read_job *job = CONTAINER_OF(base, struct plog_read_job, job.base);
    struct fetch *fetch = &job->fetch;
    char path[PLOG_PATH_BYTES];
    enum err err = ERR_OK;
    fetch->source = (struct plog_source){.disk = disk};
    plog_path_of(path, job->job.folder, PLOG_FILE_LOG, fetch->base_offset);
    if (job->open) {
        char index_path[PLOG_PATH_BYTES];
        uint64_t bytes = 0;
        err = disk_open(disk, path, DISK_READ, &job->log);
        plog_path_of(index_path, job->job.folder, PLOG_FILE_INDEX, fetch->base_offset);
        if (err == ERR_OK) {
            err = disk_open(disk, index_path, DISK_READ, &job->index);
            if (err == ERR_OK)
                err = disk_size(disk, job->index, &bytes);
            else if (err == ERR_NOTFOUND)
                err = ERR_OK; /* a hint that is missing */
        }
        job->index_count = (uint32_t)(bytes / PLOG_INDEX_ENTRY_BYTES);
        fetch->log = job->log;
        fetch->index = job->index;
        fetch->index_count = job->index_count;
    }
    if (err == ERR_OK)
        err = fetch_run(fetch);
    if (err != ERR_OK)
        plog_job_fail(&job->job, err, "read", path);
}

static enum err read_step(struct plog *plog, struct plog_read *read);

bool plog_has_segment(const struct plog *plog, int64_t base_offset)
{
    uint32_t index = plog_segment_find(plog, base_offset);
    return index < plog->segment_count && plog->segments[index].base_offset == base_offset;
}

/* Files that the job opened serve the next readers. */
static void keep_files(struct plog *plog, struct plog_read_job *job)
{
    uint32_t index = plog_segment_find(plog, job->fetch.base_offset);
    struct plog_segment *segment = index < plog->segment_count ? &plog->segments[index] : NULL;
    struct plog_files *files = plog_files_new(plog, job->fetch.base_offset);
    files->log = job->log;
    files->index = job->index;
    files->index_count = job->index_count;
    bool wanted = plog->state == PLOG_STATE_OPEN && job->job.err == ERR_OK && segment != NULL &&
                  segment->base_offset == job->fetch.base_offset && segment->files == NULL &&
                  plog->busy != PLOG_BUSY_TRUNCATING && job->generation == plog->generation;
    if (wanted)
        segment->files = files;
    else
        files->plog = NULL;
    plog_host_opened(plog->host, files);
    if (!wanted)
        plog_files_unref(files);
}

enum err plog_reader_check(const struct plog *plog, uint32_t generation)
{
    if (plog->state != PLOG_STATE_OPEN)
        return plog->state == PLOG_STATE_OFFLINE ? ERR_OFFLINE : ERR_CLOSED;
    return generation == plog->generation && plog->busy != PLOG_BUSY_TRUNCATING ? ERR_OK
                                                                                : ERR_AGAIN;
}

/* What one segment gave. ERR_AGAIN: nothing yet, go on with the next segment. */
static enum err take_fetch(struct plog *plog, struct plog_read *read, const struct fetch *fetch)
{
    read->size = fetch->size;
    read->first_batch_bytes = fetch->size > 0 ? 0 : fetch->first_batch_bytes;
    read->next_offset = fetch->next_offset;
    uint32_t index = plog_segment_find(plog, fetch->base_offset);
    bool is_last = index + 1 >= plog->segment_count;
    if (fetch->size > 0 || fetch->first_batch_bytes > 0)
        plog_mark_add(plog, fetch->next_offset, fetch->base_offset, fetch->next_position);
    if (fetch->size == 0 && fetch->at_end && !fetch->at_bound && !is_last) {
        /* The rest of this segment was compacted away. */
        int64_t next = plog->segments[index + 1].base_offset;
        read->next_offset = next > read->offset ? next : read->offset;
        return next < read->bound_offset ? ERR_AGAIN : ERR_OK;
    }
    read->more =
        !fetch->at_bound && (!fetch->at_end || !is_last) && read->next_offset < read->bound_offset;
    return ERR_OK;
}

static void read_done(struct env *env, struct env_job *base)
{
    struct plog_read_job *job = CONTAINER_OF(base, struct plog_read_job, job.base);
    struct plog *plog = job->job.plog;
    struct plog_read *read = job->read;
    UNUSED(env);
    if (job->open)
        keep_files(plog, job);
    if (job->files != NULL)
        plog_files_unref(job->files);
    enum err err = plog_reader_check(plog, job->generation);
    if (err == ERR_OK && job->job.err == ERR_NOTFOUND)
        /* Was it deleted meanwhile? Then the log's start has moved. */
        err = plog_has_segment(plog, job->fetch.base_offset) ? ERR_IO : ERR_AGAIN;
    else if (err == ERR_OK && job->job.err != ERR_OK)
        err = job->job.err;
    if (err == ERR_OK)
        err = take_fetch(plog, read, &job->fetch);
    if (err == ERR_IO)
        plog_job_fail_dir(&job->job);
    else if (err == ERR_CORRUPT)
        LOG_WARN("%s", job->job.what);
    plog_job_end(&job->job);
    read->job = NULL;
    if (err == ERR_AGAIN) {
        err = read_step(plog, read);
        if (err == ERR_AGAIN)
            return;
    }
    read->err = err;
    read->done(read);
}

static void read_submit(struct plog *plog, struct plog_read *read, const struct fetch *fetch,
                        struct plog_files *files)
{
    struct plog_read_job *job = mem_zalloc(sizeof *job);
    job->read = read;
    job->generation = plog->generation;
    job->fetch = *fetch;
    job->open = files == NULL;
    job->files = files;
    if (files != NULL)
        plog_files_ref(files);
    env_queue_init(&job->queue, plog->dir);
    read->job = job;
    plog->host->stats.reads_disk++;
    /* While a swap is under way what would be opened is uncertain: it is done before this. */
    plog_job_begin(plog, &job->job, read_run, read_done,
                   plog->swapping ? &plog->queue : &job->queue);
}

/* ---- On the shard --------------------------------------------------------------------------- */

/* The best starting place that is known without a file. */
static void find_mark(const struct plog *plog, const struct plog_segment *segment,
                      struct fetch *fetch)
{
    if (plog_mark_find(plog, fetch->offset, segment->base_offset, &fetch->start)) {
        fetch->exact = true;
        return;
    }
    if (plog->tail == NULL || segment != &plog->segments[plog->segment_count - 1])
        return;
    for (uint32_t i = plog->tail->pending_count; i > 0; i--) {
        const struct plog_index_entry *entry = &plog->tail->pending[i - 1];
        if (segment->base_offset + (int64_t)entry->offset_delta <= fetch->offset) {
            fetch->start = entry->position;
            return;
        }
    }
}

static enum err read_check(const struct plog *plog, struct plog_read *read)
{
    if (plog->state != PLOG_STATE_OPEN)
        return plog->state == PLOG_STATE_OFFLINE ? ERR_OFFLINE : ERR_CLOSED;
    if (read->offset < plog->log_start_offset || read->offset > plog->end_offset)
        return ERR_INVALID;
    return ERR_OK;
}

static enum err read_step(struct plog *plog, struct plog_read *read)
{
    int64_t offset = read->offset;
    for (;;) {
        enum err err = read_check(plog, read);
        if (err != ERR_OK)
            return err;
        int64_t bound =
            read->bound_offset < plog->end_offset ? read->bound_offset : plog->end_offset;
        if (read->next_offset > offset)
            offset = read->next_offset;
        if (offset >= bound)
            return ERR_OK;
        uint32_t index = plog_segment_find(plog, offset);
        ASSERT(index < plog->segment_count);
        struct plog_segment *segment = &plog->segments[index];
        struct plog_files *files = segment->files;
        struct fetch fetch = {
            .source = {.env = plog->host->env},
            .base_offset = segment->base_offset,
            .limit = segment->size_bytes,
            .offset = offset,
            .bound_offset = bound,
            .size_max = read->size_max,
            .min_one_batch = read->min_one_batch,
            .out = read->out,
            .out_size = read->out_size,
        };
        find_mark(plog, segment, &fetch);
        if (files == NULL || plog->busy == PLOG_BUSY_TRUNCATING) {
            read_submit(plog, read, &fetch, NULL);
            return ERR_AGAIN;
        }
        fetch.log = files->log;
        fetch.index = files->index;
        fetch.index_count = files->index_count;
        plog_files_touch(files);
        err = fetch_run(&fetch);
        if (err == ERR_AGAIN) {
            read_submit(plog, read, &fetch, files);
            return ERR_AGAIN;
        }
        if (err != ERR_OK)
            return err;
        err = take_fetch(plog, read, &fetch);
        if (err != ERR_AGAIN) {
            plog->host->stats.reads_memory++;
            return err;
        }
    }
}

enum err plog_read(struct plog *plog, struct plog_read *read)
{
    ASSERT(read->offset >= 0 && (read->out != NULL || read->out_size == 0));
    read->plog = plog;
    read->job = NULL;
    read->size = 0;
    read->first_batch_bytes = 0;
    read->next_offset = read->offset;
    read->more = false;
    return read->err = read_step(plog, read);
}

/* ---- How much there is ---------------------------------------------------------------------- */

/* Where the batch that holds the offset begins, as far as memory knows. */
static bool position_seek(struct plog *plog, const struct plog_segment *segment, int64_t offset,
                          uint32_t start, uint32_t *out)
{
    struct plog_source source = {.env = plog->host->env};
    struct batch_header header;
    if (plog_segment_seek(&source, segment->files->log, segment->size_bytes, start, offset, out,
                          &header) != ERR_OK)
        return false;
    if (header.base_offset == offset)
        plog_mark_add(plog, offset, segment->base_offset, *out);
    return true;
}

/* A position for an offset in a segment: exact where memory has the way there, else an estimate. */
static uint64_t position_estimate(struct plog *plog, uint32_t index, int64_t offset)
{
    const struct plog_segment *segment = &plog->segments[index];
    int64_t end = plog_segment_end(plog, index);
    uint32_t position;
    if (offset >= end)
        return segment->size_bytes;
    if (offset <= segment->base_offset)
        return 0;
    if (plog_mark_find(plog, offset, segment->base_offset, &position))
        return position;
    struct fetch fetch = {.offset = offset};
    find_mark(plog, segment, &fetch);
    uint32_t start = fetch.start;
    enum err err = segment->files == NULL ? ERR_AGAIN : ERR_OK;
    if (err == ERR_OK && start == 0 && segment->files->index != NULL) {
        struct plog_source source = {.env = plog->host->env};
        struct plog_index_entry entry;
        bool found;
        err = plog_index_floor(&source, segment->files->index, segment->files->index_count,
                               (uint32_t)(offset - segment->base_offset), &entry, &found);
        if (err == ERR_OK && found && entry.position < segment->size_bytes)
            start = entry.position;
    }
    if (err == ERR_OK && position_seek(plog, segment, offset, start, &position))
        return position;
    if (start > 0)
        return start;
    /* Not known without the disk: as if all records were of one size. */
    double share = (double)(offset - segment->base_offset) / (double)(end - segment->base_offset);
    return (uint64_t)(share * (double)segment->size_bytes);
}

uint64_t plog_available(struct plog *plog, int64_t offset, int64_t bound_offset)
{
    if (plog->state != PLOG_STATE_OPEN || plog->segment_count == 0)
        return 0;
    if (bound_offset > plog->end_offset)
        bound_offset = plog->end_offset;
    if (offset < plog->log_start_offset)
        offset = plog->log_start_offset;
    if (offset >= bound_offset)
        return 0;
    uint32_t first = plog_segment_find(plog, offset), last = plog_segment_find(plog, bound_offset);
    if (first == plog->segment_count)
        first = 0;
    uint64_t from = position_estimate(plog, first, offset);
    uint64_t to = position_estimate(plog, last, bound_offset), between = 0;
    for (uint32_t i = first; i < last; i++)
        between += plog->segments[i].size_bytes;
    uint64_t bytes = between + to > from ? between + to - from : 0;
    /* Something is there, or at least may be: whoever waits for one byte is to look. */
    return bytes > 0 ? bytes : 1;
}
