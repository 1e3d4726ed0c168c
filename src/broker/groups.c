/*
 * 1. A partition is in groups->partitions while this node leads it, in the leader epoch it has
 * there. Another epoch is another loading.
 * 2. What coordinators appended is in groups->appends until the replica is done with it; one that
 *    fails after it was taken ends its coordinator, which is then loaded anew from what the log
 * has.
 * 3. A partition that is dropped while a read is under way is freed by the read.
 *
 *     WAITING --log is open--> READING --end reached--> ACTIVE
 *        ^                        |                       |
 *        +--- an append failed ---+-- what it says cannot be read --> FAILED
 */
#define LOG_ROOM "broker"
#include "broker/groups.h"

#include "broker/node_int.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/conn.h"
#include "codec/codec.h"
#include "replica/replica.h"

#include <inttypes.h>
#include <string.h>

#define READ_BYTES_MIN ((size_t)64 << 10)

enum groups_state { GROUPS_WAITING, GROUPS_READING, GROUPS_ACTIVE, GROUPS_FAILED };

struct groups_partition {
    struct hmap_node node; /* groups->partitions, by index */
    struct broker_groups *groups;
    int32_t index;
    struct uuid topic_id;
    int32_t leader_epoch;
    enum groups_state state;
    struct group_coordinator *coordinator;
    struct replica_watch watch;
    struct env_timer timer; /* the coordinator's, or the next step of loading */
    bool restart;           /* an append failed */

    /* Of loading. */
    struct plog_read read;
    uint8_t *buffer;
    size_t buffer_size;
    int64_t end_offset; /* of the log when loading began */
    uint64_t began_ns;
    uint64_t read_bytes;
    bool reading; /* a job has `read` and the buffer */
    bool dropped;
};

struct groups_append {
    struct list node;                   /* groups->appends */
    struct groups_partition *partition; /* NULL: dropped */
    struct replica_append append;
    struct buf batch;
    struct arena arena;
    int64_t end_offset; /* as the coordinator counts */
    bool inside;        /* of groups_append_batch */
    bool done;
};

struct broker_groups {
    struct broker_shard *shard;
    struct hmap partitions;
    struct hmap orphans; /* partitions that are dropped, with a read under way */
    struct list appends; /* under way */
    struct codec_context *codec;
    bool stopped;
};

static struct group_time time_of(const struct broker_groups *groups)
{
    struct env *env = groups->shard->env;
    return (struct group_time){.now_ms = (int64_t)(env_now_ns(env) / 1000000),
                               .wall_ms = env_wall_ms(env)};
}

static struct replica *partition_replica(const struct groups_partition *partition)
{
    return replica_set_get(partition->groups->shard->replicas, &partition->topic_id,
                           partition->index);
}

static struct groups_partition *partition_find(const struct broker_groups *groups, int32_t index)
{
    HMAP_FOR_EACH_HASH (node, &groups->partitions, hash_u64((uint64_t)index)) {
        struct groups_partition *partition = HMAP_ENTRY(node, struct groups_partition, node);
        if (partition->index == index)
            return partition;
    }
    return NULL;
}

static void step_later(struct groups_partition *partition)
{
    struct env *env = partition->groups->shard->env;
    env_timer_set(env, &partition->timer, env_now_ns(env));
}

/* After each call into an active coordinator. */
static void timer_follow(struct groups_partition *partition)
{
    struct env *env = partition->groups->shard->env;
    if (partition->state != GROUPS_ACTIVE || partition->restart)
        return;
    int64_t deadline_ms = group_deadline_ms(partition->coordinator);
    if (deadline_ms == COORD_NO_DEADLINE)
        env_timer_cancel(env, &partition->timer);
    else
        env_timer_set(env, &partition->timer, (uint64_t)deadline_ms * 1000000);
}

/* ---- Appends --------------------------------------------------------------------------------- */

static void append_free(struct groups_append *append)
{
    list_remove(&append->node);
    buf_deinit(&append->batch);
    arena_deinit(&append->arena);
    mem_free(append);
}

/* What they come to is nobody's business any more. */
static void appends_detach(struct groups_partition *partition)
{
    LIST_FOR_EACH (node, &partition->groups->appends) {
        struct groups_append *append = LIST_ENTRY(node, struct groups_append, node);
        if (append->partition == partition)
            append->partition = NULL;
    }
}

/* What the log has is read again; the coordinator tells those who wait. */
static void partition_restart(struct groups_partition *partition)
{
    appends_detach(partition);
    partition->restart = false;
    partition->state = GROUPS_WAITING;
    group_unload(partition->coordinator);
    step_later(partition);
}

