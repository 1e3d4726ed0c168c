/*
 * One node, several shards; producers, consumers, an admin and an audit on hosts of their own;
 * faults of every sort; and the promises of model.h.
 *
 * Safety: the workload runs while faults happen, as many and of such kinds as the seed has drawn.
 * The node is started again whenever it is down, with another number of shards perhaps. Each start
 * is followed by an audit; after a power loss nobody else sends before it is over. Liveness:
 * everything is healed; all that is pending has to finish. End: the node stops cleanly, loses its
 * power, starts, and everything is still there.
 */
#include "broker.h"
#include "client.h"
#include "scenario.h"
#include "sim_fault.h"
#include "sim_net.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TOPICS_MAX 4
#define PARTITIONS_MAX 16
#define PRODUCERS_MAX 4
#define CONSUMERS_MAX 3
#define MEMBERS_MAX 6
#define CLIENTS_MAX (PRODUCERS_MAX + CONSUMERS_MAX + MEMBERS_MAX + 3)

enum fault {
    FAULT_KILL,
    FAULT_POWER,
    FAULT_STOP,
    FAULT_KILL_IN_CALL,
    FAULT_POWER_IN_CALL,
    FAULT_ERROR_IN_CALL,
    FAULT_DISK_FULL,
    FAULT_DISK_CHANCE,
    FAULT_DISK_STALL,
    FAULT_DISK_BREAKS,
    FAULT_RESET,
    FAULT_VANISH,
    FAULT_CUT,
    FAULT_PAUSE,
    FAULT_PAUSE_CLIENT,
    FAULT_CLOCK,
    FAULT_MEMORY,
    FAULT_COUNT,
};

enum kind { KIND_ADMIN, KIND_AUDIT, KIND_PRODUCER, KIND_CONSUMER, KIND_STRANGER, KIND_MEMBER };

struct node_scenario;

struct client_host {
    struct node_scenario *scenario;
    struct sim_node *node;
    enum kind kind;
    struct client *client; /* NULL: a stranger */
    union {
        struct client_options any;
        struct client_producer_options producer;
        struct client_consumer_options consumer;
        struct client_admin_options admin;
        struct client_member_options member;
    } options;
};

/* What becomes of one log directory of several, while the others go on. */
enum dir_fault {
    DIR_FAULT_NONE,
    DIR_FAULT_BREAKS,
    DIR_FAULT_SYNC,
    DIR_FAULT_FULL,
    DIR_FAULT_STALL
};

/* What a scenario makes of it. */
struct node_plan {
    uint32_t fault_kinds; /* a bit for each enum fault */
    uint32_t faults;
    const struct sim_fault *nth; /* in the first life of the node; NULL: none */
    bool small;                  /* few of everything */
    enum dir_fault dir_fault;
    uint32_t members; /* of a group */
};

struct node_scenario {
    struct sim_world *world;
    bool small;
    enum dir_fault dir_fault;
    struct prng prng;
    struct model model;
    struct broker_status broker;
    struct client_host hosts[CLIENTS_MAX];
    size_t host_count;
    struct model_partition *partitions[PARTITIONS_MAX];
    size_t partition_count;
    struct model_lane *lanes[PRODUCERS_MAX][PARTITIONS_MAX];
    struct client_group group;
    uint32_t members;
    uint32_t member_faults_left;
    struct sim_event member_fault;

    /* Faults. */
    uint32_t fault_kinds; /* a bit for each enum fault */
    uint32_t faults_left;
    uint64_t fault_every_ns;
    struct sim_event fault;
    struct sim_event heal; /* of what lasts a while */
    struct sim_event restart;
    uint32_t shards_max;
    bool healed;
    uint64_t faults_at_boot; /* of the disk */
};

static struct sim_node *broker_of(struct node_scenario *s)
{
    return s->broker.node;
}

/* ---- Setting up ---- */

static void *client_boot(void *context, const struct sim_process_options *options)
{
    struct client_host *host = context;
    struct env *env = options->envs[0];
    switch (host->kind) {
    case KIND_ADMIN:
        host->client = client_admin_new(env, &host->options.admin);
        break;
    case KIND_AUDIT:
        host->client = client_audit_new(env, &host->options.any);
        break;
    case KIND_PRODUCER:
        host->client = client_producer_new(env, &host->options.producer);
        break;
    case KIND_CONSUMER:
        host->client = client_consumer_new(env, &host->options.consumer);
        break;
    case KIND_STRANGER:
        client_stranger_start(env, &host->options.any);
        break;
    case KIND_MEMBER:
        host->client = client_member_new(env, &host->options.member);
        break;
    }
    return host->client;
}

static const struct sim_process_ops client_process_ops = {.boot = client_boot};

static struct client_host *host_add(struct node_scenario *s, enum kind kind, const char *name)
{
    ASSERT(s->host_count < CLIENTS_MAX);
    struct client_host *host = &s->hosts[s->host_count];
    char full[32];
    (void)snprintf(full, sizeof full, "%s%zu", name, s->host_count);
    host->scenario = s;
    host->kind = kind;
    host->node = sim_node_new(s->world, full);
    host->options.any = (struct client_options){.model = &s->model,
                                                .host = "broker",
                                                .port = 9092,
                                                .id = (uint32_t)s->host_count,
                                                .audits = kind == KIND_AUDIT};
    s->host_count++;
    return host;
}

