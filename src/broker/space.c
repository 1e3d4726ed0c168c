/*
 * How much room the log directories have. Below the reserve (ottla.log.dir.reserve.bytes)
 * producers' records are refused, so that everything else can go on: what is there is read, records
 * expire and are deleted, checkpoints and the metadata log are written, the node starts again. When
 * there is room again records are taken again.
 *
 * Shard 0 asks for each directory, seldom while there is much room; a change is told to all shards.
 * A directory that fills up faster than it is asked for finds the disk full by itself
 * (plog_append).
 *
 * Others may fill the disk to the last byte, and then a start could not even write down which epoch
 * it votes in. So the metadata log's directory keeps a ballast, a plain file that a start on a full
 * disk shortens step by step, and that is made whole when there is room.
 */
#define LOG_ROOM "broker"
#include "broker/node_int.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/prng.h"
#include "env/disk.h"
#include "replica/replica.h"

#include <stdio.h>

#define BROKER_PATH_BYTES 4096

#define ASK_NEAR_MS 1000
#define ASK_FAR_MS 10000
/* Room above the reserve that no disk fills up in ASK_FAR_MS. */
#define FAR_BYTES (UINT64_C(32) << 30)
/* A small disk keeps the better part of it: the reserve is at most this part of the whole. */
#define RESERVE_PART 4
/* Full until so much of the reserve is free beyond it: retention frees segments one by one. */
#define FREED_PART 8

#define BALLAST_NAME "ottla-ballast"
#define BALLAST_BYTES ((uint64_t)1 << 20)
#define BALLAST_STEP_BYTES ((uint64_t)64 << 10)
/* Of a small disk no more than this part. */
#define BALLAST_PART 64
/* A start needs less. */
#define START_BYTES ((uint64_t)32 << 10)

struct space_dir {
    struct env_job job;
    struct node_space *space;
    struct broker_dir *dir;
    struct disk_space found;
    enum err err;
    bool ballast; /* of the metadata log's directory: make it whole */
};

struct space_call {
    struct broker_call call;
    bool *full; /* of each directory, as this call tells it */
    bool under_way;
    bool again; /* something changed meanwhile */
};

struct node_space {
    struct broker_node *node;
    struct env_timer timer;
    struct space_dir *dirs;
    struct space_call *calls; /* one for each shard */
    size_t jobs;
    bool asked; /* once, so that what is full is known */
    bool stopped;
};

/* ---- Ballast, in jobs ---- */

static void ballast_path(const char *dir, char out[BROKER_PATH_BYTES])
{
    snprintf(out, BROKER_PATH_BYTES, "%s/" BALLAST_NAME, dir);
}

/* What cannot be done now is tried again when the room is asked for again. */
static void ballast_fill(struct env_disk *disk, const char *dir, const struct disk_space *space)
{
    char path[BROKER_PATH_BYTES];
    struct env_file *file = NULL;
    uint64_t size = 0, part = space->total_bytes / BALLAST_PART;
    uint64_t wanted = part < BALLAST_BYTES ? part : BALLAST_BYTES;
    ballast_path(dir, path);
    if (disk_open(disk, path, DISK_READ | DISK_WRITE | DISK_CREATE, &file) != ERR_OK)
        return;
    enum err err = disk_size(disk, file, &size);
    /* Bytes that a filesystem does not compress to nothing. */
    uint8_t *step = mem_alloc(BALLAST_STEP_BYTES);
    struct prng prng;
    prng_init(&prng, size + 1);
    while (err == ERR_OK && size + BALLAST_STEP_BYTES <= wanted) {
        prng_bytes(&prng, step, BALLAST_STEP_BYTES);
        err = disk_write(disk, file, step, BALLAST_STEP_BYTES, size);
        size += BALLAST_STEP_BYTES;
    }
    mem_free(step);
    disk_close(disk, file);
}

void broker_ballast_drop(struct env_disk *disk, const char *dir)
{
    char path[BROKER_PATH_BYTES];
    struct env_file *file = NULL;
    struct disk_space space;
    uint64_t size = 0;
    if (disk_space(disk, dir, &space) != ERR_OK || space.free_bytes >= START_BYTES)
        return;
    ballast_path(dir, path);
    if (disk_open(disk, path, DISK_READ | DISK_WRITE, &file) != ERR_OK)
        return;
    if (disk_size(disk, file, &size) == ERR_OK && size > 0) {
        uint64_t left = size > BALLAST_STEP_BYTES ? size - BALLAST_STEP_BYTES : 0;
        LOG_WARN("the disk of %s is full; this start takes %llu KiB of what was kept for it, and "
                 "%llu KiB are left for others",
                 dir, (unsigned long long)((size - left) >> 10), (unsigned long long)(left >> 10));
        if (disk_truncate(disk, file, left) != ERR_OK)
            LOG_WARN("%s cannot be made shorter", path);
    }
    disk_close(disk, file);
}

/* ---- Telling the shards ---- */

static void call_run(struct broker_shard *shard, struct broker_call *call)
{
    const struct space_call *own = CONTAINER_OF(call, struct space_call, call);
    if (shard->replicas != NULL)
        for (size_t i = 0; i < shard->node->log_dir_count; i++)
            replica_set_dir_full(shard->replicas, (uint32_t)i, own->full[i]);
    broker_call_reply(shard, call);
}

static void call_send(struct broker_node *node, uint32_t to)
{
    struct space_call *own = &node->space->calls[to];
    if (own->under_way) {
        own->again = true;
        return;
    }
    own->under_way = true;
    own->again = false;
    for (size_t i = 0; i < node->log_dir_count; i++)
        own->full[i] = node->dirs[i].full;
    broker_call_send(&node->shards[0], to, &own->call);
}