static void append_done(struct replica_append *replica_append)
{
    struct groups_append *append = CONTAINER_OF(replica_append, struct groups_append, append);
    struct groups_partition *partition = append->partition;
    int16_t error = replica_append->log.error;
    append->done = true;
    if (append->inside)
        return;
    if (partition != NULL && error != WIRE_ERROR_NONE) {
        LOG_WARN(BROKER_OFFSETS_TOPIC "-%d: an append failed after it was taken (%s); its groups "
                                      "are loaded again",
                 partition->index, wire_error_name(error));
        partition->restart = true;
        step_later(partition);
    } else if (partition != NULL) {
        group_committed(partition->coordinator, append->end_offset, time_of(partition->groups));
        timer_follow(partition);
    }
    append_free(append);
}

/* group_options.append. */
static int16_t groups_append_batch(void *context, struct buf *batch, int64_t end_offset)
{
    struct groups_partition *partition = context;
    struct replica *replica = partition_replica(partition);
    if (replica == NULL)
        return WIRE_ERROR_NOT_LEADER_OR_FOLLOWER;
    struct groups_append *append = mem_zalloc(sizeof *append);
    append->partition = partition;
    append->batch = *batch;
    append->end_offset = end_offset;
    *batch = BUF_EMPTY;
    list_init(&append->node);
    list_push_back(&partition->groups->appends, &append->node);
    arena_init(&append->arena, ARENA_LIMIT_DEFAULT_BYTES);
    append->append.log.data = append->batch.data;
    append->append.log.size = append->batch.size;
    append->append.log.origin = PLOG_ORIGIN_COORDINATOR;
    append->append.log.arena = &append->arena;
    append->append.acks = REPLICA_ACKS_ALL;
    append->append.deadline_ns = UINT64_MAX;
    append->append.done = append_done;
    append->inside = true;
    replica_append(replica, &append->append);
    append->inside = false;
    if (!append->done)
        return WIRE_ERROR_NONE;
    int16_t error = append->append.log.error;
    append_free(append);
    if (error == WIRE_ERROR_NONE)
        group_committed(partition->coordinator, end_offset, time_of(partition->groups));
    return error;
}

static void groups_random(void *context, void *out, size_t size)
{
    struct groups_partition *partition = context;
    env_random(partition->groups->shard->env, out, size);
}

/* ---- Loading --------------------------------------------------------------------------------- */

static void load_step(struct groups_partition *partition);

static void load_end(struct groups_partition *partition)
{
    struct broker_groups *groups = partition->groups;
    mem_free(partition->buffer);
    partition->buffer = NULL;
    partition->state = GROUPS_ACTIVE;
    group_activate(partition->coordinator, partition->end_offset, time_of(groups));
    struct group_stats stats;
    group_stats(partition->coordinator, &stats);
    uint64_t took_ns = env_now_ns(groups->shard->env) - partition->began_ns;
    if (stats.records_loaded > 0)
        LOG_INFO(BROKER_OFFSETS_TOPIC "-%d: loaded %zu groups and %zu offsets from %" PRIu64
                                      " records (%" PRIu64 " bytes, %" PRIu64
                                      " passed over) in %" PRIu64 " ms",
                 partition->index, stats.groups, stats.offsets, stats.records_loaded,
                 partition->read_bytes, stats.records_skipped, took_ns / 1000000);
    timer_follow(partition);
}

static void load_fail(struct groups_partition *partition, enum err err, const char *what)
{
    LOG_ERROR(BROKER_OFFSETS_TOPIC "-%d: %s: %s; its groups are not served until the partition is "
                                   "led anew",
              partition->index, what, err_text(err));
    mem_free(partition->buffer);
    partition->buffer = NULL;
    partition->state = GROUPS_FAILED;
    group_unload(partition->coordinator);
}

/* What the read gave. */
static void load_take(struct groups_partition *partition)
{
    struct plog_read *read = &partition->read;
    if (read->err != ERR_OK) {
        load_fail(partition, read->err, "the log cannot be read");
        return;
    }
    if (read->size == 0 && read->first_batch_bytes > partition->buffer_size) {
        partition->buffer_size = read->first_batch_bytes;
        mem_free(partition->buffer);
        partition->buffer = mem_try_alloc(partition->buffer_size);
        if (partition->buffer == NULL)
            load_fail(partition, ERR_NOMEM, "a batch does not fit in memory");
        else
            step_later(partition);
        return;
    }
    enum err err = group_load(partition->coordinator, partition->buffer, read->size);
    if (err != ERR_OK) {
        load_fail(partition, err, "the log cannot be understood");
        return;
    }
    partition->read_bytes += read->size;
    if (read->size == 0 || read->next_offset >= partition->end_offset) {
        load_end(partition);
        return;
    }
    read->offset = read->next_offset;
    step_later(partition);
}