static void topics_make(struct node_scenario *s, struct prng *prng)
{
    static const char *const compressions[] = {"uncompressed", "gzip", "snappy", "lz4", "zstd"};
    uint64_t count = s->small ? 2 : 1 + prng_below(prng, TOPICS_MAX);
    for (uint64_t i = 0; i < count; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "topic%u", (unsigned)i);
        struct model_topic *topic = model_topic_add(
            &s->model, name,
            s->small ? 2 : (int32_t)prng_range(prng, 1, PARTITIONS_MAX / TOPICS_MAX),
            s->small ? i == 0 : prng_chance(prng, 1, 2));
        topic->segment_bytes =
            prng_chance(prng, 1, 2) ? 0 : 32768 + (int32_t)prng_below(prng, 131072);
        if (s->small)
            topic->segment_bytes = 18000 + (int32_t)prng_below(prng, 4096);
        if (topic->segment_bytes > 0 && (s->small ? i == 1 : prng_chance(prng, 1, 3)))
            topic->retention_bytes = 1 + (int32_t)prng_below(prng, 100000);
        if (prng_chance(prng, 1, 4))
            topic->compression = compressions[prng_below(prng, ARRAY_COUNT(compressions))];
        topic->append_time = prng_chance(prng, 1, 6);
        for (int32_t p = 0; p < topic->partition_count; p++)
            s->partitions[s->partition_count++] = &topic->partitions[p];
    }
}

static void producer_make(struct node_scenario *s, struct prng *prng, size_t index)
{
    struct client_host *host = host_add(s, KIND_PRODUCER, "producer");
    struct client_producer_options *options = &host->options.producer;
    uint64_t draw = prng_below(prng, 8);
    options->acks = draw == 0 ? 0 : draw <= 2 ? 1 : -1;
    options->idempotent = options->acks == -1 && prng_chance(prng, 2, 3);
    options->window = 1 + (uint32_t)prng_below(prng, 5);
    options->batch_max = 1 + (uint32_t)prng_below(prng, 20);
    options->linger_ms = (uint32_t)prng_below(prng, 40);
    options->codec_weight = (uint8_t)prng_below(prng, 4);
    options->lanes = s->lanes[index];
    for (size_t i = 0; i < s->partition_count; i++) {
        if (!prng_chance(prng, 1, 2) && options->lane_count + s->partition_count - i > 1)
            continue;
        int64_t total = 10 + (int64_t)prng_below(prng, s->small ? 150 : 300);
        if (s->dir_fault == DIR_FAULT_STALL)
            total *= 5; /* more than may be behind */
        s->lanes[index][options->lane_count++] =
            model_lane_add(&s->model, s->partitions[i], options->acks, options->idempotent, total);
    }
}

static void consumer_make(struct node_scenario *s, struct prng *prng)
{
    struct client_host *host = host_add(s, KIND_CONSUMER, "consumer");
    struct client_consumer_options *options = &host->options.consumer;
    options->partitions = s->partitions;
    options->partition_count = s->partition_count;
    options->sessions = prng_chance(prng, 1, 2);
    options->max_wait_ms = (int32_t)prng_below(prng, 500);
    options->max_bytes = prng_chance(prng, 1, 2) ? INT32_MAX : 1 + (int32_t)prng_below(prng, 50000);
    options->partition_max_bytes =
        prng_chance(prng, 1, 2) ? 1 << 20 : 1 + (int32_t)prng_below(prng, 20000);
    /* More than a response may carry is waited for in vain each time, which takes long. */
    bool small = options->partition_max_bytes < 1 << 20 || options->max_bytes < INT32_MAX;
    options->min_bytes = small || prng_chance(prng, 1, 2) ? 1 : (int32_t)prng_below(prng, 5000);
    options->rewinds = prng_chance(prng, 1, 2) ? 0 : (uint32_t)prng_below(prng, 10);
}

static void on_down(void *context, struct sim_node *node, bool crashed);

static void on_sync_failed(void *context)
{
    struct node_scenario *s = context;
    model_sync_failed(&s->model);
}

static void broker_boot(struct node_scenario *s)
{
    struct sim_node *node = broker_of(s);
    s->faults_at_boot = sim_storage_fault_count(node->storage);
    sim_node_boot(node, 1 + (uint32_t)prng_below(&s->prng, s->shards_max), &broker_process_ops,
                  &s->broker);
    for (size_t i = 0; i < s->host_count; i++) {
        if (s->hosts[i].kind == KIND_AUDIT && s->hosts[i].client != NULL)
            client_audit_begin(s->hosts[i].client);
    }
}

static void restart_fire(struct sim_world *world, struct sim_event *event)
{
    UNUSED(world);
    struct node_scenario *s = CONTAINER_OF(event, struct node_scenario, restart);
    if (!broker_of(s)->up)
        broker_boot(s);
}

/* Whoever stops in good order says so in each log directory, durably. */
static void check_clean_marks(struct node_scenario *s)
{
    for (uint32_t i = 0; i < s->broker.options.log_dir_count; i++) {
        char path[48];
        uint64_t size;
        (void)snprintf(path, sizeof path, "/data%u/.kafka_cleanshutdown", i);
        enum err err = sim_storage_truth_size(broker_of(s)->storage, path, true, &size);
        SIM_CHECK(s->world, err == ERR_OK, "the node has stopped, and %s is not there", path);
    }
}

