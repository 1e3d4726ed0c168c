#include "sim_node.h"

#include "base/hmap.h"
#include "sim_net.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NOTE_BOOT = 0x10, NOTE_CRASH, NOTE_STOP, NOTE_PAUSE, NOTE_RESUME, NOTE_CLOCK };

/* ---- Clock ---- */

static uint64_t elapsed(const struct sim_node *node)
{
    uint64_t ns = node->world->now_ns - node->clock.anchor_ns;
    int64_t drift = (int64_t)(ns / 1000000) * node->clock.drift_ppm;
    return (uint64_t)((int64_t)ns + drift);
}

uint64_t sim_node_mono_ns(const struct sim_node *node)
{
    return node->clock.mono_ns + elapsed(node);
}

int64_t sim_node_wall_ms(const struct sim_node *node)
{
    return (node->clock.wall_ns + (int64_t)elapsed(node)) / (int64_t)SIM_MS;
}

static void clock_anchor(struct sim_node *node)
{
    uint64_t ns = elapsed(node);
    node->clock.mono_ns += ns;
    node->clock.wall_ns += (int64_t)ns;
    node->clock.anchor_ns = node->world->now_ns;
}

static void storage_kill(void *context, bool power)
{
    sim_node_kill(context, power ? SIM_CRASH_POWER : SIM_CRASH_KILL);
}

static int64_t storage_wall_ms(void *context)
{
    return sim_node_wall_ms(context);
}

void sim_node_clock_jump(struct sim_node *node, int64_t wall_ns)
{
    sim_world_note(node->world, NOTE_CLOCK, node->id, (uint64_t)wall_ns);
    sim_log(node->world, "%s: wall clock jumps by %" PRId64 " ms", node->name,
            wall_ns / (int64_t)SIM_MS);
    node->clock.wall_ns += wall_ns;
}

void sim_node_clock_drift(struct sim_node *node, int64_t ppm)
{
    ASSERT(ppm >= -500000 && ppm <= 500000);
    sim_world_note(node->world, NOTE_CLOCK, node->id, (uint64_t)ppm);
    clock_anchor(node);
    node->clock.drift_ppm = ppm;
    for (uint32_t i = 0; node->up && i < node->shard_count; i++)
        sim_shard_alarm(&node->shards[i]);
}

/* ---- Life and death ---- */

struct sim_node *sim_node_new(struct sim_world *world, const char *name)
{
    struct sim_node *node = sim_alloc(sizeof *node);
    node->world = world;
    node->id = world->node_count;
    ASSERT(node->id < SIM_NODES_MAX);
    (void)snprintf(node->name, sizeof node->name, "%s", name);
    (void)snprintf(node->address, sizeof node->address, "10.0.%u.%u", node->id / 250,
                   node->id % 250 + 1);
    sim_prng_init(world, &node->prng, "node", node->id);
    sim_prng_init(world, &node->prng_random, "random", node->id);
    sim_mem_owner_init(&node->memory);
    struct prng clock;
    sim_prng_init(world, &clock, "clock", node->id);
    node->clock.anchor_ns = world->now_ns;
    node->clock.mono_ns = SIM_S + sim_draw(&clock, 1000 * SIM_S);
    node->clock.wall_ns =
        INT64_C(1750000000) * (int64_t)SIM_S + (int64_t)sim_draw(&clock, 1000 * SIM_MS);
    node->storage = sim_storage_new(world, node->id, storage_wall_ms, node);
    node->disk =
        (struct sim_disk){.disk = {.ops = &sim_disk_ops}, .storage = node->storage, .node = node};
    sim_storage_on_kill(node->storage, storage_kill, node);

    struct sim_node **nodes = sim_alloc((world->node_count + 1) * sizeof(struct sim_node *));
    if (world->node_count > 0)
        memcpy(nodes, world->nodes, world->node_count * sizeof(struct sim_node *));
    sim_free(world->nodes);
    world->nodes = nodes;
    world->nodes[world->node_count++] = node;
    sim_jobs_init(node);
    return node;
}

