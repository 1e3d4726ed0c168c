/*
 * Disk jobs. Each device (log directory) of a node has a few threads; a job waits for one, runs
 * from start to end at one instant, keeps its thread busy for the calls that it made, and is
 * reported a while later.
 *
 * Invariants
 * 1. Of one queue one job runs at a time, in order, and the ends are reported in order.
 * 2. env_queue.running is true from the first submit until the last end was reported.
 * 3. A queue that the process frees while it is not idle is found out: by the address sanitizer at
 *    the latest when its end is reported.
 */
#include "base/hmap.h"
#include "sim_node.h"

#include <string.h>

enum { NOTE_SUBMIT = 0x30, NOTE_RUN, NOTE_DONE };

struct sim_queue {
    struct hmap_node by_address; /* in node->queues */
    struct list node;            /* in node->queue_list */
    struct list runnable;        /* in device->runnable */
    struct env_queue *queue;
    struct sim_shard *shard; /* a queue belongs to one shard */
    struct sim_device *device;
    struct list waiting; /* of sim_job */
    bool on_thread;      /* its first job waits for its instant, or holds its thread still */
    size_t live;         /* jobs submitted and not reported */
    uint64_t done_last_ns;
};

struct sim_job {
    struct list node; /* in queue->waiting until it runs */
    struct list all;  /* in node->jobs */
    struct sim_event event;
    struct sim_ready ready;
    struct env_job *job;
    const char *run; /* its code: for addr2line, when it is gone */
    struct sim_queue *queue;
    struct sim_shard *shard;
    uint64_t write_seq; /* what a sync in it must cover */
};

/* A thread that is busy with the calls of a job that has run. */
struct hold {
    struct list all; /* in node->holds */
    struct sim_event event;
    struct sim_node *node;
    struct sim_queue *queue;
};

static void device_wake_fire(struct sim_world *world, struct sim_event *event);

void sim_jobs_init(struct sim_node *node)
{
    hmap_init(&node->queues);
    list_init(&node->jobs);
    list_init(&node->holds);
    list_init(&node->queue_list);
    for (size_t i = 0; i < SIM_DEVICES_MAX; i++) {
        list_init(&node->devices[i].runnable);
        sim_event_init(&node->devices[i].wake, device_wake_fire);
    }
}

static struct sim_device *device_of(struct sim_node *node, uint32_t device)
{
    if (device == ENV_DEVICE_NONE)
        return &node->devices[SIM_DEVICES_MAX - 1];
    ASSERT(device < SIM_DEVICES_MAX - 1);
    return &node->devices[device];
}

static uint64_t address_hash(const struct env_queue *queue)
{
    return (uint64_t)(uintptr_t)queue >> 4;
}

static struct sim_queue *queue_find(struct sim_node *node, const struct env_queue *queue)
{
    HMAP_FOR_EACH_HASH (found, &node->queues, address_hash(queue)) {
        struct sim_queue *q = HMAP_ENTRY(found, struct sim_queue, by_address);
        if (q->queue == queue)
            return q;
    }
    return NULL;
}

static void queue_free(struct sim_node *node, struct sim_queue *queue)
{
    if (queue->queue != NULL)
        hmap_remove(&node->queues, &queue->by_address);
    list_remove(&queue->node);
    list_remove(&queue->runnable);
    sim_free(queue);
}

static void device_start(struct sim_node *node, struct sim_device *device);
static void job_run_fire(struct sim_world *world, struct sim_event *event);
static void job_done_fire(struct sim_world *world, struct sim_event *event);

static void device_wake_fire(struct sim_world *world, struct sim_event *event)
{
    struct sim_device *device = CONTAINER_OF(event, struct sim_device, wake);
    for (uint32_t i = 0; i < world->node_count; i++) {
        struct sim_node *node = world->nodes[i];
        if (device >= node->devices && device < node->devices + SIM_DEVICES_MAX && node->up)
            device_start(node, device);
    }
}

void sim_node_stall(struct sim_node *node, uint32_t index, uint64_t ns)
{
    struct sim_device *device = device_of(node, index);
    uint64_t until = node->world->now_ns + ns;
    if (device->stalled_until_ns < until)
        device->stalled_until_ns = until;
    sim_log(node->world, "%s: device %u stalls for %llu us", node->name, index,
            (unsigned long long)(ns / 1000));
    sim_event_set(node->world, &device->wake, device->stalled_until_ns);
}