static void partition_free(struct groups_partition *partition)
{
    ASSERT(!partition->reading);
    group_free(partition->coordinator);
    mem_free(partition->buffer);
    mem_free(partition);
}

static void load_read_done(struct plog_read *read)
{
    struct groups_partition *partition = CONTAINER_OF(read, struct groups_partition, read);
    partition->reading = false;
    if (!partition->dropped) {
        load_take(partition);
        return;
    }
    hmap_remove(&partition->groups->orphans, &partition->node);
    partition_free(partition);
}

static void load_step(struct groups_partition *partition)
{
    struct replica *replica = partition_replica(partition);
    if (replica == NULL || plog_state(replica_plog(replica)) != PLOG_STATE_OPEN) {
        load_fail(partition, ERR_CLOSED, "the log is closed");
        return;
    }
    int64_t offset = partition->read.offset;
    partition->read = (struct plog_read){
        .offset = offset,
        .bound_offset = partition->end_offset,
        .size_max = partition->buffer_size,
        .min_one_batch = true,
        .out = partition->buffer,
        .out_size = partition->buffer_size,
        .done = load_read_done,
    };
    enum err err = plog_read(replica_plog(replica), &partition->read);
    if (err == ERR_AGAIN) {
        partition->reading = true;
        return;
    }
    partition->read.err = err;
    load_take(partition);
}

/* The log is there, or not yet. */
static void load_begin(struct groups_partition *partition)
{
    struct broker_groups *groups = partition->groups;
    struct replica *replica = partition_replica(partition);
    if (replica == NULL)
        return;
    struct plog *log = replica_plog(replica);
    replica_unwatch(&partition->watch);
    if (replica_check(replica, -1) != WIRE_ERROR_NONE || plog_state(log) != PLOG_STATE_OPEN) {
        replica_watch(replica, &partition->watch);
        return;
    }
    partition->state = GROUPS_READING;
    partition->began_ns = env_now_ns(groups->shard->env);
    partition->read_bytes = 0;
    partition->end_offset = plog_end_offset(log);
    partition->read.offset = plog_log_start_offset(log);
    group_load_begin(partition->coordinator);
    if (partition->read.offset >= partition->end_offset) {
        load_end(partition);
        return;
    }
    uint64_t size = (uint64_t)conf_int(groups->shard->conf, CONF_BROKER_OFFSETS_LOAD_BUFFER_SIZE);
    uint64_t there = plog_size_bytes(log);
    partition->buffer_size = (size_t)(there < size ? there : size);
    if (partition->buffer_size < READ_BYTES_MIN)
        partition->buffer_size = READ_BYTES_MIN;
    partition->buffer = mem_alloc(partition->buffer_size);
    load_step(partition);
}

static void replica_changed(struct replica_watch *watch)
{
    struct groups_partition *partition = CONTAINER_OF(watch, struct groups_partition, watch);
    if (partition->state == GROUPS_WAITING)
        step_later(partition);
}

static void partition_timer(struct env *env, struct env_timer *timer)
{
    UNUSED(env);
    struct groups_partition *partition = CONTAINER_OF(timer, struct groups_partition, timer);
    switch (partition->state) {
    case GROUPS_WAITING:
        load_begin(partition);
        return;
    case GROUPS_READING:
        load_step(partition);
        return;
    case GROUPS_ACTIVE:
        if (partition->restart) {
            partition_restart(partition);
            return;
        }
        group_tick(partition->coordinator, time_of(partition->groups));
        timer_follow(partition);
        return;
    case GROUPS_FAILED:
        return;
    }
}

/* ---- Following the image --------------------------------------------------------------------- */

static void partition_add(struct broker_groups *groups, const struct meta_topic *topic,
                          const struct meta_partition *from)
{
    struct groups_partition *partition = mem_zalloc(sizeof *partition);
    partition->groups = groups;
    partition->index = from->index;
    partition->topic_id = topic->id;
    partition->leader_epoch = from->leader_epoch;
    list_init(&partition->watch.node);
    partition->watch.changed = replica_changed;
    env_timer_init(&partition->timer, partition_timer);
    partition->coordinator = group_new(&(struct group_options){
        .conf = groups->shard->conf,
        .image = groups->shard->image,
        .codec = groups->codec,
        .partition = from->index,
        .context = partition,
        .append = groups_append_batch,
        .random = groups_random,
    });
    hmap_insert(&groups->partitions, &partition->node, hash_u64((uint64_t)from->index));
    load_begin(partition);
}

