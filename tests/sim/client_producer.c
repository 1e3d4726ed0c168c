/*
 * A producer of several lanes, each into a partition of its own, over one connection.
 *
 * A lane has up to `window` batches under way. When one of them fails, or its outcome is unknown,
 * the lane waits until the others have theirs and sends all that are not acknowledged again, in
 * order, as they were: a batch keeps its bytes, its sequence among them.
 */
#include "base/mem.h"
#include "client.h"
#include "codec/codec.h"
#include "wire/api_keys.h"
#include "wire/errors.h"

#include <inttypes.h>

struct lane;

struct batch {
    struct list node; /* in lane->batches, by number */
    struct lane *lane;
    int64_t first;
    int32_t count;
    bool sent;   /* and not answered */
    bool failed; /* this time round */
    bool tried;  /* sent at least once */
    bool late;   /* the answer to this time was that it takes too long: it may be there */
    struct buf bytes;
};

struct lane {
    struct model_lane *model;
    struct list batches;
    uint32_t batch_count;
    uint32_t sent_count;
    bool recovers;    /* sends nothing until sent_count is 0 */
    int32_t sequence; /* of the next new batch */
    bool known;       /* a batch of this producer id was acknowledged */
};

struct produce {
    struct list node; /* in producer->requests */
    struct client_request request;
    size_t batch_count;
    struct batch *batches[];
};

struct producer {
    struct client client; /* first */
    struct client_producer_options options;
    struct lane *lanes;
    struct list requests;
    size_t request_count;
    struct client_request init_request;
    bool init_sent;
    int64_t producer_id;
    int16_t producer_epoch;
    uint64_t send_after_ns;
    struct buf scratch;
};

static void producer_step(struct client *client);

/* ---- Batches ---- */

static void batch_free(struct batch *batch)
{
    list_remove(&batch->node);
    batch->lane->batch_count--;
    buf_deinit(&batch->bytes);
    mem_free(batch);
}

/* Larger than this no batch gets, but for its last record. */
#define BATCH_BYTES 15000

/* Packs the batch's records; at the first time as many of them as fit. */
static void batch_fill(struct producer *producer, struct batch *batch)
{
    struct client *client = &producer->client;
    struct batch_builder_options options = BATCH_BUILDER_DEFAULTS;
    if (producer->options.codec_weight > 0 &&
        !prng_chance(&client->prng, 1, producer->options.codec_weight))
        options.codec = (uint8_t)prng_below(&client->prng, CODEC_COUNT);
    options.level = codec_level_default((enum codec)options.codec);
    if (producer->options.idempotent) {
        options.producer_id = producer->producer_id;
        options.producer_epoch = producer->producer_epoch;
        options.base_sequence = batch->lane->sequence;
    }
    struct batch_builder builder;
    batch_builder_init(&builder, &options);
    for (int32_t i = 0; i < batch->count; i++) {
        if (!batch->tried && batch_builder_size(&builder) > BATCH_BYTES) {
            batch->count = i;
            break;
        }
        struct batch_record record;
        model_record(client->model, batch->lane->model, batch->first + i, &producer->scratch,
                     &record);
        record.offset = i;
        enum err err = batch_builder_add(&builder, &record);
        ASSERT(err == ERR_OK);
    }
    batch->lane->sequence = batch_sequence_add(batch->lane->sequence, batch->count);
    buf_clear(&batch->bytes);
    enum err err = batch_builder_finish(&builder, client->codec, &batch->bytes);
    ASSERT(err == ERR_OK);
    batch_builder_deinit(&builder);
}

static struct batch *batch_new(struct producer *producer, struct lane *lane)
{
    struct model_lane *model = lane->model;
    int64_t left = model->total - model->batched;
    if (left == 0)
        return NULL;
    struct batch *batch = mem_zalloc(sizeof *batch);
    batch->lane = lane;
    batch->first = model->batched;
    batch->count = (int32_t)prng_range(&producer->client.prng, 1, producer->options.batch_max);
    if (batch->count > left)
        batch->count = (int32_t)left;
    list_push_back(&lane->batches, &batch->node);
    lane->batch_count++;
    batch_fill(producer, batch);
    model->batched += batch->count;
    return batch;
}

