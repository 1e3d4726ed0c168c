/*
 * Produce: each partition's batch goes to the shard that owns the partition, is checked and
 * appended there (replica), and the reply leaves when all parts are done.
 *
 * The batches stay where they were received, in the request's frame: the owner stamps them in place
 * and writes them from there. The frame lives as long as the request, which ends only after every
 * leg came back.
 */
#include "broker/api/handlers_int.h"
#include "broker/api/topics_int.h"
#include "broker/node_int.h"

#include "broker/call.h"
#include "broker/conn.h"
#include "broker/request.h"
#include "codec/codec.h"
#include "replica/replica.h"
#include "wire/batch.h"
#include "wire/messages.h"

struct produce_leg;

/* One partition. Its struct, like all below, is in the request's arena. */
struct produce_part {
    struct replica_append append;
    struct produce_leg *leg;
    struct produce_part *next; /* of the leg */
    struct uuid topic_id;
    bool one_batch; /* and nothing after it, by its header */
    struct wire_produce_response_partition_produce_response *reply;
    int32_t leader; /* for KIP-951, where the leader is another */
    int32_t leader_epoch;
};

/* The parts of one shard. */
struct produce_leg {
    struct broker_call call;
    struct produce *produce;
    struct produce_part *parts;
    struct produce_part **parts_end;
    size_t left;
    struct arena arena; /* the other shard's, for messages; the request's own is not to be shared */
    bool running;
};

struct produce {
    struct broker_request *request;
    struct produce_leg *legs; /* one for each shard */
    size_t legs_left;
    struct wire_produce_response *reply;
    bool any_error;
};

static void part_fail(struct produce *produce,
                      struct wire_produce_response_partition_produce_response *reply, int16_t error,
                      const char *message)
{
    reply->error_code = error;
    reply->base_offset = -1;
    if (message != NULL)
        reply->error_message =
            wire_string_copy(wire_string_from(message), &produce->request->arena);
    produce->any_error = true;
}

/* ---- On the owner's shard
 * --------------------------------------------------------------------------- */

static void leg_part_done(struct replica_append *append)
{
    struct produce_part *part = CONTAINER_OF(append, struct produce_part, append);
    struct produce_leg *leg = part->leg;
    if (append->replica != NULL) {
        part->leader = replica_leader(append->replica);
        part->leader_epoch = replica_leader_epoch(append->replica);
    }
    if (--leg->left == 0)
        broker_call_reply(broker_node_shard(leg->call.node, leg->call.to), &leg->call);
}

static void leg_run(struct broker_shard *shard, struct broker_call *call)
{
    struct produce_leg *leg = CONTAINER_OF(call, struct produce_leg, call);
    bool local = call->from == call->to;
    if (!local)
        arena_init(&leg->arena, ARENA_LIMIT_DEFAULT_BYTES);
    leg->left++; /* not done before all are begun */
    for (struct produce_part *part = leg->parts; part != NULL; part = part->next) {
        part->append.log.arena = local ? &leg->produce->request->arena : &leg->arena;
        part->append.done = leg_part_done;
        struct replica *replica =
            replica_set_get(shard->replicas, &part->topic_id, part->reply->index);
        if (replica != NULL) {
            replica_append(replica, &part->append);
        } else {
            part->append.log.error = WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
            leg_part_done(&part->append);
        }
    }
    if (--leg->left == 0)
        broker_call_reply(shard, call);
}

/* ---- The reply
 * ---------------------------------------------------------------------------------------- */

/* Apache Kafka tells the log's start with the errors that it found out while appending, but not
 * with what is no single batch: it never gets to a log. */
static bool error_tells_log_start(int16_t error)
{
    switch (error) {
    case WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION:
    case WIRE_ERROR_UNKNOWN_TOPIC_ID:
    case WIRE_ERROR_NOT_LEADER_OR_FOLLOWER:
    case WIRE_ERROR_MESSAGE_TOO_LARGE:
    case WIRE_ERROR_RECORD_LIST_TOO_LARGE:
    case WIRE_ERROR_CORRUPT_MESSAGE:
    case WIRE_ERROR_KAFKA_STORAGE_ERROR:
    case WIRE_ERROR_NOT_ENOUGH_REPLICAS:
        return false;
    default:
        return true;
    }
}

