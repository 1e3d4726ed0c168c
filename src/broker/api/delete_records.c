/*
 * DeleteRecords (KIP-107): the log's start moves up; segments wholly below it go with the next pass
 * of retention. The reply says how far all replicas in sync have come, which here is the leader.
 */
#include "broker/api/handlers_int.h"
#include "broker/api/topics_int.h"
#include "broker/node_int.h"

#include "broker/fan.h"
#include "replica/replica.h"
#include "wire/messages.h"

#define OFFSET_HIGH_WATERMARK (-1)
#define LOW_WATERMARK_NONE (-1)

struct delete_part {
    struct broker_part part;
    struct uuid topic_id;
    int64_t offset;
    struct wire_delete_records_response_delete_records_partition_result *reply;
};

struct delete_records {
    struct broker_fan fan;
    struct wire_delete_records_response *reply;
};

static void part_run(struct broker_shard *shard, struct broker_part *base)
{
    struct delete_part *part = CONTAINER_OF(base, struct delete_part, part);
    struct replica *replica =
        replica_set_get(shard->replicas, &part->topic_id, part->reply->partition_index);
    int16_t error = replica == NULL
                        ? WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION
                        : replica_delete_records(replica, part->offset == OFFSET_HIGH_WATERMARK
                                                              ? replica_high_watermark(replica)
                                                              : part->offset);
    part->reply->error_code = error;
    part->reply->low_watermark = error == WIRE_ERROR_NONE
                                     ? plog_log_start_offset(replica_plog(replica))
                                     : LOW_WATERMARK_NONE;
    broker_part_end(base);
}

static void all_done(struct broker_fan *fan)
{
    struct delete_records *all = CONTAINER_OF(fan, struct delete_records, fan);
    broker_request_complete(fan->request, all->reply);
}

static void delete_topic(struct delete_records *all,
                         const struct wire_delete_records_request_delete_records_topic *wanted)
{
    struct broker_request *request = all->fan.request;
    if (wanted->partitions.count == 0)
        return; /* as Kafka, whose replies know partitions only */
    struct wire_delete_records_response_delete_records_topic_result *reply =
        &all->reply->topics.items[all->reply->topics.count++];
    reply->name = wanted->name;
    reply->partitions.count = wanted->partitions.count;
    reply->partitions.items =
        BROKER_REPLY_ARRAY(request, delete_records_response_delete_records_partition_result,
                           (size_t)wanted->partitions.count);
    int16_t error;
    const struct meta_topic *topic = broker_topic_find(request, false, wanted->name, NULL, &error);
    if (topic != NULL && broker_topic_is_internal(topic))
        error = WIRE_ERROR_INVALID_TOPIC_EXCEPTION;
    for (int32_t i = 0; i < wanted->partitions.count; i++) {
        int32_t index = wanted->partitions.items[i].partition_index;
        reply->partitions.items[i].partition_index = index;
        bool known = topic != NULL && index >= 0 && index < topic->partition_count;
        if (error == WIRE_ERROR_NONE && known) {
            struct delete_part *part = arena_must_alloc(&request->arena, sizeof *part);
            part->topic_id = topic->id;
            part->offset = wanted->partitions.items[i].offset;
            part->reply = &reply->partitions.items[i];
            broker_fan_add(&all->fan, &part->part, &topic->id, index);
            continue;
        }
        reply->partitions.items[i].error_code =
            known ? error : (int16_t)WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        reply->partitions.items[i].low_watermark = LOW_WATERMARK_NONE;
    }
}

void broker_api_delete_records(struct broker_request *request)
{
    const struct wire_delete_records_request *message = request->body;
    struct delete_records *all = arena_must_alloc(&request->arena, sizeof *all);
    broker_fan_init(&all->fan, request, part_run, all_done);
    all->reply = BROKER_REPLY(request, delete_records_response);
    all->reply->topics.items =
        BROKER_REPLY_ARRAY(request, delete_records_response_delete_records_topic_result,
                           (size_t)message->topics.count);
    for (int32_t i = 0; i < message->topics.count; i++)
        delete_topic(all, &message->topics.items[i]);
    broker_fan_start(&all->fan);
}