static void on_down(void *context, struct sim_node *node, bool crashed)
{
    struct node_scenario *s = context;
    bool power = crashed && node->machine_off;
    if (!power && !s->model.syncs_hold) {
        /* The page cache has what the disk does not, and nobody could tell any more. The operator
         * repairs the disk, and starts the machine again. */
        sim_node_power_off(node);
        power = true;
    }
    if (power)
        model_power_lost(&s->model);
    else if (crashed || s->broker.failed)
        model_crashed(&s->model);
    /* Before it runs it has not recovered its logs, and its stop promises nothing. */
    if (!crashed && !power && !s->broker.failed && s->broker.running &&
        sim_storage_fault_count(node->storage) == s->faults_at_boot) {
        check_clean_marks(s);
        model_stopped_cleanly(&s->model);
    }
    s->broker.running = false;
    uint64_t pause = prng_chance(&s->prng, 1, 2) ? 100 * SIM_MS : 3 * SIM_S;
    sim_event_set(s->world, &s->restart, s->world->now_ns + sim_draw(&s->prng, pause));
}

static void broker_make(struct node_scenario *s, struct prng *prng)
{
    struct sim_node *node = sim_node_new(s->world, "broker");
    struct broker_options *options = &s->broker.options;
    s->broker.node = node;
    options->log_dir_count = prng_chance(prng, 3, 4) ? 1 : 2 + (uint32_t)prng_below(prng, 2);
    if (s->small)
        options->log_dir_count = 2;
    if (s->dir_fault != DIR_FAULT_NONE)
        options->log_dir_count = 3;
    struct prng bounds;
    sim_prng_init(s->world, &bounds, "unwritten", 0);
    if (prng_chance(&bounds, 1, 2))
        options->unwritten_bytes = 16384 + (uint32_t)prng_below(&bounds, 500000);
    options->snapshot_bytes = prng_chance(prng, 1, 2) ? 0 : 500 + (uint32_t)prng_below(prng, 5000);
    options->checkpoint_ms = prng_chance(prng, 1, 2) ? 0 : 10 + (uint32_t)prng_below(prng, 3000);
    options->index_interval = prng_chance(prng, 1, 2) ? 0 : 1 + (uint32_t)prng_below(prng, 10000);
    options->retention_check_ms =
        prng_chance(prng, 1, 4) ? 0 : 50 + (uint32_t)prng_below(prng, 2000);
    options->idle_ms = prng_chance(prng, 3, 4) ? 0 : 1000 + (uint32_t)prng_below(prng, 20000);
    for (uint32_t i = 0; i < options->log_dir_count; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/data%u", i);
        sim_storage_add_volume(node->storage, path, 0);
    }
    sim_storage_on_sync_failed(node->storage, on_sync_failed, s);
    node->on_down = on_down;
    node->on_down_context = s;
    s->shards_max = 1 + (uint32_t)prng_below(prng, 4);
    if (s->dir_fault == DIR_FAULT_STALL) {
        options->unwritten_bytes = 16384 + (uint32_t)prng_below(&bounds, 16384);
        /* Each shard may go past its part by a batch, and there are indexes. */
        node->unwritten_bytes_max = options->unwritten_bytes + s->shards_max * 25000 + 20000;
    }
}

/* ---- Faults ---- */

static void disk_error_plan(struct node_scenario *s)
{
    static const enum err errs[] = {ERR_IO, ERR_IO, ERR_NOSPACE, ERR_DENIED};
    struct sim_fault fault = {
        .kind = SIM_FAULT_ERROR,
        .err = errs[prng_below(&s->prng, ARRAY_COUNT(errs))],
        .ops = prng_chance(&s->prng, 1, 2) ? SIM_OPS_ALL : 1u << prng_below(&s->prng, SIM_OP_COUNT),
        .countdown = 1 + prng_below(&s->prng, 100),
        .repeat = prng_chance(&s->prng, 3, 4) ? 0 : prng_below(&s->prng, 20),
    };
    sim_storage_plan(broker_of(s)->storage, &fault);
}

static void crash_plan(struct node_scenario *s, enum sim_fault_kind kind)
{
    struct sim_fault fault = {.kind = kind,
                              .ops = prng_chance(&s->prng, 1, 2) ? SIM_OPS_ALL : SIM_OPS_CHANGE,
                              .countdown = 1 + prng_below(&s->prng, 200)};
    sim_storage_plan(broker_of(s)->storage, &fault);
}

static void disks_fill(struct node_scenario *s)
{
    for (uint32_t i = 0; i < s->broker.options.log_dir_count; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/data%u", i);
        struct sim_storage *storage = broker_of(s)->storage;
        uint64_t room = prng_below(&s->prng, 100000);
        sim_storage_set_capacity(storage, path, sim_storage_used_bytes(storage, path) + room + 1);
    }
    sim_log(s->world, "the disks are nearly full");
}

static void heal_fire(struct sim_world *world, struct sim_event *event)
{
    struct node_scenario *s = CONTAINER_OF(event, struct node_scenario, heal);
    struct sim_storage *storage = broker_of(s)->storage;
    sim_log(world, "what lasts a while is over");
    for (uint32_t i = 0; i < s->broker.options.log_dir_count; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/data%u", i);
        sim_storage_set_capacity(storage, path, 0);
        sim_storage_break(storage, path, ERR_OK);
    }
    sim_storage_chance(storage, false);
    broker_of(s)->memory.fail_in = 0;
    sim_node_resume(broker_of(s));
    for (size_t i = 0; i < s->host_count; i++)
        sim_node_resume(s->hosts[i].node);
    sim_net_heal(world->net);
}

