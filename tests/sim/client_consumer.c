/*
 * A consumer of the partitions that it is given, with or without a fetch session (KIP-227), one
 * fetch at a time. Everything that it gets is checked record by record.
 */
#include "base/mem.h"
#include "client.h"
#include "wire/api_keys.h"
#include "wire/errors.h"

#include <inttypes.h>

struct position {
    struct model_partition *partition;
    int64_t offset;
    int64_t high_watermark; /* the highest that was told; -1 */
    int64_t log_start;
    uint32_t generation; /* of the model, when the two were told */
    uint32_t life;       /* likewise, for the log's start */
    bool changed;        /* since the session was told */
    bool closed;
    bool lost; /* below the log's start, or above its end: where does it start? */
};

struct consumer {
    struct client client; /* first */
    struct client_consumer_options options;
    struct position *positions;
    struct client_request request;
    bool sent;
    uint32_t sent_life;
    bool session_over; /* a partition is not wanted any more */
    int32_t session_id;
    int32_t session_epoch;
    uint64_t send_after_ns;
};

/* ---- Answers ---- */

static struct position *position_find(struct consumer *consumer, const struct wire_string *name,
                                      const struct uuid *id, int32_t index)
{
    for (size_t i = 0; i < consumer->options.partition_count; i++) {
        struct position *position = &consumer->positions[i];
        const struct model_topic *topic = position->partition->topic;
        bool same =
            name->size > 0 ? wire_string_is(*name, topic->name) : uuid_equal(id, &topic->id);
        if (same && position->partition->index == index)
            return position;
    }
    return NULL;
}

/* The high watermark does not go back while the machine keeps its power, the log's start while the
 * process lives. */
static void check_marks(struct consumer *consumer, struct position *position, uint32_t generation,
                        const struct wire_fetch_response_partition_data *data)
{
    struct sim_world *world = consumer->client.world;
    if (position->generation != generation) {
        position->generation = generation;
        position->high_watermark = -1;
        position->log_start = -1;
    }
    if (position->life != consumer->sent_life) {
        position->life = consumer->sent_life;
        position->log_start = -1;
    }
    const struct model_partition *p = position->partition;
    SIM_CHECK(world, data->high_watermark >= position->high_watermark,
              "%s-%d: the high watermark goes back from %" PRId64 " to %" PRId64, p->topic->name,
              p->index, position->high_watermark, data->high_watermark);
    SIM_CHECK(world, data->log_start_offset < 0 || data->log_start_offset >= position->log_start,
              "%s-%d: the log start goes back from %" PRId64 " to %" PRId64, p->topic->name,
              p->index, position->log_start, data->log_start_offset);
    SIM_CHECK(world, data->last_stable_offset <= data->high_watermark,
              "%s-%d: the last stable offset is above the high watermark", p->topic->name,
              p->index);
    position->high_watermark = data->high_watermark;
    if (data->log_start_offset >= 0) {
        position->log_start = data->log_start_offset;
        if (position->life == consumer->client.model->lives)
            model_log_start(consumer->client.model, position->partition, data->log_start_offset);
    }
}

/* One batch of a response; the offset that comes after it. */
static int64_t read_batch(struct consumer *consumer, struct position *position,
                          const struct batch_view *batch, int64_t high_watermark)
{
    struct client *client = &consumer->client;
    struct sim_world *world = client->world;
    const struct model_partition *p = position->partition;
    SIM_CHECK(world, batch_check_crc(batch->data, batch->header.size) == ERR_OK,
              "%s-%d: the batch at %" PRId64 " has a wrong checksum", p->topic->name, p->index,
              batch->header.base_offset);
    SIM_CHECK(world, batch_next_offset(&batch->header) <= high_watermark,
              "%s-%d: the batch at %" PRId64 " is above the high watermark %" PRId64,
              p->topic->name, p->index, batch->header.base_offset, high_watermark);
    struct batch_records records;
    enum err err = batch_records_init(&records, client->codec, batch, (size_t)64 << 20);
    int64_t expected = batch->header.base_offset;
    if (err == ERR_OK) {
        struct batch_record record;
        while (batch_records_next(&records, &record)) {
            SIM_CHECK(world, record.offset == expected, "%s-%d: %" PRId64 " follows %" PRId64,
                      p->topic->name, p->index, record.offset, expected - 1);
            expected = record.offset + 1;
            if (record.offset >= position->offset)
                model_read(client->model, position->partition, batch, &record);
        }
        err = records.err;
        batch_records_deinit(&records);
    }
    SIM_CHECK(world, err == ERR_OK, "%s-%d: the batch at %" PRId64 " cannot be read: %s",
              p->topic->name, p->index, batch->header.base_offset, err_text(err));
    return batch_next_offset(&batch->header);
}

