/*
 * ListOffsets: the offset for a time, or for one of the special times, of each partition; found on
 * the shard that owns it.
 */
#include "broker/api/handlers_int.h"
#include "broker/api/topics_int.h"
#include "broker/node_int.h"

#include "base/hmap.h"
#include "broker/call.h"
#include "broker/request.h"
#include "replica/replica.h"
#include "wire/messages.h"

/* Times that mean something else; the version from which each may be asked for. */
enum special_time {
    TIME_LATEST = -1,
    TIME_EARLIEST = -2,
    TIME_MAX_TIMESTAMP = -3,           /* KIP-734, version 7 */
    TIME_EARLIEST_LOCAL = -4,          /* KIP-405, version 8 */
    TIME_LATEST_TIERED = -5,           /* KIP-1005, version 9 */
    TIME_EARLIEST_PENDING_UPLOAD = -6, /* KIP-1023, version 11 */
};

struct offsets_leg;

struct offsets_part {
    struct offsets_leg *leg;
    struct offsets_part *next;
    struct uuid topic_id;
    const struct wire_list_offsets_request_list_offsets_partition *wanted;
    struct wire_list_offsets_response_list_offsets_partition_response *reply;
    struct plog_time_query query;
};

struct offsets_leg {
    struct broker_call call;
    struct list_offsets *list;
    struct offsets_part *parts;
    struct offsets_part **parts_end;
    size_t left;
};

struct list_offsets {
    struct broker_request *request;
    struct offsets_leg *legs;
    size_t legs_left;
    struct wire_list_offsets_response *reply;
    bool read_committed;
    bool debugging;
};

/* ---- On the owner's shard
 * ------------------------------------------------------------------------------ */

static void part_answer(struct offsets_part *part, int64_t timestamp, int64_t offset, int32_t epoch)
{
    part->reply->timestamp = timestamp;
    part->reply->offset = offset;
    if (part->leg->list->request->version >= 4)
        part->reply->leader_epoch = epoch;
}

static void part_end(struct offsets_part *part)
{
    struct offsets_leg *leg = part->leg;
    if (--leg->left == 0)
        broker_call_reply(broker_node_shard(leg->call.node, leg->call.to), &leg->call);
}

static void query_end(struct offsets_part *part)
{
    const struct plog_time_query *query = &part->query;
    if (query->err == ERR_CLOSED)
        part->reply->error_code = WIRE_ERROR_NOT_LEADER_OR_FOLLOWER;
    else if (query->err != ERR_OK)
        part->reply->error_code = WIRE_ERROR_KAFKA_STORAGE_ERROR;
    else if (query->found)
        part_answer(part, query->found_timestamp_ms, query->offset, query->leader_epoch);
    part_end(part);
}

static void query_done(struct plog_time_query *query)
{
    query_end(CONTAINER_OF(query, struct offsets_part, query));
}

static void part_query(struct offsets_part *part, struct plog *log, int64_t bound_offset)
{
    int64_t timestamp = part->wanted->timestamp;
    part->query = (struct plog_time_query){
        .kind = timestamp == TIME_MAX_TIMESTAMP ? PLOG_TIME_MAX : PLOG_TIME_FIRST_AT_OR_AFTER,
        .timestamp_ms = timestamp,
        .bound_offset = bound_offset,
        .done = query_done,
    };
    part->query.err = plog_time_query(log, &part->query);
    if (part->query.err != ERR_AGAIN)
        query_end(part);
}