static void clock_fault(struct node_scenario *s)
{
    struct sim_node *node = broker_of(s);
    if (prng_chance(&s->prng, 1, 2))
        sim_node_clock_jump(node, prng_range(&s->prng, -600, 3600) * (int64_t)SIM_S);
    else
        sim_node_clock_drift(node, prng_range(&s->prng, -100000, 100000));
}

static struct client_host *host_draw(struct node_scenario *s)
{
    return &s->hosts[prng_below(&s->prng, s->host_count)];
}

static void fault_happen(struct node_scenario *s, enum fault fault)
{
    struct sim_node *node = broker_of(s);
    struct sim_net *net = s->world->net;
    struct client_host *host = host_draw(s);
    switch (fault) {
    case FAULT_KILL:
        sim_node_crash(node, SIM_CRASH_KILL);
        break;
    case FAULT_POWER:
        sim_node_crash(node, SIM_CRASH_POWER);
        break;
    case FAULT_STOP:
        sim_node_stop(node);
        break;
    case FAULT_KILL_IN_CALL:
        crash_plan(s, SIM_FAULT_KILL);
        break;
    case FAULT_POWER_IN_CALL:
        crash_plan(s, SIM_FAULT_POWER);
        break;
    case FAULT_ERROR_IN_CALL:
        disk_error_plan(s);
        break;
    case FAULT_DISK_FULL:
        disks_fill(s);
        break;
    case FAULT_DISK_CHANCE:
        sim_storage_chance(node->storage, true);
        break;
    case FAULT_DISK_STALL:
        if (node->up)
            sim_node_stall(node, (uint32_t)prng_below(&s->prng, s->broker.options.log_dir_count),
                           prng_below(&s->prng, 5 * SIM_S));
        break;
    case FAULT_DISK_BREAKS: {
        char path[16];
        (void)snprintf(path, sizeof path, "/data%u",
                       (unsigned)prng_below(&s->prng, s->broker.options.log_dir_count));
        sim_storage_break(node->storage, path, ERR_IO);
        break;
    }
    case FAULT_RESET:
        (void)sim_net_reset_some(net, node, 300000);
        break;
    case FAULT_VANISH:
        (void)sim_net_vanish_some(net, prng_chance(&s->prng, 1, 2) ? node : host->node, 300000);
        break;
    case FAULT_CUT:
        if (prng_chance(&s->prng, 1, 2))
            sim_net_block(net, host->node, node, true);
        else
            sim_net_block(net, node, host->node, true);
        break;
    case FAULT_PAUSE:
        sim_node_pause(node);
        break;
    case FAULT_PAUSE_CLIENT:
        sim_node_pause(host->node);
        break;
    case FAULT_CLOCK:
        clock_fault(s);
        break;
    case FAULT_MEMORY:
        s->model.memory_short = true;
        node->memory.fail_in = 1 + prng_below(&s->prng, 300);
        node->memory.fail_more = prng_chance(&s->prng, 1, 2) ? 0 : prng_below(&s->prng, 20);
        break;
    case FAULT_COUNT:
        UNREACHABLE();
    }
}

static void fault_fire(struct sim_world *world, struct sim_event *event)
{
    struct node_scenario *s = CONTAINER_OF(event, struct node_scenario, fault);
    enum fault fault;
    do {
        fault = (enum fault)prng_below(&s->prng, FAULT_COUNT);
    } while ((s->fault_kinds & (1u << fault)) == 0);
    fault_happen(s, fault);
    if (!sim_event_is_set(&s->heal))
        sim_event_set(world, &s->heal, world->now_ns + sim_draw(&s->prng, 10 * SIM_S));
    if (--s->faults_left > 0)
        sim_event_set(world, event, world->now_ns + sim_draw(&s->prng, 2 * s->fault_every_ns));
}

static void members_reboot(struct node_scenario *s)
{
    for (size_t i = 0; i < s->host_count; i++) {
        if (s->hosts[i].kind == KIND_MEMBER && !s->hosts[i].node->up)
            sim_node_reboot(s->hosts[i].node, 1);
    }
}

/* One of them crashes, and comes back as another one; or it stalls, perhaps for longer than its
 * session. */
static void member_fault_fire(struct sim_world *world, struct sim_event *event)
{
    struct node_scenario *s = CONTAINER_OF(event, struct node_scenario, member_fault);
    if (prng_chance(&s->prng, 1, 3))
        members_reboot(s);
    struct client_host *host;
    do {
        host = host_draw(s);
    } while (host->kind != KIND_MEMBER);
    if (!host->node->up) {
        sim_node_reboot(host->node, 1);
    } else if (host->node->paused) {
        sim_node_resume(host->node);
    } else if (prng_chance(&s->prng, 1, 2)) {
        host->client = NULL;
        sim_node_crash(host->node, SIM_CRASH_KILL);
    } else {
        sim_node_pause(host->node);
    }
    if (--s->member_faults_left > 0)
        sim_event_set(world, event, world->now_ns + sim_draw(&s->prng, 8 * SIM_S));
}

