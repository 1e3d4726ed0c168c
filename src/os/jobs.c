/*
 * Disk threads. A pool for each device and a common one; a pool starts threads when jobs wait and
 * nobody is idle, up to its limit, and lets them go after a while without work.
 *
 * A queue (struct env_queue) belongs to one shard and is touched on it alone: the shard hands the
 * pool one job of a queue at a time, and the next one when it learns that the last is done. So a
 * pool's lock guards nothing but its list of ready jobs and its threads.
 */
#define LOG_ROOM "os"
#include "os/os_int.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define POOL_IDLE_S 20
/* Recovery and compaction run here; address space only, memory is what is touched. */
#define POOL_STACK_BYTES ((size_t)1 << 20)

enum slot_state { SLOT_FREE, SLOT_RUNNING, SLOT_FINISHED };

struct pool_slot {
    struct os_pool *pool;
    pthread_t thread;
    enum slot_state state; /* FINISHED: to be joined */
};

struct os_pool {
    struct os *os;
    char thread_name[16];
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t work;
    struct list ready; /* jobs to run, in order of arrival */
    size_t ready_count;
    uint32_t idle_count;
    uint32_t slot_count; /* the most threads */
    bool stopping;
    struct pool_slot slots[];
};

/* ---- On a disk thread */

static void job_run(struct os *os, struct env_job *job)
{
    struct os_shard *shard = &os->shards[job->shard];
    job->run(job, os_disk());
    if (mailbox_put(&shard->completions, (struct mailbox_node *)(void *)job))
        os_shard_wake(shard);
}

/* With the lock held. False: this thread is to end. */
static bool pool_wait(struct os_pool *pool)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += POOL_IDLE_S;

    int code = 0;
    pool->idle_count++;
    while (list_empty(&pool->ready) && !pool->stopping && code != ETIMEDOUT)
        code = pthread_cond_timedwait(&pool->work, &pool->mutex, &until);
    pool->idle_count--;
    return !pool->stopping && !list_empty(&pool->ready);
}

