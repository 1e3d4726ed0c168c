/*
 * WriteTxnMarkers (KIP-98, KIP-890, KIP-1228): a transaction coordinator ends transactions in the
 * logs of their partitions. Markers of one partition are appended in the order of the request;
 * those of __consumer_offsets by the group coordinators, which commit or drop offsets with them.
 */
#include "broker/api/handlers_int.h"
#include "broker/api/topics_int.h"
#include "broker/node_int.h"

#include "base/buf.h"
#include "broker/fan.h"
#include "broker/groups.h"
#include "replica/replica.h"
#include "wire/batch.h"
#include "wire/messages.h"

#include <string.h>

/* Of one request: a coordinator sends what is answered with a timeout again. */
#define MARKERS_MAX 100000

struct marker_part {
    struct broker_part part;
    struct replica_append append;
    struct uuid topic_id;
    struct wire_write_txn_markers_response_writable_txn_marker_partition_result *reply;
};

/* For the coordinator of groups. */
struct offsets_part {
    struct offsets_part *next;
    struct group_txn_end end;
    struct wire_write_txn_markers_response_writable_txn_marker_partition_result *reply;
};

struct write_markers {
    struct broker_fan fan;
    struct offsets_part *offsets; /* in the order of the request */
    struct offsets_part **offsets_end;
    int32_t offsets_count;
    struct wire_write_txn_markers_response *reply;
    int64_t wall_ms;
    uint64_t deadline_ns;
    size_t count;
};

static void part_done(struct replica_append *append)
{
    struct marker_part *part = CONTAINER_OF(append, struct marker_part, append);
    part->reply->error_code = append->log.error;
    broker_part_end(&part->part);
}

static void part_run(struct broker_shard *shard, struct broker_part *base)
{
    struct marker_part *part = CONTAINER_OF(base, struct marker_part, part);
    struct replica *replica =
        replica_set_get(shard->replicas, &part->topic_id, part->reply->partition_index);
    if (replica != NULL) {
        replica_append(replica, &part->append);
        return;
    }
    part->reply->error_code = WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    broker_part_end(base);
}

static void offsets_done(struct broker_group_call *call, void *response)
{
    struct write_markers *all = call->request->handler;
    struct broker_group_walk *walk = call->context;
    const int16_t *error = response;
    switch (*error) {
    case WIRE_ERROR_COORDINATOR_NOT_AVAILABLE:
    case WIRE_ERROR_COORDINATOR_LOAD_IN_PROGRESS:
    case WIRE_ERROR_NOT_COORDINATOR:
        /* What makes a transaction coordinator look for the leader again. */
        all->offsets->reply->error_code = WIRE_ERROR_NOT_LEADER_OR_FOLLOWER;
        break;
    default:
        all->offsets->reply->error_code = *error;
        break;
    }
    all->offsets = all->offsets->next;
    broker_group_walk_go(walk);
}

static void offsets_ask(struct broker_group_walk *walk)
{
    struct write_markers *all = walk->request->handler;
    struct broker_group_call *call = broker_group_call_new(walk->request);
    walk->next++;
    call->context = walk;
    broker_group_call_send_partition(call, GROUP_OP_TXN_END, all->offsets->reply->partition_index,
                                     &all->offsets->end, offsets_done);
}

/* A coordinator works in the request's arena, so the group coordinators come one after the other,
 * when all others are done. */
static void all_done(struct broker_fan *fan)
{
    struct write_markers *all = CONTAINER_OF(fan, struct write_markers, fan);
    broker_group_walk_go(
        broker_group_walk_new(fan->request, all->reply, all->offsets_count, offsets_ask));
}

static void
offsets_add(struct write_markers *all,
            const struct wire_write_txn_markers_request_writable_txn_marker *marker,
            struct wire_write_txn_markers_response_writable_txn_marker_partition_result *reply)
{
    struct offsets_part *part = arena_must_alloc(&all->fan.request->arena, sizeof *part);
    part->end = (struct group_txn_end){
        .producer_id = marker->producer_id,
        .producer_epoch = marker->producer_epoch,
        .coordinator_epoch = marker->coordinator_epoch,
        .commit = marker->transaction_result,
    };
    part->reply = reply;
    *all->offsets_end = part;
    all->offsets_end = &part->next;
    all->offsets_count++;
}

