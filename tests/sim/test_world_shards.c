/* Shards as actors: messages, timers, jobs, clocks, memory; and a write-ahead log on top of them,
 * with power losses. */
#include "../unit/unit.h"
#include "base/hash.h"
#include "base/mem.h"
#include "sim_fault.h"
#include "sim_node.h"

#include <string.h>

/* ---- Messages ---- */

#define SHARDS 3
#define MESSAGES 200

struct post_msg {
    struct env_msg msg;
    uint32_t from;
    uint32_t number;
};

struct post_actor {
    struct env **envs;
    struct env_timer timer;
    uint32_t sent;
    uint32_t expected[SHARDS][SHARDS]; /* [to][from] */
    uint32_t delivered;
    uint64_t order; /* in which messages of different shards came */
};

static struct post_actor *post_actor;

static void post_deliver(struct env *env, struct env_msg *msg)
{
    struct post_msg *post = CONTAINER_OF(msg, struct post_msg, msg);
    struct post_actor *actor = post_actor;
    assert_int_equal(post->number, actor->expected[env->shard][post->from]);
    actor->expected[env->shard][post->from]++;
    actor->delivered++;
    actor->order = actor->order * 31 + post->from + 7 * env->shard;
    /* The others send each one on to their right, shard 0 among them. */
    uint32_t to = (env->shard + 1) % SHARDS;
    if (post->from == 0 && env->shard != 0) {
        post->from = env->shard;
        env_post(env, to, &post->msg);
        return;
    }
    mem_free(post);
}

static void post_fire(struct env *env, struct env_timer *timer)
{
    struct post_actor *actor = CONTAINER_OF(timer, struct post_actor, timer);
    for (uint32_t to = 0; to < SHARDS; to++) {
        struct post_msg *post = mem_alloc(sizeof *post);
        post->msg.deliver = post_deliver;
        post->from = 0;
        post->number = actor->sent;
        env_post(env, to, &post->msg);
    }
    if (++actor->sent < MESSAGES)
        env_timer_set(env, timer, env_now_ns(env) + 1000);
}

static void *post_boot(void *context, const struct sim_process_options *options)
{
    UNUSED(context);
    struct post_actor *actor = mem_zalloc(sizeof *actor);
    actor->envs = options->envs;
    env_timer_init(&actor->timer, post_fire);
    env_timer_set_ms(options->envs[0], &actor->timer, 1);
    post_actor = actor;
    return actor;
}

static void post_free(void *context, void *process)
{
    UNUSED(context);
    mem_free(process);
}

static const struct sim_process_ops post_ops = {.boot = post_boot, .free = post_free};

static uint64_t post_run(uint64_t seed, uint64_t *order)
{
    struct sim_world *world = sim_world_new(seed);
    sim_options_draw(&world->options, &world->prng);
    struct sim_node *node = sim_node_new(world, "a");
    sim_node_boot(node, SHARDS, &post_ops, NULL);
    sim_world_run_for(world, SIM_S);
    assert_int_equal(post_actor->delivered, (SHARDS + SHARDS - 1) * MESSAGES);
    *order = post_actor->order;
    uint64_t hash = world->hash;
    sim_node_stop(node);
    sim_world_run_for(world, SIM_S);
    assert_false(node->up);
    sim_world_free(world);
    return hash;
}

static void test_messages_in_order_for_each_pair(void **state)
{
    UNUSED(state);
    bool orders_differ = false;
    uint64_t order_first = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        uint64_t order;
        uint64_t again;
        uint64_t hash = post_run(seed, &order);
        assert_int_equal(hash, post_run(seed, &again));
        assert_int_equal(order, again);
        if (seed == 1)
            order_first = order;
        orders_differ |= order != order_first;
    }
    assert_true(orders_differ);
}

/* ---- Jobs ---- */

#define QUEUES 4
#define JOBS 20