static void part_run(struct broker_shard *shard, struct offsets_part *part)
{
    const struct list_offsets *list = part->leg->list;
    struct replica *replica =
        replica_set_get(shard->replicas, &part->topic_id, part->reply->partition_index);
    int16_t error = replica == NULL ? WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION
                                    : replica_check(replica, part->wanted->current_leader_epoch);
    /* -1 alone means that the client knows none; Fetch takes any negative number for that. */
    if (error == WIRE_ERROR_NONE && part->wanted->current_leader_epoch < -1)
        error = WIRE_ERROR_FENCED_LEADER_EPOCH;
    if (error != WIRE_ERROR_NONE) {
        part->reply->error_code = error;
        part_end(part);
        return;
    }
    struct plog *log = replica_plog(replica);
    int64_t bound_offset = replica_high_watermark(replica);
    if (list->read_committed)
        bound_offset = plog_stable_offset(log);
    else if (list->debugging)
        bound_offset = plog_end_offset(log);
    switch (part->wanted->timestamp) {
    case TIME_LATEST:
        part_answer(part, -1, bound_offset, replica_leader_epoch(replica));
        break;
    case TIME_EARLIEST:
    case TIME_EARLIEST_LOCAL: {
        int64_t start = plog_log_start_offset(log);
        /* A log that is just being made: this leadership begins with it. */
        int32_t epoch = plog_state(log) == PLOG_STATE_OPEN ? plog_epoch_at(log, start)
                                                           : replica_leader_epoch(replica);
        part_answer(part, -1, start, epoch);
        break;
    }
    case TIME_LATEST_TIERED:
    case TIME_EARLIEST_PENDING_UPLOAD:
        break; /* nothing is tiered */
    default:
        if (plog_state(log) == PLOG_STATE_NEW || plog_state(log) == PLOG_STATE_OPENING)
            break; /* just made: nothing is in it */
        part_query(part, log, bound_offset);
        return;
    }
    part_end(part);
}

static void leg_run(struct broker_shard *shard, struct broker_call *call)
{
    struct offsets_leg *leg = CONTAINER_OF(call, struct offsets_leg, call);
    leg->left++;
    for (struct offsets_part *part = leg->parts; part != NULL; part = part->next)
        part_run(shard, part);
    if (--leg->left == 0)
        broker_call_reply(shard, call);
}

/* ---- The request
 * ------------------------------------------------------------------------------------------ */

static void leg_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    struct list_offsets *list = CONTAINER_OF(call, struct offsets_leg, call)->list;
    if (--list->legs_left == 0)
        broker_request_complete(list->request, list->reply);
}

static bool time_is_served(int64_t timestamp, int16_t version)
{
    switch (timestamp) {
    case TIME_MAX_TIMESTAMP:
        return version >= 7;
    case TIME_EARLIEST_LOCAL:
        return version >= 8;
    case TIME_LATEST_TIERED:
        return version >= 9;
    case TIME_EARLIEST_PENDING_UPLOAD:
        return version >= 11;
    default:
        return timestamp >= TIME_EARLIEST;
    }
}

/* A partition that the request named before. */
struct offsets_seen {
    struct hmap_node node;
    struct wire_string topic;
    struct wire_list_offsets_response_list_offsets_partition_response *reply;
};

/* The same partition twice in one request is answered INVALID_REQUEST, both times. */
static void mark_duplicates(struct list_offsets *list)
{
    struct hmap seen = HMAP_EMPTY;
    struct wire_list_offsets_response *reply = list->reply;
    for (int32_t i = 0; i < reply->topics.count; i++) {
        struct wire_string topic = reply->topics.items[i].name;
        uint64_t topic_hash = hash_bytes(topic.data, topic.size);
        for (int32_t j = 0; j < reply->topics.items[i].partitions.count; j++) {
            struct offsets_seen *one =
                arena_must_alloc(&list->request->arena, sizeof(struct offsets_seen));
            one->topic = topic;
            one->reply = &reply->topics.items[i].partitions.items[j];
            uint64_t hash = topic_hash ^ hash_u64((uint32_t)one->reply->partition_index);
            HMAP_FOR_EACH_HASH (node, &seen, hash) {
                struct offsets_seen *other = HMAP_ENTRY(node, struct offsets_seen, node);
                if (other->reply->partition_index != one->reply->partition_index ||
                    !wire_string_equal(other->topic, topic))
                    continue;
                other->reply->error_code = WIRE_ERROR_INVALID_REQUEST;
                one->reply->error_code = WIRE_ERROR_INVALID_REQUEST;
            }
            if (one->reply->error_code == WIRE_ERROR_NONE)
                hmap_insert(&seen, &one->node, hash);
        }
    }
    hmap_deinit(&seen);
}