static void members_make(struct node_scenario *s, uint32_t count)
{
    s->members = count;
    s->group.topic = LIST_ENTRY(s->model.topics.next, struct model_topic, node);
    s->group.power = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct client_host *host = host_add(s, KIND_MEMBER, "member");
        host->options.member.group = &s->group;
        host->options.member.leaves = (uint32_t)prng_below(&s->prng, 4);
    }
    s->member_faults_left = count > 0 ? 5 + (uint32_t)prng_below(&s->prng, 20) : 0;
    s->broker.options.offsets_partitions = 1 + (uint32_t)prng_below(&s->prng, 4);
    s->broker.options.group_delay_ms = 1 + (uint32_t)prng_below(&s->prng, 500);
}

/* ---- Phases ---- */

static bool safety_goes_on(void *context)
{
    struct node_scenario *s = context;
    return s->faults_left > 0 || s->member_faults_left > 0 || sim_event_is_set(&s->heal);
}

/* Every partition is owned, in one generation, which nobody leaves any more. */
static bool group_is_settled(const struct node_scenario *s)
{
    int32_t owned = 0;
    for (size_t i = 0; i < s->host_count; i++) {
        const struct client_host *host = &s->hosts[i];
        if (host->kind != KIND_MEMBER)
            continue;
        int32_t one = host->client != NULL ? client_member_settled(host->client) : -1;
        if (one < 0)
            return false;
        owned += one;
    }
    return s->members == 0 || owned == s->group.topic->partition_count;
}

static bool all_done(struct node_scenario *s)
{
    if (!s->broker.running || s->model.gate_closed || !model_is_done(&s->model))
        return false;
    if (!group_is_settled(s))
        return false;
    for (size_t i = 0; i < s->host_count; i++) {
        const struct client_host *host = &s->hosts[i];
        if ((host->kind == KIND_ADMIN && !client_admin_is_done(host->client)) ||
            (host->kind == KIND_CONSUMER && !client_consumer_is_done(host->client)) ||
            (host->kind == KIND_AUDIT && !client_audit_is_done(host->client)))
            return false;
    }
    return true;
}

static bool liveness_goes_on(void *context)
{
    return !all_done(context);
}

static void tell_pending(struct node_scenario *s)
{
    struct sim_world *world = s->world;
    const struct sim_node *node = broker_of(s);
    sim_log(world, "the node is %s%s%s%s%s", node->up ? "up" : "down",
            node->stopping ? ", stopping" : "", s->broker.running ? ", running" : "",
            s->broker.failed ? ", failed: " : "", s->broker.failed ? s->broker.why : "");
    sim_log(world, "the gate is %s", s->model.gate_closed ? "closed" : "open");
    for (int32_t i = 0; i < s->model.lane_count; i++) {
        const struct model_lane *lane = s->model.lanes[i];
        if (!lane->closed && lane->done < lane->total)
            sim_log(world, "lane %d (%s-%d, acks %d%s): %" PRId64 " of %" PRId64 " are done", i,
                    lane->partition->topic->name, lane->partition->index, lane->acks,
                    lane->idempotent ? ", idempotent" : "", lane->done, lane->total);
    }
    for (size_t i = 0; i < s->host_count; i++) {
        const struct client_host *host = &s->hosts[i];
        if (host->client != NULL)
            client_tell(host->client, host->node->name);
        if (host->kind == KIND_ADMIN && !client_admin_is_done(host->client))
            sim_log(world, "%s is not done", host->node->name);
        if (host->kind == KIND_CONSUMER && !client_consumer_is_done(host->client))
            sim_log(world, "%s is not done", host->node->name);
        if (host->kind == KIND_AUDIT && !client_audit_is_done(host->client))
            sim_log(world, "%s is not done", host->node->name);
    }
}

static void finish_or_fail(struct node_scenario *s, const char *what)
{
    if (sim_world_run_while(s->world, liveness_goes_on, s, 600 * SIM_S))
        return;
    tell_pending(s);
    sim_fail(s->world, SIM_EXIT_LIVENESS, "%s, and not all that is pending finishes", what);
}

static void heal_all(struct node_scenario *s)
{
    struct sim_world *world = s->world;
    struct sim_node *node = broker_of(s);
    sim_log(world, "---- everything is healed");
    s->healed = true;
    s->model.strangers_gone = true;
    sim_event_cancel(world, &s->fault);
    sim_event_cancel(world, &s->heal);
    sim_event_cancel(world, &s->member_fault);
    members_reboot(s);
    heal_fire(world, &s->heal);
    sim_options_heal(&world->options);
    sim_storage_heal(node->storage);
    /* Directories that went offline come back with the next start. */
    bool disk_faulted = sim_storage_fault_count(node->storage) != s->faults_at_boot;
    if (node->up && !node->stopping && disk_faulted)
        sim_node_crash(node, SIM_CRASH_KILL);
}

static bool is_up(void *context)
{
    struct node_scenario *s = context;
    return broker_of(s)->up;
}

/* A clean stop, a power loss while it is down, and a start: all is there. */
static void stop_and_look(struct node_scenario *s, bool power)
{
    sim_log(s->world, "---- a clean stop%s", power ? ", and a power loss after it" : "");
    sim_node_stop(broker_of(s));
    if (!sim_world_run_while(s->world, is_up, s, 120 * SIM_S)) {
        sim_fail(s->world, SIM_EXIT_LIVENESS, "the node does not stop");
        return;
    }
    if (power) {
        sim_node_power_off(broker_of(s));
        model_power_lost(&s->model);
    }
    finish_or_fail(s, "started after a clean stop");
}

