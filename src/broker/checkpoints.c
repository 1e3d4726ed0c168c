/*
 * The checkpoint files of the log directories, which hold rows of all shards: each shard is asked
 * for its rows, shard 0 puts them together, and a job for each directory writes the files. From
 * time to time:
 *
 *     high watermarks    replica.high.watermark.checkpoint.interval.ms
 *     recovery points    log.flush.offset.checkpoint.interval.ms, after the logs were synced
 *     log start offsets  log.flush.start.offset.checkpoint.interval.ms, and with them
 *     cleaned offsets    with the high watermarks
 *
 * 1. One pass at a time; passes that come due meanwhile are one pass after it.
 * 2. A file is not written again with what it says already.
 * 3. A recovery point in a file is never above what is durable: it is read after the sync that
 *    moved it.
 */
#define LOG_ROOM "broker"
#include "broker/node_int.h"

#include "base/arena.h"
#include "base/hmap.h"
#include "base/log.h"
#include "base/mem.h"
#include "plog/plog.h"
#include "replica/replica.h"

#include <string.h>

enum { KIND_RECOVERY, KIND_START, KIND_WATERMARK, KIND_CLEANER, KIND_COUNT };

static const enum plog_checkpoint_kind kinds[KIND_COUNT] = {
    [KIND_RECOVERY] = PLOG_CHECKPOINT_RECOVERY_POINT,
    [KIND_START] = PLOG_CHECKPOINT_LOG_START,
    [KIND_WATERMARK] = PLOG_CHECKPOINT_HIGH_WATERMARK,
    [KIND_CLEANER] = PLOG_CHECKPOINT_CLEANER,
};

#define KINDS_OFTEN (1u << KIND_WATERMARK | 1u << KIND_CLEANER)
#define KINDS_START (1u << KIND_START)
#define KINDS_ALL ((1u << KIND_COUNT) - 1)

struct rows {
    struct plog_checkpoint_row *items;
    size_t count;
    size_t capacity;
};

/* What one shard says of one directory. */
struct shard_rows {
    struct rows rows[KIND_COUNT];
    struct arena *arena;
};

struct checkpoints_shard {
    struct broker_call call;
    struct replica_checkpoint sync;
    struct broker_shard *shard;
    struct arena arena; /* of the topics' names */
    struct shard_rows *dirs;
};

struct checkpoints_dir {
    struct env_job job;
    struct node_checkpoints *owner;
    struct broker_dir *dir;
    struct rows rows[KIND_COUNT];
    uint64_t written_hash[KIND_COUNT]; /* of the rows that the file has */
    bool wanted[KIND_COUNT];
    bool mark_clean;
    enum err err;
    const char *failed_name;
};

struct node_checkpoints {
    struct broker_node *node;
    struct env_timer often;
    struct env_timer seldom;
    struct env_timer start;
    struct checkpoints_shard *shards;
    struct checkpoints_dir *dirs;
    bool under_way;
    unsigned wanted; /* kinds of the pass under way */
    unsigned due;    /* of the next */
    uint32_t shards_left;
    size_t dirs_left;
    bool stopped;

    void (*lowered)(struct broker_node *node); /* the pass under way is that of a start */
    bool final;
    bool clean;
    int64_t broker_epoch;
    void (*done)(struct broker_node *node);
};

static void pass_begin(struct node_checkpoints *checkpoints, unsigned wanted);

/* ---- Rows, on the shard that owns them ---- */

static void rows_add(struct rows *rows, const char *topic, int32_t partition, int64_t offset)
{
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity == 0 ? 16 : rows->capacity * 2;
        rows->items = mem_realloc(rows->items, rows->capacity * sizeof rows->items[0]);
    }
    rows->items[rows->count++] =
        (struct plog_checkpoint_row){.topic = topic, .partition = partition, .offset = offset};
}

static void rows_collect(void *context, const struct replica *replica, int64_t recovery_point,
                         int64_t log_start_offset, int64_t high_watermark)
{
    struct shard_rows *out = context;
    const char *name = replica_topic(replica);
    size_t size = strlen(name) + 1;
    char *topic = arena_must_alloc(out->arena, size);
    memcpy(topic, name, size);
    int32_t partition = replica_partition(replica);
    rows_add(&out->rows[KIND_RECOVERY], topic, partition, recovery_point);
    rows_add(&out->rows[KIND_WATERMARK], topic, partition, high_watermark);
    int64_t cleaned_offset = plog_cleaned_offset(replica_plog(replica));
    if (cleaned_offset > 0)
        rows_add(&out->rows[KIND_CLEANER], topic, partition, cleaned_offset);
    /* Segments say where a log starts, unless records were deleted from the middle of one. */
    if (log_start_offset > 0)
        rows_add(&out->rows[KIND_START], topic, partition, log_start_offset);
}

