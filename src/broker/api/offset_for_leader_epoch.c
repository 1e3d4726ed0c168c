/* OffsetForLeaderEpoch (KIP-101, KIP-279, KIP-320): where the records of a leader's epoch end. */
#include "broker/api/handlers_int.h"
#include "broker/api/topics_int.h"
#include "broker/node_int.h"

#include "broker/fan.h"
#include "plog/plog.h"
#include "replica/replica.h"
#include "wire/messages.h"

typedef struct wire_offset_for_leader_epoch_response_epoch_end_offset epoch_end;

struct epoch_part {
    struct broker_part part;
    struct uuid topic_id;
    const struct wire_offset_for_leader_epoch_request_offset_for_leader_partition *wanted;
    epoch_end *reply;
};

struct epoch_ends {
    struct broker_fan fan;
    struct wire_offset_for_leader_epoch_response *reply;
};

static void part_answer(const struct replica *replica, int32_t epoch, epoch_end *out)
{
    const struct plog *plog = replica_plog(replica);
    if (epoch == replica_leader_epoch(replica)) {
        /* The leader's own, which its log learns with the first record. */
        out->leader_epoch = epoch;
        out->end_offset = plog_end_offset(plog);
    } else if (epoch < -1) {
        /* No epoch, but before all that there are: Kafka says where they begin. */
        out->leader_epoch = epoch;
        out->end_offset = plog_log_start_offset(plog);
    } else {
        plog_epoch_end(plog, epoch, &out->leader_epoch, &out->end_offset);
    }
}

static void part_run(struct broker_shard *shard, struct broker_part *base)
{
    struct epoch_part *part = CONTAINER_OF(base, struct epoch_part, part);
    const struct replica *replica =
        replica_set_get(shard->replicas, &part->topic_id, part->wanted->partition);
    int16_t error = replica == NULL ? WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION
                                    : replica_check(replica, part->wanted->current_leader_epoch);
    /* -1 alone means that the client knows none. */
    if (error == WIRE_ERROR_NONE && part->wanted->current_leader_epoch < -1)
        error = WIRE_ERROR_FENCED_LEADER_EPOCH;
    part->reply->error_code = error;
    if (error == WIRE_ERROR_NONE)
        part_answer(replica, part->wanted->leader_epoch, part->reply);
    broker_part_end(base);
}

static void all_done(struct broker_fan *fan)
{
    broker_request_complete(fan->request, CONTAINER_OF(fan, struct epoch_ends, fan)->reply);
}

static void
find_topic(struct epoch_ends *all,
           const struct wire_offset_for_leader_epoch_request_offset_for_leader_topic *wanted,
           struct wire_offset_for_leader_epoch_response_offset_for_leader_topic_result *reply)
{
    struct broker_request *request = all->fan.request;
    reply->topic = wanted->topic;
    reply->partitions.count = wanted->partitions.count;
    reply->partitions.items =
        BROKER_REPLY_ARRAY(request, offset_for_leader_epoch_response_epoch_end_offset,
                           (size_t)wanted->partitions.count);
    int16_t error;
    const struct meta_topic *topic = broker_topic_find(request, false, wanted->topic, NULL, &error);
    for (int32_t i = 0; i < wanted->partitions.count; i++) {
        epoch_end *out = &reply->partitions.items[i];
        out->partition = wanted->partitions.items[i].partition;
        if (topic == NULL || out->partition < 0 || out->partition >= topic->partition_count) {
            out->error_code = WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
            continue;
        }
        struct epoch_part *part = arena_must_alloc(&request->arena, sizeof *part);
        part->topic_id = topic->id;
        part->wanted = &wanted->partitions.items[i];
        part->reply = out;
        broker_fan_add(&all->fan, &part->part, &topic->id, out->partition);
    }
}

void broker_api_offset_for_leader_epoch(struct broker_request *request)
{
    const struct wire_offset_for_leader_epoch_request *message = request->body;
    struct epoch_ends *all = arena_must_alloc(&request->arena, sizeof *all);
    broker_fan_init(&all->fan, request, part_run, all_done);
    all->reply = BROKER_REPLY(request, offset_for_leader_epoch_response);
    all->reply->topics.count = message->topics.count;
    all->reply->topics.items =
        BROKER_REPLY_ARRAY(request, offset_for_leader_epoch_response_offset_for_leader_topic_result,
                           (size_t)message->topics.count);
    for (int32_t i = 0; i < message->topics.count; i++)
        find_topic(all, &message->topics.items[i], &all->reply->topics.items[i]);
    broker_fan_start(&all->fan);
}