static void read_records(struct consumer *consumer, struct position *position,
                         const struct wire_fetch_response_partition_data *data)
{
    struct sim_world *world = consumer->client.world;
    const struct model_partition *p = position->partition;
    struct batch_walk walk = batch_walk_begin(data->records.data, data->records.size);
    struct batch_view batch;
    int64_t next = -1;
    while (batch_walk_next(&walk, &batch)) {
        if (next < 0)
            SIM_CHECK(world,
                      batch.header.base_offset <= position->offset &&
                          batch_next_offset(&batch.header) > position->offset,
                      "%s-%d: asked for %" PRId64 ", got the batch at %" PRId64, p->topic->name,
                      p->index, position->offset, batch.header.base_offset);
        else
            SIM_CHECK(world, batch.header.base_offset == next,
                      "%s-%d: the batch at %" PRId64 " follows %" PRId64, p->topic->name, p->index,
                      batch.header.base_offset, next - 1);
        next = read_batch(consumer, position, &batch, data->high_watermark);
    }
    SIM_CHECK(world, walk.err == ERR_OK || (walk.err == ERR_TRUNCATED && next >= 0),
              "%s-%d: %zu bytes of records that are no batches: %s", p->topic->name, p->index,
              (size_t)data->records.size, err_text(walk.err));
    if (next >= 0) {
        position->offset = next;
        position->changed = true;
        consumer->client.model->progress++;
    }
}

static void session_end(struct consumer *consumer)
{
    consumer->client.version_pinned = 0;
    consumer->session_id = 0;
    consumer->session_epoch = 0;
    for (size_t i = 0; i < consumer->options.partition_count; i++)
        consumer->positions[i].changed = true;
}

static void position_error(struct consumer *consumer, struct position *position, int16_t error,
                           uint32_t generation)
{
    struct client *client = &consumer->client;
    const struct model_partition *p = position->partition;
    position->changed = true;
    if (error == WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION || error == WIRE_ERROR_UNKNOWN_TOPIC_ID ||
        error == WIRE_ERROR_INCONSISTENT_TOPIC_ID) {
        position->closed = p->topic->state >= MODEL_TOPIC_DELETING;
        consumer->session_over = position->closed;
        return;
    }
    if (error == WIRE_ERROR_OFFSET_OUT_OF_RANGE) {
        SIM_CHECK(client->world,
                  p->topic->retention_bytes > 0 ||
                      position->generation != client->model->generation ||
                      generation != client->model->generation,
                  "%s-%d: offset %" PRId64 " is out of range, but was not", p->topic->name,
                  p->index, position->offset);
        position->generation = client->model->generation;
        position->high_watermark = -1;
        position->log_start = -1;
        position->lost = true;
        return;
    }
    SIM_CHECK(client->world, wire_error_retriable(error) && error != WIRE_ERROR_CORRUPT_MESSAGE,
              "Fetch of %s-%d: %s", p->topic->name, p->index, wire_error_name(error));
}

static void answer_topic(struct consumer *consumer, uint32_t generation,
                         const struct wire_fetch_response_fetchable_topic_response *topic)
{
    struct sim_world *world = consumer->client.world;
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const struct wire_fetch_response_partition_data *data = &topic->partitions.items[i];
        struct position *position =
            position_find(consumer, &topic->topic, &topic->topic_id, data->partition_index);
        SIM_CHECK(world, position != NULL, "Fetch's response has a partition of nobody");
        if (position == NULL)
            continue;
        if (data->error_code != WIRE_ERROR_NONE) {
            position_error(consumer, position, data->error_code, generation);
            continue;
        }
        check_marks(consumer, position, generation, data);
        if (data->records.size > 0)
            read_records(consumer, position, data);
    }
}