/* All that belonged to the process. */
static void process_discard(struct sim_node *node)
{
    sim_jobs_discard(node);
    for (uint32_t i = 0; i < node->shard_count; i++) {
        sim_shard_discard(&node->shards[i]);
        sim_free(node->shards[i].post_last_ns);
    }
    sim_free(node->shards);
    sim_free(node->envs);
    node->shards = NULL;
    node->envs = NULL;
    node->shard_count = 0;
    node->process = NULL;
    node->up = false;
    node->dying = false;
    node->stopping = false;
    node->stopped = false;
    node->paused = false;
}

void sim_node_destroy(struct sim_node *node)
{
    if (node->up) {
        sim_storage_process_gone(node->storage);
        process_discard(node);
    }
    sim_mem_owner_discard(&node->memory);
    sim_storage_free(node->storage);
    hmap_deinit(&node->queues);
    sim_free(node);
}

void sim_node_boot(struct sim_node *node, uint32_t shard_count, const struct sim_process_ops *ops,
                   void *context)
{
    ASSERT(!node->up && shard_count > 0);
    node->ops = *ops;
    node->ops_context = context;
    sim_node_reboot(node, shard_count);
}

void sim_node_reboot(struct sim_node *node, uint32_t shard_count)
{
    struct sim_world *world = node->world;
    ASSERT(!node->up && world->current == NULL && world->job_node == NULL);
    sim_world_note(world, NOTE_BOOT, node->id, shard_count);
    node->incarnation++;
    sim_log(world, "%s boots (%u), shards %u", node->name, node->incarnation, shard_count);
    node->up = true;
    node->machine_off = false;
    node->shard_count = shard_count;
    node->shards = sim_alloc(shard_count * sizeof *node->shards);
    node->envs = sim_alloc(shard_count * sizeof *node->envs);
    for (uint32_t i = 0; i < shard_count; i++) {
        sim_shard_init(node, &node->shards[i], i);
        node->envs[i] = &node->shards[i].env;
    }
    struct sim_process_options options = {
        .node = node, .envs = node->envs, .shard_count = shard_count, .disk = &node->disk.disk};

    node->booting = true;
    world->current = &node->shards[0];
    struct sim_mem_owner *before = sim_mem_enter(&node->memory);
    node->process = node->ops.boot(node->ops_context, &options);
    (void)sim_mem_enter(before);
    world->current = NULL;
    node->booting = false;
    if (node->dying)
        sim_node_crash(node, node->dying_how);
}

void sim_node_crash(struct sim_node *node, enum sim_crash how)
{
    struct sim_world *world = node->world;
    ASSERT(world->current == NULL && world->job_node == NULL);
    if (!node->up)
        return;
    sim_world_note(world, NOTE_CRASH, node->id, how);
    sim_log(world, "%s crashes: %s", node->name, how == SIM_CRASH_POWER ? "power loss" : "killed");
    sim_storage_process_gone(node->storage);
    if (how == SIM_CRASH_POWER)
        sim_storage_power_loss(node->storage);
    sim_net_process_gone(node, how);
    node->machine_off = how == SIM_CRASH_POWER;
    process_discard(node);
    sim_mem_owner_discard(&node->memory);
    if (node->on_down != NULL)
        node->on_down(node->on_down_context, node, true);
}

void sim_node_power_off(struct sim_node *node)
{
    if (node->up) {
        sim_node_crash(node, SIM_CRASH_POWER);
        return;
    }
    sim_log(node->world, "%s loses its power while its process is down", node->name);
    sim_world_note(node->world, NOTE_CRASH, node->id, SIM_CRASH_POWER);
    sim_storage_power_loss(node->storage);
    node->machine_off = true;
}