static void *pool_main(void *argument)
{
    struct pool_slot *slot = argument;
    struct os_pool *pool = slot->pool;

    pthread_mutex_lock(&pool->mutex);
    while (pool_wait(pool)) {
        struct env_job *job = LIST_ENTRY(list_pop_front(&pool->ready), struct env_job, node);
        pool->ready_count--;
        pthread_mutex_unlock(&pool->mutex);
        job_run(pool->os, job);
        pthread_mutex_lock(&pool->mutex);
    }
    slot->state = SLOT_FINISHED;
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* ---- On a shard */

/* With the lock held. False: there is no thread at all and none can be had. */
static bool pool_grow(struct os_pool *pool)
{
    uint32_t running_count = 0;
    struct pool_slot *slot = NULL;
    for (uint32_t i = 0; i < pool->slot_count; i++) {
        if (pool->slots[i].state == SLOT_RUNNING)
            running_count++;
        else if (slot == NULL)
            slot = &pool->slots[i];
    }
    if (slot == NULL)
        return true;
    if (slot->state == SLOT_FINISHED)
        pthread_join(slot->thread, NULL); /* it is past its last use of the lock: no wait */
    slot->state = SLOT_RUNNING;
    int code = os_thread_start(&slot->thread, POOL_STACK_BYTES, pool_main, slot, pool->thread_name);
    if (code == 0)
        return true;
    slot->state = SLOT_FREE;
    LOG_WARN("cannot start a disk thread, %u are running: %s", running_count,
             os_err_sentence(code));
    return running_count > 0;
}

void os_pool_submit(struct os_pool *pool, struct env_job *job)
{
    pthread_mutex_lock(&pool->mutex);
    list_push_back(&pool->ready, &job->node);
    pool->ready_count++;
    bool served = pool->stopping || pool->ready_count <= pool->idle_count || pool_grow(pool);
    if (!served) {
        list_remove(&job->node);
        pool->ready_count--;
    } else if (pool->idle_count > 0) {
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->mutex);
    /* Slow is better than never: the log has said why. */
    if (!served)
        job_run(pool->os, job);
}

void os_env_submit(struct env *env, struct env_queue *queue, struct env_job *job)
{
    struct os_shard *shard = os_shard_of(env);
    os_shard_check(shard);
    ASSERT(job->run != NULL && job->done != NULL);
    ASSERT(queue->device == ENV_DEVICE_NONE || queue->device < shard->os->device_count);
    job->queue = queue;
    job->shard = env->shard;
    list_init(&job->node);
    if (queue->running) {
        list_push_back(&queue->jobs, &job->node);
        return;
    }
    queue->running = true;
    struct os *os = shard->os;
    uint32_t pool_index = queue->device == ENV_DEVICE_NONE ? os->device_count : queue->device;
    os_pool_submit(os->pools[pool_index], job);
}

void os_submit_resolve(struct os_shard *shard, struct env_queue *queue, struct env_job *job)
{
    ASSERT(!queue->running);
    job->queue = queue;
    job->shard = shard->env.shard;
    list_init(&job->node);
    queue->running = true;
    os_pool_submit(shard->os->resolve_pool, job);
}

void os_jobs_report(struct os_shard *shard)
{
    struct mailbox_node *node = mailbox_take(&shard->completions);
    while (node != NULL) {
        struct mailbox_node *next = node->next;
        struct env_job *job = (struct env_job *)(void *)node;
        struct env_queue *queue = job->queue;
        list_init(&job->node);
        ASSERT(queue->running);
        queue->running = false;
        /* The next one starts first: `done` may free the queue's owner, when nothing is left. */
        struct list *waiting = list_pop_front(&queue->jobs);
        if (waiting != NULL)
            os_env_submit(&shard->env, queue, LIST_ENTRY(waiting, struct env_job, node));
        job->done(&shard->env, job);
        node = next;
    }
}

void os_jobs_drop(struct os_shard *shard)
{
    struct mailbox_node *node = mailbox_take(&shard->completions);
    while (node != NULL) {
        struct mailbox_node *next = node->next;
        os_connect_drop_job((struct env_job *)(void *)node);
        node = next;
    }
}

/* ---- Pools */

struct os_pool *os_pool_new(struct os *os, const char *thread_name, uint32_t threads_max)
{
    ASSERT(threads_max > 0);
    struct os_pool *pool = mem_zalloc(sizeof *pool + threads_max * sizeof pool->slots[0]);
    pool->os = os;
    snprintf(pool->thread_name, sizeof pool->thread_name, "%s", thread_name);
    list_init(&pool->ready);
    pool->slot_count = threads_max;
    for (uint32_t i = 0; i < threads_max; i++)
        pool->slots[i].pool = pool;

    pthread_mutex_init(&pool->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->work, &attributes);
    pthread_condattr_destroy(&attributes);
    return pool;
}

void os_pool_stop(struct os_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    /* Only shards start threads, and they have ended: no slot leaves FREE any more. */
    for (uint32_t i = 0; i < pool->slot_count; i++) {
        pthread_mutex_lock(&pool->mutex);
        bool join = pool->slots[i].state != SLOT_FREE;
        pthread_mutex_unlock(&pool->mutex);
        if (join)
            pthread_join(pool->slots[i].thread, NULL);
        pool->slots[i].state = SLOT_FREE;
    }
}

void os_pool_free(struct os_pool *pool)
{
    for (struct list *node; (node = list_pop_front(&pool->ready)) != NULL;)
        os_connect_drop_job(LIST_ENTRY(node, struct env_job, node));
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    mem_free(pool);
}

/* ---- Threads */

int os_thread_start(pthread_t *thread, size_t stack_bytes, void *(*main)(void *), void *argument,
                    const char *name)
{
    pthread_attr_t attributes;
    int code = pthread_attr_init(&attributes);
    if (code != 0)
        return code;
    pthread_attr_setstacksize(&attributes, stack_bytes);
    /* The new thread inherits the mask. */
    sigset_t before;
    os_signals_block(&before);
    code = pthread_create(thread, &attributes, main, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (code == 0)
        pthread_setname_np(*thread, name);
    return code;
}