struct job_actor {
    struct env_queue queues[QUEUES];
    struct one_job {
        struct env_job job;
        struct job_actor *actor;
        uint32_t queue;
        uint32_t number;
    } jobs[QUEUES][JOBS];
    uint32_t run[QUEUES];
    uint32_t done[QUEUES];
    uint32_t done_count;
    uint64_t order;
};

static void job_run(struct env_job *job, struct env_disk *disk)
{
    struct one_job *one = CONTAINER_OF(job, struct one_job, job);
    struct disk_space space;
    assert_int_equal(disk_space(disk, "/", &space), ERR_OK);
    assert_int_equal(one->number, one->actor->run[one->queue]++);
    one->actor->order = one->actor->order * 31 + one->queue;
}

static void job_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    struct one_job *one = CONTAINER_OF(job, struct one_job, job);
    struct job_actor *actor = one->actor;
    assert_int_equal(one->number, actor->done[one->queue]++);
    actor->done_count++;
    assert_int_equal(env_queue_idle(&actor->queues[one->queue]), one->number == JOBS - 1);
}

static void *job_boot(void *context, const struct sim_process_options *options)
{
    struct job_actor *actor = mem_zalloc(sizeof *actor);
    *(struct job_actor **)context = actor;
    for (uint32_t q = 0; q < QUEUES; q++)
        env_queue_init(&actor->queues[q], q == 0 ? ENV_DEVICE_NONE : q / 2);
    for (uint32_t n = 0; n < JOBS; n++) {
        for (uint32_t q = 0; q < QUEUES; q++) {
            struct one_job *one = &actor->jobs[q][n];
            *one = (struct one_job){.actor = actor, .queue = q, .number = n};
            one->job.run = job_run;
            one->job.done = job_done;
            env_submit(options->envs[0], &actor->queues[q], &one->job);
        }
    }
    return actor;
}

static const struct sim_process_ops job_ops = {.boot = job_boot, .free = post_free};

static void test_jobs_in_order_for_each_queue(void **state)
{
    UNUSED(state);
    bool orders_differ = false;
    uint64_t order_first = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct sim_world *world = sim_world_new(seed);
        sim_options_draw(&world->options, &world->prng);
        world->options.stall_ppm = 10000;
        struct sim_node *node = sim_node_new(world, "a");
        struct job_actor *actor;
        sim_node_boot(node, 1, &job_ops, &actor);
        sim_world_run_for(world, 3600 * SIM_S);
        assert_int_equal(actor->done_count, QUEUES * JOBS);
        for (uint32_t q = 0; q < QUEUES; q++)
            assert_true(env_queue_idle(&actor->queues[q]));
        if (seed == 1)
            order_first = actor->order;
        orders_differ |= actor->order != order_first;
        sim_node_stop(node);
        sim_world_run_for(world, SIM_S);
        assert_false(node->up);
        sim_world_free(world);
    }
    assert_true(orders_differ);
}

/* ---- Timers and clocks ---- */

struct timer_actor {
    struct env_timer timers[50];
    uint64_t deadlines[50];
    uint32_t fired;
    struct env_timer again;
    uint32_t agains;
};

static struct timer_actor *timer_actor;

static void timer_fire(struct env *env, struct env_timer *timer)
{
    size_t index = (size_t)(timer - timer_actor->timers);
    assert_true(env_now_ns(env) >= timer_actor->deadlines[index]);
    assert_true(env_now_ns(env) < timer_actor->deadlines[index] + 2 * SIM_MS);
    timer_actor->fired++;
}

static void timer_again(struct env *env, struct env_timer *timer)
{
    if (++timer_actor->agains < 10)
        env_timer_set(env, timer, 0); /* the past: in the next turn */
}

static void *timer_boot(void *context, const struct sim_process_options *options)
{
    UNUSED(context);
    struct env *env = options->envs[0];
    timer_actor = mem_zalloc(sizeof *timer_actor);
    for (size_t i = 0; i < ARRAY_COUNT(timer_actor->timers); i++) {
        timer_actor->deadlines[i] = env_now_ns(env) + (i * 7919 % 50) * 10 * SIM_MS;
        env_timer_init(&timer_actor->timers[i], timer_fire);
        env_timer_set(env, &timer_actor->timers[i], timer_actor->deadlines[i]);
    }
    env_timer_cancel(env, &timer_actor->timers[3]);
    env_timer_cancel(env, &timer_actor->timers[3]);
    env_timer_init(&timer_actor->again, timer_again);
    env_timer_set(env, &timer_actor->again, 0);
    return timer_actor;
}

