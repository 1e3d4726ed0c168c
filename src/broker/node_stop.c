/*
 * The clean way down. Every stage holds for a node at any point of its start: what is not there is
 * passed over.
 *
 *     START      what the start has under way comes to its end
 *     RELEASE    no new connections; the controller moves the leaderships away
 *     SHARDS     producers' requests are answered, connections closed, logs closed
 *     FILES      checkpoints, and the mark of a clean stop where every log was closed whole
 *     CONTROLLER the metadata log is closed
 *     UNLOCK     the directories are anybody's
 *     QUIET      no message of one shard to another is under way: a directory that failed meanwhile
 *                is told to all of them, and nobody waits for that
 */
#define LOG_ROOM "broker"
#include "broker/node_int.h"
#include "broker/shard_int.h"

#include "base/log.h"
#include "base/mem.h"
#include "broker/controller.h"
#include "broker/groups.h"
#include "broker/lag.h"
#include "broker/lifecycle.h"
#include "env/disk.h"
#include "plog/plog.h"
#include "replica/replica.h"

#define RELEASE_TIMEOUT_MS 30000
/* How long producers' requests in flight may take. */
#define DRAIN_MS_MAX 2000
#define DRAIN_CHECK_MS 5

enum stop_stage {
    STOP_START,
    STOP_RELEASE,
    STOP_SHARDS,
    STOP_FILES,
    STOP_CONTROLLER,
    STOP_UNLOCK,
    STOP_QUIET,
    STOP_DONE,
};

struct stop_shard {
    struct broker_call call;
    struct broker_shard *shard;
    struct env_timer timer;
    uint64_t deadline_ns;
    struct replica_closing closing;
    bool closed; /* the logs */
    bool clean;
};

struct node_stop {
    struct broker_node *node;
    enum stop_stage stage;
    uint64_t began_ns;
    struct stop_shard *shards;
    uint32_t shards_left;
    bool clean;
    size_t dirs_offline; /* when the last round of QUIET began */
    struct env_timer timer;
    struct env_job unlock;
};

static void shards_enter(struct node_stop *stop);
static void files_enter(struct node_stop *stop);
static void controller_leave(struct broker_node *node);

/* ---- START, RELEASE ---- */

static void release_done(void *context, enum err err)
{
    struct broker_node *node = context;
    struct node_stop *stop = node->stop;
    if (stop->stage != STOP_RELEASE)
        return;
    if (err != ERR_OK)
        LOG_WARN("the controller did not let the broker go within %d s; stopping all the same",
                 RELEASE_TIMEOUT_MS / 1000);
    shards_enter(stop);
}

static void release_enter(struct node_stop *stop)
{
    struct broker_node *node = stop->node;
    stop->stage = STOP_RELEASE;
    bool ask = node->lifecycle != NULL && !node->failed &&
               conf_bool(node->conf, CONF_BROKER_CONTROLLED_SHUTDOWN_ENABLE);
    if (ask)
        lifecycle_shutdown(node->lifecycle, RELEASE_TIMEOUT_MS, release_done);
    else
        shards_enter(stop);
}

void broker_stop_begin(struct broker_node *node)
{
    struct node_stop *stop = mem_zalloc(sizeof *stop);
    node->stop = stop;
    stop->node = node;
    stop->began_ns = env_now_ns(broker_node_env(node));
    stop->shards = mem_zalloc(node->shard_count * sizeof stop->shards[0]);
    LOG_INFO("node %d is stopping", node->id);
    broker_listeners_close(node);
    broker_stop_start_idle(node);
}

void broker_stop_start_idle(struct broker_node *node)
{
    struct node_stop *stop = node->stop;
    if (stop->stage == STOP_START && broker_start_is_idle(node))
        release_enter(stop);
}

void broker_stop_free(struct broker_node *node)
{
    if (node->stop == NULL)
        return;
    mem_free(node->stop->shards);
    mem_free(node->stop);
    node->stop = NULL;
}

/* ---- SHARDS ---- */

/* Requests that have lost their connection end when what they wait for comes back: the logs,
 * another shard, the controller. */
static void shard_check(struct stop_shard *own)
{
    struct broker_shard *shard = own->shard;
    bool idle = shard->replicas == NULL ||
                (replica_set_is_idle(shard->replicas) && broker_groups_is_idle(shard->groups));
    if (shard->index == 0 && !broker_lag_is_idle(shard->node->lag))
        idle = false;
    if (own->closed && idle && list_empty(&shard->orphans) && list_empty(&shard->creations)) {
        env_timer_cancel(shard->env, &own->timer);
        broker_call_reply(shard, &own->call);
        return;
    }
    env_timer_set_ms(shard->env, &own->timer, DRAIN_CHECK_MS);
}

static void shard_logs_closed(struct replica_closing *closing)
{
    struct stop_shard *own = CONTAINER_OF(closing, struct stop_shard, closing);
    own->closed = true;
    own->clean = closing->err == ERR_OK;
}

static void shard_close(struct stop_shard *own)
{
    struct broker_shard *shard = own->shard;
    broker_shard_close_conns(shard, NULL);
    own->deadline_ns = 0;
    own->closing.done = shard_logs_closed;
    if (shard->replicas != NULL) {
        broker_groups_stop(shard->groups);
        replica_set_close(shard->replicas, &own->closing);
    } else {
        own->closed = true;
        own->clean = false;
    }
    shard_check(own);
}

static void shard_timer(struct env *env, struct env_timer *timer)
{
    struct stop_shard *own = CONTAINER_OF(timer, struct stop_shard, timer);
    if (own->deadline_ns == 0) {
        shard_check(own);
        return;
    }
    if (list_empty(&own->shard->conns) || env_now_ns(env) >= own->deadline_ns)
        shard_close(own);
    else
        env_timer_set_ms(env, timer, DRAIN_CHECK_MS);
}