static bool nth_goes_on(void *context)
{
    struct node_scenario *s = context;
    return !sim_storage_plan_hit(broker_of(s)->storage) && !all_done(s);
}

/* ---- One directory of several ---- */

static bool is_in_dir(struct node_scenario *s, const struct model_partition *p, uint32_t dir)
{
    char path[96];
    uint64_t size;
    (void)snprintf(path, sizeof path, "/data%u/%s-%d/partition.metadata", dir, p->topic->name,
                   p->index);
    return sim_storage_truth_size(broker_of(s)->storage, path, false, &size) == ERR_OK;
}

#define STALL_NS (60 * SIM_S)

struct dir_wait {
    struct node_scenario *s;
    uint32_t dir; /* what is in it is not waited for */
};

/* Answers leave in the order of the requests, so that a producer whose answer from one directory
 * does not come gets none from another. */
static bool producer_goes_on(const struct dir_wait *wait, size_t index)
{
    struct node_scenario *s = wait->s;
    bool pending = false;
    for (size_t i = 0; i < PARTITIONS_MAX && s->lanes[index][i] != NULL; i++) {
        const struct model_lane *lane = s->lanes[index][i];
        bool in_dir = is_in_dir(s, lane->partition, wait->dir);
        if (in_dir && s->dir_fault == DIR_FAULT_STALL)
            return false;
        pending = pending || (!lane->closed && lane->done < lane->total && !in_dir);
    }
    return pending;
}

static bool others_go_on(void *context)
{
    const struct dir_wait *wait = context;
    for (size_t i = 0; i < PRODUCERS_MAX; i++) {
        if (!wait->s->broker.failed && producer_goes_on(wait, i))
            return true;
    }
    return false;
}

static bool is_starting(void *context)
{
    struct node_scenario *s = context;
    if (s->dir_fault == DIR_FAULT_STALL || s->dir_fault == DIR_FAULT_FULL) {
        LIST_FOR_EACH (node, &s->model.topics) {
            if (LIST_ENTRY(node, struct model_topic, node)->state == MODEL_TOPIC_CREATING)
                return true;
        }
    }
    return !s->broker.running;
}

/* Who has nothing to write need not find out. */
static bool has_not_failed(void *context)
{
    struct node_scenario *s = context;
    return !s->broker.failed && !all_done(s);
}

static void dir_fault_begin(struct node_scenario *s, uint32_t dir)
{
    static const char *const folders[] = {"/data0/", "/data1/", "/data2/"};
    struct sim_storage *storage = broker_of(s)->storage;
    char path[16];
    (void)snprintf(path, sizeof path, "/data%u", dir);
    struct sim_fault sync = {.kind = SIM_FAULT_ERROR,
                             .err = ERR_IO,
                             .ops = 1u << SIM_OP_SYNC | 1u << SIM_OP_SYNC_FOLDER,
                             .path = folders[dir],
                             .countdown = 1};
    switch (s->dir_fault) {
    case DIR_FAULT_BREAKS:
        sim_storage_break(storage, path, ERR_IO);
        break;
    case DIR_FAULT_SYNC:
        sim_storage_plan(storage, &sync);
        break;
    case DIR_FAULT_FULL:
        sim_storage_set_capacity(storage, path, sim_storage_used_bytes(storage, path) + 1);
        break;
    case DIR_FAULT_STALL:
        sim_node_stall(broker_of(s), dir, STALL_NS);
        break;
    case DIR_FAULT_NONE:
        UNREACHABLE();
    }
}

static bool is_down_or_starting(void *context)
{
    struct node_scenario *s = context;
    return !broker_of(s)->up || !s->broker.running;
}

static bool lanes_go_on(void *context)
{
    struct node_scenario *s = context;
    return !model_is_done(&s->model);
}

/* A node starts on a full disk, and takes records again when there is room, without a start. */
static void full_dir_goes_on(struct node_scenario *s, uint32_t dir)
{
    struct sim_world *world = s->world;
    struct sim_node *node = broker_of(s);
    /* What a start needs in the metadata log's directory is set aside some time after the first. */
    uint64_t ballast = 0;
    enum err err = sim_storage_truth_size(node->storage, "/data0/ottla-ballast", false, &ballast);
    bool can_start = dir != 0 || (err == ERR_OK && ballast > 0);
    if (can_start && prng_chance(&s->prng, 1, 2)) {
        sim_node_crash(node, SIM_CRASH_KILL);
        if (!sim_world_run_while(world, is_down_or_starting, s, 60 * SIM_S))
            sim_fail(world, SIM_EXIT_LIVENESS, "the node does not start on a full disk: %s",
                     s->broker.failed ? s->broker.why : "");
    }
    uint32_t life = node->incarnation;
    char path[16];
    (void)snprintf(path, sizeof path, "/data%u", dir);
    sim_storage_set_capacity(node->storage, path, 0);
    sim_log(world, "---- %s has room again", path);
    if (!sim_world_run_while(world, lanes_go_on, s, 600 * SIM_S)) {
        tell_pending(s);
        sim_fail(world, SIM_EXIT_LIVENESS, "%s has room again, and records are still refused",
                 path);
    }
    SIM_CHECK(world, node->incarnation == life, "the node went down when there was room again");
}

/*
 * It fails while all is at work. The node lives on, and every lane into a partition elsewhere comes
 * to its end, before anything is repaired. Only without the directory of the metadata log the node
 * stops, and says so; on a full one it goes on, too.
 */