static const struct sim_process_ops timer_ops = {.boot = timer_boot, .free = post_free};

static void test_timers_with_drift(void **state)
{
    UNUSED(state);
    static const int64_t drifts[] = {0, 200000, -200000};
    for (size_t i = 0; i < ARRAY_COUNT(drifts); i++) {
        struct sim_world *world = sim_world_new(1);
        struct sim_node *node = sim_node_new(world, "a");
        sim_node_boot(node, 1, &timer_ops, NULL);
        sim_world_run_for(world, 100 * SIM_MS);
        sim_node_clock_drift(node, drifts[i]);
        int64_t wall = sim_node_wall_ms(node);
        sim_world_run_for(world, SIM_S);
        assert_int_equal(timer_actor->fired, 49);
        assert_int_equal(timer_actor->agains, 10);
        int64_t passed = sim_node_wall_ms(node) - wall;
        assert_in_range(passed, 999 + drifts[i] / 1000, 1001 + drifts[i] / 1000);
        sim_node_clock_jump(node, -5 * (int64_t)SIM_S);
        assert_in_range(sim_node_wall_ms(node) - wall + 5000, passed, passed + 1);
        sim_world_free(world);
    }
}

/* ---- Leaks ---- */

static void *leak_boot(void *context, const struct sim_process_options *options)
{
    UNUSED(options);
    void *kept = mem_alloc(10);
    void *lost = mem_zalloc(123);
    *(void **)context = lost;
    return kept;
}

static const struct sim_process_ops leak_ops = {.boot = leak_boot, .free = post_free};

static void test_leaks_are_found(void **state)
{
    UNUSED(state);
    struct sim_world *world = sim_world_new(1);
    world->fail_softly = true;
    struct sim_node *node = sim_node_new(world, "a");
    void *lost;
    sim_node_boot(node, 1, &leak_ops, &lost);
    sim_node_crash(node, SIM_CRASH_KILL); /* all goes, and nobody minds */
    assert_int_equal(world->failed, SIM_EXIT_OK);
    sim_node_boot(node, 1, &leak_ops, &lost);
    sim_node_stop(node);
    sim_world_run_for(world, SIM_S);
    assert_int_equal(world->failed, SIM_EXIT_CORRECTNESS);
    assert_non_null(strstr(world->failure, "1 blocks (123 bytes)"));
    sim_world_free(world);
}

/* ---- A write-ahead log ---- */

/*
 * Shard 0 appends records (number, filler, crc) to /wal; when some are written a job syncs the
 * file, and what was written before it was submitted is acknowledged. On boot a job reads the file,
 * keeps the good beginning, cuts the rest off. `careless` leaves one sync out.
 */
#define RECORD_BYTES 1000

enum careless { CAREFUL, WITHOUT_SYNC, WITHOUT_FOLDER_SYNC, ACKNOWLEDGES_TOO_MUCH };

/* Outside of the process: what was promised. */
struct wal_promises {
    enum careless careless;
    uint32_t acknowledged;
    uint32_t written_max;
    bool broken;
    uint32_t opened; /* how often it came up */
    bool failed;     /* the log gave up after an error */
};

struct wal {
    struct wal_promises *promises;
    struct env_queue queue;
    struct env_job job;
    struct env_timer timer;
    struct env_file *file;
    uint32_t written;
    uint32_t syncing; /* how many the sync under way covers */
    bool busy;
    bool stopping;
    enum err err;
};

static struct wal *the_wal;

static void record_make(uint8_t record[RECORD_BYTES], uint32_t number)
{
    memset(record, (int)(number % 251), RECORD_BYTES);
    memcpy(record, &number, 4);
    uint32_t sum = crc32c(0, record, RECORD_BYTES - 4);
    memcpy(record + RECORD_BYTES - 4, &sum, 4);
}