static void call_done(struct broker_shard *shard, struct broker_call *call)
{
    struct space_call *own = CONTAINER_OF(call, struct space_call, call);
    own->under_way = false;
    if (own->again)
        call_send(shard->node, call->to);
}

/* ---- Asking ---- */

static uint64_t reserve_bytes(const struct broker_node *node, const struct disk_space *space)
{
    uint64_t set = (uint64_t)conf_int(node->conf, CONF_BROKER_OTTLA_LOG_DIR_RESERVE_BYTES);
    uint64_t part = space->total_bytes / RESERVE_PART;
    return set < part ? set : part;
}

/* Whether it became full, or is no longer. */
static bool dir_judge(struct broker_node *node, struct broker_dir *dir,
                      const struct disk_space *found)
{
    uint64_t reserve = reserve_bytes(node, found);
    bool full = found->free_bytes < (dir->full ? reserve + reserve / FREED_PART : reserve);
    dir->free_bytes = found->free_bytes;
    dir->total_bytes = found->total_bytes;
    if (full == dir->full)
        return false;
    dir->full = full;
    if (full)
        LOG_WARN("log directory %s has %llu MiB free, less than the reserve of %llu MiB "
                 "(ottla.log.dir.reserve.bytes): producers' records are refused until there is "
                 "more",
                 dir->path, (unsigned long long)(found->free_bytes >> 20),
                 (unsigned long long)(reserve >> 20));
    else
        LOG_INFO("log directory %s has %llu MiB free: producers' records are taken again",
                 dir->path, (unsigned long long)(found->free_bytes >> 20));
    return true;
}

static void ask_later(struct node_space *space)
{
    struct broker_node *node = space->node;
    bool near = false;
    for (size_t i = 0; i < node->dir_count; i++) {
        const struct broker_dir *dir = &node->dirs[i];
        near |= !dir->offline &&
                dir->free_bytes < FAR_BYTES + reserve_bytes(node, &space->dirs[i].found);
    }
    if (!space->stopped)
        env_timer_set_ms(broker_node_env(node), &space->timer, near ? ASK_NEAR_MS : ASK_FAR_MS);
}

static void space_run(struct env_job *job, struct env_disk *disk)
{
    struct space_dir *own = CONTAINER_OF(job, struct space_dir, job);
    own->err = disk_space(disk, own->dir->path, &own->found);
    if (own->err == ERR_OK && own->ballast)
        ballast_fill(disk, own->dir->path, &own->found);
}

static void space_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    struct space_dir *own = CONTAINER_OF(job, struct space_dir, job);
    struct node_space *space = own->space;
    struct broker_node *node = space->node;
    space->jobs--;
    if (space->stopped)
        return;
    /* One that cannot be asked is not full; whether it is broken, its logs find out. */
    if (own->err == ERR_OK && dir_judge(node, own->dir, &own->found))
        for (uint32_t i = 0; i < node->shard_count; i++)
            call_send(node, i);
    if (space->jobs == 0)
        ask_later(space);
}

static void space_ask(struct node_space *space)
{
    struct broker_node *node = space->node;
    for (size_t i = 0; i < node->dir_count; i++) {
        struct space_dir *own = &space->dirs[i];
        if (node->dirs[i].offline)
            continue;
        own->ballast = i == node->metadata_dir && space->asked && !node->dirs[i].full;
        space->jobs++;
        env_submit(broker_node_env(node), &own->dir->queue, &own->job);
    }
    space->asked = true;
    if (space->jobs == 0)
        ask_later(space);
}

static void timer_fire(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    space_ask(CONTAINER_OF(timer, struct node_space, timer));
}

/* ---- Life ---- */

void broker_space_start(struct broker_node *node)
{
    if (conf_int(node->conf, CONF_BROKER_OTTLA_LOG_DIR_RESERVE_BYTES) == 0)
        return;
    struct node_space *space = mem_zalloc(sizeof *space);
    node->space = space;
    space->node = node;
    space->dirs = mem_zalloc((node->dir_count + 1) * sizeof space->dirs[0]);
    space->calls = mem_zalloc(node->shard_count * sizeof space->calls[0]);
    for (size_t i = 0; i < node->dir_count; i++) {
        struct space_dir *own = &space->dirs[i];
        own->space = space;
        own->dir = &node->dirs[i];
        own->job.run = space_run;
        own->job.done = space_done;
    }
    for (uint32_t i = 0; i < node->shard_count; i++) {
        space->calls[i].full = mem_zalloc((node->log_dir_count + 1) * sizeof(bool));
        space->calls[i].call.run = call_run;
        space->calls[i].call.done = call_done;
    }
    env_timer_init(&space->timer, timer_fire);
    space_ask(space);
}

void broker_space_stop(struct broker_node *node)
{
    if (node->space == NULL)
        return;
    node->space->stopped = true;
    env_timer_cancel(broker_node_env(node), &node->space->timer);
}

bool broker_space_is_idle(const struct broker_node *node)
{
    const struct node_space *space = node->space;
    if (space == NULL)
        return true;
    bool idle = space->jobs == 0;
    for (uint32_t i = 0; i < node->shard_count; i++)
        idle = idle && !space->calls[i].under_way;
    return idle;
}

void broker_space_free(struct broker_node *node)
{
    struct node_space *space = node->space;
    if (space == NULL)
        return;
    node->space = NULL;
    for (uint32_t i = 0; i < node->shard_count; i++)
        mem_free(space->calls[i].full);
    mem_free(space->calls);
    mem_free(space->dirs);
    mem_free(space);
}
