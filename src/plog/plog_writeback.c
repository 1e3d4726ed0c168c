/*
 * Appends go to the page cache, and the disk follows. How far it may be behind is bounded for each
 * directory: past half of the bound what was written first is brought to the disk in jobs (which
 * promises nothing; that is a sync's), and past the bound appends to the directory wait. So the
 * kernel never finds so much to be written that it lets a shard's own write wait for a disk that
 * stalls: the loop goes on, and with it other directories and every read from memory.
 *
 * 1. dir->unwritten_bytes is the sum over its plogs of appended_bytes - written_bytes.
 * 2. Both counters only grow. A job takes appended_bytes when it begins, and what it covered is
 *    written when it ends, whatever came in between.
 * 3. The metadata log's few bytes count, but never wait.
 */
#define LOG_ROOM "plog"
#include "plog/plog_int.h"

#include "base/log.h"
#include "base/mem.h"

#define JOBS_MAX 2
#define TELL_NS UINT64_C(1000000000)

struct writeback_job {
    struct plog_job job;
    struct env_queue queue;
    struct plog_files *files;
    int64_t base_offset;
    uint32_t from;
    uint32_t to;
    uint64_t appended_bytes;
};

static struct plog_host_dir *dir_of(const struct plog *plog)
{
    return &plog->host->dirs[plog->dir];
}

/* ---- Jobs ---- */

static void dir_start(struct plog_host *host, struct plog_host_dir *dir);

static void writeback_run(struct env_job *base, struct env_disk *disk)
{
    struct writeback_job *job = CONTAINER_OF(base, struct writeback_job, job.base);
    enum err err = disk_writeback(disk, job->files->log, job->from, job->to - job->from);
    if (err != ERR_OK) {
        char path[PLOG_PATH_BYTES];
        plog_path_of(path, job->job.folder, PLOG_FILE_LOG, job->base_offset);
        plog_disk_distrust(disk, job->job.folder);
        plog_job_fail(&job->job, err, "write", path);
    }
}

static void writeback_done(struct env *env, struct env_job *base)
{
    UNUSED(env);
    struct writeback_job *job = CONTAINER_OF(base, struct writeback_job, job.base);
    struct plog *plog = job->job.plog;
    struct plog_host *host = plog->host;
    struct plog_host_dir *dir = dir_of(plog);
    dir->writebacks--;
    if (job->job.err != ERR_OK)
        plog_job_fail_dir(&job->job);
    plog_writeback_covered(plog, job->appended_bytes);
    plog_files_unref(job->files);
    plog_job_end(&job->job);
    dir_start(host, dir);
}

static void plog_start(struct plog *plog)
{
    struct plog_segment *segment = plog_active(plog);
    uint32_t from = plog->writeback_base == segment->base_offset ? plog->writeback_position : 0;
    if (segment->files == NULL || segment->files->log == NULL || from >= segment->size_bytes) {
        /* Closed after a sync, or rolled just now, and then a checkpoint is under way. */
        plog_writeback_covered(plog, plog->appended_bytes);
        return;
    }
    struct writeback_job *job = mem_zalloc(sizeof *job);
    job->files = segment->files;
    plog_files_ref(job->files);
    job->base_offset = segment->base_offset;
    job->from = from;
    job->to = segment->size_bytes;
    job->appended_bytes = plog->appended_bytes;
    plog->writeback_base = segment->base_offset;
    plog->writeback_position = segment->size_bytes;
    env_queue_init(&job->queue, plog->dir);
    dir_of(plog)->writebacks++;
    plog_job_begin(plog, &job->job, writeback_run, writeback_done, &job->queue);
}

static void dir_start(struct plog_host *host, struct plog_host_dir *dir)
{
    while (!dir->offline && dir->writebacks < JOBS_MAX &&
           dir->unwritten_bytes > host->unwritten_bytes_max / 2) {
        struct list *node = list_pop_front(&dir->unwritten);
        if (node == NULL)
            return; /* jobs and syncs under way cover all there is */
        plog_start(LIST_ENTRY(node, struct plog, unwritten_node));
    }
}

/* ---- Doors ---- */

void plog_writeback_note(struct plog *plog, uint64_t bytes)
{
    struct plog_host_dir *dir = dir_of(plog);
    plog->appended_bytes += bytes;
    dir->unwritten_bytes += bytes;
    if (list_empty(&plog->unwritten_node))
        list_push_back(&dir->unwritten, &plog->unwritten_node);
    dir_start(plog->host, dir);
}

static void dir_release(struct plog_host *host, struct plog_host_dir *dir)
{
    uint64_t waited = env_now_ns(host->env) - dir->held_since_ns;
    if (dir->held_told)
        LOG_WARN("log directory %s: appends go on after %llu ms", dir->path,
                 (unsigned long long)(waited / 1000000));
    dir->held_since_ns = 0;
    dir->held_told = false;
    for (struct list *node; (node = list_pop_front(&dir->held)) != NULL;)
        plog_poke(LIST_ENTRY(node, struct plog, held_node));
}

void plog_writeback_covered(struct plog *plog, uint64_t appended_bytes)
{
    struct plog_host_dir *dir = dir_of(plog);
    ASSERT(appended_bytes <= plog->appended_bytes);
    if (appended_bytes > plog->written_bytes) {
        dir->unwritten_bytes -= appended_bytes - plog->written_bytes;
        plog->written_bytes = appended_bytes;
    }
    if (plog->written_bytes == plog->appended_bytes)
        list_remove(&plog->unwritten_node);
    else if (list_empty(&plog->unwritten_node))
        list_push_back(&dir->unwritten, &plog->unwritten_node);
    /* A little less than the bound, so that not every batch waits and goes on. */
    uint64_t bound = plog->host->unwritten_bytes_max;
    if (dir->held_since_ns != 0 && dir->unwritten_bytes <= bound - bound / 8)
        dir_release(plog->host, dir);
}

void plog_writeback_forget(struct plog *plog)
{
    plog_writeback_covered(plog, plog->appended_bytes);
    list_remove(&plog->held_node);
}

bool plog_writeback_holds(const struct plog *plog)
{
    return plog->kind != PLOG_KIND_METADATA && !dir_of(plog)->offline &&
           dir_of(plog)->unwritten_bytes >= plog->host->unwritten_bytes_max;
}

void plog_writeback_wait(struct plog *plog)
{
    struct plog_host_dir *dir = dir_of(plog);
    if (list_empty(&plog->held_node))
        list_push_back(&dir->held, &plog->held_node);
    if (dir->held_since_ns != 0)
        return;
    dir->held_since_ns = env_now_ns(plog->host->env);
    plog_host_timer_by(plog->host, dir->held_since_ns + TELL_NS);
}

void plog_writeback_tell(struct plog_host *host, uint64_t now, uint64_t *next)
{
    for (uint32_t i = 0; i < host->dir_count; i++) {
        struct plog_host_dir *dir = &host->dirs[i];
        if (dir->held_since_ns == 0 || dir->held_told)
            continue;
        uint64_t due = dir->held_since_ns + TELL_NS;
        if (now < due) {
            *next = due < *next ? due : *next;
            continue;
        }
        dir->held_told = true;
        LOG_WARN("log directory %s does not take what is written to it (%llu KiB wait); appends to "
                 "it wait",
                 dir->path, (unsigned long long)(dir->unwritten_bytes >> 10));
    }
}
