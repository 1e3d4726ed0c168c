/* Disk jobs: in order in a queue, side by side across queues, apart by device, reported to their
 * shard. */
#include "os_test.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- Order: queues of several shards, many jobs each */

#define SHARDS 3
#define QUEUES 5
#define JOBS 200

struct ordered {
    struct env_job job;
    struct ordered_queue *owner;
    int number;
};

struct ordered_queue {
    struct env_queue queue;
    struct ordered jobs[JOBS];
    uint32_t shard;
    int run_count; /* plain: the queue's order is all that protects it */
    int done_count;
    atomic_int running;
};

static struct ordered_queue *queues; /* SHARDS * QUEUES */
static atomic_int queues_left;
static struct env_msg start_msgs[SHARDS];

static void ordered_run(struct env_job *job, struct env_disk *disk)
{
    struct ordered *ordered = CONTAINER_OF(job, struct ordered, job);
    struct ordered_queue *owner = ordered->owner;
    ASSERT(disk == os_disk());
    ASSERT(atomic_fetch_add(&owner->running, 1) == 0);
    ASSERT(owner->run_count == ordered->number);
    owner->run_count++;
    if (ordered->number % 50 == 7)
        usleep(500);
    atomic_fetch_sub(&owner->running, 1);
}

static void ordered_done(struct env *env, struct env_job *job)
{
    struct ordered *ordered = CONTAINER_OF(job, struct ordered, job);
    struct ordered_queue *owner = ordered->owner;
    ASSERT(env->shard == owner->shard);
    ASSERT(owner->done_count == ordered->number);
    owner->done_count++;
    ASSERT(env_queue_idle(&owner->queue) == (owner->done_count == JOBS));
    if (owner->done_count == JOBS && atomic_fetch_sub(&queues_left, 1) == 1)
        os_stop(test_os);
}

static void ordered_start(struct env *env, struct env_msg *msg)
{
    UNUSED(msg);
    for (int number = 0; number < JOBS; number++) {
        for (int i = 0; i < QUEUES; i++) {
            struct ordered_queue *queue = &queues[(int)env->shard * QUEUES + i];
            queue->jobs[number] = (struct ordered){
                .job = {.run = ordered_run, .done = ordered_done},
                .owner = queue,
                .number = number,
            };
            env_submit(env, &queue->queue, &queue->jobs[number].job);
        }
    }
}

static void test_order(void **state)
{
    UNUSED(state);
    test_begin(SHARDS, 2);
    queues = mem_zalloc(SHARDS * QUEUES * sizeof *queues);
    atomic_store(&queues_left, SHARDS * QUEUES);
    for (uint32_t i = 0; i < SHARDS * QUEUES; i++) {
        env_queue_init(&queues[i].queue, i % 3 == 2 ? ENV_DEVICE_NONE : i % 3);
        queues[i].shard = i / QUEUES;
        assert_true(env_queue_idle(&queues[i].queue));
    }
    for (uint32_t i = 0; i < SHARDS; i++) {
        start_msgs[i].deliver = ordered_start;
        env_post(os_env(test_os, 0), i, &start_msgs[i]);
    }
    test_run();
    for (int i = 0; i < SHARDS * QUEUES; i++)
        assert_int_equal(queues[i].done_count, JOBS);
    mem_free(queues);
    test_end();
}

/* ---- Side by side: jobs that wait for each other */

static pthread_barrier_t barrier;
static int meet_left;

static void meet_run(struct env_job *job, struct env_disk *disk)
{
    UNUSED(job);
    UNUSED(disk);
    pthread_barrier_wait(&barrier);
}

static void meet_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    UNUSED(job);
    if (--meet_left == 0)
        os_stop(test_os);
}

/* Two of one device and two of another and four of none run at once, as test_begin allows. */
static void test_parallel(void **state)
{
    UNUSED(state);
    static const uint32_t devices[] = {
        0, 0, 1, 1, ENV_DEVICE_NONE, ENV_DEVICE_NONE, ENV_DEVICE_NONE, ENV_DEVICE_NONE};
    struct env_queue meet_queues[ARRAY_COUNT(devices)];
    struct env_job jobs[ARRAY_COUNT(devices)];
    pthread_barrier_init(&barrier, NULL, ARRAY_COUNT(devices));
    meet_left = (int)ARRAY_COUNT(devices);
    test_begin(1, 2);
    for (size_t i = 0; i < ARRAY_COUNT(devices); i++) {
        env_queue_init(&meet_queues[i], devices[i]);
        jobs[i] = (struct env_job){.run = meet_run, .done = meet_done};
        env_submit(os_env(test_os, 0), &meet_queues[i], &jobs[i]);
    }
    test_run();
    pthread_barrier_destroy(&barrier);
    test_end();
}