static void dir_fails(struct node_scenario *s)
{
    struct sim_world *world = s->world;
    struct sim_node *node = broker_of(s);
    struct dir_wait wait = {s, (uint32_t)prng_below(&s->prng, 3)};
    if (!sim_world_run_while(world, is_starting, s, 60 * SIM_S))
        sim_fail(world, SIM_EXIT_LIVENESS, "the node does not start");
    sim_world_run_for(world,
                      prng_below(&s->prng, prng_chance(&s->prng, 3, 4) ? SIM_S : 30 * SIM_S));
    sim_log(world, "---- /data%u fails", wait.dir);
    uint32_t life = node->incarnation;
    dir_fault_begin(s, wait.dir);
    if (wait.dir == 0 && s->dir_fault != DIR_FAULT_FULL && s->dir_fault != DIR_FAULT_STALL) {
        if (!sim_world_run_while(world, has_not_failed, s, 600 * SIM_S))
            sim_fail(world, SIM_EXIT_LIVENESS, "the node lives without its metadata log");
        SIM_CHECK(world, !s->broker.failed || strstr(s->broker.why, "metadata") != NULL,
                  "the node stops with: %s", s->broker.why);
        return;
    }
    if (!sim_world_run_while(world, others_go_on, &wait, 600 * SIM_S)) {
        tell_pending(s);
        sim_fail(world, SIM_EXIT_LIVENESS, "/data%u fails, and the others do not go on", wait.dir);
    }
    if (s->dir_fault == DIR_FAULT_STALL)
        SIM_CHECK(world, sim_node_stalls(node, wait.dir), "the others waited for /data%u",
                  wait.dir);
    SIM_CHECK(world, node->up && !s->broker.failed && node->incarnation == life,
              "the node went down for one directory: %s", s->broker.failed ? s->broker.why : "");
    if (s->dir_fault == DIR_FAULT_FULL)
        full_dir_goes_on(s, wait.dir);
}

/* Returns whether the planned fault was hit. */
static bool run(struct sim_world *world, const struct node_plan *plan)
{
    struct node_scenario *s = sim_alloc(sizeof *s);
    s->world = world;
    s->small = plan->small;
    s->dir_fault = plan->dir_fault;
    sim_prng_init(world, &s->prng, "scenario", 0);
    struct prng setup;
    sim_prng_init(world, &setup, "setup", 0);
    model_init(&s->model, world);
    sim_event_init(&s->fault, fault_fire);
    sim_event_init(&s->heal, heal_fire);
    sim_event_init(&s->restart, restart_fire);
    sim_event_init(&s->member_fault, member_fault_fire);
    s->fault_kinds = plan->fault_kinds;
    s->faults_left = plan->fault_kinds != 0 ? plan->faults : 0;
    s->fault_every_ns = 10 * SIM_MS + prng_below(&setup, 2 * SIM_S);

    broker_make(s, &setup);
    topics_make(s, &setup);
    struct client_host *admin = host_add(s, KIND_ADMIN, "admin");
    admin->options.admin.churn_count = s->small ? 1 : (uint32_t)prng_below(&setup, 6);
    (void)host_add(s, KIND_AUDIT, "audit");
    uint64_t producers = s->small ? 2 : 1 + prng_below(&setup, PRODUCERS_MAX);
    for (uint64_t i = 0; i < producers; i++)
        producer_make(s, &setup, (size_t)i);
    uint64_t consumers = s->small ? 1 : 1 + prng_below(&setup, CONSUMERS_MAX);
    for (uint64_t i = 0; i < consumers; i++)
        consumer_make(s, &setup);

    if (!s->small && prng_chance(&setup, 1, 2))
        (void)host_add(s, KIND_STRANGER, "stranger");

    if (plan->members > 0) {
        members_make(s, plan->members);
        sim_event_set(world, &s->member_fault, world->now_ns + sim_draw(&s->prng, 10 * SIM_S));
    }
    if (plan->nth != NULL)
        sim_storage_plan(broker_of(s)->storage, plan->nth);
    broker_boot(s);
    for (size_t i = 0; i < s->host_count; i++)
        sim_node_boot(s->hosts[i].node, 1, &client_process_ops, &s->hosts[i]);
    if (s->faults_left > 0)
        sim_event_set(world, &s->fault, world->now_ns + sim_draw(&s->prng, 2 * s->fault_every_ns));
    if (s->faults_left > 0 || s->member_faults_left > 0)
        (void)sim_world_run_while(world, safety_goes_on, s, 3600 * SIM_S);
    if (plan->nth != NULL) {
        /* Until it has happened, or all is done without it. */
        (void)sim_world_run_while(world, nth_goes_on, s, 600 * SIM_S);
        sim_world_run_for(world, prng_below(&s->prng, SIM_S));
    }
    if (plan->dir_fault != DIR_FAULT_NONE)
        dir_fails(s);
    heal_all(s);
    finish_or_fail(s, "everything is healed");
    stop_and_look(s, prng_chance(&s->prng, 1, 2));
    sim_event_cancel(world, &s->restart);
    broker_of(s)->on_down = NULL;
    sim_node_stop(broker_of(s));
    if (!sim_world_run_while(world, is_up, s, 120 * SIM_S))
        sim_fail(world, SIM_EXIT_LIVENESS, "the node does not stop");
    sim_log(world, "acknowledged %" PRIu64 ", read %" PRIu64, s->model.acked_count,
            s->model.read_count);
    if (s->members > 0)
        sim_log(world, "the group is in generation %d after %" PRId64 " commits",
                s->group.generation, s->group.offset_next);
    model_deinit(&s->model);
    sim_event_cancel(world, &s->restart);
    /* The clients' memory refers to the scenario, and goes with the world. */
    world->scenario = s;
    return sim_storage_plan_hit(broker_of(s)->storage);
}