/* What is to be sent next for this lane; NULL: nothing now. */
static struct batch *lane_next(struct producer *producer, struct lane *lane)
{
    if (lane->model->closed)
        return NULL;
    if (lane->recovers) {
        if (lane->sent_count > 0)
            return NULL;
        lane->recovers = false;
        LIST_FOR_EACH (node, &lane->batches) {
            struct batch *batch = LIST_ENTRY(node, struct batch, node);
            batch->failed = batch->late = false;
        }
    }
    /* A partition takes any sequence from a producer of which it knows nothing (as Kafka does), so
     * the first batch goes alone. */
    if (producer->options.idempotent && !lane->known && lane->sent_count > 0)
        return NULL;
    LIST_FOR_EACH (node, &lane->batches) {
        struct batch *batch = LIST_ENTRY(node, struct batch, node);
        if (!batch->sent)
            return batch;
    }
    return lane->batch_count < producer->options.window ? batch_new(producer, lane) : NULL;
}

/* ---- Producer id ---- */

/* All that is not acknowledged goes out anew, under another producer id. */
static void lanes_restart(struct producer *producer)
{
    for (size_t i = 0; i < producer->options.lane_count; i++) {
        struct lane *lane = &producer->lanes[i];
        lane->sequence = 0;
        lane->known = false;
        LIST_FOR_EACH (node, &lane->batches) {
            struct batch *batch = LIST_ENTRY(node, struct batch, node);
            ASSERT(!batch->sent);
            if (batch->tried)
                lane->model->relaxed = true; /* it may be there under the old id */
            bool tried = batch->tried;
            batch->tried = true; /* it keeps its records */
            batch_fill(producer, batch);
            batch->tried = tried;
        }
    }
}

static void init_done(struct client *client, struct client_request *request,
                      const struct link_response *response)
{
    UNUSED(request);
    struct producer *producer = CONTAINER_OF(client, struct producer, client);
    producer->init_sent = false;
    if (response->err != ERR_OK)
        return;
    const struct wire_init_producer_id_response *message = response->message;
    if (message->error_code == WIRE_ERROR_NONE) {
        SIM_CHECK(client->world, message->producer_id >= 0 && message->producer_epoch == 0,
                  "producer id %" PRId64 ", epoch %d", message->producer_id,
                  message->producer_epoch);
        bool again = producer->producer_id >= 0;
        SIM_CHECK(client->world, message->producer_id != producer->producer_id,
                  "producer id %" PRId64 " was given out twice", message->producer_id);
        producer->producer_id = message->producer_id;
        producer->producer_epoch = message->producer_epoch;
        if (again)
            lanes_restart(producer);
    } else {
        SIM_CHECK(client->world, wire_error_retriable(message->error_code), "InitProducerId: %s",
                  wire_error_name(message->error_code));
    }
    client->step(client);
}

static void init_send(struct producer *producer)
{
    struct wire_init_producer_id_request message;
    wire_default(&wire_init_producer_id_request_schema, &message);
    message.transactional_id = WIRE_NULL_STRING;
    message.transaction_timeout_ms = INT32_MAX;
    producer->init_sent = client_send(&producer->client, &producer->init_request,
                                      WIRE_API_INIT_PRODUCER_ID, 0, &message, init_done);
}

/* ---- Answers ---- */

static void batch_failed(struct batch *batch)
{
    batch->failed = true;
    batch->lane->recovers = true;
}

static bool first_of_lane(const struct batch *batch)
{
    return batch->lane->batches.next == &batch->node;
}

/* Are all in front of it acknowledged, or answered with a time-out, which says nothing? */
static bool may_be_acked(const struct batch *batch)
{
    LIST_FOR_EACH (node, &batch->lane->batches) {
        const struct batch *before = LIST_ENTRY(node, struct batch, node);
        if (before == batch)
            return true;
        if (!before->late)
            return false;
    }
    return true;
}

/* Is this error one that the situation explains? What is not done about it here is sent again. */
static void batch_error(struct producer *producer, struct batch *batch, int16_t error)
{
    struct client *client = &producer->client;
    struct model_lane *lane = batch->lane->model;
    const struct model_topic *topic = lane->partition->topic;
    bool gone = topic->state >= MODEL_TOPIC_DELETING;
    if (error == WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION || error == WIRE_ERROR_UNKNOWN_TOPIC_ID) {
        if (gone)
            lane->closed = true;
        return; /* else the broker has not heard of it yet */
    }
    if (error == WIRE_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER && lane->idempotent) {
        if (!first_of_lane(batch))
            return; /* one before it failed */
        /* Retention may have taken the batch whose answer was lost: then nobody can tell any more
         * that this is the same one, and a restart knows a producer's last batch only. */
        SIM_CHECK(client->world, lane->relaxed || topic->retention_bytes > 0,
                  "lane %d (%s-%d): number %" PRId64 " is out of order, and all before it are "
                  "acknowledged",
                  lane->index, topic->name, lane->partition->index, batch->first);
        producer->producer_epoch = -1; /* begin again */
        return;
    }
    /* Memory for a batch that could not be had is told as its being too large. */
    if (error == WIRE_ERROR_MESSAGE_TOO_LARGE && client->model->memory_short)
        return;
    SIM_CHECK(client->world, wire_error_retriable(error) && error != WIRE_ERROR_CORRUPT_MESSAGE,
              "Produce of lane %d: %s", lane->index, wire_error_name(error));
}