/* A device that hangs holds up nobody else's, and its own third job waits. */
static atomic_int third_ran;

static void third_run(struct env_job *job, struct env_disk *disk)
{
    UNUSED(job);
    UNUSED(disk);
    atomic_store(&third_ran, 1);
}

static void nothing_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    UNUSED(job);
}

static void quick_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    UNUSED(job);
    assert_int_equal(atomic_load(&third_ran), 0);
    pthread_barrier_wait(&barrier); /* with the two that hang */
}

static void third_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    UNUSED(job);
    os_stop(test_os);
}

static void quick_run(struct env_job *job, struct env_disk *disk)
{
    UNUSED(job);
    UNUSED(disk);
    usleep(20000);
}

static void test_hanging_device(void **state)
{
    UNUSED(state);
    struct env_queue hang_queues[4];
    struct env_job jobs[4] = {
        {.run = meet_run, .done = nothing_done},
        {.run = meet_run, .done = nothing_done},
        {.run = third_run, .done = third_done},
        {.run = quick_run, .done = quick_done},
    };
    pthread_barrier_init(&barrier, NULL, 3);
    atomic_store(&third_ran, 0);
    test_begin(1, 2);
    for (int i = 0; i < 4; i++) {
        env_queue_init(&hang_queues[i], i == 3 ? 1 : 0);
        env_submit(os_env(test_os, 0), &hang_queues[i], &jobs[i]);
    }
    test_run();
    assert_int_equal(atomic_load(&third_ran), 1);
    pthread_barrier_destroy(&barrier);
    test_end();
}

/* ---- `done` may free the queue, or go on with it */

struct chain {
    struct env_queue queue;
    struct env_job job;
    int left;
};

static void chain_run(struct env_job *job, struct env_disk *disk)
{
    UNUSED(disk);
    CONTAINER_OF(job, struct chain, job)->left--;
}

static void chain_done(struct env *env, struct env_job *job)
{
    struct chain *chain = CONTAINER_OF(job, struct chain, job);
    assert_true(env_queue_idle(&chain->queue));
    if (chain->left > 0) {
        env_submit(env, &chain->queue, &chain->job);
        assert_false(env_queue_idle(&chain->queue));
        return;
    }
    mem_free(chain);
    os_stop(test_os);
}

static void test_chain(void **state)
{
    UNUSED(state);
    struct chain *chain = mem_zalloc(sizeof *chain);
    chain->left = 2000;
    chain->job = (struct env_job){.run = chain_run, .done = chain_done};
    test_begin(1, 1);
    env_queue_init(&chain->queue, 0);
    env_submit(os_env(test_os, 0), &chain->queue, &chain->job);
    uint64_t begin_ns = os_now_ns();
    test_run();
    print_message("%.1f us a job from submit to done\n",
                  (double)(os_now_ns() - begin_ns) / 1e3 / 2000);
    test_end();
}

/* ---- Stopping waits for what runs, and runs nothing more */

static atomic_int slow_ended;

static void slow_run(struct env_job *job, struct env_disk *disk)
{
    UNUSED(job);
    UNUSED(disk);
    os_stop(test_os); /* from any thread */
    usleep(50000);
    atomic_fetch_add(&slow_ended, 1);
}

static void never_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    UNUSED(job);
    PANIC("a job was reported after the stop");
}

static void test_stop(void **state)
{
    UNUSED(state);
    struct env_queue slow_queue;
    struct env_job jobs[3];
    atomic_store(&slow_ended, 0);
    test_begin(2, 1);
    env_queue_init(&slow_queue, 0);
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct env_job){.run = slow_run, .done = never_done};
        env_submit(os_env(test_os, 0), &slow_queue, &jobs[i]);
    }
    test_run();
    assert_int_equal(atomic_load(&slow_ended), 1);
    test_end();
}

int main(void)
{
    test_unused();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),          cmocka_unit_test(test_parallel),
        cmocka_unit_test(test_hanging_device), cmocka_unit_test(test_chain),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