bool sim_node_stalls(const struct sim_node *node, uint32_t index)
{
    ASSERT(index < SIM_DEVICES_MAX);
    return node->world->now_ns < node->devices[index].stalled_until_ns;
}

/* Gives free threads to queues that have something to run. */
static void device_start(struct sim_node *node, struct sim_device *device)
{
    struct sim_world *world = node->world;
    const struct sim_options *options = &world->options;
    if (sim_chance_ppm(&node->prng, options->stall_ppm)) {
        uint32_t index = (uint32_t)(device - node->devices);
        sim_node_stall(node, index == SIM_DEVICES_MAX - 1 ? ENV_DEVICE_NONE : index,
                       sim_draw(&node->prng, options->stall_ns_max));
    }
    if (world->now_ns < device->stalled_until_ns)
        return;
    while (device->busy_threads < options->device_threads) {
        struct list *first = list_pop_front(&device->runnable);
        if (first == NULL)
            return;
        struct sim_queue *queue = LIST_ENTRY(first, struct sim_queue, runnable);
        struct sim_job *job = LIST_ENTRY(queue->waiting.next, struct sim_job, node);
        device->busy_threads++;
        queue->on_thread = true;
        sim_event_set(world, &job->event,
                      world->now_ns + sim_draw(&node->prng, options->job_ns_max));
    }
}

static void queue_runnable(struct sim_node *node, struct sim_queue *queue)
{
    if (queue->on_thread || list_empty(&queue->waiting) || !list_empty(&queue->runnable))
        return;
    list_push_back(&queue->device->runnable, &queue->runnable);
    device_start(node, queue->device);
}

void sim_jobs_submit(struct sim_shard *shard, struct env_queue *env_queue, struct env_job *env_job)
{
    struct sim_node *node = shard->node;
    sim_world_note(node->world, NOTE_SUBMIT, node->id, env_queue->device);
    struct sim_queue *queue = queue_find(node, env_queue);
    if (queue == NULL) {
        ASSERT(!env_queue->running && list_empty(&env_queue->jobs));
        queue = sim_alloc(sizeof *queue);
        queue->queue = env_queue;
        queue->shard = shard;
        queue->device = device_of(node, env_queue->device);
        list_init(&queue->waiting);
        list_init(&queue->runnable);
        hmap_insert(&node->queues, &queue->by_address, address_hash(env_queue));
        list_push_back(&node->queue_list, &queue->node);
        env_queue->running = true;
    }
    ASSERT(env_queue->running && queue->shard == shard);
    struct sim_job *job = sim_alloc(sizeof *job);
    env_job->queue = env_queue;
    env_job->shard = shard->env.shard;
    list_init(&env_job->node);
    sim_event_init(&job->event, job_run_fire);
    job->job = env_job;
    memcpy(&job->run, &env_job->run, sizeof job->run);
    job->queue = queue;
    job->shard = shard;
    job->write_seq = sim_storage_write_seq(node->storage);
    list_push_back(&queue->waiting, &job->node);
    list_push_back(&node->jobs, &job->all);
    queue->live++;
    queue_runnable(node, queue);
}

static void hold_over(struct sim_world *world, struct sim_event *event)
{
    UNUSED(world);
    struct hold *hold = CONTAINER_OF(event, struct hold, event);
    struct sim_node *node = hold->node;
    struct sim_queue *queue = hold->queue;
    list_remove(&hold->all);
    sim_free(hold);
    struct sim_device *device = queue->device;
    device->busy_threads--;
    queue->on_thread = false;
    if (queue->live == 0)
        queue_free(node, queue);
    else
        queue_runnable(node, queue);
    device_start(node, device);
}

/* The queue's thread is its own until the calls that were made have taken their time. */
static void thread_hold(struct sim_node *node, struct sim_queue *queue, uint64_t until_ns)
{
    struct hold *hold = sim_alloc(sizeof *hold);
    hold->node = node;
    hold->queue = queue;
    list_push_back(&node->holds, &hold->all);
    sim_event_init(&hold->event, hold_over);
    sim_event_set(node->world, &hold->event, until_ns);
}