static void batch_acked(struct producer *producer, struct batch *batch, int64_t base_offset)
{
    struct model_lane *lane = batch->lane->model;
    batch->lane->known = true;
    SIM_CHECK(producer->client.world, may_be_acked(batch) || !lane->idempotent,
              "lane %d: number %" PRId64 " is acknowledged before those in front of it",
              lane->index, batch->first);
    if (base_offset >= 0)
        model_acked(producer->client.model, lane, batch->first, batch->count, base_offset);
    else
        SIM_CHECK(producer->client.world, lane->idempotent && batch->tried,
                  "lane %d: acknowledged without an offset", lane->index);
}

static void lane_advance(struct lane *lane)
{
    lane->model->done = lane->model->batched;
    if (!list_empty(&lane->batches))
        lane->model->done = LIST_ENTRY(lane->batches.next, struct batch, node)->first;
}

static void batch_over(struct produce *produce, size_t index)
{
    struct batch *batch = produce->batches[index];
    struct lane *lane = batch->lane;
    produce->batches[index] = NULL;
    batch_free(batch);
    lane_advance(lane);
}

static size_t find_batch(const struct produce *produce, const struct wire_string *name,
                         const struct uuid *id, int32_t partition)
{
    for (size_t i = 0; i < produce->batch_count; i++) {
        if (produce->batches[i] == NULL)
            continue;
        const struct model_partition *p = produce->batches[i]->lane->model->partition;
        bool same =
            name->size > 0 ? wire_string_is(*name, p->topic->name) : uuid_equal(id, &p->topic->id);
        if (same && p->index == partition)
            return i;
    }
    return SIZE_MAX;
}

static void answer_partition(struct producer *producer, struct produce *produce,
                             const struct wire_produce_response_topic_produce_response *topic,
                             const struct wire_produce_response_partition_produce_response *part)
{
    size_t index = find_batch(produce, &topic->name, &topic->topic_id, part->index);
    SIM_CHECK(producer->client.world, index != SIZE_MAX,
              "Produce's response has a partition that was not asked for");
    if (index == SIZE_MAX)
        return;
    struct batch *batch = produce->batches[index];
    if (part->error_code == WIRE_ERROR_NONE) {
        batch_acked(producer, batch, part->base_offset);
        batch_over(produce, index);
    } else if (part->error_code == WIRE_ERROR_DUPLICATE_SEQUENCE_NUMBER &&
               batch->lane->model->idempotent && batch->tried) {
        batch_acked(producer, batch, -1);
        batch_over(produce, index);
    } else {
        batch_failed(batch);
        batch->late = part->error_code == WIRE_ERROR_REQUEST_TIMED_OUT;
        batch_error(producer, batch, part->error_code);
    }
}

/* The batches whose request is over are nobody's any more. */
static void produce_release(struct producer *producer, struct produce *produce)
{
    list_remove(&produce->node);
    producer->request_count--;
    for (size_t i = 0; i < produce->batch_count; i++) {
        struct batch *batch = produce->batches[i];
        batch->sent = false;
        batch->lane->sent_count--;
        batch->tried = true;
    }
}

static void produce_done(struct client *client, struct client_request *request,
                         const struct link_response *response)
{
    struct producer *producer = CONTAINER_OF(client, struct producer, client);
    struct produce *produce = CONTAINER_OF(request, struct produce, request);
    produce_release(producer, produce);
    if (response->err == ERR_OK && producer->options.acks != 0) {
        const struct wire_produce_response *message = response->message;
        for (int32_t t = 0; t < message->responses.count; t++) {
            const struct wire_produce_response_topic_produce_response *topic =
                &message->responses.items[t];
            for (int32_t p = 0; p < topic->partition_responses.count; p++)
                answer_partition(producer, produce, topic, &topic->partition_responses.items[p]);
        }
        for (size_t i = 0; i < produce->batch_count; i++)
            SIM_CHECK(client->world, produce->batches[i] == NULL || produce->batches[i]->failed,
                      "Produce's response leaves a partition out");
    }
    for (size_t i = 0; i < produce->batch_count; i++) {
        if (produce->batches[i] == NULL)
            continue;
        if (producer->options.acks == 0)
            batch_over(produce, i); /* sent, or lost: nobody will know */
        else
            batch_failed(produce->batches[i]);
    }
    mem_free(produce);
    client->step(client);
}

