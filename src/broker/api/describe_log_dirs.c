/*
 * DescribeLogDirs (KIP-113, KIP-827, KIP-1066): what lies in each log directory, and what room its
 * volume has. All shards tell what they have in each directory; then jobs on the directories'
 * threads ask for the room.
 */
#include "broker/api/handlers_int.h"
#include "broker/node_int.h"

#include "base/hmap.h"
#include "base/mem.h"
#include "broker/request.h"
#include "env/disk.h"
#include "plog/plog.h"
#include "replica/replica.h"
#include "wire/messages.h"

#include <stdlib.h>

/* One partition in a directory; `topic` is a copy in the shard's arena. */
struct found {
    uint32_t dir;
    struct wire_string topic;
    int32_t partition;
    uint64_t size_bytes;
};

/* What a shard has: its memory is the shard's to make and the request's to free. */
struct shard_part {
    struct broker_call call;
    struct describe_dirs *all;
    struct arena arena;
    struct found *items;
    size_t count;
};

struct dir_part {
    struct env_job job;
    struct env_queue queue;
    struct describe_dirs *all;
    const char *path;
    struct disk_space space;
    enum err err;
    struct wire_describe_log_dirs_response_describe_log_dirs_result *reply;
};

struct wanted {
    struct hmap_node node;
    struct uuid topic_id;
    int32_t partition;
};

struct describe_dirs {
    struct broker_request *request;
    struct wire_describe_log_dirs_response *reply;
    bool everything;
    struct hmap wanted; /* read by all shards while they look */
    bool *offline;      /* by directory; shard 0's to tell */
    struct shard_part *shards;
    uint32_t shards_left;
    struct dir_part *dirs;
    size_t dirs_left;
};

/* ---- What is asked for ---- */

static uint64_t wanted_hash(const struct uuid *topic_id, int32_t partition)
{
    return hash_bytes(topic_id->bytes, sizeof topic_id->bytes) ^ hash_u64((uint32_t)partition);
}

static bool is_wanted(const struct describe_dirs *all, const struct uuid *topic_id,
                      int32_t partition)
{
    HMAP_FOR_EACH_HASH (node, &all->wanted, wanted_hash(topic_id, partition)) {
        const struct wanted *wanted = HMAP_ENTRY(node, struct wanted, node);
        if (uuid_equal(&wanted->topic_id, topic_id) && wanted->partition == partition)
            return true;
    }
    return false;
}

static void gather_wanted(struct describe_dirs *all)
{
    const struct wire_describe_log_dirs_request *message = all->request->body;
    all->everything = message->topics.count < 0;
    for (int32_t i = 0; i < message->topics.count; i++) {
        const struct wire_describe_log_dirs_request_describable_log_dir_topic *from =
            &message->topics.items[i];
        const struct meta_topic *topic =
            meta_image_topic(all->request->shard->image, from->topic.data, from->topic.size);
        for (int32_t j = 0; topic != NULL && j < from->partitions.count; j++) {
            int32_t partition = from->partitions.items[j];
            if (is_wanted(all, &topic->id, partition))
                continue;
            struct wanted *wanted = arena_must_alloc(&all->request->arena, sizeof *wanted);
            wanted->topic_id = topic->id;
            wanted->partition = partition;
            hmap_insert(&all->wanted, &wanted->node, wanted_hash(&topic->id, partition));
        }
    }
}

/* ---- The reply ---- */

static int compare_found(const void *a, const void *b)
{
    const struct found *left = a, *right = b;
    if (left->dir != right->dir)
        return left->dir < right->dir ? -1 : 1;
    int order = wire_string_compare(left->topic, right->topic);
    return order != 0 ? order
                      : (left->partition > right->partition) - (left->partition < right->partition);
}