static void job_run_fire(struct sim_world *world, struct sim_event *event)
{
    struct sim_job *job = CONTAINER_OF(event, struct sim_job, event);
    struct sim_queue *queue = job->queue;
    struct sim_node *node = job->shard->node;
    if (world->now_ns < queue->device->stalled_until_ns) {
        sim_event_set(world, event, queue->device->stalled_until_ns);
        return;
    }
    sim_world_note(world, NOTE_RUN, node->id, queue->queue->device);
    list_remove(&job->node);

    uint64_t ops_before = sim_storage_op_count(node->storage);
    sim_storage_job_begin(node->storage, job->write_seq);
    world->job_node = node;
    struct sim_mem_owner *before = sim_mem_enter(&node->memory);
    job->job->run(job->job, &node->disk.disk);
    (void)sim_mem_enter(before);
    world->job_node = NULL;
    sim_storage_job_end(node->storage);

    uint64_t ops = sim_storage_op_count(node->storage) - ops_before;
    uint64_t until = world->now_ns;
    for (uint64_t i = 0; i < ops && i < 64; i++)
        until += sim_draw(&node->prng, world->options.op_ns_max);
    thread_hold(node, queue, until);
    uint64_t done = until + sim_draw(&node->prng, world->options.done_ns_max);
    if (done < queue->done_last_ns)
        done = queue->done_last_ns;
    queue->done_last_ns = done;
    sim_event_init(&job->event, job_done_fire);
    sim_event_set(world, &job->event, done);
}

static void job_done_run(struct sim_shard *shard, struct sim_ready *ready)
{
    struct sim_job *job = CONTAINER_OF(ready, struct sim_job, ready);
    struct sim_node *node = shard->node;
    struct sim_queue *queue = job->queue;
    struct env_job *env_job = job->job;
    sim_world_note(node->world, NOTE_DONE, node->id, shard->env.shard);
    list_remove(&job->all);
    sim_free(job);
    queue->live--;
    if (queue->live == 0) {
        /* The process may free its queue in done(), so this comes before. */
        queue->queue->running = false;
        if (!queue->on_thread) {
            queue_free(node, queue);
        } else {
            /* Only a thread's hold is left; the address may come back as another queue. */
            hmap_remove(&node->queues, &queue->by_address);
            queue->queue = NULL;
        }
    }
    struct sim_mem_owner *before = sim_mem_enter(&node->memory);
    node->world->current = shard;
    env_job->done(&shard->env, env_job);
    node->world->current = NULL;
    (void)sim_mem_enter(before);
}

static void job_done_fire(struct sim_world *world, struct sim_event *event)
{
    UNUSED(world);
    struct sim_job *job = CONTAINER_OF(event, struct sim_job, event);
    sim_ready_init(&job->ready, job_done_run);
    sim_shard_ready(job->shard, &job->ready);
}

/* For addr2line. */
extern const char __executable_start[];

void sim_jobs_check_none(struct sim_node *node)
{
    LIST_FOR_EACH (link, &node->jobs) {
        struct sim_job *job = LIST_ENTRY(link, struct sim_job, all);
        sim_fail(node->world, SIM_EXIT_CORRECTNESS,
                 "%s ended with a disk job under way that runs %#tx", node->name,
                 job->run - __executable_start);
    }
}

void sim_jobs_discard(struct sim_node *node)
{
    struct sim_world *world = node->world;
    LIST_FOR_EACH_SAFE (link, after, &node->jobs) {
        struct sim_job *job = LIST_ENTRY(link, struct sim_job, all);
        list_remove(link);
        sim_event_cancel(world, &job->event);
        sim_free(job);
    }
    LIST_FOR_EACH_SAFE (link, after, &node->holds) {
        struct hold *hold = LIST_ENTRY(link, struct hold, all);
        list_remove(link);
        sim_event_cancel(world, &hold->event);
        sim_free(hold);
    }
    LIST_FOR_EACH_SAFE (link, after, &node->queue_list) {
        queue_free(node, LIST_ENTRY(link, struct sim_queue, node));
    }
    for (size_t i = 0; i < SIM_DEVICES_MAX; i++) {
        sim_event_cancel(world, &node->devices[i].wake);
        node->devices[i].busy_threads = 0;
        node->devices[i].stalled_until_ns = 0;
    }
}