static void wal_open_run(struct env_job *job, struct env_disk *disk)
{
    struct wal *wal = CONTAINER_OF(job, struct wal, job);
    wal->err = disk_open(disk, "/wal", DISK_READ | DISK_WRITE | DISK_CREATE, &wal->file);
    for (wal->written = 0; wal->err == ERR_OK; wal->written++) {
        uint8_t record[RECORD_BYTES];
        uint8_t good[RECORD_BYTES];
        size_t size;
        wal->err = disk_read(disk, wal->file, record, sizeof record,
                             (uint64_t)wal->written * RECORD_BYTES, &size);
        record_make(good, wal->written);
        if (wal->err != ERR_OK || size < sizeof record || memcmp(record, good, sizeof good) != 0)
            break;
    }
    if (wal->err == ERR_OK)
        wal->err = disk_truncate(disk, wal->file, (uint64_t)wal->written * RECORD_BYTES);
    if (wal->err == ERR_OK)
        wal->err = disk_sync(disk, wal->file);
    if (wal->err == ERR_OK && wal->promises->careless != WITHOUT_FOLDER_SYNC)
        wal->err = disk_sync_folder(disk, "/");
}

static void wal_sync_run(struct env_job *job, struct env_disk *disk)
{
    struct wal *wal = CONTAINER_OF(job, struct wal, job);
    wal->err = wal->promises->careless == WITHOUT_SYNC ? ERR_OK : disk_sync(disk, wal->file);
}

static void wal_sync_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    struct wal *wal = CONTAINER_OF(job, struct wal, job);
    wal->busy = false;
    uint32_t covered =
        wal->promises->careless == ACKNOWLEDGES_TOO_MUCH ? wal->written : wal->syncing;
    if (wal->err != ERR_OK)
        wal->promises->failed = true;
    else if (covered > wal->promises->acknowledged)
        wal->promises->acknowledged = covered;
}

static void wal_tick(struct env *env, struct env_timer *timer)
{
    struct wal *wal = CONTAINER_OF(timer, struct wal, timer);
    if (wal->promises->failed)
        return;
    uint8_t record[RECORD_BYTES];
    record_make(record, wal->written);
    struct env_iov iov[] = {{record, 300}, {record + 300, RECORD_BYTES - 300}};
    enum err err = env_file_write(env, wal->file, iov, 2, (uint64_t)wal->written * RECORD_BYTES);
    if (err != ERR_OK) {
        wal->promises->failed = true;
        return;
    }
    wal->written++;
    if (wal->written > wal->promises->written_max)
        wal->promises->written_max = wal->written;
    if (!wal->busy) {
        wal->busy = true;
        wal->syncing = wal->written;
        wal->job.run = wal_sync_run;
        wal->job.done = wal_sync_done;
        env_submit(env, &wal->queue, &wal->job);
    }
    env_timer_set(env, timer, env_now_ns(env) + 200 * SIM_US);
}

static void wal_opened(struct env *env, struct env_job *job)
{
    struct wal *wal = CONTAINER_OF(job, struct wal, job);
    if (wal->err != ERR_OK) {
        wal->promises->failed = true;
        return;
    }
    wal->promises->opened++;
    wal->promises->broken |= wal->written < wal->promises->acknowledged;
    env_timer_set(env, &wal->timer, 0);
}

static void *wal_boot(void *context, const struct sim_process_options *options)
{
    struct wal *wal = mem_zalloc(sizeof *wal);
    the_wal = wal;
    wal->promises = context;
    env_queue_init(&wal->queue, 0);
    env_timer_init(&wal->timer, wal_tick);
    wal->job.run = wal_open_run;
    wal->job.done = wal_opened;
    env_submit(options->envs[0], &wal->queue, &wal->job);
    return wal;
}

static const struct sim_process_ops wal_ops = {.boot = wal_boot};