static void shard_collect(struct checkpoints_shard *own)
{
    struct broker_shard *shard = own->shard;
    for (size_t i = 0; i < shard->node->log_dir_count; i++) {
        own->dirs[i].arena = &own->arena;
        replica_set_offsets(shard->replicas, (uint32_t)i, rows_collect, &own->dirs[i]);
    }
    broker_call_reply(shard, &own->call);
}

static void shard_synced(struct replica_checkpoint *sync)
{
    shard_collect(CONTAINER_OF(sync, struct checkpoints_shard, sync));
}

static void shard_run(struct broker_shard *shard, struct broker_call *call)
{
    struct checkpoints_shard *own = CONTAINER_OF(call, struct checkpoints_shard, call);
    const struct node_checkpoints *checkpoints = shard->node->checkpoints;
    own->shard = shard;
    bool sync = (checkpoints->wanted & (1u << KIND_RECOVERY)) != 0 && !checkpoints->final &&
                checkpoints->lowered == NULL;
    if (sync && !shard->stopping) {
        own->sync.done = shard_synced;
        replica_set_checkpoint(shard->replicas, &own->sync);
    } else {
        shard_collect(own);
    }
}

/* ---- Files ---- */

static uint64_t rows_hash(const struct rows *rows)
{
    /* A sum, since shards and hash tables tell their rows in any order. */
    uint64_t hash = hash_u64(rows->count + 1);
    for (size_t i = 0; i < rows->count; i++) {
        const struct plog_checkpoint_row *row = &rows->items[i];
        hash += hash_u64(hash_bytes(row->topic, strlen(row->topic)) ^
                         hash_u64((uint64_t)row->offset ^ (uint64_t)row->partition << 40));
    }
    return hash;
}

static void dir_run(struct env_job *job, struct env_disk *disk)
{
    struct checkpoints_dir *own = CONTAINER_OF(job, struct checkpoints_dir, job);
    own->err = ERR_OK;
    for (size_t k = 0; k < KIND_COUNT && own->err == ERR_OK; k++) {
        if (!own->wanted[k])
            continue;
        uint64_t hash = rows_hash(&own->rows[k]);
        if (hash == own->written_hash[k])
            continue;
        own->err = plog_checkpoint_store(disk, own->dir->path, kinds[k], own->rows[k].items,
                                         own->rows[k].count);
        own->failed_name = plog_checkpoint_name(kinds[k]);
        /* On a full disk, better no recovery points than some that are too high. */
        if (own->err == ERR_NOSPACE && own->owner->lowered != NULL)
            own->err = plog_checkpoint_remove(disk, own->dir->path, kinds[k]);
        own->written_hash[k] = own->err == ERR_OK ? hash : 0;
    }
    if (own->err == ERR_OK && own->mark_clean) {
        own->failed_name = "the mark of a clean stop";
        own->err = plog_dir_mark_clean(disk, own->dir->path, own->owner->broker_epoch);
    }
}

static void pass_end(struct node_checkpoints *checkpoints)
{
    for (uint32_t s = 0; s < checkpoints->node->shard_count; s++) {
        struct checkpoints_shard *own = &checkpoints->shards[s];
        for (size_t d = 0; d < checkpoints->node->log_dir_count; d++) {
            for (size_t k = 0; k < KIND_COUNT; k++)
                own->dirs[d].rows[k].count = 0;
        }
        arena_reset(&own->arena);
    }
    checkpoints->under_way = false;
    void (*lowered)(struct broker_node *) = checkpoints->lowered;
    checkpoints->lowered = NULL;
    if (lowered != NULL)
        lowered(checkpoints->node);
    if (checkpoints->final) {
        checkpoints->final = false;
        checkpoints->done(checkpoints->node);
    } else if (checkpoints->done != NULL) {
        checkpoints->final = true; /* it came while this pass was under way */
        pass_begin(checkpoints, KINDS_ALL);
    } else if (checkpoints->due != 0 && !checkpoints->stopped) {
        unsigned due = checkpoints->due;
        checkpoints->due = 0;
        pass_begin(checkpoints, due);
    }
}