void scenario_node(struct sim_world *world)
{
    struct prng prng;
    sim_prng_init(world, &prng, "swarm", 0);
    sim_options_draw(&world->options, &prng);
    /* Each kind of fault is in half of the worlds. */
    uint32_t kinds = (uint32_t)prng_below(&prng, 1u << FAULT_COUNT);
    kinds &= ~(1u << FAULT_MEMORY);
    (void)run(world, &(struct node_plan){.fault_kinds = kinds,
                                         .faults = 1 + (uint32_t)prng_below(&prng, 20)});
}

void scenario_node_memory(struct sim_world *world)
{
    uint32_t kinds = 1u << FAULT_MEMORY | 1u << FAULT_KILL | 1u << FAULT_POWER;
    (void)run(world, &(struct node_plan){.fault_kinds = kinds, .faults = 20});
}

void scenario_node_calm(struct sim_world *world)
{
    (void)run(world, &(struct node_plan){0});
}

/* The seed is the number: its call on the disk fails, or is the last one. A calm world of few
 * kinds, so that neighbouring seeds are much the same but for the call. */
void scenario_node_nth(struct sim_world *world)
{
    static const enum sim_fault_kind kinds[] = {SIM_FAULT_ERROR, SIM_FAULT_KILL, SIM_FAULT_POWER,
                                                SIM_FAULT_ERROR};
    struct sim_fault fault = {.kind = kinds[world->seed % ARRAY_COUNT(kinds)],
                              .err = world->seed % 8 < 4 ? ERR_IO : ERR_NOSPACE,
                              .ops = SIM_OPS_ALL,
                              .countdown = 1 + world->seed / ARRAY_COUNT(kinds)};
    (void)run(world, &(struct node_plan){.nth = &fault});
}

void scenario_node_dirs(struct sim_world *world)
{
    enum dir_fault fault = (enum dir_fault)(DIR_FAULT_BREAKS + world->seed % 3);
    (void)run(world, &(struct node_plan){.dir_fault = fault});
}

void scenario_node_stall(struct sim_world *world)
{
    (void)run(world, &(struct node_plan){.dir_fault = DIR_FAULT_STALL});
}

void scenario_groups(struct sim_world *world)
{
    struct prng prng;
    sim_prng_init(world, &prng, "swarm", 0);
    sim_options_draw(&world->options, &prng);
    world->options.io_error_ppm = world->options.sync_error_ppm = 0;
    uint32_t kinds = (uint32_t)prng_below(&prng, 1u << FAULT_COUNT);
    kinds &= 1u << FAULT_KILL | 1u << FAULT_POWER | 1u << FAULT_STOP | 1u << FAULT_KILL_IN_CALL |
             1u << FAULT_POWER_IN_CALL | 1u << FAULT_DISK_STALL | 1u << FAULT_RESET |
             1u << FAULT_VANISH | 1u << FAULT_CUT | 1u << FAULT_PAUSE | 1u << FAULT_PAUSE_CLIENT;
    (void)run(world, &(struct node_plan){.fault_kinds = kinds,
                                         .faults = 1 + (uint32_t)prng_below(&prng, 20),
                                         .members = 2 + (uint32_t)prng_below(&prng, 5)});
}

/* ---- Every call in turn ---- */

static bool every(struct sim_world *world, uint64_t n, struct sim_fault fault)
{
    fault.countdown = n;
    return run(world, &(struct node_plan){.nth = &fault, .small = true});
}

bool scenario_every_power(struct sim_world *world, uint64_t n)
{
    /* In a call that changes nothing the disk is as it was in the one before. */
    return every(world, n, (struct sim_fault){.kind = SIM_FAULT_POWER, .ops = SIM_OPS_CHANGE});
}

bool scenario_every_kill(struct sim_world *world, uint64_t n)
{
    return every(world, n, (struct sim_fault){.kind = SIM_FAULT_KILL, .ops = SIM_OPS_CHANGE});
}

bool scenario_every_error(struct sim_world *world, uint64_t n)
{
    return every(world, n,
                 (struct sim_fault){.kind = SIM_FAULT_ERROR, .err = ERR_IO, .ops = SIM_OPS_ALL});
}

bool scenario_every_full(struct sim_world *world, uint64_t n)
{
    uint32_t ops = 1u << SIM_OP_WRITE | 1u << SIM_OP_SHARD_WRITE | 1u << SIM_OP_RENAME |
                   1u << SIM_OP_MKDIR | 1u << SIM_OP_OPEN;
    return every(
        world, n,
        (struct sim_fault){.kind = SIM_FAULT_ERROR, .err = ERR_NOSPACE, .ops = ops, .repeat = 5});
}

bool scenario_every_sync(struct sim_world *world, uint64_t n)
{
    uint32_t ops = 1u << SIM_OP_SYNC | 1u << SIM_OP_SYNC_FOLDER;
    return every(world, n, (struct sim_fault){.kind = SIM_FAULT_ERROR, .err = ERR_IO, .ops = ops});
}
