/*
 * Opening logs, many at a time: a directory's logs are opened in chunks, a few chunks side by side,
 * so that recovery uses the disk and the cores, and thousands of new partitions share their syncs.
 */
#define LOG_ROOM "replica"
#include "replica_int.h"

#include "base/log.h"
#include "base/mem.h"

/* As many logs share the syncs of their folders; small enough that progress is seen. */
#define CHUNK_COUNT_MAX 1024

struct opening_job {
    struct list node; /* in set->opening_jobs */
    struct replica_set *set;
    struct replica_dir *dir;
    struct plog_opening opening;
    struct replica **replicas;
    uint64_t scanned_bytes; /* told so far */
    struct plog *logs[];
};

void replica_open_later(struct replica *replica)
{
    struct replica_set *set = replica->set;
    list_push_back(&set->dirs[plog_dir_index(replica->log)].to_open, &replica->opening);
    set->progress.to_open++;
}

static void opening_tell(struct replica_set *set)
{
    if (set->options.opening != NULL)
        set->options.opening(set->options.context, set);
}

static void job_progress(struct plog_opening *opening)
{
    struct opening_job *job = CONTAINER_OF(opening, struct opening_job, opening);
    job->set->progress.scanned_bytes += opening->scanned_bytes - job->scanned_bytes;
    job->scanned_bytes = opening->scanned_bytes;
    opening_tell(job->set);
}

static void job_done(struct plog_opening *opening)
{
    struct opening_job *job = CONTAINER_OF(opening, struct opening_job, opening);
    struct replica_set *set = job->set;
    set->progress.opened += opening->count;
    set->progress.recovered += opening->recovered_count;
    set->progress.shortened += opening->shortened_count;
    set->progress.truncated_bytes += opening->truncated_bytes;
    set->progress.scanned_bytes += opening->scanned_bytes - job->scanned_bytes;
    for (size_t i = 0; i < opening->count; i++)
        replica_set_opened(job->replicas[i]);
    job->dir->openings--;
    list_remove(&job->node);
    mem_free(job->replicas);
    mem_free(job);
    replica_open_start(set);
    opening_tell(set);
    if (replica_set_is_open(set))
        set->progress = (struct replica_set_stats){0};
}

static void job_start(struct replica_set *set, struct replica_dir *dir)
{
    size_t count = 0;
    LIST_FOR_EACH (node, &dir->to_open) {
        if (++count == CHUNK_COUNT_MAX)
            break;
    }
    struct opening_job *job = mem_zalloc(sizeof *job + count * sizeof job->logs[0]);
    job->set = set;
    job->dir = dir;
    job->replicas = mem_alloc(count * sizeof(struct replica *));
    for (size_t i = 0; i < count; i++) {
        struct replica *replica =
            LIST_ENTRY(list_pop_front(&dir->to_open), struct replica, opening);
        job->replicas[i] = replica;
        job->logs[i] = replica->log;
    }
    job->opening = (struct plog_opening){
        .plogs = job->logs,
        .count = count,
        .create = true,
        .progress = job_progress,
        .done = job_done,
    };
    dir->openings++;
    list_push_back(&set->opening_jobs, &job->node);
    plog_open(set->host, &job->opening);
}

void replica_open_start(struct replica_set *set)
{
    for (uint32_t i = 0; i < set->options.dir_count; i++) {
        struct replica_dir *dir = &set->dirs[i];
        while (!list_empty(&dir->to_open) && dir->openings < set->options.openings_per_dir)
            job_start(set, dir);
    }
}

bool replica_set_is_open(const struct replica_set *set)
{
    if (set->opening_syncs > 0)
        return false;
    for (uint32_t i = 0; i < set->options.dir_count; i++) {
        if (set->dirs[i].openings > 0 || !list_empty(&set->dirs[i].to_open))
            return false;
    }
    return true;
}

/* A node that is thrown away: the jobs' plogs forget them. */
void replica_openings_free(struct replica_set *set)
{
    for (struct list *node; (node = list_pop_front(&set->opening_jobs)) != NULL;) {
        struct opening_job *job = LIST_ENTRY(node, struct opening_job, node);
        mem_free(job->replicas);
        mem_free(job);
    }
}