static void dir_done(struct env *env, struct env_job *job)
{
    struct checkpoints_dir *own = CONTAINER_OF(job, struct checkpoints_dir, job);
    struct node_checkpoints *checkpoints = own->owner;
    if (own->err != ERR_OK) {
        struct broker_shard *shard = broker_node_shard(checkpoints->node, env->shard);
        if (own->err == ERR_NOSPACE)
            LOG_WARN("%s: %s cannot be written: no space left; recovery after a crash would take "
                     "longer",
                     own->dir->path, own->failed_name);
        else if (!own->dir->offline)
            broker_node_dir_failed(shard, own->job.queue->device, own->err, own->failed_name);
    }
    if (--checkpoints->dirs_left == 0)
        pass_end(checkpoints);
}

static void files_write(struct node_checkpoints *checkpoints)
{
    struct broker_node *node = checkpoints->node;
    checkpoints->dirs_left = 1;
    for (size_t d = 0; d < node->log_dir_count; d++) {
        struct checkpoints_dir *own = &checkpoints->dirs[d];
        if (node->dirs[d].offline)
            continue;
        for (size_t k = 0; k < KIND_COUNT; k++) {
            own->wanted[k] = (checkpoints->wanted & (1u << k)) != 0;
            own->rows[k].count = 0;
            for (uint32_t s = 0; own->wanted[k] && s < node->shard_count; s++) {
                const struct rows *rows = &checkpoints->shards[s].dirs[d].rows[k];
                for (size_t i = 0; i < rows->count; i++)
                    rows_add(&own->rows[k], rows->items[i].topic, rows->items[i].partition,
                             rows->items[i].offset);
            }
        }
        own->owner = checkpoints;
        own->dir = &node->dirs[d];
        own->mark_clean = checkpoints->final && checkpoints->clean;
        own->job.run = dir_run;
        own->job.done = dir_done;
        checkpoints->dirs_left++;
        env_submit(broker_node_env(node), &own->dir->queue, &own->job);
    }
    if (--checkpoints->dirs_left == 0)
        pass_end(checkpoints);
}

/* ---- Passes ---- */

static void shard_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(call);
    struct node_checkpoints *checkpoints = shard->node->checkpoints;
    if (--checkpoints->shards_left == 0)
        files_write(checkpoints);
}

static void pass_begin(struct node_checkpoints *checkpoints, unsigned wanted)
{
    struct broker_node *node = checkpoints->node;
    if (checkpoints->under_way) {
        checkpoints->due |= wanted;
        return;
    }
    checkpoints->under_way = true;
    checkpoints->wanted = wanted;
    checkpoints->shards_left = node->shard_count;
    for (uint32_t i = node->shard_count; i-- > 0;) {
        checkpoints->shards[i].call.run = shard_run;
        checkpoints->shards[i].call.done = shard_done;
        broker_call_send(&node->shards[0], i, &checkpoints->shards[i].call);
    }
}

static uint64_t often_ms(const struct broker_node *node)
{
    return (uint64_t)conf_int(node->conf,
                              CONF_BROKER_REPLICA_HIGH_WATERMARK_CHECKPOINT_INTERVAL_MS);
}

static uint64_t seldom_ms(const struct broker_node *node)
{
    return (uint64_t)conf_int(node->conf, CONF_BROKER_LOG_FLUSH_OFFSET_CHECKPOINT_INTERVAL_MS);
}

static uint64_t start_ms(const struct broker_node *node)
{
    return (uint64_t)conf_int(node->conf,
                              CONF_BROKER_LOG_FLUSH_START_OFFSET_CHECKPOINT_INTERVAL_MS);
}

/* An interval of 0 means once, as Kafka's scheduler has it. */
static void again(struct env *env, struct env_timer *timer, uint64_t interval_ms)
{
    if (interval_ms > 0)
        env_timer_set_ms(env, timer, interval_ms);
}

static void often_fire(struct env *env, struct env_timer *timer)
{
    struct node_checkpoints *checkpoints = CONTAINER_OF(timer, struct node_checkpoints, often);
    pass_begin(checkpoints, KINDS_OFTEN);
    again(env, timer, often_ms(checkpoints->node));
}

