/*
 * Aborted transactions: a .txnindex for each segment in which one was aborted, entries in the order
 * of their markers. Those of the active segment are in memory (plog_producers) until a checkpoint
 * or roll writes them.
 */
#include "plog/plog_int.h"

#include "base/mem.h"

#include <string.h>

/* A segment of 2 GiB cannot hold more markers. */
#define TXNINDEX_BYTES_MAX ((size_t)1 << 30)

enum err plog_txnindex_store(struct env_disk *disk, const char *path, uint32_t count_before,
                             const struct plog_txnindex_entry *entries, size_t count)
{
    if (count == 0)
        return ERR_OK;
    struct env_file *file = NULL;
    struct buf out = BUF_EMPTY;
    uint8_t *at = buf_extend(&out, count * PLOG_TXNINDEX_ENTRY_BYTES);
    for (size_t i = 0; i < count; i++)
        plog_txnindex_entry_write(at + i * PLOG_TXNINDEX_ENTRY_BYTES, &entries[i]);
    enum err err = disk_open(disk, path, DISK_READ | DISK_WRITE | DISK_CREATE, &file);
    if (err == ERR_OK)
        err = disk_write(disk, file, out.data, out.size,
                         (uint64_t)count_before * PLOG_TXNINDEX_ENTRY_BYTES);
    if (err == ERR_OK)
        err = disk_sync(disk, file);
    disk_close(disk, file);
    buf_deinit(&out);
    return err;
}

enum err plog_txnindex_load(struct env_disk *disk, const char *path, int64_t below,
                            struct plog_txnindex_entry **out, size_t *out_count)
{
    uint8_t *data;
    size_t size;
    *out = NULL;
    *out_count = 0;
    enum err err = plog_disk_load(disk, path, TXNINDEX_BYTES_MAX, &data, &size);
    if (err == ERR_NOTFOUND)
        return ERR_OK;
    if (err != ERR_OK)
        return err;
    size_t count = size / PLOG_TXNINDEX_ENTRY_BYTES;
    struct plog_txnindex_entry *entries = mem_try_alloc((count + 1) * sizeof *entries);
    if (entries == NULL) {
        mem_free(data);
        return ERR_NOMEM;
    }
    size_t good = 0;
    int64_t last = -1;
    while (good < count &&
           plog_txnindex_entry_read(data + good * PLOG_TXNINDEX_ENTRY_BYTES, &entries[good]) ==
               ERR_OK &&
           entries[good].last_offset > last && entries[good].last_offset < below) {
        last = entries[good].last_offset;
        good++;
    }
    mem_free(data);
    *out = entries;
    *out_count = good;
    return ERR_OK;
}

/* ---- The list for a read_committed fetch ---------------------------------------------------- */

struct plog_aborted_job {
    struct plog_job job;
    struct env_queue queue;
    struct plog_aborted *aborted;
    uint32_t generation;
    int64_t offset, bound_offset;
    int64_t *bases; /* segments with a .txnindex, from the one that holds the offset on */
    size_t base_count;
    struct plog_txnindex_entry *found;
    size_t found_count, found_capacity;
    struct plog_txnindex_entry *pending; /* in memory when it was asked */
    size_t pending_count;
    bool complete; /* no later entry can matter */
};

/* Kafka's rule: those that overlap the range, until one says that all below the bound was decided.
 */
static bool consider(const struct plog_txnindex_entry *entry, int64_t offset, int64_t bound_offset,
                     bool *complete)
{
    bool overlaps = entry->last_offset >= offset && entry->first_offset < bound_offset;
    *complete = entry->last_stable_offset >= bound_offset;
    return overlaps;
}

static enum err put_found(struct plog_aborted_job *job, const struct plog_txnindex_entry *entry)
{
    if (job->found_count == job->found_capacity) {
        size_t capacity = job->found_capacity == 0 ? 16 : job->found_capacity * 2;
        void *found = mem_try_realloc(job->found, capacity * sizeof *job->found);
        if (found == NULL)
            return ERR_NOMEM;
        job->found = found;
        job->found_capacity = capacity;
    }
    job->found[job->found_count++] = *entry;
    return ERR_OK;
}

static void aborted_run(struct env_job *base, struct env_disk *disk)
{
    struct plog_aborted_job *job = CONTAINER_OF(base, struct plog_aborted_job, job.base);
    for (size_t i = 0; i < job->base_count && !job->complete; i++) {
        char path[PLOG_PATH_BYTES];
        struct plog_txnindex_entry *entries;
        size_t count;
        plog_path_of(path, job->job.folder, PLOG_FILE_TXNINDEX, job->bases[i]);
        enum err err = plog_txnindex_load(disk, path, INT64_MAX, &entries, &count);
        for (size_t j = 0; err == ERR_OK && j < count && !job->complete; j++) {
            if (consider(&entries[j], job->offset, job->bound_offset, &job->complete))
                err = put_found(job, &entries[j]);
        }
        mem_free(entries);
        if (err != ERR_OK) {
            plog_job_fail(&job->job, err, "read", path);
            return;
        }
    }
}