static void shard_run(struct broker_shard *shard, struct broker_call *call)
{
    struct stop_shard *own = CONTAINER_OF(call, struct stop_shard, call);
    own->shard = shard;
    env_timer_init(&own->timer, shard_timer);
    own->deadline_ns = env_now_ns(shard->env) + DRAIN_MS_MAX * UINT64_C(1000000);
    broker_shard_drain(shard);
    if (shard->index == 0)
        broker_lag_stop(shard->node->lag);
    env_timer_set(shard->env, &own->timer, env_now_ns(shard->env));
}

static void shard_done(struct broker_shard *shard, struct broker_call *call)
{
    struct stop_shard *own = CONTAINER_OF(call, struct stop_shard, call);
    struct node_stop *stop = shard->node->stop;
    stop->clean = stop->clean && own->clean;
    if (--stop->shards_left == 0)
        files_enter(stop);
}

static void shards_enter(struct node_stop *stop)
{
    struct broker_node *node = stop->node;
    stop->stage = STOP_SHARDS;
    broker_checkpoints_stop(node);
    broker_space_stop(node);
    stop->clean = true;
    stop->shards_left = node->shard_count;
    for (uint32_t i = node->shard_count; i-- > 0;) {
        stop->shards[i].call.run = shard_run;
        stop->shards[i].call.done = shard_done;
        broker_call_send(&node->shards[0], i, &stop->shards[i].call);
    }
}

/* ---- FILES, CONTROLLER, UNLOCK ---- */

static void files_enter(struct node_stop *stop)
{
    struct broker_node *node = stop->node;
    stop->stage = STOP_FILES;
    if (node->shards[0].replicas == NULL) {
        controller_leave(node); /* no log was opened */
        return;
    }
    int64_t epoch = node->lifecycle != NULL ? lifecycle_broker_epoch(node->lifecycle) : -1;
    broker_checkpoints_final(node, stop->clean, epoch, controller_leave);
}

static void unlock_run(struct env_job *job, struct env_disk *disk)
{
    struct node_stop *stop = CONTAINER_OF(job, struct node_stop, unlock);
    for (size_t i = 0; i < stop->node->dir_count; i++) {
        disk_close(disk, stop->node->dirs[i].lock);
        stop->node->dirs[i].lock = NULL;
    }
}

static size_t dirs_offline(const struct broker_node *node)
{
    size_t count = 0;
    for (size_t i = 0; i < node->dir_count; i++)
        count += node->dirs[i].offline;
    return count;
}

static void quiet_enter(struct node_stop *stop);

static void stopped(struct node_stop *stop)
{
    struct broker_node *node = stop->node;
    stop->stage = STOP_DONE;
    node->state = BROKER_NODE_STOPPED;
    LOG_INFO("node %d stopped%s after %llu ms", node->id,
             stop->clean && stop->dirs_offline == 0 ? " cleanly" : "",
             (unsigned long long)((env_now_ns(broker_node_env(node)) - stop->began_ns) / 1000000));
    node->options.stopped(node->options.context, node);
}

static void quiet_run(struct broker_shard *shard, struct broker_call *call)
{
    broker_call_reply(shard, call);
}

static void quiet_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(call);
    struct node_stop *stop = shard->node->stop;
    if (--stop->shards_left > 0)
        return;
    /* Messages between two shards stay in order: what was sent before this round has arrived. */
    if (stop->dirs_offline != dirs_offline(shard->node))
        quiet_enter(stop);
    else
        stopped(stop);
}

static void quiet_enter(struct node_stop *stop)
{
    struct broker_node *node = stop->node;
    stop->stage = STOP_QUIET;
    stop->dirs_offline = dirs_offline(node);
    stop->shards_left = node->shard_count;
    /* Shard 0 last: its call comes back at once. */
    for (uint32_t i = node->shard_count; i-- > 0;) {
        stop->shards[i].call.run = quiet_run;
        stop->shards[i].call.done = quiet_done;
        broker_call_send(&node->shards[0], i, &stop->shards[i].call);
    }
}

static void unlock_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    quiet_enter(CONTAINER_OF(job, struct node_stop, unlock));
}

static void unlock_enter(struct node_stop *stop)
{
    stop->stage = STOP_UNLOCK;
    stop->unlock.run = unlock_run;
    stop->unlock.done = unlock_done;
    env_submit(broker_node_env(stop->node), &stop->node->queue, &stop->unlock);
}

/* Files of the metadata log may still be closing. */
static void host_check(struct env *env, struct env_timer *timer)
{
    struct node_stop *stop = CONTAINER_OF(timer, struct node_stop, timer);
    if (plog_host_is_idle(stop->node->host) && broker_space_is_idle(stop->node))
        unlock_enter(stop);
    else
        env_timer_set_ms(env, timer, DRAIN_CHECK_MS);
}

static void controller_stopped(void *context, enum err err)
{
    struct broker_node *node = context;
    if (err != ERR_OK) {
        LOG_WARN("the metadata log was not closed cleanly: %s", err_text(err));
        node->stop->clean = false;
    }
    env_timer_init(&node->stop->timer, host_check);
    host_check(broker_node_env(node), &node->stop->timer);
}

static void controller_leave(struct broker_node *node)
{
    struct node_stop *stop = node->stop;
    stop->stage = STOP_CONTROLLER;
    if (node->lifecycle != NULL)
        lifecycle_stop(node->lifecycle);
    if (node->controller != NULL)
        controller_stop(node->controller, controller_stopped);
    else
        unlock_enter(stop);
}