static void partition_drop(struct groups_partition *partition)
{
    struct broker_groups *groups = partition->groups;
    hmap_remove(&groups->partitions, &partition->node);
    env_timer_cancel(groups->shard->env, &partition->timer);
    replica_unwatch(&partition->watch);
    appends_detach(partition);
    group_unload(partition->coordinator);
    partition->dropped = true;
    if (partition->reading)
        hmap_insert(&groups->orphans, &partition->node, 0);
    else
        partition_free(partition);
}

/* The partition as this node leads it now; NULL: it does not, or another shard has it. */
static const struct meta_partition *led_here(const struct broker_groups *groups,
                                             const struct meta_topic *topic, int32_t index)
{
    const struct broker_shard *shard = groups->shard;
    if (broker_shard_of(shard->node, &topic->id, index) != shard->index)
        return NULL;
    const struct meta_partition *partition = meta_image_partition(shard->image, &topic->id, index);
    return partition != NULL && partition->leader == shard->node->id ? partition : NULL;
}

static const struct meta_topic *offsets_topic(const struct broker_shard *shard)
{
    return shard->image == NULL ? NULL
                                : meta_image_topic(shard->image, BROKER_OFFSETS_TOPIC,
                                                   sizeof BROKER_OFFSETS_TOPIC - 1);
}

void broker_groups_follow(struct broker_groups *groups)
{
    if (groups->stopped)
        return;
    struct broker_shard *shard = groups->shard;
    const struct meta_topic *topic = offsets_topic(shard);
    HMAP_FOR_EACH_SAFE (node, after, &groups->partitions) {
        struct groups_partition *partition = HMAP_ENTRY(node, struct groups_partition, node);
        const struct meta_partition *led =
            topic == NULL ? NULL : led_here(groups, topic, partition->index);
        if (led == NULL || led->leader_epoch != partition->leader_epoch ||
            !uuid_equal(&topic->id, &partition->topic_id)) {
            partition_drop(partition);
            continue;
        }
        group_set_conf(partition->coordinator, shard->conf);
        group_set_image(partition->coordinator, shard->image, time_of(groups));
        timer_follow(partition);
    }
    for (int32_t i = 0; topic != NULL && i < topic->partition_count; i++) {
        const struct meta_partition *led = led_here(groups, topic, i);
        if (led != NULL && partition_find(groups, i) == NULL)
            partition_add(groups, topic, led);
    }
}

struct broker_groups *broker_groups_new(struct broker_shard *shard)
{
    struct broker_groups *groups = mem_zalloc(sizeof *groups);
    groups->shard = shard;
    groups->codec = codec_context_new();
    hmap_init(&groups->partitions);
    hmap_init(&groups->orphans);
    list_init(&groups->appends);
    return groups;
}

void broker_groups_stop(struct broker_groups *groups)
{
    groups->stopped = true;
    HMAP_FOR_EACH_SAFE (node, after, &groups->partitions)
        partition_drop(HMAP_ENTRY(node, struct groups_partition, node));
}

bool broker_groups_is_idle(const struct broker_groups *groups)
{
    return groups->orphans.count == 0 && list_empty(&groups->appends);
}