/* The list for the caller: what the files had, and what was in memory when it asked. */
static enum err aborted_finish(struct plog_aborted *aborted,
                               const struct plog_txnindex_entry *found, size_t found_count,
                               const struct plog_txnindex_entry *pending, size_t pending_count,
                               bool complete)
{
    struct plog_aborted_txn *txns =
        arena_alloc_array(aborted->arena, found_count + pending_count, sizeof *txns);
    if (txns == NULL)
        return ERR_NOMEM;
    size_t count = 0;
    for (size_t i = 0; i < found_count + pending_count; i++) {
        const struct plog_txnindex_entry *entry =
            i < found_count ? &found[i] : &pending[i - found_count];
        if (i >= found_count) {
            /* A checkpoint may have written it before the job read the file. */
            bool told = found_count > 0 && entry->last_offset <= found[found_count - 1].last_offset;
            if (complete || told ||
                !consider(entry, aborted->offset, aborted->bound_offset, &complete))
                continue;
        }
        txns[count++] = (struct plog_aborted_txn){entry->producer_id, entry->first_offset,
                                                  entry->last_offset, entry->last_stable_offset};
    }
    aborted->txns = txns;
    aborted->count = count;
    return ERR_OK;
}

static enum err aborted_submit(struct plog *plog, struct plog_aborted *aborted);

static void aborted_done(struct env *env, struct env_job *base)
{
    struct plog_aborted_job *job = CONTAINER_OF(base, struct plog_aborted_job, job.base);
    struct plog *plog = job->job.plog;
    struct plog_aborted *aborted = job->aborted;
    UNUSED(env);
    aborted->err = job->job.err;
    if (plog->state != PLOG_STATE_OPEN)
        aborted->err = plog->state == PLOG_STATE_OFFLINE ? ERR_OFFLINE : ERR_CLOSED;
    /* A truncation or a swap has changed what there is to read. */
    bool again = plog->state == PLOG_STATE_OPEN && job->generation != plog->generation;
    if (aborted->err == ERR_OK && !again)
        aborted->err = aborted_finish(aborted, job->found, job->found_count, job->pending,
                                      job->pending_count, job->complete);
    mem_free(job->pending);
    mem_free(job->found);
    mem_free(job->bases);
    plog_job_end(&job->job);
    if (again && aborted_submit(plog, aborted) == ERR_AGAIN)
        return;
    aborted->done(aborted);
}

enum err plog_aborted(struct plog *plog, struct plog_aborted *aborted)
{
    aborted->plog = plog;
    return aborted_submit(plog, aborted);
}

static enum err aborted_submit(struct plog *plog, struct plog_aborted *aborted)
{
    aborted->txns = NULL;
    aborted->count = 0;
    if (plog->state != PLOG_STATE_OPEN)
        return aborted->err = plog->state == PLOG_STATE_OFFLINE ? ERR_OFFLINE : ERR_CLOSED;
    uint32_t first = plog_segment_find(plog, aborted->offset);
    if (first == plog->segment_count)
        first = 0;
    size_t count = 0;
    for (uint32_t i = first; i < plog->segment_count; i++)
        count += plog->segments[i].has_txnindex;
    const struct plog_txnindex_entry *pending = NULL;
    size_t pending_count =
        plog->producers != NULL ? plog_producers_aborted(plog->producers, &pending) : 0;
    if (count == 0)
        return aborted->err = aborted_finish(aborted, NULL, 0, pending, pending_count, false);
    struct plog_aborted_job *job = mem_zalloc(sizeof *job);
    job->pending_count = pending_count;
    job->pending = mem_alloc((pending_count + 1) * sizeof *pending);
    if (pending_count > 0)
        memcpy(job->pending, pending, pending_count * sizeof *pending);
    job->aborted = aborted;
    job->generation = plog->generation;
    job->offset = aborted->offset;
    job->bound_offset = aborted->bound_offset;
    job->bases = mem_alloc(count * sizeof *job->bases);
    for (uint32_t i = first; i < plog->segment_count; i++) {
        if (plog->segments[i].has_txnindex)
            job->bases[job->base_count++] = plog->segments[i].base_offset;
    }
    env_queue_init(&job->queue, plog->dir);
    aborted->job = job;
    plog_job_begin(plog, &job->job, aborted_run, aborted_done,
                   plog->swapping ? &plog->queue : &job->queue);
    return aborted->err = ERR_AGAIN;
}