static void rewind_some(struct consumer *consumer)
{
    struct prng *prng = &consumer->client.prng;
    if (consumer->options.rewinds == 0 || !prng_chance(prng, 1, 50))
        return;
    consumer->options.rewinds--;
    struct position *position =
        &consumer->positions[prng_below(prng, consumer->options.partition_count)];
    position->offset = (int64_t)sim_draw(prng, (uint64_t)position->offset);
    position->changed = true;
}

static void fetch_done(struct client *client, struct client_request *request,
                       const struct link_response *response)
{
    struct consumer *consumer = CONTAINER_OF(client, struct consumer, client);
    consumer->sent = false;
    const struct wire_fetch_response *message = response->message;
    if (response->err != ERR_OK) {
        session_end(consumer);
        return;
    }
    if (message->error_code == WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND ||
        message->error_code == WIRE_ERROR_INVALID_FETCH_SESSION_EPOCH ||
        message->error_code == WIRE_ERROR_FETCH_SESSION_TOPIC_ID_ERROR) {
        session_end(consumer);
    } else if (message->error_code != WIRE_ERROR_NONE) {
        SIM_CHECK(client->world, wire_error_retriable(message->error_code), "Fetch: %s",
                  wire_error_name(message->error_code));
        session_end(consumer);
    } else {
        if (consumer->options.sessions && response->version >= 7 && message->session_id != 0) {
            consumer->session_id = message->session_id;
            consumer->session_epoch++;
            client->version_pinned = response->version; /* names or ids, not both by turns */
        } else {
            session_end(consumer);
        }
        for (int32_t i = 0; i < message->responses.count; i++)
            answer_topic(consumer, request->generation, &message->responses.items[i]);
    }
    if (consumer->session_over)
        session_end(consumer);
    consumer->session_over = false;
    rewind_some(consumer);
    client->step(client);
}

/* ---- The log's start, for who is lost ---- */

static void start_done(struct client *client, struct client_request *request,
                       const struct link_response *response)
{
    UNUSED(request);
    struct consumer *consumer = CONTAINER_OF(client, struct consumer, client);
    consumer->sent = false;
    if (response->err != ERR_OK)
        return;
    const struct wire_list_offsets_response *message = response->message;
    for (int32_t t = 0; t < message->topics.count; t++) {
        const struct wire_list_offsets_response_list_offsets_topic_response *topic =
            &message->topics.items[t];
        for (int32_t i = 0; i < topic->partitions.count; i++) {
            struct position *position = position_find(consumer, &topic->name, &UUID_ZERO,
                                                      topic->partitions.items[i].partition_index);
            if (position == NULL || topic->partitions.items[i].error_code != WIRE_ERROR_NONE)
                continue;
            position->lost = false;
            position->offset = topic->partitions.items[i].offset;
            position->changed = true;
        }
    }
    client->step(client);
}

static bool start_send(struct consumer *consumer)
{
    const struct position *lost = NULL;
    for (size_t i = 0; i < consumer->options.partition_count && lost == NULL; i++) {
        if (consumer->positions[i].lost && !consumer->positions[i].closed)
            lost = &consumer->positions[i];
    }
    if (lost == NULL)
        return false;
    struct wire_list_offsets_request_list_offsets_partition part;
    wire_default(&wire_list_offsets_request_list_offsets_partition_schema, &part);
    part.partition_index = lost->partition->index;
    part.timestamp = -2;
    struct wire_list_offsets_request_list_offsets_topic topic;
    wire_default(&wire_list_offsets_request_list_offsets_topic_schema, &topic);
    topic.name = wire_string_from(lost->partition->topic->name);
    topic.partitions.items = &part;
    topic.partitions.count = 1;
    struct wire_list_offsets_request message;
    wire_default(&wire_list_offsets_request_schema, &message);
    message.replica_id = -1;
    message.topics.items = &topic;
    message.topics.count = 1;
    int16_t pinned = consumer->client.version_pinned;
    consumer->client.version_pinned = 0;
    consumer->sent = client_send(&consumer->client, &consumer->request, WIRE_API_LIST_OFFSETS, 1,
                                 &message, start_done);
    consumer->client.version_pinned = pinned;
    return true;
}

/* ---- Asking ---- */