void sim_node_kill(struct sim_node *node, enum sim_crash how)
{
    if (node->dying)
        return;
    node->dying = true;
    node->dying_how = how;
    sim_storage_dead(node->storage);
}

static void call_stop(struct env *env, void *context)
{
    struct sim_node *node = context;
    UNUSED(env);
    if (node->ops.stop != NULL)
        node->ops.stop(node->ops_context, node->process);
    else
        sim_node_stopped(node);
}

void sim_node_stop(struct sim_node *node)
{
    if (!node->up || node->stopping)
        return;
    sim_world_note(node->world, NOTE_STOP, node->id, 0);
    sim_log(node->world, "%s is asked to stop", node->name);
    node->stopping = true;
    sim_shard_call(&node->shards[0], call_stop, node);
}

/* What must be so when a process ends by itself. */
static void check_ended(struct sim_node *node)
{
    struct sim_world *world = node->world;
    for (uint32_t i = 0; i < node->shard_count; i++) {
        struct sim_shard *shard = &node->shards[i];
        SIM_CHECK(world, heap_min(&shard->timers) == NULL, "%s ended with a timer set on shard %u",
                  node->name, i);
        SIM_CHECK(world, list_empty(&shard->messages), "%s ended with a message to shard %u",
                  node->name, i);
    }
    sim_jobs_check_none(node);
    SIM_CHECK(world, sim_storage_open_count(node->storage) == 0, "%s ended with %zu open files",
              node->name, sim_storage_open_count(node->storage));
    size_t streams = sim_net_stream_count(node);
    SIM_CHECK(world, streams == 0, "%s ended with %zu open streams and listeners", node->name,
              streams);
}

static void end_event(struct sim_world *world, struct sim_event *event)
{
    sim_free(event);
    for (uint32_t i = 0; i < world->node_count; i++) {
        struct sim_node *node = world->nodes[i];
        if (!node->up || !node->stopped || node->dying)
            continue;
        sim_log(world, "%s has stopped", node->name);
        if (node->ops.free != NULL) {
            world->current = &node->shards[0];
            node->booting = true; /* all its envs may be used once more */
            struct sim_mem_owner *before = sim_mem_enter(&node->memory);
            node->ops.free(node->ops_context, node->process);
            (void)sim_mem_enter(before);
            node->booting = false;
            world->current = NULL;
        }
        check_ended(node);
        sim_storage_process_gone(node->storage);
        sim_net_process_gone(node, SIM_CRASH_KILL);
        process_discard(node);
        SIM_CHECK(world, node->memory.block_count == 0,
                  "%s ended with %zu blocks (%zu bytes) not given back, the last of %zu bytes",
                  node->name, node->memory.block_count, node->memory.bytes,
                  sim_mem_owner_block_size(&node->memory, 0));
        sim_mem_owner_discard(&node->memory);
        if (node->on_down != NULL)
            node->on_down(node->on_down_context, node, false);
    }
}

void sim_node_stopped(struct sim_node *node)
{
    ASSERT(node->up && !node->stopped);
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    node->stopped = true;
    struct sim_event *event = sim_alloc(sizeof *event);
    sim_event_init(event, end_event);
    sim_event_set(node->world, event, node->world->now_ns);
    (void)sim_mem_enter(before);
}

void sim_node_pause(struct sim_node *node)
{
    if (!node->up || node->paused)
        return;
    sim_world_note(node->world, NOTE_PAUSE, node->id, 0);
    sim_log(node->world, "%s is paused", node->name);
    node->paused = true;
}

void sim_node_resume(struct sim_node *node)
{
    if (!node->up || !node->paused)
        return;
    sim_world_note(node->world, NOTE_RESUME, node->id, 0);
    sim_log(node->world, "%s goes on", node->name);
    node->paused = false;
    for (uint32_t i = 0; i < node->shard_count; i++)
        sim_event_set(node->world, &node->shards[i].turn, node->world->now_ns);
}