void broker_groups_free(struct broker_groups *groups)
{
    if (groups == NULL)
        return;
    HMAP_FOR_EACH_SAFE (node, after, &groups->partitions) {
        struct groups_partition *partition = HMAP_ENTRY(node, struct groups_partition, node);
        hmap_remove(&groups->partitions, node);
        partition->reading = false;
        partition_free(partition);
    }
    HMAP_FOR_EACH_SAFE (node, after, &groups->orphans) {
        struct groups_partition *partition = HMAP_ENTRY(node, struct groups_partition, node);
        hmap_remove(&groups->orphans, node);
        partition->reading = false;
        partition_free(partition);
    }
    while (!list_empty(&groups->appends))
        append_free(LIST_ENTRY(groups->appends.next, struct groups_append, node));
    hmap_deinit(&groups->partitions);
    hmap_deinit(&groups->orphans);
    codec_context_free(groups->codec);
    mem_free(groups);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

int32_t broker_groups_partition_count(const struct broker_shard *shard)
{
    const struct meta_topic *topic = offsets_topic(shard);
    return topic == NULL ? 0 : topic->partition_count;
}

static void group_answered(struct group_call *group, void *response)
{
    struct broker_group_call *call = CONTAINER_OF(group, struct broker_group_call, group);
    call->response = response;
    broker_call_reply(broker_node_shard(call->call.node, call->call.to), &call->call);
}

static void call_run(struct broker_shard *shard, struct broker_call *broker_call)
{
    struct broker_group_call *call = CONTAINER_OF(broker_call, struct broker_group_call, call);
    struct groups_partition *partition =
        shard->groups == NULL ? NULL : partition_find(shard->groups, call->partition);
    if (partition == NULL || partition->state == GROUPS_FAILED) {
        group_answered(&call->group,
                       group_error_response(&call->group, WIRE_ERROR_NOT_COORDINATOR));
        return;
    }
    if (partition->state == GROUPS_WAITING) {
        group_answered(&call->group,
                       group_error_response(&call->group, WIRE_ERROR_COORDINATOR_LOAD_IN_PROGRESS));
        return;
    }
    group_submit(partition->coordinator, &call->group, time_of(shard->groups));
    timer_follow(partition);
}

static void call_done(struct broker_shard *shard, struct broker_call *broker_call)
{
    UNUSED(shard);
    struct broker_group_call *call = CONTAINER_OF(broker_call, struct broker_group_call, call);
    call->done(call, call->response);
}

/* "127.0.0.1:5000" as Java shows the address: "/127.0.0.1". */
static struct wire_string client_host(struct broker_request *request)
{
    const char *peer =
        request->conn == NULL ? "" : env_stream_peer(request->shard->env, request->conn->stream);
    size_t size = strlen(peer);
    const char *colon = strrchr(peer, ':');
    if (colon != NULL)
        size = (size_t)(colon - peer);
    if (size >= 2 && peer[0] == '[') {
        peer++;
        size -= 2;
    }
    char *text = arena_must_alloc(&request->arena, size + 2);
    text[0] = '/';
    memcpy(text + 1, peer, size);
    return wire_string_of(text, size + 1);
}

struct broker_group_call *broker_group_call_new(struct broker_request *request)
{
    struct broker_group_call *call = arena_must_alloc(&request->arena, sizeof *call);
    call->request = request;
    call->group.client_host = client_host(request);
    return call;
}

void broker_group_call_send_partition(struct broker_group_call *call, enum group_op op,
                                      int32_t partition, const void *message,
                                      void (*done)(struct broker_group_call *call, void *response))
{
    struct broker_request *request = call->request;
    const struct meta_topic *topic = offsets_topic(request->shard);
    struct wire_string host = call->group.client_host;
    call->group = (struct group_call){
        .op = op,
        .version = request->version,
        .request = message,
        .arena = &request->arena,
        .client_id = request->client_id,
        .client_host = host,
        .done = group_answered,
    };
    call->partition = partition;
    call->done = done;
    call->call.run = call_run;
    call->call.done = call_done;
    uint32_t to = topic == NULL ? request->shard->index
                                : broker_shard_of(request->shard->node, &topic->id, partition);
    broker_call_send(request->shard, to, &call->call);
}

void broker_group_call_send(struct broker_group_call *call, enum group_op op,
                            struct wire_string group_id, const void *message,
                            void (*done)(struct broker_group_call *call, void *response))
{
    int32_t count = broker_groups_partition_count(call->request->shard);
    int32_t partition = count == 0 ? 0 : group_partition_of(group_id, count);
    broker_group_call_send_partition(call, op, partition, message, done);
}

struct broker_group_walk *broker_group_walk_new(struct broker_request *request, void *reply,
                                                int32_t count,
                                                void (*ask)(struct broker_group_walk *walk))
{
    struct broker_group_walk *walk = arena_must_alloc(&request->arena, sizeof *walk);
    *walk =
        (struct broker_group_walk){.request = request, .reply = reply, .count = count, .ask = ask};
    return walk;
}

void broker_group_walk_go(struct broker_group_walk *walk)
{
    walk->again = true;
    if (walk->running)
        return;
    while (walk->again) {
        if (walk->next >= walk->count) {
            broker_request_complete(walk->request, walk->reply);
            return;
        }
        walk->again = false;
        walk->running = true;
        walk->ask(walk);
        walk->running = false;
    }
}

void broker_groups_offsets(const struct broker_groups *groups, group_offset_fn *fn, void *context)
{
    if (groups == NULL)
        return;
    HMAP_FOR_EACH (node, &groups->partitions)
        group_offsets_each(HMAP_ENTRY(node, struct groups_partition, node)->coordinator, fn,
                           context);
}