static void ask_for(struct consumer *consumer, struct position *position, struct arena *arena,
                    struct wire_fetch_request *message)
{
    const struct model_topic *model = position->partition->topic;
    struct wire_fetch_request_fetch_topic *topic = NULL;
    for (int32_t t = 0; t < message->topics.count && topic == NULL; t++) {
        if (wire_string_is(message->topics.items[t].topic, model->name))
            topic = &message->topics.items[t];
    }
    if (topic == NULL) {
        topic = &message->topics.items[message->topics.count++];
        wire_default(&wire_fetch_request_fetch_topic_schema, topic);
        topic->topic = wire_string_from(model->name);
        topic->topic_id = model->id;
        topic->partitions.items = arena_must_alloc_array(arena, consumer->options.partition_count,
                                                         sizeof *topic->partitions.items);
        topic->partitions.count = 0;
    }
    struct wire_fetch_request_fetch_partition *part =
        &topic->partitions.items[topic->partitions.count++];
    wire_default(&wire_fetch_request_fetch_partition_schema, part);
    part->partition = position->partition->index;
    part->fetch_offset = position->offset;
    part->partition_max_bytes = consumer->options.partition_max_bytes;
    position->changed = false;
}

static void fetch_send(struct consumer *consumer)
{
    struct client *client = &consumer->client;
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    struct wire_fetch_request message;
    wire_default(&wire_fetch_request_schema, &message);
    message.cluster_id = WIRE_NULL_STRING;
    message.rack_id = WIRE_EMPTY_STRING;
    message.max_wait_ms = consumer->options.max_wait_ms;
    message.min_bytes = consumer->options.min_bytes;
    message.max_bytes = consumer->options.max_bytes;
    message.session_id = consumer->options.sessions ? consumer->session_id : 0;
    message.session_epoch = consumer->options.sessions ? consumer->session_epoch : -1;
    message.topics.items = arena_must_alloc_array(&arena, consumer->options.partition_count,
                                                  sizeof *message.topics.items);
    message.topics.count = 0;
    size_t asked = 0;
    for (size_t i = 0; i < consumer->options.partition_count; i++) {
        struct position *position = &consumer->positions[i];
        const struct model_topic *topic = position->partition->topic;
        bool there = topic->state >= MODEL_TOPIC_CREATED && !uuid_is_zero(&topic->id);
        if (position->closed || !there)
            continue;
        asked++;
        if (message.session_epoch <= 0 || position->changed)
            ask_for(consumer, position, &arena, &message);
    }
    /* A session is told what changed; it began with version 7. Ids came with 13, names went. */
    int16_t version_min = consumer->options.sessions ? 7 : 4;
    if (asked > 0)
        consumer->sent = client_send(client, &consumer->request, WIRE_API_FETCH, version_min,
                                     &message, fetch_done);
    arena_deinit(&arena);
    if (!consumer->sent)
        session_end(consumer);
}

static void consumer_step(struct client *client)
{
    struct consumer *consumer = CONTAINER_OF(client, struct consumer, client);
    uint64_t now = env_now_ns(client->env);
    if (consumer->sent || !client_may_send(client) || now < consumer->send_after_ns)
        return;
    consumer->send_after_ns = now + sim_draw(&client->prng, 10 * SIM_MS);
    consumer->sent_life = client->model->lives;
    if (!start_send(consumer))
        fetch_send(consumer);
}

bool client_consumer_is_done(const struct client *client)
{
    const struct consumer *consumer = CONTAINER_OF(client, struct consumer, client);
    for (size_t i = 0; i < consumer->options.partition_count; i++) {
        const struct position *position = &consumer->positions[i];
        if (!position->closed && position->partition->topic->state == MODEL_TOPIC_CREATED &&
            position->offset < position->partition->count)
            return false;
    }
    return true;
}

struct client *client_consumer_new(struct env *env, const struct client_consumer_options *options)
{
    struct consumer *consumer = mem_zalloc(sizeof *consumer);
    consumer->options = *options;
    consumer->positions = mem_zalloc(options->partition_count * sizeof *consumer->positions);
    for (size_t i = 0; i < options->partition_count; i++)
        consumer->positions[i] = (struct position){.partition = options->partitions[i],
                                                   .high_watermark = -1,
                                                   .log_start = -1,
                                                   .changed = true};
    client_init(&consumer->client, env, &options->client, "consumer", consumer_step);
    return &consumer->client;
}