static void list_partition(struct list_offsets *list, const struct meta_topic *topic,
                           const struct wire_list_offsets_request_list_offsets_partition *wanted,
                           struct wire_list_offsets_response_list_offsets_partition_response *reply)
{
    struct broker_request *request = list->request;
    if (!time_is_served(wanted->timestamp, request->version)) {
        reply->error_code = WIRE_ERROR_UNSUPPORTED_VERSION;
        return;
    }
    if (topic == NULL || wanted->partition_index < 0 ||
        wanted->partition_index >= topic->partition_count) {
        reply->error_code = WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    struct offsets_leg *leg =
        &list->legs[broker_shard_of(request->shard->node, &topic->id, wanted->partition_index)];
    struct offsets_part *part = arena_must_alloc(&request->arena, sizeof(struct offsets_part));
    part->leg = leg;
    part->topic_id = topic->id;
    part->wanted = wanted;
    part->reply = reply;
    leg->left++;
    *leg->parts_end = part;
    leg->parts_end = &part->next;
}

static void list_topic(struct list_offsets *list, int32_t index)
{
    struct broker_request *request = list->request;
    const struct wire_list_offsets_request *message = request->body;
    const struct wire_list_offsets_request_list_offsets_topic *topic =
        &message->topics.items[index];
    struct wire_list_offsets_response_list_offsets_topic_response *reply =
        &list->reply->topics.items[index];
    int16_t error;
    const struct meta_topic *found = broker_topic_find(request, false, topic->name, NULL, &error);
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        if (reply->partitions.items[i].error_code == WIRE_ERROR_NONE)
            list_partition(list, found, &topic->partitions.items[i], &reply->partitions.items[i]);
    }
}

/* The reply in the shape of the request. */
static void reply_shape(struct list_offsets *list)
{
    struct broker_request *request = list->request;
    const struct wire_list_offsets_request *message = request->body;
    struct wire_list_offsets_response *reply = list->reply;
    reply->topics.count = message->topics.count;
    reply->topics.items = BROKER_REPLY_ARRAY(
        request, list_offsets_response_list_offsets_topic_response, (size_t)message->topics.count);
    for (int32_t i = 0; i < message->topics.count; i++) {
        const struct wire_list_offsets_request_list_offsets_topic *topic =
            &message->topics.items[i];
        struct wire_list_offsets_response_list_offsets_topic_response *answer =
            &reply->topics.items[i];
        answer->name = topic->name;
        answer->partitions.count = topic->partitions.count;
        answer->partitions.items =
            BROKER_REPLY_ARRAY(request, list_offsets_response_list_offsets_partition_response,
                               (size_t)topic->partitions.count);
        for (int32_t j = 0; j < topic->partitions.count; j++)
            answer->partitions.items[j].partition_index =
                topic->partitions.items[j].partition_index;
    }
}

/* As in Kafka, a topic without partitions is not answered. */
static void drop_empty(struct wire_list_offsets_response *reply)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < reply->topics.count; i++) {
        if (reply->topics.items[i].partitions.count > 0)
            reply->topics.items[kept++] = reply->topics.items[i];
    }
    reply->topics.count = kept;
}

void broker_api_list_offsets(struct broker_request *request)
{
    const struct wire_list_offsets_request *message = request->body;
    struct broker_shard *shard = request->shard;
    uint32_t shard_count = shard->node->shard_count;
    struct list_offsets *list = arena_must_alloc(&request->arena, sizeof(struct list_offsets));
    list->request = request;
    list->read_committed = message->isolation_level == 1 && message->replica_id < 0;
    list->debugging = message->replica_id == -2;
    list->reply = BROKER_REPLY(request, list_offsets_response);
    list->legs = arena_must_alloc_array(&request->arena, shard_count, sizeof *list->legs);
    for (uint32_t i = 0; i < shard_count; i++) {
        struct offsets_leg *leg = &list->legs[i];
        leg->list = list;
        leg->parts_end = &leg->parts;
        leg->call.run = leg_run;
        leg->call.done = leg_done;
    }
    reply_shape(list);
    mark_duplicates(list);
    for (int32_t i = 0; i < message->topics.count; i++)
        list_topic(list, i);
    drop_empty(list->reply);

    list->legs_left = 1;
    for (uint32_t i = 0; i < shard_count; i++)
        list->legs_left += list->legs[i].parts != NULL;
    for (uint32_t i = 0; i < shard_count; i++) {
        if (list->legs[i].parts != NULL)
            broker_call_send(shard, i, &list->legs[i].call);
    }
    if (--list->legs_left == 0)
        broker_request_complete(request, list->reply);
}