static void
part_add(struct write_markers *all, const struct meta_topic *topic,
         const struct wire_write_txn_markers_request_writable_txn_marker *marker,
         struct wire_write_txn_markers_response_writable_txn_marker_partition_result *reply)
{
    struct arena *arena = &all->fan.request->arena;
    struct buf batch = BUF_EMPTY;
    batch_end_txn_put(&batch, 0, BATCH_NO_LEADER_EPOCH, all->wall_ms, marker->producer_id,
                      marker->producer_epoch, marker->transaction_result,
                      marker->coordinator_epoch);
    struct marker_part *part = arena_must_alloc(arena, sizeof *part);
    part->topic_id = topic->id;
    part->reply = reply;
    part->append.acks = REPLICA_ACKS_ALL;
    part->append.deadline_ns = all->deadline_ns;
    part->append.done = part_done;
    part->append.log.origin = PLOG_ORIGIN_COORDINATOR;
    part->append.log.transaction_version = marker->transaction_version;
    part->append.log.size = batch.size;
    part->append.log.data = arena_must_alloc(arena, batch.size);
    memcpy(part->append.log.data, batch.data, batch.size);
    buf_deinit(&batch);
    broker_fan_add(&all->fan, &part->part, &topic->id, reply->partition_index);
}

static void
marker_topic(struct write_markers *all,
             const struct wire_write_txn_markers_request_writable_txn_marker *marker,
             const struct wire_write_txn_markers_request_writable_txn_marker_topic *wanted,
             struct wire_write_txn_markers_response_writable_txn_marker_topic_result *reply)
{
    struct broker_request *request = all->fan.request;
    reply->name = wanted->name;
    reply->partitions.count = wanted->partition_indexes.count;
    reply->partitions.items =
        BROKER_REPLY_ARRAY(request, write_txn_markers_response_writable_txn_marker_partition_result,
                           (size_t)wanted->partition_indexes.count);
    int16_t error;
    const struct meta_topic *topic = broker_topic_find(request, false, wanted->name, NULL, &error);
    /* No such batch can be written. */
    if (marker->producer_id < 0 || marker->producer_epoch < 0)
        error = WIRE_ERROR_UNKNOWN_SERVER_ERROR;
    for (int32_t i = 0; i < wanted->partition_indexes.count; i++) {
        int32_t index = wanted->partition_indexes.items[i];
        reply->partitions.items[i].partition_index = index;
        if (error != WIRE_ERROR_NONE)
            reply->partitions.items[i].error_code = error;
        else if (index < 0 || index >= topic->partition_count)
            reply->partitions.items[i].error_code = WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        else if (all->count++ >= MARKERS_MAX)
            reply->partitions.items[i].error_code = WIRE_ERROR_REQUEST_TIMED_OUT;
        else if (wire_string_is(wanted->name, BROKER_OFFSETS_TOPIC))
            offsets_add(all, marker, &reply->partitions.items[i]);
        else
            part_add(all, topic, marker, &reply->partitions.items[i]);
    }
}

/* Kafka's replies are made of partitions: what has none is not in them. */
static void marker_add(struct write_markers *all,
                       const struct wire_write_txn_markers_request_writable_txn_marker *marker)
{
    struct broker_request *request = all->fan.request;
    struct wire_write_txn_markers_response_writable_txn_marker_result *reply =
        &all->reply->markers.items[all->reply->markers.count];
    reply->producer_id = marker->producer_id;
    reply->topics.items =
        BROKER_REPLY_ARRAY(request, write_txn_markers_response_writable_txn_marker_topic_result,
                           (size_t)marker->topics.count);
    for (int32_t i = 0; i < marker->topics.count; i++) {
        if (marker->topics.items[i].partition_indexes.count > 0)
            marker_topic(all, marker, &marker->topics.items[i],
                         &reply->topics.items[reply->topics.count++]);
    }
    if (reply->topics.count > 0)
        all->reply->markers.count++;
}

void broker_api_write_txn_markers(struct broker_request *request)
{
    const struct wire_write_txn_markers_request *message = request->body;
    struct write_markers *all = arena_must_alloc(&request->arena, sizeof *all);
    int64_t timeout_ms = conf_int(request->shard->conf, CONF_BROKER_REQUEST_TIMEOUT_MS);
    broker_fan_init(&all->fan, request, part_run, all_done);
    request->handler = all;
    all->offsets_end = &all->offsets;
    all->wall_ms = env_wall_ms(request->shard->env);
    all->deadline_ns = request->received_ns + (uint64_t)timeout_ms * 1000000;
    all->reply = BROKER_REPLY(request, write_txn_markers_response);
    all->reply->markers.items =
        BROKER_REPLY_ARRAY(request, write_txn_markers_response_writable_txn_marker_result,
                           (size_t)message->markers.count);
    for (int32_t i = 0; i < message->markers.count; i++)
        marker_add(all, &message->markers.items[i]);
    broker_fan_start(&all->fan);
}