/* ---- Sending ---- */

/* Groups the batches by topic, as the request has them. */
static void message_build(struct producer *producer, struct produce *produce, struct arena *arena,
                          struct wire_produce_request *message)
{
    wire_default(&wire_produce_request_schema, message);
    message->transactional_id = WIRE_NULL_STRING;
    message->acks = producer->options.acks;
    message->timeout_ms = 10000;
    message->topic_data.items =
        arena_must_alloc_array(arena, produce->batch_count, sizeof *message->topic_data.items);
    message->topic_data.count = 0;
    for (size_t i = 0; i < produce->batch_count; i++) {
        struct batch *batch = produce->batches[i];
        const struct model_partition *partition = batch->lane->model->partition;
        struct wire_produce_request_topic_produce_data *topic = NULL;
        for (int32_t t = 0; t < message->topic_data.count && topic == NULL; t++) {
            if (wire_string_is(message->topic_data.items[t].name, partition->topic->name))
                topic = &message->topic_data.items[t];
        }
        if (topic == NULL) {
            topic = &message->topic_data.items[message->topic_data.count++];
            wire_default(&wire_produce_request_topic_produce_data_schema, topic);
            topic->name = wire_string_from(partition->topic->name);
            topic->topic_id = partition->topic->id;
            topic->partition_data.items = arena_must_alloc_array(
                arena, produce->batch_count, sizeof *topic->partition_data.items);
            topic->partition_data.count = 0;
        }
        struct wire_produce_request_partition_produce_data *part =
            &topic->partition_data.items[topic->partition_data.count++];
        wire_default(&wire_produce_request_partition_produce_data_schema, part);
        part->index = partition->index;
        part->records = wire_bytes_of(batch->bytes.data, batch->bytes.size);
    }
}

static bool produce_send(struct producer *producer)
{
    struct client *client = &producer->client;
    struct produce *produce =
        mem_zalloc(sizeof *produce + producer->options.lane_count * sizeof(struct batch *));
    for (size_t i = 0; i < producer->options.lane_count; i++) {
        struct lane *lane = &producer->lanes[i];
        const struct model_topic *topic = lane->model->partition->topic;
        if (topic->state < MODEL_TOPIC_CREATED || uuid_is_zero(&topic->id))
            continue;
        struct batch *batch = lane_next(producer, lane);
        if (batch != NULL)
            produce->batches[produce->batch_count++] = batch;
    }
    bool sent = false;
    if (produce->batch_count > 0) {
        struct arena arena;
        arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
        struct wire_produce_request message;
        message_build(producer, produce, &arena, &message);
        /* zstd came with version 7. */
        sent = producer->options.acks == 0
                   ? client_send_silent(client, &produce->request, WIRE_API_PRODUCE, 7, &message,
                                        produce_done)
                   : client_send(client, &produce->request, WIRE_API_PRODUCE, 7, &message,
                                 produce_done);
        arena_deinit(&arena);
    }
    if (!sent) {
        mem_free(produce);
        return false;
    }
    list_push_back(&producer->requests, &produce->node);
    producer->request_count++;
    for (size_t i = 0; i < produce->batch_count; i++) {
        produce->batches[i]->sent = true;
        produce->batches[i]->lane->sent_count++;
    }
    return true;
}

static void producer_step(struct client *client)
{
    struct producer *producer = CONTAINER_OF(client, struct producer, client);
    if (!client_may_send(client))
        return;
    if (producer->options.idempotent && producer->producer_epoch < 0) {
        if (!producer->init_sent && producer->request_count == 0)
            init_send(producer);
        return;
    }
    uint64_t now = env_now_ns(client->env);
    if (now < producer->send_after_ns)
        return;
    if (producer->request_count < producer->options.window && produce_send(producer))
        producer->send_after_ns =
            now + sim_draw(&client->prng, producer->options.linger_ms * SIM_MS);
}

struct client *client_producer_new(struct env *env, const struct client_producer_options *options)
{
    struct producer *producer = mem_zalloc(sizeof *producer);
    producer->options = *options;
    producer->producer_id = -1;
    producer->producer_epoch = -1;
    list_init(&producer->requests);
    producer->lanes = mem_zalloc(options->lane_count * sizeof *producer->lanes);
    for (size_t i = 0; i < options->lane_count; i++) {
        producer->lanes[i].model = options->lanes[i];
        list_init(&producer->lanes[i].batches);
    }
    client_init(&producer->client, env, &options->client, "producer", producer_step);
    return &producer->client;
}
