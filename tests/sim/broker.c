/* What main/ is on a real machine: loads the settings, starts the node, stops it when it is asked
 * to or when the node cannot go on. */
#include "broker.h"

#include "base/mem.h"
#include "broker/node.h"
#include "conf/conf.h"

#include <stdio.h>

struct broker_process {
    struct broker_status *status;
    struct conf *conf;
    struct broker_node *node;
    struct env_timer start;
    bool started;
    bool stopping;
};

static void process_stop(struct broker_process *process)
{
    if (process->stopping)
        return;
    process->stopping = true;
    if (process->started)
        broker_node_stop(process->node);
    else
        sim_node_stopped(process->status->node);
}

static void on_running(void *context, struct broker_node *node)
{
    UNUSED(node);
    struct broker_process *process = context;
    process->status->running = true;
}

static void on_stopped(void *context, struct broker_node *node)
{
    UNUSED(node);
    struct broker_process *process = context;
    sim_node_stopped(process->status->node);
}

static void on_failed(void *context, struct broker_node *node, const char *why)
{
    UNUSED(node);
    struct broker_process *process = context;
    process->status->failed = true;
    (void)snprintf(process->status->why, sizeof process->status->why, "%s", why);
    sim_log(process->status->node->world, "the node cannot go on: %s", why);
    process_stop(process);
}

static void on_start(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct broker_process *process = CONTAINER_OF(timer, struct broker_process, start);
    if (process->stopping)
        return;
    process->started = true;
    broker_node_start(process->node);
}

#define PAIRS_MAX 24

struct pairs {
    struct conf_pair items[PAIRS_MAX];
    char values[PAIRS_MAX][64];
    size_t count;
};

static void pair_add(struct pairs *pairs, const char *name, uint32_t value)
{
    if (value == 0)
        return;
    ASSERT(pairs->count < PAIRS_MAX);
    char *text = pairs->values[pairs->count];
    (void)snprintf(text, sizeof pairs->values[0], "%u", value);
    pairs->items[pairs->count++] = (struct conf_pair){name, text};
}

static struct conf *conf_make(const struct broker_options *options)
{
    static const char *const dirs[] = {"/data0", "/data0,/data1", "/data0,/data1,/data2"};
    ASSERT(options->log_dir_count >= 1 && options->log_dir_count <= ARRAY_COUNT(dirs));
    struct pairs pairs = {
        .items = {{"listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"},
                  {"advertised.listeners", "PLAINTEXT://broker:9092,CONTROLLER://broker:9093"},
                  {"controller.quorum.bootstrap.servers", "broker:9093"},
                  {"auto.create.topics.enable", "false"},
                  {"log.dirs", dirs[options->log_dir_count - 1]}},
        .count = 5,
    };
    pair_add(&pairs, "metadata.log.max.record.bytes.between.snapshots", options->snapshot_bytes);
    pair_add(&pairs, "log.flush.offset.checkpoint.interval.ms", options->checkpoint_ms);
    pair_add(&pairs, "log.flush.start.offset.checkpoint.interval.ms", options->checkpoint_ms);
    pair_add(&pairs, "replica.high.watermark.checkpoint.interval.ms", options->checkpoint_ms);
    pair_add(&pairs, "log.index.interval.bytes", options->index_interval);
    pair_add(&pairs, "log.initial.task.delay.ms", options->retention_check_ms);
    pair_add(&pairs, "log.retention.check.interval.ms", options->retention_check_ms);
    pair_add(&pairs, "connections.max.idle.ms", options->idle_ms);
    pair_add(&pairs, "offsets.topic.num.partitions", options->offsets_partitions);
    pair_add(&pairs, "offsets.topic.replication.factor", 1);
    pair_add(&pairs, "group.initial.rebalance.delay.ms", options->group_delay_ms);
    pair_add(&pairs, "ottla.unwritten.bytes.max", options->unwritten_bytes);
    return conf_of(pairs.items, pairs.count);
}

static void *process_boot(void *context, const struct sim_process_options *options)
{
    struct broker_process *process = mem_zalloc(sizeof *process);
    process->status = context;
    process->status->running = false;
    process->status->failed = false;
    process->conf = conf_make(&process->status->options);
    struct broker_node_options node = {
        .envs = options->envs,
        .env_count = options->shard_count,
        .conf = process->conf,
        .hostname = "broker",
        .context = process,
        .running = on_running,
        .stopped = on_stopped,
        .failed = on_failed,
    };
    process->node = broker_node_new(&node);
    env_timer_init(&process->start, on_start);
    env_timer_set(options->envs[0], &process->start, env_now_ns(options->envs[0]));
    return process;
}

static void process_stop_call(void *context, void *process)
{
    UNUSED(context);
    process_stop(process);
}

static void process_free(void *context, void *arg)
{
    UNUSED(context);
    struct broker_process *process = arg;
    broker_node_free(process->node);
    conf_free(process->conf);
    mem_free(process);
}

const struct sim_process_ops broker_process_ops = {
    .boot = process_boot, .stop = process_stop_call, .free = process_free};
