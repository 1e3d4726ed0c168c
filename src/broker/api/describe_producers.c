/* DescribeProducers (KIP-664): what the logs of partitions know of their active producers. */
#include "broker/api/handlers_int.h"
#include "broker/api/topics_int.h"
#include "broker/api/view_int.h"
#include "broker/node_int.h"

#include "broker/fan.h"
#include "replica/replica.h"
#include "wire/messages.h"

/* Of one partition: more than a million producers. */
#define LIST_BYTES_MAX ((size_t)64 << 20)

struct producers_part {
    struct broker_part part;
    struct producers_part *next; /* of all */
    struct uuid topic_id;
    struct wire_describe_producers_response_partition_response *reply;
    struct arena arena; /* the other shard's, until the reply is made */
    struct plog_producer_info *producers;
    size_t producer_count;
};

struct describe_producers {
    struct broker_fan fan;
    struct producers_part *parts;
    struct wire_describe_producers_response *reply;
};

static void part_run(struct broker_shard *shard, struct broker_part *base)
{
    struct producers_part *part = CONTAINER_OF(base, struct producers_part, part);
    struct replica *replica =
        replica_set_get(shard->replicas, &part->topic_id, part->reply->partition_index);
    arena_init(&part->arena, LIST_BYTES_MAX);
    if (replica == NULL)
        part->reply->error_code = WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    else if (plog_state(replica_plog(replica)) == PLOG_STATE_OFFLINE ||
             plog_producer_list(replica_plog(replica), &part->arena, &part->producers,
                                &part->producer_count) != ERR_OK)
        part->reply->error_code = WIRE_ERROR_KAFKA_STORAGE_ERROR;
    broker_part_end(base);
}

static void part_reply(struct broker_request *request, struct producers_part *part)
{
    struct wire_describe_producers_response_partition_response *reply = part->reply;
    reply->active_producers.count = (int32_t)part->producer_count;
    reply->active_producers.items = BROKER_REPLY_ARRAY(
        request, describe_producers_response_producer_state, part->producer_count);
    for (size_t i = 0; i < part->producer_count; i++) {
        const struct plog_producer_info *producer = &part->producers[i];
        struct wire_describe_producers_response_producer_state *out =
            &reply->active_producers.items[i];
        out->producer_id = producer->producer_id;
        out->producer_epoch = producer->producer_epoch;
        out->last_sequence = producer->last_sequence;
        out->last_timestamp = producer->last_timestamp_ms;
        out->coordinator_epoch = producer->coordinator_epoch;
        out->current_txn_start_offset = producer->transaction_start_offset;
    }
    arena_deinit(&part->arena);
}

static void all_done(struct broker_fan *fan)
{
    struct describe_producers *all = CONTAINER_OF(fan, struct describe_producers, fan);
    for (struct producers_part *part = all->parts; part != NULL; part = part->next)
        part_reply(fan->request, part);
    broker_request_complete(fan->request, all->reply);
}

static void describe_topic(struct describe_producers *all,
                           const struct wire_describe_producers_request_topic_request *wanted,
                           struct wire_describe_producers_response_topic_response *reply)
{
    struct broker_request *request = all->fan.request;
    reply->name = wanted->name;
    reply->partitions.count = wanted->partition_indexes.count;
    reply->partitions.items =
        BROKER_REPLY_ARRAY(request, describe_producers_response_partition_response,
                           (size_t)wanted->partition_indexes.count);
    int16_t error;
    const struct meta_topic *topic = broker_topic_find(request, false, wanted->name, NULL, &error);
    if (topic == NULL && !view_topic_name_is_valid(wanted->name))
        error = WIRE_ERROR_INVALID_TOPIC_EXCEPTION;
    for (int32_t i = 0; i < wanted->partition_indexes.count; i++) {
        struct wire_describe_producers_response_partition_response *out =
            &reply->partitions.items[i];
        out->partition_index = wanted->partition_indexes.items[i];
        if (topic == NULL) {
            out->error_code = error;
            out->error_message = wire_string_from(wire_error_message(error));
        } else if (out->partition_index < 0 || out->partition_index >= topic->partition_count) {
            out->error_code = WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        } else {
            struct producers_part *part = arena_must_alloc(&request->arena, sizeof *part);
            part->topic_id = topic->id;
            part->reply = out;
            part->next = all->parts;
            all->parts = part;
            broker_fan_add(&all->fan, &part->part, &topic->id, out->partition_index);
        }
    }
}

void broker_api_describe_producers(struct broker_request *request)
{
    const struct wire_describe_producers_request *message = request->body;
    struct describe_producers *all = arena_must_alloc(&request->arena, sizeof *all);
    broker_fan_init(&all->fan, request, part_run, all_done);
    all->reply = BROKER_REPLY(request, describe_producers_response);
    all->reply->topics.count = message->topics.count;
    all->reply->topics.items = BROKER_REPLY_ARRAY(
        request, describe_producers_response_topic_response, (size_t)message->topics.count);
    for (int32_t i = 0; i < message->topics.count; i++)
        describe_topic(all, &message->topics.items[i], &all->reply->topics.items[i]);
    broker_fan_start(&all->fan);
}