static void fill_dir(struct describe_dirs *all,
                     struct wire_describe_log_dirs_response_describe_log_dirs_result *reply,
                     const struct found *items, size_t count)
{
    struct broker_request *request = all->request;
    size_t topics = 0;
    for (size_t i = 0; i < count; i++)
        topics += i == 0 || !wire_string_equal(items[i].topic, items[i - 1].topic);
    reply->topics.items =
        BROKER_REPLY_ARRAY(request, describe_log_dirs_response_describe_log_dirs_topic, topics);
    struct wire_describe_log_dirs_response_describe_log_dirs_partition *partitions =
        BROKER_REPLY_ARRAY(request, describe_log_dirs_response_describe_log_dirs_partition, count);
    struct wire_describe_log_dirs_response_describe_log_dirs_topic *topic = NULL;
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || !wire_string_equal(items[i].topic, items[i - 1].topic)) {
            topic = &reply->topics.items[reply->topics.count++];
            topic->name = wire_string_copy(items[i].topic, &request->arena);
            topic->partitions.items = &partitions[i];
        }
        partitions[i].partition_index = items[i].partition;
        partitions[i].partition_size = (int64_t)items[i].size_bytes;
        topic->partitions.count++;
    }
}

static struct found *merge(struct describe_dirs *all, size_t *count)
{
    uint32_t shard_count = all->request->shard->node->shard_count;
    *count = 0;
    for (uint32_t i = 0; i < shard_count; i++)
        *count += all->shards[i].count;
    struct found *items = arena_must_alloc_array(&all->request->arena, *count + 1, sizeof *items);
    size_t at = 0;
    for (uint32_t i = 0; i < shard_count; i++) {
        if (all->shards[i].count > 0)
            memcpy(items + at, all->shards[i].items, all->shards[i].count * sizeof *items);
        at += all->shards[i].count;
    }
    qsort(items, *count, sizeof *items, compare_found);
    return items;
}

static void fill(struct describe_dirs *all)
{
    size_t count;
    const struct found *items = merge(all, &count);
    const struct broker_node *node = all->request->shard->node;
    size_t at = 0;
    for (size_t dir = 0; dir < node->log_dir_count; dir++) {
        size_t first = at;
        while (at < count && items[at].dir == dir)
            at++;
        if (all->offline[dir])
            all->reply->results.items[dir].error_code = WIRE_ERROR_KAFKA_STORAGE_ERROR;
        else
            fill_dir(all, &all->reply->results.items[dir], items + first, at - first);
    }
    for (uint32_t i = 0; i < node->shard_count; i++)
        arena_deinit(&all->shards[i].arena);
}

/* ---- The volumes' room ---- */

static void space_run(struct env_job *job, struct env_disk *disk)
{
    struct dir_part *part = CONTAINER_OF(job, struct dir_part, job);
    part->err = disk_space(disk, part->path, &part->space);
}

static void space_one_less(struct describe_dirs *all)
{
    if (--all->dirs_left == 0)
        broker_request_complete(all->request, all->reply);
}

static void space_done(struct env *env, struct env_job *job)
{
    UNUSED(env);
    struct dir_part *part = CONTAINER_OF(job, struct dir_part, job);
    if (part->err == ERR_OK) {
        part->reply->total_bytes = (int64_t)part->space.total_bytes;
        part->reply->usable_bytes = (int64_t)part->space.free_bytes;
    }
    space_one_less(part->all);
}

static void ask_space(struct describe_dirs *all)
{
    struct broker_shard *shard = all->request->shard;
    size_t count = shard->node->log_dir_count;
    all->dirs = arena_must_alloc_array(&all->request->arena, count, sizeof *all->dirs);
    all->dirs_left = 1; /* not done before all are asked */
    for (size_t i = 0; i < count; i++) {
        if (all->reply->results.items[i].error_code != WIRE_ERROR_NONE || all->request->version < 4)
            continue;
        struct dir_part *part = &all->dirs[i];
        *part = (struct dir_part){
            .job = {.run = space_run, .done = space_done},
            .all = all,
            .path = shard->node->dirs[i].path,
            .reply = &all->reply->results.items[i],
        };
        env_queue_init(&part->queue, (uint32_t)i);
        all->dirs_left++;
        env_submit(shard->env, &part->queue, &part->job);
    }
    space_one_less(all);
}