static void part_finish(struct produce *produce, struct produce_part *part)
{
    struct broker_request *request = produce->request;
    const struct plog_append *log = &part->append.log;
    struct wire_produce_response_partition_produce_response *reply = part->reply;
    if (log->error == WIRE_ERROR_NONE) {
        reply->base_offset = log->first_offset;
        reply->log_append_time_ms = log->append_time_ms;
        reply->log_start_offset = log->log_start_offset;
        return;
    }
    part_fail(produce, reply, log->error, log->error_message);
    if (part->one_batch && error_tells_log_start(log->error))
        reply->log_start_offset = log->log_start_offset;
    if (log->record_error_count > 0) {
        reply->record_errors.items = BROKER_REPLY_ARRAY(
            request, produce_response_batch_index_and_error_message, log->record_error_count);
        reply->record_errors.count = (int32_t)log->record_error_count;
        for (size_t i = 0; i < log->record_error_count; i++) {
            reply->record_errors.items[i].batch_index = log->record_errors[i].batch_index;
            if (log->record_errors[i].message != NULL)
                reply->record_errors.items[i].batch_index_error_message = wire_string_copy(
                    wire_string_from(log->record_errors[i].message), &request->arena);
        }
    }
    if (log->error == WIRE_ERROR_NOT_LEADER_OR_FOLLOWER && request->version >= 10) {
        reply->current_leader.leader_id = part->leader;
        reply->current_leader.leader_epoch = part->leader_epoch;
    }
}

static void produce_finish(struct produce *produce)
{
    struct broker_request *request = produce->request;
    const struct wire_produce_request *message = request->body;
    uint32_t shard_count = request->shard->node->shard_count;
    for (uint32_t i = 0; i < shard_count; i++) {
        for (struct produce_part *part = produce->legs[i].parts; part != NULL; part = part->next)
            part_finish(produce, part);
    }
    /* Messages in the legs' arenas were copied into the reply. */
    for (uint32_t i = 0; i < shard_count; i++) {
        struct produce_leg *leg = &produce->legs[i];
        if (leg->running && leg->call.from != leg->call.to)
            arena_deinit(&leg->arena);
    }
    if (message->acks != REPLICA_ACKS_NONE)
        broker_request_complete(request, produce->reply);
    else if (produce->any_error)
        broker_request_abort(request, "a record sent with acks=0 was refused");
    else
        broker_request_complete_silent(request);
}

static void leg_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    struct produce *produce = CONTAINER_OF(call, struct produce_leg, call)->produce;
    if (--produce->legs_left == 0)
        produce_finish(produce);
}

/* ---- The request
 * -------------------------------------------------------------------------------------- */

/* From this version on a produce adds its partition to the transaction (KIP-890). */
#define VERSION_ADDS_PARTITION 12

/* What is refused before it gets to a log. */
static bool records_refused(struct produce *produce, const struct wire_bytes *records,
                            struct wire_produce_response_partition_produce_response *reply)
{
    const struct broker_request *request = produce->request;
    if (records->data == NULL || records->size == 0) {
        part_fail(produce, reply, WIRE_ERROR_INVALID_RECORD,
                  "a produce request has to carry a record batch");
        return true;
    }
    struct batch_header batch;
    if (batch_header_read(records->data, records->size, &batch) != ERR_OK)
        return false; /* the log names what is wrong with it */
    if (request->version < 7 && batch_codec(&batch) == CODEC_ZSTD) {
        part_fail(produce, reply, WIRE_ERROR_UNSUPPORTED_COMPRESSION_TYPE, NULL);
        return true;
    }
    if (batch_is_transactional(&batch)) {
        const struct wire_produce_request *message = request->body;
        if (message->transactional_id.data == NULL) {
            part_fail(produce, reply, WIRE_ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
                      "a transactional batch came without a transactional id");
            return true;
        }
    }
    return false;
}

static void produce_part_add(struct produce *produce, const struct uuid *topic_id,
                             const struct wire_produce_request_partition_produce_data *data,
                             struct wire_produce_response_partition_produce_response *reply)
{
    struct broker_request *request = produce->request;
    const struct wire_produce_request *message = request->body;
    struct broker_node *node = request->shard->node;
    struct produce_leg *leg = &produce->legs[broker_shard_of(node, topic_id, data->index)];
    struct produce_part *part = arena_must_alloc(&request->arena, sizeof(struct produce_part));
    part->leg = leg;
    part->topic_id = *topic_id;
    part->reply = reply;
    part->append.acks = (enum replica_acks)message->acks;
    part->append.deadline_ns =
        request->received_ns +
        (uint64_t)(message->timeout_ms > 0 ? message->timeout_ms : 0) * 1000000;
    part->append.log.origin = PLOG_ORIGIN_CLIENT;
    part->append.log.transaction_version = request->version >= VERSION_ADDS_PARTITION ? 2 : 1;
    part->append.log.transaction_verified =
        request->version < VERSION_ADDS_PARTITION &&
        !conf_bool(request->shard->conf, CONF_BROKER_TRANSACTION_PARTITION_VERIFICATION_ENABLE);
    /* Into the request's own frame, which is ours to stamp. */
    part->append.log.data = request->data + (data->records.data - request->data);
    part->append.log.size = data->records.size;
    struct batch_header batch;
    part->one_batch = batch_header_read(data->records.data, data->records.size, &batch) == ERR_OK &&
                      batch.size == data->records.size;
    *leg->parts_end = part;
    leg->parts_end = &part->next;
    leg->left++;
    leg->running = true;
}