static bool wal_is_opening(void *context)
{
    return ((struct wal_promises *)context)->opened == 0;
}

/* Crashes a few times; whether a promise was broken. */
static bool wal_run(uint64_t seed, enum careless careless, enum sim_crash how)
{
    struct sim_world *world = sim_world_new(seed);
    struct prng prng;
    sim_prng_init(world, &prng, "test", 0);
    sim_options_draw(&world->options, &prng);
    struct sim_node *node = sim_node_new(world, "a");
    struct wal_promises promises = {.careless = careless};
    for (int i = 0; i < 5 && !promises.broken; i++) {
        promises.failed = false;
        sim_node_boot(node, 1, &wal_ops, &promises);
        if (prng_chance(&prng, 1, 2)) {
            struct sim_fault fault = {.kind =
                                          how == SIM_CRASH_POWER ? SIM_FAULT_POWER : SIM_FAULT_KILL,
                                      .ops = SIM_OPS_ALL,
                                      .countdown = 1 + prng_below(&prng, 100)};
            sim_storage_plan(node->storage, &fault);
        }
        sim_world_run_for(world, prng_below(&prng, 50 * SIM_MS));
        sim_storage_plan_clear(node->storage);
        sim_node_crash(node, how);
    }
    promises.opened = 0;
    sim_node_boot(node, 1, &wal_ops, &promises);
    assert_true(sim_world_run_while(world, wal_is_opening, &promises, 100 * SIM_S));
    bool broken = promises.broken;
    sim_world_free(world);
    return broken;
}

static void test_wal(void **state)
{
    UNUSED(state);
    unsigned broken[4] = {0};
    for (uint64_t seed = 1; seed <= 150; seed++) {
        for (int careless = 0; careless < 4; careless++)
            broken[careless] += wal_run(seed, (enum careless)careless, SIM_CRASH_POWER);
        for (int careless = 0; careless < 4; careless++)
            assert_false(wal_run(seed, (enum careless)careless, SIM_CRASH_KILL));
    }
    assert_int_equal(broken[CAREFUL], 0);
    assert_true(broken[WITHOUT_SYNC] > 20);
    assert_true(broken[WITHOUT_FOLDER_SYNC] > 20);
    assert_true(broken[ACKNOWLEDGES_TOO_MUCH] > 5);
}

/* Every call fails once: the log gives up, and after a power loss what it had promised is there. */
static bool wal_with_fault(void *context, const struct sim_fault *fault)
{
    UNUSED(context);
    struct sim_world *world = sim_world_new(5);
    struct sim_node *node = sim_node_new(world, "a");
    struct wal_promises promises = {0};
    sim_storage_plan(node->storage, fault);
    sim_node_boot(node, 1, &wal_ops, &promises);
    sim_world_run_for(world, 5 * SIM_MS);
    bool hit = sim_storage_plan_hit(node->storage);
    assert_true(hit == (promises.failed || !node->up));
    sim_storage_plan_clear(node->storage);
    sim_node_crash(node, SIM_CRASH_POWER);
    promises.failed = false;
    sim_node_boot(node, 1, &wal_ops, &promises);
    sim_world_run_for(world, 10 * SIM_MS);
    assert_false(promises.broken);
    assert_false(promises.failed);
    sim_world_free(world);
    return hit;
}

static void test_wal_every_fault(void **state)
{
    UNUSED(state);
    static const enum sim_fault_kind kinds[] = {SIM_FAULT_ERROR, SIM_FAULT_KILL, SIM_FAULT_POWER};
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        struct sim_fault fault = {.kind = kinds[i], .err = ERR_IO, .ops = SIM_OPS_ALL};
        assert_true(sim_for_each_fault(&fault, wal_with_fault, NULL) > 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_in_order_for_each_pair),
        cmocka_unit_test(test_jobs_in_order_for_each_queue),
        cmocka_unit_test(test_timers_with_drift),
        cmocka_unit_test(test_leaks_are_found),
        cmocka_unit_test(test_wal),
        cmocka_unit_test(test_wal_every_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