/* ---- The shards ---- */

static void shard_run(struct broker_shard *shard, struct broker_call *call)
{
    struct shard_part *part = CONTAINER_OF(call, struct shard_part, call);
    for (size_t i = 0; i < shard->node->log_dir_count && shard->index == 0; i++)
        part->all->offline[i] = shard->node->dirs[i].offline;
    size_t most = 0;
    for (const struct replica *replica = NULL;
         (replica = replica_set_next(shard->replicas, replica)) != NULL;)
        most++;
    part->items = arena_must_alloc_array(&part->arena, most + 1, sizeof *part->items);
    for (const struct replica *replica = NULL;
         (replica = replica_set_next(shard->replicas, replica)) != NULL;) {
        struct uuid id = replica_topic_id(replica);
        const struct plog *plog = replica_plog(replica);
        if (plog_state(plog) == PLOG_STATE_OFFLINE ||
            (!part->all->everything && !is_wanted(part->all, &id, replica_partition(replica))))
            continue;
        part->items[part->count++] = (struct found){
            .dir = plog_dir_index(plog),
            .topic = wire_string_copy(wire_string_from(replica_topic(replica)), &part->arena),
            .partition = replica_partition(replica),
            .size_bytes = plog_size_bytes(plog),
        };
    }
    broker_call_reply(shard, call);
}

static void shards_one_less(struct describe_dirs *all)
{
    if (--all->shards_left > 0)
        return;
    hmap_deinit(&all->wanted);
    fill(all);
    ask_space(all);
}

static void shard_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    shards_one_less(CONTAINER_OF(call, struct shard_part, call)->all);
}

static bool is_cordoned(const struct broker_shard *shard, const char *path)
{
    struct conf_list cordoned = conf_list(shard->conf, CONF_BROKER_CORDONED_LOG_DIRS);
    for (size_t i = 0; i < cordoned.count; i++) {
        if (strcmp(cordoned.items[i], path) == 0 || strcmp(cordoned.items[i], "*") == 0)
            return true;
    }
    return false;
}

void broker_api_describe_log_dirs(struct broker_request *request)
{
    struct broker_shard *shard = request->shard;
    const struct broker_node *node = shard->node;
    struct describe_dirs *all = arena_must_alloc(&request->arena, sizeof *all);
    *all = (struct describe_dirs){.request = request, .wanted = HMAP_EMPTY};
    all->reply = BROKER_REPLY(request, describe_log_dirs_response);
    all->reply->results.count = (int32_t)node->log_dir_count;
    all->reply->results.items = BROKER_REPLY_ARRAY(
        request, describe_log_dirs_response_describe_log_dirs_result, node->log_dir_count);
    for (size_t i = 0; i < node->log_dir_count; i++) {
        struct wire_describe_log_dirs_response_describe_log_dirs_result *out =
            &all->reply->results.items[i];
        out->log_dir = wire_string_from(node->dirs[i].path);
        out->is_cordoned = is_cordoned(shard, node->dirs[i].path);
    }
    all->offline = arena_must_alloc(&request->arena, node->log_dir_count);
    gather_wanted(all);
    all->shards = arena_must_alloc_array(&request->arena, node->shard_count, sizeof *all->shards);
    all->shards_left = node->shard_count + 1; /* not done before all are sent */
    for (uint32_t i = 0; i < node->shard_count; i++) {
        all->shards[i] = (struct shard_part){.all = all};
        arena_init(&all->shards[i].arena, SIZE_MAX);
        all->shards[i].call.run = shard_run;
        all->shards[i].call.done = shard_done;
        broker_call_send(shard, i, &all->shards[i].call);
    }
    shards_one_less(all);
}