/* A topic that brokers alone write to; what is no batch at all is told as that. */
static int16_t internal_error(const struct wire_bytes *records)
{
    struct batch_header batch;
    return batch_header_read(records->data, records->size, &batch) == ERR_OK &&
                   batch.size <= records->size
               ? WIRE_ERROR_INVALID_TOPIC_EXCEPTION
               : WIRE_ERROR_INVALID_RECORD;
}

static void produce_topic(struct produce *produce,
                          const struct wire_produce_request_topic_produce_data *data,
                          struct wire_produce_response_topic_produce_response *reply)
{
    struct broker_request *request = produce->request;
    const struct wire_produce_request *message = request->body;
    reply->name = data->name;
    reply->topic_id = data->topic_id;
    int32_t count = data->partition_data.count;
    reply->partition_responses.items =
        BROKER_REPLY_ARRAY(request, produce_response_partition_produce_response, (size_t)count);
    reply->partition_responses.count = count;

    int16_t topic_error;
    const struct meta_topic *topic = broker_topic_find(request, request->version >= 13, data->name,
                                                       &data->topic_id, &topic_error);
    int16_t acks_error = message->acks < -1 || message->acks > 1 ? WIRE_ERROR_INVALID_REQUIRED_ACKS
                                                                 : WIRE_ERROR_NONE;
    bool internal = topic != NULL && broker_topic_is_internal(topic) &&
                    !wire_string_is(request->client_id, "__admin_client");
    for (int32_t i = 0; i < count; i++) {
        struct wire_produce_request_partition_produce_data *part = &data->partition_data.items[i];
        struct wire_produce_response_partition_produce_response *part_reply =
            &reply->partition_responses.items[i];
        part_reply->index = part->index;
        if (topic_error != WIRE_ERROR_NONE)
            part_fail(produce, part_reply, topic_error, NULL);
        else if (part->index < 0 || part->index >= topic->partition_count)
            part_fail(produce, part_reply, WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION, NULL);
        else if (acks_error != WIRE_ERROR_NONE)
            part_fail(produce, part_reply, acks_error, NULL);
        else if (records_refused(produce, &part->records, part_reply))
            continue;
        else if (internal)
            part_fail(produce, part_reply, internal_error(&part->records), NULL);
        else
            produce_part_add(produce, &topic->id, part, part_reply);
    }
}

void broker_api_produce(struct broker_request *request)
{
    const struct wire_produce_request *message = request->body;
    struct broker_shard *shard = request->shard;
    uint32_t shard_count = shard->node->shard_count;
    struct produce *produce = arena_must_alloc(&request->arena, sizeof(struct produce));
    produce->request = request;
    produce->reply = BROKER_REPLY(request, produce_response);
    produce->legs = arena_must_alloc_array(&request->arena, shard_count, sizeof *produce->legs);
    for (uint32_t i = 0; i < shard_count; i++) {
        struct produce_leg *leg = &produce->legs[i];
        leg->produce = produce;
        leg->parts_end = &leg->parts;
        leg->call.run = leg_run;
        leg->call.done = leg_done;
    }
    int32_t count = message->topic_data.count;
    produce->reply->responses.items =
        BROKER_REPLY_ARRAY(request, produce_response_topic_produce_response, (size_t)count);
    /* As in Kafka, a topic without partitions is not answered. */
    for (int32_t i = 0; i < count; i++) {
        struct wire_produce_request_topic_produce_data *data = &message->topic_data.items[i];
        if (data->partition_data.count > 0)
            produce_topic(produce, data,
                          &produce->reply->responses.items[produce->reply->responses.count++]);
    }

    produce->legs_left = 1; /* not finished before all are sent */
    for (uint32_t i = 0; i < shard_count; i++)
        produce->legs_left += produce->legs[i].running;
    for (uint32_t i = 0; i < shard_count; i++) {
        if (produce->legs[i].running)
            broker_call_send(shard, i, &produce->legs[i].call);
    }
    if (--produce->legs_left == 0)
        produce_finish(produce);
}