static void seldom_fire(struct env *env, struct env_timer *timer)
{
    struct node_checkpoints *checkpoints = CONTAINER_OF(timer, struct node_checkpoints, seldom);
    pass_begin(checkpoints, KINDS_ALL);
    again(env, timer, seldom_ms(checkpoints->node));
}

static void start_fire(struct env *env, struct env_timer *timer)
{
    struct node_checkpoints *checkpoints = CONTAINER_OF(timer, struct node_checkpoints, start);
    pass_begin(checkpoints, KINDS_START);
    again(env, timer, start_ms(checkpoints->node));
}

static struct node_checkpoints *checkpoints_new(struct broker_node *node)
{
    struct node_checkpoints *checkpoints = mem_zalloc(sizeof *checkpoints);
    checkpoints->node = node;
    checkpoints->dirs = mem_zalloc((node->log_dir_count + 1) * sizeof checkpoints->dirs[0]);
    checkpoints->shards = mem_zalloc(node->shard_count * sizeof checkpoints->shards[0]);
    for (uint32_t i = 0; i < node->shard_count; i++) {
        struct checkpoints_shard *own = &checkpoints->shards[i];
        arena_init(&own->arena, SIZE_MAX);
        own->dirs = mem_zalloc((node->log_dir_count + 1) * sizeof own->dirs[0]);
    }
    env_timer_init(&checkpoints->often, often_fire);
    env_timer_init(&checkpoints->seldom, seldom_fire);
    env_timer_init(&checkpoints->start, start_fire);
    return checkpoints;
}

void broker_checkpoints_start(struct broker_node *node)
{
    node->checkpoints = checkpoints_new(node);
    struct env *env = broker_node_env(node);
    env_timer_set_ms(env, &node->checkpoints->often, often_ms(node));
    env_timer_set_ms(env, &node->checkpoints->seldom, seldom_ms(node));
    env_timer_set_ms(env, &node->checkpoints->start, start_ms(node));
}

void broker_checkpoints_lower(struct broker_node *node, void (*done)(struct broker_node *node))
{
    struct node_checkpoints *checkpoints = node->checkpoints;
    ASSERT(!checkpoints->under_way && checkpoints->lowered == NULL);
    checkpoints->lowered = done;
    pass_begin(checkpoints, 1u << KIND_RECOVERY);
}

void broker_checkpoints_stop(struct broker_node *node)
{
    if (node->checkpoints == NULL)
        return;
    node->checkpoints->stopped = true;
    env_timer_cancel(broker_node_env(node), &node->checkpoints->often);
    env_timer_cancel(broker_node_env(node), &node->checkpoints->seldom);
    env_timer_cancel(broker_node_env(node), &node->checkpoints->start);
}

void broker_checkpoints_final(struct broker_node *node, bool clean, int64_t broker_epoch,
                              void (*done)(struct broker_node *node))
{
    if (node->checkpoints == NULL)
        node->checkpoints = checkpoints_new(node);
    struct node_checkpoints *checkpoints = node->checkpoints;
    checkpoints->stopped = true;
    checkpoints->clean = clean;
    checkpoints->broker_epoch = broker_epoch;
    checkpoints->done = done;
    if (checkpoints->under_way)
        return; /* pass_end begins it */
    checkpoints->final = true;
    pass_begin(checkpoints, KINDS_ALL);
}

void broker_checkpoints_free(struct broker_node *node)
{
    struct node_checkpoints *checkpoints = node->checkpoints;
    if (checkpoints == NULL)
        return;
    node->checkpoints = NULL;
    for (uint32_t s = 0; s < node->shard_count; s++) {
        for (size_t d = 0; d < node->log_dir_count; d++) {
            for (size_t k = 0; k < KIND_COUNT; k++)
                mem_free(checkpoints->shards[s].dirs[d].rows[k].items);
        }
        mem_free(checkpoints->shards[s].dirs);
        arena_deinit(&checkpoints->shards[s].arena);
    }
    for (size_t d = 0; d < node->log_dir_count; d++) {
        for (size_t k = 0; k < KIND_COUNT; k++)
            mem_free(checkpoints->dirs[d].rows[k].items);
    }
    mem_free(checkpoints->shards);
    mem_free(checkpoints->dirs);
    mem_free(checkpoints);
}
